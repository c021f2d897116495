# SPDX-License-Identifier: MIT
"""modes.py - how a victim is preloaded: as installed, with everything on, and with its agent killed."""

import json
import os
import random
import signal
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e", "suites"))
import common  # noqa: E402

INSTALLED, EVERYTHING, KILLED = "as installed", "everything on", "everything on, agent killed"
MODES = (INSTALLED, EVERYTHING, KILLED)
# The victims are both ends of their connections and compare every byte; tests of
# headers that are put in say so themselves.
UNCHANGED = {"TAGALONG_PROPAGATE": "extract"}
# Victims print their environment without what is ours.
SWITCHED_ON = {name: value for name, value in common.SWITCHED_ON.items() if name.startswith("TAGALONG_")}


def of_run(number):
    """The mode of a victim's run; every three runs in a row have all of them."""
    return MODES[number % len(MODES)]


def settings(mode):
    return UNCHANGED if mode == INSTALLED else {**SWITCHED_ON, **UNCHANGED}


def agents(run_dir):
    """pids of the agent's processes that serve a run directory; asked often, so environments of few are read."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.path.basename(os.readlink(f"/proc/{entry}/exe")) != "tagalong":
                continue
            with open(f"/proc/{entry}/cmdline", "rb") as words, open(f"/proc/{entry}/environ", "rb") as environment:
                if run_dir.encode() + b"\0" in words.read() + environment.read():
                    found.append(int(entry))
        except OSError:
            pass
    return found


class Killer(threading.Thread):
    """Ends the agents of one run directory by SIGKILL while a victim runs: one of them, or all, at random moments."""

    def __init__(self, run_dir):
        super().__init__(daemon=True)
        self.run_dir, self.over, self.kills = run_dir, threading.Event(), 0

    def run(self):
        while not self.over.wait(random.uniform(0.002, 0.2)):
            found = agents(self.run_dir)
            for pid in random.choice((found, found[:1], found[1:])):
                try:
                    os.kill(pid, signal.SIGKILL)
                    self.kills += 1
                except (ProcessLookupError, PermissionError):
                    pass

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def settle(run_dir, seconds=10):
    """Until the agents of a run directory have gone, as they do once nobody is left."""
    end = time.monotonic() + seconds
    while agents(run_dir) and time.monotonic() < end:
        time.sleep(0.05)


def ids(path):
    """Each span id of a file of the agent's, as often as it stands there; a line that a SIGKILL has cut off has none."""
    try:
        with open(path, errors="replace") as lines:
            for line in lines:
                try:
                    batch = json.loads(line)
                except ValueError:
                    continue
                for resource in batch.get("resourceSpans", ()):
                    for scope in resource["scopeSpans"]:
                        yield from (span["spanId"] for span in scope["spans"])
    except FileNotFoundError:
        pass


def twice(path):
    """A span id that stands more than once in a file, or None; and how many ids there are."""
    seen = set()
    for span in ids(path):
        if span in seen:
            return span, len(seen)
        seen.add(span)
    return None, len(seen)
