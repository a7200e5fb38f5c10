// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names as people type them. How states are spelled is in test_state.c.
 */
#include "spell.h"
#include "unit.h"

static void separators_may_be_left_out_and_case_does_not_count(void **unused)
{
	static const struct {
		const char *name, *text;
		bool match;
	} want[] = {
		{ "reset_by_us", "reset_by_us", true },
		{ "reset_by_us", "RESET-BY-US", true },
		{ "reset_by_us", "resetbyus", true },
		{ "reset-by-us", "Reset_by-us", true },
		{ "reset_by_us", "reset_by_u", false },
		{ "reset_by_us", "reset_by_uss", false },
		{ "reset_by_us", "reset__by_us", false },
		{ "reset_by_us", "_reset_by_us", false },
		{ "reset_by_us", "reset_by_us_", false },
		{ "reset_by_us", "re_set_by_us", false },
		{ "reset_by_us", "reset by us", false },
		{ "reset_by_us", "", false },
		{ "", "", true },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++)
		if (spell_match(want[i].name, want[i].text, strlen(want[i].text)) != want[i].match)
			fail_msg("'%s' and '%s'", want[i].name, want[i].text);
	/* no byte behind len is looked at */
	assert_true(spell_match("timeout", "timeouts", 7));
}

static void distance_counts_what_must_be_changed(void **unused)
{
	static const struct {
		const char *name, *text;
		unsigned int distance;
	} want[] = {
		{ "time_wait", "TIME-WAIT", 0 },
		{ "time_wait", "timewai", 1 },
		{ "time_wait", "tiime_wait", 1 },
		{ "time_wait", "time_wajt", 1 },
		{ "time_wait", "tiem_wait", 1 },
		{ "time_wait", "tiem_wiat", 2 },
		{ "close", "", 5 },
		{ "", "close", 5 },
		{ "listen", "silent", 4 }, /* and no less by swapping */
		{ "a", "12345678901234567890123456789012345678901", SPELL_FAR },
		{ "12345678901234567890123456789012345678901", "a", SPELL_FAR },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		unsigned int got = spell_distance(want[i].name, want[i].text, strlen(want[i].text));

		if (got != want[i].distance)
			fail_msg("'%s' and '%s': %u", want[i].name, want[i].text, got);
	}
}

static void a_part_of_a_name_is_found(void **unused)
{
	(void)unused;
	assert_true(spell_part("syn_flood", "flood", 5));
	assert_true(spell_part("syn_flood", "N-FL", 4));
	assert_true(spell_part("time_wait", "tcp_time_wait", 13));
	assert_false(spell_part("time_wait", "ti", 2));
	assert_false(spell_part("time_wait", "wait_time", 9));
	assert_false(spell_part("time_wait", "", 0));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(separators_may_be_left_out_and_case_does_not_count),
		cmocka_unit_test(distance_counts_what_must_be_changed),
		cmocka_unit_test(a_part_of_a_name_is_found),
	};

	return cmocka_run_group_tests_name("spell", tests, NULL, NULL);
}
