# SPDX-License-Identifier: MIT
"""start.py - the start of /bin/true, variants in turns (start.c), and of a thousand by a shell."""

import subprocess
import time

import lib

EXECS = 1000
LOOP = f"i=0; while [ $i -lt {EXECS} ]; do /bin/true; i=$((i+1)); done"


def pairs(settings):
    return ":".join(f"{name}={value}" for name, value in settings.items())


def main(bench):
    program = bench.compile("start.c")
    rounds = min(300, max(20, int(bench.seconds * 4)))
    empty = bench.path("empty.so")
    with open(bench.path("empty.c"), "w") as source:
        source.write("int bench_nothing;\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", empty, bench.path("empty.c")], check=True)
    warm = bench.settings() | {"TAGALONG_AGENT_LINGER_MS": "5000"}
    cold = bench.settings() | {"TAGALONG_AGENT_LINGER_MS": "0"}
    del cold["TAGALONG_RUN_DIR"]
    variants = {"plain": {}, "plain again": {}, "empty library": {"LD_PRELOAD": empty},
                "disabled": {"LD_PRELOAD": bench.preload, "TAGALONG_DISABLED": "1"},
                "no agent wanted": warm | {"TAGALONG_AGENT": "none"},
                "warm agent": warm}
    times = take(program, rounds, variants)
    # Few, and apart: waiting for an agent to end takes its time.
    few = take(program, max(rounds // 10, 1), {"plain": {}, "cold agent": cold})
    rows = [row(name, values, times["plain"]) for name, values in times.items()]
    rows.append(row("cold agent", few["cold agent"], few["plain"]))
    lib.table(f"Start of /bin/true, microseconds ({rounds} starts each, cold {len(few['plain'])})",
              ["variant", "median", "quartiles", "added (medians)", "goal"], rows)
    shell(bench, warm)


def shell(bench, warm):
    """A program of a shell that starts another one again and again."""
    variants = {"plain": bench.environment("plain"), "plain again": bench.environment("plain"),
                "disabled": bench.environment("disabled"), "warm agent": bench.environment("plain") | warm}
    times = {name: [] for name in variants}
    for at in bench.turns(2, 15, bench.share(1)):
        for name in list(variants)[at % 4:] + list(variants)[:at % 4]:
            begin = time.monotonic()
            subprocess.run(["sh", "-c", LOOP], env=variants[name], check=True)
            times[name].append(time.monotonic() - begin)
    rows = []
    for name, values in times.items():
        ratios = [mine / plain for mine, plain in zip(values, times["plain"])]
        rows.append([name, f"{lib.median(values):.3f}", f"{lib.median(ratios):.3f}", lib.spread(ratios),
                     "1.25" if name == "warm agent" else ""])
    lib.table(f"A shell that runs /bin/true {EXECS} times ({len(times['plain'])} rounds)",
              ["variant", "seconds", "ratio", "range", "goal"], rows)
    for line in bench.losses():
        print(f"* {line}")


def take(program, rounds, variants):
    command = [program, str(rounds), "/bin/true"]
    command += [f"{name}:{pairs(settings)}" for name, settings in variants.items()]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise lib.Unable(f"start ended with {done.returncode}")
    times = {name: [] for name in variants}
    for line in done.stdout.splitlines():
        name, value = line.rsplit(" ", 1)
        times[name].append(float(value))
    return times


def row(name, values, plain):
    ordered = sorted(values)
    quartiles = f"{ordered[len(ordered) // 4]:.0f} .. {ordered[len(ordered) * 3 // 4]:.0f}"
    return [name, f"{lib.median(values):.0f}", quartiles,
            f"{lib.median(values) - lib.median(plain):+.0f}", "+1000" if name.endswith("agent") else ""]
