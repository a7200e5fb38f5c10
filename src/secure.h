/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SECURE_H
#define TCS_SECURE_H

/*
 * secure.h - a binary with rights of its own (file capabilities, set-user-ID)
 *
 * Its user has fewer rights than the process, so nothing that the user chooses may be done with the
 * rights of the process: paths are opened with the user's, and the environment is dropped but for
 * TZ, TERM and NO_COLOR (a TZ that is a path, too). The kernel reports such a process as AT_SECURE
 * (getauxval(3)); every other one has the rights of its user, and these functions do nothing.
 *
 * Rights are held back, not given up: the effective set is emptied, the permitted set stays, and
 * the effective user and group are the real ones. Giving up is rights.h.
 */
#include <stdbool.h>

/* Is this such a process? */
bool secure_mode(void);

/*
 * To be called first: the environment, and secure_lower(). 0, or -errno: the process must not go
 * on.
 */
int secure_begin(void);

/* Hold the rights back. 0 or -errno. */
int secure_lower(void);

/* Put them into effect, for what the user cannot choose. A failure shows where they are needed. */
void secure_raise(void);

#endif /* TCS_SECURE_H */
