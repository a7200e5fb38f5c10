/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_AUDIT_PAGE_H
#define TCS_AUDIT_PAGE_H

/*
 * audit_page.h - the screen of an audit while it is written: what its parts share
 *
 * audit_text.c has the whole and the tables of CLOSE_WAIT and TIME_WAIT, syn_text.c what is about
 * handshakes, finding_text.c the sentences. A part makes room for each line with page_line(), of
 * PAGE_LINE_MAX bytes; tables show PAGE_ROWS rows and say how many more there are, unless all are
 * asked for. What becomes of what was written stands in output.end.
 */
#include "audit_sink.h"
#include "device_put.h"
#include "output.h"
#include "wrap.h"

#define PAGE_ROWS     12 /* of each table, unless all are asked for */
#define PAGE_LINE_MAX 8192

struct page {
	struct output *out;
	const struct audit_report *report;
	unsigned int columns; /* of the terminal; 0 none */
	bool many;	      /* namespaces: each row says whose it is */
};

static inline struct outbuf *page_line(const struct page *p)
{
	output_reserve(p->out, PAGE_LINE_MAX);
	return &p->out->buf;
}

/* How many of n rows are shown. */
static inline uint32_t page_shown(const struct page *p, uint32_t n)
{
	return p->report->all_rows || n <= PAGE_ROWS ? n : PAGE_ROWS;
}

/* "... and 7 more (-x shows all)", if there are. */
void page_rest(const struct page *p, uint32_t n);
/* " net:4026531840" behind a name, if there are several. */
void page_netns(const struct page *p, struct outbuf *b, uint32_t netns);
/* A device of a namespace of the look. */
struct device_ref page_device(const struct page *p, uint32_t netns, uint32_t ifindex);
/* A sentence from `at` on, folded to the page, and the end of its line. */
void page_fold(const struct page *p, struct outbuf *b, size_t at, unsigned int indent);

#endif /* TCS_AUDIT_PAGE_H */
