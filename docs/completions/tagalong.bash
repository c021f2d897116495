# SPDX-License-Identifier: MIT
# Made by scripts/docs from the help texts of the command; do not edit.
# Completion of tagalong for bash, with or without the package bash-completion.

_tagalong_verbs='run wait-crash span tag show status top export report doctor drain agent help'

_tagalong_options() {
	case $1 in
	run) echo '-o --output -e --export --endpoint --dsn --service --tag --sample --keep --follow --no-follow --summary -q --quiet' ;;
	wait-crash) echo '-o --output --service --no-follow --all-threads --fail -q --quiet' ;;
	span) echo '-k --attribute' ;;
	show) echo '--name --min-duration --errors --kind --trace --limit --verbose -v --all-threads --follow --color --help' ;;
	status) echo '--watch --json --run-dir' ;;
	top) echo '--interval --once --count --json --sort --view --run-dir' ;;
	export) echo '--to -o --output --all --name --errors --trace --since' ;;
	report) echo '-o --output --all --limit --name --min-duration --errors --trace --since' ;;
	doctor) echo '-p --pid --probe --json' ;;
	drain) echo '-o --output --stdout --keep' ;;
	agent) echo '--run-dir --key --all --foreground' ;;
	esac
}

# What the value of an option is: "file", "dir", "value", or "words" and the words.  Nothing: it has none.
_tagalong_value() {
	case $1:$2 in
	run:-o|run:--output) echo 'file' ;;
	run:-e|run:--export) echo 'words file otlp sentry' ;;
	run:--endpoint) echo 'value' ;;
	run:--dsn) echo 'value' ;;
	run:--service) echo 'value' ;;
	run:--tag) echo 'value' ;;
	run:--sample) echo 'value' ;;
	run:--keep) echo 'value' ;;
	wait-crash:-o|wait-crash:--output) echo 'file' ;;
	wait-crash:--service) echo 'value' ;;
	span:-k|span:--attribute) echo 'value' ;;
	show:--name) echo 'value' ;;
	show:--min-duration) echo 'value' ;;
	show:--kind) echo 'words server client internal producer consumer' ;;
	show:--trace) echo 'value' ;;
	show:--limit) echo 'value' ;;
	show:--color) echo 'words always never auto' ;;
	status:--run-dir) echo 'dir' ;;
	top:--interval) echo 'value' ;;
	top:--count) echo 'value' ;;
	top:--sort) echo 'words rate errors p50 p99 total name' ;;
	top:--view) echo 'words requests calls own other all' ;;
	top:--run-dir) echo 'dir' ;;
	export:--to) echo 'words perfetto otlp csv' ;;
	export:-o|export:--output) echo 'file' ;;
	export:--name) echo 'value' ;;
	export:--trace) echo 'value' ;;
	export:--since) echo 'value' ;;
	report:-o|report:--output) echo 'file' ;;
	report:--limit) echo 'value' ;;
	report:--name) echo 'value' ;;
	report:--min-duration) echo 'value' ;;
	report:--trace) echo 'value' ;;
	report:--since) echo 'value' ;;
	doctor:-p|doctor:--pid) echo 'value' ;;
	drain:-o|drain:--output) echo 'file' ;;
	agent:--run-dir) echo 'dir' ;;
	agent:--key) echo 'value' ;;
	esac
}

# What stands behind the options of a verb.
_tagalong_rest() {
	case $1 in
	run) echo program ;;
	wait-crash) echo program ;;
	span) echo program ;;
	show) echo file ;;
	export) echo file ;;
	report) echo file ;;
	doctor) echo program ;;
	drain) echo dir ;;
	help) echo verb ;;
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
