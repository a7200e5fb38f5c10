/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_TEXT_PUT_H
#define TCS_TEXT_PUT_H

/*
 * text_put.h - how owners, rates and addresses are written for people, everywhere the same
 */
#include "audit.h"
#include "outbuf.h"

/* Address and port: "10.0.0.5:5432", "[2001:db8::1]:443". */
void text_put_endpoint(struct outbuf *b, const uint8_t addr[16], unsigned int family,
		       uint16_t port);
/* "app(991)", "app(991?)" where it is only the listener's, "-" */
void text_put_owner(struct outbuf *b, const struct owner *o);
/* Thousandths a second: "+2/s", "0/s", "-0.5/s"; "-" for AUDIT_NO_RATE. */
void text_put_rate(struct outbuf *b, int64_t milli);
/* The same of what cannot shrink: "2/s". */
void text_put_plain_rate(struct outbuf *b, int64_t milli);
/* "257/256" */
void text_put_of(struct outbuf *b, uint64_t n, uint64_t limit);

#endif /* TCS_TEXT_PUT_H */
