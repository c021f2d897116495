/* SPDX-License-Identifier: MIT */
/*
 * spans.h - spans made by hand, and checks that have names.
 *
 * For tests of the exporters and of `tagalong show`.
 */
#ifndef TA_TESTS_UNIT_SPANS_H
#define TA_TESTS_UNIT_SPANS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "runtime/agent/model.h"
#include "runtime/export/enrich.h"
#include "runtime/wire/config.h"
#include "tests/unit/check.h"

/* Checks with names of their own; the group says the first that failed. */
#define expect(name, good, why) check_at((good), name, __LINE__, "%s", why)
#define expect_text(name, got, want) expect_text_at(name, __LINE__, got, want)
#define expect_number(name, got, want) expect_number_at(name, __LINE__, (got), (want))

__attribute__((unused)) static void expect_number_at(const char *name, int line, long long got,
						     long long want)
{
	check_at(got == want, name, line, "got %lld, want %lld", got, want);
}

__attribute__((unused)) static void expect_text_at(const char *name, int line, const char *got,
						   const char *want)
{
	check_at(got && strcmp(got, want) == 0, name, line, "got '%s', want '%s'",
		 got ? got : "(nothing)", want);
}

/* A span whose records hold the attributes given with put_*(). */
struct made_span {
	struct ta_span span;
	struct ta_record *records[384];
	char *bytes; /* of all records, with room for attributes */
	size_t used;
	size_t begin; /* of the last record */
};

__attribute__((unused)) static void span_make(struct made_span *made, enum ta_span_type type)
{
	memset(made, 0, sizeof(*made));
	made->bytes = calloc(1, 262144);
	made->used = sizeof(struct ta_record_span_start);
	made->records[0] = (struct ta_record *)(void *)made->bytes;
	made->records[0]->kind = TA_RECORD_SPAN_START;
	made->records[0]->units = (uint16_t)(made->used / 8);
	made->span.type = (uint8_t)type;
	made->span.end = TA_SPAN_ENDED;
	made->span.trace_hi = 0x0af7651916cd43ddull;
	made->span.trace_lo = 0x8448eb211c80319cull;
	made->span.span_id = 0xb7ad6b7169203331ull;
	made->span.start_ns = 1000;
	made->span.end_ns = 3000;
	made->span.records = (struct ta_record_list){ made->records, 1, 1 };
}

/* One more record of the span; attributes go to it from now on. */
__attribute__((unused)) static void *span_record(struct made_span *made, enum ta_record_kind kind,
						 size_t fixed_bytes)
{
	struct ta_record *record;

	made->begin = made->used = (made->used + 7) & ~(size_t)7;
	record = (struct ta_record *)(void *)(made->bytes + made->begin);
	made->used += fixed_bytes;
	record->kind = (uint8_t)kind;
	record->units = (uint16_t)(fixed_bytes / 8);
	made->records[made->span.records.count++] = record;
	return record;
}

__attribute__((unused)) static void span_drop(struct made_span *made)
{
	free(made->bytes);
}

__attribute__((unused)) static void put_attr(struct made_span *made, uint8_t key, uint8_t type,
					     const void *value, size_t bytes)
{
	struct ta_attr attr = { key, type, (uint16_t)bytes };

	memcpy(made->bytes + made->used, &attr, sizeof(attr));
	memcpy(made->bytes + made->used + sizeof(attr), value, bytes);
	made->used += sizeof(attr) + ((bytes + 3) & ~(size_t)3);
	made->records[made->span.records.count - 1]->units =
		(uint16_t)((made->used - made->begin + 7) / 8);
}

__attribute__((unused)) static void put_text(struct made_span *made, uint8_t key, const char *text)
{
	put_attr(made, key, TA_ATTR_STRING, text, strlen(text));
}

__attribute__((unused)) static void put_json(struct made_span *made, uint8_t key, const char *text)
{
	put_attr(made, key, TA_ATTR_JSON, text, strlen(text));
}

__attribute__((unused)) static void put_int(struct made_span *made, uint8_t key, int64_t value)
{
	put_attr(made, key, TA_ATTR_INT, &value, sizeof(value));
}

__attribute__((unused)) static void put_named(struct made_span *made, const char *name, uint8_t type,
					      const void *value, size_t bytes)
{
	char both[1024];

	both[0] = (char)strlen(name);
	memcpy(both + 1, name, strlen(name));
	memcpy(both + 1 + strlen(name), value, bytes);
	put_attr(made, TA_ATTR_NAMED, type, both, 1 + strlen(name) + bytes);
}

__attribute__((unused)) static void put_ipv4(struct made_span *made, uint8_t key, const char *address,
					     uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, address, &in.sin_addr);
	put_attr(made, key, TA_ATTR_BYTES, &in, sizeof(in));
}

__attribute__((unused)) static void put_ipv6(struct made_span *made, uint8_t key, const char *address,
					     uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	inet_pton(AF_INET6, address, &in6.sin6_addr);
	put_attr(made, key, TA_ATTR_BYTES, &in6, sizeof(in6));
}

/* All settings at what an empty environment gives, as far as the exporters care. */
__attribute__((unused)) static struct ta_config plain_config(void)
{
	struct ta_config config = { 0 };

	config.http_names = "path";
	config.http_routes = config.service_name = config.resource_attributes = "";
	config.file = "";
	return config;
}

/* Entries of scopes. */
#define TEXT_ENTRY(k, v)                                                                           \
	{                                                                                          \
		.key = (k), .value = (v), .key_bytes = sizeof(k) - 1, .value_bytes = sizeof(v) - 1,\
		.type = TA_ATTR_STRING                                                             \
	}
#define JSON_ENTRY(k, v)                                                                           \
	{                                                                                          \
		.key = (k), .value = (v), .key_bytes = sizeof(k) - 1, .value_bytes = sizeof(v) - 1,\
		.type = TA_ATTR_JSON                                                               \
	}

/* The attribute of that name, or NULL. */
__attribute__((unused)) static const struct ta_out_attr *attr_of(const struct ta_out_span *out,
								 const char *name)
{
	for (uint32_t i = 0; i < out->attr_count; i++) {
		const struct ta_out_attr *attr = &out->attrs[i];

		if (attr->prefix_bytes + attr->name_bytes == strlen(name) &&
		    (!attr->prefix || memcmp(attr->prefix, name, attr->prefix_bytes) == 0) &&
		    memcmp(attr->name, name + attr->prefix_bytes, attr->name_bytes) == 0)
			return attr;
	}
	return NULL;
}

/* Its text (or JSON) in static memory; NULL when it is missing or is something else. */
__attribute__((unused)) static const char *text_of(const struct ta_out_span *out, const char *name)
{
	static char text[65536];
	const struct ta_out_attr *attr = attr_of(out, name);

	if (!attr || (attr->type != TA_ATTR_STRING && attr->type != TA_ATTR_JSON))
		return NULL;
	memcpy(text, attr->text, attr->text_bytes);
	text[attr->text_bytes] = '\0';
	return text;
}

/* Its number; -1 when it is missing or is none. */
__attribute__((unused)) static long long number_of(const struct ta_out_span *out, const char *name)
{
	const struct ta_out_attr *attr = attr_of(out, name);

	return attr && (attr->type == TA_ATTR_INT || attr->type == TA_ATTR_BOOL) ? attr->number : -1;
}

#endif
