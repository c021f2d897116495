/* SPDX-License-Identifier: MIT */
/*
 * images.c - the loaded objects, as Sentry finds their debug files by.
 *
 * debug_id is the build id's first 16 bytes as a UUID whose first three fields are turned
 * round; without a build id, a sum of the code stands for it.
 *
 * Runs: tagalong-stacks, one thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/stacks/answer.h"

#define IMAGES_MAX 256u

#if defined(__x86_64__)
#define ARCHITECTURE "x86_64"
#else
#define ARCHITECTURE "arm64"
#endif

static void put_code_id(struct ta_buf *buf, const struct ta_object *object)
{
	static const char hex[] = "0123456789abcdef";

	if (!object->build_id_bytes)
		return;
	ta_buf_puts(buf, ",\"code_id\":\"");
	for (unsigned int i = 0; i < object->build_id_bytes; i++) {
		ta_buf_putc(buf, hex[object->build_id[i] >> 4]);
		ta_buf_putc(buf, hex[object->build_id[i] & 15]);
	}
	ta_buf_putc(buf, '"');
}

static void put_debug_id(struct ta_buf *buf, const struct ta_object *object)
{
	static const unsigned char order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	static const char hex[] = "0123456789abcdef";
	const unsigned char *id = object->build_id_bytes ? object->build_id : object->text_id;

	ta_buf_puts(buf, ",\"debug_id\":\"");
	for (unsigned int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			ta_buf_putc(buf, '-');
		ta_buf_putc(buf, hex[id[order[i]] >> 4]);
		ta_buf_putc(buf, hex[id[order[i]] & 15]);
	}
	ta_buf_putc(buf, '"');
}

static void put_image(struct ta_buf *buf, const struct ta_place *place)
{
	char text[128];

	snprintf(text, sizeof(text),
		 "{\"type\":\"elf\",\"image_addr\":\"0x%" PRIx64 "\",\"image_size\":%" PRIu64,
		 place->low, place->high - place->low);
	ta_buf_puts(buf, text);
	put_code_id(buf, place->object);
	put_debug_id(buf, place->object);
	ta_buf_puts(buf, ",\"code_file\":");
	ta_buf_put_json(buf, place->path, strlen(place->path));
	ta_buf_puts(buf, ",\"arch\":\"" ARCHITECTURE "\"}");
}

void ta_answer_images(struct ta_answer *answer)
{
	unsigned int count = 0;

	ta_buf_puts(answer->json, ",\"images\":[");
	for (size_t i = 0; i < answer->space->count; i++) {
		const struct ta_place *place = &answer->space->places[i];

		if (!place->object)
			continue;
		if (count == IMAGES_MAX || answer->json->bytes + 8192 > TA_STACKS_JSON_MAX) {
			answer->truncated = true;
			break;
		}
		if (count++)
			ta_buf_putc(answer->json, ',');
		put_image(answer->json, place);
	}
	ta_buf_putc(answer->json, ']');
}
