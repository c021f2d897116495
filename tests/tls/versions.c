/* SPDX-License-Identifier: MIT */
/*
 * versions.c - two libraries with the same names in one process; each call has to reach the
 * one that its session is from, also by way of a jump out of somebody else's code.
 *
 * Built as: -DLIBRARY=1 and =2 the two libraries, -DMODULE=1 and =2 what is linked with them,
 * neither: the program, which is linked with the first and opens the second module.
 */
#include <stddef.h>

struct session {
	int version;
	const void *method;
	char rest[512];
};

int SSL_read(struct session *session, void *data, int bytes);

#if defined(LIBRARY)

static const int method = LIBRARY;
static struct session only = { .method = &method };

struct session *SSL_new(void *context);
struct session *SSL_new(void *context)
{
	(void)context;
	return &only;
}

const char *SSL_alert_desc_string_long(int value);
const char *SSL_alert_desc_string_long(int value)
{
	(void)value;
	return "";
}

/* Another library's session would have been the end of it. */
int SSL_read(struct session *session, void *data, int bytes)
{
	(void)data;
	(void)bytes;
	return session->method == &method ? LIBRARY : -LIBRARY;
}

#elif defined(MODULE)

#define NAME_(what, number) what##number
#define NAME(what, number) NAME_(what, number)

/* Ends in a jump: the return address is the caller's. */
int NAME(module_read_, MODULE)(struct session *session);
int NAME(module_read_, MODULE)(struct session *session)
{
	return SSL_read(session, NULL, 0);
}

#else

#include <dlfcn.h>
#include <stdio.h>

struct session *SSL_new(void *context);

int main(int argc, char **argv)
{
	void *library = dlopen(argv[argc - 2], RTLD_NOW | RTLD_LOCAL);
	void *module = dlopen(argv[argc - 1], RTLD_NOW | RTLD_LOCAL);

	if (library == NULL || module == NULL) {
		printf("%s\n", dlerror());
		return 1;
	}
	struct session *(*make)(void *) = (struct session * (*)(void *)) dlsym(library, "SSL_new");
	int (*read_second)(struct session *) =
		(int (*)(struct session *))dlsym(module, "module_read_2");
	struct session *first = SSL_new(NULL), *second = make(NULL);

	for (int i = 0; i < 3; i++)
		printf("%d %d\n", SSL_read(first, NULL, 0), read_second(second));
	return 0;
}

#endif
