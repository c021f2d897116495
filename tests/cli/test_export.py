# SPDX-License-Identifier: MIT
"""test_export.py - files exported to other formats: every span, once, as it was."""

import csv
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import time

import perfetto
from cli import TAGALONG, Failed, Skipped, build_c, contains, environment, run, same, start, test


def spans_in(path):
    found = {}
    with open(path) as lines:
        for line in lines:
            for resource in json.loads(line).get("resourceSpans", ()):
                for scope in resource["scopeSpans"]:
                    for span in scope["spans"]:
                        found[span["spanId"]] = span
    return found


def exported(place, what, *arguments, code=0):
    result = run(place, "export", "--to", what, "-o", f"out.{what}", *arguments)
    same(f"status of --to {what} ({result.stderr.strip()})", result.returncode, code)
    with open(os.path.join(place, f"out.{what}")) as out:
        return out.read()


def same_spans(place, source):
    """Each format has every span, once, with its times."""
    spans = spans_in(source)
    times = {name: (int(one["startTimeUnixNano"]), int(one["endTimeUnixNano"]))
             for name, one in spans.items()}
    document = perfetto.load(exported(place, "perfetto", source))
    wrong = perfetto.check(document)
    if wrong:
        raise Failed(f"{len(wrong)} things wrong in the trace: {wrong[:2]}")
    base = int(document["otherData"]["unix time of 0"])
    same("spans drawn", {name: (base + int(begun), base + int(ended)) for name, (begun, ended)
                         in perfetto.spans_of(document).items()}, times)
    exported(place, "otlp", source)
    same("OTLP spans", spans_in(os.path.join(place, "out.otlp")), spans)
    rows = list(csv.DictReader(io.StringIO(exported(place, "csv", source))))
    same("CSV rows", {row["span_id"]: (int(row["start_unix_nano"]), int(row["start_unix_nano"]) +
                                       int(row["duration_ns"])) for row in rows}, times)
    same("CSV names", {row["span_id"]: row["name"] for row in rows},
         {name: one["name"] for name, one in spans.items()})
    return document


def interleave(port, rounds):
    """Requests that are under way at the same time in one thread of the server."""
    for _ in range(rounds):
        open_ones = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(6)]
        for one in open_ones:
            one.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n"
                        b"Connection: close\r\n\r\nabc")
        for one in reversed(open_ones):
            one.sendall(b"def")
        for one in open_ones:
            while one.recv(65536):
                pass
            one.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@test
def export_nginx(place):
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not nginx:
        raise Skipped("nginx is not installed")
    port = free_port()
    with open(os.path.join(place, "nginx.conf"), "w") as conf:
        conf.write(f"daemon off; worker_processes 2; pid {place}/pid; error_log {place}/error;\n"
                   f"events {{}}\nhttp {{ access_log off; client_body_temp_path {place}/body;\n"
                   f"proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fcgi;\n"
                   f"uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;\n"
                   f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass\n"
                   f"http://127.0.0.1:{port}/x; }} location /x {{ return 200 hello; }} }} }}\n")
    os.chmod(place, 0o755)
    server = start(place, "run", "-q", "-o", "out.jsonl", nginx, "-p", place, "-c",
                   os.path.join(place, "nginx.conf"))
    try:
        end = time.monotonic() + 20
        while True:
            try:
                interleave(port, 20)
                break
            except ConnectionRefusedError:
                if time.monotonic() > end or server.poll() is not None:
                    raise
                time.sleep(0.1)
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
    source = os.path.join(place, "out.jsonl")
    end = time.monotonic() + 20
    while (not os.path.exists(source) or len(spans_in(source)) < 240) and time.monotonic() < end:
        time.sleep(0.2)
    document = same_spans(place, source)
    phases = [event["ph"] for event in document["traceEvents"]]
    if "b" not in phases or "X" not in phases:
        raise Failed("requests that overlap are not on tracks of their own")
    # The checker sees what it is for.
    for event in document["traceEvents"]:
        if event["ph"] == "b":
            event["ph"] = "X"
            event["dur"] = 1000000
    if not perfetto.check(document):
        raise Failed("the checker finds nothing wrong with spans that overlap")


@test
def export_events(place):
    """What is captured, and threads that go on elsewhere."""
    made = build_c(place, "app", """
#include <pthread.h>
#include <tagalong.h>
static void *work(void *user)
{
	TAGALONG_SPAN("work") tagalong_capture_error("WorkError", "it broke");
	return user;
}
int main(void)
{
	pthread_t thread;
	TAGALONG_SPAN("order") {
		pthread_create(&thread, 0, work, 0);
		pthread_join(thread, 0);
	}
}
""", "-I", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../runtime/include"),
                   "-pthread")
    same("app", run(place, "-q", made).returncode, 0)
    source = os.path.join(place, "tagalong.jsonl")
    end = time.monotonic() + 20
    while not (os.path.exists(source) and os.path.exists(source.replace(".jsonl", ".logs.jsonl"))
               and len(spans_in(source)) >= 2) and time.monotonic() < end:
        time.sleep(0.1)
    document = same_spans(place, source)
    events = document["traceEvents"]
    found = [event for event in events if event["ph"] == "i" and "it broke" in event["name"]]
    same("instants of what was captured", len(found), 1)
    tid = next(event["tid"] for event in events if event["name"] == "work")
    same("its track", found[0]["tid"], tid)
    if not [event for event in events if event["ph"] == "f" and event["tid"] == tid]:
        raise Failed("no arrow to the thread")
    contains("OTLP", exported(place, "otlp"), "it broke")


@test
def export_refuses(place):
    result = run(place, "export", "--to", "pdf")
    same("unknown format", result.returncode, 2)
    contains("stderr", result.stderr, "perfetto, otlp or csv")
    same("no format", run(place, "export").returncode, 2)
    same("two files", run(place, "export", "--to", "csv", "a", "b").returncode, 2)
    result = run(place, "export", "--to", "csv", XDG_STATE_HOME=place)
    same("no file", result.returncode, 1)
    contains("stderr", result.stderr, "no traces", "tagalong export FILE")
    line = ('{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%s","spanId":"%s","name":"x"'
            ',"startTimeUnixNano":"1000","endTimeUnixNano":"2000"}]}]}]}\n')
    source = os.path.join(place, "a.jsonl")
    with open(source, "w") as out:
        out.write(line % ("1" * 32, "2" * 16) + "garbage\n" + line % ("3" * 32, "4" * 16))
    with open(source + ".1", "w") as out:
        out.write(line % ("5" * 32, "6" * 16))
    same("rows", len(exported(place, "csv", source, code=3).splitlines()), 3)
    same("rotated", len(exported(place, "csv", "--all", source, code=3).splitlines()), 4)
    same("one trace", len(exported(place, "csv", "--trace", "33", source, code=3).splitlines()), 2)
    same("since", len(exported(place, "csv", "--since", "1h", source, code=3).splitlines()), 1)
    before = open(source).read()
    same("over itself", run(place, "export", "--to", "csv", "-o", source, source).returncode, 1)
    same("the file", open(source).read(), before)
    result = subprocess.run([TAGALONG, "export", "--to", "otlp", "-"], input=before, cwd=place,
                            env=environment(place), capture_output=True, text=True, timeout=60)
    same("standard input", (result.returncode, len(result.stdout.splitlines())), (3, 2))
