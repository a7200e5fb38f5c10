/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_FEATURE_H
#define TCS_FEATURE_H

/*
 * feature.h - what this kernel can do for us, found out by trying and never by its version
 *
 * The one place that knows: the loaders of BPF programs take their settings from here, and `doctor`
 * tells what is in here (checks.h). Two kinds of question:
 *
 *   feature_get()    asked at every start, once: one pass over the names in the kernel's BTF, and
 *                     two programs of three instructions that ask the verifier for a helper; 20 ms
 *   feature_try_*()  does it work? Only for doctor, and to explain a start that failed
 *
 * What cannot be asked, for lack of rights, is FEATURE_UNKNOWN, and the start goes on as if it were
 * there: it fails for the same lack.
 *
 * Errors of the tries: 0 or -errno. Nothing stays in the kernel.
 */
#include <stdbool.h>
#include <stdint.h>

#include "../bpf/tcs_wire.h"

enum feature_answer {
	FEATURE_UNKNOWN = 0,
	FEATURE_NO,
	FEATURE_YES,
};

/* Names in the kernel's BTF; ids are 0 where there is none. */
struct feature_btf {
	int error;	       /* 0, or why it cannot be read; then the rest is empty */
	uint32_t state_change; /* sock:inet_sock_set_state */
	uint32_t synack;       /* tcp:tcp_retransmit_synack */
	uint32_t reset;	       /* tcp:tcp_send_reset */
	uint32_t process_exit; /* sched:sched_process_exit */
	uint32_t task_rename;  /* task:task_rename */
	uint32_t iter_tcp;
	uint32_t iter_task;
	uint32_t iter_task_file;
	bool sock_from_file;	 /* the helper bpf_sock_from_file() */
	bool loops;		 /* the helper bpf_loop() */
	bool nulls_listeners;	 /* their chains can be read without locks, as ehash can */
	bool memory_cgroups;	 /* BPF memory is charged to cgroups, not to RLIMIT_MEMLOCK */
	bool misses_counted;	 /* bpf_prog_info.recursion_misses */
	bool netns_cookies;	 /* struct net.net_cookie */
	bool batches;		 /* iter/tcp takes a bucket at a time */
	bool probes_preemptible; /* tracepoints are guarded by SRCU */
};

struct features {
	struct feature_btf btf;
	char types_path[32]; /* a file with the types our programs name; "": there is none */
	enum feature_answer cookies; /* bpf_get_socket_cookie() in tracing programs */
	enum feature_answer storage; /* bpf_sk_storage_get() there */
	struct tcs_kernel kernel;    /* for the programs: unknown counts as there */
	unsigned int programs;	     /* that are to share the state tracepoint */
};

/* Asked once, then remembered. */
const struct features *feature_get(void);

int feature_try_tracepoint(void); /* load on sock:inet_sock_set_state and attach */
int feature_try_iter_tcp(void);	  /* load, attach, and open one */
int feature_try_iter_task_file(void);
int feature_try_ring(uint32_t bytes);
/* May programs read the kernel's memory? Not where it is locked down for confidentiality. */
enum feature_answer feature_try_peek(void);

/* Is this capability (CAP_...) in effect? */
bool feature_capable(unsigned int cap);

#endif /* TCS_FEATURE_H */
