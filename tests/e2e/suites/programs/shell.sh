# SPDX-License-Identifier: MIT
# shell.sh - pipelines, substitutions, many short processes.
is xargs '40 7920' bash -c 'seq 200 | xargs -P 4 -n 5 sh -c "expr \$1 + \$2" x | awk "{ n++; s += \$1 } END { print n, s }"'
is pipe 5000050000 bash -c 'seq 100000 | sort --parallel=4 -S 1M -rn | uniq | awk "{ s += \$1 } END { print s }"'
is statuses '1 0 3' bash -c 'false | true | (exit 3); echo "${PIPESTATUS[@]}"'
same substitution bash -c 'diff <(seq 10) <(seq 11); echo "$(echo $(echo deep))"; cat < <(seq 3)'
is here 'text
seven
gone' bash -c 'cat <<<"text"; exec 7<<<"seven"; cat <&7; exec 7<&-; (cat <&7) 2>/dev/null || echo gone'
is signals '143
139' bash -c 'exec 2>/dev/null; sleep 100 & kill -TERM $!; wait $!; echo $?; sh -c "kill -SEGV \$\$"; echo $?'
is traps 'usr1
sub
bye' bash -c 'trap "echo usr1" USR1; kill -USR1 $$; trap "echo bye" EXIT; (trap "echo sub" EXIT)'
is timeout '124
137
0' bash -c 'exec 2>/dev/null; timeout 0.2 sleep 5; echo $?; timeout -s KILL 0.2 sleep 5; echo $?; timeout 20 true; echo $?'
is nohup out bash -c 'nohup sh -c "echo out" 2>&1'
same find bash -c 'mkdir -p a/b/c; touch a/b/c/{1..50}; find a -type f -exec sh -c "echo \$#" x {} +; find a -name "1*" -execdir echo {} \; | sort'
is many 903 bash -c 'for i in $(seq 300); do /bin/true || echo no; done; for i in $(seq 300); do (exit $((i % 7))); n=$((n + $?)); done; echo $n'
same ulimit bash -c 'ulimit -n 20; ls /proc/self/fd | wc -l; ulimit -f 1; head -c 100000 /dev/zero >big; echo $?; wc -c <big'
same descriptors bash -c 'exec 3>&1 4>&2 5</dev/null; ls -l /proc/self/fd | awk "{ print \$9, \$11 }" | grep -v "pipe\|proc" | sort; exec 3>&-'
fails dash 1 dash -c 'set -e; x=$(echo a | tr a b); echo $x; false; echo never'
is awk 'from awk
a
b' awk 'BEGIN { "echo from awk" | getline x; print x; print "b\na" | "sort"; close("sort"); system("exit 4") }'
same sed sed -n '1e echo from sed
1p' /etc/hostname
is dd '1776525763 102400' bash -c 'dd if=/dev/zero bs=1k count=100 2>/dev/null | dd bs=7 2>/dev/null | cksum'
is environment '' env -i /usr/bin/env
is inherited 'A=1' bash -c 'env -i A=1 "LD_PRELOAD=$LD_PRELOAD" TRACEPARENT= bash -c "env" | grep "^A"'
same here_cwd bash -c 'mkdir gone; cd gone; rmdir ../gone; pwd; /bin/pwd; true'
is coproc hello bash -c 'coproc cat; echo hello >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"; kill $COPROC_PID; wait 2>/dev/null; true'
