# SPDX-License-Identifier: MIT
"""lib.py - victims that are compiled on the spot, and tagalong-stacks asked about them."""

import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "..", ".."))
VICTIMS = os.path.join(HERE, "victims")
MAGIC = 0x314B4154
RELEASE, DONE = 1, 2
ANSWER = struct.Struct("<IIIi")
REQUEST_BYTES = 48 + 34 * 8 + 512


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def want(holds, why):
    if not holds:
        raise Failed(why)


class Stacks:
    """One tagalong-stacks, asked again and again."""

    def __init__(self, build, *args, env=None):
        self.process = subprocess.Popen(
            [os.path.join(build, "tagalong-stacks"), *args], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env=env)

    def send(self, request):
        self.process.stdin.write(request)
        self.process.stdin.flush()

    def answer(self):
        head = self.process.stdout.read(ANSWER.size)
        want(len(head) == ANSWER.size, f"no answer, ended with {self.process.poll()}")
        magic, kind, size, error = ANSWER.unpack(head)
        want(magic == MAGIC, "an answer without its magic")
        text = self.process.stdout.read(size)
        want(len(text) == size, "an answer that is too short")
        return kind, error, json.loads(text) if text else None

    def ask(self, request):
        """The JSON of DONE; self.release_ms and self.done_ms say how long it took."""
        began = time.monotonic()
        self.send(request)
        kind, error, found = self.answer()
        if kind == RELEASE:
            self.release_ms = (time.monotonic() - began) * 1000
            kind, error, found = self.answer()
        self.done_ms = (time.monotonic() - began) * 1000
        want(kind == DONE and error == 0, f"answer {kind}, error {error}")
        return found

    def close(self):
        self.process.stdin.close()
        return self.process.wait(timeout=10)


class Home:
    """Victims in a directory of their own."""

    def __init__(self, build):
        self.build = build
        self.path = tempfile.mkdtemp(prefix="ta-stacks-")
        os.chmod(self.path, 0o755)
        self.made = {}
        self.live = []

    def close(self):
        for process in self.live:
            process.kill()
            process.wait()
        shutil.rmtree(self.path, ignore_errors=True)

    def compile(self, source, *flags, name=None, compiler=None):
        """The path of a victim."""
        key = (source, flags, compiler)
        if key in self.made:
            return self.made[key]
        compiler = compiler or ("g++" if source.endswith(".cc") else "gcc")
        if not shutil.which(compiler):
            raise Skipped(f"there is no {compiler}")
        path = os.path.join(self.path, name or f"victim-{len(self.made)}")
        dump = path + "-dump.o"
        pie = [flag for flag in flags if "pie" in flag or "PIE" in flag]
        self.run("gcc", "-O1", "-D_GNU_SOURCE", f"-I{ROOT}", "-c", os.path.join(VICTIMS, "dump.c"),
                 "-o", dump, *["-fno-pie"] * ("-no-pie" in pie), *["-fPIE"] * ("-static-pie" in pie))
        self.run(compiler, "-D_GNU_SOURCE", f"-I{VICTIMS}", os.path.join(VICTIMS, source), dump,
                 "-o", path, "-pthread", *flags)
        self.made[key] = path
        return path

    @staticmethod
    def run(*command):
        done = subprocess.run(command, capture_output=True, text=True)
        want(done.returncode == 0, f"{command[0]} fails: {done.stderr[-400:]}")
        return done.stdout

    def request(self, victim, *args, live=False):
        """The request that a victim makes when it dies; a live one then waits."""
        path = os.path.join(self.path, "request")
        if os.path.exists(path):
            os.unlink(path)
        env = dict(os.environ, DUMP_FILE=path)
        if live:
            env["DUMP_LIVE"] = "1"
        process = subprocess.Popen([victim, *args], env=env, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        if live:
            self.live.append(process)
        until = time.monotonic() + 30
        while not os.path.exists(path):
            want(time.monotonic() < until, "the victim did not die")
            time.sleep(0.002)
        if not live:
            process.wait()
        with open(path, "rb") as file:
            return file.read()

    def ask(self, request):
        stacks = Stacks(self.build)
        try:
            return stacks.ask(request)
        finally:
            stacks.close()


def frames(found, thread=0):
    """Newest first."""
    return found["threads"][thread]["frames"][::-1]


def functions(found, thread=0):
    return [frame.get("function", "??") for frame in frames(found, thread)]


def line_of(source, mark):
    """The number of the line that has a mark in its comment."""
    with open(os.path.join(VICTIMS, source)) as file:
        for number, line in enumerate(file, 1):
            if mark in line:
                return number
    raise Failed(f"{source} has no {mark}")


def bare(name):
    """A function without its parameters, as gdb and we both can agree on."""
    return re.sub(r"\(.*", "", name)


def main(argv, tests):
    if len(argv) < 2:
        print("usage: run BUILD_DIR [NAME...]")
        return 2
    home = Home(os.path.abspath(argv[1]))
    failed = False
    try:
        for name, test in tests:
            if argv[2:] and not any(word in name for word in argv[2:]):
                continue
            try:
                test(home)
                print(f"ok stacks/{name}", flush=True)
            except Skipped as why:
                print(f"skip stacks/{name}: {why}", flush=True)
            except Exception as why:  # whatever it is, it is a verdict
                failed = True
                print(f"not ok stacks/{name}: {type(why).__name__}: {why}", flush=True)
    finally:
        home.close()
    return 1 if failed else 0
