/* SPDX-License-Identifier: MIT */
/*
 * server.c - attribution-server MODEL PORT DOWNSTREAM_PORT [OPTION...]
 *
 * Serves requests in the way of a model (models.def) until SIGTERM.  Options: pooled and shared say how
 * it connects to the downstream server, redis and opaque what it speaks there, delay-first and no-delay
 * when it dawdles.  Without arguments it lists the models.
 */
#include "server.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct options options;

static const struct model {
	const char *name;
	int (*run)(int listener);
} models[] = {
#define MODEL(name, function) {name, function},
#include "models.def"
#undef MODEL
};

/* The group goes with it: some models have children. */
static void on_term(int number)
{
	(void)number;
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	_exit(0);
}

void start_thread(void *(*routine)(void *), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, routine, argument) != 0)
		abort();
	pthread_detach(thread);
}

static int set_option(const char *word)
{
	if (!strcmp(word, "pooled"))
		options.upstream = UPSTREAM_POOLED;
	else if (!strcmp(word, "shared"))
		options.upstream = UPSTREAM_SHARED;
	else if (!strcmp(word, "redis"))
		options.protocol = CALL_REDIS;
	else if (!strcmp(word, "opaque"))
		options.protocol = CALL_OPAQUE;
	else if (!strcmp(word, "delay-first"))
		options.delay_first = true;
	else if (!strcmp(word, "no-delay"))
		options.no_delay = true;
	else
		return -1;
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_term};
	size_t count = sizeof(models) / sizeof(*models);

	for (size_t i = 0; argc < 4 && i < count; i++)
		puts(models[i].name);
	if (argc < 4)
		return argc == 1 ? 0 : 2;
	options.port = (unsigned short)atoi(argv[2]);
	options.downstream = (unsigned short)atoi(argv[3]);
	for (int i = 4; i < argc; i++)
		if (set_option(argv[i]) != 0)
			return 2;
	if (getpgrp() != getpid())
		setpgid(0, 0);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < count; i++)
		if (!strcmp(models[i].name, argv[1]))
			return models[i].run(call_listen(options.port, !strcmp(argv[1], "epoll-reuseport")));
	return 2;
}
