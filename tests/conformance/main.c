/* SPDX-License-Identifier: MIT */
/*
 * main.c - tagalong-replay SCENARIO.json: prints the scenario's result.
 *
 * Exit status: 0; 1 when something does not work; 2 when the scenario asks for
 * something that does not exist.
 *
 * Runs: the outer process; with --inside the inner one (replay.h).
 */
#include "tests/conformance/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run(const char *path)
{
	cJSON *scenario = json_read(path);
	enum profile profile;
	struct place place;
	cJSON *result;
	int status;

	if (!scenario)
		fail(STATUS_SCENARIO, "%s: not readable, or not JSON", path);
	if (!json_profile(scenario, &profile))
		fail(STATUS_SCENARIO, "profile \"%s\" is not known",
		     json_text(scenario, "profile", ""));
	ops_check(scenario);
	place_make(&place);
	status = place_run(&place, path, scenario);
	if (status == 0) {
		result = result_make(&place, scenario);
		puts(need(cJSON_Print(result)));
	}
	place_clean();
	return status;
}

int main(int count, char **arguments)
{
	if (count == 4 && strcmp(arguments[1], "--inside") == 0)
		return inside_main(arguments[2], arguments[3]);
	if (count < 2 || strncmp(arguments[count - 1], "--", 2) == 0)
		fail(STATUS_SCENARIO, "usage: tagalong-replay SCENARIO.json");
	return run(arguments[count - 1]);
}
