# SPDX-License-Identifier: MIT
# sanitizers.sh - programs built with sanitizers: the same findings, none of ours.
# ASan wants to be first among the libraries unless it is told otherwise.
export ASAN_OPTIONS=verify_asan_link_order=0
facts() { grep -E 'ERROR:|SUMMARY:|WARNING:|runtime error|sum ' | sed 's/pid[= ][0-9]*//g; s/T[0-9]*//g'; }
for tool in gcc clang; do
	for kind in address thread undefined; do
		$tool -g -O1 -w -pthread -fsanitize=$kind -o "$tool-$kind" "$HERE/program.c" 2>/dev/null || continue
		for how in fine crash beyond leak; do
			[ $kind = address ] || [ $how = fine ] || [ $how = crash ] || continue
			same "$tool-$kind-$how" bash -c "$(declare -f facts); ./$tool-$kind $how 2>&1 | facts; echo \${PIPESTATUS[0]}"
		done
	done
done
