# SPDX-License-Identifier: MIT
"""test_together.py - one trace through programs that know nothing of each other, and through programs that
carry the official OpenTelemetry SDK."""

import json
import os
import signal
import subprocess

import matrix
from follow import EARLY, CLIENT, Postgres, Tree, exe, is_command, load, start_nginx
from lib import HERE, SERVER, Skip, check, free_port, need_program

RECEIVERS = os.path.join(os.path.dirname(HERE), "receivers")
REQUESTS = 200

APP = '''
import http.server, sys
import psycopg2

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_GET(self):
        database = psycopg2.connect(host="127.0.0.1", port=int(sys.argv[2]), user="postgres", dbname="postgres")
        cursor = database.cursor()
        cursor.execute("select %s::text", (self.path,))
        body = (cursor.fetchone()[0] + "\\n").encode()
        database.close()
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


def curl_to_postgres(home):
    """curl -> nginx -> Python -> PostgreSQL: one trace, each below the one that asked it."""
    python, curl = "/usr/bin/python3", need_program("curl")
    if subprocess.run([python, "-c", "import psycopg2"], capture_output=True).returncode != 0:
        raise Skip("psycopg2 is not installed")
    database = Postgres(home, mode="preload")
    inner = free_port()
    app = home.start([python, home.write("app.py", APP), str(inner), str(database.port)], port=inner)
    nginx, port = start_nginx(home, inner)
    status, out, err = home.run([curl, "-sS", f"http://127.0.0.1:{port}/r/4711"], "preload")
    check((status, out) == (0, "/r/4711\n"), f"curl: {status} {out} {err}")
    load(port, REQUESTS, prefix="/other/")
    home.stop(nginx, signal.SIGQUIT)
    home.stop(app)
    database.stop()
    spans = home.spans()
    tree = Tree(spans)
    app_name = next((exe(span) for span in spans if exe(span).startswith("python")), "python3")
    asked = [span for span in spans if exe(span) == "curl" and span.kind == CLIENT and "url.full" in span.attrs]
    check(len(asked) == 1, f"{len(asked)} requests of curl")
    trace = [span for span in spans if span.trace_id == asked[0].trace_id]
    select = [span for span in trace if is_command(span) and span.attrs.get("db.operation.name") == "SELECT"]
    check(len(select) == 1, f"{len(select)} SELECTs in curl's trace, {sum(map(is_command, spans))} commands in all")
    line = [(exe(one), one.kind) for one in [select[0], *tree.above(select[0])] if one.kind in (CLIENT, SERVER)]
    wanted = [("curl", CLIENT), ("nginx", SERVER), ("nginx", CLIENT), (app_name, SERVER), (app_name, CLIENT)]
    check(line[::-1] == wanted, f"from the command up: {line}")
    check({exe(span) for span in trace} >= {"curl", "nginx", app_name}, f"programs {sorted({exe(span) for span in trace})}")
    others = {span.trace_id for span in spans if span.is_http and exe(span) == "nginx"}
    check(len(others) == REQUESTS + 1, f"{len(others)} traces of {REQUESTS + 1} requests")
    above = [tree.request_above(span) for span in spans if is_command(span) and exe(span) == app_name
             and span.attrs.get("db.operation.name") == "SELECT"]
    check(None not in above and len({span.span_id for span in above}) == REQUESTS + 1,
          f"{len(above)} SELECTs, {above.count(None)} of no request")
    home.note(" -> ".join(dict.fromkeys(name for name, _ in wanted)) + " -> PostgreSQL")


# What the SDK exports goes to standard output, a span a line.
SDK = '''
const { NodeTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-node');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const exporter = {
	export(spans, done) {
		for (const span of spans)
			console.log(JSON.stringify({ kind: span.kind, trace: span.spanContext().traceId, id: span.spanContext().spanId,
				parent: span.parentSpanContext ? span.parentSpanContext.spanId : '',
				target: span.attributes['url.path'] || span.attributes['http.target'] || span.attributes['url.full'] ||
					span.attributes['http.url'] }));
		done({ code: 0 });
	},
	shutdown: async () => {},
};
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register();
registerInstrumentations({ tracerProvider: provider, instrumentations: [new HttpInstrumentation()] });
'''

UPSTREAM = SDK + '''
const http = require('http');
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
let left = +process.argv[3], next = left;
const ask = () => {
	if (next === 0)
		return;
	const id = next--;
	http.get({ host: '127.0.0.1', port: +process.argv[2], path: '/r/' + id, agent }, (answer) => {
		answer.resume();
		answer.on('end', () => {
			if (--left === 0)
				setTimeout(() => process.exit(0), 100);
			ask();
		});
	});
};
for (let i = 0; i < 8; i++)
	ask();
'''

DOWNSTREAM = SDK + '''
const http = require('http');
const mask = (1n << 64n) - 1n;
const mix = (number) => {
	number = (number + 0x9E3779B97F4A7C15n) & mask;
	number = ((number ^ (number >> 30n)) * 0xBF58476D1CE4E5B9n) & mask;
	number = ((number ^ (number >> 27n)) * 0x94D049BB133111EBn) & mask;
	return number ^ (number >> 31n);
};
const server = http.createServer((request, response) => {
	const [, , id, number] = request.url.split('/');
	setTimeout(() => response.end(`${id}.${number}=\\n`), Number(mix(BigInt(id)) % 5n));
});
server.listen(+process.argv[2], '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
'''


def sdk_spans(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def opentelemetry(model, told):
    """SDK -> a C server that knows nothing of it -> SDK: one trace id throughout."""
    def test(home):
        node = need_program("node")
        if not os.path.isdir(os.path.join(RECEIVERS, "node_modules/@opentelemetry/instrumentation-http")):
            raise Skip("the npm packages of tests/receivers are not installed")
        try:
            program = matrix.compile_programs(os.path.dirname(home.path("programs", "x")), ("server",))["server"]
        except matrix.Unable as why:
            raise Skip(str(why)) from None
        port, inner = free_port(), free_port()
        modules = {"NODE_PATH": os.path.join(RECEIVERS, "node_modules")}
        downstream = home.start([node, home.write("downstream.js", DOWNSTREAM), str(inner)], "plain", port=inner, env=modules)
        server = home.start([program, model, str(port), str(inner)], port=port)
        status, out, err = home.run([node, home.write("upstream.js", UPSTREAM), str(port), str(REQUESTS)], "plain", env=modules)
        check(status == 0, f"upstream: {err[-300:]}")
        home.stop(server)
        home.stop(downstream)
        with open(downstream.output) as stream:
            asked = [span for span in sdk_spans(stream.read()) if span["kind"] == 1]
        asking = {span["id"]: span for span in sdk_spans(out) if span["kind"] == 2}
        check(len(asking) == REQUESTS, f"{len(asking)} client spans of the SDK")
        spans = home.spans(well_formed=False)
        tree = Tree(spans)
        requests = [span for span in spans if span.is_http]
        check(len(requests) == REQUESTS, f"{len(requests)} requests of {REQUESTS}")
        for span in requests:
            above = asking.get(span.parent_id)
            check(above is not None and above["trace"] == span.trace_id, f"{span.attrs['url.path']} is below {span.parent_id}")
        right = 0
        for span in asked:
            call = tree.by_id.get(span["parent"])
            check(call is not None and call.trace_id == span["trace"], f"{span['target']} is below {span['parent']}")
            request = tree.request_above(call)
            if request and request.attrs["url.path"].split("/")[2] == span["target"].split("/")[2]:
                check(request.trace_id == span["trace"] or not told, f"{span['target']} is in another trace than its request")
                right += 1
            else:
                check(request is None, f"{span['target']} is below {request and request.attrs['url.path']}")
        check(len(asked) - right <= EARLY or not told, f"{right} of {len(asked)} right")
        home.note(f"{REQUESTS} requests, {right} of {len(asked)} calls in one trace from SDK to SDK")
    return test


TESTS = [("follow/curl-nginx-python-postgresql", curl_to_postgres),
         ("follow/opentelemetry-js-thread", opentelemetry("thread", True)),
         ("follow/opentelemetry-js-epoll", opentelemetry("epoll-lt-ptr", True))]
