/* SPDX-License-Identifier: MIT */
/*
 * inject_stage.h - headers for requests that go out above TLS.
 *
 * A TLS library may say that a write has to be repeated, with the same bytes from the same
 * place.  So what goes out in place of the program's first bytes, with our headers among
 * them, is made in memory that stays where it is until the library has taken it:
 *
 *     the program's write   [ before ][ own bytes ................ ][ rest ]
 *     what is written       [ before ][ own ][ headers ][ own .... ][ rest ]
 *                             as is       text, of one record         as is
 *
 * before is empty but for heads of more than a record.
 *
 * Runs: any host thread, inside the guard.  A session is one thread's at a time.
 */
#ifndef TA_CORE_INJECT_STAGE_H
#define TA_CORE_INJECT_STAGE_H

#include "runtime/core/inject.h"

#define TA_STAGE_BYTES 16384u /* of a record */

struct ta_stage {
	struct ta_loan loan;
	uint32_t before; /* not out */
	uint32_t bytes;	 /* of text, not out; 0: the rest is next */
	uint32_t header; /* where the headers are in text, and how long */
	uint32_t header_bytes;
	uint64_t passed; /* of the program's call: out, and not told */
	char text[TA_STAGE_BYTES];
};

/* What is to be written in place of data; NULL: data.  most: bytes of a record; 0: the usual.
 * whole: the library takes all or nothing; otherwise a part may be all that is written. */
struct ta_stage *ta_stage_open(uint64_t word, const void *data, uint64_t bytes, uint32_t most,
			       bool whole);

/* So many bytes of text are out; how many were the program's? */
uint32_t ta_stage_took(struct ta_stage *stage, uint32_t bytes);

/* The call is over; done: everything is out. */
void ta_stage_close(uint64_t word, struct ta_stage *stage, bool done);

/* The connection ends. */
void ta_stage_give_back(struct ta_conn *conn);

#endif
