# SPDX-License-Identifier: GPL-2.0-only
#
# The referee itself: output that is right passes, output that is wrong in one place does not.
# The tool's output is forged here from the trace and from what the scenario says.

# shellcheck disable=SC2016 # jq programs

load lib.bash

setup_file() { e2e_setup_file; }
setup() {
	e2e_setup
	E2E_TRUTH_ONLY=1 scenario listen_close
	jq -c --slurpfile expect expect.json -s '[$expect[] | select(has("life"))] as $say
		| [.[] | select(.type == "state")] | to_entries[] | .key as $i | .value as $t
		| {type: "state", ts: "x", mono_ns: ($t.ts_us * 1000), cookie: "7", raddr: null, rport: null,
		   duration_us: (if $i == 0 then null else $t.ts_us - $before end), uid: 0, cgroup: null,
		   rtt_us: null, recovered: false} + $say[$i]' --argjson before 0 truth.json >forged
	jq -cs '.[1].duration_us = (.[1].mono_ns - .[0].mono_ns) / 1000 | .[]' forged >right
}

judge() {
	cp "$1" tool.out
	compare 2>said
}

# wrong FILTER WORD: the forged output, spoilt, is refused with that word
spoilt() {
	jq -cs "$1 | .[]" right >wrong
	not judge wrong
	grep -q -- "$2" said || {
		cat said >&2
		return 1
	}
}

@test "right is right" {
	judge right
}

@test "wrong is wrong" {
	spoilt 'del(.[1])' 'only the trace has'
	spoilt '. + [.[1] + {cookie: "8"}]' 'only the tool has'
	spoilt '[.[1], .[0]]' 'only the tool has'
	spoilt '.[0].pid += 1' 'pid is'
	spoilt '.[0].comm = "swapper"' 'comm is'
	spoilt '.[1].reason = "normal"' 'reason is'
	spoilt '.[1].owner_source = "cached"' 'owner_source is'
	spoilt '.[0].lport += 1 | .[1].lport += 1' 'only the tool has'
	spoilt '.[0].netns += 1' 'netns is'
	spoilt '.[1].new_state = "time_wait"' 'new_state is'
	spoilt '.[0].duration_us = 0' 'begins with a duration'
	spoilt '.[1].duration_us = 900000' 'lasted'
	spoilt '.[1].mono_ns += 900000000' 'off the trace'
	spoilt 'del(.[0].uid)' 'no field uid'
}
