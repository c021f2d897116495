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
	} else if (attr->key == TA_ATTR_NAMED) {
		facts->named_count++;
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

bool ta_attr_split(const struct ta_attr_view *attr, const char **ret_name, uint32_t *ret_name_bytes,
		   struct ta_attr_view *ret_value)
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

/* What has a name already, by a hash of it: attributes are updated without end, and each
 * finds its place in one step. */
struct names {
	uint8_t slots[2 * TA_OUT_ATTRS_MAX]; /* number of the attribute + 1; 0: free */
};

uint32_t ta_name_print(const char *name, uint32_t bytes)
{
	uint32_t print = 2166136261u;

	for (uint32_t i = 0; i < bytes; i++)
		print = (print ^ (uint8_t)name[i]) * 16777619u;
	return print ^ print >> 16;
}

static bool has_name(const struct ta_out_attr *attr, const char *name, uint32_t bytes)
{
	return attr->name_bytes == bytes && !attr->prefix && memcmp(attr->name, name, bytes) == 0;
}

/* The slot of that name, or the free one where it belongs. */
static uint8_t *find_slot(struct names *names, const struct ta_out_span *out, const char *name,
			  uint32_t bytes)
{
	uint32_t slot = ta_name_print(name, bytes) % (2 * TA_OUT_ATTRS_MAX);

	while (names->slots[slot] && !has_name(&out->attrs[names->slots[slot] - 1], name, bytes))
		slot = (slot + 1) % (2 * TA_OUT_ATTRS_MAX);
	return &names->slots[slot];
}

static void learn_names(struct names *names, const struct ta_out_span *out)
{
	memset(names, 0, sizeof(*names));
	for (uint32_t i = 0; i < out->attr_count; i++)
		*find_slot(names, out, out->attrs[i].name, out->attrs[i].name_bytes) =
			(uint8_t)(i + 1);
}

/* The attribute of that name, made if it is not there; NULL when there is no room. */
static struct ta_out_attr *place_of(struct names *names, struct ta_out_span *out, const char *name,
				    uint32_t bytes)
{
	uint8_t *slot = find_slot(names, out, name, bytes);
	struct ta_out_attr *attr = *slot ? &out->attrs[*slot - 1] : ta_out_add(out, name, bytes);

	if (attr)
		*slot = (uint8_t)(attr - out->attrs + 1);
	return attr;
}

/* Members of a JSON object as attributes.  Names with escapes need memory. */
static void add_members(struct ta_enrich *enrich, const struct ta_attr_view *object,
			struct names *names, struct ta_out_span *out)
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
		attr = key.bytes ? place_of(names, out, key.text, (uint32_t)key.bytes) : NULL;
		if (!attr)
			continue;
		attr->type = TA_ATTR_JSON;
		attr->text = value.text;
		attr->text_bytes = (uint32_t)value.bytes;
	}
}

static void add_named(const struct ta_attr_view *recorded, struct names *names,
		      struct ta_out_span *out)
{
	const char *name;
	uint32_t bytes;
	struct ta_attr_view value;
	struct ta_out_attr *attr;

	if (!ta_attr_split(recorded, &name, &bytes, &value)) {
		out->dropped_attrs++;
		return;
	}
	attr = place_of(names, out, name, bytes);
	if (attr)
		ta_out_set(attr, &value);
}

/* A walk over the attributes of all records that are the span's. */
struct walk {
	const struct ta_span *span;
	uint32_t next; /* record */
	const char *cursor, *end;
};

static bool is_of_span(const struct ta_record *record)
{
	return record->kind != TA_RECORD_SPAN_EVENT && record->kind != TA_RECORD_SPAN_LINK;
}

static bool next_attr(struct walk *walk, struct ta_attr_view *ret_attr)
{
	while (!walk->cursor || !ta_attr_next(&walk->cursor, walk->end, ret_attr)) {
		const struct ta_record *record;
		uint32_t bytes;

		if (walk->next == walk->span->records.count)
			return false;
		record = walk->span->records.items[walk->next++];
		walk->cursor = is_of_span(record) ? ta_record_attrs(record, &bytes) : NULL;
		walk->end = walk->cursor ? walk->cursor + bytes : NULL;
	}
	return true;
}

void ta_out_named(struct ta_enrich *enrich, const struct ta_span *span,
		  const struct ta_facts *facts, struct ta_out_span *out)
{
	struct walk walk = { .span = span };
	struct ta_attr_view attr;
	struct names names;

	if (!facts->named_count && !facts->json_bytes)
		return;
	learn_names(&names, out);
	while (next_attr(&walk, &attr)) {
		if (attr.key == TA_ATTR_EVENT_JSON)
			add_members(enrich, &attr, &names, out);
		else if (attr.key == TA_ATTR_NAMED)
			add_named(&attr, &names, out);
	}
}

const char *ta_span_named(const struct ta_span *span, const char *wanted, uint32_t *ret_bytes)
{
	struct walk walk = { .span = span };
	struct ta_attr_view attr, value;
	const char *name, *found = NULL;
	uint32_t bytes;

	while (next_attr(&walk, &attr)) {
		if (attr.key != TA_ATTR_NAMED || !ta_attr_split(&attr, &name, &bytes, &value))
			continue;
		if (value.type != TA_ATTR_STRING || bytes != strlen(wanted) ||
		    memcmp(name, wanted, bytes) != 0)
			continue;
		found = value.value;
		*ret_bytes = value.bytes;
	}
	return found;
}
