/* SPDX-License-Identifier: MIT */
/*
 * delivery_http.c - a request as libcurl gets it, and its answer as it comes in.
 *
 * Connections belong to the multi handle and are kept; easy handles are kept by their
 * requests.  What a receiver answers is bounded everywhere.
 *
 * Runs: agent, the delivery thread.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "runtime/export/delivery_internal.h"

#define CONNECT_MS 10000

/* ---- the answer ---- */

/* "HTTP/1.1 200 OK", "HTTP/2 200". */
static int read_status(const char *line, size_t bytes)
{
	const char *space = memchr(line, ' ', bytes);
	int status = 0;

	if (!space || (size_t)(line + bytes - space) < 4)
		return 0;
	for (int i = 1; i <= 3; i++) {
		if (space[i] < '0' || space[i] > '9')
			return 0;
		status = status * 10 + (space[i] - '0');
	}
	return status;
}

/* Keeps the value of a header; too long, or with a NUL, it is as if it were not there. */
static void keep(const char *value, size_t bytes, char *out, size_t room)
{
	while (bytes > 0 && (*value == ' ' || *value == '\t')) {
		value++;
		bytes--;
	}
	while (bytes > 0 && strchr(" \t\r\n", value[bytes - 1]))
		bytes--;
	if (bytes >= room || memchr(value, '\0', bytes))
		return;
	memcpy(out, value, bytes);
	out[bytes] = '\0';
}

static bool is_named(const char *line, size_t bytes, const char *name, size_t name_bytes)
{
	return bytes > name_bytes && strncasecmp(line, name, name_bytes) == 0;
}

static void read_header(struct ta_request *request, const char *line, size_t bytes)
{
	static const char retry_after[] = "retry-after:", type[] = "content-type:",
			  limits[] = "x-sentry-rate-limits:";
	char words[64] = "";

	if (is_named(line, bytes, retry_after, sizeof(retry_after) - 1))
		keep(line + sizeof(retry_after) - 1, bytes - (sizeof(retry_after) - 1),
		     request->retry_after, sizeof(request->retry_after));
	else if (is_named(line, bytes, limits, sizeof(limits) - 1))
		keep(line + sizeof(limits) - 1, bytes - (sizeof(limits) - 1), request->limits,
		     sizeof(request->limits));
	else if (is_named(line, bytes, type, sizeof(type) - 1)) {
		keep(line + sizeof(type) - 1, bytes - (sizeof(type) - 1), words, sizeof(words));
		request->json = strncasecmp(words, "application/json", 16) == 0;
	}
}

static void begin_head(struct ta_request *request, int status)
{
	request->status = status;
	request->retry_after[0] = request->limits[0] = '\0';
	request->json = false;
}

/* One line of a head, or of trailers, which are nothing to us. */
static size_t take_header(char *line, size_t size, size_t count, void *user)
{
	struct ta_request *request = user;
	size_t bytes = size * count;

	request->head_bytes += bytes < TA_ANSWER_HEAD_MAX ? (uint32_t)bytes : TA_ANSWER_HEAD_MAX;
	if (request->head_bytes > TA_ANSWER_HEAD_MAX) {
		request->too_large = true;
		return 0;
	}
	if (request->answered)
		return bytes;
	if (bytes > 5 && memcmp(line, "HTTP/", 5) == 0)
		begin_head(request, read_status(line, bytes));
	else if (bytes <= 2 && (bytes == 0 || line[0] == '\r' || line[0] == '\n'))
		request->answered = request->status >= 200;
	else
		read_header(request, line, bytes);
	return bytes;
}

static size_t take_body(char *data, size_t size, size_t count, void *user)
{
	struct ta_request *request = user;
	size_t bytes = size * count;

	if (bytes > TA_ANSWER_MAX - request->answer.bytes) {
		request->too_large = true;
		return 0;
	}
	ta_buf_put(&request->answer, data, bytes);
	return bytes;
}

static void forget_answer(struct ta_request *request)
{
	begin_head(request, 0);
	request->answered = request->too_large = false;
	request->head_bytes = 0;
	request->error[0] = '\0';
	ta_buf_clear(&request->answer);
}

/* ---- the request ---- */

/* A proxy of the environment is honoured, but never for what is on this machine. */
static bool is_loopback(const char *url)
{
	static const char *const names[] = { "localhost", "127.", "[::1]" };
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncasecmp(host, names[i], strlen(names[i])) == 0)
			return host[0] != 'l' && host[0] != 'L' ? true
								: strchr(":/?", host[9]) != NULL;
	return false;
}

static CURLcode set_tls(const struct ta_curl *curl, CURL *easy, const struct ta_target *target)
{
	CURLcode code = CURLE_OK;

	if (target->ca_file)
		code = curl->easy_set(easy, CURLOPT_CAINFO, target->ca_file);
	if (!code && target->certificate)
		code = curl->easy_set(easy, CURLOPT_SSLCERT, target->certificate);
	if (!code && target->key)
		code = curl->easy_set(easy, CURLOPT_SSLKEY, target->key);
	return code;
}

static CURLcode set_callbacks(const struct ta_curl *curl, CURL *easy, struct ta_request *request)
{
	CURLcode code = curl->easy_set(easy, CURLOPT_HEADERFUNCTION, take_header);

	if (!code)
		code = curl->easy_set(easy, CURLOPT_HEADERDATA, request);
	if (!code)
		code = curl->easy_set(easy, CURLOPT_WRITEFUNCTION, take_body);
	if (!code)
		code = curl->easy_set(easy, CURLOPT_WRITEDATA, request);
	if (!code)
		code = curl->easy_set(easy, CURLOPT_PRIVATE, request);
	if (!code)
		code = curl->easy_set(easy, CURLOPT_ERRORBUFFER, request->error);
	return code;
}

/* Not all libraries know these, and none needs them: an end that does not wait for a name
 * server, and no head of a proxy among ours. */
static void set_wishes(const struct ta_curl *curl, CURL *easy)
{
	curl->easy_set(easy, CURLOPT_QUICK_EXIT, 1L);
	curl->easy_set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

static CURLcode set_all(const struct ta_curl *curl, CURL *easy, const struct ta_target *target)
{
	uint64_t ms = target->timeout_ms < INT32_MAX ? target->timeout_ms : INT32_MAX;
	CURLcode code = curl->easy_set(easy, CURLOPT_URL, target->url);

	if (!code)
		code = curl->easy_set(easy, CURLOPT_PROTOCOLS,
				      (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
	if (!code)
		code = curl->easy_set(easy, CURLOPT_NOSIGNAL, 1L);
	if (!code)
		code = curl->easy_set(easy, CURLOPT_FOLLOWLOCATION, 0L);
	if (!code)
		code = curl->easy_set(easy, CURLOPT_TIMEOUT_MS, (long)ms);
	if (!code)
		code = curl->easy_set(easy, CURLOPT_CONNECTTIMEOUT_MS,
				      ms && ms < CONNECT_MS ? (long)ms : (long)CONNECT_MS);
	if (!code && is_loopback(target->url))
		code = curl->easy_set(easy, CURLOPT_PROXY, "");
	return code ? code : set_tls(curl, easy, target);
}

static CURLcode make_easy(struct ta_request *request)
{
	const struct ta_curl *curl = request->channel->delivery->curl;

	if (request->easy)
		return CURLE_OK;
	CURL *easy = curl->easy_new();

	if (!easy)
		return CURLE_OUT_OF_MEMORY;
	CURLcode code = set_callbacks(curl, easy, request);

	if (!code)
		code = set_all(curl, easy, request->channel->target);
	if (code) {
		curl->easy_free(easy);
		return code;
	}
	set_wishes(curl, easy);
	request->easy = easy;
	return CURLE_OK;
}

static const char *content_type(uint8_t format)
{
	switch (format) {
	case TA_FORMAT_PROTOBUF:
		return "Content-Type: application/x-protobuf";
	case TA_FORMAT_JSON:
		return "Content-Type: application/json";
	default:
		return "Content-Type: application/x-sentry-envelope";
	}
}

static const char *user_agent(uint8_t format)
{
	return format == TA_FORMAT_ENVELOPE ? "User-Agent: tagalong/" TA_VERSION
					    : "User-Agent: tagalong/" TA_VERSION
					      " OTel-OTLP-Exporter-C/" TA_VERSION;
}

/* On failure everything that was there is given back, unlike libcurl does. */
static bool add_header(const struct ta_curl *curl, struct curl_slist **list, const char *header)
{
	struct curl_slist *longer = curl->list_add(*list, header);

	if (!longer) {
		curl->list_free(*list);
		*list = NULL;
		return false;
	}
	*list = longer;
	return true;
}

/* "Expect:" without a value: nobody is asked before he is sent a body. */
static struct curl_slist *list_headers(const struct ta_curl *curl, const struct ta_target *target,
				       uint8_t format, bool gzip)
{
	struct curl_slist *list = NULL;

	if (!add_header(curl, &list, content_type(format)) ||
	    !add_header(curl, &list, user_agent(format)) || !add_header(curl, &list, "Expect:") ||
	    (gzip && !add_header(curl, &list, "Content-Encoding: gzip")))
		return NULL;
	for (char **header = target->headers; header && *header; header++)
		if (!add_header(curl, &list, *header))
			return NULL;
	return list;
}

static CURLcode set_headers(struct ta_request *request, bool gzip)
{
	const struct ta_curl *curl = request->channel->delivery->curl;
	uint8_t format = request->ticket.head.format;

	if (request->headers && request->headers_format == format && request->headers_gzip == gzip)
		return CURLE_OK;
	struct curl_slist *list = list_headers(curl, request->channel->target, format, gzip);

	if (!list)
		return CURLE_OUT_OF_MEMORY;
	CURLcode code = curl->easy_set(request->easy, CURLOPT_HTTPHEADER, list);

	curl->list_free(request->headers);
	request->headers = list;
	request->headers_format = format;
	request->headers_gzip = gzip;
	return code;
}

static CURLcode set_body(struct ta_request *request, const struct ta_buf *wire)
{
	const struct ta_curl *curl = request->channel->delivery->curl;
	CURLcode code =
		curl->easy_set(request->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)wire->bytes);

	return code ? code : curl->easy_set(request->easy, CURLOPT_POSTFIELDS, wire->data);
}

static bool make_multi(struct ta_delivery *delivery)
{
	if (!delivery->multi)
		delivery->multi = delivery->curl->multi_new();
	return delivery->multi != NULL;
}

bool ta_request_begin(struct ta_request *request, const struct ta_buf *wire, bool gzip)
{
	struct ta_delivery *delivery = request->channel->delivery;

	forget_answer(request);
	CURLcode code = make_multi(delivery) ? make_easy(request) : CURLE_OUT_OF_MEMORY;

	if (!code)
		code = set_headers(request, gzip);
	if (!code)
		code = set_body(request, wire);
	if (!code && delivery->curl->multi_add(delivery->multi, request->easy) != CURLM_OK)
		code = CURLE_OUT_OF_MEMORY;
	if (code)
		snprintf(request->error, sizeof(request->error),
			 "the request cannot be made: %s; it is tried again",
			 delivery->curl->easy_words(code));
	return code == CURLE_OK;
}

void ta_request_end(struct ta_request *request)
{
	struct ta_delivery *delivery = request->channel->delivery;

	if (request->easy && delivery->multi)
		delivery->curl->multi_remove(delivery->multi, request->easy);
}
