# SPDX-License-Identifier: MIT
"""test_limits.py - a program at the edge of what it may use, with memory that runs out, with clocks that jump."""

import contextlib
import os
import random
import subprocess
import threading
import time

from lib import Skip, check, compile_victim, need_root, wait_until

from numbers_of import FULL, Running, build, mib, table

CLOCK_FILE = "clock-offset"  # of tagalong-test-agent, in the run directory
NOBODY = "54321"  # a user of whom there are no other processes


# ---- ulimit ---------------------------------------------------------------

EDGES = {  # least and most to look between, the step that matters, as another user
    "nofile": (3, 64, 1, False), "as": (1 << 20, 64 << 20, 1 << 16, False), "data": (1 << 12, 32 << 20, 1 << 14, False),
    "fsize": (0, 1 << 20, 4096, False), "nproc": (1, 40, 1, True), "stack": (1 << 14, 1 << 20, 4096, False),
    "memlock": (0, 1 << 20, 4096, False)}


def outcome(home, program, what, value, mode, as_other):
    wrap = ["prlimit", f"--{what}={value}"]
    if as_other:
        wrap += ["setpriv", f"--reuid={NOBODY}", "--clear-groups"]
    env = {}
    if as_other:
        place = home.path("other", "x")[:-2]
        os.chown(place, int(NOBODY), 0)
        os.chmod(place, 0o700)
        env = {"TAGALONG_RUN_DIR": place, "TAGALONG_FILE": place + "/s.jsonl", "TAGALONG_LOG": place + "/log"}
    status, out, err = home.run([program], mode=mode, wrap=wrap, env=env)
    return status, out, err


def works(seen):
    return seen[0] == 3 and "thread: made" in seen[1] and not seen[2]


def lowest(home, program, what, mode):
    low, high, step, as_other = EDGES[what]
    check(works(outcome(home, program, what, high, mode, as_other)),
          f"{what}: even with {high} it does not work {mode}: {outcome(home, program, what, high, mode, as_other)}")
    if works(outcome(home, program, what, low, mode, as_other)):
        return low
    while high - low > step:
        middle = (low + high) // 2 // step * step if step > 1 else (low + high) // 2
        middle = max(middle, low + 1)
        if works(outcome(home, program, what, middle, mode, as_other)):
            high = middle
        else:
            low = middle
    return high


def edge(what, more):
    """The lowest limit with which the program works: with us the same, or so much higher and no more."""
    def test(home):
        need_root()
        program = compile_victim(home, "limited")
        plain = lowest(home, program, what, "plain")
        ours = lowest(home, program, what, "preload")
        table("The lowest limit with which a small program with a thread works", ["limit", "plain", "with us", "more"],
              [what, f"{plain:,}", f"{ours:,}", f"{ours - plain:,}"])
        home.note(f"{plain} plain, {ours} with us")
        as_other = EDGES[what][3]
        if ours == plain and what != "stack":  # what the kernel puts there is random
            one, two = (outcome(home, program, what, plain, mode, as_other) for mode in ("plain", "preload"))
            check(one == two, f"at {plain}: plain {one}, with us {two}")
        check(ours - plain <= more, f"works with {plain} plain and needs {ours} with us: {ours - plain} more, not {more}")
    return test


def heap_under_limit(home):
    """100 MiB of heap under RLIMIT_AS."""
    limit = 176 << 20
    got = {}
    for mode in ("plain", "preload"):
        got[mode] = Running(home, ["heap", 100], mode, wrap=["prlimit", f"--as={limit}"])
        got[mode].end()
    check(got["plain"].said["mib"] == got["preload"].said["mib"] == 100,
          f"{got['plain'].said['mib']} MiB plain, {got['preload'].said['mib']} with us")
    spans = home.spans()
    all_of = {}
    for mode in ("plain", "preload"):
        most = Running(home, ["heap", 1000], mode, wrap=["prlimit", f"--as={limit}"])
        most.end()
        all_of[mode] = most.said["mib"]
    table("Heap that there is under RLIMIT_AS", ["limit", "plain", "with us"],
          [mib(limit / 1024), f"{all_of['plain']} MiB", f"{all_of['preload']} MiB"])
    home.note(f"100 MiB of {limit >> 20}; at most {all_of['plain']} plain, {all_of['preload']} with us; {len(spans)} spans")
    check(any(span.is_http for span in spans), "no span of the request")


# ---- memory of a control group --------------------------------------------

@contextlib.contextmanager
def control_group(home, limit):
    """A memory cgroup with so many bytes; v2 or v1, whichever can be written."""
    need_root()
    name = os.path.basename(home.dir)
    for parent, key in (("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")):
        path = os.path.join(parent, name)
        try:
            os.mkdir(path)
        except OSError:
            continue
        try:
            with open(os.path.join(path, key), "w") as stream:
                stream.write(str(limit))
        except OSError:
            with contextlib.suppress(OSError):
                os.rmdir(path)
            continue
        try:
            yield path
        finally:
            end = time.monotonic() + 5
            while time.monotonic() < end:
                with contextlib.suppress(OSError):
                    os.rmdir(path)
                    return
                time.sleep(0.1)
        return
    raise Skip("no memory cgroup that can be written")


def cgroup_roomy(home):
    """Program and agent fit: nothing is different, everything is recorded."""
    with control_group(home, 128 << 20) as path:
        wrap = ["sh", "-c", f'echo $$ > {path}/cgroup.procs && exec "$@"', "sh"]
        ours = Running(home, ["heap", 60], "preload", wrap=wrap)
        check(ours.said["mib"] == 60, f"{ours.said}")
        ours.end()
        spans = home.spans()
        check(any(span.is_http for span in spans), "no span of the request")
        home.note(f"60 MiB of 128, agent {mib(ours.agent('Pss'))}")


def cgroup_tight(home):
    """The program alone all but fills it: whoever has to go, it is the agent."""
    with control_group(home, 72 << 20) as path:
        wrap = ["sh", "-c", f'echo $$ > {path}/cgroup.procs && exec "$@"', "sh"]
        plain = Running(home, ["heap", 66], "plain", wrap=wrap)
        plain.end()
        for _ in range(5):
            ours = Running(home, ["heap", 66], "preload", wrap=wrap)
            check(ours.said["mib"] == 66, f"{ours.said}")
            agents = len(home.agents())
            ours.end()
            home.note(f"agents left {agents}")
        wait_until(lambda: not home.agents(), 20, "agents end")


# ---- a run directory that is full -----------------------------------------

def small_tmpfs(home, name, kib):
    need_root()
    place = home.path(name, "x")[:-2]
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=0700", "none", place], capture_output=True)
    if done.returncode:
        raise Skip("cannot mount a tmpfs")
    home.mounts.append(place)
    return place


def fill(place):
    """Takes all that is left."""
    path = os.path.join(place, "filler")
    with contextlib.suppress(OSError), open(path, "ab", buffering=0) as stream:
        while True:
            stream.write(b"\0" * 4096)
    return path


def full_at_any_moment(home):
    """The run directory fills up before, at some moment of, and again and again during a program's life."""
    program = compile_victim(home, "limited")
    plain = home.run([program], mode="plain")
    dice = random.Random(11)
    runs = 60 if FULL else 24
    for number in range(runs):
        place = small_tmpfs(home, f"full{number}", 4 * dice.choice((8, 40, 60, 100, 300, 1000)))
        env = {"TAGALONG_RUN_DIR": place}
        stop = threading.Event()

        def meddle():
            while not stop.wait(dice.uniform(0, 0.004)):
                path = fill(place)
                if number % 3 == 0:
                    return  # full from now on
                time.sleep(dice.uniform(0, 0.003))
                if number % 3 == 1:
                    os.truncate(path, 0)
                else:
                    os.unlink(path)

        if number % 4 == 0:
            fill(place)
        thread = threading.Thread(target=meddle)
        thread.start()
        try:
            seen = home.run([program], env=env)
        finally:
            stop.set()
            thread.join()
        check(seen == plain, f"run {number}: {seen} in place of {plain}")
    wait_until(lambda: not home.agents(), 30, f"agents end: {home.read('agent.log')[-300:]}")
    home.note(f"{runs} run directories")


# ---- clocks ---------------------------------------------------------------

def sane(home, spans, longest_s):
    for span in spans:
        check(span.end >= span.start, f"{span.name} ends before it starts")
        check(span.end - span.start < longest_s * 10 ** 9, f"{span.name} lasts {(span.end - span.start) / 1e9:.1f} s")
    inside = {}
    for span in spans:
        if span.parent_id:
            inside.setdefault(span.parent_id, []).append(span)
    for parent in spans:
        for child in inside.get(parent.span_id, ()):
            check(child.start >= parent.start and child.end <= parent.end,
                  f"{child.name} is not within {parent.name}: {child.start - parent.start} {parent.end - child.end} ns")


def time_namespace(home):
    """A program whose clocks began elsewhere than the agent's."""
    need_root()
    if subprocess.run(["unshare", "--time", "--monotonic", "1000000", "--boottime", "1000000", "true"],
                      capture_output=True).returncode:
        raise Skip("no time namespaces")
    home.run([build(home, "load"), "10"], env={"TAGALONG_AGENT_LINGER_MS": "3000"})
    wait_until(home.agents, 10, "an agent outside")
    wall = time.time_ns()
    for offset in (1000000, -20):
        home.run([build(home, "load"), "50", "0", "1"], env={"TAGALONG_AGENT_LINGER_MS": "3000"},
                 wrap=["unshare", "--time", "--monotonic", str(offset), "--boottime", str(offset)])
    spans = home.spans()
    home.note(f"{len(spans)} spans of 112")
    sane(home, spans, 10)
    check(len(spans) == 112, f"{len(spans)} spans of 112")
    for span in spans:
        check(abs(span.start - wall) < 60 * 10 ** 9, f"{span.name} is {(span.start - wall) / 1e9:.0f} s from now")


def jumping_clock(home):
    """Wall and monotonic clocks of a program jump while it works (libfaketime)."""
    places = ("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")
    fake = next((path for path in places if os.path.exists(path)), None)
    if not fake:
        raise Skip("libfaketime is not installed")
    stamp = home.write("stamp", "+0\n")
    stop = threading.Event()

    def jump():
        dice = random.Random(3)
        while not stop.wait(0.02):
            with open(stamp + ".new", "w") as stream:
                stream.write(f"{dice.choice(('+', '-'))}{dice.randrange(1, 500000)}\n")
            os.replace(stamp + ".new", stamp)

    thread = threading.Thread(target=jump)
    thread.start()
    try:
        for monotonic in ("1", "0"):  # faked too, or not
            seen = home.run(["env", f"LD_PRELOAD={fake}:{home.preload}", build(home, "load"), "3000", "200000", "1"],
                            mode="plain", env={"FAKETIME_TIMESTAMP_FILE": stamp, "FAKETIME_NO_CACHE": "1",
                                               "DONT_FAKE_MONOTONIC": monotonic, "FAKETIME_DONT_FAKE_MONOTONIC": monotonic})
            check(seen[0] == 0 and seen[1].startswith("begun 3001"), f"{seen}")
    finally:
        stop.set()
        thread.join()
    spans = home.spans()
    home.note(f"{len(spans)} spans of 6002")
    for span in spans:
        check(span.end >= span.start, f"{span.name} ends before it starts")
    check(len(spans) == 6002, f"{len(spans)} spans of 6002: {home.losses()}")


def agents_clock(home):
    """The agent's own clock jumps far ahead while a program works: everything is written, in order."""
    agent = os.path.join(home.build, "tagalong-test-agent")
    if not os.path.exists(agent):
        raise Skip("no tagalong-test-agent in the build directory")
    clock = os.path.join(home.run_dir, CLOCK_FILE)
    with open(clock, "wb") as stream:
        stream.write(b"\0" * 8)
    program = build(home, "load")
    process = home.start([program, "3000", "500000", "1"], env={"TAGALONG_AGENT": agent},
                         stdout=subprocess.PIPE)
    dice, ahead = random.Random(5), 0
    while process.poll() is None:
        ahead += dice.choice((10 ** 9, 3600 * 10 ** 9, 86400 * 10 ** 9))
        with open(clock, "r+b") as stream:
            stream.write(ahead.to_bytes(8, "little"))
        time.sleep(0.1)
    spans = home.spans()
    home.note(f"{len(spans)} spans of 3001, the clock went {ahead / 86400e9:.0f} days ahead")
    check(len(spans) == 3001, f"{len(spans)} spans of 3001: {home.losses()}")
    sane(home, spans, 60)


TESTS = [(f"limits/{what}", edge(what, more)) for what, more in
         (("nofile", 0), ("as", 6 << 20), ("data", 3 << 20), ("fsize", 0), ("nproc", 0), ("stack", 8192), ("memlock", 0))]
TESTS += [("limits/heap", heap_under_limit), ("cgroup/roomy", cgroup_roomy), ("cgroup/tight", cgroup_tight),
          ("full/any_moment", full_at_any_moment), ("clock/namespace", time_namespace), ("clock/jumps", jumping_clock),
          ("clock/agent", agents_clock)]
