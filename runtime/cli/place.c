/* SPDX-License-Identifier: MIT */
/*
 * place.c - where things are.
 *
 * Refuses to change the mode of a directory that the user named (it may be /tmp)
 * and to create the output file (the agent does, when there is something to write).
 */
#include "runtime/cli/place.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int put(char *out, const char *a, const char *separator, const char *b)
{
	char path[PATH_MAX];
	int bytes = snprintf(path, sizeof(path), "%s%s%s", a, separator, b);

	if (bytes < 0 || (size_t)bytes >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(out, path, (size_t)bytes + 1);
	return 0;
}

int ta_cli_absolute(const char *cwd, const char *path, char *ret_path)
{
	if (path[0] == '/')
		return put(ret_path, path, "", "");
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	return put(ret_path, cwd, strcmp(cwd, "/") == 0 ? "" : "/", path);
}

const char *ta_cli_short_path(const char *cwd, const char *path)
{
	size_t bytes = strlen(cwd);

	if (bytes > 1 && strncmp(path, cwd, bytes) == 0 && path[bytes] == '/')
		return path + bytes + 1;
	return path;
}

int ta_cli_self(char *ret_path)
{
	char path[PATH_MAX];
	ssize_t bytes = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (bytes < 0)
		return -errno;
	path[bytes] = '\0';
	return put(ret_path, path, "", "");
}

/* Debian's library directory of this architecture, beside the common ones. */
#if defined(__x86_64__)
#define ARCH_LIB "/../lib/x86_64-linux-gnu/"
#elif defined(__aarch64__)
#define ARCH_LIB "/../lib/aarch64-linux-gnu/"
#else
#define ARCH_LIB "/../lib/"
#endif

int ta_cli_library(char *ret_path)
{
	static const char *const places[] = { "/", "/../lib/tagalong/", ARCH_LIB, "/../lib64/",
					      "/../lib/", NULL };
	char self[PATH_MAX], candidate[PATH_MAX], real[PATH_MAX];

	if (ta_cli_self(self) < 0)
		return -ENOENT;
	char *slash = strrchr(self, '/');

	if (!slash)
		return -ENOENT;
	*slash = '\0';
	for (const char *const *place = places; *place; place++) {
		if (put(candidate, self, *place, TA_CLI_LIBRARY) == 0 &&
		    access(candidate, R_OK) == 0 && realpath(candidate, real))
			return put(ret_path, real, "", "");
	}
	return -ENOENT;
}

static bool usable_shm(void)
{
	struct stat found;

	return stat("/dev/shm", &found) == 0 && S_ISDIR(found.st_mode) &&
	       access("/dev/shm", W_OK | X_OK) == 0;
}

int ta_cli_run_dir(const char *configured, const char *cwd, char *ret_path)
{
	char path[64];

	if (configured[0])
		return ta_cli_absolute(cwd, configured, ret_path);
	snprintf(path, sizeof(path), "%s/tagalong-%u", usable_shm() ? "/dev/shm" : "/tmp",
		 geteuid());
	return put(ret_path, path, "", "");
}

static const char *run_dir_advice(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return "you may not write there: set TAGALONG_RUN_DIR to a directory of yours";
	case ENOENT:
		return "the directory above it does not exist: make it, or set TAGALONG_RUN_DIR";
	case EROFS:
		return "its file system is read-only: set TAGALONG_RUN_DIR to one that is not";
	case ENOSPC:
		return "its file system is full: make room, or set TAGALONG_RUN_DIR";
	default:
		return "it cannot be made: set TAGALONG_RUN_DIR to a directory of yours";
	}
}

const char *ta_cli_run_dir_wrong(const char *path, bool configured)
{
	struct stat found;

	/* lstat: in a directory that all can write to, a link is an attack. */
	if ((configured ? stat(path, &found) : lstat(path, &found)) < 0)
		return run_dir_advice(errno);
	if (!S_ISDIR(found.st_mode))
		return "it is not a directory: remove it, or set TAGALONG_RUN_DIR";
	if (found.st_uid != geteuid())
		return "it belongs to another user: remove it, or set TAGALONG_RUN_DIR";
	if (found.st_mode & 022)
		return "others may write to it: chmod 700 it, or name another one";
	if (access(path, W_OK | X_OK) != 0)
		return run_dir_advice(errno);
	if (ta_cli_room_kib(path) < TA_CLI_ROOM_LEAST_KIB)
		return "no room left there: make some, or set TAGALONG_RUN_DIR";
	return NULL;
}

const char *ta_cli_run_dir_make(const char *path, bool configured)
{
	struct stat found;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return run_dir_advice(errno);
	if (!configured && lstat(path, &found) == 0 && S_ISDIR(found.st_mode) &&
	    found.st_uid == geteuid() && (found.st_mode & 0777) != 0700 && chmod(path, 0700) < 0)
		return run_dir_advice(errno);
	return ta_cli_run_dir_wrong(path, configured);
}

uint64_t ta_cli_room_kib(const char *dir)
{
	struct statvfs fs;

	return statvfs(dir, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize >> 10 : UINT64_MAX;
}

static int runnable(const char *path)
{
	struct stat found;

	if (stat(path, &found) < 0)
		return errno == EACCES ? -EACCES : -ENOENT;
	if (!S_ISREG(found.st_mode) || access(path, X_OK) < 0)
		return -EACCES;
	return 0;
}

static int try_program(const char *dir, size_t dir_bytes, const char *name, char *ret_path)
{
	char path[PATH_MAX];
	int bytes = snprintf(path, sizeof(path), "%.*s/%s", (int)dir_bytes, dir_bytes ? dir : ".",
			     name);

	if (dir_bytes == 0)
		bytes = snprintf(path, sizeof(path), "./%s", name);
	if (bytes < 0 || (size_t)bytes >= sizeof(path))
		return -ENOENT;
	int error = runnable(path);

	return error ? error : put(ret_path, path, "", "");
}

int ta_cli_find_program(const char *name, const char *search_path, char *ret_path)
{
	int worst = -ENOENT;

	if (name[0] == '\0')
		return -ENOENT;
	if (strchr(name, '/')) {
		int error = runnable(name);

		return error ? error : put(ret_path, name, "", "");
	}
	if (!search_path || !search_path[0])
		search_path = "/bin:/usr/bin"; /* as execvp has it */
	for (const char *dir = search_path;; dir++) {
		size_t bytes = strcspn(dir, ":");
		int error = try_program(dir, bytes, name, ret_path);

		if (error == 0)
			return 0;
		if (error == -EACCES)
			worst = -EACCES;
		dir += bytes;
		if (*dir == '\0')
			return worst;
	}
}

static int writable(const char *place, bool is_file)
{
	struct stat found;

	if (stat(place, &found) < 0)
		return -errno;
	if (is_file && S_ISDIR(found.st_mode))
		return -EISDIR;
	if (!is_file && !S_ISDIR(found.st_mode))
		return -ENOTDIR;
	return access(place, is_file ? W_OK : W_OK | X_OK) == 0 ? 0 : -errno;
}

int ta_cli_can_write(const char *path, char *ret_culprit)
{
	char place[PATH_MAX];
	int error = put(place, path, "", "");

	if (error)
		return error;
	error = writable(place, true);
	/* Not there: the nearest directory above it decides. */
	while (error == -ENOENT && strcmp(place, "/") != 0) {
		char *slash = strrchr(place, '/');

		if (!slash)
			return error;
		slash[slash == place] = '\0';
		error = writable(place, false);
	}
	if (error)
		put(ret_culprit, place, "", "");
	return error;
}
