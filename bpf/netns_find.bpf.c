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

char LICENSE[] SEC("license") = "GPL";

struct tcs_netns_find find;

__noinline int netns_meet(__u64 address)
{
	const struct net *net = (const struct net *)address;
	__u64 id = net_id_of(net);

	if (find.inode && BPF_CORE_READ(net, ns.inum) == find.inode)
		find.id_of_inode = id;
	if (id == find.id)
		find.exists = true;
	return 0;
}

SEC("raw_tp")
int tcs_netns_find(void *ctx)
{
	find.id_of_inode = 0;
	find.exists = false;
	find.complete = netns_walk();
	return 0;
}
