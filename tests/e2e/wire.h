/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef E2E_WIRE_H
#define E2E_WIRE_H

/*
 * wire.h - the far end of a connection, one segment at a time
 *
 * Why: a real peer never sends a RST to a socket in CLOSING, loses exactly one SYN-ACK, or
 * closes at the same moment. Here the far end is a TUN device, a sequence number and a scenario
 * that decides what arrives and when.
 *
 * Segments are handed to the kernel by a process of their own ("dance-wire"). The soft interrupt
 * that handles them runs in that process's context, so a tool that reads "current" there prints
 * dance-wire as the owner, and the test sees it. wire_send() returns when the kernel has taken
 * the segment all the way (tun_get_user() delivers before write() returns).
 *
 * Bounds: no options are sent but none are needed; at most WIRE_DATA bytes of payload; the far
 * end keeps one receive position and never retransmits by itself.
 */
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "lab.h"

#define WIRE_DATA  512
#define WIRE_FRAME 2048

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10 };

/* One connection seen from the far end. Ports in host order; near is the kernel's. */
struct peer {
	int family; /* 4 or 6 */
	unsigned int near;
	unsigned int far;
	uint32_t seq; /* next we send */
	uint32_t ack; /* next we expect */
	uint32_t iss_near;
	uint8_t last_ip[120]; /* start of the last packet seen, for an ICMP error that quotes it */
	size_t last_len;
};

struct segment {
	uint32_t seq;
	uint32_t ack;
	uint8_t flags;
	size_t len;
};

static int wire_fd = -1;
static pid_t wire_pid;

/* Start the process that hands packets to the kernel. Call once, after lab_init(). */
static inline void wire_start(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		die("no socket pair");
	wire_pid = fork();
	if (wire_pid < 0)
		die("cannot fork");
	if (wire_pid == 0) {
		uint8_t frame[WIRE_FRAME];
		ssize_t n;

		prctl(PR_SET_NAME, "dance-wire");
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		while ((n = recv(pair[1], frame, sizeof(frame), 0)) > 0) {
			char ok = write(lab.tun, frame, (size_t)n) == n;

			if (send(pair[1], &ok, 1, MSG_NOSIGNAL) != 1)
				break;
		}
		_exit(0);
	}
	close(pair[1]);
	wire_fd = pair[0];
}

static inline void wire_stop(void)
{
	if (wire_fd < 0)
		return;
	close(wire_fd);
	waitpid(wire_pid, NULL, 0);
	wire_fd = -1;
}

static inline uint32_t sum16(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *p = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	return sum;
}

static inline uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static inline void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static inline uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

static inline void wire_put(const uint8_t *frame, size_t len)
{
	char ok = 0;

	if (send(wire_fd, frame, len, MSG_NOSIGNAL) != (ssize_t)len ||
	    recv(wire_fd, &ok, 1, 0) != 1 || !ok)
		die("the kernel did not take a packet of %zu bytes", len);
}

/* An IP header for `proto` around `len` bytes at frame + its return value. */
static inline size_t ip_header(uint8_t *frame, int family, uint8_t proto, size_t len)
{
	if (family == 4) {
		memset(frame, 0, 20);
		frame[0] = 0x45;
		put16(frame + 2, (uint32_t)(20 + len));
		frame[6] = 0x40;
		frame[8] = 64;
		frame[9] = proto;
		inet_pton(AF_INET, lab.far4, frame + 12);
		inet_pton(AF_INET, lab.us4, frame + 16);
		put16(frame + 10, fold(sum16(frame, 20, 0)));
		return 20;
	}
	memset(frame, 0, 40);
	frame[0] = 0x60;
	put16(frame + 4, (uint32_t)len);
	frame[6] = proto;
	frame[7] = 64;
	inet_pton(AF_INET6, lab.far6, frame + 8);
	inet_pton(AF_INET6, lab.us6, frame + 24);
	return 40;
}

static inline void l4_checksum(uint8_t *frame, size_t ip, uint8_t proto, size_t len, size_t at)
{
	uint32_t sum =
		sum16(ip == 20 ? frame + 12 : frame + 8, ip == 20 ? 8 : 32, (uint32_t)len + proto);

	put16(frame + ip + at, 0);
	put16(frame + ip + at, fold(sum16(frame + ip, len, sum)));
}

/* A segment at an arbitrary place in sequence space; the peer's own position stays. */
static inline void wire_send_at(struct peer *p, unsigned int flags, size_t len, uint32_t seq)
{
	uint8_t frame[WIRE_FRAME];
	size_t ip = ip_header(frame, p->family, IPPROTO_TCP, 20 + len);
	uint8_t *tcp = frame + ip;

	if (len > WIRE_DATA)
		die("payload of %zu bytes", len);
	memset(tcp, 0, 20);
	put16(tcp, p->far);
	put16(tcp + 2, p->near);
	put32(tcp + 4, seq);
	put32(tcp + 8, flags & ACK ? p->ack : 0);
	tcp[12] = 5 << 4;
	tcp[13] = (uint8_t)flags;
	put16(tcp + 14, 65535);
	memset(tcp + 20, 'x', len);
	l4_checksum(frame, ip, IPPROTO_TCP, 20 + len, 16);
	wire_put(frame, ip + 20 + len);
}

static inline void wire_send(struct peer *p, unsigned int flags, size_t len)
{
	wire_send_at(p, flags, len, p->seq);
	p->seq += (uint32_t)len + !!(flags & SYN) + !!(flags & FIN);
}

/* An ICMP error about the last packet seen from the kernel: type and code per family. */
static inline void wire_icmp(struct peer *p, uint8_t type, uint8_t code)
{
	uint8_t frame[WIRE_FRAME];
	uint8_t proto = p->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	size_t quote = p->last_len > 80 ? 80 : p->last_len;
	size_t ip = ip_header(frame, p->family, proto, 8 + quote);

	memset(frame + ip, 0, 8);
	frame[ip] = type;
	frame[ip + 1] = code;
	memcpy(frame + ip + 8, p->last_ip, quote);
	if (p->family == 4)
		put16(frame + ip + 2, fold(sum16(frame + ip, 8 + quote, 0)));
	else
		l4_checksum(frame, ip, IPPROTO_ICMPV6, 8 + quote, 2);
	wire_put(frame, ip + 8 + quote);
}

/* Read one segment of this connection, if there is one. near 0 takes the first SYN to far. */
static inline bool wire_read(struct peer *p, struct segment *seg)
{
	uint8_t frame[WIRE_FRAME];
	ssize_t n;

	while ((n = read(lab.tun, frame, sizeof(frame))) > 0) {
		size_t ip = frame[0] >> 4 == 4 ? (size_t)(frame[0] & 15) * 4 : 40;
		uint8_t proto = frame[0] >> 4 == 4 ? frame[9] : frame[6];
		const uint8_t *tcp = frame + ip;
		size_t head;

		if (proto != IPPROTO_TCP || (size_t)n < ip + 20)
			continue;
		if (get16(tcp + 2) != p->far || (p->near && get16(tcp) != p->near))
			continue;
		head = (size_t)(tcp[12] >> 4) * 4;
		*seg = (struct segment){ .seq = get32(tcp + 4),
					 .ack = get32(tcp + 8),
					 .flags = tcp[13],
					 .len = (size_t)n - ip - head };
		if (seg->flags & SYN) {
			p->near = get16(tcp);
			p->iss_near = seg->seq;
			p->ack = seg->seq;
		}
		if (seg->seq == p->ack)
			p->ack += (uint32_t)seg->len + !!(seg->flags & SYN) + !!(seg->flags & FIN);
		p->last_len = (size_t)n < sizeof(p->last_ip) ? (size_t)n : sizeof(p->last_ip);
		memcpy(p->last_ip, frame, p->last_len);
		return true;
	}
	return false;
}

/* Until a segment has all of these flags (and no RST unless asked for). */
static inline struct segment wire_wait(struct peer *p, unsigned int flags)
{
	uint64_t end = now_ms() + LAB_DEADLINE_MS;
	struct segment seg;

	for (;;) {
		struct pollfd pfd = { .fd = lab.tun, .events = POLLIN };

		while (wire_read(p, &seg))
			if ((seg.flags & flags) == flags && !(seg.flags & RST & ~flags))
				return seg;
		if (now_ms() > end)
			die("no segment with flags 0x%x came out of the kernel", flags);
		poll(&pfd, 1, 20);
	}
}

/* Throw away what the kernel has said so far, keeping the receive position right. */
static inline void wire_drain(struct peer *p)
{
	struct segment seg;

	while (wire_read(p, &seg))
		;
}

/* The far end connects to the kernel's listener: SYN, SYN-ACK, ACK. */
static inline void wire_connect(struct peer *p)
{
	wire_send(p, SYN, 0);
	wire_wait(p, SYN | ACK);
	wire_send(p, ACK, 0);
}

/* The far end answers the kernel's SYN. */
static inline void wire_accept(struct peer *p)
{
	wire_wait(p, SYN);
	wire_send(p, SYN | ACK, 0);
	wire_wait(p, ACK);
}

#endif /* E2E_WIRE_H */
