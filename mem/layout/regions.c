// # Mappings by what they are for
//
// The kernel knows ranges with rights, and files. What the books call text, data,
// bss, heap and stack are uses of these. The program's own file is mapped several
// times, each time with the rights that a part of it needs (a segment of the ELF
// file, elf(5)); behind its data lies the bss, which is not in the file.

#define _GNU_SOURCE
#include "mem/layout/layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const part_names[PARTS] = {
	[PART_TEXT] = "text",
	[PART_CONSTANTS] = "constants",
	[PART_DATA] = "data",
	[PART_BSS] = "bss",
	[PART_HEAP] = "heap",
	[PART_FILE] = "file",
	[PART_ANONYMOUS] = "anonymous",
	[PART_SHARED] = "shared memory",
	[PART_STACK] = "stack",
	[PART_KERNEL] = "the kernel's",
};

const char *region_name(const struct region *region)
{
	const char *name = region->first->name;
	const char *slash = strrchr(name, '/');

	switch (region->part) {
	case PART_FILE:
		return slash && slash[1] ? slash + 1 : name;
	case PART_KERNEL:
		return name;
	case PART_ANONYMOUS:
		return *name ? name : part_names[region->part];
	default:
		return part_names[region->part];
	}
}

// The kernel says where the program lies, also when its file is gone by now (the
// name then ends in " (deleted)", here and in maps).
static void read_program(struct layout *layout, pid_t pid)
{
	char path[40] = "/proc/self/exe";

	if (pid)
		snprintf(path, sizeof path, "/proc/%d/exe", pid);
	ssize_t n = readlink(path, layout->program, sizeof layout->program - 1);
	layout->program[n < 0 ? 0 : n] = '\0';
}

static bool is_programs(const struct layout *layout, const struct mapping *m)
{
	return m->kind == MAPPING_FILE && *layout->program &&
	       !strcmp(m->name, layout->program);
}

// Anonymous pages right behind the program's data.
static bool is_bss(const struct mapping *mapping, const struct region *below)
{
	return below && mapping->kind == MAPPING_ANONYMOUS && !*mapping->name &&
	       mapping->write && below->end == mapping->begin &&
	       below->part == PART_DATA;
}

static enum part part_of(const struct layout *layout,
			 const struct mapping *mapping,
			 const struct region *below)
{
	static const enum part parts[] = {
		[MAPPING_ANONYMOUS] = PART_ANONYMOUS,
		[MAPPING_FILE] = PART_FILE,
		[MAPPING_MEMORY] = PART_SHARED,
		[MAPPING_HEAP] = PART_HEAP,
		[MAPPING_STACK] = PART_STACK,
		[MAPPING_KERNEL] = PART_KERNEL,
	};

	if (is_programs(layout, mapping))
		return mapping->execute ? PART_TEXT
		       : mapping->write ? PART_DATA
					: PART_CONSTANTS;
	return is_bss(mapping, below) ? PART_BSS : parts[mapping->kind];
}

// A library's mappings are one region; so are the heap's, since what brk(2) adds
// after a fork(2) is a mapping of its own.
static bool belongs_to(const struct mapping *mapping, enum part part,
		       const struct region *below)
{
	return below && below->part == part && below->end == mapping->begin &&
	       (part == PART_FILE || part == PART_HEAP) &&
	       !strcmp(mapping->name, below->first->name);
}

int layout_read(struct layout *layout, pid_t pid)
{
	layout->count = 0;
	layout->regions = NULL;
	read_program(layout, pid);
	int error = maps_read(&layout->maps, pid);
	if (error)
		return error;
	layout->regions = calloc(layout->maps.count + 1,
				 sizeof *layout->regions);
	if (!layout->regions)
		return -ENOMEM;
	for (size_t i = 0; i < layout->maps.count; i++) {
		const struct mapping *mapping = &layout->maps.all[i];
		struct region *below =
			layout->count ? &layout->regions[layout->count - 1]
				      : NULL;
		enum part part = part_of(layout, mapping, below);
		if (belongs_to(mapping, part, below)) {
			below->end = mapping->end;
			below->mappings++;
			continue;
		}
		layout->regions[layout->count++] = (struct region){
			mapping->begin, mapping->end, part, mapping, 1
		};
	}
	return 0;
}

void layout_free(struct layout *layout)
{
	free(layout->regions);
	layout->regions = NULL;
	maps_free(&layout->maps);
}

const struct region *layout_find(const struct layout *layout, uintptr_t address)
{
	size_t low = 0, high = layout->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct region *region = &layout->regions[middle];
		if (address < region->begin)
			high = middle;
		else if (address >= region->end)
			low = middle + 1;
		else
			return region;
	}
	return NULL;
}
