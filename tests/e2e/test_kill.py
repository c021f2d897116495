# SPDX-License-Identifier: MIT
"""test_kill.py - SIGKILL for the host and for the agent: nothing recorded is lost, nothing comes twice.

The host kept a ledger of what it had begun and ended; the agent is killed while
nginx is under load and its access log is the ledger.
"""

import collections
import os
import random
import signal
import struct
import threading
import time

from lib import Failure, check, compare, compile_victim, request, wait_until, wrk, wrk_mix
import test_truth_http

ROUNDS = 200 if os.environ.get("CI") == "true" else 40


def host(home):
    """ROUNDS processes die at random moments; several at a time share an agent."""
    program = compile_victim(home, "ledger")
    dice = random.Random(9)
    ledgers, waiting = [], []
    while len(ledgers) < ROUNDS or waiting:
        while len(waiting) < 3 and len(ledgers) < ROUNDS:
            ledger = home.path(f"ledger-{len(ledgers)}")
            process = home.start([program, ledger])
            ledgers.append((ledger, process))
            waiting.append((time.monotonic() + dice.uniform(0.01, 0.25), process))
        waiting.sort(key=lambda item: item[0])
        moment, process = waiting.pop(0)
        time.sleep(max(0, moment - time.monotonic()))
        check(process.poll() is None, f"the host ended by itself: {process.returncode} {home.tail(process)}")
        process.kill()
        process.wait()
    spans = home.spans()
    by_pid = collections.defaultdict(dict)
    for span in spans:
        row, _, number = span.name.partition(" ")
        if row in ("0", "1", "2") and number.isdigit():
            by_pid[span.resource.get("process.pid")][int(row), int(number)] = span
    expected = missing = open_ones = 0
    for ledger, process in ledgers:
        if not os.path.exists(ledger) or os.path.getsize(ledger) < 256:
            continue
        with open(ledger, "rb") as stream:
            data = stream.read(192)
        seen = by_pid.get(process.pid, {})
        for row in range(3):
            begun, ended = struct.unpack_from("=QQ", data, row * 64)
            expected += begun
            for number in range(begun):
                span = seen.get((row, number))
                missing += span is None
                if span is not None and number < ended:
                    check(not span.unfinished, f"span {span.name} had ended, and is said to be unfinished")
                open_ones += span is not None and span.unfinished
    home.note(f"{ROUNDS} hosts killed, {expected} spans begun, {len(spans)} recorded, {open_ones} open at death")
    check(expected > ROUNDS * 10, f"only {expected} spans")
    check(missing == 0, f"{missing} of {expected} spans are lost")


def agent(home, which):
    """Worker, watcher or both die under load, slowly enough that they are not given up."""
    # Lanes that hold what comes while nobody drains: a full lane is another test's business.
    server, port = test_truth_http.start_nginx(home, env={"TAGALONG_LANE_BYTES": str(1 << 20)})
    mix = [request("GET", "/small.txt?x", close=False), request("GET", "/missing", close=False)]
    script = wrk_mix(home, mix, 500)
    kills = 0
    for _ in range(4):
        # One that is alone is still about to start the other: with a sanitizer that takes a while.
        wait_until(lambda: len(home.agents()) == 2, 20, "watcher and worker are there")
        load = threading.Thread(target=wrk, args=(port, 10, 4, script))
        load.start()
        time.sleep(0.01)
        pids = home.agents()  # ascending: the watcher came first, unless it is the worker's second one
        for pid in {"both": pids, "worker": pids[-1:], "watcher": pids[:1]}[which]:
            try:
                os.kill(pid, signal.SIGKILL)
                kills += 1
            except ProcessLookupError:
                pass
        load.join()
        wrk(port, seconds=10, connections=4, script=script)
        if which == "both":  # nobody is left to start one: the next process does
            home.run(["true"])
        time.sleep(2.1)
    home.stop(server, signal.SIGQUIT)
    check(kills >= 4, f"only {kills} agents were found to kill")
    home.note(f"{kills} kills")
    test_truth_http.verdict(home, test_truth_http.nginx_truth(home))


TESTS = [("kill/host", host), ("kill/agent_worker", lambda home: agent(home, "worker")),
         ("kill/agent_watcher", lambda home: agent(home, "watcher")), ("kill/agent_both", lambda home: agent(home, "both"))]
