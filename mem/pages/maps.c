// # The mappings of a process
//
//     5568f8fd5000-5568f8fda000 r-xp 00002000 fe:00 247134    /usr/bin/cat
//     begin        end          rights offset device inode    name
//
// The kernel writes the file a page at a time, from the address at which it left
// off: what changes meanwhile may be missing or there twice in two forms, but
// addresses never go back.

#define _GNU_SOURCE
#include "mem/pages/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool is_deleted(const char *name)
{
	static const char end[] = " (deleted)";
	size_t length = strlen(name);

	return *name == '/' && length > sizeof end - 1 &&
	       !strcmp(name + length - (sizeof end - 1), end);
}

static enum mapping_kind kind_of(const struct mapping *mapping)
{
	static const struct {
		const char *name;
		bool deleted; // only of a file without a name
		enum mapping_kind kind;
	} names[] = {
		{ "[heap]", false, MAPPING_HEAP },
		{ "[stack", false, MAPPING_STACK },
		{ "[vdso]", false, MAPPING_KERNEL },
		{ "[vvar", false, MAPPING_KERNEL },
		{ "[vsyscall]", false, MAPPING_KERNEL },
		{ "[vectors]", false, MAPPING_KERNEL }, // 32-bit ARM
		{ "[sigpage]", false, MAPPING_KERNEL },
		{ "[uprobes]", false, MAPPING_KERNEL },
		{ "[anon_shmem:", false, MAPPING_MEMORY },
		{ "/memfd:", true, MAPPING_MEMORY },
		{ "/dev/zero", true, MAPPING_MEMORY },
		{ "/SYSV", true, MAPPING_MEMORY },
		{ "/anon_hugepage", true, MAPPING_MEMORY },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (begins(mapping->name, names[i].name) &&
		    (mapping->deleted || !names[i].deleted))
			return names[i].kind;
	return mapping->inode || *mapping->name == '/' ? MAPPING_FILE
						       : MAPPING_ANONYMOUS;
}

// Takes a line apart, without its newline. The name stays in it.
static bool parse(char *line, struct mapping *mapping)
{
	unsigned long long begin, end, offset, inode;
	char rights[5];
	int length = -1;

	if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu%n", &begin, &end,
		   rights, &offset, &mapping->device_major,
		   &mapping->device_minor, &inode, &length) != 7 ||
	    length == -1 || strlen(rights) != 4)
		return false;
	mapping->begin = (uintptr_t)begin;
	mapping->end = (uintptr_t)end;
	mapping->offset = offset;
	mapping->inode = inode;
	mapping->read = rights[0] == 'r';
	mapping->write = rights[1] == 'w';
	mapping->execute = rights[2] == 'x';
	mapping->shared = rights[3] == 's';
	mapping->name = line + length + strspn(line + length, " ");
	mapping->deleted = is_deleted(mapping->name);
	mapping->kind = kind_of(mapping);
	return mapping->begin < mapping->end;
}

// Lines are read into one string first, since names must not move.
static int read_text(FILE *file, char **text, size_t *bytes)
{
	size_t room = 0;
	ssize_t n = getdelim(text, &room, '\0', file);

	*bytes = n == -1 ? 0 : (size_t)n;
	if (n == -1 && !feof(file))
		return errno ? -errno : -EIO;
	return 0;
}

static size_t count_lines(const char *text, size_t bytes)
{
	size_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		n += text[i] == '\n';
	return n;
}

int maps_read_stream(struct maps *maps, FILE *file)
{
	size_t bytes;

	*maps = (struct maps){ 0 };
	int result = read_text(file, &maps->names, &bytes);
	if (result < 0 || bytes == 0)
		return result;
	maps->all = calloc(count_lines(maps->names, bytes) + 1,
			   sizeof *maps->all);
	if (!maps->all)
		return -ENOMEM;
	char *rest = maps->names;
	uintptr_t last = 0;
	for (char *line; (line = strsep(&rest, "\n")) && rest;) {
		struct mapping *mapping = &maps->all[maps->count];
		if (!parse(line, mapping) || mapping->begin < last)
			return -EBADMSG;
		last = mapping->end;
		maps->count++;
	}
	return 0;
}

int maps_read(struct maps *maps, pid_t pid)
{
	FILE *file;
	int folder = process_open(pid);

	*maps = (struct maps){ 0 };
	if (folder < 0)
		return folder;
	int result = process_stream_open(folder, "maps", &file);
	if (result == 0) {
		result = maps_read_stream(maps, file);
		fclose(file);
	}
	// Of a kernel thread there is nothing to read, or nothing to open; and
	// the memory of a process goes before the process does.
	if (result == -ESRCH || (result == 0 && maps->count == 0))
		result = process_is_kernels(folder) ? 0 : -ESRCH;
	close(folder);
	if (result < 0)
		maps_free(maps);
	return result;
}

void maps_free(struct maps *maps)
{
	free(maps->all);
	free(maps->names);
	*maps = (struct maps){ 0 };
}

const struct mapping *maps_find(const struct maps *maps, uintptr_t address)
{
	size_t low = 0, high = maps->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct mapping *mapping = &maps->all[middle];
		if (address < mapping->begin)
			high = middle;
		else if (address >= mapping->end)
			low = middle + 1;
		else
			return mapping;
	}
	return NULL;
}

const struct mapping *maps_of_kind(const struct maps *maps,
				   enum mapping_kind kind)
{
	for (size_t i = 0; i < maps->count; i++)
		if (maps->all[i].kind == kind)
			return &maps->all[i];
	return NULL;
}

const char *mapping_rights(const struct mapping *mapping, char text[5])
{
	text[0] = mapping->read ? 'r' : '-';
	text[1] = mapping->write ? 'w' : '-';
	text[2] = mapping->execute ? 'x' : '-';
	text[3] = mapping->shared ? 's' : 'p';
	text[4] = '\0';
	return text;
}
