# SPDX-License-Identifier: GPL-2.0-only
# compare.awk: truth's counts (first file) against count's (second). Prints one line of figures
# and then each pair that differs; exit status 0 when they agree in the sense of exact.sh.

function get(key,    at) {
	at = index($0, "\"" key "\":")
	if (!at)
		return ""
	at = substr($0, at + length(key) + 3)
	sub(/^"/, "", at)
	sub(/[",}].*/, "", at)
	return at
}

FNR == 1 { file++ }
/^\{"old"/ {
	pair = get("old") ">" get("new")
	# the contract drops a change from a state to itself
	if (get("old") == get("new"))
		next
	pairs[pair]
	if (file == 1) {
		truth[pair] = get("count")
		invisible[pair] = get("invisible")
		total += get("count")
		unseen += get("invisible")
	} else {
		seen[pair] = get("count")
		got += get("count")
	}
}
/^\{"type":"end"/ {
	if (file == 1) {
		spoilt = get("overrun") + get("dropped") + get("missed")
		truth_ended = 1
	} else {
		lost = get("lost") + 0
		ended = get("ended")
		bad = get("bad") + 0
		recovered = get("recovered")
	}
}
END {
	for (pair in pairs) {
		most = truth[pair] + 0
		least = lost ? 0 : most - invisible[pair]
		n = seen[pair] + 0
		if (n > most || n < least)
			diff = diff sprintf("\n    %-26s seen %d truth %d invisible %d", pair, n, most,
					    invisible[pair])
	}
	printf "truth=%d seen=%d lost=%d invisible=%d recovered=%d pairs=%d", total, got, lost,
		unseen, recovered, length(pairs)
	why = ""
	if (!truth_ended || spoilt || !total)
		why = why " truth_incomplete"
	if (ended != "true")
		why = why " no_end_line"
	if (bad)
		why = why " bad_lines=" bad
	if (got + lost > total || got + lost < total - unseen)
		why = why " seen+lost!=truth"
	if (total && lost * 100 / total > max_lost)
		why = why " lost>" max_lost "%"
	if (diff)
		why = why " pairs_differ"
	printf "%s%s\n", why, diff
	exit why != ""
}
