/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_TEXT_PUT_H
#define TCS_TEXT_PUT_H

/*
 * text_put.h - how owners, rates and addresses are written for people, everywhere the same
 *
 * A table, a sentence and a sum that name the same thing must name it alike. Unknown is "-", an
 * estimate has a "~", a lower bound a ">". Names that come from outside are escaped (outbuf.h). The
 * caller has made room: the longest of these takes less than 100 bytes.
 */
#include "audit.h"
#include "device_put.h"
#include "outbuf.h"
#include "service.h"

/* Address and port: "10.0.0.5:5432", "[2001:db8::1]:443", "[fe80::1%eth0]:443". */
void text_put_endpoint(struct outbuf *b, const uint8_t addr[16], unsigned int family, uint16_t port,
		       const struct device_ref *d);
/* "app(991)", "app(991?)" where it is only the listener's, "-" */
void text_put_owner(struct outbuf *b, const struct owner *o);
/* Thousandths a second: "+2/s", "0/s", "-0.5/s"; "-" for AUDIT_NO_RATE. */
void text_put_rate(struct outbuf *b, int64_t milli);
/* The same of what cannot shrink: "2/s". */
void text_put_plain_rate(struct outbuf *b, int64_t milli);
/* "257/256" */
void text_put_of(struct outbuf *b, uint64_t n, uint64_t limit);
/* "257", "~104,182" where it is an estimate, "-" for AUDIT_UNKNOWN */
void text_put_number(struct outbuf *b, uint64_t n, bool exact);
/* The same of what is exact. */
void text_put_count(struct outbuf *b, uint64_t n);
/* Whole ones, of what is estimated: "58s", "3m12s", ">1d", "-" */
void text_put_seconds(struct outbuf *b, uint64_t seconds);
/* "3.02s", ">2h14m" where it is a lower bound, "-" */
void text_put_age(struct outbuf *b, uint64_t ns, bool exact);
/* "198.18.7.0/24", "fe80::%eth0/64", "198.18.7.4": all bits are an address; d NULL: no device */
void text_put_prefix(struct outbuf *b, const uint8_t addr[16], uint8_t family, uint8_t bits,
		     const struct device_ref *d);
/* "->10.0.0.5:5432", ":80", "several": what the sockets of a row have in common */
void text_put_ports(struct outbuf *b, const struct audit_half_closed *c,
		    const struct sink_world *world);
/* "10.0.0.7 -> 10.0.0.5:5432", "10.0.0.7:80 (clients)"; d: the device of the row */
void text_put_place(struct outbuf *b, const struct audit_place *p, const struct device_ref *d);
/* " (ports 512-1023)", where it is not the range of the namespace. */
void text_put_port_range(struct outbuf *b, const struct audit_place *p);
/* "145/20,000 in 8m17s", "-" */
void text_put_descriptors(struct outbuf *b, const struct audit_half_closed *c);
/* "257 sources in 251 /24s" */
void text_put_sources(struct outbuf *b, const struct audit_service *s);

#endif /* TCS_TEXT_PUT_H */
