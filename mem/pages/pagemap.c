// # Which frame is behind a page
//
// /proc/PID/pagemap is an array of eight bytes for each virtual page, from page 0
// on; whoever wants page p reads at 8p. Bits 0 to 54 are the frame's number. It
// says where in the machine's memory a program's data lies, which makes attacks
// on the memory chips easier (rowhammer), so since Linux 4.2 the number is 0 for
// whoever lacks CAP_SYS_ADMIN. The other bits everybody sees of his own processes.

#define _GNU_SOURCE
#include "mem/pages/parts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { ENTRIES = 512 };

#define BIT(n) ((uint64_t)1 << (n))
static const uint64_t frame_bits = BIT(55) - 1;

struct page page_of_entry(uint64_t entry)
{
	bool present = entry & BIT(63);
	uint64_t frame = present ? entry & frame_bits : 0;

	return (struct page){
		.present = present,
		.hidden = present && frame == 0,
		.swapped = entry & BIT(62),
		.file = entry & BIT(61),
		.guard = entry & BIT(58),
		.uffd_protected = entry & BIT(57),
		.exclusive = entry & BIT(56),
		.frame = frame,
	};
}

int pagemap_open(struct pagemap *map, pid_t pid)
{
	int folder = process_open(pid);

	map->fd = -1;
	if (folder < 0)
		return folder;
	int fd = process_file_open(folder, "pagemap");
	close(folder);
	if (fd < 0)
		return fd;
	map->fd = fd;
	return 0;
}

void pagemap_close(struct pagemap *map)
{
	if (map->fd != -1)
		close(map->fd);
	map->fd = -1;
}

static ssize_t read_entries(const struct pagemap *map, uint64_t page, size_t n,
			    uint64_t *entries)
{
	ssize_t got;

	do
		got = pread(map->fd, entries, n * sizeof *entries,
			    (off_t)(page * sizeof *entries));
	while (got == -1 && errno == EINTR);
	return got == -1 ? -errno : got / (ssize_t)sizeof *entries;
}

ssize_t pagemap_read(const struct pagemap *map, uintptr_t address, size_t n,
		     struct page *pages)
{
	uint64_t entries[ENTRIES], first = address / page_bytes();
	size_t done = 0;

	while (done < n) {
		size_t now = n - done < ENTRIES ? n - done : ENTRIES;
		ssize_t got = read_entries(map, first + done, now, entries);
		if (got < 0)
			return got;
		if (got == 0)
			break;
		for (ssize_t i = 0; i < got; i++)
			pages[done++] = page_of_entry(entries[i]);
	}
	// At the end of the address space, or is there none any more?
	if (n > 0 && done == 0) {
		ssize_t got = read_entries(map, 0, 1, entries);
		if (got <= 0)
			return got < 0 ? got : -ESRCH;
	}
	return (ssize_t)done;
}

ssize_t pages_read(pid_t pid, uintptr_t address, size_t n, struct page *pages)
{
	struct pagemap map;
	int result = pagemap_open(&map, pid);

	if (result < 0)
		return result;
	ssize_t got = pagemap_read(&map, address, n, pages);
	pagemap_close(&map);
	return got;
}

int frames_shown(void)
{
	volatile char here = 0;
	struct page page = { 0 };
	ssize_t got = pages_read(0, (uintptr_t)&here, 1, &page);

	return got < 0 ? (int)got : page.present && !page.hidden;
}
