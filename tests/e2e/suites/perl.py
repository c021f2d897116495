# SPDX-License-Identifier: MIT
"""perl.py - perl's own tests of processes, signals, sockets, descriptors and threads, by the system's perl.

They are in no binary package; ./sources fetches them.  A part is a directory of
scripts that speak TAP; a test is a script with the number of the test in it.  They
look for perl's library beside themselves: there is a tree of links to the real one.
"""

import os
import re
import shutil
import subprocess

import common

NAME = "perl"
WHAT = "perl's test suite (the tests of Debian's source package, by Debian's perl)"
PERL = "/usr/bin/perl"
SECONDS = 150  # for one script

OP = ("alarm chdir die_exit exec fork getpid getppid groups kill0 magic require_errors select setpgrpstack sigdispatch "
      "signame_canonical sigsystem sleep sselect stat sysio threads threads-dirh time waitpid").split()

# Directory, the scripts in it (all of t when empty), whether it is part of the quick choice.
DIRECTORIES = (
    ("t/op", [f"{name}.t" for name in OP], True), ("t/io", [], False),
    ("t/run", ["cloexec.t", "exit.t", "script.t"], False),
    ("ext/POSIX", [], True), ("ext/IPC-Open3", [], True), ("dist/threads", [], False), ("dist/threads-shared", [], False),
    ("dist/Thread-Queue", [], False), ("dist/Thread-Semaphore", [], True), ("dist/IO", [], True),
    ("dist/Time-HiRes", [], False), ("cpan/Socket", [], True), ("cpan/IO-Socket-IP", [], True),
    ("cpan/IPC-SysV", [], True), ("cpan/libnet", [], False), ("cpan/HTTP-Tiny", [], False), ("cpan/IPC-Cmd", [], False),
    ("cpan/Sys-Syslog", [], False),
)
# Asks another machine.
NETWORK = ("cpan/IO-Socket-IP/t/31nonblocking-connect-internet.t",)
LINE = re.compile(r"^(not )?ok\b(?: (\d+))?(?:[ -]*)(.*)$")


def need():
    common.need_file(PERL, "perl is not installed")
    common.need_source("perl")


def parts(full):
    return [common.Part(name, SECONDS) for name, _, quick in DIRECTORIES if full or quick]


def can_choose(tests):
    """Whole scripts, of which the tests are told."""
    return all(" " in test for test in tests)


def run(part, place, only=None):
    root = tree(part.name, place)
    found = common.Outcomes()
    check_loaded(place)
    for script in scripts(part.name, root):
        name = f"{part.name}/{script}"
        if name not in NETWORK and (not only or any(test.startswith(name + " ") for test in only)):
            run_script(name, root, place, found)
    return found


def tree(name, place):
    """A copy of what the part needs: scripts write where they stand."""
    source, root = common.need_source("perl"), place.make("perl")
    shutil.copytree(os.path.join(source, "t"), os.path.join(root, "t"), symlinks=True)
    if not name.startswith("t/"):
        shutil.copytree(os.path.join(source, name), os.path.join(root, name), symlinks=True)
    library(os.path.join(root, "lib"))
    return root


def library(root):
    """One tree of links to everything that perl finds by itself, the first place winning."""
    said = subprocess.run([PERL, "-e", 'print "$_\\n" for @INC'], capture_output=True, text=True, check=True)
    for base in said.stdout.split("\n"):
        if not base.startswith("/usr/") or "perl5" in base or base.startswith("/usr/local"):
            continue
        for directory, _, files in os.walk(base, followlinks=True):
            inside = os.path.join(root, os.path.relpath(directory, base))
            os.makedirs(inside, exist_ok=True)
            for file in files:
                if not os.path.lexists(os.path.join(inside, file)):
                    os.symlink(os.path.join(directory, file), os.path.join(inside, file))


def scripts(name, root):
    chosen = next(names for directory, names, _ in DIRECTORIES if directory == name)
    if chosen or name.startswith("t/"):
        return chosen or sorted(file for file in os.listdir(os.path.join(root, name)) if file.endswith(".t"))
    return sorted(f"t/{file}" for file in os.listdir(os.path.join(root, name, "t")) if file.endswith(".t"))


def check_loaded(place):
    answer = os.path.join(place.dir, "loaded")
    place.run([PERL, "-ne", "$found |= /libtagalong/; END { print $found ? 1 : 0 }", "/proc/self/maps"], 60, stdout=answer)
    with open(answer) as stream:
        place.check_loaded(stream.read() == "1")


def run_script(name, root, place, found):
    output = os.path.join(place.dir, "tap")
    top = "t" if name.startswith("t/") else "/".join(name.split("/")[:2])
    script = os.path.relpath(name, top)
    if os.path.exists(output):
        os.remove(output)
    status = place.run([PERL, *switches(root, name), script], SECONDS, cwd=os.path.join(root, top), stdout=output,
                       PERL_CORE="1", NO_NETWORK_TESTING="1", PERL_TEST_NET_PING="0")
    found.add(f"{name} exit status", str(status), place.tail(30))
    with open(output, errors="replace") as lines:
        parse(name, lines, found)


def switches(root, name):
    """-T and the like have to be given on the command line, too."""
    with open(os.path.join(root, name), errors="replace") as stream:
        first = stream.readline()
    taint = re.search(r"perl.*\s-\w*([tT])", first)
    return ([f"-{taint.group(1)}"] if taint else []) + ["-I../lib" if name.startswith("t/") else "-I../../lib"]


def parse(name, lines, found):
    number = 0
    for line in lines:
        match = LINE.match(line)
        if line.startswith("1.."):
            found.add(f"{name} plan", line.strip())
        elif match:
            number = int(match.group(2)) if match.group(2) else number + 1
            found.add(f"{name} {number}", outcome(match.group(1), match.group(3)), line.strip())


def outcome(bad, text):
    if re.search(r"# *skip", text, re.IGNORECASE):
        return "skipped"
    if re.search(r"# *TODO", text):
        return "failed as expected" if bad else "passed"
    return "failed" if bad else "passed"
