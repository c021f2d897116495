/* SPDX-License-Identifier: MIT */
/*
 * quote.cc - a C++ server with a thread for each connection; an exception ends spans, too.
 *
 *     quote PORT COUNT      answers COUNT requests
 */
#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <tagalong.h>
#include <thread>
#include <unistd.h>

static std::string look_up(const std::string &symbol)
{
	TAGALONG_SPAN("look up")
	{
		usleep(1000);
		if (symbol == "none")
			throw std::out_of_range("no such symbol");
	}
	return "42";
}

static std::string answer(const std::string &symbol)
{
	tagalong_set_tag("symbol", symbol.c_str());
	try {
		std::string price = look_up(symbol);

		return "200 OK\r\nContent-Length: " + std::to_string(price.size()) + "\r\n\r\n" + price;
	} catch (const std::exception &error) {
		tagalong_capture_error("std::out_of_range", error.what());
		return "404 Not Found\r\nContent-Length: 0\r\n\r\n";
	}
}

static void serve(int fd)
{
	char head[4096], symbol[32] = "";
	ssize_t bytes = read(fd, head, sizeof(head) - 1);

	if (bytes > 0) {
		head[bytes] = '\0';
		sscanf(head, "GET /quote/%31[a-z]", symbol);
		std::string text = "HTTP/1.1 " + answer(symbol);

		bytes = write(fd, text.data(), text.size());
	}
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {};
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (argc < 3)
		return 2;
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(static_cast<unsigned short>(atoi(argv[1])));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, reinterpret_cast<sockaddr *>(&address), sizeof(address)) < 0 ||
	    listen(listener, 16) < 0)
		return 1;
	for (int left = atoi(argv[2]); left > 0; left--)
		std::thread(serve, accept(listener, nullptr, nullptr)).join();
	return 0;
}
