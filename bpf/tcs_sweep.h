/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SWEEP_H
#define TCS_SWEEP_H

/*
 * tcs_sweep.h - a walk over the kernel's own table of TCP sockets, at 0.2 to 0.5 microseconds each
 *
 * iter/tcp takes the lock of each socket and, since all namespaces share the table, has to walk
 * over all of it for each of them. This reads the same chains under RCU alone: the sockets of the
 * namespace at hand are looked at, those of others that wait for their turn are put aside, and
 * looked at then.
 *
 * Sockets are freed for reuse as sockets (SLAB_TYPESAFE_BY_RCU), so a chain may be left in the
 * middle without being noticed, but for two signs the kernel's own readers go by, too
 * (__inet_lookup_established()): a socket says which chain it is in (skc_hash, and pprev is NULL
 * when it has been taken out), and the end of a chain has its number. Where they are wrong the
 * chain is read again, without what has been looked at.
 *
 * Nobody can be given a cookie here, since helpers want to see where a socket comes from. Listeners
 * have to have one (a row names it, and half-open connections theirs): a run ends with the last of
 * them, and user space sees to it (census.bpf.c).
 *
 * A run looks at about `slice` sockets and ends between two chains, or reads the one it was in
 * again: nothing that is remembered is stale when the next begins. Whoever includes this has
 * sweep_look_at(), which is given a copy. BPF side only; for kernels with bpf_loop() and listeners
 * in nulls chains, where a namespace knows its table (6.1).
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "tcs_socket.h"
#include "tcs_wire.h"

#define STEPS_MAX     65536	 /* of a run; a slice is less */
#define WINDOW_WORDS  128	 /* of heads of chains, read at once */
#define WINDOW_PART   16	 /* of these, in one call */
#define KNOWN_MAX     128	 /* of a chain: what is not to be looked at again */
#define KNOWN_PART    16	 /* of these, in one call */
#define READS_MAX     16	 /* of a chain */
#define LISTEN_NULLS  (1U << 29) /* LISTENING_NULLS_BASE */
#define LISTEN_STRIDE 16	 /* a bucket of lhash2: the lock, then the head */

struct tcs_census_sweep sweep;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TCS_CENSUS_NETNS);
	__type(key, __u64); /* struct net * */
	__type(value, struct tcs_census_chain);
} chains SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TCS_CENSUS_ASIDE);
	__type(key, __u32);
	__type(value, struct tcs_census_aside);
} aside SEC(".maps");

/*
 * Of the chain at hand. Not on the stack: what is known of a variable there multiplies paths. Used,
 * or clang takes it apart, and its BTF is wrong.
 */
static struct {
	__u64 node;	/* the next one; 0: none, another chain is due */
	__u64 stranger; /* a namespace nobody asks for */
	__u32 chain;	/* those of lhash2 first, then those of ehash */
	__u32 n_known;
	__u32 reads;	 /* of this chain, beyond the first */
	__u32 window_of; /* the chain of window[0] */
	__u32 met;	 /* in this run */
	bool window_read;
} at __attribute__((used));

static __u64 window[WINDOW_WORDS];
static __u64 known[KNOWN_MAX];

/* Of the socket at hand, up to the links of its chain; the rest is read where it is needed. */
#define COPY_WORDS 16
static __u64 copy[COPY_WORDS] __attribute__((used));
static __u64 later[COPY_WORDS] __attribute__((used)); /* once more */

/* sk: where the copy was made. */
int sweep_look_at(__u64 sk);

static __always_inline bool copy_socket(__u64 *to, __u64 sk)
{
	return !bpf_probe_read_kernel(to, COPY_WORDS * sizeof(*to), (const void *)sk);
}

/* ---- sockets of other namespaces ------------------------------------------------------------- */

static __always_inline void put_aside(__u64 net, __u64 sk, __u32 hash)
{
	struct tcs_census_aside *here, *last;
	struct tcs_census_chain *chain;
	__u32 place = sweep.n_aside, before;

	if (net == at.stranger)
		return;
	chain = bpf_map_lookup_elem(&chains, &net);
	if (!chain) {
		at.stranger = net;
		return;
	}
	if (chain->walk != sweep.walk)
		return;
	here = bpf_map_lookup_elem(&aside, &place);
	if (!here) {
		chain->left_out++;
		return;
	}
	sweep.n_aside = place + 1;
	here->sk = sk;
	here->hash = hash;
	here->next = 0;
	before = chain->last - 1;
	last = chain->last ? bpf_map_lookup_elem(&aside, &before) : NULL;
	if (last)
		last->next = place + 1;
	else
		chain->first = place + 1;
	chain->last = place + 1;
}

/* True: now, and user space is to hear of it before anything else is looked at. */
static __always_inline bool listeners_end(void)
{
	if (sweep.listeners_over)
		return false;
	sweep.listeners_over = 1;
	return sweep.n_rows != 0;
}

/* Freed, it may be in a chain again by now, as another, which was put aside then. */
static __always_inline bool is_that_one(const struct sock_common *skc, __u32 hash)
{
	return skc->skc_nulls_node.pprev && skc->skc_hash == hash &&
	       (__u64)skc->skc_net.net == sweep.net;
}

/* What has been put aside for the namespace at hand, if it is still there. */
static long aside_step(void)
{
	const struct sock_common *skc = (const void *)copy;
	struct tcs_census_aside *here;
	__u32 place = sweep.at_aside - 1;

	here = sweep.at_aside ? bpf_map_lookup_elem(&aside, &place) : NULL;
	if (!here) {
		sweep.over = 1;
		return 1;
	}
	if (at.met >= sweep.slice || sweep.n_rows >= TCS_CENSUS_ROWS - 1)
		return 1;
	if (!copy_socket(copy, here->sk) || !is_that_one(skc, here->hash)) {
		sweep.at_aside = here->next;
		return 0;
	}
	if (skc->skc_state != TCP_LISTEN && listeners_end())
		return 1;
	at.met++;
	sweep.at_aside = here->next;
	sweep_look_at(here->sk);
	return 0;
}

/* ---- chains ---------------------------------------------------------------------------------- */

static __always_inline bool among_listeners(void)
{
	return at.chain <= sweep.lhash_mask;
}

static __always_inline __u32 number_of_chain(void)
{
	return among_listeners() ? at.chain : at.chain - sweep.lhash_mask - 1;
}

static __always_inline __u64 address_of_chain(__u32 number)
{
	if (among_listeners())
		return sweep.lhash + number * (__u64)LISTEN_STRIDE + LISTEN_STRIDE - 8;
	return sweep.ehash + number * 8ULL;
}

/* 0: it cannot be read. */
static __always_inline __u64 read_head(void)
{
	__u64 head;

	if (bpf_probe_read_kernel(&head, sizeof(head),
				  (const void *)address_of_chain(number_of_chain())))
		return 0;
	return head;
}

static __always_inline void next_chain(void)
{
	at.chain++;
	at.node = 0;
}

static __always_inline void read_again(void)
{
	at.reads++;
	at.node = at.reads <= READS_MAX && at.n_known < KNOWN_MAX ? read_head() : 0;
	if (at.node)
		return;
	sweep.left_out++;
	next_chain();
}

/* Listeners have no hash of this kind. */
static __always_inline bool in_this_chain(const struct sock_common *skc)
{
	return skc->skc_nulls_node.pprev &&
	       (among_listeners() || (skc->skc_hash & sweep.ehash_mask) == number_of_chain());
}

/* NULLS_MARKER(); listeners have other numbers. */
static __always_inline __u64 end_of_chain(__u32 number)
{
	return ((__u64)number + (among_listeners() ? LISTEN_NULLS : 0)) << 1 | 1;
}

/* Heads from that of the chain at hand on; false: the table ends before the window does. */
static __always_inline bool read_window(__u32 number, __u32 in)
{
	if (at.window_read && at.window_of == at.chain - in)
		return true;
	at.window_of = at.chain - in;
	at.window_read = !bpf_probe_read_kernel(window, sizeof(window),
						(const void *)address_of_chain(number - in));
	return at.window_read;
}

/*
 * How many empty chains of the window follow each other from this word on: WINDOW_PART at most, and
 * neither the last chain of the window nor that of the table (`left` chains come after the first).
 *
 * Global functions, this and others: the verifier goes through each once, not at each call. A long
 * loop is divided in two for the same reason: its body is verified once for each round.
 */
__noinline __u32 sweep_empty_chains(__u32 word, __u32 step, __u64 end, __u32 left)
{
	__u32 i;

	for (i = 0; i < WINDOW_PART; i++) {
		if (i >= left || word + step >= WINDOW_WORDS ||
		    window[word & (WINDOW_WORDS - 1)] != end)
			break;
		word += step;
		end += 2;
	}
	return i;
}

/* On to the first chain of the window that has something in it, or is the last; its head. */
__noinline __u64 sweep_next_head(void)
{
	__u32 step = among_listeners() ? LISTEN_STRIDE / 8 : 1, number = number_of_chain();
	__u32 in = number & (WINDOW_WORDS / step - 1), word = in * step, i, n;
	__u32 left = (among_listeners() ? sweep.lhash_mask : sweep.ehash_mask) - number;
	__u64 end = end_of_chain(number);

	if (!read_window(number, in))
		return read_head();
	for (i = 0; i < WINDOW_WORDS / WINDOW_PART; i++) {
		n = sweep_empty_chains(word, step, end, left);
		at.chain += n;
		word += n * step;
		end += n * 2;
		left -= n;
		if (n < WINDOW_PART)
			break;
	}
	return window[word & (WINDOW_WORDS - 1)];
}

/* Beyond n_known are those of another chain: the first one that is equal decides. */
__noinline int sweep_is_known_from(__u32 from, __u64 sk)
{
	__u32 i;

	for (i = 0; i < KNOWN_PART; i++)
		if (known[(from + i) & (KNOWN_MAX - 1)] == sk)
			return from + i < at.n_known;
	return 0;
}

static __always_inline bool sweep_is_known(__u64 sk)
{
	__u32 i;

	for (i = 0; i < KNOWN_MAX && i < at.n_known; i += KNOWN_PART)
		if (sweep_is_known_from(i, sk))
			return true;
	return false;
}

static __always_inline void meet(__u64 sk, const struct sock_common *skc)
{
	__u64 net = (__u64)skc->skc_net.net;

	if (sweep_is_known(sk))
		return;
	if (at.n_known < KNOWN_MAX)
		known[at.n_known++ & (KNOWN_MAX - 1)] = sk;
	at.met++;
	if (net == sweep.net)
		sweep_look_at(sk);
	else
		put_aside(net, sk, skc->skc_hash);
}

/*
 * True: nothing is left, or enough has been done. Rows of one chain have room; a socket has two
 * when it stands for an MPTCP socket.
 */
static __always_inline bool is_over(void)
{
	sweep.over = at.chain > sweep.lhash_mask + sweep.ehash_mask + 1;
	return sweep.over || at.met >= sweep.slice ||
	       sweep.n_rows >= TCS_CENSUS_ROWS - 2 * KNOWN_MAX ||
	       (!among_listeners() && listeners_end());
}

static long chain_step(void)
{
	const struct sock_common *skc = (const void *)copy;
	__u64 node = at.node, sk;

	if (!node) {
		if (is_over())
			return 1;
		at.n_known = at.reads = 0;
		node = sweep_next_head();
	}
	if (node & 1) {
		if (node == end_of_chain(number_of_chain()))
			next_chain();
		else
			read_again();
		return 0;
	}
	sk = node - bpf_core_field_offset(struct sock_common, skc_nulls_node);
	if (!node || !copy_socket(copy, sk) || !in_this_chain(skc)) {
		read_again();
		return 0;
	}
	at.node = (__u64)skc->skc_nulls_node.next;
	meet(sk, skc);
	return 0;
}

static long sweep_step(__u32 i, void *ctx)
{
	return sweep.from_aside ? aside_step() : chain_step();
}

/* ---- for user space -------------------------------------------------------------------------- */

/*
 * Begin, in the namespace that is asked for. It may have ended: its sockets are those of the table
 * with its address, and memory of it is only read by probes. No ehash: this kernel's tables are not
 * like that.
 */
SEC("raw_tp")
int tcs_sweep_find(void *ctx)
{
	const struct task_struct *task = (const void *)bpf_get_current_task();
	const struct net *net = sweep.asked ? (const struct net *)sweep.asked :
					      BPF_CORE_READ(task, nsproxy, net_ns);
	const struct inet_hashinfo *info;

	at.chain = at.node = at.stranger = 0;
	sweep.over = sweep.listeners_over = 0;
	sweep.net = (__u64)net;
	sweep.ehash = 0;
	if (!bpf_core_field_exists(net->ipv4.tcp_death_row.hashinfo) ||
	    bpf_core_type_size(struct inet_listen_hashbucket) != LISTEN_STRIDE ||
	    bpf_core_field_offset(struct inet_listen_hashbucket, nulls_head) != LISTEN_STRIDE - 8 ||
	    bpf_core_type_size(struct inet_ehash_bucket) != 8)
		return 0;
	info = BPF_CORE_READ(net, ipv4.tcp_death_row.hashinfo);
	sweep.ehash = (__u64)BPF_CORE_READ(info, ehash);
	sweep.ehash_mask = BPF_CORE_READ(info, ehash_mask);
	sweep.lhash = (__u64)BPF_CORE_READ(info, lhash2);
	sweep.lhash_mask = BPF_CORE_READ(info, lhash2_mask);
	return 0;
}

SEC("raw_tp")
int tcs_sweep_run(void *ctx)
{
	at.met = 0;
	at.window_read = false; /* chains have changed since */
	if (at.node)
		read_again();
	bpf_loop(STEPS_MAX, sweep_step, NULL, 0);
	return 0;
}

#endif /* TCS_SWEEP_H */
