/* SPDX-License-Identifier: MIT */
/*
 * exits.c - every way to end: the status, the signal, what is flushed, and the
 * order of what was registered.
 *
 * Victim: args='return|exit|_exit|_Exit|quick_exit|exit_group|raw_exit|pthread_exit|abort|handler|nested|busy_threads|segv|fpe|ill|trap|bus|kill|term|pipe|alarm|rtmin|reraise|assert|detached|sys' runs=3 slow
 */
#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "victim.h"

static void first(void) { say("atexit first\n"); }
static void second(void) { say("atexit second\n"); }
static void on_status(int status, void *text) { say("on_exit %d %s\n", status, (char *)text); }
static void quick(void) { say("at_quick_exit\n"); }
static void exits_again(void) { say("exits again\n"); exit(77 - 20); }
static void on_signal(int number) { say("handler %d\n", number); _exit(40); }
static void reraise(int number) { say("reraised\n"); signal(number, SIG_DFL); raise(number); }
__attribute__((constructor)) static void early(void) { say("constructor\n"); }
__attribute__((destructor)) static void late(void) { say("destructor\n"); }

static void *spin(void *argument)
{
	int client, server;
	char buffer[32];

	tcp_pair(&client, &server);
	for (;;) {
		if (write(client, "GET / HTTP/1.1\r\n\r\n", 18) != 18 || read(server, buffer, 32) <= 0)
			return argument;
	}
}

static void *leave(void *argument)
{
	usleep(20000);
	exit((int)(long)argument);
}

static void busy_threads(void)
{
	pthread_t thread;

	for (int i = 0; i < 4; i++)
		NEED(pthread_create(&thread, NULL, spin, NULL) == 0);
	usleep(20000);
	exit(23);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "return";
	pthread_t thread;
	int client, server;
	volatile int zero = 0;

	atexit(first);
	on_exit(on_status, (void *)"text");
	atexit(second);
	at_quick_exit(quick);
	tcp_pair(&client, &server);
	write_full(client, "GET / HTTP/1.1\r\n\r\n", 18);
	NEED(read_full(server, (char[32]){0}, 18) == 18);
	fputs("buffered output\n", stdout);
	fputs("error output\n", stderr);
#define IS(name) !strcmp(how, name)
	prctl(PR_SET_DUMPABLE, 0);
	if (IS("exit")) exit(300 + 3);
	if (IS("_exit")) _exit(4);
	if (IS("_Exit")) _Exit(5);
	if (IS("quick_exit")) quick_exit(6);
	if (IS("exit_group")) syscall(SYS_exit_group, 7);
	if (IS("raw_exit")) syscall(SYS_exit, 8);
	if (IS("pthread_exit")) pthread_exit((void *)9);
	if (IS("abort")) abort();
	if (IS("handler")) { signal(SIGTERM, on_signal); raise(SIGTERM); }
	if (IS("nested")) { atexit(exits_again); exit(1); }
	if (IS("busy_threads")) busy_threads();
	if (IS("detached")) { NEED(!pthread_create(&thread, NULL, leave, (void *)31)); pause(); }
	if (IS("segv")) *(volatile int *)8 = 1;
	if (IS("fpe")) return 1 / zero;
	if (IS("ill")) __builtin_trap();
	if (IS("trap")) raise(SIGTRAP);
	if (IS("bus")) raise(SIGBUS);
	if (IS("kill")) kill(getpid(), SIGKILL);
	if (IS("term")) kill(getpid(), SIGTERM);
	if (IS("pipe")) { close(server); for (;;) if (write(client, "x", 1) < 0) break; }
	if (IS("alarm")) { alarm(1); for (;;) pause(); }
	if (IS("rtmin")) raise(SIGRTMIN);
	if (IS("reraise")) { signal(SIGSEGV, reraise); *(volatile int *)8 = 1; }
	if (IS("assert")) assert(zero == 1);
	if (IS("sys")) raise(SIGSYS);
	return 2;
}
