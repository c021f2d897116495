# SPDX-License-Identifier: MIT
"""test_host.py - the library's own system calls fail, the host's allocations fail: the program does as it does plain.

inject (inject.c) lets those system calls fail whose instruction lies in libtagalong.so: the kernel
never sees them, the library gets an error.  What the program itself asks for is untouched.
"""

import concurrent.futures
import errno
import os

from lib import check

from common import FULL, build, name_of_call

WAYS = ("small", "server", "children", "crash", "api")
EXTRACT = {"TAGALONG_PROPAGATE": "extract", "TAGALONG_FLUSH_INTERVAL_MS": "50"}


def tools(home):
    return build(home, "inject.c"), build(home, "victim.c")


def outcome(home, command, number, env=None, mode="preload"):
    """Exit status, standard output and standard error; each run has a place of its own."""
    run_dir = os.path.join(home.run_dir, f"r{number}")
    more = {**EXTRACT, "TAGALONG_RUN_DIR": run_dir, "TAGALONG_AGENT_LINGER_MS": "0", **(env or {})}
    seen = home.run(command, mode=mode, env=more, seconds=60)
    return seen


def library_calls(home, inject, victim, way):
    """How many system calls the library makes in this program, by number."""
    path = home.path(f"counts-{way}")
    home.run([inject, "-i", "libtagalong.so", "-c", path, "env", "LD_PRELOAD=" + home.preload, victim, way],
             mode="plain", env={**EXTRACT, "TAGALONG_RUN_DIR": os.path.join(home.run_dir, f"count-{way}"),
                                "TAGALONG_AGENT_LINGER_MS": "0"})
    counts = {}
    for line in home.read(os.path.basename(path)).splitlines():
        call, count = line.split()
        counts[int(call)] = int(count)
    return counts


def sweep(home, way, errors, pick):
    """Every n-th own system call fails, once each; then every call of a kind, always."""
    inject, victim = tools(home)
    plain = outcome(home, [inject, victim, way], "plain", mode="plain")
    counts = library_calls(home, inject, victim, way)
    total = sum(counts.values())
    check(total > 30, f"the library made only {total} system calls of its own: {counts}")
    jobs = [(["-n", str(nth)], error) for error in errors for nth in range(1, total + 6)]
    # No kernel interrupts for ever: who asks until nobody does is right, and would ask to the end of days.
    jobs += [(["-s", str(call), "-n", "1", "-f"], error) for error in errors if error != errno.EINTR for call in counts]
    jobs += [(["-n", str(nth), "-f"], errors[0]) for nth in range(1, total + 1, 1 if FULL else 7)]
    jobs = [job for at, job in enumerate(jobs) if pick(at)]
    wrong = []

    def one(item):
        number, (how, error) = item
        command = [inject, "-i", "libtagalong.so", *how, "-e", str(error), "env", "LD_PRELOAD=" + home.preload, victim, way]
        seen = outcome(home, command, f"{way}-{number}", mode="plain")
        if seen != plain:
            named = name_of_call(int(how[1])) if how[0] == "-s" else "call " + how[1]
            wrong.append(f"{named}{' and on' if '-f' in how else ''} {errno.errorcode[error]}: {seen} in place of {plain}")

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(one, enumerate(jobs)))
    home.note(f"{len(jobs)} runs, {total} system calls of {len(counts)} kinds")
    check(not wrong, f"{len(wrong)} of {len(jobs)} differ; " + " ;; ".join(wrong[:5]))


def calls(way):
    def test(home):
        errors = [errno.ENOMEM, errno.EPERM, errno.ENOSYS, errno.EINTR] if FULL else [errno.ENOMEM, errno.EPERM]
        # Without FULL the larger programs have a third of the runs, starting at another place each.
        dense = FULL or way in ("small", "crash")
        sweep(home, way, errors, lambda at: dense or at % 3 == WAYS.index(way) % 3)
    return test


def heap(home):
    """malloc fails in the host: call after call, and from a call on all of them."""
    victim = build(home, "heap.c")
    failing = build(home, "failing_heap.c", "-shared", "-fPIC")
    wrong, runs = [], 0

    def both(number, env):
        seen = []
        for mode, preload in (("plain", failing), ("preload", failing + ":" + home.preload)):
            seen.append(outcome(home, ["env", "LD_PRELOAD=" + preload, victim], f"heap-{mode}-{number}",
                                env, mode="plain"))
        if seen[0] != seen[1]:
            wrong.append(f"{env}: {seen[1]} in place of {seen[0]}")

    jobs = [{"FAIL_EARLY": "1"}]
    jobs += [{"FAIL_AT": str(at)} for at in range(1, 70, 1 if FULL else 2)]
    jobs += [{"FAIL_AT": str(at), "FAIL_ALL": "1"} for at in range(1, 70, 1 if FULL else 6)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda item: both(*item), enumerate(jobs)))
    home.note(f"{len(jobs)} places")
    check(not wrong, f"{len(wrong)} of {len(jobs)} differ; " + " ;; ".join(wrong[:3]))


TESTS = [(f"host/calls_{way}", calls(way)) for way in WAYS] + [("host/heap", heap)]
