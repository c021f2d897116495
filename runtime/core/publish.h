/* SPDX-License-Identifier: MIT */
/*
 * publish.h - records into the calling thread's lane.
 *
 * Use: begin, add attributes, commit.  The record is built in place; nobody sees
 * it before the commit.  A handler that interrupts a write on the same thread
 * gets the signal ring.  When there is no room, begin returns false, the loss is
 * counted, and the rest is not called.
 *
 * Runs: the owning thread, inside the guard or in its signal handlers.
 */
#ifndef TA_CORE_PUBLISH_H
#define TA_CORE_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "runtime/core/thread.h"
#include "runtime/wire/record.h"

struct ta_emit {
	struct ta_thread *thread;
	struct ta_ring_writer *ring;
	char *record;
	char *cursor;
	char *end;
};

/* Room for a record of so many bytes, all together.  False: none (counted). */
bool ta_emit_reserve(struct ta_emit *emit, struct ta_thread *thread, uint32_t bytes);

/* Room for a record of fixed_bytes and attributes of at most attr_bytes (use
 * TA_ATTR_ROOM).  The head is filled in; the fixed part is zeroed. */
static inline bool ta_emit_begin(struct ta_emit *emit, struct ta_thread *thread,
				 enum ta_record_kind kind, uint32_t fixed_bytes,
				 uint32_t attr_bytes)
{
	if (!ta_emit_reserve(emit, thread, (fixed_bytes + attr_bytes + 7u) & ~7u))
		return false;
	memset(emit->record, 0, fixed_bytes);
	((struct ta_record *)(void *)emit->record)->kind = (uint8_t)kind;
	((struct ta_record *)(void *)emit->record)->seq = ++thread->seq;
	emit->cursor = emit->record + fixed_bytes;
	return true;
}
void ta_emit_commit(struct ta_emit *emit);

/* Bytes that an attribute of value_bytes takes. */
#define TA_ATTR_ROOM(value_bytes) (4u + (((uint32_t)(value_bytes) + 3u) & ~3u))

void ta_emit_int(struct ta_emit *emit, enum ta_attr_key key, int64_t value);
void ta_emit_bool(struct ta_emit *emit, enum ta_attr_key key, bool value);
void ta_emit_string(struct ta_emit *emit, enum ta_attr_key key, const char *text, uint32_t bytes);
void ta_emit_bytes(struct ta_emit *emit, enum ta_attr_key key, const void *data, uint32_t bytes);
/* A value of any type, as enum ta_attr_type says. */
void ta_emit_typed(struct ta_emit *emit, enum ta_attr_key key, enum ta_attr_type type,
		   const void *value, uint32_t bytes);
/* The same under a name of the program's own; name at most 255 bytes. */
void ta_emit_named(struct ta_emit *emit, const char *name, uint32_t name_bytes,
		   enum ta_attr_type type, const void *value, uint32_t bytes);

/* The common part of a span's end. */
bool ta_emit_span_end(struct ta_emit *emit, struct ta_thread *thread, uint64_t span_id,
		      uint64_t end_ns, const struct ta_versions *scopes, uint32_t attr_bytes);

#endif
