/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SERVICE_H
#define TCS_SERVICE_H

/*
 * service.h - what happens where we listen: queues, half-open connections, where they come from
 *
 * A service is one listener socket. It is what a finding about handshakes is about. Listeners that
 * share namespace, address, port, family and device (SO_REUSEPORT) are a group: the kernel spreads
 * the connections over them, and keeps the mark of SYN cookies for all of them. A group is a
 * service of its own beside its members, with their sums. Settling a look (audit.h) joins what the
 * look and earlier ones have of each: queues, half-open connections, handshakes.
 *
 * Handshakes are counted for a listener (AUDIT_HAS_HANDSHAKES); those whose listener is not known,
 * by local address and port, are of the only service that the kernel's lookup allows there. Where
 * it is a group they are in the group's rates, and the rates of its members are unknown.
 *
 * Where a look has not walked it has no half-open connections; it takes them from the last walk if
 * that is not older than SERVICE_WALK_NS, and tells how many wait and how many are stuck by the
 * queue.
 *
 * Pure. What is not known is AUDIT_UNKNOWN or AUDIT_NO_RATE. Bounds: one for each listener of the
 * look at most, and half as many groups. Errors: -ENOMEM.
 */
#include "audit.h"
#include "spread.h"

#define SERVICE_WALK_NS 15000000000ull

/*
 * The kernel renews the mark of cookies with the first that it sends a second after the last time
 * (tcp_synq_overflow()): so while they are sent it is never older. A quarter more for a slow walk.
 */
#define SERVICE_COOKIES_NS 1250000000ull

struct audit_service {
	uint64_t id; /* of the listener, as its row has it; 0: a group, or not known */
	uint32_t netns;
	uint32_t device; /* ifindex of the bound device; 0 none */
	uint8_t family;
	uint8_t flags; /* enum audit_socket_flags; of a group its first listener's */
	uint8_t laddr[16];
	uint16_t lport;
	struct owner owner;   /* of a group: the first that is known */
	uint32_t group;	      /* index of its group; AUDIT_NONE: it has none, or is one */
	uint32_t first;	      /* of a group: index of its first member, the others follow */
	uint32_t listeners;   /* 1; of a group more */
	bool is_group;	      /* then id is 0 */
	uint32_t syn_full;    /* of these, the SYN queue is above its limit: no room for another */
	uint32_t accept_full; /* the same of the accept queue */
	uint64_t syn_queue;   /* these are sums */
	uint64_t syn_queue_young; /* of these, younger than a second */
	uint64_t accept_queue;
	uint64_t queue_limit;	/* of either, as listen() has set it */
	uint64_t syn_limit;	/* of the SYN queue, that is in force (service_syn_limit()) */
	uint64_t cookie_age_ns; /* since the last SYN cookie, of the group; AUDIT_UNKNOWN: never */
	/* Between the last two times that the kernel renewed that mark; AUDIT_UNKNOWN */
	uint64_t cookie_gap_ns;
	/* That the namespace sent in the window before this one; AUDIT_UNKNOWN */
	uint64_t cookies_before;
	int64_t drops_milli;
	int64_t accept_growth_milli; /* of the accept queue, since the last look */

	uint64_t half_open, full, acked, stuck, recent; /* as in struct audit_half_open */
	uint64_t old_stuck; /* stuck and not recent: the second timeout is over, too */
	uint64_t plain;
	bool passes;	    /* some of its half-open connections pass the filter */
	uint64_t walked_ns; /* when they were counted; 0: not by this look nor the last ones */
	uint64_t oldest_ns, newest_ns;
	uint64_t sources, prefixes; /* AUDIT_UNKNOWN: nothing is half-open */
	bool sources_exact, prefixes_exact;
	bool sources_v4, sources_v6; /* some of those with a row are of this family */
	enum spread spread;
	uint8_t spread_addr[16]; /* the source or the prefix */
	uint8_t spread_bits, spread_family;
	uint32_t spread_device; /* ifindex; 0 none */
	uint32_t spread_percent;

	int64_t done_milli, late_milli, resent_milli, failing_milli; /* as in audit_handshakes */
	int64_t done_before; /* done_milli one look earlier */
	uint32_t netns_row;  /* index of its namespace */
	/* Rows in the look, addresses then prefixes: in sources, of a group in group_sources. */
	uint32_t first_source, n_sources;
};

/* One of which nothing is known but its namespace. */
struct audit_service service_unknown(uint32_t netns);

/* The same for the same listener, or for the same group. */
uint64_t service_key(const struct audit_service *s);
/* Namespace, address, port, family and device: of listeners that are a group, and of the group. */
bool service_same_place(const struct audit_service *a, const struct audit_service *b);

/* Service i of a look; its group, when it is the first of one; NULL: another one of a group. */
const struct audit_service *service_or_group(const struct audit *a, uint32_t i);

/* A group without one of its members; sources and their spread stay the whole group's. */
void service_leave_out(struct audit_service *group, const struct audit_service *member);

/*
 * With more requests than these the kernel refuses a SYN, or answers it by a cookie. With
 * tcp_syncookies 0 it keeps a quarter of tcp_max_syn_backlog for peers that are known
 * (tcp_conn_request(), tcp_peer_is_proven()). n: of the listener's namespace; NULL unknown.
 */
uint64_t service_syn_limit(const struct audit_netns *n, uint64_t queue_limit);

/*
 * How many connections accept() takes a second, in thousandths: those that complete less those that
 * the accept queue has grown by. AUDIT_NO_RATE.
 */
int64_t service_accepted(const struct audit_service *s);

/*
 * A filter by remote address or port keeps those listeners that have half-open connections which
 * pass it: the others are neither shown nor judged.
 */
bool service_filtered(const struct audit *a, const struct audit_service *s);

/* Called by audit_settle(), with listeners sorted. 0 or -ENOMEM. */
int service_settle(struct audit *a, const struct audit *whole, const struct audit *recent);

#endif /* TCS_SERVICE_H */
