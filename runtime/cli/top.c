/* SPDX-License-Identifier: MIT */
/*
 * top.c - `tagalong top`: what traced programs are doing now.
 *
 * On a terminal a screen that is refreshed in place; elsewhere a block of plain lines for
 * each interval.  The numbers are the agents' (runtime/agent/live.h), who count by name only
 * while they are looked at: so they begin when we do.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/top.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/place.h"

#define FIRST_MS 3000 /* until the first numbers are there: a quiet agent looks once a second */
#define RENEW_MS 2000 /* who looks says so at least this often */
#define SHORT_MS 100

static const char *const option_names[] = { "--interval", "--once", "--count",	 "--json", "--sort",
					    "--view",	  "--run-dir", "--help", NULL };

static const struct option options[] = {
	{ "interval", required_argument, NULL, 'i' },
	{ "once", no_argument, NULL, '1' },
	{ "count", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' },
	{ "sort", required_argument, NULL, 's' },
	{ "view", required_argument, NULL, 'v' },
	{ "run-dir", required_argument, NULL, 'r' },
	{ NULL, 0, NULL, 0 },
};

struct request {
	struct top_view view;
	bool json, full; /* full: the screen of a terminal */
	unsigned long count; /* 0: until the end */
	const char *run_dir; /* NULL: all that are known */
	char path[PATH_MAX];
	struct ta_cli_settings settings;
	struct top_model model;
};

/* ---- the command line ---- */

static int bad(const char *option, const char *value, const char *wanted)
{
	ta_cli_say("top: %s %s: %s", option, value, wanted);
	return TA_CLI_USAGE;
}

/* Seconds, or a number with a unit. */
static int read_interval(const char *text, double *ret_seconds)
{
	char *end;
	double value = strtod(text, &end);

	if (strcmp(end, "ms") == 0)
		value /= 1000;
	else if (strcmp(end, "m") == 0)
		value *= 60;
	else if (*end && strcmp(end, "s") != 0)
		end = (char *)text;
	if (end == text || !(value >= 0.1 && value <= 3600))
		return bad("--interval", text, "give seconds from 0.1 to 3600, such as 2 or 500ms");
	*ret_seconds = value;
	return 0;
}

static int read_count(const char *text, unsigned long *ret_count)
{
	char *end;

	errno = 0;
	*ret_count = strtoul(text, &end, 10);
	if (end == text || *end || errno || !*ret_count || text[0] == '-')
		return bad("--count", text, "give how many times to print, at least 1");
	return 0;
}

static int read_sort(const char *text, enum top_sort *ret_sort)
{
	for (int i = 0; i < TOP_SORTS; i++)
		if (strcmp(text, ta_top_sort_word((enum top_sort)i)) == 0)
			return *ret_sort = (enum top_sort)i, 0;
	return bad("--sort", text, "give one of rate, errors, p50, p99, total, name");
}

static int read_view(const char *text, int *ret_kind)
{
	static const char *const words[] = { "requests", "calls", "own", "other", "all" };

	for (int i = 0; i <= TA_LIVE_KINDS; i++)
		if (strcmp(text, words[i]) == 0)
			return *ret_kind = i, 0;
	return bad("--view", text, "give one of requests, calls, own, other, all");
}

static int read_option(int option, struct request *request)
{
	switch (option) {
	case 'i':
		return read_interval(optarg, &request->view.interval_s);
	case '1':
		return request->count = 1, 0;
	case 'c':
		return read_count(optarg, &request->count);
	case 'j':
		return request->json = true, 0;
	case 's':
		return read_sort(optarg, &request->view.sort);
	case 'v':
		return read_view(optarg, &request->view.kind);
	default:
		return request->run_dir = optarg, 0;
	}
}

/* 0 or the exit status. */
static int read_arguments(int argc, char **argv, struct request *request)
{
	int option, error = 0;

	optind = 0;
	opterr = 0;
	while (!error && (option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == ':')
			return ta_cli_say("top: %s needs a value; see tagalong help top",
					  argv[optind - 1]), TA_CLI_USAGE;
		if (option == '?')
			return ta_cli_bad_option("top", argv[optind - 1], option_names);
		error = read_option(option, request);
	}
	if (error || optind == argc)
		return error;
	ta_cli_say("top: '%s' is not wanted: it shows what runs now; `tagalong show %s` reads a file",
		   argv[optind], argv[optind]);
	return TA_CLI_USAGE;
}

/* ---- going round ---- */

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void look(struct request *request)
{
	ta_top_look(&request->model, &request->settings, request->run_dir);
}

/* Not wider than the terminal is now, and in one write. */
static void draw_full(const struct request *request)
{
	struct show_screen screen = ta_show_screen(stdout, "auto");
	unsigned int height;
	char *text = NULL;
	size_t bytes = 0;

	ta_top_terminal_size(&screen.width, &height);
	screen.out = open_memstream(&text, &bytes);
	if (!screen.out)
		return;
	fputs("\033[H", screen.out);
	ta_top_sheet(&screen, &request->model, &request->view, height, "\033[K\r\n");
	fputs("\033[K\033[J", screen.out);
	fclose(screen.out);
	fwrite(text, 1, bytes, stdout);
	fflush(stdout);
	free(text);
}

static void draw(const struct request *request)
{
	struct show_screen screen = ta_show_screen(stdout, "never");

	if (request->full) {
		draw_full(request);
		return;
	}
	if (!isatty(STDOUT_FILENO))
		screen.width = 500;
	if (request->json)
		ta_top_json(stdout, &request->model, &request->view);
	else
		ta_top_sheet(&screen, &request->model, &request->view, 0, "\n");
	fflush(stdout);
}

/* False: it is to end. */
static bool press(struct request *request, int key)
{
	static const char sorts[] = "remptn"; /* as enum top_sort */
	struct top_view *view = &request->view;
	const char *sort = key > 0 ? strchr(sorts, key) : NULL;

	if (key == 'q' || key == 'Q')
		return false;
	if (sort)
		view->sort = (enum top_sort)(sort - sorts);
	else if (key == 'v' || key == '\t')
		view->kind = (view->kind + 1) % (TA_LIVE_KINDS + 1);
	else if (key == ' ')
		view->paused = !view->paused;
	else if (key == 'z')
		ta_top_zero(&request->model);
	return true;
}

/* Until the end of the interval; keys and sizes are answered at once.  False: the end. */
static bool wait_until(struct request *request, uint64_t end_ms)
{
	uint64_t renew_ms = clock_ms() + RENEW_MS;

	for (;;) {
		uint64_t now_ms = clock_ms(), next_ms = end_ms < renew_ms ? end_ms : renew_ms;
		int event = ta_top_terminal_wait(next_ms > now_ms ? next_ms - now_ms : 0);

		if (event == TOP_ENDED || (event > 0 && !press(request, event)))
			return false;
		if (event > 0 || event == TOP_RESIZED)
			draw(request);
		now_ms = clock_ms();
		if (now_ms >= end_ms)
			return true;
		if (now_ms >= renew_ms) {
			look(request);
			renew_ms = now_ms + RENEW_MS;
		}
	}
}

/* Until every agent that runs has said something, or will not.  False: the end. */
static bool wait_for_agents(struct request *request)
{
	uint64_t end_ms = clock_ms() + FIRST_MS;

	look(request);
	while (request->model.shown + request->model.other_version < request->model.agents &&
	       clock_ms() < end_ms) {
		if (request->full)
			draw(request);
		if (!wait_until(request, clock_ms() + SHORT_MS))
			return false;
		look(request);
	}
	return true;
}

static void go_round(struct request *request)
{
	uint64_t interval_ms = (uint64_t)lround(request->view.interval_s * 1000);
	uint64_t next_ms;

	if (!wait_for_agents(request))
		return;
	if (request->full)
		draw(request);
	next_ms = clock_ms() + interval_ms;
	for (unsigned long done = 0; !request->count || done < request->count; done++) {
		if (!wait_until(request, next_ms))
			return;
		next_ms += interval_ms;
		if (next_ms < clock_ms()) /* it was stopped, or the machine slept */
			next_ms = clock_ms() + interval_ms;
		look(request);
		if (!request->view.paused)
			draw(request);
		if (ferror(stdout))
			return;
	}
}

static int verdict(const struct request *request)
{
	if (ferror(stdout))
		return 1;
	if (request->model.refused) {
		ta_cli_say("top: %s cannot be looked at: it has to be a directory of yours that "
			   "nobody else can write to", request->run_dir);
		return 1;
	}
	return request->count && !request->model.agents ? TA_CLI_STATUS_NONE : 0;
}

static int load(struct request *request)
{
	int error = ta_cli_settings_init(&request->settings);

	if (!error)
		error = ta_cli_settings_load(&request->settings, NULL);
	if (!error && request->run_dir) {
		error = ta_cli_absolute(request->settings.cwd, request->run_dir, request->path);
		request->run_dir = request->path;
	}
	return error ? error : ta_top_init(&request->model);
}

int ta_cli_top(int argc, char **argv)
{
	static struct request request = { .view = { .interval_s = 1 } };
	int status = read_arguments(argc, argv, &request);

	if (status)
		return status;
	int error = load(&request);

	if (error)
		return ta_cli_say("top: %s", strerror(-error)), 1;
	request.full = isatty(STDOUT_FILENO) && !request.json && !request.count;
	ta_top_terminal_enter(request.full);
	go_round(&request);
	ta_top_terminal_leave();
	ta_top_terminal_follow();
	status = verdict(&request);
	ta_top_fini(&request.model);
	return status;
}
