# SPDX-License-Identifier: MIT
"""receivers.py - the receivers: started, asked, compared with what was recorded.

All of them are node programs on loopback ports that belong to a lib.Home and end with it.
"""

import glob
import json
import os
import re
import ssl
import subprocess
import urllib.request

from lib import ROOT, Failure, Skip, check, compare, need_program, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.path.join(HERE, "node_modules")
SHAPES = {"traces": ("resourceSpans", "scopeSpans", "spans"), "logs": ("resourceLogs", "scopeLogs", "logRecords"),
          "metrics": ("resourceMetrics", "scopeMetrics", "metrics")}


def need_node(least=18):
    """Node, of at least this version, and the packages; or the test is skipped."""
    node = need_program("node", "nodejs")
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip()
    if int(re.match(r"v(\d+)", version).group(1)) < least:
        raise Skip(f"needs node {least}, this is {version}")
    if not os.path.exists(os.path.join(MODULES, ".tagalong.lock")):
        raise Skip("the npm packages are not there: scripts/setup fetches them, once")
    return node


def start_node(home, script, *arguments, least=18, env=None, **popen):
    """A node program of this directory in the background."""
    environment = {"PATH": os.environ["PATH"], "HOME": home.dir, "NODE_ENV": "production", **(env or {})}
    log = home.path(f"{os.path.basename(script)}-{len(home.processes)}.log")
    with open(log, "wb") as output:
        popen.setdefault("stdin", subprocess.DEVNULL)
        popen.setdefault("stdout", output)
        process = subprocess.Popen([need_node(least), os.path.join(HERE, script), *arguments], stderr=output,
                                   env=environment, cwd=home.dir, start_new_session=True, **popen)
    process.output = log
    home.processes.append(process)
    return process


def wait_for_port(home, process, seconds=60):
    """The N of "port N" that it says when it listens."""
    def told():
        with open(process.output, errors="replace") as log:
            text = log.read()
        check(process.poll() is None, f"{process.args[1]} ended with {process.returncode}: {text[-300:]}")
        return re.search(r"^port (\d+)$", text, re.MULTILINE)
    return int(wait_until(told, seconds, f"{process.args[1]} listens").group(1))


def run_node(home, script, *arguments, least=18, seconds=120, wanted=0):
    """A node program of this directory to its end: what it printed."""
    done = subprocess.run([need_node(least), os.path.join(HERE, script), *arguments], capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "HOME": home.dir, "NODE_PATH": MODULES}, cwd=home.dir,
                          timeout=seconds, stdin=subprocess.DEVNULL)
    check(wanted is None or done.returncode == wanted,
          f"{os.path.basename(script)}: {done.returncode}: {(done.stdout + done.stderr).strip()[-600:]}")
    return done.stdout


def get(url, data=None, headers=None, seconds=30, client=None):
    """(status, body) of a request; whose certificate the server has is not what is asked about here."""
    context = ssl._create_unverified_context() if url.startswith("https") else None
    if client:
        context.load_cert_chain(*client)
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=seconds, context=context) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as problem:
        return problem.code, problem.read()


# ---- OTLP values, whatever they came in ----

def typed(any_value):
    """(kind, value) of an AnyValue, comparable: attributes have no order, numbers one form."""
    if not any_value:
        return ("empty", None)
    (kind, value), = any_value.items()
    if kind == "doubleValue":
        return (kind, value if isinstance(value, str) else float(value))
    if kind == "arrayValue":
        return (kind, tuple(typed(item) for item in value.get("values", [])))
    if kind == "kvlistValue":
        return (kind, attributes(value.get("values", [])))
    return (kind, value)


def attributes(items):
    return tuple(sorted((item["key"], typed(item.get("value"))) for item in items or []))


def comparable(item):
    """A span, event, link or log record as nested tuples; what is 0 by default is as if it were not there."""
    if isinstance(item, list):
        return tuple(comparable(member) for member in item)
    if not isinstance(item, dict):
        return item
    found = []
    for key, value in item.items():
        if key == "attributes":
            value = attributes(value)
        elif key == "body":
            value = typed(value)
        else:
            value = comparable(value)
        if value not in (0, "", ()):
            found.append((key, value))
    return tuple(sorted(found))


def flatten(signal, request):
    """(item, scope, resource) of each span, log record or metric of a request."""
    outer, middle, inner = SHAPES[signal]
    return [(item, scope.get("scope", {}), resource.get("resource", {}))
            for resource in request.get(outer, []) for scope in resource[middle] for item in scope[inner]]


def all_comparable(found):
    return [tuple(comparable(part) for part in triple) for triple in found]


def read_lines(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def in_file(home, signal, whole=False):
    """What the file exporter wrote in the same run; whole: also what no receiver gets."""
    path = home.file if signal == "traces" else re.sub(r"(\.[^./]*)$", r".logs\1", home.file)
    found = [triple for line in read_lines(path) for triple in flatten(signal, line)]
    for item, _, _ in found if signal == "logs" and not whole else ():  # for `tagalong show` alone (docs/spans.md)
        item["attributes"] = [one for one in item["attributes"] if one["key"] != "tagalong.stack"]
    return found


def same_as_file(home, receiver, signal="traces", whole=False):
    """Everything that was recorded has arrived, field by field, once."""
    truth, seen = in_file(home, signal, whole), receiver.items(signal)
    ids = [item.get("spanId") for item, _, _ in seen]
    if signal == "traces":
        check(len(set(ids)) == len(ids), "a span came twice")
    by_id = {item["spanId"]: comparable(item) for item, _, _ in seen if "spanId" in item}
    if signal == "traces" and sorted(ids) == sorted(item["spanId"] for item, _, _ in truth):
        for item, _, _ in truth:
            same_fields(item["name"], dict(comparable(item)), dict(by_id[item["spanId"]]))
    compare(f"{signal} in the file and received", all_comparable(truth), all_comparable(seen), limit=1)
    return seen


def same_fields(name, truth, seen):
    for key in sorted({*truth, *seen}):
        check(truth.get(key) == seen.get(key), f"{name}: {key} is {seen.get(key)!r}, in the file {truth.get(key)!r}")


# ---- receivers ----

class Otlp:
    """receiver.js: OpenTelemetry's decoder, which forgives nothing."""

    client = None  # certificate and key, where the receiver wants them

    def __init__(self, home, *tls):
        self.home, self.dir = home, home.path(f"otlp-{len(home.processes)}")
        os.makedirs(self.dir)
        process = start_node(home, "receiver.js", self.dir, *tls)
        self.base = f"http{'s' if tls else ''}://127.0.0.1:{wait_for_port(home, process)}"

    def counts(self):
        return json.loads(get(self.base + "/counts", client=self.client)[1])

    def post(self, signal, body, kind="application/json"):
        return get(f"{self.base}/v1/{signal}", body, {"Content-Type": kind, "User-Agent": "test/1"})

    def requests(self, signal):
        return [line for line in read_lines(os.path.join(self.dir, "received.jsonl")) if line["signal"] == signal]

    def items(self, signal):
        return [triple for line in self.requests(signal) for triple in flatten(signal, line["request"])]

    def all_right(self):
        counts = self.counts()
        check(not counts["wrong"], f"{len(counts['wrong'])} requests are wrong: {counts['wrong'][:3]}")
        check(counts["requests"], "no request at all")
        return counts


def protoc(receiver):
    """What protoc knows of the recorded bodies: (signal -> how many, times of spans)."""
    program = need_program("protoc")
    wanted = {"traces": "spans", "logs": "log_records", "metrics": "metrics"}
    counts, times = dict.fromkeys(wanted, 0), []
    for path in glob.glob(os.path.join(receiver.dir, "*.pb")):
        signal = path.split(".")[-2]
        with open(path, "rb") as body:
            done = subprocess.run([program, f"--decode=otlp.{signal.capitalize()}", f"-I{os.path.dirname(HERE)}", "otlp.proto"],
                                  stdin=body, capture_output=True, text=True, errors="replace")
        check(done.returncode == 0 and not done.stderr, f"protoc: {path}: {done.stderr.strip()[:300]}")
        unknown = re.findall(r"^\s*\d+(?::| \{).*$", done.stdout, re.MULTILINE)
        check(not unknown, f"protoc: {os.path.basename(path)} has fields that OTLP has not: {unknown[:3]}")
        counts[signal] += len(re.findall(rf"^    {wanted[signal]} \{{$", done.stdout, re.MULTILINE))
        times += re.findall(r"^      (start_time_unix_nano|end_time_unix_nano): (\d+)$", done.stdout, re.MULTILINE)
    return counts, times


class Store:
    """autotel-mcp: an OTLP store for agents, asked by its own protocol over its standard streams."""

    def __init__(self, home, port):
        self.base, self.number = f"http://127.0.0.1:{port}", 0
        self.process = start_node(
            home, "node_modules/autotel-mcp/bin/autotel-mcp", "--transport", "stdio", "--collector-port", str(port),
            least=20, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={"AUTOTEL_OFFLINE_MODE": "true", "AUTOTEL_UPSTREAM_CACHE_DIR": home.dir})
        self.ask("initialize", protocolVersion="2025-06-18", capabilities={},
                 clientInfo={"name": "test", "version": "1"})
        self.send({"method": "notifications/initialized"})

    def send(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, method, **params):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while True:
            line = self.process.stdout.readline()
            if not line:
                with open(self.process.output, errors="replace") as log:
                    raise Failure(f"autotel-mcp ended: {log.read()[-300:]}")
            answer = json.loads(line)
            if answer.get("id") == self.number:
                check("error" not in answer, f"autotel-mcp: {method}: {answer.get('error')}")
                return answer["result"]

    def tool(self, name, **arguments):
        result = self.ask("tools/call", name=name, arguments=arguments)
        text = "".join(part.get("text", "") for part in result["content"])
        check(not result.get("isError"), f"autotel-mcp: {name}: {text[:300]}")
        answer = json.loads(text)
        check(answer["ok"], f"autotel-mcp: {name}: {answer.get('error')}")
        return answer["data"]

    def trace(self, trace_id):
        """The spans of a trace by id, each with the attributes of its resource; it knows only single values."""
        found = self.tool("get_trace", traceId=trace_id)
        check(found, f"autotel-mcp does not have trace {trace_id}")
        return {span["spanId"]: {**span, "tags": {**found["resource"], **span["tags"]}} for span in found["spans"]}


class Testkit:
    """sentry-testkit behind a Sentry of ours, which keeps the envelopes."""

    def __init__(self, home):
        self.home, self.dir = home, home.path("sentry")
        os.makedirs(self.dir)
        self.port = wait_for_port(home, start_node(home, "testkit.js", self.dir))
        self.dsn = f"http://key@127.0.0.1:{self.port}/1"

    def found(self):
        found = json.loads(get(f"http://127.0.0.1:{self.port}/found")[1])
        check(not found["wrong"], f"sentry-testkit: {found['wrong'][:3]}")
        return found

    def post(self, envelope):
        return get(f"http://127.0.0.1:{self.port}/api/1/envelope/", envelope,
                   {"Content-Type": "application/x-sentry-envelope"})

    def envelopes(self):
        """(path, bytes, headers of the request), in order of arrival."""
        found = []
        for path in sorted(glob.glob(os.path.join(self.dir, "*.envelope")), key=lambda name: (len(name), name)):
            with open(path, "rb") as data, open(path.replace(".envelope", ".headers.json")) as headers:
                found.append((path, data.read(), json.load(headers)))
        return found


class Spotlight:
    """Spotlight's sidecar and page, and a browser that looks at it."""

    def __init__(self, home):
        from lib import free_port
        self.home = home
        self.browser = need_program("chromium", "chromium-browser", "google-chrome")
        self.port = free_port()
        wait_for_port(home, start_node(home, "spotlight.mjs", str(self.port), least=20))
        self.dsn = f"http://key@127.0.0.1:{self.port}/1"

    def post(self, envelope):
        status, _ = get(f"http://127.0.0.1:{self.port}/api/1/envelope/", envelope,
                        {"Content-Type": "application/x-sentry-envelope"})
        return status

    def look(self, *steps, wanted=0):
        """Opens the page and does what the steps say; see page.js."""
        first = {"open": f"http://localhost:{self.port}/"}
        return run_node(self.home, "page.js", self.browser, self.home.path("profile", "x")[:-2],
                        json.dumps([first, *steps]), least=20, seconds=180, wanted=wanted)


def schema_lint():
    """The program that holds envelopes against Sentry's public JSON schema; it is not part of the tree."""
    shared = os.environ.get("SHARED", os.path.join(ROOT, "../shared"))
    path = os.path.join(shared, "conformance/wire/lint.js")
    if not os.path.exists(path):
        raise Skip("no JSON schema of Sentry's events beside the project (SHARED/conformance/wire)")
    return os.path.abspath(path)
