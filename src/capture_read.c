// SPDX-License-Identifier: GPL-2.0-only
/* capture_read.c - captures, read: a chunk at a time, checked before it is used */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "capture.h"
#include "record.h"

/*
 * Bytes that a chunk may inflate to for each of its own; and EXPAND_FREE more. Chunks are written
 * without a search for repetitions (capture_write.c), where a byte becomes one bit or more: at
 * most 8. deflate allows 1,032.
 */
#define EXPAND_MAX  32
#define EXPAND_FREE 4096
#define INPUT_BYTES (64u << 10)
#define GZIP	    (16 + MAX_WBITS) /* zlib: with gzip's header and checksum */

struct capture_reader {
	int fd;
	int signal_fd;
	bool end_of_file;
	enum capture_end end; /* what comes behind the chunk at hand, once it is known */
	z_stream z;
	const uint8_t *at; /* in the chunk */
	const uint8_t *chunk_end;
	uint64_t chunks;
	uint64_t bytes; /* of chunks so far */
	char why[160];
	struct capture_pack pack;
	uint64_t record[CAPTURE_RECORD_MAX / 8];
	uint8_t input[INPUT_BYTES];
	uint8_t chunk[CAPTURE_CHUNK_MAX];
};

int capture_reader_new(int fd, int signal_fd, struct capture_reader **ret)
{
	struct capture_reader *r;

	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return -EOPNOTSUPP;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	if (inflateInit2(&r->z, GZIP) != Z_OK) {
		free(r);
		return -ENOMEM;
	}
	r->signal_fd = signal_fd;
	capture_reader_reset(r, fd);
	*ret = r;
	return 0;
}

void capture_reader_reset(struct capture_reader *r, int fd)
{
	r->fd = fd;
	r->end_of_file = false;
	r->end = CAPTURE_RECORD;
	r->z.avail_in = 0;
	r->at = r->chunk_end = r->chunk;
	r->chunks = r->bytes = 0;
	r->why[0] = '\0';
}

void capture_reader_free(struct capture_reader *r)
{
	if (!r)
		return;
	inflateEnd(&r->z);
	free(r);
}

static void end(struct capture_reader *r, enum capture_end how, const char *why)
{
	r->end = how;
	snprintf(r->why, sizeof(r->why), "%s", why);
}

/* Wait until something can be read; true: a signal has come. */
static bool interrupted(struct capture_reader *r)
{
	struct pollfd fds[2] = {
		{ .fd = r->signal_fd, .events = POLLIN },
		{ .fd = r->fd, .events = POLLIN },
	};

	return poll(fds, 2, -1) > 0 && fds[0].revents;
}

/* More input if there is none; false: there is no more. */
static bool fill(struct capture_reader *r)
{
	ssize_t n;

	if (r->z.avail_in)
		return true;
	while (!r->end_of_file) {
		if (interrupted(r)) {
			r->end_of_file = true;
			end(r, CAPTURE_INTERRUPTED, "interrupted");
			return false;
		}
		n = read(r->fd, r->input, sizeof(r->input));
		if (n > 0) {
			r->z.next_in = r->input;
			r->z.avail_in = (unsigned int)n;
			return true;
		}
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		r->end_of_file = true;
		if (n < 0)
			end(r, CAPTURE_FAILED, strerror(errno));
	}
	return false;
}

static bool has_magic(const struct capture_reader *r, size_t len)
{
	return len >= CAPTURE_HEAD_2_1 && !memcmp(r->chunk, "TCSCAP", 6);
}

/* The length of the head of this chunk. */
static size_t head_bytes(const struct capture_reader *r)
{
	return r->chunk[7] < 2 ? CAPTURE_HEAD_2_1 : CAPTURE_HEAD;
}

/* What to make of `len` bytes that are no chunk. */
static void end_damaged(struct capture_reader *r, size_t len, const char *what)
{
	if (!r->chunks && !has_magic(r, len))
		end(r, CAPTURE_REFUSED, "this is not a capture of tcpconnstate");
	else
		end(r, CAPTURE_DAMAGED, what);
}

/* Inflate the next chunk; returns the number of its bytes that can be used. */
static size_t inflate_chunk(struct capture_reader *r)
{
	int err = Z_OK;
	size_t n;

	inflateReset(&r->z);
	r->z.total_in = 0;
	r->z.next_out = r->chunk;
	r->z.avail_out = sizeof(r->chunk);
	while (err == Z_OK && fill(r))
		err = inflate(&r->z, Z_NO_FLUSH);
	n = sizeof(r->chunk) - r->z.avail_out;
	r->bytes += r->z.total_in;
	if ((err == Z_OK || err == Z_STREAM_END) && n > r->z.total_in * EXPAND_MAX + EXPAND_FREE) {
		end_damaged(r, n, "what follows expands more than anything that was ever written");
		return 0;
	}
	if (err == Z_STREAM_END)
		return n;
	if (err == Z_OK) {
		if (!r->end)
			end(r, CAPTURE_CUT, "it ends in the middle");
		return n;
	}
	if (err == Z_BUF_ERROR)
		end_damaged(r, n, "a part of it is larger than any that was ever written");
	else
		end_damaged(r, n, "what follows is damaged");
	return 0;
}

/* Is it a chunk that we understand? */
static bool check_head(struct capture_reader *r, size_t len)
{
	if (!has_magic(r, len)) {
		if (!r->end)
			end_damaged(r, len, "what follows is not a part of a capture");
		return false;
	}
	if (r->chunk[6] != CAPTURE_MAJOR || r->chunk[7] > CAPTURE_MINOR) {
		end(r, CAPTURE_REFUSED, "");
		snprintf(r->why, sizeof(r->why),
			 "it was written in format %u.%u, by %s version of tcpconnstate; this one "
			 "reads %d.0 to %d.%d",
			 (unsigned int)r->chunk[6], (unsigned int)r->chunk[7],
			 r->chunk[6] >= CAPTURE_MAJOR ? "a newer" : "an older", CAPTURE_MAJOR,
			 CAPTURE_MAJOR, CAPTURE_MINOR);
		return false;
	}
	if (head_bytes(r) == CAPTURE_HEAD && (len < CAPTURE_HEAD || r->chunk[8] != CAPTURE_GUARD)) {
		if (!r->end)
			end_damaged(r, len, "what follows is not a part of a capture");
		return false;
	}
	return true;
}

/* Get the next chunk ready; false: there is none, and r->end says why. */
static bool next_chunk(struct capture_reader *r)
{
	size_t len;

	if (r->end)
		return false;
	if (!fill(r)) {
		if (r->chunks && !r->end)
			end(r, CAPTURE_DONE, "");
		else if (!r->end)
			end(r, CAPTURE_REFUSED, "it is empty");
		return false;
	}
	len = inflate_chunk(r);
	if (!check_head(r, len))
		return false;
	r->chunks++;
	capture_pack_reset(&r->pack);
	r->at = r->chunk + head_bytes(r);
	r->chunk_end = r->chunk + len;
	return true;
}

enum capture_end capture_next(struct capture_reader *r, const void **ret, size_t *ret_len)
{
	while (r->at == r->chunk_end)
		if (!next_chunk(r))
			return r->end;
	if (capture_pack_take(&r->pack, &r->at, r->chunk_end, r->record, ret_len)) {
		/* Of a chunk that is cut, the last record may be too. */
		if (!r->end)
			end(r, CAPTURE_DAMAGED, "what follows is not made of records");
		r->at = r->chunk_end;
		return r->end;
	}
	record_grow(r->record, ret_len, r->chunk[7] < CAPTURE_MINOR);
	*ret = r->record;
	return CAPTURE_RECORD;
}

uint64_t capture_reader_bytes(const struct capture_reader *r)
{
	return r->bytes;
}

const char *capture_reader_why(const struct capture_reader *r)
{
	return r->why;
}
