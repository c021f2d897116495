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
#include <semaphore.h>
#include <tagalong.h>

static struct job {
	const char *name;
	tagalong_context_t *context;
} jobs[2];
static sem_t queued, done;

static void *work(void *unused)
{
	for (int i = 0; i < 2; i++) {
		sem_wait(&queued);
		tagalong_context_attach(jobs[i].context);
		TAGALONG_SPAN(jobs[i].name) {}
		tagalong_context_detach(jobs[i].context);
		tagalong_context_free(jobs[i].context);
		sem_post(&done);
	}
	return unused;
}

static void request(struct job *job, const char *tenant, const char *name)
{
	TAGALONG_ISOLATION()
	{
		tagalong_set_tag("tenant", tenant);
		TAGALONG_SPAN("request")
		{
			job->name = name;
			job->context = tagalong_context_capture();
			sem_post(&queued);
			sem_wait(&done); /* once the request is over, the mail would be a root */
		}
	}
}

int main(void)
{
	pthread_t worker;

	sem_init(&queued, 0, 0);
	sem_init(&done, 0, 0);
	if (pthread_create(&worker, NULL, work, NULL) != 0)
		return 1;
	request(&jobs[0], "acme", "mail to acme");
	request(&jobs[1], "globex", "mail to globex");
	return pthread_join(worker, NULL);
}
