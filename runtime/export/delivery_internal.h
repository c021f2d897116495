/* SPDX-License-Identifier: MIT */
/*
 * delivery_internal.h - what the files of the delivery share.
 *
 * A channel is one queue on its way to one receiver; a request is one message that is under
 * way.  Only the delivery thread touches requests, back-off, limits and what is said; the
 * rest takes part by the spool (its own lock), by counts (atomic) and by the few words below
 * the mutex.
 *
 * Locks, outermost first: channel->accounts, delivery->mutex, the spool's own,
 * delivery->report_mutex (taken by dropped(), under the spool's).
 *
 * Runs: agent.
 */
#ifndef TA_EXPORT_DELIVERY_INTERNAL_H
#define TA_EXPORT_DELIVERY_INTERNAL_H

#include <pthread.h>

#include "runtime/export/curl.h"
#include "runtime/export/delivery.h"
#include "runtime/export/retry.h"
#include "runtime/export/scrape.h"
#include "runtime/export/sentry.h"
#include "runtime/export/spool.h"

#define TA_SECOND_NS 1000000000ull
#define TA_IN_FLIGHT 4u		       /* requests of one queue at once */
#define TA_BODY_MAX (64u << 20)	       /* before compression */
#define TA_ANSWER_MAX (4u << 20)       /* a longer one is a failure */
#define TA_ANSWER_HEAD_MAX (64u << 10) /* of all header lines */
#define TA_BODY_KEPT (64u << 10)       /* larger buffers go back when nothing waits */
#define TA_SAY_AGAIN_NS (60 * TA_SECOND_NS)
#define TA_LOOK_NS (10 * TA_SECOND_NS)	 /* at ages, and for what others left */
#define TA_REPORT_NS (30 * TA_SECOND_NS) /* then a client report goes alone */
#define TA_SENTENCE 1024u

struct ta_channel;

struct ta_request {
	struct ta_channel *channel;
	CURL *easy; /* NULL until the first use */
	bool busy;
	bool has_ticket; /* false: a client report alone */
	struct ta_spool_ticket ticket;
	struct ta_buf body; /* as it waits */
	struct ta_buf wire; /* as it is sent, where that differs */
	struct curl_slist *headers;
	uint8_t headers_format; /* that they were made for; 0: none yet */
	bool headers_gzip;
	uint64_t started_ns;
	struct ta_sentry_report report; /* what goes along */
	bool has_report;

	/* The answer so far. */
	int status;
	bool answered; /* a final head is complete */
	bool too_large;
	bool json;
	uint32_t head_bytes;
	struct ta_buf answer;
	char retry_after[64], limits[1024];
	char error[CURL_ERROR_SIZE];
};

struct ta_channel {
	struct ta_delivery *delivery;
	const struct ta_target *target; /* NULL: not wanted */
	struct ta_status_queue *status;
	struct ta_spool *spool;
	uint64_t opened_last; /* the highest number that was there already */
	/* What the spool holds changes together with what is counted. */
	pthread_mutex_t accounts;
	_Atomic uint32_t in_flight;
	uint32_t in_flight_max;
	struct ta_retry retry;
	struct ta_request requests[TA_IN_FLIGHT];
	struct ta_spool_ticket again[TA_IN_FLIGHT]; /* came back, and will be retries */
	uint32_t again_count;
	bool bad, bad_said;
	uint64_t bad_said_ns;
	_Atomic uint64_t drops[TA_DROPS]; /* messages */
	uint64_t drops_said[TA_DROPS], drops_said_ns[TA_DROPS];
	uint64_t files_bytes; /* in the directory of envelopes */
	bool files_known;
};

struct ta_delivery {
	struct ta_delivery_options options;
	struct ta_channel channels[TA_QUEUES];
	pthread_t thread;
	bool running;
	int wake_fd; /* eventfd */

	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool stop, hurry;
	uint64_t stop_ns;
	uint32_t waiters; /* in flush() */

	pthread_mutex_t report_mutex;
	struct ta_sentry_report report;
	uint64_t report_ns;  /* when it goes alone; 0: there is none */
	bool report_at_once; /* while somebody waits in flush() */

	struct ta_sentry_limits limits;
	const struct ta_curl *curl;
	CURLM *multi; /* of this thread */
	struct ta_scrape *scrape;
	struct ta_buf scratch;
	uint64_t random, look_ns;
};

/* ---- delivery.c ---- */

static inline bool ta_channel_wanted(const struct ta_channel *channel)
{
	return channel->target != NULL;
}

/* Unix time as the agent's clock has it. */
uint64_t ta_delivery_unix_ns(void);
void ta_delivery_wake(struct ta_delivery *delivery);
uint64_t ta_delivery_random(struct ta_delivery *delivery);

/* ---- delivery_count.c ---- */

void ta_count_taken(struct ta_channel *channel, const struct ta_message_head *head);
void ta_count_dropped(struct ta_channel *channel, enum ta_drop why,
		      const struct ta_message_head *head);
/* All sent but what was rejected of the kind that the queue is for. */
void ta_count_sent(struct ta_channel *channel, const struct ta_message_head *head,
		   uint64_t rejected);
/* What waits, as numbers of the status; returns how many messages. */
uint64_t ta_channel_publish(struct ta_channel *channel);
/* A spool's callbacks; user is the channel. */
void ta_channel_dropped(void *user, enum ta_drop why, const struct ta_message_head *head);
void ta_channel_adopted(void *user, const struct ta_message_head *head);
/* The next message, into the request; false: there is none. */
bool ta_channel_take(struct ta_channel *channel, struct ta_request *request);
/* A put is undone: it was not taken after all.  Under channel->accounts. */
void ta_channel_undo(struct ta_channel *channel, uint64_t number);

/* ---- delivery_say.c ---- */

/* Something went wrong: into the status, and into the log if the queue was well. */
void ta_channel_fails(struct ta_channel *channel, const char *sentence);
void ta_channel_is_well(struct ta_channel *channel);
/* Drops that were not told yet: the first of a kind at once, then once a minute. */
void ta_channel_say_drops(struct ta_channel *channel, uint64_t now_ns);
/* Why a request failed, what to do about it; bounded, printable, without secrets. */
void ta_request_words(const struct ta_request *request, CURLcode code, enum ta_verdict verdict,
		      const char *theirs, char out[TA_SENTENCE]);

/* ---- delivery_send.c ---- */

/* Begins what may be begun now; true when there is more to do at once. */
bool ta_channel_send(struct ta_channel *channel, uint64_t now_ns);
/* Nothing waits: what large bodies needed goes back. */
void ta_channel_trim(struct ta_channel *channel);
/* A request that is free (there is one), without a message yet. */
struct ta_request *ta_channel_reserve(struct ta_channel *channel, uint64_t now_ns);
void ta_request_release(struct ta_request *request);
/* The message goes back, to be sent later; it keeps its place. */
void ta_request_back(struct ta_request *request);
/* The message is over: counted by the caller. */
void ta_request_done(struct ta_request *request);
void ta_request_drop(struct ta_request *request, enum ta_drop why);
void ta_request_fini(struct ta_request *request);

/* ---- delivery_http.c ---- */

/* Hands a request to libcurl: wire is what is sent.  False (and the request's error) when
 * that cannot be. */
bool ta_request_begin(struct ta_request *request, const struct ta_buf *wire, bool gzip);
void ta_request_end(struct ta_request *request); /* off the multi handle */

/* ---- delivery_answer.c ---- */

void ta_request_finish(struct ta_request *request, CURLcode code);

/* ---- delivery_sentry.c ---- */

/* The request's envelope as it is sent: sent_at, a client report along if there is one.
 * Returns 0 or -ENOMEM. */
int ta_sentry_dress(struct ta_request *request, struct ta_buf *out);
void ta_sentry_report_back(struct ta_request *request); /* it did not arrive */
/* A report that waited long enough goes alone. */
bool ta_sentry_report_due(struct ta_delivery *delivery, uint64_t now_ns);
/* While somebody waits, reports do not; what is there goes now. */
void ta_sentry_report_hurry(struct ta_delivery *delivery, bool at_once);
int ta_sentry_report_take(struct ta_request *request);
/* Envelope with "sent_at" first; anything else as it is. */
void ta_sentry_put_sent(struct ta_buf *out, const struct ta_buf *envelope);

/* ---- delivery_files.c ---- */

/* Writes some envelopes into the directory; true when more wait. */
bool ta_channel_write(struct ta_channel *channel, uint64_t now_ns);

#endif
