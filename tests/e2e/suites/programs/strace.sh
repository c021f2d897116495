# SPDX-License-Identifier: MIT
# strace.sh - a tracer at a preloaded program: what the program itself calls is what it calls.
gcc -g -O0 -pthread -o program "$HERE/program.c" || exit 1
calls() { strace -qq -f -o calls "$@" >out 2>&1; echo "status $?"; cat out; sed -e 's/^[0-9]* *//' -e 's/[0-9]\{3,\}/N/g' calls; }
same writes calls -e trace=write ./program
same statuses calls -e trace=exit,exit_group -e signal=none ./program
# A tracer sees the signal of a crash twice: when it is reported, and when the program dies of it.
same fault bash -c "$(declare -f calls); calls -e trace=none -e signal=SEGV,USR1 ./program crash | uniq"
same follow bash -c 'strace -qq -f -e trace=execve -o calls sh -c "/bin/true; /bin/echo hello; exit 4"; echo $?; grep -c "execve(" calls; grep -o "execve(\"[^\"]*" calls'
same injected bash -c 'strace -qq -f -o /dev/null -e inject=unlink,unlinkat:error=EPERM rm nothing-here; echo $?; touch there; strace -qq -o /dev/null -e inject=unlinkat:error=EBUSY rm there; echo $?; ls there'
same counted bash -c 'strace -f -c -o calls ./program; grep -c " write$" calls'
same attached bash -c './program; sleep 2 & strace -qq -o calls -p $! -e trace=exit_group; cat calls'
