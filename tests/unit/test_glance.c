// SPDX-License-Identifier: GPL-2.0-only
/* test_glance.c - what at a SYN queue is news since the last look, and what is not */
#include "unit.h"

#include "glance.h"

#define SECOND 1000000000ull
#define MS     1000000ull

static struct glance glance;

/* A look at two listeners, of which the second is quiet; ids are 1 and 2. */
static void look(uint64_t ts_ns, const struct audit_socket *s)
{
	struct audit_socket other = *s;

	other.id = 2;
	other.syn_queue = other.syn_queue_young = other.drops = 0;
	other.cookie_age_ns = AUDIT_UNKNOWN;
	glance_begin(&glance, ts_ns);
	assert_int_equal(glance_take(&glance, s), 0);
	assert_int_equal(glance_take(&glance, &other), 0);
	glance_end(&glance);
}

static struct audit_socket listener(void)
{
	return (struct audit_socket){
		.id = 1,
		.state = TCS_LISTEN,
		.syn_queue = 20,
		.syn_queue_young = 19,
		.queue_limit = 128,
		.drops = 70,
		.cookie_age_ns = 900 * SECOND,
	};
}

static int set_up(void **state)
{
	struct audit_socket quiet = listener();

	(void)state;
	assert_int_equal(glance_init(&glance, 10), 0);
	look(SECOND, &quiet);
	look(2 * SECOND, &quiet);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	glance_release(&glance);
	return 0;
}

/* A quarter of a second behind the last look. */
static bool is_news(const struct audit_socket *s)
{
	return glance_is_news(&glance, s, 2 * SECOND + 250 * MS);
}

static void what_is_as_it_was_is_no_news(void **state)
{
	struct audit_socket s = listener();

	(void)state;
	assert_false(glance.news);
	assert_false(is_news(&s));
	s.syn_queue = s.syn_queue_young = 120; /* a rush */
	assert_false(is_news(&s));
}

static void each_pressure_is_news(void **state)
{
	struct audit_socket full = listener(), stuck = listener(), drops = listener(),
			    cookie = listener();

	(void)state;
	full.syn_queue = full.syn_queue_young = 129;
	stuck.syn_queue += 3;
	drops.drops += 3;
	cookie.cookie_age_ns = 240 * MS;
	assert_true(is_news(&full));
	assert_true(is_news(&stuck));
	assert_true(is_news(&drops));
	assert_true(is_news(&cookie));
}

static void a_few_are_noise(void **state)
{
	struct audit_socket s = listener();

	(void)state;
	s.syn_queue += 2;
	s.drops += 2;
	s.cookie_age_ns = 251 * MS; /* it was there at the last look */
	assert_false(is_news(&s));
}

/* It has its looks; another listener's beginning is news all the same. */
static void what_was_strange_already_is_no_news(void **state)
{
	struct audit_socket s = listener(), other = listener();

	(void)state;
	s.syn_queue = 129;
	look(3 * SECOND, &s);
	assert_true(glance.news);
	assert_false(glance_is_news(&glance, &s, 3 * SECOND + 250 * MS));
	other.id = 2;
	other.cookie_age_ns = 0;
	assert_true(glance_is_news(&glance, &other, 3 * SECOND + 250 * MS));
	look(4 * SECOND, &s);
	assert_false(glance.news);
	s.syn_queue = 0;
	look(5 * SECOND, &s);
	s.syn_queue = 129;
	assert_true(glance_is_news(&glance, &s, 5 * SECOND + 250 * MS));
}

static void a_listener_that_is_new_may_be_news(void **state)
{
	struct audit_socket s = listener();

	(void)state;
	s.id = 3;
	s.drops = 0;
	assert_false(is_news(&s));
	s.syn_queue = 129;
	assert_true(is_news(&s));
	s.id = 0; /* which one it is cannot be told */
	assert_false(is_news(&s));
}

static void before_the_first_look_only_a_full_queue_is_news(void **state)
{
	struct audit_socket s = listener();
	struct glance fresh;

	(void)state;
	assert_int_equal(glance_init(&fresh, 10), 0);
	s.cookie_age_ns = 0;
	assert_false(glance_is_news(&fresh, &s, SECOND));
	s.syn_queue = 129;
	assert_true(glance_is_news(&fresh, &s, SECOND));
	glance_release(&fresh);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_as_it_was_is_no_news, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_pressure_is_news, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_few_are_noise, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_strange_already_is_no_news, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_listener_that_is_new_may_be_news, set_up,
						tear_down),
		cmocka_unit_test(before_the_first_look_only_a_full_queue_is_news),
	};

	return cmocka_run_group_tests_name("glance", tests, NULL, NULL);
}
