// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files are made where others can write, too: modes, links, what exists, moved directories, and a
 * user who plants links while files change. That user's part is tried as root only.
 */
#include "create_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "folder.h"

#define ATTACKER 65534
#define WRITER	 65533

static struct create_place place; /* "c" in the folder */

static int open_place(void **state)
{
	(void)state;
	umask(0);
	return create_place_open(path, &place);
}

static int close_place(void **state)
{
	(void)state;
	create_place_close(&place);
	return 0;
}

static const char *at(const char *ending)
{
	static char name[sizeof(path) + 32];

	snprintf(name, sizeof(name), "%s%s", path, ending);
	return name;
}

static void put(const char *ending, const char *text)
{
	int fd = open(at(ending), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void has(const char *ending, const char *text)
{
	char found[64] = "";
	int fd = open(at(ending), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		fail_msg("there is no c%s", ending);
	(void)!read(fd, found, sizeof(found) - 1);
	close(fd);
	assert_string_equal(found, text);
}

static void has_not(const char *ending)
{
	struct stat st;

	assert_int_equal(lstat(at(ending), &st), -1);
}

static enum create_found look(void)
{
	enum create_found found;

	assert_int_equal(create_file_look(&place, &found), 0);
	return found;
}

static void paths(void **state)
{
	static const struct {
		const char *path;
		int err;
	} cases[] = {
		{ "", -ENOENT },
		{ ".", -EISDIR },
		{ "..", -EISDIR },
		{ "/", -EISDIR },
		{ "/tmp/", -EISDIR },
		{ "/tmp/..", -EISDIR },
		{ "/nosuch/c", -ENOENT },
		{ "/dev/null/c", -ENOTDIR },
		{ "c", 0 },
	};
	struct create_place p;
	char longest[5000];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int err = create_place_open(cases[i].path, &p);

		assert_int_equal(err, cases[i].err);
		if (!err)
			create_place_close(&p);
	}
	memset(longest, '/', sizeof(longest));
	strcpy(longest + sizeof(longest) - 2, "c");
	assert_int_equal(create_place_open(longest, &p), -ENAMETOOLONG);
}

static void a_new_file_is_its_owners(void **state)
{
	struct stat st;
	int fd = create_file(&place);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	assert_int_equal(create_file(&place), -EEXIST);
	has("", "x");
	assert_int_equal(unlink(path), 0);
}

static void what_exists_is_seen(void **state)
{
	struct create_place proc;
	enum create_found found;
	char name[32];
	int fds[2], fd;

	(void)state;
	assert_int_equal(look(), CREATE_NOTHING);
	put("", "");
	assert_int_equal(look(), CREATE_EMPTY);
	put("", "x");
	assert_int_equal(look(), CREATE_FILE);
	assert_int_equal(create_file_stream(&place), -EEXIST);
	unlink(path);
	mkdir(path, 0700);
	assert_int_equal(look(), CREATE_OTHER);
	rmdir(path);
	mkfifo(path, 0600);
	assert_int_equal(look(), CREATE_STREAM);
	unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(look(), CREATE_LINK);
	assert_int_equal(create_file(&place), -EEXIST);
	assert_int_equal(create_file_stream(&place), -ELOOP);
	unlink(path);
	/* a descriptor of the shell's: record >(gzip) */
	assert_int_equal(pipe(fds), 0);
	snprintf(name, sizeof(name), "/dev/fd/%d", fds[1]);
	assert_int_equal(create_place_open(name, &proc), 0);
	assert_int_equal(create_file_look(&proc, &found), 0);
	assert_int_equal(found, CREATE_STREAM);
	fd = create_file_stream(&proc);
	assert_true(fd >= 0);
	close(fd);
	close(fds[0]);
	close(fds[1]);
	create_place_close(&proc);
}

static void older_files_move_up_to_the_first_free_number(void **state)
{
	(void)state;
	put("", "0");
	put(".1", "1");
	put(".3", "3");
	put(".4", "4");
	assert_int_equal(create_file_move(&place, 4), 0);
	has_not("");
	has(".1", "0");
	has(".2", "1");
	has(".3", "3");
	put("", "00");
	assert_int_equal(create_file_move(&place, 4), 0);
	has(".1", "00");
	has(".2", "0");
	has(".3", "1");
	has(".4", "3");
	has_not(".5");
	/* moved away by another: no error, and nothing is lost */
	assert_int_equal(create_file_move(&place, 9), 0);
	has_not("");
}

/* The folder is renamed, and a link to another one takes its place: the descriptor counts. */
static void the_folder_is_the_one_that_was_opened(void **state)
{
	char other[] = "/tmp/tcs-test-XXXXXX", moved[64];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(other));
	snprintf(moved, sizeof(moved), "%s.moved", folder);
	assert_int_equal(rename(folder, moved), 0);
	assert_int_equal(symlink(other, folder), 0);
	fd = create_file(&place);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(create_file_move(&place, 1), 0);
	assert_int_equal(unlink(folder), 0);
	assert_int_equal(rename(moved, folder), 0);
	assert_int_equal(rmdir(other), 0); /* nothing was made there */
	has(".1", "");
}

/* ---- another user ---------------------------------------------------------------------------- */

/* Links at the file's name, as fast as it can, until it is killed. */
static pid_t attack(const char *victim)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (setresgid(ATTACKER, ATTACKER, ATTACKER) || setresuid(ATTACKER, ATTACKER, ATTACKER))
		_exit(1);
	for (;;)
		(void)!symlink(victim, path);
}

/* What was written is in order: each file has its number, or the rotation ended with an error. */
static int rotate_many(void)
{
	int fd = create_file_again(&place), i, err = 0;
	char text[16];

	for (i = 0; i < 300 && fd >= 0 && !err; i++) {
		snprintf(text, sizeof(text), "%d", i);
		(void)!write(fd, text, strlen(text));
		close(fd);
		err = create_file_move(&place, 2);
		if (!err)
			fd = create_file_again(&place);
	}
	if (fd >= 0 && !err)
		close(fd);
	return err ? err : fd < 0 ? fd : 0;
}

/* In a process of its own, as this user. */
static int rotate_as(uid_t uid)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (uid && (setresgid(uid, uid, uid) || setresuid(uid, uid, uid)))
			_exit(255);
		_exit(-rotate_many() & 0xff);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void attacked(mode_t mode, uid_t writer, bool may_fail)
{
	char victim[] = "/tmp/tcs-test-XXXXXX", text[16] = "";
	int fd, err, status;
	pid_t pid;

	if (geteuid())
		skip();
	fd = mkstemp(victim);
	assert_int_equal(write(fd, "victim", 6), 6);
	fchown(fd, writer, (gid_t)-1); /* what the writer could overwrite */
	assert_int_equal(chmod(folder, mode), 0);
	pid = attack(victim);
	err = rotate_as(writer);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_int_equal(pread(fd, text, sizeof(text), 0), 6);
	assert_string_equal(text, "victim");
	close(fd);
	unlink(victim);
	if (!may_fail)
		assert_int_equal(err, 0);
	else
		assert_true(!err || err == -EPERM || err == -EEXIST);
}

static int clear_folder(void **state)
{
	const char *const endings[] = { "", ".1", ".2", ".3", ".4" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		unlink(at(endings[i]));
	return chmod(folder, 0700);
}

static void links_planted_in_a_folder_that_all_can_write(void **state)
{
	(void)state;
	attacked(0777, 0, true);
}

static void links_planted_in_a_sticky_folder(void **state)
{
	(void)state;
	attacked(01777, 0, true);
}

/* There a user cannot remove what another one has planted: it ends, and nothing is overwritten. */
static void links_planted_before_a_user_in_a_sticky_folder(void **state)
{
	(void)state;
	attacked(01777, WRITER, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test_teardown(a_new_file_is_its_owners, clear_folder),
		cmocka_unit_test_teardown(what_exists_is_seen, clear_folder),
		cmocka_unit_test_teardown(older_files_move_up_to_the_first_free_number,
					  clear_folder),
		cmocka_unit_test_teardown(the_folder_is_the_one_that_was_opened, clear_folder),
		cmocka_unit_test_teardown(links_planted_in_a_folder_that_all_can_write,
					  clear_folder),
		cmocka_unit_test_teardown(links_planted_in_a_sticky_folder, clear_folder),
		cmocka_unit_test_teardown(links_planted_before_a_user_in_a_sticky_folder,
					  clear_folder),
	};
	int failed;

	if (make_folder(NULL) || open_place(NULL))
		return 1;
	failed = cmocka_run_group_tests_name("create_file", tests, NULL, NULL);
	close_place(NULL);
	return remove_folder(NULL) || failed;
}
