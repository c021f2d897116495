#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""journal_seeds.py - makes seeds of the journal fuzzer of an agent's real journal, taken while it works.

    tests/fuzz/journal_seeds.py NAME JOURNAL       writes tests/fuzz/corpus/journal/NAME and NAME-kinds

NAME has the first events, as many as go into 3,000 bytes; NAME-kinds the shortest one of each kind, in their
order.  Layouts: runtime/agent/journal.c and the header comment of tests/fuzz/journal.c.
"""

import os
import struct
import sys

HEAD = 56  # struct head of journal.c
LONGEST = 3000


def events(journal):
    at = HEAD
    while at + 16 <= len(journal):
        kind, length, _ = struct.unpack_from("<IIQ", journal, at)
        yield kind, journal[at + 16:at + 16 + length]
        at += 16 + (length + 7) // 8 * 8


def seed(chosen):
    return b"".join(struct.pack("<BH", kind, len(payload)) + payload for kind, payload in chosen)


def first(found):
    chosen, room = [], LONGEST
    for kind, payload in found:
        room -= 3 + len(payload)
        if room < 0:
            break
        chosen.append((kind, payload))
    return chosen


def shortest(found):
    best = {}
    for number, (kind, payload) in enumerate(found):
        if len(payload) < LONGEST and (kind not in best or len(payload) < len(best[kind][1])):
            best[kind] = (number, payload)
    return [(kind, payload) for kind, (_, payload) in sorted(best.items(), key=lambda item: item[1][0])]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[2], "rb") as stream:
        found = list(events(stream.read()))
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "journal")
    os.makedirs(folder, exist_ok=True)
    for name, chosen in ((sys.argv[1], first(found)), (sys.argv[1] + "-kinds", shortest(found))):
        with open(os.path.join(folder, name), "wb") as stream:
            stream.write(seed(chosen))


if __name__ == "__main__":
    main()
