/* SPDX-License-Identifier: MIT */
/*
 * malloc_count.c - a program with its own allocator sees every heap call of the
 * process: the number of them over sockets, threads, forks and signals is the
 * same, so nobody else allocates.
 *
 * Victim: cflags='-fno-builtin' runs=3
 */
#include <pthread.h>
#include <sys/epoll.h>

#include "victim.h"

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static volatile int calls, frees;

void *malloc(size_t size) { calls++; return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { calls++; return __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { calls++; return __libc_realloc(old, size); }
void *memalign(size_t align, size_t size) { calls++; return __libc_memalign(align, size); }
void *aligned_alloc(size_t align, size_t size) { calls++; return __libc_memalign(align, size); }
int posix_memalign(void **out, size_t align, size_t size) { calls++; return (*out = __libc_memalign(align, size)) ? 0 : ENOMEM; }
void free(void *old) { frees += old != NULL; __libc_free(old); }

static void on_signal(int number) { (void)number; }

static void *body(void *argument)
{
	int client, server;
	char buffer[32];

	tcp_pair(&client, &server);
	for (int i = 0; i < 100; i++) {
		write_full(client, "GET /x HTTP/1.1\r\n\r\n", 19);
		NEED(read_full(server, buffer, 19) == 19);
		write_full(server, "HTTP/1.1 204 No\r\n\r\n", 19);
		NEED(read_full(client, buffer, 19) == 19);
	}
	close(server);
	close(client);
	return argument;
}

static void counted(const char *what, void (*run)(void))
{
	int before = calls, freed = frees;

	run();
	say("%s: %d allocations, %d frees\n", what, calls - before, frees - freed);
}

static void sockets(void) { body(NULL); }

static void threads(void)
{
	for (int i = 0; i < 10; i++) {
		pthread_t thread;

		NEED(pthread_create(&thread, NULL, body, NULL) == 0);
		NEED(pthread_join(thread, NULL) == 0);
	}
}

static void forks(void)
{
	pid_t child = fork();

	if (child == 0) {
		int before = calls;

		body(NULL);
		_exit(calls - before);
	}
	reap("child", child);
	child = vfork();
	if (child == 0)
		execl("/bin/true", "true", NULL);
	reap("exec", child);
}

static void signals(void)
{
	signal(SIGUSR1, on_signal);
	for (int i = 0; i < 100; i++)
		raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &(struct sigaction){0});
}

int main(void)
{
	say("before main: %d allocations, %d frees\n", calls, frees);
	counted("sockets", sockets);
	counted("threads", threads);
	counted("forks", forks);
	counted("signals", signals);
	return 0;
}
