# SPDX-License-Identifier: GPL-2.0-only
#
# Nothing keeps a command from ending: each command of command.def in each state of stall.c, and
# each signal. liveness.table has the cells; the test prints them with the times.

load lib.bash

STATES="fifo stdout stderr tty full tmpfs gone"
AT_ONCE=4
WITHIN_MS=1000

setup_file() {
	tool_setup_file
	e2e_build stall
}

# cell COMMAND STATE STATUS SENTENCE ARGS...: three signals; a line of the table
cell() {
	local command=$1 state=$2 status=$3 sentence=$4 signal line ms got rest text="" wrong=""
	shift 4
	for signal in 15 2 1; do
		line=$("$STALL" "$state" "$signal" -- "$TCPCONNSTATE" "$command" "$@" 2>&1)
		read -r ms got rest <<<"$line"
		text+="$(kill -l "$signal") $ms ms, $got; "
		[[ $ms =~ ^[0-9]+$ ]] && ((ms <= WITHIN_MS)) || wrong+=" [late: $line]"
		[[ /$status/ == */$got/* ]] || wrong+=" [status $got, expected $status: $rest]"
		[[ $sentence == - ]] || (($(tr '|' '\n' <<<"$rest" | grep -Ec -- "$sentence") == 1)) ||
			[[ -z $sentence ]] || wrong+=" [no sentence '$sentence', or not once: $rest]"
	done
	printf '%-8s %-7s %s%s\n' "$command" "$state" "$text" "${wrong:+WRONG$wrong}"
}

rows() { sed '/^#/d; /^$/d' "$E2E_DIR/liveness.table"; }
commands() { sed -n 's/^X(\([a-z]*\),.*/\1/p' "$E2E_DIR/../../src/command.def"; }

@test "every command has a cell, or a reason for none, in each state" {
	local command state missing=
	for command in $(commands); do
		for state in $STATES; do
			(($(rows | grep -Ec "^$command +$state +([0-9/]+|- +[a-z].*)( |\$)") == 1)) ||
				missing+=" $command/$state"
		done
	done
	echo "liveness.table lacks:$missing"
	[[ -z $missing ]]
}

# run_cell COMMAND STATE STATUS REST: into the file cell.COMMAND.STATE
run_cell() {
	local rest=$4
	if [[ $3 == - ]]; then
		printf '%-8s %-7s (%s)\n' "$1" "$2" "$rest" >"cell.$1.$2"
		return
	fi
	rest=${rest//CAPTURE/$E2E_DIR/../golden/leak.tcs}
	# the quotes of the table are the shell's
	eval "cell $1 $2 $3 ${rest:--}" >"cell.$1.$2"
}

@test "FIFO, stalled pipes, stopped terminal, full disk, vanished directory: signals end each command" {
	local command state status rest
	export TMPDIR=$BATS_TEST_TMPDIR
	while read -r command state status rest; do
		while (($(jobs -rp | wc -l) >= AT_ONCE)); do wait -n || true; done
		run_cell "$command" "$state" "$status" "$rest" 3>&- &
	done < <(rows)
	wait
	# Programs that load and unload at the same time wait for each other in the kernel: what was late
	# is tried again alone.
	while read -r command state status rest; do
		! grep -q WRONG "cell.$command.$state" || run_cell "$command" "$state" "$status" "$rest" 3>&-
	done < <(rows)
	cat cell.*
	not grep -q WRONG cell.*
	(($(cat cell.* | wc -l) == $(rows | wc -l)))
}
