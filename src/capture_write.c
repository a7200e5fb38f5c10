// SPDX-License-Identifier: GPL-2.0-only
/* capture_write.c - captures, written: a chunk at a time, whole or not at all */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "capture.h"
#include "create_file.h"
#include "outbuf.h"
#include "stream.h"

#define READER_MS  50		    /* between two looks for a reader of a FIFO */
#define GZIP	   (16 + MAX_WBITS) /* zlib: with gzip's header and checksum */
/*
 * Packed records repeat little that is worth looking for. Per million events of churn: with a
 * search (level 1) 0.29 s and 7.1 MB, without 0.18 s and 9.0 MB; and who records a flood has no CPU
 * to spare.
 */
#define STRATEGY   Z_HUFFMAN_ONLY
#define MEM_LEVEL  8
/*
 * A chunk is ended when it has so many bytes. Larger ones do not compress better, and a rotation
 * is as exact as a chunk is small.
 */
#define CHUNK_FULL (128u << 10)
/* More than deflate makes of a chunk (zlib.h: at most 5 bytes more for each 16 KiB, and gzip's). */
#define OUT_BYTES  (CAPTURE_CHUNK_MAX + (CAPTURE_CHUNK_MAX >> 6) + 64)

static_assert(CHUNK_FULL + CAPTURE_PACKED_MAX(CAPTURE_RECORD_MAX) <= CAPTURE_CHUNK_MAX,
	      "one more record fits into a chunk that is nearly full");

struct capture_writer {
	struct capture_writer_config config;
	char *path; /* NULL: stdout */
	struct create_place place;
	int fd;
	bool can_cut;	     /* a regular file, which can be cut back */
	bool removed;	     /* the file has no name any more */
	uint64_t file_bytes; /* of this file: whole chunks */
	uint64_t older_bytes;
	int error_number;
	char error[256];
	z_stream z;
	struct stream stream;
	uint8_t *queue;	 /* NULL: a regular file, which takes everything */
	size_t queue_at; /* of what waits: its beginning, its length */
	size_t queue_len;
	uint64_t records;  /* in the chunk so far */
	uint64_t left_out; /* records without room in the queue */
	size_t len;	   /* of the chunk so far */
	struct capture_pack pack;
	uint8_t chunk[CAPTURE_CHUNK_MAX];
	uint8_t out[OUT_BYTES];
};

/* The end of a sentence about a file: what of the recording is on disk. */
static const char *what_is_safe(const struct capture_writer *w)
{
	if (!w->can_cut || !(w->file_bytes + w->older_bytes))
		return "";
	if (!w->removed)
		return "; what was recorded before can be replayed";
	return w->older_bytes ? "; the older files can be replayed" : "; nothing of it is left";
}

static int fail(struct capture_writer *w, const char *what, int error_number)
{
	char name[160];

	if (!w->error_number) {
		w->error_number = error_number;
		snprintf(w->error, sizeof(w->error), "%s %s: %s%s", what,
			 w->path ? outbuf_plain(name, sizeof(name), w->path) : "standard output",
			 w->removed ? "it was removed meanwhile" : strerror(error_number),
			 what_is_safe(w));
	}
	return -w->error_number;
}

/* A signal came while it waited for the reader of a pipe. */
static int interrupted(struct capture_writer *w, const char *missing)
{
	char name[160];

	w->error_number = EINTR;
	snprintf(w->error, sizeof(w->error), "interrupted: no process reads %s%s",
		 w->path ? outbuf_plain(name, sizeof(name), w->path) : "standard output", missing);
	return -EINTR;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* A FIFO or a device: until a process reads it, or a signal comes. */
static int open_stream(struct capture_writer *w)
{
	struct pollfd signal = { .fd = w->config.signal_fd, .events = POLLIN };
	int fd;

	while ((fd = create_file_stream(&w->place)) == -ENXIO)
		if (poll(&signal, 1, READER_MS) > 0)
			return -EINTR;
	return fd;
}

static int use_file(struct capture_writer *w, int fd)
{
	struct stat st;

	if (fd == -EINTR)
		return interrupted(w, "; nothing was recorded");
	if (fd < 0)
		return fail(w, "cannot create", -fd);
	w->fd = fd;
	w->can_cut = w->path && !fstat(w->fd, &st) && S_ISREG(st.st_mode);
	w->file_bytes = 0;
	stream_init(&w->stream, w->fd);
	if (w->stream.is_plain || w->queue)
		return 0;
	w->queue = malloc(CAPTURE_QUEUE_BYTES);
	return w->queue ? 0 : fail(w, "cannot create", ENOMEM);
}

/* Why this is not written to, as the end of a sentence. */
static int refuse(struct capture_writer *w, const char *why)
{
	char name[160];

	w->error_number = EEXIST;
	snprintf(w->error, sizeof(w->error), "cannot create %s: %s",
		 outbuf_plain(name, sizeof(name), w->path), why);
	return -EEXIST;
}

/* Where a file of this name exists already. */
static int replace_file(struct capture_writer *w, bool is_empty)
{
	const struct capture_writer_config *c = &w->config;
	int err;

	if (c->rotate_bytes && c->keep && !is_empty)
		err = create_file_move(&w->place, c->keep);
	else if (c->force || (is_empty && c->rotate_bytes))
		err = create_file_remove(&w->place);
	else
		return refuse(w, c->rotate_bytes ? "it exists; --force replaces it, --keep 1 or "
						   "more keeps it as an older file" :
						   "it exists; --force replaces it");
	return err ? fail(w, c->rotate_bytes ? "cannot rename" : "cannot remove", -err) : 0;
}

static int first_file(struct capture_writer *w)
{
	enum create_found found;
	int err;

	if (!w->path)
		return use_file(w, STDOUT_FILENO);
	err = create_place_open(w->path, &w->place);
	if (!err)
		err = create_file_look(&w->place, &found);
	if (err)
		return fail(w, "cannot create", -err);
	switch (found) {
	case CREATE_STREAM:
		if (w->config.rotate_bytes)
			return refuse(w, "--rotate needs a file");
		return use_file(w, open_stream(w));
	case CREATE_LINK:
		return refuse(w, "it is a symbolic link; give the file that it leads to, or - for "
				 "standard output");
	case CREATE_OTHER:
		return refuse(w, "it exists and is no file");
	case CREATE_FILE:
	case CREATE_EMPTY:
		err = replace_file(w, found == CREATE_EMPTY);
		break;
	case CREATE_NOTHING:
		break;
	}
	return err ? err : use_file(w, create_file(&w->place));
}

static int close_file(struct capture_writer *w)
{
	int fd = w->fd;

	if (fd >= 0)
		stream_release(&w->stream);
	w->fd = -1;
	w->older_bytes += w->file_bytes;
	w->file_bytes = 0;
	if (fd < 0 || fd == STDOUT_FILENO)
		return 0;
	/* NFS and the like tell here that there was no room. */
	return close(fd) ? fail(w, "cannot write", errno) : 0;
}

int capture_flush(struct capture_writer *w)
{
	while (w->queue_len && !w->error_number) {
		ssize_t n = stream_write(&w->stream, w->queue + w->queue_at, w->queue_len);

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return fail(w, "cannot write", (int)-n);
		w->queue_at += (size_t)n;
		w->queue_len -= (size_t)n;
	}
	return -w->error_number;
}

/* A chunk goes whole or not at all. */
static int enqueue(struct capture_writer *w, size_t len)
{
	if (w->queue_len + len > CAPTURE_QUEUE_BYTES) {
		w->left_out += w->records;
		return capture_flush(w);
	}
	if (w->queue_at + w->queue_len + len > CAPTURE_QUEUE_BYTES || !w->queue_len) {
		memmove(w->queue, w->queue + w->queue_at, w->queue_len);
		w->queue_at = 0;
	}
	memcpy(w->queue + w->queue_at + w->queue_len, w->out, len);
	w->queue_len += len;
	w->file_bytes += len;
	return capture_flush(w);
}

/* All of it or nothing: a piece of a chunk is taken back. */
static int write_out(struct capture_writer *w, size_t len)
{
	size_t done = 0;

	if (w->queue)
		return enqueue(w, len);
	while (done < len) {
		ssize_t n = stream_write(&w->stream, w->out + done, len - done);

		if (n >= 0) {
			done += (size_t)n;
		} else {
			int err = (int)-n;

			/* (Where that fails, a reader finds it cut.) */
			if (done && w->can_cut && ftruncate(w->fd, (off_t)w->file_bytes))
				return fail(w, "cannot cut back", err);
			return fail(w, "cannot write", err);
		}
	}
	w->file_bytes += len;
	return 0;
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static void begin_chunk(struct capture_writer *w)
{
	static const uint8_t head[CAPTURE_HEAD] = { 'T',	   'C',		  'S',
						    'C',	   'A',		  'P',
						    CAPTURE_MAJOR, CAPTURE_MINOR, CAPTURE_GUARD };

	capture_pack_reset(&w->pack);
	memcpy(w->chunk, head, sizeof(head));
	w->len = sizeof(head);
	w->records = 0;
}

/* Writing to a file that has no name any more succeeds, but the file cannot be replayed. */
static bool is_removed(struct capture_writer *w)
{
	struct stat st;

	w->removed = w->can_cut && w->fd >= 0 && !fstat(w->fd, &st) && !st.st_nlink;
	return w->removed;
}

int capture_sync(struct capture_writer *w)
{
	int err;

	if (w->error_number)
		return -w->error_number;
	if (is_removed(w))
		return fail(w, "cannot write", ENOENT);
	if (w->len == CAPTURE_HEAD)
		return 0;
	deflateReset(&w->z);
	w->z.next_in = w->chunk;
	w->z.avail_in = (unsigned int)w->len;
	w->z.next_out = w->out;
	w->z.avail_out = sizeof(w->out);
	if (deflate(&w->z, Z_FINISH) != Z_STREAM_END)
		return fail(w, "cannot compress", ENOBUFS);
	err = write_out(w, sizeof(w->out) - w->z.avail_out);
	begin_chunk(w);
	return err;
}

bool capture_is_behind(const struct capture_writer *w)
{
	return w->queue_len >= CAPTURE_BEHIND_BYTES;
}

uint64_t capture_left_out(const struct capture_writer *w)
{
	return w->left_out;
}

int capture_finish(struct capture_writer *w)
{
	int err = capture_sync(w);

	while (!err && w->queue_len) {
		err = stream_wait(&w->stream, w->config.signal_fd, UINT64_MAX);
		if (err == -EINTR)
			return interrupted(w, "; the end of the recording is missing");
		if (err)
			return fail(w, "cannot write", -err);
		err = capture_flush(w);
	}
	return err;
}

void capture_put(struct capture_writer *w, const void *record, size_t len)
{
	if (w->error_number || !len || len > CAPTURE_RECORD_MAX)
		return;
	w->records++;
	w->len += capture_pack_put(&w->pack, record, len, w->chunk + w->len);
	if (w->len >= CHUNK_FULL)
		capture_sync(w);
}

/* ---- rotation -------------------------------------------------------------------------------- */

bool capture_may_rotate(const struct capture_writer *w)
{
	return w->path && create_file_allowed(&w->place);
}

bool capture_is_full(const struct capture_writer *w)
{
	return w->config.rotate_bytes && w->file_bytes >= w->config.rotate_bytes;
}

int capture_rotate(struct capture_writer *w)
{
	int err = capture_sync(w);

	if (!err)
		err = close_file(w);
	if (err)
		return err;
	if (w->config.keep)
		err = create_file_move(&w->place, w->config.keep);
	else
		err = create_file_remove(&w->place);
	if (err && err != -ENOENT)
		return fail(w, "cannot rename", -err);
	return use_file(w, create_file_again(&w->place));
}

/* ---- life ------------------------------------------------------------------------------------ */

int capture_writer_new(const struct capture_writer_config *config, struct capture_writer **ret,
		       struct failure *reterr)
{
	struct capture_writer *w;
	int err;

	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__) {
		failure_set(reterr, true, "captures are little-endian, and this host is not");
		return -EOPNOTSUPP;
	}
	w = calloc(1, sizeof(*w));
	if (!w ||
	    deflateInit2(&w->z, Z_BEST_SPEED, Z_DEFLATED, GZIP, MEM_LEVEL, STRATEGY) != Z_OK) {
		free(w);
		failure_set(reterr, false, "out of memory");
		return -ENOMEM;
	}
	w->config = *config;
	w->fd = -1;
	begin_chunk(w);
	w->place.dir = -1;
	if (strcmp(config->path, "-"))
		w->path = strdup(config->path);
	err = w->path || !strcmp(config->path, "-") ? first_file(w) :
						      fail(w, "cannot create", ENOMEM);
	if (err) {
		failure_set(reterr, false, "%s", w->error);
		capture_writer_free(w);
		return err;
	}
	*ret = w;
	return 0;
}

void capture_writer_free(struct capture_writer *w)
{
	if (!w)
		return;
	close_file(w);
	deflateEnd(&w->z);
	create_place_close(&w->place);
	free(w->queue);
	free(w->path);
	free(w);
}

const char *capture_writer_error(const struct capture_writer *w)
{
	return w->error_number ? w->error : NULL;
}

uint64_t capture_bytes(const struct capture_writer *w)
{
	return w->older_bytes + w->file_bytes;
}
