/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_RECORD_H
#define TCS_RECORD_H

/*
 * record.h - everything the core is told, as records of fixed layout
 *
 * The first byte of a record is its kind, the second word (where there is one) its time in
 * nanoseconds of CLOCK_MONOTONIC. Kinds below 16 are the BPF programs' own (bpf/tcs_wire.h); the
 * rest is made by user space from what the kernel says elsewhere: the walks over the tables, the
 * counters of a namespace, the clocks, losses, and the ticks of the interval. The core sees nothing
 * else, so whoever keeps the records can have every answer again.
 *
 * Order: a look is RECORD_LOOK, what was seen in any order, RECORD_LOOK_END; records of other kinds
 * may come in between. RECORD_TICK says that all before it belongs to the interval.
 *
 * Little-endian, naturally aligned, no pointers; sizes are fixed below. Records may come from a
 * file that anybody made: record_decode() is the one gate, as event_decode() is for events.
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit.h"
#include "event.h"

#define RECORD_MAX_BYTES 4224 /* a cgroup's path is the longest */

enum record_kind {
	RECORD_CLOCK = 16,
	RECORD_STATS,
	RECORD_OLDER,
	RECORD_LOOK,
	RECORD_NETNS,
	RECORD_SOCKET,
	RECORD_PLACE,
	RECORD_GROUP,
	RECORD_HOLDER,
	RECORD_LOOK_END,
	RECORD_TICK,
	RECORD_END,
	RECORD_META,
	RECORD_CGROUP,
	RECORD_SEEN,
	RECORD_NEXT,
	RECORD_HALF_OPEN,
	RECORD_SOURCE,
	RECORD_REQUEST,
	RECORD_HANDSHAKES,
	RECORD_SCANNER,
	RECORD_KNOWN,
	RECORD_DEVICE,
	RECORD_UNSEEN,
	RECORD_CONNECT,
	RECORD_KIND_MAX,
};

struct record_head {
	uint8_t kind;
	uint8_t pad[7];
};

/* How far the wall clock is ahead of the records' clock, from now on. */
struct record_clock {
	struct record_head head;
	uint64_t ts_ns;
	int64_t wall_offset_ns;
};

/* What the source could not hand over, and what its filters kept back, since its start. */
struct record_stats {
	uint8_t kind;
	uint8_t pad[3];
	uint32_t lost_corrections; /* older files: 0, part of lost_ring_full */
	uint64_t ts_ns;
	uint64_t lost_ring_full;
	uint64_t lost_recursion;
	uint64_t lost_table_full;
	uint64_t filtered;
};

/* A socket that was there before the program, and its holder. */
struct record_older {
	struct record_head head;
	struct tcs_wire_scan socket;
};

/* In a file that is not the first: what earlier ones told of a socket, before its next event. */
struct record_known {
	struct record_head head;
	struct track_known socket;
};

/* A look begins. */
struct record_look {
	struct record_head head;
	uint64_t ts_ns;
	uint32_t covers; /* enum audit_covers, bits */
	uint32_t pad;
};

struct record_netns {
	struct record_head head;
	struct audit_netns netns;
};

struct record_socket {
	struct record_head head;
	struct audit_socket socket;
};

struct record_place {
	struct record_head head;
	struct audit_place place;
};

struct record_group {
	struct record_head head;
	struct audit_group group;
};

struct record_holder {
	struct record_head head;
	struct audit_holder holder;
};

struct record_half_open {
	struct record_head head;
	struct audit_half_open half_open;
};

struct record_source {
	struct record_head head;
	struct audit_source source;
};

struct record_request {
	struct record_head head;
	struct audit_request request;
};

struct record_handshakes {
	struct record_head head;
	struct audit_handshakes handshakes;
};

struct record_scanner {
	struct record_head head;
	struct audit_scanner scanner;
};

struct record_unseen {
	struct record_head head;
	struct audit_unseen unseen;
};

/* Connects from one address to one destination: those not answered, or those that ended. */
struct record_connect {
	struct record_head head;
	struct audit_connect connect;
};

struct record_look_end {
	struct record_head head;
	uint64_t ts_ns;
	struct audit_blind blind;
};

/*
 * An interval is over: every event up to seen_ns came before this. RECORD_END: so is the run.
 * RECORD_SEEN says the same of seen_ns alone, while the core waits to hear it. RECORD_NEXT ends a
 * file of several, and says nothing to the core.
 */
struct record_tick {
	struct record_head head;
	uint64_t ts_ns;
	uint64_t seen_ns;
};

/*
 * Where records come from and what was attached there; first in a capture. Texts are terminated,
 * unknown ones empty. Of a recording in several files each begins with one.
 */
struct record_meta {
	struct record_head head;
	uint64_t ts_ns; /* where this file begins */
	int64_t wall_offset_ns;
	uint64_t run_ns;	    /* where the first one did */
	uint32_t part;		    /* files before this one */
	uint32_t older_sockets;	    /* that they told of; 0 in the first one, which tells itself */
	struct record_stats before; /* the last one they have; all 0: none */
	uint64_t buffer_bytes;
	uint32_t max_sockets;
	uint32_t programs;
	uint32_t n_hooks;
	uint8_t by;	    /* enum audit_by, of the groups; 0 none */
	uint8_t count_rows; /* states were not counted: each socket has a row (audit.h) */
	uint8_t pad[2];
	char version[48];
	char kernel[72];
	char arch[72];
	char boot_id[40];
	char netns_scope[64];
	char hooks[4][32];
};

/* The name of a cgroup, before the first record that it is needed for. Not for the core either. */
struct record_cgroup {
	struct record_head head;
	uint64_t id;
	char path[]; /* terminated */
};

/* The name of a network device, before the first record that it is needed for. Not for the core. */
struct record_device {
	struct record_head head;
	uint64_t netns_cookie; /* 0 unknown */
	uint32_t netns;	       /* inode */
	uint32_t ifindex;
	char name[16]; /* IFNAMSIZ; terminated; hostile bytes */
};

/* A checked record; it points into the bytes it was made from. */
struct record {
	uint8_t kind; /* enum tcs_wire_kind, enum record_kind */
	union {
		struct event event;
		const struct record_clock *clock;
		const struct record_stats *stats;
		const struct record_older *older;
		const struct record_known *known;
		const struct record_look *look;
		const struct record_netns *netns;
		const struct record_socket *socket;
		const struct record_place *place;
		const struct record_group *group;
		const struct record_holder *holder;
		const struct record_half_open *half_open;
		const struct record_source *source;
		const struct record_request *request;
		const struct record_handshakes *handshakes;
		const struct record_scanner *scanner;
		const struct record_connect *connect;
		const struct record_look_end *look_end;
		const struct record_tick *tick;
		const struct record_meta *meta;
		const struct record_cgroup *cgroup;
		const struct record_device *device;
		const struct record_unseen *unseen;
	};
};

/* A kind that this version knows. */
bool record_is_known(uint8_t kind);

/* A row of a look, or its end. */
bool record_is_of_look(uint8_t kind);

/* bytes must be aligned to 8. 0, or -EINVAL (and *ret untouched). */
int record_decode(const void *bytes, size_t len, struct record *ret);

/*
 * Make a record that has grown since it was written one of today's: *bytes has room for
 * RECORD_MAX_BYTES and *len bytes of one. is_old: it is of format 2.0 or 2.1; else of 2.2, to which
 * fields were added before its release. Fields that it lacks become 0; other lengths are left alone
 * (record_decode()).
 */
void record_grow(void *bytes, size_t *len, bool is_old);

/* When it was made; 0 where it does not say. */
uint64_t record_ts_ns(const struct record *r);

/*
 * Take a record of a look into it; records of other kinds are left alone. Counters and rows add up,
 * RECORD_LOOK and RECORD_LOOK_END say when and what. 0 or -ENOMEM.
 */
int record_into_audit(const struct record *r, struct audit *a);

/* What takes a record; it dies when the function returns. Not 0: no more, please. */
typedef int (*record_fn)(void *ctx, const void *bytes, size_t len);

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are little-endian");
/* Captures are made of these: a longer one needs a new CAPTURE_MINOR and a row in record_grow(). */
static_assert(sizeof(struct record_clock) == 24, "record layout");
static_assert(sizeof(struct record_stats) == 48, "record layout");
static_assert(sizeof(struct record_older) == 72, "record layout");
static_assert(sizeof(struct record_known) == 232, "record layout");
static_assert(sizeof(struct record_look) == 24, "record layout");
static_assert(sizeof(struct record_unseen) == 24, "record layout");
static_assert(sizeof(struct record_netns) == 280, "record layout");
static_assert(sizeof(struct record_socket) == 192, "record layout");
static_assert(sizeof(struct record_place) == 104, "record layout");
static_assert(sizeof(struct record_group) == 160, "record layout");
static_assert(sizeof(struct record_holder) == 32, "record layout");
static_assert(sizeof(struct record_look_end) == 56, "record layout");
static_assert(sizeof(struct record_tick) == 24, "record layout");
static_assert(sizeof(struct record_half_open) == 136, "record layout");
static_assert(sizeof(struct record_source) == 56, "record layout");
static_assert(sizeof(struct record_request) == 64, "record layout");
static_assert(sizeof(struct record_handshakes) == 72, "record layout");
static_assert(sizeof(struct record_scanner) == 64, "record layout");
static_assert(sizeof(struct record_meta) == 536, "record layout");
static_assert(sizeof(struct record_cgroup) == 16, "record layout");
static_assert(sizeof(struct record_device) == 40, "record layout");
static_assert(sizeof(struct record_connect) == 232, "record layout");

#endif /* TCS_RECORD_H */
