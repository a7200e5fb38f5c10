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
#include "tcs_note.h"
#include "tcs_socket.h"

const volatile bool leave_notes; /* at listeners */
const volatile bool marked_only; /* only files that have a mark */

char LICENSE[] SEC("license") = "GPL";

/* The census's (census.bpf.c). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TCS_MARKS);
	__type(key, __u32);
	__type(value, __u64);
} marks SEC(".maps");

/* So that the children it is yet to have inherit an owner. */
static __always_inline void note_listener(struct sock *sk, const struct tcs_wire_scan *row)
{
	struct tcs_note fresh = {
		.id = row->id,
		.pid = row->pid,
		.owner_source = TCS_OWNER_SCAN,
		.mark = TCP_CLOSE << 8 | TCP_LISTEN,
	};

	if (note_find(sk))
		return; /* it has had an event of its own, which knows better */
	__builtin_memcpy(fresh.comm, row->comm, TCS_COMM_LEN);
	if (note_begin(sk, &fresh))
		listener_begin(sk, row->lport);
}

/* Among half a million files each line of memory that is not touched saves 40 ms. */
static __always_inline bool has_mark(struct bpf_iter__task_file *ctx)
{
	__u64 file, *word;
	__u32 at;

	/* Its address is not the verifier's to forbid arithmetic with. */
	if (bpf_probe_read_kernel(&file, sizeof(file), &ctx->file))
		return true;
	at = MARK_WORD(file);
	word = bpf_map_lookup_elem(&marks, &at);
	return word && *word & MARK_BIT(file);
}

SEC("iter/task_file")
int tcs_scan(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct tcs_wire_scan row = {};
	struct socket *sock;
	struct addrs a;
	struct sock *sk;

	if (!task || !file || (marked_only && !has_mark(ctx)))
		return 0;
	sock = bpf_sock_from_file(file);
	if (!sock)
		return 0;
	sk = sock->sk;
	if (!sk || sk->sk_protocol != IPPROTO_TCP ||
	    (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6))
		return 0;
	row.state = sk->__sk_common.skc_state;
	if (row.state == TCP_CLOSE)
		return 0; /* its first event will be its owner's connect() or listen() */
	read_addrs(&sk->__sk_common, &a);
	__builtin_memcpy(row.laddr, a.l, sizeof(row.laddr));
	row.lport = sk->__sk_common.skc_num;
	row.netns = netns_of(sk);
	row.id = bpf_get_socket_cookie(sk);
	row.pid = task->tgid;
	__builtin_memcpy(row.comm, task->group_leader->comm, TCS_COMM_LEN);
	if (leave_notes && row.state == TCP_LISTEN)
		note_listener(sk, &row);
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}
