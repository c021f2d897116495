/* SPDX-License-Identifier: MIT */
/*
 * test_gzip.c - what is compressed comes out again, for zlib and for gzip(1) alike.
 */
#include <pthread.h>
#include <zlib.h>

#include "runtime/export/gzip.h"
#include "tests/unit/check.h"

/* Text as bodies are (repeats), or noise, which grows a little. */
static char *content(size_t bytes, bool noise)
{
	char *data = malloc(bytes + 1);
	uint32_t state = 1;

	for (size_t i = 0; i < bytes; i++) {
		state = state * 1664525u + 1013904223u;
		data[i] = noise ? (char)(state >> 24) : "http.request.method"[i % 19];
	}
	return data;
}

/* One whole member of these bytes stands at packed, and nothing behind it. */
static void check_member(const char *packed, size_t packed_bytes, const char *data, size_t bytes)
{
	char *back = malloc(bytes + 1);
	z_stream stream = { 0 };

	check(packed_bytes >= 18 && memcmp(packed, "\x1f\x8b\x08", 3) == 0, "no gzip header");
	check_same(inflateInit2(&stream, 15 + 16), Z_OK); /* gzip only */
	stream.next_in = (Bytef *)(uintptr_t)packed;
	stream.avail_in = (uInt)packed_bytes;
	stream.next_out = (Bytef *)back;
	stream.avail_out = (uInt)bytes + 1;
	check_same(inflate(&stream, Z_FINISH), Z_STREAM_END); /* its check sum holds */
	check_same(stream.avail_in, 0);
	check_same(stream.total_out, bytes);
	check(memcmp(back, data, bytes) == 0, "other bytes came out");
	inflateEnd(&stream);
	free(back);
}

static void check_round(size_t bytes, bool noise)
{
	char *data = content(bytes, noise);
	struct ta_buf out = { 0 };

	ta_buf_puts(&out, "before"); /* is appended to */
	check_same(ta_gzip(data, bytes, &out), 0);
	check(memcmp(out.data, "before", 6) == 0, "what stood there is gone");
	check_member(out.data + 6, out.bytes - 6, data, bytes);
	if (!noise && bytes > 1000)
		check(out.bytes < bytes / 10, "%zu of %zu bytes", out.bytes, bytes);
	ta_buf_fini(&out);
	free(data);
}

static void sizes(void)
{
	static const size_t each[] = { 0, 1, 2, 100, 4096, 65535, 65536, 100 << 10, 5 << 20 };

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		check_round(each[i], false);
		check_round(each[i], true);
	}
}

static void *in_a_thread(void *user)
{
	struct ta_buf *outs = user;

	for (int i = 0; i < 8; i++)
		ta_gzip("a body", 6, &outs[i]);
	return NULL;
}

/* Each has a stream of its own, which ends with it (the leak sanitizer looks). */
static void threads(void)
{
	pthread_t ids[4];
	struct ta_buf outs[4][8] = { 0 };

	for (int i = 0; i < 4; i++)
		check_same(pthread_create(&ids[i], NULL, in_a_thread, outs[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(ids[i], NULL);
		for (int j = 0; j < 8; j++) {
			check_member(outs[i][j].data, outs[i][j].bytes, "a body", 6);
			ta_buf_fini(&outs[i][j]);
		}
	}
}

static void no_memory(void)
{
	struct ta_buf out = { .failed = true };

	check(ta_gzip("a body", 6, &out) != 0, "a buffer that failed took it");
	check_same(out.bytes, 0);
	check_round(100, false); /* the stream goes on */
}

int main(void)
{
	check_group("sizes", sizes);
	check_group("threads", threads);
	check_group("no memory", no_memory);
	return check_status();
}
