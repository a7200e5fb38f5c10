/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_ENGINE_H
#define TCS_ENGINE_H

/*
 * engine.h - the core as one piece: records in, what is worth telling out
 *
 *     record -> event -> track -> select --------> change, connection, synack
 *            -> audit (a look) ---> detect ------> finding
 *            -> tick -------------------------> summary
 *
 * Live and replayed runs feed it the same records and are told the same. Filters are applied here
 * to events; live walks have applied them to their rows, those of a recording have not
 * (select_looks, select_look.h).
 *
 * Pure: no I/O, no clock, no printing. Memory: what track.h, audit.h (four looks), older.h,
 * timeouts.h, port_failures.h, connects.h and detect.h say; nothing is allocated per event. What a
 * sink is given lives until it returns.
 */
#include <stdbool.h>
#include <stdint.h>

#include "audit.h"
#include "detect.h"
#include "filter.h"
#include "record.h"
#include "track.h"

enum lost_reason {
	LOST_RING_FULL = 0,
	LOST_RECURSION,
	LOST_TABLE_FULL,
	LOST_UNKNOWN_SOCKET, /* its facts were lost, or forgotten with the whole table */
	LOST_DECODE,
	LOST_OUTPUT_FULL, /* lines: standard output was not read (engine_unprinted()) */
	LOST_MAX,
};

/* "ring_full" */
const char *lost_reason_name(enum lost_reason reason);

struct engine_totals {
	uint64_t events;   /* that happened and were not lost */
	uint64_t filtered; /* kept back by filters, in the kernel or here */
	uint64_t lost[LOST_MAX];
	uint64_t lost_corrections; /* reset records: a close that was emitted keeps its reason */
	uint64_t undecided;	   /* closes that may have been -> TIME_WAIT (tcs_time_wait.h) */
};

/* The interval that has just ended. */
struct summary {
	uint64_t ts_ns;
	uint64_t interval_ns;
	bool counted;		  /* events were; not so when filters keep back some states */
	uint64_t transitions;	  /* these four: in the interval, of what the filters let pass */
	uint64_t opens;		  /* connections begun: CLOSE -> SYN_SENT, LISTEN -> SYN_RECV */
	uint64_t closes;	  /* connections ended */
	uint64_t handed_over;	  /* of these, to the time-wait table */
	const struct audit *look; /* the last look at all sockets; NULL: none yet */
	uint64_t look_age_ns;
	uint64_t findings_skipped;
	const struct engine_totals *totals; /* since the start */
};

struct engine_sink {
	void *ctx;
	void (*change)(void *ctx, const struct change *change);
	void (*connection)(void *ctx, const struct connection *connection);
	void (*synack)(void *ctx, const struct tcs_wire_synack *synack);
	/* count more were lost since it was last told */
	void (*lost)(void *ctx, enum lost_reason reason, uint64_t count, uint64_t ts_ns);
	void (*finding)(void *ctx, const struct finding *finding, uint64_t ts_ns);
	void (*summary)(void *ctx, const struct summary *summary);
	void (*clock)(void *ctx, int64_t wall_offset_ns);
};

struct engine_config {
	const struct filter *filter;
	uint32_t max_sockets;
	bool lifecycle; /* tell connections, not changes */
	uint64_t start_ns;
	struct audit_config audit;
	struct detect_config detect;
	struct engine_sink sink;
	/* Of a recording. NULL: the kernel has judged. */
	bool (*in_cgroup)(void *ctx, uint64_t id);
	void *cgroup_ctx;
	bool select_looks; /* they are not filtered yet */
};

struct engine; /* opaque */

int engine_new(const struct engine_config *config, struct engine **ret); /* 0 or -ENOMEM */
void engine_free(struct engine *e);					 /* accepts NULL */

/* Of a recording, before the first other record: where it begins, and how it was made. */
void engine_start(struct engine *e, const struct record_meta *meta);

/* What is to be recorded before this event in a file that began at since_ns; track_known(). */
bool engine_known(const struct engine *e, const struct event *ev, uint64_t since_ns,
		  struct track_known *ret);

/* bytes aligned to 8. What cannot be decoded is counted as lost. 0 or -ENOMEM. */
int engine_record(struct engine *e, const void *bytes, size_t len);
/* The same of one that is decoded already. */
int engine_take(struct engine *e, const struct record *record);

/*
 * What taking this record costs beyond the record itself, in rows of looks: an end of a look goes
 * over all its rows and those of the last whole one, a tick prints each group. A recording may
 * hold any number of them (cmd_replay.c).
 */
uint64_t engine_cost(const struct engine *e, const struct record *r);

/* Lines left out by the caller since the start; counted as lost by the next RECORD_STATS. */
void engine_unprinted(struct engine *e, uint64_t lines);

/* All events up to this time have been handed over; UINT64_MAX: nothing comes any more. */
void engine_advance(struct engine *e, uint64_t seen_ns);

/* Something is held back until it is known that more time has passed. */
bool engine_waits(const struct engine *e);

/* The last look at all sockets; NULL: none yet. Stays until the next one has ended. */
const struct audit *engine_look(const struct engine *e);

/* Changes when all facts are to be told anew (track.h). */
uint8_t engine_epoch(const struct engine *e);
const struct engine_totals *engine_totals(const struct engine *e);
uint64_t engine_lost(const struct engine_totals *t);
/* Open findings; engine_worst() is the worst severity ever raised. */
uint32_t engine_findings(const struct engine *e);
void engine_each_finding(const struct engine *e, finding_fn fn, void *ctx);
uint64_t engine_findings_skipped(const struct engine *e); /* that found no room */
enum severity engine_worst(const struct engine *e);
/* Something is strange, and the namespaces that a walk should explain (detect.h). */
bool engine_strange(const struct engine *e);
uint32_t engine_wanted(const struct engine *e, const uint32_t **ret);
uint32_t engine_older_sockets(const struct engine *e);
/* What the filter has left blank in any look so far: enum audit_blank, bits. */
uint32_t engine_blank(const struct engine *e);

#endif /* TCS_ENGINE_H */
