# SPDX-License-Identifier: MIT
"""follow.py - what the tests of following share: chains of spans, load with ids, servers.

Every request of a load has an id as the last part of its path, and servers hand it on in
what they ask.  So the id of a span can be read in its own attributes, and that of its
parents in theirs: they have to be the same all the way up.
"""

import collections
import http.client
import os
import pwd
import random
import re
import subprocess
import threading
import time

from lib import SERVER, Skip, check, free_port, need_program, need_root, wait_until

CLIENT = 3
# The first calls of a program are taken for guesses where requests lie about (runtime/core/outward.c).
EARLY = 64


def exe(span):
    return span.resource.get("process.executable.name", "")


def path_of(span):
    return span.attrs.get("url.path") or re.sub(r"^\w+://[^/]*", "", span.attrs.get("url.full", ""))


def id_of(span):
    """The request's id that a span shows, None."""
    found = re.search(r"/(\d+)(?:[/?].*)?$", path_of(span))
    return int(found[1]) if found else None


def is_http_client(span):
    return span.kind == CLIENT and "url.full" in span.attrs


def is_command(span):
    return span.kind == CLIENT and "db.system.name" in span.attrs


def is_connect(span):
    return span.kind == CLIENT and span.name.startswith(("connect", "tcp connect", "unix connect"))


def is_turn(span):
    return span.kind == CLIENT and not is_http_client(span) and not is_command(span) and not is_connect(span) \
        and "dns.question.name" not in span.attrs


class Tree:
    def __init__(self, spans):
        self.spans = spans
        self.by_id = {span.span_id: span for span in spans}

    def above(self, span):
        """Parent, its parent and so on."""
        for _ in range(100):
            span = self.by_id.get(span.parent_id)
            if span is None:
                return
            yield span

    def request_above(self, span):
        """The nearest server span of HTTP above, None."""
        return next((one for one in self.above(span) if one.is_http), None)

    def chain(self, span):
        """[(program, kind)] from the root down to the span, of HTTP's spans only."""
        line = [one for one in [span, *self.above(span)] if one.is_http or is_http_client(one)]
        return [(exe(one), one.kind) for one in reversed(line)]


def load(port, count, prefix="/r/", threads=8, keep=True, verify=None, headers=None, pause=0.0):
    """count requests PREFIX + id by several clients, each with a pause of up to so many seconds before it; all have
    to be answered with 200."""
    ids = iter(range(1, count + 1))
    lock, problems = threading.Lock(), []

    def client():
        connection = None
        while True:
            with lock:
                number = next(ids, None)
            if number is None or len(problems) > 3:
                return
            if pause:
                time.sleep(random.random() * pause)
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request("GET", f"{prefix}{number}", headers=headers(number) if headers else {})
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 200 or (verify and not verify(number, body)):
                    problems.append(f"{number}: {answer.status} {body[:80]!r}")
            except (OSError, http.client.HTTPException) as problem:
                problems.append(f"{number}: {problem!r}")
                connection = None
                continue
            if not keep or answer.will_close:
                connection.close()
                connection = None

    clients = [threading.Thread(target=client) for _ in range(threads)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    check(not problems, f"requests without a right answer: {problems[:3]}")


def check_chains(home, spans, count, levels, broken=EARLY, counts=None):
    """Each id has exactly one span at each level, every one below the one of the level before.

    levels: [(program, kind)] from the first server inwards; counts: of those where requests were made again.
    Nothing may be on the wrong one; so many requests may have a chain with a link missing.
    """
    tree = Tree(spans)
    found, orphans = collections.Counter(), set()
    for span in spans:
        if not span.is_http and not is_http_client(span):
            continue
        level, number = (exe(span), span.kind), id_of(span)
        if level not in levels or number is None:
            continue
        found[level] += 1
        for above in tree.above(span):
            check(id_of(above) in (None, number), f"{level} of {number} is below {exe(above)}'s span of {id_of(above)}")
        chain = tree.chain(span)
        whole = levels[:levels.index(level) + 1]
        if chain != whole:
            orphans.add(number)
    check(len(orphans) <= broken, f"{len(orphans)} requests whose chain is broken")
    for level in levels:
        wanted = (counts or {}).get(level, count)
        check(found[level] == wanted, f"{level}: {found[level]} spans of {wanted}")
    traces = collections.defaultdict(set)
    for span in spans:
        if id_of(span) not in (None, *orphans) and (span.is_http or is_http_client(span)):
            traces[id_of(span)].add(span.trace_id)
    check(all(len(one) == 1 for one in traces.values()), "a request in two traces")
    home.note(f"{count} requests, {len(levels)} levels, {len(orphans)} broken")


# ---- the table of docs/attribution.md ----

ROWS = []  # what tests of this run have counted, for tests/follow/run --write


def row(program, requests, spans, truth, of, outward=None):
    """One program: its spans against its own log or statistics (of), and what it asked others."""
    ROWS.append((program, requests, spans, truth, of, *(outward or ("-", "-", "-"))))


def outward_of(spans, program, is_call=is_http_client):
    """(right, orphan, wrong) of what a program asked, by the ids in the paths."""
    tree, counted = Tree(spans), collections.Counter()
    for span in spans:
        if is_call(span) and exe(span) == program:
            above = tree.request_above(span)
            counted["orphan" if above is None else "right" if id_of(above) == id_of(span) else "wrong"] += 1
    return counted["right"], counted["orphan"], counted["wrong"]


def served(spans, program):
    return sum(1 for span in spans if span.is_http and exe(span) == program)


# ---- servers ----

NGINX = """
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log;
worker_processes 2;
user www-data;
events {{ worker_connections 512; }}
http {{
	log_format truth '$request_uri\\t$status\\t$upstream_status';
	access_log {dir}/nginx.log truth;
	client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
	uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
	keepalive_requests 1000000;
	upstream inner {{ server 127.0.0.1:{inner}; keepalive 8; }}
	server {{
		listen 127.0.0.1:{port};
		{location}
	}}
}}
"""
PROXY = 'location / { proxy_pass http://inner; proxy_http_version 1.1; proxy_set_header Connection ""; }'


def start_nginx(home, inner, location=PROXY, mode="preload", env=None):
    need_root()
    port = free_port()
    config = home.write("nginx.conf", NGINX.format(dir=home.dir, port=port, inner=inner, location=location))
    return home.start([need_program("nginx"), "-p", home.dir, "-e", f"{home.dir}/nginx-error.log", "-c", config],
                      mode, port=port, env=env), port


def nginx_log(home):
    """(path, status, status of the upstream) of each request."""
    return [tuple(line.split("\t")) for line in home.read("nginx.log").splitlines()]


APACHE = """
ServerRoot {dir}
ServerName localhost
PidFile {dir}/apache.pid
Listen 127.0.0.1:{port}
LoadModule mpm_{mpm}_module {modules}/mod_mpm_{mpm}.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule alias_module {modules}/mod_alias.so
User www-data
Group www-data
DefaultRuntimeDir {dir}
Mutex file:{dir}
ErrorLog {dir}/apache-error.log
DocumentRoot {dir}/site
<Directory {dir}/site>
	Require all granted
</Directory>
AliasMatch "^/r/[0-9]+$" {dir}/site/page
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 30
LogFormat "%U\\t%>s\\t%{{traceparent}}i" truth
CustomLog {dir}/apache.log truth
StartServers 2
{limits}
"""


def start_apache(home, mpm="event", mode="preload"):
    need_root()
    modules = "/usr/lib/apache2/modules"
    if not os.path.exists(f"{modules}/mod_mpm_{mpm}.so"):
        raise Skip(f"no mod_mpm_{mpm}.so in {modules}")
    home.write("site/page", "a page\n")
    port = free_port()
    # A child whose threads are all busy closes connections that wait: each has more of them than there are clients.
    limits = "MaxRequestWorkers 32" if mpm == "prefork" else \
        "ThreadLimit 96\nThreadsPerChild 96\nMaxRequestWorkers 192\nMinSpareThreads 64\nMaxSpareThreads 192"
    config = home.write("apache.conf", APACHE.format(dir=home.dir, port=port, modules=modules, mpm=mpm, limits=limits))
    return home.start([need_program("apache2", "httpd"), "-d", home.dir, "-f", config, "-DFOREGROUND"], mode, port=port), port


def apache_log(home):
    """(path, status, traceparent) of each request."""
    return [tuple(line.split("\t")) for line in home.read("apache.log").splitlines()]


def check_header_log(spans, program, log, unknown=EARLY):
    """What the last server was told is what the one before it exported."""
    known = {(span.trace_id, span.span_id): span for span in spans if is_http_client(span) and exe(span) == program}
    strange = 0
    for path, _, header in log:
        parts = header.split("-")
        check(len(parts) == 4, f"{path} came with traceparent {header!r}")
        span = known.get((parts[1], parts[2]))
        if span is None:
            strange += 1
            continue
        check(path_of(span) == path, f"the header of {path} names the span of {path_of(span)}")
    check(strange <= unknown, f"{strange} headers that name no client span")


def postgres_program(name):
    """A program of PostgreSQL's own folder, whatever its version."""
    for base, _, files in os.walk("/usr/lib/postgresql"):
        if name in files:
            return os.path.join(base, name)
    return need_program(name)


class Postgres:
    """A server with a database in a directory of its own; it is not traced unless told."""

    def __init__(self, home, *settings, mode="plain", env=None):
        need_root()
        self.home, self.port = home, free_port()
        place = os.path.dirname(home.path("pg", "x"))
        user = pwd.getpwnam("postgres")
        who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        os.chown(place, user.pw_uid, user.pw_gid)
        data = os.path.join(place, "data")
        done = subprocess.run([postgres_program("initdb"), "-D", data, "--no-sync", "-A", "trust", "-U", "postgres"],
                              capture_output=True, text=True, cwd=place, **who)
        check(done.returncode == 0, f"initdb: {done.stderr[-200:]}")
        options = [word for setting in ("fsync=off", "listen_addresses=127.0.0.1", "logging_collector=off", *settings)
                   for word in ("-c", setting)]
        self.server = home.start([postgres_program("postgres"), "-D", data, "-p", str(self.port), "-k", place, *options],
                                 mode, port=self.port, seconds=30, env=env, **who)
        wait_until(lambda: self.ask("select 1") == "1", 20, "PostgreSQL answers")

    def ask(self, text):
        done = subprocess.run(["psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-XAtq", "-c", text],
                              capture_output=True, text=True, timeout=60)
        return done.stdout.strip()

    def log(self):
        with open(self.server.output, errors="replace") as stream:
            return stream.read()

    def stop(self):
        import signal
        return self.home.stop(self.server, signal.SIGINT, 30)


def count_by(values):
    return dict(collections.Counter(values))


def servers_of(spans, program):
    return [span for span in spans if span.kind == SERVER and exe(span) == program]
