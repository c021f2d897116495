# SPDX-License-Identifier: MIT
"""test_end.py - how a process ends: _exit() of a child, exit() of a program with busy threads, with an agent that is stopped."""

import os
import re
import signal
import statistics
import time

from lib import check, need_program, wait_until

from numbers_of import FULL, build, table, us

LINGER = {"TAGALONG_AGENT_LINGER_MS": "5000"}
# System calls in which a process that ends could wait for somebody.
WAITING = {"futex", "nanosleep", "clock_nanosleep", "poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait",
           "epoll_pwait2", "wait4", "waitid", "pause", "rt_sigtimedwait", "rt_sigsuspend", "sched_yield", "flock",
           "connect", "accept", "accept4", "read", "recvfrom", "recvmsg", "fsync", "fdatasync", "msync"}


class Stopped:
    """Agents of a home that stand still (SIGSTOP) as long as this is open."""

    def __init__(self, home):
        home.run([build(home, "host"), "exits", "1"], env=LINGER)
        self.pids = wait_until(home.agents, 15, "an agent")

    def __enter__(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)

    def __exit__(self, *_):
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)


def exits(home):
    """A child that has recorded something ends by _exit: how much later is it gone?"""
    count = 2000 if FULL else 500
    plain, ours = {}, {}
    for _ in range(3):
        for mode, best in (("plain", plain), ("preload", ours)):
            done = home.run([build(home, "host"), "exits", str(count)], mode=mode)
            check(done[0] == 0, f"exits: {done}")
            for key, value in re.findall(r"(\w+) (\d+)", done[1]):
                best[key] = min(best.get(key, 1 << 60), int(value))
    for what, best in (("plain", plain), ("with us", ours)):
        table("The end of a child, from _exit() to wait()", ["", "median", "longest of a run"],
              [what, us(best["op"]), us(best["most"])])
    home.note(f"median {us(plain['op'])} plain, {us(ours['op'])} with us: {us(ours['op'] - plain['op'])} more")


def one_end(home, mode):
    done = home.run([build(home, "host"), "end", "4"], mode=mode, env=LINGER)
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    check(done[0] == 5, f"exit with threads at work: {done}")
    return now - int(re.search(r"exit (\d+)", done[1])[1])


def ends(home):
    """exit() while threads work: with an agent, and with one that was stopped."""
    took = {"plain": [], "agent": [], "stopped agent": []}
    for _ in range(21 if FULL else 5):
        took["plain"].append(one_end(home, "plain"))
        took["agent"].append(one_end(home, "preload"))
        with Stopped(home):
            took["stopped agent"].append(one_end(home, "preload"))
    for what, all_ns in took.items():
        table("exit() with four threads at work, until the parent knows", ["", "median", "longest"],
              [what, us(statistics.median(all_ns)), us(max(all_ns))])
    home.note(", ".join(f"{what} {us(statistics.median(all_ns))}" for what, all_ns in took.items()))
    home.settle()


def last_calls(home, words, mode):
    """pid -> the system calls of each process after it has said, or shown by _exit, that it ends; by strace."""
    trace = home.path("trace", mode)
    done = home.run([build(home, "host"), *words], mode=mode, env=LINGER,
                    wrap=[need_program("strace"), "-f", "-qq", "-o", trace])
    check(done[0] in (0, 5), f"{words}: {done}")
    calls = {}
    with open(trace) as lines:
        for line in lines:
            found = re.match(r"(\d+) +(?:<\.\.\. )?(\w+)(?: resumed|\()", line)
            if not found:
                continue
            if re.search(r'^\d+ +write\(1, "exit ', line):
                calls[found[1]] = []
            calls.setdefault(found[1], []).append(found[2])
    return calls


def waits_of_children(calls):
    """What the children of "host exits" could wait in, from their first call to their last."""
    parent = next(iter(calls))
    return {call for pid, names in calls.items() if pid != parent for call in names} & WAITING


def never_waits(home):
    """Neither a child's _exit() nor exit() waits for an agent that does not answer: no call that could."""
    found = {}
    for mode in ("plain", "preload"):
        with Stopped(home):
            children = waits_of_children(last_calls(home, ["exits", "20"], mode))
            main = next(iter(last_calls(home, ["end", "4"], mode).values()))
        check("exit_group" in main, f"{mode}: exit was not seen: {main}")
        found[mode] = (children, set(main) & WAITING)
    check(found["plain"] == found["preload"], f"what a process that ends could wait in: {found}")
    home.settle()


TESTS = [("exits", exits), ("end", ends), ("never_waits", never_waits)]
