/* SPDX-License-Identifier: MIT */
/*
 * file_path.c - where the spans go, for a configuration and an environment.
 *
 * TAGALONG_FILE if set, else the state directory (XDG base directory
 * specification), else the home of the user in the password database: services
 * are often started without HOME.
 *
 * Runs: agent, cli.
 */
#include "runtime/export/file.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *variable(char *const *envp, const char *name)
{
	size_t bytes = strlen(name);

	for (; envp && *envp; envp++)
		if (strncmp(*envp, name, bytes) == 0 && (*envp)[bytes] == '=')
			return *envp + bytes + 1;
	return "";
}

static int join(char *out, size_t out_bytes, const char *directory, const char *rest)
{
	size_t end = strlen(directory);
	int bytes;

	while (end > 1 && directory[end - 1] == '/')
		end--;
	if (end > (size_t)out_bytes)
		return -ENAMETOOLONG;
	bytes = snprintf(out, out_bytes, "%.*s%s%s", (int)end, directory, end == 1 &&
			 directory[0] == '/' ? "" : "/", rest);
	return bytes < 0 || (size_t)bytes >= out_bytes ? -ENAMETOOLONG : 0;
}

int ta_file_state_path(char *const *envp, const char *name, char *out, size_t out_bytes)
{
	char below[512];
	const char *state = variable(envp, "XDG_STATE_HOME");
	const char *home = variable(envp, "HOME");
	struct passwd *user;

	if (state[0] == '/') /* a relative one is to be ignored */
		return join(out, out_bytes, state, name);
	if (home[0] != '/') {
		user = getpwuid(getuid());
		home = user && user->pw_dir ? user->pw_dir : "";
	}
	if (home[0] != '/')
		return -ENOENT;
	snprintf(below, sizeof(below), ".local/state/%s", name);
	return join(out, out_bytes, home, below);
}

int ta_file_default_path(const struct ta_config *config, char *const *envp, const char *cwd,
			 char *out, size_t out_bytes)
{
	const char *wanted = config->file;

	if (!out_bytes)
		return -ENAMETOOLONG;
	if (strcasecmp(wanted, "none") == 0) {
		out[0] = '\0';
		return 0;
	}
	if (wanted[0] == '/') {
		if (strlen(wanted) >= out_bytes)
			return -ENAMETOOLONG;
		memcpy(out, wanted, strlen(wanted) + 1);
		return 0;
	}
	if (wanted[0])
		return cwd[0] == '/' ? join(out, out_bytes, cwd, wanted) : -ENOENT;
	return ta_file_state_path(envp, "tagalong/tagalong.jsonl", out, out_bytes);
}
