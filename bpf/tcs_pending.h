/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_PENDING_H
#define TCS_PENDING_H

/*
 * tcs_pending.h - connects that are not answered, counted per destination during a walk
 *
 * A socket in SYN_SENT counts once its SYN has been sent again, which is after a second
 * (TCP_TIMEOUT_INIT): handshakes under way are left out, and the table is empty while peers answer.
 * BPF side only; only a walk calls this: one thread. Bounds: TCS_CENSUS_PENDING destinations of one
 * namespace; a connect whose destination finds no room is counted by the caller.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "tcs_device.h"
#include "tcs_socket.h"
#include "tcs_wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TCS_CENSUS_PENDING);
	__type(key, struct tcs_pending_key);
	__type(value, struct tcs_pending);
} pending SEC(".maps");

/* Since the first SYN: tcp_connect() sets the stamp, tcp_retransmit_skb() keeps it. */
static __always_inline __u64 pending_age_us(const struct tcp_sock *tp)
{
	__u32 stamp = BPF_CORE_READ(tp, retrans_stamp);
	__u64 now_us = bpf_ktime_get_ns() / 1000;

	if (!stamp)
		return TCS_CENSUS_UNKNOWN;
	if (bpf_core_field_exists(tp->tcp_usec_ts) &&
	    BPF_CORE_READ_BITFIELD_PROBED(tp, tcp_usec_ts))
		return (__u32)now_us - stamp;
	return ((__u32)(now_us / 1000) - stamp) * 1000ULL;
}

/* net: address of the socket's namespace. False: there was no room. */
static __always_inline bool pending_count(const struct tcp_sock *tp,
					  const struct tcs_pending_key *key, __u64 net)
{
	struct tcs_pending none = { .oldest_us = TCS_CENSUS_UNKNOWN }, *held;
	__u64 age_us;

	if (!BPF_CORE_READ(tp, inet_conn.icsk_retransmits))
		return true;
	held = bpf_map_lookup_elem(&pending, key);
	if (!held) {
		if (key->device)
			device_note(net, key->device);
		if (bpf_map_update_elem(&pending, key, &none, 0))
			return false;
		held = bpf_map_lookup_elem(&pending, key);
		if (!held)
			return false;
	}
	held->count++;
	age_us = pending_age_us(tp);
	if (age_us != TCS_CENSUS_UNKNOWN &&
	    (held->oldest_us == TCS_CENSUS_UNKNOWN || age_us > held->oldest_us))
		held->oldest_us = age_us;
	return true;
}

#endif /* TCS_PENDING_H */
