# SPDX-License-Identifier: MIT
"""test_known_otlp.py - the OTLP receivers themselves: they take what is known to be right, and refuse all else.

A receiver that takes everything proves nothing.  So each rule of strict.js has a request
here that breaks this rule and no other.
"""

import copy
import gzip
import json

from lib import compare, free_port
from receivers import *

TRACE, SPAN, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
START, END = 1763770000000000000, 1763770000000000500


def good(signal):
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "Grüße"}}]}
    items = {
        "traces": [{"traceId": TRACE, "spanId": SPAN, "parentSpanId": PARENT, "name": "GET /", "kind": 2,
                    "startTimeUnixNano": str(START), "endTimeUnixNano": str(END), "flags": 769,
                    "attributes": [{"key": "n", "value": {"intValue": "5"}}, {"key": "none", "value": {}}],
                    "events": [{"timeUnixNano": str(START), "name": "e"}],
                    "links": [{"traceId": TRACE, "spanId": PARENT}], "status": {"code": 2, "message": "no"}}],
        "logs": [{"timeUnixNano": str(START), "observedTimeUnixNano": str(END), "severityNumber": 9, "traceId": TRACE,
                  "spanId": SPAN, "body": {"stringValue": "hello"}, "eventName": "exception"}],
        "metrics": [{"name": "h", "unit": "s", "histogram": {"aggregationTemporality": 2, "dataPoints": [{
            "startTimeUnixNano": str(START), "timeUnixNano": str(END), "count": "3", "sum": 1.5,
            "bucketCounts": ["1", "2"], "explicitBounds": [0.5],
            "exemplars": [{"timeUnixNano": str(START), "asDouble": 0.25, "traceId": TRACE, "spanId": SPAN}]}]}}]}
    outer, middle, inner = SHAPES[signal]
    return {outer: [{"resource": resource, middle: [{"scope": {"name": "test"}, inner: items[signal]}]}]}


def changed(signal, change):
    """A good request, with its only span, record or metric changed."""
    request = copy.deepcopy(good(signal))
    change(flatten(signal, request)[0][0], request)
    return request


def put(**members):
    return lambda item, request: item.update(members)


def within(group, **members):
    return lambda item, request: item[group][0].update(members)


def point(**members):
    return lambda item, request: item["histogram"]["dataPoints"][0].update(members)


def drop(*names):
    return lambda item, request: [item.pop(name) for name in names]


def attribute(*entries):
    return put(attributes=[{"key": key, "value": value} for key, value in entries])


WRONG_JSON = {
    "unknown key": ("traces", put(colour="red")), "snake case": ("traces", put(trace_state="a=b")),
    "unknown key in an event": ("traces", within("events", line=1)), "null": ("traces", put(traceState=None)),
    "name of a kind": ("traces", put(kind="SPAN_KIND_SERVER")), "kind 9": ("traces", put(kind=9)),
    "kind 0": ("traces", put(kind=0)),
    "name of a status": ("traces", put(status={"code": "STATUS_CODE_ERROR"})), "status 7": ("traces", put(status={"code": 7})),
    "empty status": ("traces", put(status={})), "message without error": ("traces", put(status={"code": 1, "message": "no"})),
    "short trace id": ("traces", put(traceId=TRACE[2:])), "long span id": ("traces", put(spanId=SPAN + "00")),
    "base64 id": ("traces", put(traceId="CvdlGRbNQ92ESOshHIAxnA==")), "capital id": ("traces", put(spanId=SPAN.upper())),
    "empty parent": ("traces", put(parentSpanId="")), "zero trace id": ("traces", put(traceId="0" * 32)),
    "no trace id": ("traces", drop("traceId")), "its own parent": ("traces", put(parentSpanId=SPAN)),
    "short link": ("traces", within("links", spanId="00")), "number for a time": ("traces", put(startTimeUnixNano=START)),
    "no end": ("traces", drop("endTimeUnixNano")), "end before start": ("traces", put(endTimeUnixNano=str(START - 1))),
    "time with a fraction": ("traces", put(endTimeUnixNano=f"{END}.5")), "no name": ("traces", drop("name")),
    "number for an int": ("traces", attribute(("n", {"intValue": 5}))),
    "int over 64 bits": ("traces", attribute(("n", {"intValue": str(1 << 64)}))),
    "text for a double": ("traces", attribute(("n", {"doubleValue": "1.5"}))),
    "key twice": ("traces", attribute(("n", {"intValue": "5"}), ("n", {"intValue": "6"}))),
    "empty key": ("traces", attribute(("", {"intValue": "5"}))),
    "no value": ("traces", put(attributes=[{"key": "n"}])), "two values": ("traces", attribute(
        ("n", {"intValue": "5", "stringValue": "five"}))),
    "empty list": ("traces", put(attributes=[])), "no spans": (
        "traces", lambda item, request: request["resourceSpans"][0]["scopeSpans"][0].update(spans=[])),
    "no scopes": ("traces", lambda item, request: request["resourceSpans"][0].update(scopeSpans=[])),
    "nothing": ("traces", lambda item, request: request.clear()),
    "no resource": ("traces", lambda item, request: request["resourceSpans"][0].pop("resource")),
    "logs as traces": ("traces", lambda item, request: (request.clear(), request.update(good("logs")))),
    "no time": ("logs", drop("timeUnixNano", "observedTimeUnixNano")), "severity 25": ("logs", put(severityNumber=25)),
    "empty trace id": ("logs", put(traceId="")), "span without trace": ("logs", drop("traceId")),
    "text for a body": ("logs", put(body="hello")),
    "no temporality": ("metrics", lambda item, request: item["histogram"].pop("aggregationTemporality")),
    "no points": ("metrics", lambda item, request: item["histogram"].update(dataPoints=[])),
    "two kinds": ("metrics", put(gauge={"dataPoints": [{"timeUnixNano": str(END), "asInt": "1"}]})),
    "buckets and count": ("metrics", point(count="4")), "buckets and bounds": ("metrics", point(explicitBounds=[1, 2])),
    "falling bounds": ("metrics", point(explicitBounds=[2, 1], bucketCounts=["1", "1", "1"])),
    "number for a count": ("metrics", point(count=3)), "no start": ("metrics", point(startTimeUnixNano="0")),
    "exemplar's id": ("metrics", point(exemplars=[{"timeUnixNano": str(END), "asDouble": 1, "traceId": SPAN}])),
}


def json_rules(home):
    receiver = Otlp(home)
    for signal in SHAPES:
        status, answer = receiver.post(signal, json.dumps(good(signal)).encode())
        check(status == 200, f"good {signal}: {answer}")
    taken = [name for name, (signal, change) in WRONG_JSON.items()
             if receiver.post(signal, json.dumps(changed(signal, change)).encode())[0] != 400]
    check(not taken, f"taken, but wrong: {taken}")
    text = json.dumps(good("traces"), ensure_ascii=False).encode()
    for name, body in {"latin-1": text.replace("ü".encode(), b"\xfc"), "cut": text[:-1], "more": text + b"{}"}.items():
        check(receiver.post("traces", body)[0] == 400, f"taken, but wrong: {name}")
    check(receiver.counts()["traces"] == 1, f"counts: {receiver.counts()}")
    home.note(f"{len(WRONG_JSON) + 3} requests refused")


# ---- protobuf, written by hand ----

def varint(number):
    out = b""
    while number > 0x7f:
        out, number = out + bytes([number & 0x7f | 0x80]), number >> 7
    return out + bytes([number])


def field(number, value, wire=None):
    if isinstance(value, int):
        if wire in (None, 0):
            return varint(number << 3) + varint(value)
        return varint(number << 3 | wire) + value.to_bytes(8 if wire == 1 else 4, "little")
    return varint(number << 3 | 2) + varint(len(value)) + value


def request_of(*spans, resource=True):
    service = field(1, field(1, b"service.name") + field(2, field(1, b"x")))
    scope = field(1, field(1, b"test")) + b"".join(field(2, span) for span in spans)
    return field(1, (field(1, service) if resource else b"") + field(2, scope))


IDS = field(1, bytes.fromhex(TRACE)) + field(2, bytes.fromhex(SPAN))
TIMES = field(7, START, 1) + field(8, END, 1)
GOOD = IDS + field(5, b"GET /") + field(6, 2) + TIMES
WRONG_PROTOBUF = {
    "unknown field": request_of(GOOD + field(99, 1)), "unknown field outside": request_of(GOOD) + field(7, b"x"),
    "long trace id": request_of(field(1, b"1" * 17) + field(2, b"1" * 8) + field(5, b"n") + field(6, 2) + TIMES),
    "empty span id": request_of(field(1, b"1" * 16) + field(2, b"") + field(5, b"n") + field(6, 2) + TIMES),
    "not UTF-8": request_of(IDS + field(5, b"\xff\xfe") + field(6, 2) + TIMES),
    "half a character": request_of(IDS + field(5, "ü".encode()[:1]) + field(6, 2) + TIMES),
    "end before start": request_of(IDS + field(5, b"n") + field(6, 2) + field(7, END, 1) + field(8, START, 1)),
    "empty status": request_of(GOOD + field(15, b"")), "kind 9": request_of(IDS + field(5, b"n") + field(6, 9) + TIMES),
    "time as varint": request_of(IDS + field(5, b"n") + field(6, 2) + field(7, START) + field(8, END, 1)),
    "field twice": request_of(GOOD + field(5, b"GET /")), "cut": request_of(GOOD)[:-1],
    "empty envelope": field(1, b""), "no spans": request_of(), "nothing": b"",
    "no resource": request_of(GOOD, resource=False),
}


def protobuf_rules(home):
    receiver = Otlp(home)
    kind = "application/x-protobuf"
    status, answer = receiver.post("traces", request_of(GOOD), kind)
    check(status == 200 and answer == b"", f"good: {status} {answer}")
    taken = [name for name, body in WRONG_PROTOBUF.items() if receiver.post("traces", body, kind)[0] != 400]
    check(not taken, f"taken, but wrong: {taken}")
    home.note(f"{len(WRONG_PROTOBUF)} requests refused")


def transport_rules(home):
    receiver = Otlp(home)
    body = json.dumps(good("traces")).encode()
    packed = gzip.compress(body)
    cases = {"good": (200, "/v1/traces", packed, {"Content-Encoding": "gzip"}),
             "plain as gzip": (400, "/v1/traces", body, {"Content-Encoding": "gzip"}),
             "gzip as plain": (400, "/v1/traces", packed, {}),
             "two members": (400, "/v1/traces", packed + gzip.compress(b" "), {"Content-Encoding": "gzip"}),
             "deflate": (400, "/v1/traces", packed, {"Content-Encoding": "deflate"}),
             "path": (400, "/v1/traces/", body, {}), "type": (400, "/v1/traces", body, {"Content-Type": "text/json"})}
    for name, (wanted, path, data, headers) in cases.items():
        status, answer = get(receiver.base + path, data,
                             {"Content-Type": "application/json", "User-Agent": "test/1", **headers})
        check(status == wanted, f"{name}: {status} {answer}")


def protoc_rules(home):
    """protoc shows unknown fields, and says so when text is not UTF-8."""
    receiver = Otlp(home)
    for name, body in (("good", request_of(GOOD)), ("unknown", WRONG_PROTOBUF["unknown field"]),
                       ("time as varint", WRONG_PROTOBUF["time as varint"]), ("text", WRONG_PROTOBUF["not UTF-8"])):
        for path in glob.glob(os.path.join(receiver.dir, "*.pb")):
            os.remove(path)
        with open(os.path.join(receiver.dir, "1.traces.pb"), "wb") as out:
            out.write(body)
        try:
            counts, times = protoc(receiver)
        except Failure:
            check(name != "good", "protoc refuses a good request")
            continue
        check(name == "good", f"protoc takes: {name}")
        check(counts["traces"] == 1 and sorted(time for _, time in times) == [str(START), str(END)], f"{counts} {times}")


def known(protocol, *more):
    """OpenTelemetry's own packages send: everything is taken and counted."""
    def test(home):
        receiver = Otlp(home)
        sent = json.loads(run_node(home, "sender.js", receiver.base, protocol, *more))
        counts = receiver.all_right()
        compare("spans", sent["spans"], [item["name"] for item, _, _ in receiver.items("traces")])
        compare("metrics", sent["metrics"], [item["name"] for item, _, _ in receiver.items("metrics")])
        check(len(receiver.items("logs")) == sent["logs"] == counts["logs"], f"logs: {counts}")
        if more:
            check(counts["gzip"] == counts["requests"], f"not all compressed: {counts}")
        if protocol == "protobuf":
            seen, times = protoc(receiver)
            check(seen == {signal: counts[signal] for signal in SHAPES}, f"protoc: {seen}, transformer: {counts}")
            check(len(times) == 2 * counts["traces"], f"protoc: {len(times)} times")
    return test


def known_store(home):
    """autotel-mcp takes them too, and tells of what it took."""
    store = Store(home, free_port())
    sent = json.loads(run_node(home, "sender.js", store.base, "json"))
    found = store.tool("search_spans", serviceName="sender")
    compare("spans", sent["spans"], [span["operationName"] for span in found["items"]])
    child = next(span for span in found["items"] if span["parentSpanId"])
    check(child["operationName"] == "SELECT" and child["statusCode"] == "ERROR", f"child: {child}")
    check(store.tool("search_logs", serviceName="sender")["totalCount"] == sent["logs"], "logs")


# ---- comparisons ----

class Received:
    """A receiver that has what it is told."""

    def __init__(self, *requests):
        self.found = [triple for one in requests for triple in flatten("traces", one)]

    def items(self, signal):
        return self.found


def comparison_rules(home):
    """What differs from the file anywhere is seen."""
    def all_of(change):
        return Received(changed("traces", change))

    home.write("tagalong.jsonl", json.dumps(good("traces")) + "\n")
    # Written in another way, and the same: other order, a number that is 0 anyhow.
    same_as_file(home, all_of(lambda item, request: (item["attributes"].reverse(), item.update(droppedLinksCount=0))))
    cases = {
        "nothing": Received(), "twice": Received(good("traces"), good("traces")), "another id": all_of(put(spanId=PARENT)),
        "another parent": all_of(put(parentSpanId=SPAN)), "no parent": all_of(drop("parentSpanId")),
        "another name": all_of(put(name="GET /x")), "another kind": all_of(put(kind=3)),
        "a nanosecond": all_of(put(endTimeUnixNano=str(END + 1))), "no flags": all_of(drop("flags")),
        "no status": all_of(drop("status")), "another message": all_of(put(status={"code": 2, "message": "yes"})),
        "no event": all_of(drop("events")), "another event": all_of(within("events", name="f")),
        "another link": all_of(within("links", spanId=SPAN)), "dropped": all_of(put(droppedAttributesCount=1)),
        "another value": all_of(attribute(("n", {"intValue": "6"}), ("none", {}))),
        "another type": all_of(attribute(("n", {"stringValue": "5"}), ("none", {}))),
        "false for none": all_of(attribute(("n", {"intValue": "5"}), ("none", {"boolValue": False}))),
        "one attribute less": all_of(attribute(("n", {"intValue": "5"}))),
        "another service": all_of(lambda item, request: request["resourceSpans"][0]["resource"]["attributes"][0].update(
            value={"stringValue": "y"})),
        "another scope": all_of(lambda item, request: request["resourceSpans"][0]["scopeSpans"][0]["scope"].update(
            name="other")),
    }
    for name, receiver in cases.items():
        try:
            same_as_file(home, receiver)
        except Failure:
            continue
        raise Failure(f"not seen: {name}")
    home.note(f"{len(cases)} differences seen")


TESTS = [("receivers/json_rules", json_rules), ("receivers/protobuf_rules", protobuf_rules),
         ("receivers/transport_rules", transport_rules), ("receivers/protoc_rules", protoc_rules),
         ("receivers/comparison_rules", comparison_rules),
         ("receivers/known_protobuf", known("protobuf")), ("receivers/known_gzip", known("protobuf", "gzip")),
         ("receivers/known_json", known("json")), ("receivers/known_store", known_store)]
