# SPDX-License-Identifier: MIT
"""test_sentry.py - what goes to Sentry, as others understand it, against the file of the same run.

Every span of the file is in exactly one transaction, every captured event is an event, every
log a log; and each envelope keeps the rules (envelopes.py, and Sentry's public JSON schema
where that is at hand).
"""

import collections
import json
import shutil
import struct

import api
import envelopes
from lib import Span, compare, exchange, free_port, request
from receivers import *
from test_otlp import log_text, run_every, run_nginx

ELSEWHERE = ("tagalong.tag.", "tagalong.context.", "tagalong.extra.", "tagalong.level", "tagalong.fingerprint", "user.",
             "sentry.op")


def sentry(dsn, **more):
    return {"SENTRY_DSN": dsn, "SENTRY_RELEASE": "shop@1.2", "SENTRY_ENVIRONMENT": "test", "OTEL_SERVICE_NAME": "shop",
            **more}


def run_shop(home, env, carts=2, payments=1, mode="run"):
    """tests/receivers/shop.c under Tagalong answers carts and payments."""
    shop, port = home.path("shop"), free_port()
    done = subprocess.run([need_program("cc", "gcc"), "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", "-I",
                           api.INCLUDE, "-o", shop, os.path.join(HERE, "shop.c")], capture_output=True, text=True)
    check(done.returncode == 0, f"shop.c: {done.stderr[:300]}")
    server = home.start([shop, str(port), str(carts + payments)], mode, port=port, env=env)
    for number in range(carts):
        exchange(port, request("GET", f"/cart/{number + 40}"))
    for _ in range(payments):
        exchange(port, request("POST", "/pay", b"{}"))
    check(server.wait(30) == 0, f"shop: {home.tail(server)}")
    home.settle()


# ---- what came ----

def payloads(kit, kind):
    return [json.loads(body) for _, data, _ in kit.envelopes() for item, body in envelopes.split(data)[1]
            if item["type"] == kind]


def spans_of(transaction):
    """Its own span and those below it, all in one form; without the parts' own, which nobody recorded."""
    root = {**transaction["contexts"]["trace"], "description": transaction["transaction"],
            "start_timestamp": transaction["start_timestamp"], "timestamp": transaction["timestamp"],
            "tags": transaction.get("tags", {})}
    return ([] if "tagalong.part" in root.get("data", {}) else [root]) + transaction["spans"]


def microseconds(nanoseconds):
    return int(nanoseconds) // 1000


def same_span(item, seen, names=True):
    """One span of the file and of a transaction."""
    name = item["name"]
    data = seen.get("data", {})
    check(seen["trace_id"] == item["traceId"], f"{name}: trace {seen['trace_id']}")
    parent = data.get("tagalong.parent_span_id", seen.get("parent_span_id"))
    check(parent == item.get("parentSpanId"), f"{name}: parent {parent}, in the file {item.get('parentSpanId')}")
    for key, time in (("startTimeUnixNano", "start_timestamp"), ("endTimeUnixNano", "timestamp")):
        off = abs(round(seen[time] * 1e6) - microseconds(item[key]))
        check(off <= 1, f"{name}: {time} is {seen[time]!r}, in the file {item[key]}")
    if names:
        check(seen["description"] == name, f"{name} is called {seen['description']}")
    values = api.values_of(item.get("attributes", []))
    wrong = item.get("status", {}).get("code", 0) == 2
    code = values.get("http.response.status_code", 0)
    check((seen["status"] != "ok") == (wrong or code >= 400), f"{name}: status {seen['status']}, code {code}")
    tags = {key[len("tagalong.tag."):]: value for key, value in values.items() if key.startswith("tagalong.tag.")}
    check(seen.get("tags", {}) == tags, f"{name}: tags {seen.get('tags')}, in the file {tags}")
    for key, value in values.items():
        if not key.startswith(ELSEWHERE):
            check(data.get(key) == value, f"{name}: {key} is {data.get(key)!r}, in the file {value!r}")
    check(seen.get("op") == values.get("sentry.op", seen.get("op")), f"{name}: op {seen.get('op')}")


def same_transactions(home, kit, names=True):
    """Every span once; as sentry-testkit counts them, and field by field."""
    truth = {item["spanId"]: item for item, _, _ in in_file(home, "traces")}
    understood = kit.found()["transactions"]
    ids = [(one["traceId"], one["spanId"]) for one in understood if "tagalong.part" not in one["data"]] + \
          [(span["traceId"], span["spanId"]) for one in understood for span in one["spans"]]
    compare("spans in the file and in transactions", [(item["traceId"], key) for key, item in truth.items()], ids)
    seen = [span for transaction in payloads(kit, "transaction") for span in spans_of(transaction)]
    check(len(seen) == len(truth), f"{len(seen)} spans in envelopes, {len(truth)} in the file")
    for span in seen:
        same_span(truth[span["span_id"]], span, names)
    return understood


def same_event(item, report):
    event, values = report["originalReport"], api.values_of(item["attributes"])
    name = log_text(item)
    if item["eventName"] == "exception":
        check((report["error"]["name"], report["error"]["message"]) ==
              (values["exception.type"], values["exception.message"]), f"{name}: {report['error']}")
    else:
        check(event["logentry"]["formatted"] == name, f"{name}: {event.get('logentry')}")
    check(off_by(event["timestamp"], item["timeUnixNano"]) <= 1, f"{name}: {event['timestamp']}")
    tags = {key[len("tagalong.tag."):]: value for key, value in values.items() if key.startswith("tagalong.tag.")}
    check(report["tags"] == tags, f"{name}: tags {report['tags']}, in the file {tags}")
    crumbs = [crumb.get("message") for crumb in values.get("tagalong.breadcrumbs", [])]
    got = [crumb.get("message") for crumb in event.get("breadcrumbs", {"values": []})["values"]]
    check(got == crumbs, f"{name}: breadcrumbs {got}, in the file {crumbs}")
    check((event.get("user") or {}).get("id") == values.get("user.id"), f"{name}: user {event.get('user')}")
    if "traceId" in item:
        check(event["contexts"]["trace"]["trace_id"] == item["traceId"], f"{name}: trace")
    if "spanId" in item:
        check(event["contexts"]["trace"]["span_id"] == item["spanId"], f"{name}: span")
    if item.get("severityText", "TRACE") != "TRACE":
        check(report["level"] == item["severityText"].lower(), f"{name}: level {report['level']}")


def off_by(seconds, nanoseconds):
    return abs(round(seconds * 1e6) - microseconds(nanoseconds))


def same_events(home, kit):
    """Every captured event once, every log once."""
    found = kit.found()
    truth = [item for item, _, _ in in_file(home, "logs")]
    events = {api.values_of(item["attributes"])["tagalong.event.id"]: item for item in truth if "eventName" in item}
    compare("events in the file and received", list(events),
            [report["originalReport"]["event_id"] for report in found["reports"]])
    for report in found["reports"]:
        same_event(events[report["originalReport"]["event_id"]], report)
    compare("logs in the file and received", [log_text(item) for item in truth if "eventName" not in item],
            [log["message"] for log in found["logs"]])
    return found["reports"]


def all_keep_the_rules(home, kit):
    """Each envelope by our lint, and by the schema if there is one."""
    came = kit.envelopes()
    check(came, "no envelope at all")
    for path, data, headers in came:
        wrong = envelopes.lint(data) + envelopes.lint_headers(headers)
        check(not wrong, f"{os.path.basename(path)}: {wrong[:4]}: {data[:300]!r}")
    try:
        lint = schema_lint()
    except Skip:
        home.note("without the JSON schema")
        return
    paths = [path for path, _, _ in came]
    for first in range(0, len(paths), 200):
        run_node(home, lint, *paths[first:first + 200])
    home.note(f"{len(paths)} envelopes")


# ---- tests ----

def program(home):
    """Everything that the API can say; its transactions have the name that the scope gives."""
    kit = Testkit(home)
    run_every(home, sentry(kit.dsn))
    all_keep_the_rules(home, kit)
    same_transactions(home, kit, names=False)
    reports = same_events(home, kit)
    check(len(reports) >= 9, f"{len(reports)} events")
    for one in payloads(kit, "event") + payloads(kit, "transaction"):
        check((one["release"], one["environment"]) == ("shop@1.2", "test"), f"{one['release']} {one['environment']}")


def shop(home):
    """Requests with spans, tags, breadcrumbs, errors, each in the right trace."""
    kit = Testkit(home)
    run_shop(home, sentry(kit.dsn))
    all_keep_the_rules(home, kit)
    transactions = same_transactions(home, kit)
    reports = same_events(home, kit)
    compare("names", ["GET /cart/*", "GET /cart/*", "POST /pay"], [one["name"] for one in transactions])
    pay = next(one for one in transactions if one["name"] == "POST /pay")
    compare("spans", ["check order", "SELECT price", "charge card"], [span["description"] for span in pay["spans"]])
    check((pay["op"], pay["status"], pay["tags"]) == ("http.server", "internal_error", {"tenant": "acme"}), f"{pay}")
    report, = reports
    check(report["originalReport"]["contexts"]["trace"]["trace_id"] == pay["traceId"], "the error is in another trace")
    crumbs = [crumb["message"] for crumb in report["breadcrumbs"]["values"]]
    check(crumbs == ["order is complete", "bank said no"], f"breadcrumbs: {crumbs}")


def nginx(home):
    kit = Testkit(home)
    truth = run_nginx(home, sentry(kit.dsn), total=200, mode="run")
    all_keep_the_rules(home, kit)
    same_transactions(home, kit)
    here = [span.request() for span in (Span(*triple[::2]) for triple in in_file(home, "traces")) if span.is_http]
    compare("the access log and the file", truth, here)
    words = collections.Counter(one["status"] for one in kit.found()["transactions"] if one["op"] == "http.server")
    wanted = collections.Counter({200: "ok", 404: "not_found", 503: "unavailable"}[status] for _, _, status in truth)
    check(words == wanted, f"statuses {dict(words)}, by the access log {dict(wanted)}")


def large(home):
    """More than 1,000 spans in one trace: several transactions, no span lost, none twice."""
    kit = Testkit(home)
    source = home.write("large.c", """
#include <tagalong.h>
int main(void)
{
	TAGALONG_SPAN("import")
	{
		for (int i = 0; i < 2500; i++)
			TAGALONG_SPAN("line") {}
	}
	return 0;
}
""")
    binary = home.path("large")
    subprocess.run([need_program("cc", "gcc"), "-I", api.INCLUDE, "-o", binary, source], check=True)
    status, out, err = home.run([binary], "preload", env=sentry(kit.dsn))
    check(status == 0, f"{status}: {out}{err}")
    home.settle()
    all_keep_the_rules(home, kit)
    transactions = same_transactions(home, kit)
    check(len(transactions) >= 3, f"{len(transactions)} transactions")
    home.note(f"{len(transactions)} transactions")


def files(home):
    """The same envelopes as files of a directory."""
    directory = home.path("envelopes", "x")[:-2]
    run_shop(home, {"TAGALONG_ENVELOPES": directory, "OTEL_SERVICE_NAME": "shop"})
    kit, kinds = Testkit(home), collections.Counter()
    names = [name for name in os.listdir(directory) if not name.startswith(".")]
    for name in sorted(names):
        with open(os.path.join(directory, name), "rb") as stream:
            data = stream.read()
        wrong = envelopes.lint(data)
        check(not wrong, f"{name}: {wrong[:4]}")
        kinds.update(item["type"] for item, _ in envelopes.split(data)[1])
        check(kit.post(data)[0] == 200, f"sentry-testkit does not take {name}")
    check(kinds["transaction"] == 3 and kinds["event"] == 1 and kinds["log"] >= 1, f"{dict(kinds)}")
    same_transactions(home, kit)
    same_events(home, kit)


def both(home):
    """A collector and Sentry at once: each has everything."""
    kit, receiver = Testkit(home), Otlp(home)
    run_shop(home, {**sentry(kit.dsn), "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.base})
    receiver.all_right()
    same_as_file(home, receiver)
    same_as_file(home, receiver, "logs")
    same_transactions(home, kit)
    same_events(home, kit)


def examples(home):
    """The examples of the documents, one after the other, to both."""
    kit, receiver = Testkit(home), Otlp(home)
    names = sorted(name for name in os.listdir(os.path.join(api.HERE, "examples")) if name.endswith(".c"))
    for name in names:
        binary = api.compile_program(home, f"examples/{name}", "cc", "-std=gnu11", warnings=False)
        status, out, err = home.run([binary], "run", env={**sentry(kit.dsn),
                                                          "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.base})
        check(status == 0, f"{name}: {status}: {out}{err}")
        home.settle()
    receiver.all_right()
    all_keep_the_rules(home, kit)
    spans = same_as_file(home, receiver)
    same_as_file(home, receiver, "logs")
    same_transactions(home, kit)
    same_events(home, kit)
    missing = {"serve", "nightly", "load order", "upload", "mail to acme", "answer", "batch"} - {item["name"] for item, _, _ in spans}
    check(not missing, f"no spans {missing}")
    home.note(f"{len(names)} programs, {len(spans)} spans")


def spotlight(home):
    """Our trace and our error stand in Spotlight's page.  TAGALONG_TEST_SCREENSHOT=FILE keeps the picture."""
    light = Spotlight(home)
    run_shop(home, sentry(light.dsn), carts=1)
    picture = home.path("spotlight.png")
    text = light.look({"see": "GET /cart/*"}, {"click": "POST /pay"}, {"see": "charge card"}, {"shot": picture},
                      {"text": True}, {"open": f"http://localhost:{light.port}/telemetry/errors"}, {"see": "CardError"},
                      {"see": "card was declined"})
    for words in ("POST /pay", "check order", "charge card", "tenant", "acme"):
        check(words in text, f"the page does not show {words}: {' '.join(text.split())[:600]}")
    with open(picture, "rb") as stream:
        head = stream.read(24)
    check(head[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", head[16:]) == (1280, 720), f"{head!r}")
    if "TAGALONG_TEST_SCREENSHOT" in os.environ:
        shutil.copy(picture, os.environ["TAGALONG_TEST_SCREENSHOT"])


TESTS = [("receivers/sentry_program", program), ("receivers/sentry_shop", shop), ("receivers/sentry_nginx", nginx),
         ("receivers/sentry_large", large), ("receivers/sentry_files", files), ("receivers/sentry_and_otlp", both),
         ("receivers/examples", examples),
         ("receivers/spotlight", spotlight)]
