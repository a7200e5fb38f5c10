// SPDX-License-Identifier: GPL-2.0-only
/* opts_value.c - what stands behind an option, or the sentence that refuses it */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "opts_table.h"

__attribute__((format(printf, 2, 0))) static void say_v(struct opts_error *err, const char *fmt,
							va_list ap)
{
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	for (char *p = err->text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
}

void opts_say(struct opts_error *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_v(err, fmt, ap);
	va_end(ap);
}

/* argp passes errors on as positive numbers. */
int opts_complain(struct parse *parse, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_v(parse->err, fmt, ap);
	va_end(ap);
	parse->done = true;
	return EINVAL;
}

/* Values as they are typed: 50 ms is 0.05, 4096 bytes are 4K. */
static void print_value(char *buf, size_t size, const struct option_row *row, uint64_t value)
{
	static const char *const units[] = { "", "K", "M", "G" };
	unsigned int shift = 0;
	int n;

	switch (row->type) {
	case OPT_SECONDS:
		n = snprintf(buf, size, "%llu.%03llu", (unsigned long long)value / 1000,
			     (unsigned long long)value % 1000);
		while (n > 0 && buf[n - 1] == '0')
			buf[--n] = '\0';
		if (n > 0 && buf[n - 1] == '.')
			buf[--n] = '\0';
		break;
	case OPT_SIZE:
		while (shift < 30 && value && !(value & 1023)) {
			value >>= 10;
			shift += 10;
		}
		snprintf(buf, size, "%llu%s", (unsigned long long)value, units[shift / 10]);
		break;
	default:
		snprintf(buf, size, "%llu", (unsigned long long)value);
	}
}

static int opts_refuse(struct parse *parse, const struct option_row *row, const char *arg)
{
	char from[32], to[32];

	if (!row->max)
		return opts_complain(parse, "--%s takes %s, not '%.60s'", row->name, row->takes,
				     arg);
	print_value(from, sizeof(from), row, row->min);
	print_value(to, sizeof(to), row, row->max);
	return opts_complain(parse, "--%s takes %s from %s to %s, not '%.60s'", row->name,
			     row->takes, from, to, arg);
}

/*
 * Decimal digits at *text, moved behind them; *ret = digits * unit. False: no digit, or an
 * overflow.
 */
static bool take_digits(const char **text, uint64_t unit, uint64_t *ret)
{
	const char *p = *text;
	uint64_t value = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return false;
	if (__builtin_mul_overflow(value, unit, &value))
		return false;
	*text = p;
	*ret = value;
	return true;
}

bool opts_read_whole(const char *text, uint64_t *ret)
{
	return take_digits(&text, 1, ret) && !*text;
}

/* "2", "0.25", ".5" seconds; what is below a millisecond is cut off. */
static bool read_seconds(const char *text, uint64_t *ret)
{
	uint64_t ms = 0;

	if (*text != '.' && !take_digits(&text, 1000, &ms))
		return false;
	if (*text == '.') {
		uint64_t place = 100; /* ms that a 1 stands for */

		if (*++text < '0' || *text > '9')
			return false;
		for (; *text >= '0' && *text <= '9'; text++, place /= 10)
			if (__builtin_add_overflow(ms, place * (uint64_t)(*text - '0'), &ms))
				return false;
	}
	if (*text)
		return false;
	*ret = ms;
	return true;
}

static bool read_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KkMmGg";
	uint64_t bytes;

	if (!take_digits(&text, 1, &bytes))
		return false;
	if (*text) {
		const char *unit = strchr(units, *text);
		uint64_t scale = 1024;

		if (!unit || text[1])
			return false;
		scale <<= (unit - units) / 2 * 10;
		if (__builtin_mul_overflow(bytes, scale, &bytes))
			return false;
	}
	*ret = bytes;
	return true;
}

int opts_value_number(struct parse *parse, const struct option_row *row, const char *arg)
{
	void *field = (char *)&parse->opts + row->field;
	uint64_t value;
	bool ok;

	if (row->type == OPT_SECONDS)
		ok = read_seconds(arg, &value);
	else if (row->type == OPT_SIZE)
		ok = read_size(arg, &value);
	else
		ok = opts_read_whole(arg, &value);
	if (!ok || value < row->min || value > row->max)
		return opts_refuse(parse, row, arg);

	if (row->type == OPT_U32)
		*(uint32_t *)field = (uint32_t)value;
	else
		*(uint64_t *)field = value;
	if (row->has)
		*(bool *)((char *)&parse->opts + row->has) = true;
	return 0;
}

int opts_value_ports(struct parse *parse, const struct option_row *row, const char *arg)
{
	struct portset *set = (void *)((char *)&parse->opts + row->field);
	const char *why;

	if (filter_parse_ports(arg, set, &why))
		return opts_complain(parse, "--%s takes %s, not '%.60s': %s", row->name, row->takes,
				     arg, why);
	return 0;
}

int opts_value_addr(struct parse *parse, const struct option_row *row, const char *arg)
{
	struct prefix *prefix = (void *)((char *)&parse->opts + row->field);
	const char *why;

	if (filter_parse_prefix(arg, prefix, &why))
		return opts_complain(parse, "--%s takes %s, not '%.60s': %s", row->name, row->takes,
				     arg, why);
	return 0;
}

int opts_value_state(struct parse *parse, const struct option_row *row, const char *arg)
{
	const char *item;

	switch (state_parse_list(arg, &parse->opts.filter.states, &item)) {
	case 0:
		return 0;
	case -ERANGE:
		return opts_complain(parse, "--%s '%.60s' leaves no state to show", row->name, arg);
	default:
		return opts_complain(parse, "--%s takes %s, not '%.*s'", row->name, row->takes,
				     (int)strcspn(item, ",") > 60 ? 60 : (int)strcspn(item, ","),
				     item);
	}
}

int opts_value_comm(struct parse *parse, const struct option_row *row, const char *arg)
{
	struct filter *filter = &parse->opts.filter;

	if (!*arg)
		return opts_refuse(parse, row, arg);
	memset(filter->comm, 0, sizeof(filter->comm));
	/* The kernel cuts names at 15 bytes, so somebody who types the whole name means this. */
	memcpy(filter->comm, arg, strnlen(arg, sizeof(filter->comm) - 1));
	filter->has_comm = true;
	return 0;
}

int opts_value_uid(struct parse *parse, const struct option_row *row, const char *arg)
{
	struct filter *filter = &parse->opts.filter;
	uint64_t uid;

	if (!*arg || *arg == '-')
		return opts_refuse(parse, row, arg);
	if (strspn(arg, "0123456789") != strlen(arg)) {
		parse->opts.user_name = arg;
		filter->has_uid = false;
		return 0;
	}
	/* (uid_t)-1 is no user, see chown(2). */
	if (!opts_read_whole(arg, &uid) || uid >= UINT32_MAX)
		return opts_complain(parse, "--%s takes a user's number from 0 to %u, not '%.60s'",
				     row->name, UINT32_MAX - 1, arg);
	parse->opts.user_name = NULL;
	filter->uid = (uint32_t)uid;
	filter->has_uid = true;
	return 0;
}

int opts_value_string(struct parse *parse, const struct option_row *row, const char *arg)
{
	if (!*arg)
		return opts_refuse(parse, row, arg);
	*(const char **)((char *)&parse->opts + row->field) = arg;
	return 0;
}

int opts_value_output(struct parse *parse, const struct option_row *row, const char *arg)
{
	if (!strcmp(arg, "text"))
		parse->opts.format = OPTS_TEXT;
	else if (!strcmp(arg, "json"))
		parse->opts.format = OPTS_JSON;
	else
		return opts_refuse(parse, row, arg);
	return 0;
}

int opts_value_json(struct parse *parse, const struct option_row *row, const char *arg)
{
	(void)row;
	(void)arg;
	parse->opts.format = OPTS_JSON;
	return 0;
}

int opts_value_by(struct parse *parse, const struct option_row *row, const char *arg)
{
	int by;

	for (by = AUDIT_BY_COMM; by < AUDIT_BY_MAX; by++) {
		if (strcmp(arg, audit_by_name((enum audit_by)by)))
			continue;
		parse->opts.by = (enum audit_by)by;
		return 0;
	}
	return opts_refuse(parse, row, arg);
}

int opts_value_color(struct parse *parse, const struct option_row *row, const char *arg)
{
	static const char *const names[] = { "auto", "always", "never" };
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(arg, names[i])) {
			parse->opts.color = (enum paint_when)i;
			return 0;
		}
	return opts_refuse(parse, row, arg);
}

int opts_value_fail_on(struct parse *parse, const struct option_row *row, const char *arg)
{
	return severity_parse(arg, &parse->opts.fail_on) ? 0 : opts_refuse(parse, row, arg);
}

/* ".5" behind a second, or nothing, as nanoseconds; returns what comes behind it. */
static const char *read_fraction(const char *rest, int64_t *ret)
{
	int64_t place = 100000000;

	*ret = 0;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, place /= 10)
			*ret += place * (*rest - '0');
	return rest;
}

/* "2026-11-21T04:41:42.5Z" as nanoseconds since 1970. */
static bool read_time(const char *text, int64_t *ret)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t fraction;

	if (!rest || tm.tm_year < 70 || tm.tm_year > 200)
		return false;
	rest = read_fraction(rest, &fraction);
	if (strcmp(rest, "Z") != 0)
		return false;
	*ret = timegm(&tm) * 1000000000 + fraction;
	return true;
}

/* "04:41", "04:41:42.5" as nanoseconds since midnight. */
static bool read_time_of_day(const char *text, int64_t *ret)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%H:%M:%S", &tm);
	int64_t fraction;

	if (!rest) {
		tm.tm_sec = 0;
		rest = strptime(text, "%H:%M", &tm);
	}
	if (!rest || *read_fraction(rest, &fraction))
		return false;
	*ret = (tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec) * INT64_C(1000000000) + fraction;
	return true;
}

int opts_value_moment(struct parse *parse, const struct option_row *row, const char *arg)
{
	struct opts_moment *moment = (void *)((char *)&parse->opts + row->field),
			   m = { .set = true };
	uint64_t ms;

	if (read_seconds(arg, &ms) && ms < INT64_MAX / 1000000)
		m.at_ns = (int64_t)ms * 1000000;
	else if (read_time(arg, &m.at_ns))
		m.wall = true;
	else if (read_time_of_day(arg, &m.at_ns))
		m.of_day = true;
	else
		return opts_refuse(parse, row, arg);
	*moment = m;
	return 0;
}

/* These three end the parsing: "--help" must help, whatever follows it. */
static int stop(struct parse *parse, enum opts_action action)
{
	parse->opts.action = action;
	parse->done = true;
	return ECANCELED;
}

int opts_value_help(struct parse *parse, const struct option_row *row, const char *arg)
{
	(void)row;
	(void)arg;
	return stop(parse, OPTS_HELP);
}

int opts_value_version(struct parse *parse, const struct option_row *row, const char *arg)
{
	(void)row;
	(void)arg;
	return stop(parse, OPTS_VERSION);
}

int opts_value_completion(struct parse *parse, const struct option_row *row, const char *arg)
{
	if (!strcmp(arg, "bash"))
		parse->opts.shell = OPTS_BASH;
	else if (!strcmp(arg, "zsh"))
		parse->opts.shell = OPTS_ZSH;
	else
		return opts_refuse(parse, row, arg);
	return stop(parse, OPTS_COMPLETION);
}
