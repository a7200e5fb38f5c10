// SPDX-License-Identifier: GPL-2.0-only
/* test_jiffies.c - ages from 32-bit time stamps, with simulated jiffies */
#include "jiffies.h"
#include "unit.h"

#define DAY 86400ull

/*
 * A socket whose peer was last heard heard_s ago and that last moved idle_s ago, as the kernel has
 * it: 32 bits of jiffies that began at `boot`, and a clock that does not wrap.
 */
static uint64_t age_s(uint64_t heard_s, uint64_t idle_s, uint64_t hz, uint64_t boot)
{
	uint64_t now = boot + 400 * DAY * hz;
	uint32_t stamp = (uint32_t)(now - heard_s * hz);

	return jiffies_age_ns((uint32_t)now - stamp, (uint32_t)idle_s, hz) / JIFFIES_NS_PER_S;
}

static void an_age_does_not_wrap(void **state)
{
	static const uint64_t rates[] = { 100, 250, 300, 1000 };
	static const uint64_t ages_s[] = {
		0, 1, 2, 3600, 49 * DAY, 50 * DAY, 100 * DAY, 390 * DAY,
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rates); i++)
		for (size_t j = 0; j < COUNT(ages_s); j++)
			for (uint64_t boot = 0; boot < 1ull << 33; boot += (1ull << 30) + 12345)
				assert_int_equal(age_s(ages_s[j], ages_s[j], rates[i], boot),
						 ages_s[j]);
}

/* We sent something since, which the peer did not answer: the age is at least that. */
static void the_least_possible_age_is_taken(void **state)
{
	(void)state;
	assert_int_equal(age_s(100, 0, 1000, 0), 100);
	assert_int_equal(age_s(100, 50, 1000, 0), 100);
	assert_int_equal(age_s(60 * DAY, 50 * DAY, 1000, 0), 60 * DAY);
	assert_int_equal(age_s(60 * DAY, 0, 1000, 0), (60 * DAY * 1000 - (1ull << 32)) / 1000);
}

/* A second is the difference that the two clocks may have. */
static void a_clock_that_is_behind_is_no_wrap(void **state)
{
	(void)state;
	assert_true(jiffies_age_ns(0, 0, 1000) == 0);
	assert_true(jiffies_age_ns(0, 1, 1000) == 0);
	assert_true(jiffies_age_ns(999, 2, 1000) > 1ull << 51);
	assert_true(jiffies_age_ns(1000, 2, 1000) == JIFFIES_NS_PER_S);
	assert_true(jiffies_age_ns(UINT32_MAX, 4294967, 1000) ==
		    UINT32_MAX * (JIFFIES_NS_PER_S / 1000));
}

static void the_largest_values_do_not_overflow(void **state)
{
	uint64_t age = jiffies_age_ns(UINT32_MAX, UINT32_MAX, 1000);

	(void)state;
	assert_true(age / JIFFIES_NS_PER_S >= UINT32_MAX - 1);
	assert_true(age / JIFFIES_NS_PER_S <= UINT32_MAX + (1ull << 32) / 1000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_age_does_not_wrap),
		cmocka_unit_test(the_least_possible_age_is_taken),
		cmocka_unit_test(a_clock_that_is_behind_is_no_wrap),
		cmocka_unit_test(the_largest_values_do_not_overflow),
	};

	return cmocka_run_group_tests_name("jiffies", tests, NULL, NULL);
}
