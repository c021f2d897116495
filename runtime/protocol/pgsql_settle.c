/* SPDX-License-Identifier: MIT */
/*
 * pgsql_settle.c - whose answer a message of a PostgreSQL server is.
 *
 * A simple query is answered by ReadyForQuery, an Execute by CommandComplete and its like.
 * Behind an error in the extended protocol the server reads on to the next Sync and does
 * nothing of what stands before it: all that is answered by the ReadyForQuery of that Sync.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/pgsql.h"

#include <string.h>

void ta_pgsql_pop(struct ta_pgsql *pgsql)
{
	pgsql->items--;
	/* An empty queue begins anew: a connection without pipelines touches one line. */
	pgsql->first = pgsql->items ? (pgsql->first + 1) % TA_PGSQL_ITEMS : 0;
	if (pgsql->items == 0)
		pgsql->request.open = false;
}

/* Whether Executes or a Sync may still join the oldest item. */
static bool is_open(const struct ta_pgsql *pgsql)
{
	return pgsql->items == 1 && pgsql->request.open;
}

uint16_t *ta_pgsql_oldest(struct ta_pgsql *pgsql)
{
	while (pgsql->items) {
		uint16_t *item = &pgsql->item[pgsql->first];

		if (*item != TA_PGSQL_EXTENDED || is_open(pgsql))
			return item;
		ta_pgsql_pop(pgsql);
	}
	return NULL;
}

static enum ta_command_event answered(struct ta_dialogue *dialogue, bool failed)
{
	const struct ta_pgsql_answer *answer = &ta_pgsql_of(dialogue)->answer;
	struct ta_command_result *result = &dialogue->result;

	result->failed = failed;
	result->status_len = failed ? answer->status_len : 0;
	memcpy(result->status, answer->status, result->status_len);
	dialogue->outstanding--;
	return TA_COMMAND_ANSWERED;
}

static bool executes(const uint16_t *item)
{
	return item && (*item & TA_PGSQL_KIND) == TA_PGSQL_EXTENDED;
}

/* CommandComplete, EmptyQueryResponse, PortalSuspended. */
static enum ta_command_event completed(struct ta_dialogue *dialogue)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);
	uint16_t *item = ta_pgsql_oldest(pgsql);

	pgsql->copying = false;
	if (item && !executes(item))
		return TA_COMMAND_MORE;
	if (item == NULL || pgsql->answer.skipping || (*item & TA_PGSQL_COUNT) == 0)
		return TA_COMMAND_BROKEN;
	--*item;
	return answered(dialogue, false);
}

/* An error that nobody waits for is the connection's: it ends, or a Sync will tell. */
static enum ta_command_event failed(struct ta_dialogue *dialogue)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);
	struct ta_pgsql_answer *answer = &pgsql->answer;
	uint16_t *item = ta_pgsql_oldest(pgsql);

	pgsql->copying = false;
	answer->got_status = true;
	if (item && !executes(item)) {
		bool opening = *item & TA_PGSQL_START; /* or TLS */

		if (opening)
			ta_pgsql_pop(pgsql);
		answer->failed = !opening;
		answer->got_status = !opening;
		return opening ? answered(dialogue, true) : TA_COMMAND_MORE;
	}
	if (answer->skipping)
		return TA_COMMAND_MORE;
	answer->skipping = true;
	if (item == NULL || (*item & TA_PGSQL_COUNT) == 0)
		return TA_COMMAND_MORE;
	--*item;
	return answered(dialogue, true);
}

static void settled(struct ta_pgsql *pgsql)
{
	pgsql->answer.failed = pgsql->answer.skipping = pgsql->answer.got_status = false;
	pgsql->answer.status_len = 0;
}

/* ReadyForQuery, while the server skips: one more command that it has not done. */
static enum ta_command_event skipped(struct ta_dialogue *dialogue, bool *ret_again)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);
	uint16_t *item = ta_pgsql_oldest(pgsql);
	enum ta_command_event event;

	if (item == NULL || *item == TA_PGSQL_EXTENDED || *item & TA_PGSQL_START)
		return TA_COMMAND_BROKEN;
	*ret_again = true;
	if (*item == TA_PGSQL_SIMPLE) {
		ta_pgsql_pop(pgsql);
		return answered(dialogue, true);
	}
	if (*item == TA_PGSQL_SYNC) {
		event = TA_COMMAND_MORE;
	} else {
		*item = (uint16_t)(*item & TA_PGSQL_COUNT ? *item - 1 : *item & ~TA_PGSQL_TOLD);
		event = answered(dialogue, true);
	}
	if (*item == TA_PGSQL_SYNC) {
		*ret_again = false;
		ta_pgsql_pop(pgsql);
		settled(pgsql);
	}
	return event;
}

static enum ta_command_event ready(struct ta_dialogue *dialogue, bool *ret_again)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);
	uint16_t *item = ta_pgsql_oldest(pgsql);
	enum ta_command_event event = TA_COMMAND_MORE;

	pgsql->copying = false;
	if (pgsql->answer.skipping)
		return skipped(dialogue, ret_again);
	if (item == NULL || *item & TA_PGSQL_COUNT || *item == TA_PGSQL_EXTENDED ||
	    *item == TA_PGSQL_TLS)
		return TA_COMMAND_BROKEN;
	if (!executes(item) || *item & TA_PGSQL_TOLD)
		event = answered(dialogue, pgsql->answer.failed);
	ta_pgsql_pop(pgsql);
	settled(pgsql);
	return event;
}

/* COPY FROM STDIN: a Sync that was sent behind the Execute will not be looked at; the one that
 * counts comes behind the data. */
static void copies(struct ta_pgsql *pgsql)
{
	uint16_t *item = ta_pgsql_oldest(pgsql);

	pgsql->copying = true;
	if (!executes(item) || (*item & (TA_PGSQL_SYNC | TA_PGSQL_TOLD)) != TA_PGSQL_SYNC ||
	    (*item & TA_PGSQL_COUNT) == 0)
		return;
	*item = (uint16_t)(*item & ~TA_PGSQL_SYNC);
	if (pgsql->items == 1)
		pgsql->request.open = pgsql->request.executed = true;
}

/* Replication: both sides send what is no command. */
static enum ta_command_event replicates(struct ta_dialogue *dialogue)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);
	const uint16_t *item = ta_pgsql_oldest(pgsql);

	if (item == NULL || (executes(item) && !(*item & (TA_PGSQL_COUNT | TA_PGSQL_TOLD))) ||
	    pgsql->tunnel)
		return TA_COMMAND_BROKEN;
	pgsql->tunnel = true;
	return answered(dialogue, false);
}

enum ta_command_event ta_pgsql_settle(struct ta_dialogue *dialogue, uint8_t type, bool *ret_again)
{
	*ret_again = false;
	switch (type) {
	case 'C':
	case 'I':
	case 's':
		return completed(dialogue);
	case 'E':
		return failed(dialogue);
	case 'Z':
		return ready(dialogue, ret_again);
	case 'G':
		copies(ta_pgsql_of(dialogue));
		return TA_COMMAND_MORE;
	case 'W':
		return replicates(dialogue);
	default:
		return TA_COMMAND_MORE;
	}
}
