/* SPDX-License-Identifier: MIT */
/*
 * exec_family.c - all nine exec calls: arguments, environment, fds, signal
 * dispositions and mask as the new image sees them, and errors that leave the
 * old image as it was.  Variables that carry a trace are the one difference
 * that is allowed, so they are not printed.
 *
 * Victim: args='execve|execv|execvp|execvpe|execl|execle|execlp|fexecve|execveat|syscall|errors|vfork|clearenv' runs=3
 */
#include <sys/syscall.h>

#include "victim.h"

extern char **environ;

static char script[] =
	"echo args \"$0\" \"$@\"; env | grep -v -e '^TRACE' -e '^BAGGAGE' -e '^LD_PRELOAD=' -e '^_=' -e '^TAGALONG_' | sort; "
	"ls /proc/self/fd | tr '\\n' ' '; echo; grep -e SigBlk -e SigIgn -e SigCgt /proc/self/status | " WITHOUT_FATAL "; exit 3";

static void on_signal(int number) { (void)number; }

static void errors(void)
{
	char *arguments[] = {"x", NULL};
	char *huge[] = {"x", NULL, NULL};
	char **before = environ;

	TRY(execve("/no/such", arguments, environ));
	TRY(execv("/etc/passwd", arguments));
	TRY(execv("/", arguments));
	TRY(execvp("no-such-program", arguments));
	TRY(execvpe("no-such-program", arguments, environ));
	TRY(execl("/no/such", "x", NULL));
	TRY(execle("/no/such", "x", NULL, environ));
	TRY(execlp("no-such-program", "x", NULL));
	TRY(fexecve(-1, arguments, environ));
	TRY(fexecve(1, arguments, environ));
	TRY(execveat(-1, "", arguments, environ, AT_EMPTY_PATH));
	TRY(execve("/bin/true", (char **)8, environ));
	TRY(execve("/bin/true", arguments, (char **)8));
	TRY(execve((char *)8, arguments, environ));
	huge[1] = malloc(4 << 20);
	NEED(huge[1]);
	memset(huge[1], 'x', (4 << 20) - 1);
	TRY(execve("/bin/true", huge, environ));
	TRY(execvp("", arguments));
	say("environ the same %d\n", environ == before);
}

int main(int argc, char **argv)
{
	char *arguments[] = {"sh", "-c", script, "zero", "one", "", "three", NULL};
	char *environment[] = {"PATH=/usr/bin:/bin", "A=1", "B=two words", "EMPTY=", NULL};
	const char *how = argc > 1 ? argv[1] : "execve";
	int shell = open("/bin/sh", O_RDONLY | O_CLOEXEC);
	int client, server;
	pid_t child;

	tcp_pair(&client, &server);
	NEED(dup3(server, 50, O_CLOEXEC) == 50);
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, SIG_IGN);
	NEED(sigprocmask(SIG_BLOCK, &(sigset_t){{1ul << (SIGHUP - 1)}}, NULL) == 0);
	if (!strcmp(how, "errors")) {
		errors();
		how = "execve";
	}
	if (!strcmp(how, "clearenv")) {
		TRY(clearenv());
		execv("/bin/sh", arguments);
	}
	child = !strcmp(how, "vfork") ? vfork() : fork();
	if (child == 0) {
		if (!strcmp(how, "execve") || !strcmp(how, "vfork"))
			execve("/bin/sh", arguments, environment);
		if (!strcmp(how, "execv"))
			execv("/bin/sh", arguments);
		if (!strcmp(how, "execvp"))
			execvp("sh", arguments);
		if (!strcmp(how, "execvpe"))
			execvpe("sh", arguments, environment);
		if (!strcmp(how, "execl"))
			execl("/bin/sh", "sh", "-c", script, "zero", "1", "2", "3", "4", "5", "6", "7", "8", "9", NULL);
		if (!strcmp(how, "execle"))
			execle("/bin/sh", "sh", "-c", script, "zero", "1", "2", "3", "4", "5", "6", "7", NULL, environment);
		if (!strcmp(how, "execlp"))
			execlp("sh", "sh", "-c", script, "zero", "one", NULL);
		if (!strcmp(how, "fexecve"))
			fexecve(shell, arguments, environment);
		if (!strcmp(how, "execveat"))
			execveat(shell, "", arguments, environment, AT_EMPTY_PATH);
		if (!strcmp(how, "syscall"))
			syscall(SYS_execve, "/bin/sh", arguments, environment);
		_exit(126);
	}
	reap(how, child);
	say("own environ still there %d\n", getenv("PATH") != NULL);
	say_fds("at the end");
	return 0;
}
