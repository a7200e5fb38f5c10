// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_netns_scope.c - namespaces of the running kernel that begin and end
 *
 * Needs root and BPF; without them, or where no namespace can be made, it is skipped.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netns_find.h"
#include "netns_scope.h"

static struct filter filter;
static char name[] = "/tmp/tcs-netns-XXXXXX";

/* A process in a namespace of its own; 0 where that may not be made. */
static pid_t begin(void)
{
	char ok = 0;
	int told[2];
	pid_t pid;

	assert_int_equal(pipe(told), 0);
	pid = fork();
	if (!pid) {
		ok = !unshare(CLONE_NEWNET);
		if (write(told[1], &ok, 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(told[0], &ok, 1), 1);
	close(told[0]);
	close(told[1]);
	if (ok)
		return pid;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static const char *path_of(pid_t pid)
{
	static char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	return path;
}

static uint32_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : (uint32_t)st.st_ino;
}

/* Begins a namespace with a name, as ip-netns(8) does. */
static pid_t begin_named(void)
{
	pid_t pid = begin();

	if (pid && !mount(path_of(pid), name, NULL, MS_BIND, NULL))
		return pid;
	if (pid)
		end(pid);
	return 0;
}

static struct netns_scope *scope_of(const char *spec)
{
	struct netns_scope *scope;
	struct failure why;

	filter.netns = inode_of(spec);
	filter.netns_id = 0;
	assert_int_equal(netns_scope_new(spec, &filter, NULL, &scope, &why), 0);
	if (!scope)
		skip();
	assert_true(filter.netns_id);
	return scope;
}

/* The last reference is dropped by the kernel after the process was waited for. */
static enum netns_change next_change(struct netns_scope *scope)
{
	enum netns_change change = NETNS_SAME;
	int tries;

	for (tries = 0; change == NETNS_SAME && tries < 200; tries++) {
		change = netns_scope_check(scope);
		usleep(10000);
	}
	return change;
}

static void identities_are_not_given_again(void **unused)
{
	struct netns_found found;
	struct netns_find *find;
	uint64_t seen[8];
	uint32_t inode;
	pid_t pid;

	(void)unused;
	if (netns_find_new(NULL, &find))
		skip();
	assert_int_equal(netns_find(find, 0, 1, &found), 0);
	assert_int_equal(found.id_of_inode, 0);
	for (size_t i = 0; i < COUNT(seen); i++) {
		pid = begin();
		if (!pid)
			skip();
		inode = inode_of(path_of(pid));
		assert_int_equal(netns_find(find, 0, inode, &found), 0);
		seen[i] = found.id_of_inode;
		assert_true(seen[i]);
		for (size_t j = 0; j < i; j++)
			assert_true(seen[j] != seen[i]);
		assert_int_equal(netns_find(find, seen[i], 0, &found), 0);
		assert_true(found.exists);
		assert_int_equal(found.id_of_inode, 0);
		end(pid);
	}
	netns_find_free(find);
}

/* The kernel's own answer to a socket. */
static void the_identity_is_the_cookie(void **unused)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(uint64_t);
	struct netns_found found;
	struct netns_find *find;
	uint64_t cookie = 0;

	(void)unused;
	if (netns_find_new(NULL, &find))
		skip();
	assert_int_equal(netns_find(find, 0, inode_of("/proc/self/ns/net"), &found), 0);
#ifdef SO_NETNS_COOKIE
	if (!getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
		assert_true(cookie == found.id_of_inode);
#else
	(void)cookie;
	(void)len;
#endif
	close(fd);
	netns_find_free(find);
}

static void a_namespace_of_a_process_ends_and_is_not_replaced(void **unused)
{
	struct netns_scope *scope;
	pid_t pid = begin(), others[4];

	(void)unused;
	if (!pid)
		skip();
	scope = scope_of(path_of(pid));
	assert_int_equal(netns_scope_check(scope), NETNS_SAME);
	assert_true(netns_scope_exists(scope));
	end(pid);
	assert_int_equal(next_change(scope), NETNS_GONE);
	assert_false(netns_scope_exists(scope));
	/* One of them may be given the same number. */
	for (size_t i = 0; i < COUNT(others); i++)
		others[i] = begin();
	assert_int_equal(netns_scope_check(scope), NETNS_SAME);
	assert_true(netns_scope_waits(scope));
	assert_false(netns_scope_exists(scope));
	for (size_t i = 0; i < COUNT(others); i++)
		end(others[i]);
	netns_scope_free(scope);
}

static void a_name_is_followed(void **unused)
{
	pid_t pid = begin_named();
	struct netns_scope *scope;
	uint64_t first;

	(void)unused;
	if (!pid)
		skip();
	scope = scope_of(name);
	first = filter.netns_id;
	assert_int_equal(umount2(name, MNT_DETACH), 0);
	assert_int_equal(netns_scope_check(scope), NETNS_NAME_GONE);
	assert_true(netns_scope_exists(scope));
	end(pid);
	assert_int_equal(next_change(scope), NETNS_GONE);
	assert_true(filter.netns_id == first);
	pid = begin_named();
	assert_true(pid > 0);
	assert_int_equal(netns_scope_check(scope), NETNS_RETURNED);
	assert_true(filter.netns_id != first);
	assert_int_equal(filter.netns, inode_of(name));
	assert_true(netns_scope_exists(scope));
	umount2(name, MNT_DETACH);
	end(pid);
	netns_scope_free(scope);
}

static void a_socket_alone_keeps_it(void **unused)
{
	int own = open("/proc/self/ns/net", O_RDONLY), there, sk;
	struct netns_scope *scope;
	pid_t pid = begin();

	(void)unused;
	if (!pid)
		skip();
	there = open(path_of(pid), O_RDONLY);
	assert_int_equal(setns(there, CLONE_NEWNET), 0);
	sk = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(setns(own, CLONE_NEWNET), 0);
	close(there);
	scope = scope_of(path_of(pid));
	end(pid);
	usleep(200000);
	assert_int_equal(netns_scope_check(scope), NETNS_SAME);
	assert_true(netns_scope_exists(scope));
	close(sk);
	assert_int_equal(next_change(scope), NETNS_GONE);
	netns_scope_free(scope);
	close(own);
}

static void a_number_that_no_namespace_has_is_refused(void **unused)
{
	struct netns_scope *scope;
	struct netns_find *find;
	struct failure why;

	(void)unused;
	if (netns_find_new(NULL, &find))
		skip();
	netns_find_free(find);
	filter.netns = 1;
	assert_int_equal(netns_scope_new("1", &filter, NULL, &scope, &why), -ENOENT);
	assert_non_null(strstr(why.text, "inode number 1"));
}

static int make_name(void **unused)
{
	int fd = mkstemp(name);

	(void)unused;
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int remove_name(void **unused)
{
	(void)unused;
	umount2(name, MNT_DETACH);
	return unlink(name);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(identities_are_not_given_again),
		cmocka_unit_test(the_identity_is_the_cookie),
		cmocka_unit_test(a_namespace_of_a_process_ends_and_is_not_replaced),
		cmocka_unit_test(a_name_is_followed),
		cmocka_unit_test(a_socket_alone_keeps_it),
		cmocka_unit_test(a_number_that_no_namespace_has_is_refused),
	};

	return cmocka_run_group_tests_name("netns_scope", tests, make_name, remove_name);
}
