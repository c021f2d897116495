/* SPDX-License-Identifier: MIT */
/*
 * spawn_env.c - the environment that a new program gets.
 *
 * A copy on the stack: TRACEPARENT of what is current, or of this program's own span; with
 * it TRACESTATE and BAGGAGE as this program got them, as long as it is still the trace
 * that they came with; TAGALONG_STARTER, by which the new program knows that all this was
 * meant for it and not only inherited; and TAGALONG_DISABLED=1 under TAGALONG_FOLLOW=0 when
 * the image would run in another process.
 *
 * A TRACEPARENT that the program has set itself is left alone.  One that it was started
 * with goes, when the new program is not part of that trace.  An environment that has lost
 * the LD_PRELOAD that this program had is one that somebody made by hand, for a program that
 * is not traced: it is passed on as it is, and so is one with more than TA_SPAWN_ENV_MAX
 * entries.  The program's own environment is never touched.
 *
 * Runs: any host thread, forked and vfork children.  No heap, no locks; in a
 * vfork child nothing is recorded, only read.
 */
#include "hooks/hook.h"

#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hooks/spawn.h"
#include "runtime/core/process_carried.h"
#include "runtime/core/process_span.h"
#include "runtime/core/sys.h"

extern char **environ;

/* What is to be done to the environment. */
struct plan {
	struct ta_context parent; /* span_id 0: the new program is not part of any trace */
	bool traced;	/* the entries that carry a trace are ours to say */
	bool own_trace; /* the trace is the one that this program was started in */
	bool disable;
	enum ta_spawn_place place;
};

/* ---- is there an environment? ---- */

/* Exec answers EFAULT to nonsense, and so must we.  In a sandbox nobody can be asked. */
static bool is_readable(char *const *envp)
{
	char *first;
	struct iovec local = { .iov_base = &first, .iov_len = sizeof(first) };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)envp, .iov_len = sizeof(first) };

	if (envp == environ)
		return envp != NULL;
	return !atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed) &&
	       ta_sys(SYS_process_vm_readv, ta_sys(SYS_getpid), &local, 1, &remote, 1, 0) ==
		       (long)sizeof(first);
}

/* How many entries; -1: too many. */
static long count_entries(char *const *envp)
{
	long count = 0;

	while (envp[count])
		if (++count > TA_SPAWN_ENV_MAX)
			return -1;
	return count;
}

/* Whether we are going to be in the new program. */
static bool loads_us(char *const *envp)
{
	if (!ta_runtime.by_environment)
		return true;
	for (; *envp; envp++)
		if (strncmp(*envp, "LD_PRELOAD=", 11) == 0)
			return true;
	return false;
}

/* ---- what goes in ---- */

static bool is_named(const struct ta_context *context, const struct ta_traceparent *parsed)
{
	return parsed->span_id == context->span_id && parsed->trace_hi == context->trace_hi &&
	       parsed->trace_lo == context->trace_lo;
}

/* Whether the program has said itself what the new one is a child of; the same as we would
 * say is ours to say: we know about sampling. */
static bool says_itself(char *const *envp, const struct ta_context *parent)
{
	struct ta_traceparent parsed;
	enum ta_carried which;

	for (; *envp; envp++)
		if (ta_carried_names(*envp, &which) && which == TA_CARRIED_TRACEPARENT &&
		    !ta_carried_is(which, *envp) &&
		    ta_traceparent_parse(*envp + 12, strnlen(*envp + 12, 256), &parsed) &&
		    !is_named(parent, &parsed))
			return true;
	return false;
}

static void find_parent(struct plan *plan)
{
	struct ta_thread *thread = ta_tls.thread;

	if (thread == NULL)
		return;
	if (!ta_process_span_parent(thread, &plan->parent))
		plan->parent = (struct ta_context){ 0 };
	plan->traced = plan->parent.span_id != 0 || ta_runtime.remote.span_id != 0;
	plan->own_trace = plan->parent.span_id != 0 &&
			  plan->parent.trace_hi == ta_runtime.remote.trace_hi &&
			  plan->parent.trace_lo == ta_runtime.remote.trace_lo;
}

/* Who the new program is, or whose child.  The kernel is asked: in a vfork child
 * ta_runtime.pid is the parent's. */
static void put_starter(char *out, enum ta_spawn_place place)
{
	const char *word = place == TA_SPAWN_BESIDE ? TA_STARTER "parent-" : TA_STARTER "self-";
	size_t bytes = strlen(word);
	char digits[12];
	size_t at = sizeof(digits) - 1;
	uint32_t pid = (uint32_t)ta_sys(SYS_getpid);

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + pid % 10);
		pid /= 10;
	} while (pid);
	memcpy(out, word, bytes);
	memcpy(out + bytes, digits + at, sizeof(digits) - at);
}

static void put_traceparent(char *out, const struct ta_context *context)
{
	struct ta_traceparent parent = { .trace_hi = context->trace_hi,
					 .trace_lo = context->trace_lo,
					 .span_id = context->span_id,
					 .flags = context->flags & TA_SPAN_NOT_SAMPLED ? 0 : 1 };

	memcpy(out, "TRACEPARENT=", 12);
	ta_traceparent_format(&parent, out + 12);
}

static size_t put_ours(struct ta_spawn_env *env, const struct plan *plan)
{
	size_t at = 0;

	if (plan->parent.span_id) {
		put_traceparent(env->traceparent, &plan->parent);
		env->entries[at++] = env->traceparent;
	}
	if (!atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed)) {
		put_starter(env->starter, plan->place);
		env->entries[at++] = env->starter;
	}
	return at;
}

/* Whether an entry of the program's goes on as it is.  *seen gets those that do. */
static bool goes_on(const struct plan *plan, const char *entry, bool seen[TA_CARRIED_COUNT])
{
	enum ta_carried which;

	if (strncmp(entry, TA_STARTER, sizeof(TA_STARTER) - 1) == 0)
		return false;
	if (!ta_carried_names(entry, &which))
		return true;
	if (which == TA_CARRIED_TRACEPARENT)
		return false;
	if (ta_carried_is(which, entry) && !(plan->own_trace && ta_carried_entry(which)))
		return false;
	seen[which] = true;
	return true;
}

static void fill(struct ta_spawn_env *env, const struct plan *plan, char *const *envp)
{
	static char disabled[] = "TAGALONG_DISABLED=1";
	bool seen[TA_CARRIED_COUNT] = { false };
	size_t at = plan->traced ? put_ours(env, plan) : 0;

	for (; *envp; envp++)
		if (!plan->traced || goes_on(plan, *envp, seen))
			env->entries[at++] = *envp;
	for (unsigned int which = TA_CARRIED_TRACESTATE; which < TA_CARRIED_COUNT; which++)
		if (plan->traced && plan->own_trace && !seen[which] &&
		    ta_carried_entry((enum ta_carried)which))
			env->entries[at++] = ta_carried_entry((enum ta_carried)which);
	if (plan->disable)
		env->entries[at++] = disabled;
	env->entries[at] = NULL;
}

char *const *ta_spawn_env(struct ta_spawn_env *env, char *const *envp, enum ta_spawn_place place)
{
	bool unfollowed = !ta_runtime.follow && place != TA_SPAWN_HERE;
	struct plan plan = { .place = place,
			     .disable = ta_runtime.unfollowed ||
					(ta_runtime.enabled && unfollowed) };

	if (ta_runtime.enabled)
		find_parent(&plan);
	if ((!plan.traced && !plan.disable) || !is_readable(envp) || count_entries(envp) < 0 ||
	    !loads_us(envp))
		return envp;
	if (plan.traced && says_itself(envp, &plan.parent))
		plan.traced = false;
	if (!plan.traced && !plan.disable)
		return envp;
	fill(env, &plan, envp);
	return env->entries;
}
