/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_MONO_H
#define TCS_MONO_H

/*
 * mono.h - the clock that BPF programs stamp their records with
 *
 * bpf_ktime_get_ns() is the host's CLOCK_MONOTONIC. In a time namespace (time_namespaces(7)) ours
 * is another by a fixed offset, which is taken off here, so that both are always comparable.
 *
 * The offset is read once; where /proc does not tell it, there is none.
 */
#include <stdint.h>

uint64_t mono_now_ns(void);

/* The line "monotonic SECONDS NANOSECONDS" of /proc/PID/timens_offsets, in ns; 0: there is none. */
int64_t mono_parse_offset(const char *text);

#endif /* TCS_MONO_H */
