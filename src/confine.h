/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CONFINE_H
#define TCS_CONFINE_H

/*
 * confine.h - the end of a start: user, capabilities and system calls, in the order that works
 *
 * Once everything is open a command goes on as `nobody` where it was root, with the capabilities
 * that it still needs (rights.h), in a seccomp filter (sandbox.h). What the host does not allow is
 * left out with a sentence; nothing depends on it.
 */
#include "rights.h"

/*
 * keep: enum rights. as: whom a process of root becomes; NULL: it stays root. files: create_file.h
 * is used from now on. With RIGHTS_NETNS network namespaces can be entered.
 */
void confine(unsigned int keep, const struct rights_user *as, bool files);

/* All of it: what is open is read and written, and nothing else is needed. */
void confine_all(void);

#endif /* TCS_CONFINE_H */
