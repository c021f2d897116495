# SPDX-License-Identifier: MIT
"""docs_command.py - what is made of the help texts of the command: tagalong(1), tagalong(7) and the
completions for bash and zsh.

A help text is read as it is printed: "usage:" lines, paragraphs, and options, which are lines
that begin with two spaces and a dash.  A word behind an option is the name of its value (FILE,
DIR, N); alternatives (a|b), or a value in small letters, are the values themselves.
"""

import re
import subprocess
import textwrap

OPTION = re.compile(r"^  (-[-\w]+(?:, --?[-\w]+)*)(?: ([^\s-]\S*))?(?:  +(\S.*))?$")
STATUS = re.compile(r"exit status", re.I)
PAGE_STATUS = """\
A verb that runs a program ends as the program does, by the same signal when it died of one. 127: it was
not found, 126: it cannot be executed. For all others 0 is done, 1 something went wrong and was said on
standard error, 2 wrong usage. In detail:
"""
FILES = [
    ("tagalong.jsonl", "Where `tagalong run` writes: spans, as OTLP JSON lines; old ones are in FILE.1, FILE.2 and so on."),
    ("tagalong.logs.jsonl", "Beside it: what programs captured, and crashes, as OTLP log records."),
    ("$XDG_STATE_HOME/tagalong/", "By default ~/.local/state/tagalong: tagalong.jsonl of programs that were preloaded without "
     "the command, agent.log (the agent's own messages), spool (what waits for a receiver)."),
    ("/dev/shm/tagalong-UID/", "The run directory, or TAGALONG_RUN_DIR: KEY-PID-RANDOM.seg (segments that programs and agent "
     "share), KEY.agent (locked while an agent lives), KEY.journal-N, KEY.status. May be removed when no program runs."),
    ("PREFIX/lib/libtagalong.so", "The library. The command looks for it beside itself and in ../lib, ../lib/ARCH, ../lib64, "
     "../lib/tagalong."),
    ("PREFIX/libexec/tagalong/tagalong-stacks", "What the agent starts to read the stacks of a program that crashed."),
]
EXAMPLES = [
    ("tagalong python3 server.py", "Run a server; stop it, and read what it did:"),
    ("tagalong show --errors", None),
    ("OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 tagalong run ./server", "To a collector:"),
    ("LD_PRELOAD=libtagalong.so redis-server", "Without the command, for services:"),
]


class Option:
    def __init__(self, names, value, text):
        self.names, self.value, self.texts = names, value, [text] if text else []

    @property
    def text(self):
        return " ".join(self.texts)

    def values(self):
        """What the value can be, or an empty list."""
        text = re.sub(r" \([^)]*\)", "", self.text)
        listed = re.match(r"^([a-z0-9]+)((?:, [a-z0-9]+)*),? or ([a-z0-9]+)\b", text)
        named = re.match(r"^(?:[^:]*: )?([a-z0-9]+(?:, [a-z0-9]+){2,})(?:[;.(]|$)", text)
        if self.value and "|" in self.value:
            return self.value.split("|")
        if listed and self.value:
            return [listed.group(1), *re.findall(r"[a-z0-9]+", listed.group(2)), listed.group(3)]
        return named.group(1).split(", ") if named and self.value else []


class Verb:
    def __init__(self, name, clause, printed):
        self.name, self.clause = name, clause.strip()
        usages, self.body = printed.split("\n\n", 1) if "\n\n" in printed else (printed, "")
        self.synopses = re.findall(r"^(?:usage:)? +tagalong (.*)$", usages, flags=re.M)
        self.synopsis = self.synopses[0]
        self.blocks = blocks(self.body)
        self.options = [item for kind, item in self.blocks if kind == "option"]

    @property
    def takes_program(self):
        return re.search(r"\b(PROGRAM|COMMAND)\b", self.synopsis) is not None

    def choices(self, option):
        """Values of an option, from all the lines that it has."""
        same = [o for o in self.options if o.names == option.names]
        found = [v for o in same for v in o.values()]
        words = [o.value for o in same if o.value and re.match(r"^[a-z]+$", o.value)]
        in_usage = re.search(re.escape(option.names[-1]) + r" ([a-z]+(?:\|[a-z]+)+)", self.synopsis)
        return found or words or (in_usage.group(1).split("|") if in_usage else [])


def blocks(body):
    """("text" | "code", lines) and ("option", Option), in order."""
    found = []
    for line in body.rstrip("\n").split("\n"):
        option = OPTION.match(line)
        kind, last = found[-1] if found else (None, None)
        if option:
            found.append(("option", Option(option.group(1).split(", "), option.group(2), option.group(3))))
        elif not line.strip():
            found.append((None, None))
        elif kind == "option" and re.match(r"^ {6,}\S", line):
            last.texts.append(line.strip())
        elif line.startswith("  "):
            found.append(("code", [line])) if kind != "code" else last.append(line)
        else:
            found.append(("text", [line])) if kind != "text" else last.append(line)
    return [block for block in found if block[0]]


def tool(build, *arguments):
    return subprocess.run([f"{build}/tagalong", *arguments], check=True, capture_output=True, text=True).stdout


def read(build):
    listed = re.findall(r"^  ([\w-]+) +(.*)$", tool(build, "help"), flags=re.M)
    return [Verb(name, clause, tool(build, "help", name)) for name, clause in listed]


# ---- man pages ----

def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def wrapped(lines):
    """One sentence a line, and short lines: what readers of the source, and mandoc, like."""
    return textwrap.wrap(" ".join(line.strip() for line in lines), 79, break_on_hyphens=False, break_long_words=False)


def man_option(option):
    names = ", ".join(f"\\fB{roff(name)}\\fR" for name in option.names)
    value = f" \\fI{roff(option.value)}\\fR" if option.value else ""
    return [".TP", names + value, *(roff(line) for line in wrapped([option.text or "The same."]))]


def man_blocks(found):
    """Behind a heading: the first paragraph needs no request."""
    page = []
    for kind, item in found:
        if kind == "option":
            page += man_option(item)
        elif kind == "code":
            page += [".PP", ".nf", *(roff(line) for line in item), ".fi"]
        else:
            page += [".PP", *(roff(line) for line in wrapped(item))]
    return page[1:] if page and page[0] == ".PP" else page


def statuses(verb):
    """The sentences of a verb that tell its exit status."""
    found = []
    for kind, item in verb.blocks:
        if kind == "text":
            text = " ".join(item)
            at = STATUS.search(text)
            start = max(text.rfind(".  ", 0, at.start()) + 3, text.rfind(". ", 0, at.start()) + 2) if at else 0
            found += [re.sub(r" `tagalong PROGRAM` is the same.*", "", text[start if start > 2 else 0:])] if at else []
    return found


def command_page(verbs, version):
    page = [f'.TH TAGALONG 1 "" "Tagalong {version}" "User Commands"', ".SH NAME", "tagalong \\- traces of programs that nobody will recompile", ".SH SYNOPSIS",
             "\\fBtagalong\\fR \\fIPROGRAM\\fR [\\fIARGS\\fR...]"]
    for verb in verbs:
        for synopsis in verb.synopses:
            name, _, rest = synopsis.partition(" ")
            page += [".br", f"\\fBtagalong {roff(name)}\\fR {roff(rest)}".rstrip()]
    page += [".br", "\\fBtagalong \\-\\-version\\fR | \\fB\\-\\-help\\fR", ".SH DESCRIPTION",
             "Runs a program with libtagalong.so preloaded and records what it does as spans:",
             "connections, requests, threads, signal deliveries, what it asks others, and crashes.",
             "Nothing has to be recompiled, restarted as root or configured.",
             ".PP", "\\fBtagalong\\fR \\fIPROGRAM\\fR means \\fBtagalong run\\fR \\fIPROGRAM\\fR.", ".SH COMMANDS"]
    for verb in verbs:
        page += [f".SS {roff(verb.name)}"]
        clause = verb.clause[0].upper() + verb.clause[1:] + "."
        same = verb.blocks and verb.blocks[0][0] == "text" and " ".join(verb.blocks[0][1]).rstrip(".").lower() == verb.clause.lower()
        body = man_blocks(verb.blocks[1:] if same else verb.blocks)
        page += [roff(clause)] + ([".PP"] if body and not body[0].startswith(".") else []) + body
    page += [".SH EXIT STATUS", *(roff(line) for line in wrapped([PAGE_STATUS]))]
    for verb in verbs:
        for sentence in statuses(verb):
            page += [".TP", f"\\fB{roff(verb.name)}\\fR", *(roff(line) for line in wrapped([sentence]))]
    page += [".SH ENVIRONMENT", "Settings are environment variables, all of which are in", ".BR tagalong (7).", ".SH FILES"]
    for name, text in FILES:
        page += [".TP", f"\\fI{roff(name)}\\fR", *(roff(line) for line in wrapped([text]))]
    page += [".SH EXAMPLES"]
    for command, text in EXAMPLES:
        page += ([".PP"] if page[-1] != ".SH EXAMPLES" else []) + [roff(text)] if text else []
        page += [".PP", ".nf", ".RS 4", roff(command), ".RE", ".fi"]
    page += [".SH SEE ALSO", ".BR tagalong (7),", ".BR libtagalong (3),", ".BR ld.so (8),", ".BR strace (1)", ""]
    return "\n".join(page)


def settings_page(build, version):
    return "\n".join([
        f'.TH TAGALONG 7 "" "Tagalong {version}" "Miscellaneous"', ".SH NAME",
        "tagalong \\- settings of libtagalong.so and its agent", ".SH DESCRIPTION",
        "Settings are environment variables, read when a program starts.",
        "An empty value means not set.", "A value that is not allowed is reported and the",
        "default is used.", ".SH ENVIRONMENT",
        tool(build, "help", "environment", "--man").rstrip("\n"),
        ".SH SEE ALSO", ".BR tagalong (1),", ".BR libtagalong (3)", ""])


# ---- completions ----

def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def kind_of(value):
    if value in ("FILE", "OUT", "REPORT", "PATH"):
        return "file"
    return "dir" if value == "DIR" else "value"


def bash_case(verb):
    """What each option of a verb that takes a value completes to."""
    lines, seen = [], set()
    for option in verb.options:
        if option.value and tuple(option.names) not in seen:
            seen.add(tuple(option.names))
            choices = verb.choices(option)
            action = f"words {' '.join(choices)}" if choices else kind_of(option.value)
            lines.append(f"\t\t{verb.name}:{f'|{verb.name}:'.join(option.names)}) echo {quoted(action)} ;;")
    return lines


def names_of(verb):
    return " ".join(dict.fromkeys(name for option in verb.options for name in option.names))


def rest_of(verb):
    """What stands behind the options."""
    if verb.takes_program:
        return "program"
    if verb.name == "help":
        return "verb"
    if re.search(r"(?:^|[\s\[])FILE(?:\.\.\.)?\]?$", verb.synopsis):
        return "file"
    return "dir" if re.match(r"^\S+ DIR\b", verb.synopsis) else "none"


BASH = """\
# SPDX-License-Identifier: MIT
# Made by scripts/docs from the help texts of the command; do not edit.
# Completion of tagalong for bash, with or without the package bash-completion.

_tagalong_verbs='@VERBS@'

_tagalong_options() {
	case $1 in
@OPTIONS@
	esac
}

# What the value of an option is: "file", "dir", "value", or "words" and the words.  Nothing: it has none.
_tagalong_value() {
	case $1:$2 in
@VALUES@
	esac
}

# What stands behind the options of a verb.
_tagalong_rest() {
	case $1 in
@REST@
	*) echo none ;;
	esac
}

_tagalong_reply() {
	case $1 in
	file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
	dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$2") ;;
	words*) mapfile -t COMPREPLY < <(compgen -W "${1#words}" -- "$2") ;;
	program)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -c -- "$2" | sort -u)
		[[ $2 != */* ]] || mapfile -t COMPREPLY < <(compgen -f -- "$2")
		;;
	esac
}

# The arguments of a program that is run are the program's own to complete.
_tagalong_of_program() {
	if declare -F _command_offset >/dev/null; then
		_command_offset "$1"
	else
		_tagalong_reply file "${COMP_WORDS[COMP_CWORD]}"
	fi
}

_tagalong() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local verb=run at=1 rest value options=yes skipped=0
	COMPREPLY=()
	if ((COMP_CWORD == 1)) && [[ $current != -* ]]; then
		_tagalong_reply "words $_tagalong_verbs" "$current"
		((${#COMPREPLY[@]})) || _tagalong_reply program "$current"
		return
	fi
	if [[ " $_tagalong_verbs " == *" ${COMP_WORDS[1]} "* ]]; then
		verb=${COMP_WORDS[1]} at=2
	fi
	rest=$(_tagalong_rest "$verb")
	# Where the program begins: behind the options, and of span behind its name and "--".
	for (( ; at < COMP_CWORD; at++)); do
		value=$(_tagalong_value "$verb" "${COMP_WORDS[at]}")
		if [[ ${COMP_WORDS[at]} == -- ]]; then
			options=no
			((at++))
			break
		elif [[ -n $value ]]; then
			((at++))
		elif [[ ${COMP_WORDS[at]} != -* && $rest == program ]]; then
			[[ $verb == span && $skipped == 0 ]] || break
			skipped=1
		fi
	done
	if [[ $rest == program ]] && ((at < COMP_CWORD)); then
		_tagalong_of_program "$at"
		return
	fi
	value=$(_tagalong_value "$verb" "$previous")
	if [[ $options == yes && -n $value ]]; then
		_tagalong_reply "$value" "$current"
	elif [[ $options == yes && $current == -* ]]; then
		_tagalong_reply "words $(_tagalong_options "$verb") --help" "$current"
		[[ ${COMP_CWORD} != 1 ]] || COMPREPLY+=($(compgen -W --version -- "$current"))
	elif [[ $rest == verb ]]; then
		_tagalong_reply "words $_tagalong_verbs environment" "$current"
	else
		_tagalong_reply "$rest" "$current"
	fi
}

complete -F _tagalong tagalong
"""


def bash(verbs):
    options = [f"\t{verb.name}) echo {quoted(names_of(verb))} ;;" for verb in verbs if verb.options]
    rest = [f"\t{verb.name}) echo {rest_of(verb)} ;;" for verb in verbs if rest_of(verb) != "none"]
    values = [line[1:] for verb in verbs for line in bash_case(verb)]
    return (BASH.replace("@VERBS@", " ".join(verb.name for verb in verbs))
            .replace("@OPTIONS@", "\n".join(options)).replace("@VALUES@", "\n".join(values))
            .replace("@REST@", "\n".join(rest)))


ZSH = """\
#compdef tagalong
# SPDX-License-Identifier: MIT
# Made by scripts/docs from the help texts of the command; do not edit.

local curcontext=$curcontext state line ret=1
local -a verbs
verbs=(
@VERBS@
)

_arguments -C '(- *)'{-h,--help}'[explain]' '(- *)'{-V,--version}'[tell the version]' \\
	'1: :->first' '*:: :->rest' && ret=0

case $state in
first)
	_alternative 'verbs:verb:(('"${(j: :)${(@qqq)verbs}}"'))' 'programs:program:_command_names -e' && ret=0
	;;
rest)
	case $words[1] in
@CASES@
	*) _normal && ret=0 ;;
	esac
	;;
esac
return ret
"""


def zsh_text(text):
    short = re.split(r"\.(?:\s|$)|[;(]", text)[0].strip() or "value"
    return re.sub(r"([\[\]:\\])", r"\\\1", short)


def zsh_option(verb, option):
    """The specification of _arguments."""
    action = ""
    if option.value:
        choices = verb.choices(option)
        kind = kind_of(option.value)
        what = f"({' '.join(choices)})" if choices else {"file": "_files", "dir": "_files -/"}.get(kind, "")
        action = f":{option.value.replace(':', ' ').replace('|', ' or ').replace('[', '').replace(']', '').lower()}:{what}"
    repeated = "*" if verb.name == "span" or re.search(r"repeated|again", option.text) else ""
    text = f"[{zsh_text(option.text)}]{action}"
    if len(option.names) == 1 or repeated:
        return " ".join(quoted(f"{repeated}{name}{text}") for name in option.names)
    return quoted(f"({' '.join(option.names)})") + "{" + ",".join(option.names) + "}" + quoted(text)


def zsh_case(verb):
    seen, words = set(), []
    for option in verb.options:
        if tuple(option.names) not in seen:
            seen.add(tuple(option.names))
            words.append(zsh_option(verb, option))
    rest = {"program": ["'(-)1:program:_command_names -e'", "'*::arguments:_normal'"],
            "file": ["'*:file:_files'"], "dir": ["'1:directory:_files -/'"],
            "verb": ["'1:verb:(('\"${(j: :)${(@qqq)verbs}}\"' environment))'"], "none": []}[rest_of(verb)]
    if verb.name == "span":
        rest = ["'1:name: '", "'(-)2:command:_command_names -e'", "'*::arguments:_normal'"]
    words += ["'--help[explain]'", *rest]
    lines = " \\\n\t\t\t".join(words)
    return f"\t{verb.name})\n\t\t_arguments -S {lines} && ret=0\n\t\t;;"


def zsh(verbs):
    described = [f"\t{quoted(verb.name + ':' + verb.clause.replace(':', ' '))}" for verb in verbs]
    return (ZSH.replace("@VERBS@", "\n".join(described))
            .replace("@CASES@", "\n".join(zsh_case(verb) for verb in verbs)))


def pages(build, version):
    verbs = read(build)
    return {"docs/tagalong.1": command_page(verbs, version), "docs/tagalong.7": settings_page(build, version),
            "docs/completions/tagalong.bash": bash(verbs), "docs/completions/_tagalong": zsh(verbs)}
