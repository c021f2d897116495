#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""receiver.py - a receiver of OTLP and Sentry that misbehaves as it is told.

For tests: Receiver() listens on a loopback port, in threads of its own.  What it does with a
request is said per path, as a list of behaviours: each is for one request, the last one stays.

    receiver.behave("/v1/traces", "status:503", "status:429,Retry-After=7", "ok")

    ok                        200 with an empty answer of the request's type
    partial:N                 200, N things rejected, in the request's type
    status:CODE[,NAME=VALUE]  that status, with these headers (a ',' in a value is '%2C')
    says:CODE:TEXT            that status, with TEXT as the message of its body (JSON)
    slow                      takes the request and never answers
    gate                      answers 200 once open_gates() is called
    half-closed               takes the request and closes its side without an answer
    reset                     takes the request, then resets the connection
    reset-request             resets the connection in the middle of the request
    reset-head                resets in the middle of the answer's head
    reset-body                a whole 200 head, then resets in the middle of the body
    interim                   200 behind two interim answers
    reset-interim             resets behind an interim answer
    garbage                   no HTTP
    huge                      200 with 5 MiB of body
    huge-head                 200 with 1 MiB of header lines

Every request is kept whole: see Request.  As a program: receiver.py PORT CONTROL LEDGER, where
CONTROL is a JSON file {path: [behaviour, ...]} that may be changed at any time (then all
lists begin anew), and LEDGER gets one JSON line for every request.
"""

import gzip
import json
import socket
import ssl
import struct
import sys
import threading
import time

HEAD_MAX = 64 * 1024


class Request:
    """method, path, headers (lower-case names, of repeated ones the last), lines (as sent),
    raw (body as sent), body (decompressed), behaviour, whole (it arrived in full), tls."""

    def __init__(self, head):
        self.lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, self.version = (self.lines[0].split(" ", 2) + ["", ""])[:3]
        self.headers = {}
        for line in self.lines[1:]:
            name, _, value = line.partition(":")
            if value or name:
                self.headers[name.strip().lower()] = value.strip()
        self.raw, self.body, self.whole = b"", b"", False
        self.behaviour, self.tls, self.time = "", False, time.time()
        self.under_way = 0

    def unpack(self):
        self.whole = True
        packed = self.headers.get("content-encoding") == "gzip"
        self.body = gzip.decompress(self.raw) if packed else self.raw

    def json(self):
        return "json" in self.headers.get("content-type", "")


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def partial_success(request, rejected, words):
    if request.json():
        kind = {"/v1/logs": "rejectedLogRecords", "/v1/metrics": "rejectedDataPoints"}
        key = kind.get(request.path, "rejectedSpans")
        return json.dumps({"partialSuccess": {key: str(rejected), "errorMessage": words}}).encode()
    inner = b"\x08" + varint(rejected) + b"\x12" + varint(len(words)) + words.encode()
    return b"\x0a" + varint(len(inner)) + inner


class Receiver:
    def __init__(self, port=0, context=None, listen=True):
        """context: an ssl.SSLContext; listen=False: the port is known, and closed for now."""
        self.context, self.port, self.listener = context, port, None
        self.requests, self.behaviours = [], {}
        self.changed = threading.Condition()
        self.gates = threading.Event()
        self.connections, self.under_way, self.accepted = set(), {}, 0
        self.open()
        if not listen:
            self.close()

    # ---- what tests do with it

    def behave(self, path, *behaviours):
        with self.changed:
            self.behaviours[path] = list(behaviours)

    def url(self, path=""):
        return f"{'https' if self.context else 'http'}://localhost:{self.port}{path}"

    def open_gates(self):
        self.gates.set()

    def open(self):
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        self.listener.listen(128)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def close(self):
        """Like a receiver that dies: nobody listens, and what is connected is reset."""
        listener, self.listener = self.listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for connection in list(self.connections):
            self.reset(connection)

    def wait(self, holds, seconds=30, what="requests"):
        """Until holds(requests); a test that needs longer has failed anyway."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while not holds(self.requests):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"no {what}: {len(self.requests)} requests came")
                self.changed.wait(left)

    def of(self, path=None, whole=True):
        with self.changed:
            return [request for request in self.requests
                    if (path is None or request.path == path) and (request.whole or not whole)]

    # ---- connections

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        self.connections.add(connection)
        self.accepted += 1
        try:
            if self.context:
                plain, connection = connection, self.context.wrap_socket(connection, server_side=True)
                self.connections.discard(plain)
                self.connections.add(connection)
            while self.one(connection):
                pass
        except (OSError, ssl.SSLError, ValueError):
            pass
        finally:
            self.connections.discard(connection)
            try:
                connection.close()
            except OSError:
                pass

    @staticmethod
    def reset(connection):
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        except OSError:
            pass

    def read_head(self, connection):
        """The head, and what came behind it."""
        buffer = b""
        while b"\r\n\r\n" not in buffer:
            piece = connection.recv(65536)
            if not piece or len(buffer) > HEAD_MAX:
                return None, b""
            buffer += piece
        head, _, rest = buffer.partition(b"\r\n\r\n")
        return head, rest

    def choose(self, request):
        with self.changed:
            rules = self.behaviours.get(request.path) or self.behaviours.get("*") or ["ok"]
            return rules.pop(0) if len(rules) > 1 else rules[0]

    def note(self, request):
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()

    def one(self, connection):
        """One request; False: the connection is over."""
        head, rest = self.read_head(connection)
        if head is None:
            return False
        request = Request(head)
        request.tls = self.context is not None
        request.behaviour = self.choose(request)
        with self.changed:
            self.under_way[request.path] = self.under_way.get(request.path, 0) + 1
            request.under_way = self.under_way[request.path]
        try:
            return self.take(connection, request, rest)
        finally:
            with self.changed:
                self.under_way[request.path] -= 1

    def take(self, connection, request, rest):
        length = int(request.headers.get("content-length", "0"))
        if request.behaviour == "reset-request":
            self.note(request)
            self.reset(connection)
            return False
        pieces, have = [rest], len(rest)
        while have < length:
            piece = connection.recv(min(1 << 20, length - have))
            if not piece:
                return False
            pieces.append(piece)
            have += len(piece)
        request.raw = b"".join(pieces)
        request.unpack()
        self.note(request)
        return self.answer(connection, request)

    # ---- answers

    def send(self, connection, status, body=b"", headers=(), kind=None):
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
        if body or kind:
            lines.append(f"Content-Type: {kind or 'application/json'}")
        lines += [f"{name}: {value}" for name, value in headers]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        return True

    def answer(self, connection, request):
        name, _, rest = request.behaviour.partition(":")
        kind = request.headers.get("content-type")
        if name in ("ok", "gate"):
            if name == "gate":
                self.gates.wait()
            return self.send(connection, 200, b"{}" if request.json() else b"", kind=kind)
        if name == "partial":
            return self.send(connection, 200, partial_success(request, int(rest), "some were odd"),
                             kind=kind)
        if name == "status":
            code, *more = rest.split(",")
            headers = [item.replace("%2C", ",").split("=", 1) for item in more]
            return self.send(connection, int(code), headers=headers)
        if name == "says":
            code, _, words = rest.partition(":")
            body = json.dumps({"code": 3, "message": words}).encode()
            return self.send(connection, int(code), body)
        if name == "slow":
            connection.recv(1)
            return False
        return self.break_off(connection, name)

    def break_off(self, connection, name):
        if name == "half-closed":
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
        elif name == "reset":
            self.reset(connection)
        elif name == "reset-head":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
            self.reset(connection)
        elif name == "reset-body":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            time.sleep(0.05)  # so that the head is read before the reset throws it away
            self.reset(connection)
        elif name == "interim":
            connection.sendall(b"HTTP/1.1 102 Wait\r\nRetry-After: 7\r\n\r\n" * 2 +
                               b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        elif name == "reset-interim":
            connection.sendall(b"HTTP/1.1 102 Wait\r\n\r\n")
            time.sleep(0.05)  # so that it is read before the reset throws it away
            self.reset(connection)
        elif name == "garbage":
            connection.sendall(b"\x16\x03\x01 220 mail.example ESMTP\r\n\0\0\xff" * 20)
        elif name == "huge":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5242880\r\n\r\n" + b"x" * 5242880)
        elif name == "huge-head":
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"x" * 8000 + b"\r\n")
            for _ in range(128):
                connection.sendall(b"X-Filler: " + b"x" * 8000 + b"\r\n")
            connection.sendall(b"Content-Length: 0\r\n\r\n")
        else:
            raise ValueError(name)
        return False


def main():
    port, control, ledger = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    receiver, written, known = Receiver(port), 0, None
    print(receiver.port, flush=True)
    while True:
        with open(control, encoding="utf-8") as file:
            rules = json.load(file)
        if rules != known:
            known = rules
            for path, behaviours in rules.items():
                receiver.behave(path, *behaviours)
        for request in receiver.of(whole=False)[written:]:
            written += 1
            with open(ledger, "a", encoding="utf-8") as file:
                file.write(json.dumps({
                    "method": request.method, "path": request.path, "headers": request.headers,
                    "behaviour": request.behaviour, "whole": request.whole,
                    "body": request.body.decode("latin-1")}) + "\n")
        time.sleep(0.02)


if __name__ == "__main__":
    main()
