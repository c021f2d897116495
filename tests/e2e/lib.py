# SPDX-License-Identifier: MIT
"""lib.py - what the end-to-end tests share.

A Home is one test's temporary directory with a run directory and an output file
of its own; it starts servers (plain, preloaded, or by `tagalong run`), stops
them, waits until the agent is done, and reads the spans.  Only processes that
belong to the Home are ever signalled.  Everything that waits is bounded.
"""

import collections
import concurrent.futures
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from rest import wait_for_rest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SERVER = 2  # SpanKind
INTERNAL = 1


class Failure(Exception):
    """What was promised is not so."""


class Skip(Exception):
    """Cannot be told here."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def need_program(*names):
    for name in names:
        path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if path:
            return path
    raise Skip(f"{' or '.join(names)} is not installed")


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs to be root")


def wait_until(question, seconds, what, every=0.02):
    """The first answer that is true; what: a text for the failure, or a function that is asked for it then."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(every)
    raise Failure(f"not within {seconds} s: {what() if callable(what) else what}")


_ports = {}


def free_port():
    """A loopback port; bound once so that it was free, below the ephemeral range."""
    import random
    while True:
        port = random.randint(10000, 30000)
        if port in _ports:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _ports[port] = True
        return port


def port_open(port):
    """Whether somebody listens, without connecting: a probe would be a connection in the truth."""
    wanted = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as lines:
                for line in lines:
                    words = line.split()
                    if words[1].endswith(wanted) and words[3] == "0A":
                        return True
        except OSError:
            pass
    return False


def attributes(items):
    found = {}
    for item in items:
        value = item.get("value", {})
        if "intValue" in value:
            found[item["key"]] = int(value["intValue"])
        else:
            found[item["key"]] = next(iter(value.values()), None)
    return found


class Span:
    """One span of an OTLP line; attributes and resource as dictionaries."""

    def __init__(self, raw, resource):
        self.trace_id = raw["traceId"]
        self.span_id = raw["spanId"]
        self.parent_id = raw.get("parentSpanId", "")
        self.name = raw.get("name", "")
        self.kind = raw.get("kind", 0)
        self.start = int(raw["startTimeUnixNano"])
        self.end = int(raw["endTimeUnixNano"])
        self.status = raw.get("status", {}).get("code", 0)
        self.message = raw.get("status", {}).get("message", "")
        self.links = raw.get("links", [])
        self.flags = raw.get("flags", 0)
        self.trace_state = raw.get("traceState", "")
        self.attrs = attributes(raw.get("attributes", []))
        self.resource = resource

    @property
    def is_http(self):
        return self.kind == SERVER and "http.request.method" in self.attrs

    @property
    def is_connection(self):
        return self.kind == SERVER and "http.request.method" not in self.attrs

    @property
    def is_signal(self):
        return "tagalong.signal.number" in self.attrs

    @property
    def is_thread(self):
        return self.kind == INTERNAL and self.name.startswith("thread")

    @property
    def unfinished(self):
        return bool(self.attrs.get("tagalong.unfinished"))

    def request(self):
        """(method, target, status) as an access log has them; status None: no answer."""
        method = self.attrs["http.request.method"]
        if method == "_OTHER":
            method = self.attrs.get("http.request.method_original", "")
        target = self.attrs.get("tagalong.http.target")
        if target is None:
            target = self.attrs.get("url.path", "")
            if "url.query" in self.attrs:
                target += "?" + self.attrs["url.query"]
        return method, target, self.attrs.get("http.response.status_code")


def read_spans(*paths):
    spans = []
    for path in paths:
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                check(line.endswith("\n"), f"{path}: line {number} is cut off")
                try:
                    data = json.loads(line)
                except ValueError as problem:
                    raise Failure(f"{path}: line {number} is not JSON: {problem}") from None
                for resource_spans in data["resourceSpans"]:
                    resource = attributes(resource_spans.get("resource", {}).get("attributes", []))
                    for scope_spans in resource_spans["scopeSpans"]:
                        spans += [Span(raw, resource) for raw in scope_spans["spans"]]
    return spans


def check_well_formed(spans):
    """What holds for any set of spans: unique ids, times in order, parents that exist in the trace."""
    seen = set()
    for span in spans:
        check(len(span.trace_id) == 32 and len(span.span_id) == 16, f"ids of {span.name}: {span.trace_id} {span.span_id}")
        check(span.span_id not in seen, f"span id twice: {span.span_id} ({span.name})")
        seen.add(span.span_id)
        check(span.end >= span.start, f"{span.name} ends {span.start - span.end} ns before it starts")
    for span in spans:
        if span.parent_id:
            check(span.parent_id in seen, f"{span.name}: its parent {span.parent_id} is not in the file")


def compare(what, truth, seen, limit=4):
    """Two multisets; says what is missing and what is too much."""
    truth, seen = collections.Counter(truth), collections.Counter(seen)
    if truth == seen:
        return
    missing, extra = truth - seen, seen - truth
    raise Failure(f"{what}: {sum(truth.values())} true, {sum(seen.values())} recorded; "
                  f"missing {sum(missing.values())} {dict(missing.most_common(limit))}, "
                  f"too many {sum(extra.values())} {dict(extra.most_common(limit))}")


class Home:
    """One test's place: directories, environment, processes."""

    def __init__(self, build_dir, name):
        self.build = os.path.abspath(build_dir)
        self.preload = os.path.join(self.build, "libtagalong.so")
        self.tagalong = os.path.join(self.build, "tagalong")
        safe = name.replace("/", "-")
        self.dir = tempfile.mkdtemp(prefix=f"tagalong-e2e-{safe}-")
        os.chmod(self.dir, 0o755)
        shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else self.dir
        self.run_dir = tempfile.mkdtemp(prefix="tagalong-e2e-", dir=shm)
        self.file = os.path.join(self.dir, "tagalong.jsonl")
        self.log = os.path.join(self.dir, "agent.log")
        self.processes = []
        self.mounts = []
        self.notes = []

    def note(self, text):
        self.notes.append(text)

    def path(self, *names):
        path = os.path.join(self.dir, *names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def write(self, name, text):
        path = self.path(name)
        with open(path, "w") as stream:
            stream.write(text)
        return path

    def read(self, name):
        try:
            with open(os.path.join(self.dir, name), errors="replace") as stream:
                return stream.read()
        except OSError:
            return ""

    def environment(self, **more):
        environment = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        environment["PATH"] = environment.get("PATH", "") + ":/usr/sbin:/sbin"
        environment.update(
            TAGALONG_RUN_DIR=self.run_dir, TAGALONG_FILE=self.file, TAGALONG_LOG=self.log,
            TAGALONG_AGENT_LINGER_MS="300", TAGALONG_FLUSH_INTERVAL_MS="200",
            TAGALONG_FILE_MAX_BYTES=str(1 << 40),
            TAGALONG_PROCESSES="0")  # tests/processes is about these; here spans are counted
        if "TAGALONG_TEST_AGENT" in os.environ:  # another one than that of the build: tests/sanitized
            environment["TAGALONG_AGENT"] = os.environ["TAGALONG_TEST_AGENT"]
            environment.update({key: value for key, value in os.environ.items() if key.endswith("SAN_OPTIONS")})
        environment.update({key: value for key, value in more.items() if value is not None})
        return environment

    def command(self, command, mode):
        if mode == "run":
            return [self.tagalong, "run", *command]
        if mode == "preload":
            return ["env", "LD_PRELOAD=" + self.preload, *command]
        return list(command)

    def start(self, command, mode="preload", port=None, env=None, seconds=15, wrap=(), **popen):
        environment = self.environment(**(env or {}))
        output = open(self.path(f"output-{len(self.processes)}.txt"), "wb")
        popen.setdefault("stdin", subprocess.DEVNULL)
        popen.setdefault("stdout", output)
        process = subprocess.Popen([*wrap, *self.command(command, mode)], stderr=output,
                                   env=environment, cwd=self.dir, start_new_session=True, **popen)
        process.output = output.name
        output.close()
        self.processes.append(process)
        if port:
            def ready():
                if port_open(port):
                    return True
                check(process.poll() is None or mode == "daemon",
                      f"{command[0]} ended with {process.returncode}: {self.tail(process)}")
                return False
            wait_until(ready, seconds, lambda: f"{command[0]} listens on {port}: {self.tail(process)}")
        return process

    def tail(self, process, lines=3):
        with open(process.output, errors="replace") as stream:
            return " / ".join(stream.read().strip().splitlines()[-lines:])

    def run(self, command, mode="preload", seconds=60, env=None, wrap=(), **popen):
        """Runs to the end; returns (status, stdout, stderr)."""
        try:
            done = subprocess.run([*wrap, *self.command(command, mode)], capture_output=True,
                                  env=self.environment(**(env or {})), cwd=self.dir, timeout=seconds,
                                  start_new_session=True, stdin=subprocess.DEVNULL, **popen)
        except subprocess.TimeoutExpired:
            raise Failure(f"{command[0]} has no end within {seconds} s") from None
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def stop(self, process, number=signal.SIGTERM, seconds=15):
        """As soon as it rests, or after some seconds all the same."""
        if process.poll() is None:
            wait_for_rest(process.pid, 5)
            process.send_signal(number)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise Failure(f"signal {int(number)} did not end the server within {seconds} s") from None

    def ours(self):
        """pid -> path of the executable, of all processes that carry this Home in environment or arguments."""
        found = {}
        needles = (self.run_dir.encode(), self.dir.encode())
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            try:
                text = b""
                for part in ("environ", "cmdline"):
                    with open(f"/proc/{entry}/{part}", "rb") as stream:
                        text += stream.read()
                if any(needle in text for needle in needles):
                    found[int(entry)] = os.readlink(f"/proc/{entry}/exe")
            except OSError:
                continue
        return found

    def agents(self):
        """pids of the agent's processes, worker and watcher."""
        found = []
        for pid, exe in self.ours().items():
            if os.path.basename(exe.removesuffix(" (deleted)")) != "tagalong":
                continue
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as stream:
                    if stream.read().split(b"\0")[1:2] == [b"agent"]:
                        found.append(pid)
            except OSError:
                pass
        return sorted(found)

    def segments(self):
        return [name for name in os.listdir(self.run_dir) if name.endswith(".seg")] \
            if os.path.isdir(self.run_dir) else []

    def settle(self, seconds=20):
        """Until the agent has taken everything and gone."""
        wait_until(lambda: not self.segments() and not self.agents(), seconds,
                   lambda: "the agent takes everything and ends: "
                   f"segments {self.segments()}, agents {self.agents()}, log {self.read('agent.log')[-300:]!r}", 0.05)

    def spans(self, settle=True, well_formed=True):
        if settle:
            self.settle()
        rotated = [f"{self.file}.{n}" for n in range(9, 0, -1)]
        spans = read_spans(*rotated, self.file)
        if well_formed:
            check_well_formed(spans)
        return spans

    def losses(self):
        """Lines of the agent's log that tell of losses: said beside a failed comparison."""
        return [line for line in self.read("agent.log").splitlines() if "lost" in line.lower()][-3:]

    def close(self, keep=False):
        for process in self.processes:
            if process.poll() is None:
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                process.wait()
        end = time.monotonic() + 3
        while self.ours() and time.monotonic() < end:
            time.sleep(0.05)
        for pid in self.ours():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for mount in self.mounts:
            subprocess.run(["umount", "-l", mount], check=False)
        if keep:
            self.note(f"kept {self.dir}")
            return
        shutil.rmtree(self.run_dir, ignore_errors=True)
        shutil.rmtree(self.dir, ignore_errors=True)


def compile_victim(home, name, *flags):
    """A program of tests/host, built into the home."""
    compiler = need_program("cc", "gcc")
    output = home.path(name)
    done = subprocess.run([compiler, "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-pthread", "-Wall", "-Wextra",
                           "-I", ROOT, "-I", os.path.join(ROOT, "runtime/include"), "-o", output,
                           os.path.join(ROOT, "tests/host", name + ".c"), *flags], capture_output=True, text=True)
    check(done.returncode == 0, f"{name}.c does not compile: {done.stderr.strip().splitlines()[:1]}")
    return output


# ---- clients -------------------------------------------------------------

def exchange(port, data, shut=False, seconds=10):
    """Sends all, returns everything up to the end of the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(data)
        if shut:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while True:
            try:
                part = connection.recv(65536)
            except ConnectionResetError:
                return answer
            if not part:
                return answer
            answer += part


def request(method, target, body=b"", headers=(), close=True, chunked=False, version="1.1"):
    lines = [f"{method} {target} HTTP/{version}", "Host: localhost"]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        parts = [body[i:i + 1000] for i in range(0, len(body), 1000)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    elif body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    lines += list(headers)
    if close:
        lines.append("Connection: close")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def wrk(port, seconds=25, connections=16, script=None, path="/", threads=2):
    """wrk for so many seconds; a script that stops its threads ends it sooner."""
    command = [need_program("wrk"), "-t", str(threads), "-c", str(connections), "-d", f"{seconds}s"]
    if script:
        command += ["-s", script]
    process = subprocess.Popen([*command, f"http://127.0.0.1:{port}{path}"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, start_new_session=True)
    # The threads of a script end on their own, but the main thread sleeps on: SIGINT wakes it.
    started, end = False, time.monotonic() + seconds + 10
    while process.poll() is None and time.monotonic() < end:
        try:
            alive = len(os.listdir(f"/proc/{process.pid}/task"))
        except FileNotFoundError:
            break
        started |= alive > 1
        if started and alive == 1:
            process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    if process.poll() is None and time.monotonic() >= end:
        process.kill()
    out, err = process.communicate(timeout=10)
    check(process.returncode == 0, f"wrk: {process.returncode} {err.strip()}")
    return out


# Sends a fixed number of requests per thread, over a mix of targets, then stops.
WRK_MIX = """
local mix = { %s }
local sent, done = 0, 0
request = function()
	sent = sent + 1
	return mix[sent %% #mix + 1]
end
response = function()
	done = done + 1
	if done >= %d then wrk.thread:stop() end
end
"""


def wrk_mix(home, requests, per_thread):
    def quoted(data):
        return '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'
    name = f"mix-{per_thread}-{abs(hash(tuple(requests))) % 10 ** 8}.lua"
    return home.write(name, WRK_MIX % (", ".join(quoted(data) for data in requests), per_thread))


ATTEMPTS = 3


def attempt(build, name, test):
    """Runs a test once: (verdict, why, notes, whether lanes overflowed)."""
    home = Home(build, name)
    verdict, why, overflowed = "ok", "", False
    try:
        test(home)
    except Skip as reason:
        verdict, why = "skip", str(reason)
    except Failure as reason:
        losses = home.losses()
        verdict, why = "not ok", str(reason) + "".join(f" | {line}" for line in losses)
        overflowed = any("lane_full" in line for line in losses)
    except Exception as reason:  # a test that trips is a test that failed; the others go on
        line = reason.__traceback__
        while line.tb_next:
            line = line.tb_next
        verdict, why = "not ok", f"{type(reason).__name__} in {os.path.basename(line.tb_frame.f_code.co_filename)}:" \
                                 f"{line.tb_lineno}: {reason}"
    finally:
        home.close(keep=verdict == "not ok" and "TAGALONG_TEST_KEEP" in os.environ)
    return verdict, " ".join(why.split()), home.notes, overflowed


def repeated(build, name, test):
    """The lines to print for a test, and whether it failed."""
    lines = []
    for number in range(1, ATTEMPTS + 1):
        verdict, why, notes, overflowed = attempt(build, name, test)
        if not overflowed or number == ATTEMPTS:
            break
        lines.append(f"# {name}, attempt {number}: {why}")
    lines.append(f"{verdict} {name}" + (f": {why}" if why else "") + (f" ({'; '.join(notes)})" if notes else ""))
    return lines, verdict == "not ok"


def main(argv, tests, jobs=1):
    """The runner: prints one line per test, ends with 1 if one failed.

    A lane that overflows because something else had the processors is a counted
    loss, not a lie; such a run says nothing about truth and is made again, said
    aloud.  Any other difference fails at once, and so does the third overflow.
    jobs, or TAGALONG_TEST_JOBS: how many tests run side by side, for those that mostly wait.
    """
    if len(argv) < 2 or not os.path.exists(os.path.join(argv[1], "libtagalong.so")):
        sys.stderr.write("tests/e2e/run BUILD_DIR [NAME...]: BUILD_DIR has to hold libtagalong.so and tagalong\n")
        return 2
    chosen = [(name, test) for name, test in tests if not argv[2:] or any(word in name for word in argv[2:])]
    status = 0
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("TAGALONG_TEST_JOBS", jobs))) as pool:
        for begun in [pool.submit(repeated, argv[1], name, test) for name, test in chosen]:
            lines, failed = begun.result()
            print("\n".join(lines), flush=True)
            status |= failed
    return int(status)
