// SPDX-License-Identifier: GPL-2.0-only
#include "hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_PLACES 64
#define SPARSE	     8 /* places for each that was taken, from which a table is made smaller */

int hash_init(struct hash *h)
{
	*h = (struct hash){
		.places = calloc(FIRST_PLACES, sizeof(*h->places)),
		.mask = FIRST_PLACES - 1,
	};
	/* (Where there is none yet, early at boot, 0 is as good as ever.) */
	if (getrandom(&h->seed, sizeof(h->seed), GRND_NONBLOCK) < 0)
		h->seed = 0;
	return h->places ? 0 : -ENOMEM;
}

void hash_release(struct hash *h)
{
	free(h->places);
	*h = (struct hash){ 0 };
}

void hash_clear(struct hash *h)
{
	struct hash_place *fewer = NULL;
	uint32_t n = FIRST_PLACES;

	while (n / SPARSE < h->used)
		n *= 2;
	if (n <= h->mask)
		fewer = calloc(n, sizeof(*fewer));
	if (fewer) {
		free(h->places);
		h->places = fewer;
		h->mask = n - 1;
	} else {
		memset(h->places, 0, ((size_t)h->mask + 1) * sizeof(*h->places));
	}
	h->used = 0;
}

static int grow(struct hash *h)
{
	struct hash bigger = { .mask = h->mask * 2 + 1, .used = h->used, .seed = h->seed };
	uint32_t i;

	if (h->mask > UINT32_MAX / 4)
		return -ENOMEM;
	bigger.places = calloc((size_t)bigger.mask + 1, sizeof(*bigger.places));
	if (!bigger.places)
		return -ENOMEM;
	for (i = 0; i <= h->mask; i++)
		if (h->places[i].index)
			bigger.places[hash_place(&bigger, h->places[i].id)] = h->places[i];
	free(h->places);
	*h = bigger;
	return 0;
}

int hash_add(struct hash *h, uint64_t id, uint32_t index)
{
	int err;

	if ((uint64_t)(h->used + 1) * 3 > ((uint64_t)h->mask + 1) * 2) {
		err = grow(h);
		if (err)
			return err;
	}
	h->places[hash_place(h, id)] = (struct hash_place){ .id = id, .index = index + 1 };
	h->used++;
	return 0;
}

void hash_remove(struct hash *h, uint64_t id)
{
	uint32_t hole = hash_place(h, id), at = hole;

	if (!h->places[hole].index)
		return;
	h->used--;
	for (;;) {
		uint32_t home;

		at = (at + 1) & h->mask;
		if (!h->places[at].index)
			break;
		home = (uint32_t)hash_mix(h->places[at].id ^ h->seed) & h->mask;
		/* It stays if its home lies cyclically in (hole, at]. */
		if (((at - home) & h->mask) < ((at - hole) & h->mask))
			continue;
		h->places[hole] = h->places[at];
		hole = at;
	}
	h->places[hole] = (struct hash_place){ 0 };
}
