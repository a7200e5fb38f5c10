// SPDX-License-Identifier: GPL-2.0-only
#include "capture_pack.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* First byte of a packed record. Below TAG_SHAPE: a state record of this shape. */
enum {
	TAG_SHAPE = PACK_SHAPES, /* a state record of a new shape */
	TAG_PLAIN,
};

/* The upper bits of the 16-bit word that names the socket. */
#define SOCKET_MASK   (PACK_SOCKETS - 1)
#define SOCKET_NEW    (1 << 11)
#define SOCKET_IN_OLD (1 << 12)
#define SOCKET_SRTT   (1 << 13)
#define SOCKET_OTHER  (1 << 14)
#define SOCKET_BLOCKS (1 << 15)

#define WHAT_BITS 48 /* of the first word: kind, err, states, flags; the rest is the port */
#define WHAT_MASK ((1ull << WHAT_BITS) - 1)

static_assert(PACK_BLOCKS <= 16, "a bit for each word");
static_assert(PACK_SOCKETS == SOCKET_NEW, "numbers below the flags");

void capture_pack_reset(struct capture_pack *p)
{
	memset(p, 0, sizeof(*p));
}

/* What the shape of a record says about its length; in words. */
static unsigned int blocks_of(unsigned int flags)
{
	return (flags & TCS_F_HAS_OWNER ? sizeof(struct tcs_wire_owner) / 8 : 0) +
	       (flags & TCS_F_HAS_FACTS ? sizeof(struct tcs_wire_facts) / 8 : 0) +
	       (flags & TCS_F_HAS_COOKIES ? sizeof(struct tcs_wire_cookies) / 8 : 0) +
	       (flags & TCS_F_HAS_TOTALS ? sizeof(struct tcs_wire_totals) / 8 : 0);
}

static bool is_regular_state(const struct tcs_wire_state *s, size_t len)
{
	return len >= sizeof(*s) && s->kind == TCS_WIRE_STATE &&
	       len == sizeof(*s) + 8 * blocks_of(s->flags);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static uint8_t *put_varint(uint8_t *to, uint64_t n)
{
	while (n >= 0x80) {
		*to++ = (uint8_t)(n | 0x80);
		n >>= 7;
	}
	*to++ = (uint8_t)n;
	return to;
}

/* Small numbers of either sign become small numbers. */
static uint8_t *put_difference(uint8_t *to, uint64_t n)
{
	return put_varint(to, n << 1 ^ (uint64_t)((int64_t)n >> 63));
}

static uint8_t *put_bytes(uint8_t *to, uint64_t n, unsigned int bytes)
{
	for (; bytes; bytes--, n >>= 8)
		*to++ = (uint8_t)n;
	return to;
}

/* The bytes in which two words differ, behind a byte that says which they are. */
static uint8_t *put_word(uint8_t *to, uint64_t word, uint64_t before)
{
	uint64_t differ = word ^ before;
	uint8_t *which = to++;
	unsigned int i;

	*which = 0;
	for (i = 0; i < 8; i++) {
		if (!(differ >> 8 * i & 0xff))
			continue;
		*which |= (uint8_t)(1 << i);
		*to++ = (uint8_t)(word >> 8 * i);
	}
	return to;
}

/* What is left to read. Behind the end all is 0, and `bad` remembers it. */
struct reader {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

static unsigned int take_u8(struct reader *r)
{
	if (r->at == r->end) {
		r->bad = true;
		return 0;
	}
	return *r->at++;
}

static uint64_t take_bytes(struct reader *r, unsigned int bytes)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < bytes; i++)
		n |= (uint64_t)take_u8(r) << 8 * i;
	return n;
}

static uint64_t take_varint(struct reader *r)
{
	uint64_t n = 0;
	unsigned int shift, byte;

	for (shift = 0; shift < 64; shift += 7) {
		byte = take_u8(r);
		n |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return n;
	}
	r->bad = true;
	return 0;
}

static uint64_t take_difference(struct reader *r)
{
	uint64_t n = take_varint(r);

	return n >> 1 ^ -(n & 1);
}

static uint64_t take_word(struct reader *r, uint64_t before)
{
	unsigned int which = take_u8(r), i;

	for (i = 0; i < 8; i++)
		if (which >> i & 1)
			before = (before & ~(0xffull << 8 * i)) | (uint64_t)take_u8(r) << 8 * i;
	return before;
}

/* ---- state records --------------------------------------------------------------------------- */

static unsigned int slot_of(uint64_t id)
{
	return (unsigned int)(id * 0x9e3779b97f4a7c15ull >> 53);
}

static_assert(PACK_SOCKETS == 1 << (64 - 53), "slot_of");

static unsigned int shape_of(uint64_t what)
{
	return (unsigned int)(what * 0x9e3779b97f4a7c15ull >> 57);
}

static_assert(PACK_SHAPES == 1 << (64 - 57), "shape_of");

static uint8_t *put_blocks(struct pack_shape *shape, const uint64_t *blocks, unsigned int n,
			   uint8_t *to)
{
	uint8_t *which = to;
	unsigned int mask = 0, i;

	to += 2;
	for (i = 0; i < n; i++) {
		if (blocks[i] == shape->blocks[i])
			continue;
		mask |= 1u << i;
		to = put_word(to, blocks[i], shape->blocks[i]);
		shape->blocks[i] = blocks[i];
	}
	put_bytes(which, mask, 2);
	return to;
}

static uint8_t *put_state(struct capture_pack *p, const struct tcs_wire_state *s, uint8_t *to)
{
	const uint64_t *words = (const void *)s, *blocks = words + sizeof(*s) / 8;
	uint64_t what = words[0] & WHAT_MASK;
	unsigned int n = blocks_of(s->flags), slot = slot_of(s->id), how = slot;
	struct pack_shape *shape = &p->shapes[shape_of(what)];
	struct pack_socket *known = &p->sockets[slot];
	uint8_t *name;

	if (shape->what != what) {
		*to++ = TAG_SHAPE;
		*to++ = (uint8_t)(shape - p->shapes);
		to = put_bytes(to, what, WHAT_BITS / 8);
		*shape = (struct pack_shape){ .what = what };
	} else {
		*to++ = (uint8_t)(shape - p->shapes);
	}
	name = to;
	to = put_difference(to + 2, s->ts_ns - p->last_ts);
	p->last_ts = s->ts_ns;
	if (known->id != s->id) {
		how |= SOCKET_NEW;
		to = put_difference(to, s->id - p->last_id);
		to = put_varint(to, s->in_old_ns);
		to = put_varint(to, s->seq);
		to = put_varint(to, s->srtt_us);
		to = put_bytes(to, s->lport, 2);
		p->last_id = s->id;
	} else {
		if (s->in_old_ns != s->ts_ns - known->ts_ns) {
			how |= SOCKET_IN_OLD;
			to = put_varint(to, s->in_old_ns);
		}
		if (s->srtt_us != known->srtt_us) {
			how |= SOCKET_SRTT;
			to = put_difference(to, (uint64_t)s->srtt_us - known->srtt_us);
		}
		if (s->seq != known->seq + 1 || s->lport != known->lport) {
			how |= SOCKET_OTHER;
			to = put_varint(to, s->seq);
			to = put_bytes(to, s->lport, 2);
		}
	}
	*known = (struct pack_socket){ s->id, s->ts_ns, s->seq, s->srtt_us, s->lport };
	if (n && memcmp(blocks, shape->blocks, 8 * n)) {
		how |= SOCKET_BLOCKS;
		to = put_blocks(shape, blocks, n, to);
	}
	put_bytes(name, how, 2);
	return to;
}

/* What is told of a socket; everything in *s but the shape. */
static void take_socket(struct capture_pack *p, struct reader *r, unsigned int how,
			struct tcs_wire_state *s)
{
	struct pack_socket *known = &p->sockets[how & SOCKET_MASK];

	s->ts_ns = p->last_ts + take_difference(r);
	p->last_ts = s->ts_ns;
	if (how & SOCKET_NEW) {
		s->id = p->last_id + take_difference(r);
		s->in_old_ns = take_varint(r);
		s->seq = (uint32_t)take_varint(r);
		s->srtt_us = (uint32_t)take_varint(r);
		s->lport = (uint16_t)take_bytes(r, 2);
		p->last_id = s->id;
	} else {
		s->id = known->id;
		s->in_old_ns = how & SOCKET_IN_OLD ? take_varint(r) : s->ts_ns - known->ts_ns;
		s->srtt_us = known->srtt_us;
		if (how & SOCKET_SRTT)
			s->srtt_us += (uint32_t)take_difference(r);
		s->seq = how & SOCKET_OTHER ? (uint32_t)take_varint(r) : known->seq + 1;
		s->lport = how & SOCKET_OTHER ? (uint16_t)take_bytes(r, 2) : known->lport;
	}
	*known = (struct pack_socket){ s->id, s->ts_ns, s->seq, s->srtt_us, s->lport };
}

/* `at` names a shape, and describes it first if it is a new one. */
static struct pack_shape *take_shape(struct capture_pack *p, struct reader *r, unsigned int tag)
{
	struct pack_shape *shape;

	if (tag < PACK_SHAPES)
		return &p->shapes[tag];
	shape = &p->shapes[take_u8(r) % PACK_SHAPES];
	*shape = (struct pack_shape){ .what = take_bytes(r, WHAT_BITS / 8) };
	return shape;
}

static size_t take_state(struct capture_pack *p, struct reader *r, unsigned int tag, void *record)
{
	struct pack_shape *shape = take_shape(p, r, tag);
	struct tcs_wire_state *s = record;
	unsigned int how = (unsigned int)take_bytes(r, 2), n, i, mask;

	memcpy(s, &shape->what, sizeof(shape->what));
	if (s->kind != TCS_WIRE_STATE)
		r->bad = true; /* a shape that was never described, or of another kind */
	take_socket(p, r, how, s);
	n = blocks_of(s->flags);
	mask = how & SOCKET_BLOCKS ? (unsigned int)take_bytes(r, 2) : 0;
	if (mask >> n)
		r->bad = true;
	for (i = 0; i < n; i++)
		if (mask >> i & 1)
			shape->blocks[i] = take_word(r, shape->blocks[i]);
	memcpy(s + 1, shape->blocks, 8 * n);
	return sizeof(*s) + 8 * n;
}

/* ---- all others ------------------------------------------------------------------------------ */

/* The words of a record; of the last one that part which is there. */
static uint64_t word_at(const void *record, size_t len, size_t i)
{
	uint64_t word = 0;

	memcpy(&word, (const char *)record + 8 * i, len - 8 * i < 8 ? len - 8 * i : 8);
	return word;
}

static uint8_t *put_plain(struct capture_pack *p, const void *record, size_t len, uint8_t *to)
{
	uint64_t *before = p->plain[*(const uint8_t *)record];
	size_t n = (len + 7) / 8, i;
	uint8_t *mask;

	*to++ = TAG_PLAIN;
	*to++ = *(const uint8_t *)record;
	to = put_varint(to, len);
	mask = to;
	to += (n + 7) / 8;
	memset(mask, 0, (size_t)(to - mask));
	for (i = 0; i < n; i++) {
		uint64_t word = word_at(record, len, i), old = i < PACK_PLAIN ? before[i] : 0;

		if (word == old)
			continue;
		mask[i / 8] |= (uint8_t)(1 << i % 8);
		to = put_word(to, word, old);
		if (i < PACK_PLAIN)
			before[i] = word;
	}
	return to;
}

static size_t take_plain(struct capture_pack *p, struct reader *r, void *record)
{
	uint64_t *before = p->plain[take_u8(r)], len = take_varint(r), *to = record;
	size_t n = (size_t)(len + 7) / 8, i;
	const uint8_t *mask = r->at;

	if (!len || len > CAPTURE_RECORD_MAX || (size_t)(r->end - r->at) < (n + 7) / 8) {
		r->bad = true;
		return 0;
	}
	r->at += (n + 7) / 8;
	for (i = 0; i < n && !r->bad; i++) {
		uint64_t word = i < PACK_PLAIN ? before[i] : 0;

		if (mask[i / 8] >> i % 8 & 1)
			word = take_word(r, word);
		if (i < PACK_PLAIN)
			before[i] = word;
		to[i] = word;
	}
	return (size_t)len;
}

/* ---- either ---------------------------------------------------------------------------------- */

size_t capture_pack_put(struct capture_pack *p, const void *record, size_t len, uint8_t *to)
{
	uint8_t *end;

	if (is_regular_state(record, len))
		end = put_state(p, record, to);
	else
		end = put_plain(p, record, len, to);
	return (size_t)(end - to);
}

int capture_pack_take(struct capture_pack *p, const uint8_t **at, const uint8_t *end, void *record,
		      size_t *ret_len)
{
	struct reader r = { .at = *at, .end = end };
	unsigned int tag = take_u8(&r);
	size_t len = 0;

	if (tag < TAG_PLAIN)
		len = take_state(p, &r, tag, record);
	else if (tag == TAG_PLAIN)
		len = take_plain(p, &r, record);
	else
		r.bad = true;
	if (r.bad)
		return -EINVAL;
	*at = r.at;
	*ret_len = len;
	return 0;
}
