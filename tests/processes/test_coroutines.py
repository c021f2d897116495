# SPDX-License-Identifier: MIT
"""Coroutines: the span that is current is that of the coroutine that runs."""

from lib import check
from place import build


def coroutines(how, finished):
    def test(home):
        status, out, err = home.run([build(home, "stacks.c"), how])
        check(status == 0 and out == f"{finished} finished\n", f"status {status}: {out!r} {err[-200:]!r}")
        spans = {span.span_id: span for span in home.spans()}
        children = [span for span in spans.values() if span.name.startswith("child ")]
        wrong = [span for span in children
                 if span.parent_id not in spans or "child " + spans[span.parent_id].name != span.name]
        check(children and not wrong, f"{len(wrong)} of {len(children)} spans in another coroutine's")
        routines = [span for span in spans.values() if span.name.startswith("routine")]
        check(not any(span.unfinished for span in routines), "a coroutine's span was left open")
        home.note(f"{len(children)} spans")
    return test


TESTS = [
    ("coroutines/libc", coroutines("libc", 100)),
    ("coroutines/threads", coroutines("threads", 50)),
    ("coroutines/api", coroutines("api", 50)),
    ("coroutines/getcontext", coroutines("get", 1)),
]
