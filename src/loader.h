/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_LOADER_H
#define TCS_LOADER_H

/*
 * loader.h - what all our BPF objects have in common when libbpf opens, loads and attaches them
 *
 * libbpf would read all the kernel's types for each object: for CO-RE, and for the number of what
 * each program is attached to. It is spared both (kernel_types.h; feature.h has the numbers).
 *
 * A skeleton is opened with loader_open() in its options, loaded as ever, and attached with
 * loader_attach(), which does what x_bpf__attach() would. Errors: -errno.
 */
#include <bpf/libbpf.h>
#include <stdbool.h>

/* Do libbpf's messages go to stderr? Not at first. */
void loader_verbose(bool verbose);

/* btf_path: the user's choice of types; NULL: the kernel's own. */
struct bpf_object_open_opts loader_open(const char *btf_path);

int loader_attach(const struct bpf_object_skeleton *skeleton);

#endif /* TCS_LOADER_H */
