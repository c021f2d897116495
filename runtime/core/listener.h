/* SPDX-License-Identifier: MIT */
/*
 * listener.h - local addresses of listening sockets.
 *
 * Asked for once, when the program calls listen(), so that accept needs no
 * system call.  Entries are never given back (a program listens on few sockets,
 * and duplicates and children share them); when the pool is empty the address
 * is left out.
 */
#ifndef TA_CORE_LISTENER_H
#define TA_CORE_LISTENER_H

#include <stdatomic.h>
#include <stdint.h>

#include "runtime/core/arena.h"
#include "runtime/core/conn.h"

struct ta_listener {
	uint16_t bytes;
	char address[TA_CONN_ADDRESS_BYTES];
};

/* Index of a free entry, or -1. */
static inline int ta_listener_new(struct ta_listener **ret_listener)
{
	static _Atomic uint32_t used;
	uint32_t index = atomic_fetch_add_explicit(&used, 1, memory_order_relaxed);

	if (index >= ta_arena.listener_count) {
		atomic_store_explicit(&used, ta_arena.listener_count, memory_order_relaxed);
		return -1;
	}
	*ret_listener = &ta_arena.listeners[index];
	return (int)index;
}

#endif
