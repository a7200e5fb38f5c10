# SPDX-License-Identifier: GPL-2.0-only
#
# What can be wrong around the program: too small a table, a stalled reader, a busy processor, another
# clock, no /proc, no /sys, a root that cannot be written. It goes on or says why not; what it loses it
# counts; and the host does not notice. (A full ring: loss.bats. A full disk: errors.bats.)
#
#   FAULT_SECONDS   how long the reader stalls (default 3; the soak says 30)

# shellcheck disable=SC2016,SC2030,SC2031 # jq programs; each test is a subshell

load lib.bash

setup_file() {
	tool_setup_file
	export TRACE_KB=16384
	export FAULT_SECONDS=${FAULT_SECONDS:-3}
}
setup() {
	e2e_setup
	READER_FD=
}
teardown() {
	[[ -z $READER_FD ]] || exec {READER_FD}>&-
	e2e_teardown
}

rss_kb() { awk '/^VmRSS:/ { print $2 }' "/proc/${TOOL_PIDS["tool"]}/status"; }
has_type() { grep -q "\"type\":\"$1\"" tool.out; }

@test "a table of sockets that is too small: every event is shown or counted, --strict says 4" {
	dance_start churn
	truth_start
	tool_start --json -N "$LAB_NETNS" --strict --max-sockets 1
	dance_go
	tool_stop
	truth_stop
	all_accounted_for
	jq -es '[.[] | select(.type == "end")][0].lost.table_full > 0' tool.out
	tool_ended 4
	grep -Eq 'table_full [1-9]' tool.err
}

@test "on one processor, with all others busy: nothing lost unseen" {
	e2e_need taskset
	local cpu
	cpu=$(taskset -cp $$ | sed 's/.*[ ,-]//')
	dance_start churn
	truth_start
	TOOL_PREFIX=(taskset -c "$cpu")
	tool_start --json -N "$LAB_NETNS"
	[[ $(taskset -cp "${TOOL_PIDS["tool"]}") == *": $cpu" ]]
	dance_go
	tool_stop
	truth_stop
	tool_ended 0
	all_accounted_for
	((SEEN > LOST))
}

# The reader opens the pipe and reads nothing.
stalled_tool() {
	mkfifo pipe
	"$TCPCONNSTATE" --json -N "$LAB_NETNS" "$@" >pipe 2>tool.err </dev/null 3>&- &
	TOOL_PIDS["tool"]=$!
	exec {READER_FD}<pipe
	until_true "$DEADLINE_S" tool_has_links
}
tool_has_links() { (($(tool_objects "${TOOL_PIDS["tool"]}" | grep -c link) >= 2)); }

@test "stdout blocked: memory stays bounded, the loss is counted, the connections go on" {
	local before after began took alone
	dance_start churn
	began=${EPOCHREALTIME/./}
	dance_go
	alone=$((${EPOCHREALTIME/./} - began))

	dance_start churn
	truth_start
	stalled_tool --buffer 1M
	before=$(rss_kb)
	began=${EPOCHREALTIME/./}
	dance_go
	took=$((${EPOCHREALTIME/./} - began))
	read -rt "$FAULT_SECONDS" -u "$NAP_FD" || true
	after=$(rss_kb)
	echo "RSS $before KB, stalled $after KB; the churn took $alone us alone, $took us beside it"
	((after - before < 16384))
	((took < 5 * alone + 1000000))
	cat <&"$READER_FD" >tool.out &
	until_true "$DEADLINE_S" has_type lost
	tool_stop
	wait
	truth_stop
	tool_ended 0
	all_accounted_for
	((LOST > 10000))
}

@test "stdout blocked: a signal ends it all the same" {
	dance_start churn
	stalled_tool
	dance_go
	tool_stop TERM
	((TOOL_STATUS == 0 || TOOL_STATUS == 1))
}

# clock_of_its_own SECONDS: the tool's monotonic clock is off by so much; what is shown while it runs
# has the right time all the same
clock_of_its_own() {
	dance_start close_client_first
	TOOL_PREFIX=(unshare --time --monotonic "$1" --fork --kill-child)
	tool_start --json -N "$LAB_NETNS"
	dance_go
	until_true 5 has_type state
	jq -es --argjson now "$EPOCHSECONDS" '[.[] | select(.type == "state")] | length > 0 and
		all(.ts[:19] + "Z" | fromdateiso8601 | . > $now - 20 and . < $now + 20)' tool.out
	# unshare passes no signal on
	kill -INT "$(pgrep -P "${TOOL_PIDS["tool"]}")"
	tool_wait
	tail -n1 tool.out | jq -e '.duration_s < 20'
}

@test "in a time namespace that is ahead: shown at once, with the right time" {
	e2e_need unshare pgrep
	unshare --time true || skip "no time namespaces"
	clock_of_its_own 1000000
}

@test "in a time namespace that is behind" {
	e2e_need unshare pgrep
	unshare --time true || skip "no time namespaces"
	clock_of_its_own -$(($(cut -d . -f 1 /proc/uptime) / 2))
}

# apart MOUNT-COMMANDS: the tool runs after them, in a mount namespace of its own
apart() { TOOL_PREFIX=(unshare --mount sh -c "$1"' && exec "$@"' --); }

@test "without /proc: events as ever and a word about owners; audit says what it needs" {
	local got=0
	dance_start close_client_first
	truth_start
	apart 'umount -l /proc'
	# namespaces are told by number: there is no /proc to look them up
	tool_start --json
	dance_go
	tool_stop
	truth_stop
	tool_ended 0
	grep -q 'there is no /proc here' tool.err
	jq -c "select(.type != \"state\" or .netns == $LAB_NETNS)" tool.out >mine
	mv mine tool.out
	jq -es '[.[] | select(.type == "state")] | length >= 10 and
		all(.[] | select(.owner_source == "task"); .pid > 0)' tool.out
	"${TOOL_PREFIX[@]}" "$TCPCONNSTATE" audit --window 0 >out 2>err || got=$?
	((got == 77))
	grep -q 'there is no /proc here' err
	[[ ! -s out ]]
}

@test "without /sys: 77, and what is missing" {
	local got command
	apart 'mount -t tmpfs none /sys'
	for command in watch audit; do
		got=0
		timeout 10 "${TOOL_PREFIX[@]}" "$TCPCONNSTATE" "$command" >out 2>err </dev/null || got=$?
		((got == 77))
		grep -q 'carries no BTF' err
		[[ ! -s out ]]
	done
}

@test "a root that cannot be written" {
	dance_start close_client_first
	truth_start
	apart 'mount -o bind / / && mount -o remount,bind,ro / && ! touch /tcs_must_not 2>/dev/null'
	tool_start --json -N "$LAB_NETNS"
	dance_go
	tool_stop
	tool_ended 0
	truth_stop
	compare
}
