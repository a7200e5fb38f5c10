#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The layers of src/ (src/LAYERS: "module layer" per line, # starts a comment):
#
#   * a file includes its own layer or below; of layer 4, inputs (4i) and outputs (4o) do not
#     include each other;
#   * only source_live, census and (for its messages) log know libbpf; only the first two
#     include a skeleton; the wire records are known to layer 2 and the inputs only;
#   * only layer 5 reads a clock, prints an error or ends the program (log prints for it).
#
# A module is a file's name without its ending; a file without a row, or a row without a file,
# is an error.

. "$(dirname "$0")/tap.inc"

files=$(ls src/*.[ch] src/*.def 2>/dev/null)
[ -n "$files" ] || skip_all "src/ is empty"
[ -e src/LAYERS ] || {
	check "src/LAYERS names the layer of every module" "src/LAYERS does not exist"
	finish
}

# shellcheck disable=SC2086 # a list of files
findings=$(awk '
function module(path) { sub(/.*\//, "", path); sub(/\..*/, "", path); return path }
function say(rule, text) { print rule "\t" FILENAME ":" FNR ": " text }

FILENAME == "src/LAYERS" {
	sub(/#.*/, "")
	if (!NF)
		next
	if (NF != 2 || $2 !~ /^([1235]|4[io]?)$/)
		say("map", "not a line of the form \"module layer\"")
	if ($1 in layer)
		say("map", $1 " stands here twice")
	layer[$1] = $2
	row[$1] = FILENAME ":" FNR
	next
}

FNR == 1 {
	me = module(FILENAME)
	mine = layer[me]
	present[me] = 1
	comment = 0
	if (mine == "")
		say("map", "src/LAYERS does not say its layer")
}

# Strings (but those of includes) and comments do not count.
{
	if ($0 !~ /^[ \t]*#[ \t]*include/) {
		gsub(/\\./, "")
		gsub(/"[^"]*"/, "\"\"")
	}
	line = ""
	rest = $0
	while (rest != "") {
		if (comment) {
			if (!(i = index(rest, "*/")))
				break
			rest = substr(rest, i + 2)
			comment = 0
		} else {
			i = index(rest, "/*")
			line = line (i ? substr(rest, 1, i - 1) : rest)
			rest = i ? substr(rest, i + 2) : ""
			comment = i > 0
		}
	}
	sub(/\/\/.*/, "", line)
}

line ~ /^[ \t]*#[ \t]*include[ \t]*["<]/ {
	split(line, part, /["<>]/)
	file = part[2]
	it = module(file)
	if (file ~ /\.skel\.h$/) {
		if (me != "source_live" && me != "census")
			say("libbpf", "only source_live and census include a skeleton")
	} else if (file ~ /^(bpf|linux\/bpf)[\/.]/) {
		if (me != "source_live" && me != "census" && me != "log")
			say("libbpf", "only source_live, census and log know libbpf")
	} else if (file ~ /tcs_[a-z]*\.h$/) {
		if (mine != "2" && mine != "4i")
			say("libbpf", "only layer 2 and the inputs know the wire records")
	} else if (line ~ /"/) {
		if (!(it in layer))
			say("map", "src/LAYERS does not know " file)
		else if (substr(layer[it], 1, 1) > substr(mine, 1, 1))
			say("up", "includes " file " (layer " layer[it] ") from layer " mine)
		else if (layer[it] mine ~ /^(4i4o|4o4i)$/)
			say("side", "includes " file " (layer " layer[it] ") from layer " mine)
	}
}

mine != "5" && (" " line) ~ /[^A-Za-z0-9_](_?exit|_Exit|clock_gettime|gettimeofday|time|perror|v?errx?|v?warnx?|error)[ \t]*\(/ {
	say("five", "only layer 5 reads a clock, prints an error or exits")
}
mine != "5" && me != "log" && line ~ /stderr/ {
	say("five", "only layer 5 and log know stderr")
}

END {
	for (m in layer)
		if (!present[m])
			print "map\t" row[m] ": there is no file of " m
}' src/LAYERS $files)

of() {
	echo "$findings" | sed -n "s/^$1	//p"
}
check "src/LAYERS names the layer of every module" "$(of map)"
check "a module includes its own layer or below" "$(of up)"
check "inputs and outputs do not include each other" "$(of side)"
check "libbpf, skeletons and wire records stay where they belong" "$(of libbpf)"
check "only layer 5 reads a clock, prints an error or exits" "$(of five)"
finish
