/* SPDX-License-Identifier: MIT */
/*
 * hostile.c - a program that turns against the agent: it writes over its own mapped segment
 * and meddles with the file while it serves.
 *
 *   hostile bytes|words|header|lanes|crash|truncate|grow|holes|chmod|unlink|all MS SEED
 *
 * Ends with 3 after so many milliseconds.
 */
#include <sys/mman.h>
#include <time.h>

#include "runtime/include/tagalong.h"
#include "tests/host/victim.h"

static unsigned char *segment;
static size_t bytes, header_bytes = 8192;
static int file = -1;
static uint64_t state;

static uint64_t draw(uint64_t below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (state >> 24) % below;
}

static void find_segment(void)
{
	char line[4096], path[4096] = "";
	unsigned long start, end;
	FILE *maps = fopen("/proc/self/maps", "r");

	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, ".seg") && sscanf(line, "%lx-%lx", &start, &end) == 2) {
			segment = (unsigned char *)start;
			bytes = end - start;
			snprintf(path, sizeof(path), "%s", strchr(line, '/'));
			path[strcspn(path, "\n")] = '\0';
		}
	if (maps)
		fclose(maps);
	NEED(segment != NULL);
	file = open(path, O_RDWR);
	NEED(file >= 0);
}

/* What is mapped and still in the file: beyond it the program would hurt itself. */
static size_t reach(void)
{
	struct stat status;

	NEED(fstat(file, &status) == 0);
	return (size_t)status.st_size < bytes ? (size_t)status.st_size : bytes;
}

static void scribble(size_t from, size_t size, int words)
{
	static const uint64_t nasty[] = {0, 1, ~0ull, 1ull << 63, 0x7fffffff, 0xffffffff, 4096, 65536};
	size_t end = from + size < reach() ? from + size : reach();

	for (int i = 0; i < 200 && from + 8 < end; i++) {
		size_t at = from + draw(end - from - 8);

		if (words) {
			uint64_t word = draw(2) ? nasty[draw(8)] : draw(1ull << 40);

			memcpy(segment + (at & ~(size_t)7), &word, 8);
		} else {
			segment[at] = (unsigned char)draw(256);
		}
	}
}

static void meddle(const char *how)
{
	static const char *const ways[] = {"bytes", "words", "header", "lanes", "crash", "holes", "chmod", "grow"};

	if (!strcmp(how, "all"))
		how = ways[draw(8)];
	if (!strcmp(how, "bytes"))
		scribble(0, bytes, 0);
	if (!strcmp(how, "words"))
		scribble(0, bytes, 1);
	if (!strcmp(how, "header"))
		scribble(0, header_bytes, (int)draw(2));
	if (!strcmp(how, "lanes"))
		scribble(header_bytes, 3 * 65536, (int)draw(2));
	if (!strcmp(how, "crash"))
		scribble(bytes > 262144 ? bytes - 262144 : 0, 262144, (int)draw(2));
	if (!strcmp(how, "holes"))
		fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)draw(bytes) & ~4095, 65536);
	if (!strcmp(how, "chmod"))
		fchmod(file, draw(2) ? 0600 : 0666);
	if (!strcmp(how, "grow") && ftruncate(file, (off_t)(bytes + draw(1u << 20))))
		say("grow: no\n");
}

/* From here on the segment is not touched by this process: it would die of it. */
static void truncate_file(const char *how)
{
	off_t size = draw(2) ? 0 : (off_t)draw(header_bytes * 4);

	munmap(segment, bytes);
	NEED(mmap(segment, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == segment);
	if (!strcmp(how, "truncate"))
		NEED(ftruncate(file, size) == 0);
}

int main(int argc, char **argv)
{
	struct timespec start, now;
	const char *how = argc > 1 ? argv[1] : "bytes";
	long ms = argc > 2 ? atol(argv[2]) : 1000;

	state = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
	for (int i = 0; i < 100; i++) {
		tagalong_span_begin("before", NULL);
		tagalong_span_end();
	}
	usleep(50000); /* the agent has found it */
	find_segment();
	if (!strcmp(how, "truncate"))
		truncate_file(how);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (long round = 0;; round++) {
		meddle(how);
		tagalong_span_begin("between", NULL);
		if (round % 100 == 0) {
			tagalong_add_breadcrumb("a", "b");
			tagalong_capture_message(TAGALONG_LEVEL_INFO, "said");
		}
		tagalong_span_end();
		usleep(200);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 >= ms)
			break;
	}
	_exit(3);
}
