// SPDX-License-Identifier: GPL-2.0-only
#include "event.h"

#include <errno.h>

#include "state.h"

/* The kernel's states of full sockets: mini-sockets (TIME_WAIT, NEW_SYN_RECV) have no events. */
static bool state_is_full(unsigned int state)
{
	return state >= TCS_ESTABLISHED && state <= TCS_CLOSING && state != TCS_TIME_WAIT;
}

static bool owner_is_valid(const struct tcs_wire_owner *owner)
{
	return owner->source < TCS_OWNER_MAX;
}

static int decode_state(const void *record, size_t len, struct event *ret)
{
	const struct tcs_wire_state *s = record;
	struct event ev = { .state = s };
	const char *at = (const char *)record + sizeof(*s);
	size_t need = sizeof(*s);

	if (len < need || !state_is_full(s->old_state) || !state_is_full(s->new_state) ||
	    s->old_state == s->new_state || !s->id)
		return -EINVAL;
	if (s->flags & TCS_F_HAS_OWNER) {
		ev.owner = (const void *)at;
		at += sizeof(*ev.owner);
		need += sizeof(*ev.owner);
	}
	if (s->flags & TCS_F_HAS_FACTS) {
		ev.facts = (const void *)at;
		at += sizeof(*ev.facts);
		need += sizeof(*ev.facts);
	}
	if (s->flags & TCS_F_HAS_COOKIES) {
		ev.cookies = (const void *)at;
		at += sizeof(*ev.cookies);
		need += sizeof(*ev.cookies);
	}
	if (s->flags & TCS_F_HAS_TOTALS) {
		ev.totals = (const void *)at;
		need += sizeof(*ev.totals);
	}
	if (len != need)
		return -EINVAL;
	if ((ev.totals && s->new_state != TCS_CLOSE) || (ev.cookies && !ev.facts))
		return -EINVAL;
	if (s->flags & TCS_F_DEFERRED &&
	    ((s->old_state != TCS_SYN_SENT && s->old_state != TCS_SYN_RECV) ||
	     s->in_old_ns > s->ts_ns))
		return -EINVAL;
	if (ev.owner && !owner_is_valid(ev.owner))
		return -EINVAL;
	if (ev.facts && ev.facts->family != 4 && ev.facts->family != 6)
		return -EINVAL;
	*ret = ev;
	return 0;
}

static int decode_synack(const void *record, size_t len, struct event *ret)
{
	const struct tcs_wire_synack *s = record;

	if (len != sizeof(*s) || (s->family != 4 && s->family != 6) || !owner_is_valid(&s->owner))
		return -EINVAL;
	*ret = (struct event){ .synack = s };
	return 0;
}

int event_decode(const void *record, size_t len, struct event *ret)
{
	switch (len ? *(const __u8 *)record : 0) {
	case TCS_WIRE_STATE:
		return decode_state(record, len, ret);
	case TCS_WIRE_SYNACK:
		return decode_synack(record, len, ret);
	case TCS_WIRE_RESET:
		if (len != sizeof(struct tcs_wire_reset))
			return -EINVAL;
		*ret = (struct event){ .reset = record };
		return 0;
	case TCS_WIRE_GONE:
		if (len != sizeof(struct tcs_wire_gone))
			return -EINVAL;
		*ret = (struct event){ .gone = record };
		return 0;
	case TCS_WIRE_KILLED:
		if (len != sizeof(struct tcs_wire_reset))
			return -EINVAL;
		*ret = (struct event){ .killed = record };
		return 0;
	default:
		return -EINVAL;
	}
}
