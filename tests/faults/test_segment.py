# SPDX-License-Identifier: MIT
"""test_segment.py - what stands in a segment is a lie, or of another version.

A hostile program writes over its own segment while it runs; the agent goes on serving others, under
the address sanitizer as well where the build has such an agent.
"""

import os
import re
import signal
import time

from lib import Skip, check, wait_until

from common import FULL, build, build_load, processor_seconds
from test_agent import Place, load

WAYS = ("bytes", "words", "header", "lanes", "crash", "holes", "chmod", "grow", "truncate", "all")


def sanitized(home):
    """An agent with the address sanitizer: of a build directory beside ours (scripts/test address)."""
    for path in (os.environ.get("TAGALONG_ASAN_AGENT", ""), home.build + "-address/tagalong"):
        if path and os.path.exists(path):
            return path
    return None


def hostile(agent_of):
    def test(home):
        agent = agent_of(home)
        if not agent:
            raise Skip("no agent with the address sanitizer: TAGALONG_ASAN_AGENT=.../tagalong, or scripts/test address")
        program = build(home, "hostile.c")
        place = Place(home, "hostile")
        place.env.update(TAGALONG_AGENT=agent, TAGALONG_AGENT_LINGER_MS="3000",
                         ASAN_OPTIONS=f"log_path={place.dir}/asan:detect_leaks=0",
                         UBSAN_OPTIONS=f"log_path={place.dir}/ubsan:print_stacktrace=1")
        if agent != home.tagalong:  # the agent gets our own variables only, so a script hands these on
            script = home.write("agent.sh", "#!/bin/sh\nexport ASAN_OPTIONS='%s' UBSAN_OPTIONS='%s'\nexec %s \"$@\"\n" % (
                place.env["ASAN_OPTIONS"], place.env["UBSAN_OPTIONS"], agent))
            os.chmod(script, 0o755)
            place.env["TAGALONG_AGENT"] = script
        load(place, 10)
        wait_until(place.agents, 15, "an agent")
        begun, ms, seeds = 10, 3000 if FULL else 700, range(6 if FULL else 2)
        for seed in seeds:
            for how in WAYS:
                bad = home.start([program, how, str(ms), str(seed + 1)], env=place.env)
                begun += load(place, 1000, 300000)
                status = bad.wait(60)
                # One that writes over the head of its own segment may well die of that.
                check(status in (3, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGFPE), f"the hostile program ({how}, {seed}): status {status}")
        begun += load(place, 100)
        used = place.end()
        check(used is None, f"the agent does not end; {used} s of a second")
        reports = [name for name in os.listdir(place.dir) if name.startswith(("asan", "ubsan"))]
        said = place.said()
        first = home.read(os.path.join("hostile", reports[0]))[:600] if reports else ""
        check(not reports, f"{len(reports)} reports of the sanitizer: {first}")
        died = re.findall(r"workers died.*", said)
        check(not died, f"{died}")
        mine = [span for span in place.spans() if span.name == "one"]
        home.note(f"{len(WAYS) * len(seeds)} hostile programs, {len(mine)} of {begun} spans of the others")
        missing = begun - len(mine)
        lost = sum(int(number) for number in re.findall(r"load .pid \d+.: (\d+) lost, (?:lane_full|no_lane)", said))
        check(missing <= lost, f"{missing} spans of honest programs are missing, {lost} are said to be lost: {said[-400:]}")
    return test


def other_library(home, name):
    path = os.path.join(home.build, f"libtagalong_{name}.so")
    if not os.path.exists(path):
        raise Skip(f"no libtagalong_{name}.so in the build directory")
    return path


def versions(name):
    """A program with a later, or an earlier library beside one of ours: it is refused in a sentence, ours is served."""
    return lambda home: beside_ours(home, other_library(home, name))


def beside_ours(home, other):
    program = build_load(home)
    place = Place(home, "versions")
    place.env["TAGALONG_AGENT_LINGER_MS"] = "2000"
    load(place, 10)
    pids = wait_until(lambda: len(place.agents()) == 2 and place.agents(), 15, "an agent, watcher and worker")
    for number in range(3):
        status, out, err = home.run(["env", "LD_PRELOAD=" + other, program, "200"], mode="plain", env=place.env)
        check((status, err) == (0, "") and out.startswith("begun 200"), f"the other one: {status} {out!r} {err!r}")
        load(place, 100)
    check(set(place.agents()) == set(pids), f"agents {pids} became {place.agents()}")
    wait_until(lambda: "another version" in place.said(), 15, "the agent says that it is another version")
    before = sum(processor_seconds(pid) for pid in place.agents())
    time.sleep(1)
    used = sum(processor_seconds(pid) for pid in place.agents()) - before
    check(used < 0.5, f"the agent spins over what it refuses: {used:.2f} s of a second")
    check(place.end() is None, "the agent stays because of what it does not serve")
    spans = place.spans()
    check(len(spans) == 310, f"{len(spans)} spans of 310")
    left = [name for name in os.listdir(place.run_dir) if name.endswith(".seg")]
    check(len(left) == 3, f"segments of the other version, for an agent of its own: {left}")
    said = [line for line in place.said().splitlines() if "another version" in line]
    home.note(f"said {len(said)} times: {said[0].partition(': ')[2]}")
    check(len(said) <= 6, f"said {len(said)} times")


def agent_of_another(name):
    """The agent that is there is of another version than all the programs: they run, it ends, and what they wrote waits for theirs."""
    def test(home):
        other, program = other_library(home, name), build_load(home)
        place = Place(home, "others")
        for _ in range(3):
            status, out, err = home.run(["env", "LD_PRELOAD=" + other, program, "200"], mode="plain", env=place.env)
            check((status, err) == (0, "") and out.startswith("begun 200"), f"the program: {status} {out!r} {err!r}")
        wait_until(lambda: "another version" in place.said(), 15, "the agent says that it is another version")
        check(place.end() is None, "the agent stays because of what it does not serve")
        left = [name for name in os.listdir(place.run_dir) if name.endswith(".seg")]
        check(len(left) == 3 and not place.spans(), f"{len(left)} segments of 3 wait for an agent of theirs")
    return test


TESTS = [("segment/hostile", hostile(lambda home: home.tagalong)), ("segment/hostile_sanitized", hostile(sanitized)),
         ("segment/versions_later", versions("next")), ("segment/versions_earlier", versions("earlier")),
         ("segment/agent_earlier", agent_of_another("next")), ("segment/agent_later", agent_of_another("earlier"))]
