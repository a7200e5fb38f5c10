// SPDX-License-Identifier: GPL-2.0-only
/* test_select_look.c - a recorded look, as the walk would have made it with a filter */
#include "record.h"
#include "select_look.h"
#include "service.h"
#include "unit.h"

#define NET   4026531840u
#define OTHER 4026532000u

/* A look that is taken through a filter. */
struct through {
	struct filter filter;
	uint64_t cgroup; /* that is wanted; 0 any */
	bool rows_count;
	enum audit_by by;
	struct select_look *select;
	struct audit look;
};

static bool in_cgroup(void *ctx, uint64_t id)
{
	return id == ((struct through *)ctx)->cgroup;
}

static void begin(struct through *t)
{
	struct audit_config audit = { .by = t->by,
				      .by_remote = t->filter.rport.any_set || t->filter.dst.set,
				      .count_rows = t->rows_count };
	struct select_look_config config = {
		.filter = &t->filter,
		.in_cgroup = t->cgroup ? in_cgroup : NULL,
		.cgroup_ctx = t,
	};
	struct record_look look = {
		.head.kind = RECORD_LOOK,
		.ts_ns = 5000,
		.covers = AUDIT_SOCKETS | AUDIT_COUNTERS | AUDIT_LISTENERS | AUDIT_PENDING,
	};
	struct record r;

	assert_int_equal(audit_init(&t->look, &audit), 0);
	assert_int_equal(select_look_new(&config, &t->select), 0);
	select_look_start(t->select, t->by, t->rows_count);
	assert_int_equal(record_decode(&look, sizeof(look), &r), 0);
	assert_int_equal(select_look_take(t->select, &r, &t->look), 0);
}

static void take(struct through *t, const void *bytes, size_t len)
{
	struct record r;

	assert_int_equal(record_decode(bytes, len, &r), 0);
	assert_int_equal(select_look_take(t->select, &r, &t->look), 0);
}

static void finish(struct through *t)
{
	struct record_look_end end = { .head.kind = RECORD_LOOK_END, .blind.sockets = 77 };

	take(t, &end, sizeof(end));
	assert_int_equal(audit_settle(&t->look, NULL, NULL), 0);
}

static void forget(struct through *t)
{
	select_look_free(t->select);
	audit_release(&t->look);
}

static void put_netns(struct through *t, uint32_t netns, const uint32_t states[TCS_STATE_MAX])
{
	struct record_netns r = { .head.kind = RECORD_NETNS };

	r.netns.netns = netns;
	r.netns.walked = 1;
	memcpy(r.netns.states, states, sizeof(r.netns.states));
	take(t, &r, sizeof(r));
}

static struct record_socket socket_row(uint8_t state, uint16_t lport)
{
	return (struct record_socket){
		.head.kind = RECORD_SOCKET,
		.socket = {
			.id = 1000u + lport,
			.laddr = V4(10, 0, 0, 7),
			.raddr = V4(10, 0, 0, 1),
			.owner = { .pid = 5, .source = OWNER_TASK, .comm = "nginx" },
			.quiet_ns = AUDIT_UNKNOWN,
			.in_state_ns = AUDIT_UNKNOWN,
			.cookie_age_ns = AUDIT_UNKNOWN,
			.cgroup = 9,
			.netns = NET,
			.uid = 33,
			.lport = lport,
			.rport = state == TCS_LISTEN ? 0 : 4711,
			.state = state,
			.family = 4,
		},
	};
}

static void put_socket(struct through *t, uint8_t state, uint16_t lport)
{
	struct record_socket r = socket_row(state, lport);

	take(t, &r, sizeof(r));
}

static void put_place(struct through *t, uint16_t lport, uint16_t rport, uint32_t time_wait)
{
	struct record_place r = {
		.head.kind = RECORD_PLACE,
		.place = { .laddr = V4(10, 0, 0, 7),
			   .raddr = V4(10, 0, 0, 1),
			   .netns = NET,
			   .time_wait = time_wait,
			   .lport = lport,
			   .rport = rport,
			   .family = 4 },
	};

	take(t, &r, sizeof(r));
}

static void put_half_open(struct through *t, uint64_t listener, uint32_t count, uint32_t full)
{
	struct record_half_open r = {
		.head.kind = RECORD_HALF_OPEN,
		.half_open = { .listener = listener,
			       .count = count,
			       .full = full,
			       .stuck = count,
			       .oldest_ns = 900,
			       .newest_ns = 100,
			       .laddr = V4(10, 0, 0, 7),
			       .netns = NET,
			       .lport = 80,
			       .family = 4,
			       .sources_exact = 1,
			       .prefixes_exact = 1 },
	};

	take(t, &r, sizeof(r));
}

static void put_source(struct through *t, uint32_t half_open, uint8_t last, uint8_t bits,
		       uint32_t count)
{
	struct record_source r = {
		.head.kind = RECORD_SOURCE,
		.source = { .count = count,
			    .oldest_ns = 100u + last,
			    .addr = V4(198, 18, 7, last),
			    .half_open = half_open,
			    .family = 4,
			    .bits = bits },
	};

	take(t, &r, sizeof(r));
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* What most looks have: two listeners, CLOSE_WAIT, TIME_WAIT on both sides, some without row. */
static void put_ordinary(struct through *t)
{
	static const uint32_t states[TCS_STATE_MAX] = {
		[TCS_LISTEN] = 2,
		[TCS_CLOSE_WAIT] = 3,
		[TCS_TIME_WAIT] = 11,
		[TCS_ESTABLISHED] = 40,
	};

	put_socket(t, TCS_LISTEN, 80);
	put_socket(t, TCS_LISTEN, 443);
	put_socket(t, TCS_CLOSE_WAIT, 80);
	put_socket(t, TCS_CLOSE_WAIT, 80);
	put_socket(t, TCS_CLOSE_WAIT, 443);
	put_place(t, 80, 0, 4);
	put_place(t, 443, 0, 5);
	put_place(t, 0, 5432, 2);
	put_netns(t, NET, states);
	finish(t);
}

static void no_filter_is_not_needed(void **state)
{
	struct through t = { 0 };

	(void)state;
	begin(&t);
	assert_false(select_look_needed(t.select));
	put_ordinary(&t);
	assert_int_equal(t.look.states[TCS_ESTABLISHED], 40);
	assert_int_equal(t.look.states[TCS_TIME_WAIT], 11);
	assert_int_equal(t.look.blank, 0);
	forget(&t);
}

static void by_port(void **state)
{
	struct through t = { 0 };
	const char *why;

	(void)state;
	assert_int_equal(filter_parse_ports("80", &t.filter.lport, &why), 0);
	begin(&t);
	assert_true(select_look_needed(t.select));
	put_ordinary(&t);
	assert_int_equal(t.look.n_listeners, 1);
	assert_int_equal(t.look.states[TCS_LISTEN], 1);
	assert_int_equal(t.look.states[TCS_CLOSE_WAIT], 2);
	assert_int_equal(t.look.close_wait[0].count, 2);
	assert_int_equal(t.look.n_places, 1);
	/* our own port towards 5432 may be 80, and nobody knows of the established ones */
	assert_true(t.look.states[TCS_TIME_WAIT] == AUDIT_UNKNOWN);
	assert_true(t.look.states[TCS_ESTABLISHED] == AUDIT_UNKNOWN);
	assert_int_equal(t.look.states[TCS_SYN_SENT], 0);
	assert_int_equal(t.look.blank, AUDIT_BLANK_STATES);
	forget(&t);
}

static void by_family_state_and_user(void **state)
{
	struct through six = { .filter.family = 6 },
		       uid = { .filter = { .has_uid = true, .uid = 1 } };
	struct through listen = { .filter.states.include = 1u << TCS_LISTEN };
	struct through group = { .cgroup = 9 };

	(void)state;
	begin(&six);
	put_ordinary(&six);
	assert_int_equal(six.look.n_listeners + six.look.n_places + six.look.n_close_wait, 0);
	assert_int_equal(six.look.states[TCS_TIME_WAIT], 0);
	assert_int_equal(six.look.states[TCS_LISTEN], 0);
	assert_true(six.look.states[TCS_ESTABLISHED] == AUDIT_UNKNOWN);
	forget(&six);

	begin(&listen);
	put_ordinary(&listen);
	assert_int_equal(listen.look.states[TCS_LISTEN], 2);
	assert_int_equal(listen.look.states[TCS_ESTABLISHED], 0);
	assert_int_equal(listen.look.n_close_wait + listen.look.n_places, 0);
	assert_int_equal(listen.look.blank, 0);
	forget(&listen);

	begin(&uid);
	put_ordinary(&uid);
	assert_int_equal(uid.look.n_listeners + uid.look.n_places, 0);
	assert_int_equal(uid.look.states[TCS_TIME_WAIT], 0); /* they have no user */
	forget(&uid);

	begin(&group);
	put_ordinary(&group);
	assert_int_equal(group.look.n_listeners, 2);
	assert_int_equal(group.look.states[TCS_CLOSE_WAIT], 3);
	forget(&group);
}

static void by_namespace(void **state)
{
	static const uint32_t states[TCS_STATE_MAX] = { [TCS_ESTABLISHED] = 7, [TCS_LISTEN] = 1 };
	struct through t = { .filter.netns = OTHER };

	(void)state;
	begin(&t);
	put_netns(&t, OTHER, states);
	put_ordinary(&t);
	assert_int_equal(t.look.n_netns, 1);
	assert_int_equal(t.look.n_listeners, 0);
	assert_int_equal(t.look.states[TCS_ESTABLISHED], 7);
	assert_true(t.look.blind.sockets == AUDIT_UNKNOWN);
	assert_int_equal(t.look.blank, 0);
	forget(&t);
}

/* Half-open connections of two listeners; sources are told behind both. */
static void put_flood(struct through *t)
{
	static const uint32_t states[TCS_STATE_MAX] = { [TCS_SYN_RECV] = 9, [TCS_LISTEN] = 1 };

	put_socket(t, TCS_LISTEN, 80); /* cookie 1080 */
	put_half_open(t, 777, 4, 0);
	put_half_open(t, 1080, 5, 0);
	put_source(t, 0, 1, 32, 4);
	put_source(t, 1, 1, 32, 2);
	put_source(t, 1, 9, 32, 3);
	put_source(t, 1, 0, 24, 5);
	put_source(t, 0, 0, 24, 4);
	put_netns(t, NET, states);
	finish(t);
}

static void half_open_of_what_is_left_out(void **state)
{
	struct through t = { .filter.netns = OTHER };

	(void)state;
	begin(&t);
	put_flood(&t);
	assert_int_equal(t.look.n_half_open + t.look.n_sources, 0);
	forget(&t);
}

static void sources_follow_their_listener(void **state)
{
	struct through t = { .filter.family = 4 };

	(void)state;
	begin(&t);
	put_flood(&t);
	assert_int_equal(t.look.n_half_open, 2);
	assert_int_equal(t.look.n_sources, 5);
	assert_int_equal(t.look.states[TCS_SYN_RECV], 9);
	assert_int_equal(t.look.services[0].half_open, 5);
	assert_int_equal(t.look.services[0].sources, 2);
	forget(&t);
}

static void some_of_them_by_where_they_come_from(void **state)
{
	struct through t = { 0 };
	const char *why;
	uint32_t i;

	(void)state;
	assert_int_equal(filter_parse_prefix("198.18.7.9", &t.filter.dst, &why), 0);
	begin(&t);
	put_flood(&t);
	/* three of its five are in: how many of these are stuck is not known */
	assert_int_equal(t.look.n_listeners, 1);
	assert_true(service_filtered(&t.look, &t.look.services[0]));
	assert_int_equal(t.look.states[TCS_LISTEN], 0);
	assert_int_equal(t.look.n_half_open, 1);
	assert_int_equal(t.look.half_open[0].count, 3);
	assert_int_equal(t.look.half_open[0].oldest_ns, 109);
	assert_int_equal(t.look.half_open[0].stuck, 0);
	assert_int_equal(t.look.states[TCS_SYN_RECV], 3);
	assert_int_equal(t.look.n_sources, 2);
	for (i = 0; i < 2; i++)
		assert_int_equal(t.look.sources[i].count, 3);
	assert_int_equal(t.look.blank, AUDIT_BLANK_LISTENERS);
	assert_false(audit_has_all_listeners(&t.look));
	forget(&t);
}

static void all_of_them_by_where_they_come_from(void **state)
{
	struct through t = { 0 };
	const char *why;

	(void)state;
	assert_int_equal(filter_parse_prefix("198.18.0.0/15", &t.filter.dst, &why), 0);
	begin(&t);
	put_flood(&t);
	assert_int_equal(t.look.n_listeners, 1);
	assert_int_equal(t.look.services[0].stuck, 5);
	assert_false(service_filtered(&t.look, &t.look.services[0]));
	assert_true(audit_has_all_listeners(&t.look));
	assert_int_equal(t.look.states[TCS_LISTEN], 0);
	assert_int_equal(t.look.blank, 0);
	forget(&t);
}

/* A listener at [::]:80, with half-open connections of IPv4. */
static void put_flood_on(struct through *t, uint8_t flags)
{
	static const uint32_t states[TCS_STATE_MAX] = { [TCS_SYN_RECV] = 5, [TCS_LISTEN] = 1 };
	struct record_socket r = socket_row(TCS_LISTEN, 80);

	r.socket.family = 6;
	r.socket.flags = flags;
	memset(r.socket.laddr, 0, sizeof(r.socket.laddr));
	memset(r.socket.raddr, 0, sizeof(r.socket.raddr));
	take(t, &r, sizeof(r));
	put_half_open(t, 1080, 5, 0);
	put_source(t, 0, 1, 32, 5);
	put_source(t, 0, 0, 24, 5);
	put_netns(t, NET, states);
	finish(t);
}

static void check_dual_stack(const char *src, uint8_t family, uint8_t flags, bool there)
{
	struct through t = { .filter.family = family };
	const char *why;

	if (src)
		assert_int_equal(filter_parse_prefix(src, &t.filter.src, &why), 0);
	begin(&t);
	put_flood_on(&t, flags);
	assert_int_equal(t.look.n_listeners, there);
	if (there)
		/* Their local addresses are not known one by one: then how many pass is not. */
		assert_int_equal(t.look.services[0].stuck, family == 6 || src ? 0 : 5);
	if (there && src)
		assert_true(audit_half_open_blank(&t.look, NET));
	forget(&t);
}

static void a_listener_is_there_for_those_that_may_come_to_it(void **state)
{
	(void)state;
	check_dual_stack(NULL, 4, 0, true);
	check_dual_stack(NULL, 4, AUDIT_V6ONLY, false);
	check_dual_stack(NULL, 6, 0, true);
	check_dual_stack("10.0.0.0/8", 0, 0, true);
	check_dual_stack("10.0.0.0/8", 4, 0, true);
	check_dual_stack("10.0.0.0/8", 0, AUDIT_V6ONLY, false);
}

static void nobody_knows_their_ports(void **state)
{
	struct through t = { 0 };
	const char *why;

	(void)state;
	assert_int_equal(filter_parse_ports("0-40000", &t.filter.rport, &why), 0);
	begin(&t);
	put_flood(&t);
	assert_int_equal(t.look.n_listeners, 1); /* port 0 is among them */
	assert_int_equal(t.look.n_half_open + t.look.n_sources, 0);
	assert_true(t.look.states[TCS_SYN_RECV] == AUDIT_UNKNOWN);
	assert_int_equal(t.look.blank, AUDIT_BLANK_STATES | AUDIT_BLANK_HALF_OPEN);
	assert_true(audit_half_open_blank(&t.look, NET));
	forget(&t);
}

/* A recording that counted no states has a row for each socket. */
static void rows_count(void **state)
{
	static const uint32_t none[TCS_STATE_MAX];
	struct through t = { .rows_count = true, .by = AUDIT_BY_LPORT };
	const char *why;

	(void)state;
	assert_int_equal(filter_parse_ports("80", &t.filter.lport, &why), 0);
	begin(&t);
	put_netns(&t, NET, none);
	put_socket(&t, TCS_LISTEN, 80);
	put_socket(&t, TCS_ESTABLISHED, 80);
	put_socket(&t, TCS_ESTABLISHED, 443);
	put_socket(&t, TCS_SYN_RECV, 80);
	finish(&t);
	assert_int_equal(t.look.states[TCS_LISTEN], 1);
	assert_int_equal(t.look.states[TCS_ESTABLISHED], 1);
	assert_int_equal(t.look.states[TCS_SYN_RECV], 1);
	assert_int_equal(t.look.n_groups, 1);
	assert_int_equal(t.look.blank, 0);
	forget(&t);
}

static void an_mptcp_socket_is_not_counted(void **state)
{
	static const uint32_t states[TCS_STATE_MAX] = { [TCS_CLOSE_WAIT] = 2 };
	struct record_socket msk = socket_row(TCS_CLOSE_WAIT, 80);
	struct through t = { 0 };
	const char *why;

	(void)state;
	assert_int_equal(filter_parse_ports("80", &t.filter.lport, &why), 0);
	begin(&t);
	put_netns(&t, NET, states);
	put_socket(&t, TCS_CLOSE_WAIT, 80);
	put_socket(&t, TCS_CLOSE_WAIT, 443);
	msk.socket.flags = AUDIT_MPTCP;
	take(&t, &msk, sizeof(msk));
	finish(&t);
	assert_int_equal(t.look.states[TCS_CLOSE_WAIT], 1);
	assert_int_equal(t.look.n_close_wait, 1);
	assert_int_equal(t.look.close_wait[0].count, 2);
	forget(&t);
}

static void put_connect(struct through *t, uint32_t netns, uint16_t rport)
{
	struct record_connect r = { .head.kind = RECORD_CONNECT, .connect = audit_no_connect() };

	r.connect.netns = netns;
	r.connect.rport = rport;
	r.connect.family = 4;
	r.connect.pending = 3;
	memcpy(r.connect.laddr, (uint8_t[])V4(10, 0, 0, 7), 16);
	memcpy(r.connect.raddr, (uint8_t[])V4(10, 0, 0, 1), 16);
	take(t, &r, sizeof(r));
}

/* Rows of destinations: a destination, and its source. */
static uint32_t waiting_after(struct through *t, uint32_t *ret_covers)
{
	uint32_t n;

	begin(t);
	put_connect(t, NET, 80);
	put_connect(t, NET, 443);
	put_connect(t, OTHER, 80);
	finish(t);
	n = t->look.n_connects;
	*ret_covers = t->look.covers & AUDIT_PENDING;
	forget(t);
	return n;
}

static void connects_that_are_not_answered(void **state)
{
	struct through t = { 0 };
	const char *why;
	uint32_t covers;

	(void)state;
	t.filter.netns = NET;
	assert_int_equal(waiting_after(&t, &covers), 3);
	assert_int_equal(covers, AUDIT_PENDING);
	t.filter.netns = 0;
	assert_int_equal(filter_parse_ports("80", &t.filter.rport, &why), 0);
	assert_int_equal(waiting_after(&t, &covers), 4);
	assert_int_equal(covers, AUDIT_PENDING);
	t.filter.family = 6;
	assert_int_equal(waiting_after(&t, &covers), 0);
	assert_int_equal(covers, AUDIT_PENDING);
	/* Their owners are not known: neither is how many of a process there are. */
	t = (struct through){ .filter = { .has_pid = true, .pid = 5 } };
	assert_int_equal(waiting_after(&t, &covers), 0);
	assert_int_equal(covers, 0);
}

static void groups(void **state)
{
	struct record_group r = { .head.kind = RECORD_GROUP,
				  .group = { .netns = NET, .lport = 80 } };
	struct through port = { .by = AUDIT_BY_LPORT }, addr = { .by = AUDIT_BY_LPORT };
	const char *why;

	(void)state;
	r.group.states[TCS_ESTABLISHED] = 6;
	assert_int_equal(filter_parse_ports("80", &port.filter.lport, &why), 0);
	begin(&port);
	take(&port, &r, sizeof(r));
	r.group.lport = 81;
	take(&port, &r, sizeof(r));
	finish(&port);
	assert_int_equal(port.look.n_groups, 1);
	assert_int_equal(port.look.blank, 0);
	forget(&port);

	assert_int_equal(filter_parse_prefix("10.0.0.0/8", &addr.filter.dst, &why), 0);
	begin(&addr);
	take(&addr, &r, sizeof(r));
	finish(&addr);
	assert_int_equal(addr.look.n_groups, 0);
	assert_int_equal(addr.look.blank, AUDIT_BLANK_GROUPS);
	forget(&addr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_filter_is_not_needed),
		cmocka_unit_test(by_port),
		cmocka_unit_test(by_family_state_and_user),
		cmocka_unit_test(by_namespace),
		cmocka_unit_test(half_open_of_what_is_left_out),
		cmocka_unit_test(sources_follow_their_listener),
		cmocka_unit_test(some_of_them_by_where_they_come_from),
		cmocka_unit_test(all_of_them_by_where_they_come_from),
		cmocka_unit_test(a_listener_is_there_for_those_that_may_come_to_it),
		cmocka_unit_test(nobody_knows_their_ports),
		cmocka_unit_test(rows_count),
		cmocka_unit_test(an_mptcp_socket_is_not_counted),
		cmocka_unit_test(connects_that_are_not_answered),
		cmocka_unit_test(groups),
	};

	return cmocka_run_group_tests_name("select_look", tests, NULL, NULL);
}
