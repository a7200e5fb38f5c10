// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_audit.c - `tcpconnstate audit`: look once, say what is wrong and why, exit
 *
 * Two looks at the kernel's tables, --window apart (or one), so that what grows can be told from
 * what is merely there; the rules (detect.h); text or JSON; an exit status for scripts.
 */
#include <errno.h>
#include <poll.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "census.h"
#include "confine.h"
#include "device_names.h"
#include "feature.h"
#include "handshakes.h"
#include "host.h"
#include "mono.h"
#include "netns_scope.h"
#include "opts.h"
#include "pipeline.h"
#include "record.h"
#include "secure.h"
#include "tell.h"
#include "verdict.h"
#include "watch.h"

#define LATE_LOOK_NS 200000000ull /* a look that takes longer is not begun after a signal */

struct audit_run {
	const struct opts *opts;
	struct filter filter;
	struct netns_scope *scope; /* NULL: not needed (all, self), or known by number only */
	struct census *census;
	struct device_names *devices;
	struct handshakes *handshakes; /* NULL: one look, or they cannot be counted */
	struct handshake_maps maps;
	struct audit first, second; /* looks; with --window 0 only the first */
	struct output output;
	int signal_fd;
	bool interrupted;
	bool is_single; /* there is no second look */
};

/* Between the looks; without them the rest of an audit is as good. 0 or -errno. */
static int count_handshakes(struct audit_run *r, struct failure *reterr)
{
	int err =
		r->opts->window_ms ? handshakes_new(r->opts->btf_path, &r->handshakes, reterr) : 0;

	if (r->handshakes)
		handshakes_maps(r->handshakes, &r->maps);
	return err;
}

static int open_all(struct audit_run *r)
{
	const struct opts *o = r->opts;
	struct audit_config audit = opts_audit_config(o);
	struct census_config config = {
		.filter = &r->filter,
		.audit = audit,
		.each_half_open = o->extended,
		.btf_path = o->btf_path,
		.verbose = o->verbose > 0,
	};
	struct failure why, no_rates;
	int err;

	secure_raise();
	if (output_init(&r->output, STDOUT_FILENO, r->signal_fd) || audit_init(&r->first, &audit) ||
	    audit_init(&r->second, &audit))
		return cmd_no_memory();
	if (r->filter.netns && !netns_scope_is_own(o->netns_spec, r->filter.netns) &&
	    netns_scope_new(o->netns_spec, &r->filter, o->btf_path, &r->scope, &why))
		return cmd_failed(&why);
	config.scope = r->scope;
	err = count_handshakes(r, &no_rates);
	config.handshakes = r->handshakes ? &r->maps : NULL;
	config.counter = r->handshakes;
	if (census_new(&config, &r->census, &why))
		return cmd_failed(&why); /* the cause of both, then, and one sentence is enough */
	if (err)
		tell("warning: %s", no_rates.text);
	if (device_names_new(census_devices(r->census), &r->devices))
		return cmd_no_memory();
	return TCS_EXIT_OK;
}

/* Until the window is over; a signal ends it early, and what is known is told. */
static void wait_window(struct audit_run *r, uint64_t until_ns)
{
	struct pollfd fd = { .fd = r->signal_fd, .events = POLLIN };
	uint64_t now = mono_now_ns();

	if (until_ns > now)
		r->interrupted = poll(&fd, 1, (int)((until_ns - now) / 1000000)) > 0;
}

static int take_record(void *ctx, const void *bytes, size_t len)
{
	struct record record;

	return record_decode(bytes, len, &record) ? -EINVAL : record_into_audit(&record, ctx);
}

static int look(struct audit_run *r)
{
	const uint32_t all = AUDIT_COUNTERS | AUDIT_SOCKETS;
	uint64_t start = mono_now_ns(), took_ns;
	struct failure why;

	if (census_look(r->census, all, start, take_record, &r->first, &why))
		return cmd_failed(&why);
	if (audit_settle(&r->first, NULL, NULL))
		return cmd_no_memory();
	if (!r->opts->window_ms)
		return TCS_EXIT_OK;
	took_ns = mono_now_ns() - start;
	wait_window(r, start + r->opts->window_ms * 1000000);
	/* The end must not wait for it; rates are unknown then. */
	r->is_single = r->interrupted && took_ns > LATE_LOOK_NS;
	if (r->is_single)
		return TCS_EXIT_OK;
	if (census_look(r->census, all, mono_now_ns(), take_record, &r->second, &why))
		return cmd_failed(&why);
	return audit_settle(&r->second, &r->first, &r->first) ? cmd_no_memory() : TCS_EXIT_OK;
}

static const char *device_name(void *ctx, uint64_t netns_cookie, uint32_t netns, uint32_t ifindex)
{
	struct audit_run *r = ctx;
	const struct device_name *device =
		device_names_find(r->devices, netns_cookie, netns, ifindex, 0);

	return device ? device->name : NULL;
}

static int tell_verdict(struct audit_run *r)
{
	const struct opts *o = r->opts;
	struct sink_world world = { .wall_offset_ns = mono_wall_offset_ns(),
				    .device_name = device_name,
				    .device_ctx = r };
	/* The walks, and what counts handshakes between them. */
	const char *const hooks[] = { "iter/tcp", "iter/task_file", "sock:inet_sock_set_state",
				      "tcp:tcp_retransmit_synack", "tcp:tcp_send_reset" };
	struct utsname uts = { 0 };
	char boot_id[64];
	struct sink_meta meta = {
		.version = TCS_VERSION,
		.kernel = uts.release,
		.arch = uts.machine,
		.boot_id = host_boot_id(boot_id, sizeof(boot_id)),
		.command = "audit",
		.netns_scope = o->netns_spec,
		.hooks = hooks,
		.n_hooks = !r->handshakes	    ? 2 :
			   feature_get()->btf.reset ? 5 :
						      4,
	};
	struct verdict verdict = {
		.look = o->window_ms && !r->is_single ? &r->second : &r->first,
		.world = &world,
		.meta = &meta,
		.interrupted = r->interrupted,
	};

	uname(&uts);
	return verdict_tell(o, &verdict, &r->output);
}

int cmd_audit(const struct opts *opts)
{
	struct audit_run r = {
		.opts = opts,
		.filter = opts->filter,
		.signal_fd = pipeline_signals(),
	};
	int status = open_all(&r);

	if (status == TCS_EXIT_OK)
		status = look(&r);
	if (status == TCS_EXIT_OK)
		device_names_read_all(r.devices, 0);
	/* Everything that needs a right is done. */
	confine_all();
	if (status == TCS_EXIT_OK)
		status = tell_verdict(&r);
	audit_release(&r.first);
	audit_release(&r.second);
	device_names_free(r.devices);
	census_free(r.census);
	netns_scope_free(r.scope);
	handshakes_free(r.handshakes);
	cmd_tell_cut(&r.output);
	output_release(&r.output);
	if (r.signal_fd >= 0)
		close(r.signal_fd);
	return status;
}
