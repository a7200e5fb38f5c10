// SPDX-License-Identifier: GPL-2.0-only
/*
 * heirs.c - TCP sockets that change hands between processes of one network namespace
 *
 *   heirs           in a network namespace of its own
 *   heirs here      in the network namespace it is started in
 *   heirs inode=N   in a new network namespace with inode number N; status 77 if none gets it
 *
 * The controller starts named processes and sends them commands. One line of standard input is one
 * command; each is answered by one line of JSON after it is done. The first line of the output
 * describes the namespace: {"netns":INODE,"netns_cookie":"COOKIE","pid":CONTROLLER}.
 *
 *   new NAME                    start the process NAME (its comm), a child of the controller
 *   NAME listen port=P [...]    listen at the loopback address; backlog=N (default 128)
 *   NAME connect port=P [...]   connect n=N sockets (default 1); nonblock=1: do not wait;
 *                               deaf=1: every segment that arrives is dropped
 *   NAME accept [n=N]           accept N connections of the listener
 *   NAME eof                    wait for the end of file of each connection
 *   NAME shut                   shutdown(SHUT_WR) of each connection
 *   NAME stop                   shutdown(SHUT_RDWR) of the listener
 *   NAME close what=W           close(2): W is sockets or listener
 *   NAME give to=NAME what=W    pass copies with SCM_RIGHTS
 *   NAME fork name=NAME         start a child that inherits the listener and the connections
 *   NAME exec name=NAME         execve(2) of this program as NAME; every socket is kept
 *   NAME exit                   exit(2); answered when the process is reaped
 *   quit                        kill every process, then exit
 *
 * Further arguments of listen and connect: family=6 for ::1 instead of 127.0.0.1, mptcp=1.
 *
 * The answer: {"name":"giver","verb":"connect","pid":17,"mono_ns":123,"ports":[40000,40002]}. ports
 * are the local ports of new connections (remote ports after accept), mono_ns is CLOCK_MONOTONIC
 * after the command. {"skip":"reason"}: this host cannot do it. Errors: a sentence on stderr, and
 * the controller exits with status 1.
 *
 * Bounds: 16 processes with one listener and 64 connections each, 120 s.
 */
#include <linux/filter.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#include "lab.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define PROCESSES_MAX 16
#define SOCKETS_MAX   64
#define NAMESPACES    400 /* held at a time in search of an inode number */
#define TEXT_MAX      2048
#define NAME_MAX_LEN  16
#define RUN_S	      120

/* A command or an answer, and the descriptors that travel with it. */
struct message {
	char text[TEXT_MAX];
	int fds[SOCKETS_MAX];
	size_t n_fds;
};

/* The controller's view of a process. */
struct process {
	char name[NAME_MAX_LEN];
	pid_t pid;
	int control; /* our end of its control socket */
};

/* The sockets of the process that runs. */
struct sockets {
	int listener; /* -1: none */
	int fds[SOCKETS_MAX];
	size_t n;
};

static struct process processes[PROCESSES_MAX];
static size_t n_processes;
static struct sockets own = { .listener = -1 };
static int own_control = -1;

/* ---- messages ---- */

static void message_send(int to, const struct message *m)
{
	char space[CMSG_SPACE(sizeof(m->fds))] = { 0 };
	struct iovec iov = { .iov_base = (void *)m->text, .iov_len = strlen(m->text) + 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (m->n_fds) {
		size_t len = m->n_fds * sizeof(int);
		struct cmsghdr *c;

		msg.msg_control = space;
		msg.msg_controllen = CMSG_SPACE(len);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(len);
		memcpy(CMSG_DATA(c), m->fds, len);
	}
	if (sendmsg(to, &msg, MSG_NOSIGNAL) < 0)
		die("cannot send '%s'", m->text);
}

/* false: the other end is closed. */
static bool message_receive(int from, struct message *m)
{
	char space[CMSG_SPACE(sizeof(m->fds))];
	struct iovec iov = { .iov_base = m->text, .iov_len = sizeof(m->text) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = space,
			      .msg_controllen = sizeof(space) };
	struct cmsghdr *c;
	ssize_t got = recvmsg(from, &msg, 0);

	m->n_fds = 0;
	if (got <= 0)
		return false;
	m->text[sizeof(m->text) - 1] = '\0';
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS) {
		m->n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(m->fds, CMSG_DATA(c), m->n_fds * sizeof(int));
	}
	return true;
}

/* The text after "KEY=" up to the next blank; fallback where the command has no such argument. */
static const char *text_arg(const char *command, const char *key, const char *fallback)
{
	static char value[64];
	char name[32];
	const char *at;

	snprintf(name, sizeof(name), " %s=", key);
	at = strstr(command, name);
	if (!at)
		return fallback;
	snprintf(value, sizeof(value), "%s", at + strlen(name));
	value[strcspn(value, " ")] = '\0';
	return value;
}

static unsigned int number_arg(const char *command, const char *key, unsigned int fallback)
{
	const char *value = text_arg(command, key, NULL);

	return value ? (unsigned int)strtoul(value, NULL, 10) : fallback;
}

static unsigned long long mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned long long)ts.tv_sec * 1000000000ull + (unsigned long long)ts.tv_nsec;
}

/* ---- sockets ---- */

static socklen_t loopback(struct sockaddr_storage *ss, bool six, unsigned int port)
{
	memset(ss, 0, sizeof(*ss));
	if (six) {
		struct sockaddr_in6 *in6 = (void *)ss;

		in6->sin6_family = AF_INET6;
		in6->sin6_addr = in6addr_loopback;
		in6->sin6_port = htons((uint16_t)port);
		return sizeof(*in6);
	}
	struct sockaddr_in *in = (void *)ss;

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in->sin_port = htons((uint16_t)port);
	return sizeof(*in);
}

static unsigned int port_of(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)ss)->sin6_port);
	return ntohs(((const struct sockaddr_in *)ss)->sin_port);
}

/* -1: no MPTCP here. */
static int socket_new(const char *command, int flags)
{
	bool mptcp = number_arg(command, "mptcp", 0);
	int family = number_arg(command, "family", 4) == 6 ? AF_INET6 : AF_INET;
	int fd = socket(family, SOCK_STREAM | flags, mptcp ? IPPROTO_MPTCP : 0);

	if (fd < 0 && !mptcp)
		die("no socket");
	return fd;
}

static void socket_add(int fd)
{
	if (own.n == SOCKETS_MAX)
		die("more than %d connections", SOCKETS_MAX);
	own.fds[own.n++] = fd;
}

static void answer_skip(struct message *answer)
{
	snprintf(answer->text, sizeof(answer->text), "skip:this kernel has no MPTCP");
}

static void do_listen(const char *command, struct message *answer)
{
	struct sockaddr_storage ss;
	socklen_t len = loopback(&ss, number_arg(command, "family", 4) == 6,
				 number_arg(command, "port", 0));
	int fd = socket_new(command, 0), one = 1;

	if (fd < 0) {
		answer_skip(answer);
		return;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&ss, len) ||
	    listen(fd, (int)number_arg(command, "backlog", 128)))
		die("listen");
	own.listener = fd;
}

/* Appends the port to the answer's list. */
static void add_port(struct message *answer, unsigned int port)
{
	size_t len = strlen(answer->text);

	snprintf(answer->text + len, sizeof(answer->text) - len, "%s%u", answer->text[0] ? "," : "",
		 port);
}

static void drop_segments(int fd)
{
	struct sock_filter code = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog prog = { .len = 1, .filter = &code };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)))
		die("SO_ATTACH_FILTER");
}

static void do_connect(const char *command, struct message *answer)
{
	bool nonblock = number_arg(command, "nonblock", 0);
	unsigned int n = number_arg(command, "n", 1);
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	while (n--) {
		fd = socket_new(command, nonblock ? SOCK_NONBLOCK : 0);
		if (fd < 0) {
			answer_skip(answer);
			return;
		}
		if (number_arg(command, "deaf", 0))
			drop_segments(fd);
		len = loopback(&ss, number_arg(command, "family", 4) == 6,
			       number_arg(command, "port", 0));
		if (connect(fd, (struct sockaddr *)&ss, len) && (!nonblock || errno != EINPROGRESS))
			die("connect");
		len = sizeof(ss);
		if (getsockname(fd, (struct sockaddr *)&ss, &len))
			die("getsockname");
		add_port(answer, port_of(&ss));
		socket_add(fd);
	}
}

static void do_accept(const char *command, struct message *answer)
{
	unsigned int n = number_arg(command, "n", 1);
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	while (n--) {
		struct pollfd in = { .fd = own.listener, .events = POLLIN };

		if (poll(&in, 1, LAB_DEADLINE_MS) != 1)
			die("no connection to accept");
		len = sizeof(ss);
		fd = accept(own.listener, (struct sockaddr *)&ss, &len);
		if (fd < 0)
			die("accept");
		add_port(answer, port_of(&ss));
		socket_add(fd);
	}
}

static void do_eof(void)
{
	size_t i;
	char c;

	for (i = 0; i < own.n; i++) {
		struct pollfd in = { .fd = own.fds[i], .events = POLLIN };

		if (poll(&in, 1, LAB_DEADLINE_MS) != 1 || read(own.fds[i], &c, 1))
			die("no end of file");
	}
}

static void do_shut(void)
{
	size_t i;

	for (i = 0; i < own.n; i++)
		if (shutdown(own.fds[i], SHUT_WR))
			die("shutdown");
}

static bool is_listener(const char *command)
{
	return !strcmp(text_arg(command, "what", "sockets"), "listener");
}

static void do_close(const char *command)
{
	size_t i;

	if (is_listener(command)) {
		close(own.listener);
		own.listener = -1;
		return;
	}
	for (i = 0; i < own.n; i++)
		close(own.fds[i]);
	own.n = 0;
}

static void do_give(const char *command, struct message *answer)
{
	if (is_listener(command)) {
		answer->fds[0] = own.listener;
		answer->n_fds = 1;
		return;
	}
	memcpy(answer->fds, own.fds, own.n * sizeof(int));
	answer->n_fds = own.n;
}

static void do_take(const struct message *command)
{
	size_t i;

	if (is_listener(command->text)) {
		own.listener = command->fds[0];
		return;
	}
	for (i = 0; i < command->n_fds; i++)
		socket_add(command->fds[i]);
}

/* ---- a process ---- */

static __attribute__((noreturn)) void process_run(void);

/* The child runs with a control socket of its own; its other end goes to the controller. */
static void do_fork(const char *command, struct message *answer)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		die("socketpair");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		close(own_control);
		close(ends[0]);
		own_control = ends[1];
		prctl(PR_SET_NAME, text_arg(command, "name", "heir"));
		process_run();
	}
	close(ends[1]);
	answer->fds[0] = ends[0];
	answer->n_fds = 1;
	snprintf(answer->text, sizeof(answer->text), "%d", pid);
}

/* comm is the last component of the path: a symbolic link in the working directory. */
static __attribute__((noreturn)) void do_exec(const char *command)
{
	char self[512], numbers[SOCKETS_MAX + 2][12], *argv[SOCKETS_MAX + 5];
	const char *name = text_arg(command, "name", "heir");
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t i, n = 0;

	if (len < 0)
		die("readlink");
	self[len] = '\0';
	unlink(name);
	if (symlink(self, name) || fcntl(own_control, F_SETFD, 0))
		die("cannot make the link %s", name);
	argv[n++] = (char *)name;
	argv[n++] = (char *)"process";
	snprintf(numbers[0], sizeof(numbers[0]), "%d", own_control);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", own.listener);
	for (i = 0; i < own.n; i++)
		snprintf(numbers[i + 2], sizeof(numbers[i + 2]), "%d", own.fds[i]);
	for (i = 0; i < own.n + 2; i++)
		argv[n++] = numbers[i];
	argv[n] = NULL;
	execv(name, argv);
	die("execve");
}

static __attribute__((noreturn)) void process_from_args(int argc, char **argv)
{
	int i;

	own_control = atoi(argv[2]);
	own.listener = atoi(argv[3]);
	fcntl(own_control, F_SETFD, FD_CLOEXEC);
	for (i = 4; i < argc; i++)
		socket_add(atoi(argv[i]));
	message_send(own_control, &(struct message){ .text = "" });
	process_run();
}

static void process_do(const struct message *m, struct message *answer)
{
	char verb[16] = "";

	sscanf(m->text, "%15s", verb);
	if (!strcmp(verb, "listen"))
		do_listen(m->text, answer);
	else if (!strcmp(verb, "connect"))
		do_connect(m->text, answer);
	else if (!strcmp(verb, "accept"))
		do_accept(m->text, answer);
	else if (!strcmp(verb, "eof"))
		do_eof();
	else if (!strcmp(verb, "shut"))
		do_shut();
	else if (!strcmp(verb, "stop"))
		shutdown(own.listener, SHUT_RDWR);
	else if (!strcmp(verb, "close"))
		do_close(m->text);
	else if (!strcmp(verb, "give"))
		do_give(m->text, answer);
	else if (!strcmp(verb, "take"))
		do_take(m);
	else if (!strcmp(verb, "fork"))
		do_fork(m->text, answer);
	else if (!strcmp(verb, "exec"))
		do_exec(m->text);
	else if (!strcmp(verb, "exit"))
		_exit(0);
	else
		die("unknown verb '%s'", verb);
}

/* Until the controller has closed its end. */
static __attribute__((noreturn)) void process_run(void)
{
	struct message m, answer;

	alarm(RUN_S);
	signal(SIGCHLD, SIG_IGN);
	while (message_receive(own_control, &m)) {
		answer = (struct message){ .text = "" };
		process_do(&m, &answer);
		message_send(own_control, &answer);
	}
	_exit(0);
}

/* ---- the controller ---- */

static struct process *process_find(const char *name)
{
	size_t i;

	for (i = 0; i < n_processes; i++)
		if (!strcmp(processes[i].name, name))
			return &processes[i];
	die("no process '%s'", name);
}

static struct process *process_add(const char *name, pid_t pid, int control)
{
	struct process *p = &processes[n_processes];

	if (n_processes == PROCESSES_MAX)
		die("more than %d processes", PROCESSES_MAX);
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->pid = pid;
	p->control = control;
	n_processes++;
	return p;
}

/* Standard input and output belong to the controller. */
static void stdio_detach(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		die("/dev/null");
	close(null);
}

static struct process *process_new(const char *name)
{
	int ends[2];
	pid_t pid;
	size_t i;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		die("socketpair");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		for (i = 0; i < n_processes; i++)
			close(processes[i].control);
		close(ends[0]);
		stdio_detach();
		own_control = ends[1];
		prctl(PR_SET_NAME, name);
		process_run();
	}
	close(ends[1]);
	return process_add(name, pid, ends[0]);
}

/* SIGCHLD is ignored here and in each process: one that has ended is reaped at once. */
static void process_await_end(pid_t pid)
{
	uint64_t end = now_ms() + LAB_DEADLINE_MS;

	while (!kill(pid, 0)) {
		if (now_ms() > end)
			die("process %d does not end", pid);
		breathe();
	}
}

static void process_remove(struct process *p)
{
	close(p->control);
	process_await_end(p->pid);
	*p = processes[--n_processes];
}

static __attribute__((noreturn)) void quit(void)
{
	size_t i;

	for (i = 0; i < n_processes; i++)
		kill(processes[i].pid, SIGKILL);
	while (n_processes)
		process_remove(&processes[0]);
	exit(0);
}

static void print_answer(const struct process *p, const char *verb, const char *ports)
{
	if (!strncmp(ports, "skip:", 5))
		printf("{\"skip\":\"%s\"}\n", ports + 5);
	else
		printf("{\"name\":\"%s\",\"verb\":\"%s\",\"pid\":%d,\"mono_ns\":%llu,"
		       "\"ports\":[%s]}\n",
		       p->name, verb, p->pid, mono_ns(), ports);
	fflush(stdout);
}

static void exchange(const struct process *p, const struct message *command, struct message *answer)
{
	message_send(p->control, command);
	if (!message_receive(p->control, answer))
		die("process '%s' has ended", p->name);
}

/* The copies that pass through here are closed when the other process has its own. */
static void hand_over(const char *command, struct message *answer)
{
	struct process *to = process_find(text_arg(command, "to", ""));
	struct message take = *answer, taken;
	size_t i;

	snprintf(take.text, sizeof(take.text), "take what=%s",
		 is_listener(command) ? "listener" : "sockets");
	exchange(to, &take, &taken);
	for (i = 0; i < take.n_fds; i++)
		close(take.fds[i]);
	answer->text[0] = '\0';
}

static void command_do(const char *name, const char *verb, const char *args)
{
	struct process *p = process_find(name), *child;
	struct message command = { .text = "" }, answer = { .text = "" };

	snprintf(command.text, sizeof(command.text), "%s", args);
	if (!strcmp(verb, "exit")) {
		struct process ended = *p;

		message_send(p->control, &command);
		process_remove(p);
		print_answer(&ended, verb, "");
		return;
	}
	exchange(p, &command, &answer);
	if (!strcmp(verb, "give")) {
		hand_over(args, &answer);
	} else if (!strcmp(verb, "fork")) {
		child = process_add(text_arg(args, "name", "heir"), atoi(answer.text),
				    answer.fds[0]);
		print_answer(child, verb, "");
		return;
	} else if (!strcmp(verb, "exec")) {
		snprintf(p->name, sizeof(p->name), "%s", text_arg(args, "name", "heir"));
	}
	print_answer(p, verb, answer.text);
}

static void line_do(char *line)
{
	char name[NAME_MAX_LEN] = "", verb[16] = "";

	line[strcspn(line, "\n")] = '\0';
	if (!strcmp(line, "quit"))
		quit();
	if (sscanf(line, "%15s %15s", name, verb) != 2)
		die("not a command: '%s'", line);
	if (!strcmp(name, "new"))
		print_answer(process_new(verb), "new", "");
	else
		command_do(name, verb, line + strlen(name) + 1);
}

/* ---- the namespace ---- */

/*
 * The kernel gives the lowest free number; the namespaces that come before it are held until it
 * comes. false: another process has the number.
 */
static bool try_inode(uint64_t want)
{
	int held[NAMESPACES];
	size_t i, n = 0;

	for (i = 0; i < NAMESPACES; i++) {
		lab_enter();
		if (lab.netns == want)
			break;
		held[n++] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	}
	while (n)
		close(held[--n]);
	return lab.netns == want;
}

static void enter_inode(uint64_t want)
{
	uint64_t end = now_ms() + 2 * LAB_DEADLINE_MS;

	while (!try_inode(want))
		if (now_ms() > end)
			skip("no new network namespace got the inode number %llu",
			     (unsigned long long)want);
}

/* "null" before Linux 5.14. */
static void print_namespace(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(uint64_t);
	uint64_t cookie = 0;

	printf("{\"netns\":%llu,\"netns_cookie\":", (unsigned long long)netns_inode());
	if (fd >= 0 && !getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
		printf("\"%llu\"", (unsigned long long)cookie);
	else
		printf("null");
	printf(",\"pid\":%d}\n", getpid());
	fflush(stdout);
	close(fd);
}

int main(int argc, char **argv)
{
	char line[256];

	if (argc > 3 && !strcmp(argv[1], "process"))
		process_from_args(argc, argv);
	alarm(RUN_S);
	signal(SIGCHLD, SIG_IGN);
	files_max();
	if (argc < 2)
		lab_enter();
	else if (!strncmp(argv[1], "inode=", 6))
		enter_inode(strtoull(argv[1] + 6, NULL, 10));
	else if (strcmp(argv[1], "here") != 0)
		die("usage: heirs [here | inode=N]");
	print_namespace();
	while (fgets(line, sizeof(line), stdin))
		line_do(line);
	quit();
}
