// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command replay, on captures that are cut at every byte and on such as were made up: it always
 * ends, with the right status, and nothing of what is in them reaches a terminal or breaks JSON.
 */
#include <fcntl.h>
#include <glob.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "capture.h"
#include "errout.h"
#include "hash.h"
#include "opts.h"
#include "record.h"
#include "folder.h"

static const char evil[] = "\x1b]0;x\a\x1b[2J\r\n\"\\,}\x7f\x9b\xff\xc3(";

/* ---- running it ------------------------------------------------------------------------------ */

/* What the command printed. */
struct printed {
	int status;
	char *out, *err;
	size_t out_len, err_len;
};

static char *slurp(int fd, size_t *ret_len)
{
	off_t len = lseek(fd, 0, SEEK_END);
	char *text = calloc(1, (size_t)len + 1);

	assert_non_null(text);
	assert_int_equal(pread(fd, text, (size_t)len, 0), len);
	*ret_len = (size_t)len;
	return text;
}

/* words: the command line behind "replay", NULL at the end. */
static struct printed replay(const char *const *words)
{
	const char *argv[16] = { "tcpconnstate", "replay" };
	int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC);
	int argc = 2, status;
	pid_t child;
	struct opts_error error;
	struct printed p;
	struct opts opts;

	while (*words)
		argv[argc++] = *words++;
	assert_int_equal(opts_parse(argc, (char **)argv, &opts, &error), 0);
	assert_int_equal(opts_resolve(&opts, &error), 0);
	fflush(stdout);
	fflush(stderr);
	child = fork();
	assert_true(child >= 0);
	if (!child) { /* it gives up its rights, for good */
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		status = cmd_replay(&opts);
		errout_finish();
		_exit(status);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	p.status = WEXITSTATUS(status);
	p.out = slurp(out, &p.out_len);
	p.err = slurp(err, &p.err_len);
	close(out);
	close(err);
	return p;
}

static bool has_word(const char *const *words, const char *word)
{
	while (*words && strcmp(*words, word))
		words++;
	return *words;
}

static void forget(struct printed *p)
{
	free(p->out);
	free(p->err);
}

/* Printable ASCII in lines. */
static void assert_plain(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		assert_true(s[i] == '\n' || (s[i] >= ' ' && s[i] <= '~'));
}

/* Every line is an object; no control byte is left, nor any of those that are no UTF-8. */
static void assert_json_lines(char *text)
{
	char *line;
	size_t i;

	while ((line = strsep(&text, "\n")) && *line) {
		assert_true(line[0] == '{' && line[strlen(line) - 1] == '}');
		for (i = 0; line[i]; i++)
			assert_true((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
		assert_null(strpbrk(line, "\x9b\xff"));
	}
}

/* ---- captures -------------------------------------------------------------------------------- */

static struct capture_writer *begin(const char *text)
{
	struct capture_writer_config config = { .path = path, .force = true, .signal_fd = -1 };
	struct record_meta meta = { .head.kind = RECORD_META, .ts_ns = 1000, .n_hooks = 1 };
	struct capture_writer *w = NULL;
	struct failure why;

	snprintf(meta.version, sizeof(meta.version), "%s", text);
	snprintf(meta.kernel, sizeof(meta.kernel), "%s", text);
	snprintf(meta.arch, sizeof(meta.arch), "%s", text);
	snprintf(meta.boot_id, sizeof(meta.boot_id), "%s", text);
	snprintf(meta.netns_scope, sizeof(meta.netns_scope), "%s", text);
	snprintf(meta.hooks[0], sizeof(meta.hooks[0]), "%s", text);
	assert_int_equal(capture_writer_new(&config, &w, &why), 0);
	capture_put(w, &meta, sizeof(meta));
	return w;
}

static void end(struct capture_writer *w)
{
	struct record_tick last = { .head.kind = RECORD_END, .ts_ns = 9000000000 };

	capture_put(w, &last, sizeof(last));
	assert_int_equal(capture_sync(w), 0);
	capture_writer_free(w);
}

static void put_cgroup(struct capture_writer *w, uint64_t id, const char *name)
{
	uint64_t words[32] = { 0 };
	struct record_cgroup *c = (struct record_cgroup *)words;
	size_t room = sizeof(words) - sizeof(*c);

	c->head.kind = RECORD_CGROUP;
	c->id = id;
	assert_true(strlen(name) < room);
	snprintf(c->path, room, "%s", name);
	capture_put(w, c, sizeof(*c) + strlen(name) + 1);
}

static void put_device(struct capture_writer *w, uint32_t ifindex, const char *name)
{
	struct record_device d = { .head.kind = RECORD_DEVICE,
				   .netns = 4026531840,
				   .ifindex = ifindex };

	memcpy(d.name, name, strnlen(name, sizeof(d.name) - 1));
	capture_put(w, &d, sizeof(d));
}

/* A life of three changes, told by a process with this name. */
static void put_life(struct capture_writer *w, uint64_t id, const char *comm)
{
	struct {
		struct tcs_wire_state s;
		struct tcs_wire_owner o;
		struct tcs_wire_facts f;
	} full = {
		.s = { .kind = TCS_WIRE_STATE,
		       .old_state = TCS_CLOSE,
		       .new_state = TCS_SYN_SENT,
		       .flags = TCS_F_TASK | TCS_F_HAS_OWNER | TCS_F_HAS_FACTS,
		       .ts_ns = 2000,
		       .id = id,
		       .seq = 1 },
		.o = { .pid = 77, .source = TCS_OWNER_TASK },
		.f = { .laddr = V4(10, 0, 0, 7),
		       .raddr = V4(10, 0, 0, 1),
		       .cgroup = 5,
		       .netns = 4026531840,
		       .device = 3,
		       .rport = 443,
		       .family = 4 },
	};
	struct tcs_wire_state s = full.s;

	memcpy(full.o.comm, comm, strnlen(comm, sizeof(full.o.comm)));
	capture_put(w, &full, sizeof(full));
	s.flags = 0;
	s.seq = 2;
	s.ts_ns = 3000;
	s.in_old_ns = 1000;
	s.old_state = TCS_SYN_SENT;
	s.new_state = TCS_ESTABLISHED;
	capture_put(w, &s, sizeof(s));
	s.seq = 3;
	s.ts_ns = 4000;
	s.old_state = TCS_ESTABLISHED;
	s.new_state = TCS_CLOSE;
	s.err = 104;
	capture_put(w, &s, sizeof(s));
}

/* Looks with everything in them that has a name. */
static void put_looks(struct capture_writer *w, const char *comm)
{
	struct record_look look = { .head.kind = RECORD_LOOK,
				    .covers = AUDIT_SOCKETS | AUDIT_COUNTERS };
	struct record_netns netns = { .head.kind = RECORD_NETNS };
	struct record_socket socket = {
		.head.kind = RECORD_SOCKET,
		.socket = { .laddr = V4(10, 0, 0, 7),
			    .raddr = V4(10, 0, 0, 1),
			    .quiet_ns = 90000000000,
			    .in_state_ns = AUDIT_UNKNOWN,
			    .owner = { .pid = 77, .source = OWNER_TASK },
			    .netns = 4026531840,
			    .lport = 80,
			    .rport = 4711,
			    .state = TCS_CLOSE_WAIT,
			    .family = 4 },
	};
	struct record_group group = { .head.kind = RECORD_GROUP };
	struct record_look_end last = { .head.kind = RECORD_LOOK_END };
	struct record_tick tick = { .head.kind = RECORD_TICK };
	uint64_t at;
	unsigned int i;

	memcpy(socket.socket.owner.comm, comm, strnlen(comm, TCS_COMM_LEN));
	memcpy(group.group.comm, comm, strnlen(comm, TCS_COMM_LEN));
	netns.netns.netns = 4026531840;
	netns.netns.states[TCS_CLOSE_WAIT] = 40;
	for (at = 1000000000; at <= 3000000000; at += 1000000000) {
		look.ts_ns = last.ts_ns = tick.ts_ns = tick.seen_ns = at;
		capture_put(w, &look, sizeof(look));
		capture_put(w, &netns, sizeof(netns));
		for (i = 0; i < 40; i++) {
			socket.socket.id = 1000 + i;
			capture_put(w, &socket, sizeof(socket));
		}
		capture_put(w, &group, sizeof(group));
		capture_put(w, &last, sizeof(last));
		capture_put(w, &tick, sizeof(tick));
	}
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* Each kind of output, of a capture in which all names are hostile. */
static void hostile_names(void **state)
{
	const char *const ways[][6] = {
		{ path },
		{ "-x", "-w", "-T", path },
		{ "--lifecycle", "-x", path },
		{ "--json", path },
		{ "--json", "--lifecycle", path },
		{ "--verdict", "-x", path },
		{ "--verdict", "--json", path },
	};
	struct capture_writer *w = begin(evil);
	size_t i;

	(void)state;
	put_cgroup(w, 5, evil);
	put_device(w, 3, evil);
	put_life(w, 900, evil);
	put_looks(w, evil);
	end(w);
	for (i = 0; i < COUNT(ways); i++) {
		const char *const *words = ways[i];
		bool verdict = has_word(words, "--verdict"), json = has_word(words, "--json");
		struct printed p = replay(words);

		assert_int_equal(p.status, verdict ? 3 : 0);
		assert_true(p.out_len > 0);
		assert_int_equal(strlen(p.out), p.out_len);
		assert_plain(p.err, p.err_len);
		if (!json) {
			assert_plain(p.out, p.out_len);
			assert_non_null(strstr(p.out, "?]0;x"));
		} else {
			assert_non_null(strstr(p.out, "\\u001b]0;x\\u0007"));
			assert_true(verdict || strstr(p.out, "\"device\":\"\\u001b]0;x"));
			assert_json_lines(p.out);
		}
		forget(&p);
	}
}

/* The names in messages are the file's name, and what was typed. */
static void hostile_file_name(void **state)
{
	static char name[128];
	const char *const words[] = { name, NULL };
	struct printed p;

	(void)state;
	snprintf(name, sizeof(name), "%s/%s", folder, "\x1b[2J\r");
	p = replay(words);
	assert_int_equal(p.status, 1);
	assert_plain(p.err, p.err_len);
	forget(&p);
}

/* Records that contradict themselves or each other are counted, not believed. */
static void strange_records(void **state)
{
	const char *const words[] = { "--json", path, NULL };
	struct capture_writer *w = begin("x");
	struct record_meta meta = { .head.kind = RECORD_META, .n_hooks = 77 };
	struct record_socket socket = { .head.kind = RECORD_SOCKET };
	struct record_tick tick = { .head.kind = RECORD_TICK,
				    .ts_ns = UINT64_MAX,
				    .seen_ns = UINT64_MAX };
	struct record_look_end last = { .head.kind = RECORD_LOOK_END };
	uint64_t short_one = TCS_WIRE_STATE;
	struct printed p;

	(void)state;
	memset(meta.hooks, 'x', sizeof(meta.hooks));
	capture_put(w, &meta, sizeof(meta));
	socket.socket.state = 200;
	capture_put(w, &socket, sizeof(socket));
	capture_put(w, &short_one, 3);
	capture_put(w, &last, sizeof(last)); /* of a look that never began */
	capture_put(w, &tick, sizeof(tick));
	tick.ts_ns = tick.seen_ns = 0;
	capture_put(w, &tick, sizeof(tick));
	put_life(w, 900, "x");
	end(w);
	p = replay(words);
	assert_int_equal(p.status, 0);
	assert_non_null(strstr(p.out, "\"decode\":3"));
	assert_non_null(strstr(p.out, "\"new_state\":\"syn_sent\""));
	forget(&p);
}

/* A name that is told a million times, and a million names: memory stays what it was. */
static void many_names(void **state)
{
	const char *const words[] = { "--json", path, NULL };
	struct capture_writer *w;
	struct printed p;
	char name[200];
	unsigned int i;

	(void)state;
	w = begin("x");
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (i = 0; i < 200000; i++)
		put_cgroup(w, i + 6, name);
	for (i = 0; i < 200000; i++)
		put_device(w, i + 4, name);
	put_cgroup(w, 5, "/late");
	put_device(w, 3, "late");
	put_life(w, 900, "x");
	end(w);
	p = replay(words);
	assert_int_equal(p.status, 0);
	assert_non_null(strstr(p.out, "\"cgroup\":null")); /* there was no room for its name */
	assert_non_null(strstr(p.out, "\"device\":\"3\""));
	forget(&p);
}

/* A device that is renamed, and one of a namespace that has another's inode number by then. */
static void names_of_devices(void **state)
{
	const char *const words[] = { "--json", path, NULL };
	struct record_device other = { .head.kind = RECORD_DEVICE,
				       .netns_cookie = 5,
				       .netns = 4026531840,
				       .ifindex = 3,
				       .name = "other" };
	struct capture_writer *w = begin("x");
	struct printed p;

	(void)state;
	put_device(w, 3, "eth0");
	put_life(w, 900, "x");
	put_device(w, 3, "lan0");
	put_life(w, 901, "x");
	capture_put(w, &other, sizeof(other));
	put_life(w, 902, "x");
	end(w);
	p = replay(words);
	assert_int_equal(p.status, 0);
	assert_non_null(strstr(p.out,
			       "\"cookie\":\"900\",\"netns\":4026531840,\"netns_cookie\":null,"
			       "\"family\":4,\"laddr\":\"10.0.0.7\",\"lport\":null,"
			       "\"raddr\":\"10.0.0.1\",\"rport\":443,\"device\":\"eth0\","));
	assert_null(strstr(strstr(p.out, "\"901\""), "\"device\":\"eth0\""));
	assert_non_null(strstr(strstr(p.out, "\"901\""), "\"device\":\"lan0\""));
	assert_non_null(strstr(strstr(p.out, "\"902\""), "\"device\":\"other\""));
	forget(&p);
}

/* ---- cut captures ---------------------------------------------------------------------------- */

#define MEMBERS_MAX 256
#define RECORDS_MAX 65536

/* A golden capture, and where its parts (gzip members) end. */
struct golden {
	const char *name;
	char *bytes;
	size_t size;
	size_t end[MEMBERS_MAX];
	size_t n;
};

static void find_members(struct golden *g)
{
	static uint8_t sink[CAPTURE_CHUNK_MAX];
	z_stream z = { 0 };

	assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
	z.next_in = (uint8_t *)g->bytes;
	z.avail_in = (unsigned int)g->size;
	for (g->n = 0; z.avail_in; inflateReset(&z)) {
		z.next_out = sink;
		z.avail_out = sizeof(sink);
		assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
		assert_in_range(g->n, 0, MEMBERS_MAX - 1);
		g->end[g->n++] = g->size - z.avail_in;
	}
	inflateEnd(&z);
}

static void each_golden(void (*fn)(const struct golden *g))
{
	struct golden g = { 0 };
	glob_t captures;
	size_t i;

	if (glob("tests/golden/*.tcs", 0, NULL, &captures))
		skip();
	for (i = 0; i < captures.gl_pathc; i++) {
		int fd = open(captures.gl_pathv[i], O_RDONLY | O_CLOEXEC);

		g.name = captures.gl_pathv[i];
		g.bytes = slurp(fd, &g.size);
		close(fd);
		find_members(&g);
		fn(&g);
		free(g.bytes);
	}
	globfree(&captures);
}

/* How many records there are, and what they are: seen[i] is of the first i. */
static enum capture_end read_all(struct capture_reader *r, int fd, uint64_t *seen, size_t *ret_n)
{
	enum capture_end end;
	const void *record;
	uint64_t sum = 1;
	size_t len, n = 0;

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	capture_reader_reset(r, fd);
	while (!(end = capture_next(r, &record, &len))) {
		sum = hash_bytes(record, len, sum);
		assert_in_range(++n, 1, RECORDS_MAX - 1);
		seen[n] = sum;
	}
	*ret_n = n;
	return end;
}

/*
 * Behind every byte of every part: what comes before the cut is read, nothing else is, and the end
 * is told. A part needs nothing from those before it (capture.h), so one before it is enough.
 */
static void cut_parts(const struct golden *g)
{
	static uint64_t whole[RECORDS_MAX], cut[RECORDS_MAX];
	int fd = memfd_create("cut", MFD_CLOEXEC);
	size_t i, n_whole, n_cut, n_last;
	struct capture_reader *r;

	assert_int_equal(capture_reader_new(fd, -1, &r), 0);
	for (i = 0; i < g->n; i++) {
		size_t begin = i ? g->end[i - 1] : 0, before = i ? g->end[0] : 0;
		size_t len = g->end[i] - begin;

		assert_int_equal(pwrite(fd, g->bytes, before, 0), before);
		assert_int_equal(pwrite(fd, g->bytes + begin, len, (off_t)before), len);
		assert_int_equal(read_all(r, fd, whole, &n_whole), CAPTURE_DONE);
		/* from its end on, so that the file only becomes shorter */
		for (n_last = n_whole; len--;) {
			enum capture_end end, want = i ? CAPTURE_DONE : CAPTURE_REFUSED;

			if (len % SANITIZED_STEP)
				continue;
			assert_int_equal(ftruncate(fd, (off_t)(before + len)), 0);
			end = read_all(r, fd, cut, &n_cut);
			assert_int_equal(end, len ? CAPTURE_CUT : want);
			assert_true(end == CAPTURE_DONE || *capture_reader_why(r));
			assert_in_range(n_cut, 0, n_last);
			assert_true(!n_cut || cut[n_cut] == whole[n_cut]);
			n_last = n_cut;
		}
	}
	capture_reader_free(r);
	close(fd);
}

static void cut_behind_every_byte(void **state)
{
	(void)state;
	each_golden(cut_parts);
}

/* Lines that both have from the beginning on. */
static size_t common_lines(const char *a, const char *b)
{
	size_t n = 0;

	for (; *a && *a == *b; a++, b++)
		n += *a == '\n';
	return n;
}

static size_t count_lines(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

/*
 * What is printed of a cut capture is the beginning of what is printed of the whole, but for what
 * was held back at the cut, which comes early, and the last line.
 */
static void cut_replays(const struct golden *g)
{
	char cut[32];
	const char *const words[] = { "--json", "--fail-on", "critical", cut, NULL };
	const char *const all[] = { "--json", g->name, NULL };
	struct printed whole = replay(all);
	int fd = memfd_create("cut", 0);
	size_t i, n;

	snprintf(cut, sizeof(cut), "/proc/self/fd/%d", fd);
	assert_int_equal(whole.status, 0);
	for (i = 0; i < 3 * g->n; i++) {
		size_t begin = i / 3 ? g->end[i / 3 - 1] : 0, end = g->end[i / 3];
		size_t len = i % 3 == 0 ? begin + (end - begin) / 2 : i % 3 == 1 ? end - 1 : end;
		struct printed p;

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, g->bytes, len, 0), len);
		p = replay(words);
		assert_true(len == g->size || p.status == 1);
		assert_true(len == g->size || strstr(p.err, cut));
		n = count_lines(p.out);
		assert_in_range(common_lines(p.out, whole.out) + 3, n, n + 3);
		forget(&p);
	}
	forget(&whole);
	close(fd);
}

static void cut_anywhere(void **state)
{
	(void)state;
	each_golden(cut_replays);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_names),	 cmocka_unit_test(hostile_file_name),
		cmocka_unit_test(strange_records),	 cmocka_unit_test(many_names),
		cmocka_unit_test(names_of_devices),	 cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(cut_behind_every_byte),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
