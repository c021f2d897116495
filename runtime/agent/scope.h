/* SPDX-License-Identifier: MIT */
/*
 * scope.h - scope versions: the data that goes with spans and events.
 *
 * A host names scope versions by number and sends each version once, as one
 * change to an older version.  Versions of one segment (a "family") share their
 * numbers, because forked children inherit them; different segments do not.
 * A record may arrive before the version it refers to (another lane has it), so
 * a version may be named, and held, before it is known.
 *
 * A version is kept while somebody holds it, and while it is the value of a cell
 * (a scope that the process still has).  Besides those, the newest 4096 of every
 * living process are kept, and as many of all dead ones together, for spans that
 * are still to start.
 *
 * Runs: agent, one thread.  No I/O, no clock.
 */
#ifndef TA_AGENT_SCOPE_H
#define TA_AGENT_SCOPE_H

#include "runtime/agent/model.h"

struct ta_scopes;

struct ta_scope_counters {
	uint64_t missing; /* versions that were needed and are not known */
	uint64_t dropped; /* changes and entries not kept: too many, too much, not what they should
			     be */
};

/* Limits: of one version, of one process, of everything. */
#define TA_SCOPE_TAGS_MAX 256u /* also extras, attributes, keys of a user, parts of a fingerprint  \
				*/
#define TA_SCOPE_CONTEXTS_MAX 64u
#define TA_SCOPE_CRUMBS_MAX 1000u
#define TA_SCOPE_VERSION_BYTES (1u << 20) /* keys and values of one version */
#define TA_SCOPE_KEPT 4096u		  /* versions nobody holds, per process */
#define TA_SCOPE_CELLS_MAX 65536u	  /* cells are numbered from 1 to this */
#define TA_SCOPE_BYTES_MAX (64u << 20)	  /* all versions together */

struct ta_scopes *ta_scopes_new(void); /* NULL when out of memory */
void ta_scopes_free(struct ta_scopes *scopes);

/* Breadcrumbs that a version keeps, the newest: 100 unless told, at most
 * TA_SCOPE_CRUMBS_MAX.  To be said before the first record. */
void ta_scopes_set_max_crumbs(struct ta_scopes *scopes, uint32_t max_crumbs);

/* One SCOPE_SET record (already found valid) of process owner.  A change that is not
 * kept is counted, and its version is the same as its parent. */
void ta_scopes_set(struct ta_scopes *scopes, uint64_t family, uint64_t owner,
		   const struct ta_record_scope_set *set);

/* Once per pass over all lanes: versions whose parent did not come within two
 * whole passes are made without it.  True while some are waiting. */
bool ta_scopes_settle(struct ta_scopes *scopes);

/* Version 0 is the empty scope and needs no holding. */
void ta_scopes_ref(struct ta_scopes *scopes, uint64_t family, uint64_t version);
void ta_scopes_unref(struct ta_scopes *scopes, uint64_t family, uint64_t version);

/* How many changes lie between the empty scope and a version: of two versions of one
 * chain the deeper one is newer.  0: not known, or not yet (its parent is waited for;
 * ask again after ta_scopes_settle()). */
uint32_t ta_scopes_depth(const struct ta_scopes *scopes, uint64_t family, uint64_t version);

/* The data of the given versions merged: later versions win, by key for tags, extras,
 * contexts and attributes, by key of the object for users; fingerprints are joined in the
 * order of the versions, breadcrumbs by time of insertion with the newest max_crumbs kept.
 * A version that set the user to nobody hides id, email, ip_address and username of those
 * before it.  Keys of users are text, escapes resolved, like all other keys.  To be freed
 * with free(); NULL when there is nothing (or no memory).  The strings live while the
 * versions do. */
struct ta_scope_data *ta_scopes_merge(struct ta_scopes *scopes, uint64_t family,
				      const uint64_t *versions, uint32_t count,
				      uint32_t max_crumbs);
#define TA_SCOPE_MERGE_MAX 8u /* versions that can be merged; of more the first ones are */

/* Process child starts with the cells of its parent, as they are now; those that it has
 * got already stay.  Harmless when it is said twice. */
void ta_scopes_inherit(struct ta_scopes *scopes, uint64_t family, uint64_t child, uint64_t parent);

/* The process is dead and its lanes are read: its cells have no values any more. */
void ta_scopes_bury(struct ta_scopes *scopes, uint64_t family, uint64_t owner);

/* The segment is gone: nobody will start from its versions any more.  Those
 * that are held stay until they are let go. */
void ta_scopes_forget(struct ta_scopes *scopes, uint64_t family);

/* Calls visit with everything that is kept, in pieces: what the journal's snapshot holds.
 * A piece is what ta_scopes_restore() takes, in the order of the visit: three numbers
 * (some are 0) and a blob of at most 4 MiB.  Holds are not part of it: who holds versions
 * says so again. */
typedef void ta_scope_visit_fn(void *user, uint64_t family, uint64_t owner, uint64_t version,
			       const void *blob, size_t bytes);
void ta_scopes_visit(struct ta_scopes *scopes, ta_scope_visit_fn *visit, void *user);

/* The other half.  Nothing of what is restored is let go before the next ta_scopes_set(),
 * ta_scopes_settle() or ta_scopes_forget(): hold what is to be held until then.  Returns 0,
 * -EINVAL for a piece that makes no sense (and is left alone) or -ENOMEM. */
int ta_scopes_restore(struct ta_scopes *scopes, uint64_t family, uint64_t owner, uint64_t version,
		      const void *blob, size_t bytes);

struct ta_scope_counters ta_scopes_counters(const struct ta_scopes *scopes);

/* What all of it takes; 0 when nothing is kept. */
size_t ta_scopes_bytes(const struct ta_scopes *scopes);

#endif
