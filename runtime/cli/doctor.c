/* SPDX-License-Identifier: MIT */
/*
 * doctor.c - `tagalong doctor`: can this program be traced, and if not, why.
 *
 * One line per finding: ok, note or problem, and what to do.  Only the check of
 * the installation executes anything, and only ourselves.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <unistd.h>

#include "runtime/cli/checks.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/place.h"
#include "runtime/cli/settings.h"
#include "runtime/cli/trial.h"

static void print_finding(void *user, enum ta_cli_level level, const char *text)
{
	static const char *const words[] = { "ok      ", "note    ", "problem " };
	int *problems = user;

	printf("%s%s\n", words[level], text);
	*problems += level == TA_CLI_PROBLEM;
}

static void note_setting(void *user, const struct ta_config_warning *warning)
{
	(void)user;
	ta_cli_settings_warn(NULL, warning);
}

static void check_library(const struct ta_cli_findings *findings, char *ret_library)
{
	if (ta_cli_library(ret_library) < 0)
		ta_cli_find(findings, TA_CLI_PROBLEM,
			    TA_CLI_LIBRARY " is neither beside the tagalong binary nor in ../lib: "
					   "install them together");
	else if (ret_library[strcspn(ret_library, " :")])
		ta_cli_find(findings, TA_CLI_PROBLEM,
			    "%s: the dynamic loader takes no path with a space or a colon: install "
			    "elsewhere", ret_library);
	else
		ta_cli_find(findings, TA_CLI_OK, "library %s", ret_library);
}

/* Every program takes a few MiB of the run directory. */
static void check_room(const char *dir, const struct ta_cli_findings *findings)
{
	uint64_t left = ta_cli_room_kib(dir);

	if (left < (16u << 10))
		ta_cli_find(findings, TA_CLI_NOTE,
			    "run directory %s: only %llu KiB left; make room or set "
			    "TAGALONG_RUN_DIR", dir, (unsigned long long)left);
}

static void check_run_dir(const struct ta_cli_settings *settings,
			  const struct ta_cli_findings *findings)
{
	const char *dir = settings->run_dir;
	const char *wrong = ta_cli_run_dir_make(dir, settings->run_dir_configured);

	if (wrong) {
		ta_cli_find(findings, TA_CLI_PROBLEM, "run directory %s: %s", dir, wrong);
		return;
	}
	ta_cli_find(findings, TA_CLI_OK, "run directory %s", dir);
	check_room(dir, findings);
}

static void check_file(const struct ta_cli_settings *settings,
		       const struct ta_cli_findings *findings)
{
	const char *file = settings->config.file;
	char culprit[PATH_MAX] = "";

	if (strcmp(file, "none") == 0) {
		ta_cli_find(findings, TA_CLI_NOTE, "TAGALONG_FILE=none: no file is written");
		return;
	}
	int error = ta_cli_can_write(file, culprit);

	if (error)
		ta_cli_find(findings, TA_CLI_PROBLEM,
			    "%s: %s: spans cannot be written there; name another file with -o or "
			    "TAGALONG_FILE", culprit[0] ? culprit : file, strerror(-error));
	else
		ta_cli_find(findings, TA_CLI_OK, "spans go to %s", file);
}

static void check_trials(const char *library, const struct ta_cli_settings *settings,
			 const struct ta_cli_findings *findings)
{
	char said[256];
	int error = library[0] ? ta_cli_try_library(library, said) : 0;

	if (error)
		ta_cli_find(findings, TA_CLI_PROBLEM, "the library does not load: %s", said);
	else if (library[0])
		ta_cli_find(findings, TA_CLI_OK, "the library loads");
	if (strcmp(settings->config.agent, "none") == 0) {
		ta_cli_find(findings, TA_CLI_NOTE,
			    "TAGALONG_AGENT=none: no agent is started; use tagalong drain");
		return;
	}
	error = ta_cli_try_agent(settings, said);
	if (error)
		ta_cli_find(findings, TA_CLI_PROBLEM, "the agent does not start: %s", said);
	else
		ta_cli_find(findings, TA_CLI_OK, "the agent starts");
}

static void check_program(const char *name, const char *library,
			  const struct ta_cli_settings *settings,
			  const struct ta_cli_findings *findings)
{
	char path[PATH_MAX];
	int error = ta_cli_find_program(name, ta_cli_env_get(&settings->env, "PATH"), path);

	if (error)
		ta_cli_find(findings, TA_CLI_PROBLEM, "%s: %s", name,
			    error == -EACCES ? "cannot be executed (chmod +x?)"
			    : strchr(name, '/') ? "not found"
						: "not found in $PATH");
	else
		ta_cli_check_program(path, library, settings, findings);
}

static int load_settings(struct ta_cli_settings *settings)
{
	int error = ta_cli_settings_init(settings);

	/* As `tagalong run` would have it. */
	if (!error && ta_cli_env_get(&settings->env, "TAGALONG_FILE")[0] == '\0')
		error = ta_cli_env_set(&settings->env, "TAGALONG_FILE", "tagalong.jsonl");
	return error ? error : ta_cli_settings_load(settings, note_setting);
}

int ta_cli_doctor(int argc, char **argv)
{
	static struct ta_cli_settings settings;
	static const char *const long_names[] = { "--help", NULL };
	int problems = 0, first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
	const struct ta_cli_findings findings = { print_finding, &problems };
	char library[PATH_MAX] = "";

	if (first == 1 && argc > 1 && argv[1][0] == '-')
		return ta_cli_bad_option("doctor", argv[1], long_names);
	int error = load_settings(&settings);

	if (error)
		return ta_cli_say("doctor: %s", strerror(-error)), 1;
	check_library(&findings, library);
	if (first < argc)
		check_program(argv[first], library, &settings, &findings);
	check_run_dir(&settings, &findings);
	check_file(&settings, &findings);
	if (first >= argc)
		check_trials(library, &settings, &findings);
	if (fflush(stdout) != 0)
		return 1;
	return problems ? 1 : 0;
}
