/* SPDX-License-Identifier: MIT */
/*
 * tls_library.c - finding the TLS library that a call is for; see the header.
 *
 * Runs: any host thread, at the first call from a place.  No locks of ours: an entry is
 * claimed, filled in and then shown.  Two threads may enter the same library twice.
 */
#include "hooks/tls_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <string.h>

#include "preload/baseline.h"

#define PROBES 4u
#define FILLING 1u
#define READY 2u

/* ---- objects ---- */

struct extent {
	uintptr_t address; /* asked for */
	uintptr_t low, high;
};

static int look_at(struct dl_phdr_info *info, size_t bytes, void *argument)
{
	struct extent *extent = argument;
	uintptr_t low = UINTPTR_MAX, high = 0;

	(void)bytes;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + part->p_vaddr;

		if (part->p_type != PT_LOAD)
			continue;
		low = begin < low ? begin : low;
		high = begin + part->p_memsz > high ? begin + part->p_memsz : high;
	}
	if (extent->address < low || extent->address >= high)
		return 0;
	extent->low = low;
	extent->high = high;
	return 1;
}

/* The file of the object that an address is in, as the loader knows it; NULL: none, or the
 * program itself, whose scope is the global one. */
static const char *file_of(uintptr_t address)
{
	struct link_map *map = NULL;
	Dl_info info;

	if (dladdr1((void *)address, &info, (void **)&map, RTLD_DL_LINKMAP) == 0 || map == NULL ||
	    map->l_name == NULL || map->l_name[0] == '\0')
		return NULL;
	return map->l_name;
}

/* Not unloaded any more. */
static void keep(uintptr_t address)
{
	const char *file = file_of(address);
	void *handle = file ? dlopen(file, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) : NULL;

	if (handle)
		dlclose(handle);
}

/* ---- libraries ---- */

/* The whole library as one scope shows it; false: not there. */
static bool fill(const struct ta_tls_kind *kind, void *scope, struct ta_tls_library *ret_library)
{
	struct extent extent = { .address = (uintptr_t)dlsym(scope, kind->mark) };

	if (extent.address == 0 || dl_iterate_phdr(look_at, &extent) == 0)
		return false;
	memset(ret_library, 0, sizeof(*ret_library));
	ret_library->low = extent.low;
	ret_library->high = extent.high;
	for (uint32_t i = 0; i < kind->count; i++)
		ret_library->real[i] = dlsym(scope, kind->names[i]);
	return true;
}

static bool is_same(const struct ta_tls_library *one, const struct ta_tls_library *other)
{
	return one->low == other->low && memcmp(one->real, other->real, sizeof(one->real)) == 0;
}

static bool is_ready(const struct ta_tls_library *library)
{
	return atomic_load_explicit(&library->state, memory_order_acquire) == READY;
}

/* The entry for what was found: an old one, or a new one; NULL: no room. */
static struct ta_tls_library *enter(struct ta_tls_kind *kind, const struct ta_tls_library *found)
{
	for (uint32_t i = 0; i < TA_TLS_LIBRARIES_MAX; i++) {
		struct ta_tls_library *entry = &kind->libraries[i];
		uint32_t free = 0;

		if (is_ready(entry) && is_same(entry, found))
			return entry;
		if (!atomic_compare_exchange_strong(&entry->state, &free, FILLING))
			continue;
		entry->low = found->low;
		entry->high = found->high;
		memcpy(entry->real, found->real, sizeof(entry->real));
		keep(found->low);
		atomic_store_explicit(&entry->state, READY, memory_order_release);
		return entry;
	}
	return NULL;
}

/* What the scope of a loaded file shows; session: only if it is the owner. */
static struct ta_tls_library *in_file(struct ta_tls_kind *kind, const char *file,
				      const void *session)
{
	void *handle = file ? dlopen(file, RTLD_LAZY | RTLD_NOLOAD) : NULL;
	struct ta_tls_library found, *entry = NULL;

	if (handle == NULL)
		return NULL;
	if (fill(kind, handle, &found) && (!session || ta_tls_owns(kind, &found, session)))
		entry = enter(kind, &found);
	dlclose(handle);
	return entry;
}

/* ---- the ways to find one ---- */

static struct ta_tls_library *by_caller(struct ta_tls_kind *kind, uintptr_t caller)
{
	struct ta_tls_library found;

	if (fill(kind, RTLD_NEXT, &found))
		return enter(kind, &found);
	return in_file(kind, file_of(caller), NULL);
}

static struct ta_tls_library *by_session(struct ta_tls_kind *kind, const void *session)
{
	const uintptr_t *word = session;

	for (uint32_t i = 0; i < TA_TLS_LIBRARIES_MAX; i++)
		if (is_ready(&kind->libraries[i]) &&
		    ta_tls_owns(kind, &kind->libraries[i], session))
			return &kind->libraries[i];
	for (uint32_t i = 0; i < kind->words; i++) {
		struct ta_tls_library *entry = in_file(kind, file_of(word[i]), session);

		if (entry)
			return entry;
	}
	return NULL;
}

static struct ta_tls_library *by_name(struct ta_tls_kind *kind)
{
	struct ta_tls_library *entry = NULL;

	for (const char *const *file = kind->files; *file && !entry; file++)
		entry = in_file(kind, *file, NULL);
	return entry;
}

/* ---- places ---- */

static struct ta_tls_library *at_site(struct ta_tls_kind *kind, uintptr_t caller)
{
	for (uint32_t i = 0; i < PROBES; i++) {
		uint64_t site = atomic_load_explicit(
			&kind->sites[(ta_tls_site(caller) + i) % TA_TLS_SITES],
			memory_order_acquire);

		if (site >> 8 == caller)
			return &kind->libraries[(site & 0xff) % TA_TLS_LIBRARIES_MAX];
	}
	return NULL;
}

/* A place among a few that is free; else the first one, which the newest call gets. */
static void keep_site(struct ta_tls_kind *kind, uintptr_t caller,
		      const struct ta_tls_library *library)
{
	uint64_t site = (uint64_t)caller << 8 | (uint64_t)(library - kind->libraries);

	for (uint32_t i = 0; i < PROBES; i++) {
		uint64_t free = 0;

		if (atomic_compare_exchange_strong(
			    &kind->sites[(ta_tls_site(caller) + i) % TA_TLS_SITES], &free, site))
			return;
	}
	atomic_store_explicit(&kind->sites[ta_tls_site(caller)], site, memory_order_release);
}

/* The session is right where the place is not.  Where no session of a library says whose
 * it is, it is not asked again. */
static struct ta_tls_library *checked(struct ta_tls_kind *kind, struct ta_tls_library *library,
				      const void *session)
{
	struct ta_tls_library *owner;

	if (session == NULL || kind->words == 0)
		return library;
	if (library && (ta_tls_owns(kind, library, session) || atomic_load(&library->odd)))
		return library;
	owner = by_session(kind, session);
	if (owner == NULL && library)
		atomic_store(&library->odd, 1);
	return owner ? owner : library;
}

const struct ta_tls_library *ta_tls_library_find(struct ta_tls_kind *kind, const void *session,
						 uintptr_t caller)
{
	int saved_errno = errno;
	struct ta_tls_library *known = at_site(kind, caller);
	struct ta_tls_library *library = known ? known : by_caller(kind, caller);

	library = checked(kind, library, session);
	if (library == NULL)
		library = by_name(kind);
	if (known == NULL) {
		if (library)
			keep_site(kind, caller, library);
		dlerror(); /* what we asked for in vain is not the program's business */
	}
	errno = saved_errno;
	return library;
}

bool ta_tls_is_ours(const void *caller)
{
	extern const char __ehdr_start[] __attribute__((visibility("hidden")));
	extern const char _end[] __attribute__((visibility("hidden")));

	return (uintptr_t)caller - (uintptr_t)__ehdr_start <
	       (uintptr_t)_end - (uintptr_t)__ehdr_start;
}

bool ta_tls_is_inner(const struct ta_tls_library *library, const void *caller)
{
	return ta_tls_within(library, (uintptr_t)caller) || ta_tls_is_ours(caller);
}
