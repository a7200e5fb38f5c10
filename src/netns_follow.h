/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_NETNS_FOLLOW_H
#define TCS_NETNS_FOLLOW_H

/*
 * netns_follow.h - the life of the network namespace that -N selects: ended, renamed, made again
 *
 * A namespace given by a name (ip-netns(8), or a path that is no process's) is followed by that
 * name: a new namespace of the same name takes the place of the one that ended. A namespace given
 * by a process, an inode number or `self` is that one only.
 *
 * A namespace has not ended while a process, a name or a socket keeps it, with or without its name.
 *
 * Pure: no I/O, no clock.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum netns_state {
	NETNS_NAMED,   /* exists; its name, if it was given by one, leads to it */
	NETNS_UNNAMED, /* exists, without its name */
	NETNS_ENDED,
};

/* One observation. */
struct netns_seen {
	bool exists; /* the namespace that is followed */
	bool named;  /* the name leads to a network namespace */
	bool same;   /* and that is the one that is followed */
};

/* A change, to be reported once. */
enum netns_change {
	NETNS_SAME, /* no change */
	NETNS_NAME_GONE,
	NETNS_NAME_BACK,
	NETNS_GONE,	/* it has ended */
	NETNS_REPLACED, /* it has ended, and another one has its name */
	NETNS_MOVED,	/* it exists, but another one has its name */
	NETNS_RETURNED, /* it had ended; now there is another one of its name */
};

/* by_name: follow the name. Returns what has changed, and updates *state. */
enum netns_change netns_follow(enum netns_state *state, bool by_name, struct netns_seen seen);

/* Does the filter have to change to the namespace that has the name now? */
bool netns_switches(enum netns_change change);

/*
 * The sentence for the user, at most `size` bytes, cut if it is longer. name: the namespace as it
 * was given to -N; inode: of the namespace that is followed now. NETNS_SAME: an empty string.
 */
void netns_change_text(enum netns_change change, bool by_name, const char *name, uint32_t inode,
		       char *to, size_t size);

#endif /* TCS_NETNS_FOLLOW_H */
