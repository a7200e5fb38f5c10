// SPDX-License-Identifier: GPL-2.0-only
#include "finding_json.h"

#include "json_put.h"
#include "text_put.h"

struct subject {
	const struct owner *owner;
	const uint8_t *laddr, *raddr; /* NULL: none */
	uint8_t family;
	uint16_t lport, rport;	      /* 0 none */
	uint32_t listeners;	      /* 0: not known, or it is not about any */
	uint32_t device;	      /* ifindex; 0 none */
	const struct audit_dead *net; /* NULL: none */
};

static struct subject subject_of_connect(const struct audit_connect *c)
{
	bool is_source = c->of == CONNECT_OF_SOURCE;

	return (struct subject){ .owner = &c->owner,
				 .laddr = is_source ? c->laddr : NULL,
				 .raddr = is_source ? NULL : c->raddr,
				 .family = c->family,
				 .rport = c->rport,
				 .device = c->device };
}

static struct subject subject_of(const struct finding *f)
{
	static const struct owner nobody;
	const struct audit_service *s = &f->row.syn.service;
	const struct audit_place *p = &f->row.place;

	if (finding_is_syn(f->kind))
		return (struct subject){ .owner = &s->owner,
					 .laddr = f->row.syn.n_possible ? NULL : s->laddr,
					 .family = s->family,
					 .lport = s->lport,
					 .device = f->row.syn.n_possible ? 0 : s->device,
					 .listeners = s->listeners };
	switch (f->kind) {
	case FINDING_SYN_SCAN:
		return (struct subject){ .owner = &nobody,
					 .raddr = f->row.scanner.addr,
					 .family = f->row.scanner.family,
					 .device = f->row.scanner.device };
	case FINDING_CLOSE_WAIT_LEAK:
	case FINDING_FIN_WAIT2_HELD:
		return (struct subject){ .owner = &f->row.half_closed.owner };
	case FINDING_PORT_EXHAUSTION:
		return (struct subject){ .owner = &nobody,
					 .laddr = p->laddr,
					 .raddr = p->rport ? p->raddr : NULL,
					 .family = p->family,
					 .rport = p->rport,
					 .device = p->device };
	case FINDING_DEAD_PEER:
		return (struct subject){ .owner = &f->row.dead.owner,
					 .raddr = f->row.dead.hosts == 1 ? f->row.dead.raddr : NULL,
					 .family = f->row.dead.family,
					 .device = f->row.dead.device,
					 .net = f->row.dead.hosts > 1 ? &f->row.dead : NULL };
	case FINDING_CONNECT_FAILING:
		return subject_of_connect(&f->row.connect.row);
	default:
		return (struct subject){ .owner = &nobody };
	}
}

static void put_subject(struct outbuf *b, const struct sink_world *world, const struct finding *f)
{
	struct subject s = subject_of(f);
	struct device_ref d = { world, f->netns_cookie, f->netns, s.device };

	json_put_open(b, "subject");
	json_put_number(b, "netns", f->netns);
	json_put_owner(b, s.owner);
	json_put_addr(b, "laddr", s.laddr, s.family);
	json_put_known(b, "lport", s.lport);
	json_put_addr(b, "raddr", s.raddr, s.family);
	json_put_known(b, "rport", s.rport);
	json_put_device(b, &d);
	if (s.net)
		json_put_prefix(b, "rprefix", s.net->raddr, s.net->family, s.net->bits);
	else
		json_put_null(b, "rprefix");
	json_put_known(b, "listeners", s.listeners);
	json_put_close(b);
}

/* One set of keys for all kinds; what a kind does not know is null. */
struct evidence {
	uint64_t count, old, oldest_ns, fd_used, fd_limit;
	uint64_t ports_used, ports_left, ports_range, ports_reusable, limit, ports;
	uint64_t timed_out, hosts, unaccepted, ports_bound, connects_failed;
	const struct audit_place *place; /* NULL: it is not about ports */
	int64_t growth, overflow;
	const struct finding_syn *syn;	     /* NULL: it is not about a service */
	const struct audit_connect *connect; /* NULL: it is not about connects */
};

uint64_t finding_ports_bound(const struct audit_place *p)
{
	return p->flags & AUDIT_PLACE_BOUND && p->ports_range ? p->bound : AUDIT_UNKNOWN;
}

void finding_json_port_range(struct outbuf *b, const struct audit_place *p)
{
	if (!p || audit_place_is_default(p)) {
		json_put_null(b, "port_range");
		return;
	}
	json_put_key(b, "port_range");
	outbuf_putc(b, '"');
	outbuf_put_u64(b, p->range_first);
	outbuf_putc(b, '-');
	outbuf_put_u64(b, p->range_last);
	outbuf_putc(b, '"');
}

static void fill_ports(struct evidence *e, const struct audit_place *p)
{
	e->place = p;
	e->connects_failed = p->failed;
	if (!p->ports_range)
		return;
	e->ports_used = p->ports_used;
	e->ports_range = p->ports_range;
	e->ports_left = audit_ports_left(p);
	e->ports_bound = finding_ports_bound(p);
	e->growth = p->growth_milli;
	if (!p->rport)
		return;
	e->count = p->time_wait;
	e->ports_reusable = p->reusable;
}

static void read_connect(struct evidence *e, const struct finding_connect *f)
{
	e->connect = &f->row;
	e->count = audit_connect_failing(&f->row);
	e->oldest_ns = f->row.oldest_ns;
	e->ports_used = f->ports_used;
	e->ports_range = f->ports_range;
	if (f->ports_used != AUDIT_UNKNOWN && f->ports_range != AUDIT_UNKNOWN)
		e->ports_left = f->ports_range > f->ports_used ? f->ports_range - f->ports_used : 0;
	if (f->row.connected != AUDIT_UNKNOWN)
		e->timed_out = f->row.failed[CONNECT_TIMED_OUT];
}

static struct evidence evidence_of(const struct finding *f)
{
	const struct audit_half_closed *c = &f->row.half_closed;
	const struct audit_place *p = &f->row.place;
	struct evidence e;

	memset(&e, 0xff, sizeof(e)); /* AUDIT_UNKNOWN */
	e.growth = e.overflow = AUDIT_NO_RATE;
	e.syn = NULL;
	e.place = NULL;
	e.connect = NULL;
	switch (f->kind) {
	case FINDING_CLOSE_WAIT_LEAK:
		e.unaccepted = c->unaccepted;
		/* fall through */
	case FINDING_FIN_WAIT2_HELD:
		e.count = c->count;
		e.old = c->old;
		e.oldest_ns = c->oldest_ns;
		e.fd_used = c->fd_used;
		e.fd_limit = c->fd_limit;
		e.growth = c->growth_milli;
		break;
	case FINDING_PORT_EXHAUSTION:
		fill_ports(&e, p);
		break;
	case FINDING_TIME_WAIT_BUILDUP:
		e.count = f->row.table.time_wait_table;
		e.limit =
			f->row.table.time_wait_limit ? f->row.table.time_wait_limit : AUDIT_UNKNOWN;
		e.overflow = f->row.table.overflow_milli;
		break;
	case FINDING_DEAD_PEER:
		e.count = f->row.dead.count;
		e.oldest_ns = f->row.dead.quiet_ns;
		e.timed_out = f->row.dead.timed_out;
		e.hosts = f->row.dead.hosts;
		break;
	case FINDING_SYN_SCAN:
		e.count = f->row.scanner.resets;
		e.ports = f->row.scanner.ports;
		break;
	case FINDING_CONNECT_FAILING:
		read_connect(&e, &f->row.connect);
		break;
	default:
		e.syn = &f->row.syn;
		e.count = e.syn->service.half_open;
		e.oldest_ns = e.syn->service.oldest_ns;
	}
	return e;
}

/* The queues and sources of a finding about handshakes; all null for another. */
static void put_syn_queues(struct outbuf *b, const struct finding_syn *syn,
			   const struct audit_service *s)
{
	json_put_text(b, "pressure", syn ? syn_pressure_name(syn->pressure) : NULL);
	json_put_text(b, "spread", spread_name(s->spread));
	if (s->spread == SPREAD_PREFIX || s->spread == SPREAD_SINGLE_SOURCE)
		json_put_prefix(b, "spread_prefix", s->spread_addr, s->spread_family,
				s->spread_bits);
	else
		json_put_null(b, "spread_prefix");
	json_put_number(b, "syn_queue", s->syn_queue);
	json_put_number(b, "syn_queue_limit", s->syn_limit);
	json_put_number(b, "accept_queue", s->accept_queue);
	json_put_number(b, "queue_limit", s->queue_limit);
	json_put_number(b, "half_open", s->half_open);
	json_put_number(b, "stuck", s->stuck);
	json_put_number(b, "acked", s->acked);
	json_put_number(b, "sources", s->sources);
	json_put_number(b, "prefixes", s->prefixes);
}

static void put_syn_evidence(struct outbuf *b, const struct finding_syn *syn)
{
	const struct audit_service nowhere = service_unknown(0);
	const struct audit_service *s = syn ? &syn->service : &nowhere;

	put_syn_queues(b, syn, s);
	json_put_rate(b, "done_per_s", s->done_milli);
	json_put_rate(b, "accepted_per_s", service_accepted(s));
	json_put_rate(b, "late_per_s", s->late_milli);
	json_put_rate(b, "resent_per_s", s->resent_milli);
	json_put_rate(b, "failing_per_s", syn ? syn->failing : AUDIT_NO_RATE);
	json_put_rate(b, "cookies_per_s", syn ? syn->cookies_sent : AUDIT_NO_RATE);
	json_put_rate(b, "cookies_unanswered_per_s", syn ? syn->cookies : AUDIT_NO_RATE);
	json_put_rate(b, "drops_per_s", s->drops_milli);
	json_put_number(b, "done_permille", syn ? syn->done_permille : AUDIT_UNKNOWN);
}

/* "possible":["0.0.0.0:80","[::]:22"]: where it may be, if nobody can tell; else null. */
static void put_possible(struct outbuf *b, const struct sink_world *world, const struct finding *f,
			 const struct finding_syn *syn)
{
	uint32_t i;

	if (!syn || !syn->n_possible) {
		json_put_null(b, "possible");
		json_put_null(b, "possible_count");
		return;
	}
	json_put_key(b, "possible");
	for (i = 0; i < syn->n_possible && i < FINDING_PLACES; i++) {
		const struct finding_place *p = &syn->possible[i];
		struct device_ref d = { world, f->netns_cookie, f->netns, p->device };

		outbuf_puts(b, i ? ",\"" : "[\"");
		text_put_endpoint(b, p->laddr, p->family, p->lport, &d);
		outbuf_putc(b, '"');
	}
	outbuf_putc(b, ']');
	json_put_number(b, "possible_count", syn->n_possible);
}

/* How the connects ended; all null for another finding, and where ends are not counted. */
static void put_connects(struct outbuf *b, const struct audit_connect *c)
{
	static const struct {
		const char *key;
		enum connect_failure why;
	} reasons[] = {
		{ "refused", CONNECT_REFUSED },
		{ "unreachable", CONNECT_UNREACHABLE },
		{ "no_local_port", CONNECT_NO_LOCAL_PORT },
		{ "given_up", CONNECT_GIVEN_UP },
		{ "failed_otherwise", CONNECT_OTHER },
	};
	uint64_t pending = c ? c->pending : AUDIT_UNKNOWN;
	bool counted = c && c->connected != AUDIT_UNKNOWN;
	bool lasting = c && (c->lasts || !c->open);
	bool of_source = c && c->of == CONNECT_OF_SOURCE;
	uint64_t failed = AUDIT_UNKNOWN;
	size_t i;

	if (counted)
		failed = audit_connect_failing(c) - (pending == AUDIT_UNKNOWN ? 0 : pending);
	json_put_number(b, "attempts", counted ? failed + c->connected : AUDIT_UNKNOWN);
	json_put_number(b, "failed", failed);
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		json_put_number(b, reasons[i].key,
				counted ? c->failed[reasons[i].why] : AUDIT_UNKNOWN);
	json_put_us(b, "attempts_us", counted ? c->window_ns : AUDIT_UNKNOWN);
	json_put_number(b, "pending", pending);
	json_put_us(b, "failing_us", lasting ? c->failing_ns : AUDIT_UNKNOWN);
	json_put_number(b, "destinations", of_source ? c->destinations : AUDIT_UNKNOWN);
}

static void put_evidence(struct outbuf *b, const struct sink_world *world, const struct finding *f)
{
	struct evidence e = evidence_of(f);

	json_put_open(b, "evidence");
	json_put_number(b, "count", e.count);
	json_put_number(b, "old", e.old);
	json_put_us(b, "oldest_us", e.oldest_ns);
	json_put_rate(b, "growth_per_s", e.growth);
	json_put_number(b, "fd_used", e.fd_used);
	json_put_number(b, "fd_limit", e.fd_limit);
	json_put_number(b, "ports_used", e.ports_used);
	json_put_number(b, "ports_left", e.ports_left);
	json_put_number(b, "ports_range", e.ports_range);
	json_put_number(b, "ports_reusable", e.ports_reusable);
	json_put_number(b, "limit", e.limit);
	json_put_rate(b, "overflow_per_s", e.overflow);
	json_put_number(b, "seconds_left", f->seconds_left);
	json_put_number(b, "ports", e.ports);
	put_syn_evidence(b, e.syn);
	put_possible(b, world, f, e.syn);
	json_put_number(b, "timed_out", e.timed_out);
	json_put_number(b, "hosts", e.hosts);
	json_put_number(b, "unaccepted", e.unaccepted);
	json_put_number(b, "ports_bound", e.ports_bound);
	finding_json_port_range(b, e.place);
	json_put_number(b, "connects_failed", e.connects_failed);
	put_connects(b, e.connect);
	json_put_close(b);
}

void finding_json(struct outbuf *b, const struct sink_world *world, const struct finding *f,
		  uint64_t ts_ns)
{
	const char *advice;
	size_t len;

	json_put_type(b, "alert");
	json_put_time(b, "ts", world, ts_ns);
	json_put_text(b, "status", finding_status_name(f->status));
	json_put_text(b, "kind", finding_name(f->kind));
	json_put_text(b, "severity", severity_name(f->severity));
	json_put_netns(b, &(struct device_ref){ world, f->netns_cookie, f->netns, 0 });
	put_subject(b, world, f);
	put_evidence(b, world, f);
	advice = finding_advice(f, &len);
	json_put_key(b, "advice");
	outbuf_put_json(b, advice, len);
	json_put_time(b, "since", world, f->since_ns);
	json_put_end(b);
}
