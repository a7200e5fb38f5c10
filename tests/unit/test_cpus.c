// SPDX-License-Identifier: GPL-2.0-only
/* test_cpus.c - masks of CPUs, and the division of the buffer, for hosts of every size */
#include "cpus.h"
#include "unit.h"

#define BUFFER (16ull << 20)

static void masks_are_read(void **state)
{
	struct cpu_set set;

	(void)state;
	assert_int_equal(cpus_parse("0-1\n", &set), 0);
	assert_int_equal(set.n, 2);
	assert_int_equal(set.bound, 2);
	assert_int_equal(cpus_parse("0,2,4-5,64,1023", &set), 0);
	assert_int_equal(set.n, 6);
	assert_int_equal(set.bound, 1024);
	assert_int_equal(cpus_parse("0-8191\n", &set), 0);
	assert_int_equal(set.n, 8192);
	assert_int_equal(cpus_parse("3,3,2-4\n", &set), 0);
	assert_int_equal(set.n, 3);
}

static void what_is_no_mask_is_refused(void **state)
{
	static const char *const texts[] = { "",
					     "\n",
					     "x",
					     "1-",
					     "-1",
					     "2-1",
					     "0-1,",
					     "0--1",
					     "0-1 2",
					     "0-8192",
					     "99999999999999999999" };
	struct cpu_set set;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_true(cpus_parse(texts[i], &set) < 0);
}

/*
 * Whatever is online: what was asked for at least (a page for each ring at most 1 GB), twice at
 * most.
 */
static void the_buffer_is_divided_by_those_online(void **state)
{
	static const size_t pages[] = { 4096, 16384, 65536 };
	static const uint64_t files[] = { 0, 256, 1024, 4096, 1 << 20 };

	(void)state;
	for (size_t p = 0; p < COUNT(pages); p++)
		for (size_t f = 0; f < COUNT(files); f++)
			for (uint32_t n = 2; n <= 4096; n++) {
				struct ring_plan plan = cpus_plan(n, BUFFER, pages[p], files[f]);
				uint64_t all = (uint64_t)plan.rings * plan.bytes;

				assert_true(plan.rings >= 1 && plan.rings <= n);
				assert_true(plan.rings == 1 ||
					    plan.rings + CPUS_FILES_KEPT <= files[f]);
				assert_int_equal(plan.bytes & (plan.bytes - 1), 0);
				assert_int_equal(plan.bytes % pages[p], 0);
				assert_true(all + plan.rings > BUFFER && all <= 2 * BUFFER);
			}
}

static void small_buffers_have_a_page(void **state)
{
	struct ring_plan plan = cpus_plan(4096, 4096, 65536, 1024);

	(void)state;
	assert_int_equal(plan.rings, 1);
	assert_int_equal(plan.bytes, 65536);
}

static void those_online_have_rings_of_their_own(void **state)
{
	static struct cpus cpus;
	static uint32_t ring[CPUS_MAX], used[CPUS_MAX];
	struct cpu_set *on = &cpus.online;

	(void)state;
	assert_int_equal(cpus_parse("1,5,130-131,4095", on), 0);
	cpus.numbers = 4200;
	cpus_share_out(&cpus, on->n, ring);
	for (uint32_t i = 0; i < cpus.numbers; i++) {
		assert_true(ring[i] < on->n);
		used[ring[i]] += on->words[i / 64] >> (i % 64) & 1;
	}
	for (uint32_t i = 0; i < on->n; i++)
		assert_int_equal(used[i], 1);
	cpus_share_out(&cpus, 2, ring);
	for (uint32_t i = 0; i < cpus.numbers; i++)
		assert_true(ring[i] < 2);
}

static void this_host_has_one(void **state)
{
	static struct cpus cpus;

	(void)state;
	cpus_read(&cpus);
	assert_true(cpus.online.n >= 1 && cpus.numbers >= cpus.online.bound);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(masks_are_read),
		cmocka_unit_test(what_is_no_mask_is_refused),
		cmocka_unit_test(the_buffer_is_divided_by_those_online),
		cmocka_unit_test(small_buffers_have_a_page),
		cmocka_unit_test(those_online_have_rings_of_their_own),
		cmocka_unit_test(this_host_has_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
