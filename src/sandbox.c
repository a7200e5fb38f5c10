// SPDX-License-Identifier: GPL-2.0-only
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "create_file.h"

#if defined(__SANITIZE_ADDRESS__)
#define OUR_ARCH 0
#elif defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#define OUR_ARCH 0
#endif

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- calls whose arguments do not matter ----------------------------------------------------- */

/* arm64 came too late to have the older of each pair. */
static const uint16_t allowed[] = {
	/* records, output, captures */
	SYS_read,
	SYS_readv,
	SYS_write,
	SYS_writev,
	SYS_close,
	SYS_ftruncate,
	SYS_fcntl,
	/* maps and iterators; what /proc and cgroups say */
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
	SYS_setitimer, /* ends a write that waits (stream.h) */
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

static const uint16_t allowed_with_files[] = { SYS_renameat, SYS_renameat2, SYS_unlinkat };

/* ---- arguments that are allowed -------------------------------------------------------------- */

static const uint32_t bpf_commands[] = {
	BPF_MAP_LOOKUP_ELEM,
	BPF_MAP_UPDATE_ELEM,
	BPF_MAP_DELETE_ELEM,
	BPF_MAP_GET_NEXT_KEY,
	BPF_PROG_TEST_RUN,
	BPF_OBJ_GET_INFO_BY_FD,
	BPF_MAP_LOOKUP_AND_DELETE_ELEM,
	BPF_MAP_LOOKUP_BATCH,
	BPF_MAP_LOOKUP_AND_DELETE_BATCH,
	BPF_MAP_UPDATE_BATCH,
	BPF_MAP_DELETE_BATCH,
	BPF_ITER_CREATE,
};

/* isatty(3) asks by TCGETS, in newer C libraries by TCGETS2 (asm-generic/ioctls.h). */
#define TCGETS2_NUMBER 0x802c542a

static const uint32_t ioctls[] = { TCGETS, TCGETS2_NUMBER, TIOCGWINSZ, NS_GET_NSTYPE };
static const uint32_t namespaces[] = { CLONE_NEWNET };

#define WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY))

/* ---- the filter ------------------------------------------------------------------------------ */

#define CODE_MAX 192

/* A u32 of struct seccomp_data; of an argument the lower half, on little-endian machines. */
#define LOAD(offset)	  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define REFUSE(err)	  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (err))
#define ALLOW		  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define IF(k, jt, jf)	  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, jt, jf)
#define IF_ANY(k, jt, jf) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, k, jt, jf)

struct filter_code {
	struct sock_filter at[CODE_MAX];
	uint16_t n;
};

static void put(struct filter_code *c, struct sock_filter instruction)
{
	if (c->n < CODE_MAX)
		c->at[c->n++] = instruction;
}

static void put_load_arg(struct filter_code *c, unsigned int i)
{
	put(c, (struct sock_filter)LOAD(offsetof(struct seccomp_data, args) + 8 * i));
}

/* The call, where the argument is one of these; any other call goes on after these instructions. */
static void put_values(struct filter_code *c, uint32_t call, unsigned int arg,
		       const uint32_t *values, uint8_t n)
{
	uint8_t i;

	put(c, (struct sock_filter)IF(call, 0, (uint8_t)(n + 3)));
	put_load_arg(c, arg);
	for (i = 0; i < n; i++)
		put(c, (struct sock_filter)IF(values[i], (uint8_t)(n - i), 0));
	put(c, (struct sock_filter)REFUSE(ENOSYS));
	put(c, (struct sock_filter)ALLOW);
}

/* The same for flags of an open: for reading, or exactly `also` (0: nothing else). */
static void put_open(struct filter_code *c, uint32_t call, unsigned int arg, uint32_t also)
{
	put(c, (struct sock_filter)IF(call, 0, 5));
	put_load_arg(c, arg);
	put(c, (struct sock_filter)IF(also, 2, 0));
	put(c, (struct sock_filter)IF_ANY(WRITING, 0, 1));
	put(c, (struct sock_filter)REFUSE(EACCES));
	put(c, (struct sock_filter)ALLOW);
}

/* The calls of a list; `after` instructions come between them and the last two. */
static void put_calls(struct filter_code *c, const uint16_t *calls, size_t n, size_t after)
{
	size_t i;

	for (i = 0; i < n; i++)
		put(c, (struct sock_filter)IF(calls[i], (uint8_t)(after + n - i), 0));
}

static void build(struct filter_code *c, unsigned int allow)
{
	size_t n_files = allow & SANDBOX_FILES ? COUNT(allowed_with_files) : 0;

	_Static_assert(COUNT(allowed) + COUNT(allowed_with_files) < 128, "jumps have 8 bits");
	c->n = 0;
	put(c, (struct sock_filter)LOAD(offsetof(struct seccomp_data, arch)));
	put(c, (struct sock_filter)IF(OUR_ARCH, 1, 0));
	put(c, (struct sock_filter)REFUSE(ENOSYS));
	put(c, (struct sock_filter)LOAD(offsetof(struct seccomp_data, nr)));
	put_values(c, SYS_bpf, 0, bpf_commands, COUNT(bpf_commands));
	put_values(c, SYS_ioctl, 1, ioctls, COUNT(ioctls));
	if (allow & SANDBOX_NETNS)
		put_values(c, SYS_setns, 1, namespaces, COUNT(namespaces));
	put_open(c, SYS_openat, 2, allow & SANDBOX_FILES ? CREATE_FILE_FLAGS : 0);
#ifdef SYS_open
	put_open(c, SYS_open, 1, 0);
#endif
	put_calls(c, allowed, COUNT(allowed), n_files);
	put_calls(c, allowed_with_files, n_files, 0);
	put(c, (struct sock_filter)REFUSE(ENOSYS));
	put(c, (struct sock_filter)ALLOW);
}

int sandbox_available(void)
{
	const uint32_t action = SECCOMP_RET_ERRNO;

	if (!OUR_ARCH)
		return -EOPNOTSUPP;
	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) ? -errno : 0;
}

int sandbox_enter(unsigned int allow)
{
	struct filter_code code;
	struct sock_fprog program;

	if (!OUR_ARCH)
		return -EOPNOTSUPP;
	/* The file of the time zone is read with lseek(). */
	tzset();
	build(&code, allow);
	if (code.n == CODE_MAX)
		return -E2BIG;
	program = (struct sock_fprog){ code.n, code.at };
	/* Without this flag older kernels (up to 5.15) would slow the whole process down. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		       &program) ?
		       -errno :
		       0;
}
