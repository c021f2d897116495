# SPDX-License-Identifier: MIT
"""Sentry: envelopes as they are sent, rate limits by category, client reports that add up."""

import json
import re

from lib import PATIENCE, SENTRY, THINGS, check, check_sums, dropped, ids

PATH = "/api/42/envelope/"
KEY = "0123456789abcdef0123456789abcdef"


def sentry(home, receiver, **settings):
    return home.driver(SENTRY_DSN=f"http://{KEY}@localhost:{receiver.port}/42", **settings)


def envelope(request):
    """Header and items ({header, payload}) of an envelope, strictly by its lengths."""
    head, _, rest = request.body.partition(b"\n")
    items = []
    while rest:
        line, _, rest = rest.partition(b"\n")
        item = json.loads(line)
        payload, rest = rest[:item["length"]], rest[item["length"]:]
        check(not rest or rest.startswith(b"\n"), "an item ends with a newline")
        rest = rest[1:]
        items.append((item, payload))
    return json.loads(head), items


def reports(receiver):
    """All that was reported: {(reason, category): quantity}."""
    counts = {}
    for request in receiver.of(PATH):
        if request.behaviour not in ("ok",) and not request.behaviour.startswith("status:200"):
            continue
        for item, payload in envelope(request)[1]:
            if item["type"] == "client_report":
                for row in json.loads(payload)["discarded_events"]:
                    key = row["reason"], row["category"]
                    counts[key] = counts.get(key, 0) + row["quantity"]
    return counts


def as_it_is_sent(home):
    receiver = home.receiver()
    driver = sentry(home, receiver)
    driver.put(SENTRY, 3, 1, 5000, "error")
    driver.put(SENTRY, 2, 4, 5000, "transaction")
    check(driver.flush(), "not flushed")
    check_sums(driver, SENTRY, 5, receiver)
    check(sorted(ids(receiver.of(PATH))) == [1, 2, 3, 4, 5], "each once")
    for request in receiver.of():
        headers = request.headers
        check(headers["content-type"] == "application/x-sentry-envelope", headers)
        check(headers["content-encoding"] == "gzip", headers)
        check(f"sentry_key={KEY}" in headers["x-sentry-auth"] and
              "sentry_version=7" in headers["x-sentry-auth"], headers)
        check(headers["user-agent"].startswith("tagalong/"), headers)
        check(len([line for line in request.lines if line.lower().startswith("user-agent")]) == 1, "once")
        header, items = envelope(request)
        check(list(header)[0] == "sent_at" and len(header["event_id"]) == 32, header)
        check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", header["sent_at"]), header)
        check(len(items) == 1, items)


def no_answer_is_tried_again(home):
    receiver = home.receiver()
    driver = sentry(home, receiver)
    codes = [400, 401, 403, 404, 413, 500, 502, 503, 504]
    for number, code in enumerate(codes, 1):
        receiver.behave(PATH, f"status:{code},Retry-After=1", "ok")
        driver.put(SENTRY, 1, number, 100, "error")
        check(driver.flush(), f"{code} is not final")
    status = check_sums(driver, SENTRY, len(codes))
    check(dropped(status) == len(codes) * THINGS and status["too_large"] == THINGS, status)
    check(ids(receiver.of(PATH)) == list(range(1, len(codes) + 1)), "each once")
    check(reports(receiver) == {("send_error", "error"): len(codes) * THINGS}, reports(receiver))


def network_errors_are(home):
    receiver = home.receiver()
    receiver.behave(PATH, "reset", "half-closed", "ok")
    driver = sentry(home, receiver)
    driver.put(SENTRY, 1, 1, 100, "error")
    driver.pass_time()
    check(check_sums(driver, SENTRY, 1, receiver)["sent"] == THINGS, "sent")
    check(reports(receiver) == {}, "nothing was dropped, so nothing is reported")


def limits_by_category(home):
    receiver = home.receiver()
    receiver.behave(PATH, "status:200,X-Sentry-Rate-Limits=60:transaction;nonsense:key", "ok")
    driver = sentry(home, receiver)
    driver.put(SENTRY, 1, 1, 100, "error")
    check(driver.flush(), "not flushed")
    driver.put(SENTRY, 3, 2, 100, "transaction")
    driver.put(SENTRY, 2, 5, 100, "error")
    check(driver.flush(), "not flushed")
    status = check_sums(driver, SENTRY, 6)
    check(status["rate_limited"] == 3 * THINGS and status["sent"] == 3 * THINGS, status)
    check(sorted(ids(receiver.of(PATH))) == [1, 5, 6], "transactions did not go")
    check(reports(receiver) == {("ratelimit_backoff", "transaction"): 3,
                                ("ratelimit_backoff", "span"): 3 * THINGS}, reports(receiver))
    driver.advance(61)
    driver.put(SENTRY, 1, 7, 100, "transaction")
    check(driver.flush(), "not flushed")
    check(7 in ids(receiver.of(PATH)), "a limit ends")


def too_many_requests(home):
    receiver = home.receiver()
    receiver.behave(PATH, "status:429,Retry-After=120", "ok")
    driver = sentry(home, receiver)
    driver.put(SENTRY, 1, 1, 100, "error")
    driver.until(SENTRY, lambda now: now["rate_limited"] == THINGS, "dropped")
    driver.put(SENTRY, 2, 2, 100, "error")
    driver.until(SENTRY, lambda now: now["rate_limited"] == 3 * THINGS, "dropped")
    check(len(receiver.of(PATH)) == 1, "no request while limited")
    driver.advance(60)
    driver.put(SENTRY, 1, 4, 100, "error")
    driver.until(SENTRY, lambda now: now["rate_limited"] == 4 * THINGS, "still limited")
    driver.advance(61)
    driver.put(SENTRY, 1, 5, 100, "error")
    check(driver.flush(), "not flushed")
    check_sums(driver, SENTRY, 5)
    check(ids(receiver.of(PATH)) == [1, 5], "what was limited is gone")
    check(reports(receiver) == {("ratelimit_backoff", "error"): 3 * THINGS},
          f"what got the 429 is not reported: {reports(receiver)}")


def reports_go_alone(home):
    receiver = home.receiver()
    receiver.behave(PATH, "status:500", "ok")
    driver = sentry(home, receiver)
    driver.put(SENTRY, 1, 1, 100, "error")
    driver.until(SENTRY, lambda now: now["refused"] == THINGS, "refused")
    driver.advance(31)
    receiver.wait(lambda requests: len(requests) == 2, PATIENCE)
    header, items = envelope(receiver.of(PATH)[1])
    check([item["type"] for item, _ in items] == ["client_report"] and "sent_at" in header, items)
    check(sum(reports(receiver).values()) == THINGS, reports(receiver))


def reports_survive_a_fault(home):
    receiver = home.receiver()
    # A fresh connection each time: on a kept one libcurl itself would try again at once.
    receiver.behave(PATH, "status:400,Connection=close", "reset", "half-closed", "ok")
    driver = sentry(home, receiver)
    driver.put(SENTRY, 1, 1, 100, "error")
    driver.until(SENTRY, lambda now: now["refused"] == THINGS, "refused")
    driver.put(SENTRY, 1, 2, 100, "error")
    driver.pass_time(lambda: reports(receiver))
    check(driver.flush(), "not flushed")
    check_sums(driver, SENTRY, 2)
    check(sum(reports(receiver).values()) == THINGS, f"reported once: {reports(receiver)}")


def sampled_is_reported(home):
    receiver = home.receiver()
    driver = sentry(home, receiver)
    driver.tell(f"drop {SENTRY} 7")
    driver.tell(f"drop {SENTRY} 2")
    status = driver.status(SENTRY)
    check(status["taken"] == status["sampled"] == 9, status)
    check(driver.flush(), "not flushed")
    check(reports(receiver) == {("sample_rate", "error"): 9}, reports(receiver))
    check(driver.said == [], f"that was wanted: {driver.said}")


TESTS = [
    ("sentry_sampled_is_reported", sampled_is_reported),
    ("sentry_as_it_is_sent", as_it_is_sent),
    ("sentry_no_answer_is_tried_again", no_answer_is_tried_again),
    ("sentry_network_errors_are", network_errors_are),
    ("sentry_limits_by_category", limits_by_category),
    ("sentry_too_many_requests", too_many_requests),
    ("sentry_reports_go_alone", reports_go_alone),
    ("sentry_reports_survive_a_fault", reports_survive_a_fault),
]
