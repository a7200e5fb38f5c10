// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process can do behind sandbox_enter(), and what it cannot: each in a process of its own,
 * for it cannot be undone.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "create_file.h"
#include "folder.h"

#define NOT_HERE 77

static int folder_fd = -1; /* a descriptor */

static bool enter(void)
{
	return !sandbox_enter(SANDBOX_NETNS);
}

/* What `act` says in a process that begins with `begin`: it is a bool, or NOT_HERE. */
static int in_child(bool (*begin)(void), bool (*act)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(begin && !begin() ? NOT_HERE : act());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NOT_HERE)
		skip();
	return WEXITSTATUS(status);
}

static int inside(bool (*act)(void))
{
	return in_child(enter, act);
}

static int confined(bool (*act)(void))
{
	if (sandbox_available())
		skip();
	return in_child(NULL, act);
}

static bool refused(long result)
{
	return result == -1 && errno == ENOSYS;
}

static bool is_open(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool denied(long result)
{
	return result == -1 && errno == EACCES;
}

/* Whatever user runs the test, root included. */
static bool writing_refused(void)
{
	static const int flags[] = { O_WRONLY,		 O_RDWR,
				     O_ACCMODE,		 O_RDONLY | O_CREAT,
				     O_RDONLY | O_TRUNC, O_RDONLY | O_APPEND,
				     O_TMPFILE | O_RDWR, O_WRONLY | O_PATH,
				     CREATE_FILE_FLAGS };
	struct open_how how = { .flags = O_RDONLY };
	union bpf_attr pin = { .bpf_fd = 0 };
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (!denied(openat(AT_FDCWD, "/dev/null", flags[i], 0600)))
			return false;
#ifdef SYS_open
	if (!denied(syscall(SYS_open, "/dev/null", O_WRONLY)) ||
	    !refused(syscall(SYS_creat, "/dev/null", 0600)))
		return false;
#endif
	return refused(syscall(SYS_openat2, AT_FDCWD, "/dev/null", &how, sizeof(how))) &&
	       refused(rename("/nonexistent", "/nonexistent1")) &&
	       refused(unlink("/nonexistent")) &&
	       refused(renameat(AT_FDCWD, "/nonexistent", AT_FDCWD, "/nonexistent1")) &&
	       refused(unlinkat(AT_FDCWD, "/nonexistent", 0)) &&
	       refused(truncate("/dev/null", 0)) && refused(mknod("/nonexistent1", S_IFREG, 0)) &&
	       refused(symlink("a", "/nonexistent1")) &&
	       refused(link("/dev/null", "/nonexistent1")) &&
	       refused(mkdir("/nonexistent1", 0700)) &&
	       refused(syscall(SYS_bpf, BPF_OBJ_PIN, &pin, sizeof(pin))) &&
	       refused(syscall(SYS_memfd_create, "x", 0));
}

static void test_nothing_is_opened_for_writing(void **state)
{
	(void)state;
	assert_int_equal(inside(writing_refused), true);
}

/* What a terminal types, a file's flags, a device: none of it. */
static bool arguments_refused(void)
{
	union bpf_attr attr = { .map_id = 1 };
	char byte = 'x';

	return refused(ioctl(0, TIOCSTI, &byte)) && refused(ioctl(0, FIONREAD, &byte)) &&
	       refused(ioctl(0, TIOCSCTTY, 0)) && refused(setns(-1, 0)) &&
	       refused(setns(-1, CLONE_NEWNS)) && refused(setns(-1, CLONE_NEWNET | CLONE_NEWNS)) &&
	       refused(syscall(SYS_bpf, BPF_MAP_GET_FD_BY_ID, &attr, sizeof(attr))) &&
	       refused(syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr))) &&
	       refused(syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr))) &&
	       refused(syscall(SYS_bpf, BPF_RAW_TRACEPOINT_OPEN, &attr, sizeof(attr))) &&
	       refused(syscall(SYS_pread64, 0, &byte, 1, 0L)) && refused(lseek(0, 0, SEEK_CUR)) &&
	       refused(setresuid(0, 0, 0)) && refused(setgroups(0, NULL));
}

static void test_arguments_are_looked_at(void **state)
{
	(void)state;
	assert_int_equal(inside(arguments_refused), true);
}

/* How a rotation makes its files, and no other way; and no namespace is entered. */
static bool files_only(void)
{
	int fd;

	if (sandbox_enter(SANDBOX_FILES) || folder_fd < 0)
		return false;
	fd = openat(folder_fd, "new", CREATE_FILE_FLAGS, 0600);
	return is_open(fd) && !renameat(folder_fd, "new", folder_fd, "moved") &&
	       denied(openat(folder_fd, "moved", O_WRONLY)) &&
	       denied(openat(folder_fd, "moved", CREATE_FILE_FLAGS & ~O_EXCL, 0600)) &&
	       denied(openat(folder_fd, "moved", CREATE_FILE_FLAGS & ~O_NOFOLLOW, 0600)) &&
	       denied(openat(folder_fd, "moved", CREATE_FILE_FLAGS | O_TRUNC, 0600)) &&
	       !unlinkat(folder_fd, "moved", 0) && refused(setns(-1, CLONE_NEWNET)) &&
	       refused(rename("/nonexistent", "/nonexistent1"));
}

static void test_files_are_made_in_one_way(void **state)
{
	(void)state;
	assert_int_equal(confined(files_only), true);
}

static bool others_refused(void)
{
	char *const argv[] = { (char *)"true", NULL };
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER };

	return refused(socket(AF_INET, SOCK_STREAM, 0)) &&
	       refused(execve("/bin/true", argv, NULL)) &&
	       refused(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)) &&
	       refused(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)) &&
	       refused(syscall(SYS_process_vm_writev, getppid(), NULL, 0, NULL, 0, 0)) &&
	       refused(mount("none", "/", "tmpfs", 0, NULL)) && refused(kill(getppid(), 0)) &&
	       refused(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr))) &&
	       refused(prctl(PR_SET_NAME, "x", 0, 0, 0)) && refused(unshare(0)) &&
	       refused(chmod("/", 0777));
}

static void test_others_are_refused(void **state)
{
	(void)state;
	assert_int_equal(inside(others_refused), true);
}

#ifdef __x86_64__
/* A kernel without IA32 emulation has no gate for int $0x80: the processor refuses it. */
static void no_such_entry(int sig)
{
	(void)sig;
	_exit(true);
}

/* The same kernel under its other names: numbers of x32, and the 32-bit entry. */
static bool other_numbers_refused(void)
{
	long result;

	if (!refused(syscall(0x40000000 | SYS_getpid)))
		return false;
	signal(SIGSEGV, no_such_entry);
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20 /* getpid */) : "memory");
	return result == -ENOSYS;
}

static void test_other_numbers_are_refused(void **state)
{
	(void)state;
	assert_int_equal(inside(other_numbers_refused), true);
}
#endif

static bool ours_allowed(void)
{
	struct timespec ts = { 0, 1000 };
	union bpf_attr attr = { .info.bpf_fd = (__u32)-1 };
	char byte;
	struct stat st;
	void *page, *heap = malloc(1 << 20);
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!heap || fd < 0 || page == MAP_FAILED)
		return false;
	free(heap);
	return read(fd, &byte, 1) == 1 && !fstat(fd, &st) && !stat("/proc", &st) &&
	       !nanosleep(&ts, NULL) && !poll(NULL, 0, 1) &&
	       /* the kernel's own answer: there is no such descriptor, or no right to ask */
	       syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) && errno != ENOSYS &&
	       setns(-1, CLONE_NEWNET) == -1 && errno == EBADF;
}

static void test_ours_are_allowed(void **state)
{
	(void)state;
	assert_int_equal(inside(ours_allowed), true);
}

static bool filter_is_on(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned int mode = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Seccomp: %u", &mode) == 1)
			break;
	return mode == 2;
}

static void test_the_kernel_says_so(void **state)
{
	(void)state;
	assert_int_equal(inside(filter_is_on), true);
}

/* Where it is said not to be there, it cannot be entered; where it is, it can. */
static void test_it_is_known_before(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (!pid) {
		bool available = !sandbox_available();

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(!sandbox_enter(SANDBOX_READER) != available);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int open_folder(void **state)
{
	if (make_folder(state))
		return -1;
	folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return folder_fd < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_others_are_refused),
#ifdef __x86_64__
		cmocka_unit_test(test_other_numbers_are_refused),
#endif
		cmocka_unit_test(test_nothing_is_opened_for_writing),
		cmocka_unit_test(test_arguments_are_looked_at),
		cmocka_unit_test(test_files_are_made_in_one_way),
		cmocka_unit_test(test_ours_are_allowed),
		cmocka_unit_test(test_the_kernel_says_so),
		cmocka_unit_test(test_it_is_known_before),
	};

	return cmocka_run_group_tests_name("sandbox", tests, open_folder, remove_folder);
}
