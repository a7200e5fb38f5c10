// SPDX-License-Identifier: GPL-2.0-only
#include "service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"

/* What the kernel looks up a listener by; the address may be that of its connections. */
struct endpoint {
	const uint8_t *laddr;
	uint32_t netns, device;
	uint16_t lport;
	bool inet4;
};

static uint64_t endpoint_key(const struct endpoint *e)
{
	uint64_t where = (uint64_t)e->netns << 32 | (uint64_t)e->lport << 1 | e->inet4;

	return hash_bytes(e->laddr, 16, hash_mix(where ^ hash_mix(e->device)));
}

static uint64_t place_key(const struct audit_service *s)
{
	const struct endpoint e = { s->laddr, s->netns, s->device, s->lport,
				    s->flags & AUDIT_INET4 };

	return endpoint_key(&e);
}

uint64_t service_key(const struct audit_service *s)
{
	return s->id ? hash_mix(s->id) : hash_mix(place_key(s) + 1 + s->is_group);
}

bool service_same_place(const struct audit_service *a, const struct audit_service *b)
{
	return a->netns == b->netns && a->lport == b->lport && a->device == b->device &&
	       !((a->flags ^ b->flags) & AUDIT_INET4) && !memcmp(a->laddr, b->laddr, 16);
}

const struct audit_service *service_or_group(const struct audit *a, uint32_t i)
{
	const struct audit_service *s = &a->services[i];

	if (s->group == AUDIT_NONE)
		return s;
	return a->service_groups[s->group].first == i ? &a->service_groups[s->group] : NULL;
}

struct audit_service service_unknown(uint32_t netns)
{
	return (struct audit_service){
		.netns = netns,
		.syn_queue = AUDIT_UNKNOWN,
		.accept_queue = AUDIT_UNKNOWN,
		.queue_limit = AUDIT_UNKNOWN,
		.syn_limit = AUDIT_UNKNOWN,
		.cookie_age_ns = AUDIT_UNKNOWN,
		.cookie_gap_ns = AUDIT_UNKNOWN,
		.cookies_before = AUDIT_UNKNOWN,
		.half_open = AUDIT_UNKNOWN,
		.acked = AUDIT_UNKNOWN,
		.stuck = AUDIT_UNKNOWN,
		.oldest_ns = AUDIT_UNKNOWN,
		.newest_ns = AUDIT_UNKNOWN,
		.sources = AUDIT_UNKNOWN,
		.prefixes = AUDIT_UNKNOWN,
		.sources_exact = true,
		.prefixes_exact = true,
		.drops_milli = AUDIT_NO_RATE,
		.accept_growth_milli = AUDIT_NO_RATE,
		.done_milli = AUDIT_NO_RATE,
		.late_milli = AUDIT_NO_RATE,
		.resent_milli = AUDIT_NO_RATE,
		.failing_milli = AUDIT_NO_RATE,
		.done_before = AUDIT_NO_RATE,
		.netns_row = AUDIT_NONE,
		.group = AUDIT_NONE,
	};
}

/* ---- services out of listeners --------------------------------------------------------------- */

static void begin_service(struct audit_service *s, const struct audit_socket *l)
{
	*s = service_unknown(l->netns);
	s->id = l->id;
	s->owner = l->owner;
	s->listeners = 1;
	s->family = l->family;
	s->flags = l->flags;
	s->lport = l->lport;
	s->device = l->device;
	memcpy(s->laddr, l->laddr, sizeof(s->laddr));
	s->accept_full = l->accept_queue > l->queue_limit; /* sk_acceptq_is_full() */
	s->syn_queue = l->syn_queue;
	s->syn_queue_young = l->syn_queue_young;
	s->accept_queue = l->accept_queue;
	s->queue_limit = l->queue_limit;
	s->cookie_age_ns = l->cookie_age_ns;
	s->half_open = s->acked = s->stuck = 0;
}

/* The walk may meet a listener twice: its rows have the same id. */
static bool is_again(const struct audit_service *s, const struct audit_socket *l)
{
	return l->id && s->id == l->id;
}

static int make_services(struct audit *a)
{
	uint32_t i;

	free(a->services);
	a->n_services = 0;
	a->services = a->n_listeners ? calloc(a->n_listeners, sizeof(*a->services)) : NULL;
	if (a->n_listeners && !a->services)
		return -ENOMEM;
	for (i = 0; i < a->n_listeners; i++) {
		struct audit_listener *l = &a->listeners[i];

		if (!a->n_services || !is_again(&a->services[a->n_services - 1], &l->socket))
			begin_service(&a->services[a->n_services++], &l->socket);
		l->service = a->n_services - 1;
	}
	return 0;
}

/* How many services from this one on share a place. */
static uint32_t count_members(const struct audit *a, uint32_t first)
{
	uint32_t n = 1;

	while (first + n < a->n_services &&
	       service_same_place(&a->services[first], &a->services[first + n]))
		n++;
	return n;
}

static int make_groups(struct audit *a)
{
	uint32_t i, j, n;

	free(a->service_groups);
	a->n_service_groups = 0;
	a->service_groups =
		a->n_services > 1 ? calloc(a->n_services / 2, sizeof(*a->service_groups)) : NULL;
	if (a->n_services > 1 && !a->service_groups)
		return -ENOMEM;
	for (i = 0; i < a->n_services; i += n) {
		n = count_members(a, i);
		if (n == 1)
			continue;
		a->service_groups[a->n_service_groups].first = i;
		a->service_groups[a->n_service_groups].listeners = n;
		for (j = i; j < i + n; j++)
			a->services[j].group = a->n_service_groups;
		a->n_service_groups++;
	}
	return 0;
}

/* By inode: which of a look's namespaces. */
static int index_netns(struct hash *h, const struct audit *a)
{
	uint32_t i, at;
	int err = hash_init(h);

	for (i = 0; !err && i < a->n_netns; i++)
		if (!hash_find(h, a->netns[i].netns, &at))
			err = hash_add(h, a->netns[i].netns, i);
	return err;
}

uint64_t service_syn_limit(const struct audit_netns *n, uint64_t queue_limit)
{
	uint64_t most = n ? n->syn_backlog - (n->syn_backlog >> 2) : 0;

	return most && most < queue_limit ? most : queue_limit;
}

static int find_namespaces(struct audit *a)
{
	struct hash rows;
	uint32_t i, at;
	int err = index_netns(&rows, a);

	for (i = 0; !err && i < a->n_services; i++) {
		struct audit_service *s = &a->services[i];
		bool known = hash_find(&rows, s->netns, &at);

		s->netns_row = known ? at : AUDIT_NONE;
		s->syn_limit = service_syn_limit(known ? &a->netns[at] : NULL, s->queue_limit);
		/* inet_csk_reqsk_queue_is_full() */
		s->syn_full = s->syn_queue > s->syn_limit;
	}
	hash_release(&rows);
	return err;
}

static int remember_cookies(struct audit *a, const struct audit *recent)
{
	struct hash rows;
	uint32_t i, at;
	int err = index_netns(&rows, recent);

	for (i = 0; !err && i < a->n_services; i++) {
		struct audit_service *s = &a->services[i];
		const int64_t *rates;

		if (s->cookie_age_ns == AUDIT_UNKNOWN || !hash_find(&rows, s->netns, &at))
			continue;
		rates = recent->netns[at].counter_milli;
		s->cookies_before = audit_count_of(rates[COUNTER_COOKIES_SENT], recent->window_ns);
	}
	hash_release(&rows);
	return err;
}

/* ---- rates of a listener's own counts -------------------------------------------------------- */

/* One that has begun anew (shutdown(), listen()) has counted from 0. */
static int64_t rate_of(uint64_t now, uint64_t before, uint64_t ns)
{
	return audit_rate_milli(now, before <= now ? before : 0, ns);
}

/* before: in the look before; NULL: it was not there, and counts from its birth in this window. */
static void rate_handshakes(struct audit_service *s, const struct audit_socket *l,
			    const struct audit_socket *before, uint64_t ns)
{
	static const struct audit_socket none;
	bool again;

	if (!before || !(before->flags & AUDIT_HAS_HANDSHAKES))
		before = &none;
	again = l->done < before->done || l->resent < before->resent;
	if (again)
		before = &none;
	s->done_milli = rate_of(l->done, before->done, ns);
	s->late_milli = rate_of(l->late, before->late, ns);
	s->resent_milli = rate_of(l->resent, before->resent, ns);
	s->failing_milli = rate_of(l->failing, before->failing, ns);
}

/*
 * Was it born since the look before, which did not have it? Looks at all sockets have them all.
 * (Recordings up to format 2.1 have no counts of it: they replay as they did, without rates.)
 */
static bool is_new(const struct audit_socket *l, const struct audit *recent, uint64_t ns)
{
	if (l->in_state_ns == AUDIT_UNKNOWN)
		return recent->covers & AUDIT_SOCKETS;
	return l->in_state_ns < ns;
}

static void rate_listener(struct audit *a, struct audit_listener *l,
			  const struct audit_socket *before, const struct audit *recent)
{
	bool counted = recent->covers & a->covers & AUDIT_HANDSHAKES;
	struct audit_service *s = &a->services[l->service];
	bool has_counts = l->socket.flags & AUDIT_HAS_HANDSHAKES;
	uint64_t ns = a->ts_ns - recent->ts_ns;
	bool known = before || (has_counts && is_new(&l->socket, recent, ns));

	if (known)
		l->drops_milli =
			audit_rate_milli(l->socket.drops - (before ? before->drops : 0), 0, ns);
	s->drops_milli = l->drops_milli;
	if (counted && (known || !has_counts))
		rate_handshakes(s, &l->socket, before, ns);
}

static int rate_listeners(struct audit *a, const struct audit *recent)
{
	struct hash before;
	uint32_t i, at;
	int err = hash_init(&before);

	for (i = 0; !err && i < recent->n_listeners; i++)
		if (!hash_find(&before, recent->listeners[i].socket.id, &at))
			err = hash_add(&before, recent->listeners[i].socket.id, i);
	for (i = 0; !err && i < a->n_listeners; i++) {
		struct audit_listener *l = &a->listeners[i];
		bool there = hash_find(&before, l->socket.id, &at);

		rate_listener(a, l, there ? &recent->listeners[at].socket : NULL, recent);
	}
	hash_release(&before);
	return err;
}

/* ---- half-open connections ------------------------------------------------------------------- */

/*
 * How many different ones a group has in all: listeners may share some, so for several of them the
 * sum is an upper bound, and exact only where the rows are merged (spread_settle_groups()).
 */
static void add_different(uint64_t *to, bool *to_exact, uint64_t n, bool exact)
{
	*to = (*to == AUDIT_UNKNOWN ? 0 : *to) + n;
	*to_exact = *to_exact && exact;
}

static void add_half_open(struct audit_service *s, const struct audit_half_open *h)
{
	s->passes = true;
	s->half_open += h->count;
	s->full += h->full;
	s->acked += h->acked;
	s->stuck += h->stuck;
	s->recent += h->recent;
	s->old_stuck += h->stuck - h->recent;
	s->plain += h->plain;
	s->oldest_ns = audit_longest(s->oldest_ns, h->oldest_ns);
	if (h->newest_ns < s->newest_ns)
		s->newest_ns = h->newest_ns;
	add_different(&s->sources, &s->sources_exact, h->sources, h->sources_exact);
	add_different(&s->prefixes, &s->prefixes_exact, h->prefixes, h->prefixes_exact);
}

/* By the listener's cookie; by nothing else, since a closed one's address may be another's now. */
static int join_half_open(struct audit *a)
{
	struct hash listeners;
	uint32_t i, at;
	int err = hash_init(&listeners);

	for (i = 0; !err && i < a->n_listeners; i++)
		if (a->listeners[i].socket.id &&
		    !hash_find(&listeners, a->listeners[i].socket.id, &at))
			err = hash_add(&listeners, a->listeners[i].socket.id, i);
	for (i = 0; !err && i < a->n_half_open; i++) {
		struct audit_half_open *h = &a->half_open[i];

		h->service = AUDIT_NONE;
		if (!h->listener || !a->services || !hash_find(&listeners, h->listener, &at))
			continue;
		a->listeners[at].half_open = i;
		h->service = a->listeners[at].service;
		add_half_open(&a->services[h->service], h);
	}
	hash_release(&listeners);
	return err;
}

/* ---- looks without a walk -------------------------------------------------------------------- */

static void carry_spread(struct audit_service *s, const struct audit_service *then)
{
	s->sources_v4 = then->sources_v4;
	s->sources_v6 = then->sources_v6;
	s->spread = then->spread;
	memcpy(s->spread_addr, then->spread_addr, sizeof(s->spread_addr));
	s->spread_bits = then->spread_bits;
	s->spread_family = then->spread_family;
	s->spread_device = then->spread_device;
	s->spread_percent = then->spread_percent;
}

static void carry_sources(struct audit_service *s, const struct audit_service *then)
{
	s->plain = then->plain;
	s->old_stuck = then->old_stuck;
	s->oldest_ns = then->oldest_ns;
	s->newest_ns = then->newest_ns;
	s->sources = then->sources;
	s->prefixes = then->prefixes;
	s->sources_exact = then->sources_exact;
	s->prefixes_exact = then->prefixes_exact;
	s->walked_ns = then->walked_ns;
	s->passes = then->passes;
	carry_spread(s, then);
}

/* then: the same service in an earlier look; NULL: it was not there, or too long ago. */
static void carry(struct audit_service *s, const struct audit_service *then)
{
	uint64_t timed_out =
		s->syn_queue > s->syn_queue_young ? s->syn_queue - s->syn_queue_young : 0;

	if (then) {
		carry_sources(s, then);
		s->acked = then->acked < timed_out ? then->acked : timed_out;
	}
	s->half_open = s->syn_queue;
	s->stuck = timed_out - s->acked;
}

/*
 * How long it took until the mark of cookies was renewed. Looks that are further apart than it is
 * from one time to the next may have missed one.
 */
static uint64_t cookie_gap(const struct audit_service *s, uint64_t ts_ns,
			   const struct audit_service *then, uint64_t then_ns)
{
	const uint64_t same_ns = SERVICE_COOKIES_NS / 2; /* what a slow walk makes of one time */
	uint64_t before;

	if (s->cookie_age_ns == AUDIT_UNKNOWN || then->cookie_age_ns == AUDIT_UNKNOWN)
		return AUDIT_UNKNOWN;
	before = then->cookie_age_ns + ts_ns - then_ns;
	if (before < s->cookie_age_ns + same_ns)
		return then->cookie_gap_ns;
	return ts_ns - then_ns <= SERVICE_COOKIES_NS ? before - s->cookie_age_ns : AUDIT_UNKNOWN;
}

/* The services of a look, or its groups, by key. */
struct index {
	const struct audit_service *rows; /* NULL: there is no look */
	struct hash by_key;
};

static int index_init(struct index *x, const struct audit_service *rows, uint32_t n)
{
	uint32_t i, at;
	int err = hash_init(&x->by_key);

	x->rows = rows;
	for (i = 0; !err && rows && i < n; i++)
		if (!hash_find(&x->by_key, service_key(&rows[i]), &at))
			err = hash_add(&x->by_key, service_key(&rows[i]), i);
	return err;
}

static const struct audit_service *index_find(const struct index *x, const struct audit_service *s)
{
	uint32_t at;

	return x->rows && hash_find(&x->by_key, service_key(s), &at) ? &x->rows[at] : NULL;
}

static bool has_walked(const struct audit *a, const struct audit_service *s)
{
	return s->netns_row != AUDIT_NONE && a->netns[s->netns_row].walked;
}

/* The same service in the last look that walked, and in the last one. */
struct earlier {
	const struct audit_service *whole, *recent;
	uint64_t recent_ns; /* of that look */
};

/* What walked last; NULL: too long ago. */
static const struct audit_service *last_walk(const struct earlier *e, uint64_t now_ns)
{
	const struct audit_service *then = e->recent;

	if (!then || (e->whole && e->whole->walked_ns > then->walked_ns))
		then = e->whole;
	return then && then->walked_ns + SERVICE_WALK_NS > now_ns ? then : NULL;
}

static void carry_rates(struct audit_service *s, uint64_t ts_ns, const struct earlier *e)
{
	if (!e->recent)
		return;
	s->done_before = e->recent->done_milli;
	if (s->listeners == e->recent->listeners)
		s->accept_growth_milli = audit_rate_milli(s->accept_queue, e->recent->accept_queue,
							  ts_ns - e->recent_ns);
	s->cookie_gap_ns = cookie_gap(s, ts_ns, e->recent, e->recent_ns);
}

static void carry_service(const struct audit *a, struct audit_service *s, const struct earlier *e)
{
	if (!s->owner.pid && e->whole)
		s->owner = e->whole->owner;
	carry_rates(s, a->ts_ns, e);
	if (has_walked(a, s) || s->half_open)
		s->walked_ns = a->ts_ns;
	else
		carry(s, last_walk(e, a->ts_ns));
}

static int carry_over(struct audit *a, const struct audit *whole, const struct audit *recent)
{
	struct index in_whole, in_recent = { 0 };
	uint32_t i;
	int err = index_init(&in_whole, whole ? whole->services : NULL,
			     whole ? whole->n_services : 0);

	if (!err)
		err = index_init(&in_recent, recent ? recent->services : NULL,
				 recent ? recent->n_services : 0);
	for (i = 0; !err && i < a->n_services; i++) {
		struct audit_service *s = &a->services[i];
		const struct earlier e = { index_find(&in_whole, s), index_find(&in_recent, s),
					   recent ? recent->ts_ns : 0 };

		carry_service(a, s, &e);
	}
	hash_release(&in_whole.by_key);
	hash_release(&in_recent.by_key);
	return err;
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* Of two rates; with one that is not known neither is the sum. */
static void add_known(int64_t *to, int64_t milli)
{
	if (milli == AUDIT_NO_RATE)
		*to = AUDIT_NO_RATE;
	else if (*to != AUDIT_NO_RATE)
		audit_add_rate(to, milli);
}

static void add_queues(struct audit_service *g, const struct audit_service *s)
{
	g->syn_full += s->syn_full;
	g->accept_full += s->accept_full;
	g->syn_queue += s->syn_queue;
	g->syn_queue_young += s->syn_queue_young;
	g->accept_queue += s->accept_queue;
	g->queue_limit += s->queue_limit;
	g->syn_limit += s->syn_limit;
	if (s->cookie_age_ns < g->cookie_age_ns)
		g->cookie_age_ns = s->cookie_age_ns;
	if (g->cookies_before == AUDIT_UNKNOWN)
		g->cookies_before = s->cookies_before;
	if (!g->owner.pid)
		g->owner = s->owner;
}

static void add_requests(struct audit_service *g, const struct audit_service *s)
{
	g->passes |= s->passes;
	g->half_open += s->half_open;
	g->full += s->full;
	g->acked += s->acked;
	g->stuck += s->stuck;
	g->recent += s->recent;
	g->old_stuck += s->old_stuck;
	g->plain += s->plain;
	g->oldest_ns = audit_longest(g->oldest_ns, s->oldest_ns);
	if (s->newest_ns < g->newest_ns)
		g->newest_ns = s->newest_ns;
	if (s->walked_ns > g->walked_ns)
		g->walked_ns = s->walked_ns;
	if (s->sources != AUDIT_UNKNOWN)
		add_different(&g->sources, &g->sources_exact, s->sources, s->sources_exact);
	if (s->prefixes != AUDIT_UNKNOWN)
		add_different(&g->prefixes, &g->prefixes_exact, s->prefixes, s->prefixes_exact);
}

static void add_rates(struct audit_service *g, const struct audit_service *s)
{
	add_known(&g->drops_milli, s->drops_milli);
	add_known(&g->done_milli, s->done_milli);
	add_known(&g->late_milli, s->late_milli);
	add_known(&g->resent_milli, s->resent_milli);
	add_known(&g->failing_milli, s->failing_milli);
}

static void sum_group(const struct audit *a, struct audit_service *g)
{
	const struct audit_service *s = &a->services[g->first];
	uint32_t i, n = g->listeners, first = g->first;

	*g = service_unknown(s->netns);
	g->first = first;
	g->listeners = n;
	g->is_group = true;
	g->device = s->device;
	g->family = s->family;
	g->flags = s->flags;
	g->lport = s->lport;
	g->netns_row = s->netns_row;
	memcpy(g->laddr, s->laddr, sizeof(g->laddr));
	g->syn_queue = g->accept_queue = g->queue_limit = g->syn_limit = 0;
	g->half_open = g->acked = g->stuck = 0;
	g->drops_milli = g->done_milli = g->late_milli = g->resent_milli = g->failing_milli = 0;
	for (i = 0; i < n; i++) {
		add_queues(g, &s[i]);
		add_requests(g, &s[i]);
		add_rates(g, &s[i]);
	}
}

/* Where the look has not walked, the sources of a group are those of its last walk. */
static void carry_group(const struct audit *a, struct audit_service *g, const struct earlier *e)
{
	const struct audit_service *then = last_walk(e, a->ts_ns);

	carry_rates(g, a->ts_ns, e);
	if (g->walked_ns == a->ts_ns)
		return;
	g->sources_exact = g->prefixes_exact = false; /* members may have some in common */
	if (!then)
		return;
	g->sources = then->sources;
	g->prefixes = then->prefixes;
	g->sources_exact = then->sources_exact;
	g->prefixes_exact = then->prefixes_exact;
	carry_spread(g, then);
}

static int settle_groups(struct audit *a, const struct audit *whole, const struct audit *recent)
{
	struct index in_whole, in_recent = { 0 };
	uint32_t i;
	int err;

	for (i = 0; i < a->n_service_groups; i++)
		sum_group(a, &a->service_groups[i]);
	err = spread_settle_groups(a);
	if (err)
		return err;
	err = index_init(&in_whole, whole ? whole->service_groups : NULL,
			 whole ? whole->n_service_groups : 0);
	if (!err)
		err = index_init(&in_recent, recent ? recent->service_groups : NULL,
				 recent ? recent->n_service_groups : 0);
	for (i = 0; !err && i < a->n_service_groups; i++) {
		struct audit_service *g = &a->service_groups[i];
		const struct earlier e = { index_find(&in_whole, g), index_find(&in_recent, g),
					   recent ? recent->ts_ns : 0 };

		carry_group(a, g, &e);
	}
	hash_release(&in_whole.by_key);
	hash_release(&in_recent.by_key);
	return err;
}

bool service_filtered(const struct audit *a, const struct audit_service *s)
{
	return a->config.by_remote && !s->passes;
}

int64_t service_accepted(const struct audit_service *s)
{
	if (s->done_milli == AUDIT_NO_RATE || s->accept_growth_milli == AUDIT_NO_RATE)
		return AUDIT_NO_RATE;
	return s->done_milli > s->accept_growth_milli ? s->done_milli - s->accept_growth_milli : 0;
}

static void take_rate(int64_t *from, int64_t milli)
{
	if (milli == AUDIT_NO_RATE)
		*from = AUDIT_NO_RATE;
	else if (*from != AUDIT_NO_RATE)
		audit_add_rate(from, -milli);
}

void service_leave_out(struct audit_service *group, const struct audit_service *member)
{
	group->listeners--;
	group->syn_full -= member->syn_full;
	group->accept_full -= member->accept_full;
	group->syn_queue -= member->syn_queue;
	group->syn_queue_young -= member->syn_queue_young;
	group->accept_queue -= member->accept_queue;
	group->queue_limit -= member->queue_limit;
	group->syn_limit -= member->syn_limit;
	group->half_open -= member->half_open;
	group->full -= member->full;
	group->acked -= member->acked;
	group->stuck -= member->stuck;
	group->recent -= member->recent;
	group->old_stuck -= member->old_stuck;
	group->plain -= member->plain;
	take_rate(&group->drops_milli, member->drops_milli);
	take_rate(&group->accept_growth_milli, member->accept_growth_milli);
	take_rate(&group->done_milli, member->done_milli);
	take_rate(&group->late_milli, member->late_milli);
	take_rate(&group->resent_milli, member->resent_milli);
	take_rate(&group->failing_milli, member->failing_milli);
}

/* ---- handshakes that are counted by address and port ----------------------------------------- */

static const uint8_t any4[16] = { [10] = 0xff, [11] = 0xff }, any6[16];

static uint64_t handshakes_key(const struct audit_handshakes *h)
{
	const struct endpoint e = { h->laddr, h->netns, h->device, h->lport, h->inet4 };

	return endpoint_key(&e) + h->unsure;
}

/* A listener of this address that the kernel's lookup allows; bound to the device before others. */
static bool find_at(const struct audit *a, const struct hash *services,
		    const struct audit_handshakes *h, const uint8_t laddr[16], uint32_t *ret)
{
	struct endpoint e = { laddr, h->netns, h->device, h->lport, h->inet4 };

	if (!hash_find(services, endpoint_key(&e), ret)) {
		e.device = 0;
		if (!h->device || !hash_find(services, endpoint_key(&e), ret))
			return false;
	}
	return !(a->services[*ret].flags & AUDIT_V6ONLY) || !addr_is_mapped(h->laddr);
}

/*
 * Whose they are: a listener of that address, or one of every address (inet_lookup_listener()). Old
 * recordings do not say which sockets are AF_INET, and of which IPv4 sockets those of any6 are.
 */
static bool find_service(const struct audit *a, const struct hash *services,
			 const struct audit_handshakes *h, uint32_t *ret)
{
	if (find_at(a, services, h, h->laddr, ret))
		return true;
	if (addr_is_mapped(h->laddr) && find_at(a, services, h, any4, ret))
		return true;
	return !h->inet4 && find_at(a, services, h, any6, ret);
}

static void forget_rates(struct audit_service *s)
{
	s->done_milli = s->late_milli = s->resent_milli = s->failing_milli = AUDIT_NO_RATE;
}

static void forget_members(struct audit *a, const struct audit_service *g)
{
	uint32_t i;

	for (i = 0; i < g->listeners; i++)
		forget_rates(&a->services[g->first + i]);
}

struct joining {
	struct audit *a;
	const struct audit *earlier;
	struct hash services, before; /* the first of a group */
	uint64_t ns;
};

static void add_difference(struct audit_service *s, const struct audit_handshakes *h,
			   const struct audit_handshakes *before, uint64_t ns)
{
	add_known(&s->done_milli, rate_of(h->done, before->done, ns));
	add_known(&s->late_milli, rate_of(h->late, before->late, ns));
	add_known(&s->resent_milli, rate_of(h->resent, before->resent, ns));
	add_known(&s->failing_milli, rate_of(h->failing, before->failing, ns));
}

/* They are of one listener, of some of a group, or of nobody knows which. */
static void join_place(const struct joining *j, const struct audit_handshakes *h)
{
	static const struct audit_handshakes none;
	const struct audit_handshakes *before = &none;
	struct audit_service *s, *g = NULL;
	uint32_t at, was;

	if (!find_service(j->a, &j->services, h, &at))
		return;
	if (hash_find(&j->before, handshakes_key(h), &was))
		before = &j->earlier->handshakes[was];
	if (h->done < before->done || h->resent < before->resent)
		before = &none; /* forgotten, and begun anew */
	if (h->done == before->done && h->resent == before->resent)
		return; /* nobody misses any */
	s = &j->a->services[at];
	if (s->group != AUDIT_NONE)
		g = &j->a->service_groups[s->group];
	if (g)
		forget_members(j->a, g);
	if (!h->unsure)
		add_difference(g ? g : s, h, before, j->ns);
	else
		forget_rates(g ? g : s);
}

/* Handshakes that found no room may be of all that are not counted for themselves. */
static void miss_some(struct audit *a)
{
	uint32_t i;

	for (i = 0; i < a->n_services; i++) {
		struct audit_service *s = &a->services[i];

		if (s->flags & AUDIT_HAS_HANDSHAKES)
			continue;
		forget_rates(s);
		if (s->group != AUDIT_NONE)
			forget_rates(&a->service_groups[s->group]);
	}
}

static int index_places(struct joining *j)
{
	const struct audit *a = j->a;
	uint32_t i, at;
	int err = 0;

	for (i = 0; !err && i < a->n_services; i++)
		if (!hash_find(&j->services, place_key(&a->services[i]), &at))
			err = hash_add(&j->services, place_key(&a->services[i]), i);
	for (i = 0; !err && i < j->earlier->n_handshakes; i++)
		err = hash_add(&j->before, handshakes_key(&j->earlier->handshakes[i]), i);
	return err;
}

static uint64_t lost_so_far(const struct audit *a)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < a->n_handshakes; i++)
		if (!a->handshakes[i].netns)
			n += a->handshakes[i].done;
	return n;
}

static int join_handshakes(struct audit *a, const struct audit *earlier)
{
	struct joining j = { .a = a, .earlier = earlier, .ns = a->ts_ns - earlier->ts_ns };
	uint32_t i;
	int err = hash_init(&j.services);

	if (!err)
		err = hash_init(&j.before);
	if (!err)
		err = index_places(&j);
	for (i = 0; !err && i < a->n_handshakes; i++)
		if (a->handshakes[i].netns)
			join_place(&j, &a->handshakes[i]);
	if (!err && lost_so_far(a) > lost_so_far(earlier))
		miss_some(a);
	hash_release(&j.services);
	hash_release(&j.before);
	return err;
}

int service_settle(struct audit *a, const struct audit *whole, const struct audit *recent)
{
	int err = make_services(a);

	if (recent && a->ts_ns <= recent->ts_ns)
		recent = NULL;
	if (!err)
		err = make_groups(a);
	if (!err && recent)
		err = rate_listeners(a, recent);
	if (err)
		return err;
	err = find_namespaces(a);
	if (!err && recent)
		err = remember_cookies(a, recent);
	if (err)
		return err;
	spread_count(a);
	err = join_half_open(a);
	if (err)
		return err;
	spread_settle(a);
	err = carry_over(a, whole, recent);
	if (!err)
		err = settle_groups(a, whole, recent);
	if (!err && recent && recent->covers & a->covers & AUDIT_HANDSHAKES)
		err = join_handshakes(a, recent);
	return err;
}
