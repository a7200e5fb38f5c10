// SPDX-License-Identifier: GPL-2.0-only
/* test_stream.c - writes that never wait, for each kind of reader that takes nothing */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "capture.h"
#include "output.h"
#include "unit.h"

static char block[1 << 16];

/* What is taken before the first refusal; a write that waits would end in SIGALRM's default. */
static size_t fill(struct stream *s)
{
	size_t taken = 0;
	ssize_t n;

	while ((n = stream_write(s, block, sizeof(block))) > 0)
		taken += (size_t)n;
	assert_int_equal(n, -EAGAIN);
	return taken;
}

static bool blocks(int fd)
{
	return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static void test_pipe(void **state)
{
	struct stream s;
	char buf[4096];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	stream_init(&s, fds[1]);
	assert_true(s.is_own);
	assert_true(fill(&s) >= 4096);
	/* the flag is on our file description only */
	assert_true(blocks(fds[1]));
	assert_int_equal(read(fds[0], buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(stream_wait(&s, -1, UINT64_MAX), 0);
	assert_true(stream_write(&s, block, 100) > 0);
	close(fds[0]);
	assert_int_equal(stream_write(&s, block, 100), -EPIPE);
	stream_release(&s);
	close(fds[1]);
}

static void test_socket_by_timer(void **state)
{
	struct stream s;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	stream_init(&s, fds[1]);
	assert_true(s.is_timed);
	assert_true(fill(&s) >= 4096);
	assert_true(blocks(fds[1]));
	close(fds[0]);
	assert_int_equal(stream_write(&s, block, 100), -EPIPE);
	stream_release(&s);
	close(fds[1]);
}

/* A terminal of another user cannot be opened anew: the timer ends a write() that waits. */
static void test_timer_ends_a_write_that_waits(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), fds[2];
	struct stream s;

	(void)state;
	if (master < 0 || grantpt(master) || unlockpt(master))
		skip();
	/* (the handler of SIGALRM) */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	stream_init(&s, fds[1]);
	stream_release(&s);
	s = (struct stream){ .fd = open(ptsname(master), O_RDWR | O_NOCTTY), .is_timed = true };
	assert_true(s.fd >= 0);
	assert_true(fill(&s) > 0);
	close(s.fd);
	close(master);
	close(fds[0]);
	close(fds[1]);
}

static void test_terminal_stopped(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	struct stream s;

	(void)state;
	if (master < 0 || grantpt(master) || unlockpt(master))
		skip();
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	/* What Ctrl-S does. */
	assert_int_equal(tcflow(slave, TCOOFF), 0);
	stream_init(&s, slave);
	assert_int_equal(stream_write(&s, "x\n", 2), -EAGAIN);
	assert_int_equal(stream_wait(&s, -1, 1), -ETIMEDOUT);
	assert_int_equal(tcflow(slave, TCOON), 0);
	assert_int_equal(stream_write(&s, "x\n", 2), 2);
	/* and one whose other side is not read */
	assert_true(fill(&s) > 0);
	assert_true(blocks(slave));
	stream_release(&s);
	close(slave);
	close(master);
}

static void test_regular_file(void **state)
{
	FILE *f = tmpfile();
	struct stream s;

	(void)state;
	assert_non_null(f);
	stream_init(&s, fileno(f));
	assert_true(s.is_plain);
	assert_int_equal(stream_write(&s, block, sizeof(block)), sizeof(block));
	stream_release(&s);
	fclose(f);
}

/* A live run keeps what is not taken; what waits ends on a signal, and says what is missing. */
static void test_output(void **state)
{
	struct output o;
	int fds[2], signals[2];
	size_t kept;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pipe(signals), 0);
	assert_int_equal(output_init(&o, fds[1], signals[0]), 0);
	o.waits = false;
	while (!o.is_stalled) {
		outbuf_put(&o.buf, block, 1000);
		output_flush(&o);
	}
	kept = o.buf.len;
	assert_int_equal(o.end, OUTPUT_OPEN);
	output_flush(&o);
	assert_int_equal(o.buf.len, kept);
	assert_int_equal(write(signals[1], "x", 1), 1);
	o.waits = true;
	output_flush(&o);
	assert_int_equal(o.end, OUTPUT_INTERRUPTED);
	assert_int_equal(o.dropped_bytes, kept);
	assert_int_equal(o.buf.len, 0);
	output_release(&o);
}

static uint64_t noise = 1;

/* A chunk's worth of records that do not compress. */
static void put_records(struct capture_writer *w)
{
	uint64_t record[512];
	size_t i, n;

	for (n = 0; n < 32; n++) {
		for (i = 0; i < 512; i++) {
			noise = noise * 6364136223846793005u + 1442695040888963407u;
			record[i] = noise;
		}
		*(uint8_t *)record = 200; /* of a kind that this version does not know */
		capture_put(w, record, sizeof(record));
	}
}

/* The queue of a recording: bounded, a chunk whole or not at all, and what is read is a capture. */
static void test_capture_queue(void **state)
{
	struct capture_writer_config config = { .path = "-", .signal_fd = -1 };
	int fds[2], out = dup(STDOUT_FILENO), file;
	struct capture_reader *r;
	struct capture_writer *w;
	struct failure why;
	uint64_t put = 0, got = 0, left_out;
	const void *record;
	char path[] = "/dev/shm/test_stream_XXXXXX";
	size_t len;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDOUT_FILENO);
	close(fds[1]);
	assert_int_equal(capture_writer_new(&config, &w, &why), 0);
	while (!capture_left_out(w)) {
		put_records(w);
		put += 32;
		assert_int_equal(capture_sync(w), 0);
		assert_true(put < 1000000);
	}
	assert_true(capture_is_behind(w));
	left_out = capture_left_out(w);
	file = mkstemp(path);
	unlink(path);
	pid = fork();
	if (!pid) {
		ssize_t n;

		/* The writer's own file description is one of these. */
		for (int fd = STDOUT_FILENO; fd < 64; fd++)
			if (fd != fds[0] && fd != file)
				close(fd);
		while ((n = read(fds[0], block, sizeof(block))) > 0)
			if (write(file, block, (size_t)n) != n)
				_exit(1);
		_exit(0);
	}
	assert_int_equal(capture_finish(w), 0);
	capture_writer_free(w);
	dup2(out, STDOUT_FILENO);
	close(out);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	lseek(file, 0, SEEK_SET);
	assert_int_equal(capture_reader_new(file, -1, &r), 0);
	while (!capture_next(r, &record, &len))
		got++;
	assert_int_equal(got, put - left_out);
	capture_reader_free(r);
	close(file);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_socket_by_timer),
		cmocka_unit_test(test_timer_ends_a_write_that_waits),
		cmocka_unit_test(test_terminal_stopped),
		cmocka_unit_test(test_regular_file),
		cmocka_unit_test(test_capture_queue),
		cmocka_unit_test(test_output), /* last: streams have given up behind it */
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
