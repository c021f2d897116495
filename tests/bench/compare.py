# SPDX-License-Identifier: MIT
"""compare.py - two builds of the library side by side: what a change does.

    tests/bench/run BUILD_DIR compare OTHER_BUILD_DIR

Servers: plain, other and this take turns under the same load, each with its own agent; ratios are to plain of
the same round, "this / other" of the same round too.  Operations: processes of ops.c take turns.
BUILD_DIR is the new one, OTHER_BUILD_DIR the old one.
"""

import lib
import ops
import programs
import servers

SECONDS = 300


def interval(values):
    low, high = servers.range_of_median(values)
    return f"{low:.3f} .. {high:.3f}"


def rows_of(case, instances, memory):
    del memory
    plain, other, this = instances
    ratios = {name: servers.ratios_of(this, other, name) for name in ("cpu_us", "rate", "p99")}
    yield [case.name, f"{lib.median(plain.cpu_us):.2f}"] + \
        [f"{lib.median(servers.ratios_of(one, plain, 'cpu_us')):.3f}" for one in (other, this)] + \
        [f"{lib.median(ratios['cpu_us']):.3f}", interval(ratios["cpu_us"]), f"{lib.median(ratios['rate']):.3f}",
         f"{lib.median(ratios['p99']):.3f}"]


def operations(bench, other):
    program = bench.compile("ops.c")
    builds = {"other": other, "this": bench}
    runs = {name: [] for name in builds}
    for at in bench.turns(2, 15, bench.share(1)):
        for name in sorted(builds, reverse=at % 2 == 1):
            runs[name].append(ops.one_run(builds[name], program, "preloaded"))
    rows = []
    for operation in runs["this"][0]:
        times = {name: [run[operation] for run in runs[name]] for name in builds}
        ratios = [new / old for new, old in zip(times["this"], times["other"])]
        rows.append([operation, f"{lib.median(times['other']):.0f}", f"{lib.median(times['this']):.0f}",
                     f"{lib.median(ratios):.3f}", interval(ratios)])
    lib.table(f"Operations, ns each ({len(runs['this'])} processes each)",
              ["operation", "other", "this", "this / other", "95 % range"], rows)


def main(bench, other_build):
    with lib.Bench(other_build) as other:
        bench.begin(bench.budget(SECONDS))
        variants = [(bench, "plain"), (other, "preloaded"), (bench, "preloaded")]
        rows, slices = servers.all_cases(bench, variants, rows_of, part=0.7)
        print(lib.machine())
        lib.table(f"Servers: processor time of the host per request ({slices} interleaved slices each)",
                  ["server", "plain us", "other", "this", "this / other", "95 % range", "requests/s, this / other",
                   "p99, this / other"], rows)
        operations(bench, other)
        for one, name in ((other, "other"), (bench, "this")):
            for line in one.losses():
                print(f"* {name}: {line}")
