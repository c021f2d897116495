# SPDX-License-Identifier: MIT
"""tagalong.py - set_tag, capture_error and span for Python; nothing happens without the library.

Shown in: other languages
"""
from contextlib import contextmanager
from ctypes import CDLL, CFUNCTYPE, Structure, byref, c_char_p, c_int, c_uint64, c_void_p

try:  # struct tagalong_api: the size, then pointers to functions; places as in tagalong.h
    _table = (c_void_p * 15).in_dll(CDLL(None), "tagalong_api_v1")
except ValueError:  # not preloaded
    _table = None


class _Capture(Structure):  # struct tagalong_capture
    _fields_ = [("what", c_int), ("hub", c_int), ("level", c_int), ("type", c_char_p),
                ("message", c_char_p), ("json", c_char_p), ("scope", c_uint64)]


def _function(place, result, *arguments):
    return CFUNCTYPE(result, *arguments)(_table[place]) if _table else lambda *ignored: 0


_scope_set = _function(2, c_int, c_uint64, c_int, c_char_p, c_char_p)
_capture = _function(11, c_int, c_void_p)
_span_begin = _function(13, None, c_void_p, c_char_p, c_void_p, c_int, c_void_p)
_span_end = _function(14, c_int, c_int, c_char_p, c_char_p)


def set_tag(key, value):
    """Puts a tag on the isolation scope; None removes it."""
    _scope_set(2, 1, key.encode(), None if value is None else str(value).encode())


def capture_error(error):
    _capture(byref(_Capture(2, 0, 5, type(error).__name__.encode(), str(error).encode())))


@contextmanager
def span(name):
    """with span("name"): an exception that leaves makes it a failed one."""
    _span_begin((c_uint64 * 4)(), name.encode(), None, 0, None)
    try:
        yield
    except BaseException as error:
        _span_end(1, type(error).__name__.encode(), str(error).encode())
        raise
    _span_end(0, None, None)
