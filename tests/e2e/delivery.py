# SPDX-License-Identifier: MIT
"""delivery.py - what the tests of delivery share: a receiver of ours as a process, and what it was given."""

import base64
import json
import os
import signal
import subprocess
import sys

import lib
from lib import attributes, check, free_port, port_open, wait_until


START = b'{"path":'  # of a line of the ledger


class Receiver:
    """receiver.py on a port of its own; started, killed and started again."""

    def __init__(self, home, start=True):
        self.home, self.port, self.process = home, free_port(), None
        self.ledger = home.path("received.jsonl")
        if start:
            self.start()

    def start(self):
        program = os.path.join(lib.HERE, "receiver.py")
        self.process = subprocess.Popen([sys.executable, program, str(self.port), self.ledger],
                                        start_new_session=True, cwd=self.home.dir)
        self.home.processes.append(self.process)
        wait_until(lambda: port_open(self.port), 15, "the receiver listens")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def otlp(self):
        """Environment for http/json, without a file."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}

    @property
    def sentry(self):
        return {"SENTRY_DSN": f"http://key@127.0.0.1:{self.port}/7"}

    def lines(self, path):
        if not os.path.exists(self.ledger):
            return []
        found = []
        with open(self.ledger, "rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    continue  # killed while it wrote: not answered
                data = json.loads(line[line.rindex(START):])  # behind a line that was cut off like that
                if data["path"] == path:
                    found.append(data["body"])
        return found

    def spans(self):
        found = []
        for body in self.lines("/v1/traces"):
            for part in body["resourceSpans"]:
                resource = attributes(part["resource"]["attributes"])
                for scope in part["scopeSpans"]:
                    found += [lib.Span(raw, resource) for raw in scope["spans"]]
        return found

    def logs(self):
        return [record for body in self.lines("/v1/logs") for part in body["resourceLogs"]
                for scope in part["scopeLogs"] for record in scope["logRecords"]]

    def metric(self, name):
        """The points of the newest message of a metric, each as (attributes, point)."""
        found = []
        for body in self.lines("/v1/metrics"):
            points = [(attributes(point["attributes"]), point) for part in body["resourceMetrics"]
                      for scope in part["scopeMetrics"] for metric in scope["metrics"] if metric["name"] == name
                      for point in (metric.get("histogram") or metric.get("sum") or metric.get("gauge"))["dataPoints"]]
            found = points or found
        return found

    def envelopes(self):
        """Each as (header, [(item header, payload)])."""
        return [parse_envelope(base64.b64decode(body)) for body in self.lines("/api/7/envelope/")]


def parse_envelope(data):
    header, _, rest = data.partition(b"\n")
    items = []
    while rest:
        head, _, rest = rest.partition(b"\n")
        head = json.loads(head)
        payload, rest = rest[:head["length"]], rest[head["length"] + 1:]
        check(len(payload) == head["length"], "an envelope is cut off")
        items.append((head, json.loads(payload)))
    return json.loads(header), items


def status(home):
    """`tagalong status --json`."""
    code, out, err = home.run([home.tagalong, "status", "--json"], mode="plain")
    check(out.strip().startswith("{"), f"tagalong status: {code} {err}")
    return json.loads(out)


def same_spans(what, expected, seen):
    """The same spans, field by field."""
    def row(span):
        return (span.trace_id, span.span_id, span.parent_id, span.name, span.kind, span.start, span.end,
                span.status, span.message, span.flags, json.dumps(span.attrs, sort_keys=True),
                json.dumps(span.resource, sort_keys=True))
    lib.compare(what, [row(span) for span in expected], [row(span) for span in seen])
