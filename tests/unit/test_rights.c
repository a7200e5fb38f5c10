// SPDX-License-Identifier: GPL-2.0-only
/*
 * What rights_keep() leaves, read back from /proc/self/status, in a process of its own each time:
 * it cannot be undone. Capabilities can be kept only by who has them, so most of it is root's.
 */
#include "rights.h"

#include <linux/capability.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

struct sets {
	uint64_t inheritable, permitted, effective, bounding, ambient;
	unsigned int no_new_privs;
};

static struct sets sets_now(void)
{
	struct sets s = { 0 };
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long long n;
	char line[256], name[32];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%31[^:]: %llx", name, &n) != 2)
			continue;
		if (!strcmp(name, "CapInh"))
			s.inheritable = n;
		else if (!strcmp(name, "CapPrm"))
			s.permitted = n;
		else if (!strcmp(name, "CapEff"))
			s.effective = n;
		else if (!strcmp(name, "CapBnd"))
			s.bounding = n;
		else if (!strcmp(name, "CapAmb"))
			s.ambient = n;
		else if (!strcmp(name, "NoNewPrivs"))
			s.no_new_privs = (unsigned int)n;
	}
	if (f)
		fclose(f);
	return s;
}

static uint64_t bit(unsigned int cap)
{
	return UINT64_C(1) << cap;
}

/* What a process has after rights_keep(). */
static struct sets after(unsigned int keep)
{
	struct sets s = { 0 };
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int err = rights_keep(keep);

		s = sets_now();
		_exit(err || write(fds[1], &s, sizeof(s)) != sizeof(s));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(fds[0], &s, sizeof(s)), sizeof(s));
	close(fds[0]);
	close(fds[1]);
	return s;
}

static void needs(uint64_t caps)
{
	if ((sets_now().permitted & caps) != caps)
		skip();
}

static void nothing_is_kept(void **state)
{
	struct sets s = after(RIGHTS_NONE);

	(void)state;
	assert_int_equal(s.effective | s.permitted | s.inheritable | s.ambient, 0);
	assert_int_equal(s.no_new_privs, 1);
}

static void the_bounding_set_is_emptied_too(void **state)
{
	(void)state;
	needs(bit(CAP_SETPCAP));
	assert_int_equal(after(RIGHTS_NONE).bounding, 0);
	assert_int_equal(after(RIGHTS_NETNS).bounding, 0);
}

static void namespaces_keep_their_two(void **state)
{
	const uint64_t two = bit(CAP_SYS_ADMIN) | bit(CAP_SYS_PTRACE);
	struct sets s;

	(void)state;
	needs(two);
	s = after(RIGHTS_NETNS);
	assert_int_equal(s.effective, two);
	assert_int_equal(s.permitted, two);
	assert_int_equal(s.inheritable | s.ambient, 0);
	assert_int_equal(s.no_new_privs, 1);
}

/* Kept where the kernel asks for it (it does up to 5.18), and then in both sets. */
static void bpf_is_kept_only_where_it_is_asked_for(void **state)
{
	struct sets s;

	(void)state;
	needs(bit(CAP_BPF));
	s = after(RIGHTS_BPF);
	assert_int_equal(s.effective & ~bit(CAP_BPF), 0);
	assert_int_equal(s.permitted, s.effective);
	s = after(RIGHTS_BPF | RIGHTS_NETNS);
	assert_int_equal(s.permitted, s.effective);
	assert_int_equal(s.effective & ~(bit(CAP_BPF) | bit(CAP_SYS_ADMIN) | bit(CAP_SYS_PTRACE)),
			 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_kept),
		cmocka_unit_test(the_bounding_set_is_emptied_too),
		cmocka_unit_test(namespaces_keep_their_two),
		cmocka_unit_test(bpf_is_kept_only_where_it_is_asked_for),
	};

	return cmocka_run_group_tests_name("rights", tests, NULL, NULL);
}
