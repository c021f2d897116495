/* SPDX-License-Identifier: MIT */
/*
 * doctor_agent.c - who takes what a process records, and whether it gets where it should.
 *
 * The agent is found by the lock in the process's own run directory, and is not asked: its
 * page (agent/status.h) says what it does.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cli/status.h"

#define SILENT_NS 5000000000ull

/* ---- the agent itself ---- */

static bool same_inode(void *user, const struct ta_doctor_mapping *mapping)
{
	uint64_t *inode = user;

	if (mapping->inode != *inode)
		return true;
	*inode = 0;
	return false;
}

static void say_deleted(struct ta_doctor *doctor, const struct ta_doctor_segment *segment,
			const struct status_agent *agent)
{
	uint64_t inode = segment->inode;

	if (!segment->deleted)
		return;
	if (agent && agent->alive && agent->pid && ta_doctor_maps(agent->pid, same_inode, &inode) == 0 &&
	    inode == 0)
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "its segment file was deleted: agent %u still has it, a later one "
			    "could not; restart the program", agent->pid);
	else
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "its segment file was deleted, and no agent has it: what it records is "
			    "lost; restart the program, and leave files in %s alone", segment->dir);
}

static void say_dead(struct ta_doctor *doctor, const struct ta_doctor_segment *segment,
		     const struct status_agent *agent, const struct ta_cli_settings *settings)
{
	if (strcmp(settings->config.agent, "none") == 0)
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "no agent, as TAGALONG_AGENT=none wants it: what it records waits in "
			    "its lanes while there is room: tagalong drain %s", segment->dir);
	else if (agent && agent->other_version)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "its agent %08x was of another version and is gone: restart the program "
			    "under this one", segment->key);
	else if (!agent || !agent->pid)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "no agent serves it, and none ever did: `tagalong` was not found beside "
			    "its library or could not be started: install both together, or name it "
			    "in TAGALONG_AGENT; for now, with its TAGALONG_ and OTEL_ variables set: "
			    "tagalong agent --run-dir %s --key %08x", segment->dir, segment->key);
	else
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "no agent serves it: agent %08x (pid %u) is gone, with its watcher; what "
			    "it records waits in its lanes while there is room.  The next program "
			    "with the same settings brings an agent, which takes it; or, with its "
			    "TAGALONG_ and OTEL_ variables set: tagalong agent --run-dir %s --key %08x",
			    segment->key, agent->pid, segment->dir, segment->key);
}

static uint64_t since_seen_ns(const struct ta_segment *segment)
{
	uint64_t seen = segment ? atomic_load(&segment->agent_seen_ns) : 0, now;
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	now = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
	return seen && seen <= now ? now - seen : 0;
}

static char state_of(uint32_t pid)
{
	char path[64], line[512];
	const char *close;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	ta_doctor_line(path, line, sizeof(line));
	close = strrchr(line, ')');
	return close && close[1] ? close[2] : '\0';
}

static void say_alive(struct ta_doctor *doctor, const struct ta_doctor_segment *segment,
		      const struct status_agent *agent)
{
	uint64_t since = since_seen_ns(segment->header);

	ta_cli_find(&doctor->findings, TA_CLI_OK,
		    "agent %08x serves it, pid %u, run directory %s, looked %" PRIu64 " ms ago",
		    segment->key, agent->pid, segment->dir, since / 1000000);
	if (agent->pid && state_of(agent->pid) == 'T')
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "the agent is stopped, so nothing is taken: kill -CONT %u", agent->pid);
	else if (segment->half_full && since > SILENT_NS)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "lanes fill up and the agent has not looked for %" PRIu64 " s: it gets "
			    "no processor time, or hangs; its log says what it does last",
			    since / 1000000000);
	if (!agent->page)
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    agent->other_version ?
				    "the agent is of another version: ask with its own tagalong" :
				    "the agent says no more of itself: its run directory may be full");
}

/* ---- where it takes things ---- */

/* "12 spans, 3 events" of counts. */
static const char *words_of(const uint64_t counts[TA_THINGS], char out[96])
{
	static const char *const names[TA_THINGS] = { "spans", "events", "points" };
	int at = 0;

	strcpy(out, "nothing");
	for (int i = 0; i < TA_THINGS; i++)
		if (counts[i])
			at += snprintf(out + at, 96 - (size_t)at, "%s%" PRIu64 " %s", at ? ", " : "",
				       counts[i], names[i]);
	return out;
}

static void copy_counts(const ta_count counts[TA_THINGS], uint64_t out[TA_THINGS])
{
	for (int i = 0; i < TA_THINGS; i++)
		out[i] = ta_count_get(&counts[i]);
}

static void say_dropped(struct ta_doctor *doctor, const struct ta_status_queue *queue,
			const char *name)
{
	uint64_t counts[TA_THINGS] = { 0 };
	char words[96];

	for (int i = TA_DROP_SAMPLED + 1; i < TA_DROPS; i++) {
		copy_counts(queue->dropped[i], counts);
		if (counts[TA_SPANS] + counts[TA_EVENTS] + counts[TA_POINTS])
			ta_cli_find(&doctor->findings, TA_CLI_NOTE,
				    "%s: dropped %s, %s: docs/troubleshooting.md says why", name,
				    words_of(counts, words), ta_drop_name((enum ta_drop)i));
	}
}

static void say_error(struct ta_doctor *doctor, const struct ta_status_text *error,
		      uint64_t worked_ns, const char *name)
{
	uint64_t when = ta_count_get(&error->time_ns);
	char text[TA_STATUS_TEXT];

	ta_status_get(error, text);
	if (text[0])
		ta_cli_find(&doctor->findings, when > worked_ns ? TA_CLI_PROBLEM : TA_CLI_NOTE,
			    "%s: %s%s", name, text,
			    when > worked_ns ? "" : " (it has worked again since)");
}

static void say_queue(struct ta_doctor *doctor, const struct ta_status_queue *queue,
		      const char *name)
{
	uint64_t sent[TA_THINGS],
		waiting[TA_THINGS] = { ta_count_get(&queue->waiting_spans),
				       ta_count_get(&queue->waiting_events),
				       ta_count_get(&queue->waiting_points) };
	char shown[TA_STATUS_TEXT], words[2][96];

	if (!ta_count_get(&queue->wanted))
		return;
	doctor->about = "destination";
	copy_counts(queue->sent, sent);
	ta_status_get(&queue->shown, shown);
	ta_cli_find(&doctor->findings, TA_CLI_OK, "%s %s: sent %s, waiting %s", name, shown,
		    words_of(sent, words[0]), words_of(waiting, words[1]));
	say_dropped(doctor, queue, name);
	say_error(doctor, &queue->error, ta_count_get(&queue->last_sent_ns), name);
}

static void say_file(struct ta_doctor *doctor, const struct ta_status_page *page)
{
	char path[TA_STATUS_TEXT];

	doctor->about = "file";
	ta_status_get(&page->file, path);
	if (path[0])
		ta_cli_find(&doctor->findings, TA_CLI_OK,
			    "file %s: %" PRIu64 " spans, %" PRIu64 " events of all programs", path,
			    ta_count_get(&page->file_spans), ta_count_get(&page->file_events));
	say_error(doctor, &page->file_error, 0, "file");
}

static void say_memory(struct ta_doctor *doctor, const struct ta_status_page *page)
{
	uint64_t lost[TA_THINGS] = { ta_count_get(&page->lost_spans),
				     ta_count_get(&page->lost_events), 0 };
	char words[96];

	doctor->about = "losses";
	if (lost[TA_SPANS] + lost[TA_EVENTS])
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "the agent gave up %s: it had no memory left: more of it "
			    "(TAGALONG_AGENT_MEMORY_BYTES), or a receiver that is there",
			    words_of(lost, words));
}

/* ---- finding it ---- */

/* The directory's owner has the agent; only root comes from elsewhere. */
static void look_as_owner(struct status_view *view, const struct ta_cli_settings *settings,
			  const char *dir)
{
	struct stat found;

	if (getuid() == 0 && stat(dir, &found) == 0 && seteuid(found.st_uid) == 0) {
		ta_cli_status_look(view, settings, dir);
		if (seteuid(0) == 0)
			return;
	}
	ta_cli_status_look(view, settings, dir);
}

void ta_doctor_agent(struct ta_doctor *doctor, const struct ta_doctor_proc *proc,
		     const struct ta_cli_settings *settings, const struct ta_doctor_segment *segment)
{
	static struct status_view view;
	const struct status_agent *agent;

	(void)proc;
	doctor->about = "agent";
	look_as_owner(&view, settings, segment->dir);
	for (agent = view.agents; agent && agent->key != segment->key; agent = agent->next)
		;
	if (view.refused)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "its run directory %s cannot be looked at: it is another user's, or "
			    "others may write to it: ask as its owner", segment->dir);
	else if (agent && agent->alive)
		say_alive(doctor, segment, agent);
	else
		say_dead(doctor, segment, agent, settings);
	say_deleted(doctor, segment, agent);
	if (agent && agent->page) {
		say_file(doctor, agent->page);
		for (int i = 0; i < TA_QUEUES; i++)
			say_queue(doctor, &agent->page->queues[i], ta_queue_name((enum ta_queue)i));
		say_memory(doctor, agent->page);
	}
	ta_cli_status_free(&view);
}
