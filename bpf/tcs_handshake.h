/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_HANDSHAKE_H
#define TCS_HANDSHAKE_H

/*
 * tcs_handshake.h - how handshakes end at each listener: counts, never events
 *
 * They are counted for the listener socket (tcs_parents.h). Where a child's listener is not known,
 * or has no entry, they are counted by where the client came to, and user space joins them to the
 * listener that the kernel's lookup allows, if there is only one. What finds no room is counted
 * under a key of zeros, which user space has put there. BPF side only.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tcs_device.h"
#include "tcs_parents.h"
#include "tcs_socket.h"
#include "tcs_wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TCS_HANDSHAKE_PLACES);
	__type(key, struct tcs_handshake_place);
	__type(value, struct tcs_handshakes_at);
} handshake_places SEC(".maps");

/* What happened; bits. */
enum handshake {
	HANDSHAKE_DONE = 1 << 0,
	HANDSHAKE_LATE = 1 << 1,
	HANDSHAKE_RESENT = 1 << 2,
	HANDSHAKE_FAILING = 1 << 3,
	HANDSHAKE_UNSURE = 1 << 4, /* tcs_handshake_place.unsure */
};

static __always_inline void handshakes_add(struct tcs_handshakes *h, __u32 what)
{
	if (what & HANDSHAKE_DONE)
		__sync_fetch_and_add(&h->done, 1);
	if (what & HANDSHAKE_LATE)
		__sync_fetch_and_add(&h->late, 1);
	if (what & HANDSHAKE_RESENT)
		__sync_fetch_and_add(&h->resent, 1);
	if (what & HANDSHAKE_FAILING)
		__sync_fetch_and_add(&h->failing, 1);
}

/* A global function, with a number for the address of a socket: the verifier sees it once. */
__noinline int handshake_at_place(__u64 sk, __u32 what)
{
	const struct sock_common *skc = (const void *)sk;
	struct tcs_handshake_place key = {};
	struct tcs_handshakes_at none = {}, *held;
	struct addrs a = {};

	peek_addrs(skc, &a);
	__builtin_memcpy(key.laddr, a.l, sizeof(key.laddr));
	key.netns = BPF_CORE_READ(skc, skc_net.net, ns.inum);
	key.device = BPF_CORE_READ(skc, skc_bound_dev_if);
	key.lport = BPF_CORE_READ(skc, skc_num);
	key.inet4 = a.sk_family == AF_INET;
	key.unsure = (what & HANDSHAKE_UNSURE) != 0;
	held = bpf_map_lookup_elem(&handshake_places, &key);
	if (!held) {
		/* Another CPU may be first: its entry is as good. */
		bpf_map_update_elem(&handshake_places, &key, &none, BPF_NOEXIST);
		held = bpf_map_lookup_elem(&handshake_places, &key);
	}
	if (!held) {
		__builtin_memset(&key, 0, sizeof(key));
		held = bpf_map_lookup_elem(&handshake_places, &key);
		if (held)
			__sync_fetch_and_add(&held->counts.done, 1);
		return 0;
	}
	held->last_ns = bpf_ktime_get_ns();
	handshakes_add(&held->counts, what);
	return 0;
}

/* At SYN_RECV -> ESTABLISHED; the child has its request's count (tcp_create_openreq_child()). */
static __always_inline void handshake_done(const struct sock *sk, const struct tcp_sock *tp,
					   struct tcs_handshakes_kept *h, bool unsure)
{
	__u32 what = HANDSHAKE_DONE;

	if (tp->total_retrans)
		what |= HANDSHAKE_LATE;
	if (h)
		handshakes_add(&h->counts, what);
	else
		handshake_at_place(address_of(sk), what | (unsure ? HANDSHAKE_UNSURE : 0));
}

/* The tracepoint's sk is the listener; for TCP Fast Open it is the child, and the request knows. */
static __always_inline struct sock *listener_of_request(struct sock *sk,
							const struct request_sock *req)
{
	if (sk->__sk_common.skc_state == TCP_LISTEN)
		return sk;
	return req->__req_common.skc_listener;
}

/*
 * At tcp_retransmit_synack, when neither the timer nor the SYN-ACK is counted yet
 * (reqsk_timer_handler(), inet_rtx_syn_ack()).
 */
static __always_inline void handshake_resent(const struct request_sock *req, bool acked,
					     struct tcs_handshakes_kept *h)
{
	__u32 what = HANDSHAKE_RESENT;

	if (!acked && !BPF_CORE_READ_BITFIELD(req, num_timeout))
		what |= HANDSHAKE_FAILING;
	if (h)
		handshakes_add(&h->counts, what);
	else
		handshake_at_place(address_of((const struct sock *)req), what);
}

/* ---- SYNs to closed ports -------------------------------------------------------------------- */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TCS_SCANNERS);
	__type(key, struct tcs_scanner_key);
	__type(value, struct tcs_scanner);
} scanners SEC(".maps");

struct ipv4_head {
	__u8 first[12];
	__be32 saddr, daddr;
};

struct ipv6_head {
	__u8 first[8];
	__u64 saddr[2], daddr[2];
};

struct tcp_head {
	__be16 source, dest;
	__be32 seq, ack_seq;
	__u8 offset, flags;
};

#define TCP_HEAD_SYN 0x02
#define TCP_HEAD_ACK 0x10

static __always_inline bool read_source(const unsigned char *network, struct tcs_scanner_key *key)
{
	struct ipv6_head v6;
	struct ipv4_head v4;
	__u64 addr[2];

	if (bpf_probe_read_kernel(&v4, sizeof(v4), network))
		return false;
	if (v4.first[0] >> 4 == 4) {
		key->family = 4;
		map_v4(addr, v4.saddr);
	} else {
		if (bpf_probe_read_kernel(&v6, sizeof(v6), network))
			return false;
		key->family = 6;
		addr[0] = v6.saddr[0];
		addr[1] = v6.saddr[1];
	}
	__builtin_memcpy(key->addr, addr, sizeof(key->addr));
	return true;
}

/* At tcp_send_reset without a socket (tcp_v4_send_reset(), from Linux 6.12 on). */
static __always_inline void closed_port(const struct sk_buff *skb)
{
	const unsigned char *head = BPF_CORE_READ(skb, head);
	struct tcs_scanner none = {}, *held;
	struct tcs_scanner_key key = {};
	const struct net *net;
	struct tcp_head tcp;
	__u32 bit;

	if (bpf_probe_read_kernel(&tcp, sizeof(tcp), head + BPF_CORE_READ(skb, transport_header)))
		return;
	if ((tcp.flags & (TCP_HEAD_SYN | TCP_HEAD_ACK)) != TCP_HEAD_SYN ||
	    !read_source(head + BPF_CORE_READ(skb, network_header), &key))
		return;
	net = BPF_CORE_READ(skb, dev, nd_net.net);
	key.netns = BPF_CORE_READ(net, ns.inum);
	if (key.family == 6 && is_link_local((const __u64 *)key.addr)) {
		key.device = BPF_CORE_READ(skb, dev, ifindex);
		device_note((__u64)net, key.device);
	}
	held = bpf_map_lookup_elem(&scanners, &key);
	if (!held) {
		none.since_ns = bpf_ktime_get_ns();
		bpf_map_update_elem(&scanners, &key, &none, BPF_NOEXIST);
		held = bpf_map_lookup_elem(&scanners, &key);
	}
	if (!held) {
		__builtin_memset(&key, 0, sizeof(key));
		held = bpf_map_lookup_elem(&scanners, &key);
		if (held)
			__sync_fetch_and_add(&held->resets, 1);
		return;
	}
	__sync_fetch_and_add(&held->resets, 1);
	/* Fibonacci hashing; bits lost between two CPUs are an estimate's noise. */
	bit = (bpf_ntohs(tcp.dest) * 2654435769U) >> 22;
	held->ports[(bit >> 6) & (TCS_SCAN_WORDS - 1)] |= 1ULL << (bit & 63);
}

#endif /* TCS_HANDSHAKE_H */
