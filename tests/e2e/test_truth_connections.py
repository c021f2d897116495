# SPDX-License-Identifier: MIT
"""test_truth_connections.py - servers that do not speak HTTP: one span per connection, by the server's own count."""

import socket
import subprocess
import time

from lib import check, free_port, need_program, need_root, wait_until

SILENT = 5  # connections without a byte: probes, which cost no span


def ask(port, data, until=b"\r\n", count=1):
    """One short conversation on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        answer = b""
        for _ in range(count):
            connection.sendall(data)
            while not answer.endswith(until):
                part = connection.recv(65536)
                check(part, f"no answer to {data!r}")
                answer += part
        return answer


def silent(port):
    for _ in range(SILENT):
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
    time.sleep(0.2)


def verdict(home, port, truth):
    spans = [span for span in home.spans() if span.kind == 2]
    home.note(f"{truth} connections, {len(spans)} spans")
    check(len(spans) == truth, f"{truth} connections by the server's count, {len(spans)} spans")
    check(not any(span.is_http for span in spans), "a request where there is no HTTP")
    for span in spans:
        check(span.attrs.get("network.transport") == "tcp" and span.attrs.get("network.local.port") == port,
              f"attributes of a connection: {span.attrs}")
        check(span.attrs.get("network.peer.address") == "127.0.0.1", f"peer: {span.attrs}")
        check(span.attrs.get("tagalong.connection.bytes_in", 0) > 0, f"bytes in: {span.attrs}")
    return spans


def redis(threads):
    def test(home):
        server_program, bench = need_program("redis-server"), need_program("redis-benchmark")
        port = free_port()
        server = home.start([server_program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", home.dir,
                             "--io-threads", str(threads)], port=port)
        done = subprocess.run([bench, "-p", str(port), "-n", "20000", "-c", "50", "-q", "-P", "4", "-t", "set,get,lpush"],
                              capture_output=True, timeout=60)
        check(done.returncode == 0, f"redis-benchmark: {done.stderr[-200:]}")
        for _ in range(500):
            ask(port, b"PING\r\n")
        sent = b"*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n"
        ask(port, sent, b"hello\r\n")
        silent(port)
        info = ask(port, b"*2\r\n$4\r\nINFO\r\n$5\r\nstats\r\n")
        total = int(info.split(b"total_connections_received:")[1].split(b"\r\n")[0])
        time.sleep(0.5)  # it has to read the end of the last connection before it is told to go
        home.stop(server)
        spans = verdict(home, port, total - SILENT)
        echo = [span for span in spans if span.attrs.get("tagalong.connection.bytes_in") == len(sent)]
        check(any(span.attrs.get("tagalong.connection.bytes_out") == 11 for span in echo), "byte counts of the ECHO connection")
    return test


def memcached(home):
    program = need_program("memcached")
    port = free_port()
    server = home.start([program, "-u", "nobody", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-t", "4"], port=port)

    def total():
        answer = ask(port, b"stats\r\n", b"END\r\n")
        return int(answer.split(b"STAT total_connections ")[1].split(b"\r\n")[0])

    before = total()  # its listeners count, too
    for number in range(1000):
        ask(port, b"set k%d 0 0 3\r\nabc\r\n" % number)
    kept = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
    for _ in range(20):
        for connection in kept:
            connection.sendall(b"get k1\r\n")
            check(connection.recv(100).startswith(b"VALUE"), "no value")
    for connection in kept:
        connection.close()
    silent(port)
    after = total()
    check(after - before == 1000 + 50 + SILENT + 1, f"memcached counts {after - before}")
    time.sleep(0.5)  # as above
    home.stop(server)
    verdict(home, port, after - before - SILENT + 1)


TESTS = [("truth/redis", redis(1)), ("truth/redis_io_threads", redis(4)), ("truth/memcached", memcached)]
