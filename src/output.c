// SPDX-License-Identifier: GPL-2.0-only
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mono.h"

#define PIPE_BYTES (1 << 20) /* what a user may ask for: /proc/sys/fs/pipe-max-size */

/* Another way to the same pipe, with flags of its own; -1 if there is none. */
static int reopen_pipe(int fd)
{
	char path[32];
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (own >= 0)
		(void)fcntl(own, F_SETPIPE_SZ, PIPE_BYTES);
	return own;
}

int output_init(struct output *o, int fd, int signal_fd)
{
	struct stat st = { 0 };
	bool known = !fstat(fd, &st);
	int own = S_ISFIFO(st.st_mode) ? reopen_pipe(fd) : -1;

	*o = (struct output){ .fd = own >= 0 ? own : fd,
			      .signal_fd = signal_fd,
			      .reopened = own >= 0,
			      .terminal = isatty(fd) };
	/* What else can make a writer wait. Files and /dev/null take all at once. */
	o->in_pieces =
		own < 0 && (!known || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || o->terminal);
	return outbuf_init(&o->buf, OUTPUT_BYTES);
}

void output_release(struct output *o)
{
	if (o->reopened)
		close(o->fd);
	outbuf_release(&o->buf);
}

/*
 * Wait until a piece can be written; false: give up. When: *give_up_ns, once a signal waits (0: not
 * yet).
 */
static bool wait_for_room(struct output *o, uint64_t *give_up_ns)
{
	struct pollfd fds[2] = {
		{ .fd = o->fd, .events = POLLOUT },
		{ .fd = *give_up_ns ? -1 : o->signal_fd, .events = POLLIN },
	};
	int left_ms = -1;

	for (;;) {
		if (*give_up_ns) {
			uint64_t now = mono_now_ns();

			left_ms = now < *give_up_ns ? (int)((*give_up_ns - now) / 1000000) : 0;
		}
		if (poll(fds, 2, left_ms) < 0) {
			if (errno == EINTR)
				continue;
			o->end = OUTPUT_FAILED;
			o->error_number = errno;
			return false;
		}
		if (fds[0].revents)
			return true; /* an error shows in the write */
		if (*give_up_ns) {
			o->end = OUTPUT_INTERRUPTED;
			return false;
		}
		*give_up_ns = mono_now_ns() + OUTPUT_GRACE_MS * 1000000ull;
		fds[1].fd = -1;
	}
}

void output_flush(struct output *o)
{
	uint64_t give_up_ns = 0;
	size_t at = 0;

	while (at < o->buf.len && o->end == OUTPUT_OPEN) {
		size_t n = o->buf.len - at;
		ssize_t done;

		if (o->in_pieces && !wait_for_room(o, &give_up_ns))
			break;
		if (o->in_pieces && n > PIPE_BUF)
			n = PIPE_BUF;
		done = write(o->fd, o->buf.data + at, n);
		if (done >= 0) {
			at += (size_t)done;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			o->end = OUTPUT_CLOSED;
		} else if (errno == EAGAIN) {
			wait_for_room(o, &give_up_ns);
		} else if (errno != EINTR) {
			o->end = OUTPUT_FAILED;
			o->error_number = errno;
		}
	}
	o->buf.len = 0;
}

unsigned int output_columns_of(int fd)
{
	struct winsize size;

	return isatty(fd) && !ioctl(fd, TIOCGWINSZ, &size) ? size.ws_col : 0;
}

unsigned int output_columns(const struct output *o)
{
	return o->terminal ? output_columns_of(o->fd) : 0;
}
