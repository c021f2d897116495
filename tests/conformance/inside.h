/* SPDX-License-Identifier: MIT */
/*
 * inside.h - the inner process: tasks, labels and operations.
 *
 * Runs: operations run strictly one after the other, each in the thread that
 * carries its task at present; the main thread only hands them out.  So nothing
 * here is locked.
 */
#ifndef TESTS_CONFORMANCE_INSIDE_H
#define TESTS_CONFORMANCE_INSIDE_H

#include "runtime/include/tagalong.h"
#include "tests/conformance/replay.h"

struct task;

enum label_kind { LABEL_SCOPE, LABEL_SPAN, LABEL_HUB, LABEL_SESSION, LABEL_BOUND, LABEL_TASK };

/* What a scenario has given a name.  A later one of the same name and kind hides
 * the earlier. */
struct label {
	struct label *next;
	enum label_kind kind;
	char *name;
	tagalong_scope_t scope;
	tagalong_span_t span; /* LABEL_SESSION: one of its roots; LABEL_BOUND: what was current */
	tagalong_hub_t hub;
	bool client; /* of the hub */
	struct task *task;
};

struct replay {
	enum profile profile;
	struct label *labels;	 /* newest first */
	const struct task *last; /* whose operation was the last */
	cJSON *facts, *probes, *spans;
	volatile uint64_t *clock_offset; /* nanoseconds that the agent's clock is ahead */
};

typedef void op_fn(struct replay *replay, const cJSON *op);

struct op {
	const char *name;
	op_fn *run; /* NULL: of the main thread, see inside.c */
};

/* ops.c.  NULL: no such operation. */
const struct op *op_find(const char *name);

/* ---- label.c ---- */

struct label *label_add(struct replay *replay, enum label_kind kind, const char *name);
struct label *label_find(struct replay *replay, enum label_kind kind, const char *name);
/* A member of the operation as label; fails with a message if there is no such. */
struct label *label_needed(struct replay *replay, enum label_kind kind, const cJSON *op,
			   const char *member);
/* A span under the label of the operation (as, or else name). */
void label_span(struct replay *replay, const cJSON *op, tagalong_span_t span);
/* The span that a member names: none, the current one, or one with a label. */
tagalong_span_t span_named(struct replay *replay, const cJSON *op, const char *member);

/* Answers.  Nothing happens without a label ("as") in the operation. */
void probe_bool(struct replay *replay, const cJSON *op, const char *what, bool truth);
void probe_text(struct replay *replay, const cJSON *op, const char *what, const char *text);
cJSON *probe_new(struct replay *replay, const char *label);
void probe_span(struct replay *replay, const char *label, tagalong_span_t span);

/* ---- task.c ---- */

/* Starts a thread that goes on in the context; the context is the task's from now on. */
struct task *task_new(tagalong_context_t *context);
/* Runs it in the task's thread, and returns when it is done. */
void task_run(struct task *task, op_fn *run, struct replay *replay, const cJSON *op);
void task_hop(struct task *task);
void task_free(struct task *task);

/* ---- value.c ---- */

enum tagalong_level level_named(const char *name);
void value_of(const cJSON *item, struct tagalong_value *ret_value, char **ret_text);
/* Text of a JSON value, NULL for null and for nothing; to be freed. */
char *value_text(const cJSON *item);
/* The same for a tag, which is plain text. */
char *value_tag(const cJSON *item);

/* ---- op_scope.c, op_span.c, op_capture.c, op_agent.c ---- */

tagalong_scope_t scope_near(const struct replay *replay);
void scope_update(tagalong_scope_t scope, const cJSON *data);
void agent_settle(struct tagalong_buffered *ret_buffered);

#define OP_LIST(OP)                                                                                \
	OP("set_tag", op_set_tag)                                                                  \
	OP("set_tags", op_set_tags)                                                                \
	OP("set_extra", op_set_extra)                                                              \
	OP("set_extras", op_set_extras)                                                            \
	OP("set_context", op_set_context)                                                          \
	OP("set_user", op_set_user)                                                                \
	OP("set_level", op_set_level)                                                              \
	OP("set_fingerprint", op_set_fingerprint)                                                  \
	OP("set_transaction", op_set_transaction)                                                  \
	OP("set_attribute", op_set_attribute)                                                      \
	OP("add_breadcrumb", op_add_breadcrumb)                                                    \
	OP("clear", op_clear)                                                                      \
	OP("clear_breadcrumbs", op_clear_breadcrumbs)                                              \
	OP("scope.save", op_scope_save)                                                            \
	OP("scope.same", op_scope_same)                                                            \
	OP("scope.begin", op_scope_begin)                                                          \
	OP("scope.end", op_scope_end)                                                              \
	OP("isolation.begin", op_isolation_begin)                                                  \
	OP("isolation.end", op_isolation_end)                                                      \
	OP("hub.begin", op_hub_begin)                                                              \
	OP("hub.end", op_hub_end)                                                                  \
	OP("hub.clone", op_hub_clone)                                                              \
	OP("hub.new", op_hub_new)                                                                  \
	OP("hub.push", op_hub_push)                                                                \
	OP("hub.pop", op_hub_pop)                                                                  \
	OP("hub.depth", op_hub_depth)                                                              \
	OP("span.begin", op_span_begin)                                                            \
	OP("span.end", op_span_end)                                                                \
	OP("span.push", op_span_push)                                                              \
	OP("span.start", op_span_start)                                                            \
	OP("span.child", op_span_child)                                                            \
	OP("span.finish", op_span_finish)                                                          \
	OP("span.enter", op_span_enter)                                                            \
	OP("span.leave", op_span_leave)                                                            \
	OP("span.set", op_span_set)                                                                \
	OP("span.set_tags", op_span_set_tags)                                                      \
	OP("span.set_name", op_span_set_name)                                                      \
	OP("span.set_status", op_span_set_status)                                                  \
	OP("span.set_error", op_span_set_error)                                                    \
	OP("trace.set_tags", op_trace_set_tags)                                                    \
	OP("session.set_tags", op_session_set_tags)                                                \
	OP("set_error", op_set_error)                                                              \
	OP("send_error", op_send_error)                                                            \
	OP("bind", op_bind)                                                                        \
	OP("call", op_call)                                                                        \
	OP("current_span", op_current_span)                                                        \
	OP("root_span", op_root_span)                                                              \
	OP("current_trace", op_current_trace)                                                      \
	OP("current_session", op_current_session)                                                  \
	OP("capture_message", op_capture_message)                                                  \
	OP("capture_exception", op_capture_exception)                                              \
	OP("capture_event", op_capture_event)                                                      \
	OP("capture_log", op_capture_log)                                                          \
	OP("buffered", op_buffered)                                                                \
	OP("flush", op_flush)                                                                      \
	OP("shutdown", op_shutdown)                                                                \
	OP("advance", op_advance)                                                                  \
	OP("spawn", op_spawn)

#define DECLARE(name, function) op_fn function;
OP_LIST(DECLARE)
#undef DECLARE

#endif
