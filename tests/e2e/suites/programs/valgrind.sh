# SPDX-License-Identifier: MIT
# valgrind.sh - its tools at preloaded programs: they find what there is, and nothing of ours.
gcc -g -O0 -pthread -o program "$HERE/program.c" || exit 1
facts() { grep -E 'ERROR SUMMARY|definitely lost|indirectly lost|All heap|Invalid|uninit|program.c|sum |Process terminating|data race' | sed 's/[0-9,]* bytes allocated//'; }
memcheck() { valgrind -q --trace-children=no --leak-check=full --error-exitcode=9 ./program "$1" 2>&1; echo "status $?"; }
for how in fine beyond unset leak crash; do same "$how" bash -c "$(declare -f memcheck facts); memcheck $how | facts"; done
# Children report, too, at the same time; that which starts an agent is one.
same heap bash -c "$(declare -f facts); valgrind ./program 2>&1 | grep -E 'ERROR SUMMARY|in use at exit' | sed 's/==.*==//' | sort -u"
same helgrind bash -c "$(declare -f facts); valgrind -q --tool=helgrind --error-exitcode=9 ./program 2>&1 | facts; echo \${PIPESTATUS[0]}"
same drd bash -c "$(declare -f facts); valgrind -q --tool=drd --error-exitcode=9 ./program 2>&1 | facts; echo \${PIPESTATUS[0]}"
same callgrind bash -c 'valgrind -q --tool=callgrind --callgrind-out-file=out ./program; echo $?; callgrind_annotate --threshold=100 out | grep -q "program.c:deeper" && echo deeper'
same massif bash -c 'valgrind -q --tool=massif --massif-out-file=massif ./program; echo $?'
