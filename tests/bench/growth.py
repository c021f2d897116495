# SPDX-License-Identifier: MIT
"""growth.py - what a span costs the host when there are more threads, connections, tags, spans (growth.c).

Sizes take turns, each in a process of its own, plain and preloaded; a ratio is to the smallest size in
the same round, both in readings of the clock.  Of connections "added" is the difference to plain: recv and send themselves cost more
when there are more of them.  Below: what the lanes of threads take.
"""

import subprocess

import lib

SIZES = {"threads": (1, 10, 100, 1000, 10000), "connections": (1, 10, 100, 1000, 10000),
         "tags": (0, 1, 10, 100), "trace": (1, 10, 100, 1000, 10000, 100000)}
NAMES = {"threads": "threads, one span", "connections": "connections, one HTTP request",
         "tags": "tags, one span", "trace": "spans of a trace, one of them"}
BATCHES = {"trace": 300}
MEMORY_THREADS = 100
NS, CLOCKS = 0, 1


def run(bench, program, variant, kind, number, batches):
    done = subprocess.run([program, kind, str(number), str(batches)], env=bench.environment(variant),
                          cwd=bench.place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise lib.Unable(f"growth {kind} {number} ({variant}): {done.stderr.strip()[-300:]}")
    return [float(word) for word in done.stdout.split()]


def one_round(bench, program, at):
    """Nanoseconds and readings of the clock of every kind and size."""
    found = {}
    for kind, sizes in SIZES.items():
        turned = sizes[at % len(sizes):] + sizes[:at % len(sizes)]
        for size in turned:
            for variant in ("plain", "preloaded") if kind == "connections" else ("preloaded",):
                found[kind, size, variant] = run(bench, program, variant, kind, size, BATCHES.get(kind, 500))
    return found


def added(one, kind, size, unit):
    return one[kind, size, "preloaded"][unit] - one.get((kind, size, "plain"), (0, 0))[unit]


def rows_of(rounds):
    for kind, sizes in SIZES.items():
        for size in sizes:
            ratios = [added(one, kind, size, CLOCKS) / added(one, kind, sizes[0], CLOCKS) for one in rounds]
            whole = lib.median([one[kind, size, "preloaded"][NS] for one in rounds])
            yield [f"{size} {NAMES[kind]}", f"{whole:.0f}",
                   f"{lib.median([added(one, kind, size, NS) for one in rounds]):.0f}",
                   f"{lib.median([added(one, kind, size, CLOCKS) for one in rounds]):.1f}", f"{lib.median(ratios):.2f}", lib.spread(ratios), "1.10" if size != sizes[0] else ""]


def memory(bench, program):
    before, idle, active, paused, ended = run(bench, program, "preloaded", "memory", MEMORY_THREADS, 0)
    rows = [["created, nothing recorded", idle - before, 0], ["has been all over a lane", active - before, 64],
            ["the same, 3 s later", paused - before, ""], ["has ended, up to 50 s later", ended - before, 0]]
    lib.table(f"Growth: shared memory of {MEMORY_THREADS} threads", ["a thread that", "KiB each", "goal"],
              [[name, f"{kib / MEMORY_THREADS:.1f}", goal] for name, kib, goal in rows])


def main(bench):
    program = bench.compile("growth.c")
    rounds = [one_round(bench, program, at) for at in bench.turns(1, 9, bench.share(0.75))]
    lib.table(f"Growth: what a span costs the host ({len(rounds)} rounds)",
              ["number of", "ns", "added", "in clock_gettime", "of the smallest", "range", "goal"], list(rows_of(rounds)))
    memory(bench, program)
    for line in bench.losses():
        print(f"* {line}")
