# SPDX-License-Identifier: MIT
"""test_shell.py - tagalong span and tagalong tag."""

import signal

from api import *


def span_of(home, *arguments, status=0, **more):
    """tagalong span ...; returns what it printed."""
    got, out, err = home.run([home.tagalong, "span", *arguments], "plain", **more)
    same(f"status of {arguments} ({err.strip()})", got, status)
    return out, err


def statuses(home):
    for code in (0, 1, 7, 126, 255):
        span_of(home, f"exit {code}", "--", "sh", "-c", f"exit {code}", status=code)
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1):
        span_of(home, number.name, "--", "sh", "-c", f"kill -{int(number)} $$", status=-number)
    _, err = span_of(home, "missing", "--", "nosuchprogram", status=127)
    check("not found" in err, f"missing: {err!r}")
    plain = home.write("plain", "")
    span_of(home, "plain", "--", plain, status=126)
    spans = home.spans()
    for code in (0, 1, 7, 126, 255):
        found = span(spans, f"exit {code}")
        same("exit code", found.attrs["process.exit.code"], code)
        same("status", found.status, 2 if code else 0)
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1):
        found = span(spans, number.name)
        same("exit code of a signal", found.attrs["process.exit.code"], 128 + number)
        check(number.name in found.message, f"message: {found.message!r}")
    same("missing", (span(spans, "missing").status, span(spans, "missing").attrs["process.exit.code"]),
         (2, 127))
    same("plain", span(spans, "plain").attrs["process.exit.code"], 126)
    same("unfinished", [found.name for found in spans if found.unfinished], [])


def trees(home):
    """Spans in spans, a traced program below, attributes."""
    tagalong = home.tagalong
    program = compile_program(home, "examples/spans.c", "cc", "-Wno-missing-field-initializers")
    span_of(home, "outer", "-k", "file=a=b", "-kempty=", "--attribute=who=kim", "sh", "-c",
            f"{tagalong} span inner -- true; {tagalong} run -q {program}; {tagalong} span last -- true")
    spans = home.spans()
    outer = span(spans, "outer")
    same("outer's parent", outer.parent_id, "")
    holds("outer", outer.attrs, file="a=b", empty="", who="kim")
    for name in ("inner", "last", "nightly"):
        child_of(span(spans, name), outer)
    same("spans", len(of_program(spans)), 6)


def continues(home):
    """TRACEPARENT of the caller, and the same trace for what is below; nothing else is changed."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    out, _ = span_of(home, "child", "--", "sh", "-c", 'echo "$TRACEPARENT"; echo "[$LD_PRELOAD]"; '
                     "grep -e SigBlk -e SigIgn /proc/self/status", env={"TRACEPARENT": parent})
    traceparent, preload, *signals = out.splitlines()
    found = span(home.spans(well_formed=False), "child")
    same("trace", (found.trace_id, found.parent_id),
         ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"))
    same("TRACEPARENT", traceparent, f"00-{found.trace_id}-{found.span_id}-01")
    same("LD_PRELOAD", preload, "[]")
    plain = home.run(["sh", "-c", "grep -e SigBlk -e SigIgn /proc/self/status"], "plain")[1]
    same("signals", signals, plain.splitlines())


def keeps_other_preloads(home):
    other = home.path("other.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", other], input="int other;",
                   text=True, check=True)
    out, _ = span_of(home, "other", "--", "sh", "-c", 'echo "$LD_PRELOAD"', env={"LD_PRELOAD": other})
    same("another preload", out.strip(), other)
    out, _ = span_of(home, "ours", "--", "sh", "-c", 'echo "$LD_PRELOAD"',
                     env={"LD_PRELOAD": home.preload})
    same("a traced caller", out.strip(), home.preload)
    child = home.run([home.tagalong, "run", "-q", "sh", "-c",
                      f"{home.tagalong} span below -- true"], "plain")
    same("below run", child[0], 0)
    same("spans", sorted(found.name for found in of_program(home.spans())), ["below", "other", "ours"])


def tag(home):
    """Earlier and later spans of the trace get the tag, of whatever program; others do not."""
    tagalong = home.tagalong
    span_of(home, "job", "--", "sh", "-c",
            f"{tagalong} span before -- true; {tagalong} tag tenant=acme 'note=a=b c' empty=; "
            f"{tagalong} span after -- true")
    span_of(home, "other", "--", "true")
    spans = home.spans()
    for name in ("job", "before", "after"):
        holds(name, tags_of(span(spans, name)), tenant="acme", note="a=b c", empty="")
    same("another trace", tags_of(span(spans, "other")), {})


def usage(home):
    for arguments, status, said in (
            (("span",), 2, "which name"), (("span", "name"), 2, "which command"),
            (("span", "name", "--"), 2, "which command"), (("span", "", "--", "true"), 2, "which name"),
            (("span", "n", "-k", "novalue", "--", "true"), 2, "KEY=VALUE"),
            (("span", "n", "-k", "=v", "--", "true"), 2, "KEY=VALUE"),
            (("span", "n", "-k"), 2, "KEY=VALUE"),
            (("span", "--attribut", "true"), 2, "--attribute"), (("tag",), 2, "which tag"),
            (("tag", "novalue"), 2, "not KEY=VALUE"), (("tag", "=v"), 2, "not KEY=VALUE"),
            (("tag", "--hepl"), 2, "--help"), (("tag", "k=v"), 1, "TRACEPARENT"),
            (("tag", "k=v"), 1, "TRACEPARENT")):
        got, out, err = home.run([home.tagalong, *arguments], "plain")
        same(f"status of {arguments}", got, status)
        check(said in err and out == "", f"{arguments}: {err!r} {out!r}")
    for verb in ("span", "tag"):
        texts = [home.run([home.tagalong, *words], "plain")[1]
                 for words in (("help", verb), (verb, "--help"))]
        check(texts[0] == texts[1] and f"tagalong {verb} " in texts[0], f"help of {verb}: {texts}")
    nothing_started(home)


def without_library(home):
    """One line, and the command runs; switched off: not even the line."""
    import shutil
    lone = home.path("lone", "tagalong")
    shutil.copy(home.tagalong, lone)
    status, out, err = home.run([lone, "span", "n", "--", "sh", "-c", "echo said; exit 4"], "plain")
    same("lone", (status, out), (4, "said\n"))
    same("lines", len(err.splitlines()), 1)
    status, out, err = home.run([home.tagalong, "span", "n", "--", "sh", "-c", "exit 5"], "plain",
                                env={"TAGALONG_DISABLED": "1"})
    same("disabled", (status, out, err), (5, "", ""))
    nothing_started(home)


TESTS = [(f"api/shell_{test.__name__}", test) for test in
         (statuses, trees, continues, keeps_other_preloads, tag, usage, without_library)]
