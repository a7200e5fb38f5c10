# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# lib.sh: what exact.sh and bench.sh share: the helper programs, a scratch folder, the churn's
# gate, and the way a program is started, awaited and always ended.
#
# Sourced. Sets root, bin (helper programs), tool, tmp. Every process started with "spawn" is
# killed and $tmp removed when the script ends, however it ends.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${BUILD:-$root/build}
[[ $build = /* ]] || build=$root/$build
bin=$build/bench
# shellcheck disable=SC2034 # the callers'
tool=${TCPCONNSTATE:-$root/tcpconnstate}
tmp=
spawned=()
instances=()
me=${0##*/}

die() {
	echo "$me: $*" >&2
	exit 1
}

lib_cleanup() {
	local pid name

	for pid in "${spawned[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	# truth removes its own instance at the end; this is for a truth that was killed
	for name in "${instances[@]}"; do
		"$bin/truth" stop "$name" >/dev/null 2>&1
	done
	[[ -n $tmp ]] && rm -rf "$tmp"
	return 0
}

# lib_begin: to be called once, after the options are read. The caller's own trap, if it has
# one, calls lib_cleanup.
lib_begin() {
	local name

	((EUID == 0)) || { echo "$me: needs root (a network namespace, tracefs)" >&2; exit 77; }
	mkdir -p "$bin" || exit 1
	for name in churn truth count attach once; do
		[[ $bin/$name -nt $here/$name.c ]] && continue
		"${CC:-cc}" -O2 -g -std=gnu11 -Wall -Wextra -o "$bin/$name" "$here/$name.c" ||
			die "cannot build $name"
	done
	tmp=$(mktemp -d) || exit 1
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# spawn OUT ERR IN COMMAND...: in the background, its pid in $pid. None of the script's own
# descriptors (the gates) is left open in it.
spawn() {
	local out=$1 err=$2 in=$3

	shift 3
	"$@" <"$in" >"$out" 2>"$err" 6>&- 7>&- &
	pid=$!
	spawned+=("$pid")
}

forget() {
	local p rest=()

	for p in "${spawned[@]}"; do
		[[ $p = "$1" ]] || rest+=("$p")
	done
	spawned=("${rest[@]}")
}

# wait_for SECONDS COMMAND...: until it succeeds; 1 when it has not within SECONDS
wait_for() {
	local until=$((SECONDS + $1))

	shift
	until "$@"; do
		((SECONDS > until)) && return 1
		sleep 0.02
	done
}

gone() {
	# a child that has ended is a zombie until it is waited for
	local stat

	read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
	[[ ${stat##*) } = Z* ]]
}

# finish PID SECONDS [SIGNAL]: (signal and) wait for its end, at most SECONDS; sets $status
finish() {
	[[ -n ${3-} ]] && kill "-$3" "$1" 2>/dev/null
	wait_for "$2" gone "$1" || kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	status=$?
	forget "$1"
}

has() {
	grep -q -- "$1" "$2" 2>/dev/null
}

# field FILE TYPE KEY: a number or a word of the JSON line {"type":"TYPE",..}
field() {
	sed -n "/^{\"type\":\"$2\"/s/.*\"$3\":\"\\{0,1\\}\\([^,}\"]*\\).*/\\1/p" "$1" | tail -n 1
}

# churn_open ARG...: start it, up to the first gate (fd 6); sets $churn_pid $netns $ports.
# Ports of this script's own: two runs at a time on one host are not counted for each other.
churn_open() {
	rm -f "$tmp/gate"
	mkfifo "$tmp/gate" || exit 1
	: >"$tmp/churn.out"
	exec 6<>"$tmp/gate"
	spawn "$tmp/churn.out" "$tmp/churn.err" "$tmp/gate" "$bin/churn" --gate \
		--port $((10000 + $$ % 150 * 70)) "$@"
	churn_pid=$pid
	wait_for 10 has '"netns"' "$tmp/churn.out" || die "churn: $(cat "$tmp/churn.err")"
	# shellcheck disable=SC2034 # the callers'
	netns=$(field "$tmp/churn.out" netns netns)
	ports=$(field "$tmp/churn.out" netns ports)
	[[ -n $ports ]] || die "churn did not start"
}

churn_step() {
	echo >&6
}

# churn_run SECONDS: opens the last gate and waits for the end; 1 when it failed
churn_run() {
	churn_step
	finish "$churn_pid" "$1"
	exec 6>&-
	((status == 0)) && has '"failed":false' "$tmp/churn.out"
}
