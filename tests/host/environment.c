/* SPDX-License-Identifier: MIT */
/*
 * environment.c - environ is the program's: same array as main was given, same
 * order, clearenv and setenv work, nothing is put back.
 *
 * Victim: runs=2 env='FIRST=1 SECOND=2'
 */
#include "victim.h"

extern char **environ;

static int is_ours(const char *entry)
{
	return !strncmp(entry, "LD_PRELOAD=", 11) || !strncmp(entry, "TAGALONG_", 9);
}

static void list(const char *when)
{
	for (char **entry = environ; entry && *entry; entry++)
		if (!is_ours(*entry))
			say("%s: %s\n", when, *entry);
}

int main(int argc, char **argv, char **envp)
{
	int client, server;

	say("environ is main's %d, right behind argv %d\n", environ == envp, envp == argv + argc + 1);
	list("at the start");
	tcp_pair(&client, &server);
	write_full(client, "GET / HTTP/1.0\r\n\r\n", 18);
	NEED(read_full(server, (char[32]){0}, 18) == 18);
	if (fork() == 0)
		_exit(0);
	wait(NULL);
	say("environ is main's %d\n", environ == envp);
	TRY(setenv("THIRD", "3", 1));
	TRY(unsetenv("FIRST"));
	list("changed");
	TRY(clearenv());
	say("environ NULL %d\n", environ == NULL);
	TRY(system("exit 4"));
	say("environ NULL %d\n", environ == NULL);
	memset(envp[0], 'z', 3); /* setproctitle does worse */
	environ = (char *[]){"PATH=/bin:/usr/bin", "ONLY=1", NULL};
	TRY(system("env | grep -v -e ^PWD -e ^_ -e ^SHLVL -e ^OLDPWD -e ^TRACE"));
	list("replaced");
	return 0;
}
