# SPDX-License-Identifier: GPL-2.0-only
#
# What is wrong with lines of JSON, by tests/schema.json: one sentence each, nothing if all is well.
#
#     jq -nr --slurpfile schema tests/schema.json -f tests/schema.jq FILE...
#
# The keywords of JSON Schema that the schema uses, and no others: one that is not known here is an
# error, not a rule that nobody keeps. Beyond JSON Schema it asks for the order of the keys.

$schema[0]["$defs"] as $defs |

def named: ltrimstr("#/$defs/") as $name | $defs[$name] // error("there is no $defs/" + $name);

# ($type would take the place of jq's own type.)
def is($kind):
	if $kind == "integer" then type == "number" and . == floor else type == $kind end;

def wrong($s; $at):
	def unless(ok; $text): if ok then empty else "\($at): \(tojson) \($text)" end;
	. as $v |
	if $s | has("$ref") then wrong($s["$ref"] | named; $at) else
		($s | keys_unsorted[] | . as $key |
			select(["description", "type", "const", "enum", "pattern", "minLength", "minimum", "maximum",
				"anyOf", "properties", "required", "additionalProperties", "items", "prefixItems",
				"minItems", "maxItems", "uniqueItems"] | index($key) | not) |
			error("schema.jq does not know " + $key)),
		(select($s | has("type")) | unless(any([$s.type] | flatten[]; . as $t | $v | is($t)); "is no \($s.type)")),
		(select($s | has("const")) | unless(. == $s.const; "is not \($s.const)")),
		(select($s | has("enum")) | unless(. as $v | any($s.enum[]; . == $v); "is none of \($s.enum)")),
		(select($s.anyOf) | unless(. as $v | any($s.anyOf[]; . as $one | [$v | wrong($one; $at)] == []); "is nothing of what it may be")),
		(strings |
			(select($s.pattern) | unless(test($s.pattern); "is not like \($s.pattern)")),
			(select($s.minLength) | unless(length >= $s.minLength; "is too short"))),
		(numbers |
			(select($s | has("minimum")) | unless(. >= $s.minimum; "is below \($s.minimum)")),
			(select($s | has("maximum")) | unless(. <= $s.maximum; "is above \($s.maximum)"))),
		(arrays |
			unless(length >= ($s.minItems // 0); "has too few"),
			unless(length <= ($s.maxItems // infinite); "has too many"),
			(select($s.uniqueItems) | unless(unique | length == ($v | length); "says something twice")),
			(range(length) as $i |
				($s.prefixItems[$i]? // $s.items // error("what are the items of \($at)?")) as $item |
				.[$i] | wrong($item; "\($at)[\($i)]"))),
		(objects |
			unless(keys_unsorted == $s.required; "has not the keys, in this order: \($s.required | join(" "))"),
			(keys_unsorted[] as $key | select($s.properties[$key]) |
				.[$key] | wrong($s.properties[$key]; "\($at).\($key)")))
	end;

# Where keys are fixed they are all required, and there are no others; the schema says so itself.
($defs | to_entries[] | .key as $name | .value | .. | objects | select(.type == "object" and has("properties")) |
	select(.additionalProperties != false or .required != (.properties | keys_unsorted)) |
	"schema.json: \($name) does not ask for all of its keys, or for others"),
([$schema[0].oneOf[]["$ref"] | ltrimstr("#/$defs/")] as $types |
	inputs | (.type? // "none") as $line |
	if any($types[]; . == $line) then
		wrong($defs[$line]; $line)
	else
		"there is no type \($line): \(tojson)"
	end)
