# SPDX-License-Identifier: MIT
"""test_otlp.py - what goes to a collector, as others understand it, against the file of the same run.

The file exporter is one destination among several, so what is in the file and what arrived
elsewhere come from the same traces.  They have to be the same field by field, in every
encoding.
"""

import http.client
import signal
import subprocess
import threading

import api
from lib import Span, compare, free_port
from receivers import *
from test_truth_http import make_site

REQUESTS = 600
HTTP = "http.server.request.duration"


def collector(base, **more):
    """The environment that sends everything there."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": base, "OTEL_SERVICE_NAME": "shop", "OTEL_METRIC_EXPORT_INTERVAL": "500",
            **more}


def run_every(home, env):
    """tests/api/every.c: every function of the API once, so every kind of span, event and link."""
    program = api.compile_program(home, "every.c", "cc", "-std=gnu11", warnings=False)
    status, out, err = home.run([program, "present"], "preload", env=env)
    check(status == 0, f"every present: {status}: {out}{err}")
    home.settle()


def ask(port, count):
    """So many requests on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    targets = ("/", "/small.txt?a=1", "/missing", "/error")
    for number in range(count):
        connection.request("GET", targets[number % len(targets)])
        connection.getresponse().read()
    connection.close()


def run_nginx(home, env, total=REQUESTS, mode="preload"):
    """nginx takes total requests; returns the (method, target, status) of its access log."""
    nginx = need_program("nginx")
    port, site = free_port(), make_site(home) or home.path("site/x")[:-2]
    config = home.write("nginx.conf", f"""
worker_processes 2; daemon off; pid {home.path('nginx.pid')}; error_log {home.path('error.log')};
events {{ worker_connections 256; }}
http {{ log_format truth '$request_method $request_uri $status'; access_log {home.path('access.log')} truth;
client_body_temp_path {home.path('b')}; proxy_temp_path {home.path('p')}; fastcgi_temp_path {home.path('f')};
uwsgi_temp_path {home.path('u')}; scgi_temp_path {home.path('s')};
server {{ listen 127.0.0.1:{port}; root {site}; location /error {{ return 503; }} }} }}
""")
    server = home.start([nginx, "-c", config, "-p", home.dir], mode, port=port, env=env)
    clients = [threading.Thread(target=ask, args=(port, total // 4)) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    home.stop(server, signal.SIGQUIT)
    home.settle()
    lines = [line.split() for line in home.read("access.log").splitlines()]
    check(len(lines) == total, f"{len(lines)} lines in the access log after {total} requests")
    return [(method, target, int(status)) for method, target, status in lines]


def everything_arrives(home, receiver, env):
    run_every(home, env)
    counts = receiver.all_right()
    spans = same_as_file(home, receiver)
    logs = same_as_file(home, receiver, "logs")
    check(len(spans) >= 9 and len(logs) >= 9, f"{len(spans)} spans, {len(logs)} logs")
    for name in ("events", "links", "status", "parentSpanId", "attributes"):
        check(any(name in item for item, _, _ in spans), f"no span has {name}")
    home.note(f"{len(spans)} spans, {len(logs)} logs in {counts['requests']} requests")
    return counts


def program(protocol=None, compression=None):
    def test(home):
        receiver = Otlp(home)
        counts = everything_arrives(home, receiver, collector(
            receiver.base, OTEL_EXPORTER_OTLP_PROTOCOL=protocol, OTEL_EXPORTER_OTLP_COMPRESSION=compression))
        check(counts["gzip"] == (counts["requests"] if compression == "gzip" else 0), f"compressed: {counts}")
        wanted = "json" if protocol == "http/json" else "protobuf"
        seen = {line["protocol"] for name in SHAPES for line in receiver.requests(name)}
        check(seen == {wanted}, f"protocols: {seen}")
        if wanted == "protobuf":
            numbers, times = protoc(receiver)
            check(numbers == {name: counts[name] for name in SHAPES}, f"protoc: {numbers}, transformer: {counts}")
            compare("times that protoc reads", [str(item[key]) for item, _, _ in in_file(home, "traces")
                                                for key in ("startTimeUnixNano", "endTimeUnixNano")],
                    [time for _, time in times])
    return test


def request_counts(receiver):
    """(method, status) -> requests, of http.server.request.duration: the last word of each stream, or the sum of deltas."""
    last, total = {}, {}
    for metric, _, resource in receiver.items("metrics"):
        if metric["name"] != HTTP:
            continue
        data = metric["histogram"]
        check(metric["unit"] == "s", f"unit: {metric['unit']}")
        for point in data["dataPoints"]:
            stream = (attributes(resource["attributes"]), attributes(point["attributes"]))
            count = int(point["count"])
            if data["aggregationTemporality"] == 1:
                last[stream] = last.get(stream, 0) + count
            else:
                last[stream] = max(last.get(stream, 0), count)
    for (_, point), count in last.items():
        named = {key: value for key, (_, value) in point}
        key = (named["http.request.method"], int(named["http.response.status_code"]))
        total[key] = total.get(key, 0) + count
    return total


def same_counts(truth, receiver):
    wanted = {}
    for method, _, status in truth:
        wanted[method, status] = wanted.get((method, status), 0) + 1
    counted = request_counts(receiver)
    check(counted == wanted, f"requests by metrics {counted}, by the access log {wanted}")


def nginx(temporality=None):
    def test(home):
        receiver = Otlp(home)
        truth = run_nginx(home, collector(
            receiver.base, OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=temporality), mode="run")
        receiver.all_right()
        seen = [span.request() for span in map(lib_span, same_as_file(home, receiver)) if span.is_http]
        compare("the access log and what arrived", truth, seen)
        same_counts(truth, receiver)
        home.note(f"{len(truth)} requests")
    return test


def lib_span(triple):
    return Span(triple[0], triple[2])


def sampled(home):
    """Of all traces few are exported, but every request is counted; exemplars point to traces that are there."""
    receiver = Otlp(home)
    truth = run_nginx(home, collector(receiver.base, TAGALONG_TRACES_SAMPLE_RATE="0.1"))
    receiver.all_right()
    spans = same_as_file(home, receiver)
    check(0 < len(spans) < len(truth) / 2, f"{len(spans)} spans of {len(truth)} requests at a rate of 0.1")
    same_counts(truth, receiver)
    here = {item["traceId"] for item, _, _ in spans}
    for metric, _, _ in receiver.items("metrics"):
        for point in metric.get("histogram", {}).get("dataPoints", []):
            for exemplar in point.get("exemplars", []):
                check(exemplar["traceId"] in here, f"an exemplar of {metric['name']} points to nowhere")


def headers(home):
    """Headers are sent decoded, and each request is as it should be."""
    receiver = Otlp(home)
    run_every(home, collector(receiver.base, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20abc,x-team=core",
                              OTEL_EXPORTER_OTLP_LOGS_HEADERS="x-team=logs"))
    receiver.all_right()
    for name, team, authorization in (("traces", "core", "Bearer abc"), ("logs", "logs", None)):
        for line in receiver.requests(name):
            sent = line["headers"]
            check((sent.get("x-team"), sent.get("authorization")) == (team, authorization), f"{name}: {sent}")
            check(sent["user-agent"].startswith(("tagalong/", "Tagalong/")), f"{sent['user-agent']}")
    check("abc" not in home.read("agent.log"), "the agent's log tells a header")


# ---- TLS ----

def make_certificates(home):
    """An authority of our own, and a server's and a client's certificate by it."""
    openssl = need_program("openssl")

    def run(*arguments):
        done = subprocess.run([openssl, *arguments], cwd=home.dir, capture_output=True, text=True)
        check(done.returncode == 0, f"openssl {arguments[0]}: {done.stderr[-300:]}")

    for name in ("ca", "other"):
        run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-days", "2",
            "-keyout", f"{name}.key", "-out", f"{name}.pem")
    home.write("names", "subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        run("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
            "-out", f"{name}.csr")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", f"{name}.pem")


def https(home):
    make_certificates(home)
    receiver = Otlp(home, home.path("server.pem"), home.path("server.key"))
    everything_arrives(home, receiver, collector(receiver.base, OTEL_EXPORTER_OTLP_CERTIFICATE=home.path("ca.pem"),
                                                 OTEL_EXPORTER_OTLP_COMPRESSION="gzip"))


def https_client(home):
    """A collector that asks for our certificate, and takes nothing without."""
    make_certificates(home)
    receiver = Otlp(home, home.path("server.pem"), home.path("server.key"), home.path("ca.pem"))
    receiver.client = (home.path("client.pem"), home.path("client.key"))
    run_every(home, collector(receiver.base, OTEL_EXPORTER_OTLP_CERTIFICATE=home.path("ca.pem"),
                              OTEL_BSP_EXPORT_TIMEOUT="300", TAGALONG_FILE="none",
                              TAGALONG_SPOOL_DIR=home.path("lost", "x")[:-2]))
    check(receiver.counts()["requests"] == 0, f"{receiver.counts()}")
    everything_arrives(home, receiver, collector(
        receiver.base, OTEL_EXPORTER_OTLP_CERTIFICATE=home.path("ca.pem"),
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=home.path("client.pem"),
        OTEL_EXPORTER_OTLP_CLIENT_KEY=home.path("client.key")))


def https_stranger(home):
    """A collector with a certificate of somebody else's authority gets nothing."""
    make_certificates(home)
    receiver = Otlp(home, home.path("server.pem"), home.path("server.key"))
    run_every(home, collector(receiver.base, OTEL_EXPORTER_OTLP_CERTIFICATE=home.path("other.pem"),
                              OTEL_BSP_EXPORT_TIMEOUT="300"))
    check(receiver.counts()["requests"] == 0, f"{receiver.counts()}")
    check(in_file(home, "traces"), "nothing was recorded")


# ---- an independent store ----

def store(home):
    """autotel-mcp has every span, with its parent, times and values, and every log."""
    keeper = Store(home, free_port())
    env = collector(keeper.base, OTEL_EXPORTER_OTLP_PROTOCOL="http/json")
    run_every(home, env)
    truth = run_nginx(home, env, total=60)
    spans = in_file(home, "traces")
    traces = {item["traceId"] for item, _, _ in spans}
    check(keeper.tool("search_traces", serviceName="shop", limit=1)["totalCount"] == len(traces), "traces")
    found = {}
    for trace_id in traces:
        found.update(keeper.trace(trace_id))
    compare("spans", [item["spanId"] for item, _, _ in spans], list(found))
    for item, _, _ in spans:
        same_in_store(item, found[item["spanId"]])
    check(keeper.tool("list_services")["services"] == ["shop"], f"{keeper.tool('list_services')}")
    operations = keeper.tool("list_operations", serviceName="shop")["operations"]
    compare("names", {item["name"] for item, _, _ in spans}, operations)
    logs = keeper.tool("search_logs", serviceName="shop", limit=100)
    compare("logs", [log_text(item) for item, _, _ in in_file(home, "logs")], [log["body"] for log in logs["items"]])
    check(keeper.tool("list_metrics", metricName=HTTP)["totalCount"] > 0, f"no metric {HTTP}")
    home.note(f"{len(found)} spans, {len(truth)} requests")


def log_text(item):
    return item.get("body", {}).get("stringValue", "")


def same_in_store(item, seen):
    start, end = int(item["startTimeUnixNano"]) // 10 ** 6, int(item["endTimeUnixNano"]) // 10 ** 6
    wanted = (item["name"], item.get("parentSpanId"), start, end - start,
              ("UNSET", "OK", "ERROR")[item.get("status", {}).get("code", 0)])
    got = (seen["operationName"], seen["parentSpanId"], seen["startTimeUnixMs"], seen["durationMs"], seen["statusCode"])
    check(got == wanted, f"autotel-mcp has {got}, the file {wanted}")
    for key, (kind, value) in attributes(item.get("attributes")):
        if kind in ("stringValue", "intValue", "boolValue"):
            value = int(value) if kind == "intValue" else value
            check(seen["tags"].get(key) == value, f"{item['name']}: {key} is {seen['tags'].get(key)!r}, not {value!r}")


def file_lines(home):
    """Every line of the files is a request that the strict receiver takes as it is."""
    receiver = Otlp(home)
    run_every(home, {})
    run_nginx(home, {}, total=60)
    for name, path in (("traces", home.file), ("logs", api.logs_file(home))):
        with open(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                status, answer = receiver.post(name, line)
                check(status == 200, f"{name}, line {number}: {answer.decode()}")
        same_as_file(home, receiver, name, whole=True)


TESTS = [("receivers/file", file_lines), ("receivers/otlp_program", program()),
         ("receivers/otlp_program_json", program("http/json")),
         ("receivers/otlp_program_gzip", program("http/protobuf", "gzip")),
         ("receivers/otlp_program_json_gzip", program("http/json", "gzip")),
         ("receivers/otlp_nginx", nginx()), ("receivers/otlp_nginx_delta", nginx("delta")),
         ("receivers/otlp_sampled", sampled), ("receivers/otlp_headers", headers), ("receivers/otlp_https", https),
         ("receivers/otlp_https_client", https_client), ("receivers/otlp_https_stranger", https_stranger),
         ("receivers/otlp_store", store)]
