/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_NETNS_H
#define TCS_NETNS_H

/*
 * netns.h - the network namespaces of this host, and going into each of them
 *
 * They are found where the kernel shows them: at processes (/proc/PID/ns/net), and by the names
 * that ip-netns(8) and container engines leave under /run. One that only a thread of its own, a
 * socket, an open descriptor or a mount elsewhere keeps alive is not found here (census_netns.c).
 *
 * A list holds paths, not descriptors: an open descriptor would keep a namespace alive that its
 * users have left. So one may have gone when it is to be entered, or its path may lead to another
 * by then, which is noticed; while another process or name shows it, it is found again. The caller
 * must be the only thread. Errors: 0 or -errno.
 *
 * Bounds: NETNS_MAX; what cannot be looked at is counted.
 */
#include <stdbool.h>
#include <stdint.h>

#define NETNS_MAX 4096

struct netns_at {
	uint32_t inode;
	char *path;
	bool gone; /* nothing shows it any more */
};

struct netns_list {
	struct netns_at at[NETNS_MAX]; /* our own first */
	uint32_t n;
	uint32_t own_inode;
	uint64_t denied;   /* processes whose namespace we may not look at */
	int denied_errno;  /* of the first of them; 0 none */
	uint64_t vanished; /* gone between finding and opening, or no room */
	int own;	   /* to come back to */
};

/* inode: only this one; 0 all. It is 64 KiB: not for the stack. */
int netns_list_init(struct netns_list *l, uint32_t inode);
/*
 * Before rights are given up: names that only root can reach (/run/docker is root's) are found by a
 * descriptor from then on. Once.
 */
void netns_keep_names(void);
/* The inode of the one we are in; 0: it cannot be told. */
uint32_t netns_own(void);
void netns_list_release(struct netns_list *l);

/* 0, or -ENOENT (it has gone), -EPERM and the like: then we are where we were. */
int netns_enter(struct netns_list *l, uint32_t i);
/* Is it in the list? */
bool netns_known(const struct netns_list *l, uint32_t inode);
int netns_return(const struct netns_list *l);

#endif /* TCS_NETNS_H */
