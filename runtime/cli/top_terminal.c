/* SPDX-License-Identifier: MIT */
/*
 * top_terminal.c - the terminal while `tagalong top` has it: the other screen, keys one by
 * one, its size, and giving it back whatever happens.
 *
 * Signals are let in only while it waits, so that nothing is lost between a look at a flag
 * and the wait.  What ends it puts the terminal back first and dies of the signal then, as
 * a shell wants it; a stop (ctrl-Z) gives it back for as long.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static const char other_screen[] = "\033[?1049h\033[?25l\033[H\033[2J";
static const char first_screen[] = "\033[?25h\033[?1049l";

static volatile sig_atomic_t ended, stopped, resized;
static sigset_t let_in;
static struct termios before;
static bool keys, full_screen;

static void note(int signal_number)
{
	if (signal_number == SIGWINCH)
		resized = 1;
	else if (signal_number == SIGTSTP)
		stopped = 1;
	else if (signal_number != SIGCONT)
		ended = signal_number;
}

/* A signal that the caller ignores (nohup) stays ignored. */
static void catch_signals(bool full)
{
	const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP };
	struct sigaction action = { .sa_handler = note }, old;
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < (full ? 6 : 4); i++) {
		if (sigaction(numbers[i], NULL, &old) != 0 || old.sa_handler == SIG_IGN)
			continue;
		sigaddset(&blocked, numbers[i]);
		sigaction(numbers[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &blocked, &let_in);
	for (size_t i = 0; i < 6; i++)
		sigdelset(&let_in, numbers[i]);
}

static void put_text(const char *text, size_t bytes)
{
	ssize_t ignored = write(STDOUT_FILENO, text, bytes);

	(void)ignored; /* a terminal that has gone */
}

static void take_terminal(void)
{
	struct termios raw;

	keys = tcgetattr(STDIN_FILENO, &before) == 0;
	if (keys) {
		raw = before;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		raw.c_cc[VMIN] = 0;
		raw.c_cc[VTIME] = 0;
		tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	}
	put_text(other_screen, sizeof(other_screen) - 1);
}

static void give_back(void)
{
	fflush(stdout);
	put_text(first_screen, sizeof(first_screen) - 1);
	if (keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

void ta_top_terminal_enter(bool full)
{
	catch_signals(full);
	full_screen = full;
	if (full)
		take_terminal();
}

void ta_top_terminal_leave(void)
{
	if (full_screen)
		give_back();
	full_screen = false;
}

/* ctrl-Z: as if we had not caught it, with the terminal in order meanwhile. */
static void stop(void)
{
	stopped = 0;
	give_back();
	raise(SIGSTOP);
	take_terminal();
	resized = 1;
}

static int read_key(void)
{
	char key;
	ssize_t bytes = read(STDIN_FILENO, &key, 1);

	if (bytes == 1)
		return (unsigned char)key;
	return bytes < 0 && errno == EINTR ? 0 : TOP_ENDED;
}

static int event(void)
{
	if (ended)
		return TOP_ENDED;
	if (stopped)
		stop();
	if (!resized)
		return 0;
	resized = 0;
	return TOP_RESIZED;
}

int ta_top_terminal_wait(uint64_t ms)
{
	struct timespec time = { .tv_sec = (time_t)(ms / 1000),
				 .tv_nsec = (long)(ms % 1000) * 1000000 };
	struct pollfd input = { .fd = keys && full_screen ? STDIN_FILENO : -1, .events = POLLIN };
	int happened = event();

	if (happened)
		return happened;
	int ready = ppoll(&input, 1, &time, &let_in);

	happened = event();
	if (happened)
		return happened;
	if (ready > 0)
		return read_key();
	return ready == 0 ? TOP_TIME : 0;
}

void ta_top_terminal_follow(void)
{
	sigset_t one;

	if (!ended)
		return;
	signal(ended, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, ended);
	raise(ended);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
}

static unsigned int size_of(const char *variable, unsigned int otherwise)
{
	const char *text = getenv(variable);
	unsigned long value = text ? strtoul(text, NULL, 10) : 0;

	return value > 0 && value <= 1000 ? (unsigned int)value : otherwise;
}

void ta_top_terminal_size(unsigned int *ret_width, unsigned int *ret_height)
{
	struct winsize size = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || !size.ws_col || !size.ws_row) {
		size.ws_col = (unsigned short)size_of("COLUMNS", 80);
		size.ws_row = (unsigned short)size_of("LINES", 24);
	}
	*ret_width = size.ws_col < 1000 ? size.ws_col : 1000;
	*ret_height = size.ws_row < 1000 ? size.ws_row : 1000;
}
