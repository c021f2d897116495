# SPDX-License-Identifier: MIT
"""table.py - writes docs/transparency.md: the counts of the suites, each in a section of its own.

A run of some parts replaces their lines only.
"""

import fcntl
import os
import re
import subprocess
import time

import common

PATH = os.path.join(common.lib.ROOT, "docs", "transparency.md")
INTRODUCTION = """\
# Transparency

Test suites that other people wrote, run plain and under Tagalong, compared test by test. The tables are written by
`TAGALONG_TEST_FULL=1 tests/e2e/suites/run BUILD_DIR --write`; CI runs a quick choice of the same.

Everything is switched on: spans of connections, requests, commands, threads, signals and processes, trace context in outgoing
requests (also to public addresses), all breadcrumbs, crash reports, C++ exceptions, exit statuses, children followed, and an agent that
writes a file. The last column is the same with the agent's processes killed (SIGKILL): soon after the first one is there, then at random
moments, about once a second.

* **passed**, **skipped**: plain. What is neither fails plain as well, and in the same way.
* **unstable**: two plain runs did not agree, or one of three more did not; not compared.
* **once**: different in one preloaded run, not in the ten that looked at it again.
* **differences**: those that came back.
* **known**: differences that cannot be helped ([limits](limits.md)). Each has to be there, and to be what it is expected to be.

Below a heading stands which commit the parts were run on, and when.
"""


HEAD = """\
| part | tests | passed | skipped | unstable | once | spans | differences | differences, agent killed | kills |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
"""


def git(*words):
    """What git says of this tree; None outside of a repository."""
    try:
        done = subprocess.run(["git", "-C", common.lib.ROOT, *words], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def stamp():
    """"COMMIT, DATE" of what runs, as it was when the run began."""
    commit = git("rev-parse", "--short", "HEAD") or "unknown"
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "hooks", "preload", "runtime", "tests/e2e")
    return f"commit {commit}{' and changes' if changed else ''}, {time.strftime('%Y-%m-%d')}"


STAMP = stamp()


def row(result):
    """The cells of one part."""
    counts = (*result.plain.counts(), len(result.unstable), len(result.once), result.spans,
              len(result.differences[common.EVERYTHING]), len(result.differences[common.KILLED]), result.kills)
    return [str(count) for count in counts]


def notes(result):
    """What the counts do not say, one line each, beginning with the part."""
    found = []
    for title, texts in (("unstable without us", sorted(result.unstable)), ("once", sorted(result.once)),
                         ("known ([limits](limits.md))", sorted(result.expected))):
        if texts:
            found.append(f"* {result.part.name}, {title}: " + "; ".join(f"`{text}`" for text in texts))
    return found


def read_section(text):
    """part -> cells and the notes of a section that is there already."""
    lines = text.splitlines()
    rows = {}
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 10 and cells[0] not in ("part", "**all**"):
            rows[cells[0]] = cells[1:]
    return rows, [line for line in lines if line.startswith("* ")]


def read_stamps(text, rows):
    """part -> when it was run, of the lines "Run of STAMP." (all of them) and "Run of STAMP: PART, PART ..."."""
    found = dict.fromkeys(rows, "unknown")
    for line in text.splitlines():
        match = re.match(r"Run of (.*?)(?:: (.*))?\.$", line)
        if match:
            found.update(dict.fromkeys(match.group(2).split(", ") if match.group(2) else rows, match.group(1)))
    return found


def stamp_lines(stamps):
    by_stamp = {}
    for part in sorted(stamps):
        by_stamp.setdefault(stamps[part], []).append(part)
    if len(by_stamp) == 1:
        return [f"Run of {stamp}." for stamp in by_stamp]
    return [f"Run of {stamp}: {', '.join(parts)}.\n" for stamp, parts in sorted(by_stamp.items())]


def section(result, before):
    rows, remarks = read_section(before)
    stamps = read_stamps(before, rows)
    rows[result.part.name] = row(result)
    stamps[result.part.name] = STAMP
    remarks = sorted([line for line in remarks if not line.startswith(f"* {result.part.name},")] + notes(result))
    total = [str(sum(int(cells[column]) for cells in rows.values())) for column in range(9)]
    lines = [f"| {name} | {' | '.join(cells)} |" for name, cells in sorted(rows.items())]
    lines.append(f"| **all** | {' | '.join(total)} |")
    dates = "\n".join(stamp_lines(stamps)).strip()
    return f"## {result.suite.WHAT}\n\n{dates}\n\n{HEAD}" + "\n".join(lines + ([""] + remarks if remarks else []))


def write(result):
    """Puts one part's line in its place; everything else stays, also what another run puts there meanwhile."""
    with open(PATH, "a+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        text = merged(stream.read(), result)
        stream.truncate(0)
        stream.write(text)


def merged(text, result):
    name = result.suite.NAME
    text = INTRODUCTION + (text[text.index("\n<!--"):] if "\n<!--" in text else "")
    pattern = re.compile(rf"\n<!-- {name} -->\n(.*?)\n<!-- end of {name} -->\n", re.DOTALL)
    before = pattern.search(text)
    block = f"\n<!-- {name} -->\n{section(result, before.group(1) if before else '')}\n<!-- end of {name} -->\n"
    return pattern.sub(lambda _: block, text) if before else text + block
