# SPDX-License-Identifier: MIT
"""test_hostile.py - files that were made to do harm, or are broken: the page shows them and does nothing else."""

import json
import os

import pages
from lib import check
from pages import check_quiet, found, line, log_line, open_page, report, span, texts

SCRIPT = "</script><script>window.hacked=1</script>"
NASTY = [SCRIPT, "<!--<script>", "<img src=x onerror=window.hacked=1>", "\"';--", "javascript:window.hacked=1", "\u202etxt.exe\u202c", "\u2028\u2029",
         "__proto__", "constructor", "x" * 8192, "", "\x00\x1b[31m", "]]>", "@index@ @nonce@", "${window.hacked=1}", "\ud83d\ude00"]


def everywhere(text, number):
    """A trace that has the text wherever a text can be."""
    tid = 100 + number
    attrs = {text: text, "url.path": text, "error.type": text, "tagalong.tag." + text: text, "user.id": text, "db.system.name": text,
             "server.address": text, "tagalong.context." + text: {text: [text, {text: text}]}, "tagalong.extra.x": text}
    root = span(tid, 1000 + number, text, kind=3, attrs=attrs, status={"code": 2, "message": text}, traceState=text,
                events=[{"timeUnixNano": "1763000000000000500", "name": text, "attributes": pages.attributes({text: text})},
                        {"timeUnixNano": "1763000000000000600", "name": "breadcrumb",
                         "attributes": pages.attributes({"tagalong.breadcrumb.message": text, "tagalong.breadcrumb.category": text})}],
                links=[{"traceId": f"{tid:032x}", "spanId": f"{1000 + number:016x}", "attributes": pages.attributes({text: text})},
                       {"traceId": "f" * 32, "spanId": "e" * 16}])
    stack = json.dumps({"threads": [{"id": text, "name": text, "crashed": True, "frames": [
        {"function": text, "filename": text, "lineno": 3, "context_line": text, "pre_context": [text], "post_context": text, "package": text, "instruction_addr": text}, None, 7]}]})
    record = {"timeUnixNano": "1763000000000000700", "severityNumber": 21, "severityText": text, "body": {"stringValue": text}, "traceId": f"{tid:032x}",
              "spanId": f"{1000 + number:016x}", "eventName": text, "attributes": pages.attributes({
                  "exception.type": text, "exception.message": text, "tagalong.stack": stack, text: text, "tagalong.breadcrumbs": [
                      {"timestamp": 1763000000000000100, "message": text, "category": text, "data": {text: text}}, {"timestamp": text}, 5]})}
    return line([root], service=text, resource={text: text}), log_line([record], service=text)


def unharmed(page, html):
    check(page.run("window.hacked === undefined && !document.querySelector('main img')"), "a text of the file was taken for a part of the page")
    check_quiet(page, html)


def texts_are_texts(home):
    made = [everywhere(text, number) for number, text in enumerate(NASTY)]
    path = home.write("nasty.jsonl", "".join(spans for spans, _ in made))
    home.write("nasty.logs.jsonl", "".join(logs for _, logs in made))
    html = home.path("nasty.html")
    report(home, path, "-o", html)
    with open(html, encoding="utf-8") as file:
        text = file.read()
    check(SCRIPT not in text and text.count("</script") == 3 + len(NASTY), "a tag of the file's stands in the page")
    page = open_page(html)
    check(found(page)[0] == len(NASTY), f"{found(page)[0]} traces")
    for number, text in enumerate(NASTY):
        page.go(f"#/trace/{100 + number:032x}")
        shown = page.run("document.querySelector('#panel h2 bdi').textContent")
        check(shown[:8] == text[:8] or not text.isprintable(), f"{text[:20]!r} is shown as {shown[:20]!r}")
        page.run("document.querySelectorAll('#panel details').forEach((node) => { node.open = true; })")
        page.go(f"#/events/{number}")
        page.run("document.querySelectorAll('#event-page details').forEach((node) => { node.open = true; })")
        check(page.run("document.querySelectorAll('#event-page .thread').length") == 1, f"{text[:20]!r}: no stack")
    check(not page.run("[...document.querySelectorAll('main')].some((node) => /[\\u202a-\\u202e\\u2066-\\u2069]/.test(node.textContent))"),
          "marks of direction get onto the page")
    for address in ("#/names", "#/map", "#/traces"):
        page.go(address)
    for text in (SCRIPT, "[", "(", "*", "\\", "a=b=c", "=", "__proto__=__proto__", "toString"):
        for field in ("#search", "#filter-name", "#filter-tag", "#filter-min"):
            page.field(field, text)
            page.field(field, "")
    page.field("#filter-tag", "__proto__=__proto__")
    check(found(page)[0] == 1, f"the tag __proto__: {found(page)[0]} traces")
    unharmed(page, html)
    page.close()


def shapes(home):
    """Rings, lost parents, twins, ends before starts, times without end: every span is shown once."""
    spans = [span(1, 1, "a", parent=2), span(1, 2, "b", parent=3), span(1, 3, "c", parent=1), span(1, 4, "own parent", parent=4),
             span(1, 5, "lost", parent=99), span(1, 6, "early", parent=5, lasted=-5000), span(1, 6, "early", parent=5, lasted=-5000),
             span(2, 7, "no times", startTimeUnixNano="0", endTimeUnixNano="0"), span(3, 8, "forever", endTimeUnixNano="18446744073709551615"),
             span(4, 9, "no attributes", attributes=None, kind=77, status={"code": 99}), {"traceId": "5" * 32, "spanId": "6" * 16}]
    deep = [span(9, 1000 + number, f"deep {number}", parent=number and 999 + number) for number in range(3000)]
    path = home.write("shapes.jsonl", line(spans) + line(deep) + "broken\n" + "{}\n" + line(spans[:1]) + '{"resourceSpans":[{"scopeSpans":[{"spans":[5,null,')
    html = home.path("shapes.html")
    said = report(home, path, "-o", html, status=3)
    check("3 lines are not OTLP JSON" in said, said)
    page = open_page(html)
    check(found(page)[0] == 6, f"{found(page)[0]} traces, not 6")
    page.go(f"#/trace/{1:032x}")
    check(sorted(texts(page, "#spans .main")) == ["a", "b", "c", "early", "lost", "own parent"], f"{texts(page, '#spans .main')}")
    page.go(f"#/trace/{1:032x}/0")
    for _ in range(6):
        page.key("ArrowDown")
    page.go(f"#/trace/{9:032x}/2999")
    page.until("document.querySelector('#spans .row[aria-selected=true] .main')?.textContent === 'deep 2999'", "the deepest span")
    check(page.run("document.querySelector('#spans .row[aria-selected=true]').getAttribute('aria-level')") == "3000", "its depth")
    check("3 lines could not be read" in page.run("document.getElementById('about').textContent"), "the page does not say what was left out")
    for address in ("#/names", "#/map", "#/traces"):
        page.go(address)
    unharmed(page, html)
    page.close()


def nothing(home):
    for name, content in (("empty", ""), ("blank", "\n\n"), ("no-spans", line([]))):
        path = home.write(f"{name}.jsonl", content)
        html = home.path(f"{name}.html")
        check("no traces" in report(home, path, "-o", html), f"{name}: nothing is said of it")
        page = open_page(html)
        for address in ("#/trace/1", "#/names", "#/map", "#/events", "#/events/7", "#/traces"):
            page.go(address)
        check("no traces" in page.run("document.getElementById('traces').dataset.empty"), f"{name}: the page does not say so")
        unharmed(page, html)
        page.close()


def bytes_of_all_kinds(home):
    """Not UTF-8, and lines cut at every place: what is read is shown, what is not is said."""
    whole = line([span(1, 1, "whole", attrs={"a": "b", "n": 5, "l": [1, None, {"x": 1.5}], "big": 2 ** 63 - 1})]).encode()
    path = home.path("bytes.jsonl")
    with open(path, "wb") as file:
        file.write(whole.replace(b"whole", b"wh\xff\xfe\xc3(le") + whole)
        for cut in range(1, len(whole) - 1, 17):
            file.write(whole[:cut] + b"\n")
    html = home.path("bytes.html")
    report(home, path, "-o", html, status=3)
    page = open_page(html, f"#/trace/{1:032x}")
    page.until("document.querySelector('#panel .pairs')", "the span")
    check("9223372036854775807" in page.run("document.getElementById('panel').textContent"), "64 bits were rounded")
    unharmed(page, html)
    page.close()
    check(os.path.getsize(html) > 1000, "no page")


TESTS = [("hostile/texts", texts_are_texts), ("hostile/shapes", shapes), ("hostile/nothing", nothing), ("hostile/bytes", bytes_of_all_kinds)]
