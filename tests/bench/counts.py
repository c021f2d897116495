# SPDX-License-Identifier: MIT
"""counts.py - what a request costs that does not depend on the machine's mood.

Instructions outside the kernel (callgrind), system calls (strace) and allocations (mallocs.c) per
request of each server, plain and preloaded: two runs with different numbers of requests on one
connection, divided by the difference, so that starts and ends do not count.

Two counts run at a time: nothing here depends on how quick they are.  Below the table: where the
added instructions of the first server are.
"""

import collections
import concurrent.futures
import contextlib
import functools
import itertools
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
AT_ONCE = 2
numbers = itertools.count()


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
    make = programs.ALONE.get(case.command, case.command)
    process = subprocess.Popen(command + make(bench, port), env=env, cwd=bench.place,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    bench.started.append(process)
    try:
        lib.wait_for_port(port, 180, process)
        time.sleep(0.3)
        case.load(bench, port, 60, requests, connections=1)
    finally:
        end(process)


def end(process):
    """The traced program, not the tool: that one has to write what it has seen."""
    inner = [int(pid) for pid in children(process.pid)]
    for pid in inner or [process.pid] * (process.poll() is None):
        with contextlib.suppress(ProcessLookupError):
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


# ---- what is counted ----

def calls(bench, case, variant, requests):
    out = bench.path(f"strace.{next(numbers)}")
    run_once(bench, case, variant, requests, ["strace", "-f", "-c", "-o", out])
    with open(out) as lines:
        found = re.search(r"^\s*100\.00\s.*?(\d+)\s+(?:\d+\s+)?total$", lines.read(), re.M)
    if found is None:
        raise lib.Unable("strace has counted nothing")
    return int(found[1])


def writable(path):
    """For servers that become another user: a page of zeros, and a way there."""
    os.chmod(os.path.dirname(path), 0o711)
    with open(path, "wb") as page:
        page.write(bytes(4096))
    os.chmod(path, 0o666)
    return path


def allocations(bench, case, variant, requests):
    library = bench.compiled("mallocs.c", "-shared", "-fPIC")
    out = writable(bench.path(f"mallocs.{next(numbers)}"))
    env = bench.environment(variant).get("LD_PRELOAD")
    run_once(bench, case, variant, requests, [],
             {"BENCH_MALLOCS": out, "LD_PRELOAD": f"{env}:{library}" if env else library})
    with open(out, "rb") as page:
        return struct.unpack("<Q", page.read(8))[0]


def functions(bench, case, variant, requests):
    """Instructions by (function, where it is written, or the file that it was found in)."""
    out = writable(bench.path(f"callgrind.{next(numbers)}"))
    run_once(bench, case, variant, requests,
             ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"])
    said = subprocess.run(["callgrind_annotate", "--auto=no", "--threshold=100", out], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True).stdout
    found = collections.Counter()
    for line in said.splitlines():
        part = re.match(r"\s*([\d,]+) \([ \d.]+%\)\s+(\S+?):(\S+)(?: \[(.*)\])?", line)
        if part:
            where = place_of(part[2], part[4] or "")
            found[part[3].split("'")[0], where] += int(part[1].replace(",", ""))
    if not found:
        raise lib.Unable("callgrind has counted nothing")
    return found


@functools.lru_cache(maxsize=None)
def place_of(source, binary):
    """Our own file as it stands in the tree, wherever it was built; of others the binary."""
    if "libtagalong" in binary or not binary:
        parts = os.path.normpath(source).split("/")
        for at in range(len(parts)):
            if parts[at] and os.path.exists(os.path.join(lib.ROOT, *parts[at:])):
                return "/".join(parts[at:])
    return os.path.basename(binary or source)


def difference(few, many):
    return {name: (many[name] - few[name]) / (MANY - FEW) for name in set(few) | set(many)}


# ---- tables ----

def row_of(case, found, ret_functions):
    """found: what each count has returned, by (count, variant, requests)."""
    by = {variant: difference(found[functions, variant, FEW], found[functions, variant, MANY])
          for variant in VARIANTS}
    totals = [sum(by[variant].values()) for variant in VARIANTS]
    row = [case.name] + [f"{total:.0f}" for total in totals] + [f"{totals[1] - totals[0]:+.0f}"]
    for count in (calls, allocations):
        plain, preloaded = ((found[count, variant, MANY] - found[count, variant, FEW]) / (MANY - FEW)
                            for variant in VARIANTS)
        row += [f"{plain:.2f}", f"{preloaded - plain:+.2f}"]
    ret_functions.append((case.name, by))
    return row


def all_counts(bench, cases):
    """(case, its results or why there are none), each as soon as it is complete."""
    bench.compiled("mallocs.c", "-shared", "-fPIC")
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [(case, {(count, variant, requests): pool.submit(count, bench, case, variant, requests)
                        for count in (functions, calls, allocations) for variant in VARIANTS
                        for requests in (MANY, FEW)}) for case in cases]
        for case, futures in jobs:
            try:
                yield case, {key: future.result() for key, future in futures.items()}
            except lib.Unable as why:
                yield case, why


def main(bench):
    for tool in ("valgrind", "strace"):
        if lib.find(tool) is None:
            print(f"counts: no {tool}: left out\n")
            return
    rows, found = [], []
    cases = [case for case in programs.chosen() if case.countable and not case.missing()]
    for case in cases:
        case.prepare(bench)
    for case, results in all_counts(bench, cases):
        if isinstance(results, lib.Unable):
            print(f"{case.name}: left out: {results}\n")
        else:
            rows.append(row_of(case, results, found))
    lib.table(f"Counts per request (one connection, {MANY - FEW} requests)",
              ["server", "instructions", "preloaded", "added", "system calls", "added (goal 0)",
               "allocations", "added (goal 0)"], rows)
    if found:
        name, by = found[0]
        added = {key: by["preloaded"].get(key, 0) - by["plain"].get(key, 0)
                 for key in set(by["plain"]) | set(by["preloaded"])}
        top = sorted(added.items(), key=lambda one: -one[1])[:TOP]
        lib.table(f"Added instructions of {name} by function",
                  ["function", "file", "per request"],
                  [[key[0], key[1], f"{value:.1f}"] for key, value in top if value >= 1])
