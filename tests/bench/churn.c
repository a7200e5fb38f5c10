// SPDX-License-Identifier: GPL-2.0-only
/*
 * churn: open and close TCP connections as fast as the machine can, and say how many.
 *
 * What: N client and N server processes (so the two ends of a connection never share a task)
 * in a network namespace of churn's own; the traffic is loopback inside it and nothing else on
 * the host sees or carries it. A connection that is closed in the ordinary way makes exactly
 * ten state changes:
 *
 *	CLOSE > SYN_SENT > ESTABLISHED > FIN_WAIT1 > FIN_WAIT2 > CLOSE	first to close
 *	LISTEN > SYN_RECV > ESTABLISHED > CLOSE_WAIT > LAST_ACK > CLOSE	the other end
 *
 * (SYN_SENT and SYN_RECV change ends when the server closes first.)
 *
 * Why: a monitor is measured by the slowdown it causes here, and is right when it has counted
 * each of these changes.
 *
 * Bounds: --connections or --seconds ends it, an alarm ends it when that fails; at most
 * window = (workers + 1) * BATCH connections of a pair are open at a time, so no queue overflows
 * and no SYN is ever sent twice. Ports: each pair has a server port and ADDRESSES destination
 * addresses of its own, 44 000 local ports each. TIME_WAIT: --tw sets tcp_max_tw_buckets in the
 * namespace. A refused bucket changes no event: the socket goes to CLOSE at the same place, and
 * the other end, in LAST_ACK, is closed by a reset instead of an ACK, which is the same change
 * and as many segments. A limit keeps the memory bounded and every second of a run alike.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH	     64 /* connections per credit, and open at once in --close server */
#define ADDRESSES    8	/* destination addresses per pair */
#define PAIRS_MAX    64
#define WORKERS_MAX  16
#define BYTES_MAX    65536
#define HOLD_MAX     500000
#define HOLD_CHUNK   10000 /* held connections per pair of holder processes */
#define HOLDERS_MAX  (HOLD_MAX / 100)
#define LOCAL_PORTS  "21000 65500"
#define PORT_DEFAULT 20000 /* below every usual ephemeral range, this one's included */

enum close_mode { CLOSE_CLIENT = 1, CLOSE_SERVER, CLOSE_MIX, CLOSE_RACE };

static struct {
	int pairs;
	int workers;
	uint64_t connections;
	double seconds;
	enum close_mode close_mode;
	size_t bytes;
	int port;
	int hold;
	int tw;
	bool pin;
	bool gate;
} opt = {
	.pairs = 4,
	.workers = 1,
	.close_mode = CLOSE_CLIENT,
	.port = PORT_DEFAULT,
	.tw = 4096,
};

/* Shared with the children: who has done how much. One cache line each. */
struct tally {
	_Alignas(64) _Atomic uint64_t done;
};

struct shared {
	struct tally client[PAIRS_MAX];
	struct tally server[PAIRS_MAX][WORKERS_MAX];
	struct tally holder[HOLDERS_MAX];
};

static struct shared *shared;

static __attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	fputs("churn: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(err));
	exit(1);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void nap_us(long us)
{
	struct timespec ts = { .tv_nsec = us * 1000 };

	nanosleep(&ts, NULL);
}

/* A container may have /proc/sys read-only: go on with the kernel's default and say so. */
static void sysctl_set(const char *path, const char *value)
{
	FILE *f = fopen(path, "we");
	bool ok;

	ok = f && fputs(value, f) >= 0;
	if (f && fclose(f))
		ok = false;
	if (!ok)
		fprintf(stderr, "churn: warning: cannot set %s to %s\n", path, value);
}

static uint64_t netns_enter(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	char number[16];
	struct stat st;
	int fd;

	if (unshare(CLONE_NEWNET))
		die("cannot make a network namespace");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	ifr.ifr_flags = IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		die("cannot bring lo up");
	close(fd);
	/* /proc/sys/net shows the namespace of the task that opens it */
	snprintf(number, sizeof(number), "%d", opt.tw);
	sysctl_set("/proc/sys/net/ipv4/tcp_max_tw_buckets", number);
	sysctl_set("/proc/sys/net/ipv4/ip_local_port_range", LOCAL_PORTS);
	if (stat("/proc/self/ns/net", &st))
		die("/proc/self/ns/net");
	return st.st_ino;
}

static int listener_open(int port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_ANY),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)))
		die("bind to port %d", port);
	if (listen(fd, 4096))
		die("listen");
	return fd;
}

/* 127.<16 + pair>.0.<1 + n>: an even n is closed by the client in --close mix */
static struct sockaddr_in destination(int pair, int n, int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr =
			htonl(0x7f000001U + (16U + (uint32_t)pair) * 0x10000U + (uint32_t)n),
	};
}

static int connect_to(const struct sockaddr_in *sin)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (const struct sockaddr *)sin, sizeof(*sin)))
		die("connect");
	return fd;
}

static char payload[BYTES_MAX];

static void payload_send(int fd)
{
	if (opt.bytes && send(fd, payload, opt.bytes, MSG_NOSIGNAL) < 0 && errno != EPIPE &&
	    errno != ECONNRESET)
		die("send");
}

static void payload_drain(int fd)
{
	static char sink[BYTES_MAX];

	while (recv(fd, sink, sizeof(sink), 0) > 0)
		;
}

static bool client_first(int address)
{
	return opt.close_mode == CLOSE_CLIENT || (opt.close_mode == CLOSE_MIX && !(address & 1));
}

static void child_begin(const char *name, int pair, int cpu)
{
	char comm[16];
	cpu_set_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(comm, sizeof(comm), "%s%d", name, pair);
	prctl(PR_SET_NAME, comm);
	if (!opt.pin)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu % (size_t)sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Returns when the parent closes its end. */
static void gate_wait(int fd)
{
	char c;

	while (read(fd, &c, 1) < 0 && errno == EINTR)
		;
}

static __attribute__((noreturn)) void client_run(int pair, int credit, int gate)
{
	uint64_t quota = opt.connections / (uint64_t)opt.pairs, n = 0, served, unused;
	struct sockaddr_in to[ADDRESSES];
	int fds[BATCH], i, last, w, addr = 0;
	double deadline;

	if ((uint64_t)pair < opt.connections % (uint64_t)opt.pairs)
		quota++;
	for (i = 0; i < ADDRESSES; i++)
		to[i] = destination(pair, i, opt.port + pair);
	gate_wait(gate);
	deadline = now_s() + opt.seconds;
	while (opt.connections ? n < quota : now_s() < deadline) {
		if (read(credit, &unused, sizeof(unused)) < 0)
			die("credit");
		last = BATCH;
		if (opt.connections && quota - n < BATCH)
			last = (int)(quota - n);
		for (i = 0; i < last; i++) {
			fds[i] = connect_to(&to[(addr + i) % ADDRESSES]);
			payload_send(fds[i]);
			if (client_first((addr + i) % ADDRESSES)) {
				close(fds[i]);
				fds[i] = -1;
			}
		}
		for (i = 0; i < last; i++) {
			if (fds[i] < 0)
				continue;
			if (opt.close_mode != CLOSE_RACE)
				payload_drain(fds[i]);
			close(fds[i]);
		}
		addr = (addr + last) % ADDRESSES;
		n += (uint64_t)last;
	}
	do {
		nap_us(200);
		for (served = 0, w = 0; w < opt.workers; w++)
			served += atomic_load(&shared->server[pair][w].done);
	} while (served < n);
	atomic_store(&shared->client[pair].done, n);
	_exit(0);
}

static bool server_waits(int fd)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	if (opt.close_mode != CLOSE_MIX)
		return opt.close_mode == CLOSE_CLIENT;
	if (getsockname(fd, (struct sockaddr *)&sin, &len))
		die("getsockname");
	return client_first((int)(ntohl(sin.sin_addr.s_addr) - 1) & (ADDRESSES - 1));
}

static __attribute__((noreturn)) void server_run(int pair, int worker, int listener, int credit)
{
	static char in[BYTES_MAX];
	uint64_t n = 0, one = 1;
	int fd;

	for (;;) {
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			die("accept");
		if (server_waits(fd))
			payload_drain(fd);
		else if (opt.bytes && opt.close_mode != CLOSE_RACE)
			recv(fd, in, opt.bytes, MSG_WAITALL);
		close(fd);
		n++;
		atomic_store_explicit(&shared->server[pair][worker].done, n, memory_order_relaxed);
		if (n % BATCH == 0 && write(credit, &one, sizeof(one)) < 0)
			die("credit");
	}
}

/* Holders: a client and a server process keep up to HOLD_CHUNK connections and then sleep. */
static __attribute__((noreturn)) void hold_run(int index, int count, bool server, int listener)
{
	struct sockaddr_in to = destination(200 - 16, index & 127, opt.port + opt.pairs);
	int i;

	to.sin_addr.s_addr = htonl(ntohl(to.sin_addr.s_addr) + 256U * (uint32_t)(index / 128));
	for (i = 0; i < count; i++) {
		if (server) {
			if (accept4(listener, NULL, NULL, SOCK_CLOEXEC) < 0)
				die("accept of a held connection");
			atomic_store(&shared->holder[index].done, (uint64_t)i + 1);
			continue;
		}
		while ((uint64_t)i > atomic_load(&shared->holder[index].done) + 1000)
			nap_us(100);
		connect_to(&to);
	}
	for (;;)
		pause();
}

static void kill_all(const pid_t *pids, int n)
{
	int i;

	for (i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	for (i = 0; i < n; i++)
		waitpid(pids[i], NULL, 0);
}

/* Opens the held connections, all in place on return. Returns the number of processes. */
static int hold_open(pid_t *pids, int gate)
{
	int left = opt.hold, index = 0, n = 0, side, listener, count, chunk;
	struct rlimit lim;

	if (!left)
		return 0;
	chunk = HOLD_CHUNK;
	if (!getrlimit(RLIMIT_NOFILE, &lim)) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
		if (lim.rlim_max != RLIM_INFINITY && lim.rlim_max < (rlim_t)chunk + 100)
			chunk = lim.rlim_max > 200 ? (int)lim.rlim_max - 100 : 100;
	}
	/* a listener each would cost more events; one for all, its queue is bounded by naps */
	listener = listener_open(opt.port + opt.pairs);
	for (; left; index++, left -= count) {
		count = left < chunk ? left : chunk;
		for (side = 0; side < 2; side++) {
			pids[n] = fork();
			if (pids[n] < 0)
				die("fork");
			if (!pids[n]) {
				child_begin(side ? "hold-c" : "hold-s", index, index);
				close(gate); /* or it would stay shut */
				hold_run(index, count, !side, listener);
			}
			n++;
		}
		/* one chunk after the other keeps the accept order and the chunks apart */
		while (atomic_load(&shared->holder[index].done) < (uint64_t)count) {
			if (waitpid(-1, NULL, WNOHANG) > 0) {
				kill_all(pids, n);
				errno = ECHILD;
				die("a holder process died");
			}
			nap_us(1000);
		}
	}
	close(listener);
	return n;
}

/* With --gate: one line (or the end) of standard input opens the next stage. */
static void stdin_gate(void)
{
	char c;

	fflush(stdout);
	if (!opt.gate)
		return;
	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		;
}

static void usage(FILE *out)
{
	fputs("usage: churn [OPTION...]\n"
	      "  --threads N          client processes, and as many servers (default 4)\n"
	      "  --workers N          server processes per listener (default 1)\n"
	      "  --connections M      stop after M connections in all\n"
	      "  --seconds S          stop after S seconds (default 2)\n"
	      "  --close WHO          who closes first: client, server, mix (alternating), race\n"
	      "  --bytes N            payload the client sends (default 0)\n"
	      "  --port P             server ports P, P+1, ... (default 20000); held: P+threads\n"
	      "  --pin                client i on CPU i, its server on the next\n"
	      "  --hold N             open and hold N connections (2 N sockets) first\n"
	      "  --tw N               tcp_max_tw_buckets in the namespace (default 4096)\n"
	      "  --gate               a line on stdin opens each stage: hold, run, exit\n"
	      "Prints JSON lines: netns (namespace made, servers listen), ready (held connections\n"
	      "are open), result.\n",
	      out);
}

static long number(const char *text, long min, long max, const char *what)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < min || n > max) {
		fprintf(stderr, "churn: --%s: %s is not a number from %ld to %ld\n", what, text,
			min, max);
		exit(2);
	}
	return n;
}

static void parse(int argc, char **argv)
{
	static const char *const modes[] = { "", "client", "server", "mix", "race" };
	static const struct option longs[] = {
		{ "threads", 1, NULL, 't' },
		{ "workers", 1, NULL, 'w' },
		{ "connections", 1, NULL, 'c' },
		{ "seconds", 1, NULL, 's' },
		{ "close", 1, NULL, 'x' },
		{ "bytes", 1, NULL, 'b' },
		{ "port", 1, NULL, 'p' },
		{ "pin", 0, NULL, 'P' },
		{ "hold", 1, NULL, 'H' },
		{ "tw", 1, NULL, 'T' },
		{ "gate", 0, NULL, 'g' },
		{ "help", 0, NULL, 'h' },
		{ 0 },
	};
	char *end;
	int c, i;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 't':
			opt.pairs = (int)number(optarg, 1, PAIRS_MAX, "threads");
			break;
		case 'w':
			opt.workers = (int)number(optarg, 1, WORKERS_MAX, "workers");
			break;
		case 'c':
			opt.connections = (uint64_t)number(optarg, 1, 100000000, "connections");
			break;
		case 's':
			opt.seconds = strtod(optarg, &end);
			if (end == optarg || *end || !(opt.seconds > 0) || opt.seconds > 3600) {
				fputs("churn: --seconds: 0 < S <= 3600\n", stderr);
				exit(2);
			}
			break;
		case 'x':
			opt.close_mode = 0;
			for (i = 1; i <= CLOSE_RACE; i++)
				if (!strcmp(optarg, modes[i]))
					opt.close_mode = i;
			if (!opt.close_mode) {
				fputs("churn: --close: client, server, mix or race\n", stderr);
				exit(2);
			}
			break;
		case 'b':
			opt.bytes = (size_t)number(optarg, 0, BYTES_MAX, "bytes");
			break;
		case 'p':
			opt.port = (int)number(optarg, 1024, 20900, "port");
			break;
		case 'P':
			opt.pin = true;
			break;
		case 'H':
			opt.hold = (int)number(optarg, 0, HOLD_MAX, "hold");
			break;
		case 'T':
			opt.tw = (int)number(optarg, 0, 10000000, "tw");
			break;
		case 'g':
			opt.gate = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(2);
		}
	}
	if (optind < argc || (opt.connections && opt.seconds > 0)) {
		usage(stderr);
		exit(2);
	}
	if (!opt.connections && !(opt.seconds > 0))
		opt.seconds = 2;
}

static double cpu_s(const struct rusage *ru)
{
	return (double)(ru->ru_utime.tv_sec + ru->ru_stime.tv_sec) +
	       (double)(ru->ru_utime.tv_usec + ru->ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	static pid_t clients[PAIRS_MAX], servers[PAIRS_MAX * WORKERS_MAX], holders[2 * HOLDERS_MAX];
	int gate[2], credit, listener, i, w, nservers = 0, nholders, status, failed = 0;
	uint64_t netns, total = 0;
	struct rusage ru;
	double t0, took;

	parse(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	netns = netns_enter();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		die("mmap");
	if (pipe2(gate, O_CLOEXEC))
		die("pipe");
	for (i = 0; i < opt.pairs; i++) {
		listener = listener_open(opt.port + i);
		credit = eventfd((unsigned int)opt.workers + 1, EFD_SEMAPHORE | EFD_CLOEXEC);
		if (credit < 0)
			die("eventfd");
		for (w = 0; w < opt.workers; w++) {
			servers[nservers] = fork();
			if (servers[nservers] < 0)
				die("fork");
			if (!servers[nservers]) {
				child_begin("churn-s", i, i + 1 + w);
				close(gate[0]);
				close(gate[1]);
				server_run(i, w, listener, credit);
			}
			nservers++;
		}
		clients[i] = fork();
		if (clients[i] < 0)
			die("fork");
		if (!clients[i]) {
			child_begin("churn-c", i, i);
			close(listener);
			close(gate[1]);
			client_run(i, credit, gate[0]);
		}
		close(listener);
		close(credit);
	}
	printf("{\"type\":\"netns\",\"netns\":%" PRIu64 ",\"ports\":\"%d-%d\",\"clients\":[", netns,
	       opt.port, opt.port + opt.pairs - 1);
	for (i = 0; i < opt.pairs; i++)
		printf("%s%d", i ? "," : "", clients[i]);
	printf("],\"servers\":[");
	for (i = 0; i < nservers; i++)
		printf("%s%d", i ? "," : "", servers[i]);
	printf("]}\n");
	if (opt.hold)
		stdin_gate();
	nholders = hold_open(holders, gate[1]);
	printf("{\"type\":\"ready\",\"held\":%d}\n", opt.hold);
	stdin_gate();

	/* the longest time a run may take; whoever is late is killed with the parent */
	alarm(30 + (opt.connections ? (unsigned int)(opt.connections / 2000) :
				      (unsigned int)opt.seconds));
	t0 = now_s();
	close(gate[1]);
	for (i = 0; i < opt.pairs; i++) {
		if (waitpid(clients[i], &status, 0) < 0 || status)
			failed = 1;
		total += atomic_load(&shared->client[i].done);
	}
	took = now_s() - t0;
	alarm(0);
	kill_all(servers, nservers);
	getrusage(RUSAGE_CHILDREN, &ru);
	printf("{\"type\":\"result\",\"connections\":%" PRIu64 ",\"seconds\":%.3f,"
	       "\"conns_per_s\":%.0f,\"transitions\":",
	       total, took, (double)total / took);
	if (opt.close_mode == CLOSE_RACE)
		printf("null");
	else
		printf("%" PRIu64, total * 10);
	printf(",\"threads\":%d,\"cpu_s\":%.3f,\"failed\":%s}\n", opt.pairs, cpu_s(&ru),
	       failed ? "true" : "false");
	if (opt.hold)
		stdin_gate();
	kill_all(holders, nholders);
	return failed;
}
