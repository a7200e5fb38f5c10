// SPDX-License-Identifier: GPL-2.0-only
#include "detect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "detect_connect.h"
#include "detect_pile.h"
#include "detect_syn.h"
#include "standing.h"

#define STAYS_TENTHS 5 /* of the thresholds: an attack varies more than a build-up does */

/*
 * Bursts that overflow an accept queue need not show in two snapshots in a row: those of every two
 * seconds are met within the first of these and the time between two snapshots. Two snapshots
 * within the second may show one burst.
 */
#define OVERFLOWS_WITHIN_MS 2500
#define OVERFLOWS_APART_MS  500

struct detect {
	struct detect_config config;
	struct standing standing;
	struct syn_cookies *cookies; /* of the look at hand, by its namespaces */
	uint32_t cap_cookies;
	bool *left_out; /* of the group at hand: their accept queue explains what they show */
	uint32_t cap_left_out;
	/* What each service looked like, one look ago and now; by service_key(). */
	struct hash before, now;
	struct hash present; /* services of the current look, then its groups */
	/* When its accept queue was first full, within OVERFLOWS_WITHIN_MS; ms_of(). */
	struct hash overflowed_before, overflowed;
	uint32_t wanted[DETECT_WANTED];	       /* namespaces */
	uint64_t wanted_walked[DETECT_WANTED]; /* when they were walked last; 0 not lately */
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
	if (!err)
		err = hash_init(&d->overflowed_before);
	if (!err)
		err = hash_init(&d->overflowed);
	if (!err)
		err = hash_init(&d->present);
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
	hash_release(&d->overflowed_before);
	hash_release(&d->overflowed);
	hash_release(&d->present);
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

/* It wraps after 49 days; differences are right. */
static uint32_t ms_of(const struct audit *look)
{
	return (uint32_t)(look->ts_ns / 1000000);
}

static void remember_overflow(struct detect *d, const struct audit *look, uint64_t key, bool full)
{
	uint32_t now = ms_of(look), within = OVERFLOWS_WITHIN_MS, since;
	bool known = hash_find(&d->overflowed_before, key, &since);

	within += (uint32_t)(look->window_ns / 1000000);
	known = known && now - since <= within;
	/* Where there is no room it has to wait a look longer. */
	if (known || full)
		(void)hash_add(&d->overflowed, key, known ? since : now);
}

/* Of the current look: its accept queue has overflowed for least_ms or longer. */
static bool overflowed(const struct detect *d, const struct audit *look, uint64_t key,
		       uint32_t least_ms)
{
	uint32_t since;

	return hash_find(&d->overflowed, key, &since) && ms_of(look) - since >= least_ms;
}

/* A queue is not read at the instant at which what completes is counted: one may be missed. */
static bool accepts(const struct audit *look, const struct audit_service *s)
{
	int64_t accepted = service_accepted(s);

	return accepted != AUDIT_NO_RATE && audit_count_of(accepted, look->window_ns) > 1;
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
	row->syncookies =
		s->netns_row == AUDIT_NONE ? AUDIT_NO_COOKIES : look->netns[s->netns_row].cookies;
	row->accepts = accepts(look, s);
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

/*
 * Where more are wanted than there is room for, those come first that were not walked for longest:
 * trouble in many namespaces must not hide that of another one.
 */
static void want_walk(struct detect *d, const struct audit_service *s)
{
	uint32_t i, last = 0;

	for (i = 0; i < d->n_wanted; i++) {
		if (d->wanted[i] == s->netns)
			return;
		if (d->wanted_walked[i] > d->wanted_walked[last])
			last = i;
	}
	if (d->n_wanted < DETECT_WANTED)
		last = d->n_wanted++;
	else if (d->wanted_walked[last] <= s->walked_ns)
		return;
	d->wanted[last] = s->netns;
	d->wanted_walked[last] = s->walked_ns;
}

/*
 * Where the accept queue was full a moment ago, ACKs were dropped (tcp_check_req()), and those who
 * sent them come late while it empties: that is no loss on the path.
 */
static bool is_told_by_accept_queue(const struct detect *d, const struct audit *look,
				    const struct finding *f)
{
	struct finding accept = *f;

	if (f->kind != FINDING_HANDSHAKE_LOSS || standing_find(&d->standing, f))
		return false;
	accept.kind = FINDING_ACCEPT_QUEUE_FULL;
	return standing_find(&d->standing, &accept) ||
	       overflowed(d, look, service_key(&f->row.syn.service), 0);
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

	remember_overflow(d, look, service_key(s), j->full == FINDING_ACCEPT_QUEUE_FULL);
	if (!j->stays && !j->facts.visible)
		return;
	/* What finds no room has to wait a look longer. */
	(void)hash_add(&d->now, service_key(s), j->stays | (j->facts.visible ? SEEN_VISIBLE : 0));
	d->strange = true;
	/* What has been told is explained, too, and changes slowly. */
	if (!standing_at(&d->standing, s) || look->ts_ns >= s->walked_ns + DETECT_EXPLAINED_NS)
		want_walk(d, s);
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

	if (service_filtered(look, s))
		return;
	if (!s->is_group && is_told_by_accept_queue(d, look, &f))
		return;
	f.row.syn.by_cookies = j->stays == FINDING_SYN_FLOOD && syn_by_cookies(look, s);
	if (f.row.syn.by_cookies && j->facts.speaks)
		seen = fill_possible(d, &f.row.syn, look);
	else if (full == FINDING_ACCEPT_QUEUE_FULL)
		seen = (s->accept_full && seen_before(d, service_key(s), full)) ||
		       overflowed(d, look, service_key(s), OVERFLOWS_APART_MS);
	else
		seen = seen_before(d, service_key(s), full);
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
	return standing_find(&d->standing, &f) ||
	       overflowed(d, look, service_key(j->facts.service), 0);
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

/* What is known now is known from before; nothing is known now. */
static void begin_memory(struct hash *before, struct hash *now)
{
	struct hash last = *before;

	*before = *now;
	*now = last;
	hash_clear(now);
}

/* Without memory it waits for the next look. */
static void look_at_services(struct detect *d, const struct audit *look)
{
	uint32_t i;

	begin_memory(&d->before, &d->now);
	begin_memory(&d->overflowed_before, &d->overflowed);
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

/* ---- what a look cannot say ------------------------------------------------------------------ */

struct unseen {
	struct detect *d;
	const struct audit *look;
	bool indexed;
};

static bool has_netns(const struct audit *look, uint32_t netns)
{
	uint32_t at;

	return hash_find(&look->by_netns, netns, &at);
}

/* Without memory they are looked for in vain, and stay. */
static bool index_services(struct unseen *u)
{
	const struct audit *look = u->look;
	uint32_t i, at;
	int err = 0;

	if (u->indexed)
		return true;
	hash_clear(&u->d->present);
	for (i = 0; !err && i < look->n_services + look->n_service_groups; i++) {
		uint64_t key = service_key(i < look->n_services ?
						   &look->services[i] :
						   &look->service_groups[i - look->n_services]);

		if (!hash_find(&u->d->present, key, &at))
			err = hash_add(&u->d->present, key, i);
	}
	u->indexed = !err;
	return u->indexed;
}

static const struct audit_service *find_present(const struct unseen *u,
						const struct audit_service *s)
{
	const struct audit *look = u->look;
	uint32_t at;

	if (!hash_find(&u->d->present, service_key(s), &at))
		return NULL;
	return at < look->n_services ? &look->services[at] :
				       &look->service_groups[at - look->n_services];
}

/* The rates that its rule goes by are not known in this look. */
static bool has_no_rates(const struct audit *look, const struct finding *f,
			 const struct audit_service *s)
{
	const struct audit_netns *n =
		s->netns_row == AUDIT_NONE ? NULL : &look->netns[s->netns_row];

	switch (f->kind) {
	case FINDING_HANDSHAKE_LOSS:
		return s->late_milli == AUDIT_NO_RATE;
	case FINDING_ACCEPT_QUEUE_FULL:
		return s->drops_milli == AUDIT_NO_RATE;
	default:
		return f->row.syn.pressure != SYN_SLOW &&
		       (!n || n->counter_milli[COUNTER_COOKIES_SENT] == AUDIT_NO_RATE);
	}
}

/*
 * Is it not known whether this one is over? Where its listener is not in the look, that has been
 * closed; unless the look misses some, or could not enter its namespace.
 */
static bool is_unseen(void *ctx, const struct finding *f)
{
	struct unseen *u = ctx;
	const struct audit *look = u->look;
	const struct audit_service *s;

	if (!finding_is_syn(f->kind))
		return false;
	if (f->row.syn.n_possible)
		return !has_netns(look, f->netns);
	if (!index_services(u))
		return true;
	s = find_present(u, &f->row.syn.service);
	if (!s)
		return !audit_has_all_listeners(look) ||
		       (look->covers & AUDIT_SOCKETS && !has_netns(look, f->netns));
	return has_no_rates(look, f, s);
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

/* ---- connects that fail ---------------------------------------------------------------------- */

static struct finding begin_connect(const struct audit *look, const struct audit_connect *row)
{
	struct finding f = begin(look, FINDING_CONNECT_FAILING, row->netns);

	if (row->netns_cookie)
		f.netns_cookie = row->netns_cookie;
	f.row.connect.row = *row;
	f.row.connect.ports_used = f.row.connect.ports_range = AUDIT_UNKNOWN;
	return f;
}

/* A dead network is one finding, not one for each destination; an active one stays. */
static bool is_covered_by_source(struct detect *d, const struct audit *look,
				 const struct finding *f)
{
	const struct audit_connect *row = &f->row.connect.row;
	struct finding source;

	if (row->of == CONNECT_OF_SOURCE || row->source == AUDIT_NONE ||
	    standing_find(&d->standing, f))
		return false;
	source = begin_connect(look, &look->connects[row->source]);
	return standing_find(&d->standing, &source) != NULL;
}

static void look_at_connect(struct detect *d, const struct audit *look,
			    const struct audit_connect *row)
{
	enum severity full = connect_judge(&d->config, row);
	enum severity stays = full ? full : connect_stays(&d->config, row);
	struct finding f;

	if (!full && !(stays && d->standing.n))
		return;
	f = begin_connect(look, row);
	if (is_covered_by_source(d, look, &f))
		return;
	if (full)
		connect_ports(look->walk, row, &f.row.connect.ports_used,
			      &f.row.connect.ports_range);
	standing_consider(&d->standing, &f, full, stays);
}

static void look_at_connects(struct detect *d, const struct audit *look)
{
	int of;
	uint32_t i;

	for (of = CONNECT_OF_SOURCE; of >= CONNECT_OF_DESTINATION; of--)
		for (i = 0; i < look->n_connects; i++)
			if (look->connects[i].of == of)
				look_at_connect(d, look, &look->connects[i]);
}

/* Of what a look with this can say that it is over. */
static uint32_t kinds_of(uint32_t covers)
{
	uint32_t kinds = 0;
	int kind;

	for (kind = 1; kind < FINDING_MAX; kind++) {
		uint32_t by = finding_is_syn((enum finding_kind)kind) ? AUDIT_LISTENERS :
			      kind == FINDING_SYN_SCAN		      ? AUDIT_HANDSHAKES :
			      kind == FINDING_CONNECT_FAILING ? AUDIT_CONNECTS | AUDIT_PENDING :
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
	if (judge & (AUDIT_CONNECTS | AUDIT_PENDING))
		look_at_connects(d, look);
	standing_excuse(&d->standing, is_unseen, &(struct unseen){ .d = d, .look = look });
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
