/* SPDX-License-Identifier: MIT */
/*
 * report.c - `tagalong report`: what files of spans hold, as one page for a browser.
 *
 * The command line; the rest is in the other files of report.h.
 *
 * Refuses to write over a file that it reads.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/report.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/progress.h"

#define LARGE 500000u /* spans: browsers begin to be slow */

static const char *const option_names[] = { "--output", "--name",  "--errors", "--min-duration",
					    "--trace",	"--since", "--limit",  "--all",
					    "--help",	NULL };

enum { OPT_NAME = 256, OPT_ERRORS, OPT_MIN, OPT_TRACE, OPT_SINCE, OPT_LIMIT };

static const struct option options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "errors", no_argument, NULL, OPT_ERRORS },
	{ "min-duration", required_argument, NULL, OPT_MIN },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "since", required_argument, NULL, OPT_SINCE },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ "all", no_argument, NULL, 'a' },
	{ NULL, 0, NULL, 0 },
};

struct request {
	struct show_filter filter;
	uint64_t since_ns; /* how long ago; 0: all */
	unsigned long limit;
	const char *out;
	bool all;
	char trace[33];
};

static int read_option(int option, struct request *request)
{
	switch (option) {
	case OPT_NAME:
		request->filter.name = optarg;
		return 0;
	case OPT_ERRORS:
		request->filter.errors = true;
		return 0;
	case OPT_MIN:
		return ta_show_read_duration("report", "--min-duration", optarg,
					     &request->filter.min_duration_ns);
	case OPT_TRACE:
		request->filter.trace = request->trace;
		return ta_show_read_trace("report", optarg, request->trace);
	case OPT_SINCE:
		return ta_show_read_duration("report", "--since", optarg, &request->since_ns);
	case OPT_LIMIT:
		return ta_show_read_limit("report", optarg, &request->limit);
	case 'o':
		request->out = optarg;
		return 0;
	default:
		request->all = true;
		return 0;
	}
}

/* 0 or the exit status; optind is the first FILE. */
static int read_arguments(int argc, char **argv, struct request *request)
{
	int option, error;

	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":o:", options, NULL)) != -1) {
		if (option == ':') {
			ta_cli_say("report: %s needs a value; see tagalong help report",
				   argv[optind - 1]);
			return TA_CLI_USAGE;
		}
		if (option == '?')
			return ta_cli_bad_option("report", argv[optind - 1], option_names);
		error = read_option(option, request);
		if (error)
			return error;
	}
	return 0;
}

/* 0 or the exit status. */
static int read_files(struct export_store *store, const struct request *request,
		      const char *const *paths, int count)
{
	store->progress = ta_cli_progress_lines;
	for (int i = 0; i < count; i++) {
		int error = ta_export_read(store, paths[i], request->all);

		if (!error)
			continue;
		ta_cli_progress_end();
		ta_cli_say("cannot read %s: %s. Give the file that `tagalong run -o FILE` wrote",
			   paths[i], strerror(-error));
		return 1;
	}
	return 0;
}

static void choose(struct report *report, const struct request *request)
{
	struct export_store *store = report->store;
	uint32_t left_out = 0;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;

	if (request->since_ns && request->since_ns < now_ns)
		store->since_ns = now_ns - request->since_ns;
	ta_export_select(store, &request->filter);
	if (request->limit && store->trace_count > request->limit)
		left_out = store->trace_count - (uint32_t)request->limit;
	report->traces = store->traces + left_out;
	report->trace_count = store->trace_count - left_out;
	report->base_ns = report->trace_count ? report->traces[0]->start_ns : 0;
	for (uint32_t i = 0; i < store->show.count && !report->trace_count; i++)
		if (store->show.traces[i]->event_count &&
		    (!report->base_ns ||
		     store->show.traces[i]->events[0]->time_ns < report->base_ns))
			report->base_ns = store->show.traces[i]->events[0]->time_ns;
}

static void init(struct report *report, struct export_store *store,
		 const struct request *request)
{
	*report = (struct report){ .store = store, .filter = &request->filter };
	ta_report_table_init(&report->texts);
	ta_report_table_init(&report->tags);
	ta_report_table_init(&report->values);
	ta_report_table_init(&report->shapes);
}

static void fini(struct report *report)
{
	struct ta_buf *const bufs[] = {
		&report->trace_ids, &report->trace_starts, &report->trace_counts, &report->span_ids,
		&report->lost, &report->rows, &report->events, &report->links,
		&report->captured_rows, &report->stacks, &report->services, &report->pids,
		&report->resources, &report->text, &report->cell, &report->list,
	};

	for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
		ta_buf_fini(bufs[i]);
	for (int i = 0; i < REPORT_SPAN_COLUMNS; i++)
		ta_buf_fini(&report->spans[i]);
	for (int i = 0; i < REPORT_CAPTURED_COLUMNS; i++)
		ta_buf_fini(&report->captured[i]);
	ta_report_table_fini(&report->texts);
	ta_report_table_fini(&report->tags);
	ta_report_table_fini(&report->values);
	ta_report_table_fini(&report->shapes);
}

static int write_page(struct report *report, const char *path)
{
	struct report_file file;
	int error;

	if (strcmp(path, "-") != 0 && ta_export_is_read(report->store, path)) {
		ta_cli_say("report: %s is what is read; name another file with -o", path);
		return 1;
	}
	error = ta_report_file_open(&file, path);
	if (!error)
		error = ta_report_file_close(&file, ta_report_write(report, file.out));
	ta_cli_progress_end();
	if (error)
		ta_cli_say("report: cannot write %s: %s; name another file with -o", path,
			   strerror(-error));
	return error ? 1 : 0;
}

static void tell(const struct report *report, const char *path)
{
	if (!report->trace_count)
		ta_cli_say(report->store->show.with_spans ?
				   "none of the traces is what you asked for" :
				   "there are no traces in what was read");
	if (report->span_count > LARGE)
		ta_cli_say("the page has %u spans: --limit, --since or --name make it smaller",
			   report->span_count);
	if (strcmp(path, "-") != 0)
		ta_cli_say("%u span%s in %u trace%s, %u event%s -> %s (open it in a browser)",
			   report->span_count, report->span_count == 1 ? "" : "s",
			   report->trace_count, report->trace_count == 1 ? "" : "s",
			   report->captured_count, report->captured_count == 1 ? "" : "s", path);
}

static int convert(struct export_store *store, const struct request *request,
		   const char *const *paths, int count)
{
	const char *out = request->out ? request->out : "tagalong-report.html";
	struct report report;
	int status = read_files(store, request, paths, count), partly;

	if (status)
		return status;
	init(&report, store, request);
	choose(&report, request);
	status = write_page(&report, out);
	if (!status)
		tell(&report, out);
	fini(&report);
	partly = ta_export_tell_broken(store);
	return status ? status : partly;
}

int ta_cli_report(int argc, char **argv)
{
	struct request request = { 0 };
	const char *looked_for = NULL;
	struct export_store store;
	char path[PATH_MAX];
	int status = read_arguments(argc, argv, &request), count = argc - optind;

	if (!status && count == 0)
		status = ta_show_find_file("report", &looked_for, path);
	if (status)
		return status;
	if (ta_export_store_init(&store) != 0)
		return ta_cli_say("out of memory"), 1;
	status = convert(&store, &request,
			 count ? (const char *const *)argv + optind : &looked_for, count ? count : 1);
	ta_export_store_fini(&store);
	return status;
}
