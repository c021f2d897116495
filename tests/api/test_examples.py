# SPDX-License-Identifier: MIT
"""test_examples.py - the examples of the documents do what the documents say.

Every file of examples/ has a function here that looks at what it recorded.
"""

import shutil

from api import *

EXAMPLES = os.path.join(HERE, "examples")


def run_example(home, name):
    """Plain: status 0 and nothing recorded; preloaded: the same status.  Returns what it printed."""
    program = compile_program(home, f"examples/{name}.c", "cc", "-std=gnu11",
                              "-Wno-missing-field-initializers")
    same("plain", home.run([program], "plain")[0], 0)
    nothing_started(home)
    # What is complete waits: `flush` shows that.
    status, out, err = home.run([program], "preload", env={"TAGALONG_FLUSH_INTERVAL_MS": "60000"})
    same("preloaded", (status, err), (0, ""))
    return out


def tags(spans, found, home):
    for tenant, user in (("acme", "7"), ("globex", "8")):
        serve = [s for s in spans if tags_of(s) == {"region": "eu", "tenant": tenant}]
        same(f"spans of {tenant}", [s.name for s in serve], ["serve"])
        captured = the(found, "events", span_id=serve[0].span_id)
        same("message", captured.body, "cart is empty")
        holds("event", captured.attrs, user__id=user)
        same("breadcrumbs", [crumb["message"] for crumb in captured.crumbs], ["token accepted"])


def with_scope(spans, found, home):
    same("inside", event(found, "inside").tags, {"step": "import"})
    holds("inside", event(found, "inside").attrs, **{"tagalong.extra.row": {"line": 17}})
    same("behind", event(found, "behind").tags, {"step": "outside"})
    holds("behind", event(found, "behind").attrs, **{"tagalong.extra.row": None})


def spans(spans, found, home):
    nightly = span(spans, "nightly")
    same("nightly", (nightly.parent_id, nightly.status), ("", 2))
    holds("nightly", nightly.attrs, sentry__op="job", error__type="LoadError")
    loads = [s for s in spans if s.name == "load order"]
    same("orders", sorted(s.attrs["order"] for s in loads), [-1, 1])
    for load in loads:
        child_of(load, nightly)
        same("session", load.attrs.get("session.id"), "session-7")


def detached(spans, found, home):
    upload = span(spans, "upload")
    same("status", upload.status, 1)
    child_of(span(spans, "compress"), upload)
    child_of(span(spans, "send"), upload)


def queue(spans, found, home):
    for tenant in ("acme", "globex"):
        mail = span(spans, f"mail to {tenant}")
        request = the([s for s in spans if s.name == "request"], "requests", span_id=mail.parent_id)
        child_of(mail, request)
        same("tags", (tags_of(mail), tags_of(request)), ({"tenant": tenant}, {"tenant": tenant}))


def fd(spans, found, home):
    child_of(span(spans, "answer"), span(spans, "call"))
    same("tags", tags_of(span(spans, "answer")), {"call": "42"})


def hub(spans, found, home):
    same("pushed", event(found, "pushed").tags, {"user": "kim", "page": "cart"})
    same("popped", event(found, "popped").tags, {"user": "kim"})
    same("other hub", event(found, "other hub").tags, {"user": "lee"})
    same("own hub", event(found, "own hub").tags, {"user": "kim"})


def error(spans, found, home):
    first = event(found, "ParseError: not a number")
    same("tags", first.tags, {"job": "import", "file": "prices.csv"})
    holds("data", first.attrs, exception__type="ParseError", **{"tagalong.extra.line": 3,
                                                               "tagalong.fingerprint": ["csv"]})
    second = event(found, "ImportError: 1 line left out")
    same("tags of the second", second.tags, {"job": "import"})
    check(len(first.attrs["tagalong.event.id"]) == 32, "no event id")


def flush(spans, found, home):
    same("printed", home.printed, "held: 1\nheld: 0\n")
    span(spans, "batch")


def example(name, looks):
    def test(home):
        home.printed = run_example(home, name)
        looks(home.spans(), events(home), home)
    return test


def python(home):
    """The module of the documents, with this interpreter; preloaded and not."""
    for name in ("tagalong.py", "python.py"):
        shutil.copy(os.path.join(EXAMPLES, name), home.path(name))
    interpreter = os.path.realpath(need_program("python3"))
    if os.path.basename(interpreter) == "pyenv" or os.access(interpreter, os.X_OK) is False:
        interpreter = sys.executable
    command = [interpreter, "-B", home.path("python.py")]
    silent(home, command, "plain")
    nothing_started(home)
    silent(home, command, "preload")
    spans, found = home.spans(), events(home)
    whole = span(spans, "import")
    lines = [s for s in spans if s.name == "line"]
    same("lines", sorted(line.status for line in lines), [0, 2])
    for line in lines:
        child_of(line, whole)
        same("tags", tags_of(line), {"file": "prices.csv"})
    captured = the(found, "events", kind="exception")
    same("error", captured.attrs["exception.type"], "ValueError")
    same("where", captured.span_id, whole.span_id)
    same("tags of the error", captured.tags, {"file": "prices.csv"})


def python_knows_the_table(home):
    """The numbers in tagalong.py are those of the header."""
    program = home.write("places.c", "#include <tagalong.h>\n#include <stdio.h>\n" """
#define P(member) printf("%s %zu\\n", #member, offsetof(struct tagalong_api, member) / sizeof(void *))
int main(void) { P(scope_set); P(capture); P(span_begin); P(span_end); return 0; }""")
    subprocess.run(["cc", "-I", INCLUDE, "-o", home.path("places"), program], check=True)
    _, out, _ = home.run([home.path("places")], "plain")
    text = open(os.path.join(EXAMPLES, "tagalong.py")).read()
    for line in out.splitlines():
        name, place = line.split()
        check(f"_{name} = _function({place}," in text, f"tagalong.py: {name} is at {place}")


def every_example_is_tested(home):
    names = {name.rsplit(".", 1)[0] for name in os.listdir(EXAMPLES)
             if name.endswith((".c", ".py"))}
    same("examples", names, {*LOOKS, "python", "tagalong"})


LOOKS = {"tags": tags, "with_scope": with_scope, "spans": spans, "detached": detached,
         "queue": queue, "fd": fd, "hub": hub, "error": error, "flush": flush}
TESTS = [("api/every_example_is_tested", every_example_is_tested),
         *[(f"api/example_{name}", example(name, looks)) for name, looks in LOOKS.items()],
         ("api/python", python), ("api/python_knows_the_table", python_knows_the_table)]
