/* SPDX-License-Identifier: MIT */
/*
 * report_file.c - a file that is there as a whole or as it was before.
 *
 * What is written stands under another name beside it until it is complete.  An interrupted
 * command takes that away.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/report.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *volatile unfinished; /* for the handler */

static void interrupted(int number)
{
	if (unfinished)
		unlink(unfinished);
	signal(number, SIG_DFL);
	raise(number);
}

/* What is ignored (nohup) stays so. */
static void watch(const char *path)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

	unfinished = path;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (signal(numbers[i], path ? interrupted : SIG_DFL) == SIG_IGN)
			signal(numbers[i], SIG_IGN);
}

/* Readable as the one before; else by its owner only: what users sent is in it. */
static int make_temporary(struct report_file *file, mode_t mode)
{
	size_t bytes = strlen(file->path) + 8;
	int fd;

	file->temporary = ta_show_alloc(NULL, bytes);
	snprintf(file->temporary, bytes, "%s.XXXXXX", file->path);
	fd = mkstemp(file->temporary);
	if (fd < 0) {
		int error = -errno;

		free(file->temporary);
		file->temporary = NULL;
		return error;
	}
	watch(file->temporary);
	if (fchmod(fd, mode) != 0)
		errno = 0; /* a file system without modes */
	return fd;
}

int ta_report_file_open(struct report_file *file, const char *path)
{
	struct stat found;
	bool there = stat(path, &found) == 0;
	int fd;

	*file = (struct report_file){ .path = path, .out = stdout };
	if (strcmp(path, "-") == 0)
		return 0;
	if (there && S_ISDIR(found.st_mode))
		return -EISDIR;
	if (there && !S_ISREG(found.st_mode)) {
		file->out = fopen(path, "we");
		return file->out ? 0 : -errno;
	}
	fd = make_temporary(file, there ? found.st_mode & 0777 : 0600);
	if (fd < 0)
		return fd;
	file->out = fdopen(fd, "w");
	return file->out ? 0 : -ENOMEM;
}

int ta_report_file_close(struct report_file *file, int error)
{
	if (fflush(file->out) != 0 && !error)
		error = -errno;
	if (file->out != stdout && fclose(file->out) != 0 && !error)
		error = -errno;
	if (!file->temporary)
		return error;
	if (!error && rename(file->temporary, file->path) != 0)
		error = -errno;
	if (error)
		unlink(file->temporary);
	watch(NULL);
	free(file->temporary);
	return error;
}
