# SPDX-License-Identifier: MIT
"""test_http2.py - HTTP/2 and gRPC through real programs: spans against access logs, h2load's count and request ids.

A stream is a request.  What a server asks others has to be on its own request or on none;
how much is on its own is printed, and asked for where nothing is left to guess.
"""

import collections
from concurrent import futures
import os
import re
import signal
import subprocess

from follow import Tree, apache_log, exe, id_of, is_http_client, load, nginx_log, path_of, start_apache, start_nginx
from lib import SERVER, Skip, check, free_port, need_program

REQUESTS = 2000
ANSWER = 'location / { return 200 "hello\\n"; }'
PYTHON = "/usr/bin/python3"  # the one that Debian's packages are for


def h2load(home, url, count=REQUESTS, connections=10, streams=32, mode="plain"):
    """Asks for URL/1, URL/2 and so on, each once; all have to be answered with 200."""
    need_program("h2load")
    each = count // connections

    def one(first):
        urls = home.write(f"urls-{first}.txt", "".join(f"{url}/{first + number}\n" for number in range(1, each + 1)))
        status, out, error = home.run(["h2load", "-n", str(each), "-c", "1", "-m", str(streams), "-i", urls], mode, 120)
        check(status == 0 and f"{each} succeeded" in out, f"h2load: {status} {out[-400:]} {error[-200:]}")

    with futures.ThreadPoolExecutor(connections) as pool:
        list(pool.map(one, range(0, count, each)))


def certificate(home):
    done = subprocess.run([need_program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                           "-subj", "/CN=localhost", "-keyout", f"{home.dir}/key.pem", "-out", f"{home.dir}/cert.pem"],
                          capture_output=True, text=True)
    check(done.returncode == 0, f"no certificate: {done.stderr[-200:]}")
    os.chmod(f"{home.dir}/key.pem", 0o644)


def servers(spans, program=None):
    return [span for span in spans if span.is_http and program in (None, exe(span))]


def check_requests(found, paths, version="2", scheme="http", status=200):
    """Exactly one whole root span for each path, and nothing else."""
    check(collections.Counter(span.attrs.get("url.path") for span in found) == collections.Counter(paths),
          f"{len(found)} spans for {len(paths)} requests")
    for span in found:
        check(span.attrs.get("network.protocol.version") == version, f"version {span.attrs.get('network.protocol.version')}")
        check(span.attrs.get("url.scheme") == scheme, f"scheme {span.attrs.get('url.scheme')}")
        check(span.attrs.get("http.response.status_code") == status, f"status {span.attrs.get('http.response.status_code')}")
        check(not span.unfinished and not span.parent_id, f"{span.name} is unfinished, or below something")


def judge(home, spans, is_call, enough=0.0):
    """How many calls are below the request that they were made for, none, or another: that is a failure."""
    tree = Tree(spans)
    verdicts = collections.Counter()
    for span in filter(is_call, spans):
        above = tree.request_above(span)
        verdicts["orphan" if above is None else "right" if id_of(above) == id_of(span) else "wrong"] += 1
    home.note(f"{verdicts['right']} right, {verdicts['orphan']} orphans, {verdicts['wrong']} wrong")
    check(verdicts["wrong"] == 0, f"{verdicts['wrong']} calls are below another request: {dict(verdicts)}")
    check(verdicts["right"] >= enough * sum(verdicts.values()), f"too few on their request: {dict(verdicts)}")
    return sum(verdicts.values())


# ---- servers alone ----

def nginx(home):
    server, port = start_nginx(home, 1, ANSWER)
    config = home.read("nginx.conf").replace(f":{port};", f":{port} http2;")
    home.stop(server, signal.SIGQUIT)
    server = restart(home, config, port)
    h2load(home, f"http://127.0.0.1:{port}/r")
    curl(home, ["--http2-prior-knowledge", f"http://127.0.0.1:{port}/r/0"], "2")
    home.stop(server, signal.SIGQUIT)
    check_requests(servers(home.spans()), [path for path, _, _ in nginx_log(home)])
    check(len(nginx_log(home)) == REQUESTS + 1, f"{len(nginx_log(home))} in the log")


def restart(home, config, port):
    path = home.write("nginx.conf", config)
    return home.start([need_program("nginx"), "-p", home.dir, "-e", f"{home.dir}/nginx-error.log", "-c", path], port=port)


def curl(home, words, version, mode="plain"):
    status, out, error = home.run([need_program("curl"), "-sk", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", *words],
                                  mode)
    check(status == 0 and out == f"200 {version}", f"curl {words}: {status} {out!r} {error[-200:]}")


def nginx_tls(home):
    certificate(home)
    server, port = start_nginx(home, 1, ANSWER)
    tls = f":{port} ssl http2; ssl_certificate {home.dir}/cert.pem; ssl_certificate_key {home.dir}/key.pem;"
    home.stop(server, signal.SIGQUIT)
    server = restart(home, home.read("nginx.conf").replace(f":{port};", tls), port)
    h2load(home, f"https://127.0.0.1:{port}/r")
    curl(home, ["--http2", f"https://127.0.0.1:{port}/r/0"], "2")
    home.stop(server, signal.SIGQUIT)
    check_requests(servers(home.spans()), [path for path, _, _ in nginx_log(home)], scheme="https")
    check(len(nginx_log(home)) == REQUESTS + 1, f"{len(nginx_log(home))} in the log")


def apache(home):
    if not os.path.exists("/usr/lib/apache2/modules/mod_http2.so"):
        raise Skip("no mod_http2.so")
    server, port = start_apache(home)
    home.stop(server)
    config = home.read("apache.conf") + "LoadModule http2_module /usr/lib/apache2/modules/mod_http2.so\nProtocols h2c http/1.1\n" \
        "H2Direct on\n"
    server = home.start([need_program("apache2", "httpd"), "-d", home.dir, "-f", home.write("apache.conf", config),
                         "-DFOREGROUND"], port=port)
    h2load(home, f"http://127.0.0.1:{port}/r")
    curl(home, ["--http2", f"http://127.0.0.1:{port}/r/0"], "2")  # an upgrade: the first request is HTTP/1.1
    home.stop(server)
    log = [path for path, status, _ in apache_log(home) if status != "101"]
    check(len(log) == REQUESTS + 1, f"{len(log)} in the log")
    spans = servers(home.spans())
    upgraded = [span for span in spans if span.attrs.get("network.protocol.version") != "2"]
    check([span.attrs.get("url.path") for span in upgraded] == ["/r/0"], f"{len(upgraded)} spans of HTTP/1.1")
    check(upgraded[0].attrs.get("http.response.status_code") == 200, "the upgraded request's status is not stream 1's")
    check_requests([span for span in spans if span not in upgraded], [path for path in log if path != "/r/0"])


def nghttpd(home):
    program, port = need_program("nghttpd"), free_port()
    for number in range(REQUESTS + 1):
        home.write(f"site/r/{number}", "a page\n")
    server = home.start([program, "--no-tls", "-d", f"{home.dir}/site", "-n", "2", str(port)], port=port)
    h2load(home, f"http://127.0.0.1:{port}/r")
    home.stop(server)
    check_requests(servers(home.spans()), [f"/r/{number}" for number in range(1, REQUESTS + 1)])


def clients(home):
    """h2load and curl as what is traced: each of their requests is a client span."""
    server, port = start_nginx(home, 1, ANSWER, mode="plain")
    home.stop(server, signal.SIGQUIT)
    path = home.write("nginx.conf", home.read("nginx.conf").replace(f":{port};", f":{port} http2;"))
    server = home.start([need_program("nginx"), "-p", home.dir, "-e", f"{home.dir}/nginx-error.log", "-c", path], "plain", port=port)
    h2load(home, f"http://127.0.0.1:{port}/r", mode="preload")
    curl(home, ["--http2-prior-knowledge", f"http://127.0.0.1:{port}/r/0"], "2", "preload")
    home.stop(server, signal.SIGQUIT)
    found = collections.Counter(id_of(span) for span in home.spans() if is_http_client(span))
    check(found == collections.Counter(range(REQUESTS + 1)), f"{sum(found.values())} client spans")


# ---- servers that ask others ----

def nghttpx(home):
    """HTTP/2 to HTTP/2, one request at a time on each of two connections, then many."""
    server, inner = start_nginx(home, 1, ANSWER)
    home.stop(server, signal.SIGQUIT)
    server = restart(home, home.read("nginx.conf").replace(f":{inner};", f":{inner} http2;"), inner)
    port = free_port()
    proxy = home.start([need_program("nghttpx"), "--conf=/dev/null", "--workers=2", f"-b127.0.0.1,{inner};;proto=h2",
                        f"-f127.0.0.1,{port};no-tls"], port=port)
    h2load(home, f"http://127.0.0.1:{port}/r")
    home.stop(proxy, signal.SIGQUIT)
    home.stop(server, signal.SIGQUIT)
    spans = home.spans()
    paths = [f"/r/{number}" for number in range(1, REQUESTS + 1)]
    check_requests(servers(spans, "nghttpx"), paths)
    check_requests(servers(spans, "nginx"), paths)
    check(judge(home, spans, is_http_client) == REQUESTS, "not one client span a request")


NODE = """
const http = require('http'), http2 = require('http2');
const [port, down, inwards, outwards, wait] = process.argv.slice(2);
const session = outwards === 'h2' ? http2.connect('http://127.0.0.1:' + down) : null;
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

function call(path) {
	return new Promise((resolve, reject) => {
		if (session) {
			const stream = session.request({ ':path': path });
			stream.on('error', reject).on('data', () => {}).on('end', resolve).end();
			return;
		}
		http.get({ port: down, host: '127.0.0.1', path, agent }, (answer) => {
			answer.on('data', () => {}).on('end', resolve);
		}).on('error', reject);
	});
}

const sleep = () => wait > 0 ? new Promise((done) => setTimeout(done, Math.random() * wait)) : null;

async function serve(request, response) {
	const number = request.url.split('/').pop();
	await sleep();
	await call('/d/' + number);
	await sleep();
	await call('/e/' + number);
	await sleep();
	response.end('done\\n');
}

(inwards === 'h2' ? http2 : http).createServer(serve).listen(port, '127.0.0.1');
"""


def node(inwards, outwards, wait, streams=8, count=REQUESTS, enough=0.0):
    def test(home):
        program = need_program("node")
        inner_server, inner = start_nginx(home, 1, ANSWER, mode="plain")
        if outwards == "h2":
            home.stop(inner_server, signal.SIGQUIT)
            path = home.write("nginx.conf", home.read("nginx.conf").replace(f":{inner};", f":{inner} http2;"))
            home.start([need_program("nginx"), "-p", home.dir, "-e", f"{home.dir}/nginx-error.log", "-c", path], "plain",
                       port=inner)
        port = free_port()
        server = home.start([program, home.write("server.js", NODE), str(port), str(inner), inwards, outwards, str(wait)],
                            port=port)
        url = f"http://127.0.0.1:{port}/r"
        if inwards == "h2":
            h2load(home, url, count, min(8, streams), streams)
        else:
            load(port, count, threads=streams)
        home.stop(server)
        spans = home.spans()
        check(len(servers(spans)) >= count, f"{len(servers(spans))} request spans")
        found = judge(home, spans, is_http_client, enough)
        check(found == 2 * count, f"{found} client spans for {2 * count} calls")
    return test


# ---- gRPC ----

GRPC = '''
import sys, time, threading
from concurrent import futures
import grpc

def echo(request, context):
    return request

def count(request, context):
    for number in range(3):
        yield b"%d" % number

def fail(request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "nothing there")

def collect(requests, context):
    return b"".join(requests)

class Handlers(grpc.GenericRpcHandler):
    def service(self, details):
        return {"/test.Echo/Unary": grpc.unary_unary_rpc_method_handler(echo),
                "/test.Echo/Down": grpc.unary_stream_rpc_method_handler(count),
                "/test.Echo/Up": grpc.stream_unary_rpc_method_handler(collect),
                "/test.Echo/Fail": grpc.unary_unary_rpc_method_handler(fail)}.get(details.method)

def serve(port):
    server = grpc.server(futures.ThreadPoolExecutor(8), handlers=(Handlers(),))
    server.add_insecure_port("127.0.0.1:%s" % port)
    server.start()
    server.wait_for_termination()

def ask(port, count):
    channel = grpc.insecure_channel("127.0.0.1:%s" % port)
    def calls():
        for _ in range(count):
            assert channel.unary_unary("/test.Echo/Unary")(b"x") == b"x"
            assert list(channel.unary_stream("/test.Echo/Down")(b"x")) == [b"0", b"1", b"2"]
            assert channel.stream_unary("/test.Echo/Up")(iter([b"a", b"b"])) == b"ab"
            try:
                channel.unary_unary("/test.Echo/Fail")(b"x")
                assert False
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.NOT_FOUND
    threads = [threading.Thread(target=calls) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    channel.close()

if sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    ask(sys.argv[2], int(sys.argv[3]))
'''


def need_grpc():
    if subprocess.run([PYTHON, "-c", "import grpc"], capture_output=True).returncode:
        raise Skip("no python3-grpcio")


def grpc(home):
    need_grpc()
    port, script = free_port(), home.write("calls.py", GRPC)
    server = home.start([PYTHON, script, "serve", str(port)], port=port)
    status, out, error = home.run([PYTHON, script, "ask", str(port), "50"])
    check(status == 0 and not re.search("Assertion|Traceback", error), f"the client: {status} {error[-300:]}")
    home.stop(server)
    spans = home.spans()
    for kind, what in ((SERVER, "server"), (3, "client")):
        found = collections.Counter((span.name, span.attrs.get("rpc.status_code"), span.status) for span in spans
                                    if span.kind == kind and span.attrs.get("rpc.system.name") == "grpc")
        failed = 2 if what == "client" else 0
        check(found == {("test.Echo/Unary", "OK", 0): 200, ("test.Echo/Down", "OK", 0): 200,
                        ("test.Echo/Up", "OK", 0): 200, ("test.Echo/Fail", "NOT_FOUND", failed): 200},
              f"{what}: {dict(found)}")


GRPC_BETWEEN = '''
import http.client, http.server, sys
from concurrent import futures
import grpc

class Echo(grpc.GenericRpcHandler):
    def __init__(self, down):
        self.down = down
    def service(self, details):
        def answer(request, context):
            connection = http.client.HTTPConnection("127.0.0.1", self.down)
            connection.request("GET", "/e/" + details.method.rsplit("/", 1)[1])
            connection.getresponse().read()
            connection.close()
            return request
        return grpc.unary_unary_rpc_method_handler(answer)

what, port, down = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if what == "server":
    server = grpc.server(futures.ThreadPoolExecutor(8), handlers=(Echo(down),))
    server.add_insecure_port("127.0.0.1:%d" % port)
    server.start()
    server.wait_for_termination()

channel = grpc.insecure_channel("127.0.0.1:%d" % down)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_GET(self):
        for _ in range(2):
            channel.unary_unary("/d/" + self.path.rsplit("/", 1)[1])(b"x")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

Server(("127.0.0.1", port), Handler).serve_forever()
'''


def grpc_between(home):
    """Threads that answer HTTP/1 ask by one channel of gRPC; threads that answer that ask by HTTP/1."""
    need_grpc()
    count, script = 500, home.write("between.py", GRPC_BETWEEN)
    _, inner = start_nginx(home, 1, ANSWER, mode="plain")
    middle, port = free_port(), free_port()
    server = home.start([PYTHON, script, "server", str(middle), str(inner)], port=middle)
    front = home.start([PYTHON, script, "front", str(port), str(middle)], port=port)
    load(port, count)
    home.stop(front)
    home.stop(server)
    spans = home.spans()
    found = collections.Counter((span.kind, path_of(span).split("/")[1]) for span in spans
                                if span.is_http or is_http_client(span))
    check(found == {(SERVER, "r"): count, (3, "d"): 2 * count, (SERVER, "d"): 2 * count, (3, "e"): 2 * count},
          f"spans: {dict(found)}")
    judge(home, spans, is_http_client)


TESTS = [
    ("http2_nginx", nginx), ("http2_nginx_tls", nginx_tls), ("http2_apache", apache), ("http2_nghttpd", nghttpd),
    ("http2_clients", clients), ("http2_nghttpx", nghttpx),
    ("http2_node_one", node("h2", "http1", 0, streams=1, count=300, enough=0.9)),
    ("http2_node", node("h2", "http1", 0)),
    ("http2_node_timers", node("h2", "http1", 20)),
    ("http2_node_client", node("http1", "h2", 0)),
    ("http2_node_client_timers", node("http1", "h2", 20)),
    ("http2_node_both", node("h2", "h2", 20)),
    ("grpc", grpc), ("grpc_between", grpc_between),
]
