# SPDX-License-Identifier: MIT
"""programs.py - programs that people use all day, at their own work: git, ssh, make, gdb, apt-get ...

A part is a script of programs/, with programs/prelude.sh before it.  Each thing that it does is a
test: it has to succeed, or to fail as the script says ("fails"), what it printed has to be the same in
all modes, and where the script knows what is right ("is") it has to be that.  Names of directories, ports
and pids are taken out.  A part that fails plain is a failure: it would compare nothing.

A program that is not installed makes its part skipped, with CI=true failed: scripts/setup installs all.
"""

import os

import common
import lib

NAME = "programs"
WHAT = "Programs at their work"

# Script, seconds that it may take, whether it is part of the quick choice, programs that it needs.
SCRIPTS = (
    ("ab", 200, True, ("apache2", "ab")), ("apt", 300, False, ("apt-get", "dpkg-deb", "python3")),
    ("bash", 100, True, ("bash",)), ("gdb", 300, True, ("gdb", "gcc")), ("git", 200, True, ("git",)),
    ("make", 1200, False, ("gcc", "make")), ("pgbench", 400, False, ("initdb",)),
    ("redis", 200, True, ("redis-server", "redis-benchmark")), ("rsync", 200, True, ("rsync",)),
    ("sanitizers", 600, False, ("clang", "gcc")), ("shell", 200, True, ("bash", "xargs")),
    ("sqlite", 200, True, ("sqlite3",)), ("ssh", 200, True, ("sshd", "ssh", "scp")),
    ("strace", 200, True, ("strace", "gcc")), ("tar", 200, True, ("tar", "gzip", "xz")),
    ("tmux", 100, True, ("tmux",)), ("valgrind", 600, False, ("valgrind", "gcc")), ("vsftpd", 200, True, ("vsftpd", "python3")),
)


def find(name):
    folders = common.PATH.split(":")
    for base, names, _ in os.walk("/usr/lib/postgresql"):
        folders += [os.path.join(base, "bin")] if "bin" in names else []
    return next((os.path.join(folder, name) for folder in folders if os.access(os.path.join(folder, name), os.X_OK)), None)


def need():
    common.need_file("/bin/bash", "bash is not installed")


def parts(full):
    return [common.Part(name, seconds) for name, seconds, quick, _ in SCRIPTS if full or quick]


def missing(part):
    needed = next(needed for name, _, _, needed in SCRIPTS if name == part.name)
    return [name for name in needed if not find(name)]


def run(part, place, only=None):
    found = common.Outcomes()
    if missing(part):
        reason = f"not installed: {' '.join(missing(part))}"
        raise common.Broken(reason) if os.environ.get("CI") == "true" else common.Skip(reason)
    verdicts = os.path.join(place.dir, "verdicts")
    folder = os.path.join(common.HERE, "programs")
    status = place.run(["/bin/bash", os.path.join(folder, "prelude.sh"), os.path.join(folder, part.name + ".sh")], part.seconds,
                       SUITE_VERDICTS=verdicts, SUITE_PORT=str(lib.free_port()), SUITE_PORT2=str(lib.free_port()))
    with open(verdicts, encoding="utf-8", errors="replace") as lines:
        place.check_loaded(next(lines) == "loaded\n")
        for line in lines:
            name, outcome, value, detail = line.rstrip("\n").split("\t", 3)
            found.add(name, f"{outcome} ({value})", detail)
    if "all of it" in found:
        raise common.Skip(found.details["all of it"])
    found.add("exit status", str(status), place.tail(40))
    if not place.preloaded:
        check_plain(found)
    return found


def check_plain(found):
    bad = [test for test, outcome in found.items() if outcome.startswith("failed") or (test == "exit status" and outcome != "0")]
    if bad:
        raise common.Broken("fails without us: " + "; ".join(f"{test}: {found[test]} ({found.details[test].strip()[-300:]})"
                                                              for test in bad).replace("\n", " "))
