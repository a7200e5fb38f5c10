/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_HASH_H
#define TCS_HASH_H

/*
 * hash.h - a table from 64-bit ids to small numbers
 *
 * Made for the one look-up on the path of every event: open addressing with linear probing, eight
 * bytes a place, no allocation but for growth, deletion without tombstones (Knuth, TAOCP vol. 3,
 * 6.4, algorithm R). The ids themselves stay with the caller, who compares them; a place holds the
 * caller's index and part of the hash, so a miss rarely touches the caller's memory.
 *
 * Bounds: 2^31 places; grows to keep at most two thirds taken. Errors: -ENOMEM.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash {
	struct hash_place {
		uint32_t tag;	/* high half of the hash */
		uint32_t index; /* caller's number + 1; 0 = free */
	} *places;
	uint32_t mask; /* number of places - 1 */
	uint32_t used;
	/* Returns the id that the caller keeps under this index. */
	uint64_t (*id_of)(const void *ctx, uint32_t index);
	const void *ctx;
};

int hash_init(struct hash *h, uint64_t (*id_of)(const void *ctx, uint32_t index), const void *ctx);
void hash_release(struct hash *h);
void hash_clear(struct hash *h);

/* True and *ret set if id is there. */
bool hash_find(const struct hash *h, uint64_t id, uint32_t *ret);
/* id must not be there yet. 0 or -ENOMEM. */
int hash_add(struct hash *h, uint64_t id, uint32_t index);
/* id must be there, and id_of() must still know it. */
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

#endif /* TCS_HASH_H */
