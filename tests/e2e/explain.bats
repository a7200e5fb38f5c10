# SPDX-License-Identifier: GPL-2.0-only
#
# `tcpconnstate explain`: without rights, without BPF, for people and for programs.

# shellcheck disable=SC2016,SC2030,SC2031 # jq programs; each test is a subshell

load lib.bash

setup_file() {
	[[ -z ${E2E_TRUTH_ONLY:-} ]] || { skip_file "needs the tool"; return 0; }
	e2e_need jq awk setpriv || return 0
	[[ -x $TCPCONNSTATE ]] || {
		echo "no $TCPCONNSTATE: run make first, or set TCPCONNSTATE" >&2
		return 1
	}
	# where nobody may read it, too
	NOBODY_DIR=$(mktemp -d) || return 1
	export NOBODY_DIR
	chmod 755 "$NOBODY_DIR"
	install -m 755 "$TCPCONNSTATE" "$NOBODY_DIR/tcpconnstate"
}
teardown_file() { [[ -z ${NOBODY_DIR:-} ]] || rm -rf "$NOBODY_DIR"; }
setup() { e2e_setup; }
teardown() { :; }

explain() { "$TCPCONNSTATE" explain "$@"; }

longest() { awk '{ if (length > max) max = length } END { print max + 0 }' "$1"; }

# title NAME...: the name in the first line of its page
title() { explain "$@" | sed -n '1s/ .*//p'; }

# How many there are.
pages() { grep -cE '^(STATE|FINDING|REASON)\(' "$E2E_ROOT/src/explain.def"; }

@test "without a name: all of them, by group, within 80 columns" {
	explain >out 2>err
	[ ! -s err ]
	[ "$(grep -Ec '^(States|Findings|Close reasons):$' out)" -eq 3 ]
	[ "$(grep -c '^  [A-Za-z_0-9]* ' out)" -eq "$(pages)" ]
	[ "$(longest out)" -le 80 ]
	# every state that the program prints, once
	[ "$(grep -c '^  [A-Z_0-9]* ' out)" -eq 11 ]
	grep -q '^  SYN_RECV .*half-open' out
}

@test "every name of the list has its page, within 80 columns" {
	local name
	explain | sed -n 's/^  \([^ ]*\) .*/\1/p' >names
	[ "$(wc -l <names)" -eq "$(pages)" ]
	while read -r name; do
		explain "$name" >out
		[ "$(longest out)" -le 80 ]
		head -n1 out | grep -q "^$name (\(state\|finding\|reason\)): "
		[ "$(grep -Ec '^(What it is|When it is normal|What to do|See also: .*)$' out)" -eq 4 ]
	done <names
}

@test "names in every spelling" {
	[ "$(title time-wait)" = TIME_WAIT ]
	[ "$(title TimeWait)" = TIME_WAIT ]
	[ "$(title 'TIME_WAIT*')" = TIME_WAIT ]
	[ "$(title estab)" = ESTABLISHED ]
	[ "$(title SYN-RECEIVED)" = SYN_RECV ]
	[ "$(title SYN-FLOOD)" = syn_flood ]
	[ "$(title reset-by-peer)" = reset_by_peer ]
	[ "$(title other:EACCES)" = other ]
}

@test "several names: several pages, in this order" {
	explain close-wait --json time-wait killed | jq -r .name >out
	[ "$(xargs <out)" = "close_wait time_wait killed" ]
	explain close-wait time-wait | grep -E '^[A-Z_]+ \(state\)' >out
	[ "$(cut -d' ' -f1 out | xargs)" = "CLOSE_WAIT TIME_WAIT" ]
}

@test "what an operator must not be told wrongly" {
	explain time-wait | xargs -d '\n' >out
	grep -q '60 s' out
	grep -q 'tcp_fin_timeout does not' out
	grep -q 'SO_REUSEADDR' out
	grep -q 'tcp_tw_reuse' out
	explain close-wait | xargs -d '\n' | tr -s ' ' | grep -q 'always the application'
	explain fin-wait-2 | grep -q tcp_fin_timeout
	explain syn-recv | xargs -d '\n' | tr -s ' ' | grep -q 'LISTEN -> SYN_RECV'
}

@test "--json: one object a line, all keys, see_also names exist" {
	explain --json >out 2>err
	[ ! -s err ]
	[ "$(wc -l <out)" -eq "$(pages)" ]
	jq -es 'all(keys_unsorted == ["type","name","group","meaning","normal","advice","see_also"])' out
	jq -es 'all(.type == "explanation")' out
	jq -es 'all(.group | IN("state", "reason", "finding"))' out
	jq -es 'all(.meaning, .normal, .advice | length > 0)' out
	jq -es '[.[].name] as $names | all(.[].see_also[]; IN($names[]))' out
	explain -o json listen | jq -e '.name == "listen" and .group == "state"'
}

@test "an unknown name: 2, one sentence, near names or where to look; nothing on stdout" {
	local got=0
	explain time-wait tiem-wait >out 2>err || got=$?
	((got == 2))
	[ ! -s out ]
	[ "$(wc -l <err)" -eq 1 ]
	grep -q "'tiem-wait'.*did you mean TIME_WAIT" err
	got=0
	explain $'nonsense\e[31m' >out 2>err || got=$?
	((got == 2))
	[ "$(wc -l <err)" -eq 1 ]
	grep -q 'tcpconnstate explain' err
	not grep -q $'\e' err
	got=0
	explain '' 2>err || got=$?
	((got == 2))
	explain -w 2>err || got=$?
	((got == 2))
	grep -q 'wide does not apply to explain' err
}

@test "words belong to explain only" {
	local got=0
	"$TCPCONNSTATE" watch time-wait 2>err || got=$?
	((got == 2))
	grep -q "watch takes options only; 'time-wait' is one word too many" err
}

@test "neither root nor BPF is needed" {
	local run=(env)
	((EUID)) || run=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	(cd / && "${run[@]}" "$NOBODY_DIR/tcpconnstate" explain time-wait) >out 2>err
	[ ! -s err ]
	grep -q '^TIME_WAIT' out
	if command -v strace >/dev/null; then
		strace -f -e trace=bpf -o calls "$TCPCONNSTATE" explain close >out
		not grep -q 'bpf(' calls
	fi
}

@test "a closed pipe ends it quietly with 0" {
	local status
	for _ in 1 2; do
		{
			sleep 0.2 # until the reader is gone
			explain --json 2>err
			echo $? >status
		} | true
		status=$(<status)
		[ "$status" -eq 0 ]
		[ ! -s err ]
	done
}

@test "what cannot be written: 1 and one sentence" {
	local got=0
	explain >/dev/full 2>err || got=$?
	((got == 1))
	[ "$(wc -l <err)" -eq 1 ]
	got=0
	explain time-wait --json >/dev/full 2>err || got=$?
	((got == 1))
	got=0
	explain time-wait >&- 2>err || got=$?
	((got == 1))
}

@test "a wide terminal is used up to 100 columns" {
	e2e_need script
	script -qec "stty cols 200; '$TCPCONNSTATE' explain time-wait" /dev/null </dev/null | tr -d '\r' >out
	[ "$(longest out)" -le 100 ]
	[ "$(longest out)" -gt 90 ]
	script -qec "stty cols 60; '$TCPCONNSTATE' explain time-wait" /dev/null </dev/null | tr -d '\r' >out
	[ "$(longest out)" -le 60 ]
}

@test "explain --help; completion offers the names" {
	explain --help >out 2>err
	[ ! -s err ]
	[ "$(longest out)" -le 80 ]
	[ "$(wc -l <out)" -le 40 ]
	grep -q '^Usage: tcpconnstate explain' out
	cat >complete.bash <<-'END'
		source <("$TCPCONNSTATE" --completion bash)
		COMP_WORDS=(tcpconnstate explain "$1") COMP_CWORD=2
		_tcpconnstate
		echo "${COMPREPLY[@]}"
	END
	[ "$(TCPCONNSTATE=$TCPCONNSTATE bash complete.bash CLOSE-)" = "close_wait close_wait_leak" ]
	[ "$(TCPCONNSTATE=$TCPCONNSTATE bash complete.bash --jso)" = "--json" ]
}
