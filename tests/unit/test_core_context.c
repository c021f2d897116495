/* SPDX-License-Identifier: MIT */
/*
 * test_core_context.c - contexts that go elsewhere: to other threads, to file
 * descriptors, to forked children.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/core/now.h"
#include "runtime/core/conn.h"
#include "runtime/core/fd.h"
#include "tests/unit/check.h"
#include "tests/unit/support_host.h"

static struct ta_versions versions(void)
{
	return ta_versions_at(ta_tls.thread, ta_tls.thread->stack->depth);
}

/* ---- what two threads see ---- */

struct visit {
	tagalong_context_t *context;
	struct ta_versions seen, left;
	tagalong_span_t current, begun;
	int attached, detached;
};

/* Looks at a context and writes to it. */
static void visit(void *argument)
{
	struct visit *visit = argument;

	visit->attached = tagalong_context_attach(visit->context);
	visit->seen = versions();
	visit->current = tagalong_current_span();
	tagalong_set_tag("key", "elsewhere");
	tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, "key", "elsewhere");
	visit->left = versions();
	visit->detached = tagalong_context_detach(visit->context);
}

static void shared_scopes(void)
{
	tagalong_span_t span = tagalong_span_begin("captured in", NULL);
	struct visit there = { .context = tagalong_context_capture() };

	tagalong_set_tag("key", "after the capture");
	struct ta_versions here = versions();

	core_in_thread(visit, &there);
	check_same(there.attached, 0);
	check_same(there.detached, 0);
	check_same(there.current.id, span.id);
	check_same(there.seen.isolation, here.isolation);
	check_same(there.seen.current, here.current);
	check(there.left.isolation != here.isolation, "a tag that changed nothing");
	check_same(versions().isolation, there.left.isolation);
	check_same(versions().current, there.left.current);
	tagalong_span_end();
	core_in_thread(visit, &there); /* the block is over, its scope is still there */
	check_same(there.current.id, 0);
	check_same(versions().isolation, there.left.isolation);
	check(versions().current != there.left.current, "a scope that outlived its block here");
	check_same(tagalong_context_free(there.context), 0);
}

static void new_threads_fork(void)
{
	tagalong_set_tag("key", "creator's");
	struct visit there = { .context = NULL };
	struct ta_versions here = versions();

	core_in_thread(visit, &there);
	check_same(there.seen.isolation, here.isolation);
	check(there.left.isolation != here.isolation, "a tag that changed nothing");
	check_same(versions().isolation, here.isolation);
}

/* ---- hops ---- */

static void open_there(void *argument)
{
	struct visit *visit = argument;

	visit->attached = tagalong_context_attach(visit->context);
	visit->begun = tagalong_span_begin("begun there", NULL);
	tagalong_scope_push();
	tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, "key", "of the block");
	visit->left = versions();
	visit->detached = tagalong_context_detach(visit->context);
	visit->current = tagalong_current_span(); /* the thread's own again */
}

static void end_there(void *argument)
{
	struct visit *visit = argument;

	visit->attached = tagalong_context_attach(visit->context);
	visit->seen = versions();
	visit->current = tagalong_current_span();
	if (tagalong_scope_pop() != 0 || tagalong_span_end() != 0)
		visit->attached = -1;
	if (tagalong_span_end() != -ENOENT || tagalong_scope_pop() != -ENOENT)
		visit->attached = -2;
	visit->detached = tagalong_context_detach(visit->context);
}

static void blocks_that_hop(void)
{
	const struct ta_record_span_end *end;
	struct visit first = { .context = tagalong_context_capture() }, second = first;

	core_skip();
	core_in_thread(open_there, &first);
	check_same(first.attached, 0);
	check_same(first.detached, 0);
	check(first.current.id != first.begun.id, "a block stayed on the thread");
	check_same(tagalong_current_span().id, 0);
	core_in_thread(end_there, &second);
	check_same(second.attached, 0);
	check_same(second.detached, 0);
	check_same(second.current.id, first.begun.id);
	check_same(second.seen.current, first.left.current);
	core_take();
	check_same(core_ends(first.begun.id, &end), 1);
	check(end && end->reason == TA_END_NORMAL, "not ended by its own end");
	check_same(tagalong_context_free(first.context), 0);
}

static void freed_with_open_blocks(void)
{
	const struct ta_record_span_end *end;
	struct visit there = { .context = tagalong_context_capture() };
	struct core_use before, now;

	core_in_thread(open_there, &there);
	core_skip();
	before = core_use();
	check_same(tagalong_context_free(there.context), 0);
	core_take();
	check_same(core_ends(there.begun.id, &end), 1);
	check(end && end->reason == TA_END_JUMPED, "reason %u", end ? end->reason : 99);
	check_same(tagalong_span_finish(there.begun), -ESTALE);
	check_same(tagalong_context_free(there.context), -ESTALE);
	check_same(tagalong_context_attach(there.context), -ESTALE);
	now = core_use();
	check_same(before.handed - now.handed, 1);
	check_same(before.objects - now.objects, 1);
}

/* Attached in one another, detached in the wrong order. */
static void attached_twice(void)
{
	tagalong_context_t *outer = tagalong_context_capture(), *inner;

	check_same(tagalong_context_attach(outer), 0);
	check_same(tagalong_context_attach(outer), -EBUSY);
	check_same(tagalong_context_free(outer), -EBUSY);
	tagalong_span_t span = tagalong_span_begin("in the outer", NULL);

	inner = tagalong_context_capture();
	check_same(tagalong_context_attach(inner), 0);
	check_same(tagalong_current_span().id, span.id);
	check_same(tagalong_span_end(), -ENOENT); /* not begun in here */
	check_same(tagalong_context_detach(outer), -ENOENT);
	check_same(tagalong_context_detach(inner), 0);
	check_same(tagalong_context_detach(inner), -ENOENT);
	check_same(tagalong_span_end(), 0);
	check_same(tagalong_context_detach(outer), 0);
	check_same(tagalong_context_free(inner), 0);
	check_same(tagalong_context_free(outer), 0);
	check_same(tagalong_context_attach(NULL), 0);
	check_same(tagalong_context_detach(NULL), 0);
	check_same(tagalong_context_free(NULL), 0);
}

static void finish_it(void *span)
{
	tagalong_span_finish(*(tagalong_span_t *)span);
}

/* Spans around the captured one become current as inner ones end, here or elsewhere. */
static void ancestors(void)
{
	tagalong_span_t spans[3];
	tagalong_context_t *context;

	for (int i = 0; i < 3; i++)
		spans[i] = tagalong_span_push("nested", NULL);
	context = tagalong_context_capture();
	check_same(tagalong_context_attach(context), 0);
	for (int i = 2; i >= 0; i--) {
		check_same(tagalong_current_span().id, spans[i].id);
		core_in_thread(finish_it, &spans[i]);
	}
	check_same(tagalong_current_span().id, 0);
	check_same(tagalong_context_detach(context), 0);
	check_same(tagalong_current_span().id, 0);
	check_same(tagalong_context_free(context), 0);
	check_same(ta_tls.thread->stack->depth, 0);
}

/* The end of a span on another thread tells that its scopes are not known there. */
static void ended_elsewhere(void)
{
	const struct ta_record_span_end *end;
	tagalong_span_t block = tagalong_span_begin("block", NULL);
	tagalong_span_t detached = tagalong_span_start("detached", NULL);

	tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, "key", "value");
	struct ta_versions here = versions();

	core_skip();
	core_in_thread(finish_it, &block);
	core_in_thread(finish_it, &detached);
	core_take();
	check_same(core_ends(block.id, &end), 1);
	check_same(end ? end->flags & TA_END_SCOPES_OF_START : 0, TA_END_SCOPES_OF_START);
	check_same(core_ends(detached.id, &end), 1);
	check_same(end ? end->flags & TA_END_SCOPES_OF_START : 1, 0);
	check_same(end ? end->current : 0, here.current);
	check_same(tagalong_current_span().id, 0);
	check_same(tagalong_span_end(), 0); /* the block itself is still open */
	check_same(tagalong_span_end(), -ENOENT);
}

/* ---- file descriptors ---- */

static void read_from(int fd)
{
	char byte = 'x';
	struct iovec piece = { .iov_base = &byte, .iov_len = 1 };

	TA_GUARD(guard);
	if (guard.entered)
		ta_conn_read(ta_fd_get(fd), &piece, 1, 1);
}

struct reading {
	int fd;
	struct ta_versions seen, left;
	tagalong_span_t current, after;
};

static void read_there(void *argument)
{
	struct reading *reading = argument;

	read_from(reading->fd);
	reading->current = tagalong_current_span();
	reading->seen = versions();
	tagalong_set_tag("key", "by the reader");
	reading->left = versions();
	{
		TA_GUARD(guard);
		if (guard.entered)
			ta_context_leave_conn(ta_tls.thread);
	}
	reading->after = tagalong_current_span();
}

static void bound_fds(void)
{
	struct core_use before = core_use(), now;
	struct reading there;

	check_same(tagalong_fd_unbind(700), -ENOENT);
	check_same(tagalong_fd_bind(-1), -EBADF);
	tagalong_isolation_push();
	tagalong_span_t span = tagalong_span_push("bound", NULL);

	tagalong_set_tag("key", "bound");
	check_same(tagalong_fd_bind(700), 0);
	check_same(tagalong_fd_bind(700), 0); /* the same anew */
	there = (struct reading){ .fd = 700 };
	core_in_thread(read_there, &there);
	check_same(there.current.id, span.id);
	check(there.after.id != span.id, "still in the bound context");
	check_same(versions().isolation, there.left.isolation);
	tagalong_isolation_pop();
	core_in_thread(read_there, &there); /* its scope goes on in the binding */
	check_same(there.current.id, span.id);
	check(versions().isolation != there.left.isolation, "a scope that left its block");
	check_same(tagalong_fd_unbind(700), 0);
	check_same(tagalong_fd_unbind(700), -ENOENT);
	tagalong_span_finish(span);
	check_same(tagalong_current_span().id, 0);
	now = core_use();
	check_text(core_use_difference(&before, &now), "");
}

/* A span that the context was bound under ends: it is current nowhere. */
/* A program that forgets its ends: what it does for one descriptor is not put down to
 * another one, and blocks that come later have their ends. */
static void forgets_its_ends(void *argument)
{
	uint64_t *isolation = argument;

	for (int i = 0; i < 200; i++) {
		read_from(702 + i % 2);
		tagalong_span_begin("never ended", NULL);
		check_same(versions().isolation, isolation[i % 2]);
	}
	for (int i = 0; i < 200; i++)
		tagalong_span_begin("deep", NULL);
	read_from(702);
	check_same(versions().isolation, isolation[0]);
	tagalong_span_t span = tagalong_span_begin("later", NULL);

	check_same(tagalong_current_span().id, span.id);
	check_same(tagalong_span_end(), 0);
	check(tagalong_current_span().id != span.id, "a later block that did not end");
}

static void blocks_without_end(void)
{
	uint64_t isolation[2];

	for (int i = 0; i < 2; i++) {
		tagalong_isolation_push();
		tagalong_set_tag("key", i ? "one" : "other");
		isolation[i] = versions().isolation;
		check_same(tagalong_fd_bind(702 + i), 0);
		tagalong_isolation_pop();
	}
	core_in_thread(forgets_its_ends, isolation);
	for (int i = 0; i < 2; i++)
		check_same(tagalong_fd_unbind(702 + i), 0);
	core_skip();
}

static void bound_under_a_span_that_ends(void)
{
	tagalong_span_t span = tagalong_span_push("bound", NULL);
	struct reading there = { .fd = 701 };

	check_same(tagalong_fd_bind(701), 0);
	check_same(tagalong_span_finish(span), 0);
	core_in_thread(read_there, &there);
	check(there.current.id != span.id, "a span that is over");
	check_same(tagalong_fd_unbind(701), 0);
	core_in_thread(read_there, &there);
	check(there.current.id != span.id, "a binding that is over");
	core_skip();
}

/* ---- forks ---- */

static void set_wipe_page(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || madvise(page, 4096, MADV_WIPEONFORK) != 0)
		return;
	ta_wipe = page;
	atomic_store(&ta_wipe->alive, 1);
}

/* What a child does with what it has from its parent: 0 when all of it is right. */
static int go_on_in_child(tagalong_span_t parents, const struct ta_versions *before)
{
	tagalong_span_t inherited = tagalong_current_span(), own;
	struct core_use use = core_use(), now;

	if (inherited.id != parents.id)
		return 1;
	if (versions().isolation != before->isolation || versions().current != before->current)
		return 2;
	own = tagalong_span_begin("child's", NULL);
	if (own.id == 0 || own.trace_lo != parents.trace_lo)
		return 3;
	tagalong_set_tag("key", "child's");
	if (versions().isolation == before->isolation)
		return 4;
	if (tagalong_span_end() != 0 || tagalong_current_span().id != parents.id)
		return 5;
	for (int i = 0; i < 2000; i++) {
		tagalong_isolation_push();
		tagalong_set_tag("key", "value");
		tagalong_span_finish(tagalong_span_start("detached", NULL));
		tagalong_isolation_pop();
		if (i % 32 == 0)
			core_skip();
	}
	now = core_use();
	if (*core_use_difference(&use, &now)) {
		fprintf(stderr, "child: %s\n", core_use_difference(&use, &now));
		return 6;
	}
	if (tagalong_span_end() != 0 || tagalong_scope_pop() != 0 ||
	    tagalong_current_span().id != 0 || tagalong_span_end() != -ENOENT)
		return 7;
	return 0;
}

static void fork_as(bool announced)
{
	struct core_use use = core_use(), now;
	const struct ta_record_span_end *end;
	int status = -1;

	tagalong_scope_push();
	tagalong_span_t span = tagalong_span_begin("parent's", NULL);

	tagalong_set_tag("key", "value");
	tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, "key", "value");
	struct ta_versions before = versions();

	core_skip();
	if (announced)
		ta_process_fork_prepare();
	pid_t child = fork();

	if (child == 0) {
		if (announced)
			ta_process_fork_child();
		_exit(go_on_in_child(span, &before));
	}
	if (announced)
		ta_process_forked_parent(child);
	waitpid(child, &status, 0);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child: %x", (unsigned int)status);
	check_same(versions().isolation, before.isolation);
	core_take();
	check_same(core_ends(span.id, &end), 0); /* by the child */
	check_same(tagalong_span_end(), 0);
	check_same(tagalong_scope_pop(), 0);
	core_take();
	check_same(core_ends(span.id, &end), 1);
	now = core_use();
	now.lanes = use.lanes; /* the child's is for the agent to give back */
	check_text(core_use_difference(&use, &now), "");
}

static void forks(void)
{
	fork_as(true);
}

static void forks_unseen(void)
{
	if (ta_wipe)
		fork_as(false);
}

/* A child goes on in a context that was attached in its parent. */
static void forks_in_a_context(void)
{
	tagalong_context_t *context = tagalong_context_capture();

	check_same(tagalong_context_attach(context), 0);
	fork_as(true);
	check_same(tagalong_context_detach(context), 0);
	check_same(tagalong_context_free(context), 0);
}

int main(void)
{
	core_start();
	set_wipe_page();
	tagalong_hub_current();
	tagalong_set_tag("key", "value");
	tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, "key", "value");
	check_group("what two threads see", shared_scopes);
	check_group("what a new thread sees", new_threads_fork);
	check_group("blocks that hop from thread to thread", blocks_that_hop);
	check_group("contexts that are freed with open blocks", freed_with_open_blocks);
	check_group("contexts attached in one another", attached_twice);
	check_group("spans around a captured context", ancestors);
	check_group("spans that end on another thread", ended_elsewhere);
	check_group("bound file descriptors", bound_fds);
	check_group("blocks without an end", blocks_without_end);
	check_group("bound under a span that ends", bound_under_a_span_that_ends);
	check_group("forks", forks);
	check_group("forks that nothing announced", forks_unseen);
	check_group("forks in a captured context", forks_in_a_context);
	return check_status();
}
