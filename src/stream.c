// SPDX-License-Identifier: GPL-2.0-only
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "mono.h"

#define REFUSED_NAP_MS 5

/* When all streams give up, once a signal has been seen; 0: none has. A process ends once. */
static uint64_t give_up_ns;

static int reopen(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

static void on_alarm(int sig)
{
	(void)sig; /* it has interrupted a write(): no more is wanted */
}

static void set_timer(unsigned int ms)
{
	const struct timeval every = { .tv_usec = (suseconds_t)ms * 1000 };
	const struct itimerval timer = { .it_interval = every, .it_value = every };

	setitimer(ITIMER_REAL, &timer, NULL);
}

static void catch_alarm(void)
{
	const struct sigaction action = { .sa_handler = on_alarm }; /* without SA_RESTART */
	sigset_t set;

	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void stream_init(struct stream *s, int fd)
{
	struct stat st;
	bool is_known = !fstat(fd, &st), is_terminal = isatty(fd);
	bool is_pipe = is_known && S_ISFIFO(st.st_mode);
	int own = is_pipe || is_terminal ? reopen(fd) : -1;

	*s = (struct stream){ .fd = own >= 0 ? own : fd, .is_own = own >= 0 };
	if (s->is_own)
		return;
	s->is_timed = !is_known || is_pipe || is_terminal || S_ISSOCK(st.st_mode);
	s->is_plain = !s->is_timed;
	if (s->is_timed)
		catch_alarm();
}

void stream_release(struct stream *s)
{
	if (s->is_own)
		close(s->fd);
	*s = (struct stream){ .fd = -1 };
}

static ssize_t write_timed(int fd, const void *bytes, size_t n)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	ssize_t done;
	int err;

	if (poll(&room, 1, 0) <= 0)
		return -EAGAIN;
	/* It repeats: the first may come before write() sleeps. */
	set_timer(STREAM_TIMER_MS);
	done = write(fd, bytes, n < PIPE_BUF ? n : PIPE_BUF);
	err = errno;
	set_timer(0);
	if (done >= 0)
		return done;
	return err == EINTR ? -EAGAIN : -err;
}

ssize_t stream_write(struct stream *s, const void *bytes, size_t n)
{
	ssize_t done;

	if (s->is_timed) {
		done = write_timed(s->fd, bytes, n);
	} else {
		do {
			done = write(s->fd, bytes, n);
		} while (done < 0 && errno == EINTR);
		if (done < 0)
			done = -errno;
	}
	if (done == -EAGAIN)
		s->refusals++;
	else
		s->refusals = 0;
	return done;
}

/* Of a poll() until then; -1 without end. */
static int left_ms(uint64_t until_ns)
{
	uint64_t now = mono_now_ns(), ms;

	if (until_ns == UINT64_MAX)
		return -1;
	if (until_ns <= now)
		return 0;
	ms = (until_ns - now) / 1000000 + 1;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

int stream_wait(const struct stream *s, int signal_fd, uint64_t until_ns)
{
	for (;;) {
		uint64_t until = give_up_ns && give_up_ns < until_ns ? give_up_ns : until_ns;
		struct pollfd fds[2] = {
			{ .fd = s->fd, .events = POLLOUT },
			{ .fd = give_up_ns ? -1 : signal_fd, .events = POLLIN },
		};
		int ms = left_ms(until);

		/* A terminal with room for one byte is writable and refuses a newline. */
		if (s->refusals > 1)
			(void)poll(NULL, 0, REFUSED_NAP_MS);
		if (poll(fds, 2, ms) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents) {
			give_up_ns = mono_now_ns() + STREAM_GRACE_MS * 1000000ull;
			continue;
		}
		if (mono_now_ns() >= until)
			return until == give_up_ns ? -EINTR : -ETIMEDOUT;
		if (fds[0].revents)
			return 0; /* an error shows in the write */
	}
}
