// SPDX-License-Identifier: GPL-2.0-only
/*
 * netns_find.bpf.c - search for a network namespace in the kernel's list of them
 *
 * The inode number of a namespace is given to another one as soon as it is free, and a name may
 * lead to another one. This program finds the identity (net_id_of()) that belongs to an inode
 * number, and whether the namespace of an identity still exists. No right to enter it is needed.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "tcs_netns.h"
#include "tcs_socket.h"
#include "tcs_wire.h"

#define STEPS  16 /* of one call of compare_some(); together 16,384 namespaces */
#define ROUNDS 32 /* calls of each, in a loop */

char LICENSE[] SEC("license") = "GPL";

struct tcs_netns_find find;

/* Position in the list. Used, or clang takes it apart, and its BTF is wrong. */
static struct {
	__u64 net; /* the next one */
	__u64 first;
	__u64 ops; /* of network namespaces */
} at __attribute__((used));

static __always_inline void compare(const struct net *net)
{
	__u64 id;

	if (!netns_is_one(net, at.ops))
		return;
	id = net_id_of(net);
	if (find.inode && BPF_CORE_READ(net, ns.inum) == find.inode)
		find.id_of_inode = id;
	if (id == find.id)
		find.exists = true;
}

/* Global functions: the verifier goes through each once, and not once for each call. */
__noinline int compare_some(__u32 unused)
{
	__u32 i;

	for (i = 0; i < STEPS && !find.complete; i++) {
		const struct net *net = (const void *)at.net;

		compare(net);
		at.net = netns_next(net);
		find.complete = at.net == at.first;
	}
	return 0;
}

__noinline int compare_more(__u32 unused)
{
	__u32 i;

	for (i = 0; i < ROUNDS && !find.complete; i++)
		compare_some(i);
	return 0;
}

SEC("raw_tp")
int tcs_netns_find(void *ctx)
{
	const struct net *net = netns_current();
	__u32 i;

	find.id_of_inode = 0;
	find.exists = find.complete = false;
	at.net = at.first = (__u64)net;
	at.ops = (__u64)BPF_CORE_READ(net, ns.ops);
	for (i = 0; i < ROUNDS && !find.complete; i++)
		compare_more(i);
	return 0;
}
