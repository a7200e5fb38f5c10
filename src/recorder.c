// SPDX-License-Identifier: GPL-2.0-only
#include "recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup_names.h"
#include "hash.h"

#define NO_EVENT_NS 1500000000ull /* then nothing is under way either */

struct recorder {
	struct recorder_config config;
	struct capture_writer *writer;
	struct cgroup_names *asked; /* of the host */
	struct cgroup_names *told;  /* to any file */
	struct hash in_file;	    /* cgroups whose names this file has */
	uint64_t last_cgroup;	    /* neighbours in the stream are mostly of one */
	uint64_t events;
	struct record_meta meta;
	struct record_clock clock; /* the last one */
	struct record_older *older;
	uint32_t n_older, cap_older;
	uint64_t older_left_out;
	bool rotating;
	uint8_t last_epoch; /* the next file begins with the first facts of another one */
	uint64_t asked_ns;  /* for them */
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

/* ---- files ----------------------------------------------------------------------------------- */

static void keep_older(struct recorder *r, const struct record_older *row)
{
	struct record_older *grown;
	uint32_t cap = r->cap_older ? r->cap_older * 2 : 256;

	if (!r->config.file.rotate_bytes)
		return;
	if (r->n_older == r->cap_older) {
		grown = r->n_older < RECORDER_OLDER_MAX ? realloc(r->older, cap * sizeof(*grown)) :
							  NULL;
		if (!grown) {
			r->older_left_out++;
			return;
		}
		r->older = grown;
		r->cap_older = cap;
	}
	r->older[r->n_older++] = *row;
}

/* What a file begins with. */
static void begin_file(struct recorder *r)
{
	uint32_t i;

	hash_clear(&r->in_file);
	r->last_cgroup = 0;
	capture_put(r->writer, &r->meta, sizeof(r->meta));
	for (i = 0; i < r->n_older; i++)
		capture_put(r->writer, &r->older[i], sizeof(r->older[i]));
	if (r->clock.head.kind)
		capture_put(r->writer, &r->clock, sizeof(r->clock));
}

static int rotate(struct recorder *r)
{
	struct record_tick next = { .head.kind = RECORD_NEXT, .ts_ns = r->clock.ts_ns };
	int err;

	capture_put(r->writer, &next, sizeof(next));
	err = capture_rotate(r->writer);
	r->rotating = false;
	if (!err)
		begin_file(r);
	return err;
}

/* Once a second: what is there can be read, and a file that is full is followed by the next. */
static int take_clock(struct recorder *r, const struct record_clock *clock)
{
	int err = capture_sync(r->writer);

	r->clock = *clock;
	if (err)
		return err;
	if (r->rotating && clock->ts_ns > r->asked_ns + NO_EVENT_NS)
		return rotate(r);
	if (!r->rotating && capture_is_full(r->writer)) {
		r->last_epoch = r->config.tell_anew(r->config.tell_anew_ctx);
		r->asked_ns = clock->ts_ns;
		r->rotating = true;
	}
	return 0;
}

/* ---- records --------------------------------------------------------------------------------- */

static int take_event(struct recorder *r, const struct record *record)
{
	const struct event *ev = &record->event;
	uint64_t ts_ns = record_ts_ns(record);
	int err;

	if (r->rotating && ev->facts && ev->facts->epoch != r->last_epoch) {
		err = rotate(r);
		if (err)
			return err;
	}
	r->events += record->kind != TCS_WIRE_RESET;
	if (ev->facts)
		tell_cgroup(r, ev->facts->cgroup, ts_ns);
	else if (ev->synack)
		tell_cgroup(r, ev->synack->cgroup, ts_ns);
	return 0;
}

int recorder_tap(void *ctx, const void *bytes, size_t len)
{
	struct recorder *r = ctx;
	struct record record;
	int err = 0;

	/* What cannot be decoded is kept all the same: a replay shall count it, too. */
	if (!record_decode(bytes, len, &record)) {
		if (record.kind < RECORD_CLOCK)
			err = take_event(r, &record);
		else if (record.kind == RECORD_CLOCK)
			err = take_clock(r, record.clock);
		else if (record.kind == RECORD_OLDER)
			keep_older(r, record.older);
		else if (record.kind == RECORD_SOCKET)
			tell_cgroup(r, record.socket->socket.cgroup, r->clock.ts_ns);
	}
	if (!err)
		capture_put(r->writer, bytes, len);
	return capture_writer_error(r->writer) ? -EIO : err;
}

int recorder_finish(struct recorder *r)
{
	return capture_sync(r->writer);
}

/* ---- life ------------------------------------------------------------------------------------ */

int recorder_new(const struct recorder_config *config, const struct record_meta *meta,
		 struct recorder **ret, struct failure *reterr)
{
	struct recorder *r = calloc(1, sizeof(*r));
	int err = -ENOMEM;

	if (!r || hash_init(&r->in_file) || cgroup_names_new(&r->asked) ||
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
	hash_release(&r->in_file);
	free(r->older);
	free(r);
}

const char *recorder_error(const struct recorder *r)
{
	return capture_writer_error(r->writer);
}

uint64_t recorder_bytes(const struct recorder *r)
{
	return capture_bytes(r->writer);
}

uint64_t recorder_events(const struct recorder *r)
{
	return r->events;
}

uint64_t recorder_older_left_out(const struct recorder *r)
{
	return r->older_left_out;
}
