// SPDX-License-Identifier: GPL-2.0-only
/*
 * filters: ports, prefixes, states and names, parsed from any string
 *
 * The first byte says which parser. What is refused leaves the result as it was, and has a reason.
 */
#include <errno.h>

#include "explain.h"
#include "filter.h"
#include "fuzz.h"
#include "spell.h"

static void try_ports(char *text)
{
	static struct portset ports;
	const char *why = NULL;
	unsigned int port, n = 0;

	memset(&ports, 0, sizeof(ports));
	if (filter_parse_ports(text, &ports, &why)) {
		REQUIRE(why && *why && !ports.any_set);
		return;
	}
	for (port = 0; port < 65536; port += 13)
		n += portset_has(&ports, (uint16_t)port);
	REQUIRE(ports.any_set && n <= 65536 / 13 + 1);
}

static void try_prefix(char *text)
{
	struct prefix p = { 0 };
	const char *why = NULL;

	if (filter_parse_prefix(text, &p, &why)) {
		REQUIRE(why && *why && !p.set);
		return;
	}
	/* Its own address is inside, but for ::/0 and the like, which hold no mapped one. */
	REQUIRE(p.set && p.bits <= 128 && (p.family == 4 || p.family == 6));
	REQUIRE(p.family == (addr_is_mapped(p.addr) && p.bits >= 96 ? 4 : 6));
	REQUIRE(prefix_has(&p, p.addr) || (p.family == 6 && addr_is_mapped(p.addr)));
}

static void try_states(char *text)
{
	struct state_set set = { 0 };
	const char *item = NULL;
	int err = state_parse_list(text, &set, &item);

	REQUIRE(!err || err == -EINVAL || err == -ERANGE);
	if (err)
		REQUIRE(item >= text && item <= text + strlen(text) && !set.include &&
			!set.exclude);
}

static void try_names(char *text)
{
	size_t len = strlen(text);

	(void)explain_find(text, len);
	(void)spell_match("close_wait", text, len);
	(void)spell_part("close_wait", text, len);
	REQUIRE(spell_distance("close_wait", text, len) < 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(char *) = {
		try_ports,
		try_prefix,
		try_states,
		try_names,
	};

	return fuzz_one_of(parsers, sizeof(parsers) / sizeof(parsers[0]), data, size);
}
