/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_RIGHTS_H
#define TCS_RIGHTS_H

/*
 * rights.h - giving up what is not needed any more
 *
 * Everything that needs a capability happens before the first event is read: loading, attaching,
 * the scan. After that the program only reads memory it has mapped, and the cgroup tree as any
 * user may.
 */

/*
 * Drop every capability from all sets and forbid to gain any (no_new_privs). 0 or -errno; having
 * had none is no error.
 */
int rights_drop(void);

#endif /* TCS_RIGHTS_H */
