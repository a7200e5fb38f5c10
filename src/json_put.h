/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_JSON_PUT_H
#define TCS_JSON_PUT_H

/*
 * json_put.h - how members of JSON objects are written, everywhere the same
 *
 * A line is json_put_type(), members, json_put_end(). A member brings its own comma. Unknown is
 * null: AUDIT_UNKNOWN of numbers, AUDIT_NO_RATE of rates, NULL of pointers. Keys and texts of our
 * own need no escape; names that come from outside go through outbuf_put_json(). What is written
 * with every event is in fields.h, ready to print.
 *
 * The caller has made room for a line (SINK_LINE_MAX).
 */
#include "audit.h"
#include "device_put.h"
#include "outbuf.h"
#include "sink.h"

void json_put_type(struct outbuf *b, const char *type);
void json_put_end(struct outbuf *b);

/* ,"key": and the value is the caller's */
void json_put_key(struct outbuf *b, const char *key);
/* An object as a member, up to json_put_close(). */
void json_put_open(struct outbuf *b, const char *key);
void json_put_close(struct outbuf *b);

void json_put_number(struct outbuf *b, const char *key, uint64_t n);
/* The same of what is never 0: that is unknown. */
void json_put_known(struct outbuf *b, const char *key, uint64_t n);
/* Nanoseconds as whole microseconds. */
void json_put_us(struct outbuf *b, const char *key, uint64_t ns);
/* Thousandths a second, as a number with three decimals. */
void json_put_rate(struct outbuf *b, const char *key, int64_t milli);
void json_put_bool(struct outbuf *b, const char *key, bool value);
void json_put_null(struct outbuf *b, const char *key);
void json_put_text(struct outbuf *b, const char *key, const char *text);
/* RFC 3339, UTC, nanoseconds. */
void json_put_time(struct outbuf *b, const char *key, const struct sink_world *world,
		   uint64_t ts_ns);
void json_put_addr(struct outbuf *b, const char *key, const uint8_t *addr, unsigned int family);
/* netns and netns_cookie; what d says of a device does not count. */
void json_put_netns(struct outbuf *b, const struct device_ref *d);
/* device: its name, its number where the name is not known, or null. */
void json_put_device(struct outbuf *b, const struct device_ref *d);
/* One end of a connection; and all that says which it is: netns to device. */
struct json_end {
	const uint8_t *addr;
	uint16_t port;
};
void json_put_connection(struct outbuf *b, const struct device_ref *d, unsigned int family,
			 const struct json_end *local, const struct json_end *remote);
/* "198.18.7.0/24", "198.18.7.4" */
void json_put_prefix(struct outbuf *b, const char *key, const uint8_t addr[16], uint8_t family,
		     uint8_t bits);
/* pid and comm */
void json_put_owner(struct outbuf *b, const struct owner *o);
/* A cookie, as a string. */
void json_put_id(struct outbuf *b, const char *key, uint64_t id);

#endif /* TCS_JSON_PUT_H */
