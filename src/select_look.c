// SPDX-License-Identifier: GPL-2.0-only
#include "select_look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "select.h"

enum match {
	MATCH_OUT = 0,
	MATCH_MAYBE,
	MATCH_IN,
};

#define PORT_UNKNOWN (-1)

/* What is known of the ends of one connection, or of all that a row stands for. */
struct ends {
	const uint8_t *laddr, *raddr; /* NULL unknown */
	int lport, rport;	      /* PORT_UNKNOWN: some port */
	uint8_t family;		      /* 0 unknown */
};

/* Sockets of one namespace, by state. */
struct counts {
	bool half_open_blank;	     /* some half-open connections may be in or out */
	uint64_t all[TCS_STATE_MAX]; /* as they were counted */
	uint64_t settled[TCS_STATE_MAX];
	uint64_t in[TCS_STATE_MAX]; /* of those that are settled */
};

/* A listener, wanted or not: what it says of its half-open connections. */
struct listener {
	uint8_t laddr[16];
	uint8_t family;
	bool wanted;
};

/* The half-open connections of a listener, until their sources are known. */
struct held {
	struct audit_half_open row;
	uint64_t seen, in;  /* of the addresses they come from */
	uint64_t oldest_ns; /* of those that are in; AUDIT_UNKNOWN */
	uint32_t index;	    /* in the look that is made */
	bool undecided;	    /* addresses do not tell */
};

struct select_look {
	struct select_look_config config;
	uint32_t states; /* that are wanted, bits */
	enum audit_by by;
	bool rows_count; /* the recording counted no states but made a row for each socket */
	bool of_sockets; /* the filter asks for more than namespaces and states */
	bool of_owner;	 /* ... for what neither TIME_WAIT nor half-open requests have */
	bool other_netns;
	struct counts *counts;
	struct listener *listeners;
	struct held *half_open;
	struct audit_source *sources;
	uint32_t n_counts, cap_counts, n_listeners, cap_listeners;
	uint32_t n_half_open, cap_half_open, n_sources, cap_sources;
	struct hash by_netns, by_cookie; /* counts, listeners */
};

/* ---- matching -------------------------------------------------------------------------------- */

static enum match both(enum match a, enum match b)
{
	return a < b ? a : b;
}

static enum match of_bool(bool in)
{
	return in ? MATCH_IN : MATCH_OUT;
}

static enum match match_port(const struct portset *set, int port)
{
	if (!set->any_set)
		return MATCH_IN;
	return port == PORT_UNKNOWN ? MATCH_MAYBE : of_bool(portset_has(set, (uint16_t)port));
}

/* A prefix of no bits is none, as in the kernel. */
static enum match match_prefix(const struct prefix *prefix, const uint8_t *addr)
{
	if (!prefix->set || !prefix->bits)
		return MATCH_IN;
	return addr ? of_bool(prefix_has(prefix, addr)) : MATCH_MAYBE;
}

/* addrs_unwanted() of the walk. */
static enum match match_ends(const struct filter *f, const struct ends *e)
{
	enum match m = match_port(&f->lport, e->lport);

	m = both(m, match_port(&f->rport, e->rport));
	m = both(m, match_prefix(&f->src, e->laddr));
	m = both(m, match_prefix(&f->dst, e->raddr));
	if (f->dst.set && f->dst.bits && !e->rport)
		m = MATCH_OUT;
	if (f->family)
		m = both(m, e->family ? of_bool(f->family == e->family) : MATCH_MAYBE);
	return m;
}

/* As audit_config.by_remote. */
static bool by_remote(const struct filter *f)
{
	return f->rport.any_set || (f->dst.set && f->dst.bits);
}

static bool netns_wanted(const struct select_look *s, uint32_t netns)
{
	return !s->config.filter->netns || s->config.filter->netns == netns;
}

static bool state_wanted(const struct select_look *s, unsigned int state)
{
	return s->states >> state & 1;
}

/* socket_unwanted() of the walk, and what user space adds. */
static bool creator_wanted(const struct select_look *s, const struct audit_socket *row)
{
	const struct filter *f = s->config.filter;

	return (!f->has_uid || f->uid == row->uid) &&
	       (!s->config.in_cgroup || s->config.in_cgroup(s->config.cgroup_ctx, row->cgroup)) &&
	       select_owner(f, &row->owner);
}

/* And addrs_unwanted(). */
static bool socket_wanted(const struct select_look *s, const struct audit_socket *row)
{
	const struct filter *f = s->config.filter;
	struct ends e = { row->laddr, row->raddr, row->lport, row->rport, row->family };

	return match_ends(f, &e) && creator_wanted(s, row);
}

static bool is_any(const uint8_t addr[16])
{
	static const uint8_t any4[16] = { [10] = 0xff, [11] = 0xff }, any6[16];

	return !memcmp(addr, any4, 16) || !memcmp(addr, any6, 16);
}

/* A local prefix, and a listener of every address. */
static bool any_matches(const struct prefix *src, bool v4, bool v6only)
{
	if (!src->set || !src->bits || (!v4 && !v6only))
		return true;
	return v4 == (src->family == 4);
}

/* listens_for_wanted() of the walk: may connections that pass have come to it? */
static bool listener_wanted(const struct select_look *s, const struct audit_socket *row)
{
	const struct filter *f = s->config.filter;
	bool v6only = row->flags & AUDIT_V6ONLY, any = is_any(row->laddr);
	enum match m = match_port(&f->lport, row->lport);

	if (f->family && f->family != row->family &&
	    !(f->family == 4 && any && row->family == 6 && !v6only))
		return false;
	if (any)
		m = both(m, of_bool(any_matches(&f->src, row->family == 4, v6only)));
	else
		m = both(m, match_prefix(&f->src, row->laddr));
	return m && creator_wanted(s, row);
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* Room for one more; 0, -ENOMEM, or -ENOSPC: there are as many as there may be. */
static int reserve(void **array, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t more = *cap ? *cap * 2 : 64;
	void *grown;

	if (n < *cap)
		return 0;
	if (n >= AUDIT_ROWS_MAX)
		return -ENOSPC;
	grown = realloc(*array, more * size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*cap = more;
	return 0;
}

#define RESERVE(s, rows) \
	reserve((void **)&(s)->rows, (s)->n_##rows, &(s)->cap_##rows, sizeof(*(s)->rows))

static int no_room(int err, struct audit *to)
{
	if (err != -ENOSPC)
		return err;
	to->blind.skipped++;
	return 0;
}

/* NULL: no memory, or too many namespaces. */
static struct counts *counts_of(struct select_look *s, uint32_t netns)
{
	uint32_t i;

	if (hash_find(&s->by_netns, netns, &i))
		return &s->counts[i];
	if (RESERVE(s, counts) || hash_add(&s->by_netns, netns, s->n_counts))
		return NULL;
	s->counts[s->n_counts] = (struct counts){ 0 };
	return &s->counts[s->n_counts++];
}

static void count(struct select_look *s, uint32_t netns, unsigned int state, enum match m,
		  uint64_t n)
{
	struct counts *c = n && m != MATCH_MAYBE ? counts_of(s, netns) : NULL;

	if (!c)
		return; /* unknown, then */
	c->settled[state] += n;
	if (m == MATCH_IN)
		c->in[state] += n;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int keep_listener(struct select_look *s, const struct audit_socket *row, bool wanted)
{
	uint32_t known;
	int err;

	if (!row->id || hash_find(&s->by_cookie, row->id, &known))
		return 0;
	err = RESERVE(s, listeners);
	if (!err)
		err = hash_add(&s->by_cookie, row->id, s->n_listeners);
	if (err)
		return err == -ENOSPC ? 0 : err;
	s->listeners[s->n_listeners] = (struct listener){ .family = row->family, .wanted = wanted };
	memcpy(s->listeners[s->n_listeners++].laddr, row->laddr, 16);
	return 0;
}

/* Queues that are read without a walk are not filtered by state (tcs_listeners of the walk). */
static int take_socket(struct select_look *s, const struct audit_socket *row, struct audit *to)
{
	bool wanted = socket_wanted(s, row);
	int err = 0;

	if (!netns_wanted(s, row->netns))
		return 0;
	/* Half-open ones are counted as such. */
	if (!(row->flags & AUDIT_MPTCP) && (row->state != TCS_SYN_RECV || s->rows_count))
		count(s, row->netns, row->state, of_bool(wanted), 1);
	if (row->state == TCS_LISTEN)
		wanted = listener_wanted(s, row);
	if (to->covers & AUDIT_SOCKETS)
		wanted &= state_wanted(s, row->state);
	if (row->state == TCS_LISTEN)
		err = keep_listener(s, row, wanted);
	return err || !wanted ? err : audit_add_socket(to, row);
}

static int take_netns(struct select_look *s, const struct audit_netns *row, struct audit *to)
{
	struct audit_netns n = *row;
	struct counts *c;
	int i;

	if (!netns_wanted(s, row->netns)) {
		s->other_netns = true;
		return 0;
	}
	c = counts_of(s, row->netns);
	for (i = 0; i < TCS_STATE_MAX; i++) {
		if (c)
			c->all[i] = row->states[i];
		n.states[i] = c ? 0 : AUDIT_STATE_UNKNOWN;
	}
	if (!c)
		to->blank |= AUDIT_BLANK_STATES;
	if (!state_wanted(s, TCS_SYN_RECV))
		n.walked = 0;
	return audit_add_netns(to, &n);
}

/* A port that we listen on tells where its connections came to, any other where they went. */
static int take_place(struct select_look *s, const struct audit_place *row, struct audit *to)
{
	const struct filter *f = s->config.filter;
	struct ends e = { row->laddr, row->rport ? row->raddr : NULL,
			  row->rport ? PORT_UNKNOWN : row->lport,
			  row->rport ? row->rport : PORT_UNKNOWN, row->family };
	enum match m = s->of_owner ? MATCH_OUT : match_ends(f, &e);

	if (!netns_wanted(s, row->netns))
		return 0;
	if (audit_place_is_default(row)) { /* those of a program's range are among these */
		count(s, row->netns, TCS_TIME_WAIT, m, row->time_wait);
		count(s, row->netns, TCS_FIN_WAIT2, m, row->fin_wait2);
	}
	if (s->of_owner || !state_wanted(s, TCS_TIME_WAIT) || !select_place(f, row))
		return 0;
	return audit_add_place(to, row);
}

static int take_group(struct select_look *s, const struct audit_group *row, struct audit *to)
{
	struct ends e = { NULL, NULL, PORT_UNKNOWN, PORT_UNKNOWN, 0 };
	struct audit_group g = *row;
	enum match m;
	uint64_t sum = 0;
	int i;

	if (!netns_wanted(s, row->netns))
		return 0;
	if (s->by == AUDIT_BY_LPORT)
		e.lport = row->lport;
	else if (s->by == AUDIT_BY_RADDR)
		e.raddr = row->raddr;
	m = s->of_owner ? MATCH_MAYBE : match_ends(s->config.filter, &e);
	for (i = 0; i < TCS_STATE_MAX; i++) {
		if (!state_wanted(s, (unsigned int)i))
			g.states[i] = 0;
		sum += g.states[i];
	}
	if (!sum || m == MATCH_OUT)
		return 0;
	if (m == MATCH_IN)
		return audit_add_group(to, &g);
	to->blank |= AUDIT_BLANK_GROUPS;
	return 0;
}

static int take_request(struct select_look *s, const struct audit_request *row, struct audit *to)
{
	const struct filter *f = s->config.filter;
	struct ends e = { row->laddr, row->raddr, row->lport, row->rport, row->family };

	/* The walk finds no owner for them either, but for the few that are full sockets. */
	if (s->of_owner || !netns_wanted(s, row->netns) || !state_wanted(s, TCS_SYN_RECV) ||
	    !match_ends(f, &e))
		return 0;
	return audit_add_request(to, row);
}

/* Of connects that are not answered only the local port is unknown. */
static int take_connect(struct select_look *s, const struct audit_connect *row, struct audit *to)
{
	struct ends e = { row->laddr, row->raddr, PORT_UNKNOWN, row->rport, row->family };

	if (!netns_wanted(s, row->netns) || match_ends(s->config.filter, &e) != MATCH_IN)
		return 0;
	return audit_add_connect(to, row);
}

/* ---- half-open connections ------------------------------------------------------------------- */

/* They are judged when all listeners and all sources are known: at the end. */
static int keep_half_open(struct select_look *s, const struct audit_half_open *row,
			  struct audit *to)
{
	int err = RESERVE(s, half_open);

	if (err)
		return no_room(err, to);
	s->half_open[s->n_half_open++] =
		(struct held){ .row = *row, .oldest_ns = AUDIT_UNKNOWN, .index = AUDIT_NONE };
	return 0;
}

static int keep_source(struct select_look *s, const struct audit_source *row, struct audit *to)
{
	int err = row->half_open < s->n_half_open ? RESERVE(s, sources) : -ENOSPC;

	if (err)
		return no_room(err, to);
	s->sources[s->n_sources++] = *row;
	return 0;
}

static const struct listener *listener_of(const struct select_look *s,
					  const struct audit_half_open *h)
{
	uint32_t at;

	return h->listener && hash_find(&s->by_cookie, h->listener, &at) ? &s->listeners[at] : NULL;
}

/* What all half-open connections of a row have in common. */
static struct ends common_ends(const struct select_look *s, const struct audit_half_open *h)
{
	const struct listener *l = listener_of(s, h);
	struct ends e = { NULL, NULL, h->lport, PORT_UNKNOWN, 0 };

	if (h->count == 1) {
		e.laddr = h->laddr;
		e.family = h->family;
	} else if (!h->listener) {
		e.lport = PORT_UNKNOWN; /* of none, and told by the first one */
	} else if (l) {
		e.laddr = is_any(l->laddr) ? NULL : l->laddr;
		e.family = e.laddr || l->family == 4 ? l->family : 0;
	}
	return e;
}

/* Of each row, how many are in by the addresses they come from. */
static void count_sources(struct select_look *s)
{
	uint32_t i;

	for (i = 0; i < s->n_sources; i++) {
		const struct audit_source *row = &s->sources[i];
		struct held *h = &s->half_open[row->half_open];
		struct ends e = common_ends(s, &h->row);
		enum match m;

		if (!audit_is_address(row))
			continue;
		e.raddr = row->addr;
		e.family = row->family;
		m = match_ends(s->config.filter, &e);
		h->undecided |= m == MATCH_MAYBE;
		h->seen += row->count;
		if (m != MATCH_IN)
			continue;
		h->in += row->count;
		if (row->oldest_ns != AUDIT_UNKNOWN &&
		    (h->oldest_ns == AUDIT_UNKNOWN || row->oldest_ns > h->oldest_ns))
			h->oldest_ns = row->oldest_ns;
	}
}

/* in: of them all, unless it is MATCH_MAYBE. */
static void count_half_open(struct select_look *s, const struct audit_half_open *h, enum match m,
			    uint64_t in)
{
	if (s->rows_count || m == MATCH_MAYBE)
		return;
	/* A request has no owner; a full socket may be anybody's. */
	if (s->of_owner && in) {
		count(s, h->netns, TCS_SYN_RECV, MATCH_OUT, h->count - h->full);
		return;
	}
	count(s, h->netns, TCS_SYN_RECV, MATCH_IN, in);
	count(s, h->netns, TCS_SYN_RECV, MATCH_OUT, h->count - in);
}

/*
 * MATCH_MAYBE: some are in and some not, or nobody can tell, and how far the kernel has come with
 * those that are in is not known. Where their listener is left out that is not asked for.
 */
static enum match judge_half_open(struct select_look *s, struct held *held)
{
	const struct filter *f = s->config.filter;
	struct audit_half_open *h = &held->row;
	const struct listener *l = listener_of(s, h);
	struct ends e = common_ends(s, h);
	enum match m = match_ends(f, &e);
	uint64_t in = m == MATCH_IN ? h->count : 0;

	if (m == MATCH_MAYBE) {
		if (held->undecided || !h->sources_exact || held->seen != h->count)
			return m;
		in = held->in;
	}
	count_half_open(s, h, of_bool(in), in);
	if (!in || in == h->count)
		return of_bool(in);
	if (l && l->wanted && !by_remote(f))
		return MATCH_MAYBE;
	h->listener = 0; /* not to be judged by some of them */
	h->count = in;
	h->full = h->acked = h->stuck = h->recent = h->plain = 0;
	h->oldest_ns = held->oldest_ns;
	h->newest_ns = AUDIT_UNKNOWN;
	return MATCH_IN;
}

/* A prefix longer than the source's holds only addresses that are in. */
static bool source_wanted(const struct select_look *s, const struct held *h,
			  struct audit_source *row)
{
	const struct filter *f = s->config.filter;
	struct prefix here = { .set = true, .family = row->family };

	if (f->family && f->family != row->family)
		return false;
	here.bits = (uint8_t)(row->bits + (row->family == 4 ? 96 : 0));
	if (!f->dst.set || f->dst.bits <= here.bits)
		return match_prefix(&f->dst, row->addr);
	memcpy(here.addr, row->addr, sizeof(here.addr));
	row->count = h->in;
	row->oldest_ns = h->oldest_ns;
	return h->in && prefix_has(&here, f->dst.addr);
}

static int put_sources(struct select_look *s, struct audit *to)
{
	uint32_t i;
	int err = 0;

	for (i = 0; !err && i < s->n_sources; i++) {
		struct audit_source row = s->sources[i];
		const struct held *h = &s->half_open[row.half_open];

		row.half_open = h->index;
		if (h->index != AUDIT_NONE && source_wanted(s, h, &row))
			err = audit_add_source(to, &row);
	}
	return err;
}

static int put_half_open(struct select_look *s, struct audit *to)
{
	uint32_t i;
	int err = 0;

	count_sources(s);
	for (i = 0; !err && i < s->n_half_open; i++) {
		struct held *h = &s->half_open[i];
		const struct listener *listener = listener_of(s, &h->row);
		enum match m = MATCH_OUT;
		struct counts *c;

		if (netns_wanted(s, h->row.netns) && state_wanted(s, TCS_SYN_RECV))
			m = judge_half_open(s, h);
		c = m == MATCH_MAYBE ? counts_of(s, h->row.netns) : NULL;
		if (c)
			c->half_open_blank = true;
		if (m != MATCH_IN)
			continue;
		if (listener && !h->row.listener)
			to->blank |= AUDIT_BLANK_LISTENERS;
		if (to->n_half_open < AUDIT_ROWS_MAX)
			h->index = to->n_half_open;
		err = audit_add_half_open(to, &h->row);
	}
	return err ? err : put_sources(s, to);
}

/* ---- a look ---------------------------------------------------------------------------------- */

static uint32_t count_of(const struct select_look *s, const struct counts *c, unsigned int state)
{
	if (!state_wanted(s, state))
		return 0;
	if (s->rows_count)
		return (uint32_t)c->in[state];
	if (!s->of_sockets)
		return (uint32_t)c->all[state];
	return c->settled[state] == c->all[state] ? (uint32_t)c->in[state] : AUDIT_STATE_UNKNOWN;
}

static void put_counts(const struct select_look *s, struct audit *to)
{
	uint32_t i, at;

	for (i = 0; i < to->n_netns; i++) {
		struct audit_netns *n = &to->netns[i];
		unsigned int state;

		if (!hash_find(&s->by_netns, n->netns, &at))
			continue; /* there was no room */
		if (s->counts[at].half_open_blank) {
			n->walked = 0;
			to->blank |= AUDIT_BLANK_HALF_OPEN;
		}
		for (state = 0; state < TCS_STATE_MAX && to->covers & AUDIT_SOCKETS; state++) {
			n->states[state] = count_of(s, &s->counts[at], state);
			if (n->states[state] == AUDIT_STATE_UNKNOWN)
				to->blank |= AUDIT_BLANK_STATES;
		}
	}
}

static void begin_look(struct select_look *s)
{
	s->n_counts = s->n_listeners = s->n_half_open = s->n_sources = 0;
	s->other_netns = false;
	hash_clear(&s->by_cookie);
	hash_clear(&s->by_netns);
}

static int end_look(struct select_look *s, const struct audit_blind *blind, struct audit *to)
{
	int err = put_half_open(s, to);

	put_counts(s, to);
	audit_add_blind(to, blind);
	if (s->other_netns)
		to->blind.sockets = AUDIT_UNKNOWN; /* were walked over here */
	return err;
}

int select_look_take(struct select_look *s, const struct record *r, struct audit *to)
{
	switch (r->kind) {
	case RECORD_LOOK:
		begin_look(s);
		record_into_audit(r, to);
		/* Rows that a filter cannot match leave the counts unknown. */
		if (s->of_owner || s->config.filter->lport.any_set ||
		    !state_wanted(s, TCS_SYN_SENT))
			to->covers &= ~(uint32_t)(AUDIT_PENDING | AUDIT_CONNECTS);
		return 0;
	case RECORD_NETNS:
		return take_netns(s, &r->netns->netns, to);
	case RECORD_SOCKET:
		return take_socket(s, &r->socket->socket, to);
	case RECORD_PLACE:
		return take_place(s, &r->place->place, to);
	case RECORD_GROUP:
		return take_group(s, &r->group->group, to);
	case RECORD_HALF_OPEN:
		return keep_half_open(s, &r->half_open->half_open, to);
	case RECORD_SOURCE:
		return keep_source(s, &r->source->source, to);
	case RECORD_REQUEST:
		return take_request(s, &r->request->request, to);
	case RECORD_CONNECT:
		if (!(to->covers & AUDIT_PENDING))
			return 0;
		return take_connect(s, &r->connect->connect, to);
	case RECORD_HANDSHAKES:
		return netns_wanted(s, r->handshakes->handshakes.netns) ? record_into_audit(r, to) :
									  0;
	case RECORD_SCANNER:
		return netns_wanted(s, r->scanner->scanner.netns) ? record_into_audit(r, to) : 0;
	case RECORD_UNSEEN:
		return netns_wanted(s, r->unseen->unseen.netns) ? record_into_audit(r, to) : 0;
	case RECORD_LOOK_END:
		return end_look(s, &r->look_end->blind, to);
	default:
		return record_into_audit(r, to);
	}
}

/* ---- life ------------------------------------------------------------------------------------ */

bool select_look_needed(const struct select_look *s)
{
	const struct state_set *states = &s->config.filter->states;

	return s->of_sockets || s->config.filter->netns || states->include || states->exclude;
}

void select_look_start(struct select_look *s, enum audit_by by, bool count_rows)
{
	s->by = by;
	s->rows_count = count_rows;
}

int select_look_new(const struct select_look_config *config, struct select_look **ret)
{
	struct select_look *s = calloc(1, sizeof(*s));
	const struct filter *f = config->filter;

	if (!s || hash_init(&s->by_cookie) || hash_init(&s->by_netns)) {
		select_look_free(s);
		return -ENOMEM;
	}
	s->config = *config;
	s->states = filter_counted_states(f) & ~(config->in_cgroup ? FILTER_NOT_OWNED : 0);
	if (s->states >> TCS_NEW_SYN_RECV & 1)
		s->states |= 1u << TCS_SYN_RECV;
	s->of_owner = f->has_pid || f->has_comm || f->has_uid || config->in_cgroup;
	s->of_sockets = s->of_owner || f->family || f->lport.any_set || f->rport.any_set ||
			f->src.set || f->dst.set;
	*ret = s;
	return 0;
}

void select_look_free(struct select_look *s)
{
	if (!s)
		return;
	hash_release(&s->by_cookie);
	hash_release(&s->by_netns);
	free(s->counts);
	free(s->listeners);
	free(s->half_open);
	free(s->sources);
	free(s);
}
