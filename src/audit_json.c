// SPDX-License-Identifier: GPL-2.0-only
/* audit_json.c - an audit as JSON lines: its rows, and the order of all of it */
#include "audit_sink.h"
#include "finding_json.h"
#include "json_put.h"
#include "service.h"
#include "summary_json.h"
#include "syn_text.h"
#include "text_put.h"

#define JSON_SOURCES 50

struct json {
	struct output *out;
	const struct audit_report *report;
};

static struct outbuf *line(const struct json *j)
{
	output_reserve(j->out, SINK_LINE_MAX);
	return &j->out->buf;
}

static struct outbuf *begin(const struct json *j, const char *type)
{
	struct outbuf *b = line(j);

	json_put_type(b, type);
	return b;
}

/* A device of a namespace of the look. */
static struct device_ref device_of(const struct json *j, uint32_t netns, uint32_t ifindex)
{
	return (struct device_ref){ j->report->world, audit_netns_cookie(j->report->look, netns),
				    netns, ifindex };
}

static void put_summary(const struct json *j)
{
	const struct audit *a = j->report->look;
	struct summary s = {
		.ts_ns = a->ts_ns,
		.look = a,
		.findings_skipped = j->report->findings_skipped,
	};

	summary_json(line(j), j->report->world, &s);
}

static void put_groups(const struct json *j)
{
	uint32_t i;

	for (i = 0; i < j->report->look->n_groups; i++)
		summary_json_group(line(j), j->report->world, j->report->look, i);
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
	bool counted = !(a->config.uncounted >> TCS_NEW_SYN_RECV & 1) &&
		       (l->half_open != AUDIT_NONE || !audit_half_open_blank(a, l->socket.netns));

	if (l->half_open != AUDIT_NONE)
		h = &a->half_open[l->half_open];
	json_put_number(b, "half_open", counted ? h->count : AUDIT_UNKNOWN);
	json_put_us(b, "oldest_us", h->oldest_ns);
	json_put_number(b, "sources", h->count ? h->sources : AUDIT_UNKNOWN);
	json_put_number(b, "prefixes", h->count ? h->prefixes : AUDIT_UNKNOWN);
}

/* False: more sources or prefixes than have a row; their number is an estimate. */
static void put_exact(struct outbuf *b, const struct audit *a, const struct audit_listener *l)
{
	const struct audit_half_open *h =
		l->half_open == AUDIT_NONE ? NULL : &a->half_open[l->half_open];

	json_put_bool(b, "sources_exact", !h || h->sources_exact);
	json_put_bool(b, "prefixes_exact", !h || h->prefixes_exact);
}

static void put_listeners(const struct json *j)
{
	const struct audit *a = j->report->look;
	uint32_t i;

	for (i = 0; i < a->n_listeners; i++) {
		const struct audit_socket *s = &a->listeners[i].socket;
		const struct audit_service *service = &a->services[a->listeners[i].service];
		struct device_ref d = device_of(j, s->netns, s->device);
		struct outbuf *b;

		if (service_filtered(a, service))
			continue;
		b = begin(j, "listener");
		if (s->netns_cookie)
			d.netns_cookie = s->netns_cookie;
		json_put_netns(b, &d);
		json_put_addr(b, "laddr", s->laddr, s->family);
		json_put_number(b, "lport", s->lport);
		json_put_device(b, &d);
		json_put_number(b, "syn_queue", s->syn_queue);
		json_put_number(b, "syn_queue_limit", service->syn_limit);
		json_put_number(b, "syn_queue_young", s->syn_queue_young);
		json_put_number(b, "accept_queue", s->accept_queue);
		json_put_number(b, "accept_queue_limit", s->queue_limit);
		json_put_rate(b, "drops_per_s", a->listeners[i].drops_milli);
		put_half_open_of(b, a, &a->listeners[i]);
		json_put_rate(b, "resent_per_s", service->resent_milli);
		json_put_rate(b, "done_per_s", service->done_milli);
		json_put_text(b, "verdict", syn_verdict_name(j->report, &a->listeners[i]));
		json_put_owner(b, &s->owner);
		json_put_id(b, "cookie", s->id);
		json_put_number(b, "drops", s->drops);
		put_exact(b, a, &a->listeners[i]);
		json_put_end(b);
	}
}

/* at: the service or group it is a source of; NULL: none. */
static void put_source(const struct json *j, const struct audit_source *s,
		       const struct audit_service *at)
{
	const struct audit *a = j->report->look;
	const struct audit_half_open *h = &a->half_open[s->half_open];
	struct device_ref d = device_of(j, h->netns, s->device);
	struct outbuf *b = begin(j, "source");

	json_put_netns(b, &d);
	if (at)
		json_put_addr(b, "laddr", at->laddr, at->family);
	else
		json_put_addr(b, "laddr", h->laddr, h->family);
	json_put_number(b, "lport", h->lport);
	json_put_prefix(b, "prefix", s->addr, s->family, s->bits);
	json_put_device(b, &d);
	json_put_number(b, "count", s->count);
	json_put_us(b, "oldest_us", s->oldest_ns);
	json_put_end(b);
}

/* The largest of each kind of each service, or of each group, unless all are asked for. */
static void put_sources_of(const struct json *j, const struct audit_source *rows, uint32_t n_rows,
			   const struct audit_service *services)
{
	const struct audit_source *last = NULL;
	uint32_t i, n = 0;

	for (i = 0; i < n_rows; i++) {
		const struct audit_source *s = &rows[i];
		const struct audit_service *at =
			s->service == AUDIT_NONE ? NULL : &services[s->service];
		bool same = last && last->service == s->service && last->family == s->family &&
			    last->bits == s->bits;

		n = same ? n + 1 : 0;
		last = s;
		if (at && at->group != AUDIT_NONE)
			continue; /* it is among those of the group */
		if (n < JSON_SOURCES || j->report->all_rows)
			put_source(j, s, at);
	}
}

static void put_sources(const struct json *j)
{
	const struct audit *a = j->report->look;

	put_sources_of(j, a->sources, a->n_sources, a->services);
	put_sources_of(j, a->group_sources, a->n_group_sources, a->service_groups);
}

static void put_requests(const struct json *j)
{
	const struct audit *a = j->report->look;
	uint32_t i;

	for (i = 0; i < a->n_requests && j->report->all_rows; i++) {
		const struct audit_request *q = &a->requests[i];
		struct device_ref d = device_of(j, q->netns, q->device);
		struct outbuf *b = begin(j, "half_open");

		json_put_connection(b, &d, q->family, &(struct json_end){ q->laddr, q->lport },
				    &(struct json_end){ q->raddr, q->rport });
		json_put_number(b, "retransmits", q->retransmits);
		json_put_bool(b, "acked", q->acked);
		json_put_us(b, "age_us", q->age_ns);
		json_put_end(b);
	}
}

static void put_half_closed(const struct json *j, const char *type,
			    const struct audit_half_closed *c)
{
	struct device_ref d = device_of(j, c->netns, 0);
	struct outbuf *b = begin(j, type);

	json_put_netns(b, &d);
	json_put_owner(b, &c->owner);
	json_put_number(b, "count", c->count);
	json_put_us(b, "oldest_us", c->oldest_ns);
	json_put_bool(b, "oldest_exact", c->oldest_exact);
	json_put_rate(b, "growth_per_s", c->growth_milli);
	json_put_number(b, "fd_used", c->fd_used);
	json_put_number(b, "fd_limit", c->fd_limit);
	json_put_number(b, "fd_seconds_left",
			audit_seconds_left(audit_descriptors_left(c), c->growth_milli));
	json_put_key(b, "ports");
	outbuf_putc(b, '"');
	text_put_ports(b, c, j->report->world);
	outbuf_putc(b, '"');
	json_put_number(b, "old", c->old);
}

static void put_close_wait(const struct json *j)
{
	const struct audit *a = j->report->look;
	uint32_t i;

	for (i = 0; i < a->n_close_wait; i++) {
		put_half_closed(j, "close_wait", &a->close_wait[i]);
		json_put_number(&j->out->buf, "unaccepted", a->close_wait[i].unaccepted);
		json_put_end(&j->out->buf);
	}
}

static void put_fin_wait2(const struct json *j)
{
	const struct audit *a = j->report->look;
	uint32_t i;

	for (i = 0; i < a->n_fin_wait2; i++) {
		put_half_closed(j, "fin_wait2", &a->fin_wait2[i]);
		json_put_end(&j->out->buf);
	}
}

static void put_places(const struct json *j)
{
	const struct audit *a = j->report->look;
	uint32_t i;

	for (i = 0; i < a->n_places; i++) {
		const struct audit_place *p = &a->places[i];
		struct device_ref d = device_of(j, p->netns, p->device);
		struct outbuf *b = begin(j, "time_wait");
		bool source = audit_place_is_source(p);
		/* The row of a failed connect has no counts. */
		bool counted = audit_place_has_ports(p) && p->ports_range;

		json_put_netns(b, &d);
		json_put_addr(b, "laddr", p->laddr, p->family);
		json_put_addr(b, "raddr", p->rport ? p->raddr : NULL, p->family);
		json_put_known(b, "rport", p->rport);
		json_put_device(b, &d);
		json_put_number(b, "count", source ? AUDIT_UNKNOWN : p->time_wait);
		json_put_number(b, "ports_used", counted ? p->ports_used : AUDIT_UNKNOWN);
		json_put_known(b, "ports_range", p->ports_range);
		json_put_number(b, "seconds_left",
				audit_seconds_left(audit_ports_left(p), p->growth_milli));
		json_put_known(b, "lport", p->lport);
		json_put_number(b, "fin_wait2", source ? AUDIT_UNKNOWN : p->fin_wait2);
		json_put_number(b, "ports_reusable",
				p->rport && counted ? p->reusable : AUDIT_UNKNOWN);
		json_put_number(b, "next_free_s", audit_seconds(p->next_free_ns));
		json_put_number(b, "all_free_s", audit_seconds(p->all_free_ns));
		json_put_number(b, "ports_bound", finding_ports_bound(p));
		finding_json_port_range(b, p);
		json_put_end(b);
	}
}

static void put_counters(const struct json *j)
{
	const struct audit *a = j->report->look;
	uint32_t i;

	for (i = 0; i < a->n_netns; i++) {
		const int64_t *rates = a->netns[i].counter_milli;
		struct outbuf *b = begin(j, "counters");

		json_put_netns(b, &(struct device_ref){ j->report->world, a->netns[i].netns_cookie,
							a->netns[i].netns, 0 });
		json_put_rate(b, "syncookies_sent_per_s", rates[COUNTER_COOKIES_SENT]);
		json_put_rate(b, "syncookies_recv_per_s", rates[COUNTER_COOKIES_RECV]);
		json_put_rate(b, "syncookies_failed_per_s", rates[COUNTER_COOKIES_FAILED]);
		json_put_rate(b, "queue_full_drops_per_s", rates[COUNTER_QUEUE_FULL_DROPS]);
		json_put_rate(b, "listen_overflows_per_s", rates[COUNTER_LISTEN_OVERFLOWS]);
		json_put_rate(b, "time_wait_overflow_per_s", a->netns[i].overflow_milli);
		json_put_number(b, "time_wait_table", a->netns[i].time_wait_table);
		json_put_known(b, "time_wait_limit", a->netns[i].time_wait_limit);
		json_put_end(b);
	}
}

static void put_alerts(const struct json *j)
{
	const struct audit_report *r = j->report;
	uint32_t i;

	for (i = 0; i < r->n_findings; i++)
		finding_json(line(j), r->world, &r->findings[i], r->look->ts_ns);
}

static void put_verdict(const struct json *j)
{
	struct outbuf *b = begin(j, "verdict");
	bool there[FINDING_MAX] = { false };
	const char *between = "";
	uint32_t i;

	for (i = 0; i < j->report->n_findings; i++)
		there[j->report->findings[i].kind] = true;
	json_put_time(b, "ts", j->report->world, j->report->look->ts_ns);
	json_put_number(b, "findings", j->report->n_findings);
	json_put_text(b, "worst", severity_name(j->report->worst));
	json_put_key(b, "kinds");
	outbuf_putc(b, '[');
	for (i = 1; i < FINDING_MAX; i++) {
		if (!there[i])
			continue;
		outbuf_puts(b, between);
		outbuf_put_json(b, finding_name((enum finding_kind)i), 64);
		between = ",";
	}
	outbuf_putc(b, ']');
	json_put_end(b);
}

static void put_meta(const struct json *j)
{
	struct sink_meta meta = *j->report->meta;
	struct summary_limits limits = {
		.sources = j->report->all_rows ? AUDIT_ROWS_MAX : JSON_SOURCES,
		.window_ns = j->report->window_ns,
	};

	meta.ts_ns = j->report->look->ts_ns;
	if (j->report->look->blind.netns_only_own)
		meta.netns_scope = "self";
	summary_json_meta(line(j), j->report->world, &meta, &limits);
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
	put_fin_wait2(&j);
	put_places(&j);
	put_counters(&j);
	put_alerts(&j);
	put_verdict(&j);
	output_flush(out);
}
