# SPDX-License-Identifier: MIT
# shell.sh - pipelines, substitutions, many short processes.
same xargs bash -c 'seq 200 | xargs -P 4 -n 5 sh -c "expr \$1 + \$2" x | sort -n | sha256sum'
same pipe bash -c 'seq 100000 | sort --parallel=4 -S 1M -rn | uniq | awk "{ s += \$1 } END { print s }"'
same statuses bash -c 'false | true | (exit 3); echo "${PIPESTATUS[@]}"'
same substitution bash -c 'diff <(seq 10) <(seq 11); echo "$(echo $(echo deep))"; cat < <(seq 3)'
same here bash -c 'cat <<<"text"; exec 7<<<"seven"; cat <&7; exec 7<&-; cat <&7'
same signals bash -c 'sleep 100 & kill -TERM $!; wait $!; echo $?; sh -c "kill -SEGV \$\$"; echo $?'
same traps bash -c 'trap "echo usr1" USR1; kill -USR1 $$; trap "echo bye" EXIT; (trap "echo sub" EXIT)'
same timeout bash -c 'timeout 0.2 sleep 5; echo $?; timeout -s KILL 0.2 sleep 5; echo $?; timeout 5 true; echo $?'
same nohup bash -c 'nohup sh -c "echo out" 2>&1'
same find bash -c 'mkdir -p a/b/c; touch a/b/c/{1..50}; find a -type f -exec sh -c "echo \$#" x {} +; find a -name "1*" -execdir echo {} \; | sort'
same many bash -c 'for i in $(seq 300); do /bin/true || echo no; done; for i in $(seq 300); do (exit $((i % 7))); n=$((n + $?)); done; echo $n'
same ulimit bash -c 'ulimit -n 20; ls /proc/self/fd | wc -l; ulimit -f 1; head -c 100000 /dev/zero >big; echo $?; wc -c <big'
same descriptors bash -c 'exec 3>&1 4>&2 5</dev/null; ls -l /proc/self/fd | awk "{ print \$9, \$11 }" | grep -v "pipe\|proc" | sort; exec 3>&-'
same dash dash -c 'set -e; x=$(echo a | tr a b); echo $x; false; echo never'
same awk awk 'BEGIN { "echo from awk" | getline x; print x; print "b\na" | "sort"; close("sort"); system("exit 4") }'
same sed sed -n '1e echo from sed
1p' /etc/hostname
same dd bash -c 'dd if=/dev/zero bs=1k count=100 2>/dev/null | dd bs=7 2>/dev/null | cksum'
same environment bash -c 'env -i /usr/bin/env; env | grep -c "^LD_PRELOAD=" | sed "s/[01]/some/"'
same here_cwd bash -c 'mkdir gone; cd gone; rmdir ../gone; pwd; /bin/pwd; true'
same coproc bash -c 'coproc cat; echo hello >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"; kill $COPROC_PID; wait 2>/dev/null; true'
