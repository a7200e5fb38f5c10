/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_DEVICE_H
#define TCS_DEVICE_H

/*
 * tcs_device.h - names of the network devices that sockets are bound to
 *
 * A socket has the number of its device only (skc_bound_dev_if); user space that shows it may not
 * be in the namespace, and cannot enter each. device_note() copies the name into a map, shared by
 * the event programs and the census, and is called for sockets that have a device, where a record
 * or a row of them is made for the first time: rare paths. A device may be renamed: its name is
 * read again once a second at most.
 *
 * BPF side only. Bounds: TCS_DEVICES; a chain of the kernel's hash (dev_index_hash()) is followed
 * for DEVICE_CHAIN_MAX devices. A device that is not found has no name.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tcs_socket.h"
#include "tcs_wire.h"

#define DEVICE_CHAINS	 256 /* NETDEV_HASHENTRIES */
#define DEVICE_CHAIN_MAX 16  /* 4,096 devices of a namespace, evenly spread */
#define DEVICE_PART	 4   /* of these, in one call */
#define DEVICE_FOUND	 1   /* in the address of a node, which is even */
#define DEVICE_READ_NS	 1000000000ULL

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, TCS_DEVICES);
	__type(key, struct tcs_device_key);
	__type(value, struct tcs_device);
} devices SEC(".maps");

/* fe80::/10: an address that is unique on its link only. */
static __always_inline bool is_link_local(const __u64 addr[2])
{
	return ((__u16)addr[0] & bpf_htons(0xffc0)) == bpf_htons(0xfe80);
}

static __always_inline const struct net_device *device_of_node(__u64 node)
{
	return (const void *)(node - bpf_core_field_offset(struct net_device, index_hlist));
}

/*
 * The node of this device, with DEVICE_FOUND, or the one after DEVICE_PART others; 0: the chain has
 * ended. A loop in two parts: the verifier goes through its body once for each round.
 */
__noinline __u64 device_find_from(__u64 node, __u32 ifindex)
{
	int i;

	for (i = 0; node && i < DEVICE_PART; i++) {
		if ((__u32)BPF_CORE_READ(device_of_node(node), ifindex) == ifindex)
			return node | DEVICE_FOUND;
		node = (__u64)BPF_CORE_READ((const struct hlist_node *)node, next);
	}
	return node;
}

static __always_inline const struct net_device *device_find(const struct net *net, __u32 ifindex)
{
	const struct hlist_head *chain;
	__u64 node;
	int i;

	if (!bpf_core_field_exists(net->dev_index_head))
		return NULL;
	chain = BPF_CORE_READ(net, dev_index_head) + (ifindex & (DEVICE_CHAINS - 1));
	node = (__u64)BPF_CORE_READ(chain, first);
	for (i = 0; i < DEVICE_CHAIN_MAX / DEVICE_PART && node && !(node & DEVICE_FOUND); i++)
		node = device_find_from(node, ifindex);
	return node & DEVICE_FOUND ? device_of_node(node - DEVICE_FOUND) : NULL;
}

/* netns: address of a struct net. A global function: the verifier goes through it once. */
__noinline int device_note(__u64 netns, __u32 ifindex)
{
	const struct net *net = (const struct net *)netns;
	struct tcs_device_key key = { .netns = BPF_CORE_READ(net, ns.inum), .ifindex = ifindex };
	struct tcs_device now = { .netns_cookie = net_cookie_of(net),
				  .read_ns = bpf_ktime_get_ns() };
	const struct tcs_device *known = bpf_map_lookup_elem(&devices, &key);
	const struct net_device *dev;

	if (known && known->netns_cookie == now.netns_cookie &&
	    now.read_ns < known->read_ns + DEVICE_READ_NS)
		return 0;
	dev = device_find(net, ifindex);
	if (dev && !bpf_probe_read_kernel(now.name, sizeof(now.name), &dev->name))
		bpf_map_update_elem(&devices, &key, &now, BPF_ANY);
	return 0;
}

#endif /* TCS_DEVICE_H */
