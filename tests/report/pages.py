# SPDX-License-Identifier: MIT
"""pages.py - what the tests of reports share: recorded runs, pages made of them, one browser.

The browser and the run of the shop (nginx, two Python servers, a program that crashes) are
made once, when the first test asks for them.
"""

import atexit
import json
import os
import random
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request

import browser
import crash
import lib
from lib import check

HERE = os.path.dirname(os.path.abspath(__file__))
_kept = {}

NGINX = """
worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 256; }}
http {{ access_log off; client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{shop}; }} location /static {{ return 200 "hi"; }} }} }}
"""


def report(home, *arguments, status=0, **popen):
    """Runs the command; what it says."""
    done = subprocess.run([home.tagalong, "report", *arguments], capture_output=True, timeout=300, cwd=home.dir,
                          env=home.environment(), stdin=popen.pop("stdin", subprocess.DEVNULL), **popen)
    err = done.stderr.decode(errors="replace")
    check(done.returncode == status, f"report {arguments}: {done.returncode}, not {status}: {err}")
    return err


def ask(port, targets):
    for target in targets:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{target}", timeout=30) as answer:
                answer.read()
        except urllib.error.HTTPError:
            pass


def run_shop(home):
    program = lib.need_program("nginx")
    prices, shop, port = lib.free_port(), lib.free_port(), lib.free_port()
    for own, other, name in ((prices, 0, "prices"), (shop, prices, "shop")):
        home.start(["python3", os.path.join(HERE, "shop.py"), str(own), str(other)], port=own, seconds=40,
                   env={"OTEL_SERVICE_NAME": name})
    config = home.write("nginx.conf", NGINX.format(dir=home.dir, port=port, shop=shop))
    home.start([program, "-p", home.dir, "-c", config], port=port, seconds=40)
    chance = random.Random(7)
    mix = [f"/cart/{number}" for number in range(1, 30)] + ["/static", "/broken", "/missing/x"] * 3 + \
          [f"/product/{number}?ref=mail" for number in range(10)]
    clients = [threading.Thread(target=ask, args=(port, chance.sample(mix, 40))) for _ in range(3)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    checkout = os.path.join(home.dir, "checkout")
    done = subprocess.run([lib.need_program("gcc", "cc"), "-std=gnu11", "-g", "-O0", "-pthread", "-I",
                           os.path.join(lib.ROOT, "runtime/include"), "-o", checkout, os.path.join(HERE, "checkout.c")],
                          capture_output=True, text=True)
    check(done.returncode == 0, f"checkout.c: {done.stderr[:300]}")
    status = home.run([checkout])[0]
    check(status == -11, f"checkout ended with {status}")
    for process in home.processes:
        home.stop(process)
    home.settle()


class Shop:
    """The recorded run: its spans and events, and its page."""

    def __init__(self, build):
        self.home = lib.Home(build, "report-shop")
        atexit.register(self.home.close)
        run_shop(self.home)
        self.spans = lib.read_spans(self.home.file)
        self.events = crash.read_events(self.home.file)
        self.html = os.path.join(self.home.dir, "shop.html")
        report(self.home, "-o", self.html, self.home.file)
        self.by_id = {span.span_id: span for span in self.spans}
        self.traces = {}
        for span in self.spans:
            self.traces.setdefault(span.trace_id, []).append(span)


def shop(home):
    if "shop" not in _kept:
        _kept["shop"] = Shop(home.build)
    return _kept["shop"]


def the_browser():
    if "browser" not in _kept:
        place = tempfile.TemporaryDirectory(prefix="tagalong-report-", ignore_cleanup_errors=True)
        _kept["place"] = place
        _kept["browser"] = browser.Browser(place.name)
        atexit.register(_kept["browser"].__exit__)
    return _kept["browser"]


def open_page(html, address="", **options):
    return the_browser().page(f"file://{html}{address}", **options)


def check_quiet(page, html):
    """Nothing was said, refused or asked for."""
    check(not page.problems and not page.console, f"the page complains: {page.problems} {page.console}")
    others = [url for url in page.requests if not url.startswith((f"file://{html}", "data:"))]
    check(not others, f"the page asks for {others}")


def texts(page, selector):
    return page.run(f"[...document.querySelectorAll({json.dumps(selector)})].map((node) => node.textContent)")


def found(page):
    """(listed, of all) as the traces' view says."""
    words = page.run("document.getElementById('found').textContent").replace(",", "").split()
    return (int(words[0]), int(words[2])) if "of" in words else (int(words[0]), int(words[0]))


# ---- files by hand -------------------------------------------------------

def value(plain):
    if isinstance(plain, bool):
        return {"boolValue": plain}
    if isinstance(plain, int):
        return {"intValue": str(plain)}
    if isinstance(plain, float):
        return {"doubleValue": plain}
    if isinstance(plain, list):
        return {"arrayValue": {"values": [value(item) for item in plain]}}
    if isinstance(plain, dict):
        return {"kvlistValue": {"values": attributes(plain)}}
    return {} if plain is None else {"stringValue": plain}


def attributes(plain):
    return [{"key": key, "value": value(item)} for key, item in plain.items()]


def span(trace, number, name, parent=0, start=0, lasted=1000, **more):
    base = 1763000000 * 10 ** 9
    made = {"traceId": f"{trace:032x}", "spanId": f"{number:016x}", "name": name, "kind": more.pop("kind", 1),
            "startTimeUnixNano": str(base + start), "endTimeUnixNano": str(base + start + lasted),
            "attributes": attributes(more.pop("attrs", {}))}
    if parent:
        made["parentSpanId"] = f"{parent:016x}"
    return {**made, **more}


def line(spans, service="shop", resource=None):
    return json.dumps({"resourceSpans": [{"resource": {"attributes": attributes({"service.name": service, **(resource or {})})},
                                          "scopeSpans": [{"scope": {"name": "test"}, "spans": spans}]}]}) + "\n"


def log_line(records, service="shop"):
    return json.dumps({"resourceLogs": [{"resource": {"attributes": attributes({"service.name": service})},
                                         "scopeLogs": [{"scope": {"name": "test"}, "logRecords": records}]}]}) + "\n"
