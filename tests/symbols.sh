#!/bin/sh
# SPDX-License-Identifier: MIT
# symbols.sh - what libtagalong.so exports, needs and calls.
#
#   tests/symbols.sh [BUILD_DIR]
#
# A name too many replaces somebody's function; a library too many changes the
# program; a call to one of our own hooks would be a loop.
set -u
cd "$(dirname "$0")/.."
build=${1:-build}
library=$build/libtagalong.so
failed=0
ok() { echo "ok symbols/$1"; }
not_ok() { echo "not ok symbols/$1: $2"; failed=1; }
# verdict NAME BAD: BAD is what was found that should not be there.
verdict() {
	if [ -z "$2" ]; then ok "$1"; else not_ok "$1" "$(echo $2)"; fi
}

[ -r "$library" ] || {
	not_ok library "$library is missing; run scripts/build"
	exit 1
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

sed -n 's/^HOOK\(_VA\|_ASM\|_LATE\)\{0,1\}([a-z0-9_]*, *\([A-Za-z0-9_]*\).*/\2/p' hooks/hooks.def |
	sort -u >"$tmp/hooks"
[ -s "$tmp/hooks" ] || { not_ok hooks.def "no HOOK rows found"; exit 1; }
{ cat "$tmp/hooks"; echo tagalong_api_v1; } | sort -u >"$tmp/wanted"
nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u >"$tmp/exports"
nm -D --undefined-only "$library" | awk '{ sub(/@.*/, "", $2); print $2 }' | sort -u >"$tmp/imports"
readelf -dW "$library" >"$tmp/dynamic"
readelf -lW "$library" >"$tmp/segments"

verdict exports-too-many "$(comm -13 "$tmp/wanted" "$tmp/exports")"
verdict exports-missing "$(comm -23 "$tmp/wanted" "$tmp/exports")"
grep -v '^#' tests/symbols.imports | tr ' ' '\n' | sort -u >"$tmp/may-import"
verdict imports-too-many "$(comm -13 "$tmp/may-import" "$tmp/imports")"
verdict calls-own-hooks "$(comm -12 "$tmp/hooks" "$tmp/imports")"
verdict needed-libraries "$(sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' "$tmp/dynamic" |
	grep -v -e '^libc\.so\.6$' -e '^ld-linux')"
verdict no-text-relocations "$(grep -e '(TEXTREL)' -e 'FLAGS.*TEXTREL' "$tmp/dynamic")"
verdict stack-not-executable "$(awk '/GNU_STACK/ { seen = 1; if ($7 ~ /E/) print "executable" }
	END { if (!seen) print "no GNU_STACK" }' "$tmp/segments")"
verdict bind-now "$(grep -q -e BIND_NOW -e 'FLAGS_1.*NOW' "$tmp/dynamic" || echo 'not set')"
verdict no-delete "$(grep -q 'FLAGS_1.*NODELETE' "$tmp/dynamic" || echo 'not set')"
# Versioned definitions are never bound to accept@GLIBC_2.2.5 and its like; only names of which libc has two versions
# that are not the same function have versions here, both of them.
nm -D --defined-only "$library" | sed -n 's/.* T \(.*@.*\)/\1/p' | sort >"$tmp/versioned"
printf '#include "hooks/hooks.def"\n' | gcc -E -P -x c -I. \
	'-DHOOK(...)=' '-DHOOK_VA(...)=' '-DHOOK_ASM(...)=' '-DHOOK_OLD(family, name, version, ...)=old name version' - |
	sed -n 's/^old \([^ ]*\) \([^ ]*\)/\1@\2/p' | sort >"$tmp/old"
verdict exports-old-versions "$(grep -v @@ "$tmp/versioned" | comm -3 - "$tmp/old")"
verdict exports-unversioned "$(sed 's/@.*//' "$tmp/old" | sort >"$tmp/two-versions"
	sed -n 's/@@.*//p' "$tmp/versioned" | sort | comm -3 - "$tmp/two-versions")"

tls=$(awk '$1 == "TLS" { print $6 }' "$tmp/segments")
tls=$((${tls:-0}))
if [ "$tls" -le 256 ]; then
	ok "tls ($tls bytes)"
else
	not_ok tls "$tls bytes of static TLS; 256 are a preload's share"
fi

# Every symbol has to be there when the loader binds at once.
said=$(env LD_PRELOAD="$(realpath "$library")" LD_BIND_NOW=1 TAGALONG_DISABLED=1 /bin/true 2>&1)
verdict loads "$said"

# One build loads on all systems since 2013 (docs/portability.md).
oldest=2.17
newest=$(readelf -VW "$library" | sed -n '/Version needs/,$ s/.*Name: GLIBC_\([0-9.]*\).*/\1/p' | sort -Vu | tail -n 1)
if [ -n "$newest" ] && [ "$(printf '%s\n' "$newest" $oldest | sort -V | tail -n 1)" = $oldest ]; then
	ok "oldest-glibc ($newest)"
else
	not_ok oldest-glibc "needs glibc ${newest:-of no version}, more than $oldest"
fi
# What a libc other than glibc lacks is weak, or the program under it would not start.
strong() { nm -D --undefined-only "$library" | awk '$1 == "U" { sub(/@.*/, "", $2); print $2 }' | sort -u; }
verdict other-libc "$(strong | grep -x -e '__libc_.*' -e '__register_atfork' -e '__pthread_.*' \
	-e dlvsym -e dladdr1 -e on_exit -e gnu_get_libc_version)"
exit $failed
