/* SPDX-License-Identifier: MIT */
/*
 * enrich_facts.c - the attributes of a span's records, read once.
 *
 * Attributes of start, attribute and end records are the span's; those of events and
 * links are theirs and are only counted here.  Attributes come under a number, under
 * a name, or many together as the members of one JSON object.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"

/* A status without a message takes an older message away. */
static void keep_status(struct ta_facts *facts, const struct ta_attr_view *attr,
			const struct ta_record *record)
{
	const char *message = facts->known[TA_ATTR_STATUS_MESSAGE].value;

	if (attr->key == TA_ATTR_STATUS && ta_facts_have(facts, TA_ATTR_STATUS_MESSAGE) &&
	    !(message > (const char *)record && message < attr->value))
		facts->present &= ~(1ull << TA_ATTR_STATUS_MESSAGE);
}

static void take(struct ta_facts *facts, const struct ta_attr_view *attr,
		 const struct ta_record *record)
{
	if (attr->key == TA_ATTR_TAG) {
		facts->tag_count++;
	} else if (attr->key == TA_ATTR_EVENT_JSON) {
		facts->json_bytes += attr->bytes;
	} else if (attr->key < TA_KNOWN_KEYS) {
		keep_status(facts, attr, record);
		facts->known[attr->key] = *attr;
		facts->present |= 1ull << attr->key;
		if (attr->key == TA_ATTR_EXCEPTION_TYPE || attr->key == TA_ATTR_EXCEPTION_MESSAGE)
			facts->error_record = record;
	} else if (attr->key == TA_ATTR_NAMED && facts->named_count < TA_NAMED_MAX) {
		facts->named[facts->named_count++] = *attr;
	} else {
		facts->dropped++;
	}
}

void ta_facts_collect(const struct ta_span *span, struct ta_facts *facts)
{
	facts->present = 0;
	facts->named_count = facts->dropped = facts->json_bytes = 0;
	facts->tag_count = facts->event_count = facts->link_count = 0;
	facts->exception = false;
	for (uint32_t i = 0; i < span->records.count; i++) {
		const struct ta_record *record = span->records.items[i];
		uint32_t bytes;
		const char *cursor = ta_record_attrs(record, &bytes);
		const char *end = cursor + bytes;
		struct ta_attr_view attr;

		if (record->kind == TA_RECORD_SPAN_EVENT)
			facts->event_count++;
		else if (record->kind == TA_RECORD_SPAN_LINK)
			facts->link_count++;
		else
			while (ta_attr_next(&cursor, end, &attr))
				take(facts, &attr, record);
	}
}

bool ta_attr_split(const struct ta_attr_view *attr, const char **ret_name,
		   uint32_t *ret_name_bytes, struct ta_attr_view *ret_value)
{
	uint32_t name_bytes = attr->bytes ? (uint8_t)attr->value[0] : 0;

	if (!name_bytes || name_bytes + 1 > attr->bytes)
		return false;
	*ret_name = attr->value + 1;
	*ret_name_bytes = name_bytes;
	*ret_value = *attr;
	ret_value->value += name_bytes + 1;
	ret_value->bytes = (uint16_t)(attr->bytes - name_bytes - 1);
	return true;
}

void ta_out_set(struct ta_out_attr *attr, const struct ta_attr_view *value)
{
	attr->type = value->type;
	attr->text = value->value;
	attr->text_bytes = value->bytes;
	if (value->type == TA_ATTR_INT || value->type == TA_ATTR_BOOL)
		attr->number = ta_attr_int(value);
	else if (value->type == TA_ATTR_DOUBLE && value->bytes == sizeof(attr->real))
		memcpy(&attr->real, value->value, sizeof(attr->real));
	else if (value->type == TA_ATTR_DOUBLE)
		attr->real = 0;
	else if (value->type != TA_ATTR_STRING && value->type != TA_ATTR_JSON)
		attr->type = TA_ATTR_BYTES; /* or of a newer host */
}

/* The attribute of that name, made if it is not there; NULL when there is no room. */
static struct ta_out_attr *place_of(struct ta_out_span *out, const char *name, uint32_t bytes)
{
	struct ta_out_attr *attr = ta_out_find(out, name, bytes);

	return attr ? attr : ta_out_add(out, name, bytes);
}

/* Members of a JSON object as attributes.  Names with escapes need memory. */
static void add_members(struct ta_enrich *enrich, const struct ta_attr_view *object,
			struct ta_out_span *out)
{
	struct ta_json_walk walk;
	struct ta_json_slice key, value;

	if (!ta_json_walk(&walk, object->value, object->bytes) || !walk.object)
		return;
	while (ta_json_next(&walk, &key, &value)) {
		struct ta_out_attr *attr;

		if (key.bytes && memchr(key.text, '\\', key.bytes)) {
			char *plain = ta_scratch(enrich, key.bytes);

			if (!plain)
				continue;
			key.bytes = ta_json_unescape(key.text, key.bytes, plain, key.bytes);
			key.text = plain;
		}
		attr = key.bytes ? place_of(out, key.text, (uint32_t)key.bytes) : NULL;
		if (!attr)
			continue;
		attr->type = TA_ATTR_JSON;
		attr->text = value.text;
		attr->text_bytes = (uint32_t)value.bytes;
	}
}

static void add_objects(struct ta_enrich *enrich, const struct ta_span *span,
			struct ta_out_span *out)
{
	for (uint32_t i = 0; i < span->records.count; i++) {
		const struct ta_record *record = span->records.items[i];
		uint32_t bytes;
		const char *cursor = ta_record_attrs(record, &bytes);
		const char *end = cursor + bytes;
		struct ta_attr_view attr;

		if (record->kind == TA_RECORD_SPAN_EVENT || record->kind == TA_RECORD_SPAN_LINK)
			continue;
		while (ta_attr_next(&cursor, end, &attr))
			if (attr.key == TA_ATTR_EVENT_JSON)
				add_members(enrich, &attr, out);
	}
}

void ta_out_named(struct ta_enrich *enrich, const struct ta_span *span,
		  const struct ta_facts *facts, struct ta_out_span *out)
{
	if (facts->json_bytes)
		add_objects(enrich, span, out);
	for (uint32_t i = 0; i < facts->named_count; i++) {
		const char *name;
		uint32_t bytes;
		struct ta_attr_view value;
		struct ta_out_attr *attr;

		if (!ta_attr_split(&facts->named[i], &name, &bytes, &value)) {
			out->dropped_attrs++;
			continue;
		}
		attr = place_of(out, name, bytes);
		if (attr)
			ta_out_set(attr, &value);
	}
}

const char *ta_facts_named(const struct ta_facts *facts, const char *wanted, uint32_t *ret_bytes)
{
	for (uint32_t i = facts->named_count; i-- > 0;) {
		const char *name;
		uint32_t bytes;
		struct ta_attr_view value;

		if (!ta_attr_split(&facts->named[i], &name, &bytes, &value))
			continue;
		if (value.type != TA_ATTR_STRING || bytes != strlen(wanted) ||
		    memcmp(name, wanted, bytes) != 0)
			continue;
		*ret_bytes = value.bytes;
		return value.value;
	}
	return NULL;
}
