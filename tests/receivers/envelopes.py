# SPDX-License-Identifier: MIT
"""envelopes.py - reads Sentry envelopes, and finds whatever is wrong with one.

lint(BYTES) is a list of sentences, empty for an envelope that keeps all rules of Sentry's
developer documentation: framing, ids, times, limits, what is required, who belongs to
whom.  The JSON schema of event payloads lets most of this pass.
"""

import json
import re

MIB = 1 << 20
TRACE, SPAN, EVENT = r"[0-9a-f]{32}", r"[0-9a-f]{16}", r"[0-9a-f]{32}"
LEVELS = {"fatal", "error", "warning", "info", "debug"}
LOG_LEVELS = {"trace", "debug", "info", "warn", "error", "fatal"}
STATUSES = {"ok", "cancelled", "unknown", "unknown_error", "invalid_argument", "deadline_exceeded", "not_found",
            "already_exists", "permission_denied", "resource_exhausted", "failed_precondition", "aborted",
            "out_of_range", "unimplemented", "internal_error", "unavailable", "data_loss", "unauthenticated"}
SOURCES = {"custom", "url", "route", "view", "component", "task"}
REASONS = {"queue_overflow", "cache_overflow", "buffer_overflow", "ratelimit_backoff", "network_error", "send_error",
           "sample_rate", "before_send", "event_processor", "internal_sdk_error", "backpressure"}
CATEGORIES = {"default", "error", "transaction", "span", "log_item", "session", "attachment", "profile", "replay",
              "monitor", "feedback", "trace_metric", "internal"}
TYPES = {"string": str, "boolean": bool, "integer": int, "double": (int, float), "array": list}


class Wrong(Exception):
    """Not an envelope: the rest cannot be read."""


def split(data):
    """(header, [(item header, payload)]) of an envelope; Wrong if its framing is not right."""
    def line(at):
        end = data.find(b"\n", at)
        if end < 0:
            raise Wrong(f"no newline behind byte {at}")
        try:
            return json.loads(data[at:end].decode()), end + 1
        except ValueError as problem:
            raise Wrong(f"the line at byte {at} is not JSON: {problem}") from None
    header, at = line(0)
    items = []
    while at < len(data):
        item, at = line(at)
        length = item.get("length")
        if not isinstance(length, int) or at + length > len(data):
            raise Wrong(f"item {item.get('type')}: length {length} of {len(data) - at}")
        payload, at = data[at:at + length], at + length
        if data[at:at + 1] != b"\n":
            raise Wrong(f"item {item.get('type')}: no newline behind its payload")
        items.append((item, payload))
        at += 1
    return header, items


class Lint:
    def __init__(self):
        self.wrong = []

    def holds(self, condition, text):
        if not condition:
            self.wrong.append(text)
        return condition

    def matches(self, pattern, value, what):
        self.holds(isinstance(value, str) and re.fullmatch(pattern, value) and value.strip("0"),
                   f"{what}: {value!r}")

    def texts(self, items, what):
        if self.holds(isinstance(items, dict), f"{what} is no object"):
            for key, value in items.items():
                self.holds(key and isinstance(value, str) and len(value) <= 200 and "\n" not in value,
                           f"{what}: {key!r}: {value!r}")

    def time(self, value, what):
        self.holds(isinstance(value, (int, float)) and not isinstance(value, bool) and 1e9 < value < 1e10,
                   f"{what}: {value!r}")

    # ---- envelope ----

    def envelope(self, data):
        header, items = split(data)
        kinds = [item.get("type") for item, _ in items]
        self.holds(items, "no items")
        self.holds(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", str(header.get("sent_at"))),
                   f"sent_at: {header.get('sent_at')!r}")
        self.holds(sum(kind in ("event", "transaction") for kind in kinds) <= 1, f"items: {kinds}")
        if "trace" in header:
            self.trace_header(header["trace"])
        for item, payload in items:
            self.item(header, item, payload)

    def trace_header(self, trace):
        self.texts(trace, "trace header")
        for key in ("trace_id", "public_key", "sample_rate"):
            self.holds(key in trace, f"trace header has no {key}")
        self.matches(TRACE, trace.get("trace_id"), "trace header: trace_id")
        self.holds(trace.get("sampled", "true") in ("true", "false"), f"sampled: {trace.get('sampled')!r}")
        for key in ("sample_rate", "sample_rand"):
            if key in trace:
                self.holds(0 <= float(trace[key]) <= 1, f"{key}: {trace[key]!r}")

    def item(self, header, item, payload):
        kind = item.get("type")
        self.holds(len(payload) <= MIB, f"{kind}: {len(payload)} bytes")
        try:
            body = json.loads(payload.decode())
        except ValueError as problem:
            self.holds(False, f"{kind} is not JSON: {problem}")
            return
        look = {"event": self.event, "transaction": self.transaction, "log": self.logs,
                "client_report": self.client_report}.get(kind)
        if not self.holds(look, f"an item of type {kind!r}"):
            return
        if kind in ("event", "transaction"):
            self.holds(header.get("event_id") == body.get("event_id"), "event_id of header and payload differ")
            trace, wanted = header.get("trace"), body.get("contexts", {}).get("trace", {}).get("trace_id")
            self.holds(not trace or trace.get("trace_id") == wanted, "the trace header is of another trace")
            look(body)
        else:
            look(item, body)

    # ---- payloads ----

    def common(self, event):
        self.matches(EVENT, event.get("event_id"), "event_id")
        self.time(event.get("timestamp"), "timestamp")
        self.holds(event.get("platform"), "no platform")
        self.holds(event.get("level", "error") in LEVELS, f"level: {event.get('level')!r}")
        self.texts(event.get("tags", {}), "tags")
        sdk = event.get("sdk", {})
        self.holds(sdk.get("name") and sdk.get("version"), f"sdk: {sdk}")
        for key in ("release", "environment", "server_name", "transaction", "logger", "dist"):
            self.holds(isinstance(event.get(key, "x"), str) and event.get(key, "x"), f"{key}: {event.get(key)!r}")
        if "user" in event:
            for key in ("id", "email", "username", "ip_address"):
                self.holds(isinstance(event["user"].get(key, ""), str), f"user: {key}: {event['user'].get(key)!r}")
        trace = event.get("contexts", {}).get("trace")
        if self.holds(trace, "no contexts.trace"):
            self.trace_context(trace)
        for name, context in event.get("contexts", {}).items():
            self.holds(isinstance(context, dict), f"context {name} is no object")
        if "breadcrumbs" in event:
            self.breadcrumbs(event["breadcrumbs"])

    def trace_context(self, trace):
        self.matches(TRACE, trace.get("trace_id"), "trace_id")
        self.matches(SPAN, trace.get("span_id"), "span_id")
        if trace.get("parent_span_id") is not None:
            self.matches(SPAN, trace["parent_span_id"], "parent_span_id")
        self.holds(trace.get("status", "ok") in STATUSES, f"status: {trace.get('status')!r}")
        self.holds(isinstance(trace.get("data", {}), dict), "data is no object")

    def breadcrumbs(self, crumbs):
        if not self.holds(isinstance(crumbs, dict) and isinstance(crumbs.get("values"), list), "breadcrumbs: no values"):
            return
        for crumb in crumbs["values"]:
            self.time(crumb.get("timestamp"), "breadcrumb")
            self.holds(crumb.get("level", "info") in LEVELS, f"breadcrumb: level {crumb.get('level')!r}")
            self.holds(isinstance(crumb.get("data", {}), dict), "breadcrumb: data is no object")
        self.holds(len(crumbs["values"]) <= 1000, f"{len(crumbs['values'])} breadcrumbs")

    def event(self, event):
        self.common(event)
        self.holds("type" not in event or event["type"] == "error", f"type: {event.get('type')!r}")
        self.holds("message" not in event, "a message outside of logentry")
        values = event.get("exception", {}).get("values", [])
        self.holds(values or event.get("logentry", {}).get("formatted"), "neither exception nor logentry")
        for value in values:
            self.holds(value.get("type") or value.get("value"), "an exception with neither type nor value")
            self.holds(value.get("mechanism", {"type": "x"}).get("type"), "a mechanism without type")
        self.holds(isinstance(event.get("fingerprint", []), list) and
                   all(isinstance(part, str) for part in event.get("fingerprint", [])), "fingerprint")
        self.holds(isinstance(event.get("extra", {}), dict), "extra is no object")

    def transaction(self, event):
        self.common(event)
        self.holds(event.get("type") == "transaction", f"type: {event.get('type')!r}")
        self.holds(event.get("transaction"), "no name")
        self.holds(event.get("transaction_info", {}).get("source") in SOURCES, f"source: {event.get('transaction_info')}")
        self.time(event.get("start_timestamp"), "start_timestamp")
        self.holds(event.get("start_timestamp", 0) <= event.get("timestamp", 0), "ends before it starts")
        root, spans = event.get("contexts", {}).get("trace", {}), event.get("spans", [])
        self.holds(len(spans) <= 1000, f"{len(spans)} spans")
        self.holds(root.get("op"), "no op")
        ids = [root.get("span_id"), *(span.get("span_id") for span in spans)]
        self.holds(len(set(ids)) == len(ids), "span ids that come twice")
        for span in spans:
            self.span(span, root)

    def span(self, span, root):
        self.trace_context(span)
        self.holds(span.get("trace_id") == root.get("trace_id"), f"span {span.get('span_id')} is of another trace")
        self.holds(span.get("parent_span_id"), f"span {span.get('span_id')} has no parent")
        self.time(span.get("start_timestamp"), "span: start_timestamp")
        self.time(span.get("timestamp"), "span: timestamp")
        self.holds(span.get("start_timestamp", 0) <= span.get("timestamp", 0),
                   f"span {span.get('span_id')} ends before it starts")
        self.texts(span.get("tags", {}), "span: tags")
        self.holds(isinstance(span.get("op", ""), str) and isinstance(span.get("description", ""), str),
                   "span: op or description")

    def logs(self, item, body):
        self.holds(item.get("content_type") == "application/vnd.sentry.items.log+json",
                   f"log: {item.get('content_type')!r}")
        self.holds(item.get("item_count") == len(body.get("items", [])) > 0, f"log: item_count {item.get('item_count')}")
        for log in body.get("items", []):
            self.time(log.get("timestamp"), "log")
            self.matches(TRACE, log.get("trace_id"), "log: trace_id")
            self.holds(log.get("level") in LOG_LEVELS, f"log: level {log.get('level')!r}")
            self.holds(isinstance(log.get("body"), str), "log: body")
            for key, value in log.get("attributes", {}).items():
                self.holds(set(value) >= {"type", "value"} and isinstance(value["value"], TYPES.get(value["type"], ())),
                           f"log: attribute {key}: {value}")

    def client_report(self, item, body):
        self.holds(item.get("length", 0) <= 4096, "client report: more than 4 KiB")
        self.time(body.get("timestamp"), "client report")
        for entry in body.get("discarded_events", []):
            self.holds(entry.get("reason") in REASONS and entry.get("category") in CATEGORIES and
                       isinstance(entry.get("quantity"), int) and entry["quantity"] > 0, f"client report: {entry}")


def lint(data):
    found = Lint()
    try:
        found.envelope(data)
    except Wrong as problem:
        found.wrong.append(str(problem))
    return found.wrong


def lint_headers(headers):
    """What is wrong with the headers of the request that brought an envelope."""
    found = Lint()
    found.holds(headers.get("content-type") == "application/x-sentry-envelope", f"{headers.get('content-type')!r}")
    found.holds(re.fullmatch(r"Sentry sentry_key=\w+, ?sentry_version=7, ?sentry_client=[\w.-]+/[\w.-]+",
                             headers.get("x-sentry-auth", "")), f"X-Sentry-Auth: {headers.get('x-sentry-auth')!r}")
    found.holds(re.fullmatch(r"[\w.-]+/[\w.-]+.*", headers.get("user-agent", "")), f"{headers.get('user-agent')!r}")
    return found.wrong
