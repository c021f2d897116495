# SPDX-License-Identifier: MIT
"""ops.py - the operations of ops.c, plain and preloaded, process by process in turns."""

import subprocess

import lib

VARIANTS = ("plain", "disabled", "preloaded")
BATCHES = "150"
GOALS = {"read_foreign": "+5 ns", "write_foreign": "+5 ns", "open_close_foreign": "+5 ns each",
         "span_begin_end": "3.5 clocks", "scope_fork": "+50 ns", "thread_create_join": "+1000 ns",
         "fork_wait_1gb": "ratio 1.02"}


def one_run(bench, program, variant):
    done = subprocess.run([program, BATCHES], env=bench.environment(variant), cwd=bench.place,
                          stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise lib.Unable(f"ops ({variant}) ended with {done.returncode}")
    return {name: float(value) for name, value in map(str.split, done.stdout.splitlines())}


def main(bench):
    program = bench.compile("ops.c")
    runs = {variant: [] for variant in VARIANTS}
    for at in bench.turns(1, 9, bench.share(1)):
        for step in range(len(VARIANTS)):
            variant = VARIANTS[(at + step) % len(VARIANTS)]
            runs[variant].append(one_run(bench, program, variant))
    rows = []
    for name in runs["plain"][0]:
        times = {variant: [run[name] for run in runs[variant]] for variant in VARIANTS}
        added = [b - a for a, b in zip(times["plain"], times["preloaded"])]
        clocks = [more / run["clock_gettime"] for more, run in zip(added, runs["preloaded"])]
        ratios = [b / a for a, b in zip(times["plain"], times["preloaded"])]
        rows.append([name] + [f"{lib.median(times[variant]):.0f}" for variant in VARIANTS] +
                    [f"{lib.median(added):+.0f}", lib.spread(added, "{:+.0f}"),
                     f"{lib.median(clocks):+.1f}", f"{lib.median(ratios):.2f}", GOALS.get(name, "")])
    lib.table(f"Operations, ns each (medians of {len(added)} processes of {BATCHES} batches)",
              ["operation", "plain", "disabled", "preloaded", "added", "range", "in clock_gettime",
               "ratio", "goal"], rows)
    for line in bench.losses():
        print(line)
