/* SPDX-License-Identifier: MIT */
/*
 * errno_interrupted.c - blocking calls that a signal interrupts: EINTR without
 * SA_RESTART, carried on with it, and what poll, select and epoll say.
 *
 * A helper child sends the signal, waits until it has been handled, and then
 * makes the call succeed, so the outcome does not depend on time.
 *
 * Victim: runs=2
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "victim.h"

static volatile sig_atomic_t handled;
static int handled_pipe[2];

static void on_signal(int number)
{
	(void)number;
	errno = EDOM; /* the interrupted call must not be the one to show this */
	handled++;
	if (write(handled_pipe[1], "h", 1) != 1)
		_exit(97);
	errno = ERANGE;
}

/* The state letter of a process: S asleep, Z ended. */
static char state_of(pid_t pid)
{
	char path[64], text[512], *after;
	int fd;
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return '?';
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[got > 0 ? got : 0] = 0;
	after = strrchr(text, ')');
	return after ? after[2] : '?';
}

/* Signals the parent once it sleeps in its call; feeds it after the handler ran. */
static pid_t start_pest(int feed_fd)
{
	pid_t parent = getpid();
	pid_t child = fork();
	char letter;

	NEED(child >= 0);
	if (child)
		return child;
	for (int asleep = 0; asleep < 3; usleep(2000))
		asleep = state_of(parent) == 'S' ? asleep + 1 : 0;
	kill(parent, SIGUSR1);
	if (read(handled_pipe[0], &letter, 1) != 1)
		_exit(1);
	usleep(2000);
	if (feed_fd >= 0 && write(feed_fd, "food", 4) != 4)
		_exit(2);
	_exit(0);
}

static void install(int flags)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

	NEED(sigaction(SIGUSR1, &action, NULL) == 0);
}

#define INTERRUPTED(feed, call)                                                                    \
	do {                                                                                       \
		pid_t pest_ = start_pest(feed);                                                    \
		TRY(call);                                                                         \
		reap("helper", pest_);                                                             \
		while (recv(server, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)                     \
			;                                                                          \
	} while (0)

static char buffer[64];

static void round_of(int client, int server)
{
	struct iovec vector = {buffer, sizeof(buffer)};
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
	struct mmsghdr many = {.msg_hdr = header};
	struct pollfd wanted = {.fd = server, .events = POLLIN};
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(0);
	fd_set set;

	NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, server, &event) == 0);
	FD_ZERO(&set);
	FD_SET(server, &set);
	INTERRUPTED(client, read(server, buffer, sizeof(buffer)));
	INTERRUPTED(client, readv(server, &vector, 1));
	INTERRUPTED(client, recv(server, buffer, sizeof(buffer), 0));
	INTERRUPTED(client, recv(server, buffer, 4, MSG_WAITALL));
	INTERRUPTED(client, recvfrom(server, buffer, sizeof(buffer), 0, NULL, NULL));
	INTERRUPTED(client, recvmsg(server, &header, 0));
	INTERRUPTED(client, recvmmsg(server, &many, 1, 0, NULL));
	INTERRUPTED(client, poll(&wanted, 1, -1));
	INTERRUPTED(client, ppoll(&wanted, 1, NULL, NULL));
	INTERRUPTED(client, select(server + 1, &set, NULL, NULL, NULL));
	INTERRUPTED(client, epoll_wait(epoll, &event, 1, -1));
	INTERRUPTED(client, epoll_pwait(epoll, &event, 1, -1, NULL));
	close(epoll);
}

static void accepting(int flags)
{
	struct sockaddr_in address;
	int listener = tcp_listener(&address);
	pid_t pest;
	pid_t dialler;

	install(flags);
	pest = start_pest(-1);
	if (flags & SA_RESTART) {
		dialler = fork();
		if (dialler == 0) {
			/* The helper ends (a zombie counts) after the handler has run. */
			while (state_of(pest) != 'Z')
				usleep(1000);
			_exit(close(tcp_dial(&address)));
		}
		TRY(accept(listener, NULL, NULL));
		reap("dialler", dialler);
	} else {
		TRY(accept(listener, NULL, NULL));
	}
	reap("helper", pest);
	close(listener);
}

int main(void)
{
	int client, server;

	NEED(pipe(handled_pipe) == 0);
	tcp_pair(&client, &server);
	say("-- without SA_RESTART\n");
	install(0);
	round_of(client, server);
	accepting(0);
	say("-- with SA_RESTART\n");
	install(SA_RESTART);
	round_of(client, server);
	accepting(SA_RESTART);
	say("handled %d signals\n", (int)handled);
	return 0;
}
