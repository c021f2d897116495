/* SPDX-License-Identifier: MIT */
/*
 * scope.h - scope versions: what a span's tags are made of.
 *
 * A host names scope versions by number and sends each version once, as one
 * change to an older version.  Versions of one segment (a "family") share their
 * numbers, because forked children inherit them; different segments do not.
 * A record may arrive before the version it refers to (another lane has it), so
 * a version may be named, and held, before it is known.
 *
 * A version is kept while somebody holds it; besides those, the newest 4096 of
 * every process are kept, for spans that are still to start.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_SCOPE_H
#define TA_AGENT_SCOPE_H

#include "runtime/agent/model.h"

struct ta_scopes;

struct ta_scope_counters {
	uint64_t missing; /* versions that were needed and are not known */
	uint64_t dropped; /* changes not kept: too much memory, too many tags */
};

#define TA_SCOPE_TAGS_MAX 256u	      /* tags of one version */
#define TA_SCOPE_KEPT 4096u	      /* versions nobody holds, per process */
#define TA_SCOPE_BYTES_MAX (64u << 20) /* all versions together */

struct ta_scopes *ta_scopes_new(void); /* NULL when out of memory */
void ta_scopes_free(struct ta_scopes *scopes);

/* One SCOPE_SET record (already found valid) of process owner. */
void ta_scopes_set(struct ta_scopes *scopes, uint64_t family, uint64_t owner,
		   const struct ta_record_scope_set *set);

/* Once per pass over all lanes: versions whose parent did not come within a
 * whole pass are made without it.  True while some are waiting. */
bool ta_scopes_settle(struct ta_scopes *scopes);

/* Version 0 is the empty scope and needs no holding. */
void ta_scopes_ref(struct ta_scopes *scopes, uint64_t family, uint64_t version);
void ta_scopes_unref(struct ta_scopes *scopes, uint64_t family, uint64_t version);

/* The data of the given versions merged: later versions win, by key for tags, extras,
 * contexts and attributes, by key of the object for users; fingerprints are joined in the
 * order of the versions, breadcrumbs by time of insertion with the newest max_crumbs kept.
 * A version that set the user to nobody hides id, email, ip_address and username of those
 * before it.  To be freed with free(); NULL when there is nothing (or no memory).  The
 * strings live while the versions do. */
struct ta_scope_data *ta_scopes_merge(struct ta_scopes *scopes, uint64_t family,
				      const uint64_t *versions, uint32_t count, uint32_t max_crumbs);

/* The segment is gone: nobody will start from its versions any more.  Those
 * that are held stay until they are let go. */
void ta_scopes_forget(struct ta_scopes *scopes, uint64_t family);

/* Calls visit for every version that is kept, with all its tags: what the journal's
 * snapshot holds.  Versions that still wait for a parent are left out. */
typedef void ta_scope_visit_fn(void *user, uint64_t family, uint64_t owner, uint64_t version,
			       const struct ta_tag *tags, uint32_t count);
void ta_scopes_visit(struct ta_scopes *scopes, ta_scope_visit_fn *visit, void *user);

/* The other half: a version as ta_scopes_visit() gave it. */
void ta_scopes_restore(struct ta_scopes *scopes, uint64_t family, uint64_t owner, uint64_t version,
		       const struct ta_tag *tags, uint32_t count);

struct ta_scope_counters ta_scopes_counters(const struct ta_scopes *scopes);

#endif
