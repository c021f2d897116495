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
# terminal NAME SAID LINE...: types the lines; those that end with #stays bring no prompt back by themselves.  SAID
# is what was on the terminal beside what was typed, and at last bash's status.
terminal() {
	local name=$1 said=$2
	shift 2
	printf '%s\n' "$@" >typed
	is "$name" "$said" bash -c "python3 typist.py <typed | grep -v '^@@' | tr -s ' ' | paste -sd '|'"
}
terminal plain 'hello|1|exit| 5' 'echo hello' 'false' 'echo $?'
terminal stop '^Z|[1]+ Stopped sleep 300|[1]+ Stopped sleep 300|[1]+ Killed sleep 300|exit| 5' \
	'sleep 300 #stays' '^Z' 'jobs' 'kill -KILL %1; while kill -0 %1 2>/dev/null; do sleep 0.05; done' 'jobs'
terminal foreground '^Z|[1]+ Stopped sleep 300|[1]+ sleep 300 &|sleep 300|^C|130|exit| 5' \
	'sleep 300 #stays' '^Z' 'bg' 'fg #stays' '^C' 'echo $?'
terminal background '[1] PID|[1]+ Done sleep 0.3|waited 0|exit| 5' 'sleep 0.3 & wait -n; echo waited $?' 'jobs -n >/dev/null; true'
terminal pipeline '^C|130|y|y|yes: standard output: Broken pipe|1 0|exit| 5' \
	'cat | cat #stays' '^C' 'echo $?' 'yes | head -n 2; echo ${PIPESTATUS[@]}'
terminal groups '0|0|isig|exit| 5' \
	'test $(ps -o tpgid= $$) = $$; (test $(ps -o pgid= $BASHPID) = $BASHPID; echo $?)' 'tty >/dev/null; echo $?' 'stty -a | grep -o "isig"'
terminal end_of_input 'on|exit| 5' 'cat #stays' '^D' 'echo on'
terminal stopped_itself '[1] PID|on|exit| 5' '(sleep 0.5; kill -CONT $$) & disown; kill -STOP $$; echo on'
is monitor '[1]+ Stopped sleep 100|0' bash -c 'exec 2>/dev/null; set -m; sleep 0.2 & wait; sleep 100 & kill -STOP %1; sleep 0.3; jobs >jobs; kill -KILL %1; wait 2>/dev/null; echo $? >>jobs; tr -s " " <jobs | paste -sd "|"'
