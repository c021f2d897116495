# SPDX-License-Identifier: MIT
"""docs_api.py - docs/api.md and docs/libtagalong.3 from the public header and its examples.

Every comment right in front of a declaration is its text; "---- name ----" begins a
section.  A public function without a text is an error.  An example says in its header
comment in which section it is shown.
"""

import os
import re
import sys

HEADER = "runtime/include/tagalong.h"
EXAMPLES = "tests/api/examples"
SECTION = re.compile(r"/\* ---- (.*?) ---- \*/")
FUNCTION = re.compile(r"static inline ([^(;={}]*?)\b(tagalong_\w+)(\([^{;]*\))\s*\{", re.S)
MACRO = re.compile(r"#define (TAGALONG_[A-Z_]*[A-Z])\b(?!_)(\([^)]*\))?")
TYPE = re.compile(r"(?:typedef|enum|struct)\b.*?;$", re.S | re.M)
# One comment and what follows it, up to the next comment that begins a line.
ITEM = re.compile(r"^/\*(?! ----)(.*?)\*/\n(.*?)(?=^/\*|\Z)", re.S | re.M)
SHOWN_IN = re.compile(r"^(?: \* )?Shown in: (.*)$", re.M)
OTHER = "other languages"


def text_of(comment):
    """The words of a comment, without its stars."""
    lines = [re.sub(r"^\s*\*? ?", "", line, count=1) if number else line.lstrip()
             for number, line in enumerate(comment.rstrip().split("\n"))]
    return "\n".join(lines).strip("\n").rstrip()


def paragraphs(text):
    """(is_code, text) in order: lines that are indented are code."""
    found = []
    for line in text.split("\n"):
        code = line.startswith("    ") or (not line and found and found[-1][0])
        if not line and not code:
            found.append((None, ""))
        elif found and found[-1][0] == code:
            found[-1] = (code, found[-1][1] + "\n" + line)
        else:
            found.append((code, line))
    return [(code, part.rstrip("\n")) for code, part in found if part.strip()]


def undent(code):
    return re.sub(r"^    ", "", code, flags=re.M)


def one_line(prototype):
    return re.sub(r"\s+", " ", prototype).strip().replace("( ", "(")


def declared(code):
    """What a comment stands in front of: (name, prototype or source) of each."""
    found = [(m.group(2), one_line(m.group(1) + m.group(2) + m.group(3)) + ";")
             for m in FUNCTION.finditer(code)]
    if found:
        return "function", [item for item in found if not item[0].endswith("_")]
    found = [(m.group(1), m.group(1) + (m.group(2) or "")) for m in MACRO.finditer(code)]
    if found and not found[0][0].startswith("TAGALONG_SCOPE_"):
        return "macro", found[:1]
    if found:
        return "type", [("", re.sub(r"TAGALONG_CAST_\((\w+), (\w+)\)", r"((\1)\2)", code.strip()))]
    match = TYPE.search(code)
    return "type", [("", code[match.start():].strip())] if match else []


class Section:
    def __init__(self, name):
        self.name, self.items, self.examples = name, [], []


def read_header(root):
    with open(os.path.join(root, HEADER)) as source:
        header = source.read()
    intro = text_of(re.search(r"/\*\n \* tagalong\.h(.*?)\*/", header, re.S).group(0)[2:-2])
    parts = SECTION.split(header)
    sections = []
    for name, body in zip(parts[1::2], parts[2::2]):
        section = Section(name)
        for comment, code in ITEM.findall(body):
            kind, items = declared(code)
            functions = FUNCTION.findall(code)
            if len([f for f in functions if not f[1].endswith("_")]) > 1:
                sys.exit(f"docs: no text for {functions[1][1]} in {HEADER}")
            if items and "for the macros" not in comment:
                section.items.append((kind, items, text_of(comment)))
        sections.append(section)
    documented = {name for s in sections for kind, items, _ in s.items for name, _ in items}
    for function in FUNCTION.findall(header):
        if not function[1].endswith("_") and function[1] not in documented | {"tagalong"}:
            sys.exit(f"docs: no text for {function[1]} in {HEADER}")
    return intro, sections


def read_examples(root, sections):
    by_name = {section.name: section for section in sections}
    other = by_name[OTHER] = Section(OTHER)
    for name in sorted(os.listdir(os.path.join(root, EXAMPLES))):
        if not name.endswith((".c", ".py")):
            continue
        with open(os.path.join(root, EXAMPLES, name)) as source:
            text = source.read()
        place = SHOWN_IN.search(text)
        if not place or place.group(1) not in by_name:
            sys.exit(f"docs: {EXAMPLES}/{name} has no line 'Shown in: SECTION' of {HEADER}")
        text = re.sub(r"^(/\* SPDX.*|# SPDX.*)\n", "", text)
        text = re.sub(r"\n( \*)?\n(?: \* )?Shown in: .*", "", text)
        by_name[place.group(1)].examples.append((name, text.rstrip("\n")))
    other.examples.sort(key=lambda example: example[0] != "tagalong.py")
    return other


def without_contents(intro):
    """The introduction; its table of contents is the document's own."""
    kept = [part for part in paragraphs(intro)]
    at = next(i for i, (code, part) in enumerate(kept) if part.startswith("Contents,"))
    return kept[1:at] + kept[at + 2:]


# ---- markdown ----

def spell_signal(text):
    text = text.replace("marked [signal]", "that say so")
    return re.sub(r"\s*\[signal\]", " Safe in signal handlers.", text)


def prose(text):
    text = spell_signal(text)
    text = text.replace("<", "&lt;").replace("*", "\\*")
    return re.sub(r"(?<!`)\b((?:tagalong|TAGALONG)_\w*[a-zA-Z](?:\(\))?)", r"`\1`", text)


def markdown_parts(parts):
    out = []
    for code, part in parts:
        out += ["```c", undent(part), "```", ""] if code else [prose(part), ""]
    return out


def anchor(name):
    return name.replace(" ", "-")


def markdown_examples(section):
    out = []
    for name, text in section.examples:
        out += [f"Example: `{EXAMPLES}/{name}`", "",
                "```python" if name.endswith(".py") else "```c", text, "```", ""]
    return out


def markdown_section(section):
    out = [f"## {section.name}", ""]
    for kind, items, text in section.items:
        names = [name for name, _ in items if name]
        if names:
            out += [f"### {', '.join(names)}", ""]
        out += ["```c", "\n".join(source for _, source in items), "```", ""]
        out += markdown_parts(paragraphs(text))
    return out + markdown_examples(section)


OTHER_TEXT = """\
Whatever can call C can call the table `tagalong_api_v1`: a size, then pointers to functions in
the order of `struct tagalong_api` (it grows only at its end). `dlsym(RTLD_DEFAULT,
"tagalong_api_v1")`, or what a language has for it, finds it in the running process when
libtagalong.so is preloaded, and finds nothing otherwise.

Shell: `tagalong span` and `tagalong tag`, see tagalong(1):

```sh
tagalong span "nightly import" -k file=prices.csv -- ./import prices.csv
tagalong tag tenant=acme        # in a script below a span: the trace of $TRACEPARENT
```

Python:
"""


def markdown(intro, sections, other):
    shown = [section for section in sections if section.name != "table"] + [other]
    out = [f"<!-- Made by scripts/docs from {HEADER}; do not edit. -->", "# tagalong.h", "",
           *markdown_parts(without_contents(intro)), "Contents:", ""]
    out += [f"- [{section.name}](#{anchor(section.name)})" for section in shown] + [""]
    for section in shown[:-1]:
        out += markdown_section(section)
    out += [f"## {OTHER}", "", OTHER_TEXT, *markdown_examples(other)]
    return "\n".join(out).rstrip("\n") + "\n"


# ---- man page ----

def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def man_parts(parts):
    out = []
    for code, part in parts:
        if code:
            out += [".PP", ".nf", ".RS 4", roff(undent(part)), ".RE", ".fi"]
        else:
            out += [".PP" if out else "", roff(spell_signal(part))]
    return [line for line in out if line]


def man_examples(section):
    out = []
    for name, text in section.examples:
        out += [f".SS Example: {roff(name)}", ".nf", roff(text.expandtabs()), ".fi"]
    return out


def man_section(section):
    out = [f".SH {section.name.upper()}"]
    for kind, items, text in section.items:
        if kind == "type":
            out += [*([".PP"] if len(out) > 1 else []), *man_parts(paragraphs(text)), ".PP", ".nf", ".RS 4",
                    roff("\n".join(source for _, source in items).expandtabs()), ".RE",
                    ".fi"]
            continue
        out += [".TP"]
        out += [f".B {roff(items[0][1])}", *man_parts(paragraphs(text))[0:1]]
        rest = man_parts(paragraphs(text))[1:]
        out += [".RS", *rest, ".RE"] if rest else []
    return out + man_examples(section)


def man(version, intro, sections, other):
    shown = [section for section in sections if section.name != "table"]
    out = [f'.TH LIBTAGALONG 3 "" "Tagalong {version}" "Library Functions"', ".SH NAME",
           "libtagalong, tagalong.h \\- scopes, spans and events of programs that know they may be watched",
           ".ad l", ".nh", ".SH SYNOPSIS", ".nf", ".B #include <tagalong.h>", ".PP"]
    for section in shown:
        names = [source for kind, items, _ in section.items if kind != "type"
                 for _, source in items]
        out += [f".B {roff(source)}" for source in names] + ([".PP"] if names else [])
    out += [".fi", ".SH DESCRIPTION", *man_parts(without_contents(intro))]
    for section in shown:
        out += man_section(section)
    return "\n".join(out + [".SH SEE ALSO", ".BR tagalong (1),", ".BR tagalong (7)", ""])


def pages(root, version):
    intro, sections = read_header(root)
    other = read_examples(root, sections)
    return {"docs/api.md": markdown(intro, sections, other),
            "docs/libtagalong.3": man(version, intro, sections, other),
            "docs/tagalong.3": ".so man3/libtagalong.3\n"}
