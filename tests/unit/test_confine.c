// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process of root can still do after confine(): read back from /proc, and tried. Each time
 * in a process of its own, as it cannot be undone.
 */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "folder.h"
#include "sandbox.h"

#define CAP_OF(n)  (UINT64_C(1) << (n))
#define NETNS_CAPS (CAP_OF(21) | CAP_OF(19)) /* CAP_SYS_ADMIN, CAP_SYS_PTRACE */

static pid_t victim; /* another process of root */
static char secret[] = "memory of another process";

static void root_only(void)
{
	if (geteuid() || sandbox_available())
		skip();
}

static int child(int (*act)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(act());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static unsigned long long status_of(const char *name, int base)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long value = ~0ull;
	size_t len = strlen(name);
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && line[len] == ':')
			value = strtoull(line + len + 1, NULL, base);
	if (f)
		fclose(f);
	return value;
}

/* Bits of what is not as it should be. */
static int is_confined(uint64_t caps, unsigned long long uid)
{
	return (status_of("Uid", 10) != uid) << 0 | (status_of("Gid", 10) != uid) << 1 |
	       ((status_of("CapPrm", 16) & ~caps) != 0) << 2 |
	       ((status_of("CapEff", 16) & ~caps) != 0) << 3 | (status_of("CapBnd", 16) != 0) << 4 |
	       (status_of("CapInh", 16) != 0) << 5 | (status_of("NoNewPrivs", 10) != 1) << 6 |
	       (status_of("Seccomp", 10) != 2) << 7;
}

static int of_watch(void)
{
	confine(RIGHTS_NETNS | RIGHTS_BPF | RIGHTS_FDS, &rights_nobody, false);
	/* CAP_BPF, and CAP_DAC_READ_SEARCH before 6.2 */
	return is_confined(NETNS_CAPS | CAP_OF(39) | CAP_OF(2), 65534);
}

static int of_replay(void)
{
	confine_all();
	return is_confined(0, 65534);
}

static int of_rotation(void)
{
	const struct rights_user user = { .uid = 65533, .gid = 65533 };

	confine(RIGHTS_NETNS, &user, true);
	return is_confined(NETNS_CAPS, 65533);
}

static void the_kernel_says_so(void **state)
{
	(void)state;
	root_only();
	assert_int_equal(child(of_watch), 0);
	assert_int_equal(child(of_replay), 0);
	assert_int_equal(child(of_rotation), 0);
}

static int opens(const char *name, int flags)
{
	int fd = open(name, flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Reads `secret` of the process that we were copied from: at the same address. */
static int reads_memory(const char *mem)
{
	char text[sizeof(secret)] = "";
	int fd = open(mem, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (pread(fd, text, sizeof(text), (off_t)(uintptr_t)secret) <= 0 &&
	    lseek(fd, (off_t)(uintptr_t)secret, SEEK_SET) >= 0)
		(void)!read(fd, text, sizeof(text));
	close(fd);
	return !memcmp(text, secret, sizeof(secret));
}

/* With the most that watch ever keeps. A bit for each attack that succeeds. */
static int attacks(void)
{
	char mem[64], own[80];

	snprintf(mem, sizeof(mem), "/proc/%d/mem", (int)victim);
	snprintf(own, sizeof(own), "%s/new", folder);
	confine(RIGHTS_NETNS | RIGHTS_BPF | RIGHTS_FDS, &rights_nobody, false);
	return opens(mem, O_RDWR) << 0 | opens("/proc/sys/kernel/core_pattern", O_WRONLY) << 1 |
	       opens(own, O_WRONLY | O_CREAT) << 2 | reads_memory(mem) << 3 |
	       (kill(victim, 0) == 0) << 4 | (setuid(0) == 0) << 5 |
	       opens("/proc/self/mem", O_RDWR) << 6 |
	       (!prctl(PR_SET_SECCOMP, 0, 0, 0, 0) || !chdir("/")) << 7;
}

/* The same without confine(): the attacks are real. */
static int attacks_before(void)
{
	char mem[64], own[80];

	snprintf(mem, sizeof(mem), "/proc/%d/mem", (int)victim);
	snprintf(own, sizeof(own), "%s/new", folder);
	return opens(mem, O_RDWR) && opens(own, O_WRONLY | O_CREAT) && reads_memory(mem) &&
	       !unlink(own);
}

static void what_was_possible_is_not(void **state)
{
	(void)state;
	root_only();
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(child(attacks_before), 1);
	assert_int_equal(child(attacks), 0);
}

/* A rotation makes files where its user may, and only new ones. */
static int rotates(void)
{
	const struct rights_user user = { .uid = 65534, .gid = 65534 };
	char new[80];
	int fd;

	snprintf(new, sizeof(new), "%s/new", folder);
	confine(RIGHTS_NETNS, &user, true);
	fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
	return fd < 0 || opens(path, O_WRONLY) ||
	       opens("/proc/sys/kernel/core_pattern", O_WRONLY) ||
	       opens("/etc/tcs-test-new",
		     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
}

static void a_rotation_makes_new_files_only(void **state)
{
	int fd;

	(void)state;
	root_only();
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	assert_int_equal(fchmod(fd, 0666), 0);
	close(fd);
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(child(rotates), 0);
}

/* Files are made as the caller of sudo, and root is root again. */
static int made_as_the_caller(void)
{
	struct rights_user user;
	struct stat st;
	int bad = rights_sudo_user(&user);

	setenv("SUDO_UID", "65533", 1);
	setenv("SUDO_GID", "65533x", 1);
	bad |= rights_sudo_user(&user);
	setenv("SUDO_GID", "65533", 1);
	if (bad || !rights_sudo_user(&user) || user.uid != 65533 || user.gid != 65533)
		return 1;
	if (rights_act_as(&user) || opens("/etc/shadow", O_RDONLY))
		return 2;
	if (!opens(path, O_WRONLY | O_CREAT | O_EXCL) || stat(path, &st) || st.st_uid != 65533)
		return 3;
	if (rights_act_as_root() || !opens("/etc/shadow", O_RDONLY))
		return 4;
	return status_of("CapEff", 16) != status_of("CapPrm", 16);
}

static void the_caller_of_sudo_owns_its_files(void **state)
{
	(void)state;
	root_only();
	assert_int_equal(chmod(folder, 0777), 0);
	unlink(path);
	unsetenv("SUDO_UID");
	assert_int_equal(child(made_as_the_caller), 0);
}

static void drop_setuid(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	(void)syscall(SYS_capget, &head, data);
	data[0].effective &= ~CAP_TO_MASK(CAP_SETUID);
	data[0].permitted &= ~CAP_TO_MASK(CAP_SETUID);
	(void)syscall(SYS_capset, &head, data);
}

/* No capability to change uid: a sentence, and the rest is given up all the same. */
static int without_setuid(void)
{
	if (freopen("/dev/null", "w", stderr) == NULL || !rights_is_root())
		return 1;
	drop_setuid();
	confine_all();
	return is_confined(0, 0) & ~(1 << 1); /* the group is given up all the same */
}

static void where_uid_0_has_to_stay(void **state)
{
	(void)state;
	root_only();
	assert_int_equal(child(without_setuid), 0);
}

static int begin(void **state)
{
	victim = fork();
	if (!victim)
		for (;;)
			pause();
	return make_folder(state);
}

static int end(void **state)
{
	kill(victim, SIGKILL);
	waitpid(victim, NULL, 0);
	return remove_folder(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_says_so),
		cmocka_unit_test(what_was_possible_is_not),
		cmocka_unit_test(a_rotation_makes_new_files_only),
		cmocka_unit_test(the_caller_of_sudo_owns_its_files),
		cmocka_unit_test(where_uid_0_has_to_stay),
	};

	return cmocka_run_group_tests_name("confine", tests, begin, end);
}
