# SPDX-License-Identifier: MIT
"""battery.py - victims of tests/host with a host library that was built with a sanitizer.

The library is compiled by the side of the build, with the sanitizer and nothing else changed; the victims
are compiled with it as well, so that the bytes that they hand to a hook have their red zones.  The
runtime of the sanitizer comes first, ours second.  A case is good when it gives what it gives without
our library, byte for byte, as in tests/hooks/run, and no report names a file of ours.
"""

import concurrent.futures
import glob
import importlib.machinery
import importlib.util
import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def load_runner():
    """tests/hooks/run, as a module."""
    loader = importlib.machinery.SourceFileLoader("hooks_run", os.path.join(ROOT, "tests/hooks/run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("hooks_run", loader))
    loader.exec_module(module)
    return module


hooks = load_runner()
OURS = "libtagalong"  # as frames name their module


class Kind:
    """A sanitizer: how it is compiled and linked, its runtime, what it is told, and which cases it is not for."""

    def __init__(self, name, flags, runtime, options, left_out):
        self.name, self.flags, self.runtime, self.options, self.left_out = name, flags, runtime, options, left_out

    def runtime_path(self):
        """Path of the runtime, as the compiler knows it; None where it has none."""
        said = subprocess.run(["gcc", "-print-file-name=" + self.runtime], capture_output=True, text=True, check=False).stdout
        return os.path.realpath(said.strip()) if "/" in said else None

    def why_not(self, case):
        """Why a case is left out, or None."""
        return next((why for why, names in self.left_out.items() if {case.name, case.name.split("/")[0]} & set(names.split())), None)


# Two copies of the library are two of each variable, as a victim wants it.
TWO_COPIES = ":detect_odr_violation=0"
# Signals are the victims' own; a runtime that puts alternate stacks under them is another program.
SIGNALS = "".join(f"handle_{name}=0:" for name in ("segv", "sigbus", "sigfpe", "sigill", "abort")) + "use_sigaltstack=0"
SMALL = "measures stacks, or lives on a small one: instrumented frames are several times as large"
ADDRESS = {
    SMALL: "coroutines crumbs/stack families/stack families_tls/stack",
    "the runtime does not see the frames that a cancellation unwinds, and takes what stood in them for live": "crumbs/cancel",
    "counts allocations, and the runtime makes some of its own for each library": "malloc_count",
    "less address space than the runtime needs for its shadow": "limited/as24m limited/as64m limited/data",
    "an agent that is started anew by a child below a subreaper comes to it (docs/limits.md), and slow programs live to see it": "orphans",
}
THREAD = {
    "the runtime does not know this way to make a thread or a process": "threads/c11 fork_kinds/clone_vm",
    "the runtime falls over memory that was mapped by system calls it does not see, twice": "two_copies",
    "the runtime postpones signals, answers sigaction by itself, and writes out what stdio holds when a program dies":
        "crumbs_stdio/handler crumbs_stdio/buffered errno_interrupted sig_query sig_delivery/resethand sig_delivery/jump sig_delivery/errno",
    "the runtime needs a thread, files and memory, and does not end without them": "sandbox",
    "less address space than the runtime needs for its shadow": "limited/as24m limited/as64m",
    "the runtime knows the newer ones only": "old_versions",
}
KINDS = {
    "address": Kind("address", "-fsanitize=address,undefined -fno-sanitize-recover=undefined", "libasan.so",
                    SIGNALS + TWO_COPIES + ":detect_leaks=0:verify_asan_link_order=0:allocator_may_return_null=1", ADDRESS),
    "thread": Kind("thread", "-fsanitize=thread", "libtsan.so",
                   SIGNALS + ":report_signal_unsafe=0:exitcode=0:suppressions=" + os.path.join(HERE, "thread.supp"), THREAD),
}
VARIABLES = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")


def build_library(build, kind):
    """BUILD/sanitized/KIND/libtagalong.so; what is wrong, or None."""
    place = os.path.join(build, "sanitized", kind.name)
    options = f"-O1 {kind.flags} -fno-omit-frame-pointer"
    for command in (["cmake", "-S", ROOT, "-B", place, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DCMAKE_C_COMPILER=gcc",
                     "-DTA_HOST_OPTIMIZE=" + options, "-DTA_HOST_ONLY=ON", "-DBUILD_TESTING=OFF"],
                    ["ninja", "-C", place, "-j2", "libtagalong.so"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return " ".join((done.stdout + done.stderr).split()[-40:])
    agent = os.path.join(place, "tagalong")
    if not os.path.lexists(agent):
        os.symlink(os.path.join(build, "tagalong"), agent)
    return None


class Bench(hooks.Bench):
    """Victims and library with the sanitizer; what it says goes into files of the case."""

    def __init__(self, build, kind):
        super().__init__(os.path.join(build, "sanitized", kind.name))
        self.kind = kind
        self.reports = os.path.join(self.dir, "reports")
        os.mkdir(self.reports)
        os.chmod(self.reports, 0o777)  # some victims give up being root

    def compile(self, source, output, extra):
        return super().compile(source, output, [f"-fsanitize={self.kind.name}", "-fno-omit-frame-pointer", *extra])

    def preload(self, victim):
        ours = super().preload(victim)
        return ours + ":" + self.kind.runtime_path() if self.kind.name == "thread" else self.kind.runtime_path() + ":" + ours

    def run(self, case, preloaded, mode=hooks.modes.INSTALLED):
        seen = super().run(case, preloaded, mode)
        if not preloaded:
            for path in self.report_files(case):
                os.remove(path)
        return seen

    def environment(self, case, mode):
        environment = super().environment(case, mode)
        path = os.path.join(self.reports, case.file_name)
        for variable in VARIABLES:
            environment[variable] = f"{self.kind.options}:log_path={path}:print_stacktrace=1"
        return environment

    def report_files(self, case):
        return sorted(glob.glob(os.path.join(self.reports, case.file_name + ".*")))

    def reported(self, case):
        """The reports that are about code of ours."""
        found = []
        for path in self.report_files(case):
            with open(path, errors="replace") as stream:
                found += [text for text in stream.read().split("=" * 18 + "\n") if is_ours(text)]
        return found

    def check(self, case):
        verdict, why = super().check(case)
        found = self.reported(case)
        if found and os.environ.get("TAGALONG_TEST_KEEP") == "1":
            print("\n".join(found))
        if found:
            return "not ok", f"{first_line(found[0])} ({len(found)} reports; TAGALONG_TEST_KEEP=1 shows them)"
        return verdict, why


def is_ours(text):
    """Of a race over memory: one of the two accesses is the library's; of all else: the library stands in the report.

    A close beside a read is the program's own, and goes through our hooks.
    """
    if "data race" not in text:
        return OURS in text
    if "Location is file descriptor" in text:
        return False
    accesses = re.split(r"\n\s*\n", text)[:2]
    return any(OURS in line for access in accesses for line in first_frames(access))


def first_frames(access):
    """The frame of the access; that of its caller as well where it is the runtime's (memcpy, read ...)."""
    frames = [line for line in access.splitlines() if re.match(r"\s*#\d+ ", line)]
    return frames[:2] if frames and "libsanitizer" in frames[0] else frames[:1]


def first_line(text):
    said = [line.strip() for line in text.splitlines() if re.search(r"ERROR|WARNING|runtime error", line)]
    frames = [" ".join(line.split()[1:-1]) for line in text.splitlines() if OURS in line]
    return " < ".join([*said[:1], *frames[:4]])


def cases_of(words):
    """(victim, cases): those whose name begins with one of the words, or all."""
    for name in sorted(os.listdir(hooks.HOST)):
        victim = hooks.Victim(os.path.join(hooks.HOST, name)) if name.endswith(".c") else None
        if victim and victim.options is not None:
            cases = [case for case in victim.cases() if not words or case.name.startswith(tuple(words))]
            if cases:
                yield victim, cases


def start_all(pool, bench, words):
    """(case, why it is left out) or (case, its job); those that take long are begun first."""
    victims = sorted(cases_of(words), key=lambda item: "slow" not in item[0].options)
    built = list(pool.map(lambda item: bench.build_victim(item[0]), victims))
    for (_, cases), problem in zip(victims, built):
        for case in cases:
            why = bench.kind.why_not(case)
            if why:
                yield case, ("skip", why)
            elif problem:
                yield case, ("not ok", "does not compile: " + problem.splitlines()[0])
            else:
                yield case, pool.submit(hooks.one, bench, case)


def run(build, kind, words):
    """(name, verdict, why) of every case."""
    if not kind.runtime_path():
        yield "library", "skip", f"the compiler has no {kind.runtime}"
        return
    problem = build_library(build, kind)
    if problem:
        yield "library", "not ok", "does not build: " + problem
        return
    bench = Bench(build, kind)
    try:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for case, found in list(start_all(pool, bench, words)):
                yield (case.name, *(found if isinstance(found, tuple) else found.result()[1:]))
    finally:
        bench.clean()
