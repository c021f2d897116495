# SPDX-License-Identifier: MIT
"""table.py - writes docs/transparency.md: the counts of the suites, each in a section of its own.

A run of some suites replaces their sections only.
"""

import os
import re

import common

PATH = os.path.join(common.lib.ROOT, "docs", "transparency.md")
INTRODUCTION = """\
# Transparency

Test suites that other people wrote, run plain and under Tagalong, compared test by test. The tables are written by
`TAGALONG_TEST_FULL=1 tests/e2e/suites/run BUILD_DIR --write`; CI runs a quick choice of the same.

Everything is switched on: spans of connections, requests, commands, threads, signals and processes, trace context in outgoing
requests (also to public addresses), all breadcrumbs, crash reports, C++ exceptions, exit statuses, children followed, and an agent that
writes a file. The last column is the same with the agent's processes killed (SIGKILL) at random moments, about once a second.

* **passed**, **skipped**: plain. What is neither fails plain as well, and in the same way.
* **unstable**: two plain runs did not agree, or one of three more did not; not compared.
* **once**: different in one preloaded run, not in the three that looked at it again.
* **differences**: those that came back.
"""


def section(suite, results):
    rows = [row(result.part.name, result.plain, len(result.unstable), len(result.once), result.spans,
                len(result.differences[common.EVERYTHING]), len(result.differences[common.KILLED]), result.kills)
            for result in sorted(results, key=lambda result: result.part.name)]
    total = ["**all**"] + [str(sum(int(row[column]) for row in rows)) for column in range(1, len(rows[0]))]
    lines = [f"## {suite.WHAT}", "", "| part | tests | passed | skipped | unstable | once | spans | differences | "
             "differences, agent killed | kills |", "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"]
    lines += [f"| {' | '.join(cells)} |" for cells in [*rows, total]]
    lines += notes(results)
    return "\n".join(lines)


def row(name, plain, *rest):
    tests = [outcome for test, outcome in plain.items() if test != "exit status"]
    return [name, str(len(tests)), str(sum(outcome in ("passed", "failed as expected") for outcome in tests)),
            str(tests.count("skipped")), *map(str, rest)]


def notes(results):
    unstable = sorted(test for result in results for test in result.unstable)
    once = sorted(text for result in results for text in result.once)
    expected = sorted(test for result in results for test in result.expected)
    found = [("Unstable without us", unstable), ("Once", once), ("Known differences ([limits](limits.md))", expected)]
    return [f"\n{title}: {'; '.join(texts)}." for title, texts in found if texts]


def write(results):
    text = INTRODUCTION
    if os.path.exists(PATH):
        with open(PATH, encoding="utf-8") as stream:
            text = stream.read()
        text = INTRODUCTION + text[text.index("\n<!--"):] if "\n<!--" in text else INTRODUCTION
    for suite in {result.suite.NAME: result.suite for result in results}.values():
        body = section(suite, [result for result in results if result.suite is suite])
        block = f"\n<!-- {suite.NAME} -->\n{body}\n<!-- end of {suite.NAME} -->\n"
        pattern = re.compile(rf"\n<!-- {suite.NAME} -->\n.*?<!-- end of {suite.NAME} -->\n", re.DOTALL)
        text = pattern.sub(lambda _: block, text) if pattern.search(text) else text + block
    with open(PATH, "w", encoding="utf-8") as stream:
        stream.write(text)
