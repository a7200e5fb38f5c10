# SPDX-License-Identifier: GPL-2.0-only
#
# An unprivileged user fills the tables of the program from namespaces of their own: floods of
# others are found all the same. flood.sh runs the scenarios of crowd.table one after the other.

load lib.bash
load flood.bash

setup_file() {
	((EUID == 0)) || skip "needs root"
	e2e_need jq awk ip ss nstat nsenter setpriv unshare
	e2e_build flood
	FLOOD=$FLOOD FLOOD_TABLE=$E2E_DIR/crowd.table "$E2E_DIR/flood.sh" --jobs 1 \
		--results "$BATS_FILE_TMPDIR/results" ${E2E_TRUTH_ONLY:+--truth-only} \
		>"$BATS_FILE_TMPDIR/table" 2>&1 3>&- || true
	sed 's/^/# /' "$BATS_FILE_TMPDIR/table" >&3
}

@test "flood beside self-connects" { right flood_beside_self_connects; }
@test "flood beside many listeners" { right flood_beside_many_listeners; }
@test "flood beside many findings" { right flood_beside_many_findings; }
