/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_NETNS_SCOPE_H
#define TCS_NETNS_SCOPE_H

/*
 * netns_scope.h - the network namespace of -N while the program runs
 *
 * Knows the namespace by its identity (netns_find.h), looks whether it still exists and where its
 * name leads to, and changes the filter when a name is followed to another namespace
 * (netns_follow.h). It keeps no descriptor. Works without capabilities beyond those of the BPF
 * programs, and inside the sandbox.
 *
 * Errors: 0 or -errno, with the sentence in *reterr.
 */
#include <stdbool.h>
#include <stdint.h>

#include "failure.h"
#include "filter.h"
#include "netns_follow.h"

struct netns_scope;

/*
 * Our own namespace, not given by a name: it exists as long as we do, its inode number is enough,
 * and no other one will be entered. spec: as resolve_netns() takes it, netns: its inode number.
 */
bool netns_scope_is_own(const char *spec, uint32_t netns);

/*
 * spec is not "all", and filter->netns is its inode number; filter->netns_id is set. *ret NULL and
 * 0: the identity cannot be read, and the inode number is all that the namespace is known by.
 */
int netns_scope_new(const char *spec, struct filter *filter, const char *btf_path,
		    struct netns_scope **ret, struct failure *reterr);
void netns_scope_free(struct netns_scope *s); /* accepts NULL */

/* Look now. Where netns_switches(), filter->netns and netns_id are those of the new namespace. */
enum netns_change netns_scope_check(struct netns_scope *s);

/* It has ended, as far as the last netns_scope_check() saw. */
bool netns_scope_waits(const struct netns_scope *s);

/* Does the namespace of the filter exist at this moment? */
bool netns_scope_exists(struct netns_scope *s);

#endif /* TCS_NETNS_SCOPE_H */
