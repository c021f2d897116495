/* SPDX-License-Identifier: MIT */
/*
 * reader.c - one thread accepts and reads, others serve: the front of most thread pools.
 *
 * A connection whose request is being served is not looked at (EPOLLONESHOT); who has written
 * the answer hands it back.
 */
#include "server.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int poller;
static void (*put_item)(struct item *);

static void watch(struct item *item, int operation)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = item};

	epoll_ctl(poller, operation, item->conn.fd, &event);
}

static void drop(struct item *item)
{
	close(item->conn.fd);
	free(item);
}

static void greet(int listener)
{
	struct item *item;
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		return;
	item = calloc(1, sizeof(*item));
	item->conn.fd = fd;
	watch(item, EPOLL_CTL_ADD);
}

static void receive(struct item *item)
{
	if (conn_read(&item->conn) <= 0)
		drop(item);
	else if (request_take(&item->conn, &item->request))
		put_item(item);
	else
		watch(item, EPOLL_CTL_MOD);
}

void item_answer(struct item *item)
{
	struct text answer;

	answer_make(&item->request, &item->body, &answer);
	write_all(item->conn.fd, answer.data, answer.size);
	if (item->request.close)
		drop(item);
	else if (request_take(&item->conn, &item->request))
		put_item(item); /* it was sent with the other one */
	else
		watch(item, EPOLL_CTL_MOD);
}

void item_serve(struct item *item)
{
	body_fetch(&item->request, &item->body);
	item_answer(item);
}

void reader_run(int listener, void (*put)(struct item *), int event, void (*ready)(void))
{
	struct epoll_event events[64], one = {.events = EPOLLIN, .data.ptr = &poller};

	put_item = put;
	poller = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(poller, EPOLL_CTL_ADD, listener, &one);
	one.data.ptr = &put_item;
	if (event >= 0)
		epoll_ctl(poller, EPOLL_CTL_ADD, event, &one);
	for (;;) {
		int count = epoll_wait(poller, events, 64, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == &poller)
				greet(listener);
			else if (events[i].data.ptr == &put_item)
				ready();
			else
				receive(events[i].data.ptr);
		}
	}
}
