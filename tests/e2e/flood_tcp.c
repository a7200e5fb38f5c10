// SPDX-License-Identifier: GPL-2.0-only
/*
 * flood_tcp.c - servers and clients, both with the kernel's own TCP
 *
 *   flood serve [WORD=VALUE]... listen=PORT [WORD=VALUE... listen=PORT]...
 *
 *   backlog=N     of the listeners that follow (default 128)
 *   accept=N      how many they accept a second (default: all at once; 0: never)
 *   accept_ms=N   accept all that wait, every N ms (default: at once)
 *   defer=N       TCP_DEFER_ACCEPT in seconds
 *   v6=0|1|2      over IPv6; 2: and over IPv4 as well
 *   reuseport=1   several may listen at one port
 *
 * Prints one line when it listens. Accepted connections are read to their end and closed. It
 * stays until its standard input ends, then says how many it accepted of each listener.
 *
 *   flood connect [WORD=VALUE]...
 *
 *   n=N rate=N    N connections (default: a million), N a second (100)
 *   burst=N       N of them at a time (default 1)
 *   sources=N     from N addresses (default 250)
 *   port=N v6=0|1 where to (default 8000)
 *   say_ms=N      sends a few bytes so long after it is established (default: never)
 *   hold_ms=N     closes so long after it is established (default 200)
 *   abort_ms=N    closes so long after connect(), whatever came of it (default: never)
 *   patience_ms=N gives up a connect() after so long (default 20000)
 *
 * Prints one line at the end: what came of them, and when the first began and the last ended.
 * After SIGTERM no more are begun, and those that are up are closed.
 *
 * Bounds: as many connections at a time as there may be open files.
 */
#include <poll.h>
#include <sys/epoll.h>

#include "flood.h"

#define LISTENERS_MAX  16
#define TICK_MS	       2
#define LAST_CHANCE_MS 8000

static socklen_t address(struct sockaddr_storage *ss, bool v6, const char *text, uint32_t port)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *in = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	if (v6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		inet_pton(AF_INET6, text, &in6->sin6_addr);
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)port);
	inet_pton(AF_INET, text, &in->sin_addr);
	return sizeof(*in);
}

static void watch(int epoll, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event e = { .events = events, .data.u64 = tag };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e))
		die("epoll_ctl");
}

/* ---- serve ---- */

struct listener {
	int fd;
	uint32_t port, rate, accepted, every_ms;
	uint64_t next_ms;
};

static struct listener listeners[LISTENERS_MAX];
static unsigned int listeners_n;

static void serve_listen(const struct words *so_far, uint32_t port)
{
	static const char *const any[] = { "0.0.0.0", "::" };
	uint32_t defer = words_number(so_far, "defer", 0, 600);
	uint32_t v6 = words_number(so_far, "v6", 0, 2);
	struct listener *l = &listeners[listeners_n++];
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, v6, any[v6 > 0], port);
	int one = 1, only = v6 == 1, shared = (int)words_number(so_far, "reuseport", 0, 1);

	if (listeners_n > LISTENERS_MAX)
		die("more than %d listeners", LISTENERS_MAX);
	l->port = port;
	l->rate = words_number(so_far, "accept", UINT32_MAX, UINT32_MAX);
	l->every_ms = words_number(so_far, "accept_ms", 0, 60000);
	l->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0 || setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    setsockopt(l->fd, SOL_SOCKET, SO_REUSEPORT, &shared, sizeof(shared)) ||
	    (v6 && setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only))) ||
	    (defer && setsockopt(l->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer, sizeof(defer))) ||
	    bind(l->fd, (struct sockaddr *)&ss, len) ||
	    listen(l->fd, (int)words_number(so_far, "backlog", 128, 1U << 20)))
		die("cannot listen at port %u", port);
}

static void serve_accept(int epoll, struct listener *l, uint64_t start_ms)
{
	if (now_ms() < l->next_ms)
		return;
	l->next_ms = l->every_ms ? now_ms() + l->every_ms : 0;
	while (l->rate == UINT32_MAX ||
	       l->accepted < (now_ms() - start_ms) * (uint64_t)l->rate / 1000) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		l->accepted++;
		watch(epoll, fd, EPOLLIN | EPOLLRDHUP, (uint64_t)fd);
	}
}

static void serve_read(int fd)
{
	char data[4096];
	ssize_t n;

	do
		n = read(fd, data, sizeof(data));
	while (n > 0);
	if (!n || errno != EAGAIN)
		close(fd);
}

void serve_role(const struct words *w)
{
	struct epoll_event events[256];
	int epoll = epoll_create1(EPOLL_CLOEXEC), n;
	struct pollfd fds[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
				 { .fd = epoll, .events = POLLIN } };
	uint64_t start_ms = now_ms();

	words_only(w, " backlog accept accept_ms defer v6 reuseport listen seed ");
	files_max();
	for (unsigned int i = 0; i < w->n; i++)
		if (!strcmp(w->word[i].name, "listen"))
			serve_listen(&(struct words){ w->word, i },
				     words_number(&(struct words){ w->word + i, 1 }, "listen", 0,
						  65535));
	for (unsigned int i = 0; i < listeners_n; i++)
		if (listeners[i].rate == UINT32_MAX && !listeners[i].every_ms)
			watch(epoll, listeners[i].fd, EPOLLIN, (uint64_t)listeners[i].fd);
	printf("{\"type\":\"ready\",\"at_ms\":%.3f,\"pid\":%d}\n", wall_ms(), getpid());
	fflush(stdout);
	setpriority(PRIO_PROCESS, 0, -15); /* a server that waits for a CPU accepts slowly */
	while (!fds[0].revents) {
		for (unsigned int i = 0; i < listeners_n; i++)
			serve_accept(epoll, &listeners[i], start_ms);
		if (poll(fds, 2, TICK_MS) < 0)
			die("poll");
		n = epoll_wait(epoll, events, 256, 0);
		for (int i = 0; i < n; i++) {
			bool listens = false;

			for (unsigned int k = 0; k < listeners_n; k++)
				listens |= listeners[k].fd == (int)events[i].data.u64;
			if (!listens)
				serve_read((int)events[i].data.u64);
		}
	}
	for (unsigned int i = 0; i < listeners_n; i++)
		printf("{\"type\":\"served\",\"port\":%u,\"accepted\":%u}\n", listeners[i].port,
		       listeners[i].accepted);
}

/* ---- connect ---- */

struct client {
	int fd;
	bool up, said;
	uint64_t began_ms, up_ms;
};

static struct {
	uint32_t n, rate, burst, sources, port, say_ms, hold_ms, abort_ms, patience_ms;
	bool v6;
} want;
static struct {
	uint32_t begun, up, done, refused, reset, gave_up, no_file;
	uint64_t slowest_ms;
} sum;

static void client_begin(int epoll, struct client *c, uint32_t index)
{
	uint32_t k = index % want.sources + 1;
	struct sockaddr_storage ss;
	char from[64];
	socklen_t len;
	int one = 1;

	if (want.v6)
		snprintf(from, sizeof(from), "2001:db8:c::%x", k);
	else
		snprintf(from, sizeof(from), "100.64.%u.%u", k >> 8, k & 255);
	c->began_ms = now_ms();
	c->fd = socket(want.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	sum.begun++;
	if (c->fd < 0) {
		sum.no_file++;
		sum.done++;
		return;
	}
	len = address(&ss, want.v6, from, 0);
	if (setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one)) ||
	    bind(c->fd, (struct sockaddr *)&ss, len))
		die("cannot use %s", from);
	len = address(&ss, want.v6, want.v6 ? SERVER6 : SERVER4, want.port);
	if (connect(c->fd, (struct sockaddr *)&ss, len) && errno != EINPROGRESS)
		die("connect from %s", from);
	watch(epoll, c->fd, EPOLLOUT | EPOLLET, index);
}

static void client_end(struct client *c)
{
	close(c->fd);
	c->fd = -1;
	sum.done++;
}

/* Something has become of its connect(). */
static void client_event(struct client *c, uint32_t events)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (c->fd < 0)
		return;
	if (!c->up && !(events & (EPOLLERR | EPOLLHUP))) {
		c->up = true;
		c->up_ms = now_ms();
		sum.up++;
		if (c->up_ms - c->began_ms > sum.slowest_ms)
			sum.slowest_ms = c->up_ms - c->began_ms;
	}
	if (!(events & EPOLLERR))
		return;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len))
		die("SO_ERROR");
	sum.refused += err == ECONNREFUSED;
	sum.reset += err == ECONNRESET;
	sum.gave_up += err == ETIMEDOUT;
	client_end(c);
}

static void client_tick(struct client *c, uint64_t now)
{
	if (c->up && want.say_ms != UINT32_MAX && !c->said && now - c->up_ms >= want.say_ms) {
		c->said = true;
		if (send(c->fd, "hello", 5, MSG_NOSIGNAL) < 0)
			sum.reset++;
	}
	if (!c->up && now - c->began_ms >= want.patience_ms) {
		sum.gave_up++;
		client_end(c);
	} else if (now - c->began_ms >= want.abort_ms ||
		   (c->up && now - c->up_ms >= want.hold_ms)) {
		client_end(c);
	}
}

/* Who is up goes; who is not yet gets a last chance, as clients do not all vanish at once. */
static void begin_no_more(void)
{
	want.n = sum.begun;
	want.hold_ms = 0;
	if (want.patience_ms > LAST_CHANCE_MS)
		want.patience_ms = LAST_CHANCE_MS;
}

/* The first come at once. */
static uint64_t clients_due(uint64_t ms)
{
	return (ms * want.rate / 1000 / want.burst + 1) * want.burst;
}

void connect_role(const struct words *w)
{
	struct epoll_event events[256];
	struct client *all;
	uint64_t start, last_look = 0, now;
	double first;
	uint32_t oldest = 0;
	int epoll = epoll_create1(EPOLL_CLOEXEC), n;

	words_only(w, " n rate burst sources port v6 say_ms hold_ms abort_ms patience_ms seed ");
	want.n = words_number(w, "n", 1000000, 1000000);
	want.rate = words_number(w, "rate", 100, RATE_MAX);
	want.burst = words_number(w, "burst", 1, 65000);
	want.sources = words_number(w, "sources", 250, 65000);
	want.port = words_number(w, "port", 8000, 65535);
	want.v6 = words_number(w, "v6", 0, 1);
	want.say_ms = words_number(w, "say_ms", UINT32_MAX, UINT32_MAX);
	want.hold_ms = words_number(w, "hold_ms", 200, UINT32_MAX);
	want.abort_ms = words_number(w, "abort_ms", UINT32_MAX, UINT32_MAX);
	want.patience_ms = words_number(w, "patience_ms", 20000, UINT32_MAX);
	files_max();
	all = calloc(want.n ? want.n : 1, sizeof(*all));
	if (!all || epoll < 0 || !want.sources || !want.burst)
		die("cannot begin");

	start = now_ms();
	first = wall_ms();
	told_enough_on_term();
	while (sum.done < want.n) {
		if (told_enough())
			begin_no_more();
		now = now_ms();
		while (sum.begun < want.n && sum.begun < clients_due(now - start))
			client_begin(epoll, &all[sum.begun], sum.begun);
		n = epoll_wait(epoll, events, 256, 1);
		for (int i = 0; i < n; i++)
			client_event(&all[events[i].data.u64], events[i].events);
		now = now_ms(); /* not before any time noted in a client */
		if (now - last_look < TICK_MS)
			continue;
		last_look = now;
		while (oldest < sum.begun && all[oldest].fd < 0)
			oldest++;
		for (uint32_t i = oldest; i < sum.begun; i++)
			if (all[i].fd >= 0)
				client_tick(&all[i], now);
	}
	printf("{\"type\":\"connected\",\"first_ms\":%.3f,\"last_ms\":%.3f,\"begun\":%u,\"up\":%u,"
	       "\"refused\":%u,\"reset\":%u,\"gave_up\":%u,\"no_file\":%u,\"slowest_ms\":%llu}\n",
	       first, wall_ms(), sum.begun, sum.up, sum.refused, sum.reset, sum.gave_up,
	       sum.no_file, (unsigned long long)sum.slowest_ms);
	free(all);
}
