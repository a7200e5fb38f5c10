// SPDX-License-Identifier: GPL-2.0-only
/*
 * flood_lab.c - the two namespaces, and the line between them
 *
 *   flood lab [WORD=VALUE]...
 *
 *   rtt_ms=N           how long a packet and its answer take on the line (default 20)
 *   drop_syn=N         percent of the SYNs that are lost on it
 *   drop_synack=N      ... of the SYN-ACKs
 *   drop_ack=N         ... of the clients' ACKs without data
 *   hold_ack_ms=N      a client's ACK without data comes later by so much
 *   hold_rst_ms=N      a client's reset does
 *   old_syn=1          each SYN is preceded by a duplicate from an earlier life of the connection,
 *                      which the server answers and the client resets (RFC 9293, figure 9)
 *   cookies=N max_syn_backlog=N somaxconn=N synack_retries=N fastopen=N
 *                      the server side's sysctls
 *
 * Prints {"type":"lab","server_netns":..,"client_netns":..,"server_pid":..,"client_pid":..} when
 * all is there, then carries packets until its standard input ends, then says what it carried.
 *
 * Bounds: LINE_PACKETS under way on each of the line's queues; what comes then is lost and
 * counted, as on any line.
 */
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "flood.h"

#define LINE_PACKETS 16384
#define PACKET_MAX   1600

/* Everything in a queue waits equally long, so the first is always the next. */
struct queue {
	uint64_t delay_ns;
	int to;
	struct parcel {
		uint64_t due_ns;
		uint32_t len;
		uint8_t *data;
	} parcel[LINE_PACKETS];
	uint32_t first, count;
};

static struct queue up, up_syn, up_ack, up_reset, down;
static struct {
	uint32_t drop_syn, drop_synack, drop_ack;
	bool old_syn;
} odd;
static struct {
	uint64_t carried, dropped, lost;
} sum;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static void queue_init(struct queue *q, int to, uint64_t delay_us)
{
	q->to = to;
	q->delay_ns = delay_us * 1000;
}

static void queue_put(struct queue *q, const uint8_t *data, uint32_t len)
{
	struct parcel *p = &q->parcel[(q->first + q->count) % LINE_PACKETS];

	if (q->count == LINE_PACKETS) {
		sum.lost++;
		return;
	}
	p->data = malloc(len);
	if (!p->data)
		die("no memory");
	memcpy(p->data, data, len);
	p->len = len;
	p->due_ns = now_ns() + q->delay_ns;
	q->count++;
}

/* Delivers what is due; returns when the next one is. */
static uint64_t queue_run(struct queue *q, uint64_t next_ns)
{
	while (q->count) {
		struct parcel *p = &q->parcel[q->first];

		if (p->due_ns > now_ns())
			return p->due_ns < next_ns ? p->due_ns : next_ns;
		if (write(q->to, p->data, p->len) < 0)
			sum.lost++;
		else
			sum.carried++;
		free(p->data);
		q->first = (q->first + 1) % LINE_PACKETS;
		q->count--;
	}
	return next_ns;
}

/* The TCP header of an IP packet and the length of its data, or NULL. */
static struct tcphdr *tcp_of(uint8_t *data, uint32_t len, uint32_t *ret_payload)
{
	uint32_t head = data[0] >> 4 == 6 ? sizeof(struct ip6_hdr) : (data[0] & 15U) * 4;
	uint8_t proto = data[0] >> 4 == 6 ? data[6] : data[9];
	struct tcphdr *tcp = (struct tcphdr *)(data + head);

	if (len < head + sizeof(*tcp) || proto != IPPROTO_TCP || len < head + tcp->doff * 4U)
		return NULL;
	*ret_payload = len - head - tcp->doff * 4U;
	return tcp;
}

static bool lost(uint32_t percent)
{
	if (!percent || dice() % 100 >= percent)
		return false;
	sum.dropped++;
	return true;
}

/* RFC 1624, equation 3: a sum in which one 32-bit word has changed. */
static uint16_t check_after(uint16_t check, uint32_t before, uint32_t after)
{
	uint32_t s = (uint16_t)~check;

	s += (uint16_t) ~(before >> 16) + (uint32_t)(uint16_t)~before;
	s += (after >> 16) + (after & 0xffff);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

/* As it would have been a good while ago: its number is far behind. */
static void put_old_syn(uint8_t *data, uint32_t len, struct tcphdr *tcp)
{
	uint32_t seq = tcp->seq, old = htonl(ntohl(seq) - 1000000);
	uint16_t check = tcp->check;

	tcp->seq = old;
	tcp->check = htons(check_after(ntohs(check), ntohl(seq), ntohl(old)));
	queue_put(&up, data, len);
	tcp->seq = seq;
	tcp->check = check;
}

static void from_client(uint8_t *data, uint32_t len)
{
	uint32_t payload;
	struct tcphdr *tcp = tcp_of(data, len, &payload);

	if (!tcp)
		return;
	if (tcp->syn && lost(odd.drop_syn))
		return;
	if (tcp->syn && odd.old_syn) {
		put_old_syn(data, len, tcp);
		queue_put(&up_syn, data, len);
	} else if (tcp->rst) {
		queue_put(&up_reset, data, len);
	} else if (tcp->ack && !tcp->fin && !payload) {
		if (lost(odd.drop_ack))
			return;
		queue_put(&up_ack, data, len);
	} else {
		queue_put(&up, data, len);
	}
}

static void from_server(uint8_t *data, uint32_t len)
{
	uint32_t payload;
	struct tcphdr *tcp = tcp_of(data, len, &payload);

	if (tcp && !(tcp->syn && tcp->ack && lost(odd.drop_synack)))
		queue_put(&down, data, len);
}

static void read_all(int fd, void (*take)(uint8_t *data, uint32_t len))
{
	uint8_t data[PACKET_MAX];

	for (int i = 0; i < 64; i++) {
		ssize_t n = read(fd, data, sizeof(data));

		if (n < 20)
			return;
		take(data, (uint32_t)n);
	}
}

static void carry(int client, int server)
{
	struct pollfd fds[3] = { { .fd = client, .events = POLLIN },
				 { .fd = server, .events = POLLIN },
				 { .fd = STDIN_FILENO, .events = POLLIN } };
	struct timespec wait;

	while (!fds[2].revents) {
		uint64_t now, next = now_ns() + 1000000000ULL;

		next = queue_run(&up, next);
		next = queue_run(&up_syn, next);
		next = queue_run(&up_ack, next);
		next = queue_run(&up_reset, next);
		next = queue_run(&down, next);
		now = now_ns();
		wait.tv_sec = 0;
		wait.tv_nsec = next > now ? (long)(next - now) % 1000000000L : 0;
		if (ppoll(fds, 3, &wait, NULL) < 0)
			die("poll");
		if (fds[0].revents)
			read_all(client, from_client);
		if (fds[1].revents)
			read_all(server, from_server);
	}
}

/* iproute2 in the namespace we are in now. */
__attribute__((format(printf, 1, 2))) static void ip_batch(const char *fmt, ...)
{
	FILE *f = popen("ip -batch -", "we");
	va_list ap;

	if (!f)
		die("cannot run ip");
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	if (pclose(f))
		die("ip does not do as it is told");
}

static int tun_open(void)
{
	struct ifreq req = { .ifr_name = "line", .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		skip("no TUN device: modprobe tun (open /dev/net/tun: %s)", strerror(errno));
	if (ioctl(fd, TUNSETIFF, &req) < 0)
		die("cannot make a TUN device");
	return fd;
}

/* A fresh namespace in which nothing speaks by itself. */
static void enter_new(void)
{
	lab_enter();
	sysctl_set("ipv4/conf/all/rp_filter", "0");
	sysctl_set("ipv4/conf/default/rp_filter", "0");
	sysctl_set("ipv6/conf/default/accept_dad", "0");
	sysctl_set("ipv6/conf/default/accept_ra", "0");
	sysctl_set("ipv6/conf/default/router_solicitations", "0");
}

static int client_side(void)
{
	int fd;

	enter_new();
	fd = tun_open();
	/* Each address of the clients is local; no source that "flood syn" invents is anybody. */
	ip_batch("link set line addrgenmode none txqueuelen 20000\n"
		 "link set line up\n"
		 "route add local " CLIENTS4 " dev lo\n"
		 "route add blackhole " INVENTED4 "\n"
		 "route add " SERVER4 " dev line\n"
		 "route add local " CLIENTS6 " dev lo\n"
		 "route add blackhole " INVENTED6 "\n"
		 "route add " SERVER6 " dev line\n");
	sysctl_set("ipv4/ip_local_port_range", "10000 65000");
	/* A route makes an IPv4 address ours; for bind() to one of IPv6 it takes this. */
	sysctl_set("ipv6/ip_nonlocal_bind", "1");
	return fd;
}

/*
 * A device that swallows: answers to invented sources end here. Not on the wire: a veth pair hands
 * on a thousand packets at a time (net.core.netdev_max_backlog), says that it dropped the rest, and
 * the kernel gives up each request whose SYN-ACK it could not send (reqsk_timer_handler()).
 */
static const char *sink_device(void)
{
	return system("ip link add sink type dummy 2>/dev/null || "
		      "ip link add sink type ifb 2>/dev/null") ?
		       "wire" :
		       "sink";
}

static int server_side(pid_t client)
{
	const char *sink;
	int fd;

	enter_new();
	fd = tun_open();
	sink = sink_device();
	ip_batch("link set line addrgenmode none txqueuelen 20000\n"
		 "link set line up\n"
		 "link add wire address " MAC_SERVER " type veth peer name wire address " MAC_CLIENT
		 " netns %d\n"
		 "link set wire addrgenmode none\n"
		 "link set wire up\n"
		 "addr add " SERVER4 "/32 dev lo\n"
		 "addr add " SERVER6 "/128 dev lo\n"
		 "link set %s addrgenmode none\n"
		 "link set %s up\n"
		 "neigh add 169.254.0.1 dev %s lladdr " MAC_CLIENT " nud permanent\n"
		 "neigh add fe80::1 dev %s lladdr " MAC_CLIENT " nud permanent\n"
		 "route add " CLIENTS4 " dev line\n"
		 "route add " INVENTED4 " via 169.254.0.1 dev %s onlink\n"
		 "route add " CLIENTS6 " dev line\n"
		 "route add " INVENTED6 " via fe80::1 dev %s onlink\n",
		 (int)client, sink, sink, sink, sink, sink, sink);
	return fd;
}

static void server_sysctls(const struct words *w)
{
	static const char *const knobs[][2] = {
		{ "cookies", "ipv4/tcp_syncookies" },
		{ "max_syn_backlog", "ipv4/tcp_max_syn_backlog" },
		{ "somaxconn", "core/somaxconn" },
		{ "synack_retries", "ipv4/tcp_synack_retries" },
		{ "fastopen", "ipv4/tcp_fastopen" },
	};

	for (size_t i = 0; i < sizeof(knobs) / sizeof(*knobs); i++) {
		const char *value = words_text(w, knobs[i][0], NULL);

		if (value)
			sysctl_set(knobs[i][1], value);
	}
}

/* The wire's other end has come with the pair, and is down. */
static void raise_client_wire(int client_ns, int server_ns)
{
	if (setns(client_ns, CLONE_NEWNET))
		die("setns");
	ip_batch("link set wire addrgenmode none\nlink set wire up\n");
	if (setns(server_ns, CLONE_NEWNET))
		die("setns");
}

static int ns_open(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("cannot open our namespace");
	return fd;
}

/* A line that waits for a CPU is longer than it says. Without the right to it, it has to do. */
static void go_first(void)
{
	setpriority(PRIO_PROCESS, 0, -15);
}

void lab_role(const struct words *w)
{
	uint32_t rtt_us = words_number(w, "rtt_ms", 20, 5000) * 1000;
	uint32_t hold_us = words_number(w, "hold_ack_ms", 0, 60000) * 1000;
	uint32_t reset_us = words_number(w, "hold_rst_ms", 0, 60000) * 1000;
	uint64_t client_netns;
	int client_fd, server_fd, client_ns;
	pid_t client;

	words_only(w, " rtt_ms drop_syn drop_synack drop_ack hold_ack_ms hold_rst_ms old_syn seed "
		      "cookies max_syn_backlog somaxconn synack_retries fastopen ");
	odd.drop_syn = words_number(w, "drop_syn", 0, 100);
	odd.drop_synack = words_number(w, "drop_synack", 0, 100);
	odd.drop_ack = words_number(w, "drop_ack", 0, 100);
	odd.old_syn = words_number(w, "old_syn", 0, 1);

	client_fd = client_side();
	client_netns = lab.netns;
	client_ns = ns_open();
	client = fork();
	if (client < 0)
		die("fork");
	if (!client) {
		/* It is there to be entered. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(LAB_SECONDS);
		for (;;)
			pause();
	}
	server_fd = server_side(client);
	server_sysctls(w);
	raise_client_wire(client_ns, ns_open());

	queue_init(&up, server_fd, rtt_us / 2);
	queue_init(&down, client_fd, rtt_us / 2);
	/* The good SYN comes when the old one's answer has been reset. */
	queue_init(&up_syn, server_fd, rtt_us * 2);
	queue_init(&up_ack, server_fd, rtt_us / 2 + hold_us);
	queue_init(&up_reset, server_fd, rtt_us / 2 + reset_us);
	printf("{\"type\":\"lab\",\"server_netns\":%llu,\"client_netns\":%llu,\"server_pid\":%d,"
	       "\"client_pid\":%d}\n",
	       (unsigned long long)lab.netns, (unsigned long long)client_netns, getpid(), client);
	fflush(stdout);

	go_first();
	carry(client_fd, server_fd);
	printf("{\"type\":\"line\",\"carried\":%llu,\"dropped\":%llu,\"lost\":%llu}\n",
	       (unsigned long long)sum.carried, (unsigned long long)sum.dropped,
	       (unsigned long long)sum.lost);
	kill(client, SIGKILL);
	waitpid(client, NULL, 0);
}
