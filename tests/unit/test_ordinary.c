// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_ordinary.c - an hour of ordinary traffic raises nothing; one bad thing beside it raises that
 * finding, once and soon, and nothing else
 */
#include "sim.h"
#include "unit.h"

static struct sim_result result;

static void print_told(void)
{
	uint32_t i;

	for (i = 0; i < result.n_told; i++) {
		const struct sim_told *t = &result.told[i];

		print_message("# %u s, walk %u: %s %s %s\n", (unsigned int)(t->ts_ns / 1000000000),
			      t->walks, finding_name(t->finding.kind),
			      finding_status_name(t->finding.status),
			      severity_name(t->finding.severity));
	}
}

static void an_hour_of_ordinary_traffic(uint64_t seed)
{
	struct sim_config config = { .seed = seed, .seconds = 3600 };

	sim_run(&config, &result);
	print_message("# %llu connections, %llu changes, %llu SYN-ACKs resent, %llu walks\n",
		      (unsigned long long)result.connections, (unsigned long long)result.changes,
		      (unsigned long long)result.resent, (unsigned long long)result.walks);
	print_message("# at most %u established, %u time_wait, %u close_wait, %u syn_recv\n",
		      result.most[TCS_ESTABLISHED], result.most[TCS_TIME_WAIT],
		      result.most[TCS_CLOSE_WAIT], result.most[TCS_SYN_RECV]);
	print_told();
	assert_int_equal(result.n_told, 0);
}

static void an_hour_raises_nothing(void **state)
{
	(void)state;
	an_hour_of_ordinary_traffic(1);
	/* It was there to be misjudged. */
	assert_true(result.connections > 200000);
	assert_true(result.walks > 1800);
	assert_true(result.resent > 2000);
	assert_true(result.failed_connects > 80000);
	assert_true(result.most[TCS_ESTABLISHED] > 5000);
	assert_true(result.most[TCS_TIME_WAIT] > 4000);
	assert_true(result.most[TCS_CLOSE_WAIT] > 50);
	assert_true(result.most[TCS_SYN_RECV] > 20);
}

static void another_hour_raises_nothing(void **state)
{
	(void)state;
	an_hour_of_ordinary_traffic(20260101);
}

/* It is raised within three walks, and nothing else is; returns of how many subjects. */
static uint32_t find(enum sim_bad bad, uint32_t from_s, uint32_t seconds, enum finding_kind kind)
{
	struct sim_config config = {
		.seed = 7, .seconds = seconds, .bad = bad, .bad_from_s = from_s
	};
	uint32_t i, raised = 0;

	sim_run(&config, &result);
	print_told();
	assert_true(result.n_told > 0);
	assert_true(result.told[0].ts_ns >= from_s * 1000000000ull);
	for (i = 0; i < result.n_told; i++) {
		assert_int_equal(result.told[i].finding.kind, kind);
		if (result.told[i].finding.status != FINDING_RAISED)
			continue;
		assert_in_range(result.told[i].walks, 0, 3);
		raised++;
	}
	return raised;
}

static void a_leak_of_one_a_minute_is_found(void **state)
{
	(void)state;
	assert_int_equal(find(SIM_LEAK, 300, 1300, FINDING_CLOSE_WAIT_LEAK), 1);
	assert_string_equal(result.told[0].finding.row.half_closed.owner.comm, "leaker");
}

static void ports_running_out_are_found(void **state)
{
	(void)state;
	assert_int_equal(find(SIM_EXHAUSTION, 200, 400, FINDING_PORT_EXHAUSTION), 1);
	assert_int_equal(result.told[0].finding.row.place.rport, 3306);
}

static void a_flood_is_found(void **state)
{
	(void)state;
	assert_int_equal(find(SIM_FLOOD, 200, 260, FINDING_SYN_FLOOD), 1);
	assert_int_equal(result.told[0].finding.row.syn.service.lport, 80);
}

static void a_slow_flood_is_found(void **state)
{
	(void)state;
	assert_int_equal(find(SIM_SLOW_FLOOD, 200, 260, FINDING_SYN_FLOOD), 1);
	assert_int_equal(result.told[0].finding.row.syn.service.lport, 80);
}

static void a_rack_without_power_is_found(void **state)
{
	(void)state;
	/* Its 300 hosts are of two /24. */
	assert_int_equal(find(SIM_RACK, 200, 300, FINDING_DEAD_PEER), 2);
	assert_int_equal(result.told[0].finding.row.dead.bits, 24);
}

static void a_host_that_times_out_at_once_is_found(void **state)
{
	(void)state;
	assert_int_equal(find(SIM_PEER, 200, 300, FINDING_DEAD_PEER), 1);
	assert_in_range(result.told[0].finding.row.dead.timed_out, 5, 6);
	assert_int_equal(result.told[result.n_told - 1].finding.status, FINDING_CLEARED);
}

static void a_host_that_refuses_is_found(void **state)
{
	(void)state;
	assert_int_equal(find(SIM_DOWN, 200, 230, FINDING_CONNECT_FAILING), 1);
	assert_int_equal(result.told[0].finding.row.connect.row.rport, 6379);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_hour_raises_nothing),
		cmocka_unit_test(another_hour_raises_nothing),
		cmocka_unit_test(a_leak_of_one_a_minute_is_found),
		cmocka_unit_test(ports_running_out_are_found),
		cmocka_unit_test(a_flood_is_found),
		cmocka_unit_test(a_slow_flood_is_found),
		cmocka_unit_test(a_rack_without_power_is_found),
		cmocka_unit_test(a_host_that_times_out_at_once_is_found),
		cmocka_unit_test(a_host_that_refuses_is_found),
	};

	return cmocka_run_group_tests_name("ordinary", tests, NULL, NULL);
}
