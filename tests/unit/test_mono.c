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

/* Two clocks read one after the other: no value of either reading may be taken for a new one. */
static void the_offset_is_kept_until_the_clock_is_set(void **state)
{
	const struct mono_reading first = { 1000, 5000000, 1100 };     /* 4,998,900 to 4,999,000 */
	const struct mono_reading wider = { 2000, 5001000, 90000 };    /* interrupted in between */
	const struct mono_reading later = { 300000, 5298960, 300050 }; /* 4,998,910 to 4,998,960 */
	const struct mono_reading set = { 400000, 9000000, 400100 };
	int64_t offset = mono_wall_offset_by(0, &first);

	(void)state;
	assert_int_equal(offset, 4998950);
	assert_int_equal(mono_wall_offset_by(offset, &wider), offset);
	assert_int_equal(mono_wall_offset_by(offset, &later), offset);
	assert_int_equal(mono_wall_offset_by(offset, &set), 8599950);
	/* a clock that was set back to before the host was started */
	assert_int_equal(mono_wall_offset_by(8599950, &(struct mono_reading){ 50, 10, 60 }), -45);
}

static void the_offset_of_this_host_does_not_change(void **state)
{
	int64_t offset = mono_wall_offset_ns();

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(mono_wall_offset_ns(), offset);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_offset_of_a_time_namespace),
		cmocka_unit_test(it_only_goes_forward),
		cmocka_unit_test(the_offset_is_kept_until_the_clock_is_set),
		cmocka_unit_test(the_offset_of_this_host_does_not_change),
	};

	return cmocka_run_group_tests_name("mono", tests, NULL, NULL);
}
