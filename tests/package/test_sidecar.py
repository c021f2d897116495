# SPDX-License-Identifier: MIT
"""An agent beside its programs, in a pid namespace of its own, as in a container of the same pod: they share a
run directory and nothing else.  docs/containers.md says how it is asked for."""

import json
import os
import signal
import subprocess

import lib
from lib import Skip, check, free_port, request, wait_until

APART = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
CRASH = "#include <unistd.h>\nstatic void boom(void) { *(volatile int *)0 = 1; }\nint main(void) { usleep(1500000); boom(); }\n"


def apart():
    if os.geteuid() != 0 or subprocess.run([*APART, "true"], capture_output=True).returncode != 0:
        raise Skip("no pid namespaces here")
    return APART


def only_child(process):
    """The first process of a namespace: unshare itself takes no signals."""
    def find():
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as stream:
            return stream.read().split()
    return int(wait_until(find, 10, "unshare starts its child")[0])


def agent(home, **env):
    process = home.start([*apart(), home.tagalong, "agent", "--run-dir", home.run_dir, "--all", "--foreground"],
                         mode="plain", env=dict(OTEL_SERVICE_NAME="pod", **env))
    wait_until(lambda: os.path.exists(os.path.join(home.run_dir, "00000000.agent")), 20, "the agent takes its lock")
    return process


def server(home, **env):
    port = free_port()
    words = [*apart(), "env", f"LD_PRELOAD={home.preload}", "python3", "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    return home.start(words, mode="plain", port=port, env=dict(TAGALONG_AGENT="none", **env)), port


def names(home):
    return [span.name for span in home.spans(settle=False, well_formed=False)]


def stop(process, number=signal.SIGINT):
    """The first process of a namespace gets only signals that it handles, and SIGKILL."""
    os.kill(only_child(process), number)
    process.wait(20)


def spans_arrive(home):
    """Requests of a server in another namespace arrive while it lives, also after the agent has looked for the
    living many times; programs with other settings are served by the same agent; the dead are found."""
    helper = agent(home)
    first, port = server(home)
    second, other_port = server(home, TAGALONG_MAX_BREADCRUMBS="7")  # another key
    lib.exchange(port, request("GET", "/one"))
    lib.exchange(other_port, request("GET", "/other"))
    wait_until(lambda: {"GET /one", "GET /other"} <= set(names(home)), 30, "the first requests arrive")
    keys = {name.split("-")[0] for name in home.segments()}
    check(len(keys) == 2, f"keys: {keys}")
    subprocess.run(["sleep", "3"])  # several looks for the dead
    check(len(home.segments()) == 2, f"a living program was taken for dead: {home.segments()}")
    lib.exchange(port, request("GET", "/late"))
    wait_until(lambda: "GET /late" in names(home), 30, "a later request arrives")
    check(all(s.resource.get("service.name") == "pod" for s in home.spans(settle=False, well_formed=False)),
          "the service is what the agent's settings say")
    stop(first, signal.SIGKILL)
    stop(second)
    wait_until(lambda: not home.segments(), 60, f"segments of the dead go: {home.segments()}")
    stop(helper)
    check(not home.losses(), f"{home.losses()}")


def agent_comes_later(home):
    """What was recorded before the agent was there, and while it was being restarted, is not lost."""
    first, port = server(home)
    lib.exchange(port, request("GET", "/early"))
    helper = agent(home)
    wait_until(lambda: "GET /early" in names(home), 30, "what was before the agent")
    stop(helper, signal.SIGKILL)
    lib.exchange(port, request("GET", "/between"))
    helper = agent(home)
    wait_until(lambda: "GET /between" in names(home), 30, "what was while no agent lived")
    stop(first)
    wait_until(lambda: not home.segments(), 60, "the segment goes")
    stop(helper)
    listed = names(home)
    check(listed.count("GET /early") == 1 and listed.count("GET /between") == 1, f"once each: {listed}")


def crash_is_told(home):
    """A crash is an event with the stack of the thread that crashed, from what the program copied."""
    helper = agent(home)
    home.write("boom.c", CRASH)
    subprocess.run(["cc", "-g", "-O0", "-o", "boom", "boom.c"], cwd=home.dir, check=True)
    done = subprocess.run([*apart(), "env", f"LD_PRELOAD={home.preload}", "./boom"], cwd=home.dir, capture_output=True,
                          env=home.environment(TAGALONG_AGENT="none"))
    check(done.returncode != 0, "it did not crash")
    logs = home.file.replace(".jsonl", ".logs.jsonl")
    wait_until(lambda: "SIGSEGV" in (open(logs).read() if os.path.exists(logs) else ""), 30, "the event arrives")
    text = open(logs).read()
    check("boom" in json.dumps(text), "no frame of boom")
    stop(helper)


TESTS = [("sidecar/spans_arrive", spans_arrive), ("sidecar/agent_comes_later", agent_comes_later),
         ("sidecar/crash", crash_is_told)]
