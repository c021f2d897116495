/* SPDX-License-Identifier: MIT */
/* loops.c - the models with an event loop: epoll in its six ways, several loops, one loop of
 * several threads, poll, select. */
#include "loop.h"
#include "server.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOPS 4

static int run(struct loop *loop, int listener)
{
	fcntl(listener, F_SETFL, O_NONBLOCK);
	loop_serve(loop, listener, false);
	return 0;
}

#define LOOP_MODEL(name, ...)                                                                      \
	int name(int listener)                                                                     \
	{                                                                                          \
		static struct loop loop = {__VA_ARGS__};                                           \
                                                                                                   \
		return run(&loop, listener);                                                       \
	}

LOOP_MODEL(model_epoll_lt_ptr, .backend = &backend_epoll)
LOOP_MODEL(model_epoll_lt_fd, .backend = &backend_epoll, .by_fd = true)
LOOP_MODEL(model_epoll_et_ptr, .backend = &backend_epoll, .flags = EPOLLET)
LOOP_MODEL(model_epoll_et_fd, .backend = &backend_epoll, .flags = EPOLLET, .by_fd = true)
LOOP_MODEL(model_epoll_oneshot_ptr, .backend = &backend_epoll, .flags = EPOLLONESHOT)
LOOP_MODEL(model_epoll_oneshot_fd, .backend = &backend_epoll, .flags = EPOLLONESHOT, .by_fd = true)
LOOP_MODEL(model_poll, .backend = &backend_poll, .by_fd = true)
LOOP_MODEL(model_select, .backend = &backend_select, .by_fd = true)

/* ---- a loop and a listener for each thread ---- */

static void *run_own(void *listener)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	loop->backend = &backend_epoll;
	run(loop, (int)(intptr_t)listener);
	return NULL;
}

int model_epoll_reuseport(int listener)
{
	for (int i = 1; i < LOOPS; i++)
		start_thread(run_own, (void *)(intptr_t)call_listen(options.port, true));
	run_own((void *)(intptr_t)listener);
	return 0;
}

/* ---- one epoll of all threads ---- */

static struct loop common = {.backend = &backend_epoll, .flags = EPOLLONESHOT, .shared = true};

static void *run_common(void *unused)
{
	loop_run(&common);
	return unused;
}

int model_epoll_shared(int listener)
{
	common.poller = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 1; i < 4 * LOOPS; i++)
		start_thread(run_common, NULL);
	return run(&common, listener);
}
