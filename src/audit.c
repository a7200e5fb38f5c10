// SPDX-License-Identifier: GPL-2.0-only
#include "audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"

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
		err = hash_init(&a->by_fin_holder);
	if (!err)
		err = hash_init(&a->by_peer);
	if (!err)
		err = hash_init(&a->by_group);
	if (!err)
		err = hash_init(&a->by_netns);
	if (!err)
		err = hash_init(&a->by_connect);
	return err;
}

void audit_release(struct audit *a)
{
	hash_release(&a->by_holder);
	hash_release(&a->by_fin_holder);
	hash_release(&a->by_peer);
	hash_release(&a->by_group);
	hash_release(&a->by_netns);
	hash_release(&a->by_connect);
	free(a->netns);
	free(a->listeners);
	free(a->close_wait);
	free(a->fin_wait2);
	free(a->places);
	free(a->dead);
	free(a->dead_nets);
	free(a->groups);
	free(a->half_open);
	free(a->sources);
	free(a->requests);
	free(a->handshakes);
	free(a->scanners);
	free(a->unseen);
	free(a->connects);
	free(a->services);
	free(a->service_groups);
	free(a->group_sources);
	memset(a, 0, sizeof(*a));
}

void audit_clear(struct audit *a)
{
	hash_clear(&a->by_holder);
	hash_clear(&a->by_fin_holder);
	hash_clear(&a->by_peer);
	hash_clear(&a->by_group);
	hash_clear(&a->by_netns);
	hash_clear(&a->by_connect);
	a->n_netns = a->n_listeners = a->n_close_wait = a->n_fin_wait2 = a->n_places = 0;
	a->n_dead = a->n_groups = 0;
	a->n_half_open = a->n_sources = a->n_requests = a->n_handshakes = a->n_scanners = 0;
	a->n_connects = 0;
	a->n_services = a->n_dead_nets = a->n_service_groups = a->n_group_sources = 0;
	a->n_unseen = 0;
	a->at_idle = 0;
	a->ts_ns = a->covers = a->blank = 0;
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
	uint32_t at;
	int i;

	if (!to)
		return no_room(a, full);
	*to = *n;
	to->overflow_milli = AUDIT_NO_RATE;
	for (i = 0; i < COUNTER_MAX; i++)
		to->counter_milli[i] = AUDIT_NO_RATE;
	return hash_find(&a->by_netns, n->netns, &at) ?
		       0 :
		       hash_add(&a->by_netns, n->netns, a->n_netns - 1);
}

uint64_t audit_netns_cookie(const struct audit *a, uint32_t netns)
{
	uint32_t at;

	return hash_find(&a->by_netns, netns, &at) ? a->netns[at].netns_cookie : 0;
}

bool audit_same_netns(const struct audit *a, const struct audit *b, uint32_t netns)
{
	uint64_t here = audit_netns_cookie(a, netns), there = audit_netns_cookie(b, netns);

	return !here || !there || here == there;
}

static bool is_netns(uint32_t netns, uint64_t cookie, uint32_t other, uint64_t other_cookie)
{
	return cookie && other_cookie ? cookie == other_cookie : netns == other;
}

bool audit_covers_netns(const struct audit *a, uint32_t netns, uint64_t cookie)
{
	uint32_t i;

	for (i = 0; i < a->n_unseen; i++)
		if (is_netns(netns, cookie, a->unseen[i].netns, a->unseen[i].netns_cookie))
			return false;
	if (a->blind.netns_listed)
		return true;
	for (i = 0; i < a->n_netns; i++)
		if (is_netns(netns, cookie, a->netns[i].netns, a->netns[i].netns_cookie))
			return true;
	return false;
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
	a->blind.netns_listed |= b->netns_listed;
	a->blind.listeners_missing |= b->listeners_missing;
	if (!b->netns_denied)
		return;
	a->blind.netns_errno = b->netns_errno;
	a->blind.netns_ptrace = b->netns_ptrace;
}

uint64_t audit_hidden(const struct audit *a, uint64_t *ret_sockets)
{
	uint64_t n = 0, sockets = 0;
	uint32_t i, state;

	for (i = 0; i < a->n_netns; i++) {
		if (!a->netns[i].hidden)
			continue;
		n++;
		for (state = 0; state < TCS_STATE_MAX && sockets != AUDIT_UNKNOWN; state++)
			sockets = a->netns[i].states[state] == AUDIT_STATE_UNKNOWN ?
					  AUDIT_UNKNOWN :
					  sockets + a->netns[i].states[state];
	}
	*ret_sockets = sockets;
	return n;
}

/* Nothing is there to be judged; the next look will tell if that changes. */
static bool is_idle(const struct audit_socket *s)
{
	return !s->syn_queue && !s->accept_queue && !s->drops && s->cookie_age_ns == AUDIT_UNKNOWN;
}

/* Where there is no room, one of those that are idle makes room for one that is not; NULL: none. */
static struct audit_listener *replace_idle(struct audit *a, const struct audit_socket *s)
{
	if (is_idle(s))
		return NULL;
	while (a->at_idle < a->n_listeners && !is_idle(&a->listeners[a->at_idle].socket))
		a->at_idle++;
	return a->at_idle < a->n_listeners ? &a->listeners[a->at_idle++] : NULL;
}

static int add_listener(struct audit *a, const struct audit_socket *s)
{
	bool full;
	struct audit_listener *l = APPEND(a, listeners, &full);
	int err = l ? 0 : no_room(a, full);

	if (err)
		return err;
	if (!l) {
		a->blind.listeners_missing = true;
		l = replace_idle(a, s);
	}
	if (!l)
		return 0;
	memset(l, 0, sizeof(*l));
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
ADD(unseen, unseen)

int audit_add_dead_net(struct audit *a, const struct audit_dead *r)
{
	bool full;
	struct audit_dead *to = APPEND(a, dead_nets, &full);

	if (!to)
		return no_room(a, full);
	*to = *r;
	return 0;
}

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

bool audit_is_address(const struct audit_source *r)
{
	return r->bits == (r->family == 4 ? 32 : 128);
}

static uint64_t holder_key(uint32_t netns, uint32_t pid)
{
	return (uint64_t)netns << 32 | pid;
}

static void set_descriptors(struct audit_half_closed *c, const struct audit_holder *h)
{
	c->fd_used = h->fd_used;
	c->fd_limit = h->fd_limit;
}

void audit_add_holder(struct audit *a, const struct audit_holder *h)
{
	uint32_t i, at;

	for (i = 0; i < a->n_netns; i++) {
		uint64_t key = holder_key(a->netns[i].netns, h->pid);

		if (hash_find(&a->by_holder, key, &at))
			set_descriptors(&a->close_wait[at], h);
		if (hash_find(&a->by_fin_holder, key, &at))
			set_descriptors(&a->fin_wait2[at], h);
	}
}

/* Without payload, and without a segment at all: an acknowledgment of payload is one. */
static uint64_t idle_ns(const struct audit_socket *s)
{
	uint64_t payload_ns = s->payload_ms ? (uint64_t)s->payload_ms * 1000000 : AUDIT_UNKNOWN;

	return audit_longest(payload_ns, s->quiet_ns);
}

static bool is_old(const struct audit_socket *s, uint64_t age_ns, uint64_t old_ns)
{
	return age_ns != AUDIT_UNKNOWN && age_ns >= old_ns && idle_ns(s) >= old_ns;
}

static void count_unaccepted(struct audit_half_closed *c, const struct audit_socket *s)
{
	if (c->unaccepted == AUDIT_UNKNOWN)
		return;
	if (s->flags & (AUDIT_ATTACHED | AUDIT_DETACHED))
		c->unaccepted += !!(s->flags & AUDIT_DETACHED);
	else
		c->unaccepted = AUDIT_UNKNOWN;
}

/* Seen as an event, or the time since the peer's last segment: its FIN, or its ACK of ours. */
static void count_half_closed(struct audit_half_closed *c, const struct audit_socket *s,
			      uint64_t old_ns)
{
	const struct audit_socket *e = &c->example;
	bool exact = s->in_state_ns != AUDIT_UNKNOWN;
	uint64_t age = exact ? s->in_state_ns : s->quiet_ns;

	c->count++;
	c->same_remote &=
		s->rport == e->rport && s->device == e->device && !memcmp(s->raddr, e->raddr, 16);
	c->same_local &= s->lport == e->lport;
	count_unaccepted(c, s);
	c->old += is_old(s, age, old_ns);
	if (age == AUDIT_UNKNOWN || (c->oldest_ns != AUDIT_UNKNOWN && age <= c->oldest_ns))
		return;
	c->oldest_ns = age;
	c->oldest_exact = exact;
}

static struct audit_half_closed half_closed_by(const struct audit_socket *first)
{
	return (struct audit_half_closed){
		.netns = first->netns,
		.owner = first->owner,
		.oldest_ns = AUDIT_UNKNOWN,
		.growth_milli = AUDIT_NO_RATE,
		.fd_used = AUDIT_UNKNOWN,
		.fd_limit = AUDIT_UNKNOWN,
		.example = *first,
		.same_remote = true,
		.same_local = true,
	};
}

static int add_close_wait(struct audit *a, const struct audit_socket *s)
{
	uint64_t key = holder_key(s->netns, s->owner.pid);
	struct audit_half_closed *c;
	uint32_t at;
	bool full;
	int err;

	if (!hash_find(&a->by_holder, key, &at)) {
		c = APPEND(a, close_wait, &full);
		if (!c)
			return no_room(a, full);
		at = a->n_close_wait - 1;
		*c = half_closed_by(s);
		err = hash_add(&a->by_holder, key, at);
		if (err)
			return err;
	}
	count_half_closed(&a->close_wait[at], s, a->config.old_ns);
	return 0;
}

/* False: an orphan, which the kernel ends (tcp_fin_timeout). */
static bool is_held(const struct audit_socket *s)
{
	if (s->flags & (AUDIT_ATTACHED | AUDIT_DETACHED))
		return s->flags & AUDIT_ATTACHED;
	return s->owner.pid;
}

static int add_fin_wait2(struct audit *a, const struct audit_socket *s)
{
	uint64_t key = holder_key(s->netns, s->owner.pid);
	struct audit_half_closed *c;
	uint32_t at;
	bool full;
	int err;

	if (!is_held(s))
		return 0;
	if (!hash_find(&a->by_fin_holder, key, &at)) {
		c = APPEND(a, fin_wait2, &full);
		if (!c)
			return no_room(a, full);
		at = a->n_fin_wait2 - 1;
		*c = half_closed_by(s);
		err = hash_add(&a->by_fin_holder, key, at);
		if (err)
			return err;
	}
	count_half_closed(&a->fin_wait2[at], s, a->config.fin_old_ns);
	return 0;
}

static int add_half_closed(struct audit *a, const struct audit_socket *s)
{
	if (s->state == TCS_CLOSE_WAIT)
		return add_close_wait(a, s);
	return s->state == TCS_FIN_WAIT2 ? add_fin_wait2(a, s) : 0;
}

/* The row of an address that does not answer; NULL with *err 0: there is no room for it. */
static struct audit_dead *dead_at(struct audit *a, const struct audit_timeout *t, int *err)
{
	uint64_t link = hash_mix(t->netns_cookie) ^ ((uint64_t)t->device << 32 | t->netns);
	uint64_t key = hash_bytes(t->raddr, 16, link);
	struct audit_dead *d;
	uint32_t at;
	bool full;

	*err = 0;
	if (hash_find(&a->by_peer, key, &at))
		return &a->dead[at];
	d = APPEND(a, dead, &full);
	if (!d) {
		*err = no_room(a, full);
		return NULL;
	}
	*d = (struct audit_dead){ .netns_cookie = t->netns_cookie,
				  .netns = t->netns,
				  .device = t->device,
				  .family = t->family,
				  .bits = t->family == 4 ? 32 : 128,
				  .hosts = 1,
				  .quiet_ns = AUDIT_UNKNOWN,
				  .net = AUDIT_NONE };
	memcpy(d->raddr, t->raddr, 16);
	*err = hash_add(&a->by_peer, key, a->n_dead - 1);
	return d;
}

uint64_t audit_longest(uint64_t a_ns, uint64_t b_ns)
{
	if (a_ns == AUDIT_UNKNOWN || b_ns == AUDIT_UNKNOWN)
		return a_ns == AUDIT_UNKNOWN ? b_ns : a_ns;
	return a_ns > b_ns ? a_ns : b_ns;
}

static int add_dead(struct audit *a, const struct audit_socket *s)
{
	struct audit_timeout peer = { .netns_cookie = s->netns_cookie,
				      .netns = s->netns,
				      .device = s->device,
				      .family = s->family };
	struct audit_dead *d;
	int err;

	memcpy(peer.raddr, s->raddr, sizeof(peer.raddr));
	d = dead_at(a, &peer, &err);
	if (d) {
		d->count++;
		d->quiet_ns = audit_longest(d->quiet_ns, s->quiet_ns);
		if (!d->owner.pid)
			d->owner = s->owner;
	}
	return err;
}

int audit_add_timeout(struct audit *a, const struct audit_timeout *t)
{
	int err;
	struct audit_dead *d = dead_at(a, t, &err);

	if (d) {
		d->count++;
		d->timed_out++;
	}
	return err;
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
		g.netns = s->netns;
		g.device = addr_is_link_local(s->raddr) ? s->device : 0;
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
	if (s->flags & AUDIT_MPTCP) /* no TCP socket: its subflows are counted */
		return add_half_closed(a, s);
	if (a->config.count_rows)
		count_state(a, s);
	if (a->config.by == AUDIT_BY_COMM || a->config.count_rows)
		err = add_to_group(a, s);
	if (!err && s->state == TCS_LISTEN)
		err = add_listener(a, s);
	if (!err)
		err = add_half_closed(a, s);
	if (!err && a->config.stalled && s->stalled >= a->config.stalled &&
	    s->quiet_ns >= a->config.dead_ns) /* unknown is long, too */
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

int audit_add_failed(struct audit *a, const struct audit_place *p)
{
	bool full;
	struct audit_place *to = APPEND(a, places, &full);

	if (!to)
		return no_room(a, full);
	*to = *p;
	to->growth_milli = AUDIT_NO_RATE;
	return 0;
}

int audit_add_group(struct audit *a, const struct audit_group *g)
{
	struct {
		uint32_t netns, lport, device, pad;
		uint8_t raddr[16];
		char comm[TCS_COMM_LEN];
	} id = { .netns = a->config.by == AUDIT_BY_NETNS || g->device ? g->netns : 0,
		 .lport = g->lport,
		 .device = g->device };
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
