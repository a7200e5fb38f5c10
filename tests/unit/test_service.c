// SPDX-License-Identifier: GPL-2.0-only
/* test_service.c - what listeners, half-open connections and handshakes add up to */
#include "unit.h"

#include "service.h"
#include "sketch.h"

#define SECOND 1000000000ull

static const struct audit_config config;

static int set_up(void **state)
{
	struct audit *a = calloc(2, sizeof(*a));

	assert_non_null(a);
	assert_int_equal(audit_init(&a[0], &config), 0);
	assert_int_equal(audit_init(&a[1], &config), 0);
	a[0].ts_ns = SECOND;
	a[1].ts_ns = 2 * SECOND;
	*state = a;
	return 0;
}

static int tear_down(void **state)
{
	struct audit *a = *state;

	audit_release(&a[0]);
	audit_release(&a[1]);
	free(a);
	return 0;
}

static void add_listener(struct audit *a, uint64_t id, const uint8_t laddr[16], uint8_t family,
			 uint32_t syn_queue)
{
	struct audit_socket s = { .id = id,
				  .netns = 1,
				  .state = TCS_LISTEN,
				  .family = family,
				  .lport = 80,
				  .queue_limit = 128,
				  .syn_queue = syn_queue,
				  .cookie_age_ns = AUDIT_UNKNOWN };

	memcpy(s.laddr, laddr, sizeof(s.laddr));
	assert_int_equal(audit_add_socket(a, &s), 0);
}

static void add_half_open(struct audit *a, uint64_t listener, uint64_t count)
{
	struct audit_half_open h = { .listener = listener,
				     .count = count,
				     .stuck = count,
				     .netns = 1,
				     .lport = 80,
				     .family = 4,
				     .sources_exact = true,
				     .prefixes_exact = true };

	assert_int_equal(audit_add_half_open(a, &h), 0);
}

/* An address and its prefix, both belonging to the last half_open. */
static void add_source(struct audit *a, const uint8_t addr[16], uint8_t family, uint64_t count)
{
	struct audit_source s = { .half_open = a->n_half_open - 1,
				  .family = family,
				  .bits = family == 4 ? 32 : 128,
				  .count = count };

	memcpy(s.addr, addr, sizeof(s.addr));
	assert_int_equal(audit_add_source(a, &s), 0);
	s.bits = family == 4 ? 24 : 64;
	memset(s.addr + (family == 4 ? 15 : 8), 0, family == 4 ? 1 : 8);
	/* The kernel has one row for a prefix. */
	for (uint32_t i = 0; i < a->n_sources; i++)
		if (a->sources[i].half_open == s.half_open && a->sources[i].bits == s.bits &&
		    !memcmp(a->sources[i].addr, s.addr, 16)) {
			a->sources[i].count += count;
			return;
		}
	assert_int_equal(audit_add_source(a, &s), 0);
}

static const uint8_t any4[16] = V4(0, 0, 0, 0), any6[16];

static void those_that_share_a_port_are_one_service(void **state)
{
	const uint8_t client[16] = V4(198, 18, 0, 1);
	struct audit *a = *state;

	add_listener(a, 7, any4, 4, 129);
	add_listener(a, 8, any4, 4, 100);
	add_half_open(a, 7, 129);
	add_source(a, client, 4, 129);
	add_half_open(a, 8, 100);
	add_source(a, client, 4, 100);
	assert_int_equal(audit_settle(a, NULL, NULL), 0);
	assert_int_equal(a->n_services, 1);
	assert_int_equal(a->services[0].listeners, 2);
	assert_int_equal(a->services[0].syn_queue, 229);
	assert_int_equal(a->services[0].queue_limit, 256);
	assert_int_equal(a->services[0].syn_full, 1);
	assert_int_equal(a->services[0].sources, 1);
	assert_int_equal(a->services[0].spread, SPREAD_SINGLE_SOURCE);
	assert_int_equal(a->sources[0].count, 229);
	assert_int_equal(a->half_open[a->listeners[0].half_open].count +
				 a->half_open[a->listeners[1].half_open].count,
			 229);
}

static void those_of_a_closed_listener_belong_to_none(void **state)
{
	const uint8_t client[16] = V4(198, 18, 0, 1);
	struct audit *a = *state;

	add_listener(a, 7, any4, 4, 0);
	add_half_open(a, 6, 3);
	add_source(a, client, 4, 3);
	assert_int_equal(audit_settle(a, NULL, NULL), 0);
	assert_int_equal(a->half_open[0].service, AUDIT_NONE);
	assert_int_equal(a->services[0].half_open, 0);
	assert_true(a->services[0].sources == AUDIT_UNKNOWN);
	assert_int_equal(a->services[0].spread, SPREAD_NONE);
}

/* ---- spread ---------------------------------------------------------------------------------- */

static const struct audit_service *spread_of(struct audit *a, uint64_t count)
{
	a->half_open[0].count = count;
	assert_int_equal(audit_settle(a, NULL, NULL), 0);
	return &a->services[0];
}

static void nine_tenths_from_one_address(void **state)
{
	uint8_t client[16] = V4(198, 18, 0, 1);
	struct audit *a = *state;
	const struct audit_service *s;
	unsigned int i;

	add_listener(a, 7, any4, 4, 0);
	add_half_open(a, 7, 0);
	add_source(a, client, 4, 90);
	for (i = 0; i < 10; i++) {
		client[13] = (uint8_t)(100 + i);
		add_source(a, client, 4, 1);
	}
	s = spread_of(a, 100);
	assert_int_equal(s->spread, SPREAD_SINGLE_SOURCE);
	assert_int_equal(s->spread_addr[15], 1);
	assert_int_equal(s->spread_bits, 32);
	assert_int_equal(s->spread_percent, 90);
	assert_int_equal(s->sources, 11);
	assert_int_equal(s->prefixes, 11);
}

static void a_prefix_is_as_long_as_it_can_be(void **state)
{
	uint8_t client[16] = V4(198, 19, 4, 0);
	const uint8_t other[16] = V4(203, 0, 113, 1);
	struct audit *a = *state;
	const struct audit_service *s;
	unsigned int i;

	add_listener(a, 7, any4, 4, 0);
	add_half_open(a, 7, 0);
	for (i = 0; i < 100; i++) { /* 198.19.4.0/22 */
		client[14] = (uint8_t)(4 + i % 4);
		client[15] = (uint8_t)i;
		add_source(a, client, 4, 2);
	}
	add_source(a, other, 4, 10);
	s = spread_of(a, 210);
	assert_int_equal(s->spread, SPREAD_PREFIX);
	assert_int_equal(s->spread_bits, 22);
	assert_memory_equal(s->spread_addr, ((uint8_t[])V4(198, 19, 4, 0)), 16);
	assert_int_equal(s->spread_percent, 95);
	assert_int_equal(s->sources, 101);
	assert_int_equal(s->prefixes, 5);
}

static void more_than_a_20_is_distributed(void **state)
{
	uint8_t client[16] = V4(198, 19, 0, 1);
	struct audit *a = *state;
	unsigned int i;

	add_listener(a, 7, any4, 4, 0);
	add_half_open(a, 7, 0);
	for (i = 0; i < 32; i++) { /* a /19 */
		client[14] = (uint8_t)i;
		add_source(a, client, 4, 1);
	}
	assert_int_equal(spread_of(a, 32)->spread, SPREAD_DISTRIBUTED);
}

static void few_addresses_far_apart_are_distributed(void **state)
{
	uint8_t client[16] = V4(198, 19, 0, 1);
	struct audit *a = *state;
	unsigned int i;

	add_listener(a, 7, any4, 4, 0);
	add_half_open(a, 7, 0);
	for (i = 0; i < 8; i++) {
		client[13] = (uint8_t)(i * 30);
		add_source(a, client, 4, 32);
	}
	assert_int_equal(spread_of(a, 256)->spread, SPREAD_DISTRIBUTED);
}

static void ipv6_a_64_is_one_and_a_48_is_not(void **state)
{
	uint8_t client[16] = V6(1);
	struct audit *a = *state;
	const struct audit_service *s;
	unsigned int i;

	add_listener(a, 7, any6, 6, 0);
	add_half_open(a, 7, 0);
	a->half_open[0].family = 6;
	for (i = 0; i < 200; i++) {
		client[15] = (uint8_t)i;
		add_source(a, client, 6, 1);
	}
	s = spread_of(a, 200);
	assert_int_equal(s->spread, SPREAD_PREFIX);
	assert_int_equal(s->spread_bits, 64);
	assert_int_equal(s->prefixes, 1);

	audit_clear(a);
	add_listener(a, 7, any6, 6, 0);
	add_half_open(a, 7, 0);
	for (i = 0; i < 200; i++) {
		client[6] = (uint8_t)(i * 37);
		client[7] = (uint8_t)i;
		add_source(a, client, 6, 1);
	}
	s = spread_of(a, 200);
	assert_int_equal(s->spread, SPREAD_DISTRIBUTED);
	assert_int_equal(s->prefixes, 200);
}

static void a_table_that_was_full_leaves_the_estimate(void **state)
{
	const uint8_t client[16] = V4(198, 18, 0, 1);
	struct audit *a = *state;

	add_listener(a, 7, any4, 4, 0);
	add_half_open(a, 7, 100000);
	a->half_open[0].sources = 98765;
	a->half_open[0].sources_exact = false;
	add_source(a, client, 4, 1);
	assert_int_equal(audit_settle(a, NULL, NULL), 0);
	assert_int_equal(a->services[0].sources, 98765);
	assert_false(a->services[0].sources_exact);
	assert_int_equal(a->services[0].prefixes, 1);
	assert_true(a->services[0].prefixes_exact);
}

/* ---- handshakes ------------------------------------------------------------------------------ */

static void add_handshakes(struct audit *a, const uint8_t laddr[16], uint64_t done)
{
	struct audit_handshakes h = { .netns = 1, .lport = 80, .done = done };

	memcpy(h.laddr, laddr, sizeof(h.laddr));
	a->covers |= AUDIT_HANDSHAKES;
	assert_int_equal(audit_add_handshakes(a, &h), 0);
}

static void handshakes_are_of_the_nearest_listener(void **state)
{
	const uint8_t one[16] = V4(10, 0, 0, 1), two[16] = V4(10, 0, 0, 2), six[16] = V6(1);
	struct audit *a = *state, *b = a + 1;
	uint32_t i;

	add_listener(b, 7, one, 4, 0);
	add_listener(b, 8, any4, 4, 0);
	add_listener(b, 9, any6, 6, 0);
	add_handshakes(a, one, 100);
	add_handshakes(a, two, 50);
	add_handshakes(b, one, 110);
	add_handshakes(b, two, 70);
	add_handshakes(b, six, 30);
	assert_int_equal(audit_settle(b, NULL, a), 0);
	assert_int_equal(b->n_services, 3);
	for (i = 0; i < 3; i++) {
		const struct audit_service *s = &b->services[i];
		int64_t want = !memcmp(s->laddr, one, 16)  ? 10000 :
			       !memcmp(s->laddr, any4, 16) ? 20000 :
							     30000;

		assert_int_equal(s->done_milli, want);
	}
}

static void a_dual_stack_listener_has_ipv4_too(void **state)
{
	const uint8_t two[16] = V4(10, 0, 0, 2);
	struct audit *a = *state, *b = a + 1;

	a->covers = AUDIT_HANDSHAKES;
	add_listener(b, 9, any6, 6, 0);
	add_handshakes(b, two, 30);
	assert_int_equal(audit_settle(b, NULL, a), 0);
	assert_int_equal(b->services[0].done_milli, 30000);
}

static void nobody_counted_is_unknown(void **state)
{
	struct audit *a = *state, *b = a + 1;

	add_listener(a, 7, any4, 4, 0);
	add_listener(b, 7, any4, 4, 0);
	assert_int_equal(audit_settle(b, NULL, a), 0);
	assert_true(b->services[0].done_milli == AUDIT_NO_RATE);
	assert_int_equal(b->services[0].drops_milli, 0);
}

/* ---- a look without a walk ------------------------------------------------------------------- */

static void the_last_walk_speaks_for_fifteen_seconds(void **state)
{
	const uint8_t client[16] = V4(198, 18, 0, 1);
	struct audit_netns net = { .netns = 1, .walked = true };
	struct audit *a = *state, *b = a + 1;

	assert_int_equal(audit_add_netns(a, &net), 0);
	add_listener(a, 7, any4, 4, 20);
	a->listeners[0].socket.owner.pid = 42;
	add_half_open(a, 7, 20);
	a->half_open[0].acked = 5;
	a->half_open[0].stuck = 15;
	add_source(a, client, 4, 20);
	assert_int_equal(audit_settle(a, NULL, NULL), 0);

	net.walked = false;
	assert_int_equal(audit_add_netns(b, &net), 0);
	add_listener(b, 7, any4, 4, 30);
	b->listeners[0].socket.syn_queue_young = 10;
	b->ts_ns = a->ts_ns + SERVICE_WALK_NS - 1;
	assert_int_equal(audit_settle(b, a, a), 0);
	assert_int_equal(b->services[0].half_open, 30);
	assert_int_equal(b->services[0].acked, 5);
	assert_int_equal(b->services[0].stuck, 15);
	assert_int_equal(b->services[0].sources, 1);
	assert_int_equal(b->services[0].spread, SPREAD_SINGLE_SOURCE);
	assert_int_equal(b->services[0].owner.pid, 42);

	b->ts_ns = a->ts_ns + SERVICE_WALK_NS;
	assert_int_equal(audit_settle(b, a, a), 0);
	assert_true(b->services[0].sources == AUDIT_UNKNOWN);
	assert_int_equal(b->services[0].stuck, 20);
}

/* ---- cookies --------------------------------------------------------------------------------- */

/* A look at one listener whose mark of cookies is so old; `before` is the look before it. */
static uint64_t gap_after(const struct audit *before, uint64_t ts_ns, uint64_t age_ns,
			  struct audit *ret)
{
	assert_int_equal(audit_init(ret, &config), 0);
	ret->ts_ns = ts_ns;
	ret->covers = AUDIT_LISTENERS;
	add_listener(ret, 1, any6, 6, 0);
	ret->listeners[0].socket.cookie_age_ns = age_ns;
	assert_int_equal(audit_settle(ret, NULL, before), 0);
	return ret->services[0].cookie_gap_ns;
}

static void the_mark_of_cookies_tells_how_fast_they_come(void **state)
{
	const uint64_t ms = 1000000;
	struct audit looks[6];
	int i;

	(void)state;
	assert_true(gap_after(NULL, 1000 * ms, AUDIT_UNKNOWN, &looks[0]) == AUDIT_UNKNOWN);
	assert_true(gap_after(&looks[0], 1750 * ms, 100 * ms, &looks[1]) == AUDIT_UNKNOWN);
	/* Not renewed; a slow walk reads it some ms later. */
	assert_true(gap_after(&looks[1], 2500 * ms, 840 * ms, &looks[2]) == AUDIT_UNKNOWN);
	assert_true(gap_after(&looks[2], 3250 * ms, 598 * ms, &looks[3]) == 992 * ms);
	assert_true(gap_after(&looks[3], 3500 * ms, 850 * ms, &looks[4]) == 992 * ms);
	/* In ten seconds it may have been renewed nine times more. */
	assert_true(gap_after(&looks[4], 13500 * ms, 100 * ms, &looks[5]) == AUDIT_UNKNOWN);
	for (i = 0; i < 6; i++)
		audit_release(&looks[i]);
}

/* ---- sketches -------------------------------------------------------------------------------- */

static void add_to_sketch(uint8_t ranks[1024], uint64_t *random)
{
	uint64_t h = random_next(random);
	uint8_t rank = (uint8_t)(1 + __builtin_ctzll(h | 1ull << 30));

	if (ranks[h >> 54] < rank)
		ranks[h >> 54] = rank;
}

static void a_sketch_is_right_within_a_tenth(void **state)
{
	static const uint64_t sizes[] = { 1, 10, 100, 1000, 2500, 10000, 100000, 1000000 };
	uint64_t random = 1, n, estimate;
	uint8_t ranks[1024];

	(void)state;
	memset(ranks, 0, sizeof(ranks));
	assert_int_equal(sketch_estimate(ranks, sizeof(ranks)), 0);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		memset(ranks, 0, sizeof(ranks));
		for (n = 0; n < sizes[i]; n++)
			add_to_sketch(ranks, &random);
		estimate = sketch_estimate(ranks, sizeof(ranks));
		if (estimate * 10 < n * 9 || estimate * 10 > n * 11 + 10)
			fail_msg("%llu of %llu", (unsigned long long)estimate,
				 (unsigned long long)n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(those_that_share_a_port_are_one_service),
		T(those_of_a_closed_listener_belong_to_none),
		T(nine_tenths_from_one_address),
		T(a_prefix_is_as_long_as_it_can_be),
		T(more_than_a_20_is_distributed),
		T(few_addresses_far_apart_are_distributed),
		T(ipv6_a_64_is_one_and_a_48_is_not),
		T(a_table_that_was_full_leaves_the_estimate),
		T(handshakes_are_of_the_nearest_listener),
		T(a_dual_stack_listener_has_ipv4_too),
		T(nobody_counted_is_unknown),
		T(the_last_walk_speaks_for_fifteen_seconds),
		cmocka_unit_test(the_mark_of_cookies_tells_how_fast_they_come),
		cmocka_unit_test(a_sketch_is_right_within_a_tenth),
	};

	return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
