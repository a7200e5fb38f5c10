// SPDX-License-Identifier: GPL-2.0-only
/*
 * flood_crowd.c - an unprivileged user who fills the tables of the program that watches the host
 *
 *   unshare -Urn flood crowd what=KIND n=N
 *
 *   what=self     N connections of a socket to itself, each at another local address, again and
 *                 again: no listener has a handshake there
 *   what=listen   N idle listeners
 *   what=stuck    N listeners with listen(0), of which none accepts, and clients for each
 *   what=scan     SYNs from N addresses to closed ports, again and again
 *
 * In a namespace of its own, over loopback, where every address of 127.0.0.0/8 is ours. Prints one
 * line when the table is full, and stays until its standard input ends.
 *
 * Bounds: N sockets at a time, and as many processes as their descriptors need.
 */
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#include "flood.h"

#define CROWD_PORT  9000
#define CLIENTS_MAX 3

static struct sockaddr_in crowd_address(uint32_t i, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

	in.sin_addr.s_addr = htonl(0x7f010000 + i);
	return in;
}

static int crowd_socket(const struct sockaddr_in *at)
{
	struct linger reset = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (at && bind(fd, (const struct sockaddr *)at, sizeof(*at)))
		die("bind");
	return fd;
}

static void crowd_connect(int fd, const struct sockaddr_in *to)
{
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) && errno != EINPROGRESS &&
	    errno != ECONNREFUSED)
		die("connect");
}

/* A socket that connects to itself: SYN_SENT, SYN_RECV, ESTABLISHED, without a listener. */
static void crowd_self(uint32_t i)
{
	struct sockaddr_in at = crowd_address(i, CROWD_PORT);
	int fd = crowd_socket(&at);

	crowd_connect(fd, &at);
	close(fd);
}

static void crowd_scan(uint32_t i)
{
	struct sockaddr_in from = crowd_address(i, 0), to = crowd_address(0, 0);
	int fd = crowd_socket(&from);

	to.sin_port = htons((uint16_t)(10000 + dice() % 20000));
	crowd_connect(fd, &to);
	close(fd);
}

static void crowd_listen(uint32_t i, int backlog)
{
	struct sockaddr_in at = crowd_address(i, CROWD_PORT);
	int fd = crowd_socket(&at);

	if (listen(fd, backlog))
		die("listen");
}

/* More clients than listen(0) has room for, which come again while nothing is accepted. */
static void crowd_stuck(uint32_t i)
{
	struct sockaddr_in at = crowd_address(i, CROWD_PORT);

	crowd_listen(i, 0);
	for (int k = 0; k < CLIENTS_MAX; k++)
		crowd_connect(crowd_socket(NULL), &at);
}

static void crowd_loopback(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo))
		die("cannot raise loopback");
	close(fd);
}

static void crowd_some(const char *what, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		if (!strcmp(what, "listen"))
			crowd_listen(i, 1);
		else if (!strcmp(what, "stuck"))
			crowd_stuck(i);
		else if (!strcmp(what, "scan"))
			crowd_scan(i);
		else
			crowd_self(i);
	}
}

/* Each process has as many as its descriptors allow. */
static void crowd_hold(const char *what, uint32_t n)
{
	struct rlimit files;
	uint32_t each, i, sockets = strcmp(what, "stuck") ? 1 : 1 + CLIENTS_MAX;
	int ready[2];
	char byte;

	files_max();
	getrlimit(RLIMIT_NOFILE, &files);
	each = (uint32_t)(files.rlim_cur - 64) / sockets;
	if (pipe(ready))
		die("pipe");
	for (i = 0; i < n; i += each) {
		if (fork())
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		crowd_some(what, i, i + each < n ? i + each : n);
		if (write(ready[1], "", 1) != 1)
			die("pipe");
		for (;;)
			pause();
	}
	for (i = 0; i < n; i += each)
		if (read(ready[0], &byte, 1) != 1)
			die("pipe");
}

void crowd_role(const struct words *w)
{
	const char *what = words_text(w, "what", "self");
	uint32_t n = words_number(w, "n", 20000, 1000000);
	bool hold = !strcmp(what, "listen") || !strcmp(what, "stuck");

	words_only(w, " what n seed ");
	crowd_loopback();
	signal(SIGCHLD, SIG_IGN); /* children end with us (PR_SET_PDEATHSIG) */
	if (hold)
		crowd_hold(what, n);
	else
		crowd_some(what, 0, n);
	printf("{\"type\":\"ready\",\"at_ms\":%.3f}\n", wall_ms());
	fflush(stdout);
	while (!told_to_stop(hold ? 1000 : 200))
		if (!hold)
			crowd_some(what, 0, n);
}
