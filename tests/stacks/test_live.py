# SPDX-License-Identifier: MIT
"""test_live.py - all threads of a process, which goes on as if nothing had been."""

import json
import os
import shutil
import struct
import subprocess
import time

from lib import ANSWER, RELEASE, REQUEST_BYTES, Failed, Skipped, Stacks, functions, want

PID_AT, STACK_BYTES_AT = 8, 28


def state(pid, field):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(field + ":"):
                return line.split()[1]
    raise Failed(f"no {field}")


def threads(home):
    victim = home.compile("threads.c", "-O1", "-g")
    for count in (3, 60):
        request = home.request(victim, str(count), live=True)
        pid = struct.unpack_from("<I", request, PID_AT)[0]
        found = home.ask(request)
        want(found["how"] == "ptrace" and len(found["threads"]) == count + 1,
             f"{len(found['threads'])} threads of {count + 1}")
        want(functions(found)[:2] == ["crash_here", "main"], f"{functions(found)}")
        names = {thread["name"] for thread in found["threads"][1:]}
        want(names == {f"waiter-{i}" for i in range(1, count + 1)}, f"names {names}")
        want([thread["crashed"] for thread in found["threads"]].count(True) == 1, "crashed")
        for i in range(1, count + 1):
            stack = functions(found, i)
            name = found["threads"][i]["name"]
            wanted = "work_for_ever" if name == "waiter-1" else "wait_for_ever"
            # Or, on a busy machine, it has not yet gone on from where they all met.
            there = wanted in stack or any("barrier_wait" in function for function in stack)
            want(there and "waiter" in stack, f"{name}: {stack}")
        want(state(pid, "TracerPid") == "0" and state(pid, "State") in "SRD", "it is still held")


def answers_twice(home):
    """The same program is asked again; what it knows by then is used."""
    victim = home.compile("threads.c", "-O1", "-g")
    request = home.request(victim, "5", live=True)
    stacks = Stacks(home.build)
    try:
        first, again = stacks.ask(request), stacks.ask(request)
    finally:
        status = stacks.close()
    want(status == 0, f"ends with {status}")
    want([functions(first, i) for i in (0, 2)] == [functions(again, i) for i in (0, 2)], "they differ")


def gone(home):
    """The process has died before it was looked at: what was copied is all there is."""
    victim = home.compile("plain.c", "-O0", "-g")
    request = home.request(victim, "segv", live=True)
    process = home.live.pop()
    process.kill()
    process.wait()
    found = home.ask(request)
    want(found["how"] == "copy" and len(found["threads"]) == 1, f"{found['how']}")
    want(functions(found)[:3] == ["write_nowhere", "run", "main"], f"{functions(found)}")


def not_allowed(home):
    """Another user's process: the program runs as somebody who may not look at it."""
    if os.getuid() != 0:
        raise Skipped("takes root")
    request = home.request(home.compile("plain.c", "-O0", "-g"), "segv", live=True)
    copy = os.path.join(home.path, "tagalong-stacks")
    shutil.copy(os.path.join(home.build, "tagalong-stacks"), copy)
    said = subprocess.run([copy], input=request, stdout=subprocess.PIPE, user=65534, group=65534,
                          extra_groups=[]).stdout
    want(ANSWER.unpack_from(said)[1] == RELEASE, "does not begin with RELEASE")
    found = json.loads(said[2 * ANSWER.size:])
    want(found["how"] == "copy", found["how"])
    want(functions(found)[:3] == ["write_nowhere", "run", "main"], f"{functions(found)}")


def nonsense(home):
    """Requests that are none end the program, which leaves nobody waiting."""
    victim = home.compile("plain.c", "-O0", "-g")
    good = home.request(victim, "segv")
    bad = [b"", b"GET / HTTP/1.1\r\n\r\n" * 60, good[:REQUEST_BYTES], good[:-1]]
    huge = bytearray(good)
    struct.pack_into("<I", huge, STACK_BYTES_AT, 0xffffffff)
    bad.append(bytes(huge))
    for request in bad:
        stacks = Stacks(home.build)
        stacks.process.stdin.write(request)
        began = time.monotonic()
        want(stacks.close() == 0, "it fell over")
        want(stacks.process.stdout.read() == b"", "an answer to nothing")
        want(time.monotonic() - began < 9, "it hung")


TESTS = [("threads", threads), ("twice", answers_twice), ("gone", gone), ("not-allowed", not_allowed),
         ("nonsense", nonsense)]
