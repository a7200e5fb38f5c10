// SPDX-License-Identifier: GPL-2.0-only
#include "checks_inside.h"

#include <errno.h>
#include <string.h>

#include "feature.h"

#define RING_BYTES 65536 /* of a try; a power of two and of pages, whatever a page is */

/* err: of a try. Without rights the names in BTF have to do. */
static void tried(struct check *c, int err, bool in_btf, const char *title, const char *missing)
{
	if (err && check_without_btf(c, title))
		return;
	if (!err) {
		check_say(c, CHECK_OK, "%s", title);
	} else if (!in_btf) {
		check_say(c, CHECK_NO, "%s: %s", title, missing);
		check_set(c->fix, "Linux 5.10 or later is needed");
	} else if (err == -EPERM && !check_has_rights()) {
		check_say(c, CHECK_UNKNOWN, "%s", title);
		check_set(c->path, "not tried, for lack of rights");
	} else {
		check_say(c, CHECK_NO, "%s: %s", title, strerror(-err));
		check_set(c->fix, err == -EPERM ?
					  "something forbids bpf() in spite of the rights: in a "
					  "container, --security-opt seccomp=unconfined" :
					  "`tcpconnstate -v` shows the loader's messages");
	}
}

void check_tp_btf(struct check *c)
{
	tried(c, feature_try_tracepoint(), feature_get()->btf.state_change,
	      "tp_btf on sock:inet_sock_set_state", "this kernel has no such tracepoint");
}

void check_synack(struct check *c)
{
	if (check_without_btf(c, "tcp:tcp_retransmit_synack"))
		return;
	if (feature_get()->btf.synack) {
		check_say(c, CHECK_OK, "tcp:tcp_retransmit_synack");
		return;
	}
	check_say(c, CHECK_NO, "tcp:tcp_retransmit_synack: this kernel has no such tracepoint");
	check_set(c->fix, "Linux 5.10 or later is needed");
}

void check_reset(struct check *c)
{
	if (check_without_btf(c, "tcp:tcp_send_reset"))
		return;
	if (feature_get()->btf.reset) {
		check_say(c, CHECK_OK, "tcp:tcp_send_reset");
		return;
	}
	check_say(c, CHECK_PART, "no tracepoint tcp:tcp_send_reset");
	check_set(c->path, "a close that ends in a reset of our own may be told as TIME_WAIT");
	check_set(c->fix, "a newer kernel");
}

void check_programs(struct check *c)
{
	static const char *const paths[] = {
		"this kernel runs a program also while it interrupts itself: none is skipped",
		"the kernel skips a program that interrupts itself; the second takes what the "
		"first was not run for, and nothing is lost",
		"as programs can be preempted here, more of them catch what two would lose; what "
		"is lost all the same is counted",
	};
	unsigned int n = feature_get()->programs;

	if (check_without_btf(c, "how many programs are needed"))
		return;
	check_say(c, CHECK_OK, "%u program%s for each state change", n, n == 1 ? "" : "s");
	check_set(c->path, paths[n < 3 ? n - 1 : 2]);
}

void check_ring(struct check *c)
{
	int err = feature_try_ring(RING_BYTES);

	tried(c, err, true, "ring buffer", "");
	if (err != -EPERM || feature_get()->btf.memory_cgroups || !check_has_rights())
		return;
	c->status = CHECK_UNKNOWN;
	check_set(c->found, "ring buffer");
	check_set(c->path, "not tried: no more memory may be locked");
	check_set(c->fix, "");
}

void check_iter_tcp(struct check *c)
{
	const struct features *f = feature_get();

	tried(c, feature_try_iter_tcp(), f->btf.iter_tcp, "iter/tcp",
	      "this kernel cannot list its sockets to a program");
	if (c->status == CHECK_NO || f->btf.error || f->btf.batches)
		return;
	c->status = c->status == CHECK_OK ? CHECK_PART : c->status;
	check_set(c->found, "iter/tcp without batches");
	check_set(c->path,
		  "audit on a busy host: a socket may be missed or counted twice each time the "
		  "walk is read, which is every 128 rows");
	check_set(c->fix, "Linux 5.15 or later");
}

void check_socket_table(struct check *c)
{
	const struct feature_btf *btf = &feature_get()->btf;
	bool at_once = btf->loops && btf->nulls_listeners;

	if (check_without_btf(c, "how the table of sockets is read"))
		return;
	check_say(c, CHECK_OK,
		  at_once ? "one walk for all namespaces" : "a walk for each namespace");
	check_set(c->path,
		  at_once ? "the table of sockets is read under RCU" :
			    "iter/tcp walks over all sockets for each namespace that has any");
}

void check_iter_task_file(struct check *c)
{
	const struct features *f = feature_get();

	tried(c, feature_try_iter_task_file(), f->btf.iter_task_file, "iter/task_file",
	      "not there");
	if (c->status != CHECK_NO)
		return;
	c->status = CHECK_PART;
	check_set(c->path, "owners of sockets older than the program stay unknown");
}

void check_sock_from_file(struct check *c)
{
	bool there = feature_get()->btf.sock_from_file;

	if (check_without_btf(c, "bpf_sock_from_file"))
		return;
	check_say(c, CHECK_OK, "%s", there ? "bpf_sock_from_file" : "sockets by their file system");
	check_set(c->path,
		  there ? "a file's socket is asked for" :
			  "no bpf_sock_from_file here: a file of sockfs is known by its magic");
}

static void helper(struct check *c, enum feature_answer answer, const char *there,
		   const char *missing, const char *path, const char *fix)
{
	if (answer == FEATURE_NO) {
		check_say(c, CHECK_PART, "%s", missing);
		check_set(c->path, path);
		check_set(c->fix, fix);
		return;
	}
	if (check_without_btf(c, there))
		return;
	check_say(c, answer == FEATURE_YES ? CHECK_OK : CHECK_UNKNOWN, "%s", there);
	if (answer == FEATURE_UNKNOWN)
		check_set(c->path, "not tried, for lack of rights");
}

void check_storage(struct check *c)
{
	helper(c, feature_get()->storage, "socket storage", "no socket storage in programs",
	       "a connection to a port that several listeners share, or that listen() chose, "
	       "has no owner until a task of its own acts",
	       "Linux 5.11 or later");
}

void check_cookie(struct check *c)
{
	helper(c, feature_get()->cookies, "socket cookies", "no socket cookies in programs",
	       "cookie is null, but for sockets that another program has asked for theirs",
	       "Linux 5.12 or later");
}

void check_netns_cookie(struct check *c)
{
	if (check_without_btf(c, "network namespace cookies"))
		return;
	if (feature_get()->btf.netns_cookies) {
		check_say(c, CHECK_OK, "network namespace cookies");
		return;
	}
	check_say(c, CHECK_PART, "no network namespace cookies");
	check_set(c->path, "a namespace is known by its inode number, which the kernel gives to "
			   "another one when it has ended; netns_cookie is null");
	check_set(c->fix, "Linux 5.12 or later");
}
