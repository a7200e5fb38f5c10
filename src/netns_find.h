/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_NETNS_FIND_H
#define TCS_NETNS_FIND_H

/*
 * netns_find.h - identity of network namespaces, from the kernel's list of them
 *
 * An inode number is given to another namespace as soon as it is free. The identity is the net
 * cookie (SO_NETNS_COOKIE), before Linux 5.12 a random number of the namespace. It is read by
 * bpf/netns_find.bpf.c, which needs the rights of the event programs and none to enter the
 * namespace; a descriptor, which would keep it alive, is not held.
 *
 * Cost: loading takes about 5 ms, a search 10 us and 0.1 us for each namespace of the host.
 * Bound: the first 16,384 namespaces. Errors: 0 or -errno.
 */
#include <stdbool.h>
#include <stdint.h>

struct netns_find;

/* btf_path: the user's choice of types; NULL: the kernel's own. */
int netns_find_new(const char *btf_path, struct netns_find **ret);
void netns_find_free(struct netns_find *f); /* accepts NULL */

struct netns_found {
	bool exists;	      /* the namespace of this identity; true where that is not known */
	uint64_t id_of_inode; /* identity of the namespace of this inode number; 0: there is none */
};

/* id, inode: 0 is not searched for. */
int netns_find(struct netns_find *f, uint64_t id, uint32_t inode, struct netns_found *ret);

#endif /* TCS_NETNS_FIND_H */
