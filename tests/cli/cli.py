# SPDX-License-Identifier: MIT
"""cli.py - what the tests of the command line share: the command, in a place of its own, and what is wrong.

@test makes a function a test; it gets a new directory.
"""

import os
import subprocess
import sys

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
TAGALONG = os.path.join(BUILD, "tagalong")
TESTS = []


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def test(function):
    TESTS.append(function)
    return function


def same(what, got, wanted):
    if got != wanted:
        raise Failed(f"{what}: {got!r}, not {wanted!r}")


def contains(what, text, *parts):
    for part in parts:
        if part not in text:
            raise Failed(f"{what}: no {part!r} in {text!r}")


def environment(place, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TAGALONG_", "OTEL_", "LD_"))}
    env.update(TAGALONG_RUN_DIR=os.path.join(place, "run"), TAGALONG_LOG="none",
               TAGALONG_AGENT_LINGER_MS="100", TAGALONG_PROCESSES="0")
    env.update(more)
    return env


def run(place, *arguments, program=TAGALONG, wrap=(), **more):
    return subprocess.run([*wrap, program, *arguments], cwd=place, env=environment(place, **more),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def start(place, *arguments):
    return subprocess.Popen([TAGALONG, *arguments], cwd=place, env=environment(place), text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def build_c(place, name, source, *flags):
    path = os.path.join(place, name)
    made = subprocess.run(["cc", "-x", "c", "-", "-o", path, *flags], input=source, text=True,
                          capture_output=True)
    if made.returncode:
        raise Skipped(f"compiler: {made.stderr.splitlines()[0] if made.stderr else '?'}")
    return path
