# SPDX-License-Identifier: MIT
# prelude.sh SCRIPT - runs a script of this directory, with what they all use.
#
#   same NAME COMMAND...      status and output are what they are: the same in all modes
#   is NAME TEXT COMMAND...   and the output has to be TEXT
#   until_there COMMAND...    waits, at most 20 s, until it succeeds
#   background COMMAND...     started, ended with the script; $! is its pid
#
# Verdicts, a line each: name, outcome, value, detail, with tabs between.
grep -q libtagalong /proc/self/maps && echo loaded >"$SUITE_VERDICTS" || echo plain >"$SUITE_VERDICTS"
HERE=$(dirname "$0")
started=()
trap 'for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; done; wait' EXIT
export PATH=$PATH:$(dirname "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | head -n 1)" 2>/dev/null)

# What differs from run to run without meaning anything.
common_words() {
	sed -e "s#$SUITE_PLACE#PLACE#g" -e "s#\b$SUITE_PORT\b#PORT#g" -e "s#\b$SUITE_PORT2\b#PORT2#g" \
		-e 's#0x[0-9a-f]\{6,\}#ADDRESS#g' -e 's#==[0-9]\{1,\}==#==PID==#g' \
		-e 's#\(line [0-9]*:\) *[0-9]\+ #\1 PID #'
}

verdict() {
	printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$(tail -n 3 <<<"$4" | cut -c 1-200 | tr '\t\n\r' '   ')" >>"$SUITE_VERDICTS"
	[ -z "$SUITE_SAY" ] || printf '%s: %s\n' "$1" "$4"
}

same() {
	local name=$1 out status
	shift
	out=$("$@" 2>&1 </dev/null)
	status=$?
	out=$(common_words <<<"$out")
	verdict "$name" passed "$status, $(sha256sum <<<"$out" | cut -c 1-12)" "$out"
}

is() {
	local name=$1 wanted=$2 out
	shift 2
	out=$("$@" 2>&1 </dev/null)
	[ "$out" = "$wanted" ] && verdict "$name" passed "as it should be" "$out" || verdict "$name" failed "not $wanted" "$out"
}

until_there() {
	for ((tries = 0; tries < 200; tries++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	return 1
}

listens() {
	local wanted
	wanted=$(printf ':%04X' "$1")
	awk -v wanted="$wanted" '$2 ~ wanted "$" && $4 == "0A" { found = 1 } END { exit !found }' /proc/net/tcp
}

background() {
	"$@" </dev/null &
	started+=($!)
}

. "$1"
