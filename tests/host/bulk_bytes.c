/* SPDX-License-Identifier: MIT */
/*
 * bulk_bytes.c - megabytes through every pair of writing and reading calls on
 * an accepted connection; a child checks sums.
 *
 * Victim: runs=2
 */
#include <sys/sendfile.h>

#include "victim.h"

#define TOTAL (3u << 20)

static char *source;
static char file_path[] = "/tmp/tagalong-victim-XXXXXX";
static int file_fd;

static void send_all(int fd, int how)
{
	size_t done = 0;

	while (done < TOTAL) {
		size_t left = TOTAL - done, part = left < 70001 ? left : 70001;
		struct iovec vector[3] = {{source + done, part / 3},
					  {source + done + part / 3, part / 3},
					  {source + done + part / 3 * 2, part - part / 3 * 2}};
		struct msghdr header = {.msg_iov = vector, .msg_iovlen = 3};
		struct mmsghdr many[1] = {{.msg_hdr = header}};
		off_t offset = (off_t)done;
		ssize_t put = -1;

		switch (how) {
		case 0: put = write(fd, source + done, part); break;
		case 1: put = writev(fd, vector, 3); break;
		case 2: put = send(fd, source + done, part, MSG_NOSIGNAL); break;
		case 3: put = sendmsg(fd, &header, 0); break;
		case 4: put = sendmmsg(fd, many, 1, 0) == 1 ? (ssize_t)many[0].msg_len : -1; break;
		case 5: put = sendfile(fd, file_fd, &offset, part); break;
		case 6: put = sendfile64(fd, file_fd, &offset, left); break;
		case 7: {
			int fds[2];
			ssize_t in;

			NEED(pipe(fds) == 0);
			in = splice(file_fd, &offset, fds[1], NULL, part, 0);
			put = splice(fds[0], NULL, fd, NULL, (size_t)in, SPLICE_F_MOVE);
			close(fds[0]);
			close(fds[1]);
			break;
		}
		default: put = sendto(fd, source + done, part, 0, NULL, 0);
		}
		NEED(put > 0);
		done += (size_t)put;
	}
}

static uint64_t receive_all(int fd, int how)
{
	static char buffer[50000];
	uint64_t sum = 0;

	for (;;) {
		struct iovec vector[2] = {{buffer, 12345}, {buffer + 12345, sizeof(buffer) - 12345}};
		struct msghdr header = {.msg_iov = vector, .msg_iovlen = 2};
		struct mmsghdr many[1] = {{.msg_hdr = header}};
		ssize_t got = -1;

		switch (how % 6) {
		case 0: got = read(fd, buffer, sizeof(buffer)); break;
		case 1: got = readv(fd, vector, 2); break;
		case 2: got = recv(fd, buffer, sizeof(buffer), 0); break;
		case 3: got = recvmsg(fd, &header, 0); break;
		case 4: got = recvmmsg(fd, many, 1, 0, NULL) == 1 ? (ssize_t)many[0].msg_len : -1; break;
		default: got = recvfrom(fd, buffer, sizeof(buffer), 0, NULL, NULL);
		}
		NEED(got >= 0);
		if (got == 0)
			return sum;
		sum = checksum(sum, buffer, (size_t)got);
	}
}

int main(void)
{
	source = malloc(TOTAL);
	NEED(source);
	for (uint32_t i = 0, x = 1; i < TOTAL; i++, x = x * 1664525u + 1013904223u)
		source[i] = (char)(x >> 24);
	file_fd = mkstemp(file_path);
	NEED(file_fd >= 0 && unlink(file_path) == 0);
	write_full(file_fd, source, TOTAL);
	say("expected %016llx\n", (unsigned long long)checksum(0, source, TOTAL));
	for (int how = 0; how < 9; how++) {
		int client, server;
		pid_t child;

		tcp_pair(&client, &server);
		child = fork();
		NEED(child >= 0);
		if (child == 0) {
			close(client);
			say("way %d, server reads: %016llx\n", how,
			    (unsigned long long)receive_all(server, how));
			send_all(server, how);
			_exit(0);
		}
		close(server);
		send_all(client, how);
		NEED(shutdown(client, SHUT_WR) == 0);
		say("way %d, server writes: %016llx\n", how,
		    (unsigned long long)receive_all(client, how + 1));
		reap("server", child);
		close(client);
	}
	return 0;
}
