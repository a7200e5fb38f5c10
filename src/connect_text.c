// SPDX-License-Identifier: GPL-2.0-only
#include "connect_text.h"

#include "device_put.h"
#include "text_put.h"

static const char *const failures[CONNECT_FAILURES] = {
	[CONNECT_REFUSED] = "refused",
	[CONNECT_TIMED_OUT] = "timed out",
	[CONNECT_UNREACHABLE] = "unreachable",
	[CONNECT_NO_LOCAL_PORT] = "without a local port",
	[CONNECT_GIVEN_UP] = "given up without an answer",
	[CONNECT_OTHER] = "with another error",
};

void connect_text_subject(struct outbuf *b, const struct sink_world *world, const struct finding *f)
{
	const struct audit_connect *c = &f->row.connect.row;
	struct device_ref d = { world, f->netns_cookie, f->netns, c->device };

	if (c->of == CONNECT_OF_SOURCE) {
		outbuf_lit(b, " from ");
		device_put_addr(b, c->laddr, c->family, &d);
	} else {
		outbuf_lit(b, " to ");
		text_put_endpoint(b, c->raddr, c->family, c->rport, &d);
	}
}

/* " (480 refused, 20 timed out)" */
static void put_failures(struct outbuf *b, const struct audit_connect *c)
{
	const char *before = " (";
	int i;

	for (i = 0; i < CONNECT_FAILURES; i++) {
		if (!c->failed[i])
			continue;
		outbuf_puts(b, before);
		outbuf_put_grouped(b, c->failed[i]);
		outbuf_putc(b, ' ');
		outbuf_puts(b, failures[i]);
		before = ", ";
	}
	outbuf_putc(b, ')');
}

static void put_destinations(struct outbuf *b, const struct audit_connect *c)
{
	if (c->of != CONNECT_OF_SOURCE)
		return;
	outbuf_lit(b, " to ");
	outbuf_put_grouped(b, c->destinations);
	outbuf_lit(b, " destinations");
}

/* "480 of 500 connects failed within 10s (...)" */
static void put_ended(struct outbuf *b, const struct audit_connect *c, uint64_t failed)
{
	outbuf_put_grouped(b, failed);
	outbuf_lit(b, " of ");
	outbuf_put_grouped(b, failed + c->connected);
	outbuf_lit(b, " connects");
	put_destinations(b, c);
	outbuf_lit(b, " failed within ");
	text_put_age(b, c->window_ns, true);
	put_failures(b, c);
}

/* "1 connect is not answered", "31 connects are not answered, the oldest for 42s" */
static void put_pending(struct outbuf *b, const struct audit_connect *c, bool alone)
{
	outbuf_put_grouped(b, c->pending);
	if (c->pending == 1)
		outbuf_lit(b, " connect");
	else
		outbuf_lit(b, " connects");
	if (alone)
		put_destinations(b, c);
	if (c->pending == 1)
		outbuf_lit(b, " is not answered");
	else
		outbuf_lit(b, " are not answered");
	if (c->oldest_ns == AUDIT_UNKNOWN)
		return;
	outbuf_lit(b, ", the oldest for ");
	text_put_age(b, c->oldest_ns, true);
}

static void put_lasting(struct outbuf *b, const struct audit_connect *c)
{
	if (c->lasts || !c->open) {
		outbuf_lit(b, "; it lasts for ");
		text_put_age(b, c->failing_ns, false);
	} else {
		outbuf_lit(b, "; how long it has lasted is not known");
	}
	if (!c->owner.pid)
		return;
	outbuf_lit(b, "; the last one by ");
	text_put_owner(b, &c->owner);
}

void connect_text_evidence(struct outbuf *b, const struct finding *f)
{
	const struct finding_connect *connect = &f->row.connect;
	const struct audit_connect *c = &connect->row;
	uint64_t pending = c->pending == AUDIT_UNKNOWN ? 0 : c->pending;
	uint64_t failed = audit_connect_failing(c) - pending;

	if (failed)
		put_ended(b, c, failed);
	if (pending) {
		if (failed)
			outbuf_lit(b, "; ");
		put_pending(b, c, !failed);
	}
	if (connect->ports_used != AUDIT_UNKNOWN) {
		outbuf_lit(b, "; local ports taken: ");
		text_put_of(b, connect->ports_used, connect->ports_range);
	}
	put_lasting(b, c);
	outbuf_putc(b, '.');
	if (c->elsewhere)
		outbuf_lit(b, " The program connects by the other address family.");
}
