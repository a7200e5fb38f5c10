// SPDX-License-Identifier: GPL-2.0-only
/* The rows of connects of audit.h: added up by destination and by source address. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"

/* Failed connects that make a destination one that was tried repeatedly: a scan tries it once. */
#define REPEATED_MIN 3

struct audit_connect audit_no_connect(void)
{
	return (struct audit_connect){ .connected = AUDIT_UNKNOWN,
				       .known_ns = AUDIT_UNKNOWN,
				       .pending = AUDIT_UNKNOWN,
				       .oldest_ns = AUDIT_UNKNOWN,
				       .source = AUDIT_NONE };
}

static uint64_t key_of(const struct audit_connect *c, enum connect_of of)
{
	uint64_t key = hash_mix(c->netns_cookie ? c->netns_cookie : c->netns);

	if (of == CONNECT_OF_SOURCE)
		return hash_bytes(c->laddr, 16, key ^ ((uint64_t)c->device << 32 | 1));
	return hash_bytes(c->raddr, 16, key ^ ((uint64_t)c->device << 32 | c->rport << 8 | 2));
}

/* The row of this key, made if it is not there; NULL with *err 0: there is no room. */
static struct audit_connect *connect_at(struct audit *a, const struct audit_connect *c,
					enum connect_of of, int *err)
{
	uint64_t key = key_of(c, of);
	uint32_t at, cap = a->cap_connects ? a->cap_connects * 2 : 64;
	struct audit_connect *to;

	*err = 0;
	if (hash_find(&a->by_connect, key, &at))
		return &a->connects[at];
	if (a->n_connects == AUDIT_ROWS_MAX) {
		a->blind.skipped++;
		return NULL;
	}
	*err = -ENOMEM;
	if (a->n_connects == a->cap_connects) {
		to = realloc(a->connects, cap * sizeof(*to));
		if (!to)
			return NULL;
		a->connects = to;
		a->cap_connects = cap;
	}
	if (hash_add(&a->by_connect, key, a->n_connects))
		return NULL;
	*err = 0;
	to = &a->connects[a->n_connects++];
	*to = audit_no_connect();
	to->netns_cookie = c->netns_cookie;
	to->netns = c->netns;
	to->device = c->device;
	to->family = c->family;
	to->of = (uint8_t)of;
	memcpy(to->laddr, c->laddr, 16);
	if (of == CONNECT_OF_SOURCE)
		return to;
	memcpy(to->raddr, c->raddr, 16);
	to->rport = c->rport;
	return to;
}

static void add_known(uint64_t *to, uint64_t n)
{
	if (n != AUDIT_UNKNOWN)
		*to = (*to == AUDIT_UNKNOWN ? 0 : *to) + n;
}

static void keep_longer(uint64_t *to, uint64_t ns)
{
	if (ns > *to)
		*to = ns;
}

static void add_to(struct audit_connect *to, const struct audit_connect *c)
{
	int i;

	add_known(&to->connected, c->connected);
	add_known(&to->pending, c->pending);
	for (i = 0; i < CONNECT_FAILURES; i++)
		to->failed[i] += c->failed[i];
	to->recent_connected += c->recent_connected;
	to->recent_failed += c->recent_failed;
	to->elsewhere += c->elsewhere;
	to->oldest_ns = audit_longest(to->oldest_ns, c->oldest_ns);
	to->known_ns = c->known_ns < to->known_ns ? c->known_ns : to->known_ns;
	keep_longer(&to->window_ns, c->window_ns);
	keep_longer(&to->failing_ns, c->failing_ns);
	to->open |= c->open;
	if (c->owner.pid)
		to->owner = c->owner;
	/* One of several source addresses: that of a row with events, if there is one. */
	if (to->of == CONNECT_OF_DESTINATION && c->of == CONNECT_OF_DESTINATION)
		memcpy(to->laddr, c->laddr, 16);
}

static int add_as(struct audit *a, const struct audit_connect *c, enum connect_of of)
{
	struct audit_connect *to;
	int err;

	to = connect_at(a, c, of, &err);
	if (to)
		add_to(to, c);
	return err;
}

int audit_add_connect(struct audit *a, const struct audit_connect *c)
{
	int err;

	if (c->of != CONNECT_OF_PAIR)
		return add_as(a, c, (enum connect_of)c->of);
	err = add_as(a, c, CONNECT_OF_DESTINATION);
	return err ? err : add_as(a, c, CONNECT_OF_SOURCE);
}

int audit_carry_connects(struct audit *a, const struct audit *whole)
{
	uint64_t since_ns = a->ts_ns > whole->ts_ns ? a->ts_ns - whole->ts_ns : 0;
	uint32_t i;
	int err = 0;

	a->covers |= whole->covers & AUDIT_PENDING;
	for (i = 0; !err && i < whole->n_connects; i++) {
		const struct audit_connect *from = &whole->connects[i];
		struct audit_connect row = audit_no_connect();

		if (!from->pending || from->pending == AUDIT_UNKNOWN)
			continue;
		row.of = from->of;
		row.netns_cookie = from->netns_cookie;
		row.netns = from->netns;
		row.device = from->device;
		row.rport = from->rport;
		row.family = from->family;
		row.pending = from->pending;
		if (from->oldest_ns != AUDIT_UNKNOWN)
			row.oldest_ns = from->oldest_ns + since_ns;
		memcpy(row.laddr, from->laddr, sizeof(row.laddr));
		memcpy(row.raddr, from->raddr, sizeof(row.raddr));
		err = audit_add_connect(a, &row);
	}
	return err;
}

uint64_t audit_connect_failing(const struct audit_connect *c)
{
	uint64_t n = c->pending == AUDIT_UNKNOWN ? 0 : c->pending;
	int i;

	for (i = 0; i < CONNECT_FAILURES; i++)
		n += c->failed[i];
	return n;
}

/* Counts that the snapshot covers are 0 where nothing was added; then the failing time. */
static void complete(const struct audit *a, struct audit_connect *c)
{
	uint64_t waited = c->oldest_ns == AUDIT_UNKNOWN ? 0 : c->oldest_ns;

	if (a->covers & AUDIT_CONNECTS)
		add_known(&c->connected, 0);
	if (a->covers & AUDIT_PENDING)
		add_known(&c->pending, 0);
	keep_longer(&c->failing_ns, waited < c->known_ns ? waited : c->known_ns);
	c->lasts = c->failing_ns >= a->config.connect_ns;
}

/*
 * A scan tries each port or host once, or once more where nothing came back. Connects that still
 * wait after connect_ns are no scan's, which gives up earlier, and a missing local port is not the
 * destination's doing.
 */
static bool is_repeated(const struct audit *a, const struct audit_connect *c)
{
	return audit_connect_failing(c) >= REPEATED_MIN || c->failed[CONNECT_NO_LOCAL_PORT] ||
	       (c->oldest_ns != AUDIT_UNKNOWN && c->oldest_ns >= a->config.connect_ns);
}

static void add_to_source(struct audit *a, struct audit_connect *c)
{
	uint64_t failing = audit_connect_failing(c);
	struct audit_connect *s;

	if (!hash_find(&a->by_connect, key_of(c, CONNECT_OF_SOURCE), &c->source)) {
		c->source = AUDIT_NONE;
		return;
	}
	s = &a->connects[c->source];
	s->destinations += failing > 0;
	s->elsewhere += c->elsewhere;
	if (is_repeated(a, c))
		s->repeated += failing;
}

void audit_connect_settle(struct audit *a)
{
	uint32_t i;

	for (i = 0; i < a->n_connects; i++)
		complete(a, &a->connects[i]);
	for (i = 0; i < a->n_connects; i++)
		if (a->connects[i].of == CONNECT_OF_DESTINATION)
			add_to_source(a, &a->connects[i]);
}
