/* SPDX-License-Identifier: MIT */
/*
 * show_find.c - what `tagalong show` and `tagalong export` ask in the same way: which file,
 * which trace, how long.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/show.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/agent/worker.h"
#include "runtime/cli/cli.h"
#include "runtime/export/file.h"
#include "runtime/wire/config.h"

int ta_show_bad_value(const char *verb, const char *option, const char *value, const char *wanted)
{
	ta_cli_say("%s: %s %s: %s", verb, option, value, wanted);
	return TA_CLI_USAGE;
}

int ta_show_read_duration(const char *verb, const char *option, const char *text, uint64_t *ret_ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "ns", 1 },   { "us", 1e3 }, { "\xc2\xb5s", 1e3 }, { "\xce\xbcs", 1e3 },
		      { "ms", 1e6 }, { "s", 1e9 },  { "m", 60e9 },	  { "h", 3600e9 } };
	char *unit;
	double number = strtod(text, &unit);

	while (*unit == ' ')
		unit++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(units[i].unit, unit) != 0 || unit == text)
			continue;
		if (!(number >= 0 && number * units[i].ns < 1e19))
			break;
		*ret_ns = (uint64_t)(number * units[i].ns);
		return 0;
	}
	return ta_show_bad_value(verb, option, text,
				 "give a number with a unit, such as 5ms, 250us or 1.5s");
}

int ta_show_read_trace(const char *verb, const char *text, char ret_id[33])
{
	size_t bytes = strlen(text);

	if (bytes == 0 || bytes > 32 || strspn(text, "0123456789abcdefABCDEF") != bytes)
		return ta_show_bad_value(verb, "--trace", text, "give up to 32 hexadecimal digits");
	for (size_t i = 0; i <= bytes; i++)
		ret_id[i] = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] | 0x20) : text[i];
	return 0;
}

int ta_show_read_limit(const char *verb, const char *text, unsigned long *ret_limit)
{
	char *end;

	errno = 0;
	*ret_limit = strtoul(text, &end, 10);
	if (errno || *end || end == text || text[0] == '-')
		return ta_show_bad_value(verb, "--limit", text,
					 "give a number of traces; 0 means all");
	return 0;
}

/* A file of spans, or one of events beside the place of it. */
static bool readable(const char *path)
{
	char beside[PATH_MAX];

	return access(path, F_OK) == 0 ||
	       (ta_output_beside(path, beside, sizeof(beside)) == 0 && access(beside, F_OK) == 0);
}

int ta_show_find_file(const char *verb, const char **path, char out[PATH_MAX])
{
	struct ta_config config;
	char cwd[PATH_MAX];

	if (*path)
		return 0;
	ta_config_load(&config, environ, NULL, NULL);
	if (!getcwd(cwd, sizeof(cwd)))
		cwd[0] = '\0';
	*path = "tagalong.jsonl";
	if (!config.file[0] && readable(*path))
		return 0;
	if (ta_file_default_path(&config, environ, cwd, out, PATH_MAX) == 0 && out[0]) {
		*path = out;
		if (readable(out))
			return 0;
	}
	if (config.file[0])
		ta_cli_say("no traces: TAGALONG_FILE=%s names no file. Run a program with "
			   "`tagalong run PROGRAM`, or name a file: tagalong %s FILE", config.file,
			   verb);
	else
		ta_cli_say("no traces: there is no ./tagalong.jsonl and no %s. Run a program with "
			   "`tagalong run PROGRAM`, or name a file: tagalong %s FILE",
			   *path == out ? out : "state directory (HOME is not set)", verb);
	return 1;
}
