/* SPDX-License-Identifier: MIT */
/*
 * http_splits.c - a small HTTP exchange on accepted connections, cut at every
 * byte of the request and of the response, and in odd ways (pipelined, chunked,
 * garbage, a closed half): what a recogniser must not change is printed.
 *
 * Victim: runs=2
 */
#include "victim.h"

static const char request[] = "POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
			      "GET /second HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
			      "3\r\nabc\r\n0\r\n\r\n";
static const char response[] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
			       "yes" "HTTP/1.1 204 No Content\r\n\r\n";
static const char *const garbage[] = {
	"\0\0\0\0", "GET", "GET ", "GET /\r\n", "\r\n\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x16\x03\x01\x02",
	"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
	"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
};

static uint64_t carry(int from, int to, const char *text, size_t size, size_t cut)
{
	char buffer[512];
	uint64_t sum = 0;
	size_t parts[2] = {cut, size - cut};

	for (int i = 0; i < 2; i++) {
		if (parts[i] == 0)
			continue;
		write_full(from, text, parts[i]);
		NEED(read_full(to, buffer, parts[i]) == parts[i]);
		sum = checksum(sum, buffer, parts[i]);
		text += parts[i];
	}
	return sum;
}

static void every_cut(void)
{
	uint64_t sum = 0;
	int client, server;

	for (size_t cut = 0; cut < sizeof(request); cut++) {
		size_t back = cut * (sizeof(response) - 1) / sizeof(request);

		tcp_pair(&client, &server);
		sum ^= carry(client, server, request, sizeof(request) - 1, cut);
		sum ^= carry(server, client, response, sizeof(response) - 1, back) << (cut % 3);
		close(server);
		close(client);
	}
	say("every cut: %016llx\n", (unsigned long long)sum);
}

/* One connection, byte by byte, in both directions at once. */
static void byte_by_byte(void)
{
	char byte;
	uint64_t sum = 0;
	int client, server;

	tcp_pair(&client, &server);
	for (int round = 0; round < 20; round++)
		for (size_t i = 0; i < sizeof(request) - 1; i++) {
			NEED(send(client, &request[i], 1, 0) == 1);
			NEED(recv(server, &byte, 1, 0) == 1);
			sum = checksum(sum, &byte, 1);
			NEED(send(server, &response[i % (sizeof(response) - 1)], 1, 0) == 1);
			NEED(recv(client, &byte, 1, 0) == 1);
			sum = checksum(sum, &byte, 1);
		}
	say("byte by byte: %016llx\n", (unsigned long long)sum);
	close(client);
	close(server);
}

static void odd_ones(void)
{
	char buffer[256];
	int client, server;

	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		size_t size = i ? strlen(garbage[i]) : 4;

		tcp_pair(&client, &server);
		say("garbage %zu\n", i);
		TRY(send(client, garbage[i], size, 0));
		TRY(recv(server, buffer, size, MSG_WAITALL));
		TRY(send(server, "no\r\n", 4, 0));
		TRY(shutdown(client, SHUT_WR));
		TRY(read(server, buffer, sizeof(buffer)));
		TRY(close(server));
		TRY(recv(client, buffer, 4, MSG_WAITALL));
		TRY(read(client, buffer, sizeof(buffer)));
		TRY(close(client));
	}
}

/* A head of 1 MB, and 1,000 requests in one write. */
static void large_ones(void)
{
	size_t size = 1 << 20, requests = 1000, got = 0;
	char *big = malloc(size), *back = malloc(size);
	uint64_t sum = 0;
	int client, server;

	NEED(big && back);
	memset(big, 'h', size);
	memcpy(big, "GET / HTTP/1.1\r\nX: ", 19);
	tcp_pair(&client, &server);
	for (size_t at = 0; at < size; at += 8192) {
		write_full(client, big + at, 8192);
		got += read_full(server, back, 8192);
		sum = checksum(sum, back, 8192);
	}
	say("large head: %zu %016llx\n", got, (unsigned long long)sum);
	close(client);
	close(server);
	tcp_pair(&client, &server);
	size = 0;
	for (size_t i = 0; i < requests; i++)
		size += (size_t)sprintf(big + size, "GET /%zu HTTP/1.1\r\n\r\n", i);
	write_full(client, big, size);
	got = read_full(server, back, size);
	say("pipelined: %zu %016llx\n", got == size ? got - size : got,
	    (unsigned long long)checksum(0, back, got));
	close(client);
	close(server);
	free(big);
	free(back);
}

int main(void)
{
	every_cut();
	byte_by_byte();
	odd_ones();
	large_ones();
	say_fds("at the end");
	return 0;
}
