// SPDX-License-Identifier: GPL-2.0-only
/*
 * The text builder: numbers against snprintf(), untrusted bytes against plain rules, and the end of
 * the buffer, where ASan watches every byte that is written.
 */
#include <arpa/inet.h>
#include <inttypes.h>

#include "outbuf.h"
#include "unit.h"

static struct outbuf b;

static int open_buffer(void **unused)
{
	(void)unused;
	return outbuf_init(&b, 4096);
}

static int close_buffer(void **unused)
{
	(void)unused;
	outbuf_release(&b);
	assert_null(b.data);
	return 0;
}

/* What was put since the last look, as a string. */
static const char *text(void)
{
	static char copy[4097];

	assert_in_range(b.len, 0, b.cap);
	memcpy(copy, b.data, b.len);
	copy[b.len] = '\0';
	b.len = 0;
	return copy;
}

/* Powers of ten and of two with their neighbours, then random numbers of every length. */
static uint64_t number(size_t i)
{
	static uint64_t seed = 1;
	uint64_t n = 1;

	if (i < 60) {
		for (size_t j = 0; j < i / 3; j++)
			n *= 10;
		return n + i % 3 - 1;
	}
	if (i < 60 + 192)
		return (1ull << (i - 60) / 3) + i % 3 - 1;
	if (i == 60 + 192)
		return UINT64_MAX;
	n = random_next(&seed);
	return n >> (random_next(&seed) & 63);
}

#define NUMBERS 20000

static void numbers_are_snprintfs(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < NUMBERS; i++) {
		uint64_t n = number(i);
		char want[32];

		snprintf(want, sizeof(want), "%" PRIu64, n);
		outbuf_put_u64(&b, n);
		assert_string_equal(text(), want);
	}
}

static void grouped_numbers_have_a_comma_before_every_third_digit(void **unused)
{
	(void)unused;
	outbuf_put_grouped(&b, 18402);
	assert_string_equal(text(), "18,402");
	for (size_t i = 0; i < NUMBERS; i++) {
		uint64_t n = number(i);
		char digits[32], want[32], *to = want;
		int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

		for (int j = 0; j < len; j++) {
			if (j && (len - j) % 3 == 0)
				*to++ = ',';
			*to++ = digits[j];
		}
		*to = '\0';
		outbuf_put_grouped(&b, n);
		assert_string_equal(text(), want);
	}
}

static void padded_numbers_have_exactly_so_many_digits(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < NUMBERS; i++) {
		uint64_t n = number(i);
		unsigned int digits = i % 21;
		char want[32];

		snprintf(want, sizeof(want), "%020" PRIu64, n);
		outbuf_put_padded(&b, n, digits);
		assert_string_equal(text(), want + 20 - digits);
	}
}

static void milliseconds_are_cut_after_three_decimals(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < NUMBERS; i++) {
		uint64_t ns = number(i);
		char want[32];

		snprintf(want, sizeof(want), "%" PRIu64 ".%03" PRIu64, ns / 1000000,
			 ns / 1000 % 1000);
		outbuf_put_ms(&b, ns);
		assert_string_equal(text(), want);
	}
}

static void sizes_are_readable(void **unused)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} want[] = {
		{ 0, "0" },
		{ 1, "1" },
		{ 512, "512" },
		{ 999, "999" },
		{ 14800, "14.8K" },
		{ 14899, "14.8K" },
		{ 100000, "100K" },
		{ 999999, "999K" },
		{ 88000000, "88.0M" },
		{ 123456789012, "123G" },
		{ 12345678901234, "12.3T" },
		{ UINT64_MAX, "18446P" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		outbuf_put_size(&b, want[i].bytes);
		assert_string_equal(text(), want[i].text);
	}
}

/* outbuf.h: "0", "512", "14.8K", "3.2M" */
static void a_size_of_some_millions_is_as_the_header_shows_it(void **unused)
{
	(void)unused;
	outbuf_put_size(&b, 3200000);
	assert_string_equal(text(), "3.2M");
}

static void spans_show_three_digits_that_count(void **unused)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} want[] = {
		{ 0, "0us" },
		{ 999, "0us" },
		{ 1000, "1us" },
		{ 412345, "412us" },
		{ 999999, "999us" },
		{ 1000000, "1.00ms" },
		{ 9999999, "9.99ms" },
		{ 88234567, "88.2ms" },
		{ 999999999, "999ms" },
		{ 1000000000, "1.00s" },
		{ 3020000000, "3.02s" },
		{ 99999999999, "99.9s" },
		{ 100000000000, "1m40s" },
		{ 3599999999999, "59m59s" },
		{ 3600000000000, "1h00m" },
		{ 8040000000000, "2h14m" },
		{ 360000000000000, "100h00m" },
		{ UINT64_MAX, "5124095h34m" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		outbuf_put_span(&b, want[i].ns);
		assert_string_equal(text(), want[i].text);
	}
}

static void ipv4_addresses_are_dotted(void **unused)
{
	uint64_t seed = 4;

	(void)unused;
	for (size_t i = 0; i < NUMBERS; i++) {
		uint64_t r = random_next(&seed);
		uint8_t addr[16] =
			V4(r >> 8 & 0xff, r >> 16 & 0xff, r >> 24 & 0xff, r >> 32 & 0xff);
		char want[32];

		if (i < 256) /* every byte in every place */
			memset(addr + 12, (int)i, 4);
		snprintf(want, sizeof(want), "%u.%u.%u.%u", addr[12], addr[13], addr[14], addr[15]);
		outbuf_put_addr(&b, addr, 4);
		assert_string_equal(text(), want);
	}
}

static void ipv6_addresses_are_written_as_rfc_5952_has_them(void **unused)
{
	static const struct {
		const char *given, *text;
	} want[] = {
		{ "::", "::" },
		{ "::1", "::1" },
		{ "2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1" },
		{ "2001:DB8::ABCD", "2001:db8::abcd" },
		/* 4.2.2: one group of zeros is not shortened */
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		/* 4.2.3: the longest run, the first of two that are equally long */
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "fe80:0:0:0:0:0:0:0", "fe80::" },
		/* 5: a mapped address ends in dotted form */
		{ "::ffff:c000:0201", "::ffff:192.0.2.1" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		uint8_t addr[16];

		assert_int_equal(inet_pton(AF_INET6, want[i].given, addr), 1);
		outbuf_put_addr(&b, addr, 6);
		assert_string_equal(text(), want[i].text);
	}
}

/* outbuf_copy() has a way of its own for each few lengths, and may not read beyond the text. */
static void texts_of_every_length_arrive_whole(void **unused)
{
	(void)unused;
	for (size_t n = 0; n <= 200; n++) {
		char *s = malloc(n + !n); /* exactly as long: ASan sees a byte read too many */

		assert_non_null(s);
		for (size_t i = 0; i < n; i++)
			s[i] = (char)('!' + i % 90);
		outbuf_putc(&b, '<');
		outbuf_put(&b, s, n);
		outbuf_putc(&b, '>');
		assert_int_equal(b.len, n + 2);
		assert_memory_equal(b.data + 1, s, n);
		assert_int_equal(b.data[n + 1], '>');
		b.len = 0;
		free(s);
	}
	outbuf_puts(&b, "one ");
	outbuf_lit(&b, "two");
	assert_string_equal(text(), "one two");
}

static void padding_fills_with_blanks_up_to_the_width(void **unused)
{
	(void)unused;
	for (size_t n = 0; n <= 100; n++) {
		for (size_t width = 0; width <= 200; width += 1 + width / 40) {
			int fill = width > n ? (int)(width - n) : 0;
			char word[101], want[256];

			memset(word, 'x', n);
			word[n] = '\0';
			if (n > 1) {
				word[0] = '<';
				word[n - 1] = '>';
			}

			outbuf_puts(&b, "ab");
			outbuf_puts(&b, word);
			outbuf_pad_right(&b, 2, width);
			outbuf_putc(&b, '|');
			snprintf(want, sizeof(want), "ab%s%*s|", word, fill, "");
			assert_string_equal(text(), want);

			outbuf_puts(&b, "ab");
			outbuf_puts(&b, word);
			outbuf_pad_left(&b, 2, width);
			outbuf_putc(&b, '|');
			snprintf(want, sizeof(want), "ab%*s%s|", fill, "", word);
			assert_string_equal(text(), want);
		}
	}
	assert_int_equal(b.cut, 0);
}

static void shortening_takes_the_middle_out(void **unused)
{
	static const struct {
		const char *whole;
		size_t width;
		const char *text;
	} want[] = {
		{ "", 5, "" },
		{ "abc", 5, "abc" },
		{ "abcde", 5, "abcde" },
		{ "abcdef", 5, "ab~ef" },
		{ "2001:db8::1234:5678", 16, "2001:db~234:5678" },
		{ "abcdef", 4, "a~ef" },
		{ "abcdef", 2, "~f" },
		{ "abcdef", 1, "~" },
		{ "abcdef", 0, "" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		outbuf_puts(&b, "- ");
		outbuf_puts(&b, want[i].whole);
		outbuf_shorten(&b, 2, want[i].width);
		assert_string_equal(text() + 2, want[i].text);
	}
}

static void terminals_never_see_an_untrusted_byte(void **unused)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *text;
	} want[] = {
		{ "nginx", 16, "nginx" },
		{ "nginx", 3, "ngi" },
		{ "nginx", 0, "" },
		{ "a\0b", 3, "a" },
		{ "kworker/0:1-ev", 16, "kworker/0:1-ev" },
		{ "\x1b[2J\x1b[H", 16, "?[2J?[H" },
		{ "a\tb\r\nc\x7f", 16, "a?b??c?" },
		{ "\"\\~", 16, "\"\\~" },
		{ "\xc3\xa9\xff\x80", 16, "????" },
		{ "\x9b"
		  "2J",
		  16, "?2J" }, /* a one-byte CSI */
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		outbuf_put_term(&b, want[i].bytes, want[i].n);
		assert_string_equal(text(), want[i].text);
	}
	for (int c = 1; c < 256; c++) {
		char byte = (char)c;

		outbuf_put_term(&b, &byte, 1);
		assert_int_equal(b.len, 1);
		assert_int_equal(b.data[0], c >= ' ' && c <= '~' ? c : '?');
		b.len = 0;
	}
}

#define FFFD "\xef\xbf\xbd"

static void json_strings_are_valid_whatever_is_in_them(void **unused)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *text;
	} want[] = {
		{ "nginx", 16, "\"nginx\"" },
		{ "nginx", 3, "\"ngi\"" },
		{ "", 16, "\"\"" },
		{ "x", 0, "\"\"" },
		{ "a\0b", 3, "\"a\"" },
		{ "0123456789abcdef", 16, "\"0123456789abcdef\"" }, /* a comm that is full */
		{ "say \"hi\"", 16, "\"say \\\"hi\\\"\"" },
		{ "c:\\x", 16, "\"c:\\\\x\"" },
		{ "\\\"", 16, "\"\\\\\\\"\"" },
		{ "\x1b[2J", 16, "\"\\u001b[2J\"" },
		{ "\x01\x1f\n\t\x7f", 16, "\"\\u0001\\u001f\\u000a\\u0009\\u007f\"" },
		{ "/\b", 16, "\"/\\u0008\"" },
		/* UTF-8 that is valid stays as it is: 2, 3 and 4 bytes, the ends of each range */
		{ "\xc3\xa9", 16, "\"\xc3\xa9\"" },
		{ "\xc2\x80\xdf\xbf", 16, "\"\xc2\x80\xdf\xbf\"" },
		{ "\xe0\xa0\x80\xef\xbf\xbf", 16, "\"\xe0\xa0\x80\xef\xbf\xbf\"" },
		{ "\xed\x9f\xbf\xee\x80\x80", 16, "\"\xed\x9f\xbf\xee\x80\x80\"" },
		{ "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 16, "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"" },
		/* what is not becomes U+FFFD: stray, cut, overlong, surrogate, beyond U+10FFFF */
		{ "\x80", 16, "\"" FFFD "\"" },
		{ "a\xff"
		  "b",
		  16, "\"a" FFFD "b\"" },
		{ "\xc3", 16, "\"" FFFD "\"" },
		{ "\xc3\"", 16, "\"" FFFD "\\\"\"" },
		{ "\xe2\x82", 2, "\"" FFFD FFFD "\"" },
		{ "ab\xe2\x82\xac", 4, "\"ab" FFFD FFFD "\"" }, /* n cuts a character */
		{ "\xc0\xaf", 16, "\"" FFFD FFFD "\"" },
		{ "\xc1\xbf", 16, "\"" FFFD FFFD "\"" },
		{ "\xe0\x9f\xbf", 16, "\"" FFFD FFFD FFFD "\"" },
		{ "\xed\xa0\x80", 16, "\"" FFFD FFFD FFFD "\"" },
		{ "\xf0\x8f\xbf\xbf", 16, "\"" FFFD FFFD FFFD FFFD "\"" },
		{ "\xf4\x90\x80\x80", 16, "\"" FFFD FFFD FFFD FFFD "\"" },
		{ "\xf5\x80\x80\x80", 16, "\"" FFFD FFFD FFFD FFFD "\"" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		outbuf_put_json(&b, want[i].bytes, want[i].n);
		assert_string_equal(text(), want[i].text);
	}
}

/* Every put that can be the one that meets the end of the buffer. */
static void put_one(unsigned int which)
{
	static const uint8_t v4[16] = V4(192, 168, 100, 200), v6[16] = V6(7);
	static const char longer[] = "a text of more than thirty-two bytes, for memcpy()";

	switch (which) {
	case 0:
		outbuf_putc(&b, 'x');
		break;
	case 1:
		outbuf_puts(&b, longer);
		break;
	case 2:
		outbuf_lit(&b, "a length that the compiler knows");
		break;
	case 3:
		outbuf_put_u64(&b, UINT64_MAX);
		break;
	case 4:
		outbuf_put_grouped(&b, UINT64_MAX);
		break;
	case 5:
		outbuf_put_padded(&b, 42, 20);
		break;
	case 6:
		outbuf_put_ms(&b, UINT64_MAX);
		break;
	case 7:
		outbuf_put_size(&b, UINT64_MAX);
		break;
	case 8:
		outbuf_put_span(&b, UINT64_MAX);
		break;
	case 9:
		outbuf_put_addr(&b, v4, 4);
		break;
	case 10:
		outbuf_put_addr(&b, v6, 6);
		break;
	case 11:
		outbuf_put_term(&b, longer, sizeof(longer));
		break;
	default:
		outbuf_put_json(&b, "\x1b\"\xff\xc3\xa9 and more", 16);
		break;
	}
}

#define PUTS 13

static void what_does_not_fit_is_cut_and_counted(void **unused)
{
	(void)unused;
	for (unsigned int which = 0; which < PUTS; which++) {
		char whole[256];
		size_t len;

		assert_int_equal(outbuf_init(&b, sizeof(whole)), 0);
		put_one(which);
		len = b.len;
		memcpy(whole, b.data, len);
		assert_int_equal(b.cut, 0);
		outbuf_release(&b);

		for (size_t cap = 0; cap <= len + 1; cap++) {
			size_t fits = cap < len ? cap : len;

			assert_int_equal(outbuf_init(&b, cap), 0);
			put_one(which);
			assert_int_equal(b.len, fits);
			assert_memory_equal(b.data, whole, fits);
			assert_int_equal(b.cut, len - fits);
			outbuf_release(&b);
		}
	}
}

static void padding_stops_at_the_end_of_the_buffer(void **unused)
{
	(void)unused;
	for (size_t cap = 1; cap < 130; cap++) {
		for (size_t width = 1; width < 260; width += 3) {
			for (int left = 0; left < 2; left++) {
				assert_int_equal(outbuf_init(&b, cap), 0);
				outbuf_putc(&b, 'x');
				if (left)
					outbuf_pad_left(&b, 0, width);
				else
					outbuf_pad_right(&b, 0, width);
				assert_in_range(b.len, 1, cap);
				outbuf_release(&b);
			}
		}
	}
}

/* "A cut line is a bug that shows": also when it is blanks that did not fit. */
static void padding_that_does_not_fit_is_counted(void **unused)
{
	(void)unused;
	for (int left = 0; left < 2; left++) {
		assert_int_equal(outbuf_init(&b, 8), 0);
		outbuf_putc(&b, 'x');
		if (left)
			outbuf_pad_left(&b, 0, 10);
		else
			outbuf_pad_right(&b, 0, 10);
		if (!b.cut)
			fail_msg(
				"padding %s of a width of 10 in 8 bytes: nothing is said to be cut",
				left ? "left" : "right");
		outbuf_release(&b);
	}
}

int main(void)
{
#define WITH_BUFFER(test) cmocka_unit_test_setup_teardown(test, open_buffer, close_buffer)
	static const struct CMUnitTest tests[] = {
		WITH_BUFFER(numbers_are_snprintfs),
		WITH_BUFFER(grouped_numbers_have_a_comma_before_every_third_digit),
		WITH_BUFFER(padded_numbers_have_exactly_so_many_digits),
		WITH_BUFFER(milliseconds_are_cut_after_three_decimals),
		WITH_BUFFER(sizes_are_readable),
		WITH_BUFFER(a_size_of_some_millions_is_as_the_header_shows_it),
		WITH_BUFFER(spans_show_three_digits_that_count),
		WITH_BUFFER(ipv4_addresses_are_dotted),
		WITH_BUFFER(ipv6_addresses_are_written_as_rfc_5952_has_them),
		WITH_BUFFER(texts_of_every_length_arrive_whole),
		WITH_BUFFER(padding_fills_with_blanks_up_to_the_width),
		WITH_BUFFER(shortening_takes_the_middle_out),
		WITH_BUFFER(terminals_never_see_an_untrusted_byte),
		WITH_BUFFER(json_strings_are_valid_whatever_is_in_them),
		cmocka_unit_test(what_does_not_fit_is_cut_and_counted),
		cmocka_unit_test(padding_stops_at_the_end_of_the_buffer),
		cmocka_unit_test(padding_that_does_not_fit_is_counted),
	};

	return cmocka_run_group_tests_name("outbuf", tests, NULL, NULL);
}
