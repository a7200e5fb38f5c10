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

#endif /* TCS_NETNS_H */
