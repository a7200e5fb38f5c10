// SPDX-License-Identifier: GPL-2.0-only
/*
 * census.bpf.c - which TCP sockets exist in a network namespace, at 0.4 microseconds each
 *
 * Walks the kernel's own tables: listeners first, then full sockets, TIME_WAIT mini-sockets and
 * half-open requests. What can be counted is counted here; a row goes out only for a listener and
 * for the states that were asked for. Judgement is user space's.
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

/* Files that hold a socket with a row; shared with scan.bpf.c. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TCS_MARKS);
	__type(key, __u32);
	__type(value, __u64);
} marks SEC(".maps");

static __always_inline bool has_port(const volatile __u64 *bits, __u16 port)
{
	return bits[port >> 6] >> (port & 63) & 1;
}

static __always_inline bool unwanted(const struct addrs *a, __u16 lport)
{
	if (set.family && set.family != a->family)
		return true;
	if (set.by_lport && !has_port(lports, lport))
		return true;
	return set.by_rport && !has_port(rports, a->rport);
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
static __always_inline void count_place(const struct addrs *a, __u16 lport, __u32 state, bool mini,
					bool stamped)
{
	struct tcs_census_held none = {}, *held;
	struct tcs_census_place key = {};
	bool passive = has_port(listening, lport);
	bool ports = !passive && has_port(local_range, lport);

	if (!mini && !ports)
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
	if (state == TCP_TIME_WAIT)
		held->time_wait++;
	else if (mini)
		held->fin_wait2++;
	if (ports)
		held->ports++;
	if (ports && stamped && state == TCP_TIME_WAIT)
		held->reusable++;
}

static __always_inline void mark_file(const struct sock *sk)
{
	__u64 file = (__u64)BPF_CORE_READ(sk, sk_socket, file), *word;
	__u32 at = MARK_WORD(file);

	word = file ? bpf_map_lookup_elem(&marks, &at) : NULL;
	if (word)
		*word |= MARK_BIT(file);
}

static __always_inline void fill_full(struct tcs_wire_census *row, struct tcp_sock *tp)
{
	struct inet_connection_sock *icsk = &tp->inet_conn;
	struct sock *sk = &icsk->icsk_inet.sk;

	if (row->state != TCP_LISTEN) {
		row->quiet = (__u32)bpf_jiffies64() - tp->rcv_tstamp;
		return;
	}
	row->syn_queue = icsk->icsk_accept_queue.qlen.counter;
	row->syn_queue_young = icsk->icsk_accept_queue.young.counter;
	row->accept_queue = sk->sk_ack_backlog;
	row->queue_limit = sk->sk_max_ack_backlog;
	row->drops = sk->sk_drops.counter;
}

/* The socket's lock is held (bpf_iter_tcp_seq_show()), so its note is that of its present state. */
static __always_inline void ask_note(struct tcs_wire_census *row, const struct sock *sk)
{
	const struct tcs_note *note = note_find(sk);

	if (!note || note->id != row->id || (note->mark & 0xff) != row->state)
		return;
	row->since_ns = note->since_ns;
	row->owner.pid = note->pid;
	row->owner.source = note->owner_source;
	__builtin_memcpy(row->owner.comm, note->comm, sizeof(row->owner.comm));
}

static __always_inline void put_row(struct bpf_iter__tcp *ctx, struct sock_common *skc,
				    const struct addrs *a, struct tcp_sock *tp, __u32 state,
				    __u8 stalled)
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
		row.id = bpf_get_socket_cookie(tp);
		fill_full(&row, tp);
		if (set.notes)
			ask_note(&row, (const struct sock *)tp);
	}
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
}

SEC("iter/tcp")
int tcs_census(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct tcp_timewait_sock *tw = NULL;
	struct tcp_sock *tp = NULL;
	bool stamped = false;
	struct addrs a;
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
	lport = skc->skc_num;
	read_addrs(skc, &a);
	if (state == TCP_TIME_WAIT) {
		tw = bpf_skc_to_tcp_timewait_sock(skc);
		if (!tw)
			return 0;
		out.time_wait_table++;
		state = tw->tw_sk.tw_substate;
		stamped = tw->tw_ts_recent_stamp != 0;
	} else if (state == TCP_NEW_SYN_RECV) {
		state = TCP_SYN_RECV;
	} else {
		tp = bpf_skc_to_tcp_sock(skc);
		if (!tp)
			return 0;
		stalled = timeouts(tp, state);
	}
	if (state == TCP_LISTEN) {
		listening[lport >> 6] |= 1ULL << (lport & 63);
		mark_file(&tp->inet_conn.icsk_inet.sk);
	}

	/* What uses up ports does so whatever the user wants to see. */
	if (set.places && state != TCP_LISTEN)
		count_place(&a, lport, state, tw != NULL, stamped);
	if (state >= TCS_CENSUS_STATES || unwanted(&a, lport) || !(set.count >> state & 1))
		return 0;
	out.states[state]++;
	if (set.group)
		count_group(&a, lport, state);
	if (set.rows >> state & 1 || (set.stalled && stalled >= set.stalled))
		put_row(ctx, skc, &a, tp, state, stalled);
	return 0;
}
