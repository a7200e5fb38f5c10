// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is put into a capture comes out of it, byte for byte; what is cut, damaged or made up by
 * somebody ends with a word about it and nothing worse.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "capture.h"
#include "folder.h"
#include "record.h"

#define SOCKETS 300

/* ---- records --------------------------------------------------------------------------------- */

/* A stream as the kernel makes it: sockets that are born, change and end, told in turn. */
struct stream {
	uint64_t seed;
	uint64_t ts_ns;
	uint64_t next_id;
	struct socket {
		uint64_t id, ts_ns;
		uint32_t seq, srtt_us;
		uint16_t lport;
	} sockets[SOCKETS];
};

struct sample_record {
	size_t len;
	uint64_t words[CAPTURE_RECORD_MAX / 8];
};

static uint64_t random_below(struct stream *s, uint64_t n)
{
	return random_next(&s->seed) % n;
}

static void random_bytes(struct stream *s, void *to, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		((uint8_t *)to)[i] = (uint8_t)(random_next(&s->seed) >> 33);
}

static void make_state(struct stream *s, struct sample_record *r)
{
	static const uint16_t flags[] = {
		0,
		TCS_F_TASK,
		TCS_F_HAS_OWNER,
		TCS_F_HAS_OWNER | TCS_F_HAS_FACTS,
		TCS_F_HAS_TOTALS,
		TCS_F_HAS_OWNER | TCS_F_HAS_FACTS | TCS_F_HAS_TOTALS,
		TCS_F_HAS_OWNER | TCS_F_HAS_FACTS | TCS_F_HAS_COOKIES,
		TCS_F_HAS_OWNER | TCS_F_HAS_FACTS | TCS_F_HAS_COOKIES | TCS_F_HAS_TOTALS,
	};
	struct socket *k = &s->sockets[random_below(s, SOCKETS)];
	struct tcs_wire_state *state = (void *)r->words;
	uint8_t *blocks = (uint8_t *)(state + 1);
	bool known = k->id && random_below(s, 8);

	s->ts_ns += random_below(s, 40000) - (random_below(s, 4) ? 0 : 5000);
	if (!known)
		*k = (struct socket){ .id = s->next_id += random_below(s, 9) + 1,
				      .lport = (uint16_t)random_below(s, 65536) };
	*state = (struct tcs_wire_state){
		.kind = TCS_WIRE_STATE,
		.err = random_below(s, 10) ? 0 : 104,
		.old_state = (uint8_t)random_below(s, 12),
		.new_state = (uint8_t)random_below(s, 12),
		.flags = flags[random_below(s, COUNT(flags))],
		.lport = random_below(s, 20) ? k->lport : (uint16_t)(k->lport + 1),
		.ts_ns = s->ts_ns,
		.id = k->id,
		.in_old_ns = random_below(s, 10) ? s->ts_ns - k->ts_ns : random_below(s, 1000000),
		.seq = random_below(s, 20) ? k->seq + 1 : (uint32_t)random_next(&s->seed),
		.srtt_us = random_below(s, 3) ? k->srtt_us : (uint32_t)random_below(s, 100000),
	};
	k->ts_ns = s->ts_ns;
	k->seq = state->seq;
	k->srtt_us = state->srtt_us;
	k->lport = state->lport;
	if (state->flags & TCS_F_HAS_OWNER) {
		*(struct tcs_wire_owner *)blocks =
			(struct tcs_wire_owner){ .pid = 1 + (uint32_t)random_below(s, 9),
						 .source = TCS_OWNER_TASK,
						 .comm = "nginx" };
		blocks += sizeof(struct tcs_wire_owner);
	}
	if (state->flags & TCS_F_HAS_FACTS) {
		*(struct tcs_wire_facts *)blocks = (struct tcs_wire_facts){
			.laddr = V4(10, 0, 0, 7),
			.raddr = V4(10, 0, 0, (uint8_t)random_below(s, 256)),
			.netns = 4026531840,
			.rport = (uint16_t)random_below(s, 65536),
			.family = 4,
		};
		blocks += sizeof(struct tcs_wire_facts);
	}
	if (state->flags & TCS_F_HAS_COOKIES) {
		*(struct tcs_wire_cookies *)blocks = (struct tcs_wire_cookies){
			.socket = k->id,
			.netns = 1 + random_below(s, 3),
		};
		blocks += sizeof(struct tcs_wire_cookies);
	}
	if (state->flags & TCS_F_HAS_TOTALS) {
		*(struct tcs_wire_totals *)blocks = (struct tcs_wire_totals){
			.bytes_sent = random_below(s, 100000),
			.bytes_received = random_below(s, 3),
		};
		blocks += sizeof(struct tcs_wire_totals);
	}
	r->len = (size_t)(blocks - (uint8_t *)r->words);
}

/* Of any kind and length, with bytes that say nothing; also states that are none. */
static void make_other(struct stream *s, struct sample_record *r)
{
	uint64_t size = random_below(s, 100);

	r->len = 1 + (size == 0 ? random_below(s, CAPTURE_RECORD_MAX) : random_below(s, 200));
	memset(r->words, 0, r->len);
	if (random_below(s, 2))
		random_bytes(s, r->words, r->len);
	else
		((uint8_t *)r->words)[random_below(s, r->len)] = 1;
	*(uint8_t *)r->words = (uint8_t)random_below(s, 30);
}

static void make_record(struct stream *s, struct sample_record *r)
{
	if (random_below(s, 10))
		make_state(s, r);
	else
		make_other(s, r);
}

static void stream_init(struct stream *s, uint64_t seed)
{
	*s = (struct stream){ .seed = seed, .ts_ns = 81 * 1000000000ull, .next_id = 1000 };
}

/* ---- packing --------------------------------------------------------------------------------- */

static void packed_and_unpacked(void **state)
{
	static struct capture_pack to, from;
	static struct sample_record in, out;
	static uint8_t packed[CAPTURE_PACKED_MAX(CAPTURE_RECORD_MAX)];
	struct stream s;
	size_t total = 0, whole = 0;
	int i;

	(void)state;
	stream_init(&s, 1);
	capture_pack_reset(&to);
	capture_pack_reset(&from);
	for (i = 0; i < 200000; i++) {
		const uint8_t *at = packed;
		size_t n;

		make_record(&s, &in);
		n = capture_pack_put(&to, in.words, in.len, packed);
		assert_true(n <= CAPTURE_PACKED_MAX(in.len));
		assert_int_equal(capture_pack_take(&from, &at, packed + n, out.words, &out.len), 0);
		assert_ptr_equal(at, packed + n);
		assert_int_equal(in.len, out.len);
		assert_memory_equal(in.words, out.words, in.len);
		total += n;
		whole += in.len;
	}
	assert_true(total < whole); /* for what says nothing there is little to gain */
}

/* The ordinary life of a connection takes few bytes. */
static void small(void **state)
{
	static struct capture_pack p;
	uint8_t packed[CAPTURE_PACKED_MAX(TCS_WIRE_MAX)];
	struct {
		struct tcs_wire_state s;
		struct tcs_wire_owner o;
		struct tcs_wire_facts f;
	} full = {
		.s = { .kind = TCS_WIRE_STATE,
		       .old_state = 7,
		       .new_state = 2,
		       .ts_ns = 1000000,
		       .flags = TCS_F_HAS_OWNER | TCS_F_HAS_FACTS,
		       .id = 900,
		       .seq = 1 },
		.o = { .pid = 77, .comm = "curl" },
		.f = { .laddr = V4(10, 0, 0, 7), .raddr = V4(10, 0, 0, 1), .rport = 443 },
	};
	struct tcs_wire_state next = full.s;

	(void)state;
	capture_pack_reset(&p);
	capture_pack_put(&p, &full, sizeof(full), packed);
	full.s.ts_ns += 5000;
	full.s.id = 902;
	assert_in_range(capture_pack_put(&p, &full, sizeof(full), packed), 1, 12);
	next.flags = 0;
	next.id = 902;
	next.seq = 2;
	next.ts_ns = full.s.ts_ns + 3000;
	next.in_old_ns = 3000;
	next.old_state = 2;
	next.new_state = 1;
	capture_pack_put(&p, &next, sizeof(next), packed);
	next.ts_ns += 4000;
	next.in_old_ns = 4000;
	next.seq++;
	assert_in_range(capture_pack_put(&p, &next, sizeof(next), packed), 1, 5);
}

/* Bytes that nobody packed: records or an error, and never a byte outside (the sanitizers look). */
static void unpacked_garbage(void **state)
{
	static struct capture_pack p;
	static struct sample_record out;
	struct stream s;
	int i;

	(void)state;
	stream_init(&s, 2);
	for (i = 0; i < 3000; i++) {
		size_t len = 1 + random_below(&s, 400);
		uint8_t *bytes = malloc(len); /* of its own: a byte beyond is noticed */
		const uint8_t *at = bytes;

		assert_non_null(bytes);
		random_bytes(&s, bytes, len);
		bytes[0] = (uint8_t)(random_below(&s, 3) + 127);
		capture_pack_reset(&p);
		while (at < bytes + len &&
		       !capture_pack_take(&p, &at, bytes + len, out.words, &out.len))
			assert_in_range(out.len, 1, CAPTURE_RECORD_MAX);
		free(bytes);
	}
}

/* ---- files ----------------------------------------------------------------------------------- */

static struct capture_writer *writer(uint64_t rotate_bytes, unsigned int keep)
{
	struct capture_writer_config config = {
		.path = path,
		.rotate_bytes = rotate_bytes,
		.keep = keep,
		.force = true,
	};
	struct capture_writer *w = NULL;
	struct failure why;

	assert_int_equal(capture_writer_new(&config, &w, &why), 0);
	return w;
}

/* n records of the stream with this seed. */
static void put_records(struct capture_writer *w, uint64_t seed, unsigned int n)
{
	static struct sample_record r;
	struct stream s;

	stream_init(&s, seed);
	while (n--) {
		make_record(&s, &r);
		capture_put(w, r.words, r.len);
	}
}

struct reading {
	enum capture_end end;
	unsigned int n;
	bool same; /* what was read is the beginning of the stream */
	char why[200];
};

static struct reading read_fd(int fd, uint64_t seed)
{
	static struct sample_record r;
	struct reading got = { .same = true };
	struct capture_reader *reader = NULL;
	const void *record = NULL;
	struct stream s;
	size_t len = 0;

	stream_init(&s, seed);
	assert_int_equal(capture_reader_new(fd, -1, &reader), 0);
	while (!(got.end = capture_next(reader, &record, &len))) {
		make_record(&s, &r);
		got.same = got.same && len == r.len && !memcmp(record, r.words, len);
		got.n++;
	}
	/* An end is an end. */
	assert_int_equal(capture_next(reader, &record, &len), got.end);
	snprintf(got.why, sizeof(got.why), "%s", capture_reader_why(reader));
	capture_reader_free(reader);
	return got;
}

static struct reading read_path(uint64_t seed)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct reading got = read_fd(fd, seed);

	close(fd);
	return got;
}

static size_t file_size(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

static void put_file(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static const char *at_other(void)
{
	static char name[80];

	snprintf(name, sizeof(name), "%s.other", path);
	return name;
}

/* What is in the file, to be changed and read again. */
struct image {
	uint8_t *bytes;
	size_t len;
};

static struct image take_image(void)
{
	struct image i = { .len = file_size() };
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	i.bytes = malloc(i.len);
	assert_non_null(i.bytes);
	assert_int_equal(read(fd, i.bytes, i.len), i.len);
	close(fd);
	return i;
}

static struct reading read_bytes(const uint8_t *bytes, size_t len, uint64_t seed)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);
	struct reading got;

	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	got = read_fd(fd, seed);
	close(fd);
	return got;
}

static void written_and_read(void **state)
{
	struct capture_writer *w = writer(0, 0);
	struct reading got;

	(void)state;
	put_records(w, 3, 100000);
	assert_int_equal(capture_sync(w), 0);
	assert_int_equal(capture_bytes(w), file_size());
	assert_null(capture_writer_error(w));
	capture_writer_free(w);
	got = read_path(3);
	assert_int_equal(got.end, CAPTURE_DONE);
	assert_int_equal(got.n, 100000);
	assert_true(got.same);
}

/* Another process may read it at any time. */
static void read_while_written(void **state)
{
	struct capture_writer *w = writer(0, 0);
	struct reading got;

	(void)state;
	assert_int_equal(capture_sync(w), 0);
	got = read_path(3);
	assert_int_equal(got.end, CAPTURE_REFUSED);
	assert_non_null(strstr(got.why, "empty"));
	put_records(w, 3, 10);
	got = read_path(3);
	assert_int_equal(got.n, 0);
	assert_int_equal(capture_sync(w), 0);
	assert_int_equal(capture_sync(w), 0); /* nothing new: nothing is written */
	got = read_path(3);
	assert_int_equal(got.end, CAPTURE_DONE);
	assert_int_equal(got.n, 10);
	assert_true(got.same);
	capture_writer_free(w);
}

static void cut_anywhere(void **state)
{
	struct capture_writer *w = writer(0, 0);
	unsigned int most = 0;
	struct image i;
	size_t len;

	(void)state;
	put_records(w, 4, 120);
	assert_int_equal(capture_sync(w), 0);
	put_records(w, 5, 120);
	assert_int_equal(capture_sync(w), 0);
	capture_writer_free(w);
	i = take_image();
	for (len = 0; len < i.len; len += SANITIZED_STEP) {
		struct reading got = read_bytes(i.bytes, len, 4);

		assert_true(got.n >= most);
		if (got.n <= 120)
			assert_true(got.same);
		most = got.n;
		if (got.end == CAPTURE_DONE)
			assert_int_equal(got.n, 120); /* exactly between the two chunks */
		else
			assert_true(got.end == CAPTURE_CUT || (!len && got.end == CAPTURE_REFUSED));
		assert_true(got.end == CAPTURE_DONE || *got.why);
	}
	assert_true(most > 200);
	free(i.bytes);
}

static void damaged_anywhere(void **state)
{
	struct capture_writer *w = writer(0, 0);
	struct image i;
	size_t first, at;

	(void)state;
	put_records(w, 6, 40);
	assert_int_equal(capture_sync(w), 0);
	first = file_size();
	put_records(w, 6, 40);
	assert_int_equal(capture_sync(w), 0);
	capture_writer_free(w);
	i = take_image();
	for (at = 0; at < i.len * 8; at += SANITIZED_STEP) {
		size_t begin = at / 8 < first ? 0 : first, byte = at / 8 - begin;
		size_t last = (begin ? i.len : first) - begin - 9; /* before gzip's checksum */
		struct reading got;

		i.bytes[at / 8] ^= (uint8_t)(1 << at % 8);
		got = read_bytes(i.bytes, i.len, 6);
		i.bytes[at / 8] ^= (uint8_t)(1 << at % 8);
		/* Some bits of the header, and the last of the data, say nothing. */
		if (got.end == CAPTURE_DONE) {
			assert_int_equal(got.n, 80);
			assert_true((byte >= 3 && byte <= 9) || byte == last);
			continue;
		}
		assert_true(*got.why);
		/* What seems to go on behind the end cannot be checked: it is believed and told. */
		if (got.end == CAPTURE_CUT) {
			assert_true(got.n >= (begin ? 40 : 0));
			continue;
		}
		assert_true(got.end == CAPTURE_DAMAGED || got.end == CAPTURE_REFUSED);
		assert_int_equal(got.n, begin ? 40 : 0);
		assert_true(got.same);
	}
	free(i.bytes);
}

static void joined(void **state)
{
	struct capture_writer *w = writer(0, 0);
	struct reading got;
	struct image i;

	(void)state;
	put_records(w, 7, 50);
	capture_sync(w);
	capture_writer_free(w);
	i = take_image();
	i.bytes = realloc(i.bytes, 2 * i.len);
	assert_non_null(i.bytes);
	memcpy(i.bytes + i.len, i.bytes, i.len);
	got = read_bytes(i.bytes, 2 * i.len, 7);
	assert_int_equal(got.end, CAPTURE_DONE);
	assert_int_equal(got.n, 100);
	free(i.bytes);
}

/* A chunk with this in it, compressed as gzip does. */
static size_t compress_chunk(const uint8_t *bytes, size_t len, uint8_t *to, size_t room)
{
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (uint8_t *)bytes;
	z.avail_in = (unsigned int)len;
	z.next_out = to;
	z.avail_out = (unsigned int)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

static struct reading read_chunk(const char *bytes, size_t len)
{
	static uint8_t packed[1 << 20];
	size_t n = compress_chunk((const uint8_t *)bytes, len, packed, sizeof(packed));

	return read_bytes(packed, n, 1);
}

static void refused(void **state)
{
	static char bomb[CAPTURE_CHUNK_MAX + 1] = "TCSCAP\2\0";
	static const char older[] = "TCSCAP\1\0", last[] = "TCSCAP\2\1", newer[] = "TCSCAP\3\0",
			  minor[] = "TCSCAP\2\3",
			  today[] = { 'T',	     'C',	    'S',
				      'C',	     'A',	    'P',
				      CAPTURE_MAJOR, CAPTURE_MINOR, (char)CAPTURE_GUARD };
	struct reading got;

	(void)state;
	got = read_bytes((const uint8_t *)"plain text\n", 11, 1);
	assert_int_equal(got.end, CAPTURE_REFUSED);
	assert_non_null(strstr(got.why, "not a capture"));
	got = read_chunk("hello, world", 12);
	assert_int_equal(got.end, CAPTURE_REFUSED);
	got = read_chunk("", 0);
	assert_int_equal(got.end, CAPTURE_REFUSED);
	got = read_chunk(newer, 8);
	assert_int_equal(got.end, CAPTURE_REFUSED);
	assert_non_null(strstr(got.why, "3.0, by a newer"));
	got = read_chunk(older, 8);
	assert_int_equal(got.end, CAPTURE_REFUSED);
	assert_non_null(strstr(got.why, "1.0, by an older"));
	got = read_chunk(minor, 8);
	assert_int_equal(got.end, CAPTURE_REFUSED);
	assert_non_null(strstr(got.why, "2.3, by a newer"));
	assert_non_null(strstr(got.why, "reads 2.0 to 2.2"));
	got = read_chunk(today, 9);
	assert_int_equal(got.end, CAPTURE_DONE);
	got = read_chunk(today, 8); /* without the guard */
	assert_int_equal(got.end, CAPTURE_DAMAGED);
	got = read_chunk(last, 8);
	assert_int_equal(got.end, CAPTURE_DONE);
	/* Zeros are no records either, so it is refused for its size before that. */
	got = read_chunk(bomb, sizeof(bomb));
	assert_int_equal(got.end, CAPTURE_DAMAGED);
	assert_non_null(strstr(got.why, "larger"));
	assert_int_equal(got.n, 0);
}

/* A chunk of one record, packed, as a version of this minor number wrote it. */
static size_t make_chunk(uint8_t minor, const void *record, size_t len, char *to)
{
	static struct capture_pack pack;
	size_t head = minor < 2 ? CAPTURE_HEAD_2_1 : CAPTURE_HEAD;

	memcpy(to, (const char[]){ 'T', 'C', 'S', 'C', 'A', 'P' }, 6);
	to[6] = CAPTURE_MAJOR;
	to[7] = (char)minor;
	to[8] = (char)CAPTURE_GUARD;
	capture_pack_reset(&pack);
	return head + capture_pack_put(&pack, record, len, (uint8_t *)to + head);
}

/* The length of the only record in such a chunk, as the reader hands it out. */
static size_t length_read(uint8_t minor, const struct record_socket *record, size_t len,
			  struct record_socket *ret)
{
	char chunk[4096];
	uint8_t packed[8192];
	size_t n = compress_chunk((const uint8_t *)chunk, make_chunk(minor, record, len, chunk),
				  packed, sizeof(packed));
	struct capture_reader *reader = NULL;
	const void *bytes = NULL;
	int fd = memfd_create("chunk", MFD_CLOEXEC);

	assert_int_equal(write(fd, packed, n), n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(capture_reader_new(fd, -1, &reader), 0);
	assert_int_equal(capture_next(reader, &bytes, &len), CAPTURE_RECORD);
	memcpy(ret, bytes, len < sizeof(*ret) ? len : sizeof(*ret));
	capture_reader_free(reader);
	close(fd);
	return len;
}

/* Fields that came with 2.2 are 0 in a row of 2.1; other lengths are left to record_decode(). */
static void a_row_of_2_1_lacks_fields(void **state)
{
	struct record_socket row, got;
	struct record decoded;

	(void)state;
	memset(&row, 0xff, sizeof(row));
	row.head.kind = RECORD_SOCKET;
	row.socket.state = 10;
	row.socket.family = 4;
	row.socket.owner.source = 0;
	assert_int_equal(length_read(1, &row, 144, &got), sizeof(got));
	assert_int_equal(record_decode(&got, sizeof(got), &decoded), 0);
	assert_int_equal(decoded.socket->socket.lport, 0xffff);
	assert_int_equal(decoded.socket->socket.netns_cookie, 0);
	assert_int_equal(decoded.socket->socket.done, 0);
	assert_int_equal(decoded.socket->socket.device, 0);
	assert_int_equal(length_read(1, &row, 136, &got), 136);
	assert_int_equal(record_decode(&got, 136, &decoded), -EINVAL);
	/* today's own rows are not made longer */
	assert_int_equal(length_read(CAPTURE_MINOR, &row, 144, &got), 144);
	assert_int_equal(record_decode(&got, 144, &decoded), -EINVAL);
	assert_int_equal(length_read(CAPTURE_MINOR, &row, sizeof(row), &got), sizeof(got));
	assert_int_equal(got.socket.device, UINT32_MAX);
}

static void read_error(void **state)
{
	int fd = open("/", O_RDONLY | O_CLOEXEC);
	struct reading got = read_fd(fd, 1);

	(void)state;
	close(fd);
	assert_int_equal(got.end, CAPTURE_FAILED);
	assert_string_equal(got.why, strerror(EISDIR));
}

/* Everything up to the limit is there, and nothing of a half chunk. */
static void disk_full(void **state)
{
	struct rlimit was, limit;
	struct capture_writer *w = writer(0, 0);
	struct reading got;
	size_t size;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	limit = (struct rlimit){ .rlim_cur = 300000, .rlim_max = was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	put_records(w, 8, 100000);
	assert_int_equal(capture_sync(w), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_non_null(strstr(capture_writer_error(w), path));
	assert_non_null(strstr(capture_writer_error(w), "can be replayed"));
	size = capture_bytes(w);
	put_records(w, 8, 100000); /* and nothing more is written */
	assert_int_equal(capture_sync(w), -EFBIG);
	capture_writer_free(w);
	assert_int_equal(file_size(), size);
	got = read_path(8);
	assert_int_equal(got.end, CAPTURE_DONE);
	assert_in_range(got.n, 1000, 99999);
	assert_true(got.same);
}

static void not_created(void **state)
{
	struct capture_writer_config config = { .path = "/nowhere/at/all", .signal_fd = -1 };
	struct capture_writer *w = NULL;
	struct failure why;

	(void)state;
	assert_int_equal(capture_writer_new(&config, &w, &why), -ENOENT);
	assert_non_null(strstr(why.text, "/nowhere/at/all"));
	assert_null(w);
}

/* PATH, PATH.1, PATH.2 are parts of one recording, the youngest first; older ones are gone. */
static void rotated(void **state)
{
	struct capture_writer *w = writer(20000, 2);
	static struct sample_record r;
	unsigned int files = 1, in_last[4] = { 0 }, i, n = 0;
	struct stream s;
	char name[80];

	(void)state;
	stream_init(&s, 9);
	while (files < 5 || n < 1000) {
		make_record(&s, &r);
		capture_put(w, r.words, r.len);
		n++;
		if (n % 100 == 0)
			assert_int_equal(capture_sync(w), 0);
		if (capture_is_full(w) && files < 5) {
			assert_int_equal(capture_rotate(w), 0);
			assert_false(capture_is_full(w));
			memmove(in_last + 1, in_last, 3 * sizeof(*in_last));
			in_last[1] = n;
			n = 0;
			files++;
		}
	}
	assert_int_equal(capture_sync(w), 0);
	in_last[0] = n;
	capture_writer_free(w);
	for (i = 0; i < 3; i++) {
		struct reading got;
		int fd;

		snprintf(name, sizeof(name), i ? "%s.%u" : "%s", path, i);
		fd = open(name, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		got = read_fd(fd, 9);
		close(fd);
		assert_int_equal(got.end, CAPTURE_DONE);
		assert_int_equal(got.n, in_last[i]);
	}
	snprintf(name, sizeof(name), "%s.3", path);
	assert_int_equal(access(name, F_OK), -1);
}

static const char *why_refused(bool force, uint64_t rotate_bytes, unsigned int keep)
{
	struct capture_writer_config config = {
		.path = path, .force = force, .rotate_bytes = rotate_bytes, .keep = keep
	};
	struct capture_writer *w = NULL;
	static struct failure why;
	int err = capture_writer_new(&config, &w, &why);

	capture_writer_free(w);
	return err ? why.text : NULL;
}

/* Nothing that exists is lost without --force, but the oldest of a rotation. */
static void an_existing_file(void **state)
{
	char older[80];
	struct stat st;

	(void)state;
	snprintf(older, sizeof(older), "%s.1", path);
	unlink(older);
	put_file("precious");
	assert_non_null(strstr(why_refused(false, 0, 4), "it exists; --force replaces it"));
	assert_non_null(strstr(why_refused(false, 4096, 0), "it exists; --force replaces it"));
	assert_int_equal(file_size(), 8);
	assert_null(why_refused(false, 4096, 1));
	assert_int_equal(stat(older, &st), 0);
	assert_int_equal(st.st_size, 8);
	assert_int_equal(file_size(), 0);
	/* a start that failed before the first byte takes no place */
	assert_null(why_refused(false, 4096, 1));
	assert_int_equal(stat(older, &st), 0);
	assert_int_equal(st.st_size, 8);
	assert_null(why_refused(true, 0, 0));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	unlink(path);
	assert_int_equal(symlink(older, path), 0);
	assert_non_null(strstr(why_refused(true, 0, 0), "symbolic link"));
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_non_null(strstr(why_refused(true, 0, 0), "is no file"));
	rmdir(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_non_null(strstr(why_refused(false, 4096, 1), "--rotate needs a file"));
	unlink(path);
	assert_int_equal(stat(older, &st), 0);
	assert_int_equal(st.st_size, 8);
}

/* What was removed cannot be replayed, and that is not found out afterwards. */
static void removed_meanwhile(void **state)
{
	struct capture_writer *w = writer(0, 0);

	(void)state;
	put_records(w, 8, 100);
	assert_int_equal(capture_sync(w), 0);
	unlink(path);
	put_records(w, 8, 100);
	assert_int_equal(capture_sync(w), -ENOENT);
	assert_non_null(
		strstr(capture_writer_error(w), "it was removed meanwhile; nothing of it is left"));
	capture_writer_free(w);

	w = writer(1, 2);
	put_records(w, 8, 100);
	assert_int_equal(capture_rotate(w), 0);
	put_records(w, 8, 100);
	unlink(path);
	assert_int_equal(capture_sync(w), -ENOENT);
	assert_non_null(strstr(capture_writer_error(w),
			       "it was removed meanwhile; the older files can be replayed"));
	capture_writer_free(w);

	/* renamed: written on, and the next file has the name */
	w = writer(1, 2);
	put_records(w, 8, 100);
	assert_int_equal(capture_sync(w), 0);
	assert_int_equal(rename(path, at_other()), 0);
	put_records(w, 8, 100);
	assert_int_equal(capture_rotate(w), 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(at_other()), 0);
	capture_writer_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packed_and_unpacked),
		cmocka_unit_test(small),
		cmocka_unit_test(unpacked_garbage),
		cmocka_unit_test(written_and_read),
		cmocka_unit_test(read_while_written),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(damaged_anywhere),
		cmocka_unit_test(joined),
		cmocka_unit_test(refused),
		cmocka_unit_test(a_row_of_2_1_lacks_fields),
		cmocka_unit_test(read_error),
		cmocka_unit_test(disk_full),
		cmocka_unit_test(not_created),
		cmocka_unit_test(rotated),
		cmocka_unit_test(an_existing_file),
		cmocka_unit_test(removed_meanwhile),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
