// SPDX-License-Identifier: GPL-2.0-only
#include "cadence.h"

/* Idle hours must not be saved up for a burst of walks. */
#define CREDIT_MAX_NS 1000000000ll

void cadence_init(struct cadence *c, uint64_t now_ns)
{
	*c = (struct cadence){ .now_ns = now_ns };
}

static bool affordable(const struct cadence *c, uint64_t cost_ns)
{
	/* What is dearer than the most that can be saved up has to come some time. */
	return c->credit_ns >= (int64_t)cost_ns || c->credit_ns >= CREDIT_MAX_NS;
}

enum cadence_look cadence_next(struct cadence *c, uint64_t now_ns, bool moved)
{
	bool due = moved || !c->walked_ns || now_ns - c->walked_ns >= CADENCE_REFRESH_NS;

	c->credit_ns += (int64_t)((now_ns - c->now_ns) * CADENCE_PER_MILLE / 1000);
	if (c->credit_ns > CREDIT_MAX_NS)
		c->credit_ns = CREDIT_MAX_NS;
	c->now_ns = now_ns;
	if (due && affordable(c, c->walk_cost_ns)) {
		c->walked_ns = now_ns;
		return CADENCE_WALK;
	}
	return affordable(c, c->counters_cost_ns) ? CADENCE_COUNTERS : CADENCE_NONE;
}

void cadence_spent(struct cadence *c, enum cadence_look look, uint64_t cpu_ns)
{
	c->credit_ns -= (int64_t)cpu_ns;
	if (look == CADENCE_WALK)
		c->walk_cost_ns = cpu_ns;
	else if (look == CADENCE_COUNTERS)
		c->counters_cost_ns = cpu_ns;
}
