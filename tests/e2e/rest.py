# SPDX-License-Identifier: MIT
"""rest.py - whether a server has nothing left to do.

A client that has read its answer is done; on a busy machine the server's thread may not have
run since it wrote it, and does not know yet.  A server that is told to end then leaves work
of which nobody saw the end: tests that count wait for it.
"""

import os
import time

RUNS = "RD"  # states of proc(5): running or about to, waiting for a disk


def state(path):
    """A thread's state and process group."""
    with open(path, encoding="utf-8", errors="replace") as file:
        words = file.read().rpartition(")")[2].split()
    return words[0], int(words[2])


def works(group):
    """Whether a thread of that process group has something to do."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if state(f"/proc/{pid}/stat")[1] == group and \
                    any(state(f"/proc/{pid}/task/{tid}/stat")[0] in RUNS for tid in os.listdir(f"/proc/{pid}/task")):
                return True
        except OSError:
            pass  # it has ended meanwhile
    return False


def wait_for_rest(group, seconds):
    """Until it was seen asleep twice; False: it works on."""
    end, seen = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        seen = 0 if works(group) else seen + 1
        if seen == 2:
            return True
        time.sleep(0.02)
    return False
