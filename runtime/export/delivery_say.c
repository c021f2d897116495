/* SPDX-License-Identifier: MIT */
/*
 * delivery_say.c - what is told about failures: what happened, why, what to do next.
 *
 * A sentence goes into the status each time, and into the agent's log only when a queue
 * turns bad or well, at most once a minute each.  Nothing of a receiver's words or
 * libcurl's is told that repeats a secret of ours.
 *
 * Runs: agent; the delivery thread, and whoever opens the delivery.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "runtime/agent/clock.h"
#include "runtime/export/delivery_internal.h"

#define SECRET_BYTES 6 /* shorter words of a header are no secrets */
#define SEPARATORS " \t,;=\"':"

/* ---- into the log ---- */

static void say(struct ta_channel *channel, const char *sentence)
{
	const struct ta_delivery_options *options = &channel->delivery->options;
	char line[TA_SENTENCE + 64];

	snprintf(line, sizeof(line), "%s: %s", ta_queue_name(channel->target->queue), sentence);
	options->say(options->user, line);
}

static bool is_time(uint64_t said_ns, uint64_t now_ns)
{
	return said_ns == 0 || now_ns - said_ns >= TA_SAY_AGAIN_NS;
}

void ta_channel_fails(struct ta_channel *channel, const char *sentence)
{
	uint64_t now_ns = ta_agent_now_ns();

	ta_status_set(&channel->status->error, sentence, ta_delivery_unix_ns());
	if (!channel->bad && is_time(channel->bad_said_ns, now_ns)) {
		say(channel, sentence);
		channel->bad_said = true;
		channel->bad_said_ns = now_ns;
	}
	channel->bad = true;
}

void ta_channel_is_well(struct ta_channel *channel)
{
	char sentence[TA_SENTENCE];

	if (channel->bad && channel->bad_said) {
		snprintf(sentence, sizeof(sentence), "%s takes what is sent again",
			 channel->target->shown);
		say(channel, sentence);
		channel->bad_said = false;
	}
	channel->bad = false;
}

static uint64_t things(const struct ta_channel *channel, int why, enum ta_thing thing)
{
	return ta_count_get(&channel->status->dropped[why][thing]);
}

static void say_drop(struct ta_channel *channel, int why, uint64_t drops)
{
	char sentence[TA_SENTENCE];

	snprintf(sentence, sizeof(sentence),
		 "dropped so far (%s): %" PRIu64 " spans, %" PRIu64 " events, %" PRIu64
		 " data points, of %" PRIu64 " requests; tagalong status has the reason",
		 ta_drop_name((enum ta_drop)why), things(channel, why, TA_SPANS),
		 things(channel, why, TA_EVENTS), things(channel, why, TA_POINTS), drops);
	say(channel, sentence);
}

/* What sampling leaves out was wanted so. */
void ta_channel_say_drops(struct ta_channel *channel, uint64_t now_ns)
{
	for (int why = 0; why < TA_DROPS; why++) {
		uint64_t drops = atomic_load_explicit(&channel->drops[why], memory_order_relaxed);

		if (why == TA_DROP_SAMPLED || drops == channel->drops_said[why] ||
		    !is_time(channel->drops_said_ns[why], now_ns))
			continue;
		say_drop(channel, why, drops);
		channel->drops_said[why] = drops;
		channel->drops_said_ns[why] = now_ns;
	}
}

/* ---- secrets ---- */

/* Every occurrence of a word is made stars. */
static void hide(char *text, const char *word, size_t bytes)
{
	char *at = text;

	while ((at = memmem(at, strlen(at), word, bytes))) {
		memset(at, '*', bytes);
		at += bytes;
	}
}

static void hide_value(char *text, const char *value)
{
	while (*value) {
		size_t bytes = strcspn(value, SEPARATORS);

		if (bytes >= SECRET_BYTES)
			hide(text, value, bytes);
		value += bytes;
		value += strspn(value, SEPARATORS);
	}
}

/* The values of the target's headers, whole and in words. */
static void hide_secrets(char *text, const struct ta_target *target)
{
	for (char **header = target->headers; header && *header; header++) {
		const char *value = strchr(*header, ':');

		if (!value)
			continue;
		value += 1 + strspn(value + 1, " \t");
		if (strlen(value) > 2)
			hide(text, value, strlen(value));
		hide_value(text, value);
	}
}

/* ---- one request's failure ---- */

static bool is_sentry(const struct ta_request *request)
{
	return request->channel->target->queue == TA_QUEUE_SENTRY;
}

static const char *advice_for_status(int status, bool sentry)
{
	if (status >= 300 && status <= 399)
		return sentry ? "redirects are not followed: check SENTRY_DSN"
			      : "redirects are not followed: set the endpoint to where it points";
	switch (status) {
	case 401:
	case 403:
		return sentry ? "check the key in SENTRY_DSN" : "check OTEL_EXPORTER_OTLP_HEADERS";
	case 404:
	case 405:
		return sentry ? "check the project in SENTRY_DSN"
			      : "check the path of the endpoint: OTEL_EXPORTER_OTLP_ENDPOINT gets "
				"v1/traces, v1/logs, v1/metrics appended, the others are used as "
				"they are";
	case 413:
		return sentry ? "it is too large for the receiver"
			      : "lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
	case 400:
	case 415:
		return sentry ? "the receiver's log says more"
			      : "check OTEL_EXPORTER_OTLP_PROTOCOL, and the receiver's log";
	default:
		return "the receiver's log says more";
	}
}

static const char *advice_for_tls(bool sentry)
{
	return sentry ? "is its certificate's authority known to this machine? it is tried again"
		      : "check OTEL_EXPORTER_OTLP_CERTIFICATE; it is tried again";
}

static const char *advice_for_code(CURLcode code, bool sentry)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return "is its name right? it is tried again";
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_PROXY:
		return "check http_proxy and https_proxy; it is tried again";
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return advice_for_tls(sentry);
	case CURLE_SSL_CERTPROBLEM:
		return "check OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY; it is tried "
		       "again";
	case CURLE_OPERATION_TIMEDOUT:
		return sentry ? "is the network slow? it is tried again"
			      : "OTEL_EXPORTER_OTLP_TIMEOUT is how long it may take; it is tried "
				"again";
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_SSL_CONNECT_ERROR:
		return "is that the right port and scheme? it is tried again";
	default:
		return "is the receiver running? it is tried again";
	}
}

/* libcurl's own words say more than its code, but may repeat a URL with a password. */
static const char *curl_words(const struct ta_request *request, CURLcode code)
{
	if (request->error[0] && !strchr(request->error, '@'))
		return request->error;
	return request->channel->delivery->curl->easy_words(code);
}

static const char *advice(const struct ta_request *request, CURLcode code, enum ta_verdict verdict)
{
	if (request->too_large)
		return "is that the right port? It is not tried again";
	if (!request->answered)
		return advice_for_code(code, is_sentry(request));
	if (verdict == TA_VERDICT_SENT)
		return "the rest was taken; the receiver's log says more";
	if (verdict == TA_VERDICT_RETRY)
		return "it is tried again";
	if (verdict == TA_VERDICT_LIMITED)
		return "Sentry limits the rate: see its quotas";
	return advice_for_status(request->status, is_sentry(request));
}

static void what_happened(const struct ta_request *request, CURLcode code, char *out, size_t room)
{
	const char *shown = request->channel->target->shown;

	if (request->too_large)
		snprintf(out, room, "the answer from %s is too long", shown);
	else if (request->answered)
		snprintf(out, room, "HTTP %d from %s", request->status, shown);
	else
		snprintf(out, room, "no answer from %s: %s", shown, curl_words(request, code));
}

void ta_request_words(const struct ta_request *request, CURLcode code, enum ta_verdict verdict,
		      const char *theirs, char out[TA_SENTENCE])
{
	char what[TA_SENTENCE / 2], said[TA_SENTENCE / 3] = "";

	what_happened(request, code, what, sizeof(what));
	if (theirs[0])
		snprintf(said, sizeof(said), " (it says: %s)", theirs);
	hide_secrets(what, request->channel->target);
	hide_secrets(said, request->channel->target);
	snprintf(out, TA_SENTENCE, "%s%s: %s", what, said, advice(request, code, verdict));
}
