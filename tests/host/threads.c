/* SPDX-License-Identifier: MIT */
/*
 * threads.c - the life of threads: results, smallest stacks, detached ones,
 * user stacks, errors of pthread_create, C11 threads, thread-local destructors,
 * clean-up handlers, names, signal masks.
 *
 * Victim: args='join|smallest|detached|attributes|c11|destructors|cleanup|mask|self' runs=5
 */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <threads.h>

#include "victim.h"

static pthread_key_t keys[3];
static sem_t done;

static void talk(void)
{
	char buffer[32];
	int client, server;

	tcp_pair(&client, &server);
	write_full(client, "GET / HTTP/1.1\r\n\r\n", 18);
	NEED(read_full(server, buffer, 18) == 18);
	close(server);
	close(client);
}

static void *return_argument(void *argument)
{
	talk();
	return argument;
}

static void *exit_argument(void *argument)
{
	talk();
	pthread_exit(argument);
}

static void *post(void *argument)
{
	talk();
	sem_post(&done);
	return argument;
}

static void join(void)
{
	pthread_t thread;
	void *result = NULL;

	for (long i = 0; i < 50; i++) {
		TRY(pthread_create(&thread, NULL, i & 1 ? return_argument : exit_argument, (void *)i));
		TRY(pthread_join(thread, &result));
		say("result %ld\n", (long)result);
	}
	NEED(pthread_create(&thread, NULL, return_argument, NULL) == 0);
	TRY(pthread_join(thread, NULL));
	TRY(pthread_join(pthread_self(), NULL));
	say("threads %d\n", settled_thread_count(1));
}

static void smallest(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	void *result;

	NEED(pthread_attr_init(&attributes) == 0);
	TRY(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN - 1));
	TRY(pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN));
	for (long i = 0; i < 20; i++) {
		TRY(pthread_create(&thread, &attributes, i & 1 ? return_argument : exit_argument, (void *)i));
		TRY(pthread_join(thread, &result));
		say("result %ld\n", (long)result);
	}
}

static void detached(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	NEED(pthread_attr_init(&attributes) == 0 && sem_init(&done, 0, 0) == 0);
	TRY(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED));
	for (int i = 0; i < 20; i++) {
		TRY(pthread_create(&thread, &attributes, post, NULL));
		TRY(sem_wait(&done));
	}
	NEED(pthread_create(&thread, NULL, post, NULL) == 0);
	TRY(pthread_detach(thread));
	TRY(sem_wait(&done));
	for (int i = 0; i < 2000 && thread_count() > 1; i++)
		usleep(1000);
	say("threads %d\n", thread_count());
}

static void *own_stack(void *argument)
{
	char here;
	char **range = argument;

	talk();
	return (void *)(long)(&here >= range[0] && &here < range[1]);
}

static void attributes(void)
{
	size_t size = 256 * 1024, got;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *range[2] = {stack, stack + size};
	struct sched_param fifo = {.sched_priority = 100};
	pthread_attr_t attribute, seen;
	pthread_t thread;
	void *result, *address;

	NEED(pthread_attr_init(&attribute) == 0);
	TRY(pthread_attr_setstack(&attribute, stack, size));
	TRY(pthread_create(&thread, &attribute, own_stack, range));
	TRY(pthread_getattr_np(thread, &seen));
	TRY(pthread_attr_getstack(&seen, &address, &got));
	say("same stack %d, same size %d\n", address == stack, got == size);
	TRY(pthread_join(thread, &result));
	say("on it %ld\n", (long)result);
	NEED(pthread_attr_init(&attribute) == 0);
	TRY(pthread_attr_setstacksize(&attribute, (size_t)1 << 46));
	TRY(pthread_create(&thread, &attribute, return_argument, NULL));
	TRY(pthread_attr_setstacksize(&attribute, 1 << 20));
	TRY(pthread_attr_setguardsize(&attribute, 0));
	TRY(pthread_create(&thread, &attribute, return_argument, NULL));
	TRY(pthread_join(thread, NULL));
	TRY(pthread_attr_setinheritsched(&attribute, PTHREAD_EXPLICIT_SCHED));
	TRY(pthread_attr_setschedpolicy(&attribute, SCHED_FIFO));
	TRY(pthread_attr_setschedparam(&attribute, &fifo));
	TRY(pthread_setname_np(pthread_self(), "a name that is too long"));
}

static int c11_body(void *argument)
{
	talk();
	if (argument)
		thrd_exit(41);
	return 40;
}

static void c11(void)
{
	thrd_t thread;
	int result = 0;

	for (long i = 0; i < 10; i++) {
		TRY(thrd_create(&thread, c11_body, (void *)(i & 1)));
		TRY(thrd_join(thread, &result));
		say("result %d\n", result);
	}
	TRY(thrd_create(&thread, c11_body, NULL));
	TRY(thrd_detach(thread));
	for (int i = 0; i < 2000 && thread_count() > 1; i++)
		usleep(1000);
	say("threads %d\n", thread_count());
}

static void key_gone(void *value)
{
	long rounds = (long)value;

	say("destructor, %ld left\n", rounds);
	talk();
	if (rounds > 1)
		pthread_setspecific(keys[0], (void *)(rounds - 1));
}

static void *with_keys(void *argument)
{
	talk();
	pthread_setspecific(keys[0], (void *)3);
	errno = 0;
	if (argument)
		pthread_exit(argument);
	return (void *)9;
}

static void destructors(void)
{
	pthread_t thread;
	void *result;

	TRY(pthread_key_create(&keys[0], key_gone));
	say("key %u\n", (unsigned int)keys[0]); /* a library that took one shows here */
	for (long i = 0; i < 4; i++) {
		NEED(pthread_create(&thread, NULL, with_keys, (void *)(i & 1)) == 0);
		TRY(pthread_join(thread, &result));
		say("result %ld\n", (long)result);
	}
}

static void on_cleanup(void *text)
{
	say("clean-up %s\n", (const char *)text);
}

static void *with_cleanup(void *argument)
{
	pthread_cleanup_push(on_cleanup, "outer");
	pthread_cleanup_push(on_cleanup, "inner");
	talk();
	if (argument)
		pthread_exit(argument);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(1);
	return NULL;
}

static void cleanup(void)
{
	pthread_t thread;
	void *result;

	for (long i = 0; i < 4; i++) {
		NEED(pthread_create(&thread, NULL, with_cleanup, (void *)(i & 1)) == 0);
		TRY(pthread_join(thread, &result));
		say("result %ld\n", (long)result);
	}
}

static void *say_mask(void *argument)
{
	sigset_t set;

	(void)argument;
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	for (int number = 1; number < 65; number++)
		if (sigismember(&set, number) == 1)
			say("blocked %d\n", number);
	return NULL;
}

static void mask(void)
{
	pthread_attr_t attribute;
	pthread_t thread;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 3);
	say_mask(NULL);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	say_mask(NULL);
	NEED(pthread_create(&thread, NULL, say_mask, NULL) == 0);
	pthread_join(thread, NULL);
	pthread_attr_init(&attribute);
	sigfillset(&set);
	TRY(pthread_attr_setsigmask_np(&attribute, &set));
	NEED(pthread_create(&thread, &attribute, say_mask, NULL) == 0);
	pthread_join(thread, NULL);
}

static pthread_t made;

static void *same_self(void *argument)
{
	sem_wait(&done);
	return (void *)(long)(pthread_equal(made, pthread_self()) != 0 && argument == &made);
}

static void self(void)
{
	void *result;

	NEED(sem_init(&done, 0, 0) == 0);
	TRY(pthread_create(&made, NULL, same_self, &made));
	TRY(pthread_setname_np(made, "worker"));
	sem_post(&done);
	TRY(pthread_join(made, &result));
	say("self is what create gave: %ld\n", (long)result);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {{"join", join}, {"smallest", smallest}, {"detached", detached},
		     {"attributes", attributes}, {"c11", c11}, {"destructors", destructors},
		     {"cleanup", cleanup}, {"mask", mask}, {"self", self}};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (argc > 1 && !strcmp(argv[1], tests[i].name))
			tests[i].run();
	say("end\n");
	return 0;
}
