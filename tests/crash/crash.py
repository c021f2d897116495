# SPDX-License-Identifier: MIT
"""crash.py - what the tests of crashes share: programs, runs, events.

Programs of tests/crash/victims are compiled once per run of the tests.  An Outcome is how a
program ended; an Event is one log record of the output file.
"""

import atexit
import collections
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(os.path.dirname(HERE), "e2e"))
import lib  # noqa: E402
from lib import check, need_program  # noqa: E402,F401

Outcome = collections.namedtuple("Outcome", "status out err pid")
BASE = ("-g", "-pthread", "-Wall", "-Wextra", "-I", os.path.join(lib.ROOT, "runtime/include"))
C = ("-std=gnu11", "-D_GNU_SOURCE")
# As long as a reader under a sanitizer takes, on a busy machine: that a death is not late is test_time's.
PATIENT = {"TAGALONG_CRASH_WAIT_MS": "20000"}


class Event:
    """A log record; threads as Sentry has them, the crashed one first."""

    def __init__(self, record, resource_attributes):
        self.attrs = lib.attributes(record.get("attributes", []))
        self.pid = resource_attributes.get("process.pid")
        self.trace_id, self.span_id = record.get("traceId", ""), record.get("spanId", "")
        self.level = record.get("severityText")
        self.type = self.attrs.get("exception.type")
        self.message = self.attrs.get("exception.message")
        self.stack = json.loads(self.attrs.get("tagalong.stack") or "{}")
        self.threads = self.stack.get("threads", [])
        self.source = self.attrs.get("tagalong.stack.source")

    @property
    def is_crash(self):
        return self.level == "fatal"

    def frames(self, thread=0):
        """Youngest first."""
        return self.threads[thread]["frames"][::-1] if len(self.threads) > thread else []

    def functions(self, thread=0):
        return [frame.get("function", "?") for frame in self.frames(thread)]

    def tag(self, name):
        return self.attrs.get("tagalong.tag." + name)

    def said(self):
        return f"{self.type}: {self.message}; {' < '.join(self.functions()[:8])}"


def read_events(path):
    events = []
    path = os.path.splitext(path)
    path = path[0] + ".logs" + path[1]
    if not os.path.exists(path):
        return events
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            for logs in json.loads(line)["resourceLogs"]:
                attributes = lib.attributes(logs["resource"]["attributes"])
                for scope in logs["scopeLogs"]:
                    events += [Event(record, attributes) for record in scope["logRecords"]]
    return events


def crashes(path, pid=None):
    return [event for event in read_events(path)
            if event.is_crash and (pid is None or event.pid == pid)]


_programs = {}
_place = []


def program(source, *flags, name=None, tool=None):
    """A program of victims/, compiled with these flags, once."""
    key = (source, flags, name, tool)
    if key in _programs:
        return _programs[key]
    if not _place:
        _place.append(tempfile.mkdtemp(prefix="tagalong-crash-"))
        os.chmod(_place[0], 0o755)
    folder = tempfile.mkdtemp(dir=_place[0])
    os.chmod(folder, 0o755)
    output = os.path.join(folder, name or source.split(".")[0])
    is_c = source.endswith(".c")
    compiler = need_program(tool or ("gcc" if is_c else "g++"))
    done = subprocess.run([compiler, *(C if is_c else ()), *BASE, *(flags or ("-O1",)), "-o", output,
                           os.path.join(HERE, "victims", source), "-ldl"],
                          capture_output=True, text=True)
    check(done.returncode == 0, f"{source} does not compile: {done.stderr.strip().splitlines()[:2]}")
    _programs[key] = output
    return output


@atexit.register
def _forget_programs():
    for place in _place:
        shutil.rmtree(place, ignore_errors=True)


def limits(core):
    """What a child sets for itself before it becomes the program."""
    def set_them():
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard if core else 0, hard))
        # A stack that does not take all memory when it overflows under a sanitizer or gdb.
        resource.setrlimit(resource.RLIMIT_STACK, (8 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
    return set_them


def run(home, command, preloaded, env=None, seconds=60, core=False, cwd=None, during=None):
    """Runs a program to its end, without a shell between: status and pid are its own."""
    environment = home.environment(**{**PATIENT, **(env or {})})
    if preloaded:
        environment["LD_PRELOAD"] = home.preload
    process = subprocess.Popen(command, env=environment, cwd=cwd or home.dir, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                               preexec_fn=limits(core))
    home.processes.append(process)
    first = during(process) if during else b""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise lib.Failure(f"{' '.join(command[:3])}{' preloaded' if preloaded else ''}: "
                          f"no end within {seconds} s") from None
    return Outcome(process.returncode, ((first or b"") + out).decode(errors="replace"),
                   err.decode(errors="replace"), process.pid)


def status_text(status):
    return signal.Signals(-status).name if status < 0 else str(status)
