#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# --help (of the program and of each of its commands), the man page and the completions name the
# same long options; the man page and the completions have every name that can be explained, the
# page with the same words; mandoc finds nothing wrong with the page; and the READMEs name the files
# that are there.

. "$(dirname "$0")/tap.inc"

program=./tcpconnstate
page=src/man/tcpconnstate.8

# The long options in the text on stdin.
options() {
	grep -oE -- '(^|[^A-Za-z0-9-])--[a-z][a-z0-9-]*' | sed 's/^[^-]//' | sort -u
}
all_help() {
	$program --help
	# Commands: the indented words below a heading with that name.
	$program --help | awk '
		/^[A-Za-z]/ { inside = tolower($0) ~ /^commands?( |:|$)/; next }
		inside && /^ +[a-z]/ { print $1 }' | while read -r command; do
		$program "$command" --help
	done
}
# mandoc prints bold as x\bx.
page_text() {
	mandoc -T ascii -O width=200 "$page" | sed "s/.$(printf '\b')//g"
}
# "name: summary" of everything that can be explained, by the program and by the man page.
explained() {
	$program explain | sed -n 's/^  \([^ ][^ ]*\)  */\1: /p' | sort
}
paged_names() {
	awk '
		/^\.Sh / { inside = /^\.Sh (STATES|FINDINGS|CLOSE REASONS)$/; name = ""; next }
		inside && /^\.It / { name = $3; next }
		inside && name != "" && /^[^.]/ { print name ": " $0; name = "" }' "$page" | sort
}
# The files that a README names: in backticks or links, relative to its own folder or the top one;
# x stands for any name.
named() {
	# shellcheck disable=SC2016 # these are no commands
	grep -oE '`[A-Za-z0-9_/.*-]+\.(c|h|sh|bats|bash|awk|jq|table|json|def|8)`|\]\([A-Za-z0-9_/.-]+\)' "$1" |
		tr -d '`]()' | sed 's/_x\.c$/_*.c/' | sort -u
}
not_there() {
	folder=$(dirname "$1")
	named "$1" | while read -r f; do
		# shellcheck disable=SC2086 # patterns
		ls -d $folder/$f >/dev/null 2>&1 || ls -d $f >/dev/null 2>&1 || echo "$f"
	done
}
# The tests and helpers of its folder that it does not name.
not_named() {
	for f in "${1%/*}"/*.bats "${1%/*}"/*.c "${1%/*}"/*.sh; do
		[ -e "$f" ] || continue
		named "$1" | while read -r pattern; do
			# shellcheck disable=SC2254 # a pattern
			case ${f##*/} in $pattern) echo named ;; esac
		done | grep -q named || echo "${f##*/}"
	done
}
# What the first list has and the second has not.
lacks() {
	echo "$1" | while read -r o; do
		echo "$2" | grep -qxF -- "$o" || echo "$o"
	done
}

if [ -e "$page" ]; then
	need mandoc
	check "mandoc finds nothing wrong with the man page" \
		"$(mandoc -T lint -W warning "$page" 2>&1)"
fi

for readme in README.md SECURITY.md tests/*/README.md; do
	check "what $readme names is there" "$(not_there "$readme")"
done
for folder in e2e bench kernels container soak; do
	check "tests/$folder/README.md names every test and helper" \
		"$(not_named tests/$folder/README.md)"
done

[ -x $program ] || skip_all "$program is not built"
help=$(all_help 2>&1 | options)
check "--help names itself" "$(lacks --help "$help")"

if [ -e "$page" ]; then
	paged=$(page_text | options)
	check "every option of --help is in the man page" "$(lacks "$help" "$paged")"
	check "every option of the man page is in --help" "$(lacks "$paged" "$help")"
	check "what can be explained is in the man page, in the same words" \
		"$(lacks "$(explained)" "$(paged_names)")"
	check "what the man page lists can be explained" "$(lacks "$(paged_names)" "$(explained)")"
else
	skip "man page" "there is none yet"
fi
for shell in bash zsh; do
	completed=$($program --completion $shell | options)
	check "every option of --help is completed in $shell" "$(lacks "$help" "$completed")"
	check "every option completed in $shell is in --help" "$(lacks "$completed" "$help")"
	check "every name that can be explained is completed in $shell" \
		"$($program explain --json | sed 's/.*"name":"\([^"]*\)".*/\1/' | while read -r name; do
			$program --completion $shell | grep -qw -- "$name" || echo "$name"
		done)"
	if command -v $shell >/dev/null; then
		check "$shell can read its completion" \
			"$($program --completion $shell 2>&1 | $shell -n 2>&1)"
	else
		skip "$shell can read its completion" "$shell is not installed"
	fi
done
finish
