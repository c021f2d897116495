# SPDX-License-Identifier: MIT
"""test_run.py - what `tagalong run` is to its caller: statuses, signals, streams, messages."""

import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import time

from cli import BUILD, TAGALONG, Failed, Skipped, contains, environment, run, same, start, test


@test
def statuses(place):
    same("exit 7", run(place, "sh", "-c", "exit 7").returncode, 7)
    same("true", run(place, "run", "--", "true").returncode, 0)
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGUSR1):
        result = run(place, "-q", "sh", "-c", f"kill -{int(number)} $$")
        same(number.name, result.returncode, -number)


@test
def not_found(place):
    result = run(place, "nosuchprogram")
    same("status", result.returncode, 127)
    contains("stderr", result.stderr, "nosuchprogram", "not found")
    result = run(place, "shwo")
    same("status of a typing error", result.returncode, 127)
    contains("stderr", result.stderr, "did you mean `tagalong show`")


@test
def not_executable(place):
    plain = os.path.join(place, "plain")
    open(plain, "w").close()
    result = run(place, plain)
    same("status", result.returncode, 126)
    contains("stderr", result.stderr, plain, "cannot be executed")


@test
def usage(place):
    for arguments, said in (((), ""), (("run",), "which program"), (("-o",), "needs a value"),
                            (("--quite", "true"), "did you mean '--quiet'"),
                            (("-z", "true"), "unknown option '-z'"),
                            (("-o", "-", "true"), "-o wants a file"),
                            (("agent", "--key", "0", "--run-dir", "/tmp"), "--key 0"),
                            (("agent",), "usage"), (("drain",), "usage"),
                            (("doctor", "--all"), "unknown option"), (("help", "rnu"), "'run'")):
        result = run(place, *arguments)
        same(f"status of {arguments}", result.returncode, 2)
        contains(f"stderr of {arguments}", result.stderr, said)


@test
def help_texts(place):
    contains("help", run(place, "help").stdout, "doctor", "drain", "show", "environment")
    contains("help run", run(place, "help", "run").stdout, "--no-follow")
    contains("run --help", run(place, "run", "--help").stdout, "--no-follow")
    contains("help environment", run(place, "help", "environment").stdout, "TAGALONG_FILE")
    contains("version", run(place, "--version").stdout, "tagalong ")


@test
def program_sees(place):
    """Nothing but the variables that it needs, the caller's directory and mask."""
    result = run(place, "-q", "-o", "out.jsonl", "--service", "shop", "sh", "-c",
                 'echo "$TAGALONG_FILE"; echo "$OTEL_SERVICE_NAME"; pwd; '
                 'echo $TAGALONG_ROOT_PID $$; grep -e SigBlk -e SigIgn /proc/self/status')
    lines = result.stdout.split("\n")
    same("TAGALONG_FILE", lines[0], os.path.join(place, "out.jsonl"))
    same("OTEL_SERVICE_NAME", lines[1], "shop")
    same("cwd", lines[2], place)
    root, own = lines[3].split()
    same("TAGALONG_ROOT_PID", root, own)
    plain = subprocess.run(["sh", "-c", "grep -e SigBlk -e SigIgn /proc/self/status"],
                           capture_output=True, text=True, stdin=subprocess.DEVNULL)
    same("signals", "\n".join(lines[4:]), plain.stdout)


@test
def no_foreign_children_or_fds(place):
    result = run(place, "-q", sys.executable, "-c",
                 "import os\n"
                 "print(sorted(os.listdir('/proc/self/fd')))\n"
                 "try: print(os.wait())\n"
                 "except ChildProcessError: print('none')\n")
    plain = subprocess.run([sys.executable, "-c", "import os\nprint(sorted(os.listdir('/proc/self/fd')))"],
                           capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=place)
    same("fds", result.stdout.split("\n")[0], plain.stdout.strip())
    same("children", result.stdout.split("\n")[1], "none")


@test
def existing_preload_is_kept(place):
    other = os.path.join(place, "other.so")
    made = subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", other],
                          input="int other;", text=True)
    same("compiler", made.returncode, 0)
    result = run(place, "-q", "sh", "-c", 'echo "$LD_PRELOAD"', LD_PRELOAD=other)
    same("LD_PRELOAD", result.stdout.strip(), os.path.join(BUILD, "libtagalong.so") + ":" + other)
    nested = run(place, "-q", TAGALONG, "-q", "sh", "-c", 'echo "$LD_PRELOAD"')
    same("nested", nested.stdout.strip(), os.path.join(BUILD, "libtagalong.so"))


def wait_for_line(process):
    line = process.stdout.readline()
    if not line:
        raise Failed(f"no output: {process.communicate()}")


@test
def forwards_signals(place):
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT):
        process = start(place, "-q", sys.executable, "-uc",
                        "import signal,sys\n"
                        f"signal.signal({int(number)}, lambda *a: sys.exit(40))\n"
                        "print('ready')\n"
                        "while True: signal.pause()\n")
        wait_for_line(process)
        process.send_signal(number)
        process.communicate(timeout=30)
        same(number.name, process.returncode, 40)


@test
def dies_of_a_forwarded_signal(place):
    process = start(place, "-q", "sh", "-c", "echo ready; exec sleep 60")
    wait_for_line(process)
    time.sleep(0.2)
    process.terminate()
    process.communicate(timeout=30)
    same("status", process.returncode, -signal.SIGTERM)


@test
def terminal_interrupt_arrives_once(place):
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(place)
        os.execve(TAGALONG, ["tagalong", "-q", sys.executable, "-uc",
                             "import signal,time\n"
                             "got = []\n"
                             "signal.signal(signal.SIGINT, lambda *a: got.append(1))\n"
                             "print('ready')\n"
                             "while not got: time.sleep(0.05)\n"
                             "time.sleep(0.5)\n"
                             "print('interrupts:', len(got))\n"], environment(place))
    said = b""
    sent = False
    try:
        while chunk := os.read(fd, 4096):
            said += chunk
            if b"ready" in said and not sent:
                os.write(fd, b"\x03")
                sent = True
    except OSError:
        pass  # the terminal's other end is gone
    os.close(fd)
    status = os.waitpid(pid, 0)[1]
    contains("output", said.decode(), "interrupts: 1")
    same("status", status, 0)


def pid_one(place, script):
    wrap = ("unshare", "--pid", "--fork", "--mount-proc")
    if os.geteuid() != 0 or subprocess.run([*wrap, "true"], capture_output=True).returncode:
        raise Skipped("needs root and a pid namespace")
    return run(place, "-q", "sh", "-c", script, wrap=wrap)


@test
def as_pid_one(place):
    # The orphan ends while the program runs; only PID 1 can reap it.
    result = pid_one(place, "(sleep 0.1 &); sleep 0.4; ps -eo stat,comm | grep -c '^Z'; exit 5")
    same("status", result.returncode, 5)
    same("zombies", result.stdout.strip(), "0")
    same("killed", pid_one(place, "kill -9 $$").returncode, 128 + 9)


@test
def what_is_wrong_is_told_and_the_program_runs(place):
    open_dir = os.path.join(place, "open")
    os.mkdir(open_dir)
    os.chmod(open_dir, 0o777)
    for more, said in (({"TAGALONG_RUN_DIR": open_dir}, "chmod 700"),
                       ({"TAGALONG_RUN_DIR": os.path.join(place, "no/such")}, "does not exist"),
                       ({"TAGALONG_RUN_DIR": "/etc/hostname"}, "not a directory"),
                       ({"TAGALONG_FILE": place}, "directory"),
                       ({"TAGALONG_AGENT": "/nowhere/agent"}, "cannot start the agent"),
                       ({"TAGALONG_LANES": "many"}, "TAGALONG_LANES=many")):
        result = run(place, "-q", "sh", "-c", "exit 3", **more)
        same(f"status with {more}", result.returncode, 3)
        contains(f"stderr with {more}", result.stderr, said)
        if not all(line.startswith("tagalong: ") for line in result.stderr.splitlines()):
            raise Failed(f"stderr with {more}: {result.stderr!r}")


@test
def without_its_library(place):
    lone = os.path.join(place, "lone")
    os.mkdir(lone)
    shutil.copy(TAGALONG, lone)
    result = run(place, "-q", "sh", "-c", "exit 4", program=os.path.join(lone, "tagalong"))
    same("status", result.returncode, 4)
    contains("stderr", result.stderr, "libtagalong.so", "without traces")
    spaced = os.path.join(place, "a b")
    os.mkdir(spaced)
    for name in ("tagalong", "libtagalong.so"):
        shutil.copy(os.path.join(BUILD, name), spaced)
    result = run(place, "-q", "sh", "-c", "exit 4", program=os.path.join(spaced, "tagalong"))
    same("status", result.returncode, 4)
    contains("stderr", result.stderr, "no path with a space")


@test
def disabled(place):
    result = run(place, "sh", "-c", 'echo "[$LD_PRELOAD]"', TAGALONG_DISABLED="true")
    same("LD_PRELOAD", result.stdout.strip(), "[]")
    same("stderr", result.stderr, "")


@test
def standard_streams_closed(place):
    same("stderr closed", run(place, TAGALONG, "true", program="/bin/sh",
                              wrap=("/bin/sh", "-c", '"$@" 2>&-')).returncode, 0)


@test
def summary(place):
    """Counts what the file got, which a second run appends to."""
    server = ("import socket\n"
              "s = socket.create_server(('127.0.0.1', 0))\n"
              "c = socket.create_connection(s.getsockname())\n"
              "p, _ = s.accept()\n"
              "c.sendall(b'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
              "p.recv(1000)\n"
              "p.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n')\n"
              "p.close()\n")
    for number in (1, 2):
        result = run(place, sys.executable, "-c", server)
        same("status", result.returncode, 0)
        last = result.stderr.strip().split("\n")[-1]
        contains(f"stderr of run {number}", last, " -> tagalong.jsonl (tagalong show tagalong.jsonl)")
        spans = int(last.split()[1])
        if not 1 <= spans <= 3:
            raise Failed(f"run {number}: {last!r}")
    if os.listdir(os.path.join(place, "run")):
        time.sleep(2)
    left = [name for name in os.listdir(os.path.join(place, "run")) if name.endswith(".seg")]
    same("segments left", left, [])
