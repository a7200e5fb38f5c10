// SPDX-License-Identifier: GPL-2.0-only
/*
 * checks_confine.c - user, capabilities and system calls once everything is attached (confine.h)
 *
 * Found out by a child that gives all of it up, tries what must then fail, and ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checks_inside.h"
#include "feature.h"
#include "host.h"
#include "rights.h"
#include "sandbox.h"

struct outcome {
	int asked; /* -errno of the child itself; 0: the rest is what it found */
	bool was_root;
	int user;    /* of rights_leave_root() */
	int sandbox; /* of sandbox_enter() */
	bool no_new_privs;
	bool opens; /* a file was opened for writing all the same */
	uint64_t caps;
};

static uint64_t capabilities(void)
{
	char text[4096], *at;

	if (!host_read_text("/proc/self/status", text, sizeof(text)))
		return 0;
	at = strstr(text, "\nCapPrm:");
	return at ? strtoull(at + sizeof("\nCapPrm:") - 1, NULL, 16) : 0;
}

/* In the child. */
static struct outcome give_up(void)
{
	struct outcome o = { .was_root = rights_is_root() };
	int fd;

	if (o.was_root)
		o.user = rights_leave_root(&rights_nobody);
	(void)rights_keep(RIGHTS_NETNS | RIGHTS_BPF | RIGHTS_FDS);
	o.no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	o.sandbox = sandbox_enter(SANDBOX_NETNS);
	o.caps = capabilities();
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	o.opens = fd >= 0;
	return o;
}

static struct outcome ask(void)
{
	struct outcome o = { .asked = -EIO };
	int fds[2], status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return (struct outcome){ .asked = -errno };
	pid = fork();
	if (!pid) {
		o = give_up();
		(void)!write(fds[1], &o, sizeof(o));
		syscall(SYS_exit_group, 0); /* the child; nothing is flushed */
	}
	close(fds[1]);
	if (pid < 0)
		o.asked = -errno;
	else if (read(fds[0], &o, sizeof(o)) != (ssize_t)sizeof(o))
		o = (struct outcome){ .asked = -EIO };
	close(fds[0]);
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	return o;
}

static const struct outcome *outcome(void)
{
	static struct outcome o;
	static bool known;

	if (!known)
		o = ask();
	known = true;
	return &o;
}

/* True: nothing is known. */
static bool is_unknown(struct check *c, const char *title)
{
	int err = outcome()->asked;

	if (!err)
		return false;
	check_say(c, CHECK_UNKNOWN, "%s: %s", title, strerror(-err));
	return true;
}

void check_user(struct check *c)
{
	const struct outcome *o = outcome();

	if (is_unknown(c, "the user once attached"))
		return;
	if (!o->was_root) {
		check_say(c, CHECK_OK, "uid %u", (unsigned int)getuid());
		return;
	}
	if (!o->user) {
		check_say(c, CHECK_OK, "uid 0 is given up once attached");
		check_set(c->path, "watch goes on as uid 65534; record --rotate as the caller of "
				   "sudo, or as uid 0 where only root may write");
		return;
	}
	check_say(c, CHECK_PART, "uid 0 cannot be given up: %s", strerror(-o->user));
	check_set(c->path, "watch goes on as uid 0, with its capabilities given up");
	check_set(c->fix, "add cap_setuid,cap_setgid");
}

void check_no_new_privs(struct check *c)
{
	static const struct {
		unsigned int cap;
		const char *name;
	} names[] = {
		{ CAP_SYS_ADMIN, " CAP_SYS_ADMIN" },
		{ CAP_SYS_PTRACE, " CAP_SYS_PTRACE" },
		{ CAP_BPF, " CAP_BPF" },
		{ CAP_DAC_READ_SEARCH, " CAP_DAC_READ_SEARCH" },
	};
	const struct outcome *o = outcome();
	size_t i;

	if (is_unknown(c, "no_new_privs"))
		return;
	if (!o->no_new_privs) {
		check_say(c, CHECK_PART, "no_new_privs cannot be set");
		check_set(c->path, "watch runs on without");
		return;
	}
	check_say(c, CHECK_OK, "no_new_privs once attached");
	check_set(c->path, o->caps ? "capabilities that watch keeps then:" :
				     "watch keeps no capability then");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (o->caps >> names[i].cap & 1)
			strncat(c->path, names[i].name, sizeof(c->path) - strlen(c->path) - 1);
}

void check_seccomp(struct check *c)
{
	const struct outcome *o = outcome();

	if (is_unknown(c, "the seccomp filter"))
		return;
	if (!o->sandbox) {
		check_say(c, o->opens ? CHECK_PART : CHECK_OK, "a seccomp filter once attached%s",
			  o->opens ? " that lets files be opened for writing" : "");
		check_set(c->path,
			  "watch can make only the system calls that it takes then: no new "
			  "program, socket or mount, no file opened for writing");
		return;
	}
	check_say(c, CHECK_PART, "no seccomp filter: %s", strerror(-o->sandbox));
	check_set(c->path, "watch runs on without one; nothing depends on it");
	check_set(c->fix, o->sandbox == -EOPNOTSUPP ? "a filter is known for x86_64 and arm64" :
						      "a kernel with CONFIG_SECCOMP_FILTER");
}
