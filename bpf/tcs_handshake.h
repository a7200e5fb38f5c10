/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_HANDSHAKE_H
#define TCS_HANDSHAKE_H

/*
 * tcs_handshake.h - how handshakes go at each local address and port: counts, never events
 *
 * A child does not point to its listener, and a listener bound to every address has children at
 * many: so the counts are kept by where the client came to, and user space, which knows who listens
 * where, joins them. Counts only grow; what finds no room is counted under a key of zeros, which
 * user space has put there. BPF side only.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tcs_device.h"
#include "tcs_socket.h"
#include "tcs_wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TCS_HANDSHAKE_PLACES);
	__type(key, struct tcs_handshake_place);
	__type(value, struct tcs_handshakes);
} handshakes SEC(".maps");

static __always_inline struct tcs_handshakes *handshakes_at(const struct sock_common *skc,
							    __u32 netns)
{
	struct tcs_handshake_place key = { .netns = netns, .lport = skc->skc_num };
	struct tcs_handshakes none = {}, *held;
	struct addrs a;

	read_addrs(skc, &a);
	__builtin_memcpy(key.laddr, a.l, sizeof(key.laddr));
	held = bpf_map_lookup_elem(&handshakes, &key);
	if (held)
		return held;
	/* Another CPU may be first: its entry is as good. */
	bpf_map_update_elem(&handshakes, &key, &none, BPF_NOEXIST);
	held = bpf_map_lookup_elem(&handshakes, &key);
	if (held)
		return held;
	__builtin_memset(&key, 0, sizeof(key));
	held = bpf_map_lookup_elem(&handshakes, &key);
	if (held)
		__sync_fetch_and_add(&held->done, 1);
	return NULL;
}

/* At SYN_RECV -> ESTABLISHED; the child has its request's count (tcp_create_openreq_child()). */
static __always_inline void handshake_done(const struct sock *sk, const struct tcp_sock *tp)
{
	struct tcs_handshakes *h = handshakes_at(&sk->__sk_common, netns_of(sk));

	if (!h)
		return;
	__sync_fetch_and_add(&h->done, 1);
	if (tp->total_retrans)
		__sync_fetch_and_add(&h->late, 1);
}

/*
 * At tcp_retransmit_synack, when neither the timer nor the SYN-ACK is counted yet
 * (reqsk_timer_handler(), inet_rtx_syn_ack()).
 */
static __always_inline void handshake_resent(const struct sock *sk, const struct request_sock *req,
					     bool acked)
{
	struct tcs_handshakes *h = handshakes_at(&req->__req_common, netns_of(sk));

	if (!h)
		return;
	__sync_fetch_and_add(&h->resent, 1);
	if (!acked && !BPF_CORE_READ_BITFIELD(req, num_timeout))
		__sync_fetch_and_add(&h->failing, 1);
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
