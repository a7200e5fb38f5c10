// SPDX-License-Identifier: GPL-2.0-only
/* audit_json.c - an audit as JSON lines: every key always there, null for unknown */
#include "audit_sink.h"
#include "fields.h"
#include "filter.h"
#include "service.h"
#include "state.h"
#include "syn_text.h"
#include "text_put.h"

#define JSON_SOURCES 50

struct json {
	struct output *out;
	const struct audit_report *report;
};

static void put_type(struct outbuf *b, const char *type)
{
	outbuf_lit(b, "{\"type\":\"");
	outbuf_puts(b, type);
	outbuf_putc(b, '"');
}

static struct outbuf *line(const struct json *j)
{
	output_reserve(j->out, SINK_LINE_MAX);
	return &j->out->buf;
}

static struct outbuf *begin(const struct json *j, const char *type)
{
	struct outbuf *b = line(j);

	put_type(b, type);
	return b;
}

static void end(struct outbuf *b)
{
	outbuf_lit(b, "}\n");
}

static void put_key(struct outbuf *b, const char *key)
{
	outbuf_lit(b, ",\"");
	outbuf_puts(b, key);
	outbuf_lit(b, "\":");
}

static void put_value(struct outbuf *b, uint64_t n)
{
	if (n == AUDIT_UNKNOWN)
		outbuf_lit(b, "null");
	else
		outbuf_put_u64(b, n);
}

static void put_number(struct outbuf *b, const char *key, uint64_t n)
{
	put_key(b, key);
	put_value(b, n);
}

static void put_known(struct outbuf *b, const char *key, uint64_t n)
{
	put_number(b, key, n ? n : AUDIT_UNKNOWN);
}

static void put_us(struct outbuf *b, const char *key, uint64_t ns)
{
	put_number(b, key, ns == AUDIT_UNKNOWN ? ns : ns / 1000);
}

/* Thousandths a second, as a number with three decimals. */
static void put_rate(struct outbuf *b, const char *key, int64_t milli)
{
	put_key(b, key);
	if (milli == AUDIT_NO_RATE) {
		outbuf_lit(b, "null");
		return;
	}
	if (milli < 0)
		outbuf_putc(b, '-');
	outbuf_put_ms(b, (uint64_t)(milli < 0 ? -milli : milli) * 1000);
}

static void put_bool(struct outbuf *b, const char *key, bool value)
{
	put_key(b, key);
	outbuf_puts(b, value ? "true" : "false");
}

static void put_null(struct outbuf *b, const char *key)
{
	put_key(b, key);
	outbuf_lit(b, "null");
}

static void put_text(struct outbuf *b, const char *key, const char *text)
{
	put_key(b, key);
	outbuf_put_json(b, text, SINK_LINE_MAX);
}

static void put_text_or_null(struct outbuf *b, const char *key, const char *text)
{
	if (text)
		put_text(b, key, text);
	else
		put_null(b, key);
}

static void put_addr(struct outbuf *b, const char *key, const uint8_t addr[16], unsigned int family)
{
	put_key(b, key);
	outbuf_putc(b, '"');
	outbuf_put_addr(b, addr, family);
	outbuf_putc(b, '"');
}

static void put_owner(struct outbuf *b, const struct owner *o)
{
	put_known(b, "pid", o->pid);
	put_key(b, "comm");
	if (o->pid)
		outbuf_put_json(b, o->comm, sizeof(o->comm));
	else
		outbuf_lit(b, "null");
}

static void put_ts(const struct json *j, struct outbuf *b)
{
	put_key(b, "ts");
	put_rfc3339(b, j->report->world, j->report->look->ts_ns);
}

/* The keys of one state each; the two kinds of SYN_RECV are one. look NULL: unknown. */
static void put_states(struct outbuf *b, const struct audit *look,
		       const uint64_t states[TCS_STATE_MAX])
{
	int i;

	outbuf_lit(b, ",\"connections\":{");
	for (i = 1; i < TCS_NEW_SYN_RECV; i++) {
		if (i > 1)
			outbuf_putc(b, ',');
		outbuf_putc(b, '"');
		outbuf_puts(b, state_json((unsigned int)i));
		outbuf_lit(b, "\":");
		/* CLOSE is in no table that can be walked. */
		put_value(b, look && i != TCS_CLOSE ? audit_count(look, states, (unsigned int)i) :
						      AUDIT_UNKNOWN);
	}
	outbuf_putc(b, '}');
}

/* n in the interval, a second. */
static void put_counted(struct outbuf *b, const char *key, const struct summary *s, uint64_t n)
{
	int64_t milli = AUDIT_NO_RATE;

	if (s->counted && s->interval_ns)
		milli = (int64_t)((double)n * 1e12 / (double)s->interval_ns);
	put_rate(b, key, milli);
}

static void put_rates(struct outbuf *b, const struct summary *s)
{
	put_number(b, "transitions", s->counted ? s->transitions : AUDIT_UNKNOWN);
	put_key(b, "rates");
	outbuf_lit(b, "{\"window_us\":");
	put_value(b, s->interval_ns ? s->interval_ns / 1000 : AUDIT_UNKNOWN);
	put_counted(b, "opens_per_s", s, s->opens);
	put_counted(b, "closes_per_s", s, s->closes);
	put_counted(b, "time_wait_per_s", s, s->handed_over);
	outbuf_putc(b, '}');
}

static const struct audit_close_wait *oldest_close_wait(const struct audit *a)
{
	const struct audit_close_wait *oldest = NULL;
	uint32_t i;

	for (i = 0; i < a->n_close_wait; i++)
		if (a->close_wait[i].oldest_ns != AUDIT_UNKNOWN &&
		    (!oldest || a->close_wait[i].oldest_ns > oldest->oldest_ns))
			oldest = &a->close_wait[i];
	return oldest;
}

static uint64_t count_of(const struct audit *a, unsigned int state)
{
	return a ? audit_count(a, a->states, state) : AUDIT_UNKNOWN;
}

static void put_build_up(struct outbuf *b, const struct audit *a)
{
	const struct audit_close_wait *oldest = a ? oldest_close_wait(a) : NULL;
	uint64_t table = 0;
	uint32_t i;

	for (i = 0; a && i < a->n_netns; i++)
		table += a->netns[i].time_wait_table;
	outbuf_lit(b, ",\"time_wait\":{\"count\":");
	put_value(b, count_of(a, TCS_TIME_WAIT));
	put_number(b, "table", a ? table : AUDIT_UNKNOWN);
	outbuf_lit(b, "},\"close_wait\":{\"count\":");
	put_value(b, count_of(a, TCS_CLOSE_WAIT));
	put_us(b, "oldest_us", oldest ? oldest->oldest_ns : AUDIT_UNKNOWN);
	put_bool(b, "oldest_exact", oldest && oldest->oldest_exact);
	outbuf_putc(b, '}');
	put_number(b, "half_open", count_of(a, TCS_SYN_RECV));
}

static void put_lost(struct outbuf *b, const struct summary *s)
{
	const struct audit_blind *seen = s->look ? &s->look->blind : NULL;
	int i;

	outbuf_lit(b, ",\"lost\":{");
	for (i = 0; i < LOST_MAX; i++) {
		if (i)
			outbuf_putc(b, ',');
		outbuf_putc(b, '"');
		outbuf_puts(b, lost_reason_name((enum lost_reason)i));
		outbuf_lit(b, "\":");
		put_value(b, s->totals ? s->totals->lost[i] : AUDIT_UNKNOWN);
	}
	put_number(b, "rows", seen ? seen->skipped : AUDIT_UNKNOWN);
	put_number(b, "findings", s->findings_skipped);
	put_number(b, "netns_denied", seen ? seen->netns_denied : AUDIT_UNKNOWN);
	put_number(b, "netns_vanished", seen ? seen->netns_vanished : AUDIT_UNKNOWN);
	outbuf_putc(b, '}');
}

void audit_json_summary(struct outbuf *b, const struct sink_world *world, const struct summary *s)
{
	const struct audit *a = s->look;

	put_type(b, "summary");
	put_key(b, "ts");
	put_rfc3339(b, world, s->ts_ns);
	put_states(b, a, a ? a->states : NULL);
	put_rates(b, s);
	put_build_up(b, a);
	put_lost(b, s);
	put_number(b, "age_us", a ? s->look_age_ns / 1000 : AUDIT_UNKNOWN);
	put_number(b, "namespaces", a ? a->n_netns : AUDIT_UNKNOWN);
	put_number(b, "sockets_walked", a ? a->blind.sockets : AUDIT_UNKNOWN);
	put_bool(b, "owners_known", a && !a->blind.owners_unknown);
	put_bool(b, "host_processes", a && !a->blind.processes_hidden);
	end(b);
}

static void put_summary(const struct json *j)
{
	const struct audit *a = j->report->look;
	struct summary s = {
		.ts_ns = a->ts_ns,
		.look = a,
		.findings_skipped = j->report->findings_skipped,
	};

	audit_json_summary(line(j), j->report->world, &s);
}

static void put_group_key(struct outbuf *b, const struct audit_group *g, enum audit_by by)
{
	put_key(b, "key");
	if (by == AUDIT_BY_LPORT) {
		outbuf_put_u64(b, g->lport);
	} else if (by == AUDIT_BY_NETNS) {
		outbuf_put_u64(b, g->netns);
	} else if (by == AUDIT_BY_COMM && !g->comm[0]) {
		outbuf_lit(b, "null");
	} else if (by == AUDIT_BY_COMM) {
		outbuf_put_json(b, g->comm, sizeof(g->comm));
	} else {
		outbuf_putc(b, '"');
		outbuf_put_addr(b, g->raddr, addr_is_mapped(g->raddr) ? 4 : 6);
		outbuf_putc(b, '"');
	}
}

void audit_json_group(struct outbuf *b, const struct audit *look, uint32_t i)
{
	put_type(b, "group");
	put_text(b, "by", audit_by_name(look->config.by));
	put_group_key(b, &look->groups[i], look->config.by);
	put_states(b, look, look->groups[i].states);
	end(b);
}

static void put_groups(const struct json *j)
{
	uint32_t i;

	for (i = 0; i < j->report->look->n_groups; i++)
		audit_json_group(line(j), j->report->look, i);
}

/*
 * What one listener has; sources cannot be told where cookies leave none, and nothing where
 * half-open ones are filtered out.
 */
static void put_half_open_of(struct outbuf *b, const struct audit *a,
			     const struct audit_listener *l)
{
	static const struct audit_half_open none = { .oldest_ns = AUDIT_UNKNOWN };
	const struct audit_half_open *h = &none;
	bool counted = !(a->config.uncounted >> TCS_NEW_SYN_RECV & 1);

	if (l->half_open != AUDIT_NONE)
		h = &a->half_open[l->half_open];
	put_number(b, "half_open", counted ? h->count : AUDIT_UNKNOWN);
	put_us(b, "oldest_us", h->oldest_ns);
	put_number(b, "sources", h->count ? h->sources : AUDIT_UNKNOWN);
	put_number(b, "prefixes", h->count ? h->prefixes : AUDIT_UNKNOWN);
}

/* False: more sources or prefixes than have a row; their number is an estimate. */
static void put_exact(struct outbuf *b, const struct audit *a, const struct audit_listener *l)
{
	const struct audit_half_open *h =
		l->half_open == AUDIT_NONE ? NULL : &a->half_open[l->half_open];

	put_bool(b, "sources_exact", !h || h->sources_exact);
	put_bool(b, "prefixes_exact", !h || h->prefixes_exact);
}

static void put_listeners(const struct json *j)
{
	const struct audit *a = j->report->look;
	uint32_t i;

	for (i = 0; i < a->n_listeners; i++) {
		const struct audit_socket *s = &a->listeners[i].socket;
		const struct audit_service *service = &a->services[a->listeners[i].service];
		struct outbuf *b = begin(j, "listener");

		put_number(b, "netns", s->netns);
		put_addr(b, "laddr", s->laddr, s->family);
		put_number(b, "lport", s->lport);
		put_number(b, "syn_queue", s->syn_queue);
		put_number(b, "syn_queue_limit", s->queue_limit);
		put_number(b, "syn_queue_young", s->syn_queue_young);
		put_number(b, "accept_queue", s->accept_queue);
		put_number(b, "accept_queue_limit", s->queue_limit);
		put_rate(b, "drops_per_s", a->listeners[i].drops_milli);
		put_half_open_of(b, a, &a->listeners[i]);
		put_rate(b, "resent_per_s", service->resent_milli);
		put_rate(b, "done_per_s", service->done_milli);
		put_text_or_null(b, "verdict", syn_verdict_name(j->report, &a->listeners[i]));
		put_owner(b, &s->owner);
		put_key(b, "cookie");
		put_id(b, s->id);
		put_number(b, "drops", s->drops);
		put_exact(b, a, &a->listeners[i]);
		end(b);
	}
}

/* "198.18.7.0/24", "198.18.7.4" */
static void put_prefix(struct outbuf *b, const char *key, const uint8_t addr[16], uint8_t family,
		       uint8_t bits)
{
	put_key(b, key);
	outbuf_putc(b, '"');
	outbuf_put_addr(b, addr, family);
	if (bits != (family == 4 ? 32 : 128)) {
		outbuf_putc(b, '/');
		outbuf_put_u64(b, bits);
	}
	outbuf_putc(b, '"');
}

static void put_source(const struct json *j, const struct audit_source *s)
{
	const struct audit *a = j->report->look;
	const struct audit_half_open *h = &a->half_open[s->half_open];
	const struct audit_service *at = s->service == AUDIT_NONE ? NULL : &a->services[s->service];
	struct outbuf *b = begin(j, "source");

	put_number(b, "netns", h->netns);
	if (at)
		put_addr(b, "laddr", at->laddr, at->family);
	else
		put_addr(b, "laddr", h->laddr, h->family);
	put_number(b, "lport", h->lport);
	put_prefix(b, "prefix", s->addr, s->family, s->bits);
	put_number(b, "count", s->count);
	put_us(b, "oldest_us", s->oldest_ns);
	end(b);
}

/* The largest of each kind of each service, unless all are asked for. */
static void put_sources(const struct json *j)
{
	const struct audit *a = j->report->look;
	const struct audit_source *last = NULL;
	uint32_t i, n = 0;

	for (i = 0; i < a->n_sources; i++) {
		const struct audit_source *s = &a->sources[i];
		bool same = last && last->service == s->service && last->family == s->family &&
			    last->bits == s->bits;

		n = same ? n + 1 : 0;
		last = s;
		if (n < JSON_SOURCES || j->report->all_rows)
			put_source(j, s);
	}
}

static void put_requests(const struct json *j)
{
	const struct audit *a = j->report->look;
	uint32_t i;

	for (i = 0; i < a->n_requests; i++) {
		const struct audit_request *q = &a->requests[i];
		struct outbuf *b = begin(j, "half_open");

		put_number(b, "netns", q->netns);
		put_number(b, "family", q->family);
		put_addr(b, "laddr", q->laddr, q->family);
		put_number(b, "lport", q->lport);
		put_addr(b, "raddr", q->raddr, q->family);
		put_number(b, "rport", q->rport);
		put_number(b, "retransmits", q->retransmits);
		put_bool(b, "acked", q->acked);
		put_us(b, "age_us", q->age_ns);
		end(b);
	}
}

static void put_close_wait(const struct json *j)
{
	const struct audit *a = j->report->look;
	uint32_t i;

	for (i = 0; i < a->n_close_wait; i++) {
		const struct audit_close_wait *c = &a->close_wait[i];
		uint64_t left = AUDIT_UNKNOWN;
		struct outbuf *b = begin(j, "close_wait");

		if (c->fd_used != AUDIT_UNKNOWN && c->fd_limit != AUDIT_UNKNOWN)
			left = audit_seconds_left(
				c->fd_limit > c->fd_used ? c->fd_limit - c->fd_used : 0,
				c->growth_milli);
		put_number(b, "netns", c->netns);
		put_owner(b, &c->owner);
		put_number(b, "count", c->count);
		put_us(b, "oldest_us", c->oldest_ns);
		put_bool(b, "oldest_exact", c->oldest_exact);
		put_rate(b, "growth_per_s", c->growth_milli);
		put_number(b, "fd_used", c->fd_used);
		put_number(b, "fd_limit", c->fd_limit);
		put_number(b, "fd_seconds_left", left);
		outbuf_lit(b, ",\"ports\":\"");
		text_put_ports(b, c);
		outbuf_putc(b, '"');
		put_number(b, "old", c->old);
		end(b);
	}
}

static void put_places(const struct json *j)
{
	const struct audit *a = j->report->look;
	uint32_t i;

	for (i = 0; i < a->n_places; i++) {
		const struct audit_place *p = &a->places[i];
		uint32_t taken = audit_ports_taken(p);
		struct outbuf *b = begin(j, "time_wait");

		put_number(b, "netns", p->netns);
		put_addr(b, "laddr", p->laddr, p->family);
		if (p->rport) {
			put_addr(b, "raddr", p->raddr, p->family);
			put_number(b, "rport", p->rport);
		} else {
			put_null(b, "raddr");
			put_null(b, "rport");
		}
		put_number(b, "count", p->time_wait);
		put_number(b, "ports_used", p->rport ? p->ports_used : AUDIT_UNKNOWN);
		put_known(b, "ports_range", p->ports_range);
		put_number(b, "seconds_left",
			   p->ports_range ? audit_seconds_left(p->ports_range > taken ?
								       p->ports_range - taken :
								       0,
							       p->growth_milli) :
					    AUDIT_UNKNOWN);
		put_known(b, "lport", p->lport);
		put_number(b, "fin_wait2", p->fin_wait2);
		put_number(b, "ports_reusable", p->rport ? p->reusable : AUDIT_UNKNOWN);
		put_number(b, "next_free_s", audit_seconds(p->next_free_ns));
		put_number(b, "all_free_s", audit_seconds(p->all_free_ns));
		end(b);
	}
}

static void put_counters(const struct json *j)
{
	const struct audit *a = j->report->look;
	uint32_t i;

	for (i = 0; i < a->n_netns; i++) {
		const int64_t *rates = a->netns[i].counter_milli;
		struct outbuf *b = begin(j, "counters");

		put_number(b, "netns", a->netns[i].netns);
		put_rate(b, "syncookies_sent_per_s", rates[COUNTER_COOKIES_SENT]);
		put_rate(b, "syncookies_recv_per_s", rates[COUNTER_COOKIES_RECV]);
		put_rate(b, "syncookies_failed_per_s", rates[COUNTER_COOKIES_FAILED]);
		put_rate(b, "queue_full_drops_per_s", rates[COUNTER_QUEUE_FULL_DROPS]);
		put_rate(b, "listen_overflows_per_s", rates[COUNTER_LISTEN_OVERFLOWS]);
		put_rate(b, "time_wait_overflow_per_s", a->netns[i].overflow_milli);
		put_number(b, "time_wait_table", a->netns[i].time_wait_table);
		put_known(b, "time_wait_limit", a->netns[i].time_wait_limit);
		end(b);
	}
}

/* ---- findings -------------------------------------------------------------------------------- */

struct subject {
	const struct owner *owner;
	const uint8_t *laddr, *raddr; /* NULL: none */
	uint8_t family;
	uint16_t lport, rport; /* 0 none */
};

static struct subject subject_of(const struct finding *f)
{
	static const struct owner nobody;
	const struct audit_service *s = &f->row.syn.service;
	const struct audit_place *p = &f->row.place;

	if (finding_is_syn(f->kind))
		return (struct subject){ &s->owner, s->laddr, NULL, s->family, s->lport, 0 };
	switch (f->kind) {
	case FINDING_SYN_SCAN:
		return (struct subject){ .owner = &nobody,
					 .raddr = f->row.scanner.addr,
					 .family = f->row.scanner.family };
	case FINDING_CLOSE_WAIT_LEAK:
		return (struct subject){ .owner = &f->row.close_wait.owner };
	case FINDING_PORT_EXHAUSTION:
		return (struct subject){ &nobody, p->laddr, p->raddr, p->family, 0, p->rport };
	case FINDING_DEAD_PEER:
		return (struct subject){ .owner = &f->row.dead.owner,
					 .raddr = f->row.dead.raddr,
					 .family = f->row.dead.family };
	default:
		return (struct subject){ .owner = &nobody };
	}
}

static void put_addr_or_null(struct outbuf *b, const char *key, const uint8_t *addr,
			     unsigned int family)
{
	if (addr)
		put_addr(b, key, addr, family);
	else
		put_null(b, key);
}

static void put_subject(struct outbuf *b, const struct finding *f)
{
	struct subject s = subject_of(f);

	outbuf_lit(b, ",\"subject\":{\"netns\":");
	outbuf_put_u64(b, f->netns);
	put_owner(b, s.owner);
	put_addr_or_null(b, "laddr", s.laddr, s.family);
	put_known(b, "lport", s.lport);
	put_addr_or_null(b, "raddr", s.raddr, s.family);
	put_known(b, "rport", s.rport);
	outbuf_putc(b, '}');
}

/* One set of keys for all kinds; what a kind does not know is null. */
struct evidence {
	uint64_t count, old, oldest_ns, fd_used, fd_limit;
	uint64_t ports_used, ports_left, ports_range, ports_reusable, limit, ports;
	int64_t growth, overflow;
	const struct finding_syn *syn; /* NULL: it is not about a service */
};

static struct evidence evidence_of(const struct finding *f)
{
	const struct audit_close_wait *c = &f->row.close_wait;
	const struct audit_place *p = &f->row.place;
	struct evidence e;

	memset(&e, 0xff, sizeof(e)); /* AUDIT_UNKNOWN */
	e.growth = e.overflow = AUDIT_NO_RATE;
	e.syn = NULL;
	switch (f->kind) {
	case FINDING_CLOSE_WAIT_LEAK:
		e.count = c->count;
		e.old = c->old;
		e.oldest_ns = c->oldest_ns;
		e.fd_used = c->fd_used;
		e.fd_limit = c->fd_limit;
		e.growth = c->growth_milli;
		break;
	case FINDING_PORT_EXHAUSTION:
		e.count = p->time_wait;
		e.ports_used = p->ports_used;
		e.ports_range = p->ports_range;
		e.ports_reusable = p->reusable;
		e.ports_left = p->ports_range > audit_ports_taken(p) ?
				       p->ports_range - audit_ports_taken(p) :
				       0;
		e.growth = p->growth_milli;
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
		break;
	case FINDING_SYN_SCAN:
		e.count = f->row.scanner.resets;
		e.ports = f->row.scanner.ports;
		break;
	default:
		e.syn = &f->row.syn;
		e.count = e.syn->service.half_open;
		e.oldest_ns = e.syn->service.oldest_ns;
	}
	return e;
}

/* The queues and sources of a finding about handshakes; all null for another. */
static void put_syn_queues(struct outbuf *b, const struct finding_syn *syn)
{
	const struct audit_service *s = syn ? &syn->service : NULL;

	put_text_or_null(b, "pressure", syn ? syn_pressure_name(syn->pressure) : NULL);
	put_text_or_null(b, "spread", s ? spread_name(s->spread) : NULL);
	if (s && (s->spread == SPREAD_PREFIX || s->spread == SPREAD_SINGLE_SOURCE))
		put_prefix(b, "spread_prefix", s->spread_addr, s->spread_family, s->spread_bits);
	else
		put_null(b, "spread_prefix");
	put_number(b, "syn_queue", s ? s->syn_queue : AUDIT_UNKNOWN);
	put_number(b, "accept_queue", s ? s->accept_queue : AUDIT_UNKNOWN);
	put_number(b, "queue_limit", s ? s->queue_limit : AUDIT_UNKNOWN);
	put_number(b, "half_open", s ? s->half_open : AUDIT_UNKNOWN);
	put_number(b, "stuck", s ? s->stuck : AUDIT_UNKNOWN);
	put_number(b, "acked", s ? s->acked : AUDIT_UNKNOWN);
	put_number(b, "sources", s ? s->sources : AUDIT_UNKNOWN);
	put_number(b, "prefixes", s ? s->prefixes : AUDIT_UNKNOWN);
}

static void put_syn_evidence(struct outbuf *b, const struct finding_syn *syn)
{
	const struct audit_service *s = syn ? &syn->service : NULL;

	put_syn_queues(b, syn);
	put_rate(b, "done_per_s", s ? s->done_milli : AUDIT_NO_RATE);
	put_rate(b, "late_per_s", s ? s->late_milli : AUDIT_NO_RATE);
	put_rate(b, "resent_per_s", s ? s->resent_milli : AUDIT_NO_RATE);
	put_rate(b, "failing_per_s", syn ? syn->failing : AUDIT_NO_RATE);
	put_rate(b, "cookies_per_s", syn ? syn->cookies_sent : AUDIT_NO_RATE);
	put_rate(b, "cookies_unanswered_per_s", syn ? syn->cookies : AUDIT_NO_RATE);
	put_rate(b, "drops_per_s", s ? s->drops_milli : AUDIT_NO_RATE);
	put_number(b, "done_permille", syn ? syn->done_permille : AUDIT_UNKNOWN);
}

static void put_evidence(struct outbuf *b, const struct finding *f)
{
	struct evidence e = evidence_of(f);

	outbuf_lit(b, ",\"evidence\":{\"count\":");
	put_value(b, e.count);
	put_number(b, "old", e.old);
	put_us(b, "oldest_us", e.oldest_ns);
	put_rate(b, "growth_per_s", e.growth);
	put_number(b, "fd_used", e.fd_used);
	put_number(b, "fd_limit", e.fd_limit);
	put_number(b, "ports_used", e.ports_used);
	put_number(b, "ports_left", e.ports_left);
	put_number(b, "ports_range", e.ports_range);
	put_number(b, "ports_reusable", e.ports_reusable);
	put_number(b, "limit", e.limit);
	put_rate(b, "overflow_per_s", e.overflow);
	put_number(b, "seconds_left", f->seconds_left);
	put_number(b, "ports", e.ports);
	put_syn_evidence(b, e.syn);
	outbuf_putc(b, '}');
}

void audit_json_alert(struct outbuf *b, const struct sink_world *world, const struct finding *f,
		      uint64_t ts_ns)
{
	const char *advice;
	size_t len;

	put_type(b, "alert");
	put_key(b, "ts");
	put_rfc3339(b, world, ts_ns);
	put_text(b, "status", finding_status_name(f->status));
	put_text(b, "kind", finding_name(f->kind));
	put_text(b, "severity", severity_name(f->severity));
	put_number(b, "netns", f->netns);
	put_subject(b, f);
	put_evidence(b, f);
	advice = finding_advice(f->kind, &len);
	put_key(b, "advice");
	outbuf_put_json(b, advice, len);
	put_key(b, "since");
	put_rfc3339(b, world, f->since_ns);
	end(b);
}

static void put_alerts(const struct json *j)
{
	const struct audit_report *r = j->report;
	uint32_t i;

	for (i = 0; i < r->n_findings; i++)
		audit_json_alert(line(j), r->world, &r->findings[i], r->look->ts_ns);
}

static void put_verdict(const struct json *j)
{
	struct outbuf *b = begin(j, "verdict");
	bool there[FINDING_MAX] = { false };
	const char *between = "";
	uint32_t i;

	for (i = 0; i < j->report->n_findings; i++)
		there[j->report->findings[i].kind] = true;
	put_ts(j, b);
	put_number(b, "findings", j->report->n_findings);
	put_text(b, "worst", severity_name(j->report->worst));
	outbuf_lit(b, ",\"kinds\":[");
	for (i = 1; i < FINDING_MAX; i++) {
		if (!there[i])
			continue;
		outbuf_puts(b, between);
		outbuf_put_json(b, finding_name((enum finding_kind)i), 64);
		between = ",";
	}
	outbuf_putc(b, ']');
	end(b);
}

static void put_meta(const struct json *j)
{
	const struct sink_meta *m = j->report->meta;
	const struct audit *a = j->report->look;
	struct outbuf *b = begin(j, "meta");

	put_number(b, "schema", 1);
	put_text(b, "version", m->version);
	put_text(b, "kernel", m->kernel);
	put_text(b, "arch", m->arch);
	if (m->boot_id)
		put_text(b, "boot_id", m->boot_id);
	else
		put_null(b, "boot_id");
	put_ts(j, b);
	put_text(b, "command", m->command);
	outbuf_lit(b, ",\"hooks\":[\"iter/tcp\",\"iter/task_file\"]");
	put_text(b, "netns_scope", a->blind.netns_only_own ? "self" : m->netns_scope);
	outbuf_lit(b, ",\"limits\":{\"rows\":");
	outbuf_put_u64(b, AUDIT_ROWS_MAX);
	put_number(b, "sources", j->report->all_rows ? AUDIT_ROWS_MAX : JSON_SOURCES);
	put_number(b, "findings", DETECT_MAX);
	put_number(b, "window_us", j->report->window_ns / 1000);
	outbuf_putc(b, '}');
	end(b);
}

void audit_json(struct output *out, const struct audit_report *report)
{
	struct json j = { .out = out, .report = report };

	put_meta(&j);
	put_summary(&j);
	put_groups(&j);
	put_listeners(&j);
	put_sources(&j);
	put_requests(&j);
	put_close_wait(&j);
	put_places(&j);
	put_counters(&j);
	put_alerts(&j);
	put_verdict(&j);
	output_flush(out);
}
