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
#define SHARING_MAX 8192 /* listeners of one port that are compared */
/* Rows that may be sorted again: a recording may add one before each event that asks. */
#define SETTLE_FREE (1u << 24)
#define SETTLE_EACH 64

struct holder {
	uint32_t pid;
	char comm[TCS_COMM_LEN];
};

struct listener {
	uint8_t laddr[16];
	uint64_t id;
	uint32_t netns;
	uint32_t holder;
	uint32_t device;
	uint32_t order; /* in which it was added */
	uint16_t lport;
	uint8_t flags; /* enum tcs_scan_flags */
};

/* Words, sorted. */
struct words {
	uint64_t *at;
	uint32_t n, cap;
	bool unsorted;
};

struct older {
	struct words sockets; /* with a file */
	struct words queued;
	struct listener *listeners; /* sorted by compare_listeners() */
	struct holder *holders;
	uint32_t n_listeners, cap_listeners;
	uint32_t n_holders, cap_holders;
	uint32_t order;
	uint64_t skipped;
	uint64_t added;	  /* rows, ever */
	uint64_t settled; /* rows that were sorted, again or for the first time */
	bool listeners_unsorted;
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

static int add_word(struct words *w, uint64_t word)
{
	if (reserve((void **)&w->at, w->n, &w->cap, sizeof(*w->at)))
		return -ENOMEM;
	w->unsorted |= w->n && w->at[w->n - 1] > word;
	w->at[w->n++] = word;
	return 0;
}

static int add_listener(struct older *o, const struct tcs_wire_scan *row, uint32_t holder)
{
	struct listener *l;

	if (reserve((void **)&o->listeners, o->n_listeners, &o->cap_listeners,
		    sizeof(*o->listeners)) ||
	    !o->listeners)
		return -ENOMEM;
	l = &o->listeners[o->n_listeners++];
	*l = (struct listener){
		.id = row->id,
		.netns = row->netns,
		.holder = holder,
		.device = row->device,
		.order = o->order++,
		.lport = row->lport,
		.flags = row->flags,
	};
	memcpy(l->laddr, row->laddr, sizeof(row->laddr));
	o->listeners_unsorted = true;
	return 0;
}

int older_add(struct older *o, const struct tcs_wire_scan *row)
{
	bool queued = row->flags & TCS_SCAN_QUEUED;
	uint32_t holder;
	int err;

	if (o->sockets.n + o->queued.n >= OLDER_MAX || o->n_holders == HOLDERS_MAX) {
		o->skipped++;
		return 0;
	}
	if (holder_of(o, row, &holder))
		return -ENOMEM;
	o->added++;
	err = add_word(queued ? &o->queued : &o->sockets, word_of(row->id) | holder);
	return err || queued || row->state != TCS_LISTEN ? err : add_listener(o, row, holder);
}

static int compare_words(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

/* By port and namespace; holders of one socket one after another, the first of them first. */
static int compare_listeners(const void *left, const void *right)
{
	const struct listener *a = left, *b = right;

	if (a->lport != b->lport)
		return a->lport < b->lport ? -1 : 1;
	if (a->netns != b->netns)
		return a->netns < b->netns ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static bool same_socket(uint64_t a, uint64_t b)
{
	return a >> HOLDER_BITS == b >> HOLDER_BITS;
}

/* Keep the first holder of each. Cookies given by the walk itself are in order. */
static void settle_words(struct words *w)
{
	uint32_t from, to = 0;

	if (w->unsorted)
		qsort(w->at, w->n, sizeof(*w->at), compare_words);
	for (from = 0; from < w->n; from++)
		if (!to || !same_socket(w->at[to - 1], w->at[from]))
			w->at[to++] = w->at[from];
	w->n = to;
	w->unsorted = false;
}

static void settle_listeners(struct older *o)
{
	uint32_t from, to = 0;

	if (!o->listeners_unsorted)
		return;
	qsort(o->listeners, o->n_listeners, sizeof(*o->listeners), compare_listeners);
	for (from = 0; from < o->n_listeners; from++) {
		const struct listener *l = &o->listeners[from];
		const struct listener *last = to ? &o->listeners[to - 1] : NULL;

		if (!last || last->id != l->id || last->netns != l->netns ||
		    last->lport != l->lport)
			o->listeners[to++] = *l;
	}
	o->n_listeners = to;
	o->listeners_unsorted = false;
}

bool older_settle(struct older *o)
{
	uint64_t rows = (uint64_t)o->sockets.n + o->queued.n + o->n_listeners;

	if (o->settled + rows > SETTLE_FREE + SETTLE_EACH * o->added)
		return false;
	o->settled += rows;
	settle_words(&o->sockets);
	settle_words(&o->queued);
	settle_listeners(o);
	return true;
}

void older_forget(struct older *o)
{
	o->sockets.n = 0;
	o->sockets.unsorted = false;
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
	free(o->sockets.at);
	free(o->queued.at);
	free(o->listeners);
	free(o->holders);
	free(o);
}

uint32_t older_sockets(const struct older *o)
{
	return o->sockets.n;
}

uint64_t older_skipped(const struct older *o)
{
	return o->skipped;
}

/* The number of its holder. */
static bool find_word(const struct words *w, uint64_t id, uint32_t *ret)
{
	uint32_t low = 0, high = w->n;
	uint64_t word = word_of(id);

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (w->at[middle] < word)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == w->n || !same_socket(w->at[low], word))
		return false;
	*ret = (uint32_t)(w->at[low] & (HOLDERS_MAX - 1));
	return true;
}

/* ---- listeners ------------------------------------------------------------------------------- */

static bool is_mapped(const uint8_t addr[16])
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(addr, prefix, sizeof(prefix));
}

/* Bound to every address: :: and 0.0.0.0 (mapped). */
static bool is_any(const uint8_t addr[16])
{
	static const uint8_t any6[16], any4[16] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(addr, any6, 16) || !memcmp(addr, any4, 16);
}

/*
 * How well this listener of the port matches, as compute_score() has it; 0: not at all. Rows of
 * format 2.1 have neither flags nor device.
 */
static int score_of(const struct listener *l, const struct older_socket *s)
{
	bool exact = !memcmp(l->laddr, s->laddr, 16), v4 = is_mapped(s->laddr);

	if (!exact && !is_any(l->laddr))
		return 0;
	if (!(l->flags & TCS_SCAN_BOUND))
		return 1;
	if (v4 ? l->flags & TCS_SCAN_V6ONLY : l->flags & TCS_SCAN_INET4)
		return 0;
	if (l->device && l->device != s->device)
		return 0;
	return 1 + (l->device != 0) + (v4 && l->flags & TCS_SCAN_INET4) + 4 * exact;
}

/* The first listener of this port and namespace, or of the next one. */
static uint32_t first_at(const struct older *o, const struct older_socket *s)
{
	uint32_t low = 0, high = o->n_listeners;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct listener *l = &o->listeners[middle];

		if (l->lport < s->lport || (l->lport == s->lport && l->netns < s->netns))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool same_holder(const struct older *o, const struct listener *a, const struct listener *b)
{
	return o->holders[a->holder].pid == o->holders[b->holder].pid;
}

/*
 * The listener that this connection came through; NULL: none. *one: its holder is known. With one
 * NULL any listener that it may have come through will do.
 */
static const struct listener *find_listener(const struct older *o, const struct older_socket *s,
					    bool *one)
{
	const struct listener *best = NULL;
	int best_score = 0;
	uint32_t i = first_at(o, s), end = o->n_listeners;

	if (end - i > SHARING_MAX)
		end = i + SHARING_MAX;
	for (; i < end && o->listeners[i].lport == s->lport && o->listeners[i].netns == s->netns;
	     i++) {
		const struct listener *l = &o->listeners[i];
		int score = score_of(l, s);

		if (!score || score < best_score)
			continue;
		if (!one)
			return l;
		if (score > best_score) {
			*one = true;
			best = l;
		} else if (!(l->flags & TCS_SCAN_BOUND)) {
			best = l->order < best->order ? l : best;
		} else {
			*one &= same_holder(o, l, best);
		}
		best_score = score;
	}
	return best;
}

/* ---- owners ---------------------------------------------------------------------------------- */

static void put_owner(const struct older *o, uint32_t holder, enum owner_source source,
		      struct owner *ret)
{
	ret->pid = o->holders[holder].pid;
	ret->source = source;
	memcpy(ret->comm, o->holders[holder].comm, sizeof(ret->comm));
}

/* Named by a row. */
static bool find_row(const struct older *o, uint64_t id, struct owner *ret)
{
	uint32_t holder;

	if (find_word(&o->sockets, id, &holder))
		put_owner(o, holder, OWNER_SCAN, ret);
	else if (find_word(&o->queued, id, &holder))
		put_owner(o, holder, OWNER_LISTENER, ret);
	else
		return false;
	return true;
}

bool older_owner(const struct older *o, const struct older_socket *s, struct owner *ret)
{
	const struct listener *l;
	bool one = false;

	if (find_row(o, s->id, ret))
		return true;
	l = find_listener(o, s, &one);
	if (l && one)
		put_owner(o, l->holder, OWNER_LISTENER, ret);
	return l && one;
}

bool older_find(void *ctx, uint64_t id, const struct tcs_wire_facts *facts, uint16_t lport,
		struct track_older *ret)
{
	const struct older_socket s = {
		.id = id,
		.laddr = facts->laddr,
		.netns = facts->netns,
		.device = facts->device,
		.lport = lport,
	};
	const struct older *o = ctx;
	struct owner owner = { 0 };
	bool known = older_owner(o, &s, &owner);
	const struct listener *l = find_listener(o, &s, NULL);

	if (!known && !l)
		return false;
	*ret = (struct track_older){
		.id = id,
		.direction = l && facts->rport ? DIRECTION_PASSIVE : DIRECTION_UNKNOWN,
		.owner = owner,
	};
	return true;
}
