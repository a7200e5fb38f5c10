/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_OWNERS_H
#define TCS_OWNERS_H

/*
 * tcs_owners.h - whose children a listener's children are, while processes fork, exit and execve(2)
 *
 * listen() is the only event that shows a listener's owner; the descriptor may then be inherited or
 * passed on, and the process that called listen() may exit. Three parts keep its note true:
 *
 *   owners         processes that a listener's note names, or that a scan has met with a listener
 *   owner_changes  of these, processes that have exited or got another name; from that moment on no
 *                  child inherits the old owner (owner_inherit())
 *   scans          the first process that has the listener among its open files becomes the owner
 *                  (owner_correct(), scan.bpf.c); user space starts one when it sees a change,
 *                  or a doubt
 *
 * A process that lives on may close its copy, which no event shows. But the children are then used
 * by another process than they have inherited (doubts). Where the last scan met several holders
 * (prefork servers) that is so anyway, and no doubt.
 *
 * Two writers of a note's owner: events, with the socket's lock held, of which none but -> CLOSE
 * and -> LISTEN writes the owner of a listener; and one scan at a time, without the lock, only of a
 * note that is in LISTEN. A reader sees by owner_writes that it has read halfway through a scan's
 * write, and takes the owner for unknown. BPF side only.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "tcs_note.h"
#include "tcs_wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TCS_OWNERS);
	__type(key, __u32); /* tgid */
	__type(value, __u32);
} owners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TCS_OWNER_CHANGES);
	__type(key, __u32); /* tgid */
	__type(value, struct tcs_owner_change);
} owner_changes SEC(".maps");

/* One that finds no room is not noticed when it exits: the next snapshot of all sockets is. */
static __always_inline void owners_add(__u32 pid)
{
	__u32 one = 1;

	if (pid && !bpf_map_lookup_elem(&owners, &pid))
		bpf_map_update_elem(&owners, &pid, &one, BPF_ANY);
}

/* The process is not past sched_process_exit. Called after owners_add(): one of both notices. */
static __always_inline bool process_lives(const struct task_struct *task)
{
	return BPF_CORE_READ(task, signal, live.counter) > 0;
}

/* The low bits of scan_number are not 0 (scan.c). */
static __always_inline bool owner_is_of_scan(const struct tcs_note *listener, __u32 scan_number)
{
	return (listener->owner_scan & TCS_OWNER_SCANNED) == (scan_number & TCS_OWNER_SCANNED);
}

/* The owner in a note, and not half of another one. */
static __always_inline void owner_read(const struct tcs_note *note, struct tcs_note *to)
{
	const volatile struct tcs_note *from = note;
	__u8 writes = from->owner_writes;

	to->pid = from->pid;
	to->comm[0] = from->comm[0];
	to->comm[1] = from->comm[1];
	to->owner_source = from->owner_source;
	if (writes & 1 || from->owner_writes != writes)
		to->pid = to->owner_source = 0;
}

static __always_inline void owner_write(struct tcs_note *note, __u32 pid, const __u64 comm[2],
					__u8 source)
{
	volatile struct tcs_note *to = note;

	to->owner_writes++;
	to->pid = pid;
	to->comm[0] = comm[0];
	to->comm[1] = comm[1];
	to->owner_source = source;
	to->owner_writes++;
}

#endif /* TCS_OWNERS_H */
