/* SPDX-License-Identifier: MIT */
/*
 * serve.c - from a request to its answer: hold, copy, let go, then unwind and name.
 *
 * The thread that was asked for stands in a handler of ours; its registers are those of the
 * request, and its stack is walked while the process is still there, because the older
 * frames may be on another stack.  All other threads are walked from their copies, later.
 *
 * Runs: tagalong-stacks, one thread.
 */
#include "runtime/stacks/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/stacks/answer.h"
#include "runtime/stacks/live.h"
#include "runtime/stacks/said.h"

#define FIRST_STACK_MAX (8u << 20)
#define HELD_STEPS_MAX (TA_STACKS_FRAMES_MAX * 2) /* while a process waits */

struct job {
	const struct ta_serving *serving;
	const struct ta_stacks_request *request;
	uint64_t began_ns, hurry_ns;
	uint32_t pid; /* 0: gone */
	bool live;    /* its memory can be read */
	char exe[TA_PLACE_PATH_MAX];
	struct ta_maps maps;
	struct ta_space space;
	struct ta_gathered gathered;
	struct ta_registers registers;
	struct ta_memory memory;
	char *copied; /* of the first thread's stack */
	char name[32];
	uint32_t tid; /* in our pid namespace */
	struct ta_stack stack;
	char abort_message[TA_SAID_MAX], type[TA_SAID_MAX], value[TA_SAID_MAX];
};

bool ta_stacks_request_valid(const struct ta_stacks_request *request)
{
	return request->magic == TA_STACKS_MAGIC &&
	       (request->kind == TA_STACKS_COPY || request->kind == TA_STACKS_LIVE) &&
	       request->register_count >= TA_REGISTERS && request->register_count <= TA_REGISTERS_MAX &&
	       request->stack_bytes <= TA_STACKS_STACK_MAX &&
	       request->module_bytes <= TA_STACKS_MODULES_MAX &&
	       memchr(request->exe, '\0', sizeof(request->exe)) != NULL;
}

/* What the kernel says the program is, rather than what it was started as. */
static void find_exe(struct job *job)
{
	char path[48];
	ssize_t bytes = -1;

	snprintf(path, sizeof(path), "/proc/%u/exe", job->pid);
	if (job->pid)
		bytes = readlink(path, job->exe, sizeof(job->exe) - 1);
	if (bytes > 0)
		job->exe[bytes] = '\0';
	else
		snprintf(job->exe, sizeof(job->exe), "%s", job->request->exe);
	if (strlen(job->exe) > 10 && strcmp(job->exe + strlen(job->exe) - 10, " (deleted)") == 0)
		job->exe[strlen(job->exe) - 10] = '\0';
}

static void begin(struct job *job)
{
	const struct ta_stacks_request *request = job->request;

	memcpy(job->registers.value, request->registers, sizeof(job->registers.value));
	job->registers.known = (1ull << TA_REGISTERS) - 1;
	job->memory.pieces[1].at = request->stack_at;
	job->memory.pieces[1].bytes = request->stack_bytes;
	job->memory.pieces[1].data = job->serving->stack;
	job->pid = request->pid;
	if (job->pid && ta_maps_read(&job->maps, job->pid) != 0)
		job->pid = 0;
	find_exe(job);
	if (job->pid)
		job->tid = ta_live_tid(job->pid, request->tid);
	if (job->pid)
		ta_live_name(job->pid, job->tid, job->name);
}

static int lay_out(struct job *job)
{
	return ta_space_init(&job->space, job->pid, job->pid ? &job->maps : NULL, job->exe,
			     job->serving->modules, job->request->module_bytes);
}

/* Copies while others stand; who may not trace may still be able to read, or not. */
static void hold(struct job *job)
{
	uint64_t patience_ns = (uint64_t)job->request->patience_ms * 1000000u / 2;
	uint64_t sp = job->registers.value[TA_REGISTER_SP];

	if (!job->pid)
		return;
	ta_live_gather(&job->gathered, job->pid, job->tid, &job->maps,
		       job->began_ns + patience_ns);
	job->copied = ta_live_stack(job->pid, &job->maps, sp, FIRST_STACK_MAX,
				    &job->memory.pieces[0].at, &job->memory.pieces[0].bytes);
	job->memory.pieces[0].data = job->copied;
	job->live = job->copied != NULL || job->gathered.count;
	job->memory.pid = job->live ? job->pid : 0;
}

/* While its memory can be read: the first stack, and what the process said. */
static void look(struct job *job)
{
	uint64_t patience_ns = (uint64_t)job->request->patience_ms * 1000000u;

	ta_objects_hurry(true);
	ta_unwind(&job->space, &job->memory, &job->registers, HELD_STEPS_MAX,
		  job->began_ns + patience_ns * 3 / 4, &job->stack);
	ta_objects_hurry(false);
	if (job->live)
		ta_abort_message(&job->space, job->pid, job->abort_message);
	if (job->live && job->request->signal == SIGABRT)
		ta_thrown(&job->space, &job->memory, job->registers.value[TA_REGISTER_SP], job->type,
			  job->value);
	job->memory.pid = 0;
}

static void put_text(struct ta_buf *json, const char *before, const char *text)
{
	ta_buf_puts(json, before);
	ta_buf_put_json(json, text, strlen(text));
}

static void put_said(struct job *job, struct ta_answer *answer, struct ta_buf *json)
{
	if (job->abort_message[0])
		put_text(json, ",\"abort_message\":", job->abort_message);
	/* One that was caught may lie about as well. */
	if (!job->type[0] || !answer->terminates)
		return;
	put_text(json, ",\"exception\":{\"type\":", job->type);
	if (job->value[0])
		put_text(json, ",\"value\":", job->value);
	ta_buf_putc(json, '}');
}

static void put_first(struct job *job, struct ta_answer *answer)
{
	struct ta_answer_thread thread = {
		.tid = job->request->tid,
		.name = job->name,
		.crashed = job->request->signal != 0,
		.current = true,
		.registers = &job->registers,
		.stack = &job->stack,
		.skip_own = job->request->signal == 0,
	};

	ta_answer_thread(answer, &thread);
}

static void put_other(struct job *job, struct ta_answer *answer, const struct ta_thread *other)
{
	struct ta_memory memory = { .pieces = { { other->stack_at, other->stack_bytes, other->stack } } };
	struct ta_answer_thread thread = { .tid = other->tid, .name = other->name };

	if (other->stopped && ta_stacks_now_ns() < job->hurry_ns) {
		ta_unwind(&job->space, &memory, &other->registers, TA_UNWIND_ALL,
			  job->hurry_ns, &job->stack);
		thread.stack = &job->stack;
	}
	ta_answer_thread(answer, &thread);
}

static void encode(struct job *job, struct ta_buf *json)
{
	struct ta_answer answer = {
		.json = json,
		.space = &job->space,
		.hurry_ns = job->hurry_ns,
		.own_lines_only = job->request->kind == TA_STACKS_COPY,
	};

	ta_buf_puts(json, "{\"threads\":[");
	put_first(job, &answer);
	for (unsigned int i = 0; i < job->gathered.count; i++)
		put_other(job, &answer, &job->gathered.threads[i]);
	ta_buf_putc(json, ']');
	ta_answer_images(&answer);
	ta_buf_puts(json, job->live ? ",\"how\":\"ptrace\"" : ",\"how\":\"copy\"");
	ta_buf_puts(json, answer.truncated || job->gathered.truncated ? ",\"truncated\":true" :
									",\"truncated\":false");
	put_said(job, &answer, json);
	ta_buf_putc(json, '}');
}

static void end(struct job *job)
{
	ta_live_fini(&job->gathered);
	ta_memory_fini(&job->memory);
	ta_space_fini(&job->space);
	ta_maps_fini(&job->maps);
	free(job->copied);
}

/* From when on an answer that is poorer is better than none. */
static uint64_t hurry_at(const struct job *job)
{
	uint64_t ms = (uint64_t)job->serving->limit_ms * 6 / 10;
	uint64_t patience_ms = job->request->patience_ms / 2;

	if (job->request->kind == TA_STACKS_COPY && patience_ms && patience_ms < ms)
		ms = patience_ms;
	return job->began_ns + ms * 1000000u;
}

int ta_stacks_serve(const struct ta_serving *serving, struct ta_buf *ret_json)
{
	bool live = serving->request->kind == TA_STACKS_LIVE;
	struct job job = {
		.serving = serving,
		.request = serving->request,
		.began_ns = ta_stacks_now_ns(),
	};
	int error;

	ta_objects_begin();
	job.hurry_ns = hurry_at(&job);
	begin(&job);
	if (live)
		hold(&job);
	error = lay_out(&job);
	if (!error && live) {
		look(&job);
		serving->release(serving->context);
	}
	/* A stack that overflowed is long: the whole of it is walked in its copy. */
	if (!error && (!live || job.stack.count + job.stack.left_out >= HELD_STEPS_MAX))
		ta_unwind(&job.space, &job.memory, &job.registers, TA_UNWIND_ALL, job.hurry_ns, &job.stack);
	if (!error) {
		encode(&job, ret_json);
		error = ret_json->failed ? -ENOMEM : 0;
	}
	end(&job);
	return error;
}
