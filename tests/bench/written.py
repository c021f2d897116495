# SPDX-License-Identifier: MIT
"""written.py - what a part prints, put into docs/benchmarks.md between its two marks.

<!-- bench:NAME --> and <!-- /bench:NAME --> stand on lines of their own; what is between them
belongs to the program.
"""

import contextlib
import io
import os
import re

import lib

PATH = os.path.join(lib.ROOT, "docs", "benchmarks.md")


def put(name, text):
    with open(PATH) as page:
        old = page.read()
    begin, end = f"<!-- bench:{name} -->\n", f"<!-- /bench:{name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    if not pattern.search(old):
        raise lib.Unable(f"{PATH} has no marks for {name}")
    new = pattern.sub(lambda unused: begin + text + end, old)
    with open(PATH, "w") as page:
        page.write(new)


def part(name, bench, main):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        main(bench)
    print(said.getvalue(), flush=True)
    put(name, f"\n{lib.machine()}\n{said.getvalue().rstrip()}\n\n")
