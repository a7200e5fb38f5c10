/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SOCKET_H
#define TCS_SOCKET_H

/*
 * tcs_socket.h - reading a socket: state numbers, and addresses in the one form the wire has
 *
 * IPv4 is always ::ffff:a.b.c.d, whatever family the socket is of: an IPv4 client of a dual-stack
 * listener is IPv4. For AF_INET6 sockets only the v6 members mean anything. read_ follows pointers
 * that the verifier knows, peek_ copies from any address, at a price. BPF side only.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tcs_wire.h"

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

const volatile struct tcs_kernel kernel = { .cookies = 1, .storage = 1 };

struct addrs {
	__u64 l[2], r[2]; /* network order, IPv4 mapped */
	__u16 rport;	  /* host order */
	__u16 sk_family;  /* AF_INET, AF_INET6 */
	__u8 family;	  /* 4 or 6 */
	bool known;	  /* up to 6.12 a child is told to be SYN_RECV before it has addresses */
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

static __always_inline void set_v4(struct addrs *a, __be32 laddr, __be32 raddr)
{
	a->family = 4;
	map_v4(a->l, laddr);
	map_v4(a->r, raddr);
}

static __always_inline void read_addrs(const struct sock_common *skc, struct addrs *a)
{
	a->rport = bpf_ntohs(skc->skc_dport);
	a->known = a->rport != 0;
	a->sk_family = skc->skc_family;
	if (a->sk_family == AF_INET) {
		set_v4(a, skc->skc_rcv_saddr, skc->skc_daddr);
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

static __always_inline void peek_addrs(const struct sock_common *skc, struct addrs *a)
{
	a->rport = bpf_ntohs(BPF_CORE_READ(skc, skc_dport));
	a->known = a->rport != 0;
	a->sk_family = BPF_CORE_READ(skc, skc_family);
	if (a->sk_family == AF_INET) {
		set_v4(a, BPF_CORE_READ(skc, skc_rcv_saddr), BPF_CORE_READ(skc, skc_daddr));
		return;
	}
	bpf_probe_read_kernel(a->l, sizeof(a->l), &skc->skc_v6_rcv_saddr);
	bpf_probe_read_kernel(a->r, sizeof(a->r), &skc->skc_v6_daddr);
	a->family = is_mapped(a->r) || is_mapped(a->l) ? 4 : 6;
}

/* The cookie of a network namespace; 0: the kernel has none (before 5.12). */
static __always_inline __u64 net_cookie_of(const struct net *net)
{
	return bpf_core_field_exists(net->net_cookie) ? BPF_CORE_READ(net, net_cookie) : 0;
}

/*
 * Identity of a network namespace, which no later one has: its cookie; before 5.12 the random
 * number that the kernel draws for its hash tables, with a bit set that makes it differ from 0.
 */
static __always_inline __u64 net_id_of(const struct net *net)
{
	if (bpf_core_field_exists(net->net_cookie))
		return BPF_CORE_READ(net, net_cookie);
	return BPF_CORE_READ(net, hash_mix) | 1ULL << 32;
}

/*
 * Inode number of the socket's network namespace. By probe reads, as are all chains of pointers
 * here: for each pointer that a program follows itself the verifier searches the names of the
 * kernel's BTF, and 40 ms of the start went there.
 */
static __always_inline const struct net *net_of(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net);
}

static __always_inline __u32 netns_of(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* NULL: none, or one that only cgroup v1 knows, which up to 5.14 took its place (tagged). */
static __always_inline const struct cgroup *cgroup_of(const struct sock *sk)
{
	const struct sock_cgroup_data___tagged *tagged = (const void *)&sk->sk_cgrp_data;
	__u64 val;

	if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return BPF_CORE_READ(sk, sk_cgrp_data.cgroup);
	val = BPF_CORE_READ(tagged, val);
	return val & 3 ? NULL : (const struct cgroup *)val;
}

static __always_inline __u64 cgroup_id(const struct sock *sk)
{
	const struct cgroup *cg = cgroup_of(sk);

	return BPF_CORE_READ(cg, kn, id);
}

/* Timeouts in a row without an answer: of data, or of probes. A handshake's are not meant. */
static __always_inline __u8 timeouts(const struct tcp_sock *tp, __u32 state)
{
	__u8 resent, probes;

	if (state == TCP_LISTEN || state == TCP_SYN_SENT || state == TCP_SYN_RECV)
		return 0;
	resent = BPF_CORE_READ(tp, inet_conn.icsk_retransmits);
	probes = BPF_CORE_READ(tp, inet_conn.icsk_probes_out);
	return resent > probes ? resent : probes;
}

/* As a number: the verifier lets nobody calculate with a pointer. */
static __always_inline __u64 address_of(const struct sock *sk)
{
	__u64 n = 0;

	bpf_probe_read_kernel(&n, sizeof(n), &sk);
	return n;
}

/* As the kernel shows it; where programs cannot have one made, it is 0 until something else did. */
static __always_inline __u64 socket_cookie(struct sock *sk)
{
	return kernel.cookies ? bpf_get_socket_cookie(sk) :
				(__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
}

/*
 * An id for one look at the host: between two walks that follow each other a socket keeps its
 * address, and whoever took it over would be given the owner of another.
 */
static __always_inline __u64 id_for_now(struct sock *sk)
{
	return kernel.cookies ? bpf_get_socket_cookie(sk) : address_of(sk) | TCS_ID_OWN;
}

/* The same of any address, where nobody is given a cookie for it. */
static __always_inline __u64 id_as_it_is(const struct sock *sk)
{
	__u64 cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);

	return kernel.cookies && cookie ? cookie : address_of(sk) | TCS_ID_OWN;
}

#endif /* TCS_SOCKET_H */
