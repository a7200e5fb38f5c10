/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_KERNEL_TYPES_H
#define TCS_KERNEL_TYPES_H

/*
 * kernel_types.h - the kernel's types (BTF), and an excerpt of them for libbpf to relocate by
 *
 * libbpf reads all of them, 130,000, for every BPF object it loads, and searches all of them for
 * each type that a program names: 30 ms an object. Of these types our programs name sixty. The
 * excerpt has those, and the types they hold by value; a pointer in it leads to void, since every
 * step along a pointer begins with a type that the program names. (`bpftool gen min_core_btf` does
 * the like, ahead of time and down to single members.)
 *
 * The file is mapped (Linux 6.16) or read, and read once: libbpf's btf__parse() copies its 5.5 MB
 * twice. Types in here are those of the file, without a check but for their bounds.
 *
 * Types have other numbers in the excerpt: the kernel is given the number in the whole of what a
 * program is attached to (feature.h).
 *
 * Memory: 4 bytes a type beside the file; during an excerpt 8 more. Errors: -errno; -EINVAL where
 * the file is no BTF of this byte order, has a kind of type that is not known, or contradicts
 * itself.
 */
#include <bpf/btf.h>
#include <stddef.h>
#include <stdint.h>

struct kernel_types;

int kernel_types_open(const char *path, struct kernel_types **ret);
/* bytes: of a BTF file; they are the caller's, and stay until kernel_types_close(). */
int kernel_types_new(const void *bytes, size_t len, struct kernel_types **ret);
void kernel_types_close(struct kernel_types *types); /* accepts NULL */

/* One more than the last number. Number 0 is void. */
uint32_t kernel_types_count(const struct kernel_types *types);
/* NULL: there is no type of this number, or it is void. */
const struct btf_type *kernel_types_at(const struct kernel_types *types, uint32_t id);
/* "": the type, or member, has none. */
const char *kernel_types_name(const struct kernel_types *types, uint32_t name_off);

/*
 * A file in memory with the types of these names, which are in the order of strcmp(): its
 * descriptor, or -errno.
 */
int kernel_types_excerpt(const struct kernel_types *all, const char *const *names, size_t n_names);

#endif /* TCS_KERNEL_TYPES_H */
