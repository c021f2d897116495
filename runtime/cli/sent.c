/* SPDX-License-Identifier: MIT */
/*
 * sent.c - what an agent has sent to its receivers since we looked last.
 */
#include "runtime/cli/sent.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "runtime/cli/cli.h"

#define LOOK_US 20000

void ta_cli_sent_start(struct ta_cli_sent *sent, const char *run_dir, uint32_t key)
{
	*sent = (struct ta_cli_sent){ .key = key };
	sent->dir_fd = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct ta_status_page *page = ta_status_open(sent->dir_fd, key);

	if (!page)
		return;
	sent->agent = ta_count_get(&page->started_ns);
	for (int i = 0; i < TA_QUEUES; i++) {
		sent->taken[i] = ta_count_get(&page->queues[i].taken[TA_SPANS]);
		sent->sent[i] = ta_count_get(&page->queues[i].sent[TA_SPANS]);
	}
	ta_status_close(page);
}

static bool takes_spans(const struct ta_status_page *page, int queue)
{
	return ta_count_get(&page->queues[queue].wanted) && queue != TA_QUEUE_OTLP_LOGS &&
	       queue != TA_QUEUE_OTLP_METRICS;
}

/* Something waits, and nobody has said yet that it will have to. */
static bool is_under_way(const struct ta_status_page *page)
{
	for (int i = 0; i < TA_QUEUES; i++)
		if (takes_spans(page, i) && ta_count_get(&page->queues[i].waiting_spans) &&
		    !ta_count_get(&page->queues[i].next_try_ns))
			return true;
	return false;
}

static void say_queue(const struct ta_cli_sent *sent, const struct ta_status_page *page, int queue)
{
	const struct ta_status_queue *now = &page->queues[queue];
	bool same = sent->agent == ta_count_get(&page->started_ns);
	uint64_t done = ta_count_get(&now->sent[TA_SPANS]) - (same ? sent->sent[queue] : 0);
	uint64_t taken = ta_count_get(&now->taken[TA_SPANS]) - (same ? sent->taken[queue] : 0);
	uint64_t waiting = ta_count_get(&now->waiting_spans);
	char where[TA_STATUS_TEXT], error[TA_STATUS_TEXT];

	ta_status_get(&now->shown, where);
	ta_status_get(&now->error, error);
	if (done || !taken)
		ta_cli_say("%" PRIu64 " span%s -> %s", done, done == 1 ? "" : "s", where);
	if (waiting)
		ta_cli_say("%" PRIu64 " span%s wait%s for %s%s%s; `tagalong status` tells more",
			   waiting, waiting == 1 ? "" : "s", waiting == 1 ? "s" : "", where,
			   error[0] ? ": " : "", error);
	else if (taken > done)
		ta_cli_say("%" PRIu64 " of %" PRIu64 " spans were not taken by %s%s%s; `tagalong "
			   "status` tells more", taken - done, taken, where, error[0] ? ": " : "",
			   error);
}

void ta_cli_sent_end(struct ta_cli_sent *sent, int limit_ms)
{
	const struct ta_status_page *page = ta_status_open(sent->dir_fd, sent->key);

	for (; page && is_under_way(page) && limit_ms > 0; limit_ms -= LOOK_US / 1000) {
		ta_status_close(page);
		usleep(LOOK_US);
		page = ta_status_open(sent->dir_fd, sent->key);
	}
	for (int i = 0; page && i < TA_QUEUES; i++)
		if (takes_spans(page, i))
			say_queue(sent, page, i);
	if (page)
		ta_status_close(page);
	if (sent->dir_fd >= 0)
		close(sent->dir_fd);
	sent->dir_fd = -1;
}
