/* SPDX-License-Identifier: MIT */
/*
 * sql_recorded.h - real conversations, the seeds of the fuzzers (their form: tests/fuzz/
 * sql_dialogue.h), for the tests of PostgreSQL and MySQL: every command is answered, nothing is
 * broken, and in pieces of one byte the same is told.
 */
#ifndef TESTS_UNIT_SQL_RECORDED_H
#define TESTS_UNIT_SQL_RECORDED_H

#include "tests/unit/dialogue_script.h"

static void replay(struct told *told, const struct ta_protocol *protocol, const char *data,
		   size_t bytes, bool whole)
{
	static struct ta_dialogue dialogue;

	begin_dialogue(&dialogue, protocol, told);
	for (size_t at = 1; at + 3 <= bytes && !told->over;) {
		char side = data[at] & 1 ? '<' : '>';
		size_t length = (unsigned char)data[at + 1];

		if (data[at] & 2)
			length = length << 8 | (unsigned char)data[at + 2];
		at += data[at] & 2 ? 3 : 2;
		if (length > bytes - at)
			length = bytes - at;
		for (size_t done = 0; done < length; done += whole ? length : 1)
			hear(told, &dialogue, side, data + at + done, whole ? length : 1);
		at += length;
	}
}

/* So many commands, and this among what is told. */
static void recorded(const struct ta_protocol *protocol, const char *path, uint32_t commands,
		     const char *has)
{
	static struct told whole, bytes;
	static char data[1 << 16];
	FILE *file = fopen(path, "rb");
	size_t count;

	if (!check(file, "%s", path))
		return;
	count = fread(data, 1, sizeof(data), file);
	fclose(file);
	replay(&whole, protocol, data, count, true);
	replay(&bytes, protocol, data, count, false);
	check(!whole.over, "%s: %s", path, whole.text);
	check(whole.answered == commands && whole.ready == commands, "%s: %u of %u", path,
	      whole.answered, whole.ready);
	check(strstr(whole.text, has), "%s: %s", path, whole.text);
	check_text(bytes.text, whole.text);
}

#endif
