// SPDX-License-Identifier: GPL-2.0-only
#include "older.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "state.h"

/* A socket is a word: its id, then the number of its holder, of which the first has the lowest. */
#define HOLDER_BITS 20
#define HOLDERS_MAX (1u << HOLDER_BITS)

struct holder {
	uint32_t pid;
	char comm[TCS_COMM_LEN];
};

struct listener {
	uint8_t laddr[16];
	uint32_t netns;
	uint32_t holder;
	uint16_t lport;
};

struct older {
	uint64_t *sockets;
	struct listener *listeners;
	struct holder *holders;
	uint32_t n_sockets, cap_sockets;
	uint32_t n_listeners, cap_listeners;
	uint32_t n_holders, cap_holders;
	uint64_t skipped;
	bool unsorted;
};

/* The id in the word of a socket. Those of our own are hashes (bpf/tcs_note.h). */
static uint64_t word_of(uint64_t id)
{
	return id >> (64 - HOLDER_BITS) ? hash_mix(id) >> HOLDER_BITS << HOLDER_BITS :
					  id << HOLDER_BITS;
}

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
	struct holder *fresh;

	*ret = o->n_holders - 1;
	if (o->n_holders && o->holders[*ret].pid == row->pid)
		return 0;
	if (reserve((void **)&o->holders, o->n_holders, &o->cap_holders, sizeof(*o->holders)) ||
	    !o->holders)
		return -ENOMEM;
	*ret = o->n_holders++;
	fresh = &o->holders[*ret];
	fresh->pid = row->pid;
	memcpy(fresh->comm, row->comm, sizeof(fresh->comm));
	return 0;
}

int older_add(struct older *o, const struct tcs_wire_scan *row)
{
	uint32_t holder;
	uint64_t word;

	if (o->n_sockets == OLDER_MAX || o->n_holders == HOLDERS_MAX) {
		o->skipped++;
		return 0;
	}
	if (holder_of(o, row, &holder) ||
	    reserve((void **)&o->sockets, o->n_sockets, &o->cap_sockets, sizeof(*o->sockets)))
		return -ENOMEM;
	word = word_of(row->id) | holder;
	o->unsorted |= o->n_sockets && o->sockets[o->n_sockets - 1] > word;
	o->sockets[o->n_sockets++] = word;
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
	const uint64_t *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

static bool same_socket(uint64_t a, uint64_t b)
{
	return a >> HOLDER_BITS == b >> HOLDER_BITS;
}

/* Sort by id and keep the first holder of each. Cookies given by the walk itself are in order. */
void older_settle(struct older *o)
{
	uint32_t from, to = 0;

	if (o->unsorted)
		qsort(o->sockets, o->n_sockets, sizeof(*o->sockets), compare_sockets);
	for (from = 0; from < o->n_sockets; from++)
		if (!to || !same_socket(o->sockets[to - 1], o->sockets[from]))
			o->sockets[to++] = o->sockets[from];
	o->n_sockets = to;
	o->unsorted = false;
}

void older_forget(struct older *o)
{
	o->n_sockets = 0;
	o->unsorted = false;
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

/* The number of its holder. */
static bool find_socket(const struct older *o, uint64_t id, uint32_t *ret)
{
	uint32_t low = 0, high = o->n_sockets;
	uint64_t word = word_of(id);

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (o->sockets[middle] < word)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == o->n_sockets || !same_socket(o->sockets[low], word))
		return false;
	*ret = (uint32_t)(o->sockets[low] & (HOLDERS_MAX - 1));
	return true;
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
	uint32_t holder;
	bool held = find_socket(o, id, &holder);
	const struct listener *l = held ? NULL : find_listener(o, netns, laddr, lport);

	if (held)
		put_owner(o, holder, OWNER_SCAN, ret);
	else if (l)
		put_owner(o, l->holder, OWNER_LISTENER, ret);
	return held || l;
}

bool older_find(void *ctx, uint64_t id, const struct tcs_wire_facts *facts, uint16_t lport,
		struct track_older *ret)
{
	const struct older *o = ctx;
	uint32_t holder;
	bool held = find_socket(o, id, &holder);
	const struct listener *l = find_listener(o, facts->netns, facts->laddr, lport);

	if (!held && !l)
		return false;
	*ret = (struct track_older){
		.id = id,
		.direction = l && facts->rport ? DIRECTION_PASSIVE : DIRECTION_UNKNOWN,
	};
	if (held)
		put_owner(o, holder, OWNER_SCAN, &ret->owner);
	else
		put_owner(o, l->holder, OWNER_LISTENER, &ret->owner);
	return true;
}
