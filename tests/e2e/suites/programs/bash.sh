# SPDX-License-Identifier: MIT
# bash.sh - an interactive bash on a terminal: job control, as a person types it.
cat >typist.py <<'P'
import os, pty, re, select, sys, time
lines = [line for line in sys.stdin.read().split("\n") if line]
pid, fd = pty.fork()
if pid == 0:
    os.environ["PS1"] = "@@"
    os.execv("/bin/bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
seen = b""
def wait_for(what, seconds=20):
    global seen
    end, start = time.time() + seconds, len(seen)
    while what not in seen[start:] and time.time() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                part = os.read(fd, 65536)
            except OSError:
                return
            if not part:
                return
            seen += part
wait_for(b"@@")
for line in lines:
    if line.startswith("^"):
        time.sleep(0.7)
        os.write(fd, bytes([ord(line[1]) - 64]))
    else:
        os.write(fd, line.encode() + b"\n")
        if line.startswith("#wait "):
            pass
        if line.endswith(" #stays"):
            continue
    wait_for(b"@@")
try:
    os.write(fd, b"exit 5\n")
    wait_for(b"nothing like this", 5)
except OSError:
    pass
_, status = os.waitpid(pid, 0)
text = re.sub(r"\[(\d)\] \d+", r"[\1] PID", seen.decode(errors="replace"))
print(text.replace("\r", ""), os.waitstatus_to_exitcode(status))
P
# COMMENT lines of what is typed end with #stays when no prompt comes back by itself.
typed() { printf '%s\n' "$@" | python3 typist.py; }
terminal() { local name=$1; shift; printf '%s\n' "$@" >typed; same "$name" bash -c 'python3 typist.py <typed'; }
terminal plain 'echo hello' 'false' 'echo $?'
terminal stop 'sleep 300 #stays' '^Z' 'jobs' 'kill %1; wait %1 2>/dev/null; true' 'jobs'
terminal foreground 'sleep 300 #stays' '^Z' 'bg' 'fg #stays' '^C' 'echo $?'
terminal background 'sleep 0.3 & wait -n; echo waited $?' 'jobs -n >/dev/null; true'
terminal pipeline 'cat | cat #stays' '^C' 'echo $?' 'yes | head -n 2; echo ${PIPESTATUS[@]}'
terminal groups 'test $(ps -o tpgid= $$) = $$; (test $(ps -o pgid= $BASHPID) = $BASHPID; echo $?)' 'tty >/dev/null; echo $?' 'stty -a | grep -o "isig"'
terminal hang 'cat #stays' '^D' 'exec 2>/dev/null; kill -STOP $$ & sleep 0.2; kill -CONT $$; echo on'
same monitor bash -c 'set -m; sleep 0.2 & wait; sleep 100 & kill -STOP %1; sleep 0.3; jobs | sed "s/sleep.*//"; kill -KILL %1; wait 2>/dev/null; true'
