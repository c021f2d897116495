# SPDX-License-Identifier: MIT
"""test_isolation.py - a tag set in one connection never shows on another."""

import concurrent.futures
import socket

from lib import check, compile_victim, free_port

CONNECTIONS = 10000
AT_ONCE = 200


def client(port, first):
    """One group of connections that are open at the same time, in lock-step."""
    for base in range(first, CONNECTIONS, AT_ONCE):
        group = []
        for number in range(base, base + AT_ONCE // 4):
            connection = socket.create_connection(("127.0.0.1", port), timeout=30)
            group.append((number, connection))
        for _ in range(3):
            for number, connection in group:
                connection.sendall(b"%d\n" % number)
            for number, connection in group:
                check(connection.recv(100) == b"%d\n" % number, f"echo of {number}")
        for _, connection in group:
            connection.close()


def isolation(home):
    port = free_port()
    program = compile_victim(home, "tpc_server")
    server = home.start([program, str(port), str(CONNECTIONS)], port=port)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for job in [pool.submit(client, port, part * AT_ONCE // 4) for part in range(4)]:
            job.result()
    status = server.wait(20)
    check(status == 0, f"the server ended with {status}: {home.tail(server)}")
    spans = home.spans()
    connections = {span.span_id: span for span in spans if span.is_connection}
    threads = [span for span in spans if span.is_thread]
    work = [span for span in spans if span.name == "work"]
    home.note(f"{len(connections)} connection, {len(threads)} thread and {len(work)} work spans")
    check(len(connections) == CONNECTIONS, f"{len(connections)} connection spans")
    tags = sorted(int(span.attrs.get("tagalong.tag.conn", -1)) for span in connections.values())
    check(tags == list(range(CONNECTIONS)), f"tags of the connections: {[tag for tag, want in zip(tags, range(CONNECTIONS)) if tag != want][:5]}")
    check(len({span.trace_id for span in connections.values()}) == CONNECTIONS, "two connections in one trace")
    check(len(threads) == CONNECTIONS, f"{len(threads)} thread spans")
    parents = set()
    for span in threads:
        check(span.parent_id in connections, f"a thread span below {span.parent_id or 'nothing'}, which is no connection")
        check(connections[span.parent_id].trace_id == span.trace_id, "a thread span in another trace than its parent")
        parents.add(span.parent_id)
    check(len(parents) == CONNECTIONS, f"{len(parents)} connections have threads")
    check(len(work) == 3 * CONNECTIONS, f"{len(work)} spans of the API")
    by_trace = {span.trace_id: span.attrs.get("tagalong.tag.conn") for span in connections.values()}
    for span in work + threads:
        tag = span.attrs.get("tagalong.tag.conn")
        check(tag == by_trace.get(span.trace_id) or (span.is_thread and tag is None),
              f"{span.name} carries {tag} in the trace of {by_trace.get(span.trace_id)}")


TESTS = [("isolation", isolation)]
