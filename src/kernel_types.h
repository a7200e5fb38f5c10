/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_KERNEL_TYPES_H
#define TCS_KERNEL_TYPES_H

/*
 * kernel_types.h - an excerpt of the kernel's types (BTF), for libbpf to relocate our programs by
 *
 * libbpf reads all of them, 130,000, for every BPF object it loads, and looks through all of them
 * for each type that a program names: 30 ms an object. Of these types our programs name sixty.
 * The excerpt has those, and what they hold by value; what they point to is void there, since every
 * step along a pointer begins with a type that the program names. (`bpftool gen min_core_btf` does
 * the like, ahead of time and down to single members.)
 *
 * Types have other numbers in the excerpt: what a program is attached to is told to the kernel by
 * its number in the whole (feature.h).
 */
#include <bpf/btf.h>
#include <stddef.h>

/*
 * A file in memory with the types of these names, which are in the order of strcmp(): its
 * descriptor, or -errno; -EINVAL when the types contradict each other.
 */
int kernel_types_excerpt(const struct btf *all, const char *const *names, size_t n_names);

#endif /* TCS_KERNEL_TYPES_H */
