/* SPDX-License-Identifier: MIT */
/*
 * span.c - `tagalong span`: a command as a span.
 *
 * The command itself is not watched, unless its caller was: the span says how long it
 * took and how it ended.  It gets the span as TRACEPARENT, so that what is traced below
 * it hangs there.  Whatever is wrong with the recording costs one line on stderr and
 * never the command.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cli/child.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/env.h"
#include "runtime/cli/pair.h"
#include "runtime/cli/place.h"
#include "runtime/cli/preloaded.h"
#include "runtime/cli/watch.h"
#include "runtime/include/tagalong.h"
#include "runtime/protocol/traceparent.h"

static const char *const long_names[] = { "--attribute", "--help", NULL };

struct command {
	const char *name; /* of the span */
	char **argv;
	char **pairs; /* KEY=VALUE, pair_count of them */
	int pair_count;
};

static int wrong(const char *text)
{
	ta_cli_say("%s  usage: tagalong span NAME [-k KEY=VALUE]... -- COMMAND [ARGS...]", text);
	return TA_CLI_USAGE + 1;
}

static int take_pair(struct command *command, char *pair)
{
	if (!pair || pair[0] == '=' || !strchr(pair, '='))
		return wrong("-k wants KEY=VALUE;");
	command->pairs[command->pair_count++] = pair;
	return 0;
}

/* argv[at] begins with '-'.  Moves *at to the last word that it takes.  0, or an exit
 * status + 1. */
static int take_option(struct command *command, char **argv, int *at)
{
	char *word = argv[*at];

	if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
		return ta_cli_help(2, (char *[]){ argv[0], (char *)"span", NULL }) + 1;
	if (strcmp(word, "-k") == 0 || strcmp(word, "--attribute") == 0)
		return take_pair(command, argv[*at + 1] ? argv[++*at] : NULL);
	if (strncmp(word, "--attribute=", 12) == 0)
		return take_pair(command, word + 12);
	if (strncmp(word, "-k", 2) == 0)
		return take_pair(command, word + 2);
	return ta_cli_bad_option("span", word, long_names) + 1;
}

/* 0, or an exit status + 1. */
static int parse(struct command *command, int argc, char **argv)
{
	int at = 1, status = 0;

	command->pairs = calloc((size_t)argc, sizeof(char *));
	if (!command->pairs)
		return 126 + 1;
	for (; at < argc && !status; at++) {
		if (strcmp(argv[at], "--") == 0) {
			at++;
			break;
		}
		if (argv[at][0] == '-' && argv[at][1])
			status = take_option(command, argv, &at);
		else if (!command->name)
			command->name = argv[at];
		else
			break;
	}
	if (status)
		return status;
	if (!command->name || !command->name[0])
		return wrong("which name?");
	command->argv = argv + at;
	return at < argc ? 0 : wrong("which command?");
}

/* The span as TRACEPARENT.  The library says the same to what is executed from here, but
 * not in an environment that is very long. */
static int set_traceparent(struct ta_cli_env *env, tagalong_span_t span)
{
	const char *ours = ta_cli_env_get(env, "TRACEPARENT");
	struct ta_traceparent parent;
	char text[TA_TRACEPARENT_BYTES + 1];

	if (!ta_traceparent_parse(ours, strlen(ours), &parent))
		parent.flags = 1;
	parent.trace_hi = span.trace_hi;
	parent.trace_lo = span.trace_lo;
	parent.span_id = span.id;
	ta_traceparent_format(&parent, text);
	return ta_cli_env_set(env, "TRACEPARENT", text);
}

/* The command's environment: ours, with the span and without the library. */
static int make_environment(struct ta_cli_env *env, tagalong_span_t span, bool second_start)
{
	int error = ta_cli_env_init(env, environ);

	if (!error && second_start)
		error = ta_cli_env_without_library(env);
	return error || !span.id ? error : set_traceparent(env, span);
}

/* An exit status as a shell tells it. */
static int shell_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void end_span(tagalong_span_t span, const char *program, int status, const char *why)
{
	char text[128];
	const char *signal_name = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;

	tagalong_span_set_int(span, "process.exit.code", shell_status(status));
	if (signal_name)
		snprintf(text, sizeof(text), "%.80s was killed by SIG%s", program, signal_name);
	else
		snprintf(text, sizeof(text), "%.80s ended with exit status %d", program,
			 shell_status(status));
	if (status != 0)
		tagalong_span_set_status(span, TAGALONG_STATUS_ERROR, why ? why : text);
	tagalong_span_end();
}

/* 0 when it ran (child->status), or the exit status that tells why it did not. */
static int run(const struct command *command, tagalong_span_t span, bool second_start,
	       struct ta_cli_child *child)
{
	struct ta_cli_watch none = { .fd = -1 };
	struct ta_cli_env env;
	char program[PATH_MAX];
	int error = make_environment(&env, span, second_start);

	if (!error)
		error = ta_cli_find_program(command->argv[0], ta_cli_env_get(&env, "PATH"),
					    program);
	if (error == -ENOENT) {
		ta_cli_say("%s: not found: install it, or give its path", command->argv[0]);
		return 127;
	}
	if (!error)
		error = ta_cli_child_start(child, program, command->argv, env.items, NULL);
	if (error) {
		ta_cli_say("%s: it cannot be started: %s: `tagalong doctor %s` looks at it",
			   command->argv[0], strerror(-error), command->argv[0]);
		return 126;
	}
	ta_cli_child_wait(child, &none);
	return 0;
}

int ta_cli_span(int argc, char **argv)
{
	struct command command = { .name = NULL };
	struct ta_cli_child child;
	bool second_start = ta_cli_is_preloaded(argc, argv);
	int status = parse(&command, argc - second_start, argv + second_start);

	if (status)
		return status - 1;
	ta_cli_have_library(argc, argv);
	ta_cli_child_init(&child);
	tagalong_span_t span = tagalong_span_begin(command.name, NULL);

	for (int i = 0; i < command.pair_count; i++) {
		char *value = ta_cli_pair_cut(command.pairs[i]);

		tagalong_span_set_str(span, command.pairs[i], value);
	}
	status = run(&command, span, second_start, &child);
	if (status) {
		end_span(span, command.argv[0], W_EXITCODE(status, 0), "could not be started");
		return status;
	}
	end_span(span, command.argv[0], child.status, NULL);
	ta_cli_child_follow(&child);
}
