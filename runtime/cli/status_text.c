/* SPDX-License-Identifier: MIT */
/*
 * status_text.c - `tagalong status` for a reader: what runs, what is lost, what to do.
 *
 * Agents that ended are shown while they left something to be done, or ended just now.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/status.h"

#include <inttypes.h>
#include <string.h>

#define RECENT_NS (10ull * 60 * 1000000000)

static double per_second(uint64_t now, uint64_t before, double seconds)
{
	return now >= before && seconds > 0 ? (double)(now - before) / seconds : 0;
}

static const struct status_agent *same_agent(const struct status_view *view,
					     const struct status_agent *agent)
{
	const struct status_agent *at = view ? view->agents : NULL;

	while (at && (at->key != agent->key || strcmp(at->run_dir, agent->run_dir) != 0))
		at = at->next;
	return at && at->page && ta_count_get(&at->page->pid) == ta_count_get(&agent->page->pid) ?
		       at : NULL;
}

struct status_rates ta_cli_status_rates(const struct status_view *view,
					const struct status_agent *agent,
					const struct status_view *from)
{
	static const struct ta_status_page nothing;
	const struct ta_status_page *page = agent->page, *old = &nothing;
	struct status_rates rates = { 0 };

	if (!page)
		return rates;
	uint64_t since_ns = ta_count_get(&page->started_ns), until_ns = view->now_ns;
	const struct status_agent *before = same_agent(from, agent);

	if (before) {
		old = before->page;
		since_ns = from->now_ns;
	}
	if (!agent->alive)
		until_ns = ta_count_get(&page->alive_ns);
	if (!since_ns || until_ns <= since_ns)
		return rates;
	double seconds = (double)(until_ns - since_ns) / 1e9;

#define RATE(name) per_second(ta_count_get(&page->name), ta_count_get(&old->name), seconds)
	rates.over_s = seconds;
	rates.records = RATE(records);
	rates.record_bytes = RATE(record_bytes);
	rates.spans = RATE(spans_ended);
	rates.events = RATE(events_captured);
	rates.cpu = RATE(cpu_us) / 1e6;
#undef RATE
	return rates;
}

static bool is_shown(const struct status_view *view, const struct status_agent *agent)
{
	if (agent->alive || agent->program_count || agent->journal)
		return true;
	return agent->page && ta_count_get(&agent->page->alive_ns) + RECENT_NS > view->now_ns;
}

/* A path behind what stands on the line, or on one of its own where a terminal has no room. */
static void put_path(const struct show_screen *screen, int used, const char *path)
{
	if (screen->cut && (unsigned int)used + 2 + ta_show_width(screen, path) > screen->width) {
		fputc('\n', screen->out);
		ta_cli_status_label(screen, "directory");
	} else {
		fputs("  ", screen->out);
	}
	ta_show_text(screen, path, UINT32_MAX);
	fputc('\n', screen->out);
}

static void put_head(const struct show_screen *screen, const struct status_view *view,
		     const struct status_agent *agent)
{
	const struct ta_status_page *page = agent->page;
	char text[32];
	int used = 0;

	ta_show_style(screen, "1");
	used += fprintf(screen->out, "agent %08x", agent->key);
	ta_show_style(screen, NULL);
	ta_show_style(screen, agent->alive ? "32" : agent->program_count ? "31;1" : "2");
	used += fprintf(screen->out, "%s", agent->alive ? "  running" : "  not running");
	ta_show_style(screen, NULL);
	if (agent->alive && agent->pid)
		used += fprintf(screen->out, "  pid %u", agent->pid);
	if (agent->alive && page) {
		ta_cli_status_age(ta_count_get(&page->started_ns), view->now_ns, text);
		used += fprintf(screen->out, "  for %s", text);
		ta_cli_status_bytes(ta_count_get(&page->memory_bytes), text);
		used += fprintf(screen->out, "  %s", text);
	} else if (page && ta_count_get(&page->alive_ns)) {
		ta_cli_status_age(ta_count_get(&page->alive_ns), view->now_ns, text);
		used += fprintf(screen->out, "  since %s", text);
	}
	put_path(screen, used, agent->run_dir);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void put_losses(const struct show_screen *screen, const struct status_program *program)
{
	if (!ta_cli_status_lost(program))
		return;
	ta_show_style(screen, "31;1");
	fputs("  lost", screen->out);
	ta_show_style(screen, NULL);
	for (int i = 0; i < TA_LOSS_COUNT; i++)
		if (program->lost[i])
			fprintf(screen->out, " %s %" PRIu64, ta_loss_word((enum ta_loss)i),
				program->lost[i]);
}

static void put_programs(const struct show_screen *screen, const struct status_agent *agent)
{
	unsigned int width = 0;

	for (const struct status_program *at = agent->programs; at; at = at->next) {
		unsigned int own = ta_show_width(screen, base_of(at->exe));

		width = own > width && own < 40 ? own : width;
	}
	for (const struct status_program *at = agent->programs; at; at = at->next) {
		const char *name = base_of(at->exe);
		unsigned int own = ta_show_width(screen, name);

		ta_cli_status_label(screen, at == agent->programs ? "programs" : "");
		ta_show_text(screen, name, UINT32_MAX);
		ta_show_pad(screen, own < width ? width - own : 0);
		fprintf(screen->out, "  pid %-7u  %u of %u lanes", at->pid, at->lanes_used,
			at->lanes);
		if (at->processes > 1)
			fprintf(screen->out, "  %u processes", at->processes);
		if (!at->alive)
			fputs("  ended", screen->out);
		put_losses(screen, at);
		fputc('\n', screen->out);
	}
}

static void put_rates(const struct show_screen *screen, const struct status_view *view,
		      const struct status_agent *agent, const struct status_view *from)
{
	struct status_rates rates = ta_cli_status_rates(view, agent, from);
	const struct ta_status_page *page = agent->page;

	ta_cli_status_label(screen, "rates");
	fprintf(screen->out, "%.0f records/s  %.0f spans/s  %.1f %% cpu  %s\n", rates.records,
		rates.spans, rates.cpu * 100,
		same_agent(from, agent) ? "now" : "on average");
	ta_cli_status_label(screen, "so far");
	fprintf(screen->out, "%" PRIu64 " spans, %" PRIu64 " events of %" PRIu64 " records",
		ta_count_get(&page->spans_ended), ta_count_get(&page->events_captured),
		ta_count_get(&page->records));
	if (ta_count_get(&page->unsampled_spans))
		fprintf(screen->out, "; %" PRIu64 " spans not sampled",
			ta_count_get(&page->unsampled_spans));
	if (ta_count_get(&page->late_spans))
		fprintf(screen->out, "; %" PRIu64 " came late", ta_count_get(&page->late_spans));
	if (ta_count_get(&page->restarts))
		fprintf(screen->out, "; started anew %" PRIu64 " times",
			ta_count_get(&page->restarts));
	fputc('\n', screen->out);
}

static void put_memory(const struct show_screen *screen, const struct ta_status_page *page)
{
	const struct {
		const char *what;
		const ta_count *count;
	} lost[] = { { "records", &page->lost_records },
		     { "spans", &page->lost_spans },
		     { "events", &page->lost_events } };
	char bytes[32];

	ta_cli_status_bytes(ta_count_get(&page->held_bytes), bytes);
	ta_cli_status_label(screen, "in memory");
	fprintf(screen->out, "%" PRIu64 " spans, %s; %" PRIu64 " open in %" PRIu64 " traces\n",
		ta_count_get(&page->held_spans), bytes, ta_count_get(&page->open_spans),
		ta_count_get(&page->open_traces));
	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		if (!ta_count_get(lost[i].count))
			continue;
		ta_cli_status_label(screen, "lost");
		ta_show_style(screen, "31;1");
		fprintf(screen->out, "%" PRIu64 " %s", ta_count_get(lost[i].count), lost[i].what);
		ta_show_style(screen, NULL);
		fputs(i == 0 ? ": programs were faster than the agent, or had no lane left\n" :
			       ": there was no memory left (TAGALONG_AGENT_MEMORY_BYTES)\n",
		      screen->out);
	}
}

static void put_file(const struct show_screen *screen, const struct status_view *view,
		     const struct ta_status_page *page)
{
	char path[TA_STATUS_TEXT], bytes[32];

	ta_status_get(&page->file, path);
	if (path[0]) {
		ta_cli_status_bytes(ta_count_get(&page->file_bytes), bytes);
		ta_cli_status_label(screen, "file");
		ta_show_text(screen, path, UINT32_MAX);
		/* Long paths are the rule; a line of its own does not wrap. */
		if (screen->cut && ta_show_width(screen, path) + 60 > screen->width) {
			fputc('\n', screen->out);
			ta_cli_status_label(screen, "");
		} else {
			fputs("  ", screen->out);
		}
		fprintf(screen->out, "%" PRIu64 " spans, %" PRIu64 " events, %s\n",
			ta_count_get(&page->file_spans), ta_count_get(&page->file_events), bytes);
	}
	ta_cli_status_error(screen, view, &page->file_error);
}

static void put_agent(const struct show_screen *screen, const struct status_view *view,
		      const struct status_agent *agent, const struct status_view *from)
{
	const struct ta_status_page *page = agent->page;

	put_head(screen, view, agent);
	put_programs(screen, agent);
	if (agent->unreadable) {
		ta_cli_status_label(screen, "");
		fprintf(screen->out, "%u segment%s of another version, damaged or not ready\n",
			agent->unreadable, agent->unreadable == 1 ? "" : "s");
	}
	if (!agent->alive && (agent->program_count || agent->journal)) {
		ta_cli_status_label(screen, "to do");
		fputs("save what is left: tagalong drain ", screen->out);
		ta_show_text(screen, agent->run_dir, UINT32_MAX);
		fputc('\n', screen->out);
	}
	if (!page && (agent->alive || agent->other_version)) {
		ta_cli_status_label(screen, "");
		fputs(agent->other_version ? "an agent of another version: use its own tagalong\n" :
					     "it says no more of itself\n", screen->out);
	}
	if (!page)
		return;
	put_rates(screen, view, agent, from);
	put_memory(screen, page);
	put_file(screen, view, page);
	for (int i = 0; i < TA_QUEUES; i++)
		ta_cli_status_queue(screen, view, &page->queues[i],
				    ta_queue_name((enum ta_queue)i));
}

static void put_spools(const struct show_screen *screen, const struct status_view *view)
{
	for (const struct status_spool *at = view->spools; at; at = at->next) {
		char bytes[32], age[32];

		if (at->owned || !(at->files + at->bad))
			continue;
		ta_cli_status_bytes(at->bytes, bytes);
		ta_cli_status_age(at->oldest_ns, view->now_ns, age);
		ta_show_style(screen, "33");
		fputs("left over", screen->out);
		ta_show_style(screen, NULL);
		fputs("  for ", screen->out);
		ta_show_text(screen, at->queue[0] ? at->queue : "a receiver", UINT32_MAX);
		fprintf(screen->out, ": %u file%s, %s", at->files, at->files == 1 ? "" : "s", bytes);
		if (at->files)
			fprintf(screen->out, ", up to %s old", age);
		if (at->bad)
			fprintf(screen->out, "; %u damaged", at->bad);
		fputs("  ", screen->out);
		ta_show_text(screen, at->path, UINT32_MAX);
		fputs("\n  no agent has it: the next one with the same destination sends it (run a "
		      "program with\n  the same settings), or remove the directory to give it up\n",
		      screen->out);
	}
}

void ta_cli_status_text(const struct show_screen *screen, const struct status_view *view,
			const struct status_view *from)
{
	for (const struct status_agent *at = view->agents; at; at = at->next)
		if (is_shown(view, at))
			put_agent(screen, view, at, from);
	put_spools(screen, view);
	if (ta_cli_status_alive(view))
		return;
	fputs("no agent is running: start a program with `tagalong run PROGRAM`, or with the library "
	      "in\nLD_PRELOAD; it is looked for in", screen->out);
	for (uint32_t i = 0; i < view->dir_count; i++) {
		fputs(i ? ", " : " ", screen->out);
		ta_show_text(screen, view->dirs[i], UINT32_MAX);
	}
	fputs("\n(--run-dir DIR: elsewhere)\n", screen->out);
}
