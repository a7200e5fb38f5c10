# SPDX-License-Identifier: GPL-2.0-only
#
# twins.bash - twins.c and race.c for a .bats file: start, words, end; rows and lines of the tool
#
# Load it after lib.bash. Each instance has an index from 0; what it printed is in twins.INDEX.json.
# Bounds: those of the programs; whatever a test leaves is killed when it ends.
# shellcheck shell=bash

setup_file() {
	tool_setup_file
	e2e_need ss nsenter ip nft || return 0
	e2e_build twins
	e2e_build race
}
setup() {
	e2e_setup
	TWINS_FDS=()
	TWINS_PIDS=()
}
teardown() {
	local i
	for i in "${!TWINS_PIDS[@]}"; do twins_end "$i"; done
	e2e_teardown
}

# twins SITUATION [WORD[=N]]...
twins() { twins_program "$TWINS" "$@"; }

twins_program() {
	local n=${#TWINS_PIDS[@]} fd
	mkfifo "twins.$n"
	"$@" <"twins.$n" >"twins.$n.json" 2>"twins.$n.err" 3>&- &
	TWINS_PIDS[n]=$!
	exec {fd}>"twins.$n"
	TWINS_FDS[n]=$fd
	twins_wait_line "$n" 1
}

twins_wait_line() {
	until_true 60 twins_has_line "$1" "$2" && (($(wc -l <"twins.$1.json") >= $2)) && return
	cat "twins.$1.err" >&2
	grep -q '^skip: ' "twins.$1.err" && skip "$(sed -n 's/^skip: //p' "twins.$1.err")"
	return 1
}
twins_has_line() {
	(($(wc -l <"twins.$1.json") >= $2)) || ! kill -0 "${TWINS_PIDS[$1]}" 2>/dev/null
}

# twins_word INDEX WORD [N]...: done when this returns
twins_word() {
	local i=$1 lines
	shift
	lines=$(wc -l <"twins.$i.json")
	echo "$*" >&"${TWINS_FDS[$i]}"
	twins_wait_line "$i" $((lines + 1))
}

# twins_get INDEX FILTER: of the last line; what only the first line has is there as well
twins_get() { jq -rcs "(.[0] + .[-1]) | $2" "twins.$1.json"; }

# pid_of INDEX NAME: of a listener
pid_of() { twins_get "$1" ".listeners[] | select(.name == \"$2\").pid"; }

# lab_is INDEX: the addresses and ports that the trace is about
lab_is() {
	read -r LAB_NETNS LAB_PORT LAB_NET4 LAB_NET6 LAB_PID < <(head -n1 "twins.$1.json" |
		jq -r "[.netns, .port, .net4, .net6, .pid] | @tsv")
}

# twins_finish INDEX: a line, and to its end
twins_finish() {
	local fd=${TWINS_FDS[$1]} status=0
	# it may have had its line already, and have ended
	(trap '' PIPE && echo go >&"$fd") 2>/dev/null || true
	exec {fd}>&-
	TWINS_FDS[$1]=
	wait "${TWINS_PIDS[$1]}" || status=$?
	((status == 0)) || cat "twins.$1.err" >&2
	return "$status"
}

twins_end() {
	local fd=${TWINS_FDS[$1]-}
	[[ -z $fd ]] || exec {fd}>&-
	TWINS_FDS[$1]=
	# not by its end of file: those started after it have the other end as well
	kill -KILL "${TWINS_PIDS[$1]}" 2>/dev/null || true
	wait "${TWINS_PIDS[$1]}" 2>/dev/null || true
}

# audit STATUS ARGS...: into audit.out, JSON; STATUS is a pattern
audit() {
	local got=0 want=$1
	shift
	timeout 30 "$TCPCONNSTATE" audit --json "$@" >audit.out 2>audit.err </dev/null || got=$?
	# shellcheck disable=SC2053 # a pattern
	[[ $got == $want ]] || {
		echo "audit $*: exit status $got, expected $want" >&2
		cat audit.err audit.out >&2
		return 1
	}
}

# same WANT FILE FILTER: the result of FILTER, over all lines of FILE as one array, is the JSON WANT
same() {
	local have want
	have=$(jq -cSs "$3" "$2") && want=$(jq -cSn "$1") || return
	[[ $have == "$want" ]] || {
		echo "$2: $3" >&2
		echo "  is       $have" >&2
		echo "  expected $want" >&2
		return 1
	}
}
