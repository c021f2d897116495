/* SPDX-License-Identifier: MIT */
/*
 * object.c - the pool of open spans, and the sessions that they share.
 *
 * A handle may be looked up while another thread ends the span and the object becomes
 * another span's: what was read counts only if the generation is still the same
 * afterwards (a seqlock: fields are written behind a release fence, and read relaxed
 * before an acquire fence).
 *
 * Runs: any host thread, signal handlers.  No locks, no heap.
 */
#include "runtime/core/object.h"

#include <string.h>

#include "runtime/core/arena.h"
#include "runtime/core/runtime.h"
#include "runtime/core/thread.h"

/* Fields that others may be looking at. */
#define get(field) __atomic_load_n(field, __ATOMIC_RELAXED)

void ta_object_give_spare(struct ta_thread *thread)
{
	while (thread->spare_count)
		ta_pool_give(&ta_arena.object_pool, thread->spare_objects[--thread->spare_count]);
}

int ta_object_take(void)
{
	int index = ta_pool_take(&ta_arena.object_pool);

	if (index < 0)
		ta_lost(TA_LOSS_SPAN_POOL);
	return index;
}

bool ta_object_context(uint64_t ref, struct ta_context *ret_context)
{
	const struct ta_object *object = ta_object_at(ref);

	if (ref == 0 || !ta_object_matches(object, ref))
		return false;
	ret_context->trace_hi = get(&object->trace_hi);
	ret_context->trace_lo = get(&object->trace_lo);
	ret_context->span_id = get(&object->span_id);
	ret_context->parent_id = get(&object->parent_id);
	ret_context->tags = atomic_load_explicit(&object->tags, memory_order_relaxed);
	ret_context->flags = get(&object->flags);
	ret_context->span_ref = ref;
	atomic_thread_fence(memory_order_acquire);
	return ta_object_matches(object, ref);
}

uint64_t ta_object_root(uint64_t ref)
{
	const struct ta_object *object = ta_object_at(ref);
	uint64_t root = get(&object->root);

	atomic_thread_fence(memory_order_acquire);
	return ref != 0 && ta_object_matches(object, ref) ? root : 0;
}

/* One reference more; false: it has none left, so it is over. */
static bool try_ref(struct ta_session *session)
{
	uint32_t refs = atomic_load_explicit(&session->refs, memory_order_relaxed);

	while (refs && !atomic_compare_exchange_weak(&session->refs, &refs, refs + 1))
		;
	return refs != 0;
}

/* As long as the object is open its session cannot be another one. */
bool ta_object_family(uint64_t ref, uint64_t *ret_root, uint32_t *ret_session)
{
	const struct ta_object *object = ta_object_at(ref);
	bool open = ref != 0 && ta_object_matches(object, ref);
	uint32_t session = open ? get(&object->session) : 0;
	uint64_t root = get(&object->root);

	if (session && !try_ref(&ta_arena.sessions[session - 1]))
		return false;
	atomic_thread_fence(memory_order_acquire);
	if (!open || !ta_object_matches(object, ref)) {
		if (session)
			ta_session_unref(session);
		return false;
	}
	*ret_root = root;
	*ret_session = session;
	return true;
}

void ta_object_let_go(struct ta_object *object)
{
	if (object->scoped) {
		ta_slot_drop(&object->isolation);
		ta_slot_drop(&object->current);
	}
	if (object->session)
		ta_session_unref(object->session);
}

/* ---- sessions ---- */

uint32_t ta_session_new(const char *id, uint32_t id_bytes, const char *name, uint32_t name_bytes)
{
	int index = ta_pool_take(&ta_arena.session_pool);

	if (index < 0) {
		ta_lost(TA_LOSS_SPAN_POOL);
		return 0;
	}
	struct ta_session *session = &ta_arena.sessions[index];

	session->id_bytes = (uint16_t)id_bytes;
	session->name_bytes = (uint16_t)name_bytes;
	if (id_bytes)
		memcpy(session->id, id, id_bytes);
	if (name_bytes)
		memcpy(session->name, name, name_bytes);
	atomic_store_explicit(&session->refs, 1, memory_order_release);
	return (uint32_t)index + 1;
}

void ta_session_unref(uint32_t session)
{
	if (atomic_fetch_sub(&ta_arena.sessions[session - 1].refs, 1) == 1)
		ta_pool_give(&ta_arena.session_pool, session - 1);
}

const struct ta_session *ta_session_at(uint32_t session)
{
	return &ta_arena.sessions[session - 1];
}
