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

/* Whatever is not the common case of the two functions below. */
bool ta_emit_reserve_slow(struct ta_emit *emit, struct ta_thread *thread, uint32_t bytes,
			  uintptr_t stack);
void ta_emit_commit_slow(struct ta_emit *emit, uint32_t bytes);

/* Room for a record of so many bytes, all together.  False: none (counted). */
static inline bool ta_emit_reserve(struct ta_emit *emit, struct ta_thread *thread, uint32_t bytes)
{
	uintptr_t stack = (uintptr_t)__builtin_frame_address(0);
	struct ta_ring_writer *ring = &thread->main_ring;

	if (__builtin_expect(thread->main_busy != 0 || bytes > ring->size / 4, 0))
		return ta_emit_reserve_slow(emit, thread, bytes, stack);
	thread->main_busy_at = stack;
	thread->main_busy = (uint8_t)(ta_tls.level + 1);
	atomic_signal_fence(memory_order_seq_cst);
	char *record = ta_ring_reserve(ring, bytes);

	if (__builtin_expect(record == NULL, 0)) {
		thread->main_busy = 0;
		return ta_emit_reserve_slow(emit, thread, bytes, stack);
	}
	emit->thread = thread;
	emit->ring = ring;
	emit->record = emit->cursor = record;
	emit->end = record + bytes;
	return true;
}

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

static inline void ta_emit_commit(struct ta_emit *emit)
{
	struct ta_ring_writer *ring = emit->ring;
	char *end = emit->record + (((uint32_t)(emit->cursor - emit->record) + 7u) & ~7u);
	uint32_t bytes = (uint32_t)(end - emit->record);

	if (end - emit->cursor == 4)
		memset(emit->cursor, 0, 4);
	else
		while (emit->cursor < end)
			*emit->cursor++ = 0;
	((struct ta_record *)(void *)emit->record)->units = (uint16_t)(bytes / 8);
	if (__builtin_expect(ring != &emit->thread->main_ring ||
				     ring->head + bytes - ring->tail_seen > ring->size / 2,
			     0)) {
		ta_emit_commit_slow(emit, bytes);
		return;
	}
	ta_ring_commit(ring, bytes);
	atomic_signal_fence(memory_order_seq_cst);
	emit->thread->main_busy = 0;
	emit->thread->woken = false;
}

/* Bytes that an attribute of value_bytes takes. */
#define TA_ATTR_ROOM(value_bytes) (4u + (((uint32_t)(value_bytes) + 3u) & ~3u))

/* Room for an attribute's value; NULL: none. */
static inline char *ta_emit_attr(struct ta_emit *emit, uint8_t key, enum ta_attr_type type,
				 uint32_t bytes)
{
	uint32_t room = TA_ATTR_ROOM(bytes);
	struct ta_attr attr = { .key = key, .type = (uint8_t)type, .bytes = (uint16_t)bytes };
	char *value = emit->cursor + sizeof(attr);

	if (bytes > UINT16_MAX || (uint32_t)(emit->end - emit->cursor) < room)
		return NULL;
	memset(emit->cursor + room - 4, 0, 4);
	memcpy(emit->cursor, &attr, sizeof(attr));
	emit->cursor += room;
	return value;
}

/* The same where the caller has asked for room for all that it puts. */
static inline char *ta_put_attr(struct ta_emit *emit, uint8_t key, enum ta_attr_type type,
				uint32_t bytes)
{
	struct ta_attr attr = { .key = key, .type = (uint8_t)type, .bytes = (uint16_t)bytes };
	char *at = emit->cursor;

	emit->cursor += TA_ATTR_ROOM(bytes);
	memset(emit->cursor - 4, 0, 4);
	memcpy(at, &attr, sizeof(attr));
	return at + sizeof(attr);
}

#define TA_STEP 16u /* bytes that are copied at a time below */

/* A text behind what is there, for a caller that has asked for room for all and TA_STEP bytes
 * more.  It has to lie in an array whose size is a multiple of TA_STEP.  Nothing for 0 bytes. */
__attribute__((always_inline)) static inline char *
ta_put_text(char *at, enum ta_attr_key key, enum ta_attr_type type, const char *text,
	    uint32_t bytes)
{
	struct ta_attr attr = { .key = (uint8_t)key, .type = (uint8_t)type, .bytes = (uint16_t)bytes };
	char *value = at + sizeof(attr);

	if (bytes == 0)
		return at;
	memcpy(at, &attr, sizeof(attr));
	memcpy(value, text, TA_STEP);
	for (uint32_t done = TA_STEP; __builtin_expect(done < bytes, 0); done += TA_STEP)
		memcpy(value + done, text + done, TA_STEP);
	memset(value + bytes, 0, 4);
	return at + TA_ATTR_ROOM(bytes);
}

static inline void ta_put_int(struct ta_emit *emit, enum ta_attr_key key, int64_t value)
{
	memcpy(ta_put_attr(emit, (uint8_t)key, TA_ATTR_INT, sizeof(value)), &value, sizeof(value));
}

/* A value of any type, as enum ta_attr_type says; nothing for 0 bytes. */
static inline void ta_emit_typed(struct ta_emit *emit, enum ta_attr_key key, enum ta_attr_type type,
				 const void *value, uint32_t bytes)
{
	char *at = bytes ? ta_emit_attr(emit, (uint8_t)key, type, bytes) : NULL;

	if (at)
		memcpy(at, value, bytes);
}

static inline void ta_emit_string(struct ta_emit *emit, enum ta_attr_key key, const char *text,
				  uint32_t bytes)
{
	ta_emit_typed(emit, key, TA_ATTR_STRING, text, bytes);
}

void ta_emit_int(struct ta_emit *emit, enum ta_attr_key key, int64_t value);
void ta_emit_bool(struct ta_emit *emit, enum ta_attr_key key, bool value);
void ta_emit_bytes(struct ta_emit *emit, enum ta_attr_key key, const void *data, uint32_t bytes);
/* The same under a name of the program's own; name at most 255 bytes. */
void ta_emit_named(struct ta_emit *emit, const char *name, uint32_t name_bytes,
		   enum ta_attr_type type, const void *value, uint32_t bytes);

/* The common part of a span's end.  All fields by name: no call to memset. */
__attribute__((always_inline)) static inline bool ta_emit_span_end(struct ta_emit *emit, struct ta_thread *thread,
				    uint64_t span_id, uint64_t end_ns,
				    const struct ta_versions *scopes, uint32_t attr_bytes)
{
	if (!ta_emit_reserve(emit, thread,
			     (uint32_t)((sizeof(struct ta_record_span_end) + attr_bytes + 7u) & ~7u)))
		return false;
	struct ta_record_span_end *end = (void *)emit->record;

	end->head = (struct ta_record){ .kind = TA_RECORD_SPAN_END, .seq = ++thread->seq };
	end->span_id = span_id;
	end->end_ns = end_ns;
	end->isolation = scopes->isolation;
	end->current = scopes->current;
	end->global = scopes->global;
	end->status = TA_STATUS_UNSET;
	end->reason = TA_END_NORMAL;
	end->flags = 0;
	memset(end->reserved, 0, sizeof(end->reserved));
	emit->cursor = (char *)(end + 1);
	return true;
}

#endif
