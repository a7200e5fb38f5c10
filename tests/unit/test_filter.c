// SPDX-License-Identifier: GPL-2.0-only
/*
 * Port sets and address prefixes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "filter.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void port_lists_hold_exactly_what_they_name(void **unused)
{
	static const struct {
		const char *text;
		unsigned int from[3], to[3]; /* the ranges that must be in, and nothing else */
		size_t ranges;
	} want[] = {
		{ "80", { 80 }, { 80 }, 1 },
		{ "0", { 0 }, { 0 }, 1 },
		{ "65535", { 65535 }, { 65535 }, 1 },
		{ "0-65535", { 0 }, { 65535 }, 1 },
		{ "80,8000-8080", { 80, 8000 }, { 80, 8080 }, 2 },
		{ "63-64,127,128", { 63, 127 }, { 64, 128 }, 2 },
		{ "7-7", { 7 }, { 7 }, 1 },
		{ "443,80,443,70-90", { 70, 443 }, { 90, 443 }, 2 },
		{ "00080", { 80 }, { 80 }, 1 },
	};
	static struct portset set;

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		if (filter_parse_ports(want[i].text, &set, NULL))
			fail_msg("'%s' is refused", want[i].text);
		assert_true(set.any_set);
		for (unsigned int port = 0; port <= 65535; port++) {
			bool in = false;

			for (size_t r = 0; r < want[i].ranges; r++)
				in |= port >= want[i].from[r] && port <= want[i].to[r];
			if (portset_has(&set, (uint16_t)port) != in)
				fail_msg("'%s': port %u", want[i].text, port);
		}
	}
}

static void a_namespace_is_known_by_its_identity(void **unused)
{
	static const struct {
		uint32_t wanted, netns;
		uint64_t wanted_id, cookie;
		bool has;
	} want[] = {
		{ 0, 7, 0, 70, true }, /* all */
		{ 0, 0, 0, 0, true },
		{ 7, 7, 0, 70, true }, /* a recording: by number */
		{ 7, 8, 0, 70, false },
		{ 7, 7, 70, 70, true },
		{ 7, 7, 70, 71, false }, /* the number was given to another one */
		{ 7, 8, 70, 70, false },
		{ 7, 7, 70, 0, true }, /* before 5.12 records have no cookie */
		{ 7, 8, 70, 0, false },
		{ 7, 0, 70, 0, false },
	};
	static struct filter filter;

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		filter.netns = want[i].wanted;
		filter.netns_id = want[i].wanted_id;
		if (filter_has_netns(&filter, want[i].netns, want[i].cookie) != want[i].has)
			fail_msg("row %zu", i);
	}
}

static void no_port_filter_passes_every_port(void **unused)
{
	static const struct portset none;

	(void)unused;
	assert_true(portset_has(&none, 0));
	assert_true(portset_has(&none, 65535));
}

static void wrong_port_lists_are_refused(void **unused)
{
	static const char *const texts[] = {
		"",	    "x",      "80x",
		"80 ",	    " 80",    "-1",
		"+80",	    "65536",  "99999999999999999999",
		"80,",	    ",80",    "80,,81",
		"80-",	    "-80",    "80-70",
		"80-65536", "80--90", "80-90-95",
		"0x50",	    "80.0",   "80;81",
		"http",
	};
	static struct portset set, before;

	(void)unused;
	memset(&before, 0x5a, sizeof(before));
	before.any_set = false;
	for (size_t i = 0; i < COUNT(texts); i++) {
		const char *why = NULL;

		memcpy(&set, &before, sizeof(set));
		if (filter_parse_ports(texts[i], &set, &why) != -EINVAL || !why)
			fail_msg("'%s' is accepted", texts[i]);
		assert_memory_equal(&set, &before, sizeof(set));
		assert_int_equal(filter_parse_ports(texts[i], &set, NULL), -EINVAL);
	}
}

/* Any IPv4 or IPv6 address in the 16-byte form. */
static void address(const char *text, uint8_t ret[16])
{
	memset(ret, 0, 16);
	if (inet_pton(AF_INET, text, ret + 12) == 1) {
		ret[10] = ret[11] = 0xff;
		return;
	}
	assert_int_equal(inet_pton(AF_INET6, text, ret), 1);
}

static void prefixes_are_kept_mapped_with_host_bits_cleared(void **unused)
{
	static const struct {
		const char *text;
		const char *addr;
		unsigned int bits, family;
	} want[] = {
		{ "192.0.2.1", "192.0.2.1", 128, 4 },
		{ "192.0.2.1/32", "192.0.2.1", 128, 4 },
		{ "10.1.2.3/8", "10.0.0.0", 104, 4 },
		{ "10.255.255.255/9", "10.128.0.0", 105, 4 },
		{ "10.1.2.3/31", "10.1.2.2", 127, 4 },
		{ "255.255.255.255/0", "0.0.0.0", 96, 4 },
		{ "2001:db8::1", "2001:db8::1", 128, 6 },
		{ "2001:db8:ffff::/33", "2001:db8:8000::", 33, 6 },
		{ "2001:db8::ffff/128", "2001:db8::ffff", 128, 6 },
		{ "ffff::/0", "::", 0, 6 },
		{ "::1/127", "::", 127, 6 },
		/* IPv4 in IPv6's spelling */
		{ "::ffff:10.1.2.3", "10.1.2.3", 128, 4 },
		{ "::ffff:10.1.2.3/104", "10.0.0.0", 104, 4 },
		{ "::ffff:0:0/96", "0.0.0.0", 96, 4 },
		{ "::ffff:0:0/95", "::fffe:0:0", 95, 6 },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		struct prefix prefix;
		uint8_t addr[16];

		if (filter_parse_prefix(want[i].text, &prefix, NULL))
			fail_msg("'%s' is refused", want[i].text);
		address(want[i].addr, addr);
		assert_true(prefix.set);
		assert_memory_equal(prefix.addr, addr, 16);
		assert_int_equal(prefix.bits, want[i].bits);
		assert_int_equal(prefix.family, want[i].family);
		if (prefix.family == 4)
			assert_true(addr_is_mapped(prefix.addr));
	}
}

static void an_address_is_in_or_out(void **unused)
{
	static const struct {
		const char *prefix, *addr;
		bool in;
	} want[] = {
		{ "10.0.0.0/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "11.0.0.1", false },
		{ "10.0.0.0/8", "2001:db8::1", false },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "::", false },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::1", false },
		/* an IPv4 peer of a dual-stack socket is IPv4 */
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "::1", true },
		{ "::/0", "192.0.2.1", false },
		{ "::/80", "192.0.2.1", false },
		{ "::ffff:192.0.2.0/120", "192.0.2.9", true },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		struct prefix prefix;
		uint8_t addr[16];

		assert_int_equal(filter_parse_prefix(want[i].prefix, &prefix, NULL), 0);
		address(want[i].addr, addr);
		if (prefix_has(&prefix, addr) != want[i].in)
			fail_msg("%s in %s", want[i].addr, want[i].prefix);
	}
}

static void no_prefix_passes_every_address(void **unused)
{
	static const struct prefix none;
	uint8_t addr[16];

	(void)unused;
	address("192.0.2.1", addr);
	assert_true(prefix_has(&none, addr));
	address("2001:db8::1", addr);
	assert_true(prefix_has(&none, addr));
}

static void wrong_prefixes_are_refused(void **unused)
{
	static const char *const texts[] = {
		"",
		"/8",
		"10",
		"10/8",
		"10.0.0",
		"10.0.0.256",
		"10.0.0.0.0",
		"10.0.0.1 ",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/8x",
		"10.0.0.0/8/8",
		"10.0.0.0/255.0.0.0",
		"10.0.0.0/99999999999999999999",
		"::/129",
		"::/",
		":::",
		"fe80::1%lo",
		"[::1]",
		"localhost",
		"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/1",
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct prefix prefix, before;
		const char *why = NULL;

		memset(&before, 0, sizeof(before));
		before.bits = 77;
		memcpy(&prefix, &before, sizeof(prefix));
		if (filter_parse_prefix(texts[i], &prefix, &why) != -EINVAL || !why)
			fail_msg("'%s' is accepted", texts[i]);
		assert_memory_equal(&prefix, &before, sizeof(prefix));
		assert_int_equal(filter_parse_prefix(texts[i], &prefix, NULL), -EINVAL);
	}
}

static void what_is_filtered_out_is_not_counted(void **state)
{
	const uint32_t all = (1u << TCS_STATE_MAX) - 2, half_open = 1u << TCS_NEW_SYN_RECV;
	const uint32_t syn = half_open | 1u << TCS_SYN_RECV, tw = 1u << TCS_TIME_WAIT;
	struct filter none = { 0 }, pid = { .has_pid = true }, uid = { .has_uid = true };
	struct filter f = { 0 };

	(void)state;
	assert_int_equal(filter_counted_states(&none), all);
	assert_int_equal(filter_counted_states(&pid), all & ~(tw | 1u << TCS_SYN_RECV));
	assert_int_equal(filter_counted_states(&uid), all & ~(tw | syn));
	assert_int_equal(state_parse_list("syn-recv,estab", &f.states, NULL), 0);
	assert_int_equal(filter_counted_states(&f), syn | 1u << TCS_ESTABLISHED);
	assert_int_equal(state_parse_list("!time-wait", &f.states, NULL), 0);
	assert_int_equal(filter_counted_states(&f), all & ~tw);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_namespace_is_known_by_its_identity),
		cmocka_unit_test(port_lists_hold_exactly_what_they_name),
		cmocka_unit_test(no_port_filter_passes_every_port),
		cmocka_unit_test(wrong_port_lists_are_refused),
		cmocka_unit_test(prefixes_are_kept_mapped_with_host_bits_cleared),
		cmocka_unit_test(an_address_is_in_or_out),
		cmocka_unit_test(no_prefix_passes_every_address),
		cmocka_unit_test(wrong_prefixes_are_refused),
		cmocka_unit_test(what_is_filtered_out_is_not_counted),
	};

	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
