# SPDX-License-Identifier: MIT
"""common.py - what the drivers of third-party suites share: places, modes, comparison.

A suite is a module of this directory with

    NAME, WHAT                          its name, and what it is in a sentence
    need()                              raises Skip where it cannot run
    parts(full) -> [Part]               what runs as one: a module, a script, a program's scenario
    run(part, place, only) -> Outcomes  runs it there; only: None, or the tests that are wanted
    can_choose(tests)                   whether it can run these alone, each of them told; may be missing

A Place is a directory for one run in one mode.  Every part is run plain (twice),
preloaded with everything switched on, and preloaded while its agents are killed; the
quick choice leaves out the second plain run and the one with agents in peace.  What two
plain runs do not agree on is unstable and not compared, everything else has to have the
same outcome in all modes.

The killer strikes as soon as it sees the first agent, and then about once a second; a part that is
over before it has struck is run again, a few times at most.
"""

import glob
import os
import random
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import lib  # noqa: E402

Skip = lib.Skip
PLAIN, EVERYTHING, KILLED = "plain", "everything on", "agent killed"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Beside the defaults, which record connections, threads, signals, processes and crashes.
SWITCHED_ON = {
    "TAGALONG_COMMANDS": "1", "TAGALONG_CRASHES": "1", "TAGALONG_PROCESSES": "1", "TAGALONG_BREADCRUMBS": "all",
    "TAGALONG_PROPAGATE": "inject", "TAGALONG_PROPAGATE_TO": "all", "TAGALONG_EXCEPTIONS": "all",
    "TAGALONG_EXIT_STATUS": "all", "OTEL_PROPAGATORS": "tracecontext,baggage,sentry",
}


def need_file(path, text):
    if not os.path.exists(path):
        raise Skip(text)


def need_source(name):
    """The directory of a source package that ./sources has fetched."""
    path = os.path.join(HERE, ".sources", name)
    need_file(path, f"tests/e2e/suites/sources has not fetched {name}")
    return path


class Broken(Exception):
    """The run says nothing about transparency: nothing was preloaded, or no test ran."""


class Part:
    """choice: of its tests those that the quick choice runs, as the suite names them; empty: all."""

    def __init__(self, name, seconds, choice=()):
        self.name = name
        self.seconds = seconds
        self.choice = choice


class Outcomes(dict):
    """Test -> outcome, with details for people.  A test that is told twice keeps the worse."""

    ORDER = ("begun", "passed", "failed as expected", "skipped", "passed unexpectedly", "failed")

    def __init__(self):
        super().__init__()
        self.details = {}

    def rank(self, outcome):
        return self.ORDER.index(outcome) if outcome in self.ORDER else len(self.ORDER)

    def add(self, test, outcome, detail=""):
        if test in self and self.rank(self[test]) > self.rank(outcome):
            return
        self[test] = outcome
        self.details[test] = detail

    def counts(self):
        """(tests, passed, skipped).  Statuses of whole programs and plans are compared, but are no tests; what is
        in brackets after an outcome is compared as well, but says no more about success."""
        tests = [outcome.split(" (")[0] for test, outcome in self.items()
                 if not test.endswith("exit status") and not outcome.startswith("1..")]
        return len(tests), sum(tests.count(good) for good in ("passed", "failed as expected")), tests.count("skipped")


def agents(home):
    """pids of the agent's processes of one Home, also of those whose run directory a part has made below it;
    asked often, so environments of few are read."""
    found, places = [], (home.run_dir.encode(), home.dir.encode() + b"/")
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.path.basename(os.readlink(f"/proc/{entry}/exe")) != "tagalong":
                continue
            with open(f"/proc/{entry}/cmdline", "rb") as words, open(f"/proc/{entry}/environ", "rb") as settings:
                command = words.read()
                text = command + settings.read()
                if command.split(b"\0")[1:2] == [b"agent"] and any(place in text for place in places):
                    found.append(int(entry))
        except OSError:
            pass
    return found


class Killer(threading.Thread):
    """Ends the agents of one place by SIGKILL, one or all of them, at random moments: first soon after there is
    one, so that short programs see it too, then about once a second."""

    LOOKS = 0.01

    def __init__(self, home):
        super().__init__(daemon=True)
        self.home, self.over, self.kills = home, threading.Event(), 0

    def run(self):
        while not self.kills and not self.over.wait(self.LOOKS):
            if agents(self.home) and not self.over.wait(random.uniform(0, 0.05)):
                self.strike()
        while not self.over.wait(random.uniform(0.02, 1.5)):
            self.strike()

    def strike(self):
        found = agents(self.home)
        chosen = (found, found[:1], found[1:]) if len(found) > 1 else (found,)
        for pid in random.choice(chosen):
            try:
                os.kill(pid, signal.SIGKILL)
                self.kills += 1
            except ProcessLookupError:
                pass

    def stop(self):
        self.over.set()
        self.join()


class Place:
    """One run of one part in one mode: directories, environment, processes."""

    def __init__(self, build, name, mode):
        self.home = lib.Home(build, name)
        self.mode = mode
        self.dir = self.home.dir
        self.tmp = self.make("tmp")
        self.home_dir = self.make("home")
        self.output = os.path.join(self.dir, "output")
        self.kills = 0

    def make(self, name):
        path = os.path.join(self.dir, name)
        os.mkdir(path, 0o755)
        return path

    @property
    def preloaded(self):
        return self.mode != PLAIN

    def environment(self, **more):
        """A small one of our own making, so that two machines agree."""
        found = {"PATH": PATH, "HOME": self.home_dir, "TMPDIR": self.tmp, "LANG": "C.UTF-8", "TERM": "dumb",
                 "SUITE_PLACE": self.dir}
        if self.preloaded:
            found.update(SWITCHED_ON, LD_PRELOAD=self.home.preload, TAGALONG_RUN_DIR=self.home.run_dir,
                         TAGALONG_FILE=self.home.file, TAGALONG_LOG=self.home.log, TAGALONG_AGENT_LINGER_MS="300")
        found.update(more)
        return found

    def run(self, command, seconds, cwd=None, stdout=None, **environment):
        """Runs a command in a session of its own, output to self.output (or to the file stdout, and only
        messages there); the status, or "no end"."""
        killer = Killer(self.home) if self.mode == KILLED else None
        with open(self.output, "ab") as output, open(stdout or self.output, "ab") as standard:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=standard, stderr=output,
                                       env=self.environment(**environment), cwd=cwd or self.tmp,
                                       start_new_session=True)
        self.home.processes.append(process)
        if killer:
            killer.start()
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return "no end"
        finally:
            if killer:
                killer.stop()
                self.kills += killer.kills

    def check_loaded(self, loaded):
        if loaded != self.preloaded:
            raise Broken("the library is " + ("not in the tested program" if self.preloaded else "in the plain program"))

    def tail(self, lines):
        with open(self.output, errors="replace") as output:
            return "".join(output.readlines()[-lines:])


def run_part(suite, part, build, mode, only=None):
    """One run: (outcomes, spans, kills); whatever goes wrong in the run itself is Broken."""
    place = Place(build, f"{suite.NAME}-{part.name.replace('/', '-')}", mode)
    keep = False
    try:
        found = suite.run(part, place, only)
        if not found:
            raise Broken("no test ran: " + place.tail(3))
        return found, count_spans(place) if place.preloaded else 0, place.kills
    except Exception:
        keep = "TAGALONG_TEST_KEEP" in os.environ
        raise
    finally:
        place.home.close(keep=keep)


def count_spans(place):
    """Spans in the file, once the agent has gone or some seconds are over."""
    end = time.monotonic() + 10
    while agents(place.home) and time.monotonic() < end:
        time.sleep(0.1)
    count = 0
    # A server of another user writes a file of its own, beside what it works on.
    for path in glob.glob(place.home.file + "*") + glob.glob(place.tmp + "/tagalong.jsonl*"):
        with open(path, errors="replace") as lines:
            count += sum(line.count('"spanId"') for line in lines)
    return count


class Comparison:
    """A preloaded run against what plain runs say."""

    def __init__(self, plain, preloaded, unstable):
        self.plain, self.preloaded = plain, preloaded
        tests = sorted((set(plain) | set(preloaded)) - set(unstable))
        self.different = [test for test in tests if plain.get(test) != preloaded.get(test)]

    def tell(self, test):
        detail = self.preloaded.details.get(test) or self.plain.details.get(test) or ""
        lines = [line for line in detail.strip().splitlines() if line.strip()]
        return (f"{test}: {self.plain.get(test, 'absent')} plain, {self.preloaded.get(test, 'absent')} preloaded" +
                (f" ({lines[-1].strip()[:200]})" if lines else ""))
