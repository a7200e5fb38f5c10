/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef E2E_EXPECT_H
#define E2E_EXPECT_H

/*
 * expect.h - the lines that the tool must print, said by the one who made them happen
 *
 * A `life` is one socket from its first to its last transition. The scenario writes its path in
 * one string; life_print_all() turns it into one JSON line per transition. Only what the
 * scenario vouches for is printed: an absent key means "not vouched for", null means "the tool
 * must say null", an array means "any of these".
 *
 *   "close syn_sent/t established/c fin_wait1/t fin_wait2/c time_wait.fin_wait2/c"
 *
 * First word: the state it starts in. Then one word per transition: STATE[.SUBSTATE]/SOURCE,
 * where SOURCE says who the owner must be and how the tool may know it:
 *
 *   t  task      `actor` changed it, in its own context (T: `heir` did)
 *   c  cached    `actor` acted on this socket earlier (C: `heir` did)
 *   l  listener  nobody but the listener's owner (`heir`) is known
 *   s  scan      found among open files (`actor`)
 *   a  actor     (A: `heir`) task or cached: over loopback the soft interrupt may take the
 *                answer or, from the backlog, the owner itself
 *   h  listener or task, owner `heir`: closed by the listener's close
 *   p  the pid of `actor` is certain, how it became known is not
 *   -  not vouched for
 *
 * Bounds: LIFE_MAX lives, LIFE_PATH bytes each; more is a mistake of the scenario and dies.
 */
#include <netinet/in.h>
#include <sys/prctl.h>

#include "lab.h"

#define LIFE_MAX  64
#define LIFE_PATH 400

struct who {
	pid_t pid;
	char comm[16];
};

struct life {
	char name[32];
	const char *direction; /* NULL: not vouched for */
	const char *reason;    /* of the last transition; NULL: not vouched for; "a|b" any of */
	char path[LIFE_PATH];
	char laddr[INET6_ADDRSTRLEN];
	char raddr[INET6_ADDRSTRLEN];
	int family; /* 4, 6; 0: not vouched for */
	unsigned int lport;
	unsigned int rport;
	uint64_t netns;
	bool bound; /* the local port is known from the first transition on */
	bool older; /* opened before the tool: duration of the first transition is null */
	struct who actor;
	struct who heir;
};

static struct life lives[LIFE_MAX];
static size_t n_lives;

static inline struct who who_am_i(void)
{
	struct who w = { .pid = getpid() };

	prctl(PR_GET_NAME, w.comm);
	return w;
}

static inline struct life *life_new(const char *name, const char *direction)
{
	struct life *l = &lives[n_lives];

	if (n_lives == LIFE_MAX)
		die("more than %d lives", LIFE_MAX);
	n_lives++;
	*l = (struct life){ .direction = direction, .netns = lab.netns };
	snprintf(l->name, sizeof(l->name), "%s", name);
	l->actor = l->heir = who_am_i();
	return l;
}

__attribute__((format(printf, 2, 3))) static inline void life_path(struct life *l, const char *fmt,
								   ...)
{
	size_t at = strlen(l->path);
	va_list ap;
	int n;

	if (at)
		l->path[at++] = ' ';
	va_start(ap, fmt);
	n = vsnprintf(l->path + at, sizeof(l->path) - at, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(l->path) - at)
		die("path of %s is too long", l->name);
}

static inline void life_end(struct life *l, const char *path, const char *reason)
{
	if (path)
		life_path(l, "%s", path);
	l->reason = reason;
}

/* Take addresses as the user sees them: an IPv4 client of a dual-stack socket is IPv4. */
static inline void addr_text(const struct sockaddr_storage *ss, char *text, unsigned int *port,
			     int *family)
{
	const struct sockaddr_in6 *s6 = (const struct sockaddr_in6 *)ss;
	const struct sockaddr_in *s4 = (const struct sockaddr_in *)ss;

	if (ss->ss_family == AF_INET) {
		inet_ntop(AF_INET, &s4->sin_addr, text, INET6_ADDRSTRLEN);
		*port = ntohs(s4->sin_port);
		*family = 4;
		return;
	}
	*port = ntohs(s6->sin6_port); /* NOLINT: getsockname() has written it */
	*family = 6;
	if (IN6_IS_ADDR_V4MAPPED(&s6->sin6_addr)) {
		inet_ntop(AF_INET, &s6->sin6_addr.s6_addr[12], text, INET6_ADDRSTRLEN);
		*family = 4;
	} else {
		inet_ntop(AF_INET6, &s6->sin6_addr, text, INET6_ADDRSTRLEN);
	}
}

static inline void life_addr(struct life *l, int fd)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		die("no local address of %s", l->name);
	addr_text(&ss, l->laddr, &l->lport, &l->family);
	len = sizeof(ss);
	if (getpeername(fd, (struct sockaddr *)&ss, &len) == 0)
		addr_text(&ss, l->raddr, &l->rport, &l->family);
}

static inline void print_choice(const char *key, const char *list)
{
	if (!strchr(list, '|')) {
		printf(",\"%s\":\"%s\"", key, list);
		return;
	}
	printf(",\"%s\":[", key);
	for (const char *p = list; *p;) {
		int n = (int)strcspn(p, "|");

		printf("%s\"%.*s\"", p == list ? "" : ",", n, p);
		p += n;
		if (*p)
			p++;
	}
	printf("]");
}

static inline void print_owner(const struct life *l, char source)
{
	const struct who *w = &l->actor;
	const char *list;

	if (source >= 'A' && source <= 'Z') {
		w = &l->heir;
		source = (char)(source - 'A' + 'a');
	}
	switch (source) {
	case 't':
		list = "task";
		break;
	case 'c':
		list = "cached";
		break;
	case 'a':
		list = "task|cached";
		break;
	case 's':
		list = "scan";
		break;
	case 'l':
		list = "listener";
		w = &l->heir;
		break;
	case 'h':
		list = "listener|task|cached";
		w = &l->heir;
		break;
	case 'p':
		list = NULL;
		break;
	case '-':
		return;
	default:
		die("unknown owner source '%c' in %s", source, l->name);
	}
	printf(",\"pid\":%d", w->pid);
	if (*w->comm)
		printf(",\"comm\":\"%s\"", w->comm);
	if (list)
		print_choice("owner_source", list);
}

static inline void life_print(const struct life *l)
{
	char path[LIFE_PATH], old[24] = "";
	char *save = NULL;
	bool first = true;

	snprintf(path, sizeof(path), "%s", l->path);
	for (char *word = strtok_r(path, " ", &save); word;) {
		char *next = strtok_r(NULL, " ", &save);
		char *source = strchr(word, '/');
		char *sub = strchr(word, '.');
		bool ends = !strncmp(word, "close", 5) && strncmp(word, "close_", 6);
		bool tw = !strncmp(word, "time_wait", 9);

		if (!*old) { /* the state it starts in */
			snprintf(old, sizeof(old), "%s", word);
			word = next;
			continue;
		}
		if (!source)
			die("%s: no owner source in '%s'", l->name, word);
		*source++ = '\0';
		if (sub)
			*sub++ = '\0';
		printf("{\"life\":%zu,\"socket\":\"%s\",\"netns\":%llu", (size_t)(l - lives),
		       l->name, (unsigned long long)l->netns);
		if (l->family)
			printf(",\"family\":%d", l->family);
		if (*l->laddr && !(first && !strcmp(old, "close") && !strcmp(word, "syn_sent")))
			printf(",\"laddr\":\"%s\"", l->laddr);
		if (*l->raddr)
			printf(",\"raddr\":\"%s\"", l->raddr);
		if (!strcmp(old, "close") && !strcmp(word, "syn_sent") && !l->bound)
			printf(",\"lport\":null");
		else if (l->lport)
			printf(",\"lport\":%u", l->lport);
		if (l->rport)
			printf(",\"rport\":%u", l->rport);
		printf(",\"old_state\":\"%s\",\"new_state\":\"%s\",\"kernel_new_state\":\"%s\"",
		       old, word, tw ? "close" : word);
		if (tw && sub)
			printf(",\"tw_substate\":\"%s\"", sub);
		else if (!tw)
			printf(",\"tw_substate\":null");
		if (!ends && !tw)
			printf(",\"reason\":null");
		else if (l->reason)
			print_choice("reason", l->reason);
		if (first && l->older)
			printf(",\"duration_us\":null");
		if (l->direction)
			printf(",\"direction\":\"%s\"", l->direction);
		print_owner(l, *source);
		printf("}\n");
		snprintf(old, sizeof(old), "%s", word);
		word = next;
		first = false;
	}
}

static inline void life_print_all(void)
{
	for (size_t i = 0; i < n_lives; i++)
		life_print(&lives[i]);
}

#endif /* E2E_EXPECT_H */
