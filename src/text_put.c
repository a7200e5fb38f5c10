// SPDX-License-Identifier: GPL-2.0-only
#include "text_put.h"

void text_put_endpoint(struct outbuf *b, const uint8_t addr[16], unsigned int family, uint16_t port,
		       const struct device_ref *d)
{
	device_put_host(b, addr, family, d);
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

void text_put_number(struct outbuf *b, uint64_t n, bool exact)
{
	if (n == AUDIT_UNKNOWN) {
		outbuf_putc(b, '-');
		return;
	}
	if (!exact)
		outbuf_putc(b, '~');
	outbuf_put_grouped(b, n);
}

void text_put_count(struct outbuf *b, uint64_t n)
{
	text_put_number(b, n, true);
}

/* An estimate: no decimals, as outbuf_put_span() would have. */
static void put_whole_seconds(struct outbuf *b, uint64_t seconds)
{
	outbuf_put_u64(b, seconds);
	outbuf_putc(b, 's');
}

void text_put_seconds(struct outbuf *b, uint64_t seconds)
{
	if (seconds == AUDIT_UNKNOWN)
		outbuf_putc(b, '-');
	else if (seconds > 86400)
		outbuf_lit(b, ">1d");
	else if (seconds >= 100)
		outbuf_put_span(b, seconds * 1000000000);
	else
		put_whole_seconds(b, seconds);
}

void text_put_age(struct outbuf *b, uint64_t ns, bool exact)
{
	if (ns == AUDIT_UNKNOWN) {
		outbuf_putc(b, '-');
		return;
	}
	if (!exact)
		outbuf_putc(b, '>');
	outbuf_put_span(b, ns);
}

void text_put_prefix(struct outbuf *b, const uint8_t addr[16], uint8_t family, uint8_t bits,
		     const struct device_ref *d)
{
	outbuf_put_addr(b, addr, family);
	if (d)
		device_put_text(b, d);
	if (bits == (family == 4 ? 32 : 128))
		return;
	outbuf_putc(b, '/');
	outbuf_put_u64(b, bits);
}

void text_put_ports(struct outbuf *b, const struct audit_half_closed *c,
		    const struct sink_world *world)
{
	const struct audit_socket *e = &c->example;
	struct device_ref d = { world, e->netns_cookie, e->netns, e->device };

	/* One socket is described by where we connected to, or where it came to. */
	if (c->same_local && (!c->same_remote || e->lport < e->rport)) {
		outbuf_putc(b, ':');
		outbuf_put_u64(b, e->lport);
	} else if (c->same_remote) {
		outbuf_lit(b, "->");
		d = device_of_remote(&d, e->raddr);
		text_put_endpoint(b, e->raddr, e->family, e->rport, &d);
	} else {
		outbuf_lit(b, "several");
	}
}

void text_put_place(struct outbuf *b, const struct audit_place *p, const struct device_ref *d)
{
	struct device_ref local = device_of_local(d, p->laddr, p->rport ? p->raddr : NULL);
	struct device_ref remote = device_of_remote(d, p->raddr);

	if (!audit_place_has_ports(p)) {
		text_put_endpoint(b, p->laddr, p->family, p->lport, &local);
		outbuf_lit(b, " (clients)");
		return;
	}
	device_put_addr(b, p->laddr, p->family, &local);
	outbuf_lit(b, " -> ");
	if (p->rport)
		text_put_endpoint(b, p->raddr, p->family, p->rport, &remote);
	else
		outbuf_putc(b, '*');
	text_put_port_range(b, p);
}

void text_put_port_range(struct outbuf *b, const struct audit_place *p)
{
	if (audit_place_is_default(p))
		return;
	outbuf_lit(b, " (ports ");
	outbuf_put_u64(b, p->range_first);
	outbuf_putc(b, '-');
	outbuf_put_u64(b, p->range_last);
	outbuf_putc(b, ')');
}

void text_put_descriptors(struct outbuf *b, const struct audit_half_closed *c)
{
	uint64_t left;

	if (c->fd_limit == AUDIT_UNKNOWN || c->fd_used == AUDIT_UNKNOWN) {
		outbuf_putc(b, '-');
		return;
	}
	text_put_of(b, c->fd_used, c->fd_limit);
	left = audit_seconds_left(audit_descriptors_left(c), c->growth_milli);
	if (left == AUDIT_UNKNOWN)
		return;
	outbuf_lit(b, " in ");
	text_put_seconds(b, left);
}

/* An IPv6 listener may have clients of IPv4. */
static void put_prefix_word(struct outbuf *b, const struct audit_service *s)
{
	if (s->sources_v4 && s->sources_v6)
		outbuf_lit(b, " prefixes");
	else if (s->sources_v6 || (!s->sources_v4 && s->family == 6))
		outbuf_lit(b, " /64s");
	else
		outbuf_lit(b, " /24s");
}

void text_put_sources(struct outbuf *b, const struct audit_service *s)
{
	text_put_number(b, s->sources, s->sources_exact);
	outbuf_puts(b, s->sources == 1 ? " source in " : " sources in ");
	text_put_number(b, s->prefixes, s->prefixes_exact);
	put_prefix_word(b, s);
}
