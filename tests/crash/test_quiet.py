# SPDX-License-Identifier: MIT
"""test_quiet.py - faults that are not crashes: machines and runtimes that live with them, and
tools that report them themselves.
"""

import os
import re
import signal
import subprocess

import crash
from crash import check, program
from lib import need_program

VICTIMS = os.path.join(crash.HERE, "victims")


def both(home, command, env=None, seconds=120):
    """Runs it plain and preloaded; outcomes, and crash events of the second."""
    plain = crash.run(home, command, False, env=env, seconds=seconds)
    ours = crash.run(home, command, True, env=env, seconds=seconds)
    check(ours.status == plain.status, f"{command[-2:]} ends with {crash.status_text(ours.status)}, plain with "
          f"{crash.status_text(plain.status)}: {ours.err[-300:]!r}")
    check(ours.out == plain.out, f"{command[-2:]} says {ours.out[-200:]!r}, plain {plain.out[-200:]!r}")
    return plain, ours


def events(home):
    home.settle(40)
    return crash.crashes(home.file)


def none(home):
    found = events(home)
    check(not found, f"{len(found)} events: {[event.said() for event in found][:3]}")


def compiled_java(home):
    compiler = need_program("javac")
    done = subprocess.run([compiler, "-d", home.dir, os.path.join(VICTIMS, "Storm.java")], capture_output=True, text=True)
    check(done.returncode == 0, f"javac: {done.stderr[:200]}")
    return [need_program("java"), "-Xmx256m", "-XX:+UseSerialGC", "-cp", home.dir]


def java(home):
    """Implicit null checks are faults once the compiler has been at them; -Xcheck:jni looks whether its handlers are there."""
    command = compiled_java(home)
    plain, _ = both(home, [*command, "Storm"])
    check(plain.status == 0 and plain.out.split()[4] == "5", f"{plain.out} {plain.err[-200:]}")
    checked, ours = both(home, [*command, "-Xcheck:jni", "Storm"])
    check(ours.err == checked.err, f"says {ours.err[-300:]!r}, plain {checked.err[-300:]!r}")
    none(home)


def java_crash(home):
    """Its own report, its own way of dying, and one event."""
    def kill(process):
        line = process.stdout.readline()
        os.kill(process.pid, signal.SIGSEGV)
        return line
    command = [*compiled_java(home), "-XX:ErrorFile=" + home.dir + "/hs%p", "Storm", "wait"]
    plain, ours = [run_waiting(home, command, preloaded, kill) for preloaded in (False, True)]
    check(ours[0] == plain[0], f"ends with {ours[0]}, plain {plain[0]}")
    check(len([name for name in os.listdir(home.dir) if name.startswith("hs")]) == 2, "no error file of its own")
    check("SIGSEGV" in ours[1] and "SIGSEGV" in plain[1], f"says {ours[1][-200:]!r}")
    found = events(home)
    check(len(found) == 1, f"{len(found)} events: {[event.said() for event in found]}")
    home.note(found[0].said()[:120] + f", {len(found[0].threads)} threads")


def run_waiting(home, command, preloaded, during):
    """With a standard input that does not end."""
    environment = home.environment(LD_PRELOAD=home.preload if preloaded else None, **crash.PATIENT)
    process = subprocess.Popen(command, env=environment, cwd=home.dir, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=crash.limits(False))
    home.processes.append(process)
    during(process)
    said = process.stdout.read()
    return process.wait(60), said.decode(errors="replace")


def node(home):
    plain, ours = both(home, [need_program("node"), os.path.join(VICTIMS, "traps.js")])
    check(plain.status == 0 and plain.out.count("6000 5 ") == 2, f"{plain.out} {plain.err[-300:]}")
    check(ours.err == plain.err, f"complains {ours.err[-300:]!r}")
    none(home)


def panics(home):
    plain, _ = both(home, [program("panics.c", "-O1")])
    check(plain.out == "20000 panics\n", plain.out)
    none(home)


def summary(text):
    """What a sanitizer found, and where; without numbers of processes and addresses.

    Which instruction of a recursion meets the end of the stack depends on where the stack begins:
    its line is not compared, its function is."""
    said = [re.sub(r"==\d+==|0x[0-9a-f]+|pid[= ]\d+|T\d+|tid=\d+", "", line) for line in text.splitlines()
            if re.search(r"ERROR: |SUMMARY: |WARNING: |runtime error:|byte\(s\) leaked", line)]
    return [re.sub(r"(stack-overflow .*\.c):\d+(:\d+)?", r"\1", line) for line in said]


def sanitizer(tool, flag, options, hows, expected_events=()):
    def test(home):
        path = program("bugs.c", "-O1", "-w", "-fsanitize=" + flag, tool=tool, name="bugs-" + flag.split(",")[0])
        for how in hows:
            plain, ours = both(home, [path, how], env=options)
            check(summary(ours.err) == summary(plain.err), f"{how}: {summary(ours.err)}, plain {summary(plain.err)}; {ours.err[-300:]!r}")
            check(how not in hows[:-1] or summary(plain.err) or plain.status or how == "fine", f"{how}: nothing was found plain")
        found = sorted(event.type for event in events(home))
        check(found == sorted(expected_events), f"events {found}, not {sorted(expected_events)}")
    return test


ASAN = {"ASAN_OPTIONS": "verify_asan_link_order=0"}
MEMORY = ("used", "beyond", "null", "deep", "leak", "fine")


def faulthandler(home):
    """Its traceback first, then the end that it would have been."""
    plain, ours = both(home, ["python3", "-X", "faulthandler", "-c", "import ctypes\nctypes.string_at(0)"])
    check(plain.status == -signal.SIGSEGV and "Fatal Python error: Segmentation fault" in plain.err, plain.err)
    check(re.sub("0x[0-9a-f]+", "", ours.err) == re.sub("0x[0-9a-f]+", "", plain.err), f"says {ours.err!r}")
    found = events(home)
    check(len(found) == 1 and found[0].type == "SIGSEGV", f"events {[event.said() for event in found]}")


TESTS = [("quiet/java", java), ("quiet/java_crash", java_crash), ("quiet/node", node), ("quiet/panics", panics),
         ("quiet/asan_gcc", sanitizer("gcc", "address", ASAN, MEMORY)),
         ("quiet/asan_clang", sanitizer("clang", "address", ASAN, MEMORY)),
         ("quiet/asan_aborts", sanitizer("gcc", "address", {"ASAN_OPTIONS": "verify_asan_link_order=0:abort_on_error=1"},
                                         ("used", "fine"), ["SIGABRT"])),
         ("quiet/ubsan", sanitizer("gcc", "undefined", {}, ("signed", "fine"))),
         ("quiet/tsan", sanitizer("gcc", "thread", {}, ("race", "fine"))),
         ("quiet/faulthandler", faulthandler)]
