// SPDX-License-Identifier: GPL-2.0-only
/* test_detect.c - findings: what raises one, what does not, and that nothing flaps */
#include "judge.h"
#include "standing.h"

static void add_close_wait(struct fixture *f, uint32_t pid, unsigned int n, uint64_t age_ns)
{
	struct audit_socket s = { .netns = 1,
				  .state = TCS_CLOSE_WAIT,
				  .family = 4,
				  .quiet_ns = age_ns,
				  .in_state_ns = AUDIT_UNKNOWN,
				  .owner = { .pid = pid, .comm = "app" } };

	while (n--)
		assert_int_equal(audit_add_socket(&f->look, &s), 0);
}

static void many_young_ones_are_a_slow_process(void **state)
{
	struct fixture *f = *state;

	add_close_wait(f, 7, 5000, 59 * SECOND);
	assert_int_equal(judge(f), 0);
	assert_int_equal(detect_worst(f->detect), SEVERITY_OK);
}

static void a_few_old_ones_are_no_leak(void **state)
{
	struct fixture *f = *state;

	add_close_wait(f, 7, 9, 7200 * SECOND);
	assert_int_equal(judge(f), 0);
}

static void old_ones_of_one_process_are_a_leak(void **state)
{
	struct fixture *f = *state;

	add_close_wait(f, 7, 10, 60 * SECOND);
	add_close_wait(f, 8, 9, 60 * SECOND);
	assert_int_equal(judge(f), 1);
	assert_int_equal(f->emitted.last.kind, FINDING_CLOSE_WAIT_LEAK);
	assert_int_equal(f->emitted.last.severity, SEVERITY_WARNING);
	assert_int_equal(f->emitted.last.status, FINDING_RAISED);
	assert_int_equal(f->emitted.last.row.half_closed.owner.pid, 7);
	assert_int_equal(f->emitted.last.row.half_closed.count, 10);
}

static void unknown_ages_raise_nothing(void **state)
{
	struct fixture *f = *state;

	add_close_wait(f, 7, 1000, AUDIT_UNKNOWN);
	assert_int_equal(judge(f), 0);
	assert_true(f->look.close_wait[0].oldest_ns == AUDIT_UNKNOWN);
}

static void the_limit_of_descriptors_makes_it_critical(void **state)
{
	struct fixture *f = *state;

	add_close_wait(f, 7, 900, 61 * SECOND);
	f->look.close_wait[0].fd_used = 921;
	f->look.close_wait[0].fd_limit = 1024;
	assert_int_equal(judge(f), 1);
	assert_int_equal(f->emitted.last.severity, SEVERITY_WARNING);

	begin_look(f);
	add_close_wait(f, 7, 900, 61 * SECOND);
	f->look.close_wait[0].fd_used = 922;
	f->look.close_wait[0].fd_limit = 1024;
	assert_int_equal(judge(f), 1);
	assert_int_equal(f->emitted.last.severity, SEVERITY_CRITICAL);
	assert_int_equal(f->emitted.last.status, FINDING_UPDATED);
}

static void a_full_table_of_other_files_is_not_the_leaks_doing(void **state)
{
	struct fixture *f = *state;

	add_close_wait(f, 7, 100, 61 * SECOND);
	f->look.close_wait[0].fd_used = 1020;
	f->look.close_wait[0].fd_limit = 1024;
	assert_int_equal(judge(f), 1);
	assert_int_equal(f->emitted.last.severity, SEVERITY_WARNING);
}

static void growth_tells_when_descriptors_run_out(void **state)
{
	struct fixture *f = *state;
	struct audit earlier;

	assert_int_equal(audit_init(&earlier, &f->look.config), 0);
	f->look.ts_ns = 7 * SECOND;
	earlier.ts_ns = 5 * SECOND;
	add_close_wait(f, 7, 100, 61 * SECOND);
	assert_int_equal(audit_add_socket(&earlier, &f->look.close_wait[0].example), 0);
	assert_int_equal(audit_settle(&f->look, &earlier, &earlier), 0);
	assert_int_equal(f->look.close_wait[0].growth_milli, 49500);
	f->look.close_wait[0].fd_used = 120;
	f->look.close_wait[0].fd_limit = 1110;
	detect_look(f->detect, &f->look, UINT32_MAX, on_finding, &f->emitted);
	assert_int_equal(f->emitted.n, 1);
	assert_int_equal(f->emitted.last.seconds_left, 20);
	assert_int_equal(f->emitted.last.severity, SEVERITY_CRITICAL);
	audit_release(&earlier);
}

static void it_is_told_once_and_again_when_doubled(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		begin_look(f);
		add_close_wait(f, 7, 10 + i / 2, 100 * SECOND);
		/* 10 .. 19: raised in the first, never doubled */
		assert_int_equal(judge(f), i ? 0 : 1);
	}
	begin_look(f);
	add_close_wait(f, 7, 20, 100 * SECOND);
	assert_int_equal(judge(f), 1);
	assert_int_equal(f->emitted.last.status, FINDING_UPDATED);
	assert_int_equal(f->emitted.last.since_ns, 2 * SECOND);
}

static void a_value_at_the_edge_does_not_flap(void **state)
{
	struct fixture *f = *state;
	uint32_t emitted = 0;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		begin_look(f);
		add_close_wait(f, 7, i & 1 ? 9 : 10, 100 * SECOND);
		emitted += judge(f);
	}
	assert_int_equal(emitted, 1);
	/* And one that is gone now and then, for less than the three looks. */
	for (i = 0; i < 99; i++) {
		begin_look(f);
		if (i % 3 == 2)
			add_close_wait(f, 7, 10, 100 * SECOND);
		emitted += judge(f);
	}
	assert_int_equal(emitted, 1);
	assert_int_equal(detect_open(f->detect), 1);
}

static void it_is_cleared_after_three_quiet_looks(void **state)
{
	struct fixture *f = *state;

	add_close_wait(f, 7, 10, 100 * SECOND);
	assert_int_equal(judge(f), 1);
	begin_look(f);
	assert_int_equal(judge(f), 0);
	begin_look(f);
	assert_int_equal(judge(f), 0);
	assert_int_equal(detect_open(f->detect), 1);
	begin_look(f);
	assert_int_equal(judge(f), 1);
	assert_int_equal(f->emitted.last.status, FINDING_CLEARED);
	assert_int_equal(detect_open(f->detect), 0);
	assert_int_equal(detect_worst(f->detect), SEVERITY_OK);
	begin_look(f);
	assert_int_equal(judge(f), 0);
}

static struct audit_place place(uint32_t used, uint32_t range)
{
	return (struct audit_place){
		.netns = 1,
		.family = 4,
		.laddr = V4(10, 0, 0, 7),
		.raddr = V4(10, 0, 0, 5),
		.rport = 5432,
		.time_wait = used,
		.ports_used = used,
		.ports_range = range,
	};
}

static uint32_t judge_place(struct fixture *f, const struct audit_place *p)
{
	assert_int_equal(audit_add_place(&f->look, p), 0);
	return judge(f);
}

static void ports_run_out(void **state)
{
	struct fixture *f = *state;
	struct audit_place p = place(79, 100);

	assert_int_equal(judge_place(f, &p), 0);
	begin_look(f);
	p = place(80, 100);
	assert_int_equal(judge_place(f, &p), 1);
	assert_int_equal(f->emitted.last.kind, FINDING_PORT_EXHAUSTION);
	assert_int_equal(f->emitted.last.severity, SEVERITY_WARNING);
	begin_look(f);
	p = place(95, 100);
	assert_int_equal(judge_place(f, &p), 1);
	assert_int_equal(f->emitted.last.severity, SEVERITY_CRITICAL);
	begin_look(f);
	p = place(85, 100); /* better, but not over: nothing is emitted */
	assert_int_equal(judge_place(f, &p), 0);
	assert_int_equal(detect_worst(f->detect), SEVERITY_CRITICAL);
}

static void ports_that_connect_takes_over_are_free(void **state)
{
	struct fixture *f = *state;
	struct audit_place p = place(100, 100);

	p.reusable = 21;
	assert_int_equal(judge_place(f, &p), 0);
}

static void a_server_full_of_time_wait_is_not_exhausted(void **state)
{
	struct fixture *f = *state;
	struct audit_place p = place(0, 0);

	p.rport = 0;
	p.lport = 80;
	p.time_wait = 200000;
	assert_int_equal(judge_place(f, &p), 0);
}

static void an_unknown_range_raises_nothing(void **state)
{
	struct fixture *f = *state;
	struct audit_place p = place(60000, 0);

	assert_int_equal(judge_place(f, &p), 0);
}

/* Of a local address, toward all: bind() before connect(). */
static struct audit_place source(uint32_t used, uint32_t bound)
{
	struct audit_place p = place(used, 100);

	memset(p.raddr, 0, sizeof(p.raddr));
	p.rport = p.time_wait = 0;
	p.flags = AUDIT_PLACE_BOUND;
	p.bound = bound;
	return p;
}

static void ports_of_bind_run_out_toward_all(void **state)
{
	struct fixture *f = *state;
	struct audit_place p = source(79, 79);

	assert_int_equal(judge_place(f, &p), 0);
	begin_look(f);
	p = source(100, 20); /* most of them connect() chose: it shares them among destinations */
	assert_int_equal(judge_place(f, &p), 0);
	begin_look(f);
	p = source(80, 80);
	assert_int_equal(judge_place(f, &p), 1);
	assert_int_equal(f->emitted.last.kind, FINDING_PORT_EXHAUSTION);
	assert_int_equal(f->emitted.last.severity, SEVERITY_WARNING);
	begin_look(f);
	p = source(96, 60); /* the next bind() conflicts with the others, too */
	assert_int_equal(judge_place(f, &p), 1);
	assert_int_equal(f->emitted.last.severity, SEVERITY_CRITICAL);
}

/* A thousand destinations are not a thousand findings. */
static void ports_of_bind_are_no_destinations(void **state)
{
	struct fixture *f = *state;
	struct audit_place p = place(98, 100);

	p.flags = AUDIT_PLACE_BOUND;
	p.bound = 90;
	assert_int_equal(judge_place(f, &p), 0);
	begin_look(f);
	p.bound = 50;
	assert_int_equal(judge_place(f, &p), 1);
	assert_int_equal(f->emitted.last.severity, SEVERITY_CRITICAL);
}

static void ranges_run_out_one_by_one(void **state)
{
	struct fixture *f = *state;
	struct audit_place p = place(20, 100);

	assert_int_equal(audit_add_place(&f->look, &p), 0);
	p.ports_range = 20;
	p.range_first = 40000;
	p.range_last = 40019;
	assert_int_equal(judge_place(f, &p), 1);
	assert_int_equal(f->emitted.last.row.place.range_last, 40019);
	begin_look(f);
	p.range_last = 40020;
	assert_int_equal(judge_place(f, &p), 1);
	assert_int_equal(f->emitted.last.status, FINDING_RAISED);
	assert_int_equal(detect_open(f->detect), 2);
}

/* What was in use is TIME_WAIT that connect() takes over by now. */
static void connects_that_failed_are_critical(void **state)
{
	struct fixture *f = *state;
	struct audit_place p = place(100, 100);

	p.reusable = 100;
	assert_int_equal(judge_place(f, &p), 0);
	begin_look(f);
	p.failed = 1;
	assert_int_equal(judge_place(f, &p), 1);
	assert_int_equal(f->emitted.last.kind, FINDING_PORT_EXHAUSTION);
	assert_int_equal(f->emitted.last.severity, SEVERITY_CRITICAL);
}

static void failures_count_where_the_range_is_not_known(void **state)
{
	struct fixture *f = *state;
	struct audit_place p = place(0, 0);

	p.failed = 9;
	assert_int_equal(audit_add_failed(&f->look, &p), 0);
	assert_int_equal(judge(f), 0);
	begin_look(f);
	p.failed = 10;
	assert_int_equal(audit_add_failed(&f->look, &p), 0);
	assert_int_equal(judge(f), 1);
	assert_int_equal(f->emitted.last.severity, SEVERITY_CRITICAL);
	assert_true(f->emitted.last.seconds_left == AUDIT_UNKNOWN);
}

static void advice_is_by_the_evidence(void **state)
{
	struct finding f = { .kind = FINDING_PORT_EXHAUSTION, .row.place = place(90, 100) };
	const char *text;
	size_t len;

	(void)state;
	text = finding_advice(&f, &len);
	assert_memory_equal(text, "Reuse connections", 17);
	f.row.place.bound = 60;
	text = finding_advice(&f, &len);
	assert_memory_equal(text, "A program that calls bind()", 27);
	f.row.place = source(500, 500);
	text = finding_advice(&f, &len);
	assert_memory_equal(text, "A program that calls bind()", 27);
	f.row.place.range_first = 512;
	f.row.place.range_last = 1023;
	text = finding_advice(&f, &len);
	assert_memory_equal(text, "Reserved ports", 14);
}

static uint32_t judge_table(struct fixture *f, uint32_t n, uint32_t limit, int64_t overflow)
{
	struct audit_netns row = { .netns = 5, .time_wait_table = n, .time_wait_limit = limit };

	begin_look(f);
	assert_int_equal(audit_add_netns(&f->look, &row), 0);
	f->look.netns[0].overflow_milli = overflow;
	return judge(f);
}

static void the_time_wait_table_fills(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(judge_table(f, 799, 1000, AUDIT_NO_RATE), 0);
	assert_int_equal(judge_table(f, 5, 0, AUDIT_NO_RATE), 0);
	assert_int_equal(judge_table(f, 800, 1000, AUDIT_NO_RATE), 1);
	assert_int_equal(f->emitted.last.severity, SEVERITY_WARNING);
	assert_int_equal(judge_table(f, 1000, 1000, 500), 1);
	assert_int_equal(f->emitted.last.severity, SEVERITY_CRITICAL);
	assert_int_equal(f->emitted.last.netns, 5);
}

static void findings_are_of_one_device_and_namespace(void **unused)
{
	struct finding a = { .kind = FINDING_PORT_EXHAUSTION, .netns = 1, .netns_cookie = 5 }, b;

	(void)unused;
	b = a;
	assert_true(finding_same(&a, &b));
	b.netns = 2; /* a cookie is one namespace's, whatever it is called */
	assert_true(finding_same(&a, &b));
	b = a;
	b.netns_cookie = 6;
	assert_false(finding_same(&a, &b));
	b.netns_cookie = 0;
	assert_true(finding_same(&a, &b));
	b.netns = 2;
	assert_false(finding_same(&a, &b));
	b = a;
	b.row.place.device = 3;
	assert_false(finding_same(&a, &b));
	a.kind = b.kind = FINDING_DEAD_PEER;
	memset(&a.row, 0, sizeof(a.row));
	memset(&b.row, 0, sizeof(b.row));
	assert_true(finding_same(&a, &b));
	b.row.dead.device = 3;
	assert_false(finding_same(&a, &b));
	a.kind = b.kind = FINDING_SYN_SCAN;
	memset(&b.row, 0, sizeof(b.row));
	assert_true(finding_same(&a, &b));
	b.row.scanner.device = 3;
	assert_false(finding_same(&a, &b));
}

/* The one before is over, and the other raised: nothing of it is "updated". */
static void a_namespace_with_a_reused_number_has_findings_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct audit_netns n = { .netns = 1, .netns_cookie = 5 };
	struct audit_place p = place(85, 100);
	unsigned int i;

	p.netns = 1;
	assert_int_equal(audit_add_netns(&f->look, &n), 0);
	assert_int_equal(judge_place(f, &p), 1);
	assert_int_equal(f->emitted.last.netns_cookie, 5);
	n.netns_cookie = 6;
	for (i = 0; i < STANDING_CLEAR_LOOKS; i++) {
		begin_look(f);
		assert_int_equal(audit_add_netns(&f->look, &n), 0);
		assert_int_equal(judge_place(f, &p), i == 0 || i == STANDING_CLEAR_LOOKS - 1);
		if (i && i < STANDING_CLEAR_LOOKS - 1)
			continue;
		assert_int_equal(f->emitted.last.status, i ? FINDING_CLEARED : FINDING_RAISED);
		assert_int_equal(f->emitted.last.netns_cookie, i ? 5 : 6);
	}
	assert_int_equal(detect_open(f->detect), 1);
}

static void dead_peers_are_counted_by_address(void **state)
{
	struct fixture *f = *state;
	struct audit_socket s = { .netns = 1,
				  .state = TCS_ESTABLISHED,
				  .family = 4,
				  .quiet_ns = 10 * SECOND,
				  .stalled = 3 };
	unsigned int i;

	for (i = 0; i < 100; i++) {
		s.raddr[14] = (uint8_t)(i / 4); /* four each, of many networks */
		s.raddr[15] = 1;
		assert_int_equal(audit_add_socket(&f->look, &s), 0);
	}
	assert_int_equal(judge(f), 0);
	s.stalled = 2;
	s.raddr[14] = 1;
	assert_int_equal(audit_add_socket(&f->look, &s), 0);
	assert_int_equal(judge(f), 0);
	s.stalled = 3;
	s.quiet_ns = 10 * SECOND - 1; /* it lost three segments; the path was switched over */
	assert_int_equal(audit_add_socket(&f->look, &s), 0);
	assert_int_equal(judge(f), 0);
	s.quiet_ns = 10 * SECOND;
	assert_int_equal(audit_add_socket(&f->look, &s), 0);
	assert_int_equal(judge(f), 1);
	assert_int_equal(f->emitted.last.kind, FINDING_DEAD_PEER);
	assert_int_equal(f->emitted.last.row.dead.count, 5);
	assert_int_equal(f->emitted.last.row.dead.raddr[14], 1);
	assert_int_equal(f->emitted.last.row.dead.bits, 32);
}

/* per_host connections to each of n hosts of one /24 hear nothing. */
static uint32_t judge_rack(struct fixture *f, unsigned int n, unsigned int per_host)
{
	struct audit_socket s = { .netns = 1,
				  .state = TCS_ESTABLISHED,
				  .family = 4,
				  .quiet_ns = AUDIT_UNKNOWN,
				  .raddr = V4(10, 7, 0, 0),
				  .stalled = 3 };
	unsigned int i;

	begin_look(f);
	for (i = 0; i < n * per_host; i++) {
		s.raddr[15] = (uint8_t)(i / per_host);
		assert_int_equal(audit_add_socket(&f->look, &s), 0);
	}
	return judge(f);
}

static void a_dead_rack_is_one_finding(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(judge_rack(f, 19, 1), 0);
	assert_int_equal(judge_rack(f, 20, 1), 1);
	assert_int_equal(f->emitted.last.kind, FINDING_DEAD_PEER);
	assert_int_equal(f->emitted.last.row.dead.bits, 24);
	assert_int_equal(f->emitted.last.row.dead.hosts, 20);
	assert_int_equal(f->emitted.last.row.dead.count, 20);
	/* Not one for each of its hosts; it is worse, and reported so. */
	assert_int_equal(judge_rack(f, 200, 9), 1);
	assert_int_equal(f->emitted.last.status, FINDING_UPDATED);
	assert_int_equal(f->emitted.last.row.dead.hosts, 200);
	assert_int_equal(judge_rack(f, 18, 9), 0); /* a tenth less: it stays */
	/* When it is less than that each host counts by itself. */
	assert_int_equal(judge_rack(f, 17, 9), 17);
	assert_int_equal(f->emitted.last.row.dead.bits, 32);
	assert_int_equal(detect_open(f->detect), 18);
}

/* A finding of a host from before its rack was found stays active. */
static void a_dead_host_stays_when_its_rack_is_found(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(judge_rack(f, 1, 5), 1);
	assert_int_equal(judge_rack(f, 30, 5), 1);
	assert_int_equal(f->emitted.last.row.dead.bits, 24);
	judge_rack(f, 30, 5);
	judge_rack(f, 30, 5);
	assert_int_equal(judge_rack(f, 30, 5), 0);
	assert_int_equal(detect_open(f->detect), 2);
}

static void findings_are_bounded_and_the_rest_counted(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < STANDING_MAX + 5; i++)
		add_close_wait(f, i + 1, 10, 61 * SECOND);
	assert_int_equal(judge(f), STANDING_MAX);
	assert_int_equal(detect_skipped(f->detect), 5);
}

/* Who makes a thousand findings of his own does not hide that of another namespace. */
static void a_namespace_of_many_findings_makes_room(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < STANDING_MAX + 5; i++)
		add_close_wait(f, i + 1, 11, 61 * SECOND);
	add_close_wait(f, 70000, 10, 61 * SECOND);
	f->look.close_wait[f->look.n_close_wait - 1].netns = 4711;
	assert_int_equal(judge(f), STANDING_MAX + 1);
	assert_int_equal(f->emitted.last.netns, 4711);
	assert_int_equal(detect_open(f->detect), STANDING_MAX);
	assert_int_equal(detect_skipped(f->detect), 6);
	/* And it stays. */
	begin_look(f);
	for (i = 0; i < STANDING_MAX + 5; i++)
		add_close_wait(f, i + 1, 11, 61 * SECOND);
	add_close_wait(f, 70000, 10, 61 * SECOND);
	f->look.close_wait[f->look.n_close_wait - 1].netns = 4711;
	assert_int_equal(judge(f), 0);
}

static void names_are_those_of_the_contract(void **state)
{
	enum severity severity = SEVERITY_OK;

	(void)state;
	assert_string_equal(finding_name(FINDING_CLOSE_WAIT_LEAK), "close_wait_leak");
	assert_string_equal(finding_name(FINDING_PORT_EXHAUSTION), "port_exhaustion");
	assert_string_equal(finding_name(FINDING_TIME_WAIT_BUILDUP), "time_wait_buildup");
	assert_string_equal(finding_name(FINDING_DEAD_PEER), "dead_peer");
	assert_true(severity_parse("critical", &severity));
	assert_int_equal(severity, SEVERITY_CRITICAL);
	assert_false(severity_parse("ok", &severity));
	assert_false(severity_parse("", &severity));
	assert_int_equal(severity, SEVERITY_CRITICAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(many_young_ones_are_a_slow_process),
		TEST(a_few_old_ones_are_no_leak),
		TEST(old_ones_of_one_process_are_a_leak),
		TEST(unknown_ages_raise_nothing),
		TEST(the_limit_of_descriptors_makes_it_critical),
		TEST(a_full_table_of_other_files_is_not_the_leaks_doing),
		TEST(growth_tells_when_descriptors_run_out),
		TEST(it_is_told_once_and_again_when_doubled),
		TEST(a_value_at_the_edge_does_not_flap),
		TEST(it_is_cleared_after_three_quiet_looks),
		TEST(ports_run_out),
		TEST(ports_that_connect_takes_over_are_free),
		TEST(a_server_full_of_time_wait_is_not_exhausted),
		TEST(an_unknown_range_raises_nothing),
		TEST(ports_of_bind_run_out_toward_all),
		TEST(ports_of_bind_are_no_destinations),
		TEST(ranges_run_out_one_by_one),
		TEST(connects_that_failed_are_critical),
		TEST(failures_count_where_the_range_is_not_known),
		cmocka_unit_test(advice_is_by_the_evidence),
		TEST(the_time_wait_table_fills),
		TEST(dead_peers_are_counted_by_address),
		TEST(a_dead_rack_is_one_finding),
		TEST(a_dead_host_stays_when_its_rack_is_found),
		TEST(findings_are_bounded_and_the_rest_counted),
		TEST(a_namespace_of_many_findings_makes_room),
		cmocka_unit_test(names_are_those_of_the_contract),
		cmocka_unit_test(findings_are_of_one_device_and_namespace),
		TEST(a_namespace_with_a_reused_number_has_findings_of_its_own),
	};

	return cmocka_run_group_tests_name("detect", tests, NULL, NULL);
}
