// SPDX-License-Identifier: GPL-2.0-only
#include "detect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "detect_pile.h"
#include "detect_syn.h"
#include "standing.h"

#define STAYS_TENTHS 5 /* of the thresholds: an attack varies more than a build-up does */

struct detect {
	struct detect_config config;
	struct standing standing;
	struct syn_cookies *cookies; /* of the look at hand, by its namespaces */
	uint32_t cap_cookies;
	bool *left_out; /* of the group at hand: their accept queue explains what they show */
	uint32_t cap_left_out;
	/* What each service looked like, one look ago and now; by service_key(). */
	struct hash before, now;
	uint32_t wanted[DETECT_WANTED]; /* namespaces */
	uint32_t n_wanted;
	bool strange; /* something is visible at a service */
};

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
	standing_release(&d->standing);
	free(d->cookies);
	free(d->left_out);
	free(d);
}

static struct finding begin(const struct audit *look, enum finding_kind kind, uint32_t netns)
{
	return (struct finding){
		.kind = kind,
		.netns = netns,
		.netns_cookie = audit_netns_cookie(look, netns),
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
					      .device = s->device,
					      .lport = s->lport,
					      .family = s->family };
		memcpy(to->laddr, s->laddr, sizeof(to->laddr));
	}
	row->n_possible++;
}

static bool add_if_possible(const struct detect *d, struct finding_syn *row,
			    const struct audit *look, const struct audit_service *s)
{
	struct syn_facts facts;

	if (s->netns != row->service.netns)
		return false;
	syn_facts_read(look, d->cookies, s, &facts);
	if (!facts.possible)
		return false;
	add_possible(row, s);
	return seen_before(d, service_key(s), FINDING_SYN_FLOOD);
}

/* In place of the one that speaks for them, all; and was one of them visible a look ago? */
static bool fill_possible(const struct detect *d, struct finding_syn *row, const struct audit *look)
{
	bool seen = false;
	uint32_t i;

	row->service = service_unknown(row->service.netns);
	for (i = 0; i < look->n_services; i++) {
		const struct audit_service *s = service_or_group(look, i);

		if (s)
			seen |= add_if_possible(d, row, look, s);
	}
	return seen;
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

/*
 * Where the accept queue was full a moment ago, ACKs were dropped (tcp_check_req()), and those who
 * sent them come late while it empties: that is no loss on the path.
 */
static bool is_told_by_accept_queue(const struct detect *d, const struct finding *f)
{
	struct finding accept = *f;

	accept.kind = FINDING_ACCEPT_QUEUE_FULL;
	return f->kind == FINDING_HANDSHAKE_LOSS && standing_find(&d->standing, &accept) &&
	       !standing_find(&d->standing, f);
}

/* What the rules say of a service: by their thresholds, and by those that are enough to stay. */
struct judged {
	struct syn_facts facts;
	enum finding_kind full, stays; /* 0 none */
};

static void judge(const struct detect *d, const struct audit *look, const struct audit_service *s,
		  struct judged *ret)
{
	syn_facts_read(look, d->cookies, s, &ret->facts);
	ret->full = syn_judge(&d->config, look, &ret->facts, 10);
	ret->stays = ret->full;
	if (!ret->full)
		ret->stays = syn_judge(&d->config, look, &ret->facts, STAYS_TENTHS);
}

/* For the next look, which finds out here what this one saw. */
static void remember(struct detect *d, const struct audit *look, const struct judged *j)
{
	const struct audit_service *s = j->facts.service;

	if (!j->stays && !j->facts.visible)
		return;
	/* What finds no room has to wait a look longer. */
	(void)hash_add(&d->now, service_key(s), j->stays | (j->facts.visible ? SEEN_VISIBLE : 0));
	d->strange = true;
	/* What has been told is explained, too, and changes slowly. */
	if (!standing_at(&d->standing, s) || look->ts_ns >= s->walked_ns + DETECT_EXPLAINED_NS)
		want_walk(d, s->netns);
}

static struct finding begin_syn(const struct audit *look, const struct judged *j)
{
	struct finding f = begin(look, j->stays, j->facts.service->netns);

	fill_syn(&f.row.syn, look, &j->facts);
	return f;
}

static void consider(struct detect *d, const struct audit *look, const struct judged *j)
{
	const struct audit_service *s = j->facts.service;
	struct finding f = begin_syn(look, j);
	enum finding_kind full = j->full;
	bool seen;

	if (!s->is_group && is_told_by_accept_queue(d, &f))
		return;
	f.row.syn.by_cookies = j->stays == FINDING_SYN_FLOOD && syn_by_cookies(look, s);
	seen = f.row.syn.by_cookies && j->facts.speaks ? fill_possible(d, &f.row.syn, look) :
							 seen_before(d, service_key(s), full);
	if (!d->config.at_once && !seen)
		full = 0;
	standing_consider(&d->standing, &f, syn_severity(&j->facts, full),
			  syn_severity(&j->facts, j->stays));
}

static void look_at_service(struct detect *d, const struct audit *look,
			    const struct audit_service *s)
{
	struct judged j;

	judge(d, look, s, &j);
	remember(d, look, &j);
	if (j.stays)
		consider(d, look, &j);
}

/* ---- groups of listeners --------------------------------------------------------------------- */

/* A group, what its members show, and the sum of those that their accept queue does not explain. */
struct group {
	const struct audit_service *members;
	uint32_t n, n_left_out;
	uint32_t n_shown;	       /* members with a finding but accept_queue_full */
	struct judged shown;	       /* of the last of them */
	enum finding_kind full, stays; /* the worst of theirs */
	struct audit_service sum;
};

static enum finding_kind worse(enum finding_kind a, enum finding_kind b)
{
	return !a || (b && b < a) ? b : a;
}

static bool accept_queue_stands(const struct detect *d, const struct audit *look,
				const struct judged *j)
{
	struct finding f = begin(look, FINDING_ACCEPT_QUEUE_FULL, j->facts.service->netns);

	if (j->facts.service->late_milli <= 0 && !j->facts.visible)
		return false; /* nothing to explain */
	f.row.syn.service = *j->facts.service;
	return standing_find(&d->standing, &f);
}

static void judge_member(struct detect *d, const struct audit *look, struct group *g, uint32_t i)
{
	struct judged j;

	judge(d, look, &g->members[i], &j);
	remember(d, look, &j);
	d->left_out[i] = j.stays == FINDING_ACCEPT_QUEUE_FULL || accept_queue_stands(d, look, &j);
	if (j.stays == FINDING_ACCEPT_QUEUE_FULL)
		consider(d, look, &j);
	if (d->left_out[i]) {
		g->n_left_out++;
		service_leave_out(&g->sum, &g->members[i]);
	} else if (j.stays) {
		g->n_shown++;
		g->shown = j;
		g->full = worse(g->full, j.full);
		g->stays = worse(g->stays, j.stays);
	}
}

static bool group_stands(const struct detect *d, const struct audit *look, const struct group *g)
{
	struct finding f = begin(look, g->stays, g->sum.netns);
	const struct standing_finding *o;

	f.row.syn.service = g->sum;
	o = standing_find(&d->standing, &f);
	return o && o->finding.row.syn.service.is_group;
}

/* One member shows it, and the others together do not: it is at that one. */
static bool is_of_one(const struct detect *d, const struct audit *look, const struct group *g)
{
	struct audit_service others = g->sum;
	struct judged j;

	if (g->n_shown != 1 || group_stands(d, look, g))
		return false;
	service_leave_out(&others, g->shown.facts.service);
	judge(d, look, &others, &j);
	return !others.listeners || !j.stays;
}

/*
 * The kernel spreads connections over a group by a hash: a flood, a rush or a lossy path may show
 * at each member a little. It is one finding, about the group.
 */
static void look_at_group(struct detect *d, const struct audit *look,
			  const struct audit_service *whole)
{
	struct group g = { .members = &look->services[whole->first],
			   .n = whole->listeners,
			   .sum = *whole };
	struct judged j;
	uint32_t i;

	for (i = 0; i < g.n; i++)
		judge_member(d, look, &g, i);
	if (g.n_left_out == g.n)
		return;
	if (is_of_one(d, look, &g)) {
		consider(d, look, &g.shown);
		return;
	}
	if (g.n_left_out)
		spread_of_some(look, &g.sum, d->left_out);
	judge(d, look, &g.sum, &j);
	j.full = worse(j.full, g.full);
	j.stays = j.full ? j.full : worse(j.stays, g.stays);
	remember(d, look, &j);
	g.sum.listeners = g.n;
	if (j.stays)
		consider(d, look, &j);
}

static bool read_cookies(struct detect *d, const struct audit *look)
{
	if (look->n_netns > d->cap_cookies) {
		void *more = realloc(d->cookies, look->n_netns * sizeof(*d->cookies));

		if (!more)
			return false;
		d->cookies = more;
		d->cap_cookies = look->n_netns;
	}
	syn_cookies_read(look, d->cookies);
	return true;
}

static bool reserve_members(struct detect *d, uint32_t n)
{
	bool *more = n > d->cap_left_out ? realloc(d->left_out, n * sizeof(*more)) : d->left_out;

	if (n <= d->cap_left_out)
		return true;
	if (!more)
		return false;
	d->left_out = more;
	d->cap_left_out = n;
	return true;
}

/* Without memory it waits for the next look. */
static void look_at_services(struct detect *d, const struct audit *look)
{
	struct hash last = d->before;
	uint32_t i;

	d->before = d->now;
	d->now = last;
	hash_clear(&d->now);
	d->n_wanted = 0;
	d->strange = false;
	if (!read_cookies(d, look) || !reserve_members(d, look->n_services))
		return;
	for (i = 0; i < look->n_services; i++) {
		const struct audit_service *s = service_or_group(look, i);

		if (s && s->is_group)
			look_at_group(d, look, s);
		else if (s)
			look_at_service(d, look, s);
	}
}

static void look_at_scanners(struct detect *d, const struct audit *look)
{
	uint32_t i;

	for (i = 0; i < look->n_scanners; i++) {
		const struct audit_scanner *s = &look->scanners[i];
		struct finding f = begin(look, FINDING_SYN_SCAN, s->netns);

		f.row.scanner = *s;
		if (s->ports < d->config.scan_ports)
			continue;
		standing_consider(&d->standing, &f, SEVERITY_INFO, SEVERITY_INFO);
	}
}

/* ---- what piles up --------------------------------------------------------------------------- */

static void look_at_pile(struct detect *d, struct finding *f)
{
	standing_consider(&d->standing, f, pile_judge(&d->config, f, 10),
			  pile_judge(&d->config, f, 9));
}

static void look_at_rows(struct detect *d, const struct audit *look)
{
	struct finding f;
	uint32_t i;

	for (i = 0; i < look->n_close_wait; i++) {
		f = begin(look, FINDING_CLOSE_WAIT_LEAK, look->close_wait[i].netns);
		f.row.half_closed = look->close_wait[i];
		look_at_pile(d, &f);
	}
	for (i = 0; i < look->n_fin_wait2; i++) {
		f = begin(look, FINDING_FIN_WAIT2_HELD, look->fin_wait2[i].netns);
		f.row.half_closed = look->fin_wait2[i];
		look_at_pile(d, &f);
	}
	for (i = 0; i < look->n_places; i++) {
		f = begin(look, FINDING_PORT_EXHAUSTION, look->places[i].netns);
		f.row.place = look->places[i];
		look_at_pile(d, &f);
	}
	for (i = 0; i < look->n_netns; i++) {
		f = begin(look, FINDING_TIME_WAIT_BUILDUP, look->netns[i].netns);
		f.row.table = look->netns[i];
		look_at_pile(d, &f);
	}
}

static struct finding begin_dead(const struct audit *look, const struct audit_dead *dead)
{
	struct finding f = begin(look, FINDING_DEAD_PEER, dead->netns);

	if (dead->netns_cookie)
		f.netns_cookie = dead->netns_cookie;
	f.row.dead = *dead;
	return f;
}

/* A dead rack is one finding, not one for each host; what was told before it stays told. */
static bool is_told_by_net(struct detect *d, const struct audit *look, const struct finding *f)
{
	const struct standing_finding *o;
	struct finding net;

	if (f->row.dead.net == AUDIT_NONE || standing_find(&d->standing, f))
		return false;
	net = begin_dead(look, &look->dead_nets[f->row.dead.net]);
	o = standing_find(&d->standing, &net);
	return o && o->held;
}

static void look_at_dead(struct detect *d, const struct audit *look)
{
	struct finding f;
	uint32_t i;

	for (i = 0; i < look->n_dead_nets; i++) {
		f = begin_dead(look, &look->dead_nets[i]);
		look_at_pile(d, &f);
	}
	for (i = 0; i < look->n_dead; i++) {
		f = begin_dead(look, &look->dead[i]);
		if (pile_judge(&d->config, &f, 9) && !is_told_by_net(d, look, &f))
			look_at_pile(d, &f);
	}
}

/* Of what a look with this can say that it is over. */
static uint32_t kinds_of(uint32_t covers)
{
	uint32_t kinds = 0;
	int kind;

	for (kind = 1; kind < FINDING_MAX; kind++) {
		uint32_t by = finding_is_syn((enum finding_kind)kind) ? AUDIT_LISTENERS :
			      kind == FINDING_SYN_SCAN		      ? AUDIT_HANDSHAKES :
									AUDIT_SOCKETS;

		if (covers & by)
			kinds |= 1u << kind;
	}
	return kinds;
}

void detect_look(struct detect *d, const struct audit *look, uint32_t judge, finding_fn fn,
		 void *ctx)
{
	judge &= look->covers;
	standing_begin(&d->standing, kinds_of(judge), fn, ctx);
	if (judge & AUDIT_SOCKETS)
		standing_keep_unseen(&d->standing, look, kinds_of(AUDIT_SOCKETS));
	if (judge & AUDIT_LISTENERS)
		look_at_services(d, look);
	if (judge & AUDIT_HANDSHAKES)
		look_at_scanners(d, look);
	if (judge & AUDIT_SOCKETS) {
		look_at_rows(d, look);
		look_at_dead(d, look);
	}
	standing_end(&d->standing, look->ts_ns);
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

	for (i = 0; i < d->standing.n; i++)
		fn(ctx, &d->standing.at[i].finding);
}

uint32_t detect_open(const struct detect *d)
{
	return d->standing.n;
}

enum severity detect_worst(const struct detect *d)
{
	return standing_worst(&d->standing);
}

uint64_t detect_skipped(const struct detect *d)
{
	return d->standing.skipped;
}
