# SPDX-License-Identifier: GPL-2.0-only
#
# heirs.bash - heirs.c for a .bats file: namespaces whose sockets change hands, and what is printed
#
# Load it after lib.bash; it has the file's setup_file, setup and teardown. Bounds: those of heirs.c;
# teardown ends every process and deletes every namespace that a test has made.
# shellcheck shell=bash

# A busy host takes a snapshot every few seconds only; a finding may need the second one.
DEADLINE_S=20

setup_file() {
	[[ -z ${E2E_TRUTH_ONLY:-} ]] || { skip_file "needs the tool"; return 0; }
	((EUID == 0)) || { skip_file "needs root"; return 0; }
	e2e_need jq ss nsenter ip || return 0
	[[ -x $TCPCONNSTATE ]] || {
		echo "no $TCPCONNSTATE: run make first, or set TCPCONNSTATE" >&2
		return 1
	}
	e2e_build heirs
}
setup() {
	e2e_setup
	HEIRS_PIDS=()
	HEIRS_IN=()
	HEIRS_OUT=()
	HEIRS_NETNS=()
	HEIRS_COOKIE=()
	HEIRS_PREFIX=()
	NAMES=()
}
teardown() {
	local i
	for i in "${!HEIRS_PIDS[@]}"; do heirs_quit "$i"; done
	for i in "${NAMES[@]}"; do ip netns del "$i" 2>/dev/null || true; done
	e2e_teardown
}

# ---- heirs.c ----

# heirs [ARG]: one more controller, run by HEIRS_PREFIX; HEIRS_NETNS and HEIRS_COOKIE (a JSON value)
heirs() {
	local n=${#HEIRS_PIDS[@]} in out
	mkfifo "heirs.$n.in" "heirs.$n.out"
	exec {in}<>"heirs.$n.in" {out}<>"heirs.$n.out"
	"${HEIRS_PREFIX[@]}" "$HEIRS" "$@" <"heirs.$n.in" >"heirs.$n.out" 2>"heirs.$n.err" 3>&- &
	HEIRS_PIDS[n]=$!
	HEIRS_IN[n]=$in
	HEIRS_OUT[n]=$out
	heirs_answer "$n" || return 1
	HEIRS_NETNS[n]=$(jq .netns <<<"$ANSWER")
	HEIRS_COOKIE[n]=$(jq .netns_cookie <<<"$ANSWER")
}

# The next line of controller I: ANSWER, ANSWER_PID, ANSWER_NS, ANSWER_PORTS.
heirs_answer() {
	local tries
	ANSWER=
	for ((tries = 0; tries < 60; tries++)); do
		IFS= read -rt 0.5 -u "${HEIRS_OUT[$1]}" ANSWER && break
		kill -0 "${HEIRS_PIDS[$1]}" 2>/dev/null || break
	done
	[[ $ANSWER != '{"skip":'* ]] || skip "$(jq -r .skip <<<"$ANSWER")"
	[[ -n $ANSWER ]] || {
		cat "heirs.$1.err" >&2
		! grep -q '^skip: ' "heirs.$1.err" || skip "$(sed -n 's/^skip: //p' "heirs.$1.err")"
		return 1
	}
	[[ $ANSWER =~ \"pid\":([0-9]+) ]] && ANSWER_PID=${BASH_REMATCH[1]}
	[[ ! $ANSWER =~ \"mono_ns\":([0-9]+) ]] || ANSWER_NS=${BASH_REMATCH[1]}
	[[ ! $ANSWER =~ \"ports\":(\[[0-9,]*\]) ]] || ANSWER_PORTS=${BASH_REMATCH[1]}
}

# say I COMMAND...: done when this returns
say() {
	local i=$1
	shift
	echo "$*" >&"${HEIRS_IN[$i]}"
	heirs_answer "$i"
}

# heirs_quit I: every process of it is gone when this returns
heirs_quit() {
	local pid=${HEIRS_PIDS[$1]} in=${HEIRS_IN[$1]} out=${HEIRS_OUT[$1]}
	[[ -n $pid ]] || return 0
	HEIRS_PIDS[$1]=
	echo quit >&"$in"
	timeout 10 tail --pid="$pid" -s 0.02 -f /dev/null || kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	exec {in}>&- {out}>&-
}

# in_netns I COMMAND...
in_netns() {
	local pid=${HEIRS_PIDS[$1]}
	shift
	nsenter -t "$pid" -n "$@"
}

# holders I FILTER...: pid of each process that has open files of these sockets, as ss -p has it
holders() {
	local i=$1
	shift
	in_netns "$i" ss -tanpH "$@" | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u
}

# ---- output ----

# is NAME FILTER: true of the lines of NAME.out, as one array
is() {
	jq -es "$2" "$1.out" >/dev/null || {
		echo "not true of $1.out: $2" >&2
		jq -c 'select(.type != "summary")' "$1.out" | tail -n 60 >&2
		cat "$1.err" >&2
		return 1
	}
}
# has NAME FILTER: the same, without a message, for until_true: of the whole lines printed so far
has() { head -c "$(stat -c %s "$1.out")" "$1.out" | sed -n '/}$/p' | jq -es "$2" >/dev/null; }
# comes NAME FILTER: within the deadline
comes() {
	until_true "$DEADLINE_S" has "$1" "$2" || is "$1" "$2"
}

# audit ARGS...: into audit.out
audit() {
	local got=0
	timeout 30 "$TCPCONNSTATE" audit --json "$@" >audit.out 2>audit.err </dev/null || got=$?
	((got == 0 || got == 3)) || {
		cat audit.err audit.out >&2
		return 1
	}
}
