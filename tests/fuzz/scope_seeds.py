#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scope_seeds.py - writes the seeds of the scope fuzzer, which are binary.

    tests/fuzz/scope_seeds.py         rewrites tests/fuzz/corpus/scope

Layout: the header comment of tests/fuzz/scope.c.
"""

import os
import struct

TAG, EXTRA, CONTEXT, USER, LEVEL, FINGERPRINT, TRANSACTION, ATTRIBUTE, CRUMB, CLEAR, CLEAR_CRUMBS = range(1, 12)
INT, BOOL, DOUBLE, STRING, BYTES, JSON = range(1, 7)
REMOVE = 1


def change(what, version, parent, key=b"", value=b"", cell=0, flags=0, level=0, kind=0, owner=0):
    return bytes([0, 0, owner, version, parent, cell, what, flags, level, kind,
                  len(key), len(value)]) + key + value


def attr(key, kind, value):
    return struct.pack("<BBH", key, kind, len(value)) + value + bytes(-len(value) % 4)


def crumb(version, parent, time, message, **more):
    row = (attr(40, INT, struct.pack("<q", time)) + attr(41, STRING, message) +
           attr(44, INT, struct.pack("<q", 3)) + attr(45, JSON, b'{"n":1}'))
    return change(CRUMB, version, parent, value=row, **more)


def merge(*versions):
    return bytes([1, 0, *versions, 8])


SETTLE, SNAPSHOT = b"\4", b"\10"
EVERYTHING = (change(TAG, 1, 0, b"a", b"1", cell=1) + change(EXTRA, 2, 1, b"e", b"[1, 2]") +
              change(CONTEXT, 3, 2, b"c", b'{"x": {"y": null}}') +
              change(USER, 4, 3, value=b'{"id":"1","\\u0065mail":"a@x","n":1}') +
              change(LEVEL, 5, 4, level=4) + change(FINGERPRINT, 6, 5, value=b'["a","b"]') +
              change(TRANSACTION, 7, 6, value=b"GET /") +
              change(ATTRIBUTE, 8, 7, b"i", bytes(8), kind=INT) +
              change(ATTRIBUTE, 9, 8, b"j", b"[true]", kind=JSON) + crumb(10, 9, 5, b"hello"))
REVERSE = b"".join(change(TAG, v, v - 1, bytes([64 + v % 4]), b"x", cell=2, owner=v % 2)
                   for v in range(20, 10, -1))
SEEDS = {
    "everything": EVERYTHING + merge(10, 1, 4) + SNAPSHOT + merge(10, 0, 0),
    "nobody": EVERYTHING + change(USER, 11, 0, flags=REMOVE) + merge(10, 11, 0) + SNAPSHOT,
    "remove": EVERYTHING + change(TAG, 11, 10, b"a", flags=REMOVE) + SNAPSHOT +
              change(CLEAR_CRUMBS, 12, 11) + change(CLEAR, 13, 12) + merge(11, 12, 13),
    "crumbs": b"".join(crumb(v, v - 1, v, b"m") for v in range(1, 16)) + merge(15, 3, 0) + SNAPSHOT,
    "reverse": REVERSE + SNAPSHOT + change(TAG, 10, 0, b"a", b"1") + merge(20, 11, 0),
    "lost_parent": REVERSE + SETTLE * 2 + SNAPSHOT + SETTLE + merge(20, 11, 0),
    "ring": change(TAG, 1, 2, b"a", b"1") + change(TAG, 2, 1, b"b", b"2") + SETTLE * 4,
    "holds": b"\2\0\5" + change(TAG, 5, 0, b"a", b"1") + b"\5\0" + merge(5, 0, 0) + SNAPSHOT + b"\3\0\5",
    "processes": EVERYTHING + b"\7\0\1\0" + b"\6\0\0" + SNAPSHOT + b"\6\0\1" + SNAPSHOT,
    "pieces": (b"\x09\0\0\0\x2a" + struct.pack("<BBBBIQQIIB7x", 1, 0, 0, 0, 1, 0, 0, 1, 1, STRING) + b"kv" +
               b"\x09\0\0\0\x14" + struct.pack("<BBBBIQI", 2, 0, 0, 0, 1, 1, 1) +
               b"\x09\0\0\3\x30" + struct.pack("<BBBBI7I3I", 3, 0, 2, 0, 0, 1, *[0] * 6, 0, 1, 0) +
               merge(3, 0, 0) + SNAPSHOT),
}

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "scope")
os.makedirs(folder, exist_ok=True)
for name, data in SEEDS.items():
    with open(os.path.join(folder, name), "wb") as seed:
        seed.write(data)
