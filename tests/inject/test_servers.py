# SPDX-License-Identifier: MIT
"""test_servers.py - real servers whose reads and writes are cut, refused and interrupted below the library: the bytes
that they answer with are those that they answer with by themselves, and their spans are as many as they say.

What a server answers each of a few dozen requests is taken down once, without us and without faults.
Then it serves thousands of them under both, in any order and several at a time on one connection, and every byte is
compared; of the Date header only the length.
"""

import collections
import concurrent.futures
import itertools
import os
import random
import re
import socket
import ssl
import struct

from lib import Failure, check, compare, free_port, need_program, need_root
from test_exact import FULL, build, certificate

COUNT = 7200 if FULL else 300  # requests of a server under one kind of faults
CLIENTS = 6
# How often in 256 calls: short, EAGAIN, EINTR; and the most bytes of a short one.
FAULTS = {"some": ("60,40,40", 40), "bytes": ("150,30,30", 3)}
SIZES = (0, 1, 5, 100, 1000, 4000, 20000)
WAYS = ("write", "writev", "many", "send", "sendmsg", "more", "sendfile", "chunked")
PROXIED = WAYS[:-1]  # proxies make chunks of what happens to be there
DATE = re.compile(rb"(\r\nDate: )[^\r]{29}\r\n", re.I)
TRACED = b"traceparent: 00-%s-b7ad6b7169203331-01\r\ntracestate: a=b\r\nbaggage: c=d\r\n"


# ---- requests and what they are answered with ----

Ask = collections.namedtuple("Ask", "data ends_head")  # ends_head: bytes behind which headers can be put, 0: none


def ask(method, target, body=b""):
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "User-Agent: test"]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines).encode() + b"\r\n"
    return Ask(head + b"\r\n" + body, len(head))


def masked(data):
    return DATE.sub(rb"\1-\r\n", data)


def read_exactly(connection, size):
    parts, have = [], 0
    while have < size:
        part = connection.recv(min(size - have, 1 << 18))
        check(part, f"the connection ends behind {have} bytes of {size}: {b''.join(parts)[-200:]!r}")
        parts.append(part)
        have += len(part)
    return b"".join(parts)


def connected(running):
    connection = socket.create_connection(("127.0.0.1", running.port), timeout=120)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if running.tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = context.wrap_socket(connection)
    return connection


def whole_http(method, data):
    """Whether an answer to a request with that method has all its bytes."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end or method == b"HEAD" or b" 204 " in head:
        return bool(end)
    size = re.search(rb"\r\nContent-Length: (\d+)", head, re.I)
    return len(body) >= int(size[1]) if size else body.endswith(b"\r\n0\r\n\r\n") or body == b"0\r\n\r\n"


def answer_alone(running, one):
    """What one request is answered with."""
    with connected(running) as connection:
        if not one.ends_head:  # Redis answers in order
            connection.sendall(one.data + b"PING\r\n")
        else:
            connection.sendall(one.data)
        data = b""
        while not (whole_http(one.data.split()[0], data) if one.ends_head else data.endswith(b"+PONG\r\n")):
            part = connection.recv(1 << 18)
            check(part, f"no whole answer to {one.data[:80]!r}: {data[:200]!r}")
            data += part
    return data.removesuffix(b"+PONG\r\n")


def truths(running, asks):
    """Twice, to see that a server gives no other answer the next time."""
    first, second = ([answer_alone(running, one) for one in asks] for _ in range(2))
    for one, this, that in zip(asks, first, second):
        check(masked(this) == masked(that), f"two answers to {one.data[:80]!r}: {this[:200]!r}, {that[:200]!r}")
    return first


class Client:
    """Sends requests in any order, up to twelve at a time, until its share is answered."""

    def __init__(self, running, asks, truth, seed):
        self.running, self.asks, self.truth = running, asks, truth
        self.dice = random.Random(seed)
        self.traces = []

    def text_of(self, number):
        one = self.asks[number]
        if not one.ends_head or self.dice.random() < 0.5:
            return one.data
        trace = b"%032x" % self.dice.getrandbits(128)
        self.traces.append(trace.decode())
        return one.data[:one.ends_head] + TRACED % trace + one.data[one.ends_head:]

    def turn(self, connection, count):
        chosen = [self.dice.randrange(len(self.asks)) for _ in range(count)]
        connection.sendall(b"".join(map(self.text_of, chosen)))
        for number in chosen:
            want = self.truth[number]
            got = read_exactly(connection, len(want))
            check(masked(got) == masked(want), f"{self.asks[number].data[:80]!r} is answered with {got[:300]!r}, by itself with {want[:300]!r}")

    def serve(self, share):
        while share:
            with connected(self.running) as connection:
                for _ in range(self.dice.randint(1, 8)):
                    count = min(share, self.dice.choice((1, 1, 2, 5, 12)))
                    if count:
                        self.turn(connection, count)
                    share -= count
                connection.settimeout(0.01)
                try:
                    left = b"" if self.running.tls else connection.recv(100)
                except TimeoutError:
                    left = b""
                check(not left, f"more came than was asked for: {left!r}")
        return self.traces


class NumberedClient(Client):
    """Each request that is handed on has a number of its own; numbers are of one length, and so are the answers."""

    numbers = itertools.count(10 ** 7)

    def text_of(self, number):
        return super().text_of(number).replace(b"/x ", b"/%d " % next(self.numbers))

    def turn(self, connection, count):
        chosen = [self.dice.randrange(len(self.asks)) for _ in range(count)]
        connection.sendall(b"".join(map(self.text_of, chosen)))
        for number in chosen:
            read_exactly(connection, len(self.truth[number]))


def exchange(running, asks, truth, seed, client=Client, count=COUNT):
    """All clients' requests; returns the traces that some of them came with."""
    clients = [client(running, asks, truth, seed * 100 + number) for number in range(CLIENTS)]
    shares = [count // CLIENTS + (number < count % CLIENTS) for number in range(CLIENTS)]
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        return list(itertools.chain(*pool.map(client.serve, clients, shares)))


# ---- servers ----

class Running:
    """A server: its port, what stops it, and how it tells what it has served: a list of (method, target, status)."""

    def __init__(self, home, process, port, served, tls=False, upstream=None):
        self.home, self.process, self.port = home, process, port
        self.served, self.tls, self.upstream = served, tls, upstream

    def stop(self):
        self.home.stop(self.process)
        if self.upstream is None:
            return None
        self.home.stop(self.upstream)
        with open(self.upstream.output) as stream:
            return [int(word) for word in stream.read().split()]


def start_plain(home, env=None):
    """The C server, as a server or behind one."""
    if not os.path.exists(home.path("server")):
        build(home, "server", "-pthread")
    port = free_port()
    return home.start([home.path("server"), str(port), home.path("site", "20000")], "plain", port=port, env=env), port


def c_server(home, env):
    process, port = start_plain(home, env)
    return Running(home, process, port, None)


def c_asks(ways=WAYS):
    return [ask("GET", f"/r/{way}/{size}/{way}{size}") for way in ways for size in SIZES]


NGINX = """
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log warn;
worker_processes 1;
user root;
events {{ worker_connections 512; }}
http {{
	log_format truth '$request_method\\t$request_uri\\t$status';
	access_log {log} truth;
	client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
	uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
	{files}; keepalive_requests 1000000; postpone_output 0;
	upstream inner {{ server 127.0.0.1:{inner}; keepalive 4; }}
	server {{
		listen 127.0.0.1:{port} {listen};
		{tls}
		root {dir}/site;
		location /text {{ return 200 "some text\\n"; }}
		location /none {{ return 204; }}
		location /r/ {{ proxy_pass http://inner; proxy_http_version 1.1; proxy_set_header Connection ""; }}
	}}
}}
"""


def nginx(files, tls=False):
    def start(home, env):
        need_root()
        upstream, inner = start_plain(home)
        port, log = free_port(), home.path(f"nginx-{inner}.log")
        pair = ("ssl_certificate {}; ssl_certificate_key {};".format(*certificate(home))) if tls else ""
        config = home.write("nginx.conf", NGINX.format(
            dir=home.dir, log=log, files=files, port=port, inner=inner, tls=pair, listen="ssl" if tls else ""))
        process = home.start([need_program("nginx"), "-p", home.dir, "-e", f"{home.dir}/nginx-error.log", "-c", config],
                             "plain", port=port, env=env)

        def served():
            with open(log) as lines:
                return [(method, target, int(status)) for method, target, status in map(str.split, lines)]
        return Running(home, process, port, served, tls, upstream)
    return start


def nginx_asks():
    files = [ask(method, f"/{size}?q") for size in SIZES for method in ("GET", "HEAD")]
    return [*files, ask("GET", "/text"), ask("GET", "/none"), ask("GET", "/missing"), ask("POST", "/text", b"x" * 3000),
            *(ask("GET", f"/r/{way}/{size}/x") for way, size in zip(PROXIED * 2, SIZES * 2))]


PYTHON = """
import functools, http.server, signal, sys, threading

class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version, timeout = "HTTP/1.1", 60

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64

server = Server(("127.0.0.1", int(sys.argv[1])), functools.partial(Handler, directory=sys.argv[2]))
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
"""


def python(home, env):
    port = free_port()
    process = home.start([need_program("python3"), "-u", home.write("files.py", PYTHON), str(port), home.path("site")], "plain",
                         port=port, env=env)

    def served():
        with open(process.output) as lines:
            return [(*words[:2], int(words[2])) for words in re.findall(r'"(\w+) (\S+) HTTP/1.1" (\d+) ', lines.read())]
    return Running(home, process, port, served)


def python_asks():
    return [ask(method, f"/{size}") for size in SIZES for method in ("GET", "HEAD")] + [ask("GET", "/5?query=a%20b")]


HAPROXY = """
global
	nbthread 2
	log stdout format raw local0
defaults
	mode http
	timeout connect 60s
	timeout client 60s
	timeout server 60s
	log global
	log-format "served %HM %HU %ST"
frontend in
	bind 127.0.0.1:{port}
	default_backend out
backend out
	http-reuse always
	server one 127.0.0.1:{inner}
"""


def haproxy(home, env):
    upstream, inner = start_plain(home)
    port = free_port()
    config = home.write("haproxy.cfg", HAPROXY.format(port=port, inner=inner))
    process = home.start([need_program("haproxy"), "-db", "-f", config], "plain", port=port, env=env)

    def served():
        with open(process.output) as lines:
            return [(*words[:2], int(words[2])) for words in re.findall(r"^served (\S+) (\S+) (\d+)", lines.read(), re.M)]
    return Running(home, process, port, served, upstream=upstream)


# ---- Redis ----

def command(*words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return Ask(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words), 0)


def redis_asks():
    values = [command("SET", f"key:{size}", b"v" * size) for size in SIZES]
    reads = [command(word, f"key:{size}") for size in SIZES for word in ("GET", "STRLEN")]
    return [*values, *reads, command("MGET", *(f"key:{size}" for size in SIZES)), command("ECHO", b"\r\n\0" * 50),
            command("GET", "nothing"), command("NOSUCH"), command("EXISTS", "key:1", "nothing")]


def redis(home, env):
    port = free_port()
    process = home.start([need_program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", home.dir],
                         "plain", port=port, env=env)
    running = Running(home, process, port, None)
    with connected(running) as connection:
        for size in SIZES:
            connection.sendall(command("SET", f"key:{size}", b"v" * size).data)
            check(read_exactly(connection, 5) == b"+OK\r\n", "SET")
    return running


def redis_calls(port):
    """{command: calls}, INFO's own and failed ones left out."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection, connection.makefile("rb") as stream:
        connection.sendall(command("INFO", "commandstats").data)
        text = stream.read(int(stream.readline()[1:]))
    return {name.decode().upper(): int(calls) for name, calls in re.findall(rb"cmdstat_(\w+):calls=(\d+)", text)}


# ---- the tests ----

def counted(path):
    with open(path, "rb") as stream:
        return struct.unpack("3Q", stream.read())


def faulty(home, faults, kind, seed, interrupts):
    """The environment of a server under us and under faults, and the file that counts them."""
    often, most = FAULTS[kind]
    if not interrupts:
        often = often.rsplit(",", 1)[0] + ",0"
    count = home.path(f"faults-{kind}")
    with open(count, "wb") as stream:
        stream.write(bytes(24))
    return {"LD_PRELOAD": f"{home.preload}:{faults}", "FAULTS": often, "FAULTS_SEED": str(seed), "FAULTS_MOST": str(most),
            "FAULTS_COUNT": count, "TAGALONG_LANE_BYTES": "1048576", "TAGALONG_COMMANDS": "1"}, count


def check_http(home, running, traces, said, what):
    spans = [span for span in home.spans(well_formed=False) if span.is_http]
    if running.served:
        compare(f"{what}: requests", running.served(), [span.request() for span in spans])
    check(len(spans) == COUNT, f"{what}: {len(spans)} spans of {COUNT}")
    known = collections.Counter(span.trace_id for span in spans)
    lost = [trace for trace in traces if known[trace] != 1]
    check(not lost, f"{what}: {len(lost)} callers' traces of {len(traces)} are not gone on with: {lost[:2]}")
    if said and running.upstream:
        requests, with_one, with_more = said
        check(with_one == requests and not with_more,
              f"{what}: of {requests} requests that were handed on {with_one} had a traceparent, {with_more} several")


def check_redis(home, calls, what):
    seen = collections.Counter(span.attrs.get("db.operation.name", "").upper() for span in home.spans() if span.kind == 2)
    for word, number in calls.items():
        check(seen[word] == number, f"{what}: {seen[word]} spans of {word}, {number} by its own count")


def make_site(home):
    for size in SIZES:
        home.write(f"site/{size}", "".join(chr(97 + at % 23) for at in range(size)))
        os.utime(home.path("site", str(size)), (1700000000, 1700000000))


def server(start, asks, interrupts=True):
    def test(home):
        make_site(home)
        faults = build(home, "faults.so", "-shared", "-fPIC")
        plain = start(home, {})
        truth = truths(plain, asks)
        plain.stop()
        total = collections.Counter()
        for seed, kind in enumerate(FAULTS, 1):
            if os.path.exists(home.file):
                os.remove(home.file)
            env, count = faulty(home, faults, kind, seed, interrupts)
            running = start(home, env)
            traces = exchange(running, asks, truth, seed)
            calls = redis_calls(running.port) if start is redis else None
            said = running.stop()
            if calls:
                check_redis(home, calls, kind)
            else:
                check_http(home, running, traces, said, kind)
            had = counted(count)
            check(had[0] and had[1] and (had[2] or not interrupts), f"{kind}: faults {had}")
            total.update(dict(zip(("answers", "short", "EAGAIN", "EINTR"), (COUNT, *had), strict=True)))
        home.note(", ".join(f"{number} {name}" for name, number in total.items()))
    return test


def whose(home):
    """What a proxy asks for clients that pipeline, while others come: below its request, or nobody's."""
    make_site(home)
    asks = nginx_asks()
    alone = [one._replace(data=one.data.replace(b"/x ", b"/10000000 ")) for one in asks]
    running = nginx("sendfile on")(home, {"LD_PRELOAD": home.preload, "TAGALONG_LANE_BYTES": "1048576"})
    truth = [answer_alone(running, one) for one in alone]
    exchange(running, asks, truth, 1, NumberedClient, 7200)
    running.stop()
    spans = home.spans(well_formed=False)
    requests = {span.span_id: span for span in spans if span.is_http}
    calls = [span for span in spans if span.kind == 3 and "url.full" in span.attrs]
    below = [(span.attrs["url.full"].split("/", 3)[3], requests[span.parent_id].attrs["url.path"][1:])
             for span in calls if span.parent_id in requests]
    wrong = [pair for pair in below if pair[0] != pair[1]]
    check(below, f"none of {len(calls)} calls is below a request")
    check(not wrong, f"{len(wrong)} of {len(calls)} calls are below another request: {wrong[:3]}")
    home.note(f"{len(calls)} calls: {len(below)} right, {len(calls) - len(below)} nobody's")


def can_fail(home):
    """One byte that is another one, of one answer, is seen."""
    make_site(home)
    running, asks = c_server(home, {}), c_asks()
    truth = truths(running, asks)
    truth[-1] = truth[-1][:-100] + b"!" + truth[-1][-99:]
    try:
        exchange(running, asks, truth, 1)
    except Failure as failure:
        check(str(asks[-1].data[:80]) in str(failure), f"another failure: {failure}")
        return
    raise Failure("nothing was seen")


TESTS = [
    ("servers/threads", server(c_server, c_asks())),
    ("servers/nginx", server(nginx("sendfile on"), nginx_asks())),
    ("servers/nginx-threads", server(nginx("sendfile off; aio threads"), nginx_asks())),
    ("servers/nginx-tls", server(nginx("sendfile off", True), nginx_asks(), False)),
    ("servers/python", server(python, python_asks())),
    ("servers/haproxy", server(haproxy, c_asks(PROXIED))),
    ("servers/redis", server(redis, redis_asks())),
    ("servers/whose", whose),
    ("servers/can fail", can_fail),
]
