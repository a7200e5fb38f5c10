// SPDX-License-Identifier: GPL-2.0-only
/*
 * census.bpf.c - which TCP sockets exist in a network namespace
 *
 * Walks the kernel's own tables: listeners first, then full sockets, TIME_WAIT mini-sockets and
 * half-open requests. What can be counted is counted here (half-open ones: tcs_half_open.h); a row
 * goes out only for a listener and for the states that were asked for. Judgement is user space's.
 *
 * There are two walks, and one of them is loaded: over the table itself (tcs_sweep.h), or by
 * iter/tcp, at twice the price, on kernels before 6.1. They put the socket at hand into at_hand;
 * what follows is the same, and reads the rest of the socket by probes.
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

#include "tcs_device.h"
#include "tcs_filter.h"
#include "tcs_half_open.h"
#include "tcs_listeners.h"
#include "tcs_marks.h"
#include "tcs_mptcp.h"
#include "tcs_netns.h"
#include "tcs_note.h"
#include "tcs_owners.h"
#include "tcs_pending.h"
#include "tcs_ports.h"
#include "tcs_socket.h"
#include "tcs_sweep.h"
#include "tcs_wire.h"

#define TCP_NEW_SYN_RECV 12

char LICENSE[] SEC("license") = "GPL";

const volatile struct tcs_census_settings set;
const volatile __u64 lports[1024];
const volatile __u64 rports[1024];

/* Ports that connect() may take by itself, in the namespace at hand; written before the walk. */
__u64 local_range[1024];
/* Of these, what connect() passes over since a bind() chose them; all 0: none, or unknown. */
__u64 bound_ports[1024];
/* Ranges of ports of programs in that namespace; first 0: no more. */
struct tcs_census_range own_ranges[TCS_CENSUS_RANGES];
/* TIME_WAIT younger than this is not taken over: net.ipv4.tcp_tw_reuse_delay. */
__u32 reuse_delay_ms;
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

/* For who takes them out: rows of the walk over the sweep. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TCS_CENSUS_ROWS);
	__type(key, __u32);
	__type(value, struct tcs_wire_census);
} rows SEC(".maps");

/*
 * The socket at hand. Not on the stack: what is known of a variable there multiplies the verifier's
 * paths, and 70,000 instructions take it 150 ms; of memory it knows nothing.
 */
static struct {
	struct addrs a;
	struct half_open h; /* SYN_RECV */
	__u64 sk;
	__u64 net;    /* address of its namespace */
	__u32 device; /* ifindex of the bound device, or zone of a link-local address; 0 none */
	__u32 state;  /* as ss has it */
	__u32 end;    /* TIME_WAIT: jiffies until it is over */
	__u16 lport;
	__u8 stalled;
	bool full;     /* a full socket */
	bool mini;     /* of the time-wait table */
	bool reusable; /* TIME_WAIT that connect() takes over, if tcp_tw_reuse lets it */
} at_hand __attribute__((used));

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
static __always_inline bool socket_unwanted(void)
{
	const struct sock *sk = (const struct sock *)at_hand.sk;

	if (!set.has_uid && !set.cgroup)
		return false;
	if (!at_hand.full || (set.has_uid && BPF_CORE_READ(sk, sk_uid.val) != set.uid))
		return true;
	return set.cgroup && outside_cgroup(sk, set.cgroup, set.cgroup_level);
}

static __always_inline void count_group(void)
{
	__u32 state = at_hand.state;
	struct tcs_census_states none = {}, *held;
	struct tcs_census_group key = {};

	if (set.group == 1)
		key.port = at_hand.lport;
	else
		__builtin_memcpy(key.addr, at_hand.a.r, sizeof(key.addr));
	if (set.group != 1 && at_hand.device && is_link_local(at_hand.a.r))
		key.device = at_hand.device;
	held = bpf_map_lookup_elem(&groups, &key);
	if (!held) {
		if (key.device)
			device_note(at_hand.net, key.device);
		if (bpf_map_update_elem(&groups, &key, &none, 0)) {
			out.groups_full++;
			return;
		}
		held = bpf_map_lookup_elem(&groups, &key);
	}
	if (held && state < TCS_CENSUS_STATES)
		held->n[state]++;
}

static __always_inline void count_time_wait(struct tcs_census_held *held)
{
	__u32 end = at_hand.end;

	if (!held->time_wait || end < held->first_end)
		held->first_end = end;
	if (end > held->last_end)
		held->last_end = end;
	held->time_wait++;
}

/*
 * A port from 32768 on, or of the local range, is one that a client was given: IANA's, Linux's,
 * BSD's and Windows' ranges are there.
 */
static __always_inline bool is_given(__u16 port)
{
	return port >= 32768 || port_listed(local_range, port);
}

static __always_inline void count_odd(struct tcs_census_held *held, __u16 lport)
{
	held->odd_lport = !held->odd || held->odd_lport == lport ? lport : 0;
	held->odd++;
}

static __always_inline void count_held(struct tcs_census_held *held, bool ports)
{
	if (ports)
		held->ports++;
	if (!at_hand.mini)
		return;
	if (at_hand.state != TCP_TIME_WAIT) {
		held->fin_wait2++;
		return;
	}
	count_time_wait(held);
	if (ports && at_hand.reusable)
		held->reusable++;
}

/*
 * ports: its local port is one of those that connect() chooses. A global function: the verifier
 * goes through it once.
 */
__noinline int count_in_place(__u16 lport, __u16 rport, __u8 range, bool ports)
{
	struct tcs_census_held none = {}, *held;
	struct tcs_census_place key = {};

	key.family = at_hand.a.family;
	key.device = at_hand.device;
	key.range = range;
	key.lport = lport;
	key.rport = rport;
	__builtin_memcpy(key.laddr, at_hand.a.l, sizeof(key.laddr));
	if (rport)
		__builtin_memcpy(key.raddr, at_hand.a.r, sizeof(key.raddr));
	held = bpf_map_lookup_elem(&places, &key);
	if (!held) {
		if (key.device)
			device_note(at_hand.net, key.device);
		if (bpf_map_update_elem(&places, &key, &none, 0)) {
			out.places_full++;
			return 0;
		}
		held = bpf_map_lookup_elem(&places, &key);
		if (!held)
			return 0;
	}
	count_held(held, ports);
	if (rport && !ports && at_hand.mini)
		count_odd(held, at_hand.lport);
	return 0;
}

/* The same towards the same destination, in each range of a program that has the port. */
static __always_inline void count_in_ranges(void)
{
	__u16 lport = at_hand.lport;
	__u32 i;

	for (i = 0; i < TCS_CENSUS_RANGES && own_ranges[i].first; i++)
		if (own_ranges[i].first <= lport && lport <= own_ranges[i].last)
			count_in_place(0, at_hand.a.rport, i + 1, true);
}

/*
 * Whose ports these are: a connection that came to a port we listen on takes none of ours, and its
 * TIME_WAIT is counted by that port: one row for a thousand clients. The listener may be
 * gone: then TIME_WAIT is a server's if the peer's port is one that a client was given, and ours is
 * not. What is left is sorted out when all are counted (census_tables.c).
 */
static __always_inline void count_place(void)
{
	__u16 lport = at_hand.lport;
	bool passive = port_listed(listening, lport);
	bool ports =
		!passive && port_listed(local_range, lport) && !port_listed(bound_ports, lport);

	if (!at_hand.mini && !ports)
		return;
	if (!is_given(lport) && is_given(at_hand.a.rport))
		passive = true;
	if (passive)
		count_in_place(lport, 0, 0, false);
	else
		count_in_place(0, at_hand.a.rport, 0, ports);
	if (ports)
		count_in_ranges();
}

static __always_inline void count_pending(void)
{
	struct tcs_pending_key key = {};

	key.family = at_hand.a.family;
	key.rport = at_hand.a.rport;
	key.device = at_hand.device;
	__builtin_memcpy(key.laddr, at_hand.a.l, sizeof(key.laddr));
	__builtin_memcpy(key.raddr, at_hand.a.r, sizeof(key.raddr));
	if (!pending_count((const struct tcp_sock *)at_hand.sk, &key, at_hand.net))
		out.pending_full++;
}

/* Up to 6.5 the listener of an MPTCP socket has a socket of its own, without a file. */
static __always_inline void mark_file(const struct sock *sk)
{
	__u64 file = (__u64)BPF_CORE_READ(sk, sk_socket, file), msk;

	if (!file) {
		msk = msk_of(sk);
		if (msk)
			file = (__u64)BPF_CORE_READ((const struct sock *)msk, sk_socket, file);
	}
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

/* What the kernel's lookup of a listener goes by, beside address, port and device. */
static __always_inline void fill_identity(struct tcs_wire_census *row, const struct sock *sk)
{
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET)
		row->flags |= TCS_CENSUS_INET4;
	if (BPF_CORE_READ_BITFIELD_PROBED(&sk->__sk_common, skc_ipv6only))
		row->flags |= TCS_CENSUS_V6ONLY;
	if (is_shared(sk))
		row->flags |= TCS_CENSUS_SHARED;
}

/* By probe reads: the socket may be a listener no longer. */
static __always_inline void fill_listener(struct tcs_wire_census *row, const struct tcp_sock *tp)
{
	const struct inet_connection_sock *icsk = &tp->inet_conn;
	const struct sock *sk = &icsk->icsk_inet.sk;
	const struct tcs_handshakes_kept *h;

	row->syn_queue = BPF_CORE_READ(icsk, icsk_accept_queue.qlen.counter);
	row->syn_queue_young = BPF_CORE_READ(icsk, icsk_accept_queue.young.counter);
	row->accept_queue = BPF_CORE_READ(sk, sk_ack_backlog);
	row->queue_limit = BPF_CORE_READ(sk, sk_max_ack_backlog);
	row->drops = BPF_CORE_READ(sk, sk_drops.counter);
	row->cookie_age = cookie_age(tp);
	fill_identity(row, sk);
	h = handshakes_of((__u64)sk);
	if (h) {
		row->flags |= TCS_CENSUS_HANDSHAKES;
		row->handshakes = h->counts;
	}
}

/* Not after tcp_mstamp: its clock does not wrap. 0 where the socket has none. */
static __always_inline __u32 idle_s(const struct tcp_sock *tp)
{
	__u64 last_us = BPF_CORE_READ(tp, tcp_mstamp), now_us = bpf_ktime_get_ns() / 1000;

	return last_us && last_us < now_us ? (now_us - last_us) / 1000000 : 0;
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
	struct tcs_note owner = {};

	if (!note || (kernel.cookies && !note_is_of(note, row->id)) ||
	    (note->mark & 0xff) != row->state)
		return;
	row->since_ns = note->since_ns;
	owner_read(note, &owner);
	row->owner.pid = owner.pid;
	row->owner.source = owner.owner_source;
	__builtin_memcpy(row->owner.comm, owner.comm, sizeof(row->owner.comm));
}

/*
 * Jiffies since payload last went the way that is still open: sent in CLOSE_WAIT, received in
 * FIN_WAIT2. Neither probe of a keep-alive timer nor its answer carries any.
 */
static __always_inline __u32 payload_age(const struct tcp_sock *tp, __u32 state)
{
	__u32 at = state == TCP_FIN_WAIT2 ? BPF_CORE_READ(tp, inet_conn.icsk_ack.lrcvtime) :
					    BPF_CORE_READ(tp, lsndtime);

	return (__u32)bpf_jiffies64() - at;
}

/* accept() and socket() attach a struct socket; close() detaches it (sock_orphan()). */
static __always_inline bool is_attached(__u64 sk)
{
	return BPF_CORE_READ((const struct sock *)sk, sk_socket) != NULL;
}

static __always_inline void fill_ages(struct tcs_wire_census *row, const struct tcp_sock *tp)
{
	row->quiet = (__u32)bpf_jiffies64() - BPF_CORE_READ(tp, rcv_tstamp);
	row->payload = payload_age(tp, row->state);
	row->idle_s = idle_s(tp);
	row->flags |= is_attached(at_hand.sk) ? TCS_CENSUS_ATTACHED : TCS_CENSUS_DETACHED;
}

static __always_inline void fill_row(struct tcs_wire_census *row, __u64 id)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)at_hand.sk;
	const struct sock *sk = (const struct sock *)at_hand.sk;

	__builtin_memset(row, 0, sizeof(*row));
	row->state = at_hand.state;
	row->family = at_hand.a.family;
	row->stalled = at_hand.stalled;
	row->lport = at_hand.lport;
	row->rport = at_hand.a.rport;
	row->device = at_hand.device;
	if (row->device)
		device_note(at_hand.net, row->device);
	__builtin_memcpy(row->laddr, at_hand.a.l, sizeof(row->laddr));
	__builtin_memcpy(row->raddr, at_hand.a.r, sizeof(row->raddr));
	if (at_hand.full) {
		mark_file(sk);
		row->id = id;
		fill_user(row, sk);
		if (row->state == TCP_LISTEN)
			fill_listener(row, tp);
		else
			fill_ages(row, tp);
		if (set.notes)
			ask_note(row, sk);
	}
	if (row->state == TCP_SYN_RECV) {
		row->retransmits = at_hand.h.retransmits;
		row->acked = at_hand.h.acked;
		row->age_us = at_hand.h.age_us;
	}
}

/* Of an MPTCP socket, which receives and sends by all of its subflows. */
static struct {
	__u32 state;
	__u32 quiet; /* the least of its subflows' */
	__u32 payload;
	bool attached;
} msk_ages __attribute__((used));

static __always_inline void take_least_ages(const struct tcp_sock *tp)
{
	__u32 quiet = (__u32)bpf_jiffies64() - BPF_CORE_READ(tp, rcv_tstamp);
	__u32 payload = payload_age(tp, msk_ages.state);

	if (quiet < msk_ages.quiet)
		msk_ages.quiet = quiet;
	if (payload < msk_ages.payload)
		msk_ages.payload = payload;
}

/*
 * Which of the subflows of an MPTCP socket stands for it; 0: none has to, for a subflow that is in
 * the socket's state itself counts already. (Verified where there is no MPTCP, too.)
 */
__noinline __u64 census_msk_subflow(__u64 msk)
{
	__u64 sk, first = 0;
	struct subflows s;
	__u8 state;
	__u32 i;

	if (!HAS_MPTCP)
		return 0;
	msk_ages.quiet = msk_ages.payload = ~0U;
	subflows_begin(&s, msk);
	for (i = 0; i < SUBFLOWS_MAX; i++) {
		sk = subflows_next(&s);
		if (!sk)
			break;
		state = BPF_CORE_READ((const struct sock *)sk, __sk_common.skc_state);
		if (state == msk_ages.state)
			return 0;
		if (state == TCP_CLOSE)
			continue;
		take_least_ages((const struct tcp_sock *)sk);
		if (!first)
			first = sk;
	}
	return first;
}

/*
 * The half-closed MPTCP socket that the current socket represents: CLOSE_WAIT or FIN_WAIT2 of the
 * connection, while its subflows are ESTABLISHED. 0: none, or it is not asked for.
 */
static __always_inline __u64 msk_at_hand(void)
{
	__u64 msk;

	if (!HAS_MPTCP || !at_hand.full || half_open_only || at_hand.state == TCP_LISTEN)
		return 0;
	msk = msk_of((const struct sock *)at_hand.sk);
	if (!msk)
		return 0;
	msk_ages.state = BPF_CORE_READ((const struct sock *)msk, __sk_common.skc_state);
	msk_ages.attached = is_attached(msk);
	if ((msk_ages.state != TCP_CLOSE_WAIT &&
	     (msk_ages.state != TCP_FIN_WAIT2 || !msk_ages.attached)) ||
	    !(set.count & set.rows & 1U << (msk_ages.state & 31)) ||
	    census_msk_subflow(msk) != at_hand.sk || addrs_unwanted(&at_hand.a, at_hand.lport) ||
	    socket_unwanted())
		return 0;
	return msk;
}

/* The row of its subflow becomes that of an MPTCP socket. */
static __always_inline void set_msk(struct tcs_wire_census *row)
{
	row->state = msk_ages.state;
	row->flags =
		TCS_CENSUS_MPTCP | (msk_ages.attached ? TCS_CENSUS_ATTACHED : TCS_CENSUS_DETACHED);
	row->quiet = msk_ages.quiet;
	row->payload = msk_ages.payload;
	row->stalled = 0;
	row->since_ns = 0;
	__builtin_memset(&row->owner, 0, sizeof(row->owner));
}

static __always_inline bool only_half_open(__u32 state)
{
	return half_open_only && state != TCP_NEW_SYN_RECV && state != TCP_SYN_RECV;
}

static __always_inline void take_common(const struct sock_common *skc, __u64 sk)
{
	at_hand.sk = sk;
	at_hand.lport = skc->skc_num;
	at_hand.net = (__u64)skc->skc_net.net;
	at_hand.device = skc->skc_bound_dev_if;
	at_hand.h = (struct half_open){ .net = at_hand.net, .device = at_hand.device };
	at_hand.stalled = at_hand.full = at_hand.mini = false;
	read_addrs(skc, &at_hand.a);
}

/* As tcp_twsk_unique() has it; before 6.14 it went by the second of the last timestamp. */
static __always_inline bool is_reusable(const struct tcp_timewait_sock *ttw)
{
	const struct inet_timewait_sock *tw = &ttw->tw_sk;
	__u32 stamp = BPF_CORE_READ(ttw, tw_ts_recent_stamp);
	__u64 now = bpf_ktime_get_ns();

	if (!stamp)
		return false;
	if (!bpf_core_field_exists(tw->tw_entry_stamp))
		return (__s32)((__u32)(now / 1000000000) - stamp) > 0;
	return (__s32)((__u32)(now / 1000000) - BPF_CORE_READ(tw, tw_entry_stamp) -
		       reuse_delay_ms) > 0;
}

static __always_inline void take_mini(const struct inet_timewait_sock *tw)
{
	const struct tcp_timewait_sock *ttw = (const struct tcp_timewait_sock *)tw;
	__s32 left;

	at_hand.mini = true;
	at_hand.state = BPF_CORE_READ(tw, tw_substate);
	out.time_wait_table++;
	if (!set.places || half_open_only || at_hand.state != TCP_TIME_WAIT)
		return;
	left = (__s32)((__u32)BPF_CORE_READ(tw, tw_timer.expires) - (__u32)bpf_jiffies64());
	at_hand.end = left > 0 ? left : 0; /* its timer is about to run */
	at_hand.reusable = is_reusable(ttw);
}

static __always_inline void take_full(const struct tcp_sock *tp, __u32 state)
{
	at_hand.full = true;
	at_hand.state = state;
	at_hand.stalled = timeouts(tp, state);
	if (state == TCP_SYN_RECV)
		read_full(tp, &at_hand.h);
}

/* It comes back by itself; but of cookies nothing else tells where tcp_syncookies is 2. */
static __always_inline bool is_pruned(const struct sock *sk)
{
	const struct tcs_handshakes_kept *h = handshakes_of((__u64)sk);

	return h && h->unwatched && cookie_age((const struct tcp_sock *)sk) == TCS_CENSUS_NEVER;
}

/* Of those with a file, so that children nobody has accepted yet have the owner of this one. */
static __always_inline void take_listener(__u64 id)
{
	const struct sock *sk = (const struct sock *)at_hand.sk;

	listening[at_hand.lport >> 6] |= 1ULL << (at_hand.lport & 63);
	if (set.notes && !is_pruned(sk))
		watched_begin(sk, id);
	mark_file(sk);
}

/* An orphan in FIN_WAIT2 is the kernel's, and over when tcp_fin_timeout is. */
static __always_inline bool wants_row(__u32 state)
{
	if (!(set.rows >> (state & 31) & 1))
		return false;
	return state != TCP_FIN_WAIT2 || set.orphans || (at_hand.full && is_attached(at_hand.sk));
}

/* Connections that pass the filter may have come to it, by whatever its own address says. */
static __always_inline bool listens_for_wanted(const struct sock *sk, const struct addrs *a,
					       __u16 lport)
{
	if (set.by_lport && !port_listed(lports, lport))
		return false;
	return listener_takes(a, BPF_CORE_READ_BITFIELD_PROBED(&sk->__sk_common, skc_ipv6only),
			      set.family, set.src, set.src_bits);
}

/* A listener that is not counted, and is judged by its connections all the same. */
static __always_inline bool listener_at_hand(__u32 state)
{
	return state == TCP_LISTEN && !half_open_only && set.rows >> TCP_LISTEN & 1 &&
	       listens_for_wanted((const struct sock *)at_hand.sk, &at_hand.a, at_hand.lport);
}

/* Count what is at hand. True: there is to be a row of it. */
static __always_inline bool count_at_hand(void)
{
	__u32 state = at_hand.state;

	/* What uses up ports does so whatever the user wants to see. */
	if (set.places && !half_open_only && state != TCP_LISTEN)
		count_place();
	if (state >= TCS_CENSUS_STATES || socket_unwanted() || !(set.count >> state & 1))
		return false;
	if (addrs_unwanted(&at_hand.a, at_hand.lport))
		return listener_at_hand(state);
	barrier_var(state); /* or the verifier sees another register checked than used */
	if (state < TCS_CENSUS_STATES)
		out.states[state]++;
	if (set.group && !half_open_only)
		count_group();
	if (set.half_open && state == TCP_SYN_RECV &&
	    !half_open_count(&at_hand.h, &at_hand.a, at_hand.lport))
		out.half_open_full++;
	if (half_open_only)
		return false;
	if (set.pending && state == TCP_SYN_SENT)
		count_pending();
	return wants_row(state) || (set.stalled && at_hand.stalled >= set.stalled);
}

/* ---- the walk over the table ----------------------------------------------------------------- */

/* Whoever was copied is still there, and what has been read of it since is its own. */
static __always_inline bool is_still(const struct sock_common *skc)
{
	const struct sock_common *now = (const void *)later;

	return copy_socket(later, at_hand.sk) && now->skc_hash == skc->skc_hash &&
	       now->skc_num == skc->skc_num && now->skc_dport == skc->skc_dport &&
	       (now->skc_cookie.counter == skc->skc_cookie.counter || !skc->skc_cookie.counter);
}

/*
 * That of one which has been freed meanwhile is told to nobody. msk: its row; 0: the socket's. A
 * global function: the verifier goes through it once.
 */
__noinline int census_put_row(__u64 msk)
{
	__u32 place = sweep.n_rows;
	struct tcs_wire_census *row = bpf_map_lookup_elem(&rows, &place);

	if (!row) {
		sweep.left_out++;
		return 0;
	}
	fill_row(row, id_as_it_is((const struct sock *)(msk ? msk : at_hand.sk)));
	if (msk)
		set_msk(row);
	if (is_still((const void *)copy))
		sweep.n_rows = place + 1;
	return 0;
}

__noinline int sweep_look_at(__u64 sk)
{
	const struct sock_common *skc = (const void *)copy;
	__u32 state = skc->skc_state;
	__u64 msk;

	out.sockets++;
	if (only_half_open(state))
		return 0;
	take_common(skc, sk);
	if (state == TCP_TIME_WAIT) {
		take_mini((const struct inet_timewait_sock *)sk);
	} else if (state == TCP_NEW_SYN_RECV) {
		read_request((const struct tcp_request_sock *)sk, &at_hand.h);
		at_hand.state = TCP_SYN_RECV;
	} else {
		take_full((const struct tcp_sock *)sk, state);
	}
	if (at_hand.full && state == TCP_LISTEN)
		take_listener(id_as_it_is((const struct sock *)sk));
	if (count_at_hand())
		census_put_row(0);
	msk = msk_at_hand();
	if (msk)
		census_put_row(msk);
	return 0;
}

/* For a namespace with a listener that has no cookie; a read that returns something is enough. */
SEC("iter/tcp")
int tcs_sweep_cookies(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct tcp_sock *tp;

	if (!skc)
		return 0;
	tp = bpf_skc_to_tcp_sock(skc);
	if (tp && skc->skc_state == TCP_LISTEN) {
		id_for_now(&tp->inet_conn.icsk_inet.sk);
		return 0;
	}
	bpf_seq_write(ctx->meta->seq, filler, sizeof(filler));
	return 0;
}

__u64 asked; /* the id of a listener without a cookie, and the one it has now */

SEC("raw_tp")
int tcs_sweep_ask(void *ctx)
{
	const struct sock *sk = (const struct sock *)asked;

	asked = id_as_it_is(sk);
	if (set.notes)
		watched_begin(sk, asked);
	return 0;
}

/* ---- the walk by iter/tcp -------------------------------------------------------------------- */

SEC("iter/tcp")
int tcs_census(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct tcs_wire_census row;
	struct tcp_sock *tp = NULL;
	__u64 id = 0, msk;
	__u32 state;
	bool wanted;

	if (!skc)
		return 0;
	out.sockets++;
	if (set.slice && !(out.sockets & (set.slice - 1)))
		bpf_seq_write(ctx->meta->seq, filler, sizeof(filler));
	state = skc->skc_state;
	if (only_half_open(state))
		return 0;
	take_common(skc, address_of((const struct sock *)skc));
	if (state == TCP_TIME_WAIT) {
		take_mini((const struct inet_timewait_sock *)at_hand.sk);
	} else if (state == TCP_NEW_SYN_RECV) {
		read_request((const struct tcp_request_sock *)at_hand.sk, &at_hand.h);
		at_hand.state = TCP_SYN_RECV;
	} else {
		tp = bpf_skc_to_tcp_sock(skc);
		if (!tp)
			return 0;
		take_full((const struct tcp_sock *)at_hand.sk, state);
	}
	wanted = count_at_hand();
	if (tp && (wanted || state == TCP_LISTEN))
		id = id_for_now(&tp->inet_conn.icsk_inet.sk);
	if (tp && state == TCP_LISTEN)
		take_listener(id);
	if (wanted) {
		fill_row(&row, id);
		bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	}
	msk = msk_at_hand();
	if (msk) {
		fill_row(&row, id_as_it_is((const struct sock *)msk));
		set_msk(&row);
		bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	}
	return 0;
}

/* ---- namespaces ------------------------------------------------------------------------------ */

struct tcs_netns_list netns_list;

__noinline int netns_meet(__u64 address)
{
	const struct net *net = (const struct net *)address;
	__u32 n = netns_list.n;

	if (n >= TCS_CENSUS_NETNS) {
		netns_list.left_out++;
		return 0;
	}
	netns_list.at[n].net = address;
	netns_list.at[n].cookie = net_cookie_of(net);
	netns_list.at[n].inode = BPF_CORE_READ(net, ns.inum);
	netns_list.n = n + 1;
	return 0;
}

/* All namespaces that exist, whether a process or a name shows them or not. */
SEC("raw_tp")
int tcs_netns_listed(void *ctx)
{
	netns_list.n = netns_list.left_out = 0;
	netns_list.complete = netns_walk() && !netns_list.left_out;
	return 0;
}

/* ---- the namespace we are in ----------------------------------------------------------------- */

__u64 here_cookie; /* 0: the kernel has none */
__u64 here_net;	   /* its address */

SEC("raw_tp")
int tcs_netns_here(void *ctx)
{
	const struct task_struct *task = (const void *)bpf_get_current_task();
	const struct net *net = BPF_CORE_READ(task, nsproxy, net_ns);

	here_net = (__u64)net;
	here_cookie = net_cookie_of(net);
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

/* Listeners to be read, written before each run; then their rows. State 0: none, or unwanted. */
struct tcs_census_ask ask[TCS_CENSUS_ASK];
struct tcs_wire_census answers[TCS_CENSUS_ASK];

/* Written before each run, and by it. */
bool mark_listeners;  /* their files, so that their holders can be looked up */
bool prune_idle;      /* listeners that nothing happens to: no row, and they are not read again */
bool renew_owners;    /* of listeners; there are no rows */
bool forget_owners;   /* of listeners: those that have exited */
bool owners_overflow; /* nobody knows which owners have exited */
bool owners_doubtful; /* some may hold their listener no more */
__u32 owners_scan;    /* the scan in between (scan_number); 0: there was none */
__u32 n_stale;	      /* listeners whose owner has changed */
__u32 n_pruned;	      /* listeners that are not read again, by all runs */

/*
 * A listener whose owner has exited or has another name: its file is marked, for a scan that finds
 * the new one. In the next run (forget_owners) it has none if that scan has not found any.
 */
static __always_inline void renew_owner(const struct sock *sk, __u64 id)
{
	static const __u64 nobody[2];
	struct tcs_note *note = note_find(sk);
	const struct tcs_owner_change *change;
	__u32 pid;

	if (!note || (note->mark & 0xff) != TCP_LISTEN || (kernel.cookies && !note_is_of(note, id)))
		return;
	pid = note->pid;
	change = bpf_map_lookup_elem(&owner_changes, &pid);
	if (!change && !owners_overflow && !owners_doubtful)
		return;
	n_stale++;
	if (!forget_owners)
		mark_file(sk);
	else if (change ? change->gone :
			  owners_overflow && !(owners_scan && owner_is_of_scan(note, owners_scan)))
		owner_write(note, 0, nobody, TCS_OWNER_NONE);
}

/* Nothing has happened since it was read last, and it is not read again until something does. */
static __always_inline bool is_idle(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = (const void *)sk;

	if (BPF_CORE_READ(icsk, icsk_accept_queue.qlen.counter) ||
	    BPF_CORE_READ(sk, sk_ack_backlog) ||
	    cookie_age((const struct tcp_sock *)sk) != TCS_CENSUS_NEVER ||
	    !watched_prune(sk, BPF_CORE_READ(sk, sk_drops.counter), prune_idle))
		return false;
	n_pruned++;
	return true;
}

/* A global function: the verifier goes through it once. */
__noinline int read_listener(__u32 i)
{
	struct tcs_wire_census *row;
	const struct sock *sk;
	const struct net *net;
	struct addrs a = {};

	if (i >= TCS_CENSUS_ASK)
		return 0;
	sk = (const struct sock *)ask[i].sk;
	if (renew_owners) {
		renew_owner(sk, ask[i].id);
		return 0;
	}
	row = &answers[i];
	row->state = 0;
	if (is_idle(sk))
		return 0;
	__builtin_memset(row, 0, sizeof(*row));
	row->id = ask[i].id;
	row->state = TCP_LISTEN;
	net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
	row->netns = BPF_CORE_READ(net, ns.inum);
	row->netns_cookie = net_cookie_of(net);
	row->device = BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
	if (row->device)
		device_note((__u64)net, row->device);
	row->lport = BPF_CORE_READ(sk, __sk_common.skc_num);
	probe_laddr(sk, &a);
	row->family = a.family;
	__builtin_memcpy(row->laddr, a.l, sizeof(row->laddr));
	fill_listener(row, (const struct tcp_sock *)sk);
	fill_user(row, sk);
	ask_note(row, sk);
	if (mark_listeners)
		mark_file(sk);
	/* Another socket may be there by now. Where there are no cookies the state has to do. */
	if ((kernel.cookies && !(row->id & TCS_ID_OWN) && cookie_of(sk) != row->id) ||
	    BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_LISTEN ||
	    !listens_for_wanted(sk, &a, row->lport) || listener_unwanted(sk))
		row->state = 0;
	return 0;
}

#define LISTENERS_PART 8 /* of TCS_CENSUS_ASK */

__noinline int read_some_listeners(__u32 from)
{
	__u32 i;

	for (i = 0; i < LISTENERS_PART; i++)
		if (ask[(from + i) & (TCS_CENSUS_ASK - 1)].sk)
			read_listener(from + i);
	return 0;
}

SEC("raw_tp")
int tcs_listeners(void *ctx)
{
	__u32 i;

	for (i = 0; i < TCS_CENSUS_ASK && ask[i].sk; i += LISTENERS_PART)
		read_some_listeners(i);
	return 0;
}
