// SPDX-License-Identifier: GPL-2.0-only
#include "older.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

struct holder {
	uint32_t pid;
	char comm[TCS_COMM_LEN];
};

struct held_socket {
	uint64_t id;
	uint32_t holder;
	uint32_t order; /* of the walk: of several holders the first counts */
};

struct listener {
	uint8_t laddr[16];
	uint32_t netns;
	uint32_t holder;
	uint16_t lport;
};

struct older {
	struct held_socket *sockets;
	struct listener *listeners;
	struct holder *holders;
	uint32_t n_sockets, cap_sockets;
	uint32_t n_listeners, cap_listeners;
	uint32_t n_holders, cap_holders;
	uint64_t skipped;
};

/* Room for one more element; 0 or -ENOMEM. */
static int reserve(void **array, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t more = *cap ? *cap * 2 : 256;
	void *grown;

	if (n < *cap)
		return 0;
	grown = realloc(*array, more * size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*cap = more;
	return 0;
}

/* Rows of one process come one after another. */
static int holder_of(struct older *o, const struct tcs_wire_scan *row, uint32_t *ret)
{
	struct holder *last = o->n_holders ? &o->holders[o->n_holders - 1] : NULL;

	if (!last || last->pid != row->pid) {
		if (reserve((void **)&o->holders, o->n_holders, &o->cap_holders,
			    sizeof(*o->holders)))
			return -ENOMEM;
		last = &o->holders[o->n_holders++];
		last->pid = row->pid;
		memcpy(last->comm, row->comm, sizeof(last->comm));
	}
	*ret = o->n_holders - 1;
	return 0;
}

int older_add(struct older *o, const struct tcs_wire_scan *row)
{
	uint32_t holder;

	if (o->n_sockets == OLDER_MAX) {
		o->skipped++;
		return 0;
	}
	if (holder_of(o, row, &holder) ||
	    reserve((void **)&o->sockets, o->n_sockets, &o->cap_sockets, sizeof(*o->sockets)))
		return -ENOMEM;
	o->sockets[o->n_sockets] =
		(struct held_socket){ .id = row->id, .holder = holder, .order = o->n_sockets };
	o->n_sockets++;
	if (row->state != TCS_LISTEN)
		return 0;
	if (reserve((void **)&o->listeners, o->n_listeners, &o->cap_listeners,
		    sizeof(*o->listeners)))
		return -ENOMEM;
	o->listeners[o->n_listeners] =
		(struct listener){ .netns = row->netns, .holder = holder, .lport = row->lport };
	memcpy(o->listeners[o->n_listeners++].laddr, row->laddr, sizeof(row->laddr));
	return 0;
}

static int compare_sockets(const void *left, const void *right)
{
	const struct held_socket *a = left, *b = right;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* Sort by id and keep the first holder of each. */
void older_settle(struct older *o)
{
	uint32_t from, to = 0;

	if (o->n_sockets)
		qsort(o->sockets, o->n_sockets, sizeof(*o->sockets), compare_sockets);
	for (from = 0; from < o->n_sockets; from++)
		if (!to || o->sockets[to - 1].id != o->sockets[from].id)
			o->sockets[to++] = o->sockets[from];
	o->n_sockets = to;
}

int older_new(struct older **ret)
{
	struct older *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	*ret = o;
	return 0;
}

void older_free(struct older *o)
{
	if (!o)
		return;
	free(o->sockets);
	free(o->listeners);
	free(o->holders);
	free(o);
}

uint32_t older_sockets(const struct older *o)
{
	return o->n_sockets;
}

uint64_t older_skipped(const struct older *o)
{
	return o->skipped;
}

static const struct held_socket *find_socket(const struct older *o, uint64_t id)
{
	uint32_t low = 0, high = o->n_sockets;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (o->sockets[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < o->n_sockets && o->sockets[low].id == id ? &o->sockets[low] : NULL;
}

/* Bound to every address: :: and 0.0.0.0 (mapped). */
static bool is_any(const uint8_t addr[16])
{
	static const uint8_t any6[16], any4[16] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(addr, any6, 16) || !memcmp(addr, any4, 16);
}

static const struct listener *find_listener(const struct older *o, uint32_t netns,
					    const uint8_t laddr[16], uint16_t lport)
{
	uint32_t i;

	for (i = 0; i < o->n_listeners; i++) {
		const struct listener *l = &o->listeners[i];

		if (l->lport == lport && l->netns == netns &&
		    (is_any(l->laddr) || !memcmp(l->laddr, laddr, 16)))
			return l;
	}
	return NULL;
}

static void put_owner(const struct older *o, uint32_t holder, enum owner_source source,
		      struct owner *ret)
{
	ret->pid = o->holders[holder].pid;
	ret->source = source;
	memcpy(ret->comm, o->holders[holder].comm, sizeof(ret->comm));
}

bool older_owner(const struct older *o, uint64_t id, uint32_t netns, const uint8_t laddr[16],
		 uint16_t lport, struct owner *ret)
{
	const struct held_socket *held = find_socket(o, id);
	const struct listener *l = held ? NULL : find_listener(o, netns, laddr, lport);

	if (held)
		put_owner(o, held->holder, OWNER_SCAN, ret);
	else if (l)
		put_owner(o, l->holder, OWNER_LISTENER, ret);
	return held || l;
}

bool older_find(void *ctx, uint64_t id, const struct tcs_wire_facts *facts, uint16_t lport,
		struct track_older *ret)
{
	const struct older *o = ctx;
	const struct held_socket *held = find_socket(o, id);
	const struct listener *l = find_listener(o, facts->netns, facts->laddr, lport);

	if (!held && !l)
		return false;
	*ret = (struct track_older){
		.id = id,
		.direction = l && facts->rport ? DIRECTION_PASSIVE : DIRECTION_UNKNOWN,
	};
	if (held)
		put_owner(o, held->holder, OWNER_SCAN, &ret->owner);
	else
		put_owner(o, l->holder, OWNER_LISTENER, &ret->owner);
	return true;
}
