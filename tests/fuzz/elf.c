/* SPDX-License-Identifier: MIT */
/*
 * elf.c - program files with any bytes in them, as `tagalong doctor` reads them.
 */
#include "runtime/cli/elf.h"

#include <stdio.h>

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static int fd = -1;
	static char path[32];
	struct ta_elf elf;

	if (fd < 0) {
		fd = memfd_create("elf", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, bytes, 0) != (ssize_t)bytes)
		return 0;
	ta_elf_read(path, &elf);
	return 0;
}
