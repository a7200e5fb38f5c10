// SPDX-License-Identifier: GPL-2.0-only
#include "spread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service.h"

static const char *const spread_names[SPREAD_MAX] = {
	[SPREAD_DISTRIBUTED] = "distributed",
	[SPREAD_PREFIX] = "prefix",
	[SPREAD_SINGLE_SOURCE] = "single_source",
};

const char *spread_name(enum spread spread)
{
	return spread_names[spread];
}

static int compare_group(const struct audit_source *a, const struct audit_source *b)
{
	if (a->service != b->service)
		return a->service < b->service ? -1 : 1;
	if (a->service == AUDIT_NONE && a->half_open != b->half_open)
		return a->half_open < b->half_open ? -1 : 1;
	return (int)audit_is_address(b) - (int)audit_is_address(a);
}

static int compare_address(const void *left, const void *right)
{
	const struct audit_source *a = left, *b = right;
	int order = compare_group(a, b);

	if (!order && a->device != b->device)
		order = a->device < b->device ? -1 : 1;
	return order ? order : memcmp(a->addr, b->addr, 16);
}

static int compare_count(const void *left, const void *right)
{
	const struct audit_source *a = left, *b = right;
	int order = compare_group(a, b);

	if (!order && a->count != b->count)
		order = a->count > b->count ? -1 : 1;
	return order ? order : memcmp(a->addr, b->addr, 16);
}

/* The same source at two listeners of a group is one. Returns how many there are. */
static uint32_t merge_sources(struct audit_source *rows, uint32_t n)
{
	uint32_t from, to = 0;

	for (from = 0; from < n; from++) {
		struct audit_source *s = &rows[from], *last = &rows[to ? to - 1 : 0];

		if (to && !compare_address(last, s)) {
			last->count += s->count;
			last->oldest_ns = audit_longest(last->oldest_ns, s->oldest_ns);
		} else {
			rows[to++] = *s;
		}
	}
	return to;
}

static void cut_to(uint8_t addr[16], unsigned int bits)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		if (bits <= i * 8)
			addr[i] = 0;
		else if (bits < i * 8 + 8)
			addr[i] &= (uint8_t)(0xff00 >> (bits - i * 8));
}

/* The prefix of so many bits (of 128) with the most connections; rows are in order of address. */
static uint64_t most_in(const struct audit_source *rows, uint32_t n, unsigned int bits,
			uint32_t *ret_row)
{
	uint64_t most = 0, sum = 0;
	uint8_t here[16], addr[16];
	uint32_t i;

	for (i = 0; i < n; i++) {
		memcpy(addr, rows[i].addr, 16);
		cut_to(addr, bits);
		if (!i || rows[i].device != rows[i - 1].device || memcmp(addr, here, 16))
			sum = 0;
		memcpy(here, addr, 16);
		sum += rows[i].count;
		if (sum > most) {
			most = sum;
			*ret_row = i;
		}
	}
	return most;
}

static bool holds_most(struct audit_service *s, const struct audit_source *row, uint64_t count,
		       unsigned int bits)
{
	if (count * 100 < s->half_open * SPREAD_PERCENT)
		return false;
	memcpy(s->spread_addr, row->addr, 16);
	cut_to(s->spread_addr, bits);
	s->spread_family = row->family;
	s->spread_device = row->device;
	s->spread_bits = (uint8_t)(row->family == 4 ? bits - 96 : bits);
	s->spread_percent = (uint32_t)(count * 100 / s->half_open);
	return true;
}

static enum spread spread_of(struct audit_service *s, const struct audit_source *rows,
			     uint32_t n_addresses, uint32_t n)
{
	const struct audit_source *prefixes = rows + n_addresses;
	unsigned int bits;
	uint32_t row = 0;
	uint64_t most;

	if (!s->half_open)
		return SPREAD_NONE;
	most = most_in(rows, n_addresses, 128, &row);
	if (n_addresses && holds_most(s, &rows[row], most, 128))
		return SPREAD_SINGLE_SOURCE;
	/* The longest prefix that is enough: first all of IPv4 (mapped, so + 96), then IPv6. */
	for (bits = 96 + 24; n > n_addresses && bits >= 96 + SPREAD_BITS_4; bits--) {
		most = most_in(prefixes, n - n_addresses, bits, &row);
		if (prefixes[row].family == 4 && holds_most(s, &prefixes[row], most, bits))
			return SPREAD_PREFIX;
	}
	for (bits = 64; n > n_addresses && bits >= SPREAD_BITS_6; bits--) {
		most = most_in(prefixes, n - n_addresses, bits, &row);
		if (prefixes[row].family == 6 && holds_most(s, &prefixes[row], most, bits))
			return SPREAD_PREFIX;
	}
	return SPREAD_DISTRIBUTED;
}

static void describe_sources(struct audit_service *s, struct audit_source *rows, uint32_t n)
{
	uint32_t n_addresses = 0, i;

	for (i = 0; i < n; i++) {
		s->sources_v4 |= rows[i].family == 4;
		s->sources_v6 |= rows[i].family == 6;
	}
	while (n_addresses < n && audit_is_address(&rows[n_addresses]))
		n_addresses++;
	if (s->sources_exact)
		s->sources = n_addresses;
	if (s->prefixes_exact)
		s->prefixes = n - n_addresses;
	s->spread = spread_of(s, rows, n_addresses, n);
}

/* Where every one found room, the sketch need not be asked. */
void spread_count(struct audit *a)
{
	uint32_t i;

	for (i = 0; i < a->n_half_open; i++) {
		if (a->half_open[i].sources_exact)
			a->half_open[i].sources = 0;
		if (a->half_open[i].prefixes_exact)
			a->half_open[i].prefixes = 0;
	}
	for (i = 0; i < a->n_sources; i++) {
		struct audit_half_open *h = &a->half_open[a->sources[i].half_open];

		if (audit_is_address(&a->sources[i]))
			h->sources += h->sources_exact;
		else
			h->prefixes += h->prefixes_exact;
	}
}

/* Sort and merge rows; each service gets its own. Returns how many there are. */
static uint32_t settle_rows(struct audit_source *rows, uint32_t n_rows,
			    struct audit_service *services)
{
	uint32_t i, n;

	if (n_rows > 1)
		qsort(rows, n_rows, sizeof(*rows), compare_address);
	n_rows = merge_sources(rows, n_rows);
	for (i = 0; i < n_rows; i += n) {
		struct audit_service *s;

		for (n = 1; i + n < n_rows && rows[i + n].service == rows[i].service;)
			n++;
		if (rows[i].service == AUDIT_NONE || !services)
			break; /* they are the last */
		s = &services[rows[i].service];
		s->first_source = i;
		s->n_sources = n;
		describe_sources(s, &rows[i], n);
	}
	if (n_rows > 1)
		qsort(rows, n_rows, sizeof(*rows), compare_count);
	return n_rows;
}

void spread_settle(struct audit *a)
{
	uint32_t i;

	for (i = 0; i < a->n_sources; i++)
		a->sources[i].service = a->half_open[a->sources[i].half_open].service;
	a->n_sources = settle_rows(a->sources, a->n_sources, a->services);
}

static uint32_t group_of(const struct audit *a, const struct audit_source *row)
{
	return row->service == AUDIT_NONE ? AUDIT_NONE : a->services[row->service].group;
}

int spread_settle_groups(struct audit *a)
{
	uint32_t i, n = 0;

	free(a->group_sources);
	a->group_sources = NULL;
	a->n_group_sources = 0;
	for (i = 0; i < a->n_sources; i++)
		n += group_of(a, &a->sources[i]) != AUDIT_NONE;
	if (!n)
		return 0;
	a->group_sources = calloc(n, sizeof(*a->group_sources));
	if (!a->group_sources)
		return -ENOMEM;
	for (i = n = 0; i < a->n_sources; i++) {
		uint32_t group = group_of(a, &a->sources[i]);

		if (group == AUDIT_NONE)
			continue;
		a->group_sources[n] = a->sources[i];
		a->group_sources[n++].service = group;
	}
	a->n_group_sources = settle_rows(a->group_sources, n, a->service_groups);
	return 0;
}

void spread_of_some(const struct audit *a, struct audit_service *sum, const bool *left_out)
{
	const struct audit_service *g = &a->service_groups[a->services[sum->first].group];
	struct audit_source *rows = g->n_sources ? calloc(a->n_sources, sizeof(*rows)) : NULL;
	uint32_t i, n = 0;

	for (i = 0; rows && i < g->listeners; i++) {
		const struct audit_service *s = &a->services[g->first + i];

		if (left_out[i] || !s->n_sources)
			continue;
		memcpy(&rows[n], &a->sources[s->first_source], s->n_sources * sizeof(*rows));
		n += s->n_sources;
	}
	for (i = 0; i < n; i++)
		rows[i].service = 0;
	if (n)
		(void)settle_rows(rows, n, sum);
	free(rows);
}
