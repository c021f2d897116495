/* SPDX-License-Identifier: MIT */
/*
 * stacks.c - COPY: a stack out of what was captured, waited for within a bound.
 *
 * A program that fell over, or did not answer in time, is started anew with the next
 * request.  Three failures one after the other, and it is left alone for a minute: then it
 * is not one odd request, and whoever waits for us has something better to do.
 *
 * Runs: agent, one thread.
 */
#include "runtime/agent/stacks.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "runtime/agent/stacks_link.h"

#define FAILURES_MAX 3u
#define REST_NS 60000000000ull

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void ta_stacks_init(struct ta_stacks *stacks, const char *program)
{
	*stacks = (struct ta_stacks){ .program = program };
}

void ta_stacks_fini(struct ta_stacks *stacks)
{
	ta_stacks_link_close(&stacks->link);
}

/* Until an answer is complete, or the time is over. */
static int wait_for_answer(struct ta_stacks_link *link, uint64_t deadline_ns)
{
	for (;;) {
		struct pollfd wanted = { .fd = link->fd, .events = POLLIN };
		int status = ta_stacks_link_step(link);
		uint64_t now = now_ns();

		if (status != 0)
			return status;
		if (now >= deadline_ns)
			return -ETIMEDOUT;
		if (link->sent < link->out.bytes)
			wanted.events |= POLLOUT;
		poll(&wanted, 1, (int)((deadline_ns - now) / 1000000u) + 1);
	}
}

/* -EPIPE before a single byte came back: it may have been dead for long. */
static int ask_once(struct ta_stacks *stacks, const struct ta_stacks_request *request,
		    const char *modules, const char *stack, uint64_t deadline_ns)
{
	struct ta_stacks_link *link = &stacks->link;
	int error = link->pid ? 0 : ta_stacks_link_open(link, stacks->program);

	if (!error)
		error = ta_stacks_link_ask(link, request, modules, stack);
	if (!error)
		error = wait_for_answer(link, deadline_ns);
	if (error > 0 && link->head.kind != TA_STACKS_DONE)
		error = -EPROTO;
	return error;
}

static void note_failure(struct ta_stacks *stacks)
{
	ta_stacks_link_close(&stacks->link);
	if (++stacks->failures < FAILURES_MAX)
		return;
	stacks->failures = 0;
	stacks->resting_until_ns = now_ns() + REST_NS;
}

static int take_answer(struct ta_stacks *stacks, struct ta_buf *ret_json)
{
	struct ta_stacks_link *link = &stacks->link;
	int error = link->head.error;

	stacks->failures = 0;
	if (!error) {
		ta_buf_put(ret_json, link->json.data, link->json.bytes);
		error = ret_json->failed ? -ENOMEM : 0;
	}
	ta_stacks_link_next(link);
	return error;
}

int ta_stacks_copy(struct ta_stacks *stacks, const struct ta_stacks_request *request,
		   const char *modules, const char *stack, int timeout_ms, struct ta_buf *ret_json)
{
	uint64_t now = now_ns();
	uint64_t deadline_ns = now + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000u;
	bool used_before = stacks->link.pid != 0;
	int error;

	if (now < stacks->resting_until_ns)
		return -EAGAIN;
	error = ask_once(stacks, request, modules, stack, deadline_ns);
	if (error == -EPIPE && used_before) {
		ta_stacks_link_close(&stacks->link);
		error = ask_once(stacks, request, modules, stack, deadline_ns);
	}
	if (error > 0)
		return take_answer(stacks, ret_json);
	note_failure(stacks);
	return error;
}
