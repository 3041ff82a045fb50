// # Facts of the kernel

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "host.h"
#include "lab.h"
#include "mem/overcommit/overcommit.h"

uint64_t proc_bytes(const char *path, const char *name)
{
	FILE *file = fopen(path, "re");
	size_t length = strlen(name);
	char line[256];
	uint64_t kib = 0;

	if (!file)
		return 0;
	while (fgets(line, sizeof line, file))
		if (!strncmp(line, name, length) && line[length] == ':')
			kib = strtoull(line + length + 1, NULL, 10);
	fclose(file);
	return kib * 1024;
}

long proc_number(const char *path)
{
	char line[HOST_TEXT], *end;

	if (!host_line(path, line, sizeof line))
		skip("no %s: it takes Linux's own /proc", path);
	long number = strtol(line, &end, 10);
	if (end == line)
		skip("%s is no number", path);
	return number;
}

void need_promises(void)
{
	struct rlimit addresses, data;

	must(getrlimit(RLIMIT_AS, &addresses));
	must(getrlimit(RLIMIT_DATA, &data));
	if (addresses.rlim_cur != RLIM_INFINITY)
		skip("the address space is limited: ulimit -v unlimited");
	if (data.rlim_cur != RLIM_INFINITY)
		skip("memory that may be written is limited: ulimit -d "
		     "unlimited");
}

char *promise(uint64_t bytes, int protection, int flags)
{
	return mmap(NULL, bytes, protection,
		    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}
