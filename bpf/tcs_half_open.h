/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_HALF_OPEN_H
#define TCS_HALF_OPEN_H

/*
 * tcs_half_open.h - half-open connections, counted per listener and per source during a walk
 *
 * A flood may hold 100,000 of them: what leaves the kernel is one row for each listener, and a row
 * for each source and prefix that found room. What found none is counted, and how many different
 * ones there are in all is told by a sketch of constant size. The walk meets them in the order of
 * the kernel's hash, so a source that has a large share has its row long before the table is full.
 *
 * Two kinds: request sockets (SYN received), and full sockets in SYN_RECV: children of TCP Fast
 * Open, and simultaneous opens, which have no listener. Only a walk calls this: one thread.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "tcs_device.h"
#include "tcs_socket.h"
#include "tcs_wire.h"

/* One half-open connection. */
struct half_open {
	__u64 listener; /* its address; 0 none */
	__u64 age_us;
	__u64 net;    /* address of its namespace */
	__u32 device; /* ifindex: zone of a link-local address, or the bound device; 0 none */
	__u8 retransmits;
	__u8 timeouts;
	bool acked;
	bool full;
	bool plain; /* its SYN offered neither SACK nor timestamps */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TCS_CENSUS_LISTENERS);
	__type(key, __u64);
	__type(value, struct tcs_census_half_open);
} half_open SEC(".maps");

struct source_table {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TCS_CENSUS_SOURCES);
	__type(key, struct tcs_census_source);
	__type(value, struct tcs_census_source_held);
};

struct source_table sources SEC(".maps");
struct source_table prefixes SEC(".maps");

/* One has found no room; user space clears them with the tables. */
bool sources_full, prefixes_full;

/* Too large for the stack. */
struct tcs_census_half_open no_half_open;

static __always_inline __u64 age_us(__u64 since_us)
{
	__u64 now_us = bpf_ktime_get_ns() / 1000;

	if (!since_us)
		return TCS_CENSUS_UNKNOWN;
	return now_us > since_us ? now_us - since_us : 0;
}

static __always_inline void read_request(const struct tcp_request_sock *treq, struct half_open *h)
{
	const struct inet_request_sock *ireq = &treq->req;

	h->listener = (__u64)BPF_CORE_READ(ireq, req.__req_common.skc_listener);
	h->age_us = age_us(BPF_CORE_READ(treq, snt_synack));
	h->retransmits = BPF_CORE_READ(ireq, req.num_retrans);
	h->timeouts = BPF_CORE_READ_BITFIELD_PROBED(&ireq->req, num_timeout);
	h->acked = BPF_CORE_READ_BITFIELD_PROBED(ireq, acked);
	h->full = false;
	h->plain = !BPF_CORE_READ_BITFIELD_PROBED(ireq, sack_ok) &&
		   !BPF_CORE_READ_BITFIELD_PROBED(ireq, tstamp_ok);
}

/* tcp_try_fastopen() gives the child its request; without one it is a simultaneous open. */
static __always_inline void read_full(const struct tcp_sock *tp, struct half_open *h)
{
	struct request_sock *req = BPF_CORE_READ(tp, fastopen_rsk);
	struct tcp_request_sock *treq = (void *)req;

	h->full = true;
	h->acked = false;
	if (!req) {
		h->listener = 0;
		h->age_us = TCS_CENSUS_UNKNOWN;
		h->retransmits = BPF_CORE_READ(tp, total_retrans);
		h->timeouts = BPF_CORE_READ(tp, inet_conn.icsk_retransmits);
		return;
	}
	h->listener = (__u64)BPF_CORE_READ(req, __req_common.skc_listener);
	h->age_us = age_us(BPF_CORE_READ(treq, snt_synack));
	h->retransmits = BPF_CORE_READ(req, num_retrans);
	h->timeouts = BPF_CORE_READ_BITFIELD_PROBED(req, num_timeout);
}

/* The finalizer of splitmix64: every bit of the key moves half of the bits. */
static __always_inline __u64 mix(__u64 x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/*
 * 1 + the number of zeros at the low end, at most 31. By multiplying, not by asking: each question
 * would double the verifier's paths.
 */
const __u8 rank_of_bit[32] = { 1,  2,  29, 3,  30, 15, 25, 4, 31, 23, 21, 16, 26, 18, 5,  9,
			       32, 28, 14, 24, 22, 20, 17, 8, 27, 13, 19, 7,  12, 6,  11, 10 };

static __always_inline __u8 rank_of(__u32 x)
{
	__u32 lowest;

	x |= 1U << 30;
	lowest = x & -x;
	return rank_of_bit[(__u32)(lowest * 0x077cb531U) >> 27];
}

static __always_inline void sketch_add(struct tcs_sketch *s, const __u64 addr[2], __u32 device)
{
	__u64 h = mix(mix(addr[0] + 0x9e3779b97f4a7c15ULL + device) ^ addr[1]);
	__u32 at = h >> (64 - TCS_SKETCH_BITS);
	__u8 rank = rank_of(h);

	if (s->rank[at] < rank)
		s->rank[at] = rank;
}

/* False: there is no room for it. full: no more are tried, which would cost as much as the rest. */
static __always_inline bool source_add(void *table, const struct tcs_census_source *key, __u64 age,
				       bool full)
{
	struct tcs_census_source_held *held = bpf_map_lookup_elem(table, key);

	if (!held) {
		struct tcs_census_source_held one = { .count = 1 };

		one.oldest_us = age == TCS_CENSUS_UNKNOWN ? 0 : age;
		return !full && !bpf_map_update_elem(table, key, &one, BPF_ANY);
	}
	held->count++;
	if (age != TCS_CENSUS_UNKNOWN && age > held->oldest_us)
		held->oldest_us = age;
	return true;
}

static __always_inline void count_sources(struct tcs_census_half_open *to, const struct addrs *a,
					  const struct half_open *h)
{
	struct tcs_census_source key = { .listener = h->listener,
					 .family = a->family,
					 .device = h->device };
	__u64 addr[2] = { a->r[0], a->r[1] };

	sketch_add(&to->sources, addr, h->device);
	__builtin_memcpy(key.addr, addr, 16);
	if (!source_add(&sources, &key, h->age_us, sources_full)) {
		to->sources_left_out++;
		sources_full = true;
	}
	if (a->family == 4)
		addr[1] &= bpf_cpu_to_be64(~0xffULL);
	else
		addr[1] = 0;
	sketch_add(&to->prefixes, addr, h->device);
	__builtin_memcpy(key.addr, addr, 16);
	if (!source_add(&prefixes, &key, h->age_us, prefixes_full)) {
		to->prefixes_left_out++;
		prefixes_full = true;
	}
}

static __always_inline struct tcs_census_half_open *half_open_of(const struct half_open *h,
								 const struct addrs *a, __u16 lport)
{
	struct tcs_census_half_open *to = bpf_map_lookup_elem(&half_open, &h->listener);
	const struct sock *listener = (void *)h->listener;

	if (to || bpf_map_update_elem(&half_open, &h->listener, &no_half_open, BPF_ANY))
		return to;
	to = bpf_map_lookup_elem(&half_open, &h->listener);
	if (!to)
		return NULL;
	to->device = h->device;
	if (listener) {
		to->listener = id_as_it_is(listener);
		to->device = BPF_CORE_READ(listener, __sk_common.skc_bound_dev_if);
	}
	if (to->device)
		device_note(h->net, to->device);
	__builtin_memcpy(to->laddr, a->l, 16);
	to->lport = lport;
	to->family = a->family;
	to->newest_us = TCS_CENSUS_UNKNOWN;
	return to;
}

/* False: there is no room for its listener. */
static __always_inline bool half_open_count(const struct half_open *h, const struct addrs *a,
					    __u16 lport)
{
	struct tcs_census_half_open *to = half_open_of(h, a, lport);

	if (!to)
		return false;
	if (h->device && h->device != to->device)
		device_note(h->net, h->device);
	to->count++;
	to->full += h->full;
	to->acked += h->acked;
	to->resent += h->retransmits;
	if (h->age_us != TCS_CENSUS_UNKNOWN) {
		if (h->age_us > to->oldest_us)
			to->oldest_us = h->age_us;
		if (h->age_us < to->newest_us)
			to->newest_us = h->age_us;
	}
	if (!h->acked && h->timeouts) {
		to->stuck++;
		to->recent += h->age_us < TCS_CENSUS_RECENT_US;
		to->plain += h->plain;
	}
	count_sources(to, a, h);
	return true;
}

#endif /* TCS_HALF_OPEN_H */
