/* SPDX-License-Identifier: MIT */
/*
 * gzip.c - a body as one gzip member, by zlib at level 1.
 *
 * What zlib needs to work (about 260 KiB) is made at a thread's first call and goes
 * with the thread; between two members it is only reset.
 *
 * Runs: agent, any thread.  No locks.
 */
#include "runtime/export/gzip.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <zlib.h>

#define LEVEL 1
#define GZIP_WINDOW (15 + 16) /* the largest window, in a gzip wrapper */
#define MEM_LEVEL 8	      /* zlib's default */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool have_key;

static void end_stream(void *user)
{
	z_stream *stream = user;

	deflateEnd(stream);
	free(stream);
}

static void make_key(void)
{
	have_key = pthread_key_create(&key, end_stream) == 0;
}

static z_stream *new_stream(void)
{
	z_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	if (deflateInit2(stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEM_LEVEL, Z_DEFAULT_STRATEGY) !=
	    Z_OK) {
		free(stream);
		return NULL;
	}
	if (pthread_setspecific(key, stream) != 0) {
		end_stream(stream);
		return NULL;
	}
	return stream;
}

/* The calling thread's, ready for a new member; NULL when out of memory. */
static z_stream *own_stream(void)
{
	z_stream *stream;

	pthread_once(&once, make_key);
	if (!have_key)
		return NULL;
	stream = pthread_getspecific(key);
	if (!stream)
		return new_stream();
	return deflateReset(stream) == Z_OK ? stream : NULL;
}

static uInt piece(size_t bytes)
{
	return bytes < UINT_MAX ? (uInt)bytes : UINT_MAX;
}

/* room is what deflateBound() asked for.  zlib counts in 32 bits, so a body is fed in
 * pieces.  Returns what was written; 0: it did not fit after all. */
static size_t deflate_all(z_stream *stream, const void *data, size_t bytes, char *out, size_t room)
{
	const size_t whole = room;
	int status;

	stream->next_in = (Bytef *)(uintptr_t)data;
	stream->next_out = (Bytef *)out;
	do {
		uInt in = piece(bytes), space = piece(room);

		stream->avail_in = in;
		stream->avail_out = space;
		status = deflate(stream, in == bytes ? Z_FINISH : Z_NO_FLUSH);
		bytes -= in - stream->avail_in;
		room -= space - stream->avail_out;
	} while (status == Z_OK && room);
	return status == Z_STREAM_END ? whole - room : 0;
}

int ta_gzip(const void *data, size_t bytes, struct ta_buf *out)
{
	z_stream *stream = own_stream();
	size_t room, used;
	char *at;

	if (!stream)
		return -ENOMEM;
	room = deflateBound(stream, bytes);
	at = room >= bytes ? ta_buf_reserve(out, room) : NULL;
	if (!at)
		return -ENOMEM;
	used = deflate_all(stream, data, bytes, at, room);
	out->bytes += used;
	return used ? 0 : -ENOMEM;
}
