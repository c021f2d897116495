/* SPDX-License-Identifier: MIT */
/*
 * resp_queue.h - what Redis and memcached still have to answer, oldest first.
 *
 * Commands that are alike follow each other in long rows, so the queue holds runs: a pipeline of
 * ten thousand GETs is one.  Three natures: a DUE command is answered; a CHANCE one is answered
 * or passed over in silence (GETQ, `mg key q`); a MUTE one was told as TA_COMMAND_SILENT, and
 * should anything come back for it all the same, nobody is told.
 *
 * Runs: anywhere; pure.
 */
#ifndef TA_PROTOCOL_RESP_QUEUE_H
#define TA_PROTOCOL_RESP_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TA_RESP_RUNS 1024u

/* Whether all bytes are printable and none is blank; eight at a time. */
static inline bool ta_resp_printable(const char *at, size_t bytes)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t eight, bad = 0;

	for (; bytes >= 8; at += 8, bytes -= 8) {
		memcpy(&eight, at, sizeof(eight));
		bad |= ((eight - ones * 0x21) & ~eight) | (eight + ones) | eight;
	}
	if (bad & (ones * 0x80))
		return false;
	for (; bytes; at++, bytes--)
		if (*at <= ' ' || *at > '~')
			return false;
	return true;
}

enum ta_resp_nature { TA_RESP_DUE, TA_RESP_CHANCE, TA_RESP_MUTE };

struct ta_resp_run {
	uint32_t fact; /* the protocol's own; MUTE: 0 when several were joined */
	uint16_t count;
	uint8_t kind; /* the protocol's own */
	uint8_t nature;
};

struct ta_resp_queue {
	uint32_t first, runs;
	struct ta_resp_run run[TA_RESP_RUNS];
};

/* The run that is n behind the oldest; NULL when there are not so many. */
static inline struct ta_resp_run *ta_resp_queue_at(struct ta_resp_queue *queue, uint32_t n)
{
	return n < queue->runs ? &queue->run[(queue->first + n) % TA_RESP_RUNS] : NULL;
}

/* Takes the oldest run off. */
static inline void ta_resp_queue_drop(struct ta_resp_queue *queue)
{
	queue->runs--;
	/* An empty queue begins anew: a connection without pipelines touches one page. */
	queue->first = queue->runs ? (queue->first + 1) % TA_RESP_RUNS : 0;
}

/* Takes one command off the oldest run. */
static inline void ta_resp_queue_take(struct ta_resp_queue *queue)
{
	struct ta_resp_run *run = &queue->run[queue->first];

	if (--run->count == 0)
		ta_resp_queue_drop(queue);
}

static inline bool ta_resp_queue_joins(struct ta_resp_run *last, struct ta_resp_run add)
{
	if (last->nature != add.nature || last->kind != add.kind || last->fact != add.fact ||
	    last->count == UINT16_MAX)
		return false;
	last->count++;
	return true;
}

/* How many mute commands there are, and in which order, does not matter: one run of each kind
 * is enough, however long nobody is asked for an answer. */
static inline bool ta_resp_queue_mutes(struct ta_resp_queue *queue, struct ta_resp_run add)
{
	for (uint32_t n = queue->runs; n-- > 0;) {
		struct ta_resp_run *run = ta_resp_queue_at(queue, n);

		if (run->nature != TA_RESP_MUTE)
			return false;
		if (run->kind == add.kind) {
			run->fact = run->fact == add.fact ? add.fact : 0;
			return true;
		}
	}
	return false;
}

/* False when there is no room. */
static inline bool ta_resp_queue_put(struct ta_resp_queue *queue, uint8_t nature, uint8_t kind,
				     uint32_t fact)
{
	struct ta_resp_run add = { .fact = fact, .count = 1, .kind = kind, .nature = nature };

	if (nature == TA_RESP_MUTE && ta_resp_queue_mutes(queue, add))
		return true;
	if (nature != TA_RESP_MUTE && queue->runs &&
	    ta_resp_queue_joins(ta_resp_queue_at(queue, queue->runs - 1), add))
		return true;
	if (queue->runs == TA_RESP_RUNS)
		return false;
	queue->run[(queue->first + queue->runs++) % TA_RESP_RUNS] = add;
	return true;
}

#endif
