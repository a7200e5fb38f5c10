// SPDX-License-Identifier: GPL-2.0-only
#include "sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define OUR_ARCH 0
#elif defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#define OUR_ARCH 0
#endif

/* arm64 came too late to have the older of each pair. */
static const uint16_t allowed[] = {
	/* records, output, captures */
	SYS_read,
	SYS_readv,
	SYS_write,
	SYS_writev,
	SYS_close,
	SYS_lseek,
	SYS_ftruncate,
	SYS_fcntl,
	SYS_ioctl, /* the size of a terminal */
	SYS_renameat,
	SYS_renameat2,
	SYS_unlinkat,
#ifdef SYS_rename
	SYS_rename,
	SYS_unlink,
#endif
	/* maps and iterators; namespaces, and what /proc and cgroups say */
	SYS_setns,
	SYS_openat,
	SYS_getdents64,
	SYS_fstat,
	SYS_newfstatat,
	SYS_statx,
	SYS_statfs,
	SYS_fstatfs,
	SYS_readlinkat,
	SYS_faccessat,
	SYS_uname,
#ifdef SYS_readlink
	SYS_open,
	SYS_stat,
	SYS_lstat,
	SYS_access,
	SYS_readlink,
#endif
	/* time */
	SYS_ppoll,
#ifdef SYS_poll
	SYS_poll,
#endif
	SYS_clock_gettime,
	SYS_clock_nanosleep,
	SYS_nanosleep,
	SYS_gettimeofday,
	SYS_restart_syscall,
	/* memory */
	SYS_brk,
	SYS_mmap,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	SYS_mprotect,
	SYS_getrandom,
	SYS_futex,
	SYS_sched_getaffinity, /* how many processors: sysconf(3) */
	/* the end, abort(3) included */
	SYS_rt_sigreturn,
	SYS_rt_sigprocmask,
	SYS_rt_sigaction,
	SYS_getpid,
	SYS_gettid,
	SYS_tgkill,
	SYS_exit,
	SYS_exit_group,
};

#define ALLOWED (sizeof(allowed) / sizeof(allowed[0]))
#define HEAD	8 /* instructions before the list; behind it: refuse, allow */

/* A u32 of struct seccomp_data. */
#define LOAD(member)  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define REFUSE	      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)
#define IF(k, jt, jf) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, jt, jf)

int sandbox_available(void)
{
	const uint32_t action = SECCOMP_RET_ERRNO;

	if (!OUR_ARCH)
		return -EOPNOTSUPP;
	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) ? -errno : 0;
}

int sandbox_enter(void)
{
	struct sock_filter code[HEAD + ALLOWED + 2] = {
		LOAD(arch),
		IF(OUR_ARCH, 1, 0),
		REFUSE,
		LOAD(nr),
		IF(SYS_bpf, 0, 3),
		LOAD(args[0]), /* little-endian, as all that we run on */
		IF(BPF_PROG_LOAD, 0, ALLOWED + 2),
		REFUSE,
		[HEAD + ALLOWED] = REFUSE,
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { HEAD + ALLOWED + 2, code };
	size_t i;

	if (!OUR_ARCH)
		return -EOPNOTSUPP;
	for (i = 0; i < ALLOWED; i++)
		code[HEAD + i] = (struct sock_filter)IF(allowed[i], (uint8_t)(ALLOWED - i), 0);
	/* Without this flag older kernels (up to 5.15) would slow the whole process down. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		       &program) ?
		       -errno :
		       0;
}
