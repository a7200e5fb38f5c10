/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SELECT_H
#define TCS_SELECT_H

/*
 * select.h - does the user want to see this?
 *
 * The kernel has already dropped what it could be sure of; here the answer is complete, with the
 * inferred state, the addresses and the owner known. Only the cgroup is the kernel's alone to
 * judge, for it knows the tree.
 *
 * What is unknown matches no filter that asks for it. Pure.
 */
#include <stdbool.h>

#include "audit.h"
#include "filter.h"
#include "track.h"

bool select_change(const struct filter *f, const struct change *change);
/* By its owner, its addresses, and the states it went through. */
bool select_connection(const struct filter *f, const struct connection *connection);
/* A half-open connection: state SYN_RECV, owned by its listener. */
bool select_synack(const struct filter *f, const struct tcs_wire_synack *synack);

/* Of a walk over all sockets (census.h, select_look.h). */

bool select_owner(const struct filter *f, const struct owner *o);
/* What of its ends is not known matches no filter that asks for it. */
bool select_place(const struct filter *f, const struct audit_place *p);

#endif /* TCS_SELECT_H */
