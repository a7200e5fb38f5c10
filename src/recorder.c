// SPDX-License-Identifier: GPL-2.0-only
#include "recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup_names.h"
#include "hash.h"
#include "look_keep.h"

struct recorder {
	struct recorder_config config;
	struct capture_writer *writer;
	struct cgroup_names *asked;	   /* of the host */
	struct cgroup_names *told;	   /* to any file */
	struct hash in_file;		   /* cgroups whose names this file has */
	uint64_t last_cgroup;		   /* neighbours in the stream are mostly of one */
	struct device_names *devices_told; /* to any file */
	struct hash devices_in_file;	   /* those whose names this file has */
	uint64_t events;
	struct record_meta meta;   /* of this file */
	struct record_stats stats; /* the last one */
	struct look_keep *look;	   /* NULL: there is no next file */
	struct hash known;	   /* sockets that this file tells of, and are older than it */
	uint32_t older_sockets;
	uint64_t clock_ns;
	uint64_t seen_ns;	  /* all events up to here are in a file */
	uint32_t half_open_netns; /* of the last row of half-open connections */
};

/* ---- names ----------------------------------------------------------------------------------- */

static void put_name(struct recorder *r, uint64_t id, const char *path)
{
	uint64_t words[(RECORD_MAX_BYTES + 7) / 8];
	struct record_cgroup *c = (struct record_cgroup *)words;
	size_t len = strlen(path) + 1;

	if (sizeof(*c) + len > RECORD_MAX_BYTES)
		return;
	*c = (struct record_cgroup){ .head.kind = RECORD_CGROUP, .id = id };
	memcpy(c->path, path, len);
	capture_put(r->writer, c, sizeof(*c) + len);
}

static void tell_cgroup(struct recorder *r, uint64_t id, uint64_t ts_ns)
{
	const char *path;
	uint32_t known;

	if (id == r->last_cgroup || !id)
		return;
	if (!hash_find(&r->in_file, id, &known)) {
		path = cgroup_names_find(r->asked, id, ts_ns / 1000000);
		if (!path)
			return; /* it may be known the next time */
		cgroup_names_tell(r->told, id, path);
		put_name(r, id, path);
		if (hash_add(&r->in_file, id, 0))
			return;
	}
	r->last_cgroup = id;
}

const char *recorder_cgroup_path(void *ctx, uint64_t id)
{
	struct recorder *r = ctx;

	return cgroup_names_find(r->told, id, 0);
}

static void put_device(struct recorder *r, const struct device_name *device)
{
	struct record_device record = { .head.kind = RECORD_DEVICE,
					.netns_cookie = device->netns_cookie,
					.netns = device->netns,
					.ifindex = device->ifindex };

	memcpy(record.name, device->name, sizeof(record.name));
	capture_put(r->writer, &record, sizeof(record));
	device_names_tell(r->devices_told, device);
}

static bool is_told(const struct recorder *r, const struct device_name *device)
{
	const struct device_name *told = device_names_find(r->devices_told, device->netns_cookie,
							   device->netns, device->ifindex, 0);

	return told && told->netns_cookie == device->netns_cookie &&
	       !memcmp(told->name, device->name, sizeof(told->name));
}

/* netns_cookie: 0 not known. */
static void tell_device(struct recorder *r, uint64_t netns_cookie, uint32_t netns, uint32_t ifindex,
			uint64_t ts_ns)
{
	uint64_t key = (uint64_t)netns << 32 | ifindex;
	const struct device_name *device;
	uint32_t known;

	if (!ifindex)
		return;
	device =
		device_names_find(r->config.devices, netns_cookie, netns, ifindex, ts_ns / 1000000);
	if (!device)
		return; /* it may be known the next time */
	if (hash_find(&r->devices_in_file, key, &known)) {
		if (!is_told(r, device))
			put_device(r, device);
	} else if (!hash_add(&r->devices_in_file, key, 0)) {
		put_device(r, device);
	}
}

const char *recorder_device_name(void *ctx, uint64_t netns_cookie, uint32_t netns, uint32_t ifindex)
{
	struct recorder *r = ctx;
	const struct device_name *device =
		device_names_find(r->devices_told, netns_cookie, netns, ifindex, 0);

	return device ? device->name : NULL;
}

/* Names that a row of a look needs. Half-open connections come before their sources. */
static void tell_row_names(struct recorder *r, const struct record *record)
{
	const struct audit_socket *s = &record->socket->socket;
	uint64_t ts_ns = r->clock_ns;

	switch (record->kind) {
	case RECORD_SOCKET:
		tell_cgroup(r, s->cgroup, ts_ns);
		tell_device(r, s->netns_cookie, s->netns, s->device, ts_ns);
		break;
	case RECORD_PLACE:
		tell_device(r, 0, record->place->place.netns, record->place->place.device, ts_ns);
		break;
	case RECORD_GROUP:
		tell_device(r, 0, record->group->group.netns, record->group->group.device, ts_ns);
		break;
	case RECORD_HALF_OPEN:
		r->half_open_netns = record->half_open->half_open.netns;
		tell_device(r, 0, r->half_open_netns, record->half_open->half_open.device, ts_ns);
		break;
	case RECORD_SOURCE:
		tell_device(r, 0, r->half_open_netns, record->source->source.device, ts_ns);
		break;
	case RECORD_REQUEST:
		tell_device(r, 0, record->request->request.netns, record->request->request.device,
			    ts_ns);
		break;
	case RECORD_CONNECT:
		tell_device(r, record->connect->connect.netns_cookie,
			    record->connect->connect.netns, record->connect->connect.device, ts_ns);
		break;
	case RECORD_SCANNER:
		tell_device(r, 0, record->scanner->scanner.netns, record->scanner->scanner.device,
			    ts_ns);
		break;
	default:
		break;
	}
}

/* ---- files ----------------------------------------------------------------------------------- */

/* What a file begins with. */
static void begin_file(struct recorder *r)
{
	hash_clear(&r->in_file);
	hash_clear(&r->devices_in_file);
	hash_clear(&r->known);
	r->last_cgroup = 0;
	capture_put(r->writer, &r->meta, sizeof(r->meta));
}

/* A row of the look that the next file begins with. */
static int repeat(void *ctx, const void *bytes, size_t len)
{
	struct recorder *r = ctx;
	struct record row;

	if (!record_decode(bytes, len, &row))
		tell_row_names(r, &row);
	capture_put(r->writer, bytes, len);
	return 0;
}

static int rotate(struct recorder *r, const struct record_clock *clock)
{
	struct record_tick next = { .head.kind = RECORD_NEXT, .ts_ns = clock->ts_ns };
	int err;

	capture_put(r->writer, &next, sizeof(next));
	err = capture_rotate(r->writer);
	if (err)
		return err;
	r->meta.part++;
	r->meta.ts_ns = r->seen_ns;
	r->meta.wall_offset_ns = clock->wall_offset_ns;
	r->meta.older_sockets = r->older_sockets;
	r->meta.before = r->stats;
	begin_file(r);
	return look_keep_tell(r->look, repeat, r);
}

/* Once a second: what is there can be read, and a file that is full is followed by the next. */
static int take_clock(struct recorder *r, const struct record_clock *clock)
{
	int err = capture_sync(r->writer);

	r->clock_ns = clock->ts_ns;
	return !err && capture_is_full(r->writer) ? rotate(r, clock) : err;
}

/* ---- records --------------------------------------------------------------------------------- */

static void seen(struct recorder *r, uint64_t ts_ns)
{
	if (ts_ns > r->seen_ns)
		r->seen_ns = ts_ns;
}

static void tell_known(struct recorder *r, const struct event *ev)
{
	struct record_known known = { .head.kind = RECORD_KNOWN };
	uint32_t unused;

	if (hash_find(&r->known, ev->state->id, &unused) ||
	    !r->config.known(r->config.known_ctx, ev, r->meta.ts_ns, &known.socket))
		return;
	tell_cgroup(r, known.socket.cgroup, ev->state->ts_ns);
	tell_device(r, known.socket.netns_cookie, known.socket.netns, known.socket.device,
		    ev->state->ts_ns);
	capture_put(r->writer, &known, sizeof(known));
	/* (Where there is no room it will be told again, and nobody minds.) */
	(void)hash_add(&r->known, ev->state->id, 0);
}

static void take_event(struct recorder *r, const struct record *record)
{
	const struct event *ev = &record->event;
	uint64_t ts_ns = record_ts_ns(record);

	seen(r, ts_ns);
	r->events += ev->state || ev->synack;
	if (r->meta.part && ev->state)
		tell_known(r, ev);
	if (ev->facts) {
		tell_cgroup(r, ev->facts->cgroup, ts_ns);
		tell_device(r, ev->cookies ? ev->cookies->netns : 0, ev->facts->netns,
			    ev->facts->device, ts_ns);
	} else if (ev->synack) {
		tell_cgroup(r, ev->synack->cgroup, ts_ns);
		tell_device(r, ev->synack->netns_cookie, ev->synack->netns, ev->synack->device,
			    ts_ns);
	}
}

static int take(struct recorder *r, const struct record *record, const void *bytes, size_t len)
{
	if (r->look)
		look_keep_take(r->look, record, bytes, len);
	switch (record->kind) {
	case RECORD_CLOCK:
		return take_clock(r, record->clock);
	case RECORD_TICK:
	case RECORD_SEEN:
		seen(r, record->tick->seen_ns);
		return 0;
	case RECORD_STATS:
		r->stats = *record->stats;
		return 0;
	case RECORD_OLDER:
		r->older_sockets++;
		return 0;
	default:
		if (record->kind < RECORD_CLOCK)
			take_event(r, record);
		else
			tell_row_names(r, record);
		return 0;
	}
}

int recorder_tap(void *ctx, const void *bytes, size_t len)
{
	struct recorder *r = ctx;
	struct record record;
	int err = 0;

	/* What cannot be decoded is kept all the same: a replay shall count it, too. */
	if (!record_decode(bytes, len, &record))
		err = take(r, &record, bytes, len);
	if (!err)
		capture_put(r->writer, bytes, len);
	return capture_writer_error(r->writer) ? -EIO : err;
}

bool recorder_is_behind(void *ctx)
{
	return capture_is_behind(((struct recorder *)ctx)->writer);
}

void recorder_flush(void *ctx)
{
	capture_flush(((struct recorder *)ctx)->writer);
}

uint64_t recorder_left_out(const struct recorder *r)
{
	return capture_left_out(r->writer);
}

int recorder_finish(struct recorder *r)
{
	return capture_finish(r->writer);
}

/* ---- life ------------------------------------------------------------------------------------ */

int recorder_new(const struct recorder_config *config, const struct record_meta *meta,
		 struct recorder **ret, struct failure *reterr)
{
	struct recorder *r = calloc(1, sizeof(*r));
	int err = -ENOMEM;

	if (!r || hash_init(&r->in_file) || hash_init(&r->known) ||
	    hash_init(&r->devices_in_file) || device_names_new(-1, &r->devices_told) ||
	    (config->file.rotate_bytes && look_keep_new(&r->look)) || cgroup_names_new(&r->asked) ||
	    cgroup_names_new_empty(&r->told))
		failure_set(reterr, false, "out of memory");
	else
		err = capture_writer_new(&config->file, &r->writer, reterr);
	if (err) {
		recorder_free(r);
		return err;
	}
	r->config = *config;
	r->meta = *meta;
	r->seen_ns = meta->ts_ns;
	begin_file(r);
	*ret = r;
	return 0;
}

void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	capture_writer_free(r->writer);
	cgroup_names_free(r->asked);
	cgroup_names_free(r->told);
	device_names_free(r->devices_told);
	hash_release(&r->devices_in_file);
	hash_release(&r->in_file);
	hash_release(&r->known);
	look_keep_free(r->look);
	free(r);
}

const char *recorder_error(const struct recorder *r)
{
	return capture_writer_error(r->writer);
}

bool recorder_may_rotate(const struct recorder *r)
{
	return capture_may_rotate(r->writer);
}

uint64_t recorder_bytes(const struct recorder *r)
{
	return capture_bytes(r->writer);
}

uint64_t recorder_events(const struct recorder *r)
{
	return r->events;
}

uint64_t recorder_looks_left_out(const struct recorder *r)
{
	return r->look ? look_keep_left_out(r->look) : 0;
}
