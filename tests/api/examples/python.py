# SPDX-License-Identifier: MIT
"""python.py - spans and tags of a Python program.

Shown in: other languages
"""

import tagalong

with tagalong.span("import"):
    tagalong.set_tag("file", "prices.csv")
    for line in ("1", "x"):
        try:
            with tagalong.span("line"):
                int(line)
        except ValueError as error:
            tagalong.capture_error(error)
