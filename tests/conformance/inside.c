/* SPDX-License-Identifier: MIT */
/*
 * inside.c - the inner process: hands the operations out to the tasks.
 *
 * Runs: the program that the library watches.  Its main thread carries no task:
 * the scenario's main task has a context and a thread of its own, like all others.
 */
#include "tests/conformance/inside.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t *map_clock(void)
{
	const char *dir = getenv("TAGALONG_RUN_DIR");
	char path[512];
	uint64_t *offset;
	int fd;

	snprintf(path, sizeof(path), "%s/" CLOCK_FILE, dir ? dir : ".");
	fd = open(path, O_RDWR | O_CLOEXEC);
	offset = fd < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (offset == MAP_FAILED)
		fail(STATUS_UNABLE, "%s: cannot be mapped", path);
	close(fd);
	return offset;
}

/* ---- tasks ---- */

static struct task *task_of(struct replay *replay, const char *name)
{
	struct label *label = label_find(replay, LABEL_TASK, name);

	if (!label || !label->task)
		fail(STATUS_SCENARIO, "there is no task \"%s\"", name);
	return label->task;
}

void op_spawn(struct replay *replay, const cJSON *op)
{
	struct label *label = label_add(replay, LABEL_TASK, json_text(op, "child", ""));

	label->task = task_new(tagalong_context_capture());
}

static void join(struct replay *replay, const char *name)
{
	struct task *task = task_of(replay, name);

	label_find(replay, LABEL_TASK, name)->task = NULL;
	task_free(task);
}

/* ---- operations ---- */

/* What two threads write about one span, or complete, is told apart by the order in
 * which the agent takes it in: so it takes what there is before another thread goes on,
 * and for traces, whose order of completion counts, after every operation. */
static void settle(struct replay *replay, const struct task *next)
{
	struct tagalong_buffered held;

	if (replay->profile == PROFILE_TRACES || (replay->last && replay->last != next))
		agent_settle(&held);
	replay->last = next;
}

static void run_once(struct replay *replay, const cJSON *op)
{
	const struct op *known = op_find(json_text(op, "op", ""));
	struct task *task = task_of(replay, json_text(op, "task", "main"));

	if (!known)
		fail(STATUS_SCENARIO, "operation \"%s\" is not known", json_text(op, "op", ""));
	settle(replay, task);
	if (known->run)
		task_run(task, known->run, replay, op);
	else if (strcmp(known->name, "join") == 0)
		join(replay, json_text(op, "child", ""));
	else
		task_hop(task);
}

/* A copy of text in which every {i} is the number. */
static char *with_number(const char *text, int number)
{
	char digits[16];
	size_t room, bytes = (size_t)snprintf(digits, sizeof(digits), "%d", number);
	char *copy = need(malloc(room = strlen(text) * (1 + bytes) + 1));
	char *at = copy;

	while (*text) {
		if (strncmp(text, "{i}", 3) == 0) {
			memcpy(at, digits, bytes);
			at += bytes;
			text += 3;
		} else {
			*at++ = *text++;
		}
	}
	*at = '\0';
	return copy;
}

static void number_strings(cJSON *item, int number)
{
	char *text;

	for (; item; item = item->next) {
		if (item->string && strstr(item->string, "{i}")) {
			text = with_number(item->string, number);
			cJSON_free(item->string);
			item->string = text;
		}
		if (cJSON_IsString(item) && strstr(item->valuestring, "{i}")) {
			text = with_number(item->valuestring, number);
			cJSON_free(item->valuestring);
			item->valuestring = text;
		}
		number_strings(item->child, number);
	}
}

static void run_repeated(struct replay *replay, const cJSON *op, int times)
{
	for (int i = 0; i < times; i++) {
		cJSON *once = need(cJSON_Duplicate(op, true));

		number_strings(once->child, i);
		run_once(replay, once);
		cJSON_Delete(once);
	}
}

static void run_all(struct replay *replay, const cJSON *scenario)
{
	const cJSON *op;

	cJSON_ArrayForEach(op, json_item(scenario, "ops")) {
		const cJSON *times = json_item(op, "repeat");

		if (cJSON_IsNumber(times))
			run_repeated(replay, op, times->valueint);
		else
			run_once(replay, op);
	}
}

static void op_initial_scope(struct replay *replay, const cJSON *op)
{
	scope_update(scope_near(replay), op);
}

/* ---- what is left behind ---- */

static void note_log_length(struct replay *replay)
{
	const char *path = getenv("TAGALONG_LOG");
	struct stat info;
	bool there = path && stat(path, &info) == 0;

	cJSON_AddNumberToObject(replay->facts, "log_bytes", there ? (double)info.st_size : 0);
}

/* Everything that is complete goes out before the program ends; but what a traces
 * scenario has not flushed itself is no part of its result.  Tasks that are left
 * stay as they are: freeing their contexts would end what is open in them. */
static void finish(struct replay *replay)
{
	struct tagalong_buffered held;

	agent_settle(&held);
	note_log_length(replay);
	op_shutdown(replay, NULL);
}

static void write_facts(const struct replay *replay, const char *path)
{
	char *text = need(cJSON_PrintUnformatted(replay->facts));
	FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		fail(STATUS_UNABLE, "%s: cannot be written", path);
	free(text);
}

int inside_main(const char *scenario_path, const char *facts_path)
{
	cJSON *scenario = json_read(scenario_path);
	const cJSON *initial = json_item(json_item(scenario, "config"), "initial_scope");
	struct replay replay = { .clock_offset = map_clock(), .facts = cJSON_CreateObject() };

	if (!json_profile(scenario, &replay.profile))
		fail(STATUS_SCENARIO, "%s: not a scenario", scenario_path);
	if (!tagalong())
		fail(STATUS_UNABLE, "the library is not loaded");
	replay.probes = cJSON_AddArrayToObject(replay.facts, "probes");
	replay.spans = cJSON_AddArrayToObject(replay.facts, "spans");
	label_add(&replay, LABEL_TASK, "main")->task = task_new(tagalong_context_capture());
	if (initial)
		task_run(task_of(&replay, "main"), op_initial_scope, &replay, initial);
	run_all(&replay, scenario);
	finish(&replay);
	write_facts(&replay, facts_path);
	return 0;
}
