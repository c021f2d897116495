# SPDX-License-Identifier: MIT
"""perfetto.py - whether a file is what a viewer of the Trace Event Format draws rightly.

    python3 tests/cli/perfetto.py FILE      prints what is wrong; ends with 1 if something is

Required members; on every thread's track each pair of spans disjoint or one in the other, and
then the inner one a child of the outer one; the same on the tracks of asynchronous spans, whose
beginnings and ends match; arrows that begin and end at spans, once each, forward in time.
"""

import collections
import decimal
import json
import sys

TIMES = ("X", "b", "e", "n", "i", "s", "f")


def load(text):
    """Microseconds as exact decimals: nanoseconds have to survive."""
    return json.loads(text, parse_float=decimal.Decimal)


def members(events):
    for number, event in enumerate(events):
        where = f"event {number} {event.get('name')!r}"
        for name in ("ph", "name", "pid", "tid", "ts"):
            if name not in event:
                yield f"{where}: no {name}"
        if event["ph"] not in TIMES + ("M",):
            yield f"{where}: phase {event['ph']!r}"
        if event["ph"] == "X" and "dur" not in event:
            yield f"{where}: no dur"
        if event["ph"] in "benfs" and "id" not in event:
            yield f"{where}: no id"
        if event["ph"] in ("X", "b") and len(event["args"].get("span id", "")) != 16:
            yield f"{where}: no span id"
        if not isinstance(event["pid"], int) or not isinstance(event["tid"], int):
            yield f"{where}: pid and tid have to be integers"


def nested(what, spans):
    """spans: (start, end, args) in the order of the file; each is below the last open one."""
    open_spans = []
    for start, end, args in sorted(spans, key=lambda span: (span[0], -span[1])):
        while open_spans and open_spans[-1][1] <= start:
            open_spans.pop()
        if open_spans and end > open_spans[-1][1]:
            yield f"{what}: {args['span id']} ends behind {open_spans[-1][2]['span id']}"
        if open_spans and args.get("parent span id") != open_spans[-1][2]["span id"] and \
                (start, end) != open_spans[-1][:2]:
            yield f"{what}: {args['span id']} is drawn in {open_spans[-1][2]['span id']}, " \
                  "which is not its parent"
        open_spans.append((start, end, args))


def asynchronous(events):
    tracks = collections.defaultdict(list)
    for event in events:
        if event["ph"] in "ben":
            tracks[event["cat"], event["id"]].append(event)
    for track, found in tracks.items():
        if len({event["pid"] for event in found}) != 1:
            yield f"track {track}: of several processes"
        stack = []
        for event in found:
            if event["ph"] == "b":
                stack.append(event)
            elif event["ph"] == "n":
                continue
            elif not stack or stack[-1]["name"] != event["name"]:
                yield f"track {track}: an end of {event['name']!r} without a beginning"
            else:
                stack.pop()["end"] = event["ts"]
        if stack:
            yield f"track {track}: {len(stack)} that never end"
        yield from nested(f"track {track}", [(event["ts"], event.get("end", event["ts"]),
                                              event["args"])
                                             for event in found if event["ph"] == "b"])


def flows(events):
    ends = collections.defaultdict(dict)
    starts = collections.defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            starts[event["pid"], event["tid"], event["ts"]].append(event)
    for event in events:
        if event["ph"] not in ("s", "f"):
            continue
        if event["ph"] in ends[event["id"]]:
            yield f"arrow {event['id']}: {event['ph']} twice"
        ends[event["id"]][event["ph"]] = event
        if (event["pid"], event["tid"], event["ts"]) not in starts:
            yield f"arrow {event['id']}: {event['ph']} is not at a span's start"
        if event["ph"] == "f" and event.get("bp") != "e":
            yield f"arrow {event['id']}: its end is not bound to its span"
    for flow, both in ends.items():
        if set(both) != {"s", "f"}:
            yield f"arrow {flow}: only {set(both)}"
        elif both["s"]["ts"] > both["f"]["ts"]:
            yield f"arrow {flow}: goes back in time"


def names(events):
    told = {(event["name"], event["pid"], event["tid"]) for event in events if event["ph"] == "M"}
    processes = {pid for name, pid, _ in told if name == "process_name"}
    for event in events:
        if event["pid"] not in processes:
            yield f"process {event['pid']} has no name"
        if event["ph"] == "X" and ("thread_name", event["pid"], event["tid"]) not in told:
            yield f"thread {event['tid']} has no name"


def check(document):
    """A list of everything that is wrong."""
    events = document["traceEvents"]
    wrong = list(members(events))
    if wrong:
        return wrong
    tracks = collections.defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            tracks[event["pid"], event["tid"]].append(
                (event["ts"], event["ts"] + event["dur"], event["args"]))
    for track, spans in tracks.items():
        wrong += nested(f"thread {track}", spans)
    return wrong + list(asynchronous(events)) + list(flows(events)) + list(names(events))


def spans_of(document):
    """Every span, by its id: (start, end) in nanoseconds after 0."""
    found = {}
    stacks = collections.defaultdict(list)
    for event in document["traceEvents"]:
        if event["ph"] == "X":
            found[event["args"]["span id"]] = (event["ts"] * 1000,
                                               (event["ts"] + event["dur"]) * 1000)
        elif event["ph"] == "b":
            stacks[event["id"]].append(event)
        elif event["ph"] == "e":
            begun = stacks[event["id"]].pop()
            found[begun["args"]["span id"]] = (begun["ts"] * 1000, event["ts"] * 1000)
    return found


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        PROBLEMS = check(load(file.read()))
    for problem in PROBLEMS[:50]:
        print(problem)
    sys.exit(1 if PROBLEMS else 0)
