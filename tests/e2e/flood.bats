# SPDX-License-Identifier: GPL-2.0-only
#
# SYN floods and what looks like one: each is called what it is, and nothing else is. flood.sh runs
# all scenarios of flood.table once, several at a time; a test here is one row of what it found.

load lib.bash
load flood.bash

setup_file() {
	((EUID == 0)) || skip "needs root"
	e2e_need jq awk ip ss nstat nsenter
	e2e_build flood
	FLOOD=$FLOOD "$E2E_DIR/flood.sh" --results "$BATS_FILE_TMPDIR/results" \
		${E2E_TRUTH_ONLY:+--truth-only} >"$BATS_FILE_TMPDIR/table" 2>&1 3>&- || true
	sed 's/^/# /' "$BATS_FILE_TMPDIR/table" >&3
}

@test "every scenario has a test" {
	local name
	for name in $("$E2E_DIR/flood.sh" --list); do
		grep -q "{ right $name; }" "$E2E_DIR/flood.bats" || {
			echo "no test of $name"
			return 1
		}
	done
}

@test "the generator refuses to work anywhere but in its laboratory" {
	local got
	for where in "" "unshare -n"; do
		got=0
		# shellcheck disable=SC2086 # a list of words
		$where "$FLOOD" syn count=1 >out 2>err || got=$?
		((got == 1))
		[ ! -s out ]
		grep -q '^flood: refusing: ' err
	done
	got=0
	"$FLOOD" syn count=1 from=10.0.0.0/16 2>err || got=$?
	((got == 1))
	grep -q 'neither in' err
}

@test "the referee notices a wrong verdict, a wrong listener and a situation that is none" {
	[[ -z ${E2E_TRUTH_ONLY:-} ]] || skip "needs the tool"
	cat >wrong.table <<-END
	scenario flood_called_none
	serve backlog=64 listen=8000
	syn rate=500
	seconds 4
	audit 1.5
	expect none
	scenario other_listener
	serve backlog=64 listen=8000 listen=8001
	syn rate=500
	seconds 4
	audit 1.5
	expect syn_flood port=8001 pressure=cookies spread=distributed
	scenario clients_called_flood
	serve backlog=64 listen=8000
	connect rate=100
	seconds 2
	audit 0.5
	expect syn_flood port=8000
	scenario no_flood_at_all
	serve backlog=64 listen=8000
	connect rate=100
	seconds 2
	audit 0.1
	expect none
	truth SyncookiesSent>=1
	END
	local got=0
	FLOOD_TABLE=$PWD/wrong.table "$E2E_DIR/flood.sh" --tries 1 --results rows >out 2>&1 || got=$?
	cat out >&2
	((got == 1))
	grep -q "^flood_called_none.wrong.*audit says 'syn_flood:8000/.*live: syn_flood" rows
	grep -q "^other_listener.wrong.*audit says 'syn_flood:8000/" rows
	grep -q "^clients_called_flood.wrong.*audit says 'none'.*raised 0 times" rows
	grep -q "^no_flood_at_all.setup.*SyncookiesSent>=1, but it is 0" rows
}

@test "spoofed cookies" { right spoofed_cookies; }
@test "spoofed drops" { right spoofed_drops; }
@test "spoofed always cookies" { right spoofed_always_cookies; }
@test "spoofed three quarters" { right spoofed_three_quarters; }
@test "slow under limit" { right slow_under_limit; }
@test "slow beside clients" { right slow_beside_clients; }
@test "fills up" { right fills_up; }
@test "few sources" { right few_sources; }
@test "one source" { right one_source; }
@test "one source slow" { right one_source_slow; }
@test "one source drops" { right one_source_drops; }
@test "one prefix" { right one_prefix; }
@test "one prefix slow" { right one_prefix_slow; }
@test "everywhere" { right everywhere; }
@test "ipv6" { right ipv6; }
@test "ipv6 prefix" { right ipv6_prefix; }
@test "ipv6 slow" { right ipv6_slow; }
@test "one of two listeners" { right one_of_two_listeners; }
@test "one of two always cookies" { right one_of_two_always_cookies; }
@test "busy one of two always cookies" { right busy_one_of_two_always_cookies; }
@test "busy beside quiet always cookies" { right busy_beside_quiet_always_cookies; }
@test "beside clients" { right beside_clients; }
@test "under way" { right under_way; }
@test "slow under way" { right slow_under_way; }
@test "flood on deferred" { right flood_on_deferred; }
@test "flood on fast open" { right flood_on_fast_open; }
@test "flood on dual stack" { right flood_on_dual_stack; }
@test "flood on shared port" { right flood_on_shared_port; }
@test "ordinary clients" { right ordinary_clients; }
@test "ordinary clients everywhere" { right ordinary_clients_everywhere; }
@test "flash crowd" { right flash_crowd; }
@test "flash crowd small backlog" { right flash_crowd_small_backlog; }
@test "flash crowd tiny backlog" { right flash_crowd_tiny_backlog; }
@test "flash crowd small no cookies" { right flash_crowd_small_no_cookies; }
@test "far away" { right far_away; }
@test "far rush small backlog" { right far_rush_small_backlog; }
@test "lossy syn acks" { right lossy_syn_acks; }
@test "lossy acks" { right lossy_acks; }
@test "very lossy" { right very_lossy; }
@test "late last ack" { right late_last_ack; }
@test "port scan" { right port_scan; }
@test "service is down" { right service_is_down; }
@test "old duplicate syns" { right old_duplicate_syns; }
@test "never accepts" { right never_accepts; }
@test "accepts slowly" { right accepts_slowly; }
@test "acks come late to a full queue" { right acks_come_late_to_a_full_queue; }
@test "bursts overflow" { right bursts_overflow; }
@test "never accepts without cookies" { right never_accepts_without_cookies; }
@test "deferred clients are late" { right deferred_clients_are_late; }
@test "deferred clients fill the queue" { right deferred_clients_fill_the_queue; }
@test "health checks" { right health_checks; }
@test "idle health checks" { right idle_health_checks; }
@test "background noise" { right background_noise; }
