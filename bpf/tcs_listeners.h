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
 * not.
 *
 * Where they are many (an unprivileged user may hold 100,000), those that nothing has happened to
 * since the last look are taken out (watched_prune()), and come back with the first handshake, or
 * SYN-ACK that is sent again. So does one that found no room, which is counted.
 *
 * BPF side only. Bounds: max_entries.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "tcs_parents.h"
#include "tcs_wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 14);
	__type(key, __u64);   /* the socket's address */
	__type(value, __u64); /* its cookie */
} watched SEC(".maps");

__u64 watched_left_out; /* so far; read by user space */

static __always_inline void watched_begin(const struct sock *sk, __u64 cookie)
{
	__u64 key = (__u64)sk;

	struct tcs_handshakes_kept *h;

	if (!bpf_map_update_elem(&watched, &key, &cookie, BPF_ANY))
		return;
	__sync_fetch_and_add(&watched_left_out, 1);
	h = handshakes_of(key);
	if (h)
		h->unwatched = 1;
}

/* Something has happened to it. */
static __always_inline void watched_again(__u64 listener, struct tcs_handshakes_kept *h)
{
	__u64 key = listener, cookie;

	if (!h || !h->unwatched)
		return;
	cookie = id_as_it_is((const struct sock *)listener);
	if (!bpf_map_update_elem(&watched, &key, &cookie, BPF_ANY))
		h->unwatched = 0;
}

/* Its queues are empty. True: nothing has happened since this was called last; it is taken out. */
static __always_inline bool watched_prune(const struct sock *sk, __u32 drops, bool prune)
{
	__u64 key = (__u64)sk, sum;
	struct tcs_handshakes_kept *h = handshakes_of(key);

	if (!h)
		return false;
	sum = h->counts.done + h->counts.resent + drops;
	if (!prune || sum != h->seen) {
		h->seen = sum;
		return false;
	}
	h->unwatched = 1;
	bpf_map_delete_elem(&watched, &key);
	/* It may have missed that it has to come back. */
	if (sum != h->counts.done + h->counts.resent + drops)
		watched_again(key, h);
	return true;
}

static __always_inline void watched_end(const struct sock *sk)
{
	__u64 key = (__u64)sk;

	bpf_map_delete_elem(&watched, &key);
}

#endif /* TCS_LISTENERS_H */
