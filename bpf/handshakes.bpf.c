// SPDX-License-Identifier: GPL-2.0-only
/*
 * handshakes.bpf.c - handshakes counted for as long as somebody looks, and nothing else
 *
 * What the event programs count by the way (tcs_handshake.h), for a look without them. A listener's
 * entry is made by its first handshake. An event that interrupts another of its kind on a CPU is
 * missed, as events.bpf.c says: one in thousands, which a rate can bear.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "tcs_connects.h"
#include "tcs_handshake.h"
#include "tcs_parents.h"

char LICENSE[] SEC("license") = "GPL";

/* The entry of this listener; NULL: it is not known, or there is no room. */
static __always_inline struct tcs_handshakes_kept *handshakes_for(__u64 listener)
{
	struct tcs_handshakes_kept none = {}, *held = handshakes_of(listener);

	if (held || !listener)
		return held;
	bpf_map_update_elem(&handshakes, &listener, &none, BPF_NOEXIST);
	return handshakes_of(listener);
}

static __always_inline void established(struct sock *sk)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	const __u64 *listener = NULL;
	bool unsure = false;

	if (!tp)
		return;
	if (kernel.storage)
		listener = bpf_sk_storage_get(&parents, sk, NULL, 0);
	if (!listener)
		unsure = is_transparent(tp) || has_sk_lookup(net_of(sk));
	handshake_done(sk, tp, listener ? handshakes_for(*listener) : NULL, unsure);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcs_handshake_state, struct sock *sk, int old, int new)
{
	__u64 key = (__u64)sk;

	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (old == TCP_SYN_RECV && new == TCP_ESTABLISHED) {
		established(sk);
	} else if (old == TCP_SYN_SENT) {
		connect_ended(address_of(sk), (__u32) new);
	} else if (new == TCP_LISTEN || (old == TCP_LISTEN && new == TCP_CLOSE)) {
		bpf_map_delete_elem(&handshakes, &key);
		if (kernel.storage && new == TCP_LISTEN)
			storage_begin(sk, sk->__sk_common.skc_num, false);
	}
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(tcs_handshake_synack, struct sock *sk, struct request_sock *req)
{
	const struct inet_request_sock *ireq = (const void *)bpf_skc_to_tcp_request_sock(req);

	if (ireq)
		handshake_resent(req, BPF_CORE_READ_BITFIELD_PROBED(ireq, acked),
				 handshakes_for((__u64)listener_of_request(sk, req)));
	return 0;
}

/*
 * Storage for the listeners of a namespace that were there before. Listeners come first; a read
 * that returns something is enough, and ends the walk.
 */
SEC("iter/tcp")
int tcs_handshake_listeners(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct tcp_sock *tp;
	__u64 end = 0;

	if (!skc)
		return 0;
	tp = bpf_skc_to_tcp_sock(skc);
	if (tp && skc->skc_state == TCP_LISTEN)
		storage_begin(&tp->inet_conn.icsk_inet.sk, skc->skc_num, false);
	else
		bpf_seq_write(ctx->meta->seq, &end, sizeof(end));
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(tcs_handshake_reset, struct sock *sk, struct sk_buff *skb)
{
	if (!sk && skb)
		closed_port(skb);
	return 0;
}
