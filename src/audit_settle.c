// SPDX-License-Identifier: GPL-2.0-only
/* The second half of audit.h: what a look adds up to, once all its rows are there. */
#include "audit.h"

#include <stdlib.h>
#include <string.h>

#include "service.h"

static int by_count(uint64_t left, uint64_t right)
{
	return left < right ? 1 : left > right ? -1 : 0;
}

static int compare_listeners(const void *left, const void *right)
{
	const struct audit_socket *a = &((const struct audit_listener *)left)->socket;
	const struct audit_socket *b = &((const struct audit_listener *)right)->socket;
	int order;

	if (a->lport != b->lport)
		return a->lport < b->lport ? -1 : 1;
	if (a->netns != b->netns)
		return a->netns < b->netns ? -1 : 1;
	order = memcmp(a->laddr, b->laddr, 16);
	if (order)
		return order;
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	if ((a->flags ^ b->flags) & AUDIT_INET4)
		return a->flags & AUDIT_INET4 ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static int compare_half_closed(const void *left, const void *right)
{
	const struct audit_half_closed *a = left, *b = right;

	return by_count(a->count, b->count);
}

static int compare_places(const void *left, const void *right)
{
	const struct audit_place *a = left, *b = right;

	if (a->time_wait != b->time_wait)
		return by_count(a->time_wait, b->time_wait);
	return by_count(a->ports_used, b->ports_used);
}

static int compare_dead(const void *left, const void *right)
{
	const struct audit_dead *a = left, *b = right;

	return by_count(a->count, b->count);
}

/* IPv4 is mapped. */
static unsigned int net_bytes(const struct audit_dead *d)
{
	return d->family == 4 ? 15 : 8;
}

static int compare_peers(const void *left, const void *right)
{
	const struct audit_dead *a = left, *b = right;

	if (a->netns != b->netns)
		return a->netns < b->netns ? -1 : 1;
	if (a->netns_cookie != b->netns_cookie)
		return a->netns_cookie < b->netns_cookie ? -1 : 1;
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->raddr, b->raddr, 16);
}

static bool same_net(const struct audit_dead *a, const struct audit_dead *b)
{
	return a->netns == b->netns && a->netns_cookie == b->netns_cookie &&
	       a->device == b->device && a->family == b->family &&
	       !memcmp(a->raddr, b->raddr, net_bytes(a));
}

static uint64_t group_sum(const struct audit_group *g)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < TCS_STATE_MAX; i++)
		sum += g->states[i] == AUDIT_UNKNOWN ? 0 : g->states[i];
	return sum;
}

static int compare_groups(const void *left, const void *right)
{
	return by_count(group_sum(left), group_sum(right));
}

static void sort(void *rows, uint32_t n, size_t size, int (*compare)(const void *, const void *))
{
	if (n > 1)
		qsort(rows, n, size, compare);
}

int64_t audit_rate_milli(uint64_t now, uint64_t before, uint64_t ns)
{
	double milli = (double)(int64_t)(now - before) * 1e12 / (double)ns;

	if (!ns)
		return AUDIT_NO_RATE;
	if (milli < (double)-AUDIT_RATE_MAX)
		return -AUDIT_RATE_MAX;
	return milli > (double)AUDIT_RATE_MAX ? AUDIT_RATE_MAX : (int64_t)milli;
}

void audit_add_rate(int64_t *to, int64_t milli)
{
	int64_t sum = *to + milli;

	*to = sum > AUDIT_RATE_MAX ? AUDIT_RATE_MAX : sum < -AUDIT_RATE_MAX ? -AUDIT_RATE_MAX : sum;
}

uint64_t audit_count_of(int64_t milli, uint64_t ns)
{
	if (milli == AUDIT_NO_RATE || milli < 0)
		return AUDIT_UNKNOWN;
	/* No window is so long, and no counter so fast, that this would not do. */
	return ((uint64_t)milli * (ns / 1000000) + 500000) / 1000000;
}

static uint64_t place_key(const struct audit_place *p)
{
	uint64_t key = hash_bytes(p->raddr, 16, hash_bytes(p->laddr, 16, p->netns));

	key = hash_mix(key ^ ((uint64_t)p->range_first << 16 | p->range_last));
	return hash_mix(key ^ ((uint64_t)p->device << 32 | (uint64_t)p->rport << 16 | p->lport));
}

/* Where the earlier look has which row. */
struct earlier {
	const struct audit *look;
	struct hash close_wait, fin_wait2, places;
};

static int index_one(struct hash *h, uint64_t key, uint32_t i)
{
	uint32_t at;

	return hash_find(h, key, &at) ? 0 : hash_add(h, key, i);
}

static uint64_t half_closed_key(const struct audit_half_closed *c)
{
	return (uint64_t)c->netns << 32 | c->owner.pid;
}

static int index_rows(struct earlier *e)
{
	const struct audit *a = e->look;
	uint32_t i;
	int err = 0;

	for (i = 0; !err && i < a->n_close_wait; i++)
		err = index_one(&e->close_wait, half_closed_key(&a->close_wait[i]), i);
	for (i = 0; !err && i < a->n_fin_wait2; i++)
		err = index_one(&e->fin_wait2, half_closed_key(&a->fin_wait2[i]), i);
	for (i = 0; !err && i < a->n_places; i++)
		err = index_one(&e->places, place_key(&a->places[i]), i);
	return err;
}

/* before, by_key: the rows of the earlier look. */
static void grow_half_closed(struct audit *a, const struct earlier *e, struct audit_half_closed *c,
			     const struct audit_half_closed *before, const struct hash *by_key,
			     uint64_t ns)
{
	uint32_t at;
	bool there = audit_same_netns(a, e->look, c->netns) &&
		     hash_find(by_key, half_closed_key(c), &at);

	c->growth_milli = audit_rate_milli(c->count, there ? before[at].count : 0, ns);
}

static void grow_rows(struct audit *a, const struct earlier *e, uint64_t ns)
{
	uint32_t i, at;

	for (i = 0; i < a->n_close_wait; i++)
		grow_half_closed(a, e, &a->close_wait[i], e->look->close_wait, &e->close_wait, ns);
	for (i = 0; i < a->n_fin_wait2; i++)
		grow_half_closed(a, e, &a->fin_wait2[i], e->look->fin_wait2, &e->fin_wait2, ns);
	for (i = 0; i < a->n_places; i++) {
		struct audit_place *p = &a->places[i];
		bool there = audit_same_netns(a, e->look, p->netns) &&
			     hash_find(&e->places, place_key(p), &at);

		p->growth_milli =
			audit_rate_milli(audit_ports_taken(p),
					 there ? audit_ports_taken(&e->look->places[at]) : 0, ns);
	}
}

static int grow(struct audit *a, const struct audit *earlier, uint64_t ns)
{
	struct earlier e = { .look = earlier };
	int err = hash_init(&e.close_wait);

	if (!err)
		err = hash_init(&e.fin_wait2);
	if (!err)
		err = hash_init(&e.places);
	if (!err)
		err = index_rows(&e);
	if (!err)
		grow_rows(a, &e, ns);
	hash_release(&e.close_wait);
	hash_release(&e.fin_wait2);
	hash_release(&e.places);
	return err;
}

static void grow_counters(struct audit_netns *n, const struct audit_netns *earlier, uint64_t ns)
{
	int i;

	if (n->overflows != AUDIT_UNKNOWN && earlier->overflows != AUDIT_UNKNOWN)
		n->overflow_milli = audit_rate_milli(n->overflows, earlier->overflows, ns);
	for (i = 0; i < COUNTER_MAX; i++)
		if (n->counters[i] != AUDIT_UNKNOWN && earlier->counters[i] != AUDIT_UNKNOWN)
			n->counter_milli[i] =
				audit_rate_milli(n->counters[i], earlier->counters[i], ns);
}

static void grow_netns(struct audit *a, const struct audit *earlier, uint64_t ns)
{
	uint32_t i, at;

	for (i = 0; i < a->n_netns; i++) {
		struct audit_netns *n = &a->netns[i];

		if (audit_same_netns(a, earlier, n->netns) &&
		    hash_find(&earlier->by_netns, n->netns, &at))
			grow_counters(n, &earlier->netns[at], ns);
	}
}

/* What got no row (TIME_WAIT, half-open requests) has no owner either. */
static int add_unowned(struct audit *a)
{
	struct audit_group rest = { 0 };
	uint32_t i, state;

	for (state = 0; state < TCS_STATE_MAX; state++)
		rest.states[state] = a->states[state] == AUDIT_UNKNOWN ? 0 : a->states[state];
	for (i = 0; i < a->n_groups; i++)
		for (state = 0; state < TCS_STATE_MAX; state++)
			rest.states[state] -= rest.states[state] < a->groups[i].states[state] ?
						      rest.states[state] :
						      a->groups[i].states[state];
	for (state = 0; state < TCS_STATE_MAX; state++)
		if (rest.states[state])
			return audit_add_group(a, &rest);
	return 0;
}

static uint64_t known_or(uint32_t n)
{
	return n == AUDIT_STATE_UNKNOWN ? AUDIT_UNKNOWN : n;
}

/* With one that is not known neither is the sum. */
static void add_states(uint64_t *to, uint32_t n)
{
	if (*to == AUDIT_UNKNOWN || n == AUDIT_STATE_UNKNOWN)
		*to = AUDIT_UNKNOWN;
	else
		*to += n;
}

static int add_netns_groups(struct audit *a)
{
	uint32_t i, state;
	int err = 0;

	for (i = 0; !err && i < a->n_netns; i++) {
		struct audit_group g = { .netns = a->netns[i].netns };

		for (state = 0; state < TCS_STATE_MAX; state++)
			g.states[state] = known_or(a->netns[i].states[state]);
		err = audit_add_group(a, &g);
	}
	return err;
}

/* One row for n addresses of one prefix. */
static int add_dead_net(struct audit *a, struct audit_dead *hosts, uint32_t n)
{
	struct audit_dead net = {
		.netns_cookie = hosts->netns_cookie,
		.netns = hosts->netns,
		.device = hosts->device,
		.family = hosts->family,
		.bits = hosts->family == 4 ? 24 : 64,
		.hosts = n,
		.quiet_ns = AUDIT_UNKNOWN,
		.net = AUDIT_NONE,
	};
	uint32_t i, before = a->n_dead_nets;
	int err;

	memcpy(net.raddr, hosts->raddr, net_bytes(hosts));
	for (i = 0; i < n; i++) {
		net.count += hosts[i].count;
		net.timed_out += hosts[i].timed_out;
		net.quiet_ns = audit_longest(net.quiet_ns, hosts[i].quiet_ns);
		if (!net.owner.pid)
			net.owner = hosts[i].owner;
	}
	err = audit_add_dead_net(a, &net);
	for (i = 0; i < n && a->n_dead_nets > before; i++)
		hosts[i].net = before;
	return err;
}

static int add_dead_nets(struct audit *a)
{
	uint32_t i, n;
	int err = 0;

	sort(a->dead, a->n_dead, sizeof(*a->dead), compare_peers);
	for (i = 0; !err && i < a->n_dead; i += n) {
		for (n = 1; i + n < a->n_dead && same_net(&a->dead[i], &a->dead[i + n]);)
			n++;
		if (n > 1)
			err = add_dead_net(a, &a->dead[i], n);
	}
	return err;
}

int audit_settle(struct audit *a, const struct audit *whole, const struct audit *recent)
{
	uint32_t i, state;
	int err = 0;

	a->walk = whole && !(a->covers & AUDIT_SOCKETS) ? whole : a;
	memset(a->states, 0, sizeof(a->states));
	for (i = 0; i < a->n_netns; i++)
		for (state = 0; state < TCS_STATE_MAX; state++)
			add_states(&a->states[state], a->netns[i].states[state]);
	if (a->config.by == AUDIT_BY_COMM && !a->config.count_rows)
		err = add_unowned(a);
	else if (a->config.by == AUDIT_BY_NETNS)
		err = add_netns_groups(a);
	a->window_ns = recent && a->ts_ns > recent->ts_ns ? a->ts_ns - recent->ts_ns : 0;
	if (a->window_ns)
		grow_netns(a, recent, a->ts_ns - recent->ts_ns);
	if (!err && a->covers & AUDIT_SOCKETS && whole && a->ts_ns > whole->ts_ns)
		err = grow(a, whole, a->ts_ns - whole->ts_ns);
	sort(a->listeners, a->n_listeners, sizeof(*a->listeners), compare_listeners);
	sort(a->close_wait, a->n_close_wait, sizeof(*a->close_wait), compare_half_closed);
	sort(a->fin_wait2, a->n_fin_wait2, sizeof(*a->fin_wait2), compare_half_closed);
	sort(a->places, a->n_places, sizeof(*a->places), compare_places);
	if (!err)
		err = add_dead_nets(a);
	audit_connect_settle(a);
	sort(a->dead, a->n_dead, sizeof(*a->dead), compare_dead);
	sort(a->groups, a->n_groups, sizeof(*a->groups), compare_groups);
	return err ? err : service_settle(a, whole, recent);
}

uint64_t audit_seconds_left(uint64_t left, int64_t growth_milli)
{
	if (left == AUDIT_UNKNOWN || growth_milli == AUDIT_NO_RATE || growth_milli <= 0)
		return AUDIT_UNKNOWN;
	return left * 1000 / (uint64_t)growth_milli;
}

/*
 * The next bind() for an address conflicts with every socket that has the port there; the next
 * connect() passes over the ports of bind() alone. Where most of the ports are bound, programs call
 * bind() before connect(), and all that are used count.
 */
uint32_t audit_ports_taken(const struct audit_place *p)
{
	if (audit_place_is_source(p))
		return p->bound >= p->ports_used / 2 ? p->ports_used : p->bound;
	return p->ports_used - p->reusable;
}

uint64_t audit_ports_left(const struct audit_place *p)
{
	uint32_t taken = audit_ports_taken(p);

	if (!audit_place_has_ports(p) || !p->ports_range)
		return AUDIT_UNKNOWN;
	return p->ports_range > taken ? p->ports_range - taken : 0;
}

uint64_t audit_descriptors_left(const struct audit_half_closed *c)
{
	if (c->fd_used == AUDIT_UNKNOWN || c->fd_limit == AUDIT_UNKNOWN)
		return AUDIT_UNKNOWN;
	return c->fd_limit > c->fd_used ? c->fd_limit - c->fd_used : 0;
}

uint64_t audit_descriptors_of(const struct audit_half_closed *c)
{
	return c->unaccepted == AUDIT_UNKNOWN ? c->count : c->count - c->unaccepted;
}

uint64_t audit_seconds(uint64_t ns)
{
	return ns == AUDIT_UNKNOWN ? ns : ns / 1000000000 + (ns % 1000000000 != 0);
}

bool audit_has_all_listeners(const struct audit *a)
{
	return !a->blind.listeners_missing && !(a->blank & AUDIT_BLANK_LISTENERS);
}

bool audit_half_open_blank(const struct audit *a, uint32_t netns)
{
	uint32_t i;

	for (i = 0; i < a->n_netns && a->netns[i].netns != netns;)
		i++;
	return i < a->n_netns && !a->netns[i].walked &&
	       (a->netns[i].crowded || a->blank & AUDIT_BLANK_HALF_OPEN);
}
