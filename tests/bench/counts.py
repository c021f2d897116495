# SPDX-License-Identifier: MIT
"""counts.py - what a request costs that does not depend on the machine's mood.

Instructions outside the kernel (callgrind), system calls (strace) and allocations (mallocs.c) per
request of each server, plain and preloaded: two runs with different numbers of requests on one
connection, divided by the difference, so that starts and ends do not count.

Below the table: where the added instructions of the first server are.
"""

import collections
import os
import re
import signal
import struct
import subprocess
import time

import lib
import programs

FEW, MANY = 200, 1200
VARIANTS = ("plain", "preloaded")
TOP = 40


def run_once(bench, case, variant, requests, tool, more=None):
    """One server under a tool (a command line), asked so many times and stopped."""
    port = lib.free_port()
    env = bench.environment(variant)
    env.update(case.env if variant == "preloaded" else {})
    env.update(more or {})
    if variant == "preloaded":
        # An agent that this server starts would be traced and counted with it.
        env["TAGALONG_AGENT_LINGER_MS"] = "5000"
        subprocess.run(["true"], env=env, check=False)
    preload = [f"LD_PRELOAD={env.pop('LD_PRELOAD')}"] if "LD_PRELOAD" in env else []
    if tool and tool[0] == "strace":
        command = tool + (["-E", preload[0]] if preload else [])
    else:
        command = ["env"] + preload + tool
    make = programs.nginx_alone if case.command is programs.nginx else case.command
    process = subprocess.Popen(command + make(bench, port), env=env, cwd=bench.place,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    bench.started.append(process)
    try:
        lib.wait_for_port(port, 180)
        time.sleep(0.3)
        case.load(bench, port, 60, requests, connections=1)
    finally:
        end(process)


def end(process):
    """The traced program, not the tool: that one has to write what it has seen."""
    inner = [int(pid) for pid in children(process.pid)]
    for pid in inner or [process.pid]:
        os.kill(pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        lib.stop(process)


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as found:
            return found.read().split()
    except FileNotFoundError:
        return []


def per_request(bench, case, variant, count):
    return (count(bench, case, variant, MANY) - count(bench, case, variant, FEW)) / (MANY - FEW)


# ---- what is counted ----

def calls(bench, case, variant, requests):
    out = bench.path("strace.out")
    run_once(bench, case, variant, requests, ["strace", "-f", "-c", "-o", out])
    with open(out) as lines:
        found = re.search(r"^\s*100\.00\s.*?(\d+)\s+(?:\d+\s+)?total$", lines.read(), re.M)
    if found is None:
        raise lib.Unable("strace has counted nothing")
    return int(found[1])


def allocations(bench, case, variant, requests):
    library = bench.compiled("mallocs.c", "-shared", "-fPIC")
    out = bench.path("mallocs.out")
    with open(out, "wb") as page:
        page.write(bytes(4096))
    os.chmod(out, 0o666)
    env = bench.environment(variant).get("LD_PRELOAD")
    run_once(bench, case, variant, requests, [],
             {"BENCH_MALLOCS": out, "LD_PRELOAD": f"{env}:{library}" if env else library})
    with open(out, "rb") as page:
        return struct.unpack("<Q", page.read(8))[0]


def functions(bench, case, variant, requests):
    """Instructions by (function, object)."""
    out = bench.path("callgrind.out")
    run_once(bench, case, variant, requests,
             ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"])
    said = subprocess.run(["callgrind_annotate", "--auto=no", "--threshold=100", out], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True).stdout
    found = collections.Counter()
    for line in said.splitlines():
        part = re.match(r"\s*([\d,]+) \([ \d.]+%\)\s+\S+:(\S+)", line)
        if part:
            where = "libtagalong" if "libtagalong" in line or lib.ROOT + "/" in line else "others"
            found[part[2].split("'")[0], where] += int(part[1].replace(",", ""))
    return found


def instructions(bench, case, variant):
    few = functions(bench, case, variant, FEW)
    many = functions(bench, case, variant, MANY)
    return {name: (many[name] - few[name]) / (MANY - FEW) for name in set(few) | set(many)}


# ---- tables ----

def row_of(bench, case, ret_functions):
    row = [case.name]
    by = {variant: instructions(bench, case, variant) for variant in VARIANTS}
    totals = [sum(by[variant].values()) for variant in VARIANTS]
    row += [f"{total:.0f}" for total in totals] + [f"{totals[1] - totals[0]:+.0f}"]
    for count in (calls, allocations):
        plain, preloaded = (per_request(bench, case, variant, count) for variant in VARIANTS)
        row += [f"{plain:.2f}", f"{preloaded - plain:+.2f}"]
    ret_functions.append((case.name, by))
    return row


def main(bench):
    for tool in ("valgrind", "strace"):
        if lib.find(tool) is None:
            print(f"counts: no {tool}: left out\n")
            return
    rows, found = [], []
    for case in programs.chosen():
        if not case.countable or case.missing():
            continue
        try:
            case.prepare(bench)
            rows.append(row_of(bench, case, found))
        except lib.Unable as why:
            print(f"{case.name}: left out: {why}\n")
    lib.table(f"Counts per request (one connection, {MANY - FEW} requests)",
              ["server", "instructions", "preloaded", "added", "system calls", "added",
               "allocations", "added"], rows)
    if found:
        name, by = found[0]
        added = {key: by["preloaded"].get(key, 0) - by["plain"].get(key, 0)
                 for key in set(by["plain"]) | set(by["preloaded"])}
        top = sorted(added.items(), key=lambda one: -one[1])[:TOP]
        lib.table(f"Added instructions of {name} by function",
                  ["function", "where", "per request"],
                  [[key[0], key[1], f"{value:.1f}"] for key, value in top if value >= 1])
