# SPDX-License-Identifier: MIT
"""lib.py - what the benchmarks share: a temporary place, programs, tables.

A Bench holds the directory and the environments of the variants:
plain (nothing), disabled (preloaded, TAGALONG_DISABLED=1) and preloaded (with
a run directory and output file of this Bench).  It stops what it has started.
"""

import contextlib
import datetime
import os
import platform
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class Unable(Exception):
    """Something that the benchmarks need is not there."""


class Bench:
    def __init__(self, build):
        self.preload = os.path.join(os.path.abspath(build), "libtagalong.so")
        if not os.path.exists(self.preload):
            raise Unable(f"no {self.preload}: build first, then name the build directory")
        self.place = tempfile.mkdtemp(prefix="tagalong-bench-", dir="/tmp")
        os.chmod(self.place, 0o755)
        self.run_dir = tempfile.mkdtemp(prefix="tagalong-bench-", dir="/dev/shm")
        self.started = []
        self.run_dirs = [self.run_dir]
        self.programs = {}
        self.begin(60)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for process in self.started:
            stop(process)
        for run_dir in self.run_dirs:
            wait_for_agents(run_dir)
            shutil.rmtree(run_dir, ignore_errors=True)
        shutil.rmtree(self.place, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.place, name)

    def rounds(self, usual):
        return int(os.environ.get("TAGALONG_BENCH_ROUNDS", usual))

    @staticmethod
    def budget(usual):
        """Seconds that are wanted in all."""
        return float(os.environ.get("TAGALONG_BENCH_SECONDS", usual))

    def begin(self, seconds):
        """A part begins, and may take so long."""
        self.began, self.seconds = time.monotonic(), seconds

    def share(self, part):
        """The moment when this part of the time is over."""
        return self.began + self.seconds * part

    def turns(self, least, most, end):
        """Numbers of rounds: at least so many, then while another one is over before the end."""
        begin, most = time.monotonic(), self.rounds(most)
        for at in range(most):
            now = time.monotonic()
            if at >= min(least, most) and now + (now - begin) / at > end:
                return
            yield at

    def compile(self, name, *options):
        out = self.path(name.replace(".", "_"))
        command = [os.environ.get("CC", "cc"), "-O2", "-std=gnu11", "-D_GNU_SOURCE", "-Wall",
                   "-Wextra", "-pthread", f"-I{ROOT}", "-o", out, os.path.join(HERE, name)]
        if subprocess.run(command + list(options)).returncode != 0:
            raise Unable(f"{name} does not compile")
        return out

    def compiled(self, name, *options):
        """The same, once."""
        if name not in self.programs:
            self.programs[name] = self.compile(name, *options)
        return self.programs[name]

    def another_run_dir(self):
        """For a program of another user."""
        self.run_dirs.append(tempfile.mkdtemp(prefix="tagalong-bench-", dir="/dev/shm"))
        return self.run_dirs[-1]

    def settings(self):
        """The preloaded variant's environment, as pairs."""
        return {"LD_PRELOAD": self.preload, "TAGALONG_RUN_DIR": self.run_dir,
                "TAGALONG_FILE": self.path("spans.jsonl"), "TAGALONG_FILE_KEEP": "0",
                "TAGALONG_LOG": self.path("agent.log"), "TAGALONG_AGENT_LINGER_MS": "500"}

    def environment(self, variant):
        env = {name: value for name, value in os.environ.items()
               if not name.startswith(("TAGALONG_", "OTEL_")) and name != "LD_PRELOAD"}
        if variant == "preloaded":
            env.update(self.settings())
        elif variant == "disabled":
            env.update(LD_PRELOAD=self.preload, TAGALONG_DISABLED="1")
        return env

    def start(self, command, variant, more=None, **who):
        """more: of the environment, where the library records."""
        env = self.environment(variant)
        if variant == "preloaded":
            env.update(more or {})
        process = subprocess.Popen(command, env=env, cwd=self.place, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **who)
        self.started.append(process)
        return process

    def losses(self):
        """What the agent has said about lost records, the last word on each cause."""
        last = {}
        try:
            with open(self.path("agent.log")) as log:
                for line in log:
                    found = re.search(r": (\S+) \(pid (\d+)\): (\d+) lost, (\w+)", line)
                    if found:
                        name = os.path.basename(found[1])
                        last[name, found[2], found[4]] = int(found[3])
        except FileNotFoundError:
            pass
        return [f"{name}: {count} records lost, {cause}"
                for (name, _, cause), count in last.items()]


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_agents(run_dir, seconds=15):
    """Until the agents of run_dir have removed the last segment and ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(name.endswith(".seg") for name in os.listdir(run_dir)):
            break
        time.sleep(0.1)
    time.sleep(1)  # the agent lingers for half of this


def agents_of(run_dir):
    """The processes of the agents of a run directory: those that say so."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as line:
                words = line.read().split(b"\0")
            if words[1:4] == [b"agent", b"--run-dir", run_dir.encode()]:
                found.append(int(pid))
    return found


ports = set()


def free_port():
    """One that nobody was given before, and that the kernel gives to no connection: a server under
    valgrind takes its time until it listens."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                if port not in ports:
                    ports.add(port)
                    return port


def wait_for_port(port, seconds, process=None):
    """process: who shall listen; when that one has ended nobody will."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process is not None and process.poll() is not None:
                raise Unable(f"the server has ended with {process.returncode}") from None
            time.sleep(0.02)
    raise Unable(f"nothing listens on port {port}")


def find(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return path


def machine():
    now = datetime.date.today().isoformat()
    return (f"{now}, Linux {platform.release()}, {os.cpu_count()} cores shared by host, "
            f"load generator and agent")


def touch_memory():
    """A hypervisor may give a page when it is first touched, which takes longer than what is measured here: says how
    long.  The pages stay for a little while, for those who come next."""
    with open("/proc/meminfo", encoding="utf-8") as file:
        free = int(re.search(r"MemFree:\s+(\d+)", file.read())[1]) * 1024
    room = os.statvfs("/dev/shm")
    pieces = int(min(free / 4, room.f_bavail * room.f_frsize / 2, 4 << 30)) >> 20
    piece, began = bytes(1 << 20), time.monotonic()
    with tempfile.TemporaryFile(dir="/dev/shm") as file:
        for _ in range(pieces):
            file.write(piece)
    took = (time.monotonic() - began) / max(pieces, 1) / 256
    print(f"{pieces} MiB touched, {took * 1e6:.2f} us a page")


# ---- numbers ----

def median(values):
    return statistics.median(values)


def spread(values, form="{:.2f}"):
    return f"{form.format(min(values))} .. {form.format(max(values))}"


def table(title, heads, rows):
    """A Markdown table: first column left, the others right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [heads] + rows) for i in range(len(heads))]
    print(f"\n### {title}\n")
    for row in [heads, None] + rows:
        if row is None:
            cells = ["-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths)]
            print("|" + "|".join(cells) + "|")
            continue
        cells = [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]
        print("| " + " | ".join(cells) + " |")
    print(flush=True)
