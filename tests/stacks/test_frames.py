# SPDX-License-Identifier: MIT
"""test_frames.py - the right functions, files and lines, whatever a program was built like."""

import ctypes.util
import http.server
import os
import subprocess
import threading

from lib import Skipped, Stacks, bare, frames, functions, line_of, want

BUILD_ID = "5e4ed0f1a2b3c4d5e6f708192a3b4c5d6e7f8091"
DEBUG = ("-O0", "-g")
FAST = ("-O3", "-g", "-fomit-frame-pointer")


def at(frame, function, mark, source="plain.c"):
    line = line_of(source, mark)
    want(frame.get("function") == function, f"{frame.get('function')} is not {function}")
    want(frame.get("filename") == source and frame.get("lineno") == line,
         f"{function} at {frame.get('filename')}:{frame.get('lineno')}, not line {line}")
    want(os.path.samefile(frame["abs_path"], os.path.join(os.path.dirname(__file__), "victims", source)),
         f"abs_path is {frame['abs_path']}")
    want(mark in frame["context_line"], f"context is {frame['context_line']!r}")
    want(len(frame["pre_context"]) == 5 and len(frame["post_context"]) == 5, "context is not 5 + 5 lines")


def segv(home, flags, **how):
    victim = home.compile("plain.c", *flags)
    found = home.ask(home.request(victim, "segv", **how))
    newest = frames(found)
    at(newest[0], "write_nowhere", "segv line")
    want("main" in functions(found), f"no main in {functions(found)}")
    want(found["threads"][0]["frames"][-1] == newest[0], "not the oldest first")
    want(newest[0]["package"] == victim and newest[0]["in_app"] is True, f"{newest[0]}")
    outside = [frame for frame in newest if "/libc.so" in frame["package"]]
    want(outside and not any(frame["in_app"] for frame in outside), "libc is not part of the program")
    return found


def copy(home):
    found = segv(home, DEBUG)
    want(found["how"] == "copy" and not found["truncated"], f"{found['how']}")
    want(functions(found)[:3] == ["write_nowhere", "run", "main"], f"{functions(found)}")
    at(frames(found)[1], "run", "run line")
    first = found["threads"][0]
    want(first["crashed"] and first["current"], "the crashed thread is not marked")
    want(int(first["registers"]["rip"], 16) == int(frames(found)[0]["instruction_addr"], 16), "rip")


def live(home):
    found = segv(home, DEBUG, live=True)
    want(found["how"] == "ptrace" and len(found["threads"]) == 1, f"{found['how']}")


def fast(home):
    segv(home, FAST)


def no_pie(home):
    segv(home, ("-O2", "-g", "-no-pie", "-fno-pie"))


def static_pie(home):
    victim = home.compile("plain.c", "-O1", "-g", "-static-pie", "-fPIE")
    found = home.ask(home.request(victim, "segv"))
    at(frames(found)[0], "write_nowhere", "segv line")
    want("main" in functions(found), f"{functions(found)}")


def by_clang(home):
    """It writes no .debug_aranges."""
    victim = home.compile("plain.c", "-O1", "-g", compiler="clang")
    found = home.ask(home.request(victim, "segv"))
    at(frames(found)[0], "write_nowhere", "segv line")


def inlined(home):
    for flags in (DEBUG, FAST):
        found = home.ask(home.request(home.compile("plain.c", *flags), "inline"))
        newest = frames(found)
        at(newest[0], "inner", "inner line")
        at(newest[1], "middle", "middle line")
        at(newest[2], "outer", "outer line")
        want(newest[0]["instruction_addr"] == newest[2]["instruction_addr"], "not one address")


def stripped(home):
    victim = home.compile("plain.c", "-O2", "-rdynamic", "-s", name="stripped")
    found = home.ask(home.request(victim, "abort"))
    want("abort" in functions(found) and "main" in functions(found), f"{functions(found)}")
    want(not any("lineno" in frame for frame in frames(found) if frame["package"] == victim),
         "lines from nowhere")
    bases = [image for image in found["images"] if image["code_file"] == victim]
    want(len(bases) == 1, "no image of the program")


def separated(home, how):
    """A program whose debug information is in another file, found by its link."""
    victim = home.compile("plain.c", "-O0", "-g", "-DSEPARATED", name="separated")
    debug = victim + ".debug"
    if not os.path.exists(debug):
        home.run("objcopy", "--only-keep-debug", victim, debug)
        home.run("objcopy", "--strip-all", f"--add-gnu-debuglink={debug}", victim)
    return home.ask(home.request(victim, how))


def debug_link(home):
    found = separated(home, "segv")
    at(frames(found)[0], "write_nowhere", "segv line")


class DebugFiles(http.server.BaseHTTPRequestHandler):
    """A debuginfod of one program: /buildid/ID/debuginfo."""

    def do_GET(self):
        self.server.asked.append(self.path)
        found = self.path == f"/buildid/{BUILD_ID}/debuginfo"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(self.server.debug) if found else 0))
        self.end_headers()
        if found:
            self.wfile.write(self.server.debug)

    def log_message(self, *args):
        pass


def debuginfod(home):
    """Debug information of a stripped program, from a server that DEBUGINFOD_URLS names."""
    if not ctypes.util.find_library("debuginfod"):
        raise Skipped("there is no libdebuginfod")
    victim = home.compile("plain.c", "-O0", "-g", f"-Wl,--build-id=0x{BUILD_ID}", name="served")
    debug = victim + ".debug"
    home.run("objcopy", "--only-keep-debug", victim, debug)
    home.run("objcopy", "--strip-all", victim)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), DebugFiles) as server:
        server.asked = []
        with open(debug, "rb") as file:
            server.debug = file.read()
        os.unlink(debug)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env = dict(os.environ, DEBUGINFOD_URLS=f"http://127.0.0.1:{server.server_port}/",
                   DEBUGINFOD_CACHE_PATH=os.path.join(home.path, "debuginfod"))
        stacks = Stacks(home.build, env=env)
        try:
            found = stacks.ask(home.request(victim, "segv"))
        finally:
            stacks.close()
            server.shutdown()
    want(any(BUILD_ID in path for path in server.asked), f"it was asked for {server.asked}")
    at(frames(found)[0], "write_nowhere", "segv line")


def mini_debug(home):
    """.gnu_debugdata: a symbol table, packed, within a stripped program."""
    victim = home.compile("plain.c", "-O0", "-DMINI", name="mini")
    packed = victim + ".mini"
    home.run("objcopy", "-S", "--remove-section=.comment", "--keep-symbol=write_nowhere",
             "--keep-symbol=run", "--only-keep-debug", victim, packed)
    try:
        home.run("xz", "-f", packed)
    except FileNotFoundError:
        raise Skipped("there is no xz")
    home.run("objcopy", "--strip-all", f"--add-section=.gnu_debugdata={packed}.xz", victim)
    found = home.ask(home.request(victim, "segv"))
    want(functions(found)[:2] == ["write_nowhere", "run"], f"{functions(found)}")
    want("lineno" not in frames(found)[0], "lines from nowhere")


def of_gdb(victim, *args, live=None):
    command = ["gdb", "-q", "-nx", "-batch", "-ex", "set debuginfod enabled off",
               "-ex", "set print frame-arguments none", "-ex", "handle all nostop noprint pass",
               "-ex", "handle SIGSEGV SIGABRT SIGFPE stop nopass", "-ex", "run", "-ex", "bt",
               "-ex", "kill", "--args", victim, *args]
    env = dict(os.environ, DUMP_FILE="/nonexistent/never")
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env,
                              stdin=subprocess.DEVNULL).stdout
    except FileNotFoundError:
        raise Skipped("there is no gdb")
    names = []
    for line in said.splitlines():
        if line.startswith("#"):
            words = line.split()
            words = words[3:] if words[1].startswith("0x") else words[1:]
            names.append(" ".join(words) if words[0] == "<signal" else bare(" ".join(words)).strip())
    if not names:
        raise Skipped("gdb may not trace here")
    return names


def same_as_gdb(home):
    """Frame for frame, as far as gdb goes: it stops at main."""
    for flags in (DEBUG, FAST):
        victim = home.compile("plain.c", *flags)
        for how in ("segv", "inline", "null", "divide", "abort", "assert", "free", "handler"):
            theirs = of_gdb(victim, how)
            found = home.ask(home.request(victim, how, live=True))
            ours = [bare(name) for name in functions(found)][:len(theirs)]
            # The name that a symbol has, where glibc gave one place several.
            alias = {"__GI_abort": "abort", "__GI_raise": "raise", "__GI___libc_free": "__libc_free",
                     "__GI___assert_fail": "__assert_fail", "__assert_fail_base": "__assert_fail_base"}
            # That one jumps to the next: gdb knows from DWARF, but there is no such frame.
            theirs = [alias.get(name, name) for name in theirs if name != "__pthread_kill_internal"]
            ours = ours[:len(theirs)]
            want(ours == theirs, f"{how} {flags[0]}: {ours}, gdb {theirs}")


TESTS = [("copy", copy), ("live", live), ("fast", fast), ("no-pie", no_pie), ("static-pie", static_pie),
         ("clang", by_clang), ("inlined", inlined), ("stripped", stripped), ("debug-link", debug_link),
         ("debuginfod", debuginfod), ("mini-debug", mini_debug), ("gdb", same_as_gdb)]
