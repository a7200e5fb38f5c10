/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_LISTENERS_H
#define TCS_LISTENERS_H

/*
 * tcs_listeners.h - every listening socket of the host that is known, so that all their queues can
 * be read at once
 *
 * A walk over the kernel's tables costs as much as there are sockets, in each namespace; this one
 * costs half a microsecond a listener, in all of them, and 6 ns for each place of the table: 0.1 ms
 * on a host with few. Listeners come from walks and from events,
 * and go with their events. One that went unseen is told by its cookie, for the kernel uses the
 * memory of a socket only for sockets (SLAB_TYPESAFE_BY_RCU): reading it is safe, believing it is
 * not. BPF side only. Bounds: max_entries; one that finds no room is seen by walks only.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "tcs_wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 14);
	__type(key, __u64);   /* the socket's address */
	__type(value, __u64); /* its cookie */
} watched SEC(".maps");

static __always_inline void watched_begin(const struct sock *sk, __u64 cookie)
{
	__u64 key = (__u64)sk;

	bpf_map_update_elem(&watched, &key, &cookie, BPF_ANY);
}

static __always_inline void watched_end(const struct sock *sk)
{
	__u64 key = (__u64)sk;

	bpf_map_delete_elem(&watched, &key);
}

#endif /* TCS_LISTENERS_H */
