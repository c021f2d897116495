# SPDX-License-Identifier: MIT
"""test_clients.py - real clients: one traceparent, the same body, and what came along goes on."""

import hashlib
import http.server
import os
import socket
import ssl
import threading

from lib import Skip, check, free_port, need_program
from test_exact import FULL, build, certificate

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
BIG = 10_000_000


class Echo(http.server.BaseHTTPRequestHandler):
    """Keeps headers and checksums of what it is sent."""
    protocol_version = "HTTP/1.1"

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def do_GET(self):
        digest = hashlib.sha256(self.body()).hexdigest()
        self.server.seen.append((self.headers, digest))
        self.send_response(200)
        self.send_header("Content-Length", str(len(digest)))
        self.end_headers()
        self.wfile.write(digest.encode())

    do_POST = do_PUT = do_GET

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Proxies and clients cut connections that they do not need."""


def serve(pair=None):
    server = Server(("127.0.0.1", 0), Echo)
    server.seen, server.daemon_threads = [], True
    if pair:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http{'s' if pair else ''}://127.0.0.1:{server.server_address[1]}/x"


def commands(home, url, data):
    """(name, command, how many requests, of which body)"""
    insecure = ["-k"] if url.startswith("https") else []
    yield "curl", ["curl", "-s", "--http1.1", "--noproxy", "*", *insecure, url, url, url], 3, b""
    yield "curl post", ["curl", "-s", "--http1.1", "--noproxy", "*", *insecure, "--data-binary", "@" + data, url], 1, None
    yield ("curl chunks", ["curl", "-s", "--http1.1", "--noproxy", "*", *insecure, "-H", "Transfer-Encoding: chunked",
                           "-T", data, url], 1, None)
    yield "wget", ["wget", "-q", "-O", "-", "--no-proxy", "--no-check-certificate", url, url], 2, b""
    yield ("wget post", ["wget", "-q", "-O", "-", "--no-proxy", "--no-check-certificate", "--post-file=" + data, url], 1,
           None)
    yield ("python", ["python3", "-c", f"""
import http.client, ssl, urllib.request
context = ssl._create_unverified_context()
data = open({data!r}, "rb").read()
urllib.request.urlopen(urllib.request.Request({url!r}, data), **dict(context=context) if {url!r}[4] == "s" else {{}}).read()
c = http.client.HTTPSConnection("127.0.0.1", {url.split(":")[2][:-2]}, context=context) if {url!r}[4] == "s" else (
    http.client.HTTPConnection("127.0.0.1", {url.split(":")[2][:-2]}))
for _ in range(3):
    c.request("POST", "/x", iter([data[:7000000], data[7000000:]]), encode_chunked=True, headers={{"Transfer-Encoding": "chunked"}})
    c.getresponse().read()
"""], 4, None)
    yield ("perl", ["perl", "-MLWP::UserAgent", "-e", f"""
my $ua = LWP::UserAgent->new(keep_alive => 1, ssl_opts => {{ verify_hostname => 0, SSL_verify_mode => 0 }});
open(my $in, '<', '{data}'); binmode $in; local $/; my $data = <$in>;
for (1..2) {{ my $r = $ua->post('{url}', Content => $data); die $r->status_line unless $r->is_success; }}
"""], 2, None)


def has(home, name):
    try:
        need_program(name.split()[0].replace("python", "python3"))
    except Skip:
        return False
    if name == "perl":
        return home.run(["perl", "-MLWP::UserAgent", "-MLWP::Protocol::https", "-e", "1"], "plain")[0] == 0
    return True


def real_clients(secure):
    def test(home):
        server, url = serve(certificate(home) if secure else None)
        data = home.path("data")
        with open(data, "wb") as stream:
            stream.write(os.urandom(BIG))
        with open(data, "rb") as stream:
            whole = hashlib.sha256(stream.read()).hexdigest()
        missing = []
        for name, command, count, body in commands(home, url, data):
            if not has(home, name):
                missing.append(name)
                continue
            del server.seen[:]
            status, _, errors = home.run(command, "preload", 120)
            check(status == 0, f"{name}: ends with {status}: {errors[-300:]}")
            check(len(server.seen) == count, f"{name}: {len(server.seen)} requests of {count}")
            for headers, digest in server.seen:
                parents = headers.get_all("traceparent") or []
                check(len(parents) == 1, f"{name}: {parents}")
                check(digest == (whole if body is None else hashlib.sha256(body).hexdigest()), f"{name}: another body")
        server.shutdown()
        home.note(f"without {', '.join(missing)}" if missing else "all clients")
    return test


def gnutls(home):
    """wget is GnuTLS's client here: writes that are short or fail for the moment, below the library."""
    wget, faults = need_program("wget"), build(home, "faults.so", "-shared", "-fPIC")
    linked = home.run(["ldd", wget], "plain")[1]
    if "gnutls" not in linked:
        raise Skip("wget has another TLS library")
    server, url = serve(certificate(home))
    body = home.write("body", "x" * 30000)
    whole = hashlib.sha256(b"x" * 30000).hexdigest()
    for seed in range(400 if FULL else 30):
        del server.seen[:]
        status, said, errors = home.run(
            [wget, "-q", "-O", "-", "-t", "1", "--no-proxy", "--no-check-certificate", "--post-file=" + body, url], "plain", 30,
            env={"LD_PRELOAD": f"{home.preload}:{faults}", "FAULTS": "60,60,0", "FAULTS_SEED": str(seed), "FAULTS_MOST": "300"})
        check(status == 0 and said == whole, f"seed {seed}: wget ends with {status}: {said[:80]} {errors[-200:]}")
        parents = server.seen[0][0].get_all("traceparent") or []
        check(len(server.seen) == 1 and len(parents) == 1, f"seed {seed}: {parents}")
    server.shutdown()


def curl_headers(home, server, url, env, *options):
    del server.seen[:]
    status, _, errors = home.run(["curl", "-s", "--http1.1", "--noproxy", "*", *options, url], "preload", 30, env=env)
    check(status == 0 and len(server.seen) == 1, f"curl ends with {status}: {errors[-200:]}")
    return server.seen[0][0]


def company(home):
    """What a program was started with goes on, each unless the program sends its own."""
    need_program("curl")
    server, url = serve()
    env = {"TRACEPARENT": PARENT, "TRACESTATE": "a=1,b=2", "BAGGAGE": "k=v,l=w;p"}
    names = ("tracestate", "baggage", "sentry-trace")

    def told(more, *options):
        headers = curl_headers(home, server, url, {**env, **more}, *options)
        return headers.get_all("traceparent") or [], *[headers.get_all(name) for name in names]

    parents, *rest = told({})
    check(len(parents) == 1 and parents[0][3:35] == TRACE, f"traceparent {parents}")
    check(rest == [["a=1,b=2"], ["k=v,l=w;p"], None], f"{rest}")
    parents, *rest = told({}, "-H", "Baggage: mine=1", "-H", "TraceState: c=3")
    check(len(parents) == 1 and rest == [["c=3"], ["mine=1"], None], f"its own: {parents} {rest}")
    parents, *rest = told({}, "-H", f"Traceparent: {PARENT}")
    check(parents == [PARENT] and rest == [None, ["k=v,l=w;p"], None], f"its own parent: {parents} {rest}")
    check(told({"OTEL_PROPAGATORS": "baggage"}) == ([], None, ["k=v,l=w;p"], None), "baggage alone")
    check(told({"OTEL_PROPAGATORS": "none"}) == ([], None, None, None), "none")
    parents, *rest = told({"OTEL_PROPAGATORS": "tracecontext,sentry,sentry"})
    check(rest == [["a=1,b=2"], None, [f"{TRACE}-{parents[0][36:52]}-1"]], f"sentry: {parents} {rest}")
    check(told({"OTEL_PROPAGATORS": "b3"})[1:] == (["a=1,b=2"], ["k=v,l=w;p"], None), "what is not known")
    check(told({"TAGALONG_PROPAGATE": "extract"}) == ([], None, None, None), "extract")
    check(told({"TAGALONG_PROPAGATE": "none"}) == ([], None, None, None), "propagate none")
    check(told({"TRACESTATE": "a=1,a=2", "BAGGAGE": "no baggage"})[1:] == (None, None, None), "what is not valid")
    server.shutdown()


FRONT = r"""
import http.client, http.server, sys
class Front(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[2]))
        c.request("GET", "/x")
        c.getresponse().read()
        c.close()
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Front).serve_forever()
"""


def incoming(home):
    """What comes with a request goes on with those that are made for it, and with no other."""
    server, url = serve()
    port = free_port()
    front = home.start(["python3", home.write("front.py", FRONT), str(port), url.split(":")[2][:-2]], port=port)
    sentry = f"{TRACE}-{SPAN}-1"
    cookies = [("Cookie", "c" * 6000)] * 10
    cases = [("all", [("traceparent", PARENT), ("tracestate", "a=1"), ("baggage", "k=v")], TRACE, ["a=1"], ["k=v"]),
             ("nothing", [], None, None, None),
             ("several", [("Traceparent", PARENT), ("tracestate", "a=1"), ("baggage", "k=v"), ("Tracestate", "b=2"),
                          ("BAGGAGE", "l=w")], TRACE, ["a=1,b=2"], ["k=v,l=w"]),
             ("behind cookies", [*cookies, ("traceparent", PARENT), ("baggage", "k=v")], TRACE, None, ["k=v"]),
             ("baggage alone", [("baggage", "k=v")], None, None, ["k=v"]),
             ("state alone", [("tracestate", "a=1")], None, None, None),
             ("sentry", [("sentry-trace", sentry), ("baggage", "sentry-trace_id=" + TRACE), ("tracestate", "a=1")], TRACE,
              None, ["sentry-trace_id=" + TRACE]),
             ("both", [("sentry-trace", "1" * 32 + "-" + SPAN), ("traceparent", PARENT)], TRACE, None, None),
             ("sentry bad", [("sentry-trace", "0" * 32 + "-" + SPAN)], None, None, None),
             ("sentry for a bad one", [("sentry-trace", sentry), ("traceparent", "ff" + PARENT[2:])], TRACE, None, None),
             ("upper case", [("traceparent", PARENT.upper()), ("tracestate", "a=1")], None, None, None),
             ("zero", [("traceparent", f"00-{'0' * 32}-{SPAN}-01")], None, None, None),
             ("version ff", [("traceparent", "ff" + PARENT[2:])], None, None, None),
             ("higher", [("traceparent", "cc" + PARENT[2:] + "-more")], TRACE, None, None),
             ("twice", [("traceparent", PARENT), ("traceparent", PARENT)], None, None, None),
             ("bad state", [("traceparent", PARENT), ("tracestate", "a=1,a=2")], TRACE, None, None),
             ("cut", [("traceparent", PARENT), ("baggage", ",".join(f"key{i:03}={'v' * 40}" for i in range(40)))], TRACE,
              None, [",".join(f"key{i:03}={'v' * 40}" for i in range(21))])]
    for name, headers, trace, state, baggage in cases * 2:
        del server.seen[:]
        raw = "".join(f"{key}: {value}\r\n" for key, value in headers)
        with socket.create_connection(("127.0.0.1", port), 10) as peer:
            peer.sendall(f"GET / HTTP/1.1\r\nHost: x\r\n{raw}Connection: close\r\n\r\n".encode())
            while peer.recv(4096):
                pass
        check(len(server.seen) == 1, f"{name}: {len(server.seen)} requests")
        sent = server.seen[0][0]
        parents = sent.get_all("traceparent") or []
        check(len(parents) == 1 and (parents[0][3:35] == TRACE) == (trace is not None), f"{name}: {parents}")
        check(sent.get_all("tracestate") == state, f"{name}: tracestate {sent.get_all('tracestate')}")
        check(sent.get_all("baggage") == baggage, f"{name}: baggage {sent.get_all('baggage')}")
    home.stop(front)
    server.shutdown()
    spans = home.spans(well_formed=False)  # the callers are nobody
    check(len([span for span in spans if span.is_http]) >= len(cases) * 2, "spans are missing")


NGINX = """
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 64; }}
http {{ access_log off; client_max_body_size 0; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass {url}; }}
    location /stream {{ proxy_pass {url}; proxy_request_buffering off; proxy_http_version 1.1; }} }} }}
"""
HAPROXY = """
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
listen front
  bind 127.0.0.1:{port}
  server back 127.0.0.1:{back}
"""
APACHE = """
ServerRoot {dir}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {dir}/apache.pid
ErrorLog {dir}/error.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
ProxyPass / {url}
"""
PROXIES = {"nginx": (NGINX, ("-c",)), "haproxy": (HAPROXY, ("-db", "-f")), "apache2": (APACHE, ("-DFOREGROUND", "-f"))}


def proxy(name):
    """A large body through a proxy: what its upstream gets, with one traceparent."""
    def test(home):
        text, options = PROXIES[name]
        need_program(name)
        server, url = serve()
        port, back = free_port(), server.server_address[1]
        os.chmod(home.dir, 0o777)
        conf = home.write("proxy.conf", text.format(dir=home.dir, port=port, back=back, url=f"http://127.0.0.1:{back}/"))
        process = home.start([need_program(name), *options, conf], port=port)
        data = home.path("data")
        with open(data, "wb") as stream:
            stream.write(os.urandom(BIG))
        with open(data, "rb") as stream:
            whole = hashlib.sha256(stream.read()).hexdigest()
        for headers in ((), ("-H", "Transfer-Encoding: chunked"), ("-H", "Traceparent: " + PARENT)):
            for path in ("", "stream"):
                del server.seen[:]
                status, said, errors = home.run(["curl", "-sS", "--http1.1", "--noproxy", "*", *headers, "-T", data, "-m", "30",
                                                 f"http://127.0.0.1:{port}/{path}"], "plain", 60)
                check(status == 0 and said == whole, f"{path} {headers}: curl ends with {status}: {said[:99]} {errors[-200:]}")
                parents = server.seen[0][0].get_all("traceparent") or []
                check(len(server.seen) == 1 and len(parents) == 1, f"{path} {headers}: {parents}")
                check("Traceparent" not in " ".join(headers) or parents[0][3:35] == TRACE, f"{path}: another trace")
        home.stop(process)
        server.shutdown()
    return test


TESTS = [("clients/plain", real_clients(False)), ("clients/tls", real_clients(True)),
         ("clients/gnutls", gnutls),
         ("company/environment", company), ("company/requests", incoming),
         *((f"proxy/{name}", proxy(name)) for name in PROXIES)]
