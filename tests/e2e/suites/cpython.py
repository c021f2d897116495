# SPDX-License-Identifier: MIT
"""cpython.py - CPython's own tests, as Debian packages them (libpython3.11-testsuite).

A part is a module.  Everything that needs another machine is off (-u without
network and urlfetch), so are sound, screens and files of gigabytes.
"""

import json
import os
import subprocess

import common

NAME = "cpython"
WHAT = "CPython's test suite (Debian's libpython3.11-testsuite)"
PYTHON = "/usr/bin/python3.11"
RESOURCES = "all,-urlfetch,-gui,-audio,-largefile,-tzdata,-decimal"
# These call the loopback a network.
LOCAL = ("test_socketserver", "test_timeout")
# What asks other machines, and what waits without end where a virtual machine has no host that answers.
LEFT_OUT = {"test_timeout": "test.test_timeout.TCPTimeoutTestCase.*",
            "test_socket": "test.test_socket.ThreadedVSOCKSocketStreamTest.*"}

# What the quick choice takes of modules that are too long for it, as regrtest's -m has it.
CHOICES = {
    "test_asyncio": ("test.test_asyncio.test_unix_events.*", "test.test_asyncio.test_streams.*", "SubprocessThreadedWatcherTests"),
    "test_concurrent_futures": ("ProcessPoolForkProcessPoolExecutorTest", "ThreadPoolExecutorTest"),
    "test_faulthandler": ("test_sigsegv", "test_sigabrt", "test_register", "test_enable_*", "test_disable", "test_dump_traceback_later"),
    "test_ftplib": ("TestFTPClass",),
    "test_multiprocessing_fork": ("WithProcessesTestQueue", "WithProcessesTestPipe", "WithProcessesTestLock"),
    "test_multiprocessing_forkserver": ("WithProcessesTestQueue",),
    "test_multiprocessing_main_handling": ("ForkCmdLineTest",),
    "test_multiprocessing_spawn": ("WithProcessesTestQueue", "TestSyncManagerTypes"),
    "test_selectors": ("EpollSelectorTestCase", "PollSelectorTestCase"),
    "test_ssl": ("SimpleBackgroundTests", "ThreadedTests.test_echo", "test_tls1_3", "test_starttls", "test_socketserver", "test_recv_send"),
    "test_subprocess": ("POSIXProcessTestCase",),
}

# name, seconds that it may take, whether it, or some of it, is part of the quick choice
MODULES = (
    ("test_asyncio", 1500, True), ("test_concurrent_futures", 1500, True), ("test_ctypes", 300, True),
    ("test_eintr", 400, True), ("test_epoll", 120, True), ("test_faulthandler", 400, True),
    ("test_file_eintr", 200, False), ("test_fork1", 200, True), ("test_ftplib", 200, True),
    ("test_httplib", 200, True), ("test_httpservers", 300, True), ("test_mmap", 200, True),
    ("test_multiprocessing_fork", 1500, True), ("test_multiprocessing_forkserver", 1500, True),
    ("test_multiprocessing_main_handling", 600, True), ("test_multiprocessing_spawn", 1500, True),
    ("test_openpty", 100, True), ("test_os", 400, True), ("test_poll", 200, False), ("test_popen", 100, True),
    ("test_posix", 200, True), ("test_pty", 200, True), ("test_resource", 200, True), ("test_select", 200, True),
    ("test_selectors", 200, True), ("test_signal", 400, True), ("test_socket", 400, True),
    ("test_socketserver", 200, True), ("test_ssl", 400, True), ("test_subprocess", 600, True),
    ("test_syslog", 100, True), ("test_thread", 200, True), ("test_threading", 400, True),
    ("test_threadsignals", 200, True), ("test_timeout", 200, True), ("test_urllib2_localnet", 200, True),
    ("test_wait3", 200, True), ("test_wait4", 200, True), ("test_wsgiref", 200, True),
    ("test_xmlrpc", 200, False),
)


def need():
    common.need_file(PYTHON, "python3.11 is not installed")
    done = subprocess.run([PYTHON, "-I", "-c", "import test.test_socket"], capture_output=True)
    if done.returncode:
        raise common.Skip("libpython3.11-testsuite is not installed")


def parts(full):
    return [common.Part(name, seconds, () if full else CHOICES.get(name, ())) for name, seconds, quick in MODULES if full or quick]


def can_choose(tests):
    """What a class or module does before its tests has a name that cannot be asked for."""
    return not any(" " in test for test in tests)


def run(part, place, only=None):
    log = os.path.join(place.dir, "log")
    resources = RESOURCES if part.name in LOCAL else RESOURCES + ",-network"
    command = [PYTHON, os.path.join(common.HERE, "cpython_logger.py"), log, "-v", "-u", resources,
               "--timeout", str(part.seconds), "--tempdir", place.tmp]
    if part.name in LEFT_OUT:
        command += ["-i", LEFT_OUT[part.name]]
    for name in only or part.choice:
        command += ["-m", name]
    status = place.run([*command, part.name], part.seconds + 60)
    return outcomes(log, place, status)


def outcomes(log, place, status):
    found = common.Outcomes()
    with open(log, encoding="utf-8") as lines:
        place.check_loaded(json.loads(next(lines))["loaded"])
        for line in lines:
            line = json.loads(line)
            found.add(line["id"], line["outcome"], line["detail"])
    # 0: all passed, 2: a test failed, 3: a test changed the environment of others ...
    found.add("exit status", str(status), place.tail(40))
    return found
