# SPDX-License-Identifier: MIT
"""ruby.py - Ruby's own tests of sockets, processes, threads, fibers and descriptors, by the system's ruby.

They are in no binary package; ./sources fetches them.  A part is a file of tests.
The packaged ruby may be younger than its tests: what fails, fails plain as well.
"""

import json
import os
import re

import common

NAME = "ruby"
WHAT = "Ruby's test suite (the tests of Debian's source package, by Debian's ruby)"
RUBY = "/usr/bin/ruby"

# File, seconds that it may take, whether it is part of the quick choice.
FILES = (
    ("socket/test_addrinfo", 200, True), ("socket/test_ancdata", 200, True), ("socket/test_basicsocket", 200, True),
    ("socket/test_nonblock", 300, True), ("socket/test_socket", 300, True), ("socket/test_sockopt", 200, True),
    ("socket/test_tcp", 300, True), ("socket/test_udp", 200, True), ("socket/test_unix", 200, True),
    ("ruby/test_process", 900, False), ("ruby/test_signal", 300, True), ("ruby/test_system", 200, True),
    ("ruby/test_sleep", 100, True), ("ruby/test_thread", 900, False), ("ruby/test_thread_cv", 200, True),
    ("ruby/test_thread_queue", 300, False), ("ruby/test_threadgroup", 100, True), ("ruby/test_io", 900, False),
    ("ruby/test_fiber", 300, False), ("ruby/test_beginendblock", 200, False), ("ruby/test_rubyoptions", 600, False),
    ("fiber/test_io", 100, True), ("fiber/test_mutex", 100, True), ("fiber/test_process", 100, True),
    ("fiber/test_scheduler", 100, True), ("fiber/test_sleep", 100, True), ("fiber/test_thread", 100, True),
    ("fiber/test_timeout", 100, True), ("fiber/test_enumerator", 100, False), ("io/nonblock/test_flush", 100, True),
    ("io/wait/test_io_wait", 100, True), ("io/console/test_io_console", 300, False), ("monitor/test_monitor", 100, False),
    ("etc/test_etc", 100, True), ("test_open3", 200, True), ("test_pty", 100, True), ("test_timeout", 100, True),
    ("net/http/test_http", 400, True), ("net/http/test_https", 300, False), ("net/http/test_https_proxy", 200, False),
    ("net/http/test_buffered_io", 100, True), ("net/protocol/test_protocol", 100, False), ("drb/test_drb", 300, False),
    ("drb/test_drbunix", 300, False), ("drb/test_drbssl", 300, False), ("openssl/test_ssl", 600, False),
    ("openssl/test_ssl_session", 400, False),
)
# Asks another machine.
NETWORK = "/#test_initialize_connect_timeout\\z/"


def need():
    common.need_file(RUBY, "ruby is not installed")
    common.need_source("ruby")


def parts(full):
    return [common.Part(name, seconds) for name, seconds, quick in FILES if full or quick]


def can_choose(tests):
    return all("#" in test for test in tests)


def run(part, place, only=None):
    root, log = common.need_source("ruby"), os.path.join(place.dir, "log")
    command = [RUBY, os.path.join(common.HERE, "ruby_logger.rb"), root, "-v", "--test-order=alpha"]
    command += ["--name", "!" + NETWORK]
    if only:
        command += ["--name", "/\\A(?:" + "|".join(re.escape(name) for name in only) + ")\\z/"]
    status = place.run([*command, f"{root}/test/{part.name}.rb"], part.seconds, SUITE_LOG=log)
    found = common.Outcomes()
    with open(log, encoding="utf-8") as lines:
        place.check_loaded(json.loads(next(lines))["loaded"])
        for line in lines:
            line = json.loads(line)
            found.add(line["id"], line["outcome"], line["detail"])
    found.add("exit status", str(status), place.tail(40))
    return found
