// SPDX-License-Identifier: GPL-2.0-only
#include "finding.h"

#include <string.h>

#include "explain.h"

static const char *const kind_names[FINDING_MAX] = {
	[FINDING_SYN_FLOOD] = "syn_flood",
	[FINDING_ACCEPT_QUEUE_FULL] = "accept_queue_full",
	[FINDING_SYN_BACKLOG_SMALL] = "syn_backlog_small",
	[FINDING_HANDSHAKE_LOSS] = "handshake_loss",
	[FINDING_SYN_SCAN] = "syn_scan",
	[FINDING_CLOSE_WAIT_LEAK] = "close_wait_leak",
	[FINDING_FIN_WAIT2_HELD] = "fin_wait2_held",
	[FINDING_PORT_EXHAUSTION] = "port_exhaustion",
	[FINDING_TIME_WAIT_BUILDUP] = "time_wait_buildup",
	[FINDING_DEAD_PEER] = "dead_peer",
	[FINDING_CONNECT_FAILING] = "connect_failing",
};

static const char *const severities[SEVERITY_MAX] = {
	[SEVERITY_OK] = "ok",
	[SEVERITY_INFO] = "info",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_CRITICAL] = "critical",
};

static const char *const statuses[FINDING_STATUS_MAX] = {
	[FINDING_RAISED] = "raised",
	[FINDING_UPDATED] = "updated",
	[FINDING_CLEARED] = "cleared",
};

static const char *const pressures[SYN_PRESSURE_MAX] = {
	[SYN_SLOW] = "slow",
	[SYN_QUEUE_FULL] = "queue_full",
	[SYN_COOKIES] = "cookies",
	[SYN_DROPS] = "drops",
};

const char *syn_pressure_name(enum syn_pressure pressure)
{
	return pressures[pressure];
}

bool finding_is_syn(enum finding_kind kind)
{
	return kind >= FINDING_SYN_FLOOD && kind <= FINDING_HANDSHAKE_LOSS;
}

const char *finding_name(enum finding_kind kind)
{
	return kind_names[kind];
}

const char *severity_name(enum severity severity)
{
	return severities[severity];
}

const char *finding_status_name(enum finding_status status)
{
	return statuses[status];
}

/* Most of the sockets wait in an accept queue: a close() cannot be missing. */
static bool is_unaccepted(const struct finding *f)
{
	const struct audit_half_closed *c = &f->row.half_closed;

	return f->kind == FINDING_CLOSE_WAIT_LEAK && c->unaccepted != AUDIT_UNKNOWN &&
	       c->unaccepted * 2 > c->count;
}

/* Paragraphs of the advice of port_exhaustion (explain.def). */
#define ADVICE_BIND	3
#define ADVICE_RESERVED 4

/* Ports of bind() are taken toward every destination: to reuse connections frees few. */
static bool is_of_bind(const struct finding *f)
{
	const struct audit_place *p = &f->row.place;

	return f->kind == FINDING_PORT_EXHAUSTION && (!p->rport || p->bound > p->ports_used / 2);
}

static bool is_reserved(const struct audit_place *p)
{
	return p->range_last && p->range_last < 1024;
}

/* Steps of a page's advice (explain.def). The first is for all other evidence. */
enum {
	FLOOD_TURN_ON = 1,
	FLOOD_SOURCES,
	SMALL_MAX_SYN_BACKLOG = 1,
	ACCEPT_NOTHING = 1,
	ACCEPT_BURSTS,
	ACCEPT_BACKLOG_0,
};

static unsigned int accept_step(const struct finding_syn *f)
{
	const struct audit_service *s = &f->service;

	if (!s->queue_limit)
		return ACCEPT_BACKLOG_0;
	if (f->accepts && s->accept_queue * 2 < s->queue_limit)
		return ACCEPT_BURSTS;
	return !f->accepts && service_accepted(s) != AUDIT_NO_RATE ? ACCEPT_NOTHING : 0;
}

/* Paragraphs of the advice of connect_failing (explain.def). */
enum {
	CONNECT_START = 1,
	CONNECT_FIND_DROPS,
	CONNECT_ASK_ROUTE,
	CONNECT_SAVE_PORTS,
	CONNECT_CHECK_HOST,
};

static unsigned int connect_step(const struct audit_connect *c)
{
	uint64_t silent = c->failed[CONNECT_TIMED_OUT] + c->failed[CONNECT_GIVEN_UP] +
			  (c->pending == AUDIT_UNKNOWN ? 0 : c->pending);
	uint64_t half = (audit_connect_failing(c) + 1) / 2;

	if (c->failed[CONNECT_NO_LOCAL_PORT] >= half)
		return CONNECT_SAVE_PORTS;
	if (c->of == CONNECT_OF_SOURCE)
		return CONNECT_CHECK_HOST;
	if (c->failed[CONNECT_REFUSED] >= half)
		return CONNECT_START;
	if (c->failed[CONNECT_UNREACHABLE] >= half)
		return CONNECT_ASK_ROUTE;
	return silent >= half ? CONNECT_FIND_DROPS : 0;
}

static unsigned int advice_step(const struct finding *f)
{
	const struct finding_syn *syn = &f->row.syn;

	if (is_of_bind(f))
		return is_reserved(&f->row.place) ? ADVICE_RESERVED : ADVICE_BIND;
	switch (f->kind) {
	case FINDING_SYN_FLOOD:
		if (syn->syncookies == AUDIT_NO_COOKIES)
			return FLOOD_SOURCES;
		return syn->syncookies ? 0 : FLOOD_TURN_ON;
	case FINDING_SYN_BACKLOG_SMALL:
		return syn->service.syn_limit < syn->service.queue_limit ? SMALL_MAX_SYN_BACKLOG :
									   0;
	case FINDING_ACCEPT_QUEUE_FULL:
		return accept_step(syn);
	case FINDING_CONNECT_FAILING:
		return connect_step(&f->row.connect.row);
	default:
		return 0;
	}
}

const char *finding_advice(const struct finding *f, size_t *ret_len)
{
	static const char unaccepted[] =
		"Fix the program: it does not accept() these connections, which their peers have "
		"given up.";
	const char *name = finding_name(f->kind);

	if (is_unaccepted(f)) {
		*ret_len = sizeof(unaccepted) - 1;
		return unaccepted;
	}
	return explain_advice(explain_find(name, strlen(name)), advice_step(f), ret_len);
}

bool severity_parse(const char *name, enum severity *ret)
{
	int i;

	for (i = SEVERITY_INFO; i < SEVERITY_MAX; i++) {
		if (strcmp(name, severities[i]))
			continue;
		*ret = (enum severity)i;
		return true;
	}
	return false;
}

bool finding_is_about(const struct finding_syn *f, const struct audit_service *s)
{
	if (f->n_possible)
		return false;
	if (f->service.is_group || s->is_group)
		return service_same_place(&f->service, s);
	return service_key(&f->service) == service_key(s);
}

/* What only the cookies of a namespace tell of is one thing there, whosever they turn out to be. */
static bool same_syn(const struct finding_syn *a, const struct finding_syn *b)
{
	if (a->by_cookies && b->by_cookies)
		return true;
	return finding_is_about(a, &b->service);
}

static bool same_connect(const struct audit_connect *a, const struct audit_connect *b)
{
	if (a->of != b->of || a->device != b->device)
		return false;
	if (a->of == CONNECT_OF_SOURCE)
		return !memcmp(a->laddr, b->laddr, 16);
	return a->rport == b->rport && !memcmp(a->raddr, b->raddr, 16);
}

/* An inode number may have been given to another namespace. */
static bool same_netns(const struct finding *a, const struct finding *b)
{
	if (a->netns_cookie && b->netns_cookie)
		return a->netns_cookie == b->netns_cookie;
	return a->netns == b->netns;
}

bool finding_same(const struct finding *a, const struct finding *b)
{
	if (a->kind != b->kind || !same_netns(a, b))
		return false;
	switch (a->kind) {
	case FINDING_SYN_FLOOD:
	case FINDING_ACCEPT_QUEUE_FULL:
	case FINDING_SYN_BACKLOG_SMALL:
	case FINDING_HANDSHAKE_LOSS:
		return same_syn(&a->row.syn, &b->row.syn);
	case FINDING_SYN_SCAN:
		return a->row.scanner.device == b->row.scanner.device &&
		       !memcmp(a->row.scanner.addr, b->row.scanner.addr, 16);
	case FINDING_CLOSE_WAIT_LEAK:
	case FINDING_FIN_WAIT2_HELD:
		return a->row.half_closed.owner.pid == b->row.half_closed.owner.pid;
	case FINDING_PORT_EXHAUSTION:
		return a->row.place.rport == b->row.place.rport &&
		       a->row.place.device == b->row.place.device &&
		       a->row.place.range_first == b->row.place.range_first &&
		       a->row.place.range_last == b->row.place.range_last &&
		       !memcmp(a->row.place.laddr, b->row.place.laddr, 16) &&
		       !memcmp(a->row.place.raddr, b->row.place.raddr, 16);
	case FINDING_DEAD_PEER:
		return a->row.dead.bits == b->row.dead.bits &&
		       a->row.dead.device == b->row.dead.device &&
		       !memcmp(a->row.dead.raddr, b->row.dead.raddr, 16);
	case FINDING_CONNECT_FAILING:
		return same_connect(&a->row.connect.row, &b->row.connect.row);
	default:
		return true;
	}
}

uint64_t finding_amount(const struct finding *f)
{
	switch (f->kind) {
	case FINDING_SYN_FLOOD:
	case FINDING_ACCEPT_QUEUE_FULL:
	case FINDING_SYN_BACKLOG_SMALL:
	case FINDING_HANDSHAKE_LOSS:
		return 0; /* worse is only what is more severe: rates of an attack are no news */
	case FINDING_SYN_SCAN:
		return f->row.scanner.ports;
	case FINDING_CLOSE_WAIT_LEAK:
	case FINDING_FIN_WAIT2_HELD:
		return f->row.half_closed.count;
	case FINDING_PORT_EXHAUSTION:
		return audit_ports_taken(&f->row.place);
	case FINDING_TIME_WAIT_BUILDUP:
		return f->row.table.time_wait_table;
	case FINDING_CONNECT_FAILING:
		return 0; /* counts of a window that moves */
	default:
		return f->row.dead.count;
	}
}

bool finding_is_possible(const struct finding_syn *f, const struct audit_service *s)
{
	uint32_t i;

	for (i = 0; i < f->n_possible && i < FINDING_PLACES; i++)
		if (f->possible[i].lport == s->lport && f->possible[i].device == s->device &&
		    !memcmp(f->possible[i].laddr, s->laddr, 16))
			return true;
	return f->n_possible > FINDING_PLACES;
}

static enum finding_shown shown_if(bool shown)
{
	return shown ? FINDING_SHOWN : FINDING_NOT_SHOWN;
}

enum finding_shown finding_shown_by(const struct finding *f, const struct audit_service *s)
{
	bool full = s->syn_full || (f->row.syn.pressure == SYN_DROPS && s->drops_milli > 0);

	switch (f->kind) {
	case FINDING_SYN_FLOOD:
		if (f->row.syn.by_cookies)
			return FINDING_SHOWN_UNKNOWN;
		return shown_if(full || s->stuck || s->failing_milli > s->late_milli);
	case FINDING_SYN_BACKLOG_SMALL:
		return shown_if(full);
	case FINDING_HANDSHAKE_LOSS:
		if (s->late_milli == AUDIT_NO_RATE)
			return FINDING_SHOWN_UNKNOWN;
		return shown_if(s->late_milli > 0);
	default:
		return FINDING_NOT_SHOWN;
	}
}
