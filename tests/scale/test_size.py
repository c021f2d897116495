# SPDX-License-Identifier: MIT
"""test_size.py - many threads, connections, processes and spans: all of it works, what is not recorded is counted."""

import re
import subprocess
import time

from lib import check

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


def connections(count):
    def test(home):
        plain, ours = both(home, ["connections", count], ["prlimit", f"--nofile={count + 200}"])
        check(plain.said["made"] == ours.said["made"] == count,
              f"{plain.said['made']} connections plain, {ours.said['made']} with us")
        ours.end()
        spans = sum(span.is_http and span.attrs.get("url.path") == "/scale" for span in home.spans())
        want = count + 4000
        row("Connections that are open at once", count, plain, ours)
        home.note(f"exchange {us(plain.said['op'])} plain, {us(ours.said['op'])} with us; {spans} spans of {want}, "
                  f"host {mib(plain.memory['Pss'])} and {mib(ours.memory['Pss'])}, agent {mib(ours.agent('Pss'))}")
        counted = told(home, "conn_pool", "fd_range", "lane_full", "head_pool")
        check(spans <= want and want - spans <= counted, f"{spans} spans of {want}, {counted} counted")
    return test


def forks(count, rate=0):
    def test(home):
        plain, ours = both(home, ["forks", count, rate])
        check(plain.said["made"] == ours.said["made"] == count,
              f"{plain.said['made']} plain, {ours.said['made']} with us")
        highest = [most_resident(pid) for pid in home.agents()]
        ours.end()
        spans = home.spans()  # checks that no id comes twice
        children = [span for span in spans if span.name == "child"]
        heads = ["how many", "rate", "fork to wait plain", "with us", "host plain (Pss)", "with us",
                 "agent (highest, resident)"]
        table("Processes made by fork, each with a span", heads,
              [f"{count:,}", f"{rate * 60:,} a minute" if rate else "at once", us(plain.said["op"]),
               us(ours.said["op"]), mib(plain.memory["Pss"]), mib(ours.memory["Pss"]), mib(max(highest, default=0))])
        home.note(f"{count} forks, {us(plain.said['op'])} plain, {us(ours.said['op'])} with us; "
                  f"{len(children)} spans of children")
        missing = count - len(children)
        counted = told(home, "no_lane", "lane_full")
        check(0 <= missing <= counted, f"{missing} spans of children missing, {counted} counted")
        check(len({span.trace_id for span in children}) == 1, "children are not in their parent's trace")
    return test


def written_of(path):
    """(lines, spans, traces) of a file of the agent's."""
    lines, spans, traces = 0, 0, set()
    with open(path) as stream:
        for line in stream:
            check(line.endswith("}\n"), "a line of the file is cut off")
            lines += 1
            spans += line.count('"startTimeUnixNano"')
            traces.update(re.findall(r'"traceId":"(\w+)"', line)[:1])
    return lines, spans, traces


def watched(home, process):
    """The most that host (Pss) and agent (resident) had while a process ran, in KiB."""
    host, agent = 0, 0
    while process.poll() is None:
        host = max(host, memory(process.pid)["Pss"])
        for pid in home.agents():
            try:
                agent = max(agent, most_resident(pid))
            except OSError:
                pass
        time.sleep(0.2)
    return host, agent


def one_trace(rate):
    """A host with very many spans in one trace: bounded memory, written in parts, nothing lost in silence."""
    def test(home):
        count = 1000000 if FULL else 100000
        process = home.start([build(home, "load"), str(count), "1000000", "1", str(rate // 1000)],
                             stdout=subprocess.PIPE, env={"TAGALONG_FLUSH_INTERVAL_MS": "1000"})
        host, agent = watched(home, process)
        begun, ns = map(int, re.match(r"begun (\d+) ns (\d+)", process.stdout.read().decode()).groups())
        home.settle(120)
        lines, written, traces = written_of(home.file)
        counted = told(home, "lane_full", "no_lane")
        table("Spans of one trace", ["spans", "a second at most", "of a span", "host (highest, Pss)",
                                     "agent (highest, resident)", "lines", "spans lost", "records counted as lost"],
              [f"{begun:,}", f"{rate:,}", us(ns), mib(host), mib(agent), f"{lines:,}", f"{begun - written:,}", f"{counted:,}"])
        home.note(f"{begun} spans, {written} written in {lines} lines, {counted} records counted as lost; "
                  f"host {mib(host)}, agent {mib(agent)}")
        check(len(traces) == 1, f"{len(traces)} traces")
        check(lines > 5, f"written in {lines} parts")
        check(0 <= begun - written <= counted, f"{begun - written} spans are missing, {counted} records counted: "
                                               f"{home.read('agent.log')[-300:]}")
        check(agent < 96 * 1024, f"the agent had {mib(agent)}")
    return test


SIZES = (1, 100, 10000) if FULL else (1, 100, 2000)
FORKS = ((1, 0), (100, 0), (10000, 167)) if FULL else ((1, 0), (1500, 0))
RATES = (20000, 60000) if FULL else (60000,)
TESTS = ([(f"threads/{count}", threads(count)) for count in SIZES]
         + [(f"connections/{count}", connections(count)) for count in SIZES]
         + [(f"forks/{count}", forks(count, rate)) for count, rate in FORKS]
         + [(f"one_trace/{rate}", one_trace(rate)) for rate in RATES])
