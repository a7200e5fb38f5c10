// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command replay, on captures that are cut at every byte and on such as were made up: it always
 * ends, with the right status, and nothing of what is in them reaches a terminal or breaks JSON.
 */
#include <fcntl.h>
#include <glob.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture.h"
#include "opts.h"
#include "record.h"
#include "unit.h"

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
	int was_out = dup(STDOUT_FILENO), was_err = dup(STDERR_FILENO), argc = 2;
	struct opts_error error;
	struct printed p;
	struct opts opts;

	while (*words)
		argv[argc++] = *words++;
	assert_int_equal(opts_parse(argc, (char **)argv, &opts, &error), 0);
	assert_int_equal(opts_resolve(&opts, &error), 0);
	fflush(stdout);
	fflush(stderr);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	p.status = cmd_replay(&opts);
	fflush(stdout);
	fflush(stderr);
	dup2(was_out, STDOUT_FILENO);
	dup2(was_err, STDERR_FILENO);
	p.out = slurp(out, &p.out_len);
	p.err = slurp(err, &p.err_len);
	close(out);
	close(err);
	close(was_out);
	close(was_err);
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

static char folder[] = "/tmp/tcs-test-replay-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/c", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static struct capture_writer *begin(const char *text)
{
	struct capture_writer_config config = { .path = path };
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
	put_cgroup(w, 5, "/late");
	put_life(w, 900, "x");
	end(w);
	p = replay(words);
	assert_int_equal(p.status, 0);
	assert_non_null(strstr(p.out, "\"cgroup\":null")); /* there was no room for its name */
	forget(&p);
}

/* Every golden capture, cut behind every byte. */
static void cut_anywhere(void **state)
{
	char cut[32];
	const char *const words[] = { "--json", "--fail-on", "critical", cut, NULL };
	glob_t captures;
	size_t i, len;

	(void)state;
	if (glob("tests/golden/*.tcs", 0, NULL, &captures))
		skip();
	for (i = 0; i < captures.gl_pathc; i++) {
		int fd = open(captures.gl_pathv[i], O_RDONLY | O_CLOEXEC);
		int to = memfd_create("cut", 0);
		size_t size, last_len = 0;
		char *whole = slurp(fd, &size);

		snprintf(cut, sizeof(cut), "/proc/self/fd/%d", to);
		/* A large one is cut at some places only. */
		for (len = 0; len<size; len += size> 4096 ? 61 : 1) {
			struct printed p;

			assert_int_equal(ftruncate(to, 0), 0);
			assert_int_equal(pwrite(to, whole, len, 0), len);
			p = replay(words);
			assert_int_equal(p.status, 1);
			assert_non_null(strstr(p.err, cut));
			if (len > 200)
				assert_true(p.out_len >= last_len / 2);
			last_len = p.out_len;
			forget(&p);
		}
		assert_true(last_len > 100);
		free(whole);
		close(fd);
		close(to);
	}
	globfree(&captures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_names),   cmocka_unit_test(hostile_file_name),
		cmocka_unit_test(strange_records), cmocka_unit_test(many_names),
		cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
