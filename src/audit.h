/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_AUDIT_H
#define TCS_AUDIT_H

/*
 * audit.h - one look at the sockets of the host, as plain rows: who holds what, and where to
 *
 * A look is filled row by row, from records, and then settled: rows are sorted, and with an earlier
 * look of the same host each row learns how fast it grows. Detect judges the rows, the sinks print
 * them.
 *
 * Owner: the caller; audit_init() and audit_release() belong together. Pure: no I/O, no clock.
 * Bounds: AUDIT_ROWS_MAX rows of each kind; what comes beyond is counted in
 * blind.skipped. Counts of states are whole all the same. Errors: 0 or -ENOMEM.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hash.h"
#include "state.h"
#include "track.h"

/* The rows below are also records (record.h): fixed layout, no pointers, fields by size. */

#define AUDIT_ROWS_MAX (64u << 10)
#define AUDIT_UNKNOWN  UINT64_MAX
#define AUDIT_NO_RATE  INT64_MIN /* of a rate: one look tells none */

/* A socket as the census met it. */
struct audit_socket {
	uint64_t id;
	uint64_t quiet_ns;    /* since the peer's last segment; AUDIT_UNKNOWN */
	uint64_t in_state_ns; /* in this state, seen as an event; AUDIT_UNKNOWN */
	uint8_t laddr[16];
	uint8_t raddr[16];
	struct owner owner; /* pid 0: nobody, or unknown */
	uint32_t netns;
	uint32_t syn_queue; /* these five: listeners */
	uint32_t syn_queue_young;
	uint32_t accept_queue;
	uint32_t queue_limit;
	uint32_t drops;
	uint16_t lport;
	uint16_t rport;
	uint8_t state;
	uint8_t family;
	uint8_t stalled; /* timeouts in a row */
	uint8_t pad;
};

struct audit_netns {
	uint64_t in_use;	/* full sockets as the kernel counts them; AUDIT_UNKNOWN */
	uint64_t overflows;	/* TCPTimeWaitOverflow so far; AUDIT_UNKNOWN */
	int64_t overflow_milli; /* a second, in thousandths; audit_settle() */
	uint32_t netns;
	uint32_t time_wait_table; /* mini-sockets: TIME_WAIT and part of FIN_WAIT2 */
	uint32_t time_wait_limit; /* tcp_max_tw_buckets; 0 unknown */
	uint32_t ports_range;	  /* ports connect() may take by itself; 0 unknown */
	uint32_t states[TCS_STATE_MAX];
	uint8_t tw_reuse; /* tcp_tw_reuse: 0 never, 1 always, 2 on loopback */
	uint8_t pad[3];
};

/* Descriptors of a process that holds sockets in CLOSE_WAIT. */
struct audit_holder {
	uint64_t fd_used; /* AUDIT_UNKNOWN */
	uint64_t fd_limit;
	uint32_t pid;
	uint32_t pad;
};

/* What a look covers. */
enum audit_covers {
	AUDIT_COUNTERS = 1 << 0, /* of every namespace */
	AUDIT_SOCKETS = 1 << 1,	 /* all of them: counts of states, rows */
};

/* How much of the host a look did not see; all zero: nothing. */
struct audit_blind {
	uint64_t sockets;	 /* walked over */
	uint64_t skipped;	 /* rows that had no room */
	uint64_t netns_denied;	 /* processes whose namespace we may not look at */
	uint64_t netns_vanished; /* namespaces that went away or could not be entered */
	uint8_t netns_only_own;	 /* without the right to enter others */
	uint8_t owners_unknown;	 /* open files could not be walked */
	uint8_t pad[6];
};

struct audit_listener {
	struct audit_socket socket;
	int64_t drops_milli; /* a second, in thousandths */
};

/* CLOSE_WAIT of one process in one namespace. */
struct audit_close_wait {
	uint32_t netns;
	struct owner owner;
	uint64_t count;
	uint64_t old;	    /* of these, at least so old as is asked for */
	uint64_t oldest_ns; /* AUDIT_UNKNOWN */
	bool oldest_exact;  /* seen as an event; else a lower bound */
	int64_t growth_milli;
	uint64_t fd_used; /* AUDIT_UNKNOWN */
	uint64_t fd_limit;
	struct audit_socket example;
	bool same_remote; /* all are connected to the example's remote address and port */
	bool same_local;  /* all have the example's local port */
};

/* TIME_WAIT, and ports in use, towards one destination; or behind one port we listen on. */
struct audit_place {
	int64_t growth_milli; /* audit_settle() */
	uint8_t laddr[16];
	uint8_t raddr[16];
	uint32_t netns;
	uint32_t time_wait;
	uint32_t fin_wait2;
	uint32_t ports_used;
	uint32_t ports_range;
	uint32_t reusable; /* TIME_WAIT that connect() takes over when it needs the port */
	uint16_t rport;	   /* 0: these came to us, at lport */
	uint16_t lport;
	uint8_t family;
	uint8_t pad[3];
};

/* Connections to one address whose peer does not answer. */
struct audit_dead {
	uint32_t netns;
	uint8_t family;
	uint8_t raddr[16];
	uint64_t count;
	uint64_t quiet_ns; /* of the longest; AUDIT_UNKNOWN */
	struct owner owner;
	uint16_t rport;
};

enum audit_by {
	AUDIT_BY_NONE = 0,
	AUDIT_BY_COMM,
	AUDIT_BY_LPORT,
	AUDIT_BY_RADDR,
	AUDIT_BY_NETNS,
	AUDIT_BY_MAX,
};

const char *audit_by_name(enum audit_by by);

struct audit_group {
	uint64_t states[TCS_STATE_MAX];
	uint8_t raddr[16];
	char comm[TCS_COMM_LEN];
	uint32_t netns; /* of AUDIT_BY_NETNS */
	uint16_t lport;
	uint16_t pad;
};

struct audit_config {
	uint64_t old_ns; /* CLOSE_WAIT counts as old from this age on */
	uint8_t stalled; /* a peer is dead after so many timeouts in a row */
	bool count_rows; /* count the states here, from sockets, for they are filtered by owner */
	enum audit_by by;
};

struct audit {
	struct audit_config config;
	uint64_t ts_ns;
	uint32_t covers; /* enum audit_covers, bits */
	uint64_t states[TCS_STATE_MAX];
	struct audit_blind blind;

	struct audit_netns *netns;
	struct audit_listener *listeners;
	struct audit_close_wait *close_wait;
	struct audit_place *places;
	struct audit_dead *dead;
	struct audit_group *groups;
	uint32_t n_netns, n_listeners, n_close_wait, n_places, n_dead, n_groups;
	uint32_t cap_netns, cap_listeners, cap_close_wait, cap_places, cap_dead, cap_groups;
	uint32_t at_netns; /* of the socket that was added last */
	struct hash by_holder, by_peer, by_group;
};

int audit_init(struct audit *a, const struct audit_config *config);
void audit_release(struct audit *a);

int audit_add_netns(struct audit *a, const struct audit_netns *n);
int audit_add_socket(struct audit *a, const struct audit_socket *s);
int audit_add_place(struct audit *a, const struct audit_place *p);
/* Add to the group with the same key. */
int audit_add_group(struct audit *a, const struct audit_group *g);

/* Behind the sockets it is about. */
void audit_add_holder(struct audit *a, const struct audit_holder *h);
void audit_add_blind(struct audit *a, const struct audit_blind *b);
/* Forget all rows and keep their memory. */
void audit_clear(struct audit *a);

/* Sort, sum up, and compare with an earlier look of the same kind (NULL: none). */
int audit_settle(struct audit *a, const struct audit *earlier);

/* Seconds until `left` are used up at this rate; AUDIT_UNKNOWN when it does not grow. */
uint64_t audit_seconds_left(uint64_t left, int64_t growth_milli);
/* Ports that nothing but time gives back. */
uint32_t audit_ports_taken(const struct audit_place *p);

#endif /* TCS_AUDIT_H */
