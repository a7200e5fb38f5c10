// SPDX-License-Identifier: GPL-2.0-only
/*
 * once: run a command, and say what it took.
 *
 *	once OUT COMMAND...
 *
 * The command's standard output goes to the file OUT. One line on ours:
 *
 *	exit-status seconds cpu-seconds peak-resident-kB
 *
 * seconds are from before the fork to the end, so exec and the loader's work are in them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double seconds(struct timeval tv)
{
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

static __attribute__((noreturn)) void become(const char *out, char **argv)
{
	int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0)
		execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

int main(int argc, char **argv)
{
	double began = now_s();
	struct rusage used;
	int status;
	pid_t pid;

	if (argc < 3) {
		fprintf(stderr, "usage: once OUT COMMAND...\n");
		return 2;
	}
	pid = fork();
	if (!pid)
		become(argv[1], argv + 2);
	if (pid < 0 || wait4(pid, &status, 0, &used) < 0) {
		perror("once");
		return 1;
	}
	printf("%d %.3f %.3f %ld\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128, now_s() - began,
	       seconds(used.ru_utime) + seconds(used.ru_stime), used.ru_maxrss);
	return 0;
}
