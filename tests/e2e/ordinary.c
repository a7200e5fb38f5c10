// SPDX-License-Identifier: GPL-2.0-only
/*
 * ordinary.c - an ordinary host's traffic, made in network namespaces of its own
 *
 *   ordinary [seconds=N] [percent=N] [seed=N]
 *
 * Nothing here is wrong, though much of it looks like it. A web server keeps connections alive and
 * closes them when they idle; another closes after each answer and has thousands in TIME_WAIT; a
 * third takes seconds to notice that its client has gone (CLOSE_WAIT). Clients come by a curve of
 * the day and in bursts, from many addresses, lose a segment in two hundred, and some are slow. A
 * pool of connections is renewed, a job opens thousands for most of a minute, a deployment resets
 * all connections of the web server, which is away for half a second. Health checks connect and
 * reset, or are refused. Some clients try IPv6 first, where their server does not listen; a job
 * asks a host that does not answer and gives up; uploads shut down and wait for the answer
 * (FIN_WAIT2); a server fills a part of its accept queue between two of its rounds; a program
 * starts a second time and finds its port in use; a connection is moved away with TCP_REPAIR.
 * Strangers (wire.h: the far end of a TUN device) scan a port a second, leave a half-open
 * connection every five seconds, and vanish in the middle of a connection every ten. Beside it a
 * namespace appears every twenty seconds, lives for some, and goes with all it has.
 *
 *   seconds=N  how long (default 60); the curve of the day, and with it a night, is as long
 *   percent=N  of the usual 270 connections a second (default 100)
 *   seed=N     of the dice (default 1)
 *
 * A line of JSON for each namespace: {"netns":N,"from":T} when it is there and {"netns":N,"to":T}
 * when it has gone, T in seconds of the wall clock. The first is the one that stays. Then one for
 * each table of the kernel's counters of that namespace, {"table":"Tcp","ActiveOpens":N,...}, and
 * {"table":"roles",...}: how often each part that no such counter shows has happened.
 *
 * Bounds: CONNS of each role at once, descriptors within the hard limit, WATCHDOG_S beyond its
 * time. Every process dies with the first one.
 */
#include <linux/filter.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "wire.h"

#define CONNS	   16384
#define TICK_MS	   20
#define WATCHDOG_S 60

static uint64_t start_ms, total_ms = 60000;
static double percent = 100;
static uint64_t dice_state = 1;

/* xorshift64*: numbers without a pattern, the same for the same seed. */
static uint32_t dice(void)
{
	dice_state ^= dice_state >> 12;
	dice_state ^= dice_state << 25;
	dice_state ^= dice_state >> 27;
	return (uint32_t)(dice_state * 0x2545F4914F6CDD1DULL >> 32);
}

static uint64_t between(uint64_t least, uint64_t most)
{
	return least + dice() % (most - least + 1);
}

static bool chance(double p)
{
	return dice() < p * 4294967296.0;
}

static bool over(void)
{
	return now_ms() >= start_ms + total_ms;
}

/* What happened, of all processes. */
enum part {
	RESTARTS,
	JOBS,
	REFUSED,
	OTHER_FAMILY,
	UNANSWERED,
	UPLOADS,
	QUEUED,
	IN_USE,
	MOVED_AWAY,
	SCANNED,
	HALF_OPEN,
	VANISHED,
	VISITS,
	PARTS,
};

static const char *const part_names[PARTS] = {
	[RESTARTS] = "restarts",     [JOBS] = "jobs",
	[REFUSED] = "refused",	     [OTHER_FAMILY] = "other_family",
	[UNANSWERED] = "unanswered", [UPLOADS] = "uploads",
	[QUEUED] = "queued",	     [IN_USE] = "in_use",
	[MOVED_AWAY] = "moved_away", [SCANNED] = "scanned",
	[HALF_OPEN] = "half_open",   [VANISHED] = "vanished",
	[VISITS] = "visits",
};

static uint64_t *parts; /* shared */

static void happened(enum part part)
{
	__atomic_fetch_add(&parts[part], 1, __ATOMIC_RELAXED);
}

/* ---- servers --------------------------------------------------------------------------------- */

struct server {
	const char *comm;
	uint16_t port;
	uint64_t idle_ms;    /* closes a connection without requests after that; 0: never */
	bool once;	     /* closes after the first answer */
	uint64_t late_ms;    /* until it notices that the client has closed, at most */
	uint64_t restart_ms; /* between two restarts, which reset everything; 0: never */
	uint64_t round_ms;   /* between two rounds of accept(); 0: at once */
};

static const struct server servers[] = {
	{ .comm = "web", .port = 8000, .idle_ms = 5000, .restart_ms = 180000 },
	{ .comm = "http10", .port = 8001, .once = true },
	{ .comm = "app", .port = 8002, .late_ms = 3000 },
	{ .comm = "db", .port = 8003 },
	{ .comm = "batch", .port = 8004, .once = true, .round_ms = 500 },
};

/* Of those that come in: one in two hundred segments is lost (SYN, ACK, data alike). */
static void lose_some(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, UINT32_MAX / 200, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { .len = 4, .filter = code };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)))
		die("no socket filter");
}

static int listen_at(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&in, sizeof(in)) || listen(fd, 511))
		die("cannot listen at %u", port);
	lose_some(fd);
	return fd;
}

/* close() sends a reset. */
static void close_with_reset(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

/* By descriptor: when to close it; 0 none is open, UINT64_MAX never. */
static uint64_t closes_ms[2 * CONNS];

static void serve_accept(const struct server *s, int listener, int epoll)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

		if (fd >= 2 * CONNS || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev))
			die("too many connections");
		closes_ms[fd] = s->idle_ms ? now_ms() + s->idle_ms : UINT64_MAX;
	}
}

static void serve_close(int fd)
{
	close(fd);
	closes_ms[fd] = 0;
}

static void serve_request(const struct server *s, int fd, int epoll)
{
	static char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0) {
		send(fd, buf, 600, MSG_NOSIGNAL);
		closes_ms[fd] = s->idle_ms ? now_ms() + s->idle_ms : UINT64_MAX;
	}
	if (n < 0 || (n > 0 && s->once) || (!n && !s->late_ms)) {
		serve_close(fd);
	} else if (!n) {
		epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
		closes_ms[fd] = now_ms() + between(0, s->late_ms);
	}
}

static void serve_close_due(bool all)
{
	int fd;

	for (fd = 0; fd < 2 * CONNS; fd++) {
		if (!closes_ms[fd])
			continue;
		if (all) {
			close_with_reset(fd);
			closes_ms[fd] = 0;
		} else if (closes_ms[fd] <= now_ms()) {
			serve_close(fd);
		}
	}
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When it restarts next: twice at least, however short the whole is. */
static uint64_t restart_after(const struct server *s)
{
	return s->restart_ms ? now_ms() + at_most(s->restart_ms, total_ms * 2 / 5) : UINT64_MAX;
}

/* The connections that have been waiting for this round. */
static void count_queued(int listener)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (!getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &len) && info.tcpi_unacked > 1)
		happened(QUEUED);
}

static void serve(const struct server *s)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), listener = listen_at(s->port), i, n;
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = listener }, got[256];
	uint64_t restart = restart_after(s), looked = 0;

	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev);
	while (!over()) {
		if (s->round_ms) {
			poll(NULL, 0, (int)s->round_ms);
			count_queued(listener);
		}
		n = epoll_wait(epoll, got, 256, TICK_MS);
		for (i = 0; i < n; i++) {
			if (got[i].data.fd == listener)
				serve_accept(s, listener, epoll);
			else
				serve_request(s, got[i].data.fd, epoll);
		}
		if (now_ms() >= looked + 100) {
			serve_close_due(false);
			looked = now_ms();
		}
		if (now_ms() < restart)
			continue;
		close(listener);
		serve_close_due(true);
		poll(NULL, 0, 500);
		listener = ev.data.fd = listen_at(s->port);
		epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev);
		happened(RESTARTS);
		restart = restart_after(s);
	}
}

/* ---- clients --------------------------------------------------------------------------------- */

struct load {
	const char *comm;
	uint16_t port;
	double per_s;	      /* by day; with a period: while it is on */
	bool by_day;	      /* more by day than by night, and bursts */
	bool from_many;	      /* each from an address of its own */
	bool resets;	      /* closes with a reset as soon as it is connected */
	unsigned int asks;    /* requests, at most */
	uint64_t think_ms;    /* after each, at most */
	uint64_t late_ms;     /* until it notices that the server has closed, at most */
	bool server_closes;   /* does not close first */
	bool shuts_down;      /* after its requests, and waits for the server to close */
	bool v6_first;	      /* tries [::1] before, where its server does not listen */
	uint64_t patience_ms; /* gives up after that; asks the far end, which does not answer */
	uint64_t period_ms, on_ms;
};

static const struct load loads[] = {
	{ "browser", 8000, 50, .by_day = true, .from_many = true, .asks = 6, .think_ms = 1500 },
	{ "tablet", 8000, 10, .by_day = true, .from_many = true, .asks = 4, .think_ms = 1000,
	  .late_ms = 2500, .server_closes = true },
	{ "agent", 8001, 200, .asks = 1, .server_closes = true, .late_ms = 100 },
	{ "mobile", 8002, 8, .by_day = true, .from_many = true, .asks = 3, .think_ms = 1000 },
	{ "pool", 8003, 0.4, .asks = 200, .think_ms = 1000 },
	{ "job", 8003, 500, .asks = 1, .think_ms = 45000, .period_ms = 900000, .on_ms = 10000 },
	{ "check", 8000, 0.5, .resets = true },
	{ "check-away", 7999, 0.2, .resets = true },
	{ "batch-client", 8004, 10, .asks = 1, .server_closes = true },
	{ "upload", 8002, 1, .asks = 2, .think_ms = 500, .shuts_down = true },
	{ "both-families", 8001, 0.3, .v6_first = true, .asks = 1, .server_closes = true },
	{ "abroad", 443, 0.2, .patience_ms = 3000 },
};

struct client {
	int fd; /* 0: none */
	unsigned int asks;
	uint64_t due_ms, until_ms;
	bool connected, ending, shut;
};

static struct client clients[CONNS];

/* Night is a tenth of noon, a burst five times as much for two seconds of each minute. */
static double rate_now(const struct load *l)
{
	uint64_t t = now_ms() - start_ms, period = at_most(l->period_ms, total_ms);
	double day = (double)t / (double)total_ms - 0.5, rate = l->per_s * percent / 100;

	if (period)
		return (t + period / 2) % period < l->on_ms ? rate : 0;
	if (!l->by_day)
		return rate;
	rate *= 1 - 3.6 * day * day;
	return t % 60000 < 2000 ? rate * 5 : rate;
}

/* Refused at once: only IPv4 has a listener. */
static void try_v6(const struct load *l)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6,
				   .sin6_port = htons(l->port),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno == ECONNREFUSED)
		happened(OTHER_FAMILY);
	if (fd >= 0)
		close(fd);
}

static void client_start(const struct load *l, struct client *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(l->port) };
	struct sockaddr_in from = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	if (l->v6_first)
		try_v6(l);
	to.sin_addr.s_addr = l->patience_ms ? inet_addr(lab.far4) : htonl(INADDR_LOOPBACK);
	from.sin_addr.s_addr = htonl(0x7f010000U + (uint32_t)between(1, 60000));
	if (fd < 0)
		die("no socket");
	lose_some(fd);
	if (l->from_many &&
	    (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one)) ||
	     bind(fd, (struct sockaddr *)&from, sizeof(from))))
		die("cannot bind");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS) {
		close(fd);
		return;
	}
	*c = (struct client){ .fd = fd, .asks = l->asks, .due_ms = now_ms() + 20 };
	c->until_ms = l->patience_ms ? now_ms() + l->patience_ms : UINT64_MAX;
	if (c->asks > 1)
		c->asks = (unsigned int)between(1, c->asks);
}

static void client_end(const struct load *l, struct client *c)
{
	if (l->resets)
		close_with_reset(c->fd);
	else
		close(c->fd);
	c->fd = 0;
}

/* Takes what has come. False: nothing more will. */
static bool client_drain(int fd)
{
	static char buf[4096];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		;
	return n < 0 && errno == EAGAIN;
}

/* Neither refused nor answered yet, or one of them now. */
static void client_connect(const struct load *l, struct client *c)
{
	struct pollfd pfd = { .fd = c->fd, .events = POLLOUT };
	bool refused;

	c->due_ms = now_ms() + 50;
	if (!poll(&pfd, 1, 0)) {
		if (now_ms() < c->until_ms)
			return;
		happened(UNANSWERED);
		client_end(l, c);
		return;
	}
	c->connected = true;
	refused = pfd.revents & (POLLERR | POLLHUP);
	if (refused)
		happened(REFUSED);
	if (refused || l->resets)
		client_end(l, c);
}

/* Sent all, and the server closes when it has noticed. */
static void client_shut(struct client *c)
{
	if (!c->shut && !shutdown(c->fd, SHUT_WR))
		happened(UPLOADS);
	c->shut = true;
	c->due_ms = now_ms() + 100;
}

static void client_act(const struct load *l, struct client *c)
{
	static const char request[100];

	if (!c->connected) {
		client_connect(l, c);
		return;
	}
	if (!c->ending && !client_drain(c->fd)) {
		c->ending = true;
		c->due_ms = now_ms() + between(0, l->late_ms);
	} else if (!c->ending && c->asks) {
		c->asks--;
		send(c->fd, request, sizeof(request), MSG_NOSIGNAL);
		c->due_ms = now_ms() + between(l->think_ms * 9 / 10, l->think_ms);
	} else if (!c->ending && l->shuts_down) {
		client_shut(c);
	} else if (!c->ending && l->server_closes) {
		c->due_ms = now_ms() + 200;
	} else {
		client_end(l, c);
	}
}

static void load(const struct load *l)
{
	double owed = 0;
	bool was_on = false;
	unsigned int i;

	while (!over()) {
		if (l->period_ms && !was_on && rate_now(l) > 0)
			happened(JOBS);
		was_on = rate_now(l) > 0;
		for (owed += rate_now(l) * TICK_MS / 1000, i = 0; i < CONNS; i++) {
			struct client *c = &clients[i];

			if (c->fd && c->due_ms <= now_ms())
				client_act(l, c);
			if (!c->fd && owed > 0) {
				owed -= (double)between(0, 2000) / 1000; /* one, on average */
				client_start(l, c);
			}
		}
		poll(NULL, 0, TICK_MS);
	}
}

/* ---- strangers ------------------------------------------------------------------------------- */

static struct peer stranger(unsigned int port)
{
	char *end = stpcpy(lab.far4, lab.us4);

	snprintf(end - 1, 4, "%u", (unsigned int)between(3, 254));
	return (struct peer){
		.family = 4, .near = port, .far = (unsigned int)between(1024, 65000), .seq = dice()
	};
}

static void vanish_connected(void)
{
	struct peer p = stranger(8000);
	uint64_t end = now_ms() + 1000;
	struct segment seg;

	wire_send(&p, SYN, 0);
	while (now_ms() < end) {
		if (!wire_read(&p, &seg)) {
			poll(NULL, 0, 5);
		} else if (seg.flags & SYN) {
			wire_send(&p, ACK, 0);
			happened(VANISHED);
			return;
		}
	}
}

static void strangers(void)
{
	struct peer p;
	uint64_t n;

	wire_start();
	for (n = 0; !over(); n++) {
		p = stranger((unsigned int)between(10000, 60000));
		wire_send(&p, SYN, 0);
		happened(SCANNED);
		if (n % 5 == 2) {
			p = stranger(8000);
			wire_send(&p, SYN, 0);
			happened(HALF_OPEN);
		}
		if (n % 10 == 4)
			vanish_connected();
		poll(NULL, 0, (int)between(500, 1500));
		wire_drain(&p);
	}
	wire_stop();
}

/* ---- namespaces that come and go ------------------------------------------------------------- */

static void say_netns(uint64_t netns, const char *what)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	printf("{\"netns\":%llu,\"%s\":%lld}\n", (unsigned long long)netns, what,
	       (long long)ts.tv_sec);
	fflush(stdout);
}

/* Its sockets are in all states when it goes. */
static void visit(void)
{
	uint64_t end = now_ms() + between(4000, 12000);
	const struct load l = { .port = 8001, .from_many = true };
	unsigned int i, n = 0;
	struct client *c;
	int listener;

	lab_enter();
	say_netns(lab.netns, "from");
	happened(VISITS);
	listener = listen_at(8001);
	while (now_ms() < end) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		for (i = 0; i < 3; i++)
			client_start(&l, &clients[n++ % CONNS]);
		if (fd >= 0 && chance(0.5))
			close(fd);
		c = &clients[between(0, n - 1)];
		if (c->fd && chance(0.3))
			client_end(&l, c);
		poll(NULL, 0, 100);
	}
}

static void visitors(void)
{
	while (!over()) {
		int report[2];
		uint64_t netns = 0;
		pid_t pid;

		if (pipe2(report, O_CLOEXEC))
			die("no pipe");
		pid = fork();
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			visit();
			if (write(report[1], &lab.netns, sizeof(lab.netns)) < 0)
				_exit(1);
			_exit(0);
		}
		close(report[1]);
		if (read(report[0], &netns, sizeof(netns)) == sizeof(netns))
			say_netns(netns, "to");
		close(report[0]);
		waitpid(pid, NULL, 0);
		poll(NULL, 0, (int)between(8000, 16000));
	}
}

/* ---- an operator ----------------------------------------------------------------------------- */

/* A program that runs already is started again. */
static void start_twice(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(8001) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("no socket");
	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) && errno == EADDRINUSE)
		happened(IN_USE);
	close(fd);
}

/* As a migration of containers does: the socket goes and says nothing to its peer. */
static void move_away(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(8003) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		die("no socket");
	if (!connect(fd, (struct sockaddr *)&to, sizeof(to)) &&
	    !setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &one, sizeof(one)))
		happened(MOVED_AWAY);
	close(fd);
}

static void operate(void)
{
	while (!over()) {
		start_twice();
		move_away();
		poll(NULL, 0, (int)between(8000, 12000));
	}
}

/* ---- all together ---------------------------------------------------------------------------- */

static pid_t pids[32];
static unsigned int n_pids;

/* True: this is the child. */
static bool start(const char *comm)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		die("cannot fork");
	if (pid) {
		pids[n_pids++] = pid;
		return false;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	prctl(PR_SET_NAME, comm);
	dice_state = dice_state * 1000003 + n_pids + 1;
	return true;
}

static void set_up(void)
{
	parts = mmap(NULL, PARTS * sizeof(*parts), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (parts == MAP_FAILED)
		die("no memory");
	files_max();
	signal(SIGPIPE, SIG_IGN);
	lab_init();
	say_netns(lab.netns, "from");
	start_ms = now_ms();
}

static void parse(char **words)
{
	unsigned long long n;

	for (; *words; words++) {
		if (sscanf(*words, "seconds=%llu", &n) == 1)
			total_ms = n * 1000;
		else if (sscanf(*words, "percent=%llu", &n) == 1)
			percent = (double)n;
		else if (sscanf(*words, "seed=%llu", &n) == 1)
			dice_state = n + 1;
		else
			die("what is '%s'?", *words);
	}
}

/* Lines of names and of values take turns; each begins with its table. */
static void say_counters(const char *path)
{
	static char names[16384], values[16384];
	char *name, *value, *at_name, *at_value;
	FILE *f = fopen(path, "re");

	if (!f)
		die("cannot open %s", path);
	while (fgets(names, sizeof(names), f) && fgets(values, sizeof(values), f)) {
		name = strtok_r(names, ": \n", &at_name);
		value = strtok_r(values, ": \n", &at_value);
		printf("{\"table\":\"%s\"", name);
		while ((name = strtok_r(NULL, " \n", &at_name)) &&
		       (value = strtok_r(NULL, " \n", &at_value)))
			printf(",\"%s\":%s", name, value);
		puts("}");
	}
	fclose(f);
}

static void say_truth(void)
{
	unsigned int i;

	say_counters("/proc/thread-self/net/snmp");
	say_counters("/proc/thread-self/net/netstat");
	printf("{\"table\":\"roles\"");
	for (i = 0; i < PARTS; i++)
		printf(",\"%s\":%llu", part_names[i], (unsigned long long)parts[i]);
	puts("}");
}

int main(int argc, char **argv)
{
	unsigned int i;
	int status, failed = 0;

	parse(argv + (argc > 0));
	set_up();
	alarm((unsigned int)(total_ms / 1000) + WATCHDOG_S);
	for (i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
		if (start(servers[i].comm)) {
			serve(&servers[i]);
			_exit(0);
		}
	for (i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		if (start(loads[i].comm)) {
			load(&loads[i]);
			_exit(0);
		}
	if (start("strangers")) {
		strangers();
		_exit(0);
	}
	if (start("visitors")) {
		visitors();
		_exit(0);
	}
	if (start("operator")) {
		operate();
		_exit(0);
	}
	for (i = 0; i < n_pids; i++)
		if (waitpid(pids[i], &status, 0) != pids[i] || status)
			failed = 1;
	say_netns(lab.netns, "to");
	say_truth();
	return failed;
}
