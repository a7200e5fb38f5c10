// SPDX-License-Identifier: GPL-2.0-only
#include "device_put.h"

#include "filter.h"

#define NAME_MAX_BYTES 16 /* IFNAMSIZ */

static const char *name_of(const struct device_ref *d)
{
	const struct sink_world *w = d->world;

	return w && w->device_name ?
		       w->device_name(w->device_ctx, d->netns_cookie, d->netns, d->ifindex) :
		       NULL;
}

struct device_ref device_of_local(const struct device_ref *d, const uint8_t laddr[16],
				  const uint8_t *raddr)
{
	struct device_ref ret = *d;

	if (!addr_is_link_local(laddr) && raddr && addr_is_link_local(raddr))
		ret.ifindex = 0;
	return ret;
}

struct device_ref device_of_remote(const struct device_ref *d, const uint8_t raddr[16])
{
	struct device_ref ret = *d;

	if (!addr_is_link_local(raddr))
		ret.ifindex = 0;
	return ret;
}

void device_put_text(struct outbuf *b, const struct device_ref *d)
{
	const char *name;

	if (!d->ifindex)
		return;
	outbuf_putc(b, '%');
	name = name_of(d);
	if (name)
		outbuf_put_term(b, name, NAME_MAX_BYTES);
	else
		outbuf_put_u64(b, d->ifindex);
}

void device_put_json(struct outbuf *b, const struct device_ref *d)
{
	const char *name = d->ifindex ? name_of(d) : NULL;

	if (!d->ifindex) {
		outbuf_lit(b, "null");
	} else if (name) {
		outbuf_put_json(b, name, NAME_MAX_BYTES);
	} else {
		outbuf_putc(b, '"');
		outbuf_put_u64(b, d->ifindex);
		outbuf_putc(b, '"');
	}
}

void device_put_addr(struct outbuf *b, const uint8_t addr[16], unsigned int family,
		     const struct device_ref *d)
{
	outbuf_put_addr(b, addr, family);
	device_put_text(b, d);
}

void device_put_host(struct outbuf *b, const uint8_t addr[16], unsigned int family,
		     const struct device_ref *d)
{
	if (family == 6)
		outbuf_putc(b, '[');
	device_put_addr(b, addr, family, d);
	if (family == 6)
		outbuf_putc(b, ']');
}
