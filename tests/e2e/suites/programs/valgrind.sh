# SPDX-License-Identifier: MIT
# valgrind.sh - its tools at preloaded programs: they find what there is, and nothing of ours.
gcc -g -O0 -pthread -o program "$HERE/program.c" || exit 1
facts() { grep -E 'ERROR SUMMARY|definitely lost|indirectly lost|All heap|Invalid|uninit|program.c|sum |Process terminating|data race|^status' | sed 's/[0-9,]* bytes allocated//'; }
memcheck() { valgrind -q --trace-children=no --leak-check=full --error-exitcode=9 ./program "$1" 2>&1; echo "status $?"; }
for how in fine:0 beyond:9 unset:9 leak:9 crash:139; do
	same "${how%:*}" eval 'memcheck ${how%:*} 2>/dev/null | facts | tee said'
	is "${how%:*}_status" "status ${how#*:}" tail -n 1 said
done
is beyond_found yes bash -c 'valgrind -q --trace-children=no ./program beyond 2>&1 | grep -q "Invalid write of size 1" && echo yes'

# under OPTION...: runs the program; $main is its process.
under() {
	valgrind "$@" ./program &
	main=$!
	wait $main
	echo "status $?"
}
# What is left, how often blocks were taken and given back, what is wrong.  Not how large they were: a thread
# has a table with a place for every library.
account() { grep -E 'ERROR SUMMARY|in use at exit|total heap usage' "$1" | sed -e 's/^==[0-9]*==//' -e 's/[0-9,]* bytes allocated//' | paste -sd ' '; }
# Children report, too.  One that starts an agent takes nothing and has no errors, and the one that becomes the agent has
# only a heading; everything else is compared.
heap() {
	under --log-file=heap.%p
	account "heap.$main"
	for report in heap.*; do [ "$report" = "heap.$main" ] || account "$report"; done | grep -v -e '^$' -e ' 0 allocs, 0 frees.* 0 errors'
}
same heap heap
is helgrind 'sum 1015
0' bash -c "$(declare -f facts); valgrind -q --tool=helgrind --error-exitcode=9 ./program 2>&1 | facts; echo \${PIPESTATUS[0]}"
is drd 'sum 1015
0' bash -c "$(declare -f facts); valgrind -q --tool=drd --error-exitcode=9 ./program 2>&1 | facts; echo \${PIPESTATUS[0]}"
# The program's own functions take as many instructions as ever; how much that is of the whole is another matter.
callgrind() {
	under -q --tool=callgrind --callgrind-out-file=out.%p
	callgrind_annotate --threshold=100 --auto=no "out.$main" | sed -n 's/^ *\([0-9,]*\) ([^)]*)  *[^ =]*program\.c:\([^ ]*\) .*/\1 \2/p' | sort
}
same callgrind callgrind
is massif 'sum 1015
0' bash -c 'valgrind -q --tool=massif --massif-out-file=massif ./program; echo $?'
