// SPDX-License-Identifier: GPL-2.0-only
#include "spell.h"

#include <string.h>

#define LETTERS_MAX 40

static bool is_separator(char c)
{
	return c == '-' || c == '_';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool spell_match(const char *name, const char *text, size_t len)
{
	const char *end = text + len;

	for (; *name; name++) {
		if (is_separator(*name)) {
			if (text < end && is_separator(*text))
				text++;
			continue;
		}
		if (text == end || lower(*text) != *name)
			return false;
		text++;
	}
	return text == end;
}

/* The letters of text, without separators; -1: too many. */
static int letters(const char *text, size_t len, char ret[LETTERS_MAX])
{
	int n = 0;

	for (size_t i = 0; i < len && text[i]; i++) {
		if (is_separator(text[i]))
			continue;
		if (n == LETTERS_MAX)
			return -1;
		ret[n++] = lower(text[i]);
	}
	return n;
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: Levenshtein's distance, and neighbours that changed places cost one. */
unsigned int spell_distance(const char *name, const char *text, size_t len)
{
	unsigned int d[LETTERS_MAX + 1][LETTERS_MAX + 1];
	char a[LETTERS_MAX], b[LETTERS_MAX];
	int n = letters(name, (size_t)-1, a), m = letters(text, len, b);

	if (n < 0 || m < 0)
		return SPELL_FAR;
	for (int i = 0; i <= n; i++)
		d[i][0] = (unsigned int)i;
	for (int j = 0; j <= m; j++)
		d[0][j] = (unsigned int)j;
	for (int i = 1; i <= n; i++) {
		for (int j = 1; j <= m; j++) {
			d[i][j] = least(d[i - 1][j], d[i][j - 1]) + 1;
			d[i][j] = least(d[i][j], d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[n][m];
}

bool spell_part(const char *name, const char *text, size_t len)
{
	char a[LETTERS_MAX], b[LETTERS_MAX];
	int n = letters(name, (size_t)-1, a), m = letters(text, len, b);

	if (n < 3 || m < 3)
		return false;
	return memmem(a, (size_t)n, b, (size_t)m) || memmem(b, (size_t)m, a, (size_t)n);
}
