# SPDX-License-Identifier: MIT
"""servers.py - processor time per request of real servers, in interleaved slices.

Four instances of each server run side by side: plain, plain again (the noise
floor), disabled, preloaded.  They take turns under the same load.  Processor time is that of
all processes of the server, threads that have ended included; of children that
have ended (a PostgreSQL session) to a hundredth of a second.

A figure is the median over rounds of what was measured beside the plain one in the same round;
the range behind it holds the true median in 95 of 100 cases.
All cases together take TAGALONG_BENCH_SECONDS, 720 unless told.
"""

import math
import os
import time

import lib
import programs

VARIANTS = ("plain", "plain again", "disabled", "preloaded")
SLICE_SECONDS = 0.6
ROUNDS_LEAST = 3
TICKS = os.sysconf("SC_CLK_TCK")
HEADS = ["server", "goal", "us/request", "ratio", "95 % range", "requests/s", "of plain", "p50 us",
         "p99 us", "p99 of plain", "RSS kB", "anon kB"]


def children_of(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as children:
                found += [int(child) for child in children.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def tree_of(pid):
    return [pid] + [one for child in children_of(pid) for one in tree_of(child)]


def cpu_of(pid):
    """Of a process with all threads that it ever had, and of children that have ended."""
    try:
        own = time.clock_gettime(~pid << 3 | 2)
        with open(f"/proc/{pid}/stat") as stat:
            words = stat.read().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return 0
    return own + (int(words[13]) + int(words[14])) / TICKS


class Instance:
    def __init__(self, bench, case, variant):
        self.variant, self.case = variant, case
        self.port = lib.free_port()
        kind = "plain" if variant.startswith("plain") else variant
        self.process = case.start(bench, self.port, kind)
        self.cpu_us, self.rate, self.p50, self.p99 = [], [], [], []
        lib.wait_for_port(self.port, 30)

    def cpu(self):
        return sum(map(cpu_of, tree_of(self.process.pid)))

    def memory_kb(self):
        """Resident and anonymous kilobytes of all processes."""
        total = [0, 0]
        for pid in tree_of(self.process.pid):
            try:
                with open(f"/proc/{pid}/status") as status:
                    words = dict(line.split(":", 1) for line in status)
                total[0] += int(words["VmRSS"].split()[0])
                total[1] += int(words["RssAnon"].split()[0])
            except (OSError, KeyError):
                pass
        return total

    def slice(self, bench):
        before = self.cpu()
        requests, seconds, p50, p99 = self.case.load(bench, self.port, SLICE_SECONDS)
        self.cpu_us.append((self.cpu() - before) / requests * 1e6)
        self.rate.append(requests / seconds)
        self.p50.append(p50)
        self.p99.append(p99)


def range_of_median(values):
    """The order statistics that hold the median with 95 %."""
    ordered, count = sorted(values), len(values)
    low, below = 0, 0.0
    for at in range(count // 2):
        below += math.comb(count, at) / 2 ** count
        if below > 0.025:
            break
        low = at
    return ordered[low], ordered[count - 1 - low]


def ratios_of(instance, plain, name):
    pairs = zip(getattr(instance, name), getattr(plain, name))
    return [mine / other if other else 1.0 for mine, other in pairs]


def measure(bench, case, seconds):
    """All variants in turns, at least ROUNDS_LEAST and at most rounds times."""
    end = time.monotonic() + seconds
    case.prepare(bench)
    instances = [Instance(bench, case, variant) for variant in VARIANTS]
    for instance in instances:
        case.load(bench, instance.port, SLICE_SECONDS)  # warm
    rounds, at = bench.rounds(15), 0
    while at < rounds and (at < ROUNDS_LEAST or time.monotonic() < end):
        for step in range(len(instances)):
            instances[(at + step) % len(instances)].slice(bench)
        at += 1
    memory = [instance.memory_kb() for instance in instances]
    for instance in instances:
        lib.stop(instance.process)
    return instances, memory, at


def rows_of(case, instances, memory):
    plain = instances[0]
    for instance, (resident, anonymous) in zip(instances, memory):
        ratios = ratios_of(instance, plain, "cpu_us")
        low, high = range_of_median(ratios)
        goal = {"preloaded": case.goal, "disabled": "1.005"}.get(instance.variant, "")
        yield [f"{case.name}, {instance.variant}", goal, f"{lib.median(instance.cpu_us):.2f}",
               f"{lib.median(ratios):.3f}", f"{low:.3f} .. {high:.3f}",
               f"{lib.median(instance.rate):.0f}",
               f"{lib.median(ratios_of(instance, plain, 'rate')):.3f}",
               f"{lib.median(instance.p50):.0f}", f"{lib.median(instance.p99):.0f}",
               f"{lib.median(ratios_of(instance, plain, 'p99')):.3f}", resident, anonymous]


def main(bench):
    cases, rows, rounds = programs.chosen(), [], set()
    end = time.monotonic() + float(os.environ.get("TAGALONG_BENCH_SECONDS", "720"))
    for at, case in enumerate(cases):
        if case.missing():
            print(f"{case.name}: not installed, left out\n")
            continue
        left = max(0.0, end - time.monotonic())
        try:
            instances, memory, count = measure(bench, case, left / (len(cases) - at))
        except lib.Unable as why:
            print(f"{case.name}: left out: {why}\n")
            continue
        rounds.add(count)
        rows += rows_of(case, instances, memory)
    slices = f"{min(rounds)} to {max(rounds)}" if rounds else "no"
    lib.table(f"Servers: processor time of the host per request ({slices} interleaved slices each)",
              HEADS, rows)
    for line in bench.losses():
        print(f"* {line}")
