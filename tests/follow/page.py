# SPDX-License-Identifier: MIT
"""page.py - the part of docs/attribution.md that is about real programs."""

import os

import follow
from lib import ROOT

PAGE = os.path.join(ROOT, "docs/attribution.md")
MARK = "## Real programs\n"
BEFORE = MARK + """
The same on programs of others, under load. Written by `tests/follow/run BUILD --write`, whose tests compare more than is in this table.

*Spans* are those of requests that the program was asked, or, for clients of databases, of commands that it sent; beside them is what its own log or
statistics say. *Right*, *orphan*, *wrong*: spans of what it asked others, as above.

| program | requests | spans | by its record | record | right | orphan | wrong |
|---|---|---|---|---|---|---|---|
"""


def write():
    text = "# Attribution\n\n"
    if os.path.exists(PAGE):
        with open(PAGE) as page:
            text = page.read().split(MARK)[0].rstrip() + "\n\n"
    lines = [f"| {program} | {requests} | {spans} | {truth} | {of} | {right} | {orphan} | {wrong} |"
             for program, requests, spans, truth, of, right, orphan, wrong in follow.ROWS]
    with open(PAGE, "w") as page:
        page.write(text + BEFORE + "\n".join(lines) + "\n")
