// SPDX-License-Identifier: GPL-2.0-only
#include "filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#define PORT_MAX    65535
#define MAPPED_BITS 96 /* length of ::ffff:0:0/96 */

static const uint8_t mapped_head[12] = { [10] = 0xff, [11] = 0xff };

static int bad(const char *why, const char **reterr_why)
{
	if (reterr_why)
		*reterr_why = why;
	return -EINVAL;
}

/*
 * Read decimal digits at *text and move it behind them. False: there are none, or the number is
 * above `max` (which must be below UINT32_MAX / 10).
 */
static bool take_number(const char **text, uint32_t max, uint32_t *ret)
{
	const char *p = *text;
	uint32_t value = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (uint32_t)(*p - '0');
		if (value > max)
			return false;
	}
	*text = p;
	*ret = value;
	return true;
}

int filter_parse_ports(const char *text, struct portset *ret, const char **reterr_why)
{
	struct portset set = { .any_set = true };
	const char *p = text;

	for (;;) {
		uint32_t first, last;

		if (!take_number(&p, PORT_MAX, &first))
			return bad("a port is a number from 0 to 65535", reterr_why);
		last = first;
		if (*p == '-') {
			p++;
			if (!take_number(&p, PORT_MAX, &last))
				return bad("a range ends with a number from 0 to 65535",
					   reterr_why);
			if (last < first)
				return bad("a range runs backwards", reterr_why);
		}
		for (uint32_t port = first; port <= last; port++)
			set.bits[port / 64] |= UINT64_C(1) << (port % 64);
		if (*p == '\0')
			break;
		if (*p != ',')
			return bad("ports are separated by ','", reterr_why);
		p++;
	}
	*ret = set;
	return 0;
}

bool portset_has(const struct portset *set, uint16_t port)
{
	return !set->any_set || (set->bits[port / 64] >> (port % 64) & 1);
}

bool addr_is_mapped(const uint8_t addr[16])
{
	return !memcmp(addr, mapped_head, sizeof(mapped_head));
}

bool addr_is_link_local(const uint8_t addr[16])
{
	return addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

/* The mask of one byte of a prefix that is `bits` long; `byte` counts from the left. */
static uint8_t mask_at(unsigned int bits, unsigned int byte)
{
	unsigned int before = byte * 8;

	if (bits >= before + 8)
		return 0xff;
	if (bits <= before)
		return 0;
	return (uint8_t)(0xff << (8 - (bits - before)));
}

int filter_parse_prefix(const char *text, struct prefix *ret, const char **reterr_why)
{
	struct prefix prefix = { .set = true };
	char addr[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "/");
	uint32_t bits, max;

	if (len >= sizeof(addr))
		return bad("this is no IPv4 or IPv6 address", reterr_why);
	memcpy(addr, text, len);
	addr[len] = '\0';

	if (inet_pton(AF_INET, addr, prefix.addr + sizeof(mapped_head)) == 1) {
		memcpy(prefix.addr, mapped_head, sizeof(mapped_head));
		prefix.family = 4;
		max = 32;
	} else if (inet_pton(AF_INET6, addr, prefix.addr) == 1) {
		prefix.family = 6;
		max = 128;
	} else {
		return bad("this is no IPv4 or IPv6 address", reterr_why);
	}

	bits = max;
	if (text[len] == '/') {
		const char *p = text + len + 1;

		if (!take_number(&p, max, &bits) || *p)
			return bad(max == 32 ? "an IPv4 prefix length is a number from 0 to 32" :
					       "an IPv6 prefix length is a number from 0 to 128",
				   reterr_why);
	}
	if (prefix.family == 4)
		bits += MAPPED_BITS;
	else if (bits >= MAPPED_BITS && addr_is_mapped(prefix.addr))
		prefix.family = 4;

	prefix.bits = (uint8_t)bits;
	for (unsigned int i = 0; i < sizeof(prefix.addr); i++)
		prefix.addr[i] &= mask_at(bits, i);
	*ret = prefix;
	return 0;
}

bool prefix_has(const struct prefix *prefix, const uint8_t addr[16])
{
	if (!prefix->set)
		return true;
	if (prefix->family == 6 && addr_is_mapped(addr))
		return false;
	for (unsigned int i = 0; i < sizeof(prefix->addr); i++)
		if ((addr[i] & mask_at(prefix->bits, i)) != prefix->addr[i])
			return false;
	return true;
}

bool filter_has_netns(const struct filter *filter, uint32_t netns, uint64_t cookie)
{
	if (!filter->netns)
		return true;
	return filter->netns == netns &&
	       (!filter->netns_id || !cookie || filter->netns_id == cookie);
}

bool filter_by_owner(const struct filter *filter)
{
	return filter->has_pid || filter->has_comm || filter->has_uid || filter->cgroup;
}

uint32_t filter_counted_states(const struct filter *filter)
{
	uint32_t bits = 0, state;

	for (state = 1; state < TCS_STATE_MAX; state++)
		if (state_set_match(&filter->states, state, state))
			bits |= 1u << state;
	if (bits >> TCS_NEW_SYN_RECV & 1)
		bits |= 1u << TCS_SYN_RECV;
	if (filter_by_owner(filter))
		bits &= ~(1u << TCS_TIME_WAIT | 1u << TCS_SYN_RECV);
	if (filter->has_uid || filter->cgroup)
		bits &= ~FILTER_NOT_OWNED;
	return bits;
}
