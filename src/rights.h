/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_RIGHTS_H
#define TCS_RIGHTS_H

/*
 * rights.h - priority asked for, and giving up what is not needed any more
 *
 * Nearly everything that needs a capability happens before the first event is read: loading,
 * attaching, the scan. After that the program reads memory it has mapped, the cgroup tree as any
 * user may, and walks over tables by descriptors it has. Only entering other network namespaces
 * needs a right each time.
 */
#include <stdbool.h>

/*
 * Ask for a little more than our share of the CPU: on a host that is saturated by the very load we
 * watch, a reader that waits its turn loses what the rings cannot hold. It is a request; a host
 * that refuses it only means that losses, if any, are counted.
 */
void rights_go_first(void);

/*
 * Drop every capability from all sets and forbid to gain any (no_new_privs). namespaces: but keep,
 * of those we have, what finding (CAP_SYS_PTRACE) and entering (CAP_SYS_ADMIN) others' needs.
 * files: but keep the right to create files where only we may (CAP_DAC_OVERRIDE). 0 or -errno;
 * having had none is no error.
 */
int rights_drop(bool namespaces, bool files);

#endif /* TCS_RIGHTS_H */
