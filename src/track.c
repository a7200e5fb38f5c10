// SPDX-License-Identifier: GPL-2.0-only
#include "track.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

/* Sockets live in chunks that never move: pointers to them stay good while the table grows. */
#define CHUNK_CONNS 4096u
#define HELD_MAX    65536u

/* A -> CLOSE that waits for a reset to correct it. */
struct held {
	struct change change;
	struct conn *conn;
	uint32_t prev, next; /* slots, oldest first; 0 ends the list. Of a free slot: next free */
};

struct track {
	struct track_config config;
	struct track_totals totals;
	struct hash by_id;
	struct conn **chunks;
	uint32_t n_chunks;
	uint32_t n_conns;   /* slots ever used */
	uint32_t free_conn; /* slot + 1, linked through conn.held; 0 none */
	struct held *held;  /* slot 0 is not used */
	uint32_t n_held, cap_held, free_held;
	uint32_t first_held, last_held;
	uint8_t epoch;
};

/* ---- the table of sockets -------------------------------------------------------------------- */

static struct conn *conn_at(const struct track *t, uint32_t slot)
{
	return &t->chunks[slot / CHUNK_CONNS][slot % CHUNK_CONNS];
}

static int add_chunk(struct track *t)
{
	struct conn **chunks = realloc(t->chunks, (t->n_chunks + 1) * sizeof(struct conn *));
	struct conn *chunk;
	uint32_t n;

	if (!chunks)
		return -ENOMEM;
	t->chunks = chunks;
	n = t->config.max_sockets < CHUNK_CONNS ? t->config.max_sockets : CHUNK_CONNS;
	chunk = malloc(n * sizeof(*chunk));
	if (!chunk)
		return -ENOMEM;
	t->chunks[t->n_chunks++] = chunk;
	return 0;
}

static void tell_held(struct track *t, uint32_t slot);

/* Forget all sockets; what is held is told first. */
static void forget_all(struct track *t)
{
	track_advance(t, UINT64_MAX);
	hash_clear(&t->by_id);
	t->n_conns = 0;
	t->free_conn = 0;
	t->totals.sockets = 0;
	t->totals.forgotten++;
	t->epoch = t->epoch == UINT8_MAX ? 1 : t->epoch + 1; /* 0 means "not told" in the kernel */
}

static struct conn *conn_new(struct track *t, uint64_t id)
{
	struct conn *c;
	uint32_t slot;

	if (t->totals.sockets >= t->config.max_sockets)
		forget_all(t);
	if (t->free_conn) {
		slot = t->free_conn - 1;
		t->free_conn = conn_at(t, slot)->held;
	} else {
		if (t->n_conns == t->n_chunks * CHUNK_CONNS && add_chunk(t))
			return NULL;
		slot = t->n_conns++;
	}
	c = conn_at(t, slot);
	*c = (struct conn){ .id = id };
	if (hash_add(&t->by_id, id, slot)) {
		c->held = t->free_conn;
		t->free_conn = slot + 1;
		return NULL;
	}
	t->totals.sockets++;
	return c;
}

static struct conn *conn_find(const struct track *t, uint64_t id)
{
	uint32_t slot;

	return hash_find(&t->by_id, id, &slot) ? conn_at(t, slot) : NULL;
}

static void conn_remove(struct track *t, struct conn *c)
{
	uint32_t slot;

	if (!hash_find(&t->by_id, c->id, &slot))
		return;
	hash_remove(&t->by_id, c->id);
	c->held = t->free_conn;
	t->free_conn = slot + 1;
	t->totals.sockets--;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void path_add(struct conn *c, unsigned int state, uint64_t ns)
{
	if (c->path_len == TRACK_PATH_MAX) {
		c->path_broken = true;
		return;
	}
	c->path[c->path_len++] = (struct path_step){
		.state = state & 0xff,
		.in_state_ns = (ns < PATH_UNKNOWN_NS ? ns : PATH_UNKNOWN_NS) & PATH_UNKNOWN_NS,
	};
}

static bool path_has(const struct conn *c, unsigned int state)
{
	unsigned int i;

	for (i = 0; i < c->path_len; i++)
		if (c->path[i].state == state)
			return true;
	return false;
}

/* Who closed first: whose FIN came first (RFC 9293, 3.6), else who ended it otherwise. */
static enum closed_by closed_by(const struct conn *c, const struct change *last)
{
	if (path_has(c, TCS_CLOSING))
		return CLOSED_BY_BOTH;
	if (path_has(c, TCS_CLOSE_WAIT) || path_has(c, TCS_LAST_ACK))
		return CLOSED_BY_PEER;
	if (path_has(c, TCS_FIN_WAIT1) || path_has(c, TCS_FIN_WAIT2))
		return CLOSED_BY_US;
	switch (last->reason) {
	case REASON_RESET_BY_PEER:
	case REASON_REFUSED:
		return CLOSED_BY_PEER;
	case REASON_RESET_BY_US:
	case REASON_CANCELLED:
	case REASON_NO_LOCAL_PORT:
	case REASON_LISTENER_CLOSED:
	case REASON_KILLED:
	case REASON_REPAIR_CLOSED:
		return CLOSED_BY_US;
	default:
		return CLOSED_BY_UNKNOWN;
	}
}

static void tell_connection(struct track *t, struct conn *c, const struct change *last)
{
	struct connection connection = {
		.conn = c,
		.last = last,
		.duration_ns = c->born_ns ? last->ts_ns - c->born_ns : TRACK_UNKNOWN_NS,
	};

	if (!t->config.sink.connection || c->direction == DIRECTION_LISTENER)
		return;
	path_add(c, last->new_state, TRACK_UNKNOWN_NS);
	connection.closed_by = closed_by(c, last);
	t->config.sink.connection(t->config.sink.ctx, &connection);
}

static void tell(struct track *t, struct conn *c, const struct change *ch)
{
	if (ch->old_state != TCS_CLOSE &&
	    !(ch->old_state == TCS_LISTEN && ch->new_state == TCS_SYN_RECV))
		path_add(c, ch->old_state, ch->in_old_ns);
	t->config.sink.change(t->config.sink.ctx, ch);
	if (ch->kernel_new_state == TCS_CLOSE) {
		tell_connection(t, c, ch);
		conn_remove(t, c);
	}
}

/* ---- holding back ---------------------------------------------------------------------------- */

static uint32_t held_slot(struct track *t)
{
	uint32_t slot = t->free_held, cap;
	struct held *held;

	if (slot) {
		t->free_held = t->held[slot].next;
		return slot;
	}
	if (t->n_held + 1 >= t->cap_held) {
		cap = t->cap_held ? t->cap_held * 2 : 256;
		if (cap > HELD_MAX)
			return 0;
		held = realloc(t->held, cap * sizeof(*held));
		if (!held)
			return 0;
		t->held = held;
		t->cap_held = cap;
	}
	return ++t->n_held;
}

/* Returns false when there is no room: the change is then told at once, uncorrected. */
static bool hold(struct track *t, struct conn *c, const struct change *ch)
{
	uint32_t slot = held_slot(t);

	if (!slot)
		return false;
	t->held[slot] = (struct held){ .change = *ch, .conn = c, .prev = t->last_held };
	if (t->last_held)
		t->held[t->last_held].next = slot;
	else
		t->first_held = slot;
	t->last_held = slot;
	c->held = slot;
	return true;
}

static void tell_held(struct track *t, uint32_t slot)
{
	struct held h = t->held[slot];

	if (h.prev)
		t->held[h.prev].next = h.next;
	else
		t->first_held = h.next;
	if (h.next)
		t->held[h.next].prev = h.prev;
	else
		t->last_held = h.prev;
	t->held[slot].next = t->free_held;
	t->free_held = slot;

	h.conn->held = 0;
	tell(t, h.conn, &h.change);
}

/* ---- taking in ------------------------------------------------------------------------------- */

static void take_facts(struct conn *c, const struct event *ev)
{
	const struct tcs_wire_facts *f = ev->facts;

	c->cookie = ev->cookies ? ev->cookies->socket : event_id_is_cookie(c->id) ? c->id : 0;
	c->netns_cookie = ev->cookies ? ev->cookies->netns : 0;
	c->device = f->device;
	memcpy(c->laddr, f->laddr, sizeof(c->laddr));
	memcpy(c->raddr, f->raddr, sizeof(c->raddr));
	c->parent = f->parent;
	c->cgroup = f->cgroup;
	c->netns = f->netns;
	c->uid = f->uid;
	c->rport = f->rport;
	c->family = f->family;
}

void owner_of_wire(const struct tcs_wire_owner *wire, struct owner *ret)
{
	static const uint8_t sources[TCS_OWNER_MAX] = {
		[TCS_OWNER_TASK] = OWNER_CACHED,
		[TCS_OWNER_LISTENER] = OWNER_LISTENER,
		[TCS_OWNER_SCAN] = OWNER_SCAN,
	};

	if (!wire->pid)
		return;
	ret->pid = wire->pid;
	ret->source = sources[wire->source];
	memcpy(ret->comm, wire->comm, sizeof(ret->comm));
}

/*
 * A child whose birth was an event has the owner of its listener, as the programs know it. The scan
 * at start knows no better: the listener may have changed hands since. (Up to format 2.1 it was
 * asked all the same.)
 */
static bool is_older(const struct event *ev)
{
	const struct tcs_wire_state *s = ev->state;
	bool born = s->flags & TCS_F_DEFERRED ||
		    (s->old_state == TCS_LISTEN && s->new_state == TCS_SYN_RECV);

	return !ev->cookies || !(born || ev->facts->parent);
}

/* Sockets that were there before us: the scan at start may know their owner. */
static void ask_older(const struct track *t, struct conn *c, const struct event *ev)
{
	bool known = c->owner.pid != 0;
	struct track_older older;

	if ((known && c->owner.source != OWNER_SCAN) || !t->config.older || !is_older(ev) ||
	    !t->config.older(t->config.older_ctx, c->cookie ? c->cookie : c->id, ev->facts,
			     ev->state->lport, &older))
		return;
	if (!known)
		c->owner = older.owner;
	if (c->direction == DIRECTION_UNKNOWN)
		c->direction = older.direction;
}

static void take_direction(struct conn *c, unsigned int old_state, unsigned int new_state)
{
	bool born = old_state == TCS_LISTEN && new_state == TCS_SYN_RECV;
	bool missed = c->direction == DIRECTION_UNKNOWN && c->parent;

	if (old_state == TCS_SYN_SENT || new_state == TCS_SYN_SENT)
		c->direction = DIRECTION_ACTIVE;
	else if (!born && (old_state == TCS_LISTEN || new_state == TCS_LISTEN))
		c->direction = DIRECTION_LISTENER;
	else if (born || missed)
		c->direction = DIRECTION_PASSIVE;
}

/*
 * Time from SYN-ACK to ACK of a connection we accept: the first round-trip sample
 * (tcp_synack_rtt_meas()). There is none if the SYN-ACK was sent again, and one taken from the
 * timestamp option counts whole milliseconds: that is what a SYN cookie leaves, and no measurement.
 */
static uint64_t passive_handshake_ns(const struct tcs_wire_state *s)
{
	uint32_t srtt_us = event_srtt_us(s);

	if (!srtt_us || s->flags & TCS_F_RETRANS || srtt_us % 1000 == 0)
		return TRACK_UNKNOWN_NS;
	return srtt_us * 1000ull;
}

static void take_handshake(struct conn *c, struct change *ch, const struct tcs_wire_state *s)
{
	uint64_t ns = TRACK_UNKNOWN_NS;

	if (event_more(s) & TCS_M_REPAIR)
		return; /* restored: no segment was exchanged */
	if (c->direction == DIRECTION_PASSIVE && s->old_state == TCS_SYN_RECV)
		ns = ch->in_old_ns = passive_handshake_ns(s);
	else if (c->direction == DIRECTION_ACTIVE && c->born_ns)
		ns = s->ts_ns - c->born_ns;
	if (ns != TRACK_UNKNOWN_NS)
		c->handshake_us = (uint32_t)(ns / 1000 < UINT32_MAX ? ns / 1000 : UINT32_MAX);
}

static void take_close(const struct conn *c, struct change *ch, const struct event *ev)
{
	const struct tcs_wire_state *s = ev->state;
	struct reason_facts facts = {
		.old_state = s->old_state,
		.err = s->err,
		.flags = s->flags,
		.more = event_more(s),
		.has_port = c->lport != 0,
		.of_listener = c->direction == DIRECTION_PASSIVE && !(s->flags & TCS_F_OWNED),
	};
	struct reason_verdict v = reason_of_close(&facts);

	ch->new_state = v.new_state;
	ch->tw_substate = v.tw_substate;
	ch->reason = v.reason;
	/* A listener that no known task closed may have been killed (TCS_WIRE_KILLED). */
	ch->provisional = v.provisional || (s->old_state == TCS_LISTEN && !(s->flags & TCS_F_TASK));
	if (ev->totals) {
		ch->totals = *ev->totals;
		ch->has_totals = true;
	}
}

static bool is_birth(const struct tcs_wire_state *s)
{
	return s->old_state == TCS_LISTEN && s->new_state == TCS_SYN_RECV;
}

/* The socket this record speaks of, or NULL when it speaks of one whose facts we do not have. */
static struct conn *conn_of(struct track *t, const struct event *ev)
{
	const struct tcs_wire_state *s = ev->state;
	struct conn *c = conn_find(t, s->id);

	/* A socket that ended and connects again: its end is told before its facts change. */
	if (c && c->held) {
		tell_held(t, c->held);
		c = conn_find(t, s->id);
	}
	if (c && s->old_state == TCS_CLOSE) { /* its end was lost; this is another connection */
		bool missed = s->seq != c->seq + 1;

		t->totals.missed += missed && s->seq > c->seq ? s->seq - c->seq - 1 : missed;
		conn_remove(t, c);
		c = NULL;
	}
	if (c)
		return c;
	if (!ev->facts)
		return NULL;
	c = conn_new(t, s->id);
	if (!c)
		return NULL;
	if (s->seq > 1 && s->old_state != TCS_CLOSE)
		c->seq = UINT32_MAX; /* the beginning was missed */
	if (s->old_state == TCS_CLOSE || is_birth(s))
		c->born_ns = s->ts_ns;
	return c;
}

static bool notice_gap(struct track *t, struct conn *c, const struct tcs_wire_state *s)
{
	bool gap = c->seq && s->seq != c->seq + 1;

	if (gap)
		t->totals.missed +=
			c->seq != UINT32_MAX && s->seq > c->seq ? s->seq - c->seq - 1 : 1;
	c->seq = s->seq;
	if (!gap && !(s->flags & TCS_F_BROKEN))
		return false;
	c->path_broken = true;
	return true;
}

/* ---- what others know ------------------------------------------------------------------------ */

static void known_of_conn(const struct conn *c, struct track_known *ret)
{
	unsigned int i;

	*ret = (struct track_known){
		.id = c->id,
		.parent = c->parent,
		.cgroup = c->cgroup,
		.born_ns = c->born_ns,
		.owner = c->owner,
		.netns = c->netns,
		.uid = c->uid,
		.seq = c->seq,
		.handshake_us = c->handshake_us,
		.lport = c->lport,
		.rport = c->rport,
		.family = c->family,
		.state = c->state,
		.direction = c->direction,
		.path_len = c->path_len,
		.path_broken = c->path_broken,
		.cookie = c->cookie,
		.netns_cookie = c->netns_cookie,
		.device = c->device,
	};
	memcpy(ret->laddr, c->laddr, sizeof(ret->laddr));
	memcpy(ret->raddr, c->raddr, sizeof(ret->raddr));
	for (i = 0; i < c->path_len; i++)
		ret->path[i] = (uint64_t)c->path[i].in_state_ns << 8 | c->path[i].state;
}

/* Its first event here, and somebody knew it before we started. */
static bool known_of_older(const struct track *t, const struct event *ev, struct track_known *ret)
{
	const struct tcs_wire_state *s = ev->state;
	/* as conn_of() and learn() begin */
	struct conn c = { .id = s->id, .state = s->old_state, .seq = s->seq > 1 ? UINT32_MAX : 0 };
	uint32_t told;

	if (!ev->facts)
		return false;
	take_facts(&c, ev);
	if (ev->owner)
		owner_of_wire(ev->owner, &c.owner);
	told = c.owner.pid;
	ask_older(t, &c, ev);
	known_of_conn(&c, ret);
	return c.owner.pid != told || c.direction != DIRECTION_UNKNOWN;
}

bool track_known(const struct track *t, const struct event *ev, uint64_t since_ns,
		 struct track_known *ret)
{
	const struct tcs_wire_state *s = ev->state;
	const struct conn *c;

	if (!s || s->old_state == TCS_CLOSE || s->flags & TCS_F_DEFERRED || is_birth(s))
		return false;
	c = conn_find(t, s->id);
	if (!c)
		return known_of_older(t, ev, ret);
	if (c->held || c->born_ns > since_ns)
		return false;
	known_of_conn(c, ret);
	return true;
}

void track_know(struct track *t, const struct track_known *k)
{
	struct conn *c = conn_find(t, k->id) ? NULL : conn_new(t, k->id);
	unsigned int i;

	if (!c)
		return;
	memcpy(c->laddr, k->laddr, sizeof(c->laddr));
	memcpy(c->raddr, k->raddr, sizeof(c->raddr));
	c->parent = k->parent;
	c->cgroup = k->cgroup;
	c->netns = k->netns;
	c->uid = k->uid;
	c->lport = k->lport;
	c->rport = k->rport;
	c->family = k->family;
	c->state = k->state;
	c->direction = k->direction;
	c->path_len = k->path_len;
	c->path_broken = k->path_broken;
	c->seq = k->seq;
	c->handshake_us = k->handshake_us;
	c->born_ns = k->born_ns;
	c->cookie = k->cookie ? k->cookie : event_id_is_cookie(k->id) ? k->id : 0;
	c->netns_cookie = k->netns_cookie;
	c->device = k->device;
	c->owner = k->owner;
	for (i = 0; i < k->path_len; i++)
		c->path[i] = (struct path_step){ .state = k->path[i] & 0xff,
						 .in_state_ns = k->path[i] >> 8 };
}

/* ---- changes --------------------------------------------------------------------------------- */

/* The first event of the socket, which came before its addresses or its port were known. */
static void take_deferred(struct track *t, struct conn *c, const struct tcs_wire_state *s)
{
	bool child = s->old_state == TCS_SYN_RECV;
	struct change ch = {
		.conn = c,
		.ts_ns = s->ts_ns - s->in_old_ns,
		.in_old_ns = TRACK_UNKNOWN_NS,
		.lport = c->lport,
		.old_state = child ? TCS_LISTEN : TCS_CLOSE,
		.new_state = s->old_state,
		.kernel_new_state = s->old_state,
		.owner = c->owner,
	};

	if (!child && ch.owner.pid)
		ch.owner.source = OWNER_TASK;
	take_direction(c, ch.old_state, ch.new_state);
	c->born_ns = ch.ts_ns;
	tell(t, c, &ch);
}

/* What the record tells of the socket itself. True: the change before this one was missed. */
static bool learn(struct track *t, struct conn *c, const struct event *ev)
{
	const struct tcs_wire_state *s = ev->state;
	bool missed = notice_gap(t, c, s);

	if (ev->facts)
		take_facts(c, ev);
	if (s->lport)
		c->lport = s->lport;
	take_direction(c, s->old_state, s->new_state);
	if (ev->owner)
		owner_of_wire(ev->owner, &c->owner);
	if (ev->facts)
		ask_older(t, c, ev);
	return missed;
}

static void take_state(struct track *t, const struct event *ev)
{
	const struct tcs_wire_state *s = ev->state;
	struct conn *c = conn_of(t, ev);
	struct change ch = {
		.conn = c,
		.ts_ns = s->ts_ns,
		.in_old_ns = s->in_old_ns ? s->in_old_ns : TRACK_UNKNOWN_NS,
		.rtt_us = event_srtt_us(s),
		.old_state = s->old_state,
		.new_state = s->new_state,
		.kernel_new_state = s->new_state,
		.err = s->err,
	};

	t->totals.events += s->flags & TCS_F_DEFERRED ? 2 : 1;
	if (!c) {
		t->totals.unknown += s->flags & TCS_F_DEFERRED ? 2 : 1;
		return;
	}
	ch.recovered = learn(t, c, ev);
	if (s->flags & TCS_F_DEFERRED)
		take_deferred(t, c, s);

	ch.lport = c->lport;
	ch.owner = c->owner;
	if (s->flags & TCS_F_TASK)
		ch.owner.source = OWNER_TASK;
	if (s->new_state == TCS_ESTABLISHED)
		take_handshake(c, &ch, s);
	else if (s->new_state == TCS_CLOSE)
		take_close(c, &ch, ev);
	c->state = ch.new_state;

	if (!ch.provisional || !hold(t, c, &ch))
		tell(t, c, &ch);
}

static void take_reset(struct track *t, const struct tcs_wire_reset *r)
{
	struct conn *c = conn_find(t, r->id);
	struct reason_verdict v = reason_correct();
	struct change *ch;

	if (!c || !c->held)
		return;
	ch = &t->held[c->held].change;
	if (ch->old_state == TCS_LISTEN)
		return;
	ch->reason = v.reason;
	ch->new_state = v.new_state;
	ch->tw_substate = v.tw_substate;
	c->state = v.new_state;
	tell_held(t, c->held);
}

static void take_killed(struct track *t, const struct tcs_wire_reset *k)
{
	struct conn *c = conn_find(t, k->id);
	struct change *ch = c && c->held ? &t->held[c->held].change : NULL;

	if (!ch || ch->old_state != TCS_LISTEN)
		return;
	ch->reason = REASON_KILLED;
	tell_held(t, c->held);
}

/* How it ended nobody will say; what is held back is told all the same. */
static void take_gone(struct track *t, const struct tcs_wire_gone *g)
{
	struct conn *c = conn_find(t, g->id);

	if (c && c->held) {
		tell_held(t, c->held);
		c = conn_find(t, g->id);
	}
	if (c)
		conn_remove(t, c);
}

/* Time comes with the records, whatever batches they are cut into: a replay tells the same. */
void track_event(struct track *t, const struct event *ev)
{
	if (ev->state) {
		track_advance(t, ev->state->ts_ns);
		take_state(t, ev);
	} else if (ev->synack) {
		track_advance(t, ev->synack->ts_ns);
		t->totals.events++;
		t->config.sink.synack(t->config.sink.ctx, ev->synack);
	} else if (ev->reset) {
		track_advance(t, ev->reset->ts_ns);
		take_reset(t, ev->reset);
	} else if (ev->gone) {
		track_advance(t, ev->gone->ts_ns);
		take_gone(t, ev->gone);
	} else if (ev->killed) {
		track_advance(t, ev->killed->ts_ns);
		take_killed(t, ev->killed);
	}
}

void track_advance(struct track *t, uint64_t now_ns)
{
	uint32_t slot;

	while ((slot = t->first_held) &&
	       (now_ns == UINT64_MAX || t->held[slot].change.ts_ns + TRACK_HOLD_NS <= now_ns))
		tell_held(t, slot);
}

/* ---- life ------------------------------------------------------------------------------------ */

int track_new(const struct track_config *config, struct track **ret)
{
	struct track *t;

	if (!config->max_sockets)
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->config = *config;
	t->epoch = 1;
	if (hash_init(&t->by_id)) {
		track_free(t);
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

void track_free(struct track *t)
{
	uint32_t i;

	if (!t)
		return;
	for (i = 0; i < t->n_chunks; i++)
		free(t->chunks[i]);
	free(t->chunks);
	free(t->held);
	hash_release(&t->by_id);
	free(t);
}

bool track_holds(const struct track *t)
{
	return t->first_held != 0;
}

uint8_t track_epoch(const struct track *t)
{
	return t->epoch;
}

const struct track_totals *track_totals(const struct track *t)
{
	return &t->totals;
}
