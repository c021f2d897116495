# SPDX-License-Identifier: MIT
"""test_secrets.py - what is confided to us, or goes by, is written nowhere.

Everything that Tagalong writes or prints is searched for words that only stand in places that
are nobody's business: settings with keys, headers, cookies, bodies, passwords in URLs and commands.
"""

import base64
import os
import signal
import subprocess

import lib
from lib import check, exchange, free_port, need_program, wait_until


def search(place, words):
    """Files below place that hold one of the words, with it."""
    found = []
    for folder, _, names in os.walk(place):
        for name in names:
            path = os.path.join(folder, name)
            try:
                with open(path, "rb") as stream:
                    data = stream.read()
            except OSError:
                continue
            found += [f"{name}: {word}" for word in words if word.encode() in data]
    return found


def end(home, process):
    """The program, and then the agent, which would wait for its receiver."""
    home.stop(process, signal.SIGINT)
    wait_until(lambda: not home.segments(), 15, "everything is taken")
    for pid in home.agents():
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
    wait_until(lambda: not home.agents(), 20, "the agent ends when it is told to")


def settings(home):
    """Keys of receivers: not in segments, logs, spools, spans, nor in anything that a verb prints."""
    # The key of a DSN is public by Sentry's rules, and stands in the envelopes that wait.
    words, public = ["hUsh-header", "hUsh-token", "hUsh-proxy", "hUsh-value"], "h0shkey"
    port = free_port()
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://user:hUsh-proxy@127.0.0.1:{port}",
           "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20hUsh-token,x-key=hUsh-header",
           "SENTRY_DSN": f"http://h0shkey@127.0.0.1:{port}/1", "http_proxy": f"http://me:hUsh-proxy@127.0.0.1:{port}",
           "TAGALONG_LOG_LEVEL": "debug", "MY_PASSWORD": "hUsh-value", "XDG_STATE_HOME": home.path("state")}
    server = free_port()
    process = home.start(["python3", "-m", "http.server", str(server), "--bind", "127.0.0.1"], port=server, env=env)
    exchange(server, lib.request("GET", "/"))
    wait_until(lambda: home.read("agent.log").count("\n") > 2, 15, "the agent says that nobody is there")
    said = ""
    for verb in (["status"], ["status", "--json"], ["doctor", "python3"], ["doctor"], ["run", "true"]):
        done = subprocess.run([home.tagalong, *verb], env=home.environment(**env), capture_output=True, text=True, timeout=60,
                              cwd=home.dir)
        said += done.stdout + done.stderr
    found = search(home.run_dir, words) + search(home.dir, words) + [word for word in [*words, public] if word in said]
    end(home, process)
    found += search(home.run_dir, words) + search(home.dir, words)
    check(not found, str(sorted(set(found))))


def environments(home):
    """The agent is not preloaded, and nothing of the library's is left in what it starts."""
    process = home.start(["sleep", "60"], env={"LD_AUDIT": None})
    pids = wait_until(lambda: home.agents(), 10, "an agent")
    for pid in pids:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            names = [item.split(b"=")[0] for item in stream.read().split(b"\0")]
        check(b"LD_PRELOAD" not in names, "the agent is preloaded")
        with open(f"/proc/{pid}/maps") as lines:
            check(not any("libtagalong" in line for line in lines), "the agent has the library")
    home.stop(process, signal.SIGKILL)


def passing(home):
    """Headers, cookies and bodies of requests and answers."""
    words = ["hUsh-bearer", "hUsh-cookie", "hUsh-body", "hUsh-set", "hUsh-basic", "hUsh-signature", "hUsh-trailer"]
    port = free_port()
    page = home.write("app.py", "import http.server\n"
                      "class H(http.server.BaseHTTPRequestHandler):\n"
                      "    protocol_version = 'HTTP/1.1'\n"
                      "    def do_POST(self):\n"
                      "        self.rfile.read(int(self.headers['Content-Length']))\n"
                      "        self.send_response(200)\n"
                      "        self.send_header('Set-Cookie', 'session=hUsh-set')\n"
                      "        self.send_header('Content-Length', '9')\n"
                      "        self.end_headers()\n"
                      "        self.wfile.write(b'hUsh-body')\n"
                      f"http.server.ThreadingHTTPServer(('127.0.0.1', {port}), H).serve_forever()\n")
    process = home.start(["python3", "-W", "ignore", page], port=port)
    basic = base64.b64encode(b"me:hUsh-basic").decode()
    for value in ("Bearer hUsh-bearer", f"Basic {basic}"):
        exchange(port, lib.request("POST", "/pay?Signature=hUsh-signature&sig=hUsh-signature", b"card=hUsh-body", headers=(
            f"Authorization: {value}", "Cookie: session=hUsh-cookie", "Proxy-Authorization: Bearer hUsh-bearer")))
    # A signature is taken out when spans are made: until then it is in the target.
    found = search(home.run_dir, [word for word in words + [basic] if word != "hUsh-signature"])
    home.stop(process)
    check(len([span for span in home.spans() if span.is_http]) == 2, "two requests were made")
    found += search(home.dir, words + [basic])
    found = [line for line in found if not line.startswith(("app.py", "output-"))]  # the program's own
    check(not found, str(sorted(set(found))))


def asked(home):
    """What a program asks of others: values in SQL, AUTH of Redis, passwords in lines that it logs."""
    words = ["hUsh-sql", "hUsh-auth", "hUsh-log"]
    port = free_port()
    redis = home.start([need_program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass",
                        "hUsh-auth", "--dir", home.dir], mode="plain", port=port)
    code = ("import socket, sys\n"
            f"s = socket.create_connection(('127.0.0.1', {port}))\n"
            "for command in ((b'AUTH', b'hUsh-auth'), (b'HELLO', b'3', b'AUTH', b'default', b'hUsh-auth'), (b'SET', b'k', b'hUsh-sql')):\n"
            "    s.sendall(b'*%d\\r\\n' % len(command) + b''.join(b'$%d\\r\\n%s\\r\\n' % (len(w), w) for w in command))\n"
            "    s.recv(4096)\n"
            "print('connecting to postgres://me:hUsh-log@db/x password=hUsh-log', file=sys.stderr)\n"
            "import ctypes; c = ctypes.CDLL(None)\n"
            "c.syslog(3, b'token=hUsh-log Authorization: Bearer hUsh-log')\n"
            "sys.stderr.flush(); ctypes.string_at(0)\n")
    env = {"TAGALONG_CRASH_WAIT_MS": "5000"}
    status, _, _ = home.run(["python3", "-c", code], env=env, seconds=60)
    check(status == -signal.SIGSEGV, f"status {status}")
    names = {span.name for span in home.spans()}
    check("SET" in names, f"no spans of the commands: {names}")
    wait_until(lambda: home.read("tagalong.logs.jsonl"), 10, "the crash")
    check("breadcrumb" in home.read("tagalong.logs.jsonl"), "no breadcrumbs, so nothing is proved")
    home.stop(redis)
    found = [line for line in search(home.dir, words) if not line.startswith("output-")]
    check(not found, str(found))


def sealed(home):
    """What waits in the spool for a receiver has no header of it, and can be read by us alone."""
    port = free_port()
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "XDG_STATE_HOME": home.path("state"),
           "OTEL_EXPORTER_OTLP_HEADERS": "x-key=hUsh-header"}
    server = free_port()
    process = home.start(["python3", "-m", "http.server", str(server), "--bind", "127.0.0.1"], port=server, env=env)
    exchange(server, lib.request("GET", "/"))
    end(home, process)
    files = [os.path.join(folder, name) for folder, _, names in os.walk(home.run_dir) for name in names]
    check(files, "nothing waits: nothing is proved")
    check(not search(home.run_dir, ["hUsh-header"]), "a header in the spool")
    for path in files:
        check(os.stat(path).st_mode & 0o077 == 0, f"{path} can be read by others")


TESTS = [("secrets/settings", settings), ("secrets/environments", environments), ("secrets/passing", passing),
         ("secrets/asked", asked), ("secrets/sealed", sealed)]
