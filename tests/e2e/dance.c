// SPDX-License-Identifier: GPL-2.0-only
/*
 * dance - walk TCP connections through a named scenario and say what must be seen
 *
 * Why: a monitor that is tested against its own idea of TCP proves nothing. This program makes
 * one thing happen in a network namespace of its own and then prints, one JSON line per
 * transition, what a correct monitor prints for it; the test compares that with the tool and
 * with the kernel's own trace.
 *
 *	dance --list            name, tab, one sentence per scenario
 *	dance [--gate] NAME     run one
 *
 * Output: first a `lab` line with the namespace and the addresses, then (with --gate, after a
 * line on stdin) the scenario, then the expected lines, then {"done":true}. Scenarios marked
 * `early` open some sockets before the lab line, which are therefore older than the tool.
 * Exit status: 0 done, 1 the scenario itself went wrong, 77 this host cannot do it.
 *
 * Bounds: one namespace (two in netns_gone), a few dozen sockets, at most about 4 s a scenario.
 */
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

#include "expect.h"
#include "netstat.h"
#include "wire.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define DANCE_MAX_S   60			       /* whatever hangs, ends */
#define CLIENT_LO     "close syn_sent/t established/a" /* over loopback */
#define CLIENT_WIRE   "close syn_sent/t established/c"
#define CHILD	      "listen syn_recv/l established/l"
#define LISTENER_GONE "listener_closed"

static bool gated;
static bool loose; /* sockets beside the expected ones are all right */

/* ---- small tools ---- */

static void gate(void)
{
	char line[16];

	printf("{\"lab\":true,\"netns\":%llu,\"net4\":\"%s\",\"net6\":\"%s\"",
	       (unsigned long long)lab.netns, lab.net4, lab.net6);
	printf(",\"port\":%u,\"pid\":%d}\n", lab.port, getpid());
	fflush(stdout);
	if (gated && !fgets(line, sizeof(line), stdin))
		die("the gate was closed");
}

static socklen_t address(struct sockaddr_storage *ss, int family, const char *text,
			 unsigned int port)
{
	struct sockaddr_in6 *s6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *s4 = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	ss->ss_family = (sa_family_t)family;
	if (family == AF_INET) {
		s4->sin_port = htons((uint16_t)port);
		inet_pton(AF_INET, text, &s4->sin_addr);
		return sizeof(*s4);
	}
	s6->sin6_port = htons((uint16_t)port);
	inet_pton(AF_INET6, text, &s6->sin6_addr);
	return sizeof(*s6);
}

static int tcp_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("no socket");
	return fd;
}

static void set_opt(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)) < 0)
		die("setsockopt %d/%d", level, name);
}

static void bind_to(int fd, int family, const char *addr, unsigned int port)
{
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, family, addr, port);

	set_opt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, (struct sockaddr *)&ss, len) < 0)
		die("cannot bind %s:%u", addr, port);
}

static int bound(int family, const char *addr, unsigned int port)
{
	int fd = tcp_socket(family);

	bind_to(fd, family, addr, port);
	return fd;
}

/* A listener on one of our addresses, with its life begun. */
static int listener_on(struct life **ret, int family, const char *addr, unsigned int port,
		       int backlog)
{
	int fd = bound(family, addr, port);

	*ret = life_new("listener", "listener");
	life_path(*ret, "close listen/t");
	life_addr(*ret, fd);
	if (listen(fd, backlog) < 0)
		die("cannot listen on %u", port);
	return fd;
}

static int listener(struct life **ret)
{
	return listener_on(ret, AF_INET, lab.us4, lab.port, 16);
}

static void listener_close(int fd, struct life *l)
{
	life_end(l, "close/t", LISTENER_GONE);
	close(fd);
}

static int connect_to(int fd, int family, const char *addr, unsigned int port)
{
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, family, addr, port);

	return connect(fd, (struct sockaddr *)&ss, len);
}

/* connect() that does not wait: towards the wire, where we play the far end ourselves. */
static int connect_start(int family, unsigned int port)
{
	int fd = tcp_socket(family);

	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect_to(fd, family, family == AF_INET ? lab.far4 : lab.far6, port) == 0 ||
	    errno != EINPROGRESS)
		die("connect did not start");
	fcntl(fd, F_SETFL, 0);
	return fd;
}

static int accept_one(int lfd)
{
	int fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		die("accept failed");
	return fd;
}

static void put(int fd, size_t len)
{
	char data[WIRE_DATA] = { 0 };

	if (send(fd, data, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("cannot send %zu bytes", len);
}

static void get(int fd, size_t len)
{
	char data[WIRE_DATA];

	if (recv(fd, data, len, MSG_WAITALL) != (ssize_t)len)
		die("cannot read %zu bytes", len);
}

/* Wait until an error is pending, and return it. Does not take the socket's lock. */
static int wait_error(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd };
	socklen_t len = sizeof(int);
	int err = 0;

	if (poll(&pfd, 1, ms) != 1)
		die("no error arrived within %d ms", ms);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	return err;
}

static void expect_error(int fd, int ms, int want)
{
	int err = wait_error(fd, ms);

	if (err != want) {
		errno = err;
		die("expected error %d", want);
	}
}

/* Both ends of a connection over loopback. */
struct pair {
	int lfd, cfd, sfd;
	struct life *listener, *client, *server;
};

static void pair_open(struct pair *p, int family)
{
	const char *addr = family == AF_INET ? lab.us4 : lab.us6;

	p->lfd = listener_on(&p->listener, family, addr, lab.port, 16);
	p->cfd = tcp_socket(family);
	if (connect_to(p->cfd, family, addr, lab.port) < 0)
		die("cannot connect over loopback");
	p->sfd = accept_one(p->lfd);
	p->client = life_new("client", "active");
	p->server = life_new("server", "passive");
	life_addr(p->client, p->cfd);
	life_addr(p->server, p->sfd);
	life_path(p->client, CLIENT_LO);
	life_path(p->server, CHILD);
}

static unsigned int next_far = 1000;

/* The kernel connects to the far end; established on return. */
static int wire_client(struct peer *p, struct life **ret, int family)
{
	struct life *l = life_new("client", "active");
	int fd;

	*p = (struct peer){ .family = family == AF_INET ? 4 : 6, .far = next_far++, .seq = 7000 };
	fd = connect_start(family, p->far);
	wire_accept(p);
	wait_state(p->near, p->far, ST_ESTABLISHED);
	life_addr(l, fd);
	life_path(l, CLIENT_WIRE);
	*ret = l;
	return fd;
}

static void peer_init(struct peer *p, unsigned int near)
{
	*p = (struct peer){ .family = 4, .near = near, .far = next_far++, .seq = 7000 };
}

/* The far end connects to the kernel's listener; accepted on return. */
static int wire_server(struct peer *p, int lfd, struct life **ret)
{
	struct life *l = life_new("server", "passive");
	int fd;

	peer_init(p, lab.port);
	wire_connect(p);
	fd = accept_one(lfd);
	life_addr(l, fd);
	life_path(l, CHILD);
	*ret = l;
	return fd;
}

/* The far end resets; the usual way to end a scenario whose point was made. */
static void wire_reset(struct peer *p)
{
	wire_drain(p);
	wire_send(p, RST | ACK, 0);
	wait_state(p->near, p->far, ST_GONE);
}

/* Our close(): FIN comes out of the kernel. */
static void close_to_wire(struct peer *p, int fd)
{
	close(fd);
	wire_wait(p, FIN);
}

/* A process of our own with a name of its own, one byte at a time. */
struct helper {
	pid_t pid;
	int fd;
	struct who who;
};

static void helper_start(struct helper *h, const char *comm, void (*fn)(int fd, void *arg),
			 void *arg)
{
	int pair[2];

	fflush(stdout);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		die("no socket pair");
	h->pid = fork();
	if (h->pid < 0)
		die("cannot fork");
	if (h->pid == 0) {
		prctl(PR_SET_NAME, comm);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		fn(pair[1], arg);
		_exit(0);
	}
	close(pair[1]);
	h->fd = pair[0];
	h->who.pid = h->pid;
	snprintf(h->who.comm, sizeof(h->who.comm), "%s", comm);
}

static void say(int fd)
{
	if (send(fd, "!", 1, MSG_NOSIGNAL) != 1)
		die("nobody listens");
}

static void hear(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char c;

	if (poll(&pfd, 1, LAB_DEADLINE_MS) != 1 || recv(fd, &c, 1, 0) != 1)
		die("no answer from another process of ours");
}

static void helper_end(struct helper *h)
{
	int status;

	close(h->fd);
	if (waitpid(h->pid, &status, 0) < 0)
		die("cannot wait for a process of ours");
	if (WIFEXITED(status) && WEXITSTATUS(status))
		die("%s failed", h->who.comm);
}

/* ---- both ends here, over loopback ---- */

static void close_client_first_of(int family)
{
	struct pair p;

	pair_open(&p, family);
	close(p.cfd);
	life_end(p.client, "fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	wait_state(p.server->lport, p.server->rport, ST_CLOSE_WAIT);
	wait_state(p.client->lport, p.client->rport, ST_FIN_WAIT2);
	close(p.sfd);
	wait_state(p.server->lport, p.server->rport, ST_GONE);
	life_end(p.server, "close_wait/l last_ack/t close/a", "normal");
	listener_close(p.lfd, p.listener);
}

static void close_client_first(void)
{
	close_client_first_of(AF_INET);
}

static void ipv6(void)
{
	close_client_first_of(AF_INET6);
}

static void close_server_first(void)
{
	struct pair p;

	pair_open(&p, AF_INET);
	close(p.sfd);
	life_end(p.server, "fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	wait_state(p.client->lport, p.client->rport, ST_CLOSE_WAIT);
	wait_state(p.server->lport, p.server->rport, ST_FIN_WAIT2);
	close(p.cfd);
	wait_state(p.client->lport, p.client->rport, ST_GONE);
	life_end(p.client, "close_wait/c last_ack/t close/a", "normal");
	listener_close(p.lfd, p.listener);
}

static void shutdown_wr(void)
{
	struct pair p;

	pair_open(&p, AF_INET);
	shutdown(p.cfd, SHUT_WR);
	wait_state(p.client->lport, p.client->rport, ST_FIN_WAIT2);
	wait_state(p.server->lport, p.server->rport, ST_CLOSE_WAIT);
	put(p.sfd, 100); /* the half-closed direction still carries data */
	get(p.cfd, 100);
	close(p.sfd);
	wait_state(p.client->lport, p.client->rport, ST_TIME_WAIT);
	close(p.cfd);
	life_end(p.client, "fin_wait1/t fin_wait2/a time_wait.time_wait/c", "normal");
	life_end(p.server, "close_wait/l last_ack/t close/a", "normal");
	listener_close(p.lfd, p.listener);
}

static void linger0(void)
{
	struct linger now = { .l_onoff = 1 };
	struct pair p;

	pair_open(&p, AF_INET);
	setsockopt(p.cfd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(p.cfd);
	life_end(p.client, "close/t", "reset_by_us");
	wait_state(p.server->lport, p.server->rport, ST_GONE);
	close(p.sfd);
	life_end(p.server, "close/l", "reset_by_peer");
	listener_close(p.lfd, p.listener);
}

static void unread_data(void)
{
	struct pair p;
	struct pollfd pfd;

	pair_open(&p, AF_INET);
	put(p.sfd, 10);
	pfd = (struct pollfd){ .fd = p.cfd, .events = POLLIN };
	if (poll(&pfd, 1, LAB_DEADLINE_MS) != 1)
		die("the data did not arrive");
	close(p.cfd);
	life_end(p.client, "close/t", "reset_by_us");
	wait_state(p.server->lport, p.server->rport, ST_GONE);
	close(p.sfd);
	life_end(p.server, "close/l", "reset_by_peer");
	listener_close(p.lfd, p.listener);
}

static void af_unspec(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct life *again, *server;
	struct pair p;
	int sfd;

	pair_open(&p, AF_INET);
	if (connect(p.cfd, &none, sizeof(none)) < 0)
		die("cannot disconnect");
	life_end(p.client, "close/t", "reset_by_us");
	wait_state(p.server->lport, p.server->rport, ST_GONE);
	close(p.sfd);
	life_end(p.server, "close/l", "reset_by_peer");

	if (connect_to(p.cfd, AF_INET, lab.us4, lab.port) < 0)
		die("cannot connect again");
	sfd = accept_one(p.lfd);
	again = life_new("again", "active");
	server = life_new("server2", "passive");
	life_addr(again, p.cfd);
	life_addr(server, sfd);
	close(sfd);
	wait_state(again->lport, again->rport, ST_CLOSE_WAIT);
	wait_state(server->lport, server->rport, ST_FIN_WAIT2);
	close(p.cfd);
	wait_state(again->lport, again->rport, ST_GONE);
	life_end(again, CLIENT_LO " close_wait/c last_ack/t close/a", "normal");
	life_end(server, CHILD " fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	listener_close(p.lfd, p.listener);
}

/* The request of `ss -K`: destroy the socket with this address pair. */
static int sock_destroy(const struct life *l)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} msg = { .head = { .nlmsg_len = sizeof(msg),
			    .nlmsg_type = SOCK_DESTROY,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		  .req = { .sdiag_family = AF_INET,
			   .sdiag_protocol = IPPROTO_TCP,
			   .idiag_states = ~0U } };
	struct {
		struct nlmsghdr head;
		struct nlmsgerr err;
		char more[256];
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	msg.req.id.idiag_sport = htons((uint16_t)l->lport);
	msg.req.id.idiag_dport = htons((uint16_t)l->rport);
	inet_pton(AF_INET, l->laddr, &msg.req.id.idiag_src[0]);
	inet_pton(AF_INET, l->raddr, &msg.req.id.idiag_dst[0]);
	msg.req.id.idiag_cookie[0] = msg.req.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	if (fd < 0 || send(fd, &msg, sizeof(msg), 0) < 0)
		return -errno;
	if (recv(fd, &answer, sizeof(answer), 0) < (ssize_t)sizeof(answer.head))
		return -EIO;
	close(fd);
	return answer.head.nlmsg_type == NLMSG_ERROR ? answer.err.error : -EIO;
}

static void killer(int fd, void *arg)
{
	int err = sock_destroy(arg);

	_exit(err == -EOPNOTSUPP ? LAB_SKIP : err ? 1 : 0);
	(void)fd;
}

static void killed(void)
{
	struct helper h;
	struct pair p;
	int status;

	pair_open(&p, AF_INET);
	helper_start(&h, "dance-kill", killer, p.client);
	waitpid(h.pid, &status, 0);
	if (WEXITSTATUS(status) == LAB_SKIP)
		skip("this kernel has no SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)");
	if (status)
		die("SOCK_DESTROY failed");
	wait_state(p.server->lport, p.server->rport, ST_GONE);
	close(p.cfd);
	close(p.sfd);
	life_end(p.client, "close/p", "killed"); /* of the owner, not of the killer */
	life_end(p.server, "close/l", "reset_by_peer");
	listener_close(p.lfd, p.listener);
}

static void listener_children(void)
{
	struct life *l, *client[2], *child[2];
	int lfd = listener(&l), cfd[2];

	for (int i = 0; i < 2; i++) {
		cfd[i] = tcp_socket(AF_INET);
		if (connect_to(cfd[i], AF_INET, lab.us4, lab.port) < 0)
			die("cannot connect");
		client[i] = life_new(i ? "client2" : "client1", "active");
		life_addr(client[i], cfd[i]);
		child[i] = life_new(i ? "child2" : "child1", "passive");
		child[i]->lport = client[i]->rport;
		child[i]->rport = client[i]->lport;
		child[i]->family = 4;
		wait_state(child[i]->lport, child[i]->rport, ST_ESTABLISHED);
	}
	listener_close(lfd, l);
	for (int i = 0; i < 2; i++) {
		wait_state(client[i]->lport, client[i]->rport, ST_GONE);
		close(cfd[i]);
		life_end(client[i], CLIENT_LO " close/c", "reset_by_peer");
		life_end(child[i], CHILD " close/h", "listener_closed");
	}
}

static void listen_close(void)
{
	struct life *l;
	int fd = listener(&l);

	listener_close(fd, l);
}

static void listener_shutdown(void)
{
	struct life *l;
	int fd = listener(&l);

	shutdown(fd, SHUT_RD);
	close(fd);
	life_end(l, "close/t", LISTENER_GONE);
}

static void listen_taken(void)
{
	struct life *first, *second;
	int a = bound(AF_INET, lab.us4, lab.port), b = bound(AF_INET, lab.us4, lab.port);

	first = life_new("first", "listener");
	life_addr(first, a);
	second = life_new("second", "listener");
	life_addr(second, b);
	if (listen(a, 4) < 0)
		die("cannot listen");
	if (listen(b, 4) == 0 || errno != EADDRINUSE)
		die("a second listener on the same address was let in");
	close(b);
	close(a);
	life_end(first, "close listen/t close/t", LISTENER_GONE);
	life_end(second, "close listen/t close/t", NULL);
}

static void v4_mapped(void)
{
	struct life *l, *client, *server, *l4, *mapped, *server4;
	char text[INET6_ADDRSTRLEN];
	int lfd, cfd, sfd;

	/* an IPv4 client of a dual-stack listener */
	lfd = listener_on(&l, AF_INET6, "::", lab.port, 4);
	cfd = tcp_socket(AF_INET);
	if (connect_to(cfd, AF_INET, lab.us4, lab.port) < 0)
		die("cannot connect");
	sfd = accept_one(lfd);
	client = life_new("client", "active");
	server = life_new("server", "passive");
	life_addr(client, cfd);
	life_addr(server, sfd);
	close(cfd);
	wait_state(server->lport, server->rport, ST_CLOSE_WAIT);
	wait_state(client->lport, client->rport, ST_FIN_WAIT2);
	close(sfd);
	wait_state(server->lport, server->rport, ST_GONE);
	life_end(client, CLIENT_LO " fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	life_end(server, CHILD " close_wait/l last_ack/t close/a", "normal");
	listener_close(lfd, l);

	/* an IPv6 socket that connects to an IPv4 address */
	lfd = listener_on(&l4, AF_INET, lab.us4, lab.port + 1, 4);
	cfd = tcp_socket(AF_INET6);
	snprintf(text, sizeof(text), "::ffff:%s", lab.us4);
	if (connect_to(cfd, AF_INET6, text, lab.port + 1) < 0)
		die("cannot connect");
	sfd = accept_one(lfd);
	mapped = life_new("mapped", "active");
	server4 = life_new("server4", "passive");
	life_addr(mapped, cfd);
	life_addr(server4, sfd);
	close(sfd);
	wait_state(mapped->lport, mapped->rport, ST_CLOSE_WAIT);
	wait_state(server4->lport, server4->rport, ST_FIN_WAIT2);
	close(cfd);
	wait_state(mapped->lport, mapped->rport, ST_GONE);
	life_end(mapped, CLIENT_LO " close_wait/c last_ack/t close/a", "normal");
	life_end(server4, CHILD " fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	listener_close(lfd, l4);
}

static void refused(void)
{
	struct life *l = life_new("client", "active");
	int fd = tcp_socket(AF_INET);

	if (connect_to(fd, AF_INET, lab.us4, lab.port) == 0 || errno != ECONNREFUSED)
		die("not refused");
	l->rport = lab.port;
	l->family = 4;
	close(fd);
	life_end(l, "close syn_sent/t close/a", "refused");
}

static void no_local_port(void)
{
	struct pair p;
	struct life *l;
	int fd;

	sysctl_set("ipv4/ip_local_port_range", "40000 40000");
	pair_open(&p, AF_INET);
	fd = tcp_socket(AF_INET);
	if (connect_to(fd, AF_INET, lab.us4, lab.port) == 0 || errno != EADDRNOTAVAIL)
		die("a local port was found");
	close(fd);
	l = life_new("no_port", "active");
	l->rport = lab.port;
	life_end(l, "close syn_sent/t close/t", "no_local_port");
	close(p.cfd);
	wait_state(p.server->lport, p.server->rport, ST_CLOSE_WAIT);
	wait_state(p.client->lport, p.client->rport, ST_FIN_WAIT2);
	close(p.sfd);
	wait_state(p.server->lport, p.server->rport, ST_GONE);
	life_end(p.client, "fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	life_end(p.server, "close_wait/l last_ack/t close/a", "normal");
	listener_close(p.lfd, p.listener);
}

/* bind() to a port that already has a connection to the same address and port */
static void bound_taken_of(int family, const char *addr)
{
	struct life *l, *client, *server, *lost;
	int lfd = listener_on(&l, family, addr, lab.port, 16);
	int fd, cfd = bound(family, addr, lab.port + 1), sfd;

	if (connect_to(cfd, family, addr, lab.port) < 0)
		die("cannot connect");
	sfd = accept_one(lfd);
	client = life_new("client", "active");
	server = life_new("server", "passive");
	life_addr(client, cfd);
	life_addr(server, sfd);
	fd = bound(family, addr, lab.port + 1);
	lost = life_new("lost", "active");
	life_addr(lost, fd);
	lost->rport = lab.port;
	client->bound = lost->bound = true;
	if (connect_to(fd, family, addr, lab.port) == 0 || errno != EADDRNOTAVAIL)
		die("connected twice");
	close(fd);
	life_end(lost, "close syn_sent/t close/t", "no_local_port");
	close(cfd);
	wait_state(server->lport, server->rport, ST_CLOSE_WAIT);
	wait_state(client->lport, client->rport, ST_FIN_WAIT2);
	close(sfd);
	wait_state(server->lport, server->rport, ST_GONE);
	life_end(client, CLIENT_LO " fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	life_end(server, CHILD " close_wait/l last_ack/t close/a", "normal");
	listener_close(lfd, l);
}

static void bound_taken(void)
{
	bound_taken_of(AF_INET, lab.us4);
}

static void bound_taken6(void)
{
	bound_taken_of(AF_INET6, lab.us6);
}

/* connect() whose chosen port a rule of routing refuses, by this action */
static void source_rule_of(const char *action, int err, const char *reason)
{
	char command[96];
	struct life *l;
	int fd;

	sysctl_set("ipv4/ip_local_port_range", "40000 40001");
	snprintf(command, sizeof(command), "ip rule add sport 40000-40001 %s", action);
	if (system(command))
		die("no rule of routing");
	fd = tcp_socket(AF_INET);
	/* not to an address of ours: the rule for those comes first */
	if (connect_to(fd, AF_INET, lab.far4, lab.port) == 0 || errno != err)
		die("not refused by the rule");
	close(fd);
	l = life_new("client", "active");
	l->rport = lab.port;
	life_end(l, "close syn_sent/t close/t", reason);
}

static void source_prohibited(void)
{
	source_rule_of("prohibit", EACCES, "other:EACCES");
}

static void source_unreachable(void)
{
	source_rule_of("unreachable", ENETUNREACH, "unreachable");
}

static void source_blackhole(void)
{
	source_rule_of("blackhole", EINVAL, "other:EINVAL");
}

static void no_route(void)
{
	int fd = tcp_socket(AF_INET);

	if (connect_to(fd, AF_INET, "203.0.113.1", 9) == 0 || errno != ENETUNREACH)
		die("there is a route");
	close(fd);
}

static void tfo(void)
{
	struct sockaddr_storage ss;
	struct life *l, *client, *server;
	int lfd, cfd, sfd;
	socklen_t len;

	sysctl_set("ipv4/tcp_fastopen", "1543"); /* client and server, no cookie wanted */
	lfd = listener(&l);
	set_opt(lfd, IPPROTO_TCP, TCP_FASTOPEN, 16);
	cfd = tcp_socket(AF_INET);
	len = address(&ss, AF_INET, lab.us4, lab.port);
	if (sendto(cfd, "hello", 5, MSG_FASTOPEN, (struct sockaddr *)&ss, len) != 5)
		die("sendto(MSG_FASTOPEN)");
	sfd = accept_one(lfd);
	get(sfd, 5);
	client = life_new("client", "active");
	server = life_new("server", "passive");
	life_addr(client, cfd);
	life_addr(server, sfd);
	wait_state(server->lport, server->rport, ST_ESTABLISHED);
	close(cfd);
	wait_state(server->lport, server->rport, ST_CLOSE_WAIT);
	wait_state(client->lport, client->rport, ST_FIN_WAIT2);
	close(sfd);
	wait_state(server->lport, server->rport, ST_GONE);
	life_end(client, CLIENT_LO " fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	life_end(server, CHILD " close_wait/l last_ack/t close/a", "normal");
	listener_close(lfd, l);
}

static void mptcp(void)
{
	struct sockaddr_storage ss;
	struct pair p;
	int lfd, cfd, sfd;
	socklen_t len = address(&ss, AF_INET, lab.us4, lab.port + 1);

	/* The subflows are TCP sockets and are seen; the MPTCP socket above them is not TCP.
	 * How often the kernel opens and closes subflows is its own affair: loose. */
	lfd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	if (lfd < 0)
		skip("this kernel has no MPTCP");
	loose = true;
	if (bind(lfd, (struct sockaddr *)&ss, len) < 0 || listen(lfd, 4) < 0)
		die("cannot listen with MPTCP");
	cfd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	if (connect(cfd, (struct sockaddr *)&ss, len) < 0)
		die("cannot connect with MPTCP");
	sfd = accept_one(lfd);
	put(cfd, 10);
	get(sfd, 10);
	pair_open(&p, AF_INET);
	close(p.cfd);
	life_end(p.client, "fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	wait_state(p.server->lport, p.server->rport, ST_CLOSE_WAIT);
	wait_state(p.client->lport, p.client->rport, ST_FIN_WAIT2);
	close(p.sfd);
	wait_state(p.server->lport, p.server->rport, ST_GONE);
	life_end(p.server, "close_wait/l last_ack/t close/a", "normal");
	listener_close(p.lfd, p.listener);
	close(cfd);
	close(sfd);
	close(lfd);
}

/* ---- several processes ---- */

struct shared {
	int lfd;
	int cfd;
};

static void fork_child(int fd, void *arg)
{
	int sfd = accept_one(((struct shared *)arg)->lfd);

	say(fd);
	hear(fd);
	close(sfd);
	say(fd);
	hear(fd);
}

static void fork_server(void)
{
	struct life *l, *client, *server;
	struct helper h;
	struct shared sh = { .lfd = listener(&l) };
	int cfd;

	helper_start(&h, "dance-child", fork_child, &sh);
	cfd = tcp_socket(AF_INET);
	if (connect_to(cfd, AF_INET, lab.us4, lab.port) < 0)
		die("cannot connect");
	hear(h.fd);
	client = life_new("client", "active");
	life_addr(client, cfd);
	server = life_new("server", "passive");
	server->lport = client->rport;
	server->rport = client->lport;
	server->family = 4;
	server->actor = h.who;
	say(h.fd);
	hear(h.fd);
	wait_state(client->lport, client->rport, ST_CLOSE_WAIT);
	wait_state(server->lport, server->rport, ST_FIN_WAIT2);
	close(cfd);
	wait_state(client->lport, client->rport, ST_GONE);
	say(h.fd);
	helper_end(&h);
	life_end(client, CLIENT_LO " close_wait/c last_ack/t close/a", "normal");
	life_end(server, CHILD " fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	listener_close(sh.lfd, l);
}

/* Accept for ever; one answer (the far port) per connection. */
static void prefork_worker(int fd, void *arg)
{
	struct shared *sh = arg;
	struct sockaddr_in sin = { 0 };
	socklen_t len = sizeof(sin);
	int sfd;

	while ((sfd = accept(sh->lfd, (struct sockaddr *)&sin, &len)) >= 0) {
		uint16_t port = ntohs(sin.sin_port);

		get(sfd, 1);
		close(sfd);
		if (send(fd, &port, sizeof(port), MSG_NOSIGNAL) != sizeof(port))
			break;
		len = sizeof(sin);
	}
}

static void prefork(void)
{
	enum { WORKERS = 3, CONNECTIONS = 9 };
	struct helper h[WORKERS];
	struct pollfd pfd[WORKERS];
	struct life *l;
	struct shared sh = { .lfd = listener(&l) };

	for (int i = 0; i < WORKERS; i++) {
		char comm[16];

		snprintf(comm, sizeof(comm), "dance-worker%d", i);
		helper_start(&h[i], comm, prefork_worker, &sh);
		pfd[i] = (struct pollfd){ .fd = h[i].fd, .events = POLLIN };
	}
	for (int n = 0; n < CONNECTIONS; n++) {
		struct life *client = life_new("client", "active");
		struct life *server = life_new("server", "passive");
		int cfd = tcp_socket(AF_INET);
		uint16_t port = 0;

		snprintf(client->name, sizeof(client->name), "client%d", n);
		snprintf(server->name, sizeof(server->name), "server%d", n);
		if (connect_to(cfd, AF_INET, lab.us4, lab.port) < 0)
			die("cannot connect");
		life_addr(client, cfd);
		put(cfd, 1);
		if (poll(pfd, WORKERS, LAB_DEADLINE_MS) < 1)
			die("no worker accepted");
		for (int i = 0; i < WORKERS; i++)
			if (pfd[i].revents & POLLIN) {
				if (recv(h[i].fd, &port, sizeof(port), 0) != sizeof(port))
					die("no answer of worker %d", i);
				server->actor = h[i].who;
			}
		if (port != client->lport)
			die("a worker told of port %u instead of %u", port, client->lport);
		server->lport = client->rport;
		server->rport = client->lport;
		server->family = 4;
		wait_state(client->lport, client->rport, ST_CLOSE_WAIT);
		wait_state(server->lport, server->rport, ST_FIN_WAIT2);
		close(cfd);
		wait_state(client->lport, client->rport, ST_GONE);
		life_end(client, CLIENT_LO " close_wait/c last_ack/t close/a", "normal");
		life_end(server, CHILD " fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	}
	for (int i = 0; i < WORKERS; i++) {
		kill(h[i].pid, SIGKILL);
		helper_end(&h[i]);
	}
	listener_close(sh.lfd, l);
}

static void inetd_child(int fd, void *arg)
{
	char *argv[] = { (char *)"dance", (char *)"--until-eof", NULL };

	dup2(((struct shared *)arg)->cfd, 0);
	execv("/proc/self/exe", argv); /* comm becomes the last part of this path */
	die("cannot exec");
	(void)fd;
}

static void inetd(void)
{
	struct helper h;
	struct shared sh;
	struct pair p;

	pair_open(&p, AF_INET);
	sh.cfd = p.sfd;
	helper_start(&h, "dance-inetd", inetd_child, &sh);
	snprintf(h.who.comm, sizeof(h.who.comm), "exe");
	close(p.sfd);
	shutdown(p.cfd, SHUT_WR);
	helper_end(&h); /* it reads the end of file and exits: that closes the connection */
	p.server->actor = h.who;
	wait_state(p.client->lport, p.client->rport, ST_TIME_WAIT);
	close(p.cfd);
	life_end(p.client, "fin_wait1/t fin_wait2/a time_wait.time_wait/c", "normal");
	life_end(p.server, "close_wait/l last_ack/t close/a", "normal");
	listener_close(p.lfd, p.listener);
}

static void pass_fd(int via, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl = { 0 };
	struct iovec iov = { .iov_base = (void *)"!", .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = ctl.buf,
			      .msg_controllen = sizeof(ctl.buf) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	if (sendmsg(via, &msg, MSG_NOSIGNAL) != 1)
		die("cannot pass a socket");
}

static int take_fd(int via)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = ctl.buf,
			      .msg_controllen = sizeof(ctl.buf) };
	struct cmsghdr *c;
	int fd;

	if (recvmsg(via, &msg, MSG_CMSG_CLOEXEC) != 1)
		die("no socket was passed");
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		die("no socket was passed");
	memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

static void scm_heir(int fd, void *arg)
{
	int cfd = take_fd(fd);

	say(fd);
	hear(fd);
	close(cfd);
	say(fd);
	hear(fd);
	(void)arg;
}

static void scm_rights(void)
{
	struct helper h;
	struct pair p;

	helper_start(&h, "dance-heir", scm_heir, NULL);
	pair_open(&p, AF_INET);
	pass_fd(h.fd, p.cfd);
	hear(h.fd);
	close(p.cfd); /* not the last reference: nothing happens */
	say(h.fd);
	hear(h.fd);
	p.client->actor = h.who;
	p.client->path[0] = '\0'; /* the owner of the first two is not the one who closes */
	wait_state(p.server->lport, p.server->rport, ST_CLOSE_WAIT);
	wait_state(p.client->lport, p.client->rport, ST_FIN_WAIT2);
	close(p.sfd);
	wait_state(p.server->lport, p.server->rport, ST_GONE);
	say(h.fd);
	helper_end(&h);
	life_end(p.client,
		 "close syn_sent/T established/A fin_wait1/t fin_wait2/a time_wait.fin_wait2/a",
		 "normal");
	life_end(p.server, "close_wait/l last_ack/t close/a", "normal");
	listener_close(p.lfd, p.listener);
}

static void exit_client(int fd, void *arg)
{
	int cfd = tcp_socket(AF_INET);

	if (connect_to(cfd, AF_INET, lab.us4, lab.port) < 0)
		die("cannot connect");
	say(fd);
	pause();
	(void)arg;
}

static void process_killed(void)
{
	struct life *l, *client, *server;
	struct helper h;
	int lfd = listener(&l), sfd;

	helper_start(&h, "dance-victim", exit_client, NULL);
	hear(h.fd);
	sfd = accept_one(lfd);
	server = life_new("server", "passive");
	life_addr(server, sfd);
	client = life_new("client", "active");
	client->lport = server->rport;
	client->rport = server->lport;
	client->family = 4;
	client->actor = h.who;
	kill(h.pid, SIGKILL);
	helper_end(&h);
	wait_state(server->lport, server->rport, ST_CLOSE_WAIT);
	wait_state(client->lport, client->rport, ST_FIN_WAIT2);
	close(sfd);
	wait_state(server->lport, server->rport, ST_GONE);
	life_end(client, CLIENT_LO " fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	life_end(server, CHILD " close_wait/l last_ack/t close/a", "normal");
	listener_close(lfd, l);
}

/* Runs in a second namespace with the same addresses and tells its lives at the end. */
static void other_netns(int fd, void *arg)
{
	struct pair p;
	int ctl;

	if (unshare(CLONE_NEWNET) < 0)
		die("no second namespace");
	ctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if_up(ctl, "lo");
	if_addr4(ctl, "lo", lab.us4, "255.255.255.0");
	close(ctl);
	lab.netns = netns_inode();
	n_lives = 0;
	pair_open(&p, AF_INET);
	close(p.cfd);
	wait_state(p.server->lport, p.server->rport, ST_CLOSE_WAIT);
	wait_state(p.client->lport, p.client->rport, ST_FIN_WAIT2);
	close(p.sfd);
	wait_state(p.server->lport, p.server->rport, ST_GONE);
	life_end(p.client, "fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	life_end(p.server, "close_wait/l last_ack/t close/a", "normal");
	listener_close(p.lfd, p.listener);
	for (size_t i = 0; i < n_lives; i++)
		if (send(fd, &lives[i], sizeof(lives[i]), MSG_NOSIGNAL) != sizeof(lives[i]))
			die("cannot tell a life");
	(void)arg;
}

static void netns_gone(void)
{
	struct helper h;
	struct life l;
	uint64_t end;
	int n = 0;

	helper_start(&h, "dance-netns", other_netns, NULL);
	while (recv(h.fd, &l, sizeof(l), 0) == sizeof(l)) {
		lives[n_lives++] = l;
		n++;
	}
	if (n != 3)
		die("%d lives came out of the second namespace", n);
	helper_end(&h);
	end = now_ms() + 20; /* the namespace goes in a kernel thread; nothing shows when */
	while (now_ms() < end)
		breathe();
}

/* ---- older than the tool ---- */

static void older_connection(void)
{
	struct pair p;

	pair_open(&p, AF_INET);
	gate();
	close(p.cfd);
	wait_state(p.server->lport, p.server->rport, ST_CLOSE_WAIT);
	wait_state(p.client->lport, p.client->rport, ST_FIN_WAIT2);
	close(p.sfd);
	wait_state(p.server->lport, p.server->rport, ST_GONE);
	p.client->path[0] = p.server->path[0] = p.listener->path[0] = '\0';
	p.client->older = p.server->older = p.listener->older = true;
	p.client->direction = p.server->direction = NULL;
	life_end(p.client, "established fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	life_end(p.server, "established close_wait/s last_ack/t close/a", "normal");
	life_path(p.listener, "listen");
	listener_close(p.lfd, p.listener);
}

static void older_listener(void)
{
	struct life *l, *client, *server;
	int lfd = listener(&l), cfd, sfd;

	gate();
	cfd = tcp_socket(AF_INET);
	if (connect_to(cfd, AF_INET, lab.us4, lab.port) < 0)
		die("cannot connect");
	sfd = accept_one(lfd);
	client = life_new("client", "active");
	server = life_new("server", "passive");
	life_addr(client, cfd);
	life_addr(server, sfd);
	close(cfd);
	wait_state(server->lport, server->rport, ST_CLOSE_WAIT);
	wait_state(client->lport, client->rport, ST_FIN_WAIT2);
	close(sfd);
	wait_state(server->lport, server->rport, ST_GONE);
	life_end(client, CLIENT_LO " fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	life_end(server, CHILD " close_wait/l last_ack/t close/a", "normal");
	l->path[0] = '\0';
	l->older = true;
	life_path(l, "listen");
	listener_close(lfd, l);
}

/* Idle through start and end of its life but for one RST: nobody acts, the scan must know. */
static void older_reset(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	gate();
	wire_reset(&p);
	l->path[0] = '\0';
	l->older = true;
	l->direction = NULL;
	life_end(l, "established close/s", "reset_by_peer");
	close(fd);
}

/* ---- the far end is ours: one segment at a time ---- */

static void three_segment_of(int family)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, family);

	close_to_wire(&p, fd);
	wire_send(&p, FIN | ACK, 0);
	wait_state(p.near, p.far, ST_TIME_WAIT);
	life_end(l, "fin_wait1/t fin_wait2/c time_wait.time_wait/c", "normal");
}

static void three_segment(void)
{
	three_segment_of(AF_INET);
}

static void three_segment6(void)
{
	three_segment_of(AF_INET6);
}

static int sim_open_start(struct peer *p, struct life **ret)
{
	struct life *l = life_new("client", "active");
	int fd;

	peer_init(p, 0);
	fd = connect_start(AF_INET, p->far);
	wire_wait(p, SYN);
	wire_send(p, SYN, 0);
	wire_wait(p, SYN | ACK);
	wait_state(p->near, p->far, ST_SYN_RECV);
	life_addr(l, fd);
	life_path(l, "close syn_sent/t syn_recv/c");
	*ret = l;
	return fd;
}

static void sim_open(void)
{
	struct life *l;
	struct peer p;
	int fd = sim_open_start(&p, &l);

	wire_send(&p, ACK, 0);
	wait_state(p.near, p.far, ST_ESTABLISHED);
	wire_reset(&p);
	life_end(l, "established/c close/c", "reset_by_peer");
	close(fd);
}

static void sim_open_close(void)
{
	struct life *l;
	struct peer p;
	int fd = sim_open_start(&p, &l);

	close(fd);
	wait_state(p.near, p.far, ST_FIN_WAIT1);
	wire_send(&p, ACK, 0);
	wire_wait(&p, FIN);
	wire_send(&p, ACK, 0);
	wait_state(p.near, p.far, ST_FIN_WAIT2);
	life_end(l, "fin_wait1/t fin_wait2/c time_wait.fin_wait2/c", "normal");
}

/* Both FINs cross: ours is out, theirs does not acknowledge it. */
static void crossing_fin(struct peer *p)
{
	p->ack--;
	wire_send(p, FIN | ACK, 0);
	p->ack++;
	wait_state(p->near, p->far, ST_CLOSING);
}

static void sim_close(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	close_to_wire(&p, fd);
	crossing_fin(&p);
	wire_send(&p, ACK, 0);
	wait_state(p.near, p.far, ST_TIME_WAIT);
	life_end(l, "fin_wait1/t closing/c time_wait.time_wait/c", "normal");
}

static void sim_close_open_fd(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	shutdown(fd, SHUT_WR);
	wire_wait(&p, FIN);
	crossing_fin(&p);
	wire_send(&p, ACK, 0);
	wait_state(p.near, p.far, ST_TIME_WAIT);
	close(fd);
	life_end(l, "fin_wait1/t closing/c time_wait.time_wait/c", "normal");
}

static void rst_syn_sent(void)
{
	struct life *l = life_new("client", "active");
	struct peer p;
	int fd;

	peer_init(&p, 0);
	fd = connect_start(AF_INET, p.far);
	wire_wait(&p, SYN);
	life_addr(l, fd);
	l->rport = p.far;
	wire_send(&p, RST | ACK, 0);
	expect_error(fd, LAB_DEADLINE_MS, ECONNREFUSED);
	close(fd);
	life_end(l, "close syn_sent/t close/c", "refused");
}

/* A RST to a request socket fires nothing; the same far port then connects properly. */
static void rst_request(void)
{
	struct life *l, *server;
	struct peer p;
	int lfd = listener(&l), fd;

	peer_init(&p, lab.port);
	wire_send(&p, SYN, 0);
	wire_wait(&p, SYN | ACK);
	wait_state(p.near, p.far, ST_SYN_RECV);
	wire_send(&p, RST, 0);
	wait_state(p.near, p.far, ST_GONE);
	p.seq += 100000;
	wire_connect(&p);
	fd = accept_one(lfd);
	server = life_new("server", "passive");
	life_addr(server, fd);
	wire_reset(&p);
	close(fd);
	life_end(server, CHILD " close/l", "reset_by_peer");
	listener_close(lfd, l);
}

static void rst_syn_recv(void)
{
	struct life *l;
	struct peer p;
	int fd = sim_open_start(&p, &l);

	wire_reset(&p);
	close(fd);
	life_end(l, "close/c", "reset_by_peer");
}

static void rst_established(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	wire_reset(&p);
	close(fd);
	life_end(l, "close/c", "reset_by_peer");
}

static void rst_fin_wait1(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	close_to_wire(&p, fd);
	wire_reset(&p);
	life_end(l, "fin_wait1/t close/c", "reset_by_peer");
}

static void rst_fin_wait2(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	shutdown(fd, SHUT_WR);
	wire_wait(&p, FIN);
	wire_send(&p, ACK, 0);
	wait_state(p.near, p.far, ST_FIN_WAIT2);
	wire_reset(&p);
	close(fd);
	life_end(l, "fin_wait1/t fin_wait2/c close/c", "reset_by_peer");
}

static void rst_closing(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	close_to_wire(&p, fd);
	crossing_fin(&p);
	p.ack--; /* still not acknowledging our FIN */
	wire_send(&p, RST | ACK, 0);
	wait_state(p.near, p.far, ST_GONE);
	life_end(l, "fin_wait1/t closing/c close/c", "reset_by_peer");
}

static void rst_close_wait(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	wire_send(&p, FIN | ACK, 0);
	wait_state(p.near, p.far, ST_CLOSE_WAIT);
	wire_reset(&p);
	close(fd);
	life_end(l, "close_wait/c close/c", "reset_by_peer");
}

static void rst_last_ack(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	wire_send(&p, FIN | ACK, 0);
	wait_state(p.near, p.far, ST_CLOSE_WAIT);
	close_to_wire(&p, fd);
	wire_reset(&p);
	life_end(l, "close_wait/c last_ack/t close/c", "reset_by_peer");
}

static void rst_time_wait(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	close_to_wire(&p, fd);
	wire_send(&p, FIN | ACK, 0);
	wait_state(p.near, p.far, ST_TIME_WAIT);
	wire_reset(&p); /* fires nothing */
	life_end(l, "fin_wait1/t fin_wait2/c time_wait.time_wait/c", "normal");
}

static void passive_close_wire(void)
{
	struct life *l, *server;
	struct peer p;
	int lfd = listener(&l), fd = wire_server(&p, lfd, &server);

	wire_send(&p, FIN | ACK, 0);
	wait_state(p.near, p.far, ST_CLOSE_WAIT);
	close_to_wire(&p, fd);
	wire_send(&p, ACK, 0);
	wait_state(p.near, p.far, ST_GONE);
	life_end(server, "close_wait/l last_ack/t close/c", "normal");
	listener_close(lfd, l);
}

/* The commonest false positive: the ACK of our FIN brings data, there is no TIME_WAIT. */
static void data_after_close(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	close_to_wire(&p, fd);
	wire_send(&p, ACK | PSH, 10);
	wire_wait(&p, RST);
	wait_state(p.near, p.far, ST_GONE);
	life_end(l, "fin_wait1/t fin_wait2/c close/c", "aborted_data_after_close");
}

static void data_after_close_unacked(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	close_to_wire(&p, fd);
	p.ack--;
	wire_send(&p, ACK | PSH, 10);
	wire_wait(&p, RST);
	wait_state(p.near, p.far, ST_GONE);
	life_end(l, "fin_wait1/t close/c", "aborted_data_after_close");
}

static void orphan_fin_wait2(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	set_opt(fd, IPPROTO_TCP, TCP_LINGER2, 1);
	close_to_wire(&p, fd);
	wire_send(&p, ACK, 0);
	wait_state(p.near, p.far, ST_FIN_WAIT2);
	wait_state_ms(p.near, p.far, ST_GONE, 4000); /* the mini-socket dies: nothing fires */
	life_end(l, "fin_wait1/t fin_wait2/c time_wait.fin_wait2/c", "normal");
}

static void orphan_fin_wait2_timer(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);
	char line[256];
	uint64_t end;
	bool mini = false;

	/* more than 60 s: a full orphan for the excess, then a mini-socket */
	set_opt(fd, IPPROTO_TCP, TCP_LINGER2, 61);
	close_to_wire(&p, fd);
	wire_send(&p, ACK, 0);
	wait_state(p.near, p.far, ST_FIN_WAIT2);
	end = now_ms() + LAB_DEADLINE_MS;
	while (!mini) { /* sockstat counts the mini-socket, /proc/net/tcp calls both 05 */
		FILE *f = fopen("/proc/thread-self/net/sockstat", "re");
		unsigned int tw;

		while (f && fgets(line, sizeof(line), f))
			if (sscanf(line, "TCP: inuse %*u orphan %*u tw %u", &tw) == 1)
				mini = tw == 1;
		if (f)
			fclose(f);
		if (now_ms() > end)
			die("the orphan stays in FIN_WAIT2");
		breathe();
	}
	life_end(l, "fin_wait1/t fin_wait2/c time_wait.fin_wait2/c", "normal");
}

static void late_fin(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	close_to_wire(&p, fd);
	wire_send(&p, ACK, 0);
	wait_state(p.near, p.far, ST_FIN_WAIT2);
	wire_send(&p, FIN | ACK, 0); /* the mini-socket moves to TIME_WAIT: nothing fires */
	wait_state(p.near, p.far, ST_TIME_WAIT);
	life_end(l, "fin_wait1/t fin_wait2/c time_wait.fin_wait2/c", "normal");
}

static void data_to_time_wait(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	close_to_wire(&p, fd);
	wire_send(&p, ACK, 0);
	wait_state(p.near, p.far, ST_FIN_WAIT2);
	/* past the time a tool may hold the line back: this reset belongs to the mini-socket */
	for (uint64_t end = now_ms() + 60; now_ms() < end;)
		breathe();
	wire_send(&p, ACK | PSH, 10);
	wire_wait(&p, RST);
	wait_state(p.near, p.far, ST_GONE);
	life_end(l, "fin_wait1/t fin_wait2/c time_wait.fin_wait2/c", "normal");
}

static void linger2_negative(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	set_opt(fd, IPPROTO_TCP, TCP_LINGER2, -1);
	close_to_wire(&p, fd);
	wire_send(&p, ACK, 0);
	wait_state(p.near, p.far, ST_GONE);
	life_end(l, "fin_wait1/t fin_wait2/c close/c", "reset_by_us");
}

static void fin_wait2_close(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	shutdown(fd, SHUT_WR);
	wire_wait(&p, FIN);
	wire_send(&p, ACK, 0);
	wait_state(p.near, p.far, ST_FIN_WAIT2);
	close(fd); /* FIN_WAIT2 -> FIN_WAIT2 is dropped, the hand-over follows */
	life_end(l, "fin_wait1/t fin_wait2/c time_wait.fin_wait2/a", "normal");
}

static void connect_timeout(void)
{
	struct life *l = life_new("client", "active");
	struct peer p;
	int fd = tcp_socket(AF_INET);

	peer_init(&p, 0);
	set_opt(fd, IPPROTO_TCP, TCP_SYNCNT, 1);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	connect_to(fd, AF_INET, lab.far4, p.far);
	life_addr(l, fd);
	l->rport = p.far;
	expect_error(fd, 8000, ETIMEDOUT);
	close(fd);
	life_end(l, "close syn_sent/t close/c", "timeout");
}

static void user_timeout(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	set_opt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 300);
	put(fd, 10);
	expect_error(fd, LAB_DEADLINE_MS, ETIMEDOUT);
	close(fd);
	life_end(l, "close/c", "timeout");
}

static void keepalive(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	set_opt(fd, IPPROTO_TCP, TCP_KEEPIDLE, 1);
	set_opt(fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
	set_opt(fd, IPPROTO_TCP, TCP_KEEPCNT, 1);
	set_opt(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	expect_error(fd, LAB_DEADLINE_MS, ETIMEDOUT);
	close(fd);
	life_end(l, "close/c", "timeout");
}

static void fin_wait1_timeout(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	set_opt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 300);
	close_to_wire(&p, fd);
	wait_state(p.near, p.far, ST_GONE);
	life_end(l, "fin_wait1/t close/c", "timeout");
}

static void last_ack_timeout(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	set_opt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 300);
	wire_send(&p, FIN | ACK, 0);
	wait_state(p.near, p.far, ST_CLOSE_WAIT);
	close_to_wire(&p, fd);
	wait_state(p.near, p.far, ST_GONE);
	life_end(l, "close_wait/c last_ack/t close/c", "timeout");
}

/* The far end has forgotten the connection and opens a new one from the same port. */
static void halfopen_syn(void)
{
	struct segment seg;
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	wire_drain(&p);
	wire_send_at(&p, SYN, 0, p.seq + 500000);
	seg = wire_wait(&p, ACK); /* challenge */
	wire_send_at(&p, RST, 0, seg.ack);
	wait_state(p.near, p.far, ST_GONE);
	close(fd);
	life_end(l, "close/c", "reset_by_peer");
}

static void halfopen_data(void)
{
	struct segment seg;
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	wire_drain(&p);
	put(fd, 10);
	seg = wire_wait(&p, PSH);
	wire_send_at(&p, RST, 0, seg.ack);
	wait_state(p.near, p.far, ST_GONE);
	close(fd);
	life_end(l, "close/c", "reset_by_peer");
}

static void unreachable_of(int family, uint8_t type, uint8_t code, int err, const char *reason)
{
	struct life *l = life_new("client", "active");
	struct peer p;
	int fd;

	peer_init(&p, 0);
	p.family = family == AF_INET ? 4 : 6;
	fd = connect_start(family, p.far);
	wire_wait(&p, SYN);
	life_addr(l, fd);
	l->rport = p.far;
	wire_icmp(&p, type, code);
	expect_error(fd, LAB_DEADLINE_MS, err);
	close(fd);
	life_end(l, "close syn_sent/t close/c", reason);
}

static void unreachable(void)
{
	unreachable_of(AF_INET, 3, 1, EHOSTUNREACH, "unreachable");
}

static void unreachable_net(void)
{
	unreachable_of(AF_INET, 3, 0, ENETUNREACH, "unreachable");
}

static void unreachable6(void)
{
	unreachable_of(AF_INET6, 1, 3, EHOSTUNREACH, "unreachable");
}

static void prohibited6(void)
{
	unreachable_of(AF_INET6, 1, 1, EACCES, "other:EACCES");
}

static void cancelled(void)
{
	struct life *l = life_new("client", "active");
	struct peer p;
	int fd;

	peer_init(&p, 0);
	fd = connect_start(AF_INET, p.far);
	wire_wait(&p, SYN);
	life_addr(l, fd);
	l->rport = p.far;
	close(fd);
	wait_state(p.near, p.far, ST_GONE);
	life_end(l, "close syn_sent/t close/t", "cancelled");
}

static void defer_accept(void)
{
	struct life *l, *server;
	struct peer p;
	int lfd = listener(&l), fd;

	set_opt(lfd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 5);
	peer_init(&p, lab.port);
	wire_connect(&p); /* the bare ACK changes nothing */
	wait_state(p.near, p.far, ST_SYN_RECV);
	wire_send(&p, ACK | PSH, 4);
	fd = accept_one(lfd);
	server = life_new("server", "passive");
	life_addr(server, fd);
	get(fd, 4);
	wire_reset(&p);
	close(fd);
	life_end(server, CHILD " close/l", "reset_by_peer");
	listener_close(lfd, l);
}

/* Three handshakes, room for two children: the third stays a request until one is taken. */
static void accept_queue_full(void)
{
	static const char *const names[] = { "first", "second", "third" };
	struct life *l, *server[3];
	struct peer p[3];
	int lfd = listener_on(&l, AF_INET, lab.us4, lab.port, 1), fd[3];

	peer_init(&p[0], lab.port);
	wire_connect(&p[0]);
	for (int i = 1; i < 3; i++) {
		peer_init(&p[i], lab.port);
		wire_send(&p[i], SYN, 0);
		wire_wait(&p[i], SYN | ACK);
	}
	wire_send(&p[1], ACK, 0);
	wait_state(p[1].near, p[1].far, ST_ESTABLISHED);
	wire_send(&p[2], ACK, 0);
	wait_state(p[2].near, p[2].far, ST_SYN_RECV);
	for (int i = 0; i < 3; i++) {
		fd[i] = accept_one(lfd);
		server[i] = life_new(names[i], "passive");
		life_addr(server[i], fd[i]);
		if (i == 0)
			wire_send(&p[2], ACK, 0);
	}
	for (int i = 0; i < 3; i++) {
		wire_reset(&p[i]);
		close(fd[i]);
		life_end(server[i], CHILD " close/l", "reset_by_peer");
	}
	listener_close(lfd, l);
}

/* One SYN-ACK is lost: the far end answers the second. */
static void synack_lost(void)
{
	struct life *l, *server;
	struct peer p;
	int lfd = listener(&l), fd;

	peer_init(&p, lab.port);
	wire_send(&p, SYN, 0);
	wire_wait(&p, SYN | ACK);
	wire_wait(&p, SYN | ACK);
	wire_send(&p, ACK, 0);
	fd = accept_one(lfd);
	server = life_new("server", "passive");
	life_addr(server, fd);
	wire_reset(&p);
	close(fd);
	life_end(server, CHILD " close/l", "reset_by_peer");
	listener_close(lfd, l);
}

static void syncookie(void)
{
	struct life *l, *server;
	struct peer p;
	int lfd, fd;

	sysctl_set("ipv4/tcp_syncookies", "2");
	lfd = listener(&l);
	fd = wire_server(&p, lfd, &server);
	wire_reset(&p);
	close(fd);
	life_end(server, "close/l", "reset_by_peer");
	listener_close(lfd, l);
}

static void syn_over_time_wait(void)
{
	struct life *l, *first, *second;
	struct peer p;
	int lfd = listener(&l), fd = wire_server(&p, lfd, &first);

	close_to_wire(&p, fd);
	wire_send(&p, FIN | ACK, 0);
	wait_state(p.near, p.far, ST_TIME_WAIT);
	life_end(first, "fin_wait1/t fin_wait2/c time_wait.time_wait/c", "normal");
	wire_drain(&p);
	p.seq += 100000;
	wire_connect(&p);
	fd = accept_one(lfd);
	second = life_new("second", "passive");
	life_addr(second, fd);
	wire_reset(&p);
	close(fd);
	life_end(second, CHILD " close/l", "reset_by_peer");
	listener_close(lfd, l);
}

/* A TFO child exists from the SYN on, with its data: a full socket in SYN_RECV. */
static int tfo_child(struct peer *p, struct life **l, int *ret_lfd, struct life **server)
{
	int fd;

	sysctl_set("ipv4/tcp_fastopen", "515"); /* server, no cookie wanted */
	*ret_lfd = listener(l);
	set_opt(*ret_lfd, IPPROTO_TCP, TCP_FASTOPEN, 16);
	peer_init(p, lab.port);
	wire_send(p, SYN, 5);
	wire_wait(p, SYN | ACK);
	fd = accept_one(*ret_lfd);
	*server = life_new("server", "passive");
	life_addr(*server, fd);
	wait_state(p->near, p->far, ST_SYN_RECV);
	life_path(*server, "listen syn_recv/l");
	return fd;
}

static void tfo_rst(void)
{
	struct life *l, *server;
	struct peer p;
	int lfd, fd = tfo_child(&p, &l, &lfd, &server);

	wire_reset(&p);
	close(fd);
	life_end(server, "close/l", "reset_by_peer");
	listener_close(lfd, l);
}

static void tfo_close(void)
{
	struct life *l, *server;
	struct peer p;
	int lfd, fd = tfo_child(&p, &l, &lfd, &server);

	get(fd, 5);
	close(fd);
	wait_state(p.near, p.far, ST_FIN_WAIT1);
	wire_send(&p, ACK, 0);
	wire_wait(&p, FIN);
	wire_send(&p, FIN | ACK, 0);
	wait_state(p.near, p.far, ST_TIME_WAIT);
	life_end(server, "fin_wait1/t fin_wait2/c time_wait.time_wait/c", "normal");
	listener_close(lfd, l);
}

/* Nobody has accepted it, and its ACK never comes. */
static void tfo_listener(void)
{
	struct life *l, *child = life_new("child", "passive");
	struct peer p;
	int lfd;

	sysctl_set("ipv4/tcp_fastopen", "515");
	lfd = listener(&l);
	set_opt(lfd, IPPROTO_TCP, TCP_FASTOPEN, 16);
	peer_init(&p, lab.port);
	wire_send(&p, SYN, 5);
	wire_wait(&p, SYN | ACK);
	child->lport = p.near;
	child->rport = p.far;
	child->family = 4;
	wait_state(p.near, p.far, ST_SYN_RECV);
	life_path(child, "listen syn_recv/l");
	listener_close(lfd, l);
	wait_state(p.near, p.far, ST_GONE);
	life_end(child, "close/h", "listener_closed");
}

static void tfo_fin(void)
{
	struct life *l, *server;
	struct peer p;
	int lfd, fd = tfo_child(&p, &l, &lfd, &server);

	get(fd, 5);
	wire_send(&p, FIN | ACK, 0);
	wait_state(p.near, p.far, ST_CLOSE_WAIT);
	close_to_wire(&p, fd);
	wire_send(&p, ACK, 0);
	wait_state(p.near, p.far, ST_GONE);
	life_end(server, "established/l close_wait/l last_ack/t close/c", "normal");
	listener_close(lfd, l);
}

/* A process may call itself anything: 15 bytes without a zero. */
static void hostile_comm(void)
{
	struct life *l;
	int fd;

	prctl(PR_SET_NAME, "a\"\\\n\033[31m\377\t%s,");
	fd = listener(&l);
	l->actor.comm[0] = '\0'; /* how it is escaped is the test's affair */
	listener_close(fd, l);
}

/* ---- material for filters and for counting ---- */

#define OTHER_UID 12345

static void other_client(int fd, void *arg)
{
	char c;
	int cfd;

	/* the credentials of the socket are those of its maker */
	if (setresgid(OTHER_UID, OTHER_UID, OTHER_UID) < 0 ||
	    setresuid(OTHER_UID, OTHER_UID, OTHER_UID) < 0)
		die("cannot change the user");
	cfd = tcp_socket(AF_INET6);
	if (connect_to(cfd, AF_INET6, lab.us6, lab.port + 1) < 0)
		die("cannot connect");
	say(fd);
	while (read(cfd, &c, 1) > 0)
		;
	hear(fd);
	close(cfd);
	say(fd);
	hear(fd);
	(void)arg;
}

static void end_client_first(int cfd, int sfd, struct life *client, struct life *server)
{
	close(cfd);
	wait_state(server->lport, server->rport, ST_CLOSE_WAIT);
	wait_state(client->lport, client->rport, ST_FIN_WAIT2);
	close(sfd);
	wait_state(server->lport, server->rport, ST_GONE);
	life_end(client, CLIENT_LO " fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	life_end(server, CHILD " close_wait/l last_ack/t close/a", "normal");
}

/*
 * Two listeners (IPv4; dual-stack on the next port), three connections: IPv4, IPv6 from another
 * process of another user and name, IPv4 through the dual-stack listener. What differs is what
 * a filter can ask for.
 */
static void mix(void)
{
	struct life *la, *lb, *client[3], *server[3];
	struct helper h;
	int a = listener_on(&la, AF_INET, lab.us4, lab.port, 4);
	int b = listener_on(&lb, AF_INET6, "::", lab.port + 1, 4);
	int cfd, sfd;

	for (int i = 0; i < 3; i += 2) {
		cfd = tcp_socket(AF_INET);
		if (connect_to(cfd, AF_INET, lab.us4, lab.port + (i == 2)) < 0)
			die("cannot connect");
		sfd = accept_one(i == 2 ? b : a);
		client[i] = life_new(i ? "client3" : "client1", "active");
		server[i] = life_new(i ? "server3" : "server1", "passive");
		life_addr(client[i], cfd);
		life_addr(server[i], sfd);
		end_client_first(cfd, sfd, client[i], server[i]);
	}
	helper_start(&h, "dance-other", other_client, NULL);
	hear(h.fd);
	sfd = accept_one(b);
	server[1] = life_new("server2", "passive");
	life_addr(server[1], sfd);
	client[1] = life_new("client2", "active");
	client[1]->family = 6;
	client[1]->lport = server[1]->rport;
	client[1]->rport = server[1]->lport;
	client[1]->actor = h.who;
	close(sfd);
	wait_state(server[1]->lport, server[1]->rport, ST_FIN_WAIT2);
	say(h.fd);
	hear(h.fd);
	wait_state(client[1]->lport, client[1]->rport, ST_GONE);
	say(h.fd);
	helper_end(&h);
	life_end(client[1], CLIENT_LO " close_wait/c last_ack/t close/a", "normal");
	life_end(server[1], CHILD " fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	listener_close(a, la);
	listener_close(b, lb);
}

#define CHURN_CLIENTS 2
#define CHURN_EACH    5000

static void churn_server(int fd, void *arg)
{
	struct shared *sh = arg;

	for (int i = 0; i < CHURN_CLIENTS * CHURN_EACH; i++)
		close(accept_one(sh->lfd));
	(void)fd;
}

static void churn_client(int fd, void *arg)
{
	for (int i = 0; i < CHURN_EACH; i++) {
		int cfd = tcp_socket(AF_INET);
		char c;

		if (connect_to(cfd, AF_INET, lab.us4, lab.port) < 0)
			die("cannot connect");
		while (read(cfd, &c, 1) > 0)
			;
		close(cfd);
	}
	(void)fd;
	(void)arg;
}

/* The peer's data come after close(): a reset follows the -> CLOSE. */
static void answered_server(int fd, void *arg)
{
	struct shared *sh = arg;

	for (int i = 0; i < CHURN_CLIENTS * CHURN_EACH; i++) {
		int sfd = accept_one(sh->lfd);
		char c = 0;

		while (read(sfd, &c, 1) > 0)
			;
		if (write(sfd, &c, 1) != 1)
			die("cannot write");
		close(sfd);
	}
	(void)fd;
}

static void hasty_client(int fd, void *arg)
{
	for (int i = 0; i < CHURN_EACH; i++) {
		int cfd = tcp_socket(AF_INET);

		if (connect_to(cfd, AF_INET, lab.us4, lab.port) < 0)
			die("cannot connect");
		close(cfd);
	}
	(void)fd;
	(void)arg;
}

/* Many short connections as fast as they go, client and server in different processes. */
static void churn_of(void (*serve)(int, void *), void (*use)(int, void *))
{
	struct helper server, client[CHURN_CLIENTS];
	struct life *l;
	struct shared sh;

	loose = true; /* counted, not told one by one */
	sh.lfd = listener_on(&l, AF_INET, lab.us4, lab.port, 1024);
	helper_start(&server, "dance-server", serve, &sh);
	for (int i = 0; i < CHURN_CLIENTS; i++)
		helper_start(&client[i], "dance-client", use, NULL);
	for (int i = 0; i < CHURN_CLIENTS; i++)
		helper_end(&client[i]);
	helper_end(&server);
	listener_close(sh.lfd, l);
}

static void churn(void)
{
	churn_of(churn_server, churn_client);
}

static void churn_resets(void)
{
	churn_of(answered_server, hasty_client);
}

/* ---- no room for a time-wait socket ---- */

/* Of this namespace. */
static uint64_t time_wait_overflows(void)
{
	uint64_t n = netstat_counter("TcpExt:", "TCPTimeWaitOverflow");

	if (n == NETSTAT_NONE)
		die("no TCPTimeWaitOverflow");
	return n;
}

static uint64_t overflows_before;

/* A close that ends in CLOSE if the kernel counts that it made no time-wait socket. */
static void life_end_full(struct life *l, const char *path, const char *substate)
{
	bool made = time_wait_overflows() == overflows_before;
	char whole[LIFE_PATH];

	overflows_before = time_wait_overflows();
	snprintf(whole, sizeof(whole), "%s %s%s/a", path, made ? "time_wait." : "close",
		 made ? substate : "");
	life_end(l, whole, "normal");
}

static void limit_time_wait(const char *limit)
{
	sysctl_set("ipv4/tcp_max_tw_buckets", limit);
	overflows_before = time_wait_overflows();
}

/* The limit is reached in the middle: the last one made and the first one refused are beside. */
static void time_wait_full_of(int family)
{
	struct life *first = NULL;
	int lfd = -1;

	limit_time_wait("2");
	for (int i = 0; i < 4; i++) {
		struct pair p;

		if (i) { /* one listener for all of them */
			p.lfd = lfd;
			p.cfd = tcp_socket(family);
			if (connect_to(p.cfd, family, family == AF_INET ? lab.us4 : lab.us6,
				       lab.port) < 0)
				die("cannot connect over loopback");
			p.sfd = accept_one(p.lfd);
			p.client = life_new("client", "active");
			p.server = life_new("server", "passive");
			life_addr(p.client, p.cfd);
			life_addr(p.server, p.sfd);
			life_path(p.client, CLIENT_LO);
			life_path(p.server, CHILD);
		} else {
			pair_open(&p, family);
			lfd = p.lfd;
			first = p.listener;
		}
		if (i & 1) { /* the peer's FIN comes while the socket is held */
			shutdown(p.cfd, SHUT_WR);
			wait_state(p.server->lport, p.server->rport, ST_CLOSE_WAIT);
			wait_state(p.client->lport, p.client->rport, ST_FIN_WAIT2);
			close(p.sfd);
			wait_state(p.server->lport, p.server->rport, ST_GONE);
			life_end_full(p.client, "fin_wait1/t fin_wait2/a", "time_wait");
			close(p.cfd);
			life_end(p.server, "close_wait/l last_ack/t close/a", "normal");
			continue;
		}
		close(p.cfd);
		wait_state(p.server->lport, p.server->rport, ST_CLOSE_WAIT);
		wait_state(p.client->lport, p.client->rport, i < 2 ? ST_FIN_WAIT2 : ST_GONE);
		life_end_full(p.client, "fin_wait1/t fin_wait2/a", "fin_wait2");
		close(p.sfd);
		wait_state(p.server->lport, p.server->rport, ST_GONE);
		/* nothing is left over there that could acknowledge its FIN */
		life_end(p.server, "close_wait/l last_ack/t close/a",
			 i < 2 ? "normal" : "reset_by_peer");
	}
	listener_close(lfd, first);
}

static void time_wait_full(void)
{
	time_wait_full_of(AF_INET);
}

static void time_wait_full6(void)
{
	time_wait_full_of(AF_INET6);
}

static void time_wait_full_sim_close(void)
{
	for (int i = 0; i < 2; i++) {
		struct life *l;
		struct peer p;
		int fd = wire_client(&p, &l, AF_INET);

		if (!i)
			limit_time_wait("1");
		close_to_wire(&p, fd);
		crossing_fin(&p);
		wire_send(&p, ACK, 0);
		wait_state(p.near, p.far, i ? ST_GONE : ST_TIME_WAIT);
		life_end_full(l, "fin_wait1/t closing/c", "time_wait");
	}
}

/* ---- checkpoint and restore ---- */

static void queue_seq(int fd, int queue, uint32_t *seq, bool set)
{
	socklen_t len = sizeof(*seq);

	set_opt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);
	if (set ? setsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, seq, len) :
		  getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, seq, &len))
		die("TCP_QUEUE_SEQ");
}

/* The client is closed in TCP_REPAIR, and restored; its peer notices nothing. */
static void repair(void)
{
	struct life *restored;
	uint32_t sent, received;
	struct pair p;
	int fd, on = 1;

	pair_open(&p, AF_INET);
	if (setsockopt(p.cfd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)))
		skip("no TCP_REPAIR here");
	queue_seq(p.cfd, TCP_SEND_QUEUE, &sent, false);
	queue_seq(p.cfd, TCP_RECV_QUEUE, &received, false);
	close(p.cfd);
	life_end(p.client, "close/t", "repair_closed");

	fd = tcp_socket(AF_INET);
	set_opt(fd, IPPROTO_TCP, TCP_REPAIR, 1);
	bind_to(fd, AF_INET, lab.us4, p.client->lport);
	queue_seq(fd, TCP_SEND_QUEUE, &sent, true);
	queue_seq(fd, TCP_RECV_QUEUE, &received, true);
	if (connect_to(fd, AF_INET, lab.us4, lab.port) < 0)
		die("cannot restore");
	restored = life_new("restored", "active");
	life_addr(restored, fd);
	restored->bound = true;
	set_opt(fd, IPPROTO_TCP, TCP_REPAIR, 0);

	close(fd);
	life_end(restored, CLIENT_LO " fin_wait1/t fin_wait2/a time_wait.fin_wait2/a", "normal");
	wait_state(p.server->lport, p.server->rport, ST_CLOSE_WAIT);
	wait_state(restored->lport, restored->rport, ST_FIN_WAIT2);
	close(p.sfd);
	wait_state(p.server->lport, p.server->rport, ST_GONE);
	life_end(p.server, "close_wait/l last_ack/t close/a", "normal");
	listener_close(p.lfd, p.listener);
}

/* ---- ICMP errors that end nothing ---- */

/* A connection to the far end with an error in sk_err that the program does not read. */
static int wire_client_with_error(struct peer *p, struct life **ret, int family)
{
	int fd = wire_client(p, ret, family);
	struct pollfd pfd = { .fd = fd };

	if (family == AF_INET)
		set_opt(fd, IPPROTO_IP, IP_RECVERR, 1);
	else
		set_opt(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
	put(fd, 10);
	wire_wait(p, PSH);
	wire_icmp(p, family == AF_INET ? 3 : 1, family == AF_INET ? 1 : 3);
	if (poll(&pfd, 1, LAB_DEADLINE_MS) != 1 || !(pfd.revents & POLLERR))
		die("the error did not arrive");
	wire_send(p, ACK, 0); /* and then the far end can be reached again */
	return fd;
}

static void old_error_passive(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client_with_error(&p, &l, AF_INET);

	wire_send(&p, FIN | ACK, 0);
	wait_state(p.near, p.far, ST_CLOSE_WAIT);
	close_to_wire(&p, fd);
	wire_send(&p, ACK, 0);
	wait_state(p.near, p.far, ST_GONE);
	life_end(l, "close_wait/c last_ack/t close/c", "normal");
}

static void old_error_active6(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client_with_error(&p, &l, AF_INET6);

	close_to_wire(&p, fd);
	wire_send(&p, ACK, 0);
	wait_state(p.near, p.far, ST_FIN_WAIT2);
	life_end(l, "fin_wait1/t fin_wait2/c time_wait.fin_wait2/c", "normal");
}

static void old_error_linger0(void)
{
	struct linger now = { .l_onoff = 1 };
	struct life *l;
	struct peer p;
	int fd = wire_client_with_error(&p, &l, AF_INET);

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	life_end(l, "close/t", "reset_by_us");
}

/* The error is the one that ends it: the data are never acknowledged. */
static void unreachable_data(void)
{
	struct life *l;
	struct peer p;
	int fd = wire_client(&p, &l, AF_INET);

	set_opt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 300);
	put(fd, 10);
	wire_wait(&p, PSH);
	wire_icmp(&p, 3, 1);
	expect_error(fd, LAB_DEADLINE_MS, EHOSTUNREACH);
	close(fd);
	life_end(l, "close/c", "unreachable");
}

/* ---- the table ---- */

static const struct scenario {
	const char *name;
	void (*run)(void);
	bool early; /* calls gate() itself */
	const char *what;
} scenarios[] = {
	{ "close_client_first", close_client_first, false,
	  "both ends here; the client closes first" },
	{ "close_server_first", close_server_first, false,
	  "both ends here; the server closes first" },
	{ "shutdown_wr", shutdown_wr, false, "half close, data the other way, then the other FIN" },
	{ "linger0", linger0, false, "SO_LINGER 0: close() resets" },
	{ "unread_data", unread_data, false, "close() with data unread resets" },
	{ "af_unspec", af_unspec, false,
	  "connect(AF_UNSPEC), then the same socket connects again" },
	{ "killed", killed, false, "SOCK_DESTROY, as ss -K does, from another process" },
	{ "listener_children", listener_children, false, "listener closed with two in its queue" },
	{ "listen_close", listen_close, false, "listen() and close()" },
	{ "listener_shutdown", listener_shutdown, false, "shutdown() of a listener, then close()" },
	{ "listen_taken", listen_taken, false, "listen() on an address that is taken" },
	{ "ipv6", ipv6, false, "both ends IPv6" },
	{ "v4_mapped", v4_mapped, false, "IPv4 over dual-stack sockets, either side" },
	{ "refused", refused, false, "nobody listens" },
	{ "no_local_port", no_local_port, false, "the local port range is used up" },
	{ "bound_taken", bound_taken, false, "the port of bind() has that connection already" },
	{ "bound_taken6", bound_taken6, false, "the same over IPv6" },
	{ "source_prohibited", source_prohibited, false, "a rule prohibits the source port" },
	{ "source_unreachable", source_unreachable, false, "a rule makes it unreachable" },
	{ "source_blackhole", source_blackhole, false, "a rule drops it" },
	{ "no_route", no_route, false, "no route: not a single transition" },
	{ "tfo", tfo, false, "TCP Fast Open, both ends" },
	{ "mptcp", mptcp, false, "MPTCP beside TCP" },
	{ "fork_server", fork_server, false, "the parent listens, its child accepts and closes" },
	{ "prefork", prefork, false, "three workers accept nine connections" },
	{ "inetd", inetd, false, "an exec'd server with another name" },
	{ "scm_rights", scm_rights, false, "a socket passed to another process, which closes it" },
	{ "process_killed", process_killed, false, "the owner dies" },
	{ "netns_gone", netns_gone, false, "a namespace is made, used and gone" },
	{ "older_connection", older_connection, true, "a connection older than the tool" },
	{ "older_listener", older_listener, true, "a listener older than the tool" },
	{ "older_reset", older_reset, true, "an older connection on which nobody acts" },
	{ "three_segment", three_segment, false, "the FIN of the far end acknowledges ours" },
	{ "three_segment6", three_segment6, false, "the same over IPv6" },
	{ "sim_open", sim_open, false, "simultaneous open" },
	{ "sim_open_close", sim_open_close, false, "close() in SYN_RECV" },
	{ "sim_close", sim_close, false, "simultaneous close" },
	{ "sim_close_open_fd", sim_close_open_fd, false,
	  "simultaneous close with the socket held" },
	{ "rst_syn_sent", rst_syn_sent, false, "RST in SYN_SENT" },
	{ "rst_request", rst_request, false, "RST to a request socket, then a good handshake" },
	{ "rst_syn_recv", rst_syn_recv, false, "RST in SYN_RECV (a full socket)" },
	{ "rst_established", rst_established, false, "RST in ESTABLISHED" },
	{ "rst_fin_wait1", rst_fin_wait1, false, "RST in FIN_WAIT1" },
	{ "rst_fin_wait2", rst_fin_wait2, false, "RST in FIN_WAIT2" },
	{ "rst_closing", rst_closing, false, "RST in CLOSING" },
	{ "rst_close_wait", rst_close_wait, false, "RST in CLOSE_WAIT" },
	{ "rst_last_ack", rst_last_ack, false, "RST in LAST_ACK" },
	{ "rst_time_wait", rst_time_wait, false, "RST in TIME_WAIT: nothing more" },
	{ "passive_close_wire", passive_close_wire, false, "the far end opens and closes first" },
	{ "data_after_close", data_after_close, false, "data with the ACK of our FIN" },
	{ "data_after_close_unacked", data_after_close_unacked, false,
	  "data after close(), our FIN not acknowledged" },
	{ "orphan_fin_wait2", orphan_fin_wait2, false, "the far end never closes" },
	{ "orphan_fin_wait2_timer", orphan_fin_wait2_timer, false,
	  "the same with TCP_LINGER2 61 s" },
	{ "late_fin", late_fin, false, "FIN after the hand-over: nothing more" },
	{ "data_to_time_wait", data_to_time_wait, false, "data after the hand-over: still normal" },
	{ "linger2_negative", linger2_negative, false, "TCP_LINGER2 < 0: no FIN_WAIT2" },
	{ "fin_wait2_close", fin_wait2_close, false, "close() in FIN_WAIT2" },
	{ "connect_timeout", connect_timeout, false, "SYN unanswered" },
	{ "user_timeout", user_timeout, false, "data unacknowledged" },
	{ "keepalive", keepalive, false, "keepalive probes unanswered" },
	{ "fin_wait1_timeout", fin_wait1_timeout, false, "FIN unanswered, active side" },
	{ "last_ack_timeout", last_ack_timeout, false, "FIN unanswered, passive side" },
	{ "halfopen_syn", halfopen_syn, false, "SYN to an established tuple, then RST" },
	{ "halfopen_data", halfopen_data, false, "we send, the far end has forgotten us" },
	{ "unreachable", unreachable, false, "ICMP host unreachable" },
	{ "unreachable_net", unreachable_net, false, "ICMP network unreachable" },
	{ "unreachable6", unreachable6, false, "ICMPv6 address unreachable" },
	{ "prohibited6", prohibited6, false, "ICMPv6 administratively prohibited" },
	{ "cancelled", cancelled, false, "close() in SYN_SENT" },
	{ "defer_accept", defer_accept, false, "TCP_DEFER_ACCEPT: the data makes the child" },
	{ "accept_queue_full", accept_queue_full, false, "third ACK on a full accept queue" },
	{ "synack_lost", synack_lost, false, "the first SYN-ACK is lost" },
	{ "syncookie", syncookie, false, "a child made from a SYN cookie" },
	{ "syn_over_time_wait", syn_over_time_wait, false, "a new SYN over a TIME_WAIT tuple" },
	{ "tfo_rst", tfo_rst, false, "TFO child reset in SYN_RECV" },
	{ "tfo_close", tfo_close, false, "TFO child closed in SYN_RECV" },
	{ "tfo_listener", tfo_listener, false, "listener closed with a TFO child in SYN_RECV" },
	{ "tfo_fin", tfo_fin, false, "FIN arrives with the ACK of a TFO child" },
	{ "hostile_comm", hostile_comm, false, "a process name full of control characters" },
	{ "mix", mix, false, "three different connections, for filters" },
	{ "churn", churn, false, "ten thousand short connections, for counting" },
	{ "churn_resets", churn_resets, false, "the same, each with a reset after close()" },
	{ "time_wait_full", time_wait_full, false,
	  "tcp_max_tw_buckets is reached: the kernel makes no TIME_WAIT" },
	{ "time_wait_full6", time_wait_full6, false, "the same over IPv6" },
	{ "time_wait_full_sim_close", time_wait_full_sim_close, false,
	  "the same at a simultaneous close" },
	{ "repair", repair, false, "closed in TCP_REPAIR, and restored" },
	{ "old_error_passive", old_error_passive, false,
	  "an ICMP error with IP_RECVERR, then a close in order; the far end closes first" },
	{ "old_error_active6", old_error_active6, false, "the same over IPv6; we close first" },
	{ "old_error_linger0", old_error_linger0, false, "the same with SO_LINGER 0" },
	{ "unreachable_data", unreachable_data, false,
	  "data unacknowledged after ICMP host unreachable" },
};

int main(int argc, char **argv)
{
	const char *name = NULL;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--list")) {
			for (size_t k = 0; k < sizeof(scenarios) / sizeof(*scenarios); k++)
				printf("%s\t%s\n", scenarios[k].name, scenarios[k].what);
			return 0;
		}
		if (!strcmp(argv[i], "--until-eof")) { /* what inetd execs */
			char c;

			while (read(0, &c, 1) > 0)
				;
			return 0;
		}
		if (!strcmp(argv[i], "--gate"))
			gated = true;
		else
			name = argv[i];
	}
	for (size_t k = 0; name && k < sizeof(scenarios) / sizeof(*scenarios); k++) {
		if (strcmp(name, scenarios[k].name))
			continue;
		signal(SIGPIPE, SIG_IGN);
		alarm(DANCE_MAX_S);
		lab_init();
		wire_start();
		if (!scenarios[k].early)
			gate();
		scenarios[k].run();
		wait_quiet();
		wire_stop();
		life_print_all();
		printf("{\"done\":true,\"strict\":%s}\n", loose ? "false" : "true");
		return 0;
	}
	fprintf(stderr, "usage: dance --list | dance [--gate] SCENARIO\n");
	return 2;
}
