// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: known TCP connections on the loopback of a guest, and a line for each kind on stdout.
 *
 *	guest N		N connections in the last scene, which is about numbers
 *
 * What: each scene is one port, a process that listens (tcs-listen), processes that accept
 * (tcs-server) and processes that connect (tcs-client), so that every owner has another pid. A
 * scene's line says what judge.awk must find for it. In scenes "full.." tcp_max_tw_buckets is
 * reached in the middle.
 *
 *	name port laddr family conns closer listener-pid server-pid,.. client-pid,.. overflows
 *
 * overflows: closes for which the kernel made no time-wait socket (TCPTimeWaitOverflow).
 * closer: client or server (closes first), linger (the client resets), refused (nobody listens),
 * silent (the SYNs of hosts that never answer: nothing is accepted).
 *
 * How: one side waits for the other's end of file, never for time, so the state changes of a
 * scene are always the same. Exit status 0: every connection did what its scene says.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../e2e/netstat.h"

#define WORKERS_MAX 4

enum closer { CLIENT, SERVER, LINGER, REFUSED };

static const char *const closer_name[] = { "client", "server", "linger", "refused" };

struct scene {
	const char *name;
	uint16_t port;
	int listen_family; /* AF_INET6: dual-stack */
	const char *addr;  /* that the clients connect to */
	int conns;	   /* of each client; 0: from the command line */
	int workers;	   /* clients, and as many servers */
	enum closer closer;
};

static const struct scene scenes[] = {
	{ "client_first", 4001, AF_INET, "127.0.0.1", 20, 1, CLIENT },
	{ "server_first", 4002, AF_INET, "127.0.0.1", 20, 1, SERVER },
	{ "refused", 4003, AF_INET, "127.0.0.1", 10, 1, REFUSED },
	{ "linger", 4004, AF_INET, "127.0.0.1", 10, 1, LINGER },
	{ "mapped", 4005, AF_INET6, "127.0.0.1", 10, 1, CLIENT },
	{ "ipv6", 4006, AF_INET6, "::1", 10, 1, CLIENT },
	{ "ipv6_server_first", 4007, AF_INET6, "::1", 10, 1, SERVER },
	{ "churn", 4008, AF_INET, "127.0.0.1", 0, 4, CLIENT },
	{ "full", 4010, AF_INET, "127.0.0.1", 30, 1, CLIENT },
	{ "full_ipv6", 4011, AF_INET6, "::1", 30, 1, SERVER },
};

#define TW_LIMIT "/proc/sys/net/ipv4/tcp_max_tw_buckets"
#define TW_MANY	 200000

/* What the processes of a scene tell each other; shared memory. */
struct board {
	pid_t listener, server[WORKERS_MAX], client[WORKERS_MAX];
};

static __attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...)
{
	int err = errno;
	va_list args;

	va_start(args, format);
	fputs("guest: ", stderr);
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(err));
	va_end(args);
	exit(1);
}

static pid_t start(const char *comm)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		prctl(PR_SET_NAME, comm);
	return pid;
}

/* Waits for every child; returns whether all succeeded. */
static bool all_well(void)
{
	bool well = true;
	int status;

	while (wait(&status) > 0)
		well &= status == 0;
	return well;
}

static socklen_t address(const struct scene *s, bool any, struct sockaddr_storage *ret)
{
	struct sockaddr_in *in = (void *)ret;
	struct sockaddr_in6 *in6 = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (any ? s->listen_family == AF_INET6 : strchr(s->addr, ':') != NULL) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(s->port);
		if (!any)
			inet_pton(AF_INET6, s->addr, &in6->sin6_addr);
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(s->port);
	if (!any)
		inet_pton(AF_INET, s->addr, &in->sin_addr);
	return sizeof(*in);
}

static int listen_on(const struct scene *s)
{
	int fd = socket(s->listen_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage a;
	socklen_t len = address(s, true, &a);
	int one = 1, zero = 0;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (s->listen_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (fd < 0 || bind(fd, (void *)&a, len) || listen(fd, 128))
		die("listen on port %d", s->port);
	return fd;
}

static void await_end(int fd, bool by_reset)
{
	char c;
	ssize_t n = read(fd, &c, 1);

	if (by_reset ? n != -1 || errno != ECONNRESET : n != 0)
		die("the other end did not end as expected (read says %zd)", n);
}

static void serve(const struct scene *s, int listener, int conns)
{
	while (conns-- > 0) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			die("accept");
		if (s->closer == LINGER && write(fd, "x", 1) != 1)
			die("write");
		if (s->closer != SERVER)
			await_end(fd, s->closer == LINGER);
		close(fd);
	}
}

static void visit(const struct scene *s, int conns)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	struct sockaddr_storage a;
	socklen_t len = address(s, false, &a);

	while (conns-- > 0) {
		int fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		char c;

		if (fd < 0)
			die("socket");
		if (connect(fd, (void *)&a, len)) {
			if (s->closer != REFUSED || errno != ECONNREFUSED)
				die("connect to port %d", s->port);
		} else if (s->closer == REFUSED) {
			die("somebody listens on port %d", s->port);
		} else if (s->closer == SERVER) {
			await_end(fd, false);
		} else if (s->closer == LINGER) {
			if (read(fd, &c, 1) != 1)
				die("read");
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		}
		close(fd);
	}
}

static __attribute__((noreturn)) void listener_life(const struct scene *s, struct board *b,
						    int conns, int ready)
{
	int i, fd = listen_on(s);
	pid_t pid;

	for (i = 0; i < s->workers; i++) {
		pid = start("tcs-server");
		if (!pid) {
			serve(s, fd, conns);
			exit(0);
		}
		b->server[i] = pid;
	}
	if (write(ready, "x", 1) != 1)
		die("pipe");
	/* The last to let go of the listening socket, so that -> close is this one's act. */
	exit(!all_well());
}

static void print_pids(const pid_t *pids, int n)
{
	int i;

	for (i = 0; i < n; i++)
		printf("%s%d", i ? "," : " ", pids[i]);
	if (!n)
		printf(" 0");
}

/* ---- time-wait sockets ---- */

static void write_number(const char *path, long n)
{
	FILE *f = fopen(path, "we");

	if (!f || fprintf(f, "%ld", n) < 0 || fclose(f))
		die("%s", path);
}

/* Room for n more time-wait sockets; some of those that are there may end meanwhile. */
static void time_wait_room(long n)
{
	FILE *f = fopen("/proc/net/sockstat", "re");
	char line[256], *at = NULL;

	while (f && !at && fgets(line, sizeof(line), f))
		at = strstr(line, " tw ");
	if (!at)
		die("/proc/net/sockstat");
	fclose(f);
	write_number(TW_LIMIT, strtol(at + 4, NULL, 10) + n);
}

static bool play(const struct scene *s, struct board *b, int conns)
{
	uint64_t overflows = netstat_counter("TcpExt:", "TCPTimeWaitOverflow");
	int i, ready[2];
	bool well;
	pid_t pid;
	char c;

	memset(b, 0, sizeof(*b));
	if (!strncmp(s->name, "full", 4))
		time_wait_room(conns * s->workers / 3);
	if (pipe(ready))
		die("pipe");
	if (s->closer != REFUSED) {
		pid = start("tcs-listen");
		if (!pid)
			listener_life(s, b, conns, ready[1]);
		b->listener = pid;
		close(ready[1]);
		if (read(ready[0], &c, 1) != 1)
			die("nobody listens on port %d", s->port);
	} else {
		close(ready[1]);
	}
	for (i = 0; i < s->workers; i++) {
		pid = start("tcs-client");
		if (!pid) {
			visit(s, conns);
			exit(0);
		}
		b->client[i] = pid;
	}
	well = all_well();
	close(ready[0]);
	printf("%s %d %s %d %d %s %d", s->name, s->port, s->addr, strchr(s->addr, ':') ? 6 : 4,
	       conns * s->workers, closer_name[s->closer], b->listener);
	print_pids(b->server, b->listener ? s->workers : 0);
	print_pids(b->client, s->workers);
	printf(" %lld\n",
	       (long long)(netstat_counter("TcpExt:", "TCPTimeWaitOverflow") - overflows));
	write_number(TW_LIMIT, TW_MANY);
	if (!well)
		fprintf(stderr, "guest: scene %s went wrong\n", s->name);
	return well;
}

/* ---- SYNs of hosts that never answer ---------------- */

#define SILENT_PORT 4009
#define SILENT_SYNS 5
#define SILENT_HOST "198.18.0.1" /* this guest; the silent ones are 198.18.1.x */

static void lo_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &ifr))
		die("lo");
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		die("lo");
	close(fd);
}

/* 198.18.0.1 is ours and 198.18.1.0/24 lies behind lo: SYN-ACKs for it vanish. */
static void silent_net(void)
{
	struct ifreq ifr = { .ifr_name = "lo:1" };
	struct sockaddr_in *a = (void *)&ifr.ifr_addr;
	struct rtentry rt = { .rt_flags = RTF_UP, .rt_dev = (char *)"lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	a->sin_family = AF_INET;
	inet_pton(AF_INET, SILENT_HOST, &a->sin_addr);
	if (fd < 0 || ioctl(fd, SIOCSIFADDR, &ifr))
		die("address " SILENT_HOST);
	inet_pton(AF_INET, "255.255.255.255", &a->sin_addr);
	if (ioctl(fd, SIOCSIFNETMASK, &ifr))
		die("mask of " SILENT_HOST);
	a = (void *)&rt.rt_dst;
	a->sin_family = AF_INET;
	inet_pton(AF_INET, "198.18.1.0", &a->sin_addr);
	a = (void *)&rt.rt_genmask;
	a->sin_family = AF_INET;
	inet_pton(AF_INET, "255.255.255.0", &a->sin_addr);
	if (ioctl(fd, SIOCADDRT, &rt))
		die("route to 198.18.1.0/24");
	close(fd);
}

static uint16_t checksum(const void *data, size_t bytes, uint32_t sum)
{
	const uint16_t *word = data;

	for (; bytes > 1; bytes -= 2)
		sum += *word++;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void send_syn(int raw, int n)
{
	struct {
		struct iphdr ip;
		struct tcphdr tcp;
	} p = { 0 };
	struct sockaddr_in to = { .sin_family = AF_INET };
	char from[32];
	uint32_t sum;

	snprintf(from, sizeof(from), "198.18.1.%d", n + 1);
	p.ip.version = 4;
	p.ip.ihl = 5;
	p.ip.ttl = 64;
	p.ip.protocol = IPPROTO_TCP;
	p.ip.tot_len = htons(sizeof(p));
	inet_pton(AF_INET, from, &p.ip.saddr);
	inet_pton(AF_INET, SILENT_HOST, &p.ip.daddr);
	p.tcp.source = htons((uint16_t)(5000 + n));
	p.tcp.dest = htons(SILENT_PORT);
	p.tcp.seq = htonl(1000);
	p.tcp.doff = 5;
	p.tcp.syn = 1;
	p.tcp.window = htons(1024);
	sum = (p.ip.saddr & 0xffff) + (p.ip.saddr >> 16) + (p.ip.daddr & 0xffff) +
	      (p.ip.daddr >> 16) + htons(IPPROTO_TCP) + htons(sizeof(p.tcp));
	p.tcp.check = checksum(&p.tcp, sizeof(p.tcp), sum);
	to.sin_addr.s_addr = p.ip.daddr;
	if (sendto(raw, &p, sizeof(p), 0, (void *)&to, sizeof(to)) != sizeof(p))
		die("SYN from %s", from);
}

static void play_silent(void)
{
	struct scene s = { "silent", SILENT_PORT, AF_INET, SILENT_HOST, 0, 0, REFUSED };
	int i, raw, fd;

	silent_net();
	fd = listen_on(&s);
	raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (raw < 0)
		die("raw socket");
	for (i = 0; i < SILENT_SYNS; i++)
		send_syn(raw, i);
	/* The first SYN-ACK is sent again after 1 s, the second after 3. */
	usleep(2000000);
	printf("%s %d %s 4 %d silent %d 0 0 0\n", s.name, s.port, s.addr, SILENT_SYNS, getpid());
	close(fd);
	close(raw);
}

/* The wall clock, as an administrator or a bad time server does it; judge: clock.jq. */
static void step_clock(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now))
		die("clock");
	now.tv_sec += 3600;
	if (clock_settime(CLOCK_REALTIME, &now))
		die("cannot step the clock");
}

int main(int argc, char **argv)
{
	struct board *b =
		mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int conns = argc == 2 ? atoi(argv[1]) : 0;
	bool well = true;
	size_t i;

	if (b == MAP_FAILED || conns <= 0) {
		fprintf(stderr, "usage: guest CONNECTIONS\n");
		return 2;
	}
	lo_up();
	for (i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		const struct scene *s = &scenes[i];

		well &= play(s, b, s->conns ? s->conns : conns / s->workers);
	}
	step_clock();
	play_silent();
	return !well;
}
