/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_AUDIT_H
#define TCS_AUDIT_H

/*
 * audit.h - one look at the sockets of the host, as plain rows: who holds what, and where to
 *
 * A look is filled row by row, from records, and then settled: rows are sorted, and with an earlier
 * look of the same host each row learns how fast it grows. Detect judges the rows, the sinks print
 * them.
 *
 * Owner: the caller; audit_init() and audit_release() belong together. Pure: no I/O, no clock.
 * Bounds: AUDIT_ROWS_MAX rows of each kind; what comes beyond is counted in
 * blind.skipped, and of listeners those that are idle are left out first. Counts of states are
 * whole all the same. Errors: 0 or -ENOMEM.
 */
#include <stdbool.h>
#include <stdint.h>

#include "counter.h"
#include "hash.h"
#include "state.h"
#include "track.h"

/* The rows below are also records (record.h): fixed layout, no pointers, fields by size. */

#define AUDIT_ROWS_MAX	    (64u << 10)
#define AUDIT_UNKNOWN	    UINT64_MAX
#define AUDIT_NO_RATE	    INT64_MIN /* of a rate: one look tells none */
/* Of a rate, either way: rules multiply them by percents. */
#define AUDIT_RATE_MAX	    INT64_C(1000000000000000)
#define AUDIT_NONE	    UINT32_MAX /* of an index */
#define AUDIT_STATE_UNKNOWN UINT32_MAX /* of a count of a namespace */
#define AUDIT_NO_COOKIES    0xff

/* A socket as the census met it. */
struct audit_socket {
	uint64_t id;
	uint64_t quiet_ns;	/* since the peer's last segment; AUDIT_UNKNOWN */
	uint64_t in_state_ns;	/* in this state, seen as an event; AUDIT_UNKNOWN */
	uint64_t cookie_age_ns; /* listeners: since the last SYN cookie; AUDIT_UNKNOWN: never */
	uint64_t cgroup;	/* inode of the cgroup v2 directory; 0 unknown */
	uint8_t laddr[16];
	uint8_t raddr[16];
	struct owner owner; /* pid 0: nobody, or unknown */
	uint32_t netns;
	uint32_t uid;
	uint32_t syn_queue; /* these five: listeners */
	uint32_t syn_queue_young;
	uint32_t accept_queue;
	uint32_t queue_limit;
	uint32_t drops;
	uint16_t lport;
	uint16_t rport;
	uint8_t state;
	uint8_t family;
	uint8_t stalled; /* timeouts in a row */
	uint8_t flags;	 /* enum audit_socket_flags */
	uint8_t pad[4];
	uint64_t netns_cookie; /* 0 unknown */
	uint64_t done;	       /* these four: listeners with AUDIT_HAS_HANDSHAKES; counted so far */
	uint64_t late;	       /* see struct audit_handshakes */
	uint64_t resent;
	uint64_t failing;
	uint32_t device; /* ifindex of the bound device; 0 none */
	/*
	 * Half-closed: milliseconds, at least 1, since payload was last sent (CLOSE_WAIT) or
	 * received (FIN_WAIT2); 0 unknown. UINT32_MAX: that long or longer.
	 */
	uint32_t payload_ms;
};

enum audit_socket_flags {
	AUDIT_HAS_HANDSHAKES = 1 << 0, /* counted for this listener alone */
	AUDIT_INET4 = 1 << 1,	       /* an AF_INET socket */
	AUDIT_V6ONLY = 1 << 2,
	AUDIT_SHARED = 1 << 3, /* SO_REUSEPORT */
	AUDIT_MPTCP = 1 << 4,  /* the state is that of an MPTCP socket */
	/* These two are unknown where neither is set: in recordings of 2.1 and before. */
	AUDIT_ATTACHED = 1 << 5, /* has a struct socket: a process holds it */
	AUDIT_DETACHED = 1 << 6, /* never accepted, or closed by its process */
};

struct audit_netns {
	uint64_t in_use;	/* full sockets as the kernel counts them; AUDIT_UNKNOWN */
	uint64_t overflows;	/* TCPTimeWaitOverflow so far; AUDIT_UNKNOWN */
	int64_t overflow_milli; /* a second, in thousandths; audit_settle() */
	uint32_t netns;
	uint32_t time_wait_table; /* mini-sockets: TIME_WAIT and part of FIN_WAIT2 */
	uint32_t time_wait_limit; /* tcp_max_tw_buckets; 0 unknown */
	uint32_t ports_range;	  /* ports connect() may take by itself; 0 unknown */
	uint32_t states[TCS_STATE_MAX];
	uint8_t tw_reuse; /* tcp_tw_reuse: 0 never, 1 always, 2 on loopback */
	/* tcp_syncookies: 0 never, 1 when the SYN queue is full, 2 always; AUDIT_NO_COOKIES */
	uint8_t cookies;
	uint8_t walked; /* its half-open connections are in this look */
	uint8_t hidden; /* no process or name shows it, so that it cannot be entered */
	uint64_t counters[COUNTER_MAX];	    /* so far; AUDIT_UNKNOWN */
	int64_t counter_milli[COUNTER_MAX]; /* a second, in thousandths; audit_settle() */
	uint64_t netns_cookie;		    /* never reused; 0 unknown */
	/* tcp_max_syn_backlog, where tcp_syncookies 0 makes it count; 0: it does not, or unknown */
	uint32_t syn_backlog;
	uint8_t crowded; /* half-open ones of some listeners found no room (then not walked) */
	uint8_t pad2[3];
};

/*
 * A namespace that exists and was in an earlier look, and is not in this one: its sockets cannot be
 * walked any more. What is known of it is neither confirmed nor over.
 */
struct audit_unseen {
	uint64_t netns_cookie; /* 0 unknown */
	uint32_t netns;
	uint32_t pad;
};

/* Descriptors of a process that holds half-closed sockets. */
struct audit_holder {
	uint64_t fd_used; /* AUDIT_UNKNOWN */
	uint64_t fd_limit;
	uint32_t pid;
	uint32_t pad;
};

/* What a look covers. */
enum audit_covers {
	AUDIT_COUNTERS = 1 << 0,   /* of every namespace */
	AUDIT_SOCKETS = 1 << 1,	   /* all of them: counts of states, rows */
	AUDIT_HANDSHAKES = 1 << 2, /* counts of them, and of SYNs to closed ports */
	AUDIT_LISTENERS = 1 << 3,  /* their queues; every look at sockets has them */
	AUDIT_PENDING = 1 << 4,	   /* connects that are not answered */
	AUDIT_CONNECTS = 1 << 5,   /* how connects ended, since counting began or lately */
};

/* What a filter cannot be applied to afterwards is left blank (select_look.h). */
enum audit_blank {
	AUDIT_BLANK_STATES = 1 << 0,	/* counts of some states; AUDIT_UNKNOWN */
	AUDIT_BLANK_HALF_OPEN = 1 << 1, /* half-open connections of some listeners */
	AUDIT_BLANK_GROUPS = 1 << 2,	/* some groups */
	AUDIT_BLANK_LISTENERS = 1 << 3, /* listeners of which a part of the half-open ones pass */
};

enum audit_right {
	AUDIT_RIGHT_UNKNOWN = 0,
	AUDIT_RIGHT_MISSING,
	AUDIT_RIGHT_HELD,
};

/* How much of the host a look did not see; all zero: nothing. */
struct audit_blind {
	uint64_t sockets;	  /* walked over */
	uint64_t skipped;	  /* rows that had no room */
	uint64_t netns_denied;	  /* processes whose namespace we may not look at */
	uint64_t netns_vanished;  /* namespaces that went away or could not be entered */
	uint8_t netns_only_own;	  /* without the right to enter others */
	uint8_t owners_unknown;	  /* open files could not be walked */
	uint8_t processes_hidden; /* by a PID namespace, with what they hold */
	/*
	 * Of a look at all sockets: a namespace that was in an earlier look and is neither in this
	 * one nor unseen has ended, or has no sockets. 0: unknown, as in recordings of 2.1.
	 */
	uint8_t netns_listed;
	uint8_t netns_errno;	   /* of the first of netns_denied; 0 unknown */
	uint8_t netns_ptrace;	   /* enum audit_right: CAP_SYS_PTRACE, which reading them takes */
	uint8_t listeners_missing; /* some are not in this look, though they exist */
	uint8_t pad[1];
};

struct audit_listener {
	struct audit_socket socket;
	int64_t drops_milli; /* a second, in thousandths */
	uint32_t half_open;  /* index; AUDIT_NONE: it has none */
	uint32_t service;    /* index */
};

/* Half-open connections of one listener, both kinds of SYN_RECV. */
struct audit_half_open {
	uint64_t listener; /* cookie; 0: none, or not known */
	uint64_t count;
	uint64_t full;	 /* of these, full sockets */
	uint64_t acked;	 /* the peer has answered: they wait for the program, or for data */
	uint64_t stuck;	 /* not answered though the SYN-ACK was due again */
	uint64_t recent; /* of these, not yet 3 s old */
	uint64_t plain;	 /* of those that are stuck: no SACK, no timestamps were offered */
	uint64_t oldest_ns, newest_ns; /* AUDIT_UNKNOWN */
	uint64_t sources, prefixes;    /* how many different ones */
	uint8_t laddr[16];	       /* as the first of them has it */
	uint32_t netns;
	uint32_t service; /* index, when settled; AUDIT_NONE: the listener is gone */
	uint16_t lport;
	uint8_t family;
	uint8_t sources_exact;
	uint8_t prefixes_exact;
	uint8_t pad[3];
	uint32_t device; /* ifindex of the listener's bound device; 0 none */
	uint32_t pad2;
};

/* Where half-open connections come from: an address, or a /24 or /64. */
struct audit_source {
	uint64_t count;
	uint64_t oldest_ns;
	uint8_t addr[16];
	uint32_t half_open; /* which of the look's, in the order in which they came */
	uint32_t service;   /* index, when settled; in group_sources: of the group */
	uint8_t family;
	uint8_t bits; /* of the prefix; 32 or 128: an address */
	uint8_t pad[2];
	uint32_t device; /* ifindex: zone of a link-local address, or the bound device; 0 none */
};

/* A half-open connection. */
struct audit_request {
	uint64_t age_ns; /* since the first SYN-ACK; AUDIT_UNKNOWN */
	uint8_t laddr[16];
	uint8_t raddr[16];
	uint32_t netns;
	uint16_t lport;
	uint16_t rport;
	uint8_t family;
	uint8_t retransmits;
	uint8_t acked;
	uint8_t pad;
	uint32_t device; /* ifindex; 0 none */
};

/*
 * What happened to handshakes at one local address and port, counted since the program runs; of
 * connections whose listener is not known. netns 0: how many found no room, wherever.
 */
struct audit_handshakes {
	uint64_t done;	  /* SYN_RECV -> ESTABLISHED */
	uint64_t late;	  /* of these, the SYN-ACK had to be sent again */
	uint64_t resent;  /* SYN-ACKs */
	uint64_t failing; /* requests whose SYN-ACK was resent for the first time, not answered */
	uint8_t laddr[16];
	uint32_t netns;
	uint16_t lport;
	uint8_t inet4;	 /* the sockets are AF_INET */
	uint8_t unsure;	 /* their listener may be at another address */
	uint32_t device; /* ifindex of the bound device of the sockets; 0 none */
	uint32_t pad2;
};

/* Who was answered with resets for SYNs to ports where nobody listens. */
struct audit_scanner {
	uint64_t resets;
	uint64_t ports;	   /* different ones; an estimate from a hundred or so on */
	uint64_t since_ns; /* the first of them */
	uint8_t addr[16];
	uint32_t netns;
	uint8_t family;
	uint8_t pad[3];
	uint32_t device; /* ifindex: zone of a link-local address; 0 none */
	uint32_t pad2;
};

/*
 * What one process holds in one namespace in a state that only an end's close() ends: CLOSE_WAIT,
 * or FIN_WAIT2 after shutdown(). Old: in this state for the configured time, and as long without
 * payload in the direction that is still open.
 */
struct audit_half_closed {
	uint32_t netns;
	struct owner owner;
	uint64_t count;
	uint64_t old;
	uint64_t unaccepted; /* of all, in an accept queue: no descriptor; AUDIT_UNKNOWN */
	uint64_t oldest_ns;  /* AUDIT_UNKNOWN */
	bool oldest_exact;   /* seen as an event; else a lower bound */
	int64_t growth_milli;
	uint64_t fd_used; /* AUDIT_UNKNOWN */
	uint64_t fd_limit;
	struct audit_socket example;
	bool same_remote; /* all are connected to the example's remote address and port */
	bool same_local;  /* all have the example's local port */
};

/*
 * Local ports in use, and TIME_WAIT: of connections to one destination (rport is not 0); or of
 * connections from others to one local port (lport is not 0), which take no ports; or ports that
 * sockets of one local address were bound to, toward all destinations (both are 0).
 */
struct audit_place {
	int64_t growth_milli;  /* audit_settle() */
	uint64_t next_free_ns; /* until the first TIME_WAIT is over; AUDIT_UNKNOWN */
	uint64_t all_free_ns;  /* until none of those of now is left */
	uint8_t laddr[16];
	uint8_t raddr[16];
	uint32_t netns;
	uint32_t time_wait;
	uint32_t fin_wait2;
	uint32_t ports_used;
	uint32_t ports_range;
	uint16_t reusable; /* TIME_WAIT that connect() takes over when it needs the port */
	uint16_t failed;   /* connects without a port since the last look, at most 65535 */
	uint16_t rport;
	uint16_t lport;
	uint8_t family;
	uint8_t flags;	      /* enum audit_place_flags */
	uint16_t bound;	      /* of ports_used, chosen by bind(): no connect() takes them */
	uint32_t device;      /* ifindex of the bound device; 0 none */
	uint16_t range_first; /* the ports are of this range; 0: of ip_local_port_range */
	uint16_t range_last;
};

enum audit_place_flags {
	AUDIT_PLACE_BOUND = 1 << 0, /* `bound` is known */
};

/* Of one local address, toward all destinations. */
static inline bool audit_place_is_source(const struct audit_place *p)
{
	return !p->rport && !p->lport;
}

/* Its ports are counted: it is not that of a server. */
static inline bool audit_place_has_ports(const struct audit_place *p)
{
	return p->rport || !p->lport;
}

/* The range of local ports that connect() chooses from by itself. */
static inline bool audit_place_is_default(const struct audit_place *p)
{
	return !p->range_first;
}

/*
 * A connection that a timeout has ended. It has no owner: its socket is closed, so the process that
 * had it cannot be looked up among open files, and a finding names no other.
 */
struct audit_timeout {
	uint64_t ts_ns;
	uint64_t netns_cookie; /* 0 unknown */
	uint8_t raddr[16];
	uint32_t netns;
	uint32_t device; /* ifindex; 0 none */
	uint8_t family;
};

/* Connections whose peer does not answer: to one address, or to those of one /24 or /64. */
struct audit_dead {
	uint64_t netns_cookie; /* 0 unknown */
	uint32_t netns;
	uint32_t device; /* ifindex: the same address on another one is another peer; 0 none */
	uint8_t family;
	uint8_t bits; /* of the prefix; 32 or 128: an address */
	uint8_t raddr[16];
	uint64_t count;	    /* those that have timed out included */
	uint64_t timed_out; /* of these: they were closed for it, lately */
	uint64_t hosts;	    /* addresses */
	uint64_t quiet_ns;  /* of the longest that is still there; AUDIT_UNKNOWN */
	struct owner owner; /* of the first open socket that has one; pid 0: unknown */
	uint32_t net;	    /* of an address: index of its prefix; AUDIT_NONE: no other is dead */
};

/* Why a connect failed, as far as the close reasons tell (reason.h). */
enum connect_failure {
	CONNECT_REFUSED = 0,
	CONNECT_TIMED_OUT,
	CONNECT_UNREACHABLE,
	CONNECT_NO_LOCAL_PORT,
	CONNECT_GIVEN_UP, /* closed by the program after a second or more without an answer */
	CONNECT_OTHER,
	CONNECT_FAILURES,
};

#define CONNECT_GIVEN_UP_NS 1000000000ull /* TCP_TIMEOUT_INIT: the SYN was sent again */

/* Which connects a row is about. */
enum connect_of {
	CONNECT_OF_PAIR = 0,	/* from laddr to raddr and rport: goes into both of the following */
	CONNECT_OF_DESTINATION, /* to raddr and rport; laddr is one of several, or the only one */
	CONNECT_OF_SOURCE,	/* from laddr */
	CONNECT_OF_MAX,
};

/* Connects to one destination, or from one source address: how they ended, how many are pending. */
struct audit_connect {
	uint64_t netns_cookie; /* 0 unknown */
	uint64_t connected;    /* within window_ns; AUDIT_UNKNOWN: ends are not counted */
	uint64_t failed[CONNECT_FAILURES];
	uint64_t recent_connected; /* of these, in the latter half of the window or so */
	uint64_t recent_failed;
	uint64_t window_ns;  /* 0: ends are not counted */
	uint64_t failing_ns; /* from the first failure to the last, without a time of success */
	uint64_t known_ns;   /* for how long `connected` is known; AUDIT_UNKNOWN: no limit */
	uint64_t elsewhere;  /* failures after which the program connected by the other family */
	uint64_t pending;    /* SYN sent again and not answered; AUDIT_UNKNOWN */
	uint64_t oldest_ns;  /* of these, since its first SYN; AUDIT_UNKNOWN */
	uint64_t repeated;   /* of a source: failures at destinations that were tried repeatedly */
	uint64_t destinations; /* of a source: with failures */
	uint8_t laddr[16];
	uint8_t raddr[16];  /* zeros: of a source */
	struct owner owner; /* of the last that failed */
	uint32_t netns;
	uint32_t device; /* ifindex; 0 none */
	uint32_t source; /* of a destination: index of the row of its laddr; AUDIT_NONE */
	uint16_t rport;
	uint8_t family;
	uint8_t of;    /* enum connect_of */
	uint8_t open;  /* it may have been failing before counting began */
	uint8_t lasts; /* for audit_config.connect_ns; audit_settle() */
	uint8_t pad[6];
};

enum audit_by {
	AUDIT_BY_NONE = 0,
	AUDIT_BY_COMM,
	AUDIT_BY_LPORT,
	AUDIT_BY_RADDR,
	AUDIT_BY_NETNS,
	AUDIT_BY_MAX,
};

const char *audit_by_name(enum audit_by by);

struct audit_group {
	uint64_t states[TCS_STATE_MAX];
	uint8_t raddr[16];
	char comm[TCS_COMM_LEN];
	uint32_t netns; /* where they are counted; a key only of AUDIT_BY_NETNS */
	uint16_t lport;
	uint16_t pad;
	uint32_t device; /* ifindex: zone of a link-local raddr; 0 none */
	uint32_t pad2;
};

struct audit_config {
	uint64_t old_ns;     /* CLOSE_WAIT counts as old from this age on */
	uint64_t fin_old_ns; /* and FIN_WAIT2 from this one */
	uint64_t dead_ns;    /* a peer is dead after this time without a segment from it ... */
	uint64_t connect_ns; /* connects have failed for long after so much time */
	uint8_t stalled;     /* ... and this number of timeouts in a row */
	bool count_rows; /* count the states here, from sockets, for they are filtered by owner */
	bool by_remote;	 /* filtered by remote address or port: which no listener has by itself */
	enum audit_by by;
	uint32_t uncounted; /* states, as bits, that are filtered out: nobody knows how many */
};

struct audit {
	struct audit_config config;
	uint64_t ts_ns;
	uint64_t window_ns;		/* that rates are of; 0: there are none */
	uint32_t covers;		/* enum audit_covers, bits */
	uint32_t blank;			/* enum audit_blank, bits */
	uint64_t states[TCS_STATE_MAX]; /* AUDIT_UNKNOWN */
	struct audit_blind blind;

	struct audit_netns *netns;
	struct audit_listener *listeners;
	struct audit_half_closed *close_wait, *fin_wait2;
	struct audit_place *places;
	struct audit_dead *dead, *dead_nets; /* the second are made by settling */
	struct audit_group *groups;
	struct audit_half_open *half_open;
	struct audit_source *sources;
	struct audit_request *requests;
	struct audit_handshakes *handshakes;
	struct audit_scanner *scanners;
	struct audit_unseen *unseen;
	struct audit_connect *connects; /* of destinations and of sources */
	/* These three are made by settling (service.h): of listeners, of groups of them. */
	struct audit_service *services, *service_groups;
	struct audit_source *group_sources;
	uint32_t n_netns, n_listeners, n_close_wait, n_fin_wait2, n_places, n_dead, n_groups;
	uint32_t n_half_open, n_sources, n_requests, n_handshakes, n_scanners, n_services;
	uint32_t n_unseen, cap_unseen;
	uint32_t n_dead_nets, cap_dead_nets, n_service_groups, n_group_sources;
	uint32_t cap_netns, cap_listeners, cap_close_wait, cap_fin_wait2, cap_places, cap_dead;
	uint32_t cap_groups;
	uint32_t cap_half_open, cap_sources, cap_requests, cap_handshakes, cap_scanners;
	uint32_t at_netns; /* of the socket that was added last */
	uint32_t at_idle; /* of the listeners, once there are too many: those before are not idle */
	uint32_t n_connects, cap_connects;
	const struct audit *walk; /* the snapshot with the places: this one or `whole`; settled */
	struct hash by_holder, by_fin_holder; /* holder_key(): index in close_wait, in fin_wait2 */
	struct hash by_peer, by_group, by_connect;
	struct hash by_netns; /* inode: index of the row */
};

/* How many are in a state, by `states` of a look or of one of its groups; AUDIT_UNKNOWN. */
static inline uint64_t audit_count(const struct audit *a, const uint64_t states[TCS_STATE_MAX],
				   unsigned int state)
{
	return a->config.uncounted >> state & 1 ? AUDIT_UNKNOWN : states[state];
}

int audit_init(struct audit *a, const struct audit_config *config);
void audit_release(struct audit *a);

int audit_add_netns(struct audit *a, const struct audit_netns *n);
int audit_add_socket(struct audit *a, const struct audit_socket *s);
int audit_add_half_open(struct audit *a, const struct audit_half_open *r);
int audit_add_source(struct audit *a, const struct audit_source *r); /* behind its half_open */
bool audit_is_address(const struct audit_source *r);		     /* or it is a prefix */
int audit_add_request(struct audit *a, const struct audit_request *r);
int audit_add_handshakes(struct audit *a, const struct audit_handshakes *r);
int audit_add_scanner(struct audit *a, const struct audit_scanner *r);
int audit_add_unseen(struct audit *a, const struct audit_unseen *r);
/* Adds to the rows with the same key; a pair to two. */
int audit_add_connect(struct audit *a, const struct audit_connect *c);
int audit_add_place(struct audit *a, const struct audit_place *p);
/* A destination without a row, from which n connects came back without a port. 0 or -ENOMEM. */
int audit_add_failed(struct audit *a, const struct audit_place *p);
int audit_add_timeout(struct audit *a, const struct audit_timeout *t);
int audit_add_dead_net(struct audit *a, const struct audit_dead *r); /* for settling */
/* Add to the group with the same key. */
int audit_add_group(struct audit *a, const struct audit_group *g);

/* Behind the sockets it is about. */
void audit_add_holder(struct audit *a, const struct audit_holder *h);
void audit_add_blind(struct audit *a, const struct audit_blind *b);
/* Forget all rows and keep their memory. */
void audit_clear(struct audit *a);

/*
 * Sort, sum up, and compare with earlier looks (NULL: none): of rows with `whole`, the last look at
 * all sockets; of queues, handshakes and counters with `recent`, the last that had listeners. What
 * this one does not cover it takes from `whole`: who owns a listener, what is half-open there.
 */
int audit_settle(struct audit *a, const struct audit *whole, const struct audit *recent);

/* Seconds until `left` are used up at this rate; AUDIT_UNKNOWN where either says nothing. */
uint64_t audit_seconds_left(uint64_t left, int64_t growth_milli);
/* Of two ages or spans that may be AUDIT_UNKNOWN, the longer one that is known. */
uint64_t audit_longest(uint64_t a_ns, uint64_t b_ns);
/* Rounded up; AUDIT_UNKNOWN stays. */
uint64_t audit_seconds(uint64_t ns);
/* From one count to another in `ns`: thousandths a second; AUDIT_NO_RATE where ns is 0. */
int64_t audit_rate_milli(uint64_t now, uint64_t before, uint64_t ns);
/* And back: how many that were; AUDIT_UNKNOWN where there is no rate. */
uint64_t audit_count_of(int64_t milli, uint64_t ns);
/* Another one to a sum; both are known. */
void audit_add_rate(int64_t *to, int64_t milli);
/* The cookie of a namespace of the look, by its inode number; 0 unknown. */
uint64_t audit_netns_cookie(const struct audit *a, uint32_t netns);
/*
 * Is the namespace with this inode number the same in both looks? False only where cookies show
 * that the number was given to another one in between.
 */
bool audit_same_netns(const struct audit *a, const struct audit *b, uint32_t netns);
/*
 * Does a look at all sockets say what this namespace holds: is it in it, or known to have ended?
 * cookie: 0 unknown.
 */
bool audit_covers_netns(const struct audit *a, uint32_t netns, uint64_t cookie);
/* Hidden namespaces, and the sockets in them: AUDIT_UNKNOWN where a filter leaves some unknown. */
uint64_t audit_hidden(const struct audit *a, uint64_t *ret_sockets);
/* No listener is missing: neither for lack of room nor because a filter cannot be applied to it. */
bool audit_has_all_listeners(const struct audit *a);
/* It is not known which of the half-open connections of this namespace the filter selects. */
bool audit_half_open_blank(const struct audit *a, uint32_t netns);
/* Pending connects of the last snapshot of all sockets, for one without. 0 or -ENOMEM. */
int audit_carry_connects(struct audit *a, const struct audit *whole);
/* A row without any connect; AUDIT_UNKNOWN where that is a value. */
struct audit_connect audit_no_connect(void);
/* Connects that failed or are not answered. */
uint64_t audit_connect_failing(const struct audit_connect *c);
/* All rows were added: failing times, and sums of the source addresses. */
void audit_connect_settle(struct audit *a);
/* Ports that nothing but time gives back. */
uint32_t audit_ports_taken(const struct audit_place *p);
/* Ports towards this destination, and descriptors, that can still be had; AUDIT_UNKNOWN. */
uint64_t audit_ports_left(const struct audit_place *p);
uint64_t audit_descriptors_left(const struct audit_half_closed *c);
/* Of these sockets, those that take a descriptor of their process. */
uint64_t audit_descriptors_of(const struct audit_half_closed *c);

#endif /* TCS_AUDIT_H */
