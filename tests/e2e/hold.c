// SPDX-License-Identifier: GPL-2.0-only
/*
 * hold.c - TCP sockets in known states and numbers, in a network namespace of its own, held
 *
 *   hold [comm=NAME] [here] WORD=N...
 *
 * Words are done in order; then one line of JSON says where it is, and it stays until its standard
 * input ends. Lines of that input are words too, each answered by a line. All connections are made
 * to one listener at 127.0.0.1 (or ::1), port 8000.
 *
 *   comm=NAME      what the process is called
 *   here           in the namespace it is started in, as it is
 *   established=N  both ends held: 2 N sockets
 *   close_wait=N   the client has shut down and is held: N CLOSE_WAIT and N FIN_WAIT2
 *   orphan=N       the client is gone: N CLOSE_WAIT and N FIN_WAIT2 of the time-wait table
 *   alone=N        the client has vanished from its kernel (TCP_REPAIR): N CLOSE_WAIT only, from
 *                  127.0.0.2
 *   in_use=N       the client has shut down and reads on; the server sends a byte every 100 ms
 *   given_up=N     the client is gone before it was accepted: N CLOSE_WAIT in the accept queue
 *   time_wait=N    the client closed first: its ports are held back
 *   server_tw=N    the server closed first: TIME_WAIT at its port
 *   unaccepted=N   in the accept queue: 2 N ESTABLISHED
 *   syn_recv=N     half-open (TCP_DEFER_ACCEPT at port 8001), with N ESTABLISHED clients
 *   syn_sent=N     nobody answers (port 8002 drops everything)
 *   reset=N        the other end has vanished, data was sent, and its host answered with a reset
 *   dead=N         established, data sent, and the other end drops everything
 *   timed_out=N    the same, and they were given up (TCP_USER_TIMEOUT): done when they are
 *   listen=N       further listeners, from port 9000
 *   ports=N        ip_local_port_range is 40000 to 40000 + N - 1
 *   buckets=N      tcp_max_tw_buckets
 *   tw_reuse=N     tcp_tw_reuse
 *   ipv6=0|1       what follows is made over IPv6
 *   workers=N      what follows is divided among N processes, with listeners at 8010, 8020, ...:
 *                  a process has no more than its limit of descriptors
 *   leave=1        the process goes back to the namespace that it came from; its sockets stay
 *   seconds=N      it ends by itself after so many instead of 120
 *   leak=N         then: one more CLOSE_WAIT every 1 / N s, none is ever closed
 *   slow=N         then: N CLOSE_WAIT, each closed and replaced after a quarter of a second
 *   refused=N      then: N connects a second to port 8003, where nothing listens
 *   connects=N     then: N a second to port 8000, closed by the server when they succeed
 *   failover=N     then: N a second to port 8000, at ::1 (refused) and then at 127.0.0.1
 *   scan=N         then: N a second, each refused by another port
 *   hosts=N        refused=N goes to N addresses in turn
 *   serve=1        something listens on port 8003 from now on
 *   bound=N ...    more about local ports: hold_ports.h
 *
 * Bounds: at most 60000 of a word in a process, 1000 processes, 120 seconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT	    8000
#define MAX	    60000
#define WORKERS_MAX 1000
#define IN_USE_MAX  1000
#define SEND_MS	    100
#define SECONDS	    120

static int listeners[2];
static bool ipv6;
static unsigned int leak_rate, slow_count, n_in_use;
static struct {
	int client, server;
} in_use[IN_USE_MAX];
static int came_from = -1; /* network namespace */
static unsigned int attempt_rate, attempt_hosts = 1;
static void (*attempt)(void);
static int served = -1;		 /* listens on port 8003 */
static unsigned int port = PORT; /* of the listener; a worker's is another */

struct worker {
	pid_t pid;
	int words; /* a pipe to its standard input */
};

static struct worker workers[WORKERS_MAX];
static unsigned int n_workers;
static int answers = -1; /* a line of a worker, when it has done a word */

static void die(const char *what)
{
	fprintf(stderr, "hold: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static void set_number(const char *path, unsigned int n)
{
	char text[32];

	snprintf(text, sizeof(text), "%u", n);
	write_file(path, text);
}

static void new_namespace(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	struct rlimit files;
	int fd;

	came_from = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWNET)) {
		fprintf(stderr, "skip: no network namespace: %s\n", strerror(errno));
		exit(77);
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &ifr))
		die("lo");
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		die("lo up");
	close(fd);
	if (getrlimit(RLIMIT_NOFILE, &files))
		die("RLIMIT_NOFILE");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("RLIMIT_NOFILE");
	/* A queue for everything at once. */
	set_number("/proc/sys/net/core/somaxconn", 65535);
	set_number("/proc/sys/net/ipv4/tcp_max_syn_backlog", 65535);
}

static socklen_t address(struct sockaddr_storage *ss, bool six, unsigned int at)
{
	memset(ss, 0, sizeof(*ss));
	if (six) {
		struct sockaddr_in6 *in6 = (void *)ss;

		in6->sin6_family = AF_INET6;
		in6->sin6_addr = in6addr_loopback;
		in6->sin6_port = htons((uint16_t)at);
		return sizeof(*in6);
	}
	struct sockaddr_in *in = (void *)ss;

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in->sin_port = htons((uint16_t)at);
	return sizeof(*in);
}

static int listen_at(bool six, unsigned int at, int defer)
{
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, six, at);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    (defer && setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer, sizeof(defer))) ||
	    bind(fd, (struct sockaddr *)&ss, len) || listen(fd, 65535))
		die("listen");
	return fd;
}

static void drop_everything(int fd)
{
	struct sock_filter code = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog prog = { .len = 1, .filter = &code };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)))
		die("SO_ATTACH_FILTER");
}

static int connect_to(unsigned int at, bool wait)
{
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, ipv6, at);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | (wait ? 0 : SOCK_NONBLOCK), 0);

	if (fd < 0 || (connect(fd, (struct sockaddr *)&ss, len) && (wait || errno != EINPROGRESS)))
		die("connect");
	return fd;
}

static int connect_from(in_addr_t from)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(from) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&in, sizeof(in)))
		die("bind");
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in.sin_port = htons((uint16_t)port);
	if (connect(fd, (struct sockaddr *)&in, sizeof(in)))
		die("connect");
	return fd;
}

static int listener(void)
{
	if (!listeners[ipv6])
		listeners[ipv6] = listen_at(ipv6, port, 0);
	return listeners[ipv6];
}

static void make_pair_from(in_addr_t from, int *client, int *server)
{
	int l = listener();

	*client = from ? connect_from(from) : connect_to(port, true);
	*server = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	if (*server < 0)
		die("accept");
}

static void make_pair(int *client, int *server)
{
	make_pair_from(0, client, server);
}

/* The peer's FIN has come. */
static void wait_eof(int fd)
{
	char c;

	if (read(fd, &c, 1))
		die("end of file");
}

/* Acknowledge it now, not after the 40 ms of a delayed ACK. */
static void acknowledge(int fd)
{
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one)))
		die("TCP_QUICKACK");
}

static unsigned int state_of(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		die("TCP_INFO");
	return info.tcpi_state;
}

/* Away without a segment: in repair mode tcp_disconnect() sends no reset. */
static void vanish(int fd)
{
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &one, sizeof(one)))
		die("TCP_REPAIR");
	close(fd);
}

static void half_close(int client, int server)
{
	if (shutdown(client, SHUT_WR))
		die("shutdown");
	wait_eof(server);
	acknowledge(server);
	while (state_of(client) != TCP_FIN_WAIT2)
		usleep(100);
}

static void use_one(void)
{
	if (n_in_use == IN_USE_MAX)
		die("in_use");
	make_pair(&in_use[n_in_use].client, &in_use[n_in_use].server);
	half_close(in_use[n_in_use].client, in_use[n_in_use].server);
	n_in_use++;
}

static void use_all(void)
{
	unsigned int i;
	char c = 'x';

	for (i = 0; i < n_in_use; i++)
		if (write(in_use[i].server, &c, 1) != 1 || read(in_use[i].client, &c, 1) != 1)
			die("in_use");
}

static void give_up(void)
{
	listener();
	close(connect_to(port, true));
}

static void leave(void)
{
	if (came_from < 0 || setns(came_from, CLONE_NEWNET))
		die("leave");
	close(came_from);
	came_from = -1;
}

static int close_wait(bool orphan)
{
	int client, server;

	make_pair(&client, &server);
	if (orphan)
		close(client);
	else if (shutdown(client, SHUT_WR))
		die("shutdown");
	wait_eof(server);
	acknowledge(server);
	while (!orphan && state_of(client) != TCP_FIN_WAIT2)
		usleep(100);
	return server;
}

/* From an address of its own: another connection must not get the port that is free again. */
static void alone(void)
{
	int client, server;

	make_pair_from(INADDR_LOOPBACK + 1, &client, &server);
	if (shutdown(client, SHUT_WR))
		die("shutdown");
	wait_eof(server);
	acknowledge(server);
	while (state_of(client) != TCP_FIN_WAIT2)
		usleep(100);
	vanish(client);
}

static void closed_by(bool by_server)
{
	int client, server;

	make_pair(&client, &server);
	close(by_server ? server : client);
	wait_eof(by_server ? client : server);
	close(by_server ? client : server);
}

static void dead(unsigned int n)
{
	int client, server;

	while (n--) {
		make_pair(&client, &server);
		drop_everything(server);
		if (write(client, "x", 1) != 1)
			die("write");
	}
}

/* The second retransmission comes after 0.6 s: never three in a row. */
static void timed_out(unsigned int n)
{
	int clients[MAX], server, ms = 500;
	unsigned int i;

	for (i = 0; i < n; i++) {
		make_pair(&clients[i], &server);
		drop_everything(server);
		if (setsockopt(clients[i], IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)) ||
		    write(clients[i], "x", 1) != 1)
			die("write");
	}
	for (i = 0; i < n; i++)
		while (state_of(clients[i]) != TCP_CLOSE)
			usleep(1000);
}

static void reset(unsigned int n)
{
	int client, server;

	while (n--) {
		make_pair(&client, &server);
		vanish(server);
		if (write(client, "x", 1) != 1)
			die("write");
		while (state_of(client) != TCP_CLOSE)
			usleep(100);
	}
}

/* ---- connects that may fail ------------------------------------------------------------------ */

/* Closed by the server first: its end keeps the TIME_WAIT. */
static void attempt_to(bool six, in_addr_t to, unsigned int at, int accepts)
{
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, six, at);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;

	if (!six)
		((struct sockaddr_in *)&ss)->sin_addr.s_addr = htonl(to);
	if (fd < 0)
		die("socket");
	if (!connect(fd, (struct sockaddr *)&ss, len)) {
		peer = accept4(accepts, NULL, NULL, SOCK_CLOEXEC);
		if (peer < 0 || close(peer))
			die("accept");
		wait_eof(fd);
	}
	close(fd);
}

static void try_refused(void)
{
	static unsigned int n;

	attempt_to(false,
		   attempt_hosts > 1 ? INADDR_LOOPBACK + 256 + n++ % attempt_hosts :
				       INADDR_LOOPBACK,
		   port + 3, served);
}

static void try_listener(void)
{
	attempt_to(false, INADDR_LOOPBACK, port, listener());
}

static void try_both(void)
{
	attempt_to(true, 0, port, -1);
	try_listener();
}

static void try_next_port(void)
{
	static unsigned int n;

	attempt_to(false, INADDR_LOOPBACK, 20000 + n++ % 10000, -1);
}

static bool do_attempts(const char *word, unsigned int n)
{
	static const struct {
		const char *word;
		void (*fn)(void);
	} all[] = { { "refused", try_refused },
		    { "connects", try_listener },
		    { "failover", try_both },
		    { "scan", try_next_port } };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(word, all[i].word))
			continue;
		attempt = all[i].fn;
		attempt_rate = n;
		return true;
	}
	if (!strcmp(word, "hosts"))
		attempt_hosts = n;
	else if (!strcmp(word, "serve"))
		served = listen_at(false, port + 3, 0);
	else
		return false;
	return true;
}

static void start_workers(unsigned int n);

#include "hold_ports.h"

static void do_word(const char *word, unsigned int n)
{
	unsigned int i;
	char range[32];
	int a, b;

	if (!strcmp(word, "established"))
		for (i = 0; i < n; i++)
			make_pair(&a, &b);
	else if (!strcmp(word, "close_wait") || !strcmp(word, "orphan"))
		for (i = 0; i < n; i++)
			close_wait(word[0] == 'o');
	else if (!strcmp(word, "in_use"))
		for (i = 0; i < n; i++)
			use_one();
	else if (!strcmp(word, "given_up"))
		for (i = 0; i < n; i++)
			give_up();
	else if (!strcmp(word, "leave"))
		leave();
	else if (!strcmp(word, "alone"))
		for (i = 0; i < n; i++)
			alone();
	else if (!strcmp(word, "time_wait") || !strcmp(word, "server_tw"))
		for (i = 0; i < n; i++)
			closed_by(word[0] == 's');
	else if (!strcmp(word, "unaccepted"))
		for (i = 0, listener(); i < n; i++)
			connect_to(port, true);
	else if (!strcmp(word, "syn_recv"))
		for (i = 0, listen_at(ipv6, port + 1, 60); i < n; i++)
			connect_to(port + 1, true);
	else if (!strcmp(word, "syn_sent"))
		for (i = 0, drop_everything(listen_at(ipv6, port + 2, 0)); i < n; i++)
			connect_to(port + 2, false);
	else if (!strcmp(word, "dead"))
		dead(n);
	else if (!strcmp(word, "timed_out"))
		timed_out(n);
	else if (!strcmp(word, "reset"))
		reset(n);
	else if (!strcmp(word, "listen"))
		for (i = 0; i < n; i++)
			listen_at(ipv6, port + 1000 + i, 0);
	else if (!strcmp(word, "ports")) {
		snprintf(range, sizeof(range), "40000 %u", 40000 + n - 1);
		write_file("/proc/sys/net/ipv4/ip_local_port_range", range);
	} else if (!strcmp(word, "buckets"))
		set_number("/proc/sys/net/ipv4/tcp_max_tw_buckets", n);
	else if (!strcmp(word, "tw_reuse"))
		set_number("/proc/sys/net/ipv4/tcp_tw_reuse", n);
	else if (!strcmp(word, "ipv6"))
		ipv6 = n;
	else if (!strcmp(word, "workers"))
		start_workers(n);
	else if (!strcmp(word, "seconds"))
		alarm(n);
	else if (!strcmp(word, "leak"))
		leak_rate = n;
	else if (!strcmp(word, "slow"))
		slow_count = n;
	else if (!do_attempts(word, n) && !ports_word(word, n)) {
		errno = EINVAL;
		die(word);
	}
}

static void take_word(char *text);

/* The end of standard input; a line of it is a word. */
static bool told_to_stop(int ms)
{
	struct pollfd in = { .fd = 0, .events = POLLIN };
	char line[64];

	if (poll(&in, 1, ms) <= 0)
		return false;
	if (!fgets(line, sizeof(line), stdin))
		return true;
	take_word(line);
	printf("{\"done\":\"%s\"}\n", line);
	fflush(stdout);
	return false;
}

static void be_slow(void)
{
	int held[1024];
	unsigned int i, n = slow_count < 1024 ? slow_count : 1024;

	for (i = 0; i < n; i++)
		held[i] = close_wait(true);
	for (i = 0; !told_to_stop((int)(250 / n) + 1); i = (i + 1) % n) {
		close(held[i]);
		held[i] = close_wait(true);
	}
}

static int pause_ms(void)
{
	if (leak_rate)
		return (int)(1000 / leak_rate);
	if (attempt_rate)
		return (int)(1000 / attempt_rate);
	return n_in_use ? SEND_MS : -1;
}

/* ---- workers --------------------------------------------------------------------------------- */

static __attribute__((noreturn)) void work(unsigned int i, int words, int answer)
{
	port = PORT + 10 * (i + 1);
	memset(listeners, 0, sizeof(listeners));
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || dup2(words, 0) < 0 || dup2(answer, 1) < 0)
		die("worker");
	while (!told_to_stop(-1))
		;
	exit(0);
}

static void start_workers(unsigned int n)
{
	int words[2], back[2];
	unsigned int i;

	if (n_workers || !n || n > WORKERS_MAX || pipe2(back, O_CLOEXEC))
		die("workers");
	for (i = 0; i < n; i++) {
		if (pipe2(words, O_CLOEXEC))
			die("pipe");
		workers[i] = (struct worker){ .pid = fork(), .words = words[1] };
		if (workers[i].pid < 0)
			die("fork");
		if (!workers[i].pid)
			work(i, words[0], back[1]);
		close(words[0]);
	}
	close(back[1]);
	answers = back[0];
	n_workers = n;
}

static bool is_setting(const char *word)
{
	static const char *const settings[] = { "ports",   "buckets", "tw_reuse",
						"workers", "seconds", "ipv6" };
	size_t i;

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (!strcmp(word, settings[i]))
			return true;
	return false;
}

static void divide(const char *word, unsigned int n)
{
	unsigned int i, lines = 0;
	char text[4096];
	ssize_t got, at;

	for (i = 0; i < n_workers; i++) {
		unsigned int share = n / n_workers + (i < n % n_workers);

		if (is_setting(word))
			share = n;
		dprintf(workers[i].words, "%s=%u\n", word, share);
	}
	while (lines < n_workers) {
		got = read(answers, text, sizeof(text));
		if (got <= 0)
			die("a worker");
		for (at = 0; at < got; at++)
			lines += text[at] == '\n';
	}
}

static void stop_workers(void)
{
	unsigned int i;

	for (i = 0; i < n_workers; i++)
		kill(workers[i].pid, SIGKILL);
	while (n_workers && wait(NULL) > 0)
		;
}

/* WORD=N; ends after WORD then. */
static void take_word(char *text)
{
	char *value = strchr(text, '=');
	unsigned long n = value ? strtoul(value + 1, NULL, 10) : 0;

	if (value)
		*value = '\0';
	if (!value || (n > MAX * (n_workers ? n_workers : 1ul) && !is_setting(text))) {
		fprintf(stderr, "usage: hold WORD=N...\n");
		exit(2);
	}
	if (n_workers)
		divide(text, (unsigned int)n);
	else
		do_word(text, (unsigned int)n);
}

int main(int argc, char **argv)
{
	struct stat st;
	int i;

	setvbuf(stdin, NULL, _IONBF, 0); /* what it has taken, poll() does not tell */
	alarm(SECONDS);
	if (argc > 1 && !strncmp(argv[1], "comm=", 5)) {
		prctl(PR_SET_NAME, argv[1] + 5);
		argv++;
		argc--;
	}
	if (argc > 1 && !strcmp(argv[1], "here")) {
		argv++;
		argc--;
	} else {
		new_namespace();
	}
	for (i = 1; i < argc; i++)
		take_word(argv[i]);
	if (stat("/proc/self/ns/net", &st))
		die("namespace");
	printf("{\"netns\":%lu,\"pid\":%d}\n", (unsigned long)st.st_ino, getpid());
	fflush(stdout);

	if (slow_count)
		be_slow();
	while (!told_to_stop(pause_ms())) {
		if (leak_rate)
			close_wait(true);
		if (attempt_rate)
			attempt();
		use_all();
	}
	stop_workers();
	return 0;
}
