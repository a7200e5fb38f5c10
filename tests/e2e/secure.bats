# SPDX-License-Identifier: GPL-2.0-only
#
# A binary with file capabilities in the hands of a user without rights: what the user chooses is
# done with the user's rights, or refused; what the binary is for works.

# shellcheck disable=SC2016,SC2030,SC2031 # each test is a subshell

load lib.bash

setup_file() {
	tool_setup_file
	e2e_need setpriv setcap perl || return 0
	PUBLIC=$(mktemp -d)
	export PUBLIC
	chmod 755 "$PUBLIC"
	cp "$TCPCONNSTATE" "$PUBLIC/tcpconnstate"
	chmod 755 "$PUBLIC/tcpconnstate"
	setcap cap_bpf,cap_perfmon,cap_sys_admin,cap_sys_ptrace+ep "$PUBLIC/tcpconnstate" 2>err ||
		skip_file "no file capabilities here: $(head -n 1 err)"
	mkdir "$PUBLIC/own"
	chown 65534:65534 "$PUBLIC/own"
}
teardown_file() {
	rm -rf "${PUBLIC:-/nonexistent}"
	e2e_teardown_file
}
setup() {
	e2e_setup
	HELPER_PID=
	cd "$PUBLIC/own" || return 1
	rm -f -- *
}
teardown() {
	[[ -z $HELPER_PID ]] || kill -KILL "$HELPER_PID" 2>/dev/null || true
	e2e_teardown
}

# user STATUS ARGS...: as a user without rights; its output in out, err
user() {
	local want=$1 got=0
	shift
	timeout 20 setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \
		"$PUBLIC/tcpconnstate" "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" \
		</dev/null 3>&- || got=$?
	((got == want)) || {
		echo "tcpconnstate $*: exit status $got, expected $want" >&2
		head -n 5 "$BATS_TEST_TMPDIR/err" | cut -c1-200 >&2
		return 1
	}
}
# says PATTERN: stderr is this one sentence, and stdout is empty
says() {
	if [[ -s $BATS_TEST_TMPDIR/out || $(wc -l <"$BATS_TEST_TMPDIR/err") != 1 ]] ||
		! grep -Eq -- "$1" "$BATS_TEST_TMPDIR/err"; then
		head -n 5 "$BATS_TEST_TMPDIR/err" | cut -c1-200 >&2
		return 1
	fi
}

# The kernel's types, with another offset for sock_common.skc_daddr: the address of a socket would be
# read from memory of the caller's choice.
changed_types() {
	perl -0777 -ne '
		my ($hdr, $type_off, $type_len, $str_off) = unpack "x4 L4", $_;
		my %more = (1 => 4, 3 => 12, 14 => 4, 17 => 4);
		my %each = (4 => 12, 5 => 12, 6 => 8, 13 => 8, 15 => 12, 19 => 12);
		for (my $at = $hdr + $type_off; $at < $hdr + $type_off + $type_len;) {
			my ($name, $info) = unpack "L2", substr $_, $at, 8;
			my ($kind, $n) = ($info >> 24 & 31, $info & 0xffff);
			my $str = sub { unpack "Z*", substr $_, $hdr + $str_off + $_[0], 64 };
			if ($kind == 4 && $str->($name) eq "sock_common") {
				substr($_, $at + 12 + 8, 4) = pack "L", 64 * 8;
				print;
				exit 0;
			}
			$at += 12 + ($more{$kind} // 0) + $n * ($each{$kind} // 0);
		}
		exit 1' /sys/kernel/btf/vmlinux
}

@test "types of the user's choice are refused: they would read any kernel memory" {
	local command
	changed_types >types
	for command in watch audit "record r.tcs"; do
		# shellcheck disable=SC2086 # a command and its word
		user 2 $command --btf "$PWD/types"
		says '^tcpconnstate: --btf is refused: '
	done
	[ ! -e r.tcs ]
	# the binary's own file, which is refused for root as well, is not even opened
	user 2 --btf /nonexistent
	says '^tcpconnstate: --btf is refused: '
}

@test "what the binary is for works: events, a recording with the user's owner, audit" {
	user 0 --json -d 0.2
	jq -es '.[0].type == "meta" and .[-1].type == "end"' "$BATS_TEST_TMPDIR/out" >/dev/null
	user 0 record mine.tcs -d 0.2
	[ "$(stat -c %u:%g mine.tcs)" = 65534:65534 ]
	user 0 replay mine.tcs
	user 0 audit --window 0 --fail-on critical -N "/proc/$$/ns/net"
	# with closed standard streams no map becomes one of them
	(cd / && timeout 10 setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$PUBLIC/tcpconnstate" -d 0.1 <&- >&- 2>&- 3>&-) || (($? == 1))
}

# root_holds: a process of root whose working directory no other user can reach; HELPER_PID
root_holds() {
	mkdir -m 700 "$BATS_TEST_TMPDIR/secret"
	mkdir -m 777 "$BATS_TEST_TMPDIR/secret/inside"
	chmod 777 "$BATS_TEST_TMPDIR/secret/inside"
	"$TCPCONNSTATE" record "$BATS_TEST_TMPDIR/secret/inside/root.tcs" -d 0.1 2>/dev/null
	chmod 644 "$BATS_TEST_TMPDIR/secret/inside/root.tcs"
	mkfifo "$BATS_TEST_TMPDIR/wait"
	(cd "$BATS_TEST_TMPDIR/secret/inside" && exec cat "$BATS_TEST_TMPDIR/wait") 3>&- &
	HELPER_PID=$!
	until_true 5 eval '[[ $(readlink /proc/$HELPER_PID/cwd) == */inside ]]'
}

@test "paths are opened with the user's rights: CAP_SYS_PTRACE leads into no other process" {
	local cwd
	root_holds
	cwd=/proc/$HELPER_PID/cwd
	user 1 record "$cwd/planted.tcs" -d 0.2
	says 'Permission denied'
	[ ! -e "$BATS_TEST_TMPDIR/secret/inside/planted.tcs" ]
	user 1 replay "$cwd/root.tcs"
	says 'Permission denied'
	user 2 --cgroup "$cwd" -d 0.1
	says 'no permission'
	user 2 -N "$cwd/root.tcs" -d 0.1
	says '--netns .* is refused: '
	user 2 -N "/proc/$HELPER_PID/root/run/netns/x" -d 0.1
	says '--netns .* is refused: '
	user 2 -N ../../etc -d 0.1
	says '--netns .* is refused: '
	user 2 -N .. -d 0.1
	says '--netns'
}

@test "kernel memory that no limit of the user covers is bounded" {
	user 2 --buffer 257M -d 0.1
	says '--buffer takes at most 256M here'
	user 2 --max-sockets 4194305 -d 0.1
	says '--max-sockets takes at most 4194304 here'
	user 0 --buffer 256M --max-sockets 4194304 -d 0.1
}

@test "doctor: a file that every user may run is a limit; its advice, followed, ends it" {
	local file=$PUBLIC/own/tcpconnstate
	cp "$PUBLIC/tcpconnstate" "$file"
	check() { jq -r 'select(.name == "file_capabilities").status'; }
	[ "$(setpriv --reuid=65534 --regid=65534 --clear-groups "$PUBLIC/tcpconnstate" doctor --json |
		check)" = part ]
	[ "$("$TCPCONNSTATE" doctor --json | check)" = ok ]
	chgrp 65533 "$file"
	chmod 750 "$file"
	setcap cap_bpf,cap_perfmon+ep "$file"
	[ "$(setpriv --reuid=65534 --regid=65533 --clear-groups "$file" doctor --json | check)" = ok ]
	# (by a shell: setpriv itself gives its rights up with its exec)
	local run="exec \"$file\" doctor --json"
	setpriv --reuid=65532 --regid=65533 --clear-groups sh -c "$run" >/dev/null
	not setpriv --reuid=65532 --regid=65532 --clear-groups sh -c "$run" 2>/dev/null
}
