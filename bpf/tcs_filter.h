/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_FILTER_H
#define TCS_FILTER_H

/*
 * tcs_filter.h - does a socket pass a filter? Shared by the event programs and the walk
 *
 * The forms are those of src/filter.h: ports as bitmaps, addresses and prefixes as 16 bytes with
 * IPv4 mapped, a cgroup by its inode and its depth. BPF side only.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tcs_socket.h"

static __always_inline bool port_listed(const volatile __u64 *bits, __u16 port)
{
	return bits[port >> 6] >> (port & 63) & 1;
}

static __always_inline bool prefix_differs(const volatile __u8 *want, const __u64 have[2],
					   __u8 bits)
{
	const volatile __u64 *w = (const volatile __u64 *)want;
	__u64 high = w[0] ^ have[0], low = w[1] ^ have[1];

	high = bpf_be64_to_cpu(high);
	low = bpf_be64_to_cpu(low);
	if (bits <= 64)
		return bits && high >> (64 - bits);
	return high || low >> (128 - bits);
}

/*
 * May a connection that passes a filter by family and local prefix have come to a listener? One
 * that is bound to every address takes each of its family, and on IPv6 those of IPv4 unless it is
 * IPV6_V6ONLY.
 */
static __always_inline bool listener_takes(const struct addrs *a, bool v6only, __u8 family,
					   const volatile __u8 *src, __u8 src_bits)
{
	const __u64 v4[2] = { 0, V4_MAPPED_HIGH };
	bool any4 = !a->l[0] && a->l[1] == V4_MAPPED_HIGH;
	bool any6 = !a->l[0] && !a->l[1];
	bool src_v4;

	if (family && family != a->family && !(family == 4 && any6 && !v6only))
		return false;
	if (!src_bits || (any6 && !v6only))
		return true;
	if (!any4 && !any6)
		return !prefix_differs(src, a->l, src_bits);
	src_v4 = !prefix_differs(src, v4, src_bits < 96 ? src_bits : 96);
	return any4 ? src_v4 : src_bits < 96 || !src_v4;
}

/* A socket without a cgroup is not known to be outside. */
static __always_inline bool outside_cgroup(const struct sock *sk, __u64 cgroup, __u32 level)
{
	const struct cgroup *cg = cgroup_of(sk);
	const struct cgroup *up = NULL;
	__u64 id = 0;

	if (!cg)
		return false;
	if (BPF_CORE_READ(cg, level) < (int)level)
		return true;
	if (bpf_core_field_exists(cg->ancestors)) {
		bpf_probe_read_kernel(&up, sizeof(up), &cg->ancestors[level]);
		if (up)
			id = BPF_CORE_READ(up, kn, id);
	} else {
		const struct cgroup___ids *ids = (const void *)cg;

		bpf_probe_read_kernel(&id, sizeof(id), &ids->ancestor_ids[level]);
	}
	return id != cgroup;
}

#endif /* TCS_FILTER_H */
