// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_explain.c - `tcpconnstate explain [NAME...]`: what a state, a finding or a close reason means
 *
 * Needs neither rights nor BPF. Nothing is printed unless every name is known.
 */
#include <string.h>
#include <unistd.h>

#include "explain_print.h"
#include "opts.h"
#include "output.h"
#include "pipeline.h"
#include "tell.h"
#include "wrap.h"

#define NEAR_MAX 3

static int unknown(const char *name)
{
	const struct explanation *near[NEAR_MAX];
	size_t n = explain_near(name, strlen(name), near, NEAR_MAX);
	struct outbuf line;

	if (outbuf_init(&line, 512))
		return cmd_no_memory();
	outbuf_lit(&line, "there is no state, finding or close reason '");
	outbuf_put_term(&line, name, 60);
	outbuf_lit(&line, "'; ");
	if (!n)
		outbuf_lit(&line, "`tcpconnstate explain` lists them all");
	for (size_t i = 0; i < n; i++) {
		outbuf_puts(&line, !i ? "did you mean " : i + 1 < n ? ", " : " or ");
		outbuf_puts(&line, near[i]->title->name);
	}
	if (n)
		outbuf_putc(&line, '?');
	tell("%.*s", (int)line.len, line.data);
	outbuf_release(&line);
	return TCS_EXIT_USAGE;
}

static void print_pages(struct output *out, const struct opts *o)
{
	const struct explanation *page;
	size_t i;

	for (i = 0; o->n_names ? i < o->n_names : !!explain_at(i); i++) {
		page = o->n_names ? explain_find(o->names[i], strlen(o->names[i])) : explain_at(i);
		output_reserve(out, EXPLAIN_PRINT_MAX);
		if (o->format == OPTS_JSON) {
			explain_print_json(&out->buf, page);
			continue;
		}
		if (i)
			outbuf_lit(&out->buf, "\n\n");
		explain_print_text(&out->buf, page, wrap_width(output_columns(out)));
	}
}

int cmd_explain(const struct opts *opts)
{
	struct output out;

	for (size_t i = 0; i < opts->n_names; i++)
		if (!explain_find(opts->names[i], strlen(opts->names[i])))
			return unknown(opts->names[i]);

	if (output_init(&out, STDOUT_FILENO, pipeline_signals()))
		return cmd_no_memory();
	if (!opts->n_names && opts->format == OPTS_TEXT) {
		explain_print_list(&out.buf, wrap_width(output_columns(&out)));
		outbuf_lit(&out.buf, "\n`tcpconnstate explain NAME` prints the page.\n");
	} else {
		print_pages(&out, opts);
	}
	return cmd_end_output(&out, TCS_EXIT_OK);
}
