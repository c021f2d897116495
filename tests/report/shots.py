#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""shots.py - makes the pictures of docs/report.md.

    tests/report/shots.py BUILD_DIR [FOLDER]      docs/images unless told
"""

import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "e2e"), os.path.join(os.path.dirname(HERE), "crash")]
import lib  # noqa: E402
import pages  # noqa: E402


def main(build, folder):
    run = pages.Shop(build)
    asked = max(run.traces.values(), key=len)
    print(f"{len(run.spans)} spans, the trace {asked[0].trace_id}")
    for name, address, dark in (("list", "#/traces", False), ("trace", f"#/trace/{asked[0].trace_id}/3", True), ("crash", "#/events", False),
                                ("map", "#/map", False), ("names", "#/names", False)):
        page = pages.open_page(run.html, address, dark=dark)
        page.settle()
        page.shot(os.path.join(folder, f"report-{name}.png"))
        page.close()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else os.path.join(lib.ROOT, "docs/images"))
