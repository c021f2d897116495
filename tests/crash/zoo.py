#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zoo.py - programs that die of signals, servers that crash, and what must not be called a crash.

    tests/crash/zoo.py BUILD_DIR [NAME...]      only tests whose name contains NAME

Part of tests/crash/run.  Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" for each
test and ends with 1 if one failed.  Every test_*.py in this directory has a list TESTS of
(name, function); a function gets a Home (tests/e2e/lib.py).  TAGALONG_TEST_KEEP=1 keeps the
directory of a failed test.
"""

import importlib
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import crash  # noqa: E402
import test_zoo  # noqa: E402
import lib  # noqa: E402


def main(argv):
    tests = []
    for name in sorted(os.listdir(crash.HERE)):
        if name.startswith("test_") and name.endswith(".py"):
            tests += importlib.import_module(name[:-3]).TESTS
    test_zoo.WORDS[:] = argv[2:]
    try:
        return lib.main(argv, tests)
    finally:
        test_zoo.ZOO.close()
        crash.forget_programs()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
