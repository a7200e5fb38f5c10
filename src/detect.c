// SPDX-License-Identifier: GPL-2.0-only
#include "detect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "detect_pile.h"
#include "detect_syn.h"
#include "explain.h"

#define STAYS_TENTHS 5 /* of the thresholds: an attack varies more than a build-up does */

struct open_finding {
	struct finding finding;
	uint64_t told_amount; /* of what the rule counts, when it was last told */
	uint32_t quiet_looks; /* in a row in which the rule did not hold */
	uint64_t held_ns;     /* the last look in which it did */
	bool seen;	      /* in the look at hand */
};

struct detect {
	struct detect_config config;
	struct open_finding *open;
	uint32_t n_open, cap_open;
	uint64_t skipped;
	/* What each service looked like, one look ago and now; by service_key(). */
	struct hash before, now;
	uint32_t wanted[DETECT_WANTED]; /* namespaces */
	uint32_t n_wanted;
	bool strange; /* something is visible at a service */
};

static const char *const kind_names[FINDING_MAX] = {
	[FINDING_SYN_FLOOD] = "syn_flood",
	[FINDING_ACCEPT_QUEUE_FULL] = "accept_queue_full",
	[FINDING_SYN_BACKLOG_SMALL] = "syn_backlog_small",
	[FINDING_HANDSHAKE_LOSS] = "handshake_loss",
	[FINDING_SYN_SCAN] = "syn_scan",
	[FINDING_CLOSE_WAIT_LEAK] = "close_wait_leak",
	[FINDING_PORT_EXHAUSTION] = "port_exhaustion",
	[FINDING_TIME_WAIT_BUILDUP] = "time_wait_buildup",
	[FINDING_DEAD_PEER] = "dead_peer",
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

const char *finding_advice(enum finding_kind kind, size_t *ret_len)
{
	const char *name = finding_name(kind);
	const struct explanation *page = explain_find(name, strlen(name));

	*ret_len = explain_first_advice(page);
	return page->advice;
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

int detect_new(const struct detect_config *config, struct detect **ret)
{
	struct detect *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->config = *config;
	err = hash_init(&d->before);
	if (!err)
		err = hash_init(&d->now);
	if (err) {
		detect_free(d);
		return err;
	}
	*ret = d;
	return 0;
}

void detect_free(struct detect *d)
{
	if (!d)
		return;
	hash_release(&d->before);
	hash_release(&d->now);
	free(d->open);
	free(d);
}

/* ---- raised once, updated, cleared ----------------------------------------------------------- */

/* What only the cookies of a namespace tell of is one thing there, whosever they turn out to be. */
static bool same_syn(const struct finding_syn *a, const struct finding_syn *b)
{
	if (a->by_cookies && b->by_cookies)
		return true;
	return service_key(&a->service) == service_key(&b->service);
}

bool finding_same(const struct finding *a, const struct finding *b)
{
	if (a->kind != b->kind || a->netns != b->netns)
		return false;
	switch (a->kind) {
	case FINDING_SYN_FLOOD:
	case FINDING_ACCEPT_QUEUE_FULL:
	case FINDING_SYN_BACKLOG_SMALL:
	case FINDING_HANDSHAKE_LOSS:
		return same_syn(&a->row.syn, &b->row.syn);
	case FINDING_SYN_SCAN:
		return !memcmp(a->row.scanner.addr, b->row.scanner.addr, 16);
	case FINDING_CLOSE_WAIT_LEAK:
		return a->row.close_wait.owner.pid == b->row.close_wait.owner.pid;
	case FINDING_PORT_EXHAUSTION:
		return a->row.place.rport == b->row.place.rport &&
		       !memcmp(a->row.place.laddr, b->row.place.laddr, 16) &&
		       !memcmp(a->row.place.raddr, b->row.place.raddr, 16);
	case FINDING_DEAD_PEER:
		return a->row.dead.bits == b->row.dead.bits &&
		       !memcmp(a->row.dead.raddr, b->row.dead.raddr, 16);
	default:
		return true;
	}
}

static uint64_t amount_of(const struct finding *f)
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
		return f->row.close_wait.count;
	case FINDING_PORT_EXHAUSTION:
		return audit_ports_taken(&f->row.place);
	case FINDING_TIME_WAIT_BUILDUP:
		return f->row.table.time_wait_table;
	default:
		return f->row.dead.count;
	}
}

static struct open_finding *find_open(struct detect *d, const struct finding *f)
{
	uint32_t i;

	for (i = 0; i < d->n_open; i++)
		if (finding_same(&d->open[i].finding, f))
			return &d->open[i];
	return NULL;
}

static bool grow_open(struct detect *d)
{
	uint32_t cap = d->cap_open ? d->cap_open * 2 : 16;
	void *grown = d->n_open < DETECT_MAX ? realloc(d->open, cap * sizeof(*d->open)) : NULL;

	if (!grown)
		return false;
	d->open = grown;
	d->cap_open = cap;
	return true;
}

static void raise_finding(struct detect *d, const struct finding *f, finding_fn fn, void *ctx)
{
	struct open_finding *o;

	if ((d->n_open == d->cap_open && !grow_open(d)) || !d->open) {
		d->skipped++;
		return;
	}
	o = &d->open[d->n_open++];
	*o = (struct open_finding){
		.finding = *f,
		.told_amount = amount_of(f),
		.held_ns = f->since_ns,
		.seen = true,
	};
	o->finding.status = FINDING_RAISED;
	fn(ctx, &o->finding);
}

static bool may_be_at(const struct finding_syn *f, const struct audit_service *s)
{
	uint32_t i;

	for (i = 0; i < f->n_possible && i < FINDING_PLACES; i++)
		if (f->possible[i].lport == s->lport && !memcmp(f->possible[i].laddr, s->laddr, 16))
			return true;
	return f->n_possible > FINDING_PLACES;
}

/* It was known where, and that may still be: others that are possible now are no news. */
static bool is_known_better(const struct finding *had, const struct finding *f)
{
	return finding_is_syn(f->kind) && had->row.syn.by_cookies && !had->row.syn.n_possible &&
	       may_be_at(&f->row.syn, &had->row.syn.service);
}

/* Where it is has turned out, or it has moved. */
static bool is_elsewhere(const struct finding *had, const struct finding *f)
{
	return finding_is_syn(f->kind) && !f->row.syn.n_possible &&
	       service_key(&had->row.syn.service) != service_key(&f->row.syn.service);
}

/* It is told again when more is known, or it is worse: a higher severity, or twice as many. */
static void keep_finding(struct open_finding *o, const struct finding *f, finding_fn fn, void *ctx)
{
	bool news = f->severity > o->finding.severity || is_elsewhere(&o->finding, f) ||
		    (o->told_amount && amount_of(f) >= o->told_amount * 2);
	struct finding had = o->finding;

	o->seen = true;
	o->quiet_looks = 0;
	o->held_ns = f->since_ns;
	o->finding = *f;
	if (is_known_better(&had, f))
		o->finding.row = had.row;
	o->finding.since_ns = had.since_ns;
	/* It does not become better in steps, only over: a value at the edge must not flap. */
	if (had.severity > f->severity)
		o->finding.severity = had.severity;
	if (!news)
		return;
	o->finding.status = FINDING_UPDATED;
	o->told_amount = amount_of(f);
	fn(ctx, &o->finding);
}

/* f is complete but for severity; full and lower: by the whole threshold, and by nine tenths. */
static void consider(struct detect *d, struct finding *f, enum severity full, enum severity lower,
		     finding_fn fn, void *ctx)
{
	struct open_finding *o;

	if (!lower)
		return;
	o = find_open(d, f);
	f->severity = full ? full : lower;
	if (o)
		keep_finding(o, f, fn, ctx);
	else if (full)
		raise_finding(d, f, fn, ctx);
}

static bool is_over(const struct open_finding *o, uint64_t now_ns)
{
	if (!finding_is_syn(o->finding.kind))
		return o->quiet_looks >= DETECT_CLEAR_LOOKS;
	return o->quiet_looks >= DETECT_CLEAR_SYN_LOOKS &&
	       now_ns - o->held_ns >= DETECT_CLEAR_SYN_NS;
}

static void clear_quiet(struct detect *d, uint64_t now_ns, finding_fn fn, void *ctx)
{
	uint32_t i = 0;

	while (i < d->n_open) {
		struct open_finding *o = &d->open[i];

		o->quiet_looks += !o->seen;
		if (o->seen || !is_over(o, now_ns)) {
			i++;
			continue;
		}
		o->finding.status = FINDING_CLEARED;
		fn(ctx, &o->finding);
		*o = d->open[--d->n_open];
	}
}

static struct finding begin(const struct audit *look, enum finding_kind kind, uint32_t netns)
{
	return (struct finding){
		.kind = kind,
		.netns = netns,
		.since_ns = look->ts_ns,
		.seconds_left = AUDIT_UNKNOWN,
	};
}

/* ---- handshakes ------------------------------------------------------------------------------ */

/* Kept of a service from one look to the next: the kind its rule named, and was it visible? */
#define SEEN_VISIBLE 0x100

static bool seen_before(const struct detect *d, uint64_t key, enum finding_kind kind)
{
	uint32_t seen;

	if (!hash_find(&d->before, key, &seen))
		return false;
	return kind == FINDING_SYN_FLOOD ? seen & SEEN_VISIBLE : (seen & 0xff) == (uint32_t)kind;
}

static void fill_syn(struct finding_syn *row, const struct audit *look, const struct syn_facts *f)
{
	const struct audit_service *s = f->service;

	row->service = *s;
	row->pressure = syn_pressure_of(f);
	row->failing = f->failing;
	row->cookies = f->cookies;
	row->cookies_sent = f->cookies_now && s->netns_row != AUDIT_NONE ?
				    look->netns[s->netns_row].counter_milli[COUNTER_COOKIES_SENT] :
				    0;
	row->drops = f->drops;
	row->done_permille = syn_done_permille(f);
}

static void add_possible(struct finding_syn *row, const struct audit_service *s)
{
	if (row->n_possible < FINDING_PLACES) {
		struct finding_place *to = &row->possible[row->n_possible];

		*to = (struct finding_place){ .owner = s->owner,
					      .lport = s->lport,
					      .family = s->family };
		memcpy(to->laddr, s->laddr, sizeof(to->laddr));
	}
	row->n_possible++;
}

/* In place of the one that speaks for them, all; and was one of them visible a look ago? */
static bool fill_possible(const struct detect *d, struct finding_syn *row, const struct audit *look)
{
	struct syn_facts facts;
	bool seen = false;
	uint32_t i;

	row->service = service_unknown(row->service.netns);
	for (i = 0; i < look->n_services; i++) {
		const struct audit_service *s = &look->services[i];

		if (s->netns != row->service.netns)
			continue;
		syn_facts_read(look, s, &facts);
		if (!facts.possible)
			continue;
		add_possible(row, s);
		seen |= seen_before(d, service_key(s), FINDING_SYN_FLOOD);
	}
	return seen;
}

static bool is_open(const struct detect *d, const struct audit_service *s)
{
	uint64_t key = service_key(s);
	uint32_t i;

	for (i = 0; i < d->n_open; i++) {
		const struct finding *f = &d->open[i].finding;

		if (finding_is_syn(f->kind) && f->netns == s->netns &&
		    (service_key(&f->row.syn.service) == key || may_be_at(&f->row.syn, s)))
			return true;
	}
	return false;
}

static void want_walk(struct detect *d, uint32_t netns)
{
	uint32_t i;

	for (i = 0; i < d->n_wanted; i++)
		if (d->wanted[i] == netns)
			return;
	if (d->n_wanted < DETECT_WANTED)
		d->wanted[d->n_wanted++] = netns;
}

static void look_at_service(struct detect *d, const struct audit *look,
			    const struct audit_service *s, finding_fn fn, void *ctx)
{
	uint64_t key = service_key(s);
	enum finding_kind full, stays;
	struct syn_facts facts;
	struct finding f;
	bool seen;

	syn_facts_read(look, s, &facts);
	full = syn_judge(&d->config, look, &facts, 10);
	stays = full ? full : syn_judge(&d->config, look, &facts, STAYS_TENTHS);
	if (stays || facts.visible) {
		/* What finds no room has to wait a look longer. */
		(void)hash_add(&d->now, key, stays | (facts.visible ? SEEN_VISIBLE : 0));
		d->strange = true;
	}
	/* What has been told is explained, too, and changes slowly. */
	if ((stays || facts.visible) &&
	    (!is_open(d, s) || look->ts_ns >= s->walked_ns + DETECT_EXPLAINED_NS))
		want_walk(d, s->netns);
	if (!stays)
		return;
	f = begin(look, stays, s->netns);
	fill_syn(&f.row.syn, look, &facts);
	f.row.syn.by_cookies = stays == FINDING_SYN_FLOOD && syn_by_cookies(look, s);
	seen = f.row.syn.by_cookies && facts.speaks ? fill_possible(d, &f.row.syn, look) :
						      seen_before(d, key, full);
	if (!d->config.at_once && !seen)
		full = 0;
	consider(d, &f, syn_severity(&facts, full), syn_severity(&facts, stays), fn, ctx);
}

static void look_at_services(struct detect *d, const struct audit *look, finding_fn fn, void *ctx)
{
	struct hash last = d->before;
	uint32_t i;

	d->before = d->now;
	d->now = last;
	hash_clear(&d->now);
	d->n_wanted = 0;
	d->strange = false;
	for (i = 0; i < look->n_services; i++)
		look_at_service(d, look, &look->services[i], fn, ctx);
}

static void look_at_scanners(struct detect *d, const struct audit *look, finding_fn fn, void *ctx)
{
	uint32_t i;

	for (i = 0; i < look->n_scanners; i++) {
		const struct audit_scanner *s = &look->scanners[i];
		struct finding f = begin(look, FINDING_SYN_SCAN, s->netns);

		f.row.scanner = *s;
		if (s->ports < d->config.scan_ports)
			continue;
		consider(d, &f, SEVERITY_INFO, SEVERITY_INFO, fn, ctx);
	}
}

/* ---- what piles up --------------------------------------------------------------------------- */

static void look_at_pile(struct detect *d, struct finding *f, finding_fn fn, void *ctx)
{
	consider(d, f, pile_judge(&d->config, f, 10), pile_judge(&d->config, f, 9), fn, ctx);
}

static void look_at_rows(struct detect *d, const struct audit *look, finding_fn fn, void *ctx)
{
	struct finding f;
	uint32_t i;

	for (i = 0; i < look->n_close_wait; i++) {
		f = begin(look, FINDING_CLOSE_WAIT_LEAK, look->close_wait[i].netns);
		f.row.close_wait = look->close_wait[i];
		look_at_pile(d, &f, fn, ctx);
	}
	for (i = 0; i < look->n_places; i++) {
		f = begin(look, FINDING_PORT_EXHAUSTION, look->places[i].netns);
		f.row.place = look->places[i];
		look_at_pile(d, &f, fn, ctx);
	}
	for (i = 0; i < look->n_netns; i++) {
		f = begin(look, FINDING_TIME_WAIT_BUILDUP, look->netns[i].netns);
		f.row.table = look->netns[i];
		look_at_pile(d, &f, fn, ctx);
	}
}

static struct finding begin_dead(const struct audit *look, const struct audit_dead *dead)
{
	struct finding f = begin(look, FINDING_DEAD_PEER, dead->netns);

	f.row.dead = *dead;
	return f;
}

/* A dead rack is one finding, not one for each host; what was told before it stays told. */
static bool is_told_by_net(struct detect *d, const struct audit *look, const struct finding *f)
{
	const struct open_finding *o;
	struct finding net;

	if (f->row.dead.net == AUDIT_NONE || find_open(d, f))
		return false;
	net = begin_dead(look, &look->dead_nets[f->row.dead.net]);
	o = find_open(d, &net);
	return o && o->seen;
}

static void look_at_dead(struct detect *d, const struct audit *look, finding_fn fn, void *ctx)
{
	struct finding f;
	uint32_t i;

	for (i = 0; i < look->n_dead_nets; i++) {
		f = begin_dead(look, &look->dead_nets[i]);
		look_at_pile(d, &f, fn, ctx);
	}
	for (i = 0; i < look->n_dead; i++) {
		f = begin_dead(look, &look->dead[i]);
		if (pile_judge(&d->config, &f, 9) && !is_told_by_net(d, look, &f))
			look_at_pile(d, &f, fn, ctx);
	}
}

/* Can this look say that it is over? */
static bool is_judged(enum finding_kind kind, uint32_t covers)
{
	if (finding_is_syn(kind))
		return covers & AUDIT_LISTENERS;
	return covers & (kind == FINDING_SYN_SCAN ? AUDIT_HANDSHAKES : AUDIT_SOCKETS);
}

void detect_look(struct detect *d, const struct audit *look, uint32_t judge, finding_fn fn,
		 void *ctx)
{
	uint32_t i;

	judge &= look->covers;
	for (i = 0; i < d->n_open; i++)
		d->open[i].seen = !is_judged(d->open[i].finding.kind, judge);
	if (judge & AUDIT_LISTENERS)
		look_at_services(d, look, fn, ctx);
	if (judge & AUDIT_HANDSHAKES)
		look_at_scanners(d, look, fn, ctx);
	if (judge & AUDIT_SOCKETS) {
		look_at_rows(d, look, fn, ctx);
		look_at_dead(d, look, fn, ctx);
	}
	clear_quiet(d, look->ts_ns, fn, ctx);
}

uint32_t detect_wanted(const struct detect *d, const uint32_t **ret)
{
	*ret = d->wanted;
	return d->n_wanted;
}

bool detect_strange(const struct detect *d)
{
	return d->strange;
}

void detect_each(const struct detect *d, finding_fn fn, void *ctx)
{
	uint32_t i;

	for (i = 0; i < d->n_open; i++)
		fn(ctx, &d->open[i].finding);
}

uint32_t detect_open(const struct detect *d)
{
	return d->n_open;
}

enum severity detect_worst(const struct detect *d)
{
	enum severity worst = SEVERITY_OK;
	uint32_t i;

	for (i = 0; i < d->n_open; i++)
		if (d->open[i].finding.severity > worst)
			worst = d->open[i].finding.severity;
	return worst;
}

uint64_t detect_skipped(const struct detect *d)
{
	return d->skipped;
}
