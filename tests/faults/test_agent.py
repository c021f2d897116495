# SPDX-License-Identifier: MIT
"""test_agent.py - the agent's system calls fail, the agent is stopped or slow.

It may lose, but it says so; it does not spin; every line of its files parses; programs notice nothing.
"""

import concurrent.futures
import errno
import json
import os
import re
import signal
import threading
import time

from lib import Failure, check, read_spans, wait_until

from common import FULL, build, build_load, name_of_call, processor_seconds

SPANS = 300
# What the kernel says when there is no room; for all others memory is what is missing.
NO_SPACE = {"write", "pwrite64", "ftruncate", "fallocate", "openat", "writev", "pwritev", "rename", "renameat", "renameat2"}
SETTINGS = {"TAGALONG_AGENT_LINGER_MS": "100", "TAGALONG_FLUSH_INTERVAL_MS": "50", "TAGALONG_SPOOL_DIR": ""}


class Place:
    """One run's own directory, file, log and agent."""

    def __init__(self, home, name, inject=None, options=()):
        self.home, self.name = home, name
        self.dir = home.path(name, "x")[:-2]
        self.run_dir = os.path.join(home.run_dir, name)
        self.file, self.log = os.path.join(self.dir, "s.jsonl"), os.path.join(self.dir, "agent.log")
        self.env = {**SETTINGS, "TAGALONG_RUN_DIR": self.run_dir, "TAGALONG_FILE": self.file, "TAGALONG_LOG": self.log}
        if inject:
            script = home.write(f"{name}/agent.sh", "#!/bin/sh\nexec 2>>%s/stderr\nexec %s %s %s \"$@\"\n" % (
                self.dir, inject, " ".join(options), home.tagalong))
            os.chmod(script, 0o755)
            self.env["TAGALONG_AGENT"] = script

    def agents(self):
        needle = self.run_dir.encode()
        found = []
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as stream:
                    words = stream.read().split(b"\0")
            except OSError:
                continue
            if needle in words and words[1:2] == [b"agent"]:
                found.append(int(entry))
        return found

    def said(self):
        text = ""
        for name in ("agent.log", "stderr"):
            text += self.home.read(f"{self.name}/{name}")
        return text

    def spans(self):
        logs = self.file.replace(".jsonl", ".logs.jsonl")
        if os.path.exists(logs):
            with open(logs) as lines:
                for line in lines:
                    json.loads(line)
        return read_spans(self.file)

    def begins(self, seconds):
        """Until an agent has taken the segments: one that starts slowly is not there yet when the load ends."""
        end = time.monotonic() + seconds
        while any(name.endswith(".seg") for name in os.listdir(self.run_dir)) and time.monotonic() < end:
            time.sleep(0.05)

    def end(self):
        """Until nobody is left; those that stay do not spin, and are ended."""
        end = time.monotonic() + 30
        while self.agents() and time.monotonic() < end:
            time.sleep(0.05)
        left = self.agents()
        if not left:
            return None
        before = sum(processor_seconds(pid) for pid in left)
        time.sleep(1)
        used = sum(processor_seconds(pid) for pid in left) - before
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return used


def load(place, spans=SPANS, *more, wrap=()):
    """Runs the load; returns how many spans it has begun."""
    program = build_load(place.home)
    status, out, err = place.home.run([program, str(spans), *map(str, more)], env=place.env, seconds=120, wrap=wrap)
    found = re.match(r"begun (\d+) ", out)
    check(status == 0 and found and not err, f"the program: status {status}, {out!r} {err!r}")
    return int(found[1])


def agent_calls(home, inject):
    place = Place(home, "count", inject, ["-c", home.path("count", "counts")])
    begun = load(place)
    place.begins(30)
    used = place.end()
    check(used is None, f"the agent does not end by itself, {used} s of a second; {place.said()[-300:]!r}")
    check(len(place.spans()) == begun == SPANS, f"{begun} begun, {len(place.spans())} written: {place.said()[-200:]}")
    counts = {}
    for line in home.read("count/counts").splitlines():
        call, count = map(int, line.split())
        counts[call] = count
    return counts


def places_to_fail(counts):
    """(options, what): the first, some and all calls of each kind."""
    for call, count in sorted(counts.items()):
        number = errno.ENOSPC if name_of_call(call) in NO_SPACE else errno.ENOMEM
        spots = {1, 2, 3, 5, 8, count // 2 + 1, count} if FULL else {1, 2, count // 2 + 1}
        for nth in sorted(spot for spot in spots if spot <= count):
            yield ["-s", str(call), "-n", str(nth), "-e", str(number)], f"{name_of_call(call)} {nth}"
        for nth in ({1, 3, count // 2 + 1} if FULL else {count // 2 + 1}):
            yield (["-s", str(call), "-n", str(nth), "-f", "-e", str(number)], f"{name_of_call(call)} from {nth}")
        if FULL:
            yield ["-s", str(call), "-n", "2", "-e", str(errno.EIO)], f"{name_of_call(call)} 2 EIO"


def calls(home):
    inject = build(home, "inject.c")
    counts = agent_calls(home, inject)
    jobs = list(places_to_fail(counts))
    wrong, lossy = [], []

    def one(item):
        number, (options, what) = item
        try:
            place = Place(home, f"a{number}", inject, options)
            begun = load(place)
            place.begins(6)
            used = place.end()
            if used is not None and used > 0.5:
                wrong.append(f"{what}: spins, {used:.2f} s of a second")
            try:
                written = len(place.spans())
            except (Failure, ValueError) as why:
                wrong.append(f"{what}: {why}")
                return
            if written > begun:
                wrong.append(f"{what}: {written} spans of {begun}")
            if written < begun:
                lossy.append(what)
                kept = os.path.isdir(place.run_dir) and any(name.endswith((".seg", ".bad")) or ".journal" in name
                                                            for name in os.listdir(place.run_dir))
                if not place.said() and not kept:
                    wrong.append(f"{what}: {begun - written} spans are missing and nothing is said")
        except Failure as why:
            wrong.append(f"{what}: {why}")

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, enumerate(jobs)))
    home.note(f"{len(jobs)} runs, {len(counts)} kinds of calls; with {len(lossy)} of them not all was written: "
              + ", ".join(lossy[:12]))
    check(not wrong, f"{len(wrong)} of {len(jobs)}: " + " ;; ".join(wrong[:8]))


def lost_by(place):
    """What the agent says was lost for want of room."""
    return sum(int(number) for number in re.findall(r": (\d+) lost, (?:lane_full|no_lane)", place.said())) + sum(
        int(number) for number in re.findall(r": (\d+) records refused", place.said()))


def check_losses(place, missing):
    """Every span that is missing had its start lost, and that is said."""
    told = lost_by(place)
    check(0 <= missing <= told, f"{missing} spans are missing, the agent tells of {told} records: {place.said()[-300:]}")


def stopped(home):
    """SIGSTOP for the agent: programs go on and end, and what found no room is counted."""
    place = Place(home, "stop")
    place.env["TAGALONG_AGENT_LINGER_MS"] = "3000"
    load(place, 10)
    pids = wait_until(place.agents, 15, "an agent")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        begun = load(place, 300000)
        began = time.monotonic()
        load(place, 10)
        took = time.monotonic() - began
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    check(place.end() is None, "the agent does not end")
    written = len(place.spans())
    home.note(f"300000 spans into a stopped agent: {written - 20} written, {lost_by(place)} records told as lost; "
              f"start and end of a program {took * 1000:.0f} ms")
    check(written < begun, "a stopped agent had room for everything")
    check_losses(place, begun + 20 - written)


def slow(home):
    """The agent gets a tenth of the time: the same."""
    place = Place(home, "slow")
    place.env["TAGALONG_AGENT_LINGER_MS"] = "3000"
    load(place, 10)
    pids = wait_until(place.agents, 15, "an agent")
    over = threading.Event()

    def hinder():
        while not over.is_set():
            for number, seconds in ((signal.SIGSTOP, 0.09), (signal.SIGCONT, 0.01)):
                for pid in pids:
                    try:
                        os.kill(pid, number)
                    except ProcessLookupError:
                        return
                time.sleep(seconds)

    thread = threading.Thread(target=hinder)
    thread.start()
    try:
        counts = [load(place, 60000, 10000) for _ in range(3)]
    finally:
        over.set()
        thread.join()
    check(place.end() is None, "the agent does not end")
    begun = sum(counts)
    written = len(place.spans())
    home.note(f"{begun} spans, {written - 10} written, {lost_by(place)} records told as lost")
    check_losses(place, begun + 10 - written)


TESTS = [("agent/calls", calls), ("agent/stopped", stopped), ("agent/slow", slow)]
