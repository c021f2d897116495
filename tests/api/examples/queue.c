/* SPDX-License-Identifier: MIT */
/*
 * queue.c - a job carries the context of whoever queued it.
 *
 * The worker attaches it: what it records belongs to the request, whatever the
 * worker did before.
 *
 * Shown in: contexts
 */
#include <pthread.h>
#include <tagalong.h>

struct job {
	const char *name;
	tagalong_context_t *context;
};

static void *work(void *argument)
{
	struct job *job = argument;

	for (; job->name; job++) {
		tagalong_context_attach(job->context);
		TAGALONG_SPAN(job->name) {}
		tagalong_context_detach(job->context);
		tagalong_context_free(job->context);
	}
	return NULL;
}

int main(void)
{
	static struct job jobs[3];
	static const char *const tenants[] = { "acme", "globex" };
	static const char *const names[] = { "mail to acme", "mail to globex" };
	pthread_t worker;

	for (int i = 0; i < 2; i++) {
		TAGALONG_ISOLATION()
		{
			tagalong_set_tag("tenant", tenants[i]);
			TAGALONG_SPAN("request")
			{
				jobs[i].name = names[i];
				jobs[i].context = tagalong_context_capture();
			}
		}
	}
	if (pthread_create(&worker, NULL, work, jobs) != 0)
		return 1;
	return pthread_join(worker, NULL);
}
