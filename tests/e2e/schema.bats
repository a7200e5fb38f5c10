# SPDX-License-Identifier: GPL-2.0-only
#
# What is printed live is as tests/schema.json has it, every type of line by every command that prints
# it; tests/check/schema.sh does the same for captures.

load lib.bash
load hold.bash

# fine FILE TYPE...: all lines are, and these types were among them
fine() {
	local file=$1 type bad=0
	shift
	# the same line again and again proves nothing more
	awk -F'"' 'n[$4]++ < 300' "$file" >some
	jq -nr --slurpfile schema "$E2E_DIR/../schema.json" -f "$E2E_DIR/../schema.jq" some >wrong
	[ ! -s wrong ] || {
		head -n 20 wrong >&2
		return 1
	}
	for type; do
		grep -q "^{\"type\":\"$type\"" "$file" || {
			echo "$file has no $type" >&2
			bad=1
		}
	done
	((bad == 0))
}

# json NAME ARGS...: into NAME.out; with --fail-on's status it is as good
json() {
	local name=$1 got=0
	shift
	timeout 30 "$TCPCONNSTATE" "$@" --json >"$name.out" 2>"$name.err" </dev/null || got=$?
	((got == 0 || got == 3)) || {
		cat "$name.err" >&2
		return 1
	}
}

@test "audit: every row" {
	hold listen=3 established=10 close_wait=30 syn_recv=5 time_wait=20 server_tw=5 \
		ipv6=1 established=5 close_wait=20 time_wait=5
	local ns=${HOLD_NETNS[0]} by
	json one audit -N "$ns" --window 0 -x --close-wait-age 0.05
	fine one.out meta summary listener source half_open close_wait fin_wait2 time_wait counters alert verdict
	for by in comm lport raddr netns; do
		json "$by" audit -N "$ns" --window 0.1 --by "$by"
		fine "$by.out" meta summary group listener source close_wait fin_wait2 time_wait counters verdict
	done
	# filters make some of it unknown
	json owner audit -N "$ns" --window 0 -p "${HOLD_PIDS[0]}"
	fine owner.out summary listener close_wait fin_wait2 verdict
	json state audit -N "$ns" --window 0 --state close-wait --by lport
	fine state.out summary group close_wait verdict
	json none audit -N "$ns" --window 0 -L 1
	fine none.out summary counters verdict
}

@test "watch, record and replay: changes, sums, groups, alerts" {
	hold close_wait=30
	local ns=${HOLD_NETNS[0]}
	tool_start_as plain --json -N "$ns" -i 0.1 --by comm --close-wait-age 0.1
	tool_start_as life --json -N "$ns" -i 0.1 --lifecycle
	tool_start_as rec record --json -N "$ns" -i 0.1 capture.tcs
	hold_more 0 established=10
	hold_more 0 time_wait=10
	until_true 10 grep -q '"type":"alert"' plain.out
	until_true 10 grep -q '"type":"connection"' life.out
	until_true 10 grep -q '"type":"summary"' rec.out
	until_true 10 grep -q '"type":"summary"' life.out
	tool_stop_as plain
	tool_stop_as life
	tool_stop_as rec
	fine plain.out meta state summary group alert end
	fine life.out meta connection summary end
	fine rec.out meta state summary end
	json again replay capture.tcs
	fine again.out meta state summary end
	json judged replay --verdict capture.tcs
	fine judged.out meta summary listener close_wait counters verdict
}

@test "what is lost, and SYN-ACKs that are sent again" {
	hold listen=1
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.1 --max-sockets 1
	hold_more 0 established=20
	until_true 10 grep -q '"type":"lost"' tool.out
	tool_stop
	fine tool.out meta lost end
	dance_build_and_start synack_lost
	tool_start --json -N "$LAB_NETNS"
	dance_go
	tool_stop
	fine tool.out meta state synack_retransmit end
}

dance_build_and_start() {
	e2e_build dance
	dance_start "$1"
}

@test "between them they print every type" {
	# a type that is added is added above, too
	local here
	here=$(grep -oE 'fine [a-z.]+ .*|explanation|"check"' "$BATS_TEST_FILENAME")
	for type in $(jq -r '.oneOf[]["$ref"] | ltrimstr("#/$defs/")' "$E2E_DIR/../schema.json"); do
		case $type in
		explanation | check | doctor) ;; # tests/check/schema.sh
		*) grep -qw "$type" <<<"$here" ;;
		esac
	done
}
