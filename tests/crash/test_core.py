# SPDX-License-Identifier: MIT
"""test_core.py - the core dump is what it would have been.

A debugger sees the same stacks, frame for frame; only below a handler that the program
installed there are one or two frames of ours, which are named here.
Programs run at fixed addresses, with an environment of the same size, so that also the
stack pointer of the main thread has to be the same.
"""

import concurrent.futures
import os
import re
import subprocess

import crash
from crash import check, program
from lib import Skip, need_program

FRAME = re.compile(r"^#\d+\s+(?:0x[0-9a-f]+ in )?(.*?) ?(?:\(|$)", re.M)
VICTIMS = ["null_write", "garbage_jump", "overflow_main", "overflow_thread", "aborts", "breakpoint", "divide",
           "thread_dies", "on_coroutine", "in_handler", "handler_gives_up", "resethand"]
OURS = ("trampoline_info", "trampoline_plain", "deliver", "on_reset")
OTHER_STACK = ("overflow_thread", "thread_dies", "in_handler", "resethand")  # where libc has put it, or frames of ours are on it
ASK = ("thread apply all bt 40", "printf \"registers %lx %lx %lx %lx %lx %lx\\n\", $rip, $rsp, $rbp, $rbx, $r12, $eflags",
       "printf \"signal %d %d %lx\\n\", $_siginfo.si_signo, $_siginfo.si_code, $_siginfo._sifields._sigfault.si_addr")


def core_pattern():
    with open("/proc/sys/kernel/core_pattern") as file:
        pattern = file.read().strip()
    with open("/proc/sys/kernel/core_uses_pid") as file:
        return pattern, file.read().strip() == "1"


def stacks_in(text):
    """Stacks of all threads, the crashed one (gdb's first) apart; each a list of functions."""
    found = []
    for part in re.split(r"^Thread (\d+) .*$", text, flags=re.M)[1:]:
        if part.isdigit():
            number = int(part)
        else:
            found.append((number, [name for name in FRAME.findall(part) if name not in OURS]))
    found.sort()
    return [stack for number, stack in found]


class Core:
    def __init__(self, path, core):
        command = ["gdb", "--batch", "-nx", "-iex", "set debuginfod enabled off"]
        for ask in ASK:
            command += ["-ex", ask]
        done = subprocess.run([*command, path, core], capture_output=True, text=True, timeout=120,
                              env={**os.environ, "LC_ALL": "C"})
        stacks = stacks_in(done.stdout)
        check(stacks and stacks[0], f"gdb says nothing of the core: {(done.stdout + done.stderr)[-300:]!r}")
        self.crashed, self.others = stacks[0], sorted(stacks[1:])
        registers = re.search(r"^registers (.*)$", done.stdout, re.M)
        facts = re.search(r"^signal (\d+) (-?\d+) (\w+)$", done.stdout, re.M)
        check(registers and facts, f"no registers: {done.stdout[-300:]!r}")
        self.registers = [int(word, 16) for word in registers.group(1).split()]
        # Of signals that somebody sent it is the sender.
        self.facts = facts.groups() if int(facts.group(2)) > 0 else facts.groups()[:2]


def dump(home, how, preloaded):
    pattern, with_pid = core_pattern()
    folder = os.path.join(home.dir, f"{how}-{preloaded}")
    os.mkdir(folder)
    path = program("zoo.c", "-O1")
    padding = {} if preloaded else {"LD_PRELOAX": home.preload}
    outcome = crash.run(home, ["setarch", "-R", path, how], preloaded, core=True, cwd=folder, env=padding)
    check(outcome.status < 0, f"{how} ends with {outcome.status}")
    core = os.path.join(folder, pattern + (f".{outcome.pid}" if with_pid else ""))
    check(os.path.exists(core), f"{how}{' preloaded' if preloaded else ''}: no core dump")
    seen = Core(path, core)
    os.unlink(core)
    return seen


def named(frames):
    """Without what gdb makes up beyond the bottom of a coroutine: our continuation says that it is the bottom, libc's does not."""
    while frames and frames[-1] == "??":
        frames = frames[:-1]
    return frames


def compare(home, how):
    plain, ours = dump(home, how, False), dump(home, how, True)
    check(named(ours.crashed) == named(plain.crashed), f"{how}: {' < '.join(ours.crashed[:9])}, plain {' < '.join(plain.crashed[:9])}")
    check(ours.others == plain.others, f"{how}: other threads {ours.others}, plain {plain.others}")
    if how in OTHER_STACK:  # the fault's address is one on that stack
        ours.facts, plain.facts = ours.facts[:2], plain.facts[:2]
    check(ours.facts == plain.facts, f"{how}: signal {ours.facts}, plain {plain.facts}")
    where = [home_of(how, seen.registers) for seen in (ours, plain)]
    check(where[0] == where[1], f"{how}: registers {where[0]}, plain {where[1]}")
    return len(ours.crashed)


def home_of(how, registers):
    """rip and rsp, without what depends on how many libraries are mapped and how deep a thread is."""
    ip, stack = registers[:2]
    return (how if how == "overflow_thread" else hex(ip % 4096 if ip >> 40 == 0x7f else ip),
            how if how in OTHER_STACK else hex(stack))


def same_core(home):
    need_program("gdb"), need_program("setarch")
    pattern, _ = core_pattern()
    if not pattern or pattern[0] in "|/" or "%" in pattern:
        raise Skip(f"core dumps go to {pattern!r} here")
    program("zoo.c", "-O1")
    frames = 0
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for count in pool.map(lambda how: compare(home, how), VICTIMS):
            frames += count
    home.note(f"{len(VICTIMS)} pairs of cores, {frames} frames of crashed threads compared")


TESTS = [("core/same", same_core)]
