#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""receiver.py - a collector that writes down what it is given, and may be killed at any moment.

    receiver.py PORT LEDGER

Takes OTLP as http/json and Sentry envelopes.  A body is one line of LEDGER
({"path": ..., "body": ...}), written whole before the answer goes out: what was
answered is in the ledger, and what is in the ledger may not have been answered.
"""

import base64
import gzip
import http.server
import json
import os
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        kind = self.headers.get("Content-Type", "")
        line = {"path": self.path, "body": json.loads(body) if "json" in kind else base64.b64encode(body).decode()}
        os.write(self.server.ledger, json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # a sender that was killed is what the tests are about
    server.ledger = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    server.serve_forever()


main()
