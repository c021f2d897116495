#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare - is a result what was expected?

    compare.py SCENARIO.json EXPECTED.json RESULT.json      prints where they differ first

What a result means: members that are missing, null, {} or [] say the same.  "*" in
the expected one stands for anything that is there.  Members called trace and session
hold labels: the expected labels and the found ones have to correspond one to one over
the whole result, except that a session id of the scenario is itself.  Transactions and
the spans in them come in any order.  The spans of a flush come in any order in which
parents stand before their children and traces are not mixed.
"""

import json
import sys

LABELS = ("trace", "session")


class Different(Exception):
    """The first difference: where, and what."""


def essential(value):
    """Without what is empty."""
    if isinstance(value, dict):
        members = {key: essential(item) for key, item in value.items()}
        return {key: item for key, item in members.items() if item not in (None, {}, [])}
    if isinstance(value, list):
        return [essential(item) for item in value]
    return value


def short(value):
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= 200 else text[:200] + "..."


def kind(value):
    """Numbers are one kind, truth values another."""
    if isinstance(value, bool):
        return bool
    return float if isinstance(value, (int, float)) else type(value)


class Labels:
    """Which found label an expected one stands for."""

    def __init__(self, given):
        self.found = {name: name for name in given}
        self.expected = dict(self.found)

    def pair(self, expected, found, where):
        if self.found.setdefault(expected, found) != found or \
                self.expected.setdefault(found, expected) != expected:
            raise Different(f"{where}: {found!r} is not the one that is called {expected!r}")


class Comparison:
    def __init__(self, scenario):
        given = {op["session_id"] for op in scenario["ops"] if op.get("session_id")}
        self.labels = {"trace": Labels(set()), "session": Labels(given)}

    def same(self, expected, found, where):
        if expected == "*":
            return
        if kind(expected) is not kind(found):
            raise Different(f"{where}: {short(found)}, not {short(expected)}")
        if isinstance(expected, dict):
            self.same_members(expected, found, where)
        elif isinstance(expected, list):
            if len(expected) != len(found):
                raise Different(f"{where}: {len(found)} items, not {len(expected)}: "
                                f"{short(found)}, not {short(expected)}")
            for number, (left, right) in enumerate(zip(expected, found)):
                self.same(left, right, f"{where}[{number}]")
        elif expected != found:
            raise Different(f"{where}: {short(found)}, not {short(expected)}")

    def same_members(self, expected, found, where):
        for name in sorted(set(expected) | set(found)):
            inner = f"{where}.{name}" if where else name
            if name not in expected:
                raise Different(f"{inner}: {short(found[name])}, not expected")
            if name not in found:
                raise Different(f"{inner}: missing, expected {short(expected[name])}")
            if expected[name] == "*":
                continue
            if name in LABELS and isinstance(expected[name], str):
                self.labels[name].pair(expected[name], found[name], inner)
            else:
                self.same(expected[name], found[name], inner)


def in_order_of(expected, found, key, where):
    """The found items in the order of the expected ones; both have the same keys."""
    wanted = [str(item.get(key)) for item in expected]
    there = [str(item.get(key)) for item in found]
    if sorted(wanted) != sorted(there):
        raise Different(f"{where}: {there}, not {wanted}")
    rest = list(found)
    ordered = []
    for name in wanted:
        at = next(i for i, item in enumerate(rest) if str(item.get(key)) == name)
        ordered.append(rest.pop(at))
    return ordered


def check_order(spans, where):
    """Parents first, and one trace after the other."""
    here = {span.get("id") for span in spans}
    seen, traces = set(), []
    for span in spans:
        if span.get("parent") in here and span["parent"] not in seen:
            raise Different(f"{where}: {span.get('id')!r} stands before its parent")
        seen.add(span.get("id"))
        if not traces or traces[-1] != span.get("trace"):
            if span.get("trace") in traces:
                raise Different(f"{where}: two traces are mixed")
            traces.append(span.get("trace"))


def arrange(expected, found):
    """Brings what has no fixed order into the expected one."""
    for number, (left, right) in enumerate(zip(expected.get("flushes", []),
                                               found.get("flushes", []))):
        where = f"flushes[{number}].spans"
        check_order(right.get("spans", []), where)
        right["spans"] = in_order_of(left.get("spans", []), right.get("spans", []), "id", where)
    if "transactions" in expected or "transactions" in found:
        found["transactions"] = in_order_of(expected.get("transactions", []),
                                            found.get("transactions", []), "root",
                                            "transactions")
    for left, right in zip(expected.get("transactions", []), found.get("transactions", [])):
        if "spans" in left or "spans" in right:
            right["spans"] = in_order_of(left.get("spans", []), right.get("spans", []), "id",
                                         f"transactions[{left.get('root')}].spans")
    return essential(found)


def difference(scenario, expected, found):
    """None, or a sentence about the first difference."""
    try:
        expected, found = essential(expected), essential(found)
        reasons = [[flush.get("reason") for flush in result.get("flushes", [])]
                   for result in (expected, found)]
        if reasons[0] != reasons[1]:
            raise Different(f"flushes: {reasons[1]}, not {reasons[0]}")
        found = arrange(expected, found)
        Comparison(scenario).same(expected, found, "")
    except Different as different:
        return str(different)
    return None


def main():
    documents = []
    for path in sys.argv[1:4]:
        with open(path) as file:
            documents.append(json.load(file))
    said = difference(*documents)
    if said:
        print(said)
    sys.exit(1 if said else 0)


if __name__ == "__main__":
    main()
