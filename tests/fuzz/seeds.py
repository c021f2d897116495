#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seeds.py - writes the seeds of the record fuzzer, which are binary.

    tests/fuzz/seeds.py         rewrites tests/fuzz/corpus/record

The other corpora are texts and are edited by hand.  Layouts: runtime/wire/record.h
and the header comment of tests/fuzz/record.c.
"""

import os
import struct

PAD, THREAD, FORK, PROCESS_END, SPAN_START, SPAN_ATTRS, SPAN_END, SCOPE_SET, EXEC = range(1, 10)
INT, BOOL, DOUBLE, STRING, BYTES = range(1, 6)


def record(kind, body, seq=1):
    body += bytes(-len(body) % 8)
    return struct.pack("<HBBI", len(body) // 8 + 1, kind, 0, seq) + body


def attr(key, kind, value):
    return struct.pack("<BBH", key, kind, len(value)) + value + bytes(-len(value) % 4)


def lane(head, tail, ring, units=16, capacity=255):
    return struct.pack("<QQBB", head, tail, units - 1, capacity) + ring


ATTRS = (attr(1, STRING, b"GET") + attr(2, STRING, b"/index.html?a=1") +
         attr(3, INT, struct.pack("<q", 200)) + attr(25, BOOL, b"\1") +
         attr(8, BYTES, struct.pack("<HH", 2, 80) + bytes([127, 0, 0, 1]) + bytes(8)) +
         attr(255, STRING, b"\4namevalue"))
START = record(SPAN_START, struct.pack("<10QBB6x", 1, 2, 3, 0, 4, 0, 0, 0, 0, 0, 2, 0) + ATTRS)
THREADED = record(THREAD, struct.pack("<QQQII", 7, 0, 5, 100, 101))
ALL = (THREADED + START + record(SPAN_ATTRS, struct.pack("<Q", 3) + ATTRS) +
       record(SPAN_END, struct.pack("<4QBB6x", 3, 9, 0, 0, 0, 0) + attr(14, INT, bytes(8))) +
       record(SCOPE_SET, struct.pack("<QQHHI", 2, 1, 3, 5, 0) + b"keyvalue") +
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


SEGMENT_HEAD = struct.pack("<QIIIIIIQ", 0x3147414C41474154, 1, 4096, 4, 16384, 4096, 1,
                           4096 + 4 * 16384)
SEEDS = {
    "all_kinds": lane(len(ALL), 0, ALL),
    "small_buffer": lane(len(ALL), 0, ALL, capacity=8),
    "wrapped": wrapped(512, 512 * 9 + 512 - len(START) - 24),
    "head_lies": lane(1 << 40, 0, ALL),
    "head_odd": lane(len(ALL) + 4, 0, ALL),
    "length_zero": lane(64, 0, THREADED + bytes(24)),
    "length_long": lane(64, 0, struct.pack("<HBBI", 65535, SPAN_START, 0, 0) + bytes(56)),
    "scope_text_long": lane(40, 0, record(SCOPE_SET, struct.pack("<QQHHI", 2, 1, 65535, 65535, 0) +
                                          bytes(8))),
    "attr_long": lane(24, 0, record(SPAN_ATTRS, struct.pack("<Q", 3) +
                                    struct.pack("<BBH", 1, STRING, 65535) + bytes(4))),
    "segment": SEGMENT_HEAD + bytes(64) + b"\x11",
}


def main():
    directory = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "record")
    os.makedirs(directory, exist_ok=True)
    for name, content in SEEDS.items():
        with open(os.path.join(directory, name), "wb") as seed:
            seed.write(content)


if __name__ == "__main__":
    main()
