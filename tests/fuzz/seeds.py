#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seeds.py - writes the seeds of the record fuzzer, which are binary.

    tests/fuzz/seeds.py         rewrites tests/fuzz/corpus/record

The scope fuzzer's are written by scope_seeds.py; the other corpora are edited by hand.  Layouts: runtime/wire/record.h
and the header comment of tests/fuzz/record.c.
"""

import os
import struct

(PAD, THREAD, FORK, PROCESS_END, SPAN_START, SPAN_ATTRS, SPAN_END, SCOPE_SET, EXEC, SPAN_CANCEL, EVENT,
 SPAN_EVENT, SPAN_LINK, TAGS) = range(1, 15)
INT, BOOL, DOUBLE, STRING, BYTES, JSON = range(1, 7)
TAG, LEVEL = 1, 5  # enum ta_scope_change
NAME, TAG_ATTR, MESSAGE, EVENT_JSON = 28, 33, 38, 39  # attr.def


def record(kind, body, seq=1):
    body += bytes(-len(body) % 8)
    return struct.pack("<HBBI", len(body) // 8 + 1, kind, 0, seq) + body


def attr(key, kind, value):
    return struct.pack("<BBH", key, kind, len(value)) + value + bytes(-len(value) % 4)


def lane(head, tail, ring, units=16, capacity=255):
    return struct.pack("<QQBB", head, tail, units - 1, capacity) + ring


def start(span, attrs=b"", parent=0, tags=0, kind=2, link=(0, 0, 0)):
    return record(SPAN_START, struct.pack("<11QBB6x", 1, 2, span, parent, 4, 0, 0, tags, *link, kind, 0) + attrs)


def attrs_of(span, time, attrs):
    return record(SPAN_ATTRS, struct.pack("<QQ", span, time) + attrs)


def end(span, time, attrs=b"", status=0):
    return record(SPAN_END, struct.pack("<5QBBB5x", span, time, 0, 0, 0, status, 0, 0) + attrs)


def scope_set(version, parent, key, value, cell=0, change=TAG, flags=0, level=0, kind=0):
    return record(SCOPE_SET, struct.pack("<QQIIHBBBB2x", version, parent, cell, len(value), len(key), change,
                                         flags, level, kind) + key + value)


def event(kind, attrs, level=3, flags=0):
    return record(EVENT, struct.pack("<10QBBB5x", 5, 6, 7, 1, 2, 3, 0, 1, 2, 3, kind, level, flags) + attrs)


def span_event(span, time, attrs):
    return record(SPAN_EVENT, struct.pack("<QQ", span, time) + attrs)


def span_link(span, attrs=b""):
    return record(SPAN_LINK, struct.pack("<4Q", span, 1, 2, 9) + attrs)


def tags(of, attrs, time=7):
    return record(TAGS, struct.pack("<QQQB7x", 1, 2, time, of) + attrs)


ATTRS = (attr(1, STRING, b"GET") + attr(2, STRING, b"/index.html?a=1") +
         attr(3, INT, struct.pack("<q", 200)) + attr(25, BOOL, b"\1") +
         attr(8, BYTES, struct.pack("<HH", 2, 80) + bytes([127, 0, 0, 1]) + bytes(8)) +
         attr(255, STRING, b"\4namevalue"))
TAGGED = attr(TAG_ATTR, STRING, b"plan\0pro") + attr(TAG_ATTR, STRING, b"gone")
START = start(3, ATTRS)
THREADED = record(THREAD, struct.pack("<QQQII", 7, 0, 5, 100, 101))
SPANS = (START + attrs_of(3, 5, ATTRS) + attrs_of(3, 6, TAGGED) +
         span_event(3, 6, attr(NAME, STRING, b"retry") + attr(EVENT_JSON, JSON, b'{"n":1}')) +
         span_link(3, attr(255, STRING, b"\3whybatch")) + tags(1, TAGGED) + tags(2, TAGGED, 0) +
         end(3, 9, attr(14, INT, bytes(8)), status=2))
SCOPES = (scope_set(1, 0, b"key", b"value", cell=1) + scope_set(2, 1, b"", b"", change=LEVEL, level=4) +
          scope_set(3, 2, b"key", b"", flags=1))
EVENTS = (event(1, attr(MESSAGE, STRING, b"hello")) +
          event(2, attr(36, STRING, b"LoadError") + attr(37, STRING, b"no such order")) +
          event(3, attr(EVENT_JSON, JSON, b'{"message":"x"}'), flags=1) +
          event(4, attr(MESSAGE, STRING, b"log") + attr(EVENT_JSON, JSON, b'{"a":1}')))
ALL = (THREADED + SPANS + SCOPES + EVENTS + start(4, kind=5, parent=3, tags=1, link=(8, 9, 10)) +
       record(SPAN_CANCEL, struct.pack("<Q", 4)) +
       record(FORK, struct.pack("<QQII", 8, 6, 102, 0)) +
       record(PROCESS_END, struct.pack("<QQiI", 7, 9, 0, 0)) +
       record(EXEC, struct.pack("<QQ", 7, 9)))


def wrapped(ring_bytes, tail):
    """START, then THREADED which does not fit at the end: padded over."""
    ring = bytearray(ring_bytes)
    at = tail % ring_bytes
    ring[at:at + len(START)] = START
    at += len(START)
    rest = ring_bytes - at
    if rest:
        ring[at:] = struct.pack("<HBBI", rest // 8, PAD, 0, 0) + bytes(rest - 8)
    ring[:len(THREADED)] = THREADED
    return lane(tail + len(START) + rest + len(THREADED), tail, bytes(ring), ring_bytes // 64)


def alone(content, **more):
    """A lane with just that; large enough a ring."""
    return lane(len(content), 0, content, units=len(content) // 64 + 1, **more)


SEGMENT_HEAD = struct.pack("<QIIIIIIQ", 0x3147414C41474154, 2, 4096, 4, 16384, 4096, 1,
                           4096 + 4 * 16384)
SEEDS = {
    "all_kinds": alone(ALL),
    "small_buffer": alone(ALL, capacity=8),
    "spans": alone(SPANS),
    "scopes": alone(SCOPES),
    "events": alone(EVENTS),
    "tags": alone(tags(1, TAGGED) + tags(2, TAGGED * 20) + tags(3, b"")),
    "wrapped": wrapped(512, 512 * 9 + 512 - len(START) - 24),
    "head_lies": lane(1 << 40, 0, ALL),
    "head_odd": lane(len(ALL) + 4, 0, ALL),
    "length_zero": lane(64, 0, THREADED + bytes(24)),
    "length_long": lane(64, 0, struct.pack("<HBBI", 65535, SPAN_START, 0, 0) + bytes(56)),
    "scope_text_long": alone(record(SCOPE_SET, struct.pack("<QQIIHBBBB2x", 2, 1, 0, 1 << 31, 65535,
                                                           TAG, 0, 0, 0) + bytes(8))),
    "attr_long": alone(record(SPAN_ATTRS, struct.pack("<QQ", 3, 4) +
                              struct.pack("<BBH", 1, STRING, 65535) + bytes(4))),
    "too_short": alone(b"".join(record(kind, bytes(8)) for kind in range(1, 15))),
    "segment": SEGMENT_HEAD + bytes(64) + b"\x11",
}


def main():
    directory = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "record")
    os.makedirs(directory, exist_ok=True)
    for name, content in SEEDS.items():
        with open(os.path.join(directory, name), "wb") as seed:
            seed.write(content)
    for name in set(os.listdir(directory)) - set(SEEDS):
        os.remove(os.path.join(directory, name))


if __name__ == "__main__":
    main()
