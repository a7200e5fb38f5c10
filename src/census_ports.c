// SPDX-License-Identifier: GPL-2.0-only
/*
 * Local ports that bind() chose, and the ranges that programs chose for themselves. The table of
 * local ports is read once for all namespaces, before their sockets: the walk over those passes
 * over ports that are bound, and counts ranges.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "census_inside.h"
#include "select.h"

#define ROWS_BYTES (TCS_CENSUS_PORTS * sizeof(struct tcs_census_port))
#define NO_ROW	   UINT32_MAX

#define SAMPLE 8 /* ranges are read at one port in 8, but at all in the first look */

/* A range is remembered: connections in TIME_WAIT do not have it. As long as they last. */
#define RANGES_KEPT    64
#define RANGES_KEPT_NS (60 * NS_PER_S)

/* bindresvport(), rresvport() (glibc): root's programs that bind to a reserved port. */
#define RESERVED_FIRST 512
#define RESERVED_LAST  1023

/* A row of a local address is made from a tenth of the range on. */
#define SHARE_LEAST 10

/* The namespace's range, NFS' and that of bindresvport(), those of programs. */
#define RANGES (3 + TCS_CENSUS_RANGES)

struct bits {
	uint64_t words[1024];
};

struct port_range {
	struct tcs_census_range at; /* first 0: ip_local_port_range */
	struct bits bits;
	uint32_t count;
	uint32_t n_bound; /* chosen by bind(): no connect() takes them, whatever its address */
	uint32_t n_any;	  /* of sockets without a local address */
};

/* Sockets of one local address. */
struct port_address {
	uint8_t laddr[16];
	uint8_t family;
	uint32_t used[RANGES], bound[RANGES]; /* at ports that no socket of any address has */
};

struct kept_range {
	uint64_t net;
	uint64_t seen_ns;
	struct tcs_census_range at;
};

struct census_ports {
	const struct tcs_census_port *rows;
	bool known;   /* this kernel's table was read, in the current look */
	bool crowded; /* not all found room: it is read for each namespace */
	uint32_t looks;
	struct hash net; /* address of a namespace: its first row */
	uint32_t next[TCS_CENSUS_PORTS];
	struct kept_range kept[RANGES_KEPT];

	/* of the current namespace */
	struct port_range ranges[RANGES];
	uint32_t n_ranges;
	struct bits any; /* ports of sockets without a local address */
	uint8_t any_family;
	struct hash by_addr;
	struct port_address *addrs;
	uint32_t n_addrs, cap_addrs;
};

/* Address of the current namespace; one that cannot be entered is known by it only. */
static uint64_t net_here(const struct census *c)
{
	return c->here_net ? c->here_net : c->skel->bss->here_net;
}

static bool has(const struct bits *b, uint16_t port)
{
	return b->words[port / 64] >> port % 64 & 1;
}

static void set(struct bits *b, uint16_t port)
{
	b->words[port / 64] |= UINT64_C(1) << port % 64;
}

int census_ports_new(struct census *c)
{
	struct census_ports *p = calloc(1, sizeof(*p));
	void *rows;

	if (!p || hash_init(&p->net) || hash_init(&p->by_addr)) {
		free(p);
		return -ENOMEM;
	}
	c->ports = p;
	rows = mmap(NULL, ROWS_BYTES, PROT_READ, MAP_SHARED, bpf_map__fd(c->skel->maps.port_rows),
		    0);
	if (rows == MAP_FAILED)
		return -errno;
	p->rows = rows;
	return 0;
}

void census_ports_free(struct census *c)
{
	struct census_ports *p = c->ports;

	if (!p)
		return;
	if (p->rows)
		munmap((void *)p->rows, ROWS_BYTES);
	hash_release(&p->net);
	hash_release(&p->by_addr);
	free(p->addrs);
	free(p);
}

/* ---- the table ------------------------------------------------------------------------------- */

static int run(const struct bpf_program *program)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	return bpf_prog_test_run_opts(bpf_program__fd(program), &opts) ? -errno : 0;
}

/* Rows of each namespace become a list. */
static int index_rows(struct census_ports *p, uint32_t n)
{
	uint32_t i, first;
	int err = 0;

	hash_clear(&p->net);
	for (i = 0; !err && i < n; i++) {
		p->next[i] = NO_ROW;
		if (hash_find(&p->net, p->rows[i].net, &first)) {
			p->next[i] = p->next[first];
			p->next[first] = i;
		} else {
			err = hash_add(&p->net, p->rows[i].net, i);
		}
	}
	return err;
}

/* net: one namespace, or 0: all. */
static int scan_ports(struct census *c, uint64_t net)
{
	struct census_bpf *skel = c->skel;
	volatile struct tcs_census_ports *at = &skel->bss->port_scan;
	int err;

	c->ports->known = false;
	at->net = net;
	err = run(skel->progs.tcs_ports_begin);
	while (!err && !at->over) {
		err = run(skel->progs.tcs_ports_run);
		if (c->config.between)
			c->config.between(c->config.between_ctx);
	}
	if (err || !at->size)
		return err;
	c->ports->known = !at->left_out;
	return c->ports->known ? index_rows(c->ports, at->n_rows) : 0;
}

/*
 * Where not all find room, as when one namespace uses 65,536 ports to that end, the table is read
 * again for each namespace, which then is the only one that may remain unknown.
 */
int census_ports_read(struct census *c)
{
	volatile struct tcs_census_ports *at = &c->skel->bss->port_scan;
	int err;

	if (!c->ports)
		return 0;
	at->sample = c->ports->looks ? SAMPLE - 1 : 0;
	at->phase = c->ports->looks++;
	err = scan_ports(c, 0);
	c->ports->crowded = !err && at->left_out;
	return err;
}

static int read_crowded(struct census *c)
{
	int err = scan_ports(c, net_here(c));

	c->blind.skipped += c->skel->bss->port_scan.left_out;
	return err;
}

/* ---- ranges ---------------------------------------------------------------------------------- */

static struct port_range *add_range(struct census_ports *p, struct tcs_census_range at)
{
	struct port_range *r = &p->ranges[p->n_ranges++];

	memset(r, 0, sizeof(*r));
	r->at = at;
	return r;
}

/* Ports from first to last, of those that `of` has (NULL: all). */
static void fill_range(struct port_range *r, uint32_t first, uint32_t last, const uint64_t *of)
{
	uint32_t port;

	for (port = first; port <= last; port++) {
		if (of && !(of[port / 64] >> port % 64 & 1))
			continue;
		set(&r->bits, (uint16_t)port);
		r->count++;
	}
}

/* inet_sk_get_local_port_range(): each end counts only inside the namespace's range. */
static void add_own_range(struct census *c, struct tcs_census_range own)
{
	struct census_ports *p = c->ports;
	struct tcs_census_range at = own;
	const struct host_net *net = &c->net;
	struct tcs_census_range *to = (void *)c->skel->bss->own_ranges;
	uint32_t n = 0;

	if (own.first < net->ports.first || own.first > net->ports.last)
		at.first = net->ports.first;
	if (own.last < net->ports.first || own.last > net->ports.last)
		at.last = net->ports.last;
	while (n < TCS_CENSUS_RANGES && to[n].first) {
		if (to[n].first == at.first && to[n].last == at.last)
			return;
		n++;
	}
	if (at.first == net->ports.first && at.last == net->ports.last)
		return;
	if (n == TCS_CENSUS_RANGES || !at.first || at.first > at.last) {
		c->blind.skipped += n == TCS_CENSUS_RANGES;
		return;
	}
	to[n] = at;
	fill_range(add_range(p, at), at.first, at.last, net->ports.bits);
}

/* One that is not there yet takes the place of the one that was not seen for the longest time. */
static void keep_range(struct census *c, uint32_t packed)
{
	struct tcs_census_range at = { packed & 0xffff, packed >> 16 };
	struct kept_range *to = c->ports->kept, *k;

	for (k = c->ports->kept; k < c->ports->kept + RANGES_KEPT; k++) {
		if (k->net == net_here(c) && k->at.first == at.first && k->at.last == at.last) {
			k->seen_ns = c->now_ns;
			return;
		}
		if (k->seen_ns < to->seen_ns)
			to = k;
	}
	*to = (struct kept_range){ net_here(c), c->now_ns, at };
}

static void begin_ranges(struct census *c)
{
	struct census_ports *p = c->ports;
	const struct kept_range *k;

	p->n_ranges = 0;
	fill_range(add_range(p, (struct tcs_census_range){ 0 }), 1, UINT16_MAX, c->net.ports.bits);
	fill_range(add_range(p, (struct tcs_census_range){ RESERVED_FIRST, RESERVED_LAST }),
		   RESERVED_FIRST, RESERVED_LAST, NULL);
	if (c->net.resvport.first) {
		struct tcs_census_range nfs = { c->net.resvport.first, c->net.resvport.last };

		fill_range(add_range(p, nfs), nfs.first, nfs.last, NULL);
	}
	for (k = p->kept; k < p->kept + RANGES_KEPT; k++)
		if (k->seen_ns && k->net == net_here(c) && k->seen_ns + RANGES_KEPT_NS > c->now_ns)
			add_own_range(c, k->at);
}

/* ---- local addresses ------------------------------------------------------------------------- */

/* :: or 0.0.0.0 (mapped): a socket there conflicts with those of each address. */
static bool is_any(const struct tcs_census_port *row)
{
	static const uint8_t zero[16];

	return !memcmp(row->laddr + (row->family == 4 ? 12 : 0), zero, row->family == 4 ? 4 : 16);
}

static struct port_address *address_of(struct census_ports *p, const struct tcs_census_port *row)
{
	uint64_t key = hash_bytes(row->laddr, sizeof(row->laddr), 0);
	struct port_address *to;
	uint32_t at;

	if (hash_find(&p->by_addr, key, &at))
		return &p->addrs[at];
	if (p->n_addrs == p->cap_addrs) {
		uint32_t more = p->cap_addrs ? p->cap_addrs * 2 : 64;

		to = realloc(p->addrs, more * sizeof(*to));
		if (!to)
			return NULL;
		p->addrs = to;
		p->cap_addrs = more;
	}
	if (hash_add(&p->by_addr, key, p->n_addrs))
		return NULL;
	to = &p->addrs[p->n_addrs++];
	memset(to, 0, sizeof(*to));
	memcpy(to->laddr, row->laddr, sizeof(to->laddr));
	to->family = row->family;
	return to;
}

/* First those without an address, once for each port; then what the others have beside them. */
static void take_any(struct census *c, const struct tcs_census_port *row)
{
	struct census_ports *p = c->ports;
	uint64_t *bound = (uint64_t *)c->skel->bss->bound_ports;

	if (row->bound)
		bound[row->port / 64] |= UINT64_C(1) << row->port % 64;
	if (row->range)
		keep_range(c, row->range);
	if (!is_any(row))
		return;
	if (!p->any_family || row->family == 4)
		p->any_family = row->family;
	set(&p->any, row->port);
}

static int take_address(struct census_ports *p, const struct tcs_census_port *row)
{
	struct port_address *a;
	uint32_t i;

	if (has(&p->any, row->port))
		return 0;
	a = address_of(p, row);
	if (!a)
		return -ENOMEM;
	for (i = 0; i < p->n_ranges; i++) {
		if (!has(&p->ranges[i].bits, row->port))
			continue;
		a->used[i]++;
		a->bound[i] += row->bound;
	}
	return 0;
}

static uint32_t count_both(const uint64_t a[1024], const uint64_t b[1024])
{
	uint32_t i, n = 0;

	for (i = 0; i < 1024; i++)
		n += (uint32_t)__builtin_popcountll(a[i] & b[i]);
	return n;
}

static void count_ranges(struct census *c)
{
	const uint64_t *bound = (const uint64_t *)c->skel->bss->bound_ports;
	struct port_range *r = c->ports->ranges;
	uint32_t i;

	for (i = 0; i < c->ports->n_ranges; i++, r++) {
		r->n_any = count_both(c->ports->any.words, r->bits.words);
		r->n_bound = count_both(bound, r->bits.words);
	}
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int emit_source(struct census *c, const struct port_range *r, const uint8_t laddr[16],
		       uint8_t family, uint32_t used, uint32_t bound)
{
	struct record_place record = {
		.head.kind = RECORD_PLACE,
		.place = { .netns = c->here.netns,
			   .family = family,
			   .flags = AUDIT_PLACE_BOUND,
			   .ports_used = used,
			   .bound = (uint16_t)(bound < used ? bound : used),
			   .ports_range = r->count,
			   .range_first = r->at.first,
			   .range_last = r->at.last,
			   .next_free_ns = AUDIT_UNKNOWN,
			   .all_free_ns = AUDIT_UNKNOWN },
	};

	memcpy(record.place.laddr, laddr, sizeof(record.place.laddr));
	if (!select_place(c->config.filter, &record.place))
		return 0;
	return census_emit(c, &record, sizeof(record));
}

/* Where one address has nearly all of them, its row says so. */
static bool is_of_one_address(const struct census_ports *p, uint32_t i)
{
	const struct port_range *r = &p->ranges[i];
	uint32_t k, most = 0;

	for (k = 0; k < p->n_addrs; k++)
		if (p->addrs[k].bound[i] > most)
			most = p->addrs[k].bound[i];
	return most > r->n_any && (most + r->n_any) * 10 > r->n_bound * 9;
}

/* Of all addresses together: what no connect() takes. */
static int emit_all(struct census *c, uint32_t i)
{
	static const uint8_t any4[16] = { [10] = 0xff, [11] = 0xff }, any6[16];
	const struct port_range *r = &c->ports->ranges[i];
	bool six = c->ports->any_family == 6;

	if (r->n_bound * SHARE_LEAST < r->count || is_of_one_address(c->ports, i))
		return 0;
	return emit_source(c, r, six ? any6 : any4, six ? 6 : 4, r->n_bound, r->n_bound);
}

static int emit_address(struct census *c, const struct port_address *a, uint32_t i)
{
	const struct port_range *r = &c->ports->ranges[i];

	if (a->bound[i] < r->n_any || a->bound[i] * SHARE_LEAST < r->count)
		return 0;
	return emit_source(c, r, a->laddr, a->family, a->used[i] + r->n_any,
			   a->bound[i] + r->n_any);
}

static int emit_rows(struct census *c)
{
	struct census_ports *p = c->ports;
	uint32_t i, k;
	int err = 0;

	if (!p || !p->known)
		return 0;
	for (i = 0; !err && i < p->n_ranges; i++) {
		if (!p->ranges[i].n_bound)
			continue;
		err = emit_all(c, i);
		for (k = 0; !err && k < p->n_addrs; k++)
			err = emit_address(c, &p->addrs[k], i);
	}
	return err;
}

/* ---- for the walk over the sockets ----------------------------------------------------------- */

static int enter(struct census *c)
{
	struct census_ports *p = c->ports;
	uint32_t i, first = NO_ROW;
	int err = p && p->crowded ? read_crowded(c) : 0;

	memset(c->skel->bss->bound_ports, 0, sizeof(c->skel->bss->bound_ports));
	memset(c->skel->bss->own_ranges, 0, sizeof(c->skel->bss->own_ranges));
	if (err || !p || !p->known)
		return err;
	memset(&p->any, 0, sizeof(p->any));
	p->n_addrs = p->any_family = 0;
	hash_clear(&p->by_addr);
	(void)hash_find(&p->net, net_here(c), &first);
	for (i = first; i != NO_ROW; i = p->next[i])
		take_any(c, &p->rows[i]);
	begin_ranges(c);
	for (i = first; !err && i != NO_ROW; i = p->next[i])
		err = take_address(p, &p->rows[i]);
	count_ranges(c);
	return err;
}

int census_ports_look(struct census *c)
{
	int err = enter(c);

	return err ? err : emit_rows(c);
}

void census_ports_fill(const struct census *c, uint8_t range, struct audit_place *row)
{
	const struct census_ports *p = c->ports;
	const struct port_range *r;
	uint32_t i;

	row->ports_range = c->net.ports.count;
	if (!p || !p->known)
		return;
	r = &p->ranges[0];
	for (i = 0; range && i < p->n_ranges; i++)
		if (p->ranges[i].at.first == c->skel->bss->own_ranges[range - 1].first &&
		    p->ranges[i].at.last == c->skel->bss->own_ranges[range - 1].last)
			r = &p->ranges[i];
	row->ports_range = r->count;
	row->range_first = r->at.first;
	row->range_last = r->at.last;
	row->flags |= AUDIT_PLACE_BOUND;
	row->bound = (uint16_t)r->n_bound;
	row->ports_used += row->bound;
}
