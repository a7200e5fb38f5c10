/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef E2E_TWINS_H
#define E2E_TWINS_H

/*
 * twins.h - parts of twins: network namespaces, listener processes, words of standard input
 *
 * Errors: as in lab.h, every failure ends the process with one sentence on stderr and status 1.
 */
#include "lab.h"

#define ADDRESS_MAX 48

struct ns {
	int fd;
	uint64_t inode;
};

/* Arguments of the command line, the same for all situations. */
struct options {
	bool ipv6;
	bool late;	/* listeners start by the word "listen" */
	bool six_first; /* families: the IPv6 listener is the older one */
	bool dual; /* families: the IPv6 listener is dual-stack, in the same port by SO_REUSEPORT */
	bool same_ports; /* devices: the clients of both tenants use the same source ports */
	unsigned int port, members, backlog, ports, drop_percent;
};
extern struct options options;
extern const struct lab *lab_nets; /* addresses and port of the main part's lab */

/* The calling thread moves into a fresh namespace with lo up. */
void ns_new(struct ns *ns);
void ns_enter(const struct ns *ns);
/* A veth pair; both ends are up. */
void veth_new(const struct ns *a, const char *name_a, const struct ns *b, const char *name_b);
/* Lines of `ip -batch` or `ip -6 -batch`, or an nftables script, in the current namespace. */
__attribute__((format(printf, 1, 2))) void run_ip(const char *fmt, ...);
void run_ip6(const char *lines);
__attribute__((format(printf, 1, 2))) void run_nft(const char *fmt, ...);

socklen_t fill_address(struct sockaddr_storage *ss, int family, const char *text,
		       unsigned int port);
void set_option(int fd, int level, int name, int value);
unsigned int tcp_state(int fd);

/*
 * A situation: SET_UP builds it and prints the fields that are its own; WORD is one line of
 * standard input and prints the fields of the answer; false: the word is not known.
 */
struct situation {
	const char *name;
	void (*set_up)(void);
	bool (*word)(const char *word, const unsigned int *numbers, unsigned int n);
};
extern const struct situation situation_workers, situation_devices, situation_families,
	situation_tproxy, situation_links, situation_lossy;

#endif /* E2E_TWINS_H */
