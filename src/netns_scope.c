// SPDX-License-Identifier: GPL-2.0-only
#include "netns_scope.h"

#include <errno.h>
#include <stdlib.h>

#include "netns.h"
#include "netns_find.h"
#include "resolve.h"

struct netns_scope {
	const char *spec;
	bool by_name;
	struct filter *filter;
	struct netns_find *find;
	enum netns_state state;
};

bool netns_scope_is_own(const char *spec, uint32_t netns)
{
	return !resolve_netns_is_name(spec) && netns == netns_own();
}

int netns_scope_new(const char *spec, struct filter *filter, const char *btf_path,
		    struct netns_scope **ret, struct failure *reterr)
{
	struct netns_scope *s = calloc(1, sizeof(*s));
	struct netns_found found;
	int err = 0;

	*ret = NULL;
	if (!s) {
		failure_set(reterr, false, "out of memory");
		return -ENOMEM;
	}
	s->spec = spec;
	s->by_name = resolve_netns_is_name(spec);
	s->filter = filter;
	if (netns_find_new(btf_path, &s->find) || netns_find(s->find, 0, filter->netns, &found)) {
		netns_scope_free(s);
		return 0;
	}
	if (!found.id_of_inode) {
		failure_set(reterr, false, "no network namespace has the inode number %u",
			    filter->netns);
		err = -ENOENT;
	}
	filter->netns_id = found.id_of_inode;
	if (err)
		netns_scope_free(s);
	else
		*ret = s;
	return err;
}

void netns_scope_free(struct netns_scope *s)
{
	if (!s)
		return;
	netns_find_free(s->find);
	free(s);
}

enum netns_change netns_scope_check(struct netns_scope *s)
{
	enum netns_change change;
	struct netns_found found;
	struct netns_seen seen;
	uint32_t inode = 0;
	const char *why;

	if (s->by_name && resolve_netns(s->spec, &inode, &why))
		inode = 0;
	if (s->state == NETNS_ENDED && !inode)
		return NETNS_SAME;
	if (netns_find(s->find, s->filter->netns_id, inode, &found))
		return NETNS_SAME;
	seen = (struct netns_seen){
		.exists = found.exists,
		.named = found.id_of_inode != 0,
		.same = found.id_of_inode == s->filter->netns_id,
	};
	change = netns_follow(&s->state, s->by_name, seen);
	if (netns_switches(change)) {
		s->filter->netns = inode;
		s->filter->netns_id = found.id_of_inode;
	}
	return change;
}

bool netns_scope_waits(const struct netns_scope *s)
{
	return s->state == NETNS_ENDED;
}

bool netns_scope_exists(struct netns_scope *s)
{
	struct netns_found found;

	return netns_find(s->find, s->filter->netns_id, 0, &found) || found.exists;
}
