# SPDX-License-Identifier: MIT
"""test_large.py - 100,000 spans: the page works; how long it takes is said, not asserted."""

import random

import pages
from lib import check
from pages import check_quiet, found, open_page, report

SPANS, EACH = 100000, 10
SERVICES = ("gateway", "shop", "stock", "mail")


def write(path, count):
    chance, start, words = random.Random(1), 0, 0
    with open(path, "w", encoding="utf-8") as file:
        for trace in range(1, count // EACH + 1):
            start += int(chance.expovariate(1 / 2e6))
            spans = []
            for number in range(EACH):
                target = chance.randrange(5000)
                words += target == 4999
                spans.append(pages.span(trace, trace * 16 + number, chance.choice(("GET /cart/*", "POST /order", "SELECT items", "GET", "charge")),
                                        parent=number and trace * 16 + chance.randrange(number), start=start + number * 1000,
                                        lasted=int(10 ** chance.uniform(4.5, 7.5)), kind=2 if number % 2 == 0 else 3,
                                        status={"code": 2} if chance.random() < 0.02 else {},
                                        attrs={"http.request.method": "GET", "url.path": f"/cart/{target}", "http.response.status_code": 200,
                                               "server.address": "127.0.0.1", "server.port": 8080, "network.peer.address": "127.0.0.1",
                                               "network.peer.port": chance.randrange(30000, 60000), "user_agent.original": "wrk",
                                               "tagalong.tag.plan": chance.choice(("free", "paid"))}))
            for at, service in enumerate(SERVICES):
                part = spans[at * 3:at * 3 + 3]
                if part:
                    file.write(pages.line(part, service))
    return words


def wait_for_filter(page, text):
    """Milliseconds from the key to the list."""
    return page.run("new Promise((done) => { const field = document.getElementById('search'); field.value = " + repr(text) + ";"
                    " const from = performance.now(); new MutationObserver(() => requestAnimationFrame(() => done(performance.now() - from)))"
                    ".observe(document.getElementById('found'), { childList: true });"
                    " field.dispatchEvent(new Event('input', { bubbles: true })); })")


def large(home):
    path, html = home.path("large.jsonl"), home.path("large.html")
    words = write(path, SPANS)
    report(home, path, "-o", html)
    page = open_page(html)
    check(found(page)[0] == SPANS // EACH, f"{found(page)[0]} traces")
    times = page.run("Object.fromEntries([...performance.getEntriesByType('paint'), ...performance.getEntriesByName('tagalong-shown')]"
                     ".map((entry) => [entry.name, entry.startTime]))")
    wait_for_filter(page, "4998")  # reads the second block
    filtered = wait_for_filter(page, "/cart/4999")
    check(0 < found(page)[0] <= words, f"{found(page)[0]} traces of {words} spans")
    check(page.run("document.querySelectorAll('#traces .row').length") < 100, "the list is not virtual")
    home.note(f"{SPANS} spans: first paint after {times['first-paint']:.0f} ms, list after {times['tagalong-shown']:.0f} ms, "
              f"filtered in {filtered:.0f} ms")
    for address in ("#/names", "#/map"):
        page.go(address)
    check_quiet(page, html)
    page.close()


def long_trace(home):
    """20,000 spans in one trace."""
    count = 20000
    path, html = home.path("long.jsonl"), home.path("long.html")
    with open(path, "w", encoding="utf-8") as file:
        for first in range(0, count, 1000):
            file.write(pages.line([pages.span(1, number + 1, f"step {number}", parent=number and 1 + (number - 1) // 8, start=number * 1000)
                                   for number in range(first, first + 1000)]))
    report(home, path, "-o", html)
    page = open_page(html, f"#/trace/{1:032x}")
    check(page.run("document.querySelector('#spans .row').getAttribute('aria-setsize')") == str(count), "rows")
    page.key("End")
    last = page.run("document.querySelector('#spans .row[aria-selected=true]').getAttribute('aria-posinset')")
    check(last == str(count), f"the last row is {last}")
    check(page.run("document.querySelectorAll('#spans .row').length") < 100, "the list is not virtual")
    check_quiet(page, html)
    page.close()


TESTS = [("large/spans", large), ("large/trace", long_trace)]
