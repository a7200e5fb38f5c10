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

static void those_that_share_a_port_are_a_group(void **state)
{
	const uint8_t client[16] = V4(198, 18, 0, 1);
	struct audit *a = *state;
	const struct audit_service *g;

	add_listener(a, 8, any4, 4, 100);
	add_listener(a, 7, any4, 4, 129);
	add_half_open(a, 7, 129);
	add_source(a, client, 4, 129);
	add_half_open(a, 8, 100);
	add_source(a, client, 4, 100);
	assert_int_equal(audit_settle(a, NULL, NULL), 0);
	assert_int_equal(a->n_services, 2);
	assert_int_equal(a->services[0].id, 7);
	assert_int_equal(a->services[0].listeners, 1);
	assert_int_equal(a->services[0].syn_queue, 129);
	assert_int_equal(a->services[0].half_open, 129);
	assert_int_equal(a->services[1].id, 8);
	assert_int_equal(a->services[1].half_open, 100);
	assert_int_equal(a->services[1].spread, SPREAD_SINGLE_SOURCE);
	assert_int_equal(a->n_service_groups, 1);
	g = &a->service_groups[0];
	assert_true(g->is_group);
	assert_int_equal(g->listeners, 2);
	assert_int_equal(g->syn_queue, 229);
	assert_int_equal(g->queue_limit, 256);
	assert_int_equal(g->syn_full, 1);
	assert_int_equal(g->sources, 1);
	assert_int_equal(g->spread, SPREAD_SINGLE_SOURCE);
	assert_int_equal(a->group_sources[g->first_source].count, 229);
	assert_int_equal(a->half_open[a->listeners[0].half_open].count, 129);
	assert_int_equal(a->half_open[a->listeners[1].half_open].count, 100);
}

static void one_that_is_met_twice_is_one(void **state)
{
	struct audit *a = *state;

	add_listener(a, 7, any4, 4, 3);
	add_listener(a, 7, any4, 4, 4);
	assert_int_equal(audit_settle(a, NULL, NULL), 0);
	assert_int_equal(a->n_services, 1);
	assert_int_equal(a->n_service_groups, 0);
	assert_int_equal(a->listeners[0].service + a->listeners[1].service, 0);
}

/* Tenants of two devices, IPv4 beside a v6-only listener, and beside one of a mapped address. */
static void another_device_or_family_is_another_service(void **state)
{
	struct audit *a = *state;
	uint32_t i;

	for (i = 0; i < 6; i++)
		add_listener(a, 10 + i, i < 4 ? any4 : any6, i < 4 ? 4 : 6, 0);
	a->listeners[0].socket.device = 2;
	a->listeners[1].socket.device = 3;
	a->listeners[3].socket.flags = AUDIT_INET4;
	a->listeners[5].socket.netns = 2;
	assert_int_equal(audit_settle(a, NULL, NULL), 0);
	assert_int_equal(a->n_services, 6);
	assert_int_equal(a->n_service_groups, 0);
	for (i = 1; i < 6; i++)
		assert_true(service_key(&a->services[i]) != service_key(&a->services[0]));
}

static void what_is_left_out_is_not_in_the_sum(void **state)
{
	const uint8_t clients[2][16] = { V4(198, 18, 0, 1), V4(203, 0, 113, 2) };
	const bool left_out[3] = { false, true, false };
	struct audit *a = *state;
	struct audit_service sum;
	uint32_t i;

	for (i = 0; i < 3; i++) {
		add_listener(a, 7 + i, any4, 4, 10 + i);
		add_half_open(a, 7 + i, 10 + i);
		add_source(a, clients[i == 1], 4, 10 + i);
	}
	assert_int_equal(audit_settle(a, NULL, NULL), 0);
	sum = a->service_groups[0];
	assert_int_equal(sum.sources, 2);
	assert_int_equal(sum.spread, SPREAD_DISTRIBUTED);
	sum.done_milli = 5000;
	a->services[1].done_milli = 2000;
	service_leave_out(&sum, &a->services[1]);
	spread_of_some(a, &sum, left_out);
	assert_int_equal(sum.listeners, 2);
	assert_int_equal(sum.half_open, 22);
	assert_int_equal(sum.syn_queue, 22);
	assert_int_equal(sum.queue_limit, 256);
	assert_int_equal(sum.done_milli, 3000);
	assert_int_equal(sum.sources, 1);
	assert_int_equal(sum.spread, SPREAD_SINGLE_SOURCE);
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

/* A listener's own counts, of one that has listened for long. */
static void count_for(struct audit *a, uint32_t i, uint64_t done)
{
	struct audit_socket *s = &a->listeners[i].socket;

	a->covers |= AUDIT_HANDSHAKES;
	s->flags |= AUDIT_HAS_HANDSHAKES;
	s->in_state_ns = 100 * SECOND;
	s->done = done;
	s->late = done / 2;
	s->resent = done * 2;
	s->failing = done / 5;
}

static void each_listener_has_rates_of_its_own(void **state)
{
	struct audit *a = *state, *b = a + 1;

	add_listener(a, 7, any4, 4, 0);
	add_listener(a, 8, any4, 4, 0);
	add_listener(b, 7, any4, 4, 0);
	add_listener(b, 8, any4, 4, 0);
	count_for(a, 0, 1000);
	count_for(a, 1, 10);
	count_for(b, 0, 1200);
	count_for(b, 1, 10);
	assert_int_equal(audit_settle(b, NULL, a), 0);
	assert_int_equal(b->services[0].done_milli, 200000);
	assert_int_equal(b->services[0].late_milli, 100000);
	assert_int_equal(b->services[0].resent_milli, 400000);
	assert_int_equal(b->services[0].failing_milli, 40000);
	assert_int_equal(b->services[1].done_milli, 0);
	assert_int_equal(b->service_groups[0].done_milli, 200000);
}

static void a_new_listener_counts_from_its_birth(void **state)
{
	struct audit *a = *state, *b = a + 1;

	add_listener(a, 9, any4, 4, 0);
	count_for(a, 0, 50);
	add_listener(b, 7, any4, 4, 0);
	add_listener(b, 8, any4, 4, 0);
	add_listener(b, 9, any4, 4, 0);
	count_for(b, 0, 30);
	count_for(b, 1, 30);
	count_for(b, 2, 30);
	b->listeners[0].socket.in_state_ns = SECOND / 2;
	b->listeners[0].socket.drops = 5;
	assert_int_equal(audit_settle(b, NULL, a), 0);
	assert_int_equal(b->services[0].done_milli, 30000);
	assert_int_equal(b->services[0].drops_milli, 5000);
	/* Older than the look before, which did not have it: counted since nobody knows when. */
	assert_true(b->services[1].done_milli == AUDIT_NO_RATE);
	assert_true(b->services[1].drops_milli == AUDIT_NO_RATE);
	/* The same socket, closed and listening again in between. */
	assert_int_equal(b->services[2].done_milli, 30000);
	/* The look before had all sockets. */
	a->covers |= AUDIT_SOCKETS;
	b->listeners[1].socket.in_state_ns = AUDIT_UNKNOWN;
	assert_int_equal(audit_settle(b, NULL, a), 0);
	assert_int_equal(b->services[1].done_milli, 30000);
}

/* Where a child's listener is not known, and several may be it. */
static void what_may_be_of_several_is_the_groups(void **state)
{
	const uint8_t one[16] = V4(10, 0, 0, 1);
	struct audit *a = *state, *b = a + 1;
	uint32_t i;

	for (i = 0; i < 3; i++)
		add_listener(b, 7 + i, any4, 4, 0);
	b->listeners[2].socket.lport = 443;
	add_handshakes(a, one, 100);
	add_handshakes(b, one, 110);
	assert_int_equal(audit_settle(b, NULL, a), 0);
	assert_true(b->services[0].done_milli == AUDIT_NO_RATE);
	assert_true(b->services[1].done_milli == AUDIT_NO_RATE);
	assert_true(b->services[1].failing_milli == AUDIT_NO_RATE);
	assert_int_equal(b->service_groups[0].done_milli, 10000);
	assert_int_equal(b->services[2].done_milli, 0);
	/* What does not change is missed by nobody. */
	b->handshakes[0].done = 100;
	assert_int_equal(audit_settle(b, NULL, a), 0);
	assert_int_equal(b->services[0].done_milli, 0);
}

static void add_own_and_by_place(void **state)
{
	const uint8_t one[16] = V4(10, 0, 0, 1);
	struct audit *a = *state, *b = a + 1;

	add_listener(a, 7, any4, 4, 0);
	add_listener(b, 7, any4, 4, 0);
	count_for(a, 0, 100);
	count_for(b, 0, 120);
	add_handshakes(b, one, 5);
	assert_int_equal(audit_settle(b, NULL, a), 0);
	assert_int_equal(b->services[0].done_milli, 25000);
}

/* inet_lookup_listener(): a child is of its listener's family; the bound device comes first. */
static void they_are_joined_as_the_kernel_looks_up(void **state)
{
	const uint8_t one[16] = V4(10, 0, 0, 1);
	static const struct {
		bool inet4;
		uint32_t device, of; /* which listener */
	} cases[] = {
		{ true, 0, 1 }, { true, 2, 0 }, { true, 3, 1 }, { false, 0, 2 }, { false, 2, 2 }
	};
	struct audit *a = *state, *b = a + 1;
	uint32_t i, j;

	for (i = 0; i < COUNT(cases); i++) {
		audit_clear(a);
		audit_clear(b);
		a->ts_ns = SECOND;
		b->ts_ns = 2 * SECOND;
		a->covers = AUDIT_HANDSHAKES;
		add_listener(b, 7, any4, 4, 0);
		add_listener(b, 8, any4, 4, 0);
		add_listener(b, 9, any6, 6, 0);
		b->listeners[0].socket.flags = b->listeners[1].socket.flags = AUDIT_INET4;
		b->listeners[0].socket.device = 2;
		add_handshakes(b, one, 10);
		b->handshakes[0].inet4 = cases[i].inet4;
		b->handshakes[0].device = cases[i].device;
		assert_int_equal(audit_settle(b, NULL, a), 0);
		for (j = 0; j < 3; j++) {
			const struct audit_service *s = &b->services[j];

			assert_int_equal(s->done_milli, s->id == 7 + cases[i].of ? 10000 : 0);
		}
	}
	/* Not of one that takes IPv6 alone. */
	for (j = 0; j < 3; j++)
		b->listeners[j].socket.flags |= AUDIT_V6ONLY;
	assert_int_equal(audit_settle(b, NULL, a), 0);
	for (j = 0; j < 3; j++)
		assert_int_equal(b->services[j].done_milli, 0);
}

static void where_another_may_be_meant_rates_are_unknown(void **state)
{
	const uint8_t one[16] = V4(10, 0, 0, 1);
	struct audit *a = *state, *b = a + 1;

	a->covers = AUDIT_HANDSHAKES;
	add_listener(b, 7, any4, 4, 0);
	add_handshakes(b, one, 10);
	b->handshakes[0].unsure = 1;
	assert_int_equal(audit_settle(b, NULL, a), 0);
	assert_true(b->services[0].done_milli == AUDIT_NO_RATE);
}

static void what_found_no_room_makes_rates_unknown(void **state)
{
	const uint8_t nowhere[16] = { 0 };
	struct audit *a = *state, *b = a + 1;

	add_listener(a, 7, any4, 4, 0);
	add_listener(b, 7, any4, 4, 0);
	add_listener(b, 8, any6, 6, 0);
	count_for(a, 0, 100);
	count_for(b, 0, 120);
	add_handshakes(b, nowhere, 10);
	b->handshakes[0].netns = 0;
	b->handshakes[0].lport = 0;
	assert_int_equal(audit_settle(b, NULL, a), 0);
	assert_int_equal(b->services[b->services[0].id != 7].done_milli, 20000);
	assert_true(b->services[b->services[0].id == 7].done_milli == AUDIT_NO_RATE);
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
		T(those_that_share_a_port_are_a_group),
		T(one_that_is_met_twice_is_one),
		T(another_device_or_family_is_another_service),
		T(what_is_left_out_is_not_in_the_sum),
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
		T(each_listener_has_rates_of_its_own),
		T(a_new_listener_counts_from_its_birth),
		T(what_may_be_of_several_is_the_groups),
		T(add_own_and_by_place),
		T(they_are_joined_as_the_kernel_looks_up),
		T(where_another_may_be_meant_rates_are_unknown),
		T(what_found_no_room_makes_rates_unknown),
		T(the_last_walk_speaks_for_fifteen_seconds),
		cmocka_unit_test(the_mark_of_cookies_tells_how_fast_they_come),
		cmocka_unit_test(a_sketch_is_right_within_a_tenth),
	};

	return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
