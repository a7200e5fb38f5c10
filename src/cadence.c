// SPDX-License-Identifier: GPL-2.0-only
#include "cadence.h"

/* Idle hours must not be saved up for a burst of walks. */
#define CREDIT_MAX_NS 1000000000ll

void cadence_init(struct cadence *c, uint64_t now_ns, uint64_t start_cpu_ns)
{
	*c = (struct cadence){
		.now_ns = now_ns,
		.credit_ns = CADENCE_CREDIT_NS,
		.start_paid_ns = now_ns + start_cpu_ns * (1000 / CADENCE_START_PER_MILLE),
	};
}

/* What looks may take of the time since the last call. */
static uint64_t earned_ns(const struct cadence *c, uint64_t now_ns)
{
	uint64_t first = 0, paid = c->start_paid_ns;

	if (c->now_ns < paid)
		first = (now_ns < paid ? now_ns : paid) - c->now_ns;
	return (first * CADENCE_FIRST_PER_MILLE +
		(now_ns - c->now_ns - first) * CADENCE_PER_MILLE) /
	       1000;
}

static bool affordable(const struct cadence *c, uint64_t cost_ns)
{
	/* What is dearer than the most that can be saved up has to come some time. */
	return c->credit_ns >= (int64_t)cost_ns || c->credit_ns >= CREDIT_MAX_NS;
}

static uint64_t refresh_ns(const struct cadence *c)
{
	uint64_t ns = c->walk_cost_ns * 1000;

	return ns < CADENCE_REFRESH_NS ? ns : CADENCE_REFRESH_NS;
}

enum cadence_look cadence_next(struct cadence *c, uint64_t now_ns, bool moved)
{
	/* What was there before us has an age, and can be judged, only with the second walk. */
	bool due = moved || c->walks < 2 || now_ns - c->walked_ns >= refresh_ns(c);

	c->credit_ns += (int64_t)earned_ns(c, now_ns);
	if (c->credit_ns > CREDIT_MAX_NS)
		c->credit_ns = CREDIT_MAX_NS;
	c->now_ns = now_ns;
	if (!c->walks || (due && affordable(c, c->walk_cost_ns))) {
		c->walked_ns = now_ns;
		c->walks++;
		return CADENCE_WALK;
	}
	if (!affordable(c, c->counters_cost_ns) &&
	    now_ns - c->counted_ns < c->counters_cost_ns * CADENCE_RARE)
		return CADENCE_NONE;
	c->counted_ns = now_ns;
	return CADENCE_COUNTERS;
}

bool cadence_rests(struct cadence *c, uint64_t now_ns, uint64_t interval_ns)
{
	bool near = c->second_ns || now_ns - c->looked_ns < interval_ns / 2;

	/* News without end must not keep walks away. */
	c->rested = near && !c->rested;
	return c->rested;
}

bool cadence_glance(struct cadence *c, uint64_t now_ns)
{
	uint64_t least = c->glance_cost_ns * CADENCE_GLANCES, since;

	if (least < CADENCE_GLANCE_NS)
		least = CADENCE_GLANCE_NS;
	since = c->looked_ns > c->glanced_ns ? c->looked_ns : c->glanced_ns;
	if (c->second_ns || now_ns - since < least)
		return false;
	c->glanced_ns = now_ns;
	return true;
}

void cadence_glanced(struct cadence *c, uint64_t cpu_ns)
{
	c->glance_cost_ns = cpu_ns;
}

bool cadence_renew(struct cadence *c, uint64_t now_ns, bool certain)
{
	uint64_t least = c->renew_cost_ns * CADENCE_RENEWALS;

	if (!certain && least < c->doubt_ns)
		least = c->doubt_ns;
	if (c->renewed_ns && now_ns - c->renewed_ns < least)
		return false;
	c->renewed_ns = now_ns;
	c->renews_doubt = !certain;
	return true;
}

void cadence_renewed(struct cadence *c, uint64_t cpu_ns, bool corrected)
{
	c->renew_cost_ns = cpu_ns;
	if (corrected || !c->doubt_ns)
		c->doubt_ns = CADENCE_DOUBT_NS;
	else if (c->renews_doubt)
		c->doubt_ns *= 2;
	if (c->doubt_ns > CADENCE_REFRESH_NS)
		c->doubt_ns = CADENCE_REFRESH_NS;
}

bool cadence_early(struct cadence *c, uint64_t now_ns)
{
	if (c->second_ns || now_ns - c->early_ns < c->counters_cost_ns * CADENCE_RARE)
		return false;
	c->early_ns = now_ns;
	return true;
}

void cadence_follow(struct cadence *c, uint64_t now_ns)
{
	if (!c->second_ns)
		c->second_ns = now_ns + CADENCE_SECOND_NS;
}

bool cadence_second(struct cadence *c, uint64_t now_ns)
{
	if (!c->second_ns || now_ns < c->second_ns)
		return false;
	c->second_ns = 0;
	c->early_ns = now_ns;
	return true;
}

bool cadence_urgent(struct cadence *c, uint64_t now_ns)
{
	if (c->urgent_ns && now_ns - c->urgent_ns < c->urgent_cost_ns * CADENCE_SELDOM)
		return false;
	c->urgent_ns = now_ns;
	return true;
}

void cadence_looks(struct cadence *c, uint64_t now_ns)
{
	c->looked_ns = now_ns;
}

bool cadence_once(struct cadence *c, uint64_t now_ns, uint64_t cpu_ns)
{
	uint64_t from = c->once_ns > now_ns ? c->once_ns : now_ns;
	uint64_t until = from + cpu_ns * CADENCE_RARE;

	if (until - now_ns > CADENCE_ONCE_NS * CADENCE_RARE)
		return false;
	c->once_ns = until;
	return true;
}

void cadence_spent(struct cadence *c, enum cadence_look look, uint64_t cpu_ns)
{
	if (look == CADENCE_URGENT) {
		c->urgent_cost_ns = cpu_ns;
		return;
	}
	c->credit_ns -= (int64_t)cpu_ns;
	if (look == CADENCE_WALK)
		c->walk_cost_ns = cpu_ns;
	else if (look == CADENCE_COUNTERS)
		c->counters_cost_ns = cpu_ns;
}
