/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_JSON_H
#define TCS_JSON_H

/*
 * json.h - a strict reader of one line of JSON, to judge what we print
 *
 * Stricter than RFC 8259 where interface.md is: no blanks outside strings, no key twice, and no
 * byte in a string that is no UTF-8 or a control byte.
 */
#include <ctype.h>

#include "unit.h"

struct json_line {
	const char *text;
	const char *at;
	jmp_buf wrong;
	const char *what;    /* is wrong, at `at` */
	unsigned int n_keys; /* of the outermost object */
	struct {
		char key[64];
		const char *value; /* raw, up to the next ',' or '}' */
		size_t len;
	} keys[64];
};

static inline _Noreturn void json_wrong(struct json_line *j, const char *what)
{
	j->what = what;
	longjmp(j->wrong, 1);
}

static inline void json_expect(struct json_line *j, char c)
{
	if (*j->at != c)
		json_wrong(j, "unexpected character");
	j->at++;
}

static inline void json_hex4(struct json_line *j)
{
	for (int i = 0; i < 4; i++, j->at++)
		if (!isxdigit((unsigned char)*j->at))
			json_wrong(j, "bad \\u");
}

/* One character beyond ASCII, RFC 3629. */
static inline void json_utf8(struct json_line *j)
{
	const unsigned char *s = (const unsigned char *)j->at;
	int more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : 1;
	uint32_t c = s[0] & (0x3fu >> more);

	if (s[0] < 0xc2 || s[0] > 0xf4)
		json_wrong(j, "no UTF-8");
	for (int i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			json_wrong(j, "no UTF-8");
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < (more == 1 ? 0x80u :
		 more == 2 ? 0x800u :
			     0x10000u) ||
	    c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		json_wrong(j, "no UTF-8");
	j->at += more + 1;
}

static inline void json_string(struct json_line *j)
{
	json_expect(j, '"');
	while (*j->at != '"') {
		unsigned char c = (unsigned char)*j->at;

		if (c < ' ' || c == 0x7f) {
			json_wrong(j, "control byte in a string");
		} else if (c == '\\') {
			j->at++;
			if (*j->at == 'u') {
				j->at++;
				json_hex4(j);
			} else if (*j->at && strchr("\"\\/bfnrt", *j->at)) {
				j->at++;
			} else {
				json_wrong(j, "bad escape");
			}
		} else if (c >= 0x80) {
			json_utf8(j);
		} else {
			j->at++;
		}
	}
	j->at++;
}

static inline void json_digits(struct json_line *j)
{
	if (!isdigit((unsigned char)*j->at))
		json_wrong(j, "a digit is missing");
	while (isdigit((unsigned char)*j->at))
		j->at++;
}

static inline void json_number(struct json_line *j)
{
	if (*j->at == '-')
		j->at++;
	if (j->at[0] == '0' && isdigit((unsigned char)j->at[1]))
		json_wrong(j, "a number begins with 0");
	json_digits(j);
	if (*j->at == '.') {
		j->at++;
		json_digits(j);
	}
}

static inline void json_word(struct json_line *j, const char *word)
{
	for (; *word; word++)
		json_expect(j, *word);
}

static inline void json_value(struct json_line *j, int depth);

static inline void json_object(struct json_line *j, int depth)
{
	json_expect(j, '{');
	while (*j->at != '}') {
		const char *key = j->at + 1, *value;
		size_t len;

		json_string(j);
		len = (size_t)(j->at - 1 - key);
		json_expect(j, ':');
		value = j->at;
		json_value(j, depth + 1);
		if (!depth) {
			if (len >= sizeof(j->keys[0].key) || j->n_keys == COUNT(j->keys))
				json_wrong(j, "too much for this reader");
			memcpy(j->keys[j->n_keys].key, key, len);
			j->keys[j->n_keys].key[len] = '\0';
			for (unsigned int i = 0; i < j->n_keys; i++)
				if (!strcmp(j->keys[i].key, j->keys[j->n_keys].key))
					json_wrong(j, "a key comes twice");
			j->keys[j->n_keys].value = value;
			j->keys[j->n_keys++].len = (size_t)(j->at - value);
		}
		if (*j->at != ',')
			break;
		j->at++;
		if (*j->at != '"')
			json_wrong(j, "a key is missing");
	}
	json_expect(j, '}');
}

static inline void json_array(struct json_line *j, int depth)
{
	json_expect(j, '[');
	while (*j->at != ']') {
		json_value(j, depth + 1);
		if (*j->at != ',')
			break;
		j->at++;
		if (*j->at == ']')
			json_wrong(j, "a value is missing");
	}
	json_expect(j, ']');
}

static inline void json_value(struct json_line *j, int depth)
{
	if (depth > 3)
		json_wrong(j, "too deep");
	switch (*j->at) {
	case '{':
		json_object(j, depth);
		break;
	case '[':
		json_array(j, depth);
		break;
	case '"':
		json_string(j);
		break;
	case 't':
		json_word(j, "true");
		break;
	case 'f':
		json_word(j, "false");
		break;
	case 'n':
		json_word(j, "null");
		break;
	default:
		json_number(j);
		break;
	}
}

/* text: one object, a newline, and nothing else. NULL, or what is wrong at j->at. */
static inline const char *json_parse(struct json_line *j, const char *text)
{
	*j = (struct json_line){ .text = text, .at = text };
	if (setjmp(j->wrong))
		return j->what;
	json_object(j, 0);
	json_expect(j, '\n');
	if (*j->at)
		json_wrong(j, "more than one line");
	return NULL;
}

static inline void json_read(struct json_line *j, const char *text)
{
	const char *wrong = json_parse(j, text);

	if (wrong)
		fail_msg("%s at %td of: %s", wrong, j->at - j->text, text);
}

/* The raw value of a key ("null", "12", "\"text\""); fails when the key is not there. */
static inline const char *json_get(const struct json_line *j, const char *key)
{
	static char copies[4][1024];
	static unsigned int next;
	char *copy = copies[next++ % COUNT(copies)];

	for (unsigned int i = 0; i < j->n_keys; i++) {
		if (strcmp(j->keys[i].key, key))
			continue;
		snprintf(copy, sizeof(copies[0]), "%.*s", (int)j->keys[i].len, j->keys[i].value);
		return copy;
	}
	fail_msg("no key %s in: %s", key, j->text);
	return "";
}

#endif /* TCS_JSON_H */
