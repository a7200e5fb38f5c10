/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_NOTE_H
#define TCS_NOTE_H

/*
 * tcs_note.h - what the BPF programs remember about a socket, and whose child it is
 *
 * Notes are in a hash by the socket's address, made at its first event and deleted at -> CLOSE.
 * The kernel reuses addresses at once, so a socket's birth always begins a new note, whatever a
 * socket that vanished without an event left there. (Storage in the socket itself is tidier and
 * costs seven times as much: two allocations and two RCU callbacks a socket; tests/bench.)
 *
 * accept() fires nothing, so an accepted connection has the owner of its listener. A child does not
 * point to its listener. It has its listener's address in socket storage (tcs_parents.h), or the
 * listener is looked up as the kernel does it (inet_lookup_listener(), compute_score()): by family,
 * exact address before every address, bound device before none. Without storage (kernel.storage)
 * a child of several listeners with one address, port and device has no known listener.
 *
 * A socket's id is made with its note and is never given to another one (TCS_ID_OWN, tcs_wire.h).
 * The low half of the cookie is kept for readers of the note that only have the socket: an address
 * may belong to another socket by then.
 *
 * Written with the socket's lock held, and once by the scan for listeners older than the program.
 * The owner of a listener is written by later scans, too (tcs_owners.h).
 * Bounds: max_entries is set before loading; a note that finds no room is counted. BPF side only.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tcs_parents.h"
#include "tcs_socket.h"
#include "tcs_wire.h"

/* In a note's flags, where a record has TCS_F_HAS_*: TCS_M_*, shifted right by NOTE_MORE_SHIFT. */
#define NOTE_MORE	0x7000
#define NOTE_MORE_SHIFT 17
#define NOTE_OF_MORE(m) ((m) >> NOTE_MORE_SHIFT)

struct tcs_note {
	__u64 id;	    /* unique for the socket's lifetime */
	__u64 listener;	    /* address of the listener it was born from; 0 none or unknown */
	__u64 since_ns;	    /* when it entered its present state; 0 unknown */
	__u64 comm[2];	    /* of the owner */
	__u32 pid;	    /* of the owner, a tgid; 0 unknown */
	__u32 seq;	    /* events told or lost, of this socket */
	__u16 mark;	    /* the last event handled: old state << 8 | new state; 0 none */
	__u8 owner_source;  /* enum tcs_wire_owner_source */
	__u8 told_epoch;    /* the epoch in which its facts were told; 0 not yet */
	__u8 reset_sent;    /* a reset of our own went out since the last event */
	__u8 deferred;	    /* its first event waits to be told with the next one */
	__u8 owner_changed; /* by the current event */
	__u8 known;	    /* the epoch in which user space was first told of it; 0 not yet */
	__u16 flags;	    /* of the current event: enum tcs_wire_flags, NOTE_MORE */
	__u8 owner_writes;  /* of a listener's owner, odd during one; tcs_owners.h */
	union {
		/* Child: 1: its listener may be at another address; 0 with a listener. Or: */
		__u8 unsure;
		/* listener: scan that met the first holder, TCS_OWNER_SHARED; 0 none */
		__u8 owner_scan;
	};
	__u32 cookie_low; /* of the socket's cookie; 0 not asked for yet */
};

/* In `unsure`: a simultaneous open, or a connection to itself: it has no listener. */
#define TCS_NOTE_OPENED 2

struct tcs_listener {
	__u64 sk;	   /* its address; 0: one of `others`, nobody knows which */
	__u32 others;	   /* that share the place, where there is no storage to tell them apart */
	__u32 transparent; /* IP_TRANSPARENT: children at other addresses and ports as well */
};

struct tcs_listener_key {
	__u64 laddr[2];
	__u32 netns;
	__u32 device; /* ifindex; with storage 0: a listener bound to a device has that */
	__u16 family; /* AF_INET, AF_INET6: that of the children too */
	__u16 lport;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 20);
	__type(key, __u64);
	__type(value, struct tcs_note);
} notes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 16);
	__type(key, struct tcs_listener_key);
	__type(value, struct tcs_listener);
} listeners SEC(".maps");

static __always_inline struct tcs_note *note_find(const struct sock *sk)
{
	__u64 key = (__u64)sk;

	return bpf_map_lookup_elem(&notes, &key);
}

/* Replaces what another socket may have left; NULL: no room. */
static __always_inline struct tcs_note *note_begin(const struct sock *sk,
						   const struct tcs_note *fresh)
{
	__u64 key = (__u64)sk;

	if (bpf_map_update_elem(&notes, &key, fresh, BPF_ANY))
		return NULL;
	return bpf_map_lookup_elem(&notes, &key);
}

static __always_inline void note_end(const struct sock *sk)
{
	__u64 key = (__u64)sk;

	bpf_map_delete_elem(&notes, &key);
}

static __always_inline void listener_key(const struct sock *sk, const struct net *net,
					 const struct addrs *a, __u16 lport,
					 struct tcs_listener_key *key)
{
	key->laddr[0] = a->l[0];
	key->laddr[1] = a->l[1];
	key->netns = BPF_CORE_READ(net, ns.inum);
	key->device = kernel.storage ? 0 : BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
	key->family = a->sk_family;
	key->lport = lport;
	key->pad = 0;
}

/*
 * The one place for all that listen there; lport 0: it is not chosen yet, nothing can be kept.
 * False: there is no room.
 */
static __always_inline bool listener_begin_at(struct sock *sk, const struct addrs *a, __u16 lport,
					      bool shared)
{
	struct tcs_listener own = { .sk = (__u64)sk }, *known;
	struct tcs_listener_key key;

	if (!lport)
		return true;
	listener_key(sk, net_of(sk), a, lport, &key);
	if (!kernel.storage)
		own.transparent = peek_transparent(sk);
	if (shared) {
		known = bpf_map_lookup_elem(&listeners, &key);
		if (known && known->sk != own.sk) {
			__sync_fetch_and_add(&known->others, 1);
			return true;
		}
	}
	return !bpf_map_update_elem(&listeners, &key, &own, BPF_ANY);
}

/* Its handshakes are counted from now on, unless its children cannot be told from others'. */
static __always_inline void listener_begin(struct sock *sk, const struct addrs *a, __u16 lport,
					   bool shared)
{
	struct tcs_handshakes_kept none = {};
	__u64 key = (__u64)sk;

	if (!kernel.storage || !storage_begin(sk, lport, false)) {
		if (!listener_begin_at(sk, a, lport, shared) && kernel.storage)
			storage_begin(sk, lport, true);
	}
	if (kernel.storage || !shared)
		bpf_map_update_elem(&handshakes, &key, &none, BPF_ANY);
}

static __always_inline void listener_end(const struct sock *sk, const struct addrs *a, __u16 lport)
{
	struct tcs_listener *known;
	struct tcs_listener_key key;
	__u64 own = (__u64)sk;

	bpf_map_delete_elem(&handshakes, &own);
	listener_key(sk, net_of(sk), a, lport, &key);
	known = bpf_map_lookup_elem(&listeners, &key);
	if (!known)
		return;
	if (!kernel.storage && known->others) {
		__sync_fetch_and_add(&known->others, -1);
		if (known->sk == (__u64)sk)
			known->sk = 0;
		return;
	}
	if (known->sk == (__u64)sk || !known->sk)
		bpf_map_delete_elem(&listeners, &key);
}

/* Is this the note of the socket with this cookie? 0: it has none. */
static __always_inline bool note_is_of(const struct tcs_note *note, __u64 cookie)
{
	return !note->cookie_low || !cookie || note->cookie_low == (__u32)cookie;
}

/* By address, port and device, as the kernel does it; without a device there are two lookups. */
static __always_inline const struct tcs_listener *listener_at(const struct sock *child,
							      const struct net *net, __u16 lport)
{
	const struct tcs_listener *listener;
	struct tcs_listener_key key;
	struct addrs a;
	__u32 device;

	read_addrs(&child->__sk_common, &a);
	listener_key(child, net, &a, lport, &key);
	device = key.device;
	listener = bpf_map_lookup_elem(&listeners, &key);
	if (!listener && !kernel.storage && device) {
		key.device = 0;
		listener = bpf_map_lookup_elem(&listeners, &key);
		key.device = device;
	}
	if (listener)
		return listener;
	/* bound to every address */
	key.laddr[0] = 0;
	key.laddr[1] = key.family == AF_INET ? V4_MAPPED_HIGH : 0;
	listener = bpf_map_lookup_elem(&listeners, &key);
	if (!listener && !kernel.storage && device) {
		key.device = 0;
		listener = bpf_map_lookup_elem(&listeners, &key);
	}
	return listener;
}

/*
 * The address of the listener this child was born from; 0: not known. *unsure: what listens at the
 * child's address need not be its listener.
 */
static __always_inline __u64 listener_of_child(struct sock *child, const struct tcp_sock *tp,
					       __u8 *unsure)
{
	__u16 lport = bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport);
	const struct tcs_listener *listener;
	const struct net *net;
	__u64 *own;

	if (kernel.storage) {
		own = bpf_sk_storage_get(&parents, child, NULL, 0);
		if (own)
			return *own;
	}
	net = net_of(child);
	listener = listener_at(child, net, lport);
	if (is_transparent(tp) && (!listener || !listener->transparent))
		*unsure = 1;
	if (has_sk_lookup(net))
		*unsure = 1;
	return listener && !listener->others && !*unsure ? listener->sk : 0;
}

/* The note of the listener at this address, or NULL. */
static __always_inline const struct tcs_note *note_of_listener(__u64 listener)
{
	const struct tcs_note *note = bpf_map_lookup_elem(&notes, &listener);

	return note && (note->mark & 0xff) == TCP_LISTEN ? note : NULL;
}

#endif /* TCS_NOTE_H */
