# SPDX-License-Identifier: MIT
"""test_agent.py - what an agent that was taken over could do.

probe.c is started in place of tagalong-stacks, as a child of a real agent, under all that
the agent has given up; it tries every forbidden thing and what a library needs.
"""

import os
import shutil
import signal
import socket
import subprocess

import lib
from lib import check, need_program, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
KEPT = {1, 2, 10, 19, 23, 40}  # DAC_OVERRIDE, DAC_READ_SEARCH, NET_BIND_SERVICE, SYS_PTRACE, SYS_NICE, CHECKPOINT_RESTORE


def status(pid):
    with open(f"/proc/{pid}/status") as lines:
        return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)


def bits(text):
    return {bit for bit in range(64) if int(text, 16) >> bit & 1}


def agents_of(home):
    return wait_until(lambda: len(home.agents()) == 2 and home.agents(), 10, "watcher and worker of an agent are there")


def sleeper(home, **more):
    return home.start(["sleep", "300"], env=more)


def confined(home):
    """Filter, no new privileges, capabilities, cores: of watcher and worker."""
    process = sleeper(home)
    for pid in agents_of(home):
        said = status(pid)
        check(said["NoNewPrivs"] == "1" and said["Seccomp"] == "2", f"{pid}: {said['NoNewPrivs']}, {said['Seccomp']}")
        for name in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb"):
            more = bits(said[name]) - KEPT
            check(name == "CapBnd" and os.geteuid() != 0 or not more, f"{name} has {more}")
        with open(f"/proc/{pid}/limits") as lines:
            core = next(line.split() for line in lines if line.startswith("Max core"))
        check(core[4] == "0" and core[5] == "0", f"core limits {core}")
    home.stop(process, signal.SIGKILL)


def released(home):
    """The setting that leaves it as it was started, for whoever has to debug it."""
    process = sleeper(home, TAGALONG_AGENT_CONFINE="0")
    for pid in agents_of(home):
        check(status(pid)["Seccomp"] == status("self")["Seccomp"], "filtered all the same")
    home.stop(process, signal.SIGKILL)


def holds(home):
    """Of the program it was started by: no descriptor, directory or terminal, and no file open to others."""
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    process = home.start(["sleep", "300"], close_fds=False)
    for pid in agents_of(home):
        check(os.readlink(f"/proc/{pid}/cwd") == "/", "holds a directory busy")
        check(status(pid)["Umask"] == "0077", f"umask {status(pid)['Umask']}")
        for fd in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
            check(not target.startswith("pipe:"), f"holds {target}")
    os.close(read_end)
    os.close(write_end)
    home.stop(process, signal.SIGKILL)


def probe(home):
    """Every forbidden thing fails, what libraries and tagalong-stacks need works."""
    place = home.path("bin/tagalong")
    shutil.copy(home.tagalong, place)
    program = os.path.join(os.path.dirname(place), "tagalong-stacks")
    compiler = need_program("cc", "gcc")
    done = subprocess.run([compiler, "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-o", program,
                           os.path.join(HERE, "probe.c")], capture_output=True, text=True)
    check(done.returncode == 0, done.stderr)
    crash = home.write("crash.c", "int main(void) { *(volatile int *)0 = 1; }\n")
    subprocess.run([compiler, "-w", "-o", home.path("crash"), crash], check=True)
    said = home.path("probe.txt")
    home.run([home.path("crash")], env={"TAGALONG_AGENT": place, "TAGALONG_CRASH_WAIT_MS": "10000", "HOME": home.dir})
    verdicts = wait_until(lambda: home.read("probe.txt").endswith("end\n") and home.read("probe.txt"), 20,
                          f"the probe says what it could do ({said})").splitlines()
    bad = [line for line in verdicts[:-1] if not line.startswith("ok ")]
    check(not bad, "; ".join(bad))
    check(len(verdicts) > 40, f"only {len(verdicts)} probes")
    home.note(f"{len(verdicts) - 1} probes")


def serves(home):
    """Confined, it resolves names, sends over TCP, writes files and reads a crash."""
    port = lib.free_port()
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(15)
        crash = home.write("crash.c", "int main(void) { *(volatile int *)0 = 1; }\n")
        subprocess.run([need_program("cc", "gcc"), "-g", "-w", "-o", home.path("crash"), crash], check=True)
        status_, _, _ = home.run([home.path("crash")],
                                 env={"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://localhost:{port}", "TAGALONG_FILE": home.file})
        check(status_ == -signal.SIGSEGV, f"status {status_}")
        connection, _ = server.accept()
        with connection:
            connection.settimeout(10)
            head = connection.recv(100)
            check(head.startswith(b"POST /v1/"), f"sends {head!r}")
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    logs = wait_until(lambda: home.read("tagalong.logs.jsonl"), 15, "the crash is in the file")
    check("crash.c" in logs, f"no frame with its line: {logs[:300]}")


TESTS = [("agent/confined", confined), ("agent/released", released), ("agent/holds", holds),
         ("agent/probe", probe), ("agent/serves", serves)]
