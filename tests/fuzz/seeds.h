/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SEEDS_H
#define TCS_SEEDS_H

/*
 * seeds.h - small inputs out of captures, with records of every kind in them
 *
 *	TARGET --seeds FOLDER CAPTURE...
 *
 * A capture is cut into pieces: so many records in a row, of each kind at most so many, so that a
 * look at a thousand sockets becomes one at a few and is whole. Each piece is packed as if it began
 * there, behind the capture's first record, and written to a file of its own.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "capture.h"
#include "fuzz.h"
#include "record.h"

#define SEED_ROWS    4 /* of each kind, the first ones */
#define SEED_EVENTS  12
#define SEED_RECORDS 40
#define SEED_BYTES   2048
#define SEEDS_MAX    40 /* of one capture */

struct seed {
	struct capture_pack pack;
	uint8_t bytes[SEED_BYTES + CAPTURE_PACKED_MAX(CAPTURE_RECORD_MAX)];
	size_t len;
	unsigned int records, of_kind[256];
};

static inline void seed_put(struct seed *s, const void *record, size_t len)
{
	s->len += capture_pack_put(&s->pack, record, len, s->bytes + s->len);
	s->records++;
}

static inline void seed_begin(struct seed *s, const uint64_t *first, size_t len)
{
	memset(s, 0, sizeof(*s));
	if (len)
		seed_put(s, first, len);
}

static inline void seed_write(const char *folder, const char *name, unsigned int n,
			      const uint8_t *bytes, size_t len)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/seed-%s-%u", folder, name, n);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	REQUIRE(fd >= 0 && write(fd, bytes, len) == (ssize_t)len && !close(fd));
}

/* How many of a kind a piece has. */
static inline unsigned int seed_most(uint8_t kind)
{
	if (kind < RECORD_CLOCK)
		return SEED_EVENTS;
	return kind == RECORD_OLDER || (kind > RECORD_LOOK && kind < RECORD_LOOK_END) ||
			       kind > RECORD_NEXT ?
		       SEED_ROWS :
		       SEED_RECORDS;
}

/* finish: from packed records to what the target takes; returns its length. */
static inline void seeds_of(const char *folder, const char *capture,
			    size_t (*finish)(const uint8_t *packed, size_t len, uint8_t *to))
{
	static struct seed s;
	static uint8_t out[sizeof(s.bytes) + 64];
	static uint64_t first[RECORD_MAX_BYTES / 8];
	const char *name = strrchr(capture, '/') ? strrchr(capture, '/') + 1 : capture;
	int fd = open(capture, O_RDONLY | O_CLOEXEC);
	struct capture_reader *reader;
	struct record_look look = { 0 };
	size_t len, first_len = 0;
	unsigned int n = 0;
	const void *record;

	REQUIRE(fd >= 0 && !capture_reader_new(fd, -1, &reader));
	seed_begin(&s, NULL, 0);
	while (n < SEEDS_MAX && !capture_next(reader, &record, &len)) {
		uint8_t kind = *(const uint8_t *)record;

		if (kind == RECORD_META && len <= sizeof(first)) {
			memcpy(first, record, len);
			first_len = len;
		}
		if (s.of_kind[kind]++ >= seed_most(kind))
			continue;
		seed_put(&s, record, len);
		if (kind == RECORD_LOOK)
			look = *(const struct record_look *)record;
		else if (kind == RECORD_LOOK_END)
			look.head.kind = 0;
		if (s.records < SEED_RECORDS && s.len < SEED_BYTES)
			continue;
		seed_write(folder, name, n++, out, finish(s.bytes, s.len, out));
		seed_begin(&s, first, first_len);
		if (look.head.kind) /* it goes on */
			seed_put(&s, &look, sizeof(look));
	}
	if (s.records > 1 && n < SEEDS_MAX)
		seed_write(folder, name, n, out, finish(s.bytes, s.len, out));
	capture_reader_free(reader);
	close(fd);
}

/* Does nothing but this when it was asked to. */
static inline void seeds_if_asked(int argc, char **argv,
				  size_t (*finish)(const uint8_t *packed, size_t len, uint8_t *to))
{
	int i;

	if (argc < 3 || strcmp(argv[1], "--seeds") != 0)
		return;
	for (i = 3; i < argc; i++)
		seeds_of(argv[2], argv[i], finish);
	exit(0);
}

#endif /* TCS_SEEDS_H */
