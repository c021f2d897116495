# SPDX-License-Identifier: MIT
"""servers.py - processor time per request of real servers, in interleaved slices.

Four instances of each server run side by side: plain, plain again (the noise
floor), disabled, preloaded.  They take turns under the same load; the processor
time of the serving process is read from /proc around each slice.
"""

import os
import re
import socket
import subprocess
import time

import lib

VARIANTS = ("plain", "plain again", "disabled", "preloaded")
SLICE_SECONDS = 1
REDIS_REQUESTS = 40000
MEMCACHED_REQUESTS = 40000


# ---- servers: command line of an instance on a port ----

def nginx_on(bench, port, variant):
    folder = bench.path(f"nginx-{port}")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "file.txt"), "w") as page:
        page.write("x" * 1023 + "\n")
    conf = os.path.join(folder, "nginx.conf")
    with open(conf, "w") as out:
        out.write(f"""daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 512; }}
http {{ access_log off; keepalive_requests 1000000000; sendfile on; default_type text/plain;
client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
server {{ listen 127.0.0.1:{port}; root {folder};
location = /return {{ return 200 "ok"; }} }} }}
""")
    return [lib.find("nginx"), "-p", folder, "-c", conf, "-e", f"{folder}/error"]


def lighttpd_on(bench, port, variant):
    folder = bench.path(f"lighttpd-{port}")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "file.txt"), "w") as page:
        page.write("x" * 1023 + "\n")
    conf = os.path.join(folder, "lighttpd.conf")
    with open(conf, "w") as out:
        out.write(f"""server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
server.max-keep-alive-requests = 65535
mimetype.assign = ( ".txt" => "text/plain" )
""")
    return [lib.find("lighttpd"), "-D", "-f", conf]


def redis_on(bench, port, variant):
    return [lib.find("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "",
            "--dir", bench.place]


def memcached_on(bench, port, variant):
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    return [lib.find("memcached"), "-p", str(port), "-l", "127.0.0.1", "-U", "0", "-t", "1"] + user


# ---- loads: (requests, seconds) ----

def wrk(path):
    def load(bench, port):
        done = subprocess.run([lib.find("wrk"), "-t1", "-c16", f"-d{SLICE_SECONDS}s",
                               f"http://127.0.0.1:{port}{path}"],
                              stdout=subprocess.PIPE, text=True, check=True)
        found = re.search(r"(\d+) requests in ([0-9.]+)(ms|s|m)", done.stdout)
        if found is None or "Non-2xx" in done.stdout:
            raise lib.Unable(f"wrk says: {done.stdout}")
        return int(found[1]), float(found[2]) * {"ms": 1e-3, "s": 1, "m": 60}[found[3]]
    return load


def redis_benchmark(bench, port):
    start = time.monotonic()
    subprocess.run([lib.find("redis-benchmark"), "-p", str(port), "-t", "get", "-n",
                    str(REDIS_REQUESTS), "-c", "16", "-q"], stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=True)
    return REDIS_REQUESTS, time.monotonic() - start


def memload(bench, port):
    program = bench.path("memload_c")
    if not os.path.exists(program):
        bench.compile("memload.c")
    done = subprocess.run([program, str(port), "16", str(MEMCACHED_REQUESTS)],
                          stdout=subprocess.PIPE, text=True, check=True)
    requests, seconds = done.stdout.split()
    return int(requests), float(seconds)


CASES = [("nginx return", "nginx", nginx_on, wrk("/return")),
         ("nginx 1 KB file", "nginx", nginx_on, wrk("/file.txt")),
         ("lighttpd 1 KB file", "lighttpd", lighttpd_on, wrk("/file.txt")),
         ("redis GET", "redis-server", redis_on, redis_benchmark),
         ("memcached get", "memcached", memcached_on, memload)]


# ---- measuring ----

class Instance:
    def __init__(self, bench, make, variant):
        self.variant = variant
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        kind = "plain" if variant.startswith("plain") else variant
        self.process = bench.start(make(bench, self.port, variant), kind)
        self.wait_until_it_listens()
        self.cpu_us, self.rate = [], []

    def wait_until_it_listens(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise lib.Unable(f"{self.process.args[0]} does not listen on port {self.port}")

    def pids(self):
        """The process and its children (nginx's worker)."""
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children") as children:
            return [pid] + [int(child) for child in children.read().split()]

    def cpu_ns(self):
        """utime + stime as the scheduler counts them, over all threads."""
        total = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat") as stat:
                    total += int(stat.read().split()[0])
        return total

    def memory_kb(self):
        """Resident and anonymous kilobytes of the serving process."""
        with open(f"/proc/{self.pids()[-1]}/status") as status:
            words = dict(line.split(":", 1) for line in status)
        return [int(words[name].split()[0]) for name in ("VmRSS", "RssAnon")]

    def slice(self, bench, load):
        before = self.cpu_ns()
        requests, seconds = load(bench, self.port)
        self.cpu_us.append((self.cpu_ns() - before) / requests / 1000)
        self.rate.append(requests / seconds)


def measure(bench, make, load, rounds):
    instances = [Instance(bench, make, variant) for variant in VARIANTS]
    for instance in instances:
        load(bench, instance.port)  # warm
    for at in range(rounds):
        for step in range(len(instances)):
            instances[(at + step) % len(instances)].slice(bench, load)
    memory = [instance.memory_kb() for instance in instances]
    for instance in instances:
        lib.stop(instance.process)
    return instances, memory


def rows_of(name, instances, memory):
    plain = instances[0]
    for instance, (resident, anonymous) in zip(instances, memory):
        pairs = list(zip(instance.cpu_us, plain.cpu_us))
        ratios = [mine / other for mine, other in pairs]
        rates = lib.median(instance.rate) / lib.median(plain.rate)
        yield [f"{name}, {instance.variant}", f"{lib.median(instance.cpu_us):.2f}",
               f"{lib.median([mine - other for mine, other in pairs]):+.2f}",
               f"{lib.median(instance.cpu_us) / lib.median(plain.cpu_us):.3f}",
               lib.spread(ratios, "{:.3f}"), f"{lib.median(instance.rate):.0f}", f"{rates:.3f}",
               resident, anonymous]


def main(bench):
    rounds = bench.rounds(15)
    rows = []
    for name, program, make, load in CASES:
        if lib.find(program) is None or lib.find("wrk") is None:
            print(f"{name}: not installed, left out")
            continue
        instances, memory = measure(bench, make, load, rounds)
        rows += rows_of(name, instances, memory)
    lib.table(f"Servers: processor time of the host per request ({rounds} interleaved slices each)",
              ["server", "us/request", "added", "ratio", "range of ratios", "requests/s",
               "of plain", "RSS kB", "anon kB"], rows)
    for line in bench.losses():
        print(line)
