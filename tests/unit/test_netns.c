// SPDX-License-Identifier: GPL-2.0-only
/* test_netns.c - a namespace whose first process ends while others stay in it */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netns.h"

static struct netns_list list;

/* A process that stays until it is killed; 0 where it may not be made. join: of this process. */
static pid_t stay_in_netns(pid_t join)
{
	char path[64], ok = 0;
	int told[2], fd;
	pid_t pid;

	assert_int_equal(pipe(told), 0);
	pid = fork();
	if (!pid) {
		snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)join);
		fd = join ? open(path, O_RDONLY) : -1;
		ok = !(join ? setns(fd, CLONE_NEWNET) : unshare(CLONE_NEWNET));
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

static void it_is_found_again_while_somebody_is_in_it(void **state)
{
	pid_t first = stay_in_netns(0), second;
	char path[64];
	struct stat st;

	(void)state;
	if (!first)
		skip();
	second = stay_in_netns(first);
	assert_true(second > 0);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)first);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(netns_list_init(&list, (uint32_t)st.st_ino), 0);
	assert_int_equal(list.n, 1);
	/* Whichever of them it was found at, the other will do. */
	end(strstr(list.at[0].path, path) ? first : second);
	assert_int_equal(netns_enter(&list, 0), 0);
	assert_int_equal(netns_own(), (uint32_t)st.st_ino);
	assert_int_equal(netns_return(&list), 0);
	end(strstr(list.at[0].path, path) ? first : second);
	assert_int_equal(netns_enter(&list, 0), -ENOENT);
	assert_true(list.at[0].gone);
	assert_int_equal(netns_enter(&list, 0), -ENOENT);
	assert_int_equal(netns_own(), list.own_inode);
	netns_list_release(&list);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_found_again_while_somebody_is_in_it),
	};

	return cmocka_run_group_tests_name("netns", tests, NULL, NULL);
}
