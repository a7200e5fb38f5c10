/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_NETNS_H
#define TCS_NETNS_H

/*
 * tcs_netns.h - the kernel's list of network namespaces
 *
 * The list is a ring of struct net and its head, net_namespace_list, which is no struct net: a walk
 * begins at the namespace of the current task and ends there, and each element is checked
 * (netns_is_one()). Namespaces are freed after an RCU grace period (cleanup_net()), and a test run
 * of a raw tracepoint program is an RCU read-side section. A namespace without references is over,
 * though it may still be in the list. By probe reads; BPF side only.
 *
 * A file that includes this defines netns_meet(), which is called for each namespace. Bounds:
 * 16,384 elements of the list.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "tcs_socket.h"

static __always_inline bool netns_has_references(const struct net *net)
{
	if (bpf_core_field_exists(net->ns.__ns_ref))
		return BPF_CORE_READ(net, ns.__ns_ref.refs.counter);
	if (bpf_core_field_exists(net->ns.count))
		return BPF_CORE_READ(net, ns.count.refs.counter);
	if (bpf_core_field_exists(net->count))
		return BPF_CORE_READ(net, count.refs.counter);
	return true;
}

/* ops: those of network namespaces, which the head of the list does not have. */
static __always_inline bool netns_is_one(const struct net *net, __u64 ops)
{
	return (__u64)BPF_CORE_READ(net, ns.ops) == ops && netns_has_references(net);
}

static __always_inline __u64 netns_next(const struct net *net)
{
	return (__u64)BPF_CORE_READ(net, list.next) - bpf_core_field_offset(struct net, list);
}

static __always_inline const struct net *netns_current(void)
{
	const struct task_struct *task = (const void *)bpf_get_current_task();

	return BPF_CORE_READ(task, nsproxy, net_ns);
}

/* ---- the walk -------------------------------------------------------------------------------- */

/*
 * Bounded loops inside each other, as global functions: the verifier goes through the body of each
 * loop once for each of its rounds, and through each function once, not at each call.
 */
#define NETNS_STEPS  4
#define NETNS_ROUNDS 16

/* Position in the list. Used, or clang takes it apart, and its BTF is wrong. */
static struct {
	__u64 net; /* the next one */
	__u64 first;
	__u64 ops; /* of network namespaces */
	bool over;
} netns_at __attribute__((used));

/* net: its address. */
int netns_meet(__u64 net);

__noinline int netns_walk_steps(__u32 unused)
{
	__u32 i;

	for (i = 0; i < NETNS_STEPS && !netns_at.over; i++) {
		const struct net *net = (const void *)netns_at.net;

		if (netns_is_one(net, netns_at.ops))
			netns_meet((__u64)net);
		netns_at.net = netns_next(net);
		netns_at.over = netns_at.net == netns_at.first;
	}
	return 0;
}

__noinline int netns_walk_some(__u32 unused)
{
	__u32 i;

	for (i = 0; i < NETNS_ROUNDS && !netns_at.over; i++)
		netns_walk_steps(i);
	return 0;
}

__noinline int netns_walk_more(__u32 unused)
{
	__u32 i;

	for (i = 0; i < NETNS_ROUNDS && !netns_at.over; i++)
		netns_walk_some(i);
	return 0;
}

/* From the namespace of the current task on. False: there were more than the bound. */
static __always_inline bool netns_walk(void)
{
	const struct net *net = netns_current();
	__u32 i;

	netns_at.over = false;
	netns_at.net = netns_at.first = (__u64)net;
	netns_at.ops = (__u64)BPF_CORE_READ(net, ns.ops);
	for (i = 0; i < NETNS_ROUNDS && !netns_at.over; i++)
		netns_walk_more(i);
	return netns_at.over;
}

#endif /* TCS_NETNS_H */
