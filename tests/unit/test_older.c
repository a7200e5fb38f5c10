// SPDX-License-Identifier: GPL-2.0-only
/* test_older.c - owners of sockets found among open files: of several holders the first, else the
 * listener that a connection came through */
#include "unit.h"

#include "older.h"

#define ANY4 V4(0, 0, 0, 0)

static struct older *older;

static bool owner_of(uint64_t id, uint32_t netns, const uint8_t laddr[16], uint16_t lport,
		     struct owner *ret)
{
	const struct older_socket s = { .id = id, .laddr = laddr, .netns = netns, .lport = lport };

	*ret = (struct owner){ 0 };
	return older_owner(older, &s, ret);
}

static void add(uint64_t id, uint32_t pid, const char *comm, uint8_t state, uint16_t lport,
		const uint8_t laddr[16])
{
	struct tcs_wire_scan row = {
		.id = id, .pid = pid, .netns = 1, .lport = lport, .state = state
	};

	memcpy(row.laddr, laddr, sizeof(row.laddr));
	snprintf(row.comm, sizeof(row.comm), "%s", comm);
	assert_int_equal(older_add(older, &row), 0);
}

static int set_up(void **state)
{
	static const uint8_t any[16] = ANY4, here[16] = V4(10, 0, 0, 7);

	(void)state;
	assert_int_equal(older_new(&older), 0);
	add(70, 1180, "nginx", TCS_LISTEN, 80, any);
	add(50, 1180, "nginx", TCS_ESTABLISHED, 80, here);
	add(30, 991, "app", TCS_ESTABLISHED, 41000, here);
	add(50, 1181, "worker", TCS_ESTABLISHED, 80, here); /* a fork has it too */
	older_settle(older);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	older_free(older);
	return 0;
}

static void each_socket_counts_once(void **state)
{
	(void)state;
	assert_int_equal(older_sockets(older), 3);
	assert_int_equal(older_skipped(older), 0);
}

static void the_first_holder_counts(void **state)
{
	static const uint8_t here[16] = V4(10, 0, 0, 7);
	struct owner o = { 0 };

	(void)state;
	assert_true(owner_of(50, 1, here, 80, &o));
	assert_int_equal(o.pid, 1180);
	assert_int_equal(o.source, OWNER_SCAN);
	assert_true(owner_of(30, 1, here, 41000, &o));
	assert_string_equal(o.comm, "app");
}

/* Nobody has accepted it: it has no file. */
static void a_stranger_has_the_owner_of_its_listener(void **state)
{
	static const uint8_t here[16] = V4(10, 0, 0, 7);
	struct owner o = { 0 };

	(void)state;
	assert_true(owner_of(99, 1, here, 80, &o));
	assert_int_equal(o.pid, 1180);
	assert_int_equal(o.source, OWNER_LISTENER);
	assert_false(owner_of(99, 1, here, 81, &o));
	assert_false(owner_of(99, 2, here, 80, &o)); /* another namespace */
}

static void what_listens_outlives_the_sockets(void **state)
{
	static const uint8_t here[16] = V4(10, 0, 0, 7);
	struct owner o = { 0 };

	(void)state;
	older_forget(older);
	assert_int_equal(older_sockets(older), 0);
	assert_true(owner_of(30, 1, here, 80, &o));
	assert_int_equal(o.source, OWNER_LISTENER);
	assert_false(owner_of(30, 1, here, 41000, &o));
	add(31, 7, "next", TCS_CLOSE_WAIT, 41000, here);
	older_settle(older);
	assert_true(owner_of(31, 1, here, 41000, &o));
	assert_string_equal(o.comm, "next");
}

/* Ids of our own have their highest bit set, and no order. */
static void ids_of_any_size_are_found(void **state)
{
	static const uint8_t here[16] = V4(10, 0, 0, 7);
	static const uint64_t ids[] = { TCS_ID_OWN | 5,	    TCS_ID_OWN | 0x123456789abcdef0,
					0xffffffffffffffff, (1ull << 44) - 1,
					1ull << 44,	    1 };
	struct owner o = { 0 };
	uint32_t i;

	(void)state;
	older_forget(older);
	for (i = 0; i < 6; i++)
		add(ids[i], 100 + i, "own", TCS_ESTABLISHED, 41000, here);
	older_settle(older);
	assert_int_equal(older_sockets(older), 6);
	for (i = 0; i < 6; i++) {
		assert_true(owner_of(ids[i], 1, here, 41000, &o));
		assert_int_equal(o.pid, 100 + i);
	}
	assert_false(owner_of(TCS_ID_OWN | 6, 1, here, 41000, &o));
}

static void the_core_is_told_the_direction(void **state)
{
	struct tcs_wire_facts facts = { .laddr = V4(10, 0, 0, 7), .netns = 1, .rport = 5000 };
	struct track_older ret;

	(void)state;
	assert_true(older_find(older, 50, &facts, 80, &ret));
	assert_int_equal(ret.direction, DIRECTION_PASSIVE);
	assert_true(older_find(older, 30, &facts, 41000, &ret));
	assert_int_equal(ret.direction, DIRECTION_UNKNOWN);
	assert_false(older_find(older, 31, &facts, 41001, &ret));
}

/* ---- listeners ------------------------------------------------------------------------------- */

/* A row of this format: flags and device are filled in. */
static void listens(uint64_t id, uint32_t pid, const uint8_t laddr[16], uint8_t flags,
		    uint32_t device)
{
	struct tcs_wire_scan row = { .id = id,
				     .pid = pid,
				     .netns = 1,
				     .lport = 80,
				     .state = TCS_LISTEN,
				     .flags = flags | TCS_SCAN_BOUND,
				     .device = device };

	memcpy(row.laddr, laddr, sizeof(row.laddr));
	assert_int_equal(older_add(older, &row), 0);
}

/* The owner of a connection that no row names; 0: unknown. */
static uint32_t guessed(const uint8_t laddr[16], uint32_t device)
{
	const struct older_socket s = {
		.id = 1000, .laddr = laddr, .netns = 1, .device = device, .lport = 80
	};
	struct owner o = { 0 };

	older_settle(older);
	if (!older_owner(older, &s, &o))
		return 0;
	assert_int_equal(o.source, OWNER_LISTENER);
	return o.pid;
}

/* A table of the test's own beside that of the group. */
static struct older *of_group;

static int empty(void **state)
{
	(void)state;
	of_group = older;
	return older_new(&older);
}

static int release(void **state)
{
	(void)state;
	older_free(older);
	older = of_group;
	return 0;
}

static const uint8_t any4[16] = ANY4, any6[16], here4[16] = V4(10, 0, 0, 7),
		     here6[16] = { 0xfd, [15] = 7 };

static void v4_and_v6only_listeners_of_one_port(void **state)
{
	(void)state;
	listens(1, 600, any6, TCS_SCAN_V6ONLY, 0);
	assert_int_equal(guessed(here4, 0), 0);
	listens(2, 400, any4, TCS_SCAN_INET4, 0);
	assert_int_equal(guessed(here4, 0), 400);
	assert_int_equal(guessed(here6, 0), 600);
}

static void a_dual_stack_listener_takes_both_families(void **state)
{
	(void)state;
	listens(1, 600, any6, 0, 0);
	assert_int_equal(guessed(here4, 0), 600);
	assert_int_equal(guessed(here6, 0), 600);
	listens(2, 400, any4, TCS_SCAN_INET4, 0);
	assert_int_equal(guessed(here4, 0), 400);
	assert_int_equal(guessed(here6, 0), 600);
}

static void an_exact_address_before_every_address(void **state)
{
	(void)state;
	listens(1, 100, any4, TCS_SCAN_INET4, 0);
	listens(2, 200, here4, TCS_SCAN_INET4, 0);
	assert_int_equal(guessed(here4, 0), 200);
	assert_int_equal(guessed((const uint8_t[16])V4(10, 0, 0, 8), 0), 100);
}

static void a_listener_of_a_device_takes_connections_of_that_device(void **state)
{
	(void)state;
	listens(1, 100, any4, TCS_SCAN_INET4, 3);
	listens(2, 200, any4, TCS_SCAN_INET4, 4);
	assert_int_equal(guessed(here4, 3), 100);
	assert_int_equal(guessed(here4, 4), 200);
	assert_int_equal(guessed(here4, 0), 0);
	listens(3, 300, any4, TCS_SCAN_INET4, 0);
	assert_int_equal(guessed(here4, 0), 300);
	assert_int_equal(guessed(here4, 5), 300);
	assert_int_equal(guessed(here4, 4), 200);
}

static void listeners_that_match_equally_well(void **state)
{
	(void)state;
	listens(1, 100, any4, TCS_SCAN_INET4 | TCS_SCAN_SHARED, 0);
	listens(2, 100, any4, TCS_SCAN_INET4 | TCS_SCAN_SHARED, 0);
	listens(1, 101, any4, TCS_SCAN_INET4 | TCS_SCAN_SHARED, 0); /* forks have both, too */
	listens(2, 102, any4, TCS_SCAN_INET4 | TCS_SCAN_SHARED, 0);
	assert_int_equal(guessed(here4, 0), 100);
	listens(3, 103, any4, TCS_SCAN_INET4 | TCS_SCAN_SHARED, 0);
	assert_int_equal(guessed(here4, 0), 0);
	listens(4, 104, here4, TCS_SCAN_INET4, 0);
	assert_int_equal(guessed(here4, 0), 104);
}

/* It came through one of them, whichever. */
static void the_direction_needs_no_owner(void **state)
{
	struct tcs_wire_facts facts = { .laddr = V4(10, 0, 0, 7), .netns = 1, .rport = 5000 };
	struct track_older ret;

	(void)state;
	listens(1, 100, any4, TCS_SCAN_INET4 | TCS_SCAN_SHARED, 0);
	listens(2, 200, any4, TCS_SCAN_INET4 | TCS_SCAN_SHARED, 0);
	older_settle(older);
	assert_true(older_find(older, 1000, &facts, 80, &ret));
	assert_int_equal(ret.direction, DIRECTION_PASSIVE);
	assert_int_equal(ret.owner.pid, 0);
}

/* Rows of format 2.1 tell neither family nor device: the first listener counts, as it did then. */
static void rows_of_older_recordings(void **state)
{
	(void)state;
	add(9, 600, "v6", TCS_LISTEN, 80, any6);
	add(8, 400, "v4", TCS_LISTEN, 80, any4);
	add(7, 401, "own", TCS_LISTEN, 80, here4);
	assert_int_equal(guessed(here4, 0), 600);
	assert_int_equal(guessed(here6, 0), 600);
}

/* In the accept queue of a listener: its holder's, whatever else listens there. */
static void a_connection_that_waits_to_be_accepted(void **state)
{
	struct tcs_wire_scan row = {
		.id = 50, .pid = 200, .netns = 1, .state = TCS_CLOSE_WAIT, .flags = TCS_SCAN_QUEUED
	};
	struct owner o;

	(void)state;
	listens(1, 100, any4, TCS_SCAN_INET4 | TCS_SCAN_SHARED, 0);
	listens(2, 200, any4, TCS_SCAN_INET4 | TCS_SCAN_SHARED, 0);
	assert_int_equal(older_add(older, &row), 0);
	older_settle(older);
	assert_true(owner_of(50, 1, here4, 80, &o));
	assert_int_equal(o.pid, 200);
	assert_int_equal(o.source, OWNER_LISTENER);
	assert_false(owner_of(51, 1, here4, 80, &o));

	/* It is remembered with its listener; when it has been accepted its holder counts. */
	older_forget(older);
	older_settle(older);
	assert_true(owner_of(50, 1, here4, 80, &o));
	assert_int_equal(o.pid, 200);
	add(50, 300, "worker", TCS_CLOSE_WAIT, 80, here4);
	older_settle(older);
	assert_true(owner_of(50, 1, here4, 80, &o));
	assert_int_equal(o.pid, 300);
	assert_int_equal(o.source, OWNER_SCAN);
}

#define ALONE(test) cmocka_unit_test_setup_teardown(test, empty, release)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_socket_counts_once),
		cmocka_unit_test(the_first_holder_counts),
		cmocka_unit_test(a_stranger_has_the_owner_of_its_listener),
		cmocka_unit_test(the_core_is_told_the_direction),
		cmocka_unit_test(what_listens_outlives_the_sockets),
		cmocka_unit_test(ids_of_any_size_are_found),
		ALONE(v4_and_v6only_listeners_of_one_port),
		ALONE(a_dual_stack_listener_takes_both_families),
		ALONE(an_exact_address_before_every_address),
		ALONE(a_listener_of_a_device_takes_connections_of_that_device),
		ALONE(listeners_that_match_equally_well),
		ALONE(the_direction_needs_no_owner),
		ALONE(rows_of_older_recordings),
		ALONE(a_connection_that_waits_to_be_accepted),
	};

	return cmocka_run_group_tests_name("older", tests, set_up, tear_down);
}
