# SPDX-License-Identifier: MIT
"""test_status.py - what `status` says of agents and programs."""

import json
import os
import signal
import sys
import time

from cli import Failed, contains, run, same, start, test


def status(place, *arguments, **more):
    result = run(place, "status", "--run-dir", os.path.join(place, "run"), *arguments, **more)
    return result.returncode, result.stdout


@test
def status_nothing(place):
    for what in (), ("--json",):
        code, said = status(place, *what)
        same(f"status {what}", code, 3)
        contains("stdout", said, '"running":0' if what else "no agent is running")
    same("an argument", run(place, "status", "x").returncode, 2)
    same("an option", run(place, "status", "--jsn").returncode, 2)
    contains("help", run(place, "help", "status").stdout, "spools[]", "Exit status")
    if os.geteuid() == 0:
        os.makedirs(os.path.join(place, "run"))
        os.chown(os.path.join(place, "run"), 65534, 65534)
        same("another user's directory", status(place)[0], 1)


@test
def status_running(place):
    program = start(place, "run", "-q", "-o", "out.jsonl", sys.executable, "-c",
                    "import os, signal\n"
                    "signal.signal(signal.SIGUSR1, lambda *_: None)\n"
                    "os.kill(os.getpid(), signal.SIGUSR1)\n"
                    "print('on', flush=True)\n"
                    "import time; time.sleep(60)")
    try:
        program.stdout.readline()
        end = time.monotonic() + 20
        while status(place)[0] != 0 and time.monotonic() < end:
            time.sleep(0.1)
        code, said = status(place, "--json")
        same("status", code, 0)
        document = json.loads(said)
        same("running", document["running"], 1)
        agent = document["agents"][0]
        same("alive", agent["alive"], True)
        same("run directory", agent["run_dir"], os.path.join(place, "run"))
        found = [one for one in agent["programs"] if "python" in one["exe"]]
        same("programs", len(found), 1)
        same("the program lives", found[0]["alive"], True)
        same("losses", set(found[0]["lost"].values()), {0})
        if not 1 <= found[0]["lanes_used"] <= found[0]["lanes"]:
            raise Failed(f"lanes: {found[0]}")
        contains("text", status(place)[1], f"agent {agent['key']}  running", "python", "lanes")
    finally:
        program.terminate()  # handed on to the program
        program.communicate(timeout=30)
    end = time.monotonic() + 20
    while status(place)[0] != 3 and time.monotonic() < end:
        time.sleep(0.1)
    same("status at the end", status(place)[0], 3)


@test
def status_watch(place):
    """One document a line, until it is interrupted."""
    watch = start(place, "status", "--json", "--watch", "--run-dir", os.path.join(place, "run"))
    lines = [json.loads(watch.stdout.readline()) for _ in range(2)]
    watch.send_signal(signal.SIGTERM)
    watch.communicate(timeout=10)
    if lines[1]["time_ns"] <= lines[0]["time_ns"]:
        raise Failed("no second look")
