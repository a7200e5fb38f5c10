// SPDX-License-Identifier: GPL-2.0-only
#include "port_failures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int port_failures_init(struct port_failures *f)
{
	*f = (struct port_failures){ .at = calloc(PORT_FAILURES_MAX, sizeof(*f->at)) };
	if (!f->at)
		return -ENOMEM;
	return hash_init(&f->by_place);
}

void port_failures_release(struct port_failures *f)
{
	free(f->at);
	hash_release(&f->by_place);
}

static uint64_t key_of(const uint8_t laddr[16], const uint8_t raddr[16], uint16_t rport,
		       uint32_t netns, uint32_t device)
{
	uint64_t key = hash_bytes(raddr, 16, hash_bytes(laddr, 16, netns));

	return hash_mix(key ^ ((uint64_t)device << 32 | rport));
}

static void begin(struct port_failure *to, const struct conn *c)
{
	*to = (struct port_failure){ .netns_cookie = c->netns_cookie,
				     .netns = c->netns,
				     .device = c->device,
				     .rport = c->rport,
				     .family = c->family };
	memcpy(to->laddr, c->laddr, sizeof(to->laddr));
	memcpy(to->raddr, c->raddr, sizeof(to->raddr));
}

void port_failures_change(struct port_failures *f, const struct change *change)
{
	const struct conn *c = change->conn;
	uint64_t key;
	uint32_t at;

	if (change->reason != REASON_NO_LOCAL_PORT || change->lport || !c->rport)
		return;
	key = key_of(c->laddr, c->raddr, c->rport, c->netns, c->device);
	if (!hash_find(&f->by_place, key, &at)) {
		at = f->n;
		if (at == PORT_FAILURES_MAX || hash_add(&f->by_place, key, at)) {
			f->skipped++;
			return;
		}
		begin(&f->at[f->n++], c);
	}
	f->at[at].count++;
}

/* The inode number may have been given to another namespace since. */
static bool is_of(const struct port_failure *failure, const struct audit *look)
{
	uint64_t now = audit_netns_cookie(look, failure->netns);

	return !now || !failure->netns_cookie || now == failure->netns_cookie;
}

static void add_failed(struct audit_place *p, uint32_t n)
{
	uint32_t sum = p->failed + (n < UINT16_MAX ? n : UINT16_MAX);

	p->failed = (uint16_t)(sum < UINT16_MAX ? sum : UINT16_MAX);
}

/*
 * Where bind() chose more than half of the ports they are what is missing, toward all destinations:
 * the fullest row of a local address, or of all; NULL: none is.
 */
static struct audit_place *source_of(const struct port_failure *failure, struct audit *look)
{
	struct audit_place *best = NULL;
	uint32_t i;

	for (i = 0; i < look->n_places; i++) {
		struct audit_place *p = &look->places[i];

		if (audit_place_is_source(p) && audit_place_is_default(p) &&
		    p->netns == failure->netns && p->bound * 2 > p->ports_range &&
		    (!best || p->bound > best->bound))
			best = p;
	}
	return best;
}

static bool add_to_source(const struct port_failure *failure, struct audit *look)
{
	struct audit_place *source = source_of(failure, look);

	if (source)
		add_failed(source, failure->count);
	return source;
}

/* All rows of one destination: that of the namespace's range, and those of programs' ranges. */
static void add_to_rows(struct port_failures *f, struct audit *look)
{
	uint32_t i, at;

	for (i = 0; f->n && i < look->n_places; i++) {
		struct audit_place *p = &look->places[i];
		uint64_t key = key_of(p->laddr, p->raddr, p->rport, p->netns, p->device);

		if (!p->rport || !hash_find(&f->by_place, key, &at) || f->at[at].done)
			continue;
		add_failed(p, f->at[at].count);
		f->at[at].has_row = true;
	}
}

static int add_row(const struct port_failure *failure, struct audit *look)
{
	struct audit_place row = { .netns = failure->netns,
				   .device = failure->device,
				   .rport = failure->rport,
				   .family = failure->family,
				   .next_free_ns = AUDIT_UNKNOWN,
				   .all_free_ns = AUDIT_UNKNOWN };

	memcpy(row.laddr, failure->laddr, sizeof(row.laddr));
	memcpy(row.raddr, failure->raddr, sizeof(row.raddr));
	add_failed(&row, failure->count);
	return audit_add_failed(look, &row);
}

int port_failures_into_audit(struct port_failures *f, struct audit *look)
{
	uint32_t i;
	int err = 0;

	for (i = 0; i < f->n; i++)
		f->at[i].done = !is_of(&f->at[i], look) || add_to_source(&f->at[i], look);
	add_to_rows(f, look);
	for (i = 0; !err && i < f->n; i++)
		if (!f->at[i].done && !f->at[i].has_row)
			err = add_row(&f->at[i], look);
	look->blind.skipped += f->skipped;
	f->skipped = f->n = 0;
	hash_clear(&f->by_place);
	return err;
}
