// # How much memory a process uses
//
// A frame that two processes map is counted in both by Rss, and by halves by Pss,
// so that only the sum of all Pss is what is used. smaps walks every page table of
// the process: it is slow for a large one, and smaps_rollup (one answer for all
// mappings) is several times faster.

#define _GNU_SOURCE
#include "mem/pages/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIELD(name, member)                                                    \
	{                                                                      \
		name, offsetof(struct memory_use, member)                      \
	}

static const struct {
	const char *name;
	size_t offset;
} fields[] = {
	FIELD("Size", size),
	FIELD("Rss", resident),
	FIELD("Pss", proportional),
	FIELD("Shared_Clean", shared_clean),
	FIELD("Shared_Dirty", shared_dirty),
	FIELD("Private_Clean", private_clean),
	FIELD("Private_Dirty", private_dirty),
	FIELD("Referenced", referenced),
	FIELD("Anonymous", anonymous),
	FIELD("KSM", ksm),
	FIELD("LazyFree", lazy_free),
	FIELD("AnonHugePages", anonymous_huge),
	FIELD("ShmemPmdMapped", shared_memory_huge),
	FIELD("FilePmdMapped", file_huge),
	FIELD("Shared_Hugetlb", shared_hugetlb),
	FIELD("Private_Hugetlb", private_hugetlb),
	FIELD("Swap", swap),
	FIELD("SwapPss", swap_proportional),
	FIELD("Locked", locked),
};

// "Rss:      1234 kB"
static void add_line(struct memory_use *use, const char *line)
{
	size_t length = strcspn(line, ":");
	unsigned long long kib;

	if (sscanf(line + length, ": %llu kB", &kib) != 1)
		return;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (strlen(fields[i].name) == length &&
		    !strncmp(fields[i].name, line, length))
			*(uint64_t *)((char *)use + fields[i].offset) += kib *
									 1024;
}

int use_read_stream(struct memory_use *use, FILE *file, uintptr_t begin,
		    uintptr_t end)
{
	char *line = NULL;
	size_t room = 0;
	bool wanted = false, any = false;

	*use = (struct memory_use){ 0 };
	while (getline(&line, &room, file) != -1) {
		unsigned long long from, to;
		char blank;
		// (No field's name is hexadecimal digits and a hyphen.)
		if (sscanf(line, "%llx-%llx%c", &from, &to, &blank) == 3) {
			wanted = from < end && begin < to;
			any = true;
		} else if (wanted) {
			add_line(use, line);
		}
	}
	int result = ferror(file) ? -errno : any ? 0 : -ENODATA;
	free(line);
	return result;
}

static int read_use(struct memory_use *use, pid_t pid, const char *name,
		    uintptr_t begin, uintptr_t end)
{
	FILE *file;
	int folder = process_open(pid);

	*use = (struct memory_use){ 0 };
	if (folder < 0)
		return folder;
	int result = process_stream_open(folder, name, &file);
	if (result == 0) {
		result = use_read_stream(use, file, begin, end);
		fclose(file);
	}
	// A kernel thread uses none.
	if (result == -ESRCH || result == -ENODATA)
		result = process_is_kernels(folder) ? 0 : -ESRCH;
	close(folder);
	return result;
}

int memory_use(struct memory_use *use, pid_t pid)
{
	return read_use(use, pid, "smaps_rollup", 0, UINTPTR_MAX);
}

int memory_use_between(struct memory_use *use, pid_t pid, uintptr_t begin,
		       uintptr_t end)
{
	return read_use(use, pid, "smaps", begin, end);
}
