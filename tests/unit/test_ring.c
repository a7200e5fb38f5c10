// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading a ring buffer. The kernel's side (kernel/bpf/ringbuf.c) is played here: records are a
 * header of 8 bytes and the payload, rounded up to 8, and the data is mapped twice in a row, which
 * the fake does by writing every byte in both places.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ring.h"
#include "unit.h"

#define SIZE 4096u /* of the data */

#define BUSY	BPF_RINGBUF_BUSY_BIT
#define DISCARD BPF_RINGBUF_DISCARD_BIT

static uint64_t consumer, producer;
static char *data; /* twice SIZE */
static struct ring ring;

static int open_ring(void **unused)
{
	(void)unused;
	data = malloc(2 * SIZE);
	if (!data)
		return -1;
	memset(data, 0xee, 2 * SIZE);
	consumer = producer = 0;
	ring = (struct ring){
		.consumer = &consumer,
		.producer = &producer,
		.data = data,
		.size = SIZE,
	};
	return 0;
}

static int close_ring(void **unused)
{
	(void)unused;
	free(data);
	return 0;
}

/* Begin at this position, as a ring that has been in use for long. */
static void begin_at(uint64_t position)
{
	consumer = producer = ring.at = ring.end = position;
}

static void write_byte(uint64_t position, char byte)
{
	data[position % SIZE] = byte;
	data[position % SIZE + SIZE] = byte;
}

static void set_header(uint64_t position, uint32_t header)
{
	char bytes[BPF_RINGBUF_HDR_SZ] = { 0 };

	memcpy(bytes, &header, sizeof(header));
	for (size_t i = 0; i < sizeof(bytes); i++)
		write_byte(position + i, bytes[i]);
}

/* bpf_ringbuf_reserve(): false when full. The payload's bytes say which record it is. */
static bool reserve(uint32_t len, char fill)
{
	uint64_t room = (len + 8 + 7) & ~7u;

	if (producer + room - consumer > SIZE - 1)
		return false;
	for (uint32_t i = 0; i < len; i++)
		write_byte(producer + 8 + i, (char)(fill + i % 7));
	set_header(producer, len | BUSY);
	producer += room;
	return true;
}

/* ..._submit() or ..._discard() of the record that was reserved at this position. */
static void finish(uint64_t position, uint32_t len, uint32_t flags)
{
	set_header(position, len | flags);
}

static void put(uint32_t len, char fill, uint32_t flags)
{
	uint64_t at = producer;

	assert_true(reserve(len, fill));
	finish(at, len, flags);
}

static void expect(uint32_t len, char fill)
{
	const void *record = NULL;
	size_t got = 0;

	assert_int_equal(ring_peek(&ring, &record, &got), RING_RECORD);
	assert_int_equal(got, len);
	assert_int_equal((uintptr_t)record % 8, 0);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(((const char *)record)[i], (char)(fill + i % 7));
	ring_next(&ring, got);
}

static void expect_none(enum ring_head head)
{
	static const char untouched;
	const void *record = &untouched;
	size_t len = 77;

	assert_int_equal(ring_peek(&ring, &record, &len), head);
	assert_ptr_equal(record, &untouched);
	assert_int_equal(len, 77);
}

static void an_empty_ring_shows_nothing(void **unused)
{
	(void)unused;
	expect_none(RING_EMPTY);
	ring_sync(&ring);
	expect_none(RING_EMPTY);
	assert_int_equal(ring_used(&ring), 0);
}

static void records_come_in_order_up_to_the_last_sync(void **unused)
{
	(void)unused;
	put(40, 'a', 0);
	put(128, 'b', 0);
	expect_none(RING_EMPTY); /* not synced yet */
	ring_sync(&ring);
	assert_int_equal(ring_used(&ring), 48 + 136);
	put(24, 'c', 0);
	expect(40, 'a');
	assert_int_equal(ring_used(&ring), 136);
	expect(128, 'b');
	expect_none(RING_EMPTY); /* the third came after the sync */
	ring_sync(&ring);
	expect(24, 'c');
	expect_none(RING_EMPTY);
}

static void a_record_stays_until_it_is_stepped_over(void **unused)
{
	const void *first, *again;
	size_t len;

	(void)unused;
	put(40, 'a', 0);
	ring_sync(&ring);
	assert_int_equal(ring_peek(&ring, &first, &len), RING_RECORD);
	assert_int_equal(ring_peek(&ring, &again, &len), RING_RECORD);
	assert_ptr_equal(first, again);
	expect(40, 'a');
}

static void every_length_is_rounded_up_to_words(void **unused)
{
	(void)unused;
	for (uint32_t len = 0; len <= 300; len++) {
		put(len, (char)len, 0);
		put(8, 'z', 0);
		ring_sync(&ring);
		expect(len, (char)len);
		expect(8, 'z');
		expect_none(RING_EMPTY);
		ring_release(&ring);
	}
}

static void a_record_being_written_hides_what_is_behind_it(void **unused)
{
	uint64_t at;

	(void)unused;
	put(40, 'a', 0);
	at = producer;
	assert_true(reserve(64, 'b'));
	put(40, 'c', 0);
	ring_sync(&ring);
	expect(40, 'a');
	expect_none(RING_BUSY);
	expect_none(RING_BUSY);
	finish(at, 64, 0);
	expect(64, 'b');
	expect(40, 'c');
	expect_none(RING_EMPTY);
}

static void discarded_records_are_skipped(void **unused)
{
	uint64_t at;

	(void)unused;
	put(40, 'a', DISCARD);
	put(24, 'b', 0);
	put(100, 'c', DISCARD);
	put(4, 'd', DISCARD);
	put(112, 'e', 0);
	put(40, 'f', DISCARD);
	ring_sync(&ring);
	expect(24, 'b');
	expect(112, 'e');
	expect_none(RING_EMPTY);
	assert_int_equal(ring_used(&ring), 0); /* the last one is passed, too */

	at = producer;
	assert_true(reserve(40, 'g'));
	ring_sync(&ring);
	expect_none(RING_BUSY);
	finish(at, 40, DISCARD);
	expect_none(RING_EMPTY);
}

static void room_goes_back_to_the_kernel_only_when_released(void **unused)
{
	unsigned int n = 0;

	(void)unused;
	for (; reserve(120, 'a'); n++)
		finish(producer - 128, 120, 0);
	assert_int_equal(n, SIZE / 128 - 1);
	ring_sync(&ring);
	expect(120, 'a');
	expect(120, 'a');
	assert_int_equal(consumer, 0);
	assert_false(reserve(120, 'b'));
	ring_release(&ring);
	assert_int_equal(consumer, 256);
	put(120, 'b', 0);
	put(120, 'b', 0);
	assert_false(reserve(120, 'b'));
}

/* A record that begins in the last bytes of the data goes on at its beginning, and is not split. */
static void records_are_whole_across_the_end_of_the_data(void **unused)
{
	(void)unused;
	for (uint64_t before = 8; before <= 256; before += 8) {
		begin_at(7 * SIZE - before);
		put(200, 'w', 0);
		put(16, 'x', 0);
		ring_sync(&ring);
		expect(200, 'w');
		expect(16, 'x');
		expect_none(RING_EMPTY);
	}
}

static void positions_grow_beyond_32_bits(void **unused)
{
	(void)unused;
	begin_at((1ull << 32) - 64);
	put(40, 'a', 0);
	put(40, 'b', 0);
	put(40, 'c', DISCARD);
	put(40, 'd', 0);
	ring_sync(&ring);
	expect(40, 'a');
	expect(40, 'b');
	expect(40, 'd');
	expect_none(RING_EMPTY);
	ring_release(&ring);
	assert_int_equal(consumer, (1ull << 32) - 64 + 4 * 48);
}

static void many_random_records_arrive_in_order(void **unused)
{
	uint64_t seed = 5, written = 0, seen = 0;
	struct {
		uint32_t len, flags;
	} model[SIZE];

	(void)unused;
	begin_at((1ull << 32) - 1000 * SIZE);
	while (seen < 300000) {
		for (unsigned int i = random_next(&seed) % 8; i; i--) {
			uint32_t len = (uint32_t)(random_next(&seed) % 180);
			uint32_t flags = random_next(&seed) % 5 ? 0 : DISCARD;
			uint64_t at = producer;

			if (!reserve(len, (char)written))
				break;
			finish(at, len, flags);
			model[written % SIZE].len = len;
			model[written++ % SIZE].flags = flags;
		}
		ring_sync(&ring);
		while (seen < written) {
			if (!model[seen % SIZE].flags)
				expect(model[seen % SIZE].len, (char)seen);
			seen++;
		}
		expect_none(RING_EMPTY);
		ring_release(&ring);
		assert_int_equal(consumer, producer);
	}
}

/* What ring_map() maps where: a file laid out as the kernel's, its data written twice by us. */
static void the_kernels_layout_is_mapped(void **unused)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 2 * page;
	int fd = memfd_create("ring", MFD_CLOEXEC);
	uint64_t position = 48;
	struct ring mapped;
	char byte = 'k';
	uint32_t len = 40;
	const void *record = "";
	size_t got = 0;

	(void)unused;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(2 * page + 2 * size)), 0);
	assert_int_equal(ring_map(&mapped, fd, size), 0);
	assert_int_equal(mapped.size, size);
	ring_sync(&mapped);
	assert_int_equal(ring_peek(&mapped, &record, &got), RING_EMPTY);

	/* The second page is the producer's, the data follows, and a page of the data again. */
	assert_int_equal(pwrite(fd, &position, 8, (off_t)page), 8);
	assert_int_equal(pwrite(fd, &len, 4, (off_t)(2 * page)), 4);
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)(2 * page + 8)), 1);
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)(2 * page + size + page - 1)), 1);
	ring_sync(&mapped);
	assert_int_equal(ring_peek(&mapped, &record, &got), RING_RECORD);
	assert_int_equal(got, 40);
	assert_int_equal(*(const char *)record, 'k');
	assert_int_equal(mapped.data[size + page - 1], 'k');

	/* The first page is ours to write. */
	ring_next(&mapped, got);
	ring_release(&mapped);
	assert_int_equal(pread(fd, &position, 8, 0), 8);
	assert_int_equal(position, 48);
	ring_unmap(&mapped);
	close(fd);
}

static void what_cannot_be_mapped_is_an_error(void **unused)
{
	struct ring never = { 0 };

	(void)unused;
	assert_int_equal(ring_map(&never, -1, SIZE), -EBADF);
	assert_null(never.consumer);
	ring_unmap(&never);
}

int main(void)
{
#define WITH_RING(test) cmocka_unit_test_setup_teardown(test, open_ring, close_ring)
	static const struct CMUnitTest tests[] = {
		WITH_RING(an_empty_ring_shows_nothing),
		WITH_RING(records_come_in_order_up_to_the_last_sync),
		WITH_RING(a_record_stays_until_it_is_stepped_over),
		WITH_RING(every_length_is_rounded_up_to_words),
		WITH_RING(a_record_being_written_hides_what_is_behind_it),
		WITH_RING(discarded_records_are_skipped),
		WITH_RING(room_goes_back_to_the_kernel_only_when_released),
		WITH_RING(records_are_whole_across_the_end_of_the_data),
		WITH_RING(positions_grow_beyond_32_bits),
		WITH_RING(many_random_records_arrive_in_order),
		cmocka_unit_test(the_kernels_layout_is_mapped),
		cmocka_unit_test(what_cannot_be_mapped_is_an_error),
	};

	return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
