/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SANDBOX_H
#define TCS_SANDBOX_H

/*
 * sandbox.h - after the start, no system calls but those that watching takes
 *
 * A process that follows all namespaces keeps CAP_SYS_ADMIN and CAP_SYS_PTRACE for as long as it
 * runs (rights.h), and it reads what others have written: names of processes and cgroups, /proc,
 * recordings. The seccomp filter leaves these rights little to be turned to:
 *
 *   any other     no new program, socket, mount, no signal by kill(), no credentials
 *   open, openat  for reading only (EACCES); with SANDBOX_FILES also new files, with the flags of
 *                 create_file.h, and rename and unlink: no file that exists is opened for writing
 *   bpf           maps and programs by descriptor; no loading, attaching, pinning, no object of
 *                 another process by its id
 *   ioctl         size and kind of a terminal, type of a namespace
 *   setns         with SANDBOX_NETNS, network namespaces
 *   lseek, pread  refused: the first page of a process does not exist, so no memory is read from
 *                 the beginning of /proc/PID/mem
 *
 * What is not in the list looks like a call that this kernel does not have (ENOSYS), so a C library
 * that prefers a newer call falls back to the one we know. openat2() is not in it: its flags are in
 * memory, which a filter cannot read. Where arguments do not matter the kernel decides from a
 * bitmap (5.11), and a call costs what it did.
 *
 * A process that has been taken over can still read the files that its user may read, and with
 * CAP_SYS_PTRACE those of /proc that belong to other processes, such as their environment.
 */

/* What is allowed in addition, to be or'ed. */
enum sandbox {
	SANDBOX_READER = 0,
	SANDBOX_NETNS = 1 << 0, /* enter network namespaces */
	SANDBOX_FILES = 1 << 1, /* make new files, rename and remove */
};

/*
 * From here on, for good, for this process and all it would start. allow: enum sandbox. Needs
 * no_new_privs (rights_keep()). 0; -EINVAL or -ENOSYS where the kernel has no such filters,
 * -EOPNOTSUPP on a machine whose system calls are not known here, and under AddressSanitizer, whose
 * last look takes more than we do.
 */
int sandbox_enter(unsigned int allow);

/* Whether that would succeed; nothing is changed. 0, or -errno as above. */
int sandbox_available(void);

#endif /* TCS_SANDBOX_H */
