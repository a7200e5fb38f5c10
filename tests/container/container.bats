# SPDX-License-Identifier: GPL-2.0-only
#
# The image of deploy/Containerfile, run as users run it: what it sees with all rights, and what it
# says it cannot see with fewer. README.md has the table.
#
# The helper beside the program is hold.c (tests/e2e), linked statically: a connection, or sockets in
# known states, on the host and inside the container.

# shellcheck disable=SC2016,SC2030,SC2031 # perl programs; each test is a subshell

load ../e2e/lib.bash

ENGINE=${CONTAINER_ENGINE:-podman}

setup_file() {
	((EUID == 0)) || { skip_file "needs root"; return 0; }
	e2e_need "$ENGINE" jq perl "${CC:-cc}" || return 0
	export STATIC=${TCS_STATIC:-$E2E_ROOT/build/static/tcpconnstate}
	[[ -x $STATIC ]] || { skip_file "there is no static binary: see \`make static\`"; return 0; }
	export HOLD=$BATS_FILE_TMPDIR/hold
	images_build || return 1
}
teardown_file() {
	[[ -z ${IMAGE-} ]] ||
		timeout 20 "$ENGINE" rmi -f "$IMAGE-test" "$IMAGE" "$IMAGE-probe" >/dev/null 2>&1 || true
}
setup() {
	e2e_setup
	CONTAINERS=()
}
teardown() {
	local name
	for name in "${CONTAINERS[@]}"; do
		timeout 20 "$ENGINE" kill "$name" >/dev/null 2>&1 || true
		timeout 20 "$ENGINE" rm -f "$name" >/dev/null 2>&1 || true
	done
	[[ -z ${HELD_PID-} ]] || {
		kill -KILL "$HELD_PID" 2>/dev/null || true
		wait "$HELD_PID" 2>/dev/null || true
	}
	e2e_teardown
}

# ---- the image ----

# IMAGE is what users build; IMAGE-test has the helper as well. IMAGE-probe has the helper alone, and
# alone says whether this machine runs containers: a program of ours that does not start must fail a
# test, not skip it. What does not need each other is made at the same time.
images_build() {
	local dir=$BATS_FILE_TMPDIR/image made why
	export IMAGE=localhost/tcpconnstate-$$:check
	mkdir "$dir"
	image "$IMAGE" -f "$E2E_ROOT/deploy/Containerfile" "${STATIC%/*}" &
	made=$!
	"${CC:-cc}" -static -std=gnu11 -O2 -D_GNU_SOURCE= "$E2E_DIR/hold.c" -o "$HOLD" || {
		wait "$made"
		skip_file "there is no static C library"
		return 0
	}
	cp "$HOLD" "$dir/hold"
	printf 'FROM scratch\nCOPY hold /hold\nENTRYPOINT ["/hold"]\n' >"$dir/probe"
	printf 'FROM %s\nCOPY hold /hold\n' "$IMAGE" >"$dir/test"
	why=$(image "$IMAGE-probe" -f "$dir/probe" "$dir" 2>&1) || {
		wait "$made"
		skip_file "$ENGINE cannot build an image here: ${why##*$'\n'}"
		return 0
	}
	wait "$made" || return
	image "$IMAGE-test" -f "$dir/test" "$dir" &
	made=$!
	engine_works || skip_file "$ENGINE cannot run a privileged container here: ${WHY##*$'\n'}"
	wait "$made"
}
# image NAME BUILD'S ARGS...: what the engine says is told where it fails
image() {
	local log=$BATS_FILE_TMPDIR/${1##*:}.log
	timeout 60 "$ENGINE" build -q -t "$@" >"$log" 2>&1 </dev/null 3>&- || {
		cat "$log" >&2
		return 1
	}
}

# As the engine is set up; where root may not raise limits and cgroups are of two versions, podman
# needs runc and limits within ours.
engine_works() {
	local limit
	WHY=$(engine_try) && return
	[[ $ENGINE == podman ]] && command -v runc >/dev/null || return
	export CONTAINERS_CONF=$BATS_FILE_TMPDIR/containers.conf
	limit=$(ulimit -Hn)
	((limit <= 4096)) || limit=4096
	printf '[containers]\ndefault_ulimits = ["nofile=%s:%s", "nproc=4096:4096"]\n' "$limit" "$limit" \
		>"$CONTAINERS_CONF"
	printf '[engine]\nruntime = "runc"\n' >>"$CONTAINERS_CONF"
	WHY=$(engine_try)
}
engine_try() {
	timeout 60 "$ENGINE" run --rm --privileged --net=none "$IMAGE-probe" here 2>&1 </dev/null
}

# ---- containers ----

# contain STATUS OPTIONS -- ARGS...: run to its end in a container of its own; out, err
contain() {
	local want=$1 options=()
	shift
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	ends "$want" "$@" -- run --rm "${options[@]}" "$IMAGE-test"
}

# beside STATUS ARGS...: the same beside watch, in the container of watch_in
beside() { ends "$@" -- exec "$NAME" /tcpconnstate; }

# ends STATUS ARGS... -- ENGINE'S ARGS
# STATUS may be "verdict" for an audit of the whole host with --fail-on critical: what others do there
# may be a finding, and the status must be that of the verdict.
ends() {
	local want=$1 got=0 args=()
	shift
	while [[ $1 != -- ]]; do
		args+=("$1")
		shift
	done
	shift
	timeout 30 "$ENGINE" "$@" "${args[@]}" >out 2>err </dev/null || got=$?
	[[ $want != verdict ]] ||
		want=$(jq 'select(.type == "verdict") | if .worst == "critical" then 3 else 0 end' out)
	((got == want)) || {
		echo "tcpconnstate ${args[*]} by $ENGINE $*: status $got, expected $want" >&2
		cat err out >&2
		return 1
	}
}

# watch_in OPTIONS: `watch --json` runs in the container $NAME, its output in watch.out, watch.err.
# It looks at the whole host, where others may be busy: at all processes called $NAME.
watch_in() {
	NAME=tcs_${$}_$BATS_TEST_NUMBER
	CONTAINERS+=("$NAME")
	timeout 60 "$ENGINE" run --rm --name "$NAME" "$@" "$IMAGE-test" --json --comm "$NAME" \
		>watch.out 2>watch.err </dev/null 3>&- &
	WATCH_PID=$!
	until_true "$DEADLINE_S" watch_began
	[[ -s watch.out ]] || {
		cat watch.err >&2
		return 1
	}
}
watch_began() { [[ -s watch.out ]] || ! kill -0 "$WATCH_PID" 2>/dev/null; }

# watch_ends: as the user stops it; its exit status is 0
watch_ends() {
	local status=0
	"$ENGINE" kill -s INT "$NAME" >/dev/null
	wait "$WATCH_PID" || status=$?
	CONTAINERS=()
	((status == 0)) || {
		echo "watch ended with $status" >&2
		cat watch.err >&2
		return 1
	}
	saw '.type == "end" and ([.lost[]] | add) == 0'
}

# saw FILTER: a line of watch.out
saw() {
	jq -es "any(.[]; $1)" watch.out >/dev/null || {
		echo "watch did not show: $1" >&2
		cat watch.err >&2
		tail -n 20 watch.out >&2
		return 1
	}
}

# is FILTER: true of the lines of out, as one array
is() {
	jq -es "$1" out >/dev/null || {
		echo "not so: $1" >&2
		cat err out >&2
		return 1
	}
}
# says REGULAR_EXPRESSION FILE: of the text, wherever its lines are broken
says() {
	tr -s ' \n' ' ' <"$2" | grep -Eq -- "$1" || {
		echo "$2 does not say '$1'" >&2
		cat err out >&2
		return 1
	}
}

# ---- what is to be seen ----

# One connection on the host's loopback, both ends closed, by a process called $NAME: HOST_PORT, HOST_PID
host_connection() {
	read -r HOST_PORT HOST_PID < <(perl -MIO::Socket::INET -e '
		$0 = $ARGV[0];
		my $l = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die $!;
		my $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $l->sockport) or die $!;
		my $s = $l->accept or die $!;
		close $c;
		<$s>;
		close $s;
		print $l->sockport, " $$\n";' "$NAME")
	[[ -n $HOST_PID ]]
}
saw_host_connection() {
	saw ".type == \"state\" and .netns == $(host_netns) and .rport == $HOST_PORT and
		.pid == $HOST_PID and .comm == \"$NAME\" and .owner_source == \"task\" and
		.new_state == \"fin_wait1\""
	saw ".type == \"state\" and .netns == $(host_netns) and .rport == $HOST_PORT and
		.new_state == \"time_wait\" and .reason == \"normal\""
}

# inner_connection [WORD...]: one connection inside the container; INNER: its namespace
inner_connection() {
	INNER=$("$ENGINE" exec "$NAME" /hold comm="$NAME" "$@" time_wait=1 </dev/null | jq .netns)
	[[ -n $INNER && $INNER != "$(host_netns)" ]]
}
saw_inner_connection() {
	saw ".type == \"state\" and .netns == $INNER and .rport == 8000 and .comm == \"$NAME\" and
		.owner_source == \"task\" and .new_state == \"fin_wait1\""
	saw ".type == \"state\" and .netns == $INNER and .rport == 8000 and .new_state == \"time_wait\""
}

host_netns() { stat -Lc %i /proc/self/ns/net; }

# hold_on_host WORD=N...: in a namespace of its own on the host; HELD_PID, HELD_NETNS
hold_on_host() {
	held "$HOLD" "$@"
	HELD_NETNS=$(jq .netns held)
}

# A CLOSE_WAIT in the host's own namespace: HELD_PID, HELD_PORT
hold_in_host() {
	held perl -MIO::Socket::INET -e '
		my $l = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die $!;
		my $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $l->sockport) or die $!;
		my $s = $l->accept or die $!;
		shutdown $c, 1;
		<$s>;
		syswrite STDOUT, $l->sockport . "\n";
		<STDIN>;'
	HELD_PORT=$(cat held)
}

held() {
	local fd
	mkfifo held.in
	"$@" <held.in >held 2>held.err 3>&- &
	HELD_PID=$!
	exec {fd}>held.in
	until_true "$DEADLINE_S" test -s held
}

# ---- tests ----

@test "the image: the program and nothing else; wrong usage is 2, explain needs no rights" {
	local size
	size=$("$ENGINE" image inspect --format '{{.Size}}' "$IMAGE")
	((size < 8000000))
	contain 0 --net=none -- --version
	contain 2 --net=none -- --nonsense
	contain 0 --net=none --cap-drop=ALL --read-only -- explain time-wait
	says TIME_WAIT out
}

@test "privileged, net and pid of the host: connections of the host and of the container" {
	watch_in --privileged --net=host --pid=host
	host_connection
	inner_connection # in a namespace that hold makes
	watch_ends
	saw_host_connection
	saw_inner_connection
	not grep -v 'events seen' watch.err
}

@test "privileged, pid of the host: audit finds half-open, TIME_WAIT and CLOSE_WAIT in another namespace, with owner" {
	hold_on_host close_wait=3 syn_recv=2 time_wait=4
	contain 3 --privileged --net=none --pid=host -- audit --json --window 0 --close-wait-age 0.001 \
		--close-wait-count 2 -N "$HELD_NETNS"
	is "map(select(.type == \"close_wait\")) | length == 1 and .[0].count == 3 and
		.[0].pid == $HELD_PID and .[0].comm == \"hold\" and .[0].netns == $HELD_NETNS"
	is 'map(select(.type == "summary"))[0] | .half_open == 2 and .connections.close_wait == 3 and
		.connections.syn_recv == 2 and .connections.time_wait == 4 and .owners_known and .host_processes'
	is ".[-1] | .type == \"verdict\" and .kinds == [\"close_wait_leak\"]"
	# the same without a finding at that level
	contain 0 --privileged --net=none --pid=host -- audit --window 0 --close-wait-age 0.001 \
		--close-wait-count 2 -N "$HELD_NETNS" --fail-on critical
	# and the whole host
	contain verdict --privileged --net=none --pid=host -- audit --json --window 0 --fail-on critical
	is "any(.[]; .type == \"close_wait\" and .pid == $HELD_PID)"
}

@test "--net=none: watch sees host and container, audit the host's namespaces" {
	watch_in --privileged --net=none --pid=host
	host_connection
	inner_connection here
	beside verdict audit --json --window 0 --fail-on critical
	is '.[1].namespaces >= 2 and .[1].host_processes'
	watch_ends
	saw_host_connection
	saw_inner_connection
}

@test "private network, without --pid=host: events of all, but processes only of the container; it says so" {
	hold_on_host close_wait=3
	watch_in --privileged
	host_connection
	inner_connection here
	beside 0 audit --window 0
	says 'Only the processes of this container.*--pid=host' out
	beside 0 audit --json --window 0
	is '.[1].namespaces == 1 and .[1].host_processes == false'
	# neither is the other namespace entered, nor is what is not known told as zero
	beside 1 audit --window 0 -N "$HELD_NETNS"
	says 'no namespace of this number can be entered' err
	watch_ends
	saw_host_connection
	saw_inner_connection
	says 'only the processes of this container.*--pid=host' watch.err
}

@test "the host's network without --pid=host: the host's sockets, without owners" {
	hold_in_host
	contain 0 --privileged --net=host -- audit --json --window 0 --fail-on critical -L "$HELD_PORT"
	is ".[1].host_processes == false and .[1].connections.close_wait == 1"
	is 'map(select(.type == "close_wait")) | length == 1 and .[0].count == 1 and .[0].pid == null'
	# with it, the owner is known
	contain 0 --privileged --net=host --pid=host -- audit --json --window 0 --fail-on critical \
		-L "$HELD_PORT"
	is "map(select(.type == \"close_wait\"))[0] | .pid == $HELD_PID and .comm == \"perl\""
}

@test "only CAP_BPF and CAP_PERFMON: watch sees all, audit its own namespace, and says so" {
	watch_in --cap-drop=ALL --cap-add=BPF --cap-add=PERFMON --security-opt seccomp=unconfined \
		--net=none --pid=host
	host_connection
	inner_connection here
	beside 0 audit --window 0
	says 'namespace cannot be read: [1-9].*CAP_SYS_PTRACE is missing' out
	beside 0 audit --json --window 0
	is '.[1].namespaces == 1 and .[1].lost.netns_denied > 0'
	watch_ends
	saw_host_connection
	saw_inner_connection
}

@test "too few rights: 77, and what is missing" {
	contain 77 --cap-drop=ALL --net=none -- --json -d 0.1
	says 'CAP_BPF' err
	[[ ! -s out ]]
	contain 77 --cap-drop=ALL --net=none -- audit
	says 'CAP_BPF' err
	# podman's own seccomp profile
	[[ $ENGINE != podman ]] || {
		contain 77 --cap-drop=ALL --cap-add=BPF --cap-add=PERFMON --net=none -- -d 0.1
		says 'seccomp' err
	}
}

@test "a read-only root, a user of its own: nothing is written" {
	contain 0 --privileged --read-only --net=none -- --json -d 0.1
	is '.[-1].type == "end"'
	contain 0 --privileged --read-only --net=none -- audit --window 0
}

@test "the smoke test for users' CI: passes here, and fails with what is broken" {
	local got=0
	"$E2E_ROOT/deploy/ci/smoke.sh" "$ENGINE" run --rm --privileged --net=host --pid=host "$IMAGE" >out 2>err || {
		cat err >&2
		return 1
	}
	says 'tcpconnstate works here' out
	"$E2E_ROOT/deploy/ci/smoke.sh" "$ENGINE" run --rm --cap-drop=ALL "$IMAGE" >out 2>err || got=$?
	((got == 77))
	says 'CAP_BPF' err
	got=0
	"$E2E_ROOT/deploy/ci/smoke.sh" true >out 2>err || got=$?
	((got == 1))
	# one that prints all but what happened
	printf '#!/bin/sh\nexec "%s" "$@" -p 1\n' "$STATIC" >deaf
	chmod 755 deaf
	got=0
	TCS_SMOKE_WAIT=0 "$E2E_ROOT/deploy/ci/smoke.sh" ./deaf >out 2>err || got=$?
	((got == 1))
}
