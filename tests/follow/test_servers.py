# SPDX-License-Identifier: MIT
"""test_servers.py - servers of databases with TAGALONG_COMMANDS=1: a span for each command, as the server itself has counted them."""

import collections
import os
import pwd
import re
import subprocess

from follow import Postgres, row
from lib import SERVER, check, compare, free_port, need_program
from test_databases import memcached_ask, redis_counts, statements

ON = {"TAGALONG_COMMANDS": "1"}


def command_spans(home, system):
    return [span for span in home.spans() if span.kind == SERVER and span.attrs.get("db.system.name") == system]


def give_to(home, user):
    """The server is not root, and neither is its agent."""
    if os.geteuid() == 0:
        for place in (home.run_dir, home.dir):
            os.chown(place, pwd.getpwnam(user).pw_uid, -1)


def postgres(mode):
    def test(home):
        bench = need_program("pgbench")
        give_to(home, "postgres")
        server = Postgres(home, "log_min_duration_statement=0", "log_line_prefix=<%u>", "log_destination=stderr",
                          mode="preload", env=ON)
        server.ask("create user bench superuser")
        where = ["-h", "127.0.0.1", "-p", str(server.port), "-U", "bench", "postgres"]
        status, _, err = home.run([bench, "-i", "-q", *where], "plain")
        check(status == 0, f"pgbench -i: {err[-200:]}")
        status, out, err = home.run([bench, "-n", "-M", mode, "-c", "4", "-j", "2", "-t", "100", *where], "plain")
        check(status == 0 and "processed: 400/400" in out, f"pgbench: {err[-200:]}")
        server.stop()
        truth = collections.Counter(statements(server.log(), "bench"))
        seen = collections.Counter(span.attrs.get("db.operation.name", "?") for span in command_spans(home, "postgresql"))
        wanted = {"BEGIN": 400, "UPDATE": 1200, "SELECT": 400, "INSERT": 400, "END": 400}
        check(all(truth[word] >= count for word, count in wanted.items()), f"the server's log: {dict(truth)}")
        compare("statements", [word for word in truth.elements() if word in ("BEGIN", "UPDATE", "INSERT", "END")],
                [word for word in seen.elements() if word in ("BEGIN", "UPDATE", "INSERT", "END")])
        ours = sum(seen[word] for word in ("BEGIN", "UPDATE", "INSERT", "END"))
        row(f"PostgreSQL, by pgbench, {mode}", ours, ours, sum(truth[word] for word in ("BEGIN", "UPDATE", "INSERT", "END")),
            "its log: BEGIN, UPDATE, INSERT, END")
        home.note(str(dict(seen)))
    return test


def redis(home):
    port = free_port()
    server = home.start([need_program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", home.dir],
                        port=port, env=ON)
    status, _, err = home.run([need_program("redis-benchmark"), "-p", str(port), "-n", "2000", "-c", "8", "-q",
                               "-t", "set,get,lpush"], "plain")
    check(status == 0, f"redis-benchmark: {err[-200:]}")
    truth = redis_counts(port)
    home.stop(server)
    seen = collections.Counter(span.attrs.get("db.operation.name") for span in command_spans(home, "redis"))
    for word in ("SET", "GET", "LPUSH"):
        check(seen[word] == truth[word] == 2000, f"{word}: {seen[word]} spans, {truth.get(word)} by INFO")
    row("Redis, by redis-benchmark", 6000, sum(seen[word] for word in ("SET", "GET", "LPUSH")),
        sum(truth[word] for word in ("SET", "GET", "LPUSH")), "INFO commandstats")


CLIENT = """
import socket, sys
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
stream = connection.makefile("rwb")
for i in range(400):
    stream.write(b"set k%d 0 0 1\\r\\nx\\r\\n" % i)
    stream.flush()
    stream.readline()
    stream.write(b"get k%d\\r\\n" % (i * 2))
    stream.flush()
    while stream.readline() != b"END\\r\\n":
        pass
"""


def memcached(home):
    port = free_port()
    wrap = ()
    if os.geteuid() == 0:
        wrap = [need_program("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
        give_to(home, "nobody")
    server = home.start([need_program("memcached"), "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-t", "2"],
                        port=port, env=ON, wrap=wrap)
    script = home.write("client.py", CLIENT)
    clients = [subprocess.Popen(["python3", script, str(port)]) for _ in range(4)]
    check([client.wait(60) for client in clients] == [0] * 4, "a client failed")
    stats = dict(re.findall(r"STAT (\w+) (\S+)", memcached_ask(port, b"stats\r\n", b"END\r\n")))
    home.stop(server)
    seen = collections.Counter(span.attrs.get("db.operation.name", "").upper() for span in command_spans(home, "memcached"))
    check(seen["SET"] == int(stats["cmd_set"]) == 1600 and seen["GET"] == int(stats["cmd_get"]) == 1600,
          f"spans {dict(seen)}, sets {stats['cmd_set']}, gets {stats['cmd_get']}")
    row("memcached", 3200, seen["SET"] + seen["GET"], int(stats["cmd_set"]) + int(stats["cmd_get"]), "stats")


TESTS = [("follow/server-postgresql-simple", postgres("simple")), ("follow/server-postgresql-prepared", postgres("prepared")),
         ("follow/server-redis", redis), ("follow/server-memcached", memcached)]
