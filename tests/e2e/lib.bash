# SPDX-License-Identifier: GPL-2.0-only
#
# lib.bash - what every .bats file here needs: the tool, the scenario, the kernel's own trace
#
# Why: each test does the same five things in the same order, and each must leave nothing
# behind, also when it fails half-way: a tracefs instance, a mount, a process.
#
#   TCPCONNSTATE  the binary under test      (default: the one in the repository's root)
#   BUILD         where helpers are built    (default: build)
#   E2E_TRUTH_ONLY=1  leave the tool out: check the scenarios against the kernel's trace only
#
# Bounds: every wait has a deadline; one tracefs instance with TRACE_KB per CPU, filtered to
# the ports of the scenario.
# shellcheck shell=bash

bats_require_minimum_version 1.5.0

E2E_DIR=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
E2E_ROOT=$(cd "$E2E_DIR/../.." && pwd)
BUILD=${BUILD:-build}
[[ $BUILD == /* ]] || BUILD=$E2E_ROOT/$BUILD
TCPCONNSTATE=${TCPCONNSTATE:-$E2E_ROOT/tcpconnstate}
[[ $TCPCONNSTATE == */* ]] || TCPCONNSTATE=$(command -v "$TCPCONNSTATE")
TRACE_KB=${TRACE_KB:-2048}
DEADLINE_S=10

# ---- once per file ----

e2e_setup_file() {
	((EUID == 0)) || { skip_file "needs root"; return 0; }
	e2e_need jq awk || return 0
	[[ -n ${E2E_TRUTH_ONLY:-} || -x $TCPCONNSTATE ]] || {
		echo "no $TCPCONNSTATE: run make first, or set TCPCONNSTATE" >&2
		return 1
	}
	e2e_build dance
	export TRACEFS=$BATS_FILE_TMPDIR/tracefs
	mkdir -p "$TRACEFS"
	# a mount of our own: whoever else uses tracefs may come and go
	mount -t tracefs e2e "$TRACEFS" || skip_file "no tracefs"
}

e2e_teardown_file() {
	[[ -n ${TRACEFS:-} ]] || return 0
	umount "$TRACEFS" 2>/dev/null || umount -l "$TRACEFS" 2>/dev/null || true
}

# Of a file that needs the tool, which is nearly every one; a file that has more to do has functions
# of its own with these in them.
tool_setup_file() {
	[[ -z ${E2E_TRUTH_ONLY:-} ]] || { skip_file "needs the tool"; return 0; }
	e2e_setup_file
}
setup_file() { tool_setup_file; }
teardown_file() { e2e_teardown_file; }
setup() { e2e_setup; }
teardown() { e2e_teardown; }

# skip_file REASON: every test of the file is skipped. For setup_file, which must then return 0: bats
# takes a `skip` in there for a failure.
skip_file() { echo "$*" >"$BATS_FILE_TMPDIR/skip"; }

# e2e_need TOOL...: in setup_file with "|| return 0" behind it
e2e_need() {
	local tool
	for tool; do
		command -v "$tool" >/dev/null && continue
		[[ -z ${BATS_TEST_NUMBER-} ]] || skip "$tool is not installed"
		skip_file "$tool is not installed"
		return 1
	done
}

# The Makefile builds the helpers. For a test that is run by itself they are built into the test's
# own folder: as root nothing is written into somebody's tree.
e2e_build() {
	local name=$1 out=$BUILD/e2e/$1 dep src
	src=("$E2E_DIR/$1".c "$E2E_DIR/$1"_*.c)
	[[ -e ${src[1]} ]] || unset 'src[1]'
	for dep in "${src[@]}" "$E2E_DIR"/*.h; do
		if [[ ! -x $out || $dep -nt $out ]]; then
			out=$BATS_FILE_TMPDIR/$name
			e2e_need "${CC:-cc}" || return 0
			"${CC:-cc}" -std=gnu11 -O2 -D_GNU_SOURCE= -Wall -Wextra -Werror "${src[@]}" -o "$out" || return
			break
		fi
	done
	export "${name^^}=$out"
}

# ---- once per test ----

e2e_setup() {
	[[ ! -e $BATS_FILE_TMPDIR/skip ]] || skip "$(cat "$BATS_FILE_TMPDIR/skip")"
	cd "$BATS_TEST_TMPDIR" || return 1
	TRACE=
	[[ -n ${NAP_FD:-} ]] || exec {NAP_FD}<> <(:)
	TOOL_PREFIX=()
	declare -gA TOOL_PIDS=()
	DANCE_PID=
}

e2e_teardown() {
	dance_kill
	tool_kill_all
	truth_drop
}

# not COMMAND...: bats does not see a failing `! command`
not() { ! "$@"; }

# until_true SECONDS COMMAND...: the condition holds in time, or not
until_true() {
	local end=$((EPOCHSECONDS + $1))
	shift
	until "$@"; do
		((EPOCHSECONDS <= end)) || return 1
		read -rt 0.02 -u "$NAP_FD" || true # nothing is ever written there
	done
}

# ---- the scenario ----

# dance_start NAME: it stands at its gate; LAB_* are set
dance_start() {
	rm -f gate expect.json
	mkfifo gate
	"$DANCE" --gate "$1" <gate >expect.json 2>dance.err 3>&- &
	DANCE_PID=$!
	exec {GATE_FD}>gate
	until_true "$DEADLINE_S" dance_ready || {
		cat dance.err >&2
		dance_skip_or_fail
		return 1
	}
	read -r LAB_NETNS LAB_PORT LAB_NET4 LAB_NET6 LAB_PID < <(head -n1 expect.json |
		jq -r "[.netns, .port, .net4, .net6, .pid] | @tsv")
}

dance_ready() {
	[[ -s expect.json ]] || ! kill -0 "$DANCE_PID" 2>/dev/null
	[[ -s expect.json ]] && return 0
	kill -0 "$DANCE_PID" 2>/dev/null || {
		dance_skip_or_fail
		return 1
	}
	return 1
}

dance_skip_or_fail() {
	if grep -q '^skip: ' dance.err; then
		skip "$(sed -n 's/^skip: //p' dance.err)"
	fi
}

# dance_go: through the gate and to the end
dance_go() {
	local status=0
	echo go >&"$GATE_FD"
	exec {GATE_FD}>&-
	wait "$DANCE_PID" || status=$?
	DANCE_PID=
	((status == 77)) && dance_skip_or_fail
	((status == 0)) || {
		cat dance.err >&2
		return 1
	}
}

dance_kill() {
	[[ -n ${DANCE_PID:-} ]] || return 0
	kill -KILL "$DANCE_PID" 2>/dev/null || true
	wait "$DANCE_PID" 2>/dev/null || true
	DANCE_PID=
}

# ---- the kernel's trace ----

# truth_start [PORT]...: of the lab, and of further labs by their ports
truth_start() {
	local p e f=
	for p in "$LAB_PORT" "$@"; do
		e=$((p + 49))
		f+="${f:+ || }(sport >= $p && sport <= $e) || (dport >= $p && dport <= $e)"
	done
	f+=" || (dport >= 1000 && dport <= 1049) || (dport == 9)"
	TRACE=$TRACEFS/instances/e2e_$$_$BATS_TEST_NUMBER
	mkdir "$TRACE"
	echo mono >"$TRACE/trace_clock"
	echo "$TRACE_KB" >"$TRACE/buffer_size_kb"
	echo "$f" >"$TRACE/events/sock/inet_sock_set_state/filter"
	echo 1 >"$TRACE/events/sock/inet_sock_set_state/enable"
	echo 1 >"$TRACE/events/tcp/tcp_retransmit_synack/enable"
}

# truth_stop: truth.json is written, the instance is gone
truth_stop() {
	echo 0 >"$TRACE/tracing_on"
	echo 1 >"$TRACE/options/fields"
	cat "$TRACE/trace" >trace.fields
	echo 0 >"$TRACE/options/fields"
	cat "$TRACE/trace" >trace.plain
	if cat "$TRACE"/per_cpu/cpu*/stats | grep '^overrun' | grep -qv ': 0$'; then
		echo "the trace itself lost events" >&2
		return 1
	fi
	truth_drop
	truth_json
}

# The part of the trace that is about the lab; again for another one.
truth_json() {
	awk -v net4="$LAB_NET4" -v net6="$LAB_NET6" -v port="$LAB_PORT" \
		-v tids=" $(cd /proc/1/task && echo *) " \
		-f "$E2E_DIR/truth.awk" trace.fields trace.plain >truth.json
}

truth_drop() {
	[[ -n ${TRACE:-} ]] || return 0
	until_true 2 rmdir "$TRACE" 2>/dev/null || true
	TRACE=
}

# Transitions counted by (old, new), sorted; the trace leaves out what no BPF program saw.
truth_counts() {
	jq -r 'select(.type == "state" and (.blind | not)) | "\(.old) \(.new)"' truth.json |
		sort | uniq -c
}
tool_counts() {
	jq -r 'select(.type == "state") | "\(.old_state) \(.kernel_new_state)"' tool.out |
		sort | uniq -c
}

# ---- the tool ----
#
# A test may run several at once, each with a name: NAME.out, NAME.err. The plain functions use
# the name "tool".

tool_start() { tool_start_as tool "$@"; }
tool_stop() { tool_stop_as tool "$@"; }
tool_wait() { tool_wait_as tool; }

# tool_start_as NAME ARGS...: runs, attached. TOOL_PREFIX: what starts it (nsenter, setpriv ...)
tool_start_as() {
	local name=$1 headless=
	shift
	[[ " $* " != *" -H "* ]] || headless=yes
	rm -f "$name.out" "$name.err"
	"${TOOL_PREFIX[@]}" "$TCPCONNSTATE" "$@" >"$name.out" 2>"$name.err" </dev/null 3>&- &
	TOOL_PIDS[$name]=$!
	until_true "$DEADLINE_S" tool_attached "$name" "$headless" || true
	if [[ ! -s $name.out ]] && { [[ -z $headless ]] || ! kill -0 "${TOOL_PIDS[$name]}"; }; then
		echo "the tool did not attach:" >&2
		cat "$name.err" >&2
		return 1
	fi
}

# The first line (meta, or the headings) is printed once everything is attached. Without one
# (-H) the last thing that a start does is seen from outside: links exist and stay the same.
tool_attached() {
	[[ -s $1.out ]] || ! kill -0 "${TOOL_PIDS[$1]}" 2>/dev/null ||
		{ [[ -n $2 ]] && tool_links_settled "$1"; }
}

tool_links_settled() {
	local pid=${TOOL_PIDS[$1]} before after
	before=$(tool_objects "$pid" | grep -c link)
	((before >= 2)) || return 1
	sleep 0.2 # the only sign of "no more" is that nothing came
	after=$(tool_objects "$pid" | grep -c link)
	((before == after))
}

# tool_objects PID: what it holds in the kernel, as "prog 12", "map 3", "link 7"
tool_objects() {
	cat "/proc/$1/fdinfo/"* 2>/dev/null |
		sed -n 's/^\(prog\|map\|link\)_id:[[:space:]]*\([0-9]*\)$/\1 \2/p' | sort -u
}

object_gone() { ! bpftool "$1" show id "$2" >/dev/null 2>&1; }

# objects_gone FILE: nothing of what tool_objects listed is in the kernel any more
objects_gone() {
	local kind id
	while read -r kind id; do
		until_true 10 object_gone "$kind" "$id" || {
			echo "$kind $id is left behind" >&2
			return 1
		}
	done <"$1"
}

# tool_stop_as NAME [SIGNAL]: TOOL_STATUS is its exit status
tool_stop_as() {
	kill "-${2:-INT}" "${TOOL_PIDS[$1]}" 2>/dev/null || true
	tool_wait_as "$1"
}

tool_wait_as() {
	local pid=${TOOL_PIDS[$1]}
	TOOL_STATUS=0
	timeout "$DEADLINE_S" tail --pid="$pid" -s 0.05 -f /dev/null || {
		echo "the tool does not end" >&2
		return 1
	}
	wait "$pid" || TOOL_STATUS=$?
	unset "TOOL_PIDS[$1]"
}

# It ended as it should.
tool_ended() {
	((TOOL_STATUS == $1)) || {
		echo "exit status $TOOL_STATUS, expected $1; stderr:" >&2
		cat "${2:-tool}.err" >&2
		return 1
	}
}

tool_kill_all() {
	local pid
	for pid in "${TOOL_PIDS[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	TOOL_PIDS=()
}

# all_accounted_for: what was seen and what is told as lost are together the kernel's truth; SEEN, LOST
all_accounted_for() {
	local want
	SEEN=$(tool_counts | awk '{ n += $1 } END { print n + 0 }')
	LOST=$(tail -n1 tool.out | jq '[.lost[]] | add')
	want=$(truth_counts | awk '{ n += $1 } END { print n + 0 }')
	echo "seen $SEEN, lost $LOST, truth $want"
	((SEEN + LOST == want))
}

# ---- the usual test ----

# scenario NAME [ARGS...]: everything the tool prints about it is right
#
# A soft interrupt that lands in process 1 runs no BPF program on some kernels, so no tool can
# see the event; the trace shows whether that happened, and then the scenario is done again.
scenario() {
	local name=$1 attempt
	shift
	for attempt in 1 2 3; do
		scenario_once "$name" "$@" || return 1
		grep -q '"blind":true' truth.json || break
		((attempt < 3)) || skip "process 1 was in the way three times"
	done
	compare
	[[ -n ${E2E_TRUTH_ONLY:-} ]] || compare_replay
}

# A replay has the lines that the recording printed, and its verdict the findings they leave active.
compare_replay() {
	local active='[inputs | select(.type == "alert")] | group_by([.kind, .netns, .subject]) |
		map(.[-1] | select(.status != "cleared") | [.kind, .severity, .subject]) | sort'
	"$TCPCONNSTATE" replay --json scenario.tcs >replay.out
	cmp <(tail -n +2 tool.out) <(tail -n +2 replay.out)
	"$TCPCONNSTATE" replay --verdict --json scenario.tcs >verdict.out || (($? == 3))
	[[ $(jq -cn "$active" tool.out) == "$(jq -cn "$active" verdict.out)" ]]
}

scenario_once() {
	local name=$1
	shift
	dance_start "$name" || return
	truth_start || return
	if [[ -z ${E2E_TRUTH_ONLY:-} ]]; then
		# "NETNS" among the arguments stands for the namespace of the scenario
		tool_start record --force --json "${@/NETNS/$LAB_NETNS}" scenario.tcs || return
	fi
	dance_go || return
	if [[ -z ${E2E_TRUTH_ONLY:-} ]]; then
		tool_stop || return
		tool_ended 0 || return
	fi
	truth_stop
}

compare() {
	local given=true
	[[ -z ${E2E_TRUTH_ONLY:-} ]] || {
		given=false
		: >tool.out
	}
	jq -rn --slurpfile truth truth.json --slurpfile expect expect.json --slurpfile tool tool.out \
		--argjson tool_given "$given" -f "$E2E_DIR/compare.jq" >differences || return 1
	[[ ! -s differences ]] || {
		cat differences >&2
		return 1
	}
}
