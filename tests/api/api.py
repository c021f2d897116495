# SPDX-License-Identifier: MIT
"""api.py - what the tests of the public API share: compilers, events, tags."""

import os
import re
import subprocess
import sys

import lib
from lib import ROOT, Skip, check, need_program

HERE = os.path.dirname(os.path.abspath(__file__))
INCLUDE = os.path.join(ROOT, "runtime/include")
HEADER = os.path.join(INCLUDE, "tagalong.h")
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wundef",
            "-Wcast-qual", "-Wredundant-decls", "-pedantic", "-Werror"]
C_WARNINGS = ["-Wmissing-prototypes", "-Wstrict-prototypes"]
CXX_WARNINGS = ["-Wold-style-cast", "-Wzero-as-null-pointer-constant", "-Wextra-semi"]


def compile_program(home, source, compiler="cc", *flags, warnings=True):
    """Builds tests/api/SOURCE; any warning is a failure.  Returns the program's path."""
    cxx = compiler.endswith("++")
    command = [need_program(compiler), *(["-x", "c++"] if cxx else []), "-D_GNU_SOURCE", "-g",
               *((WARNINGS + (CXX_WARNINGS if cxx else C_WARNINGS)) if warnings else []), *flags,
               "-I", INCLUDE, os.path.join(HERE, source)]
    output = home.path(re.sub(r"\W+", "-", " ".join([source, compiler, *flags])))
    done = subprocess.run([*command, "-pthread", "-o", output], capture_output=True, text=True)
    if "unrecognized command-line option" in done.stderr or "invalid value" in done.stderr:
        raise Skip(f"{compiler} does not know {' '.join(flags)}")
    check(done.returncode == 0 and not done.stderr,
          f"{' '.join([compiler, *flags])} {source}: {done.stderr.strip()[:400]}")
    return output


def silent(home, command, mode, **more):
    """Runs; status 0 and not a word is what is wanted.  What a program says is what is wrong."""
    status, out, err = home.run(command, mode, **more)
    check((status, out, err) == (0, "", ""),
          f"{os.path.basename(command[0])} ({mode}): status {status}: {(out + err).strip()[:400]}")


def value_of(any_value):
    """An OTLP AnyValue as Python has it."""
    kind, value = next(iter(any_value.items()), (None, None))
    if kind == "intValue":
        return int(value)
    if kind == "arrayValue":
        return [value_of(item) for item in value.get("values", [])]
    if kind == "kvlistValue":
        return {item["key"]: value_of(item["value"]) for item in value.get("values", [])}
    return value


def values_of(items):
    return {item["key"]: value_of(item.get("value", {})) for item in items}


class Event:
    """A captured event or log: one OTLP log record."""

    def __init__(self, raw):
        self.body = raw.get("body", {}).get("stringValue")
        self.kind = raw.get("eventName", "log")
        self.level = raw.get("severityText", "")
        self.trace_id, self.span_id = raw.get("traceId", ""), raw.get("spanId", "")
        self.attrs = values_of(raw.get("attributes", []))

    def group(self, prefix):
        return {key[len(prefix):]: value for key, value in self.attrs.items()
                if key.startswith(prefix)}

    @property
    def tags(self):
        return self.group("tagalong.tag.")

    @property
    def crumbs(self):
        return self.attrs.get("tagalong.breadcrumbs", [])


def tags_of(span):
    prefix = "tagalong.tag."
    return {key[len(prefix):]: value for key, value in span.attrs.items() if key.startswith(prefix)}


def raw_records(path, resource, scope, name):
    import json
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as lines:
        return [raw for line in lines for r in json.loads(line).get(resource, [])
                for s in r[scope] for raw in s[name]]


def raw_spans(home):
    """As they are in the file, with events and links."""
    return raw_records(home.file, "resourceSpans", "scopeSpans", "spans")


def logs_file(home):
    return re.sub(r"(\.[^./]*)$", r".logs\1", home.file)


def events(home):
    return [Event(raw) for raw in raw_records(logs_file(home), "resourceLogs", "scopeLogs",
                                              "logRecords")]


def the(items, what, **wanted):
    """The one item whose members are as wanted."""
    found = [item for item in items
             if all(getattr(item, key) == value for key, value in wanted.items())]
    check(len(found) == 1, f"{len(found)} {what} with {wanted} among "
          f"{[tuple(getattr(item, key) for key in wanted) for item in items][:20]}")
    return found[0]


def event(found, body):
    return the(found, "events", body=body)


def span(found, name):
    return the(found, "spans", name=name)


def same(what, got, wanted):
    check(got == wanted, f"{what}: {got!r}, not {wanted!r}")


def holds(what, got, **wanted):
    """A dictionary that has at least these entries; None: has not."""
    for key, value in wanted.items():
        key = key.replace("__", ".")
        check(got.get(key) == value, f"{what}: {key} is {got.get(key)!r}, not {value!r}")


def child_of(child, parent):
    check(child.parent_id == parent.span_id and child.trace_id == parent.trace_id,
          f"{child.name} is not a child of {parent.name}")


def of_program(spans):
    """Spans that the program has opened itself."""
    return [found for found in spans if not found.is_thread and not found.is_signal]


def nothing_started(home):
    """No segment, no agent, no file."""
    check(not home.segments() and not home.agents() and not os.path.exists(home.file),
          f"without the library: segments {home.segments()}, agents {home.agents()}")


__all__ = [name for name in dir() if not name.startswith("_")] + ["lib"]
