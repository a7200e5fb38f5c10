// SPDX-License-Identifier: GPL-2.0-only
/*
 * flood.c - SYN floods, and what looks like one, inside namespaces made for the purpose
 *
 *   flood lab      two namespaces and the ways between them (flood_lab.c)
 *   flood syn      SYNs from invented sources, on the wire     (flood_syn.c)
 *   flood serve    listeners that accept, slowly or never      (flood_tcp.c)
 *   flood connect  real clients, on the line                   (flood_tcp.c)
 *   flood witness  when the kernel's counters move             (here)
 *   flood crowd    a user who fills tables                     (flood_crowd.c)
 *
 * `flood lab` prints a process of each side: nsenter -t PID -n flood serve ... The roles print
 * one JSON object a line. Words are explained at the head of each file.
 */
#include <poll.h>
#include <signal.h>

#include "flood.h"
#include "netstat.h"

uint32_t words_number(const struct words *w, const char *name, uint32_t otherwise, uint32_t max)
{
	const char *text = words_text(w, name, NULL);
	unsigned long n;
	char *end;

	if (!text)
		return otherwise;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || end == text || *end || n > max)
		die("%s=%s: not a number from 0 to %u", name, text, max);
	return (uint32_t)n;
}

const char *words_text(const struct words *w, const char *name, const char *otherwise)
{
	for (unsigned int i = w->n; i-- > 0;)
		if (!strcmp(w->word[i].name, name))
			return w->word[i].value;
	return otherwise;
}

void words_only(const struct words *w, const char *names)
{
	char name[40];

	for (unsigned int i = 0; i < w->n; i++) {
		snprintf(name, sizeof(name), " %s ", w->word[i].name);
		if (!strstr(names, name))
			die("no such word here: %s (there are:%s)", w->word[i].name, names);
	}
}

double wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static uint64_t dice_state = 88172645463325252ULL;

/* xorshift64 (Marsaglia 2003): no pattern that a hash table or a reader could see. */
uint32_t dice(void)
{
	dice_state ^= dice_state << 13;
	dice_state ^= dice_state >> 7;
	dice_state ^= dice_state << 17;
	return (uint32_t)(dice_state >> 16);
}

void dice_seed(uint32_t seed)
{
	dice_state ^= (uint64_t)seed * 0x9e3779b97f4a7c15ULL;
	if (!dice_state)
		dice_state = 1;
}

static volatile sig_atomic_t enough;

static void on_term(int signo)
{
	(void)signo;
	enough = 1;
}

void told_enough_on_term(void)
{
	signal(SIGTERM, on_term);
}

bool told_enough(void)
{
	return enough;
}

bool told_to_stop(int ms)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&in, 1, ms) > 0;
}

/*
 * flood witness [tick_ms=5]: one line for each counter that moves, when it does for the first
 * time. A flood is visible with the first of them: a SYN-ACK sent again, a cookie, a drop.
 */
void witness_role(const struct words *w)
{
	static const char *const counters[] = { "TCPSynRetrans", "SyncookiesSent",
						"TCPReqQFullDrop", "ListenDrops" };
	uint64_t before[4] = { 0 }, now;
	bool moved[4] = { false };
	char text[16384];

	words_only(w, " tick_ms ");
	for (bool first = true;; first = false) {
		if (netstat_read(text, sizeof(text)))
			die("cannot read /proc/thread-self/net/netstat");
		for (unsigned int i = 0; i < 4; i++) {
			now = netstat_find(text, "TcpExt:", counters[i]);
			if (now == NETSTAT_NONE)
				die("no %s here", counters[i]);
			if (first)
				before[i] = now;
			if (moved[i] || now == before[i])
				continue;
			moved[i] = true;
			printf("{\"type\":\"moved\",\"counter\":\"%s\",\"at_ms\":%.3f}\n",
			       counters[i], wall_ms());
			fflush(stdout);
		}
		if (first) {
			printf("{\"type\":\"ready\",\"at_ms\":%.3f}\n", wall_ms());
			fflush(stdout);
		}
		if (told_to_stop((int)words_number(w, "tick_ms", 5, 1000)))
			return;
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(const struct words *w);
	} roles[] = { { "lab", lab_role },	   { "syn", syn_role },
		      { "serve", serve_role },	   { "connect", connect_role },
		      { "witness", witness_role }, { "crowd", crowd_role } };
	struct word word[64];
	struct words w = { .word = word };

	alarm(LAB_SECONDS);
	for (int i = 2; i < argc && w.n < 64; i++) {
		char *value = strchr(argv[i], '=');

		if (value)
			*value++ = '\0';
		word[w.n++] = (struct word){ argv[i], value ? value : "1" };
	}
	for (size_t i = 0; argc > 1 && i < sizeof(roles) / sizeof(*roles); i++) {
		if (strcmp(argv[1], roles[i].name))
			continue;
		dice_seed(words_number(&w, "seed", (uint32_t)getpid(), UINT32_MAX));
		roles[i].run(&w);
		return 0;
	}
	fprintf(stderr, "usage: flood lab|syn|serve|connect|witness|crowd [WORD=VALUE]...\n");
	return 2;
}
