// SPDX-License-Identifier: GPL-2.0-only
#include "syn_text.h"

#include "service.h"
#include "table.h"
#include "text_put.h"

#define TOP_SHOWN 6
#define TOP_WIDTH 30 /* of one of them; an IPv6 address needs two */

/* Whole ones a second, for a column that says so. */
static void put_per_s(struct outbuf *b, int64_t milli)
{
	if (milli == AUDIT_NO_RATE)
		outbuf_putc(b, '-');
	else
		outbuf_put_grouped(b, ((uint64_t)(milli > 0 ? milli : 0) + 500) / 1000);
}

/* ---- listeners ------------------------------------------------------------------------------- */

/*
 * FINDING_MAX: nothing was found there. A listener's own finding comes before one of its group;
 * *ret_unknown: one of its group may be about it, or not.
 */
static enum finding_kind verdict(const struct audit_report *r, const struct audit_listener *l,
				 bool *ret_unknown)
{
	const struct audit_service *s = &r->look->services[l->service];
	enum finding_kind of_group = FINDING_MAX;
	enum finding_shown shown;
	uint32_t i;

	*ret_unknown = false;
	for (i = 0; i < r->n_findings; i++) {
		const struct finding *f = &r->findings[i];

		if (!finding_is_syn(f->kind) || !finding_is_about(&f->row.syn, s))
			continue;
		if (!f->row.syn.service.is_group)
			return f->kind;
		shown = finding_shown_by(f, s);
		*ret_unknown |= shown == FINDING_SHOWN_UNKNOWN;
		if (shown == FINDING_SHOWN && of_group == FINDING_MAX)
			of_group = f->kind;
	}
	return of_group;
}

/* A flood was found that may be here, or elsewhere in this namespace. */
static bool may_be_flooded(const struct audit_report *r, uint32_t netns)
{
	uint32_t i;

	for (i = 0; i < r->n_findings; i++)
		if (r->findings[i].kind == FINDING_SYN_FLOOD && r->findings[i].netns == netns &&
		    r->findings[i].row.syn.n_possible)
			return true;
	return false;
}

const char *syn_verdict_name(const struct audit_report *r, const struct audit_listener *l)
{
	bool unknown;
	enum finding_kind kind = verdict(r, l, &unknown);

	if (kind != FINDING_MAX)
		return finding_name(kind);
	if (unknown)
		return NULL;
	/* Cookies were sent just now, and whether they came back takes two looks. */
	if (l->socket.cookie_age_ns < 2000000000 &&
	    (l->drops_milli == AUDIT_NO_RATE || may_be_flooded(r, l->socket.netns)))
		return NULL;
	return "ok";
}

static const struct table_layout listener_layout = {
	.title = "LISTENERS",
	.name_least = 22,
	.name_most = 54,
	.gap = 1,
	.columns = {
		{ "SYNQ/LIMIT", 11, 0, false },
		{ "YOUNG", 5, 1, false },
		{ "ACCQ/LIMIT", 10, 0, false },
		{ "DROPS/s", 7, 0, false },
		{ "RESENT/s", 8, 2, false },
		{ "DONE/s", 6, 0, false },
		{ "VERDICT", 17, 0, true },
	},
};

static void tell_listener(const struct page *p, struct table *t, const struct audit_listener *l)
{
	const struct audit_service *s = &p->report->look->services[l->service];
	const char *verdict = syn_verdict_name(p->report, l);
	const struct audit_socket *k = &l->socket;
	struct device_ref d = page_device(p, k->netns, k->device);
	struct outbuf *b = page_line(p);

	table_row(t, b);
	text_put_endpoint(b, k->laddr, k->family, k->lport, &d);
	outbuf_putc(b, ' ');
	text_put_owner(b, &k->owner);
	page_netns(p, b, k->netns);
	table_cell(t);
	text_put_of(b, k->syn_queue, s->syn_limit);
	table_cell(t);
	outbuf_put_grouped(b, k->syn_queue_young);
	table_cell(t);
	text_put_of(b, k->accept_queue, k->queue_limit);
	table_cell(t);
	put_per_s(b, l->drops_milli);
	table_cell(t);
	put_per_s(b, s->resent_milli);
	table_cell(t);
	put_per_s(b, s->done_milli);
	table_cell(t);
	outbuf_puts(b, verdict ? verdict : "-");
	table_cell(t);
	table_end(t);
}

static bool is_marked(const struct audit_report *r, const struct audit_listener *l)
{
	bool unknown;

	return verdict(r, l, &unknown) != FINDING_MAX;
}

static bool is_shown(const struct audit *a, const struct audit_listener *l)
{
	return !service_filtered(a, &a->services[l->service]);
}

static uint32_t count_shown(const struct audit *a)
{
	uint32_t i, n = 0;

	for (i = 0; i < a->n_listeners; i++)
		n += is_shown(a, &a->listeners[i]);
	return n;
}

/* Those with a verdict first. */
void syn_text_listeners(const struct page *p)
{
	const struct audit *a = p->report->look;
	uint32_t i, n = count_shown(a), shown = 0, most = page_shown(p, n);
	struct table t;
	int marked;

	if (!n)
		return;
	table_init(&t, &listener_layout, p->columns);
	outbuf_putc(page_line(p), '\n');
	table_header(&t, page_line(p));
	for (marked = 1; marked >= 0; marked--)
		for (i = 0; i < a->n_listeners && shown < most; i++)
			if (is_shown(a, &a->listeners[i]) &&
			    is_marked(p->report, &a->listeners[i]) == marked) {
				tell_listener(p, &t, &a->listeners[i]);
				shown++;
			}
	page_rest(p, n);
}

/* ---- counters -------------------------------------------------------------------------------- */

static bool moves(const struct audit_netns *n)
{
	int i;

	for (i = 0; i <= COUNTER_LISTEN_OVERFLOWS; i++)
		if (n->counter_milli[i] != AUDIT_NO_RATE && n->counter_milli[i] > 0)
			return true;
	return false;
}

static void put_counter(struct outbuf *b, const char *name, int64_t milli)
{
	outbuf_puts(b, name);
	text_put_plain_rate(b, milli);
}

void syn_text_counters(const struct page *p)
{
	const struct audit *a = p->report->look;
	uint32_t i;

	for (i = 0; i < a->n_netns; i++) {
		const int64_t *rates = a->netns[i].counter_milli;
		struct outbuf *b = page_line(p);
		size_t start = b->len;

		if (!p->report->window_ns || (p->many && !moves(&a->netns[i])))
			continue;
		outbuf_lit(b, "COUNTERS");
		page_netns(p, b, a->netns[i].netns);
		put_counter(b, "   cookies sent ", rates[COUNTER_COOKIES_SENT]);
		put_counter(b, ", accepted ", rates[COUNTER_COOKIES_RECV]);
		put_counter(b, ", failed ", rates[COUNTER_COOKIES_FAILED]);
		put_counter(b, "; queue-full drops ", rates[COUNTER_QUEUE_FULL_DROPS]);
		put_counter(b, ", accept overflows ", rates[COUNTER_LISTEN_OVERFLOWS]);
		put_counter(b, ", half-open ones reset ", rates[COUNTER_EMBRYONIC_RSTS]);
		page_fold(p, b, start, 11);
	}
}

/* ---- half-open connections ------------------------------------------------------------------- */

/* "HALF-OPEN on 0.0.0.0:80: 257"; the caller ends the line, which begins at *ret_start. */
static struct outbuf *begin_half_open(const struct page *p, const uint8_t laddr[16], uint8_t family,
				      uint16_t lport, const struct device_ref *d, uint64_t count,
				      size_t *ret_start)
{
	struct outbuf *b = page_line(p);

	outbuf_putc(b, '\n');
	*ret_start = b->len;
	outbuf_lit(b, "HALF-OPEN on ");
	text_put_endpoint(b, laddr, family, lport, d);
	outbuf_lit(b, ": ");
	outbuf_put_grouped(b, count);
	return b;
}

static void tell_head(const struct page *p, const struct audit_service *s)
{
	struct device_ref d = page_device(p, s->netns, s->device);
	size_t start;
	struct outbuf *b =
		begin_half_open(p, s->laddr, s->family, s->lport, &d, s->half_open, &start);

	if (s->oldest_ns != AUDIT_UNKNOWN) {
		outbuf_lit(b, ", oldest ");
		outbuf_put_span(b, s->oldest_ns);
	}
	outbuf_lit(b, ", ");
	text_put_sources(b, s);
	page_fold(p, b, start, 2);
}

/* Its rows in the look, or those of the group that it is. */
static const struct audit_source *sources_of(const struct audit *a, const struct audit_service *s)
{
	return (s->is_group ? a->group_sources : a->sources) + s->first_source;
}

/* Where no source has more than one connection, a few of thousands tell nothing. */
static bool worth_telling(const struct audit_report *r, const struct audit_service *s,
			  bool addresses)
{
	const struct audit_source *rows = sources_of(r->look, s);
	uint32_t i;

	for (i = 0; i < s->n_sources; i++)
		if (audit_is_address(&rows[i]) == addresses)
			return r->all_rows || rows[i].count > 1 || s->half_open <= TOP_SHOWN;
	return false;
}

/* "  198.18.7.0/24      3", one or two places wide. */
static void put_top(struct wrap *w, const struct audit_source *row, struct device_ref d)
{
	size_t start = w->b->len, number, width = TOP_WIDTH;

	d = device_of_remote(&d, row->addr);
	outbuf_lit(w->b, "  ");
	text_put_prefix(w->b, row->addr, row->family, row->bits, &d);
	outbuf_putc(w->b, ' ');
	number = w->b->len;
	outbuf_put_grouped(w->b, row->count);
	if (w->b->len - start > width)
		width *= 2;
	if (start + width > number)
		outbuf_pad_left(w->b, number, start + width - number);
	wrap_whole(w, start);
}

/* The largest of a kind, some in a line. */
static void tell_top(const struct page *p, const struct audit_service *s, bool addresses)
{
	uint32_t i, shown = 0, most = p->report->all_rows ? UINT32_MAX : TOP_SHOWN, matching = 0;
	const struct audit_source *rows = sources_of(p->report->look, s);
	struct wrap w = { page_line(p), 0, 0, 2, table_width(p->columns) };

	w.start = w.b->len;
	for (i = 0; i < s->n_sources; i++) {
		const struct audit_source *row = &rows[i];

		if (audit_is_address(row) != addresses)
			continue;
		if (matching++ >= most)
			continue;
		if (shown++ && outbuf_room(w.b) < PAGE_LINE_MAX / 2) {
			outbuf_putc(w.b, '\n');
			w.b = page_line(p);
			w.start = w.b->len;
		}
		put_top(&w, row, page_device(p, s->netns, row->device));
	}
	if (matching > shown)
		outbuf_lit(w.b, "\n  ...");
	outbuf_putc(w.b, '\n');
}

static void tell_half_open(const struct page *p, const struct audit_service *s)
{
	struct outbuf *b;
	size_t start;

	tell_head(p, s);
	b = page_line(p);
	start = b->len;
	if (s->acked) {
		outbuf_lit(b, "  ");
		outbuf_put_grouped(b, s->acked);
		outbuf_lit(b, " of them were answered: they wait for the program, or for data"
			      " (TCP_DEFER_ACCEPT).");
		page_fold(p, b, start, 2);
	}
	start = b->len;
	if (s->cookie_age_ns < 2000000000) {
		outbuf_lit(b, "  SYNs answered by cookies leave no trace here.");
		page_fold(p, b, start, 2);
	}
	if (worth_telling(p->report, s, true))
		tell_top(p, s, true);
	if (worth_telling(p->report, s, false))
		tell_top(p, s, false);
}

/* Of a listener that was closed; they live on until their timers end (tcp_v4_syn_recv_sock()). */
static void tell_left_over(const struct page *p, const struct audit_half_open *h)
{
	struct device_ref d = page_device(p, h->netns, h->device);
	size_t start;
	struct outbuf *b = begin_half_open(p, h->laddr, h->family, h->lport, &d, h->count, &start);

	outbuf_lit(b, ", of no listener");
	page_fold(p, b, start, 2);
}

static const struct table_layout request_layout = {
	.title = "EACH HALF-OPEN CONNECTION",
	.name_least = 49,
	.name_most = 98,
	.gap = 2,
	.columns = {
		{ "AGE", 6, 0, false },
		{ "RESENT", 6, 0, false },
		{ "ANSWERED", 8, 1, true },
	},
};

static void tell_requests(const struct page *p)
{
	const struct audit *a = p->report->look;
	struct table t;
	uint32_t i;

	if (!a->n_requests || !p->report->all_rows)
		return;
	table_init(&t, &request_layout, p->columns);
	outbuf_putc(page_line(p), '\n');
	table_header(&t, page_line(p));
	for (i = 0; i < a->n_requests; i++) {
		const struct audit_request *q = &a->requests[i];
		struct device_ref d = page_device(p, q->netns, q->device);
		struct device_ref local = device_of_local(&d, q->laddr, q->raddr);
		struct device_ref remote = device_of_remote(&d, q->raddr);
		struct outbuf *b = page_line(p);

		table_row(&t, b);
		text_put_endpoint(b, q->raddr, q->family, q->rport, &remote);
		outbuf_lit(b, " -> ");
		text_put_endpoint(b, q->laddr, q->family, q->lport, &local);
		table_cell(&t);
		text_put_age(b, q->age_ns, true);
		table_cell(&t);
		outbuf_put_u64(b, q->retransmits);
		table_cell(&t);
		outbuf_puts(b, q->acked ? "yes" : "no");
		table_cell(&t);
		table_end(&t);
	}
}

void syn_text_half_open(const struct page *p)
{
	const struct audit *a = p->report->look;
	uint32_t i, shown = 0;

	for (i = 0; i < a->n_services; i++) {
		const struct audit_service *s = service_or_group(a, i);

		if (!s || !s->half_open)
			continue;
		if (shown++ < PAGE_ROWS || p->report->all_rows)
			tell_half_open(p, s);
	}
	for (i = 0; i < a->n_half_open; i++)
		if (a->half_open[i].service == AUDIT_NONE && !p->report->owned_only)
			tell_left_over(p, &a->half_open[i]);
	tell_requests(p);
}
