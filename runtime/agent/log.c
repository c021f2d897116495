/* SPDX-License-Identifier: MIT */
/*
 * log.c - the agent's own messages.
 *
 * Opened with the first message and with O_APPEND, so that several agents can
 * share a file.  A file that has grown past its bound is begun anew: the newest
 * messages are the ones that somebody looks for.
 *
 * Runs: agent; ta_log_say() on any thread, the rest before the others begin.
 */
#include "runtime/agent/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *variable(char *const *envp, const char *name)
{
	size_t length = strlen(name);

	for (; envp && *envp; envp++)
		if (strncmp(*envp, name, length) == 0 && (*envp)[length] == '=')
			return *envp + length + 1;
	return "";
}

static int default_path(char *const *envp, char *out, size_t bytes)
{
	const char *state = variable(envp, "XDG_STATE_HOME"), *home = variable(envp, "HOME");

	if (state[0] == '/')
		return snprintf(out, bytes, "%s/tagalong/agent.log", state);
	if (home[0] == '/')
		return snprintf(out, bytes, "%s/.local/state/tagalong/agent.log", home);
	return 0;
}

void ta_log_init(struct ta_log *log, const struct ta_config *config, char *const *envp,
		 const char *cwd)
{
	size_t bytes = sizeof(log->path);
	int length;

	log->fd = -1;
	log->debug = strcmp(config->log_level, "debug") == 0;
	if (strcmp(config->log, "none") == 0)
		length = 0;
	else if (config->log[0] == '\0')
		length = default_path(envp, log->path, bytes);
	else if (config->log[0] == '/' || !cwd || strcmp(config->log, "-") == 0)
		length = snprintf(log->path, bytes, "%s", config->log);
	else
		length = snprintf(log->path, bytes, "%s/%s", cwd, config->log);
	if (length <= 0 || (size_t)length >= bytes)
		log->path[0] = '\0';
}

void ta_log_fini(struct ta_log *log)
{
	if (log->fd > STDERR_FILENO)
		close(log->fd);
	log->fd = -1;
}

static void make_parents(const char *path)
{
	char part[4096];

	for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		memcpy(part, path, (size_t)(at - path));
		part[at - path] = '\0';
		mkdir(part, 0700);
	}
}

static bool open_log(struct ta_log *log)
{
	struct stat info;

	if (log->path[0] == '\0')
		return false;
	if (strcmp(log->path, "-") == 0) {
		log->fd = STDERR_FILENO;
		return true;
	}
	if (log->fd < 0) {
		make_parents(log->path);
		log->fd = open(log->path,
			       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
			       0600);
	}
	if (log->fd < 0)
		return false;
	if (fstat(log->fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > TA_LOG_BYTES_MAX &&
	    ftruncate(log->fd, 0) != 0)
		return false;
	return true;
}

/* "2026-11-22T10:11:12.345Z tagalong[PID]: " */
static size_t put_time(char *line, size_t bytes)
{
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	size_t length = strftime(line, bytes, "%Y-%m-%dT%H:%M:%S", &utc);

	return length + (size_t)snprintf(line + length, bytes - length, ".%03ldZ tagalong[%d]: ",
					 now.tv_nsec / 1000000, (int)getpid());
}

void ta_log_say(struct ta_log *log, const char *format, ...)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	char line[1024];
	va_list arguments;
	size_t length = put_time(line, sizeof(line));

	va_start(arguments, format);
	int more = vsnprintf(line + length, sizeof(line) - length - 1, format, arguments);

	va_end(arguments);
	if (more > 0)
		length += (size_t)more;
	if (length > sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	pthread_mutex_lock(&mutex);
	if (open_log(log) && write(log->fd, line, length) < 0 && errno == EBADF)
		log->fd = -1;
	pthread_mutex_unlock(&mutex);
}
