// SPDX-License-Identifier: GPL-2.0-only
/*
 * text: whatever bytes a name has, what is printed of them is harmless, and stays in its buffer
 *
 * The first two bytes say how much room there is and how wide the text may be.
 */
#include "fuzz.h"
#include "outbuf.h"

static void try_term(struct outbuf *b, const char *s, size_t n, size_t width)
{
	size_t start = b->len;

	outbuf_put_term(b, s, n);
	REQUIRE(b->len <= b->cap);
	fuzz_require_plain(b->data + start, b->len - start, false);
	outbuf_shorten(b, start, width);
	REQUIRE(b->len - start <= width || b->cut);
	outbuf_pad_left(b, start, width);
	outbuf_pad_right(b, start, width);
	REQUIRE(b->len <= b->cap && (b->len - start == width || b->cut));
	fuzz_require_plain(b->data + start, b->len - start, false);
}

static void try_json(struct outbuf *b, const char *s, size_t n)
{
	size_t start = b->len;

	outbuf_put_json(b, s, n);
	REQUIRE(b->len <= b->cap);
	if (!b->cut)
		fuzz_require_json(b->data + start, b->len - start);
}

static void try_numbers(struct outbuf *b, const uint8_t *data, size_t size)
{
	uint8_t addr[16] = { 0 };
	uint64_t n;

	memcpy(addr, data, size < sizeof(addr) ? size : sizeof(addr));
	memcpy(&n, addr, sizeof(n));
	outbuf_put_u64(b, n);
	outbuf_put_grouped(b, n);
	outbuf_put_padded(b, n, addr[8] % 20);
	outbuf_put_ms(b, n);
	outbuf_put_size(b, n);
	outbuf_put_span(b, n);
	outbuf_put_addr(b, addr, addr[9] & 1 ? 4 : 6);
	outbuf_put_host(b, addr, addr[9] & 1 ? 4 : 6);
	REQUIRE(b->len <= b->cap);
	fuzz_require_plain(b->data, b->len, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room = size > 1 ? (size_t)data[0] * 8 : 0;
	struct outbuf b;
	char *text;

	if (size < 2)
		return 0;
	REQUIRE(!outbuf_init(&b, room));
	text = fuzz_string(data + 2, size - 2);
	try_term(&b, text, size - 2, data[1]);
	b.len = b.cut = 0;
	try_json(&b, text, size - 2);
	b.len = b.cut = 0;
	try_numbers(&b, data + 2, size - 2);
	outbuf_release(&b);
	free(text);
	return 0;
}
