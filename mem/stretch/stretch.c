// # A stretch of memory, by page size

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "host.h"
#include "mem/pages/pages.h"
#include "mem/stretch/stretch.h"

#define THP "/sys/kernel/mm/transparent_hugepage/"

size_t huge_page_bytes(void)
{
	char line[HOST_TEXT];

	if (!host_line(THP "hpage_pmd_size", line, sizeof line))
		return 0;
	return strtoul(line, NULL, 10);
}

static size_t round_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

static int refuse(struct stretch *stretch)
{
	int error = errno;

	stretch_free(stretch);
	return -error;
}

int stretch_make(struct stretch *stretch, size_t bytes, bool huge)
{
	size_t huge_bytes = huge_page_bytes(), page = page_bytes();
	size_t unit = huge_bytes ? huge_bytes : page;

	*stretch = (struct stretch){ 0 };
	if (huge && !huge_bytes)
		return -EINVAL;
	if (bytes == 0 || bytes > SIZE_MAX / 2)
		return -EINVAL;
	stretch->bytes = round_up(bytes, huge ? unit : page);
	// aligned within, and at least a page free on both sides
	stretch->reserved_bytes = stretch->bytes + unit + 2 * page;
	stretch->reserved = mmap(NULL, stretch->reserved_bytes, PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				 -1, 0);
	if (stretch->reserved == MAP_FAILED) {
		stretch->reserved = NULL;
		return refuse(stretch);
	}
	uintptr_t from = (uintptr_t)stretch->reserved + page;
	stretch->memory = (char *)round_up(from, unit);
	if (mprotect(stretch->memory, stretch->bytes, PROT_READ | PROT_WRITE))
		return refuse(stretch);
	if (!huge)
		// EINVAL: a kernel without huge pages, as is well
		madvise(stretch->memory, stretch->bytes, MADV_NOHUGEPAGE);
	else if (madvise(stretch->memory, stretch->bytes, MADV_HUGEPAGE))
		return refuse(stretch);
	return 0;
}

void stretch_free(struct stretch *stretch)
{
	if (stretch->reserved)
		munmap(stretch->reserved, stretch->reserved_bytes);
	*stretch = (struct stretch){ 0 };
}

// (AddressSanitizer would note each write in a page of its own.)
__attribute__((no_sanitize("address", "thread"))) void
stretch_touch(const struct stretch *stretch, char value)
{
	size_t page = page_bytes();

	for (size_t i = 0; i < stretch->bytes; i += page)
		((volatile char *)stretch->memory)[i] = value;
}

ssize_t stretch_huge_bytes(const struct stretch *stretch)
{
	struct memory_use use;
	uintptr_t begin = (uintptr_t)stretch->memory;

	int error = memory_use_between(&use, 0, begin, begin + stretch->bytes);
	return error ? error : (ssize_t)use.anonymous_huge;
}

const char *stretch_why_small(char text[STRETCH_TEXT])
{
	char enabled[HOST_TEXT];

	if (!host_line(THP "enabled", enabled, sizeof enabled))
		snprintf(text, STRETCH_TEXT,
			 "this kernel has no transparent huge pages "
			 "(CONFIG_TRANSPARENT_HUGEPAGE)");
	else if (prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1)
		snprintf(text, STRETCH_TEXT,
			 "huge pages are turned off for this process "
			 "(PR_SET_THP_DISABLE, by whoever started it)");
	else
		snprintf(
			text, STRETCH_TEXT,
			"no huge pages came: " THP "enabled says '%.60s' (root "
			"may write 'madvise'), or no whole piece is free (root "
			"may write 1 to /proc/sys/vm/compact_memory)",
			enabled);
	return text;
}
