// SPDX-License-Identifier: GPL-2.0-only
/*
 * twins.c - sockets that share a port, an address or a cookie, and are not the same socket
 *
 *   twins SITUATION [WORD[=N]]...
 *
 * Builds SITUATION in network namespaces of its own, prints one line of JSON about it, and holds
 * it until standard input ends. A line of standard input is a word with numbers; each is answered
 * by a line of JSON when it is done.
 *
 *   workers    N processes listen on one port (SO_REUSEPORT). A classic BPF program selects the
 *              listener by the client's port, so that a connection is made to the one wanted
 *   devices    two processes listen on one port, each bound to a device; both devices have the
 *              same address, and so have their clients
 *   families   one process listens on 0.0.0.0, another on [::] of the same port
 *   tproxy     connections to the port of an application are taken by a transparent proxy that
 *              listens on the next port
 *   links      two links, with the same link-local address at the far end of each
 *   lossy      a client's namespace that drops 40 % of the SYN-ACKs it receives
 *
 *   ipv6            over IPv6 (families has both)
 *   port=N          the port, instead of one derived from the namespace
 *   late            listeners start by the word "listen"
 *   members=N       workers: how many (4)
 *   backlog=N       of each listener (16)
 *   six_first       families: the IPv6 listener is started first
 *   dual            families: the IPv6 listener is dual-stack, beside the other by SO_REUSEPORT
 *   same_ports      devices: clients of both devices use the same source ports
 *   ports=N         links: ip_local_port_range is 40000 to 40000 + N - 1 (100)
 *   drop_percent=N  lossy: instead of 40
 *
 * Words of workers, devices, families and tproxy; I is the index of a listener:
 *
 *   listen          start the listeners
 *   connect I N     N connections, held by this process; done when they are in the accept queue,
 *                   or accepted
 *   finish I        the clients of I shut down; done when the FINs have been acknowledged
 *   accept I        I accepts, from now on; it closes what its clients have closed
 *   steady R...     R[I] connections per second to listener I, each closed by its client at the
 *                   time of the next, by a process of its own
 *   queues          nothing; the answer has the queues
 *
 * Words of links; I is the index of a link:
 *
 *   connect I N     N connections, both ends held by this process
 *   time_wait I N   N connections, closed by the client first
 *
 * Words of lossy:
 *
 *   run N           N connections at once; of every second one the server closes first. Done when
 *                   both ends of all are closed
 *
 * Bounds: MEMBERS_MAX listeners, CLIENTS_MAX connections, WATCHDOG_S seconds.
 */
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "twins.h"

#define WATCHDOG_S  120
#define NUMBERS_MAX 8

struct options options = { .members = 4, .backlog = 16, .ports = 100, .drop_percent = 40 };
const struct lab *lab_nets = &lab;

static const struct situation *const situations[] = { &situation_workers,  &situation_devices,
						      &situation_families, &situation_tproxy,
						      &situation_links,	   &situation_lossy };

/* ---- namespaces ------------------------------------------------------------------------------ */

void ns_new(struct ns *ns)
{
	int ctl;

	if (unshare(CLONE_NEWNET) < 0)
		skip("a network namespace needs root (unshare: %s)", strerror(errno));
	ns->fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	ns->inode = netns_inode();
	ctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ns->fd < 0 || ctl < 0)
		die("no namespace");
	if_up(ctl, "lo");
	close(ctl);
	sysctl_set("ipv4/conf/all/rp_filter", "0");
	sysctl_set("ipv4/conf/default/rp_filter", "0");
	sysctl_set("ipv6/conf/default/accept_dad", "0");
	sysctl_set("core/somaxconn", "8192");
	sysctl_set("ipv4/tcp_max_syn_backlog", "8192");
}

void ns_enter(const struct ns *ns)
{
	if (setns(ns->fd, CLONE_NEWNET) < 0)
		die("cannot enter a namespace");
}

/* TEXT is the standard input of ARGV. */
static void run(const char *const *argv, const char *text)
{
	const char *program = argv[0];
	int to[2], status;
	pid_t pid;

	if (pipe2(to, O_CLOEXEC) < 0)
		die("no pipe");
	pid = fork();
	if (pid < 0)
		die("cannot fork");
	if (!pid) {
		if (dup2(to[0], 0) < 0 || dup2(2, 1) < 0)
			_exit(126);
		execvp(program, (char *const *)argv);
		_exit(127);
	}
	close(to[0]);
	if (write(to[1], text, strlen(text)) != (ssize_t)strlen(text))
		die("cannot write to %s", program);
	close(to[1]);
	if (waitpid(pid, &status, 0) != pid)
		die("cannot wait for %s", program);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		skip("%s is not installed", program);
	if (status)
		die("%s failed: %s", program, text);
}

void run_ip(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	run((const char *[]){ "ip", "-batch", "-", NULL }, text);
}

void run_ip6(const char *lines)
{
	run((const char *[]){ "ip", "-6", "-batch", "-", NULL }, lines);
}

void run_nft(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	run((const char *[]){ "nft", "-f", "-", NULL }, text);
}

void veth_new(const struct ns *a, const char *name_a, const struct ns *b, const char *name_b)
{
	ns_enter(a);
	run_ip("link add %s type veth peer name %s netns /proc/%d/fd/%d\n"
	       "link set %s addrgenmode none up\n",
	       name_a, name_b, getpid(), b->fd, name_a);
	ns_enter(b);
	run_ip("link set %s addrgenmode none up\n", name_b);
}

/* ---- sockets --------------------------------------------------------------------------------- */

socklen_t fill_address(struct sockaddr_storage *ss, int family, const char *text, unsigned int port)
{
	struct sockaddr_in6 *in6 = (void *)ss;
	struct sockaddr_in *in = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	ss->ss_family = (sa_family_t)family;
	if (family == AF_INET) {
		in->sin_port = htons((uint16_t)port);
		if (inet_pton(AF_INET, text, &in->sin_addr) != 1)
			die("address %s", text);
		return sizeof(*in);
	}
	in6->sin6_port = htons((uint16_t)port);
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
		die("address %s", text);
	return sizeof(*in6);
}

void set_option(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)) < 0)
		die("setsockopt %d %d", level, name);
}

unsigned int tcp_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		die("TCP_INFO");
	return info.tcpi_state;
}

/* ---- standard input -------------------------------------------------------------------------- */

static void take_line(const struct situation *s, char *line)
{
	unsigned int numbers[NUMBERS_MAX], n = 0;
	char *save = NULL, *word, *number;

	word = strtok_r(line, " \n", &save);
	if (!word)
		return;
	while (n < NUMBERS_MAX && (number = strtok_r(NULL, " \n", &save)))
		numbers[n++] = (unsigned int)strtoul(number, NULL, 10);
	printf("{\"done\":\"%s\"", word);
	if (!s->word(word, numbers, n))
		die("no such word: %s with %u numbers", word, n);
	puts("}");
	fflush(stdout);
}

static void take_argument(char *text)
{
	static const struct {
		const char *name;
		bool *flag;
		unsigned int *number;
	} table[] = {
		{ .name = "ipv6", .flag = &options.ipv6 },
		{ .name = "late", .flag = &options.late },
		{ .name = "six_first", .flag = &options.six_first },
		{ .name = "dual", .flag = &options.dual },
		{ .name = "same_ports", .flag = &options.same_ports },
		{ .name = "port", .number = &options.port },
		{ .name = "members", .number = &options.members },
		{ .name = "backlog", .number = &options.backlog },
		{ .name = "ports", .number = &options.ports },
		{ .name = "drop_percent", .number = &options.drop_percent },
	};
	char *value = strchr(text, '=');
	size_t i;

	if (value)
		*value++ = '\0';
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(table[i].name, text) || !value != !table[i].number)
			continue;
		if (value)
			*table[i].number = (unsigned int)strtoul(value, NULL, 10);
		else
			*table[i].flag = true;
		return;
	}
	die("no such argument: %s", text);
}

static const struct situation *find_situation(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(situations) / sizeof(situations[0]); i++)
		if (!strcmp(situations[i]->name, name))
			return situations[i];
	die("no such situation: %s", name);
}

int main(int argc, char **argv)
{
	const struct situation *s;
	char line[128];
	int i;

	if (argc < 2) {
		fprintf(stderr, "usage: twins SITUATION [WORD[=N]]...\n");
		return 2;
	}
	alarm(WATCHDOG_S);
	signal(SIGPIPE, SIG_IGN);
	files_max();
	s = find_situation(argv[1]);
	for (i = 2; i < argc; i++)
		take_argument(argv[i]);
	lab_enter();
	if (!options.port)
		options.port = lab.port;
	printf("{\"situation\":\"%s\",\"pid\":%d,\"port\":%u", s->name, getpid(), options.port);
	printf(",\"net4\":\"%s\",\"net6\":\"%s\"", lab.net4, lab.net6);
	s->set_up();
	puts("}");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		take_line(s, line);
	return 0;
}
