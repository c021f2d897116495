# SPDX-License-Identifier: MIT
"""corpora.py - puts seeds where the fuzzers look for them."""

import os


def write(corpora):
    """corpora: fuzzer -> name of a seed -> its bytes."""
    for fuzzer, seeds in corpora.items():
        folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", fuzzer)
        os.makedirs(folder, exist_ok=True)
        for name, data in seeds.items():
            with open(os.path.join(folder, name), "wb") as seed:
                seed.write(data)
