/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SOCKET_H
#define TCS_SOCKET_H

/*
 * tcs_socket.h - reading a socket: state numbers, and addresses in the one form the wire has
 *
 * IPv4 is always ::ffff:a.b.c.d, whatever family the socket is of: an IPv4 client of a dual-stack
 * listener is IPv4. For AF_INET6 sockets only the v6 members mean anything. BPF side only.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define AF_INET	    2
#define AF_INET6    10
#define IPPROTO_TCP 6

/* Kernel state numbers (include/net/tcp_states.h). */
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT	2
#define TCP_SYN_RECV	3
#define TCP_FIN_WAIT1	4
#define TCP_FIN_WAIT2	5
#define TCP_TIME_WAIT	6
#define TCP_CLOSE	7
#define TCP_CLOSE_WAIT	8
#define TCP_LAST_ACK	9
#define TCP_LISTEN	10
#define TCP_CLOSING	11

struct addrs {
	__u64 l[2], r[2]; /* network order, IPv4 mapped */
	__u16 rport;	  /* host order */
	__u8 family;
	bool known; /* up to 6.12 a child is told to be SYN_RECV before it has addresses */
};

#define V4_MAPPED_HIGH bpf_htonl(0xffff)

static __always_inline void map_v4(__u64 out[2], __be32 addr)
{
	out[0] = 0;
	out[1] = (__u64)addr << 32 | V4_MAPPED_HIGH;
}

static __always_inline bool is_mapped(const __u64 a[2])
{
	return !a[0] && (__u32)a[1] == V4_MAPPED_HIGH;
}

static __always_inline void read_addrs(const struct sock_common *skc, struct addrs *a)
{
	a->rport = bpf_ntohs(skc->skc_dport);
	a->known = a->rport != 0;
	if (skc->skc_family == AF_INET) {
		a->family = 4;
		map_v4(a->l, skc->skc_rcv_saddr);
		map_v4(a->r, skc->skc_daddr);
		return;
	}
	const __u64 *l = (const __u64 *)&skc->skc_v6_rcv_saddr;
	const __u64 *r = (const __u64 *)&skc->skc_v6_daddr;

	a->l[0] = l[0];
	a->l[1] = l[1];
	a->r[0] = r[0];
	a->r[1] = r[1];
	a->family = is_mapped(a->r) || is_mapped(a->l) ? 4 : 6;
}

/*
 * Inode number of the socket's network namespace. By probe reads, as are all chains of pointers
 * here: for each pointer that a program follows itself the verifier searches the names of the
 * kernel's BTF, and 40 ms of the start went there.
 */
static __always_inline __u32 netns_of(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* The bit of a file among the marks (tcs_wire.h): files of one page share a word. */
#define MARK_WORD(file) ((__u32)((file) >> 12 & (TCS_MARKS - 1)))
#define MARK_BIT(file)	(1ULL << ((file) >> 6 & 63))

/* Timeouts in a row without an answer: of data, or of probes. A handshake's are not meant. */
static __always_inline __u8 timeouts(const struct tcp_sock *tp, __u32 state)
{
	__u8 resent = tp->inet_conn.icsk_retransmits;
	__u8 probes = tp->inet_conn.icsk_probes_out;

	if (state == TCP_LISTEN || state == TCP_SYN_SENT || state == TCP_SYN_RECV)
		return 0;
	return resent > probes ? resent : probes;
}

#endif /* TCS_SOCKET_H */
