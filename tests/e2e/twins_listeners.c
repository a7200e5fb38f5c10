// SPDX-License-Identifier: GPL-2.0-only
/*
 * twins_listeners.c - listeners of several processes that share a port, and clients of each
 *
 * Each listener is a process of its own ("member"), which calls listen() itself. Clients are held
 * by the main process, in the namespace that the member's clients are in.
 */
#include <linux/filter.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "twins.h"

#define MEMBERS_MAX  8
#define CLIENTS_MAX  256 /* of a member */
#define CLIENT_PORTS 20000

struct queues {
	unsigned int length, limit;
};

struct member {
	char name[32];
	int family;
	const char *bind, *device;
	unsigned int port, to_port;
	bool reuseport, v6only, transparent;
	const struct ns *ns, *clients_ns;
	const char *to; /* address that its clients connect to */
	pid_t pid;
	int ctl;
	bool accepts;
	unsigned int next_port, n_clients;
	int clients[CLIENTS_MAX];
	unsigned int client_ports[CLIENTS_MAX];
};

static struct member members[MEMBERS_MAX];
static unsigned int n_members;
static struct ns here, left, right;

/* ---- the process of a listener --------------------------------------------------------------- */

static int member_listen(const struct member *m)
{
	struct sockaddr_storage ss;
	socklen_t len = fill_address(&ss, m->family, m->bind, m->port);
	int fd = socket(m->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die("no socket");
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (m->reuseport)
		set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (m->family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, m->v6only);
	if (m->transparent)
		set_option(fd, m->family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
			   m->family == AF_INET6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, 1);
	if (m->device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, m->device,
				    (socklen_t)strlen(m->device)) < 0)
		die("SO_BINDTODEVICE %s", m->device);
	if (bind(fd, (struct sockaddr *)&ss, len) || listen(fd, (int)options.backlog))
		die("%s cannot listen on %s %u", m->name, m->bind, m->port);
	return fd;
}

/* The client's port modulo the number of workers is the index of the worker. */
static void select_by_port(const struct member *m, int listener)
{
	uint32_t sport = (uint32_t)SKF_NET_OFF + (m->family == AF_INET ? 20 : 40);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, sport),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, options.members),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_fprog prog = { .len = 3, .filter = code };

	if (setsockopt(listener, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof(prog)) < 0)
		die("SO_ATTACH_REUSEPORT_CBPF");
}

static void send_queues(int ctl, int listener)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	struct queues q;

	if (getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		die("TCP_INFO of a listener");
	q = (struct queues){ .length = info.tcpi_unacked, .limit = info.tcpi_sacked };
	if (send(ctl, &q, sizeof(q), MSG_NOSIGNAL) != sizeof(q))
		_exit(0);
}

/* Connections that the client has closed are closed. */
static unsigned int close_ended(int *fds, unsigned int n)
{
	unsigned int i, kept = 0;
	char c;

	for (i = 0; i < n; i++) {
		if (recv(fds[i], &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
			fds[kept++] = fds[i];
		else
			close(fds[i]);
	}
	return kept;
}

static __attribute__((noreturn)) void member_serve(int ctl, int listener)
{
	unsigned int n = 0;
	int fds[CLIENTS_MAX], fd;
	bool accepts = false;
	char command;

	for (;;) {
		struct pollfd pfd[2] = { { .fd = ctl, .events = POLLIN },
					 { .fd = accepts ? listener : -1, .events = POLLIN } };

		poll(pfd, 2, accepts ? 5 : -1);
		if (pfd[0].revents) {
			if (recv(ctl, &command, 1, 0) != 1)
				_exit(0);
			accepts |= command == 'a';
			send_queues(ctl, listener);
		}
		while (accepts && n < CLIENTS_MAX &&
		       (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
			fds[n++] = fd;
		n = close_ended(fds, n);
	}
}

static struct queues member_ask(const struct member *m, char command)
{
	struct queues q;

	if (send(m->ctl, &command, 1, MSG_NOSIGNAL) != 1 ||
	    recv(m->ctl, &q, sizeof(q), 0) != sizeof(q))
		die("%s does not answer", m->name);
	return q;
}

/* Only its own sockets are open in a member: no client, no other listener. */
static void member_start(struct member *m, bool is_last)
{
	int pair[2], listener;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		die("no socket pair");
	fflush(stdout);
	m->pid = fork();
	if (m->pid < 0)
		die("cannot fork");
	if (!m->pid) {
		prctl(PR_SET_NAME, m->name);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ns_enter(m->ns);
		if (dup2(pair[1], 3) < 0)
			die("no descriptor");
		close_range(4, ~0u, 0);
		listener = member_listen(m);
		if (m->reuseport && is_last && !options.dual)
			select_by_port(m, listener);
		member_serve(3, listener);
	}
	close(pair[1]);
	m->ctl = pair[0];
	member_ask(m, 'q');
}

static void start_all(void)
{
	unsigned int i;

	if (n_members && members[0].pid)
		die("the listeners run already");
	for (i = 0; i < n_members; i++)
		member_start(&members[i], i + 1 == n_members);
}

static void print_members(void)
{
	unsigned int i;

	printf(",\"listeners\":[");
	for (i = 0; i < n_members; i++) {
		const struct member *m = &members[i];
		struct queues q = { 0 };

		if (m->pid)
			q = member_ask(m, 'q');
		printf("%s{\"name\":\"%s\",\"pid\":%d,\"family\":%d,\"laddr\":\"%s\",\"lport\":%u,",
		       i ? "," : "", m->name, m->pid, m->family == AF_INET ? 4 : 6, m->bind,
		       m->port);
		if (m->device)
			printf("\"device\":\"%s\",", m->device);
		else
			printf("\"device\":null,");
		printf("\"accept_queue\":%u,\"queue_limit\":%u}", q.length, q.limit);
	}
	printf("]");
}

/* ---- clients --------------------------------------------------------------------------------- */

static int client_socket(struct member *m, bool wait)
{
	int fd = socket(m->family, SOCK_STREAM | SOCK_CLOEXEC | (wait ? 0 : SOCK_NONBLOCK), 0);
	struct sockaddr_storage ss;
	socklen_t len;

	if (fd < 0)
		die("no socket");
	len = fill_address(&ss, m->family, m->family == AF_INET ? "0.0.0.0" : "::", m->next_port);
	if (bind(fd, (struct sockaddr *)&ss, len))
		die("cannot bind port %u", m->next_port);
	m->next_port += n_members;
	len = fill_address(&ss, m->family, m->to, m->to_port);
	if (connect(fd, (struct sockaddr *)&ss, len) && (wait || errno != EINPROGRESS))
		die("cannot connect to %s %u", m->to, m->to_port);
	return fd;
}

static void connect_clients(struct member *m, unsigned int n)
{
	unsigned int i, want = m->n_clients + n;
	uint64_t end = now_ms() + LAB_DEADLINE_MS;

	if (!m->pid || want > CLIENTS_MAX)
		die("no room for %u clients", n);
	ns_enter(m->clients_ns);
	printf(",\"ports\":[");
	for (i = 0; i < n; i++) {
		printf("%s%u", i ? "," : "", m->next_port);
		m->client_ports[m->n_clients] = m->next_port;
		m->clients[m->n_clients++] = client_socket(m, true);
	}
	printf("]");
	ns_enter(&here);
	while (member_ask(m, 'q').length != (m->accepts ? 0 : want)) {
		if (now_ms() > end)
			die("%s has %u in its accept queue, expected %u", m->name,
			    member_ask(m, 'q').length, want);
		breathe();
	}
}

static void finish_clients(const struct member *m)
{
	uint64_t end = now_ms() + LAB_DEADLINE_MS;
	unsigned int i, state;

	for (i = 0; i < m->n_clients; i++)
		if (shutdown(m->clients[i], SHUT_WR) && errno != ENOTCONN)
			die("shutdown");
	for (i = 0; i < m->n_clients; i++) {
		while ((state = tcp_state(m->clients[i])) == ST_ESTABLISHED ||
		       state == ST_FIN_WAIT1) {
			if (now_ms() > end)
				die("a FIN is not acknowledged");
			breathe();
		}
	}
}

/* rates[i] connections per second to member i, each closed when the next one is started. */
static __attribute__((noreturn)) void steady_run(const unsigned int *rates, unsigned int n)
{
	uint64_t due[MEMBERS_MAX];
	int fd[MEMBERS_MAX];
	unsigned int i;

	for (i = 0; i < n; i++) {
		due[i] = now_ms();
		fd[i] = -1;
		members[i].next_port += 2000 * n_members;
	}
	for (;;) {
		for (i = 0; i < n; i++) {
			if (!rates[i] || now_ms() < due[i])
				continue;
			if (fd[i] >= 0)
				close(fd[i]);
			ns_enter(members[i].clients_ns);
			fd[i] = client_socket(&members[i], false);
			due[i] += 1000 / rates[i];
		}
		breathe();
	}
}

static void steady_start(const unsigned int *rates, unsigned int n)
{
	unsigned int i, k;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("cannot fork");
	if (pid) {
		printf(",\"client_pid\":%d", pid);
		return;
	}
	prctl(PR_SET_NAME, "twin-client");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0; i < n_members; i++)
		for (k = 0; k < members[i].n_clients; k++)
			close(members[i].clients[k]);
	steady_run(rates, n < n_members ? n : n_members);
}

static bool listeners_word(const char *word, const unsigned int *numbers, unsigned int n)
{
	struct member *m = n && numbers[0] < n_members ? &members[numbers[0]] : NULL;

	if (!strcmp(word, "listen")) {
		start_all();
	} else if (!strcmp(word, "connect") && m && n == 2) {
		connect_clients(m, numbers[1]);
	} else if (!strcmp(word, "finish") && m) {
		finish_clients(m);
	} else if (!strcmp(word, "accept") && m) {
		m->accepts = true;
		member_ask(m, 'a');
	} else if (!strcmp(word, "steady") && n) {
		steady_start(numbers, n);
	} else if (strcmp(word, "queues") != 0) {
		return false;
	}
	print_members();
	return true;
}

/* ---- situations ------------------------------------------------------------------------------ */

static struct member *member_add(const char *name, int family)
{
	struct member *m = &members[n_members];

	*m = (struct member){ .family = family,
			      .bind = family == AF_INET ? "0.0.0.0" : "::",
			      .to = family == AF_INET ? "127.0.0.1" : "::1",
			      .port = options.port,
			      .to_port = options.port,
			      .v6only = true,
			      .ns = &here,
			      .clients_ns = &here };
	snprintf(m->name, sizeof(m->name), "%s", name);
	n_members++;
	return m;
}

/* Source ports of member I are I modulo the number of members, and nobody else's. */
static void stand(void)
{
	unsigned int i, base;

	for (i = 0; i < n_members; i++) {
		base = CLIENT_PORTS + (options.same_ports ? 0 : i);
		members[i].next_port = base - CLIENT_PORTS % n_members;
	}
	ns_enter(&here);
	if (!options.late)
		start_all();
	printf(",\"netns\":%llu", (unsigned long long)here.inode);
	print_members();
}

static int family(void)
{
	return options.ipv6 ? AF_INET6 : AF_INET;
}

static void workers_set_up(void)
{
	unsigned int i;
	char name[32];

	if (!options.members || options.members > MEMBERS_MAX)
		die("from 1 to %d members", MEMBERS_MAX);
	ns_new(&here);
	for (i = 0; i < options.members; i++) {
		snprintf(name, sizeof(name), "worker-%u", i);
		member_add(name, family())->reuseport = true;
	}
	stand();
}

/* The same address on both devices, and the same address at the far end of each. */
static void tenant_add(const char *name, const char *device, const struct ns *ns)
{
	struct member *m = member_add(name, family());

	veth_new(&here, device, ns, "peer");
	run_ip("addr add 10.9.0.2/24 dev peer\naddr add fd09::2/64 dev peer nodad\n");
	ns_enter(&here);
	run_ip("addr add 10.9.0.1/24 dev %s\naddr add fd09::1/64 dev %s nodad\n", device, device);
	m->device = device;
	m->clients_ns = ns;
	m->to = options.ipv6 ? "fd09::1" : "10.9.0.1";
}

static void devices_set_up(void)
{
	ns_new(&left);
	ns_new(&right);
	ns_new(&here);
	tenant_add("tenant-left", "left", &left);
	tenant_add("tenant-right", "right", &right);
	stand();
}

static void families_set_up(void)
{
	struct member *m;

	ns_new(&here);
	if (!options.six_first)
		member_add("only-v4", AF_INET)->reuseport = options.dual;
	m = member_add("only-v6", AF_INET6);
	m->reuseport = options.dual;
	m->v6only = !options.dual;
	if (options.six_first)
		member_add("only-v4", AF_INET)->reuseport = options.dual;
	stand();
}

static void tproxy_set_up(void)
{
	struct member *proxy;

	ns_new(&left);
	ns_new(&here);
	veth_new(&here, "left", &left, "peer");
	run_ip("addr add 10.9.0.2/24 dev peer\naddr add fd09::2/64 dev peer nodad\n");
	ns_enter(&here);
	run_ip("addr add 10.9.0.1/24 dev left\naddr add fd09::1/64 dev left nodad\n"
	       "rule add fwmark 1 lookup 100\nroute add local default dev lo table 100\n");
	run_ip6("rule add fwmark 1 lookup 100\nroute add local default dev lo table 100\n");
	run_nft("table inet twins { chain take {\n"
		"type filter hook prerouting priority mangle;\n"
		"iifname left meta nfproto ipv4 tcp dport %u tproxy ip to :%u meta mark set 1\n"
		"iifname left meta nfproto ipv6 tcp dport %u tproxy ip6 to :%u meta mark set 1\n"
		"}\n}\n",
		options.port, options.port + 1, options.port, options.port + 1);
	member_add("application", family());
	proxy = member_add("proxy", family());
	proxy->port = options.port + 1;
	proxy->transparent = true;
	proxy->clients_ns = &left;
	proxy->to = options.ipv6 ? "fd09::1" : "10.9.0.1";
	stand();
}

const struct situation situation_workers = { "workers", workers_set_up, listeners_word };
const struct situation situation_devices = { "devices", devices_set_up, listeners_word };
const struct situation situation_families = { "families", families_set_up, listeners_word };
const struct situation situation_tproxy = { "tproxy", tproxy_set_up, listeners_word };
