/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_HASH_H
#define TCS_HASH_H

/*
 * hash.h - a table from 64-bit ids to small numbers
 *
 * Made for the one look-up on the path of every event: open addressing with linear probing, the id
 * beside its number so that a look-up touches one cache line, no allocation but for growth, and
 * deletion without tombstones (Knuth, TAOCP vol. 3, 6.4, algorithm R).
 *
 * Ids come from recordings, too, and are chosen by their author: each table mixes them with a
 * random number of its own, so that no file can be made whose ids all meet in one place. No result
 * depends on the order of places.
 *
 * Bounds: 2^31 places; grows to keep at most two thirds taken. Errors: -ENOMEM.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hash {
	struct hash_place {
		uint64_t id;
		uint32_t index; /* caller's number + 1; 0 = free */
	} * places;
	uint32_t mask; /* number of places - 1 */
	uint32_t used;
	uint64_t seed;
};

int hash_init(struct hash *h);
void hash_release(struct hash *h);
/* Takes time for what is in it, not for what once was. */
void hash_clear(struct hash *h);

/* id must not be there yet. 0 or -ENOMEM. */
int hash_add(struct hash *h, uint64_t id, uint32_t index);
void hash_remove(struct hash *h, uint64_t id);

/* A bijection that spreads neighbouring ids (the finalizer of splitmix64). */
static inline uint64_t hash_mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* 64 bits of a key of any length; two keys share them once in 2^64 pairs. */
static inline uint64_t hash_bytes(const void *bytes, size_t n, uint64_t seed)
{
	const unsigned char *p = bytes;
	uint64_t word;

	for (; n; p += n < 8 ? n : 8, n -= n < 8 ? n : 8) {
		word = 0;
		memcpy(&word, p, n < 8 ? n : 8);
		seed = hash_mix(seed ^ word) + 0x9e3779b97f4a7c15ull;
	}
	return seed;
}

/* The place of id, or the free place where the search for it ended. */
static inline uint32_t hash_place(const struct hash *h, uint64_t id)
{
	uint32_t at = (uint32_t)hash_mix(id ^ h->seed) & h->mask;

	while (h->places[at].index && h->places[at].id != id)
		at = (at + 1) & h->mask;
	return at;
}

/* True and *ret set if id is there. */
static inline bool hash_find(const struct hash *h, uint64_t id, uint32_t *ret)
{
	const struct hash_place *p = &h->places[hash_place(h, id)];

	if (!p->index)
		return false;
	*ret = p->index - 1;
	return true;
}

#endif /* TCS_HASH_H */
