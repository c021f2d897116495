# SPDX-License-Identifier: MIT
"""test_exact.py - what a client has handed over is what arrives, and our header once, whatever the kernel takes."""

import os
import subprocess

from lib import ROOT, Failure, check, need_program, wait_until

HERE = os.path.join(ROOT, "tests/inject")
FULL = os.environ.get("TAGALONG_TEST_FULL") == "1"
WAYS = ("write", "two", "writev", "many", "send", "sendmsg", "more", "sendfile", "pipeline", "chunked",
        "expect", "head", "own", "long", "big")
TLS_WAYS = ("write", "two", "chunked", "expect", "pipeline", "own", "long", "big")
# How often in 256 calls: short, EAGAIN, EINTR; and the most bytes of a short one.
FAULTS = {"none": ("", 1), "some": ("60,40,40", 40), "bytes": ("150,30,30", 3)}


def build(home, name, *flags):
    output = home.path(name)
    done = subprocess.run([need_program("gcc", "cc"), "-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-I", ROOT,
                           "-o", output, os.path.join(HERE, os.path.splitext(name)[0] + ".c"), *flags],
                          capture_output=True, text=True)
    check(done.returncode == 0, f"{name} does not compile: {done.stderr.strip().splitlines()[:1]}")
    return output


def certificate(home):
    pair = home.path("cert.pem"), home.path("key.pem")
    done = subprocess.run([need_program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-out", pair[0],
                           "-keyout", pair[1], "-days", "2", "-subj", "/CN=localhost"], capture_output=True)
    check(done.returncode == 0, "no certificate")
    return pair


class Receiver:
    """The plain server at the other end, and what it has seen."""

    def __init__(self, home, *arguments):
        self.home = home
        self.process = home.start([build(home, "receiver", "-lssl", "-lcrypto"), *arguments], "plain")
        wait_until(lambda: self.lines(0), 10, "the receiver says its port")
        self.port = self.lines(0)[0]

    def lines(self, first):
        with open(self.process.output) as stream:
            return [line for line in stream.read().split("\n")[:-1]][first:]

    def seen(self, count, first):
        wait_until(lambda: len(self.lines(first)) >= count, 20, f"{count} connections arrive")
        return self.lines(first)


def compare(sent, seen, what):
    """Checksums and lengths; returns how many requests, and how many with our header."""
    requests = ours = 0
    check(len(sent) == len(seen), f"{what}: {len(seen)} connections of {len(sent)}")
    for one, other in zip(sent, seen):
        one, other = one.split(), other.split()
        check(one[:3] == other[:3], f"{what}: sent {one}, arrived {other}")
        check(int(one[3]) <= int(other[3]) <= int(one[4]), f"{what}: {other[3]} headers, {one[3]} to {one[4]} are right")
        requests += int(one[2])
        ours += int(other[3])
    return requests, ours


def exchange(home, ways, kinds, counts, arguments=()):
    client, faults = build(home, "client", "-lssl", "-lcrypto"), build(home, "faults.so", "-shared", "-fPIC")
    receiver, seed, total, injected = Receiver(home, *arguments), 0, 0, 0
    for kind in kinds:
        for how in ("block", "nonblock", "timeout"):
            for faulty, (often, most) in FAULTS.items():
                if kind and often:
                    often = often.rsplit(",", 1)[0] + ",0"  # above TLS an EINTR is fatal without us, too
                if kind and how == "timeout":
                    continue
                for way in ways:
                    count, seed, first = counts[way in ("big", "long")], seed + 1, len(receiver.lines(0))
                    what = " ".join(filter(None, (way, how, faulty, kind)))
                    status, out, errors = home.run(
                        [client, receiver.port, way, str(count), str(seed), how, *filter(None, [kind])], "plain", 300,
                        env={"LD_PRELOAD": f"{home.preload}:{faults}", "FAULTS": often or None, "FAULTS_SEED": str(seed),
                             "FAULTS_MOST": str(most)})
                    check(status == 0, f"{what} (seed {seed}): ends with {status}: {errors[-200:]}")
                    sent = out.splitlines()
                    requests, ours = compare(sent, receiver.seen(len(sent), first), what)
                    total, injected = total + requests, injected + ours
    home.note(f"{total} requests, {injected} with our header")


def plain(home):
    """All ways on three kinds of sockets, without and with faults."""
    exchange(home, WAYS, (None,), (760, 20) if FULL else (30, 3))


def above_tls(home):
    """The same above OpenSSL: all or nothing, in parts, and with buffers that move."""
    exchange(home, TLS_WAYS, ("tls", "tls-partial", "tls-moving"), (190, 20) if FULL else (20, 3), certificate(home))


def odd_calls(home):
    """Bad pointers, too many pieces, a peer that leaves: the answers are those without us."""
    odd, receiver = build(home, "odd"), Receiver(home)
    answers = {}
    for mode in ("plain", "preload"):
        status, answers[mode], errors = home.run([odd, receiver.port], mode, 60)
        check(status == 0, f"{mode}: ends with {status}: {errors[-200:]}")
    check(answers["plain"] == answers["preload"],
          f"{[pair for pair in zip(answers['plain'].splitlines(), answers['preload'].splitlines()) if pair[0] != pair[1]][:3]}")
    lines = receiver.lines(1)
    check(lines[0].split()[:3] == lines[len(lines) // 2].split()[:3], f"other bytes arrived: {lines}")
    check(lines[len(lines) // 2].split()[3] == "2", f"headers: {lines}")


def receiver_can_fail(home):
    """Without us the same comparison says that headers are missing."""
    client, receiver = build(home, "client", "-lssl", "-lcrypto"), Receiver(home)
    status, out, _ = home.run([client, receiver.port, "write", "20", "1", "block"], "plain")
    check(status == 0, f"ends with {status}")
    try:
        compare(out.splitlines(), receiver.seen(len(out.splitlines()), 1), "plain")
    except Failure as failure:
        check("0 headers" in str(failure), f"another failure: {failure}")
        return
    raise Failure("nothing was missing")


TESTS = [("exact/plain", plain), ("exact/tls", above_tls), ("exact/odd calls", odd_calls),
         ("exact/can fail", receiver_can_fail)]
