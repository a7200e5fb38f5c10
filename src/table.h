/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_TABLE_H
#define TCS_TABLE_H

/*
 * table.h - rows of a name and columns of numbers, fitted to a terminal
 *
 * Columns have their places, and a number that is too long takes room from the blanks behind it. On
 * a narrow terminal the name's room shrinks first, then columns go, in the order that they have for
 * that. A name that is longer than its room stands on a line of its own above its numbers, and what
 * is too long in the last column goes to the next line: no line is wider than the terminal (from
 * WRAP_LEAST columns on), and no name or number is cut.
 *
 *     table_init(&t, &layout, columns);
 *     table_header(&t, b);
 *     table_row(&t, b);   put the name;   table_cell(&t);   put a number;   table_cell(&t); ...
 *     table_end(&t);
 *
 * Owner: the caller. Nothing is allocated, and nothing can fail; bounds: TABLE_COLUMNS_MAX.
 */
#include "outbuf.h"
#include "wrap.h"

#define TABLE_COLUMNS_MAX 8
#define TABLE_DEFAULT	  100 /* columns where there is no terminal */

struct table_column {
	const char *title;
	uint8_t width;
	uint8_t drop; /* goes as the first, second, ..; 0 stays */
	bool left;    /* of the last one: aligned so, and as long as it needs */
};

struct table_layout {
	const char *title; /* of the names */
	uint8_t name_least;
	uint8_t name_most;
	uint8_t gap; /* blanks before each number; text has two */
	struct table_column columns[TABLE_COLUMNS_MAX]; /* the last one has no title */
};

struct table {
	const struct table_layout *layout;
	unsigned int width;
	unsigned int name;		      /* how wide */
	unsigned int ends[TABLE_COLUMNS_MAX]; /* in the line; 0: has gone */
	unsigned int n;
	/* the row at hand */
	struct wrap line;
	size_t cell; /* where it begins */
	unsigned int at;
};

/* How wide rows may be; columns: of the terminal, 0 none. */
unsigned int table_width(unsigned int columns);

void table_init(struct table *t, const struct table_layout *layout, unsigned int columns);
void table_header(struct table *t, struct outbuf *b);
void table_row(struct table *t, struct outbuf *b);
/* What was put since table_row() or the last table_cell() is whole. */
void table_cell(struct table *t);
void table_end(struct table *t);

#endif /* TCS_TABLE_H */
