# SPDX-License-Identifier: MIT
"""test_servers.py - real servers that crash: they recover as they do without us, and the
event names what was being served.
"""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import crash
from crash import check
from lib import exchange, free_port, need_program, need_root, request, wait_until, wrk

NGINX = """daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 256; }}
http {{
	access_log off;
	gzip on;
	gzip_types *;
	gzip_comp_level 9;
	client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
	uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
	server {{ listen 127.0.0.1:{port}; root {dir}/site; }}
}}
"""
KILLS = 3


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def the_span(home, event):
    spans = [span for span in home.spans(well_formed=False) if span.span_id == event.span_id]
    check(len(spans) == 1 and spans[0].trace_id == event.trace_id, f"{len(spans)} spans with the event's id {event.span_id!r}")
    return spans[0]


# ---- nginx ----

def gzipped(port):
    try:
        return exchange(port, request("GET", "/big.txt?busy", headers=["Accept-Encoding: gzip"]))
    except OSError:
        return b""


def kill_workers(home, preloaded):
    """Kills a worker at work (the first time in one long request), some times; pids, log."""
    port = free_port()
    home.write("error.log", "")
    server = home.start([need_program("nginx"), "-p", home.dir, "-c",
                         home.write("nginx.conf", NGINX.format(dir=home.dir, port=port))],
                        "preload" if preloaded else "plain", port=port, env=crash.PATIENT)
    killed = []
    load = None
    for number in range(1 + KILLS):
        worker = wait_until(lambda: [pid for pid in children(server.pid) if pid not in killed], 10, "a worker")[0]
        check(b"200 OK" in exchange(port, request("GET", "/small.txt")), "does not answer")
        if number == 0:
            client = threading.Thread(target=gzipped, args=(port,))
            client.start()
            time.sleep(0.1)
        elif number == 1:
            client.join()
            load = threading.Thread(target=wrk, args=(port, 3, 8, None, "/small.txt"))
            load.start()
        else:
            time.sleep(0.5)
        os.kill(worker, signal.SIGSEGV)
        killed.append(worker)
        wait_until(lambda: worker not in children(server.pid), 10, "the worker's death")
    load.join()
    check(b"200 OK" in exchange(port, request("GET", "/small.txt")), "does not answer after the last crash")
    status = home.stop(server, signal.SIGQUIT)
    said = re.findall(r"exited on signal (\d+)", home.read("error.log"))
    return killed, status, said


def nginx(home):
    need_root()
    words = [f"{i * 7919 % 10007:x}" for i in range(2000000)]
    home.write("site/big.txt", " ".join(words))
    home.write("site/small.txt", "small\n")
    _, *plain = kill_workers(home, False)
    killed, *ours = kill_workers(home, True)
    check(ours == plain and ours[1] == ["11"] * len(killed), f"status, deaths: {ours}, plain {plain}")
    home.settle(40)
    events = crash.crashes(home.file)
    check(sorted(event.pid for event in events) == sorted(killed) and all(event.type == "SIGSEGV" for event in events),
          f"events of {[event.pid for event in events]}, killed {killed}")
    busy = next(event for event in events if event.pid == killed[0])
    check(busy.span_id, f"the event of a worker at work names no request: {busy.said()}")
    span = the_span(home, busy)
    check(span.is_http and span.request()[1] == "/big.txt?busy", f"it names {span.name}")
    check("main" in busy.functions() or len(busy.frames()) > 8, f"its stack: {busy.said()}")
    named = 0
    for event in events[1:]:
        if event.span_id:
            check(the_span(home, event).is_http, "a worker's event names something that is no request")
            named += 1
    home.note(f"{len(events)} crashes, {named} of {KILLS} at any moment named a request")


# ---- redis ----

def redis_once(home, preloaded):
    """Without its test of memory, in which it dies by itself in one of ten runs, plain too."""
    port = free_port()
    folder = home.path(f"redis-{preloaded}", "x")
    server = home.start([need_program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                         "--enable-debug-command", "yes", "--crash-memcheck-enabled", "no",
                         "--dir", os.path.dirname(folder)],
                        "preload" if preloaded else "plain", port=port, env=crash.PATIENT)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"SET apples 3\r\n")
        check(client.recv(100) == b"+OK\r\n", "SET")
        client.sendall(b"DEBUG SEGFAULT\r\n")
        try:
            client.recv(100)
        except OSError:
            pass
    status = server.wait(30)
    with open(server.output, errors="replace") as file:
        log = file.read()
    return server.pid, status, log


def redis(home):
    _, plain_status, plain_log = redis_once(home, False)
    pid, status, log = redis_once(home, True)
    check(status == plain_status, f"ends with {status}, plain {plain_status}")
    for text in ("REDIS BUG REPORT START", "crashed by signal: 11", "STACK TRACE", "INFO OUTPUT", "CURRENT CLIENT INFO",
                 "REDIS BUG REPORT END"):
        check((text in log) == (text in plain_log), f"its own report: {text!r} in ours {text in log}, plain {text in plain_log}")
    check("REDIS BUG REPORT START" in log, "redis made no report of its own")
    home.settle(40)
    events = crash.crashes(home.file, pid)
    check(len(events) == 1 and events[0].type == "SIGSEGV", f"events {[event.said() for event in events]}")
    span = the_span(home, events[0])
    check(span.is_connection, f"it names {span.name}")
    libraries = [os.path.basename(frame.get("package", "")) for frame in events[0].frames()]
    check(any("redis" in name for name in libraries), f"stack {libraries}")
    home.note(f"{len(events[0].threads)} threads; {' < '.join(events[0].functions()[:6])}")


# ---- PostgreSQL ----

def as_postgres(name):
    """A program of PostgreSQL's own folder, whatever its version."""
    found = shutil.which(name)
    for base, _, files in os.walk("/usr/lib/postgresql"):
        if name in files:
            found = os.path.join(base, name)
    return found or need_program(name)


def pg_once(home, data, preloaded):
    """Kills a backend that computes; (its pid, what psql says, what the log says, status)."""
    port = free_port()
    user = pwd.getpwnam("postgres")
    env = {**crash.PATIENT, "TAGALONG_RUN_DIR": os.path.join(home.dir, "pg", "run"), "PGUSER": "postgres",
           "TAGALONG_FILE": os.path.join(home.dir, "pg", "tagalong.jsonl"),
           "TAGALONG_LOG": os.path.join(home.dir, "pg", "agent.log"), "TAGALONG_AGENT_LINGER_MS": "300"}
    server = home.start([as_postgres("postgres"), "-D", data, "-p", str(port), "-k", data, "-c", "fsync=off",
                         "-c", "listen_addresses=127.0.0.1", "-c", "restart_after_crash=on", "-c", "jit=off"],
                        "preload" if preloaded else "plain", port=port, env=env, seconds=30,
                        user=user.pw_uid, group=user.pw_gid, extra_groups=[])
    psql = ["psql", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-XAtq", "-c"]

    def ask(text):
        done = subprocess.run([*psql, text], capture_output=True, text=True, timeout=60)
        return done.stdout.strip(), done.stderr.strip()

    wait_until(lambda: ask("select 1")[0] == "1", 20, "it answers")
    ask("create table if not exists apples(n int); insert into apples values (3)")
    client = subprocess.Popen([*psql, "set application_name = 'busy'; select count(*) from generate_series(1, 2000000000)"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    home.processes.append(client)
    find = "select pid from pg_stat_activity where application_name = 'busy' and state = 'active'"
    backend = int(wait_until(lambda: ask(find)[0], 20, "a busy backend"))
    time.sleep(0.2)
    os.kill(backend, signal.SIGSEGV)
    said = client.communicate(timeout=30)[1]
    apples = wait_until(lambda: ask("select count(*) from apples")[0], 30, "it answers again", 0.2)
    status = home.stop(server, signal.SIGINT, 30)
    with open(server.output, errors="replace") as file:
        log = [re.sub(r"\(PID \d+\)", "(PID)", line.split("LOG:")[1].strip()) for line in file if "LOG:" in line]
    log = [line for line in log if "terminated by signal" in line or "active server processes" in line or "reinitializ" in line]
    return backend, (said.strip().splitlines()[:1], log, status), apples


def postgres(home):
    need_root()
    need_program("psql")
    initdb = as_postgres("initdb")
    place = os.path.dirname(home.path("pg", "x"))
    user = pwd.getpwnam("postgres")
    os.chown(place, user.pw_uid, user.pw_gid)
    data = os.path.join(place, "data")
    done = subprocess.run([initdb, "-D", data, "--no-sync", "-A", "trust", "-U", "postgres"], capture_output=True, text=True,
                          user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd=place)
    check(done.returncode == 0, f"initdb: {done.stderr[-200:]}")
    _, plain, _ = pg_once(home, data, False)
    backend, ours, apples = pg_once(home, data, True)
    check(ours == plain, f"{ours}, plain {plain}")
    check(apples in ("1", "2"), f"{apples} rows")
    output = os.path.join(place, "tagalong.jsonl")
    wait_until(lambda: not home.agents(), 30, "the agent ends")
    events = crash.crashes(output)
    check([event.pid for event in events] == [backend], f"events of {[(event.pid, event.said()) for event in events]}, killed {backend}")
    check(events[0].type == "SIGSEGV", events[0].type)
    home.file = output
    span = the_span(home, events[0])
    check(span.is_connection, f"it names {span.name}")
    home.note(f"{len(events[0].frames())} frames: {' < '.join(events[0].functions()[:5])}")


TESTS = [("server/nginx", nginx), ("server/redis", redis), ("server/postgres", postgres)]
