// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_cadence.c - how often the host is looked at, and what that costs
 *
 * Simulated hours: each walk costs what the test says; what is judged is how many there were and
 * how much of the time they took.
 */
#include "unit.h"

#include "cadence.h"

#define MS	      1000000ull
#define SECOND	      (1000 * MS)
#define COUNTERS_COST (100 * 1000ull)

struct hour {
	unsigned int walks, counters;
	uint64_t cpu_ns;
	uint64_t first_walk_ns;
	uint64_t longest_gap_ns; /* between two walks */
};

/* start_cost: before the first interval, and in cpu_ns. */
static struct hour run_from(uint64_t start_cost, uint64_t seconds, uint64_t interval_ns,
			    uint64_t walk_cost, bool moving)
{
	uint64_t start = 5 * SECOND, end = start + seconds * SECOND, now, last = start;
	struct hour h = { .cpu_ns = start_cost };
	struct cadence c;

	cadence_init(&c, start, start_cost);
	for (now = start + interval_ns; now <= end; now += interval_ns) {
		enum cadence_look what = cadence_next(&c, now, moving);
		uint64_t cost = what == CADENCE_WALK	 ? walk_cost :
				what == CADENCE_COUNTERS ? COUNTERS_COST :
							   0;

		cadence_spent(&c, what, cost);
		h.cpu_ns += cost;
		h.counters += what == CADENCE_COUNTERS;
		if (what != CADENCE_WALK)
			continue;
		if (!h.walks++)
			h.first_walk_ns = now - start;
		else if (now - last > h.longest_gap_ns)
			h.longest_gap_ns = now - last;
		last = now;
	}
	return h;
}

static struct hour run(uint64_t seconds, uint64_t interval_ns, uint64_t walk_cost, bool moving)
{
	return run_from(0, seconds, interval_ns, walk_cost, moving);
}

static void a_small_busy_host_is_walked_at_every_interval(void **state)
{
	struct hour h = run(60, SECOND, 3 * MS, true);

	(void)state;
	assert_int_equal(h.walks, 60);
}

static void the_first_look_comes_at_the_first_interval(void **state)
{
	(void)state;
	assert_true(run(60, SECOND, 400 * MS, true).first_walk_ns == SECOND);
	assert_true(run(60, SECOND, 400 * MS, false).first_walk_ns == SECOND);
}

/* 900,000 sockets: 0.4 s a walk. */
static void a_large_busy_host_pays_two_percent_at_most(void **state)
{
	struct hour minute = run(60, SECOND, 400 * MS, true);
	struct hour hour = run(3600, SECOND, 400 * MS, true);

	(void)state;
	assert_true(minute.cpu_ns <= 60 * SECOND * 2 / 100);
	assert_true(hour.cpu_ns <= 3600 * SECOND * 2 / 100);
	assert_in_range(hour.walks, 100, 180);
	assert_true(hour.longest_gap_ns < 60 * SECOND);
}

static void an_idle_host_pays_a_thousandth(void **state)
{
	struct hour small = run(600, SECOND, 10 * MS, false);
	struct hour large = run(600, SECOND, 400 * MS, false);

	(void)state;
	assert_in_range(small.walks, 60, 61); /* one of them is the second, which comes early */
	assert_in_range(small.counters, 530, 550);
	assert_in_range(large.walks, 10, 11); /* ages are never older than a minute */
}

/* 100,000 to 600,000 sockets older than the program, whose owners are looked for first. */
static void the_first_minute_has_room_for_the_start(void **state)
{
	uint64_t walk;

	(void)state;
	for (walk = 50 * MS; walk <= 300 * MS; walk += 50 * MS) {
		struct hour h = run_from(200 * MS + walk, 60, SECOND, walk, true);

		assert_true(h.first_walk_ns == SECOND);
		assert_true(h.cpu_ns <= 60 * SECOND * 2 / 100);
	}
}

/* However long the start took on a slow or busy machine, walks go on: two within 2 s raise. */
static void walks_do_not_wait_for_the_start_to_be_paid_for(void **state)
{
	uint64_t start, walk;

	(void)state;
	for (start = 0; start <= 5 * SECOND; start += 250 * MS) {
		for (walk = MS; walk <= 6 * MS; walk += MS) {
			struct hour h = run_from(start, 60, 250 * MS, walk, true);

			assert_true(h.first_walk_ns == 250 * MS);
			assert_true(h.longest_gap_ns <= 1250 * MS);
			assert_in_range(h.walks, 60, 240);
		}
		assert_int_equal(run_from(start, 60, SECOND, 8 * MS, true).walks, 60);
	}
}

/* Started anew each minute, and after any start as soon as it has been paid for. */
static void start_and_looks_take_two_percent_together(void **state)
{
	uint64_t start;

	(void)state;
	for (start = 0; start <= 500 * MS; start += 50 * MS)
		assert_true(run_from(start, 60, SECOND, 10 * MS, true).cpu_ns <=
			    60 * SECOND * 2 / 100 + MS);
	for (start = SECOND; start <= 5 * SECOND; start += SECOND) {
		struct hour h = run_from(start, start / MS / 10, SECOND, 400 * MS, true);

		assert_true(h.cpu_ns <= start * 100 * 2 / 100 + CADENCE_CREDIT_NS + MS);
	}
}

/* With the second walk what was there before us has an age. */
static void the_second_walk_comes_as_soon_as_the_first_is_paid_for(void **state)
{
	(void)state;
	/* 60 + 14 - 80 ms; 80 are there again after 6.14 intervals. */
	assert_int_equal(run(60, SECOND, 80 * MS, true).longest_gap_ns, 7 * SECOND);
	/* The first touches memory that has never been touched. */
	assert_int_equal(run(2, SECOND, 30 * MS, false).walks, 2);
}

/* A walk that is dearer than all that may be saved up still comes, at the price of its share. */
static void what_cannot_be_saved_up_for_comes_all_the_same(void **state)
{
	struct hour h = run(7200, SECOND, 5 * SECOND, true);

	(void)state;
	assert_in_range(h.walks, 15, 30);
	assert_true(h.cpu_ns <= 7200 * SECOND * 2 / 100);
}

/* Ten looks a second would not fit: some are left out. */
static void short_intervals_do_not_cost_more(void **state)
{
	struct hour h = run(60, 50 * MS, 3 * MS, true);

	(void)state;
	assert_true(h.cpu_ns <= 60 * SECOND * 2 / 100);
	assert_in_range(h.walks, 200, 400);
}

/* ---- looks that do not wait for the interval ------------------------------------------------- */

struct minute {
	unsigned int glances, looks;
	uint64_t told_ns;	 /* from the beginning of an attack to its second look */
	uint64_t longest_gap_ns; /* between two looks of the interval */
};

/* The loop of pipeline.c, which wakes each 10 ms; there is news from `at` on, or always. */
static struct minute watch(uint64_t at, bool always, uint64_t glance_cost, uint64_t look_cost)
{
	uint64_t start = 5 * SECOND, now, next = start + SECOND, last = start;
	struct minute m = { 0 };
	bool known = false;
	struct cadence c;

	cadence_init(&c, start, 0);
	cadence_looks(&c, start);
	for (now = start; now < start + 60 * SECOND; now += 10 * MS) {
		bool news = always || (!known && at && now >= start + at);

		if (cadence_second(&c, now)) {
			m.looks++;
			cadence_looks(&c, now);
			if (known && !m.told_ns)
				m.told_ns = now - start - at;
		} else if (cadence_glance(&c, now)) {
			m.glances++;
			cadence_glanced(&c, glance_cost);
			if (news && cadence_early(&c, now)) {
				m.looks++;
				cadence_looks(&c, now);
				cadence_follow(&c, now);
				known = true;
			}
		}
		if (now < next)
			continue;
		next = now + SECOND;
		if (cadence_rests(&c, now, SECOND))
			continue;
		if (now - last > m.longest_gap_ns)
			m.longest_gap_ns = now - last;
		last = now;
		cadence_looks(&c, now);
		cadence_spent(&c, CADENCE_COUNTERS, look_cost);
		if (news) {
			known = true;
			cadence_follow(&c, now);
		}
	}
	return m;
}

static void an_attack_is_looked_at_twice_within_a_second(void **state)
{
	uint64_t at;

	(void)state;
	for (at = 10 * SECOND; at < 12 * SECOND; at += 10 * MS) {
		struct minute m = watch(at, false, 0, 0);

		assert_in_range(m.told_ns, CADENCE_SECOND_NS,
				CADENCE_SECOND_NS + CADENCE_GLANCE_NS + 20 * MS);
	}
}

static void glances_are_four_a_second_at_most_and_two_in_a_thousand(void **state)
{
	(void)state;
	assert_in_range(watch(0, false, 100 * 1000, 0).glances, 120, 240);
	assert_in_range(watch(0, false, 100 * MS, 0).glances, 1, 2);
	assert_int_equal(watch(0, false, 0, 0).looks, 0);
}

/* The interval's own looks come all the same, and dear ones keep others away. */
static void news_without_end_are_bounded(void **state)
{
	struct minute cheap = watch(0, true, 0, 0), dear = watch(0, true, 0, 50 * MS);

	(void)state;
	assert_in_range(cheap.looks, 20, 120);
	assert_true(cheap.longest_gap_ns <= 2 * SECOND + 20 * MS);
	assert_true(dear.looks < cheap.looks);
	assert_true(dear.longest_gap_ns <= 2 * SECOND + 20 * MS);
}

/*
 * An unprivileged user makes 16,384 listeners, and once more each second if `always`: the look that
 * takes them out costs 50 ms, the next 1 ms. How many looks come in a minute; what they cost in
 * *ret.
 */
static unsigned int crowded(bool always, uint64_t *ret)
{
	uint64_t now, start = 5 * SECOND;
	unsigned int looks = 0;
	struct cadence c;

	*ret = 0;
	cadence_init(&c, start, 300 * MS);
	cadence_spent(&c, CADENCE_WALK, SECOND); /* of 70,000; nothing is left to spend */
	for (now = start + SECOND; now <= start + 60 * SECOND; now += SECOND) {
		bool full = always || now == start + SECOND;
		uint64_t cost = full ? 50 * MS : MS;

		if (cadence_next(&c, now, false) != CADENCE_COUNTERS)
			continue;
		cadence_spent(&c,
			      full && cadence_once(&c, now, cost) ? CADENCE_NONE : CADENCE_COUNTERS,
			      cost);
		looks++;
		*ret += cost;
	}
	return looks;
}

static void a_look_that_is_dear_once_does_not_delay_the_next(void **state)
{
	uint64_t cost;

	(void)state;
	assert_in_range(crowded(false, &cost), 59, 60);
	assert_in_range(crowded(true, &cost), 12, 30);
	assert_true(cost <= 60 * SECOND * 25 / 1000);
}

/* In a minute, tried each 10 ms: how often owners of listeners are looked up, at `cost` each. */
static unsigned int renewals(bool certain, bool corrected, uint64_t cost)
{
	uint64_t now, start = 5 * SECOND;
	unsigned int n = 0;
	struct cadence c;

	cadence_init(&c, start, 0);
	for (now = start; now < start + 60 * SECOND; now += 10 * MS) {
		if (!cadence_renew(&c, now, certain))
			continue;
		assert_true(n || now == start); /* the first at once */
		cadence_renewed(&c, cost, corrected);
		n++;
	}
	return n;
}

static void owners_that_change_without_end_cost_two_percent(void **state)
{
	(void)state;
	assert_in_range(renewals(true, true, 5 * MS), 200, 60000 / 250);
	assert_in_range(renewals(true, false, 5 * MS), 200, 60000 / 250);
	assert_int_equal(renewals(true, false, 100 * 1000), 6000);
}

/* 1, 2, 4, ... seconds apart; when one was right, once a second. */
static void doubts_that_are_none_become_rare(void **state)
{
	(void)state;
	assert_in_range(renewals(false, false, 100 * 1000), 5, 7);
	assert_in_range(renewals(false, true, 100 * 1000), 58, 60);
	assert_in_range(renewals(false, true, 100 * MS), 11, 12);
}

static void an_exit_does_not_wait_for_a_doubt(void **state)
{
	struct cadence c;

	(void)state;
	cadence_init(&c, SECOND, 0);
	assert_true(cadence_renew(&c, SECOND, false));
	cadence_renewed(&c, MS, false);
	assert_false(cadence_renew(&c, SECOND + 60 * MS, false));
	assert_true(cadence_renew(&c, SECOND + 60 * MS, true));
	cadence_renewed(&c, MS, false);
	assert_false(cadence_renew(&c, SECOND + 120 * MS, false));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_busy_host_is_walked_at_every_interval),
		cmocka_unit_test(the_first_look_comes_at_the_first_interval),
		cmocka_unit_test(a_large_busy_host_pays_two_percent_at_most),
		cmocka_unit_test(an_idle_host_pays_a_thousandth),
		cmocka_unit_test(the_first_minute_has_room_for_the_start),
		cmocka_unit_test(walks_do_not_wait_for_the_start_to_be_paid_for),
		cmocka_unit_test(start_and_looks_take_two_percent_together),
		cmocka_unit_test(the_second_walk_comes_as_soon_as_the_first_is_paid_for),
		cmocka_unit_test(what_cannot_be_saved_up_for_comes_all_the_same),
		cmocka_unit_test(short_intervals_do_not_cost_more),
		cmocka_unit_test(an_attack_is_looked_at_twice_within_a_second),
		cmocka_unit_test(glances_are_four_a_second_at_most_and_two_in_a_thousand),
		cmocka_unit_test(news_without_end_are_bounded),
		cmocka_unit_test(a_look_that_is_dear_once_does_not_delay_the_next),
		cmocka_unit_test(owners_that_change_without_end_cost_two_percent),
		cmocka_unit_test(doubts_that_are_none_become_rare),
		cmocka_unit_test(an_exit_does_not_wait_for_a_doubt),
	};

	return cmocka_run_group_tests_name("cadence", tests, NULL, NULL);
}
