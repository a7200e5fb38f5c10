/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hold_ports.h - words of hold.c about local ports
 *
 *   bound=N       bind() to 127.0.0.1 without a port, then connect(), each to another address
 *   bound_tw=N    the same, and the client closed first
 *   bound_only=N  the same bind(), nothing else
 *   own_range=N   for own=, own_lost=: IP_LOCAL_PORT_RANGE is 40000 to 40000 + N - 1
 *   own=N         connections from there, as established=
 *   reserved=N    bind() to port 1023, 1022, ..., then connect(), each to another address
 *   in_range=N    listeners at all addresses, from port 40000
 *   nfs_tw=N      from port 700 to port 2049 of N addresses, and the client closed first
 *   far_tw=N      server_tw=, but the clients have ports from 2000 on, and the server's is 40000
 *   lost=N        connect() that finds no local port
 *   own_lost=N    the same in the range of its own
 *   stop=1        the listeners are closed
 *
 * The destinations are 127.1.0.0/16, port 8003.
 */
#ifndef HOLD_PORTS_H
#define HOLD_PORTS_H

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

static int wide_listener = -1;
static unsigned int own_range;

static int socket_at(in_addr_t addr, unsigned int at)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(addr),
				  .sin_port = htons((uint16_t)at) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || (at && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one))) ||
	    bind(fd, (struct sockaddr *)&in, sizeof(in)))
		die("bind");
	return fd;
}

static int wide_at(unsigned int at)
{
	int fd = socket_at(INADDR_ANY, at);

	if (listen(fd, 65535))
		die("listen");
	return fd;
}

/* Both ends of a connection from fd to the n-th address. */
static int reach(int fd, int lfd, unsigned int n, unsigned int at)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(0x7f010000 + n + 1),
				  .sin_port = htons((uint16_t)at) };
	int server;

	if (connect(fd, (struct sockaddr *)&in, sizeof(in)))
		die("connect");
	server = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
	if (server < 0)
		die("accept");
	return server;
}

static void end(int first, int second)
{
	close(first);
	wait_eof(second);
	close(second);
}

static void bound_to(unsigned int n, bool closed)
{
	static unsigned int at;
	int fd, server;

	if (wide_listener < 0)
		wide_listener = wide_at(port + 3);
	while (n--) {
		fd = socket_at(INADDR_LOOPBACK, 0);
		server = reach(fd, wide_listener, at++, port + 3);
		if (closed)
			end(fd, server);
	}
}

static void reserved(unsigned int n)
{
	unsigned int i;

	if (wide_listener < 0)
		wide_listener = wide_at(port + 3);
	for (i = 0; i < n; i++)
		reach(socket_at(INADDR_LOOPBACK, 1023 - i), wide_listener, i, port + 3);
}

static void nfs_tw(unsigned int n)
{
	int fd, lfd = wide_at(2049);
	unsigned int i;

	for (i = 0; i < n; i++) {
		fd = socket_at(INADDR_LOOPBACK, 700);
		end(fd, reach(fd, lfd, i, 2049));
	}
	close(lfd);
}

static void far_tw(unsigned int n)
{
	int fd, lfd = wide_at(40000);
	unsigned int i;

	for (i = 0; i < n; i++) {
		fd = socket_at(INADDR_LOOPBACK + 1, 2000 + i);
		end(reach(fd, lfd, 0, 40000), fd);
	}
	close(lfd);
}

static int try_connect(bool own)
{
	unsigned int range = 40000 | (40000 + own_range - 1) << 16;
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, ipv6, port);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (own && setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &range, sizeof(range))) {
		fprintf(stderr, "skip: no IP_LOCAL_PORT_RANGE: %s\n", strerror(errno));
		exit(77);
	}
	if (!connect(fd, (struct sockaddr *)&ss, len))
		return fd;
	close(fd);
	return -1;
}

static void own(unsigned int n)
{
	listener();
	while (n--)
		if (try_connect(true) < 0 || accept4(listener(), NULL, NULL, SOCK_CLOEXEC) < 0)
			die("connect from a range of its own");
}

static void lost(unsigned int n, bool of_own)
{
	listener();
	while (n--)
		if (try_connect(of_own) >= 0 || errno != EADDRNOTAVAIL)
			die("a local port was found");
}

static void stop_listeners(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (listeners[i])
			close(listeners[i]);
		listeners[i] = 0;
	}
	if (wide_listener >= 0)
		close(wide_listener);
	wide_listener = -1;
}

/* False: it is no word of these. */
static bool ports_word(const char *word, unsigned int n)
{
	unsigned int i;

	if (!strcmp(word, "bound") || !strcmp(word, "bound_tw"))
		bound_to(n, word[5]);
	else if (!strcmp(word, "bound_only"))
		for (i = 0; i < n; i++)
			socket_at(INADDR_LOOPBACK, 0);
	else if (!strcmp(word, "own_range"))
		own_range = n;
	else if (!strcmp(word, "own"))
		own(n);
	else if (!strcmp(word, "reserved"))
		reserved(n);
	else if (!strcmp(word, "in_range"))
		for (i = 0; i < n; i++)
			wide_at(40000 + i);
	else if (!strcmp(word, "nfs_tw"))
		nfs_tw(n);
	else if (!strcmp(word, "far_tw"))
		far_tw(n);
	else if (!strcmp(word, "lost") || !strcmp(word, "own_lost"))
		lost(n, word[0] == 'o');
	else if (!strcmp(word, "stop"))
		stop_listeners();
	else
		return false;
	return true;
}

#endif /* HOLD_PORTS_H */
