/* SPDX-License-Identifier: MIT */
/*
 * start.c - how long a program takes from vfork to wait.
 *
 *     start ROUNDS PROGRAM NAME[:K=V...]...
 *
 * Each further argument is a variant; its K=V pairs (no colons in them) go into an
 * otherwise small environment.  Variants take turns, beginning with another one
 * in each round; "NAME MICROSECONDS" is printed per start.  A variant whose name
 * begins with "cold" gets a TAGALONG_RUN_DIR of its own per start, and the agent
 * that it leaves behind is waited for (outside the measurement) and its directory
 * removed.
 *
 * Runs: not preloaded itself.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define VARIANTS_MAX 16
#define ENV_MAX 24

struct variant {
	char *name;
	char *env[ENV_MAX + 2]; /* the last one is left for the run directory */
	int env_count;
	int cold;
};

static void nap(long milliseconds)
{
	struct timespec time = { .tv_nsec = milliseconds * 1000000 };

	nanosleep(&time, NULL);
}

static struct variant parse(char *text)
{
	struct variant variant = { .name = strtok(text, ":") };

	variant.env[variant.env_count++] = (char *)"PATH=/usr/bin:/bin";
	variant.env[variant.env_count++] = (char *)"HOME=/nonexistent";
	for (char *pair; (pair = strtok(NULL, ":")) && variant.env_count < ENV_MAX;)
		variant.env[variant.env_count++] = pair;
	variant.cold = strncmp(variant.name, "cold", 4) == 0;
	return variant;
}

/* ---- cold starts: a directory, and the end of its agent ---- */

static int is_locked(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;

	if (fd >= 0)
		close(fd);
	return locked;
}

/* Entries that still stand for work of the agent; removes the rest when told. */
static int busy_entries(const char *directory, int remove_all)
{
	DIR *dir = opendir(directory);
	char path[512];
	int busy = 0;

	if (dir == NULL)
		die(directory);
	for (struct dirent *entry; (entry = readdir(dir));) {
		const char *ending = strrchr(entry->d_name, '.');

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		if (remove_all)
			unlink(path);
		else if (ending && strcmp(ending, ".seg") == 0)
			busy++;
		else if (ending && strcmp(ending, ".agent") == 0)
			busy += is_locked(path);
	}
	closedir(dir);
	return busy;
}

static void wait_for_agent(const char *directory)
{
	for (int tries = 0; busy_entries(directory, 0); tries++) {
		if (tries > 1000) {
			fprintf(stderr, "start: the agent of %s does not end\n", directory);
			exit(1);
		}
		nap(10);
	}
	busy_entries(directory, 1);
	if (rmdir(directory) != 0)
		die(directory);
}

/* ---- one start ---- */

static double start_once(const char *program, char **env)
{
	char *argv[] = { (char *)program, NULL };
	int status;
	uint64_t begin = now_ns();
	pid_t child = vfork();

	if (child == 0) {
		execve(program, argv, env);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		die(program);
	uint64_t end = now_ns();

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "start: %s ended with status %#x\n", program, (unsigned int)status);
		exit(1);
	}
	return (double)(end - begin) / 1000;
}

static void run_variant(struct variant *variant, const char *program)
{
	char directory[64] = "/dev/shm/tagalong-bench-XXXXXX";
	char setting[128];

	if (variant->cold) {
		if (mkdtemp(directory) == NULL)
			die("mkdtemp in /dev/shm");
		snprintf(setting, sizeof(setting), "TAGALONG_RUN_DIR=%s", directory);
		variant->env[variant->env_count] = setting;
	}
	printf("%s %.2f\n", variant->name, start_once(program, variant->env));
	if (variant->cold)
		wait_for_agent(directory);
}

int main(int argc, char **argv)
{
	struct variant variants[VARIANTS_MAX];
	int count = argc - 3;
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 0;

	if (rounds <= 0 || count <= 0 || count > VARIANTS_MAX) {
		fprintf(stderr, "usage: start ROUNDS PROGRAM NAME[:K=V...]...\n");
		return 2;
	}
	for (int i = 0; i < count; i++)
		variants[i] = parse(argv[i + 3]);
	for (long round = 0; round < rounds; round++) {
		for (int i = 0; i < count; i++)
			run_variant(&variants[(round + i) % count], argv[2]);
		nap(5); /* the warm agent's own work does not count */
	}
	return 0;
}
