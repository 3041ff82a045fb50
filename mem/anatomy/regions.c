// # Mappings by what they are for
//
// The kernel knows ranges with rights, and files. What the books call text, data,
// bss, heap and stack are uses of these. The program's own file is mapped several
// times, each time with the rights that a part of it needs (a segment of the ELF
// file, elf(5)); behind its data lies the bss, which is not in the file.

#define _GNU_SOURCE
#include "mem/anatomy/anatomy.h"

#include <errno.h>
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
static void read_program(struct space *space, pid_t pid)
{
	char path[40] = "/proc/self/exe";

	if (pid)
		snprintf(path, sizeof path, "/proc/%d/exe", pid);
	ssize_t n = readlink(path, space->program, sizeof space->program - 1);
	space->program[n < 0 ? 0 : n] = '\0';
}

static bool is_programs(const struct space *space, const struct mapping *m)
{
	return m->kind == MAPPING_FILE && *space->program &&
	       !strcmp(m->name, space->program);
}

// Anonymous pages right behind the program's data.
static bool is_bss(const struct mapping *mapping, const struct region *below)
{
	return below && mapping->kind == MAPPING_ANONYMOUS && !*mapping->name &&
	       mapping->write && below->end == mapping->begin &&
	       below->part == PART_DATA;
}

static enum part part_of(const struct space *space,
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

	if (is_programs(space, mapping))
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

int space_read(struct space *space, pid_t pid)
{
	space->count = 0;
	space->regions = NULL;
	read_program(space, pid);
	int error = maps_read(&space->maps, pid);
	if (error)
		return error;
	space->regions = calloc(space->maps.count + 1, sizeof *space->regions);
	if (!space->regions)
		return -ENOMEM;
	for (size_t i = 0; i < space->maps.count; i++) {
		const struct mapping *mapping = &space->maps.all[i];
		struct region *below =
			space->count ? &space->regions[space->count - 1] : NULL;
		enum part part = part_of(space, mapping, below);
		if (belongs_to(mapping, part, below)) {
			below->end = mapping->end;
			below->mappings++;
			continue;
		}
		space->regions[space->count++] = (struct region){
			mapping->begin, mapping->end, part, mapping, 1
		};
	}
	return 0;
}

void space_free(struct space *space)
{
	free(space->regions);
	space->regions = NULL;
	maps_free(&space->maps);
}

const struct region *space_find(const struct space *space, uintptr_t address)
{
	for (size_t i = 0; i < space->count; i++)
		if (address >= space->regions[i].begin &&
		    address < space->regions[i].end)
			return &space->regions[i];
	return NULL;
}
