/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_RIGHTS_H
#define TCS_RIGHTS_H

/*
 * rights.h - priority asked for, and giving up what is not needed any more
 *
 * Everything that needs a capability happens before the first event is read: loading, attaching,
 * the scan. After that the program only reads memory it has mapped, and the cgroup tree as any
 * user may.
 */

/*
 * Ask for a little more than our share of the CPU: on a host that is saturated by the very load we
 * watch, a reader that waits its turn loses what the rings cannot hold. It is a request; a host
 * that refuses it only means that losses, if any, are counted.
 */
void rights_go_first(void);

/*
 * Drop every capability from all sets and forbid to gain any (no_new_privs). 0 or -errno; having
 * had none is no error.
 */
int rights_drop(void);

#endif /* TCS_RIGHTS_H */
