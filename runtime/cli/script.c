/* SPDX-License-Identifier: MIT */
/*
 * script.c - which program a script is run by.
 *
 * As the kernel does it: the first 256 bytes count, the word after #! is the
 * interpreter.  env is looked through because nobody wants to know that env can
 * be traced; its options and assignments are skipped.
 */
#include "runtime/cli/script.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <unistd.h>

#include "runtime/cli/place.h"

#define LINE_BYTES 256

static int read_line(const char *path, char *line)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	ssize_t bytes = read(fd, line, LINE_BYTES - 1);

	close(fd);
	if (bytes < 2 || memcmp(line, "#!", 2) != 0)
		return -ENOEXEC;
	line[bytes] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

static int resolve(const char *name, const char *search_path, char *ret_interpreter)
{
	int error = ta_cli_find_program(name, search_path, ret_interpreter);

	if (error)
		snprintf(ret_interpreter, PATH_MAX, "%s", name);
	return error ? -ENOENT : 0;
}

int ta_cli_script_interpreter(const char *path, const char *search_path, char *ret_interpreter)
{
	char line[LINE_BYTES], *rest;
	int error = read_line(path, line);

	if (error)
		return error;
	const char *word = strtok_r(line + 2, " \t", &rest);

	if (!word)
		return -ENOEXEC;
	const char *name = strrchr(word, '/');

	if (!name || strcmp(name, "/env") != 0)
		return resolve(word, search_path, ret_interpreter);
	while ((word = strtok_r(NULL, " \t", &rest)))
		if (word[0] != '-' && !strchr(word, '='))
			return resolve(word, search_path, ret_interpreter);
	return resolve("env", search_path, ret_interpreter);
}
