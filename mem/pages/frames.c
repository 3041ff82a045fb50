// # What the kernel says of a frame
//
// It keeps a struct page for every frame of the machine. Two files show a part of
// it, eight bytes a frame: what the frame is used for, and how many page tables
// map it.

#define _GNU_SOURCE
#include "mem/pages/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct frame_flag frame_flags[] = {
	{ 0,  "locked",         "being read, written or moved: others wait" },
	{ 1,  "error",          "reading or writing it failed" },
	{ 2,  "referenced",     "used since the kernel last looked" },
	{ 3,  "uptodate",       "holds what it should" },
	{ 4,  "dirty",          "newer than what the disk has" },
	{ 5,  "lru",            "on one of the lists that replacement goes by" },
	{ 6,  "active",         "on the list of those in use" },
	{ 7,  "slab",           "the kernel's own small objects" },
	{ 8,  "writeback",      "being written to the disk" },
	{ 9,  "reclaim",        "to be given away as soon as it is written" },
	{ 10, "buddy",          "free" },
	{ 11, "mmap",           "some page table maps it" },
	{ 12, "anon",           "of no file: heap, stack, private copies" },
	{ 13, "swapcache",      "has a place on the swap device, too" },
	{ 14, "swapbacked",     "would go to the swap device, not to a file" },
	{ 15, "compound_head",  "first of several frames that are one block" },
	{ 16, "compound_tail",  "another one of such a block" },
	{ 17, "huge",           "of hugetlbfs" },
	{ 18, "unevictable",    "must stay in memory (mlock ...)" },
	{ 19, "hwpoison",       "broken memory: out of use" },
	{ 20, "nopage",         "no frame has this number" },
	{ 21, "ksm",            "one for many of the same content" },
	{ 22, "thp",            "of a transparent huge page" },
	{ 23, "offline",        "not in use: taken by a hypervisor ..." },
	{ 24, "zero_page",      "the one page of zeros, for reading" },
	{ 25, "idle",           "not used since it was marked" },
	{ 26, "pgtable",        "a page table itself" },
	// The kernel's own business, for its developers: may change.
	{ 32, "reserved",       "the kernel's or a device's" },
	{ 33, "mlocked",        "somebody has locked it (mlock)" },
	{ 34, "owner_2",        "as its owner likes" },
	{ 35, "private",        "the file system keeps notes on it" },
	{ 36, "private_2",      "the file system keeps more notes on it" },
	{ 37, "owner_private",  "as its owner likes" },
	{ 38, "arch",           "as the architecture likes" },
	{ 39, "uncached",       "past the CPU's caches" },
	{ 40, "softdirty",      "written since the marks were cleared" },
	{ 41, "arch_2",         "as the architecture likes" },
	{ 0,  NULL,             NULL }
};

static int close_failed(struct frames *frames)
{
	int error = errno;

	frames_close(frames);
	return -error;
}

int frames_open(struct frames *frames)
{
	frames->counts = -1;
	frames->flags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	if (frames->flags == -1)
		return close_failed(frames);
	frames->counts = open("/proc/kpagecount", O_RDONLY | O_CLOEXEC);
	if (frames->counts == -1)
		return close_failed(frames);
	return 0;
}

void frames_close(struct frames *frames)
{
	if (frames->flags != -1)
		close(frames->flags);
	if (frames->counts != -1)
		close(frames->counts);
	frames->flags = frames->counts = -1;
}

static int read_word(int fd, uint64_t frame, uint64_t *word)
{
	ssize_t got;

	if (frame > INT64_MAX / sizeof *word)
		return -ENXIO;
	do
		got = pread(fd, word, sizeof *word,
			    (off_t)(frame * sizeof *word));
	while (got == -1 && errno == EINTR);
	if (got == -1)
		return -errno;
	return got == sizeof *word ? 0 : -ENXIO;
}

int frames_flags(const struct frames *frames, uint64_t frame, uint64_t *flags)
{
	return read_word(frames->flags, frame, flags);
}

int frames_count(const struct frames *frames, uint64_t frame, uint64_t *count)
{
	return read_word(frames->counts, frame, count);
}

// ## Flags in words

static const char *name_of(int bit, char text[8])
{
	for (const struct frame_flag *flag = frame_flags; flag->name; flag++)
		if (flag->bit == bit)
			return flag->name;
	snprintf(text, 8, "bit%d", bit);
	return text;
}

const char *frame_flags_text(char *text, size_t bytes, uint64_t flags)
{
	size_t n = 0;
	char number[8];

	if (bytes == 0)
		return text;
	snprintf(text, bytes, "%s", flags ? "" : "-");
	for (int bit = 0; bit < 64; bit++) {
		const char *name = name_of(bit, number);
		if (!(flags >> bit & 1))
			continue;
		if (n + strlen(name) + 2 > bytes)
			break;
		n += (size_t)snprintf(text + n, bytes - n, "%s%s", n ? "," : "",
				      name);
	}
	return text;
}
