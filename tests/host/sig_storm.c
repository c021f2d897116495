/* SPDX-License-Identifier: MIT */
/*
 * sig_storm.c - SIGALRM every 200 us, a fixed number of times, with
 * dup/write/read/close in the handler, over a main loop that does the same with
 * setjmp storms between: every byte arrives, no fd leaks, nothing hangs.  With VICTIM_FULL=1
 * for a minute.
 *
 * Victim: args='return|jump|threads' runs=3 timeout=180 slow
 */
#include <pthread.h>
#include <setjmp.h>
#include <sys/time.h>

#include "victim.h"

#define DELIVERIES 4000

static int deliveries = DELIVERIES;
static volatile sig_atomic_t count, wrong, may_jump;
static int handler_pair[2];
static sigjmp_buf back;

static void timer(int on)
{
	struct itimerval every = {.it_interval = {.tv_usec = on ? 200 : 0}, .it_value = {.tv_usec = on ? 200 : 0}};

	setitimer(ITIMER_REAL, &every, NULL);
}

static void on_alarm(int number)
{
	char byte;
	int saved = errno, fd = dup(handler_pair[0]);

	(void)number;
	if (++count >= deliveries)
		timer(0);
	if (fd < 0 || write(fd, "a", 1) != 1 || read(handler_pair[1], &byte, 1) != 1 || byte != 'a' || close(fd))
		wrong = 1;
	errno = saved;
	if (may_jump)
		siglongjmp(back, 1);
}

static uint64_t exchange(int client, int server, uint64_t sum)
{
	char buffer[64];
	static const char text[] = "GET /storm HTTP/1.1\r\nHost: x\r\n\r\n";

	write_full(client, text, sizeof(text) - 1);
	if (read_full(server, buffer, sizeof(text) - 1) != sizeof(text) - 1)
		wrong = 2;
	sum = checksum(sum, buffer, sizeof(text) - 1);
	write_full(server, "HTTP/1.1 204 No\r\n\r\n", 19);
	if (read_full(client, buffer, 19) != 19)
		wrong = 3;
	return checksum(sum, buffer, 19);
}

static void *other_thread(void *argument)
{
	int client, server;
	uint64_t sum = 0, first;

	tcp_pair(&client, &server);
	first = exchange(client, server, 0);
	while (count < deliveries)
		if ((sum = exchange(client, server, 0)) != first)
			wrong = 4;
	return argument;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "return";
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	pthread_t threads[3];
	uint64_t first;
	int client, server;

	if (getenv("VICTIM_FULL"))
		deliveries = 300000;
	tcp_pair(&client, &server);
	tcp_pair(&handler_pair[0], &handler_pair[1]);
	first = exchange(client, server, 0);
	NEED(sigaction(SIGALRM, &action, NULL) == 0);
	timer(1);
	if (!strcmp(how, "threads"))
		for (int i = 0; i < 3; i++)
			NEED(pthread_create(&threads[i], NULL, other_thread, NULL) == 0);
	while (count < deliveries) {
		if (strcmp(how, "jump")) {
			if (exchange(client, server, 0) != first)
				wrong = 5;
			if (sigsetjmp(back, 1) == 0)
				siglongjmp(back, 1);
			continue;
		}
		if (sigsetjmp(back, 1) == 0) { /* jumps out of dup, getpid and of our calls into libc */
			may_jump = 1;
			for (int i = 0; i < 1000; i++) {
				char byte;

				recv(server, &byte, 1, MSG_DONTWAIT);
				fcntl(client, F_GETFD);
			}
		}
		may_jump = 0;
	}
	timer(0);
	if (!strcmp(how, "threads"))
		for (int i = 0; i < 3; i++)
			NEED(pthread_join(threads[i], NULL) == 0);
	signal(SIGALRM, SIG_IGN);
	say("deliveries at least %d: %d, wrong %d\n", deliveries, count >= deliveries, (int)wrong);
	say("still good %d\n", exchange(client, server, 0) == first);
	if (strcmp(how, "threads")) /* there the order of the pairs is chance */
		say_fds("at the end");
	return 0;
}
