/* SPDX-License-Identifier: MIT */
/*
 * keep.c - fuzzes tail sampling: the input is a rule.
 *
 * Whatever it is, there is a sampler; what is not understood is said in one line and keeps
 * everything; and a trace that was kept once is kept again.
 */
#include "runtime/export/keep.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

/* A span with one name and one text. */
static struct ta_record *make_record(void)
{
	static const uint8_t attrs[] = { TA_ATTR_NAME, TA_ATTR_STRING, 3,	 0,   'G', 'E', 'T', 0,
				      TA_ATTR_NAMED, TA_ATTR_STRING, 4, 0, 1,	'k', 'a', ',' };
	struct ta_record *record = calloc(1, sizeof(struct ta_record_span_start) + sizeof(attrs));

	record->kind = TA_RECORD_SPAN_START;
	record->units = (uint16_t)((sizeof(struct ta_record_span_start) + sizeof(attrs)) / 8);
	memcpy((char *)record + sizeof(struct ta_record_span_start), attrs, sizeof(attrs));
	return record;
}

static struct ta_enrich *enricher(void)
{
	static struct ta_config config;
	static struct ta_enrich *enrich;

	if (!enrich) {
		ta_config_load(&config, NULL, NULL, NULL);
		enrich = ta_enrich_new(&config);
	}
	return enrich;
}

static void check_trace(struct ta_keep *keep)
{
	struct ta_record *record = make_record();
	struct ta_span span = { .type = TA_SPAN_API,
				.end = TA_SPAN_ENDED,
				.trace_lo = 0x123456789abcdef0ull,
				.start_ns = 1,
				.end_ns = 250000001,
				.records = { &record, 1, 1 } };
	struct ta_span *spans = &span;
	bool kept = ta_keep_trace(keep, enricher(), &spans, 1);

	demand(kept || !ta_keep_is_all(keep));
	demand(kept == ta_keep_trace(keep, enricher(), &spans, 1));
	ta_keep_note_error(keep, span.trace_hi, span.trace_lo);
	demand(!kept || ta_keep_trace(keep, enricher(), &spans, 1));
	free(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char *text = malloc(bytes + 1), error[256];
	struct ta_keep *keep;

	memcpy(text, data, bytes);
	text[bytes] = '\0';
	memset(error, 'x', sizeof(error));
	keep = ta_keep_new("TAGALONG_KEEP_SENTRY", text, error, sizeof(error));
	demand(keep && memchr(error, '\0', sizeof(error)));
	demand(!error[0] || (ta_keep_is_all(keep) && !strpbrk(error, "\n\r\x1b")));
	check_trace(keep);
	ta_keep_free(keep);
	free(text);
	return 0;
}
