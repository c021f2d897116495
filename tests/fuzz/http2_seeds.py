#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""http2_seeds.py - records conversations between real HTTP/2 programs, as seeds of the fuzzer.

    tests/fuzz/http2_seeds.py [NAME...]     rewrites tests/fuzz/corpus/http2/NAME

By hand; needs curl, nghttp, h2load, nghttpd, nghttpx, nginx, node and Debian's python3-grpcio.  A proxy on loopback
writes down what passes, in the order in which it came.  tests/unit/test_http2.c knows what each
recording says, so a new one needs a look there.

A seed is a byte that seeds the fuzzer's pieces (bit 7: the connection was upgraded from HTTP/1), then
records: two bytes, little endian, the length and in bit 15 whether it came from the server; the bytes.
"""

import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "corpus", "http2")
UPGRADED = 0x80
PROGRAMS = []  # started here, ended here

NODE_SERVER = """
const http2 = require('http2');
const server = http2.createServer();
server.on('stream', (stream, headers) => {
  const path = headers[':path'];
  stream.on('error', () => 0);
  if (path === '/reset') return stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
  if (path === '/hint') stream.additionalHeaders({':status': 103, 'link': '</a.css>; rel=preload'});
  if (path === '/push') stream.pushStream({':path': '/pushed'}, (err, push) => {
    if (!err) { push.respond({':status': 200}); push.end('pushed'); }
  });
  stream.respond({':status': path === '/missing' ? 404 : 200, 'content-type': 'text/plain'}, {waitForTrailers: true});
  stream.on('wantTrailers', () => stream.sendTrailers({'x-sum': 'abc'}));
  stream.resume();
  stream.on('end', () => stream.end('hello ' + path));
});
server.listen(PORT, '127.0.0.1');
"""

NODE_CLIENT = """
const http2 = require('http2');
const session = http2.connect('http://127.0.0.1:PORT');
session.on('stream', s => { s.on('error', () => 0); s.resume(); });
let open = 0;
function ask(headers, body) {
  open++;
  const s = session.request(headers, {endStream: !body});
  s.on('error', () => 0);
  s.on('close', () => { if (--open === 0) session.close(); });
  s.resume();
  if (body) s.end(body);
}
ask({':path': '/hint', 'traceparent': '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'});
ask({':path': '/missing?q=1', ':method': 'POST', 'user-agent': 'node'}, 'x'.repeat(3000));
ask({':path': '/reset'});
ask({':path': '/push'});
"""

GRPC_SERVER = """
import grpc, sys
from concurrent import futures
def fine(request, context):
    return request * 2
def fails(request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, 'no such thing')
def many(request, context):
    for i in range(3):
        yield bytes([i])
handlers = {'Fine': grpc.unary_unary_rpc_method_handler(fine), 'Fails': grpc.unary_unary_rpc_method_handler(fails),
            'Many': grpc.unary_stream_rpc_method_handler(many)}
server = grpc.server(futures.ThreadPoolExecutor(2))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler('shop.Cart', handlers),))
server.add_insecure_port('127.0.0.1:PORT')
server.start()
server.wait_for_termination()
"""

GRPC_CLIENT = """
import grpc
with grpc.insecure_channel('127.0.0.1:PORT') as channel:
    print(channel.unary_unary('/shop.Cart/Fine')(b'ab'))
    for i in range(2):
        try:
            channel.unary_unary('/shop.Cart/Fails')(b'ab', metadata=(('tracestate', 'a=1'),))
        except grpc.RpcError as error:
            print(error.code())
    print(list(channel.unary_stream('/shop.Cart/Many')(b'')))
"""

NGINX = """
daemon off; worker_processes 1; pid DIR/pid; error_log DIR/error;
events {}
http {
  access_log off; client_body_temp_path DIR/a; proxy_temp_path DIR/b; fastcgi_temp_path DIR/c;
  uwsgi_temp_path DIR/d; scgi_temp_path DIR/e;
  server { listen 127.0.0.1:PORT http2; root DIR; location /made { return 201 "made"; } }
}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(*command):
    PROGRAMS.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("nobody listens")


class Proxy:
    """Passes one connection on to a server and keeps what went by; later ones are passed on unheard."""

    def __init__(self, port):
        self.records = []
        self.server = port
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        heard = True
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.server))
            for source, sink, answers in ((client, server, False), (server, client, True)):
                threading.Thread(target=self.copy, args=(source, sink, answers, heard), daemon=True).start()
            heard = False

    def copy(self, source, sink, answers, heard):
        try:
            while data := source.recv(16384):
                with self.lock:
                    if heard:
                        self.records.append((answers, data))
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def merged(records):
    """Neighbours of one direction as one record, as far as its length can be said."""
    out = []
    for answers, data in records:
        if out and out[-1][0] == answers and len(out[-1][1]) + len(data) < 0x8000:
            out[-1] = (answers, out[-1][1] + data)
        else:
            out.append((answers, data))
    return out


def save(name, records, flags=0):
    os.makedirs(CORPUS, exist_ok=True)
    with open(os.path.join(CORPUS, name), "wb") as out:
        out.write(bytes([flags | 0x2a]))
        for answers, data in merged(records):
            out.write(struct.pack("<H", len(data) | (0x8000 if answers else 0)) + data)


def text_of(program, port, **more):
    program = program.replace("PORT", str(port))
    for key, value in more.items():
        program = program.replace(key, value)
    return program


def record(name, port, *client, flags=0, cut=None):
    """client: words of a command; PORT in them is the proxy's."""
    wait_for(port)
    proxy = Proxy(port)
    command = [word.replace("PORT", str(proxy.port)) for word in client]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)
    time.sleep(0.3)
    save(name, cut(proxy.records) if cut else proxy.records, flags)


def curl_nghttpd(directory):
    port = free_port()
    start("nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", directory, str(port))
    record("curl_nghttpd", port, "curl", "--http2-prior-knowledge", "-s", "-d", "field=value", "-H",
           "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "-H", "tracestate: a=1",
           "-H", "x-forwarded-for: 10.1.2.3, 10.0.0.1", "http://127.0.0.1:PORT/a.txt")


def h2load_nginx(directory):
    port = free_port()
    config = os.path.join(directory, "nginx.conf")
    with open(config, "w", encoding="utf-8") as out:
        out.write(text_of(NGINX, port, DIR=directory))
    start("nginx", "-p", directory, "-c", config)
    record("h2load_nginx", port, "h2load", "-n", "12", "-c", "1", "-m", "4", "http://127.0.0.1:PORT/a.txt",
           "http://127.0.0.1:PORT/made")


def node_node(directory):
    port = free_port()
    start("node", "-e", text_of(NODE_SERVER, port))
    wait_for(port)
    record("node_node", port, "node", "-e", NODE_CLIENT)


def grpc_grpc(directory):
    port = free_port()
    start("/usr/bin/python3", "-c", text_of(GRPC_SERVER, port))
    record("grpc_grpc", port, "/usr/bin/python3", "-c", GRPC_CLIENT)


def behind_upgrade(records):
    """Without HTTP/1's request and the 101."""
    streams = [b"".join(data for answers, data in records if answers is side) for side in (False, True)]
    ends = [stream.index(b"\r\n\r\n") + 4 for stream in streams]
    assert b" 101 " in streams[1][:ends[1]]
    out = []
    for answers, data in records:
        skipped = min(ends[answers], len(data))
        ends[answers] -= skipped
        if data[skipped:]:
            out.append((answers, data[skipped:]))
    return out


def nghttp_nghttpx(directory):
    back, port = free_port(), free_port()
    start("nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", directory, str(back))
    start("nghttpx", "--workers=1", f"--frontend=127.0.0.1,{port};no-tls", f"--backend=127.0.0.1,{back};;proto=h2",
          "--errorlog-file=/dev/null", "--conf=/dev/null")
    record("nghttp_nghttpx", port, "nghttp", "-u", "--no-push", "http://127.0.0.1:PORT/a.txt", "http://127.0.0.1:PORT/none",
           flags=UPGRADED, cut=behind_upgrade)


def main():
    makers = (curl_nghttpd, h2load_nginx, node_node, grpc_grpc, nghttp_nghttpx)
    try:
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            with open(os.path.join(directory, "a.txt"), "w", encoding="utf-8") as out:
                out.write("hello\n" * 20)
            for maker in makers:
                if len(sys.argv) == 1 or maker.__name__ in sys.argv[1:]:
                    maker(directory)
    finally:
        for program in PROGRAMS:
            program.terminate()
            program.wait()


if __name__ == "__main__":
    main()
