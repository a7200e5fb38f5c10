// SPDX-License-Identifier: GPL-2.0-only
#include "errout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mono.h"
#include "stream.h"

#define NOTE_BYTES 100 /* reserved for the number of texts left out */

static struct {
	struct stream stream;
	bool is_open;
	size_t len;
	uint64_t left_out;
	uint64_t reported; /* of these */
	char queue[ERROUT_BYTES];
} errout;

void errout_open(void)
{
	if (errout.is_open)
		return;
	stream_init(&errout.stream, STDERR_FILENO);
	errout.is_open = true;
}

/* The number of bytes that are done with: written, or never to be. */
static size_t write_some(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = stream_write(&errout.stream, text + at, len - at);

		if (n == -EAGAIN)
			break;
		at = n > 0 ? at + (size_t)n : len;
	}
	return at;
}

static void queue_left_out(void)
{
	uint64_t n = errout.left_out - errout.reported;
	char note[NOTE_BYTES];
	int len;

	if (!n)
		return;
	len = snprintf(note, sizeof(note),
		       "tcpconnstate: %llu messages left out: standard error was not read\n",
		       (unsigned long long)n);
	memcpy(errout.queue + errout.len, note, (size_t)len);
	errout.len += (size_t)len;
	errout.reported = errout.left_out;
}

void errout_flush(void)
{
	size_t done;

	if (!errout.len)
		return;
	done = write_some(errout.queue, errout.len);
	errout.len -= done;
	memmove(errout.queue, errout.queue + done, errout.len);
	if (done && errout.len + NOTE_BYTES <= sizeof(errout.queue))
		queue_left_out();
}

static void put(const char *text, size_t len, bool is_kept)
{
	size_t done = 0;

	errout_open();
	errout_flush();
	if (!errout.len)
		done = write_some(text, len);
	if (done == len || (!done && !is_kept))
		return;
	if (errout.len + (len - done) + NOTE_BYTES > sizeof(errout.queue)) {
		errout.left_out++;
		return;
	}
	memcpy(errout.queue + errout.len, text + done, len - done);
	errout.len += len - done;
}

void errout_write(const char *text, size_t len)
{
	put(text, len, true);
}

void errout_write_now(const char *text, size_t len)
{
	put(text, len, false);
}

bool errout_is_waiting(void)
{
	return errout.len;
}

bool errout_wait(int signal_fd)
{
	errout_flush();
	while (errout.len) {
		if (stream_wait(&errout.stream, signal_fd, UINT64_MAX))
			return false;
		errout_flush();
	}
	return true;
}

void errout_finish(void)
{
	uint64_t until = mono_now_ns() + ERROUT_GRACE_MS * 1000000ull;

	errout_flush();
	while (errout.len && !stream_wait(&errout.stream, -1, until))
		errout_flush();
}

uint64_t errout_left_out(void)
{
	return errout.left_out;
}
