# SPDX-License-Identifier: MIT
"""test_bad_input.py - bad surroundings and hostile bytes: the server goes on, the agent goes on, one clear line."""

import os
import random
import signal
import socket
import subprocess
import sys
import time

from lib import Skip, check, compile_victim, exchange, free_port, need_program, need_root, request, wait_until
import test_truth_http


def serves(home, command_env=None, wrap=(), mode="preload"):
    """nginx in these surroundings still serves; returns it and its port."""
    config_server, port = start(home, command_env or {}, wrap, mode)
    for number in range(50):
        answer = exchange(port, request("GET", f"/small.txt?{number}"))
        check(b" 200 " in answer[:20] and answer.endswith(b"s" * 100), f"answer {number}: {answer[:60]!r}")
    return config_server, port


def start(home, env, wrap, mode):
    need_root()
    test_truth_http.make_site(home)
    port, inner = free_port(), free_port()
    config = home.write("nginx.conf", test_truth_http.NGINX.format(dir=home.dir, port=port, inner=inner, silent=1,
                                                                   listen_options=""))
    if wrap:  # few fds, and no pool of threads that would not fit
        text = home.read("nginx.conf").replace("aio threads;", "")
        home.write("nginx.conf", text.replace("512", "5") if "--nofile=16" in wrap else text)
    server = home.start([need_program("nginx"), "-p", home.dir, "-c", config], mode=mode, port=port, env=env, wrap=wrap)
    return server, port


def one_clear_line(home, server, wanted):
    """Where the user looks: standard error of what he started, or the agent's log."""
    text = home.read(os.path.basename(server.output)) + home.read("agent.log")
    lines = [line for line in text.splitlines() if "tagalong" in line.lower() and any(word in line for word in wanted)]
    check(lines, f"no line about it: {text[-300:]!r}")
    home.note(f"said: {lines[0][-160:]}")


def unwritable(home):
    server, _ = serves(home, {"TAGALONG_RUN_DIR": "/proc/nowhere/run"}, mode="run")
    home.stop(server, signal.SIGQUIT)
    one_clear_line(home, server, ["/proc/nowhere", "RUN_DIR"])


def full_tmpfs(home):
    need_root()
    place = home.path("full/x")[:-2]
    os.makedirs(place, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k,mode=0700", "none", place], capture_output=True, text=True)
    if done.returncode:
        raise Skip(f"cannot mount a tmpfs: {done.stderr.strip()}")
    home.mounts.append(place)
    server, _ = serves(home, {"TAGALONG_RUN_DIR": place}, mode="run")
    home.stop(server, signal.SIGQUIT)
    one_clear_line(home, server, ["full", "No space", "no room", place])


def no_shm(home):
    need_root()
    wrap = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=0,mode=0555,ro none /dev/shm && exec "$@"', "sh"]
    if subprocess.run([*wrap, "true"], capture_output=True).returncode:
        raise Skip("cannot mount over /dev/shm")
    server, _ = serves(home, {"TAGALONG_RUN_DIR": ""}, wrap=wrap)
    home.stop(server, signal.SIGQUIT)


def limited(option, spans_expected):
    def test(home):
        server, _ = serves(home, wrap=["prlimit", option])
        home.stop(server, signal.SIGQUIT)
        count = sum(span.is_http for span in home.spans(settle=spans_expected))
        home.note(f"{count} spans of 50")
        check(count == 50 or not spans_expected, f"{count} spans of 50 requests")
    return test


def garbage(home):
    """Hostile bytes between good requests; the good ones are all there and the server answers as plain."""
    dice = random.Random(5)
    blobs = [bytes(dice.randrange(256) for _ in range(dice.randrange(1, 3000))) for _ in range(60)]
    blobs += [b"GET " + b"a" * 20000, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 3000 + b"\r\n", b"\r\n" * 500, b"\0" * 5000,
              b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551616\r\n\r\n",
              b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n",
              b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", b"GET /\xff\xfe\x80 HTTP/1.1\r\nHost: x\r\n\r\n",
              b"GET / HTTP/1.1\r\nHost: \xc3\x28\r\nUser-Agent: \"\\\x01\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
              b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]
    answers = {}
    for mode in ("plain", "preload"):
        server, port = start(home, {}, (), mode)
        answers[mode] = []
        for number, blob in enumerate(blobs):
            try:
                answers[mode].append(exchange(port, blob, shut=True)[:15])
            except (BrokenPipeError, ConnectionResetError):
                answers[mode].append(b"reset")
            good = exchange(port, request("GET", f"/small.txt?good={number}"))
            check(b" 200 " in good[:20], f"after garbage {number}: {good[:40]!r}")
        check(server.poll() is None, "the server ended")
        home.stop(server, signal.SIGQUIT)
    same = sum(one == two or b"reset" in (one, two) for one, two in zip(answers["plain"], answers["preload"]))
    check(same == len(blobs), f"{len(blobs) - same} answers differ from the plain server's")
    good = [span.request()[1] for span in home.spans() if span.is_http and "good=" in span.request()[1]]
    check(sorted(good) == sorted(f"/small.txt?good={number}" for number in range(len(blobs))),
          f"{len(good)} of {len(blobs)} good requests recorded")


def corrupted(home):
    """Damaged segment files in the run directory while an agent works."""
    server, port = serves(home)
    originals = [os.path.join(home.run_dir, name) for name in home.segments()]
    check(originals, "no segment in the run directory")
    dice = random.Random(3)
    for path in originals[:1]:
        with open(path, "rb") as stream:
            data = stream.read(300000)
        key = os.path.basename(path).split("-")[0]
        for number in range(24):
            bad = bytearray(data)
            if number % 4 == 0:
                bad = bad[:dice.randrange(len(bad))]
            for _ in range(dice.choice((1, 20, 2000))):
                if bad:
                    bad[dice.randrange(min(len(bad), 1200 if number % 2 else len(bad)))] = dice.randrange(256)
            with open(os.path.join(home.run_dir, f"{key}-{4000000 + number}-{number:016x}.seg"), "wb") as stream:
                stream.write(bad)
    with open(os.path.join(home.run_dir, "nonsense.seg"), "wb") as stream:
        stream.write(b"nonsense")
    os.symlink("/etc/passwd", os.path.join(home.run_dir, "link.seg"))
    home.run(["true"])
    for number in range(50, 100):
        check(b" 200 " in exchange(port, request("GET", f"/small.txt?{number}"))[:20], f"answer {number}")
        time.sleep(0.01)
    check(server.poll() is None, "the server ended")
    agents = home.agents()
    check(agents, "the agent is gone")
    home.stop(server, signal.SIGQUIT)
    wait_until(lambda: not home.agents(), 20, "the agent ends")
    targets = [span.request()[1] for span in home.spans(settle=False, well_formed=False) if span.is_http]
    missing = [number for number in range(100) if f"/small.txt?{number}" not in targets]
    check(not missing, f"requests {missing[:5]} ({len(missing)}) are not recorded; log {home.read('agent.log')[-300:]!r}")
    with open("/etc/passwd") as stream:
        check(stream.read().startswith("root"), "a symlink was followed and written through")


def bad_values(home):
    """Settings that make no sense: named, with what is allowed and what is used; the program runs."""
    status, out, err = home.run(["sh", "-c", "echo out; exit 3"], mode="run",
                                env={"TAGALONG_MAX_SPANS": "many", "TAGALONG_LANES": "-1", "TAGALONG_HTTP": "perhaps"})
    check(status == 3 and out == "out\n", f"status {status}, output {out!r}")
    for name, value in (("TAGALONG_MAX_SPANS", "many"), ("TAGALONG_LANES", "-1"), ("TAGALONG_HTTP", "perhaps")):
        text = err + home.read("agent.log")
        line = [line for line in text.splitlines() if name in line and value in line]
        check(line, f"nothing said about {name}={value}: {text[-300:]!r}")
    status, out, err = home.run(["sh", "-c", "echo out; exit 3"], mode="preload", env={"TAGALONG_LANES": "x"})
    check((status, out) == (3, "out\n"), f"preloaded: status {status}, output {out!r}")


TESTS = [("bad/run_dir_unwritable", unwritable), ("bad/tmpfs_full", full_tmpfs), ("bad/no_shm", no_shm),
         ("bad/nofile16", limited("--nofile=16", True)), ("bad/as200m", limited("--as=209715200", True)),
         ("bad/garbage", garbage), ("bad/corrupted_segments", corrupted), ("bad/settings", bad_values)]
