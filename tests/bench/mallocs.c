/* SPDX-License-Identifier: MIT */
/*
 * mallocs.c - a library that counts allocations of the program that it is preloaded into.
 *
 * The number stands in the file that BENCH_MALLOCS names, mapped, so that it can be read
 * at any time.  Requests of all processes that the program forks are in one number.
 *
 * Runs: in the measured host.  No locks.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic uint64_t before_mapping;
static _Atomic uint64_t *counter = &before_mapping;

static struct {
	void *(*malloc)(size_t bytes);
	void *(*calloc)(size_t number, size_t bytes);
	void *(*realloc)(void *old, size_t bytes);
	void *(*memalign)(size_t alignment, size_t bytes);
	void *(*aligned_alloc)(size_t alignment, size_t bytes);
	int (*posix_memalign)(void **ret_memory, size_t alignment, size_t bytes);
} next;

/* The allocator that the program has: redis brings jemalloc.  dlsym takes no memory when it
 * finds the name. */
static void find(void **ret_function, const char *name)
{
	if (!*ret_function)
		*ret_function = dlsym(RTLD_NEXT, name);
}

#define NEXT(name) (find((void **)&next.name, #name), next.name)

static void count(void)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void *malloc(size_t bytes)
{
	count();
	return NEXT(malloc)(bytes);
}

void *calloc(size_t number, size_t bytes)
{
	count();
	return NEXT(calloc)(number, bytes);
}

void *realloc(void *old, size_t bytes)
{
	count();
	return NEXT(realloc)(old, bytes);
}

void *memalign(size_t alignment, size_t bytes)
{
	count();
	return NEXT(memalign)(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	count();
	return NEXT(aligned_alloc)(alignment, bytes);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t bytes)
{
	count();
	return NEXT(posix_memalign)(ret_memory, alignment, bytes);
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("BENCH_MALLOCS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page != MAP_FAILED)
		counter = page;
	close(fd);
}
