#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What every file keeps to, whatever formats it.

. "$(dirname "$0")/tap.inc"

# The project's files; in a release, where there is no git, all but what was built.
if [ -e .git ] && list=$(git ls-files --cached --others --exclude-standard 2>/dev/null); then
	:
else
	list=$(find . -path ./build -prune -o -path ./.git -prune -o -type f -print | sed 's/^..//')
fi
list=$(echo "$list" | while read -r f; do [ ! -f "$f" ] || echo "$f"; done)

of() {
	echo "$list" | grep -E "$1"
}
# in FILES REGULAR_EXPRESSION: the places where it stands.
in_files() {
	echo "$1" | xargs grep -nHE "$2" /dev/null
}

tab=$(printf '\t')
c=$(of '\.([ch]|def)$')
h=$(of '^(src|bpf)/.*\.h$')
text=$(of '(\.([ch]|def|sh|bats|inc|md|8|yml)|(^|/)(Makefile|LAYERS|run|\.[a-z-]+))$')

check "no blanks at the end of a line" "$(in_files "$text" "[ $tab]+\$")"
check "no blank before a tab" "$(in_files "$c" " $tab")"
check "no carriage returns" "$(in_files "$text" "$(printf '\r')")"
check "every file ends with a newline" "$(echo "$text" | while read -r f; do
	[ -z "$(tail -c 1 "$f")" ] || echo "$f"
done)"
check "at most 100 columns in C" "$(echo "$c" | while read -r f; do
	expand "$f" | awk -v f="$f" 'length > 100 { print f ":" NR ": " length " columns" }'
done)"
check "every header opens with what it is (\"x.h - ...\")" "$(echo "$h" | while read -r f; do
	head -n 12 "$f" | grep -q "^ \* ${f##*/} - " || echo "$f"
done)"
check "every header has a guard with its name" "$(echo "$h" | while read -r f; do
	guard=$(echo "${f##*/}" | tr 'a-z.' 'A-Z_')
	guard=TCS_${guard#TCS_}
	{ grep -q "^#ifndef $guard\$" "$f" && grep -q "^#define $guard\$" "$f"; } ||
		echo "$f: not $guard"
done)"
check "every file of code names its licence" "$(of '\.([ch]|sh|bats)$' | while read -r f; do
	head -n 4 "$f" | grep -q 'SPDX-License-Identifier: ' || echo "$f"
done)"
finish
