/* SPDX-License-Identifier: MIT */
/*
 * doctor_probe.c - one connection to a receiver, to see whether somebody is there.
 *
 * Names are looked up by libc, which may take as long as it likes: so it is done in a child,
 * which is ended after some seconds.  Nothing is sent.
 *
 * Runs: the command line, one thread, and a child of it.
 */
#include "runtime/cli/doctor.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALL_MS 6000
#define CONNECT_MS 3000

struct address {
	char host[256], port[8];
};

/* "scheme://host:port/path"; the host may be in brackets. */
static bool take_address(const char *url, struct address *address)
{
	const char *at = strstr(url, "://");
	bool bracket;

	if (!at)
		return false;
	strcpy(address->port, strncmp(url, "https", 5) == 0 ? "443" : "80");
	at += 3;
	bracket = *at == '[';
	at += bracket;
	size_t bytes = strcspn(at, bracket ? "]" : ":/?#");

	if (bytes == 0 || bytes >= sizeof(address->host))
		return false;
	memcpy(address->host, at, bytes);
	address->host[bytes] = '\0';
	at += bytes + bracket;
	if (*at == ':')
		snprintf(address->port, sizeof(address->port), "%.*s",
			 (int)strspn(at + 1, "0123456789"), at + 1);
	return true;
}

/* 0 or an errno. */
static int try_one(const struct addrinfo *info)
{
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = fd < 0 || connect(fd, info->ai_addr, info->ai_addrlen) != 0 ? errno : 0;
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	socklen_t bytes = sizeof(error);

	if (fd >= 0 && error == EINPROGRESS) {
		error = ETIMEDOUT;
		if (poll(&ready, 1, CONNECT_MS) > 0)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
	}
	if (fd >= 0)
		close(fd);
	return error;
}

static const char *advice(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return "start the receiver, or correct the port";
	case ETIMEDOUT:
		return "a firewall drops it, or nobody has that address";
	case ENETUNREACH:
	case EHOSTUNREACH:
		return "there is no way to it from here: network, VPN, route";
	default:
		return "correct the address";
	}
}

static void probe(const struct address *address, int out_fd)
{
	const struct addrinfo wanted = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	int error = getaddrinfo(address->host, address->port, &wanted, &found);

	if (error) {
		dprintf(out_fd, "%s cannot be looked up (%s): correct the name, or the resolver",
			address->host, gai_strerror(error));
		return;
	}
	error = ENOENT;
	for (const struct addrinfo *at = found; at && error; at = at->ai_next)
		error = try_one(at);
	if (error)
		dprintf(out_fd, "%s port %s: %s: %s; what is recorded meanwhile waits on disk",
			address->host, address->port, strerror(error), advice(error));
}

/* What the child says until it ends; false when that takes too long. */
static bool listen_to(int fd, char said[TA_DOCTOR_SAID_BYTES])
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t bytes = 0;
	ssize_t got = 1;

	while (got > 0 && bytes < TA_DOCTOR_SAID_BYTES - 1) {
		if (poll(&ready, 1, ALL_MS) <= 0)
			return false;
		got = read(fd, said + bytes, TA_DOCTOR_SAID_BYTES - 1 - bytes);
		bytes += got > 0 ? (size_t)got : 0;
	}
	said[bytes] = '\0';
	return true;
}

int ta_doctor_probe(const char *url, char ret_said[TA_DOCTOR_SAID_BYTES])
{
	struct address address;
	int fds[2], status;

	if (!take_address(url, &address))
		return strcpy(ret_said, "no address of a receiver: correct it"), -1;
	fflush(stdout);
	if (pipe(fds) != 0)
		return strcpy(ret_said, strerror(errno)), -1;
	pid_t pid = fork();

	if (pid == 0) {
		probe(&address, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	if (!listen_to(fds[0], ret_said)) {
		snprintf(ret_said, TA_DOCTOR_SAID_BYTES,
			 "no answer within %d s: the name is not looked up, or a firewall drops it",
			 ALL_MS / 1000);
		if (pid > 0)
			kill(pid, SIGKILL);
	}
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	return ret_said[0] ? -1 : 0;
}
