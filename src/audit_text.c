// SPDX-License-Identifier: GPL-2.0-only
/* audit_text.c - an audit for people: the verdict in the first line, evidence beside it */
#include "audit_sink.h"
#include "filter.h"
#include "state.h"
#include "syn_text.h"
#include "text_put.h"

#define ROWS_SHOWN 12
#define LINE_MAX   4096
#define FOLD_AT	   100

struct text {
	struct output *out;
	const struct audit_report *report;
	bool many; /* namespaces: each row says whose it is */
};

static struct outbuf *line(const struct text *t)
{
	output_reserve(t->out, LINE_MAX);
	return &t->out->buf;
}

void audit_put_ports(struct outbuf *b, const struct audit_close_wait *c)
{
	const struct audit_socket *e = &c->example;

	/* One socket is described by where we connected to, or where it came to. */
	if (c->same_local && (!c->same_remote || e->lport < e->rport)) {
		outbuf_putc(b, ':');
		outbuf_put_u64(b, e->lport);
	} else if (c->same_remote) {
		outbuf_lit(b, "->");
		text_put_endpoint(b, e->raddr, e->family, e->rport);
	} else {
		outbuf_lit(b, "several");
	}
}

static void put_count(struct outbuf *b, uint64_t n)
{
	if (n == AUDIT_UNKNOWN)
		outbuf_putc(b, '-');
	else
		outbuf_put_grouped(b, n);
}

static void put_seconds(struct outbuf *b, uint64_t seconds)
{
	if (seconds == AUDIT_UNKNOWN)
		outbuf_putc(b, '-');
	else if (seconds > 86400)
		outbuf_lit(b, ">1d");
	else
		outbuf_put_span(b, seconds * 1000000000);
}

/* A lower bound is marked. */
static void put_age(struct outbuf *b, uint64_t ns, bool exact)
{
	if (ns == AUDIT_UNKNOWN) {
		outbuf_putc(b, '-');
		return;
	}
	if (!exact)
		outbuf_putc(b, '>');
	outbuf_put_span(b, ns);
}

static void put_netns(const struct text *t, struct outbuf *b, uint32_t netns)
{
	if (!t->many)
		return;
	outbuf_lit(b, "  net:");
	outbuf_put_u64(b, netns);
}

/* How many rows of a table are shown. */
static uint32_t shown(const struct text *t, uint32_t n)
{
	return t->report->all_rows || n <= ROWS_SHOWN ? n : ROWS_SHOWN;
}

static void put_rest(const struct text *t, uint32_t n)
{
	struct outbuf *b = line(t);

	if (n == shown(t, n))
		return;
	outbuf_lit(b, "  ... and ");
	outbuf_put_grouped(b, n - shown(t, n));
	outbuf_lit(b, " more (-x shows all)\n");
}

/* ---- the verdict ----------------------------------------------------------------------------- */

/* " in app(991)", " at 10.0.0.5" */
static void put_subject(struct outbuf *b, const struct finding *f)
{
	switch (f->kind) {
	case FINDING_SYN_FLOOD:
	case FINDING_ACCEPT_QUEUE_FULL:
	case FINDING_SYN_BACKLOG_SMALL:
	case FINDING_HANDSHAKE_LOSS:
	case FINDING_SYN_SCAN:
		syn_put_subject(b, f);
		break;
	case FINDING_CLOSE_WAIT_LEAK:
		outbuf_lit(b, " in ");
		text_put_owner(b, &f->row.close_wait.owner);
		break;
	case FINDING_PORT_EXHAUSTION:
		outbuf_lit(b, " from ");
		outbuf_put_addr(b, f->row.place.laddr, f->row.place.family);
		outbuf_lit(b, " to ");
		text_put_endpoint(b, f->row.place.raddr, f->row.place.family, f->row.place.rport);
		break;
	case FINDING_DEAD_PEER:
		outbuf_lit(b, " at ");
		outbuf_put_addr(b, f->row.dead.raddr, f->row.dead.family);
		break;
	default:
		outbuf_lit(b, " in net:");
		outbuf_put_u64(b, f->netns);
	}
}

static void tell_verdict(const struct text *t)
{
	const struct audit_report *r = t->report;
	struct outbuf *b = line(t);
	uint32_t i;

	outbuf_put_grouped(b, r->n_findings);
	outbuf_lit(b, " finding");
	if (r->n_findings != 1)
		outbuf_putc(b, 's');
	for (i = 0; i < r->n_findings && i < 3; i++) {
		outbuf_puts(b, i ? ", " : ": ");
		outbuf_puts(b, finding_name(r->findings[i].kind));
		outbuf_lit(b, " (");
		outbuf_puts(b, severity_name(r->findings[i].severity));
		outbuf_putc(b, ')');
		put_subject(b, &r->findings[i]);
	}
	if (i < r->n_findings)
		outbuf_lit(b, ", ...");
	outbuf_lit(b, "  (exit ");
	outbuf_put_u64(b, (uint64_t)r->exit_status);
	outbuf_lit(b, ")\n");
}

/* What the numbers below leave out; nothing where they are whole. */
static void tell_limits(const struct text *t)
{
	const struct audit *a = t->report->look;
	struct outbuf *b = line(t);

	if (a->blind.netns_only_own)
		outbuf_lit(b,
			   "Only this network namespace: entering others needs CAP_SYS_ADMIN.\n");
	if (a->blind.netns_denied) {
		outbuf_put_grouped(b, a->blind.netns_denied);
		outbuf_lit(b, " of the processes hide their namespace: CAP_SYS_PTRACE shows it.\n");
	}
	if (a->blind.processes_hidden)
		outbuf_lit(b,
			   "Only the processes of this container are seen, and their namespaces: "
			   "--pid=host shows all.\n");
	if (a->blind.owners_unknown)
		outbuf_lit(b, "Owners are unknown: open files cannot be walked here.\n");
	if (a->blind.skipped) {
		outbuf_put_grouped(b, a->blind.skipped);
		outbuf_lit(
			b,
			" rows had no room and are missing below; counts of states are whole.\n");
	}
	if (t->report->owned_only)
		outbuf_lit(b, "Only sockets with an owner are counted: TIME_WAIT has none.\n");
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const uint8_t state_order[] = {
	TCS_ESTABLISHED, TCS_SYN_RECV,	TCS_TIME_WAIT, TCS_CLOSE_WAIT, TCS_FIN_WAIT2,
	TCS_LISTEN,	 TCS_FIN_WAIT1, TCS_SYN_SENT,  TCS_LAST_ACK,   TCS_CLOSING,
};

static void put_states(struct outbuf *b, const uint64_t states[TCS_STATE_MAX], bool zeros)
{
	size_t i;

	for (i = 0; i < sizeof(state_order); i++) {
		/* The first six are always told; the rest only if there is one. */
		if (!states[state_order[i]] && (!zeros || i > 5))
			continue;
		outbuf_lit(b, "   ");
		outbuf_puts(b, state_json(state_order[i]));
		outbuf_putc(b, ' ');
		outbuf_put_grouped(b, states[state_order[i]]);
	}
}

static void tell_states(const struct text *t)
{
	const struct audit *a = t->report->look;
	struct outbuf *b = line(t);

	outbuf_lit(b, "\nSTATES");
	put_states(b, a->states, true);
	outbuf_lit(b, "   (");
	outbuf_put_grouped(b, a->n_netns);
	outbuf_lit(b, " namespace");
	outbuf_puts(b, a->n_netns == 1 ? ")\n" : "s)\n");
}

void audit_put_group(struct outbuf *b, const struct audit *look, uint32_t i)
{
	const struct audit_group *g = &look->groups[i];
	size_t start = b->len;

	if (look->config.by == AUDIT_BY_LPORT)
		outbuf_put_u64(b, g->lport);
	else if (look->config.by == AUDIT_BY_NETNS)
		outbuf_put_u64(b, g->netns);
	else if (look->config.by == AUDIT_BY_RADDR)
		outbuf_put_addr(b, g->raddr, addr_is_mapped(g->raddr) ? 4 : 6);
	else if (g->comm[0])
		outbuf_put_term(b, g->comm, sizeof(g->comm));
	else
		outbuf_putc(b, '-');
	outbuf_pad_to(b, start + 18);
	put_states(b, g->states, false);
	outbuf_putc(b, '\n');
}

static void tell_groups(const struct text *t)
{
	const struct audit *a = t->report->look;
	uint32_t i;

	if (!a->n_groups)
		return;
	outbuf_lit(line(t), "\nSTATES by ");
	outbuf_puts(line(t), audit_by_name(a->config.by));
	outbuf_putc(line(t), '\n');
	for (i = 0; i < shown(t, a->n_groups); i++)
		audit_put_group(line(t), a, i);
	put_rest(t, a->n_groups);
}

/* A number at the right edge of its column. */
#define RIGHT(b, start, end, put)                                     \
	do {                                                          \
		size_t at_ = (b)->len;                                \
		put;                                                  \
		if ((start) + (end) > (b)->len)                       \
			outbuf_pad_left(b, at_, (start) + (end)-at_); \
	} while (0)

static void put_fd_limit(struct outbuf *b, const struct audit_close_wait *c)
{
	uint64_t left;

	if (c->fd_limit == AUDIT_UNKNOWN || c->fd_used == AUDIT_UNKNOWN) {
		outbuf_putc(b, '-');
		return;
	}
	text_put_of(b, c->fd_used, c->fd_limit);
	left = audit_seconds_left(c->fd_limit > c->fd_used ? c->fd_limit - c->fd_used : 0,
				  c->growth_milli);
	if (left == AUDIT_UNKNOWN)
		return;
	outbuf_lit(b, " in ");
	put_seconds(b, left);
}

static void tell_close_wait(const struct text *t)
{
	const struct audit *a = t->report->look;
	uint32_t i;

	if (!a->n_close_wait)
		return;
	outbuf_lit(line(t),
		   "\nCLOSE_WAIT by owner           COUNT    OLDEST    GROWTH  FD USED/LIMIT"
		   "           PORTS\n");
	for (i = 0; i < shown(t, a->n_close_wait); i++) {
		const struct audit_close_wait *c = &a->close_wait[i];
		struct outbuf *b = line(t);
		size_t start = b->len;

		text_put_owner(b, &c->owner);
		RIGHT(b, start, 35, outbuf_put_grouped(b, c->count));
		RIGHT(b, start, 45, put_age(b, c->oldest_ns, c->oldest_exact));
		RIGHT(b, start, 55, text_put_rate(b, c->growth_milli));
		outbuf_lit(b, "  ");
		put_fd_limit(b, c);
		outbuf_pad_to(b, start + 80);
		outbuf_putc(b, ' ');
		audit_put_ports(b, c);
		put_netns(t, b, c->netns);
		outbuf_putc(b, '\n');
	}
	put_rest(t, a->n_close_wait);
}

static void put_place(struct outbuf *b, const struct audit_place *p)
{
	if (p->rport) {
		outbuf_put_addr(b, p->laddr, p->family);
		outbuf_lit(b, " -> ");
		text_put_endpoint(b, p->raddr, p->family, p->rport);
	} else {
		text_put_endpoint(b, p->laddr, p->family, p->lport);
		outbuf_lit(b, " (clients)");
	}
}

static void tell_place(const struct text *t, const struct audit_place *p)
{
	uint32_t taken = audit_ports_taken(p);
	uint64_t left = p->ports_range > taken ? p->ports_range - taken : 0;
	struct outbuf *b = line(t);
	size_t start = b->len;

	put_place(b, p);
	RIGHT(b, start, 45, outbuf_put_grouped(b, p->time_wait));
	if (p->rport && p->ports_range) {
		RIGHT(b, start, 65, text_put_of(b, p->ports_used, p->ports_range));
		RIGHT(b, start, 76, outbuf_put_grouped(b, p->reusable));
		RIGHT(b, start, 86, put_seconds(b, audit_seconds_left(left, p->growth_milli)));
	} else {
		RIGHT(b, start, 65, outbuf_putc(b, '-'));
		RIGHT(b, start, 76, outbuf_putc(b, '-'));
		RIGHT(b, start, 86, outbuf_putc(b, '-'));
	}
	RIGHT(b, start, 95, put_seconds(b, audit_seconds(p->all_free_ns)));
	put_netns(t, b, p->netns);
	outbuf_putc(b, '\n');
}

static void tell_places(const struct text *t)
{
	const struct audit *a = t->report->look;
	uint32_t i;

	if (!a->n_places)
		return;
	outbuf_lit(line(t), "\nTIME_WAIT by destination                COUNT    PORTS USED/RANGE"
			    "   REUSABLE  EMPTY IN  OVER IN\n");
	for (i = 0; i < shown(t, a->n_places); i++)
		tell_place(t, &a->places[i]);
	put_rest(t, a->n_places);
}

/* ---- findings -------------------------------------------------------------------------------- */

static void put_leak(struct outbuf *b, const struct finding *f)
{
	const struct audit_close_wait *c = &f->row.close_wait;

	text_put_owner(b, &c->owner);
	outbuf_lit(b, " holds ");
	outbuf_put_grouped(b, c->count);
	outbuf_lit(b, " sockets whose peer has closed, ");
	outbuf_put_grouped(b, c->old);
	outbuf_lit(b, " of them for long; the oldest ");
	put_age(b, c->oldest_ns, c->oldest_exact);
	outbuf_lit(b, ", growth ");
	text_put_rate(b, c->growth_milli);
	outbuf_lit(b, ", descriptors ");
	put_fd_limit(b, c);
	outbuf_putc(b, '.');
}

static void put_exhaustion(struct outbuf *b, const struct finding *f)
{
	const struct audit_place *p = &f->row.place;

	text_put_of(b, audit_ports_taken(p), p->ports_range);
	outbuf_lit(b, " local ports from ");
	put_place(b, p);
	outbuf_lit(b, " are taken, ");
	outbuf_put_grouped(b, p->time_wait);
	outbuf_lit(b, " by TIME_WAIT; empty in ");
	put_seconds(b, f->seconds_left);
	outbuf_putc(b, '.');
}

static void put_table(struct outbuf *b, const struct audit_netns *n)
{
	outbuf_lit(b, "net:");
	outbuf_put_u64(b, n->netns);
	outbuf_lit(b, " has ");
	put_count(b, n->time_wait_table);
	outbuf_lit(b, " sockets in its time-wait table, the limit is ");
	put_count(b, n->time_wait_limit ? n->time_wait_limit : AUDIT_UNKNOWN);
	outbuf_lit(b, "; overflow ");
	text_put_rate(b, n->overflow_milli);
	outbuf_putc(b, '.');
}

static void put_dead(struct outbuf *b, const struct audit_dead *d)
{
	outbuf_put_grouped(b, d->count);
	outbuf_lit(b, " connections to ");
	outbuf_put_addr(b, d->raddr, d->family);
	outbuf_lit(b, " get no answer; the longest has heard nothing for ");
	put_age(b, d->quiet_ns, false);
	outbuf_lit(b, "; one belongs to ");
	text_put_owner(b, &d->owner);
	outbuf_putc(b, '.');
}

/* Break what was put since `start` at blanks, so that no line is wider than FOLD_AT. */
static void fold(struct outbuf *b, size_t start)
{
	char text[LINE_MAX];
	size_t n = b->len - start, column = 0, i, word;

	if (n > sizeof(text))
		return;
	memcpy(text, b->data + start, n);
	b->len = start;
	for (i = 0; i < n; i += word + 1) {
		for (word = 0; i + word < n && text[i + word] != ' ';)
			word++;
		if (i && column + 1 + word > FOLD_AT) {
			outbuf_lit(b, "\n  ");
			column = 2;
		} else if (i) {
			outbuf_putc(b, ' ');
			column++;
		}
		outbuf_put(b, text + i, word);
		column += word;
	}
}

static void put_evidence(struct outbuf *b, const struct finding *f)
{
	if (finding_is_syn(f->kind) || f->kind == FINDING_SYN_SCAN)
		syn_put_evidence(b, f);
	else if (f->kind == FINDING_CLOSE_WAIT_LEAK)
		put_leak(b, f);
	else if (f->kind == FINDING_PORT_EXHAUSTION)
		put_exhaustion(b, f);
	else if (f->kind == FINDING_TIME_WAIT_BUILDUP)
		put_table(b, &f->row.table);
	else
		put_dead(b, &f->row.dead);
}

static void put_advice(struct outbuf *b, const struct finding *f)
{
	size_t start = b->len, len;
	const char *advice = finding_advice(f->kind, &len);

	outbuf_lit(b, "  ");
	outbuf_put(b, advice, len);
	fold(b, start);
	outbuf_putc(b, '\n');
}

static void tell_finding(const struct text *t, const struct finding *f)
{
	struct outbuf *b = line(t);
	size_t start;

	outbuf_putc(b, '\n');
	start = b->len;
	outbuf_puts(b, finding_name(f->kind));
	outbuf_putc(b, ' ');
	outbuf_puts(b, severity_name(f->severity));
	outbuf_lit(b, "   ");
	put_evidence(b, f);
	fold(b, start);
	outbuf_putc(b, '\n');
	put_advice(b, f);
}

void audit_put_alert(struct outbuf *b, const struct finding *f, uint64_t ts_ns)
{
	bool over = f->status == FINDING_CLEARED;
	size_t start = b->len;

	outbuf_puts(b, over ? "CLEAR " : "ALERT ");
	outbuf_puts(b, finding_name(f->kind));
	if (!over) {
		outbuf_putc(b, ' ');
		outbuf_puts(b, severity_name(f->severity));
	}
	put_subject(b, f);
	if (over) {
		outbuf_lit(b, " after ");
		outbuf_put_span(b, ts_ns - f->since_ns);
		outbuf_putc(b, '\n');
		return;
	}
	outbuf_lit(b, ": ");
	put_evidence(b, f);
	fold(b, start);
	outbuf_putc(b, '\n');
	put_advice(b, f);
}

void audit_text(struct output *out, const struct audit_report *report)
{
	struct text t = { .out = out, .report = report, .many = report->look->n_netns > 1 };
	uint32_t i;

	tell_verdict(&t);
	tell_limits(&t);
	tell_states(&t);
	tell_groups(&t);
	syn_text_listeners(out, report);
	syn_text_counters(out, report);
	syn_text_half_open(out, report);
	tell_close_wait(&t);
	tell_places(&t);
	for (i = 0; i < report->n_findings; i++)
		tell_finding(&t, &report->findings[i]);
	output_flush(out);
}
