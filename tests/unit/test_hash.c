// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of ids, against a model that is too simple to be wrong: an array indexed by a small
 * number, which ids[] turns into the id.
 */
#include "hash.h"
#include "unit.h"

#define IDS 5000u /* the table grows several times */

static uint64_t ids[IDS];
static bool present[IDS];
static uint32_t number_of[IDS];
static uint32_t n_present;

static void model_clear(void)
{
	memset(present, 0, sizeof(present));
	n_present = 0;
}

static void assert_same(const struct hash *h)
{
	assert_int_equal(h->used, n_present);
	for (uint32_t i = 0; i < IDS; i++) {
		uint32_t got = 0xdead;

		assert_int_equal(hash_find(h, ids[i], &got), present[i]);
		assert_int_equal(got, present[i] ? number_of[i] : 0xdead);
	}
}

static void toggle(struct hash *h, uint32_t i, uint32_t number)
{
	if (present[i]) {
		hash_remove(h, ids[i]);
		n_present--;
	} else {
		assert_int_equal(hash_add(h, ids[i], number), 0);
		number_of[i] = number;
		n_present++;
	}
	present[i] = !present[i];
}

/* Cookies as the kernel gives them out: small, dense, and in batches for each CPU. */
static uint64_t cookie(uint32_t i)
{
	return 1 + i % 8 * 65536 + i / 8;
}

static void random_adds_and_removes_agree_with_the_model(void **unused)
{
	uint64_t seed = 7;

	(void)unused;
	for (int kind = 0; kind < 3; kind++) {
		struct hash h;

		for (uint32_t i = 0; i < IDS; i++)
			ids[i] = kind == 0 ? cookie(i) :
				 kind == 1 ? random_next(&seed) :
					     (uint64_t)i << 32; /* alike in the low half */
		model_clear();
		assert_int_equal(hash_init(&h), 0);
		for (uint32_t step = 0; step < 60000; step++) {
			/* few, then many, then few again */
			uint32_t range = step < 20000 || step > 40000 ? 600 : IDS;

			toggle(&h, (uint32_t)(random_next(&seed) % range),
			       (uint32_t)random_next(&seed) >> 1);
			if (step % 5000 == 0)
				assert_same(&h);
		}
		assert_same(&h);
		for (uint32_t i = 0; i < IDS; i++)
			if (present[i])
				toggle(&h, i, 0);
		assert_same(&h);
		hash_release(&h);
	}
}

/* Ids whose search begins at the last places of the table and goes on at its beginning. */
static void probes_wrap_around_the_end_of_the_table(void **unused)
{
	const uint32_t n = 40;
	uint64_t seed = 3, id = 0;
	struct hash h;

	(void)unused;
	assert_int_equal(hash_init(&h), 0);
	for (uint32_t i = 0; i < IDS; i++) {
		if (i < n)
			do
				id++;
			while (((uint32_t)hash_mix(id ^ h.seed) & h.mask) + 6 <= h.mask);
		ids[i] = i < n ? id : UINT64_MAX - i;
	}
	model_clear();
	for (uint32_t i = 0; i < n; i++)
		toggle(&h, i, i);
	assert_int_not_equal(h.places[0].index, 0); /* it did wrap */
	assert_same(&h);
	for (uint32_t step = 0; step < 3000; step++) {
		toggle(&h, (uint32_t)(random_next(&seed) % n), step);
		if (step % 10 == 0)
			assert_same(&h);
	}
	hash_release(&h);
}

static void growth_keeps_at_most_two_thirds_taken(void **unused)
{
	struct hash h;

	(void)unused;
	assert_int_equal(hash_init(&h), 0);
	for (uint32_t i = 0; i < 200000; i++) {
		assert_int_equal(hash_add(&h, cookie(i), i), 0);
		assert_int_equal(h.used, i + 1);
		assert_true((uint64_t)h.used * 3 <= ((uint64_t)h.mask + 1) * 2);
		assert_int_equal(h.mask & (h.mask + 1), 0);
	}
	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t got;

		assert_true(hash_find(&h, cookie(i), &got));
		assert_int_equal(got, i);
	}
	hash_release(&h);
}

static void an_empty_table_holds_nothing(void **unused)
{
	struct hash h;
	uint32_t got = 5;

	(void)unused;
	assert_int_equal(hash_init(&h), 0);
	assert_false(hash_find(&h, 0, &got));
	assert_false(hash_find(&h, 1, &got));
	hash_remove(&h, 1); /* what is not there may be removed */
	assert_int_equal(h.used, 0);

	/* number 0 and id 0 are as good as any */
	assert_int_equal(hash_add(&h, 0, 0), 0);
	assert_true(hash_find(&h, 0, &got));
	assert_int_equal(got, 0);

	for (uint32_t i = 1; i < 3000; i++)
		assert_int_equal(hash_add(&h, i, i), 0);
	hash_clear(&h);
	assert_int_equal(h.used, 0);
	for (uint32_t i = 0; i < 3000; i++)
		assert_false(hash_find(&h, i, &got));
	assert_int_equal(hash_add(&h, 17, 4), 0);
	assert_true(hash_find(&h, 17, &got));
	assert_int_equal(got, 4);
	hash_release(&h);
	assert_null(h.places);
}

static void neighbouring_ids_are_spread(void **unused)
{
	enum { BINS = 256, PER_BIN = 64 };
	unsigned int bins[BINS] = { 0 };

	(void)unused;
	for (uint64_t id = 0; id < (uint64_t)BINS * PER_BIN; id++)
		bins[hash_mix(id) & (BINS - 1)]++;
	for (unsigned int i = 0; i < BINS; i++)
		assert_in_range(bins[i], PER_BIN / 3, PER_BIN * 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_table_holds_nothing),
		cmocka_unit_test(random_adds_and_removes_agree_with_the_model),
		cmocka_unit_test(probes_wrap_around_the_end_of_the_table),
		cmocka_unit_test(growth_keeps_at_most_two_thirds_taken),
		cmocka_unit_test(neighbouring_ids_are_spread),
	};

	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
