/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_HANDSHAKE_H
#define TCS_HANDSHAKE_H

/*
 * tcs_handshake.h - how handshakes go at each local address and port: counts, never events
 *
 * A child does not point to its listener, and a listener bound to every address has children at
 * many: so the counts are kept by where the client came to, and user space, which knows who listens
 * where, joins them. Counts only grow; a place that finds no room is counted. BPF side only.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "tcs_socket.h"
#include "tcs_wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TCS_HANDSHAKE_PLACES);
	__type(key, struct tcs_handshake_place);
	__type(value, struct tcs_handshakes);
} handshakes SEC(".maps");

__u64 handshakes_full;

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
	if (!held)
		__sync_fetch_and_add(&handshakes_full, 1);
	return held;
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

#endif /* TCS_HANDSHAKE_H */
