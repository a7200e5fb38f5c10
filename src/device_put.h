/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_DEVICE_PUT_H
#define TCS_DEVICE_PUT_H

/*
 * device_put.h - how a network device is written, and addresses that belong to one
 *
 * As ss and RFC 4007 write it, "%eth0" directly after the address. A device whose name is not
 * known is its number (ifindex). The name is escaped (outbuf.h): it may contain any byte.
 *
 * Of the two addresses of a connection, each link-local one has the device. If the remote address
 * is not link-local, the local one has it: the socket is bound to the device.
 *
 * The caller has made room: an address with its device takes less than 100 bytes, as JSON 200.
 */
#include <stdbool.h>

#include "outbuf.h"
#include "sink.h"

struct device_ref {
	const struct sink_world *world; /* NULL: names are not known */
	uint64_t netns_cookie;		/* 0 unknown */
	uint32_t netns;
	uint32_t ifindex; /* 0: no device */
};

/* The device of the local, and of the remote address of a connection; raddr NULL: there is none. */
struct device_ref device_of_local(const struct device_ref *d, const uint8_t laddr[16],
				  const uint8_t *raddr);
struct device_ref device_of_remote(const struct device_ref *d, const uint8_t raddr[16]);

/* "%eth0", "%3", nothing for no device */
void device_put_text(struct outbuf *b, const struct device_ref *d);
/* "eth0" and "3" as JSON strings, null for no device */
void device_put_json(struct outbuf *b, const struct device_ref *d);
/* "10.0.0.5%eth0", "fe80::1%eth0" */
void device_put_addr(struct outbuf *b, const uint8_t addr[16], unsigned int family,
		     const struct device_ref *d);
/* The same as a port may follow it: "10.0.0.5%eth0", "[fe80::1%eth0]" */
void device_put_host(struct outbuf *b, const uint8_t addr[16], unsigned int family,
		     const struct device_ref *d);

#endif /* TCS_DEVICE_PUT_H */
