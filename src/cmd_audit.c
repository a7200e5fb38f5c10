// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_audit.c - `tcpconnstate audit`: look once, say what is wrong and why, exit
 *
 * Two looks at the kernel's tables, --window apart (or one), so that what grows can be told from
 * what is merely there; the rules (detect.h); text or JSON; an exit status for scripts.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "audit_sink.h"
#include "census.h"
#include "detect.h"
#include "host.h"
#include "opts.h"
#include "pipeline.h"
#include "record.h"
#include "rights.h"

struct audit_run {
	const struct opts *opts;
	struct census *census;
	struct audit first, second; /* looks; with --window 0 only the first */
	struct detect *detect;
	struct finding *findings;
	uint32_t n_findings;
	struct output output;
	int signal_fd;
	bool interrupted;
};

static int complain(const struct failure *why)
{
	fprintf(stderr, "tcpconnstate: %s\n", why->text);
	return why->of_host ? TCS_EXIT_HOST : TCS_EXIT_RUN;
}

static struct audit_config audit_config_of(const struct opts *o)
{
	return (struct audit_config){
		.old_ns = o->close_wait_age_ms * 1000000,
		.stalled = (uint8_t)o->detect.dead_peer_timeouts,
		.count_rows = o->filter.has_pid || o->filter.has_comm,
		.by = o->by,
	};
}

static int open_all(struct audit_run *r)
{
	const struct opts *o = r->opts;
	struct audit_config audit = audit_config_of(o);
	struct census_config config = {
		.filter = &o->filter,
		.audit = audit,
		.btf_path = o->btf_path,
		.verbose = o->verbose > 0,
	};
	struct failure why;

	if (output_init(&r->output, STDOUT_FILENO, r->signal_fd) || audit_init(&r->first, &audit) ||
	    audit_init(&r->second, &audit) || detect_new(&o->detect, &r->detect)) {
		fprintf(stderr, "tcpconnstate: out of memory\n");
		return TCS_EXIT_RUN;
	}
	return census_new(&config, &r->census, &why) ? complain(&why) : TCS_EXIT_OK;
}

/* Until the window is over; a signal ends it early, and what is known is told. */
static void wait_window(struct audit_run *r, uint64_t until_ns)
{
	struct pollfd fd = { .fd = r->signal_fd, .events = POLLIN };
	uint64_t now = pipeline_now_ns();

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
	uint64_t start = pipeline_now_ns();
	struct failure why;

	if (census_look(r->census, all, start, take_record, &r->first, &why))
		return complain(&why);
	if (!r->opts->window_ms)
		return audit_settle(&r->first, NULL) ? TCS_EXIT_RUN : TCS_EXIT_OK;
	wait_window(r, start + r->opts->window_ms * 1000000);
	if (census_look(r->census, all, pipeline_now_ns(), take_record, &r->second, &why))
		return complain(&why);
	return audit_settle(&r->second, &r->first) ? TCS_EXIT_RUN : TCS_EXIT_OK;
}

static void keep_finding(void *ctx, const struct finding *finding)
{
	struct audit_run *r = ctx;

	if (r->n_findings < DETECT_MAX)
		r->findings[r->n_findings++] = *finding;
}

static int worst_first(const void *left, const void *right)
{
	const struct finding *a = left, *b = right;

	if (a->severity != b->severity)
		return a->severity < b->severity ? 1 : -1;
	return (int)a->kind - (int)b->kind;
}

static int exit_status(const struct audit_run *r, enum severity worst)
{
	enum severity from = r->opts->fail_on ? r->opts->fail_on : SEVERITY_WARNING;

	if (r->interrupted && !r->opts->fail_on)
		return TCS_EXIT_OK;
	return worst >= from ? TCS_EXIT_FINDING : TCS_EXIT_OK;
}

static int tell(struct audit_run *r)
{
	const struct opts *o = r->opts;
	const struct audit *last = o->window_ms ? &r->second : &r->first;
	struct sink_world world = { .wall_offset_ns = pipeline_wall_offset_ns() };
	struct utsname uts = { 0 };
	char boot_id[64];
	struct sink_meta meta = {
		.version = TCS_VERSION,
		.kernel = uts.release,
		.arch = uts.machine,
		.boot_id = host_boot_id(boot_id, sizeof(boot_id)),
		.command = "audit",
		.netns_scope = o->netns_spec,
	};
	struct audit_report report = {
		.look = last,
		.findings = r->findings,
		.all_rows = o->extended,
		.owned_only = o->filter.has_pid || o->filter.has_comm,
		.window_ns = o->window_ms ? r->second.ts_ns - r->first.ts_ns : 0,
		.world = &world,
		.meta = &meta,
	};

	uname(&uts);
	detect_look(r->detect, last, keep_finding, r);
	if (r->n_findings > 1)
		qsort(r->findings, r->n_findings, sizeof(*r->findings), worst_first);
	report.n_findings = r->n_findings;
	report.findings_skipped = detect_skipped(r->detect);
	report.worst = detect_worst(r->detect);
	report.exit_status = exit_status(r, report.worst);
	if (o->format == OPTS_JSON)
		audit_json(&r->output, &report);
	else
		audit_text(&r->output, &report);
	if (r->output.end != OUTPUT_FAILED)
		return report.exit_status;
	fprintf(stderr, "tcpconnstate: cannot write the output: %s\n",
		strerror(r->output.error_number));
	return TCS_EXIT_RUN;
}

int cmd_audit(const struct opts *opts)
{
	struct audit_run r = { .opts = opts, .signal_fd = pipeline_signals() };
	int status = open_all(&r);

	if (status == TCS_EXIT_OK)
		status = look(&r);
	/* Everything that needs a right is done. */
	(void)rights_drop(false);
	if (status == TCS_EXIT_OK) {
		r.findings = calloc(DETECT_MAX, sizeof(*r.findings));
		status = r.findings ? tell(&r) : TCS_EXIT_RUN;
	}
	free(r.findings);
	detect_free(r.detect);
	audit_release(&r.first);
	audit_release(&r.second);
	census_free(r.census);
	output_release(&r.output);
	if (r.signal_fd >= 0)
		close(r.signal_fd);
	return status;
}
