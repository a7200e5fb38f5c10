// SPDX-License-Identifier: GPL-2.0-only
#include "finding_text.h"

#include "connect_text.h"
#include "text_put.h"
#include "wrap.h"

#define INDENT 2

/* ---- what it is about ------------------------------------------------------------------------ */

static struct device_ref device_of(const struct sink_world *world, const struct finding *f,
				   uint32_t ifindex)
{
	return (struct device_ref){ world, f->netns_cookie, f->netns, ifindex };
}

static void put_place(struct outbuf *b, const uint8_t laddr[16], uint8_t family, uint16_t lport,
		      const struct owner *owner, struct device_ref d)
{
	text_put_endpoint(b, laddr, family, lport, &d);
	if (!owner->pid)
		return;
	outbuf_putc(b, ' ');
	text_put_owner(b, owner);
}

/* " on 10.0.0.7:80 nginx(1180) (4 listeners)", " on one of 0.0.0.0:80 nginx(1180), ..." */
static void put_service(struct outbuf *b, const struct sink_world *world, const struct finding *f)
{
	const struct finding_syn *syn = &f->row.syn;
	const struct audit_service *s = &syn->service;
	uint32_t i;

	outbuf_lit(b, " on ");
	if (!syn->n_possible)
		put_place(b, s->laddr, s->family, s->lport, &s->owner,
			  device_of(world, f, s->device));
	if (s->listeners > 1) {
		outbuf_lit(b, " (");
		outbuf_put_grouped(b, s->listeners);
		outbuf_lit(b, " listeners)");
	}
	for (i = 0; i < syn->n_possible && i < FINDING_PLACES; i++) {
		const struct finding_place *p = &syn->possible[i];

		outbuf_puts(b, i ? ", " : "one of ");
		put_place(b, p->laddr, p->family, p->lport, &p->owner,
			  device_of(world, f, p->device));
	}
	if (syn->n_possible > FINDING_PLACES) {
		outbuf_lit(b, " and ");
		outbuf_put_grouped(b, syn->n_possible - FINDING_PLACES);
		outbuf_lit(b, " more");
	}
}

/* "10.0.0.5", "10.0.7.0/24", "fe80::%eth0/64" */
static void put_peers(struct outbuf *b, const struct audit_dead *d, struct device_ref device)
{
	device_put_addr(b, d->raddr, d->family, &device);
	if (d->hosts == 1)
		return;
	outbuf_putc(b, '/');
	outbuf_put_u64(b, d->bits);
}

static void put_destination(struct outbuf *b, const struct audit_place *p, struct device_ref d)
{
	struct device_ref local = device_of_local(&d, p->laddr, p->raddr);
	struct device_ref remote = device_of_remote(&d, p->raddr);

	outbuf_lit(b, " from ");
	device_put_addr(b, p->laddr, p->family, &local);
	outbuf_lit(b, " to ");
	if (p->rport)
		text_put_endpoint(b, p->raddr, p->family, p->rport, &remote);
	else
		outbuf_lit(b, "all destinations");
	text_put_port_range(b, p);
}

void finding_text_subject(struct outbuf *b, const struct sink_world *world, const struct finding *f)
{
	struct device_ref d;

	switch (f->kind) {
	case FINDING_SYN_FLOOD:
	case FINDING_ACCEPT_QUEUE_FULL:
	case FINDING_SYN_BACKLOG_SMALL:
	case FINDING_HANDSHAKE_LOSS:
		put_service(b, world, f);
		break;
	case FINDING_SYN_SCAN:
		outbuf_lit(b, " from ");
		d = device_of(world, f, f->row.scanner.device);
		device_put_addr(b, f->row.scanner.addr, f->row.scanner.family, &d);
		break;
	case FINDING_CLOSE_WAIT_LEAK:
	case FINDING_FIN_WAIT2_HELD:
		outbuf_lit(b, " in ");
		text_put_owner(b, &f->row.half_closed.owner);
		break;
	case FINDING_PORT_EXHAUSTION:
		put_destination(b, &f->row.place, device_of(world, f, f->row.place.device));
		break;
	case FINDING_DEAD_PEER:
		outbuf_lit(b, " at ");
		put_peers(b, &f->row.dead, device_of(world, f, f->row.dead.device));
		break;
	case FINDING_CONNECT_FAILING:
		connect_text_subject(b, world, f);
		break;
	default:
		outbuf_lit(b, " in net:");
		outbuf_put_u64(b, f->netns);
	}
}

/* ---- handshakes ------------------------------------------------------------------------------ */

/* "0.4 %" */
static void put_permille(struct outbuf *b, uint64_t permille)
{
	outbuf_put_u64(b, permille / 10);
	outbuf_putc(b, '.');
	outbuf_put_u64(b, permille % 10);
	outbuf_lit(b, " %");
}

static void put_spread(struct outbuf *b, const struct audit_service *s, bool cookies,
		       struct device_ref device)
{
	device = device_of_remote(&device, s->spread_addr);
	if (s->spread == SPREAD_NONE) {
		outbuf_lit(b, ", no source to be seen");
		return;
	}
	outbuf_lit(b, ", ");
	outbuf_put_grouped(b, s->half_open);
	outbuf_lit(b, " half-open from ");
	text_put_sources(b, s);
	outbuf_lit(b, " (");
	if (s->spread == SPREAD_DISTRIBUTED) {
		outbuf_lit(b, "distributed");
	} else {
		outbuf_put_u64(b, s->spread_percent);
		outbuf_lit(b, " % from ");
		text_put_prefix(b, s->spread_addr, s->spread_family, s->spread_bits, &device);
	}
	outbuf_puts(b, cookies ? "; cookies hide the rest)" : ")");
}

static void put_rate_of(struct outbuf *b, const char *what, int64_t milli)
{
	if (milli == AUDIT_NO_RATE || milli <= 0)
		return;
	outbuf_lit(b, ", ");
	outbuf_puts(b, what);
	outbuf_putc(b, ' ');
	text_put_plain_rate(b, milli);
}

static const char *const flood_ends[SYN_PRESSURE_MAX] = {
	[SYN_SLOW] = " The queue has room: nobody is refused yet.",
	[SYN_QUEUE_FULL] = " The queue is full: what comes next gets a cookie, or is dropped.",
	[SYN_COOKIES] = " The service still answers.",
	[SYN_DROPS] = " Clients are being refused.",
};

static void put_flood(struct outbuf *b, const struct sink_world *world, const struct finding *f)
{
	const struct finding_syn *syn = &f->row.syn;
	const struct audit_service *s = &syn->service;

	if (syn->n_possible) {
		outbuf_lit(b, "cookies ");
		text_put_plain_rate(b, syn->cookies_sent);
		outbuf_lit(b, " together");
	} else {
		outbuf_lit(b, "SYN queue ");
		text_put_of(b, s->syn_queue, s->syn_limit);
		put_rate_of(b, "cookies", syn->cookies_sent);
	}
	put_rate_of(b, "SYNs dropped", syn->drops);
	put_rate_of(b, "new ones unanswered", syn->failing);
	if (syn->done_permille != AUDIT_UNKNOWN) {
		outbuf_lit(b, ", ");
		put_permille(b, syn->done_permille);
		outbuf_lit(b, " of handshakes complete");
	}
	put_spread(b, s, syn->pressure == SYN_COOKIES, device_of(world, f, s->spread_device));
	outbuf_putc(b, '.');
	if (syn->n_possible)
		outbuf_lit(b, " Which of them it is, cookies do not tell; they still answer.");
	else
		outbuf_puts(b, flood_ends[syn->pressure]);
}

static void put_accept(struct outbuf *b, const struct finding_syn *syn)
{
	const struct audit_service *s = &syn->service;

	outbuf_lit(b, "accept queue ");
	text_put_of(b, s->accept_queue, s->queue_limit);
	put_rate_of(b, "SYNs and last ACKs dropped", s->drops_milli);
	put_rate_of(b, "completed", s->done_milli);
	if (service_accepted(s) != AUDIT_NO_RATE) {
		outbuf_lit(b, ", accepted ");
		text_put_plain_rate(b, service_accepted(s));
	}
	if (s->acked) {
		outbuf_lit(b, "; ");
		outbuf_put_grouped(b, s->acked);
		outbuf_lit(b, " clients have answered and wait in the SYN queue");
	}
	outbuf_putc(b, '.');
}

static void put_small(struct outbuf *b, const struct finding_syn *syn)
{
	const struct audit_service *s = &syn->service;

	outbuf_lit(b, "SYN queue ");
	text_put_of(b, s->syn_queue, s->syn_limit);
	put_rate_of(b, "cookies", syn->cookies_sent);
	put_rate_of(b, "SYNs dropped", syn->drops);
	outbuf_lit(b, ", and ");
	text_put_plain_rate(b, s->done_milli);
	outbuf_lit(b, " handshakes complete: the clients are real, the queue is small for them.");
}

static void put_loss(struct outbuf *b, const struct finding_syn *syn)
{
	const struct audit_service *s = &syn->service;

	text_put_plain_rate(b, s->late_milli);
	outbuf_lit(b, " of ");
	text_put_plain_rate(b, s->done_milli);
	outbuf_lit(b,
		   " handshakes completed only after the SYN-ACK was sent again; SYN-ACKs resent ");
	text_put_plain_rate(b, s->resent_milli);
	outbuf_putc(b, '.');
}

static void put_scan(struct outbuf *b, const struct audit_scanner *s)
{
	outbuf_put_grouped(b, s->resets);
	outbuf_lit(b, " SYNs to ");
	outbuf_put_grouped(b, s->ports);
	outbuf_lit(b, " closed ports were answered with resets.");
}

/* ---- the rest -------------------------------------------------------------------------------- */

/* "app(7) holds 54 sockets whose peer has closed, 48 of them for long; the oldest 8.96s, ..." */
static void put_half_closed(struct outbuf *b, const struct finding *f)
{
	const struct audit_half_closed *c = &f->row.half_closed;

	text_put_owner(b, &c->owner);
	outbuf_lit(b, " holds ");
	outbuf_put_grouped(b, c->count);
	if (f->kind == FINDING_FIN_WAIT2_HELD)
		outbuf_lit(b, " sockets that it has shut down and whose peer has not closed, ");
	else
		outbuf_lit(b, " sockets whose peer has closed, ");
	outbuf_put_grouped(b, c->old);
	outbuf_lit(b, " of them for long");
	if (c->unaccepted != AUDIT_UNKNOWN && c->unaccepted) {
		outbuf_lit(b, " and ");
		outbuf_put_grouped(b, c->unaccepted);
		outbuf_lit(b, " never accepted");
	}
	outbuf_lit(b, "; the oldest ");
	text_put_age(b, c->oldest_ns, c->oldest_exact);
	if (c->growth_milli != AUDIT_NO_RATE) {
		outbuf_lit(b, ", growth ");
		text_put_rate(b, c->growth_milli);
	}
	if (c->fd_used != AUDIT_UNKNOWN && c->fd_limit != AUDIT_UNKNOWN) {
		outbuf_lit(b, ", descriptors ");
		text_put_descriptors(b, c);
	}
	outbuf_putc(b, '.');
}

/* ", 760 by TIME_WAIT" */
static void put_number_of(struct outbuf *b, uint64_t n, const char *what)
{
	outbuf_lit(b, ", ");
	outbuf_put_grouped(b, n);
	outbuf_puts(b, what);
}

static void put_exhaustion(struct outbuf *b, const struct sink_world *world,
			   const struct finding *f)
{
	const struct audit_place *p = &f->row.place;
	struct device_ref d = device_of(world, f, p->device);

	if (p->ports_range)
		text_put_of(b, audit_ports_taken(p), p->ports_range);
	else
		outbuf_putc(b, '-');
	outbuf_lit(b, " local ports from ");
	text_put_place(b, p, &d);
	outbuf_lit(b, " are taken");
	if (p->rport && p->ports_range)
		put_number_of(b, p->time_wait, " by TIME_WAIT");
	if (p->bound)
		put_number_of(b, p->bound, " by bind()");
	if (p->failed)
		put_number_of(b, p->failed, " connects failed");
	if (f->seconds_left != AUDIT_UNKNOWN) {
		outbuf_lit(b, "; none is left in ");
		text_put_seconds(b, f->seconds_left);
	}
	outbuf_putc(b, '.');
}

static void put_table(struct outbuf *b, const struct audit_netns *n)
{
	outbuf_lit(b, "net:");
	outbuf_put_u64(b, n->netns);
	outbuf_lit(b, " has ");
	text_put_count(b, n->time_wait_table);
	outbuf_lit(b, " sockets in its time-wait table, the limit is ");
	text_put_count(b, n->time_wait_limit ? n->time_wait_limit : AUDIT_UNKNOWN);
	outbuf_lit(b, "; overflow ");
	text_put_rate(b, n->overflow_milli);
	outbuf_putc(b, '.');
}

static void put_dead(struct outbuf *b, const struct audit_dead *d, struct device_ref device)
{
	outbuf_put_grouped(b, d->count);
	outbuf_lit(b, " connections to ");
	if (d->hosts > 1) {
		outbuf_put_grouped(b, d->hosts);
		outbuf_lit(b, " addresses of ");
	}
	put_peers(b, d, device);
	outbuf_lit(b, " get no answer");
	if (d->timed_out) {
		outbuf_lit(b, ", ");
		outbuf_put_grouped(b, d->timed_out);
		outbuf_lit(b, " of them timed out within a minute");
	}
	if (d->quiet_ns != AUDIT_UNKNOWN) {
		outbuf_lit(b, "; the longest has heard nothing for ");
		text_put_age(b, d->quiet_ns, false);
	}
	outbuf_lit(b, "; one belongs to ");
	text_put_owner(b, &d->owner);
	outbuf_putc(b, '.');
}

static void put_evidence(struct outbuf *b, const struct sink_world *world, const struct finding *f)
{
	switch (f->kind) {
	case FINDING_SYN_FLOOD:
		put_flood(b, world, f);
		break;
	case FINDING_ACCEPT_QUEUE_FULL:
		put_accept(b, &f->row.syn);
		break;
	case FINDING_SYN_BACKLOG_SMALL:
		put_small(b, &f->row.syn);
		break;
	case FINDING_HANDSHAKE_LOSS:
		put_loss(b, &f->row.syn);
		break;
	case FINDING_SYN_SCAN:
		put_scan(b, &f->row.scanner);
		break;
	case FINDING_CLOSE_WAIT_LEAK:
	case FINDING_FIN_WAIT2_HELD:
		put_half_closed(b, f);
		break;
	case FINDING_PORT_EXHAUSTION:
		put_exhaustion(b, world, f);
		break;
	case FINDING_TIME_WAIT_BUILDUP:
		put_table(b, &f->row.table);
		break;
	case FINDING_CONNECT_FAILING:
		connect_text_evidence(b, f);
		break;
	default:
		put_dead(b, &f->row.dead, device_of(world, f, f->row.dead.device));
	}
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Ends the line, or lines, of the sentence that began at `start`. */
static void fold(struct outbuf *b, size_t start, unsigned int columns)
{
	struct wrap w = { b, start, start, INDENT, wrap_width(columns) };

	wrap_again(&w, start);
	outbuf_putc(b, '\n');
}

static void put_advice(struct outbuf *b, const struct finding *f, unsigned int columns)
{
	struct wrap w = { b, b->len, 0, INDENT, wrap_width(columns) };
	size_t len;
	const char *advice = finding_advice(f, &len);

	outbuf_pad_to(b, w.start + INDENT);
	w.fresh = b->len;
	wrap_text(&w, advice, len);
	outbuf_putc(b, '\n');
}

void finding_text_tell(struct outbuf *b, const struct sink_world *world, const struct finding *f,
		       unsigned int columns)
{
	size_t start = b->len;

	outbuf_puts(b, finding_name(f->kind));
	outbuf_putc(b, ' ');
	outbuf_puts(b, severity_name(f->severity));
	outbuf_lit(b, "   ");
	put_evidence(b, world, f);
	fold(b, start, columns);
	put_advice(b, f, columns);
}

void finding_text_alert(struct outbuf *b, const struct sink_world *world, const struct finding *f,
			uint64_t ts_ns, unsigned int columns)
{
	bool over = f->status == FINDING_CLEARED;
	size_t start = b->len;

	outbuf_puts(b, over ? "CLEAR " : "ALERT ");
	outbuf_puts(b, finding_name(f->kind));
	if (!over) {
		outbuf_putc(b, ' ');
		outbuf_puts(b, severity_name(f->severity));
	}
	finding_text_subject(b, world, f);
	if (over) {
		outbuf_lit(b, " after ");
		outbuf_put_span(b, ts_ns - f->since_ns);
		fold(b, start, columns);
		return;
	}
	outbuf_lit(b, ": ");
	put_evidence(b, world, f);
	fold(b, start, columns);
	put_advice(b, f, columns);
}
