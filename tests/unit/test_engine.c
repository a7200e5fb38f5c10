// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_engine.c - records in, what is told out: sums of an interval, losses, findings, their order;
 * and the gate that records pass
 */
#include <errno.h>

#include "engine.h"
#include "port_failures.h"
#include "record.h"
#include "timeouts.h"
#include "unit.h"

#define SECOND 1000000000ull

static struct filter filter;
static struct engine *engine;

/* What was told last, and how often. */
static struct {
	unsigned int changes, summaries, findings, losses;
	struct summary summary;
	uint64_t established, close_wait; /* of the summary's look */
	struct finding finding;
	uint64_t lost[LOST_MAX];
	int64_t wall_offset_ns;
} told;

static void on_change(void *ctx, const struct change *change)
{
	(void)ctx;
	(void)change;
	told.changes++;
}

static void on_synack(void *ctx, const struct tcs_wire_synack *synack)
{
	(void)ctx;
	(void)synack;
}

static void on_lost(void *ctx, enum lost_reason reason, uint64_t count, uint64_t ts_ns)
{
	(void)ctx;
	(void)ts_ns;
	told.losses++;
	told.lost[reason] += count;
}

static void on_finding(void *ctx, const struct finding *finding, uint64_t ts_ns)
{
	(void)ctx;
	(void)ts_ns;
	told.findings++;
	told.finding = *finding;
}

static void on_summary(void *ctx, const struct summary *summary)
{
	(void)ctx;
	told.summaries++;
	told.summary = *summary;
	told.established = summary->look ? summary->look->states[TCS_ESTABLISHED] : 0;
	told.close_wait = summary->look ? summary->look->states[TCS_CLOSE_WAIT] : 0;
}

static void on_clock(void *ctx, int64_t wall_offset_ns)
{
	(void)ctx;
	told.wall_offset_ns = wall_offset_ns;
}

static int set_up(void **state)
{
	struct engine_config config = {
		.filter = &filter,
		.max_sockets = 1000,
		.start_ns = 10 * SECOND,
		.audit = { .old_ns = 60 * SECOND, .connect_ns = 10 * SECOND, .stalled = 3 },
		.detect = { .close_wait_count = 10,
			    .ports_percent = 80,
			    .time_wait_percent = 80,
			    .dead_peer_count = 5,
			    .dead_peer_timeouts = 3,
			    .dead_peer_hosts = 20,
			    .connect_fail_count = 20,
			    .connect_fail_percent = 50,
			    .connect_fail_hosts = 8 },
		.sink = { .change = on_change,
			  .synack = on_synack,
			  .lost = on_lost,
			  .finding = on_finding,
			  .summary = on_summary,
			  .clock = on_clock },
	};

	(void)state;
	memset(&told, 0, sizeof(told));
	memset(&filter, 0, sizeof(filter));
	return engine_new(&config, &engine);
}

static int tear_down(void **state)
{
	(void)state;
	engine_free(engine);
	return 0;
}

#define FEED(record) assert_int_equal(engine_record(engine, &(record), sizeof(record)), 0)

/* A whole connection that we opened and the peer closed: four changes. */
static void feed_connection(uint64_t id, uint64_t at_ns)
{
	static const uint8_t path[] = { TCS_CLOSE,	TCS_SYN_SENT, TCS_ESTABLISHED,
					TCS_CLOSE_WAIT, TCS_LAST_ACK, TCS_CLOSE };
	struct {
		struct tcs_wire_state state;
		struct tcs_wire_facts facts;
	} r = { .state = { .kind = TCS_WIRE_STATE, .id = id, .lport = 40000 },
		.facts = { .laddr = V4(10, 0, 0, 7),
			   .raddr = V4(10, 0, 0, 9),
			   .family = 4,
			   .netns = 1,
			   .rport = 443 } };
	uint32_t i;

	for (i = 0; i + 1 < COUNT(path); i++) {
		r.state.flags = TCS_F_HAS_FACTS;
		r.state.old_state = path[i];
		r.state.new_state = path[i + 1];
		r.state.ts_ns = at_ns + i * 1000;
		r.state.seq = i + 1;
		FEED(r);
	}
}

static void feed_tick(uint64_t at_ns)
{
	struct record_tick r = { .head.kind = RECORD_TICK, .ts_ns = at_ns, .seen_ns = at_ns };

	FEED(r);
}

static void begin_look(uint64_t at_ns, uint32_t covers)
{
	struct record_look r = { .head.kind = RECORD_LOOK, .ts_ns = at_ns, .covers = covers };

	FEED(r);
}

static void end_look(uint64_t at_ns)
{
	struct record_look_end r = { .head.kind = RECORD_LOOK_END, .ts_ns = at_ns };

	FEED(r);
}

/* n sockets in CLOSE_WAIT for age_ns, of app(991). */
static void feed_look(uint64_t at_ns, uint32_t n, uint64_t age_ns)
{
	struct record_netns netns = { .head.kind = RECORD_NETNS };
	struct record_socket socket = {
		.head.kind = RECORD_SOCKET,
		.socket = { .id = 1,
			    .netns = 1,
			    .family = 4,
			    .state = TCS_CLOSE_WAIT,
			    .quiet_ns = age_ns,
			    .in_state_ns = age_ns,
			    .owner = { .pid = 991, .source = OWNER_CACHED, .comm = "app" } },
	};
	struct record_holder holder = { .head.kind = RECORD_HOLDER,
					.holder = {
						.pid = 991, .fd_used = n + 5, .fd_limit = 1024 } };
	uint32_t i;

	begin_look(at_ns, AUDIT_COUNTERS | AUDIT_SOCKETS);
	for (i = 0; i < n; i++)
		FEED(socket);
	netns.netns.netns = 1;
	netns.netns.states[TCS_CLOSE_WAIT] = n;
	netns.netns.states[TCS_ESTABLISHED] = 7;
	FEED(netns);
	FEED(holder);
	end_look(at_ns);
}

static void an_interval_is_summed_up(void **state)
{
	(void)state;
	feed_connection(1, 10 * SECOND);
	feed_connection(2, 10 * SECOND + 100);
	feed_tick(11 * SECOND);
	assert_int_equal(told.changes, 10);
	assert_int_equal(told.summaries, 1);
	assert_true(told.summary.counted);
	assert_int_equal(told.summary.transitions, 10);
	assert_int_equal(told.summary.opens, 2);
	assert_int_equal(told.summary.closes, 2);
	assert_int_equal(told.summary.handed_over, 0);
	assert_true(told.summary.interval_ns == SECOND);
	assert_null(told.summary.look);
	feed_tick(13 * SECOND);
	assert_int_equal(told.summary.transitions, 0);
	assert_true(told.summary.interval_ns == 2 * SECOND);
}

/* Changes that the kernel keeps back cannot be counted, so nothing is said. */
static void filtered_states_are_not_counted(void **state)
{
	(void)state;
	filter.states.include = 1u << TCS_CLOSE_WAIT;
	feed_connection(1, 10 * SECOND);
	feed_tick(11 * SECOND);
	assert_int_equal(told.changes, 2);
	assert_false(told.summary.counted);
	assert_int_equal(engine_totals(engine)->filtered, 3);
}

static void a_look_has_an_age(void **state)
{
	(void)state;
	feed_look(12 * SECOND, 3, SECOND);
	feed_tick(12 * SECOND + 5);
	assert_int_equal(told.close_wait, 3);
	assert_int_equal(told.established, 7);
	assert_int_equal(told.summary.look_age_ns, 5);
	feed_tick(14 * SECOND);
	assert_int_equal(told.close_wait, 3);
	assert_true(told.summary.look_age_ns == 2 * SECOND);
}

/* Events between two slices of a walk, and one walk after another. */
static void a_look_under_way_is_not_told(void **state)
{
	(void)state;
	feed_look(12 * SECOND, 3, SECOND);
	begin_look(13 * SECOND, AUDIT_COUNTERS | AUDIT_SOCKETS);
	feed_connection(1, 13 * SECOND);
	feed_tick(13 * SECOND + 1);
	assert_int_equal(told.close_wait, 3);
	assert_int_equal(told.summary.transitions, 5);
	end_look(13 * SECOND);
	feed_tick(14 * SECOND);
	assert_int_equal(told.close_wait, 0);
}

static void counters_alone_leave_the_states_as_they_are(void **state)
{
	struct record_netns netns = { .head.kind = RECORD_NETNS };

	(void)state;
	feed_look(12 * SECOND, 20, 61 * SECOND);
	begin_look(13 * SECOND, AUDIT_COUNTERS);
	netns.netns.netns = 1;
	FEED(netns);
	end_look(13 * SECOND);
	feed_tick(13 * SECOND + 1);
	assert_int_equal(told.close_wait, 20);
	assert_int_equal(told.findings, 1); /* and clear nothing */
}

static void a_leak_is_told_once_and_when_it_is_over(void **state)
{
	(void)state;
	feed_look(12 * SECOND, 20, 59 * SECOND);
	assert_int_equal(told.findings, 0);
	feed_look(13 * SECOND, 21, 60 * SECOND);
	assert_int_equal(told.findings, 1);
	assert_int_equal(told.finding.kind, FINDING_CLOSE_WAIT_LEAK);
	assert_int_equal(told.finding.row.half_closed.owner.pid, 991);
	assert_int_equal(told.finding.row.half_closed.fd_limit, 1024);
	assert_int_equal(told.finding.row.half_closed.growth_milli, 1000);
	assert_true(told.finding.row.half_closed.oldest_exact);
	feed_look(14 * SECOND, 22, 61 * SECOND);
	assert_int_equal(told.findings, 1);
	assert_int_equal(engine_findings(engine), 1);
	feed_look(15 * SECOND, 0, 0);
	feed_look(16 * SECOND, 0, 0);
	assert_int_equal(told.findings, 1);
	feed_look(17 * SECOND, 0, 0);
	assert_int_equal(told.findings, 2);
	assert_int_equal(told.finding.status, FINDING_CLEARED);
	assert_int_equal(engine_findings(engine), 0);
	assert_int_equal(engine_worst(engine), SEVERITY_WARNING); /* it was */
}

/* A connection that we opened ends in `from`, for `err`. */
static void feed_end(uint64_t id, uint8_t from, uint8_t err, uint64_t at_ns)
{
	struct {
		struct tcs_wire_state state;
		struct tcs_wire_facts facts;
	} r = { .state = { .kind = TCS_WIRE_STATE,
			   .flags = TCS_F_HAS_FACTS,
			   .old_state = from,
			   .new_state = TCS_CLOSE,
			   .err = err,
			   .id = id,
			   .lport = 40000,
			   .ts_ns = at_ns,
			   .seq = 1 },
		.facts = { .raddr = V4(10, 0, 0, 9), .family = 4, .netns = 1, .rport = 443 } };

	FEED(r);
}

/* None of them is there when a walk comes. */
static void connections_that_timed_out_have_a_dead_peer(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 5; i++)
		feed_end(i + 1, i & 1 ? TCS_ESTABLISHED : TCS_FIN_WAIT1, ETIMEDOUT,
			 (12 + i) * SECOND);
	feed_look(15 * SECOND, 0, 0);
	assert_int_equal(told.findings, 0); /* the last is not yet over then */
	feed_look(16 * SECOND, 0, 0);
	assert_int_equal(told.findings, 1);
	assert_int_equal(told.finding.kind, FINDING_DEAD_PEER);
	assert_int_equal(told.finding.row.dead.count, 5);
	assert_int_equal(told.finding.row.dead.timed_out, 5);
	assert_true(told.finding.row.dead.quiet_ns == AUDIT_UNKNOWN);
	/* A minute later they are forgotten, one after another. */
	for (i = 0; i < 3; i++)
		feed_look((76 + i) * SECOND, 0, 0);
	assert_int_equal(told.findings, 2);
	assert_int_equal(told.finding.status, FINDING_CLEARED);
}

static void other_ends_are_no_dead_peer(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		feed_end(4 * i + 1, TCS_ESTABLISHED, ECONNRESET, 12 * SECOND);
		feed_end(4 * i + 2, TCS_SYN_SENT, ETIMEDOUT, 12 * SECOND);
		feed_end(4 * i + 3, TCS_ESTABLISHED, EHOSTUNREACH, 12 * SECOND);
		feed_end(4 * i + 4, TCS_LAST_ACK, 0, 12 * SECOND);
	}
	feed_look(13 * SECOND, 0, 0);
	assert_int_equal(told.findings, 0);
}

/* On a large host there is a walk a minute; counters are read every second. */
static void connects_that_fail_need_no_walk(void **state)
{
	uint64_t second, i;

	(void)state;
	for (second = 12; second < 26; second++) {
		for (i = 0; i < 5; i++)
			feed_end(100 * second + i, TCS_SYN_SENT, ECONNREFUSED,
				 second * SECOND + i * 100000000);
		begin_look(second * SECOND + 900000000, AUDIT_COUNTERS);
		end_look(second * SECOND + 900000000);
	}
	assert_int_equal(told.findings, 1);
	assert_int_equal(told.finding.kind, FINDING_CONNECT_FAILING);
	assert_int_equal(told.finding.row.connect.row.rport, 443);
	assert_true(told.finding.row.connect.row.pending == AUDIT_UNKNOWN);
	for (; second < 50; second++) {
		begin_look(second * SECOND + 900000000, AUDIT_COUNTERS);
		end_look(second * SECOND + 900000000);
	}
	assert_int_equal(told.findings, 2);
	assert_int_equal(told.finding.status, FINDING_CLEARED);
}

/* The table of those that timed out is full: the look says that it does not know all. */
static void timeouts_are_bounded_and_the_rest_counted(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < TIMEOUTS_MAX + 3; i++)
		feed_end(i + 1, TCS_ESTABLISHED, ETIMEDOUT, 12 * SECOND);
	feed_look(13 * SECOND, 0, 0);
	assert_int_equal(told.findings, 1);
	assert_int_equal(told.finding.row.dead.count, TIMEOUTS_MAX);
	assert_int_equal(engine_look(engine)->blind.skipped, 3);
	feed_look(14 * SECOND, 0, 0);
	assert_int_equal(engine_look(engine)->blind.skipped, 0);
}

/* connect() to 10.0.RACK.9:443 that found no local port. */
static void feed_no_port(uint64_t id, uint32_t rack, uint64_t ts_ns)
{
	struct {
		struct tcs_wire_state state;
		struct tcs_wire_facts facts;
	} r = { .state = { .kind = TCS_WIRE_STATE,
			   .id = id,
			   .flags = TCS_F_HAS_FACTS | TCS_F_DEFERRED,
			   .old_state = TCS_SYN_SENT,
			   .new_state = TCS_CLOSE,
			   .ts_ns = ts_ns,
			   .in_old_ns = 1000,
			   .seq = 2 },
		.facts = { .laddr = V4(10, 0, 0, 7), .family = 4, .netns = 1, .rport = 443 } };
	const uint8_t raddr[16] = V4(10, (uint8_t)(rack >> 8), (uint8_t)rack, 9);

	memcpy(r.facts.raddr, raddr, sizeof(raddr));
	FEED(r);
}

static void feed_place_look(uint64_t ts_ns, const struct audit_place *p)
{
	struct record_look look = { .head.kind = RECORD_LOOK,
				    .ts_ns = ts_ns,
				    .covers = AUDIT_SOCKETS };
	struct record_netns netns = { .head.kind = RECORD_NETNS, .netns.netns = p->netns };
	struct record_place place = { .head.kind = RECORD_PLACE, .place = *p };

	FEED(look);
	FEED(netns);
	FEED(place);
	end_look(ts_ns);
}

/* The snapshot finds TIME_WAIT that connect() would take over. */
static void connects_without_a_port_raise_port_exhaustion(void **state)
{
	struct audit_place p = { .netns = 1,
				 .family = 4,
				 .laddr = V4(10, 0, 0, 7),
				 .raddr = V4(10, 0, 1, 9),
				 .rport = 443,
				 .time_wait = 200,
				 .ports_used = 200,
				 .reusable = 200,
				 .ports_range = 200 };
	uint64_t id;

	(void)state;
	feed_place_look(11 * SECOND, &p);
	assert_int_equal(told.findings, 0);
	for (id = 1; id <= 3; id++)
		feed_no_port(id, 1, 11 * SECOND + id);
	engine_advance(engine, 12 * SECOND);
	feed_place_look(12 * SECOND, &p);
	assert_int_equal(told.findings, 1);
	assert_int_equal(told.finding.kind, FINDING_PORT_EXHAUSTION);
	assert_int_equal(told.finding.severity, SEVERITY_CRITICAL);
	assert_int_equal(told.finding.row.place.failed, 3);
	/* A snapshot has those since the last one. */
	for (id = 13; id < 16; id++)
		feed_place_look(id * SECOND, &p);
	assert_int_equal(told.findings, 2);
	assert_int_equal(told.finding.status, FINDING_CLEARED);
}

/* No snapshot has a row of the destination; where bind() took the ports there is one for all. */
static void connects_without_a_port_find_their_row(void **state)
{
	struct audit_place p = { .netns = 1,
				 .family = 4,
				 .flags = AUDIT_PLACE_BOUND,
				 .laddr = V4(10, 0, 0, 7),
				 .ports_used = 150,
				 .bound = 150,
				 .ports_range = 200 };
	uint64_t id;

	(void)state;
	for (id = 1; id <= 10; id++)
		feed_no_port(id, 1, 11 * SECOND + id);
	engine_advance(engine, 12 * SECOND);
	feed_place_look(12 * SECOND, &p);
	assert_int_equal(told.findings, 1);
	assert_int_equal(told.finding.row.place.rport, 0);
	assert_int_equal(told.finding.row.place.failed, 10);
	p.bound = p.ports_used = 50;
	for (; id <= 20; id++)
		feed_no_port(id, 1, 12 * SECOND + id);
	engine_advance(engine, 13 * SECOND);
	feed_place_look(13 * SECOND, &p);
	assert_int_equal(told.findings, 2);
	assert_int_equal(told.finding.row.place.rport, 443);
	assert_int_equal(told.finding.row.place.ports_range, 0);
	assert_int_equal(told.finding.row.place.failed, 10);
}

static void port_failures_are_bounded_and_the_rest_counted(void **state)
{
	struct audit_place p = { .netns = 1, .family = 4, .lport = 80, .time_wait = 1 };
	uint32_t i;

	(void)state;
	for (i = 0; i < PORT_FAILURES_MAX + 3; i++)
		feed_no_port(i + 1, i, 11 * SECOND + i);
	engine_advance(engine, 12 * SECOND);
	feed_place_look(12 * SECOND, &p);
	assert_int_equal(told.findings, 0);
	assert_int_equal(engine_look(engine)->blind.skipped, 3);
	feed_place_look(13 * SECOND, &p);
	assert_int_equal(engine_look(engine)->blind.skipped, 0);
}

static void losses_are_told_as_they_grow(void **state)
{
	struct record_stats stats = { .kind = RECORD_STATS, .lost_ring_full = 5, .filtered = 2 };

	(void)state;
	FEED(stats);
	feed_tick(11 * SECOND);
	assert_int_equal(told.lost[LOST_RING_FULL], 5);
	feed_tick(12 * SECOND);
	assert_int_equal(told.losses, 1);
	stats.lost_ring_full = 7;
	stats.lost_recursion = 1;
	FEED(stats);
	feed_tick(13 * SECOND);
	assert_int_equal(told.lost[LOST_RING_FULL], 7);
	assert_int_equal(told.lost[LOST_RECURSION], 1);
	assert_int_equal(engine_totals(engine)->filtered, 2);
	assert_int_equal(engine_lost(engine_totals(engine)), 8);
	stats.lost_corrections = 3;
	FEED(stats);
	feed_tick(14 * SECOND);
	assert_int_equal(engine_totals(engine)->lost_corrections, 3);
	assert_int_equal(engine_lost(engine_totals(engine)), 8);
}

static void the_clock_is_passed_on(void **state)
{
	struct record_clock clock = { .head.kind = RECORD_CLOCK, .wall_offset_ns = -7 };

	(void)state;
	FEED(clock);
	assert_int_equal(told.wall_offset_ns, -7);
}

/* The beginning of a recording may be missing. */
static void half_a_look_is_left_alone(void **state)
{
	(void)state;
	end_look(12 * SECOND);
	feed_tick(13 * SECOND);
	assert_null(told.summary.look);
	assert_int_equal(told.findings, 0);
}

static void what_is_no_record_is_lost(void **state)
{
	struct record_socket socket = { .head.kind = RECORD_SOCKET,
					.socket = { .state = TCS_CLOSE_WAIT, .family = 4 } };
	struct record_place place = { .head.kind = RECORD_PLACE, .place = { .family = 4 } };
	struct record_head head = { .kind = RECORD_KIND_MAX };
	unsigned int wrong = 0, kind;

	(void)state;
	begin_look(12 * SECOND, AUDIT_SOCKETS);
	FEED(socket);
	FEED(place);
	socket.socket.state = TCS_STATE_MAX;
	FEED(socket), wrong++;
	socket.socket.state = 0;
	FEED(socket), wrong++;
	socket.socket.state = TCS_CLOSE_WAIT;
	socket.socket.family = 5;
	FEED(socket), wrong++;
	socket.socket.family = 4;
	socket.socket.owner.source = OWNER_SOURCE_MAX;
	FEED(socket), wrong++;
	place.place.family = 0;
	FEED(place), wrong++;
	place.place.family = 4;
	place.place.reusable = 1; /* of none */
	FEED(place), wrong++;
	place.place.reusable = 0;
	place.place.bound = 1;
	FEED(place), wrong++;
	place.place.bound = 0;
	place.place.failed = 1; /* no recorder writes that */
	FEED(place), wrong++;
	place.place.failed = 0;
	place.place.range_first = 2;
	FEED(place), wrong++;
	FEED(head), wrong++;
	/* No kind takes a record that is too short. */
	for (kind = 0; kind <= 255; kind++, wrong++) {
		head.kind = (uint8_t)kind;
		FEED(head);
	}
	assert_int_equal(engine_record(engine, &head, 0), 0);
	wrong++;
	feed_tick(13 * SECOND);
	assert_int_equal(told.lost[LOST_DECODE], wrong);
}

#define WITH_ENGINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_ENGINE(an_interval_is_summed_up),
		WITH_ENGINE(filtered_states_are_not_counted),
		WITH_ENGINE(a_look_has_an_age),
		WITH_ENGINE(a_look_under_way_is_not_told),
		WITH_ENGINE(counters_alone_leave_the_states_as_they_are),
		WITH_ENGINE(a_leak_is_told_once_and_when_it_is_over),
		WITH_ENGINE(connections_that_timed_out_have_a_dead_peer),
		WITH_ENGINE(other_ends_are_no_dead_peer),
		WITH_ENGINE(connects_that_fail_need_no_walk),
		WITH_ENGINE(timeouts_are_bounded_and_the_rest_counted),
		WITH_ENGINE(connects_without_a_port_raise_port_exhaustion),
		WITH_ENGINE(connects_without_a_port_find_their_row),
		WITH_ENGINE(port_failures_are_bounded_and_the_rest_counted),
		WITH_ENGINE(losses_are_told_as_they_grow),
		WITH_ENGINE(the_clock_is_passed_on),
		WITH_ENGINE(half_a_look_is_left_alone),
		WITH_ENGINE(what_is_no_record_is_lost),
	};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
