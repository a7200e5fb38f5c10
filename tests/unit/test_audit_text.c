// SPDX-License-Identifier: GPL-2.0-only
/* test_audit_text.c - no line of an audit, an alert or a sum is wider than the terminal */
#include <errno.h>
#include <unistd.h>

#include "unit.h"

#include "audit_sink.h"
#include "finding_json.h"
#include "finding_text.h"
#include "service.h"
#include "summary_text.h"
#include "syn_text.h"
#include "table.h"

#define SECOND 1000000000ull
#define LONGEST                                                                               \
	{                                                                                     \
		0xfd, 0x18, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 0x55, 0x55, 0x66, \
			0x66, 0x77, 0x77                                                      \
	}

static const uint8_t longest[16] = LONGEST;
static const struct owner hog = { .pid = 4194303,
				  .source = OWNER_LISTENER,
				  .comm = "fifteen-letters" };

/* Everything an audit can say, with names and numbers as long as they get. */
static void fill(struct audit *a)
{
	struct audit_blind blind = { .skipped = 1234567,
				     .netns_denied = 54321,
				     .netns_errno = EACCES,
				     .netns_ptrace = AUDIT_RIGHT_HELD,
				     .netns_only_own = 1,
				     .owners_unknown = 1,
				     .processes_hidden = 1 };
	struct audit_socket s = { .id = 77,
				  .netns = 4026531840,
				  .state = TCS_LISTEN,
				  .family = 6,
				  .laddr = LONGEST,
				  .lport = 65535,
				  .owner = hog,
				  .syn_queue = 65536,
				  .queue_limit = 65535,
				  .accept_queue = 65536,
				  .syn_queue_young = 65535,
				  .quiet_ns = 90 * SECOND,
				  .in_state_ns = 7000 * SECOND,
				  .cookie_age_ns = 1 };
	struct audit_half_open h = { .listener = 77,
				     .count = 7,
				     .acked = 2,
				     .oldest_ns = 31 * SECOND,
				     .sources = 104182,
				     .prefixes = 104182,
				     .laddr = LONGEST,
				     .netns = 4026531840,
				     .lport = 65535,
				     .family = 6 };
	struct audit_place p = { .laddr = LONGEST,
				 .raddr = LONGEST,
				 .netns = 4026531840,
				 .time_wait = 28232,
				 .ports_used = 28232,
				 .ports_range = 28232,
				 .reusable = 28232,
				 .rport = 65535,
				 .family = 6,
				 .all_free_ns = 58 * SECOND };
	struct audit_source source = { .family = 6, .count = 123456, .oldest_ns = SECOND };
	struct audit_request q = { .age_ns = 63 * SECOND,
				   .laddr = LONGEST,
				   .raddr = LONGEST,
				   .lport = 65535,
				   .rport = 65535,
				   .family = 6,
				   .retransmits = 5,
				   .acked = 1 };
	struct audit_netns n = { .netns = 4026531840, .states = { [TCS_CLOSE_WAIT] = 1 } };
	struct audit_group g = { .raddr = LONGEST };
	unsigned int i;

	for (i = 1; i < TCS_NEW_SYN_RECV; i++)
		n.states[i] = g.states[i] = 1234567890;
	assert_int_equal(audit_add_netns(a, &n), 0);
	n.netns--;
	assert_int_equal(audit_add_netns(a, &n), 0);
	assert_int_equal(audit_add_socket(a, &s), 0);
	s.state = TCS_CLOSE_WAIT;
	memcpy(s.raddr, longest, sizeof(longest));
	s.rport = 65535;
	s.lport = 40000;
	assert_int_equal(audit_add_socket(a, &s), 0);
	s.owner.pid = 1; /* and a second row, both ends different */
	s.lport = 30000;
	assert_int_equal(audit_add_socket(a, &s), 0);
	assert_int_equal(audit_add_half_open(a, &h), 0);
	for (i = 0; i < 5; i++) {
		memcpy(source.addr, longest, sizeof(longest));
		source.addr[15] = (uint8_t)i;
		source.bits = 128;
		assert_int_equal(audit_add_source(a, &source), 0);
		source.addr[7] = (uint8_t)i;
		memset(source.addr + 8, 0, 8);
		source.bits = 64;
		assert_int_equal(audit_add_source(a, &source), 0);
	}
	h.listener = 0;
	h.lport = 1;
	assert_int_equal(audit_add_half_open(a, &h), 0);
	assert_int_equal(audit_add_request(a, &q), 0);
	assert_int_equal(audit_add_place(a, &p), 0);
	p.rport = 0;
	p.lport = 443;
	assert_int_equal(audit_add_place(a, &p), 0);
	for (i = 0; i < 3; i++) {
		g.raddr[0] = (uint8_t)i;
		assert_int_equal(audit_add_group(a, &g), 0);
	}
	audit_add_blind(a, &blind);
	assert_int_equal(audit_settle(a, NULL, NULL), 0);
	/* Rates, as two looks have them. */
	for (i = 0; i < a->n_netns; i++)
		for (int c = 0; c < COUNTER_MAX; c++)
			a->netns[i].counter_milli[c] = 1234567000;
	a->listeners[0].drops_milli = 1234567000;
	a->close_wait[0].growth_milli = 1234000;
	a->close_wait[0].fd_used = 524287;
	a->close_wait[0].fd_limit = 524288;
	a->places[0].growth_milli = 1000;
	for (i = 0; i < a->n_services; i++)
		a->services[i].resent_milli = a->services[i].done_milli = 1234567000;
}

/* A flood that may be at any of many listeners, with the longest names. */
static void fill_possible(const struct audit *a, struct finding *f)
{
	f->row.syn.service = service_unknown(f->netns);
	f->row.syn.n_possible = 1234567;
	for (int i = 0; i < FINDING_PLACES; i++)
		f->row.syn.possible[i] = (struct finding_place){
			.owner = a->services[0].owner, .laddr = LONGEST, .lport = 65535, .family = 6
		};
}

static uint32_t fill_findings(const struct audit *a, struct finding *f)
{
	uint32_t n = 0;

	for (int kind = 1; kind < FINDING_MAX; kind++, n++) {
		f[n] = (struct finding){ .kind = (enum finding_kind)kind,
					 .severity = SEVERITY_CRITICAL,
					 .status = FINDING_RAISED,
					 .netns = 4026531840,
					 .seconds_left = 86399 };
		if (finding_is_syn(f[n].kind)) {
			f[n].row.syn = (struct finding_syn){ .service = a->services[0],
							     .pressure = SYN_COOKIES,
							     .failing = 1234567000,
							     .cookies_sent = 1234567000,
							     .drops = 1234567000,
							     .done_permille = 999 };
			f[n].row.syn.service.spread = SPREAD_PREFIX;
			f[n].row.syn.service.spread_family = 6;
			f[n].row.syn.service.spread_bits = 127;
			memcpy(f[n].row.syn.service.spread_addr, longest, sizeof(longest));
		} else if (f[n].kind == FINDING_SYN_SCAN) {
			f[n].row.scanner = (struct audit_scanner){ .addr = LONGEST, .family = 6 };
		} else if (f[n].kind == FINDING_CLOSE_WAIT_LEAK) {
			f[n].row.half_closed = a->close_wait[0];
		} else if (f[n].kind == FINDING_PORT_EXHAUSTION) {
			f[n].row.place = a->places[0];
		} else if (f[n].kind == FINDING_TIME_WAIT_BUILDUP) {
			f[n].row.table = a->netns[0];
		} else if (f[n].kind == FINDING_CONNECT_FAILING) {
			f[n].row.connect = (struct finding_connect){
				.row = { .connected = 123456,
					 .failed = { 123456, 123456, 123456, 123456, 123456, 1 },
					 .pending = 123456,
					 .oldest_ns = 127 * SECOND,
					 .window_ns = 10 * SECOND,
					 .elsewhere = 1,
					 .raddr = LONGEST,
					 .owner = hog,
					 .rport = 65535,
					 .family = 6,
					 .of = CONNECT_OF_DESTINATION,
					 .open = 1 },
				.ports_used = 28232,
				.ports_range = 28232
			};
		} else {
			f[n].row.dead = (struct audit_dead){ .family = 6,
							     .bits = 64,
							     .hosts = 65536,
							     .count = 1234567,
							     .timed_out = 1234567,
							     .raddr = LONGEST,
							     .owner = hog };
		}
	}
	f[n] = f[FINDING_SYN_FLOOD - 1];
	fill_possible(a, &f[n++]);
	return n;
}

/* NULL: all is well; else the line that is too wide, or that ends with blanks. */
static const char *too_wide(const char *text, size_t len, size_t columns)
{
	static char line[4096];
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n;

		if (!newline)
			return "the last line has no end";
		n = (size_t)(newline - text);
		snprintf(line, sizeof(line), "%zu: %.*s", n, (int)n, text);
		if (n > columns || (n && newline[-1] == ' '))
			return line;
		text = newline + 1;
	}
	return NULL;
}

static void fits(const struct outbuf *b, size_t columns, const char *what)
{
	const char *line = too_wide(b->data, b->len, columns);

	assert_int_equal(b->cut, 0);
	if (line)
		fail_msg("%s on %zu columns: %s", what, columns, line);
}

static void an_audit_fits_the_terminal(void **unused)
{
	struct audit_config config = { .old_ns = 60 * SECOND, .stalled = 3, .by = AUDIT_BY_RADDR };
	struct audit_report report = { .window_ns = SECOND, .exit_status = 3 };
	static struct finding findings[FINDING_MAX];
	struct audit a;

	(void)unused;
	assert_int_equal(audit_init(&a, &config), 0);
	fill(&a);
	report.look = &a;
	report.findings = findings;
	report.n_findings = fill_findings(&a, findings);
	for (unsigned int columns = WRAP_LEAST; columns <= 240; columns++) {
		for (int all = 0; all < 2; all++) {
			FILE *f = tmpfile();
			static char text[1 << 16];
			struct output out;
			size_t len;

			assert_non_null(f);
			report.all_rows = all;
			report.columns = columns == 240 ? 0 : columns;
			assert_int_equal(output_init(&out, fileno(f), -1), 0);
			audit_text(&out, &report);
			assert_int_equal(out.buf.cut, 0);
			output_release(&out);
			rewind(f);
			len = fread(text, 1, sizeof(text), f);
			fclose(f);
			assert_in_range(len, 1000, sizeof(text) - 1);
			if (too_wide(text, len, report.columns ? report.columns : TABLE_DEFAULT))
				fail_msg("on %u columns: %s\n%.*s", report.columns,
					 too_wide(text, len,
						  report.columns ? report.columns : TABLE_DEFAULT),
					 (int)len, text);
		}
	}
	audit_release(&a);
}

static void alerts_and_groups_fit_the_terminal(void **unused)
{
	struct audit_config config = { .by = AUDIT_BY_RADDR };
	static struct finding findings[FINDING_MAX];
	struct outbuf b;
	struct audit a;
	uint32_t n;

	(void)unused;
	assert_int_equal(outbuf_init(&b, SINK_LINE_MAX), 0);
	assert_int_equal(audit_init(&a, &config), 0);
	fill(&a);
	n = fill_findings(&a, findings);
	for (unsigned int columns = WRAP_LEAST; columns <= 240; columns++) {
		for (uint32_t i = 0; i < n; i++) {
			b.len = 0;
			findings[i].status = FINDING_RAISED;
			finding_text_alert(&b, NULL, &findings[i], SECOND, columns);
			fits(&b, columns < WRAP_MOST ? columns : WRAP_MOST, "an alert");
			assert_memory_equal(b.data, "ALERT ", 6);
			b.len = 0;
			findings[i].status = FINDING_CLEARED;
			finding_text_alert(&b, NULL, &findings[i], SECOND, columns);
			fits(&b, columns, "the end of an alert");
			b.len = 0;
			finding_text_alert(&b, NULL, &findings[i], SECOND, 0);
			fits(&b, WRAP_DEFAULT, "an alert into a pipe");
		}
		b.len = 0;
		summary_text_group(&b, NULL, &a, 0, "BY raddr ", columns);
		fits(&b, columns, "a sum");
	}
	audit_release(&a);
	outbuf_release(&b);
}

/* What goes first on a narrow terminal is who holds CLOSE_WAIT; what was lost never goes. */
static void a_sum_always_tells_what_was_lost(void **unused)
{
	struct audit_half_closed holder = { .owner = { .pid = 991, .comm = "app" },
					    .count = 640,
					    .growth_milli = 2000 };
	struct audit look = { .close_wait = &holder, .n_close_wait = 1 };
	struct engine_totals totals = { .lost = { [LOST_RING_FULL] = 12 } };
	struct summary s = { .interval_ns = SECOND,
			     .counted = true,
			     .opens = 410,
			     .closes = 405,
			     .handed_over = 312,
			     .look = &look,
			     .totals = &totals };
	static const struct {
		unsigned int columns;
		const char *line;
	} want[] = {
		{ 0, "ESTAB 1,204  TIME_WAIT 21,877 (+312/s)  CLOSE_WAIT 640 (+2/s, app(991))  "
		     "half-open 3  opens 410/s  closes 405/s  lost 12" },
		{ 120, "ESTAB 1,204  TIME_WAIT 21,877 (+312/s)  CLOSE_WAIT 640 (+2/s)  "
		       "half-open 3  opens 410/s  closes 405/s  lost 12" },
		{ 100, "ESTAB 1,204  TIME_WAIT 21,877 (+312/s)  CLOSE_WAIT 640 (+2/s)  "
		       "half-open 3  lost 12" },
		{ 80, "ESTAB 1,204  TIME_WAIT 21,877  CLOSE_WAIT 640  half-open 3  lost 12" },
	};
	static const char undecided[] = "closes 405/s  undecided 7  lost 12";
	struct outbuf b;

	(void)unused;
	look.states[TCS_ESTABLISHED] = 1204;
	look.states[TCS_TIME_WAIT] = 21877;
	look.states[TCS_CLOSE_WAIT] = 640;
	look.states[TCS_SYN_RECV] = 3;
	assert_int_equal(outbuf_init(&b, SINK_LINE_MAX), 0);
	for (size_t i = 0; i < COUNT(want); i++) {
		b.len = 0;
		summary_text(&b, &s, want[i].columns);
		outbuf_putc(&b, '\0');
		assert_string_equal(b.data, want[i].line);
	}
	b.len = 0;
	totals.undecided = 7;
	summary_text(&b, &s, 0);
	outbuf_putc(&b, '\0');
	assert_non_null(strstr(b.data, undecided));
	outbuf_release(&b);
}

static void a_group_is_named_with_its_number(void **unused)
{
	struct finding f = { .kind = FINDING_SYN_FLOOD,
			     .severity = SEVERITY_CRITICAL,
			     .status = FINDING_RAISED,
			     .seconds_left = AUDIT_UNKNOWN };
	static const struct sink_world world;
	struct outbuf b;

	(void)unused;
	f.row.syn = (struct finding_syn){ .service = service_unknown(1),
					  .pressure = SYN_SLOW,
					  .done_permille = AUDIT_UNKNOWN };
	memcpy(f.row.syn.service.laddr, (uint8_t[])V4(0, 0, 0, 0), 16);
	f.row.syn.service.family = 4;
	f.row.syn.service.lport = 80;
	f.row.syn.service.listeners = 64;
	f.row.syn.service.is_group = true;
	f.row.syn.service.owner = (struct owner){ .pid = 7, .comm = "nginx" };
	assert_int_equal(outbuf_init(&b, SINK_LINE_MAX), 0);
	finding_text_alert(&b, NULL, &f, SECOND, 240);
	outbuf_putc(&b, '\0');
	assert_non_null(strstr(b.data, "critical on 0.0.0.0:80 nginx(7) (64 listeners): "));
	b.len = 0;
	finding_json(&b, &world, &f, SECOND);
	outbuf_putc(&b, '\0');
	assert_non_null(strstr(b.data, "\"rprefix\":null,\"listeners\":64}"));
	b.len = 0;
	f.row.syn.service.listeners = 1;
	f.row.syn.service.is_group = false;
	finding_text_alert(&b, NULL, &f, SECOND, 240);
	finding_json(&b, &world, &f, SECOND);
	outbuf_putc(&b, '\0');
	assert_non_null(strstr(b.data, "critical on 0.0.0.0:80 nginx(7): "));
	assert_non_null(strstr(b.data, "\"listeners\":1}"));
	outbuf_release(&b);
}

/* Three listeners of a group; the second does not accept, and the group is flooded. */
static void each_row_has_its_own_verdict(void **unused)
{
	static const struct audit_config config;
	struct finding f[2] = { { .kind = FINDING_SYN_FLOOD },
				{ .kind = FINDING_ACCEPT_QUEUE_FULL } };
	struct audit_socket s = { .netns = 1,
				  .state = TCS_LISTEN,
				  .family = 4,
				  .lport = 80,
				  .cookie_age_ns = AUDIT_UNKNOWN };
	struct audit_report report = { .findings = f, .n_findings = 2 };
	struct audit a;

	(void)unused;
	assert_int_equal(audit_init(&a, &config), 0);
	for (s.id = 1; s.id <= 3; s.id++)
		assert_int_equal(audit_add_socket(&a, &s), 0);
	assert_int_equal(audit_settle(&a, NULL, NULL), 0);
	a.services[0].stuck = a.services[1].stuck = 8;
	report.look = &a;
	f[0].row.syn.service = a.service_groups[0];
	f[1].row.syn.service = a.services[1];
	assert_string_equal(syn_verdict_name(&report, &a.listeners[0]), "syn_flood");
	assert_string_equal(syn_verdict_name(&report, &a.listeners[1]), "accept_queue_full");
	assert_string_equal(syn_verdict_name(&report, &a.listeners[2]), "ok");
	/* Cookies alone tell of the group and of none of its members. */
	f[0].row.syn.by_cookies = true;
	assert_null(syn_verdict_name(&report, &a.listeners[0]));
	assert_string_equal(syn_verdict_name(&report, &a.listeners[1]), "accept_queue_full");
	audit_release(&a);
}

static void where_nobody_can_tell_all_are_named(void **unused)
{
	struct finding f = { .kind = FINDING_SYN_FLOOD,
			     .severity = SEVERITY_CRITICAL,
			     .status = FINDING_RAISED,
			     .seconds_left = AUDIT_UNKNOWN };
	struct finding_syn *syn = &f.row.syn;
	static const struct sink_world world;
	struct outbuf b;

	(void)unused;
	*syn = (struct finding_syn){
		.service = service_unknown(1),
		.pressure = SYN_COOKIES,
		.cookies_sent = 2000000,
		.cookies = 1900000,
		.done_permille = 50,
		.n_possible = 2,
		.possible = { { .laddr = V4(0, 0, 0, 0),
				.family = 4,
				.lport = 80,
				.owner = { .pid = 7, .comm = "nginx" } },
			      { .family = 6, .lport = 22 } },
	};
	assert_int_equal(outbuf_init(&b, SINK_LINE_MAX), 0);
	finding_text_alert(&b, NULL, &f, SECOND, 240);
	outbuf_putc(&b, '\0');
	assert_non_null(strstr(b.data, "critical on one of 0.0.0.0:80 nginx(7), [::]:22: "
				       "cookies 2,000/s together, 5.0 % of\n"));
	assert_non_null(strstr(b.data, "no source to be seen. Which of them it is, cookies"));
	b.len = 0;
	finding_json(&b, &world, &f, SECOND);
	outbuf_putc(&b, '\0');
	assert_non_null(
		strstr(b.data, "\"pid\":null,\"comm\":null,\"laddr\":null,\"lport\":null,"));
	assert_non_null(strstr(
		b.data,
		"\"syn_queue\":null,\"syn_queue_limit\":null,"
		"\"accept_queue\":null,\"queue_limit\":null,\"half_open\":null,\"stuck\":null,"));
	assert_non_null(strstr(b.data, "\"possible\":[\"0.0.0.0:80\",\"[::]:22\"],"
				       "\"possible_count\":2,"));
	outbuf_release(&b);
}

static const char *alert_of(struct outbuf *b, const struct audit_dead *dead, bool json)
{
	struct finding f = { .kind = FINDING_DEAD_PEER,
			     .severity = SEVERITY_WARNING,
			     .status = FINDING_RAISED,
			     .row.dead = *dead };
	static const struct sink_world world;

	b->len = 0;
	if (json)
		finding_json(b, &world, &f, SECOND);
	else
		finding_text_alert(b, NULL, &f, SECOND, 240);
	outbuf_putc(b, '\0');
	return b->data;
}

static void a_dead_host_and_a_dead_rack_are_told_apart(void **unused)
{
	struct audit_dead host = { .family = 4,
				   .bits = 32,
				   .hosts = 1,
				   .raddr = V4(10, 0, 0, 5),
				   .count = 6,
				   .quiet_ns = 12 * SECOND,
				   .owner = { .pid = 7, .comm = "app" } };
	struct audit_dead rack = host;
	struct outbuf b;

	(void)unused;
	rack.raddr[15] = 0;
	rack.bits = 24;
	rack.hosts = 200;
	rack.count = 1400;
	rack.timed_out = 1400;
	rack.quiet_ns = AUDIT_UNKNOWN;
	assert_int_equal(outbuf_init(&b, SINK_LINE_MAX), 0);
	assert_non_null(
		strstr(alert_of(&b, &host, false),
		       "at 10.0.0.5: 6 connections to 10.0.0.5 get no answer; the longest"));
	assert_non_null(
		strstr(alert_of(&b, &rack, false),
		       "at 10.0.0.0/24: 1,400 connections to 200 addresses of 10.0.0.0/24"));
	assert_non_null(strstr(b.data, "1,400 of them timed out"));
	assert_null(strstr(b.data, "the longest"));
	assert_non_null(strstr(alert_of(&b, &host, true),
			       "\"raddr\":\"10.0.0.5\",\"rport\":null,\"device\":null,"
			       "\"rprefix\":null,\"listeners\":null}"));
	assert_non_null(strstr(b.data, "\"timed_out\":0,\"hosts\":1,\"unaccepted\":null,"));
	assert_non_null(strstr(alert_of(&b, &rack, true),
			       "\"raddr\":null,\"rport\":null,\"device\":null,"
			       "\"rprefix\":\"10.0.0.0/24\",\"listeners\":null}"));
	assert_non_null(strstr(b.data, "\"timed_out\":1400,\"hosts\":200,\"unaccepted\":null,"));
	outbuf_release(&b);
}

static const char *name_of(void *ctx, uint64_t netns_cookie, uint32_t netns, uint32_t ifindex)
{
	static const char *const names[] = { "left", "right" };

	(void)ctx;
	return netns == 1 && netns_cookie == 5 && ifindex - 3 < COUNT(names) ? names[ifindex - 3] :
									       NULL;
}

static void devices_stand_behind_the_addresses_they_are_of(void **unused)
{
	static const struct sink_world with_names = { .device_name = name_of };
	struct finding f = {
		.kind = FINDING_PORT_EXHAUSTION,
		.severity = SEVERITY_CRITICAL,
		.status = FINDING_RAISED,
		.netns = 1,
		.netns_cookie = 5,
		.seconds_left = AUDIT_UNKNOWN,
		.row.place = { .laddr = { 0xfe, 0x80, [15] = 1 },
			       .raddr = { 0xfe, 0x80, [15] = 2 },
			       .netns = 1,
			       .ports_used = 96,
			       .ports_range = 100,
			       .rport = 8000,
			       .family = 6,
			       .device = 3 },
	};
	static const uint8_t v4[2][16] = { V4(10, 0, 0, 1), V4(10, 0, 0, 2) };
	struct outbuf b;

	(void)unused;
	assert_int_equal(outbuf_init(&b, SINK_LINE_MAX), 0);
	finding_text_alert(&b, &with_names, &f, SECOND, 240);
	outbuf_putc(&b, '\0');
	assert_non_null(strstr(b.data, " from fe80::1%left to [fe80::2%left]:8000: 96/100 local "));
	b.len = 0;
	finding_json(&b, &with_names, &f, SECOND);
	outbuf_putc(&b, '\0');
	assert_non_null(strstr(b.data, "\"netns\":1,\"netns_cookie\":\"5\",\"subject\":"));
	assert_non_null(strstr(b.data, "\"raddr\":\"fe80::2\",\"rport\":8000,"
				       "\"device\":\"left\",\"rprefix\":null,"));

	/* of a bound socket the local address has it; a device of another namespace is a number */
	memcpy(f.row.place.laddr, v4[0], 16);
	memcpy(f.row.place.raddr, v4[1], 16);
	f.row.place.family = 4;
	f.row.place.device = 4;
	b.len = 0;
	finding_text_alert(&b, &with_names, &f, SECOND, 240);
	outbuf_putc(&b, '\0');
	assert_non_null(strstr(b.data, " from 10.0.0.1%right to 10.0.0.2:8000: "));
	f.netns_cookie = 6;
	b.len = 0;
	finding_text_alert(&b, &with_names, &f, SECOND, 240);
	outbuf_putc(&b, '\0');
	assert_non_null(strstr(b.data, " from 10.0.0.1%4 to 10.0.0.2:8000: "));
	outbuf_release(&b);
}

/* An audit of nothing but what it could not read. */
static void put_denied(uint8_t ptrace, char *ret, size_t size)
{
	struct audit_config config = { 0 };
	struct audit_blind blind = { .netns_denied = 2,
				     .netns_errno = EACCES,
				     .netns_ptrace = ptrace };
	struct audit look;
	struct audit_report report = { .look = &look, .columns = 200 };
	struct output out;
	ssize_t n;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(audit_init(&look, &config), 0);
	audit_add_blind(&look, &blind);
	assert_int_equal(output_init(&out, fds[1], -1), 0);
	audit_text(&out, &report);
	n = read(fds[0], ret, size - 1);
	assert_true(n > 0);
	ret[n] = '\0';
	output_release(&out);
	audit_release(&look);
	close(fds[0]);
	close(fds[1]);
}

static void what_is_denied_is_told_with_its_error(void **unused)
{
	char text[4096];

	(void)unused;
	put_denied(AUDIT_RIGHT_HELD, text, sizeof(text));
	assert_non_null(
		strstr(text, "cannot be read: 2 (EACCES) though CAP_SYS_PTRACE is held: a"));
	assert_null(strstr(text, "missing."));
	put_denied(AUDIT_RIGHT_MISSING, text, sizeof(text));
	assert_non_null(strstr(text, "cannot be read: 2 (EACCES): CAP_SYS_PTRACE is missing."));
	put_denied(AUDIT_RIGHT_UNKNOWN, text, sizeof(text)); /* an older recording */
	assert_non_null(strstr(text, "cannot be read: 2 (EACCES). A namespace"));
	assert_null(strstr(text, "CAP_SYS_PTRACE"));
}

static const struct table_layout layout = {
	.title = "NAME",
	.name_least = 8,
	.name_most = 20,
	.gap = 1,
	.columns = {
		{ "ONE", 6, 0, false },
		{ "TWO", 6, 1, false },
		{ "REST", 4, 0, true },
	},
};

static const char *row(unsigned int columns, const char *name, const char *one, const char *two,
		       const char *rest)
{
	static char text[512];
	struct outbuf b;
	struct table t;

	assert_int_equal(outbuf_init(&b, sizeof(text)), 0);
	table_init(&t, &layout, columns);
	table_row(&t, &b);
	outbuf_puts(&b, name);
	table_cell(&t);
	outbuf_puts(&b, one);
	table_cell(&t);
	outbuf_puts(&b, two);
	table_cell(&t);
	outbuf_puts(&b, rest);
	table_cell(&t);
	table_end(&t);
	snprintf(text, sizeof(text), "%.*s", (int)b.len, b.data);
	outbuf_release(&b);
	return text;
}

static void a_table_has_its_columns(void **unused)
{
	(void)unused;
	assert_string_equal(row(0, "a", "1", "22", "x"), "a                         1     22  x\n");
	assert_string_equal(row(44, "a", "1", "22", "x"),
			    "a                         1     22  x\n");
	/* a long number takes the room behind it, and neither is cut */
	assert_string_equal(row(0, "a", "123456789", "22", "x"),
			    "a                    123456789  22  x\n");
	/* a long name has a line of its own */
	assert_string_equal(row(0, "a name of its own line", "1", "2", "x"),
			    "a name of its own line\n"
			    "                          1      2  x\n");
	/* what is too long at the end goes to the next line */
	assert_string_equal(row(40, "a", "1", "2", "a text that is long"),
			    "a                         1      2\n"
			    "    a text that is long\n");
}

static void columns_go_where_there_is_no_room(void **unused)
{
	static const struct table_layout wide = {
		.title = "NAME",
		.name_least = 20,
		.name_most = 30,
		.gap = 1,
		.columns = {
			{ "ONE", 10, 2, false },
			{ "TWO", 10, 1, false },
			{ "THREE", 10, 0, false },
		},
	};
	static const struct {
		unsigned int columns;
		const char *header;
	} want[] = {
		{ 100, "NAME                                  ONE        TWO      THREE\n" },
		{ 53, "NAME                        ONE        TWO      THREE\n" },
		{ 52, "NAME                                  ONE      THREE\n" },
		{ 41, "NAME                                THREE\n" },
	};
	struct outbuf b;
	struct table t;

	(void)unused;
	assert_int_equal(outbuf_init(&b, 512), 0);
	for (size_t i = 0; i < COUNT(want); i++) {
		b.len = 0;
		table_init(&t, &wide, want[i].columns);
		table_header(&t, &b);
		outbuf_putc(&b, '\0');
		assert_string_equal(b.data, want[i].header);
	}
	outbuf_release(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sum_always_tells_what_was_lost),
		cmocka_unit_test(a_group_is_named_with_its_number),
		cmocka_unit_test(each_row_has_its_own_verdict),
		cmocka_unit_test(where_nobody_can_tell_all_are_named),
		cmocka_unit_test(a_dead_host_and_a_dead_rack_are_told_apart),
		cmocka_unit_test(devices_stand_behind_the_addresses_they_are_of),
		cmocka_unit_test(what_is_denied_is_told_with_its_error),
		cmocka_unit_test(a_table_has_its_columns),
		cmocka_unit_test(columns_go_where_there_is_no_room),
		cmocka_unit_test(alerts_and_groups_fit_the_terminal),
		cmocka_unit_test(an_audit_fits_the_terminal),
	};

	return cmocka_run_group_tests_name("audit_text", tests, NULL, NULL);
}
