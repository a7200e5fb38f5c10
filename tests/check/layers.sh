#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The layers of src/, as src/LAYERS has them. A line there: "module layer [right]..."
#
#   * A module is a file's name without its ending. A file without a line, or a line without a
#     file, is an error.
#   * A file includes its own layer or below; of layer 4, inputs (4i) and outputs (4o) do not
#     include each other. The wire records are known to layer 2 and the inputs only.
#   * What few modules may is a right, to be given in the map with a comment saying why:
#
#         libbpf   include libbpf, or a skeleton
#         clock    read a clock               layer 5 has it
#         stderr   print an error             layer 5 has it
#
#   * Only layer 5 ends the program.

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
	if (NF < 2 || $2 !~ /^([1235]|4[io]?)$/)
		say("map", "not a line of the form \"module layer [right]...\"")
	for (i = 3; i <= NF; i++) {
		if ($i !~ /^(libbpf|clock|stderr)$/)
			say("map", "there is no right named " $i)
		right[$1, $i] = 1
	}
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
	if (file ~ /\.skel\.h$|^bpf\//) {
		if (!((me, "libbpf") in right))
			say("libbpf", "includes " file " without the right to libbpf")
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

function calls(names) {
	return (" " line) ~ ("[^A-Za-z0-9_](" names ")[ \t]*\\(")
}
mine != "5" && calls("_?exit|_Exit") {
	say("five", "only layer 5 ends the program")
}
mine != "5" && !((me, "clock") in right) && calls("clock_gettime|gettimeofday|time|timespec_get") {
	say("five", "reads a clock without the right to")
}
mine != "5" && !((me, "stderr") in right) && (line ~ /stderr/ || calls("perror|v?errx?|v?warnx?|error")) {
	say("five", "prints an error without the right to")
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
check "only layer 5, or who has the right, reads a clock, prints an error, exits" "$(of five)"
finish
