# SPDX-License-Identifier: MIT
"""test_heap.py - the agent's allocations fail: one, every Nth, all from one on.

It carries on or ends, and says so; it does not die of it, and programs notice nothing.  What it has not
written is still there for the next agent, or counted as lost.
"""

import concurrent.futures
import os
import re

from lib import Failure, check, read_spans

from common import FULL, build, build_load
from test_agent import SPANS, Place, load, lost_by

# A handler that says how watcher and worker have ended: a script that stays.
SCRIPT = """#!/bin/sh
exec 2>>{dir}/stderr
env LD_PRELOAD={heap} {how} {tagalong} "$@"
echo $? >>{dir}/ended
"""


class FailingPlace(Place):
    def __init__(self, home, name, heap, how):
        super().__init__(home, name)
        script = home.write(f"{name}/agent.sh", SCRIPT.format(dir=self.dir, heap=heap, how=" ".join(how), tagalong=home.tagalong))
        os.chmod(script, 0o755)
        self.env["TAGALONG_AGENT"] = script

    def statuses(self):
        return [int(line) for line in self.home.read(f"{self.name}/ended").split()]

    def rest(self):
        """What an agent with a heap that works still finds."""
        path = os.path.join(self.dir, "rest.jsonl")
        status, _, err = self.home.run([self.home.tagalong, "drain", self.run_dir, "-o", path], mode="plain", env=self.env)
        check(status in (0, 1), f"drain: {status} {err!r}")
        self.drained = err
        return read_spans(path)


def ways():
    """(FAIL_ variables, how to call it)."""
    single = range(1, 1500, 1) if FULL else [*range(1, 60, 3), *range(60, 600, 45)]
    for at in single:
        yield [f"FAIL_AT={at}"], f"allocation {at}"
    for often in (1, 2, 3, 5, 7, 13, 29, 61, 127, 509, 1021):
        yield [f"FAIL_AT={often}", f"FAIL_EVERY={often}"], f"every {often}."
    for at in (range(1, 1500, 7) if FULL else (1, 10, 40, 80, 160, 320, 640)):
        yield [f"FAIL_AT={at}", "FAIL_ALL=1"], f"all from {at}"


def judge(place):
    """Whether something was left to the next agent, and how many spans are lost, as is said."""
    begun = load(place)
    place.begins(6)
    used = place.end()
    check(used is None or used < 0.5, f"spins, {used} s of a second")
    # One that still waits for memory is ended by Place.end().
    died = [status for status in place.statuses() if status >= 128 and (used is None or status != 137)] + re.findall(r"workers died.*|worker died.*", place.said())
    check(not died, f"the agent died: {died}")
    ids = [span.span_id for span in place.spans()]
    here = len(ids)
    ids += [span.span_id for span in place.rest()]
    check(len(set(ids)) == len(ids), f"{len(ids) - len(set(ids))} spans came twice")
    missing = begun - len(ids)
    check(missing >= 0, f"{len(ids)} spans of {begun}")
    told = place.said() + " ".join(map(str, (place.statuses(), os.listdir(place.run_dir), place.drained)))
    check(not missing or lost_by(place), f"{missing} of {begun} spans are gone, and nobody says so: {told[-600:]!r}")
    check(here == begun or place.said(), f"{begun - here} spans are left to the next agent, without a word")
    return here < begun, missing


def agent_heap(home):
    heap = build(home, "failing_heap.c", "-shared", "-fPIC")
    wrong, left, lost = [], [], []

    def one(item):
        number, (how, what) = item
        try:
            is_left, missing = judge(FailingPlace(home, f"h{number}", heap, how))
            left.extend([what] * is_left)
            lost.extend([what] * (missing > 0))
        except (Failure, ValueError) as why:
            wrong.append(f"{what}: {why}")

    jobs = list(ways())
    build_load(home)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, enumerate(jobs)))
    home.note(f"{len(jobs)} runs of {SPANS} spans; with {len(left)} some were left to the next agent, with {len(lost)} some were lost and counted")
    check(not wrong, f"{len(wrong)} of {len(jobs)}: " + " ;; ".join(wrong[:8]))


TESTS = [("agent/heap", agent_heap)]
