// The pager proper: what happens at a fault, whoever brings the news.

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem/region/parts.h"

enum { MOST_TURNS = 100000 };
#define MOST_PAGES (UINT32_C(1) << 30)

const char *const region_way_names[] = { "move", "copy", "signal", NULL };

static const struct way *const ways[REGION_WAYS] = { &way_move, &way_copy,
						     &way_signal };

// ## The file

static int read_page(struct region *region, uint32_t page)
{
	off_t at = (off_t)page * (off_t)region->page_bytes;

	for (size_t done = 0; done < region->page_bytes;) {
		ssize_t n = pread(region->setup.file,
				  frame_of(region, page) + done,
				  region->page_bytes - done, at + (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	region->counts.reads++;
	return 0;
}

static int write_page(struct region *region, uint32_t page)
{
	off_t at = (off_t)page * (off_t)region->page_bytes;

	for (size_t done = 0; done < region->page_bytes;) {
		ssize_t n = pwrite(region->setup.file,
				   frame_of(region, page) + done,
				   region->page_bytes - done, at + (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	region->counts.writebacks++;
	return 0;
}

// ## Sight

static int hide(struct region *region, uint32_t page)
{
	struct page *entry = &region->pages[page];

	if (!(entry->sight & SIGHT))
		return 0;
	int error = region->way->take(region, page);
	entry->sight = 0;
	return error;
}

static int reveal(struct region *region, uint32_t page, bool writable)
{
	struct page *entry = &region->pages[page];
	int error = 0;

	if (!(entry->sight & SIGHT))
		error = region->way->put(region, page, writable);
	else if (writable && !(entry->sight & WRITABLE))
		error = region->way->allow(region, page);
	entry->sight |= SIGHT | (writable ? WRITABLE : 0);
	return error;
}

// The policy has cleared a reference bit.
static void cleared(void *context, uint32_t page)
{
	struct region *region = context;
	int error = hide(region, page);

	if (error && !region->error)
		region->error = error;
}

// ## A fault
//
// The page that goes is taken out of sight before it is written: whoever writes
// to it meanwhile faults, and waits.

static int evict(struct region *region, uint32_t page, bool dirty)
{
	struct page *entry = &region->pages[page];
	int error = hide(region, page);

	if (!error && dirty)
		error = write_page(region, page);
	region->free_frames[region->free_count++] = entry->frame;
	entry->frame = NO_FRAME;
	return error;
}

static int load(struct region *region, uint32_t page)
{
	if (region->free_count == 0)
		return -EPROTO; // the policy has lost count
	region->pages[page].frame = region->free_frames[--region->free_count];
	return read_page(region, page);
}

static void count(struct region *region, uint32_t page,
		  const struct replacement_outcome *outcome)
{
	if (!outcome->hit)
		region->counts.faults++;
	else if (region->pages[page].sight & SIGHT)
		region->counts.writes++;
	else
		region->counts.noticed++;
	region->counts.strayed += outcome->strayed;
}

// Only the page last touched stays in sight. Two pages that take turns for ever
// are needed by one instruction.
static int follow(struct region *region, uint32_t page)
{
	bool turn = page == region->before;
	int error = 0;

	if (page == region->last)
		return 0;
	region->in_turn = turn ? region->in_turn + 1 : 0;
	if (region->in_turn > MOST_TURNS)
		return -ELOOP;
	if (region->setup.track && region->last != NO_PAGE)
		error = hide(region, region->last);
	region->before = region->last;
	region->last = page;
	return error;
}

static int serve(struct region *region, const struct asked *asked)
{
	const struct replacement *policy = region->setup.policy;
	uint32_t page = asked->page;
	struct page *entry = &region->pages[page];

	// Another thread wanted the same, and came first.
	if ((entry->sight & SIGHT) &&
	    (!asked->write || (entry->sight & WRITABLE)))
		return 0;
	bool there = entry->frame != NO_FRAME;
	struct replacement_outcome outcome =
		policy->reference(region->policy, page, asked->write);
	int error = region->error;
	if (!error && outcome.hit != there)
		error = -EPROTO;
	count(region, page, &outcome);
	if (!error && outcome.victim != NO_PAGE)
		error = evict(region, outcome.victim, outcome.dirty);
	if (!error && !there)
		error = load(region, page);
	if (!error)
		error = follow(region, page);
	if (!error && region->setup.seen)
		region->setup.seen(region->setup.context,
				   &(struct region_event){
					   page, outcome.victim, asked->write,
					   outcome.hit, outcome.dirty,
					   outcome.strayed });
	bool writable = region->setup.track
				? asked->write
				: policy->page(region->policy, page) &
					  PAGE_MODIFIED;
	return error ? error : reveal(region, page, writable);
}

static void *serve_all(void *argument)
{
	struct region *region = argument;
	struct asked asked;

	for (;;) {
		int error = region->way->next(region, &asked);
		if (!error && asked.page == region->setup.plan.pages)
			return NULL;
		pthread_mutex_lock(&region->lock);
		region->woken = false;
		if (!error)
			error = serve(region, &asked);
		pthread_mutex_unlock(&region->lock);
		if (!error && !region->woken)
			error = region->way->wake(region, &asked);
		if (error) {
			region->setup.failed(region->setup.context, error);
			abort();
		}
	}
}

// ## Opening and closing

void *region_reserve(size_t bytes, int protection)
{
	void *memory = mmap(NULL, bytes, protection,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory != MAP_FAILED) {
		madvise(memory, bytes, MADV_NOHUGEPAGE);
		madvise(memory, bytes, MADV_DONTFORK);
	}
	return memory;
}

static int make_tables(struct region *region)
{
	const struct replacement_setup *plan = &region->setup.plan;

	region->pages = calloc(plan->pages, sizeof *region->pages);
	region->free_frames = calloc(plan->frames, sizeof *region->free_frames);
	if (!region->pages || !region->free_frames)
		return -ENOMEM;
	for (uint32_t p = 0; p < plan->pages; p++)
		region->pages[p].frame = NO_FRAME;
	while (region->free_count < plan->frames) {
		region->free_frames[region->free_count] =
			(int32_t)(plan->frames - 1 - region->free_count);
		region->free_count++;
	}
	return 0;
}

static int start_thread(struct region *region)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int error = -pthread_create(&region->thread, NULL, serve_all, region);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

static void free_region(struct region *region)
{
	if (region->policy)
		region->setup.policy->destroy(region->policy);
	pthread_mutex_destroy(&region->lock);
	free(region->pages);
	free(region->free_frames);
	free(region);
}

int region_open(struct region **out, const struct region_setup *setup)
{
	const struct replacement_setup *plan = &setup->plan;

	if (!setup->policy || setup->way >= REGION_WAYS || !setup->failed ||
	    plan->frames < 1 || plan->frames >= MOST_PAGES || plan->pages < 1 ||
	    plan->pages >= MOST_PAGES)
		return -EINVAL;
	struct region *region = calloc(1, sizeof *region);
	if (!region)
		return -ENOMEM;
	*region = (struct region){ .setup = *setup,
				   .way = ways[setup->way],
				   .page_bytes = (size_t)sysconf(_SC_PAGESIZE),
				   .last = NO_PAGE,
				   .before = NO_PAGE };
	pthread_mutex_init(&region->lock, NULL);
	region->setup.plan.cleared = cleared;
	region->setup.plan.context = region;
	if (setup->policy->needs >= REPLACEMENT_FRESH_BITS)
		region->setup.track = true;
	int error = make_tables(region);
	if (!error)
		error = setup->policy->create(&region->policy,
					      &region->setup.plan);
	if (!error)
		error = region->way->open(region);
	if (error) {
		free_region(region);
		return error;
	}
	error = start_thread(region);
	if (error) {
		region->way->close(region);
		free_region(region);
		return error;
	}
	*out = region;
	return 0;
}

void region_close(struct region *region)
{
	if (!region)
		return;
	region->way->ask_end(region);
	pthread_join(region->thread, NULL);
	region->way->close(region);
	free_region(region);
}

// ## Questions

void *region_memory(const struct region *region)
{
	return region->memory;
}

size_t region_page_bytes(const struct region *region)
{
	return region->page_bytes;
}

bool region_serves_kernel(const struct region *region)
{
	return !region->user_only;
}

struct region_counts region_counts(struct region *region)
{
	pthread_mutex_lock(&region->lock);
	struct region_counts counts = region->counts;
	pthread_mutex_unlock(&region->lock);
	return counts;
}
