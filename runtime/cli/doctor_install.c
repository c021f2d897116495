/* SPDX-License-Identifier: MIT */
/*
 * doctor_install.c - the installation, a program's file, and where its spans would go.
 *
 * Only the trials execute anything, and only ourselves.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/doctor.h"

#include <errno.h>
#include <string.h>

#include "runtime/cli/place.h"
#include "runtime/cli/trial.h"

void ta_doctor_library(struct ta_doctor *doctor)
{
	const struct ta_cli_findings *findings = &doctor->findings;

	doctor->about = "library";
	if (ta_cli_library(doctor->library) < 0)
		ta_cli_find(findings, TA_CLI_PROBLEM,
			    TA_CLI_LIBRARY " is neither beside the tagalong binary nor in ../lib: "
					   "install them together");
	else if (doctor->library[strcspn(doctor->library, " :")])
		ta_cli_find(findings, TA_CLI_PROBLEM,
			    "%s: the dynamic loader takes no path with a space or a colon: install "
			    "elsewhere", doctor->library);
	else
		ta_cli_find(findings, TA_CLI_OK, "library %s", doctor->library);
}

/* Every program takes a few MiB of the run directory. */
static void check_room(struct ta_doctor *doctor, const char *dir)
{
	uint64_t left = ta_cli_room_kib(dir);

	if (left < (16u << 10))
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "run directory %s: only %llu KiB left; make room or set "
			    "TAGALONG_RUN_DIR", dir, (unsigned long long)left);
}

void ta_doctor_run_dir(struct ta_doctor *doctor, const struct ta_cli_settings *settings)
{
	const char *dir = settings->run_dir;
	const char *wrong = ta_cli_run_dir_make(dir, settings->run_dir_configured);

	doctor->about = "run_dir";
	if (wrong) {
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM, "run directory %s: %s", dir, wrong);
		return;
	}
	ta_cli_find(&doctor->findings, TA_CLI_OK, "run directory %s", dir);
	check_room(doctor, dir);
}

void ta_doctor_file(struct ta_doctor *doctor, const struct ta_cli_settings *settings)
{
	const char *file = settings->config.file;
	char culprit[PATH_MAX] = "";

	doctor->about = "file";
	if (strcmp(file, "none") == 0) {
		ta_cli_find(&doctor->findings, TA_CLI_NOTE, "TAGALONG_FILE=none: no file is written");
		return;
	}
	int error = ta_cli_can_write(file, culprit);

	if (error)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "%s: %s: spans cannot be written there; name another file with -o or "
			    "TAGALONG_FILE", culprit[0] ? culprit : file, strerror(-error));
	else
		ta_cli_find(&doctor->findings, TA_CLI_OK, "spans go to %s", file);
}

void ta_doctor_trials(struct ta_doctor *doctor, const struct ta_cli_settings *settings)
{
	const struct ta_cli_findings *findings = &doctor->findings;
	char said[TA_CLI_SAID_BYTES];
	int error = doctor->library[0] ? ta_cli_try_library(doctor->library, said) : 0;

	doctor->about = "library";
	if (error)
		ta_cli_find(findings, TA_CLI_PROBLEM,
			    "the library does not load: %s: install a build for this system, or "
			    "build it here (scripts/build)", said);
	else if (doctor->library[0])
		ta_cli_find(findings, TA_CLI_OK, "the library loads");
	doctor->about = "agent";
	if (strcmp(settings->config.agent, "none") == 0) {
		ta_cli_find(findings, TA_CLI_NOTE,
			    "TAGALONG_AGENT=none: no agent is started; use tagalong drain");
		return;
	}
	error = ta_cli_try_agent(settings, said);
	if (error)
		ta_cli_find(findings, TA_CLI_PROBLEM,
			    "the agent does not start: %s: install `tagalong` anew, or name a "
			    "working one in TAGALONG_AGENT", said);
	else
		ta_cli_find(findings, TA_CLI_OK, "the agent starts");
}

void ta_doctor_program(struct ta_doctor *doctor, const char *name,
		       const struct ta_cli_settings *settings)
{
	char path[PATH_MAX];
	int error = ta_cli_find_program(name, ta_cli_env_get(&settings->env, "PATH"), path);

	doctor->about = "program";
	if (error)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM, "%s: %s", name,
			    error == -EACCES ? "cannot be executed (chmod +x?)"
			    : strchr(name, '/') ? "not found: check the path"
						: "not found in $PATH: install it, or give its "
						  "path");
	else
		ta_cli_check_program(path, doctor->library, settings, &doctor->findings);
}
