#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# pairs.sh: does a change make watching dearer? Two builds of tcpconnstate, measured in turns.
#
# What: per pair, one run of churn under each of two binaries, `before` and `after`, in alternating
# order; each gives the nanoseconds in all BPF programs for an event (kernel.bpf_stats_enabled, the
# loader at nice -20 so that no ring is full), the connections per second, and the processor time of
# a start (`watch -d 0.001 -N self`, best of three, milliseconds). Printed are the medians
# and, of the ratios after/before of the pairs, the median with a 95 % confidence interval by order
# statistics (binomial, as of the sign test): no assumption about their distribution.
# Why in pairs: on a shared machine an hour differs from the next by more than most changes do.
#
# Bounds: about 2 x (seconds + 2) a pair. kernel.bpf_stats_enabled is put back however it ends.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
	cat <<-END
	usage: pairs.sh --before BINARY [--after BINARY] [--pairs N] [--seconds S] [--threads N] [--tsv FILE]
	after: \$TCPCONNSTATE, or tcpconnstate of this tree. N: 15, at least 6.
	END
	exit "$1"
}

before='' after='' pairs=15 seconds=2 threads=2 tsv=/dev/null
while (($#)); do
	case $1 in
	--before) before=${2-} ;;
	--after) after=${2-} ;;
	--pairs) pairs=${2-} ;;
	--seconds) seconds=${2-} ;;
	--threads) threads=${2-} ;;
	--tsv) tsv=${2-} ;;
	-h | --help) usage 0 ;;
	*) usage 2 >&2 ;;
	esac
	(($# > 1)) || usage 2 >&2
	shift 2
done

PATH=$PATH:/usr/sbin:/sbin
after=${after:-$tool}
if [[ ! -x $before || ! -x $after ]] || ((pairs < 6)); then
	usage 2 >&2
fi
stats=/proc/sys/kernel/bpf_stats_enabled
stats_before=$(<"$stats")
# shellcheck disable=SC2317 # called by the trap
pairs_end() {
	echo "$stats_before" >"$stats"
	lib_cleanup
}
lib_begin
trap pairs_end EXIT
echo 1 >"$stats" || die "cannot set kernel.bpf_stats_enabled"

# start_ms BINARY: user and system time of a start, the best of three
start_ms() {
	local best=9999 user sys took TIMEFORMAT="%U %S" _

	for _ in 1 2 3; do
		{ time "$1" watch -d 0.001 -N self >/dev/null 2>&1; } 2>"$tmp/times"
		read -r user sys <"$tmp/times"
		took=$((10#${user/./} + 10#${sys/./}))
		((took >= best)) || best=$took
	done
	echo "$best"
}

# run NAME BINARY: appends "NAME ns conns_per_s start_ms" to the figures
run() {
	local ns

	churn_open --threads "$threads" --seconds "$seconds"
	monitor_spawn "$1" /dev/null nice -n -20 "$2" watch
	programs_watch
	finish "$monitor" 20 TERM
	read -r ns _ < <(programs_cost)
	echo "$1 $ns $(field "$tmp/churn.out" result conns_per_s) $(start_ms "$2")"
}

read -r load _ </proc/loadavg
echo "$(uname -sr), $(nproc) CPUs, load $load before; $pairs pairs of $seconds s, $threads pairs of processes"
for ((i = 0; i < pairs; i++)); do
	if ((i % 2)); then
		run after "$after"
		run before "$before"
	else
		run before "$before"
		run after "$after"
	fi
done >"$tmp/figures"
cp "$tmp/figures" "$tsv"
awk '
	# the rank k such that the k-th smallest and k-th largest of n bound the median with 95 %
	function rank(n,   k, sum, p) {
		p = 0.5 ^ n
		for (k = 0; sum + p <= 0.025; k++) {
			sum += p
			p = p * (n - k) / (k + 1)
		}
		return k
	}
	function sorted(list, n,   i, j, x) {
		for (i = 2; i <= n; i++) {
			x = list[i]
			for (j = i - 1; j > 0 && list[j] > x; j--)
				list[j + 1] = list[j]
			list[j + 1] = x
		}
	}
	function middle(list, n) {
		return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
	}
	function tell(what, was, is, n,   i, k, ratio) {
		for (i = 1; i <= n; i++)
			ratio[i] = is[i] / was[i]
		sorted(ratio, n)
		sorted(was, n)
		sorted(is, n)
		k = rank(n)
		printf "%-8s before %9.1f  after %9.1f  after/before %.3f [%.3f, %.3f]\n", what,
			middle(was, n), middle(is, n), middle(ratio, n), ratio[k], ratio[n + 1 - k]
	}
	{ n = ++seen[$1]; ns[$1, n] = $2; rate[$1, n] = $3; start[$1, n] = $4 }
	END {
		for (i = 1; i <= n; i++) {
			a[i] = ns["before", i]
			b[i] = ns["after", i]
			c[i] = rate["before", i]
			d[i] = rate["after", i]
			e[i] = start["before", i]
			f[i] = start["after", i]
		}
		tell("ns/event", a, b, n)
		tell("conns/s", c, d, n)
		tell("start ms", e, f, n)
	}' "$tmp/figures"
