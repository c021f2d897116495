# SPDX-License-Identifier: MIT
"""test_databases.py - clients of databases and caches; their spans are what the servers counted.

The servers are plain: what is traced is pgbench, redis-benchmark and so on.
"""

import collections
import glob
import os
import re
import socket
import subprocess

from follow import Postgres, count_by, exe, is_command, row
from lib import Skip, check, compare, free_port, need_program, wait_until


def weight(span):
    """Commands that a span stands for: one, unless it is of several that were written at once."""
    return span.attrs.get("db.operation.batch.size", 1)


def commands(home, program, system):
    found = [span for span in home.spans() if is_command(span) and exe(span) == program]
    systems = count_by(span.attrs["db.system.name"] for span in found)
    check(set(systems) <= {system}, f"commands of {systems}")
    return found


# ---- PostgreSQL ----

def statements(log, user):
    """First word of each statement that the server says it has run for the user, as it says it."""
    found = re.findall(rf"^<{user}>LOG:  (?:duration: [\d.]+ ms  )?(?:statement|execute [^:]*): *(\w+)", log, re.M)
    return [word.upper() for word in found]


def pgbench(mode):
    def test(home):
        program = need_program("pgbench")
        if not os.path.isabs(program) or "share" in os.path.realpath(program):
            program = next(iter(glob.glob("/usr/lib/postgresql/*/bin/pgbench")), program)
        server = Postgres(home, "log_min_duration_statement=0", "log_line_prefix=<%u>", "log_destination=stderr")
        server.ask("create user bench superuser")
        where = ["-h", "127.0.0.1", "-p", str(server.port), "-U", "bench", "postgres"]
        status, _, err = home.run([program, "-i", "-q", *where], "plain")
        check(status == 0, f"pgbench -i: {err[-200:]}")
        before = collections.Counter(statements(server.log(), "bench"))
        status, out, err = home.run([program, "-n", "-M", mode, "-c", "4", "-j", "2", "-t", "100", *where], "preload")
        check(status == 0, f"pgbench: {err[-200:]}")
        check("processed: 400/400" in out, f"pgbench: {out[-300:]}")
        server.stop()
        truth = collections.Counter(statements(server.log(), "bench")) - before
        spans = commands(home, "pgbench", "postgresql")
        seen = [span.attrs.get("db.operation.name", "?") for span in spans]
        home.note(f"400 transactions, {dict(truth)}")
        check(truth["BEGIN"] == 400 and truth["UPDATE"] == 1200, f"the server's log: {dict(truth)}")
        compare("statements", list(truth.elements()), [one for one in seen if one != "PREPARE"])
        check(all(span.attrs.get("server.port") == server.port for span in spans), "server.port")
        text = next(span.attrs.get("db.query.text", "") for span in spans if span.attrs["db.operation.name"] == "INSERT")
        check(not re.search(r"\b\d{2,}\b", text), f"values in {text!r}")
        row(f"pgbench, {mode}", "400 transactions", sum(one != "PREPARE" for one in seen), sum(truth.values()), "log of PostgreSQL")
    return test


def pg_errors(home):
    server = Postgres(home)
    script = "select 1; select 1/0; select * from nowhere; select 'x'::int;"
    status, _, err = home.run(["psql", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", "-XAt", *[
        word for one in script.split(";") if one.strip() for word in ("-c", one.strip())]], "preload")
    check(err.count("ERROR") == 3, f"psql: {err}")
    server.stop()
    spans = [span for span in commands(home, "psql", "postgresql") if span.attrs.get("db.operation.name") == "SELECT"]
    codes = sorted(str(span.attrs.get("db.response.status_code")) for span in spans)
    check(codes == sorted(["None", "22012", "42P01", "22P02"]), f"codes {codes}")
    check(all((span.status == 2) == ("db.response.status_code" in span.attrs) for span in spans), "status")
    home.note("22012, 42P01, 22P02")


# ---- Redis ----

def start_redis(home):
    port = free_port()
    return home.start([need_program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                       "--dir", home.dir], "plain", port=port), port


def redis_counts(port):
    """{COMMAND: calls} as the server counts."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"*2\r\n$4\r\nINFO\r\n$12\r\ncommandstats\r\n")
        answer = b""
        while not re.match(rb"\$(\d+)\r\n", answer) or \
                len(answer) < int(re.match(rb"\$(\d+)", answer)[1]) + answer.index(b"\n") + 3:
            answer += connection.recv(65536)
    found = re.findall(rb"cmdstat_([\w|-]+):calls=(\d+)", answer)
    return {name.decode().replace("|", " ").upper(): int(calls) for name, calls in found}


def redis_benchmark(pipeline):
    def test(home):
        server, port = start_redis(home)
        before = redis_counts(port)
        status, _, err = home.run([need_program("redis-benchmark"), "-p", str(port), "-n", "2000", "-c", "8", "-q",
                                   "-P", str(pipeline), "-t", "set,get,lpush,mset"], "preload")
        check(status == 0, f"redis-benchmark: {err[-200:]}")
        truth = collections.Counter(redis_counts(port))
        truth.subtract(before)
        del truth["INFO"]
        home.stop(server)
        spans, truth = commands(home, "redis-benchmark", "redis"), +truth
        seen = sum(weight(span) for span in spans)
        check(seen == sum(truth.values()), f"{seen} commands by span, by the server's count {dict(truth)}")
        single = collections.Counter(span.attrs.get("db.operation.name") for span in spans if weight(span) == 1)
        wanted = {name: count for name, count in truth.items() if count >= 2000} if pipeline == 1 else {}
        check(all(single[name] == count for name, count in wanted.items()), f"commands by span {dict(single)}, true {dict(truth)}")
        row(f"redis-benchmark, -P {pipeline}", sum(truth.values()), seen, sum(truth.values()), "INFO commandstats")
        home.note(f"{len(spans)} spans, {dict(truth)}")
    return test


def redis_cli(home):
    server, port = start_redis(home)
    lines = [f"SET key:{i} secret{i}" for i in range(50)] + ["INCR key:1", "HSET h f v", "LPUSH h x", "GET key:2"]
    home.write("commands", "\n".join(lines) + "\n")
    status, out, err = home.run(["sh", "-c", f"exec redis-cli -p {port} <commands"], "preload")
    check(status == 0 and out.count("OK") == 50, f"redis-cli: {out[-200:]} {err[-200:]}")
    truth = redis_counts(port)
    home.stop(server)
    spans = commands(home, "redis-cli", "redis")
    compare("commands", [word for word, count in truth.items() if word != "INFO" for _ in range(count)],
            [span.attrs.get("db.operation.name") for span in spans])
    failed = {span.attrs["db.operation.name"]: span.attrs["db.response.status_code"]
              for span in spans if "db.response.status_code" in span.attrs}
    check(failed == {"INCR": "ERR", "LPUSH": "WRONGTYPE"}, f"failed: {failed}")
    check(not any("secret" in str(span.attrs) for span in spans), "a value is in a span")


# ---- memcached ----

MEMCACHE = '''
import sys
from pymemcache.client.base import Client
client = Client(("127.0.0.1", int(sys.argv[1])), no_delay=True)
for i in range(300):
    client.set("k%d" % i, "secret", noreply=False)
    client.get("k%d" % (i * 2))
    if i % 10 == 0:
        client.get_many(["k1", "k2", "missing"])
        client.set("quiet%d" % i, "secret", noreply=True)
        client.delete("k%d" % i, noreply=False)
client.incr("missing", 1)
client.close()
'''


def memcached_ask(port, text, end):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(text)
        answer = b""
        while not answer.endswith(end):
            answer += connection.recv(65536)
        return answer.decode()


def memcached(home):
    python = "/usr/bin/python3"
    if subprocess.run([python, "-c", "import pymemcache"], capture_output=True).returncode != 0:
        raise Skip("pymemcache is not installed")
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    server = home.start([need_program("memcached"), "-l", "127.0.0.1", "-p", str(port), "-U", "0", *user], "plain", port=port)
    status, _, err = home.run([python, home.write("cache.py", MEMCACHE), str(port)], "preload")
    check(status == 0, f"client: {err[-200:]}")
    stats = dict(re.findall(r"STAT (\w+) (\S+)", memcached_ask(port, b"stats\r\n", b"END\r\n")))
    home.stop(server)
    check(int(stats["cmd_set"]) == 330 and int(stats["cmd_get"]) == 300 + 30 * 3, f"the server's count: {stats}")
    spans = [span for span in home.spans() if is_command(span)]
    seen = count_by(span.attrs.get("db.operation.name", "").upper() for span in spans)
    check(seen == {"SET": 330, "GET": 330, "DELETE": 30, "INCR": 1}, f"spans: {seen}")
    check(not any("secret" in str(span.attrs) for span in spans), "a value is in a span")
    row("Python, to memcached", 660, seen["SET"] + seen["GET"], int(stats["cmd_set"]) + int(stats["cmd_get"]), "stats, which count the keys of a get")
    home.note(str(seen))


def memcached_tools(home):
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    cat, put = need_program("memccat"), need_program("memccp", "memcp")
    server = home.start([need_program("memcached"), "-l", "127.0.0.1", "-p", str(port), "-U", "0", *user], "plain", port=port)
    file = home.write("thing", "a thing")
    for command in ([put, f"--servers=127.0.0.1:{port}", file], [cat, f"--servers=127.0.0.1:{port}", "thing"],
                    [cat, f"--servers=127.0.0.1:{port}", "thing"]):
        status, _, err = home.run(command, "preload")
        check(status == 0, f"{command[0]}: {err[-200:]}")
    home.stop(server)
    seen = collections.Counter(span.attrs.get("db.operation.name", "").upper() for span in home.spans() if is_command(span))
    check(seen["SET"] == 1 and seen["GET"] == 2, f"spans: {dict(seen)}")


# ---- MariaDB ----

def mariadb(home):
    daemon, install = need_program("mariadbd", "mysqld"), need_program("mariadb-install-db", "mysql_install_db")
    client = need_program("mariadb", "mysql")
    data = os.path.dirname(home.path("maria", "x"))
    user = ["--user=root"] if os.geteuid() == 0 else []
    done = subprocess.run([install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
                           "--skip-test-db", *user], capture_output=True, text=True, timeout=120)
    check(done.returncode == 0, f"mariadb-install-db: {done.stderr[-200:]}")
    port = free_port()
    server = home.start([daemon, "--no-defaults", f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1",
                         f"--socket={data}/socket", f"--pid-file={data}/pid", f"--general-log-file={home.dir}/maria.log",
                         "--general-log=1", "--innodb-buffer-pool-size=16M", *user], "plain", port=port, seconds=60)
    wait_until(lambda: subprocess.run([client, "--no-defaults", "-uroot", f"-S{data}/socket", "-e", "select 1"],
                                      capture_output=True).returncode == 0, 30, "MariaDB answers", 0.2)
    script = "create database d; use d; create table t (n int, s varchar(20));\n" + \
        "".join(f"insert into t values ({i}, 'secret{i}');\n" for i in range(200)) + \
        "select count(*) from t; select * from t where n = 1234567; update t set n = n + 1 where n < 10; select * from nowhere;\n"
    home.write("script.sql", script)
    status, out, err = home.run(["sh", "-c", f"exec {client} --no-defaults --skip-ssl -f -uroot -h127.0.0.1 -P{port} <script.sql"],
                                "preload")
    check("1146" in err, f"client: {status} {out[-100:]} {err[-200:]}")
    home.stop(server, seconds=60)
    log = home.read("maria.log")
    thread = re.findall(r"\t\s*(\d+) Connect\troot@\S+ on", log)[-1]
    truth = [word.upper() for word in re.findall(rf"\t\s*{thread} Query\t(?:/\*.*?\*/ *)?(\w+)", log)]
    spans = commands(home, os.path.basename(os.path.realpath(client)), "mariadb")
    seen = [span.attrs.get("db.operation.name", "?") for span in spans]
    ignored = {"USE", "SET", "?"}
    compare("queries", [word for word in truth if word not in ignored], [word for word in seen if word not in ignored])
    check([span.attrs["db.response.status_code"] for span in spans if "db.response.status_code" in span.attrs] == ["1146"],
          "status codes")
    check(not any("secret" in str(span.attrs) or "1234567" in str(span.attrs) for span in spans), "a value is in a span")
    row("mariadb", len(truth), len(seen), len(truth), "general log")
    home.note(str(count_by(seen)))


TESTS = [("follow/pgbench-simple", pgbench("simple")), ("follow/pgbench-extended", pgbench("extended")),
         ("follow/pgbench-prepared", pgbench("prepared")), ("follow/psql-errors", pg_errors),
         ("follow/redis-benchmark", redis_benchmark(1)), ("follow/redis-benchmark-pipelined", redis_benchmark(16)),
         ("follow/redis-cli", redis_cli), ("follow/memcached-python", memcached),
         ("follow/memcached-tools", memcached_tools), ("follow/mariadb", mariadb)]
