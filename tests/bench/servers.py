# SPDX-License-Identifier: MIT
"""servers.py - processor time per request of real servers, in interleaved slices.

Four instances of each server run side by side: plain, plain again (the noise
floor), disabled, preloaded.  They take turns under the same load.  Processor time is that of
all processes of the server, threads that have ended included; of children that
have ended (a PostgreSQL session) to a hundredth of a second.

A figure is the median over rounds of what was measured beside the plain one in the same round;
the range behind it holds the true median in 95 of 100 cases.

Part paced (main_paced) sends at half the rate that the plain server can do, whether answers come or not:
what somebody waits for on a machine that is not full.
"""

import math
import os
import time

import lib
import programs

VARIANTS = ("plain", "plain again", "disabled", "preloaded")
PACED = ("plain", "plain again", "preloaded")
SLICE_SECONDS = 0.6
PACED_SECONDS = 1.5
PACED_SHARE = 0.5
ROUNDS_LEAST = 3
TICKS = os.sysconf("SC_CLK_TCK")
HEADS = ["server", "goal", "us/request", "ratio", "95 % range", "requests/s", "of plain (goal 0.97)", "p50 us",
         "p99 us", "p99 of plain", "RSS kB", "anon kB"]
PACED_HEADS = ["server", "requests/s", "us/request", "ratio", "p50 us", "of plain", "p99 us", "of plain (goal 1.05)",
               "95 % range", "p99.9 us", "of plain"]


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


def own_cpu(pid):
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0


def cpu_of(pid):
    """Of a process with all threads that it ever had, and of children that have ended."""
    own = own_cpu(pid)
    try:
        with open(f"/proc/{pid}/stat") as stat:
            words = stat.read().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return 0
    return own + (int(words[13]) + int(words[14])) / TICKS


class Instance:
    def __init__(self, bench, case, variant):
        self.variant, self.case, self.bench = variant, case, bench
        self.port, self.answered = lib.free_port(), 0
        self.process = self.begin(bench, "plain" if variant.startswith("plain") else variant)
        self.forget()
        lib.wait_for_port(self.port, 30, self.process)

    def begin(self, bench, variant):
        return self.case.start(bench, self.port, variant)

    def forget(self):
        self.cpu_us, self.rate, self.p50, self.p99, self.p999 = [], [], [], [], []

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
        self.note(before, *self.case.load(bench, self.port, SLICE_SECONDS))

    def paced_slice(self, bench, rate):
        before = self.cpu()
        self.note(before, *self.case.paced(bench, self.port, PACED_SECONDS, rate))

    def note(self, cpu_before, requests, seconds, p50, p99, p999=0):
        self.answered += requests
        self.cpu_us.append((self.cpu() - cpu_before) / requests * 1e6)
        self.rate.append(requests / seconds)
        self.p50.append(p50)
        self.p99.append(p99)
        self.p999.append(p999)


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


def measure(bench, case, end, variants, paced=False):
    """All variants in turns: the instances with their figures, their memory, and how often they had a turn.
    variants: (bench, variant) each."""
    case.prepare(bench)
    instances = [Instance(one, case, variant) for one, variant in variants]
    for instance in instances:
        instance.slice(instance.bench)  # warm
    rate = lib.median([one.rate[0] for one in instances if one.variant.startswith("plain")]) * PACED_SHARE
    for instance in instances:
        instance.forget()
    count = 0
    for count in bench.turns(ROUNDS_LEAST, 30, end):
        for step in range(len(instances)):
            instance = instances[(count + step) % len(instances)]
            if paced:
                instance.paced_slice(instance.bench, rate)
            else:
                instance.slice(instance.bench)
    memory = [instance.memory_kb() for instance in instances]
    for instance in instances:
        lib.stop(instance.process)
    return instances, memory, count + 1


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


def paced_rows_of(case, instances, memory):
    del memory
    plain = instances[0]
    for instance in instances:
        ratios = {name: ratios_of(instance, plain, name) for name in ("cpu_us", "p50", "p99", "p999")}
        low, high = range_of_median(ratios["p99"])
        middle = {name: lib.median(values) for name, values in ratios.items()}
        yield [f"{case.name}, {instance.variant}", f"{lib.median(instance.rate):.0f}",
               f"{lib.median(instance.cpu_us):.2f}", f"{middle['cpu_us']:.3f}", f"{lib.median(instance.p50):.0f}",
               f"{middle['p50']:.3f}", f"{lib.median(instance.p99):.0f}", f"{middle['p99']:.3f}",
               f"{low:.3f} .. {high:.3f}", f"{lib.median(instance.p999):.0f}", f"{middle['p999']:.3f}"]


def all_cases(bench, variants, rows_of_case, paced=False, part=1):
    """Rows of all chosen servers and how many rounds they had: time is shared out evenly."""
    cases, rows, rounds = programs.chosen(), [], set()
    end = bench.share(part)
    for at, case in enumerate(cases):
        if case.missing():
            print(f"{case.name}: not installed, left out\n")
            continue
        left = max(0.0, end - time.monotonic())
        try:
            instances, memory, count = measure(bench, case, time.monotonic() + left / (len(cases) - at), variants, paced)
        except lib.Unable as why:
            print(f"{case.name}: left out: {why}\n")
            continue
        rounds.add(count)
        rows += rows_of_case(case, instances, memory)
    return rows, f"{min(rounds)} to {max(rounds)}" if rounds else "no"


def main(bench):
    rows, slices = all_cases(bench, [(bench, variant) for variant in VARIANTS], rows_of)
    lib.table(f"Servers: processor time of the host per request ({slices} interleaved slices each)",
              HEADS, rows)
    for line in bench.losses():
        print(f"* {line}")


def main_paced(bench):
    rows, slices = all_cases(bench, [(bench, variant) for variant in PACED], paced_rows_of, True)
    lib.table(f"Servers at half of what they can do ({slices} interleaved slices of {PACED_SECONDS} s each)",
              PACED_HEADS, rows)
    for line in bench.losses():
        print(f"* {line}")
