// SPDX-License-Identifier: GPL-2.0-only
#include "json_put.h"

#include "fields.h"
#include "text_put.h"
#include "when.h"

void json_put_type(struct outbuf *b, const char *type)
{
	outbuf_lit(b, "{\"type\":\"");
	outbuf_puts(b, type);
	outbuf_putc(b, '"');
}

void json_put_end(struct outbuf *b)
{
	outbuf_lit(b, "}\n");
}

void json_put_key(struct outbuf *b, const char *key)
{
	if (b->len && b->data[b->len - 1] != '{')
		outbuf_putc(b, ',');
	outbuf_putc(b, '"');
	outbuf_puts(b, key);
	outbuf_lit(b, "\":");
}

void json_put_open(struct outbuf *b, const char *key)
{
	json_put_key(b, key);
	outbuf_putc(b, '{');
}

void json_put_close(struct outbuf *b)
{
	outbuf_putc(b, '}');
}

void json_put_number(struct outbuf *b, const char *key, uint64_t n)
{
	if (n == AUDIT_UNKNOWN) {
		json_put_null(b, key);
		return;
	}
	json_put_key(b, key);
	outbuf_put_u64(b, n);
}

void json_put_known(struct outbuf *b, const char *key, uint64_t n)
{
	json_put_number(b, key, n ? n : AUDIT_UNKNOWN);
}

void json_put_us(struct outbuf *b, const char *key, uint64_t ns)
{
	json_put_number(b, key, ns == AUDIT_UNKNOWN ? ns : ns / 1000);
}

void json_put_rate(struct outbuf *b, const char *key, int64_t milli)
{
	if (milli == AUDIT_NO_RATE) {
		json_put_null(b, key);
		return;
	}
	json_put_key(b, key);
	if (milli < 0)
		outbuf_putc(b, '-');
	outbuf_put_ms(b, (uint64_t)(milli < 0 ? -milli : milli) * 1000);
}

void json_put_bool(struct outbuf *b, const char *key, bool value)
{
	json_put_key(b, key);
	outbuf_puts(b, value ? "true" : "false");
}

void json_put_null(struct outbuf *b, const char *key)
{
	json_put_key(b, key);
	outbuf_lit(b, "null");
}

void json_put_text(struct outbuf *b, const char *key, const char *text)
{
	json_put_key(b, key);
	if (text)
		outbuf_put_json(b, text, SINK_LINE_MAX);
	else
		outbuf_lit(b, "null");
}

void json_put_time(struct outbuf *b, const char *key, const struct sink_world *world,
		   uint64_t ts_ns)
{
	json_put_key(b, key);
	when_put_rfc3339(b, world, ts_ns);
}

void json_put_addr(struct outbuf *b, const char *key, const uint8_t *addr, unsigned int family)
{
	if (addr)
		json_put_prefix(b, key, addr, (uint8_t)family, family == 4 ? 32 : 128);
	else
		json_put_null(b, key);
}

void json_put_netns(struct outbuf *b, const struct device_ref *d)
{
	json_put_number(b, "netns", d->netns);
	json_put_id(b, "netns_cookie", d->netns_cookie);
}

void json_put_device(struct outbuf *b, const struct device_ref *d)
{
	json_put_key(b, "device");
	device_put_json(b, d);
}

void json_put_connection(struct outbuf *b, const struct device_ref *d, unsigned int family,
			 const struct json_end *local, const struct json_end *remote)
{
	json_put_netns(b, d);
	json_put_number(b, "family", family);
	json_put_addr(b, "laddr", local->addr, family);
	json_put_number(b, "lport", local->port);
	json_put_addr(b, "raddr", remote->addr, family);
	json_put_number(b, "rport", remote->port);
	json_put_device(b, d);
}

void json_put_prefix(struct outbuf *b, const char *key, const uint8_t addr[16], uint8_t family,
		     uint8_t bits)
{
	json_put_key(b, key);
	outbuf_putc(b, '"');
	text_put_prefix(b, addr, family, bits, NULL);
	outbuf_putc(b, '"');
}

void json_put_owner(struct outbuf *b, const struct owner *o)
{
	json_put_known(b, "pid", o->pid);
	json_put_key(b, "comm");
	if (o->pid)
		outbuf_put_json(b, o->comm, sizeof(o->comm));
	else
		outbuf_lit(b, "null");
}

void json_put_id(struct outbuf *b, const char *key, uint64_t id)
{
	json_put_key(b, key);
	field_put_id(b, id);
}
