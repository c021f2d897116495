/* SPDX-License-Identifier: MIT */
/*
 * main.c - the `tagalong` command: which verb was meant.
 *
 * `tagalong PROGRAM` and `tagalong -o FILE PROGRAM` mean run.  A verb's name wins
 * over a program of the same name (`tagalong run show` starts a program "show").
 */
#include "runtime/cli/cli.h"

#include <stdio.h>
#include <string.h>

const struct ta_cli_verb ta_cli_verbs[] = {
	{ "run", ta_cli_run,
	  "[-o FILE] [--service NAME] [-q] [--no-follow] [--] PROGRAM [ARGS...]",
	  "run a program and record its traces",
	  "  -o, --output FILE   where the spans go (default: $TAGALONG_FILE, else tagalong.jsonl)\n"
	  "  --service NAME      service.name of the spans (OTEL_SERVICE_NAME)\n"
	  "  --no-follow         do not trace the programs that PROGRAM starts\n"
	  "  -q, --quiet         say nothing at the end\n"
	  "\n"
	  "The exit status is the program's; a program that dies of a signal makes\n"
	  "tagalong die of the same one.  127: not found, 126: cannot be executed.\n"
	  "`tagalong PROGRAM` is the same as `tagalong run PROGRAM`.\n" },
	{ "span", ta_cli_span, "NAME [-k KEY=VALUE]... -- COMMAND [ARGS...]",
	  "run a command and record it as a span",
	  "  -k, --attribute KEY=VALUE   an attribute of the span\n"
	  "\n"
	  "The span is a child of the one that $TRACEPARENT names, else the root of a new\n"
	  "trace; the command gets it as TRACEPARENT, so that what is traced below hangs\n"
	  "there (`tagalong run`, `tagalong span`).  A command that fails makes it an error\n"
	  "and is its attribute process.exit.code.  Spans go to $TAGALONG_FILE, else to\n"
	  "tagalong.jsonl.\n"
	  "\n"
	  "The exit status is the command's, as with `tagalong run`.\n" },
	{ "tag", ta_cli_tag, "KEY=VALUE...", "put tags on the trace that $TRACEPARENT names",
	  "On all spans of the trace that are not written yet, and on all later ones: in a\n"
	  "script below `tagalong span`, or in a program that a traced one has started.\n"
	  "\n"
	  "Exit status: 0 done, 1 no trace or nothing recorded, 2 wrong usage.\n" },
	{ "show", ta_cli_show, "[OPTIONS] [FILE]", "print recorded traces for a reader",
	  "" },
	{ "doctor", ta_cli_doctor, "[PROGRAM]", "say whether a program can be traced, and why not",
	  "Without PROGRAM: checks the installation.\n"
	  "Exit status: 0 traceable, 1 not, 2 wrong usage.\n" },
	{ "drain", ta_cli_drain, "DIR [-o FILE|--stdout] [--keep]",
	  "save what programs without a living agent left in a run directory",
	  "  -o, --output FILE   where the spans go (default: tagalong.jsonl)\n"
	  "  --stdout            write them to standard output\n"
	  "  --keep              leave the drained segments where they are\n" },
	{ "agent", ta_cli_agent, "--run-dir DIR --key HEX [--foreground]",
	  "serve the programs of one run directory (started by the library)",
	  "  --run-dir DIR   directory of the segments\n"
	  "  --key HEX       which segments: the first eight digits of their names\n"
	  "  --foreground    stay attached, no watcher process\n" },
	{ "help", ta_cli_help, "[VERB|environment]", "explain a verb, or list all settings", "" },
	{ NULL, NULL, NULL, NULL, NULL },
};

const struct ta_cli_verb *ta_cli_verb(const char *name)
{
	for (const struct ta_cli_verb *verb = ta_cli_verbs; verb->name; verb++)
		if (strcmp(verb->name, name) == 0)
			return verb;
	return NULL;
}

static int dispatch(int argc, char **argv)
{
	const struct ta_cli_verb *verb = ta_cli_verb(argv[1]);

	/* "--" and options belong to run, which knows them. */
	if (!verb)
		return ta_cli_run(argc, argv);
	if (argc > 2 && strcmp(argv[2], "--help") == 0)
		return ta_cli_help(2, (char *[]){ argv[0], argv[1], NULL });
	return verb->main(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	static char help[] = "help";

	if (argc < 2)
		return ta_cli_help(1, (char *[]){ help, NULL }), TA_CLI_USAGE;
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		puts("tagalong " TA_VERSION);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return ta_cli_help(argc - 1, argv + 1);
	return dispatch(argc, argv);
}
