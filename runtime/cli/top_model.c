/* SPDX-License-Identifier: MIT */
/*
 * top_model.c - rates, totals and quantiles, made of what agents say again and again.
 *
 * Agents count from the moment that somebody looks; what they had counted for somebody
 * else before we came is where we begin.  A name of several agents, or hosts, is one row.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/top.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/agent/clock.h"
#include "runtime/agent/segments.h"

#define RECENT_S 10.0	      /* after that, durations count half */
#define STALE_NS 4000000000ull /* an agent writes twice a second, or once when it is quiet */

int ta_top_init(struct top_model *model)
{
	*model = (struct top_model){ .began_ns = ta_unix_now_ns() };
	model->now_ns = model->decayed_ns = model->began_ns;
	model->rows = calloc(TA_TOP_ROWS, sizeof(model->rows[0]));
	return model->rows ? 0 : -ENOMEM;
}

static void forget(struct top_agent **at)
{
	struct top_agent *agent = *at;

	*at = agent->next;
	free(agent);
}

void ta_top_fini(struct top_model *model)
{
	while (model->first)
		forget(&model->first);
	free(model->rows);
	model->rows = NULL;
}

void ta_top_zero(struct top_model *model)
{
	for (uint32_t i = 0; i < model->row_count; i++)
		model->rows[i].flow = (struct top_flow){ 0 };
	memset(model->kinds, 0, sizeof(model->kinds));
}

/* ---- one agent ---- */

static struct top_agent *find_agent(const struct top_model *model, const char *run_dir, uint32_t key)
{
	struct top_agent *agent = model->first;

	while (agent && (agent->key != key || strcmp(agent->run_dir, run_dir) != 0))
		agent = agent->next;
	return agent;
}

static struct top_agent *add_agent(struct top_model *model, const char *run_dir, uint32_t key)
{
	struct top_agent *agent = calloc(1, sizeof(*agent));

	if (!agent)
		return NULL;
	strncpy(agent->run_dir, run_dir, sizeof(agent->run_dir) - 1);
	agent->key = key;
	agent->next = model->first;
	model->first = agent;
	return agent;
}

static bool is_row(const struct top_row *row, const struct ta_live_row *live)
{
	return row->kind == live->kind && strcmp(row->name, live->name) == 0 &&
	       strcmp(row->service, live->service) == 0;
}

/* 0: there is no place left. */
static uint32_t place_of(struct top_model *model, const struct ta_live_row *live)
{
	for (uint32_t i = 0; i < model->row_count; i++)
		if (is_row(&model->rows[i], live))
			return i + 1;
	if (model->row_count == TA_TOP_ROWS)
		return 0;
	struct top_row *row = &model->rows[model->row_count++];

	*row = (struct top_row){ .kind = live->kind };
	strcpy(row->service, live->service);
	strcpy(row->name, live->name);
	return model->row_count;
}

/* What came since an earlier count; a count that went back began anew. */
static uint64_t since(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

static void add_flow(struct top_flow *flow, const struct ta_live_row *now,
		     const struct ta_live_row *before)
{
	flow->total += since(now->count, before->count);
	flow->errors += since(now->errors, before->errors);
	for (int i = 0; i < (int)TA_LIVE_BUCKETS; i++)
		flow->recent[i] += (double)since(now->buckets[i], before->buckets[i]);
}

static void take_row(struct top_model *model, struct top_agent *agent, uint32_t i,
		     const struct ta_live_row *now, const struct ta_live_row *before)
{
	uint32_t *place = &agent->places[i];
	double seconds = (double)agent->gap_ns / 1e9;

	if (!*place || !is_row(&model->rows[*place - 1], now))
		*place = place_of(model, now);
	agent->rates[i] = (double)since(now->count, before->count) / seconds;
	agent->error_rates[i] = (double)since(now->errors, before->errors) / seconds;
	if (*place)
		add_flow(&model->rows[*place - 1].flow, now, before);
	add_flow(&model->kinds[now->kind], now, before);
}

static void take_rows(struct top_model *model, struct top_agent *agent,
		      const struct ta_live_page *page, bool from_nothing)
{
	static const struct ta_live_row nothing;
	uint64_t from_ns = from_nothing ? page->head.since_ns : agent->page.head.time_ns;
	uint32_t known = from_nothing ? 0 : agent->page.head.row_count;

	agent->gap_ns = page->head.time_ns > from_ns ? page->head.time_ns - from_ns : 1;
	memset(agent->rates, 0, sizeof(agent->rates));
	memset(agent->error_rates, 0, sizeof(agent->error_rates));
	for (uint32_t i = 0; i < page->head.row_count; i++)
		take_row(model, agent, i, &page->rows[i], i < known ? &agent->page.rows[i] : &nothing);
}

/* Nothing new for long: it is not there any more, or has been stopped. */
static void grow_old(const struct top_model *model, struct top_agent *agent)
{
	uint64_t time_ns = agent->page.head.time_ns;

	if (model->now_ns <= time_ns || model->now_ns - time_ns < STALE_NS)
		return;
	memset(agent->rates, 0, sizeof(agent->rates));
	memset(agent->error_rates, 0, sizeof(agent->error_rates));
	agent->page.head.open_count = agent->page.head.open_all = 0;
}

void ta_top_take(struct top_model *model, const char *run_dir, const struct ta_live_page *page)
{
	struct top_agent *agent = find_agent(model, run_dir, page->head.key);
	bool known = agent != NULL;
	bool anew = !known || agent->page.head.since_ns != page->head.since_ns;
	bool ours = known || page->head.since_ns >= model->began_ns;

	if (!agent)
		agent = add_agent(model, run_dir, page->head.key);
	if (!agent)
		return;
	agent->seen = true;
	if (anew)
		memset(agent->places, 0, sizeof(agent->places));
	if (ours && (anew || page->head.time_ns != agent->page.head.time_ns))
		take_rows(model, agent, page, anew);
	agent->page = *page;
	grow_old(model, agent);
}

/* ---- all of them ---- */

static void take_losses(struct top_model *model, const struct status_agent *agent)
{
	const struct ta_status_page *page = agent->page;

	model->lost.records += ta_count_get(&page->lost_records);
	model->lost.spans += ta_count_get(&page->lost_spans);
	model->lost.events += ta_count_get(&page->lost_events);
	for (const struct status_program *at = agent->programs; at; at = at->next)
		for (int i = 0; i < TA_LOSS_COUNT; i++)
			model->lost.causes[i] += at->lost[i];
	for (int i = 0; i < TA_QUEUES; i++) {
		model->waiting_spans += ta_count_get(&page->queues[i].waiting_spans);
		for (int why = TA_DROP_SAMPLED + 1; why < TA_DROPS; why++)
			model->lost.undelivered +=
				ta_count_get(&page->queues[i].dropped[why][TA_SPANS]);
	}
}

static void look_at(struct top_model *model, const struct status_agent *agent, int dir_fd)
{
	static struct ta_live_page page;

	model->agents += agent->alive ? 1 : 0;
	model->programs += agent->alive ? agent->program_count : 0;
	model->other_version += agent->alive && agent->other_version ? 1 : 0;
	if (agent->alive && agent->page)
		ta_status_look(dir_fd, agent->key, model->now_ns);
	/* Of one that has ended the last numbers count, once. */
	if (agent->page && (agent->alive || find_agent(model, agent->run_dir, agent->key)) &&
	    ta_live_read(dir_fd, agent->key, &page) == 0)
		ta_top_take(model, agent->run_dir, &page);
	if (agent->page && (agent->alive || ta_count_get(&agent->page->alive_ns) >= model->began_ns))
		take_losses(model, agent);
}

static void begin_look(struct top_model *model)
{
	model->now_ns = ta_unix_now_ns();
	model->agents = model->shown = model->programs = model->other_version = 0;
	model->lost = (struct top_lost){ 0 };
	model->waiting_spans = 0;
	for (struct top_agent *at = model->first; at; at = at->next)
		at->seen = false;
}

/* The older half of what is remembered counts less and less. */
static void decay(struct top_model *model)
{
	uint64_t ns = model->now_ns > model->decayed_ns ? model->now_ns - model->decayed_ns : 0;
	double keep = exp2(-(double)ns / 1e9 / RECENT_S);

	model->decayed_ns = model->now_ns;
	for (uint32_t i = 0; i < model->row_count; i++)
		for (uint32_t k = 0; k < TA_LIVE_BUCKETS; k++)
			model->rows[i].flow.recent[k] *= keep;
	for (uint32_t i = 0; i < TA_LIVE_KINDS; i++)
		for (uint32_t k = 0; k < TA_LIVE_BUCKETS; k++)
			model->kinds[i].recent[k] *= keep;
}

void ta_top_look(struct top_model *model, const struct ta_cli_settings *settings,
		 const char *run_dir)
{
	static struct status_view view;
	int dir_fd;

	ta_cli_status_look(&view, settings, run_dir);
	begin_look(model);
	decay(model);
	model->refused = run_dir && view.refused;
	for (const struct status_agent *at = view.agents; at; at = at->next) {
		if (ta_run_dir_open(at->run_dir, &dir_fd) != 0)
			continue;
		look_at(model, at, dir_fd);
		close(dir_fd);
	}
	ta_cli_status_free(&view);
	for (struct top_agent **at = &model->first; *at;) {
		if ((*at)->seen)
			at = &(*at)->next;
		else
			forget(at);
	}
	ta_top_sum(model);
}

/* ---- the sums ---- */

static void finish_flow(struct top_flow *flow)
{
	double all = 0;

	for (uint32_t i = 0; i < TA_LIVE_BUCKETS; i++)
		all += flow->recent[i];
	/* Less than a hundredth of one: that was long ago. */
	flow->p50_ns = all > 0.01 ? ta_live_quantile(flow->recent, 0.5) : 0;
	flow->p99_ns = all > 0.01 ? ta_live_quantile(flow->recent, 0.99) : 0;
}

static void add_rates(struct top_model *model, const struct top_agent *agent)
{
	for (uint32_t i = 0; i < agent->page.head.row_count; i++) {
		struct top_flow *kind = &model->kinds[agent->page.rows[i].kind];

		kind->rate += agent->rates[i];
		kind->error_rate += agent->error_rates[i];
		if (!agent->places[i])
			continue;
		model->rows[agent->places[i] - 1].flow.rate += agent->rates[i];
		model->rows[agent->places[i] - 1].flow.error_rate += agent->error_rates[i];
	}
}

static void add_open(struct top_model *model, const struct ta_live_open *open)
{
	uint32_t place = model->open_count;

	while (place > 0 && model->open[place - 1].start_ns > open->start_ns)
		place--;
	if (place == TA_TOP_OPEN)
		return;
	if (model->open_count < TA_TOP_OPEN)
		model->open_count++;
	memmove(&model->open[place + 1], &model->open[place],
		(model->open_count - place - 1) * sizeof(model->open[0]));
	model->open[place] = *open;
}

void ta_top_sum(struct top_model *model)
{
	for (uint32_t i = 0; i < model->row_count; i++)
		model->rows[i].flow.rate = model->rows[i].flow.error_rate = 0;
	for (int i = 0; i < TA_LIVE_KINDS; i++)
		model->kinds[i].rate = model->kinds[i].error_rate = 0;
	model->shown = model->open_count = 0;
	model->open_all = 0;
	for (const struct top_agent *at = model->first; at; at = at->next) {
		model->shown++;
		model->open_all += at->page.head.open_all;
		add_rates(model, at);
		for (uint32_t i = 0; i < at->page.head.open_count; i++)
			add_open(model, &at->page.open[i]);
	}
	for (uint32_t i = 0; i < model->row_count; i++)
		finish_flow(&model->rows[i].flow);
	for (int i = 0; i < TA_LIVE_KINDS; i++)
		finish_flow(&model->kinds[i]);
}

/* ---- which rows, in which order ---- */

const char *ta_top_kind_word(int kind)
{
	static const char *const words[] = { "requests", "calls", "own spans", "other", "all" };

	return words[kind >= 0 && kind < TA_LIVE_KINDS ? kind : TA_LIVE_KINDS];
}

const char *ta_top_sort_word(enum top_sort sort)
{
	static const char *const words[TOP_SORTS] = { "rate", "errors", "p50", "p99", "total", "name" };

	return words[sort < TOP_SORTS ? sort : TOP_RATE];
}

static double value_of(const struct top_flow *flow, enum top_sort sort)
{
	switch (sort) {
	case TOP_RATE:
		return flow->rate;
	case TOP_ERRORS:
		return flow->error_rate;
	case TOP_P50:
		return (double)flow->p50_ns;
	case TOP_P99:
		return (double)flow->p99_ns;
	case TOP_TOTAL:
		return (double)flow->total;
	default:
		return 0;
	}
}

/* What is the same goes by total, then by name, so that rows do not dance. */
static int compare(const void *left, const void *right, void *user)
{
	const struct top_row *a = *(const struct top_row *const *)left;
	const struct top_row *b = *(const struct top_row *const *)right;
	const enum top_sort *sort = user;
	double x = value_of(&a->flow, *sort), y = value_of(&b->flow, *sort);

	if (x > y || x < y)
		return x > y ? -1 : 1;
	if (*sort != TOP_NAME && a->flow.total != b->flow.total)
		return a->flow.total > b->flow.total ? -1 : 1;
	int order = strcmp(a->name, b->name);

	return order ? order : strcmp(a->service, b->service);
}

const struct top_row **ta_top_sorted(const struct top_model *model, const struct top_view *view,
				     uint32_t *ret_count)
{
	const struct top_row **rows = calloc(model->row_count + 1, sizeof(*rows));
	enum top_sort sort = view->sort;

	*ret_count = 0;
	if (!rows)
		return NULL;
	for (uint32_t i = 0; i < model->row_count; i++)
		if ((view->kind == TA_LIVE_KINDS || (int)model->rows[i].kind == view->kind) &&
		    model->rows[i].flow.total)
			rows[(*ret_count)++] = &model->rows[i];
	qsort_r(rows, *ret_count, sizeof(*rows), compare, &sort);
	return rows;
}
