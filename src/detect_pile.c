// SPDX-License-Identifier: GPL-2.0-only
#include "detect_pile.h"

/* Nobody who is called now comes in time. */
#define FD_SECONDS_CRITICAL    60
/*
 * accept() and open() begin to fail at the limit; a burst of ordinary size takes the last tenth.
 * Where half-closed sockets hold less than half, the rest is to blame, and it may be meant so.
 */
#define FD_TENTHS_CRITICAL     9
/*
 * connect() tries one port after another (__inet_hash_connect()): with one in twenty free it needs
 * twenty tries, and fails for those that are bound elsewhere.
 */
#define PORTS_PERCENT_CRITICAL 95
/* One may be a program that binds to a port of its own range; ten are no accident. */
#define CONNECTS_FAILED	       10

/* least: the count that is a leak. */
static enum severity judge_half_closed(uint64_t least, const struct audit_half_closed *c,
				       uint64_t *ret_left, uint32_t tenths)
{
	uint64_t left = audit_descriptors_left(c);

	*ret_left = audit_seconds_left(left, c->growth_milli);
	if (!c->old || c->old * 10 < least * tenths)
		return SEVERITY_OK;
	if (left == AUDIT_UNKNOWN || audit_descriptors_of(c) * 2 < c->fd_used)
		return SEVERITY_WARNING;
	if (c->fd_used * 10 >= c->fd_limit * FD_TENTHS_CRITICAL || *ret_left <= FD_SECONDS_CRITICAL)
		return SEVERITY_CRITICAL;
	return SEVERITY_WARNING;
}

/*
 * connect() has failed for want of a port since the last look. TIME_WAIT that it takes over a
 * second later is not counted as taken by then, so the ports in use decide; without them, numbers.
 */
static bool connects_fail(const struct audit_place *p)
{
	return p->failed >= CONNECTS_FAILED ||
	       (p->failed && p->ports_range &&
		(uint64_t)p->ports_used * 100 >= (uint64_t)p->ports_range * PORTS_PERCENT_CRITICAL);
}

static enum severity judge_ports(const struct detect_config *config, const struct audit_place *p,
				 uint64_t *ret_left, uint32_t tenths)
{
	uint64_t taken = audit_ports_taken(p), range = p->ports_range;

	if (!audit_place_has_ports(p))
		return SEVERITY_OK;
	*ret_left = audit_seconds_left(audit_ports_left(p), p->growth_milli);
	if (connects_fail(p))
		return SEVERITY_CRITICAL;
	if (!range || (p->rport && p->bound * 100 >= range * config->ports_percent))
		return SEVERITY_OK; /* ports of bind() are a local address's, not a destination's */
	if (taken * 1000 < range * config->ports_percent * tenths)
		return SEVERITY_OK;
	return taken * 100 >= range * PORTS_PERCENT_CRITICAL ? SEVERITY_CRITICAL : SEVERITY_WARNING;
}

static enum severity judge_table(const struct detect_config *config, const struct audit_netns *n,
				 uint32_t tenths)
{
	if (n->overflow_milli != AUDIT_NO_RATE && n->overflow_milli > 0)
		return SEVERITY_CRITICAL;
	if (!n->time_wait_limit ||
	    (uint64_t)n->time_wait_table * 1000 <
		    (uint64_t)n->time_wait_limit * config->time_wait_percent * tenths)
		return SEVERITY_OK;
	return SEVERITY_WARNING;
}

static enum severity judge_dead(const struct detect_config *config, const struct audit_dead *d,
				uint32_t tenths)
{
	bool many = d->hosts > 1 ? d->hosts * 10 >= (uint64_t)config->dead_peer_hosts * tenths :
				   d->count * 10 >= config->dead_peer_count * tenths;

	return many ? SEVERITY_WARNING : SEVERITY_OK;
}

enum severity pile_judge(const struct detect_config *config, struct finding *f, uint32_t tenths)
{
	switch (f->kind) {
	case FINDING_CLOSE_WAIT_LEAK:
		return judge_half_closed(config->close_wait_count, &f->row.half_closed,
					 &f->seconds_left, tenths);
	case FINDING_FIN_WAIT2_HELD:
		return judge_half_closed(config->fin_wait2_count, &f->row.half_closed,
					 &f->seconds_left, tenths);
	case FINDING_PORT_EXHAUSTION:
		return judge_ports(config, &f->row.place, &f->seconds_left, tenths);
	case FINDING_TIME_WAIT_BUILDUP:
		return judge_table(config, &f->row.table, tenths);
	case FINDING_DEAD_PEER:
		return judge_dead(config, &f->row.dead, tenths);
	default:
		return SEVERITY_OK;
	}
}
