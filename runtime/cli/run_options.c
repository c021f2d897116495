/* SPDX-License-Identifier: MIT */
/*
 * run_options.c - the options of `tagalong run`, and the settings that they stand for.
 *
 * An option is a setting of the environment, and goes before it: what is started gets it as
 * a variable, and with it everything that it starts.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/run.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/export/keep.h"

static const char *const long_names[] = { "--output",  "--export",    "--endpoint", "--dsn",
					  "--service", "--tag",	      "--follow",   "--no-follow",
					  "--sample",  "--keep",      "--summary",  "--quiet",
					  "--help",    "--version",   NULL };

static const struct option options[] = {
	{ "output", required_argument, NULL, 'o' },   { "export", required_argument, NULL, 'e' },
	{ "endpoint", required_argument, NULL, 'E' }, { "dsn", required_argument, NULL, 'D' },
	{ "service", required_argument, NULL, 's' },  { "tag", required_argument, NULL, 't' },
	{ "follow", no_argument, NULL, 'f' },	      { "no-follow", no_argument, NULL, 'n' },
	{ "sample", required_argument, NULL, 'r' },   { "keep", required_argument, NULL, 'k' },
	{ "summary", no_argument, NULL, 'S' },	      { "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },	      { NULL, 0, NULL, 0 }
};

/* ---- values; each 0 or an exit status + 1 ---- */

static int wrong(const char *option, const char *value, const char *wanted)
{
	ta_cli_say("run: %s %s: %s", option, value, wanted);
	return TA_CLI_USAGE + 1;
}

static int bad_option(int option, char **argv)
{
	if (option == ':') {
		ta_cli_say("%s needs a value; `tagalong help run` lists the options",
			   argv[optind - 1]);
		return TA_CLI_USAGE + 1;
	}
	const char *given = argv[optind - 1];
	char letter[] = { '-', (char)optopt, '\0' };

	/* -qx: the letter at fault is not the whole word. */
	if (given[0] != '-' || (given[1] != '-' && optopt))
		given = letter;
	return ta_cli_bad_option("run", given, long_names) + 1;
}

/* Several with commas between, or several -e. */
static int add_exports(struct ta_cli_run *run, const char *value)
{
	static const struct {
		const char *name;
		unsigned int bit;
	} known[] = { { "file", TA_CLI_EXPORT_FILE },
		      { "otlp", TA_CLI_EXPORT_OTLP },
		      { "sentry", TA_CLI_EXPORT_SENTRY } };
	static const char *const names[] = { "file", "otlp", "sentry", NULL };
	char word[64];

	for (const char *at = value;; at++) {
		size_t bytes = strcspn(at, ","), i = 0;

		snprintf(word, sizeof(word), "%.*s", (int)(bytes < 63 ? bytes : 63), at);
		while (i < 3 && strcmp(known[i].name, word) != 0)
			i++;
		if (i == 3) {
			const char *meant = ta_cli_nearest(word, names);

			ta_cli_say("run: -e %s: no such destination%s%s%s; allowed are file, otlp, sentry "
				   "(several with commas between)", word, meant ? ", did you mean '" : "",
				   meant ? meant : "", meant ? "'" : "");
			return TA_CLI_USAGE + 1;
		}
		run->exports |= known[i].bit;
		at += bytes;
		if (!*at)
			return 0;
	}
}

static int add_tag(struct ta_cli_run *run, const char *value)
{
	const char *equals = strchr(value, '=');

	if (!equals || equals == value)
		return wrong("--tag", value, "give KEY=VALUE, such as --tag deployment.environment.name=test");
	if (run->tag_count == TA_CLI_RUN_TAGS)
		return wrong("--tag", value, "there are too many, 64 are allowed");
	run->tags[run->tag_count++] = value;
	return 0;
}

static int check_rate(const char *value)
{
	char *end;
	double rate = strtod(value, &end);

	if (end != value && !*end && rate >= 0 && rate <= 1)
		return 0;
	return wrong("--sample", value, "give the share of traces that is exported, from 0 to 1, such as 0.1");
}

static int check_rules(const char *value)
{
	char error[256] = "";
	struct ta_keep *keep = ta_keep_new("--keep", value, error, sizeof(error));

	ta_keep_free(keep);
	if (!error[0])
		return 0;
	ta_cli_say("run: %s", error);
	return TA_CLI_USAGE + 1;
}

static int check_url(const char *option, const char *value, const char *wanted)
{
	if (strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0)
		return 0;
	return wrong(option, value, wanted);
}

static int take_value(struct ta_cli_run *run, int option)
{
	switch (option) {
	case 'o':
		return run->output = optarg, 0;
	case 'e':
		return add_exports(run, optarg);
	case 'E':
		run->endpoint = optarg;
		return check_url("--endpoint", optarg,
				 "give the collector's base URL, such as http://localhost:4318");
	case 'D':
		run->dsn = optarg;
		return check_url("--dsn", "(not shown)",
				 "give Sentry's DSN, such as https://KEY@sentry.example.com/2");
	case 's':
		return run->service = optarg, 0;
	case 't':
		return add_tag(run, optarg);
	case 'r':
		return run->sample = optarg, check_rate(optarg);
	default:
		return run->keep = optarg, check_rules(optarg);
	}
}

static int take(struct ta_cli_run *run, int option, char **argv)
{
	switch (option) {
	case 'q':
		return run->quiet = true, 0;
	case 'f':
	case 'n':
		run->follow = option == 'f';
		return run->no_follow = option == 'n', 0;
	case 'S':
		return run->summary = true, 0;
	case ':':
	case '?':
		return bad_option(option, argv);
	default:
		return take_value(run, option);
	}
}

/* ---- what belongs together ---- */

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value && value[0];
}

static int check_destinations(struct ta_cli_run *run)
{
	if (run->endpoint && run->exports)
		run->exports |= TA_CLI_EXPORT_OTLP;
	if (run->dsn && run->exports)
		run->exports |= TA_CLI_EXPORT_SENTRY;
	if (run->output && run->exports)
		run->exports |= TA_CLI_EXPORT_FILE;
	if ((run->exports & TA_CLI_EXPORT_OTLP) && !run->endpoint &&
	    !is_set("OTEL_EXPORTER_OTLP_ENDPOINT") && !is_set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
		return wrong("-e", "otlp", "no collector is named: add --endpoint http://localhost:4318, or "
					   "set OTEL_EXPORTER_OTLP_ENDPOINT");
	if ((run->exports & TA_CLI_EXPORT_SENTRY) && !run->dsn && !is_set("SENTRY_DSN") &&
	    !is_set("TAGALONG_ENVELOPES"))
		return wrong("-e", "sentry", "no Sentry is named: add --dsn https://KEY@HOST/PROJECT, or set "
					     "SENTRY_DSN");
	return 0;
}

int ta_cli_run_parse(struct ta_cli_run *run, int argc, char **argv)
{
	int status = 0;

	opterr = 0;
	for (int option; !status && (option = getopt_long(argc, argv, "+:o:e:qh", options, NULL)) != -1;) {
		if (option == 'h')
			return ta_cli_help(2, (char *[]){ argv[0], (char *)"run", NULL }) + 1;
		status = take(run, option, argv);
	}
	if (status)
		return status;
	run->argv = argv + optind;
	if (!run->argv[0]) {
		ta_cli_say("which program?  usage: tagalong run [OPTIONS] PROGRAM [ARGS...]");
		return TA_CLI_USAGE + 1;
	}
	if (run->output && (strcmp(run->output, "-") == 0 || run->output[0] == '\0')) {
		ta_cli_say("-o wants a file; `tagalong show FILE` prints one");
		return TA_CLI_USAGE + 1;
	}
	return check_destinations(run);
}

/* ---- into the environment ---- */

static int set(struct ta_cli_run *run, const char *variable, const char *value)
{
	return value ? ta_cli_env_set(&run->settings.env, variable, value) : 0;
}

/* Those that would go before the option. */
static void unset(struct ta_cli_run *run, const char *const *variables)
{
	for (; *variables; variables++)
		ta_cli_env_unset(&run->settings.env, *variables);
}

static size_t put_encoded(char *out, const char *text, size_t bytes)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/:";
	size_t used = 0;

	for (size_t i = 0; i < bytes; i++) {
		if (strchr(plain, text[i]) && text[i])
			out[used++] = text[i];
		else
			used += (size_t)sprintf(out + used, "%%%02X", (unsigned char)text[i]);
	}
	return used;
}

/* Resource attributes: of every span, event and metric.  Later ones win, and ours are last. */
static int set_tags(struct ta_cli_run *run)
{
	const char *variable = "OTEL_RESOURCE_ATTRIBUTES";
	const char *before = ta_cli_env_get(&run->settings.env, variable);
	size_t bytes = strlen(before) + 1;

	for (unsigned int i = 0; i < run->tag_count; i++)
		bytes += 3 * strlen(run->tags[i]) + 1;
	char *text = malloc(bytes + 1), *end = text;

	if (!text)
		return -ENOMEM;
	end = stpcpy(end, before);
	for (unsigned int i = 0; i < run->tag_count; i++) {
		size_t key = strcspn(run->tags[i], "=");

		if (end > text)
			*end++ = ',';
		end += put_encoded(end, run->tags[i], key);
		*end++ = '=';
		end += put_encoded(end, run->tags[i] + key + 1, strlen(run->tags[i] + key + 1));
		*end = '\0';
	}
	int error = ta_cli_env_set(&run->settings.env, variable, text);

	free(text);
	return error;
}

/* -e: these destinations and no others. */
static int set_exports(struct ta_cli_run *run)
{
	static const char *const sentry[] = { "SENTRY_DSN", "TAGALONG_ENVELOPES", NULL };
	bool otlp = run->exports & TA_CLI_EXPORT_OTLP;
	int error = set(run, "OTEL_TRACES_EXPORTER", otlp ? "otlp" : "none");

	if (!otlp && !error)
		error = set(run, "OTEL_METRICS_EXPORTER", "none");
	if (!otlp && !error)
		error = set(run, "OTEL_LOGS_EXPORTER", "none");
	if (!(run->exports & TA_CLI_EXPORT_SENTRY))
		unset(run, sentry);
	if (!(run->exports & TA_CLI_EXPORT_FILE) && !error)
		error = set(run, "TAGALONG_FILE", "none");
	else if (!error && strcmp(ta_cli_env_get(&run->settings.env, "TAGALONG_FILE"), "none") == 0)
		error = set(run, "TAGALONG_FILE", "tagalong.jsonl");
	return error;
}

static int set_choices(struct ta_cli_run *run)
{
	static const char *const samplers[] = { "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", NULL };
	static const char *const keeps[] = { "TAGALONG_KEEP_FILE", "TAGALONG_KEEP_OTLP",
					     "TAGALONG_KEEP_SENTRY", NULL };
	static const char *const traces[] = { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
					      "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
					      "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", NULL };

	if (run->sample)
		unset(run, samplers);
	if (run->keep)
		unset(run, keeps);
	if (run->endpoint)
		unset(run, traces);
	int error = set(run, "TAGALONG_TRACES_SAMPLE_RATE", run->sample);

	if (!error)
		error = set(run, "TAGALONG_KEEP", run->keep);
	if (!error)
		error = set(run, "OTEL_EXPORTER_OTLP_ENDPOINT", run->endpoint);
	return error ? error : set(run, "SENTRY_DSN", run->dsn);
}

int ta_cli_run_environment(struct ta_cli_run *run)
{
	int error = set_choices(run);

	if (!error)
		error = set(run, "TAGALONG_FILE", run->output);
	if (!error)
		error = set(run, "OTEL_SERVICE_NAME", run->service);
	if (!error && run->tag_count)
		error = set_tags(run);
	if (!error && (run->no_follow || run->follow))
		error = set(run, "TAGALONG_FOLLOW", run->no_follow ? "false" : "true");
	if (!error && run->exports)
		error = set_exports(run);
	if (!error && ta_cli_env_get(&run->settings.env, "TAGALONG_FILE")[0] == '\0')
		error = set(run, "TAGALONG_FILE", "tagalong.jsonl");
	return error;
}
