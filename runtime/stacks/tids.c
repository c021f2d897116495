/* SPDX-License-Identifier: MIT */
/*
 * tids.c - which thread of ours a process in a pid namespace means.
 *
 * It was told the number that it has in there; NSpid in its status has all of them.
 *
 * Runs: tagalong-stacks, one thread.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/stacks/live.h"

#define STATUS_BYTES 4096

/* The innermost number of a thread; 0: not told. */
static uint32_t inner_tid(uint32_t pid, const char *tid)
{
	char path[300], text[STATUS_BYTES], *at, *end;
	ssize_t bytes = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/task/%s/status", pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		bytes = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[bytes > 0 ? bytes : 0] = '\0';
	at = strstr(text, "\nNSpid:");
	if (!at || !(end = strchr(at + 1, '\n')))
		return 0;
	while (end > at && end[-1] >= '0' && end[-1] <= '9')
		end--;
	return (uint32_t)strtoul(end, NULL, 10);
}

uint32_t ta_live_tid(uint32_t pid, uint32_t tid)
{
	const struct dirent *entry;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%u/task/%u", pid, tid);
	if (access(path, F_OK) == 0)
		return tid;
	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks)) != NULL) {
		if (entry->d_name[0] == '.' || inner_tid(pid, entry->d_name) != tid)
			continue;
		tid = (uint32_t)strtoul(entry->d_name, NULL, 10);
		break;
	}
	if (tasks)
		closedir(tasks);
	return tid;
}
