// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_doctor.c - `tcpconnstate doctor`: what this host gives us, what is missing, how to get it
 *
 * Needs no right. Text groups what is well and gives each lack a line; -x, and JSON, give one to
 * each check.
 */
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "checks.h"
#include "confine.h"
#include "opts.h"
#include "output.h"
#include "pipeline.h"
#include "secure.h"
#include "wrap.h"

#define LINE_BYTES 8192 /* what one check prints is no longer, nor what those of a line do */
#define INDENT	   6

struct verdict {
	unsigned int missing[2]; /* checks that say no, for watch and for audit */
	unsigned int limits;	 /* checks that say part */
	enum exit_code exit;
};

static const char *const status_words[CHECK_STATUS_MAX] = {
	[CHECK_OK] = "ok",
	[CHECK_PART] = "part",
	[CHECK_NO] = "no",
	[CHECK_UNKNOWN] = "unknown",
};

static const char *const status_marks[CHECK_STATUS_MAX] = {
	[CHECK_OK] = "ok    ",
	[CHECK_PART] = "part  ",
	[CHECK_NO] = "no    ",
	[CHECK_UNKNOWN] = "?     ",
};

static struct verdict judge(const struct check *checks, size_t n)
{
	struct verdict v = { .exit = TCS_EXIT_OK };
	size_t i;

	for (i = 0; i < n; i++) {
		v.limits += checks[i].status == CHECK_PART;
		if (checks[i].status != CHECK_NO)
			continue;
		v.missing[0] += (checks[i].needed_for & CHECK_WATCH) != 0;
		v.missing[1] += (checks[i].needed_for & CHECK_AUDIT) != 0;
		v.exit = TCS_EXIT_HOST;
	}
	return v;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Does b go on in the line of a? What is told of both must be the same. */
static bool same_line(const struct check *a, const struct check *b)
{
	return a->status == b->status && !strcmp(a->group, b->group) && !strcmp(a->fix, b->fix) &&
	       (a->status == CHECK_OK || !strcmp(a->path, b->path));
}

/* A line of its own, or several, below a mark that is INDENT wide. */
static void put_indented(struct outbuf *b, const char *label, const char *text, unsigned int width)
{
	struct wrap w = { b, b->len, 0, INDENT + (unsigned int)strlen(label), width };

	outbuf_pad_to(b, w.start + INDENT);
	outbuf_puts(b, label);
	w.fresh = b->len;
	wrap_text(&w, text, strlen(text));
	outbuf_putc(b, '\n');
}

/* `n` checks that share a line; all: what is done is told of those that are well, too. */
static void put_checks(struct outbuf *b, const struct check *c, size_t n, bool all,
		       unsigned int width)
{
	struct wrap w = { b, b->len, 0, INDENT, width };
	size_t i;

	outbuf_puts(b, status_marks[c->status]);
	outbuf_puts(b, c->group);
	outbuf_putc(b, ':');
	for (i = 0; i < n; i++) {
		outbuf_putc(b, ' ');
		outbuf_puts(b, c[i].found);
		if (i + 1 < n)
			outbuf_putc(b, ',');
	}
	wrap_again(&w, w.start);
	outbuf_putc(b, '\n');
	if (c->path[0] && (all || c->status != CHECK_OK))
		put_indented(b, "here: ", c->path, width);
	if (c->fix[0])
		put_indented(b, "fix: ", c->fix, width);
}

static void put_missing(struct outbuf *b, unsigned int n)
{
	outbuf_put_u64(b, n);
	outbuf_puts(b, n == 1 ? " item is missing" : " items are missing");
}

static void put_verdict(struct outbuf *b, const struct verdict *v)
{
	bool watch = !v->missing[0], audit = !v->missing[1];

	outbuf_lit(b, "This host ");
	if (watch && audit) {
		outbuf_lit(b, "can run watch and audit");
		if (v->limits) {
			outbuf_lit(b, ", with ");
			outbuf_put_u64(b, v->limits);
			outbuf_puts(b, v->limits == 1 ? " limit" : " limits");
		}
	} else if (watch || audit) {
		outbuf_puts(b, watch ? "can run watch, but not audit yet: " :
				       "can run audit, but not watch yet: ");
		put_missing(b, v->missing[watch]);
	} else {
		outbuf_lit(b, "cannot run watch and audit yet: ");
		put_missing(b, v->missing[0] > v->missing[1] ? v->missing[0] : v->missing[1]);
	}
	outbuf_lit(b, ".  (exit ");
	outbuf_put_u64(b, v->exit);
	outbuf_putc(b, ')');
}

static void print_text(struct output *out, const struct check *checks, size_t n,
		       const struct verdict *v, bool all)
{
	unsigned int width = wrap_width(output_columns(out));
	size_t i, together, verdict;
	struct wrap w;

	for (i = 0; i < n; i += together) {
		for (together = 1; !all && i + together < n; together++)
			if (!same_line(&checks[i], &checks[i + together]))
				break;
		output_reserve(out, LINE_BYTES);
		put_checks(&out->buf, &checks[i], together, all, width);
	}
	output_reserve(out, LINE_BYTES);
	verdict = out->buf.len;
	put_verdict(&out->buf, v);
	w = (struct wrap){ &out->buf, verdict, verdict, 0, width };
	wrap_again(&w, verdict);
	outbuf_putc(&out->buf, '\n');
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put_text(struct outbuf *b, const char *key, const char *text)
{
	outbuf_puts(b, key);
	if (*text)
		outbuf_put_json(b, text, strlen(text));
	else
		outbuf_lit(b, "null");
}

static void put_needed(struct outbuf *b, unsigned int needed_for)
{
	outbuf_lit(b, ",\"needed_for\":[");
	if (needed_for & CHECK_WATCH)
		outbuf_lit(b, "\"watch\"");
	if (needed_for == (CHECK_WATCH | CHECK_AUDIT))
		outbuf_putc(b, ',');
	if (needed_for & CHECK_AUDIT)
		outbuf_lit(b, "\"audit\"");
	outbuf_putc(b, ']');
}

static void print_json(struct output *out, const struct check *checks, size_t n,
		       const struct verdict *v)
{
	struct outbuf *b = &out->buf;
	size_t i;

	for (i = 0; i < n; i++) {
		output_reserve(out, LINE_BYTES);
		put_text(b, "{\"type\":\"check\",\"name\":", checks[i].name);
		put_text(b, ",\"status\":", status_words[checks[i].status]);
		put_needed(b, checks[i].needed_for);
		put_text(b, ",\"found\":", checks[i].found);
		put_text(b, ",\"path\":", checks[i].path);
		put_text(b, ",\"fix\":", checks[i].fix);
		outbuf_lit(b, "}\n");
	}
	output_reserve(out, LINE_BYTES);
	outbuf_lit(b, "{\"type\":\"doctor\",\"version\":");
	outbuf_put_json(b, TCS_VERSION, sizeof(TCS_VERSION));
	outbuf_lit(b, ",\"watch\":");
	outbuf_puts(b, v->missing[0] ? "false" : "true");
	outbuf_lit(b, ",\"audit\":");
	outbuf_puts(b, v->missing[1] ? "false" : "true");
	outbuf_lit(b, ",\"limits\":");
	outbuf_put_u64(b, v->limits);
	outbuf_lit(b, ",\"exit\":");
	outbuf_put_u64(b, v->exit);
	outbuf_lit(b, "}\n");
}

int cmd_doctor(const struct opts *opts)
{
	struct check checks[CHECKS_MAX];
	struct verdict v;
	struct output out;
	size_t n;

	secure_raise();
	n = checks_run(checks);
	v = judge(checks, n);
	if (output_init(&out, STDOUT_FILENO, pipeline_signals()))
		return cmd_no_memory();
	confine_all();
	if (opts->format == OPTS_JSON)
		print_json(&out, checks, n, &v);
	else
		print_text(&out, checks, n, &v, opts->extended);
	return cmd_end_output(&out, v.exit);
}
