// SPDX-License-Identifier: GPL-2.0-only
/*
 * race.c - the last ACK of a handshake comes twice, at the same moment, on two CPUs
 *
 *   race [--gate] [--listed] [--early] [--ipv6] COUNT
 *
 * Both find the request and make a child of it; one of them is put in the table of connections in
 * the request's place (inet_ehash_nolisten()), the other is given up. It takes luck: of COUNT
 * handshakes on a TUN device with two queues nearly all raced on four CPUs, some on two busy ones.
 * Waits for a line on standard input after it has told where it is, as dance does.
 *
 *   --listed   between the SYN and the ACKs the request sockets are dumped by inet_diag, as in ss:
 *              a dump gives each socket that has none a cookie, and both children inherit it
 *   --early    all SYNs are sent before the line on standard input, the ACKs after it
 *   --ipv6     over IPv6
 *
 * Bounds: COUNT handshakes, at most COUNT_MAX, WATCHDOG_S seconds.
 */
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "wire.h"

#define WATCHDOG_S 60
#define COUNT_MAX  60000

static bool listed, early;
static int family = 4;
static int queues[2];
static struct {
	uint8_t frame[64];
	uint32_t len;
	_Atomic unsigned int turn, done[2];
} * shared;

static int open_queue(void)
{
	struct ifreq req = { .ifr_name = "wire",
			     .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		skip("no TUN device: modprobe tun (open /dev/net/tun: %s)", strerror(errno));
	if (ioctl(fd, TUNSETIFF, &req) < 0)
		die("cannot make a TUN device");
	return fd;
}

/* A process of its own for each CPU. */
static void deliver(unsigned int me)
{
	unsigned int seen = 0;
	cpu_set_t cpus;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&cpus);
	CPU_SET(me, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	for (;;) {
		while (atomic_load(&shared->turn) == seen)
			;
		seen++;
		if (write(queues[me], shared->frame, shared->len) != (ssize_t)shared->len)
			die("the kernel did not take a packet");
		atomic_store(&shared->done[me], seen);
	}
}

static size_t segment(uint8_t *to, unsigned int near, unsigned int far, uint32_t seq, uint32_t ack,
		      uint8_t flags)
{
	size_t ip = ip_header(to, family, IPPROTO_TCP, 20);
	uint8_t *tcp = to + ip;

	memset(tcp, 0, 20);
	put16(tcp, far);
	put16(tcp + 2, near);
	put32(tcp + 4, seq);
	put32(tcp + 8, ack);
	tcp[12] = 5 << 4;
	tcp[13] = flags;
	put16(tcp + 14, 65535);
	l4_checksum(to, ip, IPPROTO_TCP, 20, 16);
	return ip + 20;
}

static void put(const uint8_t *data, size_t len)
{
	if (write(queues[0], data, len) != (ssize_t)len)
		die("the kernel did not take a packet");
}

static uint32_t synack_seq(unsigned int far)
{
	size_t ip = family == 4 ? 20 : 40, proto = family == 4 ? 9 : 6;
	uint64_t end = now_ms() + LAB_DEADLINE_MS;
	uint8_t data[2048];

	while (now_ms() < end) {
		for (int q = 0; q < 2; q++) {
			ssize_t n = read(queues[q], data, sizeof(data));
			const uint8_t *tcp = data + ip;

			if (n >= (ssize_t)ip + 20 && data[proto] == IPPROTO_TCP &&
			    get16(tcp + 2) == far && tcp[13] == (SYN | ACK))
				return get32(tcp + 4);
		}
	}
	die("no SYN-ACK");
}

/* The number of request sockets that inet_diag lists. */
static unsigned int list_requests(void)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 body;
	} req = { .head = { .nlmsg_len = sizeof(req),
			    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		  .body = { .sdiag_family = family == 4 ? AF_INET : AF_INET6,
			    .sdiag_protocol = IPPROTO_TCP,
			    .idiag_states = 1u << ST_SYN_RECV } };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	static uint8_t data[65536] __attribute__((aligned(8)));
	unsigned int count = 0;

	if (fd < 0 || send(fd, &req, sizeof(req), 0) != sizeof(req))
		skip("no inet_diag: modprobe tcp_diag (%s)", strerror(errno));
	for (;;) {
		ssize_t n = recv(fd, data, sizeof(data), 0);
		struct nlmsghdr *msg;
		int left = (int)n;

		if (n <= 0)
			die("no answer of inet_diag");
		for (msg = (void *)data; NLMSG_OK(msg, left); msg = NLMSG_NEXT(msg, left)) {
			if (msg->nlmsg_type == NLMSG_ERROR)
				die("inet_diag refuses the dump");
			if (msg->nlmsg_type == NLMSG_DONE) {
				close(fd);
				return count;
			}
			count++;
		}
	}
}

static void send_syn(unsigned int port, unsigned int far)
{
	uint8_t data[64];

	put(data, segment(data, port, far, 1000, 0, SYN));
}

static void race_acks(unsigned int port, unsigned int far, uint32_t theirs)
{
	unsigned int n = atomic_load(&shared->turn) + 1;
	uint8_t data[64];

	shared->len = (uint32_t)segment(shared->frame, port, far, 1001, theirs + 1, ACK);
	atomic_store(&shared->turn, n);
	while (atomic_load(&shared->done[0]) != n || atomic_load(&shared->done[1]) != n)
		sched_yield();
	put(data, segment(data, port, far, 1001, theirs + 1, RST | ACK));
}

static int start_listener(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)lab.port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)lab.port) };
	int fd = socket(family == 4 ? AF_INET : AF_INET6,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 ||
	    bind(fd, family == 4 ? (struct sockaddr *)&in : (struct sockaddr *)&in6,
		 family == 4 ? sizeof(in) : sizeof(in6)) ||
	    listen(fd, COUNT_MAX))
		die("cannot listen");
	return fd;
}

static void start_device(void)
{
	int ctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	queues[0] = open_queue();
	queues[1] = open_queue();
	if (ctl < 0)
		die("no socket");
	if_addr4(ctl, "wire", lab.us4, "255.255.255.0");
	if_up(ctl, "wire");
	if (family == 6)
		if_addr6("wire", lab.us6);
	close(ctl);
	sysctl_set("core/somaxconn", "65535");
	sysctl_set("ipv4/tcp_max_syn_backlog", "65535");
}

/* The sequence number of its SYN-ACK. */
static uint32_t request(unsigned int far)
{
	uint32_t theirs;

	send_syn(lab.port, far);
	theirs = synack_seq(far);
	if (listed && !early && !list_requests())
		die("the request is not listed");
	return theirs;
}

static void take_arguments(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc - 1; i++) {
		listed |= !strcmp(argv[i], "--listed");
		early |= !strcmp(argv[i], "--early");
		if (!strcmp(argv[i], "--ipv6"))
			family = 6;
	}
}

/* Before anybody waits for the race to begin. */
static void send_early(uint32_t *theirs, unsigned int count)
{
	unsigned int i, n;

	for (i = 0; early && i < count; i++)
		theirs[i] = request(1024 + i);
	n = early && listed ? list_requests() : count;
	if (n != count)
		die("%u of %u requests are listed", n, count);
}

int main(int argc, char **argv)
{
	unsigned int count = (unsigned int)strtoul(argv[argc - 1], NULL, 10), i;
	static uint32_t theirs[COUNT_MAX];
	pid_t pids[2];
	char line[8];
	int listener, fd;

	alarm(WATCHDOG_S);
	take_arguments(argc, argv);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED || count > COUNT_MAX)
		die("no memory");
	lab_enter();
	start_device();
	listener = start_listener();
	send_early(theirs, count);
	printf("{\"netns\":%llu,\"port\":%u,\"net4\":\"%s\",\"net6\":\"%s\",\"pid\":%d}\n",
	       (unsigned long long)lab.netns, lab.port, lab.net4, lab.net6, getpid());
	fflush(stdout);
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip("one CPU");
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	for (i = 0; i < 2; i++) {
		pids[i] = fork();
		if (!pids[i])
			deliver(i);
	}
	for (i = 0; i < count; i++) {
		race_acks(lab.port, 1024 + i, early ? theirs[i] : request(1024 + i));
		while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
			close(fd);
	}
	for (i = 0; i < 2; i++)
		kill(pids[i], SIGKILL);
	/* They have the listener as well: it is closed here, not at any time later. */
	for (i = 0; i < 2; i++)
		waitpid(pids[i], NULL, 0);
	return 0;
}
