/* SPDX-License-Identifier: MIT */
/*
 * show.c - `tagalong show`: traces from a file of OTLP JSON lines, for a reader.
 *
 * Options, and the end of the work; the place of the file is in show_find.c, how a trace
 * looks in show_tree.c, following a file that grows in show_follow.c.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/show.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/agent/worker.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/show_follow.h"

static const char help[] =
	"usage: tagalong show [OPTIONS] [FILE]\n"
	"\n"
	"Prints the traces of FILE (OTLP JSON lines; - is standard input), the newest\n"
	"last.  Without FILE: $TAGALONG_FILE, else tagalong.jsonl here, else\n"
	"tagalong/tagalong.jsonl below $XDG_STATE_HOME or ~/.local/state.  What was\n"
	"captured is in the file beside it (tagalong.logs.jsonl): it stands below its span,\n"
	"! error or * warning, and by itself at the end when its trace is not there; a crash\n"
	"with its stack, what led to it (times before the crash), tags and user.\n"
	"\n"
	"A trace is shown when one of its spans meets all of:\n"
	"  --name PATTERN      name contains PATTERN, or matches it with * and ?\n"
	"  --min-duration N    lasted at least N, as in 5ms, 250us, 1.5s\n"
	"  --errors            ended with an error\n"
	"  --kind KIND         server, client, internal, producer or consumer\n"
	"  --trace ID          the trace's id begins with ID\n"
	"\n"
	"  --limit N           at most the N newest traces (default 20; 0: all)\n"
	"  --verbose, -v       breadcrumbs and other events of spans, and the stacks and\n"
	"                      breadcrumbs of all that was captured, not only of crashes\n"
	"  --all-threads       the stacks of all threads, not only of the one that crashed\n"
	"  --follow            keep reading what is added, until interrupted\n"
	"  --color WHEN        always, never or auto (a terminal and no $NO_COLOR)\n"
	"  --help              this text\n";

static const char *const option_names[] = { "--name",  "--min-duration", "--errors", "--kind",
					    "--trace", "--limit",	 "--follow", "--color",
					    "--help",  "--verbose",	 "--all-threads",
					    NULL };

enum { OPT_NAME = 256, OPT_MIN, OPT_ERRORS, OPT_KIND, OPT_TRACE, OPT_LIMIT, OPT_COLOR, OPT_HELP,
       OPT_ALL_THREADS };

static const struct option options[] = {
	{ "name", required_argument, NULL, OPT_NAME },
	{ "min-duration", required_argument, NULL, OPT_MIN },
	{ "errors", no_argument, NULL, OPT_ERRORS },
	{ "kind", required_argument, NULL, OPT_KIND },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ "verbose", no_argument, NULL, 'v' },
	{ "all-threads", no_argument, NULL, OPT_ALL_THREADS },
	{ "follow", no_argument, NULL, 'f' },
	{ "color", required_argument, NULL, OPT_COLOR },
	{ "colour", required_argument, NULL, OPT_COLOR },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct request {
	struct show_filter filter;
	unsigned long limit;
	bool follow, verbose, all_threads;
	const char *color;
	const char *path; /* NULL: look for it */
	char trace[33];
};

static int read_kind(const char *text, int *ret_kind)
{
	static const char *const kinds[] = { "internal", "server", "client", "producer",
					     "consumer" };

	for (int i = 0; i < 5; i++)
		if (strcasecmp(kinds[i], text) == 0) {
			*ret_kind = i + 1;
			return 0;
		}
	return ta_show_bad_value("show", "--kind", text, "give server, client, internal, producer or consumer");
}

static int read_color(const char *text, const char **ret_color)
{
	if (strcmp(text, "always") != 0 && strcmp(text, "never") != 0 && strcmp(text, "auto") != 0)
		return ta_show_bad_value("show", "--color", text, "give always, never or auto");
	*ret_color = text;
	return 0;
}

static int read_option(int option, struct request *request)
{
	switch (option) {
	case OPT_NAME:
		request->filter.name = optarg;
		return 0;
	case OPT_MIN:
		return ta_show_read_duration("show", "--min-duration", optarg,
					     &request->filter.min_duration_ns);
	case OPT_ERRORS:
		request->filter.errors = true;
		return 0;
	case OPT_KIND:
		return read_kind(optarg, &request->filter.kind);
	case OPT_TRACE:
		request->filter.trace = request->trace;
		return ta_show_read_trace("show", optarg, request->trace);
	case OPT_LIMIT:
		return ta_show_read_limit("show", optarg, &request->limit);
	case OPT_COLOR:
		return read_color(optarg, &request->color);
	case OPT_ALL_THREADS:
		request->all_threads = true;
		return 0;
	case 'v':
		request->verbose = true;
		return 0;
	default:
		request->follow = true;
		return 0;
	}
}

/* -1: go on; else the exit status. */
static int read_arguments(int argc, char **argv, struct request *request)
{
	int option, error;

	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":fhv", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (option == ':') {
			ta_cli_say("show: %s needs a value; see tagalong show --help",
				   argv[optind - 1]);
			return TA_CLI_USAGE;
		}
		if (option == '?')
			return ta_cli_bad_option("show", argv[optind - 1], option_names);
		error = read_option(option, request);
		if (error)
			return error;
	}
	if (argc - optind > 1) {
		ta_cli_say("show: one FILE at a time, but '%s' and '%s' were given", argv[optind],
			   argv[optind + 1]);
		return TA_CLI_USAGE;
	}
	request->path = argv[optind];
	return -1;
}

static int by_start(const void *a, const void *b)
{
	const struct show_trace *x = *(struct show_trace *const *)a;
	const struct show_trace *y = *(struct show_trace *const *)b;

	return x->start_ns < y->start_ns ? -1 : x->start_ns > y->start_ns;
}

/* The traces of the store's last pass (or all) that fit, the newest last; limit 0
 * is all.  Returns how many there are. */
static uint32_t print_traces(const struct show_screen *screen, struct show_store *store,
			     const struct request *request, bool only_touched)
{
	struct show_trace **chosen = ta_show_alloc(NULL, (store->count + 1) * sizeof(*chosen));
	uint32_t count = 0, first = 0;

	for (uint32_t i = 0; i < store->count; i++) {
		if (only_touched && store->traces[i]->touched != store->pass)
			continue;
		if (ta_show_filter_trace(&request->filter, store->traces[i]))
			chosen[count++] = store->traces[i];
	}
	qsort(chosen, count, sizeof(*chosen), by_start);
	if (!only_touched && request->limit && count > request->limit)
		first = count - (uint32_t)request->limit;
	for (uint32_t i = first; i < count; i++)
		ta_show_trace(screen, chosen[i]);
	if (first)
		ta_cli_say("%u older trace%s not shown; see all with --limit 0", first,
			   first == 1 ? " is" : "s are");
	free(chosen);
	return count;
}

static void tell_nothing(const struct show_store *store, const char *path)
{
	if (store->with_spans)
		ta_cli_say("none of the %u traces in %s is what you asked for", store->with_spans,
			   path);
	else
		ta_cli_say("%s holds no traces yet: a trace is written when it is complete, at the "
			   "latest TAGALONG_FLUSH_INTERVAL_MS after that", path);
}

static void tell_broken(const struct show_lines *lines)
{
	const char *path = lines->path;

	if (lines->broken == 1)
		ta_cli_say("%s: line %llu is not OTLP JSON (or not all of it); it is left out",
			   path, (unsigned long long)lines->first_broken);
	else if (lines->broken)
		ta_cli_say("%s: %llu lines are not OTLP JSON (or not all of it), the first is line "
			   "%llu; they are left out", path, (unsigned long long)lines->broken,
			   (unsigned long long)lines->first_broken);
}

/* The file of spans, and the one of what was captured, which need not be there. */
struct sources {
	struct show_lines lines[2];
	uint32_t count;
	char beside[PATH_MAX];
};

static int open_sources(struct sources *sources, const struct request *request)
{
	int error = ta_show_lines_open(&sources->lines[0], request->path);

	sources->count = 1;
	if ((error && error != -ENOENT) ||
	    ta_output_beside(request->path, sources->beside, sizeof(sources->beside)) ||
	    strcmp(sources->beside, request->path) == 0)
		return error;
	if (ta_show_lines_open(&sources->lines[1], sources->beside) == 0)
		error = 0;
	else
		ta_show_lines_expect(&sources->lines[1], sources->beside);
	if (sources->lines[0].fd < 0)
		ta_show_lines_expect(&sources->lines[0], request->path);
	sources->count = 2;
	return error;
}

static int follow(const struct show_screen *screen, struct sources *sources,
		  struct show_store *store, const struct request *request)
{
	while (fflush(screen->out) == 0) {
		uint64_t broken[2] = { sources->lines[0].broken, sources->lines[1].broken };

		store->pass++;
		ta_show_lines_wait(sources->lines, sources->count, store);
		for (uint32_t i = 0; i < sources->count; i++)
			if (sources->lines[i].broken != broken[i])
				ta_cli_say("%s: line %llu is not OTLP JSON; it is left out",
					   sources->lines[i].path,
					   (unsigned long long)sources->lines[i].last_broken);
		print_traces(screen, store, request, true);
		ta_show_loose_events(screen, store, &request->filter, 0, true);
		if (store->count > 10000)
			ta_show_store_clear(store);
	}
	return 1;
}

static void print_all(const struct show_screen *screen, struct sources *sources,
		      struct show_store *store, const struct request *request)
{
	uint32_t shown = print_traces(screen, store, request, false);

	shown += ta_show_loose_events(screen, store, &request->filter, request->limit, false);
	if (!shown && !request->follow)
		tell_nothing(store, request->path);
	for (uint32_t i = 0; i < sources->count; i++)
		tell_broken(&sources->lines[i]);
}

int ta_cli_show(int argc, char **argv)
{
	struct request request = { .limit = 20, .color = "auto" };
	struct show_store store = { .pass = 1 };
	struct sources sources = { 0 };
	struct show_screen screen;
	char path[PATH_MAX];
	int status = read_arguments(argc, argv, &request);

	if (status < 0)
		status = ta_show_find_file("show", &request.path, path) ? 1 : -1;
	if (status >= 0)
		return status;
	screen = ta_show_screen(stdout, request.color);
	screen.all_threads = request.all_threads;
	store.verbose = request.verbose;
	status = open_sources(&sources, &request);
	if (status) {
		ta_cli_say("cannot read %s: %s. Give the file that `tagalong run -o FILE` wrote",
			   request.path, strerror(-status));
		return 1;
	}
	for (uint32_t i = 0; i < sources.count; i++)
		ta_show_lines_read(&sources.lines[i], &store, !request.follow);
	print_all(&screen, &sources, &store, &request);
	status = request.follow ? follow(&screen, &sources, &store, &request) : 0;
	for (uint32_t i = 0; i < sources.count; i++)
		ta_show_lines_close(&sources.lines[i]);
	ta_show_store_clear(&store);
	return fflush(stdout) == 0 && !ferror(stdout) ? status : 1;
}
