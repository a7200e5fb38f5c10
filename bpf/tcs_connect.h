/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CONNECT_H
#define TCS_CONNECT_H

/*
 * tcs_connect.h - which errno a connect() returned that failed before its SYN
 *
 * tcp_v4_connect() and tcp_v6_connect() enter SYN_SENT before they choose the local port, and leave
 * it for CLOSE when something fails; the error is their return value, sk_err stays 0. No field of
 * the socket has it, and no tracepoint that costs other system calls nothing. Up to their SYN the
 * two functions fail at three places, and the socket shows at which:
 *
 *   inet_hash_connect()    no free port: inet_sport is 0, or the port is that of bind() and the
 *                          tuple is in use: EADDRNOTAVAIL. sk_txhash is not chosen yet.
 *   ip_route_newports()    IPv4, a port that connect() chose: a rule (ip rule ... sport) refuses
 *                          it. Which one: the first that matches. write_seq is not chosen yet.
 *   tcp_connect()          no memory, or a key of TCP-AO was refused: not seen, errno 0.
 *
 * A socket that was connected before keeps the sk_txhash and write_seq of then. BPF side only, by
 * probe reads. Bounds: RULES_MAX rules are read.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tcs_socket.h"

#define SOCK_BINDPORT_LOCK 8

#define RULES_MAX  64
#define RULES_PART 8 /* of these, in one call */
#define ERRNO_MAX  4095

/* enum fib_rule action (uapi/linux/fib_rules.h) */
#define FR_ACT_BLACKHOLE   6
#define FR_ACT_UNREACHABLE 7
#define FR_ACT_PROHIBIT	   8
#define FIB_RULE_INVERT	   2

#define EACCES	      13
#define EINVAL	      22
#define EADDRNOTAVAIL 99
#define ENETUNREACH   101

/* A range of ports that is not set has start 0 (fib_rule_port_range_set()). */
static __always_inline bool rule_has_port(const struct fib_rule_port_range *range, __u16 port)
{
	return range->start <= port && port <= range->end;
}

static __always_inline bool rule_matches(const struct fib_rule *rule, const struct sock *sk)
{
	const struct fib4_rule *rule4 = (const struct fib4_rule *)rule;
	__u16 sport = bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
	__u16 dport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	__be32 src = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
	__be32 dst = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	struct fib_rule_port_range range;
	__u8 ip_proto = BPF_CORE_READ(rule, ip_proto);

	BPF_CORE_READ_INTO(&range, rule, sport_range);
	if (!range.start || !rule_has_port(&range, sport))
		return false;
	BPF_CORE_READ_INTO(&range, rule, dport_range);
	if (range.start && !rule_has_port(&range, dport))
		return false;
	return (!ip_proto || ip_proto == IPPROTO_TCP) &&
	       !((src ^ BPF_CORE_READ(rule4, src)) & BPF_CORE_READ(rule4, srcmask)) &&
	       !((dst ^ BPF_CORE_READ(rule4, dst)) & BPF_CORE_READ(rule4, dstmask)) &&
	       !(BPF_CORE_READ(rule, flags) & FIB_RULE_INVERT);
}

/* fib4_rule_action(). A rule that leads to a table without a route: ENETUNREACH. */
static __always_inline int rule_errno(const struct fib_rule *rule)
{
	switch (BPF_CORE_READ(rule, action)) {
	case FR_ACT_PROHIBIT:
		return EACCES;
	case FR_ACT_BLACKHOLE:
		return EINVAL;
	default:
		return ENETUNREACH;
	}
}

/*
 * node: of a rule, in the list that begins and ends with head. The errno of the rule, if it matches
 * and names the socket's source port; otherwise the next node, which is no errno; 0: there is none.
 * A global function: the verifier goes through it once, not RULES_MAX times.
 */
__noinline __u64 errno_of_rule(__u64 node, __u64 head, __u64 sk)
{
	const struct fib_rule *rule =
		(const void *)(node - bpf_core_field_offset(struct fib_rule, list));
	__u64 next;

	if (node == head)
		return 0;
	if (rule_matches(rule, (const struct sock *)sk))
		return rule_errno(rule);
	next = (__u64)BPF_CORE_READ((const struct list_head *)node, next);
	return next == head ? 0 : next;
}

/*
 * The same of RULES_PART rules: a long loop is divided, since its body is verified in each round.
 */
__noinline __u64 errno_of_some_rules(__u64 node, __u64 head, __u64 sk)
{
	int i;

	for (i = 0; i < RULES_PART && node > ERRNO_MAX; i++)
		node = errno_of_rule(node, head, sk);
	return node;
}

/* Of the first rule of IPv4 that names the source port of this socket; 0: there is none. */
__noinline int errno_of_rules(__u64 sk)
{
	const struct net *net = net_of((const struct sock *)sk);
	const struct fib_rules_ops *ops;
	__u64 head, node;
	int i;

	if (!bpf_core_field_exists(net->ipv4.rules_ops))
		return 0;
	ops = BPF_CORE_READ(net, ipv4.rules_ops);
	head = (__u64)ops + bpf_core_field_offset(struct fib_rules_ops, rules_list);
	node = (__u64)BPF_CORE_READ(ops, rules_list.next);
	for (i = 0; i < RULES_MAX / RULES_PART && node > ERRNO_MAX; i++)
		node = errno_of_some_rules(node, head, sk);
	return node <= ERRNO_MAX ? (int)node : 0;
}

/* Over IPv4, from a socket of either family. */
static __always_inline bool is_over_ipv4(const struct sock *sk)
{
	struct in6_addr raddr;

	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET)
		return true;
	BPF_CORE_READ_INTO(&raddr, sk, __sk_common.skc_v6_daddr);
	return is_mapped((const __u64 *)&raddr);
}

/*
 * address: of a TCP socket at SYN_SENT -> CLOSE that sent no segment and has sk_err 0. 0: connect()
 * did not fail, or it is not known why. A global function: the verifier goes through it once.
 */
__noinline int connect_errno(__u64 address)
{
	const struct sock *sk = (const struct sock *)address;
	const struct tcp_sock *tp = (const struct tcp_sock *)address;
	__u16 sport = bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
	bool fresh = !BPF_CORE_READ(tp, write_seq);
	int err = 0;

	if (!sport)
		return EADDRNOTAVAIL;
	/* TCP_FASTOPEN_CONNECT: the SYN waits for data, and close() came first. */
	if (!fresh && BPF_CORE_READ_BITFIELD_PROBED(tp, fastopen_connect))
		return 0;
	if (BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDPORT_LOCK ||
	    !BPF_CORE_READ(sk, sk_txhash))
		return EADDRNOTAVAIL;
	if (is_over_ipv4(sk))
		err = errno_of_rules(address);
	return err || !fresh ? err : ENETUNREACH;
}

#endif /* TCS_CONNECT_H */
