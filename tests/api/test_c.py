# SPDX-License-Identifier: MIT
"""test_c.py - the header with every compiler and standard, and what the calls record."""

import re
import subprocess

from api import *

C = [(compiler, f"-std={std}") for compiler in ("gcc", "clang")
     for std in ("c99", "gnu99", "c11", "c17", "c2x")]
CXX = [(compiler, f"-std={std}") for compiler in ("g++", "clang++")
       for std in ("c++11", "c++14", "c++17", "c++20")]
KINDS = (["-O0", "-fPIE", "-pie"], ["-O2", "-fno-pie", "-no-pie"])


def every_function_is_called(home):
    """every.c and the header's own text: no function and no block is left out."""
    with open(HEADER) as header, open(os.path.join(HERE, "every.c")) as program:
        text, calls = header.read(), program.read()
    names = re.findall(r"static inline [^(;={}]*?\b(tagalong_\w*[a-z])\(", text)
    names += re.findall(r"#define (TAGALONG_(?:SPAN|SPAN_WITH|SCOPE|ISOLATION|IN_\w+))\(", text)
    check(len(names) > 80, f"only {len(names)} functions found in the header")
    missing = [name for name in names if name + "(" not in calls]
    check(not missing, f"every.c does not call {missing}")


def absent(compiler, standard):
    def test(home):
        for flags in KINDS:
            program = compile_program(home, "every.c", compiler, standard, *flags)
            silent(home, [program, "absent"], "plain")
        nothing_started(home)
    return test


def compiled_away(home):
    """TAGALONG_DISABLE: nothing happens under the library either."""
    silent(home, [compile_program(home, "every.c", "cc", "-DTAGALONG_DISABLE"), "absent"], "preload")
    home.settle()
    check(not of_program(home.spans()) and not events(home), "something was recorded")


def static_program(home):
    silent(home, [compile_program(home, "every.c", "cc", "-static", "-O2"), "absent"], "preload")
    nothing_started(home)


def load_and_branch(home):
    """Without the library a call is a load, a test, a branch, and the answer."""
    source = home.write("one.c", "#include <tagalong.h>\nint one(void);\n"
                                 "int one(void) { return tagalong_set_tag(\"k\", \"v\"); }\n")
    for compiler in ("gcc", "clang"):
        for flag in ("-fPIC", "-fno-pie"):
            done = subprocess.run([need_program(compiler), "-O2", flag, "-I", INCLUDE, "-S", "-o", "-",
                                   source], capture_output=True, text=True, check=True)
            body = re.search(r"^one:(.*?)\.cfi_endproc", done.stdout, re.S | re.M).group(1)
            code = [line.split("#")[0].split() for line in body.splitlines()
                    if re.match(r"\s+[a-z]", line)]
            jump = next(i for i, words in enumerate(code) if words[0].startswith("j"))
            target = code[jump][1]
            tail = re.search(re.escape(target) + r":(.*)", body, re.S).group(1)
            answer = [line.split()[0] for line in tail.splitlines() if re.match(r"\s+[a-z]", line)]
            same(f"{compiler} {flag}: up to the branch", [words[0] for words in code[:jump + 1]],
                 ["movq", "testq", "je"])
            same(f"{compiler} {flag}: then", answer[:2], ["xorl", answer[1]])
            check(answer[1] in ("ret", "retq"), f"{compiler} {flag}: {answer}")


EVERY_TAGS = {"tag.global": "1", "tag.isolation": "2", "tag.current": "3"}


def check_every(home):
    """What every.c has recorded."""
    spans, found = home.spans(), events(home)
    raw = {item["name"]: item for item in raw_spans(home)}
    root, renamed, detached = (span(spans, name) for name in ("root", "renamed", "detached"))
    same("root's parent", root.parent_id, "")
    for child in (renamed, detached, span(spans, "created"), span(spans, "failed")):
        same(f"trace of {child.name}", child.trace_id, root.trace_id)
    child_of(renamed, root)
    child_of(detached, renamed)
    child_of(span(spans, "created"), root)
    child_of(span(spans, "failed"), root)
    child_of(span(spans, "inner"), span(spans, "block"))
    same("links of detached", [link["spanId"] for link in raw["detached"].get("links", [])],
         [renamed.span_id])
    holds("renamed", values_of(raw["renamed"]["attributes"]), str="text", int=7, double=1.5,
          bool=True, json={"k": []})
    same("status of renamed", renamed.status, 1)
    same("events of renamed", sorted(item["name"] for item in raw["renamed"]["events"]),
         ["exception", "happened"])
    same("status of failed", (span(spans, "failed").status), 2)
    holds("root", root.attrs, sentry__op="test", start=True, session__id="session-1")
    holds("root's tags", tags_of(root), **{"tag__span": "6", "tag__trace": "8"}, **dotted(EVERY_TAGS))
    holds("renamed's tags", tags_of(renamed),
          **{"tag__span": "6", "tag__late": "7", "tag__trace": "8", "tag__gone": None})
    sent = the(spans, "spans", name="Sent")
    same("sent error", (sent.parent_id, sent.status), ("", 2))
    for body in ("message", "Type: error", "event", "log", "message with", "TypeWith: error with",
                 "event with", "hub message", "HubType: hub error", "hub event"):
        event(found, body)
    same("captured", len(found), 10)
    message = event(found, "message")
    same("level", message.level.lower(), "warning")
    holds("message", message.tags, **dotted(EVERY_TAGS), tag__gone=None, tag__fork=None)
    holds("message with", event(found, "message with").tags, tag__fork="5")
    holds("message", message.attrs, user__id="u1", tagalong__transaction="checkout",
          tagalong__fingerprint=["group"], **{"tagalong__extra__extra": [1, {"two": 3}],
                                              "tagalong__context__device": {"name": "anvil"}})
    same("breadcrumbs", [crumb.get("message") for crumb in message.crumbs],
         ["read the map", "went on"])
    holds("log", event(found, "log").attrs, text="word", integer=-5, real=0.5, truth=True,
          list=[1, 2], a=1)
    same("tags of hub message", event(found, "hub message").tags, {"tag.hub": "10"})


def dotted(entries):
    return {key.replace(".", "__"): value for key, value in entries.items()}


def present(compiler, *flags):
    def test(home):
        silent(home, [compile_program(home, "every.c", compiler, *flags), "present"], "preload")
        check_every(home)
    return test


WAYS = ["end", "return", "break", "break", "continue", "continue", "goto", "goto inner", "longjmp",
        "longjmp inner", *["longjmp again"] * 3, "cancel", "pthread_exit", "outer end", "isolation end"]


def ways(compiler, *flags):
    """Every way out of a block: one end for every span, and what comes after is a root."""
    thrown = ["throw", "throw inner"] if compiler.endswith("++") else []

    def test(home):
        silent(home, [compile_program(home, "ways.c", compiler, *flags)], "preload")
        spans = home.spans()
        opened = [found for found in of_program(spans) if not found.name.startswith("after ")]
        lib.compare("spans", ["end", *WAYS[1:], *thrown], [found.name for found in opened])
        after = [found for found in of_program(spans) if found.name.startswith("after ")]
        check(len(after) == 9 + len(thrown) // 2, f"{len(after)} spans after")
        for found in after + [s for s in opened if s.name == "longjmp again"]:
            same(f"parent of {found.name}", found.parent_id, "")
        for found in opened:
            late = found.name in ("cancel", "pthread_exit") and found.unfinished
            check(not found.unfinished or late or "longjmp" in found.name,
                  f"{found.name} is unfinished")
        for name in ("goto", "longjmp", *thrown[:1]):
            child_of(span(spans, f"{name} inner"), span(spans, name))
    return test


def limits(home):
    silent(home, [compile_program(home, "limits.c", "cc", "-O1")], "preload")
    spans, found = home.spans(), events(home)
    texts = span(spans, "long texts")
    tags = tags_of(texts)
    same("euro tag", tags["tag.euro"], "\u20ac" * (2048 // 3))
    same("huge tag", tags["tag.huge"], "x" * 2048)
    same("long key", [key for key in tags if key.startswith("\u00e9k")], ["\u00e9k" * 66 + "\u00e9"])
    same("invalid tag", tags["tag.invalid"], "a\ufffd\ufffd\ufffdz")
    check(tags["tag.cut"].startswith("ab\ufffd"), f"cut tag: {tags['tag.cut']!r}")
    same("huge attribute", len(texts.attrs["attr.huge"]), 2048)
    same("huge key", [key for key in texts.attrs if texts.attrs[key] == "attr"], ["x" * 200])
    same("euro name", len([s for s in spans if s.name == "\u20ac" * (255 // 3)]), 1)
    span(spans, "bad \ufffd name")
    same("huge message", len([e for e in found if e.body == "x" * 8192]), 1)
    check(not any("json" in s.attrs for s in spans), "a JSON text that was too long is there")
    many = event(found, "many")
    same("breadcrumbs kept", [crumb["message"] for crumb in many.crumbs],
         [f"many.{i}" for i in range(1900, 2000)])
    holds("late", span(spans, "late").attrs, **{"after end": "kept"})
    same("spans called 'finished there'", len([s for s in spans if s.name == "finished there"]), 1)
    deep = span(spans, "deep")
    for found_span in spans:
        if found_span.name == "deeper":
            same("trace of a deeper span", found_span.trace_id, deep.trace_id)
    child_of(span(spans, "below deep"), deep)
    same("parent of 'after deep'", span(spans, "after deep").parent_id, "")
    check("tag.deep" not in tags_of(span(spans, "after deep")), "a tag of a deep scope has stayed")


def storm(signals):
    def test(home):
        program = compile_program(home, "storm.c", "cc", "-O2")
        silent(home, [program, "3"], "preload",
               env={"TAGALONG_SIGNALS": signals, "TAGALONG_LANE_BYTES": "1048576"})
        result = span(home.spans(), "stormed")
        tags = tags_of(result)
        for who in ("main", "other", "handler"):
            same(f"last value of {who}", (tags.get(who), result.attrs.get(who)),
                 (str(result.attrs[f"want.{who}"]), result.attrs[f"want.attribute.{who}"]))
        home.note(f"{result.attrs['want.handler']} deliveries in 3 s")
    return test


def updates(home):
    """Of many values of one attribute the last one stays, and leaves others their room."""
    source = home.write("updates.c", """#include <tagalong.h>
int main(void) {
	TAGALONG_SPAN("updates") {
		tagalong_span_t span = tagalong_current_span();
		for (int i = 0; i < 4000; i++) tagalong_span_set_int(span, "progress", i);
		tagalong_span_set_str(span, "other", "there");
	}
	return 0;
}""")
    subprocess.run([need_program("cc"), "-I", INCLUDE, "-o", home.path("updates"), source], check=True)
    silent(home, [home.path("updates")], "preload")
    holds("updates", span(home.spans(), "updates").attrs, progress=3999, other="there")


def sampling(home):
    """Events go out whatever the rate; the log says what was left out."""
    source = home.write("sampling.c", """#include <tagalong.h>
int main(void) {
	TAGALONG_SPAN("outer") { TAGALONG_SPAN("inner") tagalong_capture_message(TAGALONG_LEVEL_INFO, "said"); }
	return 0;
}""")
    subprocess.run([need_program("cc"), "-I", INCLUDE, "-o", home.path("sampling"), source], check=True)
    silent(home, [home.path("sampling")], "preload", env={"TAGALONG_TRACES_SAMPLE_RATE": "0"})
    home.settle()
    same("spans", [found.name for found in home.spans()], [])
    same("events", len(events(home)), 1)
    check("2 spans left out by sampling" in home.read("agent.log"), home.read("agent.log") or "no log")


def forks(home):
    silent(home, [compile_program(home, "forks.c", "cc")], "preload")
    spans, found = home.spans(), events(home)
    parent = span(spans, "parent")
    span(spans, "detached")
    lib.compare("tags of the parent", {"who": "parent", "by.handle": "parent"}.items(),
                [(k, v) for k, v in tags_of(parent).items() if k in ("who", "by.handle")])
    for number in range(10):
        who = f"child-{number}"
        child_of(span(spans, who), parent)
        holds(who, tags_of(span(spans, who)), who=who, by__handle=who, **{"global": who})
        holds(who, event(found, who).tags, fork=who)
        holds("parent's attributes", parent.attrs, **{who: "a word of the child"})
    holds("parent", event(found, "parent").tags, fork="parent", **{"global": "parent"})
    inside = [s for s in spans if s.name == "in context"]
    same("spans in the captured context", len(inside), 10)
    for found_span in inside:
        child_of(found_span, parent)
    same("unfinished", [s.name for s in spans if s.unfinished], [])


TESTS = [("api/every_function_is_called", every_function_is_called),
         ("api/load_and_branch", load_and_branch),
         *[(f"api/absent ({compiler} {std})", absent(compiler, std)) for compiler, std in C + CXX],
         ("api/compiled_away", compiled_away), ("api/static_program", static_program),
         ("api/present (c99, PIE)", present("gcc", "-std=c99", "-O2", "-fPIE", "-pie")),
         ("api/present (c11, no PIE)", present("gcc", "-std=c11", "-O0", "-fno-pie", "-no-pie")),
         ("api/present (clang, no PIE)", present("clang", "-std=c17", "-O2", "-fno-pie", "-no-pie")),
         ("api/present (c++11)", present("g++", "-std=c++11", "-O2")),
         ("api/present (c++20, clang)", present("clang++", "-std=c++20", "-O0")),
         ("api/ways_out (c)", ways("gcc", "-O2")),
         ("api/ways_out (c, exceptions)", ways("gcc", "-fexceptions")),
         ("api/ways_out (clang)", ways("clang", "-O2", "-fexceptions")),
         ("api/ways_out (c++)", ways("g++", "-std=c++11", "-O2")),
         ("api/ways_out (c++, clang)", ways("clang++", "-std=c++17")),
         ("api/limits", limits), ("api/signal_storm", storm("0")),
         ("api/signal_storm (delivery spans)", storm("1")), ("api/updates", updates), ("api/sampling", sampling),
         ("api/forks", forks)]
