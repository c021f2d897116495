# SPDX-License-Identifier: MIT
"""delivery.py - what an agent costs that delivers: processor time, memory, bytes, losses.

    tests/bench/run BUILD_DIR delivery
    TAGALONG_BENCH_ROUNDS=1 TAGALONG_BENCH_RATES="10000" TAGALONG_BENCH_EXPORTERS="file gzip" ...

A writer (spans.c) records spans like real ones at a given rate, an agent of its own (the real
binary) delivers them, a receiver (receiver.c) counts what arrives.  Exporters take turns.
Nothing fails because of a time; what was written, arrived and was counted as lost is printed,
and said loudly when it does not add up.
"""

import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import lib

SECONDS = 5
QUEUES = ("otlp-traces", "sentry")


def environment(bench, name, port, place):
    """The settings of one exporter."""
    url = f"http://127.0.0.1:{port}"
    env = {key: value for key, value in os.environ.items()
           if not key.startswith(("TAGALONG_", "OTEL_", "SENTRY_", "LD_"))}
    env.update(TAGALONG_LOG=os.path.join(place, "agent.log"), TAGALONG_AGENT_LINGER_MS="600000",
               TAGALONG_SPOOL_DIR=os.path.join(place, "spool"), TAGALONG_FILE="none",
               TAGALONG_FILE_MAX_BYTES=str(1 << 40))
    file = {"TAGALONG_FILE": os.path.join(place, "spans.jsonl")}
    otlp = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url + "/v1/traces"}
    metrics = {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": url + "/v1/metrics",
               "OTEL_METRIC_EXPORT_INTERVAL": "1000", "OTEL_METRICS_EXPORTER": "otlp,prometheus",
               "TAGALONG_PROMETHEUS": str(free_port())}
    sentry = {"SENTRY_DSN": f"http://key@127.0.0.1:{port}/1"}
    env.update({"file": file,
                "protobuf": otlp,
                "protobuf gzip": {**otlp, "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"},
                "json": {**otlp, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
                "sentry": sentry,
                "metrics": metrics,
                "all": {**file, **otlp, **sentry, **metrics}}[name])
    return env


EXPORTERS = ("file", "protobuf", "protobuf gzip", "json", "sentry", "metrics", "all")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Agent:
    """An agent in the foreground with a run directory and a receiver of its own."""

    def __init__(self, bench, name, receive=True, more=None, key="be7c"):
        self.build = os.path.dirname(bench.preload)
        for program in ("bench_spans", "bench_receiver", "tagalong"):
            if not os.path.exists(os.path.join(self.build, program)):
                raise lib.Unable(f"no {program} in {self.build}: build with tests")
        self.run_dir = tempfile.mkdtemp(prefix="tagalong-bench-", dir="/dev/shm")
        self.place = tempfile.mkdtemp(prefix="delivery-", dir=bench.place)
        self.key, self.port, self.receiver = key, free_port(), None
        if receive:
            self.receiver = subprocess.Popen([self.program("bench_receiver"), str(self.port)],
                                             stdout=subprocess.PIPE, text=True)
            bench.started.append(self.receiver)
            self.receiver.stdout.readline()
        env = environment(bench, name, self.port, self.place)
        env.update(more or {})
        self.env = env
        self.process = subprocess.Popen([self.program("tagalong"), "agent", "--foreground", "--run-dir",
                                         self.run_dir, "--key", key], env=env,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        bench.started.append(self.process)

    def program(self, name):
        return os.path.join(self.build, name)

    def writer(self, rate, seconds, *options):
        return subprocess.Popen([self.program("bench_spans"), self.run_dir, self.key, str(rate), str(seconds),
                                 *options], stdout=subprocess.PIPE, text=True)

    def cpu_ns(self):
        total = 0
        for path in glob.glob(f"/proc/{self.process.pid}/task/*/schedstat"):
            with open(path) as stat:
                total += int(stat.read().split()[0])
        return total

    def memory(self):
        """Bytes: of memory of its own now, resident now, resident at most."""
        found = {}
        with open(f"/proc/{self.process.pid}/status") as lines:
            for line in lines:
                word, _, rest = line.partition(":")
                if word in ("RssAnon", "VmRSS", "VmHWM"):
                    found[word] = int(rest.split()[0]) * 1024
        return found["RssAnon"], found["VmRSS"], found["VmHWM"]

    def switches(self):
        total = 0
        for path in glob.glob(f"/proc/{self.process.pid}/task/*/status"):
            with open(path) as lines:
                total += sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
        return total

    def status(self):
        env = {**self.env, "TAGALONG_RUN_DIR": self.run_dir}
        done = subprocess.run([self.program("tagalong"), "status", "--json"], env=env,
                              capture_output=True, text=True)
        found = [agent for agent in json.loads(done.stdout)["agents"] if agent["run_dir"] == self.run_dir]
        return found[0]

    def settle(self, seconds=60):
        """Until nothing is held and nothing waits."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            status = self.status()
            waiting = sum(queue["waiting"]["messages"] + queue["in_flight"]
                          for queue in status["destinations"].values())
            if not status["programs"] and status["held_spans"] == 0 and waiting == 0:
                break
            time.sleep(0.2)
        time.sleep(1.2)  # the page is filled in once a second when it is quiet
        return self.status()

    def file_spans(self):
        count = 0
        for path in glob.glob(os.path.join(self.place, "spans.jsonl*")):
            with open(path, "rb") as lines:
                count += sum(line.count(b'"spanId":') for line in lines)
        return count

    def stop(self):
        """What the receiver has counted."""
        lib.stop(self.process)
        found = None
        if self.receiver:
            self.receiver.send_signal(signal.SIGTERM)
            found = json.loads(self.receiver.communicate()[0].strip().splitlines()[-1])
        shutil.rmtree(self.run_dir, ignore_errors=True)
        return found

    def clean(self):
        shutil.rmtree(self.place, ignore_errors=True)


def dropped(queue, thing="spans"):
    return sum(counts[thing] for counts in queue["dropped"].values())


def measure(bench, name, rate):
    agent = Agent(bench, name)
    time.sleep(1)
    before = agent.cpu_ns()
    wrote = json.loads(agent.writer(rate, SECONDS).communicate()[0])
    status = agent.settle()
    cpu = agent.cpu_ns() - before
    _, _, peak = agent.memory()
    file_spans = agent.file_spans()
    got = agent.stop()
    agent.clean()
    kinds = {"metrics": 0, "all": 3}.get(name, 1)
    counted = kinds * status["lost_spans"] + sum(dropped(status["destinations"][queue]) for queue in QUEUES)
    expected, arrived = wrote["known"] * kinds, got["spans"] + file_spans
    if arrived + counted != expected or got["bad"] or wrote["lost"] != status["lost_records"]:
        print(f"* does not add up: {name} at {rate}: {wrote} {got} file {file_spans}, counted {counted}")
    exported = wrote["known"] - status["lost_spans"]
    return {"cpu": cpu / exported / 1000, "share": cpu / 1e7 / wrote["seconds"], "peak": peak / (1 << 20),
            "bytes": got["wire_bytes"] / exported, "lost": wrote["lost"], "known": wrote["known"],
            "arrived": arrived, "counted": counted}


def chosen(variable, usual, kind=str):
    words = os.environ.get(variable)
    if not words:
        return usual
    return [kind(word) for word in words.replace(",", " ").split()]


def rates(bench):
    names = [name.replace("_", " ") for name in chosen("TAGALONG_BENCH_EXPORTERS", EXPORTERS)]
    found = {}
    for _ in bench.turns(1, 3, bench.share(0.5)):
        for rate in chosen("TAGALONG_BENCH_RATES", (10000, 50000), int):
            for name in names:
                found.setdefault((rate, name), []).append(measure(bench, name, rate))
    rows = []
    for (rate, name), runs in found.items():
        middle = {key: lib.median([run[key] for run in runs]) for key in runs[0]}
        total = {key: sum(run[key] for run in runs) for key in ("lost", "known", "arrived", "counted")}
        rows.append([f"{name}, {rate}/s", f"{middle['cpu']:.2f}",
                     lib.spread([run["cpu"] for run in runs]), f"{middle['share']:.1f}",
                     f"{middle['peak']:.1f}", f"{middle['bytes']:.0f}", total["known"], total["arrived"],
                     total["counted"], total["lost"]])
    lib.table(f"Delivery: cost of a span ({len(runs)} runs of {SECONDS} s each)",
              ["exporter, spans", "us/span", "range", "% of a core", "MiB at most", "bytes/span", "spans",
               "arrived", "counted", "records lost"], rows)


def idle(bench):
    """An agent with a program that does nothing, everything configured, for ten seconds."""
    rows = []
    for name in ("file", "protobuf", "sentry", "all"):
        more = {"OTEL_METRIC_EXPORT_INTERVAL": "60000"}
        agent = Agent(bench, name, more=more)
        writer = agent.writer(100, 1, "stay=60")
        time.sleep(6)
        cpu, switches = agent.cpu_ns(), agent.switches()
        time.sleep(10)
        rows.append([name, f"{(agent.cpu_ns() - cpu) / 1e7 / 10:.3f}", f"{(agent.switches() - switches) / 10:.1f}",
                     f"{agent.memory()[1] / (1 << 20):.1f}"])
        lib.stop(writer)
        agent.stop()
        agent.clean()
    lib.table("Delivery: an agent at rest", ["exporter", "% of a core", "switches/s", "MiB"], rows)


OVERLOAD = ("lanes=16", "attrs=50", "text=20", "open=5000", "every=20", "event_bytes=4000")
CASES = {"all is well": {},
         "receivers away": {"away": True},
         "receivers away, disk full": {"away": True, "no_disk": True},
         "file, too": {"away": True, "no_disk": True, "no_file": True}}


class Watch:
    """The most memory that a process had, looked at ten times a second."""

    def __init__(self, agent):
        self.agent, self.anon, self.resident = agent, 0, 0

    def until(self, process, seconds):
        end = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < end:
            anon, _, peak = self.agent.memory()
            self.anon, self.resident = max(self.anon, anon), max(self.resident, peak)
            time.sleep(0.1)


def full_disk(place):
    """A directory on a file system of 8 MiB; without the right to make one, a place where nothing can be."""
    path = os.path.join(place, "full")
    os.mkdir(path)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tagalong-bench", path],
                          stderr=subprocess.DEVNULL)
    return path if done.returncode == 0 else "/dev/null/spool"


def accounts(wrote, status, no_file):
    """What does not add up, in words: records; then spans and events, up to each destination."""
    wrong = []
    if wrote["lost"] != status["lost_records"]:
        wrong.append(f"{wrote['lost']} records lost, {status['lost_records']} counted")
    for thing, known in (("spans", wrote["known"]), ("events", wrote["events_known"])):
        lost, held = status[f"lost_{thing}"], status["held_spans"] if thing == "spans" else 0
        if thing == "spans" and no_file and known != lost + held:
            wrong.append(f"file: {known} spans written, {lost} lost, {held} held")
        for name in QUEUES if thing == "spans" else QUEUES[1:]:
            queue = status["destinations"][name]
            taken = queue["taken"][thing]
            ways = queue["sent"][thing] + queue["waiting"][thing] + dropped(queue, thing)
            if not no_file and known != taken + lost:
                wrong.append(f"{name}: {known} {thing} written, {taken} taken, {lost} lost")
            if taken != ways:
                wrong.append(f"{name}: {taken} {thing} taken, {ways} sent, waiting or dropped")
    return wrong


def overload(bench, rate, seconds, away=False, no_disk=False, no_file=False):
    more = {"TAGALONG_FILE_MAX_BYTES": "67108864", "TAGALONG_FILE_KEEP": "0"}
    full = full_disk(bench.place) if no_disk else None
    if no_disk:
        more["TAGALONG_SPOOL_DIR"] = full
    if no_file:
        more["TAGALONG_FILE"] = "/dev/full"
    agent = Agent(bench, "all", receive=not away, more=more)
    watch = Watch(agent)
    time.sleep(1)
    writer = agent.writer(rate, seconds, *OVERLOAD)
    watch.until(writer, seconds + 60)
    wrote = json.loads(writer.communicate()[0])
    time.sleep(3)
    status = agent.settle(5 if away else 120)
    for wrong in accounts(wrote, status, no_file):
        print(f"* does not add up: {wrong}")
    got = agent.stop()
    agent.clean()
    if full:
        subprocess.run(["umount", full], stderr=subprocess.DEVNULL)
        shutil.rmtree(full, ignore_errors=True)
    sent = sum(status["destinations"][name]["sent"]["spans"] for name in QUEUES)
    if got and got["spans"] != sent:
        print(f"* does not add up: {sent} spans sent, {got['spans']} arrived")
    traces = status["destinations"]["otlp-traces"]
    return [wrote["spans"], wrote["known"], status["lost_spans"], traces["taken"]["spans"], traces["sent"]["spans"],
            dropped(traces), f"{watch.anon / 2**20:.1f}", f"{watch.resident / 2**20:.1f}"]


def memory(bench):
    seconds = min(60, max(5, int(bench.seconds / 25)))
    rows = [[name, *overload(bench, 1000000, seconds, **case)] for name, case in CASES.items()]
    lib.table(f"Delivery: far too much for {seconds} s, everything configured, 64 MiB allowed",
              ["case", "spans", "in a lane", "given up", "collector: taken", "sent", "dropped", "MiB of its own",
               "MiB resident"], rows)


def main(bench):
    parts = chosen("TAGALONG_BENCH_DELIVERY", ("rates", "idle", "memory"))
    if "rates" in parts:
        rates(bench)
    if "idle" in parts:
        idle(bench)
    if "memory" in parts:
        memory(bench)
