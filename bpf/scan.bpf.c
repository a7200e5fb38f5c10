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

/* Written before each walk. */
__u32 wanted_states; /* bits: sockets in these */
__u8 wanted_stalled; /* and with so many timeouts in a row; 0 none */
bool leave_notes;    /* at listeners */

char LICENSE[] SEC("license") = "GPL";

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

static __always_inline bool wanted(struct sock *sk, __u8 state)
{
	struct tcp_sock *tp;

	if (wanted_states >> (state & 31) & 1)
		return true;
	if (!wanted_stalled)
		return false;
	tp = bpf_skc_to_tcp_sock(sk);
	return tp && timeouts(tp, state) >= wanted_stalled;
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

	if (!task || !file)
		return 0;
	sock = bpf_sock_from_file(file);
	if (!sock)
		return 0;
	sk = sock->sk;
	if (!sk || sk->sk_protocol != IPPROTO_TCP ||
	    (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6))
		return 0;
	row.state = sk->__sk_common.skc_state;
	if (row.state == TCP_CLOSE || !wanted(sk, row.state))
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
