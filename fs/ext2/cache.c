// cache.c - blocks of metadata in memory, as many as a budget allows
//
// Bitmaps, inode tables, indirect blocks, directories: a few blocks are used over
// and over. They are found by number in a hash table. Those that nobody holds
// (pins) stand in a list by their last use; when the budget is spent the one that
// was unused longest makes room.
//
// A dirty block may go home early only if nobody can miss what stood there:
//
//     fresh image, or BLOCK_NEW      home: nothing on the disk points at it
//     anything else                  into `staging`, an overlay that a commit
//                                    empties; read from there when it is needed
//
// One dirty victim is never written alone: all that may go home goes with it,
// sorted, neighbours joined into one write. After that most of the list is clean,
// so the price is paid once per cache full, not once per block.
//
// A number of pins has no limit. When all is pinned the cache grows past its
// budget; a walk holds a handful at a time, so it never does by much.

#include "fs/ext2/fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	SLAB = 64, // buffers that are allocated together
	LEAST_BUFFERS = 32,
	JOIN_BYTES = 1 << 20, // the longest write
	STAGING_MEMORY = 256 << 10,
	FORGOTTEN = BLOCK_KINDS,
};

struct slot {
	struct buffer buffer; // first: cache_drop gets its address
	struct cache *cache;
};

struct slab {
	struct slab *next;
	uint8_t *bytes;
	struct slot slot[SLAB];
};

// A block whose last version lies in staging.
struct staged {
	uint64_t block;
	uint8_t kind; // FORGOTTEN: no longer
	bool used;
};

struct cache {
	struct device *home;
	uint32_t block_bytes;
	uint64_t blocks;
	bool fresh;

	struct slab *slabs;
	size_t buffers, budget;
	struct buffer *spare; // through next_same_hash
	struct buffer **bucket;
	size_t bucket_mask;
	struct buffer *oldest, *newest; // not pinned

	bool (*is_new)(void *context, uint64_t block);
	void *context;

	uint64_t dirty[BLOCK_KINDS]; // in memory or only staged
	struct device *staging;
	struct staged *staged;
	size_t staged_count, staged_room;

	uint8_t *joined; // JOIN_BYTES, made when it is needed
};

int cache_make(struct device *home, uint32_t block_bytes, uint64_t blocks,
	       bool fresh, size_t memory_bytes, struct cache **made)
{
	struct cache *cache = calloc(1, sizeof *cache);
	size_t buckets = SLAB;

	if (!cache)
		return -ENOMEM;
	cache->home = home;
	cache->block_bytes = block_bytes;
	cache->blocks = blocks;
	cache->fresh = fresh;
	cache->budget = memory_bytes / block_bytes;
	if (cache->budget < LEAST_BUFFERS)
		cache->budget = LEAST_BUFFERS;
	while (buckets < cache->budget * 2)
		buckets *= 2;
	cache->bucket_mask = buckets - 1;
	cache->bucket = calloc(buckets, sizeof *cache->bucket);
	if (!cache->bucket) {
		free(cache);
		return -ENOMEM;
	}
	*made = cache;
	return 0;
}

void cache_free(struct cache *cache)
{
	if (!cache)
		return;
	while (cache->slabs) {
		struct slab *slab = cache->slabs;

		cache->slabs = slab->next;
		free(slab->bytes);
		free(slab);
	}
	device_close(cache->staging);
	free(cache->staged);
	free(cache->joined);
	free(cache->bucket);
	free(cache);
}

void cache_ask_new(struct cache *cache,
		   bool (*is_new)(void *context, uint64_t block), void *context)
{
	cache->is_new = is_new;
	cache->context = context;
}

// ## Finding

static size_t spread(uint64_t block)
{
	return (size_t)(block * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static struct buffer **place(struct cache *cache, uint64_t block)
{
	struct buffer **p = &cache->bucket[spread(block) & cache->bucket_mask];

	while (*p && (*p)->block != block)
		p = &(*p)->next_same_hash;
	return p;
}

// The entry of a staged block, or the free one where it would go.
static struct staged *staged_at(struct cache *cache, uint64_t block)
{
	size_t mask = cache->staged_room - 1;
	size_t i = spread(block) & mask;

	while (cache->staged[i].used && cache->staged[i].block != block)
		i = (i + 1) & mask;
	return &cache->staged[i];
}

static struct staged *is_staged(struct cache *cache, uint64_t block)
{
	struct staged *s;

	if (!cache->staged_count)
		return NULL;
	s = staged_at(cache, block);
	return s->used && s->kind != FORGOTTEN ? s : NULL;
}

// ## The list by last use

static void list_remove(struct cache *cache, struct buffer *b)
{
	*(b->older ? &b->older->newer : &cache->oldest) = b->newer;
	*(b->newer ? &b->newer->older : &cache->newest) = b->older;
	b->older = b->newer = NULL;
}

static void list_add(struct cache *cache, struct buffer *b)
{
	b->older = cache->newest;
	b->newer = NULL;
	*(b->older ? &b->older->newer : &cache->oldest) = b;
	cache->newest = b;
}

// ## Dirt

static bool may_go_home(const struct cache *cache, const struct buffer *b)
{
	return cache->fresh || b->kind == BLOCK_NEW;
}

static void make_clean(struct cache *cache, struct buffer *b)
{
	if (b->dirty)
		cache->dirty[b->kind]--;
	b->dirty = false;
}

// Room for `more` staged blocks, at most half full.
static int staged_reserve(struct cache *cache, size_t more)
{
	struct staged *old = cache->staged;
	size_t old_room = cache->staged_room, room = old_room ? old_room : 256;

	while ((cache->staged_count + more) * 2 > room)
		room *= 2;
	if (room == old_room)
		return 0;
	cache->staged = calloc(room, sizeof *cache->staged);
	if (!cache->staged) {
		cache->staged = old;
		return -ENOMEM;
	}
	cache->staged_room = room;
	for (size_t i = 0; i < old_room; i++)
		if (old[i].used)
			*staged_at(cache, old[i].block) = old[i];
	free(old);
	return 0;
}

static int stage(struct cache *cache, struct buffer *b)
{
	struct staged *s;
	int error;

	if (!cache->staging)
		error = device_overlay(cache->home, cache->block_bytes,
				       STAGING_MEMORY, &cache->staging);
	else
		error = 0;
	if (!error)
		error = staged_reserve(cache, 1);
	if (!error)
		error = device_write(cache->staging,
				     b->block * cache->block_bytes, b->bytes,
				     cache->block_bytes);
	if (error)
		return error;
	s = staged_at(cache, b->block);
	cache->staged_count += !s->used;
	*s = (struct staged){ b->block, (uint8_t)b->kind, true };
	b->dirty = false; // and still counted
	return 0;
}

// Takes the buffer that was unused longest out of the table.
static int evict(struct cache *cache, struct buffer **spare)
{
	struct buffer *b = cache->oldest;
	int error = 0;

	if (b->dirty && may_go_home(cache, b))
		error = cache_write_home(
			cache, cache->fresh ? ~0u : 1u << BLOCK_NEW, true);
	else if (b->dirty)
		error = stage(cache, b);
	if (error)
		return error;
	list_remove(cache, b);
	*place(cache, b->block) = b->next_same_hash;
	*spare = b;
	return 0;
}

static int add_slab(struct cache *cache)
{
	struct slab *slab = calloc(1, sizeof *slab);

	if (!slab)
		return -ENOMEM;
	slab->bytes = aligned_alloc(64, (size_t)SLAB * cache->block_bytes);
	if (!slab->bytes) {
		free(slab);
		return -ENOMEM;
	}
	for (size_t i = SLAB; i-- > 0;) {
		struct buffer *b = &slab->slot[i].buffer;

		slab->slot[i].cache = cache;
		b->bytes = slab->bytes + i * cache->block_bytes;
		b->next_same_hash = cache->spare;
		cache->spare = b;
	}
	slab->next = cache->slabs;
	cache->slabs = slab;
	cache->buffers += SLAB;
	return 0;
}

static int take_spare(struct cache *cache, struct buffer **b)
{
	int error = 0;

	if (!cache->spare && cache->buffers >= cache->budget && cache->oldest)
		return evict(cache, b);
	if (!cache->spare)
		error = add_slab(cache);
	if (error)
		return cache->oldest ? evict(cache, b) : error;
	*b = cache->spare;
	cache->spare = (*b)->next_same_hash;
	return 0;
}

static void give_spare(struct cache *cache, struct buffer *b)
{
	b->next_same_hash = cache->spare;
	cache->spare = b;
}

// ## For the layers above

int cache_get(struct cache *cache, uint64_t block, int flags,
	      struct buffer **found)
{
	struct buffer *b, **p;
	struct staged *s;
	int error = 0;

	if (block >= cache->blocks)
		return -EUCLEAN;
	b = *place(cache, block);
	if (b) {
		if (!b->pins++)
			list_remove(cache, b);
		if (flags & CACHE_ZERO)
			memset(b->bytes, 0, cache->block_bytes);
		*found = b;
		return 0;
	}
	error = take_spare(cache, &b);
	if (error)
		return error;
	s = is_staged(cache, block);
	if (flags & CACHE_ZERO)
		memset(b->bytes, 0, cache->block_bytes);
	else
		error = device_read(s ? cache->staging : cache->home,
				    block * cache->block_bytes, b->bytes,
				    cache->block_bytes);
	if (error) {
		give_spare(cache, b);
		return error;
	}
	b->block = block;
	b->dirty = s;
	b->kind = s ? s->kind : BLOCK_NEW;
	b->pins = 1;
	b->older = b->newer = NULL;
	p = place(cache, block);
	b->next_same_hash = NULL;
	*p = b;
	*found = b;
	return 0;
}

const uint8_t *cache_peek(struct cache *cache, uint64_t block)
{
	struct buffer *b = *place(cache, block);

	return b ? b->bytes : NULL;
}

void cache_drop(struct buffer *b)
{
	if (b && !--b->pins)
		list_add(((struct slot *)b)->cache, b);
}

void cache_dirty(struct cache *cache, struct buffer *b, enum block_kind kind)
{
	if (b->dirty) {
		if (b->kind == BLOCK_NEW || b->kind == kind)
			return;
		cache->dirty[b->kind]--;
	} else if (kind != BLOCK_NEW && cache->is_new &&
		   cache->is_new(cache->context, b->block)) {
		kind = BLOCK_NEW;
	}
	b->dirty = true;
	b->kind = kind;
	cache->dirty[kind]++;
}

void cache_forget(struct cache *cache, uint64_t block)
{
	struct buffer **p = place(cache, block), *b = *p;
	struct staged *s = is_staged(cache, block);

	if (s && !(b && b->dirty))
		cache->dirty[s->kind]--;
	if (s)
		s->kind = FORGOTTEN;
	if (!b)
		return;
	make_clean(cache, b);
	if (b->pins)
		return; // whoever holds it drops it, and it ages away
	list_remove(cache, b);
	*p = b->next_same_hash;
	give_spare(cache, b);
}

// ## All that is dirty, by rising number

struct found {
	uint64_t block;
	struct buffer *buffer; // NULL: only staged
	enum block_kind kind;
};

static int by_block(const void *a, const void *b)
{
	uint64_t x = ((const struct found *)a)->block;
	uint64_t y = ((const struct found *)b)->block;

	return (x > y) - (x < y);
}

static int find_dirty(struct cache *cache, unsigned kinds, struct found **found,
		      size_t *count)
{
	uint64_t most = cache_dirty_count(cache, kinds);
	struct found *list;
	size_t n = 0;

	*found = NULL;
	*count = 0;
	if (!most)
		return 0;
	list = malloc(most * sizeof *list);
	if (!list)
		return -ENOMEM;
	for (struct slab *slab = cache->slabs; slab; slab = slab->next)
		for (int i = 0; i < SLAB; i++) {
			struct buffer *b = &slab->slot[i].buffer;

			if (b->dirty && kinds & 1u << b->kind)
				list[n++] = (struct found){ b->block, b,
							    b->kind };
		}
	for (size_t i = 0; cache->staged_count && i < cache->staged_room; i++) {
		struct staged *s = &cache->staged[i];
		struct buffer *b;

		if (!s->used || s->kind == FORGOTTEN ||
		    !(kinds & 1u << s->kind))
			continue;
		b = *place(cache, s->block);
		if (!b || !b->dirty)
			list[n++] = (struct found){ s->block, NULL, s->kind };
	}
	qsort(list, n, sizeof *list, by_block);
	*found = list;
	*count = n;
	return 0;
}

uint64_t cache_dirty_count(const struct cache *cache, unsigned kinds)
{
	uint64_t n = 0;

	for (int kind = 0; kind < BLOCK_KINDS; kind++)
		if (kinds & 1u << kind)
			n += cache->dirty[kind];
	return n;
}

// The bytes of one of them, in memory, or read into `room`.
static int found_bytes(struct cache *cache, const struct found *f,
		       uint8_t *room, const uint8_t **bytes)
{
	*bytes = f->buffer ? f->buffer->bytes : room;
	if (f->buffer)
		return 0;
	return device_read(cache->staging, f->block * cache->block_bytes, room,
			   cache->block_bytes);
}

int cache_each_dirty(struct cache *cache, unsigned kinds,
		     int (*each)(void *context, uint64_t block,
				 enum block_kind kind, const uint8_t *bytes),
		     void *context)
{
	uint8_t *room = malloc(cache->block_bytes);
	const uint8_t *bytes;
	struct found *list;
	size_t n;
	int error = room ? find_dirty(cache, kinds, &list, &n) : -ENOMEM;

	if (error) {
		free(room);
		return error;
	}
	for (size_t i = 0; i < n && !error; i++) {
		error = found_bytes(cache, &list[i], room, &bytes);
		if (!error)
			error = each(context, list[i].block, list[i].kind,
				     bytes);
	}
	free(list);
	free(room);
	return error;
}

// How many of the list, from the first on, are neighbours and fit into one write.
static size_t neighbours(const struct cache *cache, const struct found *list,
			 size_t n)
{
	size_t most = JOIN_BYTES / cache->block_bytes, i = 1;

	while (i < n && i < most && list[i].block == list[0].block + i)
		i++;
	return i;
}

static int write_run(struct cache *cache, const struct found *list, size_t n)
{
	uint64_t offset = list[0].block * cache->block_bytes;
	const uint8_t *bytes;
	int error;

	if (n == 1 && list[0].buffer)
		return device_write(cache->home, offset, list[0].buffer->bytes,
				    cache->block_bytes);
	if (!cache->joined)
		cache->joined = malloc(JOIN_BYTES);
	if (!cache->joined)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		uint8_t *to = cache->joined + i * cache->block_bytes;

		error = found_bytes(cache, &list[i], to, &bytes);
		if (error)
			return error;
		if (bytes != to)
			memcpy(to, bytes, cache->block_bytes);
	}
	return device_write(cache->home, offset, cache->joined,
			    n * cache->block_bytes);
}

static void cleaned(struct cache *cache, const struct found *f)
{
	struct staged *s = is_staged(cache, f->block);

	if (f->buffer)
		make_clean(cache, f->buffer);
	else
		cache->dirty[f->kind]--;
	if (s)
		s->kind = FORGOTTEN;
}

// Nothing is dirty: what staging holds is of no interest.
static void forget_staging(struct cache *cache)
{
	if (!cache->staged_count || cache_dirty_count(cache, ~0u))
		return;
	memset(cache->staged, 0, cache->staged_room * sizeof *cache->staged);
	cache->staged_count = 0;
	device_overlay_forget(cache->staging);
}

int cache_write_home(struct cache *cache, unsigned kinds, bool clean)
{
	struct found *list;
	size_t n, run;
	int error = find_dirty(cache, kinds, &list, &n);

	for (size_t i = 0; i < n && !error; i += run) {
		run = neighbours(cache, list + i, n - i);
		error = write_run(cache, list + i, run);
		for (size_t k = 0; k < run && clean && !error; k++)
			cleaned(cache, &list[i + k]);
	}
	free(list);
	if (!error)
		forget_staging(cache);
	return error;
}

int cache_clean(struct cache *cache, unsigned kinds)
{
	struct found *list;
	size_t n;
	int error = find_dirty(cache, kinds, &list, &n);

	for (size_t i = 0; i < n && !error; i++)
		cleaned(cache, &list[i]);
	free(list);
	if (!error)
		forget_staging(cache);
	return error;
}
