/* SPDX-License-Identifier: MIT */
/*
 * wait_crash.c - `tagalong wait-crash`: a program under Tagalong, and a page on standard
 * error should a process of it crash.
 *
 * What it says is read from the two output files: what was appended to them meanwhile.
 *
 * Runs: the command line, one thread.
 */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/wait.h>

#include "runtime/agent/worker.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/place.h"
#include "runtime/cli/run.h"
#include "runtime/cli/show.h"
#include "runtime/cli/tally.h"
#include "runtime/export/signal_name.h"

#define SETTLE_MS 15000 /* stacks take their time */
#define PAGES 3		/* of so many crashes; the others have a line each */
#define DEPTH 16	/* of spans in flight */
#define STATUS_CRASHED 70

static const char *const long_names[] = { "--output",	   "--service", "--no-follow", "--quiet",
					  "--all-threads", "--fail",	"--help",      NULL };

struct wait_crash {
	struct ta_cli_run run; /* first */
	bool quiet, all_threads, fail;
	struct ta_cli_tally spans, events;
	struct show_store store;
	char *line; /* that is not complete yet */
	size_t line_bytes, line_capacity;
	uint32_t crashes;
};

/* ---- reading ---- */

static void append(struct wait_crash *wait, const char *data, size_t bytes)
{
	if (wait->line_bytes + bytes > wait->line_capacity) {
		wait->line_capacity = (wait->line_bytes + bytes) * 2;
		wait->line = ta_show_alloc(wait->line, wait->line_capacity);
	}
	memcpy(wait->line + wait->line_bytes, data, bytes);
	wait->line_bytes += bytes;
}

static void take(void *user, const char *data, size_t bytes)
{
	struct wait_crash *wait = user;

	while (bytes) {
		const char *end = memchr(data, '\n', bytes);
		size_t length = end ? (size_t)(end - data) + 1 : bytes;

		append(wait, data, length);
		if (end) {
			ta_show_read_line(&wait->store, wait->line, wait->line_bytes);
			wait->line_bytes = 0;
		}
		data += length;
		bytes -= length;
	}
}

static void before(struct ta_cli_run *run)
{
	struct wait_crash *wait = (struct wait_crash *)run;
	const char *file = run->settings.config.file;
	char beside[PATH_MAX];

	ta_cli_tally_start(&wait->spans, file);
	if (ta_output_beside(file, beside, sizeof(beside)) == 0)
		ta_cli_tally_start(&wait->events, beside);
}

/* ---- saying ---- */

static bool is_crash(const struct show_event *event)
{
	return ta_show_attribute(event->attributes, "tagalong.signal.number") != NULL;
}

static const struct show_span *find(const struct show_trace *trace, uint64_t id)
{
	for (uint32_t i = 0; i < trace->count && id; i++)
		if (trace->spans[i]->id == id)
			return trace->spans[i];
	return NULL;
}

/* The spans that were open, the outermost first. */
static void put_in_flight(const struct show_screen *screen, const struct show_trace *trace,
			  const struct show_event *event)
{
	static const struct show_margin none = { NULL, NULL };
	const struct show_span *path[DEPTH];
	unsigned int depth = 0;
	char since[32];

	for (const struct show_span *span = find(trace, event->span_id); span && depth < DEPTH;
	     span = find(trace, span->parent_id))
		path[depth++] = span;
	if (depth)
		ta_show_line(screen, &none, 4, NULL, "in flight");
	while (depth-- > 0) {
		uint64_t start = path[depth]->start_ns;

		ta_show_duration(screen, event->time_ns > start ? event->time_ns - start : 0, since,
				 sizeof(since));
		ta_show_line(screen, &none, 6, NULL, "%s  for %s%s%s", path[depth]->name, since,
			     path[depth]->notes[0] ? "  " : "", path[depth]->notes);
	}
	if (trace->hi | trace->lo)
		ta_show_line(screen, &none, 4, NULL, "trace  %016" PRIx64 "%016" PRIx64, trace->hi,
			     trace->lo);
}

static void put_crash(struct wait_crash *wait, const struct show_screen *screen,
		      const struct show_trace *trace, const struct show_event *event)
{
	static const struct show_margin none = { NULL, NULL };
	char process[160];

	ta_show_process(event->process, process, sizeof(process));
	fputs("tagalong: ", screen->out);
	ta_show_text(screen, process, UINT32_MAX);
	fputs(" crashed", screen->out);
	if (wait->quiet || wait->crashes >= PAGES) {
		fputs(": ", screen->out);
		ta_show_text(screen, event->text, UINT32_MAX);
		fputc('\n', screen->out);
		return;
	}
	fputc('\n', screen->out);
	ta_show_event(screen, event, screen->cut ? screen->width : UINT32_MAX);
	fputc('\n', screen->out);
	ta_show_detail(screen, event, &none);
	put_in_flight(screen, trace, event);
}

static void put_crashes(struct wait_crash *wait, const struct show_screen *screen)
{
	for (uint32_t i = 0; i < wait->store.count; i++) {
		struct show_trace *trace = wait->store.traces[i];

		ta_show_sort_events(trace);
		for (uint32_t j = 0; j < trace->event_count; j++) {
			if (!is_crash(trace->events[j]))
				continue;
			put_crash(wait, screen, trace, trace->events[j]);
			wait->crashes++;
		}
	}
}

/* It died as crashing programs do, and nobody told us of it. */
static void put_unseen(const struct wait_crash *wait, int status)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT,
				       SIGTRAP, SIGSYS, SIGXCPU, SIGKILL };
	const char *program = wait->run.argv[0];

	if (!WIFSIGNALED(status) || wait->crashes)
		return;
	if (WTERMSIG(status) == SIGKILL)
		ta_cli_say("%s was killed by SIGKILL: from outside, or for want of memory (dmesg "
			   "says so)", program);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]) - 1; i++)
		if (signals[i] == WTERMSIG(status))
			ta_cli_say("%s died of %s and left no report; `tagalong doctor %s` says "
				   "whether it can be traced", program, ta_signal_name(signals[i]),
				   program);
}

static void report(struct wait_crash *wait, int status)
{
	struct show_screen screen = ta_show_screen(stderr, "auto");
	const char *file = wait->run.settings.config.file;

	screen.all_threads = wait->all_threads;
	if (wait->run.traced) {
		wait->store.pass = 1;
		ta_cli_tally_read(&wait->events, take, wait);
		ta_cli_tally_read(&wait->spans, take, wait);
		put_crashes(wait, &screen);
	}
	put_unseen(wait, status);
	if (wait->crashes && !wait->quiet)
		ta_cli_say("all of it: tagalong show --all-threads %s",
			   ta_cli_short_path(wait->run.settings.cwd, file));
	ta_show_store_clear(&wait->store);
	free(wait->line);
}

/* ---- the command line ---- */

/* 0, or an exit status + 1. */
static int bad_option(int option, char **argv)
{
	if (option == ':') {
		ta_cli_say("wait-crash: %s needs a value; `tagalong help wait-crash` lists the options",
			   argv[optind - 1]);
		return TA_CLI_USAGE + 1;
	}
	return ta_cli_bad_option("wait-crash", argv[optind - 1], long_names) + 1;
}

/* 0, or an exit status + 1. */
static int take_option(struct wait_crash *wait, int option, char **argv)
{
	static char help[] = "help", verb[] = "wait-crash";

	switch (option) {
	case 'o':
		wait->run.output = optarg;
		return 0;
	case 's':
		wait->run.service = optarg;
		return 0;
	case 'n':
		return wait->run.no_follow = true, 0;
	case 'q':
		return wait->quiet = true, 0;
	case 'a':
		return wait->all_threads = true, 0;
	case 'f':
		return wait->fail = true, 0;
	case 'h':
		return ta_cli_help(2, (char *[]){ help, verb, NULL }) + 1;
	default:
		return bad_option(option, argv);
	}
}

/* 0, or an exit status + 1. */
static int parse(struct wait_crash *wait, int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "service", required_argument, NULL, 's' },
		{ "no-follow", no_argument, NULL, 'n' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "all-threads", no_argument, NULL, 'a' },
		{ "fail", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};

	opterr = 0;
	for (int option; (option = getopt_long(argc, argv, "+:o:qh", options, NULL)) != -1;) {
		int status = take_option(wait, option, argv);

		if (status)
			return status;
	}
	wait->run.argv = argv + optind;
	if (!wait->run.argv[0]) {
		ta_cli_say("wait-crash: which program?  usage: tagalong wait-crash [OPTIONS] -- "
			   "PROGRAM [ARGS...]");
		return TA_CLI_USAGE + 1;
	}
	if (wait->run.output && (strcmp(wait->run.output, "-") == 0 || !wait->run.output[0])) {
		ta_cli_say("wait-crash: -o wants a file");
		return TA_CLI_USAGE + 1;
	}
	return 0;
}

int ta_cli_wait_crash(int argc, char **argv)
{
	static struct wait_crash wait;
	struct ta_cli_child child;
	int status = parse(&wait, argc, argv);

	wait.run.quiet = true;
	wait.run.settle_ms = SETTLE_MS;
	wait.run.before = before;
	if (!status)
		status = ta_cli_run_program(&wait.run, &child);
	if (status)
		return status - 1;
	report(&wait, child.status);
	if (wait.fail && wait.crashes && WIFEXITED(child.status) && !WEXITSTATUS(child.status))
		return STATUS_CRASHED;
	ta_cli_child_follow(&child);
}
