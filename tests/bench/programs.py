# SPDX-License-Identifier: MIT
"""programs.py - the servers that are measured: how each is started and how it is asked.

A case has a name, the program that it needs, the command line of an instance on a port,
and what load.c sends it (PostgreSQL: pgbench).  servers.py times them, counts.py counts
what they do.
"""

import glob
import os
import pwd
import resource
import re
import shutil
import subprocess
import tempfile
import time

import lib

HTTP = "GET {path} HTTP/1.1\\r\\nHost: 127.0.0.1:8080\\r\\nUser-Agent: bench/1.0\\r\\nAccept: */*\\r\\n{more}\\r\\n"
KEEP = HTTP.format(path="{path}", more="")
CLOSE = HTTP.format(path="{path}", more="Connection: close\\r\\n")
PG_CONNECTIONS = 4
PACED_CONNECTIONS = 64


class Case:
    """mode, text, first: of load.c.  env: of the preloaded variant, besides the usual."""

    def __init__(self, name, program, command, mode="keep", text="", first=None, env=None,
                 goal="", connections=16, countable=True):
        self.name, self.program, self.command = name, program, command
        self.mode, self.text, self.first = mode, text, first
        self.env, self.goal, self.connections = env or {}, goal, connections
        self.countable = countable
        self.user = None

    def missing(self):
        return self.program is not None and lib.find(self.program) is None

    def prepare(self, bench):
        bench.compiled("load.c")

    def start(self, bench, port, variant):
        return bench.start(self.command(bench, port), variant, self.env)

    def load(self, bench, port, seconds, requests=1 << 40, connections=None):
        """(requests, seconds, p50 in us, p99 in us)"""
        return self.ask(bench, port, seconds, self.mode, requests, connections)[:4]

    def paced(self, bench, port, seconds, rate):
        """The same and p99.9, with so many requests a second, answered or not."""
        return self.ask(bench, port, seconds, f"{self.mode}@{rate:.0f}", connections=PACED_CONNECTIONS)

    def ask(self, bench, port, seconds, mode, requests=1 << 40, connections=None):
        words = [bench.compiled("load.c"), str(port), str(connections or self.connections),
                 str(requests), str(seconds), mode, self.text]
        done = subprocess.run(words + ([self.first] if self.first else []),
                              stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise lib.Unable(f"{self.name}: load ended with {done.returncode}")
        return tuple(map(float, done.stdout.split()))


# ---- command lines ----

def folder_of(bench, name, port):
    folder = bench.path(f"{name}-{port}")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "file.txt"), "w") as page:
        page.write("x" * 1023 + "\n")
    return folder


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as out:
        out.write(text)
    return path


def nginx(bench, port):
    folder = folder_of(bench, "nginx", port)
    conf = write(folder, "nginx.conf", f"""daemon off; worker_processes 1; pid {folder}/pid;
error_log {folder}/error; events {{ worker_connections 512; }}
http {{ access_log off; keepalive_requests 1000000000; sendfile on; default_type text/plain;
client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
server {{ listen 127.0.0.1:{port}; root {folder};
location = /return {{ return 200 "ok"; }} }} }}
""")
    return [lib.find("nginx"), "-p", folder, "-c", conf, "-e", f"{folder}/error"]


def nginx_alone(bench, port):
    """Without a worker: tools that follow one process see all of it."""
    return nginx(bench, port) + ["-g", "master_process off;"]


def apache(bench, port):
    folder = folder_of(bench, "apache", port)
    modules = "/usr/lib/apache2/modules"
    conf = write(folder, "apache.conf", f"""ServerRoot {folder}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
DefaultRuntimeDir {folder}
PidFile {folder}/pid
ErrorLog {folder}/error
User {"nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name}
Group nogroup
DocumentRoot {folder}
FileETag None
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 30
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
MinSpareThreads 1
ThreadLimit 64
MaxSpareThreads 64
MaxConnectionsPerChild 0
""")
    return [lib.find("apache2"), "-f", conf, "-DFOREGROUND"]


def apache_alone(bench, port):
    return apache(bench, port)[:-1] + ["-X"]


def lighttpd(bench, port):
    folder = folder_of(bench, "lighttpd", port)
    conf = write(folder, "lighttpd.conf", f"""server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
server.max-keep-alive-requests = 65535
mimetype.assign = ( ".txt" => "text/plain" )
""")
    return [lib.find("lighttpd"), "-D", "-f", conf]


def redis(bench, port):
    return [lib.find("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "",
            "--dir", bench.place]


def memcached(bench, port):
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    return [lib.find("memcached"), "-p", str(port), "-l", "127.0.0.1", "-U", "0", "-t", "1"] + user


def memcached_alone(bench, port):
    """It limits descriptors to one for each connection; valgrind takes 12 for itself and lets nobody change the limit."""
    return memcached(bench, port) + ["-c", str(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 12)]


def echo(bench, port):
    return [bench.compiled("echo.c"), str(port)]


def node(bench, port):
    text = ("require('http').createServer((question, answer) => answer.end('ok'))"
            f".listen({port}, '127.0.0.1')")
    return [lib.find("node"), "-e", text]


# ---- PostgreSQL ----

def of_postgres(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return found[-1] if found else lib.find(name)


class Postgres(Case):
    """It does not run as root, so its files and its run directory are its own user's."""

    def __init__(self):
        super().__init__("PostgreSQL pgbench -S", None, None, goal="1.02", countable=False)
        self.template = None

    def missing(self):
        return None in (of_postgres("initdb"), of_postgres("pgbench"))

    def who(self):
        if os.geteuid() != 0:
            return {}
        user = pwd.getpwnam("postgres")
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def own(self, path):
        if os.geteuid() == 0:
            shutil.chown(path, "postgres", "postgres")
        return path

    def run(self, bench, *words):
        done = subprocess.run(words, cwd=self.place, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True,
                              env=bench.environment("plain"), **self.who())
        if done.returncode != 0:
            raise lib.Unable(f"{os.path.basename(words[0])}: {done.stdout[-300:]}")
        return done.stdout

    def prepare(self, bench):
        self.place = self.own(tempfile.mkdtemp(prefix="pg-", dir=bench.place))
        self.template = os.path.join(self.place, "template")
        self.run(bench, of_postgres("initdb"), "-D", self.template, "--no-sync", "-A", "trust",
                 "-U", "postgres")
        port = lib.free_port()
        process = self.start(bench, port, "plain", self.template)
        lib.wait_for_port(port, 30)
        self.until_it_answers(bench, port)
        self.run(bench, of_postgres("pgbench"), "-i", "-q", "-s", "2", *self.to(port))
        lib.stop(process)

    def until_it_answers(self, bench, port):
        end = time.monotonic() + 30
        while subprocess.run([of_postgres("pg_isready"), "-q", "-h", "127.0.0.1", "-p",
                              str(port)]).returncode != 0:
            if time.monotonic() > end:
                raise lib.Unable("PostgreSQL does not answer")
            time.sleep(0.1)

    @staticmethod
    def to(port):
        return ["-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "postgres"]

    def start(self, bench, port, variant, data=None):
        if data is None:
            data = os.path.join(self.place, f"data-{port}")
            self.run(bench, "cp", "-a", self.template, data)
        env = {}
        if variant == "preloaded":
            env = {"TAGALONG_RUN_DIR": self.own(bench.another_run_dir()),
                   "TAGALONG_FILE": os.path.join(self.place, "spans.jsonl"),
                   "TAGALONG_LOG": os.path.join(self.place, "agent.log")}
        return bench.start([of_postgres("postgres"), "-D", data, "-p", str(port), "-k",
                            self.place, "-c", "fsync=off", "-c", "listen_addresses=127.0.0.1",
                            "-c", "logging_collector=off"], variant, env, **self.who())

    def ask(self, bench, port, seconds, mode, requests=1 << 40, connections=None):
        rate = ["-R", mode.split("@")[1]] if "@" in mode else []
        log = os.path.join(self.place, f"log-{port}")
        self.until_it_answers(bench, port)
        said = self.run(bench, of_postgres("pgbench"), "-S", "-n", "-c", str(PG_CONNECTIONS), "-j",
                        "1", "-T", str(max(1, round(seconds))), "-l", "--log-prefix", log,
                        *rate, *self.to(port))
        done = int(re.search(r"actually processed: (\d+)", said)[1])
        per_second = float(re.search(r"tps = ([0-9.]+)", said)[1])
        micros = []
        for path in glob.glob(log + "*"):
            with open(path) as lines:
                micros += [int(line.split()[2]) for line in lines]
            os.unlink(path)
        micros.sort()
        return (done, done / per_second, *(float(micros[len(micros) * part // 1000])
                                           for part in (500, 990, 999)))


GET = "*2\\r\\n$3\\r\\nGET\\r\\n$5\\r\\nbench\\r\\n"
SET = "*3\\r\\n$3\\r\\nSET\\r\\n$5\\r\\nbench\\r\\n$16\\r\\n0123456789abcdef\\r\\n"
MEM_SET = "set bench 0 0 16\\r\\n0123456789abcdef\\r\\n"
COMMANDS = {"TAGALONG_COMMANDS": "1"}

ALONE = {nginx: nginx_alone, apache: apache_alone, memcached: memcached_alone}

CASES = [
    Case("nginx keep-alive", "nginx", nginx, text=KEEP.format(path="/return"), goal="1.03"),
    Case("nginx close", "nginx", nginx, "close", CLOSE.format(path="/return"), goal="1.03"),
    Case("nginx 1 KB file", "nginx", nginx, text=KEEP.format(path="/file.txt"), countable=False),
    Case("Apache event", "apache2", apache, text=KEEP.format(path="/file.txt"), goal="1.03"),
    Case("lighttpd 1 KB file", "lighttpd", lighttpd, text=KEEP.format(path="/file.txt"),
         countable=False),
    Case("redis GET", "redis-server", redis, text=GET, first=SET, goal="1.03"),
    Case("redis GET, commands", "redis-server", redis, text=GET, first=SET, env=COMMANDS,
         goal="1.06"),
    Case("memcached get", "memcached", memcached, text="get bench\\r\\n", first=MEM_SET,
         goal="1.03"),
    Case("memcached get, commands", "memcached", memcached, text="get bench\\r\\n",
         first=MEM_SET, env=COMMANDS),
    Case("echo, thread per connection", None, echo, "turn", "0123456789abcdef", goal="1.05"),
    Postgres(),
    Case("Node.js http", "node", node, text=KEEP.format(path="/"), goal="1.02", countable=False),
]


def chosen():
    """TAGALONG_BENCH_SERVERS="nginx redis": cases whose names contain one of the words."""
    words = os.environ.get("TAGALONG_BENCH_SERVERS", "").lower().split()
    return [case for case in CASES
            if not words or any(word in case.name.lower() for word in words)]
