# SPDX-License-Identifier: MIT
"""Programs that start programs, by every way that programs have: one trace, every parent right."""

import os
import struct
import threading
import time


from lib import check, need_program
from place import build, one_trace, run
import truth


def shell(name, script, least):
    def test(home):
        one_trace(home, [need_program(name), "-c", script], least=least)
    return test


PIPELINES = ("/bin/echo a | /bin/cat | /usr/bin/wc -c; (/bin/echo b; /bin/true) | /bin/cat; "
             "x=$(/bin/echo c; /bin/true); /bin/true & wait; /bin/sh -c 'exec /bin/sh -c \"/bin/true; exec /bin/true\"'; "
             "(exec /bin/true); ! /bin/false")


def background(home):
    """Its own program is over before the child execs."""
    one_trace(home, [need_program("dash"), "-c",
                     "(/usr/bin/sleep 0.2; /bin/true) & exec 1>&- 2>&-"], least=3)


def make(home):
    home.write("Makefile", "all: a b\n\t/bin/true\na:\n\t$(MAKE) -f Makefile c\nb c:\n\t/bin/echo $@; /bin/true\n")
    one_trace(home, [need_program("make"), "-j2", "-f", "Makefile"], least=6)


def xargs(home):
    one_trace(home, ["/bin/sh", "-c", "/usr/bin/seq 40 | /usr/bin/xargs -P 4 -n 1 /bin/echo; "
                     "/usr/bin/seq 3 | /usr/bin/xargs -I{} /bin/sh -c '/bin/true; /bin/echo {}'"], least=49)


def find(home):
    for name in ("one", "two", "three"):
        home.write(f"tree/{name}", "")
    one_trace(home, [need_program("find"), "tree", "-type", "f", "-exec", "/bin/sh", "-c", "/bin/true; /bin/true", ";",
                     "-exec", "/bin/ls", "{}", "+"], least=11)


def python(home):
    script = home.write("starts.py", """
import os, subprocess, sys
if __name__ == "__main__":
    subprocess.run([sys.executable, __file__, "again"] if len(sys.argv) == 1 else ["/bin/true"])
subprocess.run("/bin/true; /bin/true", shell=True)
subprocess.check_output(["/bin/sh", "-c", "/bin/echo x; /bin/true"])
subprocess.run(["/bin/true"], close_fds=False)
subprocess.run(["/bin/true"], preexec_fn=lambda: None)
os.system("/bin/true; /bin/true")
os.popen("/bin/echo y; /bin/true").read()
os.spawnv(os.P_WAIT, "/bin/true", ["true"])
os.posix_spawn("/bin/true", ["true"], os.environ)
os.wait()
child = os.fork()
if child == 0:
    os.execv("/bin/true", ["true"])
os.waitpid(child, 0)
child = os.fork()
if child == 0:
    if os.fork() == 0:
        os.execv("/bin/sh", ["sh", "-c", "/bin/true; /bin/true"])
    os.wait()
    os._exit(0)
os.waitpid(child, 0)
if __name__ == "__main__":
    import multiprocessing
    again = multiprocessing.get_context("spawn").Process(target=print)
    again.start()
    again.join()
os.execv("/bin/sh", ["sh", "-c", "/bin/true; exec /bin/true"])
""")
    one_trace(home, ["/usr/bin/python3", script], least=20)


def node(home):
    script = home.write("starts.js", """
const c = require('child_process');
c.execFileSync('/bin/true');
c.execSync('/bin/true; /bin/true');
c.spawnSync('/bin/sh', ['-c', '/bin/true; /bin/true']);
let left = 5;
for (let i = 0; i < 5; i++) c.spawn('/bin/sh', ['-c', '/bin/echo ' + i + '; /bin/true']).on('exit', () => left--);
c.exec('/bin/true; /bin/true');
""")
    one_trace(home, [need_program("node"), script], least=20)


def perl(home):
    one_trace(home, [need_program("perl"), "-e", """
system('/bin/true; /bin/true'); system('/bin/true'); my $x = `/bin/echo y`; `/bin/echo z; /bin/true`;
open(my $p, '-|', '/bin/echo', 'w') or die; <$p>; close($p);
my $k = fork; if (!$k) { exec('/bin/sh', '-c', '/bin/true; /bin/true') } waitpid($k, 0);
exec('/bin/true');"""], least=13)


def awk(home):
    """system() and popen() of libc, in programs that know nothing of traces."""
    one_trace(home, [need_program("mawk", "awk"), 'BEGIN { system("/bin/true; /bin/true"); "/bin/echo a; /bin/true" | getline x; '
                     'close("/bin/echo a; /bin/true"); print "b" | "/bin/cat; /bin/true"; close("/bin/cat; /bin/true"); '
                     'system("/bin/true; exec /bin/true") }'], least=13)


def git(home):
    home.write("repo/file", "one\n")
    one_trace(home, ["/bin/sh", "-ec", """
cd repo; export HOME=$PWD GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
git init -q . ; git add file; git -c core.hooksPath=hooks commit -qm x
printf '#!/bin/sh\\n/bin/true\\n' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit
echo two > file; git commit -qam y; git log --oneline | /bin/cat
git -c gc.auto=0 clone -q . ../copy; git -c alias.z='!/bin/true; /bin/true' z; git gc -q
"""], least=20)


def detached(home):
    one_trace(home, ["/bin/sh", "-c", "nohup /bin/sh -c '/bin/true; /bin/true' >out 2>&1; "
                     "setsid -w /bin/sh -c '/bin/true; /bin/true'; setsid -f -w /bin/sh -c '/bin/true; /bin/true'; "
                     "/usr/bin/timeout 9 /usr/bin/nice /usr/bin/env A=b /bin/true"], least=14)


def job(home):
    """What cron does in the end: everything in a directory, one after the other."""
    for name in ("a", "b"):
        os.chmod(home.write(f"jobs/{name}", "#!/bin/sh\n/bin/true\n/bin/echo done | /bin/cat\n"), 0o755)
    one_trace(home, [need_program("run-parts"), "jobs"], least=9)


def cleared(home):
    """A cleared environment that keeps the library: what is behind it knows nothing, and says so."""
    keep = "LD_PRELOAD=$LD_PRELOAD WITNESS=$WITNESS TAGALONG_RUN_DIR=$TAGALONG_RUN_DIR TAGALONG_FILE=$TAGALONG_FILE " \
           "TAGALONG_LOG=$TAGALONG_LOG TAGALONG_SIGNALS=0"
    images, spans, _ = run(home, [need_program("dash"), "-c", f"/bin/true; /usr/bin/env -i {keep} "
                                  f"{need_program('bash')} -c '/bin/true; /bin/true'; /bin/true"])
    images = [image._replace(name="cleared") if image.name == "bash" else image for image in images]
    truth.compare(images, spans)
    traces = {span.trace_id for span in spans if truth.is_process(span)}
    check(len(traces) == 1, f"env execs in place and hands its own span on: {len(traces)} traces")


def forgotten(home):
    """A program that clears the environment of what it starts, and has no word for it (syscall)."""
    script = home.write("forgets.py", """
import ctypes, os, sys
keep = ("LD_PRELOAD", "WITNESS", "TAGALONG_RUN_DIR", "TAGALONG_FILE", "TAGALONG_LOG", "TAGALONG_SIGNALS")
libc = ctypes.CDLL(None)
entries = [f"{k}={os.environ[k]}".encode() for k in keep]
envp = (ctypes.c_char_p * (len(entries) + 1))(*entries, None)
argv = (ctypes.c_char_p * 4)(b"sh", b"-c", b"/bin/true; /bin/true", None)
child = os.fork()
if child == 0:
    libc.syscall(59, b"/bin/dash", argv, envp)
    os._exit(1)
os.waitpid(child, 0)
""")
    images, spans, _ = run(home, ["/usr/bin/python3", script])
    truth.compare(images, spans, parentless=("dash",))


def excluded(home):
    """A program in the middle that is not traced hands on what it got."""
    one_trace(home, [need_program("dash"), "-c", "/usr/bin/nice /usr/bin/nice /bin/sh -c '/bin/true; /bin/true'; /bin/true"],
              without=("nice",), least=4, TAGALONG_EXCLUDE="nice")


def unfollowed(home):
    """Programs are not traced, but what they are told is true."""
    images, spans, out = run(home, [need_program("dash"), "-c", "/usr/bin/env; /bin/true"], TAGALONG_FOLLOW="0")
    check(len(images) == 3, f"{len(images)} programs")
    found = [span for span in spans if truth.is_process(span)]
    check(len(found) == 1, f"{len(found)} spans of programs")
    check(f"TRACEPARENT=00-{found[0].trace_id}-{found[0].span_id}-01" in out.splitlines(), "TRACEPARENT")


REMOTE = "00-11111111111111111111111111111111-2222222222222222-01"


def carried(home):
    """TRACESTATE and BAGGAGE go along, also where the environment is made anew; invalid ones do not.

    An environment without LD_PRELOAD is passed on as it is."""
    script = home.write("carries.py", """
import os
made = {"PATH": "/bin", "LD_PRELOAD": os.environ["LD_PRELOAD"]}
bare = [(os.POSIX_SPAWN_OPEN, 1, "bare.txt", os.O_WRONLY | os.O_CREAT, 0o600)]
os.waitpid(os.posix_spawn("/usr/bin/env", ["env"], {"PATH": "/bin"}, file_actions=bare), 0)
for env in (os.environ, made, dict(made, BAGGAGE="own=1")):
    child = os.posix_spawn("/usr/bin/env", ["env"], env)
    os.waitpid(child, 0)
os.system("/usr/bin/env; :")
assert os.environ["TRACEPARENT"] == "%s" and "TAGALONG_STARTER" not in os.environ
""" % REMOTE)
    for state, bag, good in (("a=1,b@c=2", "k=v;p,l=w", True), ("a=1,a=2", "k v", False)):
        out = run_carried(home, script, state, bag)
        starts = [dict(line.split("=", 1) for line in text.splitlines() if "=" in line) for text in split_starts(out)]
        check(len(starts) == 4, f"{len(starts)} starts")
        check(home.read("bare.txt") == "PATH=/bin\n", f"a bare environment became {home.read('bare.txt')!r}")
        for number, start in enumerate(starts):
            wanted = "own=1" if number == 2 else bag if good else None
            check(start.get("TRACEPARENT", "").startswith("00-" + "1" * 32), f"start {number}: {start.get('TRACEPARENT')}")
            if number == 3:  # libc hands on the environment as it is
                continue
            check(start.get("TRACESTATE") == (state if good else None), f"start {number}: TRACESTATE {start.get('TRACESTATE')}")
            check(start.get("BAGGAGE") == wanted, f"start {number}: BAGGAGE {start.get('BAGGAGE')}")


def run_carried(home, script, state, bag):
    witness = home.path("none.txt")
    status, out, err = home.run(["/usr/bin/python3", script],
                                env={"TAGALONG_PROCESSES": "1", "TRACEPARENT": REMOTE, "TRACESTATE": state,
                                     "BAGGAGE": bag, "WITNESS": witness})
    check(status == 0, err[-300:])
    spans = home.spans(well_formed=False)
    first = [span for span in spans if span.parent_id == "2" * 16]
    check(first, "no span below the remote one")
    return out


def split_starts(out):
    """env's outputs, one after the other; each has one TRACEPARENT, at its beginning."""
    parts, lines = [], []
    for line in out.splitlines():
        if line.startswith("TRACEPARENT=") and lines:
            parts.append("\n".join(lines))
            lines = []
        lines.append(line)
    return [*parts, "\n".join(lines)]


def remote_invalid(home):
    for text in ("00-" + "0" * 32 + "-2222222222222222-01", REMOTE.replace("1", "A"), REMOTE[:-1], "ff" + REMOTE[2:], "x"):
        status, out, err = home.run([need_program("dash"), "-c", "/bin/true; /usr/bin/env"],
                                    env={"TAGALONG_PROCESSES": "1", "TRACEPARENT": text, "TRACESTATE": "a=b"})
        check(status == 0, err[-300:])
        said = [line for line in out.splitlines() if line.startswith("TRACE")]
        check(len(said) == 1 and said[0] != f"TRACEPARENT={text}" and not "00-1111" in said[0], f"{text}: {said}")
    home.spans()


def own(home):
    """A TRACEPARENT that the program says itself stays."""
    other = "00-33333333333333333333333333333333-4444444444444444-01"
    out = home.run([need_program("dash"), "-c", f"TRACEPARENT={other} /usr/bin/env; /bin/true"],
                   env={"TAGALONG_PROCESSES": "1"})[1]
    below = [span for span in home.spans(well_formed=False) if span.parent_id == "4" * 16]
    check(len(below) == 1, f"{len(below)} spans below it")
    check(f"TRACEPARENT={other}" in out.splitlines(), "TRACEPARENT of the program's own is gone")


def threads_in_system(home):
    """Eight threads in system() and popen() at once: each shell below the span of its own thread."""
    shells = build(home, "shells.c")
    images, spans, out = run(home, [shells, "8", "12"], seconds=120)
    by_pid = truth.process_spans(spans)
    told = [line.split() for line in out.splitlines() if len(line.split()) == 3]
    check(len(told) == 8 * 12 * 3, f"{len(told)} shells")
    wrong = [line for line in told if not by_pid[int(line[0])]
             or by_pid[int(line[0])][0].parent_id not in ("", line[1])]
    orphans = [line for line in told if by_pid[int(line[0])] and not by_pid[int(line[0])][0].parent_id]
    check(not wrong, f"{len(wrong)} shells below a wrong span or without one")
    check(not orphans, f"{len(orphans)} of {len(told)} shells without a parent")
    home.note(f"{len(told)} shells")


WORD_AT, WORD_BYTES, MAGIC, VERSION = 1088, 40, 0x3147414C41474154, 4


def word(pid, tid, trace=0x11, span=0x22, state=2):
    return struct.pack("<IIIIQQQ", state, pid, tid, 1, trace, trace, span)


def put_segment(home, *words, version=VERSION, cut=None, name=None):
    """A segment of this very process, as far as its name says."""
    data = struct.pack("<QI", MAGIC, version).ljust(WORD_AT, b"\0") + b"".join(words)
    data = data.ljust(WORD_AT + 16 * WORD_BYTES, b"\0")[:cut]
    with open(os.path.join(home.run_dir, name or f"00000000-{os.getpid()}-0.seg"), "wb") as file:
        file.write(data)


def begins_below(home):
    """The trace that a program of ours continues; "" when it begins one."""
    file = home.path(f"hostile-{time.monotonic_ns()}.jsonl")
    status, out, err = home.run([need_program("dash"), "-c", "/usr/bin/env; :"],
                                env={"TAGALONG_PROCESSES": "1", "TAGALONG_FILE": file, "TAGALONG_AGENT": "none"})
    check(status == 0, err[-300:])
    said = [line.partition("=")[2] for line in out.splitlines() if line.startswith("TRACEPARENT=")]
    for name in os.listdir(home.run_dir):
        os.unlink(os.path.join(home.run_dir, name))
    return said[0].split("-")[1] if said and said[0].startswith("00-0000") else ""


def hostile(home):
    """What stands in the segments of others is believed only as far as the kernel agrees."""
    us, me, trace = os.getpid(), threading.get_native_id(), f"{0x11:016x}" * 2
    put_segment(home, word(us, me))
    check(begins_below(home) == trace, "a true word is not taken")
    put_segment(home, word(us, me), name="00000000-999999-0.seg")
    check(begins_below(home) == trace, "a true word in the segment of the process that we were forked from is not taken")
    put_segment(home, word(us, me, span=7), word(us, me + 1, 5, 5))
    check(begins_below(home) == trace, "a stranger's word hides ours")
    for what, words, more in (("two that differ", (word(us, me), word(us, me, 0x33)), {}),
                              ("of another thread", (word(us, 1),), {}),
                              ("of another process", (word(1, 1),), {}),
                              ("not complete", (word(us, me, state=1),), {}),
                              ("state out of range", (word(us, me, state=0xffffffff),), {}),
                              ("trace of zeros", (word(us, me, trace=0),), {}),
                              ("another version", (word(us, me),), {"version": 3}),
                              ("cut off", (word(us, me),), {"cut": WORD_AT + 39}),
                              ("header only", (), {"cut": 12}), ("empty", (), {"cut": 0})):
        put_segment(home, *words, **more)
        check(begins_below(home) == "", f"{what}: believed")
    os.mkfifo(os.path.join(home.run_dir, f"00000000-{us}-1.seg"))
    check(begins_below(home) == "", "a fifo: believed")
    os.symlink("/dev/zero", os.path.join(home.run_dir, f"00000000-{us}-2.seg"))
    check(begins_below(home) == "", "a link: believed")


def statuses(home):
    """How a program ended: its status; a span whose program was replaced ends then, without complaint."""
    _, spans, _ = run(home, [need_program("dash"), "-c", "/bin/true; /bin/sh -c 'exit 3'; /bin/sh -c 'exec /bin/true'; "
                             "/bin/sh -c 'kill -9 $$'; :"])
    codes = sorted((span.attrs.get("process.exit.code"), span.unfinished) for span in spans
                   if truth.is_process(span) and "process.exit.code" in span.attrs)
    check(codes == [(0, False), (0, False), (0, False), (3, False)], f"statuses {codes}")
    others = sorted(span.unfinished for span in spans if truth.is_process(span) and "process.exit.code" not in span.attrs)
    check(others == [False, True], f"replaced and killed: {others}")


TESTS = [
    ("processes/dash", shell("dash", PIPELINES, 16)),
    ("processes/bash", shell("bash", PIPELINES + "; /bin/cat <(/bin/echo p) <<< here; coproc /bin/true; wait", 19)),
    ("processes/background", background),
    ("processes/make", make),
    ("processes/xargs", xargs),
    ("processes/find", find),
    ("processes/python", python),
    ("processes/node", node),
    ("processes/perl", perl),
    ("processes/awk", awk),
    ("processes/git", git),
    ("processes/detached", detached),
    ("processes/job", job),
    ("processes/cleared", cleared),
    ("processes/forgotten", forgotten),
    ("processes/excluded", excluded),
    ("processes/unfollowed", unfollowed),
    ("processes/carried", carried),
    ("processes/invalid", remote_invalid),
    ("processes/own_traceparent", own),
    ("processes/threads_in_system", threads_in_system),
    ("processes/hostile", hostile),
    ("processes/statuses", statuses),
]
