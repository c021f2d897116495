/* SPDX-License-Identifier: MIT */
/*
 * test_agent_segment.c - the agent from a segment file to an output file.
 */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/agent/agent.h"
#include "tests/unit/check.h"
#include "tests/unit/support_segment.h"

static int files_ending(const struct host *host, const char *end)
{
	int count = 0;
	DIR *dir = opendir(host->dir);

	for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
		size_t length = strlen(entry->d_name), tail = strlen(end);

		count += length >= tail && strcmp(entry->d_name + length - tail, end) == 0;
	}
	if (dir)
		closedir(dir);
	return count;
}

static bool wait_until(const struct host *host, const char *word, int count)
{
	for (int i = 0; i < 1000; i++) {
		if (host_count(host, word) >= count)
			return true;
		usleep(20000);
	}
	return false;
}

/* A host that writes `write`, tells us, and is killed. */
static void killed_host(struct host *host, void (*write_records)(struct host *))
{
	int ready[2];

	if (pipe(ready) != 0)
		check_skip("no pipe");
	pid_t child = fork();

	if (child == 0) {
		host_segment(host, (uint32_t)getpid(), 8);
		write_records(host);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	char byte;

	close(ready[1]);
	check(read(ready[0], &byte, 1) == 1, "the host did not come up");
	close(ready[0]);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void two_traces_one_open(struct host *host)
{
	struct host_thread thread;
	uint32_t pid = (uint32_t)getpid();

	host_thread(host, &thread, 0, host->proc_id, 0, pid, pid);
	host_tag(&thread, 7, 0, "where", "global", TA_SCOPE_GLOBAL);
	host_event(&thread, 0xe1, "something happened");
	host_start(&thread, 1, 11, 0, TA_SPAN_API);
	host_start(&thread, 1, 12, 11, TA_SPAN_API);
	host_end(&thread, 12);
	host_end(&thread, 11);
	host_start(&thread, 2, 21, 0, TA_SPAN_API);
}

static void killed(void)
{
	struct host host;

	host_dir(&host, 0xabcd);
	killed_host(&host, two_traces_one_open);
	check_same(host_agent(&host, NULL), 0);
	check_same(host_count(&host, "\"spanId\":"), 3);
	check_same(host_count(&host, "\"parentSpanId\":\"000000000000000b\""), 1);
	check_same(host_count(&host, "\"spanId\":\"0000000000000015\""), 1);
	check_same(host_count(&host, "where\""), 3);
	check_same(host_count_events(&host, "something happened"), 1);
	check_same(host_count_events(&host, "where\""), 1);
	check_same(files_ending(&host, ".seg"), 0);
	const char *text = host_output(&host);

	check(strstr(text, "\"spanId\":\"000000000000000b\"") <
		      strstr(text, "\"spanId\":\"000000000000000c\""),
	      "the parent comes after its child");
	host_remove_dir(&host);
}

static void two_processes(struct host *host)
{
	struct host_thread parent, child;
	uint32_t pid = (uint32_t)getpid();

	atomic_fetch_add(&host->segment->forks, 1);
	host_thread(host, &parent, 0, host->proc_id, 0, pid, pid);
	host_start(&parent, 1, 11, 0, TA_SPAN_API);
	/* The child does not know its pid, and nobody tells it: a sandbox. */
	host_thread(host, &child, 1, host->proc_id + 1, host->proc_id, 0, 0);
	host_start(&child, 1, 12, 11, TA_SPAN_API);
	host_end(&child, 12);
}

static void unknown_pid(void)
{
	struct host host;

	host_dir(&host, 0xabce);
	killed_host(&host, two_processes);
	check_same(host_agent(&host, NULL), 0);
	check_same(host_count(&host, "\"spanId\":"), 2);
	check_same(files_ending(&host, ".seg"), 0);
	host_remove_dir(&host);
}

/* All lanes are filled again and again; nothing may be lost or repeated. */
static void many_records(struct host *host)
{
	struct host_thread threads[4];
	uint32_t pid = (uint32_t)getpid();

	for (uint32_t t = 0; t < 4; t++)
		host_thread(host, &threads[t], t, host->proc_id, 0, pid, pid + t);
	for (uint64_t i = 1; i <= 5000; i++) {
		for (uint32_t t = 0; t < 4; t++) {
			uint64_t id = i * 4 + t;

			while (!host_start(&threads[t], id, id, 0, TA_SPAN_API))
				usleep(100);
			while (!host_end(&threads[t], id))
				usleep(100);
			while (i % 5 == 0 && !host_event(&threads[t], id, "x"))
				usleep(100);
		}
	}
}

static pid_t agent_process(const struct host *host)
{
	char file[600];
	char *envp[] = { file, (char *)"TAGALONG_LOG=none", (char *)"TAGALONG_AGENT_LINGER_MS=0",
			 (char *)"TAGALONG_JOURNAL_BYTES=65536", NULL };
	pid_t pid = fork();

	if (pid == 0) {
		snprintf(file, sizeof(file), "TAGALONG_FILE=%s", host->out);
		_exit(host_agent(host, envp));
	}
	return pid;
}

/* Every event id exactly once: of every fifth row of four. */
static void check_events_once(const struct host *host, uint64_t rows)
{
	check_same(host_count_events(host, "\"x\""), rows / 5 * 4);
	for (uint64_t row = 5; row <= rows; row += 5 * 50) {
		char want[64];

		snprintf(want, sizeof(want), "0000000000000001%016llx",
			 (unsigned long long)row * 4);
		check(host_count_events(host, want) > 0, "event %s is missing", want);
	}
}

/* Every span id exactly once. */
static void check_once(const struct host *host, uint64_t first, uint64_t last)
{
	const char *text = host_output(host);
	unsigned char *seen = calloc(last + 1, 1);

	for (const char *at = text; (at = strstr(at, "\"spanId\":\"")) != NULL; at++) {
		uint64_t id = strtoull(at + 10, NULL, 16);

		if (check(id >= first && id <= last, "a span %llu", (unsigned long long)id))
			seen[id]++;
	}
	for (uint64_t id = first; id <= last; id++)
		check(seen[id] == 1, "span %llu came out %d times", (unsigned long long)id, seen[id]);
	free(seen);
}

static void killed_agents(void)
{
	struct host host;
	int status;

	host_dir(&host, 0xabcf);
	pid_t program = fork();

	if (program == 0) {
		host_segment(&host, (uint32_t)getpid(), 8);
		many_records(&host);
		_exit(0);
	}
	while (files_ending(&host, ".seg") == 0)
		usleep(1000);
	for (int i = 0; i < 12; i++) {
		pid_t agent = agent_process(&host);

		usleep((useconds_t)(3000 + 7000 * (i % 5)));
		kill(agent, SIGKILL);
		waitpid(agent, NULL, 0);
	}
	pid_t agent = agent_process(&host);

	waitpid(program, &status, 0);
	waitpid(agent, &status, 0);
	check_once(&host, 4, 20003);
	check_events_once(&host, 5000);
	check_same(files_ending(&host, ".seg"), 0);
	host_remove_dir(&host);
}

/* A file from before a reboot: our own pid lives, its process does not. */
/* Its process had the pid of one that lives now, and maps nothing: whoever started us. */
static void before_a_reboot(void)
{
	struct host host;
	struct timespec now;
	uint32_t pid = (uint32_t)getppid();

	clock_gettime(CLOCK_MONOTONIC, &now);
	uint64_t created_ns = ((uint64_t)now.tv_sec + 3600) * 1000000000u;

	host_dir(&host, 0xabd9);
	pid_t program = fork();

	if (program == 0) {
		struct host_thread thread;

		host_segment(&host, pid, 4);
		host.segment->created_ns = created_ns;
		host.segment->created_wall_ns = 1000000000000000000ull + created_ns;
		host_thread(&host, &thread, 0, host.proc_id, 0, pid, pid);
		host_start_at(&thread, 1, 11, created_ns + 5);
		_exit(0);
	}
	waitpid(program, NULL, 0);
	check_same(host_agent(&host, NULL), 0);
	char want[64];

	snprintf(want, sizeof(want), "\"startTimeUnixNano\":\"%llu\"",
		 1000000000000000005ull + (unsigned long long)created_ns);
	check_same(host_count(&host, want), 1);
	check_same(host_count(&host, "process ended with the span open"), 1);
	check_same(files_ending(&host, ".seg"), 0);
	host_remove_dir(&host);
}

static void stays_for_the_living(void)
{
	struct host host;
	struct host_thread thread;
	char *envp[] = { NULL };

	host_dir(&host, 0xabd0);
	host_segment(&host, (uint32_t)getpid(), 4);
	host_thread(&host, &thread, 0, host.proc_id, 0, (uint32_t)getpid(), (uint32_t)getpid());
	host_start(&thread, 1, 11, 0, TA_SPAN_API);
	host_start(&thread, 2, 21, 0, TA_SPAN_API);
	host_end(&thread, 11);
	check_same(ta_agent_drain(host.dir, host.out, false, envp), 1);
	check_same(files_ending(&host, ".seg"), 1);
	host_end(&thread, 21);
	check_same(ta_agent_drain(host.dir, host.out, false, envp), 1);
	check_same(host_count(&host, "\"spanId\":"), 2);
	host_remove_dir(&host);
}

static void keeps(void)
{
	struct host host;
	char *envp[] = { NULL };

	host_dir(&host, 0xabd1);
	killed_host(&host, two_traces_one_open);
	check_same(ta_agent_drain(host.dir, host.out, true, envp), 3);
	check_same(files_ending(&host, ".seg"), 1);
	check_same(ta_agent_drain(host.dir, host.out, false, envp), 3);
	check_same(files_ending(&host, ".seg"), 0);
	host_remove_dir(&host);
}

static void goes_out_while_the_host_lives(void)
{
	struct host host;
	struct host_thread thread;
	char file[600];
	char *envp[] = { file, (char *)"TAGALONG_LOG=none", (char *)"TAGALONG_FLUSH_INTERVAL_MS=10",
			 NULL };

	host_dir(&host, 0xabd2);
	snprintf(file, sizeof(file), "TAGALONG_FILE=%s", host.out);
	host_segment(&host, (uint32_t)getpid(), 4);
	host_thread(&host, &thread, 0, host.proc_id, 0, (uint32_t)getpid(), (uint32_t)getpid());
	host_start(&thread, 1, 11, 0, TA_SPAN_API);
	pid_t agent = fork();

	if (agent == 0)
		_exit(host_agent(&host, envp));
	host_end(&thread, 11);
	check(wait_until(&host, "\"spanId\":", 1), "nothing came out");
	host_start(&thread, 2, 21, 0, TA_SPAN_API);
	kill(agent, SIGTERM);
	waitpid(agent, NULL, 0);
	check_same(files_ending(&host, ".seg"), 1);
	check_same(host_count(&host, "\"spanId\":"), 1);
	host_remove_dir(&host);
}

/* Rewrites everything that a host can write to, while the agent reads it. */
static void scribble(struct host *host, unsigned int seed)
{
	uint64_t *words = (uint64_t *)(void *)host->segment;
	size_t header = host->segment->header_bytes, lane = host->segment->lane_bytes;
	size_t count = host->segment->total_bytes / 8;

	for (uint64_t i = 0; i < 400000; i++) {
		size_t at = (size_t)rand_r(&seed) % count;
		uint64_t value = (uint64_t)rand_r(&seed) << (rand_r(&seed) % 40);

		if (i % 4 == 0) /* a record that looks good */
			value = (uint64_t)(1 + (unsigned int)rand_r(&seed) % 14) |
				(uint64_t)(1 + (unsigned int)rand_r(&seed) % 14) << 16;
		if (i % 8 == 1) /* a head that makes the agent read */
			at = (header + ((size_t)rand_r(&seed) % 4) * lane) / 8,
			value = ((uint64_t)rand_r(&seed) % 65536) & ~7ull;
		if (at == 0)
			continue; /* the magic: without it there is nothing to attack */
		((volatile uint64_t *)words)[at] = value;
		if (i % 1000 == 0)
			usleep(500);
	}
}

static void a_hostile_host(void)
{
	for (unsigned int seed = 1; seed <= 3; seed++) {
		struct host host;
		int status = -1;

		host_dir(&host, 0xabd3 + seed);
		pid_t program = fork();

		if (program == 0) {
			struct host_thread thread;

			host_segment(&host, (uint32_t)getpid(), 4);
			host_thread(&host, &thread, 0, host.proc_id, 0, (uint32_t)getpid(), 1);
			usleep(100000);
			scribble(&host, seed);
			_exit(0);
		}
		while (files_ending(&host, ".seg") == 0)
			usleep(1000);
		pid_t agent = agent_process(&host);

		waitpid(program, NULL, 0);
		waitpid(agent, &status, 0);
		check_same(status, 0);
		host_remove_dir(&host);
	}
}

static bool comes_true(bool (*holds)(struct ta_segment *), struct ta_segment *segment)
{
	for (int i = 0; i < 1000 && !holds(segment); i++)
		usleep(20000);
	return holds(segment);
}

static bool two_ready_and_free(struct ta_segment *segment)
{
	int ready = 0;

	for (uint32_t i = 1; i < segment->lane_count; i++)
		ready += atomic_load(&ta_segment_ready(segment)[i]) &&
			 atomic_load(&ta_segment_owners(segment)[i]) == TA_OWNER_FREE;
	return ready >= 2;
}

static bool second_lane_free(struct ta_segment *segment)
{
	return atomic_load(&ta_segment_owners(segment)[1]) == TA_OWNER_FREE;
}

/* The first lane is ours and stays; the second is a child's that dies. */
static void lanes_are_looked_after(void)
{
	struct host host;
	struct host_thread thread;

	host_dir(&host, 0xabe0);
	host_segment(&host, (uint32_t)getpid(), 8);
	for (uint32_t i = 2; i < 8; i++)
		atomic_store(&ta_segment_ready(host.segment)[i], 0);
	host_thread(&host, &thread, 0, host.proc_id, 0, (uint32_t)getpid(), (uint32_t)getpid());
	atomic_fetch_add(&host.segment->forks, 1);
	pid_t child = fork();

	if (child == 0) {
		struct host_thread own;
		uint32_t pid = (uint32_t)getpid();

		host_thread(&host, &own, 1, host.proc_id + 1, host.proc_id, pid, pid);
		host_start(&own, 1, 11, 0, TA_SPAN_CONNECTION);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	pid_t agent = agent_process(&host);

	check(comes_true(two_ready_and_free, host.segment), "no lanes ahead");
	check(comes_true(second_lane_free, host.segment), "the dead keep their lane");
	check(atomic_load(&ta_segment_owners(host.segment)[0]) != TA_OWNER_FREE,
	      "a live thread lost its lane");
	check(wait_until(&host, "\"spanId\":", 1), "the dead child's span did not come out");
	check_same(atomic_load(&host.segment->live_processes), 1);
	kill(agent, SIGTERM);
	waitpid(agent, NULL, 0);
	host_remove_dir(&host);
}

static pid_t agent_with(const struct host *host, const char *first, const char *second)
{
	char file[600];
	char *envp[] = { file, (char *)"TAGALONG_LOG=none", (char *)"TAGALONG_AGENT_LINGER_MS=0",
			 (char *)(uintptr_t)first, (char *)(uintptr_t)second, NULL };
	pid_t pid = fork();

	if (pid == 0) {
		snprintf(file, sizeof(file), "TAGALONG_FILE=%s", host->out);
		_exit(host_agent(host, envp));
	}
	return pid;
}

static void stop_agent(pid_t agent)
{
	kill(agent, SIGTERM);
	waitpid(agent, NULL, 0);
}

static void check_counts(struct host *host, uint32_t complete, uint32_t traces, uint32_t buckets)
{
	check_same(atomic_load(&host->segment->complete_spans), complete);
	check_same(atomic_load(&host->segment->open_traces), traces);
	check_same(atomic_load(&host->segment->open_buckets), buckets);
}

static void answers(void)
{
	struct host host;
	struct host_thread thread;

	host_dir(&host, 0xabe1);
	host_segment(&host, (uint32_t)getpid(), 4);
	host_thread(&host, &thread, 0, host.proc_id, 0, (uint32_t)getpid(), (uint32_t)getpid());
	pid_t agent = agent_with(&host, "TAGALONG_MAX_SPANS=3", NULL);

	check(host_ask(&host, TA_ASK_COUNTS, 10000), "no answer");
	check_counts(&host, 0, 0, 0);
	host_start(&thread, 1, 11, 0, TA_SPAN_API);
	host_start(&thread, 1, 12, 11, TA_SPAN_API);
	check(host_ask(&host, TA_ASK_COUNTS, 10000), "no answer");
	check_counts(&host, 0, 1, 0);
	host_end(&thread, 12);
	check(host_ask(&host, TA_ASK_COUNTS, 10000), "no answer");
	check_counts(&host, 0, 1, 1);
	host_end(&thread, 11);
	check(host_ask(&host, TA_ASK_COUNTS, 10000), "no answer");
	check_counts(&host, 2, 0, 0);
	check_same(host_count(&host, "\"spanId\":"), 0);
	/* A buffer that is full goes out before the answer. */
	host_start(&thread, 2, 21, 0, TA_SPAN_API);
	host_end(&thread, 21);
	check(host_ask(&host, TA_ASK_COUNTS, 10000), "no answer");
	check_counts(&host, 0, 0, 0);
	check_same(host_count(&host, "\"spanId\":"), 3);
	host_start(&thread, 3, 31, 0, TA_SPAN_API);
	host_start(&thread, 4, 41, 0, TA_SPAN_API);
	host_end(&thread, 31);
	host_event(&thread, 0xe2, "asked for");
	check(host_ask(&host, TA_ASK_FLUSH, 10000), "no answer");
	check_counts(&host, 0, 1, 0);
	check_same(host_count(&host, "\"spanId\":"), 4);
	check_same(host_count_events(&host, "asked for"), 1);
	stop_agent(agent);
	host_remove_dir(&host);
}

static uint64_t median_of_asks(struct host *host, int count)
{
	uint64_t took[101];

	for (int i = 0; i < count; i++) {
		uint64_t begin = host_now_ns();

		usleep(20000); /* it sleeps */
		begin = host_now_ns();
		check(host_ask(host, TA_ASK_COUNTS, 10000), "no answer");
		took[i] = host_now_ns() - begin;
	}
	for (int i = 0; i < count; i++)
		for (int j = i + 1; j < count; j++)
			if (took[j] < took[i]) {
				uint64_t other = took[i];

				took[i] = took[j];
				took[j] = other;
			}
	return took[count / 2];
}

static void answers_soon(void)
{
	struct host host;
	struct host_thread thread;

	host_dir(&host, 0xabe2);
	host_segment(&host, (uint32_t)getpid(), 4);
	host_thread(&host, &thread, 0, host.proc_id, 0, (uint32_t)getpid(), (uint32_t)getpid());
	pid_t agent = agent_with(&host, NULL, NULL);

	check(host_ask(&host, TA_ASK_COUNTS, 10000), "no answer");
	uint64_t median_ns = median_of_asks(&host, 51);

	check(median_ns < 5000000, "%llu us", (unsigned long long)median_ns / 1000);
	stop_agent(agent);
	host_remove_dir(&host);
}

/* One that asks without end, and another that wants its spans written. */
static void a_host_that_asks_on(void)
{
	struct host host, other;
	struct host_thread thread;
	pid_t noisy;

	host_dir(&host, 0xabe3);
	other = host;
	noisy = fork();
	if (noisy == 0) {
		host_segment(&other, (uint32_t)getpid(), 4);
		for (;;) {
			atomic_fetch_or(&other.segment->ask_what, TA_ASK_FLUSH);
			atomic_fetch_add(&other.segment->asked, 1);
			atomic_store(&other.segment->answered, 12345);
		}
	}
	host_segment(&host, (uint32_t)getpid(), 4);
	host_thread(&host, &thread, 0, host.proc_id, 0, (uint32_t)getpid(), (uint32_t)getpid());
	pid_t agent = agent_with(&host, "TAGALONG_MAX_SPANS=1", NULL);

	for (uint64_t id = 1; id <= 50; id++) {
		host_start(&thread, id, id, 0, TA_SPAN_API);
		host_end(&thread, id);
		check(host_ask(&host, TA_ASK_COUNTS, 10000), "no answer");
	}
	check_same(host_count(&host, "\"spanId\":"), 50);
	kill(noisy, SIGKILL);
	waitpid(noisy, NULL, 0);
	stop_agent(agent);
	host_remove_dir(&host);
}

/* An agent that was killed over a question; the next one answers it. */
static void a_question_outlives_an_agent(void)
{
	struct host host;
	struct host_thread thread;

	host_dir(&host, 0xabe4);
	host_segment(&host, (uint32_t)getpid(), 4);
	host_thread(&host, &thread, 0, host.proc_id, 0, (uint32_t)getpid(), (uint32_t)getpid());
	host_start(&thread, 1, 11, 0, TA_SPAN_API);
	host_end(&thread, 11);
	host_event(&thread, 0xe3, "left behind");
	atomic_store(&host.segment->asked, 7); /* its bits were taken */
	atomic_store(&host.segment->answered, 6);
	pid_t agent = agent_process(&host);

	for (int i = 0; i < 1000 && atomic_load(&host.segment->answered) != 7; i++)
		usleep(10000);
	check_same(atomic_load(&host.segment->answered), 7);
	check_same(host_count(&host, "\"spanId\":"), 1);
	check_same(host_count_events(&host, "left behind"), 1);
	stop_agent(agent);
	host_remove_dir(&host);
}

/* Without being asked, and long before the interval is over. */
static void events_go_out_at_once(void)
{
	struct host host;
	struct host_thread thread;

	host_dir(&host, 0xabe5);
	host_segment(&host, (uint32_t)getpid(), 4);
	host_thread(&host, &thread, 0, host.proc_id, 0, (uint32_t)getpid(), (uint32_t)getpid());
	pid_t agent = agent_process(&host);

	host_start(&thread, 1, 11, 0, TA_SPAN_API);
	host_end(&thread, 11);
	host_event(&thread, 0xe4, "look here");
	for (int i = 0; i < 400 && host_count_events(&host, "look here") == 0; i++)
		usleep(10000);
	check_same(host_count_events(&host, "look here"), 1);
	check_same(host_count(&host, "\"spanId\":"), 0);
	stop_agent(agent);
	host_remove_dir(&host);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	check_group("a killed host's open span is closed", killed);
	check_group("a process without a pid", unknown_pid);
	check_group("killed agents lose nothing and repeat nothing", killed_agents);
	check_group("a segment from before a reboot", before_a_reboot);
	check_group("drain leaves the segment of a live host", stays_for_the_living);
	check_group("drain --keep changes nothing", keeps);
	check_group("spans go out while the host lives", goes_out_while_the_host_lives);
	check_group("lanes are kept ahead and taken from the dead", lanes_are_looked_after);
	check_group("questions are answered", answers);
	check_group("questions are answered soon", answers_soon);
	check_group("a host that asks without end", a_host_that_asks_on);
	check_group("a question outlives an agent", a_question_outlives_an_agent);
	check_group("events go out at once", events_go_out_at_once);
	check_group("a hostile host", a_hostile_host);
	return check_status();
}
