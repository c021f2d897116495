# SPDX-License-Identifier: MIT
"""test_proxies.py - nginx, HAProxy, Apache and php-fpm behind each other, against their access logs."""

import os
import signal

from follow import (CLIENT, Tree, apache_log, check_chains, check_header_log, exe, is_turn, load, nginx_log, outward_of, row,
                    served, start_apache, start_nginx)
from lib import SERVER, check, free_port, need_program, need_root, wait_until

REQUESTS = 2000


def stop_all(home, *servers):
    """nginx first, politely, so that all logs are complete."""
    for server, number in servers:
        home.stop(server, number)


def asked_by_nginx(home):
    """By its log: a request is made again when the connection that it was written to is just being closed."""
    return sum(len(statuses.split(", ")) for _, _, statuses in nginx_log(home))


def nginx_apache(mpm):
    def test(home):
        apache, inner = start_apache(home, mpm)
        nginx, port = start_nginx(home, inner)
        load(port, REQUESTS)
        wait_until(lambda: len(apache_log(home)) >= REQUESTS, 10, "Apache has written its log")
        stop_all(home, (nginx, signal.SIGQUIT), (apache, signal.SIGTERM))
        check(len(nginx_log(home)) == REQUESTS == len(apache_log(home)),
              f"logs: {len(nginx_log(home))} of nginx, {len(apache_log(home))} of Apache")
        spans = home.spans()
        check_chains(home, spans, REQUESTS, [("nginx", SERVER), ("nginx", CLIENT), ("apache2", SERVER)],
                     counts={("nginx", CLIENT): asked_by_nginx(home)})
        check_header_log(spans, "nginx", apache_log(home))
        row("nginx, to Apache", REQUESTS, served(spans, "nginx"), len(nginx_log(home)), "access log",
            outward_of(spans, "nginx"))
        row(f"Apache, {mpm}", REQUESTS, served(spans, "apache2"), len(apache_log(home)), "access log")
    return test


HAPROXY = """
global
	nbthread 2
	maxconn 200
	log {dir}/log local0
defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s
	http-reuse always
frontend front
	bind 127.0.0.1:{port}
	default_backend back
backend back
	server apache 127.0.0.1:{inner}
"""


def haproxy_between(home):
    apache, inner = start_apache(home)
    middle = free_port()
    config = home.write("haproxy.cfg", HAPROXY.format(dir=home.dir, port=middle, inner=inner))
    haproxy = home.start([need_program("haproxy"), "-db", "-f", config], port=middle)
    nginx, port = start_nginx(home, middle)
    load(port, REQUESTS, threads=64)
    stop_all(home, (nginx, signal.SIGQUIT), (haproxy, signal.SIGTERM), (apache, signal.SIGTERM))
    check(len(apache_log(home)) == REQUESTS, f"{len(apache_log(home))} requests in Apache's log")
    spans = home.spans()
    # Its tasks run when they are due, not when their connections are ready, and threads share them.  But it hands
    # the headers on that a request came with, and these say whose it is.
    # One that finds Apache's connection closed is left without an answer, so that nginx makes it again.
    between = [("nginx", CLIENT), ("haproxy", SERVER), ("haproxy", CLIENT)]
    check_chains(home, spans, REQUESTS, [("nginx", SERVER), *between, ("apache2", SERVER)],
                 counts=dict.fromkeys(between, asked_by_nginx(home)))
    check_header_log(spans, "haproxy", apache_log(home))
    row("HAProxy, between nginx and Apache", REQUESTS, served(spans, "haproxy"), len(apache_log(home)),
        "access log of Apache", outward_of(spans, "haproxy"))


PHP_FPM = """
[global]
error_log = {dir}/fpm-error.log
daemonize = no
[www]
user = www-data
group = www-data
listen = 127.0.0.1:{port}
pm = static
pm.max_children = 4
access.log = {dir}/fpm.log
access.format = "%r%Q%q"
"""
FASTCGI = """location / {{
	fastcgi_pass 127.0.0.1:{inner};
	fastcgi_param SCRIPT_FILENAME {dir}/site/page.php;
	fastcgi_param REQUEST_METHOD $request_method;
	fastcgi_param SCRIPT_NAME $uri;
	fastcgi_param REQUEST_URI $request_uri;
}}"""


def php_fpm(home):
    need_root()
    program = None
    for version in ("8.2", "8.4", "8.3", "8.1", "7.4"):
        program = program or (f"php-fpm{version}" if os.path.exists(f"/usr/sbin/php-fpm{version}") else None)
    program = need_program(program or "php-fpm")
    home.write("site/page.php", "<?php usleep(rand(0, 2000)); echo $_SERVER['REQUEST_URI'], \"\\n\";")
    inner = free_port()
    config = home.write("fpm.conf", PHP_FPM.format(dir=home.dir, port=inner))
    fpm = home.start([program, "--nodaemonize", "--fpm-config", config], port=inner)
    nginx, port = start_nginx(home, inner, FASTCGI.format(inner=inner, dir=home.dir))
    load(port, REQUESTS, verify=lambda number, body: body == b"/r/%d\n" % number)
    stop_all(home, (nginx, signal.SIGQUIT), (fpm, signal.SIGQUIT))
    log = home.read("fpm.log").splitlines()
    check(len(log) == REQUESTS, f"{len(log)} requests in php-fpm's log")
    spans = home.spans()
    tree = Tree(spans)
    turns = [span for span in spans if exe(span) == "nginx" and is_turn(span)]
    check(len(turns) == REQUESTS, f"{len(turns)} turns of nginx with php-fpm, {REQUESTS} requests")
    above = [tree.request_above(span) for span in turns]
    check(None not in above, f"{above.count(None)} turns of no request")
    check(len({span.span_id for span in above}) == REQUESTS, "two turns of one request")
    check(all(span.start >= request.start and span.end <= request.end for span, request in zip(turns, above)),
          "a turn that is not within its request")
    row("nginx, to php-fpm", REQUESTS, served(spans, "nginx"), len(log), "access log of php-fpm",
        (len(turns), above.count(None), 0))
    home.note(f"{REQUESTS} turns")


TESTS = [("follow/nginx-apache-event", nginx_apache("event")), ("follow/nginx-apache-prefork", nginx_apache("prefork")),
         ("follow/nginx-haproxy-apache", haproxy_between), ("follow/nginx-php-fpm", php_fpm)]
