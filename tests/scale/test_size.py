# SPDX-License-Identifier: MIT
"""test_size.py - many threads, connections, processes and spans: all of it works, what is not recorded is counted."""

import os
import re
import resource
import signal
import subprocess
import time

from lib import check, wait_until

from numbers_of import FULL, Running, build, memory, mib, most_resident, table, us

HEADS = ["how many", "time of an exchange plain", "with us", "of a span", "host plain (Pss)", "with us", "agent (Pss)"]


def told(home, *kinds):
    """Records that the agent says were lost, of these kinds."""
    text = home.read("agent.log")
    return sum(int(number) for number in re.findall(r": (\d+) lost, (?:%s)" % "|".join(kinds), text))


def both(home, words, wrap=()):
    plain = Running(home, words, "plain", wrap=wrap)
    plain.end()
    ours = Running(home, words, "preload", wrap=wrap)
    return plain, ours


def row(title, count, plain, ours):
    table(title, HEADS, [f"{count:,}", us(plain.said["op"]), us(ours.said["op"]),
                         us(ours.said["span"]) if "span" in ours.said else "", mib(plain.memory["Pss"]),
                         mib(ours.memory["Pss"]), mib(ours.agent("Pss"))])


def threads(count):
    def test(home):
        plain, ours = both(home, ["threads", count])
        check(plain.said["made"] == ours.said["made"], f"{plain.said['made']} threads plain, {ours.said['made']} with us")
        ours.end()
        spans = [span for span in home.spans() if span.name == "in a thread"]
        missing = count - len(spans)
        row("Threads that are alive at once", count, plain, ours)
        home.note(f"exchange {us(plain.said['op'])} plain, {us(ours.said['op'])} with us; {len(spans)} spans of {count}, "
                  f"host {mib(plain.memory['Pss'])} and {mib(ours.memory['Pss'])}, agent {mib(ours.agent('Pss'))}")
        counted = told(home, "no_lane", "lane_full", "thread_pool")
        check(missing <= counted, f"{missing} spans missing, {counted} counted: {home.read('agent.log')[-300:]}")
        check(count > 400 or missing == 0, f"{missing} of {count} spans are missing")
    return test


def connections(wanted):
    def test(home):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        count = wanted if most == resource.RLIM_INFINITY else min(wanted, (most - 200) // 2)
        wrap = ["prlimit", f"--nofile={2 * count + 200}"]
        plain, ours = both(home, ["connections", count], wrap)
        check(plain.said["made"] == ours.said["made"] == count,
              f"{plain.said['made']} connections plain, {ours.said['made']} with us")
        ours.end()
        spans = sum(span.is_http and span.attrs.get("url.path") == "/scale" for span in home.spans())
        want = count + 4000
        row("Connections that are open at once", count, plain, ours)
        home.note(f"exchange {us(plain.said['op'])} plain, {us(ours.said['op'])} with us; {spans} spans of {want}, "
                  f"host {mib(plain.memory['Pss'])} and {mib(ours.memory['Pss'])}, agent {mib(ours.agent('Pss'))}")
        home.note(", ".join(f"{told(home, kind)} {kind}" for kind in ("conn_pool", "fd_range", "lane_full", "head_pool") if told(home, kind)))
        counted = told(home, "conn_pool", "fd_range", "lane_full", "head_pool")
        check(spans <= want and want - spans <= counted, f"{spans} spans of {want}, {counted} counted")
    return test


def forks(home):
    count, rate = (10000, 167) if FULL else (1500, 0)
    plain, ours = both(home, ["forks", count, rate], ())
    check(plain.said["made"] == ours.said["made"] == count, f"{plain.said['made']} plain, {ours.said['made']} with us")
    highest = [most_resident(pid) for pid in home.agents()]
    ours.end()
    spans = home.spans()  # checks that no id comes twice
    children = [span for span in spans if span.name == "child"]
    heads = ["how many", "rate", "fork to wait plain", "with us", "host plain (Pss)", "with us", "agent (highest, resident)"]
    table("Processes made by fork, each with a span", heads,
          [f"{count:,}", f"{rate * 60:,} a minute" if rate else "at once", us(plain.said["op"]), us(ours.said["op"]),
           mib(plain.memory["Pss"]), mib(ours.memory["Pss"]), mib(max(highest, default=0))])
    home.note(f"{count} forks, {us(plain.said['op'])} plain, {us(ours.said['op'])} with us; {len(children)} spans of children")
    missing = count - len(children)
    counted = told(home, "no_lane", "lane_full")
    check(0 <= missing <= counted, f"{missing} spans of children missing, {counted} counted")
    check(len({span.trace_id for span in children}) == 1, "children are not in their parent's trace")


def exits(home):
    """A child that has recorded something ends by _exit: how much later is it gone?"""
    count = 2000 if FULL else 500
    plain, ours = {}, {}
    for number in range(3):
        for mode, best in (("plain", plain), ("preload", ours)):
            done = home.run([build(home, "host"), "exits", str(count)], mode=mode)
            check(done[0] == 0, f"exits: {done}")
            for key, value in re.findall(r"(\w+) (\d+)", done[1]):
                best[key] = min(best.get(key, 1 << 60), int(value))
    table("The end of a child, from _exit() to wait()", ["", "median", "longest of a run"],
          ["plain", us(plain["op"]), us(plain["most"])])
    table("The end of a child, from _exit() to wait()", [], ["with us", us(ours["op"]), us(ours["most"])])
    home.note(f"median {us(plain['op'])} plain, {us(ours['op'])} with us: {us(ours['op'] - plain['op'])} more")


def ends(home):
    """exit() while threads work: with an agent, and with one that was stopped."""
    took = {}
    for what in ("plain", "agent", "stopped agent"):
        pids = []
        if what == "stopped agent":
            home.run([build(home, "host"), "exits", "1"], env={"TAGALONG_AGENT_LINGER_MS": "5000"})
            pids = wait_until(home.agents, 15, "an agent")
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
        try:
            done = home.run([build(home, "host"), "end", "4"], mode="plain" if what == "plain" else "preload",
                            env={"TAGALONG_AGENT_LINGER_MS": "5000"})
            now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        check(done[0] == 5, f"exit with threads at work: {done}")
        took[what] = now - int(re.search(r"exit (\d+)", done[1])[1])
        table("exit() with four threads at work, until the parent knows", ["", "time"], [what, us(took[what])])
    home.note(", ".join(f"{what} {us(ns)}" for what, ns in took.items()))
    home.settle()


def one_trace(home):
    """A host with very many spans in one trace: bounded memory, written in parts, nothing lost in silence."""
    count = 1000000 if FULL else 100000
    highest, pss = 0, 0
    program = build(home, "load")
    process = home.start([program, str(count), "1000000", "1", "60"], stdout=subprocess.PIPE, env={
        "TAGALONG_FLUSH_INTERVAL_MS": "1000"})
    while process.poll() is None:
        for pid in home.agents():
            try:
                highest = max(highest, most_resident(pid))
                pss = max(pss, memory(pid)["Pss"])
            except OSError:
                pass
        time.sleep(0.2)
    out = process.stdout.read().decode()
    begun, ns = map(int, re.match(r"begun (\d+) ns (\d+)", out).groups())
    home.settle(120)
    written, traces, lines = 0, set(), 0
    with open(home.file) as stream:
        for line in stream:
            check(line.endswith("}\n"), "a line of the file is cut off")
            lines += 1
            found = re.findall(r'"traceId":"(\w+)"', line)
            written += line.count('"startTimeUnixNano"')
            traces.update(found[:1])
    counted = told(home, "lane_full", "no_lane")
    table("Spans of one trace", ["spans", "of a span", "agent (highest, resident)", "lines", "written", "counted as lost"],
          [f"{begun:,}", us(ns), mib(highest), f"{lines:,}", f"{written:,}", f"{counted:,}"])
    home.note(f"{begun} spans, {written} written in {lines} lines, {counted} records counted as lost; agent {mib(highest)}")
    check(len(traces) == 1, f"{len(traces)} traces")
    check(lines > 5, f"written in {lines} parts")
    check(0 <= begun - written <= counted, f"{begun - written} spans are missing, {counted} records counted: "
                                           f"{home.read('agent.log')[-300:]}")
    check(highest < 96 * 1024, f"the agent had {mib(highest)}")


SIZES = (1, 100, 10000) if FULL else (1, 100, 2000)
TESTS = ([(f"threads/{count}", threads(count)) for count in SIZES]
         + [(f"connections/{count}", connections(count)) for count in SIZES]
         + [("forks", forks), ("exits", exits), ("end", ends), ("one_trace", one_trace)])
