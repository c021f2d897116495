# SPDX-License-Identifier: MIT
"""CGI: a web server starts a program for a request, and that is part of the request's trace."""

import os

import truth
from lib import check, exchange, free_port, need_program, request
from place import ON

SCRIPT = """#!/bin/sh
/bin/echo "Content-Type: text/plain"
/bin/echo
/bin/echo "$TRACEPARENT $(/bin/echo "$PATH_INFO$QUERY_STRING")"
"""

REQUESTS = 12


def script(home, *names):
    path = home.write(os.path.join(*names), SCRIPT)
    os.chmod(path, 0o755)
    return path


def ask(home, port, target):
    for number in range(REQUESTS):
        answer = exchange(port, request("GET", f"{target}?n{number}"))
        check(b" 200 " in answer.split(b"\r\n")[0] and b"n%d" % number in answer, f"{target}: {answer[:200]!r}")


def judge(home):
    """Each request's trace has the request, the shell, what that started: every parent right."""
    spans = home.spans()
    requests = {span.span_id: span for span in spans if span.is_http}
    check(len(requests) == REQUESTS, f"{len(requests)} requests")
    programs = [span for span in spans if truth.is_process(span)]
    mine = {span.span_id: span for span in programs if span.trace_id in {r.trace_id for r in requests.values()}}
    shells = [span for span in mine.values() if span.parent_id in requests]
    check(sorted(span.parent_id for span in shells) == sorted(requests), f"{len(shells)} shells for {REQUESTS} requests")
    ids = {span.span_id for span in shells}
    below = [span for span in mine.values() if span.span_id not in ids]
    check(all(span.parent_id in ids for span in below), "a program below something else")
    check(len(below) == 4 * REQUESTS, f"{len(below)} programs started by {REQUESTS} shells")


def apache(home):
    program, port = need_program("apache2"), free_port()
    script(home, "cgi", "a.cgi")
    config = home.write("apache.conf", f"""
ServerRoot {home.dir}
PidFile {home.dir}/apache.pid
Listen 127.0.0.1:{port}
ServerName localhost
LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule env_module /usr/lib/apache2/modules/mod_env.so
LoadModule cgi_module /usr/lib/apache2/modules/mod_cgi.so
ErrorLog {home.dir}/error.log
Mutex file:{home.dir}
StartServers 3
PassEnv LD_PRELOAD {" ".join(settings(home))}
ScriptAlias /cgi/ {home.dir}/cgi/
<Directory {home.dir}/cgi>
Require all granted
</Directory>
""")
    serve(home, [program, "-f", config, "-DFOREGROUND"], port, "/cgi/a.cgi")


def lighttpd(home):
    program, port = need_program("lighttpd"), free_port()
    script(home, "www", "a.cgi")
    config = home.write("lighttpd.conf", f"""
server.document-root = "{home.dir}/www"
server.port = {port}
server.bind = "127.0.0.1"
server.errorlog = "{home.dir}/error.log"
server.modules = ( "mod_cgi", "mod_setenv" )
setenv.add-environment = ( {", ".join(f'"{key}" => "{value}"' for key, value in settings(home).items())} )
cgi.assign = ( ".cgi" => "" )
""")
    serve(home, [program, "-D", "-f", config], port, "/a.cgi")


def python(home):
    port = free_port()
    script(home, "cgi-bin", "a.cgi")
    serve(home, ["/usr/bin/python3", "-m", "http.server", "--cgi", "--bind", "127.0.0.1", str(port)], port, "/cgi-bin/a.cgi")


def settings(home):
    """What servers do not hand on to CGI programs by themselves."""
    return {key: value for key, value in home.environment(**ON).items() if key.startswith("TAGALONG_")}


def serve(home, command, port, target):
    """Servers that are root give their programs to another user, who may not write to our run directory."""
    wrap = ()
    if os.geteuid() == 0:
        wrap = [need_program("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
        for top, _, names in os.walk(home.dir):
            for name in [top, *(os.path.join(top, name) for name in names)]:
                os.chown(name, 65534, 65534)
        os.chown(home.run_dir, 65534, 65534)
    server = home.start(command, port=port, env=ON, wrap=wrap)
    ask(home, port, target)
    home.stop(server)
    judge(home)


TESTS = [
    ("cgi/apache", apache),
    ("cgi/lighttpd", lighttpd),
    ("cgi/python", python),
]
