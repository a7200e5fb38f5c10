// SPDX-License-Identifier: GPL-2.0-only
#include "connects.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

#define SETS	   (CONNECTS_MAX / CONNECTS_WAYS)
/* A half with fewer ends than this is too short to judge: the one before it counts as well. */
#define RECENT_MIN 4

enum entry_of {
	OF_DESTINATION = CONNECT_OF_DESTINATION,
	OF_SOURCE = CONNECT_OF_SOURCE,
	OF_PROGRAM, /* connects of one process to one port */
};

struct key {
	uint64_t netns_cookie; /* 0 unknown */
	uint8_t addr[16];      /* remote, or local; zeros: OF_PROGRAM */
	uint32_t netns;
	uint32_t device; /* ifindex; 0 none */
	uint32_t pid;	 /* OF_PROGRAM */
	uint16_t port;	 /* remote; 0: OF_SOURCE */
	uint8_t of;	 /* enum entry_of */
	uint8_t pad;
};

struct half {
	uint32_t connected[2]; /* by IPv4, IPv6 */
	uint32_t failed[CONNECT_FAILURES];
};

struct entry {
	struct key key;
	struct half now, before;
	uint64_t half_ns; /* where `now` begins */
	uint64_t created_ns;
	uint64_t first_ns; /* of the failures that go on; 0: none do */
	uint64_t last_ns;
	uint64_t pending_ns; /* the snapshot that last had a connect it does not answer */
	struct owner owner;  /* of the last that failed */
	uint8_t laddr[16];   /* of the last one */
	uint8_t family;
};

struct connects {
	struct connects_config config;
	uint64_t half_ns;
	uint64_t failed_ns;		/* the last failure of all; 0: none yet */
	uint64_t start_ns;		/* the first change or snapshot */
	uint64_t skipped;		/* since the last snapshot */
	uint64_t ids[CONNECTS_MAX];	/* hashes of the keys */
	uint64_t used_ns[CONNECTS_MAX]; /* 0: free */
	struct entry entries[CONNECTS_MAX];
};

static_assert(sizeof(struct entry) <= 256, "bound of connects.h");
static_assert(sizeof(struct key) == 40, "no holes: it is hashed and compared");

int connects_new(const struct connects_config *config, struct connects **ret)
{
	struct connects *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->config = *config;
	t->half_ns = config->window_ns / 2 ? config->window_ns / 2 : 1;
	*ret = t;
	return 0;
}

void connects_free(struct connects *t)
{
	free(t);
}

/* ---- time ------------------------------------------------------------------------------------ */

static uint64_t connected_in(const struct half *h)
{
	return (uint64_t)h->connected[0] + h->connected[1];
}

static uint64_t failed_in(const struct half *h)
{
	uint64_t n = 0;
	int i;

	for (i = 0; i < CONNECT_FAILURES; i++)
		n += h->failed[i];
	return n;
}

static uint64_t ended_in(const struct half *h)
{
	return connected_in(h) + failed_in(h);
}

/* Is this entry out of any window? */
static bool is_old(const struct connects *t, uint32_t i, uint64_t now_ns)
{
	return !t->used_ns[i] || t->used_ns[i] + 4 * t->half_ns <= now_ns;
}

/* Time has come to now_ns. Changes that are a little older belong to the half of the last. */
static void entry_advance(const struct connects *t, struct entry *e, uint64_t now_ns)
{
	uint64_t ended;

	if (now_ns < e->half_ns + t->half_ns)
		return;
	ended = ended_in(&e->now);
	/* By the part that is enough for a finding to stay (detect_connect.h). */
	if (ended && failed_in(&e->now) * 1000 < ended * t->config.percent * 9)
		e->first_ns = 0;
	if (now_ns < e->half_ns + 2 * t->half_ns) {
		e->before = e->now;
		e->half_ns += t->half_ns;
	} else {
		e->before = (struct half){ 0 };
		e->half_ns = now_ns;
	}
	e->now = (struct half){ 0 };
}

/* ---- the table ------------------------------------------------------------------------------- */

static uint64_t id_of(const struct key *key)
{
	return hash_bytes(key, sizeof(*key), 0);
}

static struct entry *entry_find(struct connects *t, const struct key *key, uint64_t now_ns)
{
	uint64_t id = id_of(key);
	uint32_t first = (uint32_t)(id % SETS) * CONNECTS_WAYS, i;

	for (i = first; i < first + CONNECTS_WAYS; i++) {
		if (t->ids[i] != id || is_old(t, i, now_ns) ||
		    memcmp(&t->entries[i].key, key, sizeof(*key)))
			continue;
		entry_advance(t, &t->entries[i], now_ns);
		if (now_ns > t->used_ns[i])
			t->used_ns[i] = now_ns;
		return &t->entries[i];
	}
	return NULL;
}

static uint64_t weight_of(const struct connects *t, uint32_t i)
{
	return failed_in(&t->entries[i].now) + failed_in(&t->entries[i].before);
}

/* The entry that makes room: a free or old one, or the lightest; of equal ones the oldest. */
static uint32_t entry_victim(const struct connects *t, uint32_t first, uint64_t now_ns)
{
	uint32_t best = first, i;

	for (i = first; i < first + CONNECTS_WAYS; i++) {
		if (is_old(t, i, now_ns))
			return i;
		if (weight_of(t, i) < weight_of(t, best) ||
		    (weight_of(t, i) == weight_of(t, best) && t->used_ns[i] < t->used_ns[best]))
			best = i;
	}
	return best;
}

static struct entry *entry_get(struct connects *t, const struct key *key, uint64_t now_ns)
{
	struct entry *e = entry_find(t, key, now_ns);
	uint64_t id = id_of(key);
	uint32_t at;

	if (e)
		return e;
	at = entry_victim(t, (uint32_t)(id % SETS) * CONNECTS_WAYS, now_ns);
	t->skipped += !is_old(t, at, now_ns);
	t->ids[at] = id;
	t->used_ns[at] = now_ns;
	e = &t->entries[at];
	*e = (struct entry){ .key = *key, .half_ns = now_ns, .created_ns = now_ns };
	return e;
}

/* ---- changes --------------------------------------------------------------------------------- */

static struct key key_of(const struct change *ch, enum entry_of of)
{
	const struct conn *c = ch->conn;
	struct key key = { .netns_cookie = c->netns_cookie,
			   .netns = c->netns,
			   .port = of == OF_SOURCE ? 0 : c->rport,
			   .of = (uint8_t)of };

	if (of == OF_PROGRAM) {
		key.pid = ch->owner.pid;
		return key;
	}
	key.device = c->device;
	memcpy(key.addr, of == OF_SOURCE ? c->laddr : c->raddr, sizeof(key.addr));
	return key;
}

enum connect_failure connects_failure(enum reason reason, bool unanswered)
{
	switch (reason) {
	case REASON_REFUSED:
	case REASON_RESET_BY_PEER:
		return CONNECT_REFUSED;
	case REASON_TIMEOUT:
		return CONNECT_TIMED_OUT;
	case REASON_UNREACHABLE:
		return CONNECT_UNREACHABLE;
	case REASON_NO_LOCAL_PORT:
		return CONNECT_NO_LOCAL_PORT;
	case REASON_CANCELLED:
		return unanswered ? CONNECT_GIVEN_UP : CONNECT_FAILURES;
	case REASON_OTHER:
		return CONNECT_OTHER;
	default:
		return CONNECT_FAILURES;
	}
}

static void count_connected(const struct change *ch, struct entry *e)
{
	if (e)
		e->now.connected[ch->conn->family == 6]++;
}

/* A source address counts from its first connect on: rows compare its failures with all of them. */
static void connected(struct connects *t, const struct change *ch)
{
	struct key key = key_of(ch, OF_SOURCE);

	count_connected(ch, entry_get(t, &key, ch->ts_ns));
	if (!t->failed_ns || ch->ts_ns >= t->failed_ns + 4 * t->half_ns)
		return;
	key = key_of(ch, OF_DESTINATION);
	count_connected(ch, entry_find(t, &key, ch->ts_ns));
	key = key_of(ch, OF_PROGRAM);
	count_connected(ch, entry_find(t, &key, ch->ts_ns));
}

static void count_failed(struct connects *t, const struct change *ch, enum entry_of of,
			 enum connect_failure why)
{
	struct key key = key_of(ch, of);
	struct entry *e = entry_get(t, &key, ch->ts_ns);

	e->now.failed[why]++;
	if (!e->first_ns || ch->ts_ns > e->last_ns + 2 * t->half_ns)
		e->first_ns = ch->ts_ns;
	e->last_ns = ch->ts_ns;
	e->owner = ch->owner;
	e->family = ch->conn->family;
	memcpy(e->laddr, ch->conn->laddr, sizeof(e->laddr));
}

void connects_change(struct connects *t, const struct change *ch)
{
	enum connect_failure why;

	if (ch->old_state != TCS_SYN_SENT)
		return;
	if (!t->start_ns)
		t->start_ns = ch->ts_ns;
	if (ch->kernel_new_state != TCS_CLOSE) {
		connected(t, ch);
		return;
	}
	why = connects_failure(ch->reason, ch->in_old_ns != TRACK_UNKNOWN_NS &&
						   ch->in_old_ns >= CONNECT_GIVEN_UP_NS);
	if (why == CONNECT_FAILURES)
		return;
	if (ch->ts_ns > t->failed_ns)
		t->failed_ns = ch->ts_ns;
	count_failed(t, ch, OF_DESTINATION, why);
	count_failed(t, ch, OF_SOURCE, why);
	if (ch->owner.pid)
		count_failed(t, ch, OF_PROGRAM, why);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Destinations with connects that they do not answer are counted from now on. */
static void take_pending(struct connects *t, const struct audit *look)
{
	struct entry *e;
	uint32_t i;

	for (i = 0; i < look->n_connects; i++) {
		const struct audit_connect *c = &look->connects[i];
		struct key key = { .netns_cookie = c->netns_cookie,
				   .netns = c->netns,
				   .device = c->device,
				   .port = c->rport,
				   .of = OF_DESTINATION };

		if (c->of != CONNECT_OF_DESTINATION)
			continue;
		memcpy(key.addr, c->raddr, sizeof(key.addr));
		e = entry_get(t, &key, look->ts_ns);
		e->pending_ns = look->ts_ns;
		e->family = c->family;
		if (!e->first_ns)
			memcpy(e->laddr, c->laddr, sizeof(e->laddr));
		if (look->ts_ns > t->failed_ns)
			t->failed_ns = look->ts_ns;
	}
}

/* The program of its last failure connects by the other family as often. */
static bool goes_elsewhere(struct connects *t, const struct entry *e, uint64_t failed,
			   uint64_t now_ns)
{
	struct key key = { .netns_cookie = e->key.netns_cookie,
			   .netns = e->key.netns,
			   .pid = e->owner.pid,
			   .port = e->key.port,
			   .of = OF_PROGRAM };
	struct entry *program = key.pid ? entry_find(t, &key, now_ns) : NULL;
	int other = e->family != 6;

	return program &&
	       (uint64_t)program->now.connected[other] + program->before.connected[other] >= failed;
}

static void fill_counts(const struct entry *e, struct audit_connect *row)
{
	bool both = ended_in(&e->now) < RECENT_MIN;
	int i;

	row->connected = connected_in(&e->now) + connected_in(&e->before);
	for (i = 0; i < CONNECT_FAILURES; i++)
		row->failed[i] = (uint64_t)e->now.failed[i] + e->before.failed[i];
	row->recent_connected = both ? row->connected : connected_in(&e->now);
	row->recent_failed = failed_in(&e->now) + (both ? failed_in(&e->before) : 0);
}

static uint64_t longest_window(const struct connects *t, const struct entry *e, uint64_t now_ns)
{
	uint64_t begins = ended_in(&e->before) ? e->half_ns - t->half_ns : e->half_ns;

	if (begins < t->start_ns)
		begins = t->start_ns;
	return now_ns > begins ? now_ns - begins : 0;
}

/* False: the entry has no row in this snapshot. */
static bool fill_row(struct connects *t, struct entry *e, const struct audit *look, bool waiting,
		     struct audit_connect *row)
{
	uint64_t failed = failed_in(&e->now) + failed_in(&e->before);
	bool is_source = e->key.of == OF_SOURCE;

	if (e->key.of == OF_PROGRAM ||
	    !(failed || (is_source ? waiting : e->pending_ns == look->ts_ns)))
		return false;
	*row = audit_no_connect();
	row->of = e->key.of;
	row->netns_cookie = e->key.netns_cookie;
	row->netns = e->key.netns;
	row->device = e->key.device;
	row->rport = e->key.port;
	row->family = e->family ? e->family : 4;
	row->owner = e->owner;
	memcpy(is_source ? row->laddr : row->raddr, e->key.addr, 16);
	if (!is_source)
		memcpy(row->laddr, e->laddr, sizeof(row->laddr));
	fill_counts(e, row);
	row->window_ns = longest_window(t, e, look->ts_ns);
	row->known_ns = look->ts_ns - e->created_ns;
	if (e->first_ns && failed)
		row->failing_ns = e->last_ns > e->first_ns ? e->last_ns - e->first_ns : 0;
	if (!is_source && failed && goes_elsewhere(t, e, failed, look->ts_ns))
		row->elsewhere = failed;
	return true;
}

int connects_into_audit(struct connects *t, struct audit *look)
{
	bool waiting = look->n_connects != 0;
	struct audit_connect row;
	uint32_t i;
	int err = 0;

	if (!t->start_ns)
		t->start_ns = look->ts_ns;
	take_pending(t, look);
	if (t->failed_ns && look->ts_ns < t->failed_ns + 4 * t->half_ns)
		for (i = 0; !err && i < CONNECTS_MAX; i++) {
			if (is_old(t, i, look->ts_ns))
				continue;
			entry_advance(t, &t->entries[i], look->ts_ns);
			if (fill_row(t, &t->entries[i], look, waiting, &row))
				err = audit_add_connect(look, &row);
		}
	look->blind.skipped += t->skipped;
	t->skipped = 0;
	return err;
}
