# SPDX-License-Identifier: MIT
"""test_delivery.py - what arrives at receivers: all of it, once, whoever is away or dies meanwhile.

The host's truth is a server's access log or a program's ledger; the receiver
(receiver.py) writes down what it was given before it answers.  What arrives and
what is counted as dropped is what was recorded.
"""

import collections
import os
import random
import signal
import struct
import time
import urllib.request

from delivery import Receiver, parse_envelope, same_spans
from lib import check, check_well_formed, compare, compile_victim, free_port, request, wait_until, wrk, wrk_mix
import test_truth_http

FULL = os.environ.get("TAGALONG_TEST_FULL") == "1"
CI = os.environ.get("CI") == "true"
CHAOS_SECONDS = 600 if FULL else 60 if CI else 20


def load(home, port, per_thread=1000):
    mix = [request("GET", "/small.txt", close=False), request("GET", "/missing", close=False)]
    wrk(port, connections=8, script=wrk_mix(home, mix, per_thread))


def nginx_log(home):
    return test_truth_http.nginx_truth(home)


def served(home, env, mode="preload"):
    server, port = test_truth_http.start_nginx(home, mode=mode, env=env)
    load(home, port)
    home.stop(server, signal.SIGQUIT)
    home.settle(40)


def together(home):
    """A file, a collector and Sentry at once get the same spans."""
    receiver = Receiver(home)
    served(home, {**receiver.otlp, **receiver.sentry})
    expected = home.spans()
    check(len(expected) > 1000, f"{len(expected)} spans")
    check_well_formed(receiver.spans())
    same_spans("the collector against the file", expected, receiver.spans())
    ids = []
    for _, items in receiver.envelopes():
        for head, payload in items:
            if head["type"] == "transaction":
                ids += [payload["contexts"]["trace"]["span_id"]] + [span["span_id"] for span in payload["spans"]]
    compare("spans in Sentry's transactions", [span.span_id for span in expected], ids)


def requests_of(spans):
    return [span.request() for span in spans if span.is_http]


def no_file(home):
    """Who has a collector gets no file unless he asks for it."""
    receiver = Receiver(home)
    served(home, {**receiver.otlp, "TAGALONG_FILE": "", "XDG_STATE_HOME": home.path("state/x")[:-2]})
    check(not os.path.exists(home.path("state/tagalong/tagalong.jsonl")), "there is a file")
    compare("requests", nginx_log(home), requests_of(receiver.spans()))


def file_fails(home):
    """A file that cannot be written holds nobody else up."""
    receiver = Receiver(home)
    served(home, {**receiver.otlp, "TAGALONG_FILE": "/proc/nowhere/spans.jsonl"})
    compare("requests", nginx_log(home), requests_of(receiver.spans()))


def receiver_away(home):
    """The agent ends while the receiver is down; the next one brings what waits."""
    receiver = Receiver(home, start=False)
    env = {**receiver.otlp, "OTEL_BSP_EXPORT_TIMEOUT": "500"}
    served(home, env)
    expected = home.spans()
    check(not receiver.spans(), "something arrived nowhere")
    receiver.start()
    home.run(["true"], env=env)
    home.settle(40)
    same_spans("what waited", expected, [span for span in receiver.spans()
                                        if span.resource["process.executable.name"] != "true"])
    check(not any(name.endswith(".batch") for _, _, names in os.walk(home.run_dir) for name in names),
          "something still waits")


def machine_restarts(home):
    """The run directory is memory and goes with the machine; what waits is on disk and does not."""
    receiver = Receiver(home, start=False)
    env = {**receiver.otlp, "OTEL_BSP_EXPORT_TIMEOUT": "500", "TAGALONG_SPOOL_DIR": home.path("spool/x")[:-2]}
    served(home, env)
    expected = home.spans()
    for name in os.listdir(home.run_dir):
        os.unlink(os.path.join(home.run_dir, name))
    receiver.start()
    home.run(["true"], env=env)
    home.settle(40)
    same_spans("what waited", expected, [span for span in receiver.spans()
                                        if span.resource["process.executable.name"] != "true"])


def envelopes(home):
    """Sentry envelopes in a directory: one file each, every span in one of them."""
    served(home, {"TAGALONG_ENVELOPES": home.path("envelopes/x")[:-2]})
    expected, ids = home.spans(), []
    for name in os.listdir(home.path("envelopes/x")[:-2]):
        with open(home.path("envelopes", name), "rb") as stream:
            header, items = parse_envelope(stream.read())
        check("sent_at" in header, f"{name}: {header}")
        for head, payload in items:
            if head["type"] == "transaction":
                check(name == payload["event_id"] + ".envelope", f"{name} holds {payload['event_id']}")
                ids += [payload["contexts"]["trace"]["span_id"]] + [span["span_id"] for span in payload["spans"]]
    compare("spans in envelopes", [span.span_id for span in expected], ids)


def sampled(home):
    """Head sampling: a share by trace id, the caller's word first; metrics see everything."""
    receiver = Receiver(home)
    env = {**receiver.otlp, "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}
    server, port = test_truth_http.start_nginx(home, env=env)
    wanted, unwanted = "aa" * 16, "bb" * 16
    mix = [request("GET", "/small.txt", close=False),
           request("GET", "/small.txt?yes", close=False, headers=[f"traceparent: 00-{wanted}-{'1' * 16}-01"]),
           request("GET", "/small.txt?no", close=False, headers=[f"traceparent: 00-{unwanted}-{'1' * 16}-00"])]
    wrk(port, connections=8, script=wrk_mix(home, mix, 900))
    home.stop(server, signal.SIGQUIT)
    spans = [span for span in home.spans(well_formed=False) if span.is_http]
    same_spans("the collector against the file", home.spans(well_formed=False), receiver.spans())
    truth = nginx_log(home)
    targets = collections.Counter(target for _, target, _ in truth)
    seen = collections.Counter(span.request()[1] for span in spans)
    check(seen["/small.txt?yes"] == targets["/small.txt?yes"], f"{seen} of {targets}: the caller wanted them")
    check(seen["/small.txt?no"] == 0, f"{seen} of {targets}: the caller did not want them")
    plain = [span for span in spans if "url.query" not in span.attrs]
    for span in plain:
        check(int(span.trace_id[18:], 16) >= 0.75 * 2 ** 56, f"{span.trace_id} is not of the share")
    check(0.15 < len(plain) / targets["/small.txt"] < 0.35, f"{len(plain)} of {targets['/small.txt']}")
    count = sum(int(point["count"]) for _, point in receiver.metric("http.server.request.duration"))
    check(count == len(truth), f"metrics saw {count} of {len(truth)} requests")


def handed_on(home):
    """What a child is told of the sampling decision is what becomes of its parent's spans."""
    for sampler, flags in (("always_off", "00"), ("always_on", "01")):
        code, out, err = home.run([home.tagalong, "span", "parent", "--", "sh", "-c",
                                   "printenv TRACEPARENT; env printenv TRACEPARENT"], mode="plain",
                                  env={"OTEL_TRACES_SAMPLER": sampler})
        given = [line for line in out.split() if line.startswith("00-")]
        check(given and all(line.endswith("-" + flags) for line in given), f"{sampler}: {code} {out!r} {err[-200:]!r}")


def kept(home):
    """Tail sampling by destination: everything to the file, traces with errors to the collector."""
    receiver = Receiver(home)
    server, port = test_truth_http.start_nginx(home, env={**receiver.otlp, "TAGALONG_KEEP_OTLP": "errors"})
    mix = [request("GET", "/small.txt", close=False), request("GET", "/error", close=False)]
    wrk(port, connections=4, script=wrk_mix(home, mix, 400))
    home.stop(server, signal.SIGQUIT)
    spans = home.spans()
    bad = {span.trace_id for span in spans if span.status == 2}
    check(0 < len(bad) < len({span.trace_id for span in spans}), f"{len(bad)} bad traces")
    same_spans("traces with errors", [span for span in spans if span.trace_id in bad], receiver.spans())


def prometheus(home):
    """GET /metrics counts the requests that the access log has."""
    port_of_metrics = free_port()
    server, port = test_truth_http.start_nginx(home, env={"TAGALONG_PROMETHEUS": str(port_of_metrics)})
    load(home, port, 300)
    def counted():
        with urllib.request.urlopen(f"http://127.0.0.1:{port_of_metrics}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines()
                   if line.startswith("http_server_request_duration_seconds_count{"))
    wait_until(lambda: counted() == len(nginx_log(home)) >= 600, 20,
               f"metrics of all requests: {counted()} of {len(nginx_log(home))}", 0.2)
    check(counted() == len(nginx_log(home)), f"{counted()} of {len(nginx_log(home))}")
    home.stop(server, signal.SIGQUIT)


# ---- death in random order -----------------------------------------------

def ledger_rows(ledger):
    if not os.path.exists(ledger) or os.path.getsize(ledger) < 256:
        return []
    with open(ledger, "rb") as stream:
        data = stream.read(192)
    return [struct.unpack_from("=QQ", data, row * 64) for row in range(3)]


class Chaos:
    """Hosts, agent and receiver, one of which dies every now and then."""

    def __init__(self, home):
        self.home, self.dice = home, random.Random(int(os.environ.get("TAGALONG_TEST_SEED", "4")))
        self.receiver = Receiver(home)
        self.program = compile_victim(home, "ledger")
        self.env = {**self.receiver.otlp, "OTEL_BSP_EXPORT_TIMEOUT": "5000", "TAGALONG_FILE": "none"}
        self.hosts, self.all, self.kills = [], [], collections.Counter()

    def start_host(self):
        ledger = self.home.path(f"ledger-{len(self.all)}")
        process = self.home.start([self.program, ledger, "2000"], env=self.env)
        self.hosts.append(process)
        self.all.append((ledger, process))

    def kill_host(self):
        process = self.hosts.pop(self.dice.randrange(len(self.hosts)))
        process.kill()
        process.wait()
        self.start_host()

    def kill_agent(self):
        pids = self.home.agents()
        for pid in self.dice.choice([pids, pids[-1:], pids[:1]]):
            try:
                os.kill(pid, signal.SIGKILL)
                self.kills["agents"] += 1
            except ProcessLookupError:
                pass

    def kill_receiver(self):
        self.receiver.kill()
        time.sleep(self.dice.uniform(0, 2))
        self.receiver.start()

    def run(self, seconds):
        end = time.monotonic() + seconds
        for _ in range(3):
            self.start_host()
        while time.monotonic() < end:
            time.sleep(self.dice.uniform(0.1, 1.0))
            what = self.dice.choice(["host", "host", "agent", "receiver"])
            self.kills[what] += 1
            getattr(self, "kill_" + what)()
            if what == "agent" and not self.home.agents():
                self.home.run(["true"], env=self.env)  # nobody was left to start one

    def finish(self):
        for process in self.hosts:
            process.kill()
            process.wait()
        self.rounds = still = 0
        # An agent that nobody needs ends when the receiver lets it wait for long; the next one goes on.
        # (What asks for one has a span as well.)
        while still < 2 and self.rounds < 9:
            arrived = os.path.getsize(self.receiver.ledger)
            self.home.run(["true"], env=self.env)
            self.home.settle(120)
            still = still + 1 if os.path.getsize(self.receiver.ledger) < arrived + 16384 else 0
            self.rounds += 1


def chaos(home):
    """kill -9 of hosts, agent and receiver: all that was begun arrives; twice only what was on its way."""
    test = Chaos(home)
    test.run(CHAOS_SECONDS)
    test.finish()
    seen = collections.Counter()
    for span in test.receiver.spans():
        seen[span.resource.get("process.pid"), span.name, span.span_id] += 1
    names = {(pid, name) for pid, name, _ in seen}
    expected = missing = 0
    for ledger, process in test.all:
        for row, (begun, _) in enumerate(ledger_rows(ledger)):
            expected += begun
            missing += sum((process.pid, f"{row} {number}") not in names for number in range(begun))
    bodies = len(test.receiver.lines("/v1/traces"))
    twice = sum(count - 1 for count in seen.values())
    home.note(f"{dict(test.kills)}; {expected} spans begun, {sum(seen.values())} received in {bodies} messages, {twice} twice; {test.rounds} agents at the end")
    check(expected > 1000, f"only {expected} spans")
    check(missing == 0, f"{missing} of {expected} spans are lost; {home.losses()}")
    # A death makes at most the messages twice that were on their way: four (docs/spool.md).
    largest = max((sum(len(scope["spans"]) for part in body["resourceSpans"] for scope in part["scopeSpans"])
                   for body in test.receiver.lines("/v1/traces")), default=0)
    window = 4 * largest * (test.kills["agents"] + test.kills["receiver"])
    check(twice <= window, f"{twice} spans came twice; {window} may")


TESTS = [("delivery/together", together), ("delivery/no_file", no_file), ("delivery/file_fails", file_fails),
         ("delivery/receiver_away", receiver_away),
         ("delivery/machine_restarts", machine_restarts), ("delivery/envelopes", envelopes), ("delivery/sampled", sampled), ("delivery/handed_on", handed_on),
         ("delivery/kept", kept), ("delivery/prometheus", prometheus), ("delivery/chaos", chaos)]
