// SPDX-License-Identifier: GPL-2.0-only
#include "standing.h"

#include <stdlib.h>

void standing_release(struct standing *s)
{
	free(s->at);
	free(s->shares);
	*s = (struct standing){ 0 };
}

void standing_begin(struct standing *s, uint32_t kinds, finding_fn fn, void *ctx)
{
	uint32_t i;

	s->fn = fn;
	s->ctx = ctx;
	s->n_shares = 0;
	for (i = 0; i < s->n; i++)
		s->at[i].held = !(kinds >> s->at[i].finding.kind & 1);
}

void standing_keep_unseen(struct standing *s, const struct audit *look, uint32_t kinds)
{
	uint32_t i;

	for (i = 0; i < s->n; i++) {
		const struct finding *f = &s->at[i].finding;

		if (kinds >> f->kind & 1 && !audit_covers_netns(look, f->netns, f->netns_cookie))
			s->at[i].held = true;
	}
}

static void tell(const struct standing *s, struct standing_finding *o, enum finding_status status)
{
	o->finding.status = status;
	o->told_amount = finding_amount(&o->finding);
	s->fn(s->ctx, &o->finding);
}

static struct standing_finding *find(const struct standing *s, const struct finding *f)
{
	uint32_t i;

	for (i = 0; i < s->n; i++)
		if (finding_same(&s->at[i].finding, f))
			return &s->at[i];
	return NULL;
}

static bool grow(struct standing *s)
{
	uint32_t cap = s->cap ? s->cap * 2 : 16;
	void *grown = s->n < STANDING_MAX ? realloc(s->at, cap * sizeof(*s->at)) : NULL;

	if (!grown)
		return false;
	s->at = grown;
	s->cap = cap;
	return true;
}

/* NULL: it has none. */
static struct standing_share *share_of(const struct standing *s, uint32_t netns)
{
	uint32_t i;

	for (i = 0; i < s->n_shares; i++)
		if (s->shares[i].netns == netns)
			return &s->shares[i];
	return NULL;
}

static bool count_shares(struct standing *s)
{
	uint32_t i;

	if (!s->shares)
		s->shares = calloc(STANDING_MAX, sizeof(*s->shares));
	if (!s->shares || s->n_shares)
		return s->shares;
	for (i = 0; i < s->n; i++) {
		uint32_t netns = s->at[i].finding.netns;
		struct standing_share *share = share_of(s, netns);

		if (!share) {
			share = &s->shares[s->n_shares++];
			*share = (struct standing_share){ .netns = netns };
		}
		share->n++;
	}
	return true;
}

static struct standing_share *largest_share(const struct standing *s)
{
	struct standing_share *most = &s->shares[0];
	uint32_t i;

	for (i = 1; i < s->n_shares; i++)
		if (s->shares[i].n > most->n)
			most = &s->shares[i];
	return most;
}

/* Of a namespace: the last of those that are least severe. */
static struct standing_finding *least_of(const struct standing *s, uint32_t netns)
{
	struct standing_finding *least = NULL;
	uint32_t i;

	for (i = 0; i < s->n; i++) {
		struct standing_finding *o = &s->at[i];

		if (o->finding.netns == netns &&
		    (!least || o->finding.severity <= least->finding.severity))
			least = o;
	}
	return least;
}

/* A place for this one; NULL: its namespace has as many as any other. */
static struct standing_finding *make_room(struct standing *s, const struct finding *f)
{
	struct standing_share *own, *most;
	struct standing_finding *place;

	if (s->n < STANDING_MAX || !count_shares(s))
		return NULL;
	own = share_of(s, f->netns);
	most = largest_share(s);
	if (most->n <= (own ? own->n : 0) + 1)
		return NULL;
	place = least_of(s, most->netns);
	most->n--;
	if (own)
		own->n++;
	else
		s->shares[s->n_shares++] = (struct standing_share){ f->netns, 1 };
	s->skipped++;
	return place;
}

static void raise_it(struct standing *s, const struct finding *f)
{
	struct standing_finding *o;

	if (s->n < s->cap || grow(s))
		o = &s->at[s->n++];
	else
		o = make_room(s, f);
	if (!o) {
		s->skipped++;
		return;
	}
	*o = (struct standing_finding){ .finding = *f, .held_ns = f->since_ns, .held = true };
	tell(s, o, FINDING_RAISED);
}

/* It was known where, and that may still be: others that are possible now are no news. */
static bool is_known_better(const struct finding *had, const struct finding *f)
{
	return finding_is_syn(f->kind) && had->row.syn.by_cookies && !had->row.syn.n_possible &&
	       finding_is_possible(&f->row.syn, &had->row.syn.service);
}

/* Where it is has turned out, or it has moved. */
static bool is_elsewhere(const struct finding *had, const struct finding *f)
{
	return finding_is_syn(f->kind) && !f->row.syn.n_possible &&
	       service_key(&had->row.syn.service) != service_key(&f->row.syn.service);
}

/* It is told again when more is known, or it is worse: a higher severity, or twice as many. */
static void keep(struct standing *s, struct standing_finding *o, const struct finding *f)
{
	bool news = f->severity > o->finding.severity || is_elsewhere(&o->finding, f) ||
		    (o->told_amount && finding_amount(f) >= o->told_amount * 2);
	struct finding had = o->finding;

	o->held = true;
	o->quiet_looks = 0;
	o->held_ns = f->since_ns;
	o->finding = *f;
	if (is_known_better(&had, f))
		o->finding.row = had.row;
	o->finding.since_ns = had.since_ns;
	o->finding.status = had.status;
	/* It does not become better in steps, only over: a value at the edge must not flap. */
	if (had.severity > f->severity)
		o->finding.severity = had.severity;
	if (news)
		tell(s, o, FINDING_UPDATED);
}

void standing_consider(struct standing *s, struct finding *f, enum severity full,
		       enum severity lower)
{
	struct standing_finding *o;

	if (!lower)
		return;
	o = find(s, f);
	f->severity = full ? full : lower;
	if (o)
		keep(s, o, f);
	else if (full)
		raise_it(s, f);
}

static bool is_over(const struct standing_finding *o, uint64_t now_ns)
{
	if (!finding_is_syn(o->finding.kind))
		return o->quiet_looks >= STANDING_CLEAR_LOOKS;
	return o->quiet_looks >= STANDING_CLEAR_SYN_LOOKS &&
	       now_ns - o->held_ns >= STANDING_CLEAR_SYN_NS;
}

void standing_excuse(struct standing *s, standing_fn is_unknown, void *ctx)
{
	uint32_t i;

	for (i = 0; i < s->n; i++)
		s->at[i].held |= !s->at[i].held && is_unknown(ctx, &s->at[i].finding);
}

void standing_end(struct standing *s, uint64_t now_ns)
{
	uint32_t i = 0;

	while (i < s->n) {
		struct standing_finding *o = &s->at[i];

		o->quiet_looks += !o->held;
		if (o->held || !is_over(o, now_ns)) {
			i++;
			continue;
		}
		tell(s, o, FINDING_CLEARED);
		*o = s->at[--s->n];
	}
}

const struct standing_finding *standing_find(const struct standing *s, const struct finding *f)
{
	return find(s, f);
}

bool standing_at(const struct standing *s, const struct audit_service *service)
{
	uint32_t i;

	for (i = 0; i < s->n; i++) {
		const struct finding *f = &s->at[i].finding;

		if (finding_is_syn(f->kind) && f->netns == service->netns &&
		    (finding_is_about(&f->row.syn, service) ||
		     finding_is_possible(&f->row.syn, service)))
			return true;
	}
	return false;
}

enum severity standing_worst(const struct standing *s)
{
	enum severity worst = SEVERITY_OK;
	uint32_t i;

	for (i = 0; i < s->n; i++)
		if (s->at[i].finding.severity > worst)
			worst = s->at[i].finding.severity;
	return worst;
}
