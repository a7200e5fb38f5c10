/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_TIME_WAIT_H
#define TCS_TIME_WAIT_H

/*
 * tcs_time_wait.h - whether the kernel made a time-wait socket for a socket that closes
 *
 * tcp_time_wait() refuses at net.ipv4.tcp_max_tw_buckets, and the -> CLOSE that follows looks the
 * same. The number of time-wait sockets does not decide it: inet_twsk_schedule() counts the new one
 * before tcp_done(), so the last one made and the first one refused are seen with the same number.
 * TCPTimeWaitOverflow is per CPU, without a value to compare with for a socket that has moved.
 * The time-wait socket itself decides: it takes over the socket's hash, addresses, ports and
 * namespace, and is in the chain of that hash before tcp_done() (inet_twsk_hashdance()).
 *
 * The chain is read only where the number of time-wait sockets is within an eighth and
 * TIME_WAIT_SLACK of the limit: other CPUs may have removed that many between the refusal and the
 * event, a microsecond later. Below that, an allocation that fails for lack of memory is not seen.
 *
 * Bounds: TIME_WAIT_CHAIN sockets of a chain, TIME_WAIT_READS reads of it. A chain that is longer
 * or does not hold still leaves the question open. BPF side only.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tcs_socket.h"

#define TIME_WAIT_SLACK 16
#define TIME_WAIT_CHAIN 32
#define TIME_WAIT_PART	8 /* of these, in one call */
#define TIME_WAIT_READS 2

enum time_wait_answer {
	TIME_WAIT_MADE,
	TIME_WAIT_REFUSED,
	TIME_WAIT_OPEN, /* not decided */
};

/* Of the namespace; NULL: this kernel keeps it elsewhere. */
static __always_inline const struct inet_timewait_death_row *time_wait_row(const struct net *net)
{
	const struct netns_ipv4___pointer *apart = (const void *)&net->ipv4;

	if (bpf_core_field_exists(net->ipv4.tcp_death_row.sysctl_max_tw_buckets))
		return &net->ipv4.tcp_death_row;
	if (bpf_core_field_exists(apart->tcp_death_row))
		return BPF_CORE_READ(apart, tcp_death_row);
	return NULL;
}

static __always_inline __u32 time_wait_number(const struct inet_timewait_death_row *row)
{
	const struct inet_timewait_death_row___count *old = (const void *)row;

	if (bpf_core_field_exists(row->tw_refcount))
		return (__u32)BPF_CORE_READ(row, tw_refcount.refs.counter) - 1;
	return (__u32)BPF_CORE_READ(old, tw_count.counter);
}

/* Whether tcp_time_wait() may have refused just now. */
static __always_inline bool time_wait_is_scarce(const struct sock *sk)
{
	const struct inet_timewait_death_row *row = time_wait_row(net_of(sk));
	__u32 limit;

	if (!row)
		return true;
	limit = (__u32)BPF_CORE_READ(row, sysctl_max_tw_buckets);
	return time_wait_number(row) + limit / 8 + TIME_WAIT_SLACK >= limit;
}

/* Beside addresses of nodes, which are even, and ends of chains, which are odd and 33 bits long. */
#define TIME_WAIT_FOUND (~0ULL)
#define TIME_WAIT_LOST	(~2ULL) /* this is no chain */

/*
 * One step along a chain: the next node or the end, or TIME_WAIT_FOUND if the socket of this
 * node is the time-wait socket of sk, whose hash is given. Global functions, with
 * numbers for addresses: the verifier goes through each once, not at each step.
 */
__noinline __u64 time_wait_step(__u64 at, __u64 sk, __u32 hash)
{
	const struct inet_sock *inet = (const void *)sk;
	const struct sock_common *skc = &inet->sk.__sk_common;
	const struct hlist_nulls_node *node = (const void *)at;
	const struct sock_common *tw =
		(const void *)(at - bpf_core_field_offset(struct sock_common, skc_nulls_node));

	/* The port by inet_sport: skc_num of sk is 0 by now. */
	if (BPF_CORE_READ(tw, skc_hash) == hash && BPF_CORE_READ(tw, skc_state) == TCP_TIME_WAIT &&
	    BPF_CORE_READ(tw, skc_dport) == BPF_CORE_READ(skc, skc_dport) &&
	    BPF_CORE_READ(tw, skc_num) == bpf_ntohs(BPF_CORE_READ(inet, inet_sport)) &&
	    BPF_CORE_READ(tw, skc_daddr) == BPF_CORE_READ(skc, skc_daddr) &&
	    BPF_CORE_READ(tw, skc_net.net) == BPF_CORE_READ(skc, skc_net.net))
		return TIME_WAIT_FOUND;
	node = BPF_CORE_READ(node, next);
	return node ? (__u64)node : TIME_WAIT_LOST;
}

/* A long loop is divided: its body is verified in each round. */
__noinline __u64 time_wait_steps(__u64 at, __u64 sk, __u32 hash)
{
	__u32 i;

	for (i = 0; i < TIME_WAIT_PART && !(at & 1); i++)
		at = time_wait_step(at, sk, hash);
	return at;
}

/* From this node on: the end of the chain, or TIME_WAIT_FOUND; an even number: it is too long. */
__noinline __u64 time_wait_walk(__u64 at, __u64 sk, __u32 hash)
{
	__u32 i;

	for (i = 0; i < TIME_WAIT_CHAIN / TIME_WAIT_PART && !(at & 1); i++)
		at = time_wait_steps(at, sk, hash);
	return at;
}

/* enum time_wait_answer for a socket at FIN_WAIT2 -> CLOSE or CLOSING -> CLOSE. */
__noinline int time_wait_look_up(__u64 sk)
{
	const struct sock_common *skc = (const void *)sk;
	const struct inet_timewait_death_row *row = time_wait_row(BPF_CORE_READ(skc, skc_net.net));
	__u32 hash = BPF_CORE_READ(skc, skc_hash), number, reads;
	const struct inet_ehash_bucket *bucket;
	const struct inet_hashinfo *info;
	__u64 at;

	if (!row)
		return TIME_WAIT_OPEN;
	info = BPF_CORE_READ(row, hashinfo);
	number = hash & BPF_CORE_READ(info, ehash_mask);
	bucket = (const void *)((__u64)BPF_CORE_READ(info, ehash) +
				(__u64)number * bpf_core_type_size(struct inet_ehash_bucket));
	for (reads = 0; reads < TIME_WAIT_READS; reads++) {
		at = time_wait_walk((__u64)BPF_CORE_READ(bucket, chain.first), sk, hash);
		if (at == TIME_WAIT_FOUND)
			return TIME_WAIT_MADE;
		/* The end of a chain bears its number (INIT_HLIST_NULLS_HEAD()). */
		if (at == ((__u64)number << 1 | 1))
			return TIME_WAIT_REFUSED;
	}
	return TIME_WAIT_OPEN;
}

#endif /* TCS_TIME_WAIT_H */
