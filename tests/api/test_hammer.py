# SPDX-License-Identifier: MIT
"""test_hammer.py - hammer.c with the core and the agent's scopes under the thread sanitizer."""

import concurrent.futures
import glob

from api import *

PARTS = ("runtime/core/*.c", "runtime/protocol/*.c", "runtime/wire/*.c", "runtime/agent/scope*.c",
         "runtime/agent/map.c", "runtime/export/buf.c", "tests/api/hammer.c")


def build(home, *flags):
    """Everything in one program: -rdynamic shows it its own table."""
    compiler = [need_program("cc"), "-std=gnu11", "-D_GNU_SOURCE", "-g", "-O1", *flags, "-I", ROOT,
                "-I", INCLUDE]
    sources = [path for part in PARTS for path in sorted(glob.glob(os.path.join(ROOT, part)))]

    def compiled(source):
        made = home.path("objects", os.path.relpath(source, ROOT).replace("/", "-") + ".o")
        done = subprocess.run([*compiler, "-c", source, "-o", made], capture_output=True, text=True)
        check(done.returncode == 0, f"{source}: {done.stderr.strip()[:300]}")
        return made

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compiled, sources))
    done = subprocess.run([*compiler, "-rdynamic", "-pthread", *objects, "-o", home.path("hammer")],
                          capture_output=True, text=True)
    if "tsan" in done.stderr and done.returncode:
        raise Skip("no thread sanitizer here")
    check(done.returncode == 0, f"hammer: {done.stderr.strip()[-300:]}")
    return home.path("hammer")


def hammer(*flags):
    def test(home):
        program = build(home, *flags)
        # The sanitizer wants its addresses where they are without randomisation.
        wrap = ("setarch", os.uname().machine, "-R") if flags else ()
        status, out, err = home.run([program], "plain", seconds=240, wrap=wrap,
                                    env={"TSAN_OPTIONS": "halt_on_error=0 exitcode=66"})
        check((status, out, err) == (0, "", ""), f"status {status}: {(out + err).strip()[:1500]}")
    return test


TESTS = [("api/hammer", hammer()),
         ("api/hammer (thread sanitizer)", hammer("-fsanitize=thread", "-Wno-tsan"))]
