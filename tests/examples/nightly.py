# SPDX-License-Identifier: MIT
"""nightly.py - a Python script that asks a server, with spans of its own by ctypes.

    nightly.py URL...

The three functions come from tests/api/examples/tagalong.py, which docs/api.md shows.
"""
import sys
import urllib.request

import tagalong

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

with tagalong.span("nightly"):
    tagalong.set_tag("job", "prices")
    for url in sys.argv[1:]:
        try:
            opener.open(url).read()
        except OSError as error:
            tagalong.capture_error(error)
