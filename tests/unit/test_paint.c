// SPDX-License-Identifier: GPL-2.0-only
/* test_paint.c - colour: when, of which words, and without a change of the text */
#include "unit.h"

#include "paint.h"
#include "state.h"

#define ESC "\033["

static char text[256];

static struct outbuf *line(const char *s)
{
	static struct outbuf b = { .data = text };

	b.cap = sizeof(text) - OUTBUF_SLACK;
	b.len = 0;
	outbuf_puts(&b, s);
	return &b;
}

static void assert_line(const struct outbuf *b, const char *expected)
{
	assert_int_equal(b->len, strlen(expected));
	assert_memory_equal(b->data, expected, b->len);
}

static void when_it_is_wanted(void **state)
{
	(void)state;
	assert_true(paint_wanted(PAINT_AUTO, true, NULL));
	assert_true(paint_wanted(PAINT_AUTO, true, ""));
	assert_false(paint_wanted(PAINT_AUTO, true, "1"));
	assert_false(paint_wanted(PAINT_AUTO, false, NULL));
	assert_true(paint_wanted(PAINT_ALWAYS, false, "1"));
	assert_false(paint_wanted(PAINT_NEVER, true, NULL));
}

static void words_of_a_line(void **state)
{
	struct outbuf *b = line("  LISTEN      -> CLOSE_WAIT  x\n");
	struct paint_words words = { 0 };

	(void)state;
	paint_word(&words, b, 0, paint_state(TCS_LISTEN));
	paint_word(&words, b, 17, paint_state(TCS_CLOSE_WAIT));
	paint_word(&words, b, 29, paint_state(0)); /* none */
	paint_apply(&words, b);
	assert_line(b, "  " ESC "34mLISTEN" ESC "0m      -> " ESC "33mCLOSE_WAIT" ESC "0m  x\n");
	assert_int_equal(words.n, 0);
}

static void a_word_that_was_cut_stays_plain(void **state)
{
	struct outbuf *b = line("LISTEN ESTABLISHED");
	struct paint_words words = { 0 };

	(void)state;
	paint_word(&words, b, 0, PAINT_INFO);
	paint_word(&words, b, 7, PAINT_OPEN);
	b->len = 10;
	paint_apply(&words, b);
	assert_line(b, ESC "34mLISTEN" ESC "0m EST");
}

static void no_room(void **state)
{
	struct outbuf *b = line("LISTEN");
	struct paint_words words = { 0 };

	(void)state;
	b->cap = b->len + 5;
	paint_word(&words, b, 0, PAINT_INFO);
	paint_apply(&words, b);
	assert_line(b, "LISTEN");
	assert_int_equal(b->cut, 0);
}

static void findings(void **state)
{
	struct outbuf *b = line("ALERT syn_flood critical on 0.0.0.0:80: critical\n");

	(void)state;
	paint_finding(b, 0, SEVERITY_CRITICAL);
	assert_line(b, ESC "1mALERT" ESC "0m syn_flood " ESC "1;31mcritical" ESC
			   "0m on 0.0.0.0:80: critical\n");
	b = line("CLEAR syn_flood on 0.0.0.0:80 after 3.02s\n");
	paint_finding(b, 0, SEVERITY_CRITICAL);
	assert_line(b, ESC "32mCLEAR" ESC "0m syn_flood on 0.0.0.0:80 after 3.02s\n");
	b = line("\nports warning   85 of 100\n");
	paint_finding(b, 1, SEVERITY_WARNING);
	assert_line(b, "\nports " ESC "33mwarning" ESC "0m   85 of 100\n");
	/* a fold in between: it stays plain */
	b = line("ALERT ports\n  warning");
	paint_finding(b, 0, SEVERITY_WARNING);
	assert_line(b, ESC "1mALERT" ESC "0m ports\n  warning");
}

static void every_state_has_a_colour(void **unused)
{
	unsigned int state;

	(void)unused;
	for (state = 1; state < TCS_STATE_MAX; state++)
		assert_int_not_equal(paint_state(state), PAINT_NONE);
	assert_int_equal(paint_state(TCS_STATE_MAX), PAINT_NONE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(when_it_is_wanted),
		cmocka_unit_test(words_of_a_line),
		cmocka_unit_test(a_word_that_was_cut_stays_plain),
		cmocka_unit_test(no_room),
		cmocka_unit_test(findings),
		cmocka_unit_test(every_state_has_a_colour),
	};

	return cmocka_run_group_tests_name("paint", tests, NULL, NULL);
}
