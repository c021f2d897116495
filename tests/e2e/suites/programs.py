# SPDX-License-Identifier: MIT
"""programs.py - programs that people use all day, at their own work: git, ssh, make, gdb, apt-get ...

A part is a script of programs/, with programs/prelude.sh before it.  Each thing that it does is a
test: its exit status and what it printed have to be the same in all modes, and where the script knows
what is right ("is") that as well.  Names of directories, ports and pids are taken out.
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
    ("make", 400, False, ("gcc", "make")), ("pgbench", 400, False, ("initdb",)),
    ("redis", 200, True, ("redis-server", "redis-benchmark")), ("rsync", 200, True, ("rsync",)),
    ("sanitizers", 300, False, ("clang", "gcc")), ("shell", 200, True, ("bash", "xargs")),
    ("sqlite", 200, True, ("sqlite3",)), ("ssh", 200, True, ("sshd", "ssh", "scp")),
    ("strace", 200, True, ("strace", "gcc")), ("tar", 200, True, ("tar", "gzip", "xz")),
    ("tmux", 100, True, ("tmux",)), ("valgrind", 600, False, ("valgrind", "gcc")),
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
        found.add("all of it", "skipped", f"not installed: {missing(part)}")
        return found
    verdicts = os.path.join(place.dir, "verdicts")
    folder = os.path.join(common.HERE, "programs")
    status = place.run(["/bin/bash", os.path.join(folder, "prelude.sh"), os.path.join(folder, part.name + ".sh")], part.seconds,
                       SUITE_VERDICTS=verdicts, SUITE_PORT=str(lib.free_port()), SUITE_PORT2=str(lib.free_port()))
    with open(verdicts, encoding="utf-8", errors="replace") as lines:
        place.check_loaded(next(lines) == "loaded\n")
        for line in lines:
            name, outcome, value, detail = line.rstrip("\n").split("\t", 3)
            found.add(name, f"{outcome} ({value})", detail)
    found.add("exit status", str(status), place.tail(40))
    return found
