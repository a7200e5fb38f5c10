/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef E2E_LAB_H
#define E2E_LAB_H

/*
 * lab.h - a network namespace of our own, and waiting in it
 *
 * Why: a scenario must not meet other traffic, and a test must be able to pick its own events
 * out of everything that happens on the host. So the process moves into a fresh namespace and
 * uses addresses derived from the namespace's inode number: 10.A.B.0/24 and fd18:A:B:aaaa::/64.
 *
 *   .1  the kernel under test (on the TUN device; reached over lo by its own sockets)
 *   .2  the far end, played by wire.h: packets to it come out of the TUN device
 *
 * Waiting is always for a condition, with a deadline, and never through getsockopt(TCP_INFO):
 * that takes the socket's lock, so a segment that arrives meanwhile is processed by us instead
 * of by the soft interrupt, and the test would change what it measures. /proc/net/tcp takes no
 * socket lock.
 *
 * Bounds: one namespace, one device; every wait ends within LAB_DEADLINE_MS unless told
 * otherwise. Errors: the lab has one reader, a test author; every failure ends the process with
 * one sentence on stderr and status 1 (77: this host cannot do it).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <linux/in6.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LAB_DEADLINE_MS 5000
#define LAB_SKIP	77

/* State numbers as /proc/net/tcp and the tracepoint have them (include/net/tcp_states.h). */
enum {
	ST_ESTABLISHED = 1,
	ST_SYN_SENT,
	ST_SYN_RECV,
	ST_FIN_WAIT1,
	ST_FIN_WAIT2,
	ST_TIME_WAIT,
	ST_CLOSE,
	ST_CLOSE_WAIT,
	ST_LAST_ACK,
	ST_LISTEN,
	ST_CLOSING,
	ST_GONE = 0, /* not in the table at all */
};

struct lab {
	uint64_t netns; /* inode number of the namespace we are in */
	char net4[24];	/* "10.A.B." */
	char net6[24];	/* "fd18:a:b:" */
	char us4[24];	/* net4 + "1" */
	char far4[24];	/* net4 + "2" */
	char us6[48];
	char far6[48];
	unsigned int port; /* first of 50 server ports that no other lab uses */
	int tun;	   /* fd of the TUN device */
};

static struct lab lab;

__attribute__((format(printf, 1, 2), noreturn)) static inline void die(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (last errno: %s)\n", strerror(err));
	exit(EXIT_FAILURE);
}

__attribute__((format(printf, 1, 2), noreturn)) static inline void skip(const char *fmt, ...)
{
	va_list ap;

	fputs("skip: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(LAB_SKIP);
}

static inline uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* The pause between two looks at a condition; never used as a wait of its own. */
static inline void breathe(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
}

static inline void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		die("cannot open %s", path);
	if (write(fd, text, strlen(text)) < 0)
		die("cannot write '%s' to %s", text, path);
	close(fd);
}

/* As many descriptors as may be had. */
static inline void files_max(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		die("RLIMIT_NOFILE");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("RLIMIT_NOFILE");
}

/* A per-namespace knob: sysctl_set("ipv4/tcp_fastopen", "519"). */
static inline void sysctl_set(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	write_file(path, value);
}

static inline uint64_t netns_inode(void)
{
	struct stat st;

	if (stat("/proc/thread-self/ns/net", &st) < 0)
		die("cannot stat our network namespace");
	return (uint64_t)st.st_ino;
}

static inline void if_up(int ctl, const char *name)
{
	struct ifreq req = { .ifr_flags = IFF_UP };

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (ioctl(ctl, SIOCGIFFLAGS, &req) < 0)
		die("cannot read the flags of %s", name);
	req.ifr_flags |= IFF_UP;
	if (ioctl(ctl, SIOCSIFFLAGS, &req) < 0)
		die("cannot bring %s up", name);
}

/* Address and /24 on a device, IPv4. */
static inline void if_addr4(int ctl, const char *name, const char *addr, const char *mask)
{
	struct ifreq req = { 0 };
	struct sockaddr_in *sin = (struct sockaddr_in *)&req.ifr_addr;

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	sin->sin_family = AF_INET;
	inet_pton(AF_INET, addr, &sin->sin_addr);
	if (ioctl(ctl, SIOCSIFADDR, &req) < 0)
		die("cannot give %s to %s", addr, name);
	inet_pton(AF_INET, mask, &sin->sin_addr);
	if (ioctl(ctl, SIOCSIFNETMASK, &req) < 0)
		die("cannot set the netmask of %s", name);
}

/* Until the address may be used as a source: even without duplicate detection a worker does it. */
static inline void wait_addr6(const char *name)
{
	uint64_t end = now_ms() + LAB_DEADLINE_MS;

	for (;;) {
		FILE *f = fopen("/proc/thread-self/net/if_inet6", "re");
		unsigned int scope, flags, tentative = 1;
		char dev[32];

		while (f && fscanf(f, "%*32s %*x %*x %x %x %31s", &scope, &flags, dev) == 3)
			if (!strcmp(dev, name) && scope == 0)
				tentative = flags & (IFA_F_TENTATIVE | IFA_F_OPTIMISTIC);
		if (f)
			fclose(f);
		if (!tentative)
			return;
		if (now_ms() > end)
			die("the address of %s stays tentative", name);
		breathe();
	}
}

static inline void if_addr6(const char *name, const char *addr)
{
	struct in6_ifreq req = { .ifr6_prefixlen = 64, .ifr6_ifindex = (int)if_nametoindex(name) };
	int ctl = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (ctl < 0)
		skip("no IPv6 here");
	inet_pton(AF_INET6, addr, &req.ifr6_addr);
	if (ioctl(ctl, SIOCSIFADDR, &req) < 0)
		die("cannot give %s to %s", addr, name);
	close(ctl);
	wait_addr6(name);
}

/* Move into a fresh namespace with lo up; the addresses are computed, no device has them yet. */
static inline void lab_enter(void)
{
	unsigned int a, b;
	int ctl;

	if (unshare(CLONE_NEWNET) < 0)
		skip("a network namespace needs root (unshare: %s)", strerror(errno));
	lab.netns = netns_inode();
	a = (unsigned int)(lab.netns >> 8) & 0xff;
	b = (unsigned int)lab.netns & 0xff;
	snprintf(lab.net4, sizeof(lab.net4), "10.%u.%u.", a, b);
	snprintf(lab.net6, sizeof(lab.net6), "fd18:%x:%x:", a + 0x100, b + 0x100);
	snprintf(lab.us4, sizeof(lab.us4), "10.%u.%u.1", a, b);
	snprintf(lab.far4, sizeof(lab.far4), "10.%u.%u.2", a, b);
	snprintf(lab.us6, sizeof(lab.us6), "fd18:%x:%x:aaaa:bbbb:cccc:dddd:1", a + 0x100,
		 b + 0x100);
	snprintf(lab.far6, sizeof(lab.far6), "fd18:%x:%x:aaaa:bbbb:cccc:dddd:2", a + 0x100,
		 b + 0x100);
	lab.port = 15000 + (unsigned int)(lab.netns % 300) * 50;

	ctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ctl < 0)
		die("no socket");
	if_up(ctl, "lo");
	close(ctl);
}

/* Everything: namespace, lo, a TUN device with our two addresses. */
static inline void lab_init(void)
{
	struct ifreq req = { .ifr_name = "wire", .ifr_flags = IFF_TUN | IFF_NO_PI };
	int ctl;

	lab_enter();
	lab.tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (lab.tun < 0)
		skip("no TUN device: modprobe tun (open /dev/net/tun: %s)", strerror(errno));
	if (ioctl(lab.tun, TUNSETIFF, &req) < 0)
		die("cannot make a TUN device");
	ctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ctl < 0)
		die("no socket");
	if_addr4(ctl, "wire", lab.us4, "255.255.255.0");
	if_up(ctl, "wire");
	if_addr6("wire", lab.us6);
	close(ctl);
}

/*
 * The state of the socket with these ports, without taking its lock. rport 0 finds the first
 * with this local port that is not a listener, unless want_listen. Both families are searched.
 */
static inline int state_of(unsigned int lport, unsigned int rport)
{
	static const char *const tables[] = { "/proc/thread-self/net/tcp",
					      "/proc/thread-self/net/tcp6" };
	char line[512];
	int found = ST_GONE;

	for (size_t i = 0; i < 2 && found == ST_GONE; i++) {
		FILE *f = fopen(tables[i], "re");

		if (!f)
			continue;
		while (fgets(line, sizeof(line), f)) {
			unsigned int lp, rp, st;

			if (sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%x %x", &lp, &rp, &st) !=
			    3)
				continue;
			if (lp == lport && rp == rport) {
				found = (int)st;
				break;
			}
		}
		fclose(f);
	}
	return found;
}

static inline void wait_state_ms(unsigned int lport, unsigned int rport, int want, uint64_t ms)
{
	uint64_t end = now_ms() + ms;
	int st;

	while ((st = state_of(lport, rport)) != want) {
		if (now_ms() > end)
			die("%u:%u is in state %d, expected %d within %llu ms", lport, rport, st,
			    want, (unsigned long long)ms);
		breathe();
	}
}

static inline void wait_state(unsigned int lport, unsigned int rport, int want)
{
	wait_state_ms(lport, rport, want, LAB_DEADLINE_MS);
}

/*
 * Until no socket of this namespace can still change its state: whatever a namespace takes with
 * it when it goes fires nothing, and the test would wait for lines that never come.
 */
static inline void wait_quiet(void)
{
	static const char *const tables[] = { "/proc/thread-self/net/tcp",
					      "/proc/thread-self/net/tcp6" };
	uint64_t end = now_ms() + LAB_DEADLINE_MS;

	for (;;) {
		unsigned int busy = 0;

		for (size_t i = 0; i < 2; i++) {
			FILE *f = fopen(tables[i], "re");
			char line[512];

			while (f && fgets(line, sizeof(line), f)) {
				unsigned int st, inode = 0;

				if (sscanf(line, " %*d: %*s %*s %x %*s %*s %*s %*u %*u %u", &st,
					   &inode) < 2)
					continue;
				/* mini-sockets (TIME_WAIT, FIN_WAIT2, request) have no inode;
				 * a full orphan in FIN_WAIT2 has none either, its scenario
				 * waits for it by itself */
				if (inode ||
				    (st != ST_TIME_WAIT && st != ST_FIN_WAIT2 && st != ST_SYN_RECV))
					busy++;
			}
			if (f)
				fclose(f);
		}
		if (!busy)
			return;
		if (now_ms() > end)
			die("%u sockets are left at the end", busy);
		breathe();
	}
}

#endif /* E2E_LAB_H */
