/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_MPTCP_H
#define TCS_MPTCP_H

/*
 * tcs_mptcp.h - from an MPTCP socket to its TCP sockets (subflows), and back
 *
 * The file of an MPTCP program refers to a socket of IPPROTO_MPTCP, which is in no table of TCP.
 * Its subflows are: of a listener one (msk->first), of a connection one for each path. All by probe
 * reads: lists may change meanwhile, so each walk is bounded. On a kernel without MPTCP nothing of
 * this is left. BPF side only.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "tcs_socket.h"

#define IPPROTO_MPTCP 262
#define SUBFLOWS_MAX  8 /* as many as a path manager allows */

#define HAS_MPTCP bpf_core_type_exists(struct mptcp_sock___mptcp)

/* The MPTCP socket that a TCP socket belongs to; 0 none. */
static __always_inline __u64 msk_of(const struct sock *sk)
{
	const struct mptcp_subflow_context___mptcp *context;

	if (!HAS_MPTCP)
		return 0;
	/* kTLS has data there, too; is_mptcp is in a cache line that nothing else is read from. */
	context = BPF_CORE_READ((const struct inet_connection_sock *)sk, icsk_ulp_data);
	if (!context || !BPF_CORE_READ((const struct tcp_sock___mptcp *)sk, is_mptcp))
		return 0;
	return (__u64)BPF_CORE_READ(context, conn);
}

struct subflows {
	__u64 head; /* of the list */
	__u64 node; /* the next one */
};

static __always_inline void subflows_begin(struct subflows *s, __u64 msk)
{
	__u64 head = msk + bpf_core_field_offset(struct mptcp_sock___mptcp, conn_list);

	s->head = head;
	s->node = (__u64)BPF_CORE_READ((const struct list_head *)head, next);
}

/* The TCP socket of the next one; 0: that was all. */
static __always_inline __u64 subflows_next(struct subflows *s)
{
	const struct mptcp_subflow_context___mptcp *context;
	__u64 node = s->node;

	if (!node || node == s->head)
		return 0;
	context = (const void *)(node -
				 bpf_core_field_offset(struct mptcp_subflow_context___mptcp, node));
	s->node = (__u64)BPF_CORE_READ((const struct list_head *)node, next);
	return (__u64)BPF_CORE_READ(context, tcp_sock);
}

#endif /* TCS_MPTCP_H */
