// SPDX-License-Identifier: GPL-2.0-only
#include "text_put.h"

void text_put_endpoint(struct outbuf *b, const uint8_t addr[16], unsigned int family, uint16_t port)
{
	outbuf_put_host(b, addr, family);
	outbuf_putc(b, ':');
	outbuf_put_u64(b, port);
}

void text_put_owner(struct outbuf *b, const struct owner *o)
{
	if (!o->pid) {
		outbuf_putc(b, '-');
		return;
	}
	outbuf_put_term(b, o->comm, sizeof(o->comm));
	outbuf_putc(b, '(');
	outbuf_put_u64(b, o->pid);
	if (o->source == OWNER_LISTENER)
		outbuf_putc(b, '?');
	outbuf_putc(b, ')');
}

void text_put_plain_rate(struct outbuf *b, int64_t milli)
{
	uint64_t size;

	if (milli == AUDIT_NO_RATE) {
		outbuf_putc(b, '-');
		return;
	}
	size = (uint64_t)(milli < 0 ? -milli : milli);
	if (size < 9950) {
		outbuf_put_u64(b, (size + 50) / 1000);
		if ((size + 50) % 1000 / 100) {
			outbuf_putc(b, '.');
			outbuf_put_u64(b, (size + 50) % 1000 / 100);
		}
	} else {
		outbuf_put_grouped(b, (size + 500) / 1000);
	}
	outbuf_lit(b, "/s");
}

void text_put_rate(struct outbuf *b, int64_t milli)
{
	if (milli != AUDIT_NO_RATE && milli)
		outbuf_putc(b, milli < 0 ? '-' : '+');
	text_put_plain_rate(b, milli);
}

void text_put_of(struct outbuf *b, uint64_t n, uint64_t limit)
{
	outbuf_put_grouped(b, n);
	outbuf_putc(b, '/');
	outbuf_put_grouped(b, limit);
}
