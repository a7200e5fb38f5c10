/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SANDBOX_H
#define TCS_SANDBOX_H

/*
 * sandbox.h - after the start, no system calls but those that watching takes
 *
 * A process that follows all namespaces keeps CAP_SYS_ADMIN and CAP_SYS_PTRACE for as long as it
 * runs (rights.h), and it reads what others have written: names of processes and cgroups, /proc.
 * With a seccomp filter there is nothing these rights could be turned to: no new program, no
 * socket, no mount, no look into another process. What is refused looks like a call that this
 * kernel does not have (ENOSYS), so a C library that prefers a newer call falls back to the one we
 * know.
 *
 * Of bpf() only the loading of programs is refused: ours are. For all other calls the filter knows
 * their numbers only: the kernel then decides from a bitmap (5.11), and a call costs what it did.
 */

/*
 * From here on, for good, for this process and all it would start. Needs no_new_privs
 * (rights_keep()). 0; -EINVAL or -ENOSYS where the kernel has no such filters, -EOPNOTSUPP on a
 * machine whose system calls are not known here, and under AddressSanitizer, whose last look takes
 * more than we do.
 */
int sandbox_enter(void);

/* Whether that would succeed; nothing is changed. 0, or -errno as above. */
int sandbox_available(void);

#endif /* TCS_SANDBOX_H */
