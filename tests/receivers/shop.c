/* SPDX-License-Identifier: MIT */
/*
 * shop.c - a small web server that says what it does: what its requests leave is sent
 * to Sentry and shown there.
 *
 *     shop PORT COUNT      answers COUNT requests on the loopback address, one after the other
 *
 * GET /cart/N loads a cart, with a tag, breadcrumbs, attributes and an event; POST /pay
 * fails: a span with an error, a captured error below the request, and a 500.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <tagalong.h>
#include <unistd.h>

static void answer(int fd, int status, const char *words)
{
	char text[128];
	int bytes = snprintf(text, sizeof(text),
			     "HTTP/1.1 %d %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
			     status, words);

	if (write(fd, text, (size_t)bytes) != bytes)
		perror("write");
}

static void query(const char *name, unsigned int microseconds)
{
	struct tagalong_span_options options = { .op = "db" };

	TAGALONG_SPAN_WITH(name, &options)
	{
		usleep(microseconds);
		tagalong_span_add_event(tagalong_current_span(), "rows read", "{\"rows\":3}");
	}
}

static void cart(int fd)
{
	TAGALONG_SPAN("load cart")
	{
		tagalong_add_breadcrumb("cart", "cart is asked for");
		tagalong_span_set_int(tagalong_current_span(), "cart.items", 3);
		query("SELECT items", 3000);
		TAGALONG_SPAN("render page")
		{
			usleep(1500);
		}
	}
	tagalong_capture_log(TAGALONG_LEVEL_INFO, "cart is shown", "{\"items\":3}");
	answer(fd, 200, "OK");
}

static void charge(void)
{
	struct tagalong_span_options options = { .op = "payment" };

	tagalong_span_begin("charge card", &options);
	tagalong_span_set_str(tagalong_current_span(), "card.brand", "visa");
	usleep(4000);
	tagalong_span_end_error("CardError", "card was declined");
}

static void pay(int fd)
{
	TAGALONG_SPAN("check order")
	{
		tagalong_add_breadcrumb("order", "order is complete");
		query("SELECT price", 1000);
		charge();
	}
	tagalong_add_breadcrumb("payment", "bank said no");
	tagalong_capture_error("CardError", "card was declined");
	answer(fd, 500, "Internal Server Error");
}

static void serve(int listener)
{
	char head[4096];
	int fd = accept(listener, NULL, NULL);
	ssize_t bytes = fd < 0 ? -1 : read(fd, head, sizeof(head) - 1);

	if (bytes > 0) {
		head[bytes] = 0;
		tagalong_set_tag("tenant", "acme");
		tagalong_scope_set_user(TAGALONG_SCOPE_ISOLATION,
					"{\"id\":\"7\",\"username\":\"kim\"}");
		if (strncmp(head, "POST /pay", 9) == 0)
			pay(fd);
		else
			cart(fd);
	}
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (argc != 3)
		return 2;
	address.sin_port = htons((unsigned short)atoi(argv[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener, 16) != 0) {
		perror("shop");
		return 1;
	}
	for (int left = atoi(argv[2]); left > 0; left--)
		serve(listener);
	return 0;
}
