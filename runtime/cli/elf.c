/* SPDX-License-Identifier: MIT */
/*
 * elf.c - what a program file says about how it will be loaded.
 *
 * Go is recognised by its build-id note, and by its section's name where the
 * notes were stripped.  A damaged part that the kernel would not look at (section
 * headers) is passed over; a damaged part that it needs makes the file damaged.
 */
#include "runtime/cli/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#define SEGMENTS_MAX 256
#define SECTIONS_MAX 4096
#define DYNAMIC_MAX 4096
#define NOTES_BYTES_MAX 4096

struct file {
	int fd;
	uint64_t bytes;
	ElfW(Ehdr) header;
	uint16_t segment_count;
	ElfW(Phdr) segments[SEGMENTS_MAX];
};

static bool read_at(const struct file *file, uint64_t at, void *out, size_t bytes)
{
	if (at > file->bytes || bytes > file->bytes - at)
		return false;
	return pread(file->fd, out, bytes, (off_t)at) == (ssize_t)bytes;
}

/* A string, cut at bytes; false when it starts outside of the file. */
static bool read_string(const struct file *file, uint64_t at, char *out, size_t bytes)
{
	if (at >= file->bytes)
		return false;
	if (bytes - 1 > file->bytes - at)
		bytes = (size_t)(file->bytes - at) + 1;
	if (!read_at(file, at, out, bytes - 1))
		return false;
	out[bytes - 1] = '\0';
	return true;
}

static bool is_native(const unsigned char *ident)
{
	const unsigned char class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
	const unsigned char data =
		__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;

	return ident[EI_CLASS] == class && ident[EI_DATA] == data;
}

/* Class, order, type and machine stand at the same place in all of them. */
static int read_identity(const struct file *file, struct ta_elf *elf)
{
	unsigned char start[20];

	if (!read_at(file, 0, start, sizeof(start)) || memcmp(start, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC;
	bool little = start[EI_DATA] == ELFDATA2LSB;

	elf->class = start[EI_CLASS];
	elf->data = start[EI_DATA];
	elf->type = (uint16_t)(little ? start[16] | start[17] << 8 : start[17] | start[16] << 8);
	elf->machine = (uint16_t)(little ? start[18] | start[19] << 8 : start[19] | start[18] << 8);
	elf->native = is_native(start);
	return 0;
}

static int read_segments(struct file *file)
{
	if (!read_at(file, 0, &file->header, sizeof(file->header)))
		return -EINVAL;
	file->segment_count = file->header.e_phnum;
	if (file->header.e_phentsize != sizeof(ElfW(Phdr)) || file->segment_count == 0 ||
	    file->segment_count > SEGMENTS_MAX)
		return -EINVAL;
	return read_at(file, file->header.e_phoff, file->segments,
		       file->segment_count * sizeof(ElfW(Phdr)))
		       ? 0
		       : -EINVAL;
}

/* Where in the file an address of memory comes from. */
static bool file_offset(const struct file *file, uint64_t address, uint64_t *ret_at)
{
	for (uint16_t i = 0; i < file->segment_count; i++) {
		const ElfW(Phdr) *segment = &file->segments[i];

		if (segment->p_type != PT_LOAD || address < segment->p_vaddr ||
		    address - segment->p_vaddr >= segment->p_filesz)
			continue;
		*ret_at = segment->p_offset + (address - segment->p_vaddr);
		return *ret_at >= segment->p_offset;
	}
	return false;
}

static bool next_dynamic(const struct file *file, const ElfW(Phdr) *segment, size_t index,
			 ElfW(Dyn) *ret_entry)
{
	uint64_t at = index * sizeof(*ret_entry);

	return index < DYNAMIC_MAX && at + sizeof(*ret_entry) <= segment->p_filesz &&
	       segment->p_offset <= file->bytes &&
	       read_at(file, segment->p_offset + at, ret_entry, sizeof(*ret_entry)) &&
	       ret_entry->d_tag != DT_NULL;
}

static void look_at_needed(const struct file *file, uint64_t strings, uint64_t offset,
			   struct ta_elf *elf)
{
	char name[64];

	if (strings + offset < strings || !read_string(file, strings + offset, name, sizeof(name)))
		return;
	elf->uring |= strncmp(name, "liburing", strlen("liburing")) == 0;
	elf->asan |= strncmp(name, "libasan.so", strlen("libasan.so")) == 0 ||
		     strncmp(name, "libclang_rt.asan", strlen("libclang_rt.asan")) == 0;
}

static void read_dynamic(const struct file *file, const ElfW(Phdr) *segment, struct ta_elf *elf)
{
	ElfW(Dyn) entry;
	uint64_t strings = 0, flags = 0;
	bool has_strings = false, has_name = false;

	elf->dynamic = true;
	for (size_t i = 0; next_dynamic(file, segment, i, &entry); i++) {
		if (entry.d_tag == DT_STRTAB)
			has_strings = file_offset(file, entry.d_un.d_ptr, &strings);
		has_name |= entry.d_tag == DT_SONAME;
		if (entry.d_tag == DT_FLAGS_1)
			flags = entry.d_un.d_val;
	}
	elf->shared = elf->type == ET_DYN && !elf->interpreter[0] &&
		       (has_name || !(flags & DF_1_PIE));
	for (size_t i = 0; has_strings && next_dynamic(file, segment, i, &entry); i++)
		if (entry.d_tag == DT_NEEDED)
			look_at_needed(file, strings, entry.d_un.d_val, elf);
}

/* Notes are {name size, value size, type, name, value}, padded to 4. */
static bool has_go_note(const struct file *file, const ElfW(Phdr) *segment)
{
	_Alignas(ElfW(Nhdr)) char notes[NOTES_BYTES_MAX];
	uint64_t bytes = segment->p_filesz < sizeof(notes) ? segment->p_filesz : sizeof(notes);
	ElfW(Nhdr) note;

	if (!read_at(file, segment->p_offset, notes, (size_t)bytes))
		return false;
	for (uint64_t at = 0; at + sizeof(note) + 4 <= bytes;) {
		memcpy(&note, notes + at, sizeof(note));
		if (note.n_namesz == 4 && memcmp(notes + at + sizeof(note), "Go\0", 4) == 0)
			return true;
		at += sizeof(note) + (((uint64_t)note.n_namesz + 3) & ~3ull) +
		      (((uint64_t)note.n_descsz + 3) & ~3ull);
	}
	return false;
}

static bool has_go_section(const struct file *file)
{
	const ElfW(Ehdr) *header = &file->header;
	ElfW(Shdr) names, section;
	char name[32];

	if (header->e_shentsize != sizeof(section) || header->e_shnum > SECTIONS_MAX ||
	    header->e_shstrndx >= header->e_shnum || header->e_shoff > file->bytes ||
	    !read_at(file, header->e_shoff + header->e_shstrndx * sizeof(names), &names,
		     sizeof(names)))
		return false;
	for (uint16_t i = 0; i < header->e_shnum; i++) {
		if (!read_at(file, header->e_shoff + i * sizeof(section), &section,
			     sizeof(section)) ||
		    names.sh_offset + section.sh_name < names.sh_offset ||
		    !read_string(file, names.sh_offset + section.sh_name, name, sizeof(name)))
			return false;
		if (strcmp(name, ".go.buildinfo") == 0 || strcmp(name, ".note.go.buildid") == 0)
			return true;
	}
	return false;
}

static int read_parts(struct file *file, struct ta_elf *elf)
{
	int error = read_segments(file);

	for (uint16_t i = 0; !error && i < file->segment_count; i++) {
		const ElfW(Phdr) *segment = &file->segments[i];

		if (segment->p_type == PT_INTERP &&
		    !read_string(file, segment->p_offset, elf->interpreter,
				 segment->p_filesz < sizeof(elf->interpreter)
					 ? (size_t)segment->p_filesz + 1
					 : sizeof(elf->interpreter)))
			error = -EINVAL;
		if (segment->p_type == PT_NOTE)
			elf->go |= has_go_note(file, segment);
	}
	for (uint16_t i = 0; !error && i < file->segment_count; i++)
		if (file->segments[i].p_type == PT_DYNAMIC)
			read_dynamic(file, &file->segments[i], elf);
	elf->go |= !error && has_go_section(file);
	return error;
}

int ta_elf_read(const char *path, struct ta_elf *ret_elf)
{
	struct file file = { .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) };
	struct ta_elf elf = { 0 };
	struct stat found;

	if (file.fd < 0)
		return -errno;
	int error = fstat(file.fd, &found) < 0 ? -errno : S_ISREG(found.st_mode) ? 0 : -ENOEXEC;

	file.bytes = error ? 0 : (uint64_t)found.st_size;
	if (!error)
		error = read_identity(&file, &elf);
	if (!error && elf.native)
		error = read_parts(&file, &elf);
	close(file.fd);
	if (!error)
		*ret_elf = elf;
	return error;
}

const char *ta_elf_machine_name(uint16_t machine)
{
	switch (machine) {
	case EM_X86_64:
		return "x86-64";
	case EM_386:
		return "i386";
	case EM_AARCH64:
		return "aarch64";
	case EM_ARM:
		return "arm";
	case EM_RISCV:
		return "riscv";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390";
	default:
		return "another machine";
	}
}
