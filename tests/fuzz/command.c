/* SPDX-License-Identifier: MIT */
/*
 * command.c - fuzzes what else the command reads: a byte says which, and the rest is it.
 *
 *     0   the files of spans that `run` counts: as many in pieces as in one, and as many as
 *         there are for who reads the lines as JSON
 *     1   the first line of a script: a program that is there, or a name
 *     2   names of segments: one that is understood is written the same
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/agent/segments.h"
#include "runtime/cli/script.h"
#include "runtime/cli/tally.h"

#define DEPTH_MAX 60

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

/* ---- counting ---- */

struct counts {
	uint64_t spans, traces;
};

static struct counts count(const char *text, size_t bytes, size_t piece)
{
	struct ta_cli_counter *counter = ta_cli_counter_new();
	struct counts counts;

	for (size_t at = 0; at < bytes; at += piece)
		ta_cli_counter_feed(counter, text + at, bytes - at < piece ? bytes - at : piece);
	ta_cli_counter_free(counter, &counts.spans, &counts.traces);
	return counts;
}

/* -1: something in it is not to be compared (two of a name, a number that is too deep). */
static long spans_in(const cJSON *tree, int depth)
{
	int starts = 0, traces = 0, named = 0;
	long spans = 0;

	if (depth > DEPTH_MAX)
		return -1;
	for (const cJSON *item = tree->child; item; item = item->next) {
		bool trace = cJSON_IsObject(tree) && strcmp(item->string, "traceId") == 0;
		long inside = spans_in(item, depth + 1);

		traces += trace;
		named += trace && cJSON_IsString(item) && *item->valuestring;
		starts += cJSON_IsObject(tree) && strcmp(item->string, "startTimeUnixNano") == 0;
		if (inside < 0)
			return -1;
		spans += inside;
	}
	return traces > 1 ? -1 : spans + (named && starts);
}

static void check_lines(const char *text, size_t bytes)
{
	struct counts whole = count(text, bytes, bytes + 1), pieces = count(text, bytes, 7);

	demand(whole.spans == pieces.spans && whole.traces == pieces.traces);
	demand(whole.traces <= whole.spans);
	if (memchr(text, '\n', bytes) || memchr(text, '\\', bytes) || memchr(text, '\0', bytes))
		return;
	const char *end = NULL;
	cJSON *tree = cJSON_ParseWithLengthOpts(text, bytes, &end, 0);
	long spans = tree && end == text + bytes ? spans_in(tree, 0) : -1;

	demand(spans < 0 || (uint64_t)spans == whole.spans);
	cJSON_Delete(tree);
}

/* ---- scripts ---- */

static void check_script(const char *text, size_t bytes)
{
	static int fd = -1;
	char path[32], interpreter[PATH_MAX] = "";

	if (fd < 0)
		fd = memfd_create("script", MFD_CLOEXEC);
	demand(ftruncate(fd, 0) == 0 && pwrite(fd, text, bytes, 0) == (ssize_t)bytes);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int error = ta_cli_script_interpreter(path, "/usr/bin:/bin", interpreter);

	if (error == 0)
		demand(access(interpreter, X_OK) == 0);
	else if (error == -ENOENT)
		demand(*interpreter && !strpbrk(interpreter, " \t\n"));
	else
		demand(error == -ENOEXEC);
	demand(error == -ENOEXEC || memcmp(text, "#!", 2) == 0);
}

/* ---- names ---- */

static void check_name(const char *name)
{
	char again[64];
	uint32_t key, pid;
	uint64_t id;

	if (!ta_segment_name_parse(name, &key, &pid, &id))
		return;
	snprintf(again, sizeof(again), "%08" PRIx32 "-%" PRIu32 "-%016" PRIx64 ".seg", key, pid, id);
	demand(strcmp(name, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes < 1)
		return 0;
	char *text = malloc(bytes);

	memcpy(text, data + 1, bytes - 1);
	text[bytes - 1] = '\0';
	if (data[0] % 3 == 0)
		check_lines(text, bytes - 1);
	else if (data[0] % 3 == 1)
		check_script(text, bytes - 1);
	else
		check_name(text);
	free(text);
	return 0;
}
