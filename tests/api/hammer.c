/* SPDX-License-Identifier: MIT */
/*
 * hammer.c - 64 threads on one isolation scope and on the global one, with signal
 * handlers that write to them too, and forks in the middle.
 *
 * The core is compiled into this program (with the thread sanitizer) and called by the
 * table, as a program calls it; no hook is in it.  A thread of its own reads the lanes as
 * the agent does, into the agent's scopes.  In the end every key of every thread and
 * handler has to be in the final versions with its last value, and nothing of the forked
 * children, who have to have their own.
 *
 * Prints what is not so; ends with 1 if there was something.
 */
#include <tagalong.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/agent/scope.h"
#include "runtime/core/arena.h"
#include "runtime/core/clock.h"
#include "runtime/core/runtime.h"
#include "runtime/core/scope.h"
#include "runtime/core/thread.h"
#include "runtime/wire/lane.h"

#define THREADS 64
#ifdef __SANITIZE_THREAD__
#define TURNS 400 /* at least; until the last fork */
#else
#define TURNS 2000
#endif
#define FORKS 8
#define LANES 640u /* a thread whose lane is full goes on in others, seven at most */
#define LANE_BYTES (64u << 10)
#define SIGNAL_BYTES 8192u

static struct ta_segment *segment;
static struct ta_scopes *scopes;
static char pages[2][4096] __attribute__((aligned(4096)));
static atomic_int running;
static atomic_bool enough, over;
static atomic_uint passes;
static atomic_int failures;

static struct worker {
	pthread_t thread;
	tagalong_context_t *context;
	uint32_t number;
	uint32_t set, global; /* last values of its keys that were taken */
	volatile sig_atomic_t handled;
} workers[THREADS];

static _Thread_local struct worker *self;

static void fail(const char *what, uint32_t number)
{
	printf("%s %u\n", what, number);
	atomic_fetch_add(&failures, 1);
}

/* ---- the host ---- */

/* Whose pid it was, no agent needs to know here. */
static void forked(void)
{
	ta_process_forked_parent(0);
}

static void start_core(void)
{
	uint32_t header = ta_segment_header_bytes(LANES);

	segment = mmap(NULL, header + LANES * (size_t)LANE_BYTES, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (segment == MAP_FAILED)
		exit(77);
	segment->wire_version = TA_WIRE_VERSION;
	segment->header_bytes = header;
	segment->lane_count = LANES;
	segment->lane_bytes = LANE_BYTES;
	segment->signal_ring_bytes = SIGNAL_BYTES;
	segment->total_bytes = header + LANES * (uint64_t)LANE_BYTES;
	segment->proc_id = 0x5eed;
	for (uint32_t i = 0; i < LANES; i++)
		atomic_store(&ta_segment_ready(segment)[i], 1);
	atomic_store(&segment->magic, TA_WIRE_MAGIC);
	if (!ta_arena_init(LANES))
		exit(77);
	ta_clock_init();
	ta_runtime.segment = segment;
	ta_runtime.proc_id = segment->proc_id;
	ta_runtime.seed = 42;
	ta_runtime.pid = (uint32_t)getpid();
	ta_runtime.creator = true;
	ta_wipe = (struct ta_wipe *)(void *)pages[0];
	atomic_store(&ta_wipe->alive, 1);
	madvise(pages[0], sizeof(pages[0]), MADV_WIPEONFORK);
	pthread_atfork(ta_process_fork_prepare, forked, ta_process_fork_child);
	ta_runtime.enabled = true;
}

/* ---- the agent ---- */

static void apply(const char *at, uint32_t bytes, uint64_t owner)
{
	for (const char *end = at + bytes; at < end;) {
		const struct ta_record *record = (const void *)at;
		uint32_t size = (uint32_t)record->units * 8;

		if (!ta_record_valid(record, size))
			fail("invalid record of kind", record->kind);
		else if (record->kind == TA_RECORD_SCOPE_SET)
			ta_scopes_set(scopes, segment->proc_id, owner, (const void *)record);
		at += size;
	}
}

static bool take(const struct ta_ring_reader *ring, uint64_t owner)
{
	static char copy[LANE_BYTES] __attribute__((aligned(8)));
	uint64_t tail, skipped;
	uint32_t bytes = ta_ring_take(ring, copy, sizeof(copy), &tail, &skipped);

	if (skipped)
		fail("bytes that made no sense:", (uint32_t)skipped);
	apply(copy, bytes, owner);
	ta_ring_release(ring, tail);
	return bytes > 0;
}

/* One pass over all lanes; true when there was something. */
static bool pass(void)
{
	bool some = false;

	for (uint32_t i = 0; i < LANES; i++) {
		struct ta_lane *lane = ta_lane_at(segment, i);
		struct ta_ring_reader rings[2] = { ta_lane_reader(segment, lane),
						   ta_lane_signal_reader(segment, lane) };
		uint64_t owner = atomic_load(&lane->proc_id);

		some |= take(&rings[0], owner);
		some |= take(&rings[1], owner);
	}
	return ta_scopes_settle(scopes) || some;
}

static void *drain(void *unused)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	while (!atomic_load(&over)) {
		pass();
		atomic_fetch_add(&passes, 1);
		usleep(2000);
	}
	while (pass())
		;
	return unused;
}

/* ---- the hammering ---- */

static void key_of(char *out, char what, uint32_t number)
{
	snprintf(out, 16, "%c%u", what, number);
}

static int put(tagalong_scope_t scope, char what, uint32_t number, uint32_t value)
{
	char key[16], text[16];

	key_of(key, what, number);
	snprintf(text, sizeof(text), "%u", value);
	return tagalong_scope_set_tag(scope, key, text);
}

static void handle(int number)
{
	int saved_errno = errno;

	(void)number;
	if (self && put(TAGALONG_SCOPE_ISOLATION, 's', self->number,
			(uint32_t)self->handled + 1) == 0)
		self->handled = self->handled + 1;
	errno = saved_errno;
}

/* What threads and handlers write stays within the agent's memory, however late it comes. */
static void wait_for_agent(void)
{
	unsigned int seen = atomic_load(&passes);

	while (atomic_load(&passes) == seen)
		usleep(1000);
}

static void *work(void *argument)
{
	struct worker *worker = argument;

	if (tagalong_context_attach(worker->context) != 0)
		fail("cannot attach", worker->number);
	self = worker;
	/* Written once: a version that has lost its parent has lost this. */
	while (put(TAGALONG_SCOPE_ISOLATION, 'o', worker->number, 1) != 0)
		sched_yield();
	for (uint32_t turn = 1; turn <= TURNS || !atomic_load(&enough); turn++) {
		while (put(TAGALONG_SCOPE_ISOLATION, 't', worker->number, turn) != 0)
			sched_yield();
		worker->set = turn;
		while (put(TAGALONG_SCOPE_GLOBAL, 'g', worker->number, turn) != 0)
			sched_yield();
		worker->global = turn;
		if (turn % 8 == 0)
			wait_for_agent();
	}
	self = NULL;
	if (tagalong_context_detach(worker->context) != 0)
		fail("cannot detach", worker->number);
	ta_thread_end();
	atomic_fetch_sub(&running, 1);
	return NULL;
}

static uint64_t version_of(tagalong_scope_t role)
{
	uint64_t version = 0;

	if (!ta_cell_version(tagalong_scope_get(role), &version))
		fail("no version in role", (uint32_t)role);
	return version;
}

/* A child writes to its copies and tells their versions. */
static void child(int out, uint32_t number)
{
	uint64_t versions[2];

	for (uint32_t turn = 1; turn <= 20; turn++)
		if (put(TAGALONG_SCOPE_ISOLATION, 'c', number, turn) != 0 ||
		    put(TAGALONG_SCOPE_GLOBAL, 'c', number, turn) != 0)
			fail("cannot record in child", number);
	versions[0] = version_of(TAGALONG_SCOPE_ISOLATION);
	versions[1] = version_of(TAGALONG_SCOPE_GLOBAL);
	fflush(stdout);
	_exit(write(out, versions, sizeof(versions)) == sizeof(versions) ? atomic_load(&failures) != 0 : 1);
}

static void fork_one(uint32_t number, uint64_t ret_versions[2])
{
	int ends[2], status = -1;

	if (pipe(ends) != 0)
		exit(77);
	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0)
		child(ends[1], number);
	if (read(ends[0], ret_versions, 16) != 16 || waitpid(pid, &status, 0) != pid || status != 0)
		fail("child failed:", number);
	close(ends[0]);
	close(ends[1]);
}

/* ---- what came of it ---- */

/* The value of a key in a version; 0: it has none. */
static uint32_t value_of(const struct ta_scope_data *data, char what, uint32_t number)
{
	char key[16], text[16] = "0";

	key_of(key, what, number);
	for (uint32_t i = 0; data && i < data->tag_count; i++)
		if (data->tags[i].key_bytes == strlen(key) &&
		    memcmp(data->tags[i].key, key, strlen(key)) == 0)
			snprintf(text, sizeof(text), "%.*s", (int)data->tags[i].value_bytes,
				 data->tags[i].value);
	return (uint32_t)strtoul(text, NULL, 10);
}

static struct ta_scope_data *data_of(uint64_t version)
{
	return ta_scopes_merge(scopes, segment->proc_id, &version, 1, 0);
}

static void check_final(void)
{
	struct ta_scope_data *isolation = data_of(version_of(TAGALONG_SCOPE_ISOLATION));
	struct ta_scope_data *global = data_of(version_of(TAGALONG_SCOPE_GLOBAL));
	uint32_t handled = 0;

	for (uint32_t i = 0; i < THREADS; i++) {
		const struct worker *worker = &workers[i];

		if (value_of(isolation, 't', i) != worker->set)
			fail("isolation scope: lost of thread", i);
		if (value_of(isolation, 'o', i) != 1)
			fail("isolation scope: lost what was written once by thread", i);
		if (value_of(global, 'g', i) != worker->global)
			fail("global scope: lost of thread", i);
		if (value_of(isolation, 's', i) != (uint32_t)worker->handled)
			fail("isolation scope: lost of the handler of thread", i);
		handled += (uint32_t)worker->handled;
	}
	for (uint32_t i = 0; i < FORKS; i++)
		if (value_of(isolation, 'c', i) || value_of(global, 'c', i))
			fail("the parent's scopes have tags of child", i);
	if (handled == 0)
		fail("handlers that ran:", handled);
	free(isolation);
	free(global);
}

static void check_child(uint32_t number, const uint64_t versions[2])
{
	for (int i = 0; i < 2; i++) {
		struct ta_scope_data *data = data_of(versions[i]);

		if (value_of(data, 'c', number) != 20)
			fail(i ? "global scope: lost of child" : "isolation scope: lost of child",
			     number);
		free(data);
	}
}

int main(void)
{
	struct sigaction action = { .sa_handler = handle };
	uint64_t of_child[FORKS][2];
	pthread_t agent;

	start_core();
	scopes = ta_scopes_new();
	sigaction(SIGUSR1, &action, NULL);
	if (!tagalong() || !scopes || pthread_create(&agent, NULL, drain, NULL) != 0)
		return 77;
	tagalong_isolation_push();
	atomic_store(&running, THREADS);
	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i].number = i;
		workers[i].context = tagalong_context_capture();
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			return 77;
	}
	for (uint32_t round = 0; atomic_load(&running) > 0; round++) {
		for (uint32_t i = 0; i < THREADS; i++)
			pthread_kill(workers[i].thread, SIGUSR1);
		if (round < FORKS)
			fork_one(round, of_child[round]);
		else
			atomic_store(&enough, true);
		wait_for_agent();
	}
	for (uint32_t i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		tagalong_context_free(workers[i].context);
	}
	atomic_store(&over, true);
	pthread_join(agent, NULL);
	check_final();
	for (uint32_t i = 0; i < FORKS; i++)
		check_child(i, of_child[i]);
	struct ta_scope_counters counters = ta_scopes_counters(scopes);

	/* Versions may be missed of which nobody went on: their writer was not first, and so
	 * late that what it started from is forgotten.  The keys tell what matters. */
	if (counters.dropped)
		fail("the agent has dropped changes:", (uint32_t)counters.dropped);
	ta_scopes_free(scopes);
	return atomic_load(&failures) != 0;
}
