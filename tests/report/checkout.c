/* SPDX-License-Identifier: MIT */
/*
 * checkout.c - a program that crashes in a span, for the tests of reports.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <tagalong.h>

struct item {
	int price;
};

static int price_of(const struct item *item)
{
	return item->price;
}

static int charge(int amount)
{
	const struct item *item = amount ? malloc(sizeof(*item)) : NULL;

	return price_of(item);
}

static void *reap(void *unused)
{
	for (;;)
		pause();
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	(void)argv;
	if (pthread_create(&thread, NULL, reap, NULL) != 0)
		return 1;
	tagalong_set_tag("tenant", "acme");
	tagalong_add_breadcrumb("cart", "two items");
	TAGALONG_SPAN("order") {
		usleep(80000);
		tagalong_add_breadcrumb("payment", "bank asked");
		return charge(argc - 1);
	}
}
