// SPDX-License-Identifier: GPL-2.0-only
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20) /* what a user may ask for: /proc/sys/fs/pipe-max-size */

int output_init(struct output *o, int fd, int signal_fd)
{
	*o = (struct output){ .signal_fd = signal_fd, .waits = true, .terminal = isatty(fd) };
	stream_init(&o->stream, fd);
	if (o->stream.is_own && !o->terminal)
		(void)fcntl(o->stream.fd, F_SETPIPE_SZ, PIPE_BYTES);
	return outbuf_init(&o->buf, OUTPUT_BYTES);
}

void output_release(struct output *o)
{
	if (o->buf.data)
		stream_release(&o->stream);
	outbuf_release(&o->buf);
}

static void end_with(struct output *o, int err)
{
	if (err == -EPIPE || err == -ECONNRESET) {
		o->end = OUTPUT_CLOSED;
	} else if (err == -EINTR) {
		o->end = OUTPUT_INTERRUPTED;
	} else if (err) {
		o->end = OUTPUT_FAILED;
		o->error_number = -err;
	}
}

void output_flush(struct output *o)
{
	size_t at = 0;

	while (at < o->buf.len && o->end == OUTPUT_OPEN) {
		ssize_t n = stream_write(&o->stream, o->buf.data + at, o->buf.len - at);

		if (n >= 0)
			at += (size_t)n;
		else if (n != -EAGAIN)
			end_with(o, (int)n);
		else if (o->waits)
			end_with(o, stream_wait(&o->stream, o->signal_fd, UINT64_MAX));
		else
			break;
	}
	if (o->end != OUTPUT_OPEN) {
		o->dropped_bytes += o->buf.len - at;
		at = o->buf.len;
	}
	o->buf.len -= at;
	if (o->buf.len && at)
		memmove(o->buf.data, o->buf.data + at, o->buf.len);
	o->is_stalled = o->buf.len;
}

unsigned int output_columns_of(int fd)
{
	struct winsize size;

	return isatty(fd) && !ioctl(fd, TIOCGWINSZ, &size) ? size.ws_col : 0;
}

unsigned int output_columns(const struct output *o)
{
	return o->terminal ? output_columns_of(o->stream.fd) : 0;
}
