# SPDX-License-Identifier: MIT
"""test_runtimes.py - servers in Python, Node.js and Java that ask others in their handlers.

GET /r/ID makes two calls to a downstream server (tests/attribution/downstream.c), which writes
down what it was asked and with which header; matrix.py judges.
"""

import http.client
import os
import subprocess
import threading
import time

import matrix
from follow import load, outward_of, row
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


def judged(home, command, name, told, why="", requests=REQUESTS, seconds=15, env=None, threads=16, pause=0.0):
    """Runs a server under load and judges its spans."""
    downstream, down, log = start_downstream(home)
    port = free_port()
    server = home.start([*command, str(port), str(down)], port=port, seconds=seconds, env=env)
    load(port, requests, threads=threads, pause=pause, verify=lambda number, body: body.startswith(b"%d.0=" % number)
         and b"\n%d.1=" % number in body)
    home.stop(server)
    home.stop(downstream)
    home.settle()
    result = matrix.judge(matrix.row(name, "", told=told, why=why), [requests, 0, 0], 0, log, home.file, {})
    home.note(f"{result.calls} calls: {result.right} right, {result.orphan} orphans, {result.wrong} wrong; "
              f"headers {dict(result.header)}")
    check(result.calls == 2 * requests, f"{result.calls} calls of {requests} requests")
    result.header_due = False  # a thread that waits for a lock says its own trace until it has answered
    of = "log of who was asked" + (f"; {threads} at a time" if threads != 16 else "")
    row(name, requests, result.servers, result.answered, of, (result.right, result.orphan, result.wrong))
    problems = result.problems()
    check(not problems, "; ".join(problems))


def python_threads(home):
    judged(home, [need_program("python3"), home.write("threads.py", THREADS)], "Python, threads", True)


def python_asyncio(home):
    judged(home, [need_program("python3"), home.write("tasks.py", ASYNCIO)], "Python, asyncio", False,
           "a task goes on in the loop's next round")


def python_asyncio_one(home):
    """One request at a time: what woke the loop up says whose work its queue holds."""
    judged(home, [need_program("python3"), home.write("tasks.py", ASYNCIO)], "Python, asyncio", True, requests=200, threads=1,
           pause=0.02)


# What asks is not what was asked: both calls at once, places to call from are few, workers take jobs from a
# queue, and everybody sleeps for a while first, or not.
ASYNCIO_ODD = ASYNCIO.split("async def serve")[0] + '''
import random

async def nap():
    if random.random() < 0.5:
        await asyncio.sleep(random.random() * 0.004)

async def guarded(path):
    async with places:
        await nap()
        return await call(path)

async def worker():
    while True:
        path, done = await jobs.get()
        done.set_result(await call(path))

async def queued(path):
    done = asyncio.get_running_loop().create_future()
    jobs.put_nowait((path, done))
    return await done

async def serve(reader, writer):
    while True:
        try:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
        except asyncio.IncompleteReadError:
            break
        number = head.split(b" ")[1].rsplit(b"/", 1)[1]
        await nap()
        ways = [random.choice((call, guarded, queued))(b"/d/%s/%d" % (number, i)) for i in range(2)]
        body = b"".join(await asyncio.gather(*ways) if random.random() < 0.5 else [await way for way in ways])
        await nap()
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
    writer.close()

async def main():
    global places, jobs, workers
    places, jobs = asyncio.Semaphore(2), asyncio.Queue()
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=128)
    workers = [asyncio.ensure_future(worker()) for _ in range(2)]
    await server.serve_forever()

asyncio.run(main())
'''


def python_asyncio_odd(threads, pause):
    def test(home):
        judged(home, [need_program("python3"), home.write("odd.py", ASYNCIO_ODD)], "Python, asyncio with queues and locks", False, "see above",
               threads=threads, pause=pause)
    return test


# The only thing that a request asks is answered, and lets another one's second call go, which no worker was free for.
ASYNCIO_ROOM = ASYNCIO_ODD.split("async def serve")[0] + '''
async def serve(reader, writer):
    while not reader.at_eof():
        head = await reader.readuntil(b"\\r\\n\\r\\n")
        number = int(head.split(b" ")[1].rsplit(b"/", 1)[1])
        body = b"".join(await asyncio.gather(*[queued(b"/d/%d/%d" % (number, i)) for i in range(1 + number % 2)]))
        await asyncio.sleep(0.05)
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)

async def slow(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    await asyncio.sleep(0.1)
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    await reader.read()
    writer.close()

async def main(port):
    global jobs, workers
    jobs = asyncio.Queue()
    workers = [asyncio.ensure_future(worker()) for _ in range(2)]
    server = await asyncio.start_server(slow if port == down else serve, "127.0.0.1", port)
    await server.serve_forever()

asyncio.run(main(int(sys.argv[1])))
'''


def python_asyncio_room(home):
    """Even requests ask once; odd ones, that come while one is at it, twice."""
    python, text, down, port = need_program("python3"), home.write("room.py", ASYNCIO_ROOM), free_port(), free_port()
    home.start([python, text, str(down), str(down)], "plain", port=down)
    server = home.start([python, text, str(port), str(down)], port=port)

    clients = [http.client.HTTPConnection("127.0.0.1", port, timeout=20) for _ in range(2)]

    def ask(number):
        client = clients[number % 2]
        client.request("GET", f"/r/{number}")
        check(client.getresponse().read() == b"ok" * (1 + number % 2), f"{number} fails")

    for number in (1, 3):
        ask(number)
    for number in range(4, 44, 2):
        first = threading.Thread(target=ask, args=(number,))
        first.start()
        time.sleep(0.03)
        ask(number + 1)
        first.join()
    home.stop(server)
    right, orphans, wrong = outward_of(home.spans(), os.path.basename(os.path.realpath(python)))
    home.note(f"{right} right, {orphans} orphans, {wrong} wrong")
    check(wrong == 0, f"{wrong} calls on the wrong request")
    check(right >= 20, f"only {right} of 64 calls on their request")


def node(home):
    judged(home, [need_program("node"), home.write("shop.js", NODE)], "Node.js", True)


def node_limited(sockets):
    """Both calls at once, and fewer connections than there are calls: an answer to one sends another's."""
    text = NODE.replace("keepAlive: true", f"keepAlive: true, maxSockets: {sockets}").replace(
        "call(`/d/${id}/0`, (first) => call(`/d/${id}/1`, (second) => response.end(first + second)));",
        """const found = [];
	for (const number of [0, 1])
		call(`/d/${id}/${number}`, (body) => {
			found[number] = body;
			if (found[0] && found[1])
				response.end(found[0] + found[1]);
		});""")

    def test(home):
        judged(home, [need_program("node"), home.write("limited.js", text)], f"Node.js, two at once on {sockets} connections", False, "see above", threads=32)
    return test


def java(home):
    compiler, machine = need_program("javac"), need_program("java")
    source = home.write("Shop.java", JAVA)
    done = subprocess.run([compiler, "-d", home.dir, source], capture_output=True, text=True)
    check(done.returncode == 0, f"javac: {done.stderr[:200]}")
    judged(home, [machine, "-Xshare:auto", "-Xmx128m", "-cp", home.dir, "Shop"], "Java, pool of threads", True, seconds=40)


TESTS = [("follow/python-threads", python_threads), ("follow/python-asyncio", python_asyncio),
         ("follow/python-asyncio-one", python_asyncio_one),
         ("follow/python-asyncio-room", python_asyncio_room),
         ("follow/python-asyncio-odd-2", python_asyncio_odd(2, 0.01)), ("follow/python-asyncio-odd-4", python_asyncio_odd(4, 0.02)),
         ("follow/python-asyncio-odd-64", python_asyncio_odd(64, 0.2)), ("follow/node-limited-6", node_limited(6)), ("follow/node-limited-40", node_limited(40)),
         ("follow/node-parallel", node_limited(1000)),
         ("follow/node", node),
         ("follow/java", java)]
