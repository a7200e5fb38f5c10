/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_PORTS_H
#define TCS_PORTS_H

/*
 * tcs_ports.h - scan of the kernel's table of local ports (bhash)
 *
 * Each local port that a TCP socket of a namespace uses has an inet_bind_bucket there, whatever the
 * state: listeners, connections, TIME_WAIT, and sockets that are bound and nothing else, which no
 * other table has. fastreuse and fastreuseport of the bucket are negative if every socket got the
 * port from connect(); otherwise a bind() chose it, and connect() passes over the port for all
 * addresses of the namespace (__inet_hash_connect()). Below the bucket (bhash2) there is one for
 * each local address, which is what the next bind() conflicts with.
 *
 * A row goes out for each port and local address. It has the IP_LOCAL_PORT_RANGE of the first
 * socket of the bucket that is not in TIME_WAIT: that is how a program's own range becomes known.
 *
 * By probe reads: buckets may be freed meanwhile; a chain is followed for CHAIN_MAX buckets. Ports
 * of a VRF (l3mdev) are passed over: they do not conflict with the others. BPF side only; for
 * kernels whose namespaces know their table (6.1). Before 6.8 a bucket has a list of sockets, not
 * of addresses: the row has the address of the first.
 *
 * Bounds: TCS_CENSUS_PORTS rows; more are counted (left_out). A run takes PORT_STEPS steps.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "tcs_socket.h"
#include "tcs_wire.h"

#define PORT_STEPS	 1024 /* of a run: windows, buckets and addresses; 1 ms at most */
#define PORT_CHAIN_MAX	 1024
#define PORT_ADDRS_MAX	 4096 /* local addresses of one port */
#define PORT_HEADS	 64   /* heads of chains read at once */
#define PORT_PART	 8    /* of these, in one call */
#define PORT_HEAD_WORDS	 2    /* struct inet_bind_hashbucket: lock, chain */
#define IPV6_ADDR_MAPPED 0x1000U

struct tcs_census_ports port_scan;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TCS_CENSUS_PORTS);
	__type(key, __u32);
	__type(value, struct tcs_census_port);
} port_rows SEC(".maps");

/* Of the bucket being read; not on the stack (see tcs_sweep.h). */
static struct {
	__u64 tb;   /* the next inet_bind_bucket of the chain; 0: the next chain */
	__u64 addr; /* the next local address of the port; 0: the next bucket */
	__u64 net;
	__u32 chain;
	__u32 in_chain; /* buckets of this chain so far */
	__u32 addrs;	/* of this port so far */
	__u32 window_of;
	__u16 port;
	__u8 bound;
	bool window_read;
} port_at __attribute__((used));

static __u64 port_heads[PORT_HEADS * PORT_HEAD_WORDS];

/*
 * The bucket being read, by one probe read: seven of them took three times as long. A member is
 * found by its offset in this kernel's struct.
 */
#define PORT_COPY_WORDS 12
static __u64 port_copy[PORT_COPY_WORDS] __attribute__((used));

#define COPIED(type, member, as) \
	(*(const as *)((const char *)port_copy + bpf_core_field_offset(type, member)))
#define IS_COPIED(type, member) (bpf_core_field_offset(type, member) <= (PORT_COPY_WORDS - 2) * 8)

static __always_inline bool port_copy_read(__u64 bucket)
{
	return !bpf_probe_read_kernel(port_copy, sizeof(port_copy), (const void *)bucket);
}

static __always_inline bool port_tables_known(void)
{
	return bpf_core_field_exists(((struct inet_hashinfo *)0)->bhash_size) &&
	       bpf_core_type_size(struct inet_bind_hashbucket) == PORT_HEAD_WORDS * 8 &&
	       bpf_core_field_offset(struct inet_bind_hashbucket, chain) ==
		       (PORT_HEAD_WORDS - 1) * 8 &&
	       IS_COPIED(struct inet_bind_bucket, node) &&
	       (!bpf_core_field_exists(((struct inet_bind_bucket *)0)->bhash2) ||
		(IS_COPIED(struct inet_bind_bucket, bhash2) &&
		 IS_COPIED(struct inet_bind2_bucket, owners)));
}

/* Heads from `first` on; false: they cannot be read. */
static __always_inline bool port_heads_read(__u32 first)
{
	__u64 at = port_scan.bhash + (__u64)first * PORT_HEAD_WORDS * 8;

	if (port_at.window_read && port_at.window_of == first)
		return true;
	port_at.window_of = first;
	port_at.window_read =
		!bpf_probe_read_kernel(port_heads, sizeof(port_heads), (const void *)at);
	return port_at.window_read;
}

/*
 * How many chains of the window follow each other from this one on that are empty: at most
 * PORT_PART.
 */
__noinline __u32 ports_empty_chains(__u32 in)
{
	__u32 i;

	for (i = 0; i < PORT_PART; i++)
		if (in + i >= PORT_HEADS ||
		    port_heads[((in + i) & (PORT_HEADS - 1)) * PORT_HEAD_WORDS + PORT_HEAD_WORDS -
			       1])
			break;
	return i;
}

/* The first chain of the window from port_at.chain on that is not empty: its head, or 0. */
__noinline __u64 ports_next_head(void)
{
	__u32 i, n, in = port_at.chain & (PORT_HEADS - 1);
	__u64 head = 0;

	if (!port_heads_read(port_at.chain - in)) {
		port_at.chain += PORT_HEADS - in;
		return 0;
	}
	for (i = 0; i < PORT_HEADS / PORT_PART; i++) {
		n = ports_empty_chains(in);
		in += n;
		if (n < PORT_PART)
			break;
	}
	if (in < PORT_HEADS) {
		head = port_heads[(in & (PORT_HEADS - 1)) * PORT_HEAD_WORDS + PORT_HEAD_WORDS - 1];
		in++;
	}
	port_at.chain = port_at.window_of + in;
	return head;
}

/* IP_LOCAL_PORT_RANGE of a socket: first | last << 16; 0 none. */
static __always_inline __u32 range_of_socket(__u64 sk)
{
	const struct sock *s = (const struct sock *)sk;
	const struct inet_sock *inet = (const struct inet_sock *)sk;
	__u8 state = BPF_CORE_READ(s, __sk_common.skc_state);

	if (!bpf_core_field_exists(inet->local_port_range) || state == TCP_TIME_WAIT)
		return 0;
	return BPF_CORE_READ(inet, local_port_range);
}

static __always_inline struct tcs_census_port *port_row(void)
{
	__u32 i = port_scan.n_rows;
	struct tcs_census_port *row = bpf_map_lookup_elem(&port_rows, &i);

	if (!row) {
		port_scan.left_out++;
		return NULL;
	}
	port_scan.n_rows = i + 1;
	row->net = port_at.net;
	row->port = port_at.port;
	row->bound = port_at.bound;
	row->range = 0;
	return row;
}

static __always_inline void set_row_addr(struct tcs_census_port *row, const __u64 addr[2])
{
	__builtin_memcpy(row->laddr, addr, sizeof(row->laddr));
	row->family = is_mapped(addr) ? 4 : 6;
}

/* The local address of the inet_bind2_bucket copied. Before 6.10 IPv4 was not mapped. */
static __always_inline void read_addr2(__u64 addr[2])
{
	if (!bpf_core_field_exists(((struct inet_bind2_bucket *)0)->addr_type)) {
		if (COPIED(struct inet_bind2_bucket___family, family, __u16) == AF_INET) {
			map_v4(addr, COPIED(struct inet_bind2_bucket___family, rcv_saddr, __be32));
			return;
		}
	}
	addr[0] = *(&COPIED(struct inet_bind2_bucket, v6_rcv_saddr, __u64));
	addr[1] = *(&COPIED(struct inet_bind2_bucket, v6_rcv_saddr, __u64) + 1);
	/* 0.0.0.0 as ::ffff:0.0.0.0, so that it differs from :: */
	if (bpf_core_field_exists(((struct inet_bind2_bucket *)0)->addr_type) && !addr[0] &&
	    !addr[1] && COPIED(struct inet_bind2_bucket, addr_type, __u16) == IPV6_ADDR_MAPPED)
		map_v4(addr, 0);
}

/* To read a socket of each port would cost as much as the rest; a range is there for a while. */
static __always_inline bool is_sampled(void)
{
	return !((port_at.port + port_scan.phase) & port_scan.sample);
}

static __always_inline void take_addr(void)
{
	__u64 tb2 = port_at.addr - bpf_core_field_offset(struct inet_bind2_bucket, bhash_node);
	struct tcs_census_port *row;
	__u64 node, addr[2];

	port_at.addr = 0;
	if (!port_copy_read(tb2))
		return;
	if (++port_at.addrs < PORT_ADDRS_MAX)
		port_at.addr = COPIED(struct inet_bind2_bucket, bhash_node.next, __u64);
	row = port_row();
	if (!row)
		return;
	read_addr2(addr);
	set_row_addr(row, addr);
	node = COPIED(struct inet_bind2_bucket, owners.first, __u64);
	if (node && is_sampled())
		row->range = range_of_socket(
			node - bpf_core_field_offset(struct sock_common, skc_bind_node));
}

/* Before 6.8: the bucket's first socket. */
static __always_inline void take_first_owner(__u64 tb)
{
	const struct inet_bind_bucket___owners *old = (const void *)tb;
	__u64 node = (__u64)BPF_CORE_READ(old, owners.first), sk;
	struct tcs_census_port *row;
	struct addrs a;

	if (!node)
		return;
	sk = node - bpf_core_field_offset(struct sock_common, skc_bind_node);
	row = port_row();
	if (!row)
		return;
	peek_addrs((const struct sock_common *)sk, &a);
	if (a.sk_family == AF_INET6 && a.family == 6)
		set_row_addr(row, a.l);
	else
		map_v4((__u64 *)row->laddr, (__u32)(a.l[1] >> 32)), row->family = 4;
	row->range = range_of_socket(sk);
}

static __always_inline void take_bucket(void)
{
	__u64 tb = port_at.tb - bpf_core_field_offset(struct inet_bind_bucket, node);

	port_at.tb = 0;
	if (!port_copy_read(tb))
		return;
	if (++port_at.in_chain < PORT_CHAIN_MAX)
		port_at.tb = COPIED(struct inet_bind_bucket, node.next, __u64);
	port_at.net = COPIED(struct inet_bind_bucket, ib_net.net, __u64);
	port_at.port = COPIED(struct inet_bind_bucket, port, __u16);
	port_at.bound = COPIED(struct inet_bind_bucket, fastreuse, signed char) >= 0 ||
			COPIED(struct inet_bind_bucket, fastreuseport, signed char) >= 0;
	port_at.addrs = 0;
	if (COPIED(struct inet_bind_bucket, l3mdev, __u32) ||
	    (port_scan.net && port_scan.net != port_at.net))
		return;
	if (bpf_core_field_exists(((struct inet_bind_bucket *)0)->bhash2))
		port_at.addr = COPIED(struct inet_bind_bucket, bhash2.first, __u64);
	else
		take_first_owner(tb);
}

static long ports_step(__u32 i, void *ctx)
{
	if (port_at.addr) {
		take_addr();
		return 0;
	}
	if (port_at.tb) {
		take_bucket();
		return 0;
	}
	if (port_at.chain >= port_scan.size) {
		port_scan.over = 1;
		return 1;
	}
	port_at.in_chain = 0;
	port_at.tb = ports_next_head();
	return 0;
}

/* Begin. over at once: this kernel's tables are not like that. */
SEC("raw_tp")
int tcs_ports_begin(void *ctx)
{
	const struct task_struct *task = (const void *)bpf_get_current_task();
	const struct net *net = BPF_CORE_READ(task, nsproxy, net_ns);
	const struct inet_hashinfo *info;

	port_at.chain = port_at.tb = port_at.addr = 0;
	port_scan.n_rows = port_scan.left_out = 0;
	port_scan.size = 0;
	port_scan.over = 1;
	if (!bpf_core_field_exists(net->ipv4.tcp_death_row.hashinfo) || !port_tables_known())
		return 0;
	info = BPF_CORE_READ(net, ipv4.tcp_death_row.hashinfo);
	port_scan.bhash = (__u64)BPF_CORE_READ(info, bhash);
	port_scan.size = BPF_CORE_READ(info, bhash_size);
	port_scan.over = 0;
	return 0;
}

SEC("raw_tp")
int tcs_ports_run(void *ctx)
{
	port_at.window_read = false; /* chains have changed since */
	bpf_loop(PORT_STEPS, ports_step, NULL, 0);
	return 0;
}

#endif /* TCS_PORTS_H */
