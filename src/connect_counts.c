// SPDX-License-Identifier: GPL-2.0-only
#include "connect_counts.h"

#include <string.h>

#include "bpf_map.h"
#include "connects.h"
#include "reason.h"
#include "select.h"

struct out {
	const struct filter *filter;
	uint64_t window_ns;
	uint64_t entries;
	record_fn fn;
	void *ctx;
};

bool connect_counts_apply(const struct filter *filter)
{
	return !filter->lport.any_set && !filter_by_owner(filter) &&
	       filter_counted_states(filter) >> TCS_SYN_SENT & 1;
}

static enum connect_failure failure_of(const struct tcs_connect_key *k)
{
	struct reason_facts facts = { .old_state = TCS_SYN_SENT,
				      .err = k->err,
				      .has_port = k->flags & TCS_CONNECT_PORT };

	return connects_failure(reason_of_close(&facts).reason, k->flags & TCS_CONNECT_RESENT);
}

static bool is_wanted(const struct filter *f, const struct tcs_connect_key *k, uint64_t cookie)
{
	struct audit_place p = { .rport = k->rport, .family = k->family };

	memcpy(p.laddr, k->laddr, sizeof(p.laddr));
	memcpy(p.raddr, k->raddr, sizeof(p.raddr));
	return filter_has_netns(f, k->netns, cookie) && select_place(f, &p);
}

static int add_connect(void *ctx, const void *key, const void *value)
{
	struct out *o = ctx;
	const struct tcs_connect_key *k = key;
	const struct tcs_connect *held = value;
	struct record_connect r = { .head.kind = RECORD_CONNECT, .connect = audit_no_connect() };
	struct audit_connect *c = &r.connect;
	enum connect_failure why = failure_of(k);

	o->entries++;
	if (!is_wanted(o->filter, k, held->netns_cookie) ||
	    (!(k->flags & TCS_CONNECT_OK) && why == CONNECT_FAILURES))
		return 0;
	c->netns_cookie = held->netns_cookie;
	c->netns = k->netns;
	c->device = k->device;
	c->rport = k->rport;
	c->family = k->family;
	c->window_ns = o->window_ns;
	memcpy(c->laddr, k->laddr, sizeof(c->laddr));
	memcpy(c->raddr, k->raddr, sizeof(c->raddr));
	if (k->flags & TCS_CONNECT_OK) {
		c->connected = c->recent_connected = held->count;
		return o->fn(o->ctx, &r, sizeof(r));
	}
	c->failed[why] = c->recent_failed = held->count;
	c->open = true;
	if (held->last_ns > held->first_ns)
		c->failing_ns = held->last_ns - held->first_ns;
	return o->fn(o->ctx, &r, sizeof(r));
}

int connect_counts_look(const struct handshake_maps *maps, uint64_t now_ns,
			const struct filter *filter, record_fn fn, void *ctx, uint64_t *ret_skipped)
{
	struct out o = { .filter = filter, .fn = fn, .ctx = ctx };
	uint64_t added = __atomic_load_n(maps->connects_added, __ATOMIC_RELAXED);
	int err;

	if (now_ns > maps->since_ns)
		o.window_ns = now_ns - maps->since_ns;
	err = bpf_map_each(maps->connects, add_connect, &o);
	*ret_skipped = added > o.entries ? added - o.entries : 0;
	return err;
}
