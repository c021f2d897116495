/* SPDX-License-Identifier: MIT */
/*
 * stacks_link.c - starting tagalong-stacks, and its bytes both ways.
 *
 * The program gets a socket as its standard input and output and nothing else: no other
 * descriptor, and of the environment what debuginfod needs.
 *
 * Runs: agent, one thread.
 */
#include "runtime/agent/stacks_link.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/protocol/json.h"

#define ENVIRONMENT_MAX 8

extern char **environ;

/* Beside this program, or in the place that an installation has for such. */
static int find_program(char *ret_path, size_t capacity)
{
	static const char *const places[] = { "", "../libexec/tagalong/", "../" };
	char self[PATH_MAX];
	ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);

	while (bytes > 0 && self[bytes - 1] != '/')
		bytes--;
	for (unsigned int i = 0; bytes > 0 && i < sizeof(places) / sizeof(*places); i++) {
		int written = snprintf(ret_path, capacity, "%.*s%stagalong-stacks", (int)bytes, self,
				       places[i]);

		if (written > 0 && (size_t)written < capacity && access(ret_path, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

static void pick_environment(char *picked[ENVIRONMENT_MAX + 1])
{
	static const char *const wanted[] = { "DEBUGINFOD_", "HOME=", "XDG_CACHE_HOME=" };
	unsigned int count = 0;

	for (char **at = environ; at && *at && count < ENVIRONMENT_MAX; at++)
		for (unsigned int i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
			if (strncmp(*at, wanted[i], strlen(wanted[i])) == 0 && count < ENVIRONMENT_MAX)
				picked[count++] = *at;
	picked[count] = NULL;
}

static int fill_actions(posix_spawn_file_actions_t *actions, int fd)
{
	int error = posix_spawn_file_actions_adddup2(actions, fd, STDIN_FILENO);

	if (!error)
		error = posix_spawn_file_actions_adddup2(actions, fd, STDOUT_FILENO);
	if (!error)
		error = posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (!error)
		error = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
	return error;
}

/* Signals as in a fresh process: the agent blocks and ignores some. */
static int fill_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all, none;
	int error;

	sigfillset(&all);
	sigemptyset(&none);
	error = posix_spawnattr_setsigdefault(attributes, &all);
	if (!error)
		error = posix_spawnattr_setsigmask(attributes, &none);
	if (!error)
		error = posix_spawnattr_setflags(attributes,
						 POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	return error;
}

static int spawn(const char *program, int fd, pid_t *ret_pid)
{
	char name[] = "tagalong-stacks", *const arguments[] = { name, NULL };
	char *environment[ENVIRONMENT_MAX + 1];
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error = posix_spawn_file_actions_init(&actions);

	if (error)
		return -error;
	error = posix_spawnattr_init(&attributes);
	if (!error) {
		pick_environment(environment);
		error = fill_actions(&actions, fd);
		if (!error)
			error = fill_attributes(&attributes);
		if (!error)
			error = posix_spawn(ret_pid, program, &actions, &attributes, arguments, environment);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return -error;
}

int ta_stacks_link_open(struct ta_stacks_link *link, const char *program)
{
	char path[PATH_MAX];
	int pair[2], error = program ? 0 : find_program(path, sizeof(path));

	if (error)
		return error;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	/* The other end waits, as programs expect of their standard input. */
	if (fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0)
		error = -errno;
	else
		error = spawn(program ? program : path, pair[1], &link->pid);
	close(pair[1]);
	link->fd = pair[0];
	if (error) {
		close(pair[0]);
		link->pid = 0;
	}
	return error;
}

void ta_stacks_link_close(struct ta_stacks_link *link)
{
	if (link->pid) {
		close(link->fd);
		kill(link->pid, SIGKILL);
		while (waitpid(link->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	ta_buf_fini(&link->out);
	ta_buf_fini(&link->json);
	*link = (struct ta_stacks_link){ 0 };
}

int ta_stacks_link_ask(struct ta_stacks_link *link, const struct ta_stacks_request *request,
		       const char *modules, const char *stack)
{
	ta_buf_clear(&link->out);
	ta_buf_put(&link->out, request, sizeof(*request));
	ta_buf_put(&link->out, modules, request->module_bytes);
	ta_buf_put(&link->out, stack, request->stack_bytes);
	link->sent = 0;
	ta_stacks_link_next(link);
	return link->out.failed ? -ENOMEM : 0;
}

void ta_stacks_link_next(struct ta_stacks_link *link)
{
	link->head_bytes = 0;
	ta_buf_clear(&link->json);
}

/* 0 when there is nothing to be done now. */
static int failure(ssize_t bytes)
{
	if (bytes == 0)
		return -EPIPE;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

static int send_more(struct ta_stacks_link *link)
{
	while (link->sent < link->out.bytes) {
		ssize_t bytes = send(link->fd, link->out.data + link->sent, link->out.bytes - link->sent,
				     MSG_NOSIGNAL);

		if (bytes <= 0)
			return failure(bytes);
		link->sent += (size_t)bytes;
	}
	return 0;
}

static bool head_is_sound(const struct ta_stacks_answer *head)
{
	if (head->magic != TA_STACKS_MAGIC)
		return false;
	if (head->kind == TA_STACKS_RELEASE)
		return !head->json_bytes && !head->error;
	return head->kind == TA_STACKS_DONE && head->json_bytes <= TA_STACKS_JSON_MAX &&
	       (head->error ? !head->json_bytes && head->error < 0 : head->json_bytes > 0);
}

static bool json_is_sound(const struct ta_buf *json)
{
	return ta_json_valid(json->data, json->bytes) && ta_utf8_valid(json->data, json->bytes) &&
	       ta_json_kind(json->data, json->bytes) == TA_JSON_OBJECT;
}

static int read_head(struct ta_stacks_link *link)
{
	while (link->head_bytes < sizeof(link->head)) {
		ssize_t bytes = recv(link->fd, (char *)&link->head + link->head_bytes,
				     sizeof(link->head) - link->head_bytes, 0);

		if (bytes <= 0)
			return failure(bytes);
		link->head_bytes += (size_t)bytes;
	}
	return head_is_sound(&link->head) ? 1 : -EPROTO;
}

static int read_json(struct ta_stacks_link *link)
{
	while (link->json.bytes < link->head.json_bytes) {
		size_t left = link->head.json_bytes - link->json.bytes;
		char *to = ta_buf_reserve(&link->json, left);
		ssize_t bytes;

		if (!to)
			return -ENOMEM;
		bytes = recv(link->fd, to, left, 0);
		if (bytes <= 0)
			return failure(bytes);
		link->json.bytes += (size_t)bytes;
	}
	return !link->json.bytes || json_is_sound(&link->json) ? 1 : -EPROTO;
}

int ta_stacks_link_step(struct ta_stacks_link *link)
{
	int status = send_more(link);

	if (status < 0)
		return status;
	status = read_head(link);
	return status == 1 ? read_json(link) : status;
}
