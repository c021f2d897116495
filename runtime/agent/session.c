/* SPDX-License-Identifier: MIT */
/*
 * session.c - the sessions of traces.
 *
 * Runs: agent, one thread.
 */
#include "runtime/agent/session.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/wire/session.h"

/* With the map's secret: no host can choose ids that fall together. */
static uint64_t hash_of(const struct ta_map *sessions, const char *id, uint32_t bytes)
{
	uint64_t hash = sessions->seed ^ bytes;

	for (uint32_t at = 0; at < bytes; at += 8) {
		uint64_t word = 0;

		memcpy(&word, id + at, bytes - at < 8 ? bytes - at : 8);
		unsigned __int128 product = (unsigned __int128)(hash ^ word) * (sessions->seed | 1);

		hash = (uint64_t)(product >> 64) ^ (uint64_t)product;
	}
	return hash;
}

struct ta_session *ta_session_find(const struct ta_map *sessions, const char *id, uint32_t bytes)
{
	struct ta_map_node *node = ta_map_find(sessions, hash_of(sessions, id, bytes));

	for (; node; node = ta_map_next(node)) {
		struct ta_session *session = TA_CONTAINER(node, struct ta_session, node);

		if (session->bytes == bytes && memcmp(session->id, id, bytes) == 0)
			return session;
	}
	return NULL;
}

static struct ta_session *session_of(struct ta_map *sessions, const char *id, uint32_t bytes)
{
	struct ta_session *session = ta_session_find(sessions, id, bytes);

	if (session) {
		session->refs++;
		session->traces++;
		return session;
	}
	session = calloc(1, sizeof(*session) + bytes);
	if (!session)
		return NULL;
	session->refs = session->traces = 1;
	session->bytes = bytes;
	memcpy(session->id, id, bytes);
	ta_tag_list_init(&session->tags);
	ta_map_add(sessions, &session->node, hash_of(sessions, id, bytes));
	return session;
}

static void let_go(struct ta_map *sessions, struct ta_session *session, bool copy)
{
	if (!copy && --session->traces == 0)
		ta_tag_list_fini(&session->tags);
	if (--session->refs > 0)
		return;
	ta_map_remove(sessions, &session->node);
	free(session);
}

static struct ta_session_name *name_of(const char *text, uint32_t bytes)
{
	struct ta_session_name *name = bytes ? malloc(sizeof(*name) + bytes) : NULL;

	if (!name)
		return NULL;
	name->refs = 1;
	name->bytes = bytes;
	memcpy(name->text, text, bytes);
	return name;
}

/* Behind a whole character, where the text is UTF-8. */
static uint32_t cut(const char *text, uint32_t bytes)
{
	uint32_t end = TA_SESSION_BYTES_MAX;

	if (bytes <= end)
		return bytes;
	while (end > TA_SESSION_BYTES_MAX - 4 && ((uint8_t)text[end] & 0xc0) == 0x80)
		end--;
	return end;
}

void ta_session_drop(struct ta_map *sessions, struct ta_trace_session *trace)
{
	if (trace->session)
		let_go(sessions, trace->session, trace->copy);
	if (trace->name && --trace->name->refs == 0)
		free(trace->name);
	*trace = (struct ta_trace_session){ 0 };
}

void ta_session_set(struct ta_map *sessions, struct ta_trace_session *trace, const char *id,
		    uint32_t id_bytes, const char *name, uint32_t name_bytes)
{
	struct ta_trace_session old = *trace;

	id_bytes = cut(id, id_bytes);
	trace->session = id_bytes ? session_of(sessions, id, id_bytes) : NULL;
	trace->name = name_of(name, cut(name, name_bytes));
	ta_session_drop(sessions, &old);
}

void ta_session_copy(struct ta_map *sessions, struct ta_trace_session *to,
		     const struct ta_trace_session *from)
{
	struct ta_trace_session old = *to;

	*to = *from;
	to->copy = true;
	if (to->session)
		to->session->refs++;
	if (to->name)
		to->name->refs++;
	ta_session_drop(sessions, &old);
}

void ta_session_show(const struct ta_trace_session *trace, struct ta_span *span)
{
	span->session_id = trace->session ? trace->session->id : NULL;
	span->session_id_bytes = trace->session ? trace->session->bytes : 0;
	span->session_name = trace->name ? trace->name->text : NULL;
	span->session_name_bytes = trace->name ? trace->name->bytes : 0;
}

struct given {
	const char *id, *name;
	uint32_t id_bytes, name_bytes;
};

static struct given read_given(const struct ta_record *start)
{
	struct given given = { .id = "", .name = "" };
	struct ta_attr_view attr;
	uint32_t bytes;
	const char *at = ta_record_attrs(start, &bytes), *end = at + bytes;

	while (ta_attr_next(&at, end, &attr)) {
		if (attr.type != TA_ATTR_STRING)
			continue;
		if (attr.key == TA_ATTR_SESSION_ID) {
			given.id = attr.value;
			given.id_bytes = attr.bytes;
		} else if (attr.key == TA_ATTR_SESSION_NAME) {
			given.name = attr.value;
			given.name_bytes = attr.bytes;
		}
	}
	return given;
}

bool ta_session_learn(struct ta_map *sessions, struct ta_trace_session *trace,
		      const struct ta_record_span_start *start, bool first)
{
	bool root = start->parent_id == 0 && start->type == TA_SPAN_API;
	uint8_t rank = root ? TA_SESSION_OF_ROOT : first ? TA_SESSION_OF_FIRST : TA_SESSION_NONE;
	char made[TA_SESSION_ID_TEXT];

	if (rank <= trace->rank)
		return false;
	struct given given = read_given(&start->head);

	if (given.id_bytes == 0 && !root)
		return false;
	if (given.id_bytes == 0) {
		ta_session_of_trace(start->trace_hi, start->trace_lo, made);
		given.id = made;
		given.id_bytes = TA_SESSION_ID_TEXT - 1;
	}
	ta_session_set(sessions, trace, given.id, given.id_bytes, given.name, given.name_bytes);
	trace->rank = rank;
	return true;
}
