#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""stacks_seeds.py - writes the seeds of the fuzzers of tagalong-stacks and of what it answers.

    tests/fuzz/stacks_seeds.py         writes tests/fuzz/corpus/NAME for those below

Layouts: the header comments of tests/fuzz/NAME.c.  What fuzzers found lies beside the seeds and stays.
"""

import json
import struct
import sys

sys.dont_write_bytecode = True
import corpora  # noqa: E402

# ---- stacks: how, registers, length of modules, modules, stack ----
STACK = 0x7ffe00000000


def registers(ip, bp=0, sp=STACK):
    values = [0] * 17
    values[6], values[7], values[16] = bp, sp, ip
    return struct.pack("<17Q", *values)


def module(base, path):
    return struct.pack("<QII", base, len(path), 0) + path + bytes(-len(path) % 8)


def words(*values):
    return struct.pack("<%dQ" % len(values), *values)


LIBC = module(0x20000000, b"/lib/x86_64-linux-gnu/libc.so.6")
STACKS = {
    "own": b"\7" + registers(0x1000) + b"\0\0" + words(*range(1, 400, 7)),
    "frames": b"\7" + registers(0x2345, STACK + 16) + b"\0\0" + words(0, 0, STACK + 48, 0x3001, 0, 0, STACK + 80, 0x4567),
    "scan": b"\1" + registers(0) + b"\0\0" + words(*[0x10000000 + 0x1777 * i for i in range(60)]),
    "modules": b"\0" + registers(0x20012345) + struct.pack("<H", len(LIBC)) + LIBC + words(0x20023456, 1, 0x20034567),
    "modules_lie": b"\1" + registers(0x1000) + struct.pack("<H", 40) + struct.pack("<QII", 0, 1 << 31, 0) + bytes(24),
    "loop": b"\7" + registers(0x1000, STACK) + b"\0\0" + words(STACK, 0x1001, STACK, 0x1001),
    "other_stack": b"\x0b" + registers(0x1000, 0, 0x1234) + b"\0\0" + words(1, 2, 3),
    "empty": b"\0",
}


# ---- object: how, changes (place, length, bytes), addresses; places are those of tests/fuzz/base/gcc.elf ----
def changed(how, changes=(), addresses=(), cut=b""):
    rows = b"".join(struct.pack("<HB", at, len(data)) + data for at, data in changes)
    return bytes([how, len(changes)]) + rows + cut + struct.pack("<%dH" % len(addresses), *addresses)


INFO, ABBREV, LINE, FRAMES, SECTIONS = 0x1067, 0x1251, 0x1398, 0x3f0, 0x1840
OBJECT = {
    "gcc": changed(0, addresses=range(0x300, 0x3bc, 5)), "clang": changed(1, addresses=range(0x300, 0x3bc, 5)),
    "info": changed(0, [(INFO + 11, b"\xff\xff"), (INFO + 40, b"\x80")], [0x351, 0x352, 0x360]),
    "abbrev": changed(0, [(ABBREV + 4, b"\x55"), (ABBREV + 60, b"\x17\x17")], [0x351, 0x371]),
    "line": changed(0, [(LINE + 4, b"\x02\0"), (LINE + 60, b"\xff\xff\xff")], [0x341, 0x391]),
    "frames": changed(0, [(FRAMES + 200, b"\x2f\x06\x2f\x00")], [0x305, 0x311, 0x331]),
    "segments": changed(0, [(64 + 8, b"\xff" * 8), (64 + 32, b"\xff" * 8)], [0x351]),
    "sections": changed(0, [(SECTIONS + 64 * 14 + 24, b"\0\0\0\x7f"), (SECTIONS + 64 * 9 + 32, b"\xff\xff")], [0x351]),
    "cut": changed(2, cut=struct.pack("<H", 0x1300), addresses=[0x351]),
    "clang_info": changed(1, [(0xf00 + 17 * i, bytes([i])) for i in range(8)], [0x351, 0x371]),
}


# ---- rule: known registers, operations ----
def op(atom, offset=0, how=0, number=0):
    return struct.pack("<BHBQ", atom, offset, how, number & (1 << 64) - 1)


LIT, BREG, PLUS, BRA, SKIP, DEREF, DEREF_SIZE, DUP, SHL, AND, GE = 0x30, 0x70, 0x22, 0x28, 0x2f, 0x06, 0x94, 0x12, 0x24, 0x1a, 0x2a
RULE = {
    "linkage_table": b"\xff" + op(BREG + 7, 0, 0, 8) + op(BREG + 0) + op(LIT + 15) + op(AND) + op(LIT + 11) + op(GE) +
                     op(LIT + 3) + op(SHL) + op(PLUS),
    "branches": b"\xff" + op(LIT + 1) + op(BRA, 1, 0, 4) + op(LIT + 9, 4) + op(SKIP, 5, 0, 1) + op(LIT + 7, 8),
    "for_ever": b"\0" + op(SKIP, 0, 0, -3), "loads": b"\xff" + op(BREG) + op(DUP) + op(DEREF) + op(DEREF_SIZE, 0, 1, 4),
    "numbers": b"\0" + op(0x10, 0, 2, 5) + op(0x10, 0, 0, -1) + op(0x1b) + op(0x19) + op(0x20) + op(0x1f),
    "stack": b"\0" + b"".join(op(LIT + i) for i in range(31)) + op(0x17) + op(0x16) + op(0x15, 0, 1, 9) + op(0x14) + op(0x9f),
    "unknown": b"\xff" + op(0x97) + op(0x9c) + op(0x90, 0, 1, 40) + op(0x92, 0, 3, 2),
}

# ---- names ----
DEMANGLE = {
    "rust": b"_RINvMNtNtCsjrHSEGnQ3l9_3std6thread7builderNtB3_7Builder15spawn_uncheckedNCNvCs6xxl1lAjzDf_1a4mains0_0uEB1c_",
    "rust_punycode": b"_RINvNtNtCs6xxl1lAjzDf_1au7ber_goa5inneru9gre_6ka8iKj7_EB6_", "rust_types": b"_RNvXC1aThReENtB2_5Price5price",
    "rust_function": b"_RNvYFUKCmOhEuNtC1a1T1f", "rust_object": b"_RNvYDG_INtC1a2FnTmEEp6OutputbEL_NtC1a1T1f",
    "rust_array": b"_RNvYAlj4_NtC1a5Price5twice", "rust_shim": b"_RNSNvC1a1f4once", "rust_llvm": b"_RNCNvC1a4mains0_0.llvm.1234",
    "rust_deep": b"_R" + b"Nv" * 150 + b"C1a" + b"1b" * 150, "rust_values": b"_RINvC1a1fKj7b_KVC1aS1xKb1_EKAKj1_EE",
    "old_rust": b"_ZN26_$LT$A$u20$as$u20$b..C$GT$4drop17h0123456789abcdefE", "nested": b"_ZN4shop4Cart5totalEv",
    "lengths": b"_ZN99999999999999999999aE", "types": b"TmRQhEFmEu", "parts": b"3foo17h0123456789abcdefE",
}
ROWS = (b"55d0c0a00000-55d0c0a02000 r--p 00000000 08:01 1234567                    /usr/bin/x\n"
        b"55d0c0a02000-55d0c0a05000 r-xp 00002000 08:01 1234567                    /usr/bin/x y (deleted)\n"
        b"7ffe12300000-7ffe12321000 rw-p 00000000 00:00 0                          [stack]\n"
        b"7ffe12399000-7ffe1239b000 r-xp 00000000 00:00 0                          [vdso]\n"
        b"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n")
MAPS = {"program": ROWS, "no_paths": b"1000-2000 rwxp 0 0:0 0\n2000-3000 ---s 0 0:0 9", "short": ROWS[:41],
        "numbers": b"ffffffffffffffffff-0 r--p 0 0:0 0\n-1-2 rwxp zz:zz\n9-8 rwxp 0 1:1 1 a\n", "empty_lines": b"\n\n" + ROWS[:76]}

# ---- thrown: place, length, bytes; length 0: an address ----
def at(place, data=None, to=0):
    return struct.pack("<HB", place, len(data)) + data if data else struct.pack("<HBH", place, 0, to)


def thrown(name, *more):
    return at(0x1000 - 80, to=0x1200) + at(0x1208, to=0x1300) + at(0x1300, name + b"\0") + b"".join(more)


THROWN = {
    "runtime_error": thrown(b"St13runtime_error", at(0x1028, to=0x1420), at(0x1408, struct.pack("<QQQ", 5, 9, 0) + b"no\n\xff!")),
    "derived": thrown(b"4Oops", at(0x1200, to=0x1500), at(0x1210, to=0x1600), at(0x1608, to=0x1700), at(0x1700, b"St11logic_error\0")),
    "text": thrown(b"PKc", at(0x1020, to=0x1420), at(0x1420, b"what\0")), "number": thrown(b"i", at(0x1020, b"\xff\xff\xff\xff")),
    "not_unique": thrown(b"*3foo"), "no_type": at(0x1000 - 80, to=0xfff8), "abort": at(8, struct.pack("<I", 12) + b"free(): x\n\n\n"),
    "abort_long": at(8, b"\xff\xff\xff\xff" + b"a" * 250), "loop": thrown(b"1a", at(0x1210, to=0x1200)),
}

# ---- what the program answers: length of pieces (or one good answer), bytes ----
FRAME = {"instruction_addr": "0x401136", "symbol_addr": "0x401130", "function": "outer", "raw_function": "_Z5outerv",
         "filename": "x.c", "abs_path": "/src/x.c", "lineno": 12, "package": "/usr/bin/x", "in_app": True,
         "context_line": "\tcrash();", "pre_context": ["{"], "post_context": ["}", ""], "trust": "fp"}
IMAGE = {"type": "elf", "image_addr": "0x400000", "image_size": 8192, "code_id": "00ff", "code_file": "/usr/bin/x",
         "debug_id": "00112233-4455-6677-8899-aabbccddeeff", "arch": "x86_64"}
WHOLE = {"threads": [{"id": 7, "name": "main", "crashed": True, "current": True, "frames": [FRAME, FRAME],
                      "frames_omitted": [1, 9], "registers": {"rip": "0x401136", "rsp": "0x7ffe0000"}},
                     {"id": 8, "name": "w\"1", "frames": [{"instruction_addr": "0x1"}]}],
         "images": [IMAGE], "how": "ptrace", "truncated": False, "abort_message": "free(): invalid pointer",
         "exception": {"type": "std::runtime_error", "value": "no"}}
ODD = {"threads": [{"id": -1, "frames": [[], 7, {"lineno": "x", "function": {}, "in_app": "yes"}], "registers": ["rip"]}, 3],
       "images": {"type": 1}, "abort_message": 4, "exception": {"type": []}}


def answer(kind, text=b"", error=0, size=None):
    return struct.pack("<IIIi", 0x314b4154, kind, len(text) if size is None else size, error) + text


TEXT = json.dumps(WHOLE).encode()
HELPER = {
    "whole": b"\x80" + TEXT, "odd": b"\x80" + json.dumps(ODD).encode(), "array": b"\x80[]", "broken": b"\x80" + TEXT[:-1],
    "many": b"\x80" + json.dumps({"threads": [{"id": n, "frames": [FRAME]} for n in range(12)]}).encode(),
    "live": b"\x11" + answer(1) + answer(2, b'{"threads":[]}'), "error": b"\3" + answer(2, error=-3),
    "too_long": b"\3" + answer(2, b"{}", size=1 << 30), "nonsense": b"\5" + answer(9, b"{}"), "no_magic": b"\1" + bytes(32),
}

CORPORA = {"stacks": STACKS, "object": OBJECT, "rule": RULE, "demangle": DEMANGLE, "maps": MAPS, "helper": HELPER,
           "thrown": THROWN}

corpora.write(CORPORA)
