# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# flood.bash - verdicts of flood.sh, which setup_file() has written into $BATS_FILE_TMPDIR/results

# right SCENARIO: the verdict is what the table expects
right() {
	local name how why
	while IFS=$'\t' read -r name how why; do
		[[ $name == "$1" ]] || continue
		[[ $how == skip ]] && skip "$why"
		[[ $how == ok ]] && return
		echo "$how: $why" >&2
		return 1
	done <"$BATS_FILE_TMPDIR/results"
	echo "no verdict on $1:" >&2
	cat "$BATS_FILE_TMPDIR/table" >&2
	return 1
}
