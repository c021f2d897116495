#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""agent_seeds.py - writes the seeds of fuzzers of the agent, of the command and of what is put into writes.

    tests/fuzz/agent_seeds.py         writes tests/fuzz/corpus/NAME for those below

Layouts: the header comments of tests/fuzz/NAME.c.  What fuzzers found lies beside the seeds and stays.
"""

import struct
import sys

sys.dont_write_bytecode = True
import corpora  # noqa: E402

# ---- buckets: operation, x, y (tests/unit/bucket_walk.h) ----
START, END, ATTRS, MORE, TAGS, CANCEL, UNIT, UNIT_END, SETTLE, EVENT, TWIN = 0, 3, 6, 7, 8, 10, 11, 13, 15, 18, 0xf0


def steps(*rows):
    return bytes([n for row in rows for n in (row + (0, 0))[:3]])


TRACE = steps((START, 1, 0x30), (START, 2, 1), (ATTRS, 2, 5), (MORE, 2, 1), (MORE, 1, 0), (TAGS, 1, 3), (END, 2, 40),
              (END, 1, 50), (SETTLE,), (SETTLE,))
UNITS = steps((START, 3, 0x21), (UNIT, 4, 16), (START, 5, 1), (UNIT_END, 4, 16), (END, 5, 9), (END, 3, 30), (SETTLE,))
LEAVE = steps((EVENT, 1, 2), (EVENT, 3, 0), (EVENT, 2, 1), (EVENT, 4, 1))
BUCKETS = {
    "trace": b"\0" + TRACE + LEAVE,
    "twin": b"\0" + TRACE[:15] + steps((TWIN,)) + TRACE[15:] + LEAVE,
    "units": b"\0" + UNITS + steps((TWIN,), (START, 6, 2), (CANCEL, 6)) + LEAVE,
    "sessions": b"\0" + steps((START, 1, 0xe0), (TAGS, 0x41, 7), (END, 1, 3), (SETTLE,), (TWIN,), (TAGS, 0x41, 1)),
    "deaths": b"\0" + steps((START, 1, 0x21), (START, 66, 2), (EVENT, 5, 3), (EVENT, 6, 2), (TWIN,), (EVENT, 6, 5),
                            (EVENT, 8, 1), (EVENT, 0, 1)),
    "damaged_first": b"\1" + bytes([0, 4, 0, 255]) + bytes(28) + TRACE[:15] + UNITS,
    "damaged_all": b"\1" + b"".join(bytes([i, 8 * i, 0, 1 << i]) for i in range(8)) + TRACE + UNITS,
    "damaged_short": b"\1" + bytes([1, 255, 255, 0]) + bytes([2, 3, 0, 0]) * 7 + UNITS + TRACE[:12],
}


# ---- metrics: settings, then spans of attributes ----
def attribute(name, kind, value):
    return bytes([name, kind, len(value) // (2 if kind == 4 else 1)]) + value


def span(kind, out_kind, parent, duration, *attributes):
    return bytes([kind, out_kind, parent]) + struct.pack(">I", duration) + bytes([len(attributes)]) + b"".join(attributes)


SERVER = span(2, 2, 0, 1000000, attribute(0, 4, b"GET\0"), attribute(2, 1, struct.pack("<q", 200)),
              attribute(3, 4, b"/orders/{id}"), attribute(18, 1, struct.pack("<q", 1234)))
CLIENT = span(3, 3, 1, 500, attribute(9, 4, b"postgresql"), attribute(12, 4, b"SELECT"), attribute(6, 4, b"db\"\n"),
              attribute(7, 1, struct.pack("<q", 5432)), attribute(4, 4, b"\xff\xfe"))
METRICS = {"cumulative": b"\0" + SERVER * 3 + CLIENT, "delta_json": b"\x05" + CLIENT * 2 + SERVER,
           "low_memory": b"\x0e" + SERVER + CLIENT, "odd_kinds": b"\4" + span(6, 5, 0, 1 << 31, attribute(21, 6, b"{}"))}


# ---- answers of receivers ----
def message(number, data):
    return bytes([number << 3 | 2, len(data)]) + data


OTLP_ANSWER = {
    "partial": b"\0" + message(1, b"\x08\x07" + message(2, b"seven were too old")),
    "status": b"\2" + b"\x08\x03" + message(2, b"no such\ttenant"),
    "empty": b"\0",
    "json_partial": b'\1{"partialSuccess":{"rejectedSpans":"7","errorMessage":"too \\u0041 old"}}',
    "json_status": b'\3{"code":3,"message":"no such tenant","details":[]}',
    "json_other": b'\3{"error":"x","message":12}',
    "lies": b"\0" + b"\x0a\xff\xff\xff\xff\x0f" + b"abc",
}
TIME = struct.pack("<I", 1700000000)
ANSWER_HEAD = {
    "limits": TIME + b"HTTP/1.1 200 OK\r\nX-Sentry-Rate-Limits: 60:transaction;span:organization:quota, 2.5::key, "
                     b"7:metric_bucket\r\nContent-Type: application/json\r\n\r\n",
    "seconds": TIME + b"HTTP/2 429\r\nretry-after: 120\r\n\r\n",
    "date": TIME + b"HTTP/1.1 503 Later\r\nRetry-After: Tue, 14 Nov 2023 22:20:00 GMT\r\n\r\n",
    "date_850": TIME + b"HTTP/1.1 503 x\r\nRetry-After: Tuesday, 14-Nov-23 22:20:00 GMT\r\n\r\n",
    "date_c": TIME + b"HTTP/1.1 503 x\r\nRetry-After: Tue Nov 14 22:20:00 2023\r\n\r\n",
    "interim": TIME + b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nRetry-After:  9  \r\n\r\nRetry-After: 8\r\n",
}

# ---- ELF files, as doctor reads them: no more than heads ----
IDENT = b"\x7fELF\2\1\1" + bytes(9)


def elf(kind, segments, rest=b"", ident=IDENT, machine=62):
    head = ident + struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0x1000, 64, 0, 0, 64, 56, len(segments), 64, 0, 0)
    return head + b"".join(struct.pack("<IIQQQQQQ", *s) for s in segments) + rest


INTERPRETER = b"/lib64/ld-linux-x86-64.so.2\0"
STRINGS = b"\0liburing.so.2\0libasan.so.8\0"
AT = 64 + 3 * 56


def dynamic(*entries):
    return b"".join(struct.pack("<QQ", *e) for e in entries + ((0, 0),))


TABLE = dynamic((1, 1), (1, 15), (5, AT + 28), (10, len(STRINGS)))
LINKED = elf(3, [(3, 4, AT, AT, AT, 28, 28, 1), (1, 5, 0, 0, 0, 4096, 4096, 4096),
                 (2, 6, AT + 28 + len(STRINGS), AT + 28 + len(STRINGS), 0, len(TABLE), len(TABLE), 8)],
             INTERPRETER + STRINGS + TABLE)
ELF = {"static": elf(2, []), "linked": LINKED, "cut": LINKED[:-20],
       "lies": elf(3, [(2, 6, 1 << 62, 0, 0, 1 << 63, 0, 8), (3, 4, 60, 0, 0, 1 << 40, 0, 1)]),
       "other_class": b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HH", 2, 40) + bytes(32), "text": b"#!/bin/sh\n"}

# ---- what a scraper asks: length of pieces, request ----
SCRAPE = {
    "prometheus": b"\6GET /metrics HTTP/1.1\r\nHost: a:9464\r\nUser-Agent: Prometheus/2.48\r\n"
                  b"Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n\r\n",
    "long": b"\xa0GET /metrics?a=b HTTP/1.0\n\n", "head": b"\0HEAD /metrics HTTP/1.1\r\n\r\n",
    "post": b"\3POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "other": b"\3GET / HTTP/1.1\r\n\r\n",
    "no_http": b"\1\x16\3\1\2\0\1\0\1\xfc\3\3", "too_long": b"\3GET /metrics HTTP/1.1\r\nX: " + b"a" * 8300 + b"\r\n\r\n",
    "unfinished": b"\2GET /metrics HTTP/1.1\r\nHost: a",
}

# ---- what the command reads ----
LINE = (b'{"resourceSpans":[{"resource":{},"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c",'
        b'"spanId":"b7ad6b7169203331","name":"a \\"b\\" {","startTimeUnixNano":"17","endTimeUnixNano":"18",'
        b'"links":[{"traceId":"1af7651916cd43dd8448eb211c80319c","spanId":"c7ad6b7169203331"}]}]}]}]}')
COMMAND = {
    "spans": b"\0" + LINE.replace(b' \\"b\\" ', b" ") , "lines": b"\0" + LINE + b"\n" + LINE[:90] + b"\n" + LINE + b"\n",
    "script": b"\1#!/bin/sh -e\nexit\n", "script_env": b"\1#! /usr/bin/env -S A=b sh -x\n", "script_none": b"\1#!/no/such\n",
    "script_bare": b"\1#!\n", "name": b"\2" + b"0000abcd-1234-0123456789abcdef.seg",
    "name_odd": b"\2" + b"0000abcd-01234-0123456789abcdef.seg",
}


# ---- records on their way through the filter: how, kind, behind the head ----
def attr(key, kind, value):
    return struct.pack("<BBH", key, kind, len(value)) + value + bytes(-len(value) % 4)


NAME, MESSAGE, EVENT_JSON, CRUMB_CATEGORY, CRUMB_MESSAGE, CRUMB_DATA = 28, 38, 39, 43, 41, 45
JSON = b'{"password":"x","a":{"token":12,"url":"http://u:p@h/"},"zebra":["k",null]}'
CAPTURED = struct.pack("<10QBBB5x", 5, 6, 7, 1, 2, 3, 0, 1, 2, 3, 1, 3, 0)
CRUMB = attr(CRUMB_CATEGORY, 4, b"http") + attr(CRUMB_MESSAGE, 4, b"GET /?token=abcdef") + attr(CRUMB_DATA, 6, JSON)


def set_record(value, key=b""):
    return struct.pack("<QQIIHBBBB2x", 2, 1, 0, len(value), len(key), 9, 0, 0, 0) + key + value


FILTER = {
    "attrs": b"\0\0" + struct.pack("<QQ", 3, 4) + attr(NAME, 4, b"a") + attr(MESSAGE, 4, b"password=hunter2; k: v"),
    "event": b"\0\3" + CAPTURED + attr(MESSAGE, 4, b"Authorization: Bearer abc") + attr(EVENT_JSON, 6, JSON),
    "crumb": b"\0\4" + set_record(CRUMB), "crumb_dropped": b"\2\4" + set_record(CRUMB, b"key."),
    "tag": b"\0\x84" + set_record(b"password=x"), "off": b"\1\3" + CAPTURED + attr(EVENT_JSON, 6, JSON),
    "long": b"\0\0" + struct.pack("<QQ", 3, 4) + attr(MESSAGE, 4, b"k=1 " * 5000),
}

# ---- a whole segment: how, then where, place, length, bytes ----
SEGMENT = {
    "sound": b"\0", "dead": b"\1", "cut_short": b"\2\x30\x0a", "cut_in_lane": b"\3\0\x06",
    "head_lies": b"\0" + bytes([1, 0, 8]) + struct.pack("<Q", 1 << 40), "lanes": b"\0" + bytes([0, 16, 4, 255, 3, 0, 0]),
    "lanes_later": b"\4" + bytes([0, 16, 8]) + struct.pack("<II", 1024, 1 << 20),
    "records": b"\1" + bytes([11, 3, 8]) + bytes(8) + bytes([11, 9, 8]) + b"\xff" * 8 + bytes([4, 7, 2, 9, 9]),
    "versions": b"\0" + bytes([11, 11, 16]) + struct.pack("<QQ", 100, 101),
    "crash": b"\0" + bytes([6, 20, 12]) + struct.pack("<III", 34, 65536, 28672) + bytes([6, 8, 4]) + b"\0\0\0\0",
    "crash_lies": b"\5" + bytes([6, 20, 12]) + b"\xff" * 12, "asks": b"\0" + bytes([0, 80, 8, 1, 0, 0, 0, 7, 0, 0, 0]),
}

# ---- what is put into writes: how, steps less one, four bytes a step, what is written ----
PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
GET = b"GET /a HTTP/1.1\r\nHost: b\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\n\r\nhello"
PROXIED = b"GET /a HTTP/1.1\r\nHost: b\r\ntraceparent: " + PARENT + b"\r\n\r\n"


def writes(how, rows, text):
    return bytes([how, len(rows) - 1]) + b"".join(struct.pack("<BHB", *row) for row in rows) + text


WHOLE, PIECES, LATE = [(0, 0, 255)], [(3, 5, 7), (4, 9, 255), (8, 2, 0)], [(0, 11, 1), (4, 0, 0), (0, 0, 3)]
INJECT = {
    "whole": writes(0, WHOLE, GET), "pieces": writes(0, PIECES, GET + POST), "late": writes(0, LATE, POST),
    "pipeline": writes(0, [(4, 28, 200)], GET * 3), "proxy": writes(4, WHOLE, PROXIED),
    "proxy_pieces": writes(4, PIECES, PROXIED + GET), "proxy_other": writes(4, WHOLE, GET),
    "tls": writes(1, WHOLE, GET + POST), "tls_late": writes(1, LATE, GET), "tls_parts": writes(2, WHOLE, POST + GET),
    "tls_parts_late": writes(2, LATE, GET + PROXIED), "tls_some": writes(3, PIECES, GET + POST),
    "bare_line_ends": writes(0, WHOLE, GET.replace(b"\r", b"")), "connect": writes(0, WHOLE, b"CONNECT a:1 HTTP/1.1\r\n\r\n"),
    "chunked": writes(0, [(1, 30, 100)], b"PUT / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + GET),
    "no_http": writes(0, PIECES, b"*1\r\n$4\r\nPING\r\n"), "long_head": writes(1, WHOLE, GET[:-2] + b"X: " + b"y" * 17000 + b"\r\n\r\n"),
}

# ---- the library's printf: room, conversion (what, flags, width, precision), argument, text around it ----
FORMAT = {
    "int": bytes([1, 0, 2, 8, 0]) + struct.pack("<q", -5) + b"a b", "hex": bytes([1, 3, 16, 12, 0x84]) + struct.pack("<q", 77),
    "real": bytes([1, 9, 4, 9, 0x83]) + struct.pack("<d", -2.5), "string": bytes([5, 7, 1, 9, 0x82]) + b"abcdefgh",
    "by_argument": bytes([1, 0, 0x60, 20, 0x8a]) + struct.pack("<q", 1 << 40), "pointer": bytes([1, 8, 0, 0, 0]) + b"\xff" * 8,
    "text": bytes([1, 0, 0, 0, 0]) + bytes(8) + b"%5s|%-*d|%m|%%|%lc|%q",
}

# ---- what fuzzers have found, whose inputs were not kept at the time ----
FOUND = {
    # A value that just fits was called cut for the blanks behind it, when its line came in pieces.
    "http1": {"full_value_and_blanks": b"01GET / HTTP/1.1\r\nHost: " + b"0" * 127 + b"7  \r\n\r\n"},
    # Nothing was added to no pointer: the first batch of all, with nothing much in it.
    "event": {"first": b"\3{}"},
    "otlp": {"first": bytes(4)},
}

CORPORA = {"buckets": BUCKETS, "metrics": METRICS, "otlp_answer": OTLP_ANSWER, "answer_head": ANSWER_HEAD, "elf": ELF,
           "scrape": SCRAPE, "command": COMMAND, "filter": FILTER, "segment": SEGMENT, "inject": INJECT, "format": FORMAT,
           **FOUND}

corpora.write(CORPORA)
