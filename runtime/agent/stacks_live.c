/* SPDX-License-Identifier: MIT */
/*
 * stacks_live.c - LIVE: the stacks of a process that waits for us, without waiting for them.
 *
 * Each has a program of its own: crashes are rare, several at once are not, and none may
 * stand behind another one while its process is held.
 *
 * Runs: agent, one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "runtime/agent/stacks_link.h"

#define LIMIT_NS 15000000000ull /* the program's own limit, and some more */

struct ta_stacks_live {
	struct ta_stacks_link link;
	struct ta_stacks_news news;
	uint64_t deadline_ns;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct ta_stacks_live *ta_stacks_live_start_as(const char *program,
					       const struct ta_stacks_request *request,
					       const char *modules, const char *stack)
{
	struct ta_stacks_live *live = calloc(1, sizeof(*live));
	int error = live ? ta_stacks_link_open(&live->link, program) : -ENOMEM;

	if (!error)
		error = ta_stacks_link_ask(&live->link, request, modules, stack);
	if (error) {
		ta_stacks_live_free(live);
		return NULL;
	}
	live->deadline_ns = now_ns() + LIMIT_NS;
	ta_stacks_live_step(live);
	return live;
}

struct ta_stacks_live *ta_stacks_live_start(const struct ta_stacks_request *request,
					    const char *modules, const char *stack)
{
	return ta_stacks_live_start_as(NULL, request, modules, stack);
}

static void finish(struct ta_stacks_live *live, int error)
{
	live->news = (struct ta_stacks_news){ .released = true, .done = true, .error = error };
	if (error)
		return;
	live->news.json = live->link.json.data;
	live->news.json_bytes = live->link.json.bytes;
}

/* One answer that is complete; false: it is not in order. */
static bool take(struct ta_stacks_live *live)
{
	if (live->link.head.kind == TA_STACKS_DONE) {
		finish(live, live->link.head.error);
		return true;
	}
	if (live->news.released)
		return false;
	live->news.released = true;
	ta_stacks_link_next(&live->link);
	return true;
}

struct ta_stacks_news ta_stacks_live_step(struct ta_stacks_live *live)
{
	while (!live->news.done) {
		int status = ta_stacks_link_step(&live->link);

		if (status == 0 && now_ns() > live->deadline_ns)
			status = -ETIMEDOUT;
		if (status == 0)
			break;
		if (status < 0)
			finish(live, status);
		else if (!take(live))
			finish(live, -EPROTO);
	}
	return live->news;
}

int ta_stacks_live_fd(const struct ta_stacks_live *live)
{
	return live->link.fd;
}

void ta_stacks_live_free(struct ta_stacks_live *live)
{
	if (!live)
		return;
	ta_stacks_link_close(&live->link);
	free(live);
}
