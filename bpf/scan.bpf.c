// SPDX-License-Identifier: GPL-2.0-only
/*
 * scan.bpf.c - who holds the TCP sockets of this host
 *
 * Walks the open files of all processes: every full TCP socket of every network namespace with its
 * owner, at about half a microsecond a file. Two kinds of socket have no file of their own:
 *
 *   connections that wait to be accepted; they are read from the accept queue of a listener that
 *   has a file, and are its holder's
 *   subflows of MPTCP; they are read from the socket that the file refers to
 *
 * At start listeners get a note; later scans correct the owner in it (tcs_owners.h).
 *
 * Not seen: orphans (no file refers to them), and sockets held only by the kernel, by io_uring's
 * fixed files, or by a message in flight (SCM_RIGHTS).
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "tcs_wire.h"
#include "tcs_marks.h"
#include "tcs_mptcp.h"
#include "tcs_note.h"
#include "tcs_owners.h"
#include "tcs_socket.h"

#define SOCKFS_MAGIC 0x534f434b

/* Connections of one accept queue that are read where a kernel has no bpf_loop() (before 5.17). */
#define QUEUE_BOUNDED 256

const volatile bool has_notes; /* those of the event programs */

/* Written before each scan. */
bool leave_notes;  /* at sockets */
bool marked_only;  /* only files that have a mark */
__u32 only_netns;  /* emit sockets of this one; 0: of all */
__u64 n_ids;	   /* given to sockets; the scan is one thread */
__u32 scan_number; /* the low 7 bits are not 0: notes tell by it whose owner this scan has met */
__u32 n_corrected; /* owners in notes, by all scans */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TCS_FOUND);
	__type(key, __u32);
	__type(value, struct tcs_wire_scan);
} found SEC(".maps");

__u32 n_found; /* those that had no room included */

/* The process whose files are read. A scan is one thread. */
struct {
	__u64 fds; /* struct file ** */
	struct task_struct *leader;
	__u32 pid;
} table;

/* The note at hand. Not on the stack, which is 512 bytes for a program and what it calls. */
static struct tcs_note fresh __attribute__((used));

char LICENSE[] SEC("license") = "GPL";

static __always_inline __u64 own_id(void)
{
	return TCS_ID_OWN | ++n_ids << TCS_ID_MAKER_BITS | TCS_ID_SCAN << TCS_ID_CPU_BITS;
}

/* ---- listeners ------------------------------------------------------------------------------- */

static __always_inline void fill_listener(struct tcs_wire_scan *row, const struct sock *sk)
{
	struct addrs a;

	peek_addrs(&sk->__sk_common, &a);
	__builtin_memcpy(row->laddr, a.l, sizeof(row->laddr));
	row->lport = BPF_CORE_READ(sk, __sk_common.skc_num);
	row->netns = netns_of(sk);
	row->device = BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
	row->flags |= TCS_SCAN_BOUND;
	if (a.sk_family == AF_INET)
		row->flags |= TCS_SCAN_INET4;
	if (BPF_CORE_READ_BITFIELD_PROBED(&sk->__sk_common, skc_ipv6only))
		row->flags |= TCS_SCAN_V6ONLY;
	if (BPF_CORE_READ_BITFIELD_PROBED(&sk->__sk_common, skc_reuseport))
		row->flags |= TCS_SCAN_SHARED;
}

/* The first process that a scan meets with a listener is its owner from then on. */
static __always_inline void owner_correct(const struct sock *sk)
{
	struct tcs_note *note = note_find(sk);
	__u64 comm[2] = {};

	if (!note || (note->mark & 0xff) != TCP_LISTEN ||
	    !note_is_of(note, BPF_CORE_READ(sk, __sk_common.skc_cookie.counter)))
		return;
	if (owner_is_of_scan(note, scan_number)) {
		if (note->pid != table.pid)
			note->owner_scan |= TCS_OWNER_SHARED;
		return;
	}
	owners_add(table.pid);
	if (!process_lives(table.leader))
		return;
	note->owner_scan = scan_number & TCS_OWNER_SCANNED;
	bpf_probe_read_kernel(comm, sizeof(comm), &table.leader->comm);
	if (note->pid == table.pid && note->comm[0] == comm[0] && note->comm[1] == comm[1])
		return;
	owner_write(note, table.pid, comm, TCS_OWNER_SCAN);
	n_corrected++;
}

/*
 * So that the children a listener is yet to have inherit an owner; and where sockets have no
 * cookies, so that what happens to one of them next finds its owner and the id we know it by.
 * Nothing is left where the socket has had an event of its own, which knows better.
 */
static __always_inline void note_older(struct sock *sk, struct tcs_wire_scan *row)
{
	const struct tcs_note *known;
	__u64 key = (__u64)sk;
	struct addrs a;

	fresh = (struct tcs_note){
		.id = own_id(),
		.cookie_low = kernel.cookies ? row->id : 0,
		.pid = row->pid,
		.owner_source = TCS_OWNER_SCAN,
	};
	if (row->state == TCP_LISTEN)
		fresh.mark = TCP_CLOSE << 8 | TCP_LISTEN;
	else if (kernel.cookies)
		return;
	if (!kernel.cookies)
		row->id = fresh.id;
	__builtin_memcpy(fresh.comm, row->comm, TCS_COMM_LEN);
	if (bpf_map_update_elem(&notes, &key, &fresh, BPF_NOEXIST)) {
		known = note_find(sk);
		if (!kernel.cookies && known)
			row->id = known->id;
	} else if (row->state == TCP_LISTEN) {
		owners_add(row->pid);
		peek_addrs(&sk->__sk_common, &a);
		listener_begin(sk, &a, row->lport,
			       BPF_CORE_READ_BITFIELD_PROBED(&sk->__sk_common, skc_reuseport));
	}
}

/* ---- sockets that have no file of their own -------------------------------------------------- */

/*
 * The same for them, by their address alone: nobody can be given a cookie for it, so a note is left
 * where a socket has none. Returns the id that its events will be known by; 0: the note will do.
 */
static __always_inline __u64 note_found(struct sock *sk, const struct tcs_wire_scan *row,
					__u64 listener)
{
	__u64 key = (__u64)sk, cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	const struct tcs_note *known;
	struct addrs a;

	fresh = (struct tcs_note){
		.cookie_low = cookie,
		.listener = listener,
		.pid = row->pid,
		.owner_source = listener ? TCS_OWNER_LISTENER : TCS_OWNER_SCAN,
	};
	if (row->state == TCP_LISTEN)
		fresh.mark = TCP_CLOSE << 8 | TCP_LISTEN;
	else if (kernel.cookies && cookie)
		return cookie;
	fresh.id = own_id();
	__builtin_memcpy(fresh.comm, row->comm, TCS_COMM_LEN);
	if (!bpf_map_update_elem(&notes, &key, &fresh, BPF_NOEXIST) && row->state == TCP_LISTEN) {
		owners_add(row->pid);
		peek_addrs(&sk->__sk_common, &a);
		listener_begin_at(sk, &a, row->lport,
				  BPF_CORE_READ_BITFIELD_PROBED(&sk->__sk_common, skc_reuseport));
	}
	if (kernel.cookies)
		return cookie;
	known = note_find(sk);
	return known ? known->id : 0;
}

/*
 * One more row in `found`, with the process at hand as holder. Everything by probe reads: nothing
 * holds the socket but RCU, and what was read of one that has just been closed is the owner of no
 * row, as the cookie tells. flags: enum tcs_scan_flags. listener: of a connection in its queue.
 *
 * Global functions, this and others: the verifier goes through each once, not at each call.
 */
__noinline int found_add(__u64 address, __u32 flags, __u64 listener)
{
	struct sock *sk = (struct sock *)address;
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
	const struct task_struct *leader = table.leader;
	struct tcs_wire_scan *row;
	__u32 at = n_found;

	if (state == TCP_CLOSE)
		return 0;
	row = bpf_map_lookup_elem(&found, &at);
	if (!row) {
		n_found = at + 1;
		return 0;
	}
	__builtin_memset(row, 0, sizeof(*row));
	row->id = id_as_it_is(sk);
	row->state = state;
	row->flags = flags;
	row->pid = table.pid;
	BPF_CORE_READ_INTO(&row->comm, leader, comm);
	if (state == TCP_LISTEN)
		fill_listener(row, sk);
	else if (only_netns)
		row->netns = netns_of(sk);
	if (leave_notes)
		row->id = note_found(sk, row, listener);
	if (row->id && (!only_netns || row->netns == only_netns))
		n_found = at + 1;
	return 0;
}

/* The next connection to be read of an accept queue. */
struct {
	__u64 listener;
	__u64 req;
} queue;

/* A listener may have a thousand holders; the first has what waits there. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);   /* the listener's address */
	__type(value, __u32); /* scan_number */
} queues_read SEC(".maps");

/* False: nobody waits, or this scan has read it. */
static __always_inline bool queue_begin(__u64 listener)
{
	const struct sock *sk = (const struct sock *)listener;
	const struct inet_connection_sock *icsk = (const struct inet_connection_sock *)listener;
	__u32 number = scan_number;
	const __u32 *read;

	if (BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_LISTEN ||
	    !BPF_CORE_READ(sk, sk_ack_backlog))
		return false;
	read = bpf_map_lookup_elem(&queues_read, &listener);
	if (read && *read == scan_number)
		return false;
	bpf_map_update_elem(&queues_read, &listener, &number, BPF_ANY);
	queue.listener = listener;
	queue.req = (__u64)BPF_CORE_READ(icsk, icsk_accept_queue.rskq_accept_head);
	return true;
}

/* A request that has left the queue may lead into another one, or nowhere. */
static long queue_step(__u32 i, void *unused)
{
	const struct request_sock *req = (const struct request_sock *)queue.req;
	const struct sock *child;
	__u64 msk;

	if (!req || (__u64)BPF_CORE_READ(req, __req_common.skc_listener) != queue.listener)
		return 1;
	queue.req = (__u64)BPF_CORE_READ(req, dl_next);
	child = BPF_CORE_READ(req, sk);
	if (!child || BPF_CORE_READ(child, sk_socket))
		return 0; /* it has been accepted */
	found_add((__u64)child, TCS_SCAN_QUEUED, queue.listener);
	msk = leave_notes ? 0 : msk_of(child);
	if (msk)
		found_add(msk, TCS_SCAN_QUEUED | TCS_SCAN_MPTCP, queue.listener);
	return 0;
}

/* The connections that wait in the accept queue of this socket, if it is a listener. */
static __always_inline void read_queue(__u64 listener, const bool loops)
{
	__u32 i;

	if (!queue_begin(listener))
		return;
	if (loops) {
		bpf_loop(TCS_FOUND, queue_step, NULL, 0);
		return;
	}
	for (i = 0; i < QUEUE_BOUNDED; i++)
		if (queue_step(i, NULL))
			return;
}

__noinline int subflow_add(__u64 address)
{
	const struct sock *sk = (const struct sock *)address;

	if (has_notes && !leave_notes && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		owner_correct(sk);
	return found_add(address, TCS_SCAN_MPTCP, 0);
}

/* An MPTCP socket, and its TCP sockets. (Verified where there is no MPTCP, too.) */
__noinline int msk_add(__u64 msk)
{
	__u64 first, sk;
	struct subflows s;
	__u32 i;

	if (!HAS_MPTCP)
		return 0;
	first = (__u64)BPF_CORE_READ((const struct mptcp_sock___mptcp *)msk, first);
	if (!leave_notes)
		found_add(msk, TCS_SCAN_MPTCP, 0);
	if (first)
		subflow_add(first);
	subflows_begin(&s, msk);
	for (i = 0; i < SUBFLOWS_MAX; i++) {
		sk = subflows_next(&s);
		if (!sk)
			break;
		if (sk != first)
			subflow_add(sk);
	}
	return 0;
}

static __always_inline void read_msk(__u64 msk, const bool loops)
{
	msk_add(msk);
	read_queue((__u64)BPF_CORE_READ((const struct mptcp_sock___mptcp *)msk, first), loops);
}

/* ---- every file ------------------------------------------------------------------------------ */

/* Among half a million files each line of memory that is not touched saves 40 ms. */
static __always_inline bool has_mark(struct bpf_iter__task_file *ctx)
{
	__u64 file;

	/* Its address is not the verifier's to forbid arithmetic with. */
	if (bpf_probe_read_kernel(&file, sizeof(file), &ctx->file))
		return true;
	return marks_has(file);
}

/* A file's socket, or NULL. The pointer is typed where there is a helper, and only there. */
static __always_inline struct sock *sock_of(struct file *file)
{
	struct socket *sock;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_sock_from_file)) {
		sock = bpf_sock_from_file(file);
		return sock ? sock->sk : NULL;
	}
	if (BPF_CORE_READ(file, f_inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return NULL;
	sock = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(sock, sk);
}

static __always_inline void take_process(const struct task_struct *task)
{
	table.leader = BPF_CORE_READ(task, group_leader);
	table.pid = task->tgid;
}

static __always_inline int scan_file(struct bpf_iter__task_file *ctx, const bool loops)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct tcs_wire_scan row = {};
	struct sock *sk;
	__u16 protocol;

	if (!task || !file || (marked_only && !has_mark(ctx)))
		return 0;
	sk = sock_of(file);
	if (!sk)
		return 0;
	protocol = BPF_CORE_READ(sk, sk_protocol);
	if (HAS_MPTCP && protocol == IPPROTO_MPTCP) {
		take_process(task);
		read_msk(address_of(sk), loops);
		return 0;
	}
	if (protocol != IPPROTO_TCP)
		return 0;
	row.state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (row.state == TCP_CLOSE)
		return 0; /* its first event will be its owner's connect() or listen() */
	/* For the others this is most of the price, and nobody asks. */
	if (row.state == TCP_LISTEN)
		fill_listener(&row, sk);
	else if (only_netns)
		row.netns = netns_of(sk);
	row.id = marked_only ? id_as_it_is(sk) : id_for_now(sk); /* as its row has it */
	row.pid = task->tgid;
	__builtin_memcpy(row.comm, task->group_leader->comm, TCS_COMM_LEN);
	if (leave_notes)
		note_older(sk, &row);
	if (row.state == TCP_LISTEN) {
		take_process(task);
		if (has_notes && !leave_notes)
			owner_correct(sk);
		read_queue(address_of(sk), loops);
	}
	if (only_netns && row.netns != only_netns)
		return 0;
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}

SEC("iter/task_file")
int tcs_scan(struct bpf_iter__task_file *ctx)
{
	return scan_file(ctx, true);
}

/* Before 5.17 there is no bpf_loop(). */
SEC("iter/task_file")
int tcs_scan_bounded(struct bpf_iter__task_file *ctx)
{
	return scan_file(ctx, false);
}

/* ---- the same, without touching a file that has no mark -------------------------------------- */

/* Descriptors read at once: tables are multiples of it (NR_OPEN_DEFAULT, alloc_fdtable()). */
#define WINDOW	    64
#define WINDOW_PART 8 /* of these, in one call */

__u64 window[WINDOW];

/* By probe reads, as in found_add(). */
__noinline int tell_file(__u64 file)
{
	struct socket *sock = BPF_CORE_READ((struct file *)file, private_data);
	struct sock *sk;
	__u16 protocol;

	if ((__u64)BPF_CORE_READ(sock, file) != file)
		return 0; /* no socket: another file of the same mark */
	sk = BPF_CORE_READ(sock, sk);
	protocol = BPF_CORE_READ(sk, sk_protocol);
	if (HAS_MPTCP && protocol == IPPROTO_MPTCP) {
		read_msk((__u64)sk, true);
	} else if (protocol == IPPROTO_TCP) {
		if (has_notes && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
			owner_correct(sk);
		found_add((__u64)sk, 0, 0);
		read_queue((__u64)sk, true);
	}
	return 0;
}

/* A loop in two parts: the verifier goes through its body once for each round. */
__noinline int look_at_files(__u32 from)
{
	__u32 i;

	for (i = 0; i < WINDOW_PART; i++) {
		__u64 file = window[(from + i) & (WINDOW - 1)];

		if (file && marks_has(file))
			tell_file(file);
	}
	return 0;
}

static long look_at_window(__u32 i, void *unused)
{
	__u32 j;

	if (bpf_probe_read_kernel(window, sizeof(window), (void *)(table.fds + i * sizeof(window))))
		return 1;
	for (j = 0; j < WINDOW; j += WINDOW_PART)
		look_at_files(j);
	return 0;
}

/*
 * Of threads that share their files, the leader is looked at (task_seq_get_next() does so too). A
 * process that exits holds nothing any more.
 */
SEC("iter/task")
int tcs_scan_marked(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task, *leader;
	struct files_struct *files;
	struct fdtable *fdt;

	if (!task)
		return 0;
	leader = BPF_CORE_READ(task, group_leader);
	files = BPF_CORE_READ(task, files);
	if (!files || (leader != task && files == BPF_CORE_READ(leader, files)) ||
	    !process_lives(leader))
		return 0;
	table.leader = leader;
	fdt = BPF_CORE_READ(files, fdt);
	table.fds = (__u64)BPF_CORE_READ(fdt, fd);
	table.pid = task->tgid;
	bpf_loop(BPF_CORE_READ(fdt, max_fds) / WINDOW, look_at_window, NULL, 0);
	return 0;
}
