// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names of the running host. Needs no rights; what this host has not is skipped.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "resolve.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint32_t own_netns(void)
{
	struct stat st;

	assert_int_equal(stat("/proc/self/ns/net", &st), 0);
	return (uint32_t)st.st_ino;
}

static void namespaces_are_found(void **unused)
{
	const struct {
		const char *spec;
		uint32_t inode;
	} want[] = {
		{ "all", 0 },
		{ "self", own_netns() },
		{ "/proc/self/ns/net", own_netns() },
		{ "/proc/thread-self/ns/net", own_netns() },
		{ "4026531840", 4026531840 },
		{ "net:[4026531840]", 4026531840 },
		{ "1", 1 },
		{ "4294967295", UINT32_MAX },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		const char *why = "";
		uint32_t inode = 77;

		if (resolve_netns(want[i].spec, &inode, &why))
			fail_msg("'%s': %s", want[i].spec, why);
		assert_int_equal(inode, want[i].inode);
	}
}

static void other_things_are_no_network_namespace(void **unused)
{
	static const struct {
		const char *spec;
		int err;
	} want[] = {
		{ "", -EINVAL },
		{ ".", -EINVAL },
		{ "..", -EINVAL },
		{ "0", -EINVAL },
		{ "4294967296", -EINVAL },
		{ "99999999999999999999999", -EINVAL },
		{ "net:[]", -EINVAL },
		{ "net:[x]", -EINVAL },
		{ "net:[-1]", -EINVAL },
		{ "/proc/self/ns/mnt", -EINVAL },
		{ "/proc/self/ns/pid", -EINVAL },
		{ "/proc/self/status", -EINVAL },
		{ "/dev/null", -EINVAL },
		{ "/", -EINVAL },
		{ "/nonexistent/ns", -ENOENT },
		{ "/proc/self/status/net", -ENOTDIR },
		{ "no-such-namespace-here", -ENOENT },
		{ "12abc", -ENOENT },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		const char *why = NULL;
		uint32_t inode = 77;
		int err = resolve_netns(want[i].spec, &inode, &why);

		if (err != want[i].err || !why || inode != 77)
			fail_msg("'%s': %d, %s", want[i].spec, err, why ? why : "(null)");
	}
}

static void only_names_may_lead_to_another_namespace_later(void **unused)
{
	static const struct {
		const char *spec;
		bool is_name;
	} want[] = {
		{ "web", true },
		{ "12abc", true },
		{ "/run/netns/web", true },
		{ "/run/docker/netns/4026531840", true },
		{ "./x", true },
		{ "/", true },
		{ "/proc/1/root/run/netns/web", true },
		{ "all", false },
		{ "self", false },
		{ "4026531840", false },
		{ "net:[4026531840]", false },
		{ "/proc/self/ns/net", false },
		{ "/proc/1234/ns/net", false },
		{ "/proc/1234/task/1235/ns/net", false },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++)
		if (resolve_netns_is_name(want[i].spec) != want[i].is_name)
			fail_msg("'%s'", want[i].spec);
}

static void a_name_too_long_is_refused(void **unused)
{
	char name[PATH_MAX + 8];
	const char *why = NULL;
	uint32_t inode = 77;

	(void)unused;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(resolve_netns(name, &inode, &why), -ENOENT);
	name[100] = '/';
	assert_int_equal(resolve_netns(name, &inode, &why), -ENAMETOOLONG);
	assert_int_equal(inode, 77);
}

static void users_are_found(void **unused)
{
	const char *why = NULL;
	uint32_t uid = 77;

	(void)unused;
	assert_int_equal(resolve_user("root", &uid, &why), 0);
	assert_int_equal(uid, 0);
	uid = 77;
	assert_int_equal(resolve_user("no such user: here", &uid, &why), -ENOENT);
	assert_int_equal(resolve_user("", &uid, &why), -ENOENT);
	assert_non_null(why);
	assert_int_equal(uid, 77);
}

/* Where cgroup v2 is mounted whole, or skip. */
static const char *cgroup_root(void)
{
	static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char path[64];
	struct stat st;

	for (size_t i = 0; i < COUNT(roots); i++) {
		snprintf(path, sizeof(path), "%s/cgroup.procs", roots[i]);
		if (!stat(path, &st) && !stat(roots[i], &st) && st.st_ino == 1)
			return roots[i];
	}
	skip();
	return NULL;
}

static void the_root_of_the_hierarchy_is_level_0(void **unused)
{
	const char *specs[] = { cgroup_root(), "/" };

	(void)unused;
	for (size_t i = 0; i < COUNT(specs); i++) {
		const char *why = "";
		uint64_t id = 77;
		uint32_t level = 77;

		if (resolve_cgroup(specs[i], &id, &level, &why))
			fail_msg("'%s': %s", specs[i], why);
		assert_int_equal(id, 1);
		assert_int_equal(level, 0);
	}
}

static void cgroups_are_found_by_either_path(void **unused)
{
	const char *root = cgroup_root();
	char outer[128], inner[160], slash[192], dots[192];
	const char *name, *why = "";
	struct stat st;
	bool found = true;

	(void)unused;
	snprintf(outer, sizeof(outer), "%s/tcs test %ld", root, (long)getpid());
	snprintf(inner, sizeof(inner), "%s/inner", outer);
	snprintf(slash, sizeof(slash), "%s//inner/", outer);
	snprintf(dots, sizeof(dots), "%s/../inner/.", inner);
	if (mkdir(outer, 0755))
		skip();
	found = !mkdir(inner, 0755) && !stat(inner, &st);

	name = inner + strlen(root);
	const char *specs[] = { inner, slash, dots, name, name + 1 };

	for (size_t i = 0; found && i < COUNT(specs); i++) {
		uint64_t id = 77;
		uint32_t level = 77;

		if (resolve_cgroup(specs[i], &id, &level, &why) || id != st.st_ino || level != 2) {
			print_error("'%s': id %llu, level %u, %s\n", specs[i],
				    (unsigned long long)id, level, why);
			found = false;
		}
	}
	rmdir(inner);
	rmdir(outer);
	assert_true(found);
}

static void other_things_are_no_cgroup(void **unused)
{
	static const struct {
		const char *path;
		int err;
	} want[] = {
		{ "", -EINVAL },
		{ "/proc", -EINVAL },
		{ "/dev/null", -EINVAL },
		{ "cgroup.procs", -EINVAL }, /* a file of the root cgroup, not a cgroup */
		{ "no-such-cgroup.slice", -ENOENT },
		{ "/no-such.slice/x.service", -ENOENT },
	};

	(void)unused;
	cgroup_root();
	for (size_t i = 0; i < COUNT(want); i++) {
		const char *why = NULL;
		uint64_t id = 77;
		uint32_t level = 77;
		int err = resolve_cgroup(want[i].path, &id, &level, &why);

		if (err != want[i].err || !why || id != 77 || level != 77)
			fail_msg("'%s': %d, %s", want[i].path, err, why ? why : "(null)");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(namespaces_are_found),
		cmocka_unit_test(other_things_are_no_network_namespace),
		cmocka_unit_test(only_names_may_lead_to_another_namespace_later),
		cmocka_unit_test(a_name_too_long_is_refused),
		cmocka_unit_test(users_are_found),
		cmocka_unit_test(the_root_of_the_hierarchy_is_level_0),
		cmocka_unit_test(cgroups_are_found_by_either_path),
		cmocka_unit_test(other_things_are_no_cgroup),
	};

	return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
