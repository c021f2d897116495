/* SPDX-License-Identifier: MIT */
/*
 * status_program.c - the programs that an agent serves, out of their segments.
 *
 * Only a segment's header and directory are read, into memory of ours, and believed as far
 * as ta_segment_check() goes.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/status.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Everything before the first lane, of the most lanes that there can be. */
static struct ta_segment *read_header(int fd)
{
	size_t most = ta_segment_header_bytes(TA_LANES_MAX);
	struct ta_segment *segment = calloc(1, most);
	struct stat found;
	ssize_t bytes;

	if (!segment)
		return NULL;
	if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode) && found.st_size > 0) {
		bytes = pread(fd, segment, most, 0);
		if (bytes > 0 && ta_segment_check(segment, (uint64_t)found.st_size) == 0 &&
		    (size_t)bytes >= segment->header_bytes)
			return segment;
	}
	free(segment);
	return NULL;
}

static void count_lanes(struct status_program *program, struct ta_segment *segment)
{
	program->lanes = segment->lane_count;
	for (uint32_t i = 0; i < segment->lane_count; i++) {
		uint64_t owner = atomic_load(&ta_segment_owners(segment)[i]);

		program->lanes_used += owner != TA_OWNER_FREE && owner != TA_OWNER_AGENT;
		program->lanes_ready += atomic_load(&ta_segment_ready(segment)[i]) != 0;
	}
}

static void fill(struct status_program *program, struct ta_segment *segment)
{
	memcpy(program->exe, segment->exe, sizeof(program->exe) - 1);
	program->pid = segment->pid;
	program->alive = segment->pid > 0 && segment->pid <= INT_MAX &&
			 (kill((pid_t)segment->pid, 0) == 0 || errno == EPERM);
	program->processes = atomic_load(&segment->live_processes);
	program->started_ns = segment->created_wall_ns;
	for (int i = 0; i < TA_LOSS_COUNT; i++)
		program->lost[i] = atomic_load(&segment->lost[i]);
	count_lanes(program, segment);
}

static void append(struct status_agent *agent, struct status_program *program)
{
	struct status_program **at = &agent->programs;

	while (*at && (*at)->started_ns <= program->started_ns)
		at = &(*at)->next;
	program->next = *at;
	*at = program;
	agent->program_count++;
}

void ta_cli_status_segment(struct status_agent *agent, int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct ta_segment *segment = fd >= 0 ? read_header(fd) : NULL;
	struct status_program *program = segment ? calloc(1, sizeof(*program)) : NULL;

	if (program) {
		fill(program, segment);
		append(agent, program);
		if (!agent->pid)
			agent->pid = atomic_load(&segment->agent_pid);
	} else if (fd >= 0 || errno != ENOENT) {
		agent->unreadable++;
	}
	free(segment);
	if (fd >= 0)
		close(fd);
}

uint64_t ta_cli_status_lost(const struct status_program *program)
{
	uint64_t lost = 0;

	for (int i = 0; i < TA_LOSS_COUNT; i++)
		lost += program->lost[i];
	return lost;
}
