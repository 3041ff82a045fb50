// # Which pages of a range are in memory

#define _GNU_SOURCE
#include "mem/pages/parts.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { AT_ONCE = 4096 };

// Only bit 0 has a meaning (mincore(2)).
int resident_read(const void *address, size_t bytes, unsigned char *pages)
{
	size_t n = (bytes + page_bytes() - 1) / page_bytes();

	if (mincore((void *)address, bytes, pages) == -1)
		return -errno;
	for (size_t i = 0; i < n; i++)
		pages[i] &= 1;
	return 0;
}

ssize_t resident_cells(const void *address, size_t bytes, char *cells)
{
	unsigned char part[AT_ONCE];
	size_t page = page_bytes(), n = (bytes + page - 1) / page;
	ssize_t found = 0;

	for (size_t i = 0; i < n; i += AT_ONCE) {
		size_t now = n - i < AT_ONCE ? n - i : AT_ONCE;
		int result = resident_read((const char *)address + i * page,
					   now * page, part);
		if (result < 0)
			return result;
		for (size_t k = 0; k < now; k++) {
			cells[i + k] = part[k] ? '#' : '.';
			found += part[k];
		}
	}
	return found;
}
