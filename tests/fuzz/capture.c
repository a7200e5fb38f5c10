// SPDX-License-Identifier: GPL-2.0-only
/*
 * capture: any file is read to its end, and that end is told
 *
 * gzip's checksum keeps nearly every changed byte out, so most mutations are made inside: inflate,
 * change, and wrap the bytes again, not compressed.
 */
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "seeds.h"

#define GZIP  (16 + MAX_WBITS)
#define INNER 8192 /* below the 65,535 of a stored block */

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
	static struct capture_reader *reader; /* half a megabyte: one for all */
	enum capture_end end;
	const void *record;
	size_t len;

	if (fd < 0) {
		fd = memfd_create("capture", 0);
		REQUIRE(!capture_reader_new(fd, -1, &reader));
	}
	REQUIRE(!ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size);
	REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
	capture_reader_reset(reader, fd);
	while (!(end = capture_next(reader, &record, &len))) {
		REQUIRE(len && len <= CAPTURE_RECORD_MAX && !((uintptr_t)record % 8));
		look_at(record, len);
	}
	REQUIRE(end == CAPTURE_DONE || *capture_reader_why(reader));
	REQUIRE(end != CAPTURE_FAILED && capture_next(reader, &record, &len) == end);
	return 0;
}

/* Inflate the first chunk; 0: there is none. *ret_used: bytes of it in data. */
static size_t inflate_first(const uint8_t *data, size_t size, uint8_t *to, size_t *ret_used)
{
	static z_stream z;

	if (!z.state)
		REQUIRE(inflateInit2(&z, GZIP) == Z_OK);
	inflateReset(&z);
	z.next_in = (uint8_t *)data;
	z.avail_in = (unsigned int)size;
	z.next_out = to;
	z.avail_out = INNER;
	(void)inflate(&z, Z_FINISH);
	*ret_used = size - z.avail_in;
	return INNER - z.avail_out;
}

static uint8_t *put_number(uint8_t *to, uint64_t n, unsigned int bytes)
{
	while (bytes--) {
		*to++ = (uint8_t)n;
		n >>= 8;
	}
	return to;
}

/* As one stored block (RFC 1951, 3.2.4), which takes no time. */
static size_t wrap_again(const uint8_t *data, size_t size, uint8_t *to)
{
	static const uint8_t head[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1 };
	uint8_t *at = to + sizeof(head);

	memcpy(to, head, sizeof(head));
	at = put_number(at, size | ~(uint64_t)size << 16, 4);
	memcpy(at, data, size);
	at = put_number(at + size, crc32(0, data, (unsigned int)size), 4);
	return (size_t)(put_number(at, size, 4) - to);
}

static size_t finish_seed(const uint8_t *packed, size_t len, uint8_t *to)
{
	static const uint8_t head[CAPTURE_HEAD] = { 'T',	   'C',		  'S',
						    'C',	   'A',		  'P',
						    CAPTURE_MAJOR, CAPTURE_MINOR, CAPTURE_GUARD };
	static uint8_t chunk[INNER];
	size_t n = len < INNER - sizeof(head) ? len : INNER - sizeof(head);

	memcpy(chunk, head, sizeof(head));
	memcpy(chunk + sizeof(head), packed, n);
	return wrap_again(chunk, sizeof(head) + n, to);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	seeds_if_asked(*argc, *argv, finish_seed);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	static uint8_t inner[INNER], outer[INNER + 64];
	size_t used = 0, n = seed % 8 ? inflate_first(data, size, inner, &used) : 0, out, rest;

	if (!n)
		return LLVMFuzzerMutate(data, size, max_size);
	n = LLVMFuzzerMutate(inner, n, max_size < INNER ? max_size : INNER);
	out = wrap_again(inner, n, outer);
	if (out > max_size)
		return LLVMFuzzerMutate(data, size, max_size);
	/* What came behind it stays there, as far as there is room. */
	rest = size - used < max_size - out ? size - used : max_size - out;
	memmove(data + out, data + used, rest);
	memcpy(data, outer, out);
	return out + rest;
}
