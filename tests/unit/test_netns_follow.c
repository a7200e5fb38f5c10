// SPDX-License-Identifier: GPL-2.0-only
/* test_netns_follow.c - what is reported of a namespace that ends, loses its name or comes back */
#include "unit.h"

#include "netns_follow.h"

/* Observations: does the followed namespace exist, and where does its name lead to? */
#define GONE_NO_NAME                \
	{                           \
		false, false, false \
	}
#define GONE_OTHER                 \
	{                          \
		false, true, false \
	}
#define THERE_NO_NAME              \
	{                          \
		true, false, false \
	}
#define THERE_OTHER               \
	{                         \
		true, true, false \
	}
#define THERE_SAME               \
	{                        \
		true, true, true \
	}

static void every_observation_in_every_state(void **unused)
{
	static const struct {
		enum netns_state state;
		bool by_name;
		struct netns_seen seen;
		enum netns_change change;
		enum netns_state then;
	} want[] = {
		{ NETNS_NAMED, true, THERE_SAME, NETNS_SAME, NETNS_NAMED },
		{ NETNS_NAMED, true, THERE_NO_NAME, NETNS_NAME_GONE, NETNS_UNNAMED },
		{ NETNS_NAMED, true, THERE_OTHER, NETNS_MOVED, NETNS_NAMED },
		{ NETNS_NAMED, true, GONE_NO_NAME, NETNS_GONE, NETNS_ENDED },
		{ NETNS_NAMED, true, GONE_OTHER, NETNS_REPLACED, NETNS_NAMED },

		{ NETNS_UNNAMED, true, THERE_NO_NAME, NETNS_SAME, NETNS_UNNAMED },
		{ NETNS_UNNAMED, true, THERE_SAME, NETNS_NAME_BACK, NETNS_NAMED },
		{ NETNS_UNNAMED, true, THERE_OTHER, NETNS_MOVED, NETNS_NAMED },
		{ NETNS_UNNAMED, true, GONE_NO_NAME, NETNS_GONE, NETNS_ENDED },
		{ NETNS_UNNAMED, true, GONE_OTHER, NETNS_REPLACED, NETNS_NAMED },

		{ NETNS_ENDED, true, GONE_NO_NAME, NETNS_SAME, NETNS_ENDED },
		{ NETNS_ENDED, true, GONE_OTHER, NETNS_RETURNED, NETNS_NAMED },
		/* What has ended does not exist again. */
		{ NETNS_ENDED, true, THERE_NO_NAME, NETNS_SAME, NETNS_ENDED },
		{ NETNS_ENDED, true, THERE_OTHER, NETNS_RETURNED, NETNS_NAMED },

		/* By number or process: that one, and no other. */
		{ NETNS_NAMED, false, THERE_NO_NAME, NETNS_SAME, NETNS_NAMED },
		{ NETNS_NAMED, false, THERE_OTHER, NETNS_SAME, NETNS_NAMED },
		{ NETNS_NAMED, false, GONE_NO_NAME, NETNS_GONE, NETNS_ENDED },
		{ NETNS_NAMED, false, GONE_OTHER, NETNS_GONE, NETNS_ENDED },
		{ NETNS_ENDED, false, GONE_NO_NAME, NETNS_SAME, NETNS_ENDED },
		{ NETNS_ENDED, false, GONE_OTHER, NETNS_SAME, NETNS_ENDED },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		enum netns_state state = want[i].state;
		enum netns_change change = netns_follow(&state, want[i].by_name, want[i].seen);

		if (change != want[i].change || state != want[i].then)
			fail_msg("row %zu: change %d, state %d", i, change, state);
	}
}

static void a_change_is_reported_once(void **unused)
{
	static const struct netns_seen seen[] = { THERE_SAME, THERE_NO_NAME, GONE_NO_NAME };
	enum netns_state state = NETNS_NAMED;

	(void)unused;
	for (size_t i = 0; i < COUNT(seen); i++) {
		(void)netns_follow(&state, true, seen[i]);
		for (int again = 0; again < 3; again++)
			assert_int_equal(netns_follow(&state, true, seen[i]), NETNS_SAME);
	}
	assert_int_equal(state, NETNS_ENDED);
}

static void every_change_has_a_sentence(void **unused)
{
	static const struct {
		enum netns_change change;
		bool by_name;
		const char *text;
	} want[] = {
		{ NETNS_SAME, true, "" },
		{ NETNS_NAME_GONE, true,
		  "network namespace 'web' has lost its name; it still exists, and its sockets "
		  "are shown until it ends" },
		{ NETNS_NAME_BACK, true, "network namespace 'web' has its name again" },
		{ NETNS_GONE, true,
		  "network namespace 'web' has ended; waiting for it to come back" },
		{ NETNS_GONE, false,
		  "network namespace 'web' has ended; no other namespace takes its place" },
		{ NETNS_REPLACED, true,
		  "network namespace 'web' has ended; the new one of this name (inode 4026532245) "
		  "is followed" },
		{ NETNS_MOVED, true,
		  "'web' is the name of another network namespace now (inode 4026532245), which "
		  "is followed instead" },
		{ NETNS_RETURNED, true,
		  "network namespace 'web' is there again (inode 4026532245) and is followed "
		  "again" },
	};
	char text[256];

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		netns_change_text(want[i].change, want[i].by_name, "web", 4026532245U, text,
				  sizeof(text));
		assert_string_equal(text, want[i].text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_observation_in_every_state),
		cmocka_unit_test(a_change_is_reported_once),
		cmocka_unit_test(every_change_has_a_sentence),
	};

	return cmocka_run_group_tests_name("netns_follow", tests, NULL, NULL);
}
