#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# flood.sh - every flood, and everything that looks like one, against what the tool says about it
#
#   flood.sh [--runs N] [--jobs N] [--tries N] [--truth-only] [--keep FOLDER] [--results FILE] [--list] [SCENARIO...]
#
# Runs the scenarios of flood.table, several at a time, each in two namespaces of its own, and
# prints a table of scenario against verdict. For each:
#
#   1. the laboratory and the servers; a witness that notes when the kernel's counters first move
#   2. `tcpconnstate record --json` of that namespace, each alert with the time of its arrival; at the end
#      a replay of the recording has the same alerts, and its verdict the findings that they leave active
#   3. the traffic; in the midst of it `tcpconnstate audit --window 1`
#   4. when a flood is over: as many half-open connections in `audit --window 0` as in ss, from as
#      many sources; then its alert must be cleared
#   5. the kernel's counters: was the situation what the scenario claims?
#
# Where the kernel did not do what the scenario claims (a machine that stalls for a second makes
# real clients late) it is tried again, --tries times in all (default 3).
#
# A scenario is right when the audit has exactly the expected finding, with its listener, pressure
# and spread, and nothing else; and the live alerts are of that kind only; and for a flood: raised
# once, within 2 s of being visible (first SYN-ACK sent again, first cookie, first drop, or the
# tool's start), standing until it is over (the last SYN), cleared once, within 10 s of that. Where it
# takes a while to tell the listener (port=N|-), it is named within 4 s.
#
# --truth-only    leave the tool out: are the situations what they claim?
# --runs N        the whole table N times; --jobs N at a time (default: 2 per CPU)
# --tries N       see above
# --keep FOLDER   everything that was seen
# --results FILE  SCENARIO, ok|wrong|setup|skip, and why, tab-separated, for another program
#
# Exit status: 0 all right, 1 something is not, 77 nothing could be run here.
# Bounds: each program ends by itself (flood.h); a scenario is given up after SCENARIO_S.

RAISED_S=2 NAMED_S=4 CLEARED_S=10 LATE_S=8 SCENARIO_S=60

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${BUILD:-$root/build}
[[ $build == /* ]] || build=$root/$build
flood=${FLOOD:-$build/e2e/flood}
tool=${TCPCONNSTATE:-$root/tcpconnstate}
[[ $tool == */* ]] || tool=$(command -v "$tool")
table=${FLOOD_TABLE:-$here/flood.table}

die() {
	echo "flood.sh: $*" >&2
	exit 1
}

# ---- one scenario; all of this runs in a subshell, in a folder of its own ----

# end of the subshell, however it ends
scenario_end() {
	exec 9>&-
	local pid
	for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null; done
	wait 2>/dev/null
}

# start OUT COMMAND...: in the background until the scenario ends; its pid in $pid
start() {
	local out=$1
	shift
	"$@" <alive >"$out" 2>"$out.err" 9>&- &
	pid=$!
	pids+=("$pid")
}

# until_true SECONDS COMMAND...
until_true() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@"; do
		((${EPOCHREALTIME/./} < end)) || return 1
		sleep 0.02
	done
}

has() { grep -q -- "$1" "$2" 2>/dev/null; }
gone() { ! kill -0 "$1" 2>/dev/null; }
on_server() { nsenter -t "$server" -n "$@"; }
on_client() { nsenter -t "$client" -n "$@"; }

# verdict WORD...: how the scenario ended; the first word is ok, wrong, setup or skip
verdict() {
	echo "$*" >verdict
	exit 0
}

# at SECONDS COMMAND...: then
at() {
	sleep "$1"
	shift
	exec "$@"
}

# traffic WHICH: starts the plan's traffic lines, those before the tool or those after
traffic() {
	local verb args delay i=0
	while read -r verb args; do
		i=$((i + 1))
		delay=0
		case $1,$verb in
		before,before) verb=${args%% *} args=${args#* } ;;
		after,syn | after,connect) ;;
		after,syn@* | after,connect@*) delay=${verb#*@} verb=${verb%@*} ;;
		*) continue ;;
		esac
		# shellcheck disable=SC2086 # a list of words
		start "$verb.$i" at "$delay" nsenter -t "$client" -n "$flood" "$verb" $args
		traffic_pids[$verb]+=" $pid"
		[[ " $args" == *' '@(n|count|seconds)=* ]] || endless+=" $pid "
	done <plan
}

# traffic_over VERB: ends what would go on, and waits
traffic_over() {
	local p
	for p in ${traffic_pids[$1]}; do
		[[ $endless != *" $p "* ]] || kill "$p" 2>/dev/null
		until_true "$SCENARIO_S" gone "$p" || verdict "setup $1 does not end"
	done
}

# plan WORD: the rest of the plan's line that begins with it
plan() { sed -n "s/^$1\( \|\$\)//p" plan; }

clients='^100\.64\.\|^2001:db8:c:'

# by_ss: each half-open connection at the flooded port, as ss has it: ADDRESS:PORT RESENT. Those of
# real clients come and go.
by_ss() {
	on_server ss -tanoH state syn-recv ${port:+sport = ":$port"} | awk '
		{ gsub(/\[|\]|::ffff:/, ""); sub(/^.*,/, "", $5); sub(/\).*$/, "", $5); print $4, $5 + 0 }' |
		grep -v "$clients" | sort
}
# by_audit: the same from its rows
by_audit() {
	jq -r 'select(.type == "half_open") | "\(.raddr):\(.rport) \(.retransmits)"' still.json |
		grep -v "$clients" | sort
}

serve_start() {
	# shellcheck disable=SC2046 # a list of words
	start serve nsenter -t "$server" -n "$flood" serve $(plan serve)
	until_true 10 has ready serve || verdict "setup no server: $(cat serve.err)"
}

# crowd_start: an unprivileged user in namespaces of their own, before the server listens
crowd_start() {
	# shellcheck disable=SC2046 # a list of words
	start crowd setpriv --reuid 65534 --regid 65534 --clear-groups \
		unshare -Urn "$flood" crowd $(plan crowd)
	until_true 20 has ready crowd || {
		has 'unshare failed' crowd.err && verdict "skip no user namespaces here"
		verdict "setup no crowd: $(cat crowd.err)"
	}
}

tool_start() {
	mkfifo watched || exit 1
	start watch.out stamp
	stamp_pid=$pid
	# shellcheck disable=SC2046 # a list of words
	start watched "$tool" record --force --json -N "$scope" $(plan live) watched.tcs
	watch_pid=$pid
	until_true 20 has '"type":"meta"' watch.out ||
		verdict "wrong watch does not begin: $(tail -n 1 watched.err)"
}
# The alerts, each with the time of its arrival.
stamp() {
	grep --line-buffered '^{"type":"\(meta\|alert\|end\)"' <watched |
		while IFS= read -r line; do printf '%s\t%s\n' "$EPOCHREALTIME" "$line"; done
}
tool_stop() {
	kill -INT "$watch_pid"
	until_true 10 gone "$stamp_pid" || verdict "wrong watch does not end"
	wait "$watch_pid" || wrong+=("watch's exit status is $?")
}

# compare_replay: one rule for all: what was recorded has the findings that were reported at the time.
# (A flood that only the cookies of a namespace show has no subject, until its listener is known: the
# alerts of both are those of one finding, with one `since`, to the millisecond.)
compare_replay() {
	# shellcheck disable=SC2016 # jq's variables
	local active='[inputs | select(.type == "alert")] as $all | $all | group_by([.kind, .netns, .subject]) |
		map(.[-1] | . as $last | select(.status != "cleared" and ($all | any(.kind == $last.kind and
			.netns == $last.netns and .since[:23] == $last.since[:23] and .ts > $last.ts) | not)) |
			[.kind, .severity, .subject]) | sort'
	"$tool" replay --json watched.tcs 2>replay.err >replay.json
	"$tool" replay --verdict --json watched.tcs 2>verdict.err >verdict.json
	cut -f 2 watch.out | grep '"type":"alert"' >watch.alerts
	grep '"type":"alert"' replay.json | cmp -s - watch.alerts || wrong+=("a replay has other alerts")
	[[ $(jq -cn "$active" watch.alerts) == "$(jq -cn "$active" verdict.json)" ]] ||
		wrong+=("the verdict of a replay is another one")
}

# live FILTER: of the alerts, as an array of objects with `at` in seconds
live() {
	jq -rRn "[inputs | split(\"\t\") | (.[0] | tonumber) as \$at | .[1] | fromjson |
		select(.type == \"alert\" and .netns == $netns) | .at = \$at] | $1" watch.out
}

# finding: KIND:PORT/PRESSURE/SPREAD of an alert
finding='"\(.kind):\(.subject.lport // "-")" + (if .kind == "syn_flood"
	then "/\(.evidence.pressure)/\(.evidence.spread)" else "" end)'

# together: a list of findings as one text, those that occur more than once counted
together='group_by(.) | map(.[0] + (if length > 1 then " x\(length)" else "" end)) | join(" ")'

# expected KIND:PORT/PRESSURE/SPREAD as a regular expression
expected() {
	local word port='[^/]*' pressure='[a-z_]+' spread='[a-z_]+' kind=${1%% *}
	for word in $1; do
		case $word in
		port=*) port=${word#*=} ;;
		pressure=*) pressure="(${word#*=})" ;;
		spread=*) spread="(${word#*=})" ;;
		esac
	done
	if [[ $kind == none ]]; then
		echo '^$'
	elif [[ $kind == syn_flood ]]; then
		echo "^$kind:($port)/$pressure/$spread\$"
	else
		echo "^$kind:$port\$"
	fi
}

# compare_audit [FILE OPTIONS]: the findings of audit.json are the expected one; sets $said
compare_audit() {
	local may file=${1:-audit.json}
	said=$(jq -rs "[.[] | select(.type == \"alert\" and .netns == $netns) | $finding] | $together" "$file") ||
		verdict "wrong audit prints no JSON: $(tail -n 1 "$file.err")"
	may=$(plan may)
	[[ $said =~ $(expected "$(plan expect)") ]] && return
	[[ -n $may && $said =~ $(expected "$may") ]] && return
	wrong+=("audit${2:+ $2} says '${said:-none}'")
}

# audit_all: audit.json, and also.N.json with the options of each "also", all of the same second
audit_all() {
	local options i=0 audits=()
	while read -r options; do
		i=$((i + 1))
		# shellcheck disable=SC2086 # a list of words
		start also.$i.json "$tool" audit --json --window 1 -N "$scope" $options
		audits+=("$pid")
	done < <(plan also)
	"$tool" audit --json --window 1 -N "$scope" >audit.json 2>audit.json.err </dev/null
	audit_status=$?
	for pid in "${audits[@]}"; do wait "$pid"; done
	i=0
	while read -r options; do
		i=$((i + 1))
		compare_audit also.$i.json "$options"
	done < <(plan also)
	compare_audit
}

# compare_listener: the row of the flooded listener has its verdict, no other's has
compare_listener() {
	local rows
	rows=$(jq -rs "[.[] | select(.type == \"listener\" and .netns == $netns and
		.verdict != \"ok\" and .verdict != null) | \"\(.lport) \(.verdict)\"] | unique |
		join(\", \")" audit.json)
	if [[ $said == syn_flood:-/* ]]; then
		rows+=$(jq -rs "[.[] | select(.type == \"listener\" and .netns == $netns and .verdict == null) |
			.lport] | unique | map(tostring) | join(\" \")" audit.json)
		[[ $rows == "$(plan possible)" ]] && return
	fi
	[[ $rows == "$port syn_flood" ]] || wrong+=("listener rows: ${rows:-all ok}")
}

# compare_still: the half-open connections are exactly those of ss, looked at before and after: each
# one that is there both times, none that is not there at all, and answered as often as between the
# two looks. When the last SYN has come, only their timers move.
compare_still() {
	local i sums differ sources
	for i in {1..20}; do
		by_ss >still.before
		"$tool" audit -x --json --window 0 -N "$netns" ${port:+-L "$port"} >still.json 2>still.err </dev/null
		by_ss >still.after
		# some may be given up just now
		[[ $(wc -l <still.before) == $(wc -l <still.after) ]] && break
	done
	by_audit >still.audit
	still=$(wc -l <still.before)
	differ=$(awk '
		FILENAME == "still.before" { before[$1] = $2 }
		FILENAME == "still.after" { after[$1] = $2 }
		FILENAME == "still.audit" { audit[$1] = $2 }
		END {
			for (k in audit)
				n += !(k in before) && !(k in after) ||
					(k in before) && audit[k] < before[k] || (k in after) && audit[k] > after[k]
			for (k in before)
				n += (k in after) && !(k in audit)
			print n + 0
		}' still.before still.after still.audit)
	((differ == 0)) || wrong+=("$differ half-open ones are not as ss has them")
	# these have the clients in them
	! grep '^connect' plan | grep -qv 'port=' || return
	sums=$(jq -rs ".[1].connections.syn_recv as \$n |
		[.[] | select(.type == \"listener\" and .lport == ${port:-.lport})] |
		\"\(\$n) \(map(.half_open) | add) \(map(.sources) | add)\"" still.json)
	sources=$(sed 's/:[0-9]* [0-9]*$//' still.before | sort -u | wc -l)
	# listeners that share the port may have a source in common
	[[ $sums == "$still $still ${sources/#0/null}" ]] ||
		{ has reuseport plan && [[ ${sums% *} == "$still $still" ]]; } ||
		wrong+=("half-open, of listeners, sources: $sums")
}

ms() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a - b }'; }
within() { awk -v n="$1" -v least="$2" -v most="$3" 'BEGIN { exit !(n >= least && n <= most) }'; }

# A listener that is named, and is the right one; or several that are possible, where that is right.
right_listener() {
	local right="(.kind == \"syn_flood\" and .subject.lport == ${port:-0})"
	[[ -z $(plan possible) ]] || right+=" or (.kind == \"syn_flood\" and .subject.lport == null and
		(.evidence.possible | map(split(\":\")[-1]) | join(\" \")) == \"$(plan possible)\")"
	echo "$right"
}

# compare_named SECONDS: from then on the listener is known
compare_named() {
	local named
	named=$(live "map(select(.subject.lport == $port))[0].at // 0")
	named=$(ms "$named" "$1")
	within "$named" -5 "$NAMED_S" || wrong+=("named $named s after it was visible")
	[[ $(live 'map(.subject.lport)[-1]') == "$port" ]] || wrong+=("live: not named in the end")
}

compare_live_flood() {
	local visible over n right most
	right=$(right_listener)
	most=$(plan raised | grep . || echo "$RAISED_S")
	over=$(jq -s 'map(select(.type == "last").at_ms) | max / 1000' syn.*[0-9])
	if [[ -n $(plan before) ]]; then
		visible=$(head -n 1 watch.out | cut -f 1)
	else
		visible=$(jq -s 'map(select(.type == "moved").at_ms) | min / 1000' witness)
	fi
	seen=$(live "map(\"\(.status) \" + $finding) | join(\" \")")
	n=$(live "map(select(($right | not)) | $finding) | $together")
	[[ -z $n ]] || wrong+=("live: $n")
	n=$(live 'map(select(.status == "raised")) | length')
	((n == 1)) || wrong+=("live: raised $n times")
	((n > 0)) || return
	raised=$(ms "$(live 'map(select(.status == "raised"))[0].at')" "$visible")
	within "$raised" -5 "$most" || wrong+=("raised $raised s after it was visible")
	[[ -z $port ]] || compare_named "$visible"
	n=$(live 'map(select(.status == "cleared")) | length')
	((n == 1)) || wrong+=("live: cleared $n times")
	((n > 0)) || return
	cleared=$(ms "$(live 'map(select(.status == "cleared"))[0].at')" "$over")
	within "$cleared" 0 "$CLEARED_S" || wrong+=("cleared $cleared s after it was over")
}

compare_live_other() {
	local allowed kind
	allowed=" $(plan expect | cut -d ' ' -f 1) $(plan may) "
	seen=$(live "map(select(.status == \"raised\") | $finding) | $together")
	for kind in $(live 'map(select(.status == "raised").kind) | unique[]'); do
		[[ $allowed == *" $kind "* ]] || wrong+=("live: $kind")
	done
	kind=${allowed#* }
	kind=${kind%% *}
	[[ $kind == none || $seen == *"$kind:"* ]] || wrong+=("live: $kind was not raised")
}

# compare_truth: did the kernel do what the scenario is about?
compare_truth() {
	local word name value
	for word in $(plan truth); do
		name=${word%%[<>]*}
		case $name in
		half_open) value=$(cat half_open) ;;
		up) value=$(jq -s 'map(.up) | add' connect.*[0-9]) ;;
		failed) value=$(jq -s 'map(.begun - .up) | add' connect.*[0-9]) ;;
		*) value=$(awk -v n="$name" '{ sub(/^(TcpExt|Tcp)/, "", $1) } $1 == n { print $2 }' counters) ;;
		esac
		case $word in
		*'>='*) ((${value:-0} >= ${word#*=})) ;;
		*'<='*) ((${value:-0} <= ${word#*=})) ;;
		esac || verdict "setup $word, but it is ${value:-none}"
	done
}

# compare_scope: with -N nothing is told of other namespaces
compare_scope() {
	local others
	[[ $scope != all ]] || return
	others=$(cut -f 2 watch.out | jq -rs "[.[], inputs | select(.type == \"alert\" and .netns != $netns) |
		.kind] | unique | join(\" \")" - audit.json)
	[[ -z $others ]] || wrong+=("of another namespace: $others")
}

any_traffic() {
	local p
	# shellcheck disable=SC2048 # lists of numbers
	for p in ${traffic_pids[*]}; do
		gone "$p" || return 0
	done
	return 1
}
lasted() { ((${EPOCHREALTIME/./} - begun >= $1 * 1000000)); }
raised_or_gone() {
	[[ $(live 'map(select(.status == "raised")) | length') -gt 0 ]] || gone "$watch_pid"
}
cleared_or_late() {
	[[ $(live 'map(select(.status == "cleared")) | length') -gt 0 ]] || gone "$watch_pid"
}

scenario() {
	local pids=() wrong=() pid server client netns scope port watch_pid stamp_pid begun
	local said=- seen=- raised=- cleared=- still=-
	local -A traffic_pids=()
	local endless=
	trap scenario_end EXIT
	port=$(plan expect | sed -n 's/.*port=\([0-9]*\).*/\1/p')
	mkfifo alive && exec 9<>alive || exit 1

	# shellcheck disable=SC2046 # lists of words
	start lab "$flood" lab $(plan lab)
	until_true 10 has server_pid lab || {
		has '^skip: ' lab.err && verdict "$(sed -n 's/^skip:/skip/p' lab.err)"
		verdict "setup $(cat lab.err)"
	}
	read -r server client netns < <(jq -r '"\(.server_pid) \(.client_pid) \(.server_netns)"' lab)
	scope=$(plan scope)
	scope=${scope:-$netns}
	[[ -n $(plan crowd) ]] || serve_start
	start witness nsenter -t "$server" -n "$flood" witness
	until_true 10 has ready witness || verdict "setup no witness: $(cat witness.err)"

	traffic before
	[[ -z $(plan before) ]] || until_true 10 has moved witness || verdict "setup nothing moves"
	[[ -n $truth_only ]] || tool_start
	if [[ -n $(plan crowd) ]]; then
		crowd_start
		serve_start
	fi
	traffic after

	begun=${EPOCHREALTIME/./}
	sleep "$(plan audit | grep . || echo 3.5)"
	on_server ss -tanH state syn-recv | wc -l >half_open
	if [[ -z $truth_only ]]; then
		audit_all
		want=$(jq -s 'if any(.[]; .type == "alert" and .severity != "info") then 3 else 0 end' audit.json)
		((audit_status == want)) || [[ $scope == all ]] || wrong+=("audit's exit status is $audit_status")
	fi

	# an audit of what is over already says nothing of what it was
	[[ $(plan expect) == none ]] || any_traffic ||
		verdict "setup the machine is too slow: the traffic was over before the audit"
	until_true "$(plan seconds | grep . || echo 6)" lasted "$(plan seconds | grep . || echo 6)"
	[[ -n $truth_only || $(plan expect) != syn_flood* ]] || until_true "$LATE_S" raised_or_gone
	traffic_over syn
	if [[ -z $truth_only && $(plan expect) == syn_flood* ]]; then
		compare_listener
		compare_still
		until_true $((CLEARED_S + 2)) cleared_or_late
	fi
	traffic_over connect
	on_server nstat -asz >counters
	# whatever is still on its way to an alarm
	[[ -n $truth_only || $(plan expect) == syn_flood* ]] || sleep 2
	[[ -n $truth_only ]] || tool_stop
	compare_truth
	if [[ -z $truth_only ]]; then
		compare_scope
		compare_replay
		if [[ $(plan expect) == syn_flood* ]]; then
			compare_live_flood
		else
			compare_live_other
		fi
	fi
	printf '%s\t%s\t%s\t%s\t%s\n' "${said:-none}" "${seen:-none}" "$raised" "$cleared" "$still" >row
	((${#wrong[@]} == 0)) || verdict wrong "$(printf '%s; ' "${wrong[@]}")"
	verdict ok
}

# ---- the table ----

# read_table: a folder with a plan for each scenario, and their names in $names
read_table() {
	local line name=
	while IFS= read -r line; do
		case $line in
		'#'* | '') ;;
		scenario\ *)
			name=${line#* }
			names+=("$name")
			mkdir -p "$tmp/$name" && : >"$tmp/$name/plan" || exit 1
			;;
		*) echo "$line" >>"$tmp/$name/plan" ;;
		esac
	done <"$table"
}

# report NAME: its line of the table
report() {
	local dir=$tmp/$1 how why said seen raised cleared still
	read -r how why <"$dir/verdict" || how=setup why='ended without a verdict'
	# shellcheck disable=SC2034 # what was seen live stands in the results
	IFS=$'\t' read -r said seen raised cleared still 2>/dev/null <"$dir/row" ||
		said=- seen=- raised=- cleared=- still=-
	why=${why%; }
	printf '%-32s %-44s %6s %7s %9s  %s\n' "$1" "$said" "$raised" "$cleared" "$still" \
		"$how${why:+: $why}"
	[[ -z $results ]] || printf '%s\t%s\t%s\n' "$1" "$how" "$why" >>"$results"
	case $how in
	ok) count_ok=$((count_ok + 1)) ;;
	skip) count_skip=$((count_skip + 1)) ;;
	*) count_wrong=$((count_wrong + 1)) ;;
	esac
}

# attempts NAME: until it was what it claims to be
attempts() {
	local i
	for ((i = 1; i <= tries; i++)); do
		(
			cd "$tmp/$1" || exit 1
			find . -mindepth 1 ! -name plan -delete
			scenario 2>driver.err
		)
		grep -q '^setup' "$tmp/$1/verdict" || break
	done
}

run_table() {
	local name
	local -A job=()
	for name in "${names[@]}"; do
		while (($(jobs -rp | wc -l) >= jobs)); do wait -n; done
		attempts "$name" &
		job[$name]=$!
	done
	printf '%-32s %-44s %6s %7s %9s\n' SCENARIO VERDICT RAISED CLEARED HALF-OPEN
	for name in "${names[@]}"; do
		wait "${job[$name]}"
		report "$name"
	done
}

main() {
	local runs=1 jobs keep='' only=() names=() list='' i count_ok=0 count_wrong=0 count_skip=0
	jobs=$((2 * $(nproc)))
	results='' truth_only='' tries=3
	while (($#)); do
		case $1 in
		--runs) runs=$2 && shift ;;
		--jobs) jobs=$2 && shift ;;
		--tries) tries=$2 && shift ;;
		--keep) keep=$2 && shift ;;
		--results) results=$2 && shift ;;
		--truth-only) truth_only=yes ;;
		--list) list=yes ;;
		-*) sed -n '/^# flood.sh/,/^$/s/^#\( \|$\)//p' "${BASH_SOURCE[0]}" && exit 2 ;;
		*) only+=("$1") ;;
		esac
		shift
	done
	tmp=$(mktemp -d) || exit 1
	# what a killed scenario was just running may still write there
	trap 'rm -rf "$tmp" || { sleep 2; rm -rf "$tmp"; }' EXIT
	trap 'kill $(jobs -p) 2>/dev/null; wait; exit 130' INT TERM HUP
	read_table
	for name in "${only[@]}"; do
		[[ " ${names[*]} " == *" $name "* ]] || die "no scenario $name in $table"
	done
	((${#only[@]} == 0)) || names=("${only[@]}")
	[[ -z $list ]] || { printf '%s\n' "${names[@]}" && exit; }
	((EUID == 0)) || { echo "flood.sh: needs root" >&2 && exit 77; }
	[[ -x $flood ]] || die "no $flood: make helpers"
	[[ -n $truth_only || -x $tool ]] || die "no $tool: run make first, or set TCPCONNSTATE"
	[[ -z $results ]] || : >"$results"
	for ((i = 1; i <= runs; i++)); do
		((runs == 1)) || echo "# run $i of $runs"
		run_table
		[[ -z $keep ]] || { mkdir -p "$keep/run.$i" && cp -r "$tmp/." "$keep/run.$i"; }
	done
	echo "$count_ok right, $count_wrong wrong, $count_skip skipped"
	((count_ok + count_wrong > 0)) || exit 77
	((count_wrong == 0))
}

main "$@"
