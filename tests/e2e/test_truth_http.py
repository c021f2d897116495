# SPDX-License-Identifier: MIT
"""test_truth_http.py - HTTP servers: the spans are what the access log says, no more, no less.

Every server gets the same mixture, as far as it can do it: wrk on kept
connections, wrk with Connection: close, pipelined requests written by hand, 4xx
and 5xx, HEAD, small and large files, POST and PUT bodies with a length and
chunked, odd targets, and clients that go away before the answer.  The multiset
of (method, target, status) over the SERVER spans has to equal the access log;
there is no other SERVER span.
"""

import collections
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from lib import (Failure, Skip, check, compare, exchange, free_port, need_program, need_root, request, wait_until,
                 wrk, wrk_mix)

BIG = 3 * 1024 * 1024 + 17


def make_site(home):
    os.makedirs(home.path("site/dir/x")[:-2], exist_ok=True)
    home.write("site/index.html", "hello\n")
    home.write("site/small.txt", "s" * 100)
    home.write("site/big.bin", "b" * BIG)
    home.write("site/dir/page.html", "page\n")
    for root, dirs, files in os.walk(home.path("site")):
        for name in dirs + files:
            os.chmod(os.path.join(root, name), 0o755)
    os.chmod(home.path("site"), 0o777)


def read_answers(connection, count, heads=()):
    """Reads count responses off a kept connection; heads: which are answers to HEAD."""
    stream = connection.makefile("rb")
    statuses = []
    for number in range(count):
        line = stream.readline()
        while line in (b"\r\n",):
            line = stream.readline()
        check(line.startswith(b"HTTP/1."), f"answer {number} of {count} begins {line[:40]!r}")
        status = int(line.split()[1])
        length, chunked, close = 0, False, False
        while True:
            line = stream.readline().strip().lower()
            if not line:
                break
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            chunked |= line.startswith(b"transfer-encoding:") and b"chunked" in line
            close |= line == b"connection: close"
        statuses.append(status)
        if number in heads or status in (204, 304) or status < 200:
            pass
        elif chunked:
            while True:
                size = int(stream.readline().split(b";")[0], 16)
                stream.read(size + 2)
                if size == 0:
                    break
        else:
            stream.read(length)
        if close:
            break
    return statuses


def pipelined(port, rounds, batch):
    """One connection, each batch written at once; then the same, byte by byte and in lumps."""
    for how in ("lump", "bytes", "thirds"):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            data = b"".join(batch)
            heads = {i for i, one in enumerate(batch) if one.startswith(b"HEAD")}
            for _ in range(rounds if how == "lump" else 1):
                if how == "lump":
                    connection.sendall(data)
                elif how == "bytes":
                    for i in range(len(data)):
                        connection.sendall(data[i:i + 1])
                else:
                    for i in range(0, len(data), 37):
                        connection.sendall(data[i:i + 37])
                        time.sleep(0.001)
                answers = read_answers(connection, len(batch), heads)
                check(len(answers) == len(batch), f"{len(answers)} answers to {len(batch)} pipelined requests")


def client_library(port, targets, bodies):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for method, target in targets:
        connection.request(method, target)
        connection.getresponse().read()
    for method, target, body in bodies:
        connection.request(method, target, body=body)
        connection.getresponse().read()
        connection.request(method, target, body=iter([body[:5], body[5:]]), encode_chunked=True,
                           headers={"Transfer-Encoding": "chunked"})
        connection.getresponse().read()
    connection.close()


def load(home, port, total, targets, bodies, mix=None, pipeline=True, close_total=None):
    """The mixture; total is the number of requests of the wrk run on kept connections."""
    mix = mix or [request("GET", "/", close=False), request("GET", "/small.txt?a=1&b=%20", close=False),
                  request("GET", "/missing", close=False), request("HEAD", "/index.html", close=False)]
    looped = [one for one in mix if not one.startswith(b"HEAD")]  # wrk waits for the body of an answer to HEAD
    wrk(port, seconds=25, connections=16, script=wrk_mix(home, looped, total // 2))
    closing = [one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1) for one in looped]
    wrk(port, seconds=25, connections=8, script=wrk_mix(home, closing, (close_total or total // 8) // 2))
    if pipeline:
        batch = [one for one in mix if b" /error" not in one] * 5  # servers close after some errors
        pipelined(port, 20, batch)
    client_library(port, targets, bodies)
    for target in ("/big.bin", "/small.txt"):
        answer = exchange(port, request("GET", target))
        check(b"200" in answer[:15], f"GET {target}: {answer[:40]!r}")
        check(len(answer) > BIG or target != "/big.bin", f"big file: {len(answer)} bytes")
    exchange(port, request("GET", "/small.txt", version="1.0", close=False))


TARGETS = [("GET", "/"), ("HEAD", "/"), ("GET", "/small.txt"), ("HEAD", "/big.bin"), ("GET", "/nope/x?y=z"),
           ("GET", "/dir/page.html?q=a%20b&c=%3F"), ("GET", "/small.txt?"), ("GET", "/a//b/../c"),
           ("GET", "/" + "long/" * 180), ("GET", "/" + "cut/" * 1000), ("GET", "/x;y=1,2@3"), ("OPTIONS", "/"), ("DELETE", "/nothing"),
           ("GET", "/dir")]


def verdict(home, truth, extra_connections=0, broken=0):
    spans = home.spans()
    http = [span for span in spans if span.is_http]
    others = [span for span in spans if span.is_connection]
    home.note(f"{len(truth)} requests, {len(http)} spans")
    # A very long target is cut; the span says how long it was.
    cuts = {span.attrs["tagalong.http.target_bytes"]: len(span.request()[1]) for span in http
            if "tagalong.http.target_bytes" in span.attrs}
    truth = [(method, target[:cuts.get(len(target))], status) for method, target, status in truth]
    seen = collections.Counter(span.request() for span in http)
    # wrk breaks its connections off; some servers do not log a request that never came whole.
    unlogged = {one: count for one, count in (seen - collections.Counter(truth)).items() if one[2] is None}
    if 0 < sum(unlogged.values()) <= broken:
        home.note(f"{sum(unlogged.values())} broken off and not logged")
        seen -= collections.Counter(unlogged)
    compare("requests", truth, seen.elements())
    check(len(others) == extra_connections,
          f"{len(others)} connection spans beside the requests, {extra_connections} expected: "
          f"{[(span.name, span.attrs) for span in others[:2]]}")
    return http


# ---- nginx -----------------------------------------------------------------

NGINX = """
user root;
daemon off;
master_process on;
worker_processes 2;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 512; }}
http {{
	log_format truth '$request_method\t$request_uri\t$status\t$bytes_sent';
	access_log {dir}/access.log truth;
	client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
	uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
	sendfile on; tcp_nopush on; keepalive_requests 1000000; client_max_body_size 10m;
	upstream inner {{ server 127.0.0.1:{inner}; keepalive 4; }}
	server {{
		listen 127.0.0.1:{port} {listen_options};
		root {dir}/site;
		location /post {{ return 200 "taken\\n"; }}
		location /error {{ return 500; }}
		location /moved {{ return 302 /; }}
		location /none {{ return 204; }}
		location /drop {{ return 444; }}
		location /put/ {{ dav_methods PUT DELETE; create_full_put_path on; }}
		location /proxy/ {{ proxy_pass http://inner/; proxy_http_version 1.1; proxy_set_header Connection ""; }}
		location /slow {{ proxy_pass http://127.0.0.1:{silent}; proxy_read_timeout 30s; }}
		location /threads/ {{ alias {dir}/site/; aio threads; }}
		location /gone {{ proxy_pass http://127.0.0.1:1; }}
	}}
	server {{
		listen 127.0.0.1:{inner};
		location / {{ root {dir}/site; }}
		location /sink {{ return 201; }}
	}}
}}
"""


def nginx_truth(home):
    truth = []
    for line in home.read("access.log").splitlines():
        method, target, status, sent = line.split("\t")
        truth.append((method, target, int(status) if int(sent) else None))
    return truth


def start_nginx(home, mode="preload", port=None, inner=None, silent=None, listen_options="",
                env=None):
    need_root()
    nginx = need_program("nginx")
    make_site(home)
    port, inner = port or free_port(), inner or free_port()
    config = home.write("nginx.conf", NGINX.format(dir=home.dir, port=port, inner=inner, silent=silent or 1,
                                                   listen_options=listen_options))
    server = home.start([nginx, "-p", home.dir, "-c", config], mode=mode, port=port, env=env)
    return server, port


def go_away(port, count):
    """Clients that send a request for something that never comes, and leave."""
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(request("GET", "/slow?leaving", close=False))
            time.sleep(0.02)


def truth_nginx(home, mode="preload"):
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen(128)
    server, port = start_nginx(home, mode, silent=silent.getsockname()[1])
    targets = TARGETS + [("GET", "/error"), ("GET", "/moved"), ("GET", "/none"), ("GET", "/proxy/small.txt"),
                         ("GET", "/proxy/big.bin"), ("HEAD", "/proxy/small.txt"), ("GET", "/threads/big.bin"),
                         ("GET", "/gone"), ("PROPFIND", "/"), ("BREW", "/pot")]
    bodies = [("POST", "/post", b"x" * 10), ("POST", "/post?large", b"y" * 300000), ("PUT", "/put/a.txt", b"z" * 5000),
              ("POST", "/proxy/sink", b"p" * 70000), ("POST", "/missing", b"q" * 3000)]
    mix = [request("GET", "/", close=False), request("GET", "/small.txt?a=1&b=%20", close=False),
           request("GET", "/missing", close=False), request("HEAD", "/index.html", close=False),
           request("GET", "/error", close=False), request("POST", "/post", b"0123456789", close=False),
           request("POST", "/post?chunked", b"0123456789" * 300, close=False, chunked=True),
           request("GET", "/proxy/small.txt", close=False), request("GET", "/none", close=False)]
    load(home, port, 20000, targets, bodies, mix)
    go_away(port, 20)
    exchange(port, request("GET", "/drop", close=False))
    with socket.create_connection(("127.0.0.1", port)):
        pass  # a probe: no byte, no span
    time.sleep(0.3)
    home.stop(server, signal.SIGQUIT)
    silent.close()
    truth = nginx_truth(home)
    check(len(truth) >= 20000, f"only {len(truth)} requests")
    check(sum(1 for one in truth if one[2] is None) >= 20, "nobody went away")
    http = verdict(home, truth)
    pids = {span.resource.get("process.pid") for span in http}
    check(len(pids) == 2, f"requests of {len(pids)} processes instead of 2")
    check(all(span.status == (2 if span.attrs.get("http.response.status_code", 599) >= 500 else 0) for span in http
              if "http.response.status_code" in span.attrs), "status: error for 5xx and for nothing else")


# ---- apache ----------------------------------------------------------------

APACHE = """
ServerRoot {dir}
ServerName localhost
PidFile {dir}/apache.pid
Listen 127.0.0.1:{port}
LoadModule mpm_{mpm}_module {modules}/mod_mpm_{mpm}.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule dir_module {modules}/mod_dir.so
LoadModule alias_module {modules}/mod_alias.so
User www-data
Group www-data
DefaultRuntimeDir {dir}
Mutex file:{dir}
ErrorLog {dir}/error.log
DocumentRoot {dir}/site
<Directory {dir}/site>
	Require all granted
</Directory>
RedirectMatch 302 ^/moved$ /
RedirectMatch 500 ^/error$
RedirectMatch 410 ^/post
DirectoryIndex index.html
KeepAlive On
MaxKeepAliveRequests 0
LogFormat "%r\\t%>s" truth
CustomLog {dir}/access.log truth
{limits}
"""


def request_line_truth(home):
    truth = []
    for line in home.read("access.log").splitlines():
        first, _, status = line.rpartition("\t")
        method, _, rest = first.partition(" ")
        truth.append((method, rest.rpartition(" ")[0], int(status)))
    return truth


def truth_apache(mpm):
    def test(home):
        need_root()
        apache = need_program("apache2", "httpd")
        modules = "/usr/lib/apache2/modules"
        if not os.path.exists(f"{modules}/mod_mpm_{mpm}.so"):
            raise Skip(f"no mod_mpm_{mpm}.so in {modules}")
        make_site(home)
        port = free_port()
        limits = ("StartServers 4\nMinSpareServers 4\nMaxRequestWorkers 32" if mpm == "prefork" else
                  "StartServers 2\nThreadsPerChild 16\nMaxRequestWorkers 32\nMinSpareThreads 8\nMaxSpareThreads 32")
        config = home.write("apache.conf", APACHE.format(dir=home.dir, port=port, mpm=mpm, modules=modules, limits=limits))
        server = home.start([apache, "-d", home.dir, "-f", config, "-DFOREGROUND"], port=port)
        targets = [one for one in TARGETS if "long/" not in one[1]] + [("GET", "/error"), ("GET", "/moved")]
        bodies = [("POST", "/post", b"x" * 10), ("POST", "/post?large", b"y" * 300000), ("POST", "/missing", b"q" * 3000)]
        mix = [request("GET", "/", close=False), request("GET", "/small.txt?a=1&b=%20", close=False),
               request("GET", "/missing", close=False), request("HEAD", "/index.html", close=False),
               request("GET", "/error", close=False), request("POST", "/post?c", b"0123456789" * 300, close=False, chunked=True)]
        load(home, port, 20000, targets, bodies, mix, close_total=1500)
        time.sleep(0.3)
        home.stop(server)
        truth = request_line_truth(home)
        check(len(truth) >= 20000, f"only {len(truth)} requests")
        verdict(home, truth, broken=24)
    return test


# ---- lighttpd --------------------------------------------------------------

LIGHTTPD = """
server.modules = ("mod_accesslog", "mod_redirect")
server.document-root = "{dir}/site"
server.port = {port}
server.bind = "127.0.0.1"
server.errorlog = "{dir}/error.log"
server.pid-file = "{dir}/lighttpd.pid"
server.upload-dirs = ("{dir}")
server.max-keep-alive-requests = 1000000
index-file.names = ("index.html")
accesslog.filename = "{dir}/access.log"
accesslog.format = "%r\t%s"
url.redirect = ("^/moved$" => "/")
{workers}
"""


def truth_lighttpd(workers):
    def test(home):
        lighttpd = need_program("lighttpd")
        make_site(home)
        port = free_port()
        config = home.write("lighttpd.conf", LIGHTTPD.format(
            dir=home.dir, port=port, workers=f"server.max-worker = {workers}" if workers else ""))
        server = home.start([lighttpd, "-D", "-f", config], port=port)
        targets = [one for one in TARGETS if "long/" not in one[1]] + [("GET", "/moved")]
        bodies = [("POST", "/index.html", b"x" * 10), ("POST", "/missing", b"q" * 3000)]
        load(home, port, 20000, targets, bodies)
        # Workers write their log every few seconds, and not at all when they are told to end.
        time.sleep(5 if workers else 0.3)
        home.stop(server, signal.SIGINT)
        truth = request_line_truth(home)
        check(len(truth) >= 20000, f"only {len(truth)} requests")
        verdict(home, truth, broken=24)
    return test


# ---- Python ----------------------------------------------------------------

PYTHON = '''
import http.server, signal, sys, threading
log, lock = open(sys.argv[2], "a"), threading.Lock()

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    disable_nagle_algorithm = True
    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
    def log_request(self, code="-", size="-"):
        with lock:
            log.write("%s\\t%s\\t%d\\n" % (self.command, self.path, int(code)))
            log.flush()
    def log_message(self, *_):
        pass
    def do_GET(self):
        if self.path.startswith("/missing"):
            return self.answer(404, b"no")
        if self.path.startswith("/error"):
            return self.answer(500, b"error")
        if self.path.startswith("/none"):
            self.send_response(204)
            return self.end_headers()
        self.answer(200, b"b" * (@BIG@ if self.path.startswith("/big") else 100))
    do_HEAD = do_DELETE = do_OPTIONS = do_GET
    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            while True:
                size = int(self.rfile.readline(), 16)
                self.rfile.read(size + 2)
                if not size:
                    break
        else:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(201, b"made")
    do_PUT = do_POST

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
'''.replace("@BIG@", str(BIG))


def truth_python(home):
    port = free_port()
    script = home.write("server.py", PYTHON)
    server = home.start([sys.executable, script, str(port), home.path("access.log")], port=port)
    bodies = [("POST", "/post", b"x" * 10), ("PUT", "/put?large", b"y" * 300000)]
    mix = [request("GET", "/", close=False), request("GET", "/missing", close=False),
           request("HEAD", "/x", close=False), request("GET", "/none", close=False),
           request("POST", "/post", b"0123456789", close=False, chunked=True), request("GET", "/error?q=1", close=False)]
    load(home, port, 20000, TARGETS, bodies, mix, close_total=1000)
    time.sleep(0.3)
    home.stop(server)
    truth = [(method, target, int(status)) for method, target, status in
             (line.split("\t") for line in home.read("access.log").splitlines())]
    check(len(truth) >= 20000, f"only {len(truth)} requests")
    verdict(home, truth)


TESTS = [
    ("truth/nginx", truth_nginx),
    ("truth/nginx_run", lambda home: truth_nginx(home, "run")),
    ("truth/apache_event", truth_apache("event")),
    ("truth/apache_worker", truth_apache("worker")),
    ("truth/apache_prefork", truth_apache("prefork")),
    ("truth/lighttpd", truth_lighttpd(0)),
    ("truth/lighttpd_workers", truth_lighttpd(2)),
    ("truth/python", truth_python),
]
