/* SPDX-License-Identifier: MIT */
/*
 * status.c - `tagalong status`: what the agents of this user are doing.
 *
 * The exit status says whether one is running, as that of `systemctl status` does.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/status.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/place.h"

static const char *const option_names[] = { "--json", "--watch", "--run-dir", "--help", NULL };

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "watch", no_argument, NULL, 'w' },
	{ "run-dir", required_argument, NULL, 'r' },
	{ NULL, 0, NULL, 0 },
};

struct request {
	bool json, watch;
	const char *run_dir; /* NULL: all that are known */
	char path[PATH_MAX];
};

/* 0 or the exit status. */
static int read_arguments(int argc, char **argv, struct request *request)
{
	int option;

	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == ':') {
			ta_cli_say("status: %s needs a value", argv[optind - 1]);
			return TA_CLI_USAGE;
		}
		if (option == '?')
			return ta_cli_bad_option("status", argv[optind - 1], option_names);
		request->json |= option == 'j';
		request->watch |= option == 'w';
		if (option == 'r')
			request->run_dir = optarg;
	}
	if (optind < argc) {
		ta_cli_say("status: '%s' is not wanted; usage: tagalong status [--json] [--watch] "
			   "[--run-dir DIR]", argv[optind]);
		return TA_CLI_USAGE;
	}
	return 0;
}

static void wait_second(void)
{
	struct timespec second = { .tv_sec = 1 };

	nanosleep(&second, NULL);
}

static void print(const struct request *request, const struct show_screen *screen,
		  const struct status_view *view, const struct status_view *from)
{
	if (request->watch && !request->json && isatty(STDOUT_FILENO))
		fputs("\033[H\033[2J", stdout);
	if (request->json)
		ta_cli_status_json(stdout, view, from);
	else
		ta_cli_status_text(screen, view, from);
	if (request->watch && !request->json && !isatty(STDOUT_FILENO))
		fputc('\n', stdout);
}

static int verdict(const struct request *request, const struct status_view *view)
{
	if (!request->run_dir || !view->refused)
		return ta_cli_status_alive(view) ? 0 : TA_CLI_STATUS_NONE;
	ta_cli_say("status: %s cannot be looked at: it has to be a directory of yours that "
		   "nobody else can write to", request->run_dir);
	return 1;
}

/* On a terminal and to watch, rates are those of a second; views take turns. */
static int look(const struct request *request, const struct ta_cli_settings *settings)
{
	static struct status_view views[2];
	struct show_screen screen = ta_show_screen(stdout, "auto");
	struct status_view *view = &views[0], *before = NULL;
	bool second = request->watch || (!request->json && isatty(STDOUT_FILENO));

	ta_cli_status_look(view, settings, request->run_dir);
	if (second && ta_cli_status_alive(view)) {
		before = view;
		view = &views[1];
		wait_second();
		ta_cli_status_look(view, settings, request->run_dir);
	}
	print(request, &screen, view, before);
	while (request->watch && fflush(stdout) == 0) {
		struct status_view *unused = view == &views[0] ? &views[1] : &views[0];

		wait_second();
		ta_cli_status_free(unused);
		before = view;
		view = unused;
		ta_cli_status_look(view, settings, request->run_dir);
		print(request, &screen, view, before);
	}
	int status = verdict(request, view);

	ta_cli_status_free(&views[0]);
	ta_cli_status_free(&views[1]);
	return status;
}

int ta_cli_status(int argc, char **argv)
{
	static struct ta_cli_settings settings;
	static struct request request;
	int status = read_arguments(argc, argv, &request);

	if (status)
		return status;
	int error = ta_cli_settings_init(&settings);

	if (!error)
		error = ta_cli_settings_load(&settings, NULL);
	if (!error && request.run_dir) {
		error = ta_cli_absolute(settings.cwd, request.run_dir, request.path);
		request.run_dir = request.path;
	}
	if (error)
		return ta_cli_say("status: %s", strerror(-error)), 1;
	status = look(&request, &settings);
	return fflush(stdout) == 0 ? status : 1;
}
