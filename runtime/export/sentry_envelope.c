/* SPDX-License-Identifier: MIT */
/*
 * sentry_envelope.c - envelopes of one item, as messages.
 *
 * A header line, the item's header line with the length of its payload, the payload, a
 * newline.  sent_at is missing: who sends the message puts it first (message.h).  The trace
 * header ("dynamic sampling context") is what Sentry samples by; it needs a public key.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/sentry_internal.h"

#include <string.h>

#define PUT TA_SENTRY_PUT

uint64_t ta_sentry_mix(uint64_t number)
{
	number += 0x9e3779b97f4a7c15ull;
	number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9ull;
	number = (number ^ number >> 27) * 0x94d049bb133111ebull;
	return number ^ number >> 31;
}

/* "https://KEY@host/path/PROJECT", put together out of the address for envelopes. */
void ta_sentry_put_dsn(struct ta_buf *buf, const struct ta_dsn *dsn)
{
	const char *url = dsn ? dsn->envelope_url : NULL;
	const char *host = url ? strstr(url, "://") : NULL, *api = NULL;

	for (const char *at = host; at && (at = strstr(at, "/api/")) != NULL; at++)
		api = at; /* the last one: a path may have it, too */
	if (!host || !api || !dsn->public_key || !dsn->project)
		return;
	host += strlen("://");
	ta_sentry_key(buf, "dsn");
	ta_buf_putc(buf, '"');
	ta_buf_put_json_inside(buf, url, (size_t)(host - url));
	ta_buf_put_json_inside(buf, dsn->public_key, strlen(dsn->public_key));
	ta_buf_putc(buf, '@');
	ta_buf_put_json_inside(buf, host, (size_t)(api - host));
	ta_buf_putc(buf, '/');
	ta_buf_put_json_inside(buf, dsn->project, strlen(dsn->project));
	ta_buf_putc(buf, '"');
}

/* Number from 0 to below 1 as a string; cut, not rounded, so that it stays on its side. */
static void put_random(struct ta_buf *buf, uint64_t trace_lo)
{
	uint64_t random = 0x00ffffffffffffffull - (trace_lo & 0x00ffffffffffffffull);
	uint64_t millionths = (uint64_t)((__extension__(unsigned __int128)random * 1000000) >> 56);
	char text[10] = "\"0.000000";

	for (int i = 8; i > 2; i--, millionths /= 10)
		text[i] = (char)('0' + millionths % 10);
	ta_buf_put(buf, text, 9);
	ta_buf_putc(buf, '"');
}

static void put_trace_header(struct ta_buf *buf, const struct ta_sentry *sentry,
			     const struct ta_sentry_envelope *envelope)
{
	const struct ta_sentry_options *options = &sentry->options;
	const char *key = options->dsn ? options->dsn->public_key : NULL;
	bool sampled = envelope->transaction_sent ||
		       ta_sentry_takes(envelope->trace_lo, sentry->share_threshold);

	if (!key || !(envelope->trace_hi | envelope->trace_lo))
		return;
	ta_sentry_key(buf, "trace");
	PUT(buf, "{\"trace_id\":");
	ta_sentry_id(buf, envelope->trace_hi, envelope->trace_lo);
	ta_sentry_member(buf, "public_key", key, strlen(key), TA_SENTRY_WHOLE);
	ta_sentry_member(buf, "sample_rate", sentry->share_text,
			 strlen(sentry->share_text), TA_SENTRY_WHOLE);
	PUT(buf, ",\"sample_rand\":");
	put_random(buf, envelope->trace_lo);
	ta_sentry_member(buf, "sampled", sampled ? "true" : "false", sampled ? 4 : 5,
			 TA_SENTRY_WHOLE);
	if (options->release)
		ta_sentry_member(buf, "release", options->release, strlen(options->release),
				 TA_SENTRY_WHOLE);
	if (options->environment)
		ta_sentry_member(buf, "environment", options->environment,
				 strlen(options->environment), TA_SENTRY_WHOLE);
	if (envelope->transaction) {
		ta_sentry_key(buf, "transaction");
		ta_buf_put(buf, envelope->transaction->data, envelope->transaction->bytes);
	}
	ta_buf_putc(buf, '}');
}

static void put_headers(struct ta_buf *buf, const struct ta_sentry *sentry,
			const struct ta_sentry_envelope *envelope, size_t payload_bytes)
{
	ta_buf_putc(buf, '{');
	if (envelope->event_hi | envelope->event_lo) {
		PUT(buf, "\"event_id\":");
		ta_sentry_id(buf, envelope->event_hi, envelope->event_lo);
	}
	ta_sentry_comma(buf);
	PUT(buf, "\"sdk\":" TA_SENTRY_SDK);
	if (sentry->address.bytes)
		ta_sentry_comma(buf);
	ta_buf_put(buf, sentry->address.data, sentry->address.bytes);
	put_trace_header(buf, sentry, envelope);
	PUT(buf, "}\n{\"type\":\"");
	ta_buf_puts(buf, envelope->type);
	ta_buf_putc(buf, '"');
	if (envelope->item_count) {
		PUT(buf, ",\"item_count\":");
		ta_buf_put_u64(buf, envelope->item_count);
	}
	if (envelope->content_type)
		ta_sentry_member(buf, "content_type", envelope->content_type,
				 strlen(envelope->content_type), TA_SENTRY_WHOLE);
	PUT(buf, ",\"length\":");
	ta_buf_put_u64(buf, payload_bytes);
	PUT(buf, "}\n");
}

void ta_sentry_message(struct ta_sentry *sentry, const struct ta_sentry_envelope *envelope,
		       const struct ta_message_head *head, const struct ta_buf *payload)
{
	struct ta_message *message = ta_messages_add(&sentry->done);

	if (!message)
		return;
	message->head = *head;
	message->head.format = TA_FORMAT_ENVELOPE;
	put_headers(&message->body, sentry, envelope, payload->bytes);
	ta_buf_put(&message->body, payload->data, payload->bytes);
	ta_buf_putc(&message->body, '\n');
	message->head.bytes = (uint32_t)message->body.bytes;
	sentry->failed |= message->body.failed || payload->failed;
}
