# SPDX-License-Identifier: MIT
# strace.sh - a tracer at a preloaded program: what the program itself calls is what it calls.
gcc -g -O0 -pthread -o program "$HERE/program.c" || exit 1
calls() { strace -qq -f -o calls "$@" >out 2>&1; echo "status $?"; cat out; sed -e 's/^[0-9]* *//' -e 's/[0-9]\{3,\}/N/g' calls; }
# told: of the last calls, how often there is each name.
told() { sed -n -e 's/^[0-9]* *\(--- \)\?\([A-Za-z_0-9]*\).*/\2/p' calls | sort | uniq -c | tr -s ' \n' ' ' | sed 's/^ \(.*\) $/\1/'; }
same writes calls -e trace=write ./program
is writes_told '1 SIGCHLD 1 SIGUSR1 1 write' told
same statuses calls -e trace=exit,exit_group -e signal=none ./program
is statuses_told '1 exit 2 exit_group' told
# A tracer sees the signal of a crash twice: when it is reported, and when the program dies of it.
same fault bash -c "$(declare -f calls); calls -e trace=none -e signal=SEGV,USR1 ./program crash | uniq"
is follow 'hello
4
3
execve("/usr/bin/sh
execve("/bin/true
execve("/bin/echo' bash -c 'strace -qq -f -e trace=execve -o calls sh -c "/bin/true; /bin/echo hello; exit 4"; echo $?; grep -c "execve(" calls; grep -o "execve(\"[^\"]*" calls'
is injected "rm: cannot remove 'nothing-here': Operation not permitted
1
rm: cannot remove 'there': Device or resource busy
1
there" bash -c 'strace -qq -f -o /dev/null -e inject=unlink,unlinkat:error=EPERM rm nothing-here; echo $?; touch there; strace -qq -o /dev/null -e inject=unlinkat:error=EBUSY rm there; echo $?; ls there'
is counted 'sum 1015
1 write' bash -c 'strace -f -c -o calls ./program; awk "\$NF == \"write\" { print \$4, \$NF }" calls'
is attached 'exit_group(0) = ?' bash -c 'sleep 2 & strace -qq -o calls -p $! -e trace=exit_group; tr -s " " <calls'
