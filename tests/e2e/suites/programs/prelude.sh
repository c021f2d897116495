# SPDX-License-Identifier: MIT
# prelude.sh SCRIPT - runs a script of this directory, with what they all use.
#
#   same NAME COMMAND...           ends with 0, and its output is the same in all modes
#   fails NAME STATUS COMMAND...   the same, but it has to end with STATUS
#   is NAME TEXT COMMAND...        ends with 0, and its output has to be TEXT
#   until_there COMMAND...         waits, at most 20 s, until it succeeds; if it never does the script ends, failed
#   background COMMAND...          started, ended with the script; $! is its pid
#   in_sandbox PID                 whether a child of it under a seccomp filter has the library as it has
#   cannot REASON                  this script has nothing to do here: it is skipped
#
# Verdicts, a line each: name, outcome, value, detail, with tabs between.
grep -q libtagalong /proc/self/maps && echo loaded >"$SUITE_VERDICTS" || echo plain >"$SUITE_VERDICTS"
HERE=$(dirname "$0")
started=()
end_started() {
	for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; done
	wait
}
trap end_started EXIT
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
	local name=$1
	shift
	fails "$name" 0 "$@"
}

fails() {
	local name=$1 wanted=$2 out status outcome=passed
	shift 2
	out=$("$@" 2>&1 </dev/null)
	status=$?
	out=$(common_words <<<"$out")
	[ "$status" = "$wanted" ] || outcome=failed
	verdict "$name" "$outcome" "$status, $(sha256sum <<<"$out" | cut -c 1-12)" "$out"
}

is() {
	local name=$1 wanted=$2 out status
	shift 2
	out=$("$@" 2>&1 </dev/null)
	status=$?
	[ "$status" = 0 ] && [ "$out" = "$wanted" ] && verdict "$name" passed "as it should be" "$out" ||
		verdict "$name" failed "status $status, $(common_words <<<"$out" | sha256sum | cut -c 1-12)" "$out"
}

until_there() {
	for ((tries = 0; tries < 200; tries++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	verdict "until $(common_words <<<"$*" | tr '\t\n' '  ' | cut -c 1-60)" failed "not within 20 s" "$("$@" 2>&1)"
	exit 1
}

cannot() {
	verdict "all of it" skipped "" "$1"
	exit 0
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

# in_sandbox PID: a process below it that is under a seccomp filter, once there is one; says whether the library is in
# there as it is in PID.
in_sandbox() {
	local all=$1 more=$1 child
	while more=$(ps -o pid= --ppid "$(paste -sd , <<<"$more" | tr -d ' ')"); [ -n "$more" ]; do all+=" $more"; done
	child=$(grep -ls '^Seccomp:[[:space:]]*2' $(sed 's#[0-9]\+#/proc/&/status#g' <<<"$all") | head -n 1 | tr -cd 0-9)
	[ -n "$child" ] || return 1
	[ "$(grep -c libtagalong "/proc/$child/maps")" = "$(grep -c libtagalong "/proc/$1/maps")" ] && echo "the library as in the parent"
}

. "$1"
