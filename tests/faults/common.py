# SPDX-License-Identifier: MIT
"""common.py - what the fault tests share: their programs, names of system calls, how much to do."""

import os
import re
import subprocess

from lib import ROOT, check, need_program

HERE = os.path.dirname(os.path.abspath(__file__))
FULL = os.environ.get("TAGALONG_TEST_FULL") == "1"


def build(home, source, *flags):
    """A program of this directory, built into the home."""
    output = home.path("bin", os.path.splitext(os.path.basename(source))[0] + (".so" if "-shared" in flags else ""))
    if not os.path.exists(output):
        command = [need_program("gcc", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-pthread", "-Wall", "-Wextra",
                   "-I", ROOT, "-I", os.path.join(ROOT, "runtime/include"), "-o", output, os.path.join(HERE, source),
                   *flags, "-ldl"]
        done = subprocess.run(command, capture_output=True, text=True)
        check(done.returncode == 0, f"{source} does not compile: {done.stderr.strip().splitlines()[:1]}")
    return output


def names_of_calls():
    """number -> name, from the headers."""
    text = subprocess.run([need_program("gcc", "cc"), "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"],
                          capture_output=True, text=True).stdout
    return {int(number): name for name, number in re.findall(r"#define __NR_(\w+) (\d+)", text)}


NAMES = {}


def name_of_call(number):
    if not NAMES:
        NAMES.update(names_of_calls())
    return NAMES.get(number, f"call {number}")


def build_load(home):
    """tests/scale/load.c: a program that says how many spans there must be."""
    return build(home, "../scale/load.c")


def processor_seconds(pid):
    try:
        with open(f"/proc/{pid}/stat") as stream:
            words = stream.read().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
