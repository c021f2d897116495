# SPDX-License-Identifier: MIT
# gdb.sh - a debugger at a preloaded program, itself preloaded: breakpoints, steps, threads, signals, cores.
gcc -g -O0 -pthread -o program "$HERE/program.c" || exit 1
export DEBUGINFOD_URLS=
# What a debugger sees of us stands in docs/limits.md: an agent that has to be started, because the one before was
# killed, is started by a vfork, which gdb tells; handlers are entered through a function of ours.  The program itself
# forks, and that line stays.
facts() { grep -v '^\[Detaching after vfork' | sed -e 's/Thread 0x[0-9a-f]* (LWP [0-9]*)/THREAD/' -e 's/LWP [0-9]*/LWP/g' -e 's/process [0-9]*/process/g'; }
debug() {
	local arguments=(-nx -batch) command
	for command in "handle SIGUSR1 nostop noprint" "set pagination off" "set print thread-events off" "set disable-randomization on"; do arguments+=(-ex "$command"); done
	while [ "$1" != -- ]; do arguments+=(-ex "$1"); shift; done
	shift
	gdb "${arguments[@]}" --args ./program "$@" | facts
}
same breakpoint debug 'break deeper if depth == 2' run 'print depth' backtrace 'next' 'print sum' 'finish' 'delete' continue -- plain
same watch debug 'watch sum' run 'continue' 'backtrace 1' delete continue --
same signal debug 'handle SIGUSR1 stop print nopass' run 'print $_siginfo.si_signo' continue --
same handler debug 'break on_signal' run 'print number' delete continue --
same fork debug 'catch fork' run 'delete' continue --
# gdb follows the first child, of fork or vfork: that must not be an agent.  The parent, which gdb has let go, and gdb
# speak at the same time.
export TAGALONG_AGENT=none
follow_child() { debug 'set follow-fork-mode child' run -- | sort; }
same follow_child follow_child
unset TAGALONG_AGENT
same crash debug run 'backtrace' 'print sum' kill -- crash
same call debug 'break main' run 'call (int)getpid() > 0' 'call (int)strlen("four")' 'print deeper(3)' kill --
same step debug 'break work' run step step step 'info locals' delete continue --
ulimit -c unlimited
core() {
	gdb -nx -batch -ex 'handle SIGUSR1 nostop noprint' -ex run -ex 'generate-core-file core.made' --args ./program crash >/dev/null 2>&1
	gdb -nx -batch -ex 'backtrace 1' -ex 'print sum' ./program core.made 2>&1 | grep -o '^#0  main\|^\$1 = .*' | uniq
}
is core_of_gdb $'#0  main\n$1 = 1015' core
cat >forever.c <<'C'
#include <unistd.h>
int here;
int main(void) { for (;;) { here++; usleep(1000); } }
C
gcc -g -O0 -o forever forever.c
background ./forever
until_there grep -q S "/proc/$!/stat"
same attach bash -c "gdb -nx -batch -p $! -ex 'frame function main' -ex 'print here > 0' -ex detach 2>&1 | grep -E '^\\\$|main \('"
is still_there "" kill -0 $!
