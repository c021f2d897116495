# SPDX-License-Identifier: MIT
"""test_zoo.py - a zoo of victims: each dies as it does without us, and is reported once.

All victims run plain and preloaded, some at a time, under one agent; then each is judged.
"""

import atexit
import concurrent.futures
import os
import re
import signal
import subprocess
import sys

import crash
import lib
from crash import check, program

ANY = object()
MAYBE = object()  # an event or none: what cannot be told for sure


class Victim:
    """What is expected of one; type None: no event at all.

    frames: functions that have to be in the crashed thread's stack, in this order; the first
    of them is the youngest that is the program's own, unless anywhere is set.
    """

    def __init__(self, name, type="SIGSEGV", frames=None, threads=1, command=None, message=None, env=None,
                 anywhere=False, scope=True, tags=(), root=False, during=None, same_process=True, frame0=None):
        self.name, self.type, self.frames, self.threads = name, type, frames, threads
        self.command, self.message, self.env, self.anywhere = command, message, env, anywhere
        self.scope, self.tags, self.root, self.during = scope, dict(tags), root, during
        self.same_process, self.frame0 = same_process, frame0


def zoo(name, *arguments, flags=(), tool=None, **options):
    how = name.split("/")[-1]
    waiters = options.pop("waiters", 1)
    options.setdefault("frames", [how, "main"])
    options.setdefault("threads", 1 + waiters)
    options.setdefault("tags", {"victim": how})
    return Victim(name, command=lambda home: [program("zoo.c", *(flags or ("-O1",)), tool=tool), how,
                                              *(argument(home) if callable(argument) else argument
                                                for argument in arguments)], **options)


def kill_it(process):
    line = process.stdout.readline()
    os.kill(process.pid, signal.SIGSEGV)
    return line


def stripped(home):
    path = program("zoo.c", "-O2", "-s", name="stripped")
    return [path, "deep"]


def alone(home):
    place = home.path("jail/x")
    return os.path.dirname(place)


def library(home):
    return program("library.c", "-O1", "-shared", "-fPIC", name="libvictim.so")


FAST = ("-O3", "-fomit-frame-pointer", "-fno-inline")
DEATH = ["null_write"]

VICTIMS = [
    zoo("null_write"), zoo("null_read", frames=["read_through", "null_read", "main"]), zoo("null_call"), zoo("read_only"),
    zoo("garbage_jump"), zoo("non_canonical_jump"), zoo("data_jump", anywhere=True),
    zoo("wiped_stack", frames=["wiped_stack"]),
    zoo("bus", type="SIGBUS"), zoo("divide", type="SIGFPE"), zoo("illegal", type="SIGILL"),
    zoo("breakpoint", type="SIGTRAP"), zoo("cpu_limit", type="SIGXCPU"),
    zoo("sigsys_raised", type="SIGSYS"),
    zoo("aborts", type=ANY), zoo("asserts", type=ANY, message="an apple a day"),
    zoo("double_free", type=ANY, message="double free"),
    zoo("use_after_free", type=ANY, message="tcache chunk"),
    zoo("malloc_locked", frames=["malloc_locked", "main"]),
    zoo("overflow_main", frames=["overflow", "overflow_main", "main"]),
    zoo("overflow_thread", frames=["overflow", "overflow_there"], waiters=2, scope=False),
    zoo("thread_dies", frames=["null_write", "die_there"], scope=False,
        tags={"where": "thread", "victim": "thread_dies"}),
    zoo("on_coroutine", frames=["null_write", "coroutine"]),
    zoo("two_at_once", frames=["null_write", "start_gate"], waiters=2, scope=False),
    zoo("threads200", frames=["null_write", "threads200", "main"], waiters=199),
    zoo("raw_clone", type=MAYBE),
    zoo("in_handler", frames=["null_write", "crash_in_it", "in_handler", "main"], scope=False),
    zoo("in_handler_blocked", type=None),
    zoo("handler_returns", type=None), zoo("handler_jumps", type=None), zoo("handler_exits", type=None),
    # Blocked while its handler runs: raise() counts at the return.
    zoo("handler_raises", frames=["null_write", "handler_raises", "main"]),
    zoo("handler_raises_at_once", frames=["default_and_raise", "null_write", "handler_raises_at_once", "main"]),
    zoo("handler_gives_up", frames=["null_write", "handler_gives_up", "main"]),
    zoo("resethand", frames=["null_write", "resethand", "main"]),
    zoo("resethand_by_sysv", frames=["null_write", "resethand_by_sysv", "main"]),
    zoo("abort_handled", type=ANY, frames=["aborts", "abort_handled", "main"]),
    zoo("abort_handled_by_signal", type=ANY, frames=["aborts", "abort_handled_by_signal", "main"]),
    zoo("abort_raised", type=None), zoo("abort_jumped", type=None),
    zoo("own_altstack", frames=["overflow", "own_altstack", "main"]),
    zoo("ignored", type=None), zoo("blocked", type=None),
    zoo("outside_kill", frames=["outside_kill", "main"], during=kill_it),
    zoo("forked", frames=["null_write", "forked", "main"], waiters=0, same_process=False,
        tags={"victim": "forked", "where": "child"}),
    zoo("vforked", type=None),
    zoo("without_files", frames=["null_write", "without_files", "main"], waiters=0),
    zoo("jailed", alone, frames=["null_write", "jailed", "main"], waiters=0, root=True),
    zoo("execed", frames=["null_write", "main"], scope=False, tags={"victim": "null_write"}),
    zoo("library", library, frames=["deep_in_library", "die_in_library", "library", "main"]),
    zoo("at_exit", frames=["null_write", "at_exit", "main"], waiters=0),
    zoo("constructor", frames=["null_write", "constructor"], waiters=0, scope=False, tags={}),
    # In a sandbox nothing is called of the kernel, and nothing can be told.
    zoo("filtered_kill", type=None), zoo("filtered_errno", type=None), zoo("filtered_trap", type=None),
    zoo("strict", type=None), zoo("strict_kill", type=None),
    zoo("nothing", type=None), zoo("queries", type=None),
    zoo("fast/deep", flags=FAST, frames=["third", "second", "first", "deep", "main"]),
    zoo("no_pie/deep", flags=("-O2", "-no-pie", "-fno-inline"), frames=["third", "second", "first", "deep", "main"]),
    zoo("unoptimised/deep", flags=("-O0",), frames=["third", "second", "first", "deep", "main"]),
    zoo("clang/deep", flags=("-O1", "-fno-inline"), tool="clang", frames=["third", "second", "first", "deep", "main"]),
    Victim("stripped", command=stripped, frames=[], threads=2, tags={"victim": "deep"}, frame0="stripped"),
    Victim("exception", type=ANY, frames=["deliver", "main"], message="no apples left", threads=1,
           command=lambda home: [program("exception.cc", "-O1"), "main"], tags={"victim": "main"}),
    Victim("exception_in_thread", type=ANY, frames=["deliver"], message="no apples left", threads=2,
           command=lambda home: [program("exception.cc", "-O1"), "thread"], tags={"victim": "thread"},
           scope=False),
    Victim("api_in_script", command=lambda home: ["python3", "-c",
           "import ctypes; ctypes.string_at(8)"], frames=[], scope=False, threads=1),
]


class Zoo:
    """Both runs of every victim, and what came of them."""

    def __init__(self):
        self.home = None
        self.plain, self.preloaded, self.events, self.spans = {}, {}, None, None

    def run_one(self, victim):
        """Compiling counts: a compiler that is missing skips its victim only."""
        results = []
        for preloaded in (False, True):
            try:
                results.append(crash.run(self.home, victim.command(self.home), preloaded,
                                         env=victim.env, during=victim.during))
            except (lib.Failure, lib.Skip) as reason:
                results.append(reason)
        self.plain[victim.name], self.preloaded[victim.name] = results

    def run_all(self, build, victims):
        self.home = lib.Home(build, "zoo")
        program("zoo.c", "-O1")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(self.run_one, victims))
        self.home.settle(40)
        self.events = crash.read_events(self.home.file)
        self.spans = lib.read_spans(self.home.file)

    def close(self):
        if self.home:
            self.home.close("TAGALONG_TEST_KEEP" in os.environ)


ZOO = Zoo()
atexit.register(ZOO.close)
WORDS = sys.argv[2:]  # what is not asked for need not run


def normal(text):
    return re.sub(r"0x[0-9a-f]+|\b\d{3,}\b", "N", text)


def judge_end(victim, plain, preloaded):
    check(preloaded.status == plain.status,
          f"ends with {crash.status_text(preloaded.status)}, plain with {crash.status_text(plain.status)}")
    check(preloaded.out == plain.out, f"said {preloaded.out[-200:]!r}, plain {plain.out[-200:]!r}")
    check(normal(preloaded.err) == normal(plain.err), f"complained {preloaded.err[-200:]!r}, plain {plain.err[-200:]!r}")


def judge_stack(victim, event):
    functions = event.functions()
    named = [function for function, frame in zip(functions, event.frames())
             if frame.get("in_app") and function != "?" or frame.get("function") in victim.frames]
    check(victim.anywhere or not victim.frames or named[:1] == victim.frames[:1],
          f"crashing function {named[:1]}, not {victim.frames[:1]}: {event.said()}")
    place = 0
    for wanted in victim.frames:
        check(wanted in functions[place:], f"no {wanted} in its place: {event.said()}")
        place = functions.index(wanted, place) + 1
    if victim.frame0:
        packages = [os.path.basename(frame.get("package", "")) for frame in event.frames()]
        check(packages[0] == victim.frame0 and packages.count(victim.frame0) >= 6 and
              any("libc.so" in package for package in packages), f"objects {packages}: {event.said()}")
    check(len(event.threads) == victim.threads,
          f"{len(event.threads)} threads, not {victim.threads}: {event.said()}")
    check(event.threads[0].get("crashed"), "the first thread is not the one that crashed")


def judge_scope(victim, event):
    for name, value in victim.tags.items():
        check(event.tag(name) == value, f"tag {name} is {event.tag(name)!r}, not {value!r}")
    if not victim.scope:
        return
    spans = [span for span in ZOO.spans if span.span_id == event.span_id]
    check(len(spans) == 1, f"{len(spans)} spans with the event's id")
    check(spans[0].name == "death" and spans[0].trace_id == event.trace_id, f"span {spans[0].name}")
    check(spans[0].unfinished or not victim.same_process, "its span is not said to be unfinished")


def judge(victim):
    plain, preloaded = ZOO.plain[victim.name], ZOO.preloaded[victim.name]
    for outcome in (plain, preloaded):
        if isinstance(outcome, Exception):
            raise outcome
    judge_end(victim, plain, preloaded)
    mine = [event for event in ZOO.events if event.is_crash and (event.pid == preloaded.pid) == victim.same_process and
            (victim.same_process or event.tag("victim") == victim.tags["victim"])]
    if victim.type is None:
        check(not mine, f"reported: {[event.said() for event in mine]}")
        return
    if victim.type is MAYBE:
        check(len(mine) <= 1, f"{len(mine)} events")
        return
    check(len(mine) == 1, f"{len(mine)} events: {[event.said() for event in mine]}")
    event = mine[0]
    if victim.type is ANY:
        check(event.type, "the event has no type")
        check(event.attrs.get("tagalong.signal.number") == signal.SIGABRT, f"signal {event.attrs.get('tagalong.signal.number')}")
    else:
        check(event.type == victim.type, f"type {event.type}, not {victim.type}")
    if victim.message:
        check(victim.message in f"{event.type} {event.message}", f"said {event.type}: {event.message}")
    judge_scope(victim, event)
    judge_stack(victim, event)
    if victim.during is kill_it:
        check(event.attrs.get("tagalong.signal.sender_pid") == os.getpid(), "the sender is not named")


def tester(victim):
    def test(home):
        if victim.root:
            lib.need_root()
        if ZOO.events is None:
            wanted = [one for one in VICTIMS if (not WORDS or any(word in "zoo/" + one.name for word in WORDS)) and
                      not (one.root and os.geteuid() != 0)]
            ZOO.run_all(home.build, wanted)
        judge(victim)
    return test


def static_pie(home):
    """Nothing can be preloaded into it: that is said, and it runs all the same."""
    path = program("zoo.c", "-O1", "-static-pie", name="static-pie")
    said = subprocess.run([home.tagalong, "doctor", path], capture_output=True, text=True, env=home.environment())
    check(said.returncode != 0 and "static" in said.stdout + said.stderr,
          f"doctor: {said.returncode} {(said.stdout + said.stderr)[-300:]!r}")
    done = subprocess.run([home.tagalong, "run", path, "null_write"], capture_output=True, text=True,
                          env=home.environment())
    check(done.returncode == -signal.SIGSEGV, f"run: {done.returncode}")
    check("static" in done.stderr, f"run says {done.stderr!r}")


def storm(home):
    """Many processes of one segment at once: one at a time leaves its stack, all leave an event."""
    plain, ours = [crash.run(home, [program("zoo.c", "-O1"), "forked_storm"], preloaded) for preloaded in (False, True)]
    check((ours.status, ours.out) == (plain.status, plain.out) == (0, "20 died\n"), f"{ours}, plain {plain}")
    home.settle(40)
    events = crash.crashes(home.file)
    check(len({event.pid for event in events}) == len(events) == 20, f"{len(events)} events, not 20")
    check(all(event.tag("where") == "child" and event.type == "SIGSEGV" for event in events), "not the children's")
    stacks = [event for event in events if event.threads]
    check(stacks and all("null_write" in event.functions() for event in stacks), f"{len(stacks)} stacks")
    home.note(f"{len(stacks)} of 20 with a stack")


def in_namespace(home):
    """Processes of another pid namespace have all of their threads, too: its first one, and one
    that is started by it.  The agent is there before: one that is started in the namespace is
    killed with its first process."""
    lib.need_root()
    dies = [program("zoo.c", "-O1"), "null_write"]
    for command in (dies, ["sh", "-c", '"$@"; exit 0', "sh", *dies]):
        crash.run(home, [home.tagalong, "run", "-o", home.file, "sh", "-c", 'sleep 0.5; exec unshare -p -f "$@"', "sh",
                         *command], False)
    home.settle(40)
    events = [event for event in crash.crashes(home.file) if event.tag("victim") == "null_write"]
    check(len(events) == 2, f"{len(events)} events, not 2: {[event.said() for event in events]}")
    for event in events:
        check("null_write" in event.functions(), f"the stack is {event.functions()}")
        check(len(event.threads) == 2, f"{len(event.threads)} threads: {event.said()}")


TESTS = [("zoo/" + victim.name, tester(victim)) for victim in VICTIMS] + [("zoo/static_pie", static_pie), ("zoo/forked_storm", storm),
                                                                      ("zoo/pid_namespace", in_namespace)]
