// SPDX-License-Identifier: GPL-2.0-only
/*
 * capture: any file is read to its end, and that end is told
 *
 * gzip's checksum keeps nearly every changed byte out, so most mutations are made inside: inflate,
 * change, compress again.
 */
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "capture.h"
#include "fuzz.h"

#define GZIP  (16 + MAX_WBITS)
#define INNER 8192

/* Each byte of it is there. */
static void look_at(const uint8_t *bytes, size_t len)
{
	uint8_t seen = 0;

	while (len--)
		seen ^= bytes[len];
	__asm__ volatile("" ::"r"(seen));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct capture_reader *reader;
	enum capture_end end;
	const void *record;
	size_t len;

	if (fd < 0)
		fd = memfd_create("capture", 0);
	REQUIRE(!ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size);
	REQUIRE(lseek(fd, 0, SEEK_SET) == 0 && !capture_reader_new(fd, -1, &reader));
	while (!(end = capture_next(reader, &record, &len))) {
		REQUIRE(len && len <= CAPTURE_RECORD_MAX && !((uintptr_t)record % 8));
		look_at(record, len);
	}
	REQUIRE(end == CAPTURE_DONE || *capture_reader_why(reader));
	REQUIRE(end != CAPTURE_FAILED && capture_next(reader, &record, &len) == end);
	capture_reader_free(reader);
	return 0;
}

/* Inflate the first chunk; 0: there is none. *ret_used: bytes of it in data. */
static size_t inflate_first(const uint8_t *data, size_t size, uint8_t *to, size_t *ret_used)
{
	z_stream z = { 0 };
	size_t n = 0;

	if (inflateInit2(&z, GZIP) != Z_OK)
		return 0;
	z.next_in = (uint8_t *)data;
	z.avail_in = (unsigned int)size;
	z.next_out = to;
	z.avail_out = INNER;
	(void)inflate(&z, Z_FINISH);
	n = INNER - z.avail_out;
	*ret_used = size - z.avail_in;
	inflateEnd(&z);
	return n;
}

static size_t compress_again(const uint8_t *data, size_t size, uint8_t *to, size_t room)
{
	z_stream z = { 0 };
	size_t n = 0;

	if (deflateInit2(&z, 1, Z_DEFLATED, GZIP, 1, Z_FIXED) != Z_OK)
		return 0;
	z.next_in = (uint8_t *)data;
	z.avail_in = (unsigned int)size;
	z.next_out = to;
	z.avail_out = (unsigned int)room;
	if (deflate(&z, Z_FINISH) == Z_STREAM_END)
		n = room - z.avail_out;
	deflateEnd(&z);
	return n;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	static uint8_t inner[INNER], outer[INNER * 2];
	size_t used = 0, n = seed % 8 ? inflate_first(data, size, inner, &used) : 0, out, rest;

	if (!n)
		return LLVMFuzzerMutate(data, size, max_size);
	n = LLVMFuzzerMutate(inner, n, INNER);
	out = compress_again(inner, n, outer, sizeof(outer));
	if (!out || out > max_size)
		return LLVMFuzzerMutate(data, size, max_size);
	/* What came behind it stays there, as far as there is room. */
	rest = size - used < max_size - out ? size - used : max_size - out;
	memmove(data + out, data + used, rest);
	memcpy(data, outer, out);
	return out + rest;
}
