// SPDX-License-Identifier: GPL-2.0-only
/*
 * race.c - the last ACK of a handshake comes twice, at the same moment, on two CPUs
 *
 *   race [--gate] COUNT
 *
 * Both find the request and make a child of it; one of them is put in the table of connections in
 * the request's place (inet_ehash_nolisten()), the other is given up. It takes luck: of COUNT
 * handshakes on a TUN device with two queues nearly all raced on four CPUs, some on two busy ones.
 * Waits for a line on standard input after it has told where it is, as dance does.
 *
 * Bounds: COUNT handshakes, WATCHDOG_S seconds.
 */
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "wire.h"

#define WATCHDOG_S 60

static int queues[2];
static struct {
	uint8_t frame[64];
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
		if (write(queues[me], shared->frame, 40) != 40)
			die("the kernel did not take a packet");
		atomic_store(&shared->done[me], seen);
	}
}

static size_t segment(uint8_t *to, unsigned int near, unsigned int far, uint32_t seq, uint32_t ack,
		      uint8_t flags)
{
	size_t ip = ip_header(to, 4, IPPROTO_TCP, 20);
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
	uint64_t end = now_ms() + LAB_DEADLINE_MS;
	uint8_t data[2048];

	while (now_ms() < end) {
		for (int q = 0; q < 2; q++) {
			ssize_t n = read(queues[q], data, sizeof(data));
			const uint8_t *tcp = data + 20;

			if (n >= 40 && data[9] == IPPROTO_TCP && get16(tcp + 2) == far &&
			    tcp[13] == (SYN | ACK))
				return get32(tcp + 4);
		}
	}
	die("no SYN-ACK");
}

static void shake_hands(unsigned int port, unsigned int far)
{
	unsigned int n = atomic_load(&shared->turn) + 1;
	uint8_t data[64];
	uint32_t theirs;

	put(data, segment(data, port, far, 1000, 0, SYN));
	theirs = synack_seq(far);
	segment(shared->frame, port, far, 1001, theirs + 1, ACK);
	atomic_store(&shared->turn, n);
	while (atomic_load(&shared->done[0]) != n || atomic_load(&shared->done[1]) != n)
		sched_yield();
	put(data, segment(data, port, far, 1001, theirs + 1, RST | ACK));
}

int main(int argc, char **argv)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	unsigned int count = (unsigned int)strtoul(argv[argc - 1], NULL, 10), i;
	int listener, ctl, fd;
	pid_t pids[2];
	char line[8];

	alarm(WATCHDOG_S);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		die("no memory");
	lab_enter();
	queues[0] = open_queue();
	queues[1] = open_queue();
	ctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if_addr4(ctl, "wire", lab.us4, "255.255.255.0");
	if_up(ctl, "wire");
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	in.sin_port = htons((uint16_t)lab.port);
	if (ctl < 0 || listener < 0 || bind(listener, (struct sockaddr *)&in, sizeof(in)) ||
	    listen(listener, 100))
		die("cannot listen");
	printf("{\"netns\":%llu,\"port\":%u,\"net4\":\"%s\",\"net6\":\"%s\"}\n",
	       (unsigned long long)lab.netns, lab.port, lab.net4, lab.net6);
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
		shake_hands(lab.port, 1024 + i % 60000);
		while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
			close(fd);
	}
	for (i = 0; i < 2; i++)
		kill(pids[i], SIGKILL);
	return 0;
}
