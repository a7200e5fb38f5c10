/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_OUTBUF_H
#define TCS_OUTBUF_H

/*
 * outbuf.h - a bounded text builder, and the only place that prints untrusted bytes
 *
 * Lines for people and for programs are built here and written in batches. There is no printf on
 * the path of an event: the put functions below are what a line needs, no more.
 *
 * Untrusted text (a process chooses its comm, a user a cgroup's name, a capture anything) goes
 * through outbuf_put_term() or outbuf_put_json() and nowhere else.
 *
 * Invariants: data holds len bytes, len <= cap, no terminating NUL. What does not fit is cut at cap
 * and remembered in `cut`; callers make room first (outbuf_room()), so a cut line is a bug that
 * shows, not an overflow.
 *
 * Owner: the caller. outbuf_init() allocates once (-ENOMEM); nothing after that allocates.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct outbuf {
	char *data;
	size_t len;
	size_t cap;
	uint64_t cut; /* bytes that did not fit */
};

int outbuf_init(struct outbuf *b, size_t cap);
void outbuf_release(struct outbuf *b);

/* Bytes behind cap that may be written but never count: short texts are copied in whole words. */
#define OUTBUF_SLACK 64

static inline size_t outbuf_room(const struct outbuf *b)
{
	return b->cap - b->len;
}

/* memcpy() for what is nearly always short: no call, and no byte of s beyond n is read. */
static inline void outbuf_copy(char *to, const char *s, size_t n)
{
	if (n > 32) {
		memcpy(to, s, n);
	} else if (n >= 16) {
		memcpy(to, s, 16);
		memcpy(to + n - 16, s + n - 16, 16);
	} else if (n >= 8) {
		memcpy(to, s, 8);
		memcpy(to + n - 8, s + n - 8, 8);
	} else if (n >= 4) {
		memcpy(to, s, 4);
		memcpy(to + n - 4, s + n - 4, 4);
	} else if (n) {
		to[0] = s[0];
		to[n / 2] = s[n / 2];
		to[n - 1] = s[n - 1];
	}
}

static inline void outbuf_put(struct outbuf *b, const char *s, size_t n)
{
	if (__builtin_expect(n > outbuf_room(b), 0)) {
		b->cut += n - outbuf_room(b);
		n = outbuf_room(b);
	}
	outbuf_copy(b->data + b->len, s, n);
	b->len += n;
}

static inline void outbuf_putc(struct outbuf *b, char c)
{
	if (b->len < b->cap)
		b->data[b->len++] = c;
	else
		b->cut++;
}

static inline void outbuf_puts(struct outbuf *b, const char *s)
{
	outbuf_put(b, s, strlen(s));
}

/* A string literal, its length known to the compiler. */
#define outbuf_lit(b, s) outbuf_put(b, "" s, sizeof(s) - 1)

void outbuf_put_u64(struct outbuf *b, uint64_t n);
/* "18,402" */
void outbuf_put_grouped(struct outbuf *b, uint64_t n);
/* Exactly `digits` digits, zeros in front; higher digits of n are dropped. */
void outbuf_put_padded(struct outbuf *b, uint64_t n, unsigned int digits);
/* Nanoseconds as milliseconds with three decimals, cut not rounded: "0.412". */
void outbuf_put_ms(struct outbuf *b, uint64_t ns);
/* Bytes for people: "0", "512", "14.8K", "3.2M". */
void outbuf_put_size(struct outbuf *b, uint64_t bytes);
/* Nanoseconds for people, three digits that count: "412us", "88.2ms", "3.02s", "2h14m". */
void outbuf_put_span(struct outbuf *b, uint64_t ns);
/* addr: 16 bytes; family 4 prints the last four of them. IPv6 as RFC 5952 has it. */
void outbuf_put_addr(struct outbuf *b, const uint8_t addr[16], unsigned int family);
/* The same as a port may follow it: IPv6 in brackets. */
void outbuf_put_host(struct outbuf *b, const uint8_t addr[16], unsigned int family);

/* Fill with blanks until len is `end`. */
static inline void outbuf_pad_to(struct outbuf *b, size_t end)
{
	size_t n = end > b->len ? end - b->len : 0;

	if (__builtin_expect(n > outbuf_room(b), 0)) {
		b->cut += n - outbuf_room(b);
		n = outbuf_room(b);
	}
	/* Of a constant size, and so without a call, where the slack allows. */
	if (n <= OUTBUF_SLACK)
		memset(b->data + b->len, ' ', OUTBUF_SLACK);
	else
		memset(b->data + b->len, ' ', n);
	b->len += n;
}

/* Fill with blanks until the text that began at `start` (an earlier len) is `width` long. */
static inline void outbuf_pad_right(struct outbuf *b, size_t start, size_t width)
{
	outbuf_pad_to(b, start + width);
}

/* The same with the blanks in front of it. */
void outbuf_pad_left(struct outbuf *b, size_t start, size_t width);
/* Cut the text from `start` to `width` characters, a '~' for what is missing in its middle. */
void outbuf_shorten(struct outbuf *b, size_t start, size_t width);

/*
 * Untrusted bytes, up to n of them or the first NUL. For terminals every control byte, DEL and
 * every byte above 0x7e becomes '?', so that a name can neither move the cursor nor break columns.
 * For JSON the result is a quoted string: control bytes, quotes and backslashes are escaped, bytes
 * that are not valid UTF-8 become U+FFFD.
 */
void outbuf_put_term(struct outbuf *b, const char *s, size_t n);
void outbuf_put_json(struct outbuf *b, const char *s, size_t n);
/* The same as outbuf_put_term() for a message that printf makes; cut to size, terminated. */
const char *outbuf_plain(char *to, size_t size, const char *s);

#endif /* TCS_OUTBUF_H */
