/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_MARKS_H
#define TCS_MARKS_H

/*
 * tcs_marks.h - which files hold a socket that has a row in the census
 *
 * A census marks them (census.bpf.c); the walk over open files that follows looks at no other
 * (scan.bpf.c). One map for both: user space hands the census's to the scan. A bit may stand for
 * other files as well, which are looked at for nothing.
 */
#include <bpf/bpf_helpers.h>

#include "tcs_wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TCS_MARKS);
	__type(key, __u32);
	__type(value, __u64);
} marks SEC(".maps");

/* Files of one page share a word. */
static __always_inline __u64 *marks_word(__u64 file)
{
	__u32 at = file >> 12 & (TCS_MARKS - 1);

	return bpf_map_lookup_elem(&marks, &at);
}

static __always_inline __u64 marks_bit(__u64 file)
{
	return 1ULL << (file >> 6 & 63);
}

static __always_inline void marks_set(__u64 file)
{
	__u64 *word = marks_word(file);

	if (word)
		*word |= marks_bit(file);
}

static __always_inline bool marks_has(__u64 file)
{
	__u64 *word = marks_word(file);

	return word && *word & marks_bit(file);
}

#endif /* TCS_MARKS_H */
