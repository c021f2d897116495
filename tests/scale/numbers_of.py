# SPDX-License-Identifier: MIT
"""numbers_of.py - starting a host of a size, measuring it and its agent, and the tables of docs/scale.md."""

import os
import platform
import re
import select
import subprocess
import time

from lib import ROOT, check, need_program

FULL = os.environ.get("TAGALONG_TEST_FULL") == "1"
HERE = os.path.dirname(os.path.abspath(__file__))
DOC = os.path.join(ROOT, "docs/scale.md")
LOAD = os.getloadavg()[0]
TABLES = {}  # title -> (heads, rows)


def build(home, name):
    output = home.path("bin", name)
    if not os.path.exists(output):
        done = subprocess.run([need_program("gcc", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-pthread", "-Wall",
                               "-Wextra", "-I", ROOT, "-I", os.path.join(ROOT, "runtime/include"), "-o", output,
                               os.path.join(HERE, name + ".c"), "-ldl"], capture_output=True, text=True)
        check(done.returncode == 0, f"{name}.c does not compile: {done.stderr.strip().splitlines()[:1]}")
    return output


def memory(pid):
    """KiB: resident, and the share of it that is this process's (Pss)."""
    found = {"Rss": 0, "Pss": 0}
    try:
        with open(f"/proc/{pid}/smaps_rollup") as lines:
            for line in lines:
                key, _, rest = line.partition(":")
                if key in found:
                    found[key] = int(rest.split()[0])
    except OSError:
        pass
    return found


def most_resident(pid):
    with open(f"/proc/{pid}/status") as lines:
        return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


class Running:
    """A host that has said "ready": its numbers, its memory and its agent's."""

    def __init__(self, home, words, mode, env=None, wrap=(), seconds=120):
        self.home = home
        self.process = home.start([build(home, "host"), *map(str, words)], mode=mode, env=env, wrap=wrap,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.said = {}
        end = time.monotonic() + seconds
        text = b""
        while b"ready" not in text and time.monotonic() < end:
            if select.select([self.process.stdout], [], [], 1)[0]:
                part = os.read(self.process.stdout.fileno(), 65536)
                text += part
                if not part:
                    break
        for line in text.decode().splitlines():
            key, _, value = line.partition(" ")
            if value.isdigit():
                self.said[key] = int(value)
        check("ready" in self.said, f"the host does not get ready: {text!r} {home.tail(self.process)}")
        self.memory = memory(self.pid())
        self.agents = [(pid, memory(pid), most_resident(pid)) for pid in home.agents()] if mode != "plain" else []

    def pid(self):
        """The host itself, below what wraps it."""
        pid = self.process.pid
        while True:
            try:
                with open(f"/proc/{pid}/task/{pid}/children") as stream:
                    children = stream.read().split()
                if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "host" or not children:
                    return pid
                pid = int(children[0])
            except OSError:
                return pid

    def agent(self, what):
        """KiB of the agent's two processes."""
        return sum(entry[1][what] for entry in self.agents)

    def end(self, seconds=60):
        self.process.stdin.close()
        status = self.process.wait(seconds)
        check(status == 0, f"the host ended with {status}: {self.home.tail(self.process)}")


def table(title, heads, row):
    TABLES.setdefault(title, (heads, []))[1].append(row)


def us(ns):
    return f"{ns / 1000:.2f} µs"


def mib(kib):
    return f"{kib / 1024:.1f} MiB"


def machine():
    model = "processor unknown"
    with open("/proc/cpuinfo") as lines:
        found = re.search(r"model name\s*: (.*)", lines.read())
        model = found[1] if found else model
    return f"{model}, {os.cpu_count()} processors, Linux {platform.release()}; load average at the start {LOAD:.1f}"


def write():
    """The tables between the two marks of docs/scale.md."""
    with open(DOC) as stream:
        text = stream.read()
    parts = [f"Measured on {machine()}, {'everything at full size' if FULL else 'small sizes'}.\n"]
    for title, (heads, rows) in TABLES.items():
        parts.append(f"\n### {title}\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n"
                     + "".join(f"| {' | '.join(map(str, row))} |\n" for row in rows))
    before, rest = text.split("<!-- numbers -->\n", 1)
    after = rest.split("<!-- end of numbers -->\n", 1)[1]
    with open(DOC, "w") as stream:
        stream.write(before + "<!-- numbers -->\n" + "".join(parts) + "<!-- end of numbers -->\n" + after)
