# SPDX-License-Identifier: MIT
"""api.py - the calls of tagalong.h (api.c), with the library and without, in turns.

Instructions are counted with callgrind where valgrind is installed.  TAGALONG_BENCH_OPS
names the operations that are wanted (all without it).
"""

import os
import re
import subprocess
import tempfile

import lib

BATCHES = "200"
COUNTED = "100"  # one batch: less than half a lane


def run(bench, program, variant, arguments):
    done = subprocess.run(program + arguments, env=bench.environment(variant), cwd=bench.place,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise lib.Unable(f"api ({variant}) ended with {done.returncode}: {done.stderr[-500:]}")
    return done


def times(bench, program, variant, names):
    """Per operation: minimum, median, the clock's minimum and median, median ratio."""
    rows = map(str.split, run(bench, [program], variant, [BATCHES] + names).stdout.splitlines())
    return {row[0]: [float(cell) for cell in row[1:]] for row in rows}


def instructions(bench, program, name):
    """Of one operation, counted; None when that cannot be done."""
    valgrind = lib.find("valgrind")
    if valgrind is None:
        return None
    with tempfile.NamedTemporaryFile(dir=bench.place) as out:
        command = [valgrind, "--tool=callgrind", f"--callgrind-out-file={out.name}",
                   "--toggle-collect=count_ops", program]
        done = run(bench, command, "preloaded", ["--count", COUNTED, name])
    # A copy of the process that starts the agent says what it has counted, too: nothing.
    found = map(int, re.findall(r"Collected : (\d+)", done.stderr))
    return max(found, default=0) / int(COUNTED) or None


def whole(number, form="{:.0f}"):
    return "" if number is None else form.format(number)


def main(bench):
    program = bench.compile("api.c")
    names = os.environ.get("TAGALONG_BENCH_OPS", "").split()
    runs = {"plain": [], "preloaded": []}
    for at in bench.turns(1, 5, bench.share(0.6)):
        for variant in sorted(runs, reverse=at % 2 == 1):
            runs[variant].append(times(bench, program, variant, names))
    rows = []
    for name in runs["plain"][0]:
        plain = [result[name] for result in runs["plain"]]
        loaded = [result[name] for result in runs["preloaded"]]
        low = min(result[0] for result in loaded)
        clock = min(result[2] for result in loaded)
        rows.append([name, f"{lib.median(result[1] for result in plain):.1f}", f"{low:.1f}",
                     f"{lib.median(result[1] for result in loaded):.1f}", f"{low / clock:.2f}",
                     f"{lib.median(result[4] for result in loaded):.2f}",
                     "3.50" if name.startswith("span_begin_end") else "",
                     whole(instructions(bench, program, name))])
    lib.table(f"The API, ns per operation ({len(plain)} processes of {BATCHES} batches)",
              ["operation", "without", "minimum", "median", "minimum / clock", "median / clock",
               "goal", "instructions"], rows)
    for line in bench.losses():
        print(line)
