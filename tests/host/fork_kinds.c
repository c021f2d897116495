/* SPDX-License-Identifier: MIT */
/*
 * fork_kinds.c - every way to make a process; the child uses an inherited
 * connection and a new one, and its status comes back.
 *
 * Victim: args='fork|_Fork|vfork|vfork_exec|raw_fork|raw_clone|clone_vm|clone_vfork|threads|deep|atfork' runs=3
 */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "victim.h"

extern char **environ;
static int client, server;
static volatile int shared_word;

static void serve_once(const char *who)
{
	char buffer[64];
	ssize_t got = read(server, buffer, sizeof(buffer));

	say("%s: read %zd\n", who, got);
	TRY(write(server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 38));
}

static int child_body(void *argument)
{
	int a, b;

	shared_word++;
	serve_once(argument);
	tcp_pair(&a, &b);
	say("%s: fds %d %d, threads %d\n", (char *)argument, a, b, thread_count());
	close(a);
	close(b);
	close(server);
	return 7;
}

static void ask(void)
{
	char buffer[64];

	write_full(client, "GET /fork HTTP/1.1\r\n\r\n", 22);
	(void)buffer;
}

static void answer(void)
{
	char buffer[64];

	say("answer %zu bytes\n", read_full(client, buffer, 38));
	say_fds("in the parent");
}

static void by_vfork(int with_exec)
{
	pid_t child;

	child = vfork();
	if (child == 0) {
		if (!with_exec)
			_exit(9);
		dup2(1, 2);
		close(client);
		execl("/bin/sh", "sh", "-c", "echo out; echo err >&2; exit 4", NULL);
		_exit(127);
	}
	NEED(child > 0);
	reap("vfork", child);
	TRY(fcntl(client, F_GETFD));
}

static void by_clone(int flags)
{
	size_t size = 65536;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t child;
	int status;

	NEED(stack != MAP_FAILED);
	ask();
	child = clone(child_body, stack + size, flags | SIGCHLD, (void *)"clone");
	NEED(child > 0);
	NEED(waitpid(child, &status, 0) == child);
	say_status("clone", status);
	say("shared word %d\n", (int)shared_word);
	answer();
}

static volatile int stop;

static void *busy(void *argument)
{
	int a, b;
	char buffer[16];

	while (!stop) {
		int pair[2];

		NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
		a = pair[0];
		b = pair[1];
		NEED(write(a, "0123456789", 10) == 10 && read(b, buffer, 10) == 10);
		close(a);
		close(b);
	}
	return argument;
}

static void with_threads(void)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		NEED(pthread_create(&threads[i], NULL, busy, NULL) == 0);
	for (int i = 0; i < 50; i++) {
		pid_t child;

		ask();
		child = fork();
		NEED(child >= 0);
		if (child == 0) {
			char buffer[64];

			NEED(read(server, buffer, sizeof(buffer)) > 0);
			NEED(write(server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 38) == 38);
			NEED(thread_count() == 1);
			_exit(11);
		}
		reap("child", child);
		NEED(read_full(client, (char[64]){0}, 38) == 38);
	}
	stop = 1;
	for (int i = 0; i < 4; i++)
		NEED(pthread_join(threads[i], NULL) == 0);
}

static void deep(int depth)
{
	pid_t child = fork();

	NEED(child >= 0);
	if (child) {
		reap("level", child);
		return;
	}
	tcp_pair(&client, &server);
	ask();
	serve_once("level");
	answer();
	if (depth)
		deep(depth - 1);
	_exit(depth);
}

static void before(void) { say("atfork prepare\n"); }
static void in_parent(void) { shared_word |= 1; }
static void in_child(void) { say("atfork child\n"); }

static void simple(const char *name, pid_t child)
{
	NEED(child >= 0);
	if (child == 0)
		_exit(child_body((void *)(long)name));
	reap(name, child);
	answer();
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "fork";

	tcp_pair(&client, &server);
	for (int i = 0; i < 3; i++) {
		if (!strcmp(how, "fork"))
			ask(), simple("fork", fork());
		if (!strcmp(how, "_Fork"))
			ask(), simple("_Fork", _Fork());
		if (!strcmp(how, "raw_fork"))
			ask(), simple("SYS_fork", (pid_t)syscall(SYS_fork));
		if (!strcmp(how, "raw_clone"))
			ask(), simple("SYS_clone", (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
		if (!strcmp(how, "vfork"))
			by_vfork(0);
		if (!strcmp(how, "vfork_exec"))
			by_vfork(1);
		if (!strcmp(how, "clone_vm"))
			by_clone(CLONE_VM | CLONE_FILES * 0);
		if (!strcmp(how, "clone_vfork"))
			by_clone(CLONE_VM | CLONE_VFORK);
	}
	if (!strcmp(how, "atfork")) {
		NEED(pthread_atfork(before, in_parent, in_child) == 0);
		ask(), simple("fork", fork());
		ask(), simple("_Fork", _Fork());
		say("parent handler ran %d\n", (int)shared_word & 1);
	}
	if (!strcmp(how, "threads"))
		with_threads();
	if (!strcmp(how, "deep"))
		deep(12);
	say("threads %d, environ %d\n", settled_thread_count(1), environ != NULL);
	say_no_children("at the end");
	return 0;
}
