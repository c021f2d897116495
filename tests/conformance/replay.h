/* SPDX-License-Identifier: MIT */
/*
 * replay.h - tagalong-replay: runs a scenario through the public API and prints
 * what the agent exported.
 *
 * The program is two processes.  The outer one (main.c, place.c, result*.c) makes
 * a private directory, starts itself anew below the library, waits until the agent
 * has written everything, and makes a result of the exported lines.  The inner one
 * (inside.c, task.c, op*.c, label.c) runs the operations; it includes tagalong.h
 * and nothing else of Tagalong, and writes down only what nobody else can know: the
 * answers to probes, which span id had which label, and how long the agent's log
 * was when the operations were over (the "facts").
 *
 * An operation that cannot be carried out (not known, a label that was never given)
 * ends the program with status 2: such a scenario has no result.
 */
#ifndef TESTS_CONFORMANCE_REPLAY_H
#define TESTS_CONFORMANCE_REPLAY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

enum profile { PROFILE_SCOPES, PROFILE_HUBS, PROFILE_TRACES, PROFILE_RECALL };

enum { STATUS_UNABLE = 1, STATUS_SCENARIO = 2 };

#define CLOCK_FILE "clock-offset" /* in the run directory: 8 bytes, nanoseconds */
#define WAIT_MS 20000

/* ---- json.c ---- */

cJSON *json_read(const char *path); /* NULL: not readable, not JSON */
const char *json_text(const cJSON *object, const char *name, const char *otherwise);
double json_number(const cJSON *object, const char *name, double otherwise);
const cJSON *json_item(const cJSON *object, const char *name); /* NULL: not there */
/* Adds nothing, and frees the item, when it is an empty object or array. */
void json_add(cJSON *object, const char *name, cJSON *item);
/* A number with all its digits. */
cJSON *json_double(double number);
/* The text of a value, numbers with all their digits; to be freed. */
char *json_print(const cJSON *item);
bool json_profile(const cJSON *scenario, enum profile *ret_profile);
void *need(void *memory); /* ends the program without it */
_Noreturn void fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- the inner process ---- */

struct replay;

int inside_main(const char *scenario_path, const char *facts_path);

/* ops.c: whether all operations of the scenario are known; says which is not. */
void ops_check(const cJSON *scenario);

/* ---- the outer process ---- */

struct place {
	char dir[256]; /* private; everything is in here */
	char file[320], logs[320], log[320], facts[320];
};

/* Makes the directory.  Whatever happens then, place_clean() ends what was started
 * and removes it. */
void place_make(struct place *place);
/* Runs the scenario below the library and waits for the end of program and agent.
 * Returns the program's exit status. */
int place_run(struct place *place, const char *scenario_path, const cJSON *scenario);
void place_clean(void);

/* result.c: the result of FORMAT.md. */
cJSON *result_make(const struct place *place, const cJSON *scenario);

#endif
