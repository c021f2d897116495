/* SPDX-License-Identifier: MIT */
/*
 * spawn.c - posix_spawn with actions and attributes, system and popen: results,
 * statuses, fds of the child, and errors.
 *
 * Victim: runs=3
 */
#include <paths.h>
#include <spawn.h>

#include "victim.h"

extern char **environ;

static pid_t child = -1;

static void spawned(const char *what, int error)
{
	if (!error)
		reap(what, child); /* first: the child writes to the same stream */
	say("%s: %s\n", what, error ? errno_word(error) : "started");
}

static void spawns(void)
{
	char *list_fds[] = {"sh", "-c", "ls /proc/self/fd | tr '\\n' ' '; echo; exit 3", NULL};
	char *echo[] = {"sh", "-c", "echo \"$GREETING\"; cat; exit 0", NULL};
	char *environment[] = {"GREETING=hello", "PATH=/usr/bin:/bin", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t set;

	spawned("plain", posix_spawn(&child, "/bin/sh", NULL, NULL, list_fds, environ));
	spawned("search", posix_spawnp(&child, "sh", NULL, NULL, list_fds, environ));
	spawned("missing", posix_spawn(&child, "/no/such", NULL, NULL, list_fds, environ));
	spawned("missing, search", posix_spawnp(&child, "no-such", NULL, NULL, list_fds, environ));
	spawned("no access", posix_spawn(&child, "/etc/passwd", NULL, NULL, list_fds, environ));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/etc/hostname", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	spawned("actions", posix_spawn(&child, "/bin/sh", &actions, NULL, echo, environment));
	posix_spawn_file_actions_addclose(&actions, 200);
	posix_spawn_file_actions_adddup2(&actions, 199, 1);
	spawned("bad action", posix_spawn(&child, "/bin/sh", &actions, NULL, echo, environment));
	posix_spawnattr_init(&attributes);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	posix_spawnattr_setsigmask(&attributes, &set);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	list_fds[2] = "grep SigBlk /proc/self/status; ulimit -n >/dev/null; kill -TERM $$; exit 6";
	spawned("mask", posix_spawn(&child, "/bin/sh", NULL, &attributes, list_fds, environ));
	TRY(posix_spawn(NULL, "/bin/true", NULL, NULL, (char *[]){"true", NULL}, environ));
	TRY(wait(NULL) > 0);
}

static void shells(void)
{
	char line[256];
	FILE *stream;

	TRY(system(NULL));
	TRY(system("exit 3"));
	TRY(system("kill -9 $$"));
	TRY(system("no-such-command-at-all 2>/dev/null"));
	TRY(system("ls /proc/self/fd | tr '\\n' ' '; echo"));
	stream = popen("echo from popen; ls /proc/self/fd | tr '\\n' ' '; exit 5", "r");
	NEED(stream);
	while (fgets(line, sizeof(line), stream))
		say("popen: %s", line);
	TRY(pclose(stream));
	stream = popen("cat; exit 6", "w");
	NEED(stream);
	fputs("into popen\n", stream);
	TRY(pclose(stream));
	TRY(popen("x", "z") != NULL);
	TRY(pclose(popen("no-such-command 2>/dev/null", "r")));
}

int main(void)
{
	int client, server;

	tcp_pair(&client, &server); /* inherited by all of them */
	spawns();
	shells();
	say_fds("at the end");
	say_no_children("at the end");
	return 0;
}
