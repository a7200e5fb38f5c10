// SPDX-License-Identifier: GPL-2.0-only
#include "audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service.h"

static const char *const by_names[AUDIT_BY_MAX] = {
	[AUDIT_BY_NONE] = "none",   [AUDIT_BY_COMM] = "comm",	[AUDIT_BY_LPORT] = "lport",
	[AUDIT_BY_RADDR] = "raddr", [AUDIT_BY_NETNS] = "netns",
};

const char *audit_by_name(enum audit_by by)
{
	return by_names[by];
}

int audit_init(struct audit *a, const struct audit_config *config)
{
	int err;

	*a = (struct audit){ .config = *config };
	err = hash_init(&a->by_holder);
	if (!err)
		err = hash_init(&a->by_peer);
	if (!err)
		err = hash_init(&a->by_group);
	return err;
}

void audit_release(struct audit *a)
{
	hash_release(&a->by_holder);
	hash_release(&a->by_peer);
	hash_release(&a->by_group);
	free(a->netns);
	free(a->listeners);
	free(a->close_wait);
	free(a->places);
	free(a->dead);
	free(a->groups);
	free(a->half_open);
	free(a->sources);
	free(a->requests);
	free(a->handshakes);
	free(a->scanners);
	free(a->services);
	memset(a, 0, sizeof(*a));
}

void audit_clear(struct audit *a)
{
	hash_clear(&a->by_holder);
	hash_clear(&a->by_peer);
	hash_clear(&a->by_group);
	a->n_netns = a->n_listeners = a->n_close_wait = a->n_places = a->n_dead = a->n_groups = 0;
	a->n_half_open = a->n_sources = a->n_requests = a->n_handshakes = a->n_scanners = 0;
	a->n_services = 0;
	a->ts_ns = a->covers = 0;
	a->blind = (struct audit_blind){ 0 };
	memset(a->states, 0, sizeof(a->states));
}

/* A zeroed element at the end of an array; NULL: no memory, or (*full) as many as there may be. */
static void *append(void **array, uint32_t *n, uint32_t *cap, size_t size, bool *full)
{
	uint32_t more = *cap ? *cap * 2 : 64;
	void *grown;

	*full = *n == AUDIT_ROWS_MAX;
	if (*full)
		return NULL;
	if (*n == *cap) {
		grown = realloc(*array, more * size);
		if (!grown)
			return NULL;
		*array = grown;
		*cap = more;
	}
	grown = (char *)*array + (*n)++ * size;
	memset(grown, 0, size);
	return grown;
}

#define APPEND(a, rows, full) \
	append((void **)&(a)->rows, &(a)->n_##rows, &(a)->cap_##rows, sizeof(*(a)->rows), full)

static int no_room(struct audit *a, bool full)
{
	if (!full)
		return -ENOMEM;
	a->blind.skipped++;
	return 0;
}

int audit_add_netns(struct audit *a, const struct audit_netns *n)
{
	bool full;
	struct audit_netns *to = APPEND(a, netns, &full);
	int i;

	if (!to)
		return no_room(a, full);
	*to = *n;
	to->overflow_milli = AUDIT_NO_RATE;
	for (i = 0; i < COUNTER_MAX; i++)
		to->counter_milli[i] = AUDIT_NO_RATE;
	return 0;
}

void audit_add_blind(struct audit *a, const struct audit_blind *b)
{
	a->blind.sockets += b->sockets;
	a->blind.skipped += b->skipped;
	a->blind.netns_denied += b->netns_denied;
	a->blind.netns_vanished += b->netns_vanished;
	a->blind.netns_only_own |= b->netns_only_own;
	a->blind.owners_unknown |= b->owners_unknown;
	a->blind.processes_hidden |= b->processes_hidden;
}

static int add_listener(struct audit *a, const struct audit_socket *s)
{
	bool full;
	struct audit_listener *l = APPEND(a, listeners, &full);

	if (!l)
		return no_room(a, full);
	l->socket = *s;
	l->drops_milli = AUDIT_NO_RATE;
	l->half_open = AUDIT_NONE;
	return 0;
}

/* The rows that need nothing but room. */
#define ADD(name, rows)                                                     \
	int audit_add_##name(struct audit *a, const struct audit_##name *r) \
	{                                                                   \
		bool full;                                                  \
		struct audit_##name *to = APPEND(a, rows, &full);           \
                                                                            \
		if (!to)                                                    \
			return no_room(a, full);                            \
		*to = *r;                                                   \
		return 0;                                                   \
	}

ADD(half_open, half_open)
ADD(request, requests)
ADD(handshakes, handshakes)
ADD(scanner, scanners)

int audit_add_source(struct audit *a, const struct audit_source *r)
{
	bool full = true;
	struct audit_source *to = NULL;

	if (r->half_open < a->n_half_open)
		to = APPEND(a, sources, &full);
	if (!to)
		return no_room(a, full);
	*to = *r;
	return 0;
}

static uint64_t holder_key(uint32_t netns, uint32_t pid)
{
	return (uint64_t)netns << 32 | pid;
}

void audit_add_holder(struct audit *a, const struct audit_holder *h)
{
	uint32_t i, at;

	for (i = 0; i < a->n_netns; i++) {
		if (!hash_find(&a->by_holder, holder_key(a->netns[i].netns, h->pid), &at))
			continue;
		a->close_wait[at].fd_used = h->fd_used;
		a->close_wait[at].fd_limit = h->fd_limit;
	}
}

static void count_close_wait(const struct audit *a, struct audit_close_wait *c,
			     const struct audit_socket *s)
{
	const struct audit_socket *e = &c->example;
	bool exact = s->in_state_ns != AUDIT_UNKNOWN;
	uint64_t age = exact ? s->in_state_ns : s->quiet_ns;

	c->count++;
	c->same_remote &= s->rport == e->rport && !memcmp(s->raddr, e->raddr, 16);
	c->same_local &= s->lport == e->lport;
	if (age == AUDIT_UNKNOWN)
		return;
	c->old += age >= a->config.old_ns;
	if (c->oldest_ns != AUDIT_UNKNOWN && age <= c->oldest_ns)
		return;
	c->oldest_ns = age;
	c->oldest_exact = exact;
}

static int add_close_wait(struct audit *a, const struct audit_socket *s)
{
	uint64_t key = holder_key(s->netns, s->owner.pid);
	struct audit_close_wait *c;
	uint32_t at;
	bool full;
	int err;

	if (!hash_find(&a->by_holder, key, &at)) {
		c = APPEND(a, close_wait, &full);
		if (!c)
			return no_room(a, full);
		at = a->n_close_wait - 1;
		*c = (struct audit_close_wait){
			.netns = s->netns,
			.owner = s->owner,
			.oldest_ns = AUDIT_UNKNOWN,
			.growth_milli = AUDIT_NO_RATE,
			.fd_used = AUDIT_UNKNOWN,
			.fd_limit = AUDIT_UNKNOWN,
			.example = *s,
			.same_remote = true,
			.same_local = true,
		};
		err = hash_add(&a->by_holder, key, at);
		if (err)
			return err;
	}
	count_close_wait(a, &a->close_wait[at], s);
	return 0;
}

static int add_dead(struct audit *a, const struct audit_socket *s)
{
	uint64_t key = hash_bytes(s->raddr, 16, s->netns);
	struct audit_dead *d;
	uint32_t at;
	bool full;
	int err;

	if (!hash_find(&a->by_peer, key, &at)) {
		d = APPEND(a, dead, &full);
		if (!d)
			return no_room(a, full);
		at = a->n_dead - 1;
		*d = (struct audit_dead){ .netns = s->netns,
					  .family = s->family,
					  .owner = s->owner,
					  .rport = s->rport,
					  .quiet_ns = AUDIT_UNKNOWN };
		memcpy(d->raddr, s->raddr, 16);
		err = hash_add(&a->by_peer, key, at);
		if (err)
			return err;
	}
	d = &a->dead[at];
	d->count++;
	if (s->quiet_ns != AUDIT_UNKNOWN &&
	    (d->quiet_ns == AUDIT_UNKNOWN || s->quiet_ns > d->quiet_ns))
		d->quiet_ns = s->quiet_ns;
	return 0;
}

/* By namespace they are counted when the look is settled. */
static int add_to_group(struct audit *a, const struct audit_socket *s)
{
	struct audit_group g = { 0 };

	switch (a->config.by) {
	case AUDIT_BY_COMM:
		memcpy(g.comm, s->owner.comm, sizeof(g.comm));
		break;
	case AUDIT_BY_LPORT:
		g.lport = s->lport;
		break;
	case AUDIT_BY_RADDR:
		memcpy(g.raddr, s->raddr, sizeof(g.raddr));
		break;
	default:
		return 0;
	}
	g.states[s->state] = 1;
	return audit_add_group(a, &g);
}

/* Rows come by namespace, that of the latest is looked at first. */
static void count_state(struct audit *a, const struct audit_socket *s)
{
	uint32_t i;

	if (a->at_netns >= a->n_netns || a->netns[a->at_netns].netns != s->netns) {
		for (i = 0; i < a->n_netns && a->netns[i].netns != s->netns; i++)
			;
		a->at_netns = i;
	}
	if (a->at_netns < a->n_netns)
		a->netns[a->at_netns].states[s->state]++;
}

int audit_add_socket(struct audit *a, const struct audit_socket *s)
{
	int err = 0;

	if (s->state >= TCS_STATE_MAX)
		return 0;
	if (a->config.count_rows)
		count_state(a, s);
	if (a->config.by == AUDIT_BY_COMM || a->config.count_rows)
		err = add_to_group(a, s);
	if (!err && s->state == TCS_LISTEN)
		err = add_listener(a, s);
	if (!err && s->state == TCS_CLOSE_WAIT)
		err = add_close_wait(a, s);
	if (!err && a->config.stalled && s->stalled >= a->config.stalled)
		err = add_dead(a, s);
	return err;
}

int audit_add_place(struct audit *a, const struct audit_place *p)
{
	struct audit_place *to;
	bool full;

	/* A destination with few ports and nothing in TIME_WAIT will never be a row. */
	if (!p->time_wait && (!p->ports_range || p->ports_used < p->ports_range / 4))
		return 0;
	to = APPEND(a, places, &full);
	if (!to)
		return no_room(a, full);
	*to = *p;
	to->growth_milli = AUDIT_NO_RATE;
	return 0;
}

int audit_add_group(struct audit *a, const struct audit_group *g)
{
	struct {
		uint32_t netns, lport;
		uint8_t raddr[16];
		char comm[TCS_COMM_LEN];
	} id = { .netns = g->netns, .lport = g->lport };
	uint64_t key;
	uint32_t at, i;
	bool full;

	memcpy(id.raddr, g->raddr, sizeof(id.raddr));
	memcpy(id.comm, g->comm, sizeof(id.comm));
	key = hash_bytes(&id, sizeof(id), 0);
	if (!hash_find(&a->by_group, key, &at)) {
		struct audit_group *to = APPEND(a, groups, &full);

		if (!to)
			return no_room(a, full);
		at = a->n_groups - 1;
		*to = *g;
		return hash_add(&a->by_group, key, at);
	}
	for (i = 0; i < TCS_STATE_MAX; i++)
		a->groups[at].states[i] += g->states[i];
	return 0;
}

/* ---- settling -------------------------------------------------------------------------------- */

static int by_count(uint64_t left, uint64_t right)
{
	return left < right ? 1 : left > right ? -1 : 0;
}

static int compare_listeners(const void *left, const void *right)
{
	const struct audit_socket *a = &((const struct audit_listener *)left)->socket;
	const struct audit_socket *b = &((const struct audit_listener *)right)->socket;

	if (a->lport != b->lport)
		return a->lport < b->lport ? -1 : 1;
	if (a->netns != b->netns)
		return a->netns < b->netns ? -1 : 1;
	return memcmp(a->laddr, b->laddr, 16);
}

static int compare_close_wait(const void *left, const void *right)
{
	const struct audit_close_wait *a = left, *b = right;

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

static uint64_t group_sum(const struct audit_group *g)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < TCS_STATE_MAX; i++)
		sum += g->states[i];
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
	int64_t moved = (int64_t)(now - before);

	if (!ns)
		return AUDIT_NO_RATE;
	return (int64_t)((double)moved * 1e12 / (double)ns);
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

	return hash_mix(key ^ ((uint64_t)p->rport << 16 | p->lport));
}

/* Where the earlier look has which row. */
struct earlier {
	const struct audit *look;
	struct hash close_wait, places;
};

static int index_one(struct hash *h, uint64_t key, uint32_t i)
{
	uint32_t at;

	return hash_find(h, key, &at) ? 0 : hash_add(h, key, i);
}

static uint64_t close_wait_key(const struct audit_close_wait *c)
{
	return holder_key(c->netns, c->owner.pid);
}

static int index_rows(struct earlier *e)
{
	const struct audit *a = e->look;
	uint32_t i;
	int err = 0;

	for (i = 0; !err && i < a->n_close_wait; i++)
		err = index_one(&e->close_wait, close_wait_key(&a->close_wait[i]), i);
	for (i = 0; !err && i < a->n_places; i++)
		err = index_one(&e->places, place_key(&a->places[i]), i);
	return err;
}

static void grow_rows(struct audit *a, const struct earlier *e, uint64_t ns)
{
	uint32_t i, at;

	for (i = 0; i < a->n_close_wait; i++) {
		struct audit_close_wait *c = &a->close_wait[i];
		bool there = hash_find(&e->close_wait, close_wait_key(c), &at);

		c->growth_milli =
			audit_rate_milli(c->count, there ? e->look->close_wait[at].count : 0, ns);
	}
	for (i = 0; i < a->n_places; i++) {
		struct audit_place *p = &a->places[i];
		bool there = hash_find(&e->places, place_key(p), &at);

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
		err = hash_init(&e.places);
	if (!err)
		err = index_rows(&e);
	if (!err)
		grow_rows(a, &e, ns);
	hash_release(&e.close_wait);
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
	uint32_t i, j;

	for (i = 0; i < a->n_netns; i++) {
		struct audit_netns *n = &a->netns[i];

		for (j = 0; j < earlier->n_netns; j++)
			if (earlier->netns[j].netns == n->netns)
				break;
		if (j < earlier->n_netns)
			grow_counters(n, &earlier->netns[j], ns);
	}
}

/* What got no row (TIME_WAIT, half-open requests) has no owner either. */
static int add_unowned(struct audit *a)
{
	struct audit_group rest = { 0 };
	uint32_t i, state;

	memcpy(rest.states, a->states, sizeof(rest.states));
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

static int add_netns_groups(struct audit *a)
{
	uint32_t i, state;
	int err = 0;

	for (i = 0; !err && i < a->n_netns; i++) {
		struct audit_group g = { .netns = a->netns[i].netns };

		for (state = 0; state < TCS_STATE_MAX; state++)
			g.states[state] = a->netns[i].states[state];
		err = audit_add_group(a, &g);
	}
	return err;
}

int audit_settle(struct audit *a, const struct audit *whole, const struct audit *recent)
{
	uint32_t i, state;
	int err = 0;

	memset(a->states, 0, sizeof(a->states));
	for (i = 0; i < a->n_netns; i++)
		for (state = 0; state < TCS_STATE_MAX; state++)
			a->states[state] += a->netns[i].states[state];
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
	sort(a->close_wait, a->n_close_wait, sizeof(*a->close_wait), compare_close_wait);
	sort(a->places, a->n_places, sizeof(*a->places), compare_places);
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

uint32_t audit_ports_taken(const struct audit_place *p)
{
	return p->ports_used - p->reusable;
}

uint64_t audit_ports_left(const struct audit_place *p)
{
	uint32_t taken = audit_ports_taken(p);

	if (!p->rport || !p->ports_range)
		return AUDIT_UNKNOWN;
	return p->ports_range > taken ? p->ports_range - taken : 0;
}

uint64_t audit_descriptors_left(const struct audit_close_wait *c)
{
	if (c->fd_used == AUDIT_UNKNOWN || c->fd_limit == AUDIT_UNKNOWN)
		return AUDIT_UNKNOWN;
	return c->fd_limit > c->fd_used ? c->fd_limit - c->fd_used : 0;
}

uint64_t audit_seconds(uint64_t ns)
{
	return ns == AUDIT_UNKNOWN ? ns : ns / 1000000000 + (ns % 1000000000 != 0);
}
