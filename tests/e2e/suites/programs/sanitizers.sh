# SPDX-License-Identifier: MIT
# sanitizers.sh - programs built with sanitizers: the same findings, none of ours.
FIRST=
facts() { grep -E 'ERROR:|SUMMARY:|WARNING:|runtime error|sum ' | sed 's/pid[= ][0-9]*//g; s/T[0-9]*//g'; }
# run PROGRAM HOW: what it finds, and its status.
run() {
	env ${FIRST:+"LD_PRELOAD=$FIRST${LD_PRELOAD:+:$LD_PRELOAD}"} "./$1" "$2" >said 2>&1
	echo "status $?" >>said
	facts <said
	tail -n 1 said
}
# What has to be in what is said; of a leak and a write beyond a block only ASan knows.
true_of() {
	case $1 in
	fine) echo 'sum 1015|status 0' ;;
	crash) echo 'SEGV|null pointer|DEADLYSIGNAL|status 139' ;;
	beyond) echo 'heap-buffer-overflow' ;;
	leak) echo 'LeakSanitizer: detected memory leaks' ;;
	esac
}
finds() {
	same "$1-$3" run "$2" "$3"
	is "$1-$3-true" yes bash -c "grep -qE '$(true_of "$3")' said && echo yes"
}

for tool in gcc clang; do
	for kind in address thread undefined; do
		same "$tool-$kind" $tool -g -O1 -w -pthread -fsanitize=$kind -o "$tool-$kind" "$HERE/program.c"
		# gcc's ASan is a library of its own, which wants to be first unless it is told otherwise (docs/limits.md).
		unset ASAN_OPTIONS
		[ $tool-$kind != gcc-address ] || export ASAN_OPTIONS=verify_asan_link_order=0
		for how in fine crash beyond leak; do
			[ $kind = address ] || [ $how = fine ] || [ $how = crash ] || continue
			finds "$tool-$kind" "$tool-$kind" $how
		done
	done
done

# Without that option: when it is first, and when it is in the program.
unset ASAN_OPTIONS
same static gcc -g -O1 -w -pthread -fsanitize=address -static-libasan -o gcc-static "$HERE/program.c"
for how in fine crash beyond leak; do
	FIRST=$(realpath "$(gcc -print-file-name=libasan.so)")
	finds gcc-first gcc-address $how
	FIRST=
	finds gcc-static gcc-static $how
done
