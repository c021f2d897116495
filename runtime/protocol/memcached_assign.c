/* SPDX-License-Identifier: MIT */
/*
 * memcached_assign.c - which command an answer belongs to.
 *
 * Commands that are always answered are answered in their order.  Between them lie those that
 * are answered only sometimes (`mg key q`, GETQ) or only in trouble (noreply).  An answer is
 * given to the one command that it fits: by opaque or key where the answer carries them, else
 * by what such a command can be answered with.  Those before it were passed over in silence,
 * and are told as answered, each for itself.  Does it fit several or none, the dialogue is
 * broken: nobody could say whose it was.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/memcached.h"

#include <string.h>

enum fit { FITS_NOT, FITS, FITS_EXACTLY };

static inline bool is_text(const struct ta_memcached_name *name, const char *text, size_t bytes)
{
	return name->len == bytes && memcmp(name->text, text, bytes) == 0;
}

#define is(name, text) is_text(name, text, sizeof(text) - 1)

static bool is_error(const struct ta_memcached_name *name)
{
	return is(name, "ERROR") || is(name, "CLIENT_ERROR") || is(name, "SERVER_ERROR");
}

/* Names of two capitals are of the meta protocol; OK is not. */
static bool is_meta(const struct ta_memcached_name *name)
{
	static const char names[][3] = { "HD", "VA", "EN", "NS", "EX", "NF", "MN", "ME" };

	for (size_t i = 0; name->len == 2 && i < sizeof(names) / sizeof(*names); i++)
		if (memcmp(name->text, names[i], 2) == 0)
			return true;
	return false;
}

static bool is_line(const struct ta_memcached_name *name)
{
	return !is_meta(name) && !is(name, "VALUE") && !is(name, "END") && !is(name, "STAT") &&
	       !is(name, "ITEM") && !is(name, "PREFIX");
}

/* What no version says for a quiet command is left out. */
static bool yields(const struct ta_resp_run *run, const struct ta_memcached_name *name)
{
	bool quiet = run->nature != TA_RESP_DUE;

	if (is_error(name))
		return true;
	switch (run->kind) {
	case TA_MEMCACHED_GET:
		return is(name, "VALUE") || is(name, "END");
	case TA_MEMCACHED_LINE:
		return !quiet && is_line(name);
	case TA_MEMCACHED_LINES:
		return !is(name, "VALUE");
	case TA_MEMCACHED_MG:
		return is(name, "VA") || is(name, "HD") || (!quiet && is(name, "EN"));
	case TA_MEMCACHED_MS:
	case TA_MEMCACHED_MD:
		return is(name, "NS") || is(name, "EX") || is(name, "NF") ||
		       (!quiet && is(name, "HD"));
	case TA_MEMCACHED_MA: /* one that makes its item speaks up, quiet or not */
		return is(name, "NS") || is(name, "EX") || is(name, "NF") || is(name, "HD") ||
		       is(name, "VA");
	case TA_MEMCACHED_ME:
		return is(name, "ME") || is(name, "EN");
	case TA_MEMCACHED_MN:
		return is(name, "MN");
	default:
		return false;
	}
}

/* An error carries nothing back, and a miss not with all versions; any other meta answer
 * carries what its command asked for. */
static enum fit fit_text(const struct ta_resp_run *run, const struct ta_memcached_answer *answer)
{
	if (!yields(run, &answer->first))
		return FITS_NOT;
	if (is_error(&answer->first) ||
	    (is(&answer->first, "EN") && !answer->opaque && !answer->key))
		return FITS;
	if (run->fact && (run->fact == answer->opaque || run->fact == answer->key))
		return FITS_EXACTLY;
	if (run->fact == 0 && (run->nature == TA_RESP_MUTE || !answer->opaque))
		return FITS;
	return FITS_NOT;
}

static enum fit fit_binary(const struct ta_resp_run *run, const struct ta_memcached_answer *answer)
{
	uint8_t opcode = answer->header[1];
	bool by_key = ta_memcached_is_quiet_get(opcode) && ta_memcached_names_key(opcode);

	if (run->kind != opcode || run->fact != (by_key ? answer->key : answer->opaque))
		return FITS_NOT;
	return run->count > 1 && run->nature == TA_RESP_CHANCE && !by_key ? FITS : FITS_EXACTLY;
}

/* Looks at all that may be silent and at the first that is not.  UINT32_MAX: nobody, or
 * nobody knows. */
static uint32_t pick(struct ta_memcached *memcached)
{
	const struct ta_resp_run *run;
	uint32_t exact = UINT32_MAX, loose = UINT32_MAX, exacts = 0, looses = 0, n = 0;

	for (; (run = ta_resp_queue_at(&memcached->queue, n)) != NULL; n++) {
		enum fit fit = memcached->binary ? fit_binary(run, &memcached->answer)
						 : fit_text(run, &memcached->answer);

		if (fit == FITS_EXACTLY) {
			exact = exacts++ ? exact : n;
		} else if (fit == FITS) {
			looses += run->nature == TA_RESP_CHANCE ? run->count : 1;
			loose = n;
		}
		if (run->nature == TA_RESP_DUE)
			break;
	}
	if (exacts)
		return exacts == 1 ? exact : UINT32_MAX;
	return looses == 1 ? loose : UINT32_MAX;
}

/* ---- telling ---- */

enum ta_command_event ta_memcached_tell(struct ta_dialogue *dialogue)
{
	struct ta_memcached_answer *answer = &ta_memcached_of(dialogue)->answer;

	if (answer->passed) {
		answer->passed--;
		dialogue->result.failed = false;
		dialogue->result.status_len = 0;
	} else if (answer->told) {
		answer->told = false;
		dialogue->result.failed = answer->result.failed;
		dialogue->result.status_len = answer->result.status_len;
		memcpy(dialogue->result.status, answer->result.status, answer->result.status_len);
	} else {
		return TA_COMMAND_MORE;
	}
	dialogue->outstanding--;
	return TA_COMMAND_ANSWERED;
}

static enum ta_command_event assign(struct ta_dialogue *dialogue)
{
	struct ta_memcached *memcached = ta_memcached_of(dialogue);
	struct ta_memcached_answer *answer = &memcached->answer;
	uint32_t n = pick(memcached);

	if (n == UINT32_MAX)
		return TA_COMMAND_BROKEN;
	while (n--) {
		const struct ta_resp_run *run = ta_resp_queue_at(&memcached->queue, 0);

		answer->passed += run->nature == TA_RESP_CHANCE ? run->count : 0u;
		ta_resp_queue_drop(&memcached->queue);
	}
	answer->told = ta_resp_queue_at(&memcached->queue, 0)->nature != TA_RESP_MUTE;
	if (answer->told)
		ta_resp_queue_take(&memcached->queue);
	return ta_memcached_tell(dialogue);
}

/* ---- text ---- */

static void put_text_result(struct ta_memcached_answer *answer)
{
	struct ta_command_result *result = &answer->result;
	const struct ta_memcached_name *name = &answer->last;

	result->failed = is_error(name);
	bool says = result->failed || is(name, "NOT_STORED") || is(name, "NOT_FOUND") ||
		    is(name, "EXISTS") || is(name, "NS") || is(name, "NF") || is(name, "EX");

	result->status_len = says ? name->len : 0;
	memcpy(result->status, name->text, result->status_len);
}

enum ta_command_event ta_memcached_assign_text(struct ta_dialogue *dialogue)
{
	struct ta_memcached *memcached = ta_memcached_of(dialogue);
	struct ta_memcached_answer *answer = &memcached->answer;

	/* The server would not have the data that are still coming. */
	if (memcached->queue.runs == 0 && is_error(&answer->first) &&
	    ta_memcached_awaits_data(&memcached->request) && !memcached->request.early) {
		memcached->request.early = true;
		return TA_COMMAND_MORE;
	}
	put_text_result(answer);
	return assign(dialogue);
}

bool ta_memcached_tunnels(struct ta_memcached *memcached)
{
	struct ta_resp_run *run = ta_resp_queue_at(&memcached->queue, 0);

	return !memcached->answer.inside && run && run->kind == TA_MEMCACHED_WATCH &&
	       !memcached->binary;
}

/* ---- binary ---- */

/* Key not found, key exists, item not stored, authentication goes on. */
static bool is_failure(uint16_t status)
{
	return status != 0 && status != 0x01 && status != 0x02 && status != 0x05 && status != 0x21;
}

static void put_binary_result(struct ta_memcached_answer *answer)
{
	static const char digits[] = "0123456789abcdef";
	uint16_t status = (uint16_t)(answer->header[6] << 8 | answer->header[7]);
	struct ta_command_result *result = &answer->result;

	result->failed = is_failure(status);
	result->status_len = status ? 6 : 0;
	result->status[0] = '0';
	result->status[1] = 'x';
	for (int i = 0; i < 4; i++)
		result->status[2 + i] = digits[status >> (12 - 4 * i) & 15];
}

enum ta_command_event ta_memcached_assign_binary(struct ta_dialogue *dialogue)
{
	put_binary_result(&ta_memcached_of(dialogue)->answer);
	return assign(dialogue);
}
