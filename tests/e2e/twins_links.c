// SPDX-License-Identifier: GPL-2.0-only
/*
 * twins_links.c - one address at the far end of two links; one link that loses SYN-ACKs
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "twins.h"

#define LINKS	  2
#define LINK_PORT 8000
#define RUN_MAX	  20000

static const char *const link_name[LINKS] = { "left", "right" };
static struct ns here, far[LINKS];
static int listeners[LINKS];

/* ---- two links ------------------------------------------------------------------------------- */

static int listen_on(int family, unsigned int port, int backlog)
{
	struct sockaddr_storage ss;
	socklen_t len = fill_address(&ss, family, family == AF_INET ? "0.0.0.0" : "::", port);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("no socket");
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, (struct sockaddr *)&ss, len) || listen(fd, backlog))
		die("cannot listen on %u", port);
	return fd;
}

static void link_new(unsigned int i)
{
	veth_new(&here, link_name[i], &far[i], "peer");
	run_ip("addr add fe80::2/64 dev peer nodad\naddr add 10.9.0.1/24 dev peer\n");
	listeners[i] = listen_on(options.ipv6 ? AF_INET6 : AF_INET, LINK_PORT, 4096);
	ns_enter(&here);
	run_ip("addr add fe80::1/64 dev %s nodad\naddr add 10.9.0.2/24 dev %s\n", link_name[i],
	       link_name[i]);
}

static void links_set_up(void)
{
	char range[32];
	unsigned int i;

	for (i = 0; i < LINKS; i++)
		ns_new(&far[i]);
	ns_new(&here);
	snprintf(range, sizeof(range), "40000 %u", 40000 + options.ports - 1);
	sysctl_set("ipv4/ip_local_port_range", range);
	sysctl_set("ipv4/tcp_tw_reuse", "0");
	for (i = 0; i < LINKS; i++)
		link_new(i);
	printf(",\"netns\":%llu,\"far_netns\":[%llu,%llu],\"rport\":%d,\"laddr\":\"%s\","
	       "\"raddr\":\"%s\",\"devices\":[\"left\",\"right\"]",
	       (unsigned long long)here.inode, (unsigned long long)far[0].inode,
	       (unsigned long long)far[1].inode, LINK_PORT, options.ipv6 ? "fe80::1" : "10.9.0.2",
	       options.ipv6 ? "fe80::2" : "10.9.0.1");
}

/* A link-local address has its zone; a socket of IPv4 is bound to the device. */
static int connect_over(unsigned int i)
{
	struct sockaddr_storage ss;
	int fd = socket(options.ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len;

	if (fd < 0)
		die("no socket");
	if (options.ipv6) {
		len = fill_address(&ss, AF_INET6, "fe80::2", LINK_PORT);
		((struct sockaddr_in6 *)&ss)->sin6_scope_id = if_nametoindex(link_name[i]);
	} else {
		len = fill_address(&ss, AF_INET, "10.9.0.1", LINK_PORT);
		if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, link_name[i],
			       (socklen_t)strlen(link_name[i])) < 0)
			die("SO_BINDTODEVICE");
	}
	if (connect(fd, (struct sockaddr *)&ss, len))
		die("cannot connect over %s", link_name[i]);
	return fd;
}

/* The port is in the same place in sockaddr_in and sockaddr_in6. */
static unsigned int local_port(int fd)
{
	struct sockaddr_in6 in6 = { 0 };
	socklen_t len = sizeof(in6);

	if (getsockname(fd, (struct sockaddr *)&in6, &len) < 0)
		die("getsockname");
	return ntohs(in6.sin6_port);
}

/* The server's FIN has come when it has been acknowledged. */
static void close_client_first(int client, int server)
{
	uint64_t end = now_ms() + LAB_DEADLINE_MS;
	char c;

	close(client);
	if (read(server, &c, 1))
		die("no end of file");
	shutdown(server, SHUT_WR);
	while (tcp_state(server) != ST_CLOSE) {
		if (now_ms() > end)
			die("a FIN is not acknowledged");
		breathe();
	}
	close(server);
}

static bool links_word(const char *word, const unsigned int *numbers, unsigned int n)
{
	bool hold = !strcmp(word, "connect");
	int client, server;
	unsigned int i;

	if (n != 2 || numbers[0] >= LINKS || (!hold && strcmp(word, "time_wait") != 0))
		return false;
	printf(",\"ports\":[");
	for (i = 0; i < numbers[1]; i++) {
		client = connect_over(numbers[0]);
		printf("%s%u", i ? "," : "", local_port(client));
		server = accept4(listeners[numbers[0]], NULL, NULL, SOCK_CLOEXEC);
		if (server < 0)
			die("accept");
		if (!hold)
			close_client_first(client, server);
	}
	printf("]");
	return true;
}

/* ---- SYN-ACKs are lost ----------------------------------------------------------------------- */

static pid_t server_pid;

static bool server_closes_first(const struct sockaddr_in6 *peer)
{
	return ntohs(peer->sin6_port) & 1;
}

/* It ends with its parent. */
static __attribute__((noreturn)) void serve(int listener)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = listener };
	int ep = epoll_create1(EPOLL_CLOEXEC), fd;
	struct sockaddr_in6 peer = { 0 };
	socklen_t len;

	prctl(PR_SET_NAME, "twin-server");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev) < 0)
		die("epoll");
	while (epoll_wait(ep, &ev, 1, -1) >= 0) {
		if (ev.data.fd != listener) {
			close(ev.data.fd);
			continue;
		}
		len = sizeof(peer);
		fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
		ev = (struct epoll_event){ .events = EPOLLIN, .data.fd = fd };
		if (fd >= 0 && server_closes_first(&peer))
			shutdown(fd, SHUT_WR);
		if (fd >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0)
			die("epoll");
	}
	exit(1);
}

/* One retry per second, instead of intervals that double. Not before Linux 6.15. */
static void retry_each_second(void)
{
	if (access("/proc/sys/net/ipv4/tcp_rto_max_ms", W_OK))
		return;
	sysctl_set("ipv4/tcp_rto_max_ms", "1000");
	sysctl_set("ipv4/tcp_syn_retries", "20");
}

static void lossy_set_up(void)
{
	int listener;

	ns_new(&far[0]);
	ns_new(&here);
	veth_new(&here, "near", &far[0], "peer");
	run_ip("addr add %s/24 dev peer\naddr add %s/64 dev peer nodad\n", lab_nets->far4,
	       lab_nets->far6);
	run_nft("table inet twins { chain lose {\n"
		"type filter hook prerouting priority raw;\n"
		"tcp flags & (syn | ack) == syn | ack numgen random mod 100 < %u drop\n}\n}\n",
		options.drop_percent);
	retry_each_second();
	ns_enter(&here);
	run_ip("addr add %s/24 dev near\naddr add %s/64 dev near nodad\n", lab_nets->us4,
	       lab_nets->us6);
	retry_each_second();
	listener = listen_on(options.ipv6 ? AF_INET6 : AF_INET, options.port, 8192);
	fflush(stdout);
	server_pid = fork();
	if (server_pid < 0)
		die("cannot fork");
	if (!server_pid)
		serve(listener);
	close(listener);
	printf(",\"netns\":%llu,\"client_netns\":%llu,\"server_pid\":%d",
	       (unsigned long long)here.inode, (unsigned long long)far[0].inode, server_pid);
}

/*
 * Until all sockets of the current namespace are listeners or in TIME_WAIT. A retransmitted SYN may
 * arrive after the end of its connection; its request socket is left out, and expires.
 */
static void wait_closed(uint64_t end)
{
	static const char *const tables[] = { "/proc/thread-self/net/tcp",
					      "/proc/thread-self/net/tcp6" };
	unsigned int state, busy, last = 0;
	char line[512];
	size_t i;

	do {
		busy = 0;
		for (i = 0; i < 2; i++) {
			FILE *f = fopen(tables[i], "re");

			while (f && fgets(line, sizeof(line), f))
				if (sscanf(line, " %*d: %*s %*s %x", &state) == 1 &&
				    state != ST_LISTEN && state != ST_TIME_WAIT &&
				    state != ST_SYN_RECV) {
					last = state;
					busy++;
				}
			if (f)
				fclose(f);
		}
		if (now_ms() > end)
			die("%u sockets are not closed, one of them in state %u", busy, last);
		if (busy)
			breathe();
	} while (busy);
}

static void start_client(int ep)
{
	int domain = options.ipv6 ? AF_INET6 : AF_INET;
	int fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLONESHOT, .data.fd = fd };
	struct sockaddr_storage ss;
	socklen_t len = fill_address(&ss, domain, options.ipv6 ? lab_nets->us6 : lab_nets->us4,
				     options.port);

	if (fd < 0)
		die("no socket");
	if (connect(fd, (struct sockaddr *)&ss, len) && errno != EINPROGRESS)
		die("cannot connect");
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0)
		die("epoll");
}

/* True when the client is closed: at once after the handshake, or after the server's FIN. */
static bool go_on(int ep, const struct epoll_event *event)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT, .data.fd = event->data.fd };
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(ev.data.fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 || err)
		die("a connection failed: %s", strerror(err));
	if (!(event->events & EPOLLIN) && (local_port(ev.data.fd) & 1)) {
		if (epoll_ctl(ep, EPOLL_CTL_MOD, ev.data.fd, &ev) < 0)
			die("epoll");
		return false;
	}
	close(ev.data.fd);
	return true;
}

static void run_on(unsigned int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		skip("CPU %u is not available: %s", cpu, strerror(errno));
}

struct start {
	unsigned int count;
	int ep;
};

/*
 * Handshakes go on in the timers of CPU 0. A client is woken before its ACK is sent, and its FIN
 * follows at once from another CPU: the server handles both at the same time. The clients start
 * apart from each other, so that ACKs do not wait in a queue.
 */
static void *start_clients(void *arg)
{
	const struct start *start = arg;
	unsigned int i, gap_us = 3000000 / start->count;

	run_on(0);
	for (i = 0; i < start->count; i++) {
		start_client(start->ep);
		usleep(gap_us < 4000 ? gap_us : 4000);
	}
	return NULL;
}

static bool lossy_word(const char *word, const unsigned int *numbers, unsigned int n)
{
	struct start start = { .count = n == 1 ? numbers[0] : 0,
			       .ep = epoll_create1(EPOLL_CLOEXEC) };
	uint64_t end = now_ms() + 60000;
	struct epoll_event ev;
	unsigned int done = 0;
	pthread_t thread;

	if (strcmp(word, "run") != 0 || !start.count || start.count > RUN_MAX || start.ep < 0)
		return false;
	ns_enter(&far[0]);
	if (pthread_create(&thread, NULL, start_clients, &start))
		die("no thread");
	run_on(1);
	while (done < start.count) {
		if (epoll_wait(start.ep, &ev, 1, 0) == 1)
			done += go_on(start.ep, &ev);
		if (now_ms() > end)
			die("%u of %u connections are closed", done, start.count);
	}
	pthread_join(thread, NULL);
	close(start.ep);
	wait_closed(end);
	ns_enter(&here);
	wait_closed(end);
	printf(",\"closed\":%u", done);
	return true;
}

const struct situation situation_links = { "links", links_set_up, links_word };
const struct situation situation_lossy = { "lossy", lossy_set_up, lossy_word };
