/* SPDX-License-Identifier: MIT */
/*
 * inject_tls.c - one write of the program above TLS as up to three of ours.
 *
 * A call that fails is told as the library said it, and is repeated by the program with the
 * same bytes; the stage (core/inject_stage.h) knows where it was.  A library that takes parts
 * is told of one record at a time, and the program of what was its own in it.
 *
 * Runs: any host thread.  The calls stand outside the guard.
 */
#include "hooks/inject_tls.h"

static struct ta_stage *open_stage(uint64_t word, const struct ta_tls_writer *writer,
				   const void *data, size_t bytes)
{
	TA_GUARD(guard);

	return guard.entered ? ta_stage_open(word, data, bytes, writer->most, writer->whole) :
			       NULL;
}

static void close_stage(uint64_t word, struct ta_stage *stage, bool done)
{
	TA_GUARD(guard);

	ta_stage_close(word, stage, done);
}

/* ---- libraries that take all or nothing ---- */

/* One step of it.  Positive: go on.  *ret_over: everything is out, or told in part. */
static ssize_t write_before(struct ta_stage *stage, const struct ta_tls_writer *writer,
			    const void *data)
{
	ssize_t result = writer->write(writer, data, stage->before);

	if (result > 0) {
		stage->before -= (uint32_t)result;
		stage->passed += (uint64_t)result;
	}
	return result;
}

static ssize_t write_text(struct ta_stage *stage, const struct ta_tls_writer *writer)
{
	ssize_t result = writer->write(writer, stage->text, stage->bytes);

	if (result > 0)
		stage->passed += ta_stage_took(stage, (uint32_t)result);
	return result;
}

/* What the library has taken of the program's is told, if it does take parts; what is left
 * of the text that is the program's is then its business again. */
static ssize_t told(struct ta_stage *stage, bool *ret_done)
{
	ssize_t passed = (ssize_t)stage->passed;

	stage->passed = 0;
	stage->bytes = stage->header + stage->header_bytes;
	/* Nothing of the header is out: its place is looked for again. */
	*ret_done = stage->before || stage->header > 0 || stage->header_bytes == 0;
	return passed;
}

static ssize_t write_whole(struct ta_stage *stage, const struct ta_tls_writer *writer,
			   const void *data, size_t bytes, bool *ret_done)
{
	ssize_t result;

	while (stage->before || stage->bytes) {
		bool first = stage->before != 0;

		result = first ? write_before(stage, writer, (const char *)data + stage->passed) :
				 write_text(stage, writer);
		if (result <= 0)
			return result;
		if ((first ? stage->before : stage->bytes) && stage->passed)
			return told(stage, ret_done);
	}
	if (stage->passed < bytes) {
		result = writer->write(writer, (const char *)data + stage->passed,
				       bytes - stage->passed);
		if (result <= 0)
			return result;
		stage->passed += (uint64_t)result;
	}
	*ret_done = true;
	return (ssize_t)stage->passed;
}

/* ---- libraries that take parts ---- */

/* A record that was not sent at once is the library's, and asked for again as a whole. */
static ssize_t write_record(struct ta_stage *stage, const struct ta_tls_writer *writer,
			    const void *data, size_t *bytes, bool *ret_done)
{
	ssize_t result;

	do {
		result = writer->write(writer, data ? stage->text : NULL,
				       data ? stage->bytes : 0);
		*bytes = stage->bytes - stage->header_bytes;
		if (result <= 0)
			return result;
		stage->passed += ta_stage_took(stage, (uint32_t)result);
	} while (stage->passed == 0 && stage->bytes);
	return told(stage, ret_done);
}

bool ta_inject_tls_slow(uint64_t word, const struct ta_tls_writer *writer, const void *data,
			size_t *bytes, ssize_t *ret_result)
{
	struct ta_stage *stage = open_stage(word, writer, data, *bytes);
	bool done = false;

	if (stage == NULL)
		return false;
	*ret_result = writer->whole ? write_whole(stage, writer, data, *bytes, &done) :
				      write_record(stage, writer, data, bytes, &done);
	close_stage(word, stage, done);
	return true;
}
