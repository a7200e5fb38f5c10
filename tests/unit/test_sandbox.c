// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process can do behind sandbox_enter(), and what it cannot: each in a process of its own,
 * for it cannot be undone.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <poll.h>
#include <signal.h>
#include <sched.h>
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

#include "unit.h"

#define NOT_HERE 77

/* What `act` says in a sandbox: it is a bool, or NOT_HERE. */
static int inside(bool (*act)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(sandbox_enter() ? NOT_HERE : act());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NOT_HERE)
		skip();
	return WEXITSTATUS(status);
}

static bool refused(long result)
{
	return result == -1 && errno == ENOSYS;
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
	       syscall(SYS_setns, -1, 0) && errno == EBADF;
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
		_exit(!sandbox_enter() != available);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_others_are_refused),
#ifdef __x86_64__
		cmocka_unit_test(test_other_numbers_are_refused),
#endif
		cmocka_unit_test(test_ours_are_allowed),
		cmocka_unit_test(test_the_kernel_says_so),
		cmocka_unit_test(test_it_is_known_before),
	};

	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
