// SPDX-License-Identifier: GPL-2.0-only
/*
 * census.bpf.c - which TCP sockets exist in a network namespace, at 0.4 microseconds each
 *
 * Walks the kernel's own tables: listeners first, then full sockets, TIME_WAIT mini-sockets and
 * half-open requests. What can be counted is counted here (half-open ones: tcs_half_open.h); a row
 * goes out only for a listener and for the states that were asked for. Judgement is user space's.
 *
 * States are those of ss: a mini-socket whose peer has not closed is FIN_WAIT2, and a request is
 * SYN_RECV.
 *
 * The namespace is that of the task that called bpf_iter_create(). A walk is one thread, so
 * nothing here needs to be atomic; user space clears `out`, `listening` and the tables between two.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "tcs_filter.h"
#include "tcs_half_open.h"
#include "tcs_listeners.h"
#include "tcs_marks.h"
#include "tcs_note.h"
#include "tcs_socket.h"
#include "tcs_wire.h"

#define TCP_NEW_SYN_RECV 12

char LICENSE[] SEC("license") = "GPL";

const volatile struct tcs_census_settings set;
const volatile __u64 lports[1024];
const volatile __u64 rports[1024];

/* Ports that connect() may take by itself, in the namespace at hand; written before the walk. */
__u64 local_range[1024];
/* Ports somebody listens on: known when the connections come. */
__u64 listening[1024];
struct tcs_census_out out;
/* This walk is for the half-open connections alone. */
volatile bool half_open_only;

/*
 * As many bytes as a read takes, put out every so many sockets: the read returns, and who reads can
 * do something else. The kernel's buffer is 32 KiB, so rows never have to be put out twice, which
 * would run the program twice for a socket.
 */
char filler[TCS_CENSUS_READ];

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TCS_CENSUS_PLACES);
	__type(key, struct tcs_census_place);
	__type(value, struct tcs_census_held);
} places SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TCS_CENSUS_GROUPS);
	__type(key, struct tcs_census_group);
	__type(value, struct tcs_census_states);
} groups SEC(".maps");

static __always_inline bool addrs_unwanted(const struct addrs *a, __u16 lport)
{
	if (set.family && set.family != a->family)
		return true;
	if (set.by_lport && !port_listed(lports, lport))
		return true;
	if (set.by_rport && !port_listed(rports, a->rport))
		return true;
	if (set.src_bits && prefix_differs(set.src, a->l, set.src_bits))
		return true;
	return set.dst_bits && (!a->rport || prefix_differs(set.dst, a->r, set.dst_bits));
}

/* Mini-sockets and requests have neither user nor cgroup: they match no filter that asks. */
static __always_inline bool socket_unwanted(const struct tcp_sock *tp)
{
	const struct sock *sk = (const struct sock *)tp;

	if (!set.has_uid && !set.cgroup)
		return false;
	if (!tp || (set.has_uid && sk->sk_uid.val != set.uid))
		return true;
	return set.cgroup && outside_cgroup(sk, set.cgroup, set.cgroup_level);
}

static __always_inline void count_group(const struct addrs *a, __u16 lport, __u32 state)
{
	struct tcs_census_states none = {}, *held;
	struct tcs_census_group key = {};

	if (set.group == 1)
		key.port = lport;
	else
		__builtin_memcpy(key.addr, a->r, sizeof(key.addr));
	held = bpf_map_lookup_elem(&groups, &key);
	if (!held) {
		if (bpf_map_update_elem(&groups, &key, &none, 0)) {
			out.groups_full++;
			return;
		}
		held = bpf_map_lookup_elem(&groups, &key);
	}
	if (held && state < TCS_CENSUS_STATES)
		held->n[state]++;
}

/*
 * Whose ports these are: a connection that came to a port we listen on takes none of ours, and its
 * TIME_WAIT is told by that port; a thousand clients are not a thousand lines.
 */
static __always_inline void count_time_wait(struct tcs_census_held *held,
					    const struct tcp_timewait_sock *tw)
{
	__s32 left = (__s32)((__u32)tw->tw_sk.tw_timer.expires - (__u32)bpf_jiffies64());
	__u32 end = left > 0 ? left : 0; /* its timer is about to run */

	if (!held->time_wait || end < held->first_end)
		held->first_end = end;
	if (end > held->last_end)
		held->last_end = end;
	held->time_wait++;
}

static __always_inline void count_place(const struct addrs *a, __u16 lport, __u32 state,
					const struct tcp_timewait_sock *tw)
{
	struct tcs_census_held none = {}, *held;
	struct tcs_census_place key = {};
	bool passive = port_listed(listening, lport);
	bool ports = !passive && port_listed(local_range, lport);

	if (!tw && !ports)
		return;
	key.family = a->family;
	__builtin_memcpy(key.laddr, a->l, sizeof(key.laddr));
	if (passive) {
		key.lport = lport;
	} else {
		__builtin_memcpy(key.raddr, a->r, sizeof(key.raddr));
		key.rport = a->rport;
	}
	held = bpf_map_lookup_elem(&places, &key);
	if (!held) {
		if (bpf_map_update_elem(&places, &key, &none, 0)) {
			out.places_full++;
			return;
		}
		held = bpf_map_lookup_elem(&places, &key);
		if (!held)
			return;
	}
	if (ports)
		held->ports++;
	if (!tw)
		return;
	if (state != TCP_TIME_WAIT) {
		held->fin_wait2++;
		return;
	}
	count_time_wait(held, tw);
	if (ports && tw->tw_ts_recent_stamp)
		held->reusable++;
}

static __always_inline void mark_file(const struct sock *sk)
{
	__u64 file = (__u64)BPF_CORE_READ(sk, sk_socket, file);

	if (file)
		marks_set(file);
}

/* The kernel refreshes the stamp once a second while it sends cookies (tcp_synq_overflow()). */
static __always_inline __u32 cookie_age(const struct tcp_sock *tp)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	struct sock_reuseport *group = NULL;
	__u32 stamp;

	if (BPF_CORE_READ_BITFIELD_PROBED(&sk->__sk_common, skc_reuseport))
		group = BPF_CORE_READ(sk, sk_reuseport_cb);
	stamp = group ? BPF_CORE_READ(group, synq_overflow_ts) :
			(__u32)BPF_CORE_READ(tp, rx_opt.ts_recent_stamp);
	return stamp ? (__u32)bpf_jiffies64() - stamp : TCS_CENSUS_NEVER;
}

/* By probe reads: the socket may be a listener no longer. */
static __always_inline void fill_listener(struct tcs_wire_census *row, const struct tcp_sock *tp)
{
	const struct inet_connection_sock *icsk = &tp->inet_conn;
	const struct sock *sk = &icsk->icsk_inet.sk;

	row->syn_queue = BPF_CORE_READ(icsk, icsk_accept_queue.qlen.counter);
	row->syn_queue_young = BPF_CORE_READ(icsk, icsk_accept_queue.young.counter);
	row->accept_queue = BPF_CORE_READ(sk, sk_ack_backlog);
	row->queue_limit = BPF_CORE_READ(sk, sk_max_ack_backlog);
	row->drops = BPF_CORE_READ(sk, sk_drops.counter);
	row->cookie_age = cookie_age(tp);
}

static __always_inline void fill_user(struct tcs_wire_census *row, const struct sock *sk)
{
	row->uid = BPF_CORE_READ(sk, sk_uid.val);
	row->cgroup = cgroup_id(sk);
}

/* The socket's lock is held (bpf_iter_tcp_seq_show()), so its note is that of its present state. */
static __always_inline void ask_note(struct tcs_wire_census *row, const struct sock *sk)
{
	const struct tcs_note *note = note_find(sk);

	if (!note || (kernel.cookies && note->id != row->id) || (note->mark & 0xff) != row->state)
		return;
	row->since_ns = note->since_ns;
	row->owner.pid = note->pid;
	row->owner.source = note->owner_source;
	__builtin_memcpy(row->owner.comm, note->comm, sizeof(row->owner.comm));
}

static __always_inline void put_row(struct bpf_iter__tcp *ctx, struct sock_common *skc,
				    const struct addrs *a, struct tcp_sock *tp, __u32 state,
				    __u8 stalled, const struct half_open *h)
{
	struct tcs_wire_census row = {};

	row.state = state;
	row.family = a->family;
	row.stalled = stalled;
	row.lport = skc->skc_num;
	row.rport = a->rport;
	__builtin_memcpy(row.laddr, a->l, sizeof(row.laddr));
	__builtin_memcpy(row.raddr, a->r, sizeof(row.raddr));
	if (tp) {
		mark_file(&tp->inet_conn.icsk_inet.sk);
		row.id = id_for_now(&tp->inet_conn.icsk_inet.sk);
		fill_user(&row, &tp->inet_conn.icsk_inet.sk);
		if (state == TCP_LISTEN)
			fill_listener(&row, tp);
		else
			row.quiet = (__u32)bpf_jiffies64() - tp->rcv_tstamp;
		if (set.notes)
			ask_note(&row, (const struct sock *)tp);
	}
	if (state == TCP_SYN_RECV) {
		row.retransmits = h->retransmits;
		row.acked = h->acked;
		row.age_us = h->age_us;
	}
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
}

/*
 * The socket at hand. Not on the stack: what is known of a variable there multiplies the verifier's
 * paths, and 70,000 instructions take it 150 ms; of memory it knows nothing.
 */
static struct {
	struct addrs a;
	struct half_open h;
} at_hand;

SEC("iter/tcp")
int tcs_census(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct tcp_request_sock *treq;
	struct tcp_timewait_sock *tw = NULL;
	struct tcp_sock *tp = NULL;
	__u8 stalled = 0;
	__u32 state;
	__u16 lport;

	if (!skc)
		return 0;
	out.sockets++;
	if (set.slice && !(out.sockets & (set.slice - 1)))
		bpf_seq_write(ctx->meta->seq, filler, sizeof(filler));
	if (!out.fin_timeout)
		out.fin_timeout = skc->skc_net.net->ipv4.sysctl_tcp_fin_timeout;

	state = skc->skc_state;
	if (half_open_only && state != TCP_NEW_SYN_RECV && state != TCP_SYN_RECV)
		return 0;
	lport = skc->skc_num;
	at_hand.h = (struct half_open){};
	read_addrs(skc, &at_hand.a);
	if (state == TCP_TIME_WAIT) {
		tw = bpf_skc_to_tcp_timewait_sock(skc);
		if (!tw)
			return 0;
		out.time_wait_table++;
		state = tw->tw_sk.tw_substate;
	} else if (state == TCP_NEW_SYN_RECV) {
		treq = bpf_skc_to_tcp_request_sock(skc);
		if (!treq)
			return 0;
		read_request(treq, &at_hand.h);
		state = TCP_SYN_RECV;
	} else {
		tp = bpf_skc_to_tcp_sock(skc);
		if (!tp)
			return 0;
		stalled = timeouts(tp, state);
		if (state == TCP_SYN_RECV)
			read_full(tp, &at_hand.h);
	}
	/* A mini-socket's state may be anything to the verifier of 6.1. */
	if (tp && state == TCP_LISTEN) {
		listening[lport >> 6] |= 1ULL << (lport & 63);
		if (set.notes)
			watched_begin((const struct sock *)tp,
				      id_for_now(&tp->inet_conn.icsk_inet.sk));
		mark_file(&tp->inet_conn.icsk_inet.sk);
	}

	/* What uses up ports does so whatever the user wants to see. */
	if (set.places && !half_open_only && state != TCP_LISTEN)
		count_place(&at_hand.a, lport, state, tw);
	if (state >= TCS_CENSUS_STATES || addrs_unwanted(&at_hand.a, lport) ||
	    socket_unwanted(tp) || !(set.count >> state & 1))
		return 0;
	out.states[state]++;
	if (set.group && !half_open_only)
		count_group(&at_hand.a, lport, state);
	if (set.half_open && state == TCP_SYN_RECV &&
	    !half_open_count(&at_hand.h, &at_hand.a, lport))
		out.half_open_full++;
	if (half_open_only)
		return 0;
	if (set.rows >> state & 1 || (set.stalled && stalled >= set.stalled))
		put_row(ctx, skc, &at_hand.a, tp, state, stalled, &at_hand.h);
	return 0;
}

/* ---- listeners alone ------------------------------------------------------------------------- */

static __always_inline bool listener_unwanted(const struct sock *sk)
{
	if (set.has_uid && BPF_CORE_READ(sk, sk_uid.val) != set.uid)
		return true;
	return set.cgroup && outside_cgroup(sk, set.cgroup, set.cgroup_level);
}

static __always_inline __u64 cookie_of(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
}

/* Where it listens, as read_addrs() has it, of memory that may be another socket's by now. */
static __always_inline void probe_laddr(const struct sock *sk, struct addrs *a)
{
	struct in6_addr l;

	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET) {
		map_v4(a->l, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
	} else {
		BPF_CORE_READ_INTO(&l, sk, __sk_common.skc_v6_rcv_saddr);
		__builtin_memcpy(a->l, &l, sizeof(a->l));
	}
	a->family = is_mapped(a->l) ? 4 : 6;
}

/* What is not the listener it was is passed over. */
SEC("iter/bpf_map_elem")
int tcs_listeners(struct bpf_iter__bpf_map_elem *ctx)
{
	__u64 *key = ctx->key, *cookie = ctx->value;
	struct tcs_wire_census row = {};
	const struct sock *sk;
	struct addrs a = {};

	if (!key || !cookie)
		return 0;
	sk = (const struct sock *)*key;
	row.id = *cookie;
	row.state = TCP_LISTEN;
	row.netns = netns_of(sk);
	row.lport = BPF_CORE_READ(sk, __sk_common.skc_num);
	probe_laddr(sk, &a);
	row.family = a.family;
	__builtin_memcpy(row.laddr, a.l, sizeof(row.laddr));
	fill_listener(&row, (const struct tcp_sock *)sk);
	fill_user(&row, sk);
	ask_note(&row, sk);
	/* Where there are no cookies the state has to do. */
	if ((kernel.cookies && cookie_of(sk) != row.id) ||
	    BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_LISTEN)
		return 0;
	if (!addrs_unwanted(&a, row.lport) && !listener_unwanted(sk))
		bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}
