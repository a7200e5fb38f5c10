// SPDX-License-Identifier: GPL-2.0-only
/*
 * Filters against changes, connections and resent SYN-ACKs. Each row is a filter as the user types
 * it and whether the sample (samples.h: 10.0.0.7:80 with 10.0.0.31:52114, nginx(1180), uid 33)
 * passes.
 */
#include "samples.h"
#include "select.h"

enum option { PID = 1, COMM, USER, NETNS, FAMILY, LPORT, RPORT, SRC, DST, STATES };

struct row {
	enum option option;
	const char *value;
	bool change, unknown,
		synack; /* of the sample, of one of which nothing is known, of a SYN-ACK */
};

static void set_option(struct filter *f, enum option option, const char *value)
{
	switch (option) {
	case PID:
		f->has_pid = true;
		f->pid = (uint32_t)strtoul(value, NULL, 10);
		break;
	case COMM:
		f->has_comm = true;
		snprintf(f->comm, sizeof(f->comm), "%.15s", value);
		break;
	case USER:
		f->has_uid = true;
		f->uid = (uint32_t)strtoul(value, NULL, 10);
		break;
	case NETNS:
		f->netns = (uint32_t)strtoul(value, NULL, 10);
		break;
	case FAMILY:
		f->family = (uint8_t)strtoul(value, NULL, 10);
		break;
	case LPORT:
		assert_int_equal(filter_parse_ports(value, &f->lport, NULL), 0);
		break;
	case RPORT:
		assert_int_equal(filter_parse_ports(value, &f->rport, NULL), 0);
		break;
	case SRC:
		assert_int_equal(filter_parse_prefix(value, &f->src, NULL), 0);
		break;
	case DST:
		assert_int_equal(filter_parse_prefix(value, &f->dst, NULL), 0);
		break;
	default:
		assert_int_equal(state_parse_list(value, &f->states, NULL), 0);
		break;
	}
}

/* A filter of one option; it is large, so there is one. */
static struct filter *filter_of(enum option option, const char *value)
{
	static struct filter f;

	memset(&f, 0, sizeof(f));
	if (option)
		set_option(&f, option, value);
	return &f;
}

/* clang-format off */
static const struct row rows[] = {
	/*			change unknown synack */
	{ 0, "no filter",	true,  true,  true },
	{ PID, "1180",		true,  false, true },
	{ PID, "118",		false, false, false },
	{ COMM, "nginx",	true,  false, true },
	{ COMM, "ngin",		false, false, false },
	{ COMM, "nginxx",	false, false, false },
	{ COMM, "",		false, false, false },
	{ USER, "33",		true,  false, true },
	{ USER, "34",		false, false, false },
	{ NETNS, "4026531840",	true,  false, true },
	{ NETNS, "4026531841",	false, false, false },
	{ FAMILY, "4",		true,  false, true },
	{ FAMILY, "6",		false, false, false },
	{ LPORT, "80",		true,  false, true },
	{ LPORT, "1-79,81-90",	false, false, false },
	{ LPORT, "0-65535",	true,  false, true },
	{ LPORT, "52114",	false, false, false },
	{ RPORT, "52114,40012",	true,  false, true },
	{ RPORT, "80",		false, false, false },
	{ RPORT, "0-65535",	true,  false, true },
	{ SRC, "10.0.0.0/8",	true,  false, true },
	{ SRC, "10.0.0.7",	true,  false, true },
	{ SRC, "10.0.0.31",	false, false, false },
	{ SRC, "0.0.0.0/0",	true,  false, true },
	{ SRC, "::/0",		false, false, false },
	{ DST, "10.0.0.31",	true,  false, false },
	{ DST, "198.51.100.0/24", false, false, true },
	{ DST, "0.0.0.0/0",	true,  false, true },
	{ DST, "10.0.0.7",	false, false, false },
	/* the sample is ESTABLISHED -> FIN_WAIT1, the unknown one ESTABLISHED -> CLOSE */
	{ STATES, "estab",	true,  true,  false },
	{ STATES, "fin-wait-1",	true,  false, false },
	{ STATES, "close",	false, true,  false },
	{ STATES, "syn-recv",	false, false, true },
	{ STATES, "!syn-recv",	true,  true,  false },
	{ STATES, "!close",	true,  false, true },
	{ STATES, "estab,!fin-wait-1", false, true, false },
	{ STATES, "listen",	false, false, false },
};
/* clang-format on */

static void changes_pass_by_what_is_known_of_them(void **unused)
{
	struct sample known, unknown;

	(void)unused;
	sample_init(&known);
	sample_unknown(&unknown);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct filter *f = filter_of(rows[i].option, rows[i].value);

		if (select_change(f, &known.change) != rows[i].change)
			fail_msg("change, %s (row %zu)", rows[i].value, i);
		if (select_change(f, &unknown.change) != rows[i].unknown)
			fail_msg("unknown change, %s (row %zu)", rows[i].value, i);
	}
}

static void a_namespace_with_the_number_of_another_does_not_pass(void **unused)
{
	struct tcs_wire_synack synack = sample_synack();
	struct filter *f = filter_of(NETNS, "4026531840");
	struct sample known;
	struct conn conn;

	(void)unused;
	sample_init(&known);
	conn = *known.change.conn;
	known.change.conn = &conn;
	f->netns_id = 70;
	conn.netns_cookie = synack.netns_cookie = 70;
	assert_true(select_change(f, &known.change) && select_synack(f, &synack));
	conn.netns_cookie = synack.netns_cookie = 71;
	assert_false(select_change(f, &known.change) || select_synack(f, &synack));
	/* Not known: the program that sent them has compared something else. */
	conn.netns_cookie = synack.netns_cookie = 0;
	assert_true(select_change(f, &known.change) && select_synack(f, &synack));
}

static void resent_syn_acks_pass_as_their_listeners_syn_recv(void **unused)
{
	struct tcs_wire_synack synack = sample_synack();

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (select_synack(filter_of(rows[i].option, rows[i].value), &synack) !=
		    rows[i].synack)
			fail_msg("SYN-ACK, %s (row %zu)", rows[i].value, i);

	synack.owner = (struct tcs_wire_owner){ 0 };
	assert_true(select_synack(filter_of(0, ""), &synack));
	assert_false(select_synack(filter_of(PID, "1180"), &synack));
	assert_false(select_synack(filter_of(COMM, ""), &synack));
}

/* -u root, and a socket of which no facts have come: its uid is not 0, it is unknown. */
static void an_unknown_user_is_not_root(void **unused)
{
	struct sample s;

	(void)unused;
	sample_unknown(&s);
	assert_false(select_change(filter_of(USER, "0"), &s.change));

	sample_init(&s);
	s.conn.uid = 0;
	assert_true(select_change(filter_of(USER, "0"), &s.change));
}

static void options_must_all_agree(void **unused)
{
	static struct filter f;
	struct sample s;

	(void)unused;
	sample_init(&s);
	set_option(&f, PID, "1180");
	set_option(&f, LPORT, "80");
	set_option(&f, DST, "10.0.0.0/8");
	set_option(&f, STATES, "fin-wait-1");
	assert_true(select_change(&f, &s.change));
	s.conn.raddr[12] = 11;
	assert_false(select_change(&f, &s.change));
	s.conn.raddr[12] = 10;
	s.change.lport = 8080;
	assert_false(select_change(&f, &s.change));
	s.change.lport = 80;
	s.change.owner.pid = 1;
	assert_false(select_change(&f, &s.change));
}

static void names_are_compared_as_the_kernel_cuts_them(void **unused)
{
	struct sample s;

	(void)unused;
	sample_init(&s);
	memcpy(s.change.owner.comm, "a-name-of-15-by", TCS_COMM_LEN);
	assert_true(select_change(filter_of(COMM, "a-name-of-15-by"), &s.change));
	assert_true(select_change(filter_of(COMM, "a-name-of-15-bytes-and-more"), &s.change));
	assert_false(select_change(filter_of(COMM, "a-name-of-15-b"), &s.change));
}

static void a_mapped_peer_is_ipv4_and_an_ipv6_peer_is_not(void **unused)
{
	static const uint8_t laddr[16] = V6(7), raddr[16] = V6(31);
	struct sample s;

	(void)unused;
	sample_init(&s);
	memcpy(s.conn.laddr, laddr, 16);
	memcpy(s.conn.raddr, raddr, 16);
	s.conn.family = 6;
	assert_true(select_change(filter_of(FAMILY, "6"), &s.change));
	assert_false(select_change(filter_of(FAMILY, "4"), &s.change));
	assert_true(select_change(filter_of(SRC, "2001:db8::/32"), &s.change));
	assert_true(select_change(filter_of(DST, "::/0"), &s.change));
	assert_false(select_change(filter_of(DST, "0.0.0.0/0"), &s.change));
}

/* A listener has no peer: its remote address of zeros is in no prefix. */
static void a_listener_has_no_remote_side(void **unused)
{
	struct sample s;

	(void)unused;
	sample_init(&s);
	memset(s.conn.raddr + 12, 0, 4);
	s.conn.rport = 0;
	s.change.old_state = TCS_CLOSE;
	s.change.new_state = s.change.kernel_new_state = TCS_LISTEN;
	assert_true(select_change(filter_of(LPORT, "80"), &s.change));
	assert_true(select_change(filter_of(SRC, "10.0.0.7"), &s.change));
	assert_false(select_change(filter_of(DST, "0.0.0.0/0"), &s.change));
	assert_false(select_change(filter_of(RPORT, "0-65535"), &s.change));
}

static void the_inferred_state_is_what_counts(void **unused)
{
	struct sample s;

	(void)unused;
	sample_end(&s);
	assert_true(select_change(filter_of(STATES, "time-wait"), &s.change));
	assert_true(select_change(filter_of(STATES, "!close"), &s.change));
	assert_false(select_change(filter_of(STATES, "close"), &s.change));
	assert_false(select_change(filter_of(STATES, "!time-wait"), &s.change));
}

/* TIME_WAIT or CLOSE: what a filter cannot judge passes. */
static void a_state_that_is_not_known_passes_as_either(void **unused)
{
	static const struct {
		const char *states;
		bool passes;
	} want[] = {
		{ "time-wait", true },	{ "close", true },  { "!time-wait", true },
		{ "!close", true },	{ "estab", false }, { "!fin-wait-2", false },
		{ "fin-wait-2", true }, { "all", true },    { "!time-wait,!close", false },
	};
	struct sample s;

	(void)unused;
	sample_end(&s);
	s.change.new_state = s.change.tw_substate = 0;
	s.conn.path[s.conn.path_len - 1].state = 0;
	for (size_t i = 0; i < COUNT(want); i++) {
		bool estab = !strcmp(want[i].states, "estab"); /* that the connection was in */

		if (select_change(filter_of(STATES, want[i].states), &s.change) != want[i].passes)
			fail_msg("a change: %s", want[i].states);
		if (select_connection(filter_of(STATES, want[i].states), &s.connection) !=
		    (want[i].passes || estab))
			fail_msg("a connection: %s", want[i].states);
	}
}

static void connections_pass_by_the_states_they_went_through(void **unused)
{
	static const struct {
		const char *states;
		bool passes;
	} want[] = {
		/* SYN_RECV, ESTABLISHED, FIN_WAIT1, FIN_WAIT2, TIME_WAIT */
		{ "all", true },
		{ "estab", true },
		{ "syn-recv", true },
		{ "time-wait", true },
		{ "close", false },
		{ "close-wait", false },
		{ "syn-sent", false },
		{ "!estab", false },
		{ "!time-wait", false },
		{ "!close-wait", true },
		{ "!close", true },
		{ "fin-wait-2,!close", true },
		{ "estab,!syn-recv", false },
		{ "close-wait,fin-wait-1", true },
	};
	struct sample s;

	(void)unused;
	sample_end(&s);
	for (size_t i = 0; i < COUNT(want); i++)
		if (select_connection(filter_of(STATES, want[i].states), &s.connection) !=
		    want[i].passes)
			fail_msg("%s", want[i].states);
}

static void connections_pass_by_owner_and_addresses(void **unused)
{
	struct sample s;

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (rows[i].option == STATES)
			continue;
		sample_end(&s);
		if (select_connection(filter_of(rows[i].option, rows[i].value), &s.connection) !=
		    rows[i].change)
			fail_msg("connection, %s (row %zu)", rows[i].value, i);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_namespace_with_the_number_of_another_does_not_pass),
		cmocka_unit_test(changes_pass_by_what_is_known_of_them),
		cmocka_unit_test(resent_syn_acks_pass_as_their_listeners_syn_recv),
		cmocka_unit_test(an_unknown_user_is_not_root),
		cmocka_unit_test(options_must_all_agree),
		cmocka_unit_test(names_are_compared_as_the_kernel_cuts_them),
		cmocka_unit_test(a_mapped_peer_is_ipv4_and_an_ipv6_peer_is_not),
		cmocka_unit_test(a_listener_has_no_remote_side),
		cmocka_unit_test(the_inferred_state_is_what_counts),
		cmocka_unit_test(a_state_that_is_not_known_passes_as_either),
		cmocka_unit_test(connections_pass_by_the_states_they_went_through),
		cmocka_unit_test(connections_pass_by_owner_and_addresses),
	};

	return cmocka_run_group_tests_name("select", tests, NULL, NULL);
}
