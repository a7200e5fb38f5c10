/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_EXPLAIN_PRINT_H
#define TCS_EXPLAIN_PRINT_H

/*
 * explain_print.h - the pages of explain.h, as text and as JSON
 *
 * Text is wrapped (wrap.h). A list fits 80 columns. The caller has made room for EXPLAIN_PRINT_MAX
 * bytes.
 */
#include "explain.h"
#include "outbuf.h"

#define EXPLAIN_PRINT_MAX 16384 /* no page, and not the list, is longer */

/* All names by group, one line each where it is wide enough. width: columns, at least 40. */
void explain_print_list(struct outbuf *b, unsigned int width);

/* A page: title, meaning, when it is normal, what to do, see also. width: columns, at least 40. */
void explain_print_text(struct outbuf *b, const struct explanation *page, unsigned int width);

/* The same as one line of JSON. */
void explain_print_json(struct outbuf *b, const struct explanation *page);

#endif /* TCS_EXPLAIN_PRINT_H */
