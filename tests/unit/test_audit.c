// SPDX-License-Identifier: GPL-2.0-only
/* test_audit.c - one look: who holds what, sums, growth; and how it is printed */
#include <unistd.h>

#include "unit.h"

#include "audit_sink.h"

#define SECOND 1000000000ull

static const struct audit_config config = { .old_ns = 60 * SECOND, .stalled = 3 };

static struct audit_socket socket_of(uint32_t netns, uint32_t pid, const char *comm, uint8_t state)
{
	struct audit_socket s = { .id = 5,
				  .netns = netns,
				  .state = state,
				  .family = 4,
				  .laddr = V4(10, 0, 0, 7),
				  .raddr = V4(10, 0, 0, 5),
				  .lport = 41000,
				  .rport = 5432,
				  .quiet_ns = 90 * SECOND,
				  .in_state_ns = AUDIT_UNKNOWN,
				  .owner = { .pid = pid, .source = OWNER_SCAN } };

	snprintf(s.owner.comm, sizeof(s.owner.comm), "%s", comm);
	return s;
}

static void add(struct audit *a, struct audit_socket s, unsigned int n)
{
	while (n--)
		assert_int_equal(audit_add_socket(a, &s), 0);
}

static void close_wait_is_of_a_process_in_a_namespace(void **state)
{
	struct audit a;

	(void)state;
	assert_int_equal(audit_init(&a, &config), 0);
	add(&a, socket_of(1, 7, "app", TCS_CLOSE_WAIT), 3);
	add(&a, socket_of(2, 7, "app", TCS_CLOSE_WAIT), 5);
	add(&a, socket_of(1, 8, "app", TCS_CLOSE_WAIT), 4);
	add(&a, socket_of(1, 0, "", TCS_CLOSE_WAIT), 1);
	assert_int_equal(audit_settle(&a, NULL, NULL), 0);
	assert_int_equal(a.n_close_wait, 4);
	assert_int_equal(a.close_wait[0].count, 5);
	assert_int_equal(a.close_wait[0].netns, 2);
	assert_int_equal(a.close_wait[1].owner.pid, 8);
	assert_true(a.close_wait[0].growth_milli == AUDIT_NO_RATE);
	audit_release(&a);
}

static void rows_are_bounded_and_the_rest_counted(void **state)
{
	struct audit a;
	uint32_t i;

	(void)state;
	assert_int_equal(audit_init(&a, &config), 0);
	for (i = 0; i < AUDIT_ROWS_MAX + 7; i++)
		add(&a, socket_of(1, i + 1, "app", TCS_CLOSE_WAIT), 1);
	assert_int_equal(a.n_close_wait, AUDIT_ROWS_MAX);
	assert_int_equal(a.blind.skipped, 7);
	audit_release(&a);
}

static void idle_listeners_make_room_for_others(void **state)
{
	struct audit_socket s = socket_of(1, 0, "", TCS_LISTEN);
	struct audit a;
	uint32_t i;

	(void)state;
	s.cookie_age_ns = AUDIT_UNKNOWN;
	assert_int_equal(audit_init(&a, &config), 0);
	for (i = 1; i <= AUDIT_ROWS_MAX; i++) {
		s.id = i;
		s.syn_queue = i == 1;
		assert_int_equal(audit_add_socket(&a, &s), 0);
	}
	assert_int_equal(a.blind.listeners_missing, 0);
	s.id = i++;
	s.syn_queue = 0;
	assert_int_equal(audit_add_socket(&a, &s), 0);
	s.id = i;
	s.syn_queue = 129;
	assert_int_equal(audit_add_socket(&a, &s), 0);
	assert_int_equal(a.n_listeners, AUDIT_ROWS_MAX);
	assert_int_equal(a.blind.skipped, 2);
	assert_int_equal(a.blind.listeners_missing, 1);
	assert_int_equal(a.listeners[0].socket.id, 1);
	assert_int_equal(a.listeners[1].socket.id, i);
	assert_int_equal(a.listeners[1].socket.syn_queue, 129);
	assert_int_equal(audit_settle(&a, NULL, NULL), 0);
	audit_release(&a);
}

static void what_has_no_owner_is_a_group_too(void **state)
{
	struct audit_config by = { .by = AUDIT_BY_COMM };
	struct audit_netns n = { .netns = 1,
				 .states = { [TCS_ESTABLISHED] = 5, [TCS_TIME_WAIT] = 9 } };
	struct audit a;

	(void)state;
	assert_int_equal(audit_init(&a, &by), 0);
	assert_int_equal(audit_add_netns(&a, &n), 0);
	add(&a, socket_of(1, 7, "app", TCS_ESTABLISHED), 2);
	add(&a, socket_of(1, 8, "app", TCS_ESTABLISHED), 2);
	assert_int_equal(audit_settle(&a, NULL, NULL), 0);
	assert_int_equal(a.n_groups, 2);
	assert_int_equal(a.groups[0].comm[0], '\0');
	assert_int_equal(a.groups[0].states[TCS_TIME_WAIT], 9);
	assert_int_equal(a.groups[0].states[TCS_ESTABLISHED], 1);
	assert_string_equal(a.groups[1].comm, "app");
	assert_int_equal(a.groups[1].states[TCS_ESTABLISHED], 4);
	audit_release(&a);
}

/* It is no TCP socket: its subflow is counted, as `ss -t` does, and may be stalled. */
static void an_mptcp_socket_in_close_wait_is_its_owners_only(void **state)
{
	const struct audit_config by = { .by = AUDIT_BY_COMM, .count_rows = true, .stalled = 3 };
	struct audit_socket s = socket_of(1, 7, "app", TCS_CLOSE_WAIT);
	struct audit_netns n = { .netns = 1 };
	struct audit a;

	(void)state;
	assert_int_equal(audit_init(&a, &by), 0);
	assert_int_equal(audit_add_netns(&a, &n), 0);
	s.flags = AUDIT_MPTCP;
	s.stalled = 9;
	add(&a, s, 2);
	add(&a, socket_of(1, 7, "app", TCS_CLOSE_WAIT), 1);
	add(&a, socket_of(1, 7, "app", TCS_ESTABLISHED), 2);
	assert_int_equal(audit_settle(&a, NULL, NULL), 0);
	assert_int_equal(a.n_close_wait, 1);
	assert_int_equal(a.close_wait[0].count, 3);
	assert_int_equal(a.states[TCS_CLOSE_WAIT], 1);
	assert_int_equal(a.states[TCS_ESTABLISHED], 2);
	assert_int_equal(a.n_groups, 1);
	assert_int_equal(a.groups[0].states[TCS_CLOSE_WAIT], 1);
	assert_int_equal(a.n_dead, 0);
	audit_release(&a);
}

static void rows_grow_between_two_looks(void **state)
{
	struct audit_place p = { .netns = 1,
				 .rport = 80,
				 .time_wait = 30,
				 .ports_used = 30,
				 .ports_range = 100,
				 .reusable = 10 };
	struct audit_socket s = socket_of(1, 7, "web", TCS_LISTEN);
	struct audit_netns n = { .netns = 1, .overflows = 10 };
	struct audit a, b;

	(void)state;
	assert_int_equal(audit_init(&a, &config), 0);
	assert_int_equal(audit_init(&b, &config), 0);
	a.ts_ns = SECOND;
	b.ts_ns = 3 * SECOND;
	b.covers = AUDIT_SOCKETS;
	assert_int_equal(audit_add_netns(&a, &n), 0);
	n.overflows = 15;
	assert_int_equal(audit_add_netns(&b, &n), 0);
	assert_int_equal(audit_add_place(&a, &p), 0);
	p.ports_used = 50;
	assert_int_equal(audit_add_place(&b, &p), 0);
	s.drops = UINT32_MAX; /* and the counter wraps */
	add(&a, s, 1);
	s.drops = 3;
	add(&b, s, 1);
	assert_int_equal(audit_settle(&b, &a, &a), 0);
	assert_int_equal(b.netns[0].overflow_milli, 2500);
	assert_int_equal(b.places[0].growth_milli, 10000);
	assert_int_equal(b.listeners[0].drops_milli, 2000);
	assert_int_equal(audit_ports_left(&b.places[0]), 60);
	assert_int_equal(audit_seconds_left(60, 10000), 6);
	assert_true(audit_seconds_left(AUDIT_UNKNOWN, 10000) == AUDIT_UNKNOWN);
	assert_true(audit_seconds_left(60, 0) == AUDIT_UNKNOWN);
	assert_true(audit_seconds_left(60, -5) == AUDIT_UNKNOWN);
	assert_true(audit_seconds_left(60, AUDIT_NO_RATE) == AUDIT_UNKNOWN);
	audit_release(&a);
	audit_release(&b);
}

/* One address on two links is two destinations, and two peers. */
static void a_device_is_part_of_the_tuple(void **state)
{
	struct audit_place p = { .netns = 1,
				 .family = 6,
				 .laddr = { 0xfe, 0x80, [15] = 1 },
				 .raddr = { 0xfe, 0x80, [15] = 2 },
				 .rport = 80,
				 .ports_used = 60,
				 .ports_range = 100,
				 .device = 3 };
	struct audit_socket s = socket_of(1, 7, "app", TCS_ESTABLISHED);
	struct audit_timeout t = { .netns = 1, .family = 4, .raddr = V4(10, 0, 0, 5), .device = 4 };
	struct audit a, b;
	uint32_t i;

	(void)state;
	assert_int_equal(audit_init(&a, &config), 0);
	assert_int_equal(audit_init(&b, &config), 0);
	a.ts_ns = SECOND;
	b.ts_ns = 2 * SECOND;
	b.covers = AUDIT_SOCKETS;
	assert_int_equal(audit_add_place(&a, &p), 0);
	p.ports_used = 63;
	assert_int_equal(audit_add_place(&b, &p), 0);
	p.device = 4;
	assert_int_equal(audit_add_place(&b, &p), 0);
	s.stalled = 3;
	s.device = 3;
	add(&b, s, 2);
	s.device = 4;
	add(&b, s, 3);
	assert_int_equal(audit_add_timeout(&b, &t), 0);
	t.netns_cookie = 9; /* of a namespace that had this inode number before */
	assert_int_equal(audit_add_timeout(&b, &t), 0);
	assert_int_equal(audit_settle(&b, &a, &a), 0);
	assert_int_equal(b.n_places, 2);
	for (i = 0; i < 2; i++)
		assert_int_equal(b.places[i].growth_milli, b.places[i].device == 3 ? 3000 : 63000);
	assert_int_equal(b.n_dead, 3);
	assert_int_equal(b.n_dead_nets, 0); /* each is the only one of its network */
	assert_int_equal(b.dead[0].count, 4);
	assert_int_equal(b.dead[0].device, 4);
	assert_int_equal(b.dead[1].count, 2);
	assert_int_equal(b.dead[2].netns_cookie, 9);
	audit_release(&a);
	audit_release(&b);
}

/* A closed socket is in no table of open files: only an open one names the owner of a dead peer. */
static void an_open_socket_names_the_owner_of_a_dead_peer(void **state)
{
	struct audit_socket s = socket_of(1, 7, "app", TCS_ESTABLISHED);
	struct audit_timeout t = { .netns = 1, .family = 4 };
	struct audit a;

	(void)state;
	assert_int_equal(audit_init(&a, &config), 0);
	a.covers = AUDIT_SOCKETS;
	s.stalled = 3;
	t.netns = s.netns;
	t.family = s.family;
	memcpy(t.raddr, s.raddr, sizeof(t.raddr));
	assert_int_equal(audit_add_timeout(&a, &t), 0);
	add(&a, s, 1);
	t.raddr[15] ^= 1; /* its neighbour: timeouts only */
	assert_int_equal(audit_add_timeout(&a, &t), 0);
	assert_int_equal(audit_settle(&a, NULL, NULL), 0);
	assert_int_equal(a.n_dead, 2);
	assert_int_equal(a.dead[0].count, 2);
	assert_int_equal(a.dead[0].timed_out, 1);
	assert_int_equal(a.dead[0].owner.pid, 7);
	assert_int_equal(a.dead[1].owner.pid, 0);
	assert_int_equal(a.n_dead_nets, 1);
	assert_int_equal(a.dead_nets[0].owner.pid, 7);
	audit_release(&a);
}

static void link_local_peers_are_grouped_by_device(void **state)
{
	struct audit_config by = { .by = AUDIT_BY_RADDR };
	struct audit_group g = { .netns = 1, .raddr = { 0xfe, 0x80, [15] = 2 }, .device = 3 };
	struct audit_group plain = { .netns = 1, .raddr = V4(10, 0, 0, 5) };
	struct audit a;

	(void)state;
	g.states[TCS_ESTABLISHED] = plain.states[TCS_ESTABLISHED] = 1;
	assert_int_equal(audit_init(&a, &by), 0);
	assert_int_equal(audit_add_group(&a, &g), 0);
	assert_int_equal(audit_add_group(&a, &g), 0);
	g.netns = 2; /* its device 3 is another one */
	assert_int_equal(audit_add_group(&a, &g), 0);
	g.device = 4;
	assert_int_equal(audit_add_group(&a, &g), 0);
	assert_int_equal(a.n_groups, 3);
	assert_int_equal(audit_add_group(&a, &plain), 0);
	plain.netns = 2; /* one address, whoever connects to it */
	assert_int_equal(audit_add_group(&a, &plain), 0);
	assert_int_equal(a.n_groups, 4);
	assert_int_equal(a.groups[0].states[TCS_ESTABLISHED], 2);
	assert_int_equal(a.groups[3].states[TCS_ESTABLISHED], 2);
	audit_release(&a);
}

/* A look at a namespace of inode number 1, with this cookie, and with what only grows. */
static void look_at(struct audit *a, uint64_t ts_ns, uint64_t cookie, uint32_t n)
{
	struct audit_place p = {
		.netns = 1, .family = 4, .rport = 80, .ports_used = 30 + n, .ports_range = 100
	};
	struct audit_netns ns = { .netns = 1,
				  .netns_cookie = cookie,
				  .overflows = n,
				  .counters = { [COUNTER_COOKIES_SENT] = n } };

	assert_int_equal(audit_init(a, &config), 0);
	a->ts_ns = ts_ns;
	a->covers = AUDIT_SOCKETS;
	assert_int_equal(audit_add_netns(a, &ns), 0);
	assert_int_equal(audit_add_place(a, &p), 0);
	add(a, socket_of(1, 7, "app", TCS_CLOSE_WAIT), n);
}

static void a_reused_inode_number_is_another_namespace(void **state)
{
	static const struct {
		uint64_t before, now;
		bool same;
	} cookies[] = { { 5, 5, true }, { 5, 6, false }, { 0, 6, true }, { 5, 0, true } };
	struct audit a, b;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cookies); i++) {
		bool same = cookies[i].same;

		look_at(&a, SECOND, cookies[i].before, 10);
		look_at(&b, 2 * SECOND, cookies[i].now, 15);
		assert_int_equal(audit_settle(&b, &a, &a), 0);
		assert_int_equal(audit_netns_cookie(&b, 1), cookies[i].now);
		assert_int_equal(audit_netns_cookie(&b, 2), 0);
		assert_true(b.netns[0].overflow_milli == (same ? 5000 : AUDIT_NO_RATE));
		assert_true(b.netns[0].counter_milli[COUNTER_COOKIES_SENT] ==
			    (same ? 5000 : AUDIT_NO_RATE));
		assert_int_equal(b.places[0].growth_milli, same ? 5000 : 45000);
		assert_int_equal(b.close_wait[0].growth_milli, same ? 5000 : 15000);
		audit_release(&a);
		audit_release(&b);
	}
}

/* What a rendering writes. */
static char *render(void (*sink)(struct output *, const struct audit_report *),
		    const struct audit_report *report)
{
	FILE *f = tmpfile();
	char *text = calloc(1, 1 << 20);
	struct output out;

	assert_non_null(f);
	assert_non_null(text);
	assert_int_equal(output_init(&out, fileno(f), -1), 0);
	sink(&out, report);
	assert_int_equal(out.end, OUTPUT_OPEN);
	assert_int_equal(out.buf.cut, 0);
	output_release(&out);
	rewind(f);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

static void hostile_names_stay_in_their_place(void **state)
{
	struct sink_meta meta = {
		.version = "1", .kernel = "6", .arch = "x", .command = "audit", .netns_scope = "all"
	};
	struct sink_world world = { 0 };
	struct audit_report report = { .world = &world, .meta = &meta };
	struct audit_netns n = { .netns = 1 };
	struct audit a;
	char *text;

	(void)state;
	assert_int_equal(audit_init(&a, &config), 0);
	assert_int_equal(audit_add_netns(&a, &n), 0);
	add(&a, socket_of(1, 7, "a\n\"\033[2J\xff", TCS_CLOSE_WAIT), 1);
	assert_int_equal(audit_settle(&a, NULL, NULL), 0);
	report.look = &a;

	text = render(audit_json, &report);
	assert_non_null(strstr(text, "\"comm\":\"a\\u000a\\\"\\u001b[2J\xef\xbf\xbd\""));
	assert_null(strchr(text, '\033'));
	free(text);
	text = render(audit_text, &report);
	assert_non_null(strstr(text, "a?\"?[2J?(7)"));
	assert_null(strchr(text, '\033'));
	assert_int_equal(strncmp(text, "0 findings  (exit 0)\n", 21), 0);
	free(text);
	audit_release(&a);
}

static void unknown_is_null(void **state)
{
	struct sink_meta meta = {
		.version = "1", .kernel = "6", .arch = "x", .command = "audit", .netns_scope = "all"
	};
	struct sink_world world = { 0 };
	struct audit_report report = { .world = &world, .meta = &meta };
	struct audit_socket s = socket_of(1, 0, "", TCS_CLOSE_WAIT);
	struct audit_netns n = { .netns = 1 };
	struct audit a;
	char *text;

	(void)state;
	assert_int_equal(audit_init(&a, &config), 0);
	assert_int_equal(audit_add_netns(&a, &n), 0);
	s.quiet_ns = AUDIT_UNKNOWN;
	add(&a, s, 1);
	assert_int_equal(audit_settle(&a, NULL, NULL), 0);
	report.look = &a;
	text = render(audit_json, &report);
	assert_non_null(strstr(text, "{\"type\":\"close_wait\",\"netns\":1,\"netns_cookie\":null,"
				     "\"pid\":null,\"comm\":null,"
				     "\"count\":1,\"oldest_us\":null,\"oldest_exact\":false,"
				     "\"growth_per_s\":null,\"fd_used\":null,\"fd_limit\":null,"
				     "\"fd_seconds_left\":null,\"ports\":\"->10.0.0.5:5432\","
				     "\"old\":0,\"unaccepted\":null}\n"));
	assert_non_null(strstr(text, "\"time_wait_overflow_per_s\":null,\"time_wait_table\":0,"
				     "\"time_wait_limit\":null}\n"));
	free(text);
	audit_release(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(close_wait_is_of_a_process_in_a_namespace),
		cmocka_unit_test(rows_are_bounded_and_the_rest_counted),
		cmocka_unit_test(idle_listeners_make_room_for_others),
		cmocka_unit_test(what_has_no_owner_is_a_group_too),
		cmocka_unit_test(an_mptcp_socket_in_close_wait_is_its_owners_only),
		cmocka_unit_test(rows_grow_between_two_looks),
		cmocka_unit_test(a_device_is_part_of_the_tuple),
		cmocka_unit_test(an_open_socket_names_the_owner_of_a_dead_peer),
		cmocka_unit_test(link_local_peers_are_grouped_by_device),
		cmocka_unit_test(a_reused_inode_number_is_another_namespace),
		cmocka_unit_test(hostile_names_stay_in_their_place),
		cmocka_unit_test(unknown_is_null),
	};

	return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
