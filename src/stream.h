/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_STREAM_H
#define TCS_STREAM_H

/*
 * stream.h - writes that never wait: standard output, standard error, recordings into pipes
 *
 * A reader that stops, or a terminal stopped by Ctrl-S, must not stop the loop, and signals are
 * blocked (signalfd), so a write() that waits would end on SIGKILL only. O_NONBLOCK on an inherited
 * descriptor is no way out: the flag belongs to the file description, which the shell and other
 * processes share. So, by type of file:
 *
 *   pipe, FIFO, terminal   opened anew through /proc/self/fd: a file description of our own with
 *                          O_NONBLOCK; write() returns EAGAIN or takes a part
 *   socket, or where that  poll(), then at most PIPE_BUF bytes while an interval timer (SIGALRM)
 *   fails (no /proc, a     runs: pipe_write(), n_tty_write() and sock_alloc_send_pskb() sleep
 *   terminal of another    interruptibly, so a write that waits all the same ends after
 *   user)                  STREAM_TIMER_MS
 *   regular file, other    a plain write(). It may wait as long as its file system does (NFS, a
 *   devices                frozen or failing disk): such a sleep cannot be interrupted, and poll()
 *                          always reports room
 *
 * The end of the process waits for readers, too (stream_wait()), but after a signal only
 * STREAM_GRACE_MS for all streams together.
 *
 * Errors: -EAGAIN no room now, -EPIPE the reader has gone, other -errno. Nothing is allocated.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STREAM_GRACE_MS 400
#define STREAM_TIMER_MS 20

struct stream {
	int fd;
	bool is_own;	       /* to be closed */
	bool is_timed;	       /* a write is ended by a timer */
	bool is_plain;	       /* a regular file or the like */
	unsigned int refusals; /* since the last byte was taken */
};

/* fd stays the caller's. Cannot fail: the last resort is the timer. */
void stream_init(struct stream *s, int fd);
void stream_release(struct stream *s);

/* Bytes taken (at least 1 where n is not 0), or -errno. Waits as said above, and never else. */
ssize_t stream_write(struct stream *s, const void *bytes, size_t n);

/*
 * Wait until there is room: 0. -EINTR: signal_fd (-1: none) has been readable for STREAM_GRACE_MS.
 * -ETIMEDOUT: it is later than until_ns (mono.h; UINT64_MAX never). Or -errno of poll().
 */
int stream_wait(const struct stream *s, int signal_fd, uint64_t until_ns);

#endif /* TCS_STREAM_H */
