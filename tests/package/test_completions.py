# SPDX-License-Identifier: MIT
"""Completions, asked in real shells: what is offered are the verbs and options of the command itself."""

import os
import re
import subprocess

import made
from lib import ROOT, check, need_program

BASH = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
_tagalong 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""

# A terminal with a zsh in it; what it offers stands between the two marks of the list.
ZSH = """
zmodload zsh/zpty
zpty shell zsh -f -i
expect() {
	local got all=
	local -i n=0
	while ((n++ < 400)); do
		if zpty -r -t shell got; then all+=$got; [[ $all == *$1* ]] && { print -r -- "$all"; return 0 } else sleep 0.05; fi
	done
	print -r -- "not seen: $1 in $all"
	return 1
}
zpty -w shell "PS1= ; fpath=($1 \\$fpath); autoload -Uz compinit; compinit -u -D; zstyle ':completion:*' list-grouped no"
zpty -w shell "LISTMAX=1000; unsetopt auto_menu menu_complete beep zle_bracketed_paste; setopt auto_list list_rows_first"
zpty -w shell "stty cols 200 rows 60; print RE''ADY"
expect READY >/dev/null || exit 1
zpty -w -n shell "$2"$'\\t'
sleep 1
zpty -w -n shell $'\\t'
sleep 1
zpty -w -n shell $'\\C-u'"print EN''D"$'\\n'
expect END
zpty -d shell
"""


def offered(home, *words):
    file = os.path.join(ROOT, "docs/completions/tagalong.bash")
    done = subprocess.run(["bash", "-c", BASH, "bash", file, *words], capture_output=True, text=True, cwd=home.dir,
                          env=made.clean_environment())
    check(done.returncode == 0 and not done.stderr, f"{words}: {done.stderr}")
    return done.stdout.split()


def help_of(home, *verb):
    return subprocess.run([home.tagalong, "help", *verb], capture_output=True, text=True, check=True).stdout


def verbs_of(home):
    return re.findall(r"^  ([\w-]+) +", help_of(home), re.M)


def bash_options(home):
    """All verbs, and all options of each, as the help texts of this build list them."""
    need_program("bash")
    verbs = verbs_of(home)
    check(set(verbs) <= set(offered(home, "tagalong", "")), f"verbs: {offered(home, 'tagalong', '')}")
    for verb in verbs:
        wanted = set(re.findall(r"^  (?:-\w, )?(--[\w-]+)", help_of(home, verb), re.M))
        found = set(offered(home, "tagalong", verb, "--"))
        check(wanted <= found and found - wanted <= {"--help"}, f"{verb}: {found ^ wanted}")


def bash_values(home):
    need_program("bash")
    os.mkdir(home.path("place"))
    home.write("place.jsonl", "")
    for words, wanted in (
            (("tagalong", "sho"), ["show"]),
            (("tagalong", "show", "--kind", ""), ["server", "client", "internal", "producer", "consumer"]),
            (("tagalong", "export", "--to", "per"), ["perfetto"]),
            (("tagalong", "show", "pla"), ["place.jsonl", "place"]),
            (("tagalong", "status", "--run-dir", "pla"), ["place"]),
            (("tagalong", "run", "-o", "pla"), ["place.jsonl", "place"]),
            (("tagalong", "help", "env"), ["environment"]),
            (("tagalong", "--ver"), ["--version"]),
            (("tagalong", "run", "--service", "x", "dpkg-de"), ["dpkg-deb"]),
            (("tagalong", "dpkg-de"), ["dpkg-deb"]),
            (("tagalong", "span", "NAME", "--", "dpkg-de"), ["dpkg-deb"]),
            (("tagalong", "run", "cat", "pla"), ["place.jsonl", "place"]),
            (("tagalong", "run", "cat", "--"), [])):
        found = offered(home, *words)
        check(sorted(found) == sorted(wanted), f"{' '.join(words)}: {found}, not {wanted}")


def zsh_offers(home, line):
    place = home.path("functions")
    os.makedirs(place, exist_ok=True)
    subprocess.run(["cp", os.path.join(ROOT, "docs/completions/_tagalong"), place], check=True)
    done = subprocess.run(["zsh", "-f", "-c", ZSH, "zsh", place, line], capture_output=True, text=True, cwd=home.dir,
                          env=made.clean_environment(TERM="dumb", ZDOTDIR=home.dir), timeout=90)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stdout)


def zsh(home):
    need_program("zsh")
    said = zsh_offers(home, "tagalong ")
    missing = [verb for verb in verbs_of(home) if verb not in said]
    check(not missing, f"verbs {missing} are not in {said[-900:]}")
    for verb in ("run", "show", "export"):
        said = zsh_offers(home, f"tagalong {verb} --")
        wanted = set(re.findall(r"^  (?:-\w, )?(--[\w-]+)", help_of(home, verb), re.M))
        missing = [option for option in wanted if option not in said]
        check(not missing, f"{verb}: {missing} are not in {said[-900:]}")
    said = zsh_offers(home, "tagalong export --to perf")
    check("perfetto" in said, said[-500:])


TESTS = [("completions/bash_options", bash_options), ("completions/bash_values", bash_values), ("completions/zsh", zsh)]
