// SPDX-License-Identifier: GPL-2.0-only
#include "record.h"

#include <errno.h>

static const uint16_t sizes[RECORD_KIND_MAX] = {
	[RECORD_CLOCK] = sizeof(struct record_clock),
	[RECORD_STATS] = sizeof(struct record_stats),
	[RECORD_OLDER] = sizeof(struct record_older),
	[RECORD_LOOK] = sizeof(struct record_look),
	[RECORD_NETNS] = sizeof(struct record_netns),
	[RECORD_SOCKET] = sizeof(struct record_socket),
	[RECORD_PLACE] = sizeof(struct record_place),
	[RECORD_GROUP] = sizeof(struct record_group),
	[RECORD_HOLDER] = sizeof(struct record_holder),
	[RECORD_LOOK_END] = sizeof(struct record_look_end),
	[RECORD_TICK] = sizeof(struct record_tick),
	[RECORD_END] = sizeof(struct record_tick),
};

static bool family_is_valid(uint8_t family)
{
	return family == 4 || family == 6;
}

/* What indexes a table or chooses a rendering later on. */
static bool is_valid(const struct record *r)
{
	switch (r->kind) {
	case RECORD_OLDER:
		return r->older->socket.state < TCS_STATE_MAX;
	case RECORD_SOCKET:
		return r->socket->socket.state && r->socket->socket.state < TCS_STATE_MAX &&
		       family_is_valid(r->socket->socket.family) &&
		       r->socket->socket.owner.source < OWNER_SOURCE_MAX;
	case RECORD_PLACE:
		return family_is_valid(r->place->place.family) &&
		       r->place->place.reusable <= r->place->place.ports_used;
	default:
		return true;
	}
}

int record_decode(const void *bytes, size_t len, struct record *ret)
{
	struct record r = { .kind = len ? *(const uint8_t *)bytes : 0 };

	if (r.kind < RECORD_CLOCK) {
		if (event_decode(bytes, len, &r.event))
			return -EINVAL;
	} else {
		if (r.kind >= RECORD_KIND_MAX || len != sizes[r.kind])
			return -EINVAL;
		r.clock = bytes; /* whichever it is: they share the place */
		if (!is_valid(&r))
			return -EINVAL;
	}
	*ret = r;
	return 0;
}

int record_into_audit(const struct record *r, struct audit *a)
{
	switch (r->kind) {
	case RECORD_LOOK:
		a->ts_ns = r->look->ts_ns;
		a->covers = r->look->covers;
		return 0;
	case RECORD_NETNS:
		return audit_add_netns(a, &r->netns->netns);
	case RECORD_SOCKET:
		return audit_add_socket(a, &r->socket->socket);
	case RECORD_PLACE:
		return audit_add_place(a, &r->place->place);
	case RECORD_GROUP:
		return audit_add_group(a, &r->group->group);
	case RECORD_HOLDER:
		audit_add_holder(a, &r->holder->holder);
		return 0;
	case RECORD_LOOK_END:
		audit_add_blind(a, &r->look_end->blind);
		return 0;
	default:
		return 0;
	}
}
