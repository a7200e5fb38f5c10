// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_leaks.c - half-closed sockets that a process keeps: which of them are in use, which are not;
 * and findings in namespaces that a look does not cover
 */
#include "judge.h"
#include "record.h"
#include "standing.h"

/* age_ns: seen as an event, or AUDIT_UNKNOWN. */
static struct audit_socket half_closed(uint8_t state, uint64_t age_ns, uint64_t quiet_ns,
				       uint64_t payload_ns)
{
	return (struct audit_socket){
		.id = 5,
		.netns = 1,
		.state = state,
		.family = 4,
		.flags = AUDIT_ATTACHED,
		.quiet_ns = quiet_ns,
		.in_state_ns = age_ns,
		.payload_ms =
			payload_ns == AUDIT_UNKNOWN ? 0 : (uint32_t)(payload_ns / 1000000) + 1,
		.owner = { .pid = 7, .source = OWNER_SCAN, .comm = "app" },
	};
}

static void add(struct fixture *f, const struct audit_socket *s, unsigned int n)
{
	while (n--)
		assert_int_equal(audit_add_socket(&f->look, s), 0);
}

/* ---- in use, or not -------------------------------------------------------------------------- */

struct usage {
	const char *what;
	uint8_t state;
	uint64_t age_s, quiet_ms, payload_ms; /* UINT64_MAX unknown */
	bool found;
};

/* Ages of one socket as the kernel has them; ten of each are judged. */
static const struct usage usages[] = {
	{ "nothing since the peer's FIN", TCS_CLOSE_WAIT, 70, 70000, 71000, true },
	{ "the same, older than the program", TCS_CLOSE_WAIT, UINT64_MAX, 70000, 71000, true },
	{ "the same, of an old recording", TCS_CLOSE_WAIT, 70, 70000, UINT64_MAX, true },
	{ "the server sends every 0.5 s", TCS_CLOSE_WAIT, 70, 400, 400, false },
	{ "the same, older than the program", TCS_CLOSE_WAIT, UINT64_MAX, 400, 400, false },
	{ "the same, of an old recording", TCS_CLOSE_WAIT, 70, 400, UINT64_MAX, false },
	{ "the server sends every 50 s", TCS_CLOSE_WAIT, 7000, 49000, 49000, false },
	{ "keep-alive probes are answered", TCS_CLOSE_WAIT, 7000, 2000, 7000000, true },
	{ "data are sent again and again", TCS_CLOSE_WAIT, 300, 250000, 800, true },
	{ "the server sent until just now", TCS_CLOSE_WAIT, 7000, 10000, 10000, false },
	{ "a minute is not over", TCS_CLOSE_WAIT, 59, 70000, 70000, false },
	{ "shut down, nothing comes", TCS_FIN_WAIT2, 70, 70000, 71000, true },
	{ "the same, older than the program", TCS_FIN_WAIT2, UINT64_MAX, 70000, 71000, true },
	{ "shut down, and data come", TCS_FIN_WAIT2, 70, 400, 400, false },
	{ "the same, older than the program", TCS_FIN_WAIT2, UINT64_MAX, 400, 400, false },
	{ "shut down, probes are answered", TCS_FIN_WAIT2, 7000, 2000, 7000000, true },
	{ "shut down half a minute ago", TCS_FIN_WAIT2, 30, 70000, 70000, false },
};

static uint64_t ns_of(uint64_t n, uint64_t unit)
{
	return n == UINT64_MAX ? AUDIT_UNKNOWN : n * unit;
}

static void half_closed_connections_in_use_are_no_leak(void **state)
{
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < COUNT(usages); i++) {
		const struct usage *u = &usages[i];
		struct audit_socket s =
			half_closed(u->state, ns_of(u->age_s, SECOND), ns_of(u->quiet_ms, 1000000),
				    ns_of(u->payload_ms, 1000000));
		struct detect *d = f->detect;

		begin_look(f);
		add(f, &s, 10);
		assert_int_equal(detect_new(&default_opts()->detect, &f->detect), 0);
		print_message("# %s\n", u->what);
		assert_int_equal(judge(f), u->found);
		if (u->found)
			assert_int_equal(f->emitted.last.kind, u->state == TCS_CLOSE_WAIT ?
								       FINDING_CLOSE_WAIT_LEAK :
								       FINDING_FIN_WAIT2_HELD);
		detect_free(d);
	}
}

static void a_connection_in_use_is_counted_and_has_its_age(void **state)
{
	struct audit_socket s = half_closed(TCS_CLOSE_WAIT, 90 * SECOND, SECOND / 2, SECOND / 2);
	struct fixture *f = *state;

	add(f, &s, 12);
	assert_int_equal(judge(f), 0);
	assert_int_equal(f->look.close_wait[0].count, 12);
	assert_int_equal(f->look.close_wait[0].old, 0);
	assert_int_equal(f->look.close_wait[0].oldest_ns, 90 * SECOND);
	assert_true(f->look.close_wait[0].oldest_exact);
}

static void nine_tenths_of_them_in_use_clear_the_finding(void **state)
{
	struct audit_socket idle =
		half_closed(TCS_CLOSE_WAIT, 90 * SECOND, 90 * SECOND, 90 * SECOND);
	struct audit_socket used = half_closed(TCS_CLOSE_WAIT, 90 * SECOND, SECOND, SECOND);
	struct fixture *f = *state;
	unsigned int i;

	add(f, &idle, 20);
	assert_int_equal(judge(f), 1);
	for (i = 0; i < STANDING_CLEAR_LOOKS; i++) {
		begin_look(f);
		add(f, &idle, 2);
		add(f, &used, 18);
		assert_int_equal(judge(f), i == STANDING_CLEAR_LOOKS - 1);
	}
	assert_int_equal(f->emitted.last.status, FINDING_CLEARED);
}

/* ---- FIN_WAIT2 ------------------------------------------------------------------------------- */

static void held_fin_wait2_has_owner_age_and_descriptors(void **state)
{
	const struct audit_holder holder = { .pid = 7, .fd_used = 50, .fd_limit = 1024 };
	const struct audit_netns netns = { .netns = 1 };
	struct audit_socket s = half_closed(TCS_FIN_WAIT2, AUDIT_UNKNOWN, 80 * SECOND, 80 * SECOND);
	struct fixture *f = *state;
	const struct audit_half_closed *row;

	assert_int_equal(audit_add_netns(&f->look, &netns), 0);
	add(f, &s, 10);
	audit_add_holder(&f->look, &holder);
	assert_int_equal(judge(f), 1);
	row = &f->emitted.last.row.half_closed;
	assert_int_equal(f->emitted.last.kind, FINDING_FIN_WAIT2_HELD);
	assert_int_equal(f->emitted.last.severity, SEVERITY_WARNING);
	assert_int_equal(row->owner.pid, 7);
	assert_int_equal(row->oldest_ns, 80 * SECOND);
	assert_false(row->oldest_exact);
	assert_int_equal(row->fd_used, 50);
	assert_int_equal(row->fd_limit, 1024);
	assert_int_equal(f->look.n_close_wait, 0);
}

static void orphans_in_fin_wait2_are_the_kernels(void **state)
{
	struct audit_socket s = half_closed(TCS_FIN_WAIT2, 90 * SECOND, 90 * SECOND, 90 * SECOND);
	struct fixture *f = *state;

	s.flags = AUDIT_DETACHED;
	s.owner = (struct owner){ 0 };
	add(f, &s, 100);
	s.flags = 0; /* of a recording that does not know: without an owner */
	add(f, &s, 100);
	assert_int_equal(judge(f), 0);
	assert_int_equal(f->look.n_fin_wait2, 0);
}

/* Each rule has its own thresholds. */
static void both_ends_in_one_process_are_two_findings(void **state)
{
	struct audit_socket s = half_closed(TCS_FIN_WAIT2, 90 * SECOND, 90 * SECOND, 90 * SECOND);
	struct fixture *f = *state;

	add(f, &s, 10);
	s.state = TCS_CLOSE_WAIT;
	add(f, &s, 10);
	assert_int_equal(judge(f), 2);
	assert_int_equal(detect_open(f->detect), 2);
}

/* ---- never accepted -------------------------------------------------------------------------- */

static const char *advice_of(const struct finding *f)
{
	static char text[256];
	size_t len;
	const char *advice = finding_advice(f, &len);

	assert_in_range(len, 20, sizeof(text) - 1);
	memcpy(text, advice, len);
	text[len] = '\0';
	return text;
}

static void what_was_never_accepted_needs_accept_not_close(void **state)
{
	struct audit_socket s = half_closed(TCS_CLOSE_WAIT, 90 * SECOND, 90 * SECOND, 90 * SECOND);
	struct fixture *f = *state;

	add(f, &s, 10);
	assert_int_equal(judge(f), 1);
	assert_int_equal(f->emitted.last.row.half_closed.unaccepted, 0);
	assert_non_null(strstr(advice_of(&f->emitted.last), "must call close()"));
	begin_look(f);
	s.flags = AUDIT_DETACHED;
	add(f, &s, 20);
	assert_int_equal(judge(f), 1);
	assert_int_equal(f->emitted.last.row.half_closed.unaccepted, 20);
	assert_null(strstr(advice_of(&f->emitted.last), "close()"));
	assert_non_null(strstr(advice_of(&f->emitted.last), "accept()"));
	begin_look(f);
	s.flags = 0; /* of an old recording */
	add(f, &s, 40);
	assert_int_equal(judge(f), 1);
	assert_true(f->emitted.last.row.half_closed.unaccepted == AUDIT_UNKNOWN);
	assert_non_null(strstr(advice_of(&f->emitted.last), "must call close()"));
}

/* They take no descriptor: those that run out are not theirs. */
static void what_was_never_accepted_uses_no_descriptor(void **state)
{
	struct audit_socket s = half_closed(TCS_CLOSE_WAIT, 90 * SECOND, 90 * SECOND, 90 * SECOND);
	struct fixture *f = *state;

	s.flags = AUDIT_DETACHED;
	add(f, &s, 900);
	f->look.close_wait[0].fd_used = 1000;
	f->look.close_wait[0].fd_limit = 1024;
	assert_int_equal(judge(f), 1);
	assert_int_equal(f->emitted.last.severity, SEVERITY_WARNING);
}

/* ---- namespaces ------------------------------------------------------------------------------ */

static void raise_leak(struct fixture *f, uint64_t cookie)
{
	struct audit_netns netns = { .netns = 1, .netns_cookie = cookie };
	struct audit_socket s = half_closed(TCS_CLOSE_WAIT, 90 * SECOND, 90 * SECOND, 90 * SECOND);

	assert_int_equal(audit_add_netns(&f->look, &netns), 0);
	add(f, &s, 10);
	assert_int_equal(judge(f), 1);
}

/* The looks after which it is cleared; 0: after none of ten. */
static unsigned int cleared_after(struct fixture *f, bool listed, const struct audit_unseen *unseen,
				  const struct audit_netns *netns)
{
	unsigned int i;

	for (i = 1; i <= 10; i++) {
		begin_look(f);
		f->look.blind.netns_listed = listed;
		if (unseen)
			assert_int_equal(audit_add_unseen(&f->look, unseen), 0);
		if (netns)
			assert_int_equal(audit_add_netns(&f->look, netns), 0);
		if (judge(f)) {
			assert_int_equal(f->emitted.last.status, FINDING_CLEARED);
			return i;
		}
	}
	return 0;
}

static void a_finding_is_cleared_by_evidence_only(void **state)
{
	const struct audit_unseen unseen = { .netns = 1, .netns_cookie = 77 };
	const struct audit_netns empty = { .netns = 1, .netns_cookie = 77 };
	const struct audit_netns reused = { .netns = 1, .netns_cookie = 78 };
	struct fixture *f = *state;

	raise_leak(f, 77);
	/* It exists, and its sockets cannot be walked any more. */
	assert_int_equal(cleared_after(f, true, &unseen, NULL), 0);
	assert_int_equal(detect_open(f->detect), 1);
	/* Not in the look, and whether it exists is unknown. */
	assert_int_equal(cleared_after(f, false, NULL, NULL), 0);
	/* Another one has its number. */
	assert_int_equal(cleared_after(f, false, NULL, &reused), 0);
	/* In the look, and without such sockets. */
	assert_int_equal(cleared_after(f, false, NULL, &empty), STANDING_CLEAR_LOOKS);
}

static void a_finding_of_a_namespace_that_has_ended_is_cleared(void **state)
{
	struct fixture *f = *state;

	raise_leak(f, 0); /* a kernel without cookies */
	assert_int_equal(cleared_after(f, false, NULL, NULL), 0);
	assert_int_equal(cleared_after(f, true, NULL, NULL), STANDING_CLEAR_LOOKS);
}

static void hidden_namespaces_are_counted_with_their_sockets(void **state)
{
	const struct audit_netns shown = { .netns = 1, .states = { [TCS_ESTABLISHED] = 5 } };
	struct audit_netns hidden = { .netns = 2,
				      .hidden = 1,
				      .states = { [TCS_CLOSE_WAIT] = 12, [TCS_LISTEN] = 1 } };
	struct fixture *f = *state;
	uint64_t sockets;

	assert_int_equal(audit_add_netns(&f->look, &shown), 0);
	assert_int_equal(audit_hidden(&f->look, &sockets), 0);
	assert_int_equal(sockets, 0);
	assert_int_equal(audit_add_netns(&f->look, &hidden), 0);
	assert_int_equal(audit_hidden(&f->look, &sockets), 1);
	assert_int_equal(sockets, 13);
	hidden.states[TCS_ESTABLISHED] = AUDIT_STATE_UNKNOWN;
	assert_int_equal(audit_add_netns(&f->look, &hidden), 0);
	assert_int_equal(audit_hidden(&f->look, &sockets), 2);
	assert_true(sockets == AUDIT_UNKNOWN);
}

static void an_unseen_namespace_is_a_record_of_a_look(void **state)
{
	const struct record_unseen bytes = { .head.kind = RECORD_UNSEEN,
					     .unseen = { .netns = 1, .netns_cookie = 77 } };
	struct fixture *f = *state;
	struct record r;

	assert_true(record_is_of_look(RECORD_UNSEEN));
	assert_int_equal(record_decode(&bytes, sizeof(bytes), &r), 0);
	assert_int_equal(record_into_audit(&r, &f->look), 0);
	assert_int_equal(f->look.n_unseen, 1);
	assert_false(audit_covers_netns(&f->look, 1, 77));
	assert_true(audit_covers_netns(&f->look, 1, 78));
	assert_false(audit_covers_netns(&f->look, 1, 0));
	assert_true(audit_covers_netns(&f->look, 2, 0));
	assert_int_not_equal(record_decode(&bytes, sizeof(bytes) - 8, &r), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(half_closed_connections_in_use_are_no_leak),
		TEST(a_connection_in_use_is_counted_and_has_its_age),
		TEST(nine_tenths_of_them_in_use_clear_the_finding),
		TEST(held_fin_wait2_has_owner_age_and_descriptors),
		TEST(orphans_in_fin_wait2_are_the_kernels),
		TEST(both_ends_in_one_process_are_two_findings),
		TEST(what_was_never_accepted_needs_accept_not_close),
		TEST(what_was_never_accepted_uses_no_descriptor),
		TEST(a_finding_is_cleared_by_evidence_only),
		TEST(a_finding_of_a_namespace_that_has_ended_is_cleared),
		TEST(hidden_namespaces_are_counted_with_their_sockets),
		TEST(an_unseen_namespace_is_a_record_of_a_look),
	};

	return cmocka_run_group_tests_name("leaks", tests, NULL, NULL);
}
