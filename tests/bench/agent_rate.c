/* SPDX-License-Identifier: MIT */
/*
 * agent_rate.c - how fast one lane may be filled before the agent loses records.
 *
 *     bench_agent_rate [RECORDS_PER_SECOND [SECONDS [RECORDS_PER_SPAN]]]
 *
 * A forked writer fills one lane of the default size with records of 128 bytes at
 * the given rate, in small bursts, and counts what does not fit, as a host would; an
 * agent of its own drains it.  Printed: records lost, spans written, and what the
 * agent cost in processor time.  Asserts nothing about time; the exit status is 1
 * when the spans written are not the spans of which no record was lost.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/futex.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/support_segment.h"

#define RECORD_BYTES 128u
#define BURST_NS 100000u

struct tally {
	uint64_t records, lost, spans, whole, worst_gap_ns;
};

struct writer {
	struct host *host;
	struct host_thread thread;
	struct tally *tally;
	uint64_t per_span, span, next;
	int whole; /* no record of the open span was lost */
};

/* Attributes that fill a record up to RECORD_BYTES. */
static void fill(char *record, size_t fixed)
{
	struct ta_attr attr = { .key = TA_ATTR_NAMED, .type = TA_ATTR_STRING };

	attr.bytes = (uint16_t)(RECORD_BYTES - fixed - sizeof(attr));
	memcpy(record + fixed, &attr, sizeof(attr));
	memset(record + fixed + sizeof(attr), 'v', attr.bytes);
	memcpy(record + fixed + sizeof(attr), "\4name", 5);
}

static void make(struct writer *writer, char *record)
{
	uint64_t index = writer->next++ % writer->per_span;

	memset(record, 0, RECORD_BYTES);
	if (index == 0) {
		struct ta_record_span_start *start = (void *)record;

		start->head.kind = TA_RECORD_SPAN_START;
		start->trace_hi = 1;
		start->trace_lo = start->span_id = ++writer->span;
		start->start_ns = host_now_ns();
		start->type = TA_SPAN_API;
		fill(record, sizeof(*start));
		writer->tally->spans++;
		writer->whole = 1;
	} else if (index == writer->per_span - 1) {
		struct ta_record_span_end *end = (void *)record;

		end->head.kind = TA_RECORD_SPAN_END;
		end->span_id = writer->span;
		end->end_ns = host_now_ns();
		fill(record, sizeof(*end));
	} else {
		struct ta_record_span_attrs *attrs = (void *)record;

		attrs->head.kind = TA_RECORD_SPAN_ATTRS;
		attrs->span_id = writer->span;
		attrs->time_ns = host_now_ns();
		fill(record, sizeof(*attrs));
	}
}

/* As the host library does: wake when the ring is past half and the agent sleeps. */
static void wake(struct writer *writer)
{
	_Atomic uint32_t *waiting = &writer->host->segment->agent_waiting;

	if (ta_ring_past_half(&writer->thread.ring) && atomic_load(waiting) == 1) {
		atomic_store(waiting, 0);
		syscall(SYS_futex, waiting, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
}

static void put_one(struct writer *writer)
{
	_Alignas(8) char record[RECORD_BYTES];

	make(writer, record);
	writer->tally->records++;
	if (!host_put(&writer->thread, record, RECORD_BYTES)) {
		writer->tally->lost++;
		atomic_fetch_add(&writer->host->segment->lost[TA_LOSS_LANE_FULL], 1);
		writer->whole = 0;
	}
	if (writer->next % writer->per_span == 0)
		writer->tally->whole += (uint64_t)writer->whole;
	wake(writer);
}

static void write_all(struct writer *writer, uint64_t rate, uint64_t seconds)
{
	uint64_t start = host_now_ns(), last = start, now;
	uint64_t total = rate * seconds / writer->per_span * writer->per_span;

	for (uint64_t done = 0; done < total;) {
		struct timespec nap = { .tv_nsec = BURST_NS };

		now = host_now_ns();
		if (now - last > writer->tally->worst_gap_ns)
			writer->tally->worst_gap_ns = now - last;
		last = now;
		/* A writer that was kept off the processor goes on at its rate. */
		uint64_t due = (now - start) / 1000 * rate / 1000000;

		if (due > done + rate / 5000) {
			start = now - done * 1000000 / rate * 1000;
			due = done + rate / 5000;
		}
		for (; done < due && done < total; done++)
			put_one(writer);
		nanosleep(&nap, NULL);
	}
}

static pid_t start_writer(struct host *host, struct tally *tally, uint64_t rate, uint64_t seconds,
			  uint64_t per_span)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	struct writer writer = { .host = host, .tally = tally, .per_span = per_span };
	uint32_t self = (uint32_t)getpid();

	host_segment(host, self, 8);
	host_thread(host, &writer.thread, 0, host->proc_id, 0, self, self);
	usleep(300000); /* the agent finds it */
	write_all(&writer, rate, seconds);
	_exit(0);
}

static double seconds_of(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static uint64_t count_spans(const struct host *host)
{
	char command[700];
	unsigned long long count = 0;

	snprintf(command, sizeof(command), "cat %s* | grep -o '\"spanId\":' | wc -l", host->out);
	FILE *pipe = popen(command, "r");

	if (!pipe || fscanf(pipe, "%llu", &count) != 1)
		count = 0;
	if (pipe)
		pclose(pipe);
	return count;
}

static uint64_t number(int argc, char **argv, int index, uint64_t otherwise)
{
	uint64_t value = index < argc ? strtoull(argv[index], NULL, 10) : 0;

	return value ? value : otherwise;
}

static void report(const struct tally *tally, uint64_t written, uint64_t seconds,
		   const struct rusage *usage)
{
	double user = seconds_of(usage->ru_utime), system = seconds_of(usage->ru_stime);

	printf("records %llu, lost %llu; spans %llu, whole %llu, written %llu\n",
	       (unsigned long long)tally->records, (unsigned long long)tally->lost,
	       (unsigned long long)tally->spans, (unsigned long long)tally->whole,
	       (unsigned long long)written);
	printf("agent: %.2f s user, %.2f s system, %.0f ns per record, %.0f%% of a processor\n",
	       user, system, (user + system) * 1e9 / (double)tally->records,
	       (user + system) * 100 / (double)seconds);
	printf("agent: %ld KiB at most; longest pause of the writer %.2f ms\n", usage->ru_maxrss,
	       (double)tally->worst_gap_ns / 1e6);
}

int main(int argc, char **argv)
{
	uint64_t rate = number(argc, argv, 1, 500000), seconds = number(argc, argv, 2, 3);
	uint64_t per_span = number(argc, argv, 3, 10);
	char file[600];
	char *envp[] = { file, (char *)"TAGALONG_LOG=-", (char *)"TAGALONG_AGENT_LINGER_MS=0",
			 (char *)"TAGALONG_FILE_KEEP=1000", NULL };
	struct host host;
	struct rusage usage;
	struct tally *tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (tally == MAP_FAILED || per_span < 2 || rate < 10000)
		return 2;
	host_dir(&host, 0xbe7c);
	snprintf(file, sizeof(file), "TAGALONG_FILE=%s", host.out);
	pid_t writer = start_writer(&host, tally, rate, seconds, per_span);

	usleep(100000);
	pid_t agent = fork();

	if (agent == 0)
		_exit(host_agent(&host, envp));
	waitpid(writer, NULL, 0);
	wait4(agent, NULL, 0, &usage);
	uint64_t written = count_spans(&host);

	report(tally, written, seconds, &usage);
	host_remove_dir(&host);
	return tally->lost == 0 && written != tally->spans;
}
