/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_WIRE_H
#define TCS_WIRE_H

/*
 * tcs_wire.h - what crosses from the kernel into user space, and the settings that go the other way
 *
 * The only header both sides compile, so it is stricter than the rest: fixed-width integers, no
 * pointers, no bit-fields, no padding chosen by a compiler. The kernel side copies facts; names,
 * thresholds and judgement live above (src/event.h decodes and validates these records).
 *
 * What never changes about a socket (addresses, namespace, device, cgroup, uid, cookies) travels
 * once, in a FULL record; after that SHORT records name the socket by its id. A FULL record that
 * found the ring full does not count as sent: the socket's next event is FULL again.
 *
 * The id of a socket is unique for the socket's lifetime and is the programs' own. The kernel's
 * cookie is not an identity: two ACKs for one request that are handled at the same time make two
 * children with the request's cookie (inet_csk_clone_lock()). It is an attribute for display.
 *
 * Bounds: a record is at most TCS_WIRE_MAX bytes. Times are nanoseconds of CLOCK_MONOTONIC, taken
 * with the socket's lock held; so is seq, which counts the socket's events and shows every gap.
 */
#ifndef __bpf__
#include <assert.h>
#include <linux/types.h>
#include <stddef.h>
#endif

#define TCS_COMM_LEN 16
#define TCS_MAX_CPUS 1024 /* slots of per-CPU counters; CPUs beyond share slots */

/*
 * Set in every id that is not a socket cookie. The kernel counts cookies from 1 and never sets it.
 * An id of the event programs is TCS_ID_OWN | serial number << TCS_ID_MAKER_BITS | maker; each
 * maker (CPU, program, context) has serial numbers of its own: no two sockets get the same id.
 */
#define TCS_ID_OWN	  (1ULL << 63)
#define TCS_ID_CPU_BITS	  13
#define TCS_ID_MAKER_BITS (TCS_ID_CPU_BITS + 4)
#define TCS_ID_MAKERS	  16 /* per CPU: two contexts of each of TCS_PROGRAMS_MAX programs */
#define TCS_ID_SCAN	  15 /* the maker of ids that the scan of open files gives */

/* First byte of every record. */
enum tcs_wire_kind {
	TCS_WIRE_STATE = 1, /* sock:inet_sock_set_state */
	TCS_WIRE_SYNACK,    /* tcp:tcp_retransmit_synack */
	TCS_WIRE_RESET,	    /* tcp:tcp_send_reset that answers a segment, after a -> CLOSE */
	TCS_WIRE_GONE,	    /* a socket that was told of has ended, and that will not be told */
	TCS_WIRE_KILLED,    /* SOCK_DESTROY was the cause of a LISTEN -> CLOSE just before */
	TCS_WIRE_KIND_MAX,
};

enum tcs_wire_flags {
	TCS_F_TASK = 1 << 0, /* a task acted: the owner block or the known owner is acting now */
	TCS_F_DEAD = 1 << 1, /* SOCK_DEAD: no descriptor refers to the socket any more */
	TCS_F_DONE = 1 << 2, /* SOCK_DONE: the peer's FIN has come */
	TCS_F_LINGER2_NEG = 1 << 3, /* TCP_LINGER2 < 0: FIN_WAIT2 is not waited for */
	TCS_F_ALL_ACKED = 1 << 4,   /* snd_una == write_seq */
	TCS_F_RESET_SENT = 1 << 5,  /* we sent a reset of our own just before */
	TCS_F_BROKEN = 1 << 6,	    /* old_state is not where the last event left the socket */
	TCS_F_FAST_OPEN = 1 << 7,   /* at SYN_RECV -> CLOSE: a child of TCP Fast Open */
	TCS_F_RETRANS = 1 << 8,	  /* at -> ESTABLISHED: something was resent (total_retrans != 0) */
	TCS_F_CAUGHT = 1 << 9,	  /* told by another than the first program */
	TCS_F_OWNED = 1 << 10,	  /* at -> CLOSE: some task held the socket */
	TCS_F_DEFERRED = 1 << 11, /* tells the socket's first event too: CLOSE -> SYN_SENT, or
				     * LISTEN -> SYN_RECV, in_old_ns before this one */

	/* Which blocks follow the head, in this order. */
	TCS_F_HAS_OWNER = 1 << 12,
	TCS_F_HAS_FACTS = 1 << 13,
	TCS_F_HAS_TOTALS = 1 << 14,
	TCS_F_HAS_COOKIES = 1 << 15, /* before the totals; only with facts */
};

/* Upper bits of tcs_wire_state.srtt_us ("more"); 0 in recordings of format 2.0 and 2.1. */
#define TCS_M_REPAIR	     (1U << 29) /* at -> ESTABLISHED, -> CLOSE: in TCP_REPAIR */
/* At FIN_WAIT2 -> CLOSE, CLOSING -> CLOSE: */
#define TCS_M_NO_TIME_WAIT   (1U << 30)		/* there is no time-wait socket */
#define TCS_M_TIME_WAIT_OPEN (1U << 31)		/* not known whether there is one */
#define TCS_SRTT_MASK	     (TCS_M_REPAIR - 1) /* tcp_sock.srtt_us is 8 times as much: it fits */

/* How the owner of a socket was learned. */
enum tcs_wire_owner_source {
	TCS_OWNER_NONE = 0,
	TCS_OWNER_TASK,	    /* acted on this socket itself */
	TCS_OWNER_LISTENER, /* inherited from the listener; accept() fires nothing */
	TCS_OWNER_SCAN,	    /* found among open files */
	TCS_OWNER_MAX,
};

struct tcs_wire_state {
	__u8 kind;
	/*
	 * sk_err; of a connect() that failed before its SYN: its errno. 0: none, or left by an
	 * ICMP error that ended nothing.
	 */
	__u8 err;
	__u8 old_state;
	__u8 new_state; /* what the kernel said; never TIME_WAIT */
	__u16 flags;	/* enum tcs_wire_flags */
	__u16 lport;	/* host order; 0 until chosen */
	__u64 ts_ns;
	__u64 id;	 /* TCS_ID_OWN; up to format 2.1 the socket's cookie */
	__u64 in_old_ns; /* time spent in old_state; 0 unknown */
	__u32 seq;	 /* of this socket, from 1 */
	__u32 srtt_us;	 /* smoothed round-trip time, 0 unknown; and TCS_M_* */
};

struct tcs_wire_owner {
	__u32 pid;   /* tgid; 0 unknown */
	__u8 source; /* enum tcs_wire_owner_source */
	__u8 pad[3];
	char comm[TCS_COMM_LEN]; /* of the process; not terminated when full; hostile bytes */
};

struct tcs_wire_facts {
	__u8 laddr[16]; /* IPv4 as ::ffff:a.b.c.d */
	__u8 raddr[16];
	__u64 parent; /* id of the listener this socket was born from; 0 none or unknown */
	__u64 cgroup; /* inode of the cgroup v2 directory; 0 unknown */
	__u32 netns;  /* inode of the network namespace */
	__u32 uid;
	__u16 rport;  /* host order; 0: not connected, or not yet known */
	__u8 family;  /* 4 or 6; a mapped IPv4 peer is 4 */
	__u8 epoch;   /* in which they were told */
	__u32 device; /* ifindex of the bound device, or the zone of a link-local address; 0 none */
};

/* Names for people and for other programs; never used to tell sockets or namespaces apart here. */
struct tcs_wire_cookies {
	__u64 socket; /* as `ss -e` prints it; 0 none */
	__u64 netns;  /* SO_NETNS_COOKIE, never reused; 0: the kernel has none (before 5.12) */
};

struct tcs_wire_totals {
	__u64 bytes_sent; /* payload, each byte once */
	__u64 bytes_received;
	__u32 retransmits; /* segments */
	__u32 pad;
};

#define TCS_WIRE_SHORT (sizeof(struct tcs_wire_state))
#define TCS_WIRE_OWNER (TCS_WIRE_SHORT + sizeof(struct tcs_wire_owner))
#define TCS_WIRE_CLOSE (TCS_WIRE_SHORT + sizeof(struct tcs_wire_totals))
#define TCS_WIRE_FULL \
	(TCS_WIRE_OWNER + sizeof(struct tcs_wire_facts) + sizeof(struct tcs_wire_cookies))
#define TCS_WIRE_MAX (TCS_WIRE_FULL + sizeof(struct tcs_wire_totals))

struct tcs_wire_synack {
	__u8 kind;
	__u8 family;
	__u8 retransmits; /* SYN-ACKs resent, this one included */
	__u8 acked;	  /* the peer has answered: the accept queue is what is full */
	__u32 netns;
	__u64 ts_ns;
	__u8 laddr[16];
	__u8 raddr[16];
	__u16 lport;
	__u16 rport;
	__u32 uid;
	__u32 syn_queue;
	__u32 syn_queue_young;
	__u32 accept_queue;
	__u32 queue_limit;
	__u64 listener; /* cookie; 0 unknown */
	__u64 cgroup;
	struct tcs_wire_owner owner; /* the listener's */
	__u64 netns_cookie;	     /* 0 unknown */
	__u32 device;		     /* ifindex; 0 none */
	__u32 pad;
};

/* Also TCS_WIRE_KILLED. */
struct tcs_wire_reset {
	__u8 kind;
	__u8 pad[7];
	__u64 ts_ns;
	__u64 id;
};

/* Filtered, or the ring was full: without it the reader would remember the socket for good. */
struct tcs_wire_gone {
	__u8 kind;
	__u8 pad[7];
	__u64 ts_ns;
	__u64 id;
};

/* One TCP socket found among open files (the scan at start). */
struct tcs_wire_scan {
	__u64 id;
	__u8 laddr[16];
	__u32 pid;
	__u32 netns;
	__u16 lport;
	__u8 state;
	__u8 flags; /* enum tcs_scan_flags */
	__u8 pad[4];
	char comm[TCS_COMM_LEN];
	__u32 device; /* ifindex; 0 none */
	__u32 pad2;
};

enum tcs_scan_flags {
	TCS_SCAN_QUEUED = 1 << 0, /* not open itself: in the accept queue of an open listener */
	TCS_SCAN_INET4 = 1 << 1,  /* an AF_INET socket */
	TCS_SCAN_V6ONLY = 1 << 2,
	TCS_SCAN_SHARED = 1 << 3, /* SO_REUSEPORT */
	TCS_SCAN_MPTCP = 1 << 4,  /* the open file is an MPTCP socket */
	TCS_SCAN_BOUND = 1 << 5,  /* a listener's flags and device are filled in (not so in 2.1) */
};

/*
 * Owners of listeners that have exited, or that have another name, since their listeners' notes
 * were written (bpf/tcs_owners.h). User space corrects the notes.
 */
#define TCS_OWNERS	  16384 /* processes with a listener */
#define TCS_OWNER_CHANGES 1024	/* of which the notes are not corrected yet */

struct tcs_owner_change {
	char comm[TCS_COMM_LEN]; /* the name from now on */
	__u32 gone;		 /* the process has exited */
	__u32 pad;
};

struct tcs_owner_state {
	__u64 changed;	/* changes so far; written by the programs */
	__u64 settled;	/* of these, that the notes are corrected for; written by user space */
	__u64 overflow; /* a change found no room: no owner in a note is reliable */
	__u64 doubts;	/* children used by another process than their listener's owner, about */
};

/* In a note's owner_scan, beside the low bits of the scan's number: it met several holders. */
#define TCS_OWNER_SHARED	0x80
#define TCS_OWNER_SCANNED	0x7f
/*
 * Handshakes of one listener, since it listens or since they are counted. Where a child's listener
 * is not known they are counted by the child's local address instead (struct tcs_handshake_place).
 */
#define TCS_HANDSHAKE_LISTENERS (1 << 17)
#define TCS_HANDSHAKE_PLACES	16384

struct tcs_handshakes {
	__u64 done;    /* SYN_RECV -> ESTABLISHED */
	__u64 late;    /* of these, the SYN-ACK had been sent again */
	__u64 resent;  /* SYN-ACKs */
	__u64 failing; /* the first time for a connection, and the peer had not answered */
};

/* What is kept for a listener. */
struct tcs_handshakes_kept {
	struct tcs_handshakes counts;
	__u64 seen;	 /* their sum, and the listener's drops, at the last look */
	__u32 unwatched; /* it is not among those that are read without a walk (tcs_listeners.h) */
	__u32 pad;
};

struct tcs_handshake_place {
	__u8 laddr[16];
	__u32 netns;
	__u32 device; /* ifindex of the socket's bound device; 0 none */
	__u16 lport;
	__u8 inet4;  /* an AF_INET socket: so is its listener */
	__u8 unsure; /* the listener may be at another address (TPROXY, a BPF program) */
	__u8 pad[4];
};

struct tcs_handshakes_at {
	struct tcs_handshakes counts;
	__u64 last_ns; /* user space removes what has not changed for long */
};

/* One socket of a census. A row of state 0 only fills the buffer and is skipped. */
struct tcs_wire_census {
	__u64 id;	/* socket cookie, or TCS_ID_OWN; 0 where the kernel has none */
	__u64 since_ns; /* in this state, where an event told; 0 unknown */
	__u8 laddr[16];
	__u8 raddr[16];
	struct tcs_wire_owner owner; /* where an event told; pid 0 unknown */
	__u16 lport;
	__u16 rport;
	__u8 state;
	__u8 family;
	__u8 stalled;	  /* timeouts in a row: retransmissions or probes without an answer */
	__u8 retransmits; /* SYN_RECV: SYN-ACKs resent */
	__u32 quiet;	  /* jiffies since the peer's last segment; full sockets but listeners.
			   * Modulo 2^32, which are 49 days at 1000 Hz: see idle_s */
	__u32 syn_queue;  /* these six: listeners */
	__u32 syn_queue_young;
	__u32 accept_queue;
	__u32 queue_limit;
	__u32 drops;
	union {
		__u32 cookie_age; /* jiffies since the last SYN cookie; TCS_CENSUS_NEVER */
		/* full sockets but listeners: seconds since the last segment either way; no
		 * segment of the peer and no payload is younger */
		__u32 idle_s;
	};
	__u8 acked; /* SYN_RECV: the peer has answered */
	__u8 flags; /* enum tcs_census_flags */
	__u8 pad[2];
	__u32 netns; /* listeners that are read without a walk; else 0: the one at hand */
	__u32 uid;   /* these two: full sockets */
	__u64 cgroup;
	__u64 age_us; /* SYN_RECV: since the first SYN-ACK; TCS_CENSUS_UNKNOWN */
	struct tcs_handshakes handshakes; /* listeners */
	__u64 netns_cookie;		  /* where netns is not 0; 0 unknown */
	__u32 device; /* ifindex: bound device, or zone of a link-local address; 0 none */
	/* jiffies since payload was last sent (CLOSE_WAIT) or received (FIN_WAIT2); full sockets */
	__u32 payload;
};

enum tcs_census_flags {					/* as enum audit_socket_flags */
			TCS_CENSUS_HANDSHAKES = 1 << 0, /* counted for this listener */
			TCS_CENSUS_INET4 = 1 << 1,
			TCS_CENSUS_V6ONLY = 1 << 2,
			TCS_CENSUS_SHARED = 1 << 3, /* SO_REUSEPORT */
			TCS_CENSUS_MPTCP =
				1 << 4, /* the state is an MPTCP socket's, the rest its subflow's */
			TCS_CENSUS_ATTACHED = 1 << 5, /* has a struct socket: a process holds it */
			TCS_CENSUS_DETACHED = 1 << 6, /* never accepted, or closed */
};

#define TCS_CENSUS_NEVER   (~0U)
#define TCS_CENSUS_UNKNOWN (~0ULL)

#define TCS_CENSUS_STATES    13
#define TCS_CENSUS_ROWS	     4096   /* that wait to be taken out */
#define TCS_CENSUS_ASIDE     131072 /* sockets of other namespaces that one walk puts aside */
#define TCS_CENSUS_NETNS     4096   /* of so many namespaces */
#define TCS_CENSUS_READ	     16192  /* bytes of one read: 88 rows; two fit the kernel's buffer */
#define TCS_CENSUS_PLACES    65536  /* of one namespace; more are counted as not kept */
#define TCS_CENSUS_PORTS     65536  /* local ports and addresses in use, of all namespaces: 2 MB */
#define TCS_CENSUS_RANGES    8	    /* ranges of ports of programs (IP_LOCAL_PORT_RANGE), of each */
#define TCS_CENSUS_GROUPS    16384
#define TCS_CENSUS_LISTENERS 4096 /* with half-open connections */
#define TCS_CENSUS_SOURCES   16384
#define TCS_CENSUS_PREFIXES  16384
#define TCS_CENSUS_PENDING   16384 /* destinations whose connects are not answered */

/*
 * Marks of files whose sockets have a row, so that the walk over all open files need not touch the
 * others: a bit for each 64 bytes of 512 MiB, the address modulo that. Words of 64 bits.
 */
#define TCS_MARKS 131072
#define TCS_FOUND 65536 /* sockets that one walk over marked files can tell */

/* What connections to one place, or into one local port, hold. */
struct tcs_census_place {
	__u8 laddr[16];
	__u8 raddr[16];
	__u16 rport; /* we connected to it; 0: others connected to lport */
	__u16 lport;
	__u8 family;
	__u8 range; /* 0: the namespace's; else the number of a program's range, from 1 */
	__u8 pad[2];
	__u32 device; /* ifindex of the bound device: a tuple is unique on each; 0 none */
};

struct tcs_census_held {
	__u32 time_wait;
	__u32 fin_wait2; /* of the time-wait table */
	__u32 ports;	 /* of the local range that are taken, in whatever state */
	__u32 reusable;	 /* of these, TIME_WAIT with timestamps that is old enough: a connect()
			  * may take them over */
	__u32 first_end; /* jiffies until the first TIME_WAIT is over, and until all are */
	__u32 last_end;
	__u32 odd; /* TIME_WAIT at ports that connect() does not choose: ours or a server's? */
	__u16 odd_lport; /* their local port; 0: they have several */
	__u16 pad;
};

/* A local port in use, with one of its local addresses (bpf/tcs_ports.h). */
struct tcs_census_port {
	__u64 net; /* address of the namespace */
	__u8 laddr[16];
	__u32 range; /* IP_LOCAL_PORT_RANGE of a socket there: first | last << 16; 0 none */
	__u16 port;
	__u8 family;
	__u8 bound; /* a bind() chose it: connect() passes over it */
};

/* The scan over them; user space begins it. */
struct tcs_census_ports {
	__u64 net;    /* only of this namespace; 0: of all. These three: written before it begins */
	__u32 sample; /* a range is read at ports that differ from phase in these bits; 0: at all */
	__u32 phase;
	__u64 bhash;
	__u32 size;	/* chains; 0: this kernel's tables are not known */
	__u32 n_rows;	/* that are there to be taken */
	__u32 left_out; /* that found no room */
	__u8 over;
	__u8 pad[3];
};

/* A range of local ports. */
struct tcs_census_range {
	__u16 first, last;
};

struct tcs_census_group {
	__u8 addr[16];
	__u16 port;
	__u16 pad;
	__u32 device; /* ifindex: zone of a link-local addr; 0 none */
};

struct tcs_census_states {
	__u32 n[TCS_CENSUS_STATES];
	__u32 pad;
};

/* A destination of connects that are not answered (bpf/tcs_pending.h). */
struct tcs_pending_key {
	__u8 laddr[16];
	__u8 raddr[16];
	__u16 rport;
	__u8 family;
	__u8 pad;
	__u32 device; /* ifindex: bound device, or zone of a link-local address; 0 none */
};

struct tcs_pending {
	__u64 oldest_us; /* since the first SYN of the oldest; TCS_CENSUS_UNKNOWN */
	__u32 count;
	__u32 pad;
};

/*
 * Connects that ended (bpf/tcs_connects.h), by source address, destination and outcome. The outcome
 * is what the kernel leaves in the socket; user space derives the reason (src/reason.h).
 */
#define TCS_CONNECTS 16384 /* the entries used least recently make room */

enum tcs_connect_flags {
	TCS_CONNECT_OK = 1 << 0,     /* ESTABLISHED, or SYN_RECV of a simultaneous open */
	TCS_CONNECT_PORT = 1 << 1,   /* a local port was chosen */
	TCS_CONNECT_RESENT = 1 << 2, /* the SYN was sent again: no answer for a second */
};

struct tcs_connect_key {
	__u8 laddr[16];
	__u8 raddr[16];
	__u32 netns;  /* inode */
	__u32 device; /* ifindex: bound device, or zone of a link-local address; 0 none */
	__u16 rport;
	__u8 family;
	__u8 err;   /* sk_err */
	__u8 flags; /* enum tcs_connect_flags */
	__u8 pad[3];
};

struct tcs_connect {
	__u64 netns_cookie; /* 0 unknown */
	__u64 count;
	__u64 first_ns; /* the first and the last end */
	__u64 last_ns;
};

/* A socket that was met while another namespace was walked; a chain for each namespace. */
struct tcs_census_aside {
	__u64 sk;
	__u32 next; /* its place + 1; 0: none */
	__u32 hash; /* what is there by then with another one is another socket */
};

struct tcs_census_chain {
	__u32 first, last; /* places + 1 */
	__u32 left_out;	   /* that found no room */
	__u32 walk;	   /* in which they are put aside */
};

/* A listener whose queues are to be read without a walk; what is in that memory is checked. */
struct tcs_census_ask {
	__u64 sk;
	__u64 id; /* as its row has it */
};

#define TCS_CENSUS_ASK 64 /* that one run reads */

/* A network namespace of the kernel's list. */
struct tcs_netns_listed {
	__u64 net;    /* its address */
	__u64 cookie; /* 0: the kernel has none (before 5.12) */
	__u32 inode;
	__u32 pad;
};

struct tcs_netns_list {
	__u32 n;
	__u32 left_out; /* that found no room */
	__u8 complete;	/* the end of the list was reached, and all found room */
	__u8 pad[7];
	struct tcs_netns_listed at[TCS_CENSUS_NETNS];
};

/* The walk at hand over the kernel's table (bpf/tcs_sweep.h); user space begins it. */
struct tcs_census_sweep {
	__u64 asked; /* the namespace to walk; 0: that of the current task */
	__u64 net;   /* the namespace, and where its sockets are; tcs_sweep_find() */
	__u64 ehash;
	__u64 lhash;
	__u32 ehash_mask;
	__u32 lhash_mask;
	__u32 slice;	/* sockets of one run, about */
	__u32 n_rows;	/* that are there to be taken */
	__u32 n_aside;	/* that are taken, of all chains */
	__u32 walk;	/* its number */
	__u32 at_aside; /* the next of the chain at hand; a place + 1 */
	__u32 left_out; /* what could not be told: rows, and ends of chains that never held still */
	__u8 from_aside;     /* walk over that chain, not over the table */
	__u8 listeners_over; /* of this walk */
	__u8 over;	     /* this walk is */
	__u8 pad[5];
};

/*
 * Registers of a sketch that tells how many different keys it has seen, however many
 * (HyperLogLog; src/sketch.h): 1024 of them, 3.3 % standard error.
 */
#define TCS_SKETCH_BITS 10
struct tcs_sketch {
	__u8 rank[1 << TCS_SKETCH_BITS];
};

/* The half-open connections of one listener; full sockets in SYN_RECV are among them. */
struct tcs_census_half_open {
	__u64 listener;	 /* its id, as rows have it; 0: of none (simultaneous open) */
	__u64 oldest_us; /* since the first SYN-ACK */
	__u64 newest_us; /* TCS_CENSUS_UNKNOWN: no age is known */
	__u8 laddr[16];	 /* of the first one met */
	__u16 lport;
	__u8 family;
	__u8 pad;
	__u32 device; /* ifindex of the listener's bound device; 0 none */
	__u32 count;
	__u32 full;   /* of these, full sockets */
	__u32 acked;  /* the peer has answered: the accept queue is full, or data are waited for */
	__u32 stuck;  /* not answered, and timed out at least once */
	__u32 recent; /* of these, younger than TCS_CENSUS_RECENT_US */
	__u32 plain;  /* of those that are stuck: no SACK, no timestamps */
	__u32 pad2;
	__u32 resent;		/* SYN-ACKs resent to them, all together */
	__u32 sources_left_out; /* connections whose source found no room */
	__u32 prefixes_left_out;
	struct tcs_sketch sources;
	struct tcs_sketch prefixes;
};

/* The first timeout comes after a second (TCP_TIMEOUT_INIT), the second after three. */
#define TCS_CENSUS_RECENT_US 3000000

/* An address, or a prefix (/24, /64): where half-open connections of a listener come from. */
struct tcs_census_source {
	__u64 listener; /* its address in the kernel: the key of its tcs_census_half_open */
	__u8 addr[16];
	__u8 family;
	__u8 pad[3];
	__u32 device; /* ifindex: zone of a link-local addr, or the bound device; 0 none */
};

struct tcs_census_source_held {
	__u64 oldest_us;
	__u32 count;
	__u32 pad;
};

/* Who sends SYNs to ports where nobody listens, since the entry was made. */
#define TCS_SCANNERS   4096
#define TCS_SCAN_WORDS 16 /* 1024 bits: of 64 ports three share a bit with another */

struct tcs_scanner_key {
	__u8 addr[16];
	__u32 netns;
	__u8 family;
	__u8 pad[3];
	__u32 device; /* ifindex: zone of a link-local addr; 0 none */
};

struct tcs_scanner {
	__u64 since_ns;
	__u64 resets;
	__u64 ports[TCS_SCAN_WORDS]; /* a bit for each, by hash */
};

/*
 * Names of network devices, by namespace and number. An entry is of the namespace whose cookie it
 * has: the inode number may be given to another one.
 */
#define TCS_DEVICES	1024 /* the entries used least recently make room */
#define TCS_DEVICE_NAME 16   /* IFNAMSIZ */

struct tcs_device_key {
	__u32 netns; /* inode */
	__u32 ifindex;
};

struct tcs_device {
	__u64 netns_cookie;	    /* 0: the kernel has none (before 5.12) */
	__u64 read_ns;		    /* when the name was read */
	char name[TCS_DEVICE_NAME]; /* hostile bytes */
};

/* What a census is asked for, fixed before the program is loaded. */
struct tcs_census_settings {
	__u32 count;  /* states that are counted; bits */
	__u32 rows;   /* states that get a row; bits */
	__u32 slice;  /* sockets walked over by one read, at most; a power of two, or 0: all */
	__u8 stalled; /* and sockets with so many timeouts in a row; 0 none */
	__u8 family;  /* 0 both, 4, 6 */
	__u8 by_lport;
	__u8 by_rport;
	__u8 places;	/* fill tcs_places */
	__u8 group;	/* 0 none, 1 by local port, 2 by remote address */
	__u8 half_open; /* fill the tables of half-open connections */
	__u8 notes;	/* ask the event programs' notes, and tell them of listeners */
	__u8 has_uid;
	__u8 src_bits; /* 0 any */
	__u8 dst_bits;
	__u8 orphans; /* a row for FIN_WAIT2 sockets without a process, too */
	__u8 pending; /* fill the table of connects that are not answered */
	__u8 pad;
	__u32 uid;
	__u32 cgroup_level;
	__u64 cgroup; /* 0 any */
	__u8 src[16];
	__u8 dst[16];
};

/* Written by one walk, which is one thread; user space clears it between two. */
struct tcs_census_out {
	__u64 sockets; /* walked over, filtered ones included */
	__u64 places_full;
	__u64 groups_full;
	__u64 half_open_full; /* half-open connections whose listener found no room */
	__u64 pending_full;   /* connects not answered whose destination found no room */
	__u32 states[TCS_CENSUS_STATES];
	__u32 time_wait_table; /* mini-sockets, whatever their sub-state */
	__u32 pad;
};

/*
 * What this kernel lets programs do, found out by trying (src/feature.h) and fixed before they are
 * loaded: the verifier removes what is not there.
 */
struct tcs_kernel {
	__u8 cookies; /* bpf_get_socket_cookie(), 5.12 */
	__u8 storage; /* bpf_sk_storage_get(), 5.11 */
	__u8 pad[6];
};

#define TCS_PROGRAMS_MAX 6 /* that share the state tracepoint, see events.bpf.c */

/*
 * Settings, fixed before the programs are loaded: a filter that is not used costs nothing, since
 * the verifier removes its code. Address bytes and prefixes are in the mapped form used above.
 */
struct tcs_settings {
	__u8 family;   /* 0 both, 4, 6 */
	__u8 by_lport; /* use tcs_lports */
	__u8 by_rport;
	__u8 src_bits; /* 0 any */
	__u8 dst_bits;
	__u8 has_uid;
	__u8 has_pid;
	__u8 has_comm;
	__u8 totals;   /* add struct tcs_wire_totals to -> CLOSE */
	__u8 programs; /* how many programs share the tracepoint: 1 to TCS_PROGRAMS_MAX */
	__u8 netns;    /* enum tcs_by_netns */
	__u8 pad;
	__u32 spare_ring; /* its number among the rings: for what a full ring must not lose */
	__u32 uid;
	__u32 pid;
	__u32 states;	  /* tell a transition that touches one of these; 0 all */
	__u32 not_states; /* and none of these */
	__u32 cgroup_level;
	__u64 cgroup; /* 0 any */
	__u8 src[16];
	__u8 dst[16];
	char comm[TCS_COMM_LEN];
};

/* Which number the namespace filter compares; the number itself may change while it runs. */
enum tcs_by_netns {
	TCS_BY_NETNS_NONE,  /* all namespaces */
	TCS_BY_NETNS_ID,    /* net_id_of() */
	TCS_BY_NETNS_INODE, /* where the id is not known */
};

/* Search in the kernel's list of network namespaces (netns_find.bpf.c). 0: not asked, not found. */
struct tcs_netns_find {
	__u64 id;	   /* asked: does the namespace of this id exist? */
	__u64 id_of_inode; /* answer: the id of the namespace that has `inode` */
	__u32 inode;	   /* asked */
	__u8 exists;	   /* answer: `id` is in the list, and something refers to it */
	__u8 complete;	   /* answer: the end of the list was reached */
	__u8 pad[2];
};

/* Per-CPU state of the programs. Only rare paths count: what was told, the rings' reader counts. */
struct tcs_percpu {
	struct {
		__u64 sk;
		__u64 pair;
	} handled[2];	  /* by context: the event a program of this CPU has just dealt with */
	__u64 lost_state; /* ring full */
	__u64 lost_synack;
	__u64 lost_reset; /* no event: a correction of one that was emitted */
	__u64 lost_note;  /* no memory for a socket's note */
	__u64 filtered;
	__u64 caught; /* events that the first program was not run for */
	struct {
		__u64 sk;
		__u64 id;
	} closed[2]; /* by context: the last socket that closed */
	__u64 pad[2];
};

#ifndef __bpf__
static_assert(sizeof(struct tcs_wire_state) == 40, "wire layout");
static_assert(sizeof(struct tcs_wire_owner) == 24, "wire layout");
static_assert(sizeof(struct tcs_wire_facts) == 64, "wire layout");
static_assert(sizeof(struct tcs_wire_cookies) == 16, "wire layout");
static_assert(sizeof(struct tcs_wire_totals) == 24, "wire layout");
static_assert(sizeof(struct tcs_wire_synack) == 128, "wire layout");
static_assert(sizeof(struct tcs_wire_reset) == 24, "wire layout");
static_assert(sizeof(struct tcs_wire_gone) == 24, "wire layout");
static_assert(sizeof(struct tcs_wire_scan) == 64, "wire layout");
static_assert(sizeof(struct tcs_owner_change) == 24, "wire layout");
static_assert(sizeof(struct tcs_wire_census) == 184, "wire layout");
static_assert(TCS_CENSUS_READ % sizeof(struct tcs_wire_census) == 0, "a filler is rows");
static_assert(sizeof(struct tcs_netns_listed) == 24, "wire layout");
static_assert(sizeof(struct tcs_census_place) == 44, "wire layout");
static_assert(sizeof(struct tcs_census_held) == 32, "wire layout");
static_assert(sizeof(struct tcs_census_port) == 32, "wire layout");
static_assert(sizeof(struct tcs_census_group) == 24, "wire layout");
static_assert(sizeof(struct tcs_pending_key) == 40, "wire layout");
static_assert(sizeof(struct tcs_pending) == 16, "wire layout");
static_assert(sizeof(struct tcs_connect_key) == 48, "wire layout");
static_assert(sizeof(struct tcs_connect) == 32, "wire layout");
static_assert(sizeof(struct tcs_census_half_open) == 88 + 2 * sizeof(struct tcs_sketch),
	      "wire layout");
static_assert(sizeof(struct tcs_census_source) == 32, "wire layout");
static_assert(sizeof(struct tcs_census_source_held) == 16, "wire layout");
static_assert(sizeof(struct tcs_handshake_place) == 32, "wire layout");
static_assert(sizeof(struct tcs_scanner_key) == 28, "wire layout");
static_assert(sizeof(struct tcs_device_key) == 8, "wire layout");
static_assert(sizeof(struct tcs_device) == 32, "wire layout");
static_assert(sizeof(struct tcs_percpu) == 128, "no cache line shared by two CPUs");
#endif

#endif /* TCS_WIRE_H */
