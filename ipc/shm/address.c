// # Address: one page, many addresses
//
// What is shared is the page, the frame of memory. Each process has page tables
// of its own that say at which address it appears, and mmap takes whatever is
// free there. Even one process can have it twice.

#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shm.h"

// ## Which page lies at an address?
//
// /proc/PID/pagemap knows: eight bytes a page, bit 63 says that there is one,
// bits 0 to 54 are the frame's number. Without CAP_SYS_ADMIN the number is
// hidden (zeros), since it helps attackers. Then /proc/PID/maps must do: it
// names the file behind the address, by device, inode and offset. One page of
// one file is one frame.

enum { PLACE_BYTES = 96 };

static uint64_t frame_at(const void *address)
{
	const uint64_t present = UINT64_C(1) << 63;
	const uint64_t frame = (UINT64_C(1) << 55) - 1;
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return 0;
	off_t at = (off_t)((uintptr_t)address / page_bytes() * sizeof entry);
	if (pread(fd, &entry, sizeof entry, at) != sizeof entry)
		entry = 0;
	must(close(fd));
	return entry & present ? entry & frame : 0;
}

struct mapping mapping_of(const void *address)
{
	FILE *maps = must_ptr(fopen("/proc/self/maps", "re"));
	unsigned long at = (unsigned long)address;
	struct mapping found = { 0 };
	char line[512];

	while (at >= found.end && fgets(line, sizeof line, maps)) {
		found = (struct mapping){ .path = "no file" };
		must(sscanf(line, "%lx-%lx %*s %lx %15s %lu %63[^\n]",
			    &found.begin, &found.end, &found.offset,
			    found.device, &found.inode, found.path));
	}
	must(fclose(maps));
	return found;
}

static void place_of(char place[PLACE_BYTES], volatile const char *address)
{
	(void)*address;
	uint64_t frame = frame_at((const void *)address);
	struct mapping m = mapping_of((const void *)address);
	unsigned long at = (unsigned long)address - m.begin + m.offset;

	if (frame)
		snprintf(place, PLACE_BYTES, "frame %#" PRIx64, frame);
	else
		snprintf(place, PLACE_BYTES, "page %zu of inode %lu on %s",
			 at / page_bytes(), m.inode, m.device);
}

// ## Three addresses
//
// The child is forked from a process that has the page at two addresses, and so
// it has it there, too; where it maps it once more must be a third. It then
// drops the first two: to it the page is only there.
//
// The kernel may move a page to another frame while nobody looks (compaction),
// so we look before and after the child did, and again if that was different.

struct report {
	_Atomic(const char *) address;
	char place[PLACE_BYTES];
};

static void look_from_child(int fd, char *first, char *second,
			    struct report *report)
{
	pid_t child = fork_as("child");

	if (child > 0) {
		reap(child);
		return;
	}
	char *third = map_page(fd);
	must(munmap(first, page_bytes()));
	must(munmap(second, page_bytes()));
	place_of(report->place, third);
	report->address = third;
	third[1] = 'c';
	_exit(0);
}

void play_address(void)
{
	int fd = page_file(0);
	struct report *report = shared(sizeof *report);
	char before[PLACE_BYTES], places[2][PLACE_BYTES];
	char *first = map_page(fd), *second = map_page(fd);

	first[0] = 'm';
	do {
		place_of(before, first);
		place_of(places[1], second);
		look_from_child(fd, first, second, report);
		place_of(places[0], first);
	} while (strcmp(before, places[0]) != 0);

	say("at %p here:       %s", (void *)first, places[0]);
	say("at %p here, too:  %s", (void *)second, places[1]);
	say("at %p in a child: %s", (const void *)report->address,
	    report->place);
	claim(first != second && report->address != first &&
		      report->address != second,
	      "three addresses in two processes");
	claim(!strcmp(places[0], places[1]) &&
		      !strcmp(places[0], report->place),
	      "the same %.5s at all of them", places[0]);
	claim(second[0] == 'm' && first[1] == 'c' && second[1] == 'c',
	      "a store at one is seen at the others, the child's too");
}

// ## So a pointer means nothing over there
//
// A list of three words lies in a shared page, its nodes joined in two ways: by
// pointers, as the maker sees them, and by offsets from the beginning of the
// page. The reader has the page somewhere else. What it has where the maker had
// the page is its own affair: nothing, or something quite different. The second
// is worse, for nothing tells.

struct node {
	char word[16];
	const struct node *next;
	ptrdiff_t next_offset; // 0: the last
};

static void make_list(struct node *nodes)
{
	static const char *const words[] = { "one", "two", "three" };

	for (int i = 0; i < 3; i++) {
		bool last = i == 2;
		snprintf(nodes[i].word, sizeof nodes[i].word, "%s", words[i]);
		nodes[i].next = last ? NULL : &nodes[i + 1];
		nodes[i].next_offset = last ? 0 : (i + 1) * sizeof *nodes;
	}
}

enum { LIST_BYTES = 64 };

// strlen first: a word that cannot be read leaves the list as it was.
static void add_word(char list[LIST_BYTES], const char *word)
{
	int length = (int)strlen(word);
	size_t used = strlen(list);

	snprintf(list + used, LIST_BYTES - used, "%s%.*s", used ? " " : "",
		 length, word);
}

static void read_by_pointers(char list[LIST_BYTES], const struct node *node)
{
	for (; node; node = node->next)
		add_word(list, node->word);
}

static void read_by_offsets(char list[LIST_BYTES], const char *page)
{
	ptrdiff_t offset = 0;

	do {
		const struct node *node = (const void *)(page + offset);
		add_word(list, node->word);
		offset = node->next_offset;
	} while (offset);
}

// A reader that has the page at `here`, and `there`, where the maker has it,
// nothing at all or a node of its own. Returns what killed it, or 0.
static int read_elsewhere(int fd, struct node *there, bool something,
			  bool by_offsets, char list[LIST_BYTES])
{
	pid_t reader = fork_as("reader");

	if (reader > 0)
		return killed_by(reader);
	struct node *here = map_page(fd);
	memset(list, 0, LIST_BYTES);
	must(munmap(there, page_bytes()));
	expect_death(SIGSEGV);
	if (something) {
		must(mmap(there, page_bytes(), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
		there[1] = (struct node){ .word = "my own diary" };
	}
	if (by_offsets)
		read_by_offsets(list, (const char *)here);
	else
		read_by_pointers(list, here);
	_exit(0);
}

void play_pointer(void)
{
	int fd = page_file(0);
	char *list = shared(LIST_BYTES);
	struct node *nodes = map_page(fd);

	make_list(nodes);
	read_by_pointers(list, nodes);
	claim(!strcmp(list, "one two three"),
	      "a list in the page; its maker follows the pointers: %s", list);

	int death = read_elsewhere(fd, nodes, false, false, list);
	claim(death == SIGSEGV && !strcmp(list, "one"),
	      "a reader that has nothing at that address: %s, SIGSEGV", list);
	death = read_elsewhere(fd, nodes, true, false, list);
	claim(death == 0 && !strcmp(list, "one my own diary"),
	      "one that has something else there: %s", list);
	death = read_elsewhere(fd, nodes, false, true, list);
	claim(death == 0 && !strcmp(list, "one two three"),
	      "by offsets, which hold wherever the page is: %s", list);
}
