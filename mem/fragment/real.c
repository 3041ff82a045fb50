// # For real: an address space, malloc's heap, physical memory
//
// Three allocators that run now, in every process or below it.

#define _GNU_SOURCE
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host.h"
#include "lab.h"
#include "mem/fragment/fragment.h"
#include "options.h"

enum { MIB = 1 << 20 };

// ## An address space that is full of holes
//
// With pages any frame will do. What is still handed out in one piece are
// addresses: mmap(2) wants a range that is free, and only because there are 2^47
// does nobody notice that this is an allocator like the others. So a child takes
// all of them but 32 MiB: PROT_NONE is memory that nobody may touch, and costs the
// kernel nothing but an entry. In the 32 MiB lie 16 mappings of 1 MiB, with as
// many holes between.
//
// And here blocks can be moved: mremap(2) hangs the same pages up at another
// address. No byte is copied; but whoever has a pointer must be told.
//
// In the child nothing is called that might want memory, so its parent speaks.

enum { PIECES = 32 };

struct findings {
	uint64_t taken;
	bool full;           // not a page fitted any more
	bool one, two;       // 1 MiB, 2 MiB, with 16 MiB free
	bool moved, correct; // 15 mappings, and each byte was there
	bool half;           // 16 MiB then
};

static char *map(size_t bytes, int protection)
{
	return mmap(NULL, bytes, protection,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static bool fits(size_t bytes)
{
	void *got = map(bytes, PROT_NONE);

	if (got == MAP_FAILED)
		return false;
	munmap(got, bytes);
	return true;
}

// Every free range of the address space, the large ones first.
static uint64_t take_the_rest(size_t page)
{
	uint64_t taken = 0;

	for (size_t bytes = ~(SIZE_MAX >> 1); bytes >= page; bytes /= 2)
		while (map(bytes, PROT_NONE) != MAP_FAILED)
			taken += bytes;
	return taken;
}

// The mappings at 0, 2, 4 ... MiB of the region, to 0, 1, 2 ...
static bool gather(char *region)
{
	for (size_t i = 1; i < PIECES / 2; i++)
		if (mremap(region + 2 * i * MIB, MIB, MIB,
			   MREMAP_MAYMOVE | MREMAP_FIXED,
			   region + i * MIB) == MAP_FAILED)
			return false;
	return true;
}

static void fragment_addresses(struct findings *found)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *region = must(map((size_t)PIECES * MIB, PROT_READ | PROT_WRITE));

	for (size_t i = 0; i < PIECES; i += 2)
		region[i * MIB] = (char)('A' + i);
	found->taken = take_the_rest(page);
	found->full = !fits(page);
	for (size_t i = 1; i < PIECES; i += 2)
		must(munmap(region + i * MIB, MIB));
	found->one = fits(MIB);
	found->two = fits(2 * MIB);
	found->moved = gather(region);
	found->correct = found->moved;
	for (size_t i = 0; found->moved && i < PIECES / 2; i++)
		found->correct &= region[i * MIB] == (char)('A' + 2 * i);
	found->half = fits((size_t)PIECES / 2 * MIB);
}

static void draw_region(bool gathered)
{
	const struct canvas canvas = canvas_of(STDOUT_FILENO);
	char cells[PIECES];

	for (int i = 0; i < PIECES; i++)
		cells[i] = (gathered ? i < PIECES / 2 : i % 2 == 0) ? '#' : '.';
	char *text = must_ptr(draw_map(&canvas, cells, PIECES, PIECES));
	show(text);
	free(text);
}

void scene_space(void)
{
	char text[HUMAN_BYTES];
	struct rlimit limit;

	must(getrlimit(RLIMIT_AS, &limit));
	if (limit.rlim_cur != RLIM_INFINITY)
		skip("the address space is limited: ulimit -v unlimited");
	struct findings *found = must(mmap(NULL, sizeof *found,
					   PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	pid_t child = fork_as("child");
	if (child == 0) {
		fragment_addresses(found);
		_exit(EXIT_SUCCESS);
	}
	reap(child);
	say("a child reserved all addresses but 32 MiB: %s",
	    human_size(text, found->taken));
	claim(found->full, "not one more page fits into its address space");
	say("in the 32 MiB, every other one is unmapped: 16 are free");
	draw_region(false);
	claim(found->one && !found->two,
	      "mmap of 1 MiB succeeds, of 2 MiB fails with 16 MiB free");
	say("mremap moves 15 mappings together");
	draw_region(true);
	claim(found->moved && found->correct,
	      "what was written is found at the new addresses");
	claim(found->half, "mmap of 16 MiB succeeds");
}

// ## malloc's heap
//
// The C library asks the kernel for more (brk(2) moves the end of the heap) and
// gives out pieces of it. It can give the end back, and a hole in the middle only
// by telling the kernel that it does not need the frames (madvise(2),
// MADV_DONTNEED, which malloc_trim(3) does): the addresses stay its own. And a
// pointer cannot be told that its block has moved.

#if defined __GLIBC__ && __GLIBC_PREREQ(2, 33)

enum { BLOCKS = 512, BLOCK = 64 << 10 };

// How many of the pages that lie wholly in the freed blocks are in memory.
static size_t resident(char *const blocks[])
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;
	unsigned char in_core[BLOCK / 4096 + 1];

	for (int i = 0; i < BLOCKS; i += 2) {
		// (the list's links are at the block's beginning)
		uintptr_t begin = ((uintptr_t)blocks[i] + 64 + page - 1) &
				  ~(page - 1);
		uintptr_t end = ((uintptr_t)blocks[i] + BLOCK) & ~(page - 1);
		if (end <= begin)
			continue;
		must(mincore((void *)begin, end - begin, in_core));
		for (size_t k = 0; k < (end - begin) / page; k++)
			count += in_core[k] & 1;
	}
	return count;
}

void scene_heap(void)
{
	static char *blocks[BLOCKS];
	char text[HUMAN_BYTES], more[HUMAN_BYTES];

	mallopt(M_MMAP_MAX, 0); // all of it from the heap
	mallopt(M_TOP_PAD, 0);
	size_t before = mallinfo2().uordblks;
	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = must_ptr(malloc(BLOCK));
		memset(blocks[i], 1, BLOCK);
	}
	if (mallinfo2().uordblks < before + (size_t)BLOCKS * BLOCK)
		skip("malloc is not glibc's own here, or says nothing: play "
		     "without a sanitizer and without LD_PRELOAD");
	char *end = sbrk(0);
	for (int i = 0; i < BLOCKS; i += 2)
		free(blocks[i]);
	size_t kept = resident(blocks), listed = mallinfo2().fordblks;
	say("of 512 blocks of 64 KiB half are freed: %s on lists",
	    human_size(text, listed));
	claim(listed >= (size_t)BLOCKS / 2 * BLOCK && sbrk(0) == (void *)end,
	      "half the heap is free, and the heap has not become smaller");
	malloc_trim(0);
	size_t left = resident(blocks);
	say("their pages in memory: %zu, after malloc_trim %zu", kept, left);
	claim(left == 0 && mallinfo2().fordblks == listed,
	      "malloc_trim gives back the frames and keeps the addresses");
	char *large = must_ptr(malloc(MIB));
	say("malloc of 1 MiB: the heap has grown by %s",
	    human_size(more, (uint64_t)((char *)sbrk(0) - end)));
	claim(large > blocks[BLOCKS - 1] || large < blocks[0],
	      "no place for 1 MiB between them: it is new memory");
	free(large);
	for (int i = 1; i < BLOCKS; i += 2)
		free(blocks[i]);
}

#else

void scene_heap(void)
{
	skip("this C library has no mallinfo2: it takes glibc 2.33");
}

#endif

// ## Physical memory
//
// The kernel's page allocator is a buddy system: /proc/buddyinfo has a line for
// each zone of memory and a column for each size, 2^0, 2^1 ... pages. A process
// never notices when large pieces are rare, since it gets pages. Who needs them
// in one piece does: huge pages, and devices that have no table of their own. The
// kernel compacts for them (/proc/vmstat, compact_*), as it can move a page and
// change the tables.

enum { MOST_ORDERS = 32 };

// Adds the free pieces of every zone; returns how many sizes there are.
static int read_buddies(uint64_t pieces[MOST_ORDERS])
{
	FILE *file = fopen("/proc/buddyinfo", "re");
	char line[1024];
	int sizes = 0;

	if (!file)
		return 0;
	while (fgets(line, sizeof line, file)) {
		char *at = strstr(line, "zone"), *end;
		int size = 0;
		if (!at)
			continue;
		at += strcspn(at, " ");
		at += strspn(at, " ");
		at += strcspn(at, " "); // its name
		for (; size < MOST_ORDERS; size++, at = end) {
			unsigned long long n = strtoull(at, &end, 10);
			if (end == at)
				break;
			pieces[size] += n;
		}
		sizes = size > sizes ? size : sizes;
	}
	fclose(file);
	return sizes;
}

void scene_frames(void)
{
	uint64_t pieces[MOST_ORDERS] = { 0 }, total = 0, large = 0;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct bar bars[MOST_ORDERS];
	char labels[MOST_ORDERS][HUMAN_BYTES], notes[MOST_ORDERS][64];
	char text[HUMAN_BYTES];

	int sizes = read_buddies(pieces);
	if (!sizes)
		skip("no /proc/buddyinfo: it takes Linux's own /proc");
	for (int i = 0; i < sizes; i++) {
		uint64_t bytes = (page << i) * pieces[i];
		total += bytes;
		large += (page << i) >= 2 * MIB ? bytes : 0;
		human_size(labels[i], page << i);
		snprintf(notes[i], sizeof notes[i], "%ju pieces, %s",
			 (uintmax_t)pieces[i], human_size(text, bytes));
		bars[i] = (struct bar){ labels[i], notes[i], (double)bytes };
	}
	const struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *chart = must_ptr(draw_bars(&canvas, bars, (size_t)sizes, false));
	say("free physical memory by the size of its pieces:");
	show(chart);
	free(chart);
	say("%s free, %.0f %% of it in pieces of 2 MiB or more",
	    human_size(text, total),
	    total ? 100 * (double)large / (double)total : 0);
	struct host host;
	host_read(&host);
	claim(total > 0 && total <= host.memory_bytes,
	      "%d sizes, each twice the one before: the kernel's own buddies",
	      sizes);
}
