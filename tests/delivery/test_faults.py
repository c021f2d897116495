# SPDX-License-Identifier: MIT
"""Receivers that give no answer, or none that is one; and those that are away for long."""

import os
import random
import subprocess

from lib import (LOGS, PATIENCE, THINGS, TRACES, Skip, check, check_sums, dropped, ids, make_ca,
                 make_certificate, tls_context)


def traces(home, receiver, **settings):
    return home.driver(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=receiver.url("/v1/traces"), **settings)


def backs_off(driver, what="backing off"):
    return driver.until(TRACES, lambda now: now["next_try_ns"] > 0 and now["in_flight"] == 0, what)


def no_answer(behaviour, words):
    def test(home):
        receiver = home.receiver()
        receiver.behave("/v1/traces", behaviour, behaviour, "ok")
        driver = traces(home, receiver, OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=300)
        driver.put(TRACES, 1, 1, 1 << 20)
        status = backs_off(driver)
        check(status["waiting"] == THINGS and dropped(status) == 0, status)
        check(any(word in status["error"].lower() for word in words), status["error"])
        check("no answer from http://localhost" in status["error"], status["error"])
        driver.pass_time()
        status = check_sums(driver, TRACES, 1, receiver)
        check(status["sent"] == THINGS and status["retries"] >= 1, status)
    return test


def answered_by_its_head(home):
    receiver = home.receiver()
    receiver.behave("/v1/traces", "reset-body")
    driver = traces(home, receiver)
    driver.put(TRACES, 1, 1)
    check(driver.flush(), "not flushed")
    check(check_sums(driver, TRACES, 1, receiver)["sent"] == THINGS, "a 200 is one")
    check(len(receiver.of()) == 1, "not sent again")


def interim_answers(home):
    receiver = home.receiver()
    receiver.behave("/v1/traces", "interim")
    driver = traces(home, receiver)
    driver.put(TRACES, 1, 1)
    check(driver.flush(), "not flushed")
    check(check_sums(driver, TRACES, 1, receiver)["sent"] == THINGS, "the last one counts")
    check(len(receiver.of()) == 1, "not sent again")


def too_long(behaviour):
    def test(home):
        receiver = home.receiver()
        receiver.behave("/v1/traces", behaviour)
        driver = traces(home, receiver)
        driver.put(TRACES, 1, 1)
        check(driver.flush(), "not flushed")
        status = check_sums(driver, TRACES, 1)
        check(status["refused"] == THINGS and "too long" in status["error"], status)
        check(len(receiver.of()) == 1, "not sent again")
    return test


def closed_port(home):
    receiver = home.receiver(listen=False)
    driver = traces(home, receiver)
    driver.put(TRACES, 30, 1)
    status = backs_off(driver)
    check(status["waiting"] == 30 * THINGS, status)
    check("receiver running" in status["error"], status["error"])
    receiver.open()
    check(driver.flush(), "not flushed")
    check(check_sums(driver, TRACES, 30, receiver)["sent"] == 30 * THINGS, "all")
    check(sorted(ids(receiver.of())) == list(range(1, 31)), "each once")


def unknown_host(home):
    driver = home.driver(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://nobody.invalid:4318/v1/traces",
                         OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=2000)
    driver.put(TRACES, 3, 1)
    status = backs_off(driver)
    check(status["waiting"] == 9 and dropped(status) == 0, status)
    check("nobody.invalid" in status["error"], status["error"])


def proxy_not_for_loopback(home):
    receiver = home.receiver()
    home.environment["http_proxy"] = "http://user:hunter2@localhost:9"
    driver = traces(home, receiver)
    driver.put(TRACES, 1, 1)
    check(driver.flush(), "not flushed")
    check(len(receiver.of()) == 1, "past the proxy")


def proxy_password_stays_ours(home):
    home.environment["http_proxy"] = "http://user:hunter2@no such host:x"
    driver = home.driver(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://nobody.invalid/v1/traces")
    driver.put(TRACES, 1, 1)
    status = backs_off(driver)
    check("hunter2" not in status["error"] + " ".join(driver.said), status["error"])


# ---- TLS

def tls(pair_of, fails):
    def test(home):
        own, other = make_ca(home, "own"), make_ca(home, "other")
        pair = pair_of(home, own, other)
        receiver = home.receiver(context=tls_context(pair))
        driver = traces(home, receiver, OTEL_EXPORTER_OTLP_CERTIFICATE=own[1])
        driver.put(TRACES, 5, 1)
        if not fails:
            check(driver.flush(), "not flushed")
            check(check_sums(driver, TRACES, 5, receiver)["sent"] == 5 * THINGS, "all")
            check(all(request.tls for request in receiver.of()), "by TLS")
            return
        status = backs_off(driver)
        check(status["waiting"] == 5 * THINGS, status)
        check("OTEL_EXPORTER_OTLP_CERTIFICATE" in status["error"], status["error"])
        check(receiver.requests == [], "nothing was said to a stranger")
    return test


def tls_client_certificate(home):
    own = make_ca(home, "own")
    client = make_certificate(home, "client", own, "client")
    server = make_certificate(home, "server", own, "localhost")
    receiver = home.receiver(context=tls_context(server, client_ca=own[1]))
    bare = traces(home, receiver, key=1, OTEL_EXPORTER_OTLP_CERTIFICATE=own[1])
    bare.put(TRACES, 1, 1)
    check(backs_off(bare)["waiting"] == THINGS, "refused without")
    bare.end()
    driver = traces(home, receiver, key=1, OTEL_EXPORTER_OTLP_CERTIFICATE=own[1],
                    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=client[1],
                    OTEL_EXPORTER_OTLP_CLIENT_KEY=client[0])
    driver.put(TRACES, 1, 2)
    check(driver.flush(), "not flushed")
    check(sorted(ids(receiver.of())) == [1, 2], "also what waited before")


def tls_missing_ca(home):
    receiver = home.receiver(context=tls_context(make_ca(home, "own")))
    driver = traces(home, receiver, OTEL_EXPORTER_OTLP_CERTIFICATE=home.path("nowhere.pem"))
    driver.put(TRACES, 1, 1)
    check(backs_off(driver)["waiting"] == THINGS, "it waits for the file")


# ---- away for long

def up_and_down(home):
    receiver = home.receiver(listen=False)
    driver = traces(home, receiver)
    chance = random.Random(4)
    for first in range(1, 200, 10):
        driver.put(TRACES, 10, first)
        if chance.random() < 0.5 and receiver.listener:
            receiver.close()
        elif not receiver.listener:
            receiver.open()
        driver.advance(chance.random() * 20)
        driver.tell("flush 20")
    if not receiver.listener:
        receiver.open()
    driver.pass_time()
    status = check_sums(driver, TRACES, 200, receiver)
    check(status["sent"] == 200 * THINGS, status)
    check(set(ids(receiver.of())) == set(range(1, 201)), "every one")


def refused_now(driver):
    """A try of the queue fails at the time that it is; what was under way waits again."""
    before = driver.status(TRACES)["requests"]
    driver.tell("flush 1")
    driver.until(TRACES, lambda now: now["requests"] > before and now["in_flight"] == 0, "refused")


def an_hour(**bounds):
    """An hour away with a message every ten seconds.

    What is under way is never given up: were the clock moved over it, it would arrive while
    newer ones are gone.  So time stands still from the last refusal on.
    """
    def test(home):
        receiver = home.receiver(listen=False)
        driver = traces(home, receiver, **bounds)
        for number in range(1, 361):
            driver.put(TRACES, 1, number, 4000)
            driver.advance(10)
        refused_now(driver)
        receiver.open()
        check(driver.flush(), "not flushed")
        status = check_sums(driver, TRACES, 360, receiver)
        kept = sorted(set(ids(receiver.of())))
        gone = dropped(status) // THINGS
        check(kept == list(range(gone + 1, 361)), f"the newest are kept, {gone} are gone: {kept[:5]}")
        if not bounds:
            check(gone == 0, status)
        elif "bytes" in bounds:
            check(status["spool_full"] == dropped(status) > 0, status)
        else:
            check(status["spool_age"] == dropped(status) > 0, status)
            check(100 <= len(kept) <= 200, f"half an hour is 180, not {len(kept)}")
        said = [line for line in driver.said if "dropped so far" in line]
        check(bool(said) == bool(gone), driver.said)
        check(len(said) <= 70, f"{len(said)} sentences in an hour")
        check(len([line for line in driver.said if "no answer" in line]) == 1, driver.said)
    return test


def no_disk(home):
    with open(home.path("spool"), "w", encoding="utf-8"):
        pass  # a file where the directory should be
    receiver = home.receiver(listen=False)
    driver = traces(home, receiver, memory=100000)
    driver.put(TRACES, 50, 1, 4000)
    status = backs_off(driver)
    check(status["in_memory"] == 1 and status["no_memory"] + status["spool_full"] > 0, status)
    check("in memory" in " ".join(driver.said), driver.said)
    receiver.open()
    check(driver.flush(), "not flushed")
    status = check_sums(driver, TRACES, 50, receiver)
    check(status["sent"] > 0, status)


# ---- several at once

def one_dead_one_well(behaviour):
    def test(home):
        dead, well = home.receiver(), home.receiver()
        dead.behave("/v1/logs", behaviour)
        driver = home.driver(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=well.url("/v1/traces"),
                             OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=dead.url("/v1/logs"),
                             OTEL_EXPORTER_OTLP_LOGS_TIMEOUT=0)
        driver.put(LOGS, 20, 1000)
        driver.put(TRACES, 200, 1)
        well.wait(lambda requests: len(requests) == 200, PATIENCE)
        driver.until(TRACES, lambda now: now["waiting"] == 0, "all traces sent")
        status = check_sums(driver, LOGS, 20)
        check(status["waiting"] == 20 * THINGS, status)
        check_sums(driver, TRACES, 200, well)
        driver.tell("stop 0")
    return test


# ---- kill -9

def killed(home):
    receiver = home.receiver()
    chance = random.Random(9)
    put, runs = 0, 8
    for _ in range(runs):
        goal = len(receiver.requests) + chance.randrange(1, 50)
        driver = traces(home, receiver, key=5)
        driver.put(TRACES, 60, put + 1, 200000)
        put += 60
        receiver.wait(lambda requests, goal=goal: len(requests) >= goal, PATIENCE)
        driver.kill()
    driver = traces(home, receiver, key=5)
    check(driver.flush(), "not flushed")
    came = ids(receiver.of())
    check(set(came) == set(range(1, put + 1)), f"missing: {set(range(1, put + 1)) - set(came)}")
    check(len(came) - put <= 4 * runs, f"{len(came) - put} came twice: at most what was under way")
    status = driver.status(TRACES)
    check(status["taken"] == status["adopted"] == status["sent"], status)


def left_to_another(home):
    """What a dead agent left is adopted by another one of the same receiver."""
    receiver = home.receiver(listen=False)
    first = traces(home, receiver, key=1)
    first.put(TRACES, 20, 1)
    backs_off(first)
    first.kill()
    second = traces(home, receiver, key=2)
    second.put(TRACES, 5, 21)
    backs_off(second)
    receiver.open()
    second.pass_time(lambda: second.status(TRACES)["sent"] >= 25 * THINGS, 15)
    status = check_sums(second, TRACES, 25, receiver)
    check(status["adopted"] == 20 * THINGS, status)
    check(set(ids(receiver.of())) == set(range(1, 26)), "all")


def libcurl_when_needed(home):
    if not os.path.exists("/proc/self/maps"):
        raise Skip("needs /proc")
    receiver = home.receiver()
    driver = traces(home, receiver)
    maps = f"/proc/{driver.process.pid}/maps"
    with open(maps, encoding="utf-8") as file:
        check("libcurl" not in file.read(), "libcurl is not loaded before it is needed")
    driver.put(TRACES, 1, 1)
    check(driver.flush(), "not flushed")
    with open(maps, encoding="utf-8") as file:
        check("libcurl" in file.read(), "libcurl is loaded")


def libcurl_missing(home):
    source, library = home.path("none.c"), home.path("none.so")
    with open(source, "w", encoding="utf-8") as file:
        file.write("#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <string.h>\n"
                   "void *dlopen(const char *name, int flags)\n{\n\t(void)flags;\n"
                   "\treturn name && strstr(name, \"libcurl\") ? 0 : (void *)1;\n}\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    receiver = home.receiver()
    home.environment.update(LD_PRELOAD=library, ASAN_OPTIONS="verify_asan_link_order=0")
    driver = traces(home, receiver, key=1)
    driver.put(TRACES, 1, 1)
    status = backs_off(driver)
    check("install libcurl4" in status["error"] and status["waiting"] == THINGS, status)
    check(len([line for line in driver.said if "libcurl" in line]) == 1, driver.said)
    driver.end()
    home.environment.clear()
    driver = traces(home, receiver, key=1)
    check(driver.flush(), "not flushed")
    check(ids(receiver.of()) == [1], "sent once it is there")


TESTS = [
    ("fault_half_closed", no_answer("half-closed", ["empty reply", "closed", "nothing"])),
    ("fault_reset", no_answer("reset", ["reset", "recv", "receiv", "empty reply"])),
    ("fault_reset_in_request", no_answer("reset-request", ["reset", "send", "recv", "pipe", "sent"])),
    ("fault_reset_in_head", no_answer("reset-head", ["reset", "recv", "receiv", "empty", "closed"])),
    ("fault_reset_behind_interim", no_answer("reset-interim", ["reset", "recv", "receiv", "empty", "closed"])),
    ("fault_interim_answers", interim_answers),
    ("fault_garbage", no_answer("garbage", ["http"])),
    ("fault_slow", no_answer("slow", ["timed out", "timeout"])),
    ("fault_answered_by_its_head", answered_by_its_head),
    ("fault_huge_answer", too_long("huge")),
    ("fault_huge_head", too_long("huge-head")),
    ("fault_closed_port", closed_port),
    ("fault_unknown_host", unknown_host),
    ("fault_proxy_not_for_loopback", proxy_not_for_loopback),
    ("fault_proxy_password_stays_ours", proxy_password_stays_ours),
    ("tls_right", tls(lambda home, own, other: make_certificate(home, "server", own, "localhost"), False)),
    ("tls_wrong_ca", tls(lambda home, own, other: make_certificate(home, "server", other, "localhost"), True)),
    ("tls_wrong_host", tls(lambda home, own, other: make_certificate(home, "server", own, "elsewhere"), True)),
    ("tls_self_signed", tls(lambda home, own, other: other, True)),
    ("tls_client_certificate", tls_client_certificate),
    ("tls_missing_ca", tls_missing_ca),
    ("away_up_and_down", up_and_down),
    ("away_an_hour", an_hour()),
    ("away_an_hour_few_bytes", an_hour(bytes=400000)),
    ("away_an_hour_short_age", an_hour(age=1800000)),
    ("away_without_disk", no_disk),
    ("several_one_slow", one_dead_one_well("slow")),
    ("several_one_refusing", one_dead_one_well("status:503")),
    ("killed_while_sending", killed),
    ("killed_left_to_another", left_to_another),
    ("libcurl_only_when_needed", libcurl_when_needed),
    ("libcurl_missing", libcurl_missing),
]
