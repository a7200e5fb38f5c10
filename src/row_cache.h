/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_ROW_CACHE_H
#define TCS_ROW_CACHE_H

/*
 * row_cache.h - the part of a line that says which socket it is, rendered once
 *
 * A connection has five changes or so, mostly within milliseconds of each other, and its addresses
 * are the same in all of them. The sinks keep that part of the last lines as text and copy it.
 *
 * A direct-mapped table of ROW_CACHE_SLOTS: a socket that is not there is rendered again, that is
 * all. An entry is good for one socket with one pair of addresses and ports and one device (a
 * socket may connect again, and its port is chosen late). What has no id, or is longer than
 * ROW_CACHE_TEXT, is never kept.
 */
#include <stdbool.h>

#include "outbuf.h"
#include "track.h"

/* Power of two; all of them stay in the CPU's own cache. Smaller where a fuzz target fills it. */
#ifndef ROW_CACHE_SLOTS
#define ROW_CACHE_SLOTS 256
#endif
#define ROW_CACHE_TEXT 203 /* an entry is four cache lines */

struct row_cache {
	struct row_cache_entry {
		uint64_t id; /* 0 free */
		uint8_t laddr[16], raddr[16];
		uint32_t device;
		uint16_t lport, rport;
		uint8_t len;
		char text[ROW_CACHE_TEXT];
	} entries[ROW_CACHE_SLOTS];
};

/*
 * Serial numbers, and the cookies of old recordings, are given one after the other: their low bits
 * are the best spread there is. The low bits of an id name the CPU (TCS_ID_CPU_BITS).
 */
static inline struct row_cache_entry *row_cache_slot(struct row_cache *cache, uint64_t id)
{
	return &cache->entries[(id ^ id >> TCS_ID_MAKER_BITS) & (ROW_CACHE_SLOTS - 1)];
}

/* True: the text of this socket has been put out. */
static inline bool row_cache_put(struct row_cache *cache, const struct change *ch,
				 struct outbuf *out)
{
	const struct row_cache_entry *e = row_cache_slot(cache, ch->conn->id);

	if (!e->id || e->id != ch->conn->id || e->lport != ch->lport ||
	    e->rport != ch->conn->rport || e->device != ch->conn->device ||
	    memcmp(e->laddr, ch->conn->laddr, 16) || memcmp(e->raddr, ch->conn->raddr, 16))
		return false;
	outbuf_put(out, e->text, e->len);
	return true;
}

/* Remember what was put out from `start` on, if it is all there and not too long. */
static inline void row_cache_keep(struct row_cache *cache, const struct change *ch,
				  const struct outbuf *out, size_t start)
{
	struct row_cache_entry *e = row_cache_slot(cache, ch->conn->id);

	if (!ch->conn->id || out->len - start > ROW_CACHE_TEXT)
		return;
	e->id = ch->conn->id;
	e->device = ch->conn->device;
	e->lport = ch->lport;
	e->rport = ch->conn->rport;
	memcpy(e->laddr, ch->conn->laddr, 16);
	memcpy(e->raddr, ch->conn->raddr, 16);
	e->len = (uint8_t)(out->len - start);
	memcpy(e->text, out->data + start, e->len);
}

static inline void row_cache_clear(struct row_cache *cache)
{
	memset(cache, 0, sizeof(*cache));
}

#endif /* TCS_ROW_CACHE_H */
