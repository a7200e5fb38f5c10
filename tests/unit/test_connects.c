// SPDX-License-Identifier: GPL-2.0-only
/* test_connects.c - connect_failing: what raises it, what looks like it, and that it is over */
#include "unit.h"

#include "connects.h"
#include "defaults.h"
#include "detect.h"
#include "finding_json.h"
#include "finding_text.h"

#define MS	    1000000ull
#define SECOND	    1000000000ull
#define EMITTED_MAX 64

struct fixture {
	struct connects *connects;
	struct detect *detect;
	struct audit look;
	uint64_t now_ns;
	uint32_t n_emitted;
	struct finding emitted[EMITTED_MAX];
	/* of the next connect */
	struct conn conn;
	struct owner owner;
};

static const uint8_t here[16] = V4(10, 0, 0, 1), there[16] = V4(10, 0, 0, 5);
static const uint8_t here6[16] = V6(1), there6[16] = V6(5);

static int set_up(void **state)
{
	struct connects_config config = { .window_ns = 10 * SECOND,
					  .percent = default_opts()->detect.connect_fail_percent };
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(connects_new(&config, &f->connects), 0);
	assert_int_equal(detect_new(&default_opts()->detect, &f->detect), 0);
	f->now_ns = 100 * SECOND;
	f->conn = (struct conn){ .netns = 1, .netns_cookie = 7, .rport = 5432, .family = 4 };
	memcpy(f->conn.laddr, here, 16);
	memcpy(f->conn.raddr, there, 16);
	f->owner = (struct owner){ .pid = 812, .source = OWNER_TASK, .comm = "app" };
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	audit_release(&f->look);
	detect_free(f->detect);
	connects_free(f->connects);
	free(f);
	return 0;
}

/* ---- what happens ---------------------------------------------------------------------------- */

static void end(struct fixture *f, enum reason reason, uint64_t took_ns)
{
	struct change ch = { .conn = &f->conn,
			     .ts_ns = f->now_ns,
			     .in_old_ns = took_ns,
			     .old_state = TCS_SYN_SENT,
			     .new_state = reason ? TCS_CLOSE : TCS_ESTABLISHED,
			     .kernel_new_state = reason ? TCS_CLOSE : TCS_ESTABLISHED,
			     .reason = reason,
			     .owner = f->owner };

	connects_change(f->connects, &ch);
}

static void fails(struct fixture *f)
{
	end(f, REASON_REFUSED, MS);
}

static void succeeds(struct fixture *f)
{
	end(f, REASON_NONE, MS);
}

static void to_host(struct fixture *f, uint32_t n)
{
	f->conn.raddr[13] = (uint8_t)(n >> 16);
	f->conn.raddr[14] = (uint8_t)(n >> 8);
	f->conn.raddr[15] = (uint8_t)n;
}

static void on_finding(void *ctx, const struct finding *finding)
{
	struct fixture *f = ctx;

	assert_in_range(f->n_emitted, 0, EMITTED_MAX - 1);
	f->emitted[f->n_emitted++] = *finding;
}

static void begin_look(struct fixture *f, uint32_t covers)
{
	struct audit_config config = opts_audit_config(default_opts());

	audit_release(&f->look);
	assert_int_equal(audit_init(&f->look, &config), 0);
	f->look.ts_ns = f->now_ns;
	f->look.covers = covers;
}

static void end_look(struct fixture *f)
{
	f->look.covers |= AUDIT_CONNECTS;
	assert_int_equal(connects_into_audit(f->connects, &f->look), 0);
	assert_int_equal(audit_settle(&f->look, NULL, NULL), 0);
	detect_look(f->detect, &f->look, UINT32_MAX, on_finding, f);
}

static void look(struct fixture *f)
{
	begin_look(f, AUDIT_COUNTERS | AUDIT_SOCKETS | AUDIT_PENDING);
	end_look(f);
}

/* n connects a second, each of which `each` ends, for that many seconds; with looks. */
static void run(struct fixture *f, uint32_t seconds, uint32_t n, void (*each)(struct fixture *f))
{
	uint32_t i;

	for (; seconds; seconds--) {
		for (i = 0; i < n; i++) {
			f->now_ns += SECOND / n;
			each(f);
		}
		if (!n)
			f->now_ns += SECOND;
		look(f);
	}
}

static void add_pending(struct fixture *f, const uint8_t raddr[16], uint64_t n, uint64_t oldest_ns)
{
	struct audit_connect row = audit_no_connect();

	row.netns = 1;
	row.netns_cookie = 7;
	row.rport = 5432;
	row.family = 4;
	row.pending = n;
	row.oldest_ns = oldest_ns;
	memcpy(row.laddr, here, 16);
	memcpy(row.raddr, raddr, 16);
	assert_int_equal(audit_add_connect(&f->look, &row), 0);
}

static const struct audit_connect *emitted_row(const struct fixture *f, uint32_t i)
{
	assert_in_range(i, 0, f->n_emitted - 1);
	assert_int_equal(f->emitted[i].kind, FINDING_CONNECT_FAILING);
	return &f->emitted[i].row.connect.row;
}

/* ---- what fails ------------------------------------------------------------------------------ */

static void a_destination_that_refuses_is_found_and_cleared(void **state)
{
	struct fixture *f = *state;
	const struct audit_connect *row;

	run(f, 10, 100, fails);
	assert_int_equal(f->n_emitted, 0); /* a restart may take as long */
	run(f, 2, 100, fails);
	assert_int_equal(f->n_emitted, 1);
	row = emitted_row(f, 0);
	assert_int_equal(f->emitted[0].severity, SEVERITY_WARNING);
	assert_int_equal(row->of, CONNECT_OF_DESTINATION);
	assert_int_equal(row->rport, 5432);
	assert_int_equal(row->connected, 0);
	assert_in_range(row->failed[CONNECT_REFUSED], 500, 1100);
	assert_in_range(row->failing_ns, 10 * SECOND, 12 * SECOND);
	assert_int_equal(row->owner.pid, 812);
	run(f, 60, 100, fails);
	assert_int_equal(f->n_emitted, 1);
	run(f, 10, 100, succeeds);
	assert_int_equal(f->n_emitted, 2);
	assert_int_equal(f->emitted[1].status, FINDING_CLEARED);
}

static void it_is_over_when_nothing_is_tried_any_more(void **state)
{
	struct fixture *f = *state;

	run(f, 12, 3, fails);
	assert_int_equal(f->n_emitted, 1);
	run(f, 5, 0, fails);
	assert_int_equal(f->n_emitted, 1);
	run(f, 15, 0, fails);
	assert_int_equal(f->n_emitted, 2);
	assert_int_equal(f->emitted[1].status, FINDING_CLEARED);
}

/* Clients that wait longer and longer still fail. */
static void fewer_failures_do_not_clear_it(void **state)
{
	struct fixture *f = *state;

	run(f, 12, 100, fails);
	assert_int_equal(f->n_emitted, 1);
	for (int i = 0; i < 20; i++) {
		run(f, 2, 0, fails);
		run(f, 1, 1, fails);
	}
	assert_int_equal(f->n_emitted, 1);
}

static void reasons_are_counted_apart(void **state)
{
	struct fixture *f = *state;
	const struct audit_connect *row;
	uint32_t i;

	for (i = 0; i < 120; i++) {
		f->now_ns += 100 * MS;
		end(f, REASON_TIMEOUT, 127 * SECOND);
		end(f, REASON_UNREACHABLE, 3 * SECOND);
		end(f, REASON_NO_LOCAL_PORT, 0);
		end(f, REASON_OTHER, 0);
		end(f, REASON_CANCELLED, SECOND);
		end(f, REASON_CANCELLED, SECOND - 1); /* another attempt won */
		end(f, REASON_CANCELLED, TRACK_UNKNOWN_NS);
		end(f, REASON_KILLED, SECOND);
	}
	look(f);
	row = emitted_row(f, 0);
	for (i = 0; i < CONNECT_FAILURES; i++)
		assert_int_equal(row->failed[i],
				 i == CONNECT_REFUSED ? 0 : row->failed[CONNECT_TIMED_OUT]);
	assert_int_equal(audit_connect_failing(row), 5 * row->failed[CONNECT_OTHER]);
}

/* One of the two hosts behind a name is down. */
static void half_of_all(struct fixture *f)
{
	static bool odd;

	odd = !odd;
	end(f, odd ? REASON_REFUSED : REASON_NONE, MS);
}

static void half_of_all_is_enough(void **state)
{
	struct fixture *f = *state;

	run(f, 30, 50, half_of_all);
	assert_int_equal(f->n_emitted, 1);
	assert_in_range(emitted_row(f, 0)->failing_ns, 10 * SECOND, 12 * SECOND);
}

static void one_in_three(struct fixture *f)
{
	static unsigned int n;

	end(f, n++ % 3 ? REASON_NONE : REASON_REFUSED, MS);
}

static void one_in_three_is_not(void **state)
{
	struct fixture *f = *state;

	run(f, 30, 50, one_in_three);
	assert_int_equal(f->n_emitted, 0);
}

static void connects_without_an_answer_are_found_before_they_end(void **state)
{
	struct fixture *f = *state;
	uint32_t i;

	for (i = 1; i <= 13; i++) {
		f->now_ns += SECOND;
		begin_look(f, AUDIT_SOCKETS | AUDIT_PENDING);
		add_pending(f, there, 500, i * SECOND);
		end_look(f);
	}
	assert_int_equal(f->n_emitted, 1);
	assert_int_equal(emitted_row(f, 0)->pending, 500);
	assert_int_equal(emitted_row(f, 0)->connected, 0);
	assert_in_range(emitted_row(f, 0)->oldest_ns, 10 * SECOND, 12 * SECOND);
	/* A snapshot of counters alone does not clear it. */
	for (i = 0; i < 20; i++) {
		struct audit before = f->look;

		f->look = (struct audit){ 0 };
		f->now_ns += SECOND;
		begin_look(f, AUDIT_COUNTERS);
		assert_int_equal(audit_carry_connects(&f->look, &before), 0);
		end_look(f);
		audit_release(&before);
	}
	assert_int_equal(f->n_emitted, 1);
	run(f, 20, 0, fails);
	assert_int_equal(f->n_emitted, 2);
	assert_int_equal(f->emitted[1].status, FINDING_CLEARED);
}

/* The accept queue over there overflows now and then. */
static void a_few_without_an_answer_beside_many_that_succeed(void **state)
{
	struct fixture *f = *state;
	uint32_t i, k;

	for (i = 1; i <= 30; i++) {
		for (k = 0; k < 200; k++) {
			f->now_ns += 5 * MS;
			succeeds(f);
		}
		begin_look(f, AUDIT_SOCKETS | AUDIT_PENDING);
		add_pending(f, there, 30, 15 * SECOND);
		end_look(f);
	}
	assert_int_equal(f->n_emitted, 0);
}

static void to_next_host(struct fixture *f)
{
	static uint32_t n;

	to_host(f, n++ % 1000);
	end(f, REASON_UNREACHABLE, 3 * SECOND);
}

static void a_dead_network_is_one_finding(void **state)
{
	struct fixture *f = *state;
	const struct audit_connect *row;

	run(f, 40, 1000, to_next_host);
	assert_int_equal(f->n_emitted, 1);
	row = emitted_row(f, 0);
	assert_int_equal(row->of, CONNECT_OF_SOURCE);
	assert_memory_equal(row->laddr, here, 16);
	assert_int_equal(row->destinations, 1000);
	assert_int_equal(f->emitted[0].severity, SEVERITY_CRITICAL);
	/* The network is back. */
	run(f, 12, 100, succeeds);
	assert_int_equal(f->n_emitted, 2);
	assert_int_equal(f->emitted[1].status, FINDING_CLEARED);
}

/* Each host is tried once, and the connects hang. */
static void a_silent_network_is_found_by_what_waits(void **state)
{
	struct fixture *f = *state;
	uint8_t raddr[16] = V4(10, 9, 0, 0);
	uint32_t i, k;

	for (i = 1; i <= 14; i++) {
		f->now_ns += SECOND;
		begin_look(f, AUDIT_SOCKETS | AUDIT_PENDING);
		for (k = 0; k < 40; k++) {
			raddr[15] = (uint8_t)k;
			add_pending(f, raddr, 1, i * SECOND);
		}
		end_look(f);
	}
	assert_int_equal(f->n_emitted, 1);
	assert_int_equal(emitted_row(f, 0)->of, CONNECT_OF_SOURCE);
	assert_int_equal(emitted_row(f, 0)->pending, 40);
}

/* ---- look-alikes ----------------------------------------------------------------------------- */

static void a_peer_that_restarts(void **state)
{
	struct fixture *f = *state;
	int i;

	for (i = 0; i < 10; i++) {
		run(f, 20, 200, succeeds);
		run(f, 8, 200, fails);
	}
	run(f, 20, 200, succeeds);
	assert_int_equal(f->n_emitted, 0);
}

static void a_health_check_of_a_dead_port(void **state)
{
	struct fixture *f = *state;

	run(f, 3600, 1, fails);
	assert_int_equal(f->n_emitted, 0);
}

static void to_next_port(struct fixture *f)
{
	f->conn.rport++;
	end(f, REASON_REFUSED, MS);
}

static void a_scan_of_ports_by_ourselves(void **state)
{
	struct fixture *f = *state;

	run(f, 60, 1000, to_next_port);
	assert_int_equal(f->n_emitted, 0);
}

static void to_new_host_twice(struct fixture *f)
{
	static uint32_t n;

	to_host(f, n++ / 2 % 65536);
	end(f, REASON_CANCELLED, 2 * SECOND);
}

/* What does not answer is tried once more. */
static void a_scan_of_hosts_by_ourselves(void **state)
{
	struct fixture *f = *state;

	run(f, 60, 500, to_new_host_twice);
	assert_int_equal(f->n_emitted, 0);
}

static void ipv6_then_ipv4(struct fixture *f)
{
	f->conn.family = 6;
	memcpy(f->conn.laddr, here6, 16);
	memcpy(f->conn.raddr, there6, 16);
	fails(f);
	f->conn.family = 4;
	memcpy(f->conn.laddr, here, 16);
	memcpy(f->conn.raddr, there, 16);
	succeeds(f);
}

static void happy_eyeballs_are_info_at_most(void **state)
{
	struct fixture *f = *state;

	run(f, 60, 50, ipv6_then_ipv4);
	assert_int_equal(f->n_emitted, 1);
	assert_int_equal(f->emitted[0].severity, SEVERITY_INFO);
	assert_int_equal(emitted_row(f, 0)->family, 6);
	assert_true(emitted_row(f, 0)->elsewhere > 0);
}

/* Another process connects by the other family. */
static void ipv4_of_another_process(struct fixture *f)
{
	f->owner.pid = 812;
	ipv6_then_ipv4(f);
	f->owner.pid = 813;
	f->conn.family = 6;
	memcpy(f->conn.raddr, there6, 16);
	f->conn.rport = 6432;
	fails(f);
	f->conn.rport = 5432;
}

static void only_the_same_process_goes_elsewhere(void **state)
{
	struct fixture *f = *state;

	run(f, 12, 50, ipv4_of_another_process);
	assert_int_equal(f->n_emitted, 2);
	assert_int_equal(f->emitted[0].severity == SEVERITY_WARNING,
			 emitted_row(f, 0)->rport == 6432);
	assert_int_equal(f->emitted[1].severity == SEVERITY_WARNING,
			 emitted_row(f, 1)->rport == 6432);
}

static void a_race_of_attempts(struct fixture *f)
{
	f->conn.family = 6;
	memcpy(f->conn.raddr, there6, 16);
	end(f, REASON_CANCELLED, 300 * MS);
	f->conn.family = 4;
	memcpy(f->conn.raddr, there, 16);
	succeeds(f);
}

static void an_attempt_that_lost_has_not_failed(void **state)
{
	struct fixture *f = *state;

	run(f, 60, 50, a_race_of_attempts);
	assert_int_equal(f->n_emitted, 0);
	assert_int_equal(f->look.n_connects, 0);
}

/* ---- alerts ---------------------------------------------------------------------------------- */

static const char *put_alert(const struct finding *finding, bool json)
{
	static const struct sink_world world;
	static char text[4096];
	size_t at, n = 0;
	struct outbuf b;

	assert_int_equal(outbuf_init(&b, sizeof(text)), 0);
	if (json)
		finding_json(&b, &world, finding, 0);
	else
		finding_text_alert(&b, &world, finding, 0, 4000);
	/* as one line */
	for (at = 0; at < b.len && n + 1 < sizeof(text); at++)
		if (b.data[at] != '\n' || at + 1 == b.len)
			text[n++] = b.data[at];
		else
			at++;
	text[n] = '\0';
	outbuf_release(&b);
	return text;
}

static void evidence_is_in_text_and_json(void **state)
{
	struct fixture *f = *state;
	const char *text;

	run(f, 12, 4, fails);
	assert_int_equal(f->n_emitted, 1);
	text = put_alert(&f->emitted[0], false);
	assert_non_null(strstr(text, "ALERT connect_failing warning to 10.0.0.5:5432: "));
	assert_non_null(strstr(text, " of "));
	assert_non_null(strstr(text, " refused); it lasts for "));
	assert_non_null(strstr(text, "; the last one by app(812)."));
	assert_non_null(strstr(text, " Start the service that refuses, "));
	text = put_alert(&f->emitted[0], true);
	assert_non_null(strstr(text, "\"laddr\":null,"));
	assert_non_null(strstr(text, "\"raddr\":\"10.0.0.5\",\"rport\":5432,"));
	assert_non_null(strstr(text, "\"no_local_port\":0,"));
	assert_non_null(strstr(text, "\"pending\":0,"));
	assert_non_null(strstr(text, "\"destinations\":null"));
	f->emitted[0].row.connect.row.pending = AUDIT_UNKNOWN;
	f->emitted[0].row.connect.row.connected = AUDIT_UNKNOWN;
	f->emitted[0].row.connect.row.open = true;
	f->emitted[0].row.connect.row.lasts = false;
	text = put_alert(&f->emitted[0], true);
	assert_non_null(strstr(text, "\"attempts\":null,\"failed\":null,\"refused\":null,"));
	assert_non_null(strstr(text, "\"pending\":null,\"failing_us\":null,"));
}

static void advice_follows_from_the_evidence(void **state)
{
	static const struct {
		enum connect_failure why;
		uint8_t of;
		const char *advice;
	} want[] = {
		{ CONNECT_REFUSED, CONNECT_OF_DESTINATION, "Start the service" },
		{ CONNECT_TIMED_OUT, CONNECT_OF_DESTINATION, "Find out where the packets" },
		{ CONNECT_GIVEN_UP, CONNECT_OF_DESTINATION, "Find out where the packets" },
		{ CONNECT_UNREACHABLE, CONNECT_OF_DESTINATION, "Ask for the route" },
		{ CONNECT_NO_LOCAL_PORT, CONNECT_OF_DESTINATION, "Use fewer local ports" },
		{ CONNECT_NO_LOCAL_PORT, CONNECT_OF_SOURCE, "Use fewer local ports" },
		{ CONNECT_OTHER, CONNECT_OF_DESTINATION, "Look at how they fail" },
		{ CONNECT_REFUSED, CONNECT_OF_SOURCE, "Check uplink" },
	};
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(want); i++) {
		struct finding f = { .kind = FINDING_CONNECT_FAILING };

		f.row.connect.row = audit_no_connect();
		f.row.connect.row.of = want[i].of;
		f.row.connect.row.failed[want[i].why] = 7;
		assert_memory_equal(finding_advice(&f, &len), want[i].advice,
				    strlen(want[i].advice));
		f.row.connect.row.pending = 100;
		assert_memory_equal(finding_advice(&f, &len),
				    want[i].of == CONNECT_OF_SOURCE ? "Check" : "Find out", 5);
	}
}

/* ---- keys, bounds ---------------------------------------------------------------------------- */

static void on_two_links(struct fixture *f)
{
	f->conn.device = f->conn.device == 2 ? 3 : 2;
	fails(f);
}

static void a_destination_is_of_its_link_and_namespace(void **state)
{
	struct fixture *f = *state;

	run(f, 12, 20, on_two_links);
	assert_int_equal(f->n_emitted, 2);
	assert_int_not_equal(emitted_row(f, 0)->device, emitted_row(f, 1)->device);
	run(f, 20, 0, fails);
	f->n_emitted = 0;
	f->conn.netns_cookie = 8;
	f->conn.netns = 2;
	run(f, 12, 20, fails);
	assert_int_equal(f->n_emitted, 1);
	assert_int_equal(f->emitted[0].netns, 2);
	assert_true(f->emitted[0].netns_cookie == 8);
}

/* An unprivileged user fills the table: another namespace, other ports each time. */
static void fill(struct fixture *f)
{
	static uint32_t n;
	struct conn before = f->conn;
	int i;

	f->conn.netns = 9;
	f->conn.netns_cookie = 9;
	for (i = 0; i < 500; i++) {
		to_host(f, n >> 8);
		f->conn.rport = (uint16_t)(1 + n++ % 256);
		fails(f);
	}
	f->conn = before;
	fails(f);
}

static void a_full_table_does_not_blind(void **state)
{
	struct fixture *f = *state;
	uint64_t skipped = 0;
	uint32_t i;

	for (i = 0; i < 13; i++) {
		run(f, 1, 40, fill);
		skipped += f->look.blind.skipped;
	}
	assert_true(skipped > 10000);
	for (i = 0; i < f->n_emitted; i++)
		if (f->emitted[i].netns == 1 && emitted_row(f, i)->rport == 5432)
			return;
	fail();
}

/* ---- an audit: counts of a window, no events ------------------------------------------------- */

static void add_counted(struct audit *look, enum connect_failure why, uint64_t n, uint64_t ns)
{
	struct audit_connect row = audit_no_connect();

	row.netns = 1;
	row.rport = 5432;
	row.family = 4;
	row.window_ns = SECOND;
	row.open = true;
	row.failed[why] = row.recent_failed = n;
	row.failing_ns = ns;
	memcpy(row.laddr, here, 16);
	memcpy(row.raddr, there, 16);
	assert_int_equal(audit_add_connect(look, &row), 0);
}

static enum severity judge_at_once(struct fixture *f, uint32_t covers)
{
	struct detect_config config = default_opts()->detect;
	struct detect *detect;

	config.at_once = true;
	f->n_emitted = 0;
	f->look.covers |= covers;
	assert_int_equal(audit_settle(&f->look, NULL, NULL), 0);
	assert_int_equal(detect_new(&config, &detect), 0);
	detect_look(detect, &f->look, UINT32_MAX, on_finding, f);
	detect_free(detect);
	return f->n_emitted ? f->emitted[0].severity : SEVERITY_OK;
}

static void an_audit_does_not_know_how_long(void **state)
{
	struct fixture *f = *state;

	begin_look(f, AUDIT_SOCKETS);
	add_counted(&f->look, CONNECT_REFUSED, 19, SECOND);
	assert_int_equal(judge_at_once(f, AUDIT_CONNECTS), SEVERITY_OK);
	begin_look(f, AUDIT_SOCKETS);
	add_counted(&f->look, CONNECT_REFUSED, 500, SECOND);
	assert_int_equal(judge_at_once(f, AUDIT_CONNECTS), SEVERITY_INFO);
	begin_look(f, AUDIT_SOCKETS);
	add_counted(&f->look, CONNECT_REFUSED, 500, 10 * SECOND);
	assert_int_equal(judge_at_once(f, AUDIT_CONNECTS), SEVERITY_WARNING);
	begin_look(f, AUDIT_SOCKETS);
	add_counted(&f->look, CONNECT_NO_LOCAL_PORT, 500, SECOND);
	assert_int_equal(judge_at_once(f, AUDIT_CONNECTS), SEVERITY_WARNING);
}

static void an_audit_of_one_look_knows_what_waits(void **state)
{
	struct fixture *f = *state;

	begin_look(f, AUDIT_SOCKETS | AUDIT_PENDING);
	add_pending(f, there, 500, 9 * SECOND);
	assert_int_equal(judge_at_once(f, 0), SEVERITY_OK);
	begin_look(f, AUDIT_SOCKETS | AUDIT_PENDING);
	add_pending(f, there, 500, 11 * SECOND);
	assert_int_equal(judge_at_once(f, 0), SEVERITY_WARNING);
	assert_true(emitted_row(f, 0)->connected == AUDIT_UNKNOWN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(a_destination_that_refuses_is_found_and_cleared),
		TEST(it_is_over_when_nothing_is_tried_any_more),
		TEST(fewer_failures_do_not_clear_it),
		TEST(reasons_are_counted_apart),
		TEST(half_of_all_is_enough),
		TEST(one_in_three_is_not),
		TEST(connects_without_an_answer_are_found_before_they_end),
		TEST(a_few_without_an_answer_beside_many_that_succeed),
		TEST(a_dead_network_is_one_finding),
		TEST(a_silent_network_is_found_by_what_waits),
		TEST(a_peer_that_restarts),
		TEST(a_health_check_of_a_dead_port),
		TEST(a_scan_of_ports_by_ourselves),
		TEST(a_scan_of_hosts_by_ourselves),
		TEST(happy_eyeballs_are_info_at_most),
		TEST(only_the_same_process_goes_elsewhere),
		TEST(an_attempt_that_lost_has_not_failed),
		TEST(evidence_is_in_text_and_json),
		TEST(advice_follows_from_the_evidence),
		TEST(a_destination_is_of_its_link_and_namespace),
		TEST(a_full_table_does_not_blind),
		TEST(an_audit_does_not_know_how_long),
		TEST(an_audit_of_one_look_knows_what_waits),
	};

	return cmocka_run_group_tests_name("connects", tests, NULL, NULL);
}
