// SPDX-License-Identifier: GPL-2.0-only
/*
 * stall.c - a command whose output, input or disk has stopped, and a signal: does it end?
 *
 *     stall STATE SIGNAL -- COMMAND...
 *
 * runs COMMAND in an empty directory in this state:
 *
 *   fifo     a FIFO `fifo` that no other process has opened
 *   stdout   standard output is a full pipe that is not read
 *   stderr   the same of standard error
 *   tty      standard input, output and error are a terminal stopped by Ctrl-S
 *   full     standard output is /dev/full
 *   tmpfs    the directory is a tmpfs without a free byte
 *   gone     the directory is removed while the command runs
 *
 * waits until it sleeps in poll() (or has ended by itself), sends SIGNAL, and prints one line:
 * milliseconds from the signal to the end, the exit status (128 + n: signal n; "hung" after
 * HUNG_MS), and standard error, its lines joined by " | ". Ends with 0, or 1 where the state could
 * not be made.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20)
#define START_MS   20000 /* to get into the state */
#define SLEEPS	   10	 /* samples in a row in poll(), SAMPLE_MS apart */
#define SAMPLE_MS  20
#define HUNG_MS	   5000

static void die(const char *what)
{
	fprintf(stderr, "stall: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int full_pipe(void)
{
	static char zeros[PIPE_BYTES];
	int fds[2];

	if (pipe(fds) || fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES) < 0)
		die("pipe");
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	while (write(fds[1], zeros, sizeof(zeros)) > 0)
		;
	fcntl(fds[1], F_SETFL, 0);
	return fds[1]; /* the other end stays open, and is not read */
}

static int stopped_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

	if (master < 0 || grantpt(master) || unlockpt(master))
		die("terminal");
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	if (slave < 0 || tcflow(slave, TCOOFF))
		die("terminal");
	return slave;
}

static void fill_tmpfs(const char *dir)
{
	static char zeros[65536];
	char name[4096];
	size_t n = sizeof(zeros);
	int fd;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", dir, "tmpfs", 0, "size=64k") || chdir(dir))
		die("tmpfs");
	snprintf(name, sizeof(name), "%s/rest", dir);
	fd = open(name, O_WRONLY | O_CREAT, 0600);
	for (; n; n /= 2)
		while (write(fd, zeros, n) > 0)
			;
	close(fd);
}

static bool sleeps_in_poll(pid_t pid)
{
	char path[64], text[32] = "";
	int fd;
	long nr;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0) {
		close(fd);
		return false;
	}
	close(fd);
	nr = strtol(text, NULL, 10);
	/* poll and ppoll of x86-64; arm64 has ppoll only */
	return nr == 7 || nr == 271 || nr == 73;
}

static bool has_ended(pid_t pid, int *status)
{
	return waitpid(pid, status, WNOHANG) == pid;
}

static bool await(pid_t pid, int *status)
{
	long until = now_ms() + START_MS;
	int in_row = 0;

	while (now_ms() < until && in_row < SLEEPS) {
		if (has_ended(pid, status))
			return true;
		in_row = sleeps_in_poll(pid) ? in_row + 1 : 0;
		usleep(SAMPLE_MS * 1000);
	}
	return false;
}

static void run(const char *state, int err, char **argv)
{
	int null = open("/dev/null", O_RDWR), terminal;

	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	if (!strcmp(state, "stdout")) {
		dup2(full_pipe(), STDOUT_FILENO);
	} else if (!strcmp(state, "stderr")) {
		dup2(full_pipe(), STDERR_FILENO);
	} else if (!strcmp(state, "full")) {
		dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
	} else if (!strcmp(state, "tty")) {
		setsid();
		terminal = stopped_terminal();
		ioctl(terminal, TIOCSCTTY, 0);
		dup2(terminal, STDIN_FILENO);
		dup2(terminal, STDOUT_FILENO);
		dup2(terminal, STDERR_FILENO);
	}
	execv(argv[0], argv);
	_exit(99);
}

static void print_errors(int err)
{
	char text[4096], *line, *rest = text;
	ssize_t n = pread(err, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	while ((line = strsep(&rest, "\n")))
		if (*line)
			printf(" | %s", line);
	printf("\n");
}

int main(int argc, char **argv)
{
	char dir[4096] = "";
	int err = memfd_create("err", 0), status = 0;
	const char *state = argc > 4 ? argv[1] : "";
	bool ended;
	pid_t pid;
	long began;

	if (argc < 5 || strcmp(argv[3], "--"))
		return 1;
	snprintf(dir, sizeof(dir), "%s/stall_XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(dir) || chdir(dir) || mkfifo("fifo", 0600))
		die(dir);
	if (!strcmp(state, "tmpfs"))
		fill_tmpfs(dir);
	pid = fork();
	if (!pid)
		run(state, err, argv + 4);
	ended = await(pid, &status);
	if (!strcmp(state, "gone")) {
		char command[4200];

		snprintf(command, sizeof(command), "rm -rf '%s'", dir);
		if (system(command))
			die(command);
	}
	began = now_ms();
	if (!ended)
		kill(pid, atoi(argv[2]));
	while (!ended && now_ms() < began + HUNG_MS) {
		ended = has_ended(pid, &status);
		if (!ended)
			usleep(2000);
	}
	printf("%ld ", now_ms() - began);
	if (!ended) {
		printf("hung");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	} else {
		printf("%d", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	}
	print_errors(err);
	return 0;
}
