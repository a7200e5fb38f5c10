// SPDX-License-Identifier: GPL-2.0-only
#include "detect_connect.h"

#include <string.h>

/* Less than one connect in CRITICAL_ONE_IN succeeds: nothing works from this address. */
#define CRITICAL_ONE_IN 20

static uint64_t failed(const struct audit_connect *c)
{
	return audit_connect_failing(c) - (c->pending == AUDIT_UNKNOWN ? 0 : c->pending);
}

/* Of the connects that ended lately or are pending. Without counts of ends one pending will do. */
static bool most_fail(const struct audit_connect *c, uint32_t percent, uint32_t tenths)
{
	uint64_t n = c->recent_failed + (c->pending == AUDIT_UNKNOWN ? 0 : c->pending);

	if (c->connected == AUDIT_UNKNOWN)
		return n != 0;
	return n && n * 1000 >= (n + c->recent_connected) * percent * tenths;
}

static bool are_many(const struct detect_config *config, const struct audit_connect *c)
{
	if (c->of != CONNECT_OF_SOURCE)
		return audit_connect_failing(c) >= config->connect_fail_count;
	return c->destinations >= config->connect_fail_hosts &&
	       c->repeated >= config->connect_fail_count;
}

static enum severity severity_of(const struct audit_connect *c)
{
	uint64_t failing = audit_connect_failing(c);

	if (c->elsewhere && c->elsewhere * 2 >= failing)
		return SEVERITY_INFO;
	if (c->of == CONNECT_OF_SOURCE && c->connected != AUDIT_UNKNOWN &&
	    c->connected * CRITICAL_ONE_IN < failing + c->connected)
		return SEVERITY_CRITICAL;
	return SEVERITY_WARNING;
}

enum severity connect_judge(const struct detect_config *config, const struct audit_connect *c)
{
	if (!are_many(config, c) || !most_fail(c, config->connect_fail_percent, 10))
		return SEVERITY_OK;
	if (c->lasts)
		return severity_of(c);
	if (!config->at_once || !c->open)
		return SEVERITY_OK;
	return c->failed[CONNECT_NO_LOCAL_PORT] * 2 >= failed(c) && failed(c) ? SEVERITY_WARNING :
										SEVERITY_INFO;
}

enum severity connect_stays(const struct detect_config *config, const struct audit_connect *c)
{
	return most_fail(c, config->connect_fail_percent, 9) ? severity_of(c) : SEVERITY_OK;
}

static bool is_place_of(const struct audit_place *p, const struct audit_connect *c)
{
	return p->rport && p->rport == c->rport && p->netns == c->netns && p->device == c->device &&
	       !memcmp(p->laddr, c->laddr, 16) && !memcmp(p->raddr, c->raddr, 16);
}

void connect_ports(const struct audit *walk, const struct audit_connect *c, uint64_t *ret_used,
		   uint64_t *ret_range)
{
	uint32_t i;

	*ret_used = *ret_range = AUDIT_UNKNOWN;
	for (i = 0; i < walk->n_places; i++)
		if (is_place_of(&walk->places[i], c)) {
			*ret_used = walk->places[i].ports_used;
			*ret_range = walk->places[i].ports_range;
			return;
		}
}
