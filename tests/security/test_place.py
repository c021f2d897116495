# SPDX-License-Identifier: MIT
"""test_place.py - directories that others got to first, files that others could read.

Who attacks is the user nobody, in a mount namespace with a /dev/shm and a /tmp of its own,
so that nothing of the machine's is touched.
"""

import os
import shutil
import signal
import stat
import subprocess

import lib
from lib import Skip, check, need_program, need_root, wait_until

NOBODY = 65534
PLACE = """
mount -t tmpfs -o mode=1777 none /dev/shm || exit 77
mount -t tmpfs -o mode=1777 none /tmp || exit 77
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }
as_nobody mkdir -m 0777 /dev/shm/his
"""


def apart(home, script, env=None):
    """A shell script as root with places of its own; the build stays reachable, under /mnt."""
    need_root()
    need_program("unshare")
    need_program("setpriv")
    shutil.copy(home.preload, home.path("bin/libtagalong.so"))
    shutil.copy(home.tagalong, home.path("bin/tagalong"))
    text = f"mount --bind {home.path('bin')} /mnt || exit 77\n" + PLACE + script
    environment = {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "HOME": "/dev/shm", "LD_P": "/mnt/libtagalong.so",
                   "TAGALONG_AGENT_LINGER_MS": "200", **(env or {})}
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", text], env=environment,
                          capture_output=True, text=True, timeout=60, start_new_session=True, stdin=subprocess.DEVNULL)
    if done.returncode == 77:
        raise Skip("no mount namespaces here")
    return done


# A program that leaves a span, its output, then what is in the place of the attacker.
RUN = """
LD_PRELOAD=$LD_P TAGALONG_EXIT_WAIT_MS=3000 TAGALONG_FILE=/dev/shm/out.jsonl \
	python3 -c 'import os; print("fine", os.getuid())'
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
	ls /dev/shm/tagalong-0/*.agent /tmp/tagalong-0/*.agent >/dev/null 2>&1 || break
	[ -e /dev/shm/out.jsonl ] && break
	sleep 0.1
done
echo "his: $(find /dev/shm/his | sort | tr '\\n' ' ')"
echo "elsewhere: $(ls -A /tmp/tagalong-0 2>/dev/null | wc -l)"
"""


def squatted(how, text):
    def test(home):
        done = apart(home, text + RUN)
        lines = done.stdout.splitlines()
        check(lines[:1] == ["fine 0"], f"{how}: {done.stdout!r} {done.stderr[-300:]!r}")
        check(lines[1] == "his: /dev/shm/his " or how == "whole", f"{how}: something was written for him: {lines[1]}")
        check(not done.stderr, done.stderr)
    return test


SQUATS = [
    ("directory", "as_nobody mkdir -m 0777 /dev/shm/tagalong-0\n"),
    ("symlink", "as_nobody ln -s /dev/shm/his /dev/shm/tagalong-0\n"),
    ("symlink_to_own", "mkdir -m 0700 /dev/shm/mine; as_nobody ln -s /dev/shm/mine /dev/shm/tagalong-0\n"),
    ("fifo", "as_nobody mkfifo -m 0666 /dev/shm/tagalong-0\n"),
    ("file", "as_nobody touch /dev/shm/tagalong-0\n"),
    ("both", "as_nobody mkdir -m 0777 /dev/shm/tagalong-0 /tmp/tagalong-0\n"),
    ("open_to_group", "mkdir -m 0770 /dev/shm/tagalong-0; mkdir -m 0777 /tmp/tagalong-0\n"),
]


def modes(home):
    """With the most generous umask: nobody else reads anything."""
    run_dir = home.path("fresh/run")
    os.rmdir(os.path.dirname(home.path("out/x")))
    env = {"TAGALONG_RUN_DIR": run_dir, "TAGALONG_FILE": home.path("out/spans.jsonl"), "TAGALONG_LOG_LEVEL": "debug",
           "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "XDG_STATE_HOME": home.path("state/x")}
    code = "import ctypes, time; t = ctypes.CDLL(None); time.sleep(30)"
    process = home.start(["python3", "-c", code], env=env, wrap=["sh", "-c", 'umask 0; exec "$@"', "sh"])
    wait_until(lambda: os.path.isdir(run_dir) and len(os.listdir(run_dir)) >= 3, 10, "segment, lock, status are there")
    home.stop(process, signal.SIGTERM)
    wait_until(lambda: home.read("out/spans.jsonl") or home.read("agent.log"), 10, "spans or a log")
    seen = 0
    for top in (home.path("fresh/run"), home.path("out/x").rsplit("/", 1)[0], home.path("state/x")):
        for folder, _, names in os.walk(top):
            for name in [*names, "."]:
                path = os.path.join(folder, name)
                mode = os.stat(path).st_mode
                want = 0o700 if stat.S_ISDIR(mode) else 0o600
                exempt = stat.S_ISDIR(mode) and folder in (home.path("state/x"), os.path.dirname(home.path("out/x")))
                check(exempt or mode & 0o777 == want, f"{path} has {mode & 0o777:o}")
                seen += 1
    check(seen > 5, f"only {seen} files seen")
    log = os.stat(home.log).st_mode & 0o777 if os.path.exists(home.log) else 0o600
    check(log == 0o600, f"log {log:o}")


def foreign_run_dir(home):
    """A run directory that is named, and somebody else's: refused by the program and the agent, both alive."""
    need_root()
    foreign = home.path("foreign/x")[:-2]
    os.chown(foreign, NOBODY, NOBODY)
    code, out, _ = home.run(["python3", "-c", "print('fine')"], env={"TAGALONG_RUN_DIR": foreign})
    check((code, out) == (0, "fine\n"), f"{code} {out!r}")
    check(os.listdir(foreign) == [], f"wrote {os.listdir(foreign)}")
    code, _, err = home.run([home.tagalong, "agent", "--run-dir", foreign, "--key", "1", "--foreground"], mode="plain")
    check(code == 1 and "chmod" in err, f"agent: {code} {err!r}")


# A library that the loader trusts, and a program that gets more rights than who starts it: $RAISE /tmp/raised.
RAISED = """
mkdir /dev/shm/up /dev/shm/work
mount -t tmpfs none /dev/shm/up && mkdir /dev/shm/up/u /dev/shm/up/w || exit 77
mount -t overlay overlay -o lowerdir=/usr/lib,upperdir=/dev/shm/up/u,workdir=/dev/shm/up/w /usr/lib || exit 77
cp /mnt/libtagalong.so /usr/lib/libtagalong.so && chmod 4755 /usr/lib/libtagalong.so
cp "$(readlink -f "$(command -v cat)")" /tmp/raised && $RAISE /tmp/raised || exit 77
export TAGALONG_RUN_DIR=/dev/shm/his/run TAGALONG_AGENT=none
echo "plain: $(as_nobody env LD_PRELOAD=libtagalong.so grep -c libtagalong /proc/self/maps | head -n 1)"
ls -A /dev/shm/his/run | wc -l
rm -rf /dev/shm/his/run
echo "raised: $(as_nobody env LD_PRELOAD=libtagalong.so /tmp/raised /proc/self/maps | grep -c libtagalong)"
ls -A /dev/shm/his 2>/dev/null | wc -l
"""


def raised(home, how):
    """It is started by nobody, and not even a library that the loader trusts does anything."""
    done = apart(home, RAISED, {"RAISE": how})
    lines = done.stdout.split("\n")
    check(lines[0].startswith("plain: ") and lines[0] != "plain: 0" and int(lines[1]) > 0,
          f"the library does not work there: {done.stdout!r} {done.stderr[-300:]!r}")
    check(lines[2] != "raised: 0", "the loader did not load it: nothing was tried")
    check(lines[3] == "0", f"something was made: {done.stdout!r}")


def setuid(home):
    """A setuid program of root."""
    raised(home, "chmod 4755")


def capabilities(home):
    """A program with a capability of its file, no setuid bit."""
    raised(home, need_program("setcap") + " cap_net_bind_service+ep")


def foreign_segment(home):
    """In the directory of a user: a whole segment of somebody else's, one open to others, a link to one.  None is served, unless by root."""
    need_root()
    need_program("setpriv")
    shutil.copy(home.preload, home.path("bin/libtagalong.so"))
    shutil.copy(home.tagalong, home.path("bin/tagalong"))
    os.chmod(home.dir, 0o755)
    run_dir = home.path("his/x")[:-2]
    make = ["env", "LD_PRELOAD=" + home.path("bin/libtagalong.so"), "TAGALONG_RUN_DIR=" + run_dir, "TAGALONG_AGENT=none",
            os.path.realpath("/usr/bin/python3"), "-c",
            "import socket; s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname());"
            "a, _ = s.accept(); c.sendall(b'GET /secret HTTP/1.1\\r\\n\\r\\n'); a.recv(99); a.sendall(b'HTTP/1.1 204 N\\r\\n\\r\\n'); c.recv(99)"]
    for _ in range(3):
        status, _, err = home.run(make, mode="plain")
        check(status == 0, err)
    names = sorted(name for name in os.listdir(run_dir) if name.endswith(".seg"))
    check(len(names) == 3, f"segments {names}")
    os.chown(run_dir, NOBODY, NOBODY)
    os.chmod(run_dir, 0o700)
    paths = [os.path.join(run_dir, name) for name in names]
    os.chown(paths[0], 1, 1)  # neither his nor root's
    os.chown(paths[1], NOBODY, NOBODY)
    os.chmod(paths[1], 0o644)
    hidden = os.path.join(home.path("theirs/x")[:-2], names[2])
    shutil.copy(paths[2], hidden)
    os.chown(hidden, NOBODY, NOBODY)
    os.chmod(os.path.dirname(hidden), 0o755)
    os.remove(paths[2])
    os.symlink(hidden, paths[2])
    key = names[0].split("-")[0]
    status, _, _ = home.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", home.path("bin/tagalong"), "agent",
                             "--run-dir", run_dir, "--key", key, "--foreground"], mode="plain",
                            env={"TAGALONG_LOG": os.path.join(run_dir, "log"), "TAGALONG_FILE": os.path.join(run_dir, "spans.jsonl")})
    said = home.read(os.path.join(run_dir, "log"))
    check(status == 0, f"the agent: {status} {said!r}")
    check("secret" not in home.read(os.path.join(run_dir, "spans.jsonl")), "what others wrote was served")
    check(all(os.path.lexists(path) for path in [*paths, hidden]), f"something was removed: {os.listdir(run_dir)}")
    for name in names:
        check(f"cannot serve {name}" in said, f"nothing is said of {name}: {said!r}")
    # Root serves the segments of its users, but follows no link and takes no file that others can read.
    roots(home, run_dir)
    status, _, _ = home.run([home.tagalong, "agent", "--run-dir", home.path("roots/x")[:-2], "--key", key, "--foreground"], mode="plain",
                            env={"TAGALONG_LOG": home.path("log2")})
    found = home.read("tagalong.jsonl")
    check(status == 0 and found.count("/secret") >= 1, f"root's agent: {status}, {found[:200]!r} {home.read('log2')!r}")
    left = sorted(name for name in os.listdir(home.path("roots/x")[:-2]) if name.endswith(".seg"))
    check(left == names[1:], f"root has taken others than the closed one: {left} of {names}")


def roots(home, run_dir):
    """The same three in a directory of root's."""
    place = home.path("roots/x")[:-2]
    os.chmod(place, 0o700)
    for name in os.listdir(run_dir):
        if name.endswith(".seg"):
            os.rename(os.path.join(run_dir, name), os.path.join(place, name))


TESTS = [(f"place/{name}", squatted(name, text)) for name, text in SQUATS] + [
    ("place/modes", modes), ("place/foreign_run_dir", foreign_run_dir), ("place/setuid", setuid),
    ("place/capabilities", capabilities), ("place/foreign_segment", foreign_segment)]
