/* SPDX-License-Identifier: MIT */
/*
 * object.c - opening ELF files, and finding those again that are open.
 *
 * Debug files are looked for by libdwfl when somebody asks for names: .gnu_debugdata inside,
 * by build-id below /usr/lib/debug, by debuglink, and by debuginfod if DEBUGINFOD_URLS is
 * set and its library is there.
 *
 * Runs: tagalong-stacks, one thread.
 */
#include "runtime/stacks/object.h"

#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/stacks/lines.h"
#include "runtime/stacks/name.h"
#include "runtime/wire/segment.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#else
#define MACHINE EM_AARCH64
#endif

static struct ta_object *objects[TA_OBJECTS_MAX];
static struct ta_object *vdso;
static uint64_t uses, request_began;
static bool in_a_hurry;

static void object_free(struct ta_object *object)
{
	if (!object)
		return;
	ta_names_free(object->names);
	ta_ranges_free(object);
	if (object->dwfl)
		dwfl_end(object->dwfl);
	free(object);
}

void ta_objects_begin(void)
{
	request_began = uses;
}

void ta_objects_drop(void)
{
	for (unsigned int i = 0; i < TA_OBJECTS_MAX; i++) {
		object_free(objects[i]);
		objects[i] = NULL;
	}
	object_free(vdso);
	vdso = NULL;
}

static bool same_file(const struct ta_object *object, const struct stat *stat)
{
	return object->inode == stat->st_ino && object->device == stat->st_dev &&
	       object->bytes == stat->st_size &&
	       object->changed.tv_sec == stat->st_mtim.tv_sec &&
	       object->changed.tv_nsec == stat->st_mtim.tv_nsec;
}

/* The slot of a file: its own, an empty one, or that of who was not used for longest. */
static struct ta_object **slot_of(const struct stat *stat)
{
	struct ta_object **oldest = NULL, **empty = NULL;

	for (unsigned int i = 0; i < TA_OBJECTS_MAX; i++) {
		struct ta_object **slot = &objects[i];

		if (!*slot)
			empty = empty ? empty : slot;
		else if (same_file(*slot, stat))
			return slot;
		else if ((*slot)->used <= request_began && (!oldest || (*slot)->used < (*oldest)->used))
			oldest = slot;
	}
	return empty ? empty : oldest;
}

static Dwfl *begin(void)
{
	static char folders[] = ":.debug:/usr/lib/debug";
	static char *path = folders;
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.section_address = dwfl_offline_section_address,
		.debuginfo_path = &path,
	};

	return dwfl_begin(&callbacks);
}

static void note_segment(struct ta_object *object, const GElf_Phdr *head)
{
	uint64_t page = ~(uint64_t)(TA_WIRE_PAGE - 1);
	uint64_t end = (head->p_vaddr + head->p_memsz + TA_WIRE_PAGE - 1) & page;

	if (object->segment_count == TA_OBJECT_SEGMENTS_MAX || head->p_vaddr + head->p_memsz < head->p_vaddr)
		return;
	object->segments[object->segment_count++] = (struct ta_segment_of){
		.address = head->p_vaddr,
		.file_bytes = head->p_filesz,
		.memory_bytes = head->p_memsz,
		.offset = head->p_offset,
		.executable = head->p_flags & PF_X,
		.writable = head->p_flags & PF_W,
	};
	if ((head->p_vaddr & page) < object->low)
		object->low = head->p_vaddr & page;
	if (end > object->high)
		object->high = end;
}

static bool read_segments(struct ta_object *object)
{
	GElf_Ehdr header;
	size_t count = 0;

	if (!gelf_getehdr(object->elf, &header) || header.e_machine != MACHINE ||
	    elf_getphdrnum(object->elf, &count) != 0)
		return false;
	object->low = UINT64_MAX;
	for (size_t i = 0; i < count && i < 256; i++) {
		GElf_Phdr head;

		if (gelf_getphdr(object->elf, (int)i, &head) && head.p_type == PT_LOAD)
			note_segment(object, &head);
	}
	return object->segment_count > 0;
}

/* What stands for a build id where there is none: the first 4096 bytes of .text, folded. */
static void fold_text(struct ta_object *object)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(object->elf, &names) != 0)
		return;
	while ((section = elf_nextscn(object->elf, section)) != NULL) {
		GElf_Shdr head;
		Elf_Data *data;
		const char *name;

		if (!gelf_getshdr(section, &head) || head.sh_type != SHT_PROGBITS)
			continue;
		name = elf_strptr(object->elf, names, head.sh_name);
		if (!name || strcmp(name, ".text") != 0 || !(data = elf_rawdata(section, NULL)))
			continue;
		for (size_t i = 0; data->d_buf && i < data->d_size && i < 4096; i++)
			object->text_id[i % 16] ^= ((const unsigned char *)data->d_buf)[i];
		return;
	}
}

static void read_build_id(struct ta_object *object)
{
	const unsigned char *id;
	GElf_Addr at;
	int bytes = dwfl_module_build_id(object->module, &id, &at);

	if (bytes > 0) {
		object->build_id_bytes = bytes < (int)TA_BUILD_ID_MAX ? (unsigned int)bytes : TA_BUILD_ID_MAX;
		memcpy(object->build_id, id, object->build_id_bytes);
	} else {
		fold_text(object);
	}
}

/* Takes the descriptor over. */
static bool open_file(struct ta_object *object, int fd, const char *path)
{
	GElf_Addr bias;

	object->dwfl = begin();
	if (object->dwfl) {
		dwfl_report_begin(object->dwfl);
		object->module = dwfl_report_elf(object->dwfl, "object", path, fd, 0, true);
		dwfl_report_end(object->dwfl, NULL, NULL);
	}
	if (!object->module) {
		close(fd);
		return false;
	}
	object->elf = dwfl_module_getelf(object->module, &bias);
	if (!object->elf || bias || !read_segments(object))
		return false;
	read_build_id(object);
	return true;
}

static struct ta_object *object_open(int fd, const char *path, const struct stat *stat)
{
	struct ta_object *object = calloc(1, sizeof(*object));

	if (!object) {
		close(fd);
		return NULL;
	}
	object->device = stat->st_dev;
	object->inode = stat->st_ino;
	object->bytes = stat->st_size;
	object->changed = stat->st_mtim;
	if (open_file(object, fd, path))
		return object;
	object_free(object);
	return NULL;
}

struct ta_object *ta_object_get(int fd, const char *path)
{
	struct ta_object **slot = NULL;
	struct stat stat;

	if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode))
		slot = slot_of(&stat);
	if (!slot) {
		close(fd);
		return NULL;
	}
	if (*slot && same_file(*slot, &stat)) {
		close(fd);
	} else {
		object_free(*slot);
		*slot = object_open(fd, path, &stat);
	}
	if (*slot)
		(*slot)->used = ++uses;
	return *slot;
}

/* Our own mapping of it is the same as everybody's: the kernel has but one. */
struct ta_object *ta_object_vdso(void)
{
	unsigned long at = getauxval(AT_SYSINFO_EHDR);
	struct stat stat;
	int fd;

	if (vdso || !at)
		return vdso;
	fd = memfd_create("vdso", MFD_CLOEXEC);
	if (fd < 0)
		return NULL;
	/* Its length is not told; it ends where it cannot be read any more. */
	for (unsigned int i = 0; i < 4; i++)
		if (write(fd, (const char *)at + (size_t)i * TA_WIRE_PAGE, TA_WIRE_PAGE) != TA_WIRE_PAGE)
			break;
	if (fstat(fd, &stat) == 0)
		vdso = object_open(fd, "[vdso]", &stat);
	else
		close(fd);
	return vdso;
}

const void *ta_object_bytes(const struct ta_object *object, uint64_t at, size_t bytes)
{
	size_t file_bytes = 0;
	const char *file = elf_rawfile(object->elf, &file_bytes);

	for (unsigned int i = 0; file && i < object->segment_count; i++) {
		const struct ta_segment_of *segment = &object->segments[i];
		uint64_t into = at - segment->address;

		if (segment->writable || at < segment->address || into >= segment->file_bytes ||
		    segment->file_bytes - into < bytes)
			continue;
		if (segment->offset <= file_bytes && into <= file_bytes - segment->offset &&
		    bytes <= file_bytes - segment->offset - into)
			return file + segment->offset + into;
	}
	return NULL;
}

bool ta_object_is_code(const struct ta_object *object, uint64_t at)
{
	for (unsigned int i = 0; i < object->segment_count; i++) {
		const struct ta_segment_of *segment = &object->segments[i];

		if (segment->executable && at >= segment->address &&
		    at - segment->address < segment->memory_bytes)
			return true;
	}
	return false;
}

void ta_objects_hurry(bool hurry)
{
	in_a_hurry = hurry;
}

Dwarf_Frame *ta_object_frame(struct ta_object *object, uint64_t at)
{
	Dwarf_Frame *frame = NULL;
	Dwarf_Addr bias;

	if (!object->eh_tried) {
		object->eh_cfi = dwfl_module_eh_cfi(object->module, &bias);
		object->eh_tried = true;
	}
	if (object->eh_cfi && dwarf_cfi_addrframe(object->eh_cfi, at, &frame) == 0)
		return frame;
	if (!object->debug_tried && !in_a_hurry) {
		object->debug_cfi = dwfl_module_dwarf_cfi(object->module, &bias);
		object->debug_tried = true;
	}
	if (object->debug_cfi && dwarf_cfi_addrframe(object->debug_cfi, at, &frame) == 0)
		return frame;
	return NULL;
}
