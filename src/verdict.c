// SPDX-License-Identifier: GPL-2.0-only
#include "verdict.h"

#include <stdlib.h>

#include "cmd.h"
#include "detect.h"
#include "paint.h"
#include "standing.h"

struct findings {
	struct finding *at;
	uint32_t n;
};

static void keep_finding(void *ctx, const struct finding *finding)
{
	struct findings *f = ctx;

	if (f->n < STANDING_MAX)
		f->at[f->n++] = *finding;
}

/* An active finding may have been updated since it was raised. */
static void keep_active(void *ctx, const struct finding *finding)
{
	struct finding f = *finding;

	f.status = FINDING_RAISED;
	keep_finding(ctx, &f);
}

static int worst_first(const void *left, const void *right)
{
	const struct finding *a = left, *b = right;

	if (a->severity != b->severity)
		return a->severity < b->severity ? 1 : -1;
	return (int)a->kind - (int)b->kind;
}

static int exit_status(const struct opts *o, const struct verdict *v, enum severity worst)
{
	enum severity from = o->fail_on ? o->fail_on : SEVERITY_WARNING;

	if (v->interrupted && !o->fail_on)
		return TCS_EXIT_OK;
	return worst >= from ? TCS_EXIT_FINDING : TCS_EXIT_OK;
}

/*
 * A run has judged its looks one after the other: its findings are those that watch has raised and
 * not cleared. Otherwise there is one look, or two for rates. Returns the number of findings that
 * found no room.
 */
static uint64_t find(const struct verdict *v, struct detect *detect, struct findings *findings)
{
	if (v->run) {
		engine_each_finding(v->run, keep_active, findings);
		return engine_findings_skipped(v->run);
	}
	detect_look(detect, v->look, UINT32_MAX, keep_finding, findings);
	return detect_skipped(detect);
}

static int judge(const struct opts *o, const struct verdict *v, struct detect *detect,
		 struct findings *findings, struct output *out)
{
	struct audit_report report = {
		.look = v->look,
		.all_rows = o->extended,
		.owned_only = filter_by_owner(&o->filter),
		.window_ns = v->look->window_ns,
		.world = v->world,
		.meta = v->meta,
		.columns = output_columns(out),
		.color = paint_wanted(o->color, out->terminal, getenv("NO_COLOR")),
	};

	report.findings_skipped = find(v, detect, findings);
	if (findings->n > 1)
		qsort(findings->at, findings->n, sizeof(*findings->at), worst_first);
	report.findings = findings->at;
	report.n_findings = findings->n;
	report.worst = findings->n ? findings->at[0].severity : SEVERITY_OK;
	report.exit_status = exit_status(o, v, report.worst);
	if (o->format == OPTS_JSON)
		audit_json(out, &report);
	else
		audit_text(out, &report);
	/* The signal may have come while the report was printed. */
	if (out->end == OUTPUT_INTERRUPTED && !o->fail_on)
		return TCS_EXIT_OK;
	if (out->end != OUTPUT_FAILED)
		return report.exit_status;
	return cmd_not_written(out, "");
}

int verdict_tell(const struct opts *opts, const struct verdict *v, struct output *out)
{
	struct findings findings = { .at = calloc(STANDING_MAX, sizeof(*findings.at)) };
	struct detect_config config = opts->detect;
	struct detect *detect = NULL;
	int status = TCS_EXIT_RUN;

	config.at_once = true;
	if (findings.at && !detect_new(&config, &detect))
		status = judge(opts, v, detect, &findings, out);
	else
		status = cmd_no_memory();
	detect_free(detect);
	free(findings.at);
	return status;
}
