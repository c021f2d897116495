/* SPDX-License-Identifier: MIT */
/*
 * cancel.c - threads cancelled while they block in accept, read, recv, poll and
 * others: the call stays a cancellation point, clean-up handlers run, the fd is
 * still good, and nothing is stuck for the threads that come after.
 *
 * Victim: runs=3
 */
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "victim.h"

enum way { READ, READV, RECV, RECVFROM, RECVMSG, ACCEPT, ACCEPT4, POLL, SELECT, EPOLL, WRITE, DISABLED, ASYNC, WAYS };

struct job {
	enum way way;
	int fd, listener, full;
	volatile int tid_ready;
	volatile pid_t tid;
};

static void cleaned(void *argument)
{
	say("clean-up of way %d\n", ((struct job *)argument)->way);
}

static void block(struct job *job)
{
	static char buffer[16];
	struct iovec vector = {buffer, sizeof(buffer)};
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
	struct pollfd wanted = {.fd = job->fd, .events = POLLIN};
	struct epoll_event event = {.events = EPOLLIN};
	fd_set set;
	int epoll, old;

	switch (job->way) {
	case READ: read(job->fd, buffer, 1); break;
	case READV: readv(job->fd, &vector, 1); break;
	case RECV: recv(job->fd, buffer, 1, 0); break;
	case RECVFROM: recvfrom(job->fd, buffer, 1, 0, NULL, NULL); break;
	case RECVMSG: recvmsg(job->fd, &header, 0); break;
	case ACCEPT: accept(job->listener, NULL, NULL); break;
	case ACCEPT4: accept4(job->listener, NULL, NULL, 0); break;
	case POLL: poll(&wanted, 1, -1); break;
	case SELECT:
		FD_ZERO(&set);
		FD_SET(job->fd, &set);
		select(job->fd + 1, &set, NULL, NULL, NULL);
		break;
	case EPOLL:
		epoll = epoll_create1(0);
		pthread_cleanup_push((void (*)(void *))(void *)close, (void *)(long)epoll);
		epoll_ctl(epoll, EPOLL_CTL_ADD, job->fd, &event);
		epoll_wait(epoll, &event, 1, -1);
		pthread_cleanup_pop(1);
		break;
	case WRITE:
		for (;;)
			write(job->full, buffer, sizeof(buffer));
	case DISABLED:
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
		poll(&wanted, 1, 50);
		say("not cancelled while that is off\n");
		pthread_setcancelstate(old, NULL);
		read(job->fd, buffer, 1);
		break;
	default:
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
		for (;;)
			;
	}
}

static void *body(void *argument)
{
	struct job *job = argument;

	job->tid = gettid();
	job->tid_ready = 1;
	pthread_cleanup_push(cleaned, job);
	block(job);
	pthread_cleanup_pop(0);
	return (void *)1;
}

/* 'S' asleep (or anything, for the way that spins). */
static void wait_asleep(struct job *job)
{
	char path[64], text[512];

	while (!job->tid_ready)
		usleep(100);
	for (int asleep = 0; asleep < 3 && job->way != ASYNC; usleep(1000)) {
		FILE *stream;

		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)job->tid);
		stream = fopen(path, "r");
		NEED(stream && fgets(text, sizeof(text), stream));
		fclose(stream);
		asleep = strrchr(text, ')')[2] == 'S' ? asleep + 1 : 0;
	}
}

int main(void)
{
	struct sockaddr_in address;
	int listener = tcp_listener(&address);
	int client, server, full[2];
	char filler[4096] = "";
	void *result;

	NEED(pipe2(full, O_NONBLOCK) == 0);
	while (write(full[1], filler, sizeof(filler)) > 0)
		;
	NEED(fcntl(full[1], F_SETFL, 0) == 0);
	tcp_pair(&client, &server);
	for (int round = 0; round < 2; round++)
		for (int way = 0; way < WAYS; way++) {
			struct job job = {.way = (enum way)way, .fd = server, .listener = listener, .full = full[1]};
			pthread_t thread;

			NEED(pthread_create(&thread, NULL, body, &job) == 0);
			wait_asleep(&job);
			NEED(pthread_cancel(thread) == 0);
			NEED(pthread_join(thread, &result) == 0);
			say("way %d cancelled %d\n", way, result == PTHREAD_CANCELED);
			write_full(client, "x", 1);
			TRY(read(server, filler, 8));
		}
	say_fds("at the end");
	say("threads %d\n", settled_thread_count(1));
	return 0;
}
