/* SPDX-License-Identifier: MIT */
/*
 * coroutines.c - socket I/O on 4 KB stacks with swapcontext; the page below each
 * stack is painted and must stay as it was.
 *
 * The exchange is small, so what the plain program needs fits with room: the
 * same has to hold for whatever a preloaded library adds.
 *
 * Victim: runs=3
 */
#include <sys/mman.h>
#include <ucontext.h>

#include "victim.h"

#define ROUTINES 40
#define STACK 4096
#define GUARD 4096

static ucontext_t scheduler, routines[ROUTINES];
static unsigned char *memory[ROUTINES];
static int clients[ROUTINES], servers[ROUTINES], failed, finished;

static void routine(int self)
{
	char buffer[20];
	int copy;

	for (int round = 0; round < 10; round++) {
		failed += write(clients[self], "GET / HTTP/1.1\r\n\r\n", 18) != 18;
		swapcontext(&routines[self], &scheduler);
		failed += recv(servers[self], buffer, 18, 0) != 18;
		swapcontext(&routines[self], &scheduler);
		failed += send(servers[self], "HTTP/1.1 204 \r\n\r\n", 17, 0) != 17;
		swapcontext(&routines[self], &scheduler);
		failed += read(clients[self], buffer, 17) != 17;
		copy = dup(servers[self]);
		failed += close(servers[self]) != 0;
		servers[self] = copy;
		failed += copy < 0;
	}
	finished++;
}

int main(void)
{
	size_t written = 0;

	for (int i = 0; i < ROUTINES; i++) {
		memory[i] = mmap(NULL, STACK + GUARD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		NEED(memory[i] != MAP_FAILED);
		memset(memory[i], 0xa5, GUARD);
		tcp_pair(&clients[i], &servers[i]);
		NEED(getcontext(&routines[i]) == 0);
		routines[i].uc_stack.ss_sp = memory[i] + GUARD;
		routines[i].uc_stack.ss_size = STACK;
		routines[i].uc_link = &scheduler;
		makecontext(&routines[i], (void (*)(void))(void *)routine, 1, i);
	}
	for (int turn = 0; turn < 31; turn++)
		for (int i = 0; i < ROUTINES; i++)
			NEED(swapcontext(&scheduler, &routines[i]) == 0);
	for (int i = 0; i < ROUTINES; i++)
		for (size_t at = 0; at < GUARD; at++)
			written += memory[i][at] != 0xa5;
	say("failed %d, finished %d, bytes below the stacks %zu\n", failed, finished, written);
	return 0;
}
