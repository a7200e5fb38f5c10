/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_PARENTS_H
#define TCS_PARENTS_H

/*
 * tcs_parents.h - storage that names the listener of a child, and the handshakes of each listener
 *
 * The kernel chooses a listener by address, port and device (inet_lookup_listener()). Where that
 * does not name one socket, the listener has socket storage of the kind that is cloned into its
 * children (BPF_F_CLONE): SO_REUSEPORT, a bound device, IP_TRANSPARENT (TPROXY redirects to another
 * address and port), a port that listen() chose, and a namespace with an sk_lookup program. Kernels
 * without storage in tracing programs (kernel.storage, before 5.11) know the other listeners only.
 *
 * A listener's handshakes are counted under its address from -> LISTEN to LISTEN -> CLOSE, so the
 * table has no more entries than there are listeners. BPF side only.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "tcs_socket.h"
#include "tcs_wire.h"

#define INET_FLAGS_TRANSPARENT 15 /* since 6.6 */
#define NETNS_BPF_SK_LOOKUP    1

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, __u64); /* the listener's address */
} parents SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TCS_HANDSHAKE_LISTENERS);
	__type(key, __u64); /* the listener's address */
	__type(value, struct tcs_handshakes_kept);
} handshakes SEC(".maps");

/* NULL: the listener is not known, or has no entry. */
static __always_inline struct tcs_handshakes_kept *handshakes_of(__u64 listener)
{
	return listener ? bpf_map_lookup_elem(&handshakes, &listener) : NULL;
}

/* IP_TRANSPARENT. A child has that of its listener (sk_clone_lock()). */
static __always_inline bool is_transparent(const struct tcp_sock *tp)
{
	const struct inet_sock *inet = &tp->inet_conn.icsk_inet;

	if (bpf_core_field_exists(inet->inet_flags))
		return inet->inet_flags >> INET_FLAGS_TRANSPARENT & 1;
	return BPF_CORE_READ_BITFIELD((const struct inet_sock___bits *)inet, transparent);
}

/* The same of any address. */
static __always_inline bool peek_transparent(const struct sock *sk)
{
	const struct inet_sock___bits *before = (const void *)sk;
	const struct inet_sock *inet = (const void *)sk;

	if (bpf_core_field_exists(inet->inet_flags))
		return BPF_CORE_READ(inet, inet_flags) >> INET_FLAGS_TRANSPARENT & 1;
	return BPF_CORE_READ_BITFIELD_PROBED(before, transparent);
}

static __always_inline bool is_shared(const struct sock *sk)
{
	return BPF_CORE_READ_BITFIELD_PROBED(&sk->__sk_common, skc_reuseport);
}

/* A BPF program of the namespace may choose another listener than the address does. */
static __always_inline bool has_sk_lookup(const struct net *net)
{
	return BPF_CORE_READ(net, bpf.run_array[NETNS_BPF_SK_LOOKUP]) != NULL;
}

/* Whether a listener with this local port has to have storage. */
static __always_inline bool needs_storage(const struct sock *sk, __u16 lport)
{
	return !lport || is_shared(sk) || BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if) ||
	       peek_transparent(sk) || has_sk_lookup(net_of(sk));
}

/*
 * Name a listener in its storage. A socket that was a child of another one has storage already,
 * with the other's name. always: there is no room elsewhere. False: children have to be known by
 * the address. For kernel.storage.
 */
static __always_inline bool storage_begin(struct sock *sk, __u16 lport, bool always)
{
	bool needed = always || needs_storage(sk, lport);
	__u64 *own =
		bpf_sk_storage_get(&parents, sk, NULL, needed ? BPF_SK_STORAGE_GET_F_CREATE : 0);

	if (own)
		*own = (__u64)sk;
	return own || needed;
}

#endif /* TCS_PARENTS_H */
