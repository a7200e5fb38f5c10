/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_TRACK_H
#define TCS_TRACK_H

/*
 * track.h - what we currently believe about every TCP socket
 *
 * Turns checked records into changes worth telling: joins a short record with what the socket's
 * full record said, infers TIME_WAIT and the reason of a close, remembers the path of a connection
 * until it ends, and notices what was missed (a gap in the socket's own numbering).
 *
 * A change is told at once, but for a -> CLOSE that a reset may still correct: it is held for
 * TRACK_HOLD_NS. Changes of one socket are always told in order.
 *
 * Memory is bounded by max_sockets entries of about 200 bytes. When all are taken, the table
 * forgets everything at once and asks for all facts anew (totals.forgotten, track_epoch()): a
 * table full of sockets whose end was lost must not blind us for good.
 *
 * Pure: no I/O, no clock, no printing; time comes with the records. A recording therefore replays
 * to the same answer. Single-threaded. What a sink is given lives until it returns.
 */
#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "reason.h"
#include "state.h"

#define TRACK_HOLD_NS	 (5 * 1000 * 1000ull) /* a correcting reset follows within microseconds */
#define TRACK_PATH_MAX	 10		      /* the longest way through the diagram has 7 states */
#define TRACK_UNKNOWN_NS UINT64_MAX

enum direction {
	DIRECTION_UNKNOWN = 0,
	DIRECTION_ACTIVE,  /* we connected */
	DIRECTION_PASSIVE, /* we accepted */
	DIRECTION_LISTENER,
	DIRECTION_MAX,
};

/* interface.md, owner_source */
enum owner_source {
	OWNER_UNKNOWN = 0,
	OWNER_TASK,	/* acting on this socket now */
	OWNER_CACHED,	/* acted on this socket earlier */
	OWNER_LISTENER, /* inherited */
	OWNER_SCAN,	/* found among open files */
	OWNER_SOURCE_MAX,
};

struct owner {
	uint32_t pid; /* 0 unknown */
	uint8_t source;
	char comm[TCS_COMM_LEN]; /* hostile bytes, not terminated when full */
};

/* What the BPF programs know of an owner; ret stays as it is where they know none. */
void owner_of_wire(const struct tcs_wire_owner *wire, struct owner *ret);

/* A state passed through and the time spent there, in one word: a path of ten must stay small. */
struct path_step {
	uint64_t state : 8;
	uint64_t in_state_ns : 56; /* PATH_UNKNOWN_NS when unknown */
};

#define PATH_UNKNOWN_NS ((1ull << 56) - 1)

/* One socket. Facts are the wire's; what follows them we concluded. */
struct conn {
	uint64_t id;
	uint64_t cookie;       /* of the kernel, for display; 0 none */
	uint64_t netns_cookie; /* 0 unknown */
	uint8_t laddr[16];
	uint8_t raddr[16];
	uint64_t parent;
	uint64_t cgroup;
	uint32_t netns;
	uint32_t device; /* ifindex; 0 none */
	uint32_t uid;
	uint16_t lport;
	uint16_t rport;
	uint8_t family; /* 4, 6 */

	uint8_t state;
	uint8_t direction;
	uint8_t path_len;
	bool path_broken; /* a change was missed */
	uint32_t seq;
	uint32_t handshake_us; /* 0 unknown */
	uint32_t held;	       /* slot of the change held back, 0 none */
	uint64_t born_ns;      /* first change; 0 when older */
	struct owner owner;
	struct path_step path[TRACK_PATH_MAX];
};

/* A socket as it was before an event, for somebody who hears from there on; a record (record.h). */
struct track_known {
	uint64_t id;
	uint64_t parent;
	uint64_t cgroup;
	uint64_t born_ns;
	uint8_t laddr[16];
	uint8_t raddr[16];
	struct owner owner;
	uint32_t netns;
	uint32_t uid;
	uint32_t seq;
	uint32_t handshake_us;
	uint16_t lport;
	uint16_t rport;
	uint8_t family;
	uint8_t state;
	uint8_t direction;
	uint8_t path_len;
	uint8_t path_broken;
	uint8_t pad[3];
	uint64_t path[TRACK_PATH_MAX]; /* state, and 256 times the nanoseconds spent there */
	uint64_t cookie;	       /* as in struct conn; so are these */
	uint64_t netns_cookie;
	uint32_t device;
	uint32_t pad2;
};

/* A transition, ready to be told. */
struct change {
	const struct conn *conn;
	uint64_t ts_ns;
	uint64_t in_old_ns; /* time spent in old_state; TRACK_UNKNOWN_NS */
	uint32_t rtt_us;    /* smoothed round-trip time; 0 unknown */
	uint16_t lport;	    /* as known now; 0 unknown */
	uint8_t old_state;
	uint8_t new_state; /* TIME_WAIT where we inferred it; 0: that or CLOSE, not known which */
	uint8_t kernel_new_state;
	uint8_t tw_substate; /* 0 unless new_state is TIME_WAIT */
	uint8_t err;
	enum reason reason; /* REASON_NONE unless the connection ends here */
	bool recovered;	    /* the change before this one was missed */
	bool provisional;
	struct owner owner;
	struct tcs_wire_totals totals; /* of a -> CLOSE, when asked for */
	bool has_totals;
};

enum closed_by {
	CLOSED_BY_UNKNOWN = 0,
	CLOSED_BY_US,
	CLOSED_BY_PEER,
	CLOSED_BY_BOTH,
	CLOSED_BY_MAX,
};

/* A connection that has just ended, told after its last change. */
struct connection {
	const struct conn *conn;
	const struct change *last;
	enum closed_by closed_by;
	uint64_t duration_ns; /* TRACK_UNKNOWN_NS */
};

struct track_sink {
	void *ctx;
	void (*change)(void *ctx, const struct change *change);
	void (*connection)(void *ctx, const struct connection *connection); /* NULL: not wanted */
	void (*synack)(void *ctx, const struct tcs_wire_synack *synack);
};

/* What was known about a socket before we started; ids are unique. */
struct track_older {
	uint64_t id;
	uint8_t direction; /* enum direction */
	struct owner owner;
};

struct track_config {
	uint32_t max_sockets;
	struct track_sink sink;
	/*
	 * Optional: fills *ret and returns true if the socket was known when we started. id: its
	 * cookie, or where it has none its id.
	 */
	bool (*older)(void *ctx, uint64_t id, const struct tcs_wire_facts *facts, uint16_t lport,
		      struct track_older *ret);
	void *older_ctx;
};

struct track_totals {
	uint64_t events;    /* state changes and resent SYN-ACKs taken in */
	uint64_t unknown;   /* changes of a socket whose facts are not here: lost, unknown_socket */
	uint64_t missed;    /* gaps found in sockets' numbering */
	uint64_t forgotten; /* how often the table was emptied */
	uint32_t sockets;   /* now in the table */
};

struct track; /* opaque */

/* 0, -ENOMEM or -EINVAL (max_sockets 0). The sink's ctx is the caller's. */
int track_new(const struct track_config *config, struct track **ret);
void track_free(struct track *t); /* accepts NULL; tells nothing */

/* Take in one record that event_decode() has accepted. */
void track_event(struct track *t, const struct event *ev);

/*
 * What this event, which is to be taken in next, supposes to be known about its socket. False:
 * nothing; it tells all itself, or the socket was born after since_ns, or is not known here either.
 */
bool track_known(const struct track *t, const struct event *ev, uint64_t since_ns,
		 struct track_known *ret);

/* And of somebody else: take it in, unless the socket is known. */
void track_know(struct track *t, const struct track_known *known);

/* Time has come to now_ns: tell what was held long enough. UINT64_MAX: tell everything held. */
void track_advance(struct track *t, uint64_t now_ns);

/* Is anything held back? */
bool track_holds(const struct track *t);

/* Changes whenever the table has forgotten its sockets; the kernel side must then tell anew. */
uint8_t track_epoch(const struct track *t);

const struct track_totals *track_totals(const struct track *t);

#endif /* TCS_TRACK_H */
