/* SPDX-License-Identifier: MIT */
/*
 * drain_cmd.c - `tagalong drain`: what is left in a run directory.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include "runtime/agent/agent.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/env.h"
#include "runtime/cli/place.h"

static const char *const long_names[] = { "--output", "--stdout", "--keep", "--help", NULL };

struct drain {
	const char *dir;
	const char *output; /* NULL: not said */
	bool keep;
};

/* The file that the spans go to: said, or set, or ours. */
static int output_path(const char *said, char *ret_path)
{
	char cwd[PATH_MAX];
	struct ta_cli_env env = { 0 };

	if (said && strcmp(said, "-") == 0)
		return strcpy(ret_path, "-"), 0;
	if (!getcwd(cwd, sizeof(cwd)) || ta_cli_env_init(&env, environ) < 0)
		return -errno;
	const char *set = ta_cli_env_get(&env, "TAGALONG_FILE");

	if (!said)
		said = set[0] && strcmp(set, "none") != 0 ? set : "tagalong.jsonl";
	return ta_cli_absolute(cwd, said, ret_path);
}

static int drain(const struct drain *what)
{
	char path[PATH_MAX], culprit[PATH_MAX] = "";
	struct stat found;

	int error = stat(what->dir, &found) < 0 ? -errno : S_ISDIR(found.st_mode) ? 0 : -ENOTDIR;

	if (error) {
		ta_cli_say("drain: %s: %s: name a run directory; `tagalong status` lists them",
			   what->dir, strerror(-error));
		return 1;
	}
	error = output_path(what->output, path);

	if (!error && strcmp(path, "-") != 0)
		error = ta_cli_can_write(path, culprit);
	if (error) {
		ta_cli_say("drain: cannot write %s: %s; name another file with -o",
			   culprit[0] ? culprit : "the output", strerror(-error));
		return 1;
	}
	long spans = ta_agent_drain(what->dir, path, what->keep, environ);

	if (spans < 0) {
		ta_cli_say("drain: %s cannot be drained: %s: it has to be yours, with nobody else "
			   "allowed to write (chmod 700)", what->dir, strerror((int)-spans));
		return 1;
	}
	ta_cli_say("%ld spans -> %s", spans, strcmp(path, "-") == 0 ? "standard output" : path);
	return 0;
}

int ta_cli_drain(int argc, char **argv)
{
	static const struct option options[] = { { "output", required_argument, NULL, 'o' },
						 { "stdout", no_argument, NULL, 's' },
						 { "keep", no_argument, NULL, 'k' },
						 { NULL, 0, NULL, 0 } };
	struct drain what = { 0 };

	opterr = 0;
	for (int option; (option = getopt_long(argc, argv, ":o:", options, NULL)) != -1;) {
		if (option == 'o')
			what.output = optarg;
		else if (option == 's')
			what.output = "-";
		else if (option == 'k')
			what.keep = true;
		else if (option == ':')
			return ta_cli_say("drain: %s needs a value", argv[optind - 1]),
			       TA_CLI_USAGE;
		else
			return ta_cli_bad_option("drain", argv[optind - 1], long_names);
	}
	if (optind + 1 != argc) {
		ta_cli_say("drain: usage: tagalong drain DIR [-o FILE|--stdout] [--keep]");
		return TA_CLI_USAGE;
	}
	what.dir = argv[optind];
	return drain(&what);
}
