/* SPDX-License-Identifier: MIT */
/* late.c - says what time it is (CLOCK_MONOTONIC, nanoseconds), and dies. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static volatile int *volatile nowhere;

int main(void)
{
	struct timespec now;

	usleep(20000); /* an agent that had to be started is there */
	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("%lld\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec);
	fflush(stdout);
	*nowhere = 1;
	return 0;
}
