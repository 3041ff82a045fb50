// # Lanes: anonymous memory that fork(2) leaves shared
//
// mmap(2) with MAP_SHARED | MAP_ANONYMOUS makes pages that parent and child
// keep in common: after the fork the page tables of both lead to the same
// frames, so a store by one is seen by the other at the speed of the caches and
// the kernel has no part in it. There is no name to remove: the last process
// that maps the pages takes them with it.

#define _GNU_SOURCE
#include "lane.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

int lanes_open(struct channel *c, size_t lane_bytes)
{
	struct lanes *lanes = calloc(1, sizeof *lanes);
	if (!lanes)
		return -ENOMEM;

	// A pair of lines: the CPU may fetch a line's neighbour with it.
	size_t apart = 2 * CACHE_LINE;
	lanes->lane_bytes = (lane_bytes + apart - 1) / apart * apart;
	lanes->pages = shared_pages(2 * lanes->lane_bytes);
	if (!lanes->pages) {
		free(lanes);
		return -ENOMEM;
	}
	c->state = lanes;
	return 0;
}

void *lanes_of(struct channel *c, enum channel_side side)
{
	struct lanes *lanes = c->state;
	return lanes->pages + side * lanes->lane_bytes;
}

int lanes_take_side(struct channel *c)
{
	struct lanes *lanes = c->state;
	lanes->out = lanes_of(c, c->side);
	lanes->in = lanes_of(c, !c->side);
	return 0;
}

void lanes_close(struct channel *c)
{
	struct lanes *lanes = c->state;
	munmap(lanes->pages, 2 * lanes->lane_bytes);
	free(lanes);
}

int lanes_probe(size_t *limit_bytes, char *why, size_t why_bytes)
{
	(void)why, (void)why_bytes;
	*limit_bytes = LANE_LIMIT_BYTES;
	return 0;
}
