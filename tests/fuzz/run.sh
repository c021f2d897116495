#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - every fuzzer for some seconds, on its seeds.
#
#     tests/fuzz/run.sh SECONDS BUILD_DIR
#
# BUILD_DIR is configured with clang and -DTA_FUZZ=ON, its target fuzz built.
# What is found on the way stays in BUILD_DIR/fuzz/found; an input that crashes
# lies there as crash-*, and `BUILD_DIR/fuzz/fuzz_NAME FILE` shows it again.
# Prints "ok NAME" or "not ok NAME: why"; ends with 1 when a fuzzer failed.
set -u
[ $# -eq 2 ] || { echo "usage: tests/fuzz/run.sh SECONDS BUILD_DIR" >&2; exit 2; }
seconds=$1 build=$2 here=$(dirname "$0") failed=0 ran=0

for fuzzer in "$build"/fuzz/fuzz_*; do
	[ -f "$fuzzer" ] && [ -x "$fuzzer" ] || continue
	name=${fuzzer##*/fuzz_}
	found=$build/fuzz/found/$name
	seeds=$here/corpus/$name
	mkdir -p "$found"
	set -- "$found"
	[ -d "$seeds" ] && set -- "$found" "$seeds"
	ran=$((ran + 1))
	if "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
		-artifact_prefix="$found/" "$@" >"$found.log" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name: the input and the report are in $found and $found.log"
		failed=1
	fi
done
if [ "$ran" -eq 0 ]; then
	echo "no fuzzers in $build/fuzz: configure with CC=clang and -DTA_FUZZ=ON, build the target fuzz" >&2
	exit 2
fi
exit "$failed"
