// SPDX-License-Identifier: GPL-2.0-only
/* test_mono.c - the clock of the kernel's records */
#include "unit.h"

#include "mono.h"

static void the_offset_of_a_time_namespace(void **state)
{
	(void)state;
	assert_int_equal(mono_parse_offset("monotonic           0         0\n"
					   "boottime            0         0\n"),
			 0);
	assert_int_equal(mono_parse_offset("monotonic      100000         5\n"
					   "boottime            7         0\n"),
			 100000000000005);
	assert_int_equal(mono_parse_offset("monotonic  -2  500000000\nboottime 1 0\n"),
			 -1500000000);
	assert_int_equal(mono_parse_offset(""), 0);
	assert_int_equal(mono_parse_offset("monotonic many"), 0);
}

static void it_only_goes_forward(void **state)
{
	uint64_t before = mono_now_ns();

	(void)state;
	assert_true(mono_now_ns() >= before);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_offset_of_a_time_namespace),
		cmocka_unit_test(it_only_goes_forward),
	};

	return cmocka_run_group_tests_name("mono", tests, NULL, NULL);
}
