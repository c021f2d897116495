# SPDX-License-Identifier: MIT
"""cpython_logger.py LOG ARGS... - CPython's own test runner, with one line of JSON per test.

Runs in the tested interpreter, plain or preloaded.  LOG gets {"id", "outcome",
"detail"} as each test ends, and first whether our library is loaded.  The file
is opened for each line: tests count descriptors.  Other processes that got here
by fork or by multiprocessing's spawn say nothing.
"""

import json
import os
import sys


def say(path, **line):
    with open(path, "a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


def logged(base, path, owner):
    """The suite's result class, telling outcomes to the log as well."""
    class Logged(base):
        def tell(self, test, outcome, detail=""):
            if os.getpid() == owner:
                say(path, id=test.id() if hasattr(test, "id") else str(test), outcome=outcome, detail=str(detail)[-4000:])

        def startTest(self, test):
            self.tell(test, "begun")
            super().startTest(test)

        def addSuccess(self, test):
            self.tell(test, "passed")
            super().addSuccess(test)

        def addError(self, test, error):
            self.tell(test, "failed", self._exc_info_to_string(error, test))
            super().addError(test, error)

        def addFailure(self, test, error):
            self.tell(test, "failed", self._exc_info_to_string(error, test))
            super().addFailure(test, error)

        def addSubTest(self, test, subtest, error):
            if error is not None:
                self.tell(test, "failed", f"{subtest}: {self._exc_info_to_string(error, test)}")
            super().addSubTest(test, subtest, error)

        def addSkip(self, test, reason):
            self.tell(test, "skipped", reason)
            super().addSkip(test, reason)

        def addExpectedFailure(self, test, error):
            self.tell(test, "failed as expected")
            super().addExpectedFailure(test, error)

        def addUnexpectedSuccess(self, test):
            self.tell(test, "passed unexpectedly")
            super().addUnexpectedSuccess(test)

    return Logged


def main():
    path = sys.argv.pop(1)
    del sys.path[0]  # as with "python -m test": nothing of ours is importable
    with open("/proc/self/maps") as maps:
        say(path, loaded="libtagalong" in maps.read())
    from test.support import testresult
    testresult.RegressionTestResult = logged(testresult.RegressionTestResult, path, os.getpid())
    from test.libregrtest import main as regrtest
    regrtest()


if __name__ == "__main__":
    main()
