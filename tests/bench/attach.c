// SPDX-License-Identifier: GPL-2.0-only
/*
 * attach: how long a monitor takes from exec to attached.
 *
 *	attach [--runs N] -- COMMAND...		(default 3 runs; the median of each figure)
 *
 * first_line_ms: its first line of output. tcpconnstate prints its first JSON line (meta) once it
 * is attached, so this is the figure for it. first_link_ms, last_link_ms: when its first, its last
 * BPF link appeared among its files, looked for every 200 us: the figure for tools that say
 * nothing. (A program that opens links for something else later shows a later last link.)
 *
 * Bounds: a run ends 300 ms after its last news, or after 5 s; the command is ended with SIGTERM,
 * after a second with SIGKILL. -1 means: not seen.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX 100
#define QUIET_MS 300.0
#define LIMIT_MS 5000.0

enum figure { FIRST_LINE, FIRST_LINK, LAST_LINK, FIGURES };

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void nap_us(long us)
{
	struct timespec ts = { .tv_nsec = us * 1000 };

	nanosleep(&ts, NULL);
}

static int links(pid_t pid)
{
	char path[64], target[64];
	struct dirent *e;
	ssize_t len;
	DIR *dir;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((e = readdir(dir))) {
		len = readlinkat(dirfd(dir), e->d_name, target, sizeof(target) - 1);
		if (len <= 0)
			continue;
		target[len] = 0;
		/* "bpf-link" and "bpf_link" are both in use, 5.10 to 7.x */
		if (strstr(target, "bpf-link") || strstr(target, "bpf_link"))
			n++;
	}
	closedir(dir);
	return n;
}

static int run(char **command, double *ret)
{
	double *t0, start, at, news;
	int out[2], n, seen = 0, i;
	struct pollfd p;
	char buf[4096];
	pid_t pid;

	t0 = mmap(NULL, sizeof(*t0), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t0 == MAP_FAILED || pipe2(out, O_CLOEXEC))
		return -errno;
	*t0 = now_ms();
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], STDOUT_FILENO);
		*t0 = now_ms();
		execvp(command[0], command);
		_exit(127);
	}
	close(out[1]);
	for (i = 0; i < FIGURES; i++)
		ret[i] = -1;
	start = news = now_ms();
	p = (struct pollfd){ .fd = out[0], .events = POLLIN };
	do {
		if (poll(&p, 1, 0) > 0) {
			at = now_ms();
			if (read(out[0], buf, sizeof(buf)) <= 0)
				break;
			if (ret[FIRST_LINE] < 0) {
				ret[FIRST_LINE] = at - *t0;
				news = at;
			}
		}
		n = links(pid);
		at = now_ms();
		if (n > seen) {
			if (!seen)
				ret[FIRST_LINK] = at - *t0;
			ret[LAST_LINK] = at - *t0;
			seen = n;
			news = at;
		}
		nap_us(200);
	} while (at - start < LIMIT_MS && (!seen || at - news < QUIET_MS));
	kill(pid, SIGTERM);
	for (i = 0; i < 1000 && waitpid(pid, NULL, WNOHANG) == 0; i++) {
		/* do not let it block on a full pipe */
		if (poll(&p, 1, 1) > 0 && read(out[0], buf, sizeof(buf)) <= 0)
			nap_us(1000);
	}
	if (i == 1000) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	close(out[0]);
	munmap(t0, sizeof(*t0));
	return seen ? 0 : -ENOENT;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	static const char *const key[FIGURES] = { "first_line_ms", "first_link_ms",
						  "last_link_ms" };
	static double all[FIGURES][RUNS_MAX];
	double one[FIGURES] = { -1, -1, -1 };
	int runs = 3, i, f, first = 1, ret = 0;

	if (argc > 3 && !strcmp(argv[1], "--runs")) {
		runs = atoi(argv[2]);
		first = 3;
	}
	if (first + 1 >= argc || strcmp(argv[first], "--") || runs < 1 || runs > RUNS_MAX) {
		fputs("usage: attach [--runs N] -- COMMAND...\n", stderr);
		return 2;
	}
	for (i = 0; i < runs; i++) {
		if (run(argv + first + 1, one))
			ret = 1;
		for (f = 0; f < FIGURES; f++)
			all[f][i] = one[f];
	}
	for (f = 0; f < FIGURES; f++) {
		qsort(all[f], (size_t)runs, sizeof(all[f][0]), ascending);
		printf("%s\"%s\":%.1f", f ? "," : "{\"type\":\"attach\",", key[f],
		       all[f][runs / 2]);
	}
	printf(",\"runs\":%d}\n", runs);
	return ret;
}
