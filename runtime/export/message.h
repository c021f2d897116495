/* SPDX-License-Identifier: MIT */
/*
 * message.h - what goes to a receiver in one request, and what became of it.
 *
 * Encoders make messages, the spool keeps them, the delivery sends them.  A head says
 * what is in one, so that everything that is ever dropped can be counted without looking
 * inside.
 *
 * Runs: agent, any thread.
 */
#ifndef TA_EXPORT_MESSAGE_H
#define TA_EXPORT_MESSAGE_H

#include "runtime/export/buf.h"

/* The queues of an agent: each has its own receiver, spool, and state of retry. */
enum ta_queue {
	TA_QUEUE_OTLP_TRACES,
	TA_QUEUE_OTLP_LOGS,
	TA_QUEUE_OTLP_METRICS,
	TA_QUEUE_SENTRY,
	TA_QUEUE_ENVELOPES, /* a directory */
	TA_QUEUES
};

/* "otlp-traces", "otlp-logs", "otlp-metrics", "sentry", "envelopes". */
const char *ta_queue_name(enum ta_queue queue);

/* What the body is. */
enum ta_format {
	TA_FORMAT_PROTOBUF = 1, /* of OTLP */
	TA_FORMAT_JSON,		/* the same as JSON */
	/* A Sentry envelope whose header has no sent_at yet: it begins with '{' and at least
	 * one member, and who sends it puts "sent_at" first. */
	TA_FORMAT_ENVELOPE,
};

/* Sentry's data categories (rate limits, client reports); of OTLP messages NONE. */
enum ta_category {
	TA_CATEGORY_NONE,
	TA_CATEGORY_ERROR,
	TA_CATEGORY_TRANSACTION,
	TA_CATEGORY_SPAN,
	TA_CATEGORY_LOG_ITEM,
	TA_CATEGORY_INTERNAL, /* client reports */
	TA_CATEGORIES
};

/* As it stands in the spool in front of the body, host byte order. */
struct ta_message_head {
	uint32_t bytes; /* of the body */
	uint8_t format; /* enum ta_format */
	uint8_t category; /* enum ta_category: of what limits it */
	uint8_t gzip; /* the body is compressed */
	uint8_t done; /* in the spool: sent, or given up */
	uint32_t spans;	 /* in the body; a transaction counts as one of them */
	uint32_t events; /* captured events, logs */
	uint32_t points; /* of metrics */
	uint32_t transactions;
	uint64_t time_ns; /* Unix time at which it was made */
};

_Static_assert(sizeof(struct ta_message_head) == 32, "format of the spool");

struct ta_message {
	struct ta_message_head head;
	struct ta_buf body;
};

/* A growing list, in order. */
struct ta_messages {
	struct ta_message *items;
	uint32_t count, capacity;
	bool failed; /* out of memory: something is missing */
};

/* A new message at the end, all zero; NULL when out of memory (failed is set then). */
struct ta_message *ta_messages_add(struct ta_messages *messages);
void ta_messages_clear(struct ta_messages *messages); /* gives the bodies back */
void ta_messages_fini(struct ta_messages *messages);

/* Why something did not arrive. */
enum ta_drop {
	TA_DROP_SAMPLED,      /* left out by TAGALONG_KEEP_* or SENTRY_*SAMPLE_RATE */
	TA_DROP_SPOOL_FULL,   /* the oldest, when more waited than may */
	TA_DROP_SPOOL_AGE,    /* waited too long */
	TA_DROP_SPOOL_DAMAGED,/* found unreadable after a restart */
	TA_DROP_TOO_LARGE,    /* more than the protocol allows, or 413 */
	TA_DROP_REFUSED,      /* an answer that forbids to try again */
	TA_DROP_PARTIAL,      /* rejected by a receiver that took the rest */
	TA_DROP_RATE_LIMITED, /* Sentry's limits */
	TA_DROP_NO_MEMORY,    /* neither disk nor memory had room */
	TA_DROPS
};

/* "sampled", "spool_full" ... */
const char *ta_drop_name(enum ta_drop drop);

#endif
