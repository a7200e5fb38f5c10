/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_RIGHTS_H
#define TCS_RIGHTS_H

/*
 * rights.h - priority asked for, and giving up what is not needed any more
 *
 * Nearly everything that needs a capability happens before the first event is read: loading,
 * attaching, the scan. After that a caller says what it will go on to need, and all else goes, for
 * good: from the permitted set, and from those that a program it started would get. A process of
 * uid 0 becomes another user as well, since most files of a host are root's: `nobody`, which owns
 * none. Entering a network namespace takes CAP_SYS_ADMIN (setns(2)) and, where other users run in
 * it, CAP_SYS_PTRACE (proc_ns_get_link()); neither takes uid 0. A container may lack CAP_SETUID
 * or CAP_SETGID; then uid 0 stays.
 */
#include <stdbool.h>
#include <sys/types.h>

/* What a caller may go on to need, to be or'ed. */
enum rights {
	RIGHTS_NONE = 0,
	RIGHTS_NETNS = 1 << 0, /* enter other network namespaces: CAP_SYS_ADMIN, CAP_SYS_PTRACE */
	RIGHTS_BPF = 1 << 1,   /* use loaded maps and iterators: CAP_BPF, where the kernel asks */
	RIGHTS_FILES = 1 << 2, /* make files where only the superuser may: CAP_DAC_OVERRIDE */
	/*
	 * Count the open files of all processes: CAP_DAC_READ_SEARCH before Linux 6.2, from where
	 * on the size of /proc/PID/fd is their number (proc_fd_getattr()).
	 */
	RIGHTS_FDS = 1 << 3,
};

struct rights_user {
	uid_t uid;
	gid_t gid;
};

/* uid and gid 65534, which own no file. */
extern const struct rights_user rights_nobody;

/*
 * Ask for a little more than our share of the CPU: on a host that is saturated by the very load we
 * watch, a reader that waits its turn loses what the rings cannot hold. It is a request; a host
 * that refuses it only means that losses, if any, are counted.
 */
void rights_go_first(void);

/* Is the real, the effective or the saved uid 0? */
bool rights_is_root(void);

/* The user who started a process of root by sudo(8), by SUDO_UID and SUDO_GID; false: none. */
bool rights_sudo_user(struct rights_user *ret);

/*
 * Between these two, files are made as this user and without capabilities. The supplementary groups
 * of the process are given up for good. 0 or -errno: root as before.
 */
int rights_act_as(const struct rights_user *as);
int rights_act_as_root(void);

/*
 * Become this user for good, without supplementary groups; capabilities stay. 0, or -errno: uid 0
 * has stayed.
 */
int rights_leave_root(const struct rights_user *as);

/*
 * Keep the capabilities behind `keep` (enum rights), of those that are held, in the effective and
 * the permitted set, and nothing else in any set; the bounding set is emptied where that is
 * allowed (CAP_SETPCAP), and no_new_privs is set, which makes it meaningless. 0 or -errno; having
 * had none is no error.
 */
int rights_keep(unsigned int keep);

#endif /* TCS_RIGHTS_H */
