// SPDX-License-Identifier: GPL-2.0-only
/* The last look at all sockets comes out as it went in, and only that one. */
#include "look_keep.h"
#include "unit.h"

static struct {
	uint64_t words[64][32];
	size_t len[64];
	unsigned int n;
} got;

static int on_record(void *ctx, const void *bytes, size_t len)
{
	(void)ctx;
	assert_true(got.n < COUNT(got.len) && len <= sizeof(got.words[0]));
	memcpy(got.words[got.n], bytes, len);
	got.len[got.n++] = len;
	return 0;
}

static void put(struct look_keep *k, const void *bytes, size_t len)
{
	struct record r;

	assert_int_equal(record_decode(bytes, len, &r), 0);
	look_keep_take(k, &r, bytes, len);
}

static void put_look(struct look_keep *k, uint64_t ts_ns, uint32_t covers)
{
	struct record_look look = { .head.kind = RECORD_LOOK, .ts_ns = ts_ns, .covers = covers };

	put(k, &look, sizeof(look));
}

static void put_row(struct look_keep *k, uint64_t id)
{
	struct record_socket row = {
		.head.kind = RECORD_SOCKET,
		.socket = { .id = id, .state = TCS_CLOSE_WAIT, .family = 4, .lport = 80 },
	};

	put(k, &row, sizeof(row));
}

static void put_end(struct look_keep *k, uint64_t ts_ns)
{
	struct record_look_end end = { .head.kind = RECORD_LOOK_END, .ts_ns = ts_ns };

	put(k, &end, sizeof(end));
}

/* The ids of the rows told, the look's time before and behind them. */
static void assert_told(struct look_keep *k, uint64_t ts_ns, unsigned int rows, uint64_t first_id)
{
	unsigned int i;

	got.n = 0;
	assert_int_equal(look_keep_tell(k, on_record, NULL), 0);
	assert_int_equal(got.n, rows + 2);
	assert_int_equal(((struct record_look *)got.words[0])->head.kind, RECORD_LOOK);
	assert_int_equal(((struct record_look *)got.words[0])->ts_ns, ts_ns);
	for (i = 0; i < rows; i++) {
		const struct record_socket *row = (const void *)got.words[i + 1];

		assert_int_equal(got.len[i + 1], sizeof(*row));
		assert_int_equal(row->head.kind, RECORD_SOCKET);
		assert_int_equal(row->socket.id, first_id + i);
		assert_int_equal(row->socket.lport, 80);
	}
	assert_int_equal(((struct record_look_end *)got.words[rows + 1])->head.kind,
			 RECORD_LOOK_END);
	assert_int_equal(((struct record_look_end *)got.words[rows + 1])->ts_ns, ts_ns + 5);
}

static void the_last_whole_look_is_told(void **unused)
{
	struct record_tick tick = { .head.kind = RECORD_SEEN, .ts_ns = 7 };
	struct look_keep *k;
	unsigned int i;

	(void)unused;
	assert_int_equal(look_keep_new(&k), 0);
	got.n = 0;
	assert_int_equal(look_keep_tell(k, on_record, NULL), 0);
	assert_int_equal(got.n, 0); /* none yet */

	put_row(k, 999); /* the beginning was missed */
	put_end(k, 3);
	assert_int_equal(look_keep_tell(k, on_record, NULL), 0);
	assert_int_equal(got.n, 0);

	put_look(k, 1000, AUDIT_COUNTERS | AUDIT_SOCKETS | AUDIT_LISTENERS);
	for (i = 0; i < 20; i++) {
		put_row(k, 500 + i);
		put(k, &tick, sizeof(tick)); /* not of the look */
	}
	put_end(k, 1005);
	assert_told(k, 1000, 20, 500);
	assert_told(k, 1000, 20, 500); /* as often as one likes */

	/* counters alone are none */
	put_look(k, 2000, AUDIT_COUNTERS | AUDIT_LISTENERS);
	put_row(k, 1);
	put_end(k, 2005);
	assert_told(k, 1000, 20, 500);

	/* nor is one that did not end */
	put_look(k, 3000, AUDIT_SOCKETS);
	put_row(k, 1);
	assert_told(k, 1000, 20, 500);

	put_look(k, 4000, AUDIT_SOCKETS);
	put_row(k, 700);
	put_end(k, 4005);
	assert_told(k, 4000, 1, 700);
	assert_int_equal(look_keep_left_out(k), 0);
	look_keep_free(k);
}

static void one_that_is_too_large_is_counted(void **unused)
{
	struct record_socket row = {
		.head.kind = RECORD_SOCKET,
		.socket = { .state = TCS_CLOSE_WAIT, .family = 4 },
	};
	struct look_keep *k;
	uint64_t seed = 1;
	unsigned int i, j;

	(void)unused;
	assert_int_equal(look_keep_new(&k), 0);
	put_look(k, 1000, AUDIT_SOCKETS);
	put_row(k, 42);
	put_end(k, 1005);
	put_look(k, 2000, AUDIT_SOCKETS);
	for (i = 0; i < LOOK_KEEP_MAX / 32; i++) {
		for (j = 0; j < 16; j++) {
			row.socket.laddr[j] = (uint8_t)random_next(&seed);
			row.socket.raddr[j] = (uint8_t)random_next(&seed);
		}
		row.socket.id = i;
		put(k, &row, sizeof(row));
	}
	put_end(k, 2005);
	assert_int_equal(look_keep_left_out(k), 1);
	assert_told(k, 1000, 1, 42); /* an older one is better than none */
	look_keep_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_whole_look_is_told),
		cmocka_unit_test(one_that_is_too_large_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
