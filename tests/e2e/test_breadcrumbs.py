# SPDX-License-Identifier: MIT
"""test_breadcrumbs.py - breadcrumbs that come by themselves, on the right request only."""

import concurrent.futures
import json
import os
import socket

from lib import attributes, check, compile_victim, free_port

CONNECTIONS = 40


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
            ("connect", "warning", "127.0.0.1:1: Connection refused"),
            ("dns", "warning", f"n{number}.invalid: "),
            ("exec", "warning", "/nonexistent/program: No such file or directory")]


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


TESTS = [("breadcrumbs-isolation", isolation), ("breadcrumbs-kinds", kinds), ("breadcrumbs-none", none)]
