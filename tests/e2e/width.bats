# SPDX-License-Identifier: GPL-2.0-only
#
# Every screen on terminals of different widths: no line is wider, so that none wraps. Standard output
# and standard error are both on the terminal.

# shellcheck disable=SC2030,SC2031 # each test is a subshell

load lib.bash
load hold.bash

GOLDEN=$E2E_DIR/../golden

# typed COLUMNS ARGS...: what the terminal was given is in typed, a line for each time it was
# rewritten; CAN_FAIL: any exit status will do
typed() {
	local columns=$1 got=0
	shift
	e2e_need script
	script -qec "stty cols $columns rows 24; exec '$TCPCONNSTATE' $*" /dev/null </dev/null >raw 2>/dev/null || got=$?
	((got == 0 || got == 3 || ${CAN_FAIL:-0})) || {
		cat raw
		return 1
	}
	tr '\r' '\n' <raw | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g' >typed
	[ -s typed ]
}

# none_wider COLUMNS ARGS...
none_wider() {
	typed "$@"
	awk -v most="$1" -v what="${*:2}" 'length > most {
		print what " on " most " columns, " length ": " $0; bad = 1 } END { exit bad }' typed
}

@test "replay, its alerts, sums and verdicts" {
	local columns capture how
	for columns in 60 80 200; do
		for capture in "$GOLDEN"/*.tcs; do
			for how in "" -x "-T --lifecycle -x" --verdict "--verdict -x"; do
				none_wider "$columns" replay "$how" --close-wait-age 0.5 "$capture"
			done
		done
	done
}

@test "explain, doctor, help, the version" {
	local columns command
	for columns in 60 80 200; do
		none_wider "$columns" explain
		# without a name JSON has every page
		"$TCPCONNSTATE" explain --json | jq -r .name >names
		(($(wc -l <names) > 20))
		none_wider "$columns" explain "$(tr '\n' ' ' <names)"
		CAN_FAIL=1 none_wider "$columns" doctor
		CAN_FAIL=1 none_wider "$columns" doctor -x
	done
	for command in "" watch audit record replay doctor explain; do
		none_wider 80 "$command" --help
	done
	none_wider 80 --version
}

@test "audit, everything at once" {
	hold listen=3 established=10 close_wait=30 syn_recv=30 time_wait=30 ipv6=1 \
		established=10 close_wait=20 time_wait=15 ports=20000
	hold established=3 close_wait=25
	sleep 0.3 # that CLOSE_WAIT is older than what is asked for below
	local columns
	for columns in 60 80 120 200; do
		none_wider "$columns" audit --window 0 --close-wait-age 0.2 -N "${HOLD_NETNS[0]}"
		grep -q '^close_wait_leak warning ' typed
		none_wider "$columns" audit --window 0.1 --close-wait-age 0.2 -x --by raddr
		none_wider "$columns" audit --window 0.1 --close-wait-age 0.2 --by comm
	done
}

@test "watch, its sums and alerts" {
	hold established=10 close_wait=30 ipv6=1 established=10
	local columns by
	for columns in 60 80 200; do
		for by in comm raddr; do
			none_wider "$columns" watch -i 0.1 -d 0.8 --close-wait-age 0.1 --by "$by" -N "${HOLD_NETNS[0]}"
			grep -q '^ALERT close_wait_leak ' typed
			grep -q "^BY $by " typed
		done
	done
}

@test "what is told on standard error" {
	local columns
	export CAN_FAIL=1
	for columns in 60 80 200; do
		none_wider "$columns" explain no-such-name
		none_wider "$columns" watch --state no-such-state
		none_wider "$columns" no-such-command
		none_wider "$columns" replay /no/such/file/with/a/long/name/that/has/no/blank/in/it/for/eighty/columns/and/more
		none_wider "$columns" record -
		none_wider "$columns" watch -4 --src 2001:db8::/32
	done
	# a pipe gets one line, however long
	"$TCPCONNSTATE" watch --state no-such-state 2>err || true
	[ "$(wc -l <err)" -eq 1 ]
	[ "$(wc -L <err)" -gt 80 ]
}

@test "record: its progress and its closing line" {
	hold established=3
	local columns
	for columns in 60 80; do
		none_wider "$columns" record --force -i 0.1 -d 0.5 -N "${HOLD_NETNS[0]}" "$PWD/c.tcs"
		grep -q '^recording: ' typed
		grep -q ' recorded, ' typed
	done
}
