# SPDX-License-Identifier: MIT
"""test_started.py - programs that others start: CGI below Apache, jobs of cron.  What they started, and how often, is in their own logs."""

import collections
import os

from follow import APACHE, apache_log, exe
from lib import INTERNAL, Skip, check, exchange, free_port, need_program, need_root, request, wait_until

FULL = os.environ.get("TAGALONG_TEST_FULL") == "1"
REQUESTS = 40
PROCESSES = {"TAGALONG_PROCESSES": "1", "TAGALONG_SIGNALS": "0"}

SCRIPT = """#!/bin/sh
/bin/echo "Content-Type: text/plain"
/bin/echo
/bin/echo "$QUERY_STRING"
"""


def is_program(span):
    return span.kind == INTERNAL and "process.executable.name" in span.attrs


def settings(home):
    """What servers and cron do not hand on by themselves."""
    return {key: value for key, value in home.environment(LD_PRELOAD=home.preload, **PROCESSES).items()
            if key.startswith(("TAGALONG_", "LD_PRELOAD"))}


# ---- CGI ----

CGI = """
LoadModule env_module {modules}/mod_env.so
LoadModule {cgi}_module {modules}/mod_{cgi}.so
<IfModule cgid_module>
	ScriptSock {dir}/cgid.sock
</IfModule>
PassEnv {names}
ScriptAlias /cgi/ {dir}/cgi/
<Directory {dir}/cgi>
	Require all granted
</Directory>
"""


def apache_cgi(mpm, cgi, starter):
    def test(home):
        need_root()
        if not os.path.exists(f"/usr/lib/apache2/modules/mod_{cgi}.so"):
            raise Skip(f"no mod_{cgi}.so")
        script = home.write("cgi/a.cgi", SCRIPT)
        os.chmod(script, 0o755)
        port, config = free_port(), home.path("apache.conf")
        home.write("site/page", "a page\n")
        text = APACHE.format(dir=home.dir, port=port, modules="/usr/lib/apache2/modules", mpm=mpm, limits="") + \
            CGI.format(dir=home.dir, modules="/usr/lib/apache2/modules", cgi=cgi, names=" ".join(settings(home)))
        home.write("apache.conf", text)
        wrap = [need_program("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
        for top, _, names in os.walk(home.dir):
            for name in [top, *(os.path.join(top, name) for name in names)]:
                os.chown(name, 65534, 65534)
        os.chown(home.run_dir, 65534, 65534)
        server = home.start([need_program("apache2"), "-d", home.dir, "-f", config, "-DFOREGROUND"], port=port, env=PROCESSES, wrap=wrap)
        for number in range(REQUESTS):
            answer = exchange(port, request("GET", f"/cgi/a.cgi?n{number}"))
            check(answer.split(b"\r\n")[0].split()[1] == b"200" and b"n%d\n" % number in answer, f"{answer[:200]!r}")
        home.stop(server)
        check(len(apache_log(home)) == REQUESTS, f"{len(apache_log(home))} requests in Apache's log")
        judge_cgi(home, starter)
    return test


def judge_cgi(home, starter):
    """Each run of the script is below one span of those that start it, with the programs that it has started below itself."""
    spans = home.spans()
    check(sum(span.is_http for span in spans) == REQUESTS, f"{sum(span.is_http for span in spans)} spans of requests")
    starters = {span.span_id: span for span in spans if starter(span)}
    shells = [span for span in spans if is_program(span) and span.parent_id in starters]
    check(len(shells) == len({span.parent_id for span in shells}) == REQUESTS, f"{len(shells)} runs of the script")
    check(all(exe(span) == "dash" for span in shells), "another program was started")
    judge_runs(spans, shells)


def judge_runs(spans, shells, programs=4):
    """Every run of the script is a trace of so many programs, and has started three of them."""
    below = collections.Counter(span.parent_id for span in spans if is_program(span) and exe(span) == "echo")
    check(below == {shell.span_id: 3 for shell in shells}, f"{sum(below.values())} programs below {len(below)} of {len(shells)} shells")
    traces = collections.Counter(span.trace_id for span in spans if is_program(span) and exe(span) in ("dash", "echo"))
    check(traces == {shell.trace_id: programs for shell in shells}, f"{len(traces)} traces of {len(shells)} runs")


# ---- cron ----

JOB = """#!/bin/sh
/bin/echo begun "$TRACEPARENT"
x=$(/bin/echo inner)
/bin/echo ended >>{dir}/runs
"""
RUNS = 2


def cron(home):
    """In a place of its own: nothing of the machine's tables is run."""
    if not FULL:
        raise Skip("takes two minutes: TAGALONG_TEST_FULL=1")
    need_root()
    program, unshare = need_program("cron"), need_program("unshare")
    job = home.write("job", JOB.format(dir=home.dir))
    os.chmod(job, 0o755)
    lines = [f"{key}={value}" for key, value in settings(home).items()]
    table = home.write("crontab", "\n".join([*lines, "SHELL=/bin/sh", f"* * * * * root exec {job} >>{home.dir}/said 2>&1", ""]))
    os.chmod(table, 0o644)
    empty = os.path.dirname(home.path("empty", "x"))
    os.makedirs(os.path.join(empty, "crontabs"))
    place = home.write("place.sh", f"""set -e
touch /etc/crontab
mount --bind {table} /etc/crontab
mount --bind {empty} /etc/cron.d
mount --bind {empty} /var/spool/cron
mount -t tmpfs none /run
exec "$@"
""")
    daemon = home.start([unshare, "--mount", "sh", place, "env", f"LD_PRELOAD={home.preload}", program, "-f"], "plain", env=PROCESSES)
    wait_until(lambda: home.read("runs").count("ended") >= RUNS, 60 * RUNS + 60, f"cron runs its job: {home.tail(daemon)}", 0.2)
    home.stop(daemon)
    spans = home.spans()
    shells = {span.span_id for span in spans if is_program(span) and exe(span) == "dash" and not span.parent_id}
    jobs = [span for span in spans if is_program(span) and exe(span) == "dash" and span.parent_id in shells]
    runs = home.read("runs").count("ended")
    check(len(shells) == len(jobs) == runs, f"{len(shells)} shells, {len(jobs)} jobs, {runs} runs by its own count")
    judge_runs(spans, jobs, 5)
    home.note(f"{runs} runs")


TESTS = [("follow/apache-cgi", apache_cgi("prefork", "cgi", lambda span: span.is_http)),
         # Its daemon is told in a protocol of Apache's own what to start: that is not the request's any more.
         ("follow/apache-cgid", apache_cgi("event", "cgid", lambda span: span.is_connection)),
         ("follow/cron", cron)]
