// SPDX-License-Identifier: GPL-2.0-only
/*
 * events.bpf.c - every TCP state change and every resent SYN-ACK of the host, into ring buffers
 *
 * Several programs share the state tracepoint and do the same work. The kernel skips a program,
 * with no more than a count (recursion_misses), when it would interrupt itself on a CPU; the next
 * program on the tracepoint then finds the event unhandled and takes it. Two marks tell it so:
 *
 *   handled[]   of this CPU and context (a task holding the socket, or a soft interrupt): cheap,
 *               and exact while a tracepoint's probes cannot be preempted (up to Linux 7.0)
 *   note->mark  of the socket: slower, always exact: two successive events of one socket never
 *               have the same (old, new)
 *
 * Sockets that a filter drops have no note. Where probes can be preempted, a third mark is for
 * them: passed, of the task, which is the same for all programs on an event.
 *
 * Two programs are enough where a tracepoint's probes cannot be preempted: one more event can be
 * nested in the first, of a soft interrupt. Where they can, every task that was preempted inside a
 * program keeps that program from all others on its CPU until it runs again, and there are six.
 * Not a way out: bpf_preempt_disable() (what it held back comes with bpf_preempt_enable(), still
 * inside the guard), and tail calls from small programs to a common one (that one has no guard, yet
 * a stack of its own for each CPU, which whoever comes next destroys: the kernel dies of it).
 *
 * All of it runs with the socket's lock held, so a note has one writer at a time. Nothing here
 * wakes a reader, allocates per event, or decides what an event means.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "tcs_connect.h"
#include "tcs_device.h"
#include "tcs_handshake.h"
#include "tcs_listeners.h"
#include "tcs_wire.h"
#include "tcs_filter.h"
#include "tcs_note.h"
#include "tcs_owners.h"
#include "tcs_socket.h"
#include "tcs_time_wait.h"

#define PF_KTHREAD   0x00200000
#define EPIPE	     32
#define EBADMSG	     74
#define ECONNABORTED 103
#define ECONNRESET   104
#define ETIMEDOUT    110

char LICENSE[] SEC("license") = "GPL";

const volatile struct tcs_settings set = { .programs = 1 };
const volatile __u64 lports[1024];
const volatile __u64 rports[1024];

/* Raised by user space when it has forgotten its sockets: all facts are told anew. */
volatile __u8 epoch = 1;

/* The namespace that set.netns asks for. Changed by user space when it follows a name (-N). */
volatile __u64 wanted_netns = 1;

struct tcs_percpu percpu[TCS_MAX_CPUS];

/* One ring for each CPU, and a spare one; the reader makes them at load time and puts them here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_RINGBUF);
			__uint(max_entries, 4096);
		});
} rings SEC(".maps");

struct tcs_passed {
	struct {
		__u64 sk;
		__u64 pair;
	} by[2]; /* context, as in struct tcs_percpu */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct tcs_passed);
} passed_over SEC(".maps");

/* The last serial number of each maker of ids on this CPU. */
struct tcs_serials {
	__u64 last[TCS_ID_MAKERS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tcs_serials);
} serials SEC(".maps");

static __always_inline struct tcs_percpu *slot_of(__u32 cpu)
{
	return &percpu[cpu & (TCS_MAX_CPUS - 1)];
}

static __always_inline void *ring_of(__u32 cpu)
{
	return bpf_map_lookup_elem(&rings, &cpu);
}

/* Atomic: an interrupt may count on this CPU between our load and our store. */
static __always_inline void count(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

/* ---- facts of a socket ----------------------------------------------------------------------- */

/*
 * Host order; 0 not chosen yet. inet_sport outlives skc_num, which is already 0 at -> CLOSE, but
 * after connect(AF_UNSPEC) it also outlives its connection.
 */
static __always_inline __u16 local_port(const struct sock *sk, const struct tcp_sock *tp, int new)
{
	if (new == TCP_SYN_SENT)
		return sk->__sk_common.skc_num;
	return bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport);
}

/* ---- filters: drop only what user space would drop as well ----------------------------------- */

static __always_inline bool addrs_unwanted(const struct addrs *a, __u16 lport)
{
	if (set.by_lport && lport && !port_listed(lports, lport))
		return true;
	if (!a->known)
		return false;
	if (set.family && set.family != a->family)
		return true;
	if (set.by_rport && !port_listed(rports, a->rport))
		return true;
	if (set.src_bits && prefix_differs(set.src, a->l, set.src_bits))
		return true;
	return set.dst_bits && prefix_differs(set.dst, a->r, set.dst_bits);
}

static __always_inline bool netns_unwanted(const struct sock *sk)
{
	if (set.netns == TCS_BY_NETNS_ID)
		return net_id_of(BPF_CORE_READ(sk, __sk_common.skc_net.net)) != wanted_netns;
	return set.netns && netns_of(sk) != wanted_netns;
}

/* By what all its connections have in common with a listener. */
static __always_inline bool creator_unwanted(const struct sock *sk)
{
	if (netns_unwanted(sk))
		return true;
	if (set.has_uid && sk->sk_uid.val != set.uid)
		return true;
	return set.cgroup && outside_cgroup(sk, set.cgroup, set.cgroup_level);
}

/* Connections that pass the filter may come to this listener, which does not pass itself. */
static __always_inline bool listens_for_wanted(const struct sock *sk, __u16 lport)
{
	struct addrs a;

	if (creator_unwanted(sk) || (set.by_lport && !port_listed(lports, lport)))
		return false;
	read_addrs(&sk->__sk_common, &a);
	return listener_takes(&a, BPF_CORE_READ_BITFIELD(&sk->__sk_common, skc_ipv6only),
			      set.family, set.src, set.src_bits);
}

/* Needs nothing but the socket: decided before a note is made. */
static __always_inline bool socket_unwanted(const struct sock *sk, const struct tcp_sock *tp,
					    int new)
{
	if (creator_unwanted(sk))
		return true;
	if (set.family || set.by_lport || set.by_rport || set.src_bits || set.dst_bits) {
		struct addrs a;

		read_addrs(&sk->__sk_common, &a);
		return addrs_unwanted(&a, local_port(sk, tp, new));
	}
	return false;
}

static __always_inline bool owner_unwanted(const struct tcs_note *note)
{
	if (!note->pid)
		return false; /* the scan at start may know it */
	if (set.has_pid && note->pid != set.pid)
		return true;
	if (set.has_comm) {
		const volatile __u64 *want = (const volatile __u64 *)set.comm;

		return want[0] != note->comm[0] || want[1] != note->comm[1];
	}
	return false;
}

/* -> CLOSE out of these two may turn out to be -> TIME_WAIT. */
static __always_inline bool may_be_time_wait(int old, int new)
{
	return new == TCP_CLOSE && (old == TCP_FIN_WAIT2 || old == TCP_CLOSING);
}

static __always_inline bool states_unwanted(int old, int new)
{
	__u32 touched = 1U << old | 1U << new;
	__u32 surely = touched;

	if (may_be_time_wait(old, new)) {
		touched |= 1U << TCP_TIME_WAIT;
		surely = 1U << old;
	}
	return (set.states && !(set.states & touched)) || (set.not_states & surely);
}

/* ---- owners: only from what a task does itself ----------------------------------------------- */

/*
 * connect(), listen(), close() and shutdown(): the transitions that only a user of the socket can
 * cause. sk_lock.owned alone is not enough: whoever releases the lock also runs what has arrived
 * meanwhile (release_sock()), and that may be a reader of socket lists. -> CLOSE with an error is
 * the work of the peer, a timer, or a killer (tcp_abort(), ECONNABORTED).
 */
static __always_inline bool task_acts(int old, int new, __u8 err, __u16 flags)
{
	switch (new) {
	case TCP_SYN_SENT:
	case TCP_LISTEN:
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		return true;
	case TCP_CLOSE:
		return !err && old != TCP_FIN_WAIT1 && old != TCP_FIN_WAIT2 && old != TCP_CLOSING &&
		       old != TCP_LAST_ACK;
	default:
		return false;
	}
}

/* Read by user space, too; and `settled` is written there. */
struct tcs_owner_state owner_state;

struct process {
	__u64 comm[2];
	__u32 pid; /* 0: none, or the kernel's own */
};

static __always_inline void read_comm(const struct task_struct *task, struct process *p)
{
	const struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	bpf_probe_read_kernel(p->comm, sizeof(p->comm), &leader->comm);
}

/* A process has the name of its leader, which most often is the thread that is running. */
static __always_inline void current_process(struct process *p)
{
	const struct task_struct *task;
	unsigned int flags;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		task = bpf_get_current_task_btf();
		p->pid = task->tgid;
		flags = task->flags;
		if (task->pid == task->tgid) {
			p->comm[0] = ((const __u64 *)task->comm)[0];
			p->comm[1] = ((const __u64 *)task->comm)[1];
		} else {
			read_comm(task, p);
		}
	} else { /* up to 5.10 */
		task = (const void *)bpf_get_current_task();
		read_comm(task, p);
		p->pid = BPF_CORE_READ(task, tgid);
		flags = BPF_CORE_READ(task, flags);
	}
	if (flags & PF_KTHREAD)
		p->pid = 0;
}

/*
 * SOCK_DESTROY of a listener (`ss -K`, tcp_abort()) looks like shutdown() and connect(AF_UNSPEC) of
 * it: LISTEN -> CLOSE without an error. Only close() has set sk_shutdown before.
 */
static __always_inline bool may_be_killed(const struct sock *sk, int old, int new)
{
	return old == TCP_LISTEN && new == TCP_CLOSE && !sk->sk_shutdown;
}

/* A child is used by another process than it has inherited. */
static __always_inline void doubt_listener(const struct tcs_note *child, __u32 pid)
{
	const struct tcs_note *listener = note_of_listener(child->listener);

	if (listener && listener->pid != pid && !(listener->owner_scan & TCS_OWNER_SHARED))
		owner_state.doubts++; /* two at once may count as one */
}

/*
 * Returns whether current acted; owner_changed is set when that teaches a new owner. known_only:
 * current may be a stranger that kills the socket, and acts only if it is the known owner.
 */
static __always_inline bool learn_owner(struct tcs_note *note, bool known_only)
{
	struct process p;

	current_process(&p);
	if (!p.pid || (known_only && p.pid != note->pid))
		return false;
	if (note->pid != p.pid || note->comm[0] != p.comm[0] || note->comm[1] != p.comm[1] ||
	    note->owner_source != TCS_OWNER_TASK) {
		if (note->owner_source == TCS_OWNER_LISTENER && note->pid != p.pid)
			doubt_listener(note, p.pid);
		note->pid = p.pid;
		note->comm[0] = p.comm[0];
		note->comm[1] = p.comm[1];
		note->owner_source = TCS_OWNER_TASK;
		note->owner_changed = 1;
	}
	return true;
}

/* ---- notes ----------------------------------------------------------------------------------- */

/* Of the programs on the tracepoint, in the order in which they are called; 1 to 4 are between. */
enum program {
	FIRST = 0,
	LAST = TCS_PROGRAMS_MAX - 1,
};

static __always_inline bool is_last(const __u32 program)
{
	return program == LAST || (program == FIRST && set.programs == 1);
}

/* The event at hand; what is the same in each of its records. */
struct event {
	struct sock *sk;
	const struct tcp_sock *tp;
	struct tcs_note *note;
	__u64 ts_ns, in_old_ns;
	__u32 cpu;
	volatile __u8 old, new, err;
};

/*
 * A new id. A program does not interrupt itself on a CPU (recursion guard, since 6.1), and before
 * that only a soft interrupt interrupts a task that holds a socket: a maker runs once at a time,
 * and its serial number needs no atomic operation.
 */
static __always_inline __u64 new_id(const struct event *e, const __u32 program)
{
	__u32 maker = program * 2 + (e->sk->sk_lock.owned != 0), zero = 0;
	struct tcs_serials *s = bpf_map_lookup_elem(&serials, &zero);
	__u64 serial = 0;

	if (s)
		serial = ++s->last[maker & (TCS_ID_MAKERS - 1)];
	return TCS_ID_OWN | serial << TCS_ID_MAKER_BITS | maker << TCS_ID_CPU_BITS |
	       (e->cpu & ((1 << TCS_ID_CPU_BITS) - 1));
}

/* The owner of a listener at this moment: the note may not be corrected yet. pid 0: unknown. */
static __always_inline void owner_now(const struct tcs_note *listener, struct tcs_note *to)
{
	const volatile struct tcs_owner_state *state = &owner_state;
	const struct tcs_owner_change *change;
	__u32 pid;

	owner_read(listener, to);
	if (state->changed == state->settled)
		return;
	pid = to->pid;
	change = bpf_map_lookup_elem(&owner_changes, &pid);
	if (state->overflow || (change && change->gone)) {
		to->pid = to->owner_source = 0;
	} else if (change) {
		to->comm[0] = ((const __u64 *)change->comm)[0];
		to->comm[1] = ((const __u64 *)change->comm)[1];
	}
}

static __always_inline void inherit(struct tcs_note *fresh, const struct tcs_note *listener)
{
	owner_now(listener, fresh);
	if (fresh->pid)
		fresh->owner_source = TCS_OWNER_LISTENER;
}

/*
 * The note of this event's socket, begun anew at its birth. A later program on the same event finds
 * the mark of the one that handled it.
 */
static __always_inline struct tcs_note *note_get(const struct event *e, const __u32 program)
{
	const bool again = program != FIRST;
	bool child = e->old == TCP_LISTEN && e->new == TCP_SYN_RECV;
	bool birth = child || e->old == TCP_CLOSE;
	struct tcs_note fresh = {};
	struct tcs_note *note;

	if (!birth || again) {
		note = note_find(e->sk);
		if (note && (!birth || note->mark == (e->old << 8 | e->new)))
			return note;
	}
	if (child) {
		const struct tcs_note *listener;

		fresh.listener = listener_of_child(e->sk, e->tp, &fresh.unsure);
		listener = fresh.listener ? note_of_listener(fresh.listener) : NULL;
		if (listener)
			inherit(&fresh, listener);
	}
	fresh.id = new_id(e, program);
	return note_begin(e->sk, &fresh);
}

/* ---- records --------------------------------------------------------------------------------- */

/* The id of the listener it was born from, as long as that listens; 0 none or unknown. */
static __always_inline __u64 parent_of(const struct tcs_note *note)
{
	const struct tcs_note *listener = note->listener ? note_of_listener(note->listener) : NULL;

	return listener ? listener->id : 0;
}

static __always_inline void put_facts(struct tcs_wire_facts *f, const struct event *e, __u8 told)
{
	const struct sock *sk = e->sk;
	const struct net *net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
	struct tcs_wire_cookies *c = (void *)(f + 1);
	struct addrs a;

	read_addrs(&e->sk->__sk_common, &a);
	__builtin_memcpy(f->laddr, a.l, 16);
	__builtin_memcpy(f->raddr, a.r, 16);
	f->parent = parent_of(e->note);
	f->cgroup = cgroup_id(e->sk);
	f->netns = BPF_CORE_READ(net, ns.inum);
	f->uid = e->sk->sk_uid.val;
	f->rport = a.rport;
	f->family = a.family;
	f->epoch = told;
	f->device = e->sk->__sk_common.skc_bound_dev_if;
	c->socket = socket_cookie(e->sk);
	c->netns = net_cookie_of(net);
	e->note->cookie_low = c->socket;
}

static __always_inline void put_owner(struct tcs_wire_owner *o, const struct tcs_note *note)
{
	o->pid = note->pid;
	o->source = note->owner_source;
	__builtin_memset(o->pad, 0, sizeof(o->pad));
	__builtin_memcpy(o->comm, note->comm, TCS_COMM_LEN);
}

static __always_inline void put_totals(struct tcs_wire_totals *t, const struct sock *sk,
				       const struct tcp_sock *tp)
{
	bool fin_seen = sk->__sk_common.skc_flags >> SOCK_DONE & 1;
	__u64 received = tp->bytes_received;

	t->bytes_sent = tp->bytes_sent - tp->bytes_retrans;
	t->bytes_received =
		received - (received && fin_seen); /* tcp_rcv_nxt_update() counts a FIN */
	t->retransmits = tp->total_retrans;
	t->pad = 0;
}

/*
 * sk_err, if it is set by what ends the connection: tcp_reset(), tcp_abort(), tcp_write_err() or
 * MPTCP's subflow_check_data_avail(). A socket with IP_RECVERR keeps an ICMP error that ended
 * nothing (tcp_v4_err(), tcp_v6_err()) until something reads it. tcp_write_err() alone ends a
 * connection with one, and takes it from sk_err_soft. During a handshake each ends it.
 */
static __always_inline __u8 error_of_close(const struct sock *sk, __u8 old)
{
	int err = sk->sk_err;

	if (!err || err == ECONNRESET || err == EPIPE || err == ETIMEDOUT || err == ECONNABORTED ||
	    err == EBADMSG || old == TCP_SYN_SENT || old == TCP_SYN_RECV)
		return err;
	return err == sk->sk_err_soft ? err : 0;
}

/* At a -> CLOSE that may be -> TIME_WAIT. */
static __always_inline __u16 time_wait_flags(const struct sock *sk)
{
	int answer;

	if (!time_wait_is_scarce(sk))
		return 0;
	answer = time_wait_look_up(address_of(sk));
	if (answer == TIME_WAIT_MADE)
		return 0;
	return answer == TIME_WAIT_REFUSED ? NOTE_OF_MORE(TCS_M_NO_TIME_WAIT) :
					     NOTE_OF_MORE(TCS_M_TIME_WAIT_OPEN);
}

static __always_inline __u16 repair_flags(const struct tcp_sock *tp)
{
	return BPF_CORE_READ_BITFIELD(tp, repair) ? NOTE_OF_MORE(TCS_M_REPAIR) : 0;
}

static __always_inline __u16 close_flags(const struct sock *sk, const struct tcp_sock *tp, __u8 old)
{
	unsigned long sock_flags = sk->__sk_common.skc_flags;
	__u16 flags = repair_flags(tp);

	if (sk->sk_lock.owned)
		flags |= TCS_F_OWNED;
	if (sock_flags >> SOCK_DEAD & 1)
		flags |= TCS_F_DEAD;
	if (sock_flags >> SOCK_DONE & 1)
		flags |= TCS_F_DONE;
	if (tp->linger2 < 0)
		flags |= TCS_F_LINGER2_NEG;
	if (tp->snd_una == tp->write_seq)
		flags |= TCS_F_ALL_ACKED;
	if (old == TCP_SYN_RECV && BPF_CORE_READ(tp, fastopen_rsk))
		flags |= TCS_F_FAST_OPEN;
	return flags;
}

static __always_inline void put_head(struct tcs_wire_state *s, const struct event *e, __u16 blocks)
{
	s->kind = TCS_WIRE_STATE;
	s->err = e->err;
	s->old_state = e->old;
	s->new_state = e->new;
	s->flags = (e->note->flags & ~NOTE_MORE) | blocks;
	s->lport = local_port(e->sk, e->tp, e->new);
	s->ts_ns = e->ts_ns;
	s->id = e->note->id;
	s->in_old_ns = e->in_old_ns;
	s->seq = e->note->seq;
	s->srtt_us = e->tp->srtt_us >> 3 | (__u32)(e->note->flags & NOTE_MORE) << NOTE_MORE_SHIFT;
}

#define FULL_BLOCKS (TCS_F_HAS_OWNER | TCS_F_HAS_FACTS | TCS_F_HAS_COOKIES)

/* blocks is a constant where this is called, and with it the size. False: the ring is full. */
static __always_inline bool tell_blocks(void *ring, const struct event *e, const __u16 blocks,
					__u8 told)
{
	const __u64 facts_at =
		TCS_WIRE_SHORT + (blocks & TCS_F_HAS_OWNER ? sizeof(struct tcs_wire_owner) : 0);
	const __u64 totals_at =
		facts_at + (blocks & TCS_F_HAS_FACTS ? sizeof(struct tcs_wire_facts) +
							       sizeof(struct tcs_wire_cookies) :
						       0);
	const __u64 size =
		totals_at + (blocks & TCS_F_HAS_TOTALS ? sizeof(struct tcs_wire_totals) : 0);
	void *r = bpf_ringbuf_reserve(ring, size, 0);

	if (!r)
		return false;
	put_head(r, e, blocks);
	if (blocks & TCS_F_HAS_OWNER)
		put_owner(r + TCS_WIRE_SHORT, e->note);
	if (blocks & TCS_F_HAS_FACTS)
		put_facts(r + facts_at, e, told);
	if (blocks & TCS_F_HAS_TOTALS)
		put_totals(r + totals_at, e->sk, e->tp);
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return true;
}

/* A record that only names a socket and a time. False: the ring is full, or there is none. */
static __always_inline bool put_mention(void *ring, __u8 kind, __u64 ts_ns, __u64 id)
{
	struct tcs_wire_reset *r;

	if (!ring)
		return false;
	r = bpf_ringbuf_reserve(ring, sizeof(*r), 0);
	if (!r)
		return false;
	__builtin_memset(r, 0, sizeof(*r));
	r->kind = kind;
	r->ts_ns = ts_ns;
	r->id = id;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return true;
}

/* This event will not be told. If it is the end of a socket the reader knows, that has to be. */
static __always_inline void keep_back(const struct event *e, __u32 cpu)
{
	const struct tcs_note *note = e->note;

	if (e->new == TCP_CLOSE && note->known == epoch &&
	    !put_mention(ring_of(cpu), TCS_WIRE_GONE, e->ts_ns, note->id))
		put_mention(ring_of(set.spare_ring), TCS_WIRE_GONE, e->ts_ns, note->id);
}

/* False: the ring is full, and the event is counted as lost. */
static __always_inline bool tell(const struct event *e, struct tcs_percpu *p, __u32 cpu)
{
	struct tcs_note *note = e->note;
	__u8 now = epoch; /* once: it may be raised meanwhile */
	bool full = note->told_epoch != now;
	const struct sock *sk = e->sk;
	void *ring = ring_of(cpu);
	bool told;

	if (!ring)
		return false;
	/* Before the record: who reads it looks for the name. */
	if (full && sk->__sk_common.skc_bound_dev_if)
		device_note((__u64)BPF_CORE_READ(sk, __sk_common.skc_net.net),
			    sk->__sk_common.skc_bound_dev_if);
	if (set.totals && e->new == TCP_CLOSE)
		told = full || note->owner_changed ?
			       tell_blocks(ring, e, FULL_BLOCKS | TCS_F_HAS_TOTALS, now) :
			       tell_blocks(ring, e, TCS_F_HAS_TOTALS, now);
	else if (full)
		told = tell_blocks(ring, e, FULL_BLOCKS, now);
	else if (note->owner_changed)
		told = tell_blocks(ring, e, TCS_F_HAS_OWNER, now);
	else
		told = tell_blocks(ring, e, 0, now);

	if (!told) {
		count(&p->lost_state);
		if (e->note->flags & TCS_F_DEFERRED)
			count(&p->lost_state);
		note->told_epoch = 0;
		keep_back(e, cpu);
	} else if (full) {
		note->told_epoch = now;
		note->known = now;
	}
	return told;
}

/* Needs the note: by owner and by state, those of a deferred event included. */
static __always_inline bool event_unwanted(const struct event *e)
{
	if (owner_unwanted(e->note))
		return true;
	if (!states_unwanted(e->old, e->new))
		return false;
	if (!(e->note->flags & TCS_F_DEFERRED))
		return true;
	return states_unwanted(e->old == TCP_SYN_RECV ? TCP_LISTEN : TCP_CLOSE, e->old);
}

/*
 * A first event that cannot be told yet: up to Linux 6.12 a child becomes SYN_RECV before it has
 * addresses, and a connecting socket has no local port for a port filter to judge. It travels with
 * the socket's next event, whose in_old_ns says when it was.
 */
static __always_inline bool must_defer(const struct event *e)
{
	if (e->old == TCP_LISTEN && e->new == TCP_SYN_RECV)
		return !e->sk->__sk_common.skc_dport;
	return set.by_lport && e->new == TCP_SYN_SENT && !local_port(e->sk, e->tp, e->new);
}

/* The socket turned out to be none the user wants: so was the event that waited for this answer. */
static __always_inline void filter_deferred(struct sock *sk, int old, struct tcs_percpu *cpu)
{
	struct tcs_note *note;

	if (old != TCP_SYN_RECV && !(set.by_lport && old == TCP_SYN_SENT))
		return;
	note = note_find(sk);
	if (note && note->deferred) {
		note->deferred = 0;
		count(&cpu->filtered);
	}
}

/* ---- the state tracepoint -------------------------------------------------------------------- */

/* Did a program before us take this event? Cheap, and never wrong up to Linux 7.0. */
static __always_inline bool taken_here(struct tcs_percpu *p, struct sock *sk, __u32 pair,
				       const __u32 program)
{
	typeof(&p->handled[0]) done = &p->handled[sk->sk_lock.owned != 0];

	if (program != FIRST && done->sk == (__u64)sk && done->pair == pair) {
		if (is_last(program))
			done->sk = 0; /* never met again by a later event of the same pair */
		return true;
	}
	if (!is_last(program)) {
		done->sk = (__u64)sk;
		done->pair = pair;
	}
	return false;
}

/*
 * Did a program before us pass over this event? Only where handled[] may be another task's by now.
 * (An old mark misleads if the first program is not run for the same change of the same socket, in
 * the same task: then one event is said to be lost that was filtered.)
 */
static __always_inline bool passed_before(struct sock *sk, __u32 pair, const __u32 program)
{
	struct tcs_passed *passed;
	typeof(&passed->by[0]) mark;

	if (set.programs <= 2)
		return false;
	passed = bpf_task_storage_get(&passed_over, bpf_get_current_task_btf(), NULL,
				      BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!passed)
		return false;
	mark = &passed->by[sk->sk_lock.owned != 0];
	if (program != FIRST && mark->sk == (__u64)sk && mark->pair == pair)
		return true;
	mark->sk = (__u64)sk;
	mark->pair = pair;
	return false;
}

/* LISTEN -> CLOSE, of a listener that is filtered as well: the scan and walks have met it. */
static __always_inline void listener_gone(const struct event *e)
{
	struct addrs a;

	read_addrs(&e->sk->__sk_common, &a);
	listener_end(e->sk, &a, local_port(e->sk, e->tp, e->new));
	watched_end(e->sk);
}

/* -> LISTEN: its queues are read from now on, its children named and counted. Returns its id. */
static __always_inline __u64 listener_born(const struct event *e)
{
	struct addrs a;
	__u64 id;

	read_addrs(&e->sk->__sk_common, &a);
	listener_begin(e->sk, &a, local_port(e->sk, e->tp, e->new),
		       BPF_CORE_READ_BITFIELD(&e->sk->__sk_common, skc_reuseport));
	id = id_for_now(e->sk);
	watched_begin(e->sk, id);
	return id;
}

/* SYN_RECV -> ESTABLISHED. */
static __always_inline void count_handshake(const struct event *e, __u64 listener, __u8 unsure)
{
	struct tcs_handshakes_kept *h = handshakes_of(listener);

	handshake_done(e->sk, e->tp, h, unsure);
	watched_again(listener, h);
}

/*
 * There is no room for a note. Handshakes are counted all the same: what fills the table must not
 * hide what happens to others.
 */
static __always_inline void take_without_note(const struct event *e)
{
	__u64 listener;
	__u8 unsure = 0;

	if (e->old != TCP_SYN_RECV || e->new != TCP_ESTABLISHED)
		return;
	listener = listener_of_child(e->sk, e->tp, &unsure);
	count_handshake(e, listener, unsure);
}

/*
 * Begin or end of a listener, whether its event is emitted or not, at one place: its code is the
 * longest of the program.
 */
static __always_inline void take_listener(const struct event *e, bool unwanted)
{
	struct tcs_note *note = e->note;
	__u64 id;

	if (e->old == TCP_LISTEN && e->new == TCP_CLOSE)
		listener_gone(e);
	if (e->new != TCP_LISTEN ||
	    (unwanted && !listens_for_wanted(e->sk, local_port(e->sk, e->tp, e->new))))
		return;
	id = listener_born(e);
	if (!note)
		return;
	note->cookie_low = kernel.cookies ? (__u32)id : 0;
	owners_add(note->pid);
}

/*
 * What this event says of the socket, into the note and *e. Flags gather in the note, not in a
 * local: the verifier follows each combination of known bits through the rest of the program, and
 * does not of what lies in a map.
 */
static __always_inline void take_event(struct event *e)
{
	struct tcs_note *note = e->note;

	note->owner_changed = 0;
	if (note->mark && (note->mark & 0xff) != e->old)
		note->flags |= TCS_F_BROKEN;
	else if (note->since_ns)
		e->in_old_ns = e->ts_ns - note->since_ns;
	note->mark = e->old << 8 | e->new;
	note->since_ns = e->ts_ns;

	if (e->new == TCP_CLOSE) {
		e->err = error_of_close(e->sk, e->old);
		note->flags |= close_flags(e->sk, e->tp, e->old);
		if (may_be_time_wait(e->old, e->new))
			note->flags |= time_wait_flags(e->sk);
	} else if (e->new == TCP_ESTABLISHED) {
		note->flags |= repair_flags(e->tp);
		if (e->tp->total_retrans)
			note->flags |= TCS_F_RETRANS;
		if (e->old == TCP_SYN_RECV && note->unsure != TCS_NOTE_OPENED)
			count_handshake(e, note->listener, note->unsure);
	} else if (e->old == TCP_SYN_SENT && e->new == TCP_SYN_RECV) {
		note->unsure = TCS_NOTE_OPENED;
	}
	if (e->sk->sk_lock.owned && task_acts(e->old, e->new, e->err, note->flags) &&
	    learn_owner(note, may_be_killed(e->sk, e->old, e->new)))
		note->flags |= TCS_F_TASK;
	if (e->old == TCP_SYN_SENT && e->new == TCP_CLOSE && !e->err && !e->tp->segs_out)
		e->err = connect_errno((__u64)address_of(e->sk));
	if (note->reset_sent) {
		note->flags |= TCS_F_RESET_SENT;
		note->reset_sent = 0;
	}
}

/* Emit it, keep it for the next event, or count it as filtered. True: the reader has it. */
static __always_inline bool pass_on(const struct event *e, struct tcs_percpu *p, __u32 cpu)
{
	struct tcs_note *note = e->note;

	if (must_defer(e)) {
		note->deferred = 1;
		return false;
	}
	if (note->deferred) {
		note->deferred = 0;
		note->flags |= TCS_F_DEFERRED;
	}
	if (event_unwanted(e)) {
		count(&p->filtered);
		if (note->flags & TCS_F_DEFERRED)
			count(&p->filtered);
		if (note->owner_changed)
			note->told_epoch = 0;
		keep_back(e, cpu);
		return false;
	}
	note->seq++;
	return tell(e, p, cpu);
}

/*
 * The id of a socket outlives its note until the next one closes on this CPU in this context: a
 * reset that answers data after close() is sent by the same chain of calls, and tcp_abort() of a
 * listener goes on with CLOSE -> CLOSE. id 0: the reader has no such event (filtered, or lost), and
 * there is nothing to correct: no record is made, and none can be lost.
 */
static __always_inline void remember_closed(const struct sock *sk, struct tcs_percpu *p, __u64 id)
{
	typeof(&p->closed[0]) closed = &p->closed[sk->sk_lock.owned != 0];

	closed->sk = (__u64)sk;
	closed->id = id;
}

static __always_inline __u64 id_of_closed(const struct sock *sk, const struct tcs_percpu *p)
{
	const typeof(p->closed[0]) *closed = &p->closed[sk->sk_lock.owned != 0];

	return closed->sk == (__u64)sk ? closed->id : 0;
}

/* tcp_abort() ends with CLOSE -> CLOSE; of a listener, only that has the sk_err of a kill. */
static __always_inline void handle_abort(const struct event *e, struct tcs_percpu *p)
{
	__u64 id = id_of_closed(e->sk, p);

	if (id && e->sk->sk_err == ECONNABORTED &&
	    !put_mention(ring_of(e->cpu), TCS_WIRE_KILLED, bpf_ktime_get_ns(), id))
		count(&p->lost_reset);
}

static __always_inline void handle(struct event *e, struct tcs_percpu *p, const __u32 program)
{
	const bool again = program != FIRST;
	struct sock *sk = e->sk;
	bool unwanted = false, noteless = false, emitted;

	/* MPTCP, SCTP and DCCP come here too; close() in FIN_WAIT2 repeats the state. */
	if (sk->sk_protocol != IPPROTO_TCP)
		goto not_ours;
	if (e->old == e->new) {
		if (e->new == TCP_CLOSE && program == FIRST)
			handle_abort(e, p);
		goto not_ours;
	}
	e->tp = bpf_skc_to_tcp_sock(sk);
	if (!e->tp || e->old > TCP_CLOSING || e->new > TCP_CLOSING)
		goto not_ours;
	unwanted = socket_unwanted(sk, e->tp, e->new);
	if (unwanted)
		goto not_ours;
	e->note = note_get(e, program);
	if (!e->note) {
		noteless = true;
		goto not_ours;
	}
	if (again && e->note->mark == (e->old << 8 | e->new))
		return;
	e->note->flags = 0;
	if (again) {
		count(&p->caught);
		e->note->flags = TCS_F_CAUGHT;
	}
	e->ts_ns = bpf_ktime_get_ns();
	take_event(e);
	emitted = pass_on(e, p, e->cpu);
	if (e->new == TCP_CLOSE)
		remember_closed(sk, p, emitted ? e->note->id : 0);
	goto listeners;

not_ours:
	if (passed_before(sk, e->old << 8 | e->new, program))
		return;
	if (again)
		count(&p->caught);
	if (noteless) {
		count(states_unwanted(e->old, e->new) ? &p->filtered : &p->lost_note);
		take_without_note(e);
	} else if (unwanted) {
		count(&p->filtered);
		filter_deferred(sk, e->old, p);
	} else {
		return;
	}
	if (e->new == TCP_CLOSE)
		remember_closed(sk, p, 0); /* its address may be that of an earlier socket */
listeners:
	take_listener(e, unwanted);
}

static __always_inline void state_change(struct sock *sk, int old, int new, const __u32 program)
{
	struct event e = { .sk = sk, .old = old, .new = new, .cpu = bpf_get_smp_processor_id() };
	struct tcs_percpu *p = slot_of(e.cpu);

	if (!taken_here(p, sk, old << 8 | new, program))
		handle(&e, p, program);
	/* Only now: an earlier end would hide from a later program that the event was handled. */
	if (new == TCP_CLOSE && is_last(program))
		note_end(sk);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcs_state_1, struct sock *sk, int old, int new)
{
	state_change(sk, old, new, FIRST);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcs_state_2, struct sock *sk, int old, int new)
{
	state_change(sk, old, new, 1);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcs_state_3, struct sock *sk, int old, int new)
{
	state_change(sk, old, new, 2);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcs_state_4, struct sock *sk, int old, int new)
{
	state_change(sk, old, new, 3);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcs_state_5, struct sock *sk, int old, int new)
{
	state_change(sk, old, new, 4);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcs_state_last, struct sock *sk, int old, int new)
{
	state_change(sk, old, new, LAST);
	return 0;
}

/* ---- resets: they correct what a -> CLOSE seemed to mean ------------------------------------- */

/*
 * With a segment (skb): the answer to data that came after close(). It follows the -> CLOSE of the
 * same socket, which tcp_time_wait() or tcp_reset() seemed to explain. Without one: our own reset;
 * before -> CLOSE out of FIN_WAIT2 it is the end of an orphan's timer, not a TIME_WAIT.
 */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(tcs_reset, struct sock *sk, struct sk_buff *skb)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct tcs_percpu *p = slot_of(cpu);
	struct tcs_note *note;
	__u8 state;
	__u64 id;

	if (!sk) {
		if (skb)
			closed_port(skb);
		return 0;
	}
	state = sk->__sk_common.skc_state;
	if (state == TCP_TIME_WAIT || state > TCP_CLOSING)
		return 0; /* mini-sockets have no storage */
	if (state != TCP_CLOSE) {
		note = note_find(sk);
		if (note)
			note->reset_sent = 1;
		return 0;
	}
	id = skb ? id_of_closed(sk, p) : 0;
	if (id && !put_mention(ring_of(cpu), TCS_WIRE_RESET, bpf_ktime_get_ns(), id))
		count(&p->lost_reset);
	return 0;
}

/* ---- SYN-ACKs sent again --------------------------------------------------------------------- */

static __always_inline bool synack_unwanted(const struct sock *sk, const struct addrs *a,
					    __u16 lport)
{
	if (creator_unwanted(sk))
		return true;
	if (set.states && !(set.states & 1U << TCP_SYN_RECV))
		return true;
	if (set.not_states & 1U << TCP_SYN_RECV)
		return true;
	return addrs_unwanted(a, lport);
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(tcs_synack, struct sock *sk, struct request_sock *req)
{
	const struct inet_request_sock *ireq = (const void *)bpf_skc_to_tcp_request_sock(req);
	struct sock *listener = listener_of_request(sk, req);
	const struct inet_connection_sock *icsk;
	__u32 cpu = bpf_get_smp_processor_id();
	struct tcs_percpu *p = slot_of(cpu);
	struct tcs_handshakes_kept *h;
	struct tcs_note owner = {};
	struct tcs_wire_synack *r;
	const struct net *net;
	struct tcs_note *note;
	struct addrs a;
	__u16 lport;
	void *ring;
	__u8 acked;

	if (!listener || !ireq)
		return 0;
	read_addrs(&req->__req_common, &a);
	lport = req->__req_common.skc_num;
	note = note_find(sk);
	if (synack_unwanted(sk, &a, lport) || (note && owner_unwanted(note))) {
		count(&p->filtered);
		return 0;
	}
	acked = BPF_CORE_READ_BITFIELD_PROBED(ireq, acked);
	h = handshakes_of((__u64)listener);
	handshake_resent(req, acked, h);
	watched_again((__u64)listener, h);
	ring = ring_of(cpu);
	if (!ring)
		return 0;
	net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
	if (req->__req_common.skc_bound_dev_if)
		device_note((__u64)net, req->__req_common.skc_bound_dev_if);
	r = bpf_ringbuf_reserve(ring, sizeof(*r), 0);
	if (!r) {
		count(&p->lost_synack);
		return 0;
	}
	icsk = (const void *)listener;
	r->kind = TCS_WIRE_SYNACK;
	r->family = a.family;
	r->retransmits = req->num_retrans + 1; /* not yet counted when the tracepoint runs */
	r->acked = acked;
	r->netns = BPF_CORE_READ(net, ns.inum);
	r->ts_ns = bpf_ktime_get_ns();
	__builtin_memcpy(r->laddr, a.l, 16);
	__builtin_memcpy(r->raddr, a.r, 16);
	r->lport = lport;
	r->rport = a.rport;
	r->uid = sk->sk_uid.val;
	r->syn_queue = BPF_CORE_READ(icsk, icsk_accept_queue.qlen.counter);
	r->syn_queue_young = BPF_CORE_READ(icsk, icsk_accept_queue.young.counter);
	r->accept_queue = BPF_CORE_READ(listener, sk_ack_backlog);
	r->queue_limit = BPF_CORE_READ(listener, sk_max_ack_backlog);
	r->listener = BPF_CORE_READ(listener, __sk_common.skc_cookie.counter);
	r->cgroup = cgroup_id(sk);
	r->netns_cookie = net_cookie_of(net);
	r->device = req->__req_common.skc_bound_dev_if;
	r->pad = 0;
	__builtin_memset(&r->owner, 0, sizeof(r->owner));
	if (note) {
		owner_now(note, &owner);
		if (owner.pid)
			put_owner(&r->owner, &owner);
	}
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return 0;
}

/* ---- owners of listeners --------------------------------------------------------------------- */

/* Of a process in `owners`. The change is there before it is counted. */
static __always_inline void owner_report(__u32 pid, const struct tcs_owner_change *change)
{
	if (bpf_map_update_elem(&owner_changes, &pid, change, BPF_ANY))
		owner_state.overflow = 1;
	count(&owner_state.changed);
}

/* Before its files are closed (do_exit()); what still listens afterwards is another's. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(tcs_exit, struct task_struct *task)
{
	const struct tcs_owner_change gone = { .gone = 1 };
	__u32 pid = task->tgid;

	if (process_lives(task) || bpf_map_delete_elem(&owners, &pid))
		return 0;
	owner_report(pid, &gone);
	return 0;
}

/* execve(2), and prctl(PR_SET_NAME): a process has the name of its leader. */
SEC("tp_btf/task_rename")
int BPF_PROG(tcs_rename, struct task_struct *task, const char *comm)
{
	struct tcs_owner_change named = {};
	__u32 pid = task->tgid;

	if (task->pid != task->tgid || !bpf_map_lookup_elem(&owners, &pid) ||
	    bpf_probe_read_kernel_str(named.comm, sizeof(named.comm), comm) < 0)
		return 0;
	owner_report(pid, &named);
	return 0;
}
