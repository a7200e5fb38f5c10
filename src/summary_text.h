/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SUMMARY_TEXT_H
#define TCS_SUMMARY_TEXT_H

/*
 * summary_text.h - an interval in one line for people
 *
 *     ESTAB 1,204  TIME_WAIT 21,877 (+312/s)  CLOSE_WAIT 640 (+2/s, app(991))  half-open 3
 *     opens 410/s  closes 405/s  lost 0
 *
 * On a terminal that is too narrow for it, who holds CLOSE_WAIT goes first, then the rates of opens
 * and closes, then those in parentheses: what was lost is always told.
 *
 * States are counted by the last walk over all sockets; when that was some time ago the line says
 * so. Rates are those of the interval. Unknown is "-".
 */
#include "engine.h"
#include "outbuf.h"
#include "sink.h"
#include "wrap.h"

/* columns: of the terminal, whose last one stays free; 0: no limit */
void summary_text(struct outbuf *b, const struct summary *s, unsigned int columns);

/* "  established 1,204  syn_recv 257 ..."; zeros: of the commonest six, too. */
void summary_text_states(struct wrap *w, const struct audit *look,
			 const uint64_t states[TCS_STATE_MAX], bool zeros);
/* Row i of look->groups, a line and more where the terminal's columns (0: none) ask for it. */
void summary_text_group(struct outbuf *b, const struct sink_world *world, const struct audit *look,
			uint32_t i, const char *before, unsigned int columns);

#endif /* TCS_SUMMARY_TEXT_H */
