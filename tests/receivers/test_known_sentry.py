# SPDX-License-Identifier: MIT
"""test_known_sentry.py - the receivers of Sentry's envelopes themselves: they can tell right from wrong."""

import copy
import json

import envelopes
from receivers import *

TRACE, SPAN, CHILD = "743ad8bbfdd84e99bc38b4729e2864de", "a0cfbde2bdff3adc", "b01b9f6349558cd1"
IDS = {"event": "9ec79c33ec9942ab8353589fcb2e04dc", "transaction": "fc6d8c0c43fc4630ad850ee518f1b9d0"}
BEGIN = 1763770000.0
COMMON = {"platform": "native", "environment": "test", "release": "shop@1", "server_name": "host",
          "sdk": {"name": "tagalong.native", "version": "0.1.0"}, "tags": {"tenant": "acme"}, "user": {"id": "7"},
          "breadcrumbs": {"values": [{"timestamp": BEGIN, "level": "info", "message": "cart is asked for"}]}}


def payload(kind):
    trace = {"trace_id": TRACE, "span_id": SPAN, "op": "http.server", "status": "ok", "type": "trace"}
    body = {"event_id": IDS[kind], "timestamp": BEGIN + 1, "contexts": {"trace": trace}, **copy.deepcopy(COMMON)}
    if kind == "event":
        return {**body, "level": "error", "exception": {"values": [{
            "type": "CardError", "value": "card was declined", "mechanism": {"type": "generic", "handled": True}}]}}
    return {**body, "type": "transaction", "transaction": "GET /cart", "transaction_info": {"source": "route"},
            "start_timestamp": BEGIN, "spans": [{
                "trace_id": TRACE, "span_id": CHILD, "parent_span_id": SPAN, "op": "db", "description": "SELECT items",
                "status": "ok", "start_timestamp": BEGIN + 0.1, "timestamp": BEGIN + 0.2, "data": {"rows": 3}}]}


def envelope(kind, body=None, header=None, item=None):
    data = json.dumps(body or payload(kind)).encode()
    head = {"event_id": IDS[kind], "sent_at": "2026-11-22T10:00:00.000Z", "trace": {
        "trace_id": TRACE, "public_key": "key", "sample_rate": "1", "sampled": "true"}, **(header or {})}
    return b"%s\n%s\n%s\n" % (json.dumps(head).encode(), json.dumps(
        {"type": kind, "length": len(data), **(item or {})}).encode(), data)


def changed(kind, change):
    body = payload(kind)
    change(body)
    return envelope(kind, body)


def put(**members):
    return lambda body: body.update(members)


def trace(**members):
    return lambda body: body["contexts"]["trace"].update(members)


def span(**members):
    return lambda body: body["spans"][0].update(members)


# What the JSON schema finds wrong, too, is named in SCHEMA.
WRONG = {
    "capital id": ("event", put(event_id=IDS["event"].upper())), "short id": ("event", put(event_id="9ec7")),
    "no timestamp": ("event", lambda body: body.pop("timestamp")), "no platform": ("event", put(platform="")),
    "time as text": ("event", put(timestamp="yesterday")), "level": ("event", put(level="log")),
    "tag as number": ("event", put(tags={"a": 1})), "long tag": ("event", put(tags={"a": "b" * 201})),
    "tag of two lines": ("event", put(tags={"a": "b\nc"})), "user id as number": ("event", put(user={"id": 7})),
    "no trace": ("event", put(contexts={})), "short trace id": ("event", trace(trace_id=TRACE[2:])),
    "zero span id": ("event", trace(span_id="0" * 16)), "status word": ("event", trace(status="fine")),
    "flat breadcrumbs": ("event", put(breadcrumbs=[{"timestamp": BEGIN}])),
    "breadcrumb without time": ("event", put(breadcrumbs={"values": [{"message": "m"}]})),
    "nothing to say": ("event", lambda body: body.pop("exception")), "bare message": ("event", put(message="m")),
    "empty exception": ("event", put(exception={"values": [{"mechanism": {"type": "generic"}}]})),
    "mechanism without type": ("event", put(exception={"values": [{"type": "E", "mechanism": {"handled": True}}]})),
    "fingerprint as text": ("event", put(fingerprint="csv")), "no sdk": ("event", put(sdk={})),
    "no name": ("transaction", put(transaction="")), "source": ("transaction", put(transaction_info={"source": "guess"})),
    "ends before it starts": ("transaction", put(timestamp=BEGIN - 1)), "type": ("transaction", put(type="event")),
    "span ends before it starts": ("transaction", span(timestamp=BEGIN)),
    "span of another trace": ("transaction", span(trace_id="1" + TRACE[1:])),
    "span without parent": ("transaction", lambda body: body["spans"][0].pop("parent_span_id")),
    "span id twice": ("transaction", span(span_id=SPAN)), "span's tag": ("transaction", span(tags={"a": True})),
    "1001 spans": ("transaction", lambda body: body.update(
        spans=[{**body["spans"][0], "span_id": f"{n:016x}"} for n in range(1, 1002)])),
    "over 1 MiB": ("transaction", span(data={"text": "x" * (1 << 20)})),
}
SCHEMA = ["tag as number", "flat breadcrumbs", "user id as number", "bare message", "level", "1001 spans", "span id twice",
          "capital id"]
FRAMING = {
    "no sent_at": envelope("event", header={"sent_at": None}), "event id of another": envelope(
        "event", header={"event_id": IDS["transaction"]}),
    "sample rate as number": envelope("event", header={"trace": {"trace_id": TRACE, "public_key": "k", "sample_rate": 1}}),
    "length too small": envelope("event", item={"length": 10}), "length too large": envelope("event", item={"length": 99999}),
    "no length": envelope("event", item={"length": None}), "unknown item": envelope("event", item={"type": "profile"}),
    "no newline at the end": envelope("event")[:-1], "more behind": envelope("event") + b"x",
    "two events": envelope("event") + b"".join(envelope("event").partition(b"\n")[2:]),
    "no items": envelope("event").partition(b"\n")[0] + b"\n",
}


def lint_rules(home):
    for kind in IDS:
        check(not envelopes.lint(envelope(kind)), f"good {kind}: {envelopes.lint(envelope(kind))}")
    samples = {**{name: changed(*how) for name, how in WRONG.items()}, **FRAMING}
    taken = [name for name, data in samples.items() if not envelopes.lint(data)]
    check(not taken, f"taken, but wrong: {taken}")
    home.note(f"{len(samples)} envelopes refused")


def schema_rules(home):
    """The public schema takes the good ones and refuses what it knows to be wrong."""
    lint = schema_lint()
    names = []
    for name, data in [(kind, envelope(kind)) for kind in IDS] + [(name, changed(*WRONG[name])) for name in SCHEMA]:
        path = home.path(f"{name.replace(' ', '-')}.envelope")
        with open(path, "wb") as out:
            out.write(data)
        names.append(path)
    said = run_node(home, lint, *names, wanted=1)
    verdicts = {os.path.basename(line.split()[-1]): line.split()[0] for line in said.splitlines() if ".envelope" in line}
    valid = sorted(name for name, word in verdicts.items() if word == "valid")
    check(valid == ["event.envelope", "transaction.envelope"] and len(verdicts) == len(names), f"valid: {valid}")


def known_testkit(home):
    """Sentry's own SDK sends, sentry-testkit understands."""
    kit = Testkit(home)
    run_node(home, "sentry.js", kit.dsn)
    found = kit.found()
    transaction, = found["transactions"]
    report, = found["reports"]
    check((transaction["name"], [span["description"] for span in transaction["spans"]]) == ("GET /cart", ["SELECT items"]),
          f"{transaction}")
    check((report["error"]["message"], report["tags"]) == ("card was declined", {"tenant": "acme"}), f"{report}")
    check(kit.post(b"no envelope\n")[0] == 400, "takes what is no envelope")


def known_spotlight(home):
    """Envelopes written by hand are shown; what was not sent is not seen."""
    light = Spotlight(home)
    check([light.post(envelope(kind)) for kind in IDS] == [200, 200], "not taken")
    try:
        light.look({"see": "GET /cart"}, {"click": "GET /cart"}, {"see": "SELECT items"}, {"see": "acme"},
                   {"open": f"http://localhost:{light.port}/telemetry/errors"}, {"see": "card was declined"},
                   {"patience": 500}, {"see": "GET /nothing"})
    except Failure as failure:
        check("see GET /nothing" in str(failure), str(failure))
        return
    raise Failure("the page shows a transaction that nobody sent")


TESTS = [("receivers/lint_rules", lint_rules), ("receivers/schema_rules", schema_rules),
         ("receivers/known_testkit", known_testkit), ("receivers/known_spotlight", known_spotlight)]
