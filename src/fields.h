/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_FIELDS_H
#define TCS_FIELDS_H

/*
 * fields.h - the table of everything that can be said about a change or a connection
 *
 * One row a field: its JSON key, its column's title and width, and how it is printed in both. A
 * new column or key is one row in fields.c; the sinks, --help's list and the man page check follow.
 *
 * Pure printing into an outbuf.
 */
#include <stdbool.h>
#include <stdint.h>

#include "outbuf.h"
#include "paint.h"
#include "sink.h"

/* What a field is asked about. connection is NULL in the line of a single change. */
struct field_row {
	const struct change *change;
	const struct connection *connection;
	const struct sink_world *world;
};

/* When a column is shown. */
enum field_show {
	SHOW_NEVER = 0, /* JSON only */
	SHOW_WALL_CLOCK = 1 << 0,
	SHOW_SINCE_START = 1 << 1,
	SHOW_ALWAYS = 1 << 2,
	SHOW_EXTENDED = 1 << 3,
};

struct field {
	const char *key; /* JSON, ready to print: ,"name": and NULL for text only */
	uint8_t key_len;
	const char *title;  /* NULL: JSON only */
	uint8_t show;	    /* enum field_show */
	uint8_t width;	    /* of the column; 0: the rest of the line */
	uint8_t min_width;  /* on a narrow terminal */
	uint8_t drop;	    /* order in which columns go on a narrow terminal; 0 last of all */
	bool right;	    /* aligned */
	bool address;	    /* whole with -w: the column is then 39 wide */
	bool of_socket;	    /* the same in all lines of a socket (row_cache.h); rows in a row */
	bool of_transition; /* says something of a state change, not of the socket */
	enum paint (*paint)(const struct field_row *row); /* of its first word; NULL none */
	void (*text)(struct outbuf *b, const struct field_row *row);
	void (*json)(struct outbuf *b, const struct field_row *row);
};

/* Each table ends with a row of neither key nor title. */
extern const struct field change_fields[];
extern const struct field connection_fields[];

/* A 64-bit id as a JSON string; null for 0 and what is no cookie. */
void field_put_id(struct outbuf *b, uint64_t id);

#endif /* TCS_FIELDS_H */
