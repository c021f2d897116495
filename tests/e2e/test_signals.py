# SPDX-License-Identifier: MIT
"""test_signals.py - one span per delivery, with a link to the span that was interrupted."""

import collections
import re

from lib import check, compare, compile_victim


def compare_deliveries(home, how, truth, deliveries):
    """Every one has its span; in a storm a handler may be interrupted while it writes, which is counted as lost."""
    seen = [span.attrs["tagalong.signal.number"] for span in deliveries]
    nested = sum(int(number) for number in re.findall(r"(\d+) lost, signal_nested", home.read("agent.log")))
    missing = collections.Counter(truth)
    missing.subtract(seen)
    if how != "storm" or not nested or min(missing.values()) < 0 or missing.total() > nested:
        compare("deliveries", collections.Counter(truth).elements(), seen)


def signals(how):
    def test(home):
        program = compile_victim(home, "counts_signals")
        status, out, err = home.run([program, how])
        check(status == 0, f"ended with {status}: {err}")
        truth = {int(line.split()[0]): int(line.split()[1]) for line in out.splitlines()}
        spans = home.spans()
        deliveries = [span for span in spans if span.is_signal]
        home.note(f"{sum(truth.values())} deliveries, {len(deliveries)} spans")
        compare_deliveries(home, how, truth, deliveries)
        own = {span.span_id: span for span in spans if not span.is_signal}
        by_id = {span.span_id: span for span in spans}
        unlinked = 0
        for span in deliveries:
            check(not span.parent_id, "a delivery is a root span")
            if not span.links:
                unlinked += 1
                continue
            check(len(span.links) == 1, f"{len(span.links)} links")
            target = by_id.get(span.links[0]["spanId"])
            check(target is not None, "a link to a span that is not there")
            check(target.trace_id == span.links[0]["traceId"], "a link with another trace id than its span has")
            check(how in ("nested", "nodefer", "storm") or target.span_id in own, f"linked to {target.name}")
            # in a storm a signal also comes while a span is just being ended
            check(how == "storm" or target.start <= span.start <= target.end, "the interrupted span was not open")
        # between two spans there may be nothing to link to
        allowed = {"return": 1, "storm": len(deliveries)}.get(how, 0)
        check(unlinked <= allowed, f"{unlinked} deliveries without a link, at most {allowed} expected")
        if how == "return":
            check(unlinked == 1, "the delivery outside any span has a link")
        if how == "storm":
            check(unlinked < len(deliveries) // 2, f"{unlinked} of {len(deliveries)} without a link")
        if how == "jump":
            check(all(span.attrs.get("tagalong.signal.jumped_out") for span in deliveries), "jumped out: not said")
        if how in ("nested", "nodefer"):
            inner = [span for span in deliveries if by_id[span.links[0]["spanId"]].is_signal]
            check(len(inner) == len(deliveries) * 5 // 6, f"{len(inner)} of {len(deliveries)} interrupted a handler")
    return test


TESTS = [("signals/" + how, signals(how))
         for how in ("return", "jump", "nested", "nodefer", "resethand", "storm", "threads")]
