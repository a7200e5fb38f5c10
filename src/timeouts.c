// SPDX-License-Identifier: GPL-2.0-only
#include "timeouts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int timeouts_init(struct timeouts *t)
{
	*t = (struct timeouts){ .at = calloc(TIMEOUTS_MAX, sizeof(*t->at)) };
	return t->at ? 0 : -ENOMEM;
}

void timeouts_release(struct timeouts *t)
{
	free(t->at);
}

static struct audit_timeout *at(struct timeouts *t, uint32_t i)
{
	return &t->at[(t->first + i) % TIMEOUTS_MAX];
}

static void forget_old(struct timeouts *t, uint64_t now_ns)
{
	while (t->n && at(t, 0)->ts_ns + TIMEOUTS_NS <= now_ns) {
		t->first = (t->first + 1) % TIMEOUTS_MAX;
		t->n--;
	}
}

static bool had_a_peer(uint8_t state)
{
	return state != TCS_SYN_SENT && state != TCS_SYN_RECV && state != TCS_FIN_WAIT2;
}

void timeouts_change(struct timeouts *t, const struct change *change)
{
	const struct conn *c = change->conn;
	struct audit_timeout *to;

	if (change->reason != REASON_TIMEOUT || !had_a_peer(change->old_state))
		return;
	forget_old(t, change->ts_ns);
	if (t->n == TIMEOUTS_MAX) {
		t->skipped++;
		return;
	}
	to = at(t, t->n++);
	*to = (struct audit_timeout){ .ts_ns = change->ts_ns,
				      .netns_cookie = c->netns_cookie,
				      .netns = c->netns,
				      .device = c->device,
				      .family = c->family };
	memcpy(to->raddr, c->raddr, sizeof(to->raddr));
}

int timeouts_into_audit(struct timeouts *t, struct audit *look)
{
	uint32_t i;
	int err = 0;

	forget_old(t, look->ts_ns);
	/* What ended while the walk was under way may have been met by it. */
	for (i = 0; !err && i < t->n; i++)
		if (at(t, i)->ts_ns <= look->ts_ns)
			err = audit_add_timeout(look, at(t, i));
	look->blind.skipped += t->skipped;
	t->skipped = 0;
	return err;
}
