/* SPDX-License-Identifier: MIT */
/*
 * run.c - `tagalong run`: a program, traced.
 *
 * Whatever is wrong with the tracing costs one line on stderr and never the
 * program: it runs anyway, with its own exit status.  The agent is started first
 * and from here, so that it is in nobody's process tree.
 *
 * Refuses to write to standard output, which is the program's.
 */
#include "runtime/cli/run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <unistd.h>

#include "runtime/agent/worker.h"
#include "runtime/cli/agent_start.h"
#include "runtime/cli/checks.h"
#include "runtime/cli/child.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/env.h"
#include "runtime/cli/place.h"
#include "runtime/cli/run_summary.h"
#include "runtime/cli/settings.h"
#include "runtime/cli/sent.h"
#include "runtime/cli/tally.h"
#include "runtime/cli/watch.h"

#define DELIVER_MS 2000 /* more, for receivers that answer */
#define ROOT_PID "TAGALONG_ROOT_PID"

/* 0, or an exit status + 1. */
static int find_program(const struct ta_cli_run *run, char *ret_path)
{
	const char *name = run->argv[0];
	int error = ta_cli_find_program(name, ta_cli_env_get(&run->settings.env, "PATH"), ret_path);

	if (error == 0)
		return 0;
	if (error == -EACCES) {
		ta_cli_say("%s: cannot be executed (permission denied, or not a file)", name);
		return 126 + 1;
	}
	const char *verb = ta_cli_nearest_verb(name);

	if (verb && !strchr(name, '/'))
		ta_cli_say("%s: not found in $PATH; did you mean `tagalong %s`?", name, verb);
	else
		ta_cli_say("%s: not found%s", name, strchr(name, '/') ? "" : " in $PATH");
	return 127 + 1;
}

static void check_output(const struct ta_cli_run *run)
{
	const char *file = run->settings.config.file;
	char culprit[PATH_MAX] = "";
	int error = strcmp(file, "none") == 0 ? 0 : ta_cli_can_write(file, culprit);

	if (error)
		ta_cli_say("%s: %s; the spans cannot be written there: name another file with -o",
			   culprit[0] ? culprit : file, strerror(-error));
}

/* Decides whether the program is traced and says in one line each what is wrong. */
static void prepare_tracing(struct ta_cli_run *run, const char *program)
{
	const struct ta_cli_settings *settings = &run->settings;
	char why_not[TA_CLI_REASON_BYTES];

	if (settings->config.disabled || settings->config.sdk_disabled)
		return;
	if (ta_cli_library(run->library) < 0) {
		ta_cli_say(TA_CLI_LIBRARY " is neither beside the tagalong binary nor in ../lib: %s "
					  "runs without traces; install them together", run->argv[0]);
		return;
	}
	if (run->library[strcspn(run->library, " :")]) {
		ta_cli_say("%s: the dynamic loader takes no path with a space or a colon: %s runs "
			   "without traces; install elsewhere", run->library, run->argv[0]);
		return;
	}
	const char *wrong = ta_cli_run_dir_make(settings->run_dir, settings->run_dir_configured);

	if (wrong) {
		ta_cli_say("run directory %s: %s; %s runs without traces", settings->run_dir, wrong,
			   run->argv[0]);
		return;
	}
	run->traced = true;
	check_output(run);
	if (ta_cli_why_untraceable(program, run->library, settings, why_not))
		ta_cli_say("no traces of %s: %s", run->argv[0], why_not);
	if (ta_cli_ends_preloaded(program, settings))
		run->traced = false;
}

/* LD_PRELOAD with the library in front, once. */
static int set_preload(struct ta_cli_run *run)
{
	struct ta_cli_env *env = &run->settings.env;
	const char *existing = ta_cli_env_get(env, "LD_PRELOAD");
	size_t bytes = strlen(run->library);
	char value[PATH_MAX * 2];

	if (strncmp(existing, run->library, bytes) == 0 &&
	    (existing[bytes] == '\0' || strchr(" :", existing[bytes])))
		return 0;
	int length = snprintf(value, sizeof(value), "%s%s%s", run->library, existing[0] ? ":" : "",
			      existing);

	if (length < 0 || (size_t)length >= sizeof(value))
		return -ENAMETOOLONG;
	return ta_cli_env_set(env, "LD_PRELOAD", value);
}

static void start_agent(const struct ta_cli_run *run)
{
	const struct ta_cli_settings *settings = &run->settings;
	char self[PATH_MAX];
	struct ta_cli_agent agent = { .binary = settings->config.agent,
				      .run_dir = settings->run_dir,
				      .key = settings->key,
				      .envp = settings->env.items };

	if (strcmp(agent.binary, "none") == 0)
		return;
	if (!agent.binary[0]) {
		if (ta_cli_self(self) < 0)
			return; /* no /proc; the library starts one, from where it is */
		agent.binary = self;
	}
	int error = ta_cli_agent_start(&agent);

	if (error)
		ta_cli_say("cannot start the agent %s: %s; `tagalong drain %s` saves the spans "
			   "afterwards", agent.binary, strerror(-error), agent.run_dir);
}

static void say_losses(const struct ta_cli_watch *watch)
{
	uint64_t lost[TA_LOSS_COUNT];

	ta_cli_watch_lost(watch, lost);
	for (int cause = 0; cause < TA_LOSS_COUNT; cause++)
		if (lost[cause])
			ta_cli_say("%" PRIu64 " not recorded: %s", lost[cause],
				   ta_loss_text((enum ta_loss)cause));
}

/* What the two files had before. */
struct tallies {
	struct ta_cli_tally spans, events;
	uint64_t began_ns; /* CLOCK_MONOTONIC */
};

static void start_tallies(struct tallies *tallies, const char *file)
{
	char beside[PATH_MAX] = "/dev/null";

	tallies->began_ns = ta_agent_now_ns();
	ta_cli_tally_start(&tallies->spans, file);
	ta_output_beside(file, beside, sizeof(beside));
	ta_cli_tally_start(&tallies->events, beside);
}

/* A page where a person reads it and there is something to say, or where it was asked for. */
static bool wants_page(const struct ta_cli_run *run, uint64_t spans)
{
	return run->summary || (spans > 0 && isatty(STDERR_FILENO));
}

static void summarize(const struct ta_cli_run *run, const struct ta_cli_child *child,
		      const struct tallies *tallies, const struct ta_cli_watch *watch)
{
	const char *file = ta_cli_short_path(run->settings.cwd, tallies->spans.path);
	uint64_t spans, traces;
	uint32_t living = 0;
	int pending = ta_cli_watch_pending(watch, child->ended_ns, &living);

	ta_cli_tally_end(&tallies->spans, &spans, &traces);
	bool page = wants_page(run, spans);

	if (page)
		ta_cli_say("%" PRIu64 " span%s in %" PRIu64 " trace%s -> %s", spans,
			   spans == 1 ? "" : "s", traces, traces == 1 ? "" : "s", file);
	else
		ta_cli_say("%" PRIu64 " span%s in %" PRIu64 " trace%s -> %s (tagalong %s %s)", spans,
			   spans == 1 ? "" : "s", traces, traces == 1 ? "" : "s", file,
			   spans ? "show" : "doctor", spans ? file : run->argv[0]);
	if (page)
		ta_cli_run_page(&tallies->spans, &tallies->events, file, run->argv[0],
				(double)(child->ended_ns - tallies->began_ns) / 1e9);
	if (living)
		ta_cli_say("%u process%s of it still run%s; their spans follow", living,
			   living == 1 ? "" : "es", living == 1 ? "s" : "");
	if (pending)
		ta_cli_say("the agent has not finished yet; the rest follows, or is saved by "
			   "`tagalong drain %s`", run->settings.run_dir);
	say_losses(watch);
}

/* The child writes its pid over the zeros. */
static char *root_pid_slot(struct ta_cli_run *run)
{
	if (ta_cli_env_set(&run->settings.env, ROOT_PID, "0000000000") < 0)
		return NULL;
	return (char *)ta_cli_env_get(&run->settings.env, ROOT_PID);
}

static int run_traced(struct ta_cli_run *run, const char *program, struct ta_cli_child *child)
{
	static struct tallies tallies;
	struct ta_cli_watch watch;
	struct ta_cli_sent sent;
	const char *file = run->settings.config.file;

	if (set_preload(run) < 0)
		ta_cli_say("LD_PRELOAD is too long; %s runs without traces", run->argv[0]);
	start_tallies(&tallies, file);
	if (run->before)
		run->before(run);
	ta_cli_watch_start(&watch, run->settings.run_dir, run->settings.key);
	ta_cli_sent_start(&sent, run->settings.run_dir, run->settings.key);
	start_agent(run);
	int error = ta_cli_child_start(child, program, run->argv, run->settings.env.items,
				       root_pid_slot(run));

	if (error)
		return error;
	ta_cli_child_wait(child, &watch);
	if (strcmp(run->settings.config.agent, "none") != 0)
		ta_cli_child_settle(child, &watch, run->settle_ms);
	if (!run->quiet && strcmp(file, "none") != 0)
		summarize(run, child, &tallies, &watch);
	if (!run->quiet)
		ta_cli_sent_end(&sent, DELIVER_MS);
	return 0;
}

static int run_plain(struct ta_cli_run *run, const char *program, struct ta_cli_child *child)
{
	struct ta_cli_watch none = { .fd = -1 };
	int error = ta_cli_child_start(child, program, run->argv, run->settings.env.items,
				       NULL);

	if (!error)
		ta_cli_child_wait(child, &none);
	return error;
}

/* 0, or -errno of the start, or an exit status + 1. */
static int find_and_run(struct ta_cli_run *run, struct ta_cli_child *child)
{
	char program[PATH_MAX];
	int status = find_program(run, program);

	if (status)
		return status;
	prepare_tracing(run, program);
	return run->traced ? run_traced(run, program, child) : run_plain(run, program, child);
}

int ta_cli_run_program(struct ta_cli_run *run, struct ta_cli_child *child)
{
	ta_cli_child_init(child);
	int error = ta_cli_settings_init(&run->settings);

	if (!error)
		error = ta_cli_run_environment(run);
	if (!error)
		error = ta_cli_settings_load(&run->settings, ta_cli_settings_warn);
	if (!error)
		error = find_and_run(run, child);
	if (error >= 0)
		return error;
	ta_cli_say("cannot start %s: %s", run->argv[0], strerror(-error));
	return 126 + 1;
}

int ta_cli_run(int argc, char **argv)
{
	static struct ta_cli_run run = { .settle_ms = TA_CLI_SETTLE_MS };
	struct ta_cli_child child;
	int status = ta_cli_run_parse(&run, argc, argv);

	if (!status)
		status = ta_cli_run_program(&run, &child);
	if (status)
		return status - 1;
	ta_cli_child_follow(&child);
}
