/* SPDX-License-Identifier: MIT */
/*
 * test_spool_kill.c - kill -9 at any moment: what was committed and is not done is there
 * once, and nothing else is.
 *
 * A child puts, commits, takes and finishes, and adopts what the child before it left under
 * another key.  What it has done stands in shared memory, which is its journal: a put counts
 * once it is noted as out, between put and commit.  The parent kills it, undoes
 * what was not out, and looks at all directories.
 */
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "runtime/agent/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/spools.h"

#define ROUNDS 400
#define KEYS 3u
#define PUTS 200000u
#define EACH 3u /* messages in a put, at most */

enum { NOT_YET, OUT, ENDING, ENDED };

struct shared {
	_Atomic uint64_t putting; /* the number being put, or the last */
	_Atomic uint64_t steps;
	_Atomic uint8_t state[PUTS][EACH];
	_Atomic uint8_t count[PUTS];
};

struct label {
	uint64_t number;
	uint32_t index, pad;
};

static struct shared *shared;
static uint64_t clock_ns = SECOND;
static uint64_t seen_ended, seen_waiting, killed_adopting; /* that something was tested */

uint64_t ta_agent_now_ns(void)
{
	return clock_ns;
}

static uint32_t random_below(uint32_t *state, uint32_t limit)
{
	*state = *state * 1664525u + 1013904223u;
	return (*state >> 8) % limit;
}

static void put_one(struct fixture *f, uint32_t *random)
{
	uint64_t number = atomic_load(&shared->putting) + 1;
	uint32_t count = 1 + random_below(random, EACH);
	struct ta_messages messages = { 0 };

	atomic_store(&shared->count[number], (uint8_t)count);
	atomic_store(&shared->putting, number);
	for (uint32_t i = 0; i < count; i++) {
		struct label label = { .number = number, .index = i };

		add_message(&messages, number, i, sizeof(label) + random_below(random, 9000),
			    number * SECOND);
		memcpy(messages.items[i].body.data, &label, sizeof(label));
	}
	ta_spool_put(f->spool, number, &messages);
	for (uint32_t i = 0; i < count; i++)
		atomic_store(&shared->state[number][i], OUT);
	ta_spool_commit(f->spool, number);
	ta_messages_fini(&messages);
}

static bool finish_one(struct fixture *f, uint32_t *random)
{
	struct label label;

	if (!take(f))
		return false;
	memcpy(&label, f->body.data, sizeof(label));
	f->ticket_count--;
	if (random_below(random, 4) == 0) {
		ta_spool_back(f->spool, &f->tickets[f->ticket_count]);
		return true;
	}
	atomic_store(&shared->state[label.number][label.index], ENDING);
	ta_spool_done(f->spool, &f->tickets[f->ticket_count]);
	atomic_store(&shared->state[label.number][label.index], ENDED);
	return true;
}

static void work(struct fixture *f, uint32_t random)
{
	f->spool = open_spool(f);
	atomic_fetch_add(&shared->steps, 1);
	clock_ns += 10 * SECOND;
	ta_spool_look(f->spool, UINT64_MAX / 2);
	atomic_fetch_add(&shared->steps, 1);
	for (;;) {
		if (random_below(&random, 100) < 30 && atomic_load(&shared->putting) < PUTS - 2)
			put_one(f, &random);
		else
			finish_one(f, &random);
	}
}

/* Everything that lies in one key's directory. */
static void collect(struct fixture *f, uint8_t found[PUTS][EACH])
{
	while (take(f)) {
		struct label label;

		memcpy(&label, f->body.data, sizeof(label));
		check(label.number < PUTS && label.index < EACH, "a body that nobody put");
		found[label.number][label.index]++;
		f->ticket_count = 0;
	}
	check_same(f->dropped_all, 0);
}

static void look_at_all(struct fixture *f, uint32_t key, bool undo)
{
	static uint8_t found[PUTS][EACH];
	uint64_t last = atomic_load(&shared->putting);

	memset(found, 0, sizeof(found));
	for (uint32_t i = 0; i < KEYS; i++) {
		f->options.key = i;
		f->spool = open_spool(f);
		check_same(f->error, 0);
		if (undo && i == key)
			ta_spool_undo(f->spool, last);
		collect(f, found);
		ta_spool_close(f->spool);
		f->spool = NULL;
	}
	for (uint64_t number = 1; number <= last; number++) {
		for (uint32_t i = 0; i < atomic_load(&shared->count[number]); i++) {
			uint8_t state = atomic_load(&shared->state[number][i]);
			bool here = state == OUT || (state == ENDING && found[number][i]);

			check(found[number][i] == here, "%llu.%u is there %u times in state %u",
			      (unsigned long long)number, i, found[number][i], state);
			seen_waiting += here;
			seen_ended += state == ENDED;
		}
	}
}

/* Killed in the middle of noting it as out: all of a put or nothing. */
static bool settle_last(void)
{
	uint64_t last = atomic_load(&shared->putting);

	if (last == 0 || atomic_load(&shared->state[last][0]) != NOT_YET) {
		for (uint32_t i = 0; i < atomic_load(&shared->count[last]); i++)
			if (atomic_load(&shared->state[last][i]) == NOT_YET)
				atomic_store(&shared->state[last][i], OUT);
		return false;
	}
	atomic_store(&shared->count[last], 0);
	return true;
}

static void killed(void)
{
	static struct fixture f;
	uint32_t random = 12345;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	init(&f);
	ta_spool_close(f.spool);
	f.options.key = 0;
	for (int round = 0; round < ROUNDS && !check_state.failed; round++) {
		uint32_t seed = random_below(&random, 1u << 20);
		uint64_t before = atomic_load(&shared->steps);
		/* While it opens, while it adopts, and later. */
		static const uint32_t most[] = { 1000, 200, 20000, 20000 };
		uint32_t most_us = most[round % 4];
		struct timespec rest = { .tv_nsec = random_below(&random, most_us) * 1000 };
		uint32_t key = random_below(&random, KEYS);

		fflush(stdout);
		f.options.key = key;
		pid_t pid = fork();

		if (pid == 0)
			work(&f, seed);
		while (round % 2 && atomic_load(&shared->steps) == before)
			;
		nanosleep(&rest, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		killed_adopting += atomic_load(&shared->steps) == before + 1;
		look_at_all(&f, key, settle_last());
		check(!check_state.failed, "round %d", round);
	}
	check(seen_waiting > 0, "nothing ever waited");
	check(seen_ended > 0, "nothing was ever done");
	check(killed_adopting > 0, "no adoption was ever hit");
	fini(&f);
	munmap(shared, sizeof(*shared));
}

int main(void)
{
	check_group("killed at any moment", killed);
	return check_status();
}
