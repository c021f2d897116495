# SPDX-License-Identifier: MIT
"""competitors.py - what else there is for an unmodified nginx and redis, beside Tagalong.

The tools that Debian packages which count or record the calls that Tagalong hooks.  Each has its own
instance of the server; all take turns under the same load.  Tools that start the program (strace,
ltrace, uftrace, LTTng's wrapper) have it for as long as the benchmark runs; those that watch the
kernel (perf, bpftrace) slow every process down while they are there and so are there for their own
slices only.  Processor time of the tool is in a column of its own; Tagalong's is its agent's.
"""

import os
import shutil
import signal
import subprocess
import time

import lib
import programs
import servers

SLICE_SECONDS = 0.6
PACKAGES = {"strace": "strace", "ltrace": "ltrace", "uftrace": "uftrace", "perf": "linux-perf",
            "bpftrace": "bpftrace", "lttng": "lttng-tools liblttng-ust1"}
WRAPPER = "liblttng-ust-libc-wrapper.so.1"
CALLS = ("accept4", "close", "epoll_wait", "read", "recvfrom", "sendto", "write", "writev")
FUNCTIONS = ("accept4", "close", "epoll_wait", "read", "recv", "write", "writev")
NOTES = """
* **Tagalong** records every request (keep-alive HTTP) or connection (redis) with its span, and writes it to a file.
* **strace -c** counts all system calls and times them; with **--seccomp-bpf** only the eight named ones stop the program. No
  requests, no contents, no times of single calls. It cannot be taken off without stopping the program for a moment.
* **ltrace -c** counts calls of seven functions of libc by breakpoints in the program's own code.
* **uftrace** records entry and exit of library calls: of seven functions, or of every one that the program calls. Data go to files as
  they come (tens of MB a second), and are read afterwards.
* **LTTng-UST**: Debian packages wrappers for allocations, locks, forks and the dynamic loader, none for socket calls, so this records other calls (`malloc`, `free`),
  in a binary trace. What a call costs it can be seen from; what a request costs cannot.
* **perf stat** counts entries of eight system calls of the server's processes, **perf trace -s** counts and times all of them.
* **bpftrace** counts all system calls by a tracepoint, or calls of libc's `recv`, `read`, `write` and `writev` by a uprobe. Both see every process of the
  machine and choose; what that costs the others is not in the table.
* None of them but Tagalong knows what a request is.
"""


class Tool:
    """begin and end surround all slices, attach and detach one."""

    def __init__(self, name, program, wrap=(), attach=None):
        self.name, self.program, self.wrap, self.attached = name, program, wrap, attach

    def missing(self):
        return self.program is not None and lib.find(self.program) is None


def attach_perf_stat(pids, place):
    events = ",".join(f"syscalls:sys_enter_{call}" for call in CALLS)
    return ["perf", "stat", "-e", events, "-p", ",".join(map(str, pids)), "-o", os.path.join(place, "perf.stat")]


def attach_perf_trace(pids, place):
    return ["perf", "trace", "-s", "-p", ",".join(map(str, pids)), "-o", os.path.join(place, "perf.trace")]


def chosen_by(pids):
    return "/" + " || ".join(f"pid == {pid}" for pid in pids) + "/"


def attach_tracepoint(pids, place):
    return ["bpftrace", "-e", f"tracepoint:raw_syscalls:sys_enter {chosen_by(pids)} {{ @[args->id] = count(); }}",
            "-o", os.path.join(place, "bpftrace.out")]


def attach_uprobes(pids, place):
    with open(f"/proc/{pids[0]}/maps") as maps:
        libc = next(line.split()[-1] for line in maps if "/libc.so" in line)
    probes = ",".join(f"uprobe:{libc}:{name}" for name in ("recv", "read", "write", "writev"))
    return ["bpftrace", "-e", f"{probes} {chosen_by(pids)} {{ @[probe] = count(); }}",
            "-o", os.path.join(place, "bpftrace.out")]


UFTRACE = ("uftrace", "record", "--force", "--no-event")
TOOLS = [
    Tool("plain", None), Tool("plain again", None), Tool("Tagalong", None),
    Tool("strace -f -c", "strace", ("strace", "-f", "-c", "-o", "/dev/null")),
    Tool("strace -f -c --seccomp-bpf", "strace",
         ("strace", "-f", "-c", "--seccomp-bpf", "-e", "trace=" + ",".join(CALLS), "-o", "/dev/null")),
    Tool("ltrace -f -c, 7 functions", "ltrace", ("ltrace", "-f", "-c", "-e", "+".join(FUNCTIONS), "-o", "/dev/null")),
    Tool("uftrace, 7 functions", "uftrace",
         UFTRACE + tuple(word for name in FUNCTIONS for word in ("-F", name)) + ("-d", "{place}/uftrace")),
    Tool("uftrace, all library calls", "uftrace", UFTRACE + ("-d", "{place}/uftrace")),
    Tool("LTTng-UST, allocations", "lttng"),
    Tool("perf stat, 8 system calls", "perf", attach=attach_perf_stat),
    Tool("perf trace -s", "perf", attach=attach_perf_trace),
    Tool("bpftrace, system calls", "bpftrace", attach=attach_tracepoint),
    Tool("bpftrace, uprobes in libc", "bpftrace", attach=attach_uprobes),
]


class Lttng:
    """A session for all programs, with a daemon of its own."""

    def __init__(self, bench):
        self.env = dict(os.environ, LTTNG_HOME=bench.path("lttng-home"))
        os.makedirs(self.env["LTTNG_HOME"], exist_ok=True)
        if self.run("list").returncode == 0:
            raise lib.Unable("an lttng-sessiond that is not ours runs")
        self.daemon = subprocess.Popen(["lttng-sessiond", "--no-kernel", "--quiet"], env=self.env,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        bench.started.append(self.daemon)
        end = time.monotonic() + 10
        while self.run("list").returncode != 0:
            if time.monotonic() > end:
                raise lib.Unable("lttng-sessiond does not answer")
            time.sleep(0.1)
        for words in (("create", "bench", "--output=" + bench.path("lttng")), ("enable-event", "-u", "-a"), ("start",)):
            if self.run(*words).returncode != 0:
                raise lib.Unable(f"lttng {words[0]} fails")

    def run(self, *words):
        return subprocess.run(["lttng", "--no-sessiond", *words], env=self.env, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)


class Instance(servers.Instance):
    """A server with one of the tools."""

    def __init__(self, bench, case, tool):
        self.tool, self.bench, self.lttng, self.watcher = tool, bench, None, None
        self.place = bench.path(f"{tool.name}-{case.name}".replace(" ", "_"))
        os.makedirs(self.place, exist_ok=True)
        self.tool_us = []
        super().__init__(bench, case, "preloaded" if tool.name == "Tagalong" else "plain")
        if self.tool.wrap and not servers.children_of(self.process.pid):
            raise lib.Unable("the tool does not stay")

    def begin(self, bench, variant):
        if self.tool.name.startswith("LTTng"):
            self.lttng = Lttng(bench)
        if self.tool.name == "Tagalong":
            return self.case.start(bench, self.port, variant)
        words = [word.format(place=self.place) for word in self.tool.wrap]
        if self.lttng:
            words = ["env", f"LD_PRELOAD={WRAPPER}"]
        env = bench.environment("plain")
        process = subprocess.Popen(words + self.case.command(bench, self.port), env=env, cwd=bench.place,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        bench.started.append(process)
        return process

    def host_pids(self):
        tree = servers.tree_of(self.process.pid)
        return tree[1:] if self.tool.wrap else tree

    def cpu(self):
        return sum(map(servers.cpu_of, self.host_pids()))

    def tool_cpu(self):
        """Of the tool's own processes."""
        pids = [self.process.pid] if self.tool.wrap else []
        if self.tool.name == "Tagalong":
            pids = lib.agents_of(self.bench.run_dir)
        if self.lttng:
            pids = servers.tree_of(self.lttng.daemon.pid)
        if self.watcher:
            pids = servers.tree_of(self.watcher.pid)
        return sum(servers.own_cpu(pid) for pid in pids)

    def attach(self):
        words = self.tool.attached(self.host_pids(), self.place)
        self.watcher = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(2 if words[0] == "bpftrace" else 0.5)
        if self.watcher.poll() is not None:
            said = self.watcher.stderr.read().strip()[-200:]
            self.watcher = None
            raise lib.Unable(f"not permitted here, or: {said}")
        self.bench.started.append(self.watcher)

    def detach(self):
        if self.watcher:
            self.watcher.send_signal(signal.SIGINT)
            try:
                self.watcher.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                lib.stop(self.watcher)
            self.watcher = None

    def slice(self, bench):
        if self.tool.attached:
            self.attach()
        try:
            before, answered = self.tool_cpu(), self.answered
            super().slice(bench)
            self.tool_us.append((self.tool_cpu() - before) / (self.answered - answered) * 1e6)
        finally:
            self.detach()

    def end(self):
        """The server first: what a tool does when it loses its program is its own affair."""
        for pid in servers.children_of(self.process.pid) if self.tool.wrap else []:
            os.kill(pid, signal.SIGTERM)
        if self.tool.wrap:
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        lib.stop(self.process)
        if self.lttng:
            self.lttng.run("destroy", "--no-wait", "bench")
            lib.stop(self.lttng.daemon)
            shutil.rmtree(self.bench.path("lttng"), ignore_errors=True)
        shutil.rmtree(self.place, ignore_errors=True)


def start_all(bench, case):
    found = []
    for tool in TOOLS:
        if tool.missing():
            continue
        try:
            found.append(Instance(bench, case, tool))
            found[-1].slice(bench)
            found[-1].forget()
        except lib.Unable as why:
            print(f"* {case.name}, {tool.name}: left out: {why}")
            found = [one for one in found if one.tool is not tool]
    return found


def row_of(case, one, plain):
    ratios = servers.ratios_of(one, plain, "cpu_us")
    return [f"{case.name}, {one.tool.name}", f"{lib.median(one.cpu_us):.2f}", f"{lib.median(ratios):.2f}",
            f"{lib.median(one.tool_us):.2f}" if one.variant == "preloaded" or one.tool.program else "",
            f"{lib.median(one.rate):.0f}", f"{lib.median(servers.ratios_of(one, plain, 'rate')):.3f}",
            f"{lib.median(one.p50):.0f}", f"{lib.median(one.p99):.0f}",
            f"{lib.median(servers.ratios_of(one, plain, 'p99')):.2f}"]


def measure(bench, case, end):
    case.prepare(bench)
    instances = start_all(bench, case)
    try:
        for at in bench.turns(2, 9, end):
            for step in range(len(instances)):
                instances[(at + step) % len(instances)].slice(bench)
    finally:
        for one in instances:
            one.end()
    return [row_of(case, one, instances[0]) for one in instances], len(instances[0].rate)


def main(bench):
    missing = {PACKAGES[tool.program] for tool in TOOLS if tool.missing()}
    if missing:
        print(f"* not installed, left out: apt-get install {' '.join(sorted(missing))}")
    rows, rounds = [], []
    cases = [case for case in programs.CASES if case.name in ("nginx keep-alive", "redis GET") and not case.missing()]
    for at, case in enumerate(cases):
        more, count = measure(bench, case, bench.share((at + 1) / len(cases)))
        rows += more
        rounds.append(count)
    lib.table(f"Others beside it ({' and '.join(map(str, rounds))} interleaved slices each)",
              ["server, tool", "host us/request", "ratio", "tool us/request", "requests/s", "of plain", "p50 us", "p99 us",
               "p99 of plain"], rows)
    print(NOTES.strip())
