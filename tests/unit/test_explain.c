// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages of `explain`: none is missing or half empty, all can be found and fit the screen.
 */
#include "explain.h"
#include "explain_print.h"
#include "json.h"
#include "reason.h"
#include "states.h"
#include "unit.h"

static const struct explanation *find(const char *text)
{
	return explain_find(text, strlen(text));
}

static const char *key_of(const char *text)
{
	const struct explanation *page = find(text);

	return page ? page->title->key : "(none)";
}

static void every_state_reason_and_finding_has_a_page(void **unused)
{
	static const char *const findings[] = {
		"syn_flood",	  "syn_backlog_small", "accept_queue_full", "handshake_loss",
		"syn_scan",	  "time_wait_buildup", "port_exhaustion",   "close_wait_leak",
		"fin_wait2_held", "dead_peer",	       "connect_failing",
	};
	size_t n = 0;

	(void)unused;
	for (unsigned int state = 1; state < TCS_STATE_MAX; state++) {
		const struct explanation *page = find(state_json(state));

		assert_non_null(page);
		assert_int_equal(page->group, EXPLAIN_STATE);
		assert_string_equal(page->title->name, state_name(state));
		assert_non_null(page->title->summary);
	}
	for (int reason = REASON_NONE + 1; reason < REASON_MAX; reason++) {
		const struct explanation *page = find(reason_name((enum reason)reason));

		assert_non_null(page);
		assert_int_equal(page->group, EXPLAIN_REASON);
		assert_string_equal(page->title->name, reason_name((enum reason)reason));
		assert_non_null(page->title->summary);
	}
	for (size_t i = 0; i < COUNT(findings); i++) {
		const struct explanation *page = find(findings[i]);

		assert_non_null(page);
		assert_int_equal(page->group, EXPLAIN_FINDING);
		assert_string_equal(page->title->name, findings[i]);
	}
	while (explain_at(n))
		n++;
	/* and nothing else; the two rows of SYN_RECV share a page */
	assert_int_equal(n, TCS_STATE_MAX - 2 + REASON_MAX - 1 + COUNT(findings));
	assert_null(explain_at(n + 1));
	assert_null(explain_at(SIZE_MAX));
}

/* Text that a person wrote: there, ASCII, no blank too many, ends as a sentence does. */
static void check_text(const char *name, const char *text, bool lines)
{
	size_t len;

	assert_non_null(text);
	len = strlen(text);
	if (!len || text[0] == ' ' || text[0] == '\n' || text[len - 1] != '.')
		fail_msg("%s: '%s'", name, text);
	for (size_t i = 0; i < len; i++) {
		const char *p = text + i;

		if ((*p == '\n' && (!lines || p[1] == '\n' || p[1] == ' ' || p[-1] != '.')) ||
		    (*p == ' ' && (p[1] == ' ' || p[1] == '\n')) ||
		    (*p != '\n' && (*p < ' ' || *p > '~')))
			fail_msg("%s, at '%.20s'", name, p);
	}
}

static void no_text_is_empty(void **unused)
{
	const struct explanation *page;

	(void)unused;
	for (size_t i = 0; (page = explain_at(i)); i++) {
		check_text(page->title->name, page->meaning, false);
		check_text(page->title->name, page->normal, false);
		check_text(page->title->name, page->advice, true);
		/* the list: a blank between name and summary, and both within 80 columns */
		assert_in_range(strlen(page->title->summary), 1, 52);
		assert_in_range(strlen(page->title->name), 1, 25);
		assert_non_null(explain_group_name(page->group));
	}
	assert_null(explain_group_name((enum explain_group)0));
	assert_null(explain_group_name(EXPLAIN_GROUP_MAX));
}

static void see_also_names_other_pages(void **unused)
{
	const struct explanation *page;

	(void)unused;
	for (size_t i = 0; (page = explain_at(i)); i++) {
		const char *key = page->see_also;
		size_t n = 0;

		assert_true(*key);
		while (*key) {
			size_t len = strcspn(key, " ");
			const struct explanation *other = explain_find(key, len);

			if (!other || other == page || strlen(other->title->key) != len ||
			    strncmp(other->title->key, key, len) != 0)
				fail_msg("%s: see also '%.*s'", page->title->name, (int)len, key);
			key += len + (key[len] == ' ');
			n++;
		}
		assert_in_range(n, 1, 6);
	}
}

/* A name in a text that looks like one of ours is one of ours. */
static void names_in_the_text_exist(void **unused)
{
	static const char *const hints[] = { "see ", "See " };
	const struct explanation *page;

	(void)unused;
	for (size_t i = 0; (page = explain_at(i)); i++) {
		const char *texts[] = { page->meaning, page->normal, page->advice };

		for (size_t t = 0; t < COUNT(texts) * COUNT(hints); t++) {
			const char *p = texts[t / COUNT(hints)];

			while ((p = strstr(p, hints[t % COUNT(hints)]))) {
				size_t len = strspn(p + 4, "abcdefghijklmnopqrstuvwxyz0123456789_");

				if (memchr(p + 4, '_', len) && !explain_find(p + 4, len))
					fail_msg("%s: %.40s", page->title->name, p);
				p += 4;
			}
		}
	}
}

static void the_first_sentence_of_an_advice_fits_an_alert(void **unused)
{
	const struct explanation *page;
	const char *step;
	size_t len;

	(void)unused;
	for (size_t i = 0; (page = explain_at(i)); i++) {
		assert_ptr_equal(explain_advice(page, 0, &len), page->advice);
		assert_in_range(len, 1, strlen(page->advice));
		assert_int_equal(page->advice[len - 1], '.');
		assert_true(!page->advice[len] || strchr(" \n", page->advice[len]));
		if (len > 160)
			fail_msg("%s: %zu: %s", page->title->name, len, page->advice);
	}
	page = find("refused");
	explain_advice(page, 0, &len);
	assert_int_equal(len, strcspn(page->advice, "\n"));
	page = find("killed");
	explain_advice(page, 0, &len);
	assert_memory_equal(page->advice, "Ask who did it.", len);
	step = explain_advice(page, 5, &len);
	assert_ptr_equal(step, page->advice);
	page = find("refused");
	step = explain_advice(page, 1, &len);
	assert_memory_equal(step, "Listening on 127.0.0.1 only", 27);
	assert_int_equal(step[len - 1], '.');
}

static void names_are_found_as_people_type_them(void **unused)
{
	static const struct {
		const char *text, *key;
	} want[] = {
		{ "time-wait", "time_wait" },
		{ "TIME_WAIT", "time_wait" },
		{ "TimeWait", "time_wait" },
		{ "TIME_WAIT*", "time_wait" },
		{ "estab", "established" },
		{ "FIN-WAIT-2", "fin_wait2" },
		{ "fin_wait2", "fin_wait2" },
		{ "unconn", "close" },
		{ "closed", "close" },
		{ "listening", "listen" },
		{ "syn-received", "syn_recv" },
		{ "SYN_RECV", "syn_recv" },
		{ "new-syn-recv", "syn_recv" },
		{ "SYN-FLOOD", "syn_flood" },
		{ "synflood", "syn_flood" },
		{ "Close_Wait_Leak", "close_wait_leak" },
		{ "close-wait", "close_wait" },
		{ "reset-by-peer", "reset_by_peer" },
		{ "NORMAL", "normal" },
		{ "other", "other" },
		{ "other:EACCES", "other" },
		{ "Other:", "other" },
		{ "", "(none)" },
		{ "*", "(none)" },
		{ ":", "(none)" },
		{ "all", "(none)" },
		{ "bucket", "(none)" },
		{ "time_wai", "(none)" },
		{ "time wait", "(none)" },
		{ "time_wait**", "(none)" },
		{ "normal:EACCES", "(none)" },
		{ "-time-wait", "(none)" },
		{ "!listen", "(none)" },
		{ "6", "(none)" },
		{ "\xff", "(none)" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++)
		if (strcmp(key_of(want[i].text), want[i].key) != 0)
			fail_msg("'%s' gives %s", want[i].text, key_of(want[i].text));
}

static void near_names_are_offered_the_nearest_first(void **unused)
{
	static const struct {
		const char *text, *first;
		size_t n; /* of at most 3 */
	} want[] = {
		{ "tiem_wait", "time_wait", 1 },
		{ "tmie-wiat", "time_wait", 1 },
		{ "syn_recvd", "syn_recv", 1 },
		{ "clsoe", "close", 1 },
		{ "flood", "syn_flood", 1 },
		{ "leak", "close_wait_leak", 1 },
		{ "wait", "fin_wait1", 3 },
		{ "TCP_CLOSE_WAIT", "close_wait", 2 },
		{ "rest_by_peer", "reset_by_peer", 1 },
		{ "syn_floods", "syn_flood", 1 },
		{ "nonsense", NULL, 0 },
		{ "", NULL, 0 },
		{ "x", NULL, 0 },
		{ "\xff\xff\xff", NULL, 0 },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		const struct explanation *near[3];
		size_t n = explain_near(want[i].text, strlen(want[i].text), near, COUNT(near));

		if (n < want[i].n || (!want[i].n && n) ||
		    (n && strcmp(near[0]->title->key, want[i].first) != 0))
			fail_msg("'%s': %zu, %s", want[i].text, n, n ? near[0]->title->key : "");
		for (size_t a = 0; a < n; a++)
			for (size_t b = 0; b < a; b++)
				assert_ptr_not_equal(near[a], near[b]);
	}
}

static void wrong_names_of_any_kind_are_survived(void **unused)
{
	const struct explanation *near[3];
	uint64_t random = 1;
	char text[64];

	(void)unused;
	for (int i = 0; i < 20000; i++) {
		size_t len = random_next(&random) % sizeof(text);

		for (size_t k = 0; k < len; k++)
			text[k] = (char)random_next(&random);
		(void)explain_find(text, len);
		assert_true(explain_near(text, len, near, COUNT(near)) <= COUNT(near));
	}
}

/* What was printed, as a string; the caller frees. */
static char *taken(struct outbuf *b)
{
	char *text = strndup(b->data, b->len);

	assert_int_equal(b->cut, 0);
	assert_non_null(text);
	b->len = 0;
	return text;
}

static void check_width(const char *text, size_t width)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		if (len > width || (len && line[len - 1] == ' '))
			fail_msg("%zu: %.*s", len, (int)len, line);
		assert_int_equal(line[len], '\n');
		line += len + 1;
	}
}

static void no_line_is_too_long(void **unused)
{
	static const unsigned int widths[] = { 40, 41, 60, 79, 80, 99, 100 };
	const struct explanation *page;
	struct outbuf b;
	char *text;

	(void)unused;
	assert_int_equal(outbuf_init(&b, EXPLAIN_PRINT_MAX), 0);
	for (size_t w = 0; w < COUNT(widths); w++) {
		for (size_t i = 0; (page = explain_at(i)); i++) {
			explain_print_text(&b, page, widths[w]);
			assert_true(b.len < EXPLAIN_PRINT_MAX / 2);
			text = taken(&b);
			/* what can be typed is not broken: one word of it may be long */
			check_width(text, widths[w]);
			assert_non_null(strstr(text, "\nWhat to do\n"));
			assert_non_null(strstr(text, "\nSee also: "));
			free(text);
		}
	}
	explain_print_list(&b, 80);
	text = taken(&b);
	check_width(text, 80);
	free(text);
	outbuf_release(&b);
}

static void words_are_wrapped_and_none_is_lost(void **unused)
{
	const struct explanation *page = find("killed");
	struct outbuf b;
	char *text;

	(void)unused;
	assert_int_equal(outbuf_init(&b, EXPLAIN_PRINT_MAX), 0);
	explain_print_text(&b, page, 80);
	text = taken(&b);
	assert_string_equal(
		text,
		"killed (reason): destroyed from outside, as by ss -K\n"
		"\n"
		"What it is\n"
		"  Somebody destroyed the connection from outside its program: `ss -K`, another\n"
		"  user of SOCK_DESTROY (Android and some network managers and proxies), or a BPF\n"
		"  program. The program sees ECONNABORTED, the peer a reset.\n"
		"\n"
		"When it is normal\n"
		"  When an administrator does it, or when an address is taken away and the\n"
		"  network manager cleans up.\n"
		"\n"
		"What to do\n"
		"  Ask who did it. What runs as root, with CAP_NET_ADMIN, is the list of\n"
		"  suspects.\n"
		"\n"
		"See also: reset_by_us, cancelled\n");
	free(text);
	outbuf_release(&b);
}

static void json_has_the_whole_page(void **unused)
{
	const struct explanation *page;
	struct json_line line;
	struct outbuf b;
	char *text;

	(void)unused;
	assert_int_equal(outbuf_init(&b, EXPLAIN_PRINT_MAX), 0);
	for (size_t i = 0; (page = explain_at(i)); i++) {
		static const char *const keys[] = { "type",   "name",	"group",   "meaning",
						    "normal", "advice", "see_also" };

		explain_print_json(&b, page);
		text = taken(&b);
		json_read(&line, text);
		assert_int_equal(line.n_keys, COUNT(keys));
		for (size_t k = 0; k < COUNT(keys); k++)
			assert_string_equal(line.keys[k].key, keys[k]);
		free(text);
	}
	explain_print_json(&b, find("SYN_RECV"));
	text = taken(&b);
	json_read(&line, text);
	assert_string_equal(json_get(&line, "type"), "\"explanation\"");
	assert_string_equal(json_get(&line, "name"), "\"syn_recv\"");
	assert_string_equal(json_get(&line, "group"), "\"state\"");
	assert_string_equal(json_get(&line, "see_also"),
			    "[\"syn_flood\",\"syn_backlog_small\",\"accept_queue_full\","
			    "\"handshake_loss\",\"syn_scan\"]");
	free(text);
	outbuf_release(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_reason_and_finding_has_a_page),
		cmocka_unit_test(no_text_is_empty),
		cmocka_unit_test(see_also_names_other_pages),
		cmocka_unit_test(names_in_the_text_exist),
		cmocka_unit_test(the_first_sentence_of_an_advice_fits_an_alert),
		cmocka_unit_test(names_are_found_as_people_type_them),
		cmocka_unit_test(near_names_are_offered_the_nearest_first),
		cmocka_unit_test(wrong_names_of_any_kind_are_survived),
		cmocka_unit_test(no_line_is_too_long),
		cmocka_unit_test(words_are_wrapped_and_none_is_lost),
		cmocka_unit_test(json_has_the_whole_page),
	};

	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
