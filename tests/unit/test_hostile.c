// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_hostile.c - recordings made to be slow: the time is linear in their size, and signals end it
 *
 * Each generator writes a file of n pieces. Twice the pieces may take at most RATIO_MAX times the
 * CPU time (twice is linear, four times quadratic); where the work that a file may ask for is
 * bounded by its size, the sentence about what was skipped must be there.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "capture.h"
#include "cmd.h"
#include "opts.h"
#include "record.h"
#include "unit.h"

#define RATIO_MAX 3.0
#define RUNS	  3
#define RUNS_MAX  9
#define NETNS	  4026531840u

static char path[] = "/dev/shm/test_hostile_XXXXXX";
static struct capture_writer *writer;

/* ---- generators ------------------------------------------------------------------------------ */

static void put(const void *record, size_t len)
{
	capture_put(writer, record, len);
}

static void begin(void)
{
	struct capture_writer_config config = { .path = path, .signal_fd = -1 };
	struct record_meta meta = {
		.head.kind = RECORD_META, .ts_ns = 1000, .n_hooks = 1, .by = AUDIT_BY_COMM
	};
	struct failure why;

	/* (a file that is there already may be refused) */
	unlink(path);
	assert_int_equal(capture_writer_new(&config, &writer, &why), 0);
	put(&meta, sizeof(meta));
}

static void finish(void)
{
	struct record_tick last = { .head.kind = RECORD_END, .ts_ns = 9000000000 };

	put(&last, sizeof(last));
	assert_int_equal(capture_finish(writer), 0);
	capture_writer_free(writer);
}

static void put_look(uint64_t ts_ns, uint32_t covers)
{
	struct record_look look = { .head.kind = RECORD_LOOK, .ts_ns = ts_ns, .covers = covers };

	put(&look, sizeof(look));
}

static void put_look_end(void)
{
	struct record_look_end look_end = { .head.kind = RECORD_LOOK_END };

	put(&look_end, sizeof(look_end));
}

static void put_netns(uint32_t netns)
{
	struct record_netns row = { .head.kind = RECORD_NETNS, .netns.netns = netns };

	put(&row, sizeof(row));
}

static void put_whole_look(unsigned int n)
{
	struct record_group group = { .head.kind = RECORD_GROUP, .group.netns = NETNS };
	unsigned int i;

	put_look(1000000000, AUDIT_COUNTERS | AUDIT_SOCKETS);
	put_netns(NETNS);
	for (i = 0; i < n; i++) {
		snprintf(group.group.comm, sizeof(group.group.comm), "%u", i);
		group.group.states[TCS_ESTABLISHED] = 1;
		put(&group, sizeof(group));
	}
	put_look_end();
}

static void many_looks(unsigned int n)
{
	unsigned int i;

	put_whole_look(5000);
	for (i = 0; i < n; i++) {
		put_look(2000000000 + i * UINT64_C(1000000), AUDIT_COUNTERS);
		put_look_end();
	}
}

static void many_ticks(unsigned int n)
{
	struct record_tick tick = { .head.kind = RECORD_TICK };
	unsigned int i;

	put_whole_look(5000);
	for (i = 0; i < n; i++) {
		tick.ts_ns = tick.seen_ns = 2000000000 + i * UINT64_C(1000000);
		put(&tick, sizeof(tick));
	}
}

static void many_holders(unsigned int n)
{
	struct record_holder holder = { .head.kind = RECORD_HOLDER };
	unsigned int i;

	put_look(1000000000, AUDIT_COUNTERS | AUDIT_SOCKETS);
	for (i = 0; i < 20000; i++)
		put_netns(i);
	for (i = 0; i < n; i++) {
		holder.holder.pid = i;
		put(&holder, sizeof(holder));
	}
	put_look_end();
}

/* Looks without rows after one with many. */
static void looks_after_a_large_one(unsigned int n)
{
	unsigned int i;

	put_look(1000000000, AUDIT_COUNTERS);
	for (i = 0; i < n; i++)
		put_netns(i);
	for (i = 0; i < n; i++)
		put_look(2000000000 + i, AUDIT_COUNTERS);
}

static void put_state(uint64_t id, uint16_t lport)
{
	struct {
		struct tcs_wire_state s;
		struct tcs_wire_facts f;
		struct tcs_wire_cookies c;
	} full = {
		.s = { .kind = TCS_WIRE_STATE,
		       .old_state = TCS_ESTABLISHED,
		       .new_state = TCS_CLOSE_WAIT,
		       .flags = TCS_F_HAS_FACTS | TCS_F_HAS_COOKIES,
		       .ts_ns = 2000,
		       .id = id,
		       .lport = lport,
		       .seq = 1 },
		.f = { .netns = NETNS, .rport = 443, .family = 4 },
	};

	put(&full, sizeof(full));
}

/* A row of the scan before each event that asks for one. */
static void older_between_events(unsigned int n)
{
	struct record_older row = { .head.kind = RECORD_OLDER };
	unsigned int i;

	row.socket = (struct tcs_wire_scan){ .pid = 1, .netns = NETNS, .state = TCS_ESTABLISHED };
	for (i = 0; i < n; i++) {
		row.socket.id = n - i; /* unsorted */
		put(&row, sizeof(row));
		put_state(1000000 + i, 80);
	}
}

static uint64_t undo_shift(uint64_t x, unsigned int bits)
{
	uint64_t y = x;
	unsigned int i;

	for (i = bits; i < 64; i += bits)
		y = x ^ y >> bits;
	return y;
}

static uint64_t inverse(uint64_t odd)
{
	uint64_t x = odd;
	unsigned int i;

	for (i = 0; i < 6; i++)
		x *= 2 - odd * x;
	return x;
}

/* hash_mix() of these ends in 40 zeros: one place of a table without a number of its own. */
static uint64_t meeting_id(uint64_t i)
{
	uint64_t x = undo_shift((i + 1) << 40, 31) * inverse(0x94d049bb133111ebull);

	return undo_shift(undo_shift(x, 27) * inverse(0xbf58476d1ce4e5b9ull), 30);
}

static void ids_that_meet(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		put_state(meeting_id(i), 80);
}

/* ---- what a replay takes --------------------------------------------------------------------- */

struct run {
	int status;
	double cpu_s;
	long kb;
	char err[1024];
};

static void child(int err)
{
	const char *argv[] = { "tcpconnstate", "replay", "--json", path };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct opts_error error;
	struct opts opts;

	dup2(null, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	if (opts_parse(4, (char **)argv, &opts, &error) || opts_resolve(&opts, &error))
		_exit(99);
	_exit(cmd_replay(&opts));
}

/* signal: sent at once; 0 none. */
static struct run replay(int sig)
{
	int err = memfd_create("err", MFD_CLOEXEC), status;
	struct run run = { .status = -1 };
	struct rusage usage;
	pid_t pid = fork();

	if (!pid)
		child(err);
	if (sig) {
		usleep(200000);
		kill(pid, sig);
	}
	assert_int_equal(wait4(pid, &status, 0, &usage), pid);
	run.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	run.cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	run.kb = usage.ru_maxrss;
	assert_true(pread(err, run.err, sizeof(run.err) - 1, 0) >= 0);
	close(err);
	return run;
}

/* The CPU time of a replay of n pieces, where it is less than that of the replays before. */
static void take_cpu(void (*generate)(unsigned int n), unsigned int n, double *least)
{
	struct run run;

	begin();
	generate(n);
	finish();
	run = replay(0);
	assert_int_equal(run.status, 0);
	if (run.cpu_s < *least)
		*least = run.cpu_s;
}

/* Less than 0.05 s is the noise of the clock. */
static bool is_linear(double none, double once, double twice)
{
	return twice - none < 0.05 || twice - none < RATIO_MAX * (once - none);
}

/*
 * In turns, so that other load on the machine slows all three; the least of RUNS rounds counts,
 * and of more where that is not enough: work that is not linear is not in any of them.
 */
static void assert_linear(void (*generate)(unsigned int n), unsigned int n)
{
	double none = 1e9, once = 1e9, twice = 1e9;
	int i;

	for (i = 0; i < RUNS || (i < RUNS_MAX && !is_linear(none, once, twice)); i++) {
		take_cpu(generate, 0, &none);
		take_cpu(generate, n, &once);
		take_cpu(generate, 2 * n, &twice);
	}
	print_message("%u pieces: %.3f s, twice as many: %.3f s\n", n, once - none, twice - none);
	assert_true(is_linear(none, once, twice));
}

static void test_linear(void **state)
{
	(void)state;
	assert_linear(older_between_events, 20000);
	assert_linear(ids_that_meet, 30000);
	assert_linear(looks_after_a_large_one, 20000);
}

static void test_work_is_bounded_by_size(void **state)
{
	static void (*const generators[])(unsigned int n) = { many_looks, many_ticks,
							      many_holders };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(generators); i++) {
		struct run run;

		begin();
		generators[i](20000);
		finish();
		run = replay(0);
		print_message("%.3f s, %ld KB: %s", run.cpu_s, run.kb, run.err);
		assert_int_equal(run.status, 0);
		assert_non_null(strstr(run.err, "were skipped: the file asks for more work"));
#ifndef __SANITIZE_ADDRESS__ /* which keeps what is freed, and more beside it */
		assert_true(run.kb < 128 * 1024);
#endif
	}
}

static void test_signal_ends_it(void **state)
{
	struct run run;

	(void)state;
	begin();
	many_ticks(60000);
	finish();
	run = replay(SIGTERM);
	assert_int_equal(run.status, 0);
	assert_true(run.cpu_s < 1.2);
}

/* A chunk of records that repeat, compressed as gzip can and a recorder does not. */
static void test_expansion(void **state)
{
	static uint8_t plain[200000] = { 'T', 'C', 'S', 'C', 'A', 'P', 2, 2, 0xff };
	static uint8_t packed[20000];
	z_stream z = { .next_in = plain, .next_out = packed };
	struct run run;
	int fd;

	(void)state;
	z.avail_in = sizeof(plain);
	z.avail_out = sizeof(packed);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, packed, z.total_out), z.total_out);
	close(fd);
	deflateEnd(&z);
	run = replay(0);
	assert_int_equal(run.status, 1);
	assert_non_null(strstr(run.err, "expands more than anything that was ever written"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linear),
		cmocka_unit_test(test_work_is_bounded_by_size),
		cmocka_unit_test(test_signal_ends_it),
		cmocka_unit_test(test_expansion),
	};
	int failed, fd = mkstemp(path);

	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
