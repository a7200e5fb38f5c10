/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_RIGHTS_H
#define TCS_RIGHTS_H

/*
 * rights.h - priority asked for, and giving up what is not needed any more
 *
 * Nearly everything that needs a capability happens before the first event is read: loading,
 * attaching, the scan. After that a caller says what it will go on to need, and all else goes, for
 * good: from the permitted set, and from those that a program it started would get.
 */
/* What a caller may go on to need, to be or'ed. */
enum rights {
	RIGHTS_NONE = 0,
	RIGHTS_NETNS = 1 << 0, /* enter other network namespaces: CAP_SYS_ADMIN, CAP_SYS_PTRACE */
	RIGHTS_BPF = 1 << 1,   /* use loaded maps and iterators: CAP_BPF, where the kernel asks */
	RIGHTS_FILES = 1 << 2, /* make files where only the superuser may: CAP_DAC_OVERRIDE */
};

/*
 * Ask for a little more than our share of the CPU: on a host that is saturated by the very load we
 * watch, a reader that waits its turn loses what the rings cannot hold. It is a request; a host
 * that refuses it only means that losses, if any, are counted.
 */
void rights_go_first(void);

/*
 * Keep the capabilities behind `keep` (enum rights), of those that are held, in the effective and
 * the permitted set, and nothing else in any set; the bounding set is emptied where that is
 * allowed (CAP_SETPCAP), and no_new_privs is set, which makes it meaningless. 0 or -errno; having
 * had none is no error.
 */
int rights_keep(unsigned int keep);

/* Keep nothing. */
int rights_drop(void);

#endif /* TCS_RIGHTS_H */
