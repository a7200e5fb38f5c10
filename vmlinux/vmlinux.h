/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_VMLINUX_H
#define TCS_VMLINUX_H

/*
 * vmlinux.h - the kernel types our BPF programs touch, picked by hand
 *
 * Every struct here is a partial view: only the members we read, under the kernel's own names.
 * CO-RE moves each access to where the running kernel keeps that member, so order, size and what
 * lies between do not matter; a wrong name or kind does. `make check` compares this file with
 * the running kernel's BTF (tests/check/vmlinux.sh). vmlinux/README.md says how to add a member.
 *
 * A type ending in ___word is a "flavour": another kernel's shape of the same struct; libbpf
 * ignores the suffix. It is used only behind bpf_core_field_exists() or bpf_core_type_exists().
 */

typedef unsigned char __u8;
typedef short int __s16;
typedef short unsigned int __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long int __s64;
typedef long long unsigned int __u64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef _Bool bool;
enum { false = 0, true = 1 };

/* Constants of the BPF system call (uapi/linux/bpf.h): the kernel's ABI, they never move. */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_F_NO_PREALLOC = 1U << 0,
	BPF_F_CLONE = 1U << 9,		   /* a listener's storage is copied into its children */
	BPF_F_MMAPABLE = 1U << 10,
	BPF_F_INNER_MAP = 1U << 12,	   /* an inner map of another size is as good */
	BPF_SK_STORAGE_GET_F_CREATE = 1,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
	BPF_RB_NO_WAKEUP = 1,
};

/* Helpers that came with a number of their own: whether BTF has it tells whether they are there. */
enum bpf_func_id {
	BPF_FUNC_get_current_task_btf = 158,	/* 5.11 */
	BPF_FUNC_sock_from_file = 162,		/* 5.11 */
	BPF_FUNC_loop = 181,			/* 5.17 */
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;

struct list_head {
	struct list_head *next;
};

typedef struct {
	s64 counter;
} atomic64_t;

typedef struct {
	u32 val;
} kuid_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};

/* A chain of a hash table; NULL ends it. */
struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

/* A chain of a hash table; its end is an odd number that tells which chain it is. */
struct hlist_nulls_node {
	struct hlist_nulls_node *next;
	struct hlist_nulls_node **pprev; /* NULL: it is in no chain any more */
};

struct hlist_nulls_head {
	struct hlist_nulls_node *first;
};

struct inet_ehash_bucket {
	struct hlist_nulls_head chain;
};

struct inet_listen_hashbucket {
	struct hlist_nulls_head nulls_head;
};

struct inet_bind_hashbucket {
	struct hlist_head chain;
};

/* Where TCP keeps its sockets: listeners in lhash2, all others in ehash; local ports in bhash. */
struct inet_hashinfo {
	struct inet_ehash_bucket *ehash;
	unsigned int ehash_mask;
	struct inet_bind_hashbucket *bhash;
	unsigned int bhash_size;
	unsigned int lhash2_mask;
	struct inet_listen_hashbucket *lhash2;
};

struct inet_timewait_death_row {
	struct inet_hashinfo *hashinfo;
	refcount_t tw_refcount;		/* since 5.17: time-wait sockets of the namespace, and 1 */
	int sysctl_max_tw_buckets;
};

struct inet_timewait_death_row___count {
	atomic_t tw_count;		/* up to 5.16: time-wait sockets of the namespace */
};

struct proc_ns_operations;

/*
 * Namespaces: ns.inum is the inode number that `ls -l /proc/PID/ns/net` shows, ops is the same in
 * all network namespaces. The references are those of tasks, names, files and sockets.
 */
struct ns_common {
	const struct proc_ns_operations *ops;
	unsigned int inum;
	refcount_t count;		/* since 5.11, up to 6.17 */
	refcount_t __ns_ref;		/* since 6.18 */
};

/*
 * Rules of routing (`ip rule`), in the order in which they are tried. A rule of IPv4 is a fib4_rule
 * that begins with a fib_rule.
 */
struct fib_rule_port_range {
	__u16 start;			/* 0: any port */
	__u16 end;
};

struct fib_rule {
	struct list_head list;
	u32 flags;
	u8 action;
	u8 ip_proto;
	struct fib_rule_port_range sport_range;
	struct fib_rule_port_range dport_range;
};

struct fib4_rule {
	struct fib_rule common;
	__be32 src;
	__be32 srcmask;
	__be32 dst;
	__be32 dstmask;
};

struct fib_rules_ops {
	struct list_head rules_list;
};

struct netns_ipv4 {
	struct inet_timewait_death_row tcp_death_row;
	struct fib_rules_ops *rules_ops; /* only with CONFIG_IP_MULTIPLE_TABLES */
};

struct netns_ipv4___pointer {
	struct inet_timewait_death_row *tcp_death_row; /* 5.17 up to 6.0 */
};

/* BPF programs attached to a namespace; by enum netns_bpf_attach_type. */
struct netns_bpf {
	struct bpf_prog_array *run_array[2];
};

struct net {
	refcount_t count;		/* up to 5.10 */
	struct list_head list;		/* net_namespace_list */
	struct ns_common ns;
	u32 hash_mix;			/* random */
	u64 net_cookie;			/* since 5.12; never given to another namespace */
	struct hlist_head *dev_index_head; /* devices by ifindex: 256 chains */
	struct netns_ipv4 ipv4;
	struct netns_bpf bpf;
};

typedef struct {
	struct net *net;
} possible_net_t;

/* A local port that is in use. */
struct inet_bind_bucket {
	possible_net_t ib_net;
	int l3mdev;			/* VRF */
	unsigned short port;
	signed char fastreuse;		/* this and the next: -1 if connect() chose the port */
	signed char fastreuseport;
	struct hlist_node node;
	struct hlist_head bhash2;	/* since 6.8: its local addresses */
};

struct inet_bind_bucket___owners {
	struct hlist_head owners;	/* up to 6.7: its sockets */
};

/* A local address and port in use. */
struct inet_bind2_bucket {
	unsigned short addr_type;	/* since 6.10: IPV6_ADDR_MAPPED for IPv4 */
	struct in6_addr v6_rcv_saddr;
	struct hlist_node bhash_node;	/* since 6.8 */
	struct hlist_head owners;	/* sockets, by skc_bind_node */
};

struct inet_bind2_bucket___family {
	unsigned short family;		/* up to 6.9 */
	__be32 rcv_saddr;
};

struct sock;

/* What full sockets, request sockets and TIME_WAIT mini-sockets have in common. */
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_reuseport : 1; /* listeners may share address and port */
	unsigned char skc_ipv6only : 1;
	int skc_bound_dev_if;		/* ifindex: SO_BINDTODEVICE, VRF, or link-local zone */
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
	unsigned int skc_hash;		/* decides which chain of ehash it is in */
	struct hlist_nulls_node skc_nulls_node;
	struct hlist_node skc_bind_node; /* in a bucket of its local port */
	unsigned long skc_flags;	/* bits of enum sock_flags */
	struct sock *skc_listener;	/* request sockets: whose queue they wait in */
};

/* Listeners that share an address and port (SO_REUSEPORT). */
struct sock_reuseport {
	unsigned int synq_overflow_ts;	/* last SYN cookie of the group, in jiffies */
};

/* SOCK_DEAD: nobody holds a descriptor any more. SOCK_DONE: the peer's FIN has come. */
enum sock_flags {
	SOCK_DEAD = 0,
	SOCK_DONE = 1,
};

/* owned != 0: a task holds the socket, so current is a user of it (lock_sock()). */
typedef struct {
	int owned;
} socket_lock_t;

/* The cgroup the socket was created in. */
struct cgroup;

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

struct sock_cgroup_data___tagged {
	u64 val;			/* up to 5.14: bit 0 or 1 set means no cgroup of v2 */
};

struct kernfs_node {
	u64 id;				/* the inode number of the cgroup's directory */
};

struct cgroup {
	int level;
	struct kernfs_node *kn;
	struct cgroup *ancestors[0];	/* by level, 6.1 and later */
};

struct cgroup___ids {
	u64 ancestor_ids[0];		/* by level, up to 6.0 */
};

/* An open file of sockfs, for kernels without bpf_sock_from_file(). */
struct super_block {
	unsigned long s_magic;
};

struct inode {
	struct super_block *i_sb;
};

struct file {
	struct inode *f_inode;
	void *private_data;		/* struct socket */
};

struct socket {
	struct file *file;		/* which open file a socket belongs to */
	struct sock *sk;		/* from an open file to its socket (bpf_sock_from_file) */
};

struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	int sk_err;			/* why the connection ended, when the kernel knows */
	int sk_err_soft;		/* last ICMP error since an ACK; tcp_write_err() takes it */
	kuid_t sk_uid;
	u16 sk_protocol;
	u8 sk_userlocks;		/* SOCK_BINDPORT_LOCK: bind() named the port */
	u32 sk_txhash;			/* random, chosen after the local port */
	u8 sk_shutdown;			/* close() sets it first (__tcp_close()) */
	struct socket *sk_socket;	/* NULL: nobody has accepted it, or its owner has closed */
	u32 sk_ack_backlog;		/* accept queue */
	u32 sk_max_ack_backlog;		/* limit of the accept queue and of the SYN queue */
	atomic_t sk_drops;		/* listeners: SYNs and handshakes refused */
	struct sock_reuseport *sk_reuseport_cb;
	struct sock_cgroup_data sk_cgrp_data;
};

struct inet_sock {
	struct sock sk;
	unsigned long inet_flags;	/* since 6.6: bits, INET_FLAGS_TRANSPARENT among them */
	__be16 inet_sport;		/* kept when skc_num is already 0, at -> CLOSE */
	u32 local_port_range;		/* since 6.8: IP_LOCAL_PORT_RANGE, first | last << 16 */
};

struct inet_sock___bits {
	__u8 transparent : 1;		/* up to 6.5: IP_TRANSPARENT (TPROXY) */
};

struct request_sock;

struct request_sock_queue {
	atomic_t qlen;			/* SYN queue */
	atomic_t young;			/* of these, never timed out */
	struct request_sock *rskq_accept_head; /* accept queue, linked by dl_next */
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct request_sock_queue icsk_accept_queue;
	void *icsk_ulp_data;		/* MPTCP: the subflow's context */
	struct {
		__u32 lrcvtime;		/* last payload received (tcp_event_data_recv()), jiffies */
	} icsk_ack;
	__u8 icsk_retransmits;		/* timeouts in a row */
	__u8 icsk_probes_out;		/* keep-alive and window probes not answered */
};

struct tcp_options_received {
	int ts_recent_stamp;		/* of a listener: its last SYN cookie, in jiffies */
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	struct tcp_options_received rx_opt;
	struct request_sock *fastopen_rsk; /* TCP Fast Open: the child before the last ACK */
	u32 srtt_us;			/* smoothed round-trip time, microseconds times 8 */
	u32 snd_una;
	u32 write_seq;
	u64 bytes_sent;			/* payload, resent bytes included */
	u64 bytes_retrans;
	u64 bytes_received;		/* counts a FIN as one byte */
	u32 total_retrans;
	u32 segs_out;			/* since connect() */
	u8 fastopen_connect : 1;	/* TCP_FASTOPEN_CONNECT: the SYN waits for data */
	u8 repair : 1;			/* TCP_REPAIR: connect() and close() send nothing */
	u32 retrans_stamp;		/* in SYN_SENT: the first SYN, ms (usec with tcp_usec_ts) */
	u8 tcp_usec_ts : 1;		/* since 6.7 */
	int linger2;
	u32 rcv_tstamp;			/* last segment from the peer, jiffies */
	u32 lsndtime;			/* last payload sent (tcp_event_data_sent()), jiffies */
	u64 tcp_mstamp;			/* last segment either way, us of CLOCK_MONOTONIC; 0 none */
};

/* Only with CONFIG_MPTCP. */
struct tcp_sock___mptcp {
	bool is_mptcp;			/* a subflow of an MPTCP socket */
};

/* What an open file refers to; its TCP sockets are subflows. */
struct mptcp_sock___mptcp {
	struct list_head conn_list;	/* of contexts */
	struct sock *first;		/* of a listener: the one that listens */
};

struct mptcp_subflow_context___mptcp {
	struct list_head node;
	struct sock *tcp_sock;
	struct sock *conn;		/* the MPTCP socket */
};

/* A half-open connection: SYN received, SYN-ACK sent, last ACK not seen. */
struct request_sock {
	struct sock_common __req_common;
	struct request_sock *dl_next;	/* the next one in the accept queue */
	struct sock *sk;		/* there: the child that waits to be accepted */
	u8 num_retrans;			/* SYN-ACKs resent so far */
	u8 num_timeout : 7;		/* times the request's timer ran out */
};

struct inet_request_sock {
	struct request_sock req;
	u16 tstamp_ok : 1;		/* the SYN offered timestamps */
	u16 sack_ok : 1;
	u16 acked : 1;			/* the peer answered: accept queue full, DEFER_ACCEPT */
};

struct tcp_request_sock {
	struct inet_request_sock req;
	u64 snt_synack;			/* the first SYN-ACK: microseconds of CLOCK_MONOTONIC */
};

/* TIME_WAIT, and FIN_WAIT2 of a socket that nobody holds any more: tw_substate tells. */
struct timer_list {
	unsigned long expires;
};

struct inet_timewait_sock {
	struct sock_common __tw_common;
	struct timer_list tw_timer;	/* when it is over */
	volatile unsigned char tw_substate;
	u32 tw_entry_stamp;		/* since 6.14: when it began, ms of CLOCK_MONOTONIC */
};

struct tcp_timewait_sock {
	struct inet_timewait_sock tw_sk;
	int tw_ts_recent_stamp;		/* second of the last timestamp; 0: there were none */
};

/* A process's open files; the table and what it points to live for an RCU grace period. */
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct nsproxy {
	struct net *net_ns;
};

struct signal_struct {
	atomic_t live;			/* threads that have not begun to exit */
};

struct task_struct {
	int pid;			/* of the thread */
	int tgid;
	struct nsproxy *nsproxy;
	struct files_struct *files;
	unsigned int flags;		/* PF_KTHREAD */
	struct task_struct *group_leader;
	char comm[16];
	struct signal_struct *signal;	/* of the process */
};

/* The name of a device that a socket is bound to; the namespace that a packet came into. */
struct net_device {
	possible_net_t nd_net;
	int ifindex;
	char name[16];
	struct hlist_node index_hlist;	/* in its chain of net.dev_index_head */
};

/* Of a packet that was answered with a reset: where its headers are, where it came in. */

struct sk_buff {
	struct net_device *dev;
	__u16 transport_header;
	__u16 network_header;
	unsigned char *head;
};

struct file;


/* Contexts of the iterators (kernel/bpf/task_iter.c). */
struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;	/* NULL in the last call */
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;	/* NULL in the last call */
};

#pragma clang attribute pop

#endif /* TCS_VMLINUX_H */
