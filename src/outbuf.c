// SPDX-License-Identifier: GPL-2.0-only
#include "outbuf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
				  "25262728293031323334353637383940414243444546474849"
				  "50515253545556575859606162636465666768697071727374"
				  "75767778798081828384858687888990919293949596979899";

int outbuf_init(struct outbuf *b, size_t cap)
{
	*b = (struct outbuf){ .data = malloc(cap + OUTBUF_SLACK), .cap = cap };
	return b->data ? 0 : -ENOMEM;
}

void outbuf_release(struct outbuf *b)
{
	free(b->data);
	*b = (struct outbuf){ 0 };
}

/* Writes n so that it ends before `end`; returns where it begins. */
static char *digits_before(char *end, uint64_t n)
{
	while (n >= 100) {
		end -= 2;
		memcpy(end, digit_pairs + n % 100 * 2, 2);
		n /= 100;
	}
	if (n >= 10) {
		end -= 2;
		memcpy(end, digit_pairs + n * 2, 2);
	} else {
		*--end = (char)('0' + n);
	}
	return end;
}

void outbuf_put_u64(struct outbuf *b, uint64_t n)
{
	char text[20], *end = text + sizeof(text), *at = digits_before(end, n);

	outbuf_put(b, at, (size_t)(end - at));
}

void outbuf_put_grouped(struct outbuf *b, uint64_t n)
{
	char text[20], *end = text + sizeof(text), *at = digits_before(end, n);

	while (at < end) {
		outbuf_putc(b, *at++);
		if (at < end && (end - at) % 3 == 0)
			outbuf_putc(b, ',');
	}
}

void outbuf_put_padded(struct outbuf *b, uint64_t n, unsigned int digits)
{
	char text[20];
	unsigned int i;

	if (digits > sizeof(text))
		digits = sizeof(text);
	for (i = digits; i >= 2; n /= 100) {
		i -= 2;
		memcpy(text + i, digit_pairs + n % 100 * 2, 2);
	}
	if (i)
		text[0] = (char)('0' + n % 10);
	outbuf_put(b, text, digits);
}

void outbuf_put_ms(struct outbuf *b, uint64_t ns)
{
	uint64_t us = ns / 1000;

	outbuf_put_u64(b, us / 1000);
	outbuf_putc(b, '.');
	outbuf_put_padded(b, us % 1000, 3);
}

/* n / unit with as many decimals as leave three digits. */
static void put_scaled(struct outbuf *b, uint64_t n, uint64_t unit, const char *suffix)
{
	uint64_t whole = n / unit;

	outbuf_put_u64(b, whole);
	if (whole < 10) {
		outbuf_putc(b, '.');
		outbuf_put_padded(b, n % unit * 100 / unit, 2);
	} else if (whole < 100) {
		outbuf_putc(b, '.');
		outbuf_put_padded(b, n % unit * 10 / unit, 1);
	}
	outbuf_puts(b, suffix);
}

void outbuf_put_size(struct outbuf *b, uint64_t bytes)
{
	static const char *const units[] = { "K", "M", "G", "T", "P" };
	uint64_t unit = 1000;
	size_t i = 0;

	if (bytes < unit) {
		outbuf_put_u64(b, bytes);
		return;
	}
	while (bytes / unit >= 1000 && i + 1 < sizeof(units) / sizeof(units[0])) {
		unit *= 1000;
		i++;
	}
	outbuf_put_u64(b, bytes / unit);
	if (bytes / unit < 100) {
		outbuf_putc(b, '.');
		outbuf_put_u64(b, bytes % unit * 10 / unit);
	}
	outbuf_puts(b, units[i]);
}

void outbuf_put_span(struct outbuf *b, uint64_t ns)
{
	uint64_t s = ns / 1000000000;

	if (ns < 1000000) {
		outbuf_put_u64(b, ns / 1000);
		outbuf_lit(b, "us");
	} else if (s < 1) {
		put_scaled(b, ns, 1000000, "ms");
	} else if (s < 100) {
		put_scaled(b, ns, 1000000000, "s");
	} else if (s < 3600) {
		outbuf_put_u64(b, s / 60);
		outbuf_putc(b, 'm');
		outbuf_put_padded(b, s % 60, 2);
		outbuf_putc(b, 's');
	} else {
		outbuf_put_u64(b, s / 3600);
		outbuf_putc(b, 'h');
		outbuf_put_padded(b, s / 60 % 60, 2);
		outbuf_putc(b, 'm');
	}
}

static char *byte_text(char *at, unsigned int byte)
{
	if (byte >= 100) {
		*at++ = (char)('0' + byte / 100);
		byte %= 100;
		memcpy(at, digit_pairs + byte * 2, 2);
		return at + 2;
	}
	if (byte >= 10) {
		memcpy(at, digit_pairs + byte * 2, 2);
		return at + 2;
	}
	*at++ = (char)('0' + byte);
	return at;
}

void outbuf_put_addr(struct outbuf *b, const uint8_t addr[16], unsigned int family)
{
	char text[INET6_ADDRSTRLEN], *at = text;
	int i;

	if (family != 4) {
		inet_ntop(AF_INET6, addr, text, sizeof(text));
		outbuf_puts(b, text);
		return;
	}
	for (i = 12; i < 16; i++) {
		at = byte_text(at, addr[i]);
		*at++ = '.';
	}
	outbuf_put(b, text, (size_t)(at - text) - 1);
}

void outbuf_put_host(struct outbuf *b, const uint8_t addr[16], unsigned int family)
{
	if (family == 6)
		outbuf_putc(b, '[');
	outbuf_put_addr(b, addr, family);
	if (family == 6)
		outbuf_putc(b, ']');
}

void outbuf_pad_left(struct outbuf *b, size_t start, size_t width)
{
	size_t n = b->len - start, blanks = n < width ? width - n : 0;
	char word[16];

	if (!blanks)
		return;
	if (blanks > outbuf_room(b)) {
		b->cut += blanks;
		return;
	}
	if (n <= sizeof(word) && blanks <= OUTBUF_SLACK - sizeof(word)) {
		/* The common column: a short number among blanks, two moves and no call. */
		outbuf_copy(word, b->data + start, n);
		memset(b->data + start, ' ', OUTBUF_SLACK - sizeof(word));
		outbuf_copy(b->data + start + blanks, word, n);
	} else {
		memmove(b->data + start + blanks, b->data + start, n);
		memset(b->data + start, ' ', blanks);
	}
	b->len += blanks;
}

void outbuf_shorten(struct outbuf *b, size_t start, size_t width)
{
	size_t n = b->len - start, head, tail;

	if (n <= width)
		return;
	if (!width) {
		b->len = start;
		return;
	}
	head = (width - 1) / 2;
	tail = width - 1 - head;
	b->data[start + head] = '~';
	memmove(b->data + start + head + 1, b->data + b->len - tail, tail);
	b->len = start + width;
}

void outbuf_put_term(struct outbuf *b, const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n && s[i]; i++)
		outbuf_putc(b, s[i] >= ' ' && s[i] < 0x7f ? s[i] : '?');
}

/* Length of the valid UTF-8 sequence at s (RFC 3629), 0 if there is none. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	size_t len, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		len = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		len = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (len > n)
		return 0;
	for (i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, beyond U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

static void put_json_control(struct outbuf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";

	outbuf_lit(b, "\\u00");
	outbuf_putc(b, hex[c >> 4]);
	outbuf_putc(b, hex[c & 15]);
}

/* Means itself inside a JSON string. */
static bool is_plain(unsigned char c)
{
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

void outbuf_put_json(struct outbuf *b, const char *s, size_t n)
{
	size_t i = 0;

	outbuf_putc(b, '"');
	for (;;) {
		size_t plain = i, len;

		while (plain < n && is_plain((unsigned char)s[plain]))
			plain++;
		outbuf_put(b, s + i, plain - i);
		i = plain;
		if (i == n || !s[i])
			break;
		len = utf8_len((const unsigned char *)s + i, n - i);
		if (!len) {
			outbuf_lit(b, "\xef\xbf\xbd");
			i++;
		} else if ((unsigned char)s[i] < ' ' || s[i] == 0x7f) {
			put_json_control(b, (unsigned char)s[i++]);
		} else if (s[i] == '"' || s[i] == '\\') {
			outbuf_putc(b, '\\');
			outbuf_putc(b, s[i++]);
		} else {
			outbuf_put(b, s + i, len);
			i += len;
		}
	}
	outbuf_putc(b, '"');
}

const char *outbuf_plain(char *to, size_t size, const char *s)
{
	struct outbuf b = { .data = to, .cap = size - 1 };

	outbuf_put_term(&b, s, strlen(s));
	to[b.len] = '\0';
	return to;
}
