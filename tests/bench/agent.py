# SPDX-License-Identifier: MIT
"""agent.py - what the agent costs: for an HTTP span of a real nginx, at a rate of records, at rest.

Spans: nginx under load, preloaded; the processor time of the agent's processes (the worker and who
watches it) over the spans that came out of it, to a file as JSON lines and to a receiver as protobuf, each
as many as nginx can do and at a quarter of that.  Everything is waited for: what is drained, put together, written.
Records: one lane of the default size filled at a given rate (agent_rate.c).
At rest: an nginx that nobody asks anything.
"""

import glob
import json
import os
import re
import signal
import subprocess
import tempfile
import time

import lib
import programs
import servers

RATES = (100000, 200000, 500000)
EXPORTERS = ("file", "protobuf")
SLICE_SECONDS = 3
REST_SECONDS = 10


class Traced:
    """An nginx with an agent of its own that exports in one way."""

    def __init__(self, bench, exporter):
        self.bench, self.exporter, self.receiver = bench, exporter, None
        self.run_dir = bench.another_run_dir()
        self.place = tempfile.mkdtemp(prefix="agent-", dir=bench.place)
        self.env = {"TAGALONG_RUN_DIR": self.run_dir, "TAGALONG_LOG": os.path.join(self.place, "agent.log"),
                    "TAGALONG_SPOOL_DIR": os.path.join(self.place, "spool"), "TAGALONG_FILE_MAX_BYTES": str(1 << 40)}
        if exporter == "file":
            self.env["TAGALONG_FILE"] = os.path.join(self.place, "spans.jsonl")
        else:
            self.receive()
        self.case = next(case for case in programs.CASES if case.name == "nginx keep-alive")
        self.case.prepare(bench)
        self.port = lib.free_port()
        self.process = bench.start(self.case.command(bench, self.port), "preloaded", self.env)
        lib.wait_for_port(self.port, 30, self.process)
        time.sleep(1)

    def receive(self):
        program = os.path.join(os.path.dirname(self.bench.preload), "bench_receiver")
        if not os.path.exists(program):
            raise lib.Unable(f"no {program}: build with tests")
        port = lib.free_port()
        self.receiver = subprocess.Popen([program, str(port)], stdout=subprocess.PIPE, text=True)
        self.bench.started.append(self.receiver)
        self.receiver.stdout.readline()
        self.env.update(TAGALONG_FILE="none", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"http://127.0.0.1:{port}/v1/traces")

    def cpu(self):
        return sum(map(servers.own_cpu, lib.agents_of(self.run_dir)))

    def kernel_share(self):
        """Of the time so far, as the tick sees it."""
        user, kernel = 0, 0
        for pid in lib.agents_of(self.run_dir):
            with open(f"/proc/{pid}/stat", encoding="utf-8") as status:
                words = status.read().rsplit(")", 1)[1].split()
            user, kernel = user + int(words[11]), kernel + int(words[12])
        return kernel / max(user + kernel, 1)

    def memory_mib(self):
        total = 0
        for pid in lib.agents_of(self.run_dir):
            with open(f"/proc/{pid}/status") as status:
                total += int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])
        return total / 1024

    def settled_cpu(self):
        """Once nothing is left to do: the agent then takes next to nothing."""
        last, now = -1.0, self.cpu()
        end = time.monotonic() + 30
        while now - last > 0.005 and time.monotonic() < end:
            time.sleep(1)
            last, now = now, self.cpu()
        return now

    def slice(self, rate):
        """Requests, microseconds of the agent for all of them, requests a second.  There was nothing left
        to do before."""
        before = self.cpu()
        if rate:
            requests, seconds = self.case.paced(self.bench, self.port, SLICE_SECONDS, rate)[:2]
        else:
            requests, seconds = self.case.load(self.bench, self.port, SLICE_SECONDS)[:2]
        return requests, (self.settled_cpu() - before) * 1e6, requests / seconds

    def stop(self):
        """Spans that came out of the agent."""
        lib.stop(self.process)
        lib.wait_for_agents(self.run_dir)
        if self.receiver:
            self.receiver.send_signal(signal.SIGTERM)
            return json.loads(self.receiver.communicate()[0].strip().splitlines()[-1])["spans"]
        count = 0
        for path in glob.glob(os.path.join(self.place, "spans.jsonl*")):
            with open(path, "rb") as lines:
                count += sum(line.count(b'"spanId":') for line in lines)
            os.unlink(path)
        return count


def spans(bench):
    rows = []
    all_traced = [Traced(bench, exporter) for exporter in EXPORTERS]
    full = all_traced[0].slice(0)[2]
    all_traced[1].slice(0)
    found = {}
    for at in bench.turns(1, 5, bench.share(0.6)):
        for one in all_traced if at % 2 else reversed(all_traced):
            for rate in (0, round(full / 4)):
                found.setdefault((one, rate), []).append(one.slice(rate))
    asked = {one: 0 for one in all_traced}
    for (one, rate), slices in found.items():
        costs = [cost / requests for requests, cost, _ in slices]
        per_second = lib.median([rate for *_, rate in slices])
        rows.append([f"{one.exporter}, {'a quarter' if rate else 'full load'}", f"{per_second:.0f}",
                     f"{lib.median(costs):.2f}", lib.spread(costs), "0.50", f"{one.kernel_share() * 100:.0f} %",
                     f"{lib.median(costs) * per_second / 1e4:.1f}", f"{one.memory_mib():.1f}", "64"])
        asked[one] += sum(requests for requests, *_ in slices)
    lib.table(f"Agent: HTTP spans of a real nginx ({len(slices)} slices of {SLICE_SECONDS} s each)",
              ["exporter", "spans/s", "us/span", "range", "goal", "in the kernel", "% of a core", "MiB at most", "goal"], rows)
    for one in all_traced:
        print(f"* {one.exporter}: {one.stop()} spans written; {asked[one]:.0f} of them asked for while it was measured")
    for line in bench.losses():
        print(f"* {line}")


def records(bench):
    program = os.path.join(os.path.dirname(bench.preload), "bench_agent_rate")
    if not os.path.exists(program):
        raise lib.Unable(f"no {program}: build with tests")
    rows = []
    for rate in RATES:
        said = subprocess.run([program, str(rate), "3", "2"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True).stdout
        found = re.search(r"records (\d+), lost (\d+); spans (\d+), whole (\d+), written (\d+)\n.*, (\d+) ns per record, "
                          r"(\d+)% .*\nagent: (\d+) KiB.*writer ([\d.]+) ms", said)
        if found is None:
            raise lib.Unable(f"agent_rate said: {said}")
        rows.append([f"{rate}/s", found[1], found[2], "0", found[3], found[5], found[6], found[7],
                     f"{int(found[8]) / 1024:.1f}", found[9]])
    lib.table("Agent: one lane of the default size, two records a span, to a file (3 s each)",
              ["records", "written", "lost", "goal", "spans", "spans written", "ns/record", "% of a core", "MiB at most",
               "longest pause of the writer, ms"], rows)


def rest(bench):
    rows = []
    for exporter in EXPORTERS:
        one = Traced(bench, exporter)
        before = one.settled_cpu()
        time.sleep(REST_SECONDS)
        rows.append([exporter, f"{(one.cpu() - before) * 100 / REST_SECONDS:.3f}", "0.1", f"{one.memory_mib():.1f}", "64"])
        one.stop()
    lib.table(f"Agent: at rest, one nginx that nobody asks ({REST_SECONDS} s)",
              ["exporter", "% of a core", "goal", "MiB", "goal"], rows)


def main(bench):
    spans(bench)
    records(bench)
    rest(bench)
