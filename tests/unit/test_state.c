// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state table and the words of --state.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "states.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define B(id)	 (1U << TCS_##id)
#define HALF	 (B(SYN_RECV) | B(NEW_SYN_RECV))
#define ALL	 0x1ffeU /* bits 1 to 12 */

static void names_are_the_kernels_and_jsons(void **unused)
{
	static const struct {
		unsigned int number;
		const char *name, *json;
	} want[] = {
		{ 1, "ESTABLISHED", "established" },
		{ 2, "SYN_SENT", "syn_sent" },
		{ 3, "SYN_RECV", "syn_recv" },
		{ 4, "FIN_WAIT1", "fin_wait1" },
		{ 5, "FIN_WAIT2", "fin_wait2" },
		{ 6, "TIME_WAIT", "time_wait" },
		{ 7, "CLOSE", "close" },
		{ 8, "CLOSE_WAIT", "close_wait" },
		{ 9, "LAST_ACK", "last_ack" },
		{ 10, "LISTEN", "listen" },
		{ 11, "CLOSING", "closing" },
		{ 12, "SYN_RECV", "syn_recv" },
	};

	(void)unused;
	assert_int_equal(COUNT(want) + 1, TCS_STATE_MAX);
	for (size_t i = 0; i < COUNT(want); i++) {
		assert_string_equal(state_name(want[i].number), want[i].name);
		assert_string_equal(state_json(want[i].number), want[i].json);
	}
}

static void numbers_that_are_no_state_have_no_name(void **unused)
{
	static const unsigned int numbers[] = { 0, 13, 14, 255, 1U << 31, UINT32_MAX };

	(void)unused;
	for (size_t i = 0; i < COUNT(numbers); i++)
		assert_null(state_json(numbers[i]));
}

static void every_spelling_in_use_is_accepted(void **unused)
{
	static const struct {
		const char *list;
		uint32_t include, exclude;
	} want[] = {
		/* states, in the spellings of ss, netstat, the kernel, RFC 9293 and this program */
		{ "time-wait", B(TIME_WAIT), 0 },
		{ "TIME-WAIT", B(TIME_WAIT), 0 },
		{ "TIME_WAIT", B(TIME_WAIT), 0 },
		{ "time_wait", B(TIME_WAIT), 0 },
		{ "timewait", B(TIME_WAIT), 0 },
		{ "TimeWait", B(TIME_WAIT), 0 },
		{ "estab", B(ESTABLISHED), 0 },
		{ "ESTAB", B(ESTABLISHED), 0 },
		{ "established", B(ESTABLISHED), 0 },
		{ "syn-sent", B(SYN_SENT), 0 },
		{ "SYN_SENT", B(SYN_SENT), 0 },
		{ "syn-recv", HALF, 0 },
		{ "syn_recv", HALF, 0 },
		{ "synrecv", HALF, 0 },
		{ "syn-rcv", HALF, 0 },
		{ "syn-received", HALF, 0 },
		{ "SYN_RECEIVED", HALF, 0 },
		{ "new-syn-recv", HALF, 0 },
		{ "fin-wait-1", B(FIN_WAIT1), 0 },
		{ "fin_wait_1", B(FIN_WAIT1), 0 },
		{ "FIN_WAIT1", B(FIN_WAIT1), 0 },
		{ "finwait1", B(FIN_WAIT1), 0 },
		{ "fin-wait-2", B(FIN_WAIT2), 0 },
		{ "FIN_WAIT2", B(FIN_WAIT2), 0 },
		{ "finwait2", B(FIN_WAIT2), 0 },
		{ "close", B(CLOSE), 0 },
		{ "closed", B(CLOSE), 0 },
		{ "unconn", B(CLOSE), 0 },
		{ "unconnected", B(CLOSE), 0 },
		{ "close-wait", B(CLOSE_WAIT), 0 },
		{ "CLOSE_WAIT", B(CLOSE_WAIT), 0 },
		{ "last-ack", B(LAST_ACK), 0 },
		{ "lastack", B(LAST_ACK), 0 },
		{ "listen", B(LISTEN), 0 },
		{ "listening", B(LISTEN), 0 },
		{ "closing", B(CLOSING), 0 },
		/* groups, as ss(8) defines them */
		{ "all", ALL, 0 },
		{ "connected", ALL & ~(B(LISTEN) | B(CLOSE)), 0 },
		{ "synchronized", ALL & ~(B(LISTEN) | B(CLOSE) | B(SYN_SENT)), 0 },
		{ "bucket", HALF | B(TIME_WAIT), 0 },
		{ "big", ALL & ~(HALF | B(TIME_WAIT)), 0 },
		/* lists and exclusions */
		{ "estab,time-wait", B(ESTABLISHED) | B(TIME_WAIT), 0 },
		{ "listen,listen", B(LISTEN), 0 },
		{ "!listen", 0, B(LISTEN) },
		{ "!bucket", 0, HALF | B(TIME_WAIT) },
		{ "connected,!time-wait", ALL & ~(B(LISTEN) | B(CLOSE)), B(TIME_WAIT) },
		{ "!close,estab,!listen", B(ESTABLISHED), B(CLOSE) | B(LISTEN) },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		struct state_set set = { 1, 1 };

		if (state_parse_list(want[i].list, &set, NULL))
			fail_msg("'%s' is refused", want[i].list);
		if (set.include != want[i].include || set.exclude != want[i].exclude)
			fail_msg("'%s' gives %x, not %x", want[i].list, set.include, set.exclude);
	}
}

static void wrong_lists_are_refused_at_the_wrong_word(void **unused)
{
	static const struct {
		const char *list;
		int err;
		size_t at; /* where the wrong word begins */
	} want[] = {
		{ "", -EINVAL, 0 },
		{ ",", -EINVAL, 0 },
		{ "estab,", -EINVAL, 6 },
		{ ",estab", -EINVAL, 0 },
		{ "estab,,listen", -EINVAL, 6 },
		{ "estab,foo,listen", -EINVAL, 6 },
		{ "estab,!foo", -EINVAL, 6 },
		{ "!", -EINVAL, 0 },
		{ "!!listen", -EINVAL, 0 },
		{ " listen", -EINVAL, 0 },
		{ "listen ", -EINVAL, 0 },
		{ "-time-wait", -EINVAL, 0 }, /* meant to be !time-wait */
		{ "time--wait", -EINVAL, 0 },
		{ "time-wait-", -EINVAL, 0 },
		{ "t-ime-wait", -EINVAL, 0 },
		{ "time wait", -EINVAL, 0 },
		{ "timewai", -EINVAL, 0 },
		{ "time-waits", -EINVAL, 0 },
		{ "fin-wait", -EINVAL, 0 },
		{ "6", -EINVAL, 0 },
		{ "\xc3\x89tab", -EINVAL, 0 },
		{ "!all", -ERANGE, 0 },
		{ "estab,!established", -ERANGE, 0 },
		{ "big,!connected,!close,!listen", -ERANGE, 0 },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		struct state_set set = { 0xaa, 0xbb };
		const char *item = NULL;
		int err = state_parse_list(want[i].list, &set, &item);

		if (err != want[i].err || item != want[i].list + want[i].at)
			fail_msg("'%s': %d at '%s'", want[i].list, err, item ? item : "(null)");
		/* untouched on failure */
		assert_int_equal(set.include, 0xaa);
		assert_int_equal(set.exclude, 0xbb);
	}
}

static void one_word_names_one_state(void **unused)
{
	(void)unused;
	assert_int_equal(state_by_word("time-wait", 9), TCS_TIME_WAIT);
	assert_int_equal(state_by_word("ESTAB", 5), TCS_ESTABLISHED);
	assert_int_equal(state_by_word("listen,close", 6), TCS_LISTEN);
	/* both rows */
	assert_int_equal(state_by_word("syn-received", 12), TCS_SYN_RECV);
	assert_int_equal(state_by_word("new_syn_recv", 12), TCS_SYN_RECV);
	/* groups, lists, nothing */
	assert_int_equal(state_by_word("all", 3), 0);
	assert_int_equal(state_by_word("bucket", 6), 0);
	assert_int_equal(state_by_word("listen,close", 12), 0);
	assert_int_equal(state_by_word("!listen", 7), 0);
	assert_int_equal(state_by_word("", 0), 0);
}

static void a_transition_matches_by_either_end(void **unused)
{
	static const struct {
		struct state_set set;
		unsigned int from, to;
		bool match;
	} want[] = {
		{ { 0, 0 }, TCS_CLOSE, TCS_SYN_SENT, true },
		{ { B(SYN_SENT), 0 }, TCS_CLOSE, TCS_SYN_SENT, true },
		{ { B(SYN_SENT), 0 }, TCS_SYN_SENT, TCS_ESTABLISHED, true },
		{ { B(SYN_SENT), 0 }, TCS_ESTABLISHED, TCS_FIN_WAIT1, false },
		{ { 0, B(LISTEN) }, TCS_LISTEN, TCS_CLOSE, false },
		{ { 0, B(LISTEN) }, TCS_CLOSE, TCS_LISTEN, false },
		{ { 0, B(LISTEN) }, TCS_CLOSE, TCS_SYN_SENT, true },
		{ { B(CLOSE), B(LISTEN) }, TCS_CLOSE, TCS_LISTEN, false },
		{ { B(CLOSE), B(LISTEN) }, TCS_CLOSE, TCS_SYN_SENT, true },
		/* one socket, not a transition */
		{ { B(TIME_WAIT), 0 }, TCS_TIME_WAIT, TCS_TIME_WAIT, true },
		{ { B(TIME_WAIT), 0 }, TCS_LISTEN, TCS_LISTEN, false },
		/* numbers that are no state are in no set */
		{ { ALL, 0 }, 0, 0, false },
		{ { ALL, 0 }, 13, 200, false },
		{ { ALL, 0 }, UINT32_MAX, TCS_CLOSE, true },
		{ { UINT32_MAX, 0 }, 32, 33, false },
		{ { 0, UINT32_MAX }, 32, 33, true },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++)
		if (state_set_match(&want[i].set, want[i].from, want[i].to) != want[i].match)
			fail_msg("row %zu", i);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_the_kernels_and_jsons),
		cmocka_unit_test(numbers_that_are_no_state_have_no_name),
		cmocka_unit_test(every_spelling_in_use_is_accepted),
		cmocka_unit_test(wrong_lists_are_refused_at_the_wrong_word),
		cmocka_unit_test(one_word_names_one_state),
		cmocka_unit_test(a_transition_matches_by_either_end),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
