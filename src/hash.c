// SPDX-License-Identifier: GPL-2.0-only
#include "hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PLACES 1024

int hash_init(struct hash *h, uint64_t (*id_of)(const void *ctx, uint32_t index), const void *ctx)
{
	*h = (struct hash){
		.places = calloc(FIRST_PLACES, sizeof(*h->places)),
		.mask = FIRST_PLACES - 1,
		.id_of = id_of,
		.ctx = ctx,
	};
	return h->places ? 0 : -ENOMEM;
}

void hash_release(struct hash *h)
{
	free(h->places);
	*h = (struct hash){ 0 };
}

void hash_clear(struct hash *h)
{
	memset(h->places, 0, ((size_t)h->mask + 1) * sizeof(*h->places));
	h->used = 0;
}

static uint32_t tag_of(uint64_t mixed)
{
	return (uint32_t)(mixed >> 32);
}

/* The place of id, or the free place where the search for it ended. */
static uint32_t place_of(const struct hash *h, uint64_t id, uint64_t mixed)
{
	uint32_t at = (uint32_t)mixed & h->mask, tag = tag_of(mixed);

	for (;; at = (at + 1) & h->mask) {
		const struct hash_place *p = &h->places[at];

		if (!p->index)
			return at;
		if (p->tag == tag && h->id_of(h->ctx, p->index - 1) == id)
			return at;
	}
}

bool hash_find(const struct hash *h, uint64_t id, uint32_t *ret)
{
	const struct hash_place *p = &h->places[place_of(h, id, hash_mix(id))];

	if (!p->index)
		return false;
	*ret = p->index - 1;
	return true;
}

static int grow(struct hash *h)
{
	struct hash bigger = *h;
	uint32_t i;

	if (h->mask > UINT32_MAX / 4)
		return -ENOMEM;
	bigger.mask = h->mask * 2 + 1;
	bigger.places = calloc((size_t)bigger.mask + 1, sizeof(*bigger.places));
	if (!bigger.places)
		return -ENOMEM;
	for (i = 0; i <= h->mask; i++) {
		const struct hash_place *p = &h->places[i];
		uint32_t at;

		if (!p->index)
			continue;
		at = (uint32_t)hash_mix(h->id_of(h->ctx, p->index - 1)) & bigger.mask;
		while (bigger.places[at].index)
			at = (at + 1) & bigger.mask;
		bigger.places[at] = *p;
	}
	free(h->places);
	*h = bigger;
	return 0;
}

int hash_add(struct hash *h, uint64_t id, uint32_t index)
{
	uint64_t mixed = hash_mix(id);
	int err;

	if ((uint64_t)(h->used + 1) * 3 > ((uint64_t)h->mask + 1) * 2) {
		err = grow(h);
		if (err)
			return err;
	}
	h->places[place_of(h, id, mixed)] =
		(struct hash_place){ .tag = tag_of(mixed), .index = index + 1 };
	h->used++;
	return 0;
}

void hash_remove(struct hash *h, uint64_t id)
{
	uint32_t hole = place_of(h, id, hash_mix(id)), at = hole;

	if (!h->places[hole].index)
		return;
	h->used--;
	for (;;) {
		uint32_t home;

		at = (at + 1) & h->mask;
		if (!h->places[at].index)
			break;
		home = (uint32_t)hash_mix(h->id_of(h->ctx, h->places[at].index - 1)) & h->mask;
		/* Stays if its home lies cyclically in (hole, at]. */
		if (((at - home) & h->mask) < ((at - hole) & h->mask))
			continue;
		h->places[hole] = h->places[at];
		hole = at;
	}
	h->places[hole] = (struct hash_place){ 0 };
}
