# compare.jq - what the tool printed against the kernel's trace and against the scenario's word
#
#   jq -rn --slurpfile truth T --slurpfile expect E --slurpfile tool J \
#      --argjson tool_given true -f compare.jq
#
# Prints one line per difference and nothing when all agree.
#
#   (a) the sockets' lives (sequence of states, addresses) in the trace and in the tool's output
#       are the same, exactly; times agree within $slack_us
#   (b) every life the scenario expects is there, with every field it vouches for; and, unless
#       the scenario is loose, no other life is
#
# A life ends with ->close: the kernel reuses the address of a socket, and one socket may
# connect again and keep its cookie.

def slack_us: 20000;

def known($v): $v != null and $v != 0;

# Events in order -> lives, in order of their first event.
def lives:
	reduce .[] as $e ({open: {}, all: []};
		(.open[$e.id] // (.all | length)) as $i
		| .all[$i] += [$e]
		| if $e.new == "close" then del(.open[$e.id]) else .open[$e.id] = $i end)
	| .all
	| map({
		events: .,
		seq: ([.[0].old] + map(.new) | join(">")),
		chained: ([range(1; length) as $i | .[$i].old == .[$i - 1].new] | all),
		lport: (map(.lport | select(known(.))) | last),
		rport: (map(.rport | select(known(.))) | last)
	})
	| map(.laddr = (if .lport == null then null else (.lport as $p | .events
		| map(select(.lport == $p) | .laddr) | last) end)
	    | .raddr = (if .rport == null then null else (.events | map(.raddr) | last) end)
	    | .id = "\(.laddr // "-"):\(.lport // "-") \(.raddr // "-"):\(.rport // "-") \(.seq)");

def of_truth: [$truth[] | select(.type == "state")
	| . + {id: .sk, old_state: .old, kernel_new_state: .new}] | lives;

def of_tool($lab): [$tool[] | select(.type == "state")
	| select(((.laddr // "") + " " + (.raddr // "")) as $both
		| ($both | contains($lab.net4)) or ($both | contains($lab.net6))
		or (((.laddr // "::") == "::" or .laddr == "0.0.0.0")
		    and (.lport // 0) >= $lab.port and (.lport // 0) < $lab.port + 50))
	| . + {id: .cookie, old: .old_state, new: .kernel_new_state}] | lives;

def fits($want; $have):
	if ($want | type) == "array" then any($want[]; . == $have) else $want == $have end;

# What differs between an expected life and an actual one with the same path; $keys null: all.
def differences($want; $have; $keys):
	range($want | length) as $i
	| $want[$i] as $w | $have.events[$i] as $h
	| ($w | keys_unsorted[]) as $k
	| select($k != "life" and $k != "socket")
	| select($keys == null or ($keys | index($k)))
	| select(fits($w[$k]; $h[$k]) | not)
	# unknown to the user; in the trace 0, or what the socket used before connect(AF_UNSPEC)
	| select(($keys != null and $k == "lport" and $w[$k] == null) | not)
	| "\($w.socket) \($w.old_state)->\($w.new_state): \($k) is \($h[$k] | tojson), expected \($w[$k] | tojson)";

# Who acts on a socket in its own context is the current task of that event.
def actors($want; $have):
	range($want | length) as $i
	| select($want[$i].owner_source == "task" and $want[$i].pid != $have.events[$i].current)
	| "\($want[$i].socket) ->\($want[$i].new_state): done by \($have.events[$i].current), expected \($want[$i].pid)";

def expected: [$expect[] | select(has("life"))] | group_by(.life);

def path: [.[0].old_state] + map(.kernel_new_state) | join(">");

# Pair each expected life with the first unused actual one; report what is missing or left.
def judge($who; $lives; $keys; $strict):
	reduce expected[] as $want ({left: $lives, say: []};
		($want | path) as $seq | ($want | last) as $w
		| [.left | to_entries[]
			| select(.value.seq == $seq)
			| select(($w.lport == null or $w.lport == .value.lport)
			     and ($w.rport == null or $w.rport == .value.rport))
			| select((($w | has("lport")) and $w.lport == null and .value.lport != null) | not)
			| .key] as $hits
		| if ($hits | length) == 0 then
			.say += ["\($who) has no \($w.socket) \($w.lport // "-"):\($w.rport // "-") \($seq)"]
		else
			.say += [differences($want; .left[$hits[0]]; $keys) | "\($who): \(.)"]
			| .say += [if $keys then actors($want; .left[$hits[0]]) else empty end | "\($who): \(.)"]
			| .left |= del(.[$hits[0]])
		end)
	| .say[], (select($strict) | .left[] | "\($who) has a life that nobody expects: \(.id)");

def fields: ["ts", "mono_ns", "cookie", "netns", "family", "laddr", "lport", "raddr", "rport",
	"old_state", "new_state", "kernel_new_state", "tw_substate", "duration_us", "direction",
	"pid", "comm", "uid", "cgroup", "owner_source", "rtt_us", "reason", "recovered"];

# Times and the things that hold for every line.
def every_line($have; $real):
	($have[] | select(.chained | not) | "tool: broken chain in \(.id)"),
	($have[].events[] | . as $e
		| (fields[] | select(. as $f | $e | has($f) | not) | "tool: no field \(.)"),
		(select($e.new_state != $e.kernel_new_state and
			($e.new_state != "time_wait" or $e.kernel_new_state != "close"))
			| "tool: new_state \($e.new_state) for \($e.kernel_new_state)"),
		(select($e.reason == null and ($e.new_state == "close" or $e.new_state == "time_wait"))
			| "tool: no reason at \($e.old_state)->\($e.new_state) of port \($e.lport)")),
	(([$have, $real] | map(sort_by(.id))) as [$h, $r]
		| range([$h, $r] | map(length) | min) as $i
		| select($h[$i].id == $r[$i].id)
		| range($h[$i].events | length) as $k
		| $h[$i].events[$k] as $e | $r[$i].events[$k] as $t
		| ((($e.mono_ns | tonumber) / 1000 - $t.ts_us) | fabs) as $off
		| (select($off > slack_us) | "tool: \($h[$i].id) event \($k) is \($off) us off the trace"),
		# in_syn_recv is the handshake, measured by the kernel, not a difference of two events
		(select($k > 0 and ($e.old_state == "syn_recv" and $e.new_state == "established" | not))
			| ($t.ts_us - $r[$i].events[$k - 1].ts_us) as $d
			| select($e.duration_us == null or (($e.duration_us - $d) | fabs) > slack_us)
			| "tool: \($h[$i].id) event \($k) lasted \($e.duration_us) us, the trace says \($d)"),
		# but one that connects again has spent a known time in CLOSE
		(select($k == 0 and $e.duration_us != null and $e.old_state == "close"
			and ([$have[] | select(.events[0].cookie == $e.cookie)] | length) == 1)
			| "tool: \($h[$i].id) begins with a duration of \($e.duration_us) us"));

def synacks($lab): map(select(.type == "synack" or .type == "synack_retransmit")
	| select((.laddr | startswith($lab.net4)) or (.laddr | startswith($lab.net6)))
	| "\(.laddr):\(.lport) \(.raddr):\(.rport)") | sort;

([$expect[] | select(.lab)] | first) as $lab
| ([$expect[] | select(.done)] | first) as $done
| of_truth as $real
| (select($done == null) | "the scenario did not finish"),
  judge("trace"; $real; ["lport", "rport", "laddr", "raddr", "old_state", "kernel_new_state"];
	($done.strict // false)),
  (select($tool_given)
	| of_tool($lab) as $have
	| (select(($have | map(.id) | sort) != ($real | map(.id) | sort))
		| (($have | map(.id)) - ($real | map(.id)) | .[] | "only the tool has: \(.)"),
		  (($real | map(.id)) - ($have | map(.id)) | .[] | "only the trace has: \(.)"),
		  "tool \($have | length) lives, trace \($real | length)"),
	  judge("tool"; $have; null; ($done.strict // false)),
	  every_line($have; $real),
	  (select(($tool | synacks($lab)) != ($truth | synacks($lab)))
		| "synack_retransmit: tool \($tool | synacks($lab)), trace \($truth | synacks($lab))"))
