// SPDX-License-Identifier: GPL-2.0-only
/* test_older.c - who held a socket before we came: of several the first, else the listener */
#include "unit.h"

#include "older.h"

#define ANY4 V4(0, 0, 0, 0)

static struct older *older;

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
	assert_true(older_owner(older, 50, 1, here, 80, &o));
	assert_int_equal(o.pid, 1180);
	assert_int_equal(o.source, OWNER_SCAN);
	assert_true(older_owner(older, 30, 1, here, 41000, &o));
	assert_string_equal(o.comm, "app");
}

/* Nobody has accepted it: it has no file. */
static void a_stranger_has_the_owner_of_its_listener(void **state)
{
	static const uint8_t here[16] = V4(10, 0, 0, 7);
	struct owner o = { 0 };

	(void)state;
	assert_true(older_owner(older, 99, 1, here, 80, &o));
	assert_int_equal(o.pid, 1180);
	assert_int_equal(o.source, OWNER_LISTENER);
	assert_false(older_owner(older, 99, 1, here, 81, &o));
	assert_false(older_owner(older, 99, 2, here, 80, &o)); /* another namespace */
}

static void what_listens_outlives_the_sockets(void **state)
{
	static const uint8_t here[16] = V4(10, 0, 0, 7);
	struct owner o = { 0 };

	(void)state;
	older_forget(older);
	assert_int_equal(older_sockets(older), 0);
	assert_true(older_owner(older, 30, 1, here, 80, &o));
	assert_int_equal(o.source, OWNER_LISTENER);
	assert_false(older_owner(older, 30, 1, here, 41000, &o));
	add(31, 7, "next", TCS_CLOSE_WAIT, 41000, here);
	older_settle(older);
	assert_true(older_owner(older, 31, 1, here, 41000, &o));
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
		assert_true(older_owner(older, ids[i], 1, here, 41000, &o));
		assert_int_equal(o.pid, 100 + i);
	}
	assert_false(older_owner(older, TCS_ID_OWN | 6, 1, here, 41000, &o));
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_socket_counts_once),
		cmocka_unit_test(the_first_holder_counts),
		cmocka_unit_test(a_stranger_has_the_owner_of_its_listener),
		cmocka_unit_test(the_core_is_told_the_direction),
		cmocka_unit_test(what_listens_outlives_the_sockets),
		cmocka_unit_test(ids_of_any_size_are_found),
	};

	return cmocka_run_group_tests_name("older", tests, set_up, tear_down);
}
