# SPDX-License-Identifier: MIT
"""truth.py - which program started which, as they have written it down, and as the spans say.

witness.c leaves a line for every image and every fork.  The parent of an image is the image
that its process had before, else the image of the process that made it; a forked child that
never became another program stands for the image that it was forked from.
"""

import collections

from lib import check

Image = collections.namedtuple("Image", "number pid name parent")  # parent: number of an image, or None


def read(path):
    """Images in the order in which they began."""
    images, current = [], {}  # current: pid -> number of the image that the process runs
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            what, pid, parent, name = line.rstrip("\n").split(" ", 3)
            pid, parent = int(pid), int(parent)
            if what == "fork":
                if parent in current:
                    current[pid] = current[parent]
                else:
                    current.pop(pid, None)
                continue
            before = current.get(pid, current.get(parent))
            images.append(Image(len(images), pid, name, before))
            current[pid] = len(images) - 1
    return images


def process_spans(spans):
    """Spans of programs, by pid, in the order in which they began."""
    found = collections.defaultdict(list)
    for span in sorted(spans, key=lambda span: span.start):
        if is_process(span):
            found[span.resource.get("process.pid")].append(span)
    return found


def is_process(span):
    return span.kind == 1 and "process.executable.name" in span.attrs


def compare(images, spans, parentless=(), without=()):
    """Every image has one span, below that of the image that started it.

    parentless: names of programs whose spans begin a trace (besides the first); without: of programs
    that have none, because they are not traced: their children are their parents' then.
    Returns how many images were compared."""
    by_pid = process_spans(spans)
    mine, seen = {}, collections.Counter()
    for image in images:
        if image.name in without:
            continue
        number = seen[image.pid]
        seen[image.pid] += 1
        check(number < len(by_pid[image.pid]), f"{image.name}, pid {image.pid}, has no span")
        mine[image.number] = by_pid[image.pid][number]
    extra = sum(len(found) for found in by_pid.values()) - len(mine)
    check(extra == 0, f"{extra} spans of programs that nobody has started")
    for image in images:
        if image.number in mine:
            check_parent(images, mine, image, parentless)
    return len(mine)


def check_parent(images, mine, image, parentless):
    span, parent = mine[image.number], image.parent
    while parent is not None and parent not in mine:
        parent = images[parent].parent
    if parent is None or image.name in parentless:
        check(not span.parent_id, f"{image.name}, pid {image.pid}, should have begun a trace")
        return
    wanted = mine[parent]
    told = f"{image.name}, pid {image.pid}, was started by {images[parent].name}, pid {images[parent].pid}"
    check(span.trace_id == wanted.trace_id, f"{told}, but is in another trace")
    check(span.parent_id == wanted.span_id, f"{told}, but its span has another parent")
