# SPDX-License-Identifier: MIT
"""attribution.py - which outward spans are on the right request, as a table.

    tests/bench/run BUILD_DIR attribution [--requests N] [--concurrency N] [--write] [MODEL]...

Rows are those of tests/attribution/matrix.py, or those whose name contains a MODEL; 50,000 requests
a row at concurrency 64 unless told.  --write puts text and table into docs/attribution.md; with a
MODEL, only rows that are there already are replaced, if they were of as many requests.
Ends with 1 when a span is on the wrong request, or one is missing.
"""

import os
import shutil
import sys
import tempfile

import lib

sys.path.append(os.path.join(lib.ROOT, "tests/attribution"))
import matrix  # noqa: E402

PAGE = os.path.join(lib.ROOT, "docs/attribution.md")
HEADS = ["model", "calls", "right", "orphan", "wrong", "share right", "header right", "own trace", "wrong", "requests/s"]

BEFORE = """# Attribution

Whose request was it? For each model of a server the table says how many of the spans for what it asked others are below
the request that they were made for. Written by one command, on {machine}:

    tests/bench/run BUILD attribution --write

One row (*answers handed back to the loop*) was measured again, by its name in the same command: beside other work it had lost spans, and said so. So were the three with pipelining, after a rule for it was mended.

A client sends {requests:,} requests to each model, {concurrency} at a time, each with an id. A request makes one to three calls to a downstream
server that carry the id; server and downstream server dawdle for 0 to 5 ms. Programs and judge are in
`tests/attribution`; its `run` does the same with 500 requests a model.

* **right**: the call's span is below the span of the request with its id. **orphan**: it is below no request, but a trace of its own.
  **wrong**: it is below another request. There is exactly one span for each call that the downstream server wrote down, and one for each
  request that was answered; otherwise the row says what is missing.
* **header**: the `traceparent` that the downstream server got. Right: the trace of the request, and the call's own span.
  *own trace*: a trace that no request is in. It went out before it could be known whose work it was.
* The programs set a tag with the id when they have read a request (`tagalong_set_tag`). A span with the tag of another request is a failure of the
  row, in `tests/attribution/run` and here; there is none. Calls of pool workers have no tag: the thread that read the request has set it.
* "Redis" and "unknown protocol" are what is spoken to the downstream server; there is no header in those. An unknown protocol's spans show no
  id: there a request has to have as many as it made.

"""


MISSING = "\nWhat was missing:\n\n"


def options(words):
    requests, concurrency, write, models = 50000, 64, False, []
    words = list(words)
    while words:
        word = words.pop(0)
        if word == "--requests":
            requests = int(words.pop(0))
        elif word == "--concurrency":
            concurrency = int(words.pop(0))
        elif word == "--write":
            write = True
        else:
            models.append(word)
    return requests, concurrency, write, models


def share(count, of):
    if not of:
        return "-"
    return "100 %" if count == of else f"{int(100000 * count / of) / 1000:.3f} %"


def cells(one, result):
    http = matrix.protocol(one) == "http"
    header = result.header
    return [one.name + ("" if one.told else " ¹"), result.calls, result.right, result.orphan,
            result.wrong, share(result.right, result.calls),
            share(header["right"], result.calls) if http else "-", header["own trace"] if http else "-",
            header["wrong"] if http else "-", round(result.answered / max(result.seconds, 0.001))]


def missing(result):
    """What the columns do not show."""
    found = []
    if result.answered != requests_of(result) or result.bad:
        found.append(f"{result.bad} wrong answers, {result.unanswered} requests without one")
    if result.servers != result.answered:
        found.append(f"{result.servers} server spans of {result.answered} requests")
    if result.spans != result.calls:
        found.append(f"{result.spans} client spans of {result.calls} calls")
    if result.connects["wrong"]:
        found.append(f"{result.connects['wrong']} connects on a wrong request")
    if result.tags["wrong"]:
        found.append(f"{result.tags['wrong']} spans with the tag of another request")
    return found + ([f"lost: {result.lost}"] if found and result.lost else [])


def requests_of(result):
    return result.answered + result.bad + result.unanswered


def real_programs():
    """What tests/follow has put into the page."""
    mark = "\n## Real programs\n"
    try:
        with open(PAGE) as page:
            text = page.read()
    except FileNotFoundError:
        return ""
    return mark + text.split(mark, 1)[1] if mark in text else ""


def write_page(rows, notes, requests, concurrency):
    import contextlib
    import io
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        lib.table("Calls and their requests", HEADS, rows)
    rest = real_programs()
    with open(PAGE, "w") as page:
        page.write(BEFORE.format(machine=lib.machine(), requests=requests, concurrency=concurrency))
        page.write(text.getvalue().strip() + "\n")
        reasons = "".join(f"* {one.name}: {one.why}.\n" for one in matrix.ROWS if one.why)
        page.write("\n¹ Cannot be told from outside, or not always; what cannot is an orphan, not a guess:\n\n" + reasons)
        if notes:
            page.write(MISSING + "".join(f"* {note}\n" for note in notes))
        page.write(rest)


def replace_rows(rows, requests, concurrency):
    """Rows of the page, measured anew."""
    with open(PAGE) as page:
        lines = page.read().split("\n")
    if f"{requests:,} requests to each model, {concurrency} at a time" not in " ".join(lines):
        raise lib.Unable("the page is of other requests: write all of it")
    for row in rows:
        for number, line in enumerate(lines):
            old = line.split("|")
            if len(old) == len(row) + 2 and old[1].strip() == row[0]:
                lines[number] = "|".join(["", *(shaped(cell, before) for cell, before in zip(row, old[1:-1])), ""])
    with open(PAGE, "w") as page:
        page.write(without_notes("\n".join(lines), [row[0].removesuffix(" ¹") for row in rows]))


def without_notes(text, names):
    """What was missing in those rows the time before is not any more."""
    head, found, rest = text.partition(MISSING)
    if not found:
        return text
    notes, mark, behind = rest.partition("\n## ")
    left = [line for line in notes.strip().split("\n") if not any(line.startswith(f"* {name}: ") for name in names)]
    return head + (MISSING + "\n".join(left) + "\n" if any(left) else "") + mark + behind


def shaped(cell, before):
    """As wide as the cell before it, and on the same side."""
    right = before.startswith("  ") or not before.endswith("  ")
    text = str(cell)
    width = len(before) - 2
    return " " + (text.rjust(width) if right and not text[0].isalpha() else text.ljust(width)) + " "


def main(build, words):
    requests, concurrency, write, models = options(words)
    place = tempfile.mkdtemp(prefix="tagalong-bench-", dir="/tmp")
    rows, notes, bad = [], [], False
    try:
        programs = matrix.compile_programs(place)
        for one in matrix.ROWS:
            if models and not any(word in one.name for word in models):
                continue
            result = matrix.run_row(one, build, programs, requests, concurrency)
            rows.append(cells(one, result))
            print("  ".join(str(cell) for cell in rows[-1]), flush=True)
            notes += [f"{one.name}: {problem}" for problem in missing(result)]
            bad = bad or bool(result.wrong or any(counts["wrong"] for counts in (result.connects, result.header, result.tags)))
    except (matrix.Unable, lib.Unable) as why:
        print(f"tests/bench/run: {why}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(lib.machine())
    lib.table(f"Attribution, {requests} requests a row, {concurrency} at a time", HEADS, rows)
    for note in notes:
        print(f"* {note}")
    if write and models:
        replace_rows(rows, requests, concurrency)
        bad = bad or bool(notes)
    elif write:
        write_page(rows, notes, requests, concurrency)
    return 1 if bad or notes else 0
