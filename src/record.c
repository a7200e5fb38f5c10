// SPDX-License-Identifier: GPL-2.0-only
#include "record.h"

#include <errno.h>
#include <string.h>

static const uint16_t sizes[RECORD_KIND_MAX] = {
	[RECORD_CLOCK] = sizeof(struct record_clock),
	[RECORD_STATS] = sizeof(struct record_stats),
	[RECORD_OLDER] = sizeof(struct record_older),
	[RECORD_KNOWN] = sizeof(struct record_known),
	[RECORD_LOOK] = sizeof(struct record_look),
	[RECORD_NETNS] = sizeof(struct record_netns),
	[RECORD_SOCKET] = sizeof(struct record_socket),
	[RECORD_PLACE] = sizeof(struct record_place),
	[RECORD_GROUP] = sizeof(struct record_group),
	[RECORD_HOLDER] = sizeof(struct record_holder),
	[RECORD_LOOK_END] = sizeof(struct record_look_end),
	[RECORD_TICK] = sizeof(struct record_tick),
	[RECORD_END] = sizeof(struct record_tick),
	[RECORD_META] = sizeof(struct record_meta),
	[RECORD_SEEN] = sizeof(struct record_tick),
	[RECORD_NEXT] = sizeof(struct record_tick),
	[RECORD_HALF_OPEN] = sizeof(struct record_half_open),
	[RECORD_SOURCE] = sizeof(struct record_source),
	[RECORD_REQUEST] = sizeof(struct record_request),
	[RECORD_HANDSHAKES] = sizeof(struct record_handshakes),
	[RECORD_SCANNER] = sizeof(struct record_scanner),
	[RECORD_DEVICE] = sizeof(struct record_device),
	[RECORD_UNSEEN] = sizeof(struct record_unseen),
	[RECORD_CONNECT] = sizeof(struct record_connect),
};

/* Of those that have grown since: their length in formats 2.0 and 2.1. */
static const uint16_t old_sizes[RECORD_KIND_MAX] = {
	[TCS_WIRE_SYNACK] = 112, [RECORD_OLDER] = 64,	   [RECORD_KNOWN] = 208,
	[RECORD_NETNS] = 264,	 [RECORD_SOCKET] = 144,	   [RECORD_PLACE] = 96,
	[RECORD_GROUP] = 152,	 [RECORD_HALF_OPEN] = 128, [RECORD_HANDSHAKES] = 64,
	[RECORD_SCANNER] = 56,
};

/* And of those that have grown since 2.2 was begun. */
static const uint16_t early_sizes[RECORD_KIND_MAX] = { [RECORD_NETNS] = 272 };

void record_grow(void *bytes, size_t *len, bool is_old)
{
	const uint16_t *before = is_old ? old_sizes : early_sizes;
	uint8_t kind = *len ? *(const uint8_t *)bytes : 0;
	size_t now;

	if (kind >= RECORD_KIND_MAX || !before[kind] || *len != before[kind])
		return;
	now = kind == TCS_WIRE_SYNACK ? sizeof(struct tcs_wire_synack) : sizes[kind];
	memset((char *)bytes + *len, 0, now - *len);
	*len = now;
}

static bool family_is_valid(uint8_t family)
{
	return family == 4 || family == 6;
}

#define IS_TEXT(array) (!!memchr(array, 0, sizeof(array)))

static bool meta_is_valid(const struct record_meta *m)
{
	unsigned int i;

	for (i = 0; i < sizeof(m->hooks) / sizeof(m->hooks[0]); i++)
		if (!IS_TEXT(m->hooks[i]))
			return false;
	return m->n_hooks <= sizeof(m->hooks) / sizeof(m->hooks[0]) && m->by < AUDIT_BY_MAX &&
	       m->count_rows <= 1 && IS_TEXT(m->version) && IS_TEXT(m->kernel) &&
	       IS_TEXT(m->arch) && IS_TEXT(m->boot_id) && IS_TEXT(m->netns_scope);
}

/* They are multiplied, and taken from each other. */
static bool half_open_is_valid(const struct audit_half_open *h)
{
	return family_is_valid(h->family) && h->count <= UINT32_MAX && h->full <= h->count &&
	       h->acked <= h->count && h->stuck <= h->count && h->recent <= h->stuck &&
	       h->plain <= h->stuck;
}

/* They are taken from each other. `failed` is counted here, from events. */
static bool place_is_valid(const struct audit_place *p)
{
	return family_is_valid(p->family) && p->reusable <= p->ports_used &&
	       p->bound <= p->ports_used && p->range_first <= p->range_last && !p->failed;
}

static bool known_is_valid(const struct track_known *k)
{
	unsigned int i;

	for (i = 0; i < k->path_len && i < TRACK_PATH_MAX; i++)
		if ((k->path[i] & 0xff) >= TCS_STATE_MAX)
			return false;
	return k->path_len <= TRACK_PATH_MAX && family_is_valid(k->family) &&
	       k->state < TCS_STATE_MAX && k->direction < DIRECTION_MAX && k->path_broken <= 1 &&
	       k->owner.source < OWNER_SOURCE_MAX;
}

/* They are added and multiplied. */
static bool connect_is_valid(const struct audit_connect *c)
{
	bool valid = family_is_valid(c->family) && c->of == CONNECT_OF_PAIR &&
		     c->owner.source < OWNER_SOURCE_MAX &&
		     (c->connected <= UINT32_MAX || c->connected == AUDIT_UNKNOWN) &&
		     (c->pending <= UINT32_MAX || c->pending == AUDIT_UNKNOWN) &&
		     c->recent_connected <= UINT32_MAX && c->recent_failed <= UINT32_MAX &&
		     c->elsewhere <= UINT32_MAX;
	int i;

	for (i = 0; i < CONNECT_FAILURES; i++)
		valid = valid && c->failed[i] <= UINT32_MAX;
	return valid;
}

static bool len_is_valid(const void *bytes, uint8_t kind, size_t len)
{
	const struct record_cgroup *c = bytes;

	if (kind != RECORD_CGROUP)
		return len == sizes[kind];
	return len > sizeof(*c) && len <= RECORD_MAX_BYTES &&
	       strnlen(c->path, len - sizeof(*c)) == len - sizeof(*c) - 1;
}

/* What indexes a table or chooses a rendering later on. */
static bool is_valid(const struct record *r)
{
	switch (r->kind) {
	case RECORD_OLDER:
		return r->older->socket.state < TCS_STATE_MAX;
	case RECORD_KNOWN:
		return known_is_valid(&r->known->socket);
	case RECORD_SOCKET:
		return r->socket->socket.state && r->socket->socket.state < TCS_STATE_MAX &&
		       family_is_valid(r->socket->socket.family) &&
		       r->socket->socket.owner.source < OWNER_SOURCE_MAX;
	case RECORD_PLACE:
		return place_is_valid(&r->place->place);
	case RECORD_HALF_OPEN:
		return half_open_is_valid(&r->half_open->half_open);
	case RECORD_SOURCE:
		return family_is_valid(r->source->source.family) &&
		       r->source->source.bits <= (r->source->source.family == 4 ? 32 : 128);
	case RECORD_REQUEST:
		return family_is_valid(r->request->request.family);
	case RECORD_SCANNER:
		return family_is_valid(r->scanner->scanner.family);
	case RECORD_META:
		return meta_is_valid(r->meta);
	case RECORD_CONNECT:
		return connect_is_valid(&r->connect->connect);
	case RECORD_DEVICE:
		return IS_TEXT(r->device->name);
	default:
		return true;
	}
}

bool record_is_known(uint8_t kind)
{
	return (kind && kind < TCS_WIRE_KIND_MAX) ||
	       (kind >= RECORD_CLOCK && kind < RECORD_KIND_MAX);
}

bool record_is_of_look(uint8_t kind)
{
	return (kind > RECORD_LOOK && kind <= RECORD_LOOK_END) ||
	       (kind >= RECORD_HALF_OPEN && kind <= RECORD_SCANNER) || kind == RECORD_UNSEEN ||
	       kind == RECORD_CONNECT;
}

int record_decode(const void *bytes, size_t len, struct record *ret)
{
	struct record r = { .kind = len ? *(const uint8_t *)bytes : 0 };

	if (r.kind < RECORD_CLOCK) {
		if (event_decode(bytes, len, &r.event))
			return -EINVAL;
	} else {
		if (r.kind >= RECORD_KIND_MAX || !len_is_valid(bytes, r.kind, len))
			return -EINVAL;
		r.clock = bytes; /* whichever it is: they share the place */
		if (!is_valid(&r))
			return -EINVAL;
	}
	*ret = r;
	return 0;
}

uint64_t record_ts_ns(const struct record *r)
{
	switch (r->kind) {
	case TCS_WIRE_STATE:
		return r->event.state->ts_ns;
	case TCS_WIRE_SYNACK:
		return r->event.synack->ts_ns;
	case TCS_WIRE_RESET:
		return r->event.reset->ts_ns;
	case TCS_WIRE_GONE:
		return r->event.gone->ts_ns;
	case TCS_WIRE_KILLED:
		return r->event.killed->ts_ns;
	case RECORD_CLOCK:
	case RECORD_STATS:
	case RECORD_LOOK:
	case RECORD_LOOK_END:
	case RECORD_TICK:
	case RECORD_END:
	case RECORD_META:
	case RECORD_SEEN:
	case RECORD_NEXT:
		return r->clock->ts_ns; /* all of them have it there */
	default:
		return 0;
	}
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
	case RECORD_HALF_OPEN:
		return audit_add_half_open(a, &r->half_open->half_open);
	case RECORD_SOURCE:
		return audit_add_source(a, &r->source->source);
	case RECORD_REQUEST:
		return audit_add_request(a, &r->request->request);
	case RECORD_HANDSHAKES:
		return audit_add_handshakes(a, &r->handshakes->handshakes);
	case RECORD_SCANNER:
		return audit_add_scanner(a, &r->scanner->scanner);
	case RECORD_UNSEEN:
		return audit_add_unseen(a, &r->unseen->unseen);
	case RECORD_CONNECT:
		return audit_add_connect(a, &r->connect->connect);
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
