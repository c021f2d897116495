# SPDX-License-Identifier: MIT
"""shop.py - a small server for the tests of reports.

    shop.py PORT PRICES_PORT      PRICES_PORT: who is asked for prices; 0: nobody
"""

import http.server
import random
import sys
import time
import urllib.request


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path.startswith("/cart"):
            urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[2]}/price/7").read()
        time.sleep(random.expovariate(1 / 0.004))
        self.send_response(500 if self.path.startswith("/broken") else 404 if "missing" in self.path else 200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
