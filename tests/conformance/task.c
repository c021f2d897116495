/* SPDX-License-Identifier: MIT */
/*
 * task.c - a task: a context, and the thread that works in it at present.
 *
 * The main thread gives the task's thread one operation at a time and waits for
 * it.  A hop ends the thread and lets a new one take the context on.
 *
 * Runs: the inner process.
 */
#include "tests/conformance/inside.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

struct task {
	tagalong_context_t *context;
	pthread_t thread;
	sem_t given, done;
	op_fn *run; /* NULL: the thread is to end */
	struct replay *replay;
	const cJSON *op;
};

static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) != 0)
		;
}

static void *work(void *argument)
{
	struct task *task = argument;
	int error = tagalong_context_attach(task->context);

	if (error)
		fail(STATUS_UNABLE, "a context cannot be attached: %s", strerror(-error));
	sem_post(&task->done);
	for (;;) {
		wait_for(&task->given);
		if (!task->run)
			break;
		task->run(task->replay, task->op);
		sem_post(&task->done);
	}
	error = tagalong_context_detach(task->context);
	if (error)
		fail(STATUS_UNABLE, "a context cannot be detached: %s", strerror(-error));
	return NULL;
}

static void start(struct task *task)
{
	if (pthread_create(&task->thread, NULL, work, task) != 0)
		fail(STATUS_UNABLE, "no more threads");
	wait_for(&task->done);
}

static void stop(struct task *task)
{
	task->run = NULL;
	sem_post(&task->given);
	pthread_join(task->thread, NULL);
}

struct task *task_new(tagalong_context_t *context)
{
	struct task *task = need(calloc(1, sizeof(*task)));

	if (!context)
		fail(STATUS_UNABLE, "a context cannot be captured");
	task->context = context;
	sem_init(&task->given, 0, 0);
	sem_init(&task->done, 0, 0);
	start(task);
	return task;
}

void task_run(struct task *task, op_fn *run, struct replay *replay, const cJSON *op)
{
	task->run = run;
	task->replay = replay;
	task->op = op;
	sem_post(&task->given);
	wait_for(&task->done);
}

void task_hop(struct task *task)
{
	stop(task);
	start(task);
}

void task_free(struct task *task)
{
	stop(task);
	tagalong_context_free(task->context);
	sem_destroy(&task->given);
	sem_destroy(&task->done);
	free(task);
}
