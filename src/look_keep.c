// SPDX-License-Identifier: GPL-2.0-only
#include "look_keep.h"

#include <errno.h>
#include <stdlib.h>

#include "capture_pack.h"

struct packed {
	uint8_t *bytes;
	size_t len, cap;
};

struct look_keep {
	struct packed whole, filling;
	bool fills; /* a look has begun, and there is room for it */
	uint64_t left_out;
	struct capture_pack pack;
	uint64_t record[CAPTURE_RECORD_MAX / sizeof(uint64_t)];
};

int look_keep_new(struct look_keep **ret)
{
	struct look_keep *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	*ret = k;
	return 0;
}

void look_keep_free(struct look_keep *k)
{
	if (!k)
		return;
	free(k->whole.bytes);
	free(k->filling.bytes);
	free(k);
}

static bool reserve(struct packed *p, size_t more)
{
	size_t cap = p->cap ? p->cap : 64u << 10;
	uint8_t *bytes;

	while (cap < p->len + more)
		cap *= 2;
	if (cap == p->cap)
		return true;
	bytes = cap <= LOOK_KEEP_MAX ? realloc(p->bytes, cap) : NULL;
	if (!bytes)
		return false;
	p->bytes = bytes;
	p->cap = cap;
	return true;
}

static void put(struct look_keep *k, const void *bytes, size_t len)
{
	struct packed *p = &k->filling;

	if (reserve(p, CAPTURE_PACKED_MAX(len))) {
		p->len += capture_pack_put(&k->pack, bytes, len, p->bytes + p->len);
	} else {
		k->left_out++;
		k->fills = false;
	}
}

static void begin(struct look_keep *k)
{
	k->filling.len = 0;
	k->fills = true;
	capture_pack_reset(&k->pack);
}

static void finish(struct look_keep *k)
{
	struct packed before = k->whole;

	k->whole = k->filling;
	k->filling = before;
	k->fills = false;
}

void look_keep_take(struct look_keep *k, const struct record *record, const void *bytes, size_t len)
{
	bool begins = record->kind == RECORD_LOOK && record->look->covers & AUDIT_SOCKETS;

	if (begins)
		begin(k);
	if (k->fills && (begins || record_is_of_look(record->kind)))
		put(k, bytes, len);
	if (k->fills && record->kind == RECORD_LOOK_END)
		finish(k);
}

int look_keep_tell(struct look_keep *k, record_fn fn, void *ctx)
{
	const uint8_t *at = k->whole.bytes, *end = at + k->whole.len;
	size_t len;
	int err = 0;

	k->fills = false; /* who tells is between two looks */
	capture_pack_reset(&k->pack);
	while (!err && at < end && !capture_pack_take(&k->pack, &at, end, k->record, &len))
		err = fn(ctx, k->record, len);
	return err;
}

uint64_t look_keep_left_out(const struct look_keep *k)
{
	return k->left_out;
}
