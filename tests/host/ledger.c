/* SPDX-License-Identifier: MIT */
/*
 * ledger.c - opens and closes API spans for ever, in a main thread and two more,
 * and writes to a shared file what it has begun and ended, so that after SIGKILL
 * somebody can tell what must have been recorded.  Not a victim:
 * tests/e2e/test_kill.py runs it.
 *
 *     ledger FILE [PAUSE_US]    three rows of two 64-bit counters: begun, ended
 *
 * "begun" is raised after the call that begins a span has returned: whatever is
 * in it was recorded.  The span's name is "ROW NUMBER".
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "tests/host/victim.h"
#include "runtime/include/tagalong.h"

struct row {
	_Alignas(64) _Atomic uint64_t begun;
	_Atomic uint64_t ended;
};

static struct row *rows;
static useconds_t pause_us = 250;

static void *work(void *argument)
{
	int row = (int)(long)argument;
	char name[32];

	for (uint64_t number = 0;; number++) {
		snprintf(name, sizeof(name), "%d %llu", row, (unsigned long long)number);
		if (tagalong_span_begin(name, NULL).id) {
			atomic_store(&rows[row].begun, number + 1);
			usleep(pause_us); /* so that some are open when death comes */
			if (tagalong_span_end() == 0)
				atomic_store(&rows[row].ended, number + 1);
		} else {
			tagalong_span_end(); /* every begin has its end */
			number--; /* no room just now: not recorded, and counted as that */
		}
		usleep(pause_us); /* what is looked at is death, not overload */
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int fd;

	NEED(argc == 2 || argc == 3);
	if (argc == 3)
		pause_us = (useconds_t)atoi(argv[2]);
	fd = open(argv[1], O_RDWR | O_CREAT, 0600);
	NEED(fd >= 0 && ftruncate(fd, 4096) == 0);
	rows = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NEED(rows != MAP_FAILED);
	for (long row = 1; row < 3; row++)
		NEED(pthread_create(&thread, NULL, work, (void *)row) == 0);
	work((void *)0);
}
