# SPDX-License-Identifier: MIT
"""test_errors.py - programs that die of what libc finds or of C++ exceptions, that exit
badly, and that have children which do: what is told about it.

Every victim runs plain and preloaded: the status has to be the same, and standard error
too.  Then the events that came out are compared with what is expected.

VICTIMS is the list: a program, its arguments, and the events it is to leave: (type,
message), None for a message that does not matter; one that begins with "~" is a part of it.
"""

import concurrent.futures
import fcntl
import os
import shutil
import subprocess
import tempfile
import time

import crash
import lib
from lib import Failure, Skip

HERE = os.path.dirname(os.path.abspath(__file__))
VICTIMS_DIR = os.path.join(HERE, "victims")

FORTIFIED = ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-Wno-unused-result",
             "-Wno-stringop-overflow"]
PROGRAMS = {  # name: (compiler, source, flags)
    "errors": ("gcc", "errors.c", ["-O2", *FORTIFIED]),
    "throws": ("g++", "throws.cc", ["-O1"]),
    "throws-nopie": ("g++", "throws.cc", ["-O2", "-no-pie"]),
    "throws-now": ("g++", "throws.cc", ["-O2", "-Wl,-z,now"]),
    "throws-static": ("g++", "throws.cc", ["-O1", "-static-libstdc++"]),
    "throws-clang": ("clang++", "throws.cc", ["-O1"]),
}
STOCK = "shop::OutOfStock"
EXIT = "exit status"


class Victim:
    def __init__(self, program, args, *events, **options):
        self.program, self.args, self.events = program, args.split(), list(events)
        self.env = options.get("env", {})
        self.name = "-".join([program, *self.args, *(f"{value}" for value in self.env.values())])


def both(args, *events):
    """As gcc makes it, and where the program has copies of the runtime's tables."""
    return [Victim("throws", args, *events), Victim("throws-nopie", args, *events)]


ALL = {"TAGALONG_EXCEPTIONS": "all"}
EXITS = {"TAGALONG_EXIT_STATUS": "program"}
VICTIMS = [
    # what libc finds
    Victim("errors", "abort", ("SIGABRT", "Aborted")),
    Victim("errors", "sent", ("SIGABRT", "Aborted")),
    Victim("errors", "assert", ("SIGABRT", "~Assertion `none == 1 && \"it is one\"' failed.")),
    Victim("errors", "free", ("SIGABRT", "free(): invalid pointer")),
    Victim("errors", "double", ("SIGABRT", "~double free or corruption")),
    Victim("errors", "top", ("SIGABRT", "malloc(): corrupted top size")),
    Victim("errors", "stack", ("SIGABRT", "*** stack smashing detected ***: terminated")),
    Victim("errors", "buffer", ("SIGABRT", "*** buffer overflow detected ***: terminated")),
    Victim("errors", "format", ("SIGABRT", "*** %n in writable segment detected ***")),
    Victim("errors", "mutex", ("SIGABRT", "~Assertion `e != ESRCH || !robust' failed.")),
    # what nobody catches
    *both("runtime", ("std::runtime_error", "hello")),
    *both("derived", (STOCK, "no apples")),
    *both("template", ("shop::Wrapped<shop::OutOfStock>", "in a template")),
    *both("worded", ("Worded", "worded by itself")),
    *both("several", ("Several", "one of several bases")),
    *both("plain", ("Plain", "")),
    *both("liar", ("Liar", "")),
    *both("int", ("int", "-42")),
    *both("text", ("char const*", "a bare text")),
    *both("string", ("std::string", "a string")),
    *both("alloc", ("std::bad_alloc", "std::bad_alloc")),
    *both("system", ("std::system_error", "open: No such file or directory")),
    *both("long", ("std::runtime_error", "x" * 511)),
    *both("noexcept", (STOCK, "no apples")),
    *both("rethrow", (STOCK, "no apples")),
    *both("pointer", (STOCK, "no apples")),
    *both("thread", (STOCK, "no apples")),
    *both("joinable", ("SIGABRT", "terminate called without an active exception")),
    *both("caught-abort", ("SIGABRT", "Aborted")),
    *both("after-abort", ("SIGABRT", "Aborted")),
    *both("caught"),
    Victim("throws", "runtime set", ("std::runtime_error", "hello")),
    Victim("throws", "noexcept set", (STOCK, "no apples")),
    Victim("throws", "rethrow set", (STOCK, "no apples")),
    Victim("throws", "worded set", ("Worded", "")),
    Victim("throws", "broken set", ("std::runtime_error", "")),
    Victim("throws-clang", "noexcept", (STOCK, "no apples")),
    Victim("throws-clang", "caught-abort", ("SIGABRT", "Aborted")),
    Victim("throws-static", "runtime", ("std::runtime_error", "hello")),  # the agent finds it
    # every one that is thrown
    Victim("throws", "caught", *[(STOCK, "no apples")] * 20, env=ALL),
    Victim("throws-now", "caught", *[(STOCK, "no apples")] * 20, env=ALL),
    Victim("throws", "derived", (STOCK, "no apples"), (STOCK, "no apples"), env=ALL),
    Victim("throws-static", "caught", env=ALL),
    Victim("errors", "return", env=ALL),
    # statuses
    Victim("errors", "exit"),
    Victim("errors", "exit", (EXIT, "exited with status 3"), env=EXITS),
    Victim("errors", "_exit", (EXIT, "exited with status 4"), env=EXITS),
    Victim("errors", "return", (EXIT, "exited with status 5"), env=EXITS),
    Victim("errors", "none", env=EXITS),
    Victim("errors", "child-exit", env=EXITS),
    Victim("errors", "child-exit", (EXIT, "exited with status 7"), env={"TAGALONG_EXIT_STATUS": "all"}),
    # children
    Victim("errors", "child-kill", ("SIGKILL", "~ died of SIGKILL")),
    Victim("errors", "child-kill", env={"TAGALONG_CHILD_DEATHS": "0"}),
    Victim("errors", "child-own-kill"),
    Victim("errors", "child-term"),
    Victim("errors", "child-abort", ("SIGABRT", "Aborted")),
    Victim("errors", "child-exit"),
    Victim("errors", "child-storm", *[("SIGKILL", "~ died of SIGKILL")] * 10),
]


class Bench:
    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.dir = tempfile.mkdtemp(prefix="tagalong-crash-")
        self.broken, self.jobs = {}, None

    def compile(self, name):
        compiler, source, flags = PROGRAMS[name]
        if not shutil.which(compiler):
            self.broken[name] = Skip(f"no {compiler}")
            return
        done = subprocess.run([compiler, "-g", "-pthread", *flags, os.path.join(VICTIMS_DIR, source), "-o",
                               os.path.join(self.dir, name)], capture_output=True, text=True)
        if done.returncode:
            self.broken[name] = Failure("does not compile: " + done.stderr.strip().splitlines()[-1])

    def start(self, victim, more):
        env = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        env.update(more)
        return subprocess.run([os.path.join(self.dir, victim.program), *victim.args], env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              cwd=self.dir, timeout=60)

    def run(self, victim, number):
        base = os.path.join(self.dir, f"{number}")
        out = base + ".jsonl"
        done = self.start(victim, {
            "LD_PRELOAD": os.path.join(self.build, "libtagalong.so"), "TAGALONG_RUN_DIR": base,
            "TAGALONG_FILE": out, "TAGALONG_LOG": base + ".log", "TAGALONG_AGENT_LINGER_MS": "100",
            "TAGALONG_FLUSH_INTERVAL_MS": "100", **victim.env})
        self.wait(base)
        return done, [(event.type, event.message) for event in crash.read_events(out)]

    def wait(self, run_dir):
        """Until the agent is done, which it says by ending."""
        end = time.monotonic() + 30
        while time.monotonic() < end and is_served(run_dir):
            time.sleep(0.05)

    def check(self, victim, number):
        """What is wrong; "": nothing."""
        plain = self.start(victim, {})
        seen, events = self.run(victim, number)
        if seen.returncode != plain.returncode:
            return f"status {plain.returncode} became {seen.returncode}"
        if seen.stderr != plain.stderr:
            return f"standard error {plain.stderr!r} became {seen.stderr!r}"
        return difference(victim.events, events)

    def judge_all(self):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(self.compile, sorted({victim.program for victim in VICTIMS})))
            self.jobs = {victim.name: pool.submit(self.check, victim, number)
                         for number, victim in enumerate(VICTIMS) if victim.program not in self.broken}
        shutil.rmtree(self.dir, ignore_errors=True)


def is_served(run_dir):
    """The lock of an agent is taken before it is started, and goes with it."""
    for name in os.listdir(run_dir) if os.path.isdir(run_dir) else []:
        if name.endswith(".agent"):
            with open(os.path.join(run_dir, name), encoding="utf-8") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return True
    return False


def is_expected(wanted, event):
    if wanted[0] != event[0]:
        return False
    if wanted[1] is None:
        return True
    message = event[1] or ""
    return wanted[1][1:] in message if wanted[1].startswith("~") else wanted[1] == message


def difference(wanted, events):
    left = list(events)
    for one in wanted:
        match = next((event for event in left if is_expected(one, event)), None)
        if match is None:
            return f"no event {one!r}, but {left!r}"
        left.remove(match)
    return f"more events: {left!r}" if left else ""


BENCH = []


def tester(victim):
    def test(home):
        if not BENCH:
            BENCH.append(Bench(home.build))
            BENCH[0].judge_all()
        if victim.program in BENCH[0].broken:
            raise BENCH[0].broken[victim.program]
        wrong = BENCH[0].jobs[victim.name].result()
        lib.check(not wrong, wrong)
    return test


TESTS = [("errors/" + victim.name, tester(victim)) for victim in VICTIMS]
