/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_KERNEL_TYPES_H
#define TCS_KERNEL_TYPES_H

/*
 * kernel_types.h - the kernel's types (BTF), read once, and an excerpt of them for libbpf
 *
 * libbpf reads all of them, 130,000, for every BPF object it loads, and looks through all of them
 * for each type that a program names: 30 ms an object. Of these types our programs name sixty.
 * The excerpt has those, and what they hold by value; what they point to is void there, since every
 * step along a pointer begins with a type that the program names.
 *
 * kernel_types_read() gives the whole as it is in the file, numbers of types included: what a
 * program is attached to is told to the kernel by such a number. In the excerpt they are others.
 *
 * The file is the kernel's own; one that contradicts itself is refused with -EINVAL, and -ENOTSUP
 * is for kinds that came after us. Nothing is read beyond its end.
 */
#include <bpf/btf.h>
#include <stddef.h>
#include <stdint.h>

struct kernel_types {
	char *bytes; /* the file */
	size_t n_bytes;
	const char *names; /* its strings, which end with a 0 */
	uint32_t n_names;
	uint32_t *at; /* where in bytes a type is, by its number; [0] means void */
	uint32_t n;
};

/* 0 or -errno. */
int kernel_types_read(const char *path, struct kernel_types *ret);
void kernel_types_release(struct kernel_types *t);

/* id: 1 to n - 1. */
const struct btf_type *kernel_types_at(const struct kernel_types *t, uint32_t id);
/* "" for what has none. */
const char *kernel_types_name(const struct kernel_types *t, uint32_t name_off);

/*
 * A file in memory with the types of these names, which are in the order of strcmp(): its
 * descriptor, or -errno.
 */
int kernel_types_excerpt(const struct kernel_types *t, const char *const *names, size_t n_names);

#endif /* TCS_KERNEL_TYPES_H */
