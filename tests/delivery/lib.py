# SPDX-License-Identifier: MIT
"""lib.py - what the tests of the delivery share: the driver, certificates, the sums."""

import json
import os
import queue
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
import traceback

from receiver import Receiver

PATIENCE = 30  # seconds until a test gives up; nothing depends on how long it really takes
THINGS = 3     # spans, events or points of one message of the driver's
DROPS = ["sampled", "spool_full", "spool_age", "spool_damaged", "too_large", "refused",
         "partial", "rate_limited", "no_memory"]
TRACES, LOGS, METRICS, SENTRY, FILES = "otlp-traces", "otlp-logs", "otlp-metrics", "sentry", "envelopes"


def check(holds, why):
    if not holds:
        raise AssertionError(why)


class Skip(Exception):
    pass


class Driver:
    """The driver as a process; every command waits for its answer."""

    def __init__(self, home, key=None, start=True, **settings):
        options = [f"{name}={value}" for name, value in settings.items()]
        environment = {name: value for name, value in os.environ.items()
                       if not name.lower().endswith("_proxy")}
        environment.update(home.environment)
        self.said, self.lines = [], queue.Queue()
        self.process = subprocess.Popen(
            [home.program, home.path("spool"), *([f"key={key}"] if key else []), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        home.drivers.append(self)
        threading.Thread(target=self.read, daemon=True).start()
        if start:
            self.tell("start")

    def read(self):
        for line in self.process.stdout:
            message = json.loads(line)
            if "say" in message:
                self.said.append(message["say"])
            else:
                self.lines.put(message)
        self.lines.put(None)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.lines.get(timeout=PATIENCE * 2)
        check(answer is not None, f"the driver ended over '{line}'")
        return answer

    def put(self, where, count, first, size=100, category=""):
        self.tell(f"put {where} {count} {first} {size} {category}")

    def status(self, where):
        return self.tell("status")[where]

    def advance(self, seconds):
        self.tell(f"advance {int(seconds * 1000)}")

    def flush(self, seconds=PATIENCE):
        return self.tell(f"flush {int(seconds * 1000)}")["flush"] == 1

    def until(self, where, holds, what):
        deadline = time.monotonic() + PATIENCE
        while True:
            status = self.status(where)
            if holds(status):
                return status
            check(time.monotonic() < deadline, f"not {what}: {status}")
            time.sleep(0.01)

    def pass_time(self, holds=None, step=31):
        """Moves the clock until holds(), or until nothing waits any more."""
        holds = holds or (lambda: self.tell("idle")["idle"])
        deadline = time.monotonic() + PATIENCE
        while not holds():
            check(time.monotonic() < deadline, "it never comes")
            self.advance(step)
            self.tell("flush 50")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        if self.process.poll() is None:
            try:
                self.process.stdin.write("quit\n")
                self.process.stdin.close()
                self.process.wait(PATIENCE)
            except (OSError, subprocess.TimeoutExpired):
                self.kill()
        return self.process.returncode


class Home:
    """A directory, and what is to be ended with the test."""

    def __init__(self, program):
        self.program, self.dir = program, tempfile.mkdtemp(prefix="tagalong-delivery-")
        self.drivers, self.receivers, self.environment = [], [], {}

    def path(self, name):
        return os.path.join(self.dir, name)

    def receiver(self, **options):
        receiver = Receiver(**options)
        self.receivers.append(receiver)
        return receiver

    def driver(self, **settings):
        return Driver(self, **settings)

    def close(self):
        codes = [driver.end() for driver in self.drivers]
        for receiver in self.receivers:
            receiver.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        return codes


def ids(requests):
    """Of the messages that whole requests carried, in order of arrival."""
    found = []
    for request in requests:
        for line in request.body.split(b"\n"):
            if line.startswith(b'{"id":'):
                found.append(int(line[6:line.index(b",")]))
    return found


def dropped(status):
    return sum(status[why] for why in DROPS)


def check_sums(driver, where, put, receiver=None, path=None):
    """taken = put = sent + dropped + waiting, and what counts as sent was received."""
    status = driver.status(where)
    check(status["taken"] == put * THINGS, f"{put} messages put, taken: {status}")
    total = status["sent"] + dropped(status) + status["waiting"]
    check(total == status["taken"], f"sent + dropped + waiting is {total}: {status}")
    if receiver:
        unique = set(ids(receiver.of(path)))
        check(len(unique) * THINGS >= status["sent"], f"{len(unique)} received: {status}")
    return status


# ---- certificates, made for the run

def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def make_ca(home, name):
    key, certificate = home.path(f"{name}.key"), home.path(f"{name}.pem")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", key, "-out", certificate, "-subj", f"/CN={name}", "-days", "2")
    return key, certificate


def make_certificate(home, name, ca, host):
    key, request, certificate = (home.path(f"{name}.{end}") for end in ("key", "csr", "pem"))
    extensions = home.path(f"{name}.ext")
    with open(extensions, "w", encoding="utf-8") as file:
        file.write(f"subjectAltName=DNS:{host}\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", key, "-out", request, "-subj", f"/CN={host}")
    openssl("x509", "-req", "-in", request, "-CA", ca[1], "-CAkey", ca[0], "-CAcreateserial",
            "-out", certificate, "-days", "2", "-extfile", extensions)
    return key, certificate


def tls_context(pair, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair[1], pair[0])
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


# ---- running

def run_one(program, name, function):
    home = Home(program)
    try:
        function(home)
        codes = home.close()
        check(all(code in (0, -9) for code in codes), f"drivers ended with {codes}")
        print(f"ok {name}", flush=True)
        return True
    except Skip as why:
        home.close()
        print(f"skip {name}: {why}", flush=True)
        return True
    except Exception as error:  # a test's failure is a verdict
        home.close()
        where = traceback.extract_tb(error.__traceback__)
        places = [f"{frame.name}:{frame.lineno}" for frame in where if "test_" in frame.filename]
        why = " ".join(str(error).split()) or type(error).__name__
        print(f"not ok {name}: {type(error).__name__} at {' '.join(places)}: {why}", flush=True)
        return False


def main(argv, tests):
    if len(argv) < 2:
        print("usage: run BUILD_DIR [NAME...]")
        return 2
    program = os.path.join(os.path.abspath(argv[1]), "delivery_driver")
    wanted = [test for test in tests if len(argv) == 2 or any(word in test[0] for word in argv[2:])]
    results = [run_one(program, name, function) for name, function in wanted]
    return 0 if all(results) else 1
