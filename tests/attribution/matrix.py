# SPDX-License-Identifier: MIT
"""matrix.py - which outward spans are on the right request: the rows, a run, the verdict.

A row is a model of a server (server.c), how it connects and to what, and how its client asks.
Ground truth is what the client was answered and what the downstream server wrote down; each
request and each call carry the request's id, and their spans show it (url.path, url.full,
db.query.text).  A span of the unknown protocol shows no id: of those, and of connects, a
request has to have exactly as many as it made.

    right    the client span is below the server span with its id
    orphan   it is below no server span
    wrong    it is below the server span of another request

The program also sets a tag for each request when it has read it: no span may have another's.
"""

import collections
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.append(os.path.join(ROOT, "tests/e2e"))
import rest  # noqa: E402
PROGRAMS = ("server", "client", "downstream")
CLIENT, SERVER = 3, 2  # SpanKind
EARLY = 64  # the first 16 calls of a kind (runtime/core/outward.c), and what follows them in their requests


class Unable(Exception):
    """Something that is needed is not there, or a run went wrong without our doing."""


# told: whose request it is can be told for certain, so that all have to be right.  In the others
# it cannot, or not always: nothing may be wrong there either.
Row = collections.namedtuple("Row", "name model options client told why")


def row(name, model, options="", client="keep", told=True, why=""):
    return Row(name, model, options.split(), client, told, why)


ROWS = [
    row("thread per connection", "thread", client="close"),
    row("thread per connection, keep-alive", "thread"),
    row("thread per connection, pipelining", "thread", client="8"),
    row("thread per connection, bursts together", "thread-bursts", client="8", told=False,
        why="calls of several requests of one connection, then the answers"),
    row("thread per connection, kept upstreams", "thread", "pooled"),
    row("thread per connection, 8 upstreams shared", "thread", "shared"),
    row("pool, workers read", "pool-connections", client="close"),
    row("pool, condition variable", "pool-condvar"),
    row("pool, condition variable, connections closed", "pool-condvar", client="close"),
    row("pool, condition variable, pipelining", "pool-condvar", client="8"),
    row("pool, condition variable, kept upstreams", "pool-condvar", "pooled"),
    row("pool, condition variable, 8 upstreams shared", "pool-condvar", "shared", told=False,
        why="a worker waits in the middle of a request as it waits for the next one"),
    row("pool, semaphore", "pool-semaphore"),
    row("pool, eventfd", "pool-eventfd"),
    row("pool, pipe", "pool-pipe"),
    row("pool, batches of up to 4", "pool-batch", told=False,
        why="calls of several requests, then the answers: which call was whose, only the program knows"),
    row("pool, answers handed back to the loop", "pool-hand-back", told=False,
        why="the worker never touches the connection"),
    row("work stealing", "stealing"),
    row("epoll, level-triggered, pointer", "epoll-lt-ptr"),
    row("epoll, level-triggered, descriptor", "epoll-lt-fd"),
    row("epoll, edge-triggered, pointer", "epoll-et-ptr"),
    row("epoll, edge-triggered, descriptor", "epoll-et-fd"),
    row("epoll, one-shot, pointer", "epoll-oneshot-ptr"),
    row("epoll, one-shot, descriptor", "epoll-oneshot-fd"),
    row("epoll, without timers", "epoll-lt-ptr", "no-delay"),
    row("epoll, connections closed", "epoll-lt-ptr", client="close"),
    row("epoll, pipelining", "epoll-lt-ptr", client="8"),
    row("epoll, kept upstreams", "epoll-lt-ptr", "pooled"),
    row("epoll, edge-triggered, kept upstreams", "epoll-et-ptr", "pooled"),
    row("epoll, 8 upstreams shared", "epoll-lt-ptr", "shared", told=False,
        why="a request that waited is sent when the answer to another was read"),
    row("epoll, timers before calls", "epoll-lt-ptr", "delay-first", told=False,
        why="what a timer calls looks like what the last event called"),
    row("epoll, several loops, SO_REUSEPORT", "epoll-reuseport"),
    row("epoll, one for 16 threads", "epoll-shared"),
    row("poll", "poll"),
    row("select", "select"),
    row("libevent, bufferevents", "libevent"),
    row("libevent, evhttp", "libevent-http"),
    row("libuv", "libuv"),
    row("libuv, uv_queue_work", "libuv-work", told=False, why="the worker never touches the connection"),
    row("prefork, accept in the child", "prefork", client="close"),
    row("fork per connection", "fork", client="close"),
    row("accept, pass the descriptor on", "pass-fd"),
    row("accepted before fork, served after", "accept-then-fork", client="close"),
    row("swapcontext coroutines", "coroutines"),
    row("swapcontext coroutines, kept upstreams", "coroutines", "pooled"),
    row("C++ std::condition_variable", "cxx-condvar"),
    row("C++ std::counting_semaphore", "cxx-semaphore"),
    row("C++ std::async", "cxx-async"),
    row("Redis: thread per connection", "thread", "redis pooled"),
    row("Redis: pool, condition variable", "pool-condvar", "redis pooled"),
    row("Redis: epoll", "epoll-lt-ptr", "redis pooled"),
    row("Redis: coroutines", "coroutines", "redis pooled"),
    row("unknown protocol: thread per connection", "thread", "opaque pooled"),
    row("unknown protocol: pool, condition variable", "pool-condvar", "opaque pooled"),
    row("unknown protocol: epoll", "epoll-lt-ptr", "opaque"),
]


def header_told(one):
    """Whether it can be known when a call goes out already, not only when the answer does."""
    pool = one.model.startswith("pool-") and one.model != "pool-connections"
    return one.told and not pool and one.client != "8" and "shared" not in one.options and \
        one.model not in ("stealing", "cxx-condvar", "cxx-semaphore")


def protocol(one):
    return next((word for word in one.options if word in ("redis", "opaque")), "http")


# ---- programs ----

def compile_programs(place, programs=PROGRAMS):
    """Builds client, downstream server and servers, or some of them; returns a dictionary of paths."""
    flags = ["-D_GNU_SOURCE", "-O2", "-g", "-pthread", "-Wall", "-Wextra", f"-I{ROOT}"]
    libraries = []
    for name, package in (("LIBEVENT", "libevent"), ("LIBUV", "libuv")):
        said = subprocess.run(["pkg-config", "--libs", package], capture_output=True, text=True)
        if said.returncode == 0:
            flags.append(f"-DWITH_{name}")
            libraries += said.stdout.split()
    sources = {"client": ["client.c"], "downstream": ["downstream.c", "call.c"]}
    sources["server"] = [name for name in sorted(os.listdir(HERE)) if name.endswith((".c", ".cc"))
                         and name not in ("client.c", "downstream.c")
                         and not (name.startswith("with_") and f"-DWITH_{name[5:-2].upper()}" not in flags)]
    found = {}
    for program, names in ((one, sources[one]) for one in programs):
        objects = [compile_one(place, name, flags) for name in names]
        found[program] = os.path.join(place, "attribution-" + program)
        run_compiler(["c++", "-pthread", "-o", found[program], *objects, *(libraries if program == "server" else [])])
    return found


def compile_one(place, name, flags):
    result = os.path.join(place, name + ".o")
    compiler = ["c++", "-std=c++20"] if name.endswith(".cc") else ["cc", "-std=gnu11"]
    run_compiler([*compiler, *flags, "-c", os.path.join(HERE, name), "-o", result])
    return result


def run_compiler(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise Unable(f"{command[0]} is not installed") from None
    if done.returncode != 0:
        raise Unable(f"{command[-1]} does not compile: {done.stderr.strip().splitlines()[:2]}")


# ---- a run ----

def free_port():
    """Below those that calls get by themselves, or one of them might take it."""
    while True:
        port = random.randint(10000, 30000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def listening(port):
    wanted = f":{port:04X}"
    with open("/proc/net/tcp") as lines:
        return any(words[1].endswith(wanted) and words[3] == "0A" for words in map(str.split, lines))


def wait_until(question, seconds, what):
    end = time.monotonic() + seconds
    while not question():
        if time.monotonic() > end:
            raise Unable(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def environment(build, place, run_dir):
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(("TAGALONG_", "OTEL_", "SENTRY_")) and name != "LD_PRELOAD"}
    env.update(LD_PRELOAD=os.path.join(os.path.abspath(build), "libtagalong.so"), TAGALONG_RUN_DIR=run_dir,
               TAGALONG_FILE=os.path.join(place, "spans.jsonl"), TAGALONG_FILE_MAX_BYTES=str(1 << 40),
               TAGALONG_LOG=os.path.join(place, "agent.log"), TAGALONG_AGENT_LINGER_MS="300",
               UV_THREADPOOL_SIZE="32")
    env.update({name: value for name, value in os.environ.items() if name in ("TAGALONG_LANE_BYTES", "TAGALONG_LANES")})
    return env


def run_row(one, build, programs, requests, concurrency):
    """Runs it; returns a Result."""
    place = tempfile.mkdtemp(prefix="tagalong-attribution-")
    run_dir = tempfile.mkdtemp(prefix="tagalong-attribution-", dir="/dev/shm")
    port, down = free_port(), free_port()
    calls = os.path.join(place, "calls")
    started = []
    try:
        downstream = subprocess.Popen([programs["downstream"], str(down), calls], stdout=subprocess.DEVNULL)
        started.append(downstream)
        server = subprocess.Popen([programs["server"], one.model, str(port), str(down), *one.options],
                                  env=environment(build, place, run_dir), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=open(os.path.join(place, "said"), "w"),
                                  start_new_session=True)
        started.append(server)
        wait_until(lambda: listening(port) and listening(down) or server.poll() is not None, 15, "the server listens")
        if server.poll() is not None:
            raise Unable(f"the server ends with {server.returncode}")
        begin = time.monotonic()
        client = subprocess.run([programs["client"], str(port), str(requests), str(concurrency), one.client],
                                capture_output=True, text=True, timeout=900)
        seconds = time.monotonic() - begin
        rest.wait_for_rest(server.pid, 60)
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        wait_until(lambda: not any(name.endswith(".seg") for name in os.listdir(run_dir)), 60, "the agent is done")
        downstream.send_signal(signal.SIGTERM)
        downstream.wait(30)
        answered = [int(word) for word in client.stdout.split()] or [0, 0, requests]
        return judge(one, answered, seconds, calls, os.path.join(place, "spans.jsonl"), losses(place))
    finally:
        for process in started:
            stop_group(process)
        if "TAGALONG_TEST_KEEP" in os.environ:
            print(f"# kept {place}")
        else:
            shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(run_dir, ignore_errors=True)


def stop_group(process):
    if process.poll() is None:
        process.kill()
        process.wait()


def losses(place):
    """cause -> records: what the agent's log says was lost, the last word on each."""
    last = {}
    try:
        with open(os.path.join(place, "agent.log")) as log:
            for line in log:
                found = re.search(r"\(pid (\d+)\): (\d+) lost, (\w+)", line)
                if found:
                    last[found[1], found[3]] = int(found[2])
    except FileNotFoundError:
        pass
    total = collections.Counter()
    for (_, cause), count in last.items():
        total[cause] += count
    del total["breadcrumb"]  # more than 200 a second are not wanted
    return dict(total)


# ---- the verdict ----

TARGET = re.compile(r"/[rd]/(\d+)(?:/(\d+))?$")
KEY = re.compile(r"key:(\d+):(\d+)")


class Result:
    def __init__(self, one, seconds, lost):
        self.row, self.seconds, self.lost = one, seconds, lost
        self.answered = self.bad = self.unanswered = 0
        self.servers = self.calls = self.spans = 0
        self.right = self.orphan = self.wrong = 0
        self.connects = collections.Counter()
        self.header = collections.Counter()
        self.tags = collections.Counter()
        self.examples = []
        self.header_due = header_told(one)

    def allowed(self):
        """Orphans: one of a thousand, and those of a program's first calls, which it takes for guesses."""
        return EARLY + self.calls // 1000

    def problems(self):
        """What is not as it has to be."""
        found = []
        if self.bad or self.unanswered:
            found.append(f"{self.bad} wrong answers, {self.unanswered} requests without one")
        if self.wrong or self.connects["wrong"]:
            found.append(f"{self.wrong} spans and {self.connects['wrong']} connects on the wrong request")
        if self.header["wrong"]:
            found.append(f"{self.header['wrong']} headers of the wrong request")
        if self.tags["wrong"]:
            found.append(f"{self.tags['wrong']} spans with the tag of another request")
        if self.servers != self.answered:
            found.append(f"{self.servers} server spans of {self.answered} requests")
        if self.spans != self.calls:
            found.append(f"{self.spans} client spans of {self.calls} calls")
        if self.row.told and self.spans - self.right > self.allowed():
            found.append(f"{self.right} of {self.spans} right")
        if self.header_due and protocol(self.row) == "http" and self.calls - self.header["right"] > self.allowed():
            found.append(f"headers: {dict(self.header)}")
        if found and self.lost:
            found.append(f"lost: {self.lost}")
        return found + self.examples


def read_spans(path):
    """(span id, trace id, parent id, kind, name, attributes) of all."""
    if not os.path.exists(path):
        return
    with open(path) as lines:
        for line in lines:
            for resource in json.loads(line)["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    for raw in scope["spans"]:
                        values = {item["key"]: next(iter(item["value"].values()), None)
                                  for item in raw.get("attributes", ())}
                        yield (raw["spanId"], raw["traceId"], raw.get("parentSpanId", ""), raw.get("kind", 0),
                               raw.get("name", ""), values)


def what_it_is(kind, name, values):
    """("server", id), ("call", (id, number)), ("connect", None), ("turn", None) or (None, None)."""
    if kind == SERVER:
        found = TARGET.search(values.get("url.path", ""))
        return ("server", int(found[1])) if found else (None, None)
    if kind != CLIENT:
        return None, None
    if "url.full" in values:
        found = TARGET.search(values["url.full"])
        return ("call", (int(found[1]), int(found[2]))) if found else (None, None)
    if "db.system.name" in values:
        found = KEY.search(values.get("db.query.text", ""))
        return ("call", (int(found[1]), int(found[2]))) if found else (None, None)
    return ("connect" if "connect" in name else "turn"), None


def server_of(span, parents, servers):
    """The id of the request whose server span is above; None: there is none."""
    for _ in range(100):
        if span in servers:
            return servers[span]
        span = parents.get(span)
        if not span:
            return None
    return None


def judge(one, answered, seconds, calls_file, spans_file, lost):
    result = Result(one, seconds, lost)
    result.answered, result.bad, result.unanswered = answered
    parents, servers, traces, kinds = {}, {}, {}, {}
    for span, trace, parent, kind, name, values in read_spans(spans_file):
        parents[span] = parent
        what, value = what_it_is(kind, name, values)
        if what in ("server", "call"):
            judge_tag(result, what, value, values.get("tagalong.tag.request"))
        if what == "server":
            servers[span] = value
            traces.setdefault(trace, set()).add(value)
        elif what:
            kinds[span] = (what, value, trace)
    result.servers = len(servers)
    if len(set(servers.values())) != len(servers):
        result.examples.append("two server spans with one id")
    with open(calls_file) as lines:
        calls = [line.split() for line in lines]
    made = collections.Counter(int(words[1]) for words in calls)
    result.calls = len(calls)
    judge_calls(result, parents, servers, kinds, made)
    if protocol(one) == "http":
        judge_headers(result, calls, traces, servers, kinds)
    return result


def judge_tag(result, what, value, tag):
    """Of several requests that are unanswered on one connection, a tag is the oldest one's."""
    if what == "server" and result.row.client.isdigit():
        return
    wanted = str(value if what == "server" else value[0])
    result.tags["none" if tag is None else "right" if tag == wanted else "wrong"] += 1


def judge_calls(result, parents, servers, kinds, made):
    counted = {"turn": collections.Counter(), "connect": collections.Counter()}
    seen = set()
    for span, (what, value, _) in kinds.items():
        owner = server_of(span, parents, servers)
        if what == "call":
            verdict = "orphan" if owner is None else "right" if owner == value[0] else "wrong"
            if value in seen and len(result.examples) < 3:
                result.examples.append(f"two spans of call {value}")
            seen.add(value)
        else:
            counted[what][owner] += 1
            verdict = "orphan" if owner is None else "right" if counted[what][owner] <= made[owner] else "wrong"
        if what == "connect":
            result.connects[verdict] += 1
            continue
        result.spans += 1
        setattr(result, verdict, getattr(result, verdict) + 1)
        if verdict == "wrong" and len(result.examples) < 3:
            result.examples.append(f"call {value or what} is below request {owner}")


def judge_headers(result, calls, traces, servers, kinds):
    """What the downstream server was told, against what was exported."""
    spans = {value: (trace, span) for span, (what, value, trace) in kinds.items() if what == "call"}
    own = {value: trace for trace, values in traces.items() for value in values}
    for _, request, number, header in calls:
        request, number = int(request), int(number)
        parts = header.split("-")
        if len(parts) != 4 or not parts[1]:
            verdict = "none"
        elif parts[1] == own.get(request):
            verdict = "right" if spans.get((request, number)) == (parts[1], parts[2]) else "other span"
        else:
            verdict = "wrong" if parts[1] in traces else "own trace"
        result.header[verdict] += 1
