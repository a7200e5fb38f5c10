// SPDX-License-Identifier: GPL-2.0-only
/*
 * scan.bpf.c - who holds the TCP sockets of this host
 *
 * Walks the open files of all processes: every full TCP socket of every network namespace with its
 * owner, at about half a microsecond a file. At start listeners also get a note.
 *
 * Not seen: connections nobody has accepted yet and orphans (no file refers to them), and sockets
 * held only by the kernel, by io_uring's fixed files, or by a message in flight (SCM_RIGHTS).
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "tcs_wire.h"
#include "tcs_marks.h"
#include "tcs_note.h"
#include "tcs_socket.h"

#define SOCKFS_MAGIC 0x534f434b

/* Written before each walk. */
bool leave_notes; /* at sockets */
bool marked_only; /* only files that have a mark */
__u32 only_netns; /* tell of this one; 0: of all */
__u64 n_ids;	  /* given to sockets; the scan is one thread */

char LICENSE[] SEC("license") = "GPL";

/*
 * So that the children a listener is yet to have inherit an owner; and where sockets have no
 * cookies, so that what happens to one of them next finds its owner and the id we know it by.
 * Nothing is left where the socket has had an event of its own, which knows better.
 */
static __always_inline void note_older(struct sock *sk, const struct addrs *a,
				       struct tcs_wire_scan *row)
{
	struct tcs_note fresh = {
		.id = TCS_ID_OWN | ++n_ids << TCS_ID_MAKER_BITS | TCS_ID_SCAN << TCS_ID_CPU_BITS,
		.cookie_low = kernel.cookies ? row->id : 0,
		.pid = row->pid,
		.owner_source = TCS_OWNER_SCAN,
	};
	const struct tcs_note *known;
	__u64 key = (__u64)sk;

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
		listener_begin(sk, a, row->lport,
			       BPF_CORE_READ_BITFIELD_PROBED(&sk->__sk_common, skc_reuseport));
	}
}

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

SEC("iter/task_file")
int tcs_scan(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct tcs_wire_scan row = {};
	struct addrs a = {};
	struct sock *sk;

	if (!task || !file || (marked_only && !has_mark(ctx)))
		return 0;
	sk = sock_of(file);
	if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	row.state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (row.state == TCP_CLOSE)
		return 0; /* its first event will be its owner's connect() or listen() */
	/* For the others this is most of the price, and nobody asks. */
	if (row.state == TCP_LISTEN) {
		peek_addrs(&sk->__sk_common, &a);
		__builtin_memcpy(row.laddr, a.l, sizeof(row.laddr));
		row.lport = BPF_CORE_READ(sk, __sk_common.skc_num);
	}
	if (row.state == TCP_LISTEN || only_netns)
		row.netns = netns_of(sk);
	row.id = marked_only ? id_as_it_is(sk) : id_for_now(sk); /* as its row has it */
	row.pid = task->tgid;
	__builtin_memcpy(row.comm, task->group_leader->comm, TCS_COMM_LEN);
	if (leave_notes)
		note_older(sk, &a, &row);
	if (only_netns && row.netns != only_netns)
		return 0;
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}

/* ---- the same, without touching a file that has no mark -------------------------------------- */

/* Descriptors read at once: tables are multiples of it (NR_OPEN_DEFAULT, alloc_fdtable()). */
#define WINDOW 64

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TCS_FOUND);
	__type(key, __u32);
	__type(value, struct tcs_wire_scan);
} found SEC(".maps");

__u32 n_found; /* those that had no room included */

/* A walk is one thread. */
__u64 window[WINDOW];
struct {
	__u64 fds; /* struct file ** */
	struct task_struct *leader;
	__u32 pid;
} table;

static __always_inline void read_laddr(const struct sock *sk, struct tcs_wire_scan *row)
{
	__be32 v4;

	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6) {
		BPF_CORE_READ_INTO(&row->laddr, sk, __sk_common.skc_v6_rcv_saddr);
		return;
	}
	v4 = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
	map_v4((__u64 *)row->laddr, v4);
}

/*
 * Everything by probe reads: nothing holds the file but RCU, and what was read of one that has just
 * been closed is the owner of no row, as the cookie tells.
 *
 * A global function: the verifier goes through it once, and not once for each of 64 descriptors.
 */
__noinline int tell_file(__u64 file)
{
	struct socket *sock = BPF_CORE_READ((struct file *)file, private_data);
	struct task_struct *leader = table.leader;
	struct tcs_wire_scan *row;
	struct sock *sk;
	__u32 at = n_found;
	__u8 state;

	if ((__u64)BPF_CORE_READ(sock, file) != file)
		return 0; /* no socket: another file of the same mark */
	sk = BPF_CORE_READ(sock, sk);
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP || state == TCP_CLOSE)
		return 0;
	n_found = at + 1;
	row = bpf_map_lookup_elem(&found, &at);
	if (!row)
		return 0;
	row->id = id_as_it_is(sk);
	row->state = state;
	row->pid = table.pid;
	BPF_CORE_READ_INTO(&row->comm, leader, comm);
	if (state != TCP_LISTEN)
		return 0;
	read_laddr(sk, row);
	row->lport = BPF_CORE_READ(sk, __sk_common.skc_num);
	row->netns = netns_of(sk);
	return 0;
}

static long look_at_window(__u32 i, void *unused)
{
	__u32 j;

	if (bpf_probe_read_kernel(window, sizeof(window), (void *)(table.fds + i * sizeof(window))))
		return 1;
	for (j = 0; j < WINDOW; j++)
		if (window[j] && marks_has(window[j]))
			tell_file(window[j]);
	return 0;
}

/* Of threads that share their files, the leader is looked at (task_seq_get_next() does so too). */
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
	if (!files || (leader != task && files == BPF_CORE_READ(leader, files)))
		return 0;
	table.leader = leader;
	fdt = BPF_CORE_READ(files, fdt);
	table.fds = (__u64)BPF_CORE_READ(fdt, fd);
	table.pid = task->tgid;
	bpf_loop(BPF_CORE_READ(fdt, max_fds) / WINDOW, look_at_window, NULL, 0);
	return 0;
}
