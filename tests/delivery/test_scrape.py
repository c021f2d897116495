# SPDX-License-Identifier: MIT
"""GET /metrics: what Prometheus asks, and what nobody should."""

import errno
import http.client
import socket

from lib import PATIENCE, TRACES, check


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serving(home, **settings):
    port = free_port()
    driver = home.driver(start=False, TAGALONG_PROMETHEUS=port, OTEL_METRICS_EXPORTER="prometheus", **settings)
    check(driver.tell("serve") == {"serve": 0}, "listens")
    driver.tell("start")
    return driver, port


def ask(port, method="GET", path="/metrics", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def raw(port, data):
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(data)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def asked_well(home):
    _, port = serving(home)
    status, headers, body = ask(port)
    check((status, body) == (200, b"up 1\n"), (status, body))
    check(headers["Content-Type"].startswith("text/plain; version=0.0.4"), headers)
    check(headers["Connection"] == "close" and headers["Content-Length"] == "5", headers)
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
    status, headers, body = ask(port, headers={"Accept": accept})
    check(body.endswith(b"# EOF\n"), body)
    check(headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0"), headers)
    status, headers, body = ask(port, "HEAD")
    check((status, headers["Content-Length"], body) == (200, "5", b""), (status, headers, body))
    check(ask(port, path="/metrics?name=up")[0] == 200, "a query")
    check(raw(port, b"GET /metrics HTTP/1.0\r\n\r\n").endswith(b"\r\n\r\nup 1\n"), "HTTP/1.0")
    behind = b"\r\nAccept: application/openmetrics-text\r\n\0"
    check(raw(port, b"GET /metrics HTTP/1.1\r\n\r\n" + behind).endswith(b"\r\n\r\nup 1\n"), "what is behind the head")


def asked_badly(home):
    _, port = serving(home)
    check(ask(port, path="/")[0] == 404 and ask(port, path="/metrics2")[0] == 404, "404")
    status, headers, _ = ask(port, "POST")
    check(status == 405 and headers["Allow"] == "GET, HEAD", (status, headers))
    for nonsense in (b"\r\n\r\n", b"GET\r\n\r\n", b"GET /metrics\r\n\r\n", b"GET /metrics HTTP/2.0\r\n\r\n",
                     b"GET /metrics HTTP/1.1x\r\n\r\n", b"\0\0\0\0\r\n\r\n", b" / HTTP/1.1\r\n\r\n"):
        check(raw(port, nonsense).startswith(b"HTTP/1.1 400 "), nonsense)
    check(raw(port, b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 9000).startswith(b"HTTP/1.1 431 "), "431")
    check(ask(port)[0] == 200, "still there")


def many_at_once(home):
    """More than are let in: those who say nothing are sent away when their time is up."""
    driver, port = serving(home)
    silent = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) for _ in range(12)]
    for _ in range(300):
        driver.advance(6)
        silent[0].settimeout(0.1)
        try:
            check(silent[0].recv(1) == b"", "nothing is said to who asks nothing")
            break
        except TimeoutError:
            continue
    else:
        check(False, "who asks nothing stays for ever")
    for connection in silent:
        connection.close()
    check(ask(port)[0] == 200, "others get in")


def taken_address(home):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        driver = home.driver(start=False, TAGALONG_PROMETHEUS=port, OTEL_METRICS_EXPORTER="prometheus")
        check(driver.tell("serve") == {"serve": -errno.EADDRINUSE}, "says so")


def beside_sending(home):
    receiver = home.receiver()
    receiver.behave("/v1/traces", "gate")
    driver, port = serving(home, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=receiver.url("/v1/traces"))
    driver.put(TRACES, 10, 1)
    receiver.wait(lambda requests: len(requests) == 4, PATIENCE)
    check(ask(port)[0] == 200, "while requests are under way")
    receiver.open_gates()
    check(driver.flush(), "not flushed")


TESTS = [
    ("scrape_asked_well", asked_well),
    ("scrape_asked_badly", asked_badly),
    ("scrape_many_at_once", many_at_once),
    ("scrape_taken_address", taken_address),
    ("scrape_beside_sending", beside_sending),
]
