/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_FINDING_H
#define TCS_FINDING_H

/*
 * finding.h - something that is wrong: its kind, how bad it is, and the row of a look that shows it
 *
 * A finding carries a copy of its row, so that it can be told when the look is gone. What makes one
 * is detect.h; how it is told, finding_text.h and finding_json.h.
 *
 * Plain values, no memory of their own; nothing here can fail.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit.h"
#include "service.h"

enum finding_kind {
	FINDING_SYN_FLOOD = 1,
	FINDING_ACCEPT_QUEUE_FULL,
	FINDING_SYN_BACKLOG_SMALL,
	FINDING_HANDSHAKE_LOSS,
	FINDING_SYN_SCAN,
	FINDING_CLOSE_WAIT_LEAK,
	FINDING_FIN_WAIT2_HELD,
	FINDING_PORT_EXHAUSTION,
	FINDING_TIME_WAIT_BUILDUP,
	FINDING_DEAD_PEER,
	FINDING_CONNECT_FAILING,
	FINDING_MAX,
};

enum severity {
	SEVERITY_OK = 0,
	SEVERITY_INFO,
	SEVERITY_WARNING,
	SEVERITY_CRITICAL,
	SEVERITY_MAX,
};

enum finding_status {
	FINDING_RAISED = 1,
	FINDING_UPDATED,
	FINDING_CLEARED,
	FINDING_STATUS_MAX,
};

/* "close_wait_leak", "warning", "raised" */
const char *finding_name(enum finding_kind kind);
const char *severity_name(enum severity severity);
const char *finding_status_name(enum finding_status status);
/* Is it about handshakes at a service: does row.syn count? */
bool finding_is_syn(enum finding_kind kind);
bool severity_parse(const char *name, enum severity *ret);

/* What half-open connections press against. */
enum syn_pressure {
	SYN_SLOW = 1,	/* nothing yet: there is room */
	SYN_QUEUE_FULL, /* the limit, and neither of the following is seen */
	SYN_COOKIES,
	SYN_DROPS,
	SYN_PRESSURE_MAX,
};

const char *syn_pressure_name(enum syn_pressure pressure); /* "queue_full" */

/* A service that a finding may be about. */
struct finding_place {
	struct owner owner;
	uint8_t laddr[16];
	uint32_t device; /* ifindex; 0 none */
	uint16_t lport;
	uint8_t family;
};

#define FINDING_PLACES 8 /* so many are named */

/* A service, or a group of them, and what its rule saw; rates in thousandths a second. */
struct finding_syn {
	struct audit_service service; /* service_unknown() where several are possible: */
	struct finding_place possible[FINDING_PLACES];
	uint32_t n_possible; /* 0: it is known; may be more than are named */
	bool by_cookies;     /* of the namespace; only they tell of it */
	enum syn_pressure pressure;
	uint8_t syncookies; /* tcp_syncookies; AUDIT_NO_COOKIES unknown */
	bool accepts;	    /* connections were taken out of the accept queue in this window */
	int64_t failing, cookies, cookies_sent, drops;
	uint64_t done_permille; /* of the handshakes that were begun; AUDIT_UNKNOWN */
};

/* Connects that fail, and the local ports in use from their address to their destination. */
struct finding_connect {
	struct audit_connect row;
	uint64_t ports_used, ports_range; /* AUDIT_UNKNOWN */
};

/* The row that made the finding; which member counts is told by the kind. */
struct finding {
	enum finding_kind kind;
	enum severity severity;
	enum finding_status status;
	uint32_t netns;
	uint64_t netns_cookie; /* 0 unknown */
	uint64_t since_ns;     /* of the look that raised it */
	uint64_t seconds_left; /* to the end of descriptors or ports; AUDIT_UNKNOWN */
	union {
		struct finding_syn syn; /* all of SYN_* but syn_scan */
		struct audit_scanner scanner;
		struct audit_half_closed half_closed; /* close_wait_leak, fin_wait2_held */
		struct audit_place place;
		struct audit_netns table;
		struct audit_dead dead;
		struct finding_connect connect;
	} row;
};

/*
 * What an operator can do, in a sentence: that step of the finding's page (explain.h) which its
 * evidence calls for.
 */
const char *finding_advice(const struct finding *f, size_t *ret_len);

typedef void (*finding_fn)(void *ctx, const struct finding *finding);

/* Are they about the same thing? Then one is what the other has become. */
bool finding_same(const struct finding *a, const struct finding *b);
/* What of it can become twice as much, and is then told again; 0: nothing. */
uint64_t finding_amount(const struct finding *f);
/*
 * It is about this service: the same listener or group, or a group and one of its members. False
 * where it is not known what it is about.
 */
bool finding_is_about(const struct finding_syn *f, const struct audit_service *s);
/* Of a finding about a group: does this member of it show it by itself? */
enum finding_shown {
	FINDING_NOT_SHOWN = 0,
	FINDING_SHOWN,
	FINDING_SHOWN_UNKNOWN, /* the kernel knows of the group only, or rates are not known */
};
enum finding_shown finding_shown_by(const struct finding *f, const struct audit_service *s);

/* A flood may be at this service, where nobody can tell at which it is. */
bool finding_is_possible(const struct finding_syn *f, const struct audit_service *s);

#endif /* TCS_FINDING_H */
