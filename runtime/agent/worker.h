/* SPDX-License-Identifier: MIT */
/*
 * worker.h - everything that a serving agent has, and the steps of its round.
 *
 * One round: read the lanes until they are nearly empty (drain.c), then scan the
 * directory if it changed, answer who asks (ask.c), look after processes that may be
 * dead (process.c), keep free lanes ahead (supply.c), hand over what is due (flush.c),
 * wait (watch.c).
 *
 * Runs: agent, one thread.  Two others touch nothing of this: the helper of watch.c
 * and the exporter, which has its batch (exporter.h).  No locks.
 */
#ifndef TA_AGENT_WORKER_H
#define TA_AGENT_WORKER_H

#include "runtime/agent/agent.h"
#include "runtime/agent/clock.h"
#include "runtime/agent/exporter.h"
#include "runtime/agent/journal.h"
#include "runtime/agent/log.h"
#include "runtime/agent/segments.h"
#include "runtime/agent/state.h"
#include "runtime/agent/status.h"
#include "runtime/agent/watch.h"

/* Why spans go out; the words are in flush.c. */
enum ta_flush_reason {
	TA_FLUSH_NOT,
	TA_FLUSH_MAX_SPANS,
	TA_FLUSH_INTERVAL,
	TA_FLUSH_EXPLICIT,
	TA_FLUSH_SHUTDOWN,
	TA_FLUSH_EXIT,	   /* a process that contributed has died */
	TA_FLUSH_PRESSURE, /* a trace that goes on was cut in parts, or very much is complete */
};

/* One of the two files. */
struct ta_way {
	char path[4096];
	uint32_t left; /* groups, or events: still to be written in this run */
	uint64_t retry_ns;
	uint64_t delay_ns;
	int error; /* of the last attempt */
};

/* What a batch has besides the state's: see batch.c. */
struct ta_gathered {
	uint64_t number;
	struct ta_span *spans; /* kept for the next batch, with the two rows of pointers */
	struct ta_span **rows;
	struct ta_scope_data **merged;
	uint32_t room; /* of spans and rows; merged has two for each */
	uint32_t merged_count;
	struct ta_event *events;
	struct ta_process_copy *processes;
};

/* Where spans and events go. */
struct ta_flush {
	struct ta_exporter exporter;
	struct ta_targets targets;
	uint64_t metrics_ns; /* when metrics are due; 0: never */
	uint64_t sent, sent_ns; /* things, by all receivers; when that last changed */
	bool metrics_ended;  /* they went out when the last program had gone */
	uint64_t network_ns; /* while the file fails: when the others get what is new */
	struct ta_way ways[TA_OUTPUTS];
	struct ta_event_flush event; /* of the batch that the exporter has */
	struct ta_gathered gathered; /* for it */
	uint64_t start_ns;    /* of the agent; the seconds are counted from here */
	uint64_t tick_ns;     /* the next second at which the interval is looked at */
	uint64_t last_ns;     /* the last run that had spans */
	uint64_t filled_ns;   /* since then something is complete; 0: nothing is */
	uint64_t interval_ns; /* the second at which the interval was over; 0: it is not */
	uint64_t full_ns;     /* the last run because the buffer was full */
	uint64_t events_ns;   /* not before then */
	bool soon;	      /* a process that contributed has died */
	bool parts;	      /* parts of traces were made */
};

/* Shared with the watcher; survives the worker. */
struct ta_working_on {
	char name[TA_SEGMENT_NAME_BYTES];
};

/* Who maps a segment, as of time_ns: a look at every process of the machine. */
struct ta_mappers {
	uint64_t segment_id;
	uint64_t time_ns;
	uint32_t pids[64];
	uint32_t count;
};

struct ta_live;

struct ta_worker {
	struct ta_agent_options options;
	struct ta_config config;
	struct ta_log log;
	struct ta_state state;
	struct ta_journal journal;
	struct ta_segments segments;
	struct ta_flush flush;
	struct ta_watch watch;
	struct ta_status_page *status;
	struct ta_live *live;	/* or NULL: nobody looks on (live.h) */
	struct ta_list crashes; /* struct ta_crash_job, see crash.c */
	struct ta_working_on *working_on;
	int dir_fd;
	bool keep; /* change nothing in the directory */
	bool once; /* one look, then an end: drain */

	uint64_t now_ns;      /* of this round */
	uint64_t pass_ns;     /* of the last pass, as hosts tell the time */
	uint64_t pid_namespace;
	uint64_t slow_ns;     /* next slow look */
	uint64_t told_ns;     /* last time that losses were told */
	uint64_t active_ns;   /* something was read */
	uint64_t empty_since_ns;
	uint64_t journal_retry_ns;
	struct ta_mappers mappers;
	uint32_t unknown_checks; /* of processes without a pid, in this round */
	uint64_t records, record_bytes; /* read */
	uint64_t lost_gone; /* records, of segments that are finished */
	bool rescan;
	int scan_error; /* of the last look into the run directory */
	bool starved; /* in the last pass there was no memory for all that was to be read */
	bool starving_told;
	bool someone_died; /* look at all processes now */
	uint32_t filling; /* thousandths: the fullest lane that the last pass found */
	uint64_t read_ns; /* when read_lanes() last looked */
	uint64_t nap_ns;  /* a quarter of a lane fills in that time; 0: not soon */
	struct ta_buf events; /* scratch for one lane */
	char *ring[2];	      /* scratch: copies of a lane's two rings */
	char rejected[TA_SEGMENT_NAME_BYTES]; /* told once */
	uint64_t scope_missing_told, unknown_told, twice_told, refused_told, dropped_told;
	uint64_t late_told, unsampled_told, given_up_told;
	uint64_t events_twice_told, events_refused_told, events_dropped_told;
};

/* Journals and applies an event. */
void ta_worker_event(struct ta_worker *worker, uint32_t kind, const void *payload, size_t bytes);

/* Makes a segment known to the state; NULL when there is no memory for that (mapped->unattached). */
struct ta_segment_state *ta_worker_attach(struct ta_worker *worker, struct ta_mapped *mapped);

/* worker.c */
int ta_worker_init(struct ta_worker *worker, const struct ta_agent_options *options, int dir_fd);
/* After init: the journal replayed, segments mapped, output ready (path NULL: as
 * configured). */
int ta_worker_resume(struct ta_worker *worker, const char *path);
void ta_worker_fini(struct ta_worker *worker);
void ta_worker_scan(struct ta_worker *worker);
void ta_worker_settle(struct ta_worker *worker); /* passes until nothing settles */
bool ta_worker_round(struct ta_worker *worker);	 /* false: nothing left to serve */
void ta_worker_stop(struct ta_worker *worker);	 /* SIGTERM: write what can be written */

/* drain.c: one pass over all lanes; true when it took something. */
bool ta_drain_pass(struct ta_worker *worker);
bool ta_drain_idle(const struct ta_mapped *mapped, uint32_t lane); /* nothing unread */

/* process.c */
void ta_processes_attach(struct ta_worker *worker, struct ta_mapped *mapped);
/* Whether the segment was made before the machine was started. */
bool ta_segment_outlived(struct ta_worker *worker, const struct ta_mapped *mapped);
void ta_processes_check(struct ta_worker *worker);
/* Looks for the pid of a process of another pid namespace now. */
void ta_process_learn(struct ta_worker *worker, struct ta_proc *proc,
		      const struct ta_mapped *mapped);
void ta_processes_drop(struct ta_worker *worker); /* segments that are finished */
bool ta_pid_alive(uint32_t pid, uint64_t born_before_ns);

/* supply.c: lanes of dead owners, free lanes ahead, lanes to give back. */
void ta_supply_lanes(struct ta_worker *worker, struct ta_mapped *mapped, bool slow, bool died);

/* outputs.c: the files.  The one of events: PATH with .logs before its last extension, or
 * PATH itself where that is no regular file.  0 or -ENAMETOOLONG. */
int ta_output_beside(const char *path, char *out, size_t out_bytes);
int ta_outputs_open(struct ta_worker *worker, const char *path); /* NULL: as configured */
int ta_outputs_cut(struct ta_worker *worker, const struct ta_event_flush *event);

/* destinations.c: files (path NULL: as configured), receivers, sinks, rules, metrics.  0 or
 * -errno.  tick: what is due by time; when that is next (UINT64_MAX: never). */
int ta_destinations_open(struct ta_worker *worker, const char *path);
void ta_destinations_tick(struct ta_worker *worker);
uint64_t ta_destinations_wake_ns(const struct ta_worker *worker);
/* Something is still to be sent, and for so long not everybody has been away. */
bool ta_destinations_busy(struct ta_worker *worker, uint64_t patience_ns);

/* batch.c: groups (with so many spans), or events, behind the `skip` oldest, for the
 * exporter.  0 or -ENOMEM. */
int ta_batch_spans(struct ta_worker *worker, uint32_t skip, uint32_t groups, uint32_t spans);
int ta_batch_events(struct ta_worker *worker, uint32_t skip, uint32_t count);
void ta_batch_free(struct ta_gathered *gathered, struct ta_batch *batch);
void ta_gathered_fini(struct ta_gathered *gathered);

/* crash.c: processes that are dying; a look at each, never a wait.  wake: when to look again. */
void ta_undecided_look(struct ta_worker *worker); /* undecided.c */
void ta_crashes_look(struct ta_worker *worker);
uint64_t ta_crashes_wake_ns(const struct ta_worker *worker);
void ta_crashes_fini(struct ta_worker *worker);

/* ask.c: questions of hosts.  Answers at most one of each segment, all together. */
void ta_asks_attach(struct ta_mapped *mapped); /* what was answered before our time */
void ta_asks_answer(struct ta_worker *worker);

/* flush.c */
int ta_flush_init(struct ta_worker *worker, const char *path);
void ta_flush_fini(struct ta_flush *flush);
/* After a replay: an append that was begun and never answered is undone. */
void ta_flush_recover(struct ta_worker *worker);
/* Once a round: whether time alone makes something due; settles what waits for that. */
void ta_flush_look(struct ta_worker *worker);
/* When something will be due by time alone; UINT64_MAX: nothing. */
uint64_t ta_flush_wake_ns(const struct ta_worker *worker);
/* Takes note of what the exporter has done, and gives it what is due. */
void ta_flush_step(struct ta_worker *worker);
/* Waits for the exporter, and reads lanes meanwhile: for the batch that it has; for
 * what is due; for all that is complete now, events too (0, or why not all is out). */
void ta_flush_wait(struct ta_worker *worker);
void ta_flush_due(struct ta_worker *worker);
int ta_flush_run(struct ta_worker *worker, enum ta_flush_reason reason);
bool ta_flush_busy(const struct ta_worker *worker);

/* parts.c: groups of what has ended in traces that are overdue (all: in every one). */
void ta_flush_parts(struct ta_worker *worker, bool all);

/* pressure.c: open spans of the oldest traces are closed when they hold too much. */
void ta_pressure_relieve(struct ta_worker *worker);

/* report.c: the status page, as it is now; what a segment's programs could not write. */
void ta_report_status(struct ta_worker *worker);
uint64_t ta_lost_records(const struct ta_mapped *mapped);

/* tell.c: what was lost, into the log. */
void ta_tell_segment(struct ta_worker *worker, struct ta_mapped *mapped);
void ta_tell_state(struct ta_worker *worker);

#endif
