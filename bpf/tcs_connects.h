/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CONNECTS_H
#define TCS_CONNECTS_H

/*
 * tcs_connects.h - how connects end: counts by source address, destination and outcome
 *
 * For an audit, which has no event programs. BPF side only. Bounds: TCS_CONNECTS entries, of which
 * those used least recently make room; entries ever made are counted in connects_added, so user
 * space knows how many are missing. What a destination does often is used often, and stays.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "tcs_connect.h"
#include "tcs_device.h"
#include "tcs_socket.h"
#include "tcs_wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, TCS_CONNECTS);
	__type(key, struct tcs_connect_key);
	__type(value, struct tcs_connect);
} connects SEC(".maps");

__u64 connects_added;

static __always_inline void connect_key_of(const struct sock *sk, bool connected,
					   struct tcs_connect_key *key)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;
	struct addrs a = {};

	peek_addrs(&sk->__sk_common, &a);
	__builtin_memcpy(key->laddr, a.l, sizeof(key->laddr));
	__builtin_memcpy(key->raddr, a.r, sizeof(key->raddr));
	key->netns = netns_of(sk);
	key->device = BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
	key->rport = a.rport;
	key->family = a.family;
	if (connected) {
		key->flags = TCS_CONNECT_OK;
		return;
	}
	key->err = (__u8)BPF_CORE_READ(sk, sk_err);
	if (!key->err && !BPF_CORE_READ(tp, segs_out))
		key->err = (__u8)connect_errno((__u64)sk);
	if (BPF_CORE_READ(sk, __sk_common.skc_num))
		key->flags |= TCS_CONNECT_PORT;
	if (BPF_CORE_READ(tp, total_retrans))
		key->flags |= TCS_CONNECT_RESENT;
}

/*
 * At SYN_SENT -> any other state. A global function, with a number for the address of the socket:
 * the verifier sees it once.
 */
__noinline int connect_ended(__u64 address, __u32 state)
{
	const struct sock *sk = (const void *)address;
	struct tcs_connect_key key = {};
	struct tcs_connect none = {}, *held;

	connect_key_of(sk, state != TCP_CLOSE, &key);
	held = bpf_map_lookup_elem(&connects, &key);
	if (!held) {
		none.netns_cookie = net_cookie_of(net_of(sk));
		none.first_ns = bpf_ktime_get_ns();
		if (key.device)
			device_note((__u64)net_of(sk), key.device);
		/* Another CPU may be first: its entry is as good. */
		if (!bpf_map_update_elem(&connects, &key, &none, BPF_NOEXIST))
			__sync_fetch_and_add(&connects_added, 1);
		held = bpf_map_lookup_elem(&connects, &key);
	}
	if (!held)
		return 0;
	__sync_fetch_and_add(&held->count, 1);
	held->last_ns = bpf_ktime_get_ns();
	return 0;
}

#endif /* TCS_CONNECTS_H */
