/* SPDX-License-Identifier: MIT */
/*
 * export.c - `tagalong export`: what files of spans hold, in other formats.
 *
 * The command line; the rest is in the other files of export.h.
 *
 * Refuses to write over a file that it reads.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/export.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/progress.h"

#define EXPORT_PARTLY 3

typedef int writer_fn(struct export_store *store, const struct show_filter *filter, FILE *out);

static const struct {
	const char *name;
	writer_fn *write;
} formats[] = {
	{ "perfetto", ta_export_perfetto },
	{ "otlp", ta_export_otlp },
	{ "csv", ta_export_csv },
};

static const char *const option_names[] = { "--to",    "--output", "--all",  "--trace", "--name",
					    "--errors", "--since",  "--help", NULL };

enum { OPT_TO = 256, OPT_TRACE, OPT_NAME, OPT_ERRORS, OPT_SINCE };

static const struct option options[] = {
	{ "to", required_argument, NULL, OPT_TO },
	{ "output", required_argument, NULL, 'o' },
	{ "all", no_argument, NULL, 'a' },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "errors", no_argument, NULL, OPT_ERRORS },
	{ "since", required_argument, NULL, OPT_SINCE },
	{ NULL, 0, NULL, 0 },
};

struct request {
	writer_fn *write; /* NULL: not said */
	struct show_filter filter;
	uint64_t since_ns; /* how long ago; 0: all */
	const char *path, *out;
	bool all;
	char trace[33];
};

static int read_format(const char *text, writer_fn **ret_write)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(formats[i].name, text) == 0) {
			*ret_write = formats[i].write;
			return 0;
		}
	return ta_show_bad_value("export", "--to", text, "give perfetto, otlp or csv");
}

static int read_option(int option, struct request *request)
{
	switch (option) {
	case OPT_TO:
		return read_format(optarg, &request->write);
	case OPT_TRACE:
		request->filter.trace = request->trace;
		return ta_show_read_trace("export", optarg, request->trace);
	case OPT_NAME:
		request->filter.name = optarg;
		return 0;
	case OPT_ERRORS:
		request->filter.errors = true;
		return 0;
	case OPT_SINCE:
		return ta_show_read_duration("export", "--since", optarg, &request->since_ns);
	case 'o':
		request->out = optarg;
		return 0;
	default:
		request->all = true;
		return 0;
	}
}

/* 0 or the exit status. */
static int read_arguments(int argc, char **argv, struct request *request)
{
	int option, error;

	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":o:", options, NULL)) != -1) {
		if (option == ':') {
			ta_cli_say("export: %s needs a value; see tagalong help export",
				   argv[optind - 1]);
			return TA_CLI_USAGE;
		}
		if (option == '?')
			return ta_cli_bad_option("export", argv[optind - 1], option_names);
		error = read_option(option, request);
		if (error)
			return error;
	}
	if (!request->write) {
		ta_cli_say("export: to which format? Give --to perfetto, --to otlp or --to csv");
		return TA_CLI_USAGE;
	}
	if (argc - optind > 1) {
		ta_cli_say("export: one FILE at a time, but '%s' and '%s' were given",
			   argv[optind], argv[optind + 1]);
		return TA_CLI_USAGE;
	}
	request->path = argv[optind];
	return 0;
}

bool ta_export_is_read(const struct export_store *store, const char *path)
{
	struct stat out, in;

	if (stat(path, &out) != 0)
		return false;
	for (uint32_t i = 0; i < store->source_count; i++)
		if (fstat(store->sources[i].fd, &in) == 0 && in.st_ino == out.st_ino &&
		    in.st_dev == out.st_dev)
			return true;
	return false;
}

/* NULL: told. */
static FILE *open_output(const struct export_store *store, const char *path)
{
	if (!path || strcmp(path, "-") == 0)
		return stdout;
	if (ta_export_is_read(store, path)) {
		ta_cli_say("export: %s is what is read; name another file with -o", path);
		return NULL;
	}
	/* As the files of spans: what users sent is in it. */
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (!out)
		ta_cli_say("export: cannot write %s: %s; name another file with -o", path,
			   strerror(errno));
	return out;
}

int ta_export_tell_broken(const struct export_store *store)
{
	int status = 0;

	for (uint32_t i = 0; i < store->source_count; i++) {
		const struct export_source *source = &store->sources[i];

		if (!source->broken)
			continue;
		ta_cli_say("%s: %llu line%s not OTLP JSON (or not all of it), the first is line "
			   "%llu; left out", source->path, (unsigned long long)source->broken,
			   source->broken == 1 ? " is" : "s are",
			   (unsigned long long)source->first_broken);
		status = EXPORT_PARTLY;
	}
	if (store->unreadable) {
		ta_cli_say("%llu spans or events were taken out of their files meanwhile",
			   (unsigned long long)store->unreadable);
		status = EXPORT_PARTLY;
	}
	return status;
}

static int write_output(struct export_store *store, const struct request *request)
{
	FILE *out = open_output(store, request->out);

	if (!out)
		return 1;
	int error = request->write(store, &request->filter, out);

	if (!error && (ferror(out) || fflush(out) != 0))
		error = errno ? -errno : -EIO;
	if (out != stdout && fclose(out) != 0 && !error)
		error = -errno;
	if (error)
		ta_cli_say("export: cannot write %s: %s", request->out ? request->out : "the output",
			   strerror(-error));
	return error ? 1 : 0;
}

static int convert(struct export_store *store, const struct request *request)
{
	struct timespec now;
	int error;

	store->progress = ta_cli_progress_lines;
	error = ta_export_read(store, request->path, request->all);
	ta_cli_progress_end();
	if (error) {
		ta_cli_say("cannot read %s: %s. Give the file that `tagalong run -o FILE` wrote",
			   request->path, strerror(-error));
		return 1;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;

	if (request->since_ns && request->since_ns < now_ns)
		store->since_ns = now_ns - request->since_ns;
	ta_export_select(store, &request->filter);
	if (!store->trace_count)
		ta_cli_say(store->show.with_spans ? "none of the traces in %s is what you asked for" :
						    "%s holds no traces", request->path);
	int status = write_output(store, request);
	int partly = ta_export_tell_broken(store);

	return status ? status : partly;
}

int ta_cli_export(int argc, char **argv)
{
	struct request request = { 0 };
	struct export_store store;
	char path[PATH_MAX];
	int status = read_arguments(argc, argv, &request);

	if (!status)
		status = ta_show_find_file("export", &request.path, path);
	if (status)
		return status;
	if (ta_export_store_init(&store) != 0)
		return ta_cli_say("out of memory"), 1;
	status = convert(&store, &request);
	ta_export_store_fini(&store);
	return status;
}
