/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_FILTER_H
#define TCS_FILTER_H

/*
 * filter.h - what the user wants to see, as plain data
 *
 * The command line fills one struct filter; the loader copies it into the BPF programs and user
 * space decides the rest (a state that is inferred, an address that is not known in the kernel
 * yet). Both sides must agree, so everything here is in the form the kernel side uses: ports as a
 * bitmap, IPv4 as the mapped IPv6 address ::ffff:a.b.c.d, namespaces and cgroups as inode numbers.
 *
 * All zero (`struct filter f = { 0 }`) lets everything pass. A filter owns no memory; copy it
 * freely, but it is 16 KiB (two port bitmaps).
 *
 * Pure: no I/O, no allocation. Parsers return 0 or -EINVAL, write *ret only on success, and put a
 * constant half sentence ("a range runs backwards") into *reterr_why unless that is NULL.
 */
#include <stdbool.h>
#include <stdint.h>

#include "state.h"

#define FILTER_COMM_LEN 16 /* TASK_COMM_LEN, with the final NUL */

struct portset {
	bool any_set;	     /* false: no port filter, bits are all 0 */
	uint64_t bits[1024]; /* port p: bits[p / 64] & (1 << p % 64) */
};

struct prefix {
	bool set;	  /* false: no address filter */
	uint8_t addr[16]; /* network order, host bits 0, IPv4 as ::ffff:a.b.c.d */
	uint8_t bits;	  /* length in addr, 0 to 128; IPv4's /n is stored as n + 96 */
	uint8_t family;	  /* 4 or 6, as the user meant it; ::ffff:0:0/96 and longer is 4 */
};

struct filter {
	uint8_t family; /* 4 or 6; 0 = both */
	struct portset lport;
	struct portset rport;
	struct prefix src; /* local address */
	struct prefix dst; /* remote address */
	bool has_pid;
	uint32_t pid; /* process (thread group), as the initial pid namespace numbers it */
	bool has_comm;
	char comm[FILTER_COMM_LEN]; /* NUL-padded, cut to 15 bytes as the kernel does */
	bool has_uid;
	uint32_t uid;
	uint32_t netns;	       /* inode of the network namespace; 0 = all */
	uint64_t netns_id;     /* its identity (netns_find.h), which is not reused; 0 unknown */
	uint64_t cgroup;       /* cgroup v2 id (inode of its directory); 0 = any */
	uint32_t cgroup_level; /* its depth below the v2 root, for bpf ancestor look-ups */
	struct state_set states;
};

/* "80,8000-8080": ports 0 to 65535 and ascending ranges, comma separated, nothing else. */
int filter_parse_ports(const char *text, struct portset *ret, const char **reterr_why);

/* No port filter (any_set false): every port is in. */
bool portset_has(const struct portset *set, uint16_t port);

/*
 * "10.0.0.0/8", "192.0.2.1", "2001:db8::/32"; without a length, one address. Host bits are cleared.
 * An IPv6 prefix inside ::ffff:0:0/96 is IPv4.
 */
int filter_parse_prefix(const char *text, struct prefix *ret, const char **reterr_why);

/*
 * addr: 16 bytes, IPv4 mapped. No prefix (set false): every address is in. An IPv6 prefix never
 * holds a mapped address, not even ::/0: an IPv4 peer of a dual-stack socket is IPv4 in filters.
 */
bool prefix_has(const struct prefix *prefix, const uint8_t addr[16]);

/* Is addr (16 bytes) inside ::ffff:0:0/96? */
bool addr_is_mapped(const uint8_t addr[16]);

/* Is it inside fe80::/10: unique on its link only? */
bool addr_is_link_local(const uint8_t addr[16]);

/*
 * Is this the namespace of the filter? cookie: its net cookie, 0 unknown; then the inode number
 * decides alone.
 */
bool filter_has_netns(const struct filter *filter, uint32_t netns, uint64_t cookie);

/* States, as bits, whose sockets have neither user nor cgroup. */
#define FILTER_NOT_OWNED (1u << TCS_TIME_WAIT | 1u << TCS_SYN_RECV | 1u << TCS_NEW_SYN_RECV)

/* Is anything asked for that a socket of TIME_WAIT or a half-open request does not have? */
bool filter_by_owner(const struct filter *filter);

/*
 * The states, as bits, whose sockets can be counted under this filter: those that --state leaves,
 * without those that have no owner where one is asked for. TCS_SYN_RECV stands for both kinds;
 * TCS_NEW_SYN_RECV for half-open requests of a listener, which are its process's all the same.
 */
uint32_t filter_counted_states(const struct filter *filter);

#endif /* TCS_FILTER_H */
