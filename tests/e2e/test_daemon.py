# SPDX-License-Identifier: MIT
"""test_daemon.py - a daemon that forks twice and closes every fd is traced to its end."""

from lib import check, compile_victim, exchange, free_port, port_open, request, wait_until

REQUESTS = 200


def daemon(mode):
    def test(home):
        port = free_port()
        program = compile_victim(home, "double_fork_server")
        status, _, err = home.run([program, str(port), str(REQUESTS)], mode=mode)
        check(status == 0, f"ended with {status}: {err}")
        wait_until(lambda: port_open(port), 10, "the daemon listens")
        for number in range(REQUESTS):
            answer = exchange(port, request("GET", f"/daemon/{number}", version="1.0", close=False))
            check(answer.endswith(b"ok"), f"answer {number}: {answer[:60]!r}")
        seen = sorted(span.request()[1] for span in home.spans() if span.is_http)
        check(seen == sorted(f"/daemon/{number}" for number in range(REQUESTS)), f"{len(seen)} of {REQUESTS} requests recorded")
    return test


TESTS = [("daemon/preload", daemon("preload")), ("daemon/run", daemon("run"))]
