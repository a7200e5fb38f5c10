// SPDX-License-Identifier: GPL-2.0-only
#include "netns_follow.h"

#include <stdio.h>

static enum netns_change follow_existing(enum netns_state *state, bool by_name,
					 struct netns_seen seen)
{
	enum netns_state was = *state;

	if (by_name && seen.named && !seen.same) {
		*state = NETNS_NAMED;
		return NETNS_MOVED;
	}
	*state = !by_name || seen.named ? NETNS_NAMED : NETNS_UNNAMED;
	if (*state == was)
		return NETNS_SAME;
	return *state == NETNS_NAMED ? NETNS_NAME_BACK : NETNS_NAME_GONE;
}

enum netns_change netns_follow(enum netns_state *state, bool by_name, struct netns_seen seen)
{
	bool other = by_name && seen.named && !seen.same, had_ended = *state == NETNS_ENDED;

	if (seen.exists && !had_ended)
		return follow_existing(state, by_name, seen);
	*state = other ? NETNS_NAMED : NETNS_ENDED;
	if (had_ended)
		return other ? NETNS_RETURNED : NETNS_SAME;
	return other ? NETNS_REPLACED : NETNS_GONE;
}

bool netns_switches(enum netns_change change)
{
	return change == NETNS_REPLACED || change == NETNS_MOVED || change == NETNS_RETURNED;
}

void netns_change_text(enum netns_change change, bool by_name, const char *name, uint32_t inode,
		       char *to, size_t size)
{
	switch (change) {
	case NETNS_NAME_GONE:
		snprintf(to, size,
			 "network namespace '%s' has lost its name; it still exists, and "
			 "its sockets are shown until it ends",
			 name);
		break;
	case NETNS_NAME_BACK:
		snprintf(to, size, "network namespace '%s' has its name again", name);
		break;
	case NETNS_GONE:
		snprintf(to, size, "network namespace '%s' has ended; %s", name,
			 by_name ? "waiting for it to come back" :
				   "no other namespace takes its place");
		break;
	case NETNS_REPLACED:
		snprintf(to, size,
			 "network namespace '%s' has ended; the new one of this name (inode %u) is "
			 "followed",
			 name, inode);
		break;
	case NETNS_MOVED:
		snprintf(to, size,
			 "'%s' is the name of another network namespace now (inode %u), which is "
			 "followed instead",
			 name, inode);
		break;
	case NETNS_RETURNED:
		snprintf(to, size,
			 "network namespace '%s' is there again (inode %u) and is followed again",
			 name, inode);
		break;
	case NETNS_SAME:
		to[0] = '\0';
	}
}
