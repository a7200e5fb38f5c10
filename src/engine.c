// SPDX-License-Identifier: GPL-2.0-only
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connects.h"
#include "older.h"
#include "port_failures.h"
#include "select.h"
#include "select_look.h"
#include "timeouts.h"

#define LOOKS 4 /* the one that is filled, and three that later ones are compared with */

/* A walk may take a tenth of it; glances that call for a look come later. */
#define WINDOW_MIN_NS 200000000ull

struct engine {
	struct engine_config config;
	struct track *track;
	struct older *older;
	bool older_unsettled;
	struct timeouts timeouts;
	struct port_failures port_failures;
	struct connects *connects;
	struct detect *detect;
	struct audit looks[LOOKS];
	struct audit *filling; /* one of them */
	struct audit *whole;   /* the last look at all sockets; NULL none yet */
	struct audit *recent;  /* the last that was judged for handshakes; may be the same */
	struct audit *earlier; /* the one before that; NULL none */
	bool look_begun;
	struct select_look *select_look; /* NULL: looks are as they shall be */
	uint32_t blank;
	enum severity worst;
	struct engine_totals totals;
	struct record_stats stats;  /* what the source said last */
	struct record_stats before; /* and what it had said before this recording */
	uint64_t told_lost[LOST_MAX];
	uint64_t unprinted;
	uint64_t decode_errors;
	uint64_t filtered_here;
	uint64_t tick_ns; /* the last one */
	uint64_t transitions, opens, closes, handed_over;
	uint64_t ts_ns; /* of the record at hand */
};

/* Of a look without rows, in rows: tables of a fixed size are read (timeouts.h). */
#define LOOK_COST  1024
/* Of a group that a tick prints. */
#define GROUP_COST 4

static const char *const lost_names[LOST_MAX] = {
	[LOST_RING_FULL] = "ring_full",	  [LOST_RECURSION] = "recursion",
	[LOST_TABLE_FULL] = "table_full", [LOST_UNKNOWN_SOCKET] = "unknown_socket",
	[LOST_DECODE] = "decode",	  [LOST_OUTPUT_FULL] = "output_full",
};

const char *lost_reason_name(enum lost_reason reason)
{
	return lost_names[reason];
}

uint64_t engine_lost(const struct engine_totals *t)
{
	uint64_t n = 0;
	int i;

	for (i = 0; i < LOST_MAX; i++)
		n += t->lost[i];
	return n;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void count_change(struct engine *e, const struct change *ch)
{
	e->transitions++;
	if (ch->conn->direction == DIRECTION_LISTENER)
		return;
	e->opens += ch->new_state == TCS_SYN_SENT ||
		    (ch->old_state == TCS_LISTEN && ch->new_state == TCS_SYN_RECV);
	e->closes += ch->kernel_new_state == TCS_CLOSE;
	e->handed_over += ch->new_state == TCS_TIME_WAIT;
	e->totals.undecided += !ch->new_state;
}

static bool in_cgroup(const struct engine *e, uint64_t id)
{
	return !e->config.in_cgroup || e->config.in_cgroup(e->config.cgroup_ctx, id);
}

static void on_change(void *ctx, const struct change *change)
{
	struct engine *e = ctx;

	if (!select_change(e->config.filter, change) || !in_cgroup(e, change->conn->cgroup)) {
		e->filtered_here += !e->config.lifecycle;
		return;
	}
	count_change(e, change);
	timeouts_change(&e->timeouts, change);
	port_failures_change(&e->port_failures, change);
	connects_change(e->connects, change);
	if (!e->config.lifecycle)
		e->config.sink.change(e->config.sink.ctx, change);
}

static void on_connection(void *ctx, const struct connection *connection)
{
	struct engine *e = ctx;

	if (select_connection(e->config.filter, connection) &&
	    in_cgroup(e, connection->conn->cgroup))
		e->config.sink.connection(e->config.sink.ctx, connection);
	else
		e->filtered_here++;
}

static void on_synack(void *ctx, const struct tcs_wire_synack *synack)
{
	struct engine *e = ctx;

	if (e->config.lifecycle)
		return;
	if (select_synack(e->config.filter, synack) && in_cgroup(e, synack->cgroup))
		e->config.sink.synack(e->config.sink.ctx, synack);
	else
		e->filtered_here++;
}

static int take_older(struct engine *e, const struct tcs_wire_scan *socket)
{
	uint32_t netns = e->config.filter->netns;

	if (netns && socket->netns != netns)
		return 0; /* nothing will be told of it */
	e->older_unsettled = true;
	return older_add(e->older, socket);
}

static bool ask_older(void *ctx, uint64_t id, const struct tcs_wire_facts *facts, uint16_t lport,
		      struct track_older *ret)
{
	struct engine *e = ctx;

	if (e->older_unsettled)
		e->older_unsettled = !older_settle(e->older);
	return older_find(e->older, id, facts, lport, ret);
}

/* ---- looks ----------------------------------------------------------------------------------- */

static void on_finding(void *ctx, const struct finding *finding)
{
	struct engine *e = ctx;

	if (finding->status != FINDING_CLEARED && finding->severity > e->worst)
		e->worst = finding->severity;
	e->config.sink.finding(e->config.sink.ctx, finding, e->filling->ts_ns);
}

/* One that is neither of those that later ones are compared with. */
static struct audit *unused_look(struct engine *e)
{
	struct audit *l = e->looks;

	while (l == e->whole || l == e->recent || l == e->earlier)
		l++;
	return l;
}

/* Rows that are derived from events. */
static int add_events(struct engine *e, struct audit *look)
{
	int err = look->covers & AUDIT_SOCKETS ? timeouts_into_audit(&e->timeouts, look) : 0;

	if (!err && e->whole && !(look->covers & AUDIT_SOCKETS))
		err = audit_carry_connects(look, e->whole);
	if (filter_counted_states(e->config.filter) >> TCS_SYN_SENT & 1)
		look->covers |= AUDIT_CONNECTS;
	return err ? err : connects_into_audit(e->connects, look);
}

static int end_look(struct engine *e)
{
	struct audit *look = e->filling;
	int err = add_events(e, look);
	uint32_t judge = look->covers;
	/*
	 * Rates need time between two looks: a walk right behind counters has none, and is compared
	 * with the look before those.
	 */
	bool too_soon = e->recent && look->ts_ns < e->recent->ts_ns + WINDOW_MIN_NS;

	e->look_begun = false;
	if (!err && look->covers & AUDIT_SOCKETS)
		err = port_failures_into_audit(&e->port_failures, look);
	if (!err)
		err = audit_settle(look, e->whole, too_soon ? e->earlier : e->recent);
	e->blank |= look->blank;
	if (err)
		return err;
	if (too_soon)
		judge &= ~(uint32_t)(AUDIT_LISTENERS | AUDIT_HANDSHAKES);
	detect_look(e->detect, look, judge, on_finding, e);
	if (judge & AUDIT_LISTENERS) {
		e->earlier = e->recent;
		e->recent = look;
	}
	if (look->covers & AUDIT_SOCKETS)
		e->whole = look;
	e->filling = unused_look(e);
	return 0;
}

static int take_look(struct engine *e, const struct record *r)
{
	struct audit *look = e->filling;
	int err;

	if (r->kind == RECORD_LOOK) {
		audit_clear(look);
		e->look_begun = true;
	} else if (!e->look_begun) {
		return 0; /* the beginning of a recording may be missing */
	}
	err = e->select_look ? select_look_take(e->select_look, r, look) :
			       record_into_audit(r, look);
	return err || r->kind != RECORD_LOOK_END ? err : end_look(e);
}

/* ---- losses and ticks ------------------------------------------------------------------------ */

/* (Nothing is said to be missing by a file that does not say so again.) */
static uint64_t since(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void refresh_totals(struct engine *e)
{
	const struct track_totals *t = track_totals(e->track);
	struct engine_totals *to = &e->totals;

	uint64_t filtered = since(e->stats.filtered, e->before.filtered);

	to->lost[LOST_RING_FULL] = since(e->stats.lost_ring_full, e->before.lost_ring_full);
	to->lost[LOST_RECURSION] = since(e->stats.lost_recursion, e->before.lost_recursion);
	to->lost[LOST_TABLE_FULL] = since(e->stats.lost_table_full, e->before.lost_table_full);
	to->lost[LOST_UNKNOWN_SOCKET] = t->unknown;
	to->lost[LOST_DECODE] = e->decode_errors;
	to->lost[LOST_OUTPUT_FULL] = e->unprinted;
	to->lost_corrections = since(e->stats.lost_corrections, e->before.lost_corrections);
	to->filtered = filtered + e->filtered_here;
	to->events = t->events - t->unknown + filtered;
}

void engine_unprinted(struct engine *e, uint64_t lines)
{
	e->unprinted = lines;
}

static void tell_lost(struct engine *e, uint64_t ts_ns)
{
	int i;

	refresh_totals(e);
	for (i = 0; i < LOST_MAX; i++) {
		uint64_t lost = e->totals.lost[i];

		/* Misses and catches are read one after the other: a sum may fall by one or two. */
		if (lost <= e->told_lost[i])
			continue;
		e->config.sink.lost(e->config.sink.ctx, (enum lost_reason)i, lost - e->told_lost[i],
				    ts_ns);
		e->told_lost[i] = lost;
	}
}

static void take_tick(struct engine *e, const struct record_tick *tick)
{
	const struct audit *look = e->whole;
	const struct state_set *states = &e->config.filter->states;
	struct summary s = {
		.ts_ns = tick->ts_ns,
		.interval_ns = tick->ts_ns > e->tick_ns ? tick->ts_ns - e->tick_ns : 0,
		.counted = !states->include && !states->exclude,
		.look = look,
		.findings_skipped = detect_skipped(e->detect),
		.totals = &e->totals,
	};

	engine_advance(e, tick->seen_ns);
	tell_lost(e, tick->ts_ns);
	s.transitions = e->transitions;
	s.opens = e->opens;
	s.closes = e->closes;
	s.handed_over = e->handed_over;
	if (look && tick->ts_ns > look->ts_ns)
		s.look_age_ns = tick->ts_ns - look->ts_ns;
	e->transitions = e->opens = e->closes = e->handed_over = 0;
	e->tick_ns = tick->ts_ns;
	e->config.sink.summary(e->config.sink.ctx, &s);
}

/* ---- records --------------------------------------------------------------------------------- */

int engine_take(struct engine *e, const struct record *r)
{
	switch (r->kind) {
	case TCS_WIRE_STATE:
	case TCS_WIRE_SYNACK:
	case TCS_WIRE_RESET:
	case TCS_WIRE_GONE:
	case TCS_WIRE_KILLED:
		track_event(e->track, &r->event);
		return 0;
	case RECORD_CLOCK:
		e->config.sink.clock(e->config.sink.ctx, r->clock->wall_offset_ns);
		return 0;
	case RECORD_STATS:
		e->stats = *r->stats;
		return 0;
	case RECORD_END:
		engine_advance(e, UINT64_MAX);
		tell_lost(e, r->tick->ts_ns);
		return 0;
	case RECORD_SEEN:
		engine_advance(e, r->tick->seen_ns);
		return 0;
	case RECORD_META:
	case RECORD_CGROUP:
	case RECORD_DEVICE:
	case RECORD_NEXT:
		return 0; /* for those who present */
	case RECORD_KNOWN:
		track_know(e->track, &r->known->socket);
		return 0;
	case RECORD_OLDER:
		return take_older(e, &r->older->socket);
	case RECORD_TICK:
		take_tick(e, r->tick);
		return 0;
	default:
		return take_look(e, r);
	}
}

/* Rows of a look that its end goes over. */
static uint64_t rows_of(const struct audit *a)
{
	return (uint64_t)a->n_netns + a->n_listeners + a->n_close_wait + a->n_fin_wait2 +
	       a->n_places + a->n_dead + a->n_groups + a->n_half_open + a->n_sources +
	       a->n_requests + a->n_handshakes + a->n_scanners + a->n_connects + a->n_unseen;
}

uint64_t engine_cost(const struct engine *e, const struct record *r)
{
	switch (r->kind) {
	case RECORD_TICK:
		return e->whole ? 1 + GROUP_COST * (uint64_t)e->whole->n_groups : 1;
	case RECORD_HOLDER:
		return e->filling->n_netns;
	case RECORD_LOOK_END:
		return LOOK_COST + rows_of(e->filling) + (e->whole ? rows_of(e->whole) : 0);
	default:
		return 0;
	}
}

int engine_record(struct engine *e, const void *bytes, size_t len)
{
	struct record r;

	if (!record_decode(bytes, len, &r))
		return engine_take(e, &r);
	e->decode_errors++;
	return 0;
}

void engine_advance(struct engine *e, uint64_t seen_ns)
{
	track_advance(e->track, seen_ns);
}

void engine_start(struct engine *e, const struct record_meta *meta)
{
	enum audit_by by = (enum audit_by)meta->by;
	size_t i;

	e->tick_ns = meta->ts_ns;
	e->before = e->stats = meta->before;
	for (i = 0; i < LOOKS; i++) {
		e->looks[i].config.by = by;
		e->looks[i].config.count_rows = meta->count_rows;
	}
	if (e->select_look)
		select_look_start(e->select_look, by, meta->count_rows);
}

bool engine_known(const struct engine *e, const struct event *ev, uint64_t since_ns,
		  struct track_known *ret)
{
	return track_known(e->track, ev, since_ns, ret);
}

uint32_t engine_blank(const struct engine *e)
{
	return e->blank;
}

bool engine_waits(const struct engine *e)
{
	return track_holds(e->track);
}

const struct audit *engine_look(const struct engine *e)
{
	return e->whole;
}

uint8_t engine_epoch(const struct engine *e)
{
	return track_epoch(e->track);
}

const struct engine_totals *engine_totals(const struct engine *e)
{
	return &e->totals;
}

uint32_t engine_wanted(const struct engine *e, const uint32_t **ret)
{
	return detect_wanted(e->detect, ret);
}

bool engine_strange(const struct engine *e)
{
	return detect_strange(e->detect);
}

uint32_t engine_findings(const struct engine *e)
{
	return detect_open(e->detect);
}

uint64_t engine_findings_skipped(const struct engine *e)
{
	return detect_skipped(e->detect);
}

void engine_each_finding(const struct engine *e, finding_fn fn, void *ctx)
{
	detect_each(e->detect, fn, ctx);
}

enum severity engine_worst(const struct engine *e)
{
	return e->worst;
}

uint32_t engine_older_sockets(const struct engine *e)
{
	return older_sockets(e->older);
}

/* ---- life ------------------------------------------------------------------------------------ */

static int start_selecting(struct engine *e)
{
	struct select_look_config config = {
		.filter = e->config.filter,
		.in_cgroup = e->config.in_cgroup,
		.cgroup_ctx = e->config.cgroup_ctx,
	};
	int err = select_look_new(&config, &e->select_look);

	if (!err && !select_look_needed(e->select_look)) {
		select_look_free(e->select_look);
		e->select_look = NULL;
	}
	return err;
}

static int start(struct engine *e)
{
	struct track_config track = {
		.max_sockets = e->config.max_sockets,
		.sink = {
			.ctx = e,
			.change = on_change,
			.connection = e->config.lifecycle ? on_connection : NULL,
			.synack = on_synack,
		},
		.older = ask_older,
		.older_ctx = e,
	};
	const struct connects_config connects = {
		.window_ns = e->config.audit.connect_ns,
		.percent = e->config.detect.connect_fail_percent,
	};
	int err = track_new(&track, &e->track);
	size_t i;

	if (!err && e->config.select_looks)
		err = start_selecting(e);
	if (!err)
		err = older_new(&e->older);
	if (!err)
		err = detect_new(&e->config.detect, &e->detect);
	if (!err)
		err = timeouts_init(&e->timeouts);
	if (!err)
		err = port_failures_init(&e->port_failures);
	if (!err)
		err = connects_new(&connects, &e->connects);
	for (i = 0; !err && i < LOOKS; i++)
		err = audit_init(&e->looks[i], &e->config.audit);
	e->filling = e->looks;
	return err;
}

int engine_new(const struct engine_config *config, struct engine **ret)
{
	struct engine *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	e->config = *config;
	e->tick_ns = config->start_ns;
	err = start(e);
	if (err) {
		engine_free(e);
		return err;
	}
	*ret = e;
	return 0;
}

void engine_free(struct engine *e)
{
	size_t i;

	if (!e)
		return;
	track_free(e->track);
	select_look_free(e->select_look);
	older_free(e->older);
	detect_free(e->detect);
	timeouts_release(&e->timeouts);
	port_failures_release(&e->port_failures);
	connects_free(e->connects);
	for (i = 0; i < LOOKS; i++)
		audit_release(&e->looks[i]);
	free(e);
}
