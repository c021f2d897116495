# SPDX-License-Identifier: MIT
"""test_time.py - how long a program takes to die: bounded, whatever the agent does.

The victim says the time right before its fault; the test knows when it is gone.  Only the
documented bound is demanded, what was measured is said.
"""

import os
import signal
import statistics
import subprocess
import threading
import time

import crash
from crash import check, program
from lib import wait_until

RUNS = 30
SLACK_MS = 1000


def die_once(home, env):
    """Milliseconds from the fault to the end, as a parent sees it."""
    environment = home.environment(**env)
    process = subprocess.Popen([program("late.c", "-O1")], env=environment, cwd=home.dir, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, preexec_fn=crash.limits(False), start_new_session=True)
    home.processes.append(process)
    said = process.stdout.read()  # until its end: nobody else has the pipe
    status = process.wait(30)
    ended = time.monotonic()
    check(status == -signal.SIGSEGV, f"ends with {status}")
    process.stdout.close()
    return (ended - int(said) / 1e9) * 1e3


def measure(home, name, wait_ms, runs, **env):
    env["LD_PRELOAD"] = home.preload if wait_ms is not None else None
    if wait_ms is not None:
        env["TAGALONG_CRASH_WAIT_MS"] = str(wait_ms)
    times = sorted(die_once(home, env) for _ in range(runs))
    median = statistics.median(times)
    home.note(f"{name}: median {median:.1f}, longest {times[-1]:.1f} ms")
    return times


def bounded(what, times, wait_ms):
    check(times[-1] <= wait_ms + SLACK_MS, f"{what}: {times[-1]:.0f} ms, with TAGALONG_CRASH_WAIT_MS={wait_ms}")


def plain_and_agent(home):
    program("late.c", "-O1")
    measure(home, "plain", None, 10)
    bounded("with an agent", measure(home, "with an agent", 2000, RUNS, TAGALONG_AGENT_LINGER_MS="5000"), 2000)
    bounded("without", measure(home, "without an agent", 2000, 10, TAGALONG_AGENT="none",
                               TAGALONG_RUN_DIR=home.run_dir + "/none"), 2000)


def agent_stopped(home):
    """Both of its processes: a watcher that runs would start another one."""
    env = {"TAGALONG_AGENT_LINGER_MS": "20000", "TAGALONG_CRASH_WAIT_MS": "400"}
    keeper = home.start(["sleep", "60"], env=env)
    agents = wait_until(lambda: len(home.agents()) >= 2 and home.agents(), 10, "an agent")
    for pid in agents:
        os.kill(pid, signal.SIGSTOP)
    try:
        times = measure(home, "agent stopped", 400, RUNS, TAGALONG_AGENT_LINGER_MS="20000")
    finally:
        for pid in agents:
            os.kill(pid, signal.SIGCONT)
    home.stop(keeper)
    bounded("agent stopped", times, 400)
    wait_until(lambda: len(crash.crashes(home.file)) >= RUNS, 20, f"{RUNS} events of those who died meanwhile")
    sources = {event.source for event in crash.crashes(home.file)}
    check(sources == {"copy"}, f"nobody was there to be read: {sources}")


def agent_late(home):
    """Nobody has seen the crash for a while, but who waits long is still read as a whole."""
    env = {"TAGALONG_AGENT_LINGER_MS": "20000"}
    keeper = home.start(["sleep", "60"], env=env)
    agents = wait_until(lambda: len(home.agents()) >= 2 and home.agents(), 10, "an agent")
    for pid in agents:
        os.kill(pid, signal.SIGSTOP)
    going_on = threading.Timer(1, lambda: [os.kill(pid, signal.SIGCONT) for pid in agents])
    going_on.start()
    try:
        measure(home, "agent late", 20000, 1, **env)
    finally:
        going_on.join()
    home.stop(keeper)
    found = wait_until(lambda: crash.crashes(home.file), 20, "its event")
    check(found[0].source == "ptrace", f"read by {found[0].source}: {found[0].threads}")


def agent_killed(home):
    """It dies while it reads: what waits for it does not wait for ever."""
    env = {"TAGALONG_AGENT_LINGER_MS": "20000", "TAGALONG_CRASH_WAIT_MS": "400"}
    times = []
    for _ in range(3):
        keeper = home.start(["sleep", "60"], env=env)
        for pid in wait_until(lambda: len(home.agents()) >= 2 and home.agents(), 10, "an agent"):
            os.kill(pid, signal.SIGKILL)
        times += measure(home, "agent killed", 400, 3, TAGALONG_AGENT_LINGER_MS="20000")
        home.stop(keeper)
    bounded("agent killed", sorted(times), 400)


TESTS = [("time/agent", plain_and_agent), ("time/agent_stopped", agent_stopped), ("time/agent_late", agent_late),
         ("time/agent_killed", agent_killed)]
