// SPDX-License-Identifier: GPL-2.0-only
#include "syn_text.h"

#include "text_put.h"

#define ROWS_SHOWN 12
#define TOP_SHOWN  6
#define LINE_MAX   4096

static struct outbuf *line(struct output *out)
{
	output_reserve(out, LINE_MAX);
	return &out->buf;
}

/* "257", "~104,182" */
static void put_number(struct outbuf *b, uint64_t n, bool exact)
{
	if (n == AUDIT_UNKNOWN) {
		outbuf_putc(b, '-');
		return;
	}
	if (!exact)
		outbuf_putc(b, '~');
	outbuf_put_grouped(b, n);
}

/* Whole ones a second, for a column that says so. */
static void put_per_s(struct outbuf *b, int64_t milli)
{
	if (milli == AUDIT_NO_RATE)
		outbuf_putc(b, '-');
	else
		outbuf_put_grouped(b, ((uint64_t)(milli > 0 ? milli : 0) + 500) / 1000);
}

/* "0.4 %" */
static void put_permille(struct outbuf *b, uint64_t permille)
{
	outbuf_put_u64(b, permille / 10);
	outbuf_putc(b, '.');
	outbuf_put_u64(b, permille % 10);
	outbuf_lit(b, " %");
}

static void put_prefix(struct outbuf *b, const uint8_t addr[16], uint8_t family, uint8_t bits)
{
	outbuf_put_addr(b, addr, family);
	if (bits == (family == 4 ? 32 : 128))
		return;
	outbuf_putc(b, '/');
	outbuf_put_u64(b, bits);
}

static const char *prefix_word(const struct audit_service *s)
{
	return s->spread_family == 6 || (!s->spread_family && s->family == 6) ? " /64s" : " /24s";
}

/* "257 sources in 251 /24s" */
static void put_sources(struct outbuf *b, const struct audit_service *s)
{
	put_number(b, s->sources, s->sources_exact);
	outbuf_puts(b, s->sources == 1 ? " source in " : " sources in ");
	put_number(b, s->prefixes, s->prefixes_exact);
	outbuf_puts(b, prefix_word(s));
}

/* ---- findings -------------------------------------------------------------------------------- */

void syn_put_subject(struct outbuf *b, const struct finding *f)
{
	const struct audit_service *s = &f->row.syn.service;

	if (f->kind == FINDING_SYN_SCAN) {
		outbuf_lit(b, " from ");
		outbuf_put_addr(b, f->row.scanner.addr, f->row.scanner.family);
		return;
	}
	outbuf_lit(b, " on ");
	text_put_endpoint(b, s->laddr, s->family, s->lport);
	if (!s->owner.pid)
		return;
	outbuf_putc(b, ' ');
	text_put_owner(b, &s->owner);
}

static void put_spread(struct outbuf *b, const struct audit_service *s, bool cookies)
{
	if (s->spread == SPREAD_NONE) {
		outbuf_lit(b, ", no source to be seen");
		return;
	}
	outbuf_lit(b, ", ");
	outbuf_put_grouped(b, s->half_open);
	outbuf_lit(b, " half-open from ");
	put_sources(b, s);
	outbuf_lit(b, " (");
	if (s->spread == SPREAD_DISTRIBUTED) {
		outbuf_lit(b, "distributed");
	} else {
		outbuf_put_u64(b, s->spread_percent);
		outbuf_lit(b, " % from ");
		put_prefix(b, s->spread_addr, s->spread_family, s->spread_bits);
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

static void put_flood(struct outbuf *b, const struct finding_syn *syn)
{
	const struct audit_service *s = &syn->service;

	outbuf_lit(b, "SYN queue ");
	text_put_of(b, s->syn_queue, s->queue_limit);
	put_rate_of(b, "cookies", syn->cookies_sent);
	put_rate_of(b, "SYNs dropped", syn->drops);
	put_rate_of(b, "new ones unanswered", syn->failing);
	if (syn->done_permille != AUDIT_UNKNOWN) {
		outbuf_lit(b, ", ");
		put_permille(b, syn->done_permille);
		outbuf_lit(b, " of handshakes complete");
	}
	put_spread(b, s, syn->pressure == SYN_COOKIES);
	outbuf_putc(b, '.');
	outbuf_puts(b, flood_ends[syn->pressure]);
}

static void put_accept(struct outbuf *b, const struct finding_syn *syn)
{
	const struct audit_service *s = &syn->service;

	outbuf_lit(b, "accept queue ");
	text_put_of(b, s->accept_queue, s->queue_limit);
	put_rate_of(b, "SYNs and last ACKs dropped", s->drops_milli);
	put_rate_of(b, "accepted", s->done_milli);
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
	text_put_of(b, s->syn_queue, s->queue_limit);
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

void syn_put_evidence(struct outbuf *b, const struct finding *f)
{
	switch (f->kind) {
	case FINDING_SYN_FLOOD:
		put_flood(b, &f->row.syn);
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
	default:
		put_scan(b, &f->row.scanner);
	}
}

/* ---- listeners ------------------------------------------------------------------------------- */

enum finding_kind syn_verdict(const struct audit_report *r, const struct audit_listener *l)
{
	uint64_t key = service_key(&r->look->services[l->service]);
	uint32_t i;

	for (i = 0; i < r->n_findings; i++)
		if (finding_is_syn(r->findings[i].kind) &&
		    service_key(&r->findings[i].row.syn.service) == key)
			return r->findings[i].kind;
	return FINDING_MAX;
}

const char *syn_verdict_name(const struct audit_report *r, const struct audit_listener *l)
{
	enum finding_kind kind = syn_verdict(r, l);

	if (kind != FINDING_MAX)
		return finding_name(kind);
	/* Cookies were sent just now, and whether they came back takes two looks. */
	if (l->drops_milli == AUDIT_NO_RATE && l->socket.cookie_age_ns < 2000000000)
		return NULL;
	return "ok";
}

/* A number at the right edge of its column. */
#define RIGHT(b, start, end, put)                                     \
	do {                                                          \
		size_t at_ = (b)->len;                                \
		put;                                                  \
		if ((start) + (end) > (b)->len)                       \
			outbuf_pad_left(b, at_, (start) + (end)-at_); \
	} while (0)

#define NAME_WIDTH 28

static void tell_listener(struct output *out, const struct audit_report *r,
			  const struct audit_listener *l)
{
	const struct audit_service *s = &r->look->services[l->service];
	const char *verdict = syn_verdict_name(r, l);
	const struct audit_socket *k = &l->socket;
	struct outbuf *b = line(out);
	size_t start = b->len;

	text_put_endpoint(b, k->laddr, k->family, k->lport);
	outbuf_putc(b, ' ');
	text_put_owner(b, &k->owner);
	if (r->look->n_netns > 1) {
		outbuf_lit(b, " net:");
		outbuf_put_u64(b, k->netns);
	}
	if (b->len - start > NAME_WIDTH) {
		outbuf_putc(b, '\n');
		start = b->len;
	}
	RIGHT(b, start, 39, text_put_of(b, k->syn_queue, k->queue_limit));
	RIGHT(b, start, 45, outbuf_put_grouped(b, k->syn_queue_young));
	RIGHT(b, start, 56, text_put_of(b, k->accept_queue, k->queue_limit));
	RIGHT(b, start, 64, put_per_s(b, l->drops_milli));
	RIGHT(b, start, 73, put_per_s(b, s->resent_milli));
	RIGHT(b, start, 80, put_per_s(b, s->done_milli));
	outbuf_lit(b, "  ");
	outbuf_puts(b, verdict ? verdict : "-");
	outbuf_putc(b, '\n');
}

static bool is_marked(const struct audit_report *r, const struct audit_listener *l)
{
	return syn_verdict(r, l) != FINDING_MAX;
}

/* Those with a verdict first. */
void syn_text_listeners(struct output *out, const struct audit_report *r)
{
	const struct audit *a = r->look;
	uint32_t i, told = 0, most = r->all_rows ? UINT32_MAX : ROWS_SHOWN;
	int marked;

	if (!a->n_listeners)
		return;
	outbuf_lit(line(out),
		   "\nLISTENERS                    SYNQ/LIMIT YOUNG ACCQ/LIMIT DROPS/s RESENT/s"
		   " DONE/s  VERDICT\n");
	for (marked = 1; marked >= 0; marked--)
		for (i = 0; i < a->n_listeners && told < most; i++)
			if (is_marked(r, &a->listeners[i]) == marked) {
				tell_listener(out, r, &a->listeners[i]);
				told++;
			}
	if (told == a->n_listeners)
		return;
	outbuf_lit(line(out), "  ... and ");
	outbuf_put_grouped(line(out), a->n_listeners - told);
	outbuf_lit(line(out), " more (-x shows all)\n");
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

void syn_text_counters(struct output *out, const struct audit_report *r)
{
	uint32_t i;

	for (i = 0; i < r->look->n_netns; i++) {
		const struct audit_netns *n = &r->look->netns[i];
		const int64_t *rates = n->counter_milli;
		struct outbuf *b = line(out);

		if (!r->window_ns || (r->look->n_netns > 1 && !moves(n)))
			continue;
		outbuf_lit(b, "COUNTERS");
		if (r->look->n_netns > 1) {
			outbuf_lit(b, " net:");
			outbuf_put_u64(b, n->netns);
		}
		outbuf_lit(b, "   cookies sent ");
		text_put_plain_rate(b, rates[COUNTER_COOKIES_SENT]);
		outbuf_lit(b, ", accepted ");
		text_put_plain_rate(b, rates[COUNTER_COOKIES_RECV]);
		outbuf_lit(b, ", failed ");
		text_put_plain_rate(b, rates[COUNTER_COOKIES_FAILED]);
		outbuf_lit(b, "\n   queue-full drops ");
		text_put_plain_rate(b, rates[COUNTER_QUEUE_FULL_DROPS]);
		outbuf_lit(b, ", accept overflows ");
		text_put_plain_rate(b, rates[COUNTER_LISTEN_OVERFLOWS]);
		outbuf_lit(b, ", half-open ones reset ");
		text_put_plain_rate(b, rates[COUNTER_EMBRYONIC_RSTS]);
		outbuf_putc(b, '\n');
	}
}

/* ---- half-open connections ------------------------------------------------------------------- */

static void put_head(struct outbuf *b, const struct audit_service *s)
{
	outbuf_lit(b, "\nHALF-OPEN on ");
	text_put_endpoint(b, s->laddr, s->family, s->lport);
	outbuf_lit(b, ": ");
	outbuf_put_grouped(b, s->half_open);
	if (s->oldest_ns != AUDIT_UNKNOWN) {
		outbuf_lit(b, ", oldest ");
		outbuf_put_span(b, s->oldest_ns);
	}
	outbuf_lit(b, ", ");
	put_sources(b, s);
	outbuf_putc(b, '\n');
}

static bool is_address(const struct audit_source *row)
{
	return row->bits == (row->family == 4 ? 32 : 128);
}

/* Where no source has more than one connection, a few of thousands tell nothing. */
static bool worth_telling(const struct audit_report *r, const struct audit_service *s,
			  bool addresses)
{
	uint32_t i, end = s->first_source + s->n_sources;

	for (i = s->first_source; i < end; i++)
		if (is_address(&r->look->sources[i]) == addresses)
			return r->all_rows || r->look->sources[i].count > 1 ||
			       s->half_open <= TOP_SHOWN;
	return false;
}

/* The largest of a kind, three in a line. */
static void tell_top(struct output *out, const struct audit_report *r,
		     const struct audit_service *s, bool addresses)
{
	uint32_t i, told = 0, most = r->all_rows ? UINT32_MAX : TOP_SHOWN, matching = 0;

	for (i = s->first_source; i < s->first_source + s->n_sources; i++) {
		const struct audit_source *row = &r->look->sources[i];
		struct outbuf *b = line(out);
		size_t start = b->len;

		if (is_address(row) != addresses)
			continue;
		matching++;
		if (told == most)
			continue;
		outbuf_lit(b, "  ");
		put_prefix(b, row->addr, row->family, row->bits);
		outbuf_putc(b, ' ');
		RIGHT(b, start, 30, outbuf_put_grouped(b, row->count));
		told++;
		if (told % 3 == 0)
			outbuf_putc(b, '\n');
	}
	if (matching > told)
		outbuf_lit(line(out), "  ...\n");
	else if (told % 3)
		outbuf_putc(line(out), '\n');
}

static void tell_half_open(struct output *out, const struct audit_report *r,
			   const struct audit_service *s)
{
	put_head(line(out), s);
	if (s->acked) {
		outbuf_lit(line(out), "  ");
		outbuf_put_grouped(line(out), s->acked);
		outbuf_lit(line(out), " of them were answered: they wait for the program, or for"
				      " data (TCP_DEFER_ACCEPT).\n");
	}
	if (s->cookie_age_ns < 2000000000)
		outbuf_lit(line(out), "  SYNs answered by cookies leave no trace here.\n");
	if (worth_telling(r, s, true))
		tell_top(out, r, s, true);
	if (worth_telling(r, s, false))
		tell_top(out, r, s, false);
}

/* Of a listener that was closed; they live on until their timers end (tcp_v4_syn_recv_sock()). */
static void tell_left_over(struct output *out, const struct audit_half_open *h)
{
	struct outbuf *b = line(out);

	outbuf_lit(b, "\nHALF-OPEN on ");
	text_put_endpoint(b, h->laddr, h->family, h->lport);
	outbuf_lit(b, ": ");
	outbuf_put_grouped(b, h->count);
	outbuf_lit(b, ", of no listener\n");
}

static void tell_request(struct outbuf *b, const struct audit_request *q)
{
	size_t start = b->len;

	outbuf_lit(b, "  ");
	text_put_endpoint(b, q->raddr, q->family, q->rport);
	outbuf_lit(b, " -> ");
	text_put_endpoint(b, q->laddr, q->family, q->lport);
	outbuf_putc(b, ' ');
	outbuf_pad_to(b, start + 52);
	if (q->age_ns == AUDIT_UNKNOWN)
		outbuf_putc(b, '-');
	else
		outbuf_put_span(b, q->age_ns);
	outbuf_putc(b, ' ');
	outbuf_pad_to(b, start + 62);
	outbuf_lit(b, "resent ");
	outbuf_put_u64(b, q->retransmits);
	if (q->acked)
		outbuf_lit(b, "  answered");
	outbuf_putc(b, '\n');
}

void syn_text_half_open(struct output *out, const struct audit_report *r)
{
	const struct audit *a = r->look;
	uint32_t i, told = 0;

	for (i = 0; i < a->n_services; i++) {
		if (!a->services[i].half_open)
			continue;
		if (told++ < ROWS_SHOWN || r->all_rows)
			tell_half_open(out, r, &a->services[i]);
	}
	for (i = 0; i < a->n_half_open; i++)
		if (a->half_open[i].service == AUDIT_NONE && !r->owned_only)
			tell_left_over(out, &a->half_open[i]);
	if (a->n_requests)
		outbuf_lit(line(out),
			   "\nEACH HALF-OPEN CONNECTION                            AGE\n");
	for (i = 0; i < a->n_requests; i++)
		tell_request(line(out), &a->requests[i]);
}
