# SPDX-License-Identifier: MIT
"""OTLP answers: what is sent, what is final, what is tried again and when."""

import email.utils
import time

from lib import LOGS, METRICS, PATIENCE, THINGS, TRACES, check, check_sums, dropped, ids


def traces(home, receiver, **settings):
    return home.driver(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=receiver.url("/v1/traces"), **settings)


def sent_whole(home):
    receiver = home.receiver()
    driver = traces(home, receiver, OTEL_EXPORTER_OTLP_HEADERS="api-key=s3cret%20word,x=1")
    driver.put(TRACES, 50, 1, 3000)
    check(driver.flush(), "not flushed")
    status = check_sums(driver, TRACES, 50, receiver)
    check(status["sent"] == 50 * THINGS and status["retries"] == 0, status)
    check(sorted(ids(receiver.of())) == list(range(1, 51)), "each once")
    check(status["requests"] == 50, status)
    check(receiver.accepted <= 4, f"{receiver.accepted} connections for 4 at once")
    for request in receiver.of():
        headers = request.headers
        check(request.method == "POST" and request.path == "/v1/traces", request.lines[0])
        check(headers["content-type"] == "application/x-protobuf", headers)
        check(headers["user-agent"].startswith("tagalong/") and
              " OTel-OTLP-Exporter-C/" in headers["user-agent"], headers)
        check(headers["api-key"] == "s3cret word" and headers["x"] == "1", headers)
        check("expect" not in headers and "content-encoding" not in headers, headers)


def json_says_so(home):
    receiver = home.receiver()
    driver = traces(home, receiver, OTEL_EXPORTER_OTLP_PROTOCOL="http/json")
    driver.put(TRACES, 1, 1)
    check(driver.flush(), "not flushed")
    check(receiver.of()[0].headers["content-type"] == "application/json", "JSON")


def partial(protocol):
    def test(home):
        receiver = home.receiver()
        receiver.behave("/v1/traces", "partial:2", "partial:1000", "partial:0", "ok")
        driver = traces(home, receiver, OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
        for first in range(1, 5):
            driver.put(TRACES, 1, first)
            check(driver.flush(), "not flushed")
        status = check_sums(driver, TRACES, 4)
        check(status["partial"] == 2 + 3 and status["sent"] == 1 + 0 + 3 + 3, status)
        check(len(receiver.of()) == 4, "nothing is sent twice")
        check("some were odd" in " ".join(driver.said), driver.said)
    return test


FINAL = [300, 301, 302, 307, 308, 400, 401, 403, 404, 405, 408, 409, 410, 411, 415, 422, 500, 501, 505]


def final_answers(home):
    receiver = home.receiver()
    driver = traces(home, receiver)
    for number, code in enumerate(FINAL, 1):
        receiver.behave("/v1/traces", f"status:{code},Location=http://localhost:1/,Retry-After=1")
        driver.put(TRACES, 1, number)
        check(driver.flush(), f"{code} is not final")
        status = check_sums(driver, TRACES, number)
        check(status["refused"] == number * THINGS and status["sent"] == 0, f"{code}: {status}")
        check(f"HTTP {code} from " in status["error"], status["error"])
    check(ids(receiver.of()) == list(range(1, len(FINAL) + 1)), "each once")
    check("OTEL_EXPORTER_OTLP_HEADERS" in advice(home, 401), "advice for 401")


def advice(home, code):
    receiver = home.receiver()
    receiver.behave("/v1/traces", f"status:{code}")
    driver = home.driver(key=7, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=receiver.url("/v1/traces"))
    driver.put(TRACES, 1, 1)
    driver.flush()
    return driver.status(TRACES)["error"]


def too_large(home):
    receiver = home.receiver()
    receiver.behave("/v1/traces", "status:413", "ok")
    driver = traces(home, receiver, bytes=1 << 30)
    driver.put(TRACES, 1, 1)
    check(driver.flush(), "413 is final")
    driver.put(TRACES, 1, 2, (64 << 20) + 1)
    driver.put(TRACES, 1, 3)
    check(driver.flush(), "not flushed")
    status = check_sums(driver, TRACES, 3)
    check(status["too_large"] == 2 * THINGS and status["sent"] == THINGS, status)
    check(ids(receiver.of()) == [1, 3], "the one over 64 MiB was not sent")


def tried_again(code):
    def test(home):
        receiver = home.receiver()
        receiver.behave("/v1/traces", f"status:{code}", f"status:{code}", "ok")
        driver = traces(home, receiver)
        driver.put(TRACES, 1, 1)
        receiver.wait(lambda requests: len(requests) == 1, PATIENCE)
        status = driver.until(TRACES, lambda now: now["next_try_ns"] > 0, "backing off")
        check(status["waiting"] == THINGS and dropped(status) == 0, status)
        driver.put(TRACES, 3, 2)
        for count in (2, 5):
            driver.advance(31)
            receiver.wait(lambda requests, count=count: len(requests) >= count, PATIENCE)
            driver.until(TRACES, lambda now: now["in_flight"] == 0, "answered")
        check(driver.flush(), "not flushed")
        status = check_sums(driver, TRACES, 4, receiver)
        check(status["sent"] == 4 * THINGS and status["retries"] == 2, status)
        came = ids(receiver.of())
        check(came[:3] == [1, 1, 1], f"the oldest alone, until it is through: {came}")
        check(sorted(came[3:]) == [2, 3, 4], came)
        check(len([said for said in driver.said if f"HTTP {code}" in said]) == 1, driver.said)
        check([said for said in driver.said if "again" in said and "takes" in said], driver.said)
    return test


def rounds_go_by(driver, receiver, number):
    """Logs are looked at after traces in every round, so when one has come, traces had their turn."""
    driver.put(LOGS, 1, number)
    receiver.wait(lambda _: number in ids(receiver.of("/v1/logs")), PATIENCE)


def retry_after(form):
    def test(home):
        receiver = home.receiver()
        value = "100" if form == "seconds" else email.utils.formatdate(time.time() + 100, usegmt=True)
        receiver.behave("/v1/traces", "status:503,Retry-After=" + value.replace(",", "%2C"), "ok")
        driver = traces(home, receiver, OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=receiver.url("/v1/logs"))
        driver.put(TRACES, 1, 1)
        driver.until(TRACES, lambda now: now["next_try_ns"] > 0, "backing off")
        driver.advance(80)
        rounds_go_by(driver, receiver, 10)
        driver.tell("flush 0")
        rounds_go_by(driver, receiver, 11)
        check(len(receiver.of("/v1/traces")) == 1, "it came too early")
        driver.advance(25)
        check(driver.flush(), "not flushed")
        check(check_sums(driver, TRACES, 1)["sent"] == THINGS, "it came late or never")
        check(len(receiver.of("/v1/traces")) == 2, "once more, not twice")
    return test


def flush_hurries(home):
    receiver = home.receiver()
    receiver.behave("/v1/traces", *["status:502"] * 6, "ok")
    driver = traces(home, receiver)
    driver.put(TRACES, 1, 1)
    for count in range(1, 7):
        receiver.wait(lambda requests, count=count: len(requests) >= count, PATIENCE)
        driver.until(TRACES, lambda now: now["next_try_ns"] > 0 and now["in_flight"] == 0, "answered")
        driver.tell("flush 0")
    check(driver.flush(), "not flushed")
    check(check_sums(driver, TRACES, 1)["sent"] == THINGS, "sent")


def metrics_in_order(home):
    receiver = home.receiver()
    receiver.behave("/v1/metrics", "ok", "status:503", "ok", "status:429", "ok")
    driver = home.driver(OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=receiver.url("/v1/metrics"))
    driver.put(METRICS, 40, 1, 2000)
    for _ in range(2):
        driver.until(METRICS, lambda now: now["next_try_ns"] > 0 or not now["waiting_messages"], "on its way")
        driver.advance(31)
    check(driver.flush(), "not flushed")
    came = ids(receiver.of())
    check(came == sorted(came) and set(came) == set(range(1, 41)), came)
    check(max(request.under_way for request in receiver.of()) == 1, "one at a time")
    check(driver.status(METRICS)["sent"] == 40 * THINGS, driver.status(METRICS))


def four_at_once(home):
    receiver = home.receiver()
    receiver.behave("/v1/traces", "gate")
    driver = traces(home, receiver)
    driver.put(TRACES, 20, 1)
    receiver.wait(lambda requests: len(requests) == 4, PATIENCE)
    check(driver.status(TRACES)["in_flight"] == 4, driver.status(TRACES))
    receiver.open_gates()
    check(driver.flush(), "not flushed")
    check(max(request.under_way for request in receiver.of()) == 4, "four at a time")
    check_sums(driver, TRACES, 20, receiver)


def secrets_stay_ours(home):
    receiver = home.receiver()
    receiver.behave("/v1/traces", "says:401:no such key: Basic aHVudGVyMg== or hunter2hunter2 %00 \x1b[31m")
    driver = traces(home, receiver,
                    OTEL_EXPORTER_OTLP_HEADERS="authorization=Basic%20aHVudGVyMg==,x-key=hunter2hunter2")
    driver.put(TRACES, 1, 1)
    check(driver.flush(), "not flushed")
    told = driver.status(TRACES)["error"] + " ".join(driver.said)
    check("no such key" in told, told)
    check("aHVudGVyMg" not in told and "hunter2" not in told, told)
    check(all(character.isprintable() for character in told), repr(told))


def nothing_before_the_commit(home):
    receiver = home.receiver()
    driver = traces(home, receiver, OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=receiver.url("/v1/logs"))
    driver.tell(f"hold {TRACES} 1 1 100")
    check(driver.tell("idle")["idle"] == 0, "what is held waits")
    driver.tell("undo")
    status = driver.status(TRACES)
    check(status["taken"] == 0 and status["waiting"] == 0, status)
    driver.tell(f"hold {TRACES} 1 2 100")
    driver.tell("commit")
    check(driver.flush(), "not flushed")
    check(ids(receiver.of()) == [2], "only what was committed")
    check_sums(driver, TRACES, 1, receiver)


def points_undone(home):
    receiver = home.receiver()
    driver = home.driver(OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=receiver.url("/v1/metrics"))
    driver.tell(f"hold {METRICS} 1 1 100")
    check(check_sums(driver, METRICS, 1)["waiting"] == THINGS, "they wait")
    driver.tell("undo")
    check(check_sums(driver, METRICS, 0)["waiting"] == 0, "they were taken back")


def stopped_and_started(home):
    receiver = home.receiver()
    receiver.behave("/v1/traces", "gate")
    driver = traces(home, receiver)
    driver.put(TRACES, 6, 1)
    receiver.wait(lambda requests: len(requests) == 4, PATIENCE)
    driver.tell("stop 0")
    status = check_sums(driver, TRACES, 6)
    check(status["waiting"] == 6 * THINGS and status["in_flight"] == 0, status)
    receiver.open_gates()
    driver.tell("start")
    check(driver.flush(), "not flushed")
    status = check_sums(driver, TRACES, 6, receiver)
    check(status["sent"] == 6 * THINGS, status)
    check(len(receiver.of()) <= 6 + 4, "only what was under way comes twice")


def patience_for_what_is_under_way(home):
    receiver = home.receiver()
    receiver.behave("/v1/traces", "gate")
    driver = traces(home, receiver)
    driver.put(TRACES, 4, 1)
    receiver.wait(lambda requests: len(requests) == 4, PATIENCE)
    driver.process.stdin.write(f"stop {PATIENCE * 1000}\n")
    driver.process.stdin.flush()
    receiver.open_gates()
    check(driver.lines.get(timeout=2 * PATIENCE) == {"stop": 0}, "stopped")
    check(check_sums(driver, TRACES, 4)["sent"] == 4 * THINGS, "what was under way ended")
    check(len(receiver.of()) == 4, "once")


TESTS = [
    ("otlp_sent_whole", sent_whole),
    ("otlp_json", json_says_so),
    ("otlp_partial_protobuf", partial("http/protobuf")),
    ("otlp_partial_json", partial("http/json")),
    ("otlp_final_answers", final_answers),
    ("otlp_too_large", too_large),
    *((f"otlp_tried_again_{code}", tried_again(code)) for code in (429, 502, 503, 504)),
    ("otlp_retry_after_seconds", retry_after("seconds")),
    ("otlp_retry_after_date", retry_after("date")),
    ("otlp_flush_hurries", flush_hurries),
    ("otlp_metrics_in_order", metrics_in_order),
    ("otlp_four_at_once", four_at_once),
    ("otlp_secrets_stay_ours", secrets_stay_ours),
    ("otlp_nothing_before_the_commit", nothing_before_the_commit),
    ("otlp_points_undone", points_undone),
    ("otlp_stopped_and_started", stopped_and_started),
    ("otlp_patience_for_what_is_under_way", patience_for_what_is_under_way),
]
