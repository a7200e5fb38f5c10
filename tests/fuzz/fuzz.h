/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_FUZZ_H
#define TCS_FUZZ_H

/*
 * fuzz.h - what the fuzz targets share
 *
 * A target is one function that takes any bytes; libFuzzer looks for bytes that make it crash, leak
 * or break a promise. ASan and UBSan watch.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/* A promise. */
#define REQUIRE(cond)            \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

/* The bytes from `data` on, as a string that nothing lies behind. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1);

	REQUIRE(s);
	if (size)
		memcpy(s, data, size);
	s[size] = '\0';
	return s;
}

/* The first byte says which of n parsers is given the rest, as text. For libFuzzer's function. */
static inline int fuzz_one_of(void (*const parsers[])(char *), size_t n, const uint8_t *data,
			      size_t size)
{
	char *text;

	if (!size)
		return 0;
	text = fuzz_string(data + 1, size - 1);
	parsers[data[0] % n](text);
	free(text);
	return 0;
}

/* What may be sent to a terminal: printable ASCII, and newlines where they are wanted. */
static inline void fuzz_require_plain(const char *s, size_t len, bool lines)
{
	size_t i;

	for (i = 0; i < len; i++)
		REQUIRE((s[i] >= ' ' && s[i] <= '~') || (lines && s[i] == '\n'));
}

/*
 * Of a line of JSON that we made: no control byte, strings closed, brackets in pairs and UTF-8
 * well-formed. (That every number and key is right is what the unit tests look at.)
 */
static inline void fuzz_require_json(const char *s, size_t len)
{
	unsigned int depth = 0, follow = 0;
	bool string = false, escaped = false;
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		REQUIRE(c >= ' ' && c != 0x7f);
		if (follow) {
			REQUIRE((c & 0xc0) == 0x80);
			follow--;
			continue;
		}
		if (c >= 0x80) {
			REQUIRE(string && !escaped && c >= 0xc2 && c <= 0xf4);
			follow = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
			continue;
		}
		if (escaped) {
			REQUIRE(strchr("\"\\/bfnrtu", c));
			escaped = false;
		} else if (string) {
			escaped = c == '\\';
			string = c != '"';
		} else if (c == '"') {
			string = true;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			REQUIRE(depth--);
		}
	}
	REQUIRE(!depth && !follow && !string);
}

#endif /* TCS_FUZZ_H */
