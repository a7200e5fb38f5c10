/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_TELL_H
#define TCS_TELL_H

/*
 * tell.h - sentences for the user on standard error: failures, warnings, the closing line
 *
 * On a terminal a sentence is folded to its width (wrap.h), elsewhere it is one line whatever its
 * length, for logs. What comes from outside has been made plain by the caller (outbuf_plain()).
 * Nothing can fail and nothing waits (errout.h). At most TELL_MAX bytes, the rest is cut.
 */
#define TELL_MAX 1024

/* "tcpconnstate: " and the sentence. */
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Without the name in front. */
void tell_bare(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* TCS_TELL_H */
