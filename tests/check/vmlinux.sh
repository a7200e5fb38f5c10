#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Are the types of vmlinux/vmlinux.h those of the running kernel? Our members must exist there
# under the same name, with the same kind and size; order, offsets and what lies between are
# CO-RE's business. vmlinux.h is compiled, and its BTF compared with the kernel's.
#
#   tests/check/vmlinux.sh [FILE]     FILE: another kernel's BTF, or its vmlinux
#
# Not every kernel has every member. A member may be missing
#   * from a kernel older than X, if its comment says "since X" or "X and later",
#   * from a kernel newer than X, if its comment says "up to X" or "before X",
#   * from any kernel, in a struct with a flavour's name (x___word). In a kernel that need not have
#     it, it may be of another kind.
# Which these are here stands in the diagnostics. For a FILE the kernel is not known: all may.

btf=/sys/kernel/btf/vmlinux
release=$(uname -r)
if [ -n "${1-}" ]; then
	btf=$(realpath "$1")
	release=
fi
. "$(dirname "$0")/tap.inc"

header=vmlinux/vmlinux.h
[ -e $header ] || skip_all "there is no $header yet"
[ -e "$btf" ] || skip_all "this kernel tells nothing about its types (no $btf)"
bpftool=$(makefile BPFTOOL)
compile=$(makefile BPF_COMPILE)
need jq "$bpftool" "${compile%% *}"

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# 1. Our types as BTF: a variable of each. Constants of enums without a name are put into one
# that has a name, because nothing is said in BTF of an enum that no variable has.
awk '
	{ text = $0; gsub(/\/\*.*\*\//, "", text) }
	text ~ /^(struct|union|enum) [A-Za-z0-9_]+ \{/ { print $1, $2, "tcs_v" ++n ";" }
	text ~ /^enum \{/ { inside = 1; sub(/^enum \{/, "", text) }
	inside {
		k = split(text, part, ",")
		for (i = 1; i <= k; i++)
			if (match(part[i], /[A-Za-z_][A-Za-z0-9_]*/)) {
				name = substr(part[i], RSTART, RLENGTH)
				constants = constants "tcs_c_" name " = " name ", "
			}
		if (text ~ /\}/)
			inside = 0
	}
	END {
		if (constants != "")
			print "enum tcs_constants { " constants "} tcs_v0;"
	}' $header >"$tmp/types"
{
	echo '#include "vmlinux.h"'
	cat "$tmp/types"
} >"$tmp/ours.c"
types() {
	"$bpftool" btf dump file "$1" -j format raw >"$2"
}
if ! {
	$compile -Werror -c -o "$tmp/ours.o" "$tmp/ours.c" &&
		types "$tmp/ours.o" "$tmp/ours" && types "$btf" "$tmp/kernel"
} >"$tmp/log" 2>&1; then
	check "$header can be compiled, and the kernel's types read" "$(cat "$tmp/log") "
	finish
fi

# 2. What may be missing: "struct.member", or the whole struct.
awk -v release="$release" '
	function number(version,   part) { split(version, part, "."); return part[1] * 1000 + part[2] }
	BEGIN { if (release != "") running = number(release) }
	/^(struct|union) [A-Za-z0-9_]+ \{/ { struct = $2 }
	/^\}/ { struct = "" }
	struct == "" { next }
	{
		older = newer = 0
		if (match($0, /since [0-9]+\.[0-9]+/))
			older = number(substr($0, RSTART + 6, RLENGTH - 6))
		else if (match($0, /[0-9]+\.[0-9]+ and later/))
			older = number(substr($0, RSTART, RLENGTH - 10))
		if (match($0, /up to [0-9]+\.[0-9]+/))
			newer = number(substr($0, RSTART + 6, RLENGTH - 6)) + 1
		else if (match($0, /before [0-9]+\.[0-9]+/))
			newer = number(substr($0, RSTART + 7, RLENGTH - 7))
		if (!older && !newer)
			next
		member = $0
		sub(/ *[:;[].*/, "", member)
		sub(/.*[^A-Za-z0-9_]/, "", member)
		if (!running || (older && running < older) || (newer && running >= newer))
			print struct "." member
	}' $header | jq -R . | jq -s . >"$tmp/excused"

# 3. Compare. Prints "type <tab> excused or wrong <tab> what".
cat >"$tmp/compare.jq" <<'JQ'
def flavourless: sub("___.*"; "");
def index_by_id: reduce .types[] as $t ([]; .[$t.id] = $t);

($kernel[0] | index_by_id) as $K
| ($ours[0] | index_by_id) as $O
| (reduce ($K[] | select(. != null and (.kind == "STRUCT" or .kind == "UNION" or .kind == "ENUM"
		or .kind == "ENUM64") and .name != "(anon)")) as $t
	({}; if has($t.name) then . else .[$t.name] = $t end)) as $by_name
| (reduce ($K[] | select(. != null and (.kind == "ENUM" or .kind == "ENUM64")) | .values[]) as $v
	({}; .[$v.name] = $v.val)) as $constants

# A type behind its typedefs and qualifiers.
| def plain($T; $id):
	if $id == 0 then {kind: "VOID"}
	else $T[$id] | if .kind | IN("TYPEDEF", "CONST", "VOLATILE", "RESTRICT", "TYPE_TAG")
		then plain($T; .type_id) else . end end;

# What has to be the same on both sides.
def shape($T; $id):
	plain($T; $id)
	| if .kind == "INT" or .kind == "ENUM" or .kind == "ENUM64" then "\(.size)-byte number"
	elif .kind == "PTR" then "pointer"
	elif .kind == "ARRAY" then "array of " + shape($T; .type_id)
	elif .kind == "FWD" then .fwd_kind + " " + (.name | flavourless)
	elif .kind == "STRUCT" or .kind == "UNION" then
		(.kind | ascii_downcase) + " " + (.name | flavourless)
	else .kind end;

# Members, those of unnamed structs and unions inside included, as CO-RE sees them.
def members($T):
	.members[] | . as $m
	| if .name == "(anon)" then plain($T; .type_id) | members($T) else $m end;

# $o and $k are structs; $path names ours.
def compare($o; $k; $path):
	$o | members($O) | . as $m | "\($path).\(.name)" as $name
	| first(($k | members($K) | select(.name == $m.name)), null) as $km
	| if $km == null then {missing: $name}
	elif ($m.bitfield_size // 0) != ($km.bitfield_size // 0) then
		{wrong: "\($name): \($m.bitfield_size // "no") bits, the kernel has \($km.bitfield_size // "no bit-field")"}
	elif ($m.bitfield_size // 0) > 0 then empty
	else shape($O; $m.type_id) as $os | shape($K; $km.type_id) as $ks
		| if $os != $ks and ($path | contains("___")) and ([$name] | inside($excused[0])) then
			{missing: $name} # of this name and kind
		elif $os != $ks then {wrong: "\($name): \($os), the kernel has: \($ks)"}
		else plain($O; $m.type_id) as $ot
			| if ($ot.kind == "STRUCT" or $ot.kind == "UNION") and $ot.name == "(anon)" then
				compare($ot; plain($K; $km.type_id); $name)
			elif $ot.kind == "PTR" then
				# Pointers to different structs are a mistake; void * is not.
				plain($O; $ot.type_id) as $a
				| plain($K; plain($K; $km.type_id).type_id) as $b
				| if [$a, $b] | all(.kind | IN("STRUCT", "UNION", "FWD"))
					and ($a.name | flavourless) != ($b.name | flavourless)
				then {wrong: "\($name): points to \($a.name), in the kernel to \($b.name)"}
				else empty end
			else empty end
		end
	end;

$O[] | select(. != null and (.kind | IN("STRUCT", "UNION", "ENUM")) and .name != "(anon)")
| . as $o | ($o.name | flavourless) as $base | ($by_name[$base]) as $k
| [
	if $o.name == "tcs_constants" then
		$o.values[] | (.name | ltrimstr("tcs_c_")) as $c
		| if $constants | has($c) | not then {missing: $c, excused: true}
		elif $constants[$c] != .val then
			{wrong: "\($c) is \(.val), the kernel has \($constants[$c])"}
		else empty end
	elif $k == null then {missing: $o.name}
	elif $k.kind != $o.kind then
		{wrong: "a \($o.kind | ascii_downcase), in the kernel: \($k.kind | ascii_downcase)"}
	elif $o.kind == "ENUM" then
		$o.values[] | . as $v
		| first(($k.values[] | select(.name == $v.name)), null) as $kv
		| if $kv == null then {missing: "\($o.name).\($v.name)"}
		elif $kv.val != $v.val then
			{wrong: "\($v.name) is \($v.val), the kernel has \($kv.val)"}
		else empty end
	else compare($o; $k; $o.name) end
] | map(if .missing != null and (.excused or ($o.name | contains("___"))
		or ([.missing] | inside($excused[0])))
	then "note\t\(.missing)" elif .missing != null then "wrong\t\(.missing): not in this kernel"
	else "wrong\t\(.wrong)" end)
| "type\t\($o.name)", .[]
JQ
jq -nr --slurpfile ours "$tmp/ours" --slurpfile kernel "$tmp/kernel" \
	--slurpfile excused "$tmp/excused" -f "$tmp/compare.jq" >"$tmp/result" 2>"$tmp/log" || {
	check "the types can be compared" "$(cat "$tmp/log") "
	finish
}

# 4. One test per type of ours.
tab=$(printf '\t')
name=
wrong=
while IFS=$tab read -r what text; do
	case $what in
	type)
		[ -z "$name" ] || check "$name" "$wrong"
		name=$text
		wrong=
		;;
	wrong) wrong=$wrong${wrong:+"
"}$text ;;
	note) echo "# not in this kernel, and need not be: $text" ;;
	esac
done <"$tmp/result"
[ -z "$name" ] || check "$name" "$wrong"
finish
