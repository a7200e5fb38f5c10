// SPDX-License-Identifier: GPL-2.0-only
#include "glance.h"

#include <errno.h>
#include <stdlib.h>

/* How much of a second's too many makes it worth a look: about what comes between two glances. */
#define SHARE 4

static int look_init(struct glance_look *l)
{
	*l = (struct glance_look){ 0 };
	return hash_init(&l->by_id);
}

static void look_release(struct glance_look *l)
{
	hash_release(&l->by_id);
	free(l->seen);
}

int glance_init(struct glance *g, uint32_t per_s)
{
	int err;

	*g = (struct glance){ .least = per_s / SHARE + 1 };
	err = look_init(&g->last);
	return err ? err : look_init(&g->now);
}

void glance_release(struct glance *g)
{
	look_release(&g->last);
	look_release(&g->now);
}

static uint32_t stuck_of(const struct audit_socket *s)
{
	return s->syn_queue > s->syn_queue_young ? s->syn_queue - s->syn_queue_young : 0;
}

static const struct glance_seen *seen_last(const struct glance *g, uint64_t id)
{
	uint32_t at;

	return hash_find(&g->last.by_id, id, &at) ? &g->last.seen[at] : NULL;
}

/* then: at the last look; NULL: it is new. */
static bool is_strange(const struct glance *g, const struct audit_socket *s,
		       const struct glance_seen *then, uint64_t now_ns)
{
	uint32_t stuck = stuck_of(s), had = then ? then->stuck : 0;

	if (s->syn_queue > s->queue_limit || (stuck > had && stuck - had >= g->least))
		return true;
	if (!g->last.ts_ns)
		return false; /* there was no look: since when is not known */
	return s->drops - (then ? then->drops : 0) >= g->least ||
	       s->cookie_age_ns < now_ns - g->last.ts_ns;
}

void glance_begin(struct glance *g, uint64_t ts_ns)
{
	hash_clear(&g->now.by_id);
	g->now.n = 0;
	g->now.ts_ns = ts_ns;
	g->news = false;
	g->begun = true;
}

static int grow(struct glance_look *l)
{
	uint32_t more = l->cap ? l->cap * 2 : 64;
	void *grown = realloc(l->seen, more * sizeof(*l->seen));

	if (!grown)
		return -ENOMEM;
	l->seen = grown;
	l->cap = more;
	return 0;
}

int glance_take(struct glance *g, const struct audit_socket *s)
{
	const struct glance_seen *then;
	bool strange;
	uint32_t at;
	int err;

	if (!g->begun || s->state != TCS_LISTEN || !s->id || hash_find(&g->now.by_id, s->id, &at))
		return 0;
	err = g->now.n == g->now.cap ? grow(&g->now) : 0;
	if (!err)
		err = hash_add(&g->now.by_id, s->id, g->now.n);
	if (err)
		return err;
	then = seen_last(g, s->id);
	strange = is_strange(g, s, then, g->now.ts_ns);
	g->news |= strange && !(then && then->strange);
	g->now.seen[g->now.n++] = (struct glance_seen){
		.stuck = stuck_of(s),
		.drops = s->drops,
		.strange = strange,
	};
	return 0;
}

void glance_end(struct glance *g)
{
	struct glance_look last = g->last;

	if (!g->begun)
		return;
	g->begun = false;
	g->last = g->now;
	g->now = last;
}

bool glance_is_news(const struct glance *g, const struct audit_socket *s, uint64_t now_ns)
{
	const struct glance_seen *then = seen_last(g, s->id);

	if (!s->id || (then && then->strange))
		return false;
	return is_strange(g, s, then, now_ns);
}
