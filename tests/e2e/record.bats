# SPDX-License-Identifier: GPL-2.0-only
#
# `tcpconnstate record` and `replay`: a replay says what the live run said, byte for byte; a capture
# survives full disks, rotation and the death of whoever writes it; what is cut, damaged or made up
# ends with a word about it.

# shellcheck disable=SC2016,SC2030,SC2031 # jq programs; each test is a subshell

load lib.bash

setup_file() {
	tool_setup_file
	e2e_build hold
}
setup() {
	e2e_setup
	HOLD_PID=
	MOUNTED=
}
teardown() {
	[[ -z $HOLD_PID ]] || kill -KILL "$HOLD_PID" 2>/dev/null || true
	[[ -z $MOUNTED ]] || umount "$MOUNTED" 2>/dev/null || true
	e2e_teardown
}

# hold WORD=N...: HOLD_NETNS; ends with the test
hold() {
	mkfifo hold.in
	"$HOLD" "$@" <hold.in >hold.json 2>hold.err 3>&- &
	HOLD_PID=$!
	# shellcheck disable=SC2034 # it ends when this is closed
	exec {HOLD_FD}>hold.in
	until_true 30 test -s hold.json || {
		cat hold.err >&2
		return 1
	}
	HOLD_NETNS=$(jq .netns hold.json)
}

# replay STATUS ARGS...: into replay.out, replay.err
replay() {
	local got=0 want=$1
	shift
	timeout 60 "$TCPCONNSTATE" replay "$@" >replay.out 2>replay.err </dev/null || got=$?
	((got == want)) || {
		echo "replay $*: exit status $got, expected $want" >&2
		cat replay.err >&2
		return 1
	}
}

# replay_status STATUS ARGS...: the same of standard input
replay_status() {
	local got=0 want=$1
	shift
	timeout 60 "$TCPCONNSTATE" replay "$@" >replay.out 2>replay.err || got=$?
	((got == want))
}

# same LIVE: all lines but the first are those of the replay
same() {
	[ "$(wc -l <"$1")" -gt 1 ]
	diff <(tail -n +2 "$1") <(tail -n +2 replay.out) >differences || {
		head -n 20 differences >&2
		return 1
	}
	# and the first differs in nothing but the command
	diff <(head -n 1 "$1" | sed 's/"command":"record"/"command":"replay"/') \
		<(head -n 1 replay.out)
}

count() {
	jq -s "[.[] | select($1)] | length" "${2:-replay.out}"
}

# a small capture of a scenario: c.tcs, with what was printed in tool.out
recorded() {
	dance_start "$1"
	tool_start record --force --json "${@:2}" -N "$LAB_NETNS" c.tcs
	dance_go
	tool_stop
	tool_ended 0
}

@test "JSON of a replay is that of the live run, byte for byte" {
	recorded churn
	replay 0 --json c.tcs
	same tool.out
	[ "$(count '.type == "state"')" -gt 90000 ]
	[ "$(count '.type == "end" and .lost.ring_full == 0')" -eq 1 ]
}

@test "so is that of finished connections" {
	recorded churn --lifecycle
	replay 0 --json --lifecycle c.tcs
	same tool.out
	[ "$(count '.type == "connection" and .bytes_sent != null')" -gt 1000 ]
}

@test "resets that correct a close, resent SYN-ACKs, odd closes: the same" {
	local name
	for name in data_after_close syn_flood rst_close_wait linger0 tfo prefork; do
		"$DANCE" --list | grep -q "^$name	" || continue
		recorded "$name"
		replay 0 --json c.tcs
		same tool.out
		[ "$(count '.type == "state" or .type == "synack_retransmit"')" -gt 0 ]
	done
}

@test "sums, findings and groups: the same; the verdict is audit's" {
	hold close_wait=30 time_wait=20 established=5
	tool_start record --json -i 0.2 --by lport --close-wait-age 0.1 -N "$HOLD_NETNS" c.tcs
	until_true 20 grep -q '"type":"alert"' tool.out
	until_true 20 grep -q '"type":"group"' tool.out
	tool_stop
	replay 0 --json --close-wait-age 0.1 c.tcs
	same tool.out
	[ "$(count '.type == "alert" and .kind == "close_wait_leak"')" -gt 0 ]
	[ "$(count '.type == "summary" and .connections.close_wait == 30')" -gt 0 ]

	replay 3 --verdict --json --close-wait-age 0.1 c.tcs
	jq -es '.[0].type == "meta" and .[1].type == "summary" and .[-1].type == "verdict" and
		.[1].connections.close_wait == 30 and .[1].connections.established == 10 and
		.[-1].kinds == ["close_wait_leak"]' replay.out
	"$TCPCONNSTATE" audit --json --window 0.2 --close-wait-age 0.1 -N "$HOLD_NETNS" >audit.out || true
	for row in listener close_wait time_wait; do
		diff <(jq -c "select(.type == \"$row\") | del(.oldest_us, .growth_per_s, .fd_seconds_left,
				.oldest_exact, .seconds_left, .drops_per_s, .resent_per_s, .done_per_s,
				.next_free_s, .all_free_s, .ports_reusable)" audit.out) \
			<(jq -c "select(.type == \"$row\") | del(.oldest_us, .growth_per_s, .fd_seconds_left,
				.oldest_exact, .seconds_left, .drops_per_s, .resent_per_s, .done_per_s,
				.next_free_s, .all_free_s, .ports_reusable)" replay.out)
	done

	# other thresholds, another verdict
	replay 0 --verdict --json --close-wait-count 31 --close-wait-age 0.1 c.tcs
	[ "$(count '.type == "alert"')" -eq 0 ]
	# another filter, and where it cannot be applied any more no number rather than a wrong one
	replay 0 --json -L 1 c.tcs
	[ "$(count '.type == "summary" and .connections.close_wait == 0 and
		.connections.established == null')" -gt 0 ]
	grep -q 'unknown with this filter' replay.err
	replay 0 --verdict -L 1 c.tcs
	grep -q '^0 findings' replay.out
	replay 1 --verdict --until 0 c.tcs
	grep -q 'no look' replay.err
}

@test "text, filters, --count, --since and --until of a replay" {
	local n mid
	recorded close_client_first
	replay 0 c.tcs
	head -n 1 replay.out | grep -q '^PID  *COMM .*OLDSTATE  *-> NEWSTATE  *MS$'
	replay 0 -H c.tcs
	n=$(wc -l <replay.out)
	[ "$n" -eq "$(count '.type == "state"' tool.out)" ]
	replay 0 --json --state listen c.tcs
	[ "$(count '.type == "state"')" -eq "$(count '.type == "state" and
		(.old_state == "listen" or .new_state == "listen")' tool.out)" ]
	replay 0 --json -6 c.tcs
	[ "$(count '.type == "state"')" -eq 0 ]
	replay 0 --json --count 2 c.tcs
	[ "$(count '.type == "state"')" -eq 2 ]
	replay 0 --json -N 1 c.tcs
	[ "$(count '.type == "state"')" -eq 0 ]
	replay 0 --json -N "$LAB_NETNS" c.tcs
	same tool.out

	# from the middle on, and up to there: together they are all, and owners are known
	mid=$(jq -rs "[.[] | select(.type == \"state\")][$((n / 2))].ts" tool.out)
	replay 0 --json --since "$mid" c.tcs
	jq -c 'select(.type == "state")' replay.out >late
	replay 0 --json --until "$mid" c.tcs
	jq -c 'select(.type == "state")' replay.out >early
	[ -s late ] && [ -s early ]
	diff <(jq -c 'select(.type == "state")' tool.out) <(cat early late)
	# to the nanosecond
	[ "$(jq -s --arg mid "$mid" '[.[] | select(.ts >= $mid)] | length' early)" -eq 0 ]
	[ "$(jq -s --arg mid "$mid" '[.[] | select(.ts < $mid)] | length' late)" -eq 0 ]
	replay 0 --since "$mid" c.tcs
	n=$(wc -l <late)
	# (filtered is what happened elsewhere on this host)
	grep -q " $n shown, $(wc -l <early) at another time, [0-9,]* filtered" replay.err

	# by the clock on the wall
	replay 0 --json --since "$(date -d "$mid" +%H:%M:%S.%N)" c.tcs
	diff <(jq -c 'select(.type == "state")' replay.out) late

	# what the recording does not know is said
	replay 0 --json --since 3600 c.tcs
	[ "$(count '.type == "state"')" -eq 0 ]
	grep -q 'c.tcs ends [0-9.]* s after its start, before --since' replay.err
	replay 0 --json --until 0 c.tcs
	[ "$(count '.type == "state"')" -eq 0 ]
	grep -q 'c.tcs begins after --until' replay.err
	replay 2 --since 1 --until 1 c.tcs
	grep -q -- '--until is not after --since' replay.err
	replay 2 --since "$mid" --until 0.001 c.tcs
}

# (A tick is made before some events are read that are older.)
@test "times are those of what happened, not of when it was read" {
	local at
	dance_start churn
	tool_start record --json -i 0.1 -N "$LAB_NETNS" c.tcs
	dance_go
	tool_stop
	for at in $(jq -r 'select(.type == "summary") | .ts' tool.out | head -n 3); do
		replay 0 --json --until "$at" c.tcs
		diff <(jq -c --arg at "$at" 'select(.type == "state" and .ts < $at)' tool.out | sort) \
			<(jq -c 'select(.type == "state")' replay.out | sort)
		replay 0 --json --since "$at" c.tcs
		diff <(jq -c --arg at "$at" 'select(.type == "state" and .ts >= $at)' tool.out) \
			<(jq -c 'select(.type == "state")' replay.out)
	done
}

@test "a filter by cgroup goes by the name that was recorded" {
	recorded close_client_first
	local path
	path=$(jq -rs '[.[] | select(.type == "state") | .cgroup | values] | first // ""' tool.out)
	[ -n "$path" ] || skip "no cgroup v2 here"
	replay 0 --json --cgroup "$path" c.tcs
	[ "$(count '.type == "state"')" -eq "$(count ".cgroup == \"$path\" and .type == \"state\"" tool.out)" ]
	replay 0 --json --cgroup / c.tcs
	[ "$(count '.type == "state"')" -eq "$(count '.type == "state" and .cgroup != null' tool.out)" ]
	replay 0 --json --cgroup /no/such c.tcs
	[ "$(count '.type == "state"')" -eq 0 ]
}

@test "--speed lets time pass" {
	hold established=1
	tool_start record --json -i 0.5 -d 2 -N "$HOLD_NETNS" c.tcs
	tool_wait
	tool_ended 0
	local begin=$EPOCHREALTIME took
	replay 0 --json --speed 2 c.tcs
	took=$(((${EPOCHREALTIME/[.,]/} - ${begin/[.,]/}) / 1000))
	same tool.out
	((took >= 700 && took < 5000)) || {
		echo "2 s at double speed took $took ms" >&2
		return 1
	}
}

@test "a pipe: - on both sides; Ctrl-C while waiting ends well" {
	dance_start close_client_first
	"$TCPCONNSTATE" record -N "$LAB_NETNS" - 2>record.err 3>&- | cat >c.tcs &
	# (the file fills once a second)
	until_true 10 test -s c.tcs
	dance_go
	kill -INT "$(pgrep -f "record -N $LAB_NETNS -$")"
	wait
	"$TCPCONNSTATE" replay --json - <c.tcs >replay.out 2>replay.err
	[ "$(count '.type == "state"')" -gt 9 ]

	mkfifo in
	"$TCPCONNSTATE" replay --json - <in >waiting.out 2>waiting.err 3>&- &
	local pid=$!
	exec {fd}>in
	cat c.tcs >&"$fd"
	until_true 10 grep -q '"type":"state"' waiting.out || true
	kill -INT "$pid"
	wait "$pid"
	exec {fd}>&-
	[ "$(count '.type == "state"' waiting.out)" -eq "$(count '.type == "state"')" ]
}

@test "nobody in particular can replay" {
	e2e_need setpriv
	recorded close_client_first
	chmod 755 . && chmod 644 c.tcs
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all \
		"$TCPCONNSTATE" replay --json - <c.tcs >replay.out
	same tool.out
}

# The capture has all that was printed.
caught_up() {
	"$TCPCONNSTATE" replay --json c.tcs >replay.out 2>replay.err || true
	local n
	n=$(grep -c '"type":"state"' replay.out)
	((n > 90000 && n == $(grep -c '"type":"state"' tool.out)))
}

@test "it can be read while it is written, and after its writer was killed" {
	dance_start churn
	tool_start record --json -N "$LAB_NETNS" c.tcs
	dance_go
	until_true 20 caught_up
	grep -q 'the end is missing' replay.err
	kill -KILL "${TOOL_PIDS[tool]}"
	tool_wait
	replay 1 --json c.tcs
	grep -q 'the end is missing' replay.err
	diff <(grep '"type":"state"' tool.out) <(grep '"type":"state"' replay.out)
}

@test "a terminal is not asked for a capture" {
	e2e_need script
	run -2 script -qec "$TCPCONNSTATE replay -" /dev/null </dev/null
	[[ $output == *"no capture comes from a terminal; give a file, or send one here"* ]]
	run -2 script -qec "$TCPCONNSTATE record -" /dev/null </dev/null
	[[ $output == *"a capture is nothing for a terminal"* ]]
}

@test "a full disk: a clear word, status 1, and a file that can be replayed" {
	mkdir disk
	mount -t tmpfs -o size=256k e2e disk
	MOUNTED=$PWD/disk
	dance_start churn
	tool_start record --json -N "$LAB_NETNS" disk/c.tcs
	dance_go
	until_true 20 eval '! kill -0 "${TOOL_PIDS[tool]}" 2>/dev/null'
	tool_wait
	tool_ended 1
	grep -q 'cannot write disk/c.tcs: No space left on device; what was recorded before' tool.err
	replay 1 --json disk/c.tcs
	grep -q 'the end is missing' replay.err
	[ "$(count '.type == "state"')" -gt 10000 ]
	# whole parts only: what is there was printed as well (at the end what was held back comes early)
	[ -z "$(comm -23 <(grep '"type":"state"' replay.out | sort) \
		<(grep '"type":"state"' tool.out | sort))" ]
	zcat disk/c.tcs >/dev/null
}

# refused ARGS...: status 1 and one sentence, in err
refused() {
	local got=0
	timeout 20 "$TCPCONNSTATE" record -d 0.1 "$@" >out 2>err </dev/null || got=$?
	((got == 1 && $(wc -l <err) == 1)) && [[ ! -s out ]]
}
count_in() { "$TCPCONNSTATE" replay --json "$1" | grep -c '"type":"meta"'; }

@test "files are their owner's only, and none that exists is lost" {
	(umask 0 && timeout 20 "$TCPCONNSTATE" record -d 0.1 c.tcs 2>err)
	[ "$(stat -c %a c.tcs)" = 600 ]
	cp c.tcs before
	refused c.tcs
	grep -q 'cannot create c.tcs: it exists; --force replaces it' err
	cmp before c.tcs
	ln -s before link.tcs
	refused link.tcs
	grep -q 'cannot create link.tcs: it is a symbolic link' err
	refused --force link.tcs
	cmp before c.tcs
	timeout 20 "$TCPCONNSTATE" record --force -d 0.1 c.tcs 2>err
	not cmp -s before c.tcs
	# a rotation that is started again goes on with the files of before
	cp before c.tcs
	timeout 20 "$TCPCONNSTATE" record --rotate 1G --keep 2 -d 0.1 c.tcs 2>err
	cmp before c.tcs.1
	timeout 20 "$TCPCONNSTATE" record --rotate 1G --keep 2 -d 0.1 c.tcs 2>err
	cmp before c.tcs.2
	[ "$(count_in c.tcs)" = 1 ] && [ "$(count_in c.tcs.1)" = 1 ] && [ "$(stat -c %a c.tcs.1)" = 600 ]
	# a descriptor of the shell's
	timeout 20 "$TCPCONNSTATE" record -d 0.1 >(cat >piped.tcs) 2>err
	until_true 5 eval '[[ $(count_in piped.tcs 2>/dev/null) == 1 ]]'
}

@test "a folder that vanishes: recording ends within seconds, with a sentence about what is left" {
	mkdir gone
	tool_start record --json gone/c.tcs
	until_true 10 test -s gone/c.tcs
	rm -r gone
	until_true 10 eval '! kill -0 "${TOOL_PIDS[tool]}" 2>/dev/null'
	tool_wait
	tool_ended 1
	grep -q '^tcpconnstate: cannot write gone/c.tcs: it was removed meanwhile; nothing of it is left' tool.err
	[ "$(wc -l <tool.err)" = 1 ] || cat tool.err >&2
}

# events FILE...: without the wall clock, which is measured anew in each file
events() {
	grep -hE '"type":"(state|connection|synack_retransmit)"' "$@" | sed 's/"ts":"[^"]*",//' | sort
}

@test "rotation: nothing is missing, each file is understood alone" {
	local i n parts=0
	hold established=30 close_wait=12
	tool_start record --json --rotate 64K --keep 100 -i 0.2 c.tcs
	# connections of the first file end in the third
	echo established=20 >&"$HOLD_FD"
	until_true 20 eval '(($(wc -l <hold.json) == 2))'
	# (files change once a second, and a fast machine dances more often than that)
	until_true 60 eval 'dance_start churn && dance_go && test -e c.tcs.2'
	kill -KILL "$HOLD_PID"
	dance_start churn
	dance_go
	tool_stop
	tool_ended 0
	: >all.tcs
	for ((i = 100; i > 0; i--)); do
		[[ -e c.tcs.$i ]] || continue
		parts=$((parts + 1))
		cat "c.tcs.$i" >>all.tcs
	done
	cat c.tcs >>all.tcs
	((parts >= 2))
	replay 0 --json all.tcs
	same tool.out
	replay 0 --json --lifecycle all.tcs
	events replay.out >all.connections

	: >alone
	: >alone.connections
	for ((i = 0; i <= parts; i++)); do
		n=c.tcs.$i
		((i)) || n=c.tcs
		replay 0 --json "$n"
		jq -es '.[0].type == "meta"' replay.out
		[ "$(count '.type == "lost"')" -eq 0 ]
		events replay.out >>alone
		replay 0 --json --lifecycle "$n"
		events replay.out >>alone.connections
		# each has a look of its own; the last one may be too short
		((i == 0)) || "$TCPCONNSTATE" replay --verdict "$n" >verdict.out || (($? == 3))
	done
	diff <(events tool.out) <(sort alone) >differences
	diff all.connections <(sort alone.connections) >differences
	[ "$(jq -s '[.[] | select(.netns == '"$HOLD_NETNS"' and .direction != "listener" and
		.duration_us > 1e6)] | length' alone.connections)" -ge 40 ]

	# joined in another order, or with what does not belong to them
	cat c.tcs c.tcs.1 | replay_status 1 -
	grep -q "file $parts of the recording comes after file $((parts + 1)); join them oldest first" replay.err
	cat "c.tcs.$parts" c.tcs | replay_status 0 -
	grep -q 'between file 1 and file .* some are missing' replay.err
	tool_start record --json -d 0.1 other.tcs
	tool_wait
	cat c.tcs other.tcs | replay_status 1 -
	grep -q 'here begins another recording' replay.err
}

@test "rotation keeps as many files as it was told" {
	local i
	tool_start record --json --rotate 4K --keep 2 -i 0.2 c.tcs
	until_true 60 eval 'dance_start churn && dance_go && test -e c.tcs.2'
	for ((i = 0; i < 2; i++)); do
		dance_start churn
		dance_go
	done
	tool_stop
	tool_ended 0
	[ -e c.tcs.2 ]
	[ ! -e c.tcs.3 ]
}

@test "what is no capture, cut, damaged or of a newer format is told, with status 1" {
	recorded close_client_first
	local size
	size=$(stat -c %s c.tcs)
	head -c $((size - 20)) c.tcs >cut.tcs
	replay 1 --json cut.tcs
	grep -q '^tcpconnstate: cut.tcs: it ends in the middle' replay.err
	[ "$(count '.type == "state"')" -gt 0 ]

	{ head -c $((size / 2)) c.tcs; printf '\377\377\377\377'; tail -c +$((size / 2 + 5)) c.tcs; } >bad.tcs
	replay 1 --json bad.tcs
	grep -q 'damaged' replay.err

	echo "hello" >text.tcs
	replay 1 text.tcs
	grep -q 'text.tcs: this is not a capture of tcpconnstate' replay.err
	gzip -c text.tcs >gz.tcs
	replay 1 gz.tcs
	grep -q 'not a capture' replay.err
	: >empty.tcs
	replay 1 empty.tcs
	grep -q 'it is empty' replay.err
	replay 1 /no/such/file
	grep -q 'cannot open /no/such/file: No such file' replay.err
	replay 1 .
	grep -q 'Is a directory' replay.err

	printf 'TCSCAP\3\0' | gzip >newer.tcs
	replay 1 newer.tcs
	grep -q 'newer.tcs: it was written in format 3.0, by a newer version' replay.err
	# rows of sockets were others then
	printf 'TCSCAP\1\0' | gzip >older.tcs
	replay 1 older.tcs
	grep -q 'older.tcs: it was written in format 1.0, by an older version' replay.err
	# a newer minor version, and in it a record of a kind that nobody knows yet
	{ printf 'TCSCAP\2\1\201\310\10\1\1\310' | gzip; cat c.tcs; } >minor.tcs
	replay 0 --json minor.tcs
	grep -q '1 records of kinds that this version does not know were skipped' replay.err
	diff <(grep '"type":"state"' tool.out) <(grep '"type":"state"' replay.out)
}

@test "wrong usage" {
	run -2 "$TCPCONNSTATE" record
	[[ $output == *"record needs a file"* ]]
	run -2 "$TCPCONNSTATE" replay a b
	[[ $output == *"takes one file"* ]]
	run -2 "$TCPCONNSTATE" record --json -
	[[ $output == *"cannot both go to stdout"* ]]
	run -2 "$TCPCONNSTATE" replay -N self x
	[[ $output == *"by their inode numbers"* ]]
	run -2 "$TCPCONNSTATE" replay --since yesterday x
	run -2 "$TCPCONNSTATE" replay -i 1 x
	run -1 "$TCPCONNSTATE" record /no/such/folder/c.tcs
	[[ $output == *"cannot create /no/such/folder/c.tcs: No such file or directory"* ]]
}

@test "the reader of the printed lines goes away: the recording goes on, and a sentence reports it" {
	dance_start churn
	mkfifo lines
	"$TCPCONNSTATE" record x.tcs -o json -N "$LAB_NETNS" >lines 2>tool.err </dev/null 3>&- &
	TOOL_PIDS["tool"]=$!
	head -n 1 <lines >first
	grep -q '"type":"meta"' first
	dance_go
	until_true "$DEADLINE_S" has_grown x.tcs
	tool_stop TERM
	tool_ended 0
	(($(grep -c 'the reader of the printed lines has gone' tool.err) == 1))
	grep -Eq '^[0-9.]+[KM]?B recorded, [0-9,]+ events seen' tool.err
	replay 0 --json x.tcs
	(($(grep -c '"type":"state"' replay.out) > 1000))
}
has_grown() { (($(stat -c %s "$1") > 20000)); }
