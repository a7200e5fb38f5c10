/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_COUNTER_H
#define TCS_COUNTER_H

/*
 * counter.h - the kernel's own counters of a namespace that handshakes are judged by
 *
 * Each is one row: our number, the group in /proc/net/snmp ("Tcp:") or /proc/net/netstat
 * ("TcpExt:"), the kernel's name. They see what no socket shows: cookies and drops.
 */
#include <stddef.h>
#include <stdint.h>

#define COUNTER_UNKNOWN UINT64_MAX

/* clang-format off */
#define COUNTERS(X)                                                                             \
	X(COOKIES_SENT, "TcpExt:", "SyncookiesSent")                                            \
	X(COOKIES_RECV, "TcpExt:", "SyncookiesRecv")                                            \
	X(COOKIES_FAILED, "TcpExt:", "SyncookiesFailed")                                        \
	X(LISTEN_DROPS, "TcpExt:", "ListenDrops") /* SYNs and last ACKs, for any reason */      \
	X(SYN_RETRANS, "TcpExt:", "TCPSynRetrans") /* SYNs and SYN-ACKs */                      \
	X(QUEUE_FULL_DROPS, "TcpExt:", "TCPReqQFullDrop") /* SYNs, with tcp_syncookies 0 */     \
	X(LISTEN_OVERFLOWS, "TcpExt:", "ListenOverflows") /* the accept queue is full */        \
	X(EMBRYONIC_RSTS, "TcpExt:", "EmbryonicRsts") /* half-open ones that were reset */      \
	X(OUT_RSTS, "Tcp:", "OutRsts")                                                          \
	X(PASSIVE_OPENS, "Tcp:", "PassiveOpens")
/* clang-format on */

enum counter {
#define X(id, group, name) COUNTER_##id,
	COUNTERS(X)
#undef X
		COUNTER_MAX,
};

struct counter_name {
	const char *group;
	const char *name;
};

static inline struct counter_name counter_name(enum counter c)
{
	static const struct counter_name names[COUNTER_MAX] = {
#define X(id, group, name) { group, name },
		COUNTERS(X)
#undef X
	};

	return names[c];
}

#endif /* TCS_COUNTER_H */
