# SPDX-License-Identifier: MIT
"""test_command.py - the command: where the page goes, what goes into it, what is said when something is wrong."""

import json
import os
import re
import subprocess

from lib import Skip, check, need_program
from pages import HERE, line, report, span


def block(html, name):
    with open(html, encoding="utf-8") as file:
        return json.loads(re.search(f'<script type="application/json" id="{name}">(.*?)</script>', file.read(), re.S).group(1))


def four(home):
    """Four traces; names are their numbers."""
    return home.write("four.jsonl", "".join(line([span(number, number, f"n{number}", start=number * 10 ** 9, lasted=number * 10 ** 6,
                                                         status={"code": 2} if number == 2 else {})]) for number in (1, 2, 3, 4)))


def names_in(html):
    index = block(html, "index")
    return [index["texts"][number] for number in index["spans"]["name"]]


def options(home):
    path = four(home)
    for arguments, wanted in (((), ["n1", "n2", "n3", "n4"]), (("--limit", "2"), ["n3", "n4"]), (("--errors",), ["n2"]), (("--name", "n[13]"), ["n1", "n3"]),
                              (("--min-duration", "3ms"), ["n3", "n4"]), (("--trace", f"{3:032x}"), ["n3"]), (("--since", "1s"), [])):
        report(home, path, *arguments, "-o", "out.html")
        told = names_in(home.path("out.html"))
        check(told == wanted, f"{arguments}: {told}, not {wanted}")
    other = home.write("other.jsonl", line([span(9, 9, "n9", start=99 * 10 ** 9)]))
    report(home, path, other, "-o", "out.html")
    check(names_in(home.path("out.html")) == ["n1", "n2", "n3", "n4", "n9"], "two files")
    home.write("four.jsonl.1", line([span(8, 8, "n0")]))
    report(home, path, "--all", "-o", "out.html")
    check(names_in(home.path("out.html")) == ["n0", "n1", "n2", "n3", "n4"], "rotated files")


def places(home):
    path = four(home)
    report(home, path)
    made = home.path("tagalong-report.html")
    check(os.stat(made).st_mode & 0o777 == 0o600, "others may read it")
    os.chmod(made, 0o644)
    report(home, path)
    check(os.stat(made).st_mode & 0o777 == 0o644, "the mode of what was there is lost")
    done = subprocess.run([home.tagalong, "report", "-o", "-", path], capture_output=True, timeout=60, env=home.environment())
    check(done.returncode == 0 and done.stdout.startswith(b"<!doctype html>") and not done.stderr, f"standard output: {done.stderr}")
    with open(path, "rb") as stdin:
        report(home, "-", "-o", "piped.html", stdin=stdin)
    check(names_in(home.path("piped.html")) == ["n1", "n2", "n3", "n4"], "standard input")
    check(sorted(name for name in os.listdir(home.dir) if ".html." in name) == [], "something is left beside it")
    moved = subprocess.run([home.tagalong, "report"], capture_output=True, timeout=60, cwd=home.dir, text=True,
                           env={**home.environment(), "TAGALONG_FILE": path})
    check(moved.returncode == 0 and "4 spans in 4 traces" in moved.stderr, f"the file that show finds: {moved.stderr}")


def mistakes(home):
    path = four(home)
    before = home.write("kept.html", "kept")
    for arguments, status, words in ((("--colour",), 2, "--colour"), (("--limit", "x", path), 2, "a number of traces"), (("-o",), 2, "needs a value"),
                                     (("--min-duration", "x"), 2, "a unit"), ((home.path("none.jsonl"),), 1, "cannot read"),
                                     ((path, "-o", home.dir), 1, "cannot write"), ((path, "-o", "/nonexistent/x.html"), 1, "name another file"),
                                     ((path, "-o", path), 1, "is what is read"), ((home.path("none.jsonl"), "-o", before), 1, "cannot read")):
        said = report(home, *arguments, status=status)
        check(said.startswith("tagalong: ") and words in said, f"{arguments}: {said}")
    check(home.read("kept.html") == "kept", "a page was lost though there is no new one")
    if os.path.exists("/dev/full"):
        check("No space" in report(home, path, "-o", "/dev/full", status=1), "a full device")
    check(not [name for name in os.listdir(home.dir) if ".html." in name], "something is left beside it")


def same_for_the_same(home):
    """But for its number and the time, a page of the same spans is the same."""
    path, pages = four(home), []
    for name in ("a.html", "b.html"):
        report(home, path, "-o", name)
        text = home.read(name)
        nonce = re.search("'nonce-([0-9a-f]{32})'", text).group(1)
        check(text.count(nonce) == 4, "the number is not where it belongs")
        pages.append(re.sub('"made":[0-9]+', "", text.replace(nonce, "")))
    check(pages[0] == pages[1], "two pages of the same spans differ")
    check("http://" not in pages[0].replace("http://www.w3.org/2000/svg", "") and "https://" not in pages[0], "the page names another place")


def scripts(home):
    """The parts of the page that need no page, in Node."""
    program = need_program("node")
    done = subprocess.run([program, os.path.join(HERE, "scripts.js")], capture_output=True, text=True, timeout=60)
    if "SyntaxError" in done.stderr and "??" in done.stderr:
        raise Skip("this Node is too old")
    check(done.returncode == 0, done.stderr[-600:])


TESTS = [("command/options", options), ("command/places", places), ("command/mistakes", mistakes), ("command/same", same_for_the_same),
         ("command/scripts", scripts)]
