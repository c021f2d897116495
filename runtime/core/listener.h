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

#include "runtime/core/conn.h"

#define TA_LISTENERS_MAX 512

struct ta_listener {
	uint16_t bytes;
	char address[TA_CONN_ADDRESS_BYTES];
};

extern struct ta_listener ta_listeners[TA_LISTENERS_MAX];

/* Index of a free entry, or -1. */
static inline int ta_listener_new(struct ta_listener **ret_listener)
{
	static _Atomic uint32_t used;
	uint32_t index = atomic_fetch_add_explicit(&used, 1, memory_order_relaxed);

	if (index >= TA_LISTENERS_MAX) {
		atomic_store_explicit(&used, TA_LISTENERS_MAX, memory_order_relaxed);
		return -1;
	}
	*ret_listener = &ta_listeners[index];
	return (int)index;
}

#endif
