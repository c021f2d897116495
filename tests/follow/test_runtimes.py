# SPDX-License-Identifier: MIT
"""test_runtimes.py - servers in Python, Node.js and Java that ask others in their handlers.

GET /r/ID makes two calls to a downstream server (tests/attribution/downstream.c), which writes
down what it was asked and with which header; matrix.py judges.
"""

import os
import subprocess

import matrix
from follow import load
from lib import Skip, check, free_port, need_program

REQUESTS = 1000

THREADS = '''
import http.client, http.server, sys
down = int(sys.argv[2])

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_GET(self):
        body = b""
        connection = http.client.HTTPConnection("127.0.0.1", down)
        for number in range(2):
            connection.request("GET", "/d/%s/%d" % (self.path.rsplit("/", 1)[1], number))
            body += connection.getresponse().read()
        connection.close()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
'''

ASYNCIO = '''
import asyncio, sys
down = int(sys.argv[2])

async def call(path):
    reader, writer = await asyncio.open_connection("127.0.0.1", down)
    writer.write(b"GET %s HTTP/1.1\\r\\nHost: downstream\\r\\n\\r\\n" % path)
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    body = await reader.readexactly(int(head.split(b"Content-Length:")[1].split(b"\\r")[0]))
    writer.close()
    return body

async def serve(reader, writer):
    while True:
        try:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
        except asyncio.IncompleteReadError:
            break
        number = head.split(b" ")[1].rsplit(b"/", 1)[1]
        body = b"".join([await call(b"/d/%s/%d" % (number, i)) for i in range(2)])
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
    writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=128)
    await server.serve_forever()

asyncio.run(main())
'''

NODE = '''
const http = require('http');
const agent = new http.Agent({ keepAlive: true });
const call = (path, then) => http.get({ host: '127.0.0.1', port: +process.argv[3], path, agent }, (answer) => {
	let body = '';
	answer.on('data', (part) => { body += part; });
	answer.on('end', () => then(body));
});
http.createServer((request, response) => {
	const id = request.url.split('/').pop();
	call(`/d/${id}/0`, (first) => call(`/d/${id}/1`, (second) => response.end(first + second)));
}).listen(+process.argv[2], '127.0.0.1');
'''

JAVA = '''
import com.sun.net.httpserver.HttpServer;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URL;
import java.util.concurrent.Executors;

public class Shop {
	static byte[] call(int port, String path) throws Exception {
		HttpURLConnection connection = (HttpURLConnection) new URL("http://127.0.0.1:" + port + path).openConnection();
		try (InputStream in = connection.getInputStream()) {
			return in.readAllBytes();
		}
	}

	public static void main(String[] args) throws Exception {
		int down = Integer.parseInt(args[1]);
		HttpServer server = HttpServer.create(
			new InetSocketAddress(InetAddress.getByName("127.0.0.1"), Integer.parseInt(args[0])), 128);
		server.createContext("/r/", exchange -> {
			try {
				String path = exchange.getRequestURI().getPath();
				String id = path.substring(path.lastIndexOf('/') + 1);
				byte[] first = call(down, "/d/" + id + "/0"), second = call(down, "/d/" + id + "/1");
				exchange.sendResponseHeaders(200, first.length + second.length);
				exchange.getResponseBody().write(first);
				exchange.getResponseBody().write(second);
			} catch (Exception problem) {
				problem.printStackTrace();
			}
			exchange.close();
		});
		server.setExecutor(Executors.newFixedThreadPool(16));
		server.start();
	}
}
'''


def start_downstream(home):
    """The downstream server of the attribution matrix, plain; (process, port, its log)."""
    try:
        program = matrix.compile_programs(os.path.dirname(home.path("programs", "x")), ("downstream",))["downstream"]
    except matrix.Unable as why:
        raise Skip(str(why)) from None
    port, log = free_port(), home.path("calls")
    return home.start([program, str(port), log], "plain", port=port), port, log


def judged(home, command, name, told, why="", requests=REQUESTS, seconds=15, env=None):
    """Runs a server under load and judges its spans."""
    downstream, down, log = start_downstream(home)
    port = free_port()
    server = home.start([*command, str(port), str(down)], port=port, seconds=seconds, env=env)
    load(port, requests, threads=16, verify=lambda number, body: body.startswith(b"%d.0=" % number)
         and b"\n%d.1=" % number in body)
    home.stop(server)
    home.stop(downstream)
    home.settle()
    result = matrix.judge(matrix.row(name, "", told=told, why=why), [requests, 0, 0], 0, log, home.file, {})
    home.note(f"{result.calls} calls: {result.right} right, {result.orphan} orphans, {result.wrong} wrong; "
              f"headers {dict(result.header)}")
    check(result.calls == 2 * requests, f"{result.calls} calls of {requests} requests")
    result.header_due = False  # a thread that waits for a lock says its own trace until it has answered
    problems = result.problems()
    check(not problems, "; ".join(problems))


def python_threads(home):
    judged(home, [need_program("python3"), home.write("threads.py", THREADS)], "threads", True)


def python_asyncio(home):
    judged(home, [need_program("python3"), home.write("tasks.py", ASYNCIO)], "asyncio", False,
           "a task goes on in the loop's next round")


def node(home):
    judged(home, [need_program("node"), home.write("shop.js", NODE)], "node", True)


def java(home):
    compiler, machine = need_program("javac"), need_program("java")
    source = home.write("Shop.java", JAVA)
    done = subprocess.run([compiler, "-d", home.dir, source], capture_output=True, text=True)
    check(done.returncode == 0, f"javac: {done.stderr[:200]}")
    judged(home, [machine, "-Xshare:auto", "-Xmx128m", "-cp", home.dir, "Shop"], "java", True, seconds=40)


TESTS = [("follow/python-threads", python_threads), ("follow/python-asyncio", python_asyncio), ("follow/node", node),
         ("follow/java", java)]
