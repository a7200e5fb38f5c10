// SPDX-License-Identifier: GPL-2.0-only
/*
 * flood_syn.c - SYNs whose sources are invented, at a known rate, onto the laboratory's wire
 *
 *   flood syn [WORD=VALUE]...
 *
 *   rate=N       SYNs a second (default 1000), evenly
 *   seconds=N    for how long (default: as long as it may)
 *   count=N      ... or how many
 *   from=CIDR    sources: in 198.18.0.0/15 (default) or 2001:db8:8000::/33 (then over IPv6)
 *   sources=N    only N addresses of it, evenly spread (default: all)
 *   port=N       where to (default 8000), or
 *   ports=N      N ports from there on, one after another: a scan
 *   data=1       a byte of data in each SYN (TCP Fast Open, where the server wants no cookie)
 *
 * Prints one line when the first SYN has left and one after the last; SIGTERM makes it the last.
 *
 * It refuses to work anywhere but on the client side of `flood lab`: not in the namespace of
 * process 1, and only where each device that is up is the laboratory's and this is the wire's end.
 * Sources and targets cannot be anything but the laboratory's ranges.
 *
 * Bounds: RATE_MAX a second, LAB_SECONDS seconds.
 */
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>

#include "flood.h"

#define BATCH 64

struct frame {
	uint16_t unused; /* puts what follows the 14 bytes of Ethernet where it may be read */
	struct ether_header eth;
	union {
		struct {
			struct iphdr ip;
			struct tcphdr tcp;
			uint8_t option[4], data[2];
		} v4;
		struct {
			struct ip6_hdr ip;
			struct tcphdr tcp;
			uint8_t option[4], data[2];
		} v6;
	};
};

static struct {
	bool v6;
	uint8_t base[16]; /* first address; IPv4 in the first four bytes */
	unsigned int bits;
	uint32_t sources, rate, seconds, count, port, ports, data;
} opt;

static void must_be_at_home(void)
{
	struct stat ours, first;
	uint8_t mac[6];
	struct if_nameindex *all = if_nameindex();
	struct ifreq req = { 0 };
	int ctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (stat("/proc/thread-self/ns/net", &ours))
		die("cannot tell which network namespace this is");
	/* Where process 1 may not be looked at, the devices below have to tell. */
	if (!stat("/proc/1/ns/net", &first) && ours.st_ino == first.st_ino &&
	    ours.st_dev == first.st_dev)
		die("refusing: this is the host's network namespace, not a test's");
	if (!all || ctl < 0)
		die("cannot list the network devices");
	for (struct if_nameindex *i = all; i->if_index; i++) {
		snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", i->if_name);
		if (ioctl(ctl, SIOCGIFFLAGS, &req) < 0 || !(req.ifr_flags & IFF_UP))
			continue;
		if (strcmp(i->if_name, "lo") && strcmp(i->if_name, "line") &&
		    strcmp(i->if_name, "wire"))
			die("refusing: device %s is not the laboratory's", i->if_name);
	}
	if_freenameindex(all);
	snprintf(req.ifr_name, sizeof(req.ifr_name), "wire");
	sscanf(MAC_CLIENT, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
	       &mac[4], &mac[5]);
	if (ioctl(ctl, SIOCGIFHWADDR, &req) < 0 || memcmp(req.ifr_hwaddr.sa_data, mac, 6))
		die("refusing: this is not the client side of `flood lab`");
	close(ctl);
}

static uint32_t word_at(const uint8_t *p)
{
	uint32_t x;

	memcpy(&x, p, sizeof(x));
	return ntohl(x);
}

static void parse_from(const char *text)
{
	char address[64];
	unsigned int whole, least;
	char *slash;

	snprintf(address, sizeof(address), "%s", text);
	slash = strchr(address, '/');
	if (slash)
		*slash = '\0';
	opt.v6 = strchr(address, ':');
	whole = opt.v6 ? 128 : 32;
	least = opt.v6 ? 33 : 15;
	opt.bits = slash ? (unsigned int)strtoul(slash + 1, NULL, 10) : whole;
	if (inet_pton(opt.v6 ? AF_INET6 : AF_INET, address, opt.base) != 1 || opt.bits > whole ||
	    opt.bits < least)
		die("from=%s: not a prefix of the laboratory", text);
	if (opt.v6 ? word_at(opt.base) != 0x20010db8 || !(opt.base[4] & 0x80) :
		     word_at(opt.base) >> 17 != 0xc612 >> 1)
		die("from=%s: neither in " INVENTED4 " nor in " INVENTED6, text);
}

/* The n-th of so many addresses that are spread over the prefix; with 0 of them, any. */
static void source(uint8_t address[16], uint32_t n)
{
	unsigned int host = (opt.v6 ? 128 : 32) - opt.bits, low = host < 32 ? host : 32;
	uint64_t span = 1ULL << low;
	uint32_t add, at;

	add = (uint32_t)(opt.sources ? span / opt.sources * n + span / opt.sources / 2 : dice());
	add &= (uint32_t)(span - 1);
	memcpy(address, opt.base, 16);
	if (!opt.v6) {
		at = htonl(word_at(address) | add);
		memcpy(address, &at, 4);
		return;
	}
	/* The bits that tell hosts apart stand right behind the prefix, as networks do. */
	for (unsigned int i = 0; i < low; i++)
		if (add >> (low - 1 - i) & 1)
			address[(opt.bits + i) / 8] |= (uint8_t)(0x80 >> (opt.bits + i) % 8);
	if (!opt.sources && host > 32) {
		at = dice();
		memcpy(address + 12, &at, 4);
	}
}

static uint32_t sum16(const void *data, size_t len, uint32_t s)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i += 2)
		s += (uint32_t)p[i] << 8 | p[i + 1];
	return s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return htons((uint16_t)~s);
}

/* With options and data; pseudo: the sum of the addresses. Returns its length. */
static uint32_t put_tcp(struct tcphdr *tcp, uint64_t n, uint32_t pseudo)
{
	static const uint8_t mss[4] = { 2, 4, 1460 >> 8, 1460 & 0xff };
	uint32_t len = (uint32_t)(sizeof(*tcp) + sizeof(mss)) + opt.data;

	memset(tcp, 0, sizeof(*tcp));
	tcp->source = htons((uint16_t)(1024 + dice() % 64512));
	tcp->dest = htons((uint16_t)(opt.port + n % opt.ports));
	tcp->seq = dice();
	tcp->doff = 6;
	tcp->syn = 1;
	tcp->window = htons(64240);
	memcpy(tcp + 1, mss, sizeof(mss));
	/* The data is zero: it adds nothing to the sum but its length. */
	tcp->check = fold(sum16(tcp, sizeof(*tcp) + sizeof(mss), pseudo + IPPROTO_TCP + len));
	return len;
}

/* Returns the length of the frame. */
static size_t put_syn(struct frame *f, uint64_t n)
{
	uint32_t k = opt.sources ? dice() % opt.sources : 0;
	uint8_t from[16];
	uint32_t len;

	source(from, k);
	if (opt.v6) {
		f->v6.ip = (struct ip6_hdr){ .ip6_flow = htonl(6U << 28),
					     .ip6_nxt = IPPROTO_TCP,
					     .ip6_hlim = 64 };
		memcpy(&f->v6.ip.ip6_src, from, 16);
		inet_pton(AF_INET6, SERVER6, &f->v6.ip.ip6_dst);
		len = put_tcp(&f->v6.tcp, n, sum16(&f->v6.ip.ip6_src, 32, 0));
		f->v6.ip.ip6_plen = htons((uint16_t)len);
		return sizeof(f->eth) + sizeof(f->v6.ip) + len;
	}
	f->v4.ip = (struct iphdr){
		.version = 4, .ihl = 5, .id = htons((uint16_t)n), .ttl = 64, .protocol = IPPROTO_TCP
	};
	memcpy(&f->v4.ip.saddr, from, 4);
	inet_pton(AF_INET, SERVER4, &f->v4.ip.daddr);
	len = put_tcp(&f->v4.tcp, n, sum16(&f->v4.ip.saddr, 8, 0));
	f->v4.ip.tot_len = htons((uint16_t)(sizeof(f->v4.ip) + len));
	f->v4.ip.check = fold(sum16(&f->v4.ip, sizeof(f->v4.ip), 0));
	return sizeof(f->eth) + sizeof(f->v4.ip) + len;
}

static void put_ether(struct frame *f)
{
	static const char *const macs[] = { MAC_SERVER, MAC_CLIENT };
	uint8_t *to = (uint8_t *)&f->eth;

	for (int i = 0; i < 2; i++, to += 6)
		sscanf(macs[i], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &to[0], &to[1], &to[2], &to[3],
		       &to[4], &to[5]);
	f->eth.ether_type = htons(opt.v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
}

static int wire_open(void)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET,
				  .sll_ifindex = (int)if_nametoindex("wire") };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		skip("no packet socket: %s", strerror(errno));
	if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&ll, sizeof(ll)))
		die("cannot use the wire");
	return fd;
}

static void send_some(int fd, uint64_t sent, unsigned int n)
{
	static struct frame frame[BATCH];
	static struct iovec iov[BATCH];
	static struct mmsghdr msg[BATCH];
	unsigned int done = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (!frame[i].eth.ether_type)
			put_ether(&frame[i]);
		iov[i] = (struct iovec){ &frame[i].eth, put_syn(&frame[i], sent + i) };
		msg[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	while (done < n) {
		int got = sendmmsg(fd, msg + done, n - done, 0);

		if (got < 0 && errno != ENOBUFS && errno != EAGAIN)
			die("cannot send");
		done += got > 0 ? (unsigned int)got : 0;
	}
}

static uint64_t micros(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void syn_role(const struct words *w)
{
	uint64_t start, sent = 0, want;
	int fd;

	words_only(w, " rate seconds count from sources port ports data seed ");
	opt.rate = words_number(w, "rate", 1000, RATE_MAX);
	opt.seconds = words_number(w, "seconds", LAB_SECONDS, LAB_SECONDS);
	opt.count = words_number(w, "count", opt.rate * opt.seconds, UINT32_MAX);
	opt.sources = words_number(w, "sources", 0, 1U << 20);
	opt.port = words_number(w, "port", 8000, 65535);
	opt.ports = words_number(w, "ports", 1, 65536 - opt.port);
	opt.data = words_number(w, "data", 0, 1);
	parse_from(words_text(w, "from", INVENTED4));
	if (!opt.rate || !opt.ports)
		die("rate=0 and ports=0 send nothing");
	must_be_at_home();
	fd = wire_open();

	start = micros();
	told_enough_on_term();
	while (sent < opt.count && !told_enough()) {
		want = (micros() - start) * opt.rate / 1000000 + 1;
		if (want > opt.count)
			want = opt.count;
		if (want > sent + BATCH)
			want = sent + BATCH;
		if (want == sent) {
			breathe();
			continue;
		}
		send_some(fd, sent, (unsigned int)(want - sent));
		if (!sent) {
			printf("{\"type\":\"first\",\"at_ms\":%.3f}\n", wall_ms());
			fflush(stdout);
		}
		sent = want;
	}
	printf("{\"type\":\"last\",\"at_ms\":%.3f,\"sent\":%llu,\"seconds\":%.3f}\n", wall_ms(),
	       (unsigned long long)sent, (double)(micros() - start) / 1e6);
}
