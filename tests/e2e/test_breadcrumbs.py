# SPDX-License-Identifier: MIT
"""test_breadcrumbs.py - breadcrumbs that come by themselves, on the right request only."""

import concurrent.futures
import json
import os
import socket
import socketserver
import threading
import time

from lib import attributes, check, compile_victim, free_port

CONNECTIONS = 40
ASKED = 60  # with three breadcrumbs each: 200 a second are the limit


def plain(value):
    """An OTLP AnyValue as Python has it."""
    if "arrayValue" in value:
        return [plain(item) for item in value["arrayValue"].get("values", [])]
    if "kvlistValue" in value:
        return {item["key"]: plain(item["value"]) for item in value["kvlistValue"].get("values", [])}
    return next(iter(value.values()), None)


def events(home):
    """(error's message, breadcrumbs) of every event."""
    found = []
    for name in os.listdir(home.path()):
        if not name.endswith(".logs.jsonl"):
            continue
        for line in home.read(name).splitlines():
            for resource in json.loads(line)["resourceLogs"]:
                for scope in resource["scopeLogs"]:
                    for record in scope["logRecords"]:
                        attrs = {item["key"]: plain(item["value"])
                                 for item in record["attributes"]}
                        found.append((attrs.get("exception.message"),
                                      attrs.get("tagalong.breadcrumbs", [])))
    return found


def client(port, number):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"%d\n" % number)
        check(connection.recv(100) == b"done\n", f"answer to {number}")


def serve(home, **env):
    """({error's message: breadcrumbs}, spans) of a server with CONNECTIONS clients."""
    port = free_port()
    program = compile_victim(home, "crumb_server")
    server = home.start([program, str(port), str(CONNECTIONS)], port=port, env=env)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for job in [pool.submit(client, port, number) for number in range(CONNECTIONS)]:
            job.result()
    status = server.wait(30)
    check(status == 0, f"the server ended with {status}: {home.tail(server)}")
    home.settle()
    spans = home.spans()
    check(not home.losses(), f"losses: {home.losses()}")
    found = events(home)
    check(len(found) == CONNECTIONS, f"{len(found)} events")
    return dict(found), spans


def wanted(number):
    return [("stderr", "info", "starting"),
            ("syslog", "warning", f"request {number} of   2.2: No such file or directory"),
            ("syslog", "debug", "password=[Filtered]"),
            ("stderr", "info", f"line {number} of noise"),
            ("stderr", "error", f"error: piece {number}"),
            ("stderr", "info", f"stdio {number} of three pieces"),
            ("stderr", "info", "perror: Permission denied"),
            ("connect", "warning", "127.0.0.1:1: Connection refused"),
            ("dns", "warning", f"n{number}.invalid: "),
            ("exec", "warning", "/nonexistent/program: No such file or directory"),
            ("stderr", "warning", f"warning: half of {number}")]


def tuples(crumbs):
    return [(crumb.get("category"), crumb.get("level"),
             crumb["message"].split(": EAI_")[0] + ": " if crumb.get("category") == "dns"
             else crumb["message"]) for crumb in crumbs]


def span_crumbs(home):
    """Breadcrumbs of connection spans, by the number in the first one.  What happened before
    the span began is not repeated on it."""
    found = {}
    for line in home.read("tagalong.jsonl").splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    crumbs = [attributes(event["attributes"]) for event in span.get("events", [])
                              if event["name"] == "breadcrumb"]
                    short = "tagalong.breadcrumb."
                    crumbs = tuples([{key.removeprefix(short): value for key, value in crumb.items()}
                                     for crumb in crumbs])
                    if crumbs:
                        found[crumbs[0][2].split()[1]] = crumbs
    return found


def isolation(home):
    found, _ = serve(home, TAGALONG_BREADCRUMBS_DROP="nothing: *, stderr: drop*")
    on_spans = span_crumbs(home)
    for number in range(CONNECTIONS):
        got = tuples(found[str(number)])
        check(got == wanted(number), f"request {number}: {got}")
        got = on_spans[str(number)]
        check(got == wanted(number)[1:], f"span of request {number}: {got}")
    for name in ("tagalong.jsonl", "tagalong.logs.jsonl"):
        check("hunter" not in home.read(name), f"a password in {name}")


def kinds(home):
    found, _ = serve(home, TAGALONG_BREADCRUMBS="dns,connect", TAGALONG_SCRUB="0")
    for number in range(CONNECTIONS):
        got = [crumb[0] for crumb in tuples(found[str(number)])]
        check(got == ["connect", "dns"], f"request {number}: {got}")


def none(home):
    found, _ = serve(home, TAGALONG_BREADCRUMBS="none")
    check(not any(found.values()), f"breadcrumbs: {[crumbs for crumbs in found.values() if crumbs][:1]}")


def unscrubbed(home):
    """Nothing is scrubbed when that is switched off, and more than usual when there are more keys."""
    found, _ = serve(home, TAGALONG_BREADCRUMBS="syslog", TAGALONG_SCRUB="0")
    for number in range(CONNECTIONS):
        got = [crumb[2] for crumb in tuples(found[str(number)])]
        check(got[1:] == [f"password=hunter{number}"], f"request {number}: {got}")


class Upstream(socketserver.BaseRequestHandler):
    """Answers "GET /item/NUMBER": 503 for every fifth, nothing for every seventh."""

    def handle(self):
        text = b""
        while b"\r\n\r\n" not in text:
            text += self.request.recv(1000)
        number = int(text.split(b"/item/")[1].split(b"?")[0])
        time.sleep(number % 4 * 0.003)
        if number % 7:
            status = b"503 Busy" if number % 5 == 0 else b"200 OK"
            self.request.sendall(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status)


def ask_proxy(port, number):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"GET /%d HTTP/1.1\r\nHost: proxy.test\r\n\r\n" % number)
        check(connection.recv(100).startswith(b"HTTP/1.1 200 "), f"answer to {number}")


def proxy(home, at_a_time):
    """{number: breadcrumbs} of requests that an event loop asks an upstream for."""
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 100

    port = free_port()
    with Server(("127.0.0.1", 0), Upstream) as upstream:
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        program = compile_victim(home, "crumb_proxy")
        server = home.start([program, str(port), str(upstream.server_address[1]), str(ASKED)],
                            port=port, env={"TAGALONG_BREADCRUMBS": "stderr,syslog,http"})
        with concurrent.futures.ThreadPoolExecutor(at_a_time) as pool:
            for job in [pool.submit(ask_proxy, port, number) for number in range(ASKED)]:
                job.result()
    status = server.wait(30)
    check(status == 0, f"the proxy ended with {status}: {home.tail(server)}")
    home.settle()
    check(not home.losses(), f"losses: {home.losses()}")
    found = {int(number): crumbs for number, crumbs in events(home)}
    check(len(found) == ASKED, f"{len(found)} events")
    return found


def asked(number):
    """(level, text, status) of each breadcrumb of a request through the proxy."""
    url = f"GET http://upstream.test/item/{number}"
    if number % 7 == 0:
        return [("warning", f"{url}: no answer", None), ("info", f"heard of {number} nothing", None),
                ("info", f"told {number}", None)]
    http = ("warning", url, 503) if number % 5 == 0 else ("info", url, 200)
    return [http, ("info", f"heard of {number}", None), ("info", f"told {number}", None)]


def said(crumbs):
    return [(crumb["level"], crumb["message"], int(crumb["data"]["status_code"])
             if crumb.get("category") == "http" and crumb.get("data") else None) for crumb in crumbs]


def one_upstream(home):
    """One request at a time: what the loop asked, and said with the answer in its hands."""
    for number, crumbs in proxy(home, 1).items():
        check(said(crumbs) == asked(number), f"request {number}: {said(crumbs)}")


def upstreams(home):
    """Several at a time: never a breadcrumb of another request, and hardly one too few."""
    complete = 0
    for number, crumbs in proxy(home, 8).items():
        got = said(crumbs)
        check(all(crumb in asked(number) for crumb in got), f"request {number}: {got}")
        complete += got == asked(number)
    check(complete >= ASKED / 2, f"{complete} of {ASKED} have all of theirs")


def more_keys(home):
    program = compile_victim(home, "crumb_words")
    status, _, said = home.run([program, "sesame: open", "plain: open", "password=x"],
                               env={"TAGALONG_SCRUB_KEYS": "unused,SESAME"})
    check(status == 0 and "sesame: open" in said, f"{status}: {said}")
    home.settle()
    (_, crumbs), = events(home)
    got = [crumb["message"] for crumb in crumbs]
    check(got == ["sesame: [Filtered]", "plain: open", "password=[Filtered]"], f"{got}")


def storm(home, lines, **env):
    """(breadcrumbs, seconds that it took at most) of a program that says so many lines."""
    program = compile_victim(home, "crumb_storm")
    status, out, said = home.run([program, str(lines)], env={"TAGALONG_MAX_BREADCRUMBS": "1000", **env})
    check(status == 0 and len(said.splitlines()) == lines, f"{status}, {len(said.splitlines())} lines")
    home.settle()
    (_, crumbs), = events(home)
    return tuples(crumbs), int(out)


def signals(home):
    crumbs, _ = storm(home, 2, TAGALONG_BREADCRUMBS="signal,stderr")
    check([crumb[0] for crumb in crumbs] == ["stderr", "stderr", "signal"], f"{crumbs}")
    check("SIGUSR1" in crumbs[2][2], f"{crumbs[2]}")


def bound(home):
    """At most 200 a second, and what is beyond is counted."""
    crumbs, seconds = storm(home, 900, TAGALONG_BREADCRUMBS="stderr")
    check(200 <= len(crumbs) <= 200 * (seconds + 1), f"{len(crumbs)} breadcrumbs in {seconds} s")
    check([crumb[2] for crumb in crumbs[:200]] == [f"line {i}" for i in range(200)], f"{crumbs[:3]}")
    lost = [line for line in home.losses() if "breadcrumb" in line]
    check(len(crumbs) == 900 or any(f"{900 - len(crumbs)} lost" in line for line in lost), f"{len(crumbs)}, {lost}")


TESTS = [("breadcrumbs-isolation", isolation), ("breadcrumbs-kinds", kinds), ("breadcrumbs-none", none),
         ("breadcrumbs-unscrubbed", unscrubbed), ("breadcrumbs-more-keys", more_keys),
         ("breadcrumbs-http", one_upstream), ("breadcrumbs-http-concurrent", upstreams),
         ("breadcrumbs-signals", signals), ("breadcrumbs-bound", bound)]
