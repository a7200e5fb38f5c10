// SPDX-License-Identifier: GPL-2.0-only
/*
 * handshakes.bpf.c - handshakes counted for as long as somebody looks, and nothing else
 *
 * What the event programs count by the way (tcs_handshake.h), for a look without them. An event
 * that interrupts another of its kind on a CPU is missed, as events.bpf.c says: one in thousands,
 * which a rate can bear.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "tcs_handshake.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcs_handshake_state, struct sock *sk, int old, int new)
{
	const struct tcp_sock *tp;

	if (old != TCP_SYN_RECV || new != TCP_ESTABLISHED || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (tp)
		handshake_done(sk, tp);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(tcs_handshake_synack, struct sock *sk, struct request_sock *req)
{
	const struct inet_request_sock *ireq = (const void *)bpf_skc_to_tcp_request_sock(req);

	if (ireq)
		handshake_resent(sk, req, BPF_CORE_READ_BITFIELD_PROBED(ireq, acked));
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(tcs_handshake_reset, struct sock *sk, struct sk_buff *skb)
{
	if (!sk && skb)
		closed_port(skb);
	return 0;
}
