# SPDX-License-Identifier: MIT
"""Envelopes as files: a directory instead of a receiver."""

import json
import os
import re
import stat

from lib import FILES, THINGS, check, check_sums


def envelopes(home):
    directory = home.path("deep/envelopes")
    return {name: os.path.join(directory, name) for name in sorted(os.listdir(directory))}


def driver_of(home, **settings):
    return home.driver(TAGALONG_ENVELOPES=home.path("deep/envelopes"), **settings)


def one_file_each(home):
    driver = driver_of(home)
    driver.put(FILES, 100, 1, 500, "error")
    check(driver.flush(), "not flushed")
    check(check_sums(driver, FILES, 100)["sent"] == 100 * THINGS, "all")
    check(stat.S_IMODE(os.stat(home.path("deep/envelopes")).st_mode) == 0o700, "mode of the directory")
    found = envelopes(home)
    check(len(found) == 100, f"{len(found)} files")
    for name, path in found.items():
        check(re.fullmatch(r"[0-9a-f]{32}\.envelope", name), name)
        check(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "mode of a file")
        with open(path, "rb") as file:
            header, item, payload = file.read().split(b"\n")[:3]
        check(json.loads(header)["event_id"] + ".envelope" == name, header)
        check("sent_at" in json.loads(header), header)
        check(len(payload) == json.loads(item)["length"], item)
    with open(f"/proc/{driver.process.pid}/maps", encoding="utf-8") as file:
        check("libcurl" not in file.read(), "no libcurl for files")


def the_oldest_go(home):
    driver = driver_of(home, bytes=100000)
    for first in range(1, 101):
        driver.put(FILES, 1, first, 2000, "error")
        check(driver.flush(), "not flushed")
    status = check_sums(driver, FILES, 100)
    check(status["sent"] == 100 * THINGS, "they were delivered")
    names = [int(name[:32], 16) for name in envelopes(home)]
    check(100 in names and 1 not in names, names)
    check(names == list(range(min(names), 101)), f"the newest are left: {names}")
    check(sum(os.stat(path).st_size for path in envelopes(home).values()) <= 100000, "bounded")
    check(len(names) > 30, names)


def others_stay(home):
    os.makedirs(home.path("deep/envelopes"))
    other = home.path("deep/envelopes/mine.envelope")
    with open(other, "w", encoding="utf-8") as file:
        file.write("x" * 200000)
    driver = driver_of(home, bytes=10000)
    driver.put(FILES, 50, 1, 2000, "error")
    check(driver.flush(), "not flushed")
    check(os.path.getsize(other) == 200000, "what is not ours stays")


def a_place_that_cannot_be(home):
    with open(home.path("deep"), "w", encoding="utf-8"):
        pass
    driver = driver_of(home)
    driver.put(FILES, 5, 1, 500, "error")
    status = driver.until(FILES, lambda now: now["next_try_ns"] > 0, "backing off")
    check(status["waiting"] == 5 * THINGS and "TAGALONG_ENVELOPES" in status["error"], status)
    os.unlink(home.path("deep"))
    check(driver.flush(), "not flushed")
    check(check_sums(driver, FILES, 5)["sent"] == 5 * THINGS, "written later")
    check(len(envelopes(home)) == 5, "all")


TESTS = [
    ("files_one_each", one_file_each),
    ("files_the_oldest_go", the_oldest_go),
    ("files_others_stay", others_stay),
    ("files_a_place_that_cannot_be", a_place_that_cannot_be),
]
