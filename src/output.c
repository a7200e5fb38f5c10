// SPDX-License-Identifier: GPL-2.0-only
#include "output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

int output_init(struct output *o, int fd, int signal_fd)
{
	struct stat st;

	*o = (struct output){ .fd = fd, .signal_fd = signal_fd, .terminal = isatty(fd) };
	/* What can make a writer wait. Files and /dev/null take all at once. */
	o->in_pieces =
		fstat(fd, &st) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || o->terminal;
	return outbuf_init(&o->buf, OUTPUT_BYTES);
}

void output_release(struct output *o)
{
	outbuf_release(&o->buf);
}

/* Wait until a piece can be written; false: give up. */
static bool wait_for_room(struct output *o)
{
	struct pollfd fds[2] = {
		{ .fd = o->fd, .events = POLLOUT },
		{ .fd = o->signal_fd, .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			o->end = OUTPUT_FAILED;
			o->error_number = errno;
			return false;
		}
		if (fds[0].revents)
			return true; /* an error shows in the write */
		if (fds[1].revents) {
			o->end = OUTPUT_INTERRUPTED;
			return false;
		}
	}
}

void output_flush(struct output *o)
{
	size_t at = 0;

	while (at < o->buf.len && o->end == OUTPUT_OPEN) {
		size_t n = o->buf.len - at;
		ssize_t done;

		if (o->in_pieces) {
			if (!wait_for_room(o))
				break;
			if (n > PIPE_BUF)
				n = PIPE_BUF;
		}
		done = write(o->fd, o->buf.data + at, n);
		if (done >= 0) {
			at += (size_t)done;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			o->end = OUTPUT_CLOSED;
		} else if (errno != EINTR && errno != EAGAIN) {
			o->end = OUTPUT_FAILED;
			o->error_number = errno;
		}
	}
	o->buf.len = 0;
}

unsigned int output_columns(const struct output *o)
{
	struct winsize size;

	if (!o->terminal || ioctl(o->fd, TIOCGWINSZ, &size))
		return 0;
	return size.ws_col;
}
