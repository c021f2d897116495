/* SPDX-License-Identifier: MIT */
/*
 * agent_cmd.c - `tagalong agent`: what the library and `tagalong run` start.
 */
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include "runtime/agent/agent.h"
#include "runtime/agent/segments.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/place.h"
#include "runtime/wire/config.h"

static const char *const long_names[] = { "--run-dir", "--key", "--all", "--foreground", "--lock-fd", "--help", NULL };

static int parse_key(const char *text, uint32_t *ret_key)
{
	char *end;

	errno = 0;
	unsigned long value = strtoul(text, &end, 16);

	if (errno || *end || end == text || text[0] == '-' || value == 0 || value > UINT32_MAX)
		return -EINVAL;
	*ret_key = (uint32_t)value;
	return 0;
}

static int serve(struct ta_agent_options *options, const char *dir)
{
	static char cwd[PATH_MAX], run_dir[PATH_MAX];
	static struct ta_config config;

	if (!getcwd(cwd, sizeof(cwd)))
		strcpy(cwd, "/"); /* removed: only matters where a path is relative */
	if (ta_cli_absolute(cwd, dir, run_dir) < 0) {
		ta_cli_say("agent: the name of the run directory is too long: name a shorter one");
		return TA_CLI_USAGE;
	}
	/* Whoever of its programs and it comes first makes it. */
	if (options->key == TA_KEY_ALL && mkdir(run_dir, 0700) < 0 && errno != EEXIST) {
		ta_cli_say("agent: cannot make %s: %s: name another directory with --run-dir",
			   run_dir, strerror(errno));
		return 1;
	}
	options->run_dir = run_dir;
	options->cwd = cwd;
	options->envp = environ;
	ta_config_load(&config, environ, NULL, NULL);
	options->confine = config.agent_confine;
	return ta_agent_run(options);
}

int ta_cli_agent(int argc, char **argv)
{
	static const struct option options[] = { { "run-dir", required_argument, NULL, 'd' },
						 { "key", required_argument, NULL, 'k' },
						 { "all", no_argument, NULL, 'a' },
						 { "foreground", no_argument, NULL, 'f' },
						 { "lock-fd", required_argument, NULL, 'l' },
						 { NULL, 0, NULL, 0 } };
	struct ta_agent_options agent = { 0 };
	const char *dir = NULL;
	bool all = false;

	opterr = 0;
	for (int option; (option = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
		if (option == 'd')
			dir = optarg;
		else if (option == 'a')
			all = true;
		else if (option == 'f')
			agent.foreground = true;
		else if (option == 'l')
			agent.lock_fd = atoi(optarg);
		else if (option == ':')
			return ta_cli_say("agent: %s needs a value", argv[optind - 1]),
			       TA_CLI_USAGE;
		else if (option != 'k')
			return ta_cli_bad_option("agent", argv[optind - 1], long_names);
		else if (parse_key(optarg, &agent.key) < 0)
			return ta_cli_say("agent: --key %s: not a hexadecimal number from 1 to "
					  "ffffffff", optarg), TA_CLI_USAGE;
	}
	if (!dir || (agent.key != 0) == all || optind < argc) {
		ta_cli_say("agent: usage: tagalong agent --run-dir DIR (--key HEX|--all) [--foreground]");
		return TA_CLI_USAGE;
	}
	return serve(&agent, dir);
}
