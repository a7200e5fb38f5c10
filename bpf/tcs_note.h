/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_NOTE_H
#define TCS_NOTE_H

/*
 * tcs_note.h - what the BPF programs remember about a socket, in the socket's own storage
 *
 * The kernel frees a note with its socket, so none outlives us and no pointer is ever reused
 * wrongly. BPF_F_CLONE gives each child a copy of its listener's note before its first event, which
 * is how an accepted connection gets the listener's owner: accept() itself fires nothing.
 *
 * Written by the state programs with the socket's lock held, and once by the scan for listeners
 * older than the program (census.bpf.c). BPF side only.
 */
struct tcs_note {
	__u64 id;	    /* socket cookie */
	__u64 parent;	    /* cookie of the listener it was born from */
	__u64 since_ns;	    /* when it entered its present state; 0 unknown */
	__u64 comm[2];	    /* of the owner */
	__u32 pid;	    /* of the owner, a tgid; 0 unknown */
	__u32 seq;	    /* events told or lost, of this socket */
	__u16 mark;	    /* the last event handled: old state << 8 | new state; 0 none */
	__u8 owner_source;  /* enum tcs_wire_owner_source */
	__u8 told_epoch;    /* the epoch in which its facts were told; 0 not yet */
	__u8 reset_sent;    /* a reset of our own went out since the last event */
	__u8 deferred;	    /* its first event waits to be told with the next one */
	__u8 owner_changed; /* by the event at hand */
	__u8 pad;
	__u16 flags; /* of the event at hand, enum tcs_wire_flags */
	__u16 pad2;
	__u32 pad3;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct tcs_note);
} notes SEC(".maps");

#endif /* TCS_NOTE_H */
